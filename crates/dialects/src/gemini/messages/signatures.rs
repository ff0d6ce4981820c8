//! The signatures of an earlier turn: what the client sent back, in any form it knows, else what was
//! kept for it.

use std::collections::HashMap;

use tollgate_chat::{event::Place, object::Object};

use super::super::body::Part;
use crate::{
    conversation::Assistant,
    data_uri,
    turn_state::{TurnState, order::Order},
};

/// Google's own word for parts whose signature is lost, such as those that another model made.
pub(super) const PLACEHOLDER: &str = "skip_thought_signature_validator";

/// Signs what a model that draws has to have signed of one turn of its own: the first part that is no thought,
/// and every image. Later texts it leaves unsigned itself.
pub(super) fn stand_in(turn: &mut [Part<'_>]) {
    let said = turn.iter_mut().filter(|part| !part.thought);
    for (place, part) in said.enumerate() {
        let is_image = part.inline_data.is_some() || part.file_data.is_some();
        if (place == 0 || is_image) && part.thought_signature.is_none() {
            part.thought_signature = Some(PLACEHOLDER.to_owned());
        }
    }
}

/// Signatures by what they stand on. Images are counted from 0, as are calls, in the client's list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Signatures {
    pub on_text: Option<String>,
    pub on_images: HashMap<u32, String>,
    pub on_calls: HashMap<usize, String>,
    /// The client's calls in the order in which they were made, those of its own last; empty where nobody
    /// knows another than the client's.
    pub made: Vec<usize>,
    /// How everything followed each other, with the signatures of texts and those that stood by themselves.
    pub order: Option<Order>,
    /// Whether the client sent something in their place that is none: they are bytes in base64, and the provider
    /// would refuse the request as it stands.
    pub sent_none: bool,
}

impl Signatures {
    /// What the client sent counts alone; `state` where it sent nothing.
    pub fn of(turn: &Assistant<'_>, state: Option<&TurnState>) -> Self {
        let mut sent = Self::sent(turn);
        let sent_none = std::mem::take(&mut sent.sent_none);
        let mut signatures = match sent == Self::default() {
            true => state.map(|state| Self::kept(turn, state)).unwrap_or_default(),
            false => sent,
        };
        signatures.sent_none = sent_none;
        signatures
    }

    fn sent(turn: &Assistant<'_>) -> Self {
        let mut sent = Self::default();
        for (index, call) in turn.calls.iter().enumerate() {
            let signature = call
                .signature
                .as_deref()
                .and_then(|signature| sent.signature(signature));
            sent.on_calls
                .extend(signature.map(|signature| (index, signature)));
        }
        let on_text = turn.signature.as_deref();
        sent.on_text = on_text.and_then(|signature| sent.signature(signature));
        for detail in &turn.reasoning_details {
            sent.take_detail(detail, turn);
        }
        sent
    }

    /// What a client sent as a signature, if it can be one.
    fn signature(&mut self, text: &str) -> Option<String> {
        let is_one = data_uri::decode(text).is_some();
        self.sent_none |= !is_one;
        is_one.then(|| text.to_owned())
    }

    /// An item of `reasoning_details` (OpenRouter's form): encrypted, of Google's format, with the ID of
    /// the call that it belongs to, or none where it belongs to the text.
    fn take_detail(&mut self, json: &str, turn: &Assistant<'_>) {
        let Ok(detail) = Object::parse(json) else { return };
        let word = |name| detail.read::<String>(name).unwrap_or_default();
        if !word("format").starts_with("google-gemini") || word("type") != "reasoning.encrypted" {
            return;
        }
        let data = detail.read::<String>("data").filter(|data| !data.is_empty());
        let Some(signature) = data.and_then(|data| self.signature(&data)) else {
            return;
        };
        let id = word("id");
        let call = turn.calls.iter().position(|call| call.id == id);
        match call {
            Some(index) => {
                self.on_calls.entry(index).or_insert(signature);
            }
            None if turn.calls.is_empty() => {
                self.on_text.get_or_insert(signature);
            }
            None => {
                self.on_calls.entry(0).or_insert(signature);
            }
        }
    }

    fn kept(turn: &Assistant<'_>, state: &TurnState) -> Self {
        let places = state.places_of_calls(turn);
        let own = (0..turn.calls.len()).filter(|place| !places.values().any(|known| known == place));
        let mut kept = Self {
            made: places.values().copied().chain(own).collect(),
            order: Order::of(turn, state),
            ..Self::default()
        };
        for piece in &state.pieces {
            let signature = || {
                let piece = Object::parse(&piece.json).ok()?;
                piece.read::<String>("thoughtSignature")
            };
            match piece.place {
                Place::OnImage(index) => kept.on_images.extend(signature().map(|text| (index, text))),
                Place::OnCall(index) => {
                    let place = places.get(&index).copied();
                    kept.on_calls.extend(place.zip(signature()));
                }
                Place::Order => {}
                // Of thoughts that are text.
                Place::Start => {}
            }
        }
        kept
    }
}
