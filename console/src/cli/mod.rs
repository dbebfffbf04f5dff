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
pub mod wanted;

use aisoc_console::keys::document;
use aisoc_console::model::Model;
use aisoc_console::runtime::variable;
use aisoc_console::snapshot::{self, Style};
use aisoc_console::svg::Ground;
use aisoc_model::RegionId;
use aisoc_model::world::World;
use args::{Args, Command, ConfigCommand, Drawing, OutputFormat};
use connect::Settings;
use exit::{CliError, Exit};
use jiff::Timestamp;

/// Runs a command and says how it ended.
///
/// # Errors
/// See [`CliError`]; its exit code is documented in `--help`.
pub async fn run(command: Command, args: &Args) -> Result<Exit, CliError> {
    // Of what is asked of a control plane there are no pictures.
    let plane = || match args.output {
        OutputFormat::Ansi | OutputFormat::Svg => Err(CliError::Usage(
            "--output ansi and svg are for `snapshot`; give text or json".to_owned(),
        )),
        OutputFormat::Text | OutputFormat::Json => Settings::find(args),
    };
    match command {
        Command::Snapshot(drawing) => picture(drawing, args).await,
        Command::Replay(replaying) => recordings::replay(args, replaying).await,
        Command::Captive { directory } => captive::run(&directory).await,
        Command::Config {
            command: ConfigCommand::Check { file },
        } => done(&config::check(file, args)?),
        Command::Completions { shell } => done(&documents::completions(shell)),
        Command::Man => done(&documents::man()?),
        Command::Keys => done(&document::markdown()),
        Command::Status => {
            let world = connect::world(&plane()?).await?;
            print(args.output, &world, || report::status(&world))?;
            Ok(report::verdict(&world))
        }
        Command::Regions => {
            let world = connect::world(&plane()?).await?;
            print(args.output, &world.regions, || {
                report::regions(&world) + &report::readiness(&world)
            })?;
            Ok(Exit::Ok)
        }
        Command::HealthCheck { region } => {
            let world = connect::world(&plane()?).await?;
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
            look(&plane()?, args.output, &command).await
        }
        Command::Runbook { id, region } => {
            let runbook = connect::client(&plane()?)
                .await?
                .runbook(&id, region.as_ref())
                .await?;
            print(args.output, &runbook, || runbook.markdown.clone())?;
            Ok(Exit::Ok)
        }
        Command::Ack { alert } => {
            connect::client(&plane()?).await?.acknowledge(&alert).await?;
            out(&format!("acknowledged {alert}\n"))?;
            Ok(Exit::Ok)
        }
        Command::Export(exporting) => recordings::export(&plane()?, exporting).await,
        Command::Watch => connect::watch(&plane()?, args.output).await,
        Command::Operations { command } => operations::run(&plane()?, args.output, command).await,
        Command::Green { command } => act::execute(&plane()?, args.output, command.into()).await,
        Command::Releases { command } => releases::run(&plane()?, args.output, command).await,
        Command::Plan { target } => act::plan(&plane()?, args.output, target).await,
        Command::Approve { plan, hash } => act::approve(&plane()?, args.output, &plan, hash.as_deref()).await,
        Command::Execute {
            plan,
            hash,
            confirm,
            wait,
        } => act::execute_shown(&plane()?, args.output, (&plan, &hash), &confirm, wait).await,
        Command::Drain(acting) => act::execute(&plane()?, args.output, acting.into()).await,
        Command::Restore(acting) => act::execute(&plane()?, args.output, acting.into()).await,
        Command::DrainRenew(renewing) => act::execute(&plane()?, args.output, renewing.into()).await,
        Command::RegionFailover(acting) => act::execute(&plane()?, args.output, acting.into()).await,
        Command::Failover(acting) => act::execute(&plane()?, args.output, acting.into()).await,
        Command::Fence(acting) => act::execute(&plane()?, args.output, acting.into()).await,
        Command::Rejoin(acting) => act::execute(&plane()?, args.output, acting.into()).await,
        Command::Promote(acting) => act::execute(&plane()?, args.output, acting.into()).await,
        Command::Rollback(acting) => act::execute(&plane()?, args.output, acting.into()).await,
    }
}

/// `snapshot`: one page as the screen would show it, or the frame itself.
async fn picture(drawing: Drawing, args: &Args) -> Result<Exit, CliError> {
    let Drawing {
        page,
        size,
        world,
        recording,
        at,
    } = drawing;
    let model = match (world, recording) {
        (_, Some(file)) => {
            let (world, position) = recordings::moment_of(&file, at.as_deref())?;
            Model::past(*world, position, page, size, Timestamp::now())
        }
        (Some(file), None) => Model::still(saved_world(&file)?, page, size),
        (None, None) => Model::still(connect::world(&Settings::find(args)?).await?, page, size),
    };
    let choice = config::find(args)?.theme;
    let theme = choice.name(variable);
    let (style, theme) = match args.output {
        OutputFormat::Json => return done(&format!("{}\n", json(&model.world)?)),
        OutputFormat::Text => (Style::Text, theme),
        OutputFormat::Ansi => (Style::Ansi, theme),
        OutputFormat::Svg => {
            // A picture has its own ground: that of the terminal that it is made on says nothing.
            let theme = choice.name(|_| None);
            (Style::Svg(Ground::of(theme)), theme)
        }
    };
    done(&snapshot::render(&model, style, theme))
}

/// A frame that `status --output json` printed.
fn saved_world(file: &std::path::Path) -> Result<World, CliError> {
    let unusable = |why: String| {
        CliError::Usage(format!(
            "{} is not a saved frame: {why}; make one with `aisoc-console status --output json`",
            file.display()
        ))
    };
    let bytes = std::fs::read(file).map_err(|e| unusable(e.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|e| unusable(e.to_string()))
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

/// Prints what there is to print: that is all.
fn done(text: &str) -> Result<Exit, CliError> {
    out(text).map(|()| Exit::Ok)
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
