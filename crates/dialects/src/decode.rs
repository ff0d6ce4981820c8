//! The answer's side of every dialect: a provider's bytes as events, with everything put back that the
//! request's side changed, and the state of turns gathered.

mod put_back;
mod unasked;

use bytes::Bytes;
use tollgate_catalog::{
    contract::estimated_tokens,
    quirks::{Quirks, ReasoningHistory},
};
use tollgate_chat::{
    answer::Answer,
    assemble::Assembler,
    event::{Event, EventKind},
    object::Object,
    service_tier::ServiceTier,
    usage::Usage,
};

use self::put_back::PutBack;
pub use self::unasked::UnaskedStream;
use crate::{
    Dialect, Presentation, anthropic_messages,
    fault::Fault,
    gemini, openai_chat, openai_responses,
    request::Undo,
    service_tier,
    turn_state::{Before, KeptTurn, TurnCollector},
};

/// A whole answer, and the state of its turns.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    pub answer: Answer,
    pub turns: Vec<KeptTurn>,
}

impl Dialect {
    /// Reads a whole answer with status 200.
    pub fn decode_answer(
        self,
        body: &Bytes,
        quirks: &Quirks,
        presentation: &Presentation,
        undo: &Undo,
    ) -> Result<Decoded, Fault> {
        if is_stream(body) {
            let (events, turns) = self.events_of_stream(body, quirks, presentation, undo)?;
            let answer = assembled(events.into_iter().map(|event| event.kind), presentation);
            return Ok(Decoded { answer, turns });
        }
        if self == Self::OpenaiChat && undo.is_nothing() {
            return decode_chat(body, quirks, presentation, undo.before);
        }
        let mut collector = collector_for(self, quirks, undo.before);
        let events = self.events_of_whole(body, quirks, presentation, undo)?;
        events.iter().for_each(|event| collector.take(event));
        Ok(Decoded {
            answer: assembled(events, presentation),
            turns: collector.finish(),
        })
    }

    /// What a whole answer counts, and its tier of service, that cannot be read otherwise, or says that something went
    /// wrong.
    pub fn counted_in(self, body: &Bytes) -> (Option<Usage>, Option<ServiceTier>) {
        let text = std::str::from_utf8(body).unwrap_or_default();
        let Ok(object) = Object::parse(text.trim()) else {
            return (None, None);
        };
        let usage = match self {
            Self::OpenaiChat => openai_chat::usage::in_answer(&object),
            Self::OpenaiResponses => openai_responses::usage::in_answer(&object),
            Self::AnthropicMessages => anthropic_messages::usage::in_answer(&object),
            Self::Gemini => gemini::usage::in_answer(&object),
        };
        (usage, service_tier::in_answer(self, &object))
    }

    /// A whole answer that came where a stream was asked for, as if it had been one.
    pub fn decode_as_stream(
        self,
        body: &Bytes,
        quirks: &Quirks,
        presentation: &Presentation,
        undo: &Undo,
    ) -> Result<(Vec<Event>, Vec<KeptTurn>), Fault> {
        if is_stream(body) {
            return self.events_of_stream(body, quirks, presentation, undo);
        }
        let mut collector = collector_for(self, quirks, undo.before);
        let events = self.events_of_whole(body, quirks, presentation, undo)?;
        for event in &events {
            collector.take(event);
        }
        Ok((events.into_iter().map(Event::new).collect(), collector.finish()))
    }

    /// A stream that has come whole where none was asked for: some servers stream always.
    fn events_of_stream(
        self,
        body: &Bytes,
        quirks: &Quirks,
        presentation: &Presentation,
        undo: &Undo,
    ) -> Result<(Vec<Event>, Vec<KeptTurn>), Fault> {
        let mut decoder = self.stream_decoder(quirks, presentation.clone(), undo.clone(), body.len());
        let mut events = Vec::new();
        decoder.read(body.clone(), &mut events)?;
        decoder.end(&mut events)?;
        Ok((events, decoder.take_turns()))
    }

    fn events_of_whole(
        self,
        body: &Bytes,
        quirks: &Quirks,
        presentation: &Presentation,
        undo: &Undo,
    ) -> Result<Vec<EventKind>, Fault> {
        let events = match self {
            Self::OpenaiChat => {
                let answer = openai_chat::answer::decode(body, quirks, presentation)?;
                let mut events = openai_chat::replay::events(&answer)?;
                // Behind the start, before anything is said.
                events.splice(1..1, openai_chat::details::of_answer(body, quirks));
                events
            }
            Self::OpenaiResponses => openai_responses::answer::events(body, undo.json)?,
            Self::AnthropicMessages => {
                anthropic_messages::answer::events(body, presentation.estimated_prompt_tokens)?
            }
            Self::Gemini => gemini::answer::events(
                body,
                undo.choices,
                presentation.estimated_prompt_tokens,
                &presentation.head.id,
            )?,
        };
        let mut put_back = PutBack::new(undo.clone());
        let mut out = Vec::with_capacity(events.len());
        for event in events {
            put_back.take(event, &mut out)?;
        }
        Ok(out)
    }

    /// A decoder for one streamed answer. `event_limit`: most bytes of one event.
    pub fn stream_decoder(
        self,
        quirks: &Quirks,
        presentation: Presentation,
        undo: Undo,
        event_limit: usize,
    ) -> StreamDecoder {
        // The raw path pays for neither where nobody has use for it.
        let keeps = keeps_state(self, quirks);
        let collector = keeps.then(|| collector_for(self, quirks, undo.before));
        let (choices, json) = (undo.choices, undo.json);
        let put_back = (self != Self::OpenaiChat || !undo.is_nothing()).then(|| PutBack::new(undo));
        let reader = match self {
            Self::OpenaiChat => Reader::OpenaiChat(openai_chat::stream::Decoder::new(
                quirks,
                presentation,
                choices.is_some_and(|choices| choices.get() == 1),
                event_limit,
            )),
            Self::OpenaiResponses => {
                Reader::OpenaiResponses(openai_responses::stream::Decoder::new(json, event_limit))
            }
            Self::AnthropicMessages => Reader::AnthropicMessages(anthropic_messages::stream::Decoder::new(
                presentation.estimated_prompt_tokens,
                event_limit,
            )),
            Self::Gemini => Reader::Gemini(gemini::stream::Decoder::new(
                choices,
                presentation.estimated_prompt_tokens,
                presentation.head.id,
                event_limit,
            )),
        };
        StreamDecoder {
            reader,
            read: Vec::new(),
            put_back,
            collector,
            broke_off: false,
        }
    }
}

/// How a line of server-sent events begins.
const LINES: [&[u8]; 5] = [b"data:", b"event:", b":", b"id:", b"retry:"];

/// Whether a body is server-sent events.
fn is_stream(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    body.first() != Some(&b'{') && LINES.iter().any(|line| body.starts_with(line))
}

/// The whole answer that these events make up.
fn assembled(events: impl IntoIterator<Item = EventKind>, presentation: &Presentation) -> Answer {
    let mut head = presentation.head.clone();
    let mut assembler = Assembler::default();
    for event in events {
        if let EventKind::Start(start) = &event {
            head.adopt(start);
        }
        assembler.take(event);
    }
    let estimated = Usage {
        prompt: presentation.estimated_prompt_tokens,
        completion: estimated_tokens(assembler.held() as u64),
        ..Usage::default()
    };
    assembler.finish(&head, &presentation.shape, estimated)
}

/// The raw path: the provider's bytes with few edits. Events are made only of what has to be kept.
fn decode_chat(
    body: &Bytes,
    quirks: &Quirks,
    presentation: &Presentation,
    before: Before,
) -> Result<Decoded, Fault> {
    let answer = openai_chat::answer::decode(body, quirks, presentation)?;
    let mut turns = Vec::new();
    if keeps_thoughts(quirks) {
        let mut collector = TurnCollector::of_thoughts(before);
        // What has no event has no thoughts that would be missed.
        let told = openai_chat::replay::events(&answer).unwrap_or_default();
        let details = openai_chat::details::of_answer(body, quirks);
        for event in details.into_iter().chain(told) {
            collector.take(&event);
        }
        turns = collector.finish();
    }
    Ok(Decoded { answer, turns })
}

fn keeps_thoughts(quirks: &Quirks) -> bool {
    matches!(
        quirks.reasoning_history,
        ReasoningHistory::Require | ReasoningHistory::Details
    )
}

/// Whether the provider wants something back with an answer's turn.
pub(crate) fn keeps_state(dialect: Dialect, quirks: &Quirks) -> bool {
    dialect != Dialect::OpenaiChat || keeps_thoughts(quirks)
}

fn collector_for(dialect: Dialect, quirks: &Quirks, before: Before) -> TurnCollector {
    match dialect == Dialect::OpenaiChat && keeps_thoughts(quirks) {
        true => TurnCollector::of_thoughts(before),
        false => TurnCollector::new(before),
    }
}

/// Reads one streamed answer.
#[derive(Debug)]
pub struct StreamDecoder {
    reader: Reader,
    /// What was read and not yet put back; kept for its memory.
    read: Vec<EventKind>,
    /// `None`: events pass as they are, with their chunks.
    put_back: Option<PutBack>,
    /// `None`: the provider wants nothing back.
    collector: Option<TurnCollector>,
    /// Whether a fault came behind the end of what the client is given: there is nothing more to read.
    broke_off: bool,
}

#[derive(Debug)]
enum Reader {
    OpenaiChat(openai_chat::stream::Decoder),
    OpenaiResponses(openai_responses::stream::Decoder),
    AnthropicMessages(anthropic_messages::stream::Decoder),
    Gemini(gemini::stream::Decoder),
}

impl StreamDecoder {
    /// Takes the next bytes and puts what they say into `events`. Bytes may be cut anywhere. After a
    /// fault `events` holds what was said before it. A fault behind the stop texts that the gate has ended the answer
    /// at is none: the answer is whole.
    pub fn read(&mut self, bytes: Bytes, events: &mut Vec<Event>) -> Result<(), Fault> {
        if self.broke_off {
            return Ok(());
        }
        let from = events.len();
        let read = match &mut self.reader {
            Reader::OpenaiChat(decoder) => decoder.read(bytes, events),
            Reader::OpenaiResponses(decoder) => decoder.read(bytes, &mut self.read),
            Reader::AnthropicMessages(decoder) => decoder.read(bytes, &mut self.read),
            Reader::Gemini(decoder) => decoder.read(bytes, &mut self.read),
        };
        let passed_on = self.pass_on(from, events);
        self.judge(read, passed_on, events)
    }

    /// Whether the provider has said that nothing more will come.
    pub fn is_complete(&self) -> bool {
        let is_complete = match &self.reader {
            Reader::OpenaiChat(decoder) => decoder.is_complete(),
            Reader::OpenaiResponses(decoder) => decoder.is_complete(),
            Reader::AnthropicMessages(decoder) => decoder.is_complete(),
            Reader::Gemini(decoder) => decoder.is_complete(),
        };
        is_complete || self.broke_off
    }

    /// The end of the bytes. Fails where the answer is not whole.
    pub fn end(&mut self, events: &mut Vec<Event>) -> Result<(), Fault> {
        if self.broke_off {
            return Ok(());
        }
        let from = events.len();
        let ended = match &mut self.reader {
            Reader::OpenaiChat(decoder) => decoder.end(events),
            Reader::OpenaiResponses(decoder) => decoder.end(&mut self.read),
            Reader::AnthropicMessages(decoder) => decoder.end(&mut self.read),
            Reader::Gemini(decoder) => decoder.end(&mut self.read),
        };
        let passed_on = self.pass_on(from, events);
        self.judge(ended, passed_on, events)
    }

    /// What reading came to. Where stop texts had ended the answer before the provider's fault, it ends well; its
    /// counts may not have come.
    fn judge(
        &mut self,
        read: Result<(), Fault>,
        passed_on: Result<(), Fault>,
        events: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let fault = match (read, passed_on) {
            (Ok(()), passed_on) => return passed_on,
            (Err(fault), Err(_)) => return Err(fault),
            (Err(fault), Ok(())) => fault,
        };
        let mut last = Vec::new();
        if !(self.put_back.as_mut()).is_some_and(|put_back| put_back.end_early(&mut last)) {
            return Err(fault);
        }
        self.broke_off = true;
        last.push(EventKind::UsageCutOff);
        if let Some(collector) = &mut self.collector {
            last.iter().for_each(|event| collector.take(event));
        }
        events.extend(last.into_iter().map(Event::new));
        Ok(())
    }

    /// The state of the turns that have ended. To be asked once, at the end.
    pub fn take_turns(&mut self) -> Vec<KeptTurn> {
        self.collector
            .as_mut()
            .map(TurnCollector::finish)
            .unwrap_or_default()
    }

    fn pass_on(&mut self, from: usize, events: &mut Vec<Event>) -> Result<(), Fault> {
        let Some(put_back) = &mut self.put_back else {
            if let Some(collector) = &mut self.collector {
                let new = events.iter().skip(from);
                new.for_each(|event| collector.take(&event.kind));
            }
            return Ok(());
        };
        let chunks = events.drain(from..).map(|event| event.kind);
        let read: Vec<EventKind> = chunks.chain(self.read.drain(..)).collect();
        let mut out = Vec::with_capacity(read.len());
        let mut done = Ok(());
        for event in read {
            done = put_back.take(event, &mut out);
            if done.is_err() {
                break;
            }
        }
        if let Some(collector) = &mut self.collector {
            out.iter().for_each(|event| collector.take(event));
        }
        events.extend(out.into_iter().map(Event::new));
        done
    }
}
