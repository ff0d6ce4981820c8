//! Turn a chat request into a provider's request, and its bytes back into events.
//!
//! Pure: no socket, clock or random source. What a provider needs to be told apart from others is
//! data (`tollgate_catalog::quirks`); a dialect never asks for a model or a provider by name.
//! Sending, timeouts and retries live in the gateway.

pub mod anthropic_messages;
mod arguments;
mod client_param;
pub mod conversation;
pub mod data_uri;
pub mod decode;
pub mod emulate;
pub mod fault;
pub mod gemini;
pub mod json_schema;
pub mod openai_chat;
pub mod openai_responses;
mod page;
pub mod parameter;
pub mod request;
mod service_tier;
pub mod think_tags;
pub mod thinking;
pub mod turn_state;

use std::{borrow::Cow, num::NonZeroU32};

use tollgate_catalog::{
    contract::{ResponseFormatAsked, ValidRequest},
    dialect_name::DialectName,
    quirks::Quirks,
    serving::Serving,
};
use tollgate_chat::chunk::{AnswerShape, Head};

pub use client_param::say_clients_param;
pub use decode::{Decoded, StreamDecoder, UnaskedStream};
pub use fault::{Fault, FaultKind, Missing};
pub use request::{Context, Note, ProviderRequest, Undo, Unsupported};

/// A wire protocol that this build speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    OpenaiChat,
    OpenaiResponses,
    AnthropicMessages,
    Gemini,
}

/// How a provider is told who is asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// `Authorization: Bearer …`
    Bearer,
    /// The key alone, in the header of that name.
    Header(&'static str),
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
    /// The dialect of that name; `None` for the embedded model, which is not spoken to over a wire.
    pub fn named(name: DialectName) -> Option<Self> {
        match name {
            DialectName::OpenaiChat => Some(Self::OpenaiChat),
            DialectName::OpenaiResponses => Some(Self::OpenaiResponses),
            DialectName::AnthropicMessages => Some(Self::AnthropicMessages),
            DialectName::Gemini => Some(Self::Gemini),
            DialectName::Embedded => None,
        }
    }

    pub fn credential(self) -> Credential {
        match self {
            Self::OpenaiChat | Self::OpenaiResponses => Credential::Bearer,
            Self::AnthropicMessages => Credential::Header("x-api-key"),
            Self::Gemini => Credential::Header("x-goog-api-key"),
        }
    }

    /// Headers that every request carries, beside the credential.
    pub fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::AnthropicMessages => &[("anthropic-version", "2023-06-01")],
            Self::OpenaiChat | Self::OpenaiResponses | Self::Gemini => &[],
        }
    }

    /// Says what an answer with another status than 200 means.
    pub fn fault(self, status: u16, body: &[u8]) -> Fault {
        match self {
            Self::OpenaiChat => openai_chat::fault::of_status(status, body),
            Self::OpenaiResponses => openai_responses::fault::of_status(status, body),
            Self::AnthropicMessages => anthropic_messages::fault::of_status(status, body),
            Self::Gemini => gemini::fault::of_status(status, body),
        }
    }
}

/// Writes the provider's request, in the serving's dialect unless the catalogue names another one for
/// such a request. Fails with what the provider cannot do for this model.
pub fn encode(
    request: &ValidRequest,
    serving: &Serving,
    context: &Context<'_>,
) -> Result<ProviderRequest, Unsupported> {
    let serving = &*serving_for(request, serving);
    refuse_legacy_functions(request, &serving.quirks)?;
    let plan = emulate::plan(request, &serving.quirks)?;
    let dialect = spoken(serving);
    let encode = match dialect {
        Dialect::OpenaiChat => openai_chat::request::encode,
        Dialect::OpenaiResponses => openai_responses::request::encode,
        Dialect::AnthropicMessages => anthropic_messages::request::encode,
        Dialect::Gemini => gemini::request::encode,
    };
    let mut written = encode(request, serving, plan, context)?;
    // Whoever reads the model's page knows that these do nothing.
    let does_nothing = |name: &str| {
        let field = request.model.contract.field(name);
        field.is_some_and(|field| field.without_effect)
    };
    written
        .notes
        .retain(|note| !matches!(note, Note::Omitted(name) if does_nothing(name)));
    written.undo.choices = NonZeroU32::new(context.choices);
    written.undo.json = request.response_format != ResponseFormatAsked::Text;
    if request.traits.narrowed_tools {
        let note = Note::Emulated("tool_choice".to_owned());
        if !written.notes.contains(&note) {
            written.notes.push(note);
        }
    }
    if request.traits.spoken && dialect != Dialect::OpenaiChat {
        let messages = request.request.get("messages").unwrap_or_default();
        written.notes.extend(conversation::note_of_speech(messages));
    }
    if decode::keeps_state(dialect, &serving.quirks) {
        let messages = request.request.get("messages").unwrap_or_default();
        written.undo.before = turn_state::Before::of(&conversation::messages(messages));
    }
    Ok(written)
}

/// Messages of the kind before tools, where the provider takes none: whoever reads messages leaves them out.
fn refuse_legacy_functions(request: &ValidRequest, quirks: &Quirks) -> Result<(), Unsupported> {
    if !request.traits.legacy_functions || quirks.legacy_functions {
        return Ok(());
    }
    let messages = request.request.get("messages").unwrap_or_default();
    match conversation::legacy_function(messages) {
        None => Ok(()),
        Some(param) => Err(Unsupported::new(
            param,
            "this model's provider does not take the forerunners of tools; send `tools`, calls as `tool_calls`, \
             and their results with role `tool`",
        )),
    }
}

/// The dialect in which [`encode`] writes this request. `None` for the embedded model.
pub fn dialect_of(request: &ValidRequest, serving: &Serving) -> Option<Dialect> {
    Dialect::named(serving_for(request, serving).dialect)
}

/// The serving as it counts for this request, with the dialect that is spoken and the quirks that hold
/// there: another than the usual one for function tools while the model thinks, where the catalogue says
/// so (`dialect_for_tools_while_thinking`).
pub fn serving_for<'s>(request: &ValidRequest, serving: &'s Serving) -> Cow<'s, Serving> {
    if request.tools == 0 || serving.other.is_none() {
        return Cow::Borrowed(serving);
    }
    let forces = thinking::forced_form(&thinking::choice_to_send(request, &serving.quirks));
    let thinks = thinking::decide(request, &serving.quirks, forces).thinks;
    let other = thinks.then(|| serving.in_other_dialect()).flatten();
    other.map_or(Cow::Borrowed(serving), Cow::Owned)
}

/// The embedded model never comes here; it counts as chat.
fn spoken(serving: &Serving) -> Dialect {
    Dialect::named(serving.dialect).unwrap_or(Dialect::OpenaiChat)
}

/// Whether a stream is asked for at the provider: the client's wish, or an answer that comes no other
/// way.
fn streams(request: &ValidRequest, quirks: &Quirks, thinks: bool) -> bool {
    request.stream || (quirks.fold_thinking_stream && thinks)
}
