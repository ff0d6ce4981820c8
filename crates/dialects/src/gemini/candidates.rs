//! Reads responses into events: a whole answer is one, a stream is many, each with new parts only.
//!
//! A candidate's end may be said and taken back: with hosted code `STOP` comes, then more parts, then
//! `STOP` again (wire notes, section 4). So it finishes only where the bytes do.

use std::{collections::BTreeMap, num::NonZeroU32};

use tollgate_chat::{
    chunk::CHOICES_LIMIT,
    event::{EventKind, Finish, FinishReason, Place, Start, State, Unshown},
    object::{Object, items},
    usage::Usage,
};

use super::{
    call::{Call, CallPart, OpenCall, made_up_id},
    fault,
    finish::{self, Ended},
    logprobs, usage,
};
use crate::{
    conversation::text,
    data_uri,
    fault::{Fault, FaultKind},
};

/// Most calls of one choice.
const CALLS_LIMIT: u32 = 1_024;

/// What has been read of one answer.
#[derive(Debug)]
pub(super) struct Candidates {
    /// Choices that were asked for. What comes beyond them is passed over.
    asked: u32,
    started: bool,
    response_id: Option<String>,
    choices: BTreeMap<u32, Choice>,
    usage: Option<Usage>,
}

/// What one choice has said so far.
#[derive(Debug, Default)]
struct Choice {
    block: Option<Block>,
    calls: u32,
    images: u32,
    /// A call of which more is to come, and its signature.
    open: Option<(OpenCall, Option<String>)>,
    says_something: bool,
    ended: Option<Ended>,
    /// Whether more came after the end that was said.
    goes_on: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Thought,
    Text,
}

impl Candidates {
    /// An answer to a request for `asked` choices; `None`: nobody knows how many.
    pub fn new(asked: Option<NonZeroU32>) -> Self {
        let most = CHOICES_LIMIT as u32;
        Self {
            asked: asked.map_or(most, |asked| asked.get().min(most)),
            started: false,
            response_id: None,
            choices: BTreeMap::new(),
            usage: None,
        }
    }

    /// Takes one response. Fails for an error in its place, a blocked prompt, and what cannot be read.
    pub fn take(&mut self, json: &str, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        let response =
            Object::parse(json).map_err(|error| malformed(&format!("a response is not JSON: {error}")))?;
        if let Some(fault) = fault::in_answer(&response) {
            return Err(fault);
        }
        if self.response_id.is_none() {
            self.response_id = response.read("responseId");
        }
        let list = match response.present("candidates") {
            None => Vec::new(),
            Some(list) => items(list).map_err(|_| malformed("`candidates` is not an array"))?,
        };
        if list.is_empty()
            && let Some(fault) = blocked(&response)
        {
            if self.choices.is_empty() {
                return Err(fault);
            }
            self.block_the_rest(&fault);
        }
        if !std::mem::replace(&mut self.started, true) {
            events.push(EventKind::Start(Start::default()));
        }
        for (position, candidate) in list.into_iter().enumerate() {
            let candidate =
                Object::parse(candidate).map_err(|_| malformed("a candidate is not an object"))?;
            let index = candidate.read::<u32>("index").unwrap_or(position as u32);
            if index >= self.asked {
                continue;
            }
            let choice = self.choices.entry(index).or_default();
            choice.take(index, &candidate, self.response_id.as_deref(), events)?;
        }
        if let Some(usage) = response.present("usageMetadata").and_then(usage::read) {
            self.usage = Some(usage);
            events.push(EventKind::Usage(usage));
        }
        Ok(())
    }

    /// The end of the bytes: says how every choice ended. Fails with [`FaultKind::Cut`] where one has
    /// not, or where there is none.
    pub fn end(&mut self, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        if self.choices.is_empty() || self.choices.values().any(|choice| choice.ended.is_none()) {
            return Err(Fault::new(
                FaultKind::Cut,
                "the answer ended without a finishReason",
            ));
        }
        for (index, choice) in std::mem::take(&mut self.choices) {
            choice.end(index, self.response_id.as_deref(), events)?;
        }
        events.extend(self.usage.map(EventKind::Usage));
        Ok(())
    }

    /// What began before the block came, and has not ended, ends with it.
    fn block_the_rest(&mut self, fault: &Fault) {
        for choice in self.choices.values_mut() {
            choice.ended.get_or_insert_with(|| Ended {
                reason: FinishReason::ContentFilter,
                word: fault.code.clone(),
            });
        }
    }
}

impl Choice {
    fn take(
        &mut self,
        index: u32,
        candidate: &Object<'_>,
        response_id: Option<&str>,
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
            self.part(index, &part, response_id, events)?;
        }
        if let Some(json) = candidate.present("logprobsResult").and_then(logprobs::read) {
            events.push(EventKind::Logprobs { choice: index, json });
        }
        Ok(())
    }

    fn part(
        &mut self,
        choice: u32,
        part: &Object<'_>,
        response_id: Option<&str>,
        events: &mut Vec<EventKind>,
    ) -> Result<(), Fault> {
        let is_thought = part.present("thought") == Some("true");
        let signature = part.present("thoughtSignature");
        if part.present("text").is_some() {
            let text = text(part, "text").ok_or_else(|| malformed("a text is not a string"))?;
            self.text(choice, text.into_owned(), is_thought, signature, events);
        } else if let Some(json) = part.present("functionCall") {
            self.call(choice, CallPart::read(json)?, signature, response_id, events)?;
        } else if let Some(json) = part.present("inlineData") {
            self.image(choice, json, is_thought, signature, events)?;
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
        if !text.is_empty() {
            let block = if is_thought { Block::Thought } else { Block::Text };
            self.open(choice, Some(block), events);
            self.says_something = true;
            events.push(match block {
                Block::Thought => EventKind::Reasoning { choice, text },
                Block::Text => EventKind::Text { choice, text },
            });
        }
        let Some(signature) = signature else { return };
        let (place, json) = if is_thought {
            let part = format!("{{\"text\":\"\",\"thought\":true,\"thoughtSignature\":{signature}}}");
            (Place::Start, part)
        } else if self.calls > 0 {
            (
                Place::End,
                format!("{{\"text\":\"\",\"thoughtSignature\":{signature}}}"),
            )
        } else {
            (Place::OnText, signed(signature))
        };
        push_state(choice, place, json, events);
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
        response_id: Option<&str>,
        events: &mut Vec<EventKind>,
    ) -> Result<(), Fault> {
        if part.continues() {
            let Some((open, _)) = &mut self.open else {
                return Err(malformed("a functionCall goes on that was never begun"));
            };
            if open.go_on(&part)? {
                self.close_call(choice, false, response_id, events);
            }
            return Ok(());
        }
        self.close_call(choice, false, response_id, events);
        if self.calls == CALLS_LIMIT {
            return Err(malformed("too many functionCalls"));
        }
        self.open(choice, None, events);
        match part.begin()? {
            Ok(call) => self.push_call(choice, call, signature, response_id, events),
            Err(open) => self.open = Some((open, signature.map(str::to_owned))),
        }
        Ok(())
    }

    fn close_call(&mut self, choice: u32, cut: bool, response_id: Option<&str>, events: &mut Vec<EventKind>) {
        let Some((open, signature)) = self.open.take() else {
            return;
        };
        let call = if cut { open.break_off() } else { open.end() };
        self.push_call(choice, call, signature.as_deref(), response_id, events);
    }

    fn push_call(
        &mut self,
        choice: u32,
        call: Call,
        signature: Option<&str>,
        response_id: Option<&str>,
        events: &mut Vec<EventKind>,
    ) {
        let index = self.calls;
        self.calls += 1;
        self.says_something = true;
        let made_up = || made_up_id(response_id, choice, index, &call, signature.unwrap_or_default());
        let id = call.id.clone().unwrap_or_else(made_up);
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

    fn end(
        mut self,
        choice: u32,
        response_id: Option<&str>,
        events: &mut Vec<EventKind>,
    ) -> Result<(), Fault> {
        let Some(ended) = self.ended.take() else {
            return Ok(());
        };
        let cut = ended.reason == FinishReason::Length;
        if self.open.is_some() && !cut {
            return Err(malformed("a functionCall was never ended"));
        }
        self.close_call(choice, cut, response_id, events);
        self.open(choice, None, events);
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

fn push_state(choice: u32, place: Place, json: String, events: &mut Vec<EventKind>) {
    let json = json.into();
    let state = State { place, json };
    events.push(EventKind::State { choice, state });
}

/// A prompt that was refused before any output.
fn blocked(response: &Object<'_>) -> Option<Fault> {
    let feedback = Object::parse(response.present("promptFeedback")?).ok()?;
    let reason = feedback.present("blockReason")?.trim_matches('"');
    let message = text(&feedback, "blockReasonMessage").unwrap_or_default();
    let message = format!(
        "the prompt was blocked: {} {}",
        fault::clip(reason),
        fault::clip(&message)
    );
    let mut fault = Fault::new(FaultKind::ContentFilter, message);
    fault.code = Some(reason.to_owned()).filter(|reason| fault::is_word(reason));
    Some(fault)
}

fn malformed(message: &str) -> Fault {
    Fault::new(FaultKind::Malformed, message)
}
