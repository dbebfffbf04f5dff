//! HAProxy before api servers of a test.

use super::Process;
use super::ports::free_ports;
use super::world::REGIONS;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A load balancer and the api servers of three regions behind it.
pub struct LoadBalancer {
    pub url: String,
    pub socket: String,
    /// Requests served, by server.
    pub served: BTreeMap<String, Arc<AtomicU64>>,
    process: Process,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl LoadBalancer {
    pub async fn start(dir: &Path) -> Self {
        let socket = dir.join("haproxy.sock").display().to_string();
        let port = free_ports(1)[0];
        let mut config = format!(
            "global\n  stats socket {socket} mode 600 level admin\n  maxconn 1000\n\
             defaults\n  mode http\n  timeout connect 1s\n  timeout client 30s\n  timeout server 30s\n\
             frontend all\n  bind 127.0.0.1:{port}\n  default_backend api\n\
             backend api\n  balance roundrobin\n  option httpchk GET /api/health\n  http-check expect status 200\n\
             \x20 default-server check inter 1s fall 3 rise 2\n"
        );
        let (mut served, mut tasks) = (BTreeMap::new(), Vec::new());
        for (id, _, zones) in REGIONS {
            for zone in zones.chars() {
                let name = format!("{id}{zone}");
                let count = Arc::new(AtomicU64::new(0));
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                // A DR-only region is behind the load balancer, without weight.
                let weight = if id.starts_with("ap") { 0 } else { 100 };
                writeln!(config, "  server {name} {address} weight {weight}").unwrap();
                // The other half of a blue/green release: the same instances, out of rotation.
                writeln!(config, "  server {name}-parallel {address} weight 0 disabled").unwrap();
                let router = api(Arc::clone(&count));
                tasks.push(tokio::spawn(async move {
                    axum::serve(listener, router).await.unwrap();
                }));
                served.insert(name, count);
            }
        }
        let file = dir.join("haproxy.cfg");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new("/usr/sbin/haproxy");
        command.arg("-db").arg("-f").arg(&file);
        let process = Process::start(command, &dir.join("haproxy.log"));
        let url = format!("http://127.0.0.1:{port}");
        let health = format!("{url}/api/health");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        super::eventually("the load balancer answers", Duration::from_secs(20), async || {
            client.get(&health).send().await.is_ok_and(|r| r.status() == 200)
        })
        .await;
        Self {
            url,
            socket,
            served,
            process,
            tasks,
        }
    }

    /// Requests that a region's servers have served.
    pub fn served_by(&self, region: &str) -> u64 {
        let servers = self.served.iter().filter(|(name, _)| name.starts_with(region));
        servers.map(|(_, count)| count.load(Ordering::Relaxed)).sum()
    }
}

impl Drop for LoadBalancer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn api(count: Arc<AtomicU64>) -> Router {
    let work = async |State(count): State<Arc<AtomicU64>>| {
        count.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
        "done"
    };
    let slow = async || {
        tokio::time::sleep(Duration::from_secs(8)).await;
        "slow"
    };
    Router::new()
        .route("/api/health", get(async || "ok"))
        .route("/work", get(work))
        .route("/slow", get(slow))
        .with_state(count)
}
