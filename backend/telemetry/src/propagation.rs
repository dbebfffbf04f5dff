//! W3C trace context across the bus and across processes.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The `traceparent` of the current span; `None` outside a span and without export.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    traceparent_of(&tracing::Span::current())
}

/// The `traceparent` of `span`; `None` when it is disabled and without export.
#[must_use]
pub fn traceparent_of(span: &tracing::Span) -> Option<String> {
    let context = span.context();
    let span = context.span();
    let at = span.span_context();
    at.is_valid().then(|| format(at))
}

/// Makes `span` a child of the span that `traceparent` names. A text that is not a `traceparent` comes from
/// outside and changes nothing. Call it before the span is entered.
pub fn set_parent(span: &tracing::Span, traceparent: Option<&str>) {
    if let Some(parent) = traceparent.and_then(parse) {
        // Fails without export, for a filtered span and for one already entered: the trace is then shorter.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}

fn format(at: &SpanContext) -> String {
    format!(
        "00-{}-{}-{:02x}",
        at.trace_id(),
        at.span_id(),
        at.trace_flags().to_u8() & TraceFlags::SAMPLED.to_u8()
    )
}

/// Version `00` as the recommendation writes it; of later versions the first four fields.
fn parse(text: &str) -> Option<SpanContext> {
    let mut fields = text.trim().split('-');
    let version = hex(fields.next()?, 2)?;
    let trace = hex(fields.next()?, 32)?;
    let span = hex(fields.next()?, 16)?;
    let flags = hex(fields.next()?, 2)?;
    if version == "ff" || (version == "00" && fields.next().is_some()) {
        return None;
    }
    let flags = u8::from_str_radix(flags, 16).ok()?;
    let at = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(flags) & TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    at.is_valid().then_some(at)
}

fn hex(field: &str, length: usize) -> Option<&str> {
    let fits = field.len() == length && field.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    fits.then_some(field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true)]
    #[case("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true)]
    #[case("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later", true)]
    #[case("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra", false)]
    #[case("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false)]
    #[case("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false)]
    #[case("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false)]
    #[case("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false)]
    #[case("00-4bf9-00f067aa0ba902b7-01", false)]
    #[case("", false)]
    fn traceparents(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(parse(text).is_some(), valid);
    }

    #[test]
    fn outside_a_span_there_is_none() {
        assert_eq!(current_traceparent(), None);
    }

    proptest! {
        #[test]
        fn written_is_read(trace in 1u128.., span in 1u64.., sampled: bool) {
            let at = SpanContext::new(
                TraceId::from(trace), SpanId::from(span),
                TraceFlags::new(u8::from(sampled)), true, TraceState::NONE,
            );
            prop_assert_eq!(parse(&format(&at)), Some(at));
        }

        #[test]
        fn any_text_is_survived(text in ".{0,80}") {
            let _ = parse(&text);
        }
    }
}
