//! Google's side of the contract.

use super::{Call, EU, Mishap, US, Vendor, json, refused, region, secret, unknown};
use aisoc_control_plane::drivers::traffic::TrafficDriver;
use aisoc_control_plane::drivers::traffic::gcp::GcpDriver;
use aisoc_model::SystemClock;
use aisoc_model::load_balancer::{Gcp, GcpToken};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const SERVICE: &str = "/projects/p1/global/backendServices/api";
const BASE: &str = "https://www.googleapis.com/compute/v1/projects/p1";

struct State {
    service: Value,
    /// Looks at an operation that still find it running, and how it ends then.
    running: u32,
    ends: Value,
    tokens: u32,
}

type Server = Arc<Vendor<State>>;

fn problem(status: StatusCode, message: &str) -> Response {
    let reason = json!([{ "reason": "conditionNotMet", "message": message }]);
    let error = json!({ "code": status.as_u16(), "message": message, "errors": reason });
    json(status, &json!({ "error": error }))
}

fn touch(state: &mut State) {
    let now = state.service["fingerprint"].as_str().unwrap().len();
    state.service["fingerprint"] = json!("f".repeat(now + 1));
}

fn operation(status: &str, rest: &Value) -> Value {
    let mut operation = json!({ "kind": "compute#operation", "name": "op-1", "status": status });
    for (name, value) in rest.as_object().unwrap() {
        operation[name] = value.clone();
    }
    operation
}

fn answer(state: &mut State, call: &Call) -> Response {
    let path = call.uri.path();
    if path == "/computeMetadata/v1/instance/service-accounts/default/token" {
        assert_eq!(call.header("metadata-flavor"), "Google");
        state.tokens += 1;
        let token = json!({ "access_token": "gcp-token", "expires_in": 3_599, "token_type": "Bearer" });
        return json(StatusCode::OK, &token);
    }
    if call.header("authorization") != "Bearer gcp-token" {
        return problem(StatusCode::UNAUTHORIZED, "Invalid Credentials");
    }
    let body = call.json();
    match (&call.method, path) {
        (&Method::GET, SERVICE) => json(StatusCode::OK, &state.service),
        (&Method::PATCH, SERVICE) => {
            let request_id = call
                .uri
                .query()
                .and_then(|q| q.strip_prefix("requestId="))
                .unwrap();
            assert!(request_id.parse::<uuid::Uuid>().is_ok());
            let fields: Vec<&String> = body.as_object().unwrap().keys().collect();
            assert_eq!(fields, ["backends", "fingerprint"]);
            if body["fingerprint"] != state.service["fingerprint"] {
                return problem(StatusCode::PRECONDITION_FAILED, "Invalid fingerprint.");
            }
            if state.ends.get("error").is_none() {
                state.service["backends"] = body["backends"].clone();
                touch(state);
            }
            state.running = 2;
            json(StatusCode::OK, &operation("PENDING", &json!({})))
        }
        (&Method::GET, "/projects/p1/global/operations/op-1") => {
            if state.running > 0 {
                state.running -= 1;
                return json(StatusCode::OK, &operation("RUNNING", &json!({})));
            }
            json(StatusCode::OK, &operation("DONE", &state.ends))
        }
        (&Method::POST, health) if health == format!("{SERVICE}/getHealth") => {
            let group = body["group"].as_str().unwrap();
            let state = if group.contains("us-east1") {
                "HEALTHY"
            } else {
                "UNHEALTHY"
            };
            let health = json!([{ "healthState": state, "ipAddress": "10.0.0.1", "port": 80 }]);
            json(StatusCode::OK, &json!({ "healthStatus": health }))
        }
        _ => problem(StatusCode::NOT_FOUND, "not found"),
    }
}

fn is_change(call: &Call) -> bool {
    call.method == Method::PATCH
}

fn backends(us: f64, eu: f64) -> Value {
    let backend = |zone: &str, scaler: f64| {
        json!({
            "group": format!("{BASE}/zones/{zone}/networkEndpointGroups/api"), "balancingMode": "RATE",
            "maxRatePerEndpoint": 100.0, "capacityScaler": scaler,
        })
    };
    json!([backend("us-east1-b", us), backend("europe-west1-b", eu)])
}

async fn start(from_metadata: bool) -> (Server, GcpDriver, tempfile::TempDir) {
    let service =
        json!({ "name": "api", "fingerprint": "f", "backends": backends(1.0, 1.0), "timeoutSec": 30 });
    let vendor = Vendor::new(State {
        service,
        running: 0,
        ends: json!({}),
        tokens: 0,
    });
    let api = vendor.serve(is_change, answer).await;
    let (dir, path) = secret("gcp-token");
    let token = if from_metadata {
        GcpToken::Metadata {
            url: api.endpoint.clone(),
        }
    } else {
        GcpToken::File { path }
    };
    let settings = Gcp {
        url: "https://api.example".into(),
        dns_ttl_seconds: None,
        api,
        project: "p1".into(),
        backend_service: "api".into(),
        token,
        groups: BTreeMap::from([
            (
                region(US),
                "zones/us-east1-b/networkEndpointGroups/api".to_owned(),
            ),
            (
                region(EU),
                format!("{BASE}/zones/europe-west1-b/networkEndpointGroups/api"),
            ),
        ]),
    };
    let driver = GcpDriver::new(&settings, Arc::new(SystemClock)).unwrap();
    (vendor, driver.with_pause(Duration::from_millis(5)), dir)
}

#[tokio::test]
async fn the_whole_list_is_sent_with_one_number_changed_and_followed_to_its_end() {
    let (vendor, driver, _dir) = start(false).await;
    for (percent, scaler) in [(50, 0.5), (10, 0.1), (0, 0.0), (100, 1.0)] {
        let fingerprint = vendor.inner().state.service["fingerprint"].clone();
        driver.set(&region(US), percent).await.unwrap();
        let change = vendor.changes(is_change).pop().unwrap();
        assert_eq!(
            change.json(),
            json!({ "backends": backends(scaler, 1.0), "fingerprint": fingerprint })
        );
        assert_eq!(vendor.inner().state.running, 0, "not followed");
        assert_eq!(driver.read().await.unwrap().percent(&region(US)), Some(percent));
    }
    let reading = driver.read().await.unwrap();
    let words: Vec<(&str, bool)> = reading
        .servers
        .iter()
        .map(|s| (s.status.as_str(), s.load.is_none()))
        .collect();
    assert_eq!(words, [("DOWN", true), ("UP", true)]);
    let before = vendor.changes(is_change).len();
    driver.set(&region(US), 100).await.unwrap();
    assert_eq!(
        vendor.changes(is_change).len(),
        before,
        "what is there is not sent again"
    );
}

#[tokio::test]
async fn a_moved_fingerprint_means_to_read_again() {
    let (vendor, driver, _dir) = start(false).await;
    vendor.next(Mishap::Before(|state| {
        state.service["backends"] = backends(1.0, 0.3);
        touch(state);
    }));
    driver.set(&region(US), 50).await.unwrap();
    assert_eq!(vendor.changes(is_change).len(), 2);
    assert_eq!(
        vendor.inner().state.service["backends"],
        backends(0.5, 0.3),
        "theirs is kept"
    );
    for _ in 0..3 {
        vendor.next(Mishap::Before(touch));
    }
    refused(driver.set(&region(US), 10).await, "another fingerprint");
}

#[tokio::test]
async fn documented_errors_are_told_from_lost_answers() {
    let (vendor, driver, _dir) = start(false).await;
    vendor.next(Mishap::Answer(problem(
        StatusCode::FORBIDDEN,
        "Required 'compute.backendServices.update' permission",
    )));
    refused(
        driver.set(&region(US), 50).await,
        "Required 'compute.backendServices.update'",
    );
    vendor.next(Mishap::Answer(problem(
        StatusCode::SERVICE_UNAVAILABLE,
        "backend error",
    )));
    unknown(driver.set(&region(US), 50).await, "backend error");
    // Accepted, and given up later.
    let errors = json!({ "errors": [{ "code": "INVALID_USAGE", "message": "only backend" }] });
    vendor.inner().state.ends = json!({ "error": errors, "httpErrorStatusCode": 400 });
    refused(driver.set(&region(US), 0).await, "INVALID_USAGE only backend");
    refused(
        driver.set(&region("mars-1"), 10).await,
        "no backend group is configured",
    );
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_and_nothing_is_done_twice() {
    let (vendor, driver, _dir) = start(false).await;
    vendor.next(Mishap::AnswerLost);
    driver.set(&region(US), 10).await.unwrap();
    assert_eq!(vendor.changes(is_change).len(), 1);
    assert_eq!(driver.read().await.unwrap().percent(&region(US)), Some(10));
}

#[tokio::test]
async fn the_metadata_servers_token_is_kept_while_it_is_good() {
    let (vendor, driver, _dir) = start(true).await;
    driver.set(&region(US), 50).await.unwrap();
    driver.read().await.unwrap();
    assert_eq!(vendor.inner().state.tokens, 1);
}
