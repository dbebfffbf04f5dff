//! The console without a screen: everything a key can do, as a command.

pub mod act;
pub mod args;
pub mod captive;
pub mod config;
pub mod connect;
pub mod documents;
pub mod exit;
pub mod operations;
pub mod recordings;
pub mod releases;
pub mod report;
pub mod table;

use aisoc_console::model::Model;
use aisoc_console::snapshot::{self, Style};
use aisoc_model::RegionId;
use aisoc_model::world::World;
use args::{Args, Command, OutputFormat};
use connect::Settings;
use exit::{CliError, Exit};
use jiff::Timestamp;

/// Runs a command and says how it ended.
///
/// # Errors
/// See [`CliError`]; its exit code is documented in `--help`.
pub async fn run(command: Command, args: &Args) -> Result<Exit, CliError> {
    if let Command::Snapshot { .. } = &command {
        return picture(command, args).await;
    }
    if let Command::Replay(replaying) = command {
        return recordings::replay(args, replaying).await;
    }
    if let Command::Captive { directory } = &command {
        return captive::run(directory).await;
    }
    if let Some(exit) = documents::print(&command, args)? {
        return Ok(exit);
    }
    if matches!(args.output, OutputFormat::Ansi | OutputFormat::Svg) {
        return Err(CliError::Usage(
            "--output ansi and svg are for `snapshot`; give text or json".to_owned(),
        ));
    }
    let settings = Settings::find(args)?;
    match command {
        // Done above, because they need no control plane.
        Command::Snapshot { .. }
        | Command::Replay(_)
        | Command::Config { .. }
        | Command::Captive { .. }
        | Command::Completions { .. }
        | Command::Man
        | Command::Keys => Ok(Exit::Ok),
        Command::Status => {
            let world = connect::world(&settings).await?;
            print(args.output, &world, || report::status(&world))?;
            Ok(report::verdict(&world))
        }
        Command::Regions => {
            let world = connect::world(&settings).await?;
            print(args.output, &world.regions, || {
                report::regions(&world) + &report::readiness(&world)
            })?;
            Ok(Exit::Ok)
        }
        Command::HealthCheck { region } => {
            let world = connect::world(&settings).await?;
            let Some(seen) = world.regions.get(&region) else {
                let known: Vec<&str> = world.regions.keys().map(RegionId::as_str).collect();
                return Err(CliError::Usage(format!(
                    "there is no region '{region}'; the regions are {}",
                    known.join(", ")
                )));
            };
            print(args.output, &seen.verdict, || {
                seen.verdict.describe(&region, world.head.at)
            })?;
            Ok(report::serves(&seen.verdict))
        }
        Command::Lag | Command::Slis | Command::Alerts | Command::Map | Command::Runbooks => {
            look(&settings, args.output, &command).await
        }
        Command::Runbook { id, region } => {
            let runbook = connect::client(&settings)
                .await?
                .runbook(&id, region.as_ref())
                .await?;
            print(args.output, &runbook, || runbook.markdown.clone())?;
            Ok(Exit::Ok)
        }
        Command::Ack { alert } => {
            connect::client(&settings).await?.acknowledge(&alert).await?;
            out(&format!("acknowledged {alert}\n"))?;
            Ok(Exit::Ok)
        }
        Command::Export(exporting) => recordings::export(&settings, exporting).await,
        Command::Watch => connect::watch(&settings, args.output).await,
        Command::Operations { command } => operations::run(&settings, args.output, command).await,
        Command::Green { command } => act::execute(&settings, args.output, command.into()).await,
        Command::Releases { command } => releases::run(&settings, args.output, command).await,
        Command::Plan { target } => act::plan(&settings, args.output, target).await,
        Command::Approve { plan, hash } => act::approve(&settings, args.output, &plan, hash.as_deref()).await,
        Command::Execute {
            plan,
            hash,
            confirm,
            wait,
        } => act::execute_shown(&settings, args.output, (&plan, &hash), &confirm, wait).await,
        Command::Drain(acting) => act::execute(&settings, args.output, acting.into()).await,
        Command::Restore(acting) => act::execute(&settings, args.output, acting.into()).await,
        Command::DrainRenew(renewing) => act::execute(&settings, args.output, renewing.into()).await,
        Command::RegionFailover(acting) => act::execute(&settings, args.output, acting.into()).await,
        Command::Failover(acting) => act::execute(&settings, args.output, acting.into()).await,
        Command::Fence(acting) => act::execute(&settings, args.output, acting.into()).await,
        Command::Rejoin(acting) => act::execute(&settings, args.output, acting.into()).await,
        Command::Promote(acting) => act::execute(&settings, args.output, acting.into()).await,
        Command::Rollback(acting) => act::execute(&settings, args.output, acting.into()).await,
    }
}

/// `snapshot`: one page as the screen would show it, or the frame itself.
async fn picture(command: Command, args: &Args) -> Result<Exit, CliError> {
    let Command::Snapshot {
        page,
        size,
        world,
        recording,
        at,
    } = command
    else {
        return Ok(Exit::Ok);
    };
    let model = match (world, recording) {
        (_, Some(file)) => {
            let (world, position) = recordings::moment_of(&file, at.as_deref())?;
            Model::past(*world, position, page, size, Timestamp::now())
        }
        (Some(file), None) => Model::still(saved_world(&file)?, page, size),
        (None, None) => Model::still(connect::world(&Settings::find(args)?).await?, page, size),
    };
    let style = match args.output {
        OutputFormat::Json => return out(&format!("{}\n", json(&model.world)?)).map(|()| Exit::Ok),
        OutputFormat::Text => Style::Text,
        OutputFormat::Ansi => Style::Ansi,
        OutputFormat::Svg => Style::Svg,
    };
    out(&snapshot::render(&model, style))?;
    Ok(Exit::Ok)
}

/// A frame that `status --output json` printed.
fn saved_world(file: &std::path::Path) -> Result<World, CliError> {
    let unusable = |why: String| {
        CliError::Usage(format!(
            "{} is not a saved frame: {why}; make one with `aisoc-console status --output json`",
            file.display()
        ))
    };
    let text = std::fs::read_to_string(file).map_err(|e| unusable(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| unusable(e.to_string()))
}

/// A part of the present frame.
async fn look(settings: &Settings, format: OutputFormat, command: &Command) -> Result<Exit, CliError> {
    let world = connect::world(settings).await?;
    match command {
        Command::Lag => print(format, &world.links, || report::lag(&world))?,
        Command::Slis => print(format, &world.slis, || report::slis(&world))?,
        Command::Alerts => print(format, &world.alerts, || report::alerts(&world))?,
        Command::Map => print(format, &world.service_map, || report::map(&world))?,
        _ => print(format, &world.runbooks, || report::runbooks(&world))?,
    }
    Ok(Exit::Ok)
}

/// Prints a document as JSON or, by `text`, for a person.
fn print<T: serde::Serialize>(
    format: OutputFormat,
    document: &T,
    text: impl FnOnce() -> String,
) -> Result<(), CliError> {
    match format {
        OutputFormat::Json => out(&format!("{}\n", json(document)?)),
        _ => out(&text()),
    }
}

fn json<T: serde::Serialize>(document: &T) -> Result<String, CliError> {
    serde_json::to_string_pretty(document).map_err(|e| CliError::Output(e.to_string()))
}

/// Writes to standard output; a reader that went away (`| head`) is an error like any other, not a panic.
pub fn out(text: &str) -> Result<(), CliError> {
    use std::io::Write;
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|e| CliError::Output(format!("cannot write to standard output: {e}")))
}
