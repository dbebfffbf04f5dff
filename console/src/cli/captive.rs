//! The captive console of a bastion: started by sshd for whoever owns a key, and the only thing that key starts.
//!
//! Which key it was, sshd says in a file (`ExposeAuthInfo`). The key's comment in `authorized_keys` names a token
//! file; what the token may do, the control plane decides.

use super::exit::{CliError, Exit};
use aisoc_console::config::Config;
use aisoc_console::runtime::variable;
use aisoc_console::{Options, plain};
use std::path::Path;

/// Opens the console as the owner of the key.
///
/// # Errors
/// When a command was asked for, or the key has no token.
pub async fn run(directory: &Path) -> Result<Exit, CliError> {
    if variable("SSH_ORIGINAL_COMMAND").is_some_and(|command| !command.is_empty()) {
        return Err(CliError::Usage(
            "this bastion opens the console and nothing else: connect without a command, with `ssh -t`"
                .to_owned(),
        ));
    }
    let name = owner(directory)?;
    let token = super::connect::read_token(&directory.join("tokens").join(&name)).map_err(|_| {
        CliError::NoRole(format!(
            "{name}, your key has no token here: ask whoever gave you access"
        ))
    })?;
    let mut config = Config::read(&directory.join("console.toml"))?;
    config.plain |= super::config::accessible();
    let options = Options {
        endpoints: config.endpoints.clone(),
        token,
        health: Vec::new(),
        config,
        captive: true,
    };
    if options.config.plain {
        plain::run(options).await?;
    } else {
        aisoc_console::run(options).await?;
    }
    Ok(Exit::Ok)
}

/// The name that belongs to the key of this session.
fn owner(directory: &Path) -> Result<String, CliError> {
    let no_role = |why: &str| CliError::NoRole(format!("{why}: ask whoever gave you access"));
    let info = variable("SSH_USER_AUTH")
        .and_then(|path| std::fs::read_to_string(path).ok())
        .ok_or_else(|| no_role("sshd does not say which key this is (ExposeAuthInfo)"))?;
    let keys = std::fs::read_to_string(directory.join("authorized_keys"))
        .map_err(|e| CliError::Usage(format!("the bastion cannot read its authorized_keys: {e}")))?;
    name_of(&info, &keys).ok_or_else(|| no_role("your key has no name here"))
}

/// The comment of the authorised key that sshd names.
fn name_of(info: &str, keys: &str) -> Option<String> {
    let (kind, blob) = info.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("publickey")).then(|| Some((words.next()?, words.next()?)))?
    })?;
    keys.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .find_map(|line| {
            // Options may stand before the key.
            let words: Vec<&str> = line.split_whitespace().collect();
            let at = words.windows(2).position(|pair| pair == [kind, blob])?;
            words
                .get(at + 2)
                .filter(|name| harmless(name))
                .map(|name| (*name).to_owned())
        })
}

/// Whether a name is one and not a path.
fn harmless(name: &str) -> bool {
    !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const KEYS: &str = "\
# who\n\
restrict,pty ssh-ed25519 AAAA1 ann\n\
ssh-ed25519 AAAA2 bob.lee later words\n\
command=\"x y\" ssh-rsa AAAA3 ../etc/passwd\n\
ssh-ed25519 AAAA4\n\
#ssh-ed25519 AAAA5 eve\n";

    #[rstest]
    #[case("publickey ssh-ed25519 AAAA1\n", Some("ann"))]
    #[case("publickey ssh-ed25519 AAAA2", Some("bob.lee"))]
    #[case("password\npublickey ssh-ed25519 AAAA1", Some("ann"))]
    #[case("publickey ssh-rsa AAAA3", None)]
    #[case("publickey ssh-ed25519 AAAA4", None)]
    #[case("publickey ssh-ed25519 AAAA5", None)]
    #[case("publickey ssh-ed25519 AAAA9", None)]
    #[case("publickey ssh-ed25519", None)]
    #[case("password", None)]
    #[case("", None)]
    fn names(#[case] info: &str, #[case] name: Option<&str>) {
        assert_eq!(name_of(info, KEYS).as_deref(), name);
    }
}
