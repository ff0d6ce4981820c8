//! One turn in the words of each protocol: whole, as a stream, and the errors.

mod anthropic;
mod chat;
mod gemini;
mod responses;

pub(super) use anthropic::block as anthropic_block;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::protocol::Protocol;
use super::script::{Reply, Script, json_reply, stream_reply};
use super::{ReceivedRequest, Turn};

/// A stream before it is written: what says something, and what ends it properly.
pub(super) struct Spoken {
    pub(super) events: Vec<Bytes>,
    pub(super) terminal: Vec<Bytes>,
}

/// An error before it is written.
pub(super) struct Complaint<'a> {
    pub(super) status: u16,
    /// The provider's own word for it: a type, a status, a code.
    pub(super) kind: &'a str,
    pub(super) message: &'a str,
}

/// Says a turn in the protocol in which it is asked, whole or as a stream.
///
/// Where the request's path is no provider's, it answers 404 as a page would.
pub fn speaks(turn: Turn) -> Script {
    let turn = Arc::new(turn);
    Script::of(move |request| {
        let Some(protocol) = Protocol::of(request.path_only()) else {
            return json_reply(404, "\"nothing is here\"".to_owned());
        };
        let mut reply = spoken(protocol, &turn, request);
        reply.given = Some(Arc::clone(&turn));
        reply
    })
}

/// Fails in the protocol in which it is asked. `kind` is the provider's own word for the error:
/// Anthropic's type, Gemini's status, OpenAI's type.
pub fn complains(status: u16, kind: &str, message: &str) -> Script {
    let (kind, message) = (kind.to_owned(), message.to_owned());
    Script::of(move |request| {
        let complaint = Complaint {
            status,
            kind: &kind,
            message: &message,
        };
        complaint_reply(request, &complaint)
    })
}

pub(super) fn complaint_reply(request: &ReceivedRequest, complaint: &Complaint<'_>) -> Reply {
    json_reply(complaint.status, complaint_in(request, complaint).to_string())
}

/// The error event that a stream of this request's protocol may end with.
pub(super) fn complaint_event(request: &ReceivedRequest, complaint: &Complaint<'_>) -> Bytes {
    let body = complaint_in(request, complaint);
    match Protocol::of(request.path_only()) {
        Some(Protocol::Anthropic) => named_event("error", &body),
        Some(Protocol::Responses) => named_event("error", &responses::error_event(complaint)),
        Some(Protocol::Gemini | Protocol::Chat(_)) | None => event(&body),
    }
}

fn complaint_in(request: &ReceivedRequest, complaint: &Complaint<'_>) -> Value {
    match Protocol::of(request.path_only()) {
        Some(Protocol::Anthropic) => anthropic::error(complaint),
        Some(Protocol::Gemini) => gemini::error(complaint),
        Some(Protocol::Responses | Protocol::Chat(_)) | None => chat::error(complaint),
    }
}

/// The whole bytes of a turn as a stream of this protocol, to be cut or spoiled by a test.
pub fn stream_of(turn: &Turn, protocol: Protocol) -> Bytes {
    let Spoken { events, terminal } = spoken_stream(protocol, turn, true);
    Bytes::from([events, terminal].concat().concat())
}

fn spoken(protocol: Protocol, turn: &Turn, request: &ReceivedRequest) -> Reply {
    if !request.wants_stream() {
        let whole = match protocol {
            Protocol::Chat(host) => chat::whole(turn, host),
            Protocol::Responses => responses::whole(turn),
            Protocol::Anthropic => anthropic::whole(turn),
            Protocol::Gemini => gemini::whole(turn),
        };
        return json_reply(200, whole.to_string());
    }
    let Spoken { events, terminal } = spoken_stream(protocol, turn, request.wants_usage());
    stream_reply(events, terminal)
}

fn spoken_stream(protocol: Protocol, turn: &Turn, wants_usage: bool) -> Spoken {
    match protocol {
        Protocol::Chat(host) => chat::stream(turn, host, wants_usage),
        Protocol::Responses => responses::stream(turn),
        Protocol::Anthropic => anthropic::stream(turn),
        Protocol::Gemini => gemini::stream(turn),
    }
}

/// An event whose type stands in a line of its own, as Anthropic and Responses write them.
fn named_event(name: &str, data: &Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

fn event(data: &Value) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

/// Arguments as they are streamed: an empty piece, then pieces cut where a key or a number may stand.
fn argument_pieces(arguments: &Value) -> Vec<String> {
    let text = arguments.to_string();
    let mut pieces = vec![String::new()];
    let characters: Vec<char> = text.chars().collect();
    pieces.extend(characters.chunks(7).map(|piece| piece.iter().collect()));
    pieces
}
