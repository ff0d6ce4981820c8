//! Token counts in OpenAI's meaning: the total is prompt plus completion, and every detail is part of
//! one of them.

use serde::Deserialize;
use serde_json::Value;

use super::Violation;

/// The counts of an answer; a detail that is not there counts as 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Usage {
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub total_tokens: u64,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    audio_tokens: Option<u64>,
    image_tokens: Option<u64>,
    text_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
    audio_tokens: Option<u64>,
    text_tokens: Option<u64>,
    accepted_prediction_tokens: Option<u64>,
    rejected_prediction_tokens: Option<u64>,
}

impl Usage {
    /// Tokens of the prompt that came from a cache.
    pub fn cached_tokens(&self) -> u64 {
        self.prompt_tokens_details
            .as_ref()
            .and_then(|details| details.cached_tokens)
            .unwrap_or(0)
    }

    /// Tokens of the completion that were reasoning.
    pub fn reasoning_tokens(&self) -> u64 {
        self.completion_tokens_details
            .as_ref()
            .and_then(|details| details.reasoning_tokens)
            .unwrap_or(0)
    }
}

/// Reads a `usage` object and checks that its sums hold.
pub(super) fn check_usage(value: &Value, violations: &mut Vec<Violation>) -> Option<Usage> {
    let Ok(usage) = Usage::deserialize(value) else {
        violations.push(Violation::UsageUnreadable {
            text: value.to_string(),
        });
        return None;
    };
    if usage.prompt_tokens.checked_add(usage.completion_tokens) != Some(usage.total_tokens) {
        violations.push(Violation::UsageSum {
            prompt: usage.prompt_tokens,
            completion: usage.completion_tokens,
            total: usage.total_tokens,
        });
    }
    let prompt = usage.prompt_tokens_details.clone().unwrap_or_default();
    let completion = usage.completion_tokens_details.clone().unwrap_or_default();
    let of_prompt = [
        ("cached_tokens", prompt.cached_tokens),
        ("prompt audio_tokens", prompt.audio_tokens),
        ("image_tokens", prompt.image_tokens),
        ("prompt text_tokens", prompt.text_tokens),
        ("cache_write_tokens", prompt.cache_write_tokens),
    ];
    let of_completion = [
        ("reasoning_tokens", completion.reasoning_tokens),
        ("completion audio_tokens", completion.audio_tokens),
        ("completion text_tokens", completion.text_tokens),
        (
            "accepted_prediction_tokens",
            completion.accepted_prediction_tokens,
        ),
        (
            "rejected_prediction_tokens",
            completion.rejected_prediction_tokens,
        ),
    ];
    for (parts, whole) in [
        (of_prompt, usage.prompt_tokens),
        (of_completion, usage.completion_tokens),
    ] {
        for (part, tokens) in parts {
            let tokens = tokens.unwrap_or(0);
            if tokens > whole {
                violations.push(Violation::UsagePart { part, tokens, whole });
            }
        }
    }
    Some(usage)
}
