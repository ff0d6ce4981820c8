//! One answer, written by one and read by many, each at its own pace and from its beginning.
//!
//! While an answer can be kept the writer waits for nobody. One that is too large is let go piece by piece as
//! its readers have read it, the writer waits for the slowest of them, and nobody else may begin to read.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use tokio::sync::Notify;

use super::Fingerprint;
use crate::{body::Body, buffered::Held, request_id::RequestId};

/// Bytes that wait for the slowest reader of an answer that is not kept.
const WINDOW: usize = 256 * 1024;

/// Everything of an answer but its body.
#[derive(Debug, Clone)]
pub struct Head {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Whether it comes at once, with its length.
    pub is_whole: bool,
}

/// The answer ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut;

pub struct Tape {
    /// Of the body that is answered.
    pub(super) print: Fingerprint,
    /// Of the request that is answered.
    pub(super) id: RequestId,
    state: Mutex<State>,
    /// There is more to read.
    written: Notify,
    /// Somebody has read on, come or gone.
    moved: Notify,
}

#[derive(Default)]
struct State {
    head: Option<Head>,
    pieces: VecDeque<Bytes>,
    /// Bytes of these pieces.
    bytes: usize,
    /// Bytes of all pieces, also of those that have been let go.
    written: usize,
    /// Pieces before these that have been let go.
    gone: usize,
    /// How many pieces each reader has read.
    readers: BTreeMap<u64, usize>,
    next_reader: u64,
    /// Whether pieces are let go once they are read.
    is_passing: bool,
    /// Nobody read it for so long that it ends.
    is_deserted: bool,
    end: Option<Result<(), Cut>>,
    /// What the pieces weigh, once they are all there.
    held: Option<Held>,
    /// The body that they came from, with a weight of its own, where they are not kept.
    _body: Option<Body>,
}

/// Why nobody can begin to read a tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// Its beginning is gone.
    Passed,
    /// It is about to end, and to be forgotten.
    Deserted,
}

impl State {
    /// Lets go what every reader has read.
    fn pass(&mut self) {
        if !self.is_passing {
            return;
        }
        let all = self.gone + self.pieces.len();
        let read = self.readers.values().copied().min().unwrap_or(all);
        while self.gone < read {
            let Some(piece) = self.pieces.pop_front() else {
                break;
            };
            self.bytes -= piece.len();
            self.gone += 1;
        }
        if self.end.is_some() && self.pieces.is_empty() {
            self._body = None;
            if let Some(held) = &mut self.held {
                held.shrink_to(super::replays::ENTRY_BYTES);
            }
        }
    }
}

impl Tape {
    /// An empty tape, and who reads it first.
    pub fn with_reader(print: Fingerprint, id: RequestId) -> (Arc<Self>, Reader) {
        let tape = Arc::new(Self {
            print,
            id,
            state: Mutex::default(),
            written: Notify::new(),
            moved: Notify::new(),
        });
        let reader = Self::reader(&tape, &mut tape.state());
        (tape, reader)
    }

    fn reader(tape: &Arc<Self>, state: &mut State) -> Reader {
        let number = state.next_reader;
        state.next_reader += 1;
        state.readers.insert(number, 0);
        Reader {
            tape: Arc::clone(tape),
            number,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `look` finds what it looks for; it looks after each `change`.
    async fn until<T>(&self, change: &Notify, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            // Made before the look, so that no change is missed.
            let changed = change.notified();
            if let Some(found) = look(&mut self.state()) {
                return found;
            }
            changed.await;
        }
    }

    /// A reader at the beginning, and whether the answer is still being written.
    pub fn join(tape: &Arc<Self>) -> Result<(Reader, bool), Unreadable> {
        let mut state = tape.state();
        if state.is_deserted {
            return Err(Unreadable::Deserted);
        }
        if state.is_passing {
            return Err(Unreadable::Passed);
        }
        let reader = Self::reader(tape, &mut state);
        let is_running = state.end.is_none();
        drop(state);
        tape.moved.notify_waiters();
        Ok((reader, is_running))
    }

    pub fn begin(&self, head: Head) {
        self.state().head = Some(head);
        self.written.notify_waiters();
    }

    /// Adds a piece. Where the answer is not kept it waits until its readers have room.
    ///
    /// Cancel safety: the piece is written or not.
    pub async fn write(&self, piece: Bytes) {
        let mut piece = Some(piece);
        self.until(&self.moved, |state| {
            state.pass();
            if state.is_passing && state.bytes >= WINDOW {
                return None;
            }
            let piece = piece.take()?;
            state.bytes += piece.len();
            state.written += piece.len();
            state.pieces.push_back(piece);
            Some(())
        })
        .await;
        self.written.notify_waiters();
    }

    /// From now on pieces are let go once they are read.
    pub fn stop_keeping(&self) {
        self.state().is_passing = true;
    }

    /// Whether the pieces are all to be kept.
    pub fn is_kept(&self) -> bool {
        !self.state().is_passing
    }

    /// All that was written, where that is kept and no more than so many bytes.
    pub fn kept(&self, most: usize) -> Option<(Head, Vec<Bytes>)> {
        let state = self.state();
        let head = state
            .head
            .clone()
            .filter(|_| !state.is_passing && state.bytes <= most)?;
        Some((head, state.pieces.iter().cloned().collect()))
    }

    /// The answer has ended. `held`: what its pieces weigh, and `body`: where they came from.
    pub fn end(&self, how: Result<(), Cut>, held: Option<Held>, body: Option<Body>) {
        let mut state = self.state();
        state.end.get_or_insert(how);
        state.held = held;
        state._body = body.filter(|_| state.is_passing);
        state.pass();
        drop(state);
        self.written.notify_waiters();
    }

    /// Waits until more than so many bytes have been written from now on.
    pub async fn grows_by(&self, bytes: usize) {
        let most = self.state().written.saturating_add(bytes);
        self.until(&self.written, |state| (state.written > most).then_some(()))
            .await;
    }

    /// Waits until nobody has read it for as long as their `absence` is borne, which begins when the last reader goes.
    /// From then on nobody can.
    pub async fn deserted<F: Future<Output = ()>>(&self, absence: impl Fn() -> F) {
        loop {
            let empty = |state: &mut State| state.readers.is_empty().then_some(());
            self.until(&self.moved, empty).await;
            let somebody = |state: &mut State| (!state.readers.is_empty()).then_some(());
            tokio::select! {
                biased;
                () = self.until(&self.moved, somebody) => continue,
                () = absence() => {}
            }
            let mut state = self.state();
            state.is_deserted = state.readers.is_empty();
            if state.is_deserted {
                return;
            }
        }
    }
}

/// Somebody who reads a tape. Dropping it says that they no longer do.
pub struct Reader {
    tape: Arc<Tape>,
    number: u64,
}

impl Reader {
    /// The answer's head, as soon as it is there.
    pub async fn head(&mut self) -> Result<Head, Cut> {
        let look = |state: &mut State| match (&state.head, state.end) {
            (Some(head), _) => Some(Ok(head.clone())),
            (None, Some(_)) => Some(Err(Cut)),
            (None, None) => None,
        };
        self.tape.until(&self.tape.written, look).await
    }

    /// The next piece; `None` after the last one.
    ///
    /// Cancel safety: a call that is dropped loses nothing.
    pub async fn next(&mut self) -> Option<Result<Bytes, Cut>> {
        let number = self.number;
        let look = |state: &mut State| {
            let read = state.readers.get(&number).copied().unwrap_or_default();
            if let Some(piece) = state.pieces.get(read.saturating_sub(state.gone)).cloned() {
                state.readers.insert(number, read + 1);
                let passed = state.is_passing;
                return Some((Some(Ok(piece)), passed));
            }
            state.end.map(|end| (end.err().map(Err), false))
        };
        let (next, passed) = self.tape.until(&self.tape.written, look).await;
        if passed {
            self.tape.state().pass();
            self.tape.moved.notify_waiters();
        }
        next
    }

    /// All of it, once it is all there.
    pub async fn all(mut self) -> Result<Bytes, Cut> {
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        while let Some(piece) = self.next().await {
            match first.is_empty() {
                true => first = piece?,
                false => {
                    if rest.is_empty() {
                        rest.extend_from_slice(&first);
                    }
                    rest.extend_from_slice(&piece?);
                }
            }
        }
        Ok(if rest.is_empty() { first } else { rest.freeze() })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.tape.state();
        state.readers.remove(&self.number);
        state.pass();
        drop(state);
        self.tape.moved.notify_waiters();
    }
}
