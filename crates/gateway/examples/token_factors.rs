//! Measures how many tokens owners' tokenizers make of a text for one of tiktoken's `o200k_base`: the `token_factor` of
//! `catalog/<owner>.toml`.
//!
//! Over recorded traffic: what providers counted of plain answers, whose every token is seen, beside what tiktoken
//! counts of the same text. Answers with calls, images or hidden thoughts are left out, and short ones, of which the
//! marks around an answer are a large part. The figure in the catalogue is the one in the middle.
//!
//! ```sh
//! TOLLGATE_RECORDINGS=… cargo run -p tollgate-gateway --example token_factors
//! ```
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::collections::BTreeMap;

use serde_json::Value;
use tiktoken_rs::o200k_base_singleton;
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::{
    chunk::{AnswerShape, Head},
    usage::CountedBy,
};
use tollgate_dialects::{Dialect, Presentation, Undo};
use tollgate_testkit::recordings::{Recording, recordings};

const APIS: [(&str, Dialect); 6] = [
    ("openai-chat", Dialect::OpenaiChat),
    ("openai-responses", Dialect::OpenaiResponses),
    ("anthropic-messages", Dialect::AnthropicMessages),
    ("vertex-anthropic", Dialect::AnthropicMessages),
    ("gemini", Dialect::Gemini),
    ("vertex-gemini", Dialect::Gemini),
];
/// Words in the names of an owner's models.
const OWNERS: [(&str, &str); 15] = [
    ("claude", "anthropic"),
    ("gpt-oss", "openai"),
    ("gpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("gemini", "google"),
    ("grok", "xai"),
    ("deepseek", "deepseek"),
    ("qwen", "alibaba"),
    ("doubao", "bytedance"),
    ("minimax", "minimax"),
    ("kimi", "moonshot"),
    ("moonshot", "moonshot"),
    ("glm", "zhipu"),
];
/// Fewest tokens of an answer that counts.
const LEAST: u64 = 60;
/// More tokens than that for one of tiktoken's are of something that the answer does not show.
const MOST: f64 = 1.6;

fn main() {
    let mut found: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
    for (api, dialect) in APIS {
        for recording in recordings(api).unwrap_or_default() {
            if let Some((owner, counts)) = counted(&recording, dialect) {
                found.entry(owner).or_default().push(counts);
            }
        }
    }
    println!("owner        answers  provider  tiktoken  together   middle");
    for (owner, mut counts) in found {
        let (theirs, ours) = counts
            .iter()
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let ratio = |(theirs, ours): (u64, u64)| theirs as f64 / ours as f64;
        counts.sort_by(|a, b| ratio(*a).total_cmp(&ratio(*b)));
        let middle = ratio(counts[counts.len() / 2]);
        println!(
            "{owner:<12} {:>7} {theirs:>9} {ours:>9} {:>9.3} {middle:>8.3}",
            counts.len(),
            ratio((theirs, ours)),
        );
    }
}

/// The owner of the model that answered, and what its provider and tiktoken count of the answer.
fn counted(recording: &Recording, dialect: Dialect) -> Option<(&'static str, (u64, u64))> {
    let model = recording.model.as_deref()?.to_ascii_lowercase();
    let name = model.rsplit('/').next().unwrap_or(&model);
    let (_, owner) = OWNERS.iter().find(|(word, _)| name.contains(word))?;
    if recording.response.status != 200 || recording.has_tag("servertool") || recording.has_tag("citations") {
        return None;
    }
    let presentation = Presentation {
        head: Head {
            id: "c".to_owned(),
            created: 1,
            model: "m".to_owned(),
            system_fingerprint: None,
        },
        shape: AnswerShape::default(),
        include_usage: false,
        estimated_prompt_tokens: 1,
    };
    let body = &recording.response.body;
    let decoded = dialect.decode_answer(body, &Quirks::default(), &presentation, &Undo::default());
    let answer = decoded.ok()?.answer;
    let json: Value = serde_json::from_slice(&answer.json).ok()?;
    let message = &json["choices"][0]["message"];
    let thoughts = message["reasoning_content"].as_str().unwrap_or_default();
    // Of these protocols a thought is a summary, or is not there at all.
    let shows_thoughts = dialect == Dialect::OpenaiChat;
    let is_plain = answer.counted_by == CountedBy::Provider
        && answer.usage.completion >= LEAST
        && answer.finishes.len() == 1
        && ["tool_calls", "function_call", "images", "audio"]
            .iter()
            .all(|name| message[*name].is_null())
        && (answer.usage.reasoning == 0 || shows_thoughts && !thoughts.is_empty())
        && (shows_thoughts || thoughts.is_empty());
    if !is_plain {
        return None;
    }
    let tokenizer = o200k_base_singleton();
    let tokens = |text: &str| tokenizer.encode_ordinary(text).len() as u64;
    let ours = tokens(thoughts) + tokens(message["content"].as_str()?);
    let theirs = answer.usage.completion;
    let is_all_seen = ours > 0 && theirs as f64 <= MOST * ours as f64;
    is_all_seen.then_some((*owner, (theirs, ours)))
}
