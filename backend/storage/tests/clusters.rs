//! Several database clusters: each tenant's data is in its own and nowhere else; against two real PostgreSQL servers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use aisoc_model::ClusterName;
use aisoc_model::event::Tenant;
use aisoc_storage::annotations::{self, Annotation};
use aisoc_storage::database::Limits;
use aisoc_storage::tenants::{self, TokenGrant};
use aisoc_storage::{ClusterUrls, Clusters, Database, Error, incidents};
use jiff::Timestamp;
use std::time::Duration;
use support::{Postgres, dsn};
use uuid::Uuid;

const BUDGET: Duration = Duration::from_secs(5);

fn grant(id: &str, home: &str, cluster: Option<&str>) -> TokenGrant {
    TokenGrant {
        token_sha256: tenants::hash_token(id),
        tenant: Tenant {
            id: id.into(),
            name: id.into(),
            home_region: home.parse().unwrap(),
            residency: Vec::new(),
            acknowledge_minutes: [("high".to_owned(), 30)].into(),
            cluster: cluster.map(|name| name.parse().unwrap()),
        },
    }
}

fn clusters(named: &[(&str, &Postgres)]) -> Clusters {
    let urls = named
        .iter()
        .map(|(name, server)| (name.parse().unwrap(), dsn(&[server])));
    // Short patience: one of them is away for a while.
    let limits = Limits {
        resolve: Duration::from_secs(1),
        ..Limits::default()
    };
    Clusters::with_limits(&ClusterUrls::several(urls.collect()).unwrap(), limits).unwrap()
}

fn note(tenant: &str) -> Annotation {
    Annotation {
        id: Uuid::now_v7(),
        tenant: tenant.into(),
        subject: "incident-1".into(),
        text: "seen".into(),
        origin: "eu-west-1/api-a".into(),
        created_at: Timestamp::now(),
    }
}

async fn ready(clusters: &Clusters) {
    let problems = clusters.migrate().await;
    assert!(problems.is_empty(), "{problems:?}");
    clusters.share_directory().await.unwrap();
}

/// Rows of each tenant in every table that holds data of tenants.
fn rows(server: &Postgres) -> String {
    server.sql(
        "aisoc",
        "SELECT coalesce(string_agg(line, ' ' ORDER BY line), '') FROM (SELECT tenant || ':' || count(*) AS line FROM \
         (SELECT tenant FROM annotations UNION ALL SELECT tenant FROM audit UNION ALL SELECT tenant FROM alerts \
         UNION ALL SELECT tenant FROM incidents UNION ALL SELECT tenant FROM investigations) d GROUP BY tenant) l",
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_data_is_in_its_cluster_and_nowhere_else() {
    let (mut main, eu) = (Postgres::start(), Postgres::start());
    let both = clusters(&[("main", &main), ("eu", &eu)]);
    assert!(both.migrate().await.is_empty());
    let grants = [
        grant("acme", "us-east-1", None),
        grant("initech-eu", "eu-west-1", Some("eu")),
    ];
    tenants::seed_local(both.first(), &grants).await.unwrap();
    both.share_directory().await.unwrap();
    let [acme, initech] = grants.map(|grant| grant.tenant);

    for tenant in [&acme, &initech, &initech] {
        let database = both.of(tenant).unwrap();
        annotations::insert(database, BUDGET, &note(&tenant.id))
            .await
            .unwrap();
    }
    // A note and what the audit says of it.
    assert_eq!((rows(&main), rows(&eu)), ("acme:2".into(), "initech-eu:4".into()));

    // Whoever has the wrong cluster in its hands is refused by the database itself.
    for (database, stranger) in [(both.first(), "initech-eu"), (both.of(&initech).unwrap(), "acme")] {
        let refused = annotations::insert(database, BUDGET, &note(stranger))
            .await
            .unwrap_err();
        assert!(!refused.is_transient(), "{refused}");
        assert!(
            refused
                .to_string()
                .contains("belongs to another database cluster"),
            "{refused}"
        );
    }
    assert_eq!((rows(&main), rows(&eu)), ("acme:2".into(), "initech-eu:4".into()));
    // So is a service that knows only one of them, before it asks.
    let only = clusters(&[("main", &main)]);
    let refused = only.of(&initech).unwrap_err();
    assert!(matches!(refused, Error::UnknownCluster { .. }), "{refused}");
    assert!(refused.to_string().contains("--database eu=URL"), "{refused}");
    assert!(only.migrate().await.is_empty());

    // Connection strings that are mixed up are found out, also when only the order is wrong.
    for named in [[("main", &eu), ("eu", &main)], [("eu", &eu), ("main", &main)]] {
        let problems = clusters(&named).migrate().await;
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(
            problems
                .iter()
                .all(|(_, e)| matches!(e, Error::OtherCluster { .. })),
            "{problems:?}"
        );
    }
    // A tenant does not move because somebody says so.
    let moved = tenants::seed_local(both.first(), &[grant("initech-eu", "eu-west-1", None)]).await;
    assert!(matches!(moved, Err(Error::Moved(_))), "{moved:?}");

    // Everyone's lane, by the directory; and by its copy while its home is away.
    let names = |names: &[&str]| {
        names
            .iter()
            .map(|n| n.parse().unwrap())
            .collect::<Vec<ClusterName>>()
    };
    let lanes = both.lanes();
    assert_eq!(
        lanes.iter().map(|lane| lane.name().clone()).collect::<Vec<_>>(),
        names(&["main", "eu"])
    );
    assert_eq!(
        (lanes[0].group("fusion"), lanes[1].group("fusion")),
        ("fusion".into(), "fusion@eu".into())
    );
    assert!(lanes[1].owns("initech-eu").await.unwrap() && !lanes[0].owns("initech-eu").await.unwrap());
    let unknown = lanes[0].owns("nobody").await.unwrap_err();
    assert!(matches!(unknown, Error::UnknownTenant(_)), "{unknown}");
    main.kill();
    let fresh = clusters(&[("main", &main), ("eu", &eu)]);
    assert!(fresh.lanes()[1].owns("initech-eu").await.unwrap());
    assert!(
        !fresh.lanes()[1].owns("acme").await.unwrap(),
        "the copy knows where the others are, too"
    );
    assert!(
        fresh.lanes()[1].owns("nobody").await.is_err(),
        "a copy that does not know says nothing"
    );
    assert_eq!(fresh.grants().await.unwrap().len(), 2);
    assert_eq!(
        fresh.migrate().await.len(),
        1,
        "the other one is ready all the same"
    );
    let database = fresh.of(&initech).unwrap();
    annotations::insert(database, BUDGET, &note("initech-eu"))
        .await
        .unwrap();
    assert!(
        incidents::list(database, "initech-eu", None, 10)
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_copy_of_the_directory_follows() {
    let (main, eu) = (Postgres::start(), Postgres::start());
    let both = clusters(&[("main", &main), ("eu", &eu)]);
    ready(&both).await;
    let grants = [
        grant("acme", "us-east-1", None),
        grant("initech-eu", "eu-west-1", Some("eu")),
    ];
    tenants::seed_local(both.first(), &grants).await.unwrap();
    let copy = Database::connect_lazy(&dsn(&[&eu])).unwrap();
    assert!(tenants::list(&copy).await.unwrap().is_empty());
    both.share_directory().await.unwrap();
    assert_eq!(
        tenants::list(&copy).await.unwrap(),
        tenants::list(both.first()).await.unwrap()
    );
    main.sql(
        "aisoc",
        "UPDATE api_tokens SET revoked_at = now() WHERE tenant = 'acme'",
    );
    main.sql("aisoc", "DELETE FROM api_tokens WHERE tenant = 'initech-eu'");
    assert_eq!(tenants::grants(&copy).await.unwrap().len(), 2);
    both.share_directory().await.unwrap();
    assert_eq!(
        tenants::grants(&copy).await.unwrap(),
        [],
        "neither a revoked nor a deleted token works there"
    );
    assert_eq!(tenants::list(&copy).await.unwrap().len(), 2);
}
