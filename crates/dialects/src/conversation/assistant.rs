//! What the model said in earlier turns, and the state that clients send back with it.

use std::borrow::Cow;

use tollgate_chat::object::{Object, items};

use super::{
    parts::{self, Part, PartKind, Source, Spot},
    text,
};
use crate::turn_state::Before;

/// Between a call's ID and a signature that another gateway has put into it.
const SIGNATURE_MARK: &str = "__thought__";

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Assistant<'a> {
    pub at: usize,
    /// What was said right before it.
    pub before: Before,
    /// Texts, refusals, and images that the model drew.
    pub parts: Vec<Part<'a>>,
    /// `reasoning_content`, or `reasoning` as some hosts call it.
    pub reasoning: Option<Cow<'a, str>>,
    pub calls: Vec<Call<'a>>,
    /// `thinking_blocks`: Anthropic's blocks, each as JSON.
    pub thinking_blocks: Vec<&'a str>,
    /// `reasoning_details`, each item as JSON.
    pub reasoning_details: Vec<&'a str>,
    /// A Gemini signature of the text, which the client sent back.
    pub signature: Option<Cow<'a, str>>,
}

/// A tool call of an earlier turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call<'a> {
    /// Without a signature that stood in it.
    pub id: Cow<'a, str>,
    pub name: Cow<'a, str>,
    /// The client's string; may be empty.
    pub arguments: Cow<'a, str>,
    /// A Gemini signature that the client sent back, in whichever form.
    pub signature: Option<Cow<'a, str>>,
    /// The client's `cache_control`, of the call or of its function, as JSON.
    pub cache_control: Option<&'a str>,
}

pub(super) fn read<'a>(at: usize, before: Before, message: &Object<'a>) -> Assistant<'a> {
    let list = |name: &str| {
        let list = message.present(name).unwrap_or_default();
        items(list).unwrap_or_default()
    };
    let mut parts = parts::read(message);
    if parts.iter().all(|part| part.says_nothing()) {
        parts.extend(spoken(message).map(|text| bare(PartKind::Text(text), Spot::Content(0))));
    }
    if let Some(refusal) = text(message, "refusal").filter(|text| !text.is_empty()) {
        parts.push(bare(PartKind::Refusal(refusal), Spot::Refusal));
    }
    let images = list("images").into_iter().enumerate();
    parts.extend(images.filter_map(|(index, json)| image(json, Spot::Images(index))));
    Assistant {
        at,
        before,
        parts,
        reasoning: text(message, "reasoning_content")
            .or_else(|| text(message, "reasoning"))
            .filter(|text| !text.is_empty()),
        calls: list("tool_calls").into_iter().filter_map(call).collect(),
        thinking_blocks: list("thinking_blocks"),
        reasoning_details: list("reasoning_details"),
        signature: google_signature(message),
    }
}

impl Assistant<'_> {
    /// The texts, glued together.
    pub fn text(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match &part.kind {
            PartKind::Text(text) => Some(&**text),
            _ => None,
        });
        texts.collect()
    }

    /// The images, each as it was sent.
    pub fn images(&self) -> impl Iterator<Item = &Source<'_>> {
        self.parts.iter().filter_map(|part| match &part.kind {
            PartKind::Image { source, .. } => Some(source),
            _ => None,
        })
    }
}

/// The words of an answer that was spoken.
pub fn spoken<'a>(message: &Object<'a>) -> Option<Cow<'a, str>> {
    let audio = Object::parse(message.present("audio")?).ok()?;
    text(&audio, "transcript").filter(|text| !text.is_empty())
}

/// An image as an answer gave it: a part of type `image_url`.
fn image(json: &str, spot: Spot) -> Option<Part<'_>> {
    let image = Object::parse(Object::parse(json).ok()?.present("image_url")?).ok()?;
    let kind = PartKind::Image {
        source: parts::source(text(&image, "url")?),
        detail: None,
    };
    Some(bare(kind, spot))
}

fn call(json: &str) -> Option<Call<'_>> {
    let call = Object::parse(json).ok()?;
    let function = Object::parse(call.present("function")?).ok()?;
    let (id, signature) = without_signature(text(&call, "id")?);
    Some(Call {
        id,
        name: text(&function, "name")?,
        arguments: text(&function, "arguments").unwrap_or_default(),
        signature: google_signature(&call).or(signature),
        cache_control: call
            .present("cache_control")
            .or_else(|| function.present("cache_control")),
    })
}

/// `extra_content.google.thought_signature` of a call or a message, Google's own form for chat clients.
fn google_signature<'a>(holder: &Object<'a>) -> Option<Cow<'a, str>> {
    let extra = Object::parse(holder.present("extra_content")?).ok()?;
    let google = Object::parse(extra.present("google")?).ok()?;
    text(&google, "thought_signature")
}

/// Takes a signature out of a call's ID, as another gateway puts it there.
pub fn without_signature(id: Cow<'_, str>) -> (Cow<'_, str>, Option<Cow<'_, str>>) {
    let Some(mark) = id.find(SIGNATURE_MARK).filter(|mark| *mark > 0) else {
        return (id, None);
    };
    let (head, tail) = (mark, mark + SIGNATURE_MARK.len());
    match id {
        Cow::Borrowed(id) => (Cow::Borrowed(&id[..head]), Some(Cow::Borrowed(&id[tail..]))),
        Cow::Owned(id) => (
            Cow::Owned(id[..head].to_owned()),
            Some(Cow::Owned(id[tail..].to_owned())),
        ),
    }
}

fn bare(kind: PartKind<'_>, spot: Spot) -> Part<'_> {
    Part {
        kind,
        spot,
        cache_control: None,
    }
}
