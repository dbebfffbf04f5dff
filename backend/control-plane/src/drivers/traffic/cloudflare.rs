//! Cloudflare Load Balancing through its REST API: every region is a pool.
//!
//! The API has no optimistic lock. A change is made under a lock of our own and read back; where something else is
//! there then, somebody else changed the same thing, and the change is made again on what is there now. `shedding`
//! writes nothing but the region's own pool; `weights` has to write the map of all pools.

use super::api::{Api, OBSERVE_EVERY};
use super::secret::SecretFile;
use super::{ServerReading, TrafficDriver, TrafficReading, Traits};
use crate::drivers::DriverError;
use aisoc_model::load_balancer::{Cloudflare, CloudflareMethod};
use aisoc_model::{Clock, RegionId};
use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const PUBLIC: &str = "https://api.cloudflare.com/client/v4";
/// Changes that are tried when somebody else changes the same.
const TRIES: u32 = 3;
/// Steering policies that heed weights.
const WEIGHED: [&str; 3] = ["random", "least_outstanding_requests", "least_connections"];

/// The pools of a load balancer.
pub struct CloudflareDriver {
    api: Api,
    settings: Cloudflare,
    token: SecretFile,
    clock: Arc<dyn Clock>,
    changing: tokio::sync::Mutex<()>,
}

#[derive(Deserialize)]
struct Envelope<T> {
    success: bool,
    #[serde(default)]
    errors: Vec<Problem>,
    result: Option<T>,
}

#[derive(Deserialize)]
struct Problem {
    code: i64,
    message: String,
}

#[derive(Deserialize)]
struct Balancer {
    #[serde(default)]
    steering_policy: String,
    #[serde(default)]
    random_steering: RandomSteering,
}

#[derive(Deserialize)]
struct RandomSteering {
    #[serde(default = "whole")]
    default_weight: f64,
    #[serde(default)]
    pool_weights: BTreeMap<String, f64>,
}

impl Default for RandomSteering {
    fn default() -> Self {
        Self {
            default_weight: whole(),
            pool_weights: BTreeMap::new(),
        }
    }
}

fn whole() -> f64 {
    1.0
}

#[derive(Deserialize)]
struct Pool {
    #[serde(default = "enabled")]
    enabled: bool,
    #[serde(default)]
    load_shedding: Shedding,
}

fn enabled() -> bool {
    true
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Shedding {
    default_percent: f64,
    session_percent: f64,
}

#[derive(Deserialize)]
struct PoolHealth {
    #[serde(default)]
    pop_health: BTreeMap<String, Value>,
}

/// What is written to give a region its share, and how to see that it is there.
struct Change {
    path: String,
    body: Value,
}

impl CloudflareDriver {
    /// The driver for these settings.
    ///
    /// # Errors
    /// When the endpoint or the token file cannot be used.
    pub fn new(settings: &Cloudflare, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        Ok(Self {
            api: Api::new("cloudflare", &settings.api, PUBLIC)?,
            token: SecretFile::open(&settings.token_file)?,
            settings: settings.clone(),
            clock,
            changing: tokio::sync::Mutex::new(()),
        })
    }

    fn balancer_path(&self) -> String {
        format!(
            "/zones/{}/load_balancers/{}",
            self.settings.zone, self.settings.load_balancer
        )
    }

    fn pool(&self, region: &RegionId) -> Result<&str, DriverError> {
        let pool = self.settings.pools.get(region).map(String::as_str);
        pool.ok_or_else(|| DriverError::Refused(format!("cloudflare: no pool is configured for {region}")))
    }

    fn pool_path(&self, pool: &str) -> String {
        format!("/accounts/{}/load_balancers/pools/{pool}", self.settings.account)
    }

    fn full(&self, region: &RegionId) -> f64 {
        self.settings.full_weights.get(region).copied().unwrap_or(1.0)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, DriverError> {
        let mut request = self.api.call(method.clone(), path).bearer_auth(self.token.text());
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = self.api.send(request).await?;
        if answer.status.is_server_error() {
            let (status, text) = (answer.status, answer.text());
            return Err(DriverError::Unknown(format!(
                "cloudflare {method} {path}: {status} {text}"
            )));
        }
        let envelope: Envelope<T> = answer.document()?;
        if !envelope.success || answer.status != StatusCode::OK {
            let said: Vec<String> = envelope
                .errors
                .iter()
                .map(|p| format!("{} {}", p.code, aisoc_model::text::sanitize(&p.message, 200)))
                .collect();
            let (status, said) = (answer.status, said.join("; "));
            return Err(DriverError::Refused(format!(
                "cloudflare refused {method} {path} ({status}): {said}"
            )));
        }
        envelope
            .result
            .ok_or_else(|| DriverError::Unknown(format!("cloudflare {method} {path}: no result")))
    }

    async fn balancer(&self) -> Result<Balancer, DriverError> {
        self.call(Method::GET, &self.balancer_path(), None).await
    }

    /// A region as its pool stands; `balancer` where weights are what counts.
    async fn server(
        &self,
        region: &RegionId,
        balancer: Option<&Balancer>,
    ) -> Result<ServerReading, DriverError> {
        let id = self.pool(region)?;
        let path = self.pool_path(id);
        let health_path = format!("{path}/health");
        let (pool, health) = futures::try_join!(
            self.call::<Pool>(Method::GET, &path, None),
            self.call::<PoolHealth>(Method::GET, &health_path, None),
        )?;
        let (status, check) = status(&pool, &health);
        let full_weight = match balancer {
            Some(_) => hundredths(self.full(region)),
            None => 100,
        };
        Ok(ServerReading {
            region: region.clone(),
            name: id.to_owned(),
            status,
            weight: weight(id, &pool, balancer),
            full_weight,
            check,
            load: None,
        })
    }

    /// What counts for this method; `None` where pools alone do.
    async fn weighing(&self) -> Result<Option<Balancer>, DriverError> {
        if self.settings.method == CloudflareMethod::Shedding {
            return Ok(None);
        }
        let balancer = self.balancer().await?;
        if !WEIGHED.contains(&balancer.steering_policy.as_str()) {
            let policy = aisoc_model::text::sanitize(&balancer.steering_policy, 40);
            return Err(DriverError::Refused(format!(
                "cloudflare steers by '{policy}', which heeds no weights: configure method = \"shedding\""
            )));
        }
        Ok(Some(balancer))
    }

    async fn read_all(&self) -> Result<TrafficReading, DriverError> {
        let balancer = self.weighing().await?;
        let regions = self.settings.pools.keys();
        let servers = try_join_all(regions.map(|region| self.server(region, balancer.as_ref()))).await?;
        Ok(TrafficReading {
            at: self.clock.now(),
            servers,
        })
    }

    /// The change that gives a region its share, on what is there now; `None` when it is there.
    async fn change(&self, region: &RegionId, percent: u8) -> Result<Option<Change>, DriverError> {
        let id = self.pool(region)?;
        let Some(balancer) = self.weighing().await? else {
            let path = self.pool_path(id);
            let pool: Pool = self.call(Method::GET, &path, None).await?;
            let shed = pool.load_shedding;
            let there = same(shed.default_percent, shed_percent(percent))
                && same(shed.session_percent, session_percent(percent));
            let body = shedding(percent);
            return Ok((!there).then_some(Change { path, body }));
        };
        let wanted = share(self.full(region), percent);
        let steering = balancer.random_steering;
        let now = steering
            .pool_weights
            .get(id)
            .copied()
            .unwrap_or(steering.default_weight);
        if same(now, wanted) {
            return Ok(None);
        }
        let mut weights = steering.pool_weights;
        weights.insert(id.to_owned(), wanted);
        let body = json!({
            "steering_policy": balancer.steering_policy,
            "random_steering": { "default_weight": steering.default_weight, "pool_weights": weights },
        });
        let path = self.balancer_path();
        Ok(Some(Change { path, body }))
    }

    async fn set_region(&self, region: &RegionId, percent: u8) -> Result<(), DriverError> {
        let _changing = self.changing.lock().await;
        let mut wrote = false;
        for _ in 0..TRIES {
            let change = match self.change(region, percent).await {
                Ok(None) => return Ok(()),
                Ok(Some(change)) => change,
                Err(error) => return Err(if wrote { unknown(&error) } else { error }),
            };
            match self
                .call::<Value>(Method::PATCH, &change.path, Some(&change.body))
                .await
            {
                Ok(_) => wrote = true,
                Err(refused @ DriverError::Refused(_)) => {
                    return Err(if wrote { unknown(&refused) } else { refused });
                }
                // It may have happened: what is there now tells, and it is not sent twice blindly.
                Err(DriverError::Unknown(why)) => {
                    return match self.change(region, percent).await {
                        Ok(None) => Ok(()),
                        _ => Err(DriverError::Unknown(why)),
                    };
                }
            }
        }
        match self.change(region, percent).await {
            Ok(None) => Ok(()),
            _ => Err(DriverError::Unknown(format!(
                "somebody else changes the weight of {region} at cloudflare at the same time: {TRIES} changes did not stay"
            ))),
        }
    }
}

fn weight(id: &str, pool: &Pool, balancer: Option<&Balancer>) -> u16 {
    match balancer {
        Some(balancer) => {
            let steering = &balancer.random_steering;
            let weight = steering.pool_weights.get(id).copied();
            hundredths(weight.unwrap_or(steering.default_weight))
        }
        None => hundredths((100.0 - pool.load_shedding.default_percent) / 100.0),
    }
}

fn unknown(error: &DriverError) -> DriverError {
    DriverError::Unknown(error.to_string())
}

/// Numbers pass through JSON and Cloudflare's own rounding.
fn same(a: f64, b: f64) -> bool {
    (a - b).abs() < 0.005
}

fn shed_percent(percent: u8) -> f64 {
    f64::from(100_u8.saturating_sub(percent))
}

/// Sessions with affinity stay where they are until the region is to be empty.
fn session_percent(percent: u8) -> f64 {
    if percent == 0 { 100.0 } else { 0.0 }
}

fn shedding(percent: u8) -> Value {
    json!({ "load_shedding": {
        "default_percent": shed_percent(percent), "default_policy": "random",
        "session_percent": session_percent(percent), "session_policy": "hash",
    } })
}

/// A share of a full weight in hundredths, never 0 unless 0 is asked for.
fn share(full: f64, percent: u8) -> f64 {
    f64::from(ServerReading::weight_at(hundredths(full), percent)) / 100.0
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped to 0..=10,000
fn hundredths(weight: f64) -> u16 {
    if weight.is_finite() {
        (weight * 100.0).round().clamp(0.0, 10_000.0) as u16
    } else {
        0
    }
}

/// A pool's state in the words that all load balancers share, and what its monitors say.
fn status(pool: &Pool, health: &PoolHealth) -> (String, String) {
    let told = health
        .pop_health
        .values()
        .filter_map(|pop| pop.get("healthy")?.as_bool());
    let (all, well) = told.fold((0, 0), |(all, well), healthy| {
        (all + 1, well + u32::from(healthy))
    });
    let check = if all == 0 {
        "no monitor".to_owned()
    } else {
        format!("{well}/{all} PoPs")
    };
    let word = match (all, well) {
        _ if !pool.enabled => "MAINT",
        (0, _) => "no check",
        (_, 0) => "DOWN",
        _ => "UP",
    };
    (word.to_owned(), check)
}

impl TrafficDriver for CloudflareDriver {
    fn read(&self) -> BoxFuture<'_, Result<TrafficReading, DriverError>> {
        self.read_all().boxed()
    }

    fn set<'a>(&'a self, region: &'a RegionId, percent: u8) -> BoxFuture<'a, Result<(), DriverError>> {
        self.set_region(region, percent).boxed()
    }

    fn request(&self, region: &RegionId, percent: u8) -> String {
        let Ok(pool) = self.pool(region) else {
            return "none: no pool is configured".to_owned();
        };
        match self.settings.method {
            CloudflareMethod::Shedding => {
                format!(
                    "PATCH {} {}",
                    self.api.url(&self.pool_path(pool)),
                    shedding(percent)
                )
            }
            CloudflareMethod::Weights => format!(
                "PATCH {} {{\"random_steering\":{{\"pool_weights\":{{\"{pool}\":{}}}}}}} with policy, default and other pools as they are",
                self.api.url(&self.balancer_path()),
                share(self.full(region), percent)
            ),
        }
    }

    fn look(&self) -> String {
        format!("GET {}", self.api.url(&self.pool_path("…")))
    }

    fn traits(&self) -> Traits {
        Traits {
            blind: Some("Cloudflare's API does not tell requests and sessions".to_owned()),
            remarks: vec![
                "when no pool can serve, Cloudflare sends everything to the load balancer's fallback pool"
                    .to_owned(),
            ],
            observe_every: OBSERVE_EVERY,
        }
    }
}
