//! Where knowledge about an event comes from.

pub mod assets;
pub mod geo;
pub mod indicators;

use aisoc_model::event::{Enrichment, EventRecord};
use std::path::{Path, PathBuf};

/// A source of knowledge about an event.
pub trait Source: Send + Sync {
    /// Its name in logs.
    fn name(&self) -> &'static str;

    /// Adds what it knows.
    ///
    /// # Errors
    /// When it cannot answer now; the event goes on without.
    fn add(&self, event: &EventRecord, to: &mut Enrichment) -> Result<(), SourceError>;
}

/// Why a source has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// Why a list or database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("could not read {path}: {source}; check the path and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{what} is malformed: {problem}")]
    Malformed {
        /// The file, or the built-in list.
        what: String,
        /// Where and why.
        problem: String,
    },
}

/// The text of `file`, or the built-in one.
fn text_or(file: Option<&Path>, builtin: &'static str) -> Result<(String, String), LoadError> {
    let Some(path) = file else {
        return Ok(("the built-in list".to_owned(), builtin.to_owned()));
    };
    let text = std::fs::read_to_string(path).map_err(|source| LoadError::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok((path.display().to_string(), text))
}
