//! From observations to a frame: one pure function.

use super::health::{Facts, conclude};
use super::{links, postgres, readiness, ready, traffic, verdict};
use crate::observe::board::{RegionSeen, Seen};
use aisoc_model::inventory::Process;
use aisoc_model::lag::Link;
use aisoc_model::observed::{Absence, Observed};
use aisoc_model::operation::Operation;
use aisoc_model::region::{ApiProbe, Drain, Health, PostgresRole, Readiness, Region, Traffic};
use aisoc_model::service_map::Edge;
use aisoc_model::sla::SlaReading;
use aisoc_model::sli::SliReading;
use aisoc_model::slo::Slo;
use aisoc_model::topology::{DatabaseCluster, RegionConfig, Topology};
use aisoc_model::vantage::Verdict;
use aisoc_model::world::{Head, World};
use aisoc_model::{ClusterName, RegionId};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// What a frame is made from, beside what was seen.
pub struct Setting<'a> {
    /// What there is.
    pub topology: &'a Topology,
    /// Thresholds, sped up as the environment wants.
    pub slo: &'a Slo,
    /// Operations to show.
    pub operations: Vec<Operation>,
    /// Drains in force.
    pub drains: BTreeMap<RegionId, Drain>,
}

/// The frame of `seen` at `head.at`. Alerts are not in it: they have a memory, which this has not.
#[must_use]
pub fn merge(seen: &Seen, setting: &Setting<'_>, head: Head) -> World {
    let now = head.at;
    let mut world = World::empty(head);
    world.sources.clone_from(&seen.sources);
    world.certificates.clone_from(&seen.certificates);
    world.thresholds = Some(Box::new(setting.slo.into()));
    world.operations = setting
        .operations
        .iter()
        .map(|o| (o.id.clone(), o.clone()))
        .collect();
    inventory(seen, now, &mut world);
    for reading in &seen.slis {
        let key = SliReading::key(&reading.region, reading.sli);
        world.slis.insert(key, reading.clone());
    }
    for edge in &seen.service_map {
        let key = Edge::key(&edge.region, &edge.from, &edge.to);
        world.service_map.insert(key, edge.clone());
    }
    for reading in seen.sla.values().flatten() {
        let key = SlaReading::key(&reading.tenant, &reading.level);
        world.sla.insert(key, reading.clone());
    }
    for config in &setting.topology.regions {
        let reading = ready::reading(&seen.inventory, &config.id, setting.slo);
        world
            .slis
            .insert(SliReading::key(&config.id, reading.sli), reading);
        if let Some(parts) = seen.regions.get(&config.id) {
            let mut region = region(seen, parts, config, setting, now);
            let rules = setting.slo.region_removal;
            region.verdict = verdict::of(seen, &region, setting.topology, rules, now);
            world.regions.insert(config.id.clone(), region);
        }
    }
    let writers: BTreeMap<ClusterName, RegionId> = setting
        .topology
        .databases
        .iter()
        .filter_map(|c| Some((c.name.clone(), current_writer(&world, &c.name, now)?)))
        .collect();
    world.links = links::all(seen, setting.topology, setting.slo, &writers, now);
    conclusions(&mut world, setting.slo, now);
    readiness(&mut world, seen, setting.topology, &writers);
    world
}

/// How ready each region is, on everything that the frame already holds.
fn readiness(world: &mut World, seen: &Seen, topology: &Topology, writers: &BTreeMap<ClusterName, RegionId>) {
    let now = world.head.at;
    // How the writer of a cluster ranks the member of a region.
    let ranked = |cluster: &DatabaseCluster, region: &RegionId| {
        let writer = seen.regions.get(writers.get(&cluster.name)?)?;
        let server = writer.databases.get(&cluster.name)?.postgres.fresh(now)?;
        let member = &cluster.member(region)?.member;
        let row = server.standbys.iter().find(|s| &s.application_name == member);
        row.map(|s| s.sync_state.clone())
    };
    let scored: Vec<(RegionId, Readiness)> = world
        .regions
        .values()
        .filter_map(|region| {
            let sync_states = topology
                .databases
                .iter()
                .filter_map(|c| Some((c.name.clone(), ranked(c, &region.id)?)));
            let facts = readiness::Facts {
                region,
                seen: seen.regions.get(&region.id)?,
                sync_states: sync_states.collect(),
                links: world.links.values().filter(|l| l.to == region.id).collect(),
                operations: world.operations.values().collect(),
            };
            Some((region.id.clone(), readiness::score(&facts, now)))
        })
        .collect();
    for (id, readiness) in scored {
        if let Some(region) = world.regions.get_mut(&id) {
            region.readiness = Some(readiness);
        }
    }
}

fn region(
    seen: &Seen,
    parts: &RegionSeen,
    config: &RegionConfig,
    setting: &Setting<'_>,
    now: Timestamp,
) -> Region {
    Region {
        id: config.id.clone(),
        role: config.role,
        location: config.location.clone(),
        health: Health::Unknown,
        reasons: Vec::new(),
        verdict: Verdict::unknown(),
        api: config
            .api
            .iter()
            .map(|api| ApiProbe {
                instance: api.instance.clone(),
                zone: api.zone.clone(),
                url: Some(
                    seen.http_address(&format!("{}/{}", config.id, api.instance))
                        .unwrap_or_else(|| api.url.clone()),
                ),
                health: parts
                    .api
                    .get(&api.instance)
                    .cloned()
                    .unwrap_or_else(|| Observed::not_yet("health")),
            })
            .collect(),
        traffic: traffic_of(seen, config, setting.topology),
        postgres: setting
            .topology
            .databases
            .iter()
            .filter_map(|cluster| {
                let (seen, member) = (parts.databases.get(&cluster.name)?, cluster.member(&config.id)?);
                Some((cluster.name.clone(), postgres::member(seen, member, now)))
            })
            .collect(),
        redis: parts.redis.clone(),
        bus: parts.bus.clone(),
        drain: setting.drains.get(&config.id).cloned(),
        readiness: None,
    }
}

fn traffic_of(seen: &Seen, config: &RegionConfig, topology: &Topology) -> Observed<Traffic> {
    let stats = &seen.load_balancer;
    let reading = stats.value.as_ref();
    let ours = reading.and_then(|reading| traffic::of_region(reading, &config.id));
    let absence = match (&stats.absence, &ours) {
        (None, None) => Some(Absence::Failed(format!(
            "{} has nothing of {}: compare [load_balancer] of the topology with its configuration",
            topology.load_balancer.word(),
            config.id
        ))),
        (absence, _) => absence.clone(),
    };
    Observed {
        value: ours,
        observed_at: stats.observed_at,
        source: stats.source.clone(),
        stale_after_ms: stats.stale_after_ms,
        absence,
    }
}

/// The writer that a cluster's links start from: with two of them, the one on the newer timeline.
fn current_writer(world: &World, cluster: &ClusterName, now: Timestamp) -> Option<RegionId> {
    world
        .regions
        .values()
        .filter_map(|region| Some((region, region.fresh_member(cluster, now)?)))
        .filter(|(_, member)| member.role == PostgresRole::Writer)
        .max_by_key(|(_, member)| member.timeline)
        .map(|(region, _)| region.id.clone())
}

fn inventory(seen: &Seen, now: Timestamp, world: &mut World) {
    let Some(inventory) = &seen.inventory.value else {
        return;
    };
    let lost = seen.inventory.fresh(now).is_none();
    for process in &inventory.processes {
        let mut process: Process = process.clone();
        if lost {
            process.detail = Some("as last seen: the supervisor does not answer".to_owned());
        }
        world.processes.insert(process.name.clone(), process);
    }
    for release in &inventory.releases {
        world.releases.insert(release.name.clone(), release.clone());
    }
    for fault in &inventory.faults {
        world.faults.insert(fault.id, fault.clone());
    }
}

fn conclusions(world: &mut World, slo: &Slo, now: Timestamp) {
    let several_clusters = world.several_clusters();
    let concluded: Vec<(RegionId, Health, Vec<String>)> = world
        .regions
        .values()
        .map(|region| {
            let id = Some(&region.id);
            let links: Vec<&Link> = world.links.values().filter(|l| Some(&l.to) == id).collect();
            let facts = Facts {
                region,
                links,
                slis: world.slis.values().filter(|s| Some(&s.region) == id).collect(),
                processes: world
                    .processes
                    .values()
                    .filter(|p| p.region.as_ref() == id)
                    .collect(),
                several_clusters,
                removal: slo.region_removal,
            };
            let (health, reasons) = conclude(&facts, now);
            (region.id.clone(), health, reasons)
        })
        .collect();
    let alarms = two_writers(world, now);
    for (id, health, reasons) in concluded {
        if let Some(region) = world.regions.get_mut(&id) {
            region.health = health;
            region.reasons = reasons;
            for (_, words) in alarms.iter().filter(|(members, _)| members.contains(&id)) {
                region.health = health.max(Health::Degraded);
                region.reasons.insert(0, words.clone());
            }
        }
    }
}

/// The clusters of which more than one member accepts writes: the regions of those, and what is said of them.
fn two_writers(world: &World, now: Timestamp) -> Vec<(Vec<RegionId>, String)> {
    let several = world.several_clusters();
    let clusters = world.clusters().into_iter();
    let found = clusters.map(|cluster| (cluster, world.writers(cluster, now)));
    found
        .filter(|(_, writers)| writers.len() > 1)
        .map(|(cluster, writers)| {
            let of = if several {
                format!(" of {cluster}")
            } else {
                String::new()
            };
            let named = postgres::named(&writers, cluster, world);
            let members = writers.into_iter().cloned().collect();
            (members, format!("TWO WRITERS{of}: {named} accept writes"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::example;

    #[test]
    fn everything_well_is_healthy() {
        let world = example::world();
        for region in world.regions.values() {
            assert_eq!(
                (region.health, region.reasons.clone()),
                (Health::Healthy, vec![]),
                "{}",
                region.id
            );
        }
        // postgres 2, redis 2, bus 3×3, event store 3.
        assert_eq!(world.links.len(), 16);
        assert_eq!(world.slis.len(), 3);
    }

    #[test]
    fn nothing_seen_is_unknown_everywhere_and_links_exist() {
        let topology = example::topology();
        let seen = Seen::nothing_of(&topology, example::STALE);
        let world = example::merge(&seen, &topology);
        assert!(
            world
                .regions
                .values()
                .all(|r| r.health == Health::Unknown && !r.reasons.is_empty())
        );
        assert_eq!(world.links.len(), 16);
        assert!(
            world
                .links
                .values()
                .all(|l| l.level == aisoc_model::lag::LagLevel::Unknown)
        );
    }

    #[test]
    fn links_start_from_the_writer() {
        let (topology, now) = (example::topology(), example::now());
        let mut seen = example::seen(&topology, now);
        for (id, recovering) in [(example::us(), true), (example::eu(), false)] {
            seen.regions
                .get_mut(&id)
                .unwrap()
                .main()
                .postgres
                .set(example::server(recovering, 1_000), now);
        }
        let world = example::merge(&seen, &topology);
        let from: Vec<_> = world
            .links
            .keys()
            .filter(|key| key.starts_with("postgres:"))
            .map(String::as_str)
            .collect();
        assert_eq!(
            from,
            [
                "postgres:eu-west-1:ap-southeast-1",
                "postgres:eu-west-1:us-east-1"
            ]
        );
    }

    #[test]
    fn what_runs_is_marked_when_nobody_can_tell() {
        let (topology, now) = (example::topology(), example::now());
        let mut seen = example::seen(&topology, now);
        seen.inventory.fail("connection refused");
        let world = example::merge(&seen, &topology);
        assert!(world.processes.values().all(|p| p.detail.is_some()));
    }
}
