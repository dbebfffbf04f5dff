//! `aisoc local status`.

use super::Output;
use crate::client::Client;
use crate::error::exit;
use crate::state::StateDir;
use aisoc_model::inventory::{Inventory, Process, ProcessState};
use aisoc_model::text::sanitize;
use clap::Args;
use std::fmt::Write;

/// Options of `status`.
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// How it is printed.
    #[arg(long, short, value_enum, default_value = "text")]
    output: Output,
}

pub(super) async fn run(state: &StateDir, args: &StatusArgs) -> anyhow::Result<u8> {
    let inventory = Client::connect(state)?.inventory().await?;
    match args.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&inventory)?),
        Output::Text => print!("{}", text(&inventory)),
    }
    Ok(if inventory.ready { exit::OK } else { exit::FAILED })
}

/// The word for a state.
pub(super) fn word(state: ProcessState) -> &'static str {
    match state {
        ProcessState::Starting => "starting",
        ProcessState::Ready => "ready",
        ProcessState::Unready => "UNREADY",
        ProcessState::BackingOff => "BACKING OFF",
        ProcessState::Stopped => "STOPPED",
        ProcessState::Frozen => "FROZEN",
    }
}

/// The whole inventory for a person.
pub(super) fn text(inventory: &Inventory) -> String {
    let mut out = format!(
        "{:<28} {:<12} {:>8} {:>8} {:>4}  {:<8} {}\n",
        "PROCESS", "STATE", "PID", "MEMORY", "RST", "VERSION", "PORTS"
    );
    for process in &inventory.processes {
        line(&mut out, process);
    }
    let total: u64 = inventory.processes.iter().filter_map(|p| p.memory_bytes).sum();
    let _ = writeln!(
        out,
        "\n{} processes, {} MiB resident",
        inventory.processes.len(),
        total >> 20
    );
    for fault in &inventory.faults {
        let spec = serde_json::to_string(&fault.spec).unwrap_or_default();
        let _ = writeln!(
            out,
            "fault {} in force since {:.0}: {spec}",
            fault.id, fault.since
        );
    }
    for release in &inventory.releases {
        if let Some(rollout) = &release.rollout {
            let _ = writeln!(
                out,
                "{} is being rolled out: {}",
                release.name,
                sanitize(rollout, 200)
            );
        }
    }
    out.push('\n');
    out.push_str(&entry_points(inventory));
    out
}

fn line(out: &mut String, process: &Process) {
    let dash = || "-".to_owned();
    let ports: Vec<String> = process
        .ports
        .iter()
        .map(|(purpose, port)| format!("{purpose}:{port}"))
        .collect();
    let version = if process.version.is_empty() {
        dash()
    } else {
        sanitize(&process.version, 20)
    };
    let _ = writeln!(
        out,
        "{:<28} {:<12} {:>8} {:>8} {:>4}  {:<8} {}",
        process.name,
        word(process.state),
        process.pid.map_or_else(dash, |p| p.to_string()),
        process
            .memory_bytes
            .map_or_else(dash, |b| format!("{} MiB", b >> 20)),
        process.restarts,
        version,
        ports.join(" ")
    );
    let quiet = process.state == ProcessState::Ready;
    if let Some(detail) = process.detail.as_deref().filter(|_| !quiet) {
        let _ = writeln!(out, "{:<28} {}", "", sanitize(detail, 200));
    }
}

/// Where things answer.
pub(super) fn entry_points(inventory: &Inventory) -> String {
    let mut out = String::new();
    for (name, address) in &inventory.endpoints {
        let _ = writeln!(out, "{:<30} {address}", name.replace('_', " "));
    }
    let _ = writeln!(out, "{:<30} {}", "state", inventory.state_dir);
    out
}
