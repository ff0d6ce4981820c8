//! What hosts of chat completions refuse while their models think: a call in the history whose
//! thoughts are missing, at DeepSeek also any turn behind one.

use serde_json::Value;

use super::super::ReceivedRequest;
use super::super::protocol::ChatHost;
use super::{Checked, Refusal, list};

pub(super) fn check(request: &ReceivedRequest, host: ChatHost) -> Checked {
    let body = request.json();
    // All three think unless they are told not to; MiniMax cannot be told.
    if host != ChatHost::MiniMax && body["thinking"]["type"] == "disabled" {
        return Ok(());
    }
    let mut called = false;
    for (message, at) in list(&body["messages"]).iter().zip(0..) {
        let calls = !list(&message["tool_calls"]).is_empty();
        called |= calls;
        // DeepSeek wants the thoughts of all turns from the first call on.
        let asks = calls || (host == ChatHost::DeepSeek && called && message["role"] == "assistant");
        if !asks {
            continue;
        }
        let refused = match host {
            ChatHost::DeepSeek if !says(&message["reasoning_content"]) => {
                format!("Missing `reasoning_content` field in the assistant message at message index {at}.")
            }
            ChatHost::Moonshot if !says(&message["reasoning_content"]) => format!(
                "thinking is enabled but reasoning_content is missing in assistant tool call message at \
                 index {at}"
            ),
            ChatHost::MiniMax if list(&message["reasoning_details"]).is_empty() => {
                format!("invalid params, reasoning_details is missing in assistant message {at}")
            }
            _ => continue,
        };
        return Err(Refusal::new(400, "invalid_request_error", refused).code("invalid_request_error"));
    }
    Ok(())
}

/// One space will do, as it does for the real ones.
fn says(thoughts: &Value) -> bool {
    thoughts.as_str().is_some_and(|text| !text.is_empty())
}
