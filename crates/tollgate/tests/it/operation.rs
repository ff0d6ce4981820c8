//! What operators rely on: health, metrics, lists, and bounds that hold under load. How a gate starts,
//! reloads and ends is in `serve`.

use std::time::Duration;

use http::{Method, Request};
use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Answer, Channel, Gate},
    provider::{FakeProvider, accepts_and_says_nothing, decides, fails, says, streams},
};

use crate::stage::{MODEL, get_from_admin, question, question_with, setup, stage, stage_with};

async fn get(gate: &Gate, path: &str) -> Answer {
    gate.send(Request::get(path).body(String::new()).unwrap()).await
}

#[tokio::test]
async fn a_gate_with_a_channel_is_alive_and_ready_on_both_listeners() {
    let (_provider, gate) = stage(says("Hello")).await;

    for answer in [
        get(&gate, "/healthz").await,
        get(&gate, "/readyz").await,
        get_from_admin(&gate, "/healthz").await,
        get_from_admin(&gate, "/readyz").await,
    ] {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn a_gate_that_cannot_answer_is_alive_and_says_what_it_lacks() {
    let no_model = setup().start().await;
    let no_sandbox = setup().config("[sandbox]\nenabled = false\n").start().await;

    for (gate, told) in [
        (no_model, "tollgate models pull"),
        (no_sandbox, "the sandbox is off"),
    ] {
        let ready = get(&gate, "/readyz").await;
        assert_eq!((get(&gate, "/healthz").await.status, ready.status), (200, 503));
        assert!(
            ready.json()["missing"][0].as_str().unwrap().contains(told),
            "{ready:?}"
        );
    }
}

#[tokio::test]
async fn what_happened_is_counted() {
    let (provider, gate) = stage(says("Hello")).await;
    gate.post(&question()).await;
    gate.stream(&question()).await;
    gate.post(&question_with(json!({"temperature": 9}))).await;
    provider.always(fails(500, "", "boom"));
    gate.post(&question()).await;

    let metrics = get_from_admin(&gate, "/metrics").await;

    assert!(metrics.header("content-type").unwrap().starts_with("text/plain"));
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    for line in [
        "tollgate_requests_total{outcome=\"ok\"} 2",
        "tollgate_requests_total{outcome=\"provider_error\"} 1",
        "tollgate_attempts_total{channel=\"fake\",model=\"gpt-4o\",outcome=\"provider_error\"} 1",
        "tollgate_attempts_total{outcome=\"ok\",channel=\"fake\",model=\"gpt-4o\"} 2",
        "tollgate_tokens_total{class=\"prompt\",channel=\"fake\",model=\"gpt-4o\"} 18",
        "tollgate_requests_in_flight 0",
        "tollgate_request_duration_seconds_count 3",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert_eq!(
        get(&gate, "/metrics").await.status,
        404,
        "they are the operator's"
    );
    assert_eq!(get_from_admin(&gate, "/metric").await.status, 404);
}

#[tokio::test]
async fn a_client_that_goes_and_a_request_under_way_are_counted() {
    let (provider, gate) = stage(streams(["Hel"]).then_stalls()).await;
    let mut open = gate.open_stream(&question()).await;
    open.next_event().await.unwrap();
    let metrics = async || String::from_utf8(get_from_admin(&gate, "/metrics").await.body.to_vec()).unwrap();
    let during = metrics().await;

    drop(open);
    provider.cancelled().await;
    gate.logged("client_gone").await;
    let after = metrics().await;

    assert!(during.contains("tollgate_requests_in_flight 1"), "{during}");
    assert!(after.contains("tollgate_requests_in_flight 0"), "{after}");
    assert!(
        after.contains("tollgate_requests_total{outcome=\"client_gone\"} 1"),
        "{after}"
    );
}

#[tokio::test]
async fn what_can_be_called_is_listed_in_the_pages_form() {
    let provider = FakeProvider::start().await;
    let gate = setup()
        .channel(Channel::to(&provider).models([MODEL, "a-model-of-my-own"]))
        .start()
        .await;

    let list = gate.get("/v1/models").await.json();
    let one = gate.get("/v1/models/gpt-4o").await;
    let unserved = gate.get("/v1/models/gpt-5").await;
    let unknown = gate.get("/v1/models/gpt-99").await;

    assert_eq!(list["object"], "list");
    let models = list["data"].as_array().unwrap();
    let ids: Vec<&str> = models.iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [MODEL, "a-model-of-my-own"]);
    for model in models {
        let names: Vec<&String> = model.as_object().unwrap().keys().collect();
        assert_eq!(
            names,
            ["id", "object", "created", "owned_by", "supported_endpoint_types"]
        );
        assert_eq!(model["object"], "model");
        assert!(model["created"].is_u64() && model["supported_endpoint_types"].is_array());
    }
    assert_eq!((one.status, one.json()), (200, models[0].clone()));
    for missing in [unserved, unknown] {
        assert_eq!(
            (missing.status, missing.error_code().as_deref()),
            (404, Some("model_not_found"))
        );
    }
}

#[tokio::test]
async fn with_the_sandbox_on_the_whole_catalogue_is_listed() {
    let gate = setup().start().await;

    let list = gate.get("/v1/models").await.json();

    let ids: Vec<&str> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    for id in crate::pages::MODELS {
        assert!(ids.contains(&id), "{id}");
    }
    assert!(ids.len() >= 72, "{} models", ids.len());
}

#[tokio::test]
async fn the_contract_is_published_without_a_key() {
    let (_provider, gate) = stage(says("Hello")).await;

    let answer = get(&gate, "/openapi.json").await;

    let document = answer.json();
    assert_eq!(answer.status, 200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"]["/v1/chat/completions"]["post"].is_object());
    let text = document.to_string();
    for model in crate::pages::MODELS {
        assert!(text.contains(model), "{model}");
    }
}

#[tokio::test]
async fn beyond_the_bound_of_requests_at_once_is_a_503_with_a_time_to_come_back() {
    let stalls = streams(["Hel"]).then_stalls();
    let (provider, gate) = stage_with(stalls, |channel| channel, "[limits]\nmax_in_flight = 2\n").await;
    let mut first = gate.open_stream(&question()).await;
    first.next_event().await.unwrap();
    let mut second = gate.open_stream(&question()).await;
    second.next_event().await.unwrap();

    let third = gate.post(&question()).await;
    let health = get(&gate, "/healthz").await;
    drop(first);
    provider.cancelled().await;
    provider.always(says("Hello"));
    let fourth = gate.post(&question()).await;

    assert_eq!(
        (third.status, third.error_code().as_deref()),
        (503, Some("overloaded"))
    );
    assert_eq!(third.header("retry-after"), Some("1"));
    assert_eq!(health.status, 200, "a gate that is full is not dead");
    assert_eq!(fourth.status, 200);
}

const SMALL_MEMORY: &str = "[limits]\nbuffered_mb = 1\nrequest_body_mb = 1\nanswer_mb = 1\n";

fn large_question() -> Value {
    question_with(json!({"user": "x".repeat(600 * 1024)}))
}

#[tokio::test]
async fn beyond_the_memory_for_bodies_is_a_503_and_it_is_given_back() {
    let (provider, gate) = stage_with(accepts_and_says_nothing(), |channel| channel, SMALL_MEMORY).await;
    let body = large_question().to_string();
    let mut waiting = gate.raw().await;
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        gate.key(),
        body.len()
    );
    waiting.write(head.as_bytes()).await;
    waiting.write(body.as_bytes()).await;
    provider.received(1).await;

    let refused = gate.post(&large_question()).await;
    drop(waiting);
    gate.logged("client_gone").await;
    provider.always(says("Hello"));

    assert_eq!(
        (refused.status, refused.error_code().as_deref()),
        (503, Some("overloaded"))
    );
    assert!(refused.header("retry-after").is_some());
    for _ in 0..5 {
        assert_eq!(
            gate.post(&large_question()).await.status,
            200,
            "each gives back what it took"
        );
    }
}

#[tokio::test]
async fn answers_that_are_held_count_against_the_same_memory() {
    let long = "x".repeat(900 * 1024);
    let large = says(&long);
    let both = decides(move |request| {
        if request.wants_stream() {
            accepts_and_says_nothing()
        } else {
            large.clone()
        }
    });
    let (provider, gate) = stage_with(both, |channel| channel, SMALL_MEMORY).await;
    let body = large_question();
    let waiting = gate.open_stream(&body);
    let answer = async {
        provider.received(1).await;
        gate.post(&question()).await
    };

    let answer = tokio::select! {
        answer = answer => answer,
        _ = waiting => panic!("the provider says nothing"),
    };

    assert_eq!(
        (answer.status, answer.error_code().as_deref()),
        (503, Some("overloaded"))
    );
}

#[tokio::test]
async fn many_requests_at_once_are_all_answered() {
    let (_provider, gate) = stage(streams(["Hel", "lo"]).pauses(Duration::from_millis(20))).await;
    let asked = question();

    let all = (0..64).map(|_| gate.stream(&asked));
    let answers = join_all(all).await;

    assert!(
        answers
            .iter()
            .all(|answer| answer.text() == "Hello" && answer.has_done())
    );
}

/// Runs all of them at once on this task.
async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut ready = true;
        for (future, output) in &mut running {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => ready = false,
                }
            }
        }
        if ready {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}

#[tokio::test]
async fn channels_of_one_priority_share_by_weight() {
    let light = FakeProvider::start().await;
    let heavy = FakeProvider::start().await;
    let gate = setup()
        .channel(
            Channel::to(&light)
                .named("light")
                .models([MODEL])
                .set("weight", "1"),
        )
        .channel(
            Channel::to(&heavy)
                .named("heavy")
                .models([MODEL])
                .set("weight", "3"),
        )
        .start()
        .await;

    for _ in 0..80 {
        gate.post(&question()).await;
    }

    let (light, heavy) = (light.requests().len(), heavy.requests().len());
    assert_eq!(light + heavy, 80);
    assert!((10..=30).contains(&light), "1 of 4 is 20, and it had {light}");
}

#[tokio::test]
async fn a_channel_that_is_switched_off_is_not_asked() {
    let off = FakeProvider::start().await;
    let on = FakeProvider::start().await;
    let gate = setup()
        .channel(
            Channel::to(&off)
                .named("off")
                .models([MODEL])
                .set("enabled", "false"),
        )
        .channel(Channel::to(&on).named("on").models([MODEL]))
        .start()
        .await;

    for _ in 0..5 {
        gate.post(&question()).await;
    }

    assert_eq!((off.requests().len(), on.requests().len()), (0, 5));
}

#[tokio::test]
async fn an_answer_says_which_channel_gave_it_and_how_it_is_to_be_read() {
    let (_provider, gate) = stage(says("Hello")).await;

    let whole = gate.post(&question()).await;
    let stream = gate.stream(&question()).await;

    assert_eq!(whole.header("content-type"), Some("application/json"));
    assert_eq!(whole.header("x-tollgate-channel"), Some("fake"));
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache"),
        ("x-accel-buffering", "no"),
        ("x-tollgate-channel", "fake"),
    ] {
        assert_eq!(stream.header(name), Some(value), "{name}");
    }
    let head = gate
        .send(
            Request::builder()
                .method(Method::HEAD)
                .uri("/healthz")
                .body(String::new())
                .unwrap(),
        )
        .await;
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn models_of_channels_alone_are_in_the_contract_of_who_may_call_them() {
    let provider = FakeProvider::start().await;
    let gate = setup()
        .channel(Channel::to(&provider).models([MODEL, "house-secret", "house-open"]))
        .start()
        .await;
    let all = gate.key().to_owned();
    let some = gate
        .create_key(&["--name", "some", "--models", "gpt-4o,house-open"])
        .await;
    let elsewhere = gate
        .create_key(&["--name", "elsewhere", "--not-channels", "fake"])
        .await;
    let named = async |key: Option<&str>| {
        let mut request = Request::get("/openapi.json");
        if let Some(key) = key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let answer = gate.send(request.body(String::new()).unwrap()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(text.contains(MODEL), "the catalogue is for anybody");
        ["house-secret", "house-open"].map(|model| text.contains(model))
    };

    assert_eq!(named(None).await, [false, false]);
    assert_eq!(named(Some("sk-of-nobody")).await, [false, false]);
    assert_eq!(named(Some(&elsewhere)).await, [false, false]);
    assert_eq!(named(Some(&some)).await, [false, true]);
    assert_eq!(named(Some(&all)).await, [true, true]);
}
