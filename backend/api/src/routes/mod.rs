//! The routes of the service.

mod annotations;
mod incidents;
mod probes;
mod read;

use crate::error::ApiError;
use crate::middleware as around;
use crate::state::App;
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Query};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, put};
use serde::Deserialize;
use std::sync::Arc;

/// Longest accepted body. Events do not come in here.
const BODY: usize = 64 * 1024;
/// Items of a page when the client does not say.
const LIMIT: u32 = 50;

pub(crate) fn router(app: Arc<App>) -> Router {
    let v1 = Router::new()
        .route("/api/v1/alerts", get(read::alerts))
        .route("/api/v1/alerts/{id}", get(read::alert))
        .route("/api/v1/incidents", get(read::incidents))
        .route("/api/v1/incidents/{id}", get(read::incident))
        .route("/api/v1/incidents/{id}/status", put(incidents::handle))
        .route("/api/v1/investigations", get(read::investigations))
        .route("/api/v1/events", get(read::events))
        .route("/api/v1/tenants", get(read::tenants))
        .route("/api/v1/sla", get(read::sla))
        .route(
            "/api/v1/annotations",
            get(annotations::list).post(annotations::create),
        )
        .route("/api/v1/annotations/count", get(annotations::count))
        .route_layer(from_fn_with_state(Arc::clone(&app), around::admit));
    let api = v1
        .route("/api/health", get(probes::health))
        .route_layer(from_fn_with_state(Arc::clone(&app), around::inject));
    let internal = Router::new()
        .route("/internal/fault", put(probes::set_fault).get(probes::fault))
        .route("/internal/vantage", get(probes::vantage))
        .route_layer(from_fn_with_state(Arc::clone(&app), around::internal));
    let probes = aisoc_telemetry::probe::router(app.readiness.clone())
        .route_layer(from_fn_with_state(Arc::clone(&app), around::look_before_readyz));
    api.merge(internal)
        .fallback(|| async { ApiError::not_found("there is no such route", "routes begin with /api/v1/") })
        .method_not_allowed_fallback(|| async {
            ApiError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "the route exists, but not with this method",
                "reads are GET, annotations are POST, an incident's status is PUT",
            )
        })
        .layer(DefaultBodyLimit::max(BODY))
        .layer(from_fn_with_state(Arc::clone(&app), around::measure))
        .with_state(app)
        .merge(probes)
}

/// Which page of a list.
#[derive(Debug, Deserialize)]
struct PageQuery {
    limit: Option<u32>,
    after: Option<String>,
}

impl PageQuery {
    fn limit(&self) -> u32 {
        self.limit.unwrap_or(LIMIT)
    }

    fn cursor(&self) -> Result<Option<aisoc_storage::Cursor>, ApiError> {
        Ok(self.after.as_deref().map(str::parse).transpose()?)
    }
}

/// A query string, or a JSON error instead of axum's plain text.
type Parsed<T> = Result<Query<T>, QueryRejection>;

fn parsed<T>(query: Parsed<T>) -> Result<T, ApiError> {
    match query {
        Ok(Query(query)) => Ok(query),
        Err(rejection) => {
            let message = aisoc_model::text::sanitize(&rejection.body_text(), 200);
            Err(ApiError::invalid(
                message,
                "see the documentation of the route's parameters",
            ))
        }
    }
}
