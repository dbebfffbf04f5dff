//! Indicators from the telemetry that the services send to us: nothing is asked for, only read off.

use super::Look;
use super::board::Seen;
use super::round;
use super::start::Sli;
use aisoc_model::RegionId;
use aisoc_model::sli::{SliId, SliReading};
use jiff::Timestamp;
use std::sync::Arc;

/// Reads the indicators off the receiver's windows.
pub(super) struct Otlp {
    pub(super) regions: Vec<RegionId>,
    pub(super) windows: Arc<dyn Sli>,
}

impl Look for Otlp {
    type Seen = Vec<SliReading>;

    fn source(&self) -> String {
        "otlp".to_owned()
    }

    async fn look(&mut self, _now: Timestamp) -> Result<Vec<SliReading>, String> {
        let measured = SliId::ALL.into_iter().filter(|sli| *sli != SliId::PodReadyRatio);
        let readings: Vec<SliReading> = measured
            .flat_map(|sli| self.regions.iter().map(move |region| (region, sli)))
            .map(|(region, sli)| rounded(self.windows.reading(region, sli)))
            .collect();
        // Before the first export from anyone this is a source that has not answered.
        if readings
            .iter()
            .all(|r| r.value.observed_at.is_none() && not_yet(r))
        {
            return Err("no service has sent telemetry yet; check their AISOC_OTLP_ENDPOINT".to_owned());
        }
        Ok(readings)
    }

    fn file(&mut self, seen: &mut Seen, result: Result<Vec<SliReading>, String>, _at: Timestamp) -> bool {
        if let Ok(readings) = result {
            seen.slis = readings;
        }
        false
    }
}

fn not_yet(reading: &SliReading) -> bool {
    matches!(reading.value.absence, Some(aisoc_model::Absence::NotYet))
}

fn rounded(mut reading: SliReading) -> SliReading {
    reading.value.value = reading.value.value.map(round::three_digits);
    reading.value.observed_at = reading.value.observed_at.map(super::milliseconds);
    reading.per_second = round::three_digits(reading.per_second);
    reading.burn_rate = reading.burn_rate.map(round::three_digits);
    reading
}
