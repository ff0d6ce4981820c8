//! An answer as far as it has been read: its items, what of them has been passed on, and how it ends.
//!
//! Events of a stream bring pieces; an item's end and the response's end bring the same again, whole,
//! and repair what no piece has said. A whole answer is a response's end and nothing else (`ending`).

mod ending;
mod held;

use std::{borrow::Cow, collections::BTreeMap};

use tollgate_chat::{
    event::{EventKind, Start, Unshown},
    object::Object,
};

use self::held::Item;
use super::{
    citations,
    item::{self, ItemKind, ItemPart, Strand},
    logprobs, turn,
};
use crate::{
    conversation::text,
    fault::{Fault, malformed},
    service_tier::AnsweringTier,
};

/// Most items of an answer, and most parts of an item.
const COUNT_LIMIT: usize = 4_096;
/// Most bytes of state that are kept of one answer; what goes beyond is let go, which is legal.
const STATE_LIMIT: usize = 4 << 20;
/// Most bytes of arguments that wait for their call to be announced.
const WAITING_LIMIT: usize = 16 << 20;
/// Between two thoughts, and between the texts of two messages, for the reader.
pub const GAP: &str = "\n\n";
/// The phase of a message in which the model tells what it is about to do.
const COMMENTARY: &str = "commentary";

/// The state between two events.
#[derive(Debug)]
pub struct Output {
    started: bool,
    items: BTreeMap<u64, Item>,
    calls: u32,
    /// Whether a thought has been passed on, so that the next one needs a gap.
    has_thought: bool,
    /// The item whose text was passed on last, and whether an earlier item's came after it.
    last_text: u64,
    texts_cross: bool,
    /// Characters of text that were passed on.
    text_chars: u64,
    /// Bytes of state that may yet be kept.
    state_room: usize,
    /// Bytes of arguments that wait.
    waiting: usize,
    /// The response's own ID, where it tells one.
    response_id: Option<String>,
    tier: AnsweringTier,
    /// Whether the text is to be JSON, which no commentary may stand before.
    json: bool,
}

impl Output {
    /// `json`: whether the text is to be JSON alone.
    pub fn new(json: bool) -> Self {
        Self {
            started: false,
            items: BTreeMap::new(),
            calls: 0,
            has_thought: false,
            last_text: 0,
            texts_cross: false,
            text_chars: 0,
            state_room: STATE_LIMIT,
            waiting: 0,
            response_id: None,
            tier: AnsweringTier::default(),
            json,
        }
    }

    /// Says once that the provider has begun. `response`: what it says of the whole, where it does.
    pub fn start(&mut self, response: Option<&Object<'_>>, events: &mut Vec<EventKind>) {
        if self.response_id.is_none() {
            let id = response.and_then(|response| text(response, "id"));
            self.response_id = id.map(Cow::into_owned).filter(|id| !id.is_empty());
        }
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        // Some hosts write a fraction, some 0.
        let created = response.and_then(|response| response.read::<f64>("created_at"));
        events.push(EventKind::Start(Start {
            id: None,
            created: created
                .map(|seconds| seconds as u64)
                .filter(|seconds| *seconds > 0),
            system_fingerprint: None,
        }));
        self.tier(response, events);
    }

    /// The tier of service that a response names.
    fn tier(&mut self, response: Option<&Object<'_>>, events: &mut Vec<EventKind>) {
        events.extend(response.and_then(|response| self.tier.heard(response, "service_tier")));
    }

    /// An item that is announced.
    pub fn open(&mut self, at: u64, item: &Object<'_>, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        if !self.items.contains_key(&at) {
            check_count(self.items.len())?;
            self.items.insert(at, Item::new(ItemKind::of(item), id_of(item)));
        }
        let Some(held) = self.items.get_mut(&at) else {
            return Ok(());
        };
        if self.json && held.kind == ItemKind::Message && held.said.is_empty() {
            held.is_thought = text(item, "phase").as_deref() == Some(COMMENTARY);
        }
        if held.kind != ItemKind::Call || held.call.is_some() {
            return Ok(());
        }
        for (held, name) in [
            (&mut held.call_id, "call_id"),
            (&mut held.name, "name"),
            (&mut held.id, "id"),
        ] {
            if let Some(told) = text(item, name).filter(|told| !told.is_empty()) {
                *held = told.into_owned();
            }
        }
        // Without a `call_id` it waits for its end, which may tell one.
        if held.call_id.is_empty() || held.name.is_empty() {
            return Ok(());
        }
        self.open_call(at, events)
    }

    /// Says name and ID of a call, and what has waited for that. A call without `call_id` gets the item's
    /// own ID, else one that is made up: a call without an ID could not be answered.
    fn open_call(&mut self, at: u64, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        let index = self.calls;
        let Some(held) = self.items.get_mut(&at) else {
            return Ok(());
        };
        if held.kind != ItemKind::Call || held.call.is_some() || held.name.is_empty() {
            return Ok(());
        }
        if held.call_id.is_empty() {
            held.call_id = match held.id.is_empty() {
                true => made_up_id(self.response_id.as_deref(), index, &held.name),
                false => held.id.clone(),
            };
        }
        held.call = Some(index);
        events.push(EventKind::ToolCall {
            choice: 0,
            index,
            id: Some(held.call_id.clone()),
            name: Some(std::mem::take(&mut held.name)),
            arguments: String::new(),
        });
        self.calls += 1;
        let waiting = std::mem::take(&mut held.waiting);
        self.waiting -= waiting.len();
        let part = ItemPart {
            strand: Strand::Arguments,
            index: 0,
            text: waiting.into(),
            logprobs: None,
            annotations: None,
        };
        self.say(at, &part, &part.text, events)
    }

    /// A piece of an item. What a call says before it can be announced waits until it is.
    pub fn piece(&mut self, at: u64, part: &ItemPart<'_>, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        if !self.items.contains_key(&at) {
            check_count(self.items.len())?;
            let kind = match part.strand {
                Strand::Text | Strand::Refusal => ItemKind::Message,
                Strand::Summary | Strand::Thought => ItemKind::Reasoning,
                Strand::Arguments => return Ok(()),
            };
            self.items.insert(at, Item::new(kind, String::new()));
        }
        match self.items.get_mut(&at) {
            Some(item) if item.kind == ItemKind::Call && item.call.is_none() => {
                if part.strand == Strand::Arguments {
                    item.waiting.push_str(&part.text);
                    self.waiting += part.text.len();
                }
                if self.waiting > WAITING_LIMIT {
                    return Err(malformed(
                        "the arguments of calls without a name or an ID are endless",
                    ));
                }
                Ok(())
            }
            _ => self.say(at, part, &part.text, events),
        }
    }

    /// A part that is told whole: says what of it no piece has said.
    pub fn whole_part(
        &mut self,
        at: u64,
        part: &ItemPart<'_>,
        events: &mut Vec<EventKind>,
    ) -> Result<(), Fault> {
        let item = self.items.get(&at);
        let said = item.and_then(|item| item.said.get(&part.key()));
        let rest = match (said, item) {
            (Some(said), _) => said.rest_of(&part.text),
            (None, Some(item)) if part.strand == Strand::Arguments && !item.waiting.is_empty() => {
                part.text.strip_prefix(&*item.waiting).unwrap_or_default()
            }
            (None, _) => &*part.text,
        };
        if rest.is_empty() {
            return Ok(());
        }
        let rest = ItemPart {
            text: rest.into(),
            // They cannot be cut like text.
            logprobs: part.logprobs.filter(|_| rest.len() == part.text.len()),
            ..part.clone()
        };
        self.piece(at, &rest, events)
    }

    fn say(
        &mut self,
        at: u64,
        part: &ItemPart<'_>,
        piece: &str,
        events: &mut Vec<EventKind>,
    ) -> Result<(), Fault> {
        let Some(item) = self.items.get_mut(&at) else {
            return Ok(());
        };
        let fits = match item.kind {
            ItemKind::Message => matches!(part.strand, Strand::Text | Strand::Refusal),
            ItemKind::Reasoning => matches!(part.strand, Strand::Summary | Strand::Thought),
            ItemKind::Call => part.strand == Strand::Arguments && item.call.is_some(),
            ItemKind::CustomCall | ItemKind::Hosted => false,
        };
        if !fits || piece.is_empty() {
            return Ok(());
        }
        let parts = item.said.len();
        let is_first_text = item.text_begins.is_empty();
        let said = item.said.entry(part.key()).or_default();
        let begins = said.is_empty();
        said.push(piece);
        let call = item.call.unwrap_or_default();
        check_count(parts)?;
        let strand = match part.strand {
            // Beside it the answer would not be the JSON that was asked for.
            Strand::Text if item.is_thought => Strand::Thought,
            strand => strand,
        };
        if strand == Strand::Text {
            self.texts_cross |= at < self.last_text;
            self.last_text = self.last_text.max(at);
            if is_first_text && self.text_chars > 0 {
                // A commentary and the answer itself are two messages.
                item.gap = GAP;
                self.text_chars += GAP.len() as u64;
            }
            if begins {
                item.text_begins.insert(part.index, self.text_chars);
            }
            self.text_chars += piece.chars().count() as u64;
        }
        let gap = if is_first_text { item.gap } else { "" };
        let (choice, piece) = (0, piece.to_owned());
        events.push(match strand {
            Strand::Text => EventKind::Text {
                choice,
                text: format!("{gap}{piece}"),
            },
            Strand::Refusal => EventKind::Refusal { choice, text: piece },
            Strand::Summary | Strand::Thought => {
                let gap = if begins && self.has_thought { GAP } else { "" };
                self.has_thought = true;
                EventKind::Reasoning {
                    choice,
                    text: format!("{gap}{piece}"),
                }
            }
            Strand::Arguments => EventKind::ToolCall {
                choice,
                index: call,
                id: None,
                name: None,
                arguments: piece,
            },
        });
        let logprobs = part.logprobs.filter(|_| strand == part.strand);
        let logprobs = logprobs.and_then(logprobs::items_of);
        events.extend(logprobs.map(|json| EventKind::Logprobs { choice, json }));
        Ok(())
    }

    /// A page that is told by itself while its text is written. The item's end tells it once more, and in its
    /// place; hosts that leave that out are believed here.
    pub fn annotated(&mut self, at: u64, text: u64, annotation: &str) {
        let Some(held) = self.items.get_mut(&at) else {
            return;
        };
        if let Some(begins) = held
            .text_begins
            .get(&text)
            .filter(|_| held.added.len() < COUNT_LIMIT)
        {
            held.added.extend(citations::of_one(annotation, *begins));
        }
    }

    /// An item that is told whole, at its end.
    pub fn end_item(&mut self, at: u64, item: &Object<'_>, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        self.open(at, item, events)?;
        self.open_call(at, events)?;
        let (mut citations, mut has_others) = (Vec::new(), false);
        for mut part in item::parts(item) {
            part.index = self.index_in_stream(at, &part);
            self.whole_part(at, &part, events)?;
            let begins = self
                .items
                .get(&at)
                .and_then(|held| held.text_begins.get(&part.index));
            let cited = part
                .annotations
                .zip(begins)
                .filter(|_| part.strand == Strand::Text);
            if let Some((json, begins)) = cited {
                citations.extend(citations::of_text(json, *begins));
                has_others |= citations::has_others(json);
            }
        }
        let Some(held) = self.items.get_mut(&at) else {
            return Ok(());
        };
        events.extend(has_others.then_some(EventKind::Unshown {
            choice: 0,
            kind: Unshown::Annotations,
        }));
        let added = std::mem::take(&mut held.added);
        if citations.is_empty() && held.citations == 0 {
            citations = added;
        }
        let new = citations.into_iter().skip(held.citations);
        for citation in new.take(COUNT_LIMIT) {
            held.citations += 1;
            events.push(EventKind::Citation { choice: 0, citation });
        }
        let state = match held.kind {
            ItemKind::Reasoning => turn::thought(item),
            ItemKind::Message if held.is_thought => Some(turn::as_it_is(item)),
            ItemKind::Message => turn::message_frame(item),
            ItemKind::Call | ItemKind::CustomCall | ItemKind::Hosted => None,
        };
        if let Some(state) = state.filter(|state| state.len() <= self.state_room) {
            let before = held.state.as_ref().map_or(0, |state| state.len());
            self.state_room = self.state_room + before - state.len();
            held.state = Some(state);
        }
        let is_output = !matches!(held.kind, ItemKind::Hosted | ItemKind::CustomCall);
        if is_output && !std::mem::replace(&mut held.ended, true) {
            events.push(EventKind::BlockEnd { choice: 0 });
        }
        Ok(())
    }

    /// The index under which pieces of an item's part came: those of a strand are counted in their order,
    /// since hosts number them in ways of their own.
    fn index_in_stream(&self, at: u64, part: &ItemPart<'_>) -> u64 {
        let Some(item) = self.items.get(&at) else {
            return part.index;
        };
        let of_strand = item.said.keys().filter(|(strand, _)| *strand == part.strand);
        let indices: Vec<u64> = of_strand.map(|(_, index)| *index).collect();
        let known = usize::try_from(part.index).ok().and_then(|nth| indices.get(nth));
        let next = || indices.last().map_or(part.index, |last| last + 1);
        known.copied().unwrap_or_else(next)
    }

    /// The item with that ID; for hosts that leave the index out.
    pub fn index_of(&self, id: &str) -> Option<u64> {
        let mut items = self.items.iter();
        items.find(|(_, item)| item.id == id).map(|(at, _)| *at)
    }

    /// The item that was announced last.
    pub fn last_index(&self) -> Option<u64> {
        self.items.keys().next_back().copied()
    }
}

impl ItemPart<'_> {
    fn key(&self) -> (Strand, u64) {
        (self.strand, self.index)
    }
}

fn check_count(count: usize) -> Result<(), Fault> {
    if count >= COUNT_LIMIT {
        return Err(malformed("the answer has too many items"));
    }
    Ok(())
}

/// An ID for a call that came without one: the same for the same answer and place.
fn made_up_id(response_id: Option<&str>, index: u32, name: &str) -> String {
    const LENGTH: usize = 24;

    let of_letters = |id: &str| -> String { id.chars().filter(char::is_ascii_alphanumeric).collect() };
    let tail = of_letters(response_id.unwrap_or(name));
    let from = tail.len().saturating_sub(LENGTH);
    format!("call_{}_{index}", &tail[from..])
}

fn id_of(item: &Object<'_>) -> String {
    text(item, "id").unwrap_or_default().into_owned()
}
