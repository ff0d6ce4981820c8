//! Errors that break into a stream in another framing than its own.

use bytes::Bytes;
use serde_json::json;
use tollgate_dialects::{Fault, FaultKind};

use super::fixtures::{decode_stream, sse};

const OVERLOADED: &str = r#"{
  "error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}
}"#;

fn text(text: &str) -> Bytes {
    sse(&[json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]})])
}

/// Reads bytes whole, and one at a time.
fn faults(bytes: &[u8]) -> [Fault; 2] {
    let whole = decode_stream([Bytes::copy_from_slice(bytes)]);
    let single = decode_stream(bytes.iter().map(|byte| Bytes::copy_from_slice(&[*byte])));
    assert_eq!(whole.events, single.events, "{bytes:?}");
    [whole.end.unwrap_err(), single.end.unwrap_err()]
}

#[test]
fn an_error_that_comes_bare_into_a_running_stream_keeps_its_class() {
    let array = format!("[{OVERLOADED}\n]");
    let crlf = OVERLOADED.replace('\n', "\r\n");
    for error in [OVERLOADED, &array, &crlf, &OVERLOADED.replace('\n', "")] {
        for gap in ["", "\n"] {
            let bytes = [&text("Hel"), gap.as_bytes(), error.as_bytes()].concat();
            for fault in faults(&bytes) {
                assert_eq!(fault.kind, FaultKind::Overloaded, "{error}: {}", fault.message);
            }
        }
    }
}

#[test]
fn what_came_before_the_error_is_told_although_no_blank_line_ended_it() {
    let unended = text("Hel");
    let unended = unended.trim_ascii_end();
    let streamed = decode_stream([Bytes::from([unended, b"\n", OVERLOADED.as_bytes()].concat())]);
    assert!(format!("{:?}", streamed.events).contains("Hel"));
    assert_eq!(streamed.end.unwrap_err().kind, FaultKind::Overloaded);
}

#[test]
fn an_error_that_is_cut_is_a_cut() {
    let bytes = [&text("Hel"), &OVERLOADED.as_bytes()[..40]].concat();
    for fault in faults(&bytes) {
        assert_eq!(fault.kind, FaultKind::Cut);
    }
}
