//! The closed loop: every connection asks again as soon as it is answered, which shows what a
//! request costs and how many there can be.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::connection::Connection;
use super::request::RequestBytes;
use crate::error::{BenchError, LoadError};
use crate::process::Account;

/// What was counted while all connections were busy.
pub(crate) struct ClosedLoop {
    pub(crate) requests: u64,
    pub(crate) time: Duration,
    /// Time on a core; `None` where nobody's was asked for.
    pub(crate) cpu: Option<Duration>,
}

/// Runs `connections` of them through `warm_up`, then counts for `window`.
pub(crate) async fn run(
    target: &'static str,
    address: SocketAddr,
    request: RequestBytes,
    connections: usize,
    (warm_up, window): (Duration, Duration),
    account: Option<&Account>,
) -> Result<ClosedLoop, BenchError> {
    let answered = Rc::new(Cell::new(0_u64));
    let mut loops = JoinSet::new();
    for _ in 0..connections {
        let request = Rc::clone(&request);
        let answered = Rc::clone(&answered);
        loops.spawn_local(async move {
            let mut connection = Connection::open(address).await?;
            loop {
                connection.ask(&request).await?;
                answered.set(answered.get() + 1);
            }
        });
    }
    let counting = async {
        tokio::time::sleep(warm_up).await;
        let (started, requests) = (Instant::now(), answered.get());
        let cpu = account.map(Account::cpu).transpose()?;
        tokio::time::sleep(window).await;
        let now = account.map(Account::cpu).transpose()?;
        Ok(ClosedLoop {
            requests: answered.get() - requests,
            time: started.elapsed(),
            cpu: now.zip(cpu).map(|(now, then)| now.since(&then)),
        })
    };
    let counted = tokio::select! {
        counted = counting => counted?,
        Some(ended) = loops.join_next() => return Err(BenchError::Load {
            target,
            error: failure(ended),
        }),
    };
    if counted.requests == 0 {
        return Err(BenchError::NothingAnswered { target, window });
    }
    Ok(counted)
}

/// Why a loop ended, which it does only where it fails.
fn failure(ended: Result<Result<(), LoadError>, tokio::task::JoinError>) -> LoadError {
    match ended {
        Ok(Err(error)) => error,
        Ok(Ok(())) | Err(_) => LoadError::Closed,
    }
}
