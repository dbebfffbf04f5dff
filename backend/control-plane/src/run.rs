//! Puts the parts together and runs them until shutdown.

use crate::alerts::Alerts;
use crate::coordination::{self, handover::Desk};
use crate::drivers::Drivers;
use crate::observe::milliseconds;
use crate::office::Office;
use crate::operations::{Operations, WorldView};
use crate::runbooks::Books;
use crate::server::{self, Parts, Role, auth::Tokens};
use crate::world::drawer::Acting;
use crate::world::recording::{Limits, Shelf};
use crate::world::{Drills, Frames};
use aisoc_model::operation::Operation;
use aisoc_model::region::Drain;
use aisoc_model::slo::Slo;
use aisoc_model::topology::Topology;
use aisoc_model::world::{Coordination, Head, World};
use aisoc_model::{Clock, RegionId, SystemClock};
use aisoc_telemetry::probe::{self, Readiness};
use aisoc_telemetry::receive::Receiver;
use anyhow::Context;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Time for what is in flight at shutdown.
const GRACE: Duration = Duration::from_secs(10);

/// What a control plane is told at its start.
#[derive(Debug, Clone)]
pub struct Config {
    /// The topology file.
    pub topology_path: PathBuf,
    /// Where `/livez` and `/readyz` answer, `host:port`; nowhere when absent.
    pub listen: Option<String>,
    /// The file with the token that opens the regions' buses.
    pub internal_token_file: Option<PathBuf>,
}

/// Runs a control plane until `shutdown`; operations in flight go on at the next start.
///
/// # Errors
/// When a file of its configuration cannot be used, or an address cannot be listened on.
pub async fn run(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    let topology = Arc::new(read_topology(&config.topology_path)?);
    let slo = Arc::new(read_slo(&topology)?.sped_up(topology.environment.speed_up));
    let tokens = Tokens::read(&topology.control_plane.tokens_file)?;
    let internal_token = match &config.internal_token_file {
        Some(file) => crate::read_token(file)?,
        None => String::new(),
    };
    let consoles = listen(&topology.control_plane.listen, "consoles").await?;
    let otlp = Receiver::bind(&topology.control_plane.otlp_listen).await?;
    let probes = match &config.listen {
        Some(address) => Some(listen(address, "health probes").await?),
        None => None,
    };

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let receiver = Receiver::new(&slo, Arc::clone(&clock));
    let drivers = Drivers::from_topology(&topology, &clock)?;
    let traffic = Arc::clone(&drivers.traffic);
    let frames = Frames::new(first_head(&topology, clock.as_ref()));
    let alerts = Arc::new(Alerts::default());
    let tasks = TaskTracker::new();
    let coordinated = coordination::start(&topology, &shutdown, &tasks).context("coordination")?;
    let operations = Operations::open_coordinated_with(
        Arc::clone(&topology),
        Arc::clone(&slo),
        Arc::new(frames.clone()),
        Arc::clone(&clock),
        drivers,
        coordinated.clone(),
    )
    .await
    .context("operations")?;

    let drills = Drills::open(Some(
        PathBuf::from(&topology.control_plane.data_dir).join("drills.json"),
    ))?;
    let shelf = open_shelf(&topology).await?;
    let right = coordinated.as_ref().map(|coordinated| coordinated.right.clone());
    let books = Arc::new(Books::open(Arc::clone(&slo))?);
    let nobody = Role::Nobody("it is not known yet who may act".to_owned());
    let (role_now, role) = watch::channel(nobody);
    let office = Office {
        topology: Arc::clone(&topology),
        slo,
        receiver: receiver.clone(),
        traffic,
        internal_token,
        frames: frames.clone(),
        shelf: Arc::clone(&shelf),
        alerts: Arc::clone(&alerts),
        drills: Arc::new(drills),
        books: Arc::clone(&books),
        operations: operations.clone(),
        clock: Arc::clone(&clock),
        tasks: tasks.clone(),
        shutdown: shutdown.clone(),
        role: role_now,
        desk: Desk::new(&topology, right.clone())?,
    };
    tasks.spawn(receiver.clone().pass_on(shutdown.clone()));
    if let Some(listener) = probes {
        tasks.spawn(serve_probes(
            listener,
            frames.follow(),
            role.clone(),
            shutdown.clone(),
        ));
    }
    // Kept to the end: with the one that tells it, the role would end.
    let _alone = if let Some(coordinated) = coordinated {
        tasks.spawn(office.follow(coordinated));
        None
    } else {
        office.alone()?;
        Some(office)
    };
    let parts = Parts {
        frames,
        operations,
        alerts,
        books,
        clock,
        role,
        shelf,
        right,
    };
    tracing::info!(
        consoles = %topology.control_plane.listen,
        otlp = %topology.control_plane.otlp_listen,
        regions = topology.regions.len(),
        "control plane runs"
    );
    let served = serve(parts, tokens, consoles, receiver, otlp, &shutdown).await;
    // Whatever ended it, the observers end too.
    shutdown.cancel();
    tasks.close();
    if tokio::time::timeout(GRACE, tasks.wait()).await.is_err() {
        tracing::warn!("some observers did not end in time");
    }
    served
}

/// The recordings of earlier runs, and where this one's go.
async fn open_shelf(topology: &Topology) -> anyhow::Result<Arc<Shelf>> {
    let directory = PathBuf::from(&topology.control_plane.data_dir).join("recording");
    let limits = Limits::from(topology.control_plane.recording);
    let shown = directory.display().to_string();
    let opened = tokio::task::spawn_blocking(move || Shelf::open(directory, limits)).await?;
    let shelf = opened.with_context(|| format!("the directory of recordings, {shown}"))?;
    Ok(Arc::new(shelf))
}

/// Serves consoles and OTLP until shutdown or until one of them breaks.
async fn serve(
    parts: Parts,
    tokens: Tokens,
    consoles: TcpListener,
    receiver: Receiver,
    otlp: TcpListener,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    let both = async {
        tokio::try_join!(
            server::serve(parts, tokens, consoles, shutdown.clone()),
            receiver.serve(otlp, shutdown.clone()),
        )
        .map(|_| ())
    };
    let overdue = async {
        shutdown.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        result = both => result,
        () = overdue => {
            tracing::warn!("connections were cut that did not end in time");
            Ok(())
        }
    }
}

async fn serve_probes(
    listener: TcpListener,
    mut follow: watch::Receiver<Arc<World>>,
    mut role: watch::Receiver<Role>,
    shutdown: CancellationToken,
) {
    let readiness = Readiness::new();
    readiness.set(
        "world",
        Some("no frame drawn yet, and nobody else does".to_owned()),
    );
    let drawn = {
        let readiness = readiness.clone();
        async move {
            let stands_by = role.wait_for(|role| matches!(role, Role::There(_)));
            let draws = follow.wait_for(|world| !world.regions.is_empty());
            let known = tokio::select! {
                other = stands_by => other.is_ok(),
                frame = draws => frame.is_ok(),
            };
            if known {
                readiness.set("world", None);
            }
        }
    };
    let serving = axum::serve(listener, probe::router(readiness))
        .with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let (served, ()) = tokio::join!(serving, async {
        tokio::select! {
            () = drawn => {}
            () = shutdown.cancelled() => {}
        }
    });
    if let Err(error) = served {
        tracing::error!(%error, "health probes are no longer answered");
    }
}

pub(crate) fn read_topology(path: &Path) -> anyhow::Result<Topology> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("topology file {shown}; `aisoc local up` makes one for the local world"))?;
    Topology::parse(&text).with_context(|| format!("topology file {shown}"))
}

pub(crate) fn read_slo(topology: &Topology) -> anyhow::Result<Slo> {
    let Some(path) = &topology.control_plane.slo_file else {
        return Ok(Slo::builtin()?);
    };
    let text = std::fs::read_to_string(path).with_context(|| format!("thresholds file {path}"))?;
    Slo::parse(&text).with_context(|| format!("thresholds file {path}"))
}

async fn listen(address: &str, whom: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address} for {whom}; is another control plane running?"))
}

pub(crate) fn first_head(topology: &Topology, clock: &dyn Clock) -> Head {
    let now = milliseconds(clock.now());
    Head {
        seq: 0,
        at: now,
        environment: topology.environment.name.clone(),
        environment_kind: topology.environment.kind,
        control_plane: topology.control_plane.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: now,
        coordination: Coordination::default(),
    }
}

impl WorldView for Frames {
    fn world(&self) -> Arc<World> {
        self.latest()
    }
}

impl Acting for Operations {
    fn operations(&self) -> Vec<Operation> {
        self.list()
    }

    fn drains(&self) -> BTreeMap<RegionId, Drain> {
        Self::drains(self)
    }

    fn coordination(&self) -> Coordination {
        Self::coordination(self)
    }

    fn changed(&self) -> watch::Receiver<u64> {
        Self::changed(self)
    }
}
