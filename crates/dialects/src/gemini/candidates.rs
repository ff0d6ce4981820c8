//! Reads responses into events: a whole answer is one, a stream is many, each with new parts only.
//!
//! A candidate's end may be said and taken back: with hosted code `STOP` comes, then more parts, then
//! `STOP` again (wire notes, section 4). So it finishes only where the bytes do.

mod choice;

use std::{collections::BTreeMap, num::NonZeroU32};

use tollgate_chat::{
    chunk::CHOICES_LIMIT,
    event::{EventKind, Start},
    object::{Object, items},
    usage::Usage,
};

use self::choice::Choice;
use super::{
    fault,
    usage::{self, Prompt},
};
use crate::{
    conversation::text,
    fault::{Fault, FaultKind, malformed},
    service_tier::AnsweringTier,
};

/// What has been read of one answer.
#[derive(Debug)]
pub(super) struct Candidates {
    /// Choices that were asked for. What comes beyond them is passed over.
    asked: u32,
    started: bool,
    /// What tells this answer from all others: the provider's name for it, ours until that has come.
    id: String,
    is_named: bool,
    choices: BTreeMap<u32, Choice>,
    usage: Option<Usage>,
    prompt: Prompt,
    tier: AnsweringTier,
}

impl Candidates {
    /// An answer to a request for `asked` choices (`None`: nobody knows how many) whose prompt has about so many
    /// tokens. `id`: our own name for it.
    pub fn new(asked: Option<NonZeroU32>, estimated_prompt: u64, id: String) -> Self {
        let most = CHOICES_LIMIT as u32;
        Self {
            asked: asked.map_or(most, |asked| asked.get().min(most)),
            started: false,
            id,
            is_named: false,
            choices: BTreeMap::new(),
            usage: None,
            prompt: Prompt::Estimated(estimated_prompt),
            tier: AnsweringTier::default(),
        }
    }

    /// Takes one response. Fails for an error in its place, a blocked prompt, and what cannot be read.
    pub fn take(&mut self, json: &str, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        let response =
            Object::parse(json).map_err(|error| malformed(format!("a response is not JSON: {error}")))?;
        if let Some(fault) = fault::in_answer(&response) {
            return Err(fault);
        }
        if !self.is_named
            && let Some(id) = response.read::<String>("responseId")
            && id.contains(|letter: char| letter.is_ascii_alphanumeric())
        {
            (self.id, self.is_named) = (id, true);
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
            choice.take(index, &candidate, &self.id, events)?;
        }
        let counts = response.present("usageMetadata");
        if let Some(usage) = counts.and_then(|json| usage::read(json, &mut self.prompt)) {
            self.usage = Some(usage);
            events.extend(self.counted());
        }
        if let Some(Ok(counts)) = counts.map(Object::parse) {
            let mut tier = |name| self.tier.heard(&counts, name);
            // The one is the Gemini API's, the other Vertex'.
            events.extend(tier("serviceTier").or_else(|| tier("trafficType")));
        }
        Ok(())
    }

    /// The end of the bytes: says how every choice ended. Fails with [`FaultKind::Cut`] where one has
    /// not, or where there is none.
    pub fn end(&mut self, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        if self.choices.is_empty() || !self.choices.values().all(Choice::has_ended) {
            return Err(Fault::new(
                FaultKind::Cut,
                "the answer ended without a finishReason",
            ));
        }
        for (index, choice) in std::mem::take(&mut self.choices) {
            choice.end(index, &self.id, events)?;
        }
        events.extend(self.counted());
        Ok(())
    }

    /// The last count, and whether its prompt is an estimate.
    fn counted(&self) -> impl Iterator<Item = EventKind> + use<> {
        let is_estimated = self.usage.is_some() && matches!(self.prompt, Prompt::Estimated(_));
        let usage = self.usage.map(EventKind::Usage).into_iter();
        usage.chain(is_estimated.then_some(EventKind::UsageEstimated))
    }

    /// What began before the block came, and has not ended, ends with it.
    fn block_the_rest(&mut self, fault: &Fault) {
        for choice in self.choices.values_mut() {
            choice.block(fault.code.as_deref());
        }
    }
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
