//! Connections of a listener: from the system's queue to their end, with bounds on time and number.
//!
//! Not here: what is answered on them.

use std::{
    convert::Infallible,
    error::Error,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, server::conn::http1::Builder};
use hyper_util::rt::{TokioIo, TokioTimer};
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, OwnedSemaphorePermit, Semaphore, watch},
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use super::HEADER_COUNT;
use crate::gate::GateSettings;

/// How long a connection may be silent before a request, or in the middle of its headers. HTTP/1.1 alone:
/// a proxy in front speaks it, and an idle HTTP/2 connection would have no such bound.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// Most connections at once, on each listener.
const CONNECTIONS_LIMIT: usize = 20_000;
/// Most connections that the system keeps for us until we accept them, as tokio asks it to.
const BACKLOG: usize = 1_024;
/// Most bytes that a connection reads ahead: a large body comes in fewer pieces. Headers beyond it end
/// the connection before anybody can word an error.
const READ_BYTES: usize = 256 * 1024;
/// After a failed accept (no file descriptors left) the listener rests.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// How long a connection's first request may be on its way when the gate leaves.
const FIRST_REQUEST: Duration = Duration::from_secs(1);
/// How long answers that are cut off may take to say so.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Bounds on the time of connections.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// How long a client may take none of what is sent to it.
    send: Duration,
    drain: Duration,
}

impl Limits {
    pub(super) fn of(settings: &GateSettings) -> Self {
        Self {
            send: settings.send_timeout,
            drain: settings.drain,
        }
    }
}

/// Accepts connections until `shutdown`, then waits for those that are open and for what goes on `beside` them, for as
/// long as the drain may take. Those that are left then are told so by `cut_off`, and have a moment for their last words.
pub(super) async fn accept<S, B>(
    listener: TcpListener,
    service: impl Fn(SocketAddr) -> S,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
    beside: impl Future<Output = ()>,
    cut_off: impl FnOnce(),
) where
    S: hyper::service::Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(READ_BYTES)
        .max_headers(HEADER_COUNT);
    let places = Arc::new(Semaphore::new(CONNECTIONS_LIMIT));
    let (stages, stage) = watch::channel(Stage::Open);
    tokio::pin!(shutdown);
    loop {
        // At the limit new connections wait in the system's queue.
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            next = next => next,
            () = &mut shutdown => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "connection not accepted");
                sleep(ACCEPT_REST).await;
                continue;
            }
        };
        prepare(&stream, limits.send);
        serve_connection(stream, &builder, service(peer), stage.clone(), place.ok());
    }
    // Whom the system has let in already must not be sent away.
    if let Ok(listener) = listener.into_std() {
        let waiting = std::iter::from_fn(|| listener.accept().ok());
        for (stream, peer) in waiting.take(BACKLOG) {
            let place = Arc::clone(&places).try_acquire_owned();
            if let Ok(place) = place
                && stream.set_nonblocking(true).is_ok()
                && let Ok(stream) = TcpStream::from_std(stream)
            {
                prepare(&stream, limits.send);
                serve_connection(stream, &builder, service(peer), stage.clone(), Some(place));
            }
        }
    }
    drop(stage);
    stages.send_replace(Stage::Draining);
    let ended = async {
        stages.closed().await;
        beside.await;
    };
    let mut ended = pin!(ended);
    if timeout(limits.drain, ended.as_mut()).await.is_err() {
        warn!(
            limit_ms = limits.drain.as_millis() as u64,
            "drain limit reached; open requests are cut off"
        );
        cut_off();
        stages.send_replace(Stage::CutOff);
        // Whoever does not read even that is left behind.
        let _ = timeout(LAST_WORDS, ended).await;
    }
}

/// How far a listener is on its way to its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// Each connection ends with the request that it has.
    Draining,
    /// Answers end as they are.
    CutOff,
}

/// Sets what the system has to know of a new connection. Where it cannot, the connection works without.
fn prepare(stream: &TcpStream, send_timeout: Duration) {
    // Chunks are small and must not wait for each other.
    let _ = stream.set_nodelay(true);
    // The kernel watches it (tcp(7)), so that nothing has to be counted for each write.
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(stream).set_tcp_user_timeout(Some(send_timeout));
}

/// Serves one connection, which knows by `stage` when it has to end.
fn serve_connection<S, B>(
    stream: TcpStream,
    builder: &Builder,
    service: S,
    mut stage: watch::Receiver<Stage>,
    place: Option<OwnedSemaphorePermit>,
) where
    S: hyper::service::Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let began = Arc::new(Began::default());
    let service = Noticing {
        service,
        began: Arc::clone(&began),
    };
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::spawn(async move {
        let _place = place;
        let mut connection = pin!(connection);
        loop {
            let ended = tokio::select! {
                ended = connection.as_mut() => Some(ended),
                // An error: the listener is gone.
                _ = stage.changed() => None,
            };
            let ended = match ended {
                // Its first request may be on its way: hyper would close the connection before reading it.
                None if !began.is_so() => tokio::select! {
                    ended = connection.as_mut() => Some(ended),
                    () = began.happens() => None,
                    () = sleep(FIRST_REQUEST) => None,
                },
                ended => ended,
            };
            match ended {
                Some(Ok(())) => return,
                Some(Err(error)) => return debug!(error = %error, "connection ended early"),
                None => connection.as_mut().graceful_shutdown(),
            }
            if stage.has_changed().is_err() {
                return;
            }
        }
    });
}

/// Whether a connection's first request has begun.
#[derive(Default)]
struct Began {
    is_so: AtomicBool,
    happens: Notify,
}

impl Began {
    fn is_so(&self) -> bool {
        self.is_so.load(Ordering::Relaxed)
    }

    async fn happens(&self) {
        self.happens.notified().await;
    }
}

/// A connection's service that notes its first request.
struct Noticing<S> {
    service: S,
    began: Arc<Began>,
}

impl<S: hyper::service::Service<Request<Incoming>>> hyper::service::Service<Request<Incoming>>
    for Noticing<S>
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, request: Request<Incoming>) -> S::Future {
        if !self.began.is_so() {
            self.began.is_so.store(true, Ordering::Relaxed);
            self.began.happens.notify_one();
        }
        self.service.call(request)
    }
}
