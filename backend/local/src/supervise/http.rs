//! The supervisor's HTTP API on the loopback, behind its token.

use super::lifecycle::{Phase, Supervisor};
use crate::error::{Failure, as_failure, exit};
use aisoc_model::fence::FenceStatus;
use aisoc_model::inventory::{Fault, FaultSpec, Inventory, Releases};
use aisoc_model::{ClusterName, RegionId};
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use subtle::ConstantTimeEq;

type Shared = State<Arc<Supervisor>>;

/// Largest request.
const LARGEST: usize = 256 * 1024;

/// All routes.
pub(super) fn router(supervisor: Arc<Supervisor>) -> Router {
    Router::new()
        .route("/v1/inventory", get(inventory))
        .route("/v1/phase", get(phase))
        .route("/v1/faults", post(inflict).delete(heal_all))
        .route("/v1/faults/{id}", delete(heal))
        .route(
            "/v1/fences/{cluster}/{region}",
            get(fenced).put(fence).delete(unfence),
        )
        .route("/v1/deploy", post(deploy))
        .route("/v1/rollback", post(rollback))
        .route("/v1/restart", post(restart))
        .route("/v1/releases", get(releases))
        .route("/v1/green", post(green))
        .route("/v1/green/swap", post(swap))
        .route("/v1/green/remove", post(remove))
        .route("/v1/generator", put(generator))
        .route("/v1/stop", post(stop))
        .layer(DefaultBodyLimit::max(LARGEST))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&supervisor),
            authenticate,
        ))
        .with_state(supervisor)
}

/// An error as JSON, in the shape of the api's errors.
struct Refusal(StatusCode, Failure);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let code = match self.1.code {
            exit::USAGE => "invalid",
            exit::FORBIDDEN => "unauthenticated",
            exit::REFUSED => "refused",
            _ => "failed",
        };
        let body =
            serde_json::json!({ "error": { "code": code, "message": self.1.what, "hint": self.1.next } });
        (self.0, Json(body)).into_response()
    }
}

impl From<anyhow::Error> for Refusal {
    fn from(error: anyhow::Error) -> Self {
        let failure = as_failure(&error);
        let status = match failure.code {
            exit::USAGE => StatusCode::BAD_REQUEST,
            exit::REFUSED => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, failure)
    }
}

async fn authenticate(State(supervisor): Shared, request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.strip_prefix("Bearer "))
        .unwrap_or_default();
    let token = &supervisor.world.secrets.supervisor;
    if bool::from(given.as_bytes().ct_eq(token.as_bytes())) {
        return next.run(request).await;
    }
    let path = supervisor.world.state.token("supervisor.token");
    Refusal(
        StatusCode::UNAUTHORIZED,
        Failure::new(
            exit::FORBIDDEN,
            "the supervisor does not know this token",
            format!("send the content of {} as bearer token", path.display()),
        ),
    )
    .into_response()
}

async fn inventory(State(supervisor): Shared) -> Json<Inventory> {
    Json(supervisor.inventory())
}

async fn phase(State(supervisor): Shared) -> Json<Phase> {
    Json(supervisor.phase())
}

async fn inflict(State(supervisor): Shared, Json(spec): Json<FaultSpec>) -> Result<Json<Fault>, Refusal> {
    Ok(Json(supervisor.inflict(spec).await?))
}

#[derive(Serialize)]
struct Healed {
    healed: usize,
}

async fn heal_all(State(supervisor): Shared) -> Result<Json<Healed>, Refusal> {
    Ok(Json(Healed {
        healed: supervisor.heal(None).await?,
    }))
}

async fn heal(State(supervisor): Shared, Path(id): Path<u64>) -> Result<Json<Healed>, Refusal> {
    Ok(Json(Healed {
        healed: supervisor.heal(Some(id)).await?,
    }))
}

async fn fenced(
    State(supervisor): Shared,
    Path((cluster, region)): Path<(ClusterName, RegionId)>,
) -> Result<Json<FenceStatus>, Refusal> {
    Ok(Json(supervisor.fence_status(&cluster, &region)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fencing {
    operation: String,
}

async fn fence(
    State(supervisor): Shared,
    Path((cluster, region)): Path<(ClusterName, RegionId)>,
    Json(ask): Json<Fencing>,
) -> Result<Json<FenceStatus>, Refusal> {
    Ok(Json(supervisor.fence(&cluster, &region, &ask.operation).await?))
}

async fn unfence(
    State(supervisor): Shared,
    Path((cluster, region)): Path<(ClusterName, RegionId)>,
) -> Result<Json<FenceStatus>, Refusal> {
    Ok(Json(supervisor.unfence(&cluster, &region).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Deploy {
    region: Option<RegionId>,
    settings: BTreeMap<String, String>,
    #[serde(default)]
    description: String,
    /// The settings replace those in force instead of changing some.
    #[serde(default)]
    replace: bool,
}

async fn deploy(
    State(supervisor): Shared,
    Json(ask): Json<Deploy>,
) -> Result<(StatusCode, Json<Releases>), Refusal> {
    let releases = supervisor.deploy(ask.region.as_ref(), &ask.settings, ask.replace, &ask.description)?;
    Ok((StatusCode::ACCEPTED, Json(Releases { releases })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    release: String,
    revision: u32,
    operation: Option<String>,
}

async fn rollback(
    State(supervisor): Shared,
    Json(ask): Json<Rollback>,
) -> Result<(StatusCode, Json<Releases>), Refusal> {
    let release = supervisor.rollback(&ask.release, ask.revision, ask.operation.as_deref())?;
    Ok((StatusCode::ACCEPTED, one(release)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Restart {
    release: String,
    operation: String,
}

async fn restart(
    State(supervisor): Shared,
    Json(ask): Json<Restart>,
) -> Result<(StatusCode, Json<Releases>), Refusal> {
    let release = supervisor.restart(&ask.release, &ask.operation)?;
    Ok((StatusCode::ACCEPTED, one(release)))
}

async fn releases(State(supervisor): Shared) -> Json<Releases> {
    Json(Releases {
        releases: supervisor.releases_now(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Green {
    release: String,
    settings: BTreeMap<String, String>,
    operation: String,
}

async fn green(
    State(supervisor): Shared,
    Json(ask): Json<Green>,
) -> Result<(StatusCode, Json<Releases>), Refusal> {
    let release = supervisor
        .deploy_green(&ask.release, &ask.settings, &ask.operation)
        .await?;
    Ok((StatusCode::ACCEPTED, one(release)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Swap {
    release: String,
    operation: String,
}

async fn swap(State(supervisor): Shared, Json(ask): Json<Swap>) -> Result<Json<Releases>, Refusal> {
    Ok(one(supervisor
        .swap_parallel(&ask.release, &ask.operation)
        .await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Remove {
    release: String,
    #[serde(default)]
    early: bool,
}

async fn remove(State(supervisor): Shared, Json(ask): Json<Remove>) -> Result<Json<Releases>, Refusal> {
    Ok(one(supervisor.remove_parallel(&ask.release, ask.early).await?))
}

fn one(release: aisoc_model::inventory::Release) -> Json<Releases> {
    Json(Releases {
        releases: vec![release],
    })
}

async fn generator(
    State(supervisor): Shared,
    Json(rates): Json<crate::rates::RateChange>,
) -> Result<Json<crate::generator::Rates>, Refusal> {
    let rates = crate::rates::change(&supervisor.world, rates)?;
    let port = supervisor.world.ports.global("generator");
    let told = supervisor
        .http
        .put(format!("http://127.0.0.1:{port}/rates"))
        .json(&rates)
        .send()
        .await;
    if let Err(error) = told.and_then(reqwest::Response::error_for_status) {
        // It reads the kept rates when it starts.
        tracing::warn!(%error, "the generator could not be told its new rates");
    }
    Ok(Json(rates))
}

async fn stop(State(supervisor): Shared) -> StatusCode {
    supervisor.ask_to_stop();
    StatusCode::ACCEPTED
}
