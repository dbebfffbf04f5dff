//! What the service map needs of a span, and nothing else of it.

use super::recent::{SpanKey, key};
use crate::sli::otlp;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

/// Names of attributes, after the semantic conventions; the second of a pair is its former name.
const DATASTORE: [&str; 2] = ["db.system.name", "db.system"];
const TOPIC: [&str; 2] = ["messaging.destination.name", "messaging.destination"];
const PEER: &str = "peer.service";
const STATUS: &str = "http.response.status_code";

/// A span, read.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) key: SpanKey,
    pub(super) parent: Option<SpanKey>,
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) failed: bool,
    pub(super) role: Role<'a>,
}

/// What a span does for the map.
#[derive(Debug)]
pub(super) enum Role<'a> {
    /// Calls something that sends no spans of its own.
    Calls(Peer<'a>),
    /// Answers a caller.
    Serves,
    /// Works on a record, from this topic.
    Takes(Option<&'a str>),
    /// Only work within a service, or a call whose other end tells.
    Works,
}

/// What is called.
#[derive(Debug)]
pub(super) enum Peer<'a> {
    Datastore(&'a str),
    Service(&'a str),
    Topic(&'a str),
}

impl<'a> Seen<'a> {
    /// `None` for a span without ids.
    pub(super) fn of(span: &'a Span) -> Option<Self> {
        let status = span.status.as_ref();
        let failed = status.is_some_and(|status| status.code == StatusCode::Error as i32)
            || otlp::integer(&span.attributes, STATUS).is_some_and(|status| status >= 500);
        Some(Self {
            key: key(&span.trace_id, &span.span_id)?,
            parent: key(&span.trace_id, &span.parent_span_id),
            start_ns: span.start_time_unix_nano,
            end_ns: span.end_time_unix_nano,
            failed,
            role: role(span),
        })
    }

    /// How long it took.
    pub(super) fn seconds(&self) -> f64 {
        std::time::Duration::from_nanos(self.end_ns.saturating_sub(self.start_ns)).as_secs_f64()
    }
}

fn role(span: &Span) -> Role<'_> {
    let text = |name: &str| otlp::text(&span.attributes, name);
    let topic = || TOPIC.iter().find_map(|name| text(name));
    match SpanKind::try_from(span.kind) {
        Ok(SpanKind::Client | SpanKind::Producer) => {
            let datastore = DATASTORE.iter().find_map(|name| text(name));
            match (text(PEER), datastore, topic()) {
                (Some(name), Some(_), _) | (None, Some(name), _) => Role::Calls(Peer::Datastore(name)),
                (_, None, Some(name)) => Role::Calls(Peer::Topic(name)),
                (Some(name), None, None) => Role::Calls(Peer::Service(name)),
                (None, None, None) => Role::Works,
            }
        }
        Ok(SpanKind::Server) => Role::Serves,
        Ok(SpanKind::Consumer) => Role::Takes(topic()),
        Ok(SpanKind::Internal | SpanKind::Unspecified) | Err(_) => Role::Works,
    }
}
