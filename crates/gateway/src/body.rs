//! Bodies in both directions: a client's, read whole within bounds, and ours.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use http::{HeaderMap, Request, header};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use crate::{
    buffered::{Buffered, Held},
    error::GateError,
};

/// How long a client may pause while it sends its body.
const PAUSE_LIMIT: Duration = Duration::from_secs(30);

/// How long a client may take for its whole body.
const TOTAL_LIMIT: Duration = Duration::from_secs(300);

/// How long a body that nobody wants is read on.
const DISCARD_LIMIT: Duration = Duration::from_secs(5);

/// An answer's body: one piece, or a stream.
pub enum Body {
    Whole {
        bytes: Full<Bytes>,
        /// The bytes' share of the memory, until they are sent.
        _held: Option<Held>,
    },
    Stream(FrameStream),
}

pub type FrameStream = Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, Infallible>> + Send>>;
pub type Response = http::Response<Body>;

pub fn whole(bytes: impl Into<Bytes>) -> Body {
    Body::Whole {
        bytes: Full::new(bytes.into()),
        _held: None,
    }
}

/// A whole body that counts against the gate's memory until it is sent.
pub fn held(bytes: Bytes, held: Held) -> Body {
    Body::Whole {
        bytes: Full::new(bytes),
        _held: Some(held),
    }
}

impl Default for Body {
    fn default() -> Self {
        whole(Bytes::new())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole { bytes, .. } => Pin::new(bytes).poll_frame(context),
            Self::Stream(frames) => frames.as_mut().poll_next(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole { bytes, .. } => bytes.is_end_stream(),
            Self::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole { bytes, .. } => bytes.size_hint(),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// A client's body, and its share of the memory.
#[derive(Debug)]
pub struct ReadBody {
    pub bytes: Bytes,
    pub held: Held,
    /// Whether it was not all there when it was first asked for: as much time has passed as the client liked.
    pub was_waited_for: bool,
}

/// Checks that the body is JSON and nobody compressed it.
pub fn check_headers(headers: &HeaderMap) -> Result<(), GateError> {
    if let Some(encoding) = headers
        .get(header::CONTENT_ENCODING)
        .filter(|encoding| *encoding != "identity")
    {
        let encoding = String::from_utf8_lossy(encoding.as_bytes()).into_owned();
        return Err(GateError::ContentEncoding(encoding));
    }
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else {
        return Ok(());
    };
    let essence = content_type
        .as_bytes()
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    let essence = essence.trim_ascii();
    let suffix = &essence[essence.len().saturating_sub(b"+json".len())..];
    if essence.eq_ignore_ascii_case(b"application/json") || suffix.eq_ignore_ascii_case(b"+json") {
        return Ok(());
    }
    Err(GateError::ContentType(
        String::from_utf8_lossy(content_type.as_bytes()).into_owned(),
    ))
}

/// Reads a whole body of at most `limit` bytes. Memory counts as it arrives, not as it is announced.
pub async fn read(body: &mut Incoming, limit: usize, buffered: &Buffered) -> Result<ReadBody, GateError> {
    let mut reading = pin!(tokio::time::timeout(
        TOTAL_LIMIT,
        read_pieces(body, limit, buffered)
    ));
    let mut was_waited_for = false;
    let read = poll_fn(|context| {
        let read = reading.as_mut().poll(context);
        was_waited_for |= read.is_pending();
        read
    });
    let (bytes, held) = read.await.unwrap_or(Err(GateError::BodyTimeout))?;
    Ok(ReadBody {
        bytes,
        held,
        was_waited_for,
    })
}

async fn read_pieces(
    body: &mut Incoming,
    limit: usize,
    buffered: &Buffered,
) -> Result<(Bytes, Held), GateError> {
    let declared = body.size_hint().lower();
    if declared > limit as u64 {
        return Err(GateError::BodyTooLarge { limit });
    }
    let mut held = buffered.hold();
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    loop {
        let frame = tokio::time::timeout(PAUSE_LIMIT, body.frame())
            .await
            .map_err(|_| GateError::BodyTimeout)?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| GateError::BodyCut)?.into_data() else {
            continue;
        };
        let so_far = first.len() + rest.len() + data.len();
        if so_far > limit {
            return Err(GateError::BodyTooLarge { limit });
        }
        held.grow_to(so_far).map_err(|_| GateError::MemoryFull)?;
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.reserve((declared as usize).max(so_far));
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
    }
    let bytes = if rest.is_empty() { first } else { rest.freeze() };
    Ok((bytes, held))
}

/// Reads on what is left of a refused request's body, for a while and keeping nothing: most clients look
/// for an answer only after they have sent everything, and a closed connection would hide it from them.
pub async fn discard(request: Request<Incoming>) {
    // This client waits to be asked for its body.
    if request.headers().contains_key(header::EXPECT) {
        return;
    }
    let mut body = request.into_body();
    let reading = async { while let Some(Ok(_)) = body.frame().await {} };
    // Too slow or too much: then the client has to find out by itself.
    let _ = tokio::time::timeout(DISCARD_LIMIT, reading).await;
}
