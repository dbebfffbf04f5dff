//! The Kubernetes API server's side of the contract, as far as a secret is concerned.

use super::{Call, EU, Mishap, Vendor, json, refused, region, secret, unknown};
use aisoc_control_plane::drivers::dsn::DsnDriver;
use aisoc_control_plane::drivers::dsn::kubernetes::KubernetesKeeper;
use aisoc_model::dsn::{Cluster, Kubernetes};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const EPOCH: &str = "aisoc.io/epoch.url";
const URL: &str = "postgres://app:hush@10.0.0.1:5432/aisoc";
const PATH: &str = "/api/v1/namespaces/aisoc/secrets/database";

struct State {
    version: u64,
    epoch: Option<String>,
    url: String,
    /// What else is in it, and has to stay.
    other: String,
}

fn status(code: StatusCode, reason: &str, message: &str) -> Response {
    let body = json!({ "kind": "Status", "status": "Failure", "reason": reason, "message": message });
    json(code, &body)
}

fn document(state: &State) -> Value {
    let mut annotations = serde_json::Map::new();
    annotations.insert("helm.sh/keep".to_owned(), json!("yes"));
    // The string of another database cluster in the same secret, written later.
    annotations.insert("aisoc.io/epoch.other".to_owned(), json!("12"));
    if let Some(epoch) = &state.epoch {
        annotations.insert(EPOCH.to_owned(), json!(epoch));
    }
    json!({
        "kind": "Secret",
        "metadata": { "name": "database", "resourceVersion": state.version.to_string(), "annotations": annotations },
        "data": { "url": BASE64.encode(&state.url), "other": BASE64.encode(&state.other) },
    })
}

fn is_change(call: &Call) -> bool {
    call.method != Method::GET
}

fn answer(state: &mut State, call: &Call) -> Response {
    if call.header("authorization") != "Bearer robot" {
        return status(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized");
    }
    if call.uri.path() != PATH || call.uri.query().is_some() {
        return status(
            StatusCode::NOT_FOUND,
            "NotFound",
            "secrets \"database\" not found",
        );
    }
    if call.method == Method::GET {
        return json(StatusCode::OK, &document(state));
    }
    if call.method != Method::PATCH || call.header("content-type") != "application/merge-patch+json" {
        return status(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", "");
    }
    let patch = call.json();
    if patch["metadata"]["resourceVersion"] != json!(state.version.to_string()) {
        return status(
            StatusCode::CONFLICT,
            "Conflict",
            "the object has been modified; please apply your changes to the latest version and try again",
        );
    }
    if let Some(url) = patch["data"]["url"].as_str() {
        state.url = String::from_utf8(BASE64.decode(url).unwrap()).unwrap();
    }
    if let Some(epoch) = patch["metadata"]["annotations"][EPOCH].as_str() {
        state.epoch = Some(epoch.to_owned());
    }
    state.version += 1;
    json(StatusCode::OK, &document(state))
}

async fn keeper() -> (Arc<Vendor<State>>, KubernetesKeeper, tempfile::TempDir) {
    let server = Vendor::new(State {
        version: 41,
        epoch: None,
        url: URL.to_owned(),
        other: "kept".to_owned(),
    });
    let api = server.serve(is_change, answer).await;
    let (dir, token_file) = secret("robot\n");
    let cluster = Cluster {
        api,
        token_file,
        ca_file: None,
    };
    let settings = Kubernetes {
        clusters: BTreeMap::from([(region(EU), cluster)]),
        namespace: "aisoc".to_owned(),
        name: "database".to_owned(),
        key: "url".to_owned(),
    };
    (server, KubernetesKeeper::new(&settings).unwrap(), dir)
}

const MOVED: &str = "postgres://app:hush@10.0.0.2:5432/aisoc";

#[tokio::test]
async fn a_secret_is_patched_under_the_version_just_read_with_the_epoch_beside_it() {
    let (server, keeper, _dir) = keeper().await;
    let eu = region(EU);
    keeper.point(&eu, "10.0.0.2:5432", Some(7)).await.unwrap();
    let sent = server.changes(is_change);
    let [patch] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert_eq!(
        (patch.method.as_str(), patch.uri.to_string().as_str()),
        ("PATCH", PATH)
    );
    assert_eq!(
        patch.json(),
        json!({
            "metadata": { "resourceVersion": "41", "annotations": { EPOCH: "7" } },
            "data": { "url": BASE64.encode(MOVED) },
        })
    );
    let there = keeper.read(&eu).await.unwrap();
    assert_eq!(
        (there.hosts(), there.epoch),
        (vec!["10.0.0.2:5432".to_owned()], Some(7))
    );
    // Nothing is sent that is there already.
    keeper.point(&eu, "10.0.0.2:5432", Some(7)).await.unwrap();
    assert_eq!(server.changes(is_change).len(), 1);
    let behind = keeper.point(&eu, "10.0.0.3:5432", Some(6)).await;
    refused(behind, "written under epoch 7: epoch 6 is behind");
    assert!(!keeper.request(&eu, "10.0.0.2:5432").contains("hush"));
}

#[tokio::test]
async fn who_wrote_in_between_is_looked_at_again_and_a_later_epoch_stays() {
    let (server, keeper, _dir) = keeper().await;
    let eu = region(EU);
    server.next(Mishap::Before(|state| {
        state.other = "changed".to_owned();
        state.version += 1;
    }));
    keeper.point(&eu, "10.0.0.2:5432", Some(7)).await.unwrap();
    assert_eq!(server.changes(is_change).len(), 2, "a conflict, then again");
    assert_eq!(server.inner().state.other, "changed");
    server.next(Mishap::Before(|state| {
        state.epoch = Some("9".to_owned());
        state.version += 1;
    }));
    refused(
        keeper.point(&eu, "10.0.0.3:5432", Some(8)).await,
        "epoch 8 is behind",
    );
    assert_eq!(server.inner().state.url, MOVED);
}

#[tokio::test]
async fn what_is_refused_lost_or_broken_is_told_apart() {
    let (server, keeper, _dir) = keeper().await;
    let eu = region(EU);
    let forbidden = status(
        StatusCode::FORBIDDEN,
        "Forbidden",
        "cannot patch resource \"secrets\"",
    );
    server.next(Mishap::Answer(forbidden));
    refused(
        keeper.point(&eu, "10.0.0.2:5432", Some(7)).await,
        "cannot patch resource",
    );
    let broken = status(
        StatusCode::INTERNAL_SERVER_ERROR,
        "InternalError",
        "etcdserver: request timed out",
    );
    server.next(Mishap::Answer(broken));
    unknown(
        keeper.point(&eu, "10.0.0.2:5432", Some(7)).await,
        "request timed out",
    );
    // The answer is lost, and what is there afterwards tells that it was done.
    server.next(Mishap::AnswerLost);
    keeper.point(&eu, "10.0.0.2:5432", Some(7)).await.unwrap();
    refused(
        keeper.point(&region("us-east-1"), "10.0.0.2:5432", Some(7)).await,
        "no DSN of us-east-1",
    );
}
