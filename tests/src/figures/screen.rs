//! What the console costs the terminal and the machine, beside htop and btop when they are installed: the same
//! measurement of each, one after the other, in one run.

use crate::command::program;
use crate::processes::{cost, resident, wake_ups};
use crate::pty::{Line, Terminal};
use crate::world::LocalWorld;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Size of the screen.
const SIZE: (u16, u16) = (200, 50);
/// Time until the screen has filled.
const SETTLE: Duration = Duration::from_secs(5);
/// Time over which it is measured.
const OVER: Duration = Duration::from_mins(1);
/// Time over which a screen that was told to stand still is watched.
const QUIET: Duration = Duration::from_secs(20);
/// Keys whose way to the screen is timed.
const KEYS: usize = 21;
/// Time between two of them.
const BETWEEN: Duration = Duration::from_millis(230);
/// A poor line, bytes a second (CONSOLE.md §6).
const SLOW: usize = 4_096;

/// A program with the key that makes its screen stand still, if it has one.
struct Subject {
    name: &'static str,
    program: PathBuf,
    freeze: Option<&'static str>,
}

/// Prints what CONSOLE.md §6 bounds.
///
/// # Errors
/// When the console cannot be started.
pub async fn print(world: &LocalWorld) -> Result<()> {
    println!(
        "screens at {}x{}, steady over {} s, standing still over {} s, key to screen the median of {KEYS}:",
        SIZE.0,
        SIZE.1,
        OVER.as_secs(),
        QUIET.as_secs()
    );
    println!(
        "  {:<14}{:>11}{:>9}{:>11}{:>12}{:>9}{:>13}{:>14}{:>9}{:>12}{:>14}",
        "",
        "first byte",
        "bytes/s",
        "CPU s/min",
        "wake-ups/s",
        "RSS MiB",
        "still: bytes",
        "wake-ups/s",
        "key, ms",
        "q, ms",
        "q at 4 KB/s"
    );
    let others = [("htop", Some("Z")), ("btop", None)];
    let others = others.into_iter().map(|(name, freeze)| Subject {
        name,
        program: Path::new("/usr/bin").join(name),
        freeze,
    });
    let console = Subject {
        name: "aisoc-console",
        program: program("aisoc-console")?,
        freeze: Some(" "),
    };
    for subject in std::iter::once(console).chain(others) {
        if subject.program.exists() {
            measure(&subject, world.state()).await?;
        } else {
            println!("  {:<14} is not installed", subject.name);
        }
    }
    Ok(())
}

async fn measure(subject: &Subject, state: &Path) -> Result<()> {
    let mut terminal = Terminal::start(&subject.program, state, SIZE.0, SIZE.1)?;
    tokio::time::sleep(SETTLE).await;
    let pid = terminal.pid()?;
    let steady = watch(&terminal, pid, OVER).await;
    let memory = resident(pid).unwrap_or_default();
    let first = terminal.output().first.unwrap_or_default();
    let key = key_to_screen(&mut terminal).await?;
    let still = match subject.freeze {
        None => None,
        Some(freeze) => {
            terminal.keys(freeze)?;
            tokio::time::sleep(SETTLE).await;
            Some(watch(&terminal, pid, QUIET).await)
        }
    };
    let leaves = quit(&mut terminal)?;
    let mut slow = Terminal::start_over(Line::BytesPerSecond(SLOW), &subject.program, state, SIZE)?;
    tokio::time::sleep(SETTLE).await;
    let leaves_slowly = quit(&mut slow)?;
    let seconds = OVER.as_secs_f64();
    println!(
        "  {:<14}{:>8} ms{:>9.0}{:>11.2}{:>12.1}{:>9.1}{:>13}{:>14}{:>9.1}{:>12}{:>14}",
        subject.name,
        first.as_millis(),
        steady.bytes as f64 / seconds,
        steady.cpu.as_secs_f64() / seconds * 60.0,
        steady.wake_ups as f64 / seconds,
        memory as f64 / 1_048_576.0,
        still
            .as_ref()
            .map_or_else(|| "no such key".to_owned(), |s| s.bytes.to_string()),
        still.as_ref().map_or_else(String::new, |s| {
            format!("{:.1}", s.wake_ups as f64 / QUIET.as_secs_f64())
        }),
        key.as_secs_f64() * 1_000.0,
        leaves.as_millis(),
        format!("{} ms", leaves_slowly.as_millis())
    );
    Ok(())
}

struct Spent {
    bytes: usize,
    cpu: Duration,
    wake_ups: u64,
}

async fn watch(terminal: &Terminal, pid: u32, over: Duration) -> Spent {
    let (bytes, cpu, woken) = (terminal.written(), cost([pid]).cpu, wake_ups(pid));
    tokio::time::sleep(over).await;
    Spent {
        bytes: terminal.written().saturating_sub(bytes),
        cpu: cost([pid]).cpu.saturating_sub(cpu),
        wake_ups: wake_ups(pid).saturating_sub(woken),
    }
}

/// The median time from an arrow key to the first byte after it. A frame that was due anyway may come first: rarely,
/// and the same for each program.
async fn key_to_screen(terminal: &mut Terminal) -> Result<Duration> {
    let mut took = Vec::with_capacity(KEYS);
    for arrow in ["\u{1b}[B", "\u{1b}[A"].into_iter().cycle().take(KEYS) {
        tokio::time::sleep(BETWEEN).await;
        let (before, pressed) = (terminal.written(), Instant::now());
        terminal.keys(arrow)?;
        while terminal.written() == before && pressed.elapsed() < BETWEEN {
            std::thread::sleep(Duration::from_micros(200));
        }
        took.push(pressed.elapsed());
    }
    took.sort_unstable();
    Ok(took.get(KEYS / 2).copied().unwrap_or_default())
}

/// Time from `q` to the end of the program.
fn quit(terminal: &mut Terminal) -> Result<Duration> {
    let asked = Instant::now();
    terminal.keys("q")?;
    terminal.wait(Duration::from_secs(20))?;
    Ok(asked.elapsed())
}
