//! A streamed answer: each of the provider's chunks, edited into our form.
//!
//! One provider chunk becomes at most one chunk for the client. Usage never passes through: it is an
//! event, and the relay writes it at the end for a client that asked. Nor does a finish, until the stream
//! ends: see [`ending`].

mod calls;
mod choice;
mod delta;
mod ending;
mod function;
mod halves;
mod numbers;
mod whole;

use std::collections::BTreeMap;

use bytes::Bytes;
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    event::{Event, EventKind, Start, Wire},
    object::{Object, member_items},
    sse::{SseEvent, SseReader},
};

use self::{choice::Choice, halves::Halves, numbers::Numbers};
use super::{
    answer::{PRIVATE_MEMBERS, drop_foreign_tier},
    details, fault,
    message::{set_if_different, set_text_if_different},
    shape, usage,
};
use crate::{
    Presentation,
    fault::{Fault, FaultKind, malformed},
    service_tier::AnsweringTier,
    think_tags::ThinkTags,
};

/// The decoder's state between two chunks.
#[derive(Debug)]
pub struct Decoder {
    reader: Option<SseReader>,
    presentation: Presentation,
    excludes_reasoning: bool,
    /// What sorts the content of a new choice, where there is something to sort.
    think_tags: Option<ThinkTags>,
    keeps_state: bool,
    /// Whether thoughts go back as the items that they came as.
    keeps_details: bool,
    legacy_functions: bool,
    started: bool,
    tier: AnsweringTier,
    halves: Halves,
    numbers: Numbers,
    choices: BTreeMap<u32, Choice>,
    /// Whether an event that cannot be read was passed over: if anything follows, it was no last one.
    passed_over: bool,
    done: bool,
}

impl Decoder {
    /// `asked_for_one`: nobody asked for more than one choice. `event_limit`: most bytes of one event.
    pub fn new(quirks: &Quirks, presentation: Presentation, asked_for_one: bool, event_limit: usize) -> Self {
        Self {
            reader: Some(SseReader::new(event_limit)),
            presentation,
            excludes_reasoning: quirks.usage_excludes_reasoning,
            think_tags: quirks.think_tags.then(|| ThinkTags::of(quirks)),
            keeps_state: quirks.foreign_state,
            keeps_details: details::are_kept(quirks),
            legacy_functions: quirks.legacy_functions,
            started: false,
            tier: AnsweringTier::default(),
            halves: Halves::default(),
            numbers: Numbers::new(asked_for_one),
            choices: BTreeMap::new(),
            passed_over: false,
            done: false,
        }
    }

    /// Takes the next bytes. Fails for an event that is not JSON, an error in the stream, and a
    /// finish that is none.
    pub fn read(&mut self, bytes: Bytes, events: &mut Vec<Event>) -> Result<(), Fault> {
        let Some(reader) = &mut self.reader else {
            return Ok(());
        };
        let mut read = Vec::new();
        let outcome = reader.read(bytes, &mut read);
        self.take_all(read, events)?;
        outcome.map_err(|error| Fault::new(FaultKind::TooLarge, error.to_string()))
    }

    /// Whether `[DONE]` has come.
    pub fn is_complete(&self) -> bool {
        self.done
    }

    /// The end of the bytes: says how every choice ended. Fails with [`FaultKind::Cut`] unless each has
    /// finished.
    pub fn end(&mut self, events: &mut Vec<Event>) -> Result<(), Fault> {
        if let Some(reader) = self.reader.take() {
            let mut read = Vec::new();
            reader.end(&mut read);
            self.take_all(read, events)?;
        }
        if self.done {
            let calling = self.choices.values_mut().filter(|choice| choice.calls.any());
            calling.for_each(|choice| choice.ending.ends_calls());
        }
        let has_ended = |choice: &Choice| match self.done {
            true => choice.ending.has_come(),
            false => choice.ending.is_last(),
        };
        if self.choices.is_empty() || !self.choices.values().all(has_ended) {
            return Err(Fault::new(
                FaultKind::Cut,
                "the stream ended before the answer did",
            ));
        }
        for (index, choice) in std::mem::take(&mut self.choices) {
            choice.end(index, &self.presentation, events)?;
        }
        Ok(())
    }

    /// Whether every choice seen so far has finished, and said nothing since.
    fn is_finished(&self) -> bool {
        !self.choices.is_empty() && self.choices.values().all(|choice| choice.ending.is_last())
    }

    fn take_all(&mut self, read: Vec<SseEvent>, events: &mut Vec<Event>) -> Result<(), Fault> {
        for event in read {
            if self.done {
                break;
            }
            match event.data.trim_ascii() {
                b"" => {}
                b"[DONE]" => self.done = true,
                _ => {
                    let mended = self.halves.mend(&event.data);
                    let data = mended.as_ref().unwrap_or(&event.data);
                    match parse(data) {
                        Ok(object) => self.chunk(data, &object, events)?,
                        // After the last finish nothing is lost but counts, as a rule.
                        Err(_) if self.is_finished() => self.passed_over = true,
                        Err(fault) => return Err(fault),
                    }
                }
            }
        }
        Ok(())
    }

    fn chunk(&mut self, data: &Bytes, object: &Object<'_>, events: &mut Vec<Event>) -> Result<(), Fault> {
        if let Some(fault) = fault::in_answer(object) {
            return Err(fault);
        }
        let mut counts = Vec::new();
        self.note_usage(object, &mut counts);
        let said = self.choices_of(data, object, events, &mut counts);
        // What a chunk counts is of all that it says.
        events.append(&mut counts);
        said
    }

    fn choices_of(
        &mut self,
        data: &Bytes,
        object: &Object<'_>,
        events: &mut Vec<Event>,
        counts: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let choices = object.present("choices").map(member_items).transpose();
        let choices = choices
            .map_err(|_| malformed("`choices` is not an array"))?
            .unwrap_or_default();
        if choices.is_empty() {
            return Ok(());
        }
        self.start(object, events);

        let mut edits = Edits::of(object.text());
        let mut kinds = Vec::new();
        let mut untold = Vec::new();
        let mut opens = false;
        let mut ends = None;
        let is_alone = choices.len() == 1;
        self.numbers.next_chunk();
        for (position, choice) in choices.into_iter().enumerate() {
            let choice = Object::parse_member(choice).map_err(|_| malformed("a choice is not an object"))?;
            if let Some(json) = choice.present("usage") {
                self.push_usage(json, counts);
            }
            let said = self.choice(&choice, (position as u32, is_alone), &mut kinds, &mut edits)?;
            opens |= said.opens;
            ends = said.ends;
            untold.extend(said.untold);
        }
        if self.passed_over && !(kinds.is_empty() && untold.is_empty()) {
            return Err(malformed("the answer goes on after an event that cannot be read"));
        }
        let untold = untold.into_iter().map(Event::new);
        if kinds.is_empty() && !opens && ends.is_none() {
            events.extend(untold);
            return Ok(());
        }
        let mut edit = ObjectEdit::of(object);
        self.envelope(object, &mut edit);
        edit.finish(&mut edits);
        let json = if edits.is_empty() {
            data.clone()
        } else {
            Bytes::from(edits.finish())
        };
        if let Some(index) = ends {
            if let Some(choice) = self.choices.get_mut(&index) {
                choice.ending.keep(json);
            }
            return Ok(());
        }
        let mut wire = Wire::Chunk(json);
        if kinds.is_empty() {
            kinds.push(EventKind::Start(Start::default()));
        }
        for kind in kinds {
            events.push(Event { kind, wire });
            wire = Wire::Covered;
        }
        events.extend(untold);
        Ok(())
    }

    /// Says once what the provider says of itself; from then on every chunk says the same.
    fn start(&mut self, object: &Object<'_>, events: &mut Vec<Event>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let head = &mut self.presentation.head;
        if let Some(id) = object.read::<String>("id").filter(|id| !id.is_empty()) {
            head.id = id;
        }
        if let Some(created) = object.read::<u64>("created").filter(|created| *created > 0) {
            head.created = created;
        }
        head.system_fingerprint = object.read("system_fingerprint");
        let start = Start {
            id: Some(head.id.clone()),
            created: Some(head.created),
            system_fingerprint: head.system_fingerprint.clone(),
        };
        events.push(Event {
            kind: EventKind::Start(start),
            wire: Wire::Covered,
        });
        self.note_tier(object, events);
    }

    /// Every chunk names the tier that answers; the first one and the one with the counts say enough.
    fn note_tier(&mut self, object: &Object<'_>, events: &mut Vec<Event>) {
        if let Some(kind) = self.tier.heard(object, "service_tier") {
            let wire = Wire::Covered;
            events.push(Event { kind, wire });
        }
    }

    fn note_usage(&mut self, object: &Object<'_>, events: &mut Vec<Event>) {
        // Groq puts its counts beside its own request ID.
        let groq = object
            .present("x_groq")
            .and_then(|json| Object::parse_member(json).ok());
        let json = object
            .present("usage")
            .or_else(|| groq.as_ref()?.present("usage"));
        if let Some(json) = json {
            self.note_tier(object, events);
            self.push_usage(json, events);
        }
    }

    fn push_usage(&mut self, json: &str, events: &mut Vec<Event>) {
        let Ok(counts) = Object::parse_member(json) else {
            return;
        };
        // Mistral names the tier here.
        self.note_tier(&counts, events);
        if let Some(usage) = usage::read(&counts, self.excludes_reasoning) {
            events.push(Event {
                kind: EventKind::Usage(usage),
                wire: Wire::Covered,
            });
        }
    }

    fn envelope(&self, object: &Object<'_>, edit: &mut ObjectEdit<'_, '_>) {
        let head = &self.presentation.head;
        set_text_if_different(object, edit, "id", &head.id);
        set_if_different(object, edit, "object", "\"chat.completion.chunk\"");
        if object.read::<u64>("created") != Some(head.created) {
            edit.set("created", head.created.to_string());
        }
        set_text_if_different(object, edit, "model", &head.model);
        match (self.presentation.include_usage, object.position("usage")) {
            (true, _) => set_if_different(object, edit, "usage", "null"),
            (false, Some(index)) => edit.remove(index),
            (false, None) => {}
        }
        shape::fingerprint(object, self.presentation.shape.system_fingerprint, edit);
        drop_foreign_tier(object, edit);
        for name in PRIVATE_MEMBERS {
            edit.remove_named(name);
        }
    }
}

fn parse(data: &[u8]) -> Result<Object<'_>, Fault> {
    let text = std::str::from_utf8(data).map_err(|_| malformed("an event is not UTF-8"))?;
    Object::parse(text.trim()).map_err(|error| malformed(format!("an event is not a JSON object: {error}")))
}
