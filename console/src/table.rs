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
    /// Share of the columns that are left over; 0 = keeps its width.
    pub grow: u16,
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
            grow: 0,
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

    /// That goes when there is no room: the highest first.
    #[must_use]
    pub const fn spare(mut self, order: u8) -> Self {
        self.spare = order;
        self
    }
}

/// What a filter can compare.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Words.
    Text(String),
    /// A number in its base unit; `None` when it is not freshly known.
    Number(Option<f64>),
}

impl Value {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it is about; selection follows it when the order changes.
    pub key: String,
    /// Its cells, one for each column.
    pub cells: Vec<Cell>,
    /// What filters see.
    pub fields: Vec<(&'static str, Value)>,
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
    pub fn field(mut self, name: &'static str, value: Value) -> Self {
        self.fields.push((name, value));
        self
    }
}

/// Makes the row of a key.
pub type Make = fn(&Model, &str) -> Option<Row>;

/// A table.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, in order. Of a table that makes them on demand only those near the selected one have cells.
    pub rows: Vec<Row>,
    /// Rows before the filter.
    pub total: usize,
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

    /// The same with every row made.
    #[must_use]
    pub fn whole(mut self, model: &Model) -> Self {
        if let Some(make) = self.make.take() {
            for row in &mut self.rows {
                fill(row, model, make);
            }
        }
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
    pub fn filtered(self, model: &Model, filter: Option<&str>) -> Self {
        let Some(text) = filter else { return self };
        let filter = Filter::parse(text);
        let mut table = self.whole(model);
        table.rows.retain(|row| filter.passes(row));
        table
    }

    /// The names that a filter can compare.
    #[must_use]
    pub fn fields(&self) -> Vec<&'static str> {
        let names: BTreeSet<&'static str> = self
            .rows
            .iter()
            .flat_map(|row| row.fields.iter().map(|(name, _)| *name))
            .collect();
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
    if let Some(made) = make(model, &row.key) {
        *row = made;
    }
}
