//! Splitting one region's traffic between the release that serves and the one beside it.
//!
//! Not the weights of regions: those are [`super::TrafficDriver`]'s and always about what serves. The other half's
//! servers are in maintenance outside of a switch, so that nothing can send a request there by mistake.

use super::ServerReading;
use crate::clients::haproxy::{HaproxyClient, HaproxyError, ServerState, Stat, StatKind};
use crate::drivers::DriverError;
use aisoc_model::load_balancer::LoadBalancer;
use aisoc_model::topology::Topology;
use aisoc_model::{Clock, RegionId};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A runtime command is answered in milliseconds; a HAProxy that takes longer is not well.
const TIMEOUT: Duration = Duration::from_secs(1);

/// A load balancer that can send a share of a region's requests to the release beside the one that serves.
pub trait ShareDriver: Send + Sync {
    /// Both halves of a region, now.
    fn read<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<ShareReading, DriverError>>;

    /// Gives the release beside a share of the region's requests, and the rest to the one that serves; 0 takes it out
    /// of rotation.
    fn set<'a>(&'a self, region: &'a RegionId, percent: u8) -> BoxFuture<'a, Result<(), DriverError>>;

    /// The exact request that [`ShareDriver::set`] makes, for the plan.
    fn request(&self, region: &RegionId, percent: u8) -> String;
}

/// What the load balancer said of a region.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareReading {
    /// When.
    pub at: Timestamp,
    /// The servers of the release that serves.
    pub serving: Vec<HalfServer>,
    /// Those of the release beside it.
    pub beside: Vec<HalfServer>,
}

/// A server of one half.
#[derive(Debug, Clone, PartialEq)]
pub struct HalfServer {
    /// Its name.
    pub name: String,
    /// The load balancer's word: `UP`, `DOWN`, `MAINT`, …
    pub status: String,
    /// Weight now.
    pub weight: u16,
    /// Weight at 100 %.
    pub full_weight: u16,
    /// Requests since the load balancer started.
    pub requests: u64,
    /// Failed requests since then.
    pub failures: u64,
    /// Average response time over its last 1,024 requests, milliseconds.
    pub response_ms: u64,
}

impl HalfServer {
    /// Whether it gets requests.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.weight > 0 && (self.status.starts_with("UP") || self.status == "no check")
    }

    /// Whether it is out of rotation on purpose.
    #[must_use]
    pub fn is_out(&self) -> bool {
        self.status.starts_with("MAINT")
    }
}

/// The two halves behind one HAProxy.
pub struct HaproxyShares {
    client: HaproxyClient,
    backend: String,
    full_weight: u16,
    /// Region -> servers that serve, each with the one beside it.
    pairs: BTreeMap<RegionId, Vec<(String, String)>>,
    clock: Arc<dyn Clock>,
}

impl HaproxyShares {
    /// The driver for a topology's HAProxy; `None` when it has another product, or names no servers for a release
    /// beside the one that serves.
    #[must_use]
    pub fn new(topology: &Topology, clock: Arc<dyn Clock>) -> Option<Self> {
        let LoadBalancer::Haproxy(settings) = &topology.load_balancer else {
            return None;
        };
        let pairs: BTreeMap<RegionId, Vec<(String, String)>> = topology
            .regions
            .iter()
            .filter_map(|region| {
                let pair = |api: &aisoc_model::topology::ApiConfig| {
                    Some((api.server.clone(), api.parallel_server.clone()?))
                };
                let pairs: Option<Vec<_>> = region.api.iter().map(pair).collect();
                Some((region.id.clone(), pairs.filter(|p| !p.is_empty())?))
            })
            .collect();
        if pairs.is_empty() {
            return None;
        }
        Some(Self {
            client: HaproxyClient::new(&settings.haproxy_socket, TIMEOUT),
            backend: settings.backend.clone(),
            full_weight: settings.full_weight,
            pairs,
            clock,
        })
    }

    fn pairs(&self, region: &RegionId) -> Result<&[(String, String)], DriverError> {
        self.pairs.get(region).map(Vec::as_slice).ok_or_else(|| {
            DriverError::Refused(format!(
                "the topology names no parallel_server for the api instances of {region}"
            ))
        })
    }

    async fn look(&self, region: &RegionId) -> Result<ShareReading, DriverError> {
        let pairs = self.pairs(region)?;
        let stats = self.client.stats().await.map_err(|e| error(&e))?;
        let find = |name: &String| {
            let known =
                |s: &&Stat| s.kind == StatKind::Server && s.proxy == self.backend && &s.server == name;
            let stat = stats.iter().find(known).ok_or_else(|| {
                DriverError::Refused(format!(
                    "haproxy has no server '{name}' in backend '{}': compare the topology with its configuration",
                    self.backend
                ))
            })?;
            Ok(HalfServer {
                name: name.clone(),
                status: stat.status.clone(),
                weight: stat.weight,
                full_weight: self.full_weight,
                requests: stat.sessions_total,
                failures: stat.answers_5xx.saturating_add(stat.connection_errors),
                response_ms: stat.response_ms,
            })
        };
        Ok(ShareReading {
            at: self.clock.now(),
            serving: pairs
                .iter()
                .map(|(name, _)| find(name))
                .collect::<Result<_, _>>()?,
            beside: pairs
                .iter()
                .map(|(_, name)| find(name))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Whoever gets more goes first: at no moment is there less than before.
    async fn split(&self, region: &RegionId, percent: u8) -> Result<(), DriverError> {
        let before = self.look(region).await?;
        let weight = |percent| ServerReading::weight_at(self.full_weight, percent);
        let (beside, serving) = (weight(percent), weight(100_u8.saturating_sub(percent)));
        let grows = before.beside.iter().any(|s| s.is_out() || s.weight < beside);
        let mut changed = false;
        let mut outcome = Ok(());
        for (main, other) in self.pairs(region)? {
            let main = async { self.client.set_weight(&self.backend, main, serving).await };
            let other = async {
                self.client.set_weight(&self.backend, other, beside).await?;
                let state = if percent == 0 {
                    ServerState::Maint
                } else {
                    ServerState::Ready
                };
                self.client.set_state(&self.backend, other, state).await
            };
            let done = if grows {
                other.await.and(main.await)
            } else {
                main.await.and(other.await)
            };
            match done {
                Ok(()) => changed = true,
                Err(e) => {
                    outcome = Err(error(&e));
                    break;
                }
            }
        }
        match outcome {
            // Half of the servers changed is not "nothing changed".
            Err(DriverError::Refused(why)) if changed => Err(DriverError::Unknown(why)),
            other => other,
        }
    }
}

impl ShareDriver for HaproxyShares {
    fn read<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<ShareReading, DriverError>> {
        self.look(region).boxed()
    }

    fn set<'a>(&'a self, region: &'a RegionId, percent: u8) -> BoxFuture<'a, Result<(), DriverError>> {
        self.split(region, percent).boxed()
    }

    fn request(&self, region: &RegionId, percent: u8) -> String {
        let weight = |percent| ServerReading::weight_at(self.full_weight, percent);
        let state = if percent == 0 { "maint" } else { "ready" };
        let commands: Vec<String> = self
            .pairs
            .get(region)
            .into_iter()
            .flatten()
            .map(|(main, other)| {
                format!(
                    "set server {b}/{other} weight {}; set server {b}/{other} state {state}; set server {b}/{main} weight {}",
                    weight(percent),
                    weight(100_u8.saturating_sub(percent)),
                    b = self.backend,
                )
            })
            .collect();
        commands.join("; ")
    }
}

fn error(error: &HaproxyError) -> DriverError {
    match error {
        HaproxyError::TimedOut { .. } => DriverError::Unknown(error.to_string()),
        _ => DriverError::Refused(error.to_string()),
    }
}
