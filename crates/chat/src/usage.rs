//! Tokens of one answer, in OpenAI's meaning: total = prompt + completion, cached tokens inside the
//! prompt, reasoning inside the completion.

use crate::json::quote;

/// Tokens by class. Classes lie inside their total, and `0` means none or not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens read, cached ones included (Anthropic's `input_tokens` leaves them out).
    pub prompt: u64,
    /// Tokens written, reasoning included (xAI's and Gemini's counts leave it out).
    pub completion: u64,
    /// Read from the provider's prompt cache.
    pub cached: u64,
    /// Written to the provider's prompt cache.
    pub cache_write: u64,
    pub prompt_audio: u64,
    pub prompt_image: u64,
    pub prompt_video: u64,
    pub reasoning: u64,
    pub completion_audio: u64,
    pub completion_image: u64,
    pub accepted_prediction: u64,
    pub rejected_prediction: u64,
}

/// Which detail counts an answer always shows, zero or not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageShape {
    pub prompt_details: Vec<PromptDetail>,
    pub completion_details: Vec<CompletionDetail>,
}

/// A member of `prompt_tokens_details`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptDetail {
    CachedTokens,
    CacheWriteTokens,
    TextTokens,
    ImageTokens,
    VideoTokens,
    AudioTokens,
}

/// A member of `completion_tokens_details`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompletionDetail {
    ReasoningTokens,
    AudioTokens,
    ImageTokens,
    AcceptedPredictionTokens,
    RejectedPredictionTokens,
}

impl PromptDetail {
    const ALL: [Self; 6] = [
        Self::CachedTokens,
        Self::CacheWriteTokens,
        Self::TextTokens,
        Self::ImageTokens,
        Self::VideoTokens,
        Self::AudioTokens,
    ];

    /// The member's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CachedTokens => "cached_tokens",
            Self::CacheWriteTokens => "cache_write_tokens",
            Self::TextTokens => "text_tokens",
            Self::ImageTokens => "image_tokens",
            Self::VideoTokens => "video_tokens",
            Self::AudioTokens => "audio_tokens",
        }
    }
}

impl CompletionDetail {
    const ALL: [Self; 5] = [
        Self::ReasoningTokens,
        Self::AudioTokens,
        Self::ImageTokens,
        Self::AcceptedPredictionTokens,
        Self::RejectedPredictionTokens,
    ];

    /// The member's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReasoningTokens => "reasoning_tokens",
            Self::AudioTokens => "audio_tokens",
            Self::ImageTokens => "image_tokens",
            Self::AcceptedPredictionTokens => "accepted_prediction_tokens",
            Self::RejectedPredictionTokens => "rejected_prediction_tokens",
        }
    }
}

impl Usage {
    pub fn total(&self) -> u64 {
        self.prompt.saturating_add(self.completion)
    }

    /// Text read: the prompt less the other modalities.
    pub fn prompt_text(&self) -> u64 {
        self.prompt
            .saturating_sub(self.prompt_audio)
            .saturating_sub(self.prompt_image)
            .saturating_sub(self.prompt_video)
    }

    fn prompt_detail(&self, detail: PromptDetail) -> u64 {
        match detail {
            PromptDetail::CachedTokens => self.cached,
            PromptDetail::CacheWriteTokens => self.cache_write,
            PromptDetail::TextTokens => self.prompt_text(),
            PromptDetail::ImageTokens => self.prompt_image,
            PromptDetail::VideoTokens => self.prompt_video,
            PromptDetail::AudioTokens => self.prompt_audio,
        }
    }

    fn completion_detail(&self, detail: CompletionDetail) -> u64 {
        match detail {
            CompletionDetail::ReasoningTokens => self.reasoning,
            CompletionDetail::AudioTokens => self.completion_audio,
            CompletionDetail::ImageTokens => self.completion_image,
            CompletionDetail::AcceptedPredictionTokens => self.accepted_prediction,
            CompletionDetail::RejectedPredictionTokens => self.rejected_prediction,
        }
    }

    /// The JSON object that clients see: OpenAI's counts, `cached_tokens` and `reasoning_tokens`
    /// always, what `shape` names always, and every other detail that is not zero.
    pub fn to_json(&self, shape: &UsageShape) -> String {
        let mut json = format!(
            "{{\"prompt_tokens\":{},\"completion_tokens\":{},\"total_tokens\":{}",
            self.prompt,
            self.completion,
            self.total()
        );
        let prompt = PromptDetail::ALL.into_iter().filter_map(|detail| {
            let count = self.prompt_detail(detail);
            let shown = detail == PromptDetail::CachedTokens
                || shape.prompt_details.contains(&detail)
                || (count > 0 && detail != PromptDetail::TextTokens);
            shown.then_some((detail.as_str(), count))
        });
        details(&mut json, "prompt_tokens_details", prompt);
        let completion = CompletionDetail::ALL.into_iter().filter_map(|detail| {
            let count = self.completion_detail(detail);
            let shown = detail == CompletionDetail::ReasoningTokens
                || shape.completion_details.contains(&detail)
                || count > 0;
            shown.then_some((detail.as_str(), count))
        });
        details(&mut json, "completion_tokens_details", completion);
        json.push('}');
        json
    }
}

fn details(json: &mut String, name: &str, counts: impl Iterator<Item = (&'static str, u64)>) {
    json.push(',');
    json.push_str(&quote(name));
    json.push_str(":{");
    for (index, (detail, count)) in counts.enumerate() {
        if index > 0 {
            json.push(',');
        }
        json.push_str(&format!("\"{detail}\":{count}"));
    }
    json.push('}');
}

#[cfg(test)]
mod tests;
