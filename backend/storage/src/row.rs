//! Reading and writing the columns that need more than a type.

use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgRow;
use sqlx::{Error, Row};

pub(crate) fn time(row: &PgRow, column: &str) -> sqlx::Result<Timestamp> {
    row.try_get::<jiff_sqlx::Timestamp, _>(column)
        .map(jiff_sqlx::Timestamp::to_jiff)
}

pub(crate) fn to_sql(at: Timestamp) -> jiff_sqlx::Timestamp {
    at.to_sqlx()
}

pub(crate) fn json<T: DeserializeOwned>(row: &PgRow, column: &'static str) -> sqlx::Result<T> {
    let value: serde_json::Value = row.try_get(column)?;
    serde_json::from_value(value).map_err(|source| Error::ColumnDecode {
        index: column.into(),
        source: source.into(),
    })
}

/// JSON without NUL characters, which PostgreSQL cannot store in `jsonb` and which an event may well contain.
pub(crate) fn to_json<T: Serialize>(value: &T) -> sqlx::Result<serde_json::Value> {
    let mut value = serde_json::to_value(value).map_err(|source| Error::Encode(source.into()))?;
    without_nul(&mut value);
    Ok(value)
}

fn without_nul(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) if text.contains('\0') => *text = text.replace('\0', "\u{FFFD}"),
        serde_json::Value::Array(items) => items.iter_mut().for_each(without_nul),
        serde_json::Value::Object(fields) => {
            if fields.keys().any(|key| key.contains('\0')) {
                let old = std::mem::take(fields);
                fields.extend(
                    old.into_iter()
                        .map(|(key, value)| (key.replace('\0', "\u{FFFD}"), value)),
                );
            }
            fields.values_mut().for_each(without_nul);
        }
        _ => {}
    }
}

/// The same for a plain text column.
pub(crate) fn text(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_is_replaced_everywhere() {
        let value = to_json(&serde_json::json!({"a\0": ["x\0y", {"b": "\0"}], "c": 1})).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"a\u{FFFD}": ["x\u{FFFD}y", {"b": "\u{FFFD}"}], "c": 1})
        );
    }
}
