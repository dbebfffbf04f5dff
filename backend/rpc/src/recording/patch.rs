//! What changed between two JSON documents.
//!
//! A patch of an object is an object: `"+name"` sets a value, `"-name"` removes it, `".name"` holds the patch of what
//! is there. An array of the same length is patched the same way by index; of another length it is set anew. Merge
//! patches of RFC 7396 would be shorter, but cannot set a value to null.

use serde_json::{Map, Value};

/// A patch does not fit the document that it was applied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoesNotFit;

enum Change {
    Same,
    Other,
    Patch(Map<String, Value>),
}

/// The patch that makes `new` of `old`. Documents that are not both objects, or both arrays of one length, have none:
/// `None` then.
#[must_use]
pub fn between(old: &Value, new: &Value) -> Option<Value> {
    match change(old, new) {
        Change::Same => Some(Value::Object(Map::new())),
        Change::Patch(patch) => Some(Value::Object(patch)),
        Change::Other => None,
    }
}

fn change(old: &Value, new: &Value) -> Change {
    let mut patch = Map::new();
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in new {
                match old.get(key) {
                    Some(before) => note(&mut patch, key, before, value),
                    None => {
                        patch.insert(format!("+{key}"), value.clone());
                    }
                }
            }
            let gone = old.keys().filter(|key| !new.contains_key(*key));
            patch.extend(gone.map(|key| (format!("-{key}"), Value::Null)));
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (before, value)) in old.iter().zip(new).enumerate() {
                note(&mut patch, &index.to_string(), before, value);
            }
        }
        (old, new) if old == new => return Change::Same,
        _ => return Change::Other,
    }
    if patch.is_empty() {
        Change::Same
    } else {
        Change::Patch(patch)
    }
}

fn note(patch: &mut Map<String, Value>, key: &str, before: &Value, value: &Value) {
    match change(before, value) {
        Change::Same => {}
        Change::Other => {
            patch.insert(format!("+{key}"), value.clone());
        }
        Change::Patch(inner) => {
            patch.insert(format!(".{key}"), Value::Object(inner));
        }
    }
}

/// Applies a patch.
///
/// # Errors
/// When it was made for another document; `document` is partly changed then.
pub fn apply(document: &mut Value, patch: Value) -> Result<(), DoesNotFit> {
    let Value::Object(patch) = patch else {
        return Err(DoesNotFit);
    };
    for (key, value) in patch {
        let mut name = key.chars();
        let does = name.next().ok_or(DoesNotFit)?;
        let name = name.as_str();
        match (does, &mut *document) {
            ('+', Value::Object(object)) => {
                object.insert(name.to_owned(), value);
            }
            ('-', Value::Object(object)) => {
                object.remove(name).ok_or(DoesNotFit)?;
            }
            ('.', Value::Object(object)) => apply(object.get_mut(name).ok_or(DoesNotFit)?, value)?,
            ('+', Value::Array(array)) => *item(array, name)? = value,
            ('.', Value::Array(array)) => apply(item(array, name)?, value)?,
            _ => return Err(DoesNotFit),
        }
    }
    Ok(())
}

fn item<'a>(array: &'a mut [Value], name: &str) -> Result<&'a mut Value, DoesNotFit> {
    let index: usize = name.parse().map_err(|_| DoesNotFit)?;
    array.get_mut(index).ok_or(DoesNotFit)
}
