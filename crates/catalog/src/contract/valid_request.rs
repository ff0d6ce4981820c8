//! A request that keeps its model's contract. Only [`super::check`] makes one.

use std::sync::Arc;

use tollgate_chat::request::ChatRequest;

use crate::{model::Model, thinking::Thinking};

/// A checked request: the client's bytes, and what the stations after validation need to know of
/// them, so that nobody has to read them twice.
#[derive(Debug, Clone)]
pub struct ValidRequest {
    /// The body as it came, with the places of its members.
    pub request: ChatRequest,
    pub model: Arc<Model>,
    pub stream: bool,
    /// Whether the client asked for usage in the stream.
    pub include_usage: bool,
    /// The output limit: `max_completion_tokens`, else `max_tokens`, else the documented default.
    pub max_tokens: Option<u64>,
    /// Choices asked for; at least 1.
    pub n: u32,
    /// Stop strings in the client's order; empty where it sent none.
    pub stop: Vec<String>,
    /// What the three thinking switches say together, the documented default included.
    pub thinking: Thinking,
    pub response_format: ResponseFormatAsked,
    /// Function tools offered.
    pub tools: u32,
    /// `Auto` where the client sent none.
    pub tool_choice: ToolChoice,
    pub traits: MessageTraits,
    /// Bytes of what is defined beside the messages, and read with them: tools, and the schema of the answer.
    pub definition_bytes: u64,
    /// Numbers in force for the embedded model and for range checks of providers: the client's,
    /// `None` where it sent none.
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub frequency_penalty: Option<f64>,
    pub presence_penalty: Option<f64>,
    pub seed: Option<i64>,
}

impl ValidRequest {
    /// About how many tokens the prompt has: four bytes of text a token, and four tokens of frame a
    /// message. Tools and the schema of the answer are read with it; media are left out.
    pub fn estimated_prompt_tokens(&self) -> u64 {
        let traits = &self.traits;
        estimated_tokens(traits.text_bytes + traits.history_bytes + self.definition_bytes)
            + 4 * u64::from(traits.count)
    }
}

/// About how many tokens a text of that many bytes has, rounded up.
pub fn estimated_tokens(bytes: u64) -> u64 {
    bytes.div_ceil(4)
}

/// `response_format` as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResponseFormatAsked {
    #[default]
    Text,
    JsonObject,
    JsonSchema,
}

/// `tool_choice` as asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ToolChoice {
    #[default]
    Auto,
    None,
    Required,
    Named(String),
}

/// What the messages hold, gathered while they are checked. A dialect looks at a message again
/// only when one of these says that its provider needs it changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageTraits {
    /// Number of messages.
    pub count: u32,
    /// Bytes of text in all contents, media left out.
    pub text_bytes: u64,
    /// Bytes of earlier thoughts as text, and of names and arguments of earlier calls.
    pub history_bytes: u64,
    /// Some role is `developer`.
    pub developer: bool,
    /// Some role is `user`.
    pub user: bool,
    /// Some message has a `name`.
    pub name: bool,
    /// Some content is an array of parts that are all text or refusals.
    pub text_part_arrays: bool,
    /// Some part is a refusal.
    pub refusal_parts: bool,
    /// Parts that are no text.
    pub media: u32,
    pub images: bool,
    /// Bytes of what images are in data URIs, as base64.
    pub image_bytes: u64,
    /// Some image is an http(s) URL, not a data URI.
    pub image_urls: bool,
    pub videos: bool,
    /// Some video is an http(s) URL, not a data URI.
    pub video_urls: bool,
    pub audio: bool,
    pub files: bool,
    /// Some file is an http(s) URL, not a data URI.
    pub file_urls: bool,
    /// Some part refers to a provider's own storage (`file_id`, `ms://`, `gs://`); the path of the
    /// first such member's message.
    pub provider_file: Option<u32>,
    /// Some assistant message has `content` null, absent or an empty array.
    pub assistant_without_content: bool,
    /// Some assistant message has `reasoning_content`, or `reasoning` as some hosts call it.
    pub reasoning_content: bool,
    /// Some assistant message has tool calls.
    pub tool_calls: bool,
    /// Some assistant message has a member beyond role, content, name, tool_calls and
    /// reasoning_content (`refusal`, `annotations`, …).
    pub assistant_extras: bool,
    /// Some message or part has a member whose value is null (other than an assistant's content).
    pub null_members: bool,
    /// Legacy `function` role or `function_call` member.
    pub legacy_functions: bool,
    /// Tools that the client did not allow to be called have been taken out of the request.
    pub narrowed_tools: bool,
    /// Some function tool has `strict`.
    pub tool_strict: bool,
    /// Some message of role `tool` has an image; counts under `images` too.
    pub result_images: bool,
    /// Some assistant message has images that a model drew. They count nowhere else: whether they are
    /// sent depends on the provider.
    pub assistant_images: bool,
    /// Some assistant message has `audio`: an answer that was spoken.
    pub spoken: bool,
    /// Some turn carries state in another host's form: `thinking_blocks`, `reasoning_details`,
    /// `extra_content`, or a signature in a call's ID.
    pub foreign_state: bool,
    /// Some message or part has `cache_control`.
    pub cache_control: bool,
    /// Some tool has `cache_control`.
    pub tool_cache_control: bool,
    /// The first message is from the system or the developer.
    pub leading_system: bool,
}
