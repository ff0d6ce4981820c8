//! A moment by two clocks, for what is this gate's only for a time.
//!
//! The steady one does not count while the machine is suspended, and others go on meanwhile; the wall's may be set back. So
//! whichever says that more time has passed is believed.

use std::time::{Duration, Instant};

use jiff::Timestamp;

#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) steady: Instant,
    pub(super) wall: Timestamp,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self {
            steady: Instant::now(),
            wall: Timestamp::now(),
        }
    }

    pub(super) fn elapsed(self) -> Duration {
        self.until(Self::now())
    }

    fn until(self, now: Self) -> Duration {
        let steady = now.steady.saturating_duration_since(self.steady);
        steady.max(self.until_by_wall(now))
    }

    /// How much longer it was by the wall's clock than by the steady one: for how long the machine stood still, or by how
    /// much that clock was set forward.
    pub(super) fn stood_still(self) -> Duration {
        let now = Self::now();
        let steady = now.steady.saturating_duration_since(self.steady);
        self.until_by_wall(now).saturating_sub(steady)
    }

    fn until_by_wall(self, now: Self) -> Duration {
        Duration::try_from(now.wall.duration_since(self.wall)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
