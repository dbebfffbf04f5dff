//! Security events into the regions' ingest, in turn.

use super::events::EventSource;
use super::requests::sleep_until;
use super::schedule::Schedule;
use super::stats::{Answer, Stats};
use super::{GeneratorConfig, IngestTarget, Rates, TenantAccess};
use aisoc_model::{Clock as _, SystemClock};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Batches waiting for an answer; more are skipped, and counted.
const MAX_IN_FLIGHT: usize = 64;
/// Ingest takes at most 1,000 events at a time.
const MAX_BATCH: u64 = 500;
/// Events due within this time go together, as log shippers send them (Vector and Fluent Bit wait a second by default).
const QUANTUM: Duration = Duration::from_secs(1);
/// A region that says "later" is left alone for at most this long.
const MAX_PAUSE: Duration = Duration::from_secs(30);

#[derive(Deserialize)]
struct Receipt {
    accepted: u64,
    #[serde(default)]
    rejected: u64,
}

type Pauses = Arc<Mutex<BTreeMap<String, Instant>>>;

pub(super) async fn run(
    config: Arc<GeneratorConfig>,
    client: reqwest::Client,
    mut rates: watch::Receiver<Rates>,
    stats: Arc<Stats>,
    shutdown: CancellationToken,
) {
    let began = Instant::now();
    let mut schedule = Schedule::new(
        rates.borrow_and_update().events_per_second,
        QUANTUM,
        Duration::ZERO,
    );
    let mut source = EventSource::new(config.seed);
    let slots = Arc::new(Semaphore::new(MAX_IN_FLIGHT));
    let tasks = TaskTracker::new();
    let pauses = Pauses::default();
    let routes = routes(&config);
    let mut turn = routes.iter().cycle();
    loop {
        let wait = schedule.next(began.elapsed());
        tokio::select! {
            () = shutdown.cancelled() => break,
            Ok(()) = rates.changed() => {
                schedule.set_rate(rates.borrow_and_update().events_per_second, began.elapsed());
            }
            () = sleep_until(began, wait) => {
                let due = schedule.take(began.elapsed());
                stats.events_skipped(due.skipped);
                let mut left = due.send;
                while left > 0 {
                    let size = left.min(MAX_BATCH);
                    left -= size;
                    let Some((target, tenant)) = turn.next() else {
                        break;
                    };
                    let slot = Arc::clone(&slots).try_acquire_owned();
                    let (Ok(slot), false) = (slot, paused(&pauses, &target.region)) else {
                        stats.events_skipped(size);
                        continue;
                    };
                    let batch = source.batch(&tenant.tenant, size, SystemClock.now());
                    let request = client
                        .post(format!("{}/v1/ingest", target.url))
                        .bearer_auth(&tenant.token)
                        .json(&batch);
                    let (stats, pauses, region) = (Arc::clone(&stats), Arc::clone(&pauses), target.region.clone());
                    tasks.spawn(async move {
                        send(request, &region, &pauses, &stats).await;
                        drop(slot);
                    });
                }
            }
        }
    }
    tasks.close();
    tasks.wait().await;
}

/// Every region with every tenant that may send there, regions alternating.
fn routes(config: &GeneratorConfig) -> Vec<(IngestTarget, TenantAccess)> {
    let mut routes = Vec::new();
    for tenant in &config.tenants {
        for target in config
            .ingest
            .iter()
            .filter(|target| tenant.may_use(&target.region))
        {
            routes.push((target.clone(), tenant.clone()));
        }
    }
    routes
}

fn paused(pauses: &Pauses, region: &str) -> bool {
    pauses
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(region)
        .is_some_and(|until| *until > Instant::now())
}

async fn send(request: reqwest::RequestBuilder, region: &str, pauses: &Pauses, stats: &Stats) {
    let began = Instant::now();
    let (answer, accepted, rejected) = match request.send().await {
        Ok(response) if response.status().is_success() => match response.json::<Receipt>().await {
            Ok(receipt) => (Answer::Ok, receipt.accepted, receipt.rejected),
            Err(error) => (Answer::of_error(&error), 0, 0),
        },
        Ok(response) => {
            if let Some(pause) = retry_after(&response) {
                pauses
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(region.to_owned(), Instant::now() + pause);
            }
            (Answer::Failed(response.status().as_u16().to_string()), 0, 0)
        }
        Err(error) => (Answer::of_error(&error), 0, 0),
    };
    stats.batch(answer, accepted, rejected, began.elapsed());
}

fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let seconds: u64 = response
        .headers()
        .get(reqwest::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(MAX_PAUSE))
}
