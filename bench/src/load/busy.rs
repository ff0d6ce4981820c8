//! Keeps the embedded model at work while something else is measured.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connection::Connection;
use super::request::RequestBytes;
use crate::error::{BenchError, LoadError};

/// Answers that it writes at once.
const ANSWERS: usize = 8;

/// How long all of them may take to begin; the first one loads the model.
const BEGINNING: Duration = Duration::from_secs(60);

/// Runs `measured` while the embedded model writes, from when all its answers have begun.
pub(crate) async fn beside<T>(
    target: &'static str,
    address: SocketAddr,
    request: RequestBytes,
    measured: impl Future<Output = Result<T, BenchError>>,
) -> Result<T, BenchError> {
    let begun = watch::Sender::new(0_usize);
    let mut answers = JoinSet::new();
    for _ in 0..ANSWERS {
        let request = Rc::clone(&request);
        let begun = begun.clone();
        answers.spawn_local(async move {
            let mut has_begun = false;
            // An answer may end by itself; then comes the next.
            loop {
                let mut connection = Connection::open(address).await?;
                connection.open_stream(&request).await?;
                while !connection.stream_bytes().await?.ends_with(b"0\r\n\r\n") {
                    connection.consume();
                    if !has_begun {
                        has_begun = true;
                        begun.send_modify(|begun| *begun += 1);
                    }
                }
            }
        });
    }
    let measuring = async {
        let mut begun = begun.subscribe();
        let all = begun.wait_for(|begun| *begun == ANSWERS);
        if tokio::time::timeout(BEGINNING, all).await.is_err() {
            return Err(BenchError::StreamsMissing {
                target,
                open: *begun.borrow(),
                asked: ANSWERS,
                limit: BEGINNING,
            });
        }
        measured.await
    };
    tokio::select! {
        measured = measuring => measured,
        Some(ended) = answers.join_next() => {
            let ended: Result<Result<(), LoadError>, _> = ended;
            let error = ended.ok().and_then(Result::err).unwrap_or(LoadError::Closed);
            Err(BenchError::Load { target, error })
        }
    }
}
