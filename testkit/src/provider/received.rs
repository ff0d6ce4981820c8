//! A request as the fake provider read it.

use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method};
use serde_json::Value;

/// One request to the fake provider, with its body's very bytes.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    pub method: Method,
    /// Path and query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// When the body was complete.
    pub arrived: Instant,
    json: Option<Value>,
}

impl ReceivedRequest {
    pub(super) fn new(head: Parts, body: Bytes) -> Self {
        let path = head
            .uri
            .path_and_query()
            .map_or_else(String::new, ToString::to_string);
        Self {
            method: head.method,
            path,
            headers: head.headers,
            json: serde_json::from_slice(&body).ok(),
            body,
            arrived: Instant::now(),
        }
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// Where the body is something else: the gate sends providers nothing but JSON.
    pub fn json(&self) -> &Value {
        self.json
            .as_ref()
            .unwrap_or_else(|| panic!("the provider was sent no JSON: {:?}", self.body))
    }

    /// The model that the body names.
    pub fn model(&self) -> Option<&str> {
        self.json.as_ref()?.get("model")?.as_str()
    }

    /// A header's value, if it is there once or more and readable; the first one.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the body asks for a stream.
    pub fn wants_stream(&self) -> bool {
        self.json.as_ref().is_some_and(|body| body["stream"] == true)
    }

    /// Whether the body asks for a usage chunk at the end of the stream.
    pub fn wants_usage(&self) -> bool {
        self.json
            .as_ref()
            .is_some_and(|body| body["stream_options"]["include_usage"] == true)
    }

    pub(super) fn path_only(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }
}
