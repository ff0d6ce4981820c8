//! Marks for the prompt cache, wherever a client may put one.

use serde_json::{Value, json};

use super::fixtures::{body, encode, notes, sent, serving_but, valid};

const SONNET: &str = "claude-sonnet-4-6";

#[test]
fn a_host_that_knows_no_marks_gets_none() {
    let serving = serving_but(SONNET, |quirks| quirks.cache_control = false);
    let mark = json!({"type": "ephemeral"});
    let members = json!({
        "cache_control": mark,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a", "cache_control": mark}]}],
        "tools": [{"type": "function", "function": {"name": "f"}, "cache_control": mark}]
    });
    let request = encode(&valid(SONNET, members), &serving).unwrap();
    assert!(!body(&request).to_string().contains("cache_control"));
    assert_eq!(request.notes.len(), 1, "{:?}", request.notes);
}

/// The blocks that bear a mark, by turn and place, and what was noted.
fn marked(messages: Value) -> (Vec<(usize, usize)>, Vec<String>) {
    let members = json!({"messages": messages, "tools": [{"type": "function", "function": {"name": "f"}}]});
    let sent = sent(SONNET, members.clone());
    let mut marked = Vec::new();
    for (turn, place) in sent["messages"].as_array().unwrap().iter().zip(0..) {
        for (block, at) in turn["content"].as_array().unwrap().iter().zip(0..) {
            if block.get("cache_control").is_some() {
                assert_ne!(block["text"], "", "an empty text may bear no mark");
                marked.push((place, at));
            }
        }
    }
    (marked, notes(SONNET, members))
}

#[test]
fn marks_on_calls_and_on_what_says_nothing_stand_where_they_mean_the_same() {
    let mark = json!({"type": "ephemeral"});
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let with_mark = |mut holder: Value| {
        holder["cache_control"] = mark.clone();
        holder
    };
    let mut of_function = call("a");
    of_function["function"]["cache_control"] = mark.clone();
    let nothing = json!([{"type": "text", "text": "", "cache_control": mark}]);
    let behind =
        json!([{"type": "text", "text": "So:"}, {"type": "text", "text": "", "cache_control": mark}]);
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "1"});
    let user = |content: Value| json!({"role": "user", "content": content});
    let says =
        |content: Value, calls: Value| json!({"role": "assistant", "content": content, "tool_calls": calls});
    for (assistant, results, expected) in [
        (
            with_mark(says(Value::Null, json!([call("a"), call("b")]))),
            [result("a"), result("b")],
            (1, 1),
        ),
        (
            says(Value::Null, json!([with_mark(call("a")), call("b")])),
            [result("a"), result("b")],
            (1, 0),
        ),
        (
            says(Value::Null, json!([of_function, call("b")])),
            [result("a"), result("b")],
            (1, 0),
        ),
        (
            says(nothing.clone(), json!([call("a"), call("b")])),
            [result("a"), result("b")],
            (1, 1),
        ),
        (
            says(behind.clone(), json!([call("a"), call("b")])),
            [result("a"), result("b")],
            (1, 0),
        ),
        (
            says(Value::Null, json!([call("a"), call("b")])),
            [
                result("a"),
                with_mark(json!({"role": "tool", "tool_call_id": "b", "content": ""})),
            ],
            (2, 1),
        ),
        (
            says(Value::Null, json!([call("a"), call("b")])),
            [
                json!({"role": "tool", "tool_call_id": "a", "content": nothing}),
                result("b"),
            ],
            (2, 0),
        ),
    ] {
        let [first, second] = results;
        let (found, told) = marked(json!([user(json!("go")), assistant, first, second]));
        assert_eq!(found, [expected], "{assistant}");
        assert!(told.is_empty(), "{told:?}");
    }
    let (found, told) = marked(json!([user(behind)]));
    assert_eq!((found, told.len()), (vec![(0, 0)], 0));
}

#[test]
fn a_mark_on_a_message_that_says_nothing_is_left_out_by_name() {
    let mark = json!({"type": "ephemeral"});
    let (found, told) = marked(json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": "", "cache_control": mark},
        {"role": "user", "content": "on"},
    ]));
    assert!(found.is_empty(), "{found:?}");
    assert!(told.contains(&"omitted:cache_control".to_owned()), "{told:?}");
}
