//! `aisoc local deploy`, `history` and `rollback`.

use super::Output;
use crate::client::Client;
use crate::error::{Failure, exit};
use crate::state::StateDir;
use aisoc_model::RegionId;
use aisoc_model::inventory::{Release, Releases, RevisionStatus};
use aisoc_model::text::sanitize;
use anyhow::Context;
use clap::Args;
use reqwest::Method;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Options of `deploy`.
#[derive(Debug, Args)]
pub(super) struct DeployArgs {
    /// A setting that changes, for example `api.inject_latency_ms=800`; an empty value removes it.
    #[arg(long = "set", value_name = "KEY=VALUE", required_unless_present = "release")]
    set: Vec<String>,
    /// A file (TOML or YAML) with all settings of the revision; it replaces those in force.
    #[arg(long, value_name = "FILE")]
    release: Option<PathBuf>,
    /// One region; default: all.
    #[arg(long)]
    region: Option<RegionId>,
    /// Why, for the history.
    #[arg(long, default_value = "aisoc local deploy")]
    description: String,
    /// Returns at once instead of waiting for the rollout.
    #[arg(long)]
    no_wait: bool,
}

/// Options of `history`.
#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// One region; default: all.
    #[arg(long)]
    region: Option<RegionId>,
    /// How it is printed.
    #[arg(long, short, value_enum, default_value = "text")]
    output: Output,
}

/// Options of `rollback`.
#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    /// Release, for example aisoc-us-east-1.
    release: String,
    /// To this revision; default: the last one that was good and different.
    #[arg(long)]
    revision: Option<u32>,
    /// Returns at once instead of waiting for the rollout.
    #[arg(long)]
    no_wait: bool,
}

pub(super) async fn deploy(state: &StateDir, args: &DeployArgs) -> anyhow::Result<u8> {
    let mut settings = match &args.release {
        Some(file) => read_settings(file)?,
        None => BTreeMap::new(),
    };
    for pair in &args.set {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Failure::usage(
                format!("--set {}: there is no '='", sanitize(pair, 80)),
                "write --set KEY=VALUE, for example --set api.inject_latency_ms=800",
            )
            .into());
        };
        settings.insert(key.trim().to_owned(), value.to_owned());
    }
    let client = Client::connect(state)?;
    let body = serde_json::json!({
        "region": args.region,
        "settings": settings,
        "description": args.description,
        "replace": args.release.is_some(),
    });
    let begun: Releases = client.ask(Method::POST, "/v1/deploy", Some(body)).await?;
    finish(&client, &begun.releases, args.no_wait).await
}

pub(super) async fn rollback(state: &StateDir, args: &RollbackArgs) -> anyhow::Result<u8> {
    let client = Client::connect(state)?;
    let revision = match args.revision {
        Some(revision) => revision,
        None => last_good(&client.releases().await?, &args.release)?,
    };
    let body = serde_json::json!({ "release": args.release, "revision": revision });
    let begun: Releases = client.ask(Method::POST, "/v1/rollback", Some(body)).await?;
    finish(&client, &begun.releases, args.no_wait).await
}

fn last_good(releases: &[Release], name: &str) -> Result<u32, Failure> {
    let Some(release) = releases.iter().find(|r| r.name == name) else {
        let names: Vec<&str> = releases.iter().map(|r| r.name.as_str()).collect();
        return Err(Failure::usage(
            format!("there is no release '{}'", sanitize(name, 80)),
            format!("the releases are: {}", names.join(", ")),
        ));
    };
    release
        .rollback_target()
        .map(|revision| revision.number)
        .ok_or_else(|| {
            Failure::refused(
                format!("{name} has no earlier revision that was good and differs from the one in force"),
                "`aisoc local history` shows the revisions; name one with --revision",
            )
        })
}

/// A map of settings, flat (`api.inject_latency_ms: 800`) or nested (`api: {inject_latency_ms: 800}`).
fn read_settings(file: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(file).map_err(|e| {
        Failure::usage(
            format!("the release file {} cannot be read: {e}", file.display()),
            "name a readable file",
        )
    })?;
    let toml = file.extension().is_some_and(|e| e.eq_ignore_ascii_case("toml"));
    let value: serde_json::Value = if toml {
        toml::from_str(&text).with_context(|| format!("reading {}", file.display()))?
    } else {
        serde_saphyr::from_str(&text).with_context(|| format!("reading {}", file.display()))?
    };
    let mut settings = BTreeMap::new();
    flatten("", &value, &mut settings);
    Ok(settings)
}

fn flatten(prefix: &str, value: &serde_json::Value, into: &mut BTreeMap<String, String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                let key = if prefix.is_empty() {
                    key.clone()
                } else {
                    format!("{prefix}.{key}")
                };
                flatten(&key, value, into);
            }
        }
        serde_json::Value::String(text) => {
            into.insert(prefix.to_owned(), text.clone());
        }
        other => {
            into.insert(prefix.to_owned(), other.to_string());
        }
    }
}

/// Shows the rollouts until they have ended.
async fn finish(client: &Client, begun: &[Release], no_wait: bool) -> anyhow::Result<u8> {
    let numbers: BTreeMap<String, u32> = begun
        .iter()
        .filter_map(|r| Some((r.name.clone(), r.history.last()?.number)))
        .collect();
    for (name, number) in &numbers {
        println!("{name}: revision {number} is being rolled out");
    }
    if no_wait {
        return Ok(exit::OK);
    }
    let deadline = Instant::now() + Duration::from_mins(10);
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let releases: Vec<Release> = client
            .releases()
            .await?
            .into_iter()
            .filter(|r| numbers.contains_key(&r.name))
            .collect();
        for release in &releases {
            if let Some(rollout) = release
                .rollout
                .as_ref()
                .filter(|r| shown.get(&release.name) != Some(*r))
            {
                println!("{}: {}", release.name, sanitize(rollout, 200));
                shown.insert(release.name.clone(), rollout.clone());
            }
        }
        if releases.iter().all(|r| r.rollout.is_none()) {
            return Ok(outcome(&releases, &numbers));
        }
        if Instant::now() > deadline {
            return Err(Failure::new(
                exit::UNKNOWN,
                "the rollout goes on after 10 minutes",
                "`aisoc local history`",
            )
            .into());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn outcome(releases: &[Release], numbers: &BTreeMap<String, u32>) -> u8 {
    let mut code = exit::OK;
    for release in releases {
        let revision = release
            .history
            .iter()
            .find(|r| Some(&r.number) == numbers.get(&release.name));
        match revision {
            Some(r) if r.status != RevisionStatus::Failed => {
                println!("{}: revision {} is in force", release.name, r.number);
            }
            Some(r) => {
                code = exit::FAILED;
                eprintln!(
                    "{}: revision {} failed: {}",
                    release.name,
                    r.number,
                    sanitize(&r.description, 400)
                );
            }
            None => code = exit::UNKNOWN,
        }
    }
    code
}

pub(super) async fn history(state: &StateDir, args: &HistoryArgs) -> anyhow::Result<u8> {
    let mut releases = Client::connect(state)?.releases().await?;
    if let Some(region) = &args.region {
        releases.retain(|r| &r.region == region);
        if releases.is_empty() {
            return Err(Failure::usage(
                format!("there is no region '{region}'"),
                "see `aisoc local history`",
            )
            .into());
        }
    }
    if args.output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&releases)?);
        return Ok(exit::OK);
    }
    for release in &releases {
        println!("{}", release.name);
        for revision in &release.history {
            let settings: Vec<String> = revision
                .settings
                .iter()
                .map(|(k, v)| format!("{k}={v}"))
                .collect();
            println!(
                "  {:>4}  {:<17} {:.0}  {}  {}",
                revision.number,
                revision.status.word(),
                revision.at,
                sanitize(&revision.description, 120),
                sanitize(&settings.join(" "), 200)
            );
        }
    }
    Ok(exit::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_files_may_be_flat_or_nested_toml_or_yaml() {
        let dir = tempfile::tempdir().unwrap();
        let expected = BTreeMap::from([
            ("api.inject_latency_ms".to_owned(), "800".to_owned()),
            ("version".to_owned(), "2.0".to_owned()),
        ]);
        for (name, text) in [
            ("a.toml", "version = \"2.0\"\n[api]\ninject_latency_ms = 800\n"),
            ("b.yaml", "version: \"2.0\"\napi.inject_latency_ms: 800\n"),
            ("c.yml", "version: \"2.0\"\napi:\n  inject_latency_ms: 800\n"),
        ] {
            let file = dir.path().join(name);
            std::fs::write(&file, text).unwrap();
            assert_eq!(read_settings(&file).unwrap(), expected, "{name}");
        }
    }
}
