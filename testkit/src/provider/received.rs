//! A request as the fake provider read it.

use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method};
use serde_json::Value;

use super::protocol::gemini_call;

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

    /// Whether the body is JSON.
    pub(super) fn is_json(&self) -> bool {
        self.json.is_some()
    }

    /// The model that the body names; Gemini's stands in the path.
    pub fn model(&self) -> Option<&str> {
        let in_body = || self.json.as_ref()?.get("model")?.as_str();
        gemini_call(self.path_only()).map_or_else(in_body, |(model, _)| Some(model))
    }

    /// A header's value, if it is there once or more and readable; the first one.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether a stream is asked for: by the body, in Gemini's protocol by the path.
    pub fn wants_stream(&self) -> bool {
        let in_body = || self.json.as_ref().is_some_and(|body| body["stream"] == true);
        gemini_call(self.path_only()).map_or_else(in_body, |(_, method)| method == "streamGenerateContent")
    }

    /// Whether the body asks for a usage chunk at the end of the stream.
    pub fn wants_usage(&self) -> bool {
        self.json
            .as_ref()
            .is_some_and(|body| body["stream_options"]["include_usage"] == true)
    }

    /// Whether the conversation ends with the results of tools, in whatever protocol.
    pub fn ends_with_result(&self) -> bool {
        let Some(body) = &self.json else { return false };
        let lists = ["messages", "contents", "input"].map(|name| &body[name]);
        let Some(last) = lists.iter().find_map(|list| list.as_array()?.last()) else {
            return false;
        };
        let parts = [&last["content"], &last["parts"]];
        let inside = parts.iter().filter_map(|parts| parts.as_array()).flatten();
        let is_result = |part: &Value| part["type"] == "tool_result" || !part["functionResponse"].is_null();
        last["role"] == "tool" || last["type"] == "function_call_output" || inside.into_iter().any(is_result)
    }

    pub(super) fn path_only(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }
}
