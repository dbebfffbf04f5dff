//! The console without a screen to look at: what is and what changes, as sentences, line after line. For screen
//! readers, for logs, and for terminals that cannot do more. Nothing is ever written twice or moved.
//!
//! It only looks: what acts is a command (`aisoc-console drain …`), which says everything as lines, too.

mod sentences;

use crate::capabilities::Capabilities;
use crate::error::ConsoleError;
use crate::format;
use crate::message::{Identity, SourceEvent};
use crate::replay::Replayed;
use crate::runtime::{Options, Recording, variable};
use crate::source::live::Live;
use crate::source::replay::{Reel, Replay};
use crate::source::{Outbox, Source};
use crate::terminal::signals::{Asked, Signals, stop_myself};
use crate::theme::Theme;
use aisoc_model::text::sanitize;
use aisoc_model::world::World;
use jiff::Timestamp;
use sentences::{Statements, differences, statements};
use std::io::{BufRead, Write};
use tokio::sync::mpsc;

/// Longest line.
const LINE: usize = 400;
/// What a person can type.
const HELP: &str = "Press Enter to hear everything again, q and Enter to leave. \
                    Commands such as `aisoc-console plan drain REGION` do the rest.";

/// Says what is and what changes until a person leaves.
///
/// A signal ends the process here, with 128 plus its number.
///
/// # Errors
/// When there is nowhere to connect to, or standard output is gone.
pub async fn run(options: Options) -> Result<(), ConsoleError> {
    if options.endpoints.is_empty() {
        return Err(ConsoleError::NoEndpoint);
    }
    let mut signals = Signals::listen()?;
    let mut teller = Teller {
        theme: Theme::new(Capabilities::detect(variable)),
        world: None,
        known: Statements::new(),
        connected: false,
        recorded: None,
    };
    teller.say(HELP)?;
    let (source, handle) = Live::new(options.endpoints, options.token);
    let (outbox, mut frames) = Outbox::new();
    tokio::spawn(source.run(outbox));
    let mut typed = lines();
    loop {
        tokio::select! {
            biased;
            asked = signals.next() => match asked {
                Asked::End(number) => std::process::exit(128 + number),
                Asked::Suspend if !options.captive => stop_myself(),
                Asked::Suspend | Asked::Continue | Asked::Resize => {}
            },
            Some(line) = typed.recv() => match line.trim() {
                "q" | "quit" => return Ok(()),
                "" => teller.everything()?,
                _ => teller.say(HELP)?,
            },
            event = frames.recv() => match event {
                Some(event) => if teller.hear(event)? { handle.reconnect() },
                None => return Ok(()),
            },
        }
    }
}

/// Says what a recording says, with its times, to its end.
///
/// # Errors
/// When standard output is gone.
pub async fn replay(recording: Recording) -> Result<(), ConsoleError> {
    let mut signals = Signals::listen()?;
    let mut teller = Teller {
        theme: Theme::new(Capabilities::detect(variable)),
        world: None,
        known: Statements::new(),
        connected: true,
        recorded: Some(Timestamp::from_millisecond(recording.at).unwrap_or_default()),
    };
    teller.say(&format!(
        "This is a replay of {}: everything that follows has been.",
        recording.name
    ))?;
    let reel = Reel::File(recording.tape);
    let (source, wishes) = Replay::new(reel, recording.at, true, recording.speed);
    let (outbox, mut frames) = Outbox::new();
    tokio::spawn(source.run(outbox));
    loop {
        tokio::select! {
            biased;
            asked = signals.next() => match asked {
                Asked::End(number) => std::process::exit(128 + number),
                Asked::Suspend => stop_myself(),
                Asked::Continue | Asked::Resize => {}
            },
            event = frames.recv() => {
                let Some(event) = event else { break };
                let last = matches!(&event, SourceEvent::Replayed(replayed) if replayed.position.ended);
                teller.hear(event)?;
                if last {
                    break;
                }
            }
        }
    }
    drop(wishes);
    teller.say("The recording ends here.")
}

/// Lines that a person types. A closed standard input is nobody, not an end.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(4);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
        // The channel stays open, so that nobody waits for a line that cannot come.
        std::mem::forget(sender);
    });
    receiver
}

struct Teller {
    theme: Theme,
    world: Option<Box<World>>,
    known: Statements,
    connected: bool,
    /// The time of the recording that is played, if it is one.
    recorded: Option<Timestamp>,
}

impl Teller {
    /// One line, with the time, flushed: whoever listens hears it now.
    fn say(&self, sentence: &str) -> Result<(), ConsoleError> {
        let text: String = sanitize(sentence, LINE)
            .chars()
            .map(|c| self.theme.glyph(c))
            .collect();
        let mut out = std::io::stdout().lock();
        let now = self.recorded.unwrap_or_else(Timestamp::now);
        writeln!(out, "{} {text}", format::time_of_day(now))?;
        out.flush()?;
        Ok(())
    }

    /// Everything that is known, the most important first.
    fn everything(&self) -> Result<(), ConsoleError> {
        let Some(world) = &self.world else {
            return self.say("Nothing is known yet: no frame has arrived.");
        };
        if !self.connected {
            self.say("There is no connection now. What follows was so at the last frame.")?;
        }
        for sentence in sentences::opening(world, world.head.at) {
            self.say(&sentence)?;
        }
        for statement in self.known.values() {
            self.say(&statement.sentence)?;
        }
        Ok(())
    }

    /// Says what an event changes; `true` when a whole frame has to be fetched.
    fn hear(&mut self, event: SourceEvent) -> Result<bool, ConsoleError> {
        match event {
            SourceEvent::Connecting(endpoint) => {
                if !self.connected && self.world.is_none() {
                    self.say(&format!("Connecting to {endpoint}."))?;
                }
            }
            SourceEvent::Connected { endpoint, identity } => self.say(&connected(&endpoint, &identity))?,
            SourceEvent::Snapshot(world) => {
                let first = self.world.is_none();
                let at = world.head.at;
                let before = std::mem::replace(&mut self.known, statements(&world, at));
                self.world = Some(world);
                self.connected = true;
                if first {
                    self.everything()?;
                } else {
                    self.tell(&before)?;
                }
            }
            SourceEvent::Delta(delta, _) => {
                let at = delta.head.at;
                let fits = self
                    .world
                    .as_mut()
                    .is_some_and(|world| world.apply(*delta).is_ok());
                if !fits {
                    self.say("A frame is missing. A whole one is fetched.")?;
                    return Ok(true);
                }
                self.judge(at)?;
            }
            SourceEvent::Heartbeat(milliseconds) => {
                if let Ok(at) = Timestamp::from_millisecond(milliseconds) {
                    self.judge(at)?;
                }
            }
            SourceEvent::Silent => {
                self.connected = false;
                self.say("The control plane has said nothing for some seconds.")?;
            }
            SourceEvent::Lost { why, retry_in_ms } => {
                if std::mem::take(&mut self.connected) || self.world.is_none() {
                    let wait = format::age(retry_in_ms);
                    self.say(&format!(
                        "The connection is lost: {why}. The next try is in {wait}."
                    ))?;
                }
            }
            SourceEvent::Replayed(replayed) => self.replayed(*replayed)?,
            SourceEvent::ReplayEnded(why) => self.say(&format!("The recording cannot be read on: {why}."))?,
            SourceEvent::Refused(why) => self.say(&format!("The token is refused: {why}."))?,
        }
        Ok(false)
    }

    /// Judges what is known by the present time, and says what is different.
    fn judge(&mut self, at: Timestamp) -> Result<(), ConsoleError> {
        if !std::mem::replace(&mut self.connected, true) {
            self.say("The control plane is heard again.")?;
        }
        let Some(world) = &self.world else { return Ok(()) };
        let before = std::mem::replace(&mut self.known, statements(world, at));
        self.tell(&before)
    }

    fn replayed(&mut self, replayed: Replayed) -> Result<(), ConsoleError> {
        let Replayed { world, position } = replayed;
        self.recorded = Some(position.at);
        if let Some(remark) = &position.remark {
            self.say(&format!("{remark}."))?;
        }
        let first = self.world.is_none();
        if let Some(world) = world {
            self.world = Some(world);
        }
        if first {
            if let Some(world) = &self.world {
                self.known = statements(world, position.at);
            }
            return self.everything();
        }
        self.judge(position.at)
    }

    fn tell(&self, before: &Statements) -> Result<(), ConsoleError> {
        for sentence in differences(before, &self.known) {
            self.say(sentence)?;
        }
        Ok(())
    }
}

fn connected(endpoint: &str, identity: &Identity) -> String {
    let may = if identity.operator {
        "an operator"
    } else {
        "a viewer"
    };
    format!("Connected to {endpoint} as {}, {may}.", identity.name)
}
