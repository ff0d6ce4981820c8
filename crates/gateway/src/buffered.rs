//! One bound on the memory of all bodies and held answers together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Bytes in use, against a limit.
#[derive(Debug, Clone)]
pub struct Buffered {
    used: Arc<AtomicUsize>,
    limit: usize,
}

/// A share of the bytes; given back when dropped.
#[derive(Debug)]
pub struct Held {
    used: Arc<AtomicUsize>,
    bytes: usize,
    limit: usize,
}

/// The limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Buffered {
    pub fn new(limit: usize) -> Self {
        Self {
            used: Arc::default(),
            limit,
        }
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// A share of no bytes yet.
    pub fn hold(&self) -> Held {
        Held {
            used: Arc::clone(&self.used),
            bytes: 0,
            limit: self.limit,
        }
    }
}

impl Held {
    /// Takes `bytes` more. Fails without taking any where they do not fit.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Full> {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.limit {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Full);
        }
        self.bytes += bytes;
        Ok(())
    }

    /// All of it, for another owner; this one has none left.
    pub fn hand_over(&mut self) -> Self {
        Self {
            used: Arc::clone(&self.used),
            bytes: std::mem::take(&mut self.bytes),
            limit: self.limit,
        }
    }

    /// How large the share is.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes the share `bytes` large, if it is larger.
    pub fn shrink_to(&mut self, bytes: usize) {
        let less = self.bytes.saturating_sub(bytes);
        self.bytes -= less;
        self.used.fetch_sub(less, Ordering::Relaxed);
    }

    /// Gives all of it back.
    pub fn shrink(&mut self) {
        self.used
            .fetch_sub(std::mem::take(&mut self.bytes), Ordering::Relaxed);
    }

    /// Makes the share `bytes` large, if it is smaller.
    pub fn grow_to(&mut self, bytes: usize) -> Result<(), Full> {
        self.grow(bytes.saturating_sub(self.bytes))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shrink();
    }
}
