//! What can go wrong between a console and a control plane, in an operator's terms.

use tonic::Code;

/// A failed call.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RpcError {
    /// The address cannot be used.
    #[error("control plane address '{address}': {why}; give it as http://host:port")]
    Address {
        /// The address as given.
        address: String,
        /// Why not.
        why: String,
    },
    /// Nobody answers there.
    #[error("no control plane at {address}: {why}; is it running? `aisoc local status` tells")]
    Unreachable {
        /// The address.
        address: String,
        /// The transport's words.
        why: String,
    },
    /// The token is missing, unknown or expired.
    #[error("the control plane refused the token: {0}; check --token-file")]
    Unauthenticated(String),
    /// The token may not do this.
    #[error("not allowed: {0}")]
    Forbidden(String),
    /// The request makes no sense: an unknown region, a missing reason.
    #[error("{0}")]
    Invalid(String),
    /// The request was understood and refused: a gate, a plan that drifted or expired, a wrong confirmation.
    #[error("{0}")]
    Refused(String),
    /// No such thing.
    #[error("{0}")]
    NotFound(String),
    /// A message was not the document it should be.
    #[error(
        "{what} from the control plane cannot be read ({why}): console and control plane differ in version"
    )]
    Document {
        /// Which document.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// The answer is not known: the call timed out or broke. Look before trying again.
    #[error(
        "no answer ({0}): the request may or may not have been carried out; look at the operations first"
    )]
    Unknown(String),
}

impl RpcError {
    /// The error that a gRPC status stands for.
    #[must_use]
    pub fn from_status(address: &str, status: &tonic::Status) -> Self {
        let text = aisoc_model::text::sanitize(status.message(), 2_000);
        match status.code() {
            Code::Unauthenticated => Self::Unauthenticated(text),
            Code::PermissionDenied => Self::Forbidden(text),
            Code::NotFound => Self::NotFound(text),
            Code::InvalidArgument => Self::Invalid(text),
            Code::FailedPrecondition | Code::AlreadyExists | Code::Aborted => Self::Refused(text),
            Code::Unavailable => Self::Unreachable {
                address: address.to_owned(),
                why: text,
            },
            _ => Self::Unknown(text),
        }
    }
}
