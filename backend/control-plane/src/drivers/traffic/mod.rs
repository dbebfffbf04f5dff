//! Shifting traffic between regions.
//!
//! One file for each product. All of them give a region a share of its own full weight, in percent; what a product
//! cannot show is absent in its readings and said in the plan, never zero.

pub(in crate::drivers) mod api;
pub mod cloudflare;
pub mod gcp;
mod gcp_token;
pub mod global_accelerator;
pub mod haproxy;
pub(in crate::drivers) mod secret;
pub mod share;

use crate::drivers::DriverError;
use aisoc_model::Clock;
use aisoc_model::RegionId;
use aisoc_model::load_balancer::LoadBalancer;
use aisoc_model::topology::Topology;
use cloudflare::CloudflareDriver;
use futures::future::BoxFuture;
use gcp::GcpDriver;
use global_accelerator::GlobalAcceleratorDriver;
use haproxy::HaproxyDriver;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// A load balancer that gives each region a weight.
///
/// One control plane at a time acts: a driver whose product has no optimistic lock reads, changes and reads again
/// under a lock of its own, and answers [`DriverError::Unknown`] when it finds something else than it wrote.
pub trait TrafficDriver: Send + Sync {
    /// Every server with its weight and its traffic, now.
    fn read(&self) -> BoxFuture<'_, Result<TrafficReading, DriverError>>;

    /// Gives a region a share of its full weight; 0 also stops new sessions. Returns when the product says that the
    /// change is in force, as far as it says so.
    fn set<'a>(&'a self, region: &'a RegionId, percent: u8) -> BoxFuture<'a, Result<(), DriverError>>;

    /// The exact request that [`TrafficDriver::set`] makes, for the plan.
    fn request(&self, region: &RegionId, percent: u8) -> String;

    /// The request that [`TrafficDriver::read`] makes, for the plan.
    fn look(&self) -> String;

    /// What a drain has to know of the product, each a sentence for the plan.
    fn traits(&self) -> Traits;
}

/// What is special about a product.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traits {
    /// Why requests and sessions in flight cannot be seen; `None` when they can.
    pub blind: Option<String>,
    /// What else a person has to know who drains with it, each a sentence.
    pub remarks: Vec<String>,
    /// Time between two looks of the observation at least, so that a vendor's rate limit is left to operations.
    pub observe_every: Duration,
}

/// The driver that a topology names.
///
/// # Errors
/// When its endpoint or its credentials file cannot be used.
pub fn from_topology(topology: &Topology, clock: &Arc<dyn Clock>) -> anyhow::Result<Arc<dyn TrafficDriver>> {
    let clock = Arc::clone(clock);
    Ok(match &topology.load_balancer {
        LoadBalancer::Haproxy(settings) => Arc::new(HaproxyDriver::new(settings, topology, clock)),
        LoadBalancer::Cloudflare(settings) => Arc::new(CloudflareDriver::new(settings, clock)?),
        LoadBalancer::GlobalAccelerator(settings) => Arc::new(GlobalAcceleratorDriver::new(settings, clock)?),
        LoadBalancer::Gcp(settings) => Arc::new(GcpDriver::new(settings, clock)?),
    })
}

/// What the load balancer said.
#[derive(Debug, Clone, PartialEq)]
pub struct TrafficReading {
    /// When.
    pub at: Timestamp,
    /// Its servers.
    pub servers: Vec<ServerReading>,
}

/// One server behind the load balancer: an api instance, or what the product has for a whole region.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerReading {
    /// Its region.
    pub region: RegionId,
    /// Its name.
    pub name: String,
    /// The load balancer's word: `UP`, `DOWN`, `DRAIN`, `MAINT`, …
    pub status: String,
    /// Weight now.
    pub weight: u16,
    /// Weight at 100 %.
    pub full_weight: u16,
    /// The last health check's result, `L7OK/200`.
    pub check: String,
    /// Its traffic; `None` when the product does not tell.
    pub load: Option<Load>,
}

/// The traffic of a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Open sessions.
    pub sessions: u64,
    /// Requests that wait for a place.
    pub queued: u64,
    /// Requests over the last second.
    pub rate: u64,
    /// Requests since the load balancer started.
    pub requests: u64,
    /// Failed requests since then: answers 5xx and connections that failed.
    pub failures: u64,
}

/// The traffic of a region now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RegionLoad {
    /// Open sessions.
    pub sessions: u64,
    /// Requests over the last second.
    pub rate: u64,
}

impl ServerReading {
    /// Whether the load balancer finds it well: up, or never checked.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.status.starts_with("UP") || self.status == "no check"
    }

    /// Whether it gets new requests.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.weight > 0 && self.is_up()
    }

    /// Whether it is kept from new requests on purpose, whatever its weight.
    #[must_use]
    pub fn is_set_aside(&self) -> bool {
        self.status.starts_with("DRAIN") || self.status.starts_with("MAINT")
    }

    /// The weight that `percent` of the full weight is: never 0 unless 0 is asked for.
    #[must_use]
    pub fn weight_at(full_weight: u16, percent: u8) -> u16 {
        let weight = (u32::from(full_weight) * u32::from(percent) + 50) / 100;
        let weight = u16::try_from(weight).unwrap_or(u16::MAX);
        if percent == 0 { 0 } else { weight.max(1) }
    }
}

impl TrafficReading {
    /// The servers of a region.
    pub fn of<'a>(&'a self, region: &'a RegionId) -> impl Iterator<Item = &'a ServerReading> {
        self.servers.iter().filter(move |s| &s.region == region)
    }

    /// The region's weight as percent of its full weight; `None` without servers.
    #[must_use]
    pub fn percent(&self, region: &RegionId) -> Option<u8> {
        let (mut now, mut full) = (0_u32, 0_u32);
        for server in self.of(region) {
            full += u32::from(server.full_weight);
            if !server.status.starts_with("DRAIN") {
                now += u32::from(server.weight);
            }
        }
        if full == 0 {
            return None;
        }
        Some(u8::try_from((now * 100 + full / 2) / full).unwrap_or(u8::MAX))
    }

    /// Open sessions and requests per second of a region; `None` when the product does not tell them of all its
    /// servers.
    #[must_use]
    pub fn load(&self, region: &RegionId) -> Option<RegionLoad> {
        let mut servers = self.of(region).peekable();
        servers.peek()?;
        servers.try_fold(RegionLoad::default(), |sum, server| {
            let load = server.load?;
            Some(RegionLoad {
                sessions: sum.sessions + load.sessions,
                rate: sum.rate + load.rate,
            })
        })
    }
}
