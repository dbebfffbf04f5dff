//! When to send: absolute deadlines, so that slow answers and late wake-ups do not lower the rate.

use std::time::Duration;

/// After a stall at most this much is made up for; the rest is skipped, and said.
const MAX_CATCH_UP: Duration = Duration::from_secs(3);

/// Deadlines of things to send at a rate. Time is what has passed since some fixed moment.
#[derive(Debug, Clone)]
pub struct Schedule {
    rate: f64,
    origin: Duration,
    taken: u64,
    quantum: Duration,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Due {
    /// To send now.
    pub send: u64,
    /// Given up after a stall.
    pub skipped: u64,
}

impl Schedule {
    /// A schedule that begins `now`. Deadlines closer than `quantum` are met together.
    #[must_use]
    pub fn new(rate: f64, quantum: Duration, now: Duration) -> Self {
        Self {
            rate,
            origin: now,
            taken: 0,
            quantum,
        }
    }

    /// Goes on at another rate from `now`.
    pub fn set_rate(&mut self, rate: f64, now: Duration) {
        *self = Self::new(rate, self.quantum, now);
    }

    /// The next deadline after `now`; `None` at rate 0.
    #[must_use]
    pub fn next(&self, now: Duration) -> Option<Duration> {
        if self.rate <= 0.0 {
            return None;
        }
        let next = self.origin + seconds((self.taken + 1) as f64 / self.rate);
        Some(next.max(now + self.quantum))
    }

    /// What is due at `now`, which then counts as done.
    pub fn take(&mut self, now: Duration) -> Due {
        let elapsed = now.saturating_sub(self.origin);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "neither is negative, and the product saturates"
        )]
        let whole = |time: Duration| (time.as_secs_f64() * self.rate + 1e-6) as u64;
        let reached = whole(elapsed);
        let due = reached.saturating_sub(self.taken);
        let send = due.min(whole(MAX_CATCH_UP).max(1));
        self.taken = self.taken.max(reached);
        Due {
            send,
            skipped: due - send,
        }
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const QUANTUM: Duration = Duration::from_millis(20);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[rstest]
    #[case::slow(5.0)]
    #[case::odd(7.3)]
    #[case::fast(1_000.0)]
    fn late_wake_ups_do_not_lower_the_rate(#[case] rate: f64) {
        let mut schedule = Schedule::new(rate, QUANTUM, ms(0));
        let (mut now, mut sent, mut wakes) = (ms(0), 0, 0_u32);
        while now < ms(60_000) {
            // Every wake-up is 3 ms late.
            now = schedule.next(now).unwrap() + ms(3);
            sent += schedule.take(now).send;
            wakes += 1;
        }
        let wanted = rate * now.as_secs_f64();
        assert!((sent as f64 - wanted).abs() <= 2.0, "{sent} of {wanted}");
        assert!(wakes <= 3_001, "{wakes} wake-ups");
    }

    #[test]
    fn a_stall_is_made_up_for_within_bounds() {
        let mut schedule = Schedule::new(10.0, QUANTUM, ms(0));
        assert_eq!(
            schedule.take(ms(5_000)),
            Due {
                send: 30,
                skipped: 20
            }
        );
        assert_eq!(schedule.take(ms(5_100)), Due { send: 1, skipped: 0 });
    }

    #[test]
    fn rate_zero_sends_nothing_and_can_be_raised() {
        let mut schedule = Schedule::new(0.0, QUANTUM, ms(0));
        assert_eq!(schedule.next(ms(9_000)), None);
        assert_eq!(schedule.take(ms(9_000)), Due::default());
        schedule.set_rate(2.0, ms(9_000));
        assert_eq!(schedule.next(ms(9_000)), Some(ms(9_500)));
        assert_eq!(schedule.take(ms(9_500)).send, 1);
    }

    #[test]
    fn less_than_one_a_second_is_still_sent() {
        let mut schedule = Schedule::new(0.1, QUANTUM, ms(0));
        assert_eq!(schedule.next(ms(0)), Some(ms(10_000)));
        assert_eq!(schedule.take(ms(9_000)).send, 0);
        assert_eq!(schedule.take(ms(10_000)).send, 1);
    }
}
