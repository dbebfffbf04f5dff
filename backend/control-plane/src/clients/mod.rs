//! Low-level clients of the systems that a control plane observes and operates.
//!
//! Each speaks one protocol, has a bounded time for every call, and answers in typed values. No policy here:
//! who asks, how often, and what an answer means is decided by `observe` and `operations`.

pub mod etcd;
pub mod haproxy;
pub mod incidents;
pub mod patroni;
pub mod postgres;
pub mod supervisor;

use std::error::Error;

/// Longest text of a server's answer that is carried in an error.
const MAX_ERROR_TEXT: usize = 300;

/// The innermost cause of an error: `connection refused` instead of three layers of wrapping.
pub(crate) fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    aisoc_model::text::sanitize(&cause.to_string(), MAX_ERROR_TEXT)
}

/// A server's own words, made harmless and short. An HTML error page is reduced to its text.
pub(crate) fn server_text(body: &str) -> String {
    let mut text = String::with_capacity(body.len().min(4_096));
    let mut in_tag = false;
    for c in body.chars().take(4_096) {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                text.push(' ');
            }
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    let words: Vec<&str> = text.split_whitespace().collect();
    aisoc_model::text::sanitize(&words.join(" "), MAX_ERROR_TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_page_is_reduced_to_its_text() {
        let page = "<html><head><title>Error</title></head>\n<body>code 412\u{1b}[31m</body></html>";
        assert_eq!(server_text(page), "Error code 412\u{FFFD}[31m");
        assert_eq!(server_text("no good candidates"), "no good candidates");
    }
}
