//! The rules inside one whole answer.

use serde_json::Value;

use super::stream::{Checked, check_finished};
use super::summary::{Choice, Summary, ToolCall};
use super::usage::check_usage;
use super::{Asked, Violation};

/// Reads the JSON of a whole `chat.completion`.
pub fn check_answer(answer: &Value, asked: &Asked) -> Checked {
    let mut violations = Vec::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if let Some(asked) = &asked.model
        && answer["model"] != asked.as_str()
    {
        violations.push(Violation::WrongModel {
            asked: asked.clone(),
            found: answer["model"].to_string(),
        });
    }
    let usage = match &answer["usage"] {
        Value::Null => {
            violations.push(Violation::UsageMissing);
            None
        }
        usage => check_usage(usage, &mut violations),
    };
    let mut summary = Summary {
        id: answer["id"].as_str().map(str::to_owned),
        model: answer["model"].as_str().map(str::to_owned),
        usage,
        ..Summary::default()
    };
    for (choice, expected) in answer["choices"].as_array().into_iter().flatten().zip(0..) {
        let index = choice["index"].as_u64().unwrap_or(expected);
        if index != expected {
            violations.push(Violation::ChoiceIndex {
                found: index,
                expected,
            });
        }
        let message = &choice["message"];
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        let read = Choice {
            text: text(&message["content"]),
            reasoning: text(&message["reasoning_content"]),
            refusal: text(&message["refusal"]),
            tool_calls: calls.map(ToolCall::read).collect(),
            images: Choice::images_in(message).collect(),
            finish_reason: choice["finish_reason"].as_str().map(str::to_owned),
        };
        check_finished(index, &read, &mut violations);
        summary.choices.insert(index, read);
    }
    if summary.choices.is_empty() {
        violations.push(Violation::NoChoice);
    }
    Checked { summary, violations }
}
