//! Shifting traffic between regions.

pub mod haproxy;

use crate::drivers::DriverError;
use aisoc_model::RegionId;
use futures::future::BoxFuture;
use jiff::Timestamp;

/// A load balancer that gives each region a weight.
pub trait TrafficDriver: Send + Sync {
    /// Every server with its weight and its traffic, now.
    fn read(&self) -> BoxFuture<'_, Result<TrafficReading, DriverError>>;

    /// Gives a region a share of its full weight; 0 also stops new sessions.
    fn set<'a>(&'a self, region: &'a RegionId, percent: u8) -> BoxFuture<'a, Result<(), DriverError>>;

    /// The exact request that [`TrafficDriver::set`] makes, for the plan.
    fn request(&self, region: &RegionId, percent: u8) -> String;
}

/// What the load balancer said.
#[derive(Debug, Clone, PartialEq)]
pub struct TrafficReading {
    /// When.
    pub at: Timestamp,
    /// Its servers.
    pub servers: Vec<ServerReading>,
}

/// One server behind the load balancer.
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
    /// Open sessions.
    pub sessions: u64,
    /// Requests over the last second.
    pub rate: u64,
    /// Requests since the load balancer started.
    pub requests: u64,
    /// Failed requests since then: answers 5xx and connections that failed.
    pub failures: u64,
}

impl ServerReading {
    /// Whether it gets new requests.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.weight > 0 && (self.status.starts_with("UP") || self.status == "no check")
    }

    /// Whether it is kept from new requests on purpose.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.weight == 0 || self.status.starts_with("DRAIN") || self.status.starts_with("MAINT")
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

    /// A region's weight as percent of its full weight; `None` when it has no server.
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

    /// Open sessions and requests per second of a region.
    #[must_use]
    pub fn load(&self, region: &RegionId) -> (u64, u64) {
        self.of(region).fold((0, 0), |(sessions, rate), s| {
            (sessions + s.sessions, rate + s.rate)
        })
    }
}
