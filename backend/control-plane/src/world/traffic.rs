//! A region's share of the global load balancer, from the readings of its servers.

use crate::drivers::traffic::{ServerReading, TrafficReading};
use aisoc_model::RegionId;
use aisoc_model::region::{LoadBalancerServer, Traffic};

/// What a reading says about the servers of `region`; `None` when the load balancer knows none of them.
#[must_use]
pub fn of_region(reading: &TrafficReading, region: &RegionId) -> Option<Traffic> {
    let ours: Vec<&ServerReading> = reading.of(region).collect();
    if ours.is_empty() {
        return None;
    }
    let set: u64 = ours.iter().map(|server| set_weight(server)).sum();
    let full: u64 = ours.iter().map(|server| u64::from(server.full_weight)).sum();
    let serving: u64 = ours.iter().map(|server| serving_weight(server)).sum();
    let everywhere: u64 = reading.servers.iter().map(serving_weight).sum();
    let share = if everywhere == 0 {
        0.0
    } else {
        serving as f64 * 100.0 / everywhere as f64
    };
    let load = reading.load(region);
    Some(Traffic {
        weight_percent: u8::try_from((set * 100).div_ceil(full.max(1))).unwrap_or(u8::MAX),
        share_percent: crate::observe::round::three_digits(share),
        requests_per_second: load.map(|load| load.rate as f64),
        sessions: load.map(|load| load.sessions + queued(&ours)),
        servers: ours.iter().map(|server| shown(server)).collect(),
    })
}

fn queued(servers: &[&ServerReading]) -> u64 {
    servers
        .iter()
        .filter_map(|s| s.load)
        .map(|load| load.queued)
        .sum()
}

/// Whether the load balancer finds a server well: up, or never checked.
#[must_use]
pub fn serves(status: &str) -> bool {
    status.starts_with("UP") || status == "no check"
}

/// The weight an operator has given: none while the server is drained or in maintenance.
fn set_weight(server: &ServerReading) -> u64 {
    if server.is_set_aside() {
        0
    } else {
        u64::from(server.weight)
    }
}

/// The weight that counts now.
fn serving_weight(server: &ServerReading) -> u64 {
    if server.is_up() { set_weight(server) } else { 0 }
}

fn shown(server: &ServerReading) -> LoadBalancerServer {
    LoadBalancerServer {
        name: aisoc_model::text::sanitize(&server.name, 60),
        status: aisoc_model::text::sanitize(&server.status, 40),
        weight: server.weight,
        sessions: server.load.map(|load| load.sessions),
        check: aisoc_model::text::sanitize(&server.check, 40),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::example;
    use rstest::rstest;

    #[rstest]
    #[case::normal(["UP", "UP", "UP", "UP"], [100, 100, 100, 100], 100, 50.0)]
    #[case::half(["UP", "UP", "UP", "UP"], [50, 50, 100, 100], 50, 33.3)]
    #[case::drained(["UP", "UP", "UP", "UP"], [0, 0, 100, 100], 0, 0.0)]
    #[case::a_little_is_not_nothing(["UP", "UP", "UP", "UP"], [1, 0, 100, 100], 1, 0.498)]
    #[case::drain_state(["DRAIN", "DRAIN", "UP", "UP"], [100, 100, 100, 100], 0, 0.0)]
    #[case::one_down(["DOWN", "UP", "UP", "UP"], [100, 100, 100, 100], 100, 33.3)]
    #[case::all_down(["DOWN", "DOWN", "DOWN", "DOWN"], [100, 100, 100, 100], 100, 0.0)]
    #[case::going_down(["UP 1/3", "UP", "UP", "UP"], [100, 100, 100, 100], 100, 50.0)]
    fn weights_and_shares(
        #[case] status: [&str; 4],
        #[case] weight: [u16; 4],
        #[case] percent: u8,
        #[case] share: f64,
    ) {
        let names = ["us-east-1a", "us-east-1b", "eu-west-1a", "eu-west-1b"];
        let servers = names
            .into_iter()
            .zip(status)
            .zip(weight)
            .map(|((name, status), weight)| example::server_reading(name, status, weight))
            .collect();
        let reading = TrafficReading {
            at: example::now(),
            servers,
        };
        let traffic = of_region(&reading, &example::us()).unwrap();
        assert_eq!((traffic.weight_percent, traffic.share_percent), (percent, share));
    }

    #[test]
    fn a_region_that_the_load_balancer_does_not_know_has_no_traffic() {
        let servers = vec![example::server_reading("eu-west-1a", "UP", 1)];
        let reading = TrafficReading {
            at: example::now(),
            servers,
        };
        assert_eq!(of_region(&reading, &example::us()), None);
    }

    #[test]
    fn what_is_not_told_is_not_zero() {
        let mut server = example::server_reading("us-east-1a", "UP", 100);
        server.load = None;
        let reading = TrafficReading {
            at: example::now(),
            servers: vec![server],
        };
        let traffic = of_region(&reading, &example::us()).unwrap();
        assert_eq!((traffic.sessions, traffic.requests_per_second), (None, None));
    }
}
