use serde_json::{Value, json};

use super::{ChunkWriter, Head};
use crate::event::{EventKind, Finish, FinishReason, Place, Start, State};

const URL: &str = "data:image/png;base64,AAAA";

fn writer() -> ChunkWriter {
    let head = Head {
        id: "chatcmpl-1".to_owned(),
        created: 7,
        model: "asked".to_owned(),
        system_fingerprint: None,
    };
    ChunkWriter::new(head, false)
}

fn written(writer: &mut ChunkWriter, event: &EventKind) -> Value {
    let json = writer.write(event).expect("this event has a chunk");
    serde_json::from_str(&json).expect("a chunk is JSON")
}

fn image(choice: u32) -> EventKind {
    EventKind::Image {
        choice,
        url: URL.to_owned(),
    }
}

fn text(choice: u32) -> EventKind {
    EventKind::Text {
        choice,
        text: "a".to_owned(),
    }
}

#[test]
fn images_are_counted_in_each_choice_by_itself() {
    let mut writer = writer();
    let mut delta = |choice| written(&mut writer, &image(choice))["choices"][0]["delta"].clone();
    let part = |index: u32| json!([{"type": "image_url", "index": index, "image_url": {"url": URL}}]);
    assert_eq!(delta(0), json!({"role": "assistant", "images": part(0)}));
    assert_eq!(delta(1), json!({"role": "assistant", "images": part(0)}));
    assert_eq!(delta(0), json!({"images": part(1)}));
}

#[test]
fn log_probabilities_stand_in_the_choice_beside_an_empty_delta() {
    let mut writer = writer();
    written(&mut writer, &text(0));
    let items = json!([{"token": "a", "logprob": -0.5, "bytes": null, "top_logprobs": []}]);
    let event = EventKind::Logprobs {
        choice: 0,
        json: items.to_string(),
    };
    let chunk = written(&mut writer, &event);
    let choice = &chunk["choices"][0];
    assert_eq!(choice["delta"], json!({}));
    assert_eq!(choice["logprobs"], json!({"content": items, "refusal": null}));
    assert_eq!(choice["finish_reason"], Value::Null);
}

#[test]
fn state_and_borders_of_blocks_never_reach_a_client() {
    let mut writer = writer();
    for event in [
        EventKind::Start(Start::default()),
        EventKind::BlockEnd { choice: 0 },
        EventKind::Other { choice: 0 },
        EventKind::State {
            choice: 0,
            state: State {
                place: Place::Start,
                json: "{\"signature\":\"s\"}".into(),
            },
        },
    ] {
        assert_eq!(writer.write(&event), None, "{event:?}");
    }
    assert_eq!(
        written(&mut writer, &text(0))["choices"][0]["delta"]["role"],
        "assistant",
        "the first chunk is still to come"
    );
}

#[test]
fn the_stop_text_that_was_met_is_told_with_the_finish() {
    let mut writer = writer();
    let finish = EventKind::Finish(Finish {
        choice: 0,
        reason: FinishReason::Stop,
        matched_stop: Some("\"END\"".to_owned()),
        provider_reason: Some("eos".to_owned()),
    });
    let chunk = written(&mut writer, &finish);
    let choice = &chunk["choices"][0];
    assert_eq!(
        (&choice["finish_reason"], &choice["matched_stop"]),
        (&json!("stop"), &json!("\"END\""))
    );
    assert!(
        !chunk.to_string().contains("eos"),
        "the provider's word is ours to know"
    );
}

#[test]
fn choices_appear_in_their_order_whichever_speaks_first() {
    let mut writer = writer();
    let announced = writer.announce_before(2);
    let announced: Vec<Value> = announced
        .iter()
        .map(|json| serde_json::from_str(json).unwrap())
        .collect();
    let choices: Vec<_> = announced
        .iter()
        .map(|chunk| chunk["choices"][0].clone())
        .collect();
    for (index, choice) in choices.iter().enumerate() {
        assert_eq!(choice["index"], json!(index));
        assert_eq!(choice["delta"], json!({"role": "assistant", "content": ""}));
    }
    assert_eq!(choices.len(), 2);

    let said =
        |writer: &mut ChunkWriter, choice| written(writer, &text(choice))["choices"][0]["delta"].clone();
    assert_eq!(said(&mut writer, 2), json!({"role": "assistant", "content": "a"}));
    assert_eq!(
        said(&mut writer, 0),
        json!({"content": "a"}),
        "a role is said once"
    );
    assert_eq!(writer.announce_before(2), Vec::<String>::new());
    assert_eq!(
        writer.announce_before(u32::MAX),
        Vec::<String>::new(),
        "what nobody asked for"
    );
}

#[test]
fn a_ready_chunk_tells_its_choices_until_all_have_come() {
    let mut writer = writer();
    let chunk = br#"{"choices":[{"index":1,"delta":{"role":"assistant"}}]}"#;
    assert_eq!(writer.newly_in(chunk, 2), [1]);
    writer.open_choice(0);
    writer.open_choice(1);
    assert_eq!(writer.newly_in(chunk, 2), Vec::<u32>::new());
    assert_eq!(writer.newly_in(b"{}", 3), Vec::<u32>::new());
}

#[test]
fn a_provider_does_not_repeat_the_role_of_a_choice_that_was_announced() {
    let mut writer = writer();
    writer.announce_before(1);
    let chunk = br#"{"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"a"}}]}"#;
    let json = writer.without_repeated_roles(chunk).unwrap();
    assert_eq!(
        json,
        r#"{"id":"x","choices":[{"index":0,"delta":{"content":"a"}}]}"#
    );
    assert_eq!(
        writer.without_repeated_roles(chunk),
        None,
        "the provider says it once"
    );
}

#[test]
fn log_probabilities_stand_in_the_chunk_of_their_text() {
    let mut writer = writer();
    let items = json!([{"token": "a", "logprob": -0.5, "bytes": null, "top_logprobs": []}]);
    let json = writer.write_with(&text(0), Some(&items.to_string())).unwrap();
    let chunk: Value = serde_json::from_str(&json).unwrap();
    let choice = &chunk["choices"][0];
    assert_eq!(choice["delta"]["content"], "a");
    assert_eq!(choice["logprobs"]["content"], items);
}
