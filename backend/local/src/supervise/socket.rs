//! HAProxy's runtime socket: one command, one answer.

use anyhow::{Context, bail};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const PATIENCE: Duration = Duration::from_secs(2);

/// Largest answer that is read; ours have six servers.
const LARGEST: u64 = 256 * 1024;

/// Sends a command (several separated by `;`) and returns the answer.
pub(crate) async fn ask(path: &Path, command: &str) -> anyhow::Result<String> {
    let exchange = async {
        let mut stream = UnixStream::connect(path).await?;
        stream.write_all(format!("{command}\n").as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(LARGEST).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    tokio::time::timeout(PATIENCE, exchange)
        .await
        .with_context(|| {
            format!(
                "HAProxy did not answer '{command}' within {} s",
                PATIENCE.as_secs()
            )
        })?
        .with_context(|| format!("asking HAProxy '{command}' at {}", path.display()))
}

/// Sends commands that answer nothing when they succeed.
pub(crate) async fn tell(path: &Path, command: &str) -> anyhow::Result<()> {
    let answer = ask(path, command).await?;
    let complaint: Vec<&str> = answer
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !harmless(l))
        .collect();
    if complaint.is_empty() {
        return Ok(());
    }
    bail!(
        "HAProxy refused '{command}': {}",
        aisoc_model::text::sanitize(&complaint.join(" "), 200)
    )
}

/// Confirmations that some commands give instead of silence.
fn harmless(line: &str) -> bool {
    line.starts_with("IP changed from")
        || line.starts_with("port changed from")
        || line.starts_with("no need to change")
        || line.contains("changed from '")
}
