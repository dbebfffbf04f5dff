//! All sources together, within a budget of time.

use crate::sources::Source;
use crate::sources::assets::Assets;
use crate::sources::geo::Geo;
use crate::sources::indicators::Indicators;
use aisoc_model::event::{Enrichment, EventRecord};
use std::time::{Duration, Instant};

/// Time that the sources may take for one event.
pub const BUDGET: Duration = Duration::from_millis(50);

/// Adds to events what the sources know.
pub struct Enricher {
    sources: Vec<Box<dyn Source>>,
    budget: Duration,
}

impl Enricher {
    /// The sources of the product.
    #[must_use]
    pub fn new(assets: Assets, indicators: Indicators, geo: Option<Geo>) -> Self {
        let mut sources: Vec<Box<dyn Source>> = vec![Box::new(assets), Box::new(indicators)];
        if let Some(geo) = geo {
            sources.push(Box::new(geo));
        }
        Self::with_sources(sources, BUDGET)
    }

    /// Any sources and budget.
    #[must_use]
    pub fn with_sources(sources: Vec<Box<dyn Source>>, budget: Duration) -> Self {
        Self { sources, budget }
    }

    /// Enriches an event. Never fails: what is missing is marked as missing.
    pub fn enrich(&self, event: &mut EventRecord) {
        let mut enrichment = Enrichment::default();
        let began = Instant::now();
        for source in &self.sources {
            if began.elapsed() > self.budget {
                enrichment.partial = true;
                break;
            }
            if let Err(error) = source.add(event, &mut enrichment) {
                tracing::debug!(source = source.name(), %error, "no answer");
                enrichment.partial = true;
            }
        }
        event.enrichment = Some(enrichment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observables::tests::event;
    use crate::sources::SourceError;
    use serde_json::json;

    struct Broken;

    impl Source for Broken {
        fn name(&self) -> &'static str {
            "broken"
        }

        fn add(&self, _: &EventRecord, _: &mut Enrichment) -> Result<(), SourceError> {
            Err(SourceError("away".to_owned()))
        }
    }

    fn sample(sources: Vec<Box<dyn Source>>, budget: Duration) -> Enrichment {
        let mut event = event(json!({"QueryName": "x.malware.example"}));
        event.entities.host = Some("dc01.corp.example".to_owned());
        Enricher::with_sources(sources, budget).enrich(&mut event);
        event.enrichment.unwrap()
    }

    fn builtin() -> Vec<Box<dyn Source>> {
        vec![
            Box::new(Assets::load(None).unwrap()),
            Box::new(Indicators::load(None).unwrap()),
        ]
    }

    #[test]
    fn sources_add_up_and_no_database_is_no_failure() {
        let enrichment = sample(builtin(), BUDGET);
        assert_eq!(enrichment.asset_criticality, Some(95));
        assert_eq!(enrichment.indicators, ["sample-malware:malware.example"]);
        assert!(!enrichment.partial);
    }

    #[test]
    fn a_broken_source_marks_the_event_and_the_others_answer() {
        let mut sources = builtin();
        sources.insert(0, Box::new(Broken));
        let enrichment = sample(sources, BUDGET);
        assert_eq!(enrichment.asset_criticality, Some(95));
        assert!(enrichment.partial);
    }

    #[test]
    fn a_spent_budget_ends_the_search() {
        let mut sources = builtin();
        sources.insert(0, Box::new(Slow));
        let enrichment = sample(sources, Duration::ZERO);
        assert_eq!(
            enrichment,
            Enrichment {
                partial: true,
                ..Enrichment::default()
            }
        );
    }

    struct Slow;

    impl Source for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }

        fn add(&self, _: &EventRecord, _: &mut Enrichment) -> Result<(), SourceError> {
            let began = Instant::now();
            while began.elapsed().is_zero() {
                std::hint::spin_loop();
            }
            Ok(())
        }
    }
}
