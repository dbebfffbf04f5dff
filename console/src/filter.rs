//! The filter of tables: words, and typed comparisons such as `lag>5s region=eu-* ready<100%`.

use crate::table::Value;
use std::borrow::Cow;

/// A filter, understood.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq)]
enum Term {
    /// The row holds this text somewhere.
    Word(String),
    /// A field compares so.
    Compare {
        field: String,
        operator: Operator,
        text: String,
        number: Option<f64>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

const OPERATORS: [(&str, Operator); 6] = [
    (">=", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("!=", Operator::NotEqual),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

impl Filter {
    /// Understands a text. There is no wrong filter: what is no comparison is a word.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self {
            terms: text.split_whitespace().map(term).collect(),
        }
    }

    /// The first field that is compared and that is not among those there are.
    #[must_use]
    pub fn unknown_field(&self, known: &[&str]) -> Option<&str> {
        self.terms.iter().find_map(|term| match term {
            Term::Compare { field, .. } if !known.contains(&field.as_str()) => Some(field.as_str()),
            _ => None,
        })
    }

    /// Whether what has these fields passes: all terms hold.
    #[must_use]
    pub fn passes(&self, fields: &[(&'static str, Value<'_>)]) -> bool {
        self.terms.iter().all(|term| holds(term, fields))
    }
}

fn term(text: &str) -> Term {
    let split = OPERATORS
        .iter()
        .filter_map(|(sign, operator)| text.split_once(sign).map(|(f, v)| (f, v, *operator)))
        .filter(|(field, value, _)| !field.is_empty() && !value.is_empty())
        // The leftmost and longest operator is the one that is meant.
        .min_by_key(|(field, _, _)| field.len());
    match split {
        Some((field, value, operator)) => Term::Compare {
            field: field.to_lowercase(),
            operator,
            text: value.to_lowercase(),
            number: quantity(value),
        },
        None => Term::Word(text.to_lowercase()),
    }
}

/// A number with an optional unit, in the base unit: seconds, bytes, or a ratio for `%`.
fn quantity(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    let end = lower
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(lower.len());
    let (number, unit) = lower.split_at_checked(end)?;
    let factor = match unit {
        "" | "s" | "b" => 1.0,
        "ms" => 1e-3,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        "kb" | "k" => 1e3,
        "mb" => 1e6,
        "gb" | "g" => 1e9,
        "%" => 0.01,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|n| n * factor)
}

fn holds(term: &Term, fields: &[(&'static str, Value<'_>)]) -> bool {
    match term {
        Term::Word(word) => fields
            .iter()
            .any(|(_, value)| matches!(value, Value::Text(t) if contains(t, word))),
        Term::Compare {
            field,
            operator,
            text,
            number,
        } => fields
            .iter()
            .filter(|(name, _)| name == field)
            .any(|(_, value)| compare(value, *operator, text, *number)),
    }
}

/// Whether a text holds a word in lower case, whatever the text's own case is. A frame has thousands of texts, and a
/// filter is typed: nothing is copied for what is plain ASCII.
fn contains(text: &str, word: &str) -> bool {
    if !text.is_ascii() {
        return text.to_lowercase().contains(word);
    }
    let (Some(first), length) = (word.bytes().next(), word.len()) else {
        return true;
    };
    let begins = |byte: u8| byte.to_ascii_lowercase() == first;
    text.as_bytes()
        .windows(length)
        .any(|part| part.first().is_some_and(|b| begins(*b)) && part.eq_ignore_ascii_case(word.as_bytes()))
}

fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_lowercase())
    }
}

fn compare(value: &Value<'_>, operator: Operator, text: &str, number: Option<f64>) -> bool {
    match value {
        Value::Text(have) => {
            let equal = glob(text, &lower(have));
            match operator {
                Operator::Equal => equal,
                Operator::NotEqual => !equal,
                _ => false,
            }
        }
        // What is not known is neither above nor below anything.
        Value::Number(None) => false,
        Value::Number(Some(have)) => number.is_some_and(|want| match operator {
            Operator::Equal => (have - want).abs() <= f64::EPSILON * want.abs().max(1.0),
            Operator::NotEqual => (have - want).abs() > f64::EPSILON * want.abs().max(1.0),
            Operator::Less => *have < want,
            Operator::LessOrEqual => *have <= want,
            Operator::Greater => *have > want,
            Operator::GreaterOrEqual => *have >= want,
        }),
    }
}

/// Whether `text` matches a pattern in which `*` stands for anything.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    if !pattern.contains('*') {
        return rest.is_empty();
    }
    for part in parts.clone() {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    pattern.ends_with('*') || parts.next_back().is_none_or(|last| text.ends_with(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Fields;
    use proptest::prelude::*;
    use rstest::rstest;

    fn fields() -> Fields<'static> {
        vec![
            ("region", Value::text("eu-west-1")),
            ("place", Value::text("Zürich-NORD")),
            ("lag", Value::Number(Some(7.5))),
            ("ready", Value::Number(Some(0.99))),
            ("behind", Value::Number(None)),
        ]
    }

    #[rstest]
    #[case("", true)]
    #[case("west", true)]
    #[case("WEST lag>5s", true)]
    #[case("ZÜRICH nord", true)]
    #[case("place=zürich-*", true)]
    #[case("westt", false)]
    #[case("lag>5s region=eu-*", true)]
    #[case("lag>8s", false)]
    #[case("lag>=7500ms", true)]
    #[case("lag<1m", true)]
    #[case("ready<100%", true)]
    #[case("region!=us-*", true)]
    #[case("region=eu-west-1", true)]
    #[case("region=*west*", true)]
    #[case("region=eu", false)]
    #[case("behind>0", false)]
    #[case("behind<1", false)]
    #[case("nope=1", false)]
    #[case("lag>", false)]
    fn filters(#[case] text: &str, #[case] passes: bool) {
        assert_eq!(Filter::parse(text).passes(&fields()), passes, "{text}");
    }

    #[test]
    fn a_field_that_is_not_there_is_named() {
        let known = ["behind", "lag", "ready", "region"];
        assert_eq!(
            Filter::parse("west lag>5s lagg>1").unknown_field(&known),
            Some("lagg")
        );
        assert_eq!(Filter::parse("west lag>5s").unknown_field(&known), None);
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in ".{0,40}") {
            let _ = Filter::parse(&text).passes(&fields());
        }

        #[test]
        fn a_word_is_found_as_in_lower_case(text in "[a-zA-Zü-]{0,12}", word in "[a-zü-]{0,3}") {
            prop_assert_eq!(contains(&text, &word), text.to_lowercase().contains(&word));
        }
    }
}
