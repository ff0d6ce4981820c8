//! An earlier turn of the model's as it made it: texts, images and calls in their order, each with its own
//! signature.
//!
//! Google wants parts back as they came, and none with a signature merged with one without.

use std::borrow::Cow;

use tollgate_chat::object::Object;

use super::super::body::Part;
use crate::turn_state::order::{Order, Step};

/// Puts a turn together. `said`: what the client's message says, texts and media; `called`: its calls. What has
/// no place in the order goes last, text of the client's own first.
pub(super) fn restored<'a>(
    order: Order,
    said: Vec<Part<'a>>,
    mut called: Vec<Option<Part<'a>>>,
) -> Vec<Part<'a>> {
    let text: String = said.iter().filter_map(|part| part.text.as_deref()).collect();
    let media = said.into_iter().filter(|part| part.text.is_none());
    let mut media: Vec<Option<Part<'a>>> = media.map(Some).collect();
    let mut parts = Vec::with_capacity(order.steps.len());
    let mut rest = &*text;
    let mut texts = order.texts();
    if texts == 0 && !rest.is_empty() {
        parts.push(Part::text(text.clone()));
    }
    for step in order.steps {
        match step {
            Step::Thought(json) => parts.extend(standing(&json)),
            Step::Text {
                bytes,
                frame,
                changed,
            } => {
                texts -= 1;
                // A refusal is not counted, and came last.
                let cut = if texts == 0 { rest.len() } else { bytes };
                let (piece, after) = rest.split_at_checked(cut).unwrap_or((rest, ""));
                rest = after;
                if !piece.is_empty() {
                    parts.push(Part {
                        // That of another text.
                        thought_signature: frame.filter(|_| !changed).and_then(|frame| signature(&frame)),
                        ..Part::text(piece.to_owned())
                    });
                }
            }
            Step::Call(place) => parts.extend(called.get_mut(place).and_then(Option::take)),
            Step::Image(place) => parts.extend(media.get_mut(place).and_then(Option::take)),
            Step::Gone => {}
        }
    }
    parts.extend(media.into_iter().chain(called).flatten());
    parts
}

fn signature(json: &str) -> Option<String> {
    Object::parse(json).ok()?.read("thoughtSignature")
}

/// A part that holds nothing but a signature.
fn standing<'a>(json: &str) -> Option<Part<'a>> {
    Some(Part {
        text: Some(Cow::Borrowed("")),
        thought: Object::parse(json).ok()?.present("thought") == Some("true"),
        thought_signature: Some(signature(json)?),
        ..Part::default()
    })
}
