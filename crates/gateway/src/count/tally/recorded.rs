//! How near the gate's own count comes to what providers counted of prompts with tools, over recorded traffic.
//!
//! The figures of the catalogue (`tool_tokens`) that nobody has published are the ones in the middle of what is printed
//! here under `beyond`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tollgate_catalog::{
    catalog::Catalog,
    contract::{self, check::CheckLimits},
};
use tollgate_chat::request::ChatRequest;
use tollgate_testkit::recordings::{Recording, recordings};

use super::*;
use crate::count::tokenizer;

const APIS: [&str; 3] = ["openai-chat", "openai-responses", "anthropic-messages"];
/// Words in the names of recorded models, and the model of the catalogue that stands for them.
const MODELS: [(&str, &str); 16] = [
    ("sonnet-4-6", "claude-sonnet-4-6"),
    ("opus-4-6", "claude-opus-4-6"),
    ("opus-4-5", "claude-opus-4-5-20251101"),
    ("haiku-4-5", "claude-haiku-4-5-20251001"),
    ("sonnet-4-5", "claude-sonnet-4-5-20250929"),
    ("opus-4-1", "claude-opus-4-1-20250805"),
    ("opus-4-2", "claude-opus-4-20250514"),
    ("sonnet-4-0", "claude-sonnet-4-20250514"),
    ("sonnet-4-2", "claude-sonnet-4-20250514"),
    ("3-7-sonnet", "claude-3-7-sonnet-20250219"),
    ("deepseek", "deepseek-v4-flash"),
    ("grok", "grok-4-fast-reasoning"),
    ("qwen-3-coder", "qwen3-coder"),
    ("qwen3-coder", "qwen3-coder"),
    ("qwen", "qwen3-32b"),
    ("glm", "glm-4-7-251222"),
];
/// What is read beside text, or not written by the client.
const NOT_TEXT: [&str; 6] = ["image", "audio", "video", "document", "servertool", "compaction"];
/// Members with words in them, in all these protocols.
const WORDS: [&str; 8] = [
    "text",
    "content",
    "refusal",
    "arguments",
    "name",
    "output",
    "thinking",
    "reasoning_content",
];

/// One prompt with tools: as its provider counted it, as the gate does, and how much of that stands before its tools.
struct Prompt {
    provider: u64,
    gate: u64,
    before_tools: u64,
}

#[test]
fn prompts_with_tools_are_counted_about_as_their_providers_count_them() {
    let catalog = tollgate_catalog::load::builtin().unwrap();
    let mut found: BTreeMap<String, Vec<Prompt>> = BTreeMap::new();
    for api in APIS {
        for recording in recordings(api).unwrap_or_default() {
            if let Some((owner, prompt)) = prompt(&recording, &catalog) {
                found.entry(owner).or_default().push(prompt);
            }
        }
    }
    println!("owner        prompts  before   with  beyond");
    for (owner, prompts) in found {
        let before = middle(&prompts, |prompt| {
            (prompt.gate - prompt.before_tools) as f64 / prompt.provider as f64
        });
        let with = middle(&prompts, |prompt| prompt.gate as f64 / prompt.provider as f64);
        let beyond = middle(&prompts, |prompt| {
            prompt.provider as f64 - (prompt.gate - prompt.before_tools) as f64
        });
        println!(
            "{owner:<12} {:>7} {before:>7.2} {with:>6.2} {beyond:>7.0}",
            prompts.len()
        );
        assert!(
            (0.85..1.15).contains(&with),
            "{owner}: {before:.2} before, {with:.2} now"
        );
        assert!(
            (with - 1.0).abs() < (before - 1.0).abs(),
            "{owner} was nearer before"
        );
    }
}

fn middle(prompts: &[Prompt], of: impl Fn(&Prompt) -> f64) -> f64 {
    let mut all: Vec<f64> = prompts.iter().map(of).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// `None`: it has no tools, or something that no text stands for, or nobody counted it.
fn prompt(recording: &Recording, catalog: &Catalog) -> Option<(String, Prompt)> {
    let name = recording.model.as_deref()?.to_ascii_lowercase().replace('.', "-");
    let (_, id) = MODELS.iter().find(|(word, _)| name.contains(word))?;
    if recording.response.status != 200 || NOT_TEXT.iter().any(|tag| recording.has_tag(tag)) {
        return None;
    }
    let body = &recording.request.as_ref()?.body;
    let asked = asked(body, id)?;
    let provider = counted(&String::from_utf8_lossy(&recording.response.body), &recording.api)?;
    let model = catalog.model(id).unwrap();
    let request = ChatRequest::parse(asked.to_string().into()).ok()?;
    let request = contract::check(request, model.clone(), &CheckLimits { n_max: 1 }).ok()?;
    let mut tally = Tally::of(&request, &Counting::new());
    let texts = Texts {
        request: Some(request.request.body().clone()),
        ..Texts::default()
    };
    tally.count(texts.count(tokenizer::tokens));
    let prompt = Prompt {
        provider,
        gate: tally.prompt(),
        before_tools: tally.before_tools,
    };
    Some((model.owner.to_string(), prompt))
}

/// What a client would have asked: the words of each message, and the tools.
fn asked(body: &Value, model: &str) -> Option<Value> {
    let tools: Option<Vec<Value>> = body["tools"].as_array()?.iter().map(tool).collect();
    let tools = tools.filter(|tools| !tools.is_empty())?;
    let mut messages: Vec<Value> = Vec::new();
    let mut say = |said: &Value| {
        let mut words = String::new();
        gather(said, &mut words);
        messages.push(json!({"role": "user", "content": words}));
    };
    for opening in ["system", "instructions"] {
        match &body[opening] {
            Value::Null => {}
            words => say(&json!({"text": words})),
        }
    }
    match (&body["messages"], &body["input"]) {
        (Value::Array(all), _) | (_, Value::Array(all)) => all.iter().for_each(say),
        (_, words) => say(&json!({"text": words})),
    }
    let choice = &body["tool_choice"];
    let choice = match choice["type"].as_str().or(choice.as_str()) {
        Some("any" | "tool" | "function" | "required") => "required",
        Some("none") => "none",
        _ => "auto",
    };
    Some(json!({"model": model, "messages": messages, "tools": tools, "tool_choice": choice}))
}

/// A function, as chat completions define it. `None`: it is a tool of the provider's own.
fn tool(tool: &Value) -> Option<Value> {
    if tool["function"].is_object() {
        return Some(tool.clone());
    }
    let schema = [&tool["parameters"], &tool["input_schema"]];
    let schema = schema.into_iter().find(|schema| schema.is_object())?;
    let mut function = json!({"name": tool["name"], "parameters": schema});
    if tool["description"].is_string() {
        function["description"] = tool["description"].clone();
    }
    Some(json!({"type": "function", "function": function}))
}

fn gather(value: &Value, words: &mut String) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| gather(one, words)),
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(said) if WORDS.contains(&&**name) => {
                        words.push_str(said);
                        words.push('\n');
                    }
                    Value::Object(_) if name == "input" => words.push_str(&value.to_string()),
                    Value::Array(_) | Value::Object(_) => gather(value, words),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// The tokens of the prompt that the answer names last.
fn counted(body: &str, api: &str) -> Option<u64> {
    let events: Vec<Value> = match serde_json::from_str(body) {
        Ok(whole) => vec![whole],
        Err(_) => {
            let data = body.lines().filter_map(|line| line.strip_prefix("data:"));
            data.filter_map(|data| serde_json::from_str(data).ok()).collect()
        }
    };
    let usages = events.iter().flat_map(|event| {
        [
            &event["usage"],
            &event["message"]["usage"],
            &event["response"]["usage"],
        ]
    });
    let tokens = |usage: &Value| {
        let count = |name: &str| usage[name].as_u64();
        let read = count("prompt_tokens").or(count("input_tokens"))?;
        let beside = ["cache_read_input_tokens", "cache_creation_input_tokens"];
        let beside: u64 = beside.iter().filter_map(|name| count(name)).sum();
        Some(read + if api.starts_with("anthropic") { beside } else { 0 })
    };
    usages.filter_map(tokens).rfind(|tokens| *tokens > 0)
}
