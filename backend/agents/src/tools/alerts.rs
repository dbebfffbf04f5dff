//! Tools over the tenant's alerts.

use super::{Case, Feature};
use aisoc_model::event::{Entities, SecurityAlert};
use aisoc_storage::alerts;
use aisoc_storage::database::Connection;
use jiff::SignedDuration;
use std::collections::BTreeSet;

/// How far back to look.
const WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Alerts looked at.
const ALERTS: u32 = 1_000;

impl Case<'_> {
    pub(super) async fn prior_alerts(&self) -> aisoc_storage::Result<Vec<Feature>> {
        let now = self.sources.clock.now();
        let since = now.saturating_sub(WINDOW).unwrap_or(now);
        let recent = alerts::touched_since(&self.sources.database, &self.alert.tenant, since, ALERTS).await?;
        Ok(compare(self.alert, &recent))
    }

    pub(super) async fn rule_prevalence(&self) -> aisoc_storage::Result<Vec<Feature>> {
        let days = WINDOW.as_hours() / 24;
        let ask = async |mut connection: Connection| {
            sqlx::query_as::<_, (i64, i64)>(
                "SELECT count(*), count(DISTINCT body->'entities'->>'host') FROM alerts \
                 WHERE tenant = $1 AND rule_id = $2 AND updated_at >= now() - make_interval(days => $3)",
            )
            .bind(&self.alert.tenant)
            .bind(&self.alert.rule_id)
            .bind(i32::try_from(days).unwrap_or(7))
            .fetch_one(&mut *connection)
            .await
        };
        let (fired, hosts) = self.sources.database.read("count a rule's alerts", ask).await?;
        Ok(vec![
            Feature::new("rule.alerts", fired as f64, Vec::new()),
            Feature::new("rule.hosts", hosts as f64, Vec::new()),
        ])
    }
}

/// The other alerts on the same entities.
fn compare(alert: &SecurityAlert, recent: &[SecurityAlert]) -> Vec<Feature> {
    let others: Vec<&SecurityAlert> = recent
        .iter()
        .filter(|other| other.id != alert.id && shares(&other.entities, &alert.entities))
        .collect();
    let rules: BTreeSet<&str> = others
        .iter()
        .map(|other| other.rule_id.as_str())
        .filter(|rule| *rule != alert.rule_id)
        .collect();
    let tactics: BTreeSet<&str> = others
        .iter()
        .copied()
        .chain([alert])
        .flat_map(|alert| alert.tactics.iter().map(String::as_str))
        .collect();
    let severe = others
        .iter()
        .filter(|other| matches!(other.level.as_str(), "high" | "critical"))
        .map(|other| other.id.clone())
        .collect();
    let ids: Vec<String> = others.iter().map(|other| other.id.clone()).collect();
    vec![
        Feature::count("prior.alerts", ids.clone()),
        Feature::new("prior.rules", rules.len() as f64, ids.clone()),
        Feature::new("prior.tactics", tactics.len() as f64, ids),
        Feature::count("prior.severe", severe),
    ]
}

fn shares(a: &Entities, b: &Entities) -> bool {
    let same = |a: &Option<String>, b: &Option<String>| a.is_some() && a == b;
    same(&a.host, &b.host) || same(&a.user, &b.user) || same(&a.ip, &b.ip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::investigate::tests::alert;

    #[test]
    fn only_other_alerts_on_the_same_entities_count() {
        let subject = alert("low");
        let mut same_host = alert("critical");
        same_host.id = "al-2".to_owned();
        same_host.rule_id = "r2".to_owned();
        same_host.tactics = vec!["impact".to_owned()];
        let mut elsewhere = same_host.clone();
        elsewhere.id = "al-3".to_owned();
        elsewhere.entities = Entities::default();
        let features = compare(&subject, &[subject.clone(), same_host, elsewhere]);
        let values: Vec<_> = features.iter().map(|f| (f.name, f.value)).collect();
        assert_eq!(
            values,
            [
                ("prior.alerts", 1.0),
                ("prior.rules", 1.0),
                ("prior.tactics", 2.0),
                ("prior.severe", 1.0)
            ]
        );
        assert_eq!(features[0].evidence, ["al-2"]);
    }
}
