//! Names of the wire protocols, as data: what a provider speaks.

use serde::Deserialize;

/// A provider's wire protocol. Which of them this build can speak is the business of the crate
/// `dialects`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DialectName {
    OpenaiChat,
    OpenaiResponses,
    AnthropicMessages,
    Gemini,
    /// The model inside the process; no provider of the catalogue speaks it.
    #[serde(skip_deserializing)]
    Embedded,
}

impl DialectName {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenaiChat => "openai-chat",
            Self::OpenaiResponses => "openai-responses",
            Self::AnthropicMessages => "anthropic-messages",
            Self::Gemini => "gemini",
            Self::Embedded => "embedded",
        }
    }
}
