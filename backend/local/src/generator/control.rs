//! The control endpoint of a running generator.
//!
//! `PUT /rates` takes `requests_per_second` and `events_per_second` (either may be left out), `GET /stats`
//! answers with the numbers, `GET /acknowledged` with the ids of acknowledged annotations, one a line.

use super::Rates;
use super::stats::{Report, Stats};
use anyhow::Context as _;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Deserialize;
use std::fmt::Write as _;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

#[derive(Clone)]
struct Shared {
    rates: Arc<watch::Sender<Rates>>,
    stats: Arc<Stats>,
}

/// A change of rates; what is left out stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default)]
    requests_per_second: Option<f64>,
    #[serde(default)]
    events_per_second: Option<f64>,
}

pub(super) async fn serve(
    listener: TcpListener,
    rates: watch::Sender<Rates>,
    stats: Arc<Stats>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let shared = Shared {
        rates: Arc::new(rates),
        stats,
    };
    let router = Router::new()
        .route("/rates", put(set_rates))
        .route("/stats", get(report))
        .route("/acknowledged", get(acknowledged))
        .route("/livez", get(|| async { "alive" }))
        .route("/readyz", get(|| async { "ready" }))
        .with_state(shared);
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
        .context("the traffic generator's control endpoint stopped")
}

async fn set_rates(State(shared): State<Shared>, Json(change): Json<Change>) -> Response {
    let now = *shared.rates.borrow();
    let wanted = Rates {
        requests_per_second: change.requests_per_second.unwrap_or(now.requests_per_second),
        events_per_second: change.events_per_second.unwrap_or(now.events_per_second),
    };
    match wanted.check() {
        Ok(rates) => {
            shared.rates.send_replace(rates);
            Json(rates).into_response()
        }
        Err(why) => {
            let error = serde_json::json!({ "error": { "code": "invalid", "message": why.to_string() } });
            (StatusCode::UNPROCESSABLE_ENTITY, Json(error)).into_response()
        }
    }
}

async fn report(State(shared): State<Shared>) -> Json<Report> {
    Json(shared.stats.report(*shared.rates.borrow()))
}

async fn acknowledged(State(shared): State<Shared>) -> String {
    let mut lines = String::new();
    for id in shared.stats.acknowledged_ids() {
        let _ = writeln!(lines, "{id}");
    }
    lines
}
