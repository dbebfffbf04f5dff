//! Vocabulary documents inside messages: JSON bytes, with an error that names the document.

use crate::error::RpcError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The bytes of a document.
///
/// # Errors
/// When the document has a map whose keys are no text; none of the vocabulary has.
pub fn encode<T: Serialize>(what: &'static str, document: &T) -> Result<Vec<u8>, RpcError> {
    serde_json::to_vec(document).map_err(|e| RpcError::Document {
        what,
        why: e.to_string(),
    })
}

/// The document in some bytes.
///
/// # Errors
/// When the bytes are not that document, which happens between versions that do not fit.
pub fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, RpcError> {
    serde_json::from_slice(bytes).map_err(|e| RpcError::Document {
        what,
        why: e.to_string(),
    })
}
