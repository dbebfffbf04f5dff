//! What the PostgreSQL clusters must hold before the services start, and what faults change in it.

use crate::parts::patroni::replicator;
use crate::world::World;
use crate::world::clusters::{ClusterPlan, EU, Node};
use crate::world::regions::REGIONS;
use crate::world::secrets::TENANTS;
use aisoc_model::ClusterName;
use aisoc_model::event::Tenant;
use aisoc_storage::tenants::{self, TokenGrant, hash_token};
use aisoc_storage::{ClusterUrls, Clusters};
use anyhow::{Context, bail};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection, Row};
use std::collections::BTreeMap;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// Connects as the superuser to a region's node.
async fn connect(world: &World, port: u16, database: &str) -> anyhow::Result<PgConnection> {
    let options = PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .username("postgres")
        .password(&world.secrets.postgres)
        .database(database)
        .application_name("aisoc-local")
        .ssl_mode(PgSslMode::Disable);
    tokio::time::timeout(PATIENCE, options.connect())
        .await
        .context("no answer")?
        .context("connecting")
}

/// The node of a cluster that takes writes now: its region, and a connection to it.
///
/// # Errors
/// When none does.
pub async fn writer(
    world: &World,
    cluster: &'static ClusterPlan,
) -> anyhow::Result<(&'static str, PgConnection)> {
    let mut problems = Vec::new();
    for node in cluster.nodes() {
        let attempt = async {
            let mut connection = connect(world, node.port(&world.ports, "postgres"), "postgres").await?;
            let query = sqlx::query("SELECT pg_is_in_recovery()").fetch_one(&mut connection);
            let row = tokio::time::timeout(PATIENCE, query)
                .await
                .context("no answer")??;
            Ok::<_, anyhow::Error>((connection, row.try_get::<bool, _>(0)?))
        };
        match attempt.await {
            Ok((connection, false)) => return Ok((node.region.name, connection)),
            Ok(_) => problems.push(format!("{node}: a replica")),
            Err(e) => problems.push(format!("{node}: {e:#}")),
        }
    }
    bail!("no PostgreSQL node takes writes ({})", problems.join("; "))
}

/// Roles, database, schema, tenants. Run again it changes nothing, except that it heals replication that was cut.
///
/// # Errors
/// When there is no writer or it refuses.
pub async fn prepare(world: &World) -> anyhow::Result<()> {
    let home = REGIONS.first().map_or("", |r| r.name);
    let mut urls = Vec::new();
    for cluster in world.clusters() {
        let (_, mut connection) = writer(world, cluster).await?;
        for statement in role_statements(world) {
            execute(&mut connection, &statement).await?;
        }
        let exists = sqlx::query("SELECT 1 FROM pg_database WHERE datname = 'aisoc'")
            .fetch_optional(&mut connection)
            .await?;
        if exists.is_none() {
            execute(&mut connection, "CREATE DATABASE aisoc OWNER aisoc").await?;
        }
        urls.push((cluster.name.parse()?, world.database_url(cluster, home)));
    }
    let clusters = Clusters::connect_lazy(&ClusterUrls::several(urls).map_err(anyhow::Error::msg)?)?;
    if let Some((cluster, error)) = clusters.migrate().await.into_iter().next() {
        return Err(error).with_context(|| format!("the schema of the cluster {cluster}"));
    }
    tenants::seed_local(clusters.first(), &grants(world)?).await?;
    clusters.share_directory().await?;
    Ok(())
}

/// Passwords are hexadecimal digits and role names are ours: nothing here needs quoting beyond what it has.
fn role_statements(world: &World) -> Vec<String> {
    let secrets = &world.secrets;
    let login = |role: &str, options: &str, password: &str| {
        [
            format!(
                "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role}; END IF; \
                 END $$"
            ),
            format!("ALTER ROLE {role} WITH LOGIN {options} PASSWORD '{password}'"),
        ]
    };
    let mut statements = Vec::new();
    for region in &REGIONS {
        statements.extend(login(
            &replicator(region.name),
            "REPLICATION",
            &secrets.replicator,
        ));
    }
    statements.extend(login("aisoc", "", &secrets.aisoc));
    statements.extend(login("aisoc_control", "", &secrets.aisoc_control));
    // The application looks at its own lag; the control plane also writes the heartbeat into the application's table.
    statements.push("GRANT pg_monitor TO aisoc, aisoc_control".to_owned());
    statements.push("GRANT aisoc TO aisoc_control".to_owned());
    statements.push("GRANT pg_checkpoint TO aisoc_control".to_owned());
    statements
}

async fn execute(connection: &mut PgConnection, statement: &str) -> anyhow::Result<()> {
    sqlx::query(AssertSqlSafe(statement.to_owned()))
        .execute(connection)
        .await
        .map(|_| ())
        .with_context(|| {
            format!(
                "executing '{}…'",
                statement.split(" PASSWORD").next().unwrap_or_default()
            )
        })
}

fn grants(world: &World) -> anyhow::Result<Vec<TokenGrant>> {
    let minutes = BTreeMap::from([
        ("critical".to_owned(), 15),
        ("high".to_owned(), 60),
        ("medium".to_owned(), 240),
        ("low".to_owned(), 1440),
    ]);
    TENANTS
        .iter()
        .filter_map(|(id, name, home, residency)| {
            let token = world.secrets.tenants.get(*id)?;
            Some((id, name, home, residency, token))
        })
        .map(|(id, name, home, residency, token)| {
            Ok(TokenGrant {
                token_sha256: hash_token(token),
                tenant: Tenant {
                    id: (*id).to_owned(),
                    name: (*name).to_owned(),
                    home_region: home.parse()?,
                    residency: residency.iter().map(|r| r.parse()).collect::<Result<_, _>>()?,
                    acknowledge_minutes: minutes.clone(),
                    cluster: cluster(world, residency),
                },
            })
        })
        .collect()
}

/// Tenants whose data has to stay in the EU are in its cluster, if there is one.
fn cluster(world: &World, residency: &[&str]) -> Option<ClusterName> {
    let in_the_eu = !residency.is_empty() && residency.iter().all(|region| region.starts_with("eu-"));
    let eu = world.clusters().find(|cluster| **cluster == EU);
    eu.filter(|_| in_the_eu)?.id()
}

/// Cuts a replica off: its role may no longer log in, and what it has open ends.
///
/// # Errors
/// When there is no writer, or the node is the writer itself.
pub async fn cut_replication(world: &World, node: Node) -> anyhow::Result<()> {
    let (writer, mut connection) = writer(world, node.cluster).await?;
    if writer == node.region.name {
        bail!("{node} holds the writer and replicates from nobody");
    }
    let role = replicator(node.region.name);
    execute(&mut connection, &format!("ALTER ROLE {role} NOLOGIN")).await?;
    sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1")
        .bind(&role)
        .execute(&mut connection)
        .await
        .with_context(|| format!("ending the replication of {node}"))?;
    Ok(())
}

/// Lets a replica connect again.
///
/// # Errors
/// When there is no writer.
pub async fn heal_replication(world: &World, node: Node) -> anyhow::Result<()> {
    let (_, mut connection) = writer(world, node.cluster).await?;
    let role = replicator(node.region.name);
    execute(&mut connection, &format!("ALTER ROLE {role} LOGIN")).await
}

/// Members that stream from the writer of a cluster now.
///
/// # Errors
/// When there is no writer.
pub async fn streaming(world: &World, cluster: &'static ClusterPlan) -> anyhow::Result<Vec<String>> {
    let (_, mut connection) = writer(world, cluster).await?;
    let rows = sqlx::query("SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'")
        .fetch_all(&mut connection)
        .await?;
    rows.iter().map(|r| Ok(r.try_get(0)?)).collect()
}
