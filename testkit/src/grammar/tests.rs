use serde_json::{Value, json};

use super::*;
use crate::recordings::recordings;

fn chunk(choices: Value) -> Value {
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": choices,
    })
}

fn delta(delta: Value) -> Value {
    chunk(json!([{"index": 0, "delta": delta, "finish_reason": null}]))
}

fn finish(reason: &str) -> Value {
    chunk(json!([{"index": 0, "delta": {}, "finish_reason": reason}]))
}

fn usage(prompt: u64, completion: u64, total: u64) -> Value {
    let mut chunk = chunk(json!([]));
    chunk["usage"] = json!({
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total,
    });
    chunk
}

fn role() -> Value {
    delta(json!({"role": "assistant", "content": ""}))
}

fn text(content: &str) -> Value {
    delta(json!({"content": content}))
}

fn call(fragment: Value) -> Value {
    delta(json!({"tool_calls": [fragment]}))
}

fn sent(chunks: &[Value]) -> String {
    let events: Vec<String> = chunks.iter().map(|c| format!("data: {c}\n\n")).collect();
    events.concat() + "data: [DONE]\n\n"
}

fn violations(chunks: &[Value]) -> Vec<Violation> {
    violations_in(&sent(chunks))
}

fn violations_in(stream: &str) -> Vec<Violation> {
    check_stream(stream.as_bytes(), &Asked::default()).violations
}

/// The same chunks as the gate sends them to a client that asked for usage.
fn with_usage(chunks: &[Value]) -> Vec<Violation> {
    let mut chunks = chunks.to_vec();
    for chunk in &mut chunks {
        if chunk.get("usage").is_none() {
            chunk["usage"] = Value::Null;
        }
    }
    usage_asked(&chunks)
}

fn usage_asked(chunks: &[Value]) -> Vec<Violation> {
    let asked = Asked {
        model: None,
        usage: true,
    };
    check_stream(sent(chunks).as_bytes(), &asked).violations
}

#[test]
fn a_proper_stream_is_read_whole() {
    let stream = ": waiting\n\n".to_owned()
        + &sent(&[
            role(),
            delta(json!({"reasoning_content": "hm"})),
            text("Hel"),
            text("lo"),
            call(json!({"index": 0, "id": "c1", "type": "function",
                        "function": {"name": "f", "arguments": ""}})),
            call(json!({"index": 0, "function": {"arguments": "{\"a\":"}})),
            call(json!({"index": 0, "function": {"arguments": "1}"}})),
            finish("tool_calls"),
        ]);

    let checked = check_stream(stream.as_bytes(), &Asked::default());

    assert_eq!(checked.violations, []);
    let summary = checked.summary;
    assert_eq!(summary.text(), "Hello");
    assert_eq!(summary.reasoning(), "hm");
    assert_eq!(summary.finish_reason(), Some("tool_calls"));
    assert_eq!(summary.tool_calls()[0].name, "f");
    assert_eq!(summary.tool_calls()[0].arguments, "{\"a\":1}");
    assert_eq!((summary.done, summary.comments), (true, 1));
    assert_eq!(summary.chunks.len(), 8);
}

#[test]
fn usage_stands_alone_before_done_when_asked_for() {
    assert_eq!(
        with_usage(&[role(), text("Hi"), finish("stop"), usage(3, 2, 5)]),
        []
    );

    let missing = with_usage(&[role(), finish("stop")]);
    assert_eq!(missing, [Violation::UsageMissing]);

    let mut late = text("Hi");
    late["usage"] = usage(3, 2, 5)["usage"].clone();
    let with_choices = with_usage(&[role(), late, finish("stop"), usage(3, 2, 5)]);
    assert_eq!(with_choices, [Violation::UsageWithChoices { event: 1 }]);

    let not_null = usage_asked(&[role(), finish("stop"), usage(3, 2, 5)]);
    assert_eq!(
        not_null,
        [
            Violation::UsageNotNull { event: 0 },
            Violation::UsageNotNull { event: 1 }
        ]
    );

    let not_last = with_usage(&[role(), usage(3, 2, 5), finish("stop")]);
    assert_eq!(not_last, [Violation::AfterUsage { event: 2 }]);
}

#[test]
fn usage_that_nobody_asked_for_is_a_violation() {
    assert_eq!(
        violations(&[role(), finish("stop"), usage(3, 2, 5)]),
        [Violation::UsageUnasked { event: 2 }]
    );
}

#[test]
fn usage_has_to_add_up() {
    let sum = with_usage(&[role(), finish("stop"), usage(3, 2, 6)]);
    assert_eq!(
        sum,
        [Violation::UsageSum {
            prompt: 3,
            completion: 2,
            total: 6
        }]
    );

    let mut parts = usage(3, 2, 5);
    parts["usage"]["prompt_tokens_details"] = json!({"cached_tokens": 4});
    parts["usage"]["completion_tokens_details"] = json!({"reasoning_tokens": 3});
    let parts = with_usage(&[role(), finish("stop"), parts]);
    assert_eq!(
        parts,
        [
            Violation::UsagePart {
                part: "cached_tokens",
                tokens: 4,
                whole: 3
            },
            Violation::UsagePart {
                part: "reasoning_tokens",
                tokens: 3,
                whole: 2
            }
        ]
    );

    let mut unreadable = usage(3, 2, 5);
    unreadable["usage"]["total_tokens"] = json!("5");
    let unreadable = with_usage(&[role(), finish("stop"), unreadable]);
    assert!(matches!(
        unreadable[..],
        [Violation::UsageUnreadable { .. }, Violation::UsageMissing]
    ));
}

#[test]
fn a_stream_ends_with_done_or_an_error_and_nothing_after_it() {
    let open = format!("data: {}\n\n", role());
    let error = "data: {\"error\":{\"message\":\"cut\",\"type\":\"server_error\",\
                 \"param\":null,\"code\":\"provider_stream_cut\"}}\n\n";

    let cut = check_stream((open.clone() + error).as_bytes(), &Asked::default());
    assert_eq!(cut.violations, []);
    assert_eq!(cut.summary.error_code(), Some("provider_stream_cut"));
    assert!(!cut.summary.done);

    let quiet = violations_in(&open);
    assert_eq!(quiet, [Violation::NoEnd, Violation::NoFinish { choice: 0 }]);

    let done_after_error = violations_in(&(open.clone() + error + "data: [DONE]\n\n"));
    assert_eq!(done_after_error, [Violation::AfterError { event: 2 }]);

    let twice = violations_in(&(sent(&[role(), finish("stop")]) + "data: [DONE]\n\n"));
    assert_eq!(twice, [Violation::AfterDone { event: 3 }]);

    let empty = violations_in("data: [DONE]\n\n");
    assert_eq!(empty, [Violation::NoChoice]);
}

#[test]
fn only_one_form_of_frame_is_allowed() {
    for frame in [
        "data:{}\n\n",
        "data: {}\r\n\n",
        "event: message\ndata: {}\n\n",
        "data: {\ndata: }\n\n",
        "\n\n",
    ] {
        let stream = frame.to_owned() + &sent(&[role(), finish("stop")]);
        let found = violations_in(&stream);
        assert!(
            matches!(found[..], [Violation::BadFrame { event: 0, .. }]),
            "{frame:?}: {found:?}"
        );
    }

    let unfinished = violations_in(sent(&[role(), finish("stop")]).trim_end());
    assert!(
        unfinished.contains(&Violation::UnfinishedEvent {
            text: "data: [DONE]".to_owned()
        }),
        "{unfinished:?}"
    );

    let not_utf8 = check_stream(b"data: \xff\n\n", &Asked::default()).violations;
    assert_eq!(not_utf8[0], Violation::NotUtf8);

    let not_json = violations_in(&("data: {\n\n".to_owned() + &sent(&[role(), finish("stop")])));
    assert!(matches!(not_json[..], [Violation::NotJson { event: 0, .. }]));
}

#[test]
fn what_a_stream_has_said_of_itself_stays() {
    for field in ["id", "created", "model"] {
        let mut changed = finish("stop");
        changed[field] = json!("another");
        let found = violations(&[role(), changed]);
        assert!(
            matches!(&found[..], [Violation::Changed { event: 1, field: named, .. }] if *named == field),
            "{field}: {found:?}"
        );
    }

    let mut other = finish("stop");
    other["object"] = json!("chat.completion");
    assert!(matches!(
        violations(&[role(), other])[..],
        [Violation::NotAChunk { event: 1, .. }]
    ));
}

#[test]
fn the_model_asked_for_is_the_one_that_answers() {
    let asked = Asked::by(&json!({"model": "asked", "stream_options": {"include_usage": false}}));
    let found = check_stream(sent(&[role(), finish("stop")]).as_bytes(), &asked).violations;
    assert_eq!(
        found,
        [Violation::WrongModel {
            asked: "asked".to_owned(),
            found: "\"m\"".to_owned()
        }]
    );
}

#[test]
fn a_choice_has_its_role_once_and_its_finish_once() {
    assert_eq!(
        violations(&[text("Hi"), finish("stop")]),
        [Violation::NoRole { event: 0, choice: 0 }]
    );
    assert_eq!(
        violations(&[role(), role(), finish("stop")]),
        [Violation::RoleAgain { event: 1, choice: 0 }]
    );
    assert_eq!(
        violations(&[role(), finish("stop"), text("more")]),
        [Violation::AfterFinish { event: 2, choice: 0 }]
    );
    assert_eq!(
        violations(&[role(), finish("stop"), finish("stop")]),
        [Violation::AfterFinish { event: 2, choice: 0 }]
    );
    assert_eq!(
        violations(&[role(), text("Hi")]),
        [Violation::NoFinish { choice: 0 }]
    );

    let second = chunk(json!([
        {"index": 1, "delta": {"role": "assistant"}, "finish_reason": null}
    ]));
    assert_eq!(
        violations(&[role(), second, finish("stop")]),
        [Violation::NoFinish { choice: 1 }],
        "every choice needs one"
    );
}

#[test]
fn fields_that_are_always_sent_are_there() {
    let bare = chunk(json!([{"index": 0, "delta": {"content": "Hi"}}]));
    assert_eq!(
        violations(&[role(), bare, finish("stop")]),
        [Violation::FieldMissing {
            event: 1,
            field: "finish_reason"
        }]
    );
    assert_eq!(
        violations(&[role(), chunk(json!([])), finish("stop")]),
        [Violation::EmptyChunk { event: 1 }]
    );
}

#[test]
fn a_tool_call_starts_whole_and_goes_on_with_arguments_only() {
    let start = |index: u64, id: &str| {
        call(json!({"index": index, "id": id, "type": "function",
                    "function": {"name": "f", "arguments": "{}"}}))
    };
    let found = |chunks: &[Value]| {
        let mut all = vec![role()];
        all.extend_from_slice(chunks);
        all.push(finish("tool_calls"));
        violations(&all)
    };

    assert_eq!(found(&[start(0, "a"), start(1, "b")]), []);
    assert_eq!(found(&[]), [Violation::NoToolCalls { choice: 0 }]);
    assert_eq!(
        found(&[call(json!({"index": 0, "type": "function",
                            "function": {"name": "f", "arguments": "{}"}}))])[0],
        Violation::ToolCallStart {
            event: 1,
            index: 0,
            field: "id"
        }
    );
    assert_eq!(
        found(&[start(1, "a"), start(0, "b")])[0],
        Violation::ToolCallIndex {
            event: 1,
            index: 1,
            expected: 0
        }
    );
    assert_eq!(
        found(&[
            start(0, "a"),
            call(json!({"index": 0, "id": "", "function": {"arguments": ""}}))
        ]),
        [Violation::ToolCallAgain {
            event: 2,
            index: 0,
            field: "id"
        }]
    );
    assert_eq!(
        found(&[start(0, "a"), start(1, "a")]),
        [Violation::ToolCallIdTwice { id: "a".to_owned() }]
    );
    assert_eq!(
        found(&[call(json!({"index": 0, "id": "a", "type": "function",
                            "function": {"name": "f", "arguments": ""}}))]),
        [Violation::ToolCallArguments {
            choice: 0,
            index: 0,
            arguments: String::new()
        }],
        "a call without arguments says {{}}"
    );
}

#[test]
fn a_custom_tool_takes_any_text_and_a_cut_call_may_stay_open() {
    let custom = call(json!({"index": 0, "id": "a", "type": "custom",
                             "custom": {"name": "shell", "input": "ls"}}));
    let open = call(json!({"index": 0, "id": "a", "type": "function",
                           "function": {"name": "f", "arguments": "{\"a"}}));

    assert_eq!(violations(&[role(), custom, finish("tool_calls")]), []);
    assert_eq!(violations(&[role(), open, finish("length")]), []);
}

#[test]
fn a_whole_answer_keeps_the_same_rules() {
    let asked = Asked {
        model: Some("m".to_owned()),
        usage: false,
    };
    let answer = json!({
        "id": "1", "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"content": "Hi", "reasoning_content": "hm"}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    });
    let checked = check_answer(&answer, &asked);
    assert_eq!(checked.violations, []);
    assert_eq!(checked.summary.text(), "Hi");
    assert_eq!(checked.summary.reasoning(), "hm");

    let mut wrong = answer;
    wrong["model"] = json!("n");
    wrong["usage"] = Value::Null;
    wrong["choices"][0]["index"] = json!(1);
    wrong["choices"][0]["finish_reason"] = Value::Null;
    assert_eq!(
        check_answer(&wrong, &asked).violations,
        [
            Violation::WrongModel {
                asked: "m".to_owned(),
                found: "\"n\"".to_owned()
            },
            Violation::UsageMissing,
            Violation::ChoiceIndex {
                found: 1,
                expected: 0
            },
            Violation::NoFinish { choice: 1 },
        ]
    );
}

/// What a judge calls wrong in OpenAI's own streams, he would call wrong in ours without reason.
#[test]
fn openai_itself_keeps_the_grammar() {
    let Some(recordings) = recordings("openai-chat") else {
        return;
    };
    let own = recordings
        .iter()
        .filter(|one| one.provider == "openai" && one.is_stream() && !one.cut);
    let mut streams = 0;
    for recording in own {
        let Some(request) = &recording.request else {
            continue;
        };
        let asked = Asked {
            // OpenAI answers with the dated name.
            model: None,
            ..Asked::by(&request.body)
        };
        let violations = check_stream(&recording.response.body, &asked).violations;
        assert_eq!(violations, [], "recording {}", recording.id);
        streams += 1;
    }
    assert!(streams > 20, "only {streams} streams");
}
