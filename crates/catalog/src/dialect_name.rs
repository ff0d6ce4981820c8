//! Names of the wire protocols, as data: what a provider speaks.

use serde::Deserialize;

/// A provider's wire protocol. Which of them this build can speak is the business of the crate
/// `dialects`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
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
    /// Those that are spoken over a wire.
    pub const SPOKEN: [Self; 4] = [
        Self::OpenaiChat,
        Self::OpenaiResponses,
        Self::AnthropicMessages,
        Self::Gemini,
    ];

    /// The spoken dialect of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::SPOKEN.into_iter().find(|dialect| dialect.as_str() == name)
    }

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
