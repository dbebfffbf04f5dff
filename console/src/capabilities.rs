//! What the terminal can show, from its environment. A pure function, so that every combination is a test.

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// How many colours.
    pub colors: Colors,
    /// Which characters.
    pub glyphs: Glyphs,
}

/// How many colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Colors {
    /// None: bold, dim, underline and reverse only.
    Mono,
    /// The sixteen of every colour terminal.
    Ansi16,
    /// The palette of 256.
    Indexed,
    /// 24 bits.
    True,
}

/// Which characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Glyphs {
    /// 7 bits.
    Ascii,
    /// ASCII, lines, half blocks and arrows: what the Linux console's font holds.
    Console,
    /// Everything a UTF-8 terminal with an ordinary font shows.
    Full,
}

impl Capabilities {
    /// Everything.
    pub const FULL: Self = Self {
        colors: Colors::True,
        glyphs: Glyphs::Full,
    };
    /// No colour, 7 bits.
    pub const PLAIN: Self = Self {
        colors: Colors::Mono,
        glyphs: Glyphs::Ascii,
    };

    /// Reads the variables that say it: `NO_COLOR`, `COLORTERM`, `TERM`, `LC_ALL`, `LC_CTYPE`, `LANG`.
    #[must_use]
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let term = set("TERM").unwrap_or_default();
        Self {
            colors: colors(&set, &term),
            glyphs: glyphs(&set, &term),
        }
    }
}

fn colors(set: &impl Fn(&str) -> Option<String>, term: &str) -> Colors {
    let truecolor = set("COLORTERM").is_some_and(|v| v == "truecolor" || v == "24bit");
    if set("NO_COLOR").is_some() || term.is_empty() || term == "dumb" || term.starts_with("vt1") {
        Colors::Mono
    } else if term == "linux" {
        Colors::Ansi16
    } else if truecolor || term.ends_with("-direct") {
        Colors::True
    } else if term.contains("256color") {
        Colors::Indexed
    } else {
        Colors::Ansi16
    }
}

fn glyphs(set: &impl Fn(&str) -> Option<String>, term: &str) -> Glyphs {
    // The first of the three that is set decides, as in setlocale(3); none set is the C locale.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(set)
        .unwrap_or_default();
    let lower = locale.to_ascii_lowercase();
    if !(lower.contains("utf-8") || lower.contains("utf8")) || term == "dumb" {
        Glyphs::Ascii
    } else if term == "linux" {
        Glyphs::Console
    } else {
        Glyphs::Full
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("LANG", "en_US.UTF-8")], Colors::True, Glyphs::Full)]
    #[case(&[("TERM", "xterm-256color"), ("LANG", "en_US.UTF-8")], Colors::Indexed, Glyphs::Full)]
    #[case(&[("TERM", "xterm"), ("LANG", "C.utf8")], Colors::Ansi16, Glyphs::Full)]
    #[case(&[("TERM", "linux"), ("LANG", "C.UTF-8"), ("COLORTERM", "truecolor")], Colors::Ansi16, Glyphs::Console)]
    #[case(&[("TERM", "xterm-256color"), ("NO_COLOR", "1"), ("LANG", "C")], Colors::Mono, Glyphs::Ascii)]
    #[case(&[("TERM", "xterm-256color"), ("NO_COLOR", ""), ("LANG", "C.UTF-8")], Colors::Indexed, Glyphs::Full)]
    #[case(&[("TERM", "xterm-256color"), ("LC_ALL", "C"), ("LANG", "C.UTF-8")], Colors::Indexed, Glyphs::Ascii)]
    #[case(&[("TERM", "dumb"), ("LANG", "C.UTF-8")], Colors::Mono, Glyphs::Ascii)]
    #[case(&[], Colors::Mono, Glyphs::Ascii)]
    fn environments(#[case] set: &[(&str, &str)], #[case] colors: Colors, #[case] glyphs: Glyphs) {
        let detected =
            Capabilities::detect(|name| set.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned()));
        assert_eq!(detected, Capabilities { colors, glyphs });
    }
}
