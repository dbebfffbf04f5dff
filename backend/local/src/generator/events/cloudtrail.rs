//! CloudTrail records.

use super::{Scene, pick};
use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

/// Steps of an intrusion into a cloud account, see [`intrusion`].
pub(super) const STEPS: usize = 5;

const CALLS: [(&str, &str); 7] = [
    ("ec2.amazonaws.com", "DescribeInstances"),
    ("ec2.amazonaws.com", "DescribeSecurityGroups"),
    ("s3.amazonaws.com", "GetBucketAcl"),
    ("s3.amazonaws.com", "ListBuckets"),
    ("sts.amazonaws.com", "GetCallerIdentity"),
    ("kms.amazonaws.com", "Decrypt"),
    ("logs.amazonaws.com", "DescribeLogGroups"),
];

/// What an account sees all day.
pub(super) fn ordinary(scene: &Scene<'_>, random: &mut StdRng) -> Value {
    let (source, name) = CALLS
        .get(random.random_range(0..CALLS.len()))
        .copied()
        .unwrap_or(("ec2.amazonaws.com", "DescribeInstances"));
    let agent = pick(
        random,
        &[
            "aws-cli/2.22.0",
            "Boto3/1.36.0",
            "console.amazonaws.com",
            "APN/1.0 HashiCorp/1.0 Terraform/1.10.0",
        ],
    );
    call(scene, source, name, agent, true, None)
}

/// A step of an intrusion: trying roles, reading a password, blinding the audit trail.
pub(super) fn intrusion(scene: &Scene<'_>, step: usize) -> Value {
    const TOOL: &str = "stratus-red-team_4f2c";
    const CLI: &str = "aws-cli/2.22.0";
    match step {
        0 => call(
            scene,
            "sts.amazonaws.com",
            "AssumeRole",
            CLI,
            true,
            Some("AccessDenied"),
        ),
        1 => call(scene, "ec2.amazonaws.com", "DescribeInstances", TOOL, true, None),
        2 => call(scene, "ec2.amazonaws.com", "GetPasswordData", CLI, true, None),
        3 => call(scene, "ec2.amazonaws.com", "DeleteFlowLogs", CLI, false, None),
        _ => call(scene, "cloudtrail.amazonaws.com", "StopLogging", CLI, false, None),
    }
}

fn call(
    scene: &Scene<'_>,
    source: &str,
    name: &str,
    agent: &str,
    read_only: bool,
    error: Option<&str>,
) -> Value {
    let account = scene.tenant.bytes().fold(100_000_000_000_u64, |number, byte| {
        number + u64::from(byte) * 7_919
    });
    let mut record = json!({
        "eventVersion": "1.09",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": format!("AIDA{:016X}", account ^ scene.host as u64),
            "arn": format!("arn:aws:iam::{account}:user/{}", scene.user),
            "accountId": account.to_string(),
            "userName": scene.user,
        },
        "eventTime": scene.at.to_string(),
        "eventSource": source,
        "eventName": name,
        "awsRegion": "us-east-1",
        "sourceIPAddress": format!("203.0.113.{}", scene.host + 10),
        "userAgent": agent,
        "requestParameters": null,
        "responseElements": null,
        "requestID": format!("{:016X}", scene.record),
        "eventID": format!("{:08x}-0000-4000-8000-{:012x}", scene.at.as_second(), scene.record),
        "readOnly": read_only,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": account.to_string(),
        "eventCategory": "Management",
    });
    if let (Some(error), Some(fields)) = (error, record.as_object_mut()) {
        fields.insert("errorCode".to_owned(), json!(error));
    }
    record
}
