//! API requests through the load balancer.

use super::schedule::Schedule;
use super::stats::{Answer, Stats};
use super::{GeneratorConfig, Rates, TenantAccess};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// Requests waiting for an answer; more are skipped, and counted.
const MAX_IN_FLIGHT: usize = 512;
/// One request in this many writes an annotation.
const WRITE_ONE_IN: u32 = 5;
const QUANTUM: Duration = Duration::from_millis(5);
/// What is read, and how often against each other.
const READS: [(&str, u32); 6] = [
    ("/api/v1/alerts?limit=20", 8),
    ("/api/v1/incidents?limit=20", 6),
    ("/api/v1/events?limit=20", 3),
    ("/api/v1/investigations?limit=20", 3),
    ("/api/v1/sla", 1),
    ("/api/v1/tenants", 1),
];

/// What one request asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ask {
    Read(&'static str),
    Write(Uuid),
}

pub(super) async fn run(
    config: Arc<GeneratorConfig>,
    client: reqwest::Client,
    mut rates: watch::Receiver<Rates>,
    stats: Arc<Stats>,
    shutdown: CancellationToken,
) {
    let began = Instant::now();
    let mut schedule = Schedule::new(
        rates.borrow_and_update().requests_per_second,
        QUANTUM,
        Duration::ZERO,
    );
    let mut random = StdRng::seed_from_u64(config.seed);
    let slots = Arc::new(Semaphore::new(MAX_IN_FLIGHT));
    let tasks = TaskTracker::new();
    loop {
        let wait = schedule.next(began.elapsed());
        tokio::select! {
            () = shutdown.cancelled() => break,
            Ok(()) = rates.changed() => {
                schedule.set_rate(rates.borrow_and_update().requests_per_second, began.elapsed());
            }
            () = sleep_until(began, wait) => {
                let due = schedule.take(began.elapsed());
                stats.requests_skipped(due.skipped);
                for _ in 0..due.send {
                    let Some((tenant, ask)) = choose(&mut random, &config.tenants) else {
                        continue;
                    };
                    let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                        stats.requests_skipped(1);
                        continue;
                    };
                    let request = build(&client, &config.load_balancer, tenant, &ask);
                    let stats = Arc::clone(&stats);
                    tasks.spawn(async move {
                        send(request, ask, &stats).await;
                        drop(slot);
                    });
                }
            }
        }
    }
    tasks.close();
    tasks.wait().await;
}

/// Sleeps until `deadline` after `began`; for ever without one.
pub(super) async fn sleep_until(began: Instant, deadline: Option<Duration>) {
    match deadline.and_then(|deadline| began.checked_add(deadline)) {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

pub(super) fn choose<'a>(
    random: &mut StdRng,
    tenants: &'a [TenantAccess],
) -> Option<(&'a TenantAccess, Ask)> {
    let tenant = tenants.get(random.random_range(0..tenants.len().max(1)))?;
    if random.random_ratio(1, WRITE_ONE_IN) {
        // Not from the seed: a second run must not write the first run's annotations again.
        return Some((tenant, Ask::Write(Uuid::now_v7())));
    }
    let all: u32 = READS.iter().map(|(_, weight)| weight).sum();
    let mut at = random.random_range(0..all);
    for (path, weight) in READS {
        if at < weight {
            return Some((tenant, Ask::Read(path)));
        }
        at -= weight;
    }
    None
}

fn build(client: &reqwest::Client, base: &str, tenant: &TenantAccess, ask: &Ask) -> reqwest::RequestBuilder {
    match ask {
        Ask::Read(path) => client.get(format!("{base}{path}")),
        Ask::Write(id) => client
            .post(format!("{base}/api/v1/annotations"))
            .json(&serde_json::json!({
                "id": id,
                "subject": format!("generator:{}", tenant.tenant),
                "text": "Checked by the traffic generator",
            })),
    }
    .bearer_auth(&tenant.token)
}

async fn send(request: reqwest::RequestBuilder, ask: Ask, stats: &Stats) {
    let began = Instant::now();
    let answer = match request.send().await {
        Ok(response) => {
            let code = response.status();
            // The body is read so that the connection can be used again.
            match response.bytes().await {
                Ok(_) if code.is_success() => Answer::Ok,
                Ok(_) => Answer::Failed(code.as_u16().to_string()),
                Err(error) => Answer::of_error(&error),
            }
        }
        Err(error) => Answer::of_error(&error),
    };
    if let (Answer::Ok, Ask::Write(id)) = (&answer, ask) {
        stats.acknowledged(id);
    }
    stats.request(answer, began.elapsed());
}
