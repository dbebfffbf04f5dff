//! A local world of a test's own: started once, stopped whatever happens.

use crate::command::{self, Finished};
use crate::wait::until;
use aisoc_model::RegionId;
use aisoc_model::inventory::Inventory;
use aisoc_model::lag::{Link, LinkKind};
use aisoc_model::operation::Operation;
use aisoc_model::plan::{Decision, Plan};
use aisoc_model::world::World;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Exit code of a command whose operation failed.
const FAILED: i32 = 1;
/// Exit code of a command whose plan is refused by its gates.
const REFUSED: i32 = 5;
/// How long a refused plan is made again.
const PATIENCE: Duration = Duration::from_mins(2);

/// A running three-region world.
#[derive(Debug)]
pub struct LocalWorld {
    state: PathBuf,
    // Removes the directory after Drop has stopped the world.
    _directory: tempfile::TempDir,
    /// How long `aisoc local up` took.
    pub start: Duration,
}

impl LocalWorld {
    /// Starts one in a temporary directory, with the settings that `aisoc local up` writes.
    ///
    /// # Errors
    /// When it does not get ready; the error holds what `up` printed.
    pub async fn start() -> Result<Self> {
        Self::start_with("").await
    }

    /// The same with these lines as its `world.toml`.
    ///
    /// # Errors
    /// When it does not get ready; the error holds what `up` printed.
    pub async fn start_with(settings: &str) -> Result<Self> {
        // World-readable up to the state directory, because the databases run as another user under root.
        let directory = tempfile::Builder::new().prefix("aisoc-e2e-").tempdir()?;
        std::fs::set_permissions(
            directory.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )?;
        remember_panics();
        let state = directory.path().join("state");
        if !settings.is_empty() {
            std::fs::create_dir(&state)?;
            std::fs::write(state.join("world.toml"), settings)?;
        }
        let begun = Instant::now();
        let mut world = Self {
            state,
            _directory: directory,
            start: Duration::ZERO,
        };
        world
            .local(&["up"])
            .await?
            .expect_code(0)
            .context("aisoc local up")?;
        world.start = begun.elapsed();
        Ok(world)
    }

    /// The state directory.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Runs `aisoc local …`.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub async fn local(&self, arguments: &[&str]) -> Result<Finished> {
        let arguments: Vec<&str> = std::iter::once("local")
            .chain(arguments.iter().copied())
            .collect();
        command::run("aisoc", &self.state, &arguments).await
    }

    /// Runs `aisoc-console …`.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub async fn console(&self, arguments: &[&str]) -> Result<Finished> {
        command::run("aisoc-console", &self.state, arguments).await
    }

    /// What the supervisor says of its processes.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn inventory(&self) -> Result<Inventory> {
        self.local(&["status", "--output", "json"]).await?.json()
    }

    /// What the control plane sees.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn seen(&self) -> Result<World> {
        self.console(&["status", "--output", "json"]).await?.json()
    }

    /// An operation to its end, by command. A plan that its gates refuse, or that is refused on its way with nothing
    /// changed, is made again for a while, as an operator would: on a busy machine an api may miss its database for a
    /// moment.
    ///
    /// # Errors
    /// When it does not end with exit code 0.
    pub async fn operate(&self, arguments: &[&str]) -> Result<Operation> {
        let arguments: Vec<&str> = arguments
            .iter()
            .copied()
            .chain(["--reason", "end-to-end test", "--wait", "--output", "json"])
            .collect();
        let finished = until("the gates let it pass", PATIENCE, async || {
            let finished = self.console(&arguments).await?;
            if finished.code == REFUSED {
                bail!("{arguments:?}: {}", refusals(&finished)?);
            }
            if finished.code == FAILED && finished.stdout.contains("nothing had been changed") {
                bail!("{arguments:?}: {:?}", finished.json::<Operation>()?.outcome);
            }
            Ok(Some(finished))
        })
        .await?;
        finished.expect_code(0)?.json()
    }

    /// The latest operations, the newest first.
    ///
    /// # Errors
    /// When no control plane answers.
    pub async fn operations(&self) -> Result<Vec<Operation>> {
        let listed = self.console(&["operations", "list", "--output", "json"]).await?;
        listed.expect_code(0)?.json()
    }

    /// An operation that somebody else began, at its end.
    ///
    /// # Errors
    /// When it does not end in a few minutes.
    pub async fn ended(&self, id: &str) -> Result<Operation> {
        let show = ["operations", "show", id, "--output", "json"];
        until("the operation ends", PATIENCE, async || {
            let operation: Operation = self.console(&show).await?.json()?;
            Ok(operation.state.ended().then_some(operation))
        })
        .await
    }

    /// Base URL of the load balancer.
    ///
    /// # Errors
    /// When the supervisor does not name it.
    pub async fn load_balancer(&self) -> Result<String> {
        let inventory = self.inventory().await?;
        let at = inventory
            .endpoints
            .get("load_balancer")
            .context("no load balancer in the inventory")?;
        Ok(if at.starts_with("http") {
            at.clone()
        } else {
            format!("http://{at}")
        })
    }

    /// A port of a process.
    ///
    /// # Errors
    /// When there is no such process or port.
    pub async fn port(&self, process: &str, purpose: &str) -> Result<u16> {
        let inventory = self.inventory().await?;
        let process = inventory
            .processes
            .iter()
            .find(|p| p.name == process)
            .with_context(|| format!("no process {process}"))?;
        process
            .ports
            .get(purpose)
            .copied()
            .with_context(|| format!("{} has no {purpose} port", process.name))
    }

    /// A token of the local world, for example `api-acme`.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn token(&self, name: &str) -> Result<String> {
        let path = self.state.join("tokens").join(format!("{name}.token"));
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(text.split_whitespace().next().unwrap_or_default().to_owned())
    }

    /// Process id of the supervisor.
    ///
    /// # Errors
    /// When its record cannot be read.
    pub fn supervisor_pid(&self) -> Result<u32> {
        let record: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(self.state.join("supervisor.json"))?)?;
        let pid = record
            .pointer("/identity/pid")
            .and_then(serde_json::Value::as_u64);
        Ok(u32::try_from(pid.context("no process id in supervisor.json")?)?)
    }

    /// The regions of the local world, writer's home first.
    ///
    /// # Errors
    /// Never; the labels are valid.
    pub fn regions() -> Result<[RegionId; 3]> {
        Ok([
            "us-east-1".parse()?,
            "eu-west-1".parse()?,
            "ap-southeast-1".parse()?,
        ])
    }
}

/// `PostgreSQL` replicas that stream now.
#[must_use]
pub fn streaming_replicas(seen: &World) -> usize {
    let streams = |l: &&Link| {
        l.kind == LinkKind::Postgres
            && l.state
                .fresh(seen.head.at)
                .is_some_and(|state| state == "streaming")
    };
    seen.links.values().filter(streams).count()
}

/// What the gates of a refused plan say.
fn refusals(finished: &Finished) -> Result<String> {
    let plan: Plan = serde_json::from_str(&finished.stdout)
        .with_context(|| format!("{}{}", finished.stdout, finished.stderr))?;
    let stopping = plan.gates.iter().filter(|gate| {
        matches!(
            gate.decision,
            Decision::Refuse | Decision::NeedsOverride | Decision::NeedsApproval
        )
    });
    let said: Vec<String> = stopping
        .map(|gate| format!("{}: {} ({})", gate.name, gate.why, gate.evidence.join("; ")))
        .collect();
    Ok(said.join(", "))
}

impl Drop for LocalWorld {
    fn drop(&mut self) {
        // Synchronous on purpose: it has to happen also while a panic unwinds a failed test.
        let Ok(program) = command::program("aisoc") else {
            return;
        };
        let ended = std::process::Command::new(program)
            .args(["local", "down"])
            .env("AISOC_STATE_DIR", &self.state)
            .output();
        if let Ok(output) = ended
            && !output.status.success()
        {
            eprintln!("aisoc local down: {}", String::from_utf8_lossy(&output.stderr));
        }
        if std::thread::panicking() {
            show_logs(&self.state.join("logs"));
            // Last, where whoever reads the end of a long output finds it.
            if let Ok(failure) = FAILURE.lock() {
                eprintln!("--- failed: {failure}");
            }
        }
    }
}

/// What a panic said, for the end of the output.
static FAILURE: Mutex<String> = Mutex::new(String::new());

fn remember_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if let Ok(mut failure) = FAILURE.lock() {
            *failure = info.to_string();
        }
        before(info);
    }));
}

/// The ends of the logs of a world that failed a test.
fn show_logs(directory: &Path) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for path in entries.flatten().map(|e| e.path()) {
        if let Ok(text) = std::fs::read_to_string(&path) {
            let lines: Vec<&str> = text.lines().collect();
            let tail = lines.get(lines.len().saturating_sub(15)..).unwrap_or_default();
            eprintln!("--- {}\n{}", path.display(), tail.join("\n"));
        }
    }
}
