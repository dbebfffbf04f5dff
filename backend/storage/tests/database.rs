//! The writer is followed through promotions, freezes and read-only surprises; against real PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use aisoc_model::event::Tenant;
use aisoc_storage::annotations::{self, Annotation, Inserted};
use aisoc_storage::database::Limits;
use aisoc_storage::tenants::{self, TokenGrant};
use aisoc_storage::{Database, Error};
use futures::future::join_all;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::{Postgres, dsn, free_port, wait_until};
use uuid::Uuid;

const BUDGET: Duration = Duration::from_secs(5);

async fn seed(database: &Database) {
    database.migrate().await.unwrap();
    let tenant = Tenant {
        id: "acme".into(),
        name: "Acme".into(),
        home_region: "us-east-1".parse().unwrap(),
        residency: Vec::new(),
        acknowledge_minutes: [("high".to_owned(), 30)].into(),
        cluster: None,
    };
    let grant = TokenGrant {
        token_sha256: tenants::hash_token("t0ken"),
        tenant,
    };
    tenants::seed_local(database, &[grant]).await.unwrap();
}

fn note() -> Annotation {
    Annotation {
        id: Uuid::now_v7(),
        tenant: "acme".into(),
        subject: "incident-1".into(),
        text: "seen".into(),
        origin: "us-east-1/api-a".into(),
        created_at: Timestamp::now(),
    }
}

async fn all_ids(database: &Database) -> BTreeSet<Uuid> {
    let mut ids = BTreeSet::new();
    let mut after = None;
    loop {
        let page = annotations::list(database, "acme", after.as_ref(), 100)
            .await
            .unwrap();
        ids.extend(page.items.iter().map(|note| note.id));
        match page.next {
            Some(next) => after = Some(next.parse().unwrap()),
            None => return ids,
        }
    }
}

fn replicated(primary: &Postgres) {
    wait_until("the replica streams", Duration::from_secs(20), || {
        primary.sql(
            "postgres",
            "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'",
        ) == "1"
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_migrate_at_once_and_one_token_finds_its_tenant() {
    let server = Postgres::start();
    let databases: Vec<Database> = (0..12)
        .map(|_| Database::connect_lazy(&dsn(&[&server])).unwrap())
        .collect();
    for outcome in join_all(databases.iter().map(Database::migrate)).await {
        outcome.unwrap();
    }
    let database = &databases[0];
    seed(database).await;
    seed(database).await;
    let found = tenants::by_token_hash(database, &tenants::hash_token("t0ken"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.id.as_str(), found.home_region.as_str()),
        ("acme", "us-east-1")
    );
    assert_eq!(
        tenants::by_token_hash(database, &tenants::hash_token("other"))
            .await
            .unwrap(),
        None
    );
    assert_eq!(tenants::grants(database).await.unwrap().len(), 1);
    assert_eq!(tenants::list(database).await.unwrap(), vec![found]);

    // An annotation is stored once; the same id with other contents is refused.
    let first = note();
    assert_eq!(
        annotations::insert(database, BUDGET, &first).await.unwrap(),
        Inserted::New
    );
    assert_eq!(
        annotations::insert(database, BUDGET, &first).await.unwrap(),
        Inserted::Before
    );
    let other = Annotation {
        text: "changed".into(),
        ..first
    };
    let refused = annotations::insert(database, BUDGET, &other).await.unwrap_err();
    assert!(
        matches!(refused, Error::Conflict { .. }) && !refused.is_transient(),
        "{refused}"
    );
    assert_eq!(annotations::count(database, "acme").await.unwrap(), 1);
    assert_eq!(server.sql("aisoc", "SELECT count(*) FROM audit"), "1");
    // An unknown tenant is the caller's mistake, not a reason to look for another writer.
    let stranger = Annotation {
        tenant: "nobody".into(),
        id: Uuid::now_v7(),
        ..note()
    };
    assert!(
        !annotations::insert(database, BUDGET, &stranger)
            .await
            .unwrap_err()
            .is_transient()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_go_on_after_the_writer_died_and_no_acknowledged_one_is_lost() {
    let mut primary = Postgres::start();
    let replica = Postgres::replica_of(&primary);
    replicated(&primary);
    // Synchronous, so that "acknowledged" and "on the replica" are the same thing.
    primary.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
    primary.sql("postgres", "SELECT pg_reload_conf()");
    let database = Database::connect_lazy(&dsn(&[&replica, &primary])).unwrap();
    seed(&database).await;

    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let (database, stop) = (database.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let (mut acknowledged, mut refused) = (Vec::new(), 0);
                while !stop.load(Ordering::Relaxed) {
                    let note = note();
                    match annotations::insert(&database, Duration::from_secs(10), &note).await {
                        Ok(_) => acknowledged.push((note.id, Instant::now())),
                        Err(error) => {
                            assert!(error.is_transient(), "{error}");
                            refused += 1;
                        }
                    }
                }
                (acknowledged, refused)
            })
        })
        .collect();
    let rows = |server: &Postgres| {
        server
            .sql("aisoc", "SELECT count(*) FROM annotations")
            .parse::<u64>()
            .unwrap()
    };
    wait_until("writes arrive", Duration::from_secs(20), || rows(&primary) > 20);
    primary.kill();
    let died = Instant::now();
    replica.promote();
    let promoted = Instant::now();
    let before = rows(&replica);
    wait_until("writes go on", Duration::from_secs(20), || {
        rows(&replica) > before + 20
    });
    stop.store(true, Ordering::Relaxed);

    let mut acknowledged = Vec::new();
    for writer in writers {
        let (ids, refused) = writer.await.unwrap();
        assert_eq!(refused, 0, "a write waits for the new writer");
        acknowledged.extend(ids);
    }
    let first_after = acknowledged
        .iter()
        .map(|(_, at)| *at)
        .filter(|at| *at > died)
        .min()
        .unwrap();
    println!(
        "first write {:?} after death, {:?} after promotion",
        first_after - died,
        first_after.saturating_duration_since(promoted)
    );
    let stored = all_ids(&database).await;
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|(id, _)| !stored.contains(id))
        .collect();
    assert!(
        lost.is_empty(),
        "{} of {} acknowledged writes are lost",
        lost.len(),
        acknowledged.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_write_is_acknowledged_only_when_it_is_replicated_too() {
    let primary = Postgres::start();
    let database = Database::connect_lazy(&dsn(&[&primary])).unwrap();
    seed(&database).await;
    // A synchronous replica that is not there: commits wait for it.
    primary.sql(
        "postgres",
        "ALTER SYSTEM SET synchronous_standby_names = 'absent'",
    );
    primary.sql("postgres", "SELECT pg_reload_conf()");
    let note = note();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let first = tokio::spawn({
        let (database, note) = (database.clone(), note.clone());
        async move { annotations::insert(&database, Duration::from_secs(4), &note).await }
    });
    wait_until("the commit waits", Duration::from_secs(10), || {
        primary.sql("postgres", waiting) != "0"
    });
    assert!(first.await.unwrap().unwrap_err().is_transient());
    // The waiting session is ended: its row is committed here, and nowhere else.
    primary.sql(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
    );
    wait_until("the row is visible", Duration::from_secs(10), || {
        primary.sql("aisoc", "SELECT count(*) FROM annotations") == "1"
    });
    let repeated = annotations::insert(&database, Duration::from_secs(3), &note).await;
    assert!(
        repeated.unwrap_err().is_transient(),
        "not replicated, not acknowledged"
    );
    primary.sql("postgres", "ALTER SYSTEM RESET synchronous_standby_names");
    primary.sql("postgres", "SELECT pg_reload_conf()");
    assert_eq!(
        annotations::insert(&database, BUDGET, &note).await.unwrap(),
        Inserted::Before
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_came_back_as_a_replica_is_left_on_25006() {
    let mut old = Postgres::start();
    let new = Postgres::replica_of(&old);
    replicated(&old);
    let database = Database::connect_lazy(&dsn(&[&old, &new])).unwrap();
    seed(&database).await;
    // A second process that knows the writer but has no connection yet: its first one is to the wrong host.
    let late = Database::connect_lazy(&dsn(&[&old, &new])).unwrap();
    late.writer().await.unwrap();
    assert_eq!(late.writer_host().unwrap().port, old.port);
    old.stop();
    new.promote();
    old.restart(Some(&new));

    let error = sqlx::query("INSERT INTO heartbeat (id, at, node) VALUES (1, now(), 'x')")
        .execute(&late.writer().await.unwrap())
        .await
        .unwrap_err();
    assert_eq!(
        error.as_database_error().unwrap().code().as_deref(),
        Some("25006")
    );
    let other = Database::connect_lazy(&dsn(&[&old, &new])).unwrap();
    assert!(late.writer_lost(&error));
    assert_eq!(late.writer_host(), None);
    assert_eq!(
        annotations::insert(&late, BUDGET, &note()).await.unwrap(),
        Inserted::New
    );
    assert_eq!(late.writer_host().unwrap().port, new.port);
    // The one that held connections to the old writer follows as well, and so does a fresh one.
    assert_eq!(
        annotations::insert(&database, BUDGET, &note()).await.unwrap(),
        Inserted::New
    );
    assert_eq!(
        annotations::insert(&other, BUDGET, &note()).await.unwrap(),
        Inserted::New
    );
    // Readers stay on the first host of the list, which is a replica now.
    let look = other.look(BUDGET).await;
    let (reader, writer) = (look.reader.unwrap(), look.writer.unwrap());
    assert!(
        reader.replica && reader.host.ends_with(&old.port.to_string()),
        "{reader:?}"
    );
    assert!(
        !writer.replica && writer.host.ends_with(&new.port.to_string()),
        "{writer:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_is_noticed_and_left() {
    let primary = Postgres::start();
    let replica = Postgres::replica_of(&primary);
    replicated(&primary);
    let database = Database::connect_lazy(&dsn(&[&primary, &replica])).unwrap();
    seed(&database).await;
    wait_until("the tenant arrives", Duration::from_secs(10), || {
        replica.sql(
            "aisoc",
            "SELECT count(*) FROM pg_tables WHERE tablename = 'tenants'",
        ) == "1"
            && replica.sql("aisoc", "SELECT count(*) FROM api_tokens") == "1"
    });
    primary.freeze();

    // Reads go to the other host.
    let started = Instant::now();
    assert_eq!(tenants::list(&database).await.unwrap().len(), 1);
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    // Writes fail within their budget, in words, and say that repeating can help.
    let started = Instant::now();
    let error = annotations::insert(&database, Duration::from_secs(3), &note())
        .await
        .unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    let look = database.look(Duration::from_millis(800)).await;
    assert!(look.reader.is_ok() && look.writer.is_err());

    replica.promote();
    assert_eq!(
        annotations::insert(&database, BUDGET, &note()).await.unwrap(),
        Inserted::New
    );
    assert_eq!(database.writer_host().unwrap().port, replica.port);
    // The old writer wakes up and still takes writes: the newer timeline wins.
    primary.thaw();
    let fresh = Database::connect_lazy(&dsn(&[&primary, &replica])).unwrap();
    fresh.writer().await.unwrap();
    assert_eq!(fresh.writer_host().unwrap().port, replica.port);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_share_one_search_and_it_ends_in_words() {
    let limits = Limits {
        resolve: Duration::from_secs(1),
        ..Limits::default()
    };
    let ports = (free_port(), free_port());
    let dsn = format!(
        "postgres://aisoc:secret@127.0.0.1:{},127.0.0.1:{}/aisoc",
        ports.0, ports.1
    );
    let database = Database::with_limits(&dsn, limits).unwrap();
    let started = Instant::now();
    for outcome in join_all((0..100).map(|_| database.writer())).await {
        let message = outcome.unwrap_err().to_string();
        assert!(
            message.contains(&format!("127.0.0.1:{}", ports.1)) && message.contains("refused"),
            "{message}"
        );
    }
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    assert!(matches!(
        database.reader().await.unwrap_err(),
        Error::NoReader { .. }
    ));
}
