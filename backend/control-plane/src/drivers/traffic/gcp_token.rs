//! Access tokens for Google Cloud.
//!
//! From a file or from the metadata server. Service account keys are not exchanged here: workload identity makes
//! them unnecessary, and where there is none something else (`gcloud`, a mounted secret) keeps the file fresh.

use super::secret::SecretFile;
use crate::clients::root_cause;
use aisoc_model::Clock;
use aisoc_model::load_balancer::GcpToken;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Link-local by design: no TLS, and no name that has to be resolved elsewhere.
const METADATA: &str = "http://metadata.google.internal";
const PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";
/// The metadata server is on the same machine.
const TIMEOUT: Duration = Duration::from_secs(2);
/// A new token is asked for when the old one has less than this left.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_mins(5);

/// Where tokens come from.
pub(super) trait TokenSource: Send + Sync {
    /// A token that is good now.
    fn token(&self) -> BoxFuture<'_, Result<String, String>>;
}

/// The source that the settings name.
pub(super) fn from_settings(
    settings: &GcpToken,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Box<dyn TokenSource>> {
    Ok(match settings {
        GcpToken::File { path } => Box::new(FromFile(SecretFile::open(path)?)),
        GcpToken::Metadata { url } => Box::new(FromMetadata {
            client: reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?,
            url: format!(
                "{}{PATH}",
                url.as_deref().unwrap_or(METADATA).trim_end_matches('/')
            ),
            clock,
            last: Mutex::new(None),
        }),
    })
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    #[serde(default)]
    expires_in: i64,
}

struct FromFile(SecretFile);

impl TokenSource for FromFile {
    fn token(&self) -> BoxFuture<'_, Result<String, String>> {
        async {
            let text = self.0.text();
            // The plain token, or the document that the metadata server would have answered.
            let document = serde_json::from_str::<Token>(&text);
            Ok(document.map_or(text, |token| token.access_token))
        }
        .boxed()
    }
}

struct FromMetadata {
    client: reqwest::Client,
    url: String,
    clock: Arc<dyn Clock>,
    last: Mutex<Option<(String, Timestamp)>>,
}

impl FromMetadata {
    async fn ask(&self) -> Result<Token, String> {
        let answer = self
            .client
            .get(&self.url)
            .header("Metadata-Flavor", "Google")
            .send()
            .await;
        let answer = answer.and_then(reqwest::Response::error_for_status);
        let token = async { answer?.json::<Token>().await };
        token.await.map_err(|e| root_cause(&e))
    }
}

impl TokenSource for FromMetadata {
    fn token(&self) -> BoxFuture<'_, Result<String, String>> {
        async {
            let mut last = self.last.lock().await;
            let now = self.clock.now();
            let left = |until: &Timestamp| until.duration_since(now);
            if let Some((token, until)) = last.as_ref()
                && left(until) > RENEW_BEFORE
            {
                return Ok(token.clone());
            }
            match self.ask().await {
                Ok(token) => {
                    let until = now.saturating_add(SignedDuration::from_secs(token.expires_in));
                    *last = Some((token.access_token.clone(), until.unwrap_or(now)));
                    Ok(token.access_token)
                }
                // The old one is still good for minutes, and those are the minutes that count.
                Err(why) => match last.as_ref() {
                    Some((token, until)) if left(until) > SignedDuration::ZERO => Ok(token.clone()),
                    _ => Err(format!(
                        "no token from the metadata server {}: {why}; nothing was sent",
                        self.url
                    )),
                },
            }
        }
        .boxed()
    }
}
