//! Connections to one provider, kept for the next request.
//!
//! A channel has one address, so there is nothing to look up: an HTTP/1.1 connection that is free is taken from a
//! list, the one used last first, and HTTP/2 has one connection for all. Where none is free a new one is made, unless
//! one becomes free before it stands. What nobody used for [`IDLE`] is closed.
//! A request that nothing was sent of, since the provider had closed the connection meanwhile, goes out on
//! another one.
//! Not here: what an answer means (`send`).

use std::{
    collections::VecDeque,
    future::poll_fn,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use http::{HeaderValue, Request, Response, Uri, header};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::{client::legacy::connect::Connection as _, rt::TokioExecutor};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};
use tracing::debug;
use url::Url;

use super::{
    super::entrance::host_of,
    Segments,
    connect::{Connector, Fault},
};

/// How long a connection waits for its next request.
const IDLE: Duration = Duration::from_secs(30);
/// Most HTTP/1.1 connections that wait. What becomes free beyond is closed.
const MOST_IDLE: usize = 1_000;

/// Connections to one provider. Clones share them.
#[derive(Debug, Clone)]
pub struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    connector: Connector,
    /// What the header `Host` says where nobody wants it otherwise.
    host: HeaderValue,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Free ones, in the order in which they became free.
    http1: Vec<Idle>,
    http2: Option<Common>,
    /// Requests for which a connection is being made, in the order in which they came. They take what becomes
    /// free meanwhile.
    waiting: VecDeque<oneshot::Sender<Connection>>,
    /// Whether a task looks for what nobody uses.
    swept: bool,
}

#[derive(Debug)]
struct Idle {
    sender: http1::SendRequest<Segments>,
    since: Instant,
}

/// A connection that all requests share.
#[derive(Debug)]
struct Common {
    sender: http2::SendRequest<Segments>,
    used: Instant,
}

/// A connection for one request.
#[derive(Debug)]
enum Connection {
    Http1 {
        sender: http1::SendRequest<Segments>,
        /// Whether it carried a request before, so that the provider may have closed it.
        used: bool,
    },
    Http2 {
        sender: http2::SendRequest<Segments>,
        used: bool,
    },
}

/// Why there is no answer.
pub enum SendError {
    /// Nobody was reached.
    Connect(Fault),
    /// The connection broke.
    Broken(hyper::Error),
}

impl Pool {
    /// No connection yet. `base`: where all requests will go.
    pub fn new(connector: Connector, base: &Url) -> Self {
        Self(Arc::new(Shared {
            connector,
            host: host_of(base),
            kept: Mutex::default(),
        }))
    }

    /// Sends a request, whose address is whole and whose `Host` is set, and waits for the head of the answer.
    /// `goes_out` hears of each connection that it is given to.
    ///
    /// Cancel safety: dropping it closes an HTTP/1.1 connection, and resets an HTTP/2 stream. Nobody waits for a
    /// connection that was being made for it.
    pub async fn send(
        &self,
        mut request: Request<Segments>,
        goes_out: impl Fn(),
    ) -> Result<Response<Incoming>, SendError> {
        let address = request.uri().clone();
        loop {
            let connection = match self.0.free() {
                Some(connection) => connection,
                // Boxed, so that the others need not make room for a handshake.
                None => Box::pin(self.0.freed_or_new(address.clone())).await?,
            };
            goes_out();
            let (sent, used) = match connection {
                Connection::Http1 { mut sender, used } => {
                    *request.uri_mut() = path_of(&address);
                    let sent = sender.try_send_request(request).await;
                    if sent.is_ok() {
                        self.keep(sender);
                    }
                    (sent, used)
                }
                Connection::Http2 { mut sender, used } => {
                    // `:authority` says it. The operator's own stays.
                    if request.headers().get(header::HOST) == Some(&self.0.host) {
                        request.headers_mut().remove(header::HOST);
                    }
                    (sender.try_send_request(request).await, used)
                }
            };
            match sent {
                Ok(response) => return Ok(response),
                Err(mut error) => match error.take_message().filter(|_| used) {
                    Some(unsent) => request = unsent,
                    None => return Err(SendError::Broken(error.into_error())),
                },
            }
            *request.uri_mut() = address.clone();
        }
    }

    /// Keeps a connection for the next request, as soon as its answer has been read.
    fn keep(&self, mut sender: http1::SendRequest<Segments>) {
        if sender.is_ready() {
            return self.0.put(sender);
        }
        let pool = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            if poll_fn(|context| sender.poll_ready(context)).await.is_ok()
                && let Some(pool) = pool.upgrade()
            {
                pool.put(sender);
            }
        });
    }
}

impl Kept {
    /// Closes what was not used for long before `now`, and forgets what is closed.
    fn close_unused(&mut self, now: Instant) {
        self.http1
            .retain(|idle| !is_old(idle.since, now) && !idle.sender.is_closed());
        self.http2
            .take_if(|common| is_old(common.used, now) || common.sender.is_closed());
    }

    /// The first of those who wait for a connection.
    fn next_waiting(&mut self) -> Option<oneshot::Sender<Connection>> {
        while let Some(next) = self.waiting.pop_front() {
            if !next.is_closed() {
                return Some(next);
            }
        }
        None
    }
}

fn is_old(since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) >= IDLE
}

impl Shared {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that nobody else uses, or that takes several requests.
    fn free(&self) -> Option<Connection> {
        let now = Instant::now();
        let mut kept = self.kept();
        if let Some(common) = &mut kept.http2
            && !common.sender.is_closed()
        {
            common.used = now;
            return Some(Connection::Http2 {
                sender: common.sender.clone(),
                used: true,
            });
        }
        while let Some(Idle { sender, since }) = kept.http1.pop() {
            if is_old(since, now) {
                // So are those that became free before.
                kept.http1.clear();
            } else if sender.is_ready() {
                return Some(Connection::Http1 { sender, used: true });
            }
        }
        None
    }

    /// A new connection, or one that becomes free while it is made; the new one is then kept for others.
    async fn freed_or_new(self: &Arc<Self>, address: Uri) -> Result<Connection, SendError> {
        let mut freed = self.wait();
        let mut connecting = Box::pin(Arc::clone(self).connect(address));
        tokio::select! {
            biased;
            Ok(connection) = &mut freed => {
                let pool = Arc::clone(self);
                tokio::spawn(async move {
                    if let Ok(Connection::Http1 { sender, .. }) = connecting.await {
                        pool.put(sender);
                    }
                });
                Ok(connection)
            }
            connected = &mut connecting => {
                freed.close();
                // It came at the same moment.
                if let Ok(Connection::Http1 { sender, .. }) = freed.try_recv() {
                    self.put(sender);
                }
                connected
            }
        }
    }

    /// Waits in line for a connection.
    fn wait(&self) -> oneshot::Receiver<Connection> {
        let (sender, receiver) = oneshot::channel();
        let mut kept = self.kept();
        // Those that have theirs by now: the line is never longer than what came while its first one waits.
        while kept.waiting.front().is_some_and(oneshot::Sender::is_closed) {
            kept.waiting.pop_front();
        }
        kept.waiting.push_back(sender);
        receiver
    }

    async fn connect(self: Arc<Self>, address: Uri) -> Result<Connection, SendError> {
        let stream = self
            .connector
            .connect(address)
            .await
            .map_err(SendError::Connect)?;
        if stream.connected().is_negotiated_h2() {
            let handshake = http2::Builder::new(TokioExecutor::new()).handshake(stream);
            let (sender, connection) = handshake.await.map_err(SendError::Broken)?;
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    debug!(%error, "connection to a provider ended early");
                }
            });
            self.share(&sender);
            return Ok(Connection::Http2 { sender, used: false });
        }
        let handshake = http1::Builder::new().handshake(stream);
        let (sender, connection) = handshake.await.map_err(SendError::Broken)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(%error, "connection to a provider ended early");
            }
        });
        Ok(Connection::Http1 { sender, used: false })
    }

    /// Gives a connection to whoever waits for one, or keeps it.
    fn put(self: &Arc<Self>, mut sender: http1::SendRequest<Segments>) {
        if !sender.is_ready() {
            return;
        }
        let since = Instant::now();
        let mut kept = self.kept();
        while let Some(next) = kept.next_waiting() {
            match next.send(Connection::Http1 { sender, used: true }) {
                Err(Connection::Http1 { sender: back, .. }) => sender = back,
                _ => return,
            }
        }
        if kept.http1.len() < MOST_IDLE {
            kept.http1.push(Idle { sender, since });
            self.sweep(&mut kept);
        }
    }

    /// Keeps a connection for all requests. Of two that were made at the same time the first one stays; the other
    /// ends with its requests.
    fn share(self: &Arc<Self>, sender: &http2::SendRequest<Segments>) {
        let mut kept = self.kept();
        if matches!(&kept.http2, Some(common) if !common.sender.is_closed()) {
            return;
        }
        while let Some(next) = kept.next_waiting() {
            let sender = sender.clone();
            // Whoever is gone needs none.
            let _ = next.send(Connection::Http2 { sender, used: true });
        }
        kept.http2 = Some(Common {
            sender: sender.clone(),
            used: Instant::now(),
        });
        self.sweep(&mut kept);
    }

    /// Sees to it that what is kept now will not be kept for ever.
    fn sweep(self: &Arc<Self>, kept: &mut Kept) {
        if !mem::replace(&mut kept.swept, true) {
            tokio::spawn(close_unused(Arc::downgrade(self)));
        }
    }
}

/// Closes what nobody uses, until nothing is kept or the pool is gone.
async fn close_unused(pool: Weak<Shared>) {
    loop {
        sleep(IDLE / 4).await;
        let Some(pool) = pool.upgrade() else { return };
        let mut kept = pool.kept();
        kept.close_unused(Instant::now());
        if kept.http1.is_empty() && kept.http2.is_none() {
            kept.swept = false;
            return;
        }
    }
}

/// What an HTTP/1.1 request says of an address: path and query.
fn path_of(address: &Uri) -> Uri {
    address
        .path_and_query()
        .cloned()
        .map_or_else(|| Uri::from_static("/"), Uri::from)
}

#[cfg(test)]
mod tests;
