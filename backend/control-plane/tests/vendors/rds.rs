//! RDS's and Aurora's side of the contract.

use super::aws::{KEYS, signature_is_right};
use super::{Call, EU, Mishap, Vendor, refused, region, secret, unknown};
use aisoc_control_plane::drivers::managed::rds::RdsDriver;
use aisoc_control_plane::drivers::managed::{Managed, ManagedDriver, Way};
use aisoc_model::SystemClock;
use aisoc_model::load_balancer::VendorApi;
use aisoc_model::managed::{Aurora, ManagedDatabase, Rds};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const ARN: &str = "arn:aws:rds:eu-west-1:123456789012:cluster:aisoc-eu";

struct State {
    status: &'static str,
    replica_of: Option<&'static str>,
    writer: &'static str,
    moving: bool,
}

fn xml(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/xml")], body).into_response()
}

fn problem(status: StatusCode, code: &str, message: &str) -> Response {
    xml(
        status,
        format!(
            "<ErrorResponse xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><Error><Type>Sender</Type>\
             <Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
        ),
    )
}

fn form(call: &Call) -> BTreeMap<String, String> {
    let text = String::from_utf8(call.body.to_vec()).unwrap();
    let url = reqwest::Url::parse(&format!("http://x/?{text}")).unwrap();
    url.query_pairs().into_owned().collect()
}

fn is_change(call: &Call) -> bool {
    !form(call)["Action"].starts_with("Describe")
}

fn described(state: &State) -> String {
    let source = state.replica_of.map_or_else(String::new, |source| {
        format!("<ReadReplicaSourceDBInstanceIdentifier>{source}</ReadReplicaSourceDBInstanceIdentifier>")
    });
    format!(
        "<DBInstance><DBInstanceIdentifier>aisoc-eu</DBInstanceIdentifier>\
         <DBInstanceStatus>{}</DBInstanceStatus>{source}</DBInstance>",
        state.status
    )
}

fn cluster(state: &State) -> String {
    let member = |arn: &str| {
        format!(
            "<GlobalClusterMember><DBClusterArn>{arn}</DBClusterArn><IsWriter>{}</IsWriter></GlobalClusterMember>",
            state.writer == arn
        )
    };
    let moving = if state.moving {
        format!(
            "<FailoverState><Status>failing-over</Status><ToDbClusterArn>{ARN}</ToDbClusterArn></FailoverState>"
        )
    } else {
        String::new()
    };
    format!(
        "<GlobalCluster>{moving}<GlobalClusterIdentifier>aisoc</GlobalClusterIdentifier><Status>{}</Status>\
         <GlobalClusterMembers>{}{}</GlobalClusterMembers></GlobalCluster>",
        state.status,
        member("arn:us"),
        member(ARN)
    )
}

fn answer(state: &mut State, call: &Call) -> Response {
    if !signature_is_right(call, "rds", EU, &["content-type"]) {
        return problem(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", "");
    }
    let form = form(call);
    let plain = call.method == Method::POST
        && call.uri.path() == "/"
        && call.uri.query().is_none()
        && call.header("content-type") == "application/x-www-form-urlencoded; charset=utf-8"
        && form["Version"] == "2014-10-31";
    if !plain {
        return problem(StatusCode::BAD_REQUEST, "MalformedQueryString", "");
    }
    let wrap = |action: &str, body: String| {
        xml(
            StatusCode::OK,
            format!("<{action}Response><{action}Result>{body}</{action}Result></{action}Response>"),
        )
    };
    let action = form["Action"].as_str();
    match action {
        "DescribeDBInstances" => wrap(action, format!("<DBInstances>{}</DBInstances>", described(state))),
        "PromoteReadReplica" if form["DBInstanceIdentifier"] == "aisoc-eu" => {
            if state.status != "available" {
                return problem(
                    StatusCode::BAD_REQUEST,
                    "InvalidDBInstanceState",
                    "DB instance is not in the available state",
                );
            }
            (state.status, state.replica_of) = ("modifying", None);
            wrap(action, described(state))
        }
        "DescribeGlobalClusters" => wrap(
            action,
            format!("<GlobalClusters>{}</GlobalClusters>", cluster(state)),
        ),
        "SwitchoverGlobalCluster" | "FailoverGlobalCluster"
            if form["GlobalClusterIdentifier"] == "aisoc" && form["TargetDbClusterIdentifier"] == ARN =>
        {
            let lossy = form.get("AllowDataLoss").map(String::as_str) == Some("true");
            if lossy != (action == "FailoverGlobalCluster") {
                return problem(StatusCode::BAD_REQUEST, "InvalidParameterCombination", "");
            }
            state.moving = true;
            wrap(action, cluster(state))
        }
        _ => problem(StatusCode::BAD_REQUEST, "InvalidAction", action),
    }
}

type Server = Arc<Vendor<State>>;

async fn server() -> (Server, BTreeMap<aisoc_model::RegionId, VendorApi>) {
    let server = Vendor::new(State {
        status: "available",
        replica_of: Some("arn:aws:rds:us-east-1:123456789012:db:aisoc-us"),
        writer: "arn:us",
        moving: false,
    });
    let api = server.serve(is_change, answer).await;
    (server, BTreeMap::from([(region(EU), api)]))
}

fn driver(settings: &ManagedDatabase) -> RdsDriver {
    let driver = RdsDriver::new(settings, Arc::new(SystemClock)).unwrap();
    driver.with_pause(Duration::from_millis(5))
}

#[tokio::test]
async fn a_read_replica_is_promoted_once_and_refused_while_it_backs_up() {
    let (server, api) = server().await;
    let (_dir, credentials_file) = secret(KEYS);
    let rds = driver(&ManagedDatabase::Rds(Rds {
        cluster: "main".parse().unwrap(),
        credentials_file,
        api,
        instances: BTreeMap::from([(region(EU), "aisoc-eu".to_owned())]),
        backup_retention_days: Some(7),
    }));
    let eu = region(EU);
    assert_eq!(rds.ways(), [Way::Promote]);
    server.inner().state.status = "backing-up";
    refused(rds.make_writer(&eu, Way::Promote).await, "InvalidDBInstanceState");
    server.inner().state.status = "available";
    let replica = rds.read(&eu).await.unwrap().what;
    assert!(
        matches!(&replica, Managed::Instance { status, replica_of: Some(_), .. } if status == "available"),
        "{replica:?}"
    );
    // Busy once: nothing was done, it is asked again.
    let busy = problem(StatusCode::BAD_REQUEST, "Throttling", "Rate exceeded");
    server.next(Mishap::Answer(busy));
    rds.make_writer(&eu, Way::Promote).await.unwrap();
    let last = form(server.changes(is_change).last().unwrap());
    let wanted = [
        ("Action", "PromoteReadReplica"),
        ("BackupRetentionPeriod", "7"),
        ("DBInstanceIdentifier", "aisoc-eu"),
        ("Version", "2014-10-31"),
    ];
    let wanted = wanted.map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(last, BTreeMap::from(wanted));
    let promoted = rds.read(&eu).await.unwrap().what;
    assert!(
        matches!(&promoted, Managed::Instance { status, replica_of: None, .. } if status == "modifying"),
        "{promoted:?}"
    );
    refused(
        rds.make_writer(&eu, Way::Switchover).await,
        "does not change its writer",
    );
    refused(
        rds.make_writer(&region("us-east-1"), Way::Promote).await,
        "no managed database",
    );
}

#[tokio::test]
async fn what_happened_behind_a_lost_answer_is_not_known() {
    let (server, api) = server().await;
    let (_dir, credentials_file) = secret(KEYS);
    let rds = driver(&ManagedDatabase::Rds(Rds {
        cluster: "main".parse().unwrap(),
        credentials_file,
        api,
        instances: BTreeMap::from([(region(EU), "aisoc-eu".to_owned())]),
        backup_retention_days: None,
    }));
    let broken = problem(StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure", "");
    server.next(Mishap::Answer(broken));
    unknown(
        rds.make_writer(&region(EU), Way::Promote).await,
        "InternalFailure",
    );
    server.next(Mishap::AnswerLost);
    unknown(rds.make_writer(&region(EU), Way::Promote).await, "lost");
    assert_eq!(server.inner().state.status, "modifying");
}

#[tokio::test]
async fn a_global_cluster_fails_over_with_loss_only_in_so_many_words() {
    let (server, api) = server().await;
    let (_dir, credentials_file) = secret(KEYS);
    let aurora = driver(&ManagedDatabase::Aurora(Aurora {
        cluster: "main".parse().unwrap(),
        credentials_file,
        api,
        global_cluster: "aisoc".to_owned(),
        clusters: BTreeMap::from([(region(EU), ARN.to_owned())]),
    }));
    let eu = region(EU);
    assert_eq!(aurora.ways(), [Way::Switchover, Way::Failover]);
    assert!(!aurora.request(&eu, Way::Switchover).contains("AllowDataLoss"));
    aurora.make_writer(&eu, Way::Switchover).await.unwrap();
    aurora.make_writer(&eu, Way::Failover).await.unwrap();
    let sent: Vec<bool> = server
        .changes(is_change)
        .iter()
        .map(|call| form(call).contains_key("AllowDataLoss"))
        .collect();
    assert_eq!(sent, [false, true]);
    let reading = aurora.read(&eu).await.unwrap().what;
    let Managed::Global {
        writes: false,
        member: true,
        moving: Some(moving),
        ..
    } = &reading
    else {
        panic!("{reading:?}")
    };
    assert!(moving.starts_with("failing-over to "), "{moving}");
    {
        let mut inner = server.inner();
        inner.state.moving = false;
        inner.state.writer = ARN;
    }
    let reading = aurora.read(&eu).await.unwrap().what;
    assert!(
        matches!(
            reading,
            Managed::Global {
                writes: true,
                moving: None,
                ..
            }
        ),
        "{reading:?}"
    );
}
