//! A plain connection, for bytes that no HTTP client would send.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::PATIENCE;

/// A TCP connection to the gate.
pub struct RawConnection {
    socket: TcpStream,
}

impl RawConnection {
    pub(super) async fn open(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address)
            .await
            .unwrap_or_else(|error| panic!("{address}: {error}"));
        // Every write is to leave as one piece.
        let _ = socket.set_nodelay(true);
        Self { socket }
    }

    /// Writes these bytes; `false` where the gate has closed the connection.
    pub async fn write(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).await.is_ok()
    }

    /// Says that no more will be written, and goes on reading.
    pub async fn finish_writing(&mut self) {
        let _ = self.socket.shutdown().await;
    }

    /// Reads until the gate closes the connection.
    ///
    /// # Panics
    /// Where it has not after 30 seconds.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        let mut read = Vec::new();
        let end = self.socket.read_to_end(&mut read);
        // A connection that is reset has ended too.
        let ended = tokio::time::timeout(PATIENCE, end).await.is_ok();
        assert!(ended, "the connection stays open");
        read
    }

    /// Reads until `mark` has come, the connection ends or `limit` is over, and gives all of it.
    pub async fn read_until(&mut self, mark: &[u8], limit: Duration) -> Vec<u8> {
        let mut read = Vec::new();
        let until = async {
            while !read.windows(mark.len()).any(|window| window == mark) {
                match self.socket.read_buf(&mut read).await {
                    Ok(0) | Err(_) => break,
                    Ok(_) => {}
                }
            }
        };
        let _ = tokio::time::timeout(limit, until).await;
        read
    }
}
