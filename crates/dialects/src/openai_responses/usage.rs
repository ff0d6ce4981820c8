//! Token counts of Responses, which mean what chat's mean under other names.

use tollgate_chat::{object::Object, usage::Usage};

/// Counts beyond any model's context are not believed.
const MOST: f64 = 1e12;

/// Reads a `usage` object. `None` where it holds no counts.
pub fn read(json: &str) -> Option<Usage> {
    let usage = Object::parse(json).ok()?;
    let prompt = count(&usage, "input_tokens")?;
    let total = count(&usage, "total_tokens");
    let mut completion =
        count(&usage, "output_tokens").or_else(|| total.map(|total| total.saturating_sub(prompt)))?;
    let details = |name| usage.present(name).and_then(|json| Object::parse(json).ok());
    let (input, output) = (details("input_tokens_details"), details("output_tokens_details"));
    let of_prompt = |name| {
        input
            .as_ref()
            .and_then(|details| count(details, name))
            .unwrap_or(0)
    };
    let of_completion = |name| {
        output
            .as_ref()
            .and_then(|details| count(details, name))
            .unwrap_or(0)
    };

    let reasoning = of_completion("reasoning_tokens");
    // xAI counts reasoning beside the output in chat; should it do so here, the total tells.
    if reasoning > 0 && total == Some(prompt + completion + reasoning) {
        completion += reasoning;
    }
    let cached = of_prompt("cached_tokens").min(prompt);
    Some(Usage {
        prompt,
        completion,
        cached,
        cache_write: of_prompt("cache_write_tokens").min(prompt - cached),
        prompt_audio: of_prompt("audio_tokens").min(prompt),
        prompt_image: of_prompt("image_tokens").min(prompt),
        reasoning: reasoning.min(completion),
        completion_audio: of_completion("audio_tokens").min(completion),
        completion_image: of_completion("image_tokens").min(completion),
        ..Usage::default()
    })
}

/// What a whole answer counts, whatever else it says.
pub(crate) fn in_answer(answer: &Object<'_>) -> Option<Usage> {
    read(answer.present("usage")?)
}

/// A count, whatever number it is spelt as; negative ones count as zero.
fn count(object: &Object<'_>, name: &str) -> Option<u64> {
    let value: f64 = object.read(name)?;
    Some(value.clamp(0.0, MOST) as u64)
}
