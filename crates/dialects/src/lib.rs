//! Turn a chat request into a provider's request, and its bytes back into events.
//!
//! Pure: no socket, clock or random source. What a provider needs to be told apart from others is
//! data (`tollgate_catalog::quirks`); a dialect never asks for a model or a provider by name.
//! Sending, timeouts and retries live in the gateway.

pub mod fault;
pub mod openai_chat;
pub mod request;
pub mod think_tags;

use bytes::Bytes;
use tollgate_catalog::{contract::ValidRequest, dialect_name::DialectName, quirks::Quirks, serving::Serving};
use tollgate_chat::{
    answer::Answer,
    chunk::{AnswerShape, Head},
    event::Event,
};

pub use fault::{Fault, FaultKind};
pub use request::{Note, ProviderRequest, Unsupported};

/// A wire protocol that this build speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    OpenaiChat,
}

/// What the client is to see, whatever the provider says of itself.
#[derive(Debug, Clone)]
pub struct Presentation {
    /// `id` and `created` are used where the provider gives none; `model` always.
    pub head: Head,
    pub shape: AnswerShape,
    /// Whether a stream's chunks carry `usage: null`, since the client asked for usage.
    pub include_usage: bool,
    /// Tokens of the prompt, about: for a provider that counts nothing.
    pub estimated_prompt_tokens: u64,
}

impl Dialect {
    /// The dialect of that name; `None` where this build does not speak it.
    pub fn named(name: DialectName) -> Option<Self> {
        match name {
            DialectName::OpenaiChat => Some(Self::OpenaiChat),
            DialectName::OpenaiResponses
            | DialectName::AnthropicMessages
            | DialectName::Gemini
            | DialectName::Embedded => None,
        }
    }

    /// Where requests go, appended to a channel's base URL.
    pub fn path(self) -> &'static str {
        match self {
            Self::OpenaiChat => "/chat/completions",
        }
    }

    /// Writes the provider's request. `provider_files`: whether references into the provider's own
    /// storage may pass. Fails with what the provider cannot do for this model.
    pub fn encode(
        self,
        request: &ValidRequest,
        serving: &Serving,
        provider_files: bool,
    ) -> Result<ProviderRequest, Unsupported> {
        match self {
            Self::OpenaiChat => openai_chat::request::encode(request, serving, provider_files),
        }
    }

    /// A decoder for one streamed answer.
    pub fn stream_decoder(
        self,
        quirks: &Quirks,
        presentation: Presentation,
        event_limit: usize,
    ) -> StreamDecoder {
        match self {
            Self::OpenaiChat => StreamDecoder::OpenaiChat(openai_chat::stream::Decoder::new(
                quirks,
                presentation,
                event_limit,
            )),
        }
    }

    /// Reads a whole answer with status 200.
    pub fn decode_answer(
        self,
        body: &Bytes,
        quirks: &Quirks,
        presentation: &Presentation,
    ) -> Result<Answer, Fault> {
        match self {
            Self::OpenaiChat => openai_chat::answer::decode(body, quirks, presentation),
        }
    }

    /// The events of a whole answer that came where a stream was asked for, as if it had been one; the
    /// relay writes their chunks. Usage is among them unless it is an estimate. Fails where the answer
    /// says what no event can.
    pub fn events_of_answer(self, answer: &Answer) -> Result<Vec<Event>, Fault> {
        match self {
            Self::OpenaiChat => openai_chat::replay::events(answer),
        }
    }

    /// Says what an answer with another status than 200 means.
    pub fn fault(self, status: u16, body: &[u8]) -> Fault {
        match self {
            Self::OpenaiChat => openai_chat::fault::of_status(status, body),
        }
    }
}

/// Reads one streamed answer.
#[derive(Debug)]
pub enum StreamDecoder {
    OpenaiChat(openai_chat::stream::Decoder),
}

impl StreamDecoder {
    /// Takes the next bytes and puts what they say into `events`. Bytes may be cut anywhere.
    pub fn read(&mut self, bytes: Bytes, events: &mut Vec<Event>) -> Result<(), Fault> {
        match self {
            Self::OpenaiChat(decoder) => decoder.read(bytes, events),
        }
    }

    /// Whether the provider has said that nothing more will come.
    pub fn is_complete(&self) -> bool {
        match self {
            Self::OpenaiChat(decoder) => decoder.is_complete(),
        }
    }

    /// The end of the bytes. Fails where the answer is not whole.
    pub fn end(&mut self, events: &mut Vec<Event>) -> Result<(), Fault> {
        match self {
            Self::OpenaiChat(decoder) => decoder.end(events),
        }
    }
}
