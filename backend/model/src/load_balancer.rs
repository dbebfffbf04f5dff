//! Settings of the global load balancer: which product shifts traffic between regions, and where it answers.
//!
//! Secrets are never in here: a setting names the file that holds one.

use crate::ids::RegionId;
use crate::topology::RegionConfig;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The global load balancer, by product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LoadBalancer {
    /// HAProxy through its runtime socket.
    Haproxy(Haproxy),
    /// Cloudflare Load Balancing through its REST API.
    Cloudflare(Cloudflare),
    /// AWS Global Accelerator through its JSON API.
    GlobalAccelerator(GlobalAccelerator),
    /// A backend service of a Google Cloud load balancer through the Compute API.
    Gcp(Gcp),
}

/// HAProxy: every api instance is a server of one backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Haproxy {
    /// Where clients reach the api, `http://host:port`.
    pub url: String,
    /// Seconds that clients keep an address they have resolved, when DNS is in the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_ttl_seconds: Option<u32>,
    /// Path of the runtime socket.
    pub haproxy_socket: String,
    /// The backend that holds the api servers.
    pub backend: String,
    /// A server's weight when its region is at 100 %.
    pub full_weight: u16,
}

/// Cloudflare: every region is a pool of one load balancer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cloudflare {
    /// Where clients reach the api, `https://host`.
    pub url: String,
    /// Seconds that clients keep an address they have resolved: the load balancer's `ttl` when it is not proxied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_ttl_seconds: Option<u32>,
    /// How the API is reached.
    #[serde(default)]
    pub api: VendorApi,
    /// Account id, which holds the pools.
    pub account: String,
    /// Zone id, which holds the load balancer.
    pub zone: String,
    /// Load balancer id.
    pub load_balancer: String,
    /// File with an API token that may read and edit load balancers and pools.
    pub token_file: String,
    /// What is changed.
    pub method: CloudflareMethod,
    /// Pool id of each region.
    pub pools: BTreeMap<RegionId, String>,
    /// A pool's weight (0.0–1.0) when its region is at 100 %, for `weights`; 1.0 for those not named.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub full_weights: BTreeMap<RegionId, f64>,
}

/// What is changed at Cloudflare to give a region a share of its traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloudflareMethod {
    /// The pool sheds a share of its own traffic. Works with every steering policy and touches nobody else's pool.
    Shedding,
    /// The pool's weight in `random_steering`. Counts for the policies `random`, `least_outstanding_requests` and
    /// `least_connections` only.
    Weights,
}

/// AWS Global Accelerator: every region has one endpoint group for each listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlobalAccelerator {
    /// Where clients reach the api.
    pub url: String,
    /// Seconds that clients keep an address they have resolved. The accelerator's own addresses never change: leave
    /// it out unless a name in front of it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_ttl_seconds: Option<u32>,
    /// How the API is reached.
    #[serde(default)]
    pub api: VendorApi,
    /// File with credentials as `credential_process` prints them: JSON with `AccessKeyId`, `SecretAccessKey`, and
    /// for temporary ones `SessionToken` and `Expiration`.
    pub credentials_file: String,
    /// ARNs of each region's endpoint groups, one for each listener.
    pub endpoint_groups: BTreeMap<RegionId, Vec<String>>,
}

/// Google Cloud: every region is a backend (an instance group or a network endpoint group) of a backend service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gcp {
    /// Where clients reach the api.
    pub url: String,
    /// Seconds that clients keep an address they have resolved, when DNS chooses between regions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_ttl_seconds: Option<u32>,
    /// How the API is reached.
    #[serde(default)]
    pub api: VendorApi,
    /// Project id.
    pub project: String,
    /// Name of the global backend service.
    pub backend_service: String,
    /// Where access tokens come from.
    pub token: GcpToken,
    /// Each region's backend: the `group` URL, or its end, for example
    /// `zones/us-east1-b/networkEndpointGroups/api`.
    pub groups: BTreeMap<RegionId, String>,
}

/// Where access tokens for Google Cloud come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case", deny_unknown_fields)]
pub enum GcpToken {
    /// A file that something else keeps fresh: the plain token, or JSON with `access_token` and `expires_in`.
    File {
        /// Its path.
        path: String,
    },
    /// The metadata server of the machine or of GKE's workload identity.
    Metadata {
        /// Another address of it, for tests; `http://metadata.google.internal` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
}

/// How a vendor's API is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorApi {
    /// Another endpoint than the vendor's public one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Addresses (`ip:port`) to use without asking DNS, which may fail together with a region.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<std::net::SocketAddr>,
}

impl LoadBalancer {
    /// The product's word on screens and in sources.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Haproxy(_) => "haproxy",
            Self::Cloudflare(_) => "cloudflare",
            Self::GlobalAccelerator(_) => "global_accelerator",
            Self::Gcp(_) => "gcp",
        }
    }

    /// Where clients reach the api.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Self::Haproxy(s) => &s.url,
            Self::Cloudflare(s) => &s.url,
            Self::GlobalAccelerator(s) => &s.url,
            Self::Gcp(s) => &s.url,
        }
    }

    /// Seconds that clients keep an address they have resolved; `None` when DNS is not in the path.
    #[must_use]
    pub fn dns_ttl_seconds(&self) -> Option<u32> {
        match self {
            Self::Haproxy(s) => s.dns_ttl_seconds,
            Self::Cloudflare(s) => s.dns_ttl_seconds,
            Self::GlobalAccelerator(s) => s.dns_ttl_seconds,
            Self::Gcp(s) => s.dns_ttl_seconds,
        }
    }

    /// Whether every region has its place in the load balancer.
    pub(crate) fn check(&self, regions: &[RegionConfig]) -> Result<(), String> {
        let named = |what: &str, has: &dyn Fn(&RegionId) -> bool| match regions.iter().find(|r| !has(&r.id)) {
            Some(region) => Err(format!(
                "[load_balancer] of kind {} names no {what} for region {}",
                self.word(),
                region.id
            )),
            None => Ok(()),
        };
        match self {
            Self::Haproxy(_) => Ok(()),
            Self::Cloudflare(s) => {
                if let Some((region, weight)) =
                    s.full_weights.iter().find(|(_, w)| !(**w > 0.0 && **w <= 1.0))
                {
                    return Err(format!(
                        "[load_balancer] full weight {weight} of {region} is not above 0.0 and up to 1.0"
                    ));
                }
                named("pool", &|id| s.pools.contains_key(id))
            }
            Self::GlobalAccelerator(s) => named("endpoint group", &|id| {
                s.endpoint_groups.get(id).is_some_and(|arns| !arns.is_empty())
            }),
            Self::Gcp(s) => named("backend group", &|id| s.groups.contains_key(id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_read_and_written_as_toml() {
        for text in [
            "kind = \"haproxy\"\nurl = \"http://x\"\nhaproxy_socket = \"/s\"\nbackend = \"api\"\nfull_weight = 100\n",
            "kind = \"cloudflare\"\nurl = \"https://x\"\ndns_ttl_seconds = 30\naccount = \"a\"\nzone = \"z\"\n\
             load_balancer = \"l\"\ntoken_file = \"/t\"\nmethod = \"weights\"\npools = { us-east-1 = \"p\" }\n\
             full_weights = { us-east-1 = 0.5 }\napi = { addresses = [\"127.0.0.1:443\"] }\n",
            "kind = \"global_accelerator\"\nurl = \"https://x\"\ncredentials_file = \"/c\"\n\
             endpoint_groups = { us-east-1 = [\"arn:1\", \"arn:2\"] }\n",
            "kind = \"gcp\"\nurl = \"https://x\"\nproject = \"p\"\nbackend_service = \"b\"\n\
             token = { from = \"metadata\" }\ngroups = { us-east-1 = \"g\" }\n",
        ] {
            let read: LoadBalancer = toml::from_str(text).unwrap();
            let again: LoadBalancer = toml::from_str(&toml::to_string(&read).unwrap()).unwrap();
            assert_eq!(read, again);
        }
    }

    #[test]
    fn a_slip_is_an_error() {
        let text = "kind = \"haproxy\"\nurl = \"http://x\"\nhaproxy_socket = \"/s\"\nbackend = \"api\"\n\
                    full_weight = 100\npool = \"x\"\n";
        let error = toml::from_str::<LoadBalancer>(text).unwrap_err().to_string();
        assert!(error.contains("pool"), "{error}");
        assert!(toml::from_str::<LoadBalancer>("kind = \"bigip\"").is_err());
    }
}
