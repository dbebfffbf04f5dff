//! Log files of the processes: opened for appending by the process itself, so that it goes on writing when the
//! supervisor dies; bounded in size from outside.

use anyhow::Context;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Opens a log for a process to append to.
///
/// # Errors
/// When it cannot be opened.
pub fn open(path: &Path) -> anyhow::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("opening log {}", path.display()))
}

/// Cuts a log that has grown beyond `bound`: its content goes to `.1`, and it starts again at 0. Its writers have
/// it open for appending, so they go on at the new end; what is written between copy and cut is lost, which for
/// a log of an exercise is a fair price for not standing between a process and its log.
///
/// # Errors
/// When it cannot be copied or cut.
pub fn bound(path: &Path, bound: u64) -> std::io::Result<bool> {
    let Ok(meta) = path.metadata() else {
        return Ok(false);
    };
    if meta.len() <= bound {
        return Ok(false);
    }
    std::fs::copy(path, path.with_extension("log.1"))?;
    OpenOptions::new().write(true).open(path)?.set_len(0)?;
    Ok(true)
}

/// The last `lines` lines of a log, harmless for a terminal.
#[must_use]
pub fn tail(path: &Path, lines: usize) -> Vec<String> {
    let read = || -> std::io::Result<String> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        // Lines of our own logs are below 1 KiB as a rule; more than a MiB is never wanted on a terminal.
        let want = (lines as u64).saturating_mul(1024).clamp(4096, 1 << 20);
        file.seek(SeekFrom::Start(length.saturating_sub(want)))?;
        let mut bytes = Vec::new();
        file.take(want).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all.iter()
        .skip(all.len().saturating_sub(lines))
        .map(|line| aisoc_model::text::sanitize(line, 2000))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_log_is_cut_under_its_writer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut writer = open(&path).unwrap();
        writer.write_all(&[b'x'; 100]).unwrap();
        assert!(!bound(&path, 100).unwrap());
        assert!(bound(&path, 99).unwrap());
        writer.write_all(b"after\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"after\n");
        assert_eq!(std::fs::read(dir.path().join("a.log.1")).unwrap().len(), 100);
    }

    #[test]
    fn the_tail_is_short_and_harmless() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        std::fs::write(&path, "one\ntwo\nthree \u{1b}[31m\n").unwrap();
        assert_eq!(tail(&path, 2), ["two", "three \u{FFFD}[31m"]);
        assert!(tail(&dir.path().join("none"), 2).is_empty());
    }
}
