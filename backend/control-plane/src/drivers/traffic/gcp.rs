//! A backend service of a Google Cloud load balancer through the Compute API: every region is a backend.
//!
//! `patch` replaces the whole list of backends, so the list that was just read is sent with one number changed and
//! with its `fingerprint`: where somebody else was quicker Google answers 412, and the change is made on what they left.

use super::api::{Answer, Api, OBSERVE_EVERY};
use super::gcp_token::{TokenSource, from_settings};
use super::{ServerReading, TrafficDriver, TrafficReading, Traits};
use crate::drivers::DriverError;
use aisoc_model::load_balancer::Gcp;
use aisoc_model::{Clock, RegionId};
use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const PUBLIC: &str = "https://compute.googleapis.com/compute/v1";
/// Changes that are tried when somebody else changes the same.
const TRIES: u32 = 3;
/// How long an accepted change is followed to its end.
const OPERATION: Duration = Duration::from_secs(90);
/// Google has nothing between none and a tenth.
const LEAST: f64 = 0.1;

/// The backends of a backend service.
pub struct GcpDriver {
    api: Api,
    settings: Gcp,
    token: Box<dyn TokenSource>,
    clock: Arc<dyn Clock>,
    /// Between two looks at an operation; shorter in tests.
    pause: Duration,
}

/// How a patch ended.
enum Patched {
    /// Google says that it is done.
    Done,
    /// Somebody else was quicker; nothing changed.
    Conflict,
}

impl GcpDriver {
    /// The driver for these settings.
    ///
    /// # Errors
    /// When the endpoint or the token's source cannot be used.
    pub fn new(settings: &Gcp, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        Ok(Self {
            api: Api::new("gcp", &settings.api, PUBLIC)?,
            token: from_settings(&settings.token, Arc::clone(&clock))?,
            settings: settings.clone(),
            clock,
            pause: Duration::from_secs(1),
        })
    }

    /// The same with another pause between looks, for tests.
    #[must_use]
    pub fn with_pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    fn service_path(&self) -> String {
        format!(
            "/projects/{}/global/backendServices/{}",
            self.settings.project, self.settings.backend_service
        )
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, DriverError> {
        let token = self.token.token().await.map_err(DriverError::Refused)?;
        let mut request = self.api.call(method, path).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.api.send(request).await
    }

    /// The document of a call that went well.
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, DriverError> {
        let answer = self.call(method.clone(), path, body).await?;
        if answer.status.is_success() {
            return answer.document();
        }
        Err(problem(&method, path, &answer))
    }

    async fn service(&self) -> Result<Value, DriverError> {
        self.ask(Method::GET, &self.service_path(), None).await
    }

    fn group(&self, region: &RegionId) -> Result<&str, DriverError> {
        let group = self.settings.groups.get(region).map(String::as_str);
        group.ok_or_else(|| DriverError::Refused(format!("gcp: no backend group is configured for {region}")))
    }

    async fn server(&self, service: &Value, region: &RegionId) -> Result<ServerReading, DriverError> {
        let backend = backend(service, self.group(region)?)?;
        let group = group_of(backend);
        let path = format!("{}/getHealth", self.service_path());
        let health = self
            .ask(Method::POST, &path, Some(&json!({ "group": group })))
            .await?;
        let found: Vec<&str> = health
            .get("healthStatus")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|instance| instance.get("healthState")?.as_str())
            .collect();
        let (all, well) = (found.len(), found.iter().filter(|s| **s == "HEALTHY").count());
        let status = match (all, well) {
            (0, _) => "no check",
            (_, 0) => "DOWN",
            _ => "UP",
        };
        Ok(ServerReading {
            region: region.clone(),
            name: group.rsplit("/projects/").next().unwrap_or(group).to_owned(),
            status: status.to_owned(),
            weight: hundredths(scaler(backend)),
            full_weight: 100,
            check: format!("{well}/{all} endpoints"),
            load: None,
        })
    }

    async fn read_all(&self) -> Result<TrafficReading, DriverError> {
        let service = self.service().await?;
        let regions = self.settings.groups.keys();
        let servers = try_join_all(regions.map(|region| self.server(&service, region))).await?;
        Ok(TrafficReading {
            at: self.clock.now(),
            servers,
        })
    }

    async fn there(&self, region: &RegionId, percent: u8) -> Result<bool, DriverError> {
        let service = self.service().await?;
        let backend = backend(&service, self.group(region)?)?;
        Ok(hundredths(scaler(backend)) == hundredths(capacity(percent)))
    }

    async fn set_region(&self, region: &RegionId, percent: u8) -> Result<(), DriverError> {
        let group = self.group(region)?;
        for _ in 0..TRIES {
            let service = self.service().await?;
            if hundredths(scaler(backend(&service, group)?)) == hundredths(capacity(percent)) {
                return Ok(());
            }
            let body = changed(&service, group, percent)?;
            match self.patch(&body).await {
                Ok(Patched::Done) => return Ok(()),
                Ok(Patched::Conflict) => {}
                Err(DriverError::Unknown(why)) => {
                    return match self.there(region, percent).await {
                        Ok(true) => Ok(()),
                        _ => Err(DriverError::Unknown(why)),
                    };
                }
                Err(refused) => return Err(refused),
            }
        }
        Err(DriverError::Refused(format!(
            "gcp: somebody else changes backend service {} all the time: {TRIES} changes met another fingerprint",
            self.settings.backend_service
        )))
    }

    async fn patch(&self, body: &Value) -> Result<Patched, DriverError> {
        // Should the network send it twice, Google does it once.
        let path = format!("{}?requestId={}", self.service_path(), uuid::Uuid::new_v4());
        let answer = self.call(Method::PATCH, &path, Some(body)).await?;
        if answer.status == StatusCode::PRECONDITION_FAILED {
            return Ok(Patched::Conflict);
        }
        if !answer.status.is_success() {
            return Err(problem(&Method::PATCH, &self.service_path(), &answer));
        }
        self.follow(answer.document()?).await
    }

    /// Follows the operation that Google answers with to its end.
    async fn follow(&self, mut operation: Value) -> Result<Patched, DriverError> {
        let begun = Instant::now();
        let text = |operation: &Value, field: &str| {
            operation
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let name = text(&operation, "name");
        let path = format!("/projects/{}/global/operations/{name}", self.settings.project);
        loop {
            if text(&operation, "status") == "DONE" {
                return ended(&operation);
            }
            if begun.elapsed() > OPERATION {
                return Err(DriverError::Unknown(format!(
                    "gcp operation {name} has not ended after {} s",
                    OPERATION.as_secs()
                )));
            }
            tokio::time::sleep(self.pause).await;
            match self.ask(Method::GET, &path, None).await {
                Ok(latest) => operation = latest,
                // It goes on whether we can look or not.
                Err(why) => tracing::warn!(%why, operation = name, "cannot look at it now"),
            }
        }
    }
}

fn ended(operation: &Value) -> Result<Patched, DriverError> {
    let errors = operation.pointer("/error/errors").and_then(Value::as_array);
    let Some(errors) = errors.filter(|errors| !errors.is_empty()) else {
        return Ok(Patched::Done);
    };
    let code = operation.get("httpErrorStatusCode").and_then(Value::as_u64);
    if code == Some(412) {
        return Ok(Patched::Conflict);
    }
    let field = |error: &Value, name: &str| {
        let text = error.get(name).and_then(Value::as_str).unwrap_or_default();
        aisoc_model::text::sanitize(text, 200)
    };
    let said: Vec<String> = errors
        .iter()
        .map(|e| format!("{} {}", field(e, "code"), field(e, "message")))
        .collect();
    let said = format!("gcp gave the change up: {}", said.join("; "));
    Err(match code {
        Some(400..=499) => DriverError::Refused(said),
        _ => DriverError::Unknown(said),
    })
}

fn problem(method: &Method, path: &str, answer: &Answer) -> DriverError {
    let document: Value = answer.document().unwrap_or_default();
    let message = document.pointer("/error/message").and_then(Value::as_str);
    let message = message.map_or_else(|| answer.text(), |text| aisoc_model::text::sanitize(text, 300));
    let said = format!("gcp {method} {path}: {} {message}", answer.status);
    if answer.status.is_server_error() {
        DriverError::Unknown(said)
    } else {
        DriverError::Refused(said)
    }
}

fn group_of(backend: &Value) -> &str {
    backend.get("group").and_then(Value::as_str).unwrap_or_default()
}

fn is(backend: &Value, group: &str) -> bool {
    let has = group_of(backend);
    has == group || has.ends_with(&format!("/{}", group.trim_start_matches('/')))
}

fn backend<'a>(service: &'a Value, group: &str) -> Result<&'a Value, DriverError> {
    let backends = service
        .get("backends")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let found = backends.filter(|backend| is(backend, group)).collect::<Vec<_>>();
    match found.as_slice() {
        [backend] => Ok(backend),
        [] => Err(DriverError::Refused(format!(
            "gcp: the backend service has no backend '{group}'"
        ))),
        _ => Err(DriverError::Refused(format!(
            "gcp: '{group}' names more than one backend: give its whole URL"
        ))),
    }
}

/// The body of the patch: what was read, with one number changed.
fn changed(service: &Value, group: &str, percent: u8) -> Result<Value, DriverError> {
    let Some(fingerprint) = service.get("fingerprint") else {
        return Err(DriverError::Refused(
            "gcp: the backend service has no fingerprint: not changed blindly".to_owned(),
        ));
    };
    let mut backends = service.get("backends").cloned().unwrap_or_default();
    for backend in backends
        .as_array_mut()
        .into_iter()
        .flatten()
        .filter(|b| is(b, group))
    {
        if let Some(fields) = backend.as_object_mut() {
            fields.insert("capacityScaler".to_owned(), json!(capacity(percent)));
        }
    }
    Ok(json!({ "backends": backends, "fingerprint": fingerprint }))
}

/// Google leaves the number out while it is 1.
fn scaler(backend: &Value) -> f64 {
    backend
        .get("capacityScaler")
        .and_then(Value::as_f64)
        .unwrap_or(1.0)
}

fn capacity(percent: u8) -> f64 {
    match percent {
        0 => 0.0,
        percent => (f64::from(percent.min(100)) / 100.0).max(LEAST),
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped to 0..=100
fn hundredths(scaler: f64) -> u16 {
    if scaler.is_finite() {
        (scaler * 100.0).round().clamp(0.0, 100.0) as u16
    } else {
        0
    }
}

impl TrafficDriver for GcpDriver {
    fn read(&self) -> BoxFuture<'_, Result<TrafficReading, DriverError>> {
        self.read_all().boxed()
    }

    fn set<'a>(&'a self, region: &'a RegionId, percent: u8) -> BoxFuture<'a, Result<(), DriverError>> {
        self.set_region(region, percent).boxed()
    }

    fn request(&self, region: &RegionId, percent: u8) -> String {
        let group = self.settings.groups.get(region).map_or("?", String::as_str);
        format!(
            "PATCH {} backends as read with capacityScaler {} for {group}, and the fingerprint just read",
            self.api.url(&self.service_path()),
            capacity(percent)
        )
    }

    fn look(&self) -> String {
        format!("GET {}", self.api.url(&self.service_path()))
    }

    fn traits(&self) -> Traits {
        Traits {
            blind: Some("the Compute API does not tell requests and connections".to_owned()),
            remarks: vec![
                "Google refuses to take the capacity of an only backend away, and has no share between 0 and 10 %".to_owned(),
            ],
            observe_every: OBSERVE_EVERY,
        }
    }
}
