//! Values that single columns may have.

use serde::Deserialize;

/// The provider's name for the output limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenLimitField {
    MaxTokens,
    MaxCompletionTokens,
}

impl TokenLimitField {
    /// The member's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
        }
    }
}

/// On which messages a provider takes `name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageName {
    All,
    User,
    None,
}

/// What becomes of `reasoning_content` that the client sends back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasoningHistory {
    /// Left out: the provider refuses it.
    Drop,
    /// Sent as it came.
    Pass,
    /// Sent as it came. Where a turn lacks it, what the gate kept of that turn stands in, else one space
    /// on turns with tool calls, since the provider refuses those (wire notes, sections 7 and 10).
    Require,
    /// Sent as `reasoning_details` (wire notes, section 11).
    Details,
}

/// Where media of one kind may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaSource {
    /// Parts of this kind are refused.
    None,
    /// Only data URIs; the provider does not fetch.
    Data,
    /// Data URIs and http(s) URLs.
    Any,
}

/// A response format beside plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseFormat {
    JsonObject,
    JsonSchema,
}

/// The form of a schema, where a provider takes JSON Schema only in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaForm {
    /// JSON Schema, references included.
    JsonSchema,
    /// The part of it that OpenAPI 3.0 has: no references, no lists of types.
    OpenApi,
}

/// Tokens that a model may be given for thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budgets {
    pub min: u64,
    pub max: u64,
}

/// A form of `tool_choice`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoiceForm {
    Auto,
    None,
    Required,
    Named,
}

impl ToolChoiceForm {
    pub const ALL: [Self; 4] = [Self::Auto, Self::None, Self::Required, Self::Named];
}

/// How a provider wants to be told to think, in the words of chat completions; the other dialects
/// have the same three forms under names of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThinkingForm {
    /// The model does not think, or has no switch: switches are left out.
    None,
    /// A level: `reasoning_effort: "…"` (Responses `reasoning.effort`, Gemini 3 `thinkingLevel`).
    ReasoningEffort,
    /// `thinking: {"type": "enabled" | "disabled"}`, with `reasoning_effort` beside it where
    /// `efforts` has levels (Anthropic: adaptive thinking with an effort, else a budget).
    ThinkingObject,
    /// `enable_thinking: true | false`, with `thinking_budget` where the client gave one (Gemini
    /// 2.5: `thinkingBudget`, 0 for off).
    EnableThinking,
    /// The fields as the client sent them: the other side understands all of them.
    Pass,
}
