//! The console's settings: one TOML file in the XDG place. [`fields::FIELDS`] is the one table of what can be set;
//! reading, checking and the commented default file are made from it.

mod fields;
mod print;
mod read;

pub use print::default_file;
pub use read::{Problem, parse};

use crate::keys::Keymap;
use crate::page::Page;
use crate::theme;
use std::path::{Path, PathBuf};

/// Seconds that the wall shows the overview before the next page.
const OVERVIEW_SECONDS: u32 = 30;
/// Seconds that the wall shows any other page.
const PAGE_SECONDS: u32 = 12;

/// The settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Addresses of control planes in the order they are tried; empty: those of the local world.
    pub endpoints: Vec<String>,
    /// The file that holds the bearer token.
    pub token_file: Option<PathBuf>,
    /// The theme.
    pub theme: theme::Choice,
    /// The page that is shown first.
    pub page: Page,
    /// Whether the mouse is taken from the terminal.
    pub mouse: bool,
    /// Whether alerts that page ring the bell and notify the desktop.
    pub notify: bool,
    /// Sentences instead of a screen.
    pub plain: bool,
    /// Where runbooks are; `{id}` stands for the runbook's id.
    pub runbook_url: Option<String>,
    /// The wall's times.
    pub wall: Wall,
    /// Which keys do what.
    pub keys: Keymap,
}

/// The wall's times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wall {
    /// Seconds for the overview.
    pub overview_seconds: u32,
    /// Seconds for any other page.
    pub page_seconds: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            token_file: None,
            theme: theme::Choice::Auto,
            page: Page::OVERVIEW,
            mouse: false,
            notify: true,
            plain: false,
            runbook_url: None,
            wall: Wall {
                overview_seconds: OVERVIEW_SECONDS,
                page_seconds: PAGE_SECONDS,
            },
            keys: Keymap::default(),
        }
    }
}

/// Why a file of settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("cannot read the settings {path}: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
    /// It says something that is not understood.
    #[error("{}", listed(path, problems))]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What, and where.
        problems: Vec<Problem>,
    },
}

fn listed(path: &Path, problems: &[Problem]) -> String {
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| format!("{}:{problem}", path.display()))
        .collect();
    format!(
        "the settings cannot be used:\n  {}\n`aisoc-console --print-default-config` shows all settings",
        lines.join("\n  ")
    )
}

impl Config {
    /// The settings of a file.
    ///
    /// # Errors
    /// When it cannot be read, or says something that is not understood: all of it is named, with its lines.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|why| ConfigError::Unreadable {
            path: path.to_owned(),
            why,
        })?;
        parse(&text).map_err(|problems| ConfigError::Wrong {
            path: path.to_owned(),
            problems,
        })
    }

    /// The settings of the named file, else of the usual one, else the defaults.
    ///
    /// # Errors
    /// As [`Config::read`]; a usual file that does not exist is none.
    pub fn find(
        named: Option<&Path>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        if let Some(path) = named {
            return Self::read(path);
        }
        match usual_place(variable) {
            Some(path) if path.exists() => Self::read(&path),
            _ => Ok(Self::default()),
        }
    }
}

/// Where the settings usually are: `$XDG_CONFIG_HOME/aisoc/console.toml`, else `~/.config/aisoc/console.toml`.
#[must_use]
pub fn usual_place(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name| {
        variable(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    // The specification wants a relative path ignored.
    set("XDG_CONFIG_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| set("HOME").map(|home| home.join(".config")))
        .map(|directory| directory.join("aisoc/console.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(&[("XDG_CONFIG_HOME", "/x"), ("HOME", "/h")], Some("/x/aisoc/console.toml"))]
    #[case(&[("XDG_CONFIG_HOME", "relative"), ("HOME", "/h")], Some("/h/.config/aisoc/console.toml"))]
    #[case(&[("HOME", "/h")], Some("/h/.config/aisoc/console.toml"))]
    #[case(&[], None)]
    fn places(#[case] set: &[(&str, &str)], #[case] place: Option<&str>) {
        let found = usual_place(|name| set.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned()));
        assert_eq!(found, place.map(PathBuf::from));
    }

    #[test]
    fn a_named_file_has_to_be_there_and_right() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.toml");
        let missing = Config::find(Some(&path), |_| None).unwrap_err();
        assert!(missing.to_string().contains("cannot read"), "{missing}");
        std::fs::write(&path, "theme = \"light\"\nthem = 1\n").unwrap();
        let wrong = Config::find(Some(&path), |_| None).unwrap_err().to_string();
        assert!(
            wrong.contains("c.toml:2: unknown setting 'them': did you mean 'theme'?"),
            "{wrong}"
        );
        assert!(Config::find(None, |_| None).is_ok());
    }
}
