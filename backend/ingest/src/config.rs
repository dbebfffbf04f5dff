//! What an ingest process needs to know.

use aisoc_bus::disk::Reserve;
use aisoc_model::RegionId;
use aisoc_storage::ClusterUrls;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Configuration of an ingest process.
#[derive(Debug, Clone)]
pub struct Config {
    /// The region it is in.
    pub region: RegionId,
    /// HTTP.
    pub listen: SocketAddr,
    /// gRPC of the region's bus.
    pub bus_listen: SocketAddr,
    /// Every region's bus. This region's own is reached within the process, whether named here or not.
    pub peers: Vec<(RegionId, String)>,
    /// `bus/`, `spool/`, `events/` and `tenants.json` are below it.
    pub data_dir: PathBuf,
    /// Where tenants and tokens are kept; without it only `tenants.json` counts.
    pub databases: Option<ClusterUrls>,
    /// Token between the services.
    pub internal_token: String,
    /// Latency added to every request, to rehearse a bad release.
    pub inject_latency: Duration,
    /// Bounds of requests.
    pub limits: Limits,
    /// Bound of what waits in the spool for the slowest region.
    pub spool_bytes: u64,
    /// Bound of each topic of the bus.
    pub topic_bytes: u64,
    /// Room to leave on the file system.
    pub reserve: Reserve,
}

/// Bounds of requests.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a body, as sent and as decompressed.
    pub body_bytes: usize,
    /// Events in a request.
    pub events: usize,
    /// Bytes of all bodies being worked on at a time.
    pub in_flight_bytes: usize,
    /// Time for a body to arrive.
    pub body_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 10 << 20,
            events: 1_000,
            in_flight_bytes: 64 << 20,
            body_time: Duration::from_secs(30),
        }
    }
}

impl Config {
    /// A configuration with the default bounds, no peers and no database.
    #[must_use]
    pub fn new(
        region: RegionId,
        listen: SocketAddr,
        bus_listen: SocketAddr,
        data_dir: impl Into<PathBuf>,
        internal_token: impl Into<String>,
    ) -> Self {
        Self {
            region,
            listen,
            bus_listen,
            peers: Vec::new(),
            data_dir: data_dir.into(),
            databases: None,
            internal_token: internal_token.into(),
            inject_latency: Duration::ZERO,
            limits: Limits::default(),
            spool_bytes: 512 << 20,
            topic_bytes: 256 << 20,
            reserve: Reserve::default(),
        }
    }
}

/// Reads `us-east-1=http://127.0.0.1:1,eu-west-1=http://…`.
///
/// # Errors
/// A sentence that says which part is wrong.
pub fn parse_peers(text: &str) -> Result<Vec<(RegionId, String)>, String> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (region, url) = part
                .split_once('=')
                .ok_or_else(|| format!("'{part}' is not REGION=URL, as in eu-west-1=http://host:port"))?;
            let region = region
                .trim()
                .parse::<RegionId>()
                .map_err(|error| error.to_string())?;
            Ok((region, url.trim().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers() {
        let peers = parse_peers("us-east-1=http://127.0.0.1:1, eu-west-1=http://h:2,").unwrap();
        assert_eq!(peers.len(), 2);
        assert_eq!(
            (peers[1].0.as_str(), peers[1].1.as_str()),
            ("eu-west-1", "http://h:2")
        );
        assert!(parse_peers("us-east-1").unwrap_err().contains("REGION=URL"));
        assert!(parse_peers("US=http://h:1").is_err());
        assert_eq!(parse_peers("").unwrap(), Vec::new());
    }
}
