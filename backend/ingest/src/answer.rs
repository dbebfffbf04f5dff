//! What a client is told.

use aisoc_bus::BusError;
use aisoc_model::text::sanitize;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The answer to an accepted request, also when some of its events were not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Events that are durable now.
    pub accepted: usize,
    /// Events that could not be understood; they are in the dead-letter topic, with the reason.
    pub rejected: usize,
    /// Names this request in the logs.
    pub request_id: String,
    /// One entry a rejected event.
    pub errors: Vec<ItemError>,
}

/// Why one event was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemError {
    /// Its place in the request, from 0.
    pub index: usize,
    /// For programs.
    pub code: &'static str,
    /// For people.
    pub reason: String,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self)).into_response()
    }
}

/// Why a whole request was refused. Nothing of it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: StatusCode,
    /// For programs.
    pub code: &'static str,
    /// What was wrong.
    pub message: String,
    /// What to do.
    pub hint: &'static str,
    /// When to try again, seconds.
    pub retry_after: Option<u32>,
}

impl Refusal {
    /// A refusal that trying again does not change.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, message: &str, hint: &'static str) -> Self {
        Self {
            status,
            code,
            message: sanitize(message, 400),
            hint,
            retry_after: None,
        }
    }

    /// A refusal that trying again after `seconds` may change.
    #[must_use]
    pub fn later(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// A refusal because the spool did not take the events.
    #[must_use]
    pub fn from_spool(error: &BusError) -> Self {
        let message = error.to_string();
        match error {
            BusError::Full { .. } => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "spool_full",
                &message,
                "keep the events and send them again later",
            )
            .later(5),
            BusError::DiskFull { .. } => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "disk_full",
                &message,
                "nothing was accepted; keep the events and send them again when the operator made room",
            )
            .later(30),
            BusError::Invalid(_) => Self::new(
                StatusCode::BAD_REQUEST,
                "invalid",
                &message,
                "correct the request and send it again",
            ),
            _ => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "spool_unavailable",
                &message,
                "the events count as not accepted; send them again",
            )
            .later(2),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = serde_json::json!({ "code": self.code, "message": self.message, "hint": self.hint });
        let mut response = (self.status, Json(serde_json::json!({ "error": error }))).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
