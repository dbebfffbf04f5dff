//! What the console costs the terminal and the machine, beside htop and btop when they are installed.

use crate::command::program;
use crate::processes::{cost, resident};
use crate::pty::Terminal;
use crate::world::LocalWorld;
use anyhow::Result;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Size of the screen.
const SIZE: (u16, u16) = (200, 50);
/// Time until the screen has filled.
const SETTLE: Duration = Duration::from_secs(5);
/// Time over which it is measured.
const OVER: Duration = Duration::from_mins(1);

/// Prints first frame, bytes a second, CPU seconds a minute and resident memory.
///
/// # Errors
/// When the console cannot be started.
pub async fn print(world: &LocalWorld) -> Result<()> {
    println!("screens at {}x{} over {} s:", SIZE.0, SIZE.1, OVER.as_secs());
    let console = program("aisoc-console")?;
    measure("aisoc-console", &console, world.state()).await?;
    for other in ["/usr/bin/htop", "/usr/bin/btop"].map(PathBuf::from) {
        if other.exists() {
            measure(
                &other.file_name().unwrap_or_default().to_string_lossy(),
                &other,
                world.state(),
            )
            .await?;
        }
    }
    Ok(())
}

async fn measure(name: &str, program: &Path, state: &Path) -> Result<()> {
    let mut terminal = Terminal::start(program, state, SIZE.0, SIZE.1)?;
    tokio::time::sleep(SETTLE).await;
    let pid = terminal.pid()?;
    let (before, cpu_before) = (terminal.output().bytes.len(), cost([pid]).cpu);
    tokio::time::sleep(OVER).await;
    let (after, cpu_after) = (terminal.output().bytes.len(), cost([pid]).cpu);
    let memory = resident(pid).unwrap_or_default();
    let first = terminal.output().first.unwrap_or_default();
    terminal.keys("q")?;
    let asked = terminal.elapsed();
    terminal.wait(Duration::from_secs(5))?;
    println!(
        "  {name:<14} first byte {:3} ms, {:7.0} B/s, {:.2} CPU s/min, {:5.1} MiB, quits in {} ms",
        first.as_millis(),
        after.saturating_sub(before) as f64 / OVER.as_secs_f64(),
        cpu_after.saturating_sub(cpu_before).as_secs_f64() / OVER.as_secs_f64() * 60.0,
        memory as f64 / 1_048_576.0,
        terminal.elapsed().saturating_sub(asked).as_millis()
    );
    Ok(())
}
