//! Operations that run or ran, and their records.

use super::args::{OperationsCommand, OutputFormat, RecordFormat};
use super::connect::{self, Settings};
use super::exit::{CliError, Exit};
use super::table::columns;
use super::{json, out, print, report};
use aisoc_console::facts;
use aisoc_model::clock::millis_between;
use aisoc_model::operation::Operation;
use aisoc_model::record::{OperationRecord, markdown};
use aisoc_model::text::sanitize;
use aisoc_model::world::World;
use aisoc_rpc::proto::resolve_request::Decision;
use std::fmt::Write;
use std::path::Path;

/// `operations …`.
///
/// # Errors
/// See [`CliError`].
pub async fn run(
    settings: &Settings,
    format: OutputFormat,
    command: OperationsCommand,
) -> Result<Exit, CliError> {
    let mut client = connect::client(settings).await?;
    match command {
        OperationsCommand::List { before, limit } => {
            let before = match before {
                Some(id) => Some(client.operation(&id).await?.id),
                None => None,
            };
            let (operations, more) = client.operations(before.as_deref(), limit).await?;
            // With a frame the clusters of databases are named, where there are several.
            let world = match format {
                OutputFormat::Text => connect::world(settings).await.ok(),
                _ => None,
            };
            print(format, &operations, || {
                list_text(&operations, world.as_ref(), more)
            })?;
        }
        OperationsCommand::Show { id } => {
            let operation = client.operation(&id).await?;
            print(format, &operation, || operation_text(&operation))?;
        }
        OperationsCommand::Export {
            id,
            format: wanted,
            file,
        } => {
            let record = client.record(&id).await?;
            export(&record, wanted, file.as_deref())?;
        }
        OperationsCommand::Retry { id } => {
            let id = client.operation(&id).await?.id;
            let operation = client.resolve(&id, Decision::Retry).await?;
            print(format, &operation, || operation_text(&operation))?;
        }
        OperationsCommand::Acknowledge { id } => {
            let id = client.operation(&id).await?.id;
            let operation = client.resolve(&id, Decision::Acknowledge).await?;
            print(format, &operation, || operation_text(&operation))?;
        }
        OperationsCommand::Abort { id } => {
            let id = client.operation(&id).await?.id;
            let operation = client.resolve(&id, Decision::Abort).await?;
            print(format, &operation, || operation_text(&operation))?;
        }
    }
    Ok(Exit::Ok)
}

/// Writes a record to a file, or to standard output.
fn export(record: &OperationRecord, format: RecordFormat, file: Option<&Path>) -> Result<(), CliError> {
    let text = match format {
        RecordFormat::Markdown => markdown(record),
        RecordFormat::Json => format!("{}\n", json(record)?),
    };
    let Some(file) = file else {
        return out(&text);
    };
    std::fs::write(file, text).map_err(|e| {
        CliError::Usage(format!(
            "{} cannot be written: {e}; name another file, or leave --file out to print the record",
            file.display()
        ))
    })?;
    out(&format!(
        "record of {} written to {}\n",
        record.operation.id,
        file.display()
    ))
}

/// The newest at the bottom, where a terminal's eye is.
fn list_text(operations: &[Operation], world: Option<&World>, more: bool) -> String {
    let rows: Vec<[String; 7]> = operations
        .iter()
        .rev()
        .map(|o| {
            let took = o.ended_at.map_or_else(
                || "runs".to_owned(),
                |at| format!("{:.1} s", millis_between(o.started_at, at) as f64 / 1_000.0),
            );
            [
                o.id.clone(),
                o.started_at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                took,
                o.plan.request.target.kind().word().to_owned(),
                sanitize(&facts::about(world, &o.plan.request.target), 60),
                o.state.word().to_owned(),
                sanitize(o.outcome.as_deref().unwrap_or_default(), 100),
            ]
        })
        .collect();
    if rows.is_empty() {
        return "no operations yet\n".to_owned();
    }
    let mut text = String::new();
    if let (true, Some(oldest)) = (more, operations.last()) {
        let _ = writeln!(
            text,
            "older ones: aisoc-console operations list --before {}",
            oldest.id
        );
    }
    text.push_str(&columns(
        ["ID", "STARTED", "TOOK", "KIND", "TARGET", "STATE", "OUTCOME"],
        &rows,
    ));
    text
}

/// The tokens of demoted writers, and what is offered next.
fn left_behind(operation: &Operation) -> String {
    let mut text = String::new();
    for (cluster, token) in &operation.tokens {
        let _ = writeln!(
            text,
            "  demotion token of {cluster}: {} of system {}, timeline {} ended at {:X}/{:X}",
            sanitize(&token.member, 40),
            sanitize(&token.system_identifier, 24),
            token.timeline,
            token.final_lsn >> 32,
            token.final_lsn & 0xFFFF_FFFF
        );
    }
    for offer in &operation.offers {
        let target = &offer.target;
        let _ = writeln!(
            text,
            "  next: {}\n        {}",
            sanitize(&offer.why, 160),
            target.plan_command(true)
        );
    }
    text
}

/// One operation with its steps, times and figures.
pub(super) fn operation_text(operation: &Operation) -> String {
    let mut text = format!(
        "{} {} {}\n",
        operation.plan.request.target.kind().word(),
        sanitize(operation.plan.request.target.confirmation(), 60),
        operation.state.word()
    );
    let _ = writeln!(text, "  {}", sanitize(&operation.plan.summary, 400));
    if let Some(outcome) = &operation.outcome {
        let _ = writeln!(text, "  {}", sanitize(outcome, 600));
    }
    for (step, planned) in operation.steps.iter().zip(&operation.plan.steps) {
        let _ = writeln!(
            text,
            "  {:<12}  {}  {}",
            format!("{:?}", step.state).to_lowercase(),
            sanitize(&planned.title, 80),
            sanitize(step.detail.as_deref().unwrap_or_default(), 160)
        );
    }
    text.push_str(&left_behind(operation));
    let mut times: Vec<_> = operation.times.iter().collect();
    times.sort_by_key(|(_, at)| **at);
    for (name, at) in times {
        let after = at.duration_since(operation.started_at).as_secs_f64();
        let at = report::clock(*at);
        let _ = writeln!(text, "  t_{:<20} {at}  {after:+.3} s", sanitize(name, 20));
    }
    for (name, figure) in &operation.figures {
        let _ = writeln!(text, "  {:<22} {figure}", sanitize(name, 22));
    }
    text
}
