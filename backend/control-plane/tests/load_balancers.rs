//! The vendors' load balancers against servers that hold their contracts: method, path, headers, body, optimistic
//! lock, documented errors, answers that get lost, and somebody else who changes the same. And a drain through one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod lab;
mod vendors;

use aisoc_model::load_balancer::{CloudflareMethod, LoadBalancer};
use aisoc_model::operation::OperationState;
use aisoc_model::plan::Target;
use lab::world::{US, carry_out, operations, plan, region, topology};
use vendors::cloudflare;

#[tokio::test]
async fn a_region_is_drained_and_restored_at_a_vendor_that_tells_nothing_of_what_is_in_flight() {
    let dir = tempfile::tempdir().unwrap();
    let (vendor, settings, _secret) = cloudflare::lab(CloudflareMethod::Shedding).await;
    let mut topology = topology(dir.path());
    topology.load_balancer = LoadBalancer::Cloudflare(settings);
    let operations = operations(&topology).await;
    let drain = Target::Drain {
        region: region(US),
        deadline_seconds: 1,
        expires_seconds: 0,
    };
    let shown = plan(&operations, drain.clone()).await;
    let said = shown.affected.join("; ");
    assert!(said.contains("what is in flight cannot be seen"), "{said}");
    assert!(
        shown.steps[0].request.contains("PATCH http://127.0.0.1:"),
        "{}",
        shown.steps[0].request
    );

    let drained = carry_out(&operations, drain).await;
    assert_eq!(drained.state, OperationState::Done, "{drained:#?}");
    assert!(drained.outcome.unwrap().contains("cannot be seen"));
    assert_eq!(cloudflare::shed(&vendor, "pool-us"), (100.0, 100.0));
    let restored = carry_out(&operations, Target::Restore { region: region(US) }).await;
    assert_eq!(restored.state, OperationState::Done, "{restored:#?}");
    assert_eq!(cloudflare::shed(&vendor, "pool-us"), (0.0, 0.0));
}
