//! Where frames come from. A live control plane is one source; a recording or the regions' own health endpoints
//! are others: they differ here and nowhere else.

pub mod live;
pub mod replay;

use crate::message::SourceEvent;
use std::future::Future;
use tokio::sync::mpsc;

/// A source of frames.
pub trait Source: Send + 'static {
    /// Brings frames until the console leaves.
    fn run(self, out: Outbox) -> impl Future<Output = ()> + Send;
}

/// Where a source puts what it has. Bounded: a slow console slows its source, which then folds frames.
#[derive(Debug, Clone)]
pub struct Outbox(mpsc::Sender<SourceEvent>);

impl Outbox {
    /// An outbox and where its content arrives.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<SourceEvent>) {
        let (sender, receiver) = mpsc::channel(8);
        (Self(sender), receiver)
    }

    /// Puts an event; `false` when nobody reads any more.
    pub async fn put(&self, event: SourceEvent) -> bool {
        self.0.send(event).await.is_ok()
    }
}
