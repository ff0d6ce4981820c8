//! The rules between the events of one stream.

use std::collections::BTreeSet;

use serde_json::Value;

use super::events::{Frame, frames};
use super::summary::{Choice, ErrorObject, Summary, ToolCall};
use super::usage::check_usage;
use super::{Asked, Violation};

/// A stream, read.
#[derive(Clone, Debug)]
pub struct Checked {
    pub summary: Summary,
    /// Empty where the stream keeps every rule.
    pub violations: Vec<Violation>,
}

/// Reads the bytes of a whole `text/event-stream` response.
///
/// An error object instead of `[DONE]` is a proper end here; whether there should have been one is
/// the test's matter.
pub fn check_stream(bytes: &[u8], asked: &Asked) -> Checked {
    let mut reader = Reader {
        asked,
        summary: Summary::default(),
        violations: Vec::new(),
        state: State::Chunks,
        constants: Vec::new(),
        event: 0,
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => reader.read(text),
        Err(_) => reader.violations.push(Violation::NotUtf8),
    }
    Checked {
        summary: reader.summary,
        violations: reader.violations,
    }
}

/// Where in the stream the next event stands.
#[derive(PartialEq, Eq)]
enum State {
    Chunks,
    AfterUsage,
    AfterError,
    AfterDone,
}

struct Reader<'a> {
    asked: &'a Asked,
    summary: Summary,
    violations: Vec<Violation>,
    state: State,
    /// What the first chunk had in the fields that must not change.
    constants: Vec<(&'static str, Value)>,
    event: usize,
}

impl Reader<'_> {
    fn read(&mut self, text: &str) {
        for frame in frames(text, &mut self.violations) {
            match frame {
                Frame::Comment => self.summary.comments += 1,
                Frame::Data(data) => {
                    self.data(data);
                    self.event += 1;
                }
            }
        }
        self.end();
    }

    fn data(&mut self, data: &str) {
        let event = self.event;
        match self.state {
            State::AfterDone => return self.breaks(Violation::AfterDone { event }),
            State::AfterError => return self.breaks(Violation::AfterError { event }),
            State::Chunks | State::AfterUsage => {}
        }
        if data == "[DONE]" {
            self.summary.done = true;
            self.state = State::AfterDone;
            return;
        }
        let Ok(value) = serde_json::from_str::<Value>(data) else {
            let text = data.to_owned();
            return self.breaks(Violation::NotJson { event, text });
        };
        if let Some(error) = value.get("error") {
            self.summary.error = Some(ErrorObject::read(error));
            self.state = State::AfterError;
            return;
        }
        if self.state == State::AfterUsage && !is_moderation(&value) {
            self.breaks(Violation::AfterUsage { event });
        }
        self.chunk(&value);
        self.summary.chunks.push(value);
    }

    fn chunk(&mut self, chunk: &Value) {
        let event = self.event;
        if chunk["object"] != "chat.completion.chunk" {
            let object = chunk["object"].to_string();
            self.breaks(Violation::NotAChunk { event, object });
        }
        self.constants(chunk);
        let choices = chunk["choices"].as_array().map_or(&[][..], Vec::as_slice);
        self.usage(chunk, choices.is_empty());
        for choice in choices {
            self.choice(choice);
        }
    }

    fn constants(&mut self, chunk: &Value) {
        if self.constants.is_empty() {
            self.constants = ["id", "created", "model"]
                .map(|field| (field, chunk[field].clone()))
                .into();
            self.summary.id = chunk["id"].as_str().map(str::to_owned);
            self.summary.model = chunk["model"].as_str().map(str::to_owned);
            if let Some(asked) = &self.asked.model
                && chunk["model"] != asked.as_str()
            {
                self.violations.push(Violation::WrongModel {
                    asked: asked.clone(),
                    found: chunk["model"].to_string(),
                });
            }
            return;
        }
        for (field, expected) in &self.constants {
            if chunk[*field] != *expected {
                self.violations.push(Violation::Changed {
                    event: self.event,
                    field,
                    expected: expected.to_string(),
                    found: chunk[*field].to_string(),
                });
            }
        }
    }

    fn usage(&mut self, chunk: &Value, without_choices: bool) {
        let event = self.event;
        match chunk.get("usage") {
            None | Some(Value::Null) if without_choices && !is_moderation(chunk) => {
                self.breaks(Violation::EmptyChunk { event });
            }
            None if self.asked.usage => self.breaks(Violation::UsageNotNull { event }),
            None | Some(Value::Null) => {}
            Some(_) if !self.asked.usage => self.breaks(Violation::UsageUnasked { event }),
            Some(_) if !without_choices => self.breaks(Violation::UsageWithChoices { event }),
            Some(usage) => {
                self.summary.usage = check_usage(usage, &mut self.violations);
                self.state = State::AfterUsage;
            }
        }
    }

    fn choice(&mut self, choice: &Value) {
        let event = self.event;
        for field in ["index", "delta", "finish_reason"] {
            if choice.get(field).is_none() {
                self.breaks(Violation::FieldMissing { event, field });
            }
        }
        let index = choice["index"].as_u64().unwrap_or(0);
        let delta = &choice["delta"];
        let role = delta.get("role").is_some_and(|role| !role.is_null());
        match self.summary.choices.get(&index) {
            None if !role => self.breaks(Violation::NoRole { event, choice: index }),
            Some(_) if role => self.breaks(Violation::RoleAgain { event, choice: index }),
            Some(seen) if seen.finish_reason.is_some() => {
                return self.breaks(Violation::AfterFinish { event, choice: index });
            }
            _ => {}
        }
        let seen = self.summary.choices.entry(index).or_default();
        for (field, joined) in [
            ("content", &mut seen.text),
            ("reasoning_content", &mut seen.reasoning),
            ("refusal", &mut seen.refusal),
        ] {
            joined.push_str(delta[field].as_str().unwrap_or_default());
        }
        seen.images.extend(Choice::images_in(delta));
        for fragment in delta["tool_calls"].as_array().into_iter().flatten() {
            tool_call(fragment, event, seen, &mut self.violations);
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            seen.finish_reason = Some(reason.to_owned());
        }
    }

    fn end(&mut self) {
        match self.state {
            State::AfterError => return,
            State::AfterDone => {}
            State::Chunks | State::AfterUsage => self.breaks(Violation::NoEnd),
        }
        if self.summary.choices.is_empty() {
            self.breaks(Violation::NoChoice);
        }
        if self.asked.usage && self.summary.usage.is_none() {
            self.breaks(Violation::UsageMissing);
        }
        for (&index, choice) in &self.summary.choices {
            check_finished(index, choice, &mut self.violations);
        }
    }

    fn breaks(&mut self, violation: Violation) {
        self.violations.push(violation);
    }
}

/// The chunk in which OpenAI tells the result of a moderation that was asked for: no choices, no
/// usage, and after the usage chunk where there is one.
fn is_moderation(chunk: &Value) -> bool {
    !chunk["moderation"].is_null() && chunk["choices"].as_array().is_some_and(Vec::is_empty)
}

fn tool_call(fragment: &Value, event: usize, choice: &mut Choice, violations: &mut Vec<Violation>) {
    let expected = choice.tool_calls.len() as u64;
    let Some(index) = fragment["index"].as_u64() else {
        return violations.push(Violation::FieldMissing {
            event,
            field: "tool_calls[].index",
        });
    };
    let fields = [
        ("id", &fragment["id"]),
        ("type", &fragment["type"]),
        ("name", ToolCall::name_in(fragment)),
    ];
    if index > expected {
        return violations.push(Violation::ToolCallIndex {
            event,
            index,
            expected,
        });
    }
    if index == expected {
        for (field, value) in fields {
            if value.as_str().is_none_or(str::is_empty) {
                violations.push(Violation::ToolCallStart { event, index, field });
            }
        }
        choice.tool_calls.push(ToolCall::read(fragment));
    } else {
        for (field, value) in fields {
            if !value.is_null() {
                violations.push(Violation::ToolCallAgain { event, index, field });
            }
        }
        let arguments = ToolCall::arguments_in(fragment).as_str();
        choice.tool_calls[index as usize]
            .arguments
            .push_str(arguments.unwrap_or_default());
    }
}

/// What must hold of a choice that has everything it will get.
pub(super) fn check_finished(index: u64, choice: &Choice, violations: &mut Vec<Violation>) {
    let Some(reason) = &choice.finish_reason else {
        return violations.push(Violation::NoFinish { choice: index });
    };
    if reason == "tool_calls" && choice.tool_calls.is_empty() {
        violations.push(Violation::NoToolCalls { choice: index });
    }
    let mut ids = BTreeSet::new();
    for (call, number) in choice.tool_calls.iter().zip(0..) {
        if !ids.insert(&call.id) {
            violations.push(Violation::ToolCallIdTwice { id: call.id.clone() });
        }
        // A call cut short by the token limit may be left open.
        let whole = reason != "length" && reason != "content_filter";
        if whole && call.kind == "function" && serde_json::from_str::<Value>(&call.arguments).is_err() {
            violations.push(Violation::ToolCallArguments {
                choice: index,
                index: number,
                arguments: call.arguments.clone(),
            });
        }
    }
}
