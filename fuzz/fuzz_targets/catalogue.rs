//! The catalogue loader: whatever an operator's file holds, it loads or says where it is wrong.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tollgate_catalog::load::{Source, with_files};

fuzz_target!(|text: &str| {
    let source = Source { file: "operator.toml", text };
    if let Err(errors) = with_files(&[source]) {
        assert!(!errors.to_string().is_empty());
    }
});
