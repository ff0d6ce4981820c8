//! How long and how much is measured.

use std::time::Duration;

/// One run. Everything in it has an end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// Load before anything is counted, so that connections and caches are there.
    pub(crate) warm_up: Duration,
    /// How long requests are counted in a closed loop.
    pub(crate) closed: Duration,
    /// Connections in the closed loop.
    pub(crate) connections: usize,
    /// Connections in the closed loop of requests with an image.
    pub(crate) image_connections: usize,
    /// Requests a second in the open loop.
    pub(crate) rate: u32,
    /// How long the open loop runs.
    pub(crate) open: Duration,
    /// Streams that are open at the same time, each with one chunk a second.
    pub(crate) streams: usize,
    /// How long their chunks are counted.
    pub(crate) streaming: Duration,
}

impl Plan {
    /// Figures to be written down: about ten minutes.
    pub(crate) fn full() -> Self {
        Self {
            rounds: 5,
            warm_up: Duration::from_secs(1),
            closed: Duration::from_secs(4),
            connections: 64,
            image_connections: 8,
            rate: 200,
            open: Duration::from_secs(10),
            streams: 1000,
            streaming: Duration::from_secs(15),
        }
    }

    /// Half a minute, to see that everything works.
    pub(crate) fn quick() -> Self {
        Self {
            rounds: 1,
            warm_up: Duration::from_millis(300),
            closed: Duration::from_secs(1),
            open: Duration::from_secs(2),
            streaming: Duration::from_secs(3),
            ..Self::full()
        }
    }
}
