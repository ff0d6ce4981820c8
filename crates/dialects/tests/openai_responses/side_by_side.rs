//! Chat requests and what leaves the gate for them, to be read by people.

use serde_json::{Value, json};
use tollgate_dialects::turn_state::KeptTurn;

use super::fixtures::{body, decode_whole, encode_knowing, notes, serving, valid};

fn side_by_side(model: &str, members: Value, turns: &[KeptTurn]) -> String {
    let request = valid(model, members);
    let chat: Value = serde_json::from_str(request.request.text()).unwrap();
    let encoded = encode_knowing(&serving(model), &request, turns, &Default::default()).unwrap();
    format!(
        "POST /v1/chat/completions\n{chat:#}\n\nPOST {}\n{:#}\n\nx-tollgate-notes: {}\nstreamed by the provider: {}\n",
        encoded.path,
        body(&encoded),
        notes(&encoded).join(", "),
        encoded.streamed,
    )
}

#[test]
fn a_conversation_with_everything() {
    let members = json!({
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [{"type": "text", "text": "Use "}, {"type": "text", "text": "metres."}]},
            {"role": "user", "name": "ada", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://example.com/tower.jpg", "detail": "high"}},
                {"type": "file", "file": {"filename": "guide.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}
            ]},
            {"role": "assistant", "content": "A tower. Let me look it up.", "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "height", "arguments": "{\"of\":\"tower\"}"}},
                {"id": "call_2", "type": "function", "function": {"name": "today", "arguments": ""}}
            ]},
            {"role": "tool", "tool_call_id": "call_1", "content": "324"},
            {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "Monday"}]},
            {"role": "assistant", "content": null, "refusal": "I will not say."},
            {"role": "user", "content": "Please."}
        ],
        "tools": [
            {"type": "function", "function": {
                "name": "height",
                "description": "Height in metres",
                "strict": true,
                "parameters": {"type": "object", "properties": {"of": {"type": "string"}}, "required": ["of"], "additionalProperties": false}
            }},
            {"type": "function", "function": {"name": "today"}}
        ],
        "tool_choice": {"type": "function", "function": {"name": "height"}},
        "parallel_tool_calls": false,
        "response_format": {"type": "json_schema", "json_schema": {
            "name": "answer",
            "description": "How high it is",
            "strict": true,
            "schema": {"type": "object", "properties": {"metres": {"type": "number"}}, "required": ["metres"], "additionalProperties": false}
        }},
        "reasoning_effort": "medium",
        "verbosity": "low",
        "max_completion_tokens": 2000,
        "user": "u-1",
        "safety_identifier": "s-1",
        "prompt_cache_key": "k-1",
        "metadata": {"team": "towers"},
        "service_tier": "flex",
        "stream": true,
        "stream_options": {"include_usage": true}
    });
    insta::assert_snapshot!(side_by_side("gpt-5-codex", members, &[]));
}

#[test]
fn what_the_provider_lacks() {
    let members = json!({
        "messages": [{"role": "user", "content": "Count to ten."}],
        "stop": ["five", "6"],
        "max_tokens": 8,
        "temperature": 0.3,
        "top_p": 0.9,
        "frequency_penalty": 0.5,
        "presence_penalty": 0,
        "seed": 7,
        "logit_bias": {"42": -100},
        "reasoning_effort": "minimal",
        "store": true,
        "response_format": {"type": "json_object"},
        "n": 1
    });
    insta::assert_snapshot!(side_by_side("gpt-5-codex", members, &[]));
}

#[test]
fn the_second_turn_of_a_tool_exchange() {
    let answer = json!({"status": "completed", "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA1", "status": null},
        {"type": "message", "id": "msg_1", "role": "assistant", "phase": "commentary", "status": "completed",
         "content": [{"type": "output_text", "text": "Let me look.", "annotations": []}]},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "gAAA2", "status": null},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": "{\"at\":\"sky\"}"}
    ]});
    let (_, turns) = decode_whole(&bytes::Bytes::from(answer.to_string())).unwrap();
    let members = json!({
        "messages": [
            {"role": "user", "content": "What colour is the sky?"},
            {"role": "assistant", "content": "Let me look.", "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{\"at\":\"sky\"}"}}
            ]},
            {"role": "tool", "tool_call_id": "call_1", "content": "blue"}
        ],
        "tools": [{"type": "function", "function": {
            "name": "look",
            "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}
        }}],
        "reasoning_effort": "high"
    });
    // A model that speaks chat, were it not for tools beside an effort.
    insta::assert_snapshot!(side_by_side("gpt-5-4", members, &turns));
}

#[test]
fn a_search_of_the_web() {
    let members = json!({
        "messages": [{"role": "user", "content": "News?"}],
        "web_search_options": {
            "search_context_size": "low",
            "user_location": {"type": "approximate", "approximate": {"country": "IT", "city": "Rome"}}
        }
    });
    insta::assert_snapshot!(side_by_side("gpt-5-3-codex", members, &[]));
}

#[test]
fn a_stream_of_a_model_that_gives_none() {
    let members = json!({"messages": [{"role": "user", "content": "Think hard."}], "stream": true});
    insta::assert_snapshot!(side_by_side("gpt-5-pro", members, &[]));
}
