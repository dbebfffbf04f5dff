//! What surrounds every request: measuring, bounds, injected faults, the trace, the tenant.

use crate::auth;
use crate::error::ApiError;
use crate::state::App;
use aisoc_telemetry::{metrics, propagation};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::Instrument;

/// Longest time for one request, waiting for a writer and injected latency included.
const REQUEST: Duration = Duration::from_secs(20);
/// What the service is for, and is measured by.
const SERVICE: &str = "/api/v1/";

/// Outermost of all routes: duration into the agent check and, for `/api/v1`, into the SLIs; a trace; closing
/// connections while shutting down, so that the load balancer does not reuse one that is about to end.
pub(crate) async fn measure(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "unmatched".to_owned());
    let method = request.method().clone();
    // Probes come several times a second from everybody and are part of no story: a trace of them costs more than they do.
    let span = if route.starts_with(SERVICE) {
        tracing::info_span!(
            "request",
            otel.kind = "server",
            otel.status_code = tracing::field::Empty,
            http.route = %route,
            http.request.method = %method,
            http.response.status_code = tracing::field::Empty,
        )
    } else {
        tracing::Span::none()
    };
    let traceparent = request
        .headers()
        .get("traceparent")
        .and_then(|value| value.to_str().ok());
    propagation::set_parent(&span, traceparent);
    let answered = tokio::time::timeout(REQUEST, next.run(request).instrument(span.clone())).await;
    let mut response = answered.unwrap_or_else(|_| {
        let message = format!("the request was not finished within {} s", REQUEST.as_secs());
        ApiError::new(
            StatusCode::GATEWAY_TIMEOUT,
            "timeout",
            message,
            "send it again; ids make that safe",
        )
        .into_response()
    });
    let status = response.status().as_u16();
    span.record("http.response.status_code", status);
    if status >= 500 {
        span.record("otel.status_code", "error");
    }
    let seconds = started.elapsed().as_secs_f64();
    if route.starts_with("/api/") {
        app.checks.record(seconds);
    }
    if route.starts_with(SERVICE) {
        metrics::http_request(&route, method.as_str(), status, seconds);
    }
    if app.shutdown.has_begun() {
        response
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Badness on purpose, on all of `/api`: latency everywhere, errors everywhere but on health.
pub(crate) async fn inject(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let latency = app.faults.latency();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    if request.uri().path() != "/api/health" && app.faults.fails(rand::random()) {
        return ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "injected",
            "this release fails a share of its requests on purpose",
            "roll back the release (api.inject_error_rate)",
        )
        .into_response();
    }
    next.run(request).await
}

/// Innermost of `/api/v1`: at most so many requests at once, and each speaks for a tenant.
pub(crate) async fn admit(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let Ok(_place) = app.in_flight.try_acquire() else {
        return ApiError::unavailable("this instance works on as many requests as it can").into_response();
    };
    match app.tokens.tenant(request.headers()).await {
        Ok(tenant) => {
            request.extensions_mut().insert(tenant);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

/// `/internal/*`: only for holders of the internal token.
pub(crate) async fn internal(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if auth::is_internal(request.headers(), app.internal_token.as_deref()) {
        return next.run(request).await;
    }
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "internal routes need the internal token",
        "send 'Authorization: Bearer <token of AISOC_INTERNAL_TOKEN_FILE>'",
    )
    .into_response()
}

/// `/readyz` looks at the database first; `/livez` never waits for anything.
pub(crate) async fn look_before_readyz(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    if request.uri().path() == "/readyz" {
        let report = app.health.report().await;
        let lost = !report.assessment.serves();
        app.readiness
            .set("database", report.assessment.reason.filter(|_| lost));
    }
    next.run(request).await
}
