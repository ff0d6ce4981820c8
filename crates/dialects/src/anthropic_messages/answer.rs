//! A whole answer as events.

use bytes::Bytes;
use tollgate_chat::{
    event::{EventKind, Start},
    object::{Object, items},
};

use super::{citations::Cited, fault, finish::Stop, turn::Turn, usage::Counts};
use crate::{
    conversation::text,
    fault::{Fault, malformed},
};

/// The events of a whole answer with status 200, which may be an error all the same. `estimated_prompt`
/// stands in where the prompt is not counted.
pub fn events(body: &Bytes, estimated_prompt: u64) -> Result<Vec<EventKind>, Fault> {
    let body = std::str::from_utf8(body).map_err(|_| malformed("the answer is not UTF-8"))?;
    let message = Object::parse(body)
        .map_err(|error| malformed(format!("the answer is not a JSON object: {error}")))?;
    if let Some(fault) = fault::in_answer(&message) {
        return Err(fault);
    }
    let content = message.present("content").map(items);
    let Some(Ok(content)) = content else {
        return Err(malformed("the answer has no `content`"));
    };
    let mut events = vec![EventKind::Start(Start::default())];
    let mut turn = Turn::default();
    for block in content {
        let block = Object::parse(block).map_err(|_| malformed("a content block is not an object"))?;
        turn.fill_arguments(&mut events);
        tell(&block, &mut turn, &mut events)?;
    }
    let stop = stop_of(&message).said()?;
    if let Some(explanation) = stop.explanation.clone() {
        turn.refusal(explanation, &mut events);
    }
    turn.end(&mut events);
    events.push(EventKind::Finish(stop.finish(turn.called())));
    let mut counts = Counts::new(estimated_prompt);
    if let Some(Ok(usage)) = message.present("usage").map(Object::parse) {
        counts.take(&usage);
    }
    events.extend(counts.events());
    events.extend(counts.take_tier());
    Ok(events)
}

/// What one block says. Blocks of hosted tools, and kinds that are new, say nothing to the client.
fn tell(block: &Object<'_>, turn: &mut Turn, events: &mut Vec<EventKind>) -> Result<(), Fault> {
    match text(block, "type").as_deref() {
        Some("text") => {
            let begins = turn.chars();
            turn.text(string(block, "text")?, events);
            turn.cited(Cited::of(block), begins, events);
        }
        Some("thinking") => {
            turn.begin_thought();
            turn.reasoning(string(block, "thinking")?, events);
            if is_signed(block) {
                turn.thought(block.text().to_owned());
            }
        }
        Some("redacted_thinking") => turn.thought(block.text().to_owned()),
        Some("tool_use") => {
            let (id, name) = name_of_call(block)?;
            match block.present("input").filter(|input| !says_nothing(input)) {
                Some(input) => {
                    turn.call(id, name, input.to_owned(), events);
                }
                None => {
                    let index = turn.call(id, name, String::new(), events);
                    turn.no_arguments(index);
                }
            }
        }
        _ => return Ok(()),
    }
    turn.block_end(events);
    Ok(())
}

/// Whether a thinking block can be sent back: a thought that was cut off has no signature.
fn is_signed(block: &Object<'_>) -> bool {
    text(block, "signature").is_some_and(|signature| !signature.is_empty())
}

/// Whether the `input` of a call is empty: it may have been cut off before it began.
pub(super) fn says_nothing(input: &str) -> bool {
    Object::parse(input).is_ok_and(|input| input.members().is_empty())
}

/// ID and name of a `tool_use` block. Fails where either is missing: nobody could answer the call.
pub(super) fn name_of_call(block: &Object<'_>) -> Result<(String, String), Fault> {
    let member = |name| text(block, name).filter(|text| !text.is_empty());
    match (member("id"), member("name")) {
        (Some(id), Some(name)) => Ok((id.into_owned(), name.into_owned())),
        _ => Err(malformed("a tool call lacks its ID or its name")),
    }
}

/// `stop_reason`, `stop_sequence` and `stop_details` of a message, or of the delta of one.
pub(super) fn stop_of(message: &Object<'_>) -> Stop {
    let details = message.present("stop_details").map(Object::parse);
    let explanation = match details {
        Some(Ok(details)) => text(&details, "explanation").map(|text| text.into_owned()),
        _ => None,
    };
    Stop {
        reason: text(message, "stop_reason").map(|text| text.into_owned()),
        sequence: text(message, "stop_sequence").map(|text| text.into_owned()),
        explanation,
    }
}

/// The string `name`; empty where it is absent. Fails where it is no string: content would be lost.
pub(super) fn string(block: &Object<'_>, name: &str) -> Result<String, Fault> {
    match (block.present(name), text(block, name)) {
        (None, _) => Ok(String::new()),
        (_, Some(text)) => Ok(text.into_owned()),
        (Some(_), None) => Err(malformed(format!("`{name}` of a content block is no string"))),
    }
}
