//! What an answer thought: told to the client, and kept for the turn that comes back.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_catalog::quirks::Quirks;
use tollgate_chat::event::EventKind;
use tollgate_dialects::{FaultKind, Undo, turn_state::TurnKey};

use super::{
    answers::{delta, start, stop, stream},
    fixtures::{DIALECT, answer, decode_answer, order, read},
};

#[test]
fn thoughts_are_kept_as_whole_blocks_where_they_stood() {
    let blocks = [
        start(
            0,
            json!({"type": "thinking", "thinking": "", "signature": "", "new_member": 1}),
        ),
        delta(0, json!({"type": "thinking_delta", "thinking": "on\u{e9} "})),
        delta(0, json!({"type": "thinking_delta", "thinking": "\"two\""})),
        delta(0, json!({"type": "signature_delta", "signature": "AB"})),
        delta(0, json!({"type": "signature_delta", "signature": "CD=="})),
        stop(0),
        start(1, json!({"type": "redacted_thinking", "data": "xyz"})),
        stop(1),
        start(2, json!({"type": "text", "text": "Now"})),
        stop(2),
        start(3, json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(3, json!({"type": "signature_delta", "signature": "EF"})),
        stop(3),
        start(
            4,
            json!({"type": "tool_use", "id": "a", "name": "f", "input": {}}),
        ),
        stop(4),
        start(
            5,
            json!({"type": "thinking", "thinking": "cut off", "signature": ""}),
        ),
        stop(5),
    ];
    let (_, turns, outcome) = read([stream(&blocks, "tool_use")]);
    outcome.unwrap();
    let [turn] = &*turns else {
        panic!("one turn has state: {turns:?}")
    };
    assert_eq!(turn.keys[0].0, TurnKey::Call("a".to_owned()));
    assert_eq!(
        order(turn),
        [
            json!({"thought": {"type": "thinking", "thinking": "on\u{e9} \"two\"", "signature": "ABCD==", "new_member": 1}}),
            json!({"thought": {"type": "redacted_thinking", "data": "xyz"}}),
            json!({"text": {"bytes": 3}}),
            json!({"thought": {"type": "thinking", "thinking": "", "signature": "EF"}}),
            json!({"call": 0}),
        ]
    );
}

#[test]
fn several_thoughts_are_told_with_a_gap_between_them_and_kept_as_they_were() {
    let thought = |text: &str| json!({"type": "thinking", "thinking": text, "signature": "c2ln"});
    let blocks = [
        thought("First."),
        json!({"type": "redacted_thinking", "data": "eHh4"}),
        // Its words are not told, only its signature.
        thought(""),
        thought("Then."),
        json!({"type": "text", "text": "Well."}),
        thought("Last."),
    ];
    let (whole, turns) =
        answer(&json!({"type": "message", "content": blocks, "stop_reason": "end_turn"})).unwrap();
    let told = "First.\n\nThen.\n\nLast.";
    assert_eq!(whole["choices"][0]["message"]["reasoning_content"], told);
    let order_of_whole: Vec<Value> = turns.iter().flat_map(order).collect();
    assert!(
        !json!(order_of_whole).to_string().contains("\\n"),
        "the gap is the gate's"
    );

    let mut all = Vec::new();
    for (index, block) in (0..).zip(&blocks) {
        let mut opened = block.clone();
        let said = match block["type"].as_str().unwrap() {
            "thinking" => {
                opened["thinking"] = json!("");
                opened["signature"] = json!("");
                let text = block["thinking"].as_str().unwrap();
                let pieces = text.split_inclusive(['r', 's']);
                let mut said: Vec<Value> = pieces
                    .map(|piece| delta(index, json!({"type": "thinking_delta", "thinking": piece})))
                    .collect();
                said.push(delta(
                    index,
                    json!({"type": "signature_delta", "signature": "c2ln"}),
                ));
                said
            }
            "text" => {
                opened["text"] = json!("");
                vec![delta(index, json!({"type": "text_delta", "text": "Well."}))]
            }
            _ => Vec::new(),
        };
        all.push(start(index, opened));
        all.extend(said);
        all.push(stop(index));
    }
    let (events, turns, outcome) = read([stream(&all, "end_turn")]);
    outcome.unwrap();
    let streamed: String = events
        .iter()
        .filter_map(|event| match event {
            EventKind::Reasoning { text, .. } => Some(&**text),
            _ => None,
        })
        .collect();
    assert_eq!(streamed, told, "the same from a stream");
    let order_of_stream: Vec<Value> = turns.iter().flat_map(order).collect();
    assert_eq!(order_of_stream, order_of_whole);
}

#[test]
fn a_whole_answer_keeps_its_thoughts_byte_for_byte() {
    let block = "{ \"type\": \"thinking\",\"thinking\":\"\\u00e9\",  \"signature\":\"A\\/B\" }";
    let body = format!(
        "{{\"type\":\"message\",\"content\":[{block},{{\"type\":\"text\",\"text\":\"Hi\"}}],\"stop_reason\":\"end_turn\"}}"
    );
    let (quirks, undo) = (Quirks::default(), Undo::default());
    let decoded = decode_answer(DIALECT, &quirks, &undo, &Bytes::from(body)).unwrap();
    let kept = &decoded.turns[0].state.pieces[0].json;
    assert!(kept.contains(block), "{kept}");
}

#[test]
fn thoughts_that_never_end_do_not_fill_the_memory() {
    let piece = delta(
        0,
        json!({"type": "thinking_delta", "thinking": "x".repeat(1 << 20)}),
    );
    let mut all = vec![start(
        0,
        json!({"type": "thinking", "thinking": "", "signature": ""}),
    )];
    all.extend(std::iter::repeat_n(piece, 5));
    assert_eq!(
        read([stream(&all, "end_turn")]).2.unwrap_err().kind,
        FaultKind::Malformed
    );
}
