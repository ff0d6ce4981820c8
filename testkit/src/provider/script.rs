//! What the fake provider does with one request, said in one line.
//!
//! A script starts with what is sent (`says`, `answers`, `streams`, …) and goes on with what goes
//! wrong (`then_closes`, `then_stalls`, …). The shapes are those of a chat-speaking provider;
//! `answers_with` and `streams_raw` send any bytes at all.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::shapes::{PROMPT_TOKENS, answer_text, chunk_text, usage_chunk_text};
use super::speech::{Complaint, complaint_event};
use super::{ReceivedRequest, Turn};

/// What the provider does with a request. Cheap to copy.
#[derive(Clone)]
pub struct Script(Arc<dyn Fn(&ReceivedRequest) -> Reply + Send + Sync>);

/// A script applied to one request.
#[derive(Clone)]
pub(super) struct Reply {
    pub(super) delay: Duration,
    pub(super) opening: Opening,
    /// Each is written and flushed by itself.
    pub(super) pieces: Vec<Bytes>,
    /// What follows the pieces only where the ending is [`Ending::Complete`].
    pub(super) terminal: Vec<Bytes>,
    pub(super) gap: Duration,
    pub(super) length: Option<u64>,
    pub(super) ending: Ending,
    /// The turn that it says, which may come back in a later request.
    pub(super) given: Option<Arc<Turn>>,
}

#[derive(Clone)]
pub(super) enum Opening {
    Answers(Head),
    SaysNothing,
    HangsUp,
    Resets,
}

#[derive(Clone)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// As the protocol wants it.
    Complete,
    /// HTTP ends properly, the protocol inside does not.
    Ends,
    /// The connection breaks.
    Closes,
    /// The connection is reset: what is under way may be lost with it.
    Resets,
    /// The last piece comes again and again.
    GoesOn,
    /// Nothing more comes, and the connection stays.
    Stalls,
}

impl Script {
    pub(super) fn reply_to(&self, request: &ReceivedRequest) -> Reply {
        (self.0)(request)
    }

    /// Ends the HTTP body properly after the pieces, without finish, usage and `[DONE]`.
    #[must_use]
    pub fn then_ends(self) -> Self {
        self.changed(|reply| reply.ending = Ending::Ends)
    }

    /// Breaks the connection after the pieces.
    #[must_use]
    pub fn then_closes(self) -> Self {
        self.changed(|reply| reply.ending = Ending::Closes)
    }

    /// Resets the connection after the pieces.
    #[must_use]
    pub fn then_resets(self) -> Self {
        self.changed(|reply| reply.ending = Ending::Resets)
    }

    /// Sends the last piece again and again, without an end.
    #[must_use]
    pub fn then_goes_on(self) -> Self {
        self.changed(|reply| {
            reply.ending = Ending::GoesOn;
            // Nothing that has no end has a length.
            reply.length = None;
        })
    }

    /// Sends the answer in pieces of one byte, its end too.
    #[must_use]
    pub fn byte_by_byte(self) -> Self {
        let bytes = |pieces: &[Bytes]| {
            let each = |piece: &Bytes| {
                (0..piece.len())
                    .map(|at| piece.slice(at..=at))
                    .collect::<Vec<_>>()
            };
            pieces.iter().flat_map(each).collect()
        };
        self.changed(move |reply| {
            reply.pieces = bytes(&reply.pieces);
            reply.terminal = bytes(&reply.terminal);
        })
    }

    /// Sends nothing after the pieces and keeps the connection open.
    #[must_use]
    pub fn then_stalls(self) -> Self {
        self.changed(|reply| reply.ending = Ending::Stalls)
    }

    /// Ends after the pieces with an error event in the request's protocol; see [`super::complains`].
    #[must_use]
    pub fn then_complains(self, kind: &str, message: &str) -> Self {
        let (kind, message) = (kind.to_owned(), message.to_owned());
        Self::of(move |request| {
            let mut reply = self.reply_to(request);
            let complaint = Complaint {
                status: 500,
                kind: &kind,
                message: &message,
            };
            reply.terminal = vec![complaint_event(request, &complaint)];
            reply
        })
    }

    /// Waits this long before the status line.
    #[must_use]
    pub fn delays(self, delay: Duration) -> Self {
        self.changed(move |reply| reply.delay = delay)
    }

    /// Waits this long after each piece.
    #[must_use]
    pub fn pauses(self, gap: Duration) -> Self {
        self.changed(move |reply| reply.gap = gap)
    }

    /// Sends this header, in place of one of the same name.
    ///
    /// # Panics
    /// Where HTTP does not allow the name or the value.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        let (name, value) = header_of(name, value);
        self.changed(move |reply| {
            if let Opening::Answers(head) = &mut reply.opening {
                head.headers.insert(name.clone(), value.clone());
            }
        })
    }

    fn changed(self, change: impl Fn(&mut Reply) + Send + Sync + 'static) -> Self {
        Self::of(move |request| {
            let mut reply = self.reply_to(request);
            change(&mut reply);
            reply
        })
    }

    pub(super) fn of(reply: impl Fn(&ReceivedRequest) -> Reply + Send + Sync + 'static) -> Self {
        Self(Arc::new(reply))
    }

    fn fixed(reply: Reply) -> Self {
        Self(Arc::new(move |_| reply.clone()))
    }
}

/// Chooses the script by looking at the request.
pub fn decides(choose: impl Fn(&ReceivedRequest) -> Script + Send + Sync + 'static) -> Script {
    Script::of(move |request| choose(request).reply_to(request))
}

/// Says `text`: as a stream where the request wants one, else whole.
pub fn says(text: &str) -> Script {
    let whole = answers_json(answer_text(text));
    let stream = streams([text]);
    decides(move |request| {
        if request.wants_stream() {
            stream.clone()
        } else {
            whole.clone()
        }
    })
}

/// Answers 200 with this JSON.
pub fn answers(body: Value) -> Script {
    answers_json(body.to_string())
}

fn answers_json(body: String) -> Script {
    answers_with(200, &[("content-type", "application/json")], body)
}

/// Answers with this status, these headers, and this body.
///
/// # Panics
/// Where HTTP does not allow the status or a header.
pub fn answers_with(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Script {
    Script::fixed(whole_reply(status, headers, body.into()))
}

pub(super) fn json_reply(status: u16, body: String) -> Reply {
    whole_reply(status, &[("content-type", "application/json")], body.into())
}

fn whole_reply(status: u16, headers: &[(&str, &str)], body: Bytes) -> Reply {
    Reply {
        delay: Duration::ZERO,
        opening: Opening::Answers(Head {
            status: StatusCode::from_u16(status).expect("a status that HTTP knows"),
            headers: headers
                .iter()
                .map(|(name, value)| header_of(name, value))
                .collect(),
        }),
        length: Some(body.len() as u64),
        pieces: if body.is_empty() { vec![] } else { vec![body] },
        terminal: vec![],
        gap: Duration::ZERO,
        ending: Ending::Complete,
        given: None,
    }
}

/// Fails with this status and an error object as chat-speaking providers have it.
pub fn fails(status: u16, code: &str, message: &str) -> Script {
    let body = json!({"error": {
        "message": message,
        "type": if status < 500 { "invalid_request_error" } else { "server_error" },
        "param": null,
        "code": code,
    }});
    answers_with(status, &[("content-type", "application/json")], body.to_string())
}

/// Reads the request and then keeps silent.
pub fn accepts_and_says_nothing() -> Script {
    opens(Opening::SaysNothing)
}

/// Reads the request and breaks the connection before the status line.
pub fn hangs_up() -> Script {
    opens(Opening::HangsUp)
}

/// Reads the request and resets the connection before the status line.
pub fn resets() -> Script {
    opens(Opening::Resets)
}

fn opens(opening: Opening) -> Script {
    Script::fixed(Reply {
        delay: Duration::ZERO,
        opening,
        pieces: vec![],
        terminal: vec![],
        gap: Duration::ZERO,
        length: None,
        ending: Ending::Complete,
        given: None,
    })
}

/// Streams these pieces of text: a chunk with the role, one for each piece, the finish, the usage
/// where it is asked for, and `[DONE]`. What goes wrong does so after the last piece.
pub fn streams<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Script {
    let deltas = pieces.into_iter().map(|text| json!({"content": text}));
    streams_deltas(deltas, "stop")
}

/// As [`streams`], with any deltas (`reasoning_content`, `tool_calls`, …) and any finish reason.
pub fn streams_deltas(deltas: impl IntoIterator<Item = Value>, finish_reason: &str) -> Script {
    let mut all = vec![json!({"role": "assistant", "content": ""})];
    all.extend(deltas);
    let finish_reason = finish_reason.to_owned();
    Script::of(move |request| {
        let usage = request.wants_usage();
        let chunk = |delta, finish| event(&chunk_text(delta, finish, usage));
        let pieces = all.iter().map(|delta| chunk(delta, None)).collect();
        let mut terminal = vec![chunk(&json!({}), Some(&finish_reason))];
        if usage {
            let tokens = all.len() as u64;
            terminal.push(event(&usage_chunk_text(PROMPT_TOKENS, tokens)));
        }
        terminal.push(Bytes::from_static(b"data: [DONE]\n\n"));
        stream_reply(pieces, terminal)
    })
}

/// Streams these JSON values, each as one event, and then `[DONE]`.
pub fn streams_events(events: impl IntoIterator<Item = Value>) -> Script {
    let events = events.into_iter().map(|value| event(&value.to_string()));
    let pieces = events.collect();
    let done = vec![Bytes::from_static(b"data: [DONE]\n\n")];
    Script::fixed(stream_reply(pieces, done))
}

/// Streams these bytes as they are, each piece by itself, and ends the HTTP body properly.
pub fn streams_raw<B: Into<Bytes>>(pieces: impl IntoIterator<Item = B>) -> Script {
    let pieces = pieces
        .into_iter()
        .map(Into::into)
        .filter(|piece: &Bytes| !piece.is_empty())
        .collect();
    Script::fixed(stream_reply(pieces, vec![]))
}

fn event(data: &str) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

pub(super) fn stream_reply(pieces: Vec<Bytes>, terminal: Vec<Bytes>) -> Reply {
    let (name, value) = (
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    Reply {
        delay: Duration::ZERO,
        opening: Opening::Answers(Head {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(name, value)]),
        }),
        pieces,
        terminal,
        gap: Duration::ZERO,
        length: None,
        ending: Ending::Complete,
        given: None,
    }
}

fn header_of(name: &str, value: &str) -> (HeaderName, HeaderValue) {
    (
        HeaderName::try_from(name).expect("a header name that HTTP allows"),
        HeaderValue::try_from(value).expect("a header value that HTTP allows"),
    )
}
