//! Gates of drain and restore.

use super::region::survivor_peak;
use super::{Case, needs_override, pass, refuse};
use crate::drivers::traffic::{ServerReading, TrafficReading};
use aisoc_model::RegionId;
use aisoc_model::plan::Gate;
use aisoc_model::region::RegionRole;

/// Gates of a drain.
#[must_use]
pub fn drain(case: &Case<'_>, region: &RegionId) -> Vec<Gate> {
    let Some(Ok(reading)) = &case.facts.traffic else {
        let why = "the load balancer cannot be read";
        return [
            "drain_state",
            "last_healthy_region",
            "survivor_capacity",
            "survivor_peak",
        ]
        .map(|name| refuse(name, why, vec![]))
        .to_vec();
    };
    vec![
        not_drained(case, reading, region),
        last_healthy_region(case, reading, region),
        survivor_capacity(case, reading, region),
        survivor_peak(case, reading, region, None),
    ]
}

/// Gates of a restore.
#[must_use]
pub fn restore(case: &Case<'_>, region: &RegionId) -> Vec<Gate> {
    let Some(Ok(reading)) = &case.facts.traffic else {
        let why = "the load balancer cannot be read";
        return ["drain_state", "region_health"]
            .map(|name| refuse(name, why, vec![]))
            .to_vec();
    };
    vec![is_drained(case, reading, region), region_health(case, region)]
}

/// Gates of a renewal.
#[must_use]
pub fn renewal(case: &Case<'_>, region: &RegionId) -> Vec<Gate> {
    let name = "drain_state";
    let Some(Ok(reading)) = &case.facts.traffic else {
        return vec![refuse(name, "the load balancer cannot be read", vec![])];
    };
    let mut evidence = vec![weight_line(reading, region)];
    let Some(drain) = case.facts.own.drains.get(region) else {
        let why = format!("{region} is not drained by an operation: there is nothing to renew");
        return vec![refuse(name, why, evidence)];
    };
    evidence.push(format!("drained by {} since {}", drain.by, drain.since));
    let gate = match reading.percent(region) {
        Some(0) => {
            let left = drain.seconds_left(case.facts.now);
            pass(name, format!("{region} is drained; {left} s are left"), evidence)
        }
        _ => refuse(
            name,
            format!("{region} has weight at the load balancer: `restore` ends the record of its drain"),
            evidence,
        ),
    };
    vec![gate]
}

fn weight_line(reading: &TrafficReading, region: &RegionId) -> String {
    let servers: Vec<String> = reading
        .of(region)
        .map(|s| format!("{} {} weight {}", s.name, s.status, s.weight))
        .collect();
    format!("{region}: {}", servers.join(", "))
}

fn not_drained(case: &Case<'_>, reading: &TrafficReading, region: &RegionId) -> Gate {
    let name = "drain_state";
    let mut evidence = vec![weight_line(reading, region)];
    let Some(percent) = reading.percent(region) else {
        let why = format!("the load balancer has no server of {region}");
        return refuse(name, why, vec![]);
    };
    if let Some(drain) = case.facts.own.drains.get(region) {
        evidence.push(format!("drained by {} since {}", drain.by, drain.since));
    }
    if percent == 0 {
        refuse(name, format!("{region} is already out of rotation"), evidence)
    } else {
        pass(name, format!("{region} is in rotation at {percent} %"), evidence)
    }
}

fn is_drained(case: &Case<'_>, reading: &TrafficReading, region: &RegionId) -> Gate {
    let name = "drain_state";
    let evidence = vec![weight_line(reading, region)];
    match reading.percent(region) {
        None => refuse(
            name,
            format!("the load balancer has no server of {region}"),
            vec![],
        ),
        Some(percent) if percent >= 100 && !case.facts.own.drains.contains_key(region) => refuse(
            name,
            format!("{region} is not drained: it has its full weight"),
            evidence,
        ),
        Some(percent) => pass(name, format!("{region} has {percent} % of its weight"), evidence),
    }
}

/// Whether a region can serve: the load balancer sends to it, and our own probe gets a fresh 200.
fn serves(case: &Case<'_>, reading: &TrafficReading, region: &RegionId) -> (bool, String) {
    let servers = reading.of(region).filter(|s| s.serves()).count();
    let probes = case.facts.world.regions.get(region).map_or(0, |r| {
        let good = |p: &&aisoc_model::region::ApiProbe| {
            p.health.fresh(case.facts.now).is_some_and(|h| h.status == 200)
        };
        r.api.iter().filter(good).count()
    });
    let line =
        format!("{region}: {servers} server(s) in rotation and up, {probes} api instance(s) answer 200");
    (servers > 0 && probes > 0, line)
}

fn last_healthy_region(case: &Case<'_>, reading: &TrafficReading, region: &RegionId) -> Gate {
    let name = "last_healthy_region";
    let others: Vec<(bool, String)> = case
        .topology
        .regions
        .iter()
        .filter(|r| &r.id != region)
        .map(|r| serves(case, reading, &r.id))
        .collect();
    let count = others.iter().filter(|(serves, _)| *serves).count();
    let evidence = others.into_iter().map(|(_, line)| line).collect();
    if count == 0 {
        refuse(
            name,
            format!("no other region serves: {region} is the last one"),
            evidence,
        )
    } else {
        pass(name, format!("{count} other region(s) serve"), evidence)
    }
}

/// Never more than half of the capacity out of rotation. Capacity is the full weight of every server of the
/// regions that serve by design; a DR-only region counts once it has been given weight.
fn survivor_capacity(case: &Case<'_>, reading: &TrafficReading, region: &RegionId) -> Gate {
    let name = "survivor_capacity";
    let counts = |server: &&ServerReading| {
        let role = case.topology.region(&server.region).map(|r| r.role);
        role != Some(RegionRole::DrOnly) || server.weight > 0
    };
    let weight = |servers: &mut dyn Iterator<Item = u16>| servers.map(u32::from).sum::<u32>();
    let total = weight(&mut reading.servers.iter().filter(counts).map(|s| s.full_weight));
    let remaining = weight(
        &mut reading
            .servers
            .iter()
            .filter(|s| &s.region != region && s.serves())
            .map(|s| s.weight),
    );
    let evidence = case
        .topology
        .regions
        .iter()
        .map(|r| weight_line(reading, &r.id))
        .collect();
    if total == 0 {
        return refuse(name, "the load balancer shows no capacity at all", evidence);
    }
    let share = f64::from(remaining) * 100.0 / f64::from(total);
    let why = format!("{share:.0} % of the capacity would remain in rotation");
    if remaining * 2 >= total {
        pass(name, why, evidence)
    } else {
        refuse(name, format!("only {why}; at least 50 % must"), evidence)
    }
}

fn region_health(case: &Case<'_>, region: &RegionId) -> Gate {
    let name = "region_health";
    let Some(state) = case.facts.world.regions.get(region) else {
        return refuse(name, format!("nothing is known of {region}"), vec![]);
    };
    let mut good = 0;
    let evidence: Vec<String> = state
        .api
        .iter()
        .map(|probe| match probe.health.fresh(case.facts.now) {
            Some(health) => {
                good += usize::from(health.status == 200);
                format!(
                    "{} answers {} in {:.0} ms",
                    probe.instance, health.status, health.latency_ms
                )
            }
            None => format!("{}: no fresh answer", probe.instance),
        })
        .collect();
    match state.api.len() {
        0 => refuse(name, format!("{region} has no api instance"), evidence),
        all if good == all => pass(name, format!("all {all} api instances answer 200"), evidence),
        all if good > 0 => needs_override(
            name,
            format!("only {good} of {all} api instances answer 200"),
            evidence,
        ),
        all => refuse(name, format!("none of {all} api instances answers 200"), evidence),
    }
}
