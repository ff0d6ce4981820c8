//! Messages in every order a client may send them.

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_dialects::{request::Medium, turn_state::TurnStates};

use super::fixtures::{body, encode, encode_knowing, notes, refused, sent, serving, serving_but, valid};

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

fn call(id: &str, arguments: &str) -> Value {
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

#[test]
fn media_that_the_model_does_not_take_are_refused_by_their_path() {
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let file = |data: &str| json!({"type": "file", "file": {"filename": "a", "file_data": data}});
    for part in [
        image("data:image/tiff;base64,AAAA"),
        image("http://example.org/a.png"),
        file("data:application/zip;base64,AAAA"),
        file("data:text/plain;base64,/w=="),
        file("data:text/plain;base64,A"),
    ] {
        let members =
            json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, part]}]});
        assert_eq!(refused(SONNET, members).param, "messages[0].content[1]", "{part}");
    }
}

#[test]
fn a_file_that_came_as_bare_base64_is_what_it_is() {
    let file = |name: &str, data: &str| {
        let part = json!({"type": "file", "file": {"filename": name, "file_data": data}});
        json!({"messages": [{"role": "user", "content": [part]}]})
    };
    let source = |name: &str, data: &str| {
        let block = sent(SONNET, file(name, data))["messages"][0]["content"][0].take();
        block["source"].clone()
    };
    assert_eq!(
        source("notes.txt", "SGVsbG8="),
        json!({"type": "text", "media_type": "text/plain", "data": "Hello"})
    );
    assert_eq!(source("a", "JVBERi0=")["media_type"], "application/pdf");
    let refusal = refused(SONNET, file("a.bin", "AAAA"));
    assert!(refusal.problem.contains("data URI"), "{}", refusal.problem);
}

#[test]
fn sound_and_video_are_refused_by_their_path() {
    // The catalogue says that no Claude reads them; a model that an operator adds may claim otherwise.
    let provider = super::fixtures::CATALOG.provider("anthropic").unwrap();
    let model = super::fixtures::CATALOG.unlisted_model("claude-new", provider);
    for part in [
        json!({"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}}),
        json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
    ] {
        let body = json!({"model": "claude-new", "messages": [{"role": "user", "content": [part]}]});
        let request = tollgate_chat::request::ChatRequest::parse(body.to_string().into()).unwrap();
        let limits = tollgate_catalog::contract::check::CheckLimits::default();
        let valid = tollgate_catalog::contract::check(request, model.clone().into(), &limits).unwrap();
        assert_eq!(
            encode(&valid, &serving(SONNET)).unwrap_err().param,
            "messages[0].content[0]"
        );
    }
}

#[test]
fn an_image_that_the_model_drew_is_named_where_the_client_sent_it() {
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let earlier = |message: Value| {
        let messages =
            json!([{"role": "user", "content": "Draw"}, message, {"role": "user", "content": "Again"}]);
        let valid = valid(SONNET, json!({"messages": messages}));
        encode(&valid, &serving(SONNET)).unwrap_err().param
    };
    let (good, bad) = ("data:image/png;base64,AAAA", "http://example.org/a.png");
    let drawn = json!({"role": "assistant", "content": "Here:", "images": [image(good), image(bad)]});
    assert_eq!(earlier(drawn), "messages[1].images[1]");
    let said = json!({"role": "assistant", "content": [{"type": "text", "text": "Here:"}, image(bad)]});
    assert_eq!(earlier(said), "messages[1].content[1]");
}

#[test]
fn what_the_model_spoke_goes_back_in_words() {
    let earlier = |audio: Value| {
        let message = json!({"role": "assistant", "content": null, "audio": audio});
        json!({"messages": [{"role": "user", "content": "Hi"}, message, {"role": "user", "content": "And?"}]})
    };
    let whole = earlier(json!({"id": "audio_1", "expires_at": 5, "data": "AAAA", "transcript": "Hello"}));
    assert_eq!(
        sent(SONNET, whole.clone())["messages"][1],
        json!({"role": "assistant", "content": [{"type": "text", "text": "Hello"}]})
    );
    assert_eq!(notes(SONNET, whole), ["moved:messages.audio"]);
    let bare = earlier(json!({"id": "audio_1"}));
    assert_eq!(notes(SONNET, bare), ["omitted:messages.audio"]);
}

#[test]
fn what_the_gate_fetched_goes_out_as_data() {
    let url = "http://example.org/a.png";
    let members = json!({"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": url}}
    ]}]});
    let medium = Medium {
        media_type: "image/png".to_owned(),
        base64: "AAAA".to_owned(),
    };
    let fetched = HashMap::from([(url.to_owned(), medium)]);
    let serving = serving_but(SONNET, |quirks| {
        quirks.images = tollgate_catalog::quirks::MediaSource::Data
    });
    let request = encode_knowing(&valid(SONNET, members), &serving, &TurnStates::new(), &fetched).unwrap();
    assert_eq!(
        body(&request)["messages"][0]["content"][0]["source"],
        json!({"type": "base64", "media_type": "image/png", "data": "AAAA"})
    );
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
fn a_host_that_takes_no_media_in_results_gets_them_beside_the_results() {
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}});
    let members = json!({"messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "tool_calls": [call("x", "{}"), call("y", "{}")]},
        {"role": "tool", "tool_call_id": "x", "content": [{"type": "text", "text": "here"}, image]},
        {"role": "tool", "tool_call_id": "y", "content": "2"}
    ]});
    let kinds = |media: bool| {
        let serving = serving_but(SONNET, |quirks| quirks.tool_result_media = media);
        let sent = body(&encode(&valid(SONNET, members.clone()), &serving).unwrap());
        let blocks = sent["messages"][2]["content"].as_array().unwrap().clone();
        let kinds: Vec<Value> = blocks.iter().map(|block| block["type"].clone()).collect();
        (kinds, blocks[0]["content"].clone())
    };
    let (beside, text) = kinds(false);
    assert_eq!(beside, ["tool_result", "tool_result", "image"]);
    assert_eq!(text, "here");
    let (inside, content) = kinds(true);
    assert_eq!(inside, ["tool_result", "tool_result"]);
    assert_eq!(content[1]["type"], "image");
}

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
