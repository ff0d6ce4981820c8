//! How many tokens a prompt may have, before anybody has counted it.

use tollgate_catalog::{contract::ValidRequest, serving::Serving};

use crate::{count::tally::MEDIUM, error::GateError};

/// Bytes that the gate may add to what the provider reads, in the client's stead.
const ADDED_BYTES: u64 = 4_096;

/// The most that it can have. No text has more tokens than bytes; of media their bytes say nothing: a few hundred may be
/// an image of a thousand tokens, or an hour of silence. Images have a bound of their own where the provider names one;
/// and no prompt is longer than the model's context.
///
/// Fails where media have no bound: they are named by URL, or nobody knows the context.
pub fn most(request: &ValidRequest, serving: &Serving) -> Result<u64, GateError> {
    let traits = &request.traits;
    if traits.image_urls || traits.video_urls || traits.file_urls || traits.provider_file.is_some() {
        return Err(GateError::UnboundedPrompt { by_url: true });
    }
    let bytes = (request.request.body().len() as u64).saturating_add(ADDED_BYTES);
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
