//! What the vendors' servers of these tests have in common.

pub mod aws;
pub mod cloudflare;
pub mod gcp;
pub mod kubernetes;
pub mod rds;

use aisoc_control_plane::drivers::DriverError;
use aisoc_model::RegionId;
use aisoc_model::load_balancer::VendorApi;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

pub const US: &str = "us-east-1";
pub const EU: &str = "eu-west-1";

pub fn region(id: &str) -> RegionId {
    id.parse().unwrap()
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Call {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A vendor: its state, what it was asked, and what goes wrong with the changes that are asked next.
pub struct Vendor<S>(Mutex<Inner<S>>);

pub struct Inner<S> {
    pub state: S,
    pub calls: Vec<Call>,
    /// One for each change to come, the next first; none left is all well.
    pub mishaps: Vec<Mishap<S>>,
}

/// What goes wrong with a change.
pub enum Mishap<S> {
    /// Answered like this; nothing is done.
    Answer(Response),
    /// It is done, and the connection breaks before the answer is whole.
    AnswerLost,
    /// Somebody else does this right before it.
    Before(fn(&mut S)),
    /// Somebody else does this right after it.
    After(fn(&mut S)),
}

impl<S: Send + 'static> Vendor<S> {
    pub fn new(state: S) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Inner {
            state,
            calls: vec![],
            mishaps: vec![],
        })))
    }

    pub fn inner(&self) -> MutexGuard<'_, Inner<S>> {
        self.0.lock().unwrap()
    }

    pub fn next(&self, mishap: Mishap<S>) {
        self.inner().mishaps.push(mishap);
    }

    /// The changes that were asked for.
    pub fn changes(&self, is_change: fn(&Call) -> bool) -> Vec<Call> {
        self.inner()
            .calls
            .iter()
            .filter(|c| is_change(c))
            .cloned()
            .collect()
    }

    /// Serves on a free port. `answer` is the vendor's contract; `is_change` says which calls change something.
    pub async fn serve(
        self: &Arc<Self>,
        is_change: fn(&Call) -> bool,
        answer: fn(&mut S, &Call) -> Response,
    ) -> VendorApi {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let vendor = Arc::clone(self);
        let handle = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let vendor = Arc::clone(&vendor);
            async move {
                let call = Call {
                    method,
                    uri,
                    headers,
                    body,
                };
                vendor.handle(&call, is_change, answer)
            }
        };
        tokio::spawn(async move {
            axum::serve(listener, Router::new().fallback(handle))
                .await
                .unwrap();
        });
        VendorApi {
            endpoint: Some(format!("http://{address}")),
            addresses: vec![],
        }
    }

    fn handle(
        &self,
        call: &Call,
        is_change: fn(&Call) -> bool,
        answer: fn(&mut S, &Call) -> Response,
    ) -> Response {
        let mut inner = self.inner();
        inner.calls.push(call.clone());
        let mishap = (is_change(call) && !inner.mishaps.is_empty()).then(|| inner.mishaps.remove(0));
        match mishap {
            Some(Mishap::Answer(response)) => return response,
            Some(Mishap::Before(interfere)) => interfere(&mut inner.state),
            _ => {}
        }
        let response = answer(&mut inner.state, call);
        match mishap {
            Some(Mishap::After(interfere)) => {
                interfere(&mut inner.state);
                response
            }
            Some(Mishap::AnswerLost) => broken(),
            _ => response,
        }
    }
}

/// An answer that breaks off: the client knows no more than before.
fn broken() -> Response {
    let parts = [Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("cut"))];
    Body::from_stream(stream::iter(parts)).into_response()
}

pub fn json(status: StatusCode, body: &Value) -> Response {
    (status, axum::Json(body.clone())).into_response()
}

pub fn refused(result: Result<(), DriverError>, part: &str) {
    match result {
        Err(DriverError::Refused(why)) => assert!(why.contains(part), "{why}"),
        other => panic!("{other:?}"),
    }
}

pub fn unknown(result: Result<(), DriverError>, part: &str) {
    match result {
        Err(DriverError::Unknown(why)) => assert!(why.contains(part), "{why}"),
        other => panic!("{other:?}"),
    }
}

/// A file with a secret, in a directory that lives as long as the test.
pub fn secret(text: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    std::fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    (dir, path)
}
