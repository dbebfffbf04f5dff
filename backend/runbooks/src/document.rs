//! A rendered template, read back into sections, steps and commands.
//!
//! Templates keep to a small part of Markdown, and what does not fit is an error: headings of the second level, numbered
//! steps with indented points and fenced commands, points, paragraphs.

use aisoc_model::plan::Target;
use aisoc_model::runbook::{Block, SECTIONS, Section, Step, StepCommand};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What indents the parts of a step.
const INDENT: &str = "   ";

/// The sections of a document; `actions` are the commands that lead to a plan.
pub(crate) fn sections(markdown: &str, actions: &BTreeMap<String, Target>) -> Result<Vec<Section>, String> {
    let mut reader = Reader {
        actions,
        sections: Vec::new(),
        fenced: false,
        open: false,
    };
    for line in markdown.lines() {
        reader.take(line)?;
    }
    if reader.fenced {
        return Err("a fence of commands is not closed".to_owned());
    }
    let titles: Vec<&str> = reader.sections.iter().map(|s| s.title.as_str()).collect();
    if titles != SECTIONS {
        return Err(format!("its sections are {titles:?}, not {SECTIONS:?}"));
    }
    if let Some(empty) = reader.sections.iter().find(|section| section.blocks.is_empty()) {
        return Err(format!("the section '{}' says nothing", empty.title));
    }
    Ok(reader.sections)
}

struct Reader<'a> {
    actions: &'a BTreeMap<String, Target>,
    sections: Vec<Section>,
    /// Within a fence of commands.
    fenced: bool,
    /// The last paragraph, point or step goes on in the next line.
    open: bool,
}

impl Reader<'_> {
    fn take(&mut self, line: &str) -> Result<(), String> {
        let trimmed = line.trim();
        if trimmed.starts_with("```") {
            self.fenced = !self.fenced;
            self.open = false;
            return Ok(());
        }
        if self.fenced {
            return self.command(trimmed);
        }
        if trimmed.is_empty() {
            self.open = false;
            return Ok(());
        }
        if line.starts_with("# ") {
            return Ok(());
        }
        if let Some(title) = line.strip_prefix("## ") {
            self.open = false;
            self.sections.push(Section {
                title: title.trim().to_owned(),
                blocks: Vec::new(),
            });
            return Ok(());
        }
        if self.sections.is_empty() {
            // What stands under the title is about the document, not part of it.
            return Ok(());
        }
        if let Some((number, text)) = numbered(line) {
            let blocks = self.blocks()?;
            let expected = blocks.iter().filter(|b| matches!(b, Block::Step(_))).count() + 1;
            if usize::try_from(number) != Ok(expected) {
                return Err(format!("step {number} stands where step {expected} has to"));
            }
            blocks.push(Block::Step(Step {
                number,
                text: plain(text),
                notes: Vec::new(),
                commands: Vec::new(),
            }));
            self.open = true;
            return Ok(());
        }
        if let Some(inner) = line.strip_prefix(INDENT) {
            return self.inner(inner.trim());
        }
        let open = std::mem::replace(&mut self.open, true);
        let blocks = self.blocks()?;
        match (trimmed.strip_prefix("- "), blocks.last_mut()) {
            (Some(point), _) => blocks.push(Block::Point { text: plain(point) }),
            (None, Some(Block::Text { text } | Block::Point { text })) if open => go_on(text, trimmed),
            (None, _) => blocks.push(Block::Text { text: plain(trimmed) }),
        }
        Ok(())
    }

    /// A line that belongs to a step.
    fn inner(&mut self, text: &str) -> Result<(), String> {
        let open = std::mem::replace(&mut self.open, true);
        let step = self.step(text)?;
        match (text.strip_prefix("- "), step.notes.last_mut()) {
            (Some(note), _) => step.notes.push(plain(note)),
            (None, Some(note)) if open => go_on(note, text),
            (None, _) if open => go_on(&mut step.text, text),
            (None, _) => step.notes.push(plain(text)),
        }
        Ok(())
    }

    fn command(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() {
            return Ok(());
        }
        let action = self.actions.get(line).cloned();
        self.step(line)?.commands.push(StepCommand {
            line: line.to_owned(),
            action,
        });
        Ok(())
    }

    fn blocks(&mut self) -> Result<&mut Vec<Block>, String> {
        let section = self.sections.last_mut();
        section
            .map(|section| &mut section.blocks)
            .ok_or_else(|| "it has text before its first section".to_owned())
    }

    fn step(&mut self, line: &str) -> Result<&mut Step, String> {
        match self.blocks()?.last_mut() {
            Some(Block::Step(step)) => Ok(step),
            _ => Err(format!("'{line}' belongs to no step")),
        }
    }
}

fn go_on(text: &mut String, line: &str) {
    text.push(' ');
    text.push_str(&plain(line));
}

/// A rendered template with its steps counted in each section, and with one blank line where it has many: which of its
/// parts are written depends on what is known.
pub(crate) fn tidy(rendered: &str) -> String {
    let mut out = String::with_capacity(rendered.len());
    let (mut step, mut blank) = (0, true);
    for line in rendered.lines().map(str::trim_end) {
        if line.is_empty() {
            if !blank {
                out.push('\n');
            }
            blank = true;
            continue;
        }
        if line.starts_with("## ") {
            step = 0;
        }
        blank = false;
        if let Some((_, text)) = numbered(line) {
            step += 1;
            // Writing to a string does not fail.
            let _ = writeln!(out, "{step}. {text}");
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// `3. text`
fn numbered(line: &str) -> Option<(u32, &str)> {
    let (number, text) = line.split_once(". ")?;
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    Some((digits.then(|| number.parse().ok()).flatten()?, text))
}

/// Text without the marks that keep it from being markup.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.trim().chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn document(diagnosis: &str) -> String {
        let mut text = "# RB-000 x\n\nabout\n".to_owned();
        for title in SECTIONS {
            let body = if title == "Diagnosis steps" {
                diagnosis
            } else {
                "text"
            };
            let _ = write!(text, "\n## {title}\n\n{body}\n");
        }
        text
    }

    #[test]
    fn steps_have_notes_and_commands() {
        let target = Target::Restore {
            region: "us-east-1".parse().unwrap(),
        };
        let actions = BTreeMap::from([("do it".to_owned(), target.clone())]);
        let text = "1. Look\n   closely.\n   - a \\*note\\*\n     goes on\n\n   ```sh\n   do it\n   look\n   ```\n2. Go.";
        let sections = sections(&document(text), &actions).unwrap();
        let Block::Step(first) = &sections[2].blocks[0] else {
            panic!("{sections:?}")
        };
        assert_eq!(first.text, "Look closely.");
        assert_eq!(first.notes, ["a *note* goes on"]);
        let lines: Vec<_> = first
            .commands
            .iter()
            .map(|c| (c.line.as_str(), &c.action))
            .collect();
        assert_eq!(lines, [("do it", &Some(target)), ("look", &None)]);
        assert_eq!(sections[2].blocks.len(), 2);
    }

    #[test]
    fn steps_are_counted_anew_in_each_section() {
        let rendered = "# t\n\n\n\n## a\n1. x\n\n\n1. y  \n## b\n1. z\n\n";
        assert_eq!(tidy(rendered), "# t\n\n## a\n1. x\n\n2. y\n## b\n1. z\n\n");
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let none = BTreeMap::new();
        for (text, why) in [
            ("2. Begin", "stands where step 1"),
            ("text\n\n```\ncommand\n```", "belongs to no step"),
            ("1. Look\n\n   ```sh\n   open", "not closed"),
            ("## Another", "its sections are"),
            ("", "says nothing"),
        ] {
            let error = sections(&document(text), &none).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn escaping_is_undone(text in "[ -~]{0,60}") {
            let written = aisoc_model::text::markdown(&text, 200);
            prop_assert_eq!(plain(&written), text.trim());
        }
    }
}
