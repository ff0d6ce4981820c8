//! How many tokens a prompt may have, before anybody has counted it.

use tollgate_catalog::{contract::ValidRequest, serving::Serving};
use tollgate_dialects::{Context, encode, request::Fetched, turn_state::TurnStates};
use tollgate_ledger::KeyId;

use crate::{
    attempt::reasoning::{HeldStates, Owner},
    channel::Server,
    count::tally::MEDIUM,
    error::GateError,
};

/// Bytes that a provider may add to what it reads: roles, what it tells the model about tools.
const ADDED_BYTES: u64 = 4_096;

/// The most that it can have at this server, with what earlier turns may add there.
///
/// Fails where media have no bound: they are named by URL, or nobody knows the context.
pub fn most(
    key: KeyId,
    request: &ValidRequest,
    server: &Server,
    states: &HeldStates,
) -> Result<u64, GateError> {
    let server = server.for_request(request);
    let states = states.of(&Owner::of(key, &server), &server.serving.quirks);
    most_of(request, &server.serving, sent(request, &server, &states))
}

/// Bytes that go out to this server: kept thoughts are put back, references in schemas written out. 0 where nothing does,
/// since it cannot do what is asked.
fn sent(request: &ValidRequest, server: &Server, states: &TurnStates) -> u64 {
    let context = Context {
        provider_files: server.channel.settings.provider_files,
        states,
        // Who names media by URL is refused.
        fetched: &Fetched::default(),
        choices: request.n.min(server.serving.quirks.n_max.max(1)),
    };
    let sent = encode(request, &server.serving, &context);
    sent.map_or(0, |sent| sent.body_len() as u64)
}

/// The most that it can have, where so many bytes are sent. No text has more tokens than bytes; of media their bytes say
/// nothing: a few hundred may be an image of a thousand tokens, or an hour of silence. Images have a bound of their own
/// where the provider names one; and no prompt is longer than the model's context.
///
/// Fails where media have no bound: they are named by URL, or nobody knows the context.
fn most_of(request: &ValidRequest, serving: &Serving, sent: u64) -> Result<u64, GateError> {
    let traits = &request.traits;
    if traits.image_urls || traits.video_urls || traits.file_urls || traits.provider_file.is_some() {
        return Err(GateError::UnboundedPrompt { by_url: true });
    }
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
