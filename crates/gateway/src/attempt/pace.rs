//! A floor under the speed of a stream: one that crawls is given up, as one that is silent is.
//!
//! Only the time counts in which the gate waits for the provider, so a client that reads slowly makes nobody slow.
//! And only while the provider is saying something: from the first output to the first finish, and whenever it has
//! begun an event and not ended it. One that thinks in silence is not measured; its silence has a bound of its own.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tollgate_catalog::{channel::SpeedFloor, contract::estimated_tokens};
use tollgate_chat::event::{Event, EventKind};

use crate::error::Failure;

/// What a stream said within the window that is running.
#[derive(Debug)]
pub struct Pace {
    floor: SpeedFloor,
    /// Time that was waited in this window.
    waited: Duration,
    /// Events with output: few providers put less than a token into one.
    events: u64,
    /// Bytes of output: some put many tokens into one.
    text: u64,
    /// Bytes, with all that is around the output.
    wire: u64,
    is_saying: bool,
    /// Whether a line has begun and not ended.
    is_mid_line: bool,
    has_finished: bool,
}

impl Pace {
    pub fn new(floor: SpeedFloor) -> Self {
        Self {
            floor,
            waited: Duration::ZERO,
            events: 0,
            text: 0,
            wire: 0,
            is_saying: false,
            is_mid_line: false,
            has_finished: false,
        }
    }

    /// How long may be waited until it is looked at again.
    pub fn left(&self) -> Duration {
        match self.is_measured() {
            true => self.floor.window.saturating_sub(self.waited),
            false => self.floor.window,
        }
    }

    fn is_measured(&self) -> bool {
        (self.is_saying && !self.has_finished) || self.is_mid_line
    }

    /// It was waited for so long. Fails at the end of a window in which too little came.
    pub fn waited(&mut self, time: Duration) -> Result<(), Failure> {
        if !self.is_measured() {
            return Ok(());
        }
        self.waited += time;
        if self.waited < self.floor.window {
            return Ok(());
        }
        let mut tokens = self.events.max(estimated_tokens(self.text));
        if self.is_mid_line {
            // An event may be large, and says nothing before it is there.
            tokens = tokens.max(estimated_tokens(self.wire));
        }
        let least = f64::from(self.floor.tokens_per_second.get()) * self.waited.as_secs_f64();
        if (tokens as f64) < least {
            return Err(Failure::TooSlow { floor: self.floor });
        }
        self.begin_window();
        Ok(())
    }

    fn begin_window(&mut self) {
        (self.waited, self.events, self.text, self.wire) = (Duration::ZERO, 0, 0, 0);
    }

    /// These bytes came.
    pub fn came(&mut self, bytes: &[u8]) {
        self.wire += bytes.len() as u64;
        if let Some(last) = bytes.last() {
            self.is_mid_line = !matches!(last, b'\n' | b'\r');
        }
    }

    /// This was in them.
    pub fn said(&mut self, events: &[Event]) {
        for Event { kind, .. } in events {
            if kind.is_content() {
                if !std::mem::replace(&mut self.is_saying, true) {
                    self.begin_window();
                }
                self.events += 1;
            }
            self.text += match kind {
                EventKind::Text { text, .. }
                | EventKind::Refusal { text, .. }
                | EventKind::Reasoning { text, .. }
                | EventKind::ToolCall { arguments: text, .. } => text.len() as u64,
                EventKind::Image { .. } => self.wire,
                EventKind::Finish(_) => {
                    self.has_finished = true;
                    0
                }
                _ => 0,
            };
        }
    }
}

/// When streams that are read together are waited for. While their client takes nothing, none of them is: whoever was
/// being waited for when that began is not slow for as long as it lasts.
#[derive(Debug, Default)]
pub struct Attention(Mutex<Away>);

#[derive(Debug, Default)]
struct Away {
    /// Since when nobody waits; `None`: somebody does, or nobody has begun to.
    since: Option<Instant>,
    /// Until then.
    before: Duration,
}

/// Somebody waits, until this is dropped.
pub struct Attending(Arc<Attention>);

impl Attention {
    pub fn begins(self: &Arc<Self>) -> Attending {
        let mut away = self.away();
        if let Some(since) = away.since.take() {
            away.before += since.elapsed();
        }
        drop(away);
        Attending(Arc::clone(self))
    }

    /// For how long nobody has waited until now.
    pub fn missed(&self) -> Duration {
        let away = self.away();
        away.before + away.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn away(&self) -> MutexGuard<'_, Away> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Attending {
    fn drop(&mut self) {
        self.0.away().since = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests;
