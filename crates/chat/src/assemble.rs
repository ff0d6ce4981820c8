//! Folds the events of a stream into a whole answer.
//!
//! For providers that give what was asked for only as a stream, and for the embedded model.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::{
    answer::Answer,
    chunk::{AnswerShape, Head},
    event::{EventKind, Finish},
    usage::Usage,
};

/// What has been said so far, by choice.
#[derive(Debug, Default)]
pub struct Assembler {
    choices: BTreeMap<u32, Choice>,
    usage: Option<Usage>,
}

#[derive(Debug, Default)]
struct Choice {
    text: Option<String>,
    refusal: Option<String>,
    reasoning: Option<String>,
    tool_calls: BTreeMap<u32, ToolCall>,
    finish: Option<Finish>,
}

#[derive(Debug, Default)]
struct ToolCall {
    id: String,
    name: String,
    arguments: String,
}

impl Assembler {
    pub fn take(&mut self, event: EventKind) {
        match event {
            EventKind::Start(_) | EventKind::Other { .. } => {}
            EventKind::Text { choice, text } => append(&mut self.choice(choice).text, &text),
            EventKind::Refusal { choice, text } => append(&mut self.choice(choice).refusal, &text),
            EventKind::Reasoning { choice, text } => append(&mut self.choice(choice).reasoning, &text),
            EventKind::ToolCall {
                choice,
                index,
                id,
                name,
                arguments,
            } => {
                let call = self.choice(choice).tool_calls.entry(index).or_default();
                if let Some(id) = id {
                    call.id = id;
                }
                if let Some(name) = name {
                    call.name = name;
                }
                call.arguments.push_str(&arguments);
            }
            EventKind::Finish(finish) => {
                let choice = self.choice(finish.choice);
                choice.finish = Some(finish);
            }
            EventKind::Usage(usage) => self.usage = Some(usage),
        }
    }

    /// Bytes of text held, for the bound on whole answers.
    pub fn held(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.choices
            .values()
            .map(|choice| {
                let calls: usize = choice.tool_calls.values().map(|call| call.arguments.len()).sum();
                text(&choice.text) + text(&choice.refusal) + text(&choice.reasoning) + calls
            })
            .sum()
    }

    /// The answer's JSON. Usage counts are zero where the provider gave none.
    pub fn finish(self, head: &Head, shape: &AnswerShape) -> Answer {
        let mut finishes = Vec::with_capacity(self.choices.len());
        let mut choices = Vec::with_capacity(self.choices.len());
        for (index, choice) in self.choices {
            let mut message = Map::new();
            message.insert("role".into(), "assistant".into());
            message.insert("content".into(), choice.text.into());
            message.insert("refusal".into(), choice.refusal.into());
            if let Some(reasoning) = choice.reasoning {
                message.insert("reasoning_content".into(), reasoning.into());
            }
            if !choice.tool_calls.is_empty() {
                let calls: Vec<Value> = choice.tool_calls.into_values().map(tool_call).collect();
                message.insert("tool_calls".into(), calls.into());
            }
            let mut written = json!({
                "index": index,
                "message": message,
                "logprobs": null,
                "finish_reason": choice.finish.as_ref().map(|finish| finish.reason.as_str()),
            });
            let matched_stop = choice.finish.as_ref().and_then(|finish| finish.matched_stop.clone());
            if shape.matched_stop || matched_stop.is_some() {
                written["matched_stop"] = matched_stop.into();
            }
            choices.push(written);
            finishes.extend(choice.finish);
        }
        let usage = self.usage.unwrap_or_default().to_json(&shape.usage);
        let mut answer = json!({
            "id": head.id,
            "object": "chat.completion",
            "created": head.created,
            "model": head.model,
            "choices": choices,
        });
        if shape.system_fingerprint || head.system_fingerprint.is_some() {
            answer["system_fingerprint"] = head.system_fingerprint.clone().into();
        }
        let mut json = answer.to_string();
        json.pop();
        json.push_str(",\"usage\":");
        json.push_str(&usage);
        json.push('}');
        Answer {
            json: Bytes::from(json),
            usage: self.usage,
            finishes,
        }
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        self.choices.entry(index).or_default()
    }
}

fn append(text: &mut Option<String>, piece: &str) {
    text.get_or_insert_default().push_str(piece);
}

fn tool_call(call: ToolCall) -> Value {
    // Providers write nothing for a call without arguments; parsers expect an object.
    let arguments = if call.arguments.trim().is_empty() {
        "{}".to_owned()
    } else {
        call.arguments
    };
    json!({
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    })
}
