//! Messages in every order a client may send them.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::fixtures::{body, encode, notes, refused, sent, serving, valid};

const SONNET: &str = "claude-sonnet-4-6";
/// Takes an answer that the client began.
const HAIKU: &str = "claude-haiku-4-5-20251001";
/// Takes instructions between messages.
const LATER: &str = "claude-opus-4-8";

fn turns(model: &str, messages: Value) -> Vec<(String, Vec<String>)> {
    let sent = sent(model, json!({"messages": messages}));
    let turns = sent["messages"].as_array().unwrap().iter();
    turns
        .map(|turn| {
            let blocks = turn["content"].as_array().unwrap().iter();
            let shown = blocks.map(|block| match block["type"].as_str().unwrap() {
                "text" => block["text"].as_str().unwrap().to_owned(),
                "tool_use" => format!("call {}", block["id"].as_str().unwrap()),
                "tool_result" => format!("result {}", block["tool_use_id"].as_str().unwrap()),
                other => other.to_owned(),
            });
            (turn["role"].as_str().unwrap().to_owned(), shown.collect())
        })
        .collect()
}

fn turn(role: &str, blocks: &[&str]) -> (String, Vec<String>) {
    (
        role.to_owned(),
        blocks.iter().map(|block| (*block).to_owned()).collect(),
    )
}

pub fn call(id: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}})
}

#[test]
fn neighbours_of_one_role_are_one_turn() {
    let messages = json!([
        {"role": "user", "content": "a"},
        {"role": "user", "content": [{"type": "text", "text": "b"}, {"type": "text", "text": "\n"}]},
        {"role": "assistant", "content": "c"},
        {"role": "assistant", "content": "d"},
        {"role": "user", "content": "e"}
    ]);
    assert_eq!(
        turns(SONNET, messages),
        [
            turn("user", &["a", "b"]),
            turn("assistant", &["c", "d"]),
            turn("user", &["e"])
        ]
    );
}

#[test]
fn results_come_right_after_their_calls_in_the_order_of_these() {
    let messages = json!([
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": null, "tool_calls": [call("x", "{}"), call("y", " {} ")]},
        {"role": "tool", "tool_call_id": "y", "content": "2"},
        {"role": "tool", "tool_call_id": "x", "content": "1"},
        {"role": "user", "content": "b"}
    ]);
    assert_eq!(
        turns(SONNET, messages),
        [
            turn("user", &["a"]),
            turn("assistant", &["call x", "call y"]),
            turn("user", &["result x", "result y", "b"])
        ]
    );
}

#[test]
fn ids_are_written_in_the_providers_characters_and_never_twice() {
    let exchange = |id: &str| {
        [
            json!({"role": "assistant", "tool_calls": [call(id, "{}")]}),
            json!({"role": "tool", "tool_call_id": id, "content": "1"}),
        ]
    };
    let mut messages = vec![json!({"role": "user", "content": "a"})];
    messages.extend(exchange("functions.f:0"));
    messages.extend(exchange("functions.f:0"));
    messages.extend(exchange("functions_f_0"));
    let turns = turns(SONNET, json!(messages));
    let shown: Vec<&str> = turns[1..].iter().map(|(_, blocks)| blocks[0].as_str()).collect();
    assert_eq!(
        shown,
        [
            "call functions_f_0",
            "result functions_f_0",
            "call functions_f_0_2",
            "result functions_f_0_2",
            "call functions_f_0_3",
            "result functions_f_0_3",
        ]
    );
}

#[test]
fn arguments_that_are_no_object_are_refused_by_their_path() {
    for arguments in ["[1]", "\"a\"", "{\"a\":", "{} {}"] {
        let unsupported = refused(
            SONNET,
            json!({"messages": [
                {"role": "user", "content": "a"},
                {"role": "assistant", "tool_calls": [call("x", "{}"), call("y", arguments)]},
                {"role": "tool", "tool_call_id": "x", "content": "1"},
                {"role": "tool", "tool_call_id": "y", "content": "1"}
            ]}),
        );
        assert_eq!(
            unsupported.param, "messages[1].tool_calls[1].function.arguments",
            "{arguments}"
        );
    }
}

#[test]
fn a_name_that_the_provider_would_refuse_is_another_there_and_the_same_here() {
    let long = "a".repeat(90);
    let members = json!({"messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "tool_calls": [
            {"id": "x", "type": "function", "function": {"name": "mcp.read file", "arguments": "{}"}},
            {"id": "y", "type": "function", "function": {"name": long, "arguments": "{}"}}
        ]},
        {"role": "tool", "tool_call_id": "x", "content": "1"},
        {"role": "tool", "tool_call_id": "y", "content": "1"}
    ]});
    let request = encode(&valid(SONNET, members), &serving(SONNET)).unwrap();
    assert_eq!(
        body(&request)["messages"][1]["content"][0]["name"],
        "mcp_read_file"
    );
    assert_eq!(request.undo.tool_names["mcp_read_file"], "mcp.read file");
    assert_eq!(request.undo.tool_names[&long[..64]], long);
}

#[test]
fn instructions_stand_before_everything_save_where_the_model_takes_them_in_between() {
    let messages = json!([
        {"role": "system", "content": "one"},
        {"role": "developer", "content": [{"type": "text", "text": "two"}, {"type": "text", "text": " "}]},
        {"role": "user", "content": "a"},
        {"role": "system", "content": "three"},
        {"role": "assistant", "content": "b"},
        {"role": "system", "content": "four"},
        {"role": "user", "content": "c"}
    ]);
    let system = |model: &str| {
        let sent = sent(model, json!({"messages": messages}));
        let blocks = sent["system"].as_array().unwrap().clone();
        blocks
            .into_iter()
            .map(|block| block["text"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(system(SONNET), ["one", "two", "three", "four"]);
    assert_eq!(
        notes(SONNET, json!({"messages": messages})),
        ["moved:messages[3]", "moved:messages[5]"]
    );
    assert_eq!(system(LATER), ["one", "two"]);
    assert_eq!(
        turns(LATER, messages.clone()),
        [
            turn("user", &["a"]),
            turn("system", &["three"]),
            turn("assistant", &["b"]),
            turn("user", &["c"]),
            turn("system", &["four"]),
        ]
    );
    assert_eq!(notes(LATER, json!({"messages": messages})), [""; 0]);
}

#[test]
fn with_nobody_else_the_instructions_are_what_is_asked() {
    let messages = json!([{"role": "system", "content": "Write a poem."}]);
    assert_eq!(
        turns(SONNET, messages.clone()),
        [turn("user", &["Write a poem."])]
    );
    assert_eq!(notes(SONNET, json!({"messages": messages})), ["moved:messages"]);
}

#[test]
fn an_answer_that_the_client_began_is_carried_on() {
    let messages = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b \n"}]);
    assert_eq!(
        turns(HAIKU, messages.clone()),
        [turn("user", &["a"]), turn("assistant", &["b"])]
    );
    for (model, members) in [
        (SONNET, json!({"messages": messages})),
        (HAIKU, json!({"messages": messages, "reasoning_effort": "low"})),
    ] {
        let sent = sent(model, members.clone());
        assert_eq!(
            sent["messages"][2]["role"], "user",
            "{model} takes none at the end"
        );
        assert!(notes(model, members).contains(&"emulated:messages[1]".to_owned()));
    }
}

#[test]
fn the_answer_that_is_carried_on_is_named_whatever_stands_behind_it() {
    let system = json!({"role": "system", "content": "c"});
    let messages = json!([
        {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, system, system,
    ]);
    let notes = notes(SONNET, json!({"messages": messages}));
    assert_eq!(
        notes,
        ["moved:messages[2]", "moved:messages[3]", "emulated:messages[1]"]
    );
}

#[test]
fn a_message_that_says_nothing_is_still_a_turn() {
    let messages = json!([
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": ""}
    ]);
    assert_eq!(turns(SONNET, messages)[2], turn("user", &["."]));
    let thoughts_only = json!([
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": null, "reasoning_content": "hm"},
        {"role": "user", "content": "b"}
    ]);
    assert_eq!(turns(SONNET, thoughts_only), [turn("user", &["a", "b"])]);
}

/// Conversations that keep the contract.
fn conversations() -> impl Strategy<Value = Vec<Value>> {
    let text = || prop_oneof!["", " ", "[a-c]{1,3} ?", "\u{a0}"];
    let said = prop_oneof![
        text().prop_map(|text| vec![json!({"role": "user", "content": text})]),
        text().prop_map(|text| vec![json!({"role": "system", "content": text})]),
        text().prop_map(|text| vec![json!({"role": "assistant", "content": text})]),
        (text(), prop::collection::vec("[a.:é]{1,3}", 1..3)).prop_map(|(text, mut ids)| {
            ids.sort();
            ids.dedup();
            let calls: Vec<Value> = ids.iter().map(|id| call(id, "{}")).collect();
            let mut messages = vec![json!({"role": "assistant", "content": text, "tool_calls": calls})];
            let results = ids.iter().rev();
            messages.extend(results.map(|id| json!({"role": "tool", "tool_call_id": id, "content": text})));
            messages
        }),
    ];
    prop::collection::vec(said, 1..8).prop_map(|all| all.concat())
}

proptest! {
    #[test]
    fn whatever_the_order_the_provider_gets_a_conversation_that_it_takes(
        messages in conversations(),
        model in prop_oneof![Just(SONNET), Just(HAIKU), Just(LATER)],
    ) {
        let sent = sent(model, json!({"messages": messages}));
        let turns = sent["messages"].as_array().unwrap();
        prop_assert_eq!(&turns[0]["role"], "user");
        let mut open: Vec<&Value> = Vec::new();
        let mut ids = std::collections::HashSet::new();
        for (at, turn) in turns.iter().enumerate() {
            let blocks = turn["content"].as_array().unwrap();
            prop_assert!(!blocks.is_empty());
            if at > 0 {
                let (before, role) = (&turns[at - 1]["role"], &turn["role"]);
                prop_assert_ne!(before, role);
                prop_assert!(role != "system" || before == "user");
            }
            let results = blocks.iter().take_while(|block| block["type"] == "tool_result");
            let answered: Vec<&Value> = results.map(|block| &block["tool_use_id"]).collect();
            prop_assert_eq!(&answered, &open, "results come first and answer every call");
            open = blocks.iter().filter(|block| block["type"] == "tool_use").map(|block| &block["id"]).collect();
            for id in &open {
                prop_assert!(ids.insert(id.as_str().unwrap()), "{} twice", id);
            }
            for block in blocks.iter().filter(|block| block["type"] == "text") {
                prop_assert!(!block["text"].as_str().unwrap().trim().is_empty());
            }
        }
        prop_assert!(model == HAIKU || turns.last().unwrap()["role"] != "assistant");
    }
}

#[test]
fn a_users_message_of_white_space_becomes_a_full_stop_and_that_is_told() {
    let request = encode(
        &valid(SONNET, json!({"messages": [{"role": "user", "content": " \n"}]})),
        &serving(SONNET),
    )
    .unwrap();
    assert_eq!(
        body(&request)["messages"],
        json!([{"role": "user", "content": [{"type": "text", "text": "."}]}])
    );
    assert_eq!(crate::harness::notes(&request), ["moved:messages[0].content"]);
}

#[test]
fn messages_of_the_kind_before_tools_are_refused_by_their_place() {
    let refused = refused(
        SONNET,
        json!({"messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        ]}),
    );
    assert_eq!(refused.param, "messages[1].function_call");
    assert!(refused.problem.contains("`tools`"), "{refused}");
}
