//! What the tests of ingest share: started processes with tenants on file, and looks at their buses.
#![allow(dead_code)]

use aisoc_bus::Bus;
use aisoc_bus::remote::RemoteBus;
use aisoc_ingest::{Config, Service};
use aisoc_model::event::{EventRecord, topic};
use aisoc_model::{RegionId, SystemClock};
use aisoc_storage::tenants::hash_token;
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const INTERNAL: &str = "internal-token";
/// Longest wait for something that happens at once when the code is right.
pub const SOON: Duration = Duration::from_secs(20);

pub fn region(label: &str) -> RegionId {
    label.parse().unwrap()
}

pub fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

pub fn free_port() -> u16 {
    TcpListener::bind(local(0)).unwrap().local_addr().unwrap().port()
}

/// Writes the tenant cache as an earlier run with a database would have left it.
pub fn seed(dir: &Path) {
    let grant = |token: &str, tenant: &str, home: &str, residency: &[&str]| {
        json!({
            "token_sha256": hash_token(token),
            "tenant": {"id": tenant, "name": tenant, "home_region": home, "residency": residency,
                "acknowledge_minutes": {}},
        })
    };
    let file = json!({
        "refreshed_at": "2026-01-01T00:00:00Z",
        "grants": [
            grant("t-acme", "acme", "us-east-1", &[]),
            grant("t-initech", "initech-eu", "eu-west-1", &["eu-west-1"]),
        ],
    });
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(dir.join("tenants.json"), file.to_string()).unwrap();
}

pub fn config(label: &str, dir: &Path) -> Config {
    Config::new(region(label), local(0), local(0), dir, INTERNAL)
}

/// A running ingest process.
pub struct Running {
    pub http: SocketAddr,
    pub bus: Bus,
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    pub async fn start(config: Config) -> Self {
        seed(&config.data_dir);
        let service = Service::start(config, Arc::new(SystemClock)).await.unwrap();
        let (http, bus) = (service.http, remote(service.bus));
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(service.serve_until(shutdown.clone()));
        Self {
            http,
            bus,
            shutdown,
            task,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    pub async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(SOON, self.task)
            .await
            .expect("it did not stop")
            .unwrap()
            .unwrap();
    }

    /// Posts an envelope as `token`; status and body.
    pub async fn post(&self, token: &str, events: &[Value]) -> (u16, Value) {
        let body = json!({"connector_id": "c1", "connector_type": "test", "source_format": "json", "events": events});
        let request = reqwest::Client::new()
            .post(self.url("/v1/ingest"))
            .bearer_auth(token)
            .json(&body);
        answer(request).await
    }
}

pub fn remote(address: SocketAddr) -> Bus {
    Bus::Remote(RemoteBus::connect_lazy(&format!("http://{address}"), INTERNAL).unwrap())
}

pub async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (
        response.status().as_u16(),
        response.json().await.unwrap_or(Value::Null),
    )
}

/// The first `count` records of a topic, as JSON; waits for them.
pub async fn records(bus: &Bus, topic: &str, count: usize) -> Vec<Value> {
    let mut out = Vec::new();
    let mut from = 0;
    tokio::time::timeout(SOON, async {
        while out.len() < count {
            let fetched = bus
                .fetch(topic, from, 1000, Duration::from_secs(1))
                .await
                .unwrap();
            for (offset, record) in fetched.records {
                from = offset + 1;
                out.push(serde_json::from_slice(&record.payload).unwrap());
            }
        }
    })
    .await
    .expect("the records did not arrive in time");
    out
}

/// The first `count` raw events of a bus.
pub async fn events(bus: &Bus, count: usize) -> Vec<EventRecord> {
    let records = records(bus, topic::RAW_EVENTS, count).await;
    records
        .into_iter()
        .map(|r| serde_json::from_value(r).unwrap())
        .collect()
}
