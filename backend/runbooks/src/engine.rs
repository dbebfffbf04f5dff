//! Puts values into templates. Untrusted text (names from spans, messages of servers) arrives as text, never as markup;
//! a threshold that there is not, and an operation that there is not, are errors; fuel bounds every template.

use crate::facts::{self, Facts};
use crate::scene::{Scene, Subject, firing};
use crate::template::Template;
use crate::topology::{self, Topology};
use crate::{RunbookError, document, words};
use aisoc_model::plan::{OperationKind, Target};
use aisoc_model::runbook::RunbookSummary;
use aisoc_model::slo::{AlertRule, Escalation, RecoveryObjective, Slo};
use aisoc_model::world::World;
use aisoc_model::{ClusterName, RegionId};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Instructions of one rendering; the longest template takes a few thousand.
const FUEL: u64 = 100_000;
/// Longest text from outside.
const LONGEST: usize = 400;

/// Commands that lead to a plan, as they stand in the document.
type Actions = BTreeMap<String, Target>;

/// What a template of one line sees.
#[derive(Serialize)]
struct Thresholds<'a> {
    slo: &'a Slo,
    /// Alert rules by name.
    rules: BTreeMap<&'a str, &'a AlertRule>,
    /// Recovery objectives by id.
    recovery: BTreeMap<&'a str, &'a RecoveryObjective>,
}

/// What the body of a template sees.
#[derive(Serialize)]
struct Context<'a> {
    #[serde(flatten)]
    thresholds: Thresholds<'a>,
    id: &'a str,
    slug: &'a str,
    title: &'a str,
    trigger: Value,
    /// The alert rules that name it, each a sentence.
    triggers: Vec<Trigger<'a>>,
    /// Its alerts that fire now, each a sentence.
    firing: Vec<String>,
    region: &'a str,
    /// The region is one of the frame's.
    known: bool,
    because: &'a str,
    standby: Option<&'a str>,
    writer: Option<String>,
    /// The release of the region.
    release: Option<String>,
    facts: Facts,
    topology: Topology,
    escalation: Vec<&'a Escalation>,
}

#[derive(Serialize)]
struct Trigger<'a> {
    rule: &'a str,
    severity: String,
    /// Of our own words and numbers only.
    condition: Value,
}

fn thresholds(slo: &Slo) -> Thresholds<'_> {
    Thresholds {
        rules: slo.alerts.iter().map(|rule| (&*rule.name, rule)).collect(),
        recovery: slo.recovery.iter().map(|row| (&*row.id, row)).collect(),
        slo,
    }
}

/// A line of a template's head.
pub(crate) fn line(template: &Template, source: &str, slo: &Slo) -> Result<String, RunbookError> {
    let rendered = environment(&Arc::default(), Which::default(), false, false)
        .render_str(source, Serde(thresholds(slo)));
    rendered.map_err(|e| failed(template, &e))
}

/// The document, and the commands in it that lead to a plan.
pub(crate) fn body(
    template: &Template,
    summary: &RunbookSummary,
    scene: &Scene<'_>,
    subject: &Subject,
) -> Result<(String, Actions), RunbookError> {
    let slo = scene.slo;
    let rules = || {
        slo.alerts
            .iter()
            .filter(|rule| summary.rules.contains(&rule.name))
    };
    let release = scene.world.and_then(|world| {
        let of_region = |r: &&aisoc_model::inventory::Release| Some(&r.region) == subject.known.as_ref();
        world.releases.values().find(of_region).map(|r| r.name.clone())
    });
    let context = Context {
        thresholds: thresholds(slo),
        id: &summary.id,
        slug: &summary.slug,
        title: &summary.title,
        trigger: Value::from_safe_string(summary.trigger.clone()),
        triggers: rules()
            .map(|rule| Trigger {
                rule: &rule.name,
                severity: format!("{:?}", rule.severity),
                condition: Value::from_safe_string(words::condition(rule, slo)),
            })
            .collect(),
        firing: scene
            .world
            .map(|world| {
                firing(world, summary)
                    .map(|alert| facts::alert(alert, scene.now))
                    .collect()
            })
            .unwrap_or_default(),
        region: &subject.label,
        known: subject.known.is_some(),
        because: &subject.because,
        standby: subject.standby.as_deref(),
        writer: scene.writer().map(|id| id.to_string()),
        release: match scene.world {
            Some(_) => release,
            None => Some(format!("aisoc-{}", subject.label)),
        },
        facts: facts::of(&template.head.node, scene, subject),
        topology: topology::around(&template.head.node, scene, subject),
        escalation: slo
            .escalation
            .iter()
            .filter(|row| rules().any(|rule| rule.severity == row.severity))
            .collect(),
    };
    let actions = Arc::new(Mutex::new(Actions::new()));
    // What only stands for a region leads to no plan.
    let environment = environment(&actions, Which::of(scene.world), subject.known.is_some(), true);
    let markdown = environment
        .render_str(template.body, Serde(context))
        .map(|text| document::tidy(&text))
        .map_err(|e| failed(template, &e))?;
    drop(environment);
    let actions = std::mem::take(&mut *actions.lock().unwrap_or_else(PoisonError::into_inner));
    Ok((markdown, actions))
}

fn failed(template: &Template, error: &Error) -> RunbookError {
    let at = error
        .line()
        .map_or_else(String::new, |line| format!(" (line {line} of its body)"));
    RunbookError::Template {
        name: template.name.to_owned(),
        why: format!("{error}{at}"),
    }
}

/// An environment whose plans are remembered, if they are to be, and whose text is escaped, if it is for Markdown.
fn environment(
    actions: &Arc<Mutex<Actions>>,
    which: Which,
    remember: bool,
    markdown: bool,
) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    if let Ok(syntax) = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
    {
        environment.set_syntax(syntax);
    }
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(move |out, _state, value| {
        if value.is_undefined() {
            return Err(Error::from(ErrorKind::UndefinedError));
        }
        let text = value.to_string();
        let text = match value.as_str() {
            Some(_) if markdown && !value.is_safe() => aisoc_model::text::markdown(&text, LONGEST),
            _ => text,
        };
        out.write_str(&text).map_err(Error::from)
    });
    environment.add_filter("duration", |seconds: f64| {
        Value::from_safe_string(words::duration(seconds))
    });
    environment.add_filter("percent", |share: f64| {
        Value::from_safe_string(words::percent(share))
    });
    environment.add_filter("code", |text: String| {
        Value::from_safe_string(aisoc_model::text::markdown_code(&text, LONGEST))
    });
    let actions = Arc::clone(actions);
    environment.add_function(
        "plan",
        move |operation: String, on: String, to: Option<String>| {
            let target = target(&operation, &on, to.as_deref(), &which)
                .map_err(|why| Error::new(ErrorKind::InvalidOperation, why))?;
            let command = target.plan_command(which.several);
            if remember {
                let mut actions = actions.lock().unwrap_or_else(PoisonError::into_inner);
                actions.insert(command.clone(), target);
            }
            Ok(Value::from_safe_string(command))
        },
    );
    environment
}

/// Which database cluster an operation in a runbook is about: the first one that it makes sense for.
#[derive(Default)]
struct Which {
    /// By the operation's word and the region's label.
    fitting: BTreeMap<(&'static str, String), ClusterName>,
    /// Whether commands have to say it.
    several: bool,
}

impl Which {
    const KINDS: [OperationKind; 4] = [
        OperationKind::Fence,
        OperationKind::Rejoin,
        OperationKind::Failover,
        OperationKind::EmergencyFailover,
    ];

    fn of(world: Option<&World>) -> Self {
        let Some(world) = world else {
            return Self::default();
        };
        let mut fitting = BTreeMap::new();
        for region in world.regions.keys() {
            for kind in Self::KINDS {
                if let Some(cluster) = world.fitting(kind, region).first() {
                    fitting.insert((kind.word(), region.to_string()), (*cluster).clone());
                }
            }
        }
        Self {
            fitting,
            several: world.several_clusters(),
        }
    }

    /// Without a frame the region is a placeholder, and so is the cluster.
    fn cluster(&self, kind: OperationKind, region: &str) -> Result<ClusterName, String> {
        match self.fitting.get(&(kind.word(), region.to_owned())) {
            Some(cluster) => Ok(cluster.clone()),
            None => "cluster"
                .parse()
                .map_err(|e: aisoc_model::ids::InvalidClusterName| e.to_string()),
        }
    }
}

/// The operation that a template names.
fn target(operation: &str, on: &str, to: Option<&str>, which: &Which) -> Result<Target, String> {
    let region = |text: &str| text.parse::<RegionId>().map_err(|e| e.to_string());
    let other = || region(to.ok_or_else(|| format!("{operation} needs the region that takes over"))?);
    Ok(match operation {
        "drain" => Target::Drain {
            region: region(on)?,
            deadline_seconds: aisoc_model::plan::DRAIN_DEADLINE_SECONDS,
            expires_seconds: aisoc_model::plan::DRAIN_SECONDS,
        },
        "restore" => Target::Restore { region: region(on)? },
        "fence" => Target::Fence {
            cluster: which.cluster(OperationKind::Fence, on)?,
            region: region(on)?,
        },
        "rejoin" => Target::Rejoin {
            cluster: which.cluster(OperationKind::Rejoin, on)?,
            region: region(on)?,
        },
        "failover" => Target::Failover {
            cluster: which.cluster(OperationKind::Failover, on)?,
            to: region(on)?,
        },
        "emergency-failover" => Target::EmergencyFailover {
            cluster: which.cluster(OperationKind::EmergencyFailover, on)?,
            to: region(on)?,
            proof: None,
        },
        "region-failover" => Target::RegionFailover {
            region: region(on)?,
            to: other()?,
        },
        "rollback" => Target::Rollback {
            release: on.to_owned(),
            revision: None,
        },
        unknown => return Err(format!("there is no operation '{unknown}' for a runbook")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> Template {
        Template {
            name: "test",
            head: crate::template::Head {
                id: "RB-000".into(),
                slug: "test".into(),
                title: "Test".into(),
                trigger: String::new(),
                node: "api".into(),
            },
            body: "",
        }
    }

    #[test]
    fn a_threshold_that_there_is_not_is_an_error() {
        let slo = Slo::builtin().unwrap();
        let line = |source: &str| line(&template(), source, &slo);
        assert_eq!(
            line("{{ slo.lag.postgres.alert_seconds | duration }}").unwrap(),
            "30 s"
        );
        assert_eq!(
            line("{{ rules.AiSOCCertificateExpiry.when.certificate_expiry.days }} days").unwrap(),
            "14 days"
        );
        for wrong in [
            "{{ slo.lag.postgres.alarm_seconds | duration }}",
            "{{ slo.lag.mysql.alert_seconds | duration }}",
            "{{ rules.AiSOCNothing.for_seconds }}",
            "{{ plan('explode', 'us-east-1') }}",
            "{{ plan('drain', 'not a region') }}",
            "{{ plan('region-failover', 'us-east-1') }}",
        ] {
            assert!(line(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_template_that_does_not_end_runs_out_of_fuel() {
        let slo = Slo::builtin().unwrap();
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}";
        assert!(
            line(&template(), endless, &slo)
                .unwrap_err()
                .to_string()
                .contains("fuel")
        );
    }

    #[test]
    fn text_from_outside_is_never_markup() {
        let environment = environment(&Arc::default(), Which::default(), false, true);
        let context = BTreeMap::from([("name", "`\u{1b}[31m](http://x)\n## Remediation steps")]);
        let text = environment
            .render_str("{{ name }} {{ name | code }}", Serde(context))
            .unwrap();
        assert_eq!(
            text,
            "\\`\u{FFFD}\\[31m\\](http://x) \\#\\# Remediation steps `'\u{FFFD}[31m](http://x) ## Remediation steps`"
        );
    }
}
