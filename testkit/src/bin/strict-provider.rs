//! The library's fake provider as a program, for tests that are not written in Rust: it speaks every
//! protocol of providers, and refuses what the real ones refuse (`tollgate_testkit::provider`).
//!
//! What it does is named by a word in the request: `weather` (thinks and calls a tool, until its result
//! is there), `think`, `draw`; else it says hello. No two answers have the same IDs and signatures.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;
use tollgate_testkit::provider::{FakeProvider, ReceivedRequest, Tokens, Turn, decides, speaks};

/// A GIF of one pixel.
const PIXEL: &str = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let asked = AtomicU64::new(0);
    let provider = FakeProvider::start_with(decides(move |request| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        speaks(turn(request, number))
    }))
    .await;
    if writeln!(std::io::stdout(), "listening on {}", provider.host_url()).is_err() {
        return ExitCode::FAILURE;
    }
    std::future::pending().await
}

fn turn(request: &ReceivedRequest, number: u64) -> Turn {
    let body = String::from_utf8_lossy(&request.body);
    let signature = format!("c2lnbmF0dXJl{number}==");
    if request.ends_with_result() {
        return Turn::new().says(["It is", " 21 °C", "."]);
    }
    if body.contains("weather") {
        return Turn::new()
            .thinks(["I should ", "look it up."])
            .signed(&signature)
            .calls(&format!("call-{number}"), "get_weather", json!({"city": "Oslo"}))
            .took(Tokens {
                thoughts: 5,
                ..Tokens::default()
            });
    }
    // The word alone: requests have members of like names.
    if body.contains("\"think\"") {
        return Turn::new()
            .thinks(["First", " this."])
            .signed(&signature)
            .says(["Then", " that."]);
    }
    if body.contains("draw") {
        return Turn::new()
            .says(["Here:"])
            .draws("image/gif", PIXEL)
            .signed(&signature);
    }
    Turn::new().says(["Hello", " from", " the", " provider."])
}
