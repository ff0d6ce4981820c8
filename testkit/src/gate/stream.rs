//! A streamed answer of the gate, as it comes and when it is over.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde_json::Value;

use super::client::{self, Connection};
use super::{Answer, PATIENCE};
use crate::grammar::{Asked, Checked, ErrorObject, Summary, check_stream};
use crate::schema;

/// A stream that is still open; dropping it closes the connection.
pub struct OpenStream {
    pub status: u16,
    pub headers: HeaderMap,
    body: Incoming,
    asked: Asked,
    asked_at: Instant,
    received: BytesMut,
    /// Up to where [`OpenStream::next_event`] has given `received` out.
    given: usize,
    arrivals: Vec<(Duration, usize)>,
    _connection: Connection,
}

impl OpenStream {
    pub(super) async fn open(address: SocketAddr, request: Request<Full<Bytes>>, body: &Value) -> Self {
        let asked_at = Instant::now();
        let (response, connection) = tokio::time::timeout(PATIENCE, client::send(address, request))
            .await
            .unwrap_or_else(|_| panic!("no status line within {PATIENCE:?}"))
            .unwrap_or_else(|error| panic!("no status line: {error}"));
        let (head, incoming) = response.into_parts();
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body: incoming,
            asked: Asked::by(body),
            asked_at,
            received: BytesMut::new(),
            given: 0,
            arrivals: Vec::new(),
            _connection: connection,
        }
    }

    /// The next bytes as they come off the connection; `None` at the end, broken or not.
    ///
    /// # Panics
    /// Where nothing comes within 30 seconds.
    pub async fn next_piece(&mut self) -> Option<Bytes> {
        self.piece().await.ok().flatten()
    }

    /// The next event or comment without its blank line; `None` where the stream ends first.
    ///
    /// # Panics
    /// Where nothing comes within 30 seconds.
    pub async fn next_event(&mut self) -> Option<String> {
        loop {
            let waiting = &self.received[self.given..];
            if let Some(end) = waiting.windows(2).position(|two| two == b"\n\n") {
                let event = String::from_utf8_lossy(&waiting[..end]).into_owned();
                self.given += end + 2;
                return Some(event);
            }
            self.next_piece().await?;
        }
    }

    /// Everything so far.
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// Reads on to the end.
    ///
    /// # Panics
    /// Where nothing comes within 30 seconds.
    pub async fn rest(mut self) -> Streamed {
        let broken = loop {
            match self.piece().await {
                Ok(Some(_)) => {}
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        Streamed::new(self, broken)
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, hyper::Error> {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.body.frame())
                .await
                .unwrap_or_else(|_| panic!("nothing for {PATIENCE:?} after {:?}", self.received));
            let Some(frame) = frame.transpose()? else {
                return Ok(None);
            };
            if let Ok(piece) = frame.into_data() {
                self.received.extend_from_slice(&piece);
                self.arrivals.push((self.asked_at.elapsed(), piece.len()));
                return Ok(Some(piece));
            }
        }
    }
}

/// A streamed answer that has ended; or the error that came instead of a stream.
#[derive(Clone, Debug)]
pub struct Streamed {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Whether the connection ended before the HTTP body did.
    pub broken: bool,
    /// When each piece came, counted from the request, and how many bytes it had.
    pub arrivals: Vec<(Duration, usize)>,
    checked: Checked,
}

impl Streamed {
    fn new(open: OpenStream, broken: bool) -> Self {
        let body = open.received.freeze();
        let mut checked = check_stream(&body, &open.asked);
        if open.status >= 400 {
            let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
            checked = Checked {
                summary: Summary {
                    error: answer.get("error").map(ErrorObject::read),
                    ..Summary::default()
                },
                violations: Vec::new(),
            };
        }
        Self {
            status: open.status,
            headers: open.headers,
            body,
            broken,
            arrivals: open.arrivals,
            checked,
        }
    }

    /// What the stream says, as a client understands it.
    pub fn summary(&self) -> &Summary {
        &self.checked.summary
    }

    /// The text of the first choice.
    pub fn text(&self) -> &str {
        self.summary().text()
    }

    /// Why the first choice ended.
    pub fn finish_reason(&self) -> Option<&str> {
        self.summary().finish_reason()
    }

    /// The error object, at the end of the stream or instead of one.
    pub fn error(&self) -> Option<&ErrorObject> {
        self.summary().error.as_ref()
    }

    /// The error's code.
    pub fn error_code(&self) -> Option<&str> {
        self.summary().error_code()
    }

    /// Whether `[DONE]` came.
    pub fn has_done(&self) -> bool {
        self.summary().done
    }

    /// A header's value, if it is there and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Every rule that the answer breaks, in words.
    pub fn broken_rules(&self) -> Vec<String> {
        let mut rules = Vec::new();
        if self.broken {
            rules.push("the connection broke before the body's end".to_owned());
        }
        let content_type = self.header("content-type").unwrap_or_default();
        if !content_type.starts_with("text/event-stream") {
            rules.push(format!("content type {content_type:?}"));
        }
        rules.extend(self.checked.violations.iter().map(ToString::to_string));
        for chunk in &self.summary().chunks {
            rules.extend(schema::check_chunk(chunk).iter().map(ToString::to_string));
        }
        if let Some(error) = self.error_event() {
            rules.extend(schema::check_error(&error).iter().map(ToString::to_string));
        }
        rules
    }

    /// # Panics
    /// Where the answer breaks a rule.
    pub(super) fn judge(&self) {
        if self.status >= 400 {
            return self.as_answer().judge_error();
        }
        let rules = self.broken_rules();
        assert!(
            rules.is_empty(),
            "the stream breaks rules: {rules:#?}\n{}",
            String::from_utf8_lossy(&self.body)
        );
    }

    fn as_answer(&self) -> Answer {
        Answer {
            status: self.status,
            headers: self.headers.clone(),
            body: self.body.clone(),
        }
    }

    /// The event with the error object, whole: the schema wants nothing beside `error` in it.
    fn error_event(&self) -> Option<Value> {
        let text = std::str::from_utf8(&self.body).ok()?;
        text.split("\n\n")
            .filter_map(|event| serde_json::from_str(event.strip_prefix("data: ")?).ok())
            .find(|event: &Value| event.get("error").is_some())
    }
}
