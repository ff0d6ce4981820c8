#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::*;

fn shown(usage: Usage, shape: &UsageShape) -> Value {
    serde_json::from_str(&usage.to_json(shape)).unwrap()
}

#[test]
fn the_details_that_openai_always_sends_are_always_there() {
    let usage = Usage {
        prompt: 9,
        completion: 4,
        ..Usage::default()
    };
    assert_eq!(
        shown(usage, &UsageShape::default()),
        json!({
            "prompt_tokens": 9,
            "completion_tokens": 4,
            "total_tokens": 13,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        })
    );
}

#[test]
fn a_page_s_details_are_there_even_at_zero_and_text_is_the_prompt_less_the_other_modalities() {
    let usage = Usage {
        prompt: 100,
        prompt_image: 60,
        prompt_video: 10,
        ..Usage::default()
    };
    let shape = UsageShape {
        prompt_details: vec![
            PromptDetail::TextTokens,
            PromptDetail::ImageTokens,
            PromptDetail::VideoTokens,
        ],
        completion_details: vec![CompletionDetail::AcceptedPredictionTokens],
    };
    let shown = shown(usage, &shape);
    assert_eq!(
        shown["prompt_tokens_details"],
        json!({"cached_tokens": 0, "text_tokens": 30, "image_tokens": 60, "video_tokens": 10})
    );
    assert_eq!(
        shown["completion_tokens_details"]["accepted_prediction_tokens"],
        0
    );
}

#[test]
fn a_detail_that_no_page_asks_for_is_shown_when_it_counts_something() {
    let usage = Usage {
        prompt: 10,
        cache_write: 5,
        ..Usage::default()
    };
    let shown = shown(usage, &UsageShape::default());
    assert_eq!(shown["prompt_tokens_details"]["cache_write_tokens"], 5);
}
