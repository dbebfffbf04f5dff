//! Where the control planes are, and the first frame from one of them.

use super::args::{Args, OutputFormat};
use super::exit::{CliError, Exit};
use super::{json, out, report};
use aisoc_console::config::Config;
use aisoc_console::direct::Endpoint;
use aisoc_model::world::World;
use aisoc_rpc::client::{Client, Update};
use aisoc_rpc::error::RpcError;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_stream::StreamExt;

/// Time for a control plane to answer with its first frame.
const FIRST_FRAME: Duration = Duration::from_secs(5);

/// Where to connect and as whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Addresses in the order they are tried, `http://host:port`.
    pub endpoints: Vec<String>,
    /// The bearer token.
    pub token: String,
    /// What the person has set.
    pub config: Config,
    /// Health endpoints, for when no control plane answers.
    pub health: Vec<Endpoint>,
}

/// The file that `aisoc local up` leaves for consoles.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsoleFile {
    endpoints: Vec<String>,
    token_file: PathBuf,
    /// `/api/health` of the regions' api instances is asked here when no control plane answers.
    #[serde(default)]
    health: Vec<Endpoint>,
}

impl Settings {
    /// From the arguments, else from the settings, else from the local world's `console.toml`.
    ///
    /// # Errors
    /// When there is neither, or a file cannot be read.
    pub fn find(args: &Args) -> Result<Self, CliError> {
        let config = super::config::find(args)?;
        let (mut endpoints, mut token_file) = (args.endpoint.clone(), args.token_file.clone());
        // Whoever names a local world means it and not what the settings say.
        if args.state_dir.is_none() {
            if endpoints.is_empty() {
                endpoints.clone_from(&config.endpoints);
            }
            token_file = token_file.or_else(|| config.token_file.clone());
        }
        let local = if endpoints.is_empty() || token_file.is_none() {
            local_world(args.state_dir.as_deref())?
        } else {
            None
        };
        let mut health = Vec::new();
        if let Some(file) = local {
            health = file.health;
            if endpoints.is_empty() {
                endpoints = file.endpoints;
            }
            token_file = token_file.or(Some(file.token_file));
        }
        let missing = |what: &str| {
            CliError::Usage(format!(
                "no {what}: give --endpoint http://host:port and --token-file FILE, set them in the settings, or start the local world with `make up`"
            ))
        };
        if endpoints.is_empty() {
            return Err(missing("control plane address"));
        }
        let token = read_token(&token_file.ok_or_else(|| missing("token"))?)?;
        Ok(Self {
            endpoints,
            token,
            config,
            health,
        })
    }
}

/// The token in a file.
///
/// # Errors
/// When there is none.
pub fn read_token(path: &Path) -> Result<String, CliError> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        CliError::Usage(format!(
            "cannot read the token file {}: {e}; give another with --token-file",
            path.display()
        ))
    })?;
    let token = text.split_whitespace().next().unwrap_or_default().to_owned();
    if token.is_empty() {
        return Err(CliError::Usage(format!(
            "the token file {} is empty",
            path.display()
        )));
    }
    Ok(token)
}

/// The local world's file, from the state directory that was named or from the usual places.
fn local_world(state_dir: Option<&Path>) -> Result<Option<ConsoleFile>, CliError> {
    let candidates = match state_dir {
        Some(dir) => vec![dir.to_owned()],
        None => usual_state_dirs(),
    };
    for dir in candidates {
        let path = dir.join("console.toml");
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                return toml::from_str(&text)
                    .map(Some)
                    .map_err(|e| CliError::Usage(format!("{} cannot be used: {e}", path.display())));
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => {
                return Err(CliError::Usage(format!(
                    "cannot read {}: {e}; was the local world started by another user?",
                    path.display()
                )));
            }
        }
    }
    Ok(None)
}

fn usual_state_dirs() -> Vec<PathBuf> {
    let of_user = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state")))
        .map(|state| state.join("aisoc/local"));
    of_user
        .into_iter()
        .chain([PathBuf::from("/var/lib/aisoc/local")])
        .collect()
}

/// A connection to the first control plane that answers.
///
/// # Errors
/// The last address's error. A refused token ends the search: it would be refused everywhere.
pub async fn client(settings: &Settings) -> Result<Client, CliError> {
    let mut last = None;
    for endpoint in &settings.endpoints {
        match Client::connect(endpoint, &settings.token).await {
            Ok(client) => return Ok(client),
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or_else(
        || CliError::Usage("no control plane address".to_owned()),
        CliError::Rpc,
    ))
}

/// The world as it is now.
///
/// # Errors
/// When no control plane answers with a frame in time.
pub async fn world(settings: &Settings) -> Result<World, CliError> {
    let mut client = client(settings).await?;
    let first = async {
        let mut frames = Box::pin(client.watch().await?);
        while let Some(frame) = frames.next().await {
            if let Update::Snapshot(world) = frame? {
                return Ok(*world);
            }
        }
        Err(RpcError::Unknown(
            "the stream ended before the first frame".to_owned(),
        ))
    };
    tokio::time::timeout(FIRST_FRAME, first)
        .await
        .map_err(|_| RpcError::Unknown(format!("no frame within {} s", FIRST_FRAME.as_secs())))?
        .map_err(CliError::Rpc)
}

/// Prints a line for each change of what matters, or each frame's changes as JSON, until interrupted.
///
/// # Errors
/// When the stream breaks.
pub async fn watch(settings: &Settings, format: OutputFormat) -> Result<Exit, CliError> {
    let mut client = client(settings).await?;
    let mut frames = Box::pin(client.watch().await?);
    let mut current: Option<World> = None;
    let mut last_line = String::new();
    while let Some(frame) = frames.next().await {
        match frame? {
            Update::Snapshot(world) => current = Some(*world),
            Update::Delta(delta, _) => {
                if format == OutputFormat::Json {
                    out(&format!(
                        "{}\n",
                        serde_json::to_string(&delta).unwrap_or_default()
                    ))?;
                }
                if let Some(world) = &mut current {
                    world
                        .apply(*delta)
                        .map_err(|e| RpcError::Unknown(e.to_string()))?;
                }
                if format == OutputFormat::Json {
                    continue;
                }
            }
            Update::Heartbeat(_) => continue,
        }
        let Some(world) = &current else { continue };
        if format == OutputFormat::Json {
            out(&format!("{}\n", json(world)?))?;
            continue;
        }
        let line = report::one_line(world);
        if line != last_line {
            out(&format!("{} {line}\n", report::clock(world.head.at)))?;
            last_line = line;
        }
    }
    Err(CliError::Rpc(RpcError::Unknown(
        "the control plane ended the stream".to_owned(),
    )))
}
