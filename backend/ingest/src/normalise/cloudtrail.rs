//! AWS CloudTrail records.

use super::fields::{address, lower, text};
use super::{Columns, time};
use aisoc_model::event::{Entities, EventClass};
use serde_json::{Map, Value};

/// Whether this is a CloudTrail record.
pub fn is(event: &Map<String, Value>) -> bool {
    ["eventName", "eventSource", "eventTime"]
        .iter()
        .all(|key| event.get(*key).is_some_and(Value::is_string))
}

/// The columns of a CloudTrail record.
pub fn columns(event: &Map<String, Value>) -> Columns {
    let name = text(event, &["eventName"]).unwrap_or_default();
    let class = match (name, text(event, &["eventSource"]).unwrap_or_default()) {
        ("ConsoleLogin", _) | (_, "signin.amazonaws.com") => EventClass::Authentication,
        _ => EventClass::ApiActivity,
    };
    let refused = text(event, &["errorCode"])
        .is_some_and(|code| code.contains("Unauthorized") || code.contains("AccessDenied"))
        || text(event, &["responseElements.ConsoleLogin"]) == Some("Failure");
    Columns {
        format: "cloudtrail",
        class,
        severity: if refused { 2 } else { 1 },
        entities: Entities {
            host: None,
            user: user(event),
            ip: text(event, &["sourceIPAddress"]).and_then(address),
            process: None,
        },
        time: event.get("eventTime").and_then(time::parse),
        id: text(event, &["eventID"]).map(str::to_owned),
    }
}

/// The person or role behind a call. A session name of a role is chosen by the caller, so the role counts.
fn user(event: &Map<String, Value>) -> Option<String> {
    text(
        event,
        &[
            "userIdentity.userName",
            "userIdentity.sessionContext.sessionIssuer.userName",
            "userIdentity.invokedBy",
        ],
    )
    .or_else(|| text(event, &["userIdentity.arn"])?.rsplit(['/', ':']).next())
    .or_else(|| text(event, &["userIdentity.accountId", "userIdentity.type"]))
    .and_then(lower)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(value: &Value) -> Columns {
        let event = value.as_object().unwrap();
        assert!(is(event));
        columns(event)
    }

    #[test]
    fn a_refused_call_of_a_role() {
        let columns = of(&json!({
            "eventVersion": "1.08", "eventTime": "2026-01-02T03:04:05Z", "eventName": "GetSecretValue",
            "eventSource": "secretsmanager.amazonaws.com", "sourceIPAddress": "198.51.100.7",
            "eventID": "11111111-2222-3333-4444-555555555555", "errorCode": "Client.UnauthorizedOperation",
            "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/Deploy/session-1",
                "sessionContext": {"sessionIssuer": {"userName": "Deploy"}}},
        }));
        assert_eq!(columns.class, EventClass::ApiActivity);
        assert_eq!(columns.severity, 2);
        assert_eq!(columns.entities.user.as_deref(), Some("deploy"));
        assert_eq!(columns.entities.ip.as_deref(), Some("198.51.100.7"));
        assert_eq!(
            columns.id.as_deref(),
            Some("11111111-2222-3333-4444-555555555555")
        );
        assert_eq!(columns.time, Some("2026-01-02T03:04:05Z".parse().unwrap()));
    }

    #[test]
    fn a_login_and_a_service() {
        let login = of(&json!({
            "eventTime": "2026-01-02T03:04:05Z", "eventName": "ConsoleLogin", "eventSource": "signin.amazonaws.com",
            "userIdentity": {"type": "Root", "arn": "arn:aws:iam::123:root"}, "sourceIPAddress": "AWS Internal",
            "responseElements": {"ConsoleLogin": "Failure"},
        }));
        assert_eq!((login.class, login.severity), (EventClass::Authentication, 2));
        assert_eq!(login.entities.user.as_deref(), Some("root"));
        assert_eq!((login.entities.ip, login.id), (None, None));
    }
}
