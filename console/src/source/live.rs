//! Frames of a live control plane, over gRPC, with reconnection as a visible state machine.

use super::{Outbox, Source};
use crate::message::{Identity, SourceEvent};
use aisoc_rpc::client::{Client, Update};
use aisoc_rpc::error::RpcError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tokio_stream::StreamExt;

/// Time without a frame or heartbeat (there is one every second) after which the screen says so.
const SILENT: Duration = Duration::from_secs(3);
/// Further time after which the connection counts as lost.
const LOST: Duration = Duration::from_secs(7);
/// Time for the first answers of a new connection.
const GREETING: Duration = Duration::from_secs(5);
/// Waits between rounds over all addresses: doubling from the first to the last.
const BACKOFF_MS: (u64, u64) = (500, 10_000);

/// Frames of a live control plane.
pub struct Live {
    endpoints: Vec<String>,
    token: String,
    again: Arc<Notify>,
    client: watch::Sender<Option<Client>>,
}

/// What the console holds of a live source.
#[derive(Clone)]
pub struct Handle {
    again: Arc<Notify>,
    client: watch::Receiver<Option<Client>>,
}

impl Handle {
    /// Has the source connect again now.
    pub fn reconnect(&self) {
        self.again.notify_one();
    }

    /// The connection for requests, while there is one.
    #[must_use]
    pub fn client(&self) -> Option<Client> {
        self.client.borrow().clone()
    }

    /// The connection for requests, whenever there is one.
    #[must_use]
    pub fn clients(&self) -> watch::Receiver<Option<Client>> {
        self.client.clone()
    }

    /// Of a source that is not live: there is nobody to ask.
    #[must_use]
    pub fn nobody() -> Self {
        Self {
            again: Arc::default(),
            client: watch::channel(None).1,
        }
    }
}

/// How a connection ended.
enum End {
    /// It broke, or was never made.
    Broken { why: String, was_live: bool },
    /// The token was not accepted.
    Refused(String),
    /// Someone asked to begin again.
    Again,
    /// Nobody reads any more.
    Closed,
}

impl Live {
    /// A source over some addresses, and what the console holds of it.
    #[must_use]
    pub fn new(endpoints: Vec<String>, token: String) -> (Self, Handle) {
        let again = Arc::new(Notify::new());
        let (client, receiver) = watch::channel(None);
        let handle = Handle {
            again: Arc::clone(&again),
            client: receiver,
        };
        (
            Self {
                endpoints,
                token,
                again,
                client,
            },
            handle,
        )
    }

    /// One connection, from the first try to its end.
    async fn session(&self, endpoint: &str, out: &Outbox) -> End {
        let broken = |error: RpcError| match error {
            RpcError::Unauthenticated(_) | RpcError::Forbidden(_) => End::Refused(error.to_string()),
            error => End::Broken {
                why: error.to_string(),
                was_live: false,
            },
        };
        let greeting = async {
            let mut client = Client::connect(endpoint, &self.token).await?;
            let identity = client.who_am_i().await?;
            let frames = client.watch().await?;
            Ok((client, identity, frames))
        };
        let (client, identity, frames) = match timeout(GREETING, greeting).await {
            Ok(Ok(met)) => met,
            Ok(Err(error)) => return broken(error),
            Err(_) => {
                let why = format!("no answer from {endpoint} within {} s", GREETING.as_secs());
                return End::Broken { why, was_live: false };
            }
        };
        let identity = Identity {
            name: identity.name,
            operator: identity.role == "operator",
        };
        if !out
            .put(SourceEvent::Connected {
                endpoint: endpoint.to_owned(),
                identity,
            })
            .await
        {
            return End::Closed;
        }
        self.client.send_replace(Some(client));
        let end = tokio::select! {
            end = read(Box::pin(frames), out) => end,
            () = self.again.notified() => End::Again,
        };
        self.client.send_replace(None);
        end
    }
}

/// Reads frames until the stream ends.
async fn read(
    mut frames: impl tokio_stream::Stream<Item = Result<Update, RpcError>> + Unpin,
    out: &Outbox,
) -> End {
    loop {
        let mut frame = timeout(SILENT, frames.next()).await;
        if frame.is_err() {
            if !out.put(SourceEvent::Silent).await {
                return End::Closed;
            }
            frame = timeout(LOST, frames.next()).await;
        }
        let Ok(frame) = frame else {
            let quiet = SILENT.saturating_add(LOST).as_secs();
            let why = format!("the control plane has said nothing for {quiet} s");
            return End::Broken { why, was_live: true };
        };
        let event = match frame {
            Some(Ok(Update::Snapshot(world))) => SourceEvent::Snapshot(world),
            Some(Ok(Update::Delta(delta, coalesced))) => SourceEvent::Delta(delta, coalesced),
            Some(Ok(Update::Heartbeat(at))) => SourceEvent::Heartbeat(at),
            Some(Err(error @ (RpcError::Unauthenticated(_) | RpcError::Forbidden(_)))) => {
                return End::Refused(error.to_string());
            }
            Some(Err(error)) => {
                return End::Broken {
                    why: error.to_string(),
                    was_live: true,
                };
            }
            None => {
                let why = "the control plane closed the connection".to_owned();
                return End::Broken { why, was_live: true };
            }
        };
        if !out.put(event).await {
            return End::Closed;
        }
    }
}

impl Source for Live {
    async fn run(self, out: Outbox) {
        let mut wait = BACKOFF_MS.0;
        loop {
            let mut last = "no address was given".to_owned();
            for endpoint in &self.endpoints {
                if !out.put(SourceEvent::Connecting(endpoint.clone())).await {
                    return;
                }
                match self.session(endpoint, &out).await {
                    End::Closed => return,
                    End::Again => {
                        wait = BACKOFF_MS.0;
                        "connecting again".clone_into(&mut last);
                    }
                    End::Refused(why) => {
                        if !out.put(SourceEvent::Refused(why)).await {
                            return;
                        }
                        self.again.notified().await;
                        "connecting again".clone_into(&mut last);
                    }
                    End::Broken { why, was_live } => {
                        if was_live {
                            wait = BACKOFF_MS.0;
                            let broke = SourceEvent::Lost {
                                why: why.clone(),
                                retry_in_ms: 0,
                            };
                            if !out.put(broke).await {
                                return;
                            }
                        }
                        last = why;
                    }
                }
            }
            if !out
                .put(SourceEvent::Lost {
                    why: last,
                    retry_in_ms: wait,
                })
                .await
            {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(wait)) => wait = (wait * 2).min(BACKOFF_MS.1),
                () = self.again.notified() => wait = BACKOFF_MS.0,
            }
        }
    }
}
