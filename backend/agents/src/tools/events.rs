//! Tools over the region's events.

use super::{Case, Feature};
use aisoc_model::event::EventRecord;
use std::collections::BTreeSet;

/// OCSF severity "high".
const SEVERE: u8 = 4;

impl Case<'_> {
    pub(super) async fn found(&self) -> aisoc_storage::Result<Vec<Feature>> {
        let ids = self
            .evidence()
            .await?
            .iter()
            .map(|event| event.event_id.clone())
            .collect();
        Ok(vec![Feature::count("evidence.found", ids)])
    }

    pub(super) async fn surroundings(&self) -> aisoc_storage::Result<Vec<Feature>> {
        let events = self.around().await?;
        let classes: BTreeSet<u32> = events.iter().map(|event| event.class.uid()).collect();
        let severe = events.iter().filter(|event| event.severity >= SEVERE);
        Ok(vec![
            Feature::count("events.count", ids(events.iter())),
            Feature::new("events.classes", classes.len() as f64, Vec::new()),
            Feature::count("events.severe", ids(severe)),
        ])
    }

    pub(super) async fn asset(&self) -> aisoc_storage::Result<Vec<Feature>> {
        let known = self.evidence().await?.iter().filter_map(|event| {
            let criticality = event.enrichment.as_ref()?.asset_criticality?;
            Some((criticality, event.event_id.clone()))
        });
        // No entry in the list is not a criticality of 0: then there is no such feature at all.
        let highest = known.max();
        Ok(highest
            .map(|(criticality, id)| Feature::new("asset.criticality", f64::from(criticality), vec![id]))
            .into_iter()
            .collect())
    }

    pub(super) async fn indicators(&self) -> aisoc_storage::Result<Vec<Feature>> {
        let mut hits = BTreeSet::new();
        let mut evidence = BTreeSet::new();
        for event in self.evidence().await?.iter().chain(self.around().await?) {
            let found = event
                .enrichment
                .iter()
                .flat_map(|enrichment| &enrichment.indicators);
            for indicator in found {
                hits.insert(indicator.as_str());
                evidence.insert(event.event_id.clone());
            }
        }
        Ok(vec![Feature::new(
            "indicators.hits",
            hits.len() as f64,
            evidence.into_iter().collect(),
        )])
    }
}

fn ids<'a>(events: impl Iterator<Item = &'a EventRecord>) -> Vec<String> {
    events.map(|event| event.event_id.clone()).collect()
}
