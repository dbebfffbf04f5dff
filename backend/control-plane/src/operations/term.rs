//! Operations under coordination: taken over when the seat is won, let go when it is lost.

use super::engine::EventLog;
use super::event::{ACKNOWLEDGED, Event};
use super::ledger::Ledger;
use super::{Inner, OperationError, Operations};
use crate::coordination::adopt::{self, Taken};
use crate::coordination::keys::Mirrored;
use crate::coordination::log::TermLog;
use crate::coordination::mirror::{Kept, MirrorError};
use crate::coordination::{Coordinated, NoRight, Standing, shown};
use aisoc_model::operation::Operation;
use aisoc_model::plan::Plan;
use aisoc_model::world::Coordination;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// Ended operations that stay in the mirror, beside those whose drain is in force.
const MIRRORED: usize = 20;
/// Time between two tries to take over.
const AGAIN: Duration = Duration::from_millis(300);

/// The terms of a control plane: the present one, if it is in office.
pub(super) struct Terms {
    coordinated: Option<Coordinated>,
    present: Mutex<Present>,
    /// The mirror tells another story than a run: read it again.
    reread: Notify,
}

#[derive(Default)]
struct Present {
    log: Option<Arc<TermLog>>,
    /// Why it is not in office although it holds the seat.
    trouble: Option<String>,
    /// Operations that were begun by breaking the glass and are carried out here.
    glass: BTreeSet<String>,
}

impl Terms {
    pub(super) fn new(coordinated: Option<Coordinated>) -> Self {
        Self {
            coordinated,
            present: Mutex::default(),
            reread: Notify::new(),
        }
    }

    fn present(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follows the seat as long as the operations live.
pub(super) fn start(operations: &Operations, coordinated: Coordinated) {
    let weak = Arc::downgrade(&operations.0);
    tokio::spawn(async move { follow(weak, coordinated).await });
}

async fn follow(weak: Weak<Inner>, coordinated: Coordinated) {
    let mut seen = coordinated.right.follow();
    let mut office: Option<u64> = None;
    loop {
        let standing = seen.borrow_and_update().standing.clone();
        let Some(operations) = weak.upgrade().map(Operations) else {
            return;
        };
        match standing {
            Standing::Holder(epoch) if office != Some(epoch) => {
                match operations.take_office(&coordinated, epoch).await {
                    Ok(()) => office = Some(epoch),
                    Err(why) => {
                        tracing::error!(epoch, why, "the operations could not be taken over yet");
                        operations.0.terms.present().trouble = Some(why);
                        tokio::time::sleep(AGAIN).await;
                        continue;
                    }
                }
            }
            // It may still be ours: what runs stands still until that is known.
            Standing::Holder(_) | Standing::CutOff { .. } => {}
            Standing::Standby | Standing::Vacant(_) => {
                if office.take().is_some() {
                    operations.0.leave_office();
                }
            }
        }
        operations.0.bump();
        drop(operations);
        let Some(inner) = weak.upgrade() else { return };
        tokio::select! {
            changed = seen.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = inner.terms.reread.notified() => office = None,
            // The operations may be gone meanwhile.
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

impl Operations {
    /// Which control plane may act.
    #[must_use]
    pub fn coordination(&self) -> Coordination {
        shown(self.0.terms.coordinated.as_ref())
    }

    /// Reads what there is, writes to the own journal what it lacks, and goes on with what has not ended.
    async fn take_office(&self, coordinated: &Coordinated, epoch: u64) -> Result<(), String> {
        // What was published may be older than what is proven: a thawed holder must not take anything over.
        let proven = || coordinated.right.prove(epoch).map_err(|e| e.to_string());
        proven()?;
        let inner = &self.0;
        let mirror = &coordinated.mirror;
        let mirrored = mirror.read().await.map_err(|e| e.to_string())?;
        let entries = inner.log.journal().entries().await.map_err(|e| e.to_string())?;
        let me = &inner.topology.control_plane.name;
        let taken = adopt::take_over(me, &entries, &mirrored);
        proven()?;
        inner.copy_to_journal(&taken).await?;
        // Only now: until everything is read, what is known is better than nothing.
        inner.leave_office();

        let glass = inner.terms.present().glass.clone();
        let (mut ledger, mut open) = (Ledger::default(), Vec::new());
        for taken in taken {
            let operation = &taken.record.operation;
            match (operation.state.ended(), taken.current) {
                (true, true) => ledger.settle(operation),
                (true, false) => ledger.remember(operation),
                (false, _) => open.push(taken.clone()),
            }
            let there = mirrored.get(&taken.id).map_or(0, Vec::len);
            let in_force = || ledger.drains().values().any(|d| d.operation == taken.id);
            // What two people have begun here goes on here until it has ended: found in the mirror before that,
            // another control plane would go on with it at the same time.
            let sent = !glass.contains(&taken.id);
            let wanted = sent && (there > 0 || !operation.state.ended() || in_force());
            if wanted && !taken.unmirrored.is_empty() {
                inner.send_to_mirror(coordinated, epoch, &taken, there).await?;
            }
        }
        let counts = |taken: &Taken| taken.count(mirrored.get(&taken.id).map_or(0, Vec::len));
        let counts: BTreeMap<String, u64> = open.iter().map(|t| (t.id.clone(), counts(t))).collect();
        let log = Arc::new(TermLog::new(
            me,
            epoch,
            (coordinated.right.clone(), Arc::clone(mirror)),
            Arc::clone(&inner.log) as Arc<dyn EventLog>,
            Arc::clone(&inner.clock),
            counts,
        ));
        {
            let mut held = inner.ledger();
            held.keep_running(|id| glass.contains(id));
            held.replace_ended(ledger);
            open.retain(|taken| !glass.contains(&taken.id));
        }
        for entry in entries.iter().filter(|e| e.kind == ACKNOWLEDGED) {
            inner.ledger().acknowledge(&entry.operation);
        }
        for Taken { record, from, .. } in open {
            let log = Arc::clone(&log) as Arc<dyn EventLog>;
            self.resume(record, log, from).await.map_err(|e| e.to_string())?;
        }
        let mut present = inner.terms.present();
        present.log = Some(log);
        present.trouble = None;
        drop(present);
        tracing::info!(epoch, "in office");
        Ok(())
    }
}

impl Inner {
    /// Why this control plane may act now, or why not.
    pub(super) fn right(&self) -> Result<String, String> {
        let Some(coordinated) = &self.terms.coordinated else {
            return Ok("a single control plane, without coordination: nobody to agree with".to_owned());
        };
        let epoch = coordinated.right.epoch().map_err(|e| e.to_string())?;
        let present = self.terms.present();
        match &present.log {
            Some(log) if log.epoch() == epoch => {
                let name = &self.topology.control_plane.name;
                Ok(format!(
                    "{name} provably holds the right to act, with epoch {epoch}"
                ))
            }
            _ => {
                let trouble = present.trouble.as_deref().unwrap_or("a moment");
                Err(format!(
                    "no quorum: the operations are being taken over: {trouble}"
                ))
            }
        }
    }

    /// The log that a new operation is written to, and the epoch.
    pub(super) fn log_to_begin(&self) -> Result<(Arc<dyn EventLog>, Option<u64>), String> {
        if self.terms.coordinated.is_none() {
            return Ok((Arc::clone(&self.log) as Arc<dyn EventLog>, None));
        }
        self.right()?;
        let log = self.terms.present().log.clone();
        let log = log.ok_or_else(|| NoRight::Unproven("not in office".to_owned()).to_string())?;
        let epoch = log.epoch();
        Ok((log as Arc<dyn EventLog>, Some(epoch)))
    }

    /// The log of an operation that two people begin without agreement: this control plane's own journal only.
    pub(super) async fn break_glass(
        &self,
        plan: &Plan,
        who: &str,
        approved_by: Option<&str>,
        no_quorum: &str,
    ) -> Result<Arc<dyn EventLog>, OperationError> {
        let (Some(why), Some(second)) = (&plan.request.break_glass, approved_by) else {
            return Err(OperationError::Refused(no_quorum.to_owned()));
        };
        let event = Event::BrokenGlass {
            why: why.clone(),
            by: who.to_owned(),
            approved_by: second.to_owned(),
            no_quorum: no_quorum.to_owned(),
        };
        let written = self.log.append(&plan.id, &event).await;
        written.map_err(|e| OperationError::Journal(e.to_string()))?;
        tracing::error!(
            operation = %plan.id, by = who, approved_by = second, why, no_quorum,
            "BREAK-GLASS: an operation begins although nobody can prove that no other control plane acts"
        );
        self.terms.present().glass.insert(plan.id.clone());
        Ok(Arc::clone(&self.log) as Arc<dyn EventLog>)
    }

    /// The seat is lost, or is to be taken anew: runs of the old term stop by themselves at their next entry.
    fn leave_office(&self) {
        let glass = {
            let mut present = self.terms.present();
            if let Some(log) = present.log.take() {
                log.end();
            }
            present.trouble = None;
            present.glass.clone()
        };
        let mut ledger = self.ledger();
        ledger.keep_running(|id| glass.contains(id));
        ledger.replace_ended(Ledger::default());
    }

    /// An operation's engine has stopped.
    pub(super) async fn settled(&self, operation: &Operation) {
        let Some(coordinated) = &self.terms.coordinated else {
            return;
        };
        if !operation.state.ended() {
            self.terms.reread.notify_one();
            return;
        }
        if self.terms.present().glass.remove(&operation.id) {
            // When there is agreement again, the others have to know of it.
            self.terms.reread.notify_one();
            return;
        }
        let log = self.terms.present().log.clone();
        if let Some(log) = log
            && let Err(error) = self.prune(coordinated, log.epoch()).await
        {
            tracing::warn!(%error, "ended operations stay in the mirror for now");
        }
    }

    /// Removes what has ended long ago from the mirror.
    async fn prune(&self, coordinated: &Coordinated, epoch: u64) -> Result<(), MirrorError> {
        let (ended, drains) = {
            let ledger = self.ledger();
            (ledger.ended_ids(), ledger.drains())
        };
        let old = ended.len().saturating_sub(MIRRORED);
        for id in ended.iter().take(old) {
            if drains.values().all(|d| d.operation != *id) {
                coordinated.mirror.remove(epoch, id).await?;
            }
        }
        Ok(())
    }

    async fn copy_to_journal(&self, taken: &[Taken]) -> Result<(), String> {
        for taken in taken {
            for Mirrored { at, by, epoch, event } in &taken.missing {
                let adopted = Event::Adopted {
                    from: by.clone(),
                    epoch: *epoch,
                    at: *at,
                    what: Box::new(event.clone()),
                };
                let written = self.log.append(&taken.id, &adopted).await;
                written.map_err(|e| e.to_string())?;
            }
        }
        Ok(())
    }

    /// Mirrors what was written without a mirror. Its beginning goes last: an operation counts from there on, and of
    /// one that is there in part only, another control plane would do again what was done.
    async fn send_to_mirror(
        &self,
        coordinated: &Coordinated,
        epoch: u64,
        taken: &Taken,
        there: usize,
    ) -> Result<(), String> {
        let first = u64::try_from(there).unwrap_or(u64::MAX);
        let numbered: Vec<_> = (first..).zip(&taken.unmirrored).collect();
        for (number, (at, event)) in numbered.into_iter().rev() {
            let mirrored = Mirrored {
                at: *at,
                by: self.topology.control_plane.name.clone(),
                epoch,
                event: event.clone(),
            };
            let kept = coordinated
                .mirror
                .append(epoch, &taken.id, number, &mirrored)
                .await;
            match kept.map_err(|e| e.to_string())? {
                Kept::Written => {}
                Kept::Was(there) if there.event == *event => {}
                Kept::Was(_) => return Err(format!("operation {} is mirrored otherwise", taken.id)),
            }
        }
        Ok(())
    }
}
