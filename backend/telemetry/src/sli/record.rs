//! Counting exports into the windows.

use super::otlp::{self, Point, Sender, Temporality};
use super::stream::{self, Interval, Outcome, Streams};
use super::window::{Requests, Window};
use super::{SliWindows, Source, plain_service, speaks_for};
use crate::metrics::attribute;
use aisoc_model::RegionId;
use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, metric};
use std::collections::BTreeMap;

/// Windows, counters and senders held; what comes beyond is counted as dropped.
pub(super) const MAX_SERIES: usize = 1_024;

impl SliWindows {
    /// Counts an export that arrived at `now`.
    pub fn record_otlp(&mut self, request: &ExportMetricsServiceRequest, now: Timestamp) {
        self.first_now.get_or_insert(now);
        for resource in &request.resource_metrics {
            let sender = Sender::of(resource.resource.as_ref());
            let region = sender.region.and_then(|label| label.parse::<RegionId>().ok());
            if let Some(region) = &region {
                self.hear(region, plain_service(sender.service), now);
            }
            for metric in resource.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
                self.record_metric(&sender, region.as_ref(), metric, now);
            }
        }
    }

    fn record_metric(
        &mut self,
        sender: &Sender<'_>,
        region: Option<&RegionId>,
        metric: &Metric,
        now: Timestamp,
    ) {
        match (&metric.data, Source::of_metric(&metric.name)) {
            (Some(metric::Data::Histogram(data)), Some(source)) => {
                let temporality = Temporality::of(data.aggregation_temporality);
                for point in &data.data_points {
                    self.record_point(sender, region, source, temporality, &Point::from(point), now);
                }
            }
            (Some(metric::Data::ExponentialHistogram(data)), Some(source)) => {
                let temporality = Temporality::of(data.aggregation_temporality);
                for point in &data.data_points {
                    self.record_point(sender, region, source, temporality, &Point::from(point), now);
                }
            }
            (Some(metric::Data::Sum(data)), None)
                if data.is_monotonic && metric.name.starts_with("aisoc.") =>
            {
                let temporality = Temporality::of(data.aggregation_temporality);
                for point in &data.data_points {
                    self.record_sum(sender, region, &metric.name, temporality, point, now);
                }
            }
            _ => {}
        }
    }

    fn record_point(
        &mut self,
        sender: &Sender<'_>,
        region: Option<&RegionId>,
        source: Source,
        temporality: Option<Temporality>,
        point: &Point<'_>,
        now: Timestamp,
    ) {
        // The spec's indicator is about one service; another one that serves HTTP is not part of it.
        let wanted = self
            .targets
            .get(&source.sli())
            .map_or("all", |target| target.service.as_str());
        if !speaks_for(sender.service, wanted) {
            return;
        }
        let destination = otlp::text(point.attributes, attribute::DESTINATION);
        let region = match (source, destination) {
            (Source::IngestLag, Some(label)) => label.parse().ok(),
            _ => region.cloned(),
        };
        let (Some(region), Some(temporality), Some(durations)) =
            (region, temporality, point.durations.clone())
        else {
            self.tally.malformed += 1;
            return;
        };
        let key = self.durations.key((
            sender.service,
            sender.region,
            sender.instance,
            source.sli(),
            otlp::identity_of(point.attributes),
        ));
        let outcome = increment(
            &mut self.durations,
            key,
            temporality,
            point.at,
            durations,
            self.window_ms,
            now,
        );
        let Some(durations) = self.taken(outcome) else {
            return;
        };
        let failed = otlp::integer(point.attributes, attribute::STATUS).is_some_and(|status| status >= 500);
        let requests = Requests {
            bad: if failed { durations.total() } else { 0 },
            durations,
        };
        let window_ms = self.window_ms;
        let window = bounded(&mut self.requests, (region, source), || Window::new(window_ms));
        let kept = window.map(|window| window.record(end_ms(point.at), &requests, now.as_millisecond()));
        self.placed(kept);
    }

    fn record_sum(
        &mut self,
        sender: &Sender<'_>,
        region: Option<&RegionId>,
        counter: &str,
        temporality: Option<Temporality>,
        point: &NumberDataPoint,
        now: Timestamp,
    ) {
        let (Some(region), Some(temporality), Some(amount)) = (region, temporality, otlp::amount(point))
        else {
            self.tally.malformed += 1;
            return;
        };
        let at = Interval {
            start: point.start_time_unix_nano,
            end: point.time_unix_nano,
        };
        let key = self.sums.key((
            sender.service,
            sender.region,
            sender.instance,
            counter,
            otlp::identity_of(&point.attributes),
        ));
        let outcome = increment(&mut self.sums, key, temporality, at, amount, self.window_ms, now);
        let Some(amount) = self.taken(outcome) else {
            return;
        };
        let window_ms = self.window_ms;
        let series = (region.clone(), counter.to_owned());
        let window = bounded(&mut self.counters, series, || Window::new(window_ms));
        let kept = window.map(|window| window.record(end_ms(at), &amount, now.as_millisecond()));
        self.placed(kept);
    }

    fn taken<A>(&mut self, outcome: Outcome<A>) -> Option<A> {
        match outcome {
            Outcome::Add(amount) => return Some(amount),
            Outcome::Duplicate => self.tally.duplicate += 1,
            Outcome::Baseline => self.tally.counted += 1,
            Outcome::TooManyStreams => self.tally.dropped += 1,
        }
        None
    }

    fn placed(&mut self, kept: Option<bool>) {
        match kept {
            Some(true) => self.tally.counted += 1,
            Some(false) => self.tally.late += 1,
            None => self.tally.dropped += 1,
        }
    }

    fn hear(&mut self, region: &RegionId, service: &str, now: Timestamp) {
        if let Some(at) = bounded(&mut self.heard, (region.clone(), service.to_owned()), || now) {
            *at = (*at).max(now);
        }
    }
}

/// What a point adds, whatever its temporality.
fn increment<A: stream::Amount>(
    streams: &mut Streams<A>,
    key: u64,
    temporality: Temporality,
    at: Interval,
    amount: A,
    window_ms: i64,
    now: Timestamp,
) -> Outcome<A> {
    let now_ms = now.as_millisecond();
    match temporality {
        Temporality::Delta => streams.delta(key, at, amount, now_ms),
        Temporality::Cumulative => {
            // A process that began inside the window: all it ever counted belongs to the window.
            let since = u64::try_from(now_ms - window_ms)
                .unwrap_or(0)
                .saturating_mul(1_000_000);
            streams.cumulative(key, at, amount, since, now_ms)
        }
    }
}

fn bounded<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, new: impl FnOnce() -> V) -> Option<&mut V> {
    if map.len() >= MAX_SERIES && !map.contains_key(&key) {
        return None;
    }
    Some(map.entry(key).or_insert_with(new))
}

fn end_ms(at: Interval) -> i64 {
    i64::try_from(at.end / 1_000_000).unwrap_or(i64::MAX)
}
