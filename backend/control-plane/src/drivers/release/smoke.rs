//! Smoke tests of a release that does not serve yet: asked at its own addresses, as a client would ask it.

use crate::clients::root_cause;
use aisoc_model::inventory::ParallelInstance;
use std::time::{Duration, Instant};

/// Longest wait for one answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Requests for the slowest of which the answer time is judged.
const REQUESTS: usize = 10;

/// What the tests found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Smoke {
    /// What was seen, one sentence each.
    pub passed: Vec<String>,
    /// What is wrong, one sentence each.
    pub failed: Vec<String>,
    /// The slowest answer, milliseconds.
    pub slowest_ms: f64,
}

/// Asks every instance: does it live, does it say that it can serve, does it answer within `bound`, and does it keep
/// strangers out?
pub async fn run(instances: &[ParallelInstance], bound: Duration) -> Smoke {
    let mut smoke = Smoke::default();
    let http = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build();
    let http = match http {
        Ok(http) => http,
        Err(e) => {
            smoke.failed.push(format!("no HTTP client: {}", root_cause(&e)));
            return smoke;
        }
    };
    if instances.is_empty() {
        smoke.failed.push("it has no instance".to_owned());
    }
    for instance in instances {
        let name = &instance.process;
        for (path, wanted, times) in [
            ("/livez", 200, 1),
            ("/api/health", 200, REQUESTS),
            ("/api/v1/alerts?limit=1", 401, REQUESTS),
        ] {
            let url = format!("{}{path}", instance.url.trim_end_matches('/'));
            match ask(&http, &url, wanted, times).await {
                Ok(took) if took > bound => smoke.failed.push(format!(
                    "{name}: GET {path} took {} ms, more than {} ms",
                    took.as_millis(),
                    bound.as_millis()
                )),
                Ok(took) => {
                    smoke.slowest_ms = smoke.slowest_ms.max(took.as_secs_f64() * 1_000.0);
                    smoke.passed.push(format!("{name}: GET {path} answers {wanted}"));
                }
                Err(why) => smoke.failed.push(format!("{name}: GET {path} {why}")),
            }
        }
    }
    smoke
}

/// The slowest of several answers, all of which have to have this status.
async fn ask(http: &reqwest::Client, url: &str, wanted: u16, times: usize) -> Result<Duration, String> {
    let mut slowest = Duration::ZERO;
    for _ in 0..times {
        let begun = Instant::now();
        let answer = http.get(url).send().await.map_err(|e| {
            if e.is_timeout() {
                format!("gives no answer within {} s", TIMEOUT.as_secs())
            } else {
                format!("gives no answer: {}", root_cause(&e))
            }
        })?;
        let status = answer.status().as_u16();
        answer
            .bytes()
            .await
            .map_err(|e| format!("breaks off: {}", root_cause(&e)))?;
        if status != wanted {
            return Err(format!("answers {status}, not {wanted}"));
        }
        slowest = slowest.max(begun.elapsed());
    }
    Ok(slowest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::get;

    async fn instance(open: bool, slow: Duration) -> ParallelInstance {
        let alerts = if open {
            StatusCode::OK
        } else {
            StatusCode::UNAUTHORIZED
        };
        let health = async move || {
            tokio::time::sleep(slow).await;
            "ok"
        };
        let router = Router::new()
            .route("/livez", get(async || "ok"))
            .route("/api/health", get(health))
            .route("/api/v1/alerts", get(async move || alerts));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        ParallelInstance {
            process: "us-east-1/api-a.green".into(),
            server: "us-east-1a-parallel".into(),
            url,
        }
    }

    #[tokio::test]
    async fn a_release_that_answers_and_keeps_strangers_out_passes() {
        let bound = Duration::from_secs(30);
        let good = instance(false, Duration::ZERO).await;
        let smoke = run(std::slice::from_ref(&good), bound).await;
        assert_eq!((smoke.passed.len(), smoke.failed.len()), (3, 0), "{smoke:?}");
        let open = instance(true, Duration::ZERO).await;
        let smoke = run(&[good.clone(), open], bound).await;
        assert_eq!(
            smoke.failed,
            ["us-east-1/api-a.green: GET /api/v1/alerts?limit=1 answers 200, not 401"]
        );
        let slow = instance(false, Duration::from_millis(20)).await;
        let smoke = run(&[slow], Duration::from_millis(10)).await;
        assert!(smoke.failed[0].contains("/api/health took"), "{smoke:?}");
        let nobody = ParallelInstance {
            url: "http://127.0.0.1:1".into(),
            ..good
        };
        let smoke = run(&[nobody], bound).await;
        assert!(smoke.failed[0].contains("gives no answer"), "{smoke:?}");
        assert_eq!(run(&[], bound).await.failed, ["it has no instance"]);
    }
}
