use super::fixture::{self, EU, at, facts, region, request, topology};
use crate::drivers::managed::{Managed, ManagedReading, Way};
use crate::operations::gates::{self, Case};
use crate::operations::hands::Sight;
use crate::operations::managed::{goes_on, writer_sight};
use aisoc_model::plan::{Decision, Target};
use aisoc_model::slo::Slo;
use rstest::rstest;

fn reading(what: Managed) -> ManagedReading {
    ManagedReading { at: at(0), what }
}

fn instance(status: &str, replica: bool) -> Managed {
    Managed::Instance {
        id: "aisoc-eu".into(),
        status: status.into(),
        replica_of: replica.then(|| "aisoc-us".into()),
    }
}

fn global(status: &str, writes: bool, member: bool, moving: bool) -> Managed {
    Managed::Global {
        id: "aisoc".into(),
        status: status.into(),
        writes,
        member,
        moving: moving.then(|| "failing-over to eu".into()),
    }
}

#[rstest]
#[case(Way::Promote, instance("available", true), Ok(()))]
#[case(Way::Promote, instance("backing-up", true), Err("backing up"))]
#[case(Way::Promote, instance("modifying", true), Err("modifying"))]
#[case(Way::Promote, instance("available", false), Err("no read replica"))]
#[case(Way::Switchover, global("available", false, true, false), Ok(()))]
#[case(
    Way::Switchover,
    global("upgrading", false, true, false),
    Err("needs both regions well")
)]
#[case(Way::Failover, global("upgrading", false, true, false), Ok(()))]
#[case(
    Way::Failover,
    global("available", true, true, false),
    Err("has the writer already")
)]
#[case(
    Way::Failover,
    global("available", false, false, false),
    Err("does not belong")
)]
#[case(Way::Failover, global("available", false, true, true), Err("being changed"))]
fn a_promotion_is_admitted_when_the_cloud_would_do_it(
    #[case] way: Way,
    #[case] what: Managed,
    #[case] expected: Result<(), &str>,
) {
    let mut facts = facts(at(0));
    facts.managed = Some(Ok(reading(what)));
    let request = request(Target::Promote {
        to: region(EU),
        allow_data_loss: way.may_lose(),
    });
    let (topology, slo) = (topology(), Slo::builtin().unwrap());
    let cluster = fixture::main();
    let case = Case {
        cluster: &cluster,
        request: &request,
        facts: &facts,
        topology: &topology,
        slo: &slo,
    };
    let gates = gates::managed::gates(&case, &region(EU), Some(way));
    match expected {
        Ok(()) => assert_eq!(gates[0].decision, Decision::Pass, "{gates:?}"),
        Err(why) => {
            assert_eq!(gates[0].decision, Decision::Refuse);
            assert!(gates[0].why.contains(why), "{}", gates[0].why);
        }
    }
    let wanted = if way == Way::Switchover {
        Decision::Pass
    } else {
        Decision::NeedsApproval
    };
    assert_eq!(
        gates[1].decision, wanted,
        "what may lose a write needs two people"
    );
}

#[test]
fn without_a_managed_database_it_is_refused() {
    let prepared = fixture::plan(
        Target::Promote {
            to: region(EU),
            allow_data_loss: true,
        },
        &facts(at(0)),
    );
    assert_eq!(
        fixture::gate(&prepared, "managed_database").decision,
        Decision::Refuse
    );
    assert!(prepared.actions.is_empty());
}

#[rstest]
#[case(instance("available", true), false, false)]
#[case(instance("modifying", false), false, true)]
#[case(instance("available", false), true, false)]
#[case(global("failing-over", false, true, true), false, true)]
#[case(global("available", true, true, false), true, false)]
fn the_writer_is_where_the_cloud_says(#[case] what: Managed, #[case] done: bool, #[case] going_on: bool) {
    let reading = reading(what);
    assert_eq!(
        matches!(writer_sight(&reading, &region(EU)), Sight::Done(_)),
        done
    );
    assert_eq!(goes_on(&reading), going_on);
}
