//! Spans of calls to what sends no spans itself, so that the service map knows of it.

use tracing::Span;

/// A span of a call to `system` within the present one. Outside of any there is none: what runs by itself all the time
/// would fill the traces with what nobody asked for.
pub(crate) fn call(system: &'static str, what: &'static str) -> Span {
    if Span::current().is_none() {
        return Span::none();
    }
    tracing::info_span!(
        "call",
        otel.name = what,
        otel.kind = "client",
        db.system.name = system,
        otel.status_code = tracing::field::Empty,
    )
}

/// The same for the event store, which has a name of its own on the map, whatever keeps it.
pub(crate) fn event_store(what: &'static str) -> Span {
    if Span::current().is_none() {
        return Span::none();
    }
    tracing::info_span!(
        "call",
        otel.name = what,
        otel.kind = "client",
        peer.service = "event-store",
        db.system.name = "sqlite",
        otel.status_code = tracing::field::Empty,
    )
}

/// The call of `span` failed.
pub(crate) fn failed(span: &Span) {
    span.record("otel.status_code", "error");
}
