use crate::operations::journal::{FILE, Journal, JournalError, show};
use aisoc_model::journal::{Broken, Entry};
use aisoc_model::{Clock, SystemClock};
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use std::path::Path;

async fn filled(dir: &Path) -> Journal {
    let journal = Journal::open(dir).await.unwrap();
    for n in 0..5 {
        let body = format!("{{\"n\":{n}}}");
        journal
            .append(SystemClock.now(), "op", "intent", body)
            .await
            .unwrap();
    }
    journal
}

async fn tamper(dir: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(dir.join(FILE));
    let mut file = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("DROP TRIGGER IF EXISTS entries_no_update; DROP TRIGGER IF EXISTS entries_no_delete;")
        .execute(&mut file)
        .await
        .unwrap();
    sqlx::raw_sql(sql).execute(&mut file).await.unwrap();
    file.close().await.unwrap();
}

#[tokio::test]
async fn a_chain_survives_reopening_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    drop(filled(dir.path()).await);
    let journal = Journal::open(dir.path()).await.unwrap();
    assert_eq!(journal.verify().await.unwrap(), 5);
    journal
        .append(SystemClock.now(), "op", "result", "{}".into())
        .await
        .unwrap();
    assert_eq!(journal.verify().await.unwrap(), 6);
    assert_eq!(journal.entries_of("op").await.unwrap().len(), 6);
    assert!(journal.entries_of("other").await.unwrap().is_empty());
}

#[tokio::test]
async fn entries_cannot_be_changed_by_a_slip_and_a_crime_is_seen() {
    let cases = [
        ("UPDATE entries SET body = '{}' WHERE seq = 3", Broken::Content(3)),
        (
            "UPDATE entries SET at = '2020-01-01T00:00:00Z' WHERE seq = 2",
            Broken::Content(2),
        ),
        (
            "DELETE FROM entries WHERE seq = 2",
            Broken::Gap {
                expected: 2,
                found: 3,
            },
        ),
        (
            "UPDATE entries SET previous = hash WHERE seq = 4",
            Broken::Link(4),
        ),
    ];
    for (sql, broken) in cases {
        let dir = tempfile::tempdir().unwrap();
        let journal = filled(dir.path()).await;
        let options = SqliteConnectOptions::new().filename(dir.path().join(FILE));
        let mut file = SqliteConnection::connect_with(&options).await.unwrap();
        let slip = sqlx::raw_sql(sql).execute(&mut file).await.unwrap_err();
        assert!(slip.to_string().contains("append-only"), "{slip}");
        tamper(dir.path(), sql).await;
        match journal.verify().await {
            Err(JournalError::Broken { broken: found, .. }) => assert_eq!(found, broken),
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_export_can_be_verified_without_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let journal = filled(dir.path()).await;
    let mut out = Vec::new();
    let exported = journal.export(None, &mut out).await.unwrap();
    assert_eq!((exported.exported, exported.broken), (5, None));
    let text = String::from_utf8(out).unwrap();
    assert_eq!(
        text.lines().last(),
        Some(r#"{"verified":{"broken":null,"entries":5,"exported":5}}"#)
    );
    let entries: Vec<Entry> = text
        .lines()
        .take(5)
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(aisoc_model::journal::verify(&entries), Ok(5));
    assert!(show(&entries[0]).contains("intent"));
}

#[tokio::test]
async fn reading_needs_a_journal_and_never_writes() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Journal::open_read_only(dir.path()).await.is_err());
    drop(filled(dir.path()).await);
    let reader = Journal::open_read_only(dir.path()).await.unwrap();
    assert_eq!(reader.verify().await.unwrap(), 5);
    assert!(
        reader
            .append(SystemClock.now(), "op", "intent", "{}".into())
            .await
            .is_err()
    );
}
