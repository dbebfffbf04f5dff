//! Tables as values: what rows there are, before anything is drawn. Keys and filters work on these.

use crate::filter::Filter;
use crate::model::Model;
use crate::theme::Role;
use std::borrow::Cow;
use std::collections::BTreeSet;

/// A run of text in one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The text.
    pub text: Cow<'static, str>,
    /// What it is.
    pub role: Role,
}

/// A cell: runs of text.
pub type Cell = Vec<Piece>;

/// A run of text.
pub fn piece(text: impl Into<Cow<'static, str>>, role: Role) -> Piece {
    Piece {
        text: text.into(),
        role,
    }
}

/// A cell of one run.
pub fn cell(text: impl Into<Cow<'static, str>>, role: Role) -> Cell {
    vec![piece(text, role)]
}

/// The columns that a cell takes.
#[must_use]
pub fn width(cell: &[Piece]) -> usize {
    cell.iter().map(|p| p.text.chars().count()).sum()
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its heading.
    pub title: &'static str,
    /// Its width.
    pub width: u16,
    /// The smallest width in which it still says what it is about.
    pub least: u16,
    /// Share of the columns that are left over; 0 = keeps its width.
    pub grow: u16,
    /// The largest width that it grows to: far away from its row nothing is read.
    pub most: u16,
    /// Its cells begin with a glyph that says the same as the words behind it: where there is no room it stands alone.
    pub glyph: bool,
    /// Whether its cells stand at the right.
    pub right: bool,
    /// When columns do not fit, those with the highest number go first; 0 = stays always.
    pub spare: u8,
}

impl Column {
    /// A column that stays.
    #[must_use]
    pub const fn new(title: &'static str, width: u16) -> Self {
        Self {
            title,
            width,
            least: width,
            grow: 0,
            most: u16::MAX,
            glyph: false,
            right: false,
            spare: 0,
        }
    }

    /// With cells at the right: numbers.
    #[must_use]
    pub const fn right(mut self) -> Self {
        self.right = true;
        self
    }

    /// That takes what is left over.
    #[must_use]
    pub const fn grow(mut self, share: u16) -> Self {
        self.grow = share;
        self
    }

    /// With text that may be cut, but not below so many columns.
    #[must_use]
    pub const fn least(mut self, width: u16) -> Self {
        self.least = width;
        self
    }

    /// That grows to so many columns and no further.
    #[must_use]
    pub const fn most(mut self, width: u16) -> Self {
        self.most = width;
        self
    }

    /// With states, whose glyphs stand alone where there is no room for their words.
    #[must_use]
    pub const fn glyph(mut self) -> Self {
        self.glyph = true;
        self
    }

    /// That goes when there is no room: the highest first.
    #[must_use]
    pub const fn spare(mut self, order: u8) -> Self {
        self.spare = order;
        self
    }
}

/// What a filter can compare.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Words.
    Text(Cow<'a, str>),
    /// A number in its base unit; `None` when it is not freshly known.
    Number(Option<f64>),
}

impl<'a> Value<'a> {
    /// Words.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }
}

/// What filters see of a row, by name; a name may stand there more than once.
pub type Fields<'a> = Vec<(&'static str, Value<'a>)>;

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is about; selection follows it when the order changes.
    pub key: String,
    /// Its cells, one for each column.
    pub cells: Vec<Cell>,
    /// What filters see; of a row that is made on demand they are read from the frame instead.
    pub fields: Fields<'static>,
}

impl Row {
    /// A row without fields.
    pub fn new(key: impl Into<String>, cells: Vec<Cell>) -> Self {
        Self {
            key: key.into(),
            cells,
            fields: Vec::new(),
        }
    }

    /// With a field that filters see.
    #[must_use]
    pub fn field(mut self, name: &'static str, value: Value<'static>) -> Self {
        self.fields.push((name, value));
        self
    }
}

/// How the rows of a long table are made: none before it is looked at, and no text is formatted for a filter.
#[derive(Debug, Clone, Copy)]
pub struct Make {
    /// The row of a key.
    pub row: fn(&Model, &str) -> Option<Row>,
    /// What filters see of it, borrowed from the frame.
    pub fields: for<'a> fn(&'a Model, &'a str) -> Fields<'a>,
}

/// A table.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, in order. Of a table that makes them on demand only those near the selected one have cells.
    pub rows: Vec<Row>,
    /// Rows before the filter.
    pub total: usize,
    /// Why there are no rows, when there are none.
    pub none: &'static str,
    make: Option<Make>,
}

impl Table {
    /// A table with all rows.
    #[must_use]
    pub fn new(columns: Vec<Column>, rows: Vec<Row>) -> Self {
        let total = rows.len();
        Self {
            columns,
            rows,
            total,
            none: "nothing is known of any",
            make: None,
        }
    }

    /// A table of many rows: each is made when it is looked at.
    #[must_use]
    pub fn on_demand(columns: Vec<Column>, keys: impl Iterator<Item = String>, make: Make) -> Self {
        let rows: Vec<Row> = keys.map(|key| Row::new(key, Vec::new())).collect();
        Self {
            make: Some(make),
            ..Self::new(columns, rows)
        }
    }

    /// With what is said where there are no rows.
    #[must_use]
    pub fn none(mut self, why: &'static str) -> Self {
        self.none = why;
        self
    }

    /// The same with the rows made that are at most `reach` away from the selected one.
    #[must_use]
    pub fn around(mut self, model: &Model, selected: Option<&str>, reach: usize) -> Self {
        let Some(make) = self.make else { return self };
        let chosen = self.position(selected).unwrap_or(0);
        let first = chosen
            .saturating_sub(reach)
            .min(self.rows.len().saturating_sub(reach));
        for row in self.rows.iter_mut().skip(first).take(reach * 2 + 1) {
            fill(row, model, make);
        }
        self
    }

    /// Only the rows that pass.
    #[must_use]
    pub fn filtered(mut self, model: &Model, filter: Option<&str>) -> Self {
        if let Some(text) = filter {
            let filter = Filter::parse(text);
            let make = self.make;
            self.rows.retain(|row| passes(model, make, &filter, row));
        }
        self
    }

    /// How many rows pass.
    #[must_use]
    pub fn passing(&self, model: &Model, filter: &Filter) -> usize {
        let passing = |row: &&Row| passes(model, self.make, filter, row);
        self.rows.iter().filter(passing).count()
    }

    /// The names that a filter can compare. All rows that are made on demand have those of the first.
    #[must_use]
    pub fn fields(&self, model: &Model) -> Vec<&'static str> {
        let names: BTreeSet<&'static str> = if let (Some(make), Some(row)) = (self.make, self.rows.first()) {
            let fields = (make.fields)(model, &row.key);
            fields.into_iter().map(|(name, _)| name).collect()
        } else {
            let fields = self.rows.iter().flat_map(|row| &row.fields);
            fields.map(|(name, _)| *name).collect()
        };
        names.into_iter().collect()
    }

    /// Where a key is.
    #[must_use]
    pub fn position(&self, key: Option<&str>) -> Option<usize> {
        key.and_then(|key| self.rows.iter().position(|row| row.key == key))
    }

    /// The selected row: the one with this key, else the first.
    #[must_use]
    pub fn selected(&self, key: Option<&str>) -> Option<&Row> {
        self.rows.get(self.position(key).unwrap_or(0))
    }
}

fn fill(row: &mut Row, model: &Model, make: Make) {
    if let Some(made) = (make.row)(model, &row.key) {
        *row = made;
    }
}

fn passes(model: &Model, make: Option<Make>, filter: &Filter, row: &Row) -> bool {
    match make {
        Some(make) => filter.passes(&(make.fields)(model, &row.key)),
        None => filter.passes(&row.fields),
    }
}
