//! A circuit breaker: a channel that keeps failing is left alone, and then probed by one request at a time.
//!
//! It opens after a number of failures in a row, or when half of at least [`WINDOW_LEAST`](window::WINDOW_LEAST) attempts
//! within [`WINDOW`](window::WINDOW) failed: a provider that fails every second time never fails many times in a row.
//! Streams that break after their first output are counted in a row of their own, which only a stream's end ends: that
//! output is as much of an answer as other attempts have to give, and says nothing of what such streams come to.
//!
//! How it stands is told by two moments, each of which may lie in the past, and by which probe is the last one:
//!
//! | `probe_at` | `probed_until` | it is |
//! |---|---|---|
//! | 0 | any | closed |
//! | to come | any | open |
//! | gone by | 0, or gone by | half open: the next request is a probe |
//! | gone by | to come | half open, and being probed: nobody goes through but as a last resort |
//!
//! | `last_probe` | a probe that fails |
//! |---|---|
//! | is this one | opens it for twice as long as before, also where its own first output had closed it |
//! | is another, or none | counts like any other attempt |
//!
//! A probe is the last one from its beginning until another begins, until it fails, or until something else tells more:
//! any answer but its own first output, the first output of a stream that closes the breaker, a stream's end while it is
//! closed, failures that open it anew. The first output of other streams, once it is closed, is none of these: who breaks
//! every stream gives that as well.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{HealthSettings, Moment, RestsBy};
use probe::LastProbe;
pub use probe::{Probe, Standing};
use window::Counted;

mod probe;
mod window;

/// Milliseconds after which a probe that is still under way keeps others away no more: a long answer takes longer.
const LONGEST_PROBE: Moment = 60_000;
/// Longest time that it stays open.
const LONGEST: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
pub struct Breaker {
    in_a_row: AtomicU32,
    /// Streams in a row that broke after their first output.
    broken_in_a_row: AtomicU32,
    window: Counted,
    /// When the next probe may go; 0: closed.
    probe_at: AtomicU64,
    /// Until when the probe under way keeps others away; 0: there is none.
    probed_until: AtomicU64,
    last_probe: LastProbe,
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
            standing: self.last_probe.begin(),
            until,
            at,
            next,
        }))
    }

    /// A stream has its first output. One that was begun although the breaker was open closes it: the provider is
    /// there again. `probe`: that of the stream, where it was one.
    pub fn stream_began(&self, now: Moment, although_open: bool, probe: Option<Standing>) {
        clear(&self.in_a_row);
        if although_open {
            let is_last_probe = probe.is_some_and(|probe| self.last_probe.is(probe));
            if !is_last_probe && self.closed_until_probe() != 0 {
                self.last_probe.overrule();
            }
            self.close();
        }
        self.window.count(now, false);
    }

    /// A stream has come to its end. It may have begun long ago, so an open breaker stays open.
    pub fn stream_ended(&self) {
        clear(&self.broken_in_a_row);
        if self.closed_until_probe() == 0 {
            clear(&self.failed_probes);
            self.last_probe.overrule();
        }
    }

    /// Any whole answer closes it.
    pub fn succeeded(&self, now: Moment) {
        clear(&self.in_a_row);
        self.last_probe.overrule();
        if self.closed_until_probe() != 0 {
            clear(&self.failed_probes);
            self.close();
        }
        self.window.count(now, false);
    }

    /// Nothing of what came before counts any more, but for streams that broke.
    fn close(&self) {
        self.window.clear();
        self.probe_at.store(0, Ordering::Release);
    }

    /// An attempt failed before it answered. `probe`: its standing, where it was one.
    pub fn failed(&self, now: Moment, settings: &HealthSettings, probe: Option<Standing>) {
        self.count_failure(&self.in_a_row, now, settings, probe);
    }

    /// A stream broke after its first output.
    pub fn stream_broke(&self, now: Moment, settings: &HealthSettings, probe: Option<Standing>) {
        self.count_failure(&self.broken_in_a_row, now, settings, probe);
    }

    fn count_failure(
        &self,
        in_a_row: &AtomicU32,
        now: Moment,
        settings: &HealthSettings,
        probe: Option<Standing>,
    ) {
        let in_a_row = in_a_row.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let window = self.window.count(now, true);
        let open = if probe.is_some_and(|probe| self.last_probe.ends(probe)) {
            let failed = self
                .failed_probes
                .fetch_add(1, Ordering::Relaxed)
                .saturating_add(1);
            let longer = settings.breaker_open.saturating_mul(1 << failed.min(16));
            longer.min(LONGEST.max(settings.breaker_open))
        } else if self.closed_until_probe() == 0
            && (in_a_row >= settings.breaker_failures || window.is_mostly_failed())
        {
            self.last_probe.overrule();
            settings.breaker_open
        } else {
            return;
        };
        self.probe_at
            .store(now + open.as_millis() as Moment, Ordering::Release);
    }
}

/// Nearly always it is zero already, and then nobody writes.
fn clear(count: &AtomicU32) {
    if count.load(Ordering::Relaxed) != 0 {
        count.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
