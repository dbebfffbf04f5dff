//! Recordings: playing a file, drawing a moment of it, and taking a range of time out of a control plane.

use super::args::{Args, Exporting, Replaying};
use super::connect::{self, Settings};
use super::exit::{CliError, Exit};
use super::{config, out};
use aisoc_console::format;
use aisoc_console::redaction::{LEFT_OUT, Redaction};
use aisoc_console::replay::Position;
use aisoc_console::runtime::Recording;
use aisoc_model::record::around;
use aisoc_model::world::World;
use aisoc_rpc::recording::{About, Kind, RecordingError, Tape, Writer, start};
use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;
use tokio_stream::StreamExt;

/// Bytes of a recording that are taken into memory at most.
const MOST: u64 = 1024 * 1024 * 1024;

/// Reads a file.
fn read(file: &Path) -> Result<Tape, CliError> {
    let unusable = |why: String| CliError::Usage(format!("{} cannot be replayed: {why}", file.display()));
    let length = std::fs::metadata(file)
        .map_err(|e| unusable(e.to_string()))?
        .len();
    if length > MOST {
        return Err(unusable(format!(
            "it has more than {MOST} bytes; export a shorter range"
        )));
    }
    let bytes = std::fs::read(file).map_err(|e| unusable(e.to_string()))?;
    let mut tape = Tape::read(bytes).map_err(|e| unusable(e.to_string()))?;
    // What cannot be shown is said before the screen is taken.
    tape.world(0).map_err(|e| unusable(e.to_string()))?;
    if let Some(torn) = tape.torn() {
        eprintln!(
            "{}: ends within a record, as after a kill: {torn} bytes are left out",
            file.display()
        );
    }
    Ok(tape)
}

/// `replay FILE`: on the screen, or as sentences with `--plain`.
///
/// # Errors
/// When the file is no recording, or there is no terminal.
pub async fn replay(args: &Args, wanted: Replaying) -> Result<Exit, CliError> {
    let config = config::find(args)?;
    let tape = read(&wanted.file)?;
    let (from, to) = bounds(&tape);
    let at = match &wanted.at {
        Some(text) => moment(text, Reference::Within(from, to)).map_err(CliError::Usage)?,
        None => from,
    };
    let recording = Recording {
        name: wanted.file.display().to_string(),
        tape: Box::new(tape),
        at: at.as_millisecond(),
        playing: !wanted.paused,
        speed: wanted.speed,
    };
    if config.plain {
        aisoc_console::plain::replay(recording).await?;
    } else {
        aisoc_console::runtime::replay(recording, config).await?;
    }
    Ok(Exit::Ok)
}

/// The frame of a moment of a file, and where it is.
///
/// # Errors
/// When the file is no recording, or the moment is not understood.
pub fn moment_of(file: &Path, at: Option<&str>) -> Result<(Box<World>, Position), CliError> {
    let mut tape = read(file)?;
    let (from, to) = bounds(&tape);
    let at = match at {
        Some(text) => moment(text, Reference::Within(from, to)).map_err(CliError::Usage)?,
        None => from,
    };
    let at = at.clamp(from, to);
    let index = tape.index(at.as_millisecond());
    let world = tape
        .world(index)
        .map_err(|e| CliError::Usage(format!("{} cannot be shown: {e}", file.display())))?;
    let time = |ms| Timestamp::from_millisecond(ms).unwrap_or_default();
    let position = Position {
        at,
        from,
        to,
        playing: false,
        speed: 1,
        unrecorded: tape
            .gap_after(index)
            .filter(|(begin, _)| at.as_millisecond() > *begin)
            .map(|(begin, end)| (time(begin), time(end))),
        remark: None,
        ended: at >= to,
    };
    Ok((world, position))
}

fn bounds(tape: &Tape) -> (Timestamp, Timestamp) {
    let (from, to) = tape.span();
    let time = |ms| Timestamp::from_millisecond(ms).unwrap_or_default();
    (time(from), time(to))
}

/// `export`: a range of what the control planes have kept, without what must not leave.
///
/// # Errors
/// See [`CliError`].
pub async fn export(settings: &Settings, wanted: Exporting) -> Result<Exit, CliError> {
    let mut client = connect::client(settings).await?;
    let now = Timestamp::now();
    let range = |text: &str| moment(text, Reference::Before(now)).map_err(CliError::Usage);
    let (from, to) = if let Some(id) = &wanted.operation {
        let operation = client.operation(id).await?;
        around(&operation, now)
    } else {
        let from = wanted.from.as_deref().map(range).transpose()?;
        let to = range(&wanted.to)?;
        (from.unwrap_or(to - SignedDuration::from_mins(10)), to)
    };
    if from > to {
        return Err(CliError::Usage(format!(
            "the range ends ({to}) before it begins ({from})"
        )));
    }
    let mut pieces = Box::pin(
        client
            .recording(from.as_millisecond(), to.as_millisecond())
            .await?,
    );
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await {
        bytes.extend(piece?);
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST {
            return Err(CliError::Usage(format!(
                "the range has more than {MOST} bytes: export a shorter one"
            )));
        }
    }
    let broken = |error: RecordingError| CliError::Usage(format!("the recording that was sent: {error}"));
    let mut tape = Tape::read(bytes).map_err(broken)?;
    let (file, said) = copy(&mut tape, (from, to), wanted.keep_names).map_err(broken)?;
    let shown = wanted.file.display();
    save(&wanted.file, &file)
        .map_err(|e| CliError::Usage(format!("{shown} cannot be written: {e}; name another file")))?;
    out(&format!(
        "{said}written to {shown} ({}); play it with `aisoc-console replay {shown}`\n",
        format::bytes(u64::try_from(file.len()).unwrap_or(u64::MAX))
    ))?;
    Ok(Exit::Ok)
}

/// Whole or not at all: what was there before stays when the disk is full.
fn save(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".part");
    std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, file))
}

/// A range of a recording as a file of its own, and what is to be said of it.
fn copy(
    tape: &mut Tape,
    (from, to): (Timestamp, Timestamp),
    keep_names: bool,
) -> Result<(Vec<u8>, String), RecordingError> {
    let (first, last) = (tape.index(from.as_millisecond()), tape.index(to.as_millisecond()));
    let mut redaction = Redaction::default();
    if !keep_names {
        for index in first..=last {
            if tape
                .marks()
                .get(index)
                .is_some_and(|mark| mark.kind != Kind::Beat)
            {
                redaction.learn(tape.value(index)?);
            }
        }
    }
    let head = |value: &Value, name: &str| {
        let text = value.pointer(&format!("/head/{name}")).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let about = {
        let frame = tape.value(first)?;
        About {
            control_plane: head(frame, "control_plane"),
            version: head(frame, "version"),
            left_out: if keep_names {
                Vec::new()
            } else {
                LEFT_OUT.map(ToOwned::to_owned).to_vec()
            },
        }
    };
    let mut file = start();
    let (mut writer, mut frames, mut said) = (Writer::default(), 0_u32, String::new());
    for index in first..=last {
        let Some(mark) = tape.marks().get(index).cloned() else {
            break;
        };
        if frames == 0 {
            file.extend(Writer::about(&about, mark.at)?);
        }
        if mark.kind == Kind::Beat && frames > 0 {
            file.extend(writer.beat(mark.at).unwrap_or_default());
        } else {
            let value = tape.value(index)?;
            let value = if keep_names {
                value.clone()
            } else {
                redaction.frame(value)
            };
            file.extend(writer.value(mark.at, value)?);
            frames += 1;
        }
        if let Some((begin, end)) = tape.gap_after(index).filter(|_| index < last) {
            let time = |ms| Timestamp::from_millisecond(ms).unwrap_or_default();
            let _ = writeln!(said, "nothing was recorded from {} to {}", time(begin), time(end));
        }
    }
    // What was made can be read again, or it is not handed out.
    let mut made = Tape::read(file.clone())?;
    made.world(made.marks().len().saturating_sub(1))?;
    let (begin, end) = bounds(&made);
    let _ = writeln!(said, "{frames} frames from {begin} to {end}");
    for what in &about.left_out {
        let _ = writeln!(said, "left out: {what}");
    }
    if keep_names {
        said.push_str("nothing is left out: names, addresses and reasons are in it\n");
    }
    Ok((file, said))
}

/// What a time without its date is relative to.
#[derive(Debug, Clone, Copy)]
enum Reference {
    /// The latest such time before it.
    Before(Timestamp),
    /// The first such time in a recording.
    Within(Timestamp, Timestamp),
}

/// A time as people write it: `2026-11-22T14:02:11Z`, `14:02`, `14:02:11` (UTC), `10m` (ago), `now`.
fn moment(text: &str, reference: Reference) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let end = match reference {
        Reference::Before(now) => now,
        Reference::Within(_, to) => to,
    };
    if text == "now" {
        return Ok(end);
    }
    if let Ok(time) = text.parse::<civil::Time>() {
        let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
        let on = |date: civil::Date| {
            let at = date.to_datetime(time).to_zoned(TimeZone::UTC);
            at.map(|at| at.timestamp()).map_err(|e| e.to_string())
        };
        let (at, other) = match reference {
            Reference::Before(now) => (on(day(now))?, SignedDuration::from_hours(-24)),
            Reference::Within(from, _) => (on(day(from))?, SignedDuration::from_hours(24)),
        };
        let fits = match reference {
            Reference::Before(now) => at <= now,
            // Frames are drawn within a second.
            Reference::Within(from, _) => at + SignedDuration::from_secs(1) > from,
        };
        return Ok(if fits { at } else { at + other });
    }
    let ago = text.trim_start_matches('-').trim_end_matches(" ago");
    if let Ok(ago) = ago.parse::<SignedDuration>() {
        return end.checked_sub(ago).map_err(|e| e.to_string());
    }
    Err(format!(
        "'{text}' is not a time: give for example 2026-11-22T14:02:11Z, 14:02:11 (UTC), 10m (ago) or now"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn times_as_people_write_them() {
        let now = at("2026-11-22T14:10:00Z");
        let before = |text: &str| moment(text, Reference::Before(now)).unwrap().to_string();
        assert_eq!(before("now"), "2026-11-22T14:10:00Z");
        assert_eq!(before("14:02:11"), "2026-11-22T14:02:11Z");
        assert_eq!(before("14:02"), "2026-11-22T14:02:00Z");
        assert_eq!(before("23:00"), "2026-11-21T23:00:00Z");
        assert_eq!(before("10m"), "2026-11-22T14:00:00Z");
        assert_eq!(before("-1h 30m"), "2026-11-22T12:40:00Z");
        assert_eq!(before("2026-11-20T00:00:00+01:00"), "2026-11-19T23:00:00Z");
        let within = Reference::Within(at("2026-11-21T23:50:00Z"), at("2026-11-22T00:20:00Z"));
        assert_eq!(moment("00:10", within).unwrap(), at("2026-11-22T00:10:00Z"));
        assert_eq!(moment("23:55", within).unwrap(), at("2026-11-21T23:55:00Z"));
        assert!(moment("soon", within).unwrap_err().contains("not a time"));
    }
}
