//! Secrets from files: read again at each use, and kept when the file goes away.

use anyhow::Context;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Longest secret file.
const MAX: u64 = 64 * 1024;

/// A file that holds a secret and is kept fresh by something else (a mounted secret, an agent).
pub(in crate::drivers) struct SecretFile {
    path: PathBuf,
    last_good: Mutex<String>,
}

impl SecretFile {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// When it cannot be read, is empty or too long: a control plane that could not act says so at its start.
    pub fn open(path: &str) -> anyhow::Result<Self> {
        let path = PathBuf::from(path);
        let text = read(&path).with_context(|| format!("secret file {}", path.display()))?;
        Ok(Self {
            path,
            last_good: Mutex::new(text),
        })
    }

    /// What it holds now, or held last.
    pub fn text(&self) -> String {
        let mut last_good = self.last_good.lock().unwrap_or_else(PoisonError::into_inner);
        match read(&self.path) {
            Ok(text) => *last_good = text,
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "the secret file is gone: its last content is used");
            }
        }
        last_good.clone()
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    anyhow::ensure!(std::fs::metadata(path)?.len() <= MAX, "longer than {MAX} bytes");
    let text = std::fs::read_to_string(path)?.trim().to_owned();
    anyhow::ensure!(!text.is_empty(), "it is empty");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_renewed_and_survives_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        assert!(SecretFile::open(&path.display().to_string()).is_err());
        std::fs::write(&path, "one\n").unwrap();
        let secret = SecretFile::open(&path.display().to_string()).unwrap();
        assert_eq!(secret.text(), "one");
        std::fs::write(&path, "two").unwrap();
        assert_eq!(secret.text(), "two");
        std::fs::write(&path, "").unwrap();
        assert_eq!(secret.text(), "two", "half-written");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(secret.text(), "two");
    }
}
