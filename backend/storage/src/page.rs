//! Keyset pagination: a page ends in a cursor, the next page begins after it, whatever was inserted meanwhile.

use crate::error::{Error, Result};
use jiff::Timestamp;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// Most items of one page.
pub const MAX_LIMIT: u32 = 500;

/// A page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page<T> {
    /// Items.
    pub items: Vec<T>,
    /// Pass it as `after` for the next page; `None` at the end.
    pub next: Option<String>,
}

/// Position of an item in a list that is ordered by time, then id, both descending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Time of the last item seen.
    pub at: Timestamp,
    /// Its id.
    pub id: String,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}", self.at.as_microsecond(), self.id)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || Error::BadCursor(aisoc_model::text::sanitize(text, 80));
        let (at, id) = text.split_once('~').ok_or_else(bad)?;
        let at = at
            .parse()
            .ok()
            .and_then(|us| Timestamp::from_microsecond(us).ok())
            .ok_or_else(bad)?;
        if id.len() > 200 {
            return Err(bad());
        }
        Ok(Self {
            at,
            id: id.to_owned(),
        })
    }
}

/// One item more than the page holds is read, to know whether there is a next page.
pub(crate) fn fetch_limit(limit: u32) -> i64 {
    i64::from(limit.clamp(1, MAX_LIMIT)) + 1
}

pub(crate) fn page<T>(mut rows: Vec<(Cursor, T)>, limit: u32) -> Page<T> {
    let size = limit.clamp(1, MAX_LIMIT) as usize;
    let more = rows.len() > size;
    rows.truncate(size);
    let next = rows.last().filter(|_| more).map(|(cursor, _)| cursor.to_string());
    Page {
        items: rows.into_iter().map(|(_, item)| item).collect(),
        next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_survives_the_round_trip_and_refuses_others() {
        let cursor = Cursor {
            at: Timestamp::from_microsecond(1_700_000_000_000_123).unwrap(),
            id: "a~b".into(),
        };
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        for bad in ["", "x~1", "1", "99999999999999999999~a"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }

    #[test]
    fn next_only_when_there_is_more() {
        let rows = |n: i64| -> Vec<(Cursor, i64)> {
            (0..n)
                .map(|i| {
                    (
                        Cursor {
                            at: Timestamp::from_microsecond(i).unwrap(),
                            id: i.to_string(),
                        },
                        i,
                    )
                })
                .collect()
        };
        assert_eq!(
            page(rows(3), 2),
            Page {
                items: vec![0, 1],
                next: Some("1~1".into())
            }
        );
        assert_eq!(page(rows(2), 2).next, None);
        assert_eq!(page(rows(2), 0).items.len(), 1);
    }
}
