//! However a provider's answer ends, the client knows: a whole answer, or an error; never a quiet end
//! that looks like success.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tollgate_testkit::{
    cuts::{fault, framing, hostile_cuts},
    gate::{Channel, Streamed},
    provider::{
        Script, answers, answers_with, chunk, hangs_up, says, streams, streams_deltas, streams_events,
        streams_raw, usage_chunk,
    },
};

use crate::stage::{question, question_with, stage, stage_with};

/// Short enough for a test, long enough for a machine under load to answer in between.
const SHORT_TIMEOUTS: [(&str, &str); 2] = [("first_byte_timeout_ms", "400"), ("idle_timeout_ms", "400")];
/// As much.
pub const SHORT_TIMEOUT: Duration = Duration::from_millis(400);
/// Between two pieces that have to arrive by themselves.
pub const APART: Duration = Duration::from_millis(50);

pub fn impatient(channel: Channel) -> Channel {
    SHORT_TIMEOUTS
        .into_iter()
        .fold(channel, |channel, (field, value)| channel.set(field, value))
}

/// The stream ended with this error after `text`, and not as if it were whole.
pub fn assert_broken(answer: &Streamed, text: &str, code: &str) {
    assert_eq!(answer.status, 200, "output had come, so the status was out");
    assert_eq!(answer.text(), text);
    assert_eq!(answer.error_code(), Some(code), "{:?}", answer.error());
    assert!(!answer.has_done(), "the client would take it for success");
    assert_eq!(
        answer.finish_reason(),
        None,
        "the client would take it for success"
    );
}

pub fn words(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("w{number} ")).collect()
}

pub fn streams_words(count: usize) -> Script {
    streams(words(count).iter().map(String::as_str))
}

/// A whole stream as a provider sends it: [`WHOLE_TEXT`], the finish, `[DONE]`.
pub fn whole_stream() -> Bytes {
    let events = [
        chunk(json!({"role": "assistant", "content": ""}), None),
        chunk(json!({"content": "Hel"}), None),
        chunk(json!({"content": "lö ⚓"}), None),
        chunk(json!({}), Some("stop")),
    ];
    let mut text: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    text.push_str("data: [DONE]\n\n");
    Bytes::from(text)
}

const WHOLE_TEXT: &str = "Hellö ⚓";

/// A stream whose first two events (the role and "Hel") arrive before the others.
fn streams_after_output(body: Bytes) -> Script {
    let output = fault::cut_after(&whole_stream(), 2);
    let rest = body.slice(output.len()..);
    streams_raw([output, rest]).pauses(APART)
}

#[tokio::test]
async fn a_stream_cut_at_40_of_60_chunks_ends_with_an_error_and_without_done() {
    let (_provider, gate) = stage(streams_words(40).then_closes()).await;

    let answer = gate.stream(&question()).await;

    assert_broken(&answer, &words(40).concat(), "provider_stream_cut");
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_a_fault_and_never_skipped() {
    let (provider, gate) = stage(says("unused")).await;
    let body = whole_stream();
    for (what, bytes) in [
        ("an event of bad JSON", fault::with_bad_json(&body, 2)),
        ("half an event", fault::with_event_halved(&body, 2)),
        ("an event that is no object", {
            let text = String::from_utf8(body.to_vec()).unwrap();
            Bytes::from(
                text.replacen("\n\n", "\n\ndata: 7\n\n", 2)
                    .replacen("data: 7\n\n", "", 1),
            )
        }),
        ("bytes that are no UTF-8", {
            let mut bytes = fault::cut_after(&body, 2).to_vec();
            bytes.extend_from_slice(
                b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xff\xfe\"}}]}\n\n",
            );
            Bytes::from(bytes)
        }),
    ] {
        provider.always(streams_after_output(bytes));

        let answer = gate.stream(&question()).await;

        assert_broken(&answer, "Hel", "provider_malformed_answer");
        assert!(answer.error().unwrap().param.is_none(), "{what}");
    }
}

#[tokio::test]
async fn output_before_a_fault_is_kept_although_both_came_at_once() {
    let (_provider, gate) = stage(streams_after_output(fault::with_bad_json(&whole_stream(), 3))).await;

    let answer = gate.stream(&question()).await;

    assert_broken(&answer, WHOLE_TEXT, "provider_malformed_answer");
}

#[tokio::test]
async fn a_quiet_end_without_a_finish_is_an_error() {
    let (provider, gate) = stage(says("unused")).await;
    let body = whole_stream();
    for end in [
        Bytes::new(),
        // Some hosts say [DONE] although they broke off.
        Bytes::from_static(b"data: [DONE]\n\n"),
    ] {
        let unfinished = [fault::cut_after(&body, 3), end].concat();
        provider.always(streams_after_output(unfinished.into()));

        let answer = gate.stream(&question()).await;

        assert_broken(&answer, WHOLE_TEXT, "provider_stream_cut");
    }
}

#[tokio::test]
async fn a_stream_that_says_nothing_at_all_has_a_status_of_its_own() {
    let (provider, gate) = stage(says("unused")).await;
    let role = fault::cut_after(&whole_stream(), 1);
    for (what, script) in [
        ("no bytes", streams_raw(Vec::<Bytes>::new())),
        ("a role", streams_raw([role])),
        ("only [DONE]", streams_raw(["data: [DONE]\n\n"])),
        ("only comments", streams_raw([": hello\n\n: hello\n\n"])),
    ] {
        provider.always(script);

        let answer = gate.stream(&question()).await;

        assert_eq!(answer.status, 502, "{what}");
        assert_eq!(answer.error_code(), Some("provider_stream_cut"), "{what}");
    }
}

#[tokio::test]
async fn an_answer_that_finished_is_whole_whatever_comes_of_its_connection() {
    let (provider, gate) = stage(says("unused")).await;
    let finished = fault::cut_after(&whole_stream(), 4);
    for (what, script) in [
        ("no [DONE]", streams_raw([finished.clone()])),
        (
            "the connection breaks",
            streams_raw([finished.clone()]).then_closes(),
        ),
        (
            "no blank line at the end",
            streams_raw([finished.slice(..finished.len() - 2)]),
        ),
    ] {
        provider.always(script);

        let answer = gate.stream(&question()).await;

        assert_eq!(answer.text(), WHOLE_TEXT, "{what}");
        assert_eq!(answer.finish_reason(), Some("stop"), "{what}");
        assert!(answer.has_done(), "{what}");
    }
}

#[tokio::test]
async fn a_finish_is_the_last_that_a_client_sees_of_a_choice() {
    let (provider, gate) = stage(says("unused")).await;
    let usage = usage_chunk(3, 2);
    for (what, events) in [
        (
            "a finish in every chunk",
            vec![
                chunk(json!({"role": "assistant", "content": "Hel"}), Some("stop")),
                chunk(json!({"content": "lo"}), Some("stop")),
                usage.clone(),
            ],
        ),
        (
            "content behind the finish and the counts",
            vec![
                chunk(json!({"role": "assistant", "content": "Hel"}), None),
                chunk(json!({}), Some("stop")),
                usage,
                chunk(json!({"content": "lo"}), None),
                chunk(json!({}), Some("stop")),
            ],
        ),
    ] {
        provider.always(streams_events(events));
        let request = question_with(json!({"stream_options": {"include_usage": true}}));

        let answer = gate.stream(&request).await;

        assert_eq!(answer.text(), "Hello", "{what}");
        assert_eq!(answer.finish_reason(), Some("stop"), "{what}");
        assert!(answer.has_done(), "{what}: {:?}", answer.error());
        assert!(
            answer.broken_rules().is_empty(),
            "{what}: {:?}",
            answer.broken_rules()
        );
        let usage = answer.summary().usage.as_ref();
        assert_eq!(usage.map(|usage| usage.total_tokens), Some(5), "{what}");
    }
}

#[tokio::test]
async fn an_empty_answer_is_an_answer() {
    let (_provider, gate) = stage(streams([])).await;

    let answer = gate.stream(&question()).await;

    assert_eq!((answer.text(), answer.finish_reason()), ("", Some("stop")));
    assert!(answer.has_done());
}

#[tokio::test]
async fn a_200_whose_body_is_an_error_is_that_error() {
    let (provider, gate) = stage(says("unused")).await;
    let rate =
        json!({"error": {"message": "slow down", "type": "rate_limit_error", "code": "rate_limit_exceeded"}});
    let old_style = json!({"base_resp": {"status_code": 1002, "status_msg": "rate limit"}});
    for (what, script) in [
        ("as JSON", answers(rate.clone())),
        ("as an event", streams_events([rate])),
        ("in MiniMax's form", answers(old_style)),
    ] {
        provider.always(script);

        let stream = gate.stream(&question()).await;

        assert_eq!(stream.status, 429, "{what}: nothing had been sent yet");
        assert_eq!(stream.error_code(), Some("rate_limit_exceeded"), "{what}");
    }
    provider.always(answers(
        json!({"error": {"message": "boom", "type": "server_error"}}),
    ));

    let whole = gate.post(&question()).await;

    assert_eq!(
        (whole.status, whole.error_code().as_deref()),
        (502, Some("provider_error"))
    );
}

#[tokio::test]
async fn a_proxys_page_and_other_nonsense_with_status_200_are_no_answers() {
    let (provider, gate) = stage(says("unused")).await;
    let html = "<html><body>Please log in</body></html>";
    for (what, script) in [
        (
            "a page",
            answers_with(200, &[("content-type", "text/html")], html),
        ),
        (
            "a page as JSON",
            answers_with(200, &[("content-type", "application/json")], html),
        ),
        (
            "nothing",
            answers_with(200, &[("content-type", "application/json")], ""),
        ),
        (
            "no choices",
            answers(json!({"id": "x", "object": "chat.completion", "choices": []})),
        ),
        (
            "half of it",
            answers_with(200, &[("content-type", "application/json")], "{\"choices\":[{"),
        ),
    ] {
        provider.always(script);

        let whole = gate.post(&question()).await;
        let stream = gate.stream(&question()).await;

        assert_eq!((whole.status, stream.status), (502, 502), "{what}");
        let code = "provider_malformed_answer";
        assert_eq!(whole.error_code().as_deref(), Some(code), "{what}");
        assert_eq!(stream.error_code(), Some(code), "{what}");
        assert!(
            !whole.error_message().unwrap().contains("log in"),
            "a page is nobody's error message"
        );
    }
}

#[tokio::test]
async fn a_whole_answer_that_breaks_off_is_an_error() {
    let (provider, gate) = stage_with(says("unused"), impatient, "").await;
    let whole = json!({"choices": [{"message": {"content": "Hello"}}]});
    for (script, status, code) in [
        (answers(whole.clone()).then_closes(), 502, "provider_stream_cut"),
        (answers(whole).then_stalls(), 504, "provider_timeout"),
        (hangs_up(), 502, "provider_stream_cut"),
    ] {
        provider.always(script);

        let answer = gate.post(&question()).await;

        assert_eq!(
            (answer.status, answer.error_code().as_deref()),
            (status, Some(code))
        );
    }
}

#[tokio::test]
async fn an_error_after_output_goes_into_the_stream() {
    let (provider, gate) = stage(says("unused")).await;
    let error = json!({"error": {"message": "the machine is on fire", "type": "server_error", "code": null}});
    provider.always(streams_after_output(fault::with_error(
        &whole_stream(),
        2,
        &error,
    )));

    let answer = gate.stream(&question()).await;

    assert_broken(&answer, "Hel", "provider_error");
}

#[tokio::test]
async fn tool_arguments_that_break_off_are_no_finished_call() {
    let opener = json!({"tool_calls": [{"index": 0, "id": "call_1", "type": "function",
        "function": {"name": "weather", "arguments": ""}}]});
    let piece = json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"city\": \"Lis"}}]});
    let (_provider, gate) = stage(streams_deltas([opener, piece], "tool_calls").then_ends()).await;

    let answer = gate.stream(&question()).await;

    assert_broken(&answer, "", "provider_stream_cut");
    assert_eq!(answer.summary().tool_calls()[0].arguments, "{\"city\": \"Lis");
}

#[tokio::test]
async fn the_same_events_read_the_same_however_they_are_framed_and_cut() {
    let (provider, gate) = stage(says("unused")).await;
    let body = whole_stream();
    let framed = framing::framings(&body)
        .into_iter()
        .map(|framed| (framed.name.to_owned(), vec![framed.bytes]));
    let cut = hostile_cuts(&body, 7)
        .into_iter()
        .map(|cut| (cut.name, cut.pieces));
    for (name, pieces) in framed.chain(cut) {
        provider.always(streams_raw(pieces));

        let answer = gate.stream(&question()).await;

        assert_eq!(answer.text(), WHOLE_TEXT, "{name}");
        assert_eq!(answer.finish_reason(), Some("stop"), "{name}");
        assert!(answer.has_done(), "{name}");
    }
}

#[tokio::test]
async fn an_event_that_never_ends_is_refused_before_memory_grows() {
    let piece = Bytes::from(vec![b'x'; 256 * 1024]);
    let mut pieces = vec![
        fault::cut_after(&whole_stream(), 2),
        Bytes::from_static(b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\""),
    ];
    pieces.extend(std::iter::repeat_n(piece, 8));
    let (_provider, gate) = stage_with(
        streams_raw(pieces),
        |channel| channel,
        "[limits]\nanswer_mb = 1\n",
    )
    .await;

    let answer = gate.stream(&question()).await;

    assert_eq!(answer.text(), "Hel");
    assert_eq!(answer.error_code(), Some("provider_answer_too_large"));
    assert!(!answer.has_done());
}

#[tokio::test]
async fn a_whole_answer_beyond_the_limit_is_refused() {
    let long = "x".repeat(1024 * 1024 + 1);
    let (_provider, gate) = stage_with(says(&long), |channel| channel, "[limits]\nanswer_mb = 1\n").await;

    let answer = gate.post(&question()).await;

    assert_eq!(
        (answer.status, answer.error_code().as_deref()),
        (502, Some("provider_answer_too_large"))
    );
    assert_eq!(answer.header("x-should-retry"), Some("false"));
}
