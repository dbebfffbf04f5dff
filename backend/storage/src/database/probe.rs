//! Asking the hosts who takes writes.
//!
//! Every host is asked by its own task over one connection that stays open while the search lasts: a promotion is
//! seen within [`POLL`] and costs no new authentication. The tasks end with the search.

use super::hosts::Role;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, Row};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Pause between two questions to one host.
const POLL: Duration = Duration::from_millis(100);
/// How long the others may still answer after a first good answer: two hosts may both claim to take writes, and a
/// preferred reader may be a little slower.
const GRACE: Duration = Duration::from_millis(60);
const READER_GRACE: Duration = Duration::from_millis(300);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Writer { timeline: i32 },
    Replica,
    No(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Writer { timeline } => write!(f, "writer on timeline {timeline}"),
            Self::Replica => f.write_str("read-only"),
            Self::No(why) => f.write_str(why),
        }
    }
}

/// The host for `role`, or what every host said when time was over.
pub(super) async fn search(
    role: Role,
    hosts: Vec<PgConnectOptions>,
    connect: Duration,
    deadline: Instant,
) -> Result<usize, BTreeMap<usize, Answer>> {
    let count = hosts.len();
    let (answers, mut heard) = mpsc::channel(count.max(1));
    let mut tasks = JoinSet::new();
    for (host, options) in hosts.into_iter().enumerate() {
        tasks.spawn(ask_repeatedly(host, options, connect, answers.clone()));
    }
    let mut latest = BTreeMap::new();
    let mut until = deadline;
    while let Ok(Some((host, answer))) = tokio::time::timeout_at(until, heard.recv()).await {
        latest.insert(host, answer);
        if decided(role, &latest, count) {
            break;
        }
        if best(role, &latest).is_some() {
            let grace = if role == Role::Writer { GRACE } else { READER_GRACE };
            until = until.min(Instant::now() + grace);
        }
    }
    best(role, &latest).ok_or(latest)
}

/// No answer still to come can change the choice.
fn decided(role: Role, latest: &BTreeMap<usize, Answer>, count: usize) -> bool {
    match best(role, latest) {
        None => false,
        Some(host) => {
            latest.len() == count || (role == Role::Reader && (0..host).all(|h| latest.contains_key(&h)))
        }
    }
}

/// Writer: the highest timeline, because an old writer that was not fenced stays on the lower one. Reader: the
/// first of the list.
fn best(role: Role, latest: &BTreeMap<usize, Answer>) -> Option<usize> {
    let timeline = |answer: &Answer| match answer {
        Answer::Writer { timeline } => Some(*timeline),
        _ => None,
    };
    match role {
        Role::Writer => {
            let writers = latest
                .iter()
                .filter_map(|(host, answer)| Some((timeline(answer)?, *host)));
            writers
                .max_by_key(|(timeline, host)| (*timeline, std::cmp::Reverse(*host)))
                .map(|(_, host)| host)
        }
        Role::Reader => latest
            .iter()
            .find(|(_, a)| !matches!(a, Answer::No(_)))
            .map(|(host, _)| *host),
    }
}

async fn ask_repeatedly(
    host: usize,
    options: PgConnectOptions,
    bound: Duration,
    answers: mpsc::Sender<(usize, Answer)>,
) {
    let mut connection: Option<PgConnection> = None;
    loop {
        let answer = match tokio::time::timeout(bound, ask(&options, connection.take())).await {
            Ok(Ok((open, answer))) => {
                connection = Some(open);
                answer
            }
            Ok(Err(error)) => Answer::No(aisoc_model::text::sanitize(&error.to_string(), 200)),
            Err(_) => Answer::No(format!("no answer within {bound:?}")),
        };
        if answers.send((host, answer)).await.is_err() {
            return;
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn ask(options: &PgConnectOptions, open: Option<PgConnection>) -> sqlx::Result<(PgConnection, Answer)> {
    let mut connection = match open {
        Some(connection) => connection,
        None => PgConnection::connect_with(options).await?,
    };
    let row = sqlx::query(
        "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool AS read_only, \
         CASE WHEN pg_is_in_recovery() THEN 0 \
         ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END AS timeline",
    )
    .fetch_one(&mut connection)
    .await?;
    let answer = if row.try_get("read_only")? {
        Answer::Replica
    } else {
        Answer::Writer {
            timeline: row.try_get("timeline")?,
        }
    };
    Ok((connection, answer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const W1: Answer = Answer::Writer { timeline: 1 };
    const W2: Answer = Answer::Writer { timeline: 2 };

    fn no() -> Answer {
        Answer::No("connection refused".into())
    }

    #[rstest]
    #[case::only_writer(vec![Answer::Replica, W1], Some(1))]
    #[case::newest_timeline_wins(vec![W1, W2, Answer::Replica], Some(1))]
    #[case::order_decides_a_draw(vec![W1, W1], Some(0))]
    #[case::none(vec![Answer::Replica, no()], None)]
    fn writer(#[case] said: Vec<Answer>, #[case] host: Option<usize>) {
        assert_eq!(best(Role::Writer, &said.into_iter().enumerate().collect()), host);
    }

    #[rstest]
    #[case::first(vec![Answer::Replica, W1], Some(0))]
    #[case::next(vec![no(), Answer::Replica, W1], Some(1))]
    #[case::none(vec![no(), no()], None)]
    fn reader(#[case] said: Vec<Answer>, #[case] host: Option<usize>) {
        assert_eq!(best(Role::Reader, &said.into_iter().enumerate().collect()), host);
    }

    #[test]
    fn a_writer_waits_for_the_others_a_reader_only_for_preferred_ones() {
        let latest = BTreeMap::from([(0, W1)]);
        assert!(!decided(Role::Writer, &latest, 3));
        assert!(decided(Role::Reader, &latest, 3));
        assert!(!decided(Role::Reader, &BTreeMap::from([(1, W1)]), 3));
    }
}
