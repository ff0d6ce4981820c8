//! Calls in a stream: the client's, those of tools that run at the provider, and those of nobody.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_chat::event::{EventKind, FinishReason};
use tollgate_dialects::FaultKind;

use super::{
    events::{added, call, calls_of, delta, done, end, finish_of, text_of, whole},
    fixtures::{decode_stream, decode_whole, stream_of},
};

#[test]
fn a_call_opens_with_its_call_id_and_never_with_the_items_own() {
    let events = whole(&[
        added(0, call("call_1", "weather", "")),
        delta("function_call_arguments", 0, "{\"city\":"),
        delta("function_call_arguments", 0, "\"Rome\"}"),
        done(0, call("call_1", "weather", "{\"city\":\"Rome\"}")),
    ]);
    let expected = ("call_1", "weather", "{\"city\":\"Rome\"}");
    let calls = calls_of(&events);
    let calls: Vec<_> = calls
        .iter()
        .map(|(id, name, text)| (&**id, &**name, &**text))
        .collect();
    assert_eq!(calls, [expected]);
    assert_eq!(finish_of(&events), FinishReason::ToolCalls);
}

#[test]
fn an_answer_cut_by_its_limit_in_the_middle_of_a_call_gives_the_call_as_far_as_it_came() {
    let cut = call("call_1", "add", "{\"x\":48");
    let all = [
        added(0, call("call_1", "add", "")),
        delta("function_call_arguments", 0, "{\"x\":48"),
        end(json!({
            "status": "incomplete",
            "incomplete_details": {"reason": "max_output_tokens"},
            "output": [cut]
        })),
    ];
    let (events, _, outcome) = decode_stream([stream_of(&all)]);
    outcome.unwrap();
    assert_eq!(calls_of(&events)[0].2, "{\"x\":48", "never repaired");
    assert_eq!(finish_of(&events), FinishReason::Length);
    assert!(matches!(events.last(), Some(EventKind::Usage(usage)) if usage.total() == 8));
}

#[test]
fn a_call_without_arguments_ends_with_an_empty_object() {
    let events = whole(&[
        added(0, call("call_1", "now", "")),
        done(0, call("call_1", "now", "")),
    ]);
    assert_eq!(calls_of(&events)[0].2, "{}");
}

#[test]
fn arguments_that_are_no_object_are_a_fault() {
    let all = [
        added(0, call("call_1", "now", "")),
        delta("function_call_arguments", 0, "{\"x\":"),
        end(json!({})),
    ];
    let (_, _, outcome) = decode_stream([stream_of(&all)]);
    assert_eq!(outcome.unwrap_err().kind, FaultKind::Malformed);
}

#[test]
fn tools_that_run_at_the_provider_are_nobodys_calls() {
    let hosted = [
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "mcp_call",
        "mcp_list_tools",
        "local_shell_call",
        "shell_call",
        "apply_patch_call",
        "custom_tool_call",
        "tool_search_call",
        "compaction",
        "something_new",
    ];
    let mut events = Vec::new();
    for (at, kind) in (0..).zip(hosted) {
        let item = json!({"type": kind, "id": "x_1", "call_id": "call_x", "name": "run", "input": "1"});
        events.push(added(at, item.clone()));
        events.push(delta(&format!("{kind}_code"), at, "print(1)"));
        events.push(delta("custom_tool_call_input", at, "1"));
        events.push(delta("function_call_arguments", at, "{}"));
        events.push(done(at, item));
    }
    events.push(delta("output_text", 40, "Found it"));
    let events = whole(&events);
    assert_eq!(calls_of(&events), []);
    assert_eq!(text_of(&events), "Found it");
    assert_eq!(finish_of(&events), FinishReason::Stop);
}

/// An empty answer would look as if the model had nothing to say.
#[test]
fn an_answer_that_only_calls_a_tool_which_nobody_offered_is_a_fault() {
    let item = json!({"type": "custom_tool_call", "call_id": "call_1", "name": "sql", "input": "SELECT 1"});
    let (_, _, outcome) = decode_stream([stream_of(&[
        added(0, item.clone()),
        done(0, item),
        end(json!({})),
    ])]);
    assert_eq!(outcome.unwrap_err().kind, FaultKind::Malformed);
}

fn told(id: &str, arguments: &str) -> Vec<(String, String, String)> {
    vec![(id.to_owned(), "f".to_owned(), arguments.to_owned())]
}

#[test]
fn a_call_without_call_id_is_not_lost() {
    let item = |arguments: Value| json!({"type": "function_call", "id": "fc_1", "name": "f", "arguments": arguments});
    let pieces = [
        added(0, item(json!(""))),
        delta("function_call_arguments", 0, "{\"x\":"),
        delta("function_call_arguments", 0, "1}"),
    ];
    let mut ended = pieces.to_vec();
    ended.push(done(0, item(json!("{\"x\":1}"))));
    for events in [&pieces[..], &ended, &ended[3..]] {
        assert_eq!(calls_of(&whole(events)), told("fc_1", "{\"x\":1}"));
    }
    let mut late = pieces.to_vec();
    late.push(done(0, call("call_1", "f", "{\"x\":1}")));
    assert_eq!(calls_of(&whole(&late)), told("call_1", "{\"x\":1}"));

    let nameless = json!({"type": "function_call", "name": "f", "arguments": "{}"});
    let all = [
        json!({"type": "response.created", "response": {"id": "resp_ab1"}}),
        end(json!({"output": [nameless]})),
    ];
    let (events, _, outcome) = decode_stream([stream_of(&all)]);
    outcome.unwrap();
    assert_eq!(calls_of(&events), told("call_respab1_0", "{}"));
    let body = json!({"id": "resp_ab1", "status": "completed", "output": [nameless]});
    let (events, _) = decode_whole(&Bytes::from(body.to_string())).unwrap();
    assert_eq!(calls_of(&events), told("call_respab1_0", "{}"));

    let unusable = json!({"type": "function_call", "call_id": "call_1", "arguments": "{}"});
    let body = json!({"status": "completed", "output": [unusable]});
    let fault = decode_whole(&Bytes::from(body.to_string())).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Malformed);
}

#[test]
fn arguments_that_are_an_object_become_its_text() {
    let mut object = call("call_1", "f", "");
    object["arguments"] = json!({"x": 1});
    let whole_event =
        json!({"type": "response.function_call_arguments.done", "output_index": 0, "arguments": {"x": 1}});
    let expected = told("call_1", "{\"x\":1}");
    assert_eq!(calls_of(&whole(&[done(0, object.clone())])), expected);
    let events = [
        added(0, call("call_1", "f", "")),
        whole_event,
        done(0, object.clone()),
    ];
    assert_eq!(calls_of(&whole(&events)), expected);
    let body = json!({"status": "completed", "output": [object]});
    let (events, _) = decode_whole(&Bytes::from(body.to_string())).unwrap();
    assert_eq!(calls_of(&events), expected);
}
