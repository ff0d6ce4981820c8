//! The client's messages as `contents`: two sides that take turns.

mod order;
mod signatures;

use std::{borrow::Cow, collections::HashMap};

use serde_json::value::RawValue;
use tollgate_chat::{json::quote, object::Object};

use self::signatures::Signatures;
use super::{
    body::{Content, FunctionCall, FunctionResponse, Part, Role},
    media::{Media, Place, note},
    names::Names,
};
use crate::{
    conversation::{Assistant, Call, Message, Part as ClientPart, PartKind},
    request::{Note, Unsupported},
    turn_state::TurnStates,
};

/// Stands where a turn is needed and there is nothing to say; Gemini refuses empty ones.
const BLANK: &str = " ";

/// What the messages became.
#[derive(Debug, Default)]
pub(super) struct Written<'a> {
    pub system: Vec<Part<'a>>,
    pub contents: Vec<Content<'a>>,
}

/// Writes the messages.
pub(super) struct Writer<'a, 'w> {
    pub media: Media<'a>,
    pub states: &'a TurnStates,
    pub names: &'w mut Names,
    pub notes: &'w mut Vec<Note>,
    /// The place of each call so far in the turn that made it, for the order of results.
    pub made: HashMap<Cow<'a, str>, usize>,
}

/// A turn, and whether it is made of tools' results: those stay by themselves, since Gemini counts them
/// against the calls before.
struct Turn<'a> {
    content: Content<'a>,
    results: bool,
}

impl<'a> Writer<'a, '_> {
    /// Fails with the first part that this model's provider does not take.
    pub fn write(&mut self, messages: &[Message<'a>]) -> Result<Written<'a>, Unsupported> {
        let mut system = Vec::new();
        let mut turns: Vec<Turn<'a>> = Vec::new();
        let current = current_turn(messages);
        let mut names_by_call: HashMap<&str, &str> = HashMap::new();
        let mut index = 0;
        while let Some(message) = messages.get(index) {
            index += 1;
            match message {
                Message::System { at, parts, .. } => {
                    if !turns.is_empty() {
                        // Gemini has one place for instructions.
                        note(self.notes, Note::Moved(format!("messages[{at}]")));
                    }
                    system.extend(self.system(*at, parts)?);
                }
                Message::User { at, parts } => {
                    let parts = self.parts(*at, parts)?;
                    if parts.is_empty() {
                        note(self.notes, Note::Moved(format!("messages[{at}].content")));
                    }
                    say(&mut turns, Role::User, false, parts);
                }
                Message::Assistant(assistant) => {
                    let calls = assistant.calls.iter();
                    names_by_call.extend(calls.map(|call| (&*call.id, &*call.name)));
                    let parts = self.assistant(assistant, index > current)?;
                    say(&mut turns, Role::Model, false, parts);
                }
                Message::Tool { .. } => {
                    let rest = messages[index..].iter();
                    let more = rest
                        .take_while(|next| matches!(next, Message::Tool { .. }))
                        .count();
                    let results = &messages[index - 1..index + more];
                    index += more;
                    let (parts, beside) = self.results(results, &names_by_call)?;
                    say(&mut turns, Role::User, true, parts);
                    if !beside.is_empty() {
                        say(&mut turns, Role::User, false, beside);
                    }
                }
            }
        }
        if turns
            .first()
            .is_none_or(|first| first.content.role == Role::Model)
        {
            // A conversation begins with the user, also where the client gave only instructions.
            turns.insert(0, blank());
        }
        let mut contents: Vec<_> = turns.into_iter().map(|turn| turn.content).collect();
        if self.media.quirks.part_signatures {
            let own = contents.iter_mut().filter(|content| content.role == Role::Model);
            own.for_each(|content| signatures::stand_in(&mut content.parts));
        }
        Ok(Written { system, contents })
    }

    fn system(&mut self, at: usize, parts: &[ClientPart<'a>]) -> Result<Vec<Part<'a>>, Unsupported> {
        let mut out = Vec::new();
        for part in parts {
            match &part.kind {
                PartKind::Text(text) if text.is_empty() => {}
                PartKind::Text(text) => out.push(Part::text(text.clone())),
                _ => {
                    return Err(Unsupported::new(
                        format!("messages[{at}].content"),
                        "this model's provider takes only text from the system and the developer",
                    ));
                }
            }
        }
        Ok(out)
    }

    /// The parts of a message, empty texts left out.
    fn parts(&mut self, at: usize, parts: &[ClientPart<'a>]) -> Result<Vec<Part<'a>>, Unsupported> {
        let mut out = Vec::with_capacity(parts.len());
        for part in parts {
            if matches!(&part.kind, PartKind::Text(text) | PartKind::Refusal(text) if text.is_empty()) {
                continue;
            }
            let place = Place {
                message: at,
                spot: part.spot,
            };
            out.push(self.media.part(place, &part.kind, self.notes)?);
        }
        Ok(out)
    }

    /// `current`: whether it belongs to the turn that is still going on.
    fn assistant(&mut self, assistant: &Assistant<'a>, current: bool) -> Result<Vec<Part<'a>>, Unsupported> {
        let signatures = match self.states.are_refused() {
            true => Signatures::default(),
            false => Signatures::of(assistant, self.states.of(assistant)),
        };
        if signatures.sent_none {
            note(self.notes, Note::Omitted("messages.reasoning".to_owned()));
        }
        let mut said = self.parts(assistant.at, &assistant.parts)?;
        let mut images = signatures.on_images;
        for (index, part) in said
            .iter_mut()
            .filter(|part| part.inline_data.is_some())
            .enumerate()
        {
            part.thought_signature = images.remove(&(index as u32));
        }
        if let Some(signature) = signatures.on_text {
            match said.iter_mut().rfind(|part| part.text.is_some()) {
                Some(text) => text.thought_signature = Some(signature),
                None => said.push(Part {
                    thought_signature: Some(signature),
                    ..Part::text("")
                }),
            }
        }

        let mut made = signatures.made;
        if made.is_empty() {
            made = (0..assistant.calls.len()).collect();
        }
        let mut called: Vec<Option<Part<'a>>> = Vec::with_capacity(assistant.calls.len());
        let mut calls = signatures.on_calls;
        for (place, call) in assistant.calls.iter().enumerate() {
            let mut signature = calls.remove(&place);
            let is_first = made.first() == Some(&place);
            if signature.is_none() && is_first && current && self.media.quirks.call_signatures {
                signature = Some(signatures::PLACEHOLDER.to_owned());
            }
            called.push(Some(Part {
                function_call: Some(self.call(call)),
                thought_signature: signature,
                ..Part::default()
            }));
        }
        for (number, place) in made.iter().enumerate() {
            let call = assistant.calls.get(*place);
            self.made.extend(call.map(|call| (call.id.clone(), number)));
        }
        let Some(order) = signatures.order else {
            let in_order = made.into_iter().filter_map(|place| called.get_mut(place)?.take());
            said.extend(in_order);
            return Ok(said);
        };
        if order.text_moved {
            let at = assistant.at;
            note(self.notes, Note::Moved(format!("messages[{at}].content")));
        }
        Ok(order::restored(order, said, called))
    }

    fn call(&mut self, call: &Call<'a>) -> FunctionCall<'a> {
        FunctionCall {
            id: self.media.quirks.call_ids.then(|| call.id.clone()),
            name: self.names.send(&call.name),
            args: object_or(&call.arguments, "arguments"),
        }
    }

    /// Results that follow each other, in the order of their calls, and media that go beside them.
    fn results(
        &mut self,
        results: &[Message<'a>],
        names_by_call: &HashMap<&str, &str>,
    ) -> Result<(Vec<Part<'a>>, Vec<Part<'a>>), Unsupported> {
        let mut ordered = Vec::with_capacity(results.len());
        for result in results {
            if let Message::Tool { at, call_id, parts } = result {
                let place = self.made.get(call_id).copied();
                ordered.push((place.unwrap_or(usize::MAX), *at, call_id, parts));
            }
        }
        ordered.sort_by_key(|(place, ..)| *place);
        let (mut out, mut beside) = (Vec::new(), Vec::new());
        for (_, at, call_id, parts) in ordered {
            let Some(name) = names_by_call.get(&**call_id) else {
                return Err(Unsupported::new(
                    format!("messages[{at}].tool_call_id"),
                    "no call with this ID stands before its result; send the assistant message that made it",
                ));
            };
            let is_text = |part: &&ClientPart<'_>| matches!(part.kind, PartKind::Text(_));
            let text: String = parts
                .iter()
                .filter_map(|part| match &part.kind {
                    PartKind::Text(text) => Some(&**text),
                    _ => None,
                })
                .collect();
            let mut media = Vec::new();
            for part in parts.iter().filter(|part| !is_text(part)) {
                let place = Place {
                    message: at,
                    spot: part.spot,
                };
                media.push(self.media.part(place, &part.kind, self.notes)?);
            }
            let inside = self.media.quirks.tool_result_media;
            if !inside && !media.is_empty() {
                note(self.notes, Note::Moved(format!("messages[{at}].content")));
                beside.append(&mut media);
            }
            out.push(Part {
                function_response: Some(FunctionResponse {
                    id: self.media.quirks.call_ids.then(|| call_id.clone()),
                    name: self.names.send(name),
                    response: object_or(&text, "result"),
                    parts: media,
                }),
                ..Part::default()
            });
        }
        Ok((out, beside))
    }
}

/// Where the current turn begins: after the last message of the user's. Only its calls have to carry
/// signatures.
fn current_turn(messages: &[Message<'_>]) -> usize {
    let last = messages
        .iter()
        .rposition(|message| matches!(message, Message::User { .. }));
    last.map_or(0, |last| last + 1)
}

/// Adds to the last turn where the same side goes on, else opens one.
fn say<'a>(turns: &mut Vec<Turn<'a>>, role: Role, results: bool, parts: Vec<Part<'a>>) {
    if parts.is_empty() {
        // Nothing said: it still stands between the turns around it, where there is one before.
        if turns.last().is_some_and(|last| last.content.role != role) {
            let content = Content {
                role,
                parts: vec![Part::text(BLANK)],
            };
            turns.push(Turn { content, results });
        }
        return;
    }
    match turns.last_mut() {
        Some(last) if last.content.role == role && last.results == results => {
            last.content.parts.extend(parts);
        }
        _ => turns.push(Turn {
            content: Content { role, parts },
            results,
        }),
    }
}

fn blank<'a>() -> Turn<'a> {
    Turn {
        content: Content {
            role: Role::User,
            parts: vec![Part::text(BLANK)],
        },
        results: false,
    }
}

/// `text` as it is where it is a JSON object, else as the one member `name` of an object; nothing at all
/// is an object with no members where it would be arguments.
fn object_or(text: &str, name: &str) -> Box<RawValue> {
    let trimmed = text.trim();
    if let Ok(object) = Object::parse(trimmed)
        && let Ok(raw) = RawValue::from_string(object.text().to_owned())
    {
        return raw;
    }
    let json = match trimmed.is_empty() && name == "arguments" {
        true => "{}".to_owned(),
        false => format!("{{{}:{}}}", quote(name), quote(text)),
    };
    RawValue::from_string(json).expect("an object of one string is JSON")
}
