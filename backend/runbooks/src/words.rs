//! Numbers, durations and conditions as a runbook writes them.

use aisoc_model::sli::{GoodSide, SliId, SliUnit};
use aisoc_model::slo::{AlertRule, Condition, Slo};

/// A duration, exact where it is a bound: `500 ms`, `30 s`, `7 min 8 s`, `4 h`, `1.52 s`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = |n: f64, unit: &str| {
        let rounded = (n * 100.0).round() / 100.0;
        format!("{rounded} {unit}")
    };
    match seconds {
        s if !s.is_finite() || s < 0.0 => "not known".to_owned(),
        0.0 => "0 s".to_owned(),
        s if s < 0.001 => whole(s * 1_000_000.0, "µs"),
        s if s < 1.0 => whole((s * 10_000.0).round() / 10.0, "ms"),
        s if s >= 86_400.0 && s % 86_400.0 == 0.0 => whole(s / 86_400.0, "days"),
        s if s >= 3_600.0 && s % 3_600.0 == 0.0 => whole(s / 3_600.0, "h"),
        s if s >= 60.0 && s % 60.0 == 0.0 => whole(s / 60.0, "min"),
        s if s >= 600.0 => whole((s / 60.0).round(), "min"),
        s if s >= 120.0 => {
            let rounded = s.round();
            format!("{:.0} min {:.0} s", (rounded / 60.0).floor(), rounded % 60.0)
        }
        s => whole(s, "s"),
    }
}

/// A share as percent: `0.5 %`.
pub(crate) fn percent(share: f64) -> String {
    if share.is_finite() {
        format!("{} %", (share * 10_000.0).round() / 100.0)
    } else {
        "not known".to_owned()
    }
}

/// A rate: `12 per second`.
pub(crate) fn rate(per_second: f64) -> String {
    match per_second {
        r if r >= 10.0 => format!("{r:.0} per second"),
        r if r >= 0.1 => format!("{r:.1} per second"),
        r if r > 0.0 => format!("{:.1} per minute", r * 60.0),
        _ => "none".to_owned(),
    }
}

/// A value in an indicator's unit.
pub(crate) fn of_sli(sli: SliId, value: f64) -> String {
    match sli.unit() {
        SliUnit::Seconds => duration(value),
        SliUnit::Ratio => percent(value),
    }
}

/// When an alert rule is true, as a sentence with its bounds.
pub(crate) fn condition(rule: &AlertRule, slo: &Slo) -> String {
    let lag = |kind, bound: &dyn Fn(&aisoc_model::lag::LagBounds) -> Option<f64>| {
        let bound = slo.lag.get(&kind).and_then(bound);
        bound.map_or_else(
            || "which no threshold is given for".to_owned(),
            |seconds| format!("> {}", duration(seconds)),
        )
    };
    let holds = match rule.when {
        Condition::Sli { sli, bound } => {
            let Some(target) = slo.slis.get(&sli) else {
                return format!("{}, which no threshold is given for", sli.name());
            };
            let sign = match target.objective.good {
                GoodSide::Below => '>',
                GoodSide::Above => '<',
            };
            let bound = bound.unwrap_or(target.objective.bound);
            format!(
                "{} {sign} {} over {}",
                sli.name(),
                of_sli(sli, bound),
                duration(slo.window_seconds)
            )
        }
        Condition::LagAlert { link } => {
            format!("{} lag {}", link.name(), lag(link, &|b| Some(b.alert_seconds)))
        }
        Condition::LagPage { link } => format!("{} lag {}", link.name(), lag(link, &|b| b.page_seconds)),
        Condition::LinkBroken { link } => format!("a {} link does not replicate", link.name()),
        Condition::RegionDown {} => {
            let rules = slo.region_removal;
            format!(
                "a majority of the vantage points sees {} failed checks in a row, or {} with a p99 > {}, {} apart",
                rules.failed_checks,
                rules.slow_checks,
                duration(rules.slow_p99_seconds),
                duration(rules.check_interval_seconds)
            )
        }
        Condition::NoWriter {} => "no PostgreSQL member accepts writes".to_owned(),
        Condition::TwoWriters {} => "more than one PostgreSQL member accepts writes".to_owned(),
        Condition::InstanceDown {} => "a wanted instance is not ready".to_owned(),
        Condition::OomKilled {} => "an instance was killed for memory".to_owned(),
        Condition::CertificateExpiry { days } => {
            format!("a TLS certificate expires in < {days} days")
        }
        Condition::SourceLost {} => "one of the control plane's sources gives nothing fresh".to_owned(),
    };
    if rule.for_seconds > 0.0 {
        format!("{holds}, for {}", duration(rule.for_seconds))
    } else {
        holds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_the_document_writes_them() {
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.000_25, "250 µs"),
            (0.5, "500 ms"),
            (0.0123, "12.3 ms"),
            (2.0, "2 s"),
            (30.0, "30 s"),
            (120.0, "2 min"),
            (95.5, "95.5 s"),
            (428.4, "7 min 8 s"),
            (3_600.0, "1 h"),
            (1_209_600.0, "14 days"),
            (f64::NAN, "not known"),
        ] {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!(percent(0.005), "0.5 %");
        assert_eq!(
            (rate(12.4), rate(0.05)),
            ("12 per second".into(), "3.0 per minute".into())
        );
    }

    #[test]
    fn every_rule_has_a_sentence_with_its_bound() {
        let slo = Slo::builtin().unwrap();
        let of = |name: &str| condition(slo.alerts.iter().find(|r| r.name == name).unwrap(), &slo);
        assert_eq!(
            of("AiSOCHighLatency"),
            "http_request_duration_p99 > 500 ms over 5 min, for 3 min"
        );
        assert_eq!(of("AiSOCPostgresLagPage"), "postgres lag > 2 min");
        assert_eq!(
            of("AiSOCPodsNotReady"),
            "pod_ready_ratio < 99 % over 5 min, for 2 min"
        );
        assert!(
            of("AiSOCRegionDown").contains("3 failed checks in a row, or 5 with a p99 > 2 s, 10 s apart")
        );
        assert!(
            slo.alerts
                .iter()
                .all(|rule| !condition(rule, &slo).contains("no threshold"))
        );
    }
}
