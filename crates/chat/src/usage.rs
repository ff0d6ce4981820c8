//! Tokens of one answer, in OpenAI's meaning: total = prompt + completion, cached tokens inside the
//! prompt, reasoning inside the completion.

/// Tokens by class. Classes lie inside their total, and `0` means none or not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens read, cached ones included (Anthropic's `input_tokens` leaves them out).
    pub prompt: u64,
    /// Tokens written, reasoning included (xAI's and Gemini's counts leave it out).
    pub completion: u64,
    /// Read from the provider's prompt cache.
    pub cached: u64,
    /// Written to the provider's prompt cache, for however long.
    pub cache_write: u64,
    /// Those of `cache_write` that are kept for an hour; the others are kept for 5 minutes.
    pub cache_write_1h: u64,
    pub prompt_audio: u64,
    /// Those of `prompt_audio` that are among `cached`: they cost what is cached costs.
    pub cached_audio: u64,
    pub prompt_image: u64,
    pub prompt_video: u64,
    pub reasoning: u64,
    pub completion_audio: u64,
    pub completion_image: u64,
    pub accepted_prediction: u64,
    pub rejected_prediction: u64,
}

/// Who counted the tokens of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedBy {
    Provider,
    /// The provider all but the prompt, which is estimated; of several answers all but some.
    ProviderButThePrompt,
    /// Nobody: the counts are estimates of the gate.
    Gate,
}

impl CountedBy {
    /// Whether some of the counts are estimates.
    pub fn is_estimate(self) -> bool {
        self != Self::Provider
    }
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
    /// Both together, class by class.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    /// What is left without `other`, class by class.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        self.with(other, u64::saturating_sub)
    }

    /// The shares of `parts` that used all of it alike, one at least. Classes stay inside their totals.
    pub fn shared_by(self, parts: u64) -> impl Iterator<Item = Self> {
        let parts = parts.max(1);
        (0..parts).map(move |part| {
            let share = |all: u64, _| all / parts + u64::from(part < all % parts);
            self.with(Self::default(), share)
        })
    }

    fn with(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            prompt: of(self.prompt, other.prompt),
            completion: of(self.completion, other.completion),
            cached: of(self.cached, other.cached),
            cache_write: of(self.cache_write, other.cache_write),
            cache_write_1h: of(self.cache_write_1h, other.cache_write_1h),
            prompt_audio: of(self.prompt_audio, other.prompt_audio),
            cached_audio: of(self.cached_audio, other.cached_audio),
            prompt_image: of(self.prompt_image, other.prompt_image),
            prompt_video: of(self.prompt_video, other.prompt_video),
            reasoning: of(self.reasoning, other.reasoning),
            completion_audio: of(self.completion_audio, other.completion_audio),
            completion_image: of(self.completion_image, other.completion_image),
            accepted_prediction: of(self.accepted_prediction, other.accepted_prediction),
            rejected_prediction: of(self.rejected_prediction, other.rejected_prediction),
        }
    }

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
        let mut json = String::with_capacity(256);
        count(&mut json, "{\"prompt_tokens\":", self.prompt);
        count(&mut json, ",\"completion_tokens\":", self.completion);
        count(&mut json, ",\"total_tokens\":", self.total());
        json.push_str(",\"prompt_tokens_details\":");
        details(&mut json, PromptDetail::ALL, |detail| {
            let tokens = self.prompt_detail(detail);
            let shown = detail == PromptDetail::CachedTokens
                || (tokens > 0 && detail != PromptDetail::TextTokens)
                || shape.prompt_details.contains(&detail);
            shown.then_some((detail.as_str(), tokens))
        });
        json.push_str(",\"completion_tokens_details\":");
        details(&mut json, CompletionDetail::ALL, |detail| {
            let tokens = self.completion_detail(detail);
            let shown = detail == CompletionDetail::ReasoningTokens
                || tokens > 0
                || shape.completion_details.contains(&detail);
            shown.then_some((detail.as_str(), tokens))
        });
        json.push('}');
        json
    }
}

/// Writes an object of the details that `shown` gives a name and a count for.
fn details<D, const N: usize>(
    json: &mut String,
    all: [D; N],
    shown: impl Fn(D) -> Option<(&'static str, u64)>,
) {
    json.push('{');
    for (place, (name, tokens)) in all.into_iter().filter_map(shown).enumerate() {
        json.push_str(if place == 0 { "\"" } else { ",\"" });
        json.push_str(name);
        count(json, "\":", tokens);
    }
    json.push('}');
}

fn count(json: &mut String, before: &str, tokens: u64) {
    json.push_str(before);
    json.push_str(itoa::Buffer::new().format(tokens));
}

#[cfg(test)]
mod tests;
