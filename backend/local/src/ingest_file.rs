//! `aisoc ingest-file`: sends a file of events, one JSON object a line, plain or gzipped, to an ingest.
//!
//! The file is streamed: memory does not depend on its size. What an ingest acknowledged is counted; what it
//! refused is named by line. Sending again is safe: the same event gets the same id.

mod read;
mod report;
mod send;

use anyhow::Context as _;
use clap::Args;
use read::{Batch, Limits, Piece};
use report::Report;
use send::{Fault, Sender};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;

pub use report::{Outcome, Rejected, Totals};

/// Arguments of `aisoc ingest-file`.
#[derive(Debug, Clone, Args)]
pub struct IngestFileArgs {
    /// File of events: NDJSON, plain or gzipped.
    pub path: PathBuf,
    /// Ingest to send to, for example <http://127.0.0.1:4400>.
    #[arg(long, env = "AISOC_INGEST_URL", value_name = "URL")]
    pub url: String,
    /// File that holds the tenant's ingest token.
    #[arg(long, env = "AISOC_INGEST_TOKEN_FILE", value_name = "FILE")]
    pub token_file: PathBuf,
    /// Events in a request; the ingest takes at most 1,000.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=1000), value_name = "N")]
    pub batch: u16,
    /// Connector that the events are recorded under.
    #[arg(long, default_value = "file", value_name = "ID")]
    pub connector_id: String,
    /// Format of the source, for example `windows_event_log`, `cloudtrail`, `json`; found out from each batch
    /// when it is not given.
    #[arg(long, value_name = "FORMAT")]
    pub source_format: Option<String>,
    /// First line to send, to go on after an interruption.
    #[arg(long, default_value_t = 1, value_name = "LINE")]
    pub from_line: u64,
    /// Prints the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command: progress and errors to stderr, the result to stdout. Returns the exit code: 0 all
/// accepted, 1 some refused or interrupted, 2 bad input, 3 unreachable, 4 unauthenticated, 5 refused as a
/// whole, 6 outcome unknown.
pub async fn run(args: IngestFileArgs) -> u8 {
    let json = args.json;
    match send_file(args).await {
        Ok(totals) => {
            if json {
                println!("{}", totals.as_json());
            } else {
                println!("{totals}");
            }
            totals.outcome.exit_code()
        }
        Err(error) => {
            eprintln!("aisoc ingest-file: {error:#}");
            Outcome::BadInput.exit_code()
        }
    }
}

/// Sends the file and says what came of it.
///
/// # Errors
/// When the file or the token cannot be read, or the URL is not one.
pub async fn send_file(args: IngestFileArgs) -> anyhow::Result<Totals> {
    let token = std::fs::read_to_string(&args.token_file)
        .with_context(|| format!("cannot read the token file {}", args.token_file.display()))?;
    let sender = Sender::new(&args.url, token.trim(), &args.connector_id)?;
    let source = read::open(&args.path)?;
    let report = Report::new(source.size, source.position.clone());
    let (pieces, mut queue) = mpsc::channel::<Piece>(4);
    let limits = Limits {
        events: usize::from(args.batch),
        from_line: args.from_line,
    };
    // A thread of its own: reading and decompressing block.
    let reader = tokio::task::spawn_blocking(move || read::run(source, limits, &pieces));
    let mut totals = Totals::default();
    let format = args.source_format.as_deref();
    let interrupted = tokio::select! {
        () = send_all(&mut queue, &sender, format, &report, &mut totals) => false,
        _ = tokio::signal::ctrl_c() => true,
    };
    if interrupted {
        totals.outcome = Outcome::Interrupted;
    }
    drop(queue);
    report.finish(&totals);
    if let Err(error) = reader.await.context("the reader stopped")? {
        report.say(&format!("{error:#}"));
        if totals.outcome == Outcome::Complete {
            totals.outcome = Outcome::BadInput;
        }
    }
    totals.seconds = report.seconds();
    totals.settle();
    Ok(totals)
}

/// Sends what the reader finds until it ends or a batch is not taken.
async fn send_all(
    queue: &mut mpsc::Receiver<Piece>,
    sender: &Sender,
    format: Option<&str>,
    report: &Report,
    totals: &mut Totals,
) {
    while let Some(piece) = queue.recv().await {
        match piece {
            Piece::Bad(rejected) => totals.refuse(rejected),
            Piece::Events(batch) => {
                let format = format.unwrap_or_else(|| batch.guess_format()).to_owned();
                if let Err(fault) = deliver(sender, batch, &format, report, totals).await {
                    report.say(&fault.to_string());
                    totals.outcome = fault.outcome();
                    return;
                }
            }
        }
        report.show(totals);
    }
}

/// Sends a batch; halves it when the ingest says that it is too large.
async fn deliver(
    sender: &Sender,
    batch: Batch,
    format: &str,
    report: &Report,
    totals: &mut Totals,
) -> Result<(), Fault> {
    let mut waiting = vec![batch];
    while let Some(batch) = waiting.pop() {
        let wait =
            |pause: Duration, why: &str| report.say(&format!("{why}; next try in {} s", pause.as_secs()));
        match sender.send(&batch, format, wait).await {
            Ok(receipt) => totals.add(&batch, receipt),
            Err(Fault::TooLarge) => match batch.halves() {
                (first, Some(second)) => waiting.extend([second, first]),
                (only, None) => totals.refuse(Rejected {
                    line: only.first_line(),
                    reason: "the ingest refuses it as too large".to_owned(),
                }),
            },
            Err(fault) => return Err(fault),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
