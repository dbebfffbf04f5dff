//! The loop: one `select!`, no fixed tick. Events change the state, the state is drawn when the terminal has room.

use crate::capabilities::Capabilities;
use crate::config::Config;
use crate::direct::{self, Endpoint};
use crate::error::ConsoleError;
use crate::message::{Click, Effect, Failure, Message, Reply, SourceEvent};
use crate::model::Model;
use crate::preferences::Preferences;
use crate::replay::Wish;
use crate::safety::{Decision, Request};
use crate::source::live::{Handle, Live};
use crate::source::replay::{Reel, Replay};
use crate::source::{Outbox, Source};
use crate::terminal::device::Extras;
use crate::terminal::mouse::Mouse;
use crate::terminal::signals::{Asked, Signals};
use crate::terminal::{Event, Terminal, links, osc};
use crate::theme::Theme;
use crate::ui;
use crate::ui::canvas::Hit;
use crate::update::update;
use aisoc_rpc::client::Client;
use aisoc_rpc::error::RpcError;
use aisoc_rpc::proto::resolve_request::Decision as RpcDecision;
use aisoc_rpc::recording::Tape;
use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::future::Future;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Time for the control plane to answer a request; making a plan reads every fact anew.
const ANSWER: Duration = Duration::from_secs(30);
/// A resize is drawn when the size has rested this long: 40 in a second are one.
pub const RESIZE_REST: Duration = Duration::from_millis(40);
/// While seconds are counted on the screen.
const TICK: Duration = Duration::from_secs(1);

/// Where to connect, and as whom; what the person has set.
#[derive(Clone)]
pub struct Options {
    /// Addresses of control planes in the order they are tried, `http://host:port`.
    pub endpoints: Vec<String>,
    /// The bearer token.
    pub token: String,
    /// Health endpoints of the regions, asked when no control plane answers and no frame has told others.
    pub health: Vec<Endpoint>,
    /// What the person has set.
    pub config: Config,
    /// There is no shell to go to.
    pub captive: bool,
}

/// A recording to show, and how to begin.
pub struct Recording {
    /// What it is called on the screen.
    pub name: String,
    /// It.
    pub tape: Box<Tape>,
    /// Where to begin, milliseconds since 1970.
    pub at: i64,
    /// It goes on by itself.
    pub playing: bool,
    /// How much faster than it was.
    pub speed: u16,
}

/// A variable of the environment, as text.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Shows the screen until a person leaves.
///
/// A signal ends the process here, after the terminal was given back: with 128 plus its number.
///
/// # Errors
/// When there is no terminal that can show it, or it broke.
pub async fn run(options: Options) -> Result<(), ConsoleError> {
    let Some(endpoint) = options.endpoints.first().cloned() else {
        return Err(ConsoleError::NoEndpoint);
    };
    let mut console = Console::open(&endpoint, options.config, options.captive)?;
    console.model.direct.configured = options.health;
    // The first frame is there before anything is connected.
    console.draw();
    let (source, handle) = Live::new(options.endpoints, options.token);
    let (outbox, frames) = Outbox::new();
    tokio::spawn(source.run(outbox));
    console.go(frames, handle, None).await
}

/// Shows a recording until a person leaves: the same program, fed by another source.
///
/// A signal ends the process here, after the terminal was given back: with 128 plus its number.
///
/// # Errors
/// When there is no terminal that can show it, or it broke.
pub async fn replay(recording: Recording, config: Config) -> Result<(), ConsoleError> {
    let mut console = Console::open(&recording.name, config, false)?;
    let reel = Reel::File(recording.tape);
    let (source, wishes) = Replay::new(reel, recording.at, recording.playing, recording.speed);
    let (outbox, frames) = Outbox::new();
    tokio::spawn(source.run(outbox));
    console.go(frames, Handle::nobody(), Some(wishes)).await
}

struct Console {
    signals: Signals,
    model: Model,
    theme: Theme,
    terminal: Terminal,
    spare: Option<Buffer>,
    /// What clicks mean on what is shown.
    hits: Vec<Hit>,
    /// Where runbooks are, when the terminal can link there.
    runbooks: Option<String>,
    /// The terminal takes sequences for more than cells.
    terms: bool,
    dirty: bool,
}

/// A recording that is looked at: where wishes go, and, beside a live source, what it brings.
struct Player {
    wishes: mpsc::Sender<Wish>,
    frames: Option<mpsc::Receiver<SourceEvent>>,
}

/// What a recording beside a live source brings.
async fn recorded(player: &mut Option<Player>) -> Option<SourceEvent> {
    match player.as_mut().and_then(|player| player.frames.as_mut()) {
        Some(frames) => frames.recv().await,
        None => std::future::pending().await,
    }
}

impl Console {
    /// Takes the terminal.
    fn open(endpoint: &str, config: Config, captive: bool) -> Result<Self, ConsoleError> {
        let signals = Signals::listen()?;
        // The console of a kernel shows sequences that it does not know.
        let terms = osc::understood_by(&variable("TERM").unwrap_or_default());
        let runbooks = config.runbook_url.filter(|_| terms);
        let terminal = Terminal::take(Extras {
            mouse: config.mouse,
            links: runbooks.is_some(),
        })?;
        let preferences = Preferences {
            theme: config.theme.name(variable),
            keys: config.keys,
            notify: config.notify,
            captive,
        };
        let theme = Theme::named(preferences.theme, Capabilities::detect(variable));
        let mut model = Model::new(endpoint, config.page, terminal.size(), Timestamp::now());
        model.preferences = preferences;
        Ok(Self {
            signals,
            model,
            theme,
            terminal,
            spare: None,
            hits: Vec::new(),
            runbooks,
            terms,
            dirty: true,
        })
    }

    async fn go(
        &mut self,
        mut frames: mpsc::Receiver<SourceEvent>,
        handle: Handle,
        wishes: Option<mpsc::Sender<Wish>>,
    ) -> Result<(), ConsoleError> {
        let mut player = wishes.map(|wishes| Player { wishes, frames: None });
        let (replies, mut answers) = mpsc::channel::<Reply>(16);
        let mut resize: Option<Instant> = None;
        loop {
            if self.dirty && resize.is_none() {
                self.draw();
            }
            let tick = self.model.ticks();
            let messages = tokio::select! {
                biased;
                asked = self.signals.next() => match asked {
                    Asked::End(number) => self.end(number),
                    Asked::Suspend if self.model.preferences.captive => Vec::new(),
                    Asked::Suspend => vec![self.suspend()?],
                    Asked::Continue => {
                        self.terminal.resume()?;
                        vec![Message::Resumed(Timestamp::now())]
                    }
                    Asked::Resize => {
                        resize = Some(Instant::now() + RESIZE_REST);
                        Vec::new()
                    }
                },
                event = self.terminal.event() => self.read_terminal(event)?,
                Some(reply) = answers.recv() => vec![Message::Reply(reply, Timestamp::now())],
                Some(event) = recorded(&mut player) => vec![Message::Source(event, Timestamp::now())],
                Some(event) = frames.recv() => vec![Message::Source(event, Timestamp::now())],
                () = rest(resize), if resize.is_some() => {
                    resize = None;
                    self.terminal.forget();
                    let (columns, rows) = self.terminal.size();
                    vec![Message::Resize(columns, rows)]
                }
                () = tokio::time::sleep(TICK), if tick => vec![Message::Tick(Timestamp::now())],
            };
            for message in messages {
                let before = self.model.stillness().filter(|_| message.ticks());
                let effects = update(&mut self.model, message);
                let still = before.is_some() && before == self.model.stillness();
                self.dirty |= !still || !effects.is_empty();
                for effect in effects {
                    match effect {
                        Effect::Quit => {
                            self.terminal.give_back();
                            return Ok(());
                        }
                        Effect::Suspend => {
                            self.suspend()?;
                        }
                        Effect::Redraw => self.terminal.forget(),
                        Effect::Reconnect => handle.reconnect(),
                        Effect::Replay(wish) => wind(&mut player, wish, &handle),
                        // The recording of a file stays: there is nothing else to show.
                        Effect::Present => player = player.filter(|player| player.frames.is_none()),
                        Effect::Copy(text) => self.copy(&text),
                        Effect::Notify(told) => {
                            let bytes = osc::notify(&told.title, &told.body, self.terms);
                            self.terminal.also(&bytes);
                        }
                        request => ask(request, handle.client(), replies.clone()),
                    }
                }
            }
        }
    }

    /// Keys that wait are taken together: one frame for all of them.
    fn read_terminal(&mut self, first: Event) -> Result<Vec<Message>, ConsoleError> {
        let mut messages = Vec::new();
        let mut next = Some(first);
        while let Some(event) = next {
            match event {
                Event::Key(key) => messages.push(Message::Key(key, Timestamp::now())),
                Event::Mouse(mouse) => messages.extend(self.meaning(mouse)),
                Event::Written => {}
                Event::Gone(why) => {
                    self.terminal.give_back();
                    return Err(std::io::Error::other(why).into());
                }
            }
            next = self.terminal.ready_event();
        }
        Ok(messages)
    }

    /// What the mouse means where it is.
    fn meaning(&self, mouse: Mouse) -> Option<Message> {
        let now = Timestamp::now();
        match mouse {
            Mouse::Wheel { up } => Some(Message::Wheel(up, now)),
            Mouse::Click { x, y } => {
                let hit = self
                    .hits
                    .iter()
                    .find(|hit| hit.area.contains(Position { x, y }))?;
                let means: Click = hit.means.clone();
                Some(Message::Click(means, now))
            }
        }
    }

    fn copy(&mut self, text: &str) {
        if self.terms {
            self.terminal.also(&osc::copy(text));
        } else {
            self.model.complain("this terminal keeps no text for pasting");
        }
    }

    /// Draws the newest state if the terminal has room; otherwise when it has.
    fn draw(&mut self) {
        if self.terminal.busy() {
            return;
        }
        self.dirty = false;
        let (columns, rows) = self.model.size;
        let mut buffer = self.spare.take().unwrap_or_default();
        buffer.resize(Rect::new(0, 0, columns, rows));
        if self.theme.name() != self.model.preferences.theme {
            self.theme = Theme::named(self.model.preferences.theme, Capabilities::detect(variable));
        }
        self.hits = ui::draw(&self.model, &self.theme, &mut buffer);
        let found = self
            .runbooks
            .as_ref()
            .map(|template| links::find(&buffer, template));
        self.spare = self.terminal.show(buffer, found.unwrap_or_default());
    }

    fn suspend(&mut self) -> Result<Message, ConsoleError> {
        self.terminal.suspend()?;
        self.dirty = true;
        Ok(Message::Resumed(Timestamp::now()))
    }

    /// Ends at once: nothing that still waits may hold up a signal.
    fn end(&self, signal: i32) -> ! {
        self.terminal.give_back();
        std::process::exit(128 + signal)
    }
}

/// Goes through the recording; opens what the control planes have kept when nothing is open.
fn wind(player: &mut Option<Player>, wish: Wish, handle: &Handle) {
    if let Some(player) = player {
        // A person who holds a key down waits for what was asked before.
        let _ = player.wishes.try_send(wish);
        return;
    }
    let now = Timestamp::now().as_millisecond();
    let (at, then) = match wish {
        Wish::To(at) => (at, None),
        wish => (now, Some(wish)),
    };
    let (source, wishes) = Replay::new(Reel::kept(handle.clients()), at, false, 1);
    let (outbox, frames) = Outbox::new();
    tokio::spawn(source.run(outbox));
    if let Some(wish) = then {
        let _ = wishes.try_send(wish);
    }
    *player = Some(Player {
        wishes,
        frames: Some(frames),
    });
}

/// Waits until a moment, if there is one.
pub async fn rest(until: Option<Instant>) {
    if let Some(until) = until {
        tokio::time::sleep_until(until).await;
    }
}

/// Sends a request to the control plane; what comes back is a message.
fn ask(effect: Effect, client: Option<Client>, replies: mpsc::Sender<Reply>) {
    tokio::spawn(async move {
        let reply = match effect {
            Effect::Plan { ticket, request } => {
                let call = answer(client, |mut client| async move { client.plan(&request).await });
                Reply::Plan(ticket, call.await.map(Box::new))
            }
            Effect::Standing { ticket, plan } => {
                let call = answer(client, |mut client| async move { client.standing(&plan).await });
                Reply::Standing(ticket, call.await.map(Box::new))
            }
            Effect::Runbook { ticket, id, region } => {
                let call = answer(client, |mut client| async move {
                    client.runbook(&id, region.as_ref()).await
                });
                Reply::Runbook(ticket, call.await.map(Box::new))
            }
            Effect::Probe(endpoints) => Reply::Probed(direct::probe::ask(endpoints).await),
            Effect::Act { ticket, permitted } => act(ticket, permitted.request(), client).await,
            Effect::Quit
            | Effect::Suspend
            | Effect::Redraw
            | Effect::Reconnect
            | Effect::Replay(_)
            | Effect::Present
            | Effect::Copy(_)
            | Effect::Notify(_) => return,
        };
        let _ = replies.send(reply).await;
    });
}

/// Has the control plane do what the gate let through.
async fn act(ticket: u64, request: &Request, client: Option<Client>) -> Reply {
    match request {
        Request::Execute { plan, confirmation } => {
            let call = answer(client, |mut client| async move {
                client.execute(&plan.id, &plan.hash, confirmation).await
            });
            Reply::Executed(ticket, call.await.map(Box::new))
        }
        Request::Resolve { operation, decision } => {
            let decision = match decision {
                Decision::Retry => RpcDecision::Retry,
                Decision::Abort => RpcDecision::Abort,
            };
            let call = answer(client, |mut client| async move {
                client.resolve(operation, decision).await
            });
            Reply::Resolved(operation.clone(), call.await.map(Box::new))
        }
        Request::Acknowledge(key) => {
            let call = answer(client, |mut client| async move { client.acknowledge(key).await });
            Reply::Acknowledged(key.clone(), call.await)
        }
    }
}

async fn answer<T, F>(client: Option<Client>, call: impl FnOnce(Client) -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, RpcError>>,
{
    let Some(client) = client else {
        let text = "not connected: nothing was sent".to_owned();
        return Err(Failure { text, unknown: false });
    };
    let result = match tokio::time::timeout(ANSWER, call(client)).await {
        Ok(result) => result,
        Err(_) => Err(RpcError::Unknown(format!(
            "nothing within {} s",
            ANSWER.as_secs()
        ))),
    };
    result.map_err(|error| Failure {
        // A connection that breaks during a request may have delivered it.
        unknown: matches!(error, RpcError::Unknown(_) | RpcError::Unreachable { .. }),
        text: error.to_string(),
    })
}
