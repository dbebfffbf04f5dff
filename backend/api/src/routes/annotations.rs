//! Notes: the acknowledged write. A 201 means that the note is committed on the writer, whatever happens next.

use super::{PageQuery, Parsed, parsed};
use crate::error::ApiError;
use crate::state::App;
use aisoc_model::event::Tenant;
use aisoc_storage::Page;
use aisoc_storage::annotations::{self as notes, Annotation};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long a write waits for a writer.
const WRITER_WAIT: Duration = Duration::from_secs(5);
const MAX_SUBJECT: usize = 200;
const MAX_TEXT: usize = 10_000;
const HINT: &str =
    "send {\"id\": \"<uuid>\", \"subject\": \"1-200 characters\", \"text\": \"1-10000 characters\"}";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    id: Uuid,
    subject: String,
    text: String,
}

fn body(bytes: &[u8]) -> Result<Body, ApiError> {
    let body: Body = serde_json::from_slice(bytes)
        .map_err(|error| ApiError::invalid(aisoc_model::text::sanitize(&error.to_string(), 200), HINT))?;
    for (name, text, most) in [
        ("subject", &body.subject, MAX_SUBJECT),
        ("text", &body.text, MAX_TEXT),
    ] {
        let length = text.chars().count();
        if !(1..=most).contains(&length) {
            return Err(ApiError::invalid(
                format!("'{name}' has {length} characters"),
                HINT,
            ));
        }
    }
    Ok(body)
}

/// `POST /api/v1/annotations`. The same id and contents again answer 201 again and store nothing.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Extension(tenant): Extension<Arc<Tenant>>,
    bytes: Bytes,
) -> Result<(StatusCode, Json<Annotation>), ApiError> {
    let Body { id, subject, text } = body(&bytes)?;
    let note = Annotation {
        id,
        tenant: tenant.id.clone(),
        subject,
        text,
        origin: app.config.origin(),
        created_at: Timestamp::now(),
    };
    notes::insert(app.database(&tenant)?, WRITER_WAIT, &note).await?;
    Ok((StatusCode::CREATED, Json(note)))
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(tenant): Extension<Arc<Tenant>>,
    query: Parsed<PageQuery>,
) -> Result<Json<Page<Annotation>>, ApiError> {
    let query = parsed(query)?;
    Ok(Json(
        notes::list(
            app.database(&tenant)?,
            &tenant.id,
            query.cursor()?.as_ref(),
            query.limit(),
        )
        .await?,
    ))
}

pub(super) async fn count(
    State(app): State<Arc<App>>,
    Extension(tenant): Extension<Arc<Tenant>>,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(
        serde_json::json!({ "count": notes::count(app.database(&tenant)?, &tenant.id).await? }),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(
        r#"{"id":"018f0000-0000-7000-8000-000000000000","subject":"s","text":"t"}"#,
        true
    )]
    #[case(r#"{"id":"x","subject":"s","text":"t"}"#, false)]
    #[case(
        r#"{"id":"018f0000-0000-7000-8000-000000000000","subject":"","text":"t"}"#,
        false
    )]
    #[case(r#"{"id":"018f0000-0000-7000-8000-000000000000","subject":"s"}"#, false)]
    #[case(
        r#"{"id":"018f0000-0000-7000-8000-000000000000","subject":"s","text":"t","tenant":"x"}"#,
        false
    )]
    #[case("", false)]
    fn bodies(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(body(text.as_bytes()).is_ok(), valid);
    }
}
