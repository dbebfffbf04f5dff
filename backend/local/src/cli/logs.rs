//! `aisoc local logs`.

use crate::error::{Failure, exit};
use crate::state::StateDir;
use crate::supervise::logfile;
use crate::world::clusters::Node;
use aisoc_model::text::sanitize;
use clap::Args;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

/// Options of `logs`.
#[derive(Debug, Args)]
pub(super) struct LogsArgs {
    /// A process of `aisoc local status`, or `supervisor`.
    name: String,
    /// Goes on with what is written from now on.
    #[arg(long, short)]
    follow: bool,
    /// Lines from the end.
    #[arg(long, short = 'n', default_value_t = 50)]
    lines: usize,
}

pub(super) async fn run(state: &StateDir, args: &LogsArgs) -> anyhow::Result<u8> {
    // PostgreSQL writes where its Patroni does.
    let node = Node::of_process(&args.name);
    let name = node.map_or_else(|| args.name.clone(), |node| node.process("patroni"));
    let path = state.log(&name);
    let known = known(state);
    if !known.contains(&name) {
        return Err(Failure::usage(
            format!("there is no log of '{}'", sanitize(&args.name, 80)),
            format!("there are logs of: {}", known.join(", ")),
        )
        .into());
    }
    for line in logfile::tail(&path, args.lines) {
        println!("{line}");
    }
    if args.follow {
        follow(&path).await?;
    }
    Ok(exit::OK)
}

fn known(state: &StateDir) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(state.at("logs"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some(
                entry
                    .file_name()
                    .to_str()?
                    .strip_suffix(".log")?
                    .replacen('.', "/", 1),
            )
        })
        .collect();
    names.sort();
    names
}

async fn follow(path: &Path) -> anyhow::Result<()> {
    let mut at = path.metadata()?.len();
    let mut partial = String::new();
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(()),
            () = tokio::time::sleep(Duration::from_millis(300)) => {}
        }
        let length = path.metadata()?.len();
        if length < at {
            // It was cut at its bound.
            at = 0;
        }
        let mut file = std::fs::File::open(path)?;
        file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        at += file.take(1 << 20).read_to_end(&mut bytes)? as u64;
        partial.push_str(&String::from_utf8_lossy(&bytes));
        while let Some(end) = partial.find('\n') {
            let line: String = partial.drain(..=end).collect();
            println!("{}", sanitize(line.trim_end(), 2000));
        }
    }
}
