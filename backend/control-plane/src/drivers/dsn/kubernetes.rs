//! Connection strings in Kubernetes secrets: read, and patched under the resource version just read, so that of two
//! that write at once one is refused and looks again. The epoch is an annotation, one for each string: a secret may hold
//! those of several database clusters.
//!
//! Two calls of the API server are all that is needed; a client of the whole API would cost more to build than the
//! rest of the control plane.

use super::{DsnDriver, next, unknown_region};
use crate::drivers::DriverError;
use crate::drivers::traffic::api::{Answer, Api};
use crate::drivers::traffic::secret::SecretFile;
use aisoc_model::RegionId;
use aisoc_model::dsn::{self, Dsn};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::FutureExt;
use futures::future::BoxFuture;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Times that it is looked again because somebody else wrote in between.
const TRIES: u32 = 4;

/// A secret in each region's cluster.
pub struct KubernetesKeeper {
    settings: dsn::Kubernetes,
    clusters: BTreeMap<RegionId, Cluster>,
    /// The annotation that holds the epoch.
    epoch: String,
}

struct Cluster {
    api: Api,
    token: SecretFile,
}

#[derive(Deserialize)]
struct Secret {
    metadata: Metadata,
    #[serde(default)]
    data: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    resource_version: String,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl KubernetesKeeper {
    /// The driver for these clusters.
    ///
    /// # Errors
    /// When an endpoint, a token or an authority cannot be used.
    pub fn new(settings: &dsn::Kubernetes) -> anyhow::Result<Self> {
        let mut clusters = BTreeMap::new();
        for (region, cluster) in &settings.clusters {
            let vendor = format!("kubernetes of {region}");
            let ca = cluster.ca_file.as_deref();
            let known = Cluster {
                api: Api::with_authority(&vendor, &cluster.api, "https://kubernetes.default.svc", ca)?,
                token: SecretFile::open(&cluster.token_file)?,
            };
            clusters.insert(region.clone(), known);
        }
        Ok(Self {
            settings: settings.clone(),
            clusters,
            epoch: settings.epoch_annotation(),
        })
    }

    fn path(&self) -> String {
        let (namespace, name) = (&self.settings.namespace, &self.settings.name);
        format!("/api/v1/namespaces/{namespace}/secrets/{name}")
    }

    fn cluster(&self, region: &RegionId) -> Result<&Cluster, DriverError> {
        self.clusters.get(region).ok_or_else(|| unknown_region(region))
    }

    async fn get(&self, region: &RegionId) -> Result<(Secret, Dsn), DriverError> {
        let cluster = self.cluster(region)?;
        let call = cluster.api.call(Method::GET, &self.path());
        let answer = cluster.api.send(call.bearer_auth(cluster.token.text())).await?;
        if !answer.status.is_success() {
            return Err(problem(region, "GET", &answer));
        }
        let secret: Secret = answer.document()?;
        let dsn = self.dsn(region, &secret)?;
        Ok((secret, dsn))
    }

    fn dsn(&self, region: &RegionId, secret: &Secret) -> Result<Dsn, DriverError> {
        let (name, key) = (&self.settings.name, &self.settings.key);
        let refused = |what: &str| DriverError::Refused(format!("secret {name} of {region}: {what}"));
        let data = secret
            .data
            .get(key)
            .ok_or_else(|| refused(&format!("it has no key {key}")))?;
        // What is in it is not quoted: it holds a password.
        let bytes = BASE64
            .decode(data)
            .map_err(|_| refused("its value is not base64"))?;
        let text = String::from_utf8(bytes).map_err(|_| refused("its value is no text"))?;
        let mut dsn = Dsn::parse(&text).map_err(|e| refused(&e.to_string()))?;
        if let Some(epoch) = secret.metadata.annotations.get(&self.epoch) {
            let epoch = epoch
                .parse()
                .map_err(|_| refused(&format!("its annotation {} is no number", self.epoch)))?;
            dsn.epoch = Some(epoch);
        }
        Ok(dsn)
    }

    fn patch(&self, there: &Secret, wanted: &Dsn) -> Value {
        let mut metadata = json!({ "resourceVersion": there.metadata.resource_version });
        if let (Some(epoch), Some(metadata)) = (wanted.epoch, metadata.as_object_mut()) {
            metadata.insert(
                "annotations".to_owned(),
                json!({ &self.epoch: epoch.to_string() }),
            );
        }
        let mut data = serde_json::Map::new();
        data.insert(
            self.settings.key.clone(),
            Value::String(BASE64.encode(&wanted.url)),
        );
        json!({ "metadata": metadata, "data": data })
    }

    async fn swap(&self, region: &RegionId, address: &str, epoch: Option<u64>) -> Result<(), DriverError> {
        let cluster = self.cluster(region)?;
        for _ in 0..TRIES {
            let (there, dsn) = self.get(region).await?;
            let wanted = next(&dsn, region, address, epoch)?;
            if wanted == dsn {
                return Ok(());
            }
            let call = cluster
                .api
                .call(Method::PATCH, &self.path())
                .bearer_auth(cluster.token.text())
                .header("content-type", "application/merge-patch+json")
                .body(self.patch(&there, &wanted).to_string());
            match cluster.api.send(call).await {
                Ok(answer) if answer.status.is_success() => return Ok(()),
                Ok(answer) if answer.status == StatusCode::CONFLICT => {}
                Ok(answer) => return Err(problem(region, "PATCH", &answer)),
                // The answer was lost: what is there now tells.
                Err(DriverError::Unknown(why)) => {
                    return match self.get(region).await {
                        Ok((_, now)) if now == wanted => Ok(()),
                        _ => Err(DriverError::Unknown(why)),
                    };
                }
                refused => return refused.map(|_| ()),
            }
        }
        Err(DriverError::Refused(format!(
            "secret {} of {region} was changed by somebody else {TRIES} times in a row",
            self.settings.name
        )))
    }
}

/// Kubernetes answers with a `Status`; its message never quotes data.
fn problem(region: &RegionId, method: &str, answer: &Answer) -> DriverError {
    let status: Value = answer.document().unwrap_or_default();
    let message = status.get("message").and_then(Value::as_str).unwrap_or_default();
    let said = format!(
        "kubernetes of {region}: {method} {} {}",
        answer.status,
        aisoc_model::text::sanitize(message, 200)
    );
    if answer.status.is_server_error() {
        DriverError::Unknown(said)
    } else {
        DriverError::Refused(said)
    }
}

impl DsnDriver for KubernetesKeeper {
    fn read<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<Dsn, DriverError>> {
        async move { Ok(self.get(region).await?.1) }.boxed()
    }

    fn point<'a>(
        &'a self,
        region: &'a RegionId,
        address: &'a str,
        epoch: Option<u64>,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        self.swap(region, address, epoch).boxed()
    }

    fn request(&self, region: &RegionId, address: &str) -> String {
        format!(
            "PATCH {} in {region}, under the resourceVersion just read: data.{} with host {address}, annotation {}",
            self.path(),
            self.settings.key,
            self.epoch
        )
    }
}
