//! Frames of a recording: played, paused, and gone through by hand. The recording is a file, or what the control planes
//! have kept: then what is looked at is fetched, some minutes at a time.

use super::{Outbox, Source};
use crate::message::SourceEvent;
use crate::replay::{Position, Replayed, SPEEDS, Wish};
use aisoc_rpc::client::Client;
use aisoc_rpc::error::RpcError;
use aisoc_rpc::recording::{Search, Tape};
use jiff::Timestamp;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};
use tokio_stream::StreamExt;

/// Between two frames of a recording that is played, milliseconds on the wall.
const STEP_MS: (i64, i64) = (40, 1_000);
/// What is fetched around a moment, milliseconds before and after it.
const AROUND_MS: (i64, i64) = (2 * 60_000, 8 * 60_000);
/// The newest is fetched again when it is this old, milliseconds.
const NEWER_MS: i64 = 2_000;
/// Bytes of a stretch that is fetched at most: ten minutes of 50 regions.
const MOST_BYTES: usize = 256 * 1024 * 1024;
/// Time for a control plane to begin to answer, and between two pieces.
const PATIENCE: Duration = Duration::from_secs(10);
/// Frames that are looked through for the next thing that happened, at a key.
const SEARCHED: usize = 3_600;
/// Frames among them between two looks at whether something else is wanted.
const SEARCHED_AT_ONCE: usize = 120;

/// A recording.
pub enum Reel {
    /// Of a file.
    File(Box<Tape>),
    /// Of the control planes.
    Kept(Box<Kept>),
}

/// What the control planes have kept, as far as it was fetched.
pub struct Kept {
    client: watch::Receiver<Option<Client>>,
    tape: Option<Tape>,
    /// The first moment that is kept, and the last when it was asked for.
    span: (i64, i64),
}

/// Frames of a recording.
pub struct Replay {
    reel: Reel,
    wishes: mpsc::Receiver<Wish>,
    at: i64,
    playing: bool,
    speed: u16,
    remark: Option<String>,
    /// The frame that was brought last: the recording it is of, and its place there.
    shown: Option<(i64, usize)>,
    ended: bool,
}

impl Reel {
    /// What the control planes that a live source is connected to have kept.
    #[must_use]
    pub fn kept(client: watch::Receiver<Option<Client>>) -> Self {
        Self::Kept(Box::new(Kept {
            client,
            tape: None,
            span: (i64::MAX, i64::MIN),
        }))
    }

    /// The recording around a moment, and from when to when there is one.
    async fn around(&mut self, at: i64) -> Result<(&mut Tape, (i64, i64)), String> {
        match self {
            Self::File(tape) => {
                let span = tape.span();
                Ok((tape, span))
            }
            Self::Kept(kept) => kept.around(at).await,
        }
    }
}

impl Kept {
    async fn around(&mut self, at: i64) -> Result<(&mut Tape, (i64, i64)), String> {
        let newest = self.span.1;
        let has = self.tape.as_ref().is_some_and(|tape| {
            let (from, to) = tape.span();
            at >= from && (at <= to || (to >= newest && at < to.saturating_add(NEWER_MS)))
        });
        if !has {
            self.fetch(at).await?;
        }
        let span = self.span;
        match &mut self.tape {
            Some(tape) => Ok((tape, span)),
            None => Err("nothing has been recorded yet".to_owned()),
        }
    }

    async fn fetch(&mut self, at: i64) -> Result<(), String> {
        let client = self.client.borrow().clone();
        let mut client = client.ok_or("not connected: the recording cannot be fetched")?;
        let said = |error: RpcError| format!("the recording cannot be fetched: {error}");
        let late = |_| format!("the recording was not sent within {} s", PATIENCE.as_secs());
        let kept = timeout(PATIENCE, client.recordings()).await.map_err(late)?;
        let spans = kept.map_err(said)?.spans;
        let first = spans.iter().map(|span| span.from_ms).min();
        let newest = spans.iter().map(|span| span.to_ms).max();
        let (Some(first), Some(newest)) = (first, newest) else {
            return Err("nothing has been recorded yet".to_owned());
        };
        self.span = (first, newest);
        let at = at.clamp(first, newest);
        // What is on both sides of a time without a recording is fetched with it.
        let before = spans.iter().map(|span| span.to_ms).filter(|to| *to < at).max();
        let after = spans
            .iter()
            .map(|span| span.from_ms)
            .filter(|from| *from > at)
            .min();
        let inside = spans.iter().any(|span| span.from_ms <= at && at <= span.to_ms);
        let (mut from, mut to) = (at.saturating_sub(AROUND_MS.0), at.saturating_add(AROUND_MS.1));
        if !inside {
            from = from.min(before.unwrap_or(from));
        }
        to = to.max(after.unwrap_or(to));
        let pieces = timeout(PATIENCE, client.recording(from, to))
            .await
            .map_err(late)?;
        let mut pieces = Box::pin(pieces.map_err(said)?);
        let mut bytes = Vec::new();
        while let Some(piece) = timeout(PATIENCE, pieces.next()).await.map_err(late)? {
            bytes.extend(piece.map_err(said)?);
            if bytes.len() > MOST_BYTES {
                return Err(format!("ten minutes of it are more than {MOST_BYTES} bytes"));
            }
        }
        let tape = Tape::read(bytes).map_err(|e| format!("the recording that was sent: {e}"))?;
        self.tape = Some(tape);
        Ok(())
    }
}

impl Replay {
    /// A source that begins at a moment, and where wishes go.
    #[must_use]
    pub fn new(reel: Reel, at: i64, playing: bool, speed: u16) -> (Self, mpsc::Sender<Wish>) {
        let (sender, wishes) = mpsc::channel(16);
        let replay = Self {
            reel,
            wishes,
            at,
            playing,
            speed,
            remark: None,
            shown: None,
            ended: false,
        };
        (replay, sender)
    }

    /// The frame that holds now, if it is another one than before, and where this is.
    async fn look(&mut self) -> Result<Replayed, String> {
        let (tape, (first, last)) = self.reel.around(self.at).await?;
        let last = last.max(tape.span().1);
        self.at = self.at.clamp(first, last);
        let index = tape.index(self.at);
        let mark = tape.marks().get(index).map_or(0, |mark| mark.at);
        let which = (mark, index);
        let world = if self.shown == Some(which) {
            None
        } else {
            let world = tape.world(index).map_err(|e| format!("the recording: {e}"))?;
            self.shown = Some(which);
            Some(world)
        };
        let time = |ms: i64| Timestamp::from_millisecond(ms).unwrap_or_default();
        let unrecorded = tape
            .gap_after(index)
            .filter(|(from, _)| self.at > *from)
            .map(|(from, to)| (time(from), time(to)));
        self.ended = self.at >= last;
        let position = Position {
            at: time(self.at),
            from: time(first),
            to: time(last),
            playing: self.playing,
            speed: self.speed,
            unrecorded,
            remark: self.remark.clone(),
            ended: self.ended,
        };
        Ok(Replayed { world, position })
    }

    /// Time until something else is to be seen, milliseconds on the wall.
    async fn rest(&mut self) -> i64 {
        let (at, speed) = (self.at, i64::from(self.speed.max(1)));
        let next = match self.reel.around(at).await {
            Ok((tape, _)) => tape.marks().get(tape.index(at) + 1).map(|mark| mark.at),
            Err(_) => None,
        };
        let wait = next.map_or(STEP_MS.1, |next| next.saturating_sub(at) / speed);
        wait.clamp(STEP_MS.0, STEP_MS.1)
    }

    /// The recording went on for so long on the wall.
    async fn advance(&mut self, wall_ms: i64) {
        self.remark = None;
        let to = self
            .at
            .saturating_add(wall_ms.saturating_mul(i64::from(self.speed)));
        let gap = match self.reel.around(self.at).await {
            Ok((tape, _)) => tape.gap_after(tape.index(self.at)),
            Err(_) => None,
        };
        // Nobody watches a time of which there is nothing.
        self.at = gap
            .filter(|(from, _)| to > from.saturating_add(NEWER_MS))
            .map_or(to, |(_, end)| end.max(to));
        if let (true, Some((from, end))) = (self.at >= gap.map_or(i64::MAX, |gap| gap.1), gap) {
            self.remark = Some(format!("{} s without a recording left out", (end - from) / 1_000));
        }
    }

    async fn heed(&mut self, wish: Wish, out: &Outbox) -> Option<Wish> {
        self.remark = None;
        match wish {
            Wish::Play => {
                // A file that is at its end begins again.
                if let (true, false, Reel::File(tape)) = (self.ended, self.playing, &self.reel) {
                    self.at = tape.span().0;
                }
                self.playing = !self.playing;
            }
            Wish::To(at) => self.at = at,
            Wish::By(step) => self.at = self.at.saturating_add(step),
            Wish::Faster | Wish::Slower => {
                let place = SPEEDS.iter().position(|speed| *speed >= self.speed).unwrap_or(0);
                let place = if wish == Wish::Faster {
                    place + 1
                } else {
                    place.saturating_sub(1)
                };
                self.speed = SPEEDS.get(place).or(SPEEDS.last()).copied().unwrap_or(1);
            }
            Wish::Happening { forward } => {
                self.playing = false;
                return self.search(forward, out).await;
            }
        }
        None
    }

    /// Goes to the next thing that happened, or to the last one before. Something else that is wanted meanwhile ends
    /// the search.
    async fn search(&mut self, forward: bool, out: &Outbox) -> Option<Wish> {
        let mut searched = 0;
        loop {
            let at = match self.reel.around(self.at).await {
                Ok((tape, (first, last))) => {
                    let index = tape.index(self.at);
                    let found = if forward {
                        tape.happens_after(index, SEARCHED_AT_ONCE)
                    } else {
                        tape.happens_before(index, SEARCHED_AT_ONCE)
                    };
                    let moment = |index: usize| tape.marks().get(index).map_or(0, |mark| mark.at);
                    match found {
                        Err(error) => {
                            self.remark = Some(error.to_string());
                            return None;
                        }
                        Ok(Search::Found { index, what }) => {
                            self.at = moment(index);
                            self.remark = Some(what.join(" · "));
                            return None;
                        }
                        Ok(Search::Until(index)) => moment(index),
                        // A stretch ends; there may be another one behind it.
                        Ok(Search::Nothing) => {
                            let (begin, end) = tape.span();
                            let behind = if forward { end < last } else { begin > first };
                            if !behind {
                                let direction = if forward { "after" } else { "before" };
                                self.remark = Some(format!("no alert or operation {direction} this"));
                                return None;
                            }
                            if forward {
                                end.saturating_add(1)
                            } else {
                                begin.saturating_sub(1)
                            }
                        }
                    }
                }
                Err(why) => {
                    self.remark = Some(why);
                    return None;
                }
            };
            self.at = at;
            searched += SEARCHED_AT_ONCE;
            if searched >= SEARCHED {
                self.remark = Some("no alert or operation until here: once more to go on".to_owned());
                return None;
            }
            // What is searched is seen, and another wish is heard.
            let seen = self.look().await.ok()?;
            if !out.put(SourceEvent::Replayed(Box::new(seen))).await {
                return None;
            }
            tokio::task::yield_now().await;
            if let Ok(wish) = self.wishes.try_recv() {
                return Some(wish);
            }
        }
    }
}

impl Source for Replay {
    async fn run(mut self, out: Outbox) {
        loop {
            let event = match self.look().await {
                Ok(seen) => SourceEvent::Replayed(Box::new(seen)),
                Err(why) => {
                    out.put(SourceEvent::ReplayEnded(why)).await;
                    return;
                }
            };
            if !out.put(event).await {
                return;
            }
            if self.ended && self.playing {
                if matches!(self.reel, Reel::File(_)) {
                    self.playing = false;
                    continue;
                }
                let why = "this is the present again".to_owned();
                out.put(SourceEvent::ReplayEnded(why)).await;
                return;
            }
            let (playing, began) = (self.playing, Instant::now());
            let rest = if playing { self.rest().await } else { 0 };
            let rest = Duration::from_millis(u64::try_from(rest).unwrap_or(1_000));
            tokio::select! {
                wish = self.wishes.recv() => {
                    let mut next = wish;
                    if next.is_none() {
                        return;
                    }
                    while let Some(wish) = next {
                        next = self.heed(wish, &out).await;
                    }
                }
                () = tokio::time::sleep(rest), if playing => {
                    let passed = i64::try_from(began.elapsed().as_millis()).unwrap_or(STEP_MS.1);
                    self.advance(passed).await;
                }
            }
        }
    }
}
