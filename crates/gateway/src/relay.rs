//! Drives the attempts and brings the answer to the client.
//!
//! A whole answer waits for its attempt. A stream waits too, but only until the keep-alive is due:
//! then the status line goes out, and comments keep the connection alive while channels are still
//! being tried.

mod stream;

use std::{collections::BTreeSet, pin::pin, sync::Arc};

use bytes::Bytes;
use futures_util::{FutureExt, future::Fuse};
use http::{HeaderName, HeaderValue, StatusCode, header};
use tokio::time::timeout;
use tollgate_catalog::{channel::ChannelName, model::Model};
use tollgate_chat::{
    chunk::AnswerShape,
    edit::{Edits, ObjectEdit},
    event::Unshown,
    object::Object,
    usage::Usage,
};
use tollgate_dialects::Note;

use crate::{
    abandoned::Leaving,
    attempt::{Asked, Attempted, Outcome, Unanswered, attempt, shape_of},
    body::{self, Response},
    error::GateError,
    gate::Gate,
    in_place::in_place,
    settle::Settlement,
    story::Finishes,
};

const X_TOLLGATE_CHANNEL: HeaderName = HeaderName::from_static("x-tollgate-channel");
/// The model that answered, where it is not the one that was asked for.
const X_TOLLGATE_MODEL: HeaderName = HeaderName::from_static("x-tollgate-model");
const X_TOLLGATE_NOTES: HeaderName = HeaderName::from_static("x-tollgate-notes");
/// Most bytes of notes in a header: proxies refuse answers with large ones.
const NOTES_BYTES: usize = 2 * 1024;

/// Answers the client, with an error's own status unless the stream had to begin before it was known.
pub async fn relay(gate: Arc<Gate>, asked: Asked, settlement: Settlement) -> Response {
    if asked.request.stream {
        return relay_stream(gate, asked, settlement).await;
    }
    relay_whole(&gate, &asked, settlement).await
}

async fn relay_whole(gate: &Arc<Gate>, asked: &Asked, mut settlement: Settlement) -> Response {
    let mut attempting = pin!(attempt(gate, asked).fuse());
    // What is declared last falls first.
    let leaving = Leaving(settlement.departure());
    let attempted = match gate
        .cut_off
        .or(attempting.as_mut())
        .await
        .unwrap_or(Err(GateError::ShutDown.into()))
    {
        Ok(attempted) => attempted,
        Err(unanswered) => {
            // What was under way is known when it has fallen.
            attempting.set(Fuse::terminated());
            return unanswered_by(unanswered, settlement);
        }
    };
    drop(leaving);
    settlement.answered_by(&attempted.channel, attempted.model.as_ref());
    settlement.note(attempted.notes);
    let Outcome::Whole { mut answer, mut held } = attempted.outcome else {
        return refuse(GateError::ProviderMalformed, settlement);
    };
    settlement.count_answer(&answer, &asked.request).await;
    let (usage, uncounted) = settlement.tally().usage().unwrap_or((answer.usage, true));
    if usage != answer.usage {
        match with_usage(&answer.json, &usage, &shape_of(&asked.request)) {
            None => return refuse(GateError::ProviderMalformed, settlement),
            Some(json) if held.grow_to(json.len()).is_err() => {
                drop(json);
                return refuse(GateError::MemoryFull, settlement);
            }
            Some(json) => answer.json = json,
        }
    }
    if let Some(tier) = answer.service_tier {
        settlement.served_at(tier);
    }
    let mut finishes = Finishes::default();
    for finish in &answer.finishes {
        finishes.add(finish.reason);
    }
    settlement.finished(finishes);
    let came = Came {
        choices: answer.finishes.len(),
        uncounted,
        unshown: &answer.unshown,
    };
    settlement.note(came.notes(asked.request.n));
    let answer_bytes = answer.json.len();
    let mut response = Response::new(body::held(answer.json, held));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    write_origin(
        headers,
        &attempted.channel,
        attempted.model.as_deref(),
        settlement.notes(),
    );
    settlement.begins(StatusCode::OK);
    settlement.sends(answer_bytes);
    settlement.complete();
    response
}

async fn relay_stream(gate: Arc<Gate>, asked: Asked, mut settlement: Settlement) -> Response {
    let keep_alive = gate.settings.keep_alive;
    let writer = stream::Writer::new(&asked.request, asked.head.clone());
    let memory = gate.buffered.hold();
    // The future owns what is asked: its memory goes as soon as an answer has begun.
    let mut attempting: stream::Attempting = in_place(|| async move { attempt(&gate, &asked).await });
    let leaving = Leaving(settlement.departure());
    let gate = Arc::clone(settlement.gate());
    let first = gate.cut_off.or(timeout(keep_alive, &mut attempting)).await;
    let mut response = match first.unwrap_or(Ok(Err(GateError::ShutDown.into()))) {
        Ok(Ok(attempted)) => {
            let Attempted {
                channel,
                model,
                notes,
                outcome,
            } = attempted;
            let mut headers = http::HeaderMap::new();
            write_origin(&mut headers, &channel, model.as_deref(), &notes);
            settlement.begins(StatusCode::OK);
            settlement.answered_by(&channel, model.as_ref());
            settlement.note(notes);
            let body = stream::body(writer, (leaving, settlement), keep_alive, memory, outcome);
            let mut response = Response::new(body);
            *response.headers_mut() = headers;
            response
        }
        Ok(Err(unanswered)) => {
            drop(attempting);
            return unanswered_by(unanswered, settlement);
        }
        Err(_) => {
            settlement.begins(StatusCode::OK);
            Response::new(stream::body_while_attempting(
                writer,
                (leaving, settlement),
                keep_alive,
                memory,
                attempting,
            ))
        }
    };
    write_stream_headers(response.headers_mut());
    response
}

/// What every stream's head has.
pub fn write_stream_headers(headers: &mut http::HeaderMap) {
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
}

/// The answer with this usage in place of its own. `None`: it is no JSON.
fn with_usage(answer: &Bytes, usage: &Usage, shape: &AnswerShape) -> Option<Bytes> {
    let object = Object::parse(std::str::from_utf8(answer).ok()?).ok()?;
    let mut edit = ObjectEdit::of(&object);
    edit.set("usage", usage.to_json(&shape.usage));
    let mut edits = Edits::of(object.text());
    edit.finish(&mut edits);
    Some(Bytes::from(edits.finish()))
}

/// What an answer turned out to be.
struct Came<'a> {
    choices: usize,
    /// Whether the provider counted nothing, so that the counts are our own.
    uncounted: bool,
    unshown: &'a BTreeSet<Unshown>,
}

impl Came<'_> {
    /// In what it is another than was asked for, where `n` choices were.
    fn notes(&self, n: u32) -> impl Iterator<Item = Note> {
        let fewer = (self.choices < n as usize).then(|| Note::Moved("n".to_owned()));
        let unshown = self.unshown.iter();
        let unshown = unshown.map(|kind| Note::Omitted(format!("message.{}", kind.as_str())));
        let uncounted = self.uncounted.then(|| Note::Estimated("usage".to_owned()));
        fewer.into_iter().chain(unshown).chain(uncounted)
    }
}

/// The end of a request that nobody answered.
fn unanswered_by(Unanswered { error, notes }: Unanswered, mut settlement: Settlement) -> Response {
    settlement.note(notes);
    refuse(error, settlement)
}

/// The end of a request that has no answer.
fn refuse(error: GateError, settlement: Settlement) -> Response {
    let mut notes = http::HeaderMap::new();
    write_notes(&mut notes, settlement.notes());
    settlement.fail(&error);
    let mut response = error.into_response();
    response.headers_mut().extend(notes);
    response
}

/// Says where the answer comes from and what was changed on the way there.
fn write_origin(headers: &mut http::HeaderMap, channel: &ChannelName, model: Option<&Model>, notes: &[Note]) {
    if let Some(model) = model.and_then(|model| HeaderValue::from_str(model.id.as_str()).ok()) {
        headers.insert(X_TOLLGATE_MODEL, model);
    }
    if let Ok(channel) = HeaderValue::from_str(channel.as_str()) {
        headers.insert(X_TOLLGATE_CHANNEL, channel);
    }
    write_notes(headers, notes);
}

fn write_notes(headers: &mut http::HeaderMap, notes: &[Note]) {
    if !notes.is_empty()
        && let Ok(notes) = HeaderValue::from_str(&in_header(notes))
    {
        headers.insert(X_TOLLGATE_NOTES, notes);
    }
}

/// The notes as a header can carry them: a client's own name for something may hold anything.
fn in_header(notes: &[Note]) -> String {
    let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
    let visible = |character: char| match character {
        ' '..='~' => character,
        _ => '?',
    };
    let mut text: String = notes.join(", ").chars().map(visible).collect();
    if text.len() > NOTES_BYTES {
        text.truncate(NOTES_BYTES);
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests;
