//! `aisoc runbook`: the runbooks, written on a frame of the world or on thresholds alone.

use aisoc_model::RegionId;
use aisoc_model::runbook::Runbook;
use aisoc_model::slo::Slo;
use aisoc_model::world::World;
use aisoc_rpc::client::{Client, Update};
use aisoc_runbooks::{Library, Scene, file_name};
use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_stream::StreamExt as _;

/// Exit code when nothing could be written.
const FAILED: u8 = 1;
/// Time for a control plane to answer with its first frame.
const FIRST_FRAME: Duration = Duration::from_secs(10);

/// The runbooks.
#[derive(Debug, clap::Args)]
pub struct RunbookArgs {
    /// Thresholds file; the built-in `assets/slo.yaml` when absent.
    #[arg(long, global = true, value_name = "FILE")]
    slo: Option<PathBuf>,
    #[command(subcommand)]
    command: RunbookCommand,
}

#[derive(Debug, Subcommand)]
enum RunbookCommand {
    /// Every runbook, with what triggers it.
    List {
        /// For people or for programs.
        #[arg(long, value_enum, default_value_t = ListFormat::Text)]
        output: ListFormat,
    },
    /// Writes one to standard output.
    Render {
        /// Its id (RB-003) or its slug (region-failover).
        id: String,
        #[command(flatten)]
        on: On,
        /// For people or for programs.
        #[arg(long, value_enum, default_value_t = Format::Markdown)]
        output: Format,
    },
    /// Writes all of them into a directory, one file each: RB-003-region-failover.md.
    Generate {
        /// The directory; it is made when there is none.
        #[arg(long, value_name = "DIR")]
        output: PathBuf,
        #[command(flatten)]
        on: On,
    },
}

/// What runbooks are written on; thresholds alone when nothing is given.
#[derive(Debug, clap::Args)]
struct On {
    /// A frame that `aisoc-console status --output json` printed.
    #[arg(long, value_name = "FILE", conflicts_with = "from_control_plane")]
    world: Option<PathBuf>,
    /// The present frame of a control plane, http://host:port.
    #[arg(long, value_name = "URL", requires = "token_file")]
    from_control_plane: Option<String>,
    /// File with the bearer token for the control plane.
    #[arg(long, value_name = "FILE", env = "AISOC_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// The region to write for; the one where an alert of the runbook fires when absent, else the primary one.
    #[arg(long)]
    region: Option<RegionId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Markdown,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    Text,
    Json,
}

/// Runs a command and returns the process's exit code.
pub async fn run(args: RunbookArgs) -> u8 {
    match execute(args).await {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("aisoc runbook: {error:#}");
            FAILED
        }
    }
}

async fn execute(args: RunbookArgs) -> anyhow::Result<()> {
    let slo = slo(args.slo.as_deref())?;
    let library = Library::builtin()?;
    match args.command {
        RunbookCommand::List { output } => list(&library, &slo, output),
        RunbookCommand::Render { id, on, output } => {
            let world = on.frame().await?;
            let runbook = library.render(&id, &on.scene(&slo, world.as_ref()))?;
            match output {
                Format::Markdown => print(&runbook.markdown),
                Format::Json => print(&format!("{}\n", serde_json::to_string_pretty(&runbook)?)),
            }
        }
        RunbookCommand::Generate { output, on } => {
            let world = on.frame().await?;
            let scene = on.scene(&slo, world.as_ref());
            let all: Result<Vec<Runbook>, _> = library.ids().map(|id| library.render(id, &scene)).collect();
            std::fs::create_dir_all(&output).with_context(|| format!("cannot make {}", output.display()))?;
            for runbook in all? {
                let file = output.join(file_name(&runbook));
                std::fs::write(&file, &runbook.markdown)
                    .with_context(|| format!("cannot write {}", file.display()))?;
                print(&format!("{}\n", file.display()))?;
            }
            Ok(())
        }
    }
}

fn list(library: &Library, slo: &Slo, output: ListFormat) -> anyhow::Result<()> {
    let all = library.summaries(slo)?;
    if output == ListFormat::Json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&all)?));
    }
    let widest = all.iter().map(|one| one.slug.len()).max().unwrap_or_default();
    let mut text = String::new();
    for one in &all {
        writeln!(text, "{}  {:<widest$}  {}", one.id, one.slug, one.trigger)?;
    }
    print(&text)
}

impl On {
    fn scene<'a>(&'a self, slo: &'a Slo, world: Option<&'a World>) -> Scene<'a> {
        match world {
            Some(world) => Scene::of(slo, world, self.region.as_ref()),
            None => Scene::empty(slo),
        }
    }

    async fn frame(&self) -> anyhow::Result<Option<World>> {
        if let Some(file) = &self.world {
            return saved(file).map(Some);
        }
        if let (Some(address), Some(token_file)) = (&self.from_control_plane, &self.token_file) {
            return present(address, token_file).await.map(Some);
        }
        if let Some(region) = &self.region {
            bail!(
                "whether there is a region {region} is not known: give --world FILE or --from-control-plane URL too"
            );
        }
        Ok(None)
    }
}

fn slo(file: Option<&Path>) -> anyhow::Result<Slo> {
    let Some(file) = file else {
        return Ok(Slo::builtin()?);
    };
    let shown = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("thresholds file {shown}"))?;
    Slo::parse(&text).with_context(|| format!("thresholds file {shown}"))
}

fn saved(file: &Path) -> anyhow::Result<World> {
    let unusable = || {
        format!(
            "{} is not a saved frame; make one with `aisoc-console status --output json`",
            file.display()
        )
    };
    let text = std::fs::read_to_string(file).with_context(unusable)?;
    serde_json::from_str(&text).with_context(unusable)
}

async fn present(address: &str, token_file: &Path) -> anyhow::Result<World> {
    let text = std::fs::read_to_string(token_file)
        .with_context(|| format!("cannot read the token file {}", token_file.display()))?;
    let token = text.split_whitespace().next().unwrap_or_default();
    let first = async {
        let mut client = Client::connect(address, token).await?;
        let mut frames = Box::pin(client.watch().await?);
        while let Some(frame) = frames.next().await {
            if let Update::Snapshot(world) = frame? {
                return anyhow::Ok(*world);
            }
        }
        bail!("{address} ended the stream before the first frame; try again");
    };
    tokio::time::timeout(FIRST_FRAME, first).await.with_context(|| {
        format!(
            "no frame from {address} within {} s; is it the address for consoles?",
            FIRST_FRAME.as_secs()
        )
    })?
}

/// A reader that went away (`| head`) ends it like any other error.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .context("cannot write to standard output")
}
