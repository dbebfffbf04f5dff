//! Reading what belongs to the caller's tenant.

use super::{PageQuery, Parsed, parsed};
use crate::error::ApiError;
use crate::state::App;
use aisoc_model::event::{Incident, Investigation, SecurityAlert, Tenant};
use aisoc_storage::event_store::EventFilter;
use aisoc_storage::incidents::IncidentDetail;
use aisoc_storage::{
    Page, alerts as alert_store, incidents as incident_store, investigations as runs, sla as sla_state,
};
use axum::extract::{Path, State};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// The SLA state is an aggregate over all open alerts; so old it may be.
const SLA_AGE: Duration = Duration::from_secs(5);

type Caller = Extension<Arc<Tenant>>;
type Answer<T> = Result<Json<T>, ApiError>;

pub(super) async fn alerts(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: Parsed<PageQuery>,
) -> Answer<Page<SecurityAlert>> {
    let query = parsed(query)?;
    Ok(Json(
        alert_store::list(
            app.database(&caller)?,
            &caller.id,
            query.cursor()?.as_ref(),
            query.limit(),
        )
        .await?,
    ))
}

pub(super) async fn alert(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<SecurityAlert> {
    let found = alert_store::get(app.database(&caller)?, &caller.id, &id).await?;
    found
        .map(Json)
        .ok_or_else(|| no_such("alert", "/api/v1/alerts lists them"))
}

pub(super) async fn incidents(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: Parsed<PageQuery>,
) -> Answer<Page<Incident>> {
    let query = parsed(query)?;
    Ok(Json(
        incident_store::list(
            app.database(&caller)?,
            &caller.id,
            query.cursor()?.as_ref(),
            query.limit(),
        )
        .await?,
    ))
}

pub(super) async fn incident(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Answer<IncidentDetail> {
    let found = incident_store::get(app.database(&caller)?, &caller.id, &id).await?;
    found
        .map(Json)
        .ok_or_else(|| no_such("incident", "/api/v1/incidents lists them"))
}

fn no_such(what: &str, hint: &'static str) -> ApiError {
    ApiError::not_found(format!("your tenant has no {what} with this id"), hint)
}

pub(super) async fn investigations(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: Parsed<PageQuery>,
) -> Answer<Page<Investigation>> {
    let query = parsed(query)?;
    Ok(Json(
        runs::list(
            app.database(&caller)?,
            &caller.id,
            query.cursor()?.as_ref(),
            query.limit(),
        )
        .await?,
    ))
}

/// What events to look for. Events are kept in the region that accepted them; this lists those of this region.
#[derive(Debug, Deserialize)]
pub(super) struct EventQuery {
    limit: Option<u32>,
    after: Option<String>,
    host: Option<String>,
    user: Option<String>,
    ip: Option<String>,
    min_severity: Option<u8>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

pub(super) async fn events(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: Parsed<EventQuery>,
) -> Answer<Value> {
    let query = parsed(query)?;
    let filter = EventFilter {
        host: query.host.map(|host| host.to_lowercase()),
        user: query.user.map(|user| user.to_lowercase()),
        ip: query.ip,
        class: None,
        min_severity: query.min_severity,
        since: query.since,
        until: query.until,
    };
    let limit = query.limit.unwrap_or(super::LIMIT);
    let page = app
        .events
        .query(&caller.id, &filter, query.after.as_deref(), limit)
        .await?;
    Ok(Json(
        serde_json::json!({ "region": app.config.region, "items": page.items, "next": page.next }),
    ))
}

/// A tenant's token sees its own tenant.
pub(super) async fn tenants(caller: Caller) -> Json<Value> {
    Json(serde_json::json!({ "items": [&*caller.0], "next": null }))
}

pub(super) async fn sla(State(app): State<Arc<App>>, caller: Caller) -> Answer<Value> {
    let tenant = &*caller.0;
    let read = || async {
        let levels = sla_state::levels(app.database(tenant)?, &tenant.id).await?;
        Ok::<_, ApiError>(Some(serde_json::json!({
            "tenant": tenant.id,
            "home_region": tenant.home_region,
            "residency": tenant.residency,
            "levels": levels,
        })))
    };
    let state = app
        .cache
        .get_or_load(&format!("sla:{}", tenant.id), SLA_AGE, read)
        .await?;
    Ok(Json(state.unwrap_or(Value::Null)))
}
