//! Two database clusters under one control plane, each a Patroni scope of its own on one etcd: `main` with its writer in
//! us-east-1, `eu` with its own in eu-west-1. Whichever moves, both go on to be written to, and both end with the set
//! check of what was acknowledged.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod lab;

use aisoc_control_plane::operations::{OperationError, Operations};
use aisoc_model::ClusterName;
use aisoc_model::operation::{Operation, OperationState};
use aisoc_model::plan::{Decision, Gate, PlanRequest, Target};
use aisoc_model::topology::Topology;
use lab::eventually;
use lab::haproxy::LoadBalancer;
use lab::patroni::{Cluster, SECOND_SCOPE};
use lab::world::{AP, EU, US, carry_out, carry_out_overriding, main, operations, plan, region, topology};
use lab::writers::{Writers, Written, prepare};
use serde_json::Value;
use std::time::Duration;

/// Anything that comes back by itself.
const BACK: Duration = Duration::from_mins(2);
/// Patroni looks more often than usual; its leader's lock lives as long as usual.
const QUICK: &str = "loop_wait: 2\nretry_timeout: 10\nttl: 30";

/// What is asked of whoever leaves a region that is not down.
const NOT_DOWN: &str = "region_down_quorum";

fn eu() -> ClusterName {
    "eu".parse().unwrap()
}

fn failover(cluster: ClusterName, to: &str) -> Target {
    Target::Failover {
        cluster,
        to: region(to),
    }
}

struct Lab {
    main: Cluster,
    eu: Cluster,
    operations: Operations,
    _balancer: LoadBalancer,
    _dir: tempfile::TempDir,
}

fn described(balancer: &LoadBalancer, main: &Cluster, second: &Cluster, dir: &std::path::Path) -> Topology {
    let mut topology = topology(dir);
    if let aisoc_model::load_balancer::LoadBalancer::Haproxy(settings) = &mut topology.load_balancer {
        settings.haproxy_socket.clone_from(&balancer.socket);
        settings.url.clone_from(&balancer.url);
    }
    let mut other = topology.databases[0].clone();
    other.name = eu();
    SECOND_SCOPE.clone_into(&mut other.scope);
    topology.databases.push(other);
    main.fill_cluster(&mut topology.databases[0]);
    second.fill_cluster(&mut topology.databases[1]);
    topology
}

/// Patroni's dynamic configuration.
async fn settings(cluster: &Cluster) -> Value {
    let url = format!("http://127.0.0.1:{}/config", cluster.nodes[US].rest);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(url).send().await.unwrap().json().await.unwrap()
}

impl Lab {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (balancer, (main, eu)) = tokio::join!(
            LoadBalancer::start(dir.path()),
            Cluster::start_two(dir.path(), QUICK)
        );
        prepare(&main, US).await;
        prepare(&eu, EU).await;
        let topology = described(&balancer, &main, &eu, dir.path());
        Self {
            operations: operations(&topology).await,
            main,
            eu,
            _balancer: balancer,
            _dir: dir,
        }
    }

    /// Carries something out while both clusters are written to; what was acknowledged in each.
    async fn under_writes(
        &self,
        operation: impl Future<Output = Operation>,
    ) -> (Operation, Written, Written) {
        let before = (settings(&self.main).await, settings(&self.eu).await);
        let (main, eu) = (Writers::start(&self.main), Writers::start(&self.eu));
        // Some writes before it and some after it.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let operation = operation.await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let (main, eu) = (main.end().await, eu.end().await);
        assert_eq!(operation.state, OperationState::Done, "{operation:#?}");
        assert_eq!(operation.figures["lost_canaries"], 0.0);
        eventually("the escorts' settings are put back", BACK, async || {
            (settings(&self.main).await, settings(&self.eu).await) == before
        })
        .await;
        (operation, main, eu)
    }

    async fn refusal(&self, target: Target) -> String {
        let request = PlanRequest {
            target,
            reason: "test".into(),
            overrides: vec![],
            break_glass: None,
        };
        match self.operations.plan(request, "tester").await {
            Err(OperationError::Invalid(why)) => why,
            other => panic!("{other:?}"),
        }
    }
}

/// Who acknowledged in each cluster, in order, and that everything acknowledged is on the last of them.
async fn checked(cluster: &Cluster, written: &Written, writers: &[&str]) {
    assert_eq!(written.writers(), writers);
    let last = writers[writers.len() - 1];
    assert_eq!(
        written.lost(cluster, last).await,
        Vec::<i64>::new(),
        "acknowledged rows are lost"
    );
    println!("{writers:?}: {} rows acknowledged, 0 lost", written.count());
}

/// A failover of one cluster moves its writer and leaves the other one alone.
async fn one_alone(lab: &Lab) {
    let (moved, main_rows, eu_rows) = lab
        .under_writes(Box::pin(carry_out(&lab.operations, failover(eu(), US))))
        .await;
    checked(&lab.main, &main_rows, &[US]).await;
    checked(&lab.eu, &eu_rows, &[EU, US]).await;
    assert_eq!(moved.plan.clusters, [eu()]);
    let tokens: Vec<&ClusterName> = moved.tokens.keys().collect();
    assert_eq!(tokens, [&eu()], "the writer of main was not demoted");
    lab.eu.settled(US).await;
}

/// A cluster that there is not, and a region where it has no member.
async fn refused_with_names(lab: &Lab) {
    let why = lab.refusal(failover("apac".parse().unwrap(), US)).await;
    assert!(why.contains("the clusters are main, eu"), "{why}");
    let why = lab.refusal(failover(eu(), AP)).await;
    assert!(
        why.contains("eu has no member in ap-southeast-1; its members are in us-east-1, eu-west-1"),
        "{why}"
    );
}

/// Leaves us-east-1, where both writers are: on purpose, so that the gate that says so is overridden by name.
async fn both_with_their_region(lab: &Lab) {
    let target = Target::RegionFailover {
        region: region(US),
        to: region(EU),
    };
    let shown = plan(&lab.operations, target.clone()).await;
    assert_eq!(shown.clusters, [main(), eu()]);
    let asked = |gate: &Gate| gate.name == NOT_DOWN && gate.decision == Decision::NeedsOverride;
    assert!(shown.gates.iter().any(asked), "{:#?}", shown.gates);
    let leave = Box::pin(carry_out_overriding(&lab.operations, target, &[NOT_DOWN]));
    let (moved, main_rows, eu_rows) = lab.under_writes(leave).await;
    checked(&lab.main, &main_rows, &[US, EU]).await;
    checked(&lab.eu, &eu_rows, &[US, EU]).await;
    let kept = moved.tokens.values().map(|t| t.system_identifier.clone());
    let kept: std::collections::BTreeSet<String> = kept.collect();
    assert_eq!(kept.len(), 2, "a token of each writer: {:?}", moved.tokens);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_cluster_is_moved_for_itself_and_both_with_their_region() {
    let lab = Lab::start().await;
    one_alone(&lab).await;
    refused_with_names(&lab).await;
    both_with_their_region(&lab).await;
}
