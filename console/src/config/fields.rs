//! The one table of what can be set.

use super::Config;
use toml::de::DeValue;

/// A setting.
pub struct Field {
    /// Its table in the file; empty for the top.
    pub table: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// What it is for, in lines.
    pub says: &'static str,
    /// An example, for a setting that is not set by default.
    pub example: Option<&'static str>,
    /// Its value in these settings, as TOML; `None` when it is not set.
    pub write: fn(&Config) -> Option<String>,
    /// Takes a value into the settings.
    pub read: fn(&mut Config, &DeValue<'_>) -> Result<(), String>,
}

/// All settings but the keys, in the order of the file.
pub const FIELDS: &[Field] = &[
    Field {
        table: "",
        name: "endpoints",
        says: "Control planes, tried in order. Empty: those of the local world.",
        example: None,
        write: |c| Some(list(&c.endpoints)),
        read: |c, v| texts(v).map(|found| c.endpoints = found),
    },
    Field {
        table: "",
        name: "token-file",
        says: "File that holds the bearer token; `~/` is your home. The token itself is never written here.",
        example: Some("\"~/.config/aisoc/token\""),
        write: |c| c.token_file.as_ref().map(|path| quoted(&path.to_string_lossy())),
        read: |c, v| text(v).map(|found| c.token_file = Some(home(&found))),
    },
    Field {
        table: "",
        name: "theme",
        says: "auto, dark, light, high-contrast, deuteranopia, tritanopia or mono. NO_COLOR is obeyed by all of them.",
        example: None,
        write: |c| Some(quoted(&c.theme.to_string())),
        read: |c, v| {
            let found = text(v)?;
            found
                .parse()
                .map(|theme| c.theme = theme)
                .map_err(|e: crate::theme::UnknownTheme| e.to_string())
        },
    },
    Field {
        table: "",
        name: "page",
        says: "The page that is shown first.",
        example: None,
        write: |c| Some(quoted(&c.page.name())),
        read: |c, v| {
            let found = text(v)?;
            found
                .parse()
                .map(|page| c.page = page)
                .map_err(|e: crate::page::UnknownPage| e.to_string())
        },
    },
    Field {
        table: "",
        name: "mouse",
        says: "Takes the mouse: a click selects, a second one opens, the wheel moves. Off, your terminal keeps it, and a\nlost connection cannot leave the terminal reporting clicks.",
        example: None,
        write: |c| Some(c.mouse.to_string()),
        read: |c, v| truth(v).map(|found| c.mouse = found),
    },
    Field {
        table: "",
        name: "notify",
        says: "Alerts that page ring the bell and notify the desktop (OSC 9 and 777), at most once in ten seconds.",
        example: None,
        write: |c| Some(c.notify.to_string()),
        read: |c, v| truth(v).map(|found| c.notify = found),
    },
    Field {
        table: "",
        name: "plain",
        says: "Sentences, line after line, instead of a screen: for screen readers and logs. So does ACCESSIBLE=1.",
        example: None,
        write: |c| Some(c.plain.to_string()),
        read: |c, v| truth(v).map(|found| c.plain = found),
    },
    Field {
        table: "",
        name: "runbook-url",
        says: "Where your runbooks are: their ids become links (OSC 8). {id} stands for the id.",
        example: Some("\"https://wiki.example.org/runbooks/{id}\""),
        write: |c| c.runbook_url.as_deref().map(quoted),
        read: |c, v| {
            let found = text(v)?;
            crate::terminal::links::check(&found).map(|()| c.runbook_url = Some(found))
        },
    },
    Field {
        table: "wall",
        name: "overview-seconds",
        says: "Seconds that `--wall` shows the overview; it comes back after every other page.",
        example: None,
        write: |c| Some(c.wall.overview_seconds.to_string()),
        read: |c, v| seconds(v).map(|found| c.wall.overview_seconds = found),
    },
    Field {
        table: "wall",
        name: "page-seconds",
        says: "Seconds that it shows each other page.",
        example: None,
        write: |c| Some(c.wall.page_seconds.to_string()),
        read: |c, v| seconds(v).map(|found| c.wall.page_seconds = found),
    },
];

/// A text as TOML.
pub fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Texts as a TOML array.
pub fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

fn text(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.clone().into_owned()),
        _ => Err("a text in quotes is wanted".to_owned()),
    }
}

/// A text, or several in an array.
pub fn texts(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    match value {
        DeValue::Array(values) => values.iter().map(|value| text(value.get_ref())).collect(),
        _ => text(value)
            .map(|one| vec![one])
            .map_err(|_| "texts in quotes are wanted: [\"…\", \"…\"]".to_owned()),
    }
}

fn truth(value: &DeValue<'_>) -> Result<bool, String> {
    match value {
        DeValue::Boolean(truth) => Ok(*truth),
        _ => Err("true or false is wanted".to_owned()),
    }
}

fn seconds(value: &DeValue<'_>) -> Result<u32, String> {
    let number = match value {
        DeValue::Integer(number) => u32::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    };
    number
        .filter(|seconds| (3..=3_600).contains(seconds))
        .ok_or_else(|| "seconds from 3 to 3600 are wanted".to_owned())
}

/// A path in which `~/` is the home directory.
fn home(path: &str) -> std::path::PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => std::path::PathBuf::from(home).join(rest),
        _ => path.into(),
    }
}
