//! Anthropic's Messages: a client's request, and whatever a provider answers.
#![no_main]

mod dialect;

use libfuzzer_sys::fuzz_target;
use tollgate_dialects::Dialect;

const MODELS: [(&str, &str); 3] = [
    ("claude-sonnet-4-6", "anthropic"),
    ("claude-sonnet-4-5-20250929", "anthropic"),
    ("claude-3-7-sonnet-20250219", "anthropic"),
];

fuzz_target!(|input: dialect::Input<'_>| dialect::run(Dialect::AnthropicMessages, &MODELS, input));
