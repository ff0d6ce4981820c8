//! Plays a reply to the socket, piece by piece, and notices when nobody listens any more.

use std::collections::VecDeque;
use std::os::fd::{AsFd as _, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Sleep;

use super::script::{Ending, Opening, Reply};

/// The provider breaks the connection; hyper closes it without ending the body properly.
#[derive(Debug, thiserror::Error)]
#[error("the script breaks the connection here")]
pub(super) struct CutOff;

/// What a test may wait for.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) open: watch::Sender<usize>,
    pub(super) cancelled: watch::Sender<usize>,
    pub(super) under_way: watch::Sender<usize>,
}

impl Counts {
    pub(super) fn connection(self: &Arc<Self>) -> OpenConnection {
        self.open.send_modify(|open| *open += 1);
        OpenConnection(Arc::clone(self))
    }
}

/// Counts as open until dropped.
pub(super) struct OpenConnection(Arc<Counts>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

/// A second handle to a connection that is served elsewhere.
#[derive(Clone)]
pub(super) struct Line(Arc<OwnedFd>);

impl Line {
    pub(super) fn of(socket: &TcpStream) -> std::io::Result<Self> {
        Ok(Self(Arc::new(socket.as_fd().try_clone_to_owned()?)))
    }

    /// From now on closing the connection resets it.
    fn resets(&self) -> std::io::Result<()> {
        let socket = std::net::TcpStream::from(self.0.try_clone()?);
        TcpStream::from_std(socket)?.set_zero_linger()
    }
}

/// One request and its answer. Dropped before [`Exchange::settle`], it was given up by the client.
pub(super) struct Exchange {
    counts: Arc<Counts>,
    line: Line,
    settled: bool,
}

impl Exchange {
    pub(super) fn new(counts: Arc<Counts>, line: Line) -> Self {
        counts.under_way.send_modify(|under_way| *under_way += 1);
        Self {
            counts,
            line,
            settled: false,
        }
    }

    fn settle(&mut self) {
        self.settled = true;
    }

    /// It was the provider who left, and not politely.
    fn reset(&mut self) {
        self.settle();
        self.line.resets().expect("the socket is open");
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.counts.under_way.send_modify(|under_way| *under_way -= 1);
        if !self.settled {
            self.counts.cancelled.send_modify(|seen| *seen += 1);
        }
    }
}

/// Waits as the reply says, then gives its head with a body that plays the rest.
pub(super) async fn play(reply: Reply, mut exchange: Exchange) -> Result<http::Response<Playback>, CutOff> {
    if !reply.delay.is_zero() {
        tokio::time::sleep(reply.delay).await;
    }
    let head = match reply.opening {
        Opening::Answers(head) => head,
        Opening::SaysNothing => return std::future::pending().await,
        Opening::HangsUp => {
            exchange.settle();
            return Err(CutOff);
        }
        Opening::Resets => {
            exchange.reset();
            return Err(CutOff);
        }
    };
    let mut pieces = VecDeque::from(reply.pieces);
    if matches!(reply.ending, Ending::Complete) {
        pieces.extend(reply.terminal);
    }
    // An answer that is to be cut promises a byte more than it has, or it would be complete.
    let cut = u64::from(reply.ending != Ending::Complete);
    let mut response = http::Response::new(Playback {
        length: reply.length.map(|length| length + cut),
        pieces,
        gap: reply.gap,
        ending: reply.ending,
        next: Next::Piece,
        exchange,
    });
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    Ok(response)
}

/// The body of an answer: its pieces one by one, each flushed before the next.
pub(super) struct Playback {
    /// Where it is known, the answer has a `content-length`; else it is chunked.
    length: Option<u64>,
    pieces: VecDeque<Bytes>,
    gap: std::time::Duration,
    ending: Ending,
    next: Next,
    exchange: Exchange,
}

enum Next {
    Piece,
    /// Give way once, so that hyper writes what it has before it gets more.
    Flush,
    Wait(Pin<Box<Sleep>>),
}

impl Body for Playback {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        loop {
            match &mut self.next {
                Next::Piece => break,
                Next::Flush => {
                    self.next = if self.gap.is_zero() {
                        Next::Piece
                    } else {
                        Next::Wait(Box::pin(tokio::time::sleep(self.gap)))
                    };
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Next::Wait(sleep) => {
                    ready!(sleep.as_mut().poll(context));
                    self.next = Next::Piece;
                }
            }
        }
        if let Some(piece) = self.pieces.pop_front() {
            self.next = Next::Flush;
            if self.pieces.is_empty() && self.ending == Ending::GoesOn {
                self.pieces.push_back(piece.clone());
            }
            // hyper stops asking once the promised length is there.
            if self.pieces.is_empty() && self.length.is_some() && self.ending == Ending::Complete {
                self.exchange.settle();
            }
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match self.ending {
            Ending::Complete | Ending::Ends => {
                self.exchange.settle();
                Poll::Ready(None)
            }
            Ending::Closes => {
                self.exchange.settle();
                Poll::Ready(Some(Err(CutOff)))
            }
            Ending::Resets => {
                self.exchange.reset();
                Poll::Ready(Some(Err(CutOff)))
            }
            // Without any piece there is nothing to go on with.
            Ending::Stalls | Ending::GoesOn => Poll::Pending,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
