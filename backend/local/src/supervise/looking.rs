//! Looking at a running process again and again: quickly while it starts, rarely when it is ready.

use super::handle::Status;
use super::probe;
use super::proc::Identity;
use crate::parts::{self, Spec};
use aisoc_model::inventory::ProcessState;
use std::time::Duration;
use tokio::sync::watch;

/// Pause between looks at a process that is starting, and the longest one.
const STARTING: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(500));
/// Pause between looks at one that stopped answering.
const UNREADY: Duration = Duration::from_secs(1);

/// Keeps the status in line with what is seen; never ends by itself.
pub(super) async fn keep_looking(
    spec: &Spec,
    http: &reqwest::Client,
    status: &watch::Sender<Status>,
    readiness_ms: u64,
) {
    let mut pause = STARTING.0;
    let mut missed = 0;
    let mut was_ready = matches!(status.borrow().state, ProcessState::Ready | ProcessState::Unready);
    loop {
        let frozen = status.borrow().identity.is_some_and(Identity::frozen);
        let look = if frozen {
            Err("stopped by a signal".to_owned())
        } else {
            probe::look(&spec.probe, http).await
        };
        missed = if look.is_ok() { 0 } else { missed + 1 };
        if was_ready && missed == 1 && !frozen {
            // Once may be chance.
            tokio::time::sleep(STARTING.1).await;
            continue;
        }
        let (state, detail, role) = match look {
            Ok(role) => (ProcessState::Ready, None, role),
            Err(why) if frozen => (ProcessState::Frozen, Some(why), None),
            Err(why) if was_ready => (ProcessState::Unready, Some(why), None),
            Err(why) => (ProcessState::Starting, Some(why), None),
        };
        pause = match state {
            // A database without a role is about to get one, and everything waits for it.
            ProcessState::Ready if role.is_none() && matches!(spec.probe, parts::Probe::Patroni(_)) => {
                STARTING.1
            }
            ProcessState::Ready => Duration::from_millis(readiness_ms),
            ProcessState::Starting => pause.saturating_mul(3).div_f64(2.0).min(STARTING.1),
            _ => UNREADY,
        };
        was_ready |= state == ProcessState::Ready;
        status.send_if_modified(|s| {
            let changed = s.state != state || s.detail != detail || s.role != role;
            s.state = state;
            s.detail = detail;
            s.role = role;
            changed
        });
        tokio::time::sleep(pause).await;
    }
}
