//! The console without a screen: everything a key can do, as a command.

pub mod act;
pub mod args;
pub mod connect;
pub mod exit;
pub mod report;
pub mod table;

use aisoc_console::snapshot;
use aisoc_model::world::World;
use args::{Args, Command, OutputFormat};
use connect::Settings;
use exit::{CliError, Exit};

/// Runs a command and says how it ended.
///
/// # Errors
/// See [`CliError`]; its exit code is documented in `--help`.
pub async fn run(command: Command, args: &Args) -> Result<Exit, CliError> {
    if let Command::Snapshot { page, size, style, world: Some(file) } = &command {
        let world = saved_world(file)?;
        out(&snapshot::render(&world, *page, *size, *style))?;
        return Ok(Exit::Ok);
    }
    let settings = Settings::find(args)?;
    match command {
        Command::Status => {
            let world = connect::world(&settings).await?;
            print(&args.output, &world, || report::status(&world))?;
            Ok(report::verdict(&world))
        }
        Command::Regions => {
            let world = connect::world(&settings).await?;
            print(&args.output, &world.regions, || report::regions(&world))?;
            Ok(Exit::Ok)
        }
        Command::Lag => {
            let world = connect::world(&settings).await?;
            print(&args.output, &world.links, || report::lag(&world))?;
            Ok(Exit::Ok)
        }
        Command::Slis => {
            let world = connect::world(&settings).await?;
            print(&args.output, &world.slis, || report::slis(&world))?;
            Ok(Exit::Ok)
        }
        Command::Alerts => {
            let world = connect::world(&settings).await?;
            print(&args.output, &world.alerts, || report::alerts(&world))?;
            Ok(Exit::Ok)
        }
        Command::Ack { alert } => {
            connect::client(&settings).await?.acknowledge(&alert).await?;
            out(&format!("acknowledged {alert}\n"))?;
            Ok(Exit::Ok)
        }
        Command::Watch => connect::watch(&settings, &args.output).await,
        Command::Snapshot { page, size, style, world: _ } => {
            let world = connect::world(&settings).await?;
            if args.output == OutputFormat::Json {
                out(&format!("{}\n", json(&world)?))?;
            } else {
                out(&snapshot::render(&world, page, size, style))?;
            }
            Ok(Exit::Ok)
        }
        Command::Operations { command } => act::operations(&settings, &args.output, command).await,
        Command::Plan { target } => act::plan(&settings, &args.output, target).await,
        Command::Drain(acting) => act::execute(&settings, &args.output, acting.into()).await,
        Command::Restore(acting) => act::execute(&settings, &args.output, acting.into()).await,
        Command::Failover(acting) => act::execute(&settings, &args.output, acting.into()).await,
        Command::Rollback(acting) => act::execute(&settings, &args.output, acting.into()).await,
    }
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

/// Prints a document as JSON or, by `text`, for a person.
fn print<T: serde::Serialize>(
    format: &OutputFormat,
    document: &T,
    text: impl FnOnce() -> String,
) -> Result<(), CliError> {
    match format {
        OutputFormat::Json => out(&format!("{}\n", json(document)?)),
        OutputFormat::Text => out(&text()),
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
