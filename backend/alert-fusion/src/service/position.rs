//! Where the service is in the log, and who has to be told.

use std::time::Duration;
use tokio::time::Instant;

/// An idle service asks twice a minute.
const LONG_POLL: Duration = Duration::from_secs(30);
/// The offset is stored with every alert; without alerts so often, while there are events. The bus is told so often.
/// A crash repeats that much detection, which changes nothing.
const INTERVAL: Duration = Duration::from_secs(1);
/// While there are only events of other clusters' tenants. A crash repeats that much passing over.
const PASSING: Duration = Duration::from_secs(10);

/// Where the service is in the log.
pub(super) struct Position {
    /// Next record to read.
    pub(super) next: u64,
    /// What PostgreSQL knows.
    pub(super) stored: u64,
    /// What the bus knows.
    pub(super) told: u64,
    stored_at: Instant,
    told_at: Instant,
    hurry: bool,
    /// Something that was read since the offset was stored concerns this lane.
    concerned: bool,
}

impl Position {
    pub(super) fn new(next: u64) -> Self {
        let now = Instant::now();
        Self {
            next,
            stored: next,
            told: 0,
            stored_at: now,
            told_at: now,
            hurry: false,
            concerned: false,
        }
    }

    /// A record was read.
    pub(super) fn passed(&mut self, offset: u64, ours: bool) {
        self.next = offset + 1;
        self.concerned |= ours;
    }

    fn storing(&self) -> Duration {
        if self.concerned { INTERVAL } else { PASSING }
    }

    /// How long a fetch may wait: until something is to be done, else long.
    pub(super) fn patience(&mut self) -> Duration {
        let due = |at: Instant, every: Duration| every.saturating_sub(at.elapsed());
        if std::mem::take(&mut self.hurry) {
            Duration::ZERO
        } else if self.next > self.stored {
            due(self.stored_at, self.storing())
        } else if self.stored > self.told {
            due(self.told_at, INTERVAL)
        } else {
            LONG_POLL
        }
    }

    /// Something is to be persisted although no event may come.
    pub(super) fn hurry(&mut self) {
        self.hurry = true;
    }

    pub(super) fn wants_storing(&self) -> bool {
        self.next > self.stored && self.stored_at.elapsed() >= self.storing()
    }

    pub(super) fn wants_telling(&self) -> bool {
        self.stored > self.told && self.told_at.elapsed() >= INTERVAL
    }

    /// PostgreSQL knows how far it is read.
    pub(super) fn stored(&mut self) {
        self.stored = self.next;
        self.stored_at = Instant::now();
        self.concerned = false;
    }

    /// The bus was told what is stored, and heard it or not.
    pub(super) fn told(&mut self, heard: bool) {
        if heard {
            self.told = self.stored;
        }
        self.told_at = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_long_only_when_everybody_knows() {
        let mut at = Position::new(7);
        assert!(at.patience() <= INTERVAL, "the bus does not know yet");
        at.told(false);
        assert!(at.patience() <= INTERVAL);
        at.told(true);
        assert_eq!(at.patience(), LONG_POLL);
        at.passed(6, false);
        at.passed(7, false);
        assert!(at.patience() > INTERVAL, "others' events are stored at leisure");
        at.passed(7, true);
        assert!(at.patience() <= INTERVAL);
        at.stored();
        at.told(true);
        at.hurry();
        assert_eq!((at.patience(), at.patience()), (Duration::ZERO, LONG_POLL));
    }
}
