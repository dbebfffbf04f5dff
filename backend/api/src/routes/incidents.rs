//! What people do with incidents: acknowledge and close them. The times of it are what MTTA and MTTR are made of.

use crate::error::ApiError;
use crate::state::App;
use aisoc_model::event::Tenant;
use aisoc_storage::incidents::{self as store, Handling};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// How long a write waits for a writer.
const WRITER_WAIT: Duration = Duration::from_secs(5);
const HINT: &str = "send {\"status\": \"acknowledged\"} or {\"status\": \"closed\"}";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    status: Status,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Acknowledged,
    Closed,
}

/// `PUT /api/v1/incidents/{id}/status`. Answers with the status that holds then: it only ever moves forward.
pub(super) async fn handle(
    State(app): State<Arc<App>>,
    Extension(tenant): Extension<Arc<Tenant>>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Result<Json<Value>, ApiError> {
    let body: Body = serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::invalid(aisoc_model::text::sanitize(&error.to_string(), 200), HINT))?;
    let handling = match body.status {
        Status::Acknowledged => Handling::Acknowledged,
        Status::Closed => Handling::Closed,
    };
    let actor = app.config.origin();
    let status = store::handle(
        app.database(&tenant)?,
        WRITER_WAIT,
        &tenant.id,
        &id,
        handling,
        &actor,
    )
    .await?;
    match status {
        Some(status) => Ok(Json(serde_json::json!({ "id": id, "status": status }))),
        None => Err(ApiError::not_found(
            "your tenant has no incident with this id",
            "/api/v1/incidents lists them",
        )),
    }
}
