//! Text from outside, made harmless for a terminal, a log line or a label.

/// `text` without control characters, bidirectional overrides and other invisible marks, at most `max`
/// characters long (an ellipsis stands for what was cut).
///
/// Events, host names and error messages of servers are data from an attacker: an escape sequence among them
/// must never reach a terminal.
#[must_use]
pub fn sanitize(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max * 4));
    for (count, c) in text.chars().map(harmless).enumerate() {
        if count + 1 > max {
            out.pop();
            out.push('…');
            break;
        }
        out.push(c);
    }
    out
}

fn harmless(c: char) -> char {
    match c {
        '\t' | '\n' | '\r' => ' ',
        c if c.is_control() => '\u{FFFD}',
        // Bidirectional controls, zero-width marks, line/paragraph separators, variation selectors, tags.
        '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}'
        | '\u{061C}'
        | '\u{E0000}'..='\u{E0FFF}' => '\u{FFFD}',
        c => c,
    }
}

/// Text from outside, harmless in Markdown: nothing of it is markup, a table's border or a link.
#[must_use]
pub fn markdown(text: &str, max: usize) -> String {
    let clean = sanitize(text, max);
    let mut out = String::with_capacity(clean.len() + 8);
    for c in clean.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c => out.push(c),
        }
    }
    out
}

/// Text from outside as code in Markdown. Inside of it only the mark that ends it and a table's border are special.
#[must_use]
pub fn markdown_code(text: &str, max: usize) -> String {
    let clean = sanitize(text, max).replace('`', "'").replace('|', "¦");
    if clean.is_empty() {
        String::new()
    } else {
        format!("`{clean}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escape_sequences_are_defused() {
        assert_eq!(sanitize("a\u{1b}[31mb\nc", 40), "a\u{FFFD}[31mb c");
        assert_eq!(sanitize("abcdef", 4), "abc…");
    }

    proptest! {
        #[test]
        fn never_longer_never_control(text in ".*", max in 1usize..50) {
            let clean = sanitize(&text, max);
            prop_assert!(clean.chars().count() <= max);
            prop_assert!(!clean.chars().any(char::is_control));
        }
    }
}
