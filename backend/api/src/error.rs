//! Errors as clients see them: a code for programs, a message and a hint for people, always JSON.

use aisoc_storage::Error as StorageError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Seconds after which a client should try again while the writer is away.
const RETRY_AFTER: &str = "2";

#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    hint: &'static str,
}

impl ApiError {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        hint: &'static str,
    ) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            hint,
        }
    }

    pub(crate) fn invalid(message: impl Into<String>, hint: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", message, hint)
    }

    pub(crate) fn not_found(message: impl Into<String>, hint: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message, hint)
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "the token is missing, unknown or revoked",
            "send 'Authorization: Bearer <api token>' with a token of your tenant",
        )
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            message,
            "send the same request again after the time in Retry-After; ids make that safe",
        )
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::BadCursor(_) => Self::invalid(error.to_string(), "start again without 'after'"),
            StorageError::Conflict { .. } => Self::new(
                StatusCode::CONFLICT,
                "conflict",
                error.to_string(),
                "an id names one content for ever; make a new one",
            ),
            StorageError::UnknownCluster { .. } => {
                tracing::error!(%error, "a tenant is not served");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "unknown_cluster",
                    "this instance cannot reach the database cluster that keeps your tenant's data",
                    "another region may; whoever runs this one finds the cause in the service's log",
                )
            }
            _ if error.is_transient() => {
                tracing::warn!(%error, "the database is away");
                Self::unavailable("the database did not take the request in time")
            }
            _ => {
                tracing::error!(%error, "storage failed");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "internal",
                    "the request failed in storage",
                    "the service's log has the cause",
                )
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error =
            serde_json::json!({ "error": { "code": self.code, "message": self.message, "hint": self.hint } });
        let mut response = (self.status, Json(error)).into_response();
        let headers = response.headers_mut();
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
            }
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}
