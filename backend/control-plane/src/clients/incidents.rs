//! How incidents were handled, in one bounded query: the newest incidents of a week, by tenant and gravest level.

use super::postgres::{MemberDatabase, PostgresError};
use aisoc_model::sla::{SlaFigures, Spread};
use sqlx::Row;
use sqlx::postgres::PgRow;

/// Window, seconds: a week.
pub const WINDOW_SECONDS: u32 = 7 * 24 * 3_600;

/// The newest incidents only, and not for long: a report must never be what makes the writer slow.
const BOUNDS: &str = "SET statement_timeout = '2s'";
const FIGURES: &str = "\
    WITH recent AS (
        SELECT tenant, id, status, first_seen, created_at, acknowledged_at, closed_at FROM incidents
        WHERE status <> 'merged' AND created_at > now() - make_interval(secs => $1)
        ORDER BY created_at DESC LIMIT 10000),
    graded AS (
        SELECT r.*, coalesce((
            SELECT a.level FROM incident_alerts l JOIN alerts a ON a.tenant = l.tenant AND a.id = l.alert_id
            WHERE l.tenant = r.tenant AND l.incident_id = r.id
            ORDER BY array_position(ARRAY['critical', 'high', 'medium', 'low', 'informational'], a.level) LIMIT 1),
            'unknown') AS level,
            extract(epoch FROM greatest(r.created_at - r.first_seen, '0'))::float8 AS detect,
            extract(epoch FROM r.acknowledged_at - r.created_at)::float8 AS acknowledge,
            extract(epoch FROM r.closed_at - r.created_at)::float8 AS resolve
        FROM recent r)
    SELECT g.tenant, t.name, g.level, (s.acknowledge_minutes->>g.level)::int AS minutes,
        count(*) AS incidents,
        count(*) FILTER (WHERE g.acknowledged_at IS NULL) AS unacknowledged,
        count(*) FILTER (WHERE coalesce(g.acknowledged_at, now()) - g.created_at
            > make_interval(mins => (s.acknowledge_minutes->>g.level)::int)) AS breached,
        count(detect) AS detect_count, avg(detect) AS detect_mean,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY detect) AS detect_p50,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY detect) AS detect_p95,
        count(acknowledge) AS acknowledge_count, avg(acknowledge) AS acknowledge_mean,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY acknowledge) AS acknowledge_p50,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY acknowledge) AS acknowledge_p95,
        count(resolve) AS resolve_count, avg(resolve) AS resolve_mean,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY resolve) AS resolve_p50,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY resolve) AS resolve_p95
    FROM graded g JOIN tenants t ON t.id = g.tenant LEFT JOIN tenant_sla_config s ON s.tenant = g.tenant
    GROUP BY g.tenant, t.name, g.level, s.acknowledge_minutes
    ORDER BY g.tenant, g.level LIMIT 500";

/// One tenant and level, as the database counts it.
#[derive(Debug, Clone, PartialEq)]
pub struct Handled {
    /// Tenant id.
    pub tenant: String,
    /// Tenant's name.
    pub name: String,
    /// Gravest level of the incidents' alerts.
    pub level: String,
    /// Minutes to acknowledge, if agreed.
    pub acknowledge_minutes: Option<u32>,
    /// The figures.
    pub figures: SlaFigures,
}

/// What one member says. A replica may say it a little late.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// By tenant and level; `None` where the database holds no incidents table.
    pub handled: Option<Vec<Handled>>,
    /// The member accepts writes.
    pub writer: bool,
}

/// Asks one member.
///
/// # Errors
/// See [`PostgresError`].
pub async fn handled(member: &MemberDatabase) -> Result<Answer, PostgresError> {
    let asked = member
        .with("reading how incidents were handled", |connection| {
            Box::pin(async move {
                sqlx::query(BOUNDS).execute(&mut *connection).await?;
                let writer = sqlx::query_scalar::<_, bool>("SELECT NOT pg_is_in_recovery()")
                    .fetch_one(&mut *connection)
                    .await?;
                let rows = sqlx::query(FIGURES)
                    .bind(f64::from(WINDOW_SECONDS))
                    .fetch_all(connection)
                    .await?;
                let handled = rows.iter().map(row).collect::<Result<_, sqlx::Error>>()?;
                Ok(Answer {
                    handled: Some(handled),
                    writer,
                })
            })
        })
        .await;
    match asked {
        // undefined_table, undefined_column: another schema than the product's; nothing to report from.
        Err(PostgresError::Query { sqlstate, .. }) if sqlstate == "42P01" || sqlstate == "42703" => {
            Ok(Answer {
                handled: None,
                writer: true,
            })
        }
        other => other,
    }
}

fn row(row: &PgRow) -> Result<Handled, sqlx::Error> {
    let count = |name: &str| -> Result<u64, sqlx::Error> {
        let count: i64 = row.try_get(name)?;
        Ok(u64::try_from(count).unwrap_or(0))
    };
    let spread = |what: &str| -> Result<Option<Spread>, sqlx::Error> {
        let figure = |part: &str| row.try_get::<Option<f64>, _>(format!("{what}_{part}").as_str());
        let measured = count(&format!("{what}_count"))?;
        Ok(match (figure("mean")?, figure("p50")?, figure("p95")?) {
            (Some(mean), Some(p50), Some(p95)) if measured > 0 => Some(Spread {
                count: measured,
                mean,
                p50,
                p95,
            }),
            _ => None,
        })
    };
    let minutes: Option<i32> = row.try_get("minutes")?;
    Ok(Handled {
        tenant: row.try_get("tenant")?,
        name: row.try_get("name")?,
        level: row.try_get("level")?,
        acknowledge_minutes: minutes.and_then(|m| u32::try_from(m).ok()),
        figures: SlaFigures {
            incidents: count("incidents")?,
            unacknowledged: count("unacknowledged")?,
            breached: count("breached")?,
            detect: spread("detect")?,
            acknowledge: spread("acknowledge")?,
            resolve: spread("resolve")?,
        },
    })
}
