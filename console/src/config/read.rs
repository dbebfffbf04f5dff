//! Reading settings. Everything that is wrong is named at once, each with its line and what was probably meant.

use super::Config;
use super::fields::{FIELDS, texts};
use crate::keys::{BINDINGS, Key, Keymap};
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// How alike two names have to be for one to be a slip of the other (Jaro and Winkler; 1 = equal).
const ALIKE: f64 = 0.8;

/// Something in the settings that is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its line, from 1.
    pub line: usize,
    /// What is wrong with it, and what to do.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.text)
    }
}

/// Settings from a text; what it does not say is as usual.
///
/// # Errors
/// Everything that is not understood.
pub fn parse(text: &str) -> Result<Config, Vec<Problem>> {
    let mut reader = Reader {
        text,
        config: Config::default(),
        problems: Vec::new(),
    };
    match DeTable::parse(text) {
        Ok(document) => reader.document(document.get_ref()),
        Err(error) => reader.problem(error.span().unwrap_or(0..0), error.message().to_owned()),
    }
    if reader.problems.is_empty() {
        Ok(reader.config)
    } else {
        reader.problems.sort_by_key(|problem| problem.line);
        Err(reader.problems)
    }
}

struct Reader<'a> {
    text: &'a str,
    config: Config,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn problem(&mut self, at: Range<usize>, text: String) {
        let before = self.text.get(..at.start).unwrap_or_default();
        self.problems.push(Problem {
            line: before.matches('\n').count() + 1,
            text,
        });
    }

    fn document(&mut self, document: &DeTable<'_>) {
        for (name, value) in document {
            match (name.get_ref().as_ref(), value.get_ref()) {
                ("keys", DeValue::Table(keys)) => self.keys(value.span(), keys),
                ("wall", DeValue::Table(fields)) => self.table("wall", fields),
                (table @ ("keys" | "wall"), _) => {
                    self.problem(name.span(), format!("'{table}' is a table: write [{table}]"));
                }
                _ => self.field("", name.get_ref(), name.span(), value),
            }
        }
    }

    fn table(&mut self, table: &str, fields: &DeTable<'_>) {
        for (name, value) in fields {
            self.field(table, name.get_ref(), name.span(), value);
        }
    }

    fn field(&mut self, table: &str, name: &str, at: Range<usize>, value: &Spanned<DeValue<'_>>) {
        let of_table = || FIELDS.iter().filter(|field| field.table == table);
        let Some(field) = of_table().find(|field| field.name == name) else {
            let names = of_table().map(|field| field.name);
            let names: Vec<&str> = if table.is_empty() {
                names.chain(["wall", "keys"]).collect()
            } else {
                names.collect()
            };
            return self.problem(
                at,
                format!("unknown setting '{}'{}", clean(name), meant(name, &names)),
            );
        };
        if let Err(why) = (field.read)(&mut self.config, value.get_ref()) {
            self.problem(value.span(), format!("{name}: {why}"));
        }
    }

    fn keys(&mut self, at: Range<usize>, keys: &DeTable<'_>) {
        let names: Vec<&'static str> = BINDINGS.iter().map(|b| b.command.name()).collect();
        let mut changes: BTreeMap<&'static str, Vec<Key>> = BTreeMap::new();
        let mut lines: BTreeMap<&'static str, Range<usize>> = BTreeMap::new();
        for (name, value) in keys {
            let Some(command) = names.iter().find(|known| **known == name.get_ref().as_ref()) else {
                let known = meant(name.get_ref(), &names);
                self.problem(
                    name.span(),
                    format!("unknown command '{}'{known}", clean(name.get_ref())),
                );
                continue;
            };
            let parsed = texts(value.get_ref()).and_then(|keys| {
                let parsed = keys
                    .iter()
                    .map(|key| key.parse::<Key>().map_err(|e| e.to_string()));
                parsed.collect::<Result<Vec<Key>, String>>()
            });
            match parsed {
                Ok(keys) => {
                    changes.insert(command, keys);
                    lines.insert(command, value.span());
                }
                Err(why) => self.problem(value.span(), format!("{command}: {why}")),
            }
        }
        // Together: two commands may exchange their keys.
        match Keymap::with(&changes) {
            Ok(keymap) => self.config.keys = keymap,
            Err(why) => {
                let line = why.commands().into_iter().find_map(|command| lines.get(command));
                self.problem(line.cloned().unwrap_or(at), why.to_string());
            }
        }
    }
}

fn clean(name: &str) -> String {
    aisoc_model::text::sanitize(name, 40)
}

/// `: did you mean 'theme'?`, or what there is.
fn meant(name: &str, known: &[&str]) -> String {
    let closest = known
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known), *known))
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match closest {
        Some((alike, known)) if alike >= ALIKE => format!(": did you mean '{known}'?"),
        _ => format!(": there are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::default_file;
    use crate::keys::{Code, Command, Scope};
    use proptest::prelude::*;
    use rstest::rstest;

    #[test]
    fn the_default_file_says_what_holds_without_it() {
        let config = parse(&default_file()).unwrap();
        let usual = Config::default();
        for field in FIELDS {
            assert_eq!((field.write)(&config), (field.write)(&usual), "{}", field.name);
        }
        for (a, b) in config.keys.all().zip(usual.keys.all()) {
            assert_eq!(a.keys, b.keys, "{}", a.binding.command.name());
        }
        // What is commented out is right, too.
        let all = default_file()
            .replace("# token-file", "token-file")
            .replace("# runbook-url", "runbook-url");
        let config = parse(&all).unwrap();
        assert!(config.token_file.is_some() && config.runbook_url.is_some());
    }

    #[rstest]
    #[case("them = 1", "1: unknown setting 'them': did you mean 'theme'?")]
    #[case("\n\nzzz = 1", "3: unknown setting 'zzz': there are endpoints, token-file")]
    #[case("theme = \"dusk\"", "1: theme: no theme 'dusk'")]
    #[case("mouse = 1", "1: mouse: true or false is wanted")]
    #[case("page = \"nope\"", "1: page: no page 'nope'")]
    #[case("wall = 3", "1: 'wall' is a table")]
    #[case(
        "[wall]\noverview-second = 3",
        "2: unknown setting 'overview-second': did you mean 'overview-seconds'?"
    )]
    #[case("[wall]\npage-seconds = 1", "2: page-seconds: seconds from 3 to 3600")]
    #[case("[keys]\ndrian = \"F4\"", "2: unknown command 'drian': did you mean 'drain'?")]
    #[case("[keys]\ndrain = \"x\"", "2: drain acts, and x is editing in vi")]
    #[case("[keys]\ndrain = \"F99\"", "2: drain: 'F99' is no key")]
    #[case("[keys]\nhelp = \"F5\"", "2: F5 would do both help and drain")]
    #[case("a = ", "1: ")]
    #[case("runbook-url = \"javascript:x\"", "1: runbook-url: ")]
    fn what_is_wrong_is_named_with_its_line(#[case] text: &str, #[case] wanted: &str) {
        let problems = parse(text).unwrap_err();
        assert!(problems[0].to_string().starts_with(wanted), "{}", problems[0]);
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let problems = parse("mouse = 1\nthem = 2\n[keys]\nquit = []\n").unwrap_err();
        assert_eq!(problems.iter().map(|p| p.line).collect::<Vec<_>>(), [1, 2, 4]);
    }

    #[test]
    fn keys_can_be_exchanged() {
        let config = parse("[keys]\ndrain = \"F6\"\nrestore = [\"F5\"]\n").unwrap();
        let command = |n| config.keys.command(Key::plain(Code::F(n)), Scope::Everywhere);
        assert_eq!(
            (command(5), command(6)),
            (Some(Command::Restore), Some(Command::Drain))
        );
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[ -~\n]{0,60}") {
            let _ = parse(&text);
        }
    }
}
