//! The console's program: a command when one is given, else the screen.

mod cli;

use clap::Parser;
use cli::args::Args;
use cli::connect::Settings;
use cli::exit::{CliError, Exit};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = Args::parse();
    if args.print_default_config {
        return match cli::out(&aisoc_console::config::default_file()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => ExitCode::from(error.code()),
        };
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("aisoc-console: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(async {
        match args.command.take() {
            // On the heap: commands are large, and the screen carries none of them around.
            Some(command) => Box::pin(cli::run(command, &args)).await,
            None => screen(&args).await,
        }
    });
    match ended {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => {
            eprintln!("aisoc-console: {error}");
            ExitCode::from(error.code())
        }
    }
}

async fn screen(args: &Args) -> Result<Exit, CliError> {
    let settings = Settings::find(args)?;
    let options = aisoc_console::Options {
        endpoints: settings.endpoints,
        token: settings.token,
        health: settings.health,
        config: settings.config,
        captive: false,
    };
    if options.config.plain && !args.wall {
        aisoc_console::plain::run(options).await?;
    } else if args.wall {
        aisoc_console::wall::run(options).await?;
    } else {
        aisoc_console::run(options).await?;
    }
    Ok(Exit::Ok)
}
