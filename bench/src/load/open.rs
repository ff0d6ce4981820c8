//! The open loop: requests start at their time, whether earlier ones are answered or not, which
//! shows how long one takes when the gate is not pressed.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::connection::Connection;
use super::request::RequestBytes;
use crate::error::{BenchError, LoadError};

/// What is timed.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// The end of the answer.
    End,
    /// The first piece of the provider's text.
    FirstToken,
}

/// As the fake provider has it in every chunk.
const TOKEN: &[u8] = b"\" token\"";

/// How long requests took.
pub(crate) struct Latencies {
    sorted: Vec<Duration>,
}

impl Latencies {
    /// `None` where there are none.
    pub(super) fn of(mut latencies: Vec<Duration>) -> Option<Self> {
        latencies.sort_unstable();
        (!latencies.is_empty()).then_some(Self { sorted: latencies })
    }

    /// These, and those of another time.
    #[must_use]
    pub(crate) fn and(mut self, others: Self) -> Self {
        self.sorted.extend(others.sorted);
        self.sorted.sort_unstable();
        self
    }

    pub(crate) fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The latency that this share of requests stayed within.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let place = (self.sorted.len() * percent).div_ceil(100);
        self.sorted[place.clamp(1, self.sorted.len()) - 1]
    }
}

/// How many requests come first and are not timed, so that no connection is opened while it counts.
pub(crate) fn uncounted(rate: u32) -> u64 {
    u64::from(rate / 4)
}

/// Starts `rate` requests a second for `window`, each on a connection that is free, and times them
/// from their first byte's leaving.
pub(crate) async fn run(
    target: &'static str,
    address: SocketAddr,
    request: RequestBytes,
    rate: u32,
    window: Duration,
    until: Until,
) -> Result<Latencies, BenchError> {
    let failed = |error| BenchError::Load { target, error };
    let idle = Rc::new(RefCell::new(Vec::new()));
    let mut running = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let warm = uncounted(rate);
    let count = warm + (window.as_secs_f64() * f64::from(rate)) as u64;
    let mut sorted = Vec::with_capacity(count as usize);
    for number in 0..count {
        ticks.tick().await;
        let request = Rc::clone(&request);
        let idle = Rc::clone(&idle);
        running.spawn_local(async move {
            let free = idle.borrow_mut().pop();
            let mut connection = match free {
                Some(connection) => connection,
                None => Connection::open(address).await?,
            };
            let latency = timed(&mut connection, &request, until).await?;
            idle.borrow_mut().push(connection);
            Ok::<_, LoadError>((number >= warm).then_some(latency))
        });
        while let Some(Ok(ended)) = running.try_join_next() {
            sorted.extend(ended.map_err(failed)?);
        }
    }
    while let Some(Ok(ended)) = running.join_next().await {
        sorted.extend(ended.map_err(failed)?);
    }
    Latencies::of(sorted).ok_or(BenchError::NothingAnswered { target, window })
}

async fn timed(connection: &mut Connection, request: &[u8], until: Until) -> Result<Duration, LoadError> {
    let started = Instant::now();
    match until {
        Until::End => {
            connection.ask(request).await?;
            Ok(started.elapsed())
        }
        Until::FirstToken => {
            let mut first = None;
            let mut note = || first = Some(started.elapsed());
            connection.ask_until(request, Some((TOKEN, &mut note))).await?;
            first.ok_or_else(|| LoadError::NotHttp {
                head: "a stream without a token".to_owned(),
            })
        }
    }
}
