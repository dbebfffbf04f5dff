//! Looking whether a process is ready.

use super::socket;
use crate::parts::Probe;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a look found: ready (with the role that Patroni reports), or why not.
pub type Look = Result<Option<String>, String>;

/// Looks once.
///
/// # Errors
/// Why it is not ready.
pub async fn look(probe: &Probe, http: &reqwest::Client) -> Look {
    match tokio::time::timeout(PATIENCE, ask(probe, http)).await {
        Ok(look) => look,
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

async fn ask(probe: &Probe, http: &reqwest::Client) -> Look {
    match probe {
        Probe::Runs => Ok(None),
        Probe::Http(url) => ready(http, url).await,
        Probe::Etcd(url) => etcd(http, url).await,
        Probe::Redis(port) => redis(*port).await,
        Probe::HaproxySocket(path) => match socket::ask(path, "show info").await {
            Ok(answer) if answer.contains("Uptime") => Ok(None),
            Ok(answer) => Err(format!("unexpected answer: {}", short(&answer))),
            Err(e) => Err(format!("{e:#}")),
        },
        Probe::Patroni(url) => patroni(http, url).await,
    }
}

async fn get(http: &reqwest::Client, url: &str) -> Result<(u16, String), String> {
    let answer = http.get(url).send().await.map_err(|e| connection_problem(&e))?;
    let status = answer.status().as_u16();
    let text = answer.text().await.map_err(|e| connection_problem(&e))?;
    Ok((status, text))
}

fn connection_problem(error: &reqwest::Error) -> String {
    if error.is_connect() {
        "does not listen yet".to_owned()
    } else {
        short(&error.to_string())
    }
}

async fn ready(http: &reqwest::Client, url: &str) -> Look {
    match get(http, url).await? {
        (200, _) => Ok(None),
        (status, text) => Err(format!("{status} {}", short(&text))),
    }
}

async fn etcd(http: &reqwest::Client, url: &str) -> Look {
    let (_, text) = get(http, url).await?;
    let health: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    match health.get("health").and_then(serde_json::Value::as_str) {
        Some("true") => Ok(None),
        _ => Err(short(&text)),
    }
}

async fn patroni(http: &reqwest::Client, url: &str) -> Look {
    let (_, text) = get(http, url).await?;
    let answer: serde_json::Value = serde_json::from_str(&text).map_err(|_| short(&text))?;
    let text = |key: &str| answer.get(key).and_then(serde_json::Value::as_str);
    // Before its cluster has a leader, a node that is just being made calls itself writer already.
    let led = answer
        .get("cluster_unlocked")
        .and_then(serde_json::Value::as_bool)
        != Some(true);
    match text("state") {
        // 4.x says `streaming` for a replica that does.
        Some("running" | "streaming") => Ok(text("role").filter(|_| led).map(str::to_owned)),
        state => Err(format!(
            "PostgreSQL is {}",
            state.unwrap_or("in an unknown state")
        )),
    }
}

async fn redis(port: u16) -> Look {
    let exchange = async {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(b"PING\r\n").await?;
        let mut answer = [0_u8; 64];
        let length = stream.read(&mut answer).await?;
        Ok::<_, std::io::Error>(
            String::from_utf8_lossy(answer.get(..length).unwrap_or_default()).into_owned(),
        )
    };
    match exchange.await {
        Ok(answer) if answer.starts_with("+PONG") => Ok(None),
        Ok(answer) => Err(short(&answer)),
        Err(e) => Err(e.to_string()),
    }
}

fn short(text: &str) -> String {
    aisoc_model::text::sanitize(text.trim(), 160)
}

/// Whether a role that Patroni reports is the writer's (`master` up to 3.x).
#[must_use]
pub fn is_writer(role: &str) -> bool {
    matches!(role, "master" | "primary")
}
