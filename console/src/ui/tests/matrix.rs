//! Every page and every dialog, in every state, at five sizes, with colour, without, and in seven bits: one file each.
//!
//! A frame is its text and, below it, the roles of its cells as runs (`12M` is twelve muted cells). Without colour and in
//! seven bits a frame is the same, role by role and character by character: only lines that are not so are in the file.
//! Of a dialog there is what it covers of the page. What was drawn before in a file is named, not repeated.

use super::scene::{Dialog, State};
use crate::capabilities::{Capabilities, Colors, Glyphs};
use crate::model::{Layer, Model};
use crate::page::Page;
use crate::snapshot::{Style, drawn, print};
use crate::theme::{Name, Role, Theme};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use rstest::rstest;
use std::collections::BTreeMap;
use std::fmt::Write;

const SIZES: [(u16, u16); 5] = [(60, 15), (80, 24), (120, 40), (200, 50), (400, 110)];
/// The letters of the roles, in the order of [`Role::ALL`].
const LETTERS: &str = "tSMFHAGNWBUDRLVPlvpXYC";
/// The letter of a memory.
const MEMORY: char = 'z';

/// The kinds of terminal that a frame is drawn for.
struct Terminals {
    colour: Theme,
    mono: Theme,
    ascii: Theme,
}

impl Terminals {
    fn new() -> Self {
        let theme = |colors, glyphs| Theme::new(Capabilities { colors, glyphs });
        Self {
            colour: theme(Colors::True, Glyphs::Full),
            mono: theme(Colors::Mono, Glyphs::Full),
            ascii: theme(Colors::Mono, Glyphs::Ascii),
        }
    }
}

/// The lines of a part of a screen; `put` adds what stands for a cell.
fn lines(buffer: &Buffer, part: Rect, mut put: impl FnMut(&mut String, &Cell)) -> Vec<String> {
    let width = usize::from(buffer.area.width);
    let (left, right) = (usize::from(part.left()), usize::from(part.right()));
    let mut line = |y: u16| {
        let mut line = String::with_capacity(right - left);
        for cell in &buffer.content[usize::from(y) * width..][left..right] {
            put(&mut line, cell);
        }
        line
    };
    (part.top()..part.bottom()).map(&mut line).collect()
}

fn symbols(buffer: &Buffer, part: Rect) -> Vec<String> {
    lines(buffer, part, |line, cell| line.push_str(cell.symbol()))
}

type Looks = (Color, Color, Modifier);

fn looks(cell: &Cell) -> Looks {
    (cell.fg, cell.bg, cell.modifier)
}

/// How each role looks in a theme; the memory comes last.
fn all_looks(theme: &Theme) -> Vec<(char, Looks)> {
    let styles = Role::ALL
        .map(|role| theme.style(role))
        .into_iter()
        .chain([theme.memory()]);
    let of = |style| {
        let mut cell = Cell::default();
        cell.set_style(style);
        looks(&cell)
    };
    LETTERS.chars().chain([MEMORY]).zip(styles.map(of)).collect()
}

/// The roles of a part of a screen, a letter for each cell: the first of those that look so.
fn roles(buffer: &Buffer, part: Rect, known: &[(char, Looks)]) -> Vec<String> {
    // Most cells look like the one before.
    let mut last = known[0];
    lines(buffer, part, |line, cell| {
        if last.1 != looks(cell) {
            let found = known.iter().find(|(_, look)| *look == looks(cell));
            last = *found.unwrap_or_else(|| panic!("no role looks like {cell:?}"));
        }
        line.push(last.0);
    })
}

/// `tttMM` as `3t 2M`; nothing for what is only text.
fn runs(letters: &str) -> String {
    let mut runs: Vec<(usize, char)> = Vec::new();
    for letter in letters.chars() {
        match runs.last_mut() {
            Some((count, last)) if *last == letter => *count += 1,
            _ => runs.push((1, letter)),
        }
    }
    if let [.., (_, 't')] = runs.as_slice() {
        runs.pop();
    }
    let runs: Vec<String> = runs
        .iter()
        .map(|(count, letter)| format!("{count}{letter}"))
        .collect();
    runs.join(" ")
}

/// Lines with their numbers; equal ones after each other, and empty ones, are one.
fn numbered(out: &mut String, lines: impl Iterator<Item = String>) {
    let mut last: Option<(usize, usize, String)> = None;
    let put = |out: &mut String, (from, to, line): (usize, usize, String)| {
        let which = if from == to {
            from.to_string()
        } else {
            format!("{from}–{to}")
        };
        if !line.is_empty() {
            let _ = writeln!(out, "{which:>7} {line}");
        }
    };
    for (number, line) in (1..).zip(lines) {
        match &mut last {
            Some((_, to, before)) if *before == line => *to = number,
            _ => {
                if let Some(done) = last.replace((number, number, line)) {
                    put(out, done);
                }
            }
        }
    }
    if let Some(done) = last {
        put(out, done);
    }
}

/// A part of a frame on every kind of terminal.
fn frame(model: &Model, terminals: &Terminals, part: impl Fn(&Buffer) -> Rect) -> String {
    let colour = drawn(model, &terminals.colour);
    let part = part(&colour);
    let text = symbols(&colour, part);
    let colours = roles(&colour, part, &all_looks(&terminals.colour));
    let mut out = String::new();
    for line in &text {
        let _ = writeln!(out, "{}", line.trim_end());
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    let _ = writeln!(out, "-- roles");
    numbered(&mut out, colours.iter().map(|line| runs(line)));
    for (name, theme) in [
        ("without colour", &terminals.mono),
        ("in seven bits", &terminals.ascii),
    ] {
        let buffer = drawn(model, theme);
        let shown = symbols(&buffer, part);
        if theme.capabilities().glyphs == Glyphs::Ascii {
            assert!(shown.iter().all(|line| line.is_ascii()), "{shown:?}");
        }
        let plain: BTreeMap<char, Looks> = all_looks(theme).into_iter().collect();
        let same_roles = |(y, colours): (u16, &String)| {
            let cells = (part.left()..part.right()).filter_map(|x| buffer.cell((x, y)));
            cells
                .zip(colours.chars())
                .all(|(cell, letter)| plain.get(&letter) == Some(&looks(cell)))
        };
        let mut other = String::new();
        let rows = shown.iter().zip(&text).zip((part.top()..).zip(&colours));
        numbered(
            &mut other,
            rows.map(|((shown, full), row)| {
                let wanted: String = full.chars().map(|c| theme.glyph(c)).collect();
                if *shown != wanted {
                    format!("|{}", shown.trim_end())
                } else if same_roles(row) {
                    String::new()
                } else {
                    "in other roles".to_owned()
                }
            }),
        );
        if !other.is_empty() {
            let _ = write!(out, "-- {name}\n{other}");
        }
    }
    out
}

/// Frames of one file, each named; what was drawn before is not drawn again.
struct Sheet {
    text: String,
    seen: BTreeMap<String, String>,
}

impl Default for Sheet {
    fn default() -> Self {
        let legend = Role::ALL.iter().zip(LETTERS.chars());
        let legend: Vec<String> = legend
            .map(|(role, letter)| format!("{letter} {role:?}"))
            .collect();
        Self {
            text: format!("{}, {MEMORY} memory\n", legend.join(", ")),
            seen: BTreeMap::new(),
        }
    }
}

impl Sheet {
    fn put(&mut self, name: &str, frame: String) {
        if let Some(before) = self.seen.get(&frame) {
            let _ = writeln!(self.text, "== {name}: as {before}");
        } else {
            let _ = write!(self.text, "== {name}\n{frame}");
            self.seen.insert(frame, name.to_owned());
        }
    }
}

/// The line at the bottom.
fn frame_of_keys(model: &Model, terminals: &Terminals) -> String {
    let line = |buffer: &Buffer| Rect {
        y: buffer.area.bottom() - 1,
        height: 1,
        ..buffer.area
    };
    format!("-- keys\n{}", frame(model, terminals, line))
}

fn whole(buffer: &Buffer) -> Rect {
    buffer.area
}

/// The smallest part of a screen that holds all that is another character than before.
fn covered(before: &Buffer, after: &Buffer) -> Rect {
    let differs = |(x, y): &(u16, u16)| {
        before.cell((*x, *y)).map(Cell::symbol) != after.cell((*x, *y)).map(Cell::symbol)
    };
    // The keys at the bottom are others under a dialog: they are written below it.
    let area = Rect {
        height: after.area.height - 1,
        ..after.area
    };
    let places = (area.top()..area.bottom()).flat_map(|y| (area.left()..area.right()).map(move |x| (x, y)));
    places.filter(differs).fold(Rect::ZERO, |part, (x, y)| {
        let cell = Rect::new(x, y, 1, 1);
        if part.is_empty() { cell } else { part.union(cell) }
    })
}

#[rstest]
fn pages(#[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)] index: usize) {
    let page = Page::numbered(index + 1).unwrap();
    let terminals = Terminals::new();
    let mut sheet = Sheet::default();
    for state in State::ALL.iter().filter(|state| state.shows_on(page)) {
        let mut model = state.model(page);
        for size in SIZES {
            model.size = size;
            let name = format!("{} {}x{}", state.name(), size.0, size.1);
            sheet.put(&name, frame(&model, &terminals, whole));
        }
    }
    insta::assert_snapshot!(format!("page-{page}"), sheet.text);
}

#[test]
fn no_page_is_left_out() {
    assert!(
        Page::numbered(11).is_some() && Page::numbered(12).is_none(),
        "`pages` draws eleven"
    );
}

/// Some of the dialogs, so that several threads draw them.
#[rstest]
fn dialogs(#[values(0, 1, 2, 3)] part: usize) {
    let terminals = Terminals::new();
    let mut sheets: BTreeMap<&str, Sheet> = BTreeMap::new();
    let mine: Vec<Dialog> = Dialog::ALL.iter().copied().skip(part).step_by(4).collect();
    // Dialogs name the database cluster of what they are about, wherever there is one.
    for state in State::ALL
        .iter()
        .filter(|state| !state.is_chrome() && **state != State::TwoClusters)
    {
        let mut model = state.model("alerts".parse().unwrap());
        for size in SIZES {
            model.size = size;
            // The pages below, by what else is said above them.
            let mut pages: Vec<(bool, Option<String>, Buffer)> = Vec::new();
            for dialog in &mine {
                dialog.open(&mut model);
                let (armed, filter) = (model.armed.is_some(), model.filters.get(&model.page).cloned());
                let known = pages.iter().position(|(a, f, _)| (*a, f) == (armed, &filter));
                let place = known.unwrap_or_else(|| {
                    let layer = std::mem::replace(&mut model.layer, Layer::None);
                    pages.push((armed, filter, drawn(&model, &terminals.colour)));
                    model.layer = layer;
                    pages.len() - 1
                });
                let mut frame = frame(&model, &terminals, |buffer| covered(&pages[place].2, buffer));
                let keys = frame_of_keys(&model, &terminals);
                frame.push_str(&keys);
                let name = format!("{} {}x{}", state.name(), size.0, size.1);
                sheets.entry(dialog.name()).or_default().put(&name, frame);
            }
        }
    }
    for (name, sheet) in sheets {
        insta::assert_snapshot!(format!("dialog-{}", name.replace([' ', ','], "-")), sheet.text);
    }
}

#[test]
fn a_runbook_beside_the_past() {
    let terminals = Terminals::new();
    let mut sheet = Sheet::default();
    let mut model = State::Replay.model("alerts".parse().unwrap());
    for size in SIZES {
        model.size = size;
        Dialog::Runbook.open(&mut model);
        let name = format!("{}x{}", size.0, size.1);
        sheet.put(&name, frame(&model, &terminals, whole));
    }
    insta::assert_snapshot!("dialog-runbook-beside-the-past", sheet.text);
}

#[test]
fn every_dialog_there_can_be_is_drawn() {
    let mut model = State::Incident.model(Page::OVERVIEW);
    let kinds: Vec<Option<Dialog>> = Dialog::ALL
        .iter()
        .map(|dialog| {
            dialog.open(&mut model);
            Dialog::kind(&model.layer, &model)
        })
        .collect();
    assert!(kinds.iter().all(Option::is_some));
    // What stands for its kind is in the list, too.
    for kind in kinds.iter().flatten() {
        let own = Dialog::ALL.iter().position(|dialog| dialog == kind).unwrap();
        assert_eq!(kinds[own], Some(*kind), "{}", kind.name());
    }
}

/// Writes every frame with colours into the directory of `AISOC_LOOK`, in the theme of `AISOC_LOOK_THEME`, to be looked at.
#[test]
fn pictures_to_look_at() {
    let Ok(directory) = std::env::var("AISOC_LOOK") else {
        return;
    };
    let theme = std::env::var("AISOC_LOOK_THEME").map_or(Name::Dark, |wanted| {
        let named = Name::ALL.into_iter().find(|name| name.to_string() == wanted);
        named.expect("a theme")
    });
    let theme = Theme::named(theme, Capabilities::FULL);
    let write = |name: String, model: &Model| {
        let (width, height) = model.size;
        let file = format!("{directory}/{}@{width}x{height}.ansi", name.replace(' ', "-"));
        std::fs::write(file, print(&drawn(model, &theme), Style::Ansi)).unwrap();
    };
    for state in State::ALL {
        for page in Page::all() {
            let mut model = state.model(page);
            for size in SIZES {
                model.size = size;
                write(format!("{page}-{}", state.name()), &model);
            }
        }
    }
    for dialog in Dialog::ALL {
        let mut model = State::Incident.model("alerts".parse().unwrap());
        for size in SIZES {
            model.size = size;
            dialog.open(&mut model);
            write(format!("dialog-{}", dialog.name()), &model);
        }
    }
    let mut past = State::Replay.model("alerts".parse().unwrap());
    for size in SIZES {
        past.size = size;
        Dialog::Runbook.open(&mut past);
        write("dialog-runbook-beside-the-past".to_owned(), &past);
    }
}
