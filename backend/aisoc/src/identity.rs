//! Who a process is, from its environment.

use aisoc_telemetry::Identity;

/// What every service is told about itself.
#[derive(Debug, Clone, clap::Args)]
pub struct IdentityArgs {
    /// Region of this instance.
    #[arg(long, env = "AISOC_REGION")]
    pub region: Option<String>,
    /// Availability zone.
    #[arg(long, env = "AISOC_ZONE", default_value = "")]
    pub zone: String,
    /// Instance name, for example `api-a`.
    #[arg(long, env = "AISOC_INSTANCE")]
    pub instance: Option<String>,
    /// Release revision or version.
    #[arg(long, env = "AISOC_VERSION", default_value = env!("CARGO_PKG_VERSION"))]
    pub release: String,
}

impl IdentityArgs {
    /// The identity that goes into every span, metric and log line.
    pub fn of(&self, service: &str) -> Identity {
        Identity {
            service: format!("aisoc-{service}"),
            region: self.region.clone().unwrap_or_default(),
            zone: self.zone.clone(),
            instance: self.instance.clone().unwrap_or_else(|| service.to_owned()),
            version: self.release.clone(),
        }
    }
}
