//! HAProxy's runtime API over its unix socket: one command per connection.

use super::server_text;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Longest answer that is read; `show stat` of a thousand servers is about 500 kB.
const MAX_ANSWER: u64 = 4 * 1024 * 1024;

/// Why a command gave no usable answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HaproxyError {
    /// The socket cannot be used.
    #[error("haproxy socket {socket}: {why}")]
    Unreachable {
        /// Its path.
        socket: String,
        /// The system's words.
        why: String,
    },
    /// No answer in time: it may or may not have happened.
    #[error("haproxy socket {socket}: no answer to '{command}' within {after_ms} ms")]
    TimedOut {
        /// Its path.
        socket: String,
        /// The command.
        command: String,
        /// How long we waited.
        after_ms: u64,
    },
    /// HAProxy refused.
    #[error("haproxy refused '{command}': {text}")]
    Refused {
        /// The command.
        command: String,
        /// HAProxy's words.
        text: String,
    },
    /// A name that cannot be part of a command.
    #[error("'{0}' is not a name of a backend or server: use letters, digits and . _ : -")]
    Name(String),
    /// Statistics without the columns that are needed.
    #[error("haproxy statistics cannot be read: {0}")]
    Unreadable(String),
}

/// Administrative state of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerState {
    /// In rotation, as its checks allow.
    Ready,
    /// No new sessions; open ones go on.
    Drain,
    /// Out, checks stopped.
    Maint,
}

impl ServerState {
    fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Drain => "drain",
            Self::Maint => "maint",
        }
    }
}

/// One line of `show stat`.
#[derive(Debug, Clone, PartialEq)]
pub struct Stat {
    /// Proxy (backend) name.
    pub proxy: String,
    /// Server name, or `FRONTEND` / `BACKEND`.
    pub server: String,
    /// What the line is about.
    pub kind: StatKind,
    /// `UP`, `UP 1/3`, `DOWN`, `DRAIN`, `MAINT`, `no check`, …
    pub status: String,
    /// Effective weight.
    pub weight: u16,
    /// Open sessions.
    pub sessions: u64,
    /// Queued requests.
    pub queued: u64,
    /// Sessions (for HTTP: requests) since start.
    pub sessions_total: u64,
    /// Sessions (for HTTP: requests) over the last second.
    pub rate: u64,
    /// Answers 5xx since start.
    pub answers_5xx: u64,
    /// Requests that failed to reach the server, since start.
    pub connection_errors: u64,
    /// Average time to an answer over the last 1,024 requests, milliseconds.
    pub response_ms: u64,
    /// The last health check's result, `L7OK/200`.
    pub check: String,
    /// The last agent check's result, `L7OK`; empty without one.
    pub agent: String,
    /// `host:port`; only when the socket's level is operator or admin.
    pub address: String,
}

/// What a line of statistics is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatKind {
    /// A frontend.
    Frontend,
    /// A whole backend.
    Backend,
    /// A server.
    Server,
    /// A listening socket.
    Listener,
}

/// A client of one runtime socket.
#[derive(Debug, Clone)]
pub struct HaproxyClient {
    socket: PathBuf,
    timeout: Duration,
}

impl HaproxyClient {
    /// A client of the socket at this path; each command may take `timeout`.
    pub fn new(socket: impl AsRef<Path>, timeout: Duration) -> Self {
        Self {
            socket: socket.as_ref().to_path_buf(),
            timeout,
        }
    }

    /// Statistics of everything.
    ///
    /// # Errors
    /// See [`HaproxyError`].
    pub async fn stats(&self) -> Result<Vec<Stat>, HaproxyError> {
        parse_stats(&self.command("show stat").await?)
    }

    /// Sets a server's administrative state.
    ///
    /// # Errors
    /// See [`HaproxyError`].
    pub async fn set_state(
        &self,
        backend: &str,
        server: &str,
        state: ServerState,
    ) -> Result<(), HaproxyError> {
        let target = target(backend, server)?;
        self.silent(format!("set server {target} state {}", state.word()))
            .await
    }

    /// Sets a server's weight, 0–256.
    ///
    /// # Errors
    /// See [`HaproxyError`].
    pub async fn set_weight(&self, backend: &str, server: &str, weight: u16) -> Result<(), HaproxyError> {
        let target = target(backend, server)?;
        self.silent(format!("set server {target} weight {weight}")).await
    }

    /// Points a server at another address.
    ///
    /// # Errors
    /// See [`HaproxyError`].
    pub async fn set_address(
        &self,
        backend: &str,
        server: &str,
        address: std::net::SocketAddr,
    ) -> Result<(), HaproxyError> {
        let target = target(backend, server)?;
        let command = format!(
            "set server {target} addr {} port {}",
            address.ip(),
            address.port()
        );
        let answer = self.command(&command).await?;
        // Success is a sentence here: "IP changed from …", "no need to change the addr, port changed from …".
        if answer.contains("changed") || answer.contains("no need to change") {
            Ok(())
        } else {
            Err(refused(command, &answer))
        }
    }

    async fn silent(&self, command: String) -> Result<(), HaproxyError> {
        let answer = self.command(&command).await?;
        if answer.trim().is_empty() {
            Ok(())
        } else {
            Err(refused(command, &answer))
        }
    }

    async fn command(&self, command: &str) -> Result<String, HaproxyError> {
        let socket = || self.socket.display().to_string();
        let talk = async {
            let mut stream = UnixStream::connect(&self.socket).await?;
            stream.write_all(format!("{command}\n").as_bytes()).await?;
            let mut answer = Vec::new();
            stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        match tokio::time::timeout(self.timeout, talk).await {
            Err(_) => Err(HaproxyError::TimedOut {
                socket: socket(),
                command: command.to_owned(),
                after_ms: u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX),
            }),
            Ok(Err(e)) => Err(HaproxyError::Unreachable {
                socket: socket(),
                why: e.to_string(),
            }),
            Ok(Ok(answer)) => {
                let answer = String::from_utf8_lossy(&answer).into_owned();
                if answer.starts_with("Unknown command") || answer.starts_with("Permission denied") {
                    return Err(refused(
                        command.to_owned(),
                        answer.lines().next().unwrap_or_default(),
                    ));
                }
                Ok(answer)
            }
        }
    }
}

fn refused(command: String, answer: &str) -> HaproxyError {
    HaproxyError::Refused {
        command,
        text: server_text(answer),
    }
}

/// A name with a `;` or a line end would be a second command.
fn target(backend: &str, server: &str) -> Result<String, HaproxyError> {
    for name in [backend, server] {
        let plain = !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-'));
        if !plain {
            return Err(HaproxyError::Name(aisoc_model::text::sanitize(name, 80)));
        }
    }
    Ok(format!("{backend}/{server}"))
}

fn parse_stats(text: &str) -> Result<Vec<Stat>, HaproxyError> {
    let mut lines = text.lines();
    let header = lines
        .next()
        .and_then(|line| line.strip_prefix("# "))
        .ok_or_else(|| HaproxyError::Unreadable("no header line".to_owned()))?;
    let columns: HashMap<&str, usize> = header
        .split(',')
        .enumerate()
        .map(|(at, name)| (name, at))
        .collect();
    for needed in [
        "pxname", "svname", "type", "status", "weight", "scur", "stot", "rate",
    ] {
        if !columns.contains_key(needed) {
            return Err(HaproxyError::Unreadable(format!("no column '{needed}'")));
        }
    }
    Ok(lines
        .filter(|line| !line.trim().is_empty())
        .filter_map(|line| {
            let cells = cells(line);
            let cell = |name: &str| -> &str {
                columns
                    .get(name)
                    .and_then(|at| cells.get(*at))
                    .map_or("", String::as_str)
            };
            let number = |name: &str| cell(name).parse::<u64>().unwrap_or(0);
            let kind = match cell("type") {
                "0" => StatKind::Frontend,
                "1" => StatKind::Backend,
                "2" => StatKind::Server,
                "3" => StatKind::Listener,
                _ => return None,
            };
            let code = cell("check_code");
            // "* L7OK" marks a check in progress; it would flip the text twice a second.
            let check = cell("check_status").trim_start_matches("* ");
            Some(Stat {
                proxy: cell("pxname").to_owned(),
                server: cell("svname").to_owned(),
                kind,
                status: cell("status").to_owned(),
                weight: cell("weight").parse().unwrap_or(0),
                sessions: number("scur"),
                queued: number("qcur"),
                sessions_total: number("stot"),
                rate: number("rate"),
                answers_5xx: number("hrsp_5xx"),
                connection_errors: number("econ"),
                response_ms: number("rtime"),
                check: if code.is_empty() {
                    check.to_owned()
                } else {
                    format!("{check}/{code}")
                },
                agent: cell("agent_status").trim_start_matches("* ").to_owned(),
                address: cell("addr").to_owned(),
            })
        })
        .collect())
}

/// The cells of a CSV line; a quoted cell may hold commas (`last_chk` does).
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => {
                if let Some(cell) = cells.last_mut() {
                    cell.push(c);
                }
            }
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_read_by_column_name() {
        let text = "# pxname,svname,scur,stot,status,weight,type,rate,check_status,check_code,last_chk,addr,\n\
                    api,us-east-1a,3,120,UP,100,2,17,* L7OK,200,\"OK, really\",127.0.0.1:9,\n\
                    api,BACKEND,3,120,UP,100,1,17,,,,,\n\n";
        let stats = parse_stats(text).unwrap();
        assert_eq!(stats.len(), 2);
        assert_eq!(
            (
                stats[0].kind,
                stats[0].sessions,
                stats[0].rate,
                stats[0].check.as_str()
            ),
            (StatKind::Server, 3, 17, "L7OK/200")
        );
        assert_eq!(stats[0].address, "127.0.0.1:9");
        assert!(parse_stats("nonsense").is_err());
    }

    #[test]
    fn a_name_cannot_smuggle_a_command() {
        assert!(target("api", "a;disable frontend x").is_err());
        assert!(target("api", "a\nshow").is_err());
        assert_eq!(target("api", "us-east-1a").unwrap(), "api/us-east-1a");
    }
}
