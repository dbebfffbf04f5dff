//! Alerts, incidents and offsets: idempotent, together or not at all; against real PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use aisoc_model::event::{Entities, Incident, Investigation, Reason, SecurityAlert, Tenant};
use aisoc_storage::fusion::{self, FusionBatch, MergedIncident};
use aisoc_storage::incidents::Handling;
use aisoc_storage::tenants::{self, TokenGrant};
use aisoc_storage::{Database, alerts, heartbeat, incidents, investigations, sla};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use support::{Postgres, dsn};

const TOPIC: &str = "aisoc.enriched_events";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

fn alert(id: &str, incident: &str, events: u64) -> SecurityAlert {
    SecurityAlert {
        id: id.into(),
        tenant: "acme".into(),
        rule_id: "r1".into(),
        title: "Encoded \0 command".into(),
        level: "high".into(),
        techniques: vec!["T1059.001".into()],
        tactics: vec!["execution".into()],
        entities: Entities {
            host: Some("h1".into()),
            ..Entities::default()
        },
        first_seen: at(0),
        last_seen: at(i64::try_from(events).unwrap()),
        received_at: at(100),
        event_count: events,
        evidence: vec!["e1".into()],
        incident_id: incident.into(),
        traceparent: None,
    }
}

fn incident(id: &str, score: f64) -> Incident {
    Incident {
        id: id.into(),
        tenant: "acme".into(),
        title: "Doings on h1".into(),
        status: "open".into(),
        score,
        tactics: vec!["execution".into()],
        alert_count: 1,
        first_seen: at(0),
        last_seen: at(1),
    }
}

fn batch(alerts: Vec<SecurityAlert>, incidents: Vec<Incident>, next_offset: u64) -> FusionBatch<'static> {
    FusionBatch {
        alerts,
        incidents,
        merged: Vec::new(),
        group: "alert-fusion",
        region: "us-east-1",
        topic: TOPIC,
        next_offset,
    }
}

async fn world() -> (Postgres, Database) {
    let server = Postgres::start();
    let database = Database::connect_lazy(&dsn(&[&server])).unwrap();
    database.migrate().await.unwrap();
    let grants: Vec<TokenGrant> = [("acme", "us-east-1"), ("initech-eu", "eu-west-1")]
        .map(|(id, home)| TokenGrant {
            token_sha256: tenants::hash_token(id),
            tenant: Tenant {
                id: id.into(),
                name: id.into(),
                home_region: home.parse().unwrap(),
                residency: vec![home.parse().unwrap()],
                acknowledge_minutes: [("high".to_owned(), 30), ("low".to_owned(), 600)].into(),
                cluster: None,
            },
        })
        .into();
    tenants::seed_local(&database, &grants).await.unwrap();
    (server, database)
}

async fn offset(database: &Database) -> Option<u64> {
    fusion::next_offset(database, "alert-fusion", "us-east-1", TOPIC)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_persisted_once_with_its_offset() {
    let (server, database) = world().await;
    assert_eq!(offset(&database).await, None);
    let first = batch(
        vec![alert("a1", "i1", 1), alert("a1", "i1", 3)],
        vec![incident("i1", 10.0)],
        5,
    );
    assert_eq!(
        fusion::persist(&database, &first).await.unwrap().new_alert_ids,
        ["a1"]
    );
    // The same again: nothing new, nothing doubled.
    assert!(
        fusion::persist(&database, &first)
            .await
            .unwrap()
            .new_alert_ids
            .is_empty()
    );
    // More events update the alert silently; a late, smaller count changes nothing; the offset never goes back.
    let more = batch(
        vec![alert("a1", "i1", 7), alert("a2", "i2", 1)],
        vec![incident("i2", 20.0)],
        9,
    );
    assert_eq!(
        fusion::persist(&database, &more).await.unwrap().new_alert_ids,
        ["a2"]
    );
    fusion::persist(&database, &first).await.unwrap();
    assert_eq!(offset(&database).await, Some(9));
    let stored = alerts::get(&database, "acme", "a1").await.unwrap().unwrap();
    assert_eq!(
        (stored.event_count, stored.title.as_str()),
        (7, "Encoded \u{FFFD} command")
    );
    assert_eq!(stored.received_at, at(100));
    assert_eq!(
        alerts::get(&database, "initech-eu", "a1").await.unwrap(),
        None,
        "tenants are kept apart"
    );

    // All or nothing: an alert of an unknown tenant fails the batch and leaves the offset.
    let stranger = SecurityAlert {
        tenant: "nobody".into(),
        ..alert("a3", "i3", 1)
    };
    let bad = batch(vec![alert("a4", "i1", 1), stranger], Vec::new(), 20);
    assert!(!fusion::persist(&database, &bad).await.unwrap_err().is_transient());
    assert_eq!(offset(&database).await, Some(9));
    assert_eq!(alerts::get(&database, "acme", "a4").await.unwrap(), None);

    // A merge moves the alerts; a person's status is not overwritten by correlation.
    server.sql(
        "aisoc",
        "UPDATE incidents SET status = 'acknowledged' WHERE id = 'i2'",
    );
    let merge = FusionBatch {
        merged: vec![MergedIncident {
            tenant: "acme".into(),
            from: "i1".into(),
            into: "i2".into(),
        }],
        ..batch(Vec::new(), vec![incident("i2", 30.0)], 11)
    };
    fusion::persist(&database, &merge).await.unwrap();
    let detail = incidents::get(&database, "acme", "i2").await.unwrap().unwrap();
    assert_eq!(
        (detail.incident.status.as_str(), detail.incident.score),
        ("acknowledged", 30.0)
    );
    assert_eq!(detail.alerts.len(), 2);
    assert!(detail.alerts.iter().all(|alert| alert.incident_id == "i2"));
    let gone = incidents::get(&database, "acme", "i1").await.unwrap().unwrap();
    assert_eq!(
        (gone.incident.status.as_str(), gone.merged_into.as_deref()),
        ("merged", Some("i2"))
    );
    let listed = incidents::list(&database, "acme", None, 10).await.unwrap();
    assert_eq!(
        listed.items.iter().map(|i| i.id.as_str()).collect::<Vec<_>>(),
        ["i2"]
    );

    let since = Timestamp::now() - SignedDuration::from_mins(1);
    assert_eq!(
        fusion::recent_alerts(&database, "acme", since)
            .await
            .unwrap()
            .len(),
        2
    );
    assert_eq!(
        fusion::recent_incidents(&database, "acme", since)
            .await
            .unwrap()
            .len(),
        1
    );
    let later = Timestamp::now() + SignedDuration::from_mins(1);
    assert!(
        fusion::recent_alerts(&database, "acme", later)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_investigations_and_sla() {
    let (server, database) = world().await;
    for n in 0..7_u64 {
        let id = format!("a{n}");
        let step = batch(vec![alert(&id, "i1", 1)], vec![incident("i1", 1.0)], n);
        fusion::persist(&database, &step).await.unwrap();
    }
    // Pages meet without a gap or a double, although an alert arrives in between.
    let first = alerts::list(&database, "acme", None, 3).await.unwrap();
    fusion::persist(&database, &batch(vec![alert("late", "i1", 1)], Vec::new(), 8))
        .await
        .unwrap();
    let mut ids: Vec<String> = first.items.iter().map(|a| a.id.clone()).collect();
    let mut next = first.next;
    while let Some(after) = next {
        let page = alerts::list(&database, "acme", Some(&after.parse().unwrap()), 3)
            .await
            .unwrap();
        ids.extend(page.items.iter().map(|a| a.id.clone()));
        next = page.next;
    }
    assert_eq!(ids, ["a6", "a5", "a4", "a3", "a2", "a1", "a0"]);

    let home = "us-east-1".parse().unwrap();
    let later = Timestamp::now() + SignedDuration::from_mins(1);
    assert_eq!(
        alerts::without_investigation(&database, &home, later, 100)
            .await
            .unwrap()
            .len(),
        8
    );
    let other = "eu-west-1".parse().unwrap();
    assert!(
        alerts::without_investigation(&database, &other, later, 100)
            .await
            .unwrap()
            .is_empty()
    );
    let run = Investigation {
        id: "v1".into(),
        alert_id: "a1".into(),
        tenant: "acme".into(),
        verdict: "malicious".into(),
        confidence: 0.9,
        reasons: vec![Reason {
            rule: "r".into(),
            weight: 1.0,
            text: "t".into(),
            evidence: vec!["e1".into()],
        }],
        recommended_actions: vec!["isolate h1".into()],
        input_hash: "h".into(),
        started_at: at(1),
        finished_at: at(2),
    };
    assert!(investigations::upsert(&database, &run).await.unwrap());
    assert!(!investigations::upsert(&database, &run).await.unwrap());
    assert_eq!(
        investigations::list(&database, "acme", None, 10)
            .await
            .unwrap()
            .items,
        vec![run]
    );
    assert_eq!(
        alerts::without_investigation(&database, &home, later, 100)
            .await
            .unwrap()
            .len(),
        7
    );

    server.sql(
        "aisoc",
        "UPDATE alerts SET created_at = now() - interval '1 hour' WHERE id IN ('a1', 'a2')",
    );
    let levels = sla::levels(&database, "acme").await.unwrap();
    let read: Vec<_> = levels
        .iter()
        .map(|l| (l.level.as_str(), l.unacknowledged, l.overdue))
        .collect();
    assert_eq!(read, [("high", 8, 2), ("low", 0, 0)]);

    heartbeat::beat(&database, "cp", at(3)).await.unwrap();
    heartbeat::beat(&database, "cp", at(4)).await.unwrap();
    let mut connection = database.reader().await.unwrap().acquire().await.unwrap();
    assert_eq!(
        heartbeat::read_on(&mut connection).await.unwrap().unwrap().at,
        at(4)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_keeps_the_times_at_which_people_handled_it() {
    let (server, database) = world().await;
    let step = batch(vec![alert("a1", "i1", 1)], vec![incident("i1", 1.0)], 1);
    fusion::persist(&database, &step).await.unwrap();
    let handle = async |id: &str, handling| {
        let wait = Duration::from_secs(10);
        incidents::handle(&database, wait, "acme", id, handling, "ann")
            .await
            .unwrap()
    };
    let times = || {
        server.sql(
            "aisoc",
            "SELECT acknowledged_at IS NOT NULL, closed_at IS NOT NULL FROM incidents WHERE id = 'i1'",
        )
    };
    assert_eq!(handle("nope", Handling::Closed).await, None);
    assert_eq!(times(), "f|f");
    assert_eq!(
        handle("i1", Handling::Acknowledged).await.as_deref(),
        Some("acknowledged")
    );
    assert_eq!(times(), "t|f");
    assert_eq!(handle("i1", Handling::Closed).await.as_deref(), Some("closed"));
    assert_eq!(times(), "t|t");
    // Never backwards.
    assert_eq!(
        handle("i1", Handling::Acknowledged).await.as_deref(),
        Some("closed")
    );
}
