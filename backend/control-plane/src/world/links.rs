//! Replication links between all pairs of regions, and how far behind each is.

use crate::observe::board::{MemberSeen, Seen};
use crate::observe::round;
use aisoc_model::lag::{Link, LinkKind};
use aisoc_model::observed::Observed;
use aisoc_model::region::RegionRole;
use aisoc_model::slo::Slo;
use aisoc_model::topology::{DatabaseCluster, Topology};
use aisoc_model::{ClusterName, RegionId};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The group whose lag on the raw events is what the event store is behind by.
const STORE_GROUP: &str = "enrichment";

/// Every link of a topology as seen at `now`; `writers` are the regions that accept writes, by database cluster, where
/// one is known.
#[must_use]
pub fn all(
    seen: &Seen,
    topology: &Topology,
    slo: &Slo,
    writers: &BTreeMap<ClusterName, RegionId>,
    now: Timestamp,
) -> BTreeMap<String, Link> {
    let designed = || {
        let primary = topology.regions.iter().find(|r| r.role == RegionRole::Primary);
        primary.or(topology.regions.first()).map(|r| &r.id)
    };
    let mut links = Vec::new();
    for to in &topology.regions {
        for cluster in &topology.databases {
            let writer = writers.get(&cluster.name);
            // Without a writer the link is drawn from where one belongs.
            let home = || {
                let designed = designed().filter(|id| cluster.member(id).is_some());
                designed.or_else(|| cluster.members.first().map(|m| &m.region))
            };
            if let Some(from) = writer.or_else(home).filter(|from| **from != to.id) {
                links.extend(postgres(seen, cluster, from, &to.id, writer.is_some(), now));
            }
        }
        if let Some(from) = leader(seen, now).or_else(designed).filter(|from| **from != to.id) {
            links.extend(redis(seen, from, &to.id));
        }
        for from in &topology.regions {
            links.extend(bus(seen, &from.id, &to.id));
        }
        links.extend(event_store(seen, &to.id));
    }
    links
        .into_iter()
        .map(|mut link| {
            link.level = slo.lag_level(link.kind, link.lag_seconds.fresh(now).copied());
            let key = match &link.cluster {
                Some(cluster) if topology.several_clusters() => Link::key_in(cluster, &link.from, &link.to),
                _ => Link::key(link.kind, &link.from, &link.to),
            };
            (key, link)
        })
        .collect()
}

fn link(
    kind: LinkKind,
    from: &RegionId,
    to: &RegionId,
    seconds: Observed<f64>,
    amount: Observed<u64>,
    state: Observed<String>,
) -> Link {
    Link {
        kind,
        cluster: None,
        from: from.clone(),
        to: to.clone(),
        lag_seconds: seconds,
        lag_amount: amount,
        state,
        level: aisoc_model::lag::LagLevel::Unknown,
    }
}

fn postgres(
    seen: &Seen,
    cluster: &DatabaseCluster,
    from: &RegionId,
    to: &RegionId,
    writer_known: bool,
    now: Timestamp,
) -> Option<Link> {
    let member = &cluster.member(to)?.member;
    let of = |region: &RegionId| seen.regions.get(region)?.databases.get(&cluster.name);
    let (source, replica) = (of(from)?, of(to)?);
    let row = |name: &str| {
        let server = source.postgres.value.as_ref()?;
        server.standbys.iter().find(|s| s.application_name == name)
    };
    let mut state = source.postgres.map(|_| match row(member) {
        Some(row) => aisoc_model::text::sanitize(&row.state, 40),
        None => "not connected".to_owned(),
    });
    let mut seconds = replica.postgres.map(|_| 0.0);
    let mut amount = replica.postgres.map(|_| 0);
    if let (Some(server), Some(at)) = (&replica.postgres.value, replica.postgres.observed_at) {
        let behind = source.wal.behind(server.facts.lsn, at);
        // What the writer itself knows of a replica that does not answer to us.
        let late = server
            .heartbeat
            .as_ref()
            .and_then(|beat| source.beats.late(beat.at, at))
            .or(behind.map(|b| b.seconds));
        seconds.value = late.map(round::seconds);
        amount.value = behind.map(|b| b.amount);
    }
    if replica.postgres.fresh(now).is_none()
        && let Some(told) = told_by_writer(source, row(member).and_then(|r| r.replay_lsn))
    {
        (seconds, amount) = told;
    }
    if !writer_known {
        for absence in [&mut seconds.absence, &mut amount.absence, &mut state.absence] {
            let why = "no PostgreSQL member is known to accept writes".to_owned();
            absence.get_or_insert(aisoc_model::Absence::Failed(why));
        }
    }
    Some(Link {
        cluster: Some(cluster.name.clone()),
        ..link(LinkKind::Postgres, from, to, known(seconds), known(amount), state)
    })
}

/// The lag of a standby as the writer's `pg_stat_replication` tells it.
fn told_by_writer(writer: &MemberSeen, replayed: Option<u64>) -> Option<(Observed<f64>, Observed<u64>)> {
    let at = writer.postgres.observed_at?;
    let behind = writer.wal.behind(replayed?, at)?;
    Some((
        writer.postgres.map(|_| round::seconds(behind.seconds)),
        writer.postgres.map(|_| behind.amount),
    ))
}

/// A look that succeeded but gave nothing to compare with is "not yet", not a value.
fn known<T>(mut observed: Observed<T>) -> Observed<T> {
    if observed.value.is_none() && observed.absence.is_none() {
        observed.absence = Some(aisoc_model::Absence::NotYet);
    }
    observed
}

fn leader(seen: &Seen, now: Timestamp) -> Option<&RegionId> {
    seen.regions
        .iter()
        .find(|(_, region)| region.redis.fresh(now).is_some_and(|m| m.role == "master"))
        .map(|(id, _)| id)
}

fn redis(seen: &Seen, from: &RegionId, to: &RegionId) -> Option<Link> {
    let (source, replica) = (seen.regions.get(from)?, seen.regions.get(to)?);
    let behind = replica
        .redis
        .value
        .as_ref()
        .zip(replica.redis.observed_at)
        .and_then(|(member, at)| source.offsets.behind(member.offset, at));
    let mut seconds = replica.redis.map(|_| 0.0);
    seconds.value = behind.map(|b| round::seconds(b.seconds));
    let mut amount = replica.redis.map(|_| 0);
    amount.value = behind.map(|b| b.amount);
    let state = replica.redis.map(|member| match &member.link {
        Some(link) => link.clone(),
        None => "not a replica".to_owned(),
    });
    // A replica of a leader that does not answer knows nothing about its lag.
    if let Some(why) = &source.redis.absence {
        seconds.absence.get_or_insert(why.clone());
        amount.absence.get_or_insert(why.clone());
    }
    Some(link(
        LinkKind::Redis,
        from,
        to,
        known(seconds),
        known(amount),
        state,
    ))
}

fn bus(seen: &Seen, from: &RegionId, to: &RegionId) -> Option<Link> {
    let fan_out = &seen.regions.get(from)?.fan_out;
    let cursor = fan_out
        .value
        .as_ref()
        .and_then(|cursors| cursors.iter().find(|c| &c.to == to));
    let mut seconds = fan_out.map(|_| 0.0);
    seconds.value = cursor.map(|c| c.seconds);
    let mut amount = fan_out.map(|_| 0);
    amount.value = cursor.map(|c| c.pending);
    let mut state = fan_out.map(|_| String::new());
    state.value = cursor.map(|c| match &c.failure {
        Some(why) => format!("failing: {why}"),
        None if c.pending == 0 => "idle".to_owned(),
        None => "sending".to_owned(),
    });
    Some(link(
        LinkKind::Bus,
        from,
        to,
        known(seconds),
        known(amount),
        known(state),
    ))
}

fn event_store(seen: &Seen, region: &RegionId) -> Option<Link> {
    let bus = &seen.regions.get(region)?.bus;
    let group = bus.value.as_ref().and_then(|state| {
        state
            .groups
            .iter()
            .find(|g| g.group == STORE_GROUP && g.topic == aisoc_model::event::topic::RAW_EVENTS)
    });
    let mut seconds = bus.map(|_| 0.0);
    seconds.value = group.map(|g| g.seconds);
    let mut amount = bus.map(|_| 0);
    amount.value = group.map(|g| g.records);
    let mut state = bus.map(|_| String::new());
    state.value = group.map(|g| if g.records == 0 { "idle" } else { "consuming" }.to_owned());
    Some(link(
        LinkKind::EventStore,
        region,
        region,
        known(seconds),
        known(amount),
        known(state),
    ))
}

#[cfg(test)]
mod tests;
