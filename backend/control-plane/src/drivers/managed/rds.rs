//! Amazon RDS and Aurora through their Query API: a form is posted, XML comes back.
//!
//! A region's own API is asked, never that of the region that fails.

use super::{Managed, ManagedDriver, ManagedReading, Way};
use crate::drivers::DriverError;
use crate::drivers::aws::{Aws, Place};
use crate::drivers::traffic::api::Answer;
use aisoc_model::managed::ManagedDatabase;
use aisoc_model::{Clock, RegionId};
use futures::FutureExt;
use futures::future::BoxFuture;
use quick_xml::Reader;
use quick_xml::events::Event;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const VERSION: &str = "2014-10-31";
const CONTENT_TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";
/// Calls that are made when AWS is busy (nothing was done then).
const TRIES: u32 = 4;
/// Elements of an answer that are read.
const MOST_ELEMENTS: usize = 20_000;

/// RDS or Aurora in several regions.
pub struct RdsDriver {
    settings: ManagedDatabase,
    regions: BTreeMap<RegionId, Aws>,
    clock: Arc<dyn Clock>,
    /// Between two tries; shorter in tests.
    pause: Duration,
}

impl RdsDriver {
    /// The driver for these settings.
    ///
    /// # Errors
    /// When an endpoint or the credentials file cannot be used.
    pub fn new(settings: &ManagedDatabase, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let (api, file, regions): (_, _, Vec<&RegionId>) = match settings {
            ManagedDatabase::Rds(s) => (&s.api, &s.credentials_file, s.instances.keys().collect()),
            ManagedDatabase::Aurora(s) => (&s.api, &s.credentials_file, s.clusters.keys().collect()),
        };
        let mut all = BTreeMap::new();
        for region in regions {
            let place = Place {
                vendor: "rds",
                public: format!("https://rds.{region}.amazonaws.com"),
                service: "rds",
                region: region.to_string(),
            };
            let settings = api.get(region).cloned().unwrap_or_default();
            let aws = Aws::new(place, &settings, file, Arc::clone(&clock))?;
            all.insert(region.clone(), aws);
        }
        Ok(Self {
            settings: settings.clone(),
            regions: all,
            clock,
            pause: Duration::from_secs(1),
        })
    }

    /// The same with another pause between tries, for tests.
    #[must_use]
    pub fn with_pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// What is posted to make `to` the writer.
    fn form(&self, to: &RegionId, way: Way) -> Result<Vec<(&'static str, String)>, DriverError> {
        match (&self.settings, way) {
            (ManagedDatabase::Rds(s), Way::Promote) => {
                let instance = known(s.instances.get(to), to)?;
                let mut form = vec![
                    ("Action", "PromoteReadReplica".to_owned()),
                    ("DBInstanceIdentifier", instance),
                ];
                if let Some(days) = s.backup_retention_days {
                    form.push(("BackupRetentionPeriod", days.to_string()));
                }
                Ok(form)
            }
            (ManagedDatabase::Aurora(s), Way::Switchover | Way::Failover) => {
                let target = known(s.clusters.get(to), to)?;
                let mut form = vec![
                    ("Action", "SwitchoverGlobalCluster".to_owned()),
                    ("GlobalClusterIdentifier", s.global_cluster.clone()),
                    ("TargetDbClusterIdentifier", target),
                ];
                if way == Way::Failover {
                    // Without this word AWS would take it for a switchover.
                    form.push(("AllowDataLoss", "true".to_owned()));
                    if let Some(action) = form.first_mut() {
                        "FailoverGlobalCluster".clone_into(&mut action.1);
                    }
                }
                Ok(form)
            }
            _ => Err(DriverError::Refused(
                "this kind of database does not change its writer that way".to_owned(),
            )),
        }
    }

    async fn call(&self, region: &RegionId, form: &[(&'static str, String)]) -> Result<Element, DriverError> {
        let Some(aws) = self.regions.get(region) else {
            return Err(DriverError::Refused(format!(
                "the topology names no managed database in {region}"
            )));
        };
        let action = form.first().map_or("", |(_, action)| action.as_str());
        let body = encoded(form)?;
        let mut pause = self.pause;
        for tried in 1..=TRIES {
            let answer = aws.post(&[("content-type", CONTENT_TYPE)], &body).await?;
            let document = parse(&answer);
            if answer.status.is_success() {
                return document.map_err(|why| {
                    DriverError::Unknown(format!("the answer to {action} cannot be read: {why}"))
                });
            }
            let problem = document.unwrap_or_default();
            let code = problem.text("Code").unwrap_or_default().to_owned();
            let message = problem
                .text("Message")
                .map_or_else(|| answer.text(), str::to_owned);
            let said = format!(
                "rds {action} in {region}: {} {code} {}",
                answer.status,
                aisoc_model::text::sanitize(&message, 300)
            );
            let busy = ["Throttling", "ThrottlingException", "RequestLimitExceeded"].contains(&code.as_str());
            if answer.status.is_server_error() && !busy {
                return Err(DriverError::Unknown(said));
            }
            if !busy || tried == TRIES {
                return Err(DriverError::Refused(said));
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(DriverError::Refused(format!("rds {action}: never tried")))
    }

    async fn look(&self, to: &RegionId) -> Result<ManagedReading, DriverError> {
        let what = match &self.settings {
            ManagedDatabase::Rds(s) => {
                let form = [
                    ("Action", "DescribeDBInstances".to_owned()),
                    ("DBInstanceIdentifier", known(s.instances.get(to), to)?),
                ];
                let answer = self.call(to, &form).await?;
                instance(&answer)
            }
            ManagedDatabase::Aurora(s) => {
                let form = [
                    ("Action", "DescribeGlobalClusters".to_owned()),
                    ("GlobalClusterIdentifier", s.global_cluster.clone()),
                ];
                let target = known(s.clusters.get(to), to)?;
                let answer = self.call(to, &form).await?;
                global_cluster(&answer, &target)
            }
        };
        let what = what.ok_or_else(|| {
            DriverError::Unknown("AWS describes a database without its identifier and status".to_owned())
        })?;
        Ok(ManagedReading {
            at: self.clock.now(),
            what,
        })
    }

    async fn change(&self, to: &RegionId, way: Way) -> Result<(), DriverError> {
        let form = self.form(to, way)?;
        self.call(to, &form).await.map(|_| ())
    }
}

impl ManagedDriver for RdsDriver {
    fn read<'a>(&'a self, to: &'a RegionId) -> BoxFuture<'a, Result<ManagedReading, DriverError>> {
        self.look(to).boxed()
    }

    fn make_writer<'a>(&'a self, to: &'a RegionId, way: Way) -> BoxFuture<'a, Result<(), DriverError>> {
        self.change(to, way).boxed()
    }

    fn request(&self, to: &RegionId, way: Way) -> String {
        match self.form(to, way) {
            Ok(form) => {
                let fields: Vec<String> = form.iter().map(|(k, v)| format!("{k}={v}")).collect();
                format!("POST https://rds.{to}.amazonaws.com/ {}", fields.join("&"))
            }
            Err(e) => e.to_string(),
        }
    }

    fn ways(&self) -> &'static [Way] {
        match self.settings {
            ManagedDatabase::Rds(_) => &[Way::Promote],
            ManagedDatabase::Aurora(_) => &[Way::Switchover, Way::Failover],
        }
    }
}

fn known(name: Option<&String>, region: &RegionId) -> Result<String, DriverError> {
    name.cloned()
        .ok_or_else(|| DriverError::Refused(format!("the topology names no managed database in {region}")))
}

/// The form as it is posted, with the API's version.
fn encoded(form: &[(&'static str, String)]) -> Result<String, DriverError> {
    let fields = form.iter().map(|(k, v)| (*k, v.as_str()));
    let url = reqwest::Url::parse_with_params("http://form/", fields.chain([("Version", VERSION)]))
        .map_err(|e| DriverError::Refused(e.to_string()))?;
    Ok(url.query().unwrap_or_default().to_owned())
}

fn instance(answer: &Element) -> Option<Managed> {
    let instance = answer.find("DBInstance")?;
    Some(Managed::Instance {
        id: instance.own("DBInstanceIdentifier")?.to_owned(),
        status: instance.own("DBInstanceStatus")?.to_owned(),
        replica_of: instance
            .own("ReadReplicaSourceDBInstanceIdentifier")
            .filter(|source| !source.is_empty())
            .map(str::to_owned),
    })
}

fn global_cluster(answer: &Element, target: &str) -> Option<Managed> {
    let cluster = answer.find("GlobalCluster")?;
    let members = cluster.child("GlobalClusterMembers")?;
    let writer = members
        .children
        .iter()
        .find(|m| m.own("IsWriter") == Some("true"))
        .and_then(|m| m.own("DBClusterArn"));
    let moving = cluster.child("FailoverState").and_then(|state| {
        let to = state.own("ToDbClusterArn")?;
        Some(format!("{} to {to}", state.own("Status")?))
    });
    Some(Managed::Global {
        id: cluster.own("GlobalClusterIdentifier")?.to_owned(),
        status: cluster.own("Status")?.to_owned(),
        writes: writer == Some(target),
        member: members
            .children
            .iter()
            .any(|m| m.own("DBClusterArn") == Some(target)),
        moving,
    })
}

/// An element of an answer.
#[derive(Debug, Default, PartialEq)]
struct Element {
    name: String,
    value: String,
    children: Vec<Element>,
}

impl Element {
    /// The first element of this name below, at any depth.
    fn find(&self, name: &str) -> Option<&Self> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.find(name))
    }

    /// The text of the first element of this name below, at any depth.
    fn text(&self, name: &str) -> Option<&str> {
        self.find(name).map(|e| e.value.as_str())
    }

    /// An element right below: a global cluster has a status of its own and one of a failover.
    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of an element right below.
    fn own(&self, name: &str) -> Option<&str> {
        self.child(name).map(|e| e.value.as_str())
    }
}

fn parse(answer: &Answer) -> Result<Element, String> {
    parse_xml(&answer.raw())
}

fn parse_xml(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().trim_text(true);
    let mut open: Vec<Element> = vec![Element::default()];
    for _ in 0..MOST_ELEMENTS {
        match reader.read_event().map_err(|e| e.to_string())? {
            Event::Start(start) => open.push(Element {
                name: start.local_name().as_ref().to_owned(),
                ..Element::default()
            }),
            Event::Text(text) => {
                if let Some(element) = open.last_mut() {
                    let text = text.xml_content(quick_xml::XmlVersion::Implicit1_0);
                    element.value.push_str(&text);
                }
            }
            Event::End(_) => {
                let Some(done) = open.pop() else { break };
                match open.last_mut() {
                    Some(parent) => parent.children.push(done),
                    None => return Err("it closes more than it opens".to_owned()),
                }
            }
            Event::Eof => {
                let root = open.pop().filter(|_| open.is_empty());
                return root.ok_or_else(|| "it breaks off".to_owned());
            }
            _ => {}
        }
    }
    Err("it is too long".to_owned())
}
