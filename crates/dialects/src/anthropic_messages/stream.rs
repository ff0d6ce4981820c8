//! A streamed answer as events.
//!
//! The stream is over with `message_stop` and not before: an answer whose socket closes earlier is cut
//! off, even where its stop reason has come.

use std::collections::BTreeMap;

use bytes::Bytes;
use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    event::{EventKind, Start},
    json::quote,
    object::Object,
    sse::{SseEvent, SseReader},
};

use super::{
    answer::{name_of_call, says_nothing, stop_of, string},
    citations::Cited,
    fault,
    finish::Stop,
    turn::Turn,
    usage::Counts,
};
use crate::{
    conversation::text,
    fault::{Fault, FaultKind, malformed},
};

/// Most blocks that are open at once; the provider opens one at a time.
const OPEN_BLOCKS_LIMIT: usize = 256;

/// Reads one streamed answer.
#[derive(Debug)]
pub struct Decoder {
    /// `None` once the bytes have ended.
    reader: Option<SseReader>,
    stage: Stage,
    turn: Turn,
    /// Blocks that have begun and not ended, by the provider's index.
    open: BTreeMap<u64, Block>,
    stop: Stop,
    counts: Counts,
    /// What was said of them since the opening.
    counted: Vec<EventKind>,
    /// Bytes held in blocks may not outgrow this.
    held_limit: usize,
    held: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Opening,
    Answering,
    Done,
}

/// A block that has begun.
#[derive(Debug)]
enum Block {
    Text {
        /// Characters before it.
        begins: u64,
        cited: Cited,
    },
    /// The block as it began, and what it has thought since.
    Thinking {
        start: String,
        thought: String,
        signature: String,
    },
    /// A call. `input` is what its start said, for hosts that say all of it there.
    Call { index: u32, input: String, pieces: bool },
    /// Nothing more comes of it: a thought that was blackened, whole in its start.
    Redacted,
    /// Hosted tools, their results, and kinds that are new.
    Ignored,
}

impl Decoder {
    /// `estimated_prompt`: tokens of a prompt that the host does not count. `event_limit`: most bytes of one
    /// event, and of all thoughts that wait for their signature.
    pub fn new(estimated_prompt: u64, event_limit: usize) -> Self {
        Self {
            reader: Some(SseReader::new(event_limit)),
            stage: Stage::Opening,
            turn: Turn::default(),
            open: BTreeMap::new(),
            stop: Stop::default(),
            counts: Counts::new(estimated_prompt),
            counted: Vec::new(),
            held_limit: event_limit,
            held: 0,
        }
    }

    /// Takes the next bytes and puts what they say into `events`. Bytes may be cut anywhere. Fails for
    /// an error in the stream, and for an event that cannot be read.
    pub fn read(&mut self, bytes: Bytes, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        let Some(reader) = &mut self.reader else {
            return Ok(());
        };
        let mut read = Vec::new();
        let outcome = reader.read(bytes, &mut read);
        self.take_all(read, events)?;
        match outcome {
            Err(error) if self.stage != Stage::Done => {
                Err(Fault::new(FaultKind::TooLarge, error.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// Whether the provider has said that nothing more will come.
    pub fn is_complete(&self) -> bool {
        self.stage == Stage::Done
    }

    /// The end of the bytes. Fails with [`FaultKind::Cut`] where `message_stop` has not come.
    pub fn end(&mut self, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        if let Some(reader) = self.reader.take() {
            let mut read = Vec::new();
            reader.end(&mut read);
            self.take_all(read, events)?;
        }
        match self.stage {
            Stage::Done => Ok(()),
            Stage::Opening | Stage::Answering => Err(Fault::new(
                FaultKind::Cut,
                "the stream ended before the answer did",
            )),
        }
    }

    fn take_all(&mut self, read: Vec<SseEvent>, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        for event in read {
            if self.stage == Stage::Done {
                break;
            }
            // Some hosts close with OpenAI's word.
            if !matches!(event.data.trim_ascii(), b"" | b"[DONE]") {
                self.take(&event, events)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, event: &SseEvent, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        let data = std::str::from_utf8(&event.data).map_err(|_| malformed("an event is not UTF-8"))?;
        let data = Object::parse(data)
            .map_err(|error| malformed(format!("an event is not a JSON object: {error}")))?;
        if let Some(fault) = fault::in_answer(&data) {
            return Err(fault);
        }
        let name = event
            .name
            .as_deref()
            .and_then(|name| std::str::from_utf8(name).ok());
        let kind = text(&data, "type")
            .or_else(|| name.map(Into::into))
            .unwrap_or_default();
        match &*kind {
            "message_start" => self.start(&data, events),
            "content_block_start" => self.block_start(&data, events)?,
            "content_block_delta" => self.block_delta(&data, events)?,
            "content_block_stop" => self.block_stop(&data, events),
            "message_delta" => self.message_delta(&data, events),
            "message_stop" => self.finish(events)?,
            "error" => return Err(fault::in_event(&data)),
            // `ping`, and what is new.
            _ => {}
        }
        Ok(())
    }

    /// The head of the answer. Some hosts send it twice: then only its counts are news.
    fn start(&mut self, data: &Object<'_>, events: &mut Vec<EventKind>) {
        if let Some(message) = inner(data, "message")
            && let Some(usage) = inner(&message, "usage")
        {
            self.counts.take(&usage);
        }
        self.open_answer(events);
    }

    fn open_answer(&mut self, events: &mut Vec<EventKind>) {
        if self.stage == Stage::Opening {
            self.stage = Stage::Answering;
            events.push(EventKind::Start(Start::default()));
            // An answer that breaks off has been read all the same.
            events.extend(self.counts.opening());
            events.extend(self.counts.take_tier());
        }
    }

    fn block_start(&mut self, data: &Object<'_>, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        self.open_answer(events);
        self.turn.fill_arguments(events);
        let block = inner(data, "content_block").ok_or_else(|| malformed("a block starts with no block"))?;
        let opened = match text(&block, "type").as_deref() {
            Some("text") => {
                let begins = self.turn.chars();
                self.turn.text(string(&block, "text")?, events);
                Block::Text {
                    begins,
                    cited: Cited::of(&block),
                }
            }
            Some("thinking") => {
                let thought = string(&block, "thinking")?;
                self.turn.begin_thought();
                self.turn.reasoning(thought.clone(), events);
                self.hold(block.text().len() + thought.len())?;
                Block::Thinking {
                    start: block.text().to_owned(),
                    thought,
                    signature: string(&block, "signature")?,
                }
            }
            Some("redacted_thinking") => {
                self.turn.thought(block.text().to_owned());
                Block::Redacted
            }
            Some("tool_use") => {
                let (id, name) = name_of_call(&block)?;
                let input = block.present("input").unwrap_or("{}").to_owned();
                self.hold(input.len())?;
                Block::Call {
                    index: self.turn.call(id, name, String::new(), events),
                    input,
                    pieces: false,
                }
            }
            _ => Block::Ignored,
        };
        if self.open.len() >= OPEN_BLOCKS_LIMIT {
            return Err(malformed("too many blocks are open at once"));
        }
        self.open.insert(index_of(data), opened);
        Ok(())
    }

    fn block_delta(&mut self, data: &Object<'_>, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        self.open_answer(events);
        let delta = inner(data, "delta").ok_or_else(|| malformed("a delta says nothing"))?;
        let block = self.open.get_mut(&index_of(data));
        match text(&delta, "type").as_deref() {
            Some("text_delta") => match block {
                Some(Block::Ignored) => {}
                _ => self.turn.text(string(&delta, "text")?, events),
            },
            Some("thinking_delta") => {
                let piece = string(&delta, "thinking")?;
                if let Some(Block::Thinking { thought, .. }) = block {
                    thought.push_str(&piece);
                    self.hold(piece.len())?;
                }
                self.turn.reasoning(piece, events);
            }
            Some("signature_delta") => {
                let piece = string(&delta, "signature")?;
                if let Some(Block::Thinking { signature, .. }) = block {
                    signature.push_str(&piece);
                    self.hold(piece.len())?;
                }
            }
            Some("input_json_delta") => match block {
                Some(Block::Call { index, pieces, .. }) => {
                    let piece = string(&delta, "partial_json")?;
                    *pieces |= !piece.is_empty();
                    self.turn.arguments(*index, piece, events);
                }
                Some(_) => {}
                None => return Err(malformed("arguments came for a call that has not begun")),
            },
            Some("citations_delta") => {
                if let Some(Block::Text { cited, .. }) = block
                    && let Some(citation) = inner(&delta, "citation")
                {
                    cited.take(&citation);
                }
            }
            // `compaction_delta`, and what is new.
            _ => {}
        }
        Ok(())
    }

    fn block_stop(&mut self, data: &Object<'_>, events: &mut Vec<EventKind>) {
        match self.open.remove(&index_of(data)) {
            None | Some(Block::Ignored) => return,
            Some(Block::Text { begins, cited }) => self.turn.cited(cited, begins, events),
            Some(Block::Redacted) => {}
            Some(Block::Thinking {
                start,
                thought,
                signature,
            }) => {
                self.held = self
                    .held
                    .saturating_sub(start.len() + thought.len() + signature.len());
                // A thought that was cut off has no signature and cannot be sent back.
                if !signature.is_empty() {
                    self.turn.thought(signed(&start, &thought, &signature));
                }
            }
            Some(Block::Call { index, input, pieces }) => {
                self.held = self.held.saturating_sub(input.len());
                match (pieces, says_nothing(&input)) {
                    (true, _) => {}
                    (false, true) => self.turn.no_arguments(index),
                    (false, false) => self.turn.arguments(index, input, events),
                }
            }
        }
        self.turn.block_end(events);
    }

    fn message_delta(&mut self, data: &Object<'_>, events: &mut Vec<EventKind>) {
        if let Some(usage) = inner(data, "usage") {
            self.counts.take(&usage);
            // Said once more at the end, where all that was held back has been said. Who leaves or breaks off before that
            // has been counted all the same.
            let counts: Vec<EventKind> = self.counts.events().collect();
            if self.stage == Stage::Answering && counts != self.counted {
                events.extend(counts.iter().cloned());
                self.counted = counts;
            }
        }
        let Some(delta) = inner(data, "delta") else { return };
        let said = stop_of(&delta);
        if said.reason.is_some() {
            self.stop = said;
        }
    }

    fn finish(&mut self, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        self.open_answer(events);
        self.stage = Stage::Done;
        let stop = std::mem::take(&mut self.stop).said()?;
        if let Some(explanation) = stop.explanation.clone() {
            self.turn.refusal(explanation, events);
        }
        self.turn.end(events);
        events.push(EventKind::Finish(stop.finish(self.turn.called())));
        events.extend(self.counts.events());
        events.extend(self.counts.take_tier());
        Ok(())
    }

    /// Counts bytes that wait for the end of their block.
    fn hold(&mut self, bytes: usize) -> Result<(), Fault> {
        self.held += bytes;
        match self.held > self.held_limit {
            true => Err(malformed("a block is longer than an event may be")),
            false => Ok(()),
        }
    }
}

/// A thinking block as a whole answer would have it.
fn signed(start: &str, thought: &str, signature: &str) -> String {
    let Ok(block) = Object::parse(start) else {
        return start.to_owned();
    };
    let mut edits = Edits::of(block.text());
    let mut edit = ObjectEdit::of(&block);
    edit.set("thinking", quote(thought));
    edit.set("signature", quote(signature));
    edit.finish(&mut edits);
    edits.finish()
}

fn inner<'a>(object: &Object<'a>, name: &str) -> Option<Object<'a>> {
    Object::parse(object.present(name)?).ok()
}

fn index_of(data: &Object<'_>) -> u64 {
    data.read("index").unwrap_or_default()
}
