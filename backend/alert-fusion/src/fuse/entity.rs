//! Who an alert is about, as far as it may tie alerts together.

use aisoc_model::event::Entities;
use std::net::IpAddr;
use std::sync::Arc;

/// What an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A machine.
    Host,
    /// An account.
    User,
    /// An address.
    Ip,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::User => "user",
            Self::Ip => "ip",
        }
    }
}

/// An entity that ties alerts together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entity {
    /// What it is.
    pub kind: Kind,
    /// Its name, lower case.
    pub name: Arc<str>,
}

/// The entities of an event that may tie it to others. Accounts that every machine has, and addresses that
/// mean something else on every machine, would tie everything to everything.
#[must_use]
pub fn linking(entities: &Entities) -> Vec<Entity> {
    let host = entities.host.as_deref().filter(|host| !is_blank(host));
    let user = entities.user.as_deref().filter(|user| !is_service_account(user));
    let ip = entities.ip.as_deref().filter(|ip| is_telling_address(ip));
    [(Kind::Host, host), (Kind::User, user), (Kind::Ip, ip)]
        .into_iter()
        .filter_map(|(kind, name)| {
            Some(Entity {
                kind,
                name: Arc::from(name?.to_lowercase()),
            })
        })
        .collect()
}

fn is_blank(name: &str) -> bool {
    matches!(name.trim(), "" | "-" | "n/a" | "none" | "unknown" | "localhost")
}

/// Accounts of the operating system and of machines.
#[must_use]
pub fn is_service_account(user: &str) -> bool {
    let user = user.trim().to_lowercase();
    let name = user.rsplit('\\').next().unwrap_or(&user);
    let name = name.split('@').next().unwrap_or(name);
    is_blank(name)
        || name.ends_with('$')
        || user.starts_with("nt service\\")
        || user.starts_with("font driver host\\")
        || user.starts_with("window manager\\")
        || name.starts_with("dwm-")
        || name.starts_with("umfd-")
        || matches!(
            name,
            "system"
                | "local service"
                | "localservice"
                | "network service"
                | "networkservice"
                | "anonymous logon"
                | "local system"
                | "localsystem"
                | "s-1-5-18"
                | "s-1-5-19"
                | "s-1-5-20"
                | "nobody"
                | "daemon"
                | "www-data"
                | "aws internal"
        )
}

/// Azure's platform address answers on every virtual machine.
const AZURE_WIRE_SERVER: &str = "168.63.129.16";

fn is_telling_address(ip: &str) -> bool {
    match ip.trim().parse::<IpAddr>() {
        Ok(IpAddr::V4(v4)) => {
            !(v4.is_loopback()
                || v4.is_unspecified()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || ip.trim() == AZURE_WIRE_SERVER)
        }
        Ok(IpAddr::V6(v6)) => {
            !(v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || v6.is_unicast_link_local())
        }
        // Providers write words such as `AWS Internal` where an address is expected.
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("SYSTEM", true)]
    #[case("NT AUTHORITY\\SYSTEM", true)]
    #[case("nt authority\\local service", true)]
    #[case("NETWORK SERVICE", true)]
    #[case("MORDORDC$", true)]
    #[case("theshire\\workstation5$", true)]
    #[case("workstation5$@theshire.local", true)]
    #[case("NT SERVICE\\MSSQL", true)]
    #[case("DWM-1", true)]
    #[case("-", true)]
    #[case("theshire\\pgustavo", false)]
    #[case("bert-jan", false)]
    #[case("root", false)]
    fn service_accounts(#[case] user: &str, #[case] expected: bool) {
        assert_eq!(is_service_account(user), expected);
    }

    #[rstest]
    #[case("10.0.5.13", true)]
    #[case("2001:db8::1", true)]
    #[case("127.0.0.1", false)]
    #[case("::1", false)]
    #[case("fe80::9582:39e0:356b:ef4e", false)]
    #[case("169.254.169.254", false)]
    #[case("168.63.129.16", false)]
    #[case("0.0.0.0", false)]
    #[case("AWS Internal", false)]
    fn addresses(#[case] ip: &str, #[case] expected: bool) {
        assert_eq!(is_telling_address(ip), expected);
    }

    #[test]
    fn only_telling_entities_link() {
        let entities = Entities {
            host: Some("WS5".to_owned()),
            user: Some("SYSTEM".to_owned()),
            ip: Some("::1".to_owned()),
            process: Some("a.exe".to_owned()),
        };
        let names: Vec<_> = linking(&entities)
            .into_iter()
            .map(|e| e.name.to_string())
            .collect();
        assert_eq!(names, ["ws5"]);
    }
}
