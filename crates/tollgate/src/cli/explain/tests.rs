use serde_json::json;

use super::*;

fn story(story: serde_json::Value) -> ToldStory {
    serde_json::from_value(story).expect("a story")
}

#[test]
fn a_request_with_detours_reads_well() {
    let attempt = json!({
        "channel": "first", "provider": "openai", "model": "gpt-4o", "provider_model": "gpt-4o-2024-11-20",
        "dialect": "openai-chat", "outcome": "provider_error", "error": "no provider code", "status": 500,
        "began_ms": 1, "sent_ms": 40, "first_byte_ms": 52, "first_output_ms": null, "ended_ms": 53
    });
    let answering = json!({
        "channel": "spare", "provider": "anthropic", "model": "claude-sonnet-4-6",
        "provider_model": "claude-sonnet-4-6", "dialect": "anthropic-messages", "outcome": "ok", "error": null,
        "status": 200, "began_ms": 154, "sent_ms": null, "first_byte_ms": 300, "first_output_ms": 411,
        "ended_ms": 2380
    });
    let channel = |channel: &str, model: &str, state: &str, reason: Option<&str>, left_ms: Option<u64>| {
        json!({"channel": channel, "model": model, "state": state, "reason": reason, "left_ms": left_ms,
            "forced": false})
    };
    let story = story(json!({
        "request_id": "req_0198c0ffee0123456789000000002a",
        "client_request_id": "order-17",
        "arrived": "2026-11-14T22:13:20.123Z",
        "client": "192.0.2.7",
        "key": {"name": "search", "prefix": "sk-AbCdEf"},
        "model": "gpt-4o",
        "stream": true,
        "outcome": "ok",
        "repeats": null,
        "answer": {
            "status": 200, "channel": "spare", "model": "claude-sonnet-4-6",
            "finish": {"stop": 1, "tool_calls": 2}, "error": null, "bytes": 7321, "pieces": 64,
            "usage": {
                "prompt_tokens": 1200, "cached_tokens": 1024, "cache_write_tokens": 0, "cache_write_1h_tokens": 0,
                "completion_tokens": 310, "reasoning_tokens": 120
            },
            "first_output_ms": 411, "duration_ms": 2380
        },
        "notes": ["omitted:top_p", "emulated:stop", "moved:model"],
        "route": [
            channel("first", "gpt-4o", "tried", None, None),
            channel("spare", "claude-sonnet-4-6", "tried", None, None),
            channel("other", "claude-sonnet-4-6", "not_needed", None, None),
            channel("third", "gpt-4o", "passed_over", Some("breaker_open"), Some(8120)),
            {"channel": null, "model": "gpt-5", "state": "passed_over", "reason": "not_served", "left_ms": null,
                "forced": false},
        ],
        "attempts": [attempt, answering],
        "left_out": 0
    }));

    insta::assert_snapshot!(written(&story));
}

#[test]
fn a_refused_request_reads_well() {
    let story = story(json!({
        "request_id": "req_0198c0ffee0123456789000000002b",
        "client_request_id": null,
        "arrived": "2026-11-14T22:13:20.123Z",
        "client": "192.0.2.7",
        "key": null,
        "model": null,
        "stream": false,
        "outcome": "invalid_value",
        "repeats": null,
        "answer": {
            "status": 400, "channel": null, "model": null, "finish": {},
            "error": {"code": "invalid_value", "param": "messages[0].\u{1b}[31mrole"},
            "bytes": 0, "pieces": 0, "usage": null, "first_output_ms": null, "duration_ms": 1
        },
        "notes": [],
        "route": [],
        "attempts": [],
        "left_out": 0
    }));

    insta::assert_snapshot!(written(&story));
}

#[test]
fn a_client_that_left_reads_well() {
    let story = story(json!({
        "request_id": "req_0198c0ffee0123456789000000002c",
        "client_request_id": null,
        "arrived": "2026-11-14T22:13:20.123Z",
        "client": "192.0.2.7",
        "key": {"name": "search", "prefix": "sk-AbCdEf"},
        "model": "gpt-4o",
        "stream": false,
        "outcome": "client_gone",
        "repeats": null,
        "answer": {
            "status": null, "channel": null, "model": null, "finish": {}, "error": null, "bytes": 0, "pieces": 0,
            "usage": null, "first_output_ms": null, "duration_ms": 30123
        },
        "notes": [],
        "route": [{"channel": "only", "model": "gpt-4o", "state": "tried", "reason": null, "left_ms": null,
            "forced": true}],
        "attempts": [{
            "channel": "only", "provider": "openai", "model": "gpt-4o", "provider_model": "gpt-4o",
            "dialect": "openai-chat", "outcome": "cancelled", "error": null, "status": null, "began_ms": 0,
            "sent_ms": null, "first_byte_ms": null, "first_output_ms": null, "ended_ms": 30123
        }],
        "left_out": 3
    }));

    insta::assert_snapshot!(written(&story));
}
