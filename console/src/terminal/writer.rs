//! The thread that writes frames. Its mailbox has one slot; a frame is drawn only when the slot is free, from the
//! newest state, so that a slow terminal sees fewer frames and never old ones.

use super::Event;
use super::device::Device;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use tokio::sync::mpsc;

/// The writing end.
pub struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    slot: Mutex<Option<Vec<u8>>>,
    filled: Condvar,
    busy: AtomicBool,
    abandoned: AtomicBool,
}

impl Writer {
    /// Starts the thread.
    #[must_use]
    pub fn start(device: Arc<Device>, events: mpsc::Sender<Event>) -> Self {
        let shared = Arc::new(Shared {
            slot: Mutex::new(None),
            filled: Condvar::new(),
            busy: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
        });
        let mine = Arc::clone(&shared);
        super::thread("terminal-write", move || mine.write_all(&device, &events));
        Self { shared }
    }

    /// Whether a frame is on its way.
    #[must_use]
    pub fn busy(&self) -> bool {
        self.shared.busy.load(Ordering::Acquire)
    }

    /// Puts a frame's bytes.
    pub fn put(&self, bytes: Vec<u8>) {
        let mut slot = self.shared.slot.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.busy.store(true, Ordering::Release);
        *slot = Some(bytes);
        self.shared.filled.notify_one();
    }

    /// Has the thread stop within its present frame.
    pub fn abandon(&self) {
        self.shared.abandoned.store(true, Ordering::Release);
    }
}

impl Shared {
    fn write_all(&self, device: &Device, events: &mpsc::Sender<Event>) {
        loop {
            let bytes = self.take();
            let written = device.write(&bytes, || self.abandoned.load(Ordering::Acquire));
            self.busy.store(false, Ordering::Release);
            let event = match written {
                Ok(()) => Event::Written,
                Err(_) if self.abandoned.load(Ordering::Acquire) => return,
                Err(error) => Event::Gone(error.to_string()),
            };
            let gone = matches!(event, Event::Gone(_));
            if events.blocking_send(event).is_err() || gone {
                return;
            }
        }
    }

    fn take(&self) -> Vec<u8> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(bytes) = slot.take() {
                return bytes;
            }
            slot = self.filled.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
