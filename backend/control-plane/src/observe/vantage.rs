//! What each region sees of the others: an api instance of it is asked, which checks the peers that its own
//! configuration lists.

use super::board::{Board, Seen};
use super::{Look, settle};
use aisoc_model::RegionId;
use aisoc_model::observed::Absence;
use aisoc_model::topology::RegionConfig;
use aisoc_model::vantage::{MAX_PEERS, Report};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Largest answer that is read.
const MAX_ANSWER: u64 = 256 * 1024;

/// Asks the api instances of one region, the one that answered last first.
pub(super) struct VantagePoint {
    region: RegionId,
    /// Instance and its address by the topology.
    instances: Vec<(String, String)>,
    http: reqwest::Client,
    token: String,
    check_interval: Duration,
    timeout: Duration,
    board: Arc<Board>,
}

/// What asking gave; `None` when the instances have no such route.
type Answer = Option<Report>;

impl VantagePoint {
    pub(super) fn new(
        region: &RegionConfig,
        http: reqwest::Client,
        token: &str,
        check_interval: Duration,
        timeout: Duration,
        board: Arc<Board>,
    ) -> Self {
        Self {
            region: region.id.clone(),
            instances: region
                .api
                .iter()
                .map(|api| (api.instance.clone(), api.url.trim_end_matches('/').to_owned()))
                .collect(),
            http,
            token: token.to_owned(),
            check_interval,
            timeout: timeout / u32::try_from(region.api.len().max(1)).unwrap_or(1),
            board,
        }
    }

    async fn ask(&self, instance: &str, url: &str) -> Result<Answer, String> {
        let address = self
            .board
            .read(|seen| seen.http_address(&format!("{}/{instance}", self.region)))
            .unwrap_or_else(|| url.to_owned());
        let interval = self.check_interval.as_millis();
        let url = format!("{address}/internal/vantage?interval_ms={interval}");
        let what = |why: String| format!("{instance}: {why}");
        let response = self
            .http
            .get(&url)
            .bearer_auth(&self.token)
            .timeout(self.timeout)
            .send()
            .await
            .map_err(|e| what(crate::clients::root_cause(&e)))?;
        match response.status().as_u16() {
            200 => {}
            404 => return Ok(None),
            status => return Err(what(format!("GET /internal/vantage answered {status}"))),
        }
        if response.content_length().is_some_and(|n| n > MAX_ANSWER) {
            return Err(what("its report is too large".to_owned()));
        }
        let mut report: Report = response
            .json()
            .await
            .map_err(|e| what(crate::clients::root_cause(&e)))?;
        report.peers.truncate(MAX_PEERS);
        Ok(Some(report))
    }
}

impl Look for VantagePoint {
    type Seen = Answer;

    fn source(&self) -> String {
        format!("vantage:{}", self.region)
    }

    async fn look(&mut self, _now: Timestamp) -> Result<Answer, String> {
        let mut problems = Vec::new();
        for position in 0..self.instances.len() {
            let Some((instance, url)) = self.instances.get(position) else {
                continue;
            };
            match self.ask(instance, url).await {
                Ok(answer) => {
                    // Only the one that is asked goes on checking: the same one next time.
                    self.instances.swap(0, position);
                    return Ok(answer);
                }
                Err(why) => problems.push(why),
            }
        }
        Err(problems.join("; "))
    }

    fn file(&mut self, seen: &mut Seen, result: Result<Answer, String>, at: Timestamp) -> bool {
        let Some(observed) = seen.vantages.get_mut(&self.region) else {
            return false;
        };
        match result {
            Ok(Some(report)) => settle(observed, Ok(report), at),
            Ok(None) => {
                observed.value = None;
                observed.absence = Some(Absence::NotConfigured);
            }
            Err(why) => settle(observed, Err(why), at),
        }
        // The verdict is drawn with the next frame; it counts checks, so nothing is lost by a second.
        false
    }
}
