//! The table of bindings as documentation: a table in Markdown, and a section of the man page.

use super::{Binding, Keymap};
use std::fmt::Write;

/// The usual keys as a Markdown document.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "# Keys of aisoc-console\n\nMade by `aisoc-console keys` from the table of bindings. \
         The name in the last column is what `[keys]` of the configuration changes.\n",
    );
    for (group, bindings) in groups() {
        let _ = write!(
            text,
            "\n## {group}\n\n| keys | what they do | name |\n| --- | --- | --- |\n"
        );
        for (keys, binding) in bindings {
            let _ = writeln!(
                text,
                "| `{}` | {} | `{}` |",
                keys.replace('|', "\\|"),
                binding.help,
                binding.command.name()
            );
        }
    }
    text
}

/// The usual keys as sections of a man page.
#[must_use]
pub fn roff() -> String {
    let escape = |text: &str| {
        text.replace('\\', "\\e")
            .replace('-', "\\-")
            .replace('…', "\\&...")
    };
    let mut text = String::from(".SH KEYS\n");
    for (group, bindings) in groups() {
        let _ = writeln!(text, ".SS {}", escape(group));
        for (keys, binding) in bindings {
            let _ = writeln!(text, ".TP\n.B \\&{}\n{}", escape(&keys), escape(binding.help));
        }
    }
    text
}

type Group = (&'static str, Vec<(String, &'static Binding)>);

/// Bindings under the headings of their groups, in the order of the table.
fn groups() -> Vec<Group> {
    let keymap = Keymap::default();
    let mut groups: Vec<Group> = Vec::new();
    for bound in keymap.all() {
        let row = (bound.keys_text(), bound.binding);
        match groups.iter_mut().find(|(name, _)| *name == bound.binding.group) {
            Some((_, rows)) => rows.push(row),
            None => groups.push((bound.binding.group, vec![row])),
        }
    }

    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_binding_is_documented() {
        let (markdown, roff) = (markdown(), roff());
        for bound in Keymap::default().all() {
            let row = format!("| `{}` | {} |", bound.keys_text(), bound.binding.help);
            assert!(markdown.contains(&row), "{row}");
            let help = bound.binding.help.replace('-', "\\-");
            assert!(roff.contains(&help), "{help}");
        }
    }
}
