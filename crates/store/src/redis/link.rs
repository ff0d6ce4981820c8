//! One connection to Redis, on which calls go side by side.
//!
//! A call that fails for any reason ends the connection: what was asked and not answered is nobody's any more, and the
//! next connection begins without it. A connection may have ended meanwhile, since the server was started again or ends
//! those that are idle; nobody hears of that before the next call, so there are calls that connect once more
//! ([`Link::call_again`]).

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult, aio::MultiplexedConnection};
use tokio::{sync::Semaphore, time::timeout};

use super::RedisUrl;

/// How long a connection may take to stand, signing in included.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

pub(super) struct Link {
    client: Result<Client, RedisAway>,
    connection: Mutex<Connection>,
    /// Whoever has it connects anew, so that many calls that find the same connection ended make one.
    turn: Semaphore,
}

#[derive(Default)]
struct Connection {
    /// Which one it is.
    number: u64,
    /// `None`: none stands.
    open: Option<MultiplexedConnection>,
}

/// Redis cannot be asked, or has not done what it was asked for.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RedisAway {
    #[error("no connection stands")]
    NotConnected,
    #[error("no answer within {0:?}")]
    Silent(Duration),
    #[error("it has lost what it was told")]
    Forgetful,
    #[error("{0}")]
    Failed(Arc<RedisError>),
}

impl From<RedisError> for RedisAway {
    fn from(error: RedisError) -> Self {
        Self::Failed(Arc::new(error))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(…)")
    }
}

impl Link {
    pub(super) fn new(url: &RedisUrl) -> Self {
        Self {
            client: Client::open(url.info()).map_err(RedisAway::from),
            connection: Mutex::default(),
            turn: Semaphore::new(1),
        }
    }

    /// Connects, unless it is connected.
    pub(super) async fn connect(&self) -> Result<(), RedisAway> {
        match self.current() {
            Some(_) => Ok(()),
            None => self.open().await,
        }
    }

    /// Asks something, where it is connected. `within`: how long the answer may take.
    ///
    /// Cancel safety: whether it is done is not known then.
    pub(super) async fn call<T>(
        &self,
        within: Duration,
        asking: impl AsyncFnOnce(&mut MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T, RedisAway> {
        let (number, mut connection) = self.current().ok_or(RedisAway::NotConnected)?;
        self.answer(number, within, asking(&mut connection)).await
    }

    /// As [`Self::call`], for what may be asked twice: where the connection turns out to have ended, it connects once more
    /// and asks again, all of it within that time.
    ///
    /// Cancel safety: as [`Self::call`].
    pub(super) async fn call_again<T, Asking>(
        &self,
        within: Duration,
        asking: impl Fn(MultiplexedConnection) -> Asking,
    ) -> Result<T, RedisAway>
    where
        Asking: Future<Output = RedisResult<T>>,
    {
        let began = Instant::now();
        let (number, connection) = self.current().ok_or(RedisAway::NotConnected)?;
        match self.answer(number, within, asking(connection)).await {
            Err(RedisAway::Failed(error)) if error.is_connection_dropped() => {}
            answer => return answer,
        }
        let left = || within.saturating_sub(began.elapsed());
        timeout(left(), self.reconnect(number))
            .await
            .map_err(|_| RedisAway::Silent(within))??;
        let (number, connection) = self.current().ok_or(RedisAway::NotConnected)?;
        self.answer(number, left(), asking(connection)).await
    }

    async fn answer<T>(
        &self,
        number: u64,
        within: Duration,
        asking: impl Future<Output = RedisResult<T>>,
    ) -> Result<T, RedisAway> {
        let answer = match timeout(within, asking).await {
            Ok(answer) => answer.map_err(RedisAway::from),
            Err(_) => Err(RedisAway::Silent(within)),
        };
        if answer.is_err() {
            self.end(number);
        }
        answer
    }

    /// Connects where this connection was the last one.
    async fn reconnect(&self, ended: u64) -> Result<(), RedisAway> {
        // It is closed by nobody.
        let _turn = self.turn.acquire().await.map_err(|_| RedisAway::NotConnected)?;
        let (number, is_open) = {
            let connection = self.locked();
            (connection.number, connection.open.is_some())
        };
        match is_open {
            true => Ok(()),
            // Somebody has tried since then, and did not get further.
            false if number != ended => Err(RedisAway::NotConnected),
            false => {
                // Counts as the one that is tried, also where it fails or is given up.
                self.locked().number += 1;
                self.open().await
            }
        }
    }

    async fn open(&self) -> Result<(), RedisAway> {
        let client = self.client.as_ref().map_err(RedisAway::clone)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WITHIN))
            .set_response_timeout(None);
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        let opened = timeout(CONNECT_WITHIN, connecting)
            .await
            .map_err(|_| RedisAway::Silent(CONNECT_WITHIN))??;
        let mut connection = self.locked();
        connection.number += 1;
        connection.open = Some(opened);
        Ok(())
    }

    /// The connection that stands, as far as is known, and which one it is.
    fn current(&self) -> Option<(u64, MultiplexedConnection)> {
        let connection = self.locked();
        let open = connection.open.clone()?;
        Some((connection.number, open))
    }

    /// Uses this connection no more; a newer one stays.
    fn end(&self, number: u64) {
        let mut connection = self.locked();
        if connection.number == number {
            connection.open = None;
        }
    }

    fn locked(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
