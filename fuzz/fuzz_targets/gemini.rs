//! Gemini's generateContent: a client's request, and whatever a provider answers.
#![no_main]

mod dialect;

use libfuzzer_sys::fuzz_target;
use tollgate_dialects::Dialect;

const MODELS: [(&str, &str); 3] = [
    ("gemini-3-flash-preview", "gemini"),
    ("gemini-2.5-flash", "gemini"),
    ("gemini-3.1-flash-image-preview", "gemini"),
];

fuzz_target!(|input: dialect::Input<'_>| dialect::run(Dialect::Gemini, &MODELS, input));
