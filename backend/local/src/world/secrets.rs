//! Tokens and passwords of the local world: made once, kept in files that only their owner reads.

use crate::state::{StateDir, read_json, write_atomic, write_json};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The tenants of the local world: id, name, home region, residency (empty: all regions).
pub const TENANTS: [(&str, &str, &str, &[&str]); 4] = [
    ("acme", "Acme Corporation", "us-east-1", &[]),
    ("globex", "Globex", "us-east-1", &[]),
    ("initech-eu", "Initech Europe", "eu-west-1", &["eu-west-1"]),
    ("umbrella-ap", "Umbrella Asia Pacific", "us-east-1", &[]),
];

/// Passwords and tokens.
#[derive(Clone, Serialize, Deserialize)]
pub struct Secrets {
    /// PostgreSQL superuser.
    pub postgres: String,
    /// Replication; each region has its own role, so that one replica's replication can be cut.
    pub replicator: String,
    /// The application's role.
    pub aisoc: String,
    /// The control plane's role.
    pub aisoc_control: String,
    /// Patroni's REST API.
    pub patroni: String,
    /// Between services.
    pub internal: String,
    /// The supervisor's own API.
    pub supervisor: String,
    /// A console that may act.
    pub operator: String,
    /// A second person who may act: some plans need two.
    pub second_operator: String,
    /// A console that may look.
    pub viewer: String,
    /// API and ingest token of each tenant.
    pub tenants: BTreeMap<String, String>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    /// Those of the state directory, made at the first start; the token files are written every time.
    ///
    /// # Errors
    /// When the files cannot be read or written.
    pub fn load_or_make(state: &StateDir) -> anyhow::Result<Self> {
        let path = state.token("secrets.json");
        let secrets = if let Some(known) = read_json(&path)? {
            known
        } else {
            let made = Self::make();
            write_json(&path, &made)?;
            made
        };
        secrets.write_files(state)?;
        Ok(secrets)
    }

    fn make() -> Self {
        Self {
            postgres: random(),
            replicator: random(),
            aisoc: random(),
            aisoc_control: random(),
            patroni: random(),
            internal: random(),
            supervisor: random(),
            operator: random(),
            second_operator: random(),
            viewer: random(),
            tenants: TENANTS.iter().map(|t| (t.0.to_owned(), random())).collect(),
        }
    }

    fn write_files(&self, state: &StateDir) -> anyhow::Result<()> {
        let write = |name: &str, content: &str| write_atomic(&state.token(name), content.as_bytes(), 0o600);
        write("operator.token", &format!("{}\n", self.operator))?;
        write("second-operator.token", &format!("{}\n", self.second_operator))?;
        write("viewer.token", &format!("{}\n", self.viewer))?;
        write("internal.token", &format!("{}\n", self.internal))?;
        write("supervisor.token", &format!("{}\n", self.supervisor))?;
        let roles = format!(
            "{} operator operator\n{} operator second-operator\n{} viewer viewer\n",
            self.operator, self.second_operator, self.viewer
        );
        write("control-plane.tokens", &roles)?;
        for (tenant, token) in &self.tenants {
            write(&format!("api-{tenant}.token"), &format!("{token}\n"))?;
        }
        Ok(())
    }
}

fn random() -> String {
    let mut bytes = [0_u8; 24];
    rand::rng().fill(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn secrets_are_kept_between_starts_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::resolve(Some(dir.path())).unwrap();
        state.create(None).unwrap();
        let first = Secrets::load_or_make(&state).unwrap();
        let second = Secrets::load_or_make(&state).unwrap();
        assert_eq!(first.operator, second.operator);
        assert_ne!(first.operator, first.viewer);
        for file in [
            "operator.token",
            "secrets.json",
            "api-acme.token",
            "control-plane.tokens",
        ] {
            assert_eq!(
                state.token(file).metadata().unwrap().mode() & 0o777,
                0o600,
                "{file}"
            );
        }
        assert_eq!(format!("{first:?}"), "Secrets(…)");
    }
}
