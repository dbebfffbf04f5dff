//! Settings of the global load balancer: which product shifts traffic between regions, and where it answers.
//!
//! Secrets are never in here: a setting names the file that holds one.

use serde::{Deserialize, Serialize};

/// The global load balancer, by product.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LoadBalancer {
    /// HAProxy through its runtime socket.
    Haproxy(Haproxy),
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

impl LoadBalancer {
    /// The product's word on screens and in sources.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Haproxy(_) => "haproxy",
        }
    }

    /// Where clients reach the api.
    #[must_use]
    pub fn url(&self) -> &str {
        match self {
            Self::Haproxy(s) => &s.url,
        }
    }

    /// Seconds that clients keep an address they have resolved; `None` when DNS is not in the path.
    #[must_use]
    pub fn dns_ttl_seconds(&self) -> Option<u32> {
        match self {
            Self::Haproxy(s) => s.dns_ttl_seconds,
        }
    }

    /// HAProxy's settings, when it is that.
    #[must_use]
    pub fn haproxy(&self) -> Option<&Haproxy> {
        match self {
            Self::Haproxy(settings) => Some(settings),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_and_written_as_toml() {
        let text = "kind = \"haproxy\"\nurl = \"http://x\"\nhaproxy_socket = \"/s\"\nbackend = \"api\"\nfull_weight = 100\n";
        let read: LoadBalancer = toml::from_str(text).unwrap();
        let again: LoadBalancer = toml::from_str(&toml::to_string(&read).unwrap()).unwrap();
        assert_eq!(read, again);
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
