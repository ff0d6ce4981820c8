//! One call's stream, read from its provider.

use std::{sync::Arc, time::Duration};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};
use tollgate_chat::event::{Event, EventKind, Wire};
use tollgate_dialects::StreamDecoder;

use super::{
    pace::{Attention, Pace},
    private,
    reasoning::Keeper,
    send::root_cause,
};
use crate::{
    channel::{Channel, Server},
    error::Failure,
    health::Place,
};

/// Most that is held back of a stream that has not said anything yet.
pub const HELD_EVENTS: usize = 64;
pub const HELD_BYTES: usize = 256 * 1024;

/// What a provider says, byte by byte, as events.
pub struct ProviderStream {
    /// Keeps the channel's connections too while the stream runs.
    channel: Arc<Channel>,
    body: Incoming,
    decoder: StreamDecoder,
    idle: Duration,
    last_byte: Instant,
    patience: Duration,
    last_event: Instant,
    pace: Option<Pace>,
    attention: Option<Arc<Attention>>,
    /// What ended the stream, while events from before it wait.
    failed: Option<Failure>,
    ending: Ending,
    _place: Option<Arc<Place>>,
}

/// Keeps what the provider wants back with the next turn, before the client can send that turn: it may do
/// so as soon as it has seen a finish, so everything from the first one on waits for the end of the stream.
struct Ending {
    keeper: Option<Keeper>,
    held: Vec<Event>,
}

impl Ending {
    /// Holds back what belongs to the end.
    fn hold(&mut self, events: &mut Vec<Event>) {
        if self.keeper.is_none() {
            return;
        }
        if !self.held.is_empty() {
            self.held.append(events);
            if self.held.len() > HELD_EVENTS {
                // Another choice goes on for long: its output must not wait.
                events.append(&mut self.held);
            }
            return;
        }
        let finish = |event: &Event| matches!(event.kind, EventKind::Finish(_));
        let Some(mut first) = events.iter().position(finish) else {
            return;
        };
        // The chunk that says it may come with an earlier event.
        while first > 0 && events[first].wire == Wire::Covered {
            first -= 1;
        }
        self.held = events.split_off(first);
    }

    /// The end is there: gives back what was held, before `events`.
    fn release(&mut self, events: Vec<Event>) -> Vec<Event> {
        if self.held.is_empty() {
            return events;
        }
        let mut all = std::mem::take(&mut self.held);
        all.extend(events);
        all
    }
}

impl ProviderStream {
    /// A stream of which nothing was read yet. `patience`: how long it may say nothing while it shows that it is there.
    /// `keeper`: for what is wanted back with the next turn. `place`: the call's, where it has one of its own.
    /// `attention`: when it is waited for, where it is read together with others.
    pub fn new(
        server: &Server,
        body: Incoming,
        decoder: StreamDecoder,
        patience: Duration,
        keeper: Option<Keeper>,
        place: Option<Arc<Place>>,
        attention: Option<Arc<Attention>>,
    ) -> Self {
        Self {
            channel: Arc::clone(&server.channel),
            body,
            decoder,
            idle: server.timeouts.idle,
            last_byte: Instant::now(),
            patience,
            last_event: Instant::now(),
            pace: server.channel.settings.speed_floor.map(Pace::new),
            attention,
            failed: None,
            ending: Ending {
                keeper,
                held: Vec::new(),
            },
            _place: place,
        }
    }

    /// What ended it, where the events from before that have been read and not yet been handed on.
    pub fn take_failure(&mut self) -> Option<Failure> {
        self.failed.take()
    }

    /// Reads until there are events. The flag says that nothing comes after them. A failure waits
    /// until the events before it have been taken, however the bytes were cut.
    pub async fn read(&mut self) -> (Result<Vec<Event>, Failure>, bool) {
        if let Some(failure) = self.failed.take() {
            return (Err(failure), true);
        }
        let mut events = Vec::new();
        loop {
            let silent = self.last_byte + self.idle;
            let (from, until) = match &self.pace {
                None => (self.last_byte, silent),
                Some(pace) => {
                    let from = Instant::now();
                    (from, silent.min(from + pace.left()))
                }
            };
            let attention = self.attention.as_ref();
            let missed = || attention.map_or(Duration::ZERO, |attention| attention.missed());
            let missed_before = missed();
            let frame = timeout_at(until, self.body.frame()).await;
            if let Some(pace) = &mut self.pace
                && let Err(slow) = pace.waited(from.elapsed().saturating_sub(missed() - missed_before))
            {
                return self.end(events, Some(slow));
            }
            let frame = match frame {
                Err(_) if until < silent => continue,
                // A host that has said everything may leave the connection open.
                Err(_) => return self.end(events, Some(Failure::IdleTimeout { limit: self.idle })),
                Ok(None) => return self.end(events, None),
                // A host that has said everything may close as it likes.
                Ok(Some(Err(error))) => return self.end(events, Some(Failure::Broken(root_cause(&error)))),
                Ok(Some(Ok(frame))) => frame,
            };
            self.last_byte = Instant::now();
            let Ok(data) = frame.into_data() else { continue };
            if let Some(pace) = &mut self.pace {
                pace.came(&data);
            }
            let read = self.decoder.read(data, &mut events);
            if let Some(pace) = &mut self.pace {
                pace.said(&events);
            }
            if let Err(fault) = read {
                let failure = private::failed(&self.channel.settings, fault);
                return self.fail(events, failure);
            }
            if self.decoder.is_complete() {
                return self.end(events, None);
            }
            self.ending.hold(&mut events);
            if !events.is_empty() {
                self.last_event = self.last_byte;
                return (Ok(events), false);
            }
            if self.last_event.elapsed() > self.patience {
                let limit = self.patience;
                return self.end(events, Some(Failure::IdleTimeout { limit }));
            }
        }
    }

    /// The end of the bytes. Where the answer is not whole, `broken` says why, else the decoder.
    fn end(
        &mut self,
        mut events: Vec<Event>,
        broken: Option<Failure>,
    ) -> (Result<Vec<Event>, Failure>, bool) {
        match self.decoder.end(&mut events) {
            Ok(()) => {
                if let Some(keeper) = &self.ending.keeper {
                    keeper.keep(self.decoder.take_turns());
                }
                (Ok(self.ending.release(events)), true)
            }
            Err(fault) => {
                let failure = broken.unwrap_or_else(|| private::failed(&self.channel.settings, fault));
                self.fail(events, failure)
            }
        }
    }

    fn fail(&mut self, events: Vec<Event>, failure: Failure) -> (Result<Vec<Event>, Failure>, bool) {
        let events = self.ending.release(events);
        if events.is_empty() {
            return (Err(failure), true);
        }
        self.failed = Some(failure);
        (Ok(events), false)
    }
}
