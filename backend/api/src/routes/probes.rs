//! What machines ask about the service itself.

use super::{Parsed, parsed};
use crate::error::ApiError;
use crate::state::App;
use aisoc_model::vantage::Report;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Longest latency an operator may inject.
const MAX_LATENCY_MS: u64 = 60_000;
/// Time between two checks of a peer when the caller does not say, as the operations document has it.
const CHECK_INTERVAL_MS: u64 = 10_000;

/// `GET /api/health`: 200 when requests may be sent here, 503 with the reason when not.
pub(super) async fn health(State(app): State<Arc<App>>) -> Response {
    let mut report = app.health.report().await;
    let leaving = app
        .readiness
        .problems()
        .into_iter()
        .find(|(part, _)| part == "shutdown");
    if let Some((part, problem)) = leaving {
        report.assessment.status = "unavailable";
        report.assessment.reason = Some(format!("{part}: {problem}"));
    }
    let status = if report.assessment.serves() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = serde_json::json!({
        "region": app.config.region,
        "zone": app.config.zone,
        "instance": app.config.instance,
        "version": app.config.version,
        "clusters": report.clusters,
        "status": report.assessment.status,
        "role": report.assessment.role,
        "reason": report.assessment.reason,
    });
    (status, Json(body)).into_response()
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultBody {
    latency_ms: u64,
}

/// `PUT /internal/fault`.
pub(super) async fn set_fault(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<FaultBody>, ApiError> {
    let wanted: FaultBody = serde_json::from_slice(&body)
        .map_err(|error| ApiError::invalid(error.to_string(), "send {\"latency_ms\": 800}; 0 heals"))?;
    if wanted.latency_ms > MAX_LATENCY_MS {
        let message = format!("latency_ms is over {MAX_LATENCY_MS}");
        return Err(ApiError::invalid(message, "choose a smaller one"));
    }
    tracing::warn!(latency_ms = wanted.latency_ms, "injected latency changed");
    app.faults.set_latency(wanted.latency_ms);
    Ok(Json(wanted))
}

/// `GET /internal/fault`.
pub(super) async fn fault(State(app): State<Arc<App>>) -> Json<FaultBody> {
    Json(FaultBody {
        latency_ms: app.faults.latency_ms(),
    })
}

/// How often the asking control plane wants the peers to be checked.
#[derive(Debug, Deserialize)]
pub(super) struct VantageQuery {
    interval_ms: Option<u64>,
}

/// `GET /internal/vantage`: what this region sees of the others; 404 when no peers are configured.
pub(super) async fn vantage(
    State(app): State<Arc<App>>,
    query: Parsed<VantageQuery>,
) -> Result<Json<Report>, ApiError> {
    let interval = parsed(query)?.interval_ms.unwrap_or(CHECK_INTERVAL_MS);
    match app.vantage.report(Duration::from_millis(interval)) {
        Some(Ok(report)) => Ok(Json(report)),
        Some(Err(why)) => Err(ApiError::unavailable(why)),
        None => Err(ApiError::not_found(
            "no peers are configured",
            "give --peers-file (AISOC_PEERS_FILE) a list of the other regions' api instances",
        )),
    }
}
