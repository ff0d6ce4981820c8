//! Bodies that are too large, of another kind, or no request at all are told apart and refused before a
//! provider is called.

use std::time::Duration;

use serde_json::json;
use tollgate_testkit::provider::says;

use crate::{
    stage::{MODEL, question, question_with, stage, stage_with},
    surface::{CHAT, assert_error},
};

#[tokio::test]
async fn a_body_beyond_the_limit_is_a_413() {
    let (provider, gate) = stage_with(
        says("Hello"),
        |channel| channel,
        "[limits]\nrequest_body_mb = 1\n",
    )
    .await;
    let of_size = |bytes: usize| {
        let padding = bytes - question_with(json!({"user": ""})).to_string().len();
        question_with(json!({"user": "x".repeat(padding)})).to_string()
    };

    let inside = gate.post_text(of_size(1024 * 1024)).await;
    let outside = gate.post_text(of_size(1024 * 1024 + 1)).await;
    let far_outside = gate.post_text(of_size(8 * 1024 * 1024)).await;

    assert_eq!(inside.status, 200);
    assert_error(&outside, 413, "request_too_large");
    assert_error(&far_outside, 413, "request_too_large");
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test]
async fn a_body_without_a_length_is_counted_as_it_comes() {
    let (_provider, gate) = stage_with(
        says("Hello"),
        |channel| channel,
        "[limits]\nrequest_body_mb = 1\n",
    )
    .await;
    let mut raw = gate.raw().await;
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        gate.key()
    );
    raw.write(head.as_bytes()).await;
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    for _ in 0..17 {
        raw.write(chunk.as_bytes()).await;
    }
    raw.write(b"0\r\n\r\n").await;

    let answer = raw.read_until(b"request_too_large", Duration::from_secs(5)).await;

    assert!(
        answer.starts_with(b"HTTP/1.1 413"),
        "{:?}",
        String::from_utf8_lossy(&answer)
    );
}

#[tokio::test]
async fn only_plain_json_is_taken() {
    let (_provider, gate) = stage(says("Hello")).await;
    let post = async |name: &'static str, value: &'static str| {
        let mut request = gate.chat_request(gate.key(), question().to_string());
        request.headers_mut().insert(name, value.parse().unwrap());
        gate.send(request).await
    };

    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
    ] {
        assert_error(
            &post("content-type", content_type).await,
            415,
            "unsupported_media_type",
        );
    }
    for encoding in ["gzip", "br", "zstd", "identity, gzip"] {
        assert_error(
            &post("content-encoding", encoding).await,
            415,
            "unsupported_content_encoding",
        );
    }
    for content_type in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/vnd.api+json",
    ] {
        assert_eq!(
            post("content-type", content_type).await.status,
            200,
            "{content_type}"
        );
    }
    assert_eq!(post("content-encoding", "identity").await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_no_request_is_a_400_that_says_why() {
    let (provider, gate) = stage(says("Hello")).await;
    let messages = r#""messages":[{"role":"user","content":"x"}]"#;
    let cases = [
        ("nothing", String::new(), "empty"),
        ("blanks", " \n".to_owned(), "empty"),
        ("half", r#"{"model":"#.to_owned(), "not valid JSON"),
        (
            "more than one value",
            format!(r#"{{"model":"{MODEL}",{messages}}} {{}}"#),
            "not valid JSON",
        ),
        (
            "a trailing comma",
            format!(r#"{{"model":"{MODEL}",{messages},}}"#),
            "not valid JSON",
        ),
        (
            "NaN",
            format!(r#"{{"model":"{MODEL}",{messages},"temperature":NaN}}"#),
            "not valid JSON",
        ),
        (
            "a byte order mark",
            format!("\u{feff}{{\"model\":\"{MODEL}\",{messages}}}"),
            "not valid JSON",
        ),
        ("an array", "[1]".to_owned(), "must be a JSON object"),
        ("a string", "\"hello\"".to_owned(), "must be a JSON object"),
        ("null", "null".to_owned(), "must be a JSON object"),
        (
            "a name twice",
            format!(r#"{{"model":"{MODEL}","model":"other",{messages}}}"#),
            "twice",
        ),
        (
            "a name twice, once in escapes",
            format!(r#"{{"model":"{MODEL}","mod\u0065l":"other",{messages}}}"#),
            "twice",
        ),
        (
            "more members than any request has",
            format!(
                r#"{{"model":"{MODEL}",{messages}{}}}"#,
                (0..300).map(|n| format!(r#","x{n}":1"#)).collect::<String>()
            ),
            "more than 256 parameters",
        ),
    ];
    for (what, body, told) in cases {
        let answer = gate.post_text(body).await;

        assert_error(&answer, 400, "invalid_json");
        let message = answer.error_message().unwrap();
        assert!(message.contains(told), "{what}: {message}");
    }
    assert!(
        provider.requests().is_empty(),
        "a provider was asked all the same"
    );
}

#[tokio::test]
async fn bytes_that_are_no_utf8_are_a_400_that_names_the_place() {
    let (_provider, gate) = stage(says("Hello")).await;
    let mut raw = gate.raw().await;
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 12\r\nconnection: close\r\n\r\n",
        gate.key()
    );
    raw.write(head.as_bytes()).await;
    raw.write(b"{\"model\":\"\xff\"").await;

    let answer = String::from_utf8(raw.read_to_end().await).unwrap();

    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("offset 10"),
        "{answer}"
    );
}

#[tokio::test]
async fn nesting_has_a_bound_in_all_that_is_read() {
    let (provider, gate) = stage(says("Hello")).await;
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let with = |members: String| format!(r#"{{"model":"{MODEL}",{members}}}"#);
    let messages = r#""messages":[{"role":"user","content":"x"}]"#;

    for depth in [200, 100_000] {
        for body in [
            deep(depth),
            "{\"a\":".repeat(depth),
            with(format!(r#""messages":{}"#, deep(depth))),
            with(format!(r#"{messages},"tools":{}"#, deep(depth))),
            with(format!(r#"{messages},"stop":{}"#, deep(depth))),
        ] {
            let answer = gate.post_text(body).await;
            assert_eq!(answer.status, 400, "{answer:?}");
        }
    }
    assert!(provider.requests().is_empty());

    // What nobody reads here goes its way.
    let answer = gate
        .post_text(with(format!(r#"{messages},"unknown":{}"#, deep(100_000))))
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn a_client_that_sends_first_and_looks_later_still_reads_why_it_was_refused() {
    let (_provider, gate) = stage(says("Hello")).await;
    let large = question_with(json!({"user": "x".repeat(8 * 1024 * 1024)})).to_string();
    let refused = async |change: fn(&mut http::Request<String>)| {
        let mut request = gate.chat_request(gate.key(), large.clone());
        change(&mut request);
        gate.send(request).await
    };

    let stranger = refused(|request| {
        request.headers_mut().remove("authorization");
    });
    assert_error(&stranger.await, 401, "invalid_api_key");
    let lost = refused(|request| *request.uri_mut() = "/chat/completions".parse().unwrap());
    assert_error(&lost.await, 404, "unknown_route");
    let compressed = refused(|request| {
        let gzip = "gzip".parse().unwrap();
        request.headers_mut().insert("content-encoding", gzip);
    });
    assert_error(&compressed.await, 415, "unsupported_content_encoding");
}
