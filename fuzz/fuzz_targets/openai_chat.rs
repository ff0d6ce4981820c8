//! Chat completions as hosts speak them: a client's request, and whatever a provider answers.
#![no_main]

mod dialect;

use libfuzzer_sys::fuzz_target;
use tollgate_dialects::Dialect;

const MODELS: [(&str, &str); 3] = [
    ("gpt-4o", "openai"),
    ("deepseek-v4-flash", "deepseek"),
    // Its thoughts may stand in the content.
    ("minimax-m2.5", "minimax"),
];

fuzz_target!(|input: dialect::Input<'_>| dialect::run(Dialect::OpenaiChat, &MODELS, input));
