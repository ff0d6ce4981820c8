//! What a dialect reads out of a provider's bytes, before it becomes a chat chunk.

use bytes::Bytes;

use crate::{json::quote, service_tier::ServiceTier, usage::Usage};

/// Something a provider said, and what of it is already on the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub kind: EventKind,
    pub wire: Wire,
}

impl Event {
    /// An event for which a chunk has yet to be written.
    pub fn new(kind: EventKind) -> Self {
        Self {
            kind,
            wire: Wire::Unwritten,
        }
    }
}

/// Who writes the chat chunk of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Wire {
    /// The relay does.
    Unwritten,
    /// The provider did: these bytes are a whole chunk in our form, without SSE framing.
    Chunk(Bytes),
    /// A chunk that came with an earlier event says this too.
    Covered,
}

#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// The provider has begun; nothing is said yet. A later one without members says nothing and carries the
    /// ready-made chunk that opens a choice.
    Start(Start),
    /// A piece of the answer's text.
    Text { choice: u32, text: String },
    /// A piece of a refusal.
    Refusal { choice: u32, text: String },
    /// A piece of the reasoning.
    Reasoning { choice: u32, text: String },
    /// A piece of a tool call. `id` and `name` come with the first piece of an `index`, and with no other.
    ToolCall {
        choice: u32,
        index: u32,
        id: Option<String>,
        name: Option<String>,
        arguments: String,
    },
    /// An image that the model drew, whole, as a data URI.
    Image { choice: u32, url: String },
    /// Log probabilities of the last piece of text: the items of `logprobs.content`, as a JSON array.
    Logprobs { choice: u32, json: String },
    /// A page that a part of the text goes back to.
    Citation { choice: u32, citation: Citation },
    /// Anything else that a chunk carries and that is real output (audio, log probabilities alone).
    Other { choice: u32 },
    /// Output of a kind for which an answer has no place; a note names it.
    Unshown { choice: u32, kind: Unshown },
    /// What the provider wants back with this turn. Clients never see it.
    State { choice: u32, state: State },
    /// The end of what one of the provider's blocks (a text, a thought, a call) says.
    BlockEnd { choice: u32 },
    /// The end of a choice.
    Finish(Finish),
    /// The provider's counts so far; the last one counts.
    Usage(Usage),
    /// Something of the last count is an estimate: the provider does not give it.
    UsageEstimated,
    /// The provider broke off behind the end of what the client is given: its last count is not of all that was said
    /// since.
    UsageCutOff,
    /// The tier of service that answers, where it is not the standard one, or was said to be another; the last one
    /// counts.
    ServiceTier(ServiceTier),
}

impl EventKind {
    /// The choice that this is said of; `None` for what is said of the whole answer.
    pub fn choice(&self) -> Option<u32> {
        match self {
            Self::Start(_)
            | Self::Usage(_)
            | Self::UsageEstimated
            | Self::UsageCutOff
            | Self::ServiceTier(_) => None,
            Self::Text { choice, .. }
            | Self::Refusal { choice, .. }
            | Self::Reasoning { choice, .. }
            | Self::ToolCall { choice, .. }
            | Self::Image { choice, .. }
            | Self::Logprobs { choice, .. }
            | Self::Citation { choice, .. }
            | Self::Other { choice }
            | Self::Unshown { choice, .. }
            | Self::State { choice, .. }
            | Self::BlockEnd { choice } => Some(*choice),
            Self::Finish(finish) => Some(finish.choice),
        }
    }

    /// What of it counts as tokens that were written, in a stream.
    pub fn written(&self) -> Written<'_> {
        match self {
            Self::Text { text, .. } | Self::Refusal { text, .. } => Written {
                said: text,
                ..Written::default()
            },
            Self::Reasoning { text, .. } => Written {
                thought: text,
                ..Written::default()
            },
            Self::ToolCall { name, arguments, .. } => Written {
                said: arguments,
                called: name.as_deref().unwrap_or_default(),
                ..Written::default()
            },
            Self::Start(_)
            | Self::Image { .. }
            | Self::Logprobs { .. }
            | Self::Citation { .. }
            | Self::Other { .. }
            | Self::Unshown { .. }
            | Self::State { .. }
            | Self::BlockEnd { .. }
            | Self::Finish(_)
            | Self::Usage(_)
            | Self::UsageEstimated
            | Self::UsageCutOff
            | Self::ServiceTier(_) => Written::default(),
        }
    }

    /// Whether the client would see output: after that no other channel can answer unnoticed.
    pub fn is_content(&self) -> bool {
        match self {
            Self::Text { text, .. } | Self::Refusal { text, .. } | Self::Reasoning { text, .. } => {
                !text.is_empty()
            }
            Self::ToolCall { .. } | Self::Image { .. } | Self::Other { .. } => true,
            Self::Start(_)
            | Self::Logprobs { .. }
            | Self::Citation { .. }
            | Self::Unshown { .. }
            | Self::State { .. }
            | Self::BlockEnd { .. }
            | Self::Finish(_)
            | Self::Usage(_)
            | Self::UsageEstimated
            | Self::UsageCutOff
            | Self::ServiceTier(_) => false,
        }
    }
}

/// What of an event a model wrote in tokens of its own. Empty where there is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written<'a> {
    pub thought: &'a str,
    /// Text, a refusal, or a call's arguments.
    pub said: &'a str,
    /// The name of what is called.
    pub called: &'a str,
}

impl Written<'_> {
    pub fn bytes(&self) -> u64 {
        (self.thought.len() + self.said.len() + self.called.len()) as u64
    }
}

/// A kind of output for which an answer has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unshown {
    Audio,
    Video,
    File,
    /// Sources of the text that are no pages on the web.
    Annotations,
}

impl Unshown {
    /// The word for it in notes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
            Self::File => "file",
            Self::Annotations => "annotations",
        }
    }
}

/// What the provider says of the whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Start {
    pub id: Option<String>,
    /// Unix seconds.
    pub created: Option<u64>,
    pub system_fingerprint: Option<String>,
}

/// A page on the web, and the part of the choice's text that it is the source of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    pub url: String,
    pub title: String,
    /// Characters of the choice's text before the part, and up to its end.
    pub start: u64,
    pub end: u64,
}

impl Citation {
    /// An item of `annotations`.
    pub fn to_json(&self) -> String {
        format!(
            "{{\"type\":\"url_citation\",\"url_citation\":{{\"end_index\":{},\"start_index\":{},\"title\":{},\
             \"url\":{}}}}}",
            self.end,
            self.start,
            quote(&self.title),
            quote(&self.url),
        )
    }
}

/// A piece of a turn that only its provider can read, such as a signature or an encrypted thought, and
/// that it wants back byte for byte with the next turn of a tool exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub place: Place,
    /// The provider's own JSON.
    pub json: Box<str>,
}

/// Where in a turn a piece of state stands. Calls and images are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before all text and calls.
    Start,
    /// On that image.
    OnImage(u32),
    /// On that call.
    OnCall(u32),
    /// Nowhere by itself: it says how everything in the turn followed each other.
    Order,
}

/// How a choice ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    pub choice: u32,
    pub reason: FinishReason,
    /// The stop string that was met, where somebody knows.
    pub matched_stop: Option<String>,
    /// The provider's own word, where it differs from ours in more than spelling.
    pub provider_reason: Option<String>,
}

/// OpenAI's finish reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    Stop,
    Length,
    ToolCalls,
    ContentFilter,
    FunctionCall,
}

impl FinishReason {
    /// Whether the answer was cut off, so that a call may have ended in the middle of its arguments.
    pub fn cuts(self) -> bool {
        matches!(self, Self::Length | Self::ContentFilter)
    }

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::FunctionCall => "function_call",
        }
    }
}
