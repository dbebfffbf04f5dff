//! What the tests with real processes share.

use aisoc_local::state::StateDir;
use aisoc_local::supervise::{Phase, Supervisor, adopt};
use aisoc_local::world::World;
use aisoc_model::inventory::{Inventory, Process};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A state directory that the databases' account can reach too.
pub fn state_dir(parts: &str) -> (tempfile::TempDir, StateDir) {
    let dir = tempfile::Builder::new()
        .prefix("aisoc-")
        .tempdir_in("/tmp")
        .unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let state = StateDir::resolve(Some(dir.path())).unwrap();
    let settings = format!(
        "[parts]\ncontrol_plane = false\ngenerator = false\n{parts}\n[intervals]\nreadiness_ms = 1000\n\
         [limits]\nrollout_ready_seconds = 10\n"
    );
    std::fs::write(state.world_toml(), settings).unwrap();
    (dir, state)
}

/// Waits for a condition.
pub async fn until<F: Future<Output = bool>>(what: &str, seconds: u64, condition: impl Fn() -> F) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !condition().await {
        assert!(Instant::now() < deadline, "{what}: not within {seconds} s");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A process of an inventory.
pub fn process(inventory: &Inventory, name: &str) -> Process {
    inventory
        .processes
        .iter()
        .find(|p| p.name == name)
        .unwrap_or_else(|| panic!("{name}"))
        .clone()
}

/// A running world, ended even when an assertion fails.
pub struct Running {
    pub supervisor: Arc<Supervisor>,
    pub state: StateDir,
    _dir: tempfile::TempDir,
}

impl Running {
    /// Starts a world whose own processes are `exe`.
    pub async fn start(parts: &str, exe: PathBuf) -> Self {
        let (dir, state) = state_dir(parts);
        let world = World::prepare(state.clone(), exe).unwrap();
        let running = Self {
            supervisor: Supervisor::new(world).unwrap(),
            state,
            _dir: dir,
        };
        running.run().await;
        running
    }

    /// Stops the world and has another supervisor start it again.
    #[allow(dead_code)] // not every test that shares this does
    pub async fn restart(&mut self, exe: PathBuf) {
        self.supervisor.stop_all().await;
        let world = World::prepare(self.state.clone(), exe).unwrap();
        self.supervisor = Supervisor::new(world).unwrap();
        self.run().await;
    }

    async fn run(&self) {
        let begun = Instant::now();
        self.supervisor.start();
        until("the world runs", 90, async || match self.supervisor.phase() {
            Phase::Failed(failed) => panic!("{failed:?}"),
            phase => phase == Phase::Running,
        })
        .await;
        println!("ready after {:.1} s", begun.elapsed().as_secs_f64());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let (supervisor, state) = (Arc::clone(&self.supervisor), self.state.clone());
        let runtime = tokio::runtime::Handle::current();
        // The supervisor first: it would start again what is ended behind its back.
        let end = std::thread::spawn(move || {
            runtime.block_on(async {
                supervisor.stop_all().await;
                adopt::end(&state).await;
            });
        });
        let _ = end.join();
    }
}
