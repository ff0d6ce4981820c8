//! The HTTP surface: routes, methods, request IDs, CORS, and bytes that are hardly HTTP. Every refusal has
//! the one form of errors.

use std::time::Duration;

use http::{Method, Request};
use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Answer, Channel},
    provider::{FakeProvider, answers, says},
};

use crate::stage::{MODEL, question, question_with, setup, stage};

pub const CHAT: &str = "/v1/chat/completions";

fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path)
}

/// An error in our form, with this status and code; returned for more to be looked at.
pub fn assert_error(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.error_code().as_deref(), Some(code), "{answer:?}");
    let body = answer.json();
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{body}");
    assert_eq!(tollgate_testkit::schema::check_error(&body), [], "{body}");
    body
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_one() {
    let (_provider, gate) = stage(says("Hello")).await;
    for (path, method, allowed) in [
        (CHAT, Method::GET, "POST"),
        (CHAT, Method::PUT, "POST"),
        (CHAT, Method::DELETE, "POST"),
        ("/v1/models", Method::POST, "GET"),
        ("/v1/models/gpt-4o", Method::DELETE, "GET"),
        ("/openapi.json", Method::POST, "GET"),
        ("/healthz", Method::POST, "GET"),
    ] {
        let answer = gate
            .send(request(method, path).body(String::new()).unwrap())
            .await;

        assert_error(&answer, 405, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allowed), "{path}");
    }
}

#[tokio::test]
async fn an_unknown_route_is_told_the_nearest_one() {
    let (_provider, gate) = stage(says("Hello")).await;
    for (path, nearest) in [
        ("/chat/completions", CHAT),
        ("/v1/v1/chat/completions", CHAT),
        ("/v1/chat/completions/", CHAT),
        ("/v1/chat/completion", CHAT),
        ("/V1/Chat/Completions", CHAT),
        ("/models", "/v1/models"),
        ("/v1/model", "/v1/models"),
        ("/openapi.yaml", "/openapi.json"),
    ] {
        let answer = gate
            .send(request(Method::POST, path).body(String::new()).unwrap())
            .await;

        assert_error(&answer, 404, "unknown_route");
        let message = answer.error_message().unwrap();
        assert!(
            message.contains(&format!("did you mean {nearest}?")),
            "{path}: {message}"
        );
    }
    for path in [
        "/wp-login.php",
        "/v1/messages",
        "/v1/embeddings",
        "/v1/responses",
        "/v1",
    ] {
        let far = gate
            .send(request(Method::GET, path).body(String::new()).unwrap())
            .await;
        assert_error(&far, 404, "unknown_route");
        let message = far.error_message().unwrap();
        assert!(!message.contains("did you mean"), "{message}");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let (_provider, gate) = stage(says("Hello")).await;
    for path in [
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/v1/models",
        "/v1/models/gpt-4o",
    ] {
        let get = gate
            .send(request(Method::GET, path).body(String::new()).unwrap())
            .await;
        let head = gate
            .send(request(Method::HEAD, path).body(String::new()).unwrap())
            .await;

        assert_eq!(
            (head.status, std::str::from_utf8(&head.body).unwrap()),
            (get.status, ""),
            "{path}"
        );
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert_eq!(
            head.header("content-length"),
            get.header("content-length"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_model_that_a_channel_names_is_in_the_list_and_in_the_document() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let channel = Channel::to(&provider).models(["my-own-model"]);
    let gate = setup().channel(channel).start().await;

    let document = gate.get("/openapi.json").await.json();
    let listed = gate.get("/v1/models").await.json();

    assert_eq!(listed["data"][0]["id"], "my-own-model");
    let models = &document["components"]["schemas"]["Request.general"]["properties"]["model"]["enum"];
    let models = models.as_array().expect("the models of a contract are named");
    assert!(models.iter().any(|model| model == "my-own-model"), "{models:?}");
}

#[tokio::test]
async fn a_model_that_is_not_there_is_told_the_nearest_ones() {
    let (_provider, gate) = stage(says("Hello")).await;

    let answer = gate.post(&question_with(json!({"model": "gpt-4p"}))).await;

    assert_error(&answer, 404, "model_not_found");
    assert_eq!(answer.error_param().as_deref(), Some("model"));
    assert!(answer.error_message().unwrap().contains("`gpt-4o`"), "{answer:?}");
}

#[tokio::test]
async fn a_model_without_a_channel_is_a_503_that_says_whose_turn_it_is() {
    let (_provider, gate) = stage(says("Hello")).await;

    let answer = gate.post(&question_with(json!({"model": "gpt-5"}))).await;

    assert_error(&answer, 503, "no_channel");
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn every_answer_has_two_request_ids_and_a_sane_one_of_the_client_is_kept() {
    let (_provider, gate) = stage(says("Hello")).await;
    let ask = async |id: Option<&str>| {
        let mut request = gate.chat_request(gate.key(), question().to_string());
        if let Some(id) = id {
            request.headers_mut().insert("x-request-id", id.parse().unwrap());
        }
        let answer = gate.send(request).await;
        let header = |name: &str| answer.header(name).unwrap().to_owned();
        (header("x-request-id"), header("x-tollgate-request-id"))
    };

    let (shown, own) = ask(Some("my-trace/42")).await;
    let (made, own_again) = ask(None).await;

    assert_eq!(shown, "my-trace/42");
    assert_ne!(
        own, "my-trace/42",
        "books must not go by what a client can repeat"
    );
    assert_eq!(made, own_again);
    assert_ne!(own, own_again);
    for insane in ["x".repeat(200), "two words".to_owned(), "tab\there".to_owned()] {
        let (shown, own) = ask(Some(&insane)).await;
        assert_eq!(shown, own, "{insane:?} is not repeated");
    }
    let refused = gate
        .send(request(Method::GET, "/nowhere").body(String::new()).unwrap())
        .await;
    assert!(
        refused.header("x-tollgate-request-id").is_some(),
        "an error has them too"
    );
}

#[tokio::test]
async fn browsers_may_call_the_api_and_nothing_else() {
    let (_provider, gate) = stage(says("Hello")).await;
    let preflight = async |path: &str| {
        let request = request(Method::OPTIONS, path)
            .header("origin", "https://app.example.com")
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization, content-type, x-stainless-os",
            );
        gate.send(request.body(String::new()).unwrap()).await
    };

    let asked = preflight(CHAT).await;
    let elsewhere = preflight("/healthz").await;
    let mut posted = gate.chat_request(gate.key(), question().to_string());
    posted
        .headers_mut()
        .insert("origin", "https://app.example.com".parse().unwrap());
    let posted = gate.send(posted).await;
    let mut refused = gate.chat_request("sk-wrong", question().to_string());
    refused
        .headers_mut()
        .insert("origin", "https://app.example.com".parse().unwrap());
    let refused = gate.send(refused).await;

    assert_eq!(asked.status, 200);
    assert_eq!(asked.header("access-control-allow-origin"), Some("*"));
    let headers = asked.header("access-control-allow-headers").unwrap();
    assert!(
        headers.contains("authorization") && headers.contains("x-stainless-os"),
        "{headers}"
    );
    assert!(
        asked
            .header("access-control-allow-methods")
            .unwrap()
            .contains("POST")
    );
    assert_eq!(elsewhere.header("access-control-allow-origin"), None);
    assert_eq!(posted.header("access-control-allow-origin"), Some("*"));
    let exposed = posted.header("access-control-expose-headers").unwrap();
    assert!(
        ["x-request-id", "retry-after", "retry-after-ms", "x-should-retry"]
            .into_iter()
            .all(|name| exposed.split(',').any(|exposed| exposed.trim() == name)),
        "{exposed}"
    );
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.header("access-control-allow-origin"),
        Some("*"),
        "a page must be able to read the error"
    );
}

#[tokio::test]
async fn an_operator_may_name_the_origins() {
    let provider = FakeProvider::start().await;
    let gate = setup()
        .server("cors_origins = [\"https://app.example.com\"]")
        .channel(Channel::to(&provider).models([MODEL]))
        .start()
        .await;
    let allowed = async |origin: &str| {
        let mut request = gate.chat_request(gate.key(), question().to_string());
        request.headers_mut().insert("origin", origin.parse().unwrap());
        let answer = gate.send(request).await;
        answer.header("access-control-allow-origin").map(str::to_owned)
    };

    assert_eq!(
        allowed("https://app.example.com").await.as_deref(),
        Some("https://app.example.com")
    );
    assert_eq!(allowed("https://evil.example.com").await, None);
}

#[tokio::test]
async fn headers_have_a_bound() {
    let (_provider, gate) = stage(says("Hello")).await;
    let long = |kib: usize| format!("x-long: {}\r\n", "x".repeat(kib * 1024));
    let many = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    for (headers, says) in [
        (long(65), "headers_too_large"),
        // What nobody can read to its end gets no more than a status.
        (long(600), ""),
        (many, ""),
    ] {
        let mut raw = gate.raw().await;
        raw.write(
            format!("GET /healthz HTTP/1.1\r\nhost: gate\r\nconnection: close\r\n{headers}\r\n").as_bytes(),
        )
        .await;

        let answer = String::from_utf8_lossy(&raw.read_to_end().await).into_owned();

        assert!(answer.starts_with("HTTP/1.1 431"), "{answer:?}");
        assert!(answer.contains(says), "{answer:?}");
    }
    assert_eq!(gate.get("/healthz").await.status, 200, "the gate goes on");
}

#[tokio::test]
async fn bytes_that_are_no_http_end_the_connection_and_nothing_else() {
    let (_provider, gate) = stage(says("Hello")).await;
    let chat = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n",
        gate.key()
    );
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"NONSENSE\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"\r\n\r\n\r\n\0\0\0\0\r\n\r\n".to_vec(),
        format!("{chat}content-length: 5\r\ncontent-length: 50\r\n\r\n{{}}").into_bytes(),
        format!("{chat}content-length: -1\r\n\r\n{{}}").into_bytes(),
        format!("{chat}transfer-encoding: chunked\r\n\r\nZZ\r\n{{}}\r\n0\r\n\r\n").into_bytes(),
        format!("{chat}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n").into_bytes(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\0".to_vec(),
    ] {
        let mut raw = gate.raw().await;
        raw.write(&bytes).await;
        let answer = raw.read_until(b"\r\n\r\n", Duration::from_secs(1)).await;

        let shown = String::from_utf8_lossy(&answer);
        assert!(
            !shown.starts_with("HTTP/1.1 5") && !shown.starts_with("HTTP/1.1 2"),
            "{bytes:?}: {shown}"
        );
    }
    assert_eq!(gate.post(&question()).await.text(), "Hello", "the gate goes on");
}

#[tokio::test]
async fn two_framings_of_one_body_are_not_two_requests() {
    let (provider, gate) = stage(says("Hello")).await;
    let body = question().to_string();
    let smuggled = format!("GET /healthz HTTP/1.1\r\nhost: gate\r\nx: {body}\r\n\r\n");
    let mut raw = gate.raw().await;
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}",
        gate.key(),
        smuggled.len() + 5,
    );
    raw.write(head.as_bytes()).await;

    let answer = raw.read_until(b"\"ok\"", Duration::from_secs(1)).await;

    let shown = String::from_utf8_lossy(&answer);
    assert!(
        !shown.contains("\"ok\""),
        "the body's rest was read as a request: {shown}"
    );
    assert!(provider.requests().is_empty());
}

#[tokio::test]
async fn requests_on_one_connection_are_answered_in_their_order() {
    let (provider, gate) = stage(says("Hello")).await;
    provider.always(answers(
        json!({"choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}]}),
    ));
    let mut raw = gate.raw().await;
    let body = question().to_string();
    let one = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        gate.key(),
        body.len()
    );
    let last = "GET /healthz HTTP/1.1\r\nhost: gate\r\nconnection: close\r\n\r\n";
    raw.write(format!("{one}{one}{last}").as_bytes()).await;

    let answer = String::from_utf8(raw.read_to_end().await).unwrap();

    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 3, "{answer}");
    assert!(answer.ends_with(r#"{"status":"ok"}"#), "{answer}");
}
