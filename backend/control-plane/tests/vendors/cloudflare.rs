//! Cloudflare's side of the contract.

use super::{Call, Mishap, US, Vendor, json, refused, region, secret, unknown};
use aisoc_control_plane::drivers::traffic::TrafficDriver;
use aisoc_control_plane::drivers::traffic::cloudflare::CloudflareDriver;
use aisoc_model::SystemClock;
use aisoc_model::load_balancer::{Cloudflare, CloudflareMethod};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const LB: &str = "/zones/zone1/load_balancers/lb1";
const POOL_US: &str = "/accounts/acct1/load_balancers/pools/pool-us";

pub struct State {
    balancer: Value,
    pools: BTreeMap<&'static str, Value>,
    healthy: bool,
}

pub type Server = Arc<Vendor<State>>;

fn envelope(result: &Value) -> Response {
    json(
        StatusCode::OK,
        &json!({ "success": true, "errors": [], "messages": [], "result": result }),
    )
}

fn problem(status: StatusCode, code: i64, message: &str) -> Response {
    let errors = json!([{ "code": code, "message": message }]);
    json(
        status,
        &json!({ "success": false, "errors": errors, "messages": [], "result": null }),
    )
}

/// PATCH replaces each field that is given, whole.
fn merge(into: &mut Value, fields: &Value) {
    for (name, value) in fields.as_object().unwrap() {
        into[name] = value.clone();
    }
}

fn answer(state: &mut State, call: &Call) -> Response {
    if call.header("authorization") != "Bearer cf-token" {
        return problem(StatusCode::FORBIDDEN, 10_000, "Authentication error");
    }
    let path = call.uri.path();
    let pool = path.strip_prefix("/accounts/acct1/load_balancers/pools/");
    match (&call.method, pool) {
        (&Method::GET, None) if path == LB => envelope(&state.balancer),
        (&Method::PATCH, None) if path == LB => {
            merge(&mut state.balancer, &call.json());
            envelope(&state.balancer)
        }
        (&Method::GET, Some(pool)) if pool.ends_with("/health") => {
            let pop = json!({ "healthy": state.healthy, "origins": [{ "192.0.2.1": { "healthy": state.healthy } }] });
            envelope(&json!({ "pool_id": "x", "pop_health": { "Amsterdam, NL": pop } }))
        }
        (&Method::GET, Some(pool)) if state.pools.contains_key(pool) => envelope(&state.pools[pool]),
        (&Method::PATCH, Some(pool)) if state.pools.contains_key(pool) => {
            let pool = state.pools.get_mut(pool).unwrap();
            merge(pool, &call.json());
            envelope(pool)
        }
        _ => problem(StatusCode::NOT_FOUND, 1_001, "not found"),
    }
}

fn is_change(call: &Call) -> bool {
    call.method == Method::PATCH
}

/// The server, and the settings of a control plane that uses it.
pub async fn lab(method: CloudflareMethod) -> (Server, Cloudflare, tempfile::TempDir) {
    let pool = |id: &str| json!({ "id": id, "enabled": true, "origins": [{ "name": "o", "weight": 1 }] });
    let vendor = Vendor::new(State {
        balancer: json!({
            "id": "lb1", "steering_policy": "random", "fallback_pool": "pool-eu",
            "random_steering": { "default_weight": 1.0, "pool_weights": { "pool-us": 0.5, "other": 0.25 } },
        }),
        pools: BTreeMap::from([("pool-us", pool("pool-us")), ("pool-eu", pool("pool-eu"))]),
        healthy: true,
    });
    let api = vendor.serve(is_change, answer).await;
    let (dir, token_file) = secret("cf-token\n");
    let settings = Cloudflare {
        url: "https://api.example".into(),
        dns_ttl_seconds: None,
        api,
        account: "acct1".into(),
        zone: "zone1".into(),
        load_balancer: "lb1".into(),
        token_file,
        method,
        pools: [(US, "pool-us"), (super::EU, "pool-eu")]
            .map(|(id, pool)| (region(id), pool.to_owned()))
            .into(),
        full_weights: BTreeMap::from([(region(US), 0.5)]),
    };
    (vendor, settings, dir)
}

async fn start(method: CloudflareMethod) -> (Server, CloudflareDriver, tempfile::TempDir) {
    let (vendor, settings, dir) = lab(method).await;
    let driver = CloudflareDriver::new(&settings, Arc::new(SystemClock)).unwrap();
    (vendor, driver, dir)
}

/// What a pool sheds: of new sessions and of those with affinity, percent.
pub fn shed(vendor: &Server, pool: &str) -> (f64, f64) {
    let shedding = vendor.inner().state.pools[pool]["load_shedding"].clone();
    let percent = |field: &str| shedding[field].as_f64().unwrap();
    (percent("default_percent"), percent("session_percent"))
}

#[tokio::test]
async fn shedding_changes_nothing_but_the_regions_own_pool() {
    let (vendor, driver, _dir) = start(CloudflareMethod::Shedding).await;
    assert_eq!(driver.read().await.unwrap().percent(&region(US)), Some(100));
    let policies = |default: u8, session: u8| {
        json!({ "load_shedding": {
            "default_percent": f64::from(default), "default_policy": "random",
            "session_percent": f64::from(session), "session_policy": "hash",
        } })
    };
    for (percent, default, session) in [(50, 50, 0), (10, 90, 0), (0, 100, 100), (100, 0, 0)] {
        driver.set(&region(US), percent).await.unwrap();
        let last = vendor.changes(is_change).pop().unwrap();
        assert_eq!((last.method.clone(), last.uri.path()), (Method::PATCH, POOL_US));
        assert_eq!(last.json(), policies(default, session));
        assert_eq!(last.header("content-type"), "application/json");
        assert!(driver.request(&region(US), percent).contains(POOL_US));
        assert_eq!(driver.read().await.unwrap().percent(&region(US)), Some(percent));
    }
    let reading = driver.read().await.unwrap();
    assert!(
        reading
            .servers
            .iter()
            .all(|s| s.load.is_none() && s.status == "UP")
    );
    // What is there already is not sent again.
    let before = vendor.changes(is_change).len();
    driver.set(&region(US), 100).await.unwrap();
    assert_eq!(vendor.changes(is_change).len(), before);
    assert_eq!(vendor.inner().state.pools["pool-us"]["origins"][0]["name"], "o");
}

#[tokio::test]
async fn weights_are_a_share_of_the_full_weight_and_leave_the_others() {
    let (vendor, driver, _dir) = start(CloudflareMethod::Weights).await;
    assert_eq!(driver.read().await.unwrap().percent(&region(US)), Some(100));
    driver.set(&region(US), 10).await.unwrap();
    let change = vendor.changes(is_change).pop().unwrap();
    assert_eq!(change.uri.path(), LB);
    let wanted = json!({
        "steering_policy": "random",
        "random_steering": { "default_weight": 1.0, "pool_weights": { "other": 0.25, "pool-us": 0.05 } },
    });
    assert_eq!(change.json(), wanted);
    assert_eq!(driver.read().await.unwrap().percent(&region(US)), Some(10));
    // A policy that heeds no weights would make the change a lie.
    vendor.inner().state.balancer["steering_policy"] = json!("geo");
    refused(driver.set(&region(US), 0).await, "heeds no weights");
    assert_eq!(vendor.changes(is_change).len(), 1);
}

#[tokio::test]
async fn somebody_elses_change_is_kept_or_named() {
    let (vendor, driver, _dir) = start(CloudflareMethod::Weights).await;
    // Ours is overwritten once: it is made again, on what is there then.
    vendor.next(Mishap::After(|state| {
        state.balancer["random_steering"]["pool_weights"] = json!({ "pool-us": 0.5, "other": 0.75 });
    }));
    driver.set(&region(US), 50).await.unwrap();
    let weights = vendor.inner().state.balancer["random_steering"]["pool_weights"].clone();
    assert_eq!(weights, json!({ "pool-us": 0.25, "other": 0.75 }));
    // Again and again: nobody knows what holds.
    for _ in 0..3 {
        vendor.next(Mishap::After(|state| {
            state.balancer["random_steering"]["pool_weights"]["pool-us"] = json!(0.5);
        }));
    }
    unknown(driver.set(&region(US), 0).await, "somebody else");
}

#[tokio::test]
async fn documented_errors_change_nothing_and_are_told() {
    let (vendor, driver, _dir) = start(CloudflareMethod::Shedding).await;
    vendor.next(Mishap::Answer(problem(
        StatusCode::BAD_REQUEST,
        1_002,
        "load_shedding is not enabled for this \u{1b}[31mplan",
    )));
    refused(
        driver.set(&region(US), 50).await,
        "1002 load_shedding is not enabled",
    );
    // "Too many requests", with and without patience.
    let slow_down = |seconds: &str| {
        let body = problem(StatusCode::TOO_MANY_REQUESTS, 971, "Please wait");
        ([("retry-after", seconds.to_owned())], body).into_response()
    };
    vendor.next(Mishap::Answer(slow_down("1")));
    driver.set(&region(US), 50).await.unwrap();
    assert_eq!(driver.read().await.unwrap().percent(&region(US)), Some(50));
    vendor.next(Mishap::Answer(slow_down("300")));
    refused(driver.set(&region(US), 10).await, "try again in 300 s");
    // A gateway's error page is no answer of Cloudflare's.
    vendor.next(Mishap::Answer(
        (StatusCode::BAD_GATEWAY, "<h1>Bad gateway</h1>").into_response(),
    ));
    unknown(driver.set(&region(US), 10).await, "Bad gateway");
    refused(driver.set(&region("mars-1"), 10).await, "no pool is configured");
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_and_nothing_is_done_twice() {
    let (vendor, driver, _dir) = start(CloudflareMethod::Shedding).await;
    vendor.next(Mishap::AnswerLost);
    driver.set(&region(US), 10).await.unwrap();
    assert_eq!(vendor.changes(is_change).len(), 1);
    assert_eq!(driver.read().await.unwrap().percent(&region(US)), Some(10));
}

#[tokio::test]
async fn a_token_that_was_renewed_is_used_and_a_wrong_one_is_named() {
    let (vendor, driver, dir) = start(CloudflareMethod::Shedding).await;
    std::fs::write(dir.path().join("secret"), "wrong").unwrap();
    refused(driver.set(&region(US), 10).await, "10000 Authentication error");
    std::fs::write(dir.path().join("secret"), "cf-token").unwrap();
    driver.set(&region(US), 10).await.unwrap();
    vendor.inner().state.pools.get_mut("pool-us").unwrap()["enabled"] = json!(false);
    vendor.inner().state.healthy = false;
    let reading = driver.read().await.unwrap();
    let words: Vec<&str> = reading.servers.iter().map(|s| s.status.as_str()).collect();
    assert_eq!(words, ["DOWN", "MAINT"]);
}
