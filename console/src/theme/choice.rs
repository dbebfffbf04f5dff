//! Which theme: by name, or the one that fits the terminal's ground.

use std::fmt;
use std::str::FromStr;

/// A theme of `assets/themes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each says in its file what it is for
pub enum Name {
    Dark,
    Light,
    HighContrast,
    Deuteranopia,
    Tritanopia,
    Mono,
}

impl Name {
    /// All, in the order in which they are named to a person.
    pub const ALL: [Self; 6] = [
        Self::Dark,
        Self::Light,
        Self::HighContrast,
        Self::Deuteranopia,
        Self::Tritanopia,
        Self::Mono,
    ];

    /// Its name on the command line and in a configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::HighContrast => "high-contrast",
            Self::Deuteranopia => "deuteranopia",
            Self::Tritanopia => "tritanopia",
            Self::Mono => "mono",
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What a person wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// The one that fits the terminal's ground, as far as that is known.
    #[default]
    Auto,
    /// This one.
    Named(Name),
}

/// No theme has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no theme '{0}': there are auto, dark, light, high-contrast, deuteranopia, tritanopia and mono")]
pub struct UnknownTheme(String);

impl FromStr for Choice {
    type Err = UnknownTheme;

    fn from_str(text: &str) -> Result<Self, UnknownTheme> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        Name::ALL
            .into_iter()
            .find(|name| name.word() == text)
            .map(Self::Named)
            .ok_or_else(|| UnknownTheme(aisoc_model::text::sanitize(text, 40)))
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Named(name) => name.fmt(f),
        }
    }
}

impl Choice {
    /// The theme. A terminal says by `COLORFGBG` (`foreground;background`) that its ground is light; a terminal that
    /// says nothing is taken for dark.
    #[must_use]
    pub fn name(self, variable: impl Fn(&str) -> Option<String>) -> Name {
        match self {
            Self::Named(name) => name,
            Self::Auto => {
                let ground = variable("COLORFGBG")
                    .and_then(|value| value.rsplit(';').next().and_then(|last| last.parse::<u8>().ok()));
                if matches!(ground, Some(7 | 15)) {
                    Name::Light
                } else {
                    Name::Dark
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn names_lead_back_to_themes() {
        for name in Name::ALL {
            assert_eq!(name.word().parse(), Ok(Choice::Named(name)));
        }
        assert!("dusk".parse::<Choice>().unwrap_err().to_string().contains("dark"));
    }

    #[rstest]
    #[case(Choice::Auto, Some("0;15"), Name::Light)]
    #[case(Choice::Auto, Some("15;0"), Name::Dark)]
    #[case(Choice::Auto, Some("0;default;7"), Name::Light)]
    #[case(Choice::Auto, Some("x"), Name::Dark)]
    #[case(Choice::Auto, None, Name::Dark)]
    #[case(Choice::Named(Name::Mono), Some("0;15"), Name::Mono)]
    fn grounds(#[case] choice: Choice, #[case] variable: Option<&str>, #[case] name: Name) {
        assert_eq!(choice.name(|_| variable.map(str::to_owned)), name);
    }
}
