//! The process table on disk: what was started, so that a later supervisor finds it after this one was killed.

use super::proc::{self, Identity};
use crate::state::{read_json, write_json};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// The file's content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entries {
    /// Id of the start of the world.
    pub world_id: String,
    /// The start of the machine on which they run; after another one the numbers mean nothing.
    pub boot: String,
    /// Processes by name.
    pub processes: BTreeMap<String, Identity>,
}

impl Entries {
    /// The processes, unless the machine was started anew since.
    pub fn of_this_boot(&self) -> impl Iterator<Item = (&str, Identity)> {
        let same = self.boot == proc::boot();
        self.processes
            .iter()
            .filter(move |_| same)
            .map(|(name, identity)| (name.as_str(), *identity))
    }
}

/// The table of a running supervisor.
#[derive(Debug)]
pub struct Table {
    path: PathBuf,
    entries: Mutex<Entries>,
}

impl Table {
    /// An empty table for a new start of the world; replaces what is on disk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: PathBuf, world_id: &str) -> anyhow::Result<Self> {
        let entries = Entries {
            world_id: world_id.to_owned(),
            boot: proc::boot(),
            processes: BTreeMap::new(),
        };
        write_json(&path, &entries)?;
        Ok(Self {
            path,
            entries: Mutex::new(entries),
        })
    }

    /// The table that an earlier supervisor left; empty when there is none.
    ///
    /// # Errors
    /// When it is there and unreadable.
    pub fn read(path: &std::path::Path) -> anyhow::Result<Entries> {
        Ok(read_json(path)?.unwrap_or_default())
    }

    /// Records a started process, or that it is gone. A table that cannot be written (full disk) must not stop
    /// the process it is about: the marks in its environment find it too.
    pub fn set(&self, name: &str, identity: Option<Identity>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        match identity {
            Some(identity) => entries.processes.insert(name.to_owned(), identity),
            None => entries.processes.remove(name),
        };
        if let Err(error) = write_json(&self.path, &*entries) {
            tracing::warn!(
                error = format!("{error:#}"),
                "the process table could not be written"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_survives_its_writer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("processes.json");
        let one = Identity { pid: 1, start: 2 };
        let table = Table::create(path.clone(), "w1").unwrap();
        table.set("etcd", Some(one));
        table.set("haproxy", Some(Identity { pid: 3, start: 4 }));
        table.set("haproxy", None);
        drop(table);
        let entries = Table::read(&path).unwrap();
        assert_eq!(entries.world_id, "w1");
        assert_eq!(entries.processes, BTreeMap::from([("etcd".to_owned(), one)]));
        assert_eq!(entries.of_this_boot().collect::<Vec<_>>(), [("etcd", one)]);
        let earlier = Entries {
            boot: "another".to_owned(),
            ..entries
        };
        assert_eq!(earlier.of_this_boot().count(), 0);
        assert_eq!(Table::read(&dir.path().join("none")).unwrap(), Entries::default());
    }
}
