//! A region's share of the global load balancer, from the statistics of its servers.

use crate::clients::haproxy::Stat;
use aisoc_model::region::{LoadBalancerServer, Traffic};
use aisoc_model::topology::{LoadBalancer, RegionConfig};

/// What `stats` say about the servers of `region`; `None` when the load balancer knows none of them.
#[must_use]
pub fn of_region(stats: &[Stat], region: &RegionConfig, balancer: &LoadBalancer) -> Option<Traffic> {
    let ours: Vec<&Stat> = region
        .api
        .iter()
        .filter_map(|api| stats.iter().find(|stat| stat.server == api.server))
        .collect();
    if ours.is_empty() {
        return None;
    }
    let set: u64 = ours.iter().map(|stat| set_weight(stat)).sum();
    let full = u64::from(balancer.full_weight.max(1)) * ours.len() as u64;
    let serving: u64 = ours.iter().map(|stat| serving_weight(stat)).sum();
    let everywhere: u64 = stats.iter().map(serving_weight).sum();
    let share = if everywhere == 0 {
        0.0
    } else {
        serving as f64 * 100.0 / everywhere as f64
    };
    Some(Traffic {
        weight_percent: u8::try_from((set * 100).div_ceil(full)).unwrap_or(u8::MAX),
        share_percent: crate::observe::round::three_digits(share),
        requests_per_second: ours.iter().map(|stat| stat.rate).sum::<u64>() as f64,
        sessions: ours.iter().map(|stat| stat.sessions + stat.queued).sum(),
        servers: ours.iter().map(|stat| server(stat)).collect(),
    })
}

/// Whether the load balancer sends requests there: up, or never checked.
#[must_use]
pub fn serves(status: &str) -> bool {
    status.starts_with("UP") || status == "no check"
}

/// The weight an operator has given: none while the server is drained or in maintenance.
fn set_weight(stat: &Stat) -> u64 {
    if stat.status.starts_with("DRAIN") || stat.status.starts_with("MAINT") {
        0
    } else {
        u64::from(stat.weight)
    }
}

/// The weight that counts now.
fn serving_weight(stat: &Stat) -> u64 {
    if serves(&stat.status) { set_weight(stat) } else { 0 }
}

fn server(stat: &Stat) -> LoadBalancerServer {
    LoadBalancerServer {
        name: stat.server.clone(),
        status: aisoc_model::text::sanitize(&stat.status, 40),
        weight: stat.weight,
        sessions: stat.sessions,
        check: aisoc_model::text::sanitize(&stat.check, 40),
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
        let topology = example::topology();
        let names = ["us-east-1a", "us-east-1b", "eu-west-1a", "eu-west-1b"];
        let stats: Vec<Stat> = names
            .into_iter()
            .zip(status)
            .zip(weight)
            .map(|((name, status), weight)| example::stat(name, status, weight))
            .collect();
        let traffic = of_region(&stats, &topology.regions[0], &topology.load_balancer).unwrap();
        assert_eq!((traffic.weight_percent, traffic.share_percent), (percent, share));
    }

    #[test]
    fn servers_that_the_load_balancer_does_not_know_are_no_traffic() {
        let topology = example::topology();
        let stats = [example::stat("other", "UP", 1)];
        assert_eq!(
            of_region(&stats, &topology.regions[0], &topology.load_balancer),
            None
        );
    }
}
