//! More than can be borne: requests start at their time, and each is answered or refused.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::connection::Connection;
use super::open::Latencies;
use super::request::RequestBytes;
use crate::error::{BenchError, LoadError};

/// How long the load runs before it counts: until then nothing is full.
const WARM_UP: Duration = Duration::from_secs(1);

/// What became of the requests.
pub(crate) struct Overload {
    pub(crate) accepted: Latencies,
    /// `None`: all were accepted.
    pub(crate) refused: Option<Latencies>,
    /// Over which these began.
    pub(crate) time: Duration,
}

/// Starts `rate` requests a second for `window`, after a while that does not count.
pub(crate) async fn run(
    target: &'static str,
    address: SocketAddr,
    request: RequestBytes,
    rate: u32,
    window: Duration,
) -> Result<Overload, BenchError> {
    let failed = |error| BenchError::Load { target, error };
    let idle = Rc::new(RefCell::new(Vec::new()));
    let mut running = JoinSet::new();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    let mut sort = |ended: Option<(bool, Duration)>| match ended {
        Some((true, latency)) => accepted.push(latency),
        Some((false, latency)) => refused.push(latency),
        None => {}
    };
    let began = Instant::now();
    while began.elapsed() < WARM_UP + window {
        ticks.tick().await;
        let counts = began.elapsed() >= WARM_UP;
        let request = Rc::clone(&request);
        let idle = Rc::clone(&idle);
        running.spawn_local(async move {
            let free = idle.borrow_mut().pop();
            let mut connection = match free {
                Some(connection) => connection,
                None => Connection::open(address).await?,
            };
            let started = Instant::now();
            let answered = connection.ask_or_be_refused(&request).await?;
            idle.borrow_mut().push(connection);
            Ok::<_, LoadError>(counts.then(|| (answered, started.elapsed())))
        });
        while let Some(Ok(ended)) = running.try_join_next() {
            sort(ended.map_err(failed)?);
        }
    }
    while let Some(Ok(ended)) = running.join_next().await {
        sort(ended.map_err(failed)?);
    }
    Ok(Overload {
        accepted: Latencies::of(accepted).ok_or(BenchError::NothingAnswered { target, window })?,
        refused: Latencies::of(refused),
        time: window,
    })
}
