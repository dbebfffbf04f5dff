use super::*;
use aisoc_model::SystemClock;
use std::sync::atomic::{AtomicU32, Ordering};

struct Frozen;

impl Look for Frozen {
    type Seen = ();

    fn source(&self) -> String {
        "frozen".to_owned()
    }

    async fn look(&mut self, _now: Timestamp) -> Result<(), String> {
        std::future::pending().await
    }

    fn file(&mut self, _seen: &mut Seen, _result: Result<(), String>, _at: Timestamp) -> bool {
        true
    }
}

struct Counts(Arc<AtomicU32>);

impl Look for Counts {
    type Seen = ();

    fn source(&self) -> String {
        "live".to_owned()
    }

    async fn look(&mut self, _now: Timestamp) -> Result<(), String> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn file(&mut self, _seen: &mut Seen, _result: Result<(), String>, _at: Timestamp) -> bool {
        false
    }
}

#[tokio::test]
async fn a_frozen_source_delays_no_other() {
    let board = Arc::new(Board::new(Seen::default()));
    let shutdown = CancellationToken::new();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let pace = Pace {
        interval: Duration::from_millis(50),
        timeout: Duration::from_millis(50),
    };
    let looks = Arc::new(AtomicU32::new(0));
    let tasks = [
        tokio::spawn(run(Frozen, pace, board.clone(), clock.clone(), shutdown.clone())),
        tokio::spawn(run(
            Counts(looks.clone()),
            pace,
            board.clone(),
            clock,
            shutdown.clone(),
        )),
    ];
    let started = Instant::now();
    while board.read(|seen| seen.sources.get("frozen").map_or(0, |s| s.failures)) < 4 {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "the frozen source was given up"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let ticks = started.elapsed().as_millis() / 50;
    let looks = looks.load(Ordering::Relaxed);
    assert!(
        u128::from(looks) * 2 >= ticks,
        "{looks} looks in {ticks} intervals"
    );
    let (frozen, live) = board.read(|seen| (seen.sources["frozen"].clone(), seen.sources["live"].clone()));
    assert_eq!(live.failures, 0);
    assert_eq!(frozen.problem.as_deref(), Some("no answer within 50 ms"));
    shutdown.cancel();
    for task in tasks {
        task.await.unwrap();
    }
}

#[test]
fn back_off_is_bounded() {
    let pace = Pace::every(Duration::from_secs(1));
    let waits: Vec<u64> = [1, 2, 3, 4, 5, 100]
        .map(|n| pace.wait_after(n).as_secs())
        .to_vec();
    assert_eq!(waits, [1, 1, 2, 4, 4, 4]);
}
