//! HAProxy through its runtime socket.

use crate::clients::haproxy::{HaproxyClient, HaproxyError, ServerState, Stat, StatKind};
use crate::drivers::DriverError;
use crate::drivers::traffic::{Load, ServerReading, TrafficDriver, TrafficReading, Traits};
use aisoc_model::load_balancer::Haproxy;
use aisoc_model::topology::Topology;
use aisoc_model::{Clock, RegionId};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A runtime command is answered in milliseconds; a HAProxy that takes longer is not well.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The api servers of all regions behind one HAProxy.
pub struct HaproxyDriver {
    client: HaproxyClient,
    backend: String,
    full_weight: u16,
    /// Server name -> region.
    servers: BTreeMap<String, RegionId>,
    /// Server name -> the one beside it, which has a share of its requests during a blue/green switch.
    beside: BTreeMap<String, String>,
    clock: Arc<dyn Clock>,
}

impl HaproxyDriver {
    /// The driver for the api servers of a topology's regions.
    #[must_use]
    pub fn new(settings: &Haproxy, topology: &Topology, clock: Arc<dyn Clock>) -> Self {
        let servers = topology
            .regions
            .iter()
            .flat_map(|r| r.api.iter().map(|a| (a.server.clone(), r.id.clone())))
            .collect();
        let instances = topology.regions.iter().flat_map(|r| &r.api);
        let beside = instances
            .filter_map(|a| Some((a.server.clone(), a.parallel_server.clone()?)))
            .collect();
        Self {
            beside,
            client: HaproxyClient::new(&settings.haproxy_socket, TIMEOUT),
            backend: settings.backend.clone(),
            full_weight: settings.full_weight,
            servers,
            clock,
        }
    }

    async fn read_servers(&self) -> Result<TrafficReading, DriverError> {
        let stats = self.client.stats().await.map_err(|e| error(&e))?;
        let at = self.clock.now();
        let ours = |s: &&Stat| s.kind == StatKind::Server && s.proxy == self.backend;
        let servers: Vec<ServerReading> = stats
            .iter()
            .filter(ours)
            .filter_map(|stat| {
                let region = self.servers.get(&stat.server)?.clone();
                let beside = self.beside.get(&stat.server);
                let beside = beside.and_then(|name| stats.iter().filter(ours).find(|s| &s.server == name));
                let stat = with_beside(stat, beside);
                Some(ServerReading {
                    region,
                    name: stat.server,
                    status: stat.status,
                    weight: stat.weight,
                    full_weight: self.full_weight,
                    check: stat.check,
                    load: Some(Load {
                        sessions: stat.sessions,
                        queued: stat.queued,
                        rate: stat.rate,
                        requests: stat.sessions_total,
                        failures: stat.answers_5xx.saturating_add(stat.connection_errors),
                    }),
                })
            })
            .collect();
        if servers.is_empty() {
            return Err(DriverError::Refused(format!(
                "haproxy has no server of the topology in backend '{}': compare load_balancer.backend and the regions' servers with its configuration",
                self.backend
            )));
        }
        Ok(TrafficReading { at, servers })
    }

    async fn set_region(&self, region: &RegionId, percent: u8) -> Result<(), DriverError> {
        let reading = self.read_servers().await?;
        let mut acted = false;
        for server in reading.of(region) {
            let weight = ServerReading::weight_at(server.full_weight, percent);
            // A server that somebody else put into maintenance gets its weight, but stays there.
            let state = if server.status.starts_with("MAINT") {
                None
            } else if percent == 0 {
                Some(ServerState::Drain)
            } else {
                Some(ServerState::Ready)
            };
            let changed = async {
                self.client
                    .set_weight(&self.backend, &server.name, weight)
                    .await?;
                match state {
                    Some(state) => self.client.set_state(&self.backend, &server.name, state).await,
                    None => Ok(()),
                }
            };
            match changed.await.map_err(|e| error(&e)) {
                Ok(()) => acted = true,
                // Half of the servers changed is not "nothing changed".
                Err(DriverError::Refused(why)) if acted => return Err(DriverError::Unknown(why)),
                Err(e) => return Err(e),
            }
        }
        if acted {
            Ok(())
        } else {
            Err(DriverError::Refused(format!(
                "haproxy has no server of region {region} in backend '{}'",
                self.backend
            )))
        }
    }
}

impl TrafficDriver for HaproxyDriver {
    fn read(&self) -> BoxFuture<'_, Result<TrafficReading, DriverError>> {
        self.read_servers().boxed()
    }

    fn set<'a>(&'a self, region: &'a RegionId, percent: u8) -> BoxFuture<'a, Result<(), DriverError>> {
        self.set_region(region, percent).boxed()
    }

    fn request(&self, region: &RegionId, percent: u8) -> String {
        let weight = ServerReading::weight_at(self.full_weight, percent);
        let state = if percent == 0 { "drain" } else { "ready" };
        let commands: Vec<String> = self
            .servers
            .iter()
            .filter(|(_, of)| *of == region)
            .map(|(server, _)| {
                let target = format!("set server {}/{server}", self.backend);
                format!("{target} weight {weight}; {target} state {state}")
            })
            .collect();
        commands.join("; ")
    }

    fn look(&self) -> String {
        "show stat".to_owned()
    }

    fn traits(&self) -> Traits {
        Traits::default()
    }
}

/// An instance has one weight, also while a switch has it on two servers.
fn with_beside(stat: &Stat, beside: Option<&Stat>) -> Stat {
    let mut whole = stat.clone();
    if let Some(beside) = beside.filter(|b| !b.status.starts_with("MAINT")) {
        whole.weight = whole.weight.saturating_add(beside.weight);
        whole.sessions += beside.sessions;
        whole.queued += beside.queued;
        whole.rate += beside.rate;
        whole.sessions_total += beside.sessions_total;
        whole.answers_5xx += beside.answers_5xx;
        whole.connection_errors += beside.connection_errors;
    }
    whole
}

fn error(error: &HaproxyError) -> DriverError {
    match error {
        HaproxyError::TimedOut { .. } => DriverError::Unknown(error.to_string()),
        _ => DriverError::Refused(error.to_string()),
    }
}
