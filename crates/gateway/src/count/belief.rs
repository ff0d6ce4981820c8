//! How many tokens a provider may say that an answer took.
//!
//! A count that no answer can have is no count: whoever has it pays for what the gate counts instead. No prompt and no
//! text is without tokens. The upper bounds are
//! generous, since a truthful provider must never be cut short. What it adds to a prompt, the results of the searches
//! that it makes, and thoughts that it does not show count too, and with hosted tools a model reads its context
//! several times for one answer.

use tollgate_catalog::model::Model;
use tollgate_chat::usage::Usage;

/// How often a model may read or fill its limits for one answer.
const TIMES: u64 = 8;
/// Tokens of a context, and of an answer, that nobody knows.
const UNKNOWN: u64 = 2_000_000;
/// Tokens that any model may write, whatever its limit is said to be.
const LEAST_OUTPUT: u64 = 128_000;

/// The most that is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Belief {
    prompt: u64,
    completion: u64,
}

impl Belief {
    /// For a request of `bytes` to `model` for `choices`, each of which may have read the prompt.
    pub fn of(model: &Model, bytes: u64, choices: u32) -> Self {
        let choices = u64::from(choices.max(1));
        let context = model.context.unwrap_or(UNKNOWN);
        let output = model.max_output.unwrap_or(UNKNOWN).max(LEAST_OUTPUT);
        let times = |limit: u64| limit.saturating_mul(TIMES).saturating_mul(choices);
        Self {
            prompt: times(context.max(bytes)),
            completion: times(output),
        }
    }

    /// Whether an answer of so many bytes may have this count. A token has a byte at least.
    pub fn allows(&self, usage: &Usage, bytes: u64) -> bool {
        usage.prompt <= self.prompt && usage.completion <= self.completion.max(bytes)
    }
}

/// Whether the count leaves out the prompt, or an answer that says something.
pub fn leaves_out(usage: &Usage, says_something: bool) -> bool {
    usage.prompt == 0 || (says_something && usage.completion == 0)
}
