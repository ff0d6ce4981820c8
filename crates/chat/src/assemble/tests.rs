use serde_json::{Value, json};

use super::Assembler;
use crate::{
    chunk::{AnswerShape, Head},
    event::{EventKind, Finish, FinishReason},
    usage::Usage,
};

fn assembled(events: impl IntoIterator<Item = EventKind>) -> Value {
    let mut assembler = Assembler::default();
    for event in events {
        assembler.take(event);
    }
    let head = Head {
        id: "chatcmpl-1".to_owned(),
        created: 7,
        model: "asked".to_owned(),
        system_fingerprint: None,
    };
    let answer = assembler.finish(&head, &AnswerShape::default(), Usage::default());
    serde_json::from_slice(&answer.json).expect("an answer is JSON")
}

fn image(url: &str) -> EventKind {
    EventKind::Image {
        choice: 0,
        url: url.to_owned(),
    }
}

fn logprobs(json: &str) -> EventKind {
    EventKind::Logprobs {
        choice: 0,
        json: json.to_owned(),
    }
}

#[test]
fn images_come_in_order_and_without_content_where_nothing_was_said() {
    let answer = assembled([
        image("data:image/png;base64,AA"),
        image("data:image/png;base64,BB"),
    ]);
    let message = &answer["choices"][0]["message"];
    assert_eq!(message["content"], Value::Null);
    let part = |index: u32, data: &str| {
        let url = format!("data:image/png;base64,{data}");
        json!({"type": "image_url", "index": index, "image_url": {"url": url}})
    };
    assert_eq!(message["images"], json!([part(0, "AA"), part(1, "BB")]));
}

#[test]
fn log_probabilities_of_all_pieces_become_one_list() {
    let items = [
        "[{\"token\":\"a\"}]",
        " [ ] ",
        "[{\"token\":\"b\"},{\"token\":\"c\"}]",
    ];
    let answer = assembled(items.map(logprobs));
    let expected = json!({"content": [{"token": "a"}, {"token": "b"}, {"token": "c"}], "refusal": null});
    assert_eq!(answer["choices"][0]["logprobs"], expected);
    assert_eq!(assembled([image("x")])["choices"][0]["logprobs"], Value::Null);
    assert_eq!(
        assembled([logprobs("[]")])["choices"][0]["logprobs"],
        json!({"content": [], "refusal": null})
    );
}

#[test]
fn a_choice_tells_the_stop_text_that_ended_it() {
    let answer = assembled([EventKind::Finish(Finish {
        choice: 0,
        reason: FinishReason::Stop,
        matched_stop: Some("END".to_owned()),
        provider_reason: None,
    })]);
    assert_eq!(answer["choices"][0]["matched_stop"], "END");
}

#[test]
fn everything_that_is_held_counts_for_the_bound() {
    let mut assembler = Assembler::default();
    assembler.take(image("0123456789"));
    assembler.take(logprobs("[01234]"));
    assert!(assembler.held() >= 15, "{}", assembler.held());
}

#[test]
fn a_call_without_arguments_has_an_empty_object_unless_the_limit_cut_it() {
    for (reason, expected) in [(FinishReason::ToolCalls, "{}"), (FinishReason::Length, "")] {
        let call = EventKind::ToolCall {
            choice: 0,
            index: 0,
            id: Some("call_1".to_owned()),
            name: Some("f".to_owned()),
            arguments: String::new(),
        };
        let finish = EventKind::Finish(Finish {
            choice: 0,
            reason,
            matched_stop: None,
            provider_reason: None,
        });
        let answer = assembled([call, finish]);
        let function = &answer["choices"][0]["message"]["tool_calls"][0]["function"];
        assert_eq!(function["arguments"], expected, "{reason:?}");
    }
}

#[test]
fn an_answer_that_a_stop_text_ended_at_once_is_an_empty_text() {
    let finish = |matched_stop: Option<&str>| {
        EventKind::Finish(Finish {
            choice: 0,
            reason: FinishReason::Stop,
            matched_stop: matched_stop.map(str::to_owned),
            provider_reason: None,
        })
    };
    let content = |events: Vec<EventKind>| assembled(events)["choices"][0]["message"]["content"].clone();
    assert_eq!(content(vec![finish(Some("H"))]), "");
    assert_eq!(content(vec![finish(None)]), Value::Null);
    let call = EventKind::ToolCall {
        choice: 0,
        index: 0,
        id: Some("c".to_owned()),
        name: Some("f".to_owned()),
        arguments: String::new(),
    };
    assert_eq!(content(vec![call, finish(Some("H"))]), Value::Null);
}
