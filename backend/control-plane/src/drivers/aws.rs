//! Calls to AWS: signed with Signature Version 4, with credentials from a file.
//!
//! The five calls that are made do not carry the weight of the SDK: its crates took 232 CPU-seconds to build, the signer
//! that they share takes a few, and its requests are what the vendor documents either way.

use crate::drivers::DriverError;
use crate::drivers::traffic::api::{Answer, Api};
use crate::drivers::traffic::secret::SecretFile;
use aisoc_model::Clock;
use aisoc_model::load_balancer::VendorApi;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use std::sync::Arc;
use std::time::SystemTime;

/// Where a service of AWS is and how it is called.
pub(in crate::drivers) struct Place<'a> {
    /// Its name for people.
    pub vendor: &'a str,
    /// Its public endpoint.
    pub public: String,
    /// Its name in signatures.
    pub service: &'static str,
    /// Its region in signatures.
    pub region: String,
}

/// One service of AWS in one region.
pub(in crate::drivers) struct Aws {
    api: Api,
    file: String,
    credentials: SecretFile,
    service: &'static str,
    region: String,
    clock: Arc<dyn Clock>,
}

/// Credentials as `credential_process` prints them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Keys {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<Timestamp>,
}

impl Aws {
    /// The service at its public endpoint, or where the settings say.
    ///
    /// # Errors
    /// When the endpoint or the credentials file cannot be used.
    pub fn new(
        place: Place<'_>,
        settings: &VendorApi,
        credentials_file: &str,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let aws = Self {
            api: Api::new(place.vendor, settings, &place.public)?,
            file: credentials_file.to_owned(),
            credentials: SecretFile::open(credentials_file)?,
            service: place.service,
            region: place.region,
            clock,
        };
        aws.keys().map_err(|why| anyhow::anyhow!("{why}"))?;
        Ok(aws)
    }

    fn keys(&self) -> Result<Keys, String> {
        let file = &self.file;
        // The parser's own words could quote the secret.
        let keys: Keys = serde_json::from_str(&self.credentials.text()).map_err(|_| {
            format!(
                "{file} is not JSON with AccessKeyId and SecretAccessKey, as `credential_process` prints it"
            )
        })?;
        match keys.expiration {
            Some(at) if at <= self.clock.now() => Err(format!(
                "the credentials in {file} have expired at {at}: renew them; nothing was sent"
            )),
            _ => Ok(keys),
        }
    }

    /// Posts a body with these headers, signed now: a signature is good for minutes only.
    ///
    /// # Errors
    /// [`DriverError::Refused`] when nothing was sent, [`DriverError::Unknown`] when the answer was lost.
    pub async fn post(&self, headers: &[(&str, &str)], body: &str) -> Result<Answer, DriverError> {
        let request = self.signed(headers, body).map_err(DriverError::Refused)?;
        self.api.send(request).await
    }

    fn signed(&self, headers: &[(&str, &str)], body: &str) -> Result<reqwest::RequestBuilder, String> {
        let keys = self.keys()?;
        let identity = Credentials::new(
            keys.access_key_id,
            keys.secret_access_key,
            keys.session_token,
            keys.expiration.map(SystemTime::from),
            "file",
        )
        .into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(SystemTime::from(self.clock.now()))
            .settings(SigningSettings::default())
            .build()
            .map_err(|e| e.to_string())?
            .into();
        let url = self.api.url("/");
        let signable = SignableRequest::new(
            "POST",
            url.as_str(),
            headers.iter().copied(),
            SignableBody::Bytes(body.as_bytes()),
        );
        let signed = signable.and_then(|request| sign(request, &parameters));
        let (instructions, _) = signed.map_err(|e| e.to_string())?.into_parts();
        let mut request = self.api.call(Method::POST, "/").body(body.to_owned());
        for (name, value) in headers.iter().copied().chain(instructions.headers()) {
            request = request.header(name, value);
        }
        Ok(request)
    }
}
