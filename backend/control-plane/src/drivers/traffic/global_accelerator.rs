//! AWS Global Accelerator through its JSON API: the traffic dial of a region's endpoint groups.
//!
//! Only the dial is ever sent: a list of endpoints in the same call would replace the set. The API answers from
//! `us-west-2` whatever region is in trouble.

use super::api::{Answer, OBSERVE_EVERY};
use super::{ServerReading, TrafficDriver, TrafficReading, Traits};
use crate::drivers::DriverError;
use crate::drivers::aws::{Aws, Place};
use aisoc_model::load_balancer::GlobalAccelerator;
use aisoc_model::{Clock, RegionId};
use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const PUBLIC: &str = "https://globalaccelerator.us-west-2.amazonaws.com";
const SIGNING_REGION: &str = "us-west-2";
const SERVICE: &str = "globalaccelerator";
const TARGET: &str = "GlobalAccelerator_V20180706";
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// Calls that are made when AWS is busy (nothing was done then).
const TRIES: u32 = 4;
/// How long a change is followed until it is deployed everywhere.
const DEPLOYMENT: Duration = Duration::from_mins(2);

/// The endpoint groups of an accelerator.
pub struct GlobalAcceleratorDriver {
    aws: Aws,
    settings: GlobalAccelerator,
    clock: Arc<dyn Clock>,
    /// Between two tries and two looks; shorter in tests.
    pause: Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    endpoint_group: Group,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Group {
    /// AWS leaves it out while it is at its default.
    #[serde(default = "whole")]
    traffic_dial_percentage: f64,
    #[serde(default)]
    endpoint_descriptions: Vec<Endpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    #[serde(default)]
    health_state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribedAccelerator {
    accelerator: Accelerator,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Accelerator {
    #[serde(default)]
    status: String,
}

fn whole() -> f64 {
    100.0
}

/// What AWS says instead of a result.
struct Problem {
    kind: String,
    text: String,
}

impl GlobalAcceleratorDriver {
    /// The driver for these settings.
    ///
    /// # Errors
    /// When the endpoint or the credentials file cannot be used.
    pub fn new(settings: &GlobalAccelerator, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let place = Place {
            vendor: "global accelerator",
            public: PUBLIC.to_owned(),
            service: SERVICE,
            region: SIGNING_REGION.to_owned(),
        };
        Ok(Self {
            aws: Aws::new(
                place,
                &settings.api,
                &settings.credentials_file,
                Arc::clone(&clock),
            )?,
            settings: settings.clone(),
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

    async fn call<T: serde::de::DeserializeOwned>(
        &self,
        action: &str,
        body: &Value,
    ) -> Result<T, DriverError> {
        let mut pause = self.pause;
        let text = body.to_string();
        for tried in 1.. {
            let target = format!("{TARGET}.{action}");
            let headers = [("content-type", CONTENT_TYPE), ("x-amz-target", target.as_str())];
            let answer = self.aws.post(&headers, &text).await?;
            if answer.status.is_success() {
                return answer.document();
            }
            let problem = problem(&answer);
            let busy =
                ["ThrottlingException", "TransactionInProgressException"].contains(&problem.kind.as_str());
            let said = format!(
                "global accelerator {action}: {} {} {}",
                answer.status, problem.kind, problem.text
            );
            if answer.status.is_server_error() {
                return Err(DriverError::Unknown(said));
            }
            if !busy || tried >= TRIES {
                return Err(DriverError::Refused(said));
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        Err(DriverError::Refused(format!(
            "global accelerator {action}: never tried"
        )))
    }

    async fn group(&self, arn: &str) -> Result<Group, DriverError> {
        let body = json!({ "EndpointGroupArn": arn });
        let described: Described = self.call("DescribeEndpointGroup", &body).await?;
        Ok(described.endpoint_group)
    }

    async fn server(&self, region: &RegionId, arn: &str) -> Result<ServerReading, DriverError> {
        let group = self.group(arn).await?;
        let all = group.endpoint_descriptions.len();
        let well = group
            .endpoint_descriptions
            .iter()
            .filter(|e| e.health_state == "HEALTHY")
            .count();
        Ok(ServerReading {
            region: region.clone(),
            name: arn.rsplit("accelerator/").next().unwrap_or(arn).to_owned(),
            status: if well > 0 { "UP" } else { "DOWN" }.to_owned(),
            weight: rounded(group.traffic_dial_percentage),
            full_weight: 100,
            check: format!("{well}/{all} endpoints"),
            load: None,
        })
    }

    async fn read_all(&self) -> Result<TrafficReading, DriverError> {
        let groups = self.settings.endpoint_groups.iter();
        let groups = groups.flat_map(|(region, arns)| arns.iter().map(move |arn| (region, arn)));
        let servers = try_join_all(groups.map(|(region, arn)| self.server(region, arn))).await?;
        Ok(TrafficReading {
            at: self.clock.now(),
            servers,
        })
    }

    async fn set_group(&self, arn: &str, percent: u8) -> Result<(), DriverError> {
        if rounded(self.group(arn).await?.traffic_dial_percentage) == u16::from(percent) {
            return Ok(());
        }
        let body = dial(arn, percent);
        match self.call::<Value>("UpdateEndpointGroup", &body).await {
            Ok(_) => self.deployed(arn).await,
            // The answer was lost: what is there now tells.
            Err(DriverError::Unknown(why)) => match self.group(arn).await {
                Ok(group) if rounded(group.traffic_dial_percentage) == u16::from(percent) => {
                    self.deployed(arn).await
                }
                _ => Err(DriverError::Unknown(why)),
            },
            refused => refused.map(|_| ()),
        }
    }

    /// A dial is accepted at once and in force when the accelerator is deployed again.
    async fn deployed(&self, arn: &str) -> Result<(), DriverError> {
        let Some((accelerator, _)) = arn.split_once("/listener/") else {
            return Ok(());
        };
        let body = json!({ "AcceleratorArn": accelerator });
        let begun = Instant::now();
        loop {
            let said = self
                .call::<DescribedAccelerator>("DescribeAccelerator", &body)
                .await;
            let still = match said {
                Ok(described) if described.accelerator.status == "DEPLOYED" => return Ok(()),
                Ok(described) => described.accelerator.status,
                Err(error) => error.to_string(),
            };
            if begun.elapsed() > DEPLOYMENT {
                return Err(DriverError::Unknown(format!(
                    "the dial is set, and the accelerator is not deployed after {} s: {still}",
                    DEPLOYMENT.as_secs()
                )));
            }
            tokio::time::sleep(self.pause).await;
        }
    }

    async fn set_region(&self, region: &RegionId, percent: u8) -> Result<(), DriverError> {
        let arns = self
            .settings
            .endpoint_groups
            .get(region)
            .map_or(&[][..], Vec::as_slice);
        if arns.is_empty() {
            return Err(DriverError::Refused(format!(
                "global accelerator: no endpoint group is configured for {region}"
            )));
        }
        for (done, arn) in arns.iter().enumerate() {
            match self.set_group(arn, percent).await {
                Ok(()) => {}
                // One listener changed is not "nothing changed".
                Err(DriverError::Refused(why)) if done > 0 => return Err(DriverError::Unknown(why)),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn dial(arn: &str, percent: u8) -> Value {
    json!({ "EndpointGroupArn": arn, "TrafficDialPercentage": percent })
}

fn problem(answer: &Answer) -> Problem {
    let document: Value = answer.document().unwrap_or_default();
    let field = |names: [&str; 2]| {
        let found = names.iter().find_map(|name| document.get(name)?.as_str());
        found.map(|text| aisoc_model::text::sanitize(text, 200))
    };
    // `com.amazonaws.globalaccelerator#ThrottlingException` or the name alone.
    let kind = field(["__type", "code"]).unwrap_or_default();
    Problem {
        kind: kind.rsplit('#').next().unwrap_or_default().to_owned(),
        text: field(["Message", "message"]).unwrap_or_else(|| answer.text()),
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped to 0..=100
fn rounded(percent: f64) -> u16 {
    if percent.is_finite() {
        percent.round().clamp(0.0, 100.0) as u16
    } else {
        0
    }
}

impl TrafficDriver for GlobalAcceleratorDriver {
    fn read(&self) -> BoxFuture<'_, Result<TrafficReading, DriverError>> {
        self.read_all().boxed()
    }

    fn set<'a>(&'a self, region: &'a RegionId, percent: u8) -> BoxFuture<'a, Result<(), DriverError>> {
        self.set_region(region, percent).boxed()
    }

    fn request(&self, region: &RegionId, percent: u8) -> String {
        let arns = self
            .settings
            .endpoint_groups
            .get(region)
            .map_or(&[][..], Vec::as_slice);
        let requests: Vec<String> = arns
            .iter()
            .map(|arn| format!("{TARGET}.UpdateEndpointGroup {}", dial(arn, percent)))
            .collect();
        requests.join("; ")
    }

    fn look(&self) -> String {
        format!("{TARGET}.DescribeEndpointGroup")
    }

    fn traits(&self) -> Traits {
        Traits {
            blind: Some("Global Accelerator does not tell open flows".to_owned()),
            remarks: vec![
                "the dial acts on new flows: open TCP flows live on until they end or are idle for 340 s"
                    .to_owned(),
            ],
            observe_every: OBSERVE_EVERY,
        }
    }
}
