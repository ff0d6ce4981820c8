//! The chat dialect's answer side: whatever a provider sends is events or a fault.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::{
    chunk::{AnswerShape, Head},
    event::Wire,
};
use tollgate_dialects::{Dialect, Presentation, Undo};

fuzz_target!(|input: (bool, u8, &[u8])| {
    let (think_tags, size, bytes) = input;
    let quirks = Quirks {
        think_tags,
        ..Quirks::default()
    };
    let presentation = Presentation {
        head: Head {
            id: "chatcmpl-1".to_owned(),
            created: 1,
            model: "a".to_owned(),
            system_fingerprint: None,
        },
        shape: AnswerShape::default(),
        include_usage: true,
        estimated_prompt_tokens: 1,
    };
    let body = Bytes::copy_from_slice(bytes);
    let _ = Dialect::OpenaiChat.decode_answer(&body, &quirks, &presentation, &Undo::default());
    let _ = Dialect::OpenaiChat.fault(400, bytes);
    let mut decoder = Dialect::OpenaiChat.stream_decoder(&quirks, presentation, Undo::default(), 65_536);
    let mut events = Vec::new();
    for piece in bytes.chunks(usize::from(size).max(1)) {
        if decoder.read(Bytes::copy_from_slice(piece), &mut events).is_err() {
            break;
        }
    }
    let _ = decoder.end(&mut events);
    for event in events {
        if let Wire::Chunk(json) = event.wire {
            let text = std::str::from_utf8(&json).expect("a chunk is text");
            tollgate_chat::json::Json::parse(text).map(drop).unwrap_or_else(|error| {
                // The tree stops at a depth that slices do not have.
                assert!(error.to_string().contains("recursion limit"), "{error}: {text}");
            });
        }
    }
});
