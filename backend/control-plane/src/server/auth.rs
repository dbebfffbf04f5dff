//! Bearer tokens and what they allow.

use aisoc_model::text::sanitize;
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use subtle::ConstantTimeEq;
use tonic::{Request, Status};

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// May look, and ask for plans.
    Viewer,
    /// May act.
    Operator,
}

impl Role {
    /// The word in the tokens file and on screens.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
        }
    }
}

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Name from the tokens file.
    pub name: String,
    /// What the token allows.
    pub role: Role,
}

/// The tokens that are accepted; only their hashes are kept.
#[derive(Debug)]
pub struct Tokens {
    known: Vec<([u8; 32], Caller)>,
}

impl Tokens {
    /// Reads a tokens file: lines `token role name`, `#` begins a comment.
    ///
    /// # Errors
    /// When the file cannot be read, a line is not of that shape, or there is no token in it.
    pub fn read(path: impl AsRef<Path>) -> anyhow::Result<Self> {
        let path = path.as_ref();
        let shown = path.display();
        let text = fs::read_to_string(path)
            .map_err(|e| anyhow::anyhow!("tokens file {shown}: cannot be read: {e}"))?;
        if let Ok(metadata) = fs::metadata(path)
            && metadata.permissions().mode() & 0o077 != 0
        {
            tracing::warn!(file = %shown, "others on this machine may read the tokens; chmod 600 it");
        }
        Self::parse(&text).map_err(|why| anyhow::anyhow!("tokens file {shown}: {why}"))
    }

    /// Reads the text of a tokens file.
    ///
    /// # Errors
    /// As a sentence, without any token in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut known = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at = number + 1;
            let mut words = line.splitn(3, char::is_whitespace);
            let (Some(token), Some(role), Some(name)) = (words.next(), words.next(), words.next()) else {
                return Err(format!("line {at} is not 'token role name'"));
            };
            let role = match role {
                "viewer" => Role::Viewer,
                "operator" => Role::Operator,
                other => {
                    let other = sanitize(other, 20);
                    return Err(format!(
                        "line {at}: role '{other}' is neither viewer nor operator"
                    ));
                }
            };
            let name = sanitize(name.trim(), 80);
            known.push((hash(token), Caller { name, role }));
        }
        if known.is_empty() {
            return Err("has no token; nobody could connect".to_owned());
        }
        Ok(Self { known })
    }

    /// Who presents this token. Takes the same time whichever token it is, or none.
    #[must_use]
    pub fn caller(&self, token: &str) -> Option<&Caller> {
        let presented = hash(token);
        let mut found = None;
        for (known, caller) in &self.known {
            if bool::from(known.ct_eq(&presented)) {
                found = Some(caller);
            }
        }
        found
    }

    /// Puts the caller into a request's extensions, or turns the request away.
    ///
    /// # Errors
    /// `Unauthenticated`, with what is wrong and what to do.
    pub fn authenticate(&self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let header = request
            .metadata()
            .get("authorization")
            .ok_or_else(|| Status::unauthenticated("no token was sent; give one with --token-file"))?;
        let token = header
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix("Bearer "))
            .ok_or_else(|| Status::unauthenticated("the authorization is not 'Bearer TOKEN'"))?;
        let caller = self
            .caller(token.trim())
            .cloned()
            .ok_or_else(|| Status::unauthenticated("this token is not known here"))?;
        request.extensions_mut().insert(caller);
        Ok(request)
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The caller of an authenticated request.
///
/// # Errors
/// `Unauthenticated` when the request did not pass [`Tokens::authenticate`].
pub fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    request
        .extensions()
        .get::<Caller>()
        .cloned()
        .ok_or_else(|| Status::unauthenticated("no token was sent; give one with --token-file"))
}

/// The caller, who has to be an operator.
///
/// # Errors
/// `PermissionDenied` for a viewer.
pub fn operator<T>(request: &Request<T>, to: &str) -> Result<Caller, Status> {
    let caller = caller(request)?;
    if caller.role == Role::Operator {
        return Ok(caller);
    }
    Err(Status::permission_denied(format!(
        "{} has a viewer's token; {to} needs an operator's",
        caller.name
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn names_may_have_spaces_and_comments_are_skipped() {
        let tokens = Tokens::parse("# who\n\nabc operator Ann Lee\nxyz viewer wall\n").unwrap();
        assert_eq!(
            tokens.caller("abc"),
            Some(&Caller {
                name: "Ann Lee".into(),
                role: Role::Operator
            })
        );
        assert_eq!(tokens.caller("xyz").unwrap().role, Role::Viewer);
        assert_eq!(tokens.caller("ab"), None);
        assert_eq!(tokens.caller(""), None);
    }

    #[rstest]
    #[case("", "no token")]
    #[case("abc operator", "line 1")]
    #[case("abc root ann", "role 'root'")]
    fn bad_files_are_told_without_their_tokens(#[case] text: &str, #[case] why: &str) {
        let error = Tokens::parse(text).unwrap_err();
        assert!(error.contains(why) && !error.contains("abc"), "{error}");
    }
}
