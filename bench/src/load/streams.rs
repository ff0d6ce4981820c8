//! Many open streams with a chunk a second each, as a gate has them most of the day.

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connection::Connection;
use super::request::RequestBytes;
use crate::error::{BenchError, LoadError};
use crate::process::Account;

/// How long all streams may take to open.
const OPENING: Duration = Duration::from_secs(20);

/// Streams opened one after the other, so that their chunks spread over the second.
const APART: Duration = Duration::from_millis(2);

/// What the streams cost while all were open.
pub(crate) struct OpenStreams {
    pub(crate) chunks: u64,
    pub(crate) cpu: Duration,
    /// Resident, in bytes, at the end of the window.
    pub(crate) memory: u64,
}

/// Opens `count` streams, waits until each has had a chunk, counts for `window`, and closes them.
pub(crate) async fn run(
    target: &'static str,
    address: SocketAddr,
    request: RequestBytes,
    count: usize,
    window: Duration,
    account: &Account,
) -> Result<OpenStreams, BenchError> {
    let chunks = Rc::new(Cell::new(0_u64));
    let open = watch::Sender::new(0_usize);
    let mut streams = JoinSet::new();
    let counting = async {
        let mut opened = open.subscribe();
        let all = opened.wait_for(|open| *open == count);
        if tokio::time::timeout(OPENING, all).await.is_err() {
            return Err(BenchError::StreamsMissing {
                target,
                open: *open.borrow(),
                asked: count,
                limit: OPENING,
            });
        }
        let (before, cpu) = (chunks.get(), account.cpu()?);
        tokio::time::sleep(window).await;
        Ok(OpenStreams {
            cpu: account.cpu()?.since(&cpu),
            chunks: chunks.get() - before,
            memory: account.memory()?,
        })
    };
    for number in 0..count as u32 {
        let request = Rc::clone(&request);
        let chunks = Rc::clone(&chunks);
        let open = open.clone();
        streams.spawn_local(async move {
            tokio::time::sleep(APART * number).await;
            let mut connection = Connection::open(address).await?;
            connection.open_stream(&request).await?;
            let mut line_end = false;
            let mut started = false;
            loop {
                let bytes = connection.stream_bytes().await?;
                chunks.set(chunks.get() + events_in(bytes, &mut line_end));
                connection.consume();
                if !started {
                    started = true;
                    open.send_modify(|open| *open += 1);
                }
            }
        });
    }
    let counted = tokio::select! {
        counted = counting => counted?,
        Some(ended) = streams.join_next() => {
            let ended: Result<Result<(), LoadError>, _> = ended;
            let error = match ended {
                Ok(Err(error)) => error,
                Ok(Ok(())) | Err(_) => LoadError::Closed,
            };
            return Err(BenchError::Load { target, error });
        }
    };
    if counted.chunks == 0 {
        return Err(BenchError::NothingAnswered { target, window });
    }
    Ok(counted)
}

/// Blank lines in a piece of a stream; `line_end` remembers whether the last piece ended a line.
fn events_in(bytes: &[u8], line_end: &mut bool) -> u64 {
    let mut events = 0;
    for &byte in bytes {
        if byte == b'\n' && *line_end {
            events += 1;
            *line_end = false;
        } else {
            *line_end = byte == b'\n';
        }
    }
    events
}
