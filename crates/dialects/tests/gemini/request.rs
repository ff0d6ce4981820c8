//! What goes to Google: one rule a test.

use std::collections::HashMap;

use serde_json::{Value, json};
use tollgate_dialects::{Context, request::Medium, turn_state::TurnStates};

use super::fixtures::{alone, body, encode, encode_knowing, notes, sent, serving, valid};

fn refusal(model: &str, members: Value) -> String {
    let refused = encode(model, members).unwrap_err();
    format!("{}: {}", refused.param, refused.problem)
}

fn contents(messages: Value) -> Value {
    sent("gemini-2.5-flash", json!({ "messages": messages }))["contents"].take()
}

#[test]
fn the_path_names_the_model_and_the_way_of_the_answer() {
    let path = |stream: bool| {
        encode("gemini-2.5-flash", json!({ "stream": stream }))
            .unwrap()
            .path
    };
    assert_eq!(path(false), "/v1beta/models/gemini-2.5-flash:generateContent");
    assert_eq!(
        path(true),
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    );
    let mut odd = (*serving("gemini-2.5-flash")).clone();
    odd.upstream_id = "a/b?c d".into();
    let encoded = encode_knowing(&valid("gemini-2.5-flash", json!({})), &odd, &alone()).unwrap();
    assert_eq!(encoded.path, "/v1beta/models/a%2Fb%3Fc%20d:generateContent");
}

#[test]
fn neighbours_are_merged_and_nothing_is_ever_empty() {
    assert_eq!(
        contents(json!([
            {"role": "user", "content": "a"},
            {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": "c"},
            {"role": "assistant", "content": "d"},
            {"role": "user", "content": "e"},
        ])),
        json!([
            {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
            {"role": "model", "parts": [{"text": "c"}, {"text": "d"}]},
            {"role": "user", "parts": [{"text": "e"}]},
        ])
    );
    let only_system = sent(
        "gemini-2.5-flash",
        json!({"messages": [{"role": "system", "content": "Be brief."}]}),
    );
    assert_eq!(
        only_system["systemInstruction"],
        json!({"parts": [{"text": "Be brief."}]})
    );
    assert_eq!(
        only_system["contents"],
        json!([{"role": "user", "parts": [{"text": " "}]}])
    );
    let model_first =
        contents(json!([{"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}]));
    assert_eq!(model_first[0], json!({"role": "user", "parts": [{"text": " "}]}));
}

#[test]
fn instructions_go_to_their_one_place_and_one_in_mid_conversation_is_told() {
    let encoded = encode(
        "gemini-2.5-flash",
        json!({"messages": [
            {"role": "system", "content": "a"},
            {"role": "developer", "content": [{"type": "text", "text": "b"}]},
            {"role": "user", "content": "c"},
            {"role": "system", "content": "d"},
        ]}),
    )
    .unwrap();
    assert_eq!(
        body(&encoded)["systemInstruction"]["parts"],
        json!([{"text": "a"}, {"text": "b"}, {"text": "d"}])
    );
    assert_eq!(notes(&encoded), ["moved:messages[3]"]);
}

#[test]
fn names_of_people_have_no_place_and_that_is_told_once() {
    let named = |text: &str, name: &str| json!({"role": "user", "content": text, "name": name});
    let encoded = encode(
        "gemini-2.5-flash",
        json!({"messages": [named("a", "Ann"), named("b", "Bob")]}),
    )
    .unwrap();
    assert_eq!(notes(&encoded), ["omitted:name"]);
}

#[test]
fn results_stand_in_one_turn_in_the_order_of_their_calls() {
    let call = |id: &str, name: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": "{\"a\":  1.0}"}});
    let contents = contents(json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": null, "tool_calls": [call("x", "f"), call("y", "g"), call("z", "f")]},
        {"role": "tool", "tool_call_id": "z", "content": "{\"celsius\": 7}"},
        {"role": "tool", "tool_call_id": "x", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "tool", "tool_call_id": "y", "content": "[1, 2]"},
        {"role": "user", "content": "and?"},
    ]));
    assert_eq!(
        contents[2]["parts"],
        json!([
            {"functionResponse": {"id": "x", "name": "f", "response": {"result": "ab"}}},
            {"functionResponse": {"id": "y", "name": "g", "response": {"result": "[1, 2]"}}},
            {"functionResponse": {"id": "z", "name": "f", "response": {"celsius": 7}}},
        ])
    );
    assert_eq!(
        contents[3],
        json!({"role": "user", "parts": [{"text": "and?"}]}),
        "results stay by themselves: Google counts them against the calls"
    );
}

#[test]
fn arguments_that_are_no_object_are_wrapped_so_that_the_history_stays_legal() {
    let arguments = |text: &str| {
        contents(json!([
            {"role": "user", "content": "go"},
            {"role": "assistant", "tool_calls": [
                {"id": "x", "type": "function", "function": {"name": "f", "arguments": text}}]},
            {"role": "tool", "tool_call_id": "x", "content": "failed"},
        ]))[1]["parts"][0]["functionCall"]["args"]
            .take()
    };
    assert_eq!(arguments(""), json!({}));
    assert_eq!(arguments("{\"a\": 1}"), json!({"a": 1}));
    assert_eq!(arguments("{\"a\": "), json!({"arguments": "{\"a\": "}));
    assert_eq!(arguments("[1]"), json!({"arguments": "[1]"}));
}

#[test]
fn media_in_a_result_go_inside_where_they_are_taken_and_beside_it_elsewhere() {
    let messages = json!([
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [
            {"id": "x", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "x", "content": [
            {"type": "text", "text": "here"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aW1n"}}]},
    ]);
    let image = json!({"inlineData": {"mimeType": "image/png", "data": "aW1n"}});
    let inside = sent("gemini-3-flash-preview", json!({ "messages": messages }));
    assert_eq!(
        inside["contents"][2]["parts"][0]["functionResponse"]["parts"],
        json!([image])
    );
    let encoded = encode("gemini-2.5-flash", json!({ "messages": messages })).unwrap();
    assert_eq!(
        body(&encoded)["contents"][3],
        json!({"role": "user", "parts": [image]})
    );
    assert!(notes(&encoded).contains(&"moved:messages[2].content".to_owned()));
}

#[test]
fn media_go_inline_and_addresses_only_where_google_reads_them() {
    let parts = |part: Value, known: &Context<'_>| {
        let request = valid(
            "gemini-2.5-flash",
            json!({"messages": [{"role": "user", "content": [part]}]}),
        );
        let encoded = encode_knowing(&request, &serving("gemini-2.5-flash"), known);
        encoded
            .map(|encoded| body(&encoded)["contents"][0]["parts"][0].take())
            .map_err(|refused| refused.param)
    };
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    let nothing = alone();
    assert_eq!(
        parts(image("data:image/jpg;base64,aW1n"), &nothing),
        Ok(json!({"inlineData": {"mimeType": "image/jpeg", "data": "aW1n"}}))
    );
    let url = "https://example.com/cat.png";
    assert_eq!(parts(image(url), &nothing), Err("messages[0].content".to_owned()));
    let fetched = Context {
        fetched: &HashMap::from([(
            url.to_owned(),
            Medium {
                media_type: "image/png".to_owned(),
                base64: "aW1n".to_owned(),
            },
        )]),
        ..alone()
    };
    assert_eq!(
        parts(image(url), &fetched),
        Ok(json!({"inlineData": {"mimeType": "image/png", "data": "aW1n"}}))
    );
    let video = json!({"type": "video_url", "video_url": {"url": "https://youtu.be/x"}, "fps": 2});
    assert_eq!(
        parts(video, &nothing),
        Ok(
            json!({"fileData": {"mimeType": "video/mp4", "fileUri": "https://youtu.be/x"}, "videoMetadata": {"fps": 2.0}})
        )
    );
    let pdf = json!({"type": "file", "file": {"file_data": "data:application/pdf;base64,cGRm", "filename": "a.pdf"}});
    assert_eq!(
        parts(pdf, &nothing),
        Ok(json!({"inlineData": {"mimeType": "application/pdf", "data": "cGRm"}}))
    );
    let audio = json!({"type": "input_audio", "input_audio": {"data": "d2F2", "format": "wav"}});
    assert_eq!(
        parts(audio, &nothing),
        Ok(json!({"inlineData": {"mimeType": "audio/wav", "data": "d2F2"}}))
    );
}

#[test]
fn what_lies_in_googles_storage_is_the_operators_and_passes_only_where_they_allow_it() {
    let stored = "https://generativelanguage.googleapis.com/v1beta/files/abc";
    let request = |url: &str| {
        valid(
            "gemini-2.5-flash",
            json!({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]}),
        )
    };
    let allowed = Context {
        provider_files: true,
        ..alone()
    };
    for url in [
        stored,
        &stored.to_uppercase().replace("HTTPS", "https"),
        "gs://bucket/cat.png",
    ] {
        let refused = encode_knowing(&request(url), &serving("gemini-2.5-flash"), &alone());
        assert_eq!(refused.unwrap_err().param, "messages[0].content", "{url}");
        let encoded = encode_knowing(&request(url), &serving("gemini-2.5-flash"), &allowed).unwrap();
        assert_eq!(
            body(&encoded)["contents"][0]["parts"][0]["fileData"]["fileUri"],
            url
        );
    }
}

#[test]
fn google_is_known_to_fetch_its_own_and_nothing_that_only_looks_like_it() {
    use tollgate_dialects::gemini::fetches_itself;
    for url in [
        "https://www.youtube.com/watch?v=x",
        "https://youtu.be/x",
        "https://YouTube.com/shorts/x",
        "https://generativelanguage.googleapis.com/v1beta/files/x",
        "https://generativelanguage.googleapis.com:443/v1beta/files/x",
    ] {
        assert!(fetches_itself(url), "{url}");
    }
    for url in [
        "https://example.com/youtube.com/x.mp4",
        "https://youtube.com.example.com/x",
        "https://youtube.com@example.com/x",
        "https://example.com?https://youtube.com/",
        "data:video/mp4;base64,AAAA",
    ] {
        assert!(!fetches_itself(url), "{url}");
    }
}

fn tool(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}})
}

#[test]
fn the_choice_of_tools_has_googles_words() {
    let config = |choice: Value| {
        sent(
            "gemini-2.5-flash",
            json!({"tools": [tool("f"), tool("g")], "tool_choice": choice}),
        )["toolConfig"]
            .take()
    };
    let calling = |mode: Value| json!({ "functionCallingConfig": mode });
    assert_eq!(config(json!("auto")), Value::Null);
    assert_eq!(config(json!("none")), calling(json!({"mode": "NONE"})));
    assert_eq!(config(json!("required")), calling(json!({"mode": "ANY"})));
    assert_eq!(
        config(json!({"type": "function", "function": {"name": "g"}})),
        calling(json!({"mode": "ANY", "allowedFunctionNames": ["g"]}))
    );
    let none = sent("gemini-2.5-flash", json!({"tools": []}));
    assert_eq!(none.get("tools"), None);
}

#[test]
fn names_that_google_does_not_take_are_changed_for_the_whole_request_and_put_back() {
    let encoded = encode(
        "gemini-2.5-flash",
        json!({
            "tools": [tool("7up"), tool("_7up")],
            "tool_choice": {"type": "function", "function": {"name": "7up"}},
            "messages": [
                {"role": "user", "content": "go"},
                {"role": "assistant", "tool_calls": [
                    {"id": "x", "type": "function", "function": {"name": "7up", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "x", "content": "1"},
            ],
        }),
    )
    .unwrap();
    let sent = body(&encoded);
    let declared = &sent["tools"][0]["functionDeclarations"];
    assert_eq!(
        (&declared[0]["name"], &declared[1]["name"]),
        (&json!("_7up"), &json!("_7up_2"))
    );
    assert_eq!(
        sent["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"],
        json!(["_7up"])
    );
    assert_eq!(sent["contents"][1]["parts"][0]["functionCall"]["name"], "_7up");
    assert_eq!(
        sent["contents"][2]["parts"][0]["functionResponse"]["name"],
        "_7up"
    );
    assert_eq!(
        encoded.undo.tool_names.get("_7up").map(String::as_str),
        Some("7up")
    );
    assert_eq!(
        encoded.undo.tool_names.get("_7up_2").map(String::as_str),
        Some("_7up")
    );
}

#[test]
fn one_call_at_a_time_is_asked_for_in_words_and_seen_to() {
    let encoded = encode(
        "gemini-2.5-flash",
        json!({"tools": [tool("f"), tool("g")], "parallel_tool_calls": false}),
    )
    .unwrap();
    assert!(encoded.undo.emulated.one_call);
    assert_eq!(notes(&encoded), ["emulated:parallel_tool_calls"]);
    let told = body(&encoded)["systemInstruction"]["parts"][0]["text"].take();
    assert!(told.as_str().unwrap().contains("at most one tool"), "{told}");
}

#[test]
fn json_together_with_tools_is_emulated_where_google_refuses_the_two() {
    let members = json!({"tools": [tool("f")], "response_format": {"type": "json_object"}});
    let both = sent("gemini-3-flash-preview", members.clone());
    assert_eq!(both["generationConfig"]["responseMimeType"], "application/json");
    let encoded = encode("gemini-2.5-flash", members).unwrap();
    assert_eq!(body(&encoded)["generationConfig"].get("responseMimeType"), None);
    assert!(encoded.undo.emulated.json_object);
    assert!(notes(&encoded).contains(&"emulated:response_format".to_owned()));
}

#[test]
fn a_schema_that_google_takes_only_in_part_is_told_and_a_strict_one_is_checked() {
    let format = |strict: bool| {
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": strict, "schema": {
            "type": "object", "properties": {"a": {"type": "string", "pattern": "^x"}}, "required": ["a"],
            "additionalProperties": false}}}})
    };
    let loose = encode("gemini-2.5-flash", format(false)).unwrap();
    assert_eq!(notes(&loose), ["omitted:response_format.json_schema.pattern"]);
    assert!(loose.undo.emulated.schema.is_none());
    let strict = encode("gemini-2.5-flash", format(true)).unwrap();
    assert!(strict.undo.emulated.schema.is_some());
    let older = sent("gemini-2.0-flash", format(false));
    assert_eq!(
        older["generationConfig"]["responseSchema"],
        json!({"type": "object", "properties": {"a": {"type": "string", "pattern": "^x"}}, "required": ["a"]})
    );
}

#[test]
fn limits_and_sampling_go_under_googles_names_or_are_told() {
    let encoded = encode(
        "gemini-2.5-flash",
        json!({"max_completion_tokens": 100_000, "max_tokens": 5, "temperature": 2, "top_p": 0.5, "top_k": 7,
               "seed": 8_589_934_593_i64, "stop": ["a", "b"], "frequency_penalty": 1, "presence_penalty": 0,
               "logit_bias": {"1": 2}, "user": "u", "logprobs": false, "n": 3}),
    )
    .unwrap();
    assert_eq!(
        body(&encoded)["generationConfig"],
        json!({"maxOutputTokens": 65_536, "temperature": 2.0, "topP": 0.5, "topK": 7, "seed": 1,
               "stopSequences": ["a", "b"], "thinkingConfig": {"includeThoughts": true}})
    );
    let mut told = notes(&encoded);
    told.sort();
    assert_eq!(
        told,
        [
            "moved:max_completion_tokens",
            "moved:seed",
            "omitted:frequency_penalty",
            "omitted:logit_bias",
            "omitted:user",
        ]
    );
}

#[test]
fn choices_are_asked_for_as_the_gateway_divides_them() {
    let known = Context {
        choices: 3,
        ..alone()
    };
    let request = valid("gemini-2.5-flash", json!({"n": 11}));
    let encoded = encode_knowing(&request, &serving("gemini-2.5-flash"), &known).unwrap();
    assert_eq!(body(&encoded)["generationConfig"]["candidateCount"], 3);
    assert_eq!(
        serving("gemini-3-flash-preview").quirks.n_max,
        1,
        "it has no candidates"
    );
}

fn thinking(model: &str, members: Value) -> (Value, Vec<String>) {
    let encoded = encode(model, members).unwrap();
    (
        body(&encoded)["generationConfig"]["thinkingConfig"].take(),
        notes(&encoded),
    )
}

#[test]
fn older_models_are_told_a_budget() {
    let thoughts = |budget: i64| json!({"includeThoughts": true, "thinkingBudget": budget});
    let none = Vec::<String>::new;
    for (model, asked, config, told) in [
        (
            "gemini-2.5-flash",
            json!({}),
            json!({"includeThoughts": true}),
            none(),
        ),
        (
            "gemini-2.5-flash",
            json!({"reasoning_effort": "none"}),
            json!({"thinkingBudget": 0}),
            none(),
        ),
        (
            "gemini-2.5-flash",
            json!({"enable_thinking": false}),
            json!({"thinkingBudget": 0}),
            none(),
        ),
        (
            "gemini-2.5-flash",
            json!({"reasoning_effort": "low"}),
            thoughts(1_024),
            none(),
        ),
        (
            "gemini-2.5-flash",
            json!({"reasoning_effort": "medium"}),
            thoughts(8_192),
            none(),
        ),
        (
            "gemini-2.5-flash",
            json!({"reasoning_effort": "high"}),
            thoughts(24_576),
            none(),
        ),
        (
            "gemini-2.5-flash",
            json!({"reasoning_effort": "xhigh"}),
            thoughts(24_576),
            vec!["moved:reasoning_effort".to_owned()],
        ),
        (
            "gemini-2.5-flash",
            json!({"thinking": {"type": "enabled", "budget_tokens": 100_000}}),
            thoughts(24_576),
            vec!["moved:thinking.budget_tokens".to_owned()],
        ),
        ("gemini-2.5-flash-lite", json!({}), Value::Null, none()),
        (
            "gemini-2.5-flash-lite",
            json!({"enable_thinking": true}),
            thoughts(-1),
            none(),
        ),
        (
            "gemini-2.5-pro",
            json!({"enable_thinking": false}),
            thoughts(128),
            vec!["moved:enable_thinking".to_owned()],
        ),
    ] {
        assert_eq!(thinking(model, asked.clone()), (config, told), "{model}: {asked}");
    }
}

#[test]
fn newer_models_are_told_a_level() {
    let level = |word: &str| json!({"includeThoughts": true, "thinkingLevel": word});
    let none = Vec::<String>::new;
    let moved = |name: &str| vec![format!("moved:{name}")];
    for (model, asked, config, told) in [
        (
            "gemini-3-flash-preview",
            json!({}),
            json!({"includeThoughts": true}),
            none(),
        ),
        (
            "gemini-3-flash-preview",
            json!({"reasoning_effort": "minimal"}),
            level("minimal"),
            none(),
        ),
        (
            "gemini-3-flash-preview",
            json!({"reasoning_effort": "none"}),
            level("minimal"),
            moved("reasoning_effort"),
        ),
        (
            "gemini-3.1-pro-preview",
            json!({"reasoning_effort": "minimal"}),
            level("low"),
            moved("reasoning_effort"),
        ),
        (
            "gemini-3.1-pro-preview",
            json!({"reasoning_effort": "high"}),
            level("high"),
            none(),
        ),
    ] {
        assert_eq!(thinking(model, asked.clone()), (config, told), "{model}: {asked}");
    }
    let (config, told) = thinking("gemini-2.0-flash", json!({"reasoning_effort": "high"}));
    assert_eq!(
        (config, told),
        (Value::Null, vec!["omitted:reasoning_effort".to_owned()])
    );
}

#[test]
fn models_that_draw_are_asked_for_text_and_images() {
    let sent = sent("gemini-3-pro-image-preview", json!({"temperature": 0.5}));
    assert_eq!(
        sent["generationConfig"]["responseModalities"],
        json!(["TEXT", "IMAGE"])
    );
    assert_eq!(sent["generationConfig"]["temperature"], 0.5);
    assert!(refusal("gemini-3-pro-image-preview", json!({"tools": [tool("f")]})).starts_with("tools: "));
}

#[test]
fn what_has_no_counterpart_and_changes_the_answer_is_refused_by_its_name() {
    for (members, param) in [
        (json!({"logprobs": true}), "logprobs"),
        (json!({"modalities": ["text", "audio"]}), "modalities"),
        (json!({"functions": [{"name": "f"}]}), "functions"),
    ] {
        let refused = refusal("gemini-2.5-flash", members);
        assert!(refused.starts_with(&format!("{param}: ")), "{refused}");
    }
    let no_effect = encode(
        "gemini-2.5-flash",
        json!({"modalities": ["text"], "functions": [], "tools": [], "stop": [], "logprobs": false, "logit_bias": {}}),
    )
    .unwrap();
    assert_eq!(notes(&no_effect), Vec::<String>::new());
}

#[test]
fn a_request_is_the_same_whatever_was_kept_for_other_turns() {
    let request = valid("gemini-2.5-flash", json!({}));
    let known = Context {
        states: &TurnStates::new(),
        ..alone()
    };
    let once = encode_knowing(&request, &serving("gemini-2.5-flash"), &known).unwrap();
    let twice = encode_knowing(&request, &serving("gemini-2.5-flash"), &known).unwrap();
    assert_eq!(once.body, twice.body);
}

#[test]
fn what_a_tools_schema_loses_is_told_with_the_tool() {
    let parts = json!([
        {"type": "object", "properties": {"a": {"type": "string"}}},
        {"type": "object", "required": ["a"]},
    ]);
    let apart = json!({"type": "function", "function": {"name": "g", "parameters": {"type": "object", "allOf": parts}}});
    let encoded = encode("gemini-2.5-flash", json!({"tools": [tool("f"), apart]})).unwrap();
    assert_eq!(notes(&encoded), ["omitted:tools[1].function.parameters.required"]);
}
