//! Alerts: the rules of `assets/slo.yaml` held against each frame.
//!
//! [`rules`] decides, for one frame, which conditions hold; it is pure. [`book`] remembers since when, and so
//! turns conditions into pending, firing and resolved alerts. Both live in memory. Where several control planes
//! agree on one, the next one is handed what the last one knew; after a restart of a single one an alert that still
//! holds fires anew and wants to be seen again.

pub mod book;
pub mod rules;

use aisoc_model::alert::Alert;
use aisoc_model::slo::Slo;
use aisoc_model::world::World;
use book::{Book, NotFiring};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// For so long after the start of a control plane alerts are at most pending: what has not been seen yet, or
/// is being started together with the control plane, would else page someone at every start.
const SETTLING: SignedDuration = SignedDuration::from_secs(30);

/// The alerts of a control plane.
#[derive(Debug, Default)]
pub struct Alerts {
    book: Mutex<Book>,
    changed: Notify,
}

impl Alerts {
    /// Holds every rule against a frame and puts the alerts into it.
    pub fn judge(&self, world: &mut World, slo: &Slo) {
        let now = world.head.at;
        let settled = now.duration_since(world.head.started_at) >= SETTLING;
        let mut book = self.book();
        for rule in &slo.alerts {
            book.step(rule, rules::instances(rule, world, slo), now, settled);
        }
        book.forget(now);
        world.alerts = book.alerts().clone();
    }

    /// Notes that an operator has seen an alert.
    ///
    /// # Errors
    /// When no alert of that key fires.
    pub fn acknowledge(&self, key: &str, by: &str, at: Timestamp) -> Result<(), NotFiring> {
        self.book().acknowledge(key, by, at)?;
        self.changed.notify_one();
        Ok(())
    }

    /// Goes on with what another control plane knew. Until the sources have been looked at from here, nothing ends
    /// only because nothing is said of it.
    pub fn restore(&self, alerts: BTreeMap<String, Alert>, now: Timestamp) {
        let until = now.checked_add(SETTLING).unwrap_or(Timestamp::MAX);
        self.book().restore(alerts, until);
    }

    /// Waits for an acknowledgement since the last call.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
