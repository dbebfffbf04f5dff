//! The default settings as a commented file.

use super::Config;
use super::fields::{FIELDS, list};
use crate::keys::Key;
use std::fmt::Write;

/// The default settings as a file in which every setting says what it is for.
#[must_use]
pub fn default_file() -> String {
    let defaults = Config::default();
    let mut text = String::from(
        "# Settings of aisoc-console: copy what you change to ~/.config/aisoc/console.toml.\n\
         # A flag and an environment variable come before the file. Unknown settings are errors:\n\
         # `aisoc-console config check` names them.\n",
    );
    let mut table = "";
    for field in FIELDS {
        text.push('\n');
        if field.table != table {
            table = field.table;
            let _ = writeln!(text, "[{table}]");
        }
        for line in field.says.lines() {
            let _ = writeln!(text, "# {line}");
        }
        let _ = match ((field.write)(&defaults), field.example) {
            (Some(value), _) => writeln!(text, "{} = {value}", field.name),
            (None, example) => writeln!(text, "# {} = {}", field.name, example.unwrap_or("\"\"")),
        };
    }
    text.push_str(
        "\n# Keys by what they do. What acts on a region takes function keys only: every other key means movement\n\
         # or editing somewhere. ^C always leaves.\n[keys]\n",
    );
    for bound in defaults.keys.all() {
        let keys: Vec<String> = bound.keys.iter().map(Key::to_string).collect();
        let _ = writeln!(text, "# {}", bound.binding.help);
        let _ = writeln!(text, "{} = {}", bound.binding.command.name(), list(&keys));
    }
    text
}
