//! All tapes: those being written, and those kept for a while.
//!
//! One bound in bytes holds for all, and each weighs something beside its answer, so it is one in number too.
//! Where there is no room the oldest kept answer of the API key that takes most makes some: nobody loses theirs to
//! another who keeps a lot.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use http_body_util::BodyExt;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tollgate_ledger::Holder;

use super::{
    Fingerprint, IdempotencySettings, Name,
    tape::{Cut, Head, Reader, Tape, Unreadable},
};
use crate::{
    body::{Body, Response},
    buffered::{Buffered, Held},
    error::GateError,
    request_id::RequestId,
};

/// What a tape weighs beside its answer: head, names and places.
pub(super) const ENTRY_BYTES: usize = 2 * 1024;
/// How often answers are looked for whose time is over.
const SWEEP: Duration = Duration::from_secs(1);

/// Answers that may be asked for again.
pub struct Replays {
    settings: IdempotencySettings,
    memory: Buffered,
    book: Mutex<Book>,
    /// Each request that is carried for its readers has a receiver, and has ended when it drops that.
    carried: watch::Sender<()>,
}

#[derive(Default)]
struct Book {
    tapes: HashMap<Name, Arc<Tape>>,
    /// Those that have ended, by who may ask for them.
    shelves: HashMap<Holder, Shelf>,
    is_swept: bool,
}

/// Finished answers, in the order in which their time is over.
#[derive(Default)]
struct Shelf {
    kept: VecDeque<Kept>,
    bytes: usize,
}

struct Kept {
    name: Name,
    until: Instant,
    bytes: usize,
}

/// What a request is that brings a name.
pub enum Claimed {
    /// The first of that name: it is to be carried, and what comes of it recorded.
    First { recording: Recording, reader: Reader },
    /// One that repeats the request `of`, which may still be running.
    Repeat {
        reader: Reader,
        of: RequestId,
        running: bool,
    },
}

impl Replays {
    pub fn new(settings: IdempotencySettings) -> Arc<Self> {
        Arc::new(Self {
            memory: Buffered::new(settings.size),
            settings,
            book: Mutex::default(),
            carried: watch::Sender::new(()),
        })
    }

    pub fn settings(&self) -> &IdempotencySettings {
        &self.settings
    }

    /// To be kept by who carries a request, until its end.
    pub(super) fn carries(&self) -> watch::Receiver<()> {
        self.carried.subscribe()
    }

    /// Waits until no request is carried, with a client or without.
    pub async fn ended(&self) {
        self.carried.closed().await;
    }

    /// Whether there is an answer of that name, or one on its way.
    pub fn knows(&self, name: &Name) -> bool {
        self.book().tapes.contains_key(name)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds the answer of that name, or begins one. Fails where the name stands for another body, where its
    /// answer was not kept, and where there is no room for another one.
    pub(super) fn claim(
        replays: &Arc<Self>,
        name: Name,
        print: Fingerprint,
        id: &RequestId,
    ) -> Result<Claimed, GateError> {
        let mut held = replays.memory.hold();
        loop {
            let mut book = replays.book();
            if let Some(repeat) = book.repeat(&name, print)? {
                return Ok(repeat);
            }
            if held.bytes() > 0 {
                let (tape, reader) = Tape::with_reader(print, id.clone());
                book.tapes.insert(name.clone(), Arc::clone(&tape));
                let recording = Recording {
                    replays: Arc::clone(replays),
                    name,
                    tape,
                    held: Some(held),
                    body: None,
                };
                return Ok(Claimed::First { recording, reader });
            }
            drop(book);
            // Only now: a repeat must not drive out what it asks for.
            if !replays.make_room(&mut held, ENTRY_BYTES) {
                return Err(GateError::MemoryFull);
            }
        }
    }

    /// Makes the share larger, for which others may have to go.
    fn make_room(&self, held: &mut Held, bytes: usize) -> bool {
        while held.grow(bytes).is_err() {
            let Some(_gone) = self.book().give_way() else {
                return false;
            };
        }
        true
    }

    fn strike_out(&self, name: &Name, tape: &Arc<Tape>) {
        self.book().strike_out(name, tape);
    }

    /// Lets those answers go whose time is over by `now`. Tells whether any is left.
    pub(super) fn sweep(&self, now: Instant) -> bool {
        let mut book = self.book();
        let gone = book.sweep(now);
        book.is_swept = !book.shelves.is_empty();
        let is_any_left = book.is_swept;
        drop(book);
        // Freed outside of the lock.
        drop(gone);
        is_any_left
    }

    fn keep(replays: &Arc<Self>, name: Name, bytes: usize) {
        let mut book = replays.book();
        let shelf = book.shelves.entry(name.holder).or_default();
        shelf.bytes += bytes;
        shelf.kept.push_back(Kept {
            name,
            until: Instant::now() + replays.settings.ttl,
            bytes,
        });
        if !std::mem::replace(&mut book.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(replays)));
        }
    }
}

impl Book {
    /// The answer of that name, where there is one.
    fn repeat(&self, name: &Name, print: Fingerprint) -> Result<Option<Claimed>, GateError> {
        let Some(tape) = self.tapes.get(name) else {
            return Ok(None);
        };
        match Tape::join(tape) {
            // Its task is about to strike it out; it is as good as gone.
            Err(Unreadable::Deserted) => Ok(None),
            _ if tape.print != print => Err(GateError::IdempotencyKeyReused),
            Err(Unreadable::Passed) => Err(GateError::AnswerNotKept),
            Ok((reader, running)) => {
                let of = tape.id.clone();
                Ok(Some(Claimed::Repeat { reader, of, running }))
            }
        }
    }

    fn strike_out(&mut self, name: &Name, tape: &Arc<Tape>) {
        if let Entry::Occupied(entry) = self.tapes.entry(name.clone())
            && Arc::ptr_eq(entry.get(), tape)
        {
            entry.remove();
        }
    }

    /// Lets one answer go, of who has most. It is given back so that it is freed outside of the lock.
    fn give_way(&mut self) -> Option<Option<Arc<Tape>>> {
        let (holder, shelf) = self.shelves.iter_mut().max_by_key(|(_, shelf)| shelf.bytes)?;
        let holder = *holder;
        let kept = shelf.take_first();
        if shelf.kept.is_empty() {
            self.shelves.remove(&holder);
        }
        Some(kept.and_then(|kept| self.tapes.remove(&kept.name)))
    }

    /// Lets those go whose time is over.
    fn sweep(&mut self, now: Instant) -> Vec<Arc<Tape>> {
        let mut gone = Vec::new();
        self.shelves.retain(|_, shelf| {
            while shelf.kept.front().is_some_and(|kept| kept.until <= now) {
                let kept = shelf.take_first();
                gone.extend(kept.and_then(|kept| self.tapes.remove(&kept.name)));
            }
            !shelf.kept.is_empty()
        });
        gone
    }
}

impl Shelf {
    fn take_first(&mut self) -> Option<Kept> {
        let kept = self.kept.pop_front()?;
        self.bytes -= kept.bytes;
        Some(kept)
    }
}

/// Lets answers go in time. Ends when none is left.
async fn sweep(replays: Weak<Replays>) {
    loop {
        sleep(SWEEP).await;
        let Some(replays) = replays.upgrade() else { return };
        if !replays.sweep(Instant::now()) {
            return;
        }
    }
}

/// The right to write an answer. Dropping it before its end cuts the answer off and forgets it.
pub struct Recording {
    replays: Arc<Replays>,
    name: Name,
    tape: Arc<Tape>,
    held: Option<Held>,
    body: Option<Body>,
}

impl Recording {
    pub fn tape(&self) -> Arc<Tape> {
        Arc::clone(&self.tape)
    }

    /// Writes the answer down as it comes.
    ///
    /// Cancel safety: what was written stays written.
    pub async fn write(&mut self, response: Response) {
        let (parts, body) = response.into_parts();
        self.tape.begin(Head {
            status: parts.status,
            headers: parts.headers,
            is_whole: matches!(body, Body::Whole { .. }),
        });
        let mut written = 0;
        let body = self.body.insert(body);
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(piece) = frame.into_data() else { continue };
            written += piece.len();
            let fits = written <= self.replays.settings.answer
                && (self.held.as_mut()).is_some_and(|held| self.replays.make_room(held, piece.len()));
            if !fits {
                self.tape.stop_keeping();
            }
            self.tape.write(piece).await;
        }
    }

    /// The answer is all there. `keep`: whether it is to be given again.
    pub fn end(mut self, keep: bool) {
        let held = self.held.take();
        let bytes = held.as_ref().map_or(0, Held::bytes);
        if !keep {
            self.replays.strike_out(&self.name, &self.tape);
        }
        self.tape.end(Ok(()), held, self.body.take());
        if keep {
            // One that could not be kept leaves its name, so that a retry is not paid for again.
            let bytes = if self.tape.is_kept() { bytes } else { ENTRY_BYTES };
            Replays::keep(&self.replays, self.name.clone(), bytes);
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // Ended as it should: then this changes nothing.
        if self.held.is_some() {
            self.replays.strike_out(&self.name, &self.tape);
            self.tape.end(Err(Cut), self.held.take(), self.body.take());
        }
    }
}
