//! An answer that a stop text has ended is whole, whatever becomes of the provider behind it.

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::Channel,
    provider::{FakeProvider, Script, Turn, speaks, streams_raw},
};

use crate::{
    stage::{question_to, setup, with},
    stream_end::impatient,
};

/// Where the gate ends the text, by preset and with what else has to be asked.
fn stages() -> [(&'static str, &'static str, Value); 3] {
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}});
    [
        ("openai", "gpt-5-mini", json!({})),
        ("openai", "gpt-5-3-codex", json!({})),
        ("anthropic", "claude-sonnet-4-6", json!({"tools": [tool]})),
    ]
}

type Break = fn(Script) -> Script;

fn ways_to_break() -> [(&'static str, Break); 4] {
    [
        ("an end too early", Script::then_ends),
        ("a broken connection", Script::then_closes),
        ("silence", Script::then_stalls),
        ("an error", |script| script.then_complains("server_error", "boom")),
    ]
}

#[tokio::test]
async fn what_breaks_behind_a_stop_text_takes_nothing_from_the_answer() {
    for (preset, model, more) in stages() {
        let provider = FakeProvider::start().await;
        let channel = impatient(Channel::of(preset, &provider).models([model]));
        let gate = setup().channel(channel).start().await;
        let asked = json!({"stop": ["END"], "stream_options": {"include_usage": true}});
        let request = with(with(question_to(model), more), asked);
        for (how, breaks) in ways_to_break() {
            let turn = Turn::new().says(["One, two, EN", "D and more"]);
            provider.always(breaks(speaks(turn)));

            let answer = gate.stream(&request).await;

            assert_eq!(answer.error(), None, "{model}: {how}");
            assert!(answer.has_done(), "{model}: {how}");
            assert_eq!(answer.text(), "One, two, ", "{model}: {how}");
            assert_eq!(answer.finish_reason(), Some("stop"), "{model}: {how}");
            let usage = answer.summary().usage.clone().unwrap();
            assert!(
                usage.completion_tokens >= 4,
                "{model}: {how}: what was said is counted, by the gate if need be: {usage:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_whole_answer_that_comes_as_a_broken_stream_is_whole_too() {
    let (model, said) = ("gpt-5-mini", "One, two, END and more");
    let chunk = json!({
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": said}, "finish_reason": null}],
    });
    let provider = FakeProvider::start_with(streams_raw([format!("data: {chunk}\n\n")])).await;
    let channel = Channel::of("openai", &provider).models([model]);
    let gate = setup().channel(channel).start().await;

    let answer = gate.post(&with(question_to(model), json!({"stop": "END"}))).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.text(), "One, two, ");
    assert_eq!(answer.json()["choices"][0]["matched_stop"], "END");
    let notes = answer.header("x-tollgate-notes").unwrap();
    assert!(notes.contains("estimated:usage"), "{notes}");
}
