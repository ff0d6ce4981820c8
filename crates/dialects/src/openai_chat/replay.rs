//! A whole answer told as a stream, for a provider that was asked for one and sent the other.

use std::borrow::Cow;

use tollgate_chat::{
    answer::Answer,
    event::{EventKind, Start},
    object::{Object, items},
    usage::CountedBy,
};

use super::{message, shape};
use crate::fault::{Fault, malformed};

/// Members of a message that mean something and have no event.
pub(super) const WITHOUT_EVENT: [&str; 2] = ["audio", "function_call"];

/// The events of an answer that [`super::answer::decode`] has read: its start,
/// what each choice says, each choice's end, the usage.
///
/// Fails with [`FaultKind::Malformed`](crate::FaultKind::Malformed) where the answer says what no event can (audio):
/// told without it, it would be another answer.
pub fn events(answer: &Answer) -> Result<Vec<EventKind>, Fault> {
    let text = std::str::from_utf8(&answer.json).map_err(|_| unreadable())?;
    let object = Object::parse(text).map_err(|_| unreadable())?;
    let mut kinds = vec![EventKind::Start(Start {
        id: object.read("id"),
        created: object.read("created"),
        system_fingerprint: object.read("system_fingerprint"),
    })];
    let first = answer.finishes.first().map_or(0, |finish| finish.choice);
    let unshown = answer.unshown.iter();
    kinds.extend(unshown.map(|kind| EventKind::Unshown {
        choice: first,
        kind: *kind,
    }));
    let choices = object.present("choices").ok_or_else(unreadable)?;
    let choices = items(choices).map_err(|_| unreadable())?;
    for (choice, finish) in choices.into_iter().zip(&answer.finishes) {
        let object = Object::parse(choice).map_err(|_| unreadable())?;
        tell_choice(&object, finish.choice, &mut kinds)?;
        kinds.push(EventKind::Finish(finish.clone()));
    }
    kinds.extend(answer.service_tier.clone().map(EventKind::ServiceTier));
    if answer.counted_by != CountedBy::Gate {
        kinds.push(EventKind::Usage(answer.usage));
    }
    Ok(kinds)
}

fn tell_choice(object: &Object<'_>, choice: u32, kinds: &mut Vec<EventKind>) -> Result<(), Fault> {
    let message = object.present("message").ok_or_else(unreadable)?;
    let message = Object::parse(message).map_err(|_| unreadable())?;
    let text = |name| {
        Ok(message::text(&message, name)?
            .filter(|text| !text.is_empty())
            .map(Cow::into_owned))
    };
    if let Some(text) = text("reasoning_content")? {
        kinds.push(EventKind::Reasoning { choice, text });
    }
    if let Some(text) = text("content")? {
        kinds.push(EventKind::Text { choice, text });
    }
    if let Some(text) = text("refusal")? {
        kinds.push(EventKind::Refusal { choice, text });
    }
    let calls = message::tool_calls(&message, true)?;
    kinds.extend(
        message::images(&message)?
            .into_iter()
            .map(|url| EventKind::Image { choice, url }),
    );
    kinds.extend(
        shape::citations(&message)
            .into_iter()
            .map(|citation| EventKind::Citation { choice, citation }),
    );
    if let Some(json) = object.present("logprobs").and_then(shape::items_of) {
        kinds.push(EventKind::Logprobs { choice, json });
    }
    let says = |name: &&str| message.present(name).is_some_and(|json| json != "[]");
    if WITHOUT_EVENT.iter().any(says) {
        return Err(malformed(
            "a whole answer came where a stream was asked for, with more than events can say",
        ));
    }
    for (index, call) in calls.into_iter().enumerate() {
        kinds.push(EventKind::ToolCall {
            choice,
            index: index as u32,
            id: call.id,
            name: call.name,
            arguments: call.arguments,
        });
    }
    Ok(())
}

fn unreadable() -> Fault {
    malformed("the answer cannot be read again")
}
