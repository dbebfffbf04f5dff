//! Reading events back: pages for people, and the surroundings of an entity for an investigation.

use super::day::{Day, absent};
use super::{EventStore, failed};
use crate::error::{Error, EventStoreCause, Result};
use crate::page::MAX_LIMIT;
use crate::trace;
use aisoc_model::event::{Entities, EventClass, EventRecord};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use sqlx::Row;
use std::time::Duration;
use tokio::time::Instant;
use tracing::Instrument;

/// Longest time a search over all days may take.
const BOUND: Duration = Duration::from_secs(5);

/// What to look for; an empty filter matches everything.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Host, lower case.
    pub host: Option<String>,
    /// User, lower case.
    pub user: Option<String>,
    /// Address.
    pub ip: Option<String>,
    /// Class.
    pub class: Option<EventClass>,
    /// Lowest severity.
    pub min_severity: Option<u8>,
    /// Earliest event time.
    pub since: Option<Timestamp>,
    /// Latest event time.
    pub until: Option<Timestamp>,
}

/// A page of events, newest accepted first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventPage {
    /// Events.
    pub items: Vec<EventRecord>,
    /// Pass it as `after` for the next page.
    pub next: Option<String>,
}

/// Position in the store: a day and a row in it.
struct Position {
    date: Date,
    row: i64,
}

impl std::str::FromStr for Position {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let position = || {
            let (date, row) = text.split_once('~')?;
            Some(Self {
                date: date.parse().ok()?,
                row: row.parse().ok()?,
            })
        };
        position().ok_or_else(|| Error::BadCursor(aisoc_model::text::sanitize(text, 80)))
    }
}

impl EventStore {
    /// A tenant's events that match `filter`, the latest accepted first.
    ///
    /// # Errors
    /// [`Error::BadCursor`], or when a file cannot be read in time.
    pub async fn query(
        &self,
        tenant: &str,
        filter: &EventFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<EventPage> {
        let span = trace::event_store("query events");
        let page = self.page(tenant, filter, after, limit).instrument(span.clone());
        let page = page.await;
        if page.is_err() {
            trace::failed(&span);
        }
        page
    }

    async fn page(
        &self,
        tenant: &str,
        filter: &EventFilter,
        after: Option<&str>,
        limit: u32,
    ) -> Result<EventPage> {
        let limit = limit.clamp(1, MAX_LIMIT) as usize;
        let start = after.map(str::parse::<Position>).transpose()?;
        let deadline = Instant::now() + BOUND;
        let mut items = Vec::new();
        let mut next = None;
        for date in self.dates()?.into_iter().rev() {
            let below = match &start {
                Some(start) if date > start.date => continue,
                Some(start) if date == start.date => start.row,
                _ => i64::MAX,
            };
            let day = self.day(date).await?;
            let room = limit + 1 - items.len();
            for (row, event) in within(deadline, &day, day.matching(tenant, filter, below, room)).await? {
                if items.len() == limit {
                    return Ok(EventPage { items, next });
                }
                next = Some(format!("{date}~{row}"));
                items.push(event);
            }
        }
        Ok(EventPage { items, next: None })
    }

    /// A tenant's events around `at` (event time, `within` to both sides) that share the host, the user or the
    /// address with `entities`; the nearest days of acceptance first, at most `limit`, ordered by event time.
    ///
    /// # Errors
    /// When a file cannot be read in time.
    pub async fn around_entity(
        &self,
        tenant: &str,
        entities: &Entities,
        at: Timestamp,
        around: Duration,
        limit: u32,
    ) -> Result<Vec<EventRecord>> {
        let span = trace::event_store("events around an entity");
        let near = self
            .near(tenant, entities, at, around, limit)
            .instrument(span.clone());
        let near = near.await;
        if near.is_err() {
            trace::failed(&span);
        }
        near
    }

    async fn near(
        &self,
        tenant: &str,
        entities: &Entities,
        at: Timestamp,
        around: Duration,
        limit: u32,
    ) -> Result<Vec<EventRecord>> {
        let limit = limit.clamp(1, MAX_LIMIT) as usize;
        let half = i64::try_from(around.as_micros()).unwrap_or(i64::MAX);
        let centre = at.as_microsecond();
        let (from, to) = (centre.saturating_sub(half), centre.saturating_add(half));
        let deadline = Instant::now() + BOUND;
        let mut found = Vec::new();
        for date in self.dates()?.into_iter().rev() {
            if found.len() >= limit {
                break;
            }
            let day = self.day(date).await?;
            let room = limit - found.len();
            found.extend(within(deadline, &day, day.around(tenant, entities, from, to, room)).await?);
        }
        found.sort_by(|a, b| {
            a.event_time
                .cmp(&b.event_time)
                .then_with(|| a.event_id.cmp(&b.event_id))
        });
        Ok(found)
    }
}

async fn within<T>(deadline: Instant, day: &Day, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout_at(deadline, work)
        .await
        .unwrap_or_else(|_| Err(failed("search", &day.path, EventStoreCause::Timeout(BOUND))))
}

impl Day {
    async fn matching(
        &self,
        tenant: &str,
        filter: &EventFilter,
        below: i64,
        limit: usize,
    ) -> Result<Vec<(i64, EventRecord)>> {
        let rows = sqlx::query(
            "SELECT id, record FROM events WHERE tenant = ?1 AND id < ?2 \
             AND (?3 IS NULL OR host = ?3) AND (?4 IS NULL OR user = ?4) AND (?5 IS NULL OR ip = ?5) \
             AND (?6 IS NULL OR class = ?6) AND (?7 IS NULL OR severity >= ?7) \
             AND (?8 IS NULL OR event_time >= ?8) AND (?9 IS NULL OR event_time <= ?9) \
             ORDER BY id DESC LIMIT ?10",
        )
        .bind(tenant)
        .bind(below)
        .bind(&filter.host)
        .bind(&filter.user)
        .bind(&filter.ip)
        .bind(filter.class.map(EventClass::uid))
        .bind(filter.min_severity)
        .bind(filter.since.map(Timestamp::as_microsecond))
        .bind(filter.until.map(Timestamp::as_microsecond))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await
        .or_else(absent)
        .map_err(|source| failed("search", &self.path, source))?;
        let parse = |row: &sqlx::sqlite::SqliteRow| {
            let failed = |source: sqlx::Error| failed("read a stored event", &self.path, source);
            let record: String = row.try_get("record").map_err(failed)?;
            Ok((row.try_get("id").map_err(failed)?, self.parse(&record)?))
        };
        rows.iter().map(parse).collect()
    }

    async fn around(
        &self,
        tenant: &str,
        entities: &Entities,
        from: i64,
        to: i64,
        limit: usize,
    ) -> Result<Vec<EventRecord>> {
        // One indexed search for each entity; UNION removes what is found twice.
        let records: Vec<String> = sqlx::query_scalar(
            "SELECT record FROM (\
             SELECT id, event_time FROM events WHERE tenant = ?1 AND host = ?2 AND event_time BETWEEN ?5 AND ?6 \
             UNION SELECT id, event_time FROM events WHERE tenant = ?1 AND user = ?3 AND event_time BETWEEN ?5 AND ?6 \
             UNION SELECT id, event_time FROM events WHERE tenant = ?1 AND ip = ?4 AND event_time BETWEEN ?5 AND ?6 \
             ORDER BY event_time DESC LIMIT ?7) AS near JOIN events USING (id)",
        )
        .bind(tenant)
        .bind(&entities.host)
        .bind(&entities.user)
        .bind(&entities.ip)
        .bind(from)
        .bind(to)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await
        .or_else(absent)
        .map_err(|source| failed("search", &self.path, source))?;
        records.iter().map(|record| self.parse(record)).collect()
    }
}
