//! A whole answer.

use std::num::NonZeroU32;

use bytes::Bytes;
use tollgate_chat::{event::EventKind, object::items};

use super::candidates::Candidates;
use crate::fault::{Fault, malformed};

/// The events of a whole answer with status 200. A stream's array counts too, since the API gives one
/// where `alt=sse` got lost.
///
/// `choices`: how many were asked for, where that is known. `estimated_prompt`: tokens of the prompt, for an
/// answer that does not count them. `id`: our own name for the answer.
pub fn events(
    body: &Bytes,
    choices: Option<NonZeroU32>,
    estimated_prompt: u64,
    id: &str,
) -> Result<Vec<EventKind>, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| malformed("the answer is not UTF-8"))?;
    let text = text.trim();
    let mut candidates = Candidates::new(choices, estimated_prompt, id.to_owned());
    let mut events = Vec::new();
    if text.starts_with('[') {
        let responses = items(text).map_err(|error| malformed(format!("the answer is not JSON: {error}")))?;
        for response in responses {
            candidates.take(response, &mut events)?;
        }
    } else {
        candidates.take(text, &mut events)?;
    }
    candidates.end(&mut events)?;
    Ok(events)
}
