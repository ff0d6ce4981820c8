//! The requests, rendered once for each target.

use std::net::SocketAddr;
use std::rc::Rc;

use serde_json::{Value, json};

/// The model that the gate sends to the provider that answers at once.
pub(crate) const FAST_MODEL: &str = "gpt-4o";

/// The model that the gate sends to the provider with a chunk a second.
pub(crate) const SLOW_MODEL: &str = "gpt-4o-mini";

/// A model without a channel, which the embedded model answers for.
pub(crate) const SANDBOX_MODEL: &str = "claude-sonnet-4-6";

/// Bytes of the image in a request with one, before base64.
const IMAGE_BYTES: usize = 768 * 1024;

/// A whole HTTP request.
pub(crate) type RequestBytes = Rc<[u8]>;

/// A short conversation, asked for whole.
pub(crate) fn sync(address: SocketAddr, key: &str) -> RequestBytes {
    rendered(address, key, &conversation(FAST_MODEL))
}

/// The same, asked for as a stream that comes at once.
pub(crate) fn stream(address: SocketAddr, key: &str) -> RequestBytes {
    streamed(address, key, FAST_MODEL)
}

/// The same, asked for as a stream with a chunk a second.
pub(crate) fn slow_stream(address: SocketAddr, key: &str) -> RequestBytes {
    streamed(address, key, SLOW_MODEL)
}

/// A long story by the embedded model.
pub(crate) fn story(address: SocketAddr, key: &str) -> RequestBytes {
    let body = json!({
        "model": SANDBOX_MODEL,
        "messages": [{"role": "user", "content": "Tell me a very long story about the sea and a ship."}],
        "max_tokens": 1500,
        "stream": true,
    });
    rendered(address, key, &body)
}

fn streamed(address: SocketAddr, key: &str, model: &str) -> RequestBytes {
    let mut body = conversation(model);
    body["stream"] = true.into();
    rendered(address, key, &body)
}

/// A question about an image of which base64 makes a megabyte.
pub(crate) fn image(address: SocketAddr, key: &str) -> RequestBytes {
    // The letters matter to nobody here; that they are 64 of them is what base64 has.
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = 1_u32;
    let data: String = (0..IMAGE_BYTES / 3 * 4)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(letters[(state >> 26) as usize])
        })
        .collect();
    let body = json!({
        "model": FAST_MODEL,
        "messages": [{"role": "user", "content": [
            {"type": "text", "text": "What is in this picture?"},
            {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}},
        ]}],
        "max_tokens": 200,
    });
    rendered(address, key, &body)
}

fn conversation(model: &str) -> Value {
    json!({
        "model": model,
        "messages": [
            {"role": "system", "content": "You are a helpful assistant. Answer in one sentence."},
            {"role": "user", "content": "Why is the sky blue, and why is the evening sky red?"},
            {"role": "assistant", "content": "Air scatters short waves of light more than long ones, \
                and in the evening the light has come so far that only the long ones are left."},
            {"role": "user", "content": "And on Mars?"},
        ],
        "temperature": 0.7,
        "max_tokens": 200,
    })
}

fn rendered(address: SocketAddr, key: &str, body: &Value) -> RequestBytes {
    let body = body.to_string();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\n\
         host: {address}\r\n\
         authorization: Bearer {key}\r\n\
         content-type: application/json\r\n\
         content-length: {}\r\n\
         \r\n\
         {body}",
        body.len()
    );
    Rc::from(request.into_bytes())
}
