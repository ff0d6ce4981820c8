//! How many tokens a prompt may have, before anybody has counted it.

use tollgate_catalog::{contract::ValidRequest, serving::Serving};
use tollgate_dialects::{Context, encode, request::Fetched, turn_state::TurnStates};
use tollgate_ledger::Holder;

use crate::{
    attempt::{
        call::memory_of,
        reasoning::{HeldStates, Owner},
    },
    channel::Server,
    count::tally::MEDIUM,
    error::GateError,
    gate::Gate,
};

/// Bytes that a provider may add to what it reads: roles, what it tells the model about tools.
const ADDED_BYTES: u64 = 4_096;

/// Whether media are named by URL, so that nobody knows how long the prompt is.
pub fn is_named_by_url(request: &ValidRequest) -> bool {
    let traits = &request.traits;
    traits.image_urls || traits.video_urls || traits.file_urls || traits.provider_file.is_some()
}

/// The most that it can have at this server, with what earlier turns may add there.
///
/// Fails where media have no bound, as nobody knows the context, and where there is no memory to translate it.
pub fn most(
    gate: &Gate,
    holder: Holder,
    request: &ValidRequest,
    server: &Server,
    states: &HeldStates,
) -> Result<u64, GateError> {
    let server = server.for_request(request);
    let states = states.of(&Owner::of(holder, &server), &server.serving.quirks);
    let sent = sent(gate, request, &server, &states)?;
    most_of(request, &server.serving, sent)
}

/// Bytes that go out to this server: kept thoughts are put back, references in schemas written out, schemas told in words
/// also to those who speak chat completions. 0 where nothing does, since it cannot do what is asked.
fn sent(gate: &Gate, request: &ValidRequest, server: &Server, states: &TurnStates) -> Result<u64, GateError> {
    let context = Context {
        provider_files: server.channel.settings.provider_files,
        states,
        // Who names media by URL has been refused.
        fetched: &Fetched::default(),
        choices: request.n.min(server.serving.quirks.n_max.max(1)),
    };
    let Ok(sent) = encode(request, &server.serving, &context) else {
        return Ok(0);
    };
    // As for the one that goes out later, it counts as long as it is there.
    let _memory = memory_of(gate, &sent).map_err(|_| GateError::MemoryFull)?;
    Ok(sent.body_len() as u64)
}

/// The most that it can have, where so many bytes are sent. No text has more tokens than bytes; of media their bytes say
/// nothing: a few hundred may be an image of a thousand tokens, or an hour of silence. Images have a bound of their own
/// where the provider names one; and no prompt is longer than the model's context.
///
/// Fails where media have no bound, as nobody knows the context.
fn most_of(request: &ValidRequest, serving: &Serving, sent: u64) -> Result<u64, GateError> {
    let traits = &request.traits;
    let asked = request.request.body().len() as u64;
    let bytes = asked.max(sent).saturating_add(ADDED_BYTES);
    if traits.media == 0 && !traits.assistant_images {
        return Ok(bytes);
    }
    let only_images = !(traits.videos || traits.audio || traits.files || traits.assistant_images);
    let by_images = serving.quirks.image_tokens_max.filter(|_| only_images);
    let by_images = by_images.map(|most| {
        // Where nobody counts an image, the gate does.
        let images = u64::from(traits.media).saturating_mul(most.max(MEDIUM));
        bytes.saturating_sub(traits.image_bytes).saturating_add(images)
    });
    let context = serving.context.or(request.model.context);
    let bounds = [by_images, context].into_iter().flatten();
    bounds.min().ok_or(GateError::UnboundedPrompt { by_url: false })
}
