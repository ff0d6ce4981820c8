//! A provider's token counts in OpenAI's meaning.

use tollgate_chat::{json::Json, object::Object, usage::Usage};

/// Reads a `usage` object. `None` where it holds no counts.
///
/// `excludes_reasoning`: the provider leaves reasoning out of `completion_tokens` (xAI). The total
/// tells better where it is there, so it decides. Gemini's chat completions tell of thoughts by nothing else: what the
/// total has beyond all that is named was thought.
pub fn read(usage: &Object<'_>, excludes_reasoning: bool) -> Option<Usage> {
    let mut prompt = count(usage, "prompt_tokens")?;
    let total = count(usage, "total_tokens");
    let mut completion =
        count(usage, "completion_tokens").or_else(|| total.map(|total| total.saturating_sub(prompt)))?;
    let details = |name| {
        usage
            .present(name)
            .and_then(|json| Object::parse_member(json).ok())
    };
    let prompt_details = details("prompt_tokens_details");
    let completion_details = details("completion_tokens_details");
    let of_prompt = |name| prompt_details.as_ref().and_then(|details| count(details, name));
    let of_completion = |name| {
        completion_details
            .as_ref()
            .and_then(|details| count(details, name))
    };

    let mut reasoning = of_completion("reasoning_tokens").unwrap_or(0);
    let outside = match total {
        Some(total) => reasoning > 0 && total == prompt + completion + reasoning,
        None => excludes_reasoning,
    };
    if outside {
        completion += reasoning;
    }
    // Mistral counts sound beside the prompt.
    let audio = of_prompt("audio_tokens").unwrap_or(0);
    if audio > 0 && total == Some(prompt + completion + audio) {
        prompt += audio;
    }
    let told_cached = of_prompt("cached_tokens")
        .or_else(|| count(usage, "prompt_cache_hit_tokens"))
        .or_else(|| count(usage, "cached_tokens"))
        .unwrap_or(0);
    let cache_write = of_prompt("cache_write_tokens")
        .or_else(|| of_prompt("cache_creation_input_tokens"))
        .or_else(|| of_prompt("cache_creation_tokens"))
        .unwrap_or(0);
    // Some hosts count more cached tokens than the prompt has (Azure-hosted Grok).
    let cached = told_cached.min(prompt);
    let beyond = total.map_or(0, |total| total.saturating_sub(prompt + completion));
    let of_cache = [told_cached, cache_write, told_cached.saturating_add(cache_write)];
    let is_named = reasoning > 0 || audio > 0 || of_cache.contains(&beyond);
    if beyond > 0 && !is_named {
        completion += beyond;
        reasoning = beyond;
    }
    Some(Usage {
        prompt,
        completion,
        cached,
        cache_write: cache_write.min(prompt - cached),
        cache_write_1h: 0,
        prompt_audio: audio.min(prompt),
        // Nobody who speaks chat tells it.
        cached_audio: 0,
        prompt_image: of_prompt("image_tokens").unwrap_or(0).min(prompt),
        prompt_video: of_prompt("video_tokens").unwrap_or(0).min(prompt),
        reasoning: reasoning.min(completion),
        completion_audio: of_completion("audio_tokens").unwrap_or(0).min(completion),
        completion_image: of_completion("image_tokens").unwrap_or(0).min(completion),
        accepted_prediction: of_completion("accepted_prediction_tokens")
            .unwrap_or(0)
            .min(completion),
        rejected_prediction: of_completion("rejected_prediction_tokens")
            .unwrap_or(0)
            .min(completion),
    })
}

/// What a whole answer counts, whatever else it says.
pub(crate) fn in_answer(answer: &Object<'_>) -> Option<Usage> {
    read(&Object::parse_member(answer.present("usage")?).ok()?, false)
}

/// A count, whatever number it is spelt as; negative ones count as zero. Counts beyond any model's
/// context are not believed.
fn count(object: &Object<'_>, name: &str) -> Option<u64> {
    match Json::parse_member(object.present(name)?) {
        Ok(Json::Number(number)) => Some(number.as_f64().clamp(0.0, 1e12) as u64),
        _ => None,
    }
}
