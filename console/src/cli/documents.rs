//! What is made from the command line and the table of bindings: completions, man page.

use super::args::Args;
use super::exit::CliError;
use aisoc_console::keys::document;
use clap::CommandFactory;

const NAME: &str = "aisoc-console";

/// A shell's completions.
pub fn completions(shell: clap_complete::Shell) -> String {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), NAME, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The man page: the command line, then keys and files.
///
/// # Errors
/// When it cannot be written.
pub fn man() -> Result<String, CliError> {
    written().map_err(|e| CliError::Output(e.to_string()))
}

fn written() -> std::io::Result<String> {
    let man = clap_mangen::Man::new(Args::command());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    man.render_subcommands_section(&mut page)?;
    let mut text = String::from_utf8_lossy(&page).into_owned();
    text.push_str(&document::roff());
    text.push_str(FILES);
    text.push_str(".SH EXIT STATUS\n.nf\n");
    for line in super::exit::TABLE.lines().skip(1) {
        text.push_str(&line.replace('-', "\\-"));
        text.push('\n');
    }
    text.push_str(".fi\n");
    Ok(text)
}

const FILES: &str = "\
.SH FILES
.TP
.I $XDG_CONFIG_HOME/aisoc/console.toml
Settings; ~/.config/aisoc/console.toml when the variable is not set. \\fB\\-\\-print\\-default\\-config\\fR prints them all with
what they are for, \\fBconfig check\\fR names what is wrong.
.TP
.I $XDG_STATE_HOME/aisoc/local/console.toml
Addresses and token of a local world, left there by \\fBaisoc local up\\fR.
";

#[cfg(test)]
mod tests {
    use super::*;
    use clap_complete::Shell;

    #[test]
    fn the_man_page_has_every_key_and_every_command() {
        let page = man().unwrap();
        assert!(page.contains(&document::roff()));
        for command in Args::command().get_subcommands().filter(|c| !c.is_hide_set()) {
            let name = command.get_name().replace('-', "\\-");
            assert!(page.contains(&name), "{name}");
        }
        assert!(page.contains("no control plane answers"));
    }

    #[test]
    fn every_shell_completes_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = completions(shell);
            for word in ["snapshot", "failover", "completions"] {
                assert!(script.contains(word), "{shell} {word}");
            }
        }
    }
}
