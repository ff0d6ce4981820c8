//! The validator: no body makes it panic, and what it lets through has what it promises.
#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tollgate_catalog::{
    Catalog,
    contract::check::{CheckLimits, check, model_of},
    load,
};
use tollgate_chat::request::ChatRequest;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| load::builtin().expect("the built-in catalogue loads"));
const PAGES: [&str; 5] = [
    "claude-sonnet-4-6",
    "gemini-2.5-pro",
    "qwen3.6-flash",
    "deepseek-v4-flash",
    "doubao-seed-1-6-vision-250815",
];

fuzz_target!(|input: (u8, &[u8])| {
    let (page, body) = input;
    let Ok(request) = ChatRequest::parse(Bytes::copy_from_slice(body)) else { return };
    let _ = model_of(&request);
    let model = PAGES[usize::from(page) % PAGES.len()];
    let model = Arc::clone(CATALOG.model(model).expect("a model of the catalogue"));
    match check(request, model, &CheckLimits { n_max: 128 }) {
        Ok(valid) => {
            assert!((1..=128).contains(&valid.n));
            assert!(valid.traits.count >= 1);
            assert!(valid.temperature.is_none_or(|value| (0.0..=2.0).contains(&value)));
        }
        Err(violations) => {
            assert!(!violations.param().is_empty());
            assert!(violations.message().len() < 16_384);
        }
    }
});
