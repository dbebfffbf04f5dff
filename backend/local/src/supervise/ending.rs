//! The end of a process: how it is brought about, and what it says about itself.

use super::proc::{self, Identity};
use crate::parts::Spec;
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::{Mutex, PoisonError};
use tokio::process::Child;

/// Ends a child: SIGTERM, after its grace SIGKILL.
pub(super) async fn terminate(child: &mut Child, spec: &Spec) {
    let identity = child.id().and_then(Identity::of);
    if let Some(identity) = identity {
        identity.signal(Signal::TERM);
        identity.signal(Signal::CONT);
    }
    if tokio::time::timeout(spec.grace, child.wait()).await.is_err() {
        tracing::warn!(process = spec.name, "did not end within its grace; killed");
        if let Some(identity) = identity {
            identity.signal(Signal::KILL);
        }
        let _ = child.wait().await;
    }
}

pub(super) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// Whether the kernel killed it for memory: SIGKILL, and the kernel's counter has moved since the last such look.
pub(super) fn killed_for_memory(status: &std::io::Result<ExitStatus>) -> bool {
    static SEEN: std::sync::OnceLock<Mutex<u64>> = std::sync::OnceLock::new();
    let count = proc::oom_kills();
    let mut seen = SEEN
        .get_or_init(|| Mutex::new(count))
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let moved = count > *seen;
    *seen = count;
    moved && status.as_ref().is_ok_and(|s| s.signal() == Some(9))
}

/// Remembers the kernel's counter before anything is started.
pub(super) fn watch_memory_kills() {
    let _ = killed_for_memory(&Ok(ExitStatus::from_raw(0)));
}
