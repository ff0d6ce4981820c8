//! Tool calls and their results.

use serde_json::{Value, json};

use crate::contract::check::tests::gate::{assert_refused, assert_taken, talk};

fn call(id: &str) -> Value {
    json!({ "id": id, "type": "function", "function": { "name": "weather", "arguments": "{}" } })
}

fn calls(ids: &[&str]) -> Value {
    json!({ "role": "assistant", "content": null, "tool_calls": ids.iter().map(|id| call(id)).collect::<Vec<_>>() })
}

fn result(id: &str) -> Value {
    json!({ "role": "tool", "tool_call_id": id, "content": "sunny" })
}

fn user() -> Value {
    json!({ "role": "user", "content": "x" })
}

#[test]
fn results_follow_their_calls_in_any_order() {
    let request = assert_taken(talk(json!([
        user(),
        calls(&["a", "b"]),
        result("b"),
        result("a"),
        user()
    ])));
    assert!(request.traits.tool_calls && request.traits.assistant_without_content);
    assert_taken(talk(json!([
        user(),
        calls(&["a"]),
        result("a"),
        calls(&["a"]),
        result("a")
    ])));
}

#[test]
fn a_call_without_a_result_is_refused_by_its_id() {
    let later = [
        vec![user()],
        vec![json!({ "role": "assistant", "content": "x" })],
        vec![json!({ "role": "system", "content": "x" })],
        vec![],
    ];
    for rest in later {
        let mut messages = vec![user(), calls(&["call_a", "call_b"]), result("call_a")];
        messages.extend(rest);
        let violations = talk(json!(messages)).unwrap_err();
        assert_eq!(violations.param(), "messages[1].tool_calls[1]");
        assert!(
            violations.message().contains("call_b"),
            "{}",
            violations.message()
        );
        assert_eq!(violations.total(), 1);
    }
}

#[test]
fn a_result_without_a_call_is_refused() {
    let place = |index: usize| format!("messages[{index}].tool_call_id");
    assert_refused(talk(json!([user(), result("a")])), &place(1), "invalid_value");
    assert_refused(
        talk(json!([user(), calls(&["a"]), result("a"), result("a")])),
        &place(3),
        "invalid_value",
    );
    assert_refused(
        talk(json!([user(), calls(&["a"]), result("a"), user(), result("a")])),
        &place(4),
        "invalid_value",
    );
    let nameless = json!({ "role": "tool", "content": "x" });
    assert_refused(
        talk(json!([user(), nameless])),
        &place(1),
        "missing_required_parameter",
    );
}

#[test]
fn calls_have_an_id_a_type_a_name_and_arguments_in_a_string() {
    let wrong = [
        (json!({ "id": null }), "id", "missing_required_parameter"),
        (json!({ "id": "" }), "id", "string_below_min_length"),
        (json!({ "id": 7 }), "id", "invalid_type"),
        (json!({ "type": null }), "type", "missing_required_parameter"),
        (json!({ "type": "custom" }), "type", "unsupported_value"),
        (
            json!({ "function": null }),
            "function",
            "missing_required_parameter",
        ),
        (
            json!({ "function": { "arguments": "{}" } }),
            "function.name",
            "missing_required_parameter",
        ),
        (
            json!({ "function": { "name": "f" } }),
            "function.arguments",
            "missing_required_parameter",
        ),
        (
            json!({ "function": { "name": "f", "arguments": {} } }),
            "function.arguments",
            "invalid_type",
        ),
    ];
    for (members, place, code) in wrong {
        let mut call = call("a");
        for (name, value) in members.as_object().unwrap() {
            call[name] = value.clone();
        }
        let messages = json!([user(), { "role": "assistant", "tool_calls": [call] }, result("a")]);
        assert_refused(
            talk(messages),
            &format!("messages[1].tool_calls[0].{place}"),
            code,
        );
    }
    assert_refused(
        talk(json!([user(), calls(&["a", "a"]), result("a")])),
        "messages[1].tool_calls[1].id",
        "invalid_value",
    );
}

#[test]
fn arguments_that_were_cut_off_and_an_index_pass() {
    let mut cut = call("a");
    cut["function"]["arguments"] = json!("{\"city\": \"Lis");
    cut["index"] = json!(0);
    assert_taken(talk(
        json!([user(), { "role": "assistant", "content": "", "tool_calls": [cut] }, result("a")]),
    ));
}

#[test]
fn an_empty_list_of_calls_is_no_call() {
    let request = assert_taken(talk(
        json!([user(), { "role": "assistant", "content": "x", "tool_calls": [] }, user()]),
    ));
    assert!(!request.traits.tool_calls);
    let silent = json!([user(), { "role": "assistant", "tool_calls": [] }]);
    assert_refused(talk(silent), "messages[1].content", "missing_required_parameter");
    let word = json!([user(), { "role": "assistant", "tool_calls": "none" }]);
    assert_refused(talk(word), "messages[1].tool_calls", "invalid_type");
}

#[test]
fn a_result_has_content() {
    let empty = json!({ "role": "tool", "tool_call_id": "a" });
    assert_refused(
        talk(json!([user(), calls(&["a"]), empty])),
        "messages[2].content",
        "missing_required_parameter",
    );
    let parts =
        json!({ "role": "tool", "tool_call_id": "a", "content": [{ "type": "text", "text": "sunny" }] });
    assert!(
        assert_taken(talk(json!([user(), calls(&["a"]), parts])))
            .traits
            .text_part_arrays
    );
}

#[test]
fn the_older_function_messages_pass_by_shape_and_are_flagged() {
    let call =
        json!({ "role": "assistant", "content": null, "function_call": { "name": "f", "arguments": "{}" } });
    let result = json!({ "role": "function", "name": "f", "content": "x" });
    let request = assert_taken(talk(json!([user(), call, result])));
    assert!(request.traits.legacy_functions);
    assert_refused(
        talk(json!([user(), { "role": "function", "content": "x" }])),
        "messages[1].name",
        "missing_required_parameter",
    );
}

#[test]
fn a_great_many_calls_are_checked_in_reasonable_time() {
    let ids: Vec<String> = (0..20_000).map(|index| format!("call_{index}")).collect();
    let mut messages = vec![user(), calls(&ids.iter().map(String::as_str).collect::<Vec<_>>())];
    messages.extend(ids.iter().rev().map(|id| result(id)));
    assert_eq!(assert_taken(talk(json!(messages))).traits.count, 20_002);
}
