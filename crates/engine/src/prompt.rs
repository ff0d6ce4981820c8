//! What the engine is asked, in its own words: turns of a conversation, and how to choose tokens.

use crate::form::Form;

/// Who speaks. What else a chat request knows (tools, developers) becomes one of these before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    System,
    User,
    Assistant,
}

impl Role {
    /// The name that chat templates use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    pub role: Role,
    pub text: String,
}

/// How the next token is chosen. The default leaves the model's own probabilities as they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// 0: always the most probable token. Negative values count as 0.
    pub temperature: f32,
    /// Only the most probable tokens that together have this probability; 1: all.
    pub top_p: f32,
    /// Taken off a token's score each time that it occurred in this answer.
    pub frequency_penalty: f32,
    /// Taken off a token's score once it occurred in this answer.
    pub presence_penalty: f32,
    /// Added to a token's score, by token ID. IDs that the model does not have are ignored.
    pub logit_bias: Vec<(u32, f32)>,
    /// How many of the most probable tokens are told beside each token of the answer, with their
    /// probabilities; 0: the token's own alone. `None`: none at all.
    pub logprobs: Option<usize>,
    /// The same seed, prompt and parameters give the same answer. `None`: another answer each time.
    pub seed: Option<u64>,
    /// Most tokens of the answer. `None`: as many as the window has room for.
    pub max_tokens: Option<u32>,
    /// Texts before which the answer ends. Empty ones are ignored.
    pub stop: Vec<String>,
    /// From where this text begins, stop texts end nothing any more.
    pub stop_until: Option<String>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            logit_bias: Vec::new(),
            logprobs: None,
            seed: None,
            max_tokens: None,
            stop: Vec::new(),
            stop_until: None,
        }
    }
}

/// A conversation to be continued by the assistant.
#[derive(Debug, Clone, Default)]
pub struct Prompt {
    pub turns: Vec<Turn>,
    pub sampling: Sampling,
    /// What the answer has to look like. `None`: anything.
    pub form: Option<Form>,
}
