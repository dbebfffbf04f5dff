//! The right to act, as the rest of the control plane asks for it: proven now, by the local monotonic clock, or not.

use super::keys::{Leader, Member};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::watch;

/// What is known about the seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// How this control plane stands.
    pub standing: Standing,
    /// Who holds the seat, as last seen.
    pub holder: Option<Member>,
    /// Its epoch, as last seen.
    pub epoch: Option<u64>,
    /// Control planes that are alive, by name.
    pub members: Vec<Member>,
}

/// How a control plane stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nobody holds the seat, as far as is known.
    Vacant(String),
    /// This one won the seat under this epoch. Whether it is proven now, [`Right::prove`] tells.
    Holder(u64),
    /// Another one holds it.
    Standby,
    /// etcd has not answered for longer than a lease lasts.
    CutOff {
        /// The epoch that was held before, and may still be.
        held: Option<u64>,
        /// What came back.
        why: String,
    },
}

/// Why nothing may be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRight {
    /// It may be ours, but that cannot be proven.
    #[error("no quorum: {0}")]
    Unproven(String),
    /// It is not ours any more.
    #[error("epoch {mine} is behind: {now}")]
    Behind {
        /// The epoch that was asked about.
        mine: u64,
        /// Who has which now.
        now: String,
    },
}

#[derive(Debug, Default)]
struct Proof {
    leader: Option<Leader>,
    valid_until: Option<Instant>,
    trouble: Option<String>,
}

/// Asks for the right; clones ask for the same.
#[derive(Debug, Clone)]
pub struct Right {
    seen: watch::Receiver<Seen>,
    proof: Arc<Mutex<Proof>>,
}

/// Says what is known; one for each [`Right`].
#[derive(Debug)]
pub struct Herald {
    seen: watch::Sender<Seen>,
    proof: Arc<Mutex<Proof>>,
}

/// A right that nobody has yet, and who says when that changes.
#[must_use]
pub fn pair() -> (Herald, Right) {
    let (sender, seen) = watch::channel(Seen {
        standing: Standing::Vacant("etcd has not answered yet".to_owned()),
        holder: None,
        epoch: None,
        members: Vec::new(),
    });
    let proof = Arc::default();
    let herald = Herald {
        seen: sender,
        proof: Arc::clone(&proof),
    };
    (herald, Right { seen, proof })
}

fn lock(proof: &Mutex<Proof>) -> MutexGuard<'_, Proof> {
    proof.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Herald {
    /// The seat is held, provably until then.
    pub fn held(&self, leader: &Leader, valid_until: Instant) {
        let mut proof = lock(&self.proof);
        proof.leader = Some(leader.clone());
        proof.valid_until = Some(valid_until);
        proof.trouble = None;
    }

    /// The seat is lost, or given up.
    pub fn lost(&self) {
        *lock(&self.proof) = Proof::default();
    }

    /// etcd did not answer.
    pub fn trouble(&self, why: String) {
        lock(&self.proof).trouble = Some(why);
    }

    /// What is known now.
    pub fn publish(&self, seen: Seen) {
        self.seen.send_if_modified(|now| {
            let news = *now != seen;
            *now = seen;
            news
        });
    }

    /// What was published last.
    #[must_use]
    pub fn published(&self) -> Seen {
        self.seen.borrow().clone()
    }
}

impl Right {
    /// What is known about the seat.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Follows what is known.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Seen> {
        self.seen.clone()
    }

    /// The epoch under which this control plane may act now.
    ///
    /// # Errors
    /// When it may not, or that cannot be proven.
    pub fn epoch(&self) -> Result<u64, NoRight> {
        self.leader().map(|leader| leader.epoch)
    }

    /// The seat, when it is provably held now.
    ///
    /// # Errors
    /// When it is not, or that cannot be proven.
    pub fn leader(&self) -> Result<Leader, NoRight> {
        let proof = lock(&self.proof);
        let (Some(leader), Some(until)) = (&proof.leader, proof.valid_until) else {
            drop(proof);
            return Err(NoRight::Unproven(self.who()));
        };
        let over = Instant::now().checked_duration_since(until);
        match over {
            None => Ok(leader.clone()),
            Some(over) => Err(NoRight::Unproven(format!(
                "the lease of epoch {} cannot be proven since {:.1} s{}",
                leader.epoch,
                over.as_secs_f64(),
                proof
                    .trouble
                    .as_ref()
                    .map_or_else(String::new, |t| format!(" ({t})"))
            ))),
        }
    }

    /// Whether this control plane may act under `epoch` now.
    ///
    /// # Errors
    /// [`NoRight::Unproven`] while that may still be so again, [`NoRight::Behind`] when it never will.
    pub fn prove(&self, epoch: u64) -> Result<Leader, NoRight> {
        let held = lock(&self.proof).leader.as_ref().map(|l| l.epoch);
        match held {
            Some(now) if now == epoch => self.leader(),
            Some(now) => Err(NoRight::Behind {
                mine: epoch,
                now: format!("it is {now} here now"),
            }),
            None => Err(NoRight::Behind {
                mine: epoch,
                now: self.who(),
            }),
        }
    }

    fn who(&self) -> String {
        let seen = self.seen.borrow();
        match (&seen.standing, &seen.holder, seen.epoch) {
            (Standing::CutOff { why, .. } | Standing::Vacant(why), ..) => why.clone(),
            (Standing::Standby, Some(holder), Some(epoch)) => {
                format!("{} holds the right to act, with epoch {epoch}", holder.name)
            }
            _ => "nobody holds the right to act yet".to_owned(),
        }
    }
}

#[cfg(test)]
mod unit {
    use super::*;
    use std::time::Duration;

    fn leader(epoch: u64) -> Leader {
        let member = Member {
            name: "a".into(),
            consoles: String::new(),
            otlp: String::new(),
        };
        Leader {
            member,
            epoch,
            lease: 1,
        }
    }

    #[test]
    fn a_right_holds_until_its_local_end_and_never_for_another_epoch() {
        let (herald, right) = pair();
        assert!(matches!(right.epoch(), Err(NoRight::Unproven(_))));
        herald.held(&leader(4), Instant::now() + Duration::from_mins(1));
        assert_eq!(right.epoch(), Ok(4));
        assert!(right.prove(4).is_ok());
        assert!(matches!(right.prove(3), Err(NoRight::Behind { mine: 3, .. })));
        // The clock went on while nothing was heard.
        let before = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        herald.held(&leader(4), before);
        herald.trouble("connection refused".into());
        let why = right.prove(4).unwrap_err();
        assert!(
            matches!(&why, NoRight::Unproven(text) if text.contains("connection refused")),
            "{why}"
        );
        herald.lost();
        assert!(matches!(right.prove(4), Err(NoRight::Behind { mine: 4, .. })));
    }
}
