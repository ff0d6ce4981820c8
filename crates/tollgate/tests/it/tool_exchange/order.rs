//! What a turn was made of comes back as it was: every block, in its order, with its signature.

use serde_json::{Value, json};
use tollgate_testkit::provider::{FakeProvider, Turn, speaks};

use super::{
    CLAUDE, GEMINI, SIGNATURE, THINKERS, asked, continued, last_sent, plain, question, weather_after,
};
use crate::stage::{gate_to, question_to, with};

#[tokio::test]
async fn every_block_of_a_turn_comes_back_byte_for_byte_and_in_its_order() {
    let (preset, model) = CLAUDE;
    let turn = Turn::new()
        .thinks([])
        .signed("signature-only==")
        .thinks_in_secret("RW5jcnlwdGVkIQ==")
        .thinks(["Zwei\nZeilen — \"quoted\" \\ 🜁"])
        .signed("second/+==")
        .says(["Let me see."])
        .calls("call-1", "weather", json!({}))
        .calls("call-2", "weather", json!({}));
    let provider = FakeProvider::start_with(weather_after(turn)).await;
    let gate = gate_to(&provider, preset, model).await;
    for stream in [false, true] {
        let first = asked(&gate, &question(model), stream).await;
        let assistant = with(plain(first.tool_calls()), json!({"content": first.text()}));

        asked(&gate, &continued(question(model), assistant), stream).await;

        let sent = last_sent(&provider);
        let blocks = sent["messages"][1]["content"].as_array().unwrap();
        let expected = json!([
            {"type": "thinking", "thinking": "", "signature": "signature-only=="},
            {"type": "redacted_thinking", "data": "RW5jcnlwdGVkIQ=="},
            {"type": "thinking", "thinking": "Zwei\nZeilen — \"quoted\" \\ 🜁", "signature": "second/+=="},
            {"type": "text", "text": "Let me see."}
        ]);
        assert_eq!(Value::from(&blocks[..4]), expected, "stream: {stream}");
        assert_eq!(blocks.len(), 6, "two calls follow");
    }
}

#[tokio::test]
async fn texts_thoughts_and_calls_of_a_turn_come_back_in_the_order_in_which_they_came() {
    for (preset, model) in [CLAUDE, THINKERS[3]] {
        let turn = Turn::new()
            .thinks(["One."])
            .signed("c2lnbmVkIG9uZQ==")
            .calls("call-1", "weather", json!({"city": "Lisbon"}))
            .thinks(["Two."])
            .signed("c2lnbmVkIHR3bw==")
            .says(["And the", " other."])
            .calls("call-2", "weather", json!({"city": "Porto"}));
        let provider = FakeProvider::start_with(weather_after(turn)).await;
        let gate = gate_to(&provider, preset, model).await;
        for stream in [false, true] {
            let first = asked(&gate, &question(model), stream).await;
            let assistant = with(plain(first.tool_calls()), json!({"content": first.text()}));

            asked(&gate, &continued(question(model), assistant), stream).await;

            let sent = last_sent(&provider).to_string();
            let words = [
                "c2lnbmVkIG9uZQ==",
                "Lisbon",
                "c2lnbmVkIHR3bw==",
                "And the other.",
                "Porto",
            ];
            let places: Vec<_> = words.iter().map(|word| sent.find(word)).collect();
            assert!(
                places.iter().all(Option::is_some) && places.is_sorted(),
                "{model}: {sent}"
            );
        }
    }
}

#[tokio::test]
async fn a_signature_of_text_comes_back_although_nothing_names_it() {
    let (preset, model) = GEMINI;
    let turn = Turn::new().thinks(["Hm."]).says(["Hel", "lo."]).signed(SIGNATURE);
    let provider = FakeProvider::start_with(speaks(turn)).await;
    let gate = gate_to(&provider, preset, model).await;
    for stream in [false, true] {
        let first = asked(&gate, &question_to(model), stream).await;
        let mut request = question_to(model);
        let messages = request["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "assistant", "content": first.text()}));
        messages.push(json!({"role": "user", "content": "Go on."}));

        asked(&gate, &request, stream).await;

        let sent = last_sent(&provider);
        assert!(sent["contents"][1].to_string().contains(SIGNATURE), "{sent:#}");
    }
}

#[tokio::test]
async fn an_image_that_comes_back_has_its_signature() {
    const DRAWS: &str = "gemini-3.1-flash-image-preview";
    let turn = Turn::new()
        .draws("image/gif", "R0lGODlhAQABAAAAACw=")
        .signed(SIGNATURE);
    let provider = FakeProvider::start_with(speaks(turn)).await;
    let gate = gate_to(&provider, "gemini", DRAWS).await;
    for stream in [false, true] {
        let first = asked(&gate, &question_to(DRAWS), stream).await;
        let images: Vec<Value> = first
            .images()
            .iter()
            .map(|url| json!({"type": "image_url", "image_url": {"url": url}}))
            .collect();
        let mut request = question_to(DRAWS);
        let messages = request["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "assistant", "content": "", "images": images}));
        messages.push(json!({"role": "user", "content": "Now in blue."}));

        asked(&gate, &request, stream).await;

        let parts = &last_sent(&provider)["contents"][1]["parts"];
        assert_eq!(
            parts[0]["inlineData"]["data"], "R0lGODlhAQABAAAAACw=",
            "{parts:#}"
        );
        assert_eq!(parts[0]["thoughtSignature"], SIGNATURE, "{parts:#}");
    }
}
