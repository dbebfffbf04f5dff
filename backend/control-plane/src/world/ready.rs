//! The ready ratio: the one indicator that comes from the inventory and not from telemetry.

use aisoc_model::RegionId;
use aisoc_model::inventory::{Inventory, Process, ProcessState};
use aisoc_model::observed::Observed;
use aisoc_model::sli::{GoodSide, Objective, SliId, SliReading};
use aisoc_model::slo::Slo;

/// Kinds of processes that are instances of the product's services.
const SERVICES: [&str; 5] = ["api", "ingest", "enrichment", "alert-fusion", "agents"];

/// Whether a process is an instance of a service.
#[must_use]
pub fn is_service(process: &Process) -> bool {
    SERVICES.contains(&process.kind.as_str())
}

/// Ready instances over wanted instances of a region.
#[must_use]
pub fn reading(inventory: &Observed<Inventory>, region: &RegionId, slo: &Slo) -> SliReading {
    let instances = inventory.value.as_ref().map(|inventory| {
        let ours: Vec<&Process> = inventory
            .processes
            .iter()
            .filter(|p| p.region.as_ref() == Some(region) && is_service(p))
            .collect();
        let ready = ours.iter().filter(|p| p.state == ProcessState::Ready).count();
        (ready, ours.len())
    });
    let objective = slo.slis.get(&SliId::PodReadyRatio).map_or(
        Objective {
            bound: 1.0,
            good: GoodSide::Above,
        },
        |target| target.objective,
    );
    let mut value = inventory.map(|_| 0.0);
    value.value = instances
        .filter(|(_, wanted)| *wanted > 0)
        .map(|(ready, wanted)| crate::observe::round::three_digits(ready as f64 / wanted as f64));
    if value.value.is_none() && value.absence.is_none() {
        value.absence = Some(aisoc_model::Absence::NoTraffic);
    }
    let allowed = 1.0 - objective.bound;
    SliReading {
        sli: SliId::PodReadyRatio,
        region: region.clone(),
        burn_rate: value
            .value
            .filter(|_| allowed > 0.0)
            .map(|ratio| crate::observe::round::three_digits((1.0 - ratio) / allowed)),
        value,
        // Counted now, not over a window.
        window_seconds: 0,
        samples: instances.map_or(0, |(_, wanted)| wanted as u64),
        per_second: 0.0,
        objective,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::example;
    use aisoc_model::Absence;
    use rstest::rstest;

    #[rstest]
    #[case::all_ready(&[ProcessState::Ready, ProcessState::Ready], Some(1.0))]
    #[case::half(&[ProcessState::Ready, ProcessState::Frozen], Some(0.5))]
    #[case::none_wanted(&[], None)]
    fn ratios(#[case] states: &[ProcessState], #[case] ratio: Option<f64>) {
        let mut inventory = example::inventory();
        inventory.processes.clear();
        for (n, state) in states.iter().enumerate() {
            let mut process = example::process(&format!("us-east-1/api-{n}"), "api");
            process.state = *state;
            inventory.processes.push(process);
        }
        // What is no service does not count.
        inventory
            .processes
            .push(example::process("us-east-1/redis", "redis"));
        let seen = Observed::known(inventory, example::now(), "supervisor", 3_000);
        assert_eq!(reading(&seen, &example::us(), &example::slo()).value.value, ratio);
    }

    #[test]
    fn without_an_inventory_it_is_not_known() {
        let seen = Observed::absent(Absence::NotConfigured, "supervisor", 3_000);
        let reading = reading(&seen, &example::us(), &example::slo());
        assert_eq!((reading.value.value, reading.burn_rate), (None, None));
        assert_eq!(reading.value.absence, Some(Absence::NotConfigured));
    }
}
