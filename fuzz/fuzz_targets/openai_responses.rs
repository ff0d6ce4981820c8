//! OpenAI's Responses: a client's request, and whatever a provider answers.
#![no_main]

mod dialect;

use libfuzzer_sys::fuzz_target;
use tollgate_dialects::Dialect;

const MODELS: [(&str, &str); 3] = [
    ("gpt-5-3-codex", "openai"),
    ("gpt-5-pro", "openai"),
    ("gpt-5-4", "openai"),
];

fuzz_target!(|input: dialect::Input<'_>| dialect::run(Dialect::OpenaiResponses, &MODELS, input));
