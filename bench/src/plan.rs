//! How long and how much is measured.

use std::time::Duration;

use clap::ValueEnum;

/// A load that can be made by itself.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Load {
    /// Connections that ask again as soon as they are answered: CPU for a request.
    Closed,
    /// As closed, of the gate alone: with a key whose money nobody counts, and with one that has every limit.
    Limits,
    /// Requests at a rate that all bear easily: CPU for a request.
    Paced,
    /// Requests at a low rate: latency.
    Open,
    /// The same of a gate with PostgreSQL and Redis: as they are in use, and while one of them is gone.
    Outages,
}

/// One run. Everything in it has an end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// Nothing but what this load shows.
    pub(crate) only: Option<Load>,
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
    /// Requests a second where nobody waits for the other's core, and none is pressed.
    pub(crate) paced_rate: u32,
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
            only: None,
            connections: 64,
            image_connections: 8,
            rate: 200,
            paced_rate: 5_000,
            open: Duration::from_secs(10),
            streams: 1000,
            streaming: Duration::from_secs(15),
        }
    }

    /// Sets how long each load runs.
    pub(crate) fn last(&mut self, time: Duration) {
        (self.closed, self.open, self.streaming) = (time, time, time);
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
