//! The one request that is let through to see whether a channel is well again, and what its failure is worth.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use super::Breaker;
use crate::health::Moment;

/// The probe of a breaker, until it has told how it ended. Dropping it lets another one begin.
#[derive(Debug)]
pub struct Probe {
    pub(super) breaker: Arc<Breaker>,
    pub(super) standing: Standing,
    /// Until when it keeps others away, and whom it was let through by.
    pub(super) until: Moment,
    pub(super) at: Moment,
    /// When the next one may go, where this one says nothing.
    pub(super) next: Moment,
}

/// By which a probe is known after it has begun to answer, and others go through again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing(u64);

impl Probe {
    pub fn standing(&self) -> Standing {
        self.standing
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

/// Which probe's failure opens the breaker for longer: the last one that began, until something else has told more of
/// the channel. Its number where that is odd; each probe has another. Even: none.
#[derive(Debug, Default)]
pub(super) struct LastProbe(AtomicU64);

impl LastProbe {
    /// A probe begins, and is the last one.
    pub(super) fn begin(&self) -> Standing {
        let next = |last: u64| (last + 1) | 1;
        let another = |last: u64| Some(next(last));
        // It always gives a value, so it never fails.
        let (Ok(last) | Err(last)) = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, another);
        Standing(next(last))
    }

    pub(super) fn is(&self, Standing(number): Standing) -> bool {
        self.0.load(Ordering::Acquire) == number
    }

    /// The probe has said all that it has to say. `false`: it had no standing any more.
    pub(super) fn ends(&self, Standing(number): Standing) -> bool {
        self.0
            .compare_exchange(number, number + 1, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Something else has told more than any probe that has begun by now. Nearly always there is none, and then nobody writes.
    pub(super) fn overrule(&self) {
        let last = self.0.load(Ordering::Acquire);
        if last % 2 == 1 {
            // Where it fails, another probe has begun since, or somebody else has done it.
            self.ends(Standing(last));
        }
    }
}
