//! A row that is written about once a second: proof that the writer writes, and, by its age, how far a replica is
//! behind in seconds.

use crate::database::{Connection, Database};
use crate::error::Result;
use crate::row;
use jiff::Timestamp;
use sqlx::{PgConnection, Row};

/// The last sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// When it was written, by the clock of who wrote it.
    pub at: Timestamp,
    /// Who wrote it.
    pub node: String,
}

/// Writes the row on the writer.
///
/// # Errors
/// When no writer is found in time.
pub async fn beat(database: &Database, node: &str, at: Timestamp) -> Result<()> {
    let write = async |mut c: Connection| beat_on(&mut c, node, at).await;
    database.write("write the heartbeat", write).await
}

/// The same on a given connection, for who holds one to each node.
///
/// # Errors
/// The server's; SQLSTATE 25006 on a replica.
pub async fn beat_on(connection: &mut PgConnection, node: &str, at: Timestamp) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO heartbeat (id, at, node) VALUES (1, $1, $2) \
         ON CONFLICT (id) DO UPDATE SET at = excluded.at, node = excluded.node",
    )
    .bind(row::to_sql(at))
    .bind(node)
    .execute(connection)
    .await
    .map(|_| ())
}

/// The row as a node sees it; `None` before the first beat arrived there.
///
/// # Errors
/// The server's; `undefined_table` before the schema arrived there.
pub async fn read_on(connection: &mut PgConnection) -> sqlx::Result<Option<Heartbeat>> {
    let row = sqlx::query("SELECT at, node FROM heartbeat WHERE id = 1")
        .fetch_optional(connection)
        .await?;
    row.map(|row| {
        Ok(Heartbeat {
            at: row::time(&row, "at")?,
            node: row.try_get("node")?,
        })
    })
    .transpose()
}
