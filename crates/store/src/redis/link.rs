//! One connection to Redis, on which calls go side by side.
//!
//! A call that fails for any reason ends the connection: what was asked and not answered is nobody's any more, and the
//! next connection begins without it.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult, aio::MultiplexedConnection};
use tokio::time::timeout;

use super::RedisUrl;

/// How long a connection may take to stand, signing in included.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

pub(super) struct Link {
    client: Result<Client, RedisAway>,
    connection: Mutex<Option<MultiplexedConnection>>,
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
        }
    }

    /// Connects, unless it is connected.
    pub(super) async fn connect(&self) -> Result<(), RedisAway> {
        if self.current().is_some() {
            return Ok(());
        }
        let client = self.client.as_ref().map_err(RedisAway::clone)?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WITHIN))
            .set_response_timeout(None);
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        let connection = timeout(CONNECT_WITHIN, connecting)
            .await
            .map_err(|_| RedisAway::Silent(CONNECT_WITHIN))??;
        self.replace(Some(connection));
        Ok(())
    }

    /// Asks something, where it is connected. `within`: how long the answer may take.
    ///
    /// Cancel safety: whether it is done is not known then.
    pub(super) async fn call<T>(
        &self,
        within: Duration,
        asking: impl AsyncFnOnce(&mut MultiplexedConnection) -> RedisResult<T>,
    ) -> Result<T, RedisAway> {
        let mut connection = self.current().ok_or(RedisAway::NotConnected)?;
        let answer = timeout(within, asking(&mut connection)).await;
        let answer = match answer {
            Ok(answer) => answer.map_err(RedisAway::from),
            Err(_) => Err(RedisAway::Silent(within)),
        };
        if answer.is_err() {
            self.replace(None);
        }
        answer
    }

    fn current(&self) -> Option<MultiplexedConnection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn replace(&self, connection: Option<MultiplexedConnection>) {
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }
}
