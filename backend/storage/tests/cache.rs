//! The cache with a real Redis: shared, and never an error.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use aisoc_model::clock::ManualClock;
use aisoc_storage::Cache;
use aisoc_storage::cache::Kept;
use futures::future::join_all;
use jiff::Timestamp;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use support::{Redis, free_port};

const MINUTE: Duration = Duration::from_mins(1);

async fn load(cache: &Cache, key: &str, value: Option<&str>, loads: &AtomicU32) -> Option<String> {
    let source = || async {
        loads.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Ok::<_, Infallible>(value.map(str::to_owned))
    };
    cache.get_or_load(key, MINUTE, source).await.unwrap()
}

#[tokio::test]
async fn shares_answers_through_redis_and_remembers_that_there_is_none() {
    let redis = Redis::start();
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let (one, two) = (Cache::new(Some(&url), 100), Cache::new(Some(&url), 100));
    let loads = AtomicU32::new(0);
    assert_eq!(
        load(&one, "geo:1", Some("DE"), &loads).await.as_deref(),
        Some("DE")
    );
    assert_eq!(load(&one, "none", None, &loads).await, None);
    assert_eq!(loads.load(Ordering::SeqCst), 2);
    // Another process finds both in Redis.
    assert_eq!(
        load(&two, "geo:1", Some("other"), &loads).await.as_deref(),
        Some("DE")
    );
    assert_eq!(load(&two, "none", Some("other"), &loads).await, None);
    assert_eq!(loads.load(Ordering::SeqCst), 2);
    let lifetime: u64 = redis
        .command(&["PTTL", "aisoc:cache:geo:1"])
        .trim()
        .parse()
        .unwrap();
    assert!((40_000..=60_000).contains(&lifetime), "{lifetime}");
    one.forget("geo:1").await;
    assert_eq!(
        load(&one, "geo:1", Some("FR"), &loads).await.as_deref(),
        Some("FR")
    );
    // Garbage in Redis is a miss.
    redis.command(&["SET", "aisoc:cache:bad", "{not json"]);
    assert_eq!(load(&one, "bad", Some("x"), &loads).await.as_deref(), Some("x"));
    assert_eq!(loads.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn many_callers_load_once() {
    let cache = Cache::new(None, 100);
    let loads = AtomicU32::new(0);
    let all = join_all((0..50).map(|_| load(&cache, "k", Some("v"), &loads))).await;
    assert!(all.iter().all(|v| v.as_deref() == Some("v")));
    assert_eq!(loads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn redis_absent_frozen_or_read_only_is_never_an_error() {
    let loads = AtomicU32::new(0);
    let absent = Cache::new(Some(&format!("redis://127.0.0.1:{}", free_port())), 10_000);
    let started = Instant::now();
    for n in 0..500 {
        assert!(load(&absent, &format!("k{n}"), Some("v"), &loads).await.is_some());
    }
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    assert!(
        load(&Cache::new(Some("nonsense"), 10), "k", Some("v"), &loads)
            .await
            .is_some()
    );

    let leader = Redis::start();
    let replica = Redis::replica_of(&leader);
    let reading = Cache::new(Some(&format!("redis://127.0.0.1:{}", replica.port)), 10);
    assert!(load(&reading, "k", Some("v"), &loads).await.is_some());
    leader.command(&["SET", "aisoc:cache:from-leader", "\"L\""]);
    assert_eq!(leader.command(&["WAIT", "1", "5000"]).trim(), "1");
    assert_eq!(
        load(&reading, "from-leader", Some("v"), &loads).await.as_deref(),
        Some("L"),
        "reads go on"
    );

    let frozen = Cache::new(Some(&format!("redis://127.0.0.1:{}", leader.port)), 10);
    assert!(load(&frozen, "warm", Some("v"), &loads).await.is_some());
    leader.freeze();
    let started = Instant::now();
    for n in 0..50 {
        assert!(load(&frozen, &format!("k{n}"), Some("v"), &loads).await.is_some());
    }
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn an_expired_answer_serves_when_the_source_is_away() {
    let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
    let cache = Cache::with_clock(None, 10, clock.clone());
    let loads = AtomicU32::new(0);
    load(&cache, "k", Some("v"), &loads).await;
    clock.advance(Duration::from_secs(61));
    let failing = cache
        .get_or_load::<String, _, _, _>("k", MINUTE, || async { Err("away") })
        .await;
    assert_eq!(failing.unwrap_err(), "away");
    assert_eq!(
        cache.stale::<String>("k", MINUTE),
        Some(Kept(Some("v".to_owned())))
    );
    clock.advance(MINUTE);
    assert_eq!(cache.stale::<String>("k", MINUTE), None);
}
