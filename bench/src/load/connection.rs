//! One kept connection, and as much HTTP as the answers here need.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::error::LoadError;

/// No answer here takes longer where all is well.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
}

/// How a body ends.
enum Length {
    Known(usize),
    Chunked,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> Result<Self, LoadError> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            buffer: Vec::with_capacity(16 * 1024),
        })
    }

    /// Sends a request and reads its answer to the end.
    pub(super) async fn ask(&mut self, request: &[u8]) -> Result<(), LoadError> {
        self.ask_until(request, None).await
    }

    /// As [`Connection::ask`], of a gate that may refuse for being at its limit (503). Whether it answered.
    pub(super) async fn ask_or_be_refused(&mut self, request: &[u8]) -> Result<bool, LoadError> {
        let mut answered = true;
        let limited = |status: &str| {
            answered = status != "503";
            !answered
        };
        self.exchange(request, None, limited).await?;
        Ok(answered)
    }

    /// As [`Connection::ask`], calling `first` once `mark` has come in the body.
    pub(super) async fn ask_until(
        &mut self,
        request: &[u8],
        first: Option<(&[u8], &mut dyn FnMut())>,
    ) -> Result<(), LoadError> {
        self.exchange(request, first, |_| false).await
    }

    /// `takes`: which statuses beside 200 will do.
    async fn exchange(
        &mut self,
        request: &[u8],
        mut first: Option<(&[u8], &mut dyn FnMut())>,
        takes: impl FnOnce(&str) -> bool,
    ) -> Result<(), LoadError> {
        let exchange = async {
            self.send(request).await?;
            let (start, length) = self.head(takes).await?;
            let mut looked_at = start;
            loop {
                if let Some((mark, found)) = &mut first
                    && contains(&self.buffer[looked_at..], mark)
                {
                    found();
                    first = None;
                }
                if let Some((mark, _)) = &first {
                    // The mark may lie across two reads.
                    looked_at = self.buffer.len().saturating_sub(mark.len()).max(start);
                }
                match length {
                    Length::Known(length) if self.buffer.len() >= start + length => return Ok(()),
                    Length::Chunked if self.buffer.ends_with(b"0\r\n\r\n") => return Ok(()),
                    Length::Known(_) | Length::Chunked => {}
                }
                self.read().await?;
            }
        };
        match tokio::time::timeout(PATIENCE, exchange).await {
            Ok(done) => done,
            Err(_) => Err(LoadError::TooSlow(PATIENCE)),
        }
    }

    /// Sends a request for a stream and reads the head of its answer.
    pub(super) async fn open_stream(&mut self, request: &[u8]) -> Result<(), LoadError> {
        let opening = async {
            self.send(request).await?;
            let (start, _) = self.head(|_| false).await?;
            self.buffer.drain(..start);
            Ok(())
        };
        match tokio::time::timeout(PATIENCE, opening).await {
            Ok(done) => done,
            Err(_) => Err(LoadError::TooSlow(PATIENCE)),
        }
    }

    /// The bytes of a stream that have come since the last call; waits for some.
    pub(super) async fn stream_bytes(&mut self) -> Result<&[u8], LoadError> {
        // What came with the head is still there the first time.
        if self.buffer.is_empty() {
            self.read().await?;
        }
        Ok(&self.buffer)
    }

    /// Forgets what [`Connection::stream_bytes`] gave.
    pub(super) fn consume(&mut self) {
        self.buffer.clear();
    }

    async fn send(&mut self, request: &[u8]) -> Result<(), LoadError> {
        self.buffer.clear();
        Ok(self.socket.write_all(request).await?)
    }

    async fn read(&mut self) -> Result<(), LoadError> {
        match self.socket.read_buf(&mut self.buffer).await? {
            0 => Err(LoadError::Closed),
            _ => Ok(()),
        }
    }

    /// Reads up to the end of the head; gives where the body starts and how it ends.
    async fn head(&mut self, takes: impl FnOnce(&str) -> bool) -> Result<(usize, Length), LoadError> {
        let end = loop {
            let end = self.buffer.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                break end;
            }
            self.read().await?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]);
        let start = end + 4;
        let status = head.split(' ').nth(1).unwrap_or_default();
        if !head.starts_with("HTTP/1.1 ") || (status != "200" && !takes(status)) {
            let body = String::from_utf8_lossy(&self.buffer[start..]);
            return Err(LoadError::Refused {
                head: head.lines().next().unwrap_or_default().to_owned(),
                body: body.into_owned(),
            });
        }
        let field = |wanted: &str| {
            head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case(wanted).then(|| value.trim())
            })
        };
        let length = match field("content-length").map(str::parse) {
            Some(Ok(length)) => Some(Length::Known(length)),
            _ => field("transfer-encoding").map(|_| Length::Chunked),
        };
        match length {
            Some(length) => Ok((start, length)),
            None => Err(LoadError::NotHttp {
                head: head.into_owned(),
            }),
        }
    }
}

fn contains(text: &[u8], mark: &[u8]) -> bool {
    text.windows(mark.len()).any(|window| window == mark)
}
