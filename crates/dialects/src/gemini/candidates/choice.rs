//! One choice: what its parts say, and how it ends.

use tollgate_chat::{
    event::{EventKind, Finish, FinishReason, Place, State, Unshown},
    object::{Object, items},
};

use super::super::{
    call::{Call, CallPart, OpenCall, made_up_id},
    fault,
    finish::{self, Ended},
    grounding::Grounding,
    logprobs,
};
use crate::{
    conversation::text,
    data_uri,
    fault::{Fault, malformed},
    turn_state::order::OrderWriter,
};

/// Most calls of one choice.
const CALLS_LIMIT: u32 = 1_024;

/// What one choice has said so far.
#[derive(Debug, Default)]
pub(super) struct Choice {
    block: Option<Block>,
    calls: u32,
    images: u32,
    /// A call of which more is to come, and its signature.
    open: Option<(OpenCall, Option<String>)>,
    says_something: bool,
    ended: Option<Ended>,
    /// Whether more came after the end that was said.
    goes_on: bool,
    grounding: Grounding,
    order: OrderWriter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Thought,
    Text,
}

impl Choice {
    pub fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// The prompt was found to be bad while it was answered: what has not ended ends with that.
    pub fn block(&mut self, word: Option<&str>) {
        self.ended.get_or_insert_with(|| Ended {
            reason: FinishReason::ContentFilter,
            word: word.map(str::to_owned),
        });
    }

    pub fn take(
        &mut self,
        index: u32,
        candidate: &Object<'_>,
        answer: &str,
        events: &mut Vec<EventKind>,
    ) -> Result<(), Fault> {
        let content = match candidate.present("content") {
            None => None,
            Some(json) => Some(Object::parse(json).map_err(|_| malformed("`content` is not an object"))?),
        };
        let parts = match content.as_ref().and_then(|content| content.present("parts")) {
            None => Vec::new(),
            Some(parts) => items(parts).map_err(|_| malformed("`parts` is not an array"))?,
        };
        self.goes_on |= self.ended.is_some() && !parts.iter().all(|part| is_empty_text(part));
        // Before the parts: a call that is none must not get out.
        if let Some(json) = candidate.present("finishReason") {
            let message = text(candidate, "finishMessage").unwrap_or_default();
            let says_something = self.says_something || !parts.is_empty();
            let ended = finish::read(json, fault::clip(&message).as_ref(), says_something)?;
            // A cut is taken back by what comes after it, not by a `STOP` alone.
            let holds = |before: &Ended| before.reason != FinishReason::Stop && !self.goes_on;
            if ended.reason != FinishReason::Stop || !self.ended.as_ref().is_some_and(holds) {
                self.ended = Some(ended);
                self.goes_on = false;
            }
        }
        for part in parts {
            let part = Object::parse(part).map_err(|_| malformed("a part is not an object"))?;
            self.part(index, &part, answer, events)?;
        }
        self.grounding.take(candidate);
        if let Some(json) = candidate.present("logprobsResult").and_then(logprobs::read) {
            events.push(EventKind::Logprobs { choice: index, json });
        }
        Ok(())
    }

    fn part(
        &mut self,
        choice: u32,
        part: &Object<'_>,
        answer: &str,
        events: &mut Vec<EventKind>,
    ) -> Result<(), Fault> {
        let is_thought = part.present("thought") == Some("true");
        let signature = part.present("thoughtSignature");
        if part.present("text").is_some() {
            let text = text(part, "text").ok_or_else(|| malformed("a text is not a string"))?;
            self.text(choice, text.into_owned(), is_thought, signature, events);
        } else if let Some(json) = part.present("functionCall") {
            self.call(choice, CallPart::read(json)?, signature, answer, events)?;
        } else if let Some(json) = part.present("inlineData") {
            self.image(choice, json, is_thought, signature, events)?;
        } else if let Some(json) = part.present("fileData").filter(|_| !is_thought) {
            // It lies in the provider's storage, where the client cannot get at it.
            let file = Object::parse(json).map_err(|_| malformed("`fileData` is not an object"))?;
            let media_type: String = file.read("mimeType").unwrap_or_default();
            let kind = unshown(&media_type).unwrap_or(Unshown::File);
            self.says_something = true;
            events.push(EventKind::Unshown { choice, kind });
        } else if let Some(signature) = signature.filter(|_| part.members().len() == 1) {
            self.text(choice, String::new(), false, Some(signature), events);
        }
        // What hosted tools say (executableCode, toolCall, …) is not the client's; parts of a kind that
        // nobody knows are passed over.
        Ok(())
    }

    fn text(
        &mut self,
        choice: u32,
        text: String,
        is_thought: bool,
        signature: Option<&str>,
        events: &mut Vec<EventKind>,
    ) {
        let (bytes, state) = (text.len(), signature.map(signed));
        if !text.is_empty() {
            let block = if is_thought { Block::Thought } else { Block::Text };
            self.open(choice, Some(block), events);
            self.says_something = true;
            events.push(match block {
                Block::Thought => EventKind::Reasoning { choice, text },
                Block::Text => {
                    self.grounding.said(&text);
                    EventKind::Text { choice, text }
                }
            });
        }
        match (state, bytes) {
            (Some(state), 1..) if !is_thought => self.order.framed_text(bytes, state, true),
            // A signature by itself, which thoughts that are text leave behind too.
            (Some(_), _) => self
                .order
                .thought(standing(is_thought, signature.unwrap_or_default())),
            (None, 1..) if !is_thought => self.order.text(bytes),
            (None, _) => {}
        }
    }

    fn image(
        &mut self,
        choice: u32,
        json: &str,
        is_thought: bool,
        signature: Option<&str>,
        events: &mut Vec<EventKind>,
    ) -> Result<(), Fault> {
        let data = Object::parse(json).map_err(|_| malformed("`inlineData` is not an object"))?;
        let media_type: String = data.read("mimeType").unwrap_or_default();
        // Sketches that are part of the thinking are no answer.
        if is_thought {
            return Ok(());
        }
        if let Some(kind) = unshown(&media_type) {
            self.says_something = true;
            events.push(EventKind::Unshown { choice, kind });
            return Ok(());
        }
        let base64: String = data
            .read("data")
            .ok_or_else(|| malformed("`inlineData` has no data"))?;
        self.open(choice, None, events);
        self.says_something = true;
        let url = data_uri::join(&media_type, &base64);
        events.push(EventKind::Image { choice, url });
        self.order.image(self.images);
        if let Some(signature) = signature {
            push_state(choice, Place::OnImage(self.images), signed(signature), events);
        }
        events.push(EventKind::BlockEnd { choice });
        self.images += 1;
        Ok(())
    }

    fn call(
        &mut self,
        choice: u32,
        part: CallPart<'_>,
        signature: Option<&str>,
        answer: &str,
        events: &mut Vec<EventKind>,
    ) -> Result<(), Fault> {
        if part.continues() {
            let Some((open, _)) = &mut self.open else {
                return Err(malformed("a functionCall goes on that was never begun"));
            };
            if open.go_on(&part)? {
                self.close_call(choice, false, answer, events);
            }
            return Ok(());
        }
        self.close_call(choice, false, answer, events);
        if self.calls == CALLS_LIMIT {
            return Err(malformed("too many functionCalls"));
        }
        self.open(choice, None, events);
        match part.begin()? {
            Ok(call) => self.push_call(choice, call, signature, answer, events),
            Err(open) => self.open = Some((open, signature.map(str::to_owned))),
        }
        Ok(())
    }

    fn close_call(&mut self, choice: u32, cut: bool, answer: &str, events: &mut Vec<EventKind>) {
        let Some((open, signature)) = self.open.take() else {
            return;
        };
        let call = if cut { open.break_off() } else { open.end() };
        self.push_call(choice, call, signature.as_deref(), answer, events);
    }

    fn push_call(
        &mut self,
        choice: u32,
        call: Call,
        signature: Option<&str>,
        answer: &str,
        events: &mut Vec<EventKind>,
    ) {
        let index = self.calls;
        self.calls += 1;
        self.says_something = true;
        let id = call.id.unwrap_or_else(|| made_up_id(answer, choice, index));
        self.order.call(index);
        events.push(EventKind::ToolCall {
            choice,
            index,
            id: Some(id),
            name: Some(call.name),
            arguments: call.arguments,
        });
        if let Some(signature) = signature {
            push_state(choice, Place::OnCall(index), signed(signature), events);
        }
        events.push(EventKind::BlockEnd { choice });
    }

    /// Goes on in a block of this kind, and ends the one before. `None`: in what is a block by itself.
    fn open(&mut self, choice: u32, block: Option<Block>, events: &mut Vec<EventKind>) {
        let before = std::mem::replace(&mut self.block, block);
        if before.is_some() && before != block {
            events.push(EventKind::BlockEnd { choice });
        }
    }

    pub fn end(mut self, choice: u32, answer: &str, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        let Some(ended) = self.ended.take() else {
            return Ok(());
        };
        let cut = ended.reason == FinishReason::Length;
        if self.open.is_some() && !cut {
            return Err(malformed("a functionCall was never ended"));
        }
        self.close_call(choice, cut, answer, events);
        self.open(choice, None, events);
        let (citations, has_others) = std::mem::take(&mut self.grounding).end();
        let citations = citations.into_iter();
        events.extend(citations.map(|citation| EventKind::Citation { choice, citation }));
        events.extend(has_others.then_some(EventKind::Unshown {
            choice,
            kind: Unshown::Annotations,
        }));
        events.extend(std::mem::take(&mut self.order).finish(choice));
        let reason = match ended.reason {
            FinishReason::Stop if self.calls > 0 => FinishReason::ToolCalls,
            reason => reason,
        };
        events.push(EventKind::Finish(Finish {
            choice,
            reason,
            matched_stop: None,
            provider_reason: ended.word,
        }));
        Ok(())
    }
}

/// What a medium is for which an answer has no place; `None` for an image.
fn unshown(media_type: &str) -> Option<Unshown> {
    match media_type.split('/').next() {
        Some("image") => None,
        Some("audio") => Some(Unshown::Audio),
        Some("video") => Some(Unshown::Video),
        _ => Some(Unshown::File),
    }
}

/// Whether a part is a text of nothing, as the last event of a stream often has one.
fn is_empty_text(part: &str) -> bool {
    Object::parse(part).is_ok_and(|part| part.present("text") == Some("\"\""))
}

/// What is laid over the part that carries a signature, given as JSON.
fn signed(signature: &str) -> String {
    format!("{{\"thoughtSignature\":{signature}}}")
}

/// A part of nothing but a signature.
fn standing(is_thought: bool, signature: &str) -> String {
    let thought = if is_thought { ",\"thought\":true" } else { "" };
    format!("{{\"text\":\"\"{thought},\"thoughtSignature\":{signature}}}")
}

fn push_state(choice: u32, place: Place, json: String, events: &mut Vec<EventKind>) {
    let json = json.into();
    let state = State { place, json };
    events.push(EventKind::State { choice, state });
}
