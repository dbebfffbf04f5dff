//! The settings that hold: flags and environment variables before the file.

use super::args::Args;
use super::exit::CliError;
use aisoc_console::config::{Config, ConfigError, usual_place};
use aisoc_console::runtime::variable;
use aisoc_console::theme::Choice;
use std::path::PathBuf;

/// The settings that hold for these arguments.
///
/// # Errors
/// When a file of settings is not understood.
pub fn find(args: &Args) -> Result<Config, CliError> {
    let mut config = Config::find(args.config.as_deref(), variable)?;
    config.theme = args.theme.unwrap_or(config.theme);
    config.mouse |= args.mouse;
    config.plain |= args.plain || accessible();
    Ok(config)
}

/// Whether the environment asks for sentences.
pub fn accessible() -> bool {
    variable("ACCESSIBLE").is_some_and(|value| !matches!(value.as_str(), "" | "0"))
}

/// `config check`: the file that is used, or another one.
///
/// # Errors
/// Everything that is wrong with it.
pub fn check(file: Option<PathBuf>, args: &Args) -> Result<String, CliError> {
    let Some(path) = file
        .or_else(|| args.config.clone())
        .or_else(|| usual_place(variable))
    else {
        return Err(CliError::Usage(
            "no file of settings: neither XDG_CONFIG_HOME nor HOME is set; name one".to_owned(),
        ));
    };
    match Config::read(&path) {
        Ok(config) => {
            let theme = match config.theme {
                Choice::Auto => "a theme by the terminal's ground".to_owned(),
                Choice::Named(name) => format!("theme {name}"),
            };
            Ok(format!(
                "{}: all settings are understood ({theme})\n",
                path.display()
            ))
        }
        Err(ConfigError::Unreadable { why, .. }) if why.kind() == std::io::ErrorKind::NotFound => {
            Ok(format!(
                "{} does not exist: the defaults hold; begin one with `aisoc-console --print-default-config`\n",
                path.display()
            ))
        }
        Err(error) => Err(error.into()),
    }
}
