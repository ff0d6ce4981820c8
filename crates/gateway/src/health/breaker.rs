//! A circuit breaker: a channel that keeps failing is left alone, and then probed by one request at a time.
//!
//! It opens after a number of failures in a row, or when half of at least [`WINDOW_LEAST`] attempts within
//! [`WINDOW`] failed: a provider that fails every second time never fails many times in a row. Streams that break after
//! their first output are counted in a row of their own, which only a stream's end ends: that output is as much of an
//! answer as other attempts have to give, and says nothing of what such streams come to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{HealthSettings, Moment, RestsBy};

/// Milliseconds after which attempts are counted anew.
const WINDOW: Moment = 10_000;
/// Fewer attempts say nothing of a share.
const WINDOW_LEAST: u16 = 20;
/// Milliseconds after which a probe that is still under way keeps others away no more: a long answer takes longer.
const LONGEST_PROBE: Moment = 60_000;
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
    /// Until when the probe under way keeps others away; 0: there is none.
    probed_until: AtomicU64,
    /// When it was last opened, or opened for longer.
    opened_at: AtomicU64,
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
    /// The next request is a probe, or one is under way.
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

    /// Who keeps requests away, and until when. That of a probe is when it would be over with another one, were it to
    /// fail at once; nobody knows.
    pub fn keeps_away(&self, now: Moment, open: Duration) -> Option<(Moment, RestsBy)> {
        let at = self.closed_until_probe();
        if at > now {
            return Some((at, RestsBy::Breaker));
        }
        let is_probed = at != 0 && self.probed_until.load(Ordering::Acquire) > now;
        is_probed.then(|| (now + open.as_millis() as Moment, RestsBy::Probe))
    }

    /// Whether a request may go through, and the probe that it is then, if any; else who keeps it away, and until when.
    /// Should the probe never tell how it ended, the next one goes after `open`, when this one is over.
    pub fn admits(self: &Arc<Self>, now: Moment, open: Duration) -> Result<Option<Probe>, (Moment, RestsBy)> {
        let at = self.closed_until_probe();
        if at == 0 {
            return Ok(None);
        }
        if let Some(kept_away) = self.keeps_away(now, open) {
            return Err(kept_away);
        }
        let (before, until) = (self.probed_until.load(Ordering::Acquire), now + LONGEST_PROBE);
        let next = now + open.as_millis() as Moment;
        let is_first = before <= now
            && self
                .probed_until
                .compare_exchange(before, until, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        if !is_first {
            return Err((next, RestsBy::Probe));
        }
        Ok(Some(Probe {
            breaker: Arc::clone(self),
            start: ProbeStart(now),
            until,
            at,
            next,
        }))
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

    /// An attempt failed before it answered. `probe`: when it began, where it was one.
    pub fn failed(&self, now: Moment, settings: &HealthSettings, probe: Option<ProbeStart>) {
        self.count_failure(&self.in_a_row, now, settings, probe);
    }

    /// A stream broke after its first output.
    pub fn stream_broke(&self, now: Moment, settings: &HealthSettings, probe: Option<ProbeStart>) {
        self.count_failure(&self.broken_in_a_row, now, settings, probe);
    }

    fn count_failure(
        &self,
        in_a_row: &AtomicU32,
        now: Moment,
        settings: &HealthSettings,
        probe: Option<ProbeStart>,
    ) {
        let in_a_row = in_a_row.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let window = self.count(now, true);
        let open = if probe.is_some_and(|start| self.is_first_to_fail(start, now)) {
            let failed = self
                .failed_probes
                .fetch_add(1, Ordering::Relaxed)
                .saturating_add(1);
            let longer = settings.breaker_open.saturating_mul(1 << failed.min(16));
            longer.min(LONGEST.max(settings.breaker_open))
        } else if self.closed_until_probe() == 0
            && (in_a_row >= settings.breaker_failures || window.is_mostly_failed())
        {
            self.opened_at.fetch_max(now, Ordering::Relaxed);
            settings.breaker_open
        } else {
            return;
        };
        self.probe_at
            .store(now + open.as_millis() as Moment, Ordering::Release);
    }

    /// Of probes that were under way at once the first that fails says all that they have to say.
    fn is_first_to_fail(&self, ProbeStart(start): ProbeStart, now: Moment) -> bool {
        let later = |opened: u64| (opened <= start).then_some(now);
        self.opened_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, later)
            .is_ok()
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

/// When a probe began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeStart(Moment);

/// The probe of a breaker, until it has told how it ended. Dropping it lets another one begin.
#[derive(Debug)]
pub struct Probe {
    breaker: Arc<Breaker>,
    start: ProbeStart,
    /// Until when it keeps others away, and whom it was let through by.
    until: Moment,
    at: Moment,
    /// When the next one may go, where this one says nothing.
    next: Moment,
}

impl Probe {
    pub fn start(&self) -> ProbeStart {
        self.start
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let Breaker {
            probe_at,
            probed_until,
            ..
        } = &*self.breaker;
        // What it said has moved it already, and another may have begun since: then there is nothing to do.
        let _ = probe_at.compare_exchange(self.at, self.next, Ordering::AcqRel, Ordering::Relaxed);
        let _ = probed_until.compare_exchange(self.until, 0, Ordering::AcqRel, Ordering::Relaxed);
    }
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
