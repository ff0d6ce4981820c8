//! What is paid for media in calls that nobody counted.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::Channel,
    provider::{FakeProvider, accepts_and_says_nothing, chunk, decides, streams_events, usage_chunk},
};

use crate::{
    credit::{eventually, run},
    stage::{MODEL, get_from_admin, question_to, setup, stage_of, with},
};

/// The question with so many images beside it: 1,334 tokens each, as the gate estimates them.
fn question_with_images(model: &str, images: usize) -> Value {
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}});
    let mut parts = vec![json!({"type": "text", "text": "What is there?"})];
    parts.extend(vec![image; images]);
    with(
        question_to(model),
        json!({"messages": [{"role": "user", "content": parts}]}),
    )
}

#[tokio::test]
async fn a_call_that_its_client_left_costs_the_operator_its_images_too() {
    let provider = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let prices = format!(r#"{{ {MODEL} = {{ input = "2.5", output = "10" }} }}"#);
    let channel = Channel::to(&provider).models([MODEL]).set("prices", &prices);
    let gate = setup()
        .channel(channel)
        .config("[limits]\nabandoned_max = 0")
        .start()
        .await;

    let question = question_with_images(MODEL, 60);
    let asked = gate.post(&question);
    tokio::select! {
        _ = asked => panic!("the provider says nothing"),
        _ = provider.received(1) => tokio::time::sleep(Duration::from_millis(100)).await,
    }

    let cost = async || {
        let usage: Value =
            serde_json::from_str(&run(&gate, &["usage", "--by", "key", "--json"]).await).unwrap();
        usage[0]["cost"].clone()
    };
    // 60 × 1,334, 14 bytes of text, and what is around a message.
    eventually(json!("0.20012"), cost).await;
}

#[tokio::test]
async fn of_several_choices_one_that_is_not_counted_is_estimated_with_its_images() {
    // Moonshot gives one choice a request.
    let model = "kimi-k2.5";
    let (provider, gate) = stage_of("moonshot", model).await;
    let asked = AtomicUsize::new(0);
    provider.always(decides(move |_| {
        let said = chunk(json!({"content": "Hello"}), None);
        let last = chunk(json!({}), Some("stop"));
        match asked.fetch_add(1, Ordering::Relaxed) {
            0 => streams_events([said, last, usage_chunk(2_000, 10)]),
            _ => streams_events([said, last]),
        }
    }));
    let request = with(
        question_with_images(model, 2),
        json!({"n": 2, "stream": true, "stream_options": {"include_usage": true}}),
    );

    let answer = gate.stream(&request).await;

    let id = answer
        .header("x-tollgate-request-id")
        .expect("every answer has an ID");
    let told = get_from_admin(&gate, &format!("/admin/v1/requests/{id}"))
        .await
        .json();
    // 2,000 were counted; 2 × 1,334, 4 and 4 are an estimate.
    assert_eq!(told["answer"]["usage"]["prompt_tokens"], 4_676, "{told}");
}
