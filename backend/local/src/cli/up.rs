//! `aisoc local up`: starts the supervisor and follows it until the world is ready or has failed.

use super::status;
use crate::client::{Client, running};
use crate::error::{Failure, exit};
use crate::packages;
use crate::state::{StateDir, read_json};
use crate::supervise::{Failed, Phase, failure_path, logfile, start};
use crate::world::clusters;
use crate::world::config::WorldConfig;
use aisoc_model::inventory::{Inventory, ProcessState};
use aisoc_model::text::sanitize;
use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::IsTerminal;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Lines of a log that are shown when a part does not start.
const EVIDENCE: usize = 15;

/// Options of `up`.
#[derive(Debug, Args)]
pub(super) struct UpArgs {
    /// Gives up waiting after this many seconds; the world goes on starting.
    #[arg(long, default_value_t = 180)]
    timeout: u64,
    /// Installs missing system packages without further question.
    #[arg(long)]
    install_packages: bool,
    /// A second database cluster with its writer in the EU, for the tenants with EU residency; decided at the first
    /// start (`database.eu_cluster` in world.toml).
    #[arg(long)]
    eu_cluster: bool,
}

pub(super) async fn run(state: &StateDir, args: &UpArgs) -> anyhow::Result<u8> {
    let limit = Duration::from_secs(args.timeout);
    let begun = Instant::now();
    if running(state)?.is_some() {
        if args.eu_cluster
            && !WorldConfig::load_or_write(&state.world_toml())?
                .database
                .eu_cluster
        {
            return Err(Failure::refused(
                "the local world is running with one database cluster",
                "which clusters there are is decided at the first start: `aisoc local reset --force` and start again, \
                 or take another --state-dir",
            )
            .into());
        }
        return again(state, limit, begun).await;
    }
    let missing = packages::missing_to_run();
    if !missing.is_empty() {
        if !args.install_packages {
            return Err(packages::explain(&missing).into());
        }
        packages::install(&missing)?;
    }
    if state.exists() {
        // A mistake in the file is the operator's to see at once, not to be fished out of a log.
        WorldConfig::load_or_write(&state.world_toml())?;
    }
    if args.eu_cluster {
        if clusters::MAIN.exists(state) && !clusters::EU.exists(state) {
            return Err(Failure::refused(
                "this world was made with one database cluster, which holds the EU tenants' data",
                "begin anew with `aisoc local reset`, or take another --state-dir",
            )
            .into());
        }
        prepare_directory(state)?;
        WorldConfig::ask_for_eu_cluster(&state.world_toml())?;
    }
    let child = spawn_supervisor(state)?;
    let client = connect(state, child, limit).await?;
    let inventory = follow(&client, limit, begun).await?;
    println!(
        "The local world is ready after {:.1} s.\n",
        begun.elapsed().as_secs_f64()
    );
    print!("{}", status::entry_points(&inventory));
    Ok(exit::OK)
}

/// `up` while a supervisor runs: waits with it when it is still starting, else says how it is.
async fn again(state: &StateDir, limit: Duration, begun: Instant) -> anyhow::Result<u8> {
    let client = Client::connect(state)?;
    match client.phase().await? {
        Phase::Failed(failed) => return Err(explain(&failed)),
        Phase::Starting(_) => {
            println!(
                "The local world in {} is being started already.",
                state.root().display()
            );
            follow(&client, limit, begun).await?;
        }
        Phase::Running | Phase::Stopping => {
            println!(
                "The local world in {} is already running.",
                state.root().display()
            );
        }
    }
    println!();
    print!("{}", status::text(&client.inventory().await?));
    Ok(exit::OK)
}

/// Makes what has to be there before the supervisor makes the rest.
fn prepare_directory(state: &StateDir) -> Result<(), Failure> {
    let cannot = |e: std::io::Error| {
        Failure::failed(
            format!(
                "state directory {} cannot be made or written: {e}",
                state.root().display()
            ),
            "choose another one with --state-dir, or give this one to the user that runs aisoc",
        )
    };
    for dir in [state.at("logs"), state.at("run")] {
        std::fs::create_dir_all(dir).map_err(cannot)?;
    }
    Ok(())
}

/// Starts the daemon: own session, no terminal, its log as output.
fn spawn_supervisor(state: &StateDir) -> anyhow::Result<Child> {
    prepare_directory(state)?;
    let _ = std::fs::remove_file(failure_path(state));
    let log = logfile::open(&state.log("supervisor"))?;
    let exe = std::env::current_exe().context("finding our own program")?;
    Command::new(exe)
        .args(["local", "--state-dir"])
        .arg(state.root())
        .arg("supervise")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .current_dir("/")
        .spawn()
        .context("starting the supervisor")
}

/// Waits until the supervisor answers, or has ended.
async fn connect(state: &StateDir, mut child: Child, limit: Duration) -> anyhow::Result<Client> {
    let begun = Instant::now();
    loop {
        if let Some(record) = running(state)?
            && record.identity.pid == child.id()
        {
            let client = Client::connect(state)?;
            if client.phase().await.is_ok() {
                return Ok(client);
            }
        }
        if let Some(status) = child.try_wait()? {
            return Err(ended(state, &status.to_string()));
        }
        if begun.elapsed() > limit {
            return Err(Failure::new(
                exit::UNKNOWN,
                format!("the supervisor does not answer after {} s", limit.as_secs()),
                format!("look into {}", state.log("supervisor").display()),
            )
            .into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[derive(Deserialize)]
struct LeftReason {
    code: u8,
    what: String,
    next: String,
}

fn ended(state: &StateDir, how: &str) -> anyhow::Error {
    if let Ok(Some(reason)) = read_json::<LeftReason>(&failure_path(state)) {
        return Failure::new(reason.code, reason.what, reason.next).into();
    }
    let log = state.log("supervisor");
    let tail = logfile::tail(&log, EVIDENCE).join("\n    ");
    Failure::failed(
        format!("the supervisor ended at once ({how}):\n    {tail}"),
        format!("the whole log is {}", log.display()),
    )
    .into()
}

/// Shows how it goes until the world is ready.
async fn follow(client: &Client, limit: Duration, begun: Instant) -> anyhow::Result<Inventory> {
    let mut display = Display::new();
    loop {
        let (phase, inventory) = (client.phase().await?, client.inventory().await?);
        display.show(&phase, &inventory, begun);
        match phase {
            Phase::Running if inventory.ready => {
                display.close();
                return Ok(inventory);
            }
            Phase::Failed(failed) => {
                display.close();
                return Err(explain(&failed));
            }
            Phase::Stopping => {
                display.close();
                return Err(Failure::failed("the world is being stopped by somebody else", "").into());
            }
            Phase::Starting(_) | Phase::Running => {}
        }
        if begun.elapsed() > limit {
            display.close();
            let late: Vec<&str> = inventory
                .processes
                .iter()
                .filter(|p| p.state != ProcessState::Ready)
                .map(|p| p.name.as_str())
                .collect();
            return Err(Failure::new(
                exit::UNKNOWN,
                format!(
                    "the world is not ready after {} s; not ready: {}",
                    limit.as_secs(),
                    late.join(", ")
                ),
                "it goes on starting: `aisoc local status`, `aisoc local logs NAME`",
            )
            .into());
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

fn explain(failed: &Failed) -> anyhow::Error {
    let mut what = format!("the world did not start: {}", sanitize(&failed.why, 500));
    if let Some(log) = &failed.log {
        let _ = write!(what, "\n  the end of {}:", log.display());
        for line in start::evidence(failed, EVIDENCE) {
            what.push_str("\n    ");
            what.push_str(&line);
        }
    }
    Failure::failed(
        what,
        "what was started still runs, to be looked at; `aisoc local down` ends it",
    )
    .into()
}

/// On a terminal a line that is redrawn; otherwise a line for each change.
struct Display {
    bar: Option<ProgressBar>,
    seen: BTreeMap<String, ProcessState>,
    phase: String,
}

impl Display {
    fn new() -> Self {
        let bar = std::io::stdout().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{spinner} {pos}/{len} ready  {wide_msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style);
            bar
        });
        Self {
            bar,
            seen: BTreeMap::new(),
            phase: String::new(),
        }
    }

    fn show(&mut self, phase: &Phase, inventory: &Inventory, begun: Instant) {
        let seconds = begun.elapsed().as_secs_f64();
        let waits = match phase {
            Phase::Starting(what) => format!("waiting for {what}"),
            _ => String::new(),
        };
        let ready = inventory
            .processes
            .iter()
            .filter(|p| p.state == ProcessState::Ready)
            .count();
        for process in &inventory.processes {
            let before = self.seen.insert(process.name.clone(), process.state);
            let news = before != Some(process.state) && process.state != ProcessState::Starting;
            if news {
                let pid = process.pid.map(|p| format!(" (pid {p})")).unwrap_or_default();
                let detail = match process.state {
                    ProcessState::Ready => String::new(),
                    _ => process
                        .detail
                        .as_deref()
                        .map(|d| format!(": {}", sanitize(d, 160)))
                        .unwrap_or_default(),
                };
                self.line(&format!(
                    "{seconds:5.1} s  {:<28} {}{pid}{detail}",
                    process.name,
                    status::word(process.state)
                ));
            }
        }
        match &self.bar {
            Some(bar) => {
                bar.set_length(inventory.processes.len() as u64);
                bar.set_position(ready as u64);
                bar.set_message(waits);
                bar.tick();
            }
            None if waits != self.phase && !waits.is_empty() => println!("{seconds:5.1} s  {waits}"),
            None => {}
        }
        if let Phase::Starting(what) = phase {
            self.phase = format!("waiting for {what}");
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => println!("{text}"),
        }
    }

    fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
