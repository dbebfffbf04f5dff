//! `POST /v1/ingest`, `/livez`, `/readyz`.

use crate::accept::Acceptor;
use crate::answer::{Answer, Refusal};
use crate::body::{self, Encoding};
use crate::config::Limits;
use crate::envelope::{self, Item, Layout, Source};
use crate::tenants::{Directory, NotKnown};
use aisoc_bus::BusError;
use aisoc_model::event::Tenant;
use aisoc_model::text::sanitize;
use aisoc_telemetry::probe::{self, Readiness};
use aisoc_telemetry::{metrics, propagation};
use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::Instrument;

/// A body that is parsed beside the event loop rather than in it.
const LARGE: usize = 64 << 10;
/// Longest wait for other requests' bodies to be done with.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time between looks at a spool that failed.
const SPOOL_LOOK: Duration = Duration::from_secs(1);

/// What the handlers share.
pub struct Context {
    /// Makes events durable.
    pub acceptor: Acceptor,
    /// Tokens and tenants.
    pub directory: Arc<Directory>,
    /// Bounds of requests.
    pub limits: Limits,
    /// Latency added to every request.
    pub inject_latency: Duration,
    /// What keeps this process from being ready.
    pub readiness: Readiness,
    in_flight: Arc<Semaphore>,
    watching: Arc<AtomicBool>,
}

impl Context {
    /// A context.
    #[must_use]
    pub fn new(
        acceptor: Acceptor,
        directory: Arc<Directory>,
        limits: Limits,
        inject_latency: Duration,
        readiness: Readiness,
    ) -> Self {
        let in_flight = Arc::new(Semaphore::new(limits.in_flight_bytes.div_ceil(1024)));
        Self {
            acceptor,
            directory,
            limits,
            inject_latency,
            readiness,
            in_flight,
            watching: Arc::default(),
        }
    }

    /// Not ready until the spool takes events again; nobody may send any while this is not ready.
    fn watch_spool(&self, error: &BusError) {
        self.readiness.set("spool", Some(error.to_string()));
        if self.watching.swap(true, Ordering::AcqRel) {
            return;
        }
        let (spool, readiness, watching) = (
            self.acceptor.spool.clone(),
            self.readiness.clone(),
            self.watching.clone(),
        );
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SPOOL_LOOK).await;
                match spool.check().await {
                    Ok(()) => break readiness.set("spool", None),
                    Err(BusError::Closed) => break,
                    Err(error) => readiness.set("spool", Some(error.to_string())),
                }
            }
            watching.store(false, Ordering::Release);
        });
    }

    /// A share of the memory for bodies.
    async fn room(
        &self,
        announced: Option<usize>,
        encoding: Encoding,
    ) -> Result<OwnedSemaphorePermit, Refusal> {
        // A compressed or unannounced body may become as large as any.
        let bytes = announced
            .filter(|_| encoding == Encoding::Identity)
            .unwrap_or(self.limits.body_bytes);
        let share = u32::try_from(bytes.min(self.limits.in_flight_bytes).div_ceil(1024)).unwrap_or(u32::MAX);
        let acquire = self.in_flight.clone().acquire_many_owned(share);
        match tokio::time::timeout(PATIENCE, acquire).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                "busy",
                &format!(
                    "requests of {} bytes are being worked on already",
                    self.limits.in_flight_bytes
                ),
                "send fewer requests at a time",
            )
            .later(1)),
        }
    }
}

/// The service's routes.
pub fn router(context: Arc<Context>) -> Router {
    let probes = probe::router(context.readiness.clone());
    Router::new()
        .route("/v1/ingest", post(ingest))
        .with_state(context)
        .merge(probes)
}

async fn ingest(
    State(context): State<Arc<Context>>,
    named: Result<Query<Source>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let request_id = uuid::Uuid::now_v7().to_string();
    let span = tracing::info_span!(
        "ingest",
        otel.kind = "server",
        %request_id,
        tenant = tracing::field::Empty
    );
    propagation::set_parent(&span, headers.get("traceparent").and_then(|v| v.to_str().ok()));
    let named = named.map(|Query(source)| source).unwrap_or_default();
    let mut body = body.into_data_stream();
    let outcome = take(&context, named, &headers, &mut body, request_id.clone())
        .instrument(span.clone())
        .await;
    let mut response = match outcome {
        Ok(answer) => answer.into_response(),
        Err(refusal) => {
            body::drain(&mut body).await;
            span.in_scope(|| {
                let (status, code, message) = (refusal.status.as_u16(), refusal.code, &refusal.message);
                tracing::warn!(status, code, message, "a request was refused");
            });
            refusal.into_response()
        }
    };
    if let Ok(value) = request_id.parse() {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

async fn take(
    context: &Context,
    named: Source,
    headers: &HeaderMap,
    stream: &mut BodyDataStream,
    request_id: String,
) -> Result<Answer, Refusal> {
    if !context.inject_latency.is_zero() {
        tokio::time::sleep(context.inject_latency).await;
    }
    let tenant = tenant(context, headers).await?;
    tracing::Span::current().record("tenant", tenant.id.as_str());
    let limits = context.limits;
    let (layout, encoding) = (Layout::of(headers)?, Encoding::of(headers)?);
    let announced = body::announced(headers, limits.body_bytes)?;
    let _room = context.room(announced, encoding).await?;
    let body = body::read(stream, limits.body_bytes, limits.body_time).await?;
    let parse = move || -> Result<(Source, Vec<Item>), Refusal> {
        let plain = body::decode(body, encoding, limits.body_bytes)?;
        envelope::parse(&plain, layout, named, limits.events)
    };
    let (source, items) = if encoding == Encoding::Gzip || announced.is_none_or(|bytes| bytes > LARGE) {
        tokio::task::spawn_blocking(parse).await.map_err(|_| broken())??
    } else {
        parse()?
    };
    let traceparent = propagation::current_traceparent();
    let accepted = context
        .acceptor
        .accept(&tenant, source, items, traceparent)
        .await
        .map_err(|error| {
            if matches!(error, BusError::Storage { .. } | BusError::DiskFull { .. }) {
                context.watch_spool(&error);
            }
            Refusal::from_spool(&error)
        })?;
    metrics::count("aisoc.events.accepted", accepted.accepted as u64);
    if accepted.rejected > 0 {
        metrics::count("aisoc.events.rejected", accepted.rejected as u64);
        metrics::count("aisoc.events.dead_lettered", accepted.rejected as u64);
    }
    let errors = accepted.errors;
    Ok(Answer {
        accepted: accepted.accepted,
        rejected: accepted.rejected,
        request_id,
        errors,
    })
}

/// The tenant behind the request's token, when this region may have its events.
async fn tenant(context: &Context, headers: &HeaderMap) -> Result<Arc<Tenant>, Refusal> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "no_token",
            "the request carries no token",
            "send `Authorization: Bearer <ingest token>`",
        ));
    };
    let tenant = context
        .directory
        .authenticate(token)
        .await
        .map_err(|reason| match reason {
            NotKnown::Refused => Refusal::new(
                StatusCode::UNAUTHORIZED,
                "bad_token",
                "the token is not valid",
                "use the tenant's current ingest token",
            ),
            NotKnown::NotLoaded => Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "tenants_unknown",
                "this process has not learnt any tenants yet",
                "the events count as not accepted; send them again",
            )
            .later(2),
        })?;
    let region = &context.acceptor.region;
    if !tenant.residency.is_empty() && !tenant.residency.contains(region) {
        // Taking them here would already put them on a disk of a region that may not have them.
        let allowed: Vec<&str> = tenant
            .residency
            .iter()
            .map(aisoc_model::RegionId::as_str)
            .collect();
        let message = format!(
            "events of tenant {} may not be in region {region}; its residency is {}",
            sanitize(&tenant.id, 80),
            allowed.join(", ")
        );
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "residency",
            &message,
            "send them to ingest of one of these regions",
        ));
    }
    Ok(tenant)
}

fn broken() -> Refusal {
    Refusal::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "the request could not be worked on",
        "the events count as not accepted; send them again",
    )
}
