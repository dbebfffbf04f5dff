//! A PostgreSQL member, from its Patroni and from its own server.
//!
//! The server's word counts more than Patroni's: a Patroni that is frozen goes on saying what was, while its
//! server may still accept writes.

use crate::clients::patroni::MemberStatus;
use crate::observe::Server;
use crate::observe::board::MemberSeen;
use aisoc_model::observed::{Absence, Observed};
use aisoc_model::region::{PostgresMember, PostgresRole};
use aisoc_model::topology::DatabaseMember;
use aisoc_model::world::World;
use aisoc_model::{ClusterName, RegionId};
use jiff::Timestamp;

/// A member as seen at `now`.
#[must_use]
pub fn member(seen: &MemberSeen, member: &DatabaseMember, now: Timestamp) -> Observed<PostgresMember> {
    let patroni = seen.patroni.fresh(now);
    let server = seen.postgres.fresh(now);
    let (observed_at, source) = match (patroni, server) {
        (Some(_), Some(_)) => (
            seen.patroni.observed_at.min(seen.postgres.observed_at),
            format!("patroni+{}", seen.postgres.source),
        ),
        (Some(_), None) => (seen.patroni.observed_at, seen.patroni.source.clone()),
        (None, Some(_)) => (seen.postgres.observed_at, seen.postgres.source.clone()),
        (None, None) => return unseen(seen, member),
    };
    Observed {
        value: Some(value(seen, member, patroni, server)),
        observed_at,
        source,
        stale_after_ms: seen.postgres.stale_after_ms,
        absence: None,
    }
}

/// Neither answers: what was last known, and why there is nothing newer.
fn unseen(seen: &MemberSeen, member: &DatabaseMember) -> Observed<PostgresMember> {
    let known = seen.patroni.value.is_some() || seen.postgres.value.is_some();
    let (patroni, server) = (seen.patroni.value.as_ref(), seen.postgres.value.as_ref());
    Observed {
        value: known.then(|| value(seen, member, patroni, server)),
        observed_at: seen.patroni.observed_at.max(seen.postgres.observed_at),
        source: format!("patroni+{}", seen.postgres.source),
        stale_after_ms: seen.postgres.stale_after_ms,
        absence: match (&seen.postgres.absence, &seen.patroni.absence) {
            (Some(why), _) | (None, Some(why)) => Some(why.clone()),
            (None, None) => None,
        },
    }
}

fn value(
    seen: &MemberSeen,
    member: &DatabaseMember,
    patroni: Option<&MemberStatus>,
    server: Option<&Server>,
) -> PostgresMember {
    let facts = server.map(|s| &s.facts);
    let xlog = patroni.and_then(|p| p.xlog.as_ref());
    PostgresMember {
        name: member.member.clone(),
        role: role(patroni, server),
        state: match patroni {
            Some(patroni) => aisoc_model::text::sanitize(&patroni.state, 60),
            None => format!("Patroni does not answer{}", reason(seen.patroni.absence.as_ref())),
        },
        replication_state: patroni
            .and_then(|p| p.replication_state.as_deref())
            .map(|s| aisoc_model::text::sanitize(s, 60)),
        timeline: patroni
            .and_then(|p| p.timeline)
            .or_else(|| facts.map(|f| f.timeline)),
        system_identifier: facts
            .map(|f| f.system_identifier.clone())
            .or_else(|| patroni.and_then(|p| p.database_system_identifier.clone())),
        lsn: facts
            .map(|f| f.lsn)
            .or_else(|| xlog.and_then(|x| x.location.or(x.replayed_location))),
        received_lsn: facts
            .and_then(|f| f.received_lsn)
            .or_else(|| xlog.and_then(|x| x.received_location)),
        nofailover: patroni.is_some_and(|p| p.tags.nofailover),
        paused: patroni.is_some_and(|p| p.pause),
        patroni_version: patroni.map_or_else(String::new, |p| p.patroni.version.clone()),
        server_version: patroni.and_then(|p| p.server_version),
    }
}

/// Who it is. Only a server that answers and is not in recovery is known to accept writes; Patroni's word
/// stands in while the server does not answer to us.
fn role(patroni: Option<&MemberStatus>, server: Option<&Server>) -> PostgresRole {
    match (server, patroni) {
        (Some(server), _) if !server.facts.in_recovery => PostgresRole::Writer,
        (Some(_), _) => PostgresRole::Replica,
        (None, Some(patroni)) if patroni.is_primary() && patroni.state == "running" => PostgresRole::Writer,
        (None, Some(patroni)) if patroni.is_replica() && patroni.xlog.is_some() => PostgresRole::Replica,
        _ => PostgresRole::Neither,
    }
}

fn reason(absence: Option<&Absence>) -> String {
    match absence {
        Some(Absence::Failed(why)) => format!(": {why}"),
        _ => String::new(),
    }
}

/// Writers of a cluster by name, each with its timeline: `us-east-1 (timeline 3) and eu-west-1 (timeline 4)`.
#[must_use]
pub fn named(writers: &[&RegionId], cluster: &ClusterName, world: &World) -> String {
    let name = |region: &&RegionId| {
        let member = world
            .regions
            .get(*region)
            .and_then(|r| r.member(cluster)?.value.as_ref());
        match member.and_then(|m| m.timeline) {
            Some(timeline) => format!("{region} (timeline {timeline})"),
            None => region.to_string(),
        }
    };
    writers.iter().map(name).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::example;
    use rstest::rstest;

    #[derive(Clone, Copy)]
    enum See {
        Writer,
        Replica,
        Starting,
        Silent,
    }

    #[rstest]
    #[case::both_agree(See::Writer, See::Writer, Some(PostgresRole::Writer))]
    #[case::replica(See::Replica, See::Replica, Some(PostgresRole::Replica))]
    #[case::frozen_patroni_living_writer(See::Silent, See::Writer, Some(PostgresRole::Writer))]
    #[case::patroni_behind_its_server(See::Replica, See::Writer, Some(PostgresRole::Writer))]
    #[case::patroni_thinks_it_leads(See::Writer, See::Replica, Some(PostgresRole::Replica))]
    #[case::server_hidden_from_us(See::Writer, See::Silent, Some(PostgresRole::Writer))]
    #[case::starting(See::Starting, See::Silent, Some(PostgresRole::Neither))]
    #[case::nobody(See::Silent, See::Silent, None)]
    fn roles(#[case] patroni: See, #[case] server: See, #[case] role: Option<PostgresRole>) {
        let now = example::now();
        let topology = example::topology();
        let member_of = &topology.databases[0].members[0];
        let mut region = example::seen(&topology, now)
            .regions
            .remove(&member_of.region)
            .unwrap();
        let seen = region.main();
        let mut status = example::patroni("master", "running", 100);
        match patroni {
            See::Writer | See::Silent => {}
            See::Replica => status = example::patroni("replica", "running", 100),
            See::Starting => status = example::patroni("replica", "starting", 100),
        }
        if matches!(patroni, See::Starting) {
            status.xlog = None;
        }
        seen.patroni.set(status, now);
        if matches!(patroni, See::Silent) {
            seen.patroni.fail("connection refused");
        }
        seen.postgres
            .set(example::server(matches!(server, See::Replica), 100), now);
        if matches!(server, See::Silent) {
            seen.postgres.fail("connection refused");
        }
        let member = member(seen, member_of, now);
        assert_eq!(member.fresh(now).map(|m| m.role), role);
    }
}
