//! What a terminal does besides showing cells: ring, notify, and keep a text for pasting.

use aisoc_model::text::sanitize;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Longest text that is kept for pasting: terminals drop more than some kilobytes without a word.
const LONGEST: usize = 4_096;

/// Has the terminal keep a text for pasting (OSC 52).
#[must_use]
pub fn copy(text: &str) -> Vec<u8> {
    let text = sanitize(text, LONGEST);
    format!("\x1b]52;c;{}\x07", STANDARD.encode(text)).into_bytes()
}

/// Rings the bell; a terminal that understands it tells the desktop (OSC 9 and OSC 777).
#[must_use]
pub fn notify(title: &str, body: &str, understands: bool) -> Vec<u8> {
    let mut bytes = b"\x07".to_vec();
    if understands {
        let plain = |text: &str| -> String {
            sanitize(text, 200)
                .chars()
                .map(|c| if c.is_ascii() && c != ';' { c } else { ' ' })
                .collect()
        };
        let (title, body) = (plain(title), plain(body));
        bytes.extend_from_slice(
            format!("\x1b]9;{title}: {body}\x07\x1b]777;notify;{title};{body}\x07").as_bytes(),
        );
    }
    bytes
}

/// Whether a terminal takes such sequences without showing them as text.
#[must_use]
pub fn understood_by(term: &str) -> bool {
    !(term.is_empty() || term == "linux" || term == "dumb" || term.starts_with("vt"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_sequence_early() {
        assert_eq!(copy("us-east-1"), b"\x1b]52;c;dXMtZWFzdC0x\x07");
        let bytes = notify("P1", "a;b\x07\x1b[2Jc", true);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.is_ascii());
        assert_eq!(text.matches('\x07').count(), 3);
        assert_eq!(text.matches('\x1b').count(), 2);
    }

    #[test]
    fn a_plain_console_only_rings() {
        assert!(!understood_by("linux") && understood_by("xterm-256color"));
        assert_eq!(notify("P1", "x", false), b"\x07");
    }
}
