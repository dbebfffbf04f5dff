//! HTTP to a vendor's API: bounded, never redirected, and clear about what may have happened.

use crate::clients::{root_cause, server_text};
use crate::drivers::DriverError;
use aisoc_model::load_balancer::VendorApi;
use anyhow::{Context, bail};
use reqwest::{Client, RequestBuilder, StatusCode, Url, redirect};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Bound of one call.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Bound of its connection.
const CONNECT: Duration = Duration::from_secs(3);
/// Longest answer that is read: a backend service with hundreds of backends is some 100 kB.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// Calls that are made when the vendor says "too many".
const TRIES: u32 = 3;
/// Longest pause that a vendor may ask for; beyond it the call has failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Between two vendors' looks at the same things: their rate limits are for operations.
pub(in crate::drivers) const OBSERVE_EVERY: Duration = Duration::from_secs(15);

/// A vendor's API.
#[derive(Debug, Clone)]
pub(in crate::drivers) struct Api {
    client: Client,
    base: String,
}

/// What came back.
#[derive(Debug)]
pub(in crate::drivers) struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    body: Vec<u8>,
}

impl Api {
    /// The API at `public`, or where the settings say.
    ///
    /// # Errors
    /// When the endpoint cannot be used safely or with this build.
    pub fn new(vendor: &str, settings: &VendorApi, public: &str) -> anyhow::Result<Self> {
        Self::with_authority(vendor, settings, public, None)
    }

    /// The same, trusting the certificate authority in a file instead of the well-known ones.
    ///
    /// # Errors
    /// Also when the file holds none.
    pub fn with_authority(
        vendor: &str,
        settings: &VendorApi,
        public: &str,
        ca_file: Option<&str>,
    ) -> anyhow::Result<Self> {
        let base = settings.endpoint.as_deref().unwrap_or(public);
        let base = base.trim_end_matches('/').to_owned();
        let url = Url::parse(&base).with_context(|| format!("{vendor} endpoint {base}"))?;
        let host = url.host_str().unwrap_or_default().to_owned();
        may_use(vendor, &url)?;
        let mut client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(TIMEOUT);
        if !settings.addresses.is_empty() {
            client = client.resolve_to_addrs(&host, &settings.addresses);
        }
        if let Some(file) = ca_file {
            client = trusting(client, file).with_context(|| format!("{vendor} authority {file}"))?;
        }
        let client = client.build().with_context(|| format!("{vendor} client"))?;
        Ok(Self { client, base })
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Begins a call.
    pub fn call(&self, method: reqwest::Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// Makes a call; where the vendor says "too many" (nothing was done then) once or twice more.
    ///
    /// # Errors
    /// [`DriverError::Refused`] when nothing was sent or the limit stays reached, [`DriverError::Unknown`] when the
    /// answer was lost.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer, DriverError> {
        let mut tried = 0;
        loop {
            tried += 1;
            let Some(again) = request.try_clone() else {
                return Err(DriverError::Refused(
                    "a request with a stream cannot be sent".to_owned(),
                ));
            };
            let response = again.send().await.map_err(|e| lost(&e))?;
            let status = response.status();
            if status != StatusCode::TOO_MANY_REQUESTS {
                return Ok(Answer {
                    status,
                    body: read(response).await?,
                });
            }
            let pause = retry_after(&response).unwrap_or(Duration::from_secs(1 << tried));
            if tried >= TRIES || pause > LONGEST_PAUSE {
                return Err(DriverError::Refused(format!(
                    "{} allows no more requests now; try again in {} s",
                    self.base,
                    pause.as_secs()
                )));
            }
            tokio::time::sleep(pause).await;
        }
    }
}

impl Answer {
    /// The answer as a document.
    ///
    /// # Errors
    /// [`DriverError::Unknown`] when it is none: something between us and the vendor may have answered.
    pub fn document<T: DeserializeOwned>(&self) -> Result<T, DriverError> {
        serde_json::from_slice(&self.body).map_err(|e| {
            DriverError::Unknown(format!(
                "answer {} cannot be read ({e}): {}",
                self.status,
                self.text()
            ))
        })
    }

    /// The answer as it came.
    pub fn raw(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The answer as harmless text.
    pub fn text(&self) -> String {
        server_text(&String::from_utf8_lossy(&self.body))
    }
}

#[cfg(feature = "cloud")]
fn trusting(client: reqwest::ClientBuilder, file: &str) -> anyhow::Result<reqwest::ClientBuilder> {
    let authorities = reqwest::Certificate::from_pem_bundle(&std::fs::read(file)?)?;
    anyhow::ensure!(!authorities.is_empty(), "it holds no certificate");
    Ok(client.tls_certs_only(authorities))
}

/// Without TLS there is nothing to trust, and no endpoint that would need it: [`may_use`].
#[cfg(not(feature = "cloud"))]
fn trusting(client: reqwest::ClientBuilder, file: &str) -> anyhow::Result<reqwest::ClientBuilder> {
    std::fs::metadata(file)?;
    Ok(client)
}

/// Credentials never travel in clear, except within this machine.
fn may_use(vendor: &str, url: &Url) -> anyhow::Result<()> {
    let host = url.host_str().unwrap_or_default();
    let within = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    match url.scheme() {
        "https" if cfg!(feature = "cloud") => Ok(()),
        "https" => bail!(
            "{vendor} endpoint {url} needs TLS, which this build leaves out: build it with `--features cloud`"
        ),
        "http" if within => Ok(()),
        "http" => bail!("{vendor} endpoint {url} would carry credentials in clear: use https"),
        other => bail!("{vendor} endpoint {url}: '{other}' is neither https nor http"),
    }
}

fn lost(error: &reqwest::Error) -> DriverError {
    let why = root_cause(error);
    let place = error
        .url()
        .and_then(Url::host_str)
        .unwrap_or("the vendor")
        .to_owned();
    if error.is_connect() || error.is_builder() {
        return DriverError::Refused(format!("{place} cannot be reached, nothing was sent: {why}"));
    }
    DriverError::Unknown(format!("the answer of {place} was lost: {why}"))
}

async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, DriverError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| lost(&e))? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(DriverError::Unknown(format!(
                "the answer is longer than {MAX_ANSWER} bytes"
            )));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Seconds only; a date is rare, and then our own pause will do.
fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let text = response
        .headers()
        .get(reqwest::header::RETRY_AFTER)?
        .to_str()
        .ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(endpoint: &str) -> anyhow::Result<Api> {
        let settings = VendorApi {
            endpoint: Some(endpoint.to_owned()),
            addresses: vec![],
        };
        Api::new("vendor", &settings, "https://public.example")
    }

    #[test]
    fn credentials_never_travel_in_clear() {
        assert!(new("http://127.0.0.1:1").is_ok());
        let why = new("http://api.example").unwrap_err().to_string();
        assert!(why.contains("in clear"), "{why}");
        assert!(new("ftp://api.example").is_err());
    }

    #[cfg(not(feature = "cloud"))]
    #[test]
    fn a_build_without_tls_says_how_to_get_it() {
        let why = new("https://api.example").unwrap_err().to_string();
        assert!(why.contains("--features cloud"), "{why}");
    }

    #[cfg(feature = "cloud")]
    #[test]
    fn a_build_with_tls_takes_https() {
        assert!(new("https://api.example").is_ok());
    }
}
