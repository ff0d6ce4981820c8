//! A stream from its first byte: held back until real output comes, then handed over.

use std::sync::Arc;

use http::{Response, header};
use hyper::body::Incoming;
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::event::{Event, EventKind, Wire};
use tollgate_dialects::{Dialect, Presentation, UnaskedStream, Undo};

use super::{
    open_stream::OpenStream,
    pace::Attention,
    private,
    provider_stream::{HELD_BYTES, HELD_EVENTS, ProviderStream},
    reasoning::Keeper,
};
use crate::{
    abandoned::Parting, channel::Server, error::Failure, gate::Gate, health::Place, story::Followed,
};

/// What reads an answer.
pub struct Reading<'a> {
    pub dialect: Dialect,
    pub quirks: &'a Quirks,
    pub presentation: &'a Presentation,
    pub undo: Undo,
    pub keeper: Option<&'a Keeper>,
    pub parting: Option<&'a Arc<Parting>>,
    pub place: Option<&'a Arc<Place>>,
    pub attention: Option<&'a Arc<Attention>>,
    pub followed: &'a mut Followed,
}

/// Reads until the first real output, or the end of an answer without any.
pub async fn open(
    gate: &Gate,
    server: &Server,
    response: Response<Incoming>,
    reading: Reading<'_>,
) -> Result<OpenStream, Failure> {
    if !is_event_stream(&response) {
        return tell_whole(gate, server, response, reading).await;
    }
    let decoder = reading.dialect.stream_decoder(
        reading.quirks,
        reading.presentation.clone(),
        reading.undo,
        gate.settings.answer_limit,
    );
    let mut stream = ProviderStream::new(
        server,
        response.into_body(),
        decoder,
        gate.settings.request_deadline,
        reading.keeper.cloned(),
        reading.place.cloned(),
        reading.attention.cloned(),
    );
    let mut held = Vec::new();
    loop {
        let (events, ended) = stream.read().await;
        let events = events?;
        reading.followed.hear(&events);
        held.extend(events);
        // The client has seen nothing yet, so another channel may still answer as a whole.
        if let Some(failure) = stream.take_failure() {
            return Err(failure);
        }
        let rest = match ended {
            true => None,
            false if commits(&held) => Some(stream),
            false => continue,
        };
        return Ok(OpenStream::begun(held, rest, reading.parting.cloned()));
    }
}

/// Whether these events can no longer be taken back: there is output among them, or too many.
fn commits(held: &[Event]) -> bool {
    let bytes = |event: &Event| match (&event.wire, &event.kind) {
        (Wire::Chunk(chunk), _) => chunk.len(),
        (_, EventKind::State { state, .. }) => state.json.len(),
        (Wire::Unwritten | Wire::Covered, _) => 0,
    };
    held.iter().any(|event| event.kind.is_content())
        || held.len() > HELD_EVENTS
        || held.iter().map(bytes).sum::<usize>() > HELD_BYTES
}

fn is_event_stream(response: &Response<Incoming>) -> bool {
    // Without a content type the host is given the benefit of the doubt.
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_none_or(|content_type| {
            let essence = content_type.as_bytes().to_ascii_lowercase();
            !(essence.starts_with(b"application/json") || essence.starts_with(b"text/html"))
        })
}

/// A whole answer where the client wants a stream, told as one: the model has no streams, or the provider
/// sent something else than it was asked for (which may be an error with status 200, or a proxy's page).
pub async fn tell_whole(
    gate: &Gate,
    server: &Server,
    response: Response<Incoming>,
    reading: Reading<'_>,
) -> Result<OpenStream, Failure> {
    let idle = server.timeouts.idle;
    let mut memory = gate.buffered.hold();
    let body = super::send::read_whole(
        response.into_body(),
        gate.settings.answer_limit,
        idle,
        &mut memory,
        UnaskedStream::new(
            reading.dialect,
            reading.quirks,
            reading.presentation,
            &reading.undo,
        ),
    )
    .await?;
    let decoded =
        (reading.dialect).decode_as_stream(&body, reading.quirks, reading.presentation, &reading.undo);
    let (held, turns) = decoded.map_err(|fault| {
        let (usage, tier) = reading.dialect.counted_in(&body);
        reading.followed.counted(usage, tier);
        private::failed(&server.channel.settings, fault)
    })?;
    if let Some(keeper) = reading.keeper {
        keeper.keep(turns);
    }
    reading.followed.hear(&held);
    Ok(OpenStream::whole(held, memory))
}
