//! Finding and cleaning values.

use serde_json::{Map, Value};
use std::net::IpAddr;

/// The longest entity, bytes.
pub const MAX_ENTITY: usize = 256;

/// The value at `path`. A key that holds the dots itself (`id.orig_h`) comes before nesting.
pub fn at<'a>(event: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = event.get(path) {
        return Some(value);
    }
    let (head, tail) = path.split_once('.')?;
    at(event.get(head)?.as_object()?, tail)
}

/// The first of `paths` that is a text which says something.
pub fn text<'a>(event: &'a Map<String, Value>, paths: &[&str]) -> Option<&'a str> {
    paths.iter().find_map(|path| said(at(event, path)?.as_str()?))
}

/// A text, unless it is one of the ways to write "nothing".
pub fn said(text: &str) -> Option<&str> {
    let text = text.trim();
    (!matches!(
        text,
        "" | "-" | "--" | "N/A" | "n/a" | "null" | "(null)" | "(empty)"
    ))
    .then_some(text)
}

/// A number, also when it is written as text.
pub fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        // XML turned into JSON: the text beside the attributes.
        Value::Object(object) => object
            .get("#text")
            .or_else(|| object.get("value"))
            .filter(|v| !v.is_object())
            .and_then(number),
        _ => None,
    }
}

/// A name of bounded length, as it is.
pub fn bounded(text: &str) -> Option<String> {
    let mut end = text.len().min(MAX_ENTITY);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    said(text.get(..end)?).map(str::to_owned)
}

/// A name of bounded length in lower case.
pub fn lower(text: &str) -> Option<String> {
    bounded(&bounded(text)?.to_lowercase())
}

/// An address that says who: not loopback, not "any".
pub fn address(text: &str) -> Option<String> {
    let ip: IpAddr = text.trim().trim_start_matches("::ffff:").parse().ok()?;
    (!ip.is_loopback() && !ip.is_unspecified()).then(|| ip.to_string())
}

/// An account as `domain\user`, lower case, whichever way the source writes it. Of a DNS domain only the first
/// label is kept, since the same account also comes with the short name.
pub fn account(domain: Option<&str>, user: &str) -> Option<String> {
    let user = said(user)?;
    let (domain, user) = if let Some((domain, user)) = user.split_once('\\') {
        (Some(domain), user)
    } else if let Some((user, domain)) = user
        .split_once('@')
        .filter(|_| domain.is_none_or(|d| d.contains('.')))
    {
        (Some(domain), user)
    } else {
        (domain, user)
    };
    match domain.and_then(said).and_then(|d| d.split('.').next()) {
        Some(domain) => lower(&format!("{domain}\\{user}")),
        None => lower(user),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Some("CORP"), "Ann", Some("corp\\ann"))]
    #[case(None, "CORP\\Ann", Some("corp\\ann"))]
    #[case(Some("corp.example.com"), "ann", Some("corp\\ann"))]
    #[case(Some("CORP.EXAMPLE.COM"), "ann@CORP.EXAMPLE.COM", Some("corp\\ann"))]
    #[case(None, "ann@corp.example.com", Some("corp\\ann"))]
    #[case(None, "ann", Some("ann"))]
    #[case(Some("-"), "ann", Some("ann"))]
    #[case(Some("CORP"), "-", None)]
    fn accounts(#[case] domain: Option<&str>, #[case] user: &str, #[case] expected: Option<&str>) {
        assert_eq!(account(domain, user).as_deref(), expected);
    }

    #[rstest]
    #[case("10.1.2.3", Some("10.1.2.3"))]
    #[case("::ffff:172.18.0.5", Some("172.18.0.5"))]
    #[case("fe80:0:0:0:1:2:3:4", Some("fe80::1:2:3:4"))]
    #[case("127.0.0.1", None)]
    #[case("::1", None)]
    #[case("0.0.0.0", None)]
    #[case("AWS Internal", None)]
    fn addresses(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(address(text).as_deref(), expected);
    }

    #[test]
    fn names_are_cut_at_a_character() {
        let long = "ü".repeat(200);
        assert_eq!(bounded(&long).unwrap().len(), 256);
        let odd = format!("a{long}");
        assert_eq!(bounded(&odd).unwrap().len(), 255);
    }

    #[test]
    fn paths() {
        let event =
            serde_json::from_str(r#"{"id.orig_h":"a","id":{"orig_h":"b"},"h":{"n":{"x":" y "}}}"#).unwrap();
        assert_eq!(text(&event, &["id.orig_h"]), Some("a"));
        assert_eq!(text(&event, &["nope", "h.n.x"]), Some("y"));
        assert_eq!(text(&event, &["h.n"]), None);
    }
}
