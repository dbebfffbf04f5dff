//! AWS Global Accelerator's side of the contract.

use super::{Call, EU, Mishap, US, Vendor, json, refused, region, secret, unknown};
use aisoc_control_plane::drivers::traffic::TrafficDriver;
use aisoc_control_plane::drivers::traffic::global_accelerator::GlobalAcceleratorDriver;
use aisoc_model::SystemClock;
use aisoc_model::load_balancer::GlobalAccelerator;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub const KEYS: &str =
    r#"{"Version":1,"AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"wJalrXUtnFEMI","SessionToken":"tok"}"#;

struct State {
    dials: BTreeMap<String, f64>,
    /// Looks at the accelerator that still find it in progress.
    deploying: u32,
}

type Server = Arc<Vendor<State>>;

fn arn(group: &str) -> String {
    let (listener, group) = group.split_once('.').unwrap();
    format!(
        "arn:aws:globalaccelerator::123456789012:accelerator/acc1/listener/{listener}/endpoint-group/{group}"
    )
}

fn problem(kind: &str, message: &str) -> Response {
    let kind = format!("com.amazonaws.globalaccelerator#{kind}");
    json(
        StatusCode::BAD_REQUEST,
        &json!({ "__type": kind, "Message": message }),
    )
}

/// Signs the same request with the same keys and the same time: the signatures have to be equal.
pub fn signature_is_right(call: &Call, service: &str, region: &str, headers: &[&'static str]) -> bool {
    let given = call.header("authorization");
    let scope = "Credential=AKIDEXAMPLE/";
    if !given.starts_with(&format!("AWS4-HMAC-SHA256 {scope}"))
        || !given.contains(&format!("/{region}/{service}/aws4_request"))
        || call.header("x-amz-security-token") != "tok"
    {
        return false;
    }
    let time = jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", call.header("x-amz-date")).unwrap();
    let time = time
        .to_datetime()
        .unwrap()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .unwrap();
    let identity = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI", Some("tok".into()), None, "test").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(time.timestamp().into())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let url = format!("http://{}/", call.header("host"));
    let headers = headers.iter().map(|name| (*name, call.header(name)));
    let body = SignableBody::Bytes(&call.body);
    let request = SignableRequest::new("POST", &url, headers, body).unwrap();
    let (instructions, _) = sign(request, &parameters).unwrap().into_parts();
    instructions
        .headers()
        .any(|(name, value)| name == "authorization" && value == given)
}

fn answer(state: &mut State, call: &Call) -> Response {
    if call.method != Method::POST || call.uri.path() != "/" {
        return problem("UnknownOperationException", "");
    }
    if call.header("content-type") != "application/x-amz-json-1.1"
        || !signature_is_right(
            call,
            "globalaccelerator",
            "us-west-2",
            &["content-type", "x-amz-target"],
        )
    {
        return problem(
            "InvalidSignatureException",
            "The request signature we calculated does not match",
        );
    }
    let body = call.json();
    let group = |state: &State| {
        let arn = body["EndpointGroupArn"].as_str()?;
        let dial = *state.dials.get(arn)?;
        let endpoints = json!([{ "EndpointId": "e1", "HealthState": "HEALTHY" }, { "EndpointId": "e2", "HealthState": "UNHEALTHY" }]);
        let group = json!({ "EndpointGroupArn": arn, "TrafficDialPercentage": dial, "EndpointDescriptions": endpoints });
        Some(json!({ "EndpointGroup": group }))
    };
    match call.header("x-amz-target") {
        "GlobalAccelerator_V20180706.DescribeEndpointGroup" => match group(state) {
            Some(group) => json(StatusCode::OK, &group),
            None => problem("EndpointGroupNotFoundException", "no such group"),
        },
        "GlobalAccelerator_V20180706.UpdateEndpointGroup" => {
            let fields: Vec<&String> = body.as_object().unwrap().keys().collect();
            assert_eq!(
                fields,
                ["EndpointGroupArn", "TrafficDialPercentage"],
                "nothing else may be sent"
            );
            let arn = body["EndpointGroupArn"].as_str().unwrap().to_owned();
            state
                .dials
                .insert(arn, body["TrafficDialPercentage"].as_f64().unwrap());
            state.deploying = 2;
            json(StatusCode::OK, &group(state).unwrap())
        }
        "GlobalAccelerator_V20180706.DescribeAccelerator" => {
            assert_eq!(
                body["AcceleratorArn"],
                "arn:aws:globalaccelerator::123456789012:accelerator/acc1"
            );
            let status = if state.deploying > 0 {
                "IN_PROGRESS"
            } else {
                "DEPLOYED"
            };
            state.deploying = state.deploying.saturating_sub(1);
            json(
                StatusCode::OK,
                &json!({ "Accelerator": { "Status": status, "Enabled": true } }),
            )
        }
        _ => problem("UnknownOperationException", ""),
    }
}

fn is_change(call: &Call) -> bool {
    call.header("x-amz-target").ends_with(".UpdateEndpointGroup")
}

async fn start(keys: &str) -> (Server, anyhow::Result<GlobalAcceleratorDriver>, tempfile::TempDir) {
    let groups = ["l1.us", "l2.us", "l1.eu"];
    let vendor = Vendor::new(State {
        dials: groups.iter().map(|g| (arn(g), 100.0)).collect(),
        deploying: 0,
    });
    let api = vendor.serve(is_change, answer).await;
    let (dir, credentials_file) = secret(keys);
    let settings = GlobalAccelerator {
        url: "https://api.example".into(),
        dns_ttl_seconds: None,
        api,
        credentials_file,
        endpoint_groups: BTreeMap::from([
            (region(US), vec![arn("l1.us"), arn("l2.us")]),
            (region(EU), vec![arn("l1.eu")]),
        ]),
    };
    let driver = GlobalAcceleratorDriver::new(&settings, Arc::new(SystemClock));
    (
        vendor,
        driver.map(|d| d.with_pause(Duration::from_millis(5))),
        dir,
    )
}

async fn driver() -> (Server, GlobalAcceleratorDriver, tempfile::TempDir) {
    let (vendor, driver, dir) = start(KEYS).await;
    (vendor, driver.unwrap(), dir)
}

#[tokio::test]
async fn the_dials_of_all_listeners_are_turned_and_followed_until_deployed() {
    let (vendor, driver, _dir) = driver().await;
    let reading = driver.read().await.unwrap();
    assert_eq!(
        (reading.servers.len(), reading.percent(&region(US))),
        (3, Some(100))
    );
    assert!(
        reading
            .servers
            .iter()
            .all(|s| s.status == "UP" && s.check == "1/2 endpoints")
    );
    assert_eq!(reading.load(&region(US)), None);
    for percent in [50, 10, 0, 100] {
        driver.set(&region(US), percent).await.unwrap();
        let changes = vendor.changes(is_change);
        let last: Vec<Value> = changes.iter().rev().take(2).rev().map(Call::json).collect();
        let wanted = ["l1.us", "l2.us"]
            .map(|group| json!({ "EndpointGroupArn": arn(group), "TrafficDialPercentage": percent }));
        assert_eq!(last, wanted);
        assert_eq!(vendor.inner().state.deploying, 0, "not waited for");
        assert_eq!(driver.read().await.unwrap().percent(&region(US)), Some(percent));
    }
    assert_eq!(vendor.inner().state.dials[&arn("l1.eu")], 100.0);
    let before = vendor.changes(is_change).len();
    driver.set(&region(US), 100).await.unwrap();
    assert_eq!(
        vendor.changes(is_change).len(),
        before,
        "what is there is not sent again"
    );
}

#[tokio::test]
async fn documented_errors_are_told_from_lost_answers() {
    let (vendor, driver, _dir) = driver().await;
    vendor.next(Mishap::Answer(problem("AccessDeniedException", "not authorized")));
    refused(
        driver.set(&region(US), 50).await,
        "AccessDeniedException not authorized",
    );
    // Busy twice, then well.
    vendor.next(Mishap::Answer(problem("ThrottlingException", "Rate exceeded")));
    vendor.next(Mishap::Answer(problem("TransactionInProgressException", "wait")));
    driver.set(&region(US), 50).await.unwrap();
    assert_eq!(vendor.changes(is_change).len(), 1 + 4);
    for _ in 0..4 {
        vendor.next(Mishap::Answer(problem("ThrottlingException", "Rate exceeded")));
    }
    refused(driver.set(&region(US), 10).await, "ThrottlingException");
    let broken = json!({ "__type": "InternalServiceErrorException", "Message": "oops" });
    vendor.next(Mishap::Answer(json(StatusCode::INTERNAL_SERVER_ERROR, &broken)));
    unknown(driver.set(&region(US), 10).await, "InternalServiceErrorException");
    refused(
        driver.set(&region("mars-1"), 10).await,
        "no endpoint group is configured",
    );
}

#[tokio::test]
async fn one_listener_changed_is_not_nothing_changed() {
    let (vendor, driver, _dir) = driver().await;
    vendor.next(Mishap::Before(|_| {}));
    vendor.next(Mishap::Answer(problem("AccessDeniedException", "not this one")));
    unknown(driver.set(&region(US), 50).await, "not this one");
    assert_eq!(driver.read().await.unwrap().percent(&region(US)), Some(75));
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_and_nothing_is_done_twice() {
    let (vendor, driver, _dir) = driver().await;
    vendor.next(Mishap::AnswerLost);
    driver.set(&region(EU), 10).await.unwrap();
    assert_eq!(vendor.changes(is_change).len(), 1);
    assert_eq!(driver.read().await.unwrap().percent(&region(EU)), Some(10));
}

#[tokio::test]
async fn credentials_that_cannot_be_used_are_named_and_never_quoted() {
    for (keys, part) in [
        (
            "{\"AccessKeyId\":\"AKIDEXAMPLE\",\"SecretAccessKey\":5}",
            "is not JSON with AccessKeyId",
        ),
        (
            "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hidden\",\"Expiration\":\"2020-01-01T00:00:00Z\"}",
            "have expired",
        ),
    ] {
        let (vendor, driver, _dir) = start(keys).await;
        let why = driver.map(|_| ()).unwrap_err().to_string();
        assert!(
            why.contains(part) && !why.contains("hidden") && !why.contains("AKID"),
            "{why}"
        );
        assert!(vendor.inner().calls.is_empty());
    }
}
