//! Which account the parts run as. Root starts the databases and the load balancer as an unprivileged account
//! (PostgreSQL refuses to run as root); an ordinary user runs everything as itself.

use crate::error::{Failure, exit};
use anyhow::Context;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// An account by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl Account {
    /// The account that the databases run as: `postgres` when we are root (its package made it), `None` (run
    /// as ourselves) otherwise.
    ///
    /// # Errors
    /// When we are root and there is no such account.
    pub fn for_databases() -> anyhow::Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd = std::fs::read_to_string("/etc/passwd").context("reading /etc/passwd")?;
        find(&passwd, "postgres").map(Some).ok_or_else(|| {
            Failure::new(
                exit::PACKAGES,
                "there is no account `postgres` to run the databases as (root may not run PostgreSQL)",
                "install PostgreSQL with `aisoc local packages --install`, or run aisoc as an ordinary user",
            )
            .into()
        })
    }

    /// Gives a path to this account.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn own(self, path: &Path) -> anyhow::Result<()> {
        std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid))
            .with_context(|| format!("giving {} to uid {}", path.display(), self.uid))
    }
}

/// Makes a directory with `mode`, owned by `account` if there is one.
///
/// # Errors
/// When the file system refuses.
pub fn make_dir(path: &Path, mode: u32, account: Option<Account>) -> anyhow::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)))
        .with_context(|| format!("making directory {}", path.display()))?;
    account.map_or(Ok(()), |a| a.own(path))
}

fn find(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let mut numbers = fields.skip(1);
        Some(Account {
            uid: numbers.next()?.parse().ok()?,
            gid: numbers.next()?.parse().ok()?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_exact_name() {
        let passwd = "root:x:0:0::/root:/bin/sh\npostgres2:x:7:7:::\npostgres:x:101:104::/var/lib/postgresql:/bin/bash\n";
        assert_eq!(find(passwd, "postgres"), Some(Account { uid: 101, gid: 104 }));
        assert_eq!(find(passwd, "nobody"), None);
    }
}
