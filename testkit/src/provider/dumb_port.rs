//! A port without a provider behind it.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::PATIENCE;
use super::playback::Counts;

/// A port at which connections are taken and nothing is ever said: no TLS, no answer.
pub struct DumbPort {
    address: SocketAddr,
    open: watch::Receiver<usize>,
    server: JoinHandle<()>,
}

impl DumbPort {
    /// Opens it.
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let counts = Arc::new(Counts::default());
        let open = counts.open.subscribe();
        let server = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut socket, _)) = listener.accept().await {
                let open = counts.connection();
                connections.spawn(async move {
                    // Reads until the other side leaves, so that leaving is noticed.
                    let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
                    drop(open);
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            address,
            open,
            server,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until exactly `count` connections are open.
    ///
    /// # Panics
    /// After ten seconds.
    pub async fn has_open_connections(&self, count: usize) {
        let mut open = self.open.clone();
        let reached = open.wait_for(|open| *open == count);
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        let reached = matches!(reached, Ok(Ok(_)));
        assert!(
            reached,
            "{} connections are open, not {count}",
            *self.open.borrow()
        );
    }
}

impl Drop for DumbPort {
    fn drop(&mut self) {
        self.server.abort();
    }
}
