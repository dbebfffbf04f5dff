//! Batches to an ingest.

use super::read::Batch;
use super::report::Outcome;
use aisoc_model::text::sanitize;
use anyhow::Context as _;
use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Tries at a batch whose ingest does not answer or answers that it is broken.
const TRIES: u32 = 6;
/// An ingest that says "later" for longer than this in a row refuses.
const MAX_WAIT: Duration = Duration::from_mins(5);
/// The longest single wait that an ingest is granted.
const MAX_PAUSE: Duration = Duration::from_mins(1);

/// What an ingest answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Receipt {
    pub(super) accepted: u64,
    #[serde(default)]
    pub(super) rejected: u64,
    #[serde(default)]
    pub(super) errors: Vec<ItemError>,
}

/// An event that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct ItemError {
    /// Its place in the batch.
    pub(super) index: usize,
    #[serde(alias = "message", alias = "error", default)]
    pub(super) reason: String,
}

/// Why a batch was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    TooLarge,
    Unauthenticated(String),
    Refused(String),
    Unreachable(String),
    Unknown(String),
}

impl Fault {
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Unauthenticated(_) => Outcome::Unauthenticated,
            Self::TooLarge | Self::Refused(_) => Outcome::Refused,
            Self::Unreachable(_) => Outcome::Unreachable,
            Self::Unknown(_) => Outcome::Unknown,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("the ingest refuses the batch as too large"),
            Self::Unauthenticated(why) => {
                write!(
                    f,
                    "the ingest does not accept the token ({why}); check --token-file"
                )
            }
            Self::Refused(why) => write!(f, "the ingest refuses the events: {why}"),
            Self::Unreachable(why) => write!(
                f,
                "the ingest does not answer: {why}; check --url and that it runs"
            ),
            Self::Unknown(why) => write!(
                f,
                "no answer to a batch that was sent ({why}); send it again, known events are not doubled"
            ),
        }
    }
}

enum Next {
    Done(Receipt),
    Stop(Fault),
    /// The ingest is full: wait as long as it says.
    Later(Duration, String),
    /// Broken, or gone; worth another try.
    Again(Fault),
}

/// A connection to an ingest.
pub(super) struct Sender {
    client: reqwest::Client,
    url: Url,
    token: String,
    connector: String,
    /// Whether it ever answered: one that never did is a wrong address, not worth waiting for.
    reached: AtomicBool,
}

impl Sender {
    pub(super) fn new(url: &str, token: &str, connector: &str) -> anyhow::Result<Self> {
        anyhow::ensure!(
            !token.is_empty(),
            "the token file is empty; it must hold the tenant's ingest token"
        );
        let hint = "give it as http://host:port";
        let parsed =
            Url::parse(url).with_context(|| format!("'{}' is not a URL; {hint}", sanitize(url, 200)))?;
        anyhow::ensure!(parsed.scheme() == "http", "'{parsed}' is not an http URL; {hint}");
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(3))
            .timeout(Duration::from_secs(30))
            .no_proxy()
            .build()
            .context("cannot set up an HTTP client")?;
        Ok(Self {
            client,
            url: parsed.join("/v1/ingest").context("the ingest's URL")?,
            token: token.to_owned(),
            connector: connector.to_owned(),
            reached: AtomicBool::new(false),
        })
    }

    /// Sends a batch until it is taken, refused, or hope is lost; `wait` is told before every pause.
    pub(super) async fn send(
        &self,
        batch: &Batch,
        format: &str,
        wait: impl Fn(Duration, &str),
    ) -> Result<Receipt, Fault> {
        let body = self.body(batch, format);
        let mut waited = Duration::ZERO;
        let mut tries = 0;
        loop {
            let (pause, why) = match self.try_once(body.clone()).await {
                Next::Done(receipt) => return Ok(receipt),
                Next::Stop(fault) => return Err(fault),
                Next::Later(_, why) if waited >= MAX_WAIT => return Err(Fault::Refused(why)),
                Next::Later(pause, why) => {
                    waited += pause;
                    (pause, why)
                }
                Next::Again(fault) => {
                    tries += 1;
                    if tries >= TRIES {
                        return Err(fault);
                    }
                    (
                        Duration::from_secs(1 << (tries - 1)).min(Duration::from_secs(8)),
                        fault.to_string(),
                    )
                }
            };
            wait(pause, &why);
            tokio::time::sleep(pause).await;
        }
    }

    async fn try_once(&self, body: bytes::Bytes) -> Next {
        let sent = self
            .client
            .post(self.url.clone())
            .bearer_auth(&self.token)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body)
            .send()
            .await;
        if sent.is_ok() {
            self.reached.store(true, Ordering::Relaxed);
        }
        match sent {
            Ok(response) if response.status().is_success() => match response.json().await {
                Ok(receipt) => Next::Done(receipt),
                Err(error) => Next::Again(Fault::Unknown(chain(&error))),
            },
            Ok(response) => answered(response).await,
            Err(error) if error.is_connect() && !self.reached.load(Ordering::Relaxed) => {
                Next::Stop(Fault::Unreachable(chain(&error)))
            }
            Err(error) if error.is_connect() => Next::Again(Fault::Unreachable(chain(&error))),
            Err(error) => Next::Again(Fault::Unknown(chain(&error))),
        }
    }

    /// The lines go in as they are: they were checked when they were read.
    fn body(&self, batch: &Batch, format: &str) -> bytes::Bytes {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let mut body = format!(
            r#"{{"connector_id":{},"connector_type":"file","source_format":{},"events":["#,
            quoted(&self.connector),
            quoted(format),
        );
        for (place, (_, line)) in batch.lines.iter().enumerate() {
            if place > 0 {
                body.push(',');
            }
            body.push_str(line);
        }
        body.push_str("]}");
        body.into()
    }
}

async fn answered(response: Response) -> Next {
    let status = response.status();
    let retry_after = response
        .headers()
        .get(reqwest::header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok())
        .map(Duration::from_secs);
    let text = response.text().await.unwrap_or_default();
    let why = format!("{status}: {}", sanitize(text.trim(), 300));
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Next::Stop(Fault::TooLarge),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Next::Stop(Fault::Unauthenticated(why)),
        StatusCode::TOO_MANY_REQUESTS => {
            let pause = retry_after.unwrap_or(Duration::from_secs(1));
            Next::Later(pause.clamp(Duration::from_millis(100), MAX_PAUSE), why)
        }
        status if status.is_server_error() && status != StatusCode::INSUFFICIENT_STORAGE => {
            Next::Again(Fault::Refused(why))
        }
        _ => Next::Stop(Fault::Refused(why)),
    }
}

/// An error and what caused it; reqwest's own text names only the outermost.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    sanitize(&text, 300)
}
