//! How many attempts of the last while failed, in one atomic: whoever reads it has both numbers of one moment.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::health::Moment;

/// Milliseconds after which attempts are counted anew.
pub(super) const WINDOW: Moment = 10_000;
/// Fewer attempts say nothing of a share.
pub(super) const WINDOW_LEAST: u16 = 20;

/// The window that attempts are counted in now.
#[derive(Debug, Default)]
pub(super) struct Counted(AtomicU64);

impl Counted {
    /// Counts an attempt, and gives all of the window.
    pub(super) fn count(&self, now: Moment, failed: bool) -> Window {
        let mut counted = Window::default();
        let add = |packed: u64| {
            counted = Window::unpacked(packed).with(now, failed);
            Some(counted.packed())
        };
        // It always gives a value, so it never fails.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        counted
    }

    /// What was counted counts no more.
    pub(super) fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Attempts of the last while.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Window {
    /// In units of [`WINDOW`].
    number: u32,
    attempts: u16,
    failed: u16,
}

impl Window {
    fn unpacked(packed: u64) -> Self {
        Self {
            number: (packed >> 32) as u32,
            attempts: (packed >> 16) as u16,
            failed: packed as u16,
        }
    }

    fn packed(self) -> u64 {
        u64::from(self.number) << 32 | u64::from(self.attempts) << 16 | u64::from(self.failed)
    }

    fn with(self, now: Moment, failed: bool) -> Self {
        let number = (now / WINDOW) as u32;
        let before = match self.number == number {
            true => self,
            false => Self {
                number,
                ..Self::default()
            },
        };
        // A share needs no more than this many.
        let before = match before.attempts == u16::MAX {
            true => Self {
                attempts: before.attempts / 2,
                failed: before.failed / 2,
                ..before
            },
            false => before,
        };
        Self {
            attempts: before.attempts + 1,
            failed: before.failed + u16::from(failed),
            ..before
        }
    }

    pub(super) fn is_mostly_failed(self) -> bool {
        self.attempts >= WINDOW_LEAST && self.failed >= self.attempts / 2
    }
}
