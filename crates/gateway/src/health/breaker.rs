//! A circuit breaker: a channel that keeps failing is left alone, and then probed by one request at a time.
//!
//! It opens after a number of failures in a row, or when half of at least [`WINDOW_LEAST`] attempts within
//! [`WINDOW`] failed: a provider that fails every second time never fails many times in a row. Streams that break after
//! their first output are counted in a row of their own, which only a stream's end ends: that output is as much of an
//! answer as other attempts have to give, and says nothing of what such streams come to.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use super::{HealthSettings, Moment};

/// Milliseconds after which attempts are counted anew.
const WINDOW: Moment = 10_000;
/// Fewer attempts say nothing of a share.
const WINDOW_LEAST: u16 = 20;
/// Longest time that it stays open.
const LONGEST: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
pub struct Breaker {
    in_a_row: AtomicU32,
    /// Streams in a row that broke after their first output.
    broken_in_a_row: AtomicU32,
    /// A [`Window`], packed.
    window: AtomicU64,
    /// When the next probe may go; 0: closed.
    probe_at: AtomicU64,
    /// Probes that failed since it opened.
    failed_probes: AtomicU32,
}

/// How a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Requests go through.
    Closed,
    /// None does.
    Open,
    /// The next request is a probe.
    HalfOpen,
}

impl BreakerState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

impl Breaker {
    /// Before this moment nothing goes through; 0: closed.
    pub fn closed_until_probe(&self) -> Moment {
        self.probe_at.load(Ordering::Acquire)
    }

    pub fn state(&self, now: Moment) -> BreakerState {
        match self.closed_until_probe() {
            0 => BreakerState::Closed,
            at if at > now => BreakerState::Open,
            _ => BreakerState::HalfOpen,
        }
    }

    /// Whether a request may go through, and whether it is a probe then; else for how long none may. Should a probe
    /// never tell how it ended, the next one goes after `open`.
    pub fn admits(&self, now: Moment, open: Duration) -> Result<Admitted, Duration> {
        let at = self.closed_until_probe();
        if at == 0 {
            return Ok(Admitted { probe: false });
        }
        if at > now {
            return Err(Duration::from_millis(at - now));
        }
        let next = now + open.as_millis() as Moment;
        match self
            .probe_at
            .compare_exchange(at, next, Ordering::AcqRel, Ordering::Relaxed)
        {
            Ok(_) => Ok(Admitted { probe: true }),
            // It was closed this very moment, or somebody else probes it.
            Err(0) => Ok(Admitted { probe: false }),
            Err(at) => Err(Duration::from_millis(at.saturating_sub(now))),
        }
    }

    /// A stream has its first output. One that was begun although the breaker was open closes it: the provider is
    /// there again.
    pub fn stream_began(&self, now: Moment, although_open: bool) {
        clear(&self.in_a_row);
        if although_open {
            self.close();
        }
        self.count(now, false);
    }

    /// A stream has come to its end. It may have begun long ago, so an open breaker stays open.
    pub fn stream_ended(&self) {
        clear(&self.broken_in_a_row);
        if self.closed_until_probe() == 0 {
            clear(&self.failed_probes);
        }
    }

    /// Any whole answer closes it.
    pub fn succeeded(&self, now: Moment) {
        clear(&self.in_a_row);
        if self.closed_until_probe() != 0 {
            clear(&self.failed_probes);
            self.close();
        }
        self.count(now, false);
    }

    /// Nothing of what came before counts any more, but for streams that broke.
    fn close(&self) {
        self.window.store(0, Ordering::Relaxed);
        self.probe_at.store(0, Ordering::Release);
    }

    /// An attempt failed before it answered. `probe`: it was one.
    pub fn failed(&self, now: Moment, settings: &HealthSettings, probe: bool) {
        self.count_failure(&self.in_a_row, now, settings, probe);
    }

    /// A stream broke after its first output.
    pub fn stream_broke(&self, now: Moment, settings: &HealthSettings, probe: bool) {
        self.count_failure(&self.broken_in_a_row, now, settings, probe);
    }

    fn count_failure(&self, in_a_row: &AtomicU32, now: Moment, settings: &HealthSettings, probe: bool) {
        let in_a_row = in_a_row.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let window = self.count(now, true);
        let open = if probe {
            let failed = self
                .failed_probes
                .fetch_add(1, Ordering::Relaxed)
                .saturating_add(1);
            let longer = settings.breaker_open.saturating_mul(1 << failed.min(16));
            longer.min(LONGEST.max(settings.breaker_open))
        } else if self.closed_until_probe() == 0
            && (in_a_row >= settings.breaker_failures || window.is_mostly_failed())
        {
            settings.breaker_open
        } else {
            return;
        };
        self.probe_at
            .store(now + open.as_millis() as Moment, Ordering::Release);
    }

    /// Counts an attempt, and gives all of the window.
    fn count(&self, now: Moment, failed: bool) -> Window {
        let mut counted = Window::default();
        let add = |packed: u64| {
            counted = Window::unpacked(packed).with(now, failed);
            Some(counted.packed())
        };
        // It always gives a value, so it never fails.
        let _ = self
            .window
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        counted
    }
}

/// Nearly always it is zero already, and then nobody writes.
fn clear(count: &AtomicU32) {
    if count.load(Ordering::Relaxed) != 0 {
        count.store(0, Ordering::Relaxed);
    }
}

/// Leave to go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    pub probe: bool,
}

/// Attempts of the last while.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
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

    fn is_mostly_failed(self) -> bool {
        self.attempts >= WINDOW_LEAST && self.failed >= self.attempts / 2
    }
}

#[cfg(test)]
mod tests;
