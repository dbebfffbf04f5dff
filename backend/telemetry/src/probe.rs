//! `/livez` and `/readyz` of a service.
//!
//! Alive means that the process answers. Ready means that no part of it has reported a problem; what a part
//! is, the service decides.

use aisoc_model::text::sanitize;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What keeps a service from being ready, by part. Clones share their state.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    parts: Arc<Mutex<BTreeMap<Cow<'static, str>, Option<String>>>>,
}

impl Readiness {
    /// Nothing reported yet, which counts as ready: report `Some("starting")` for each part first.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reports the state of `part`: a problem, or `None` when it works.
    pub fn set(&self, part: impl Into<Cow<'static, str>>, problem: Option<String>) {
        let problem = problem.map(|text| sanitize(&text, 400));
        self.parts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(part.into(), problem);
    }

    /// The parts that have a problem, and which.
    #[must_use]
    pub fn problems(&self) -> Vec<(Cow<'static, str>, String)> {
        self.parts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .filter_map(|(part, problem)| problem.as_ref().map(|problem| (part.clone(), problem.clone())))
            .collect()
    }

    /// Whether no part has a problem.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.problems().is_empty()
    }
}

/// `/livez`: always 200. `/readyz`: 200, or 503 with the problems.
pub fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .with_state(readiness)
}

async fn livez() -> Response {
    Json(serde_json::json!({ "status": "alive" })).into_response()
}

async fn readyz(State(readiness): State<Readiness>) -> Response {
    let problems = readiness.problems();
    if problems.is_empty() {
        return Json(serde_json::json!({ "status": "ready" })).into_response();
    }
    let problems: BTreeMap<_, _> = problems.into_iter().collect();
    let body = serde_json::json!({ "status": "not ready", "problems": problems });
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ready_when_no_part_has_a_problem() {
        let readiness = Readiness::new();
        assert_eq!(readyz(State(readiness.clone())).await.status(), StatusCode::OK);
        readiness.set("database", Some("connection refused".to_owned()));
        readiness.set("bus", None);
        assert_eq!(
            readiness.problems(),
            vec![("database".into(), "connection refused".to_owned())]
        );
        assert_eq!(
            readyz(State(readiness.clone())).await.status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
        readiness.set("database", None);
        assert!(readiness.is_ready());
    }
}
