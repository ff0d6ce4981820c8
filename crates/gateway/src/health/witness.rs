//! Who says that a channel fails.
//!
//! A request may itself be what a provider cannot bear, and its client may send it again and again. So where the
//! request may be to blame it is heard once a minute: what counts is how many different requests failed, not how often
//! one did.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

use tollgate_ledger::KeyId;

use super::Moment;

/// Milliseconds for which a witness is remembered.
const MEMORY: Moment = 60_000;
/// Witnesses that are remembered, of each channel.
const HEARD: usize = 32;
/// Bits of a remembered witness that are its time, in seconds.
const TIME_BITS: u32 = 20;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

/// Bytes at a body's end that tell it from others, and how many places of the rest of it, each so many bytes long.
const END: usize = 512;
const PLACES: usize = 16;
const PLACE: usize = 8;

/// A request, as far as it can be told from others: by its API key and its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Witness(u64);

impl Witness {
    pub fn of(key: KeyId, body: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        (key, body).hash(&mut hasher);
        Self(hasher.finish())
    }

    /// One that costs little, however long the body: by its length, its end, where the latest message stands, and
    /// a few places of the rest.
    pub fn roughly(key: KeyId, body: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        let (rest, end) = body.split_at(body.len().saturating_sub(END));
        (key, body.len(), end).hash(&mut hasher);
        let step = (rest.len() / PLACES).max(PLACE);
        for place in rest.chunks(step) {
            hasher.write(&place[..place.len().min(PLACE)]);
        }
        Self(hasher.finish())
    }

    /// With the time when it was heard. Zero stands for nobody.
    fn heard(self, now: Moment) -> u64 {
        (self.0 | 1 << TIME_BITS) & !TIME_MASK | (now / 1_000) & TIME_MASK
    }
}

/// Whether two that were heard are the same witness.
fn are_same(a: u64, b: u64) -> bool {
    a & !TIME_MASK == b & !TIME_MASK
}

/// Whether one was heard so lately that it counts.
fn is_fresh(heard: u64, now: Moment) -> bool {
    let age = (now / 1_000).wrapping_sub(heard) & TIME_MASK;
    heard != 0 && age < MEMORY / 1_000
}

/// Those that were heard of late.
#[derive(Debug)]
pub struct Witnesses {
    heard: [AtomicU64; HEARD],
    next: AtomicU32,
}

impl Default for Witnesses {
    fn default() -> Self {
        Self {
            heard: std::array::from_fn(|_| AtomicU64::new(0)),
            next: AtomicU32::new(0),
        }
    }
}

impl Witnesses {
    /// Whether anybody was heard within the last minute.
    pub fn heard_lately(&self, now: Moment) -> bool {
        let last = (self.next.load(Ordering::Relaxed) as usize).wrapping_sub(1) % HEARD;
        is_fresh(self.heard[last].load(Ordering::Relaxed), now)
    }

    /// Whether a witness was heard within the last minute.
    pub fn knows(&self, witness: Witness, now: Moment) -> bool {
        let new = witness.heard(now);
        self.heard.iter().any(|heard| {
            let heard = heard.load(Ordering::Relaxed);
            is_fresh(heard, now) && are_same(heard, new)
        })
    }

    /// Hears a witness. Whether it was not heard within the last minute.
    pub fn hear(&self, witness: Witness, now: Moment) -> bool {
        if self.knows(witness, now) {
            return false;
        }
        let new = witness.heard(now);
        let place = self.next.fetch_add(1, Ordering::Relaxed) as usize % HEARD;
        self.heard[place].store(new, Ordering::Relaxed);
        true
    }
}

/// Something that is believed once two different witnesses say it.
#[derive(Debug, Default)]
pub struct Suspicion(AtomicU64);

impl Suspicion {
    /// Whether another one has said so within the last minute.
    pub fn is_confirmed_by(&self, witness: Witness, now: Moment) -> bool {
        let new = witness.heard(now);
        let before = self.0.swap(new, Ordering::Relaxed);
        is_fresh(before, now) && !are_same(before, new)
    }

    /// Nothing is the matter.
    pub fn clear(&self) {
        if self.0.load(Ordering::Relaxed) != 0 {
            self.0.store(0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
