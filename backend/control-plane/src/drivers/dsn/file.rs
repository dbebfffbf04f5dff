//! Connection strings in files: read and replaced under a lock, as a whole or not at all.

use super::{DsnDriver, next, unknown_region};
use crate::drivers::DriverError;
use aisoc_model::RegionId;
use aisoc_model::dsn::{Dsn, Files};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

/// Longest file.
const MAX: u64 = 64 * 1024;

/// A file for each region.
pub struct FileKeeper {
    paths: BTreeMap<RegionId, PathBuf>,
}

impl FileKeeper {
    /// The driver for these files.
    #[must_use]
    pub fn new(files: &Files) -> Self {
        let paths = files.paths.iter();
        Self {
            paths: paths
                .map(|(region, path)| (region.clone(), PathBuf::from(path)))
                .collect(),
        }
    }

    fn path(&self, region: &RegionId) -> Result<PathBuf, DriverError> {
        self.paths
            .get(region)
            .cloned()
            .ok_or_else(|| unknown_region(region))
    }
}

impl DsnDriver for FileKeeper {
    fn read<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<Dsn, DriverError>> {
        async move {
            let path = self.path(region)?;
            blocking(move || read(&path)).await
        }
        .boxed()
    }

    fn point<'a>(
        &'a self,
        region: &'a RegionId,
        address: &'a str,
        epoch: Option<u64>,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        async move {
            let path = self.path(region)?;
            let (region, address) = (region.clone(), address.to_owned());
            blocking(move || {
                let _lock = lock(&path)?;
                let wanted = next(&read(&path)?, &region, &address, epoch)?;
                replace(&path, &wanted.render())
            })
            .await
        }
        .boxed()
    }

    fn request(&self, region: &RegionId, address: &str) -> String {
        match self.path(region) {
            Ok(path) => format!("write {}: host {address}, with the epoch", path.display()),
            Err(e) => e.to_string(),
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DriverError> + Send + 'static,
) -> Result<T, DriverError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| Err(DriverError::Unknown(e.to_string())))
}

fn refused(what: &str, path: &Path, error: &std::io::Error) -> DriverError {
    DriverError::Refused(format!("{what} {}: {error}", path.display()))
}

fn read(path: &Path) -> Result<Dsn, DriverError> {
    let refuse = |e: &std::io::Error| refused("reading", path, e);
    let size = std::fs::metadata(path).map_err(|e| refuse(&e))?.len();
    if size > MAX {
        return Err(DriverError::Refused(format!(
            "{} is longer than {MAX} bytes",
            path.display()
        )));
    }
    let text = std::fs::read_to_string(path).map_err(|e| refuse(&e))?;
    Dsn::parse(&text).map_err(|e| DriverError::Refused(format!("{}: {e}", path.display())))
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    path.with_file_name(format!(".{name}.{end}"))
}

/// Two control planes on one machine do not read and replace at the same time.
fn lock(path: &Path) -> Result<File, DriverError> {
    let beside = beside(path, "lock");
    let refuse = |e: &std::io::Error| refused("locking", &beside, e);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&beside)
        .map_err(|e| refuse(&e))?;
    file.lock().map_err(|e| refuse(&e))?;
    Ok(file)
}

/// With the owner and the mode of the file that is replaced: its readers stay its readers.
fn replace(path: &Path, text: &str) -> Result<(), DriverError> {
    let new = beside(path, "new");
    let write = || -> std::io::Result<()> {
        let old = std::fs::metadata(path)?;
        let _ = std::fs::remove_file(&new);
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(old.mode() & 0o777)
            .open(&new)?;
        if file.metadata()?.uid() != old.uid() || file.metadata()?.gid() != old.gid() {
            fchown(&file, Some(old.uid()), Some(old.gid()))?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        // The name is durable, too: what is said to be written is there after a crash.
        let directory = path.parent().filter(|p| !p.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|e| DriverError::Unknown(format!("writing {}: {e}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const URL: &str = "postgres://app:secret@10.0.0.1:5432/aisoc\n";

    fn keeper(dir: &Path) -> (FileKeeper, PathBuf, RegionId) {
        let (path, region): (PathBuf, RegionId) = (dir.join("dsn"), "us-east-1".parse().unwrap());
        std::fs::write(&path, URL).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let paths = BTreeMap::from([(region.clone(), path.display().to_string())]);
        (FileKeeper::new(&Files { paths }), path, region)
    }

    #[tokio::test]
    async fn a_file_is_pointed_at_the_writer_and_never_by_an_epoch_that_is_behind() {
        let dir = tempfile::tempdir().unwrap();
        let (keeper, path, region) = keeper(dir.path());
        keeper.point(&region, "10.0.0.2:5432", Some(7)).await.unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "# aisoc epoch 7\npostgres://app:secret@10.0.0.2:5432/aisoc\n"
        );
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        let behind = keeper.point(&region, "10.0.0.3:5432", Some(6)).await;
        let why = "the DSN of us-east-1 was written under epoch 7: epoch 6 is behind";
        assert_eq!(behind, Err(DriverError::Refused(why.to_owned())));
        assert_eq!(keeper.read(&region).await.unwrap().hosts(), ["10.0.0.2:5432"]);
        // Again under the same epoch, and without one: allowed, and the epoch stays.
        keeper.point(&region, "10.0.0.2:5432", Some(7)).await.unwrap();
        keeper.point(&region, "10.0.0.3:5432", None).await.unwrap();
        assert_eq!(keeper.read(&region).await.unwrap().epoch, Some(7));
        assert!(!keeper.request(&region, "h:1").contains("secret"));
    }

    #[tokio::test]
    async fn two_that_write_at_once_leave_one_whole_file_of_the_higher_epoch() {
        let dir = tempfile::tempdir().unwrap();
        let (keeper, _path, region) = keeper(dir.path());
        let (old, new) = tokio::join!(
            keeper.point(&region, "10.0.0.2:5432", Some(6)),
            keeper.point(&region, "10.0.0.3:5432", Some(7))
        );
        new.unwrap();
        drop(old);
        let there = keeper.read(&region).await.unwrap();
        assert_eq!(
            (there.hosts(), there.epoch),
            (vec!["10.0.0.3:5432".to_owned()], Some(7))
        );
    }

    #[tokio::test]
    async fn what_is_no_connection_string_is_left_as_it_is_and_not_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let (keeper, path, region) = keeper(dir.path());
        for text in ["", "secret", "mysql://app:secret@h:1/d"] {
            std::fs::write(&path, text).unwrap();
            let Err(DriverError::Refused(why)) = keeper.point(&region, "h:1", Some(1)).await else {
                panic!("{text}")
            };
            assert!(!why.contains("secret"), "{why}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        let nowhere = keeper.point(&"eu-west-1".parse().unwrap(), "h:1", Some(1)).await;
        assert!(matches!(nowhere, Err(DriverError::Refused(_))));
    }
}
