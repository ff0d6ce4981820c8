//! A streamed answer (wire notes, section 2: the table of events).

use std::borrow::Cow;

use bytes::Bytes;
use tollgate_chat::{
    event::EventKind,
    object::Object,
    sse::{SseEvent, SseReader},
};

use super::{
    fault,
    item::{self, ItemPart, Strand},
    output::Output,
};
use crate::{
    conversation::text,
    fault::{Fault, FaultKind, malformed},
};

/// Reads one streamed answer.
#[derive(Debug)]
pub struct Decoder {
    reader: Option<SseReader>,
    output: Output,
    done: bool,
}

impl Decoder {
    /// `json`: whether the content is to be JSON alone. `event_limit`: most bytes of one event.
    pub fn new(json: bool, event_limit: usize) -> Self {
        Self {
            reader: Some(SseReader::new(event_limit)),
            output: Output::new(json),
            done: false,
        }
    }

    /// Takes the next bytes and puts what they say into `events`. Bytes may be cut anywhere.
    pub fn read(&mut self, bytes: Bytes, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        let Some(reader) = &mut self.reader else {
            return Ok(());
        };
        let mut read = Vec::new();
        let outcome = reader.read(bytes, &mut read);
        self.take_all(read, events)?;
        outcome.map_err(|error| Fault::new(FaultKind::TooLarge, error.to_string()))
    }

    /// Whether the provider has said that nothing more will come.
    pub fn is_complete(&self) -> bool {
        self.done
    }

    /// The end of the bytes. Fails with [`FaultKind::Cut`] where the response has not ended.
    pub fn end(&mut self, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        if let Some(reader) = self.reader.take() {
            let mut read = Vec::new();
            reader.end(&mut read);
            self.take_all(read, events)?;
        }
        if !self.done {
            return Err(Fault::new(
                FaultKind::Cut,
                "the stream ended before the answer did",
            ));
        }
        Ok(())
    }

    fn take_all(&mut self, read: Vec<SseEvent>, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        for event in read {
            if self.done {
                break;
            }
            // Hosts that relay other protocols end with chat's word for it.
            if !matches!(event.data.trim_ascii(), b"" | b"[DONE]") {
                self.take(&event, events)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, event: &SseEvent, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        let data = std::str::from_utf8(&event.data).map_err(|_| malformed("an event is not UTF-8"))?;
        let object = Object::parse(data)
            .map_err(|error| malformed(format!("an event is not a JSON object: {error}")))?;
        let name = event
            .name
            .as_deref()
            .and_then(|name| std::str::from_utf8(name).ok());
        let kind = text(&object, "type")
            .or(name.map(Cow::Borrowed))
            .unwrap_or_default();
        match &*kind {
            "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled" => {
                let response = object
                    .present("response")
                    .and_then(|json| Object::parse(json).ok());
                let response = response.ok_or_else(|| malformed("the last event has no response"))?;
                let ended = kind.strip_prefix("response.").unwrap_or_default();
                self.output.end(&response, ended, events)?;
                self.done = true;
            }
            "error" => return Err(fault::of_event(&object)),
            "response.created" | "response.in_progress" | "response.queued" => {
                let response = object
                    .present("response")
                    .and_then(|json| Object::parse(json).ok());
                self.output.start(response.as_ref(), events);
            }
            kind => match kind.strip_prefix("response.") {
                Some(kind) => self.inner(kind, &object, events)?,
                // Pings, and what hosts make up. An error may come without a type.
                None => return fault::in_answer(&object).map_or(Ok(()), Err),
            },
        }
        Ok(())
    }

    /// An event of an item. Types that are not here say nothing that a chat client can be told.
    fn inner(&mut self, kind: &str, object: &Object<'_>, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        match kind {
            "output_item.added" | "output_item.done" => {
                let item = object.present("item").and_then(|json| Object::parse(json).ok());
                let item = item.ok_or_else(|| malformed("an event has no item"))?;
                let next = || self.output.last_index().map_or(0, |last| last + 1);
                let known = || self.output.index_of(&text(&item, "id")?);
                let at = object.read("output_index").or_else(known).unwrap_or_else(next);
                self.output.start(None, events);
                match kind {
                    "output_item.added" => self.output.open(at, &item, events),
                    _ => self.output.end_item(at, &item, events),
                }
            }
            "output_text.delta" => self.delta(Strand::Text, object, events),
            "refusal.delta" => self.delta(Strand::Refusal, object, events),
            "reasoning_summary_text.delta" => self.delta(Strand::Summary, object, events),
            "reasoning_text.delta" => self.delta(Strand::Thought, object, events),
            "function_call_arguments.delta" => self.delta(Strand::Arguments, object, events),
            "output_text.annotation.added" => {
                if let Some(annotation) = object.present("annotation") {
                    let text = part_index(Strand::Text, object);
                    self.output.annotated(self.item_of(object), text, annotation);
                }
                Ok(())
            }
            "output_text.done" => self.done(Strand::Text, "text", object, events),
            "refusal.done" => self.done(Strand::Refusal, "refusal", object, events),
            "reasoning_summary_text.done" => self.done(Strand::Summary, "text", object, events),
            "reasoning_text.done" => self.done(Strand::Thought, "text", object, events),
            "function_call_arguments.done" => self.done(Strand::Arguments, "arguments", object, events),
            "content_part.done" | "reasoning_part.done" | "reasoning_summary_part.done" => {
                let json = object.present("part");
                let part = json.and_then(|json| item::part(&Object::parse(json).ok()?, 0));
                let Some(part) = part else { return Ok(()) };
                let index = part_index(part.strand, object);
                self.whole_part(ItemPart { index, ..part }, object, events)
            }
            _ => Ok(()),
        }
    }

    fn delta(
        &mut self,
        strand: Strand,
        object: &Object<'_>,
        events: &mut Vec<EventKind>,
    ) -> Result<(), Fault> {
        let text = match strand {
            Strand::Arguments => item::arguments_text(object, "delta"),
            _ => text(object, "delta"),
        };
        let text = text.ok_or_else(|| malformed("a delta is no text"))?;
        let part = ItemPart {
            strand,
            index: part_index(strand, object),
            text,
            logprobs: object.present("logprobs"),
            annotations: None,
        };
        self.output.start(None, events);
        self.output.piece(self.item_of(object), &part, events)
    }

    fn done(
        &mut self,
        strand: Strand,
        name: &str,
        object: &Object<'_>,
        events: &mut Vec<EventKind>,
    ) -> Result<(), Fault> {
        let text = match strand {
            Strand::Arguments => item::arguments_text(object, name),
            _ => text(object, name),
        };
        let Some(text) = text else {
            return Ok(());
        };
        let part = ItemPart {
            strand,
            index: part_index(strand, object),
            text,
            logprobs: object.present("logprobs"),
            annotations: None,
        };
        self.whole_part(part, object, events)
    }

    fn whole_part(
        &mut self,
        part: ItemPart<'_>,
        object: &Object<'_>,
        events: &mut Vec<EventKind>,
    ) -> Result<(), Fault> {
        self.output.start(None, events);
        self.output.whole_part(self.item_of(object), &part, events)
    }

    /// Which item an event speaks of: by its index, else by its ID, else the last one.
    fn item_of(&self, object: &Object<'_>) -> u64 {
        let by_id = || self.output.index_of(&text(object, "item_id")?);
        let index = object.read("output_index").or_else(by_id);
        index.or_else(|| self.output.last_index()).unwrap_or(0)
    }
}

fn part_index(strand: Strand, object: &Object<'_>) -> u64 {
    let name = match strand {
        Strand::Text | Strand::Refusal | Strand::Thought => "content_index",
        Strand::Summary => "summary_index",
        Strand::Arguments => return 0,
    };
    object.read(name).unwrap_or(0)
}
