//! What the official schema types closely and hosts get wrong: mended where nothing is lost, else a fault.

use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::event::{EventKind, FinishReason, Unshown};
use tollgate_dialects::{Fault, FaultKind};
use tollgate_testkit::schema::{check_answer, check_chunk};

use super::{
    fixtures::{decode_answer, shown},
    streamed::{chunk, read, read_with, stop},
};

fn answer_with(choices: Value) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 5, "model": "upstream",
        "choices": choices,
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    })
}

fn choice(message: Value) -> Value {
    json!({"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"})
}

/// What the client gets, which fits the schema whatever it is.
fn decode(body: &Value) -> Result<Value, Fault> {
    let answer = shown(&decode_answer(&body.to_string(), &Quirks::default())?);
    assert_eq!(check_answer(&answer), [], "{body}");
    Ok(answer)
}

fn message(message: Value) -> Result<Value, Fault> {
    decode(&answer_with(json!([choice(message)]))).map(|answer| answer["choices"][0]["message"].clone())
}

fn logprobs(logprobs: Value) -> Result<Value, Fault> {
    let mut choice = choice(json!({"role": "assistant", "content": "Hi"}));
    choice["logprobs"] = logprobs;
    decode(&answer_with(json!([choice]))).map(|answer| answer["choices"][0]["logprobs"].clone())
}

#[track_caller]
fn assert_malformed(outcome: Result<Value, Fault>) {
    assert_eq!(outcome.map_err(|fault| fault.kind), Err(FaultKind::Malformed));
}

#[test]
fn members_that_a_common_server_leaves_empty_are_no_members() {
    let plain = message(json!({
        "role": "assistant", "content": "Hi", "refusal": null, "annotations": null, "audio": null,
        "function_call": null, "tool_calls": [], "reasoning_content": null,
    }))
    .unwrap();
    for name in ["annotations", "audio", "function_call", "tool_calls"] {
        assert_eq!(plain.get(name), None, "{name}");
    }
    for annotations in [json!({}), json!("x")] {
        let said = message(json!({"role": "assistant", "content": "Hi", "annotations": annotations}));
        assert_eq!(said.unwrap().get("annotations"), None);
    }
}

#[test]
fn a_citation_has_all_its_members_or_is_none() {
    let page = |page: Value| json!({"type": "url_citation", "url_citation": page});
    let whole = json!({"url": "https://a.example", "title": "A", "start_index": 1, "end_index": 2});
    let said = message(json!({"role": "assistant", "content": "Hi", "annotations": [
        page(whole.clone()),
        page(json!({"url": "https://b.example", "title": null, "start_index": "x"})),
        page(json!({"url": 5})),
        page(json!("https://c.example")),
    ]}));
    let completed = json!({"url": "https://b.example", "title": "", "start_index": 0, "end_index": 0});
    assert_eq!(
        said.unwrap()["annotations"],
        json!([page(whole), page(completed)])
    );
}

#[test]
fn log_probabilities_have_all_their_members() {
    let token = |token: &str| json!({"token": token, "logprob": -0.5, "bytes": null});
    let mut whole = token("Hi");
    whole["top_logprobs"] = json!([token("Ho")]);
    let as_it_is = json!({"content": [whole], "refusal": null});
    assert_eq!(logprobs(as_it_is.clone()).unwrap(), as_it_is);

    let bare = json!({"token": "Hi", "logprob": -0.5});
    let mut over = bare.clone();
    over["top_logprobs"] = json!([{"token": "Ho", "logprob": -0.5}]);
    let mended = logprobs(json!({"content": [bare, over]})).unwrap();
    let mut empty = token("Hi");
    empty["top_logprobs"] = json!([]);
    assert_eq!(
        mended,
        json!({"content": [empty, as_it_is["content"][0]], "refusal": null})
    );

    for nothing in [json!([]), json!({}), json!("")] {
        assert_eq!(logprobs(nothing).unwrap(), Value::Null);
    }
    for lost in [
        json!("x"),
        json!([null]),
        json!({"content": [null]}),
        json!({"content": [{"token": "a"}]}),
    ] {
        assert_malformed(logprobs(lost));
    }
}

#[test]
fn log_probabilities_of_a_stream_have_them_too() {
    let mut said = chunk(json!({"role": "assistant", "content": "Hi"}), Value::Null);
    said["choices"][0]["logprobs"] = json!({"content": [{"token": "Hi", "logprob": -0.5}]});
    let read = read(&[said.clone(), stop()]);
    for chunk in &read.chunks {
        assert_eq!(check_chunk(chunk), []);
    }
    let token = &read.chunks[0]["choices"][0]["logprobs"]["content"][0];
    assert_eq!(
        *token,
        json!({"token": "Hi", "logprob": -0.5, "bytes": null, "top_logprobs": []})
    );

    said["choices"][0]["logprobs"] = json!("x");
    let fault = read_with(Quirks::default(), false, &[said]).err();
    assert_eq!(fault.map(|fault| fault.kind), Some(FaultKind::Malformed));
}

#[test]
fn a_fingerprint_is_a_text_or_null() {
    for fingerprint in [json!(5), json!({}), json!([])] {
        let mut body = answer_with(json!([choice(json!({"role": "assistant", "content": "Hi"}))]));
        body["system_fingerprint"] = fingerprint.clone();
        assert_eq!(decode(&body).unwrap()["system_fingerprint"], Value::Null);

        let mut said = chunk(json!({"role": "assistant", "content": "Hi"}), Value::Null);
        said["system_fingerprint"] = fingerprint;
        let read = read(&[said, stop()]);
        assert_eq!(check_chunk(&read.chunks[0]), []);
    }
}

#[test]
fn what_is_spoken_has_all_its_members_or_is_a_fault() {
    let spoken = |audio: Value| message(json!({"role": "assistant", "content": null, "audio": audio}));
    let whole = json!({"id": "audio_1", "data": "AAAA", "transcript": "Hi", "expires_at": 9});
    assert_eq!(spoken(whole.clone()).unwrap()["audio"], whole);
    let mended = json!({"id": "chatcmpl-ours", "data": "AAAA", "transcript": "", "expires_at": 0});
    assert_eq!(spoken(json!({"data": "AAAA"})).unwrap()["audio"], mended);
    assert_eq!(spoken(json!({})).unwrap().get("audio"), None);
    assert_malformed(spoken(json!({"id": "audio_1"})));
    assert_malformed(spoken(json!("AAAA")));
}

#[test]
fn choices_are_numbered_from_nought_each_once() {
    let numbered = |numbers: &[Value]| {
        let choices = numbers.iter().map(|number| {
            let mut choice = choice(json!({"role": "assistant", "content": "Hi"}));
            choice["index"] = number.clone();
            choice
        });
        let answer = decode(&answer_with(choices.collect())).unwrap();
        let choices = answer["choices"].as_array().unwrap().iter();
        choices
            .map(|choice| choice["index"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(numbered(&[json!(0), json!(0)]), [0, 1]);
    assert_eq!(numbered(&[json!(1)]), [0]);
    assert_eq!(numbered(&[json!(null), json!("x")]), [0, 1]);
    assert_eq!(
        numbered(&[json!(1), json!(0)]),
        [1, 0],
        "another order is not wrong"
    );
}

#[test]
fn a_call_that_nobody_could_run_or_send_back_is_a_fault() {
    for call in [
        json!({"id": "c", "type": "function", "function": {"arguments": "{}"}}),
        json!({"id": "c", "type": "function", "function": {"name": "", "arguments": "{}"}}),
        json!({}),
        json!({"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}),
    ] {
        let calls = json!({"role": "assistant", "content": null, "tool_calls": [call]});
        assert_malformed(message(calls.clone()));
        for finish in ["tool_calls", "length"] {
            let streamed = read_with(
                Quirks::default(),
                false,
                &[chunk(calls.clone(), Value::Null), chunk(json!({}), json!(finish))],
            );
            let fault = streamed.err().map(|fault| fault.kind);
            assert_eq!(fault, Some(FaultKind::Malformed), "{calls} {finish}");
        }
    }
}

#[test]
fn a_forerunner_of_calls_comes_only_from_who_could_be_asked_for_it() {
    let called = |quirks: &Quirks, call: Value| {
        let body = answer_with(json!([choice(
            json!({"role": "assistant", "function_call": call})
        )]));
        decode_answer(&body.to_string(), quirks).map(|answer| shown(&answer))
    };
    let call = json!({"name": "f", "arguments": "{}"});
    let asked = Quirks {
        legacy_functions: true,
        ..Quirks::default()
    };
    let answer = called(&asked, call.clone()).unwrap();
    assert_eq!(answer["choices"][0]["message"]["function_call"], call);
    assert_malformed(called(&asked, json!({"arguments": "{}"})));
    assert_malformed(called(&Quirks::default(), call.clone()));
    let streamed = [chunk(json!({"function_call": call}), Value::Null)];
    assert!(
        read_with(
            asked,
            false,
            &[streamed[0].clone(), chunk(json!({}), json!("function_call"))]
        )
        .is_ok()
    );
    let fault = read_with(Quirks::default(), false, &streamed).err();
    assert_eq!(fault.map(|fault| fault.kind), Some(FaultKind::Malformed));
}

#[test]
fn sources_in_other_forms_are_the_same_in_whole_answers_and_streams() {
    let nested = json!({"type": "url_citation", "url_citation":
        {"url": "http://nested", "title": "t", "start_index": 0, "end_index": 2}});
    let flat =
        json!({"type": "url_citation", "url": "http://flat", "title": "t", "start_index": 0, "end_index": 2});
    let pages = json!([nested, {"type": "url_citation", "url_citation":
        {"url": "http://flat", "title": "t", "start_index": 0, "end_index": 2}}]);
    let file = json!({"type": "file_citation", "file_citation": {"file_id": "f"}});
    for (annotations, left, unshown) in [
        (json!([nested, flat]), pages.clone(), false),
        (json!([nested, flat, file]), pages, true),
        (json!([{"type": "url_citation", "url": null}]), json!([]), true),
        (json!({}), Value::Null, false),
    ] {
        let said = json!({"role": "assistant", "content": "Hi", "annotations": annotations});
        let body = answer_with(json!([choice(said.clone())])).to_string();
        let answer = decode_answer(&body, &Quirks::default()).unwrap();
        assert_eq!(
            shown(&answer)["choices"][0]["message"]["annotations"],
            left,
            "{annotations}"
        );
        assert_eq!(
            answer.unshown.contains(&Unshown::Annotations),
            unshown,
            "{annotations}"
        );
        let read = read(&[chunk(said, Value::Null), stop()]);
        assert_eq!(
            read.chunks[0]["choices"][0]["delta"]["annotations"], left,
            "{annotations}"
        );
        let is_unshown = |kind: &EventKind| matches!(kind, EventKind::Unshown { .. });
        let told = read.events.iter().any(|event| is_unshown(&event.kind));
        assert_eq!(told, unshown, "{annotations}");
    }
}

#[test]
fn a_forerunner_of_calls_has_a_name_and_an_object_like_a_call() {
    let asked = Quirks {
        legacy_functions: true,
        ..Quirks::default()
    };
    let whole = |call: &Value, finish: &str| {
        let mut choice = choice(json!({"role": "assistant", "content": null, "function_call": call}));
        choice["finish_reason"] = json!(finish);
        decode_answer(&answer_with(json!([choice])).to_string(), &asked).map(|answer| shown(&answer))
    };
    let streamed = |calls: &[Value], finish: &str| {
        let pieces = calls
            .iter()
            .map(|call| chunk(json!({"function_call": call}), Value::Null));
        let chunks: Vec<Value> = pieces.chain([chunk(json!({}), json!(finish))]).collect();
        read_with(asked.clone(), false, &chunks)
    };
    for broken in [
        json!({"name": "f", "arguments": "{\"a\":"}),
        json!({"name": "f", "arguments": "no"}),
        json!({"arguments": "{}"}),
        json!({"name": "", "arguments": "{}"}),
    ] {
        assert_malformed(whole(&broken, "function_call"));
        let fault = streamed(std::slice::from_ref(&broken), "function_call").err();
        assert_eq!(
            fault.map(|fault| fault.kind),
            Some(FaultKind::Malformed),
            "{broken}"
        );
    }
    let two = [json!({"name": "wea", "arguments": "{}"}), json!({"name": "ther"})];
    assert!(
        streamed(&two, "function_call").is_err(),
        "nobody can tell whether it is one name"
    );
    assert!(
        whole(&json!({"name": "f", "arguments": "{\"a\":"}), "length").is_ok(),
        "it was cut off"
    );

    let empty = json!({"name": "f", "arguments": ""});
    let answer = whole(&empty, "stop").unwrap()["choices"][0].take();
    assert_eq!(answer["finish_reason"], "function_call");
    assert_eq!(
        answer["message"]["function_call"],
        json!({"name": "f", "arguments": "{}"})
    );
    let read = streamed(&[empty, json!({"name": "f"})], "stop").unwrap();
    assert_eq!(read.finish(), Some(FinishReason::FunctionCall));
    let said = |name: &str| {
        let deltas = read
            .chunks
            .iter()
            .map(|chunk| &chunk["choices"][0]["delta"]["function_call"][name]);
        deltas.filter_map(Value::as_str).collect::<String>()
    };
    assert_eq!((said("name").as_str(), said("arguments").as_str()), ("f", "{}"));
}

#[test]
fn a_finish_for_calls_without_any_is_a_stop() {
    for word in ["tool_calls", "function_call"] {
        let mut only = choice(json!({"role": "assistant", "content": "x"}));
        only["finish_reason"] = json!(word);
        let answer = decode_answer(&answer_with(json!([only])).to_string(), &Quirks::default()).unwrap();
        assert_eq!(shown(&answer)["choices"][0]["finish_reason"], "stop");
        let read = read(&[
            chunk(json!({"content": "x"}), Value::Null),
            chunk(json!({}), json!(word)),
        ]);
        assert_eq!(read.finish(), Some(FinishReason::Stop));
        assert!(
            read.chunks
                .iter()
                .all(|chunk| chunk["choices"][0]["finish_reason"].is_null())
        );
    }
}

#[test]
fn a_call_with_two_names_is_a_fault_and_one_that_repeats_its_name_is_not() {
    let named = |name: &str| {
        let call =
            json!({"index": 0, "id": "c", "type": "function", "function": {"name": name, "arguments": ""}});
        chunk(json!({"tool_calls": [call]}), Value::Null)
    };
    let end = chunk(json!({}), json!("tool_calls"));
    let twice = read(&[named("weather"), named("weather"), end.clone()]);
    assert_eq!(twice.arguments(0), "{}");
    let fault = read_with(Quirks::default(), false, &[named("wea"), named("ther"), end]).err();
    assert_eq!(fault.map(|fault| fault.kind), Some(FaultKind::Malformed));
}
