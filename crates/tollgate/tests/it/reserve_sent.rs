//! What `--reserve full` holds for a prompt is what goes to the provider, also where that is more than the client sent.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Answer, Channel, Gate},
    provider::{FakeProvider, Script, Tokens, Turn, answer, answers, speaks},
};

use crate::{
    credit::{balance, eventually, full_key},
    stage::{get_from_admin, question_to, setup, with},
};

/// Tokens of a long thought, and its bytes.
const LONG: u64 = 50_000;

/// A gate that serves `model` for $1 a million tokens, and a key that holds the most, with so much credit.
async fn stage(preset: &str, model: &str, script: Script, dollars: &str) -> (FakeProvider, Gate, String) {
    stage_with(preset, model, script, dollars, "").await
}

/// The same, with further tables in the configuration.
async fn stage_with(
    preset: &str,
    model: &str,
    script: Script,
    dollars: &str,
    tables: &str,
) -> (FakeProvider, Gate, String) {
    let provider = FakeProvider::start_with(script).await;
    let prices = format!(r#"{{ "{model}" = {{ input = "1", output = "1" }} }}"#);
    let channel = Channel::of(preset, &provider)
        .models([model])
        .set("prices", &prices);
    let gate = setup().channel(channel).config(tables).start().await;
    let key = full_key(&gate, dollars).await;
    (provider, gate, key)
}

fn long_thought() -> String {
    "x".repeat(LONG as usize)
}

/// A turn that thinks at length and then calls a tool, of 100 and 400 tokens.
fn thinks_and_calls(preset: &str) -> Script {
    if preset == "deepseek" {
        let mut said = answer("");
        let call =
            json!({"id": "call-1", "type": "function", "function": {"name": "weather", "arguments": "{}"}});
        said["choices"][0]["message"] = json!({"role": "assistant", "content": "", "reasoning_content": long_thought(), "tool_calls": [call]});
        said["choices"][0]["finish_reason"] = "tool_calls".into();
        said["usage"] = json!({"prompt_tokens": 100, "completion_tokens": 400, "total_tokens": 500});
        return answers(said);
    }
    let turn = Turn::new()
        .thinks([long_thought().as_str()])
        .signed("c2lnbmVk")
        .calls("call-1", "weather", json!({}));
    speaks(turn.took(Tokens {
        fresh: 100,
        answer: 400,
        ..Tokens::default()
    }))
}

/// What counts a token for each byte of the thought.
fn counts_the_thought() -> Script {
    speaks(Turn::new().says(["Sunny"]).took(Tokens {
        fresh: LONG + 150,
        answer: 8,
        ..Tokens::default()
    }))
}

fn with_tool(model: &str, parameters: Value) -> Value {
    let tool = json!({"type": "function", "function": {"name": "weather", "parameters": parameters}});
    with(question_to(model), json!({"tools": [tool], "max_tokens": 16}))
}

/// The next turn, as clients send it: the call and its result, without a thought.
fn next_turn(first: &Value, told: &Answer) -> Value {
    let call = told.json()["choices"][0]["message"]["tool_calls"][0].clone();
    assert!(call["id"].is_string(), "{told:?}");
    let mut next = first.clone();
    let messages = next["messages"].as_array_mut().unwrap();
    let result = json!({"role": "tool", "tool_call_id": call["id"], "content": "31 degrees"});
    messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
    messages.push(result);
    next
}

async fn story(gate: &Gate, answer: &Answer) -> Value {
    let id = answer.header("x-tollgate-request-id").unwrap();
    let told = get_from_admin(gate, &format!("/admin/v1/requests/{id}")).await;
    told.json().clone()
}

async fn bill(gate: &Gate, answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    story(gate, answer).await["bill"].clone()
}

/// At $1 a million tokens, a token at least is held for each byte that was sent.
fn assert_all_is_held(bill: &Value, provider: &FakeProvider) {
    let held: f64 = bill["held"].as_str().unwrap().parse().unwrap();
    let sent = provider.requests().last().unwrap().body.len();
    assert!(held * 1_000_000.0 >= sent as f64, "{sent} bytes\n{bill}");
    assert_eq!(bill["overrun"], Value::Null, "{bill}");
}

#[tokio::test]
async fn thoughts_that_the_gate_puts_back_are_held_for() {
    for (preset, model, members) in [
        ("deepseek", "deepseek-v4-flash", json!({})),
        (
            "anthropic",
            "claude-sonnet-4-6",
            json!({"reasoning_effort": "high", "max_tokens": 2_000}),
        ),
    ] {
        let (provider, gate, key) = stage(preset, model, thinks_and_calls(preset), "1").await;
        let first = with(with_tool(model, json!({"type": "object"})), members);
        let told = gate.post_with(&key, &first).await;
        provider.always(counts_the_thought());

        let answer = gate.post_with(&key, &next_turn(&first, &told)).await;

        let sent = provider.requests().last().unwrap().body.len() as u64;
        assert!(sent > LONG, "{model}: the thought goes back");
        assert_all_is_held(&bill(&gate, &answer).await, &provider);
    }
}

#[tokio::test]
async fn turns_with_kept_thoughts_never_spend_more_than_there_is() {
    let model = "deepseek-v4-flash";
    // Enough for the first turn, and for one of those after it.
    let (provider, gate, key) = stage("deepseek", model, thinks_and_calls("deepseek"), "0.07").await;
    let first = with_tool(model, json!({"type": "object"}));
    let told = gate.post_with(&key, &first).await;
    eventually("0.0695".to_owned(), async || balance(&gate).await).await;
    provider.always(counts_the_thought());
    let next = next_turn(&first, &told);

    let answers = join_all((0..8).map(|_| gate.post_with(&key, &next))).await;

    let served = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(served, 1, "{answers:?}");
    eventually("0.019342".to_owned(), async || balance(&gate).await).await;
}

#[tokio::test]
async fn references_that_the_gate_writes_out_are_held_for() {
    // given eight levels of which each is twice in the one above it
    let both = |level: usize| {
        let next = format!("#/$defs/L{}", level + 1);
        json!({"type": "object", "properties": {"a": {"$ref": next}, "b": {"$ref": next}}})
    };
    let mut schema = json!({"type": "object", "properties": {"r": {"$ref": "#/$defs/L0"}}, "$defs": {}});
    for level in 0..8 {
        schema["$defs"][format!("L{level}")] = both(level);
    }
    schema["$defs"]["L8"] = json!({"type": "string"});
    let model = "gemini-2.0-flash";
    let script = speaks(Turn::new().says(["Sunny"]));
    let (provider, gate, key) = stage("gemini", model, script, "1").await;
    let asked = with_tool(model, schema);

    let answer = gate.post_with(&key, &asked).await;

    let sent = provider.requests().last().unwrap().body.len();
    assert!(
        sent > 5 * asked.to_string().len(),
        "{sent} bytes: they are written out"
    );
    assert_all_is_held(&bill(&gate, &answer).await, &provider);
}

#[tokio::test]
async fn what_chat_providers_are_told_in_words_is_held_for() {
    let model = "deepseek-v4-flash";
    let script = speaks(Turn::new().says([r#"["aaaa"]"#]));
    let (provider, gate, key) = stage("deepseek", model, script, "10").await;
    // Each quote is two bytes within a text.
    let words: Vec<String> = (0..8_000).map(|number| format!("{number:04x}")).collect();
    let schema = json!({"type": "array", "items": {"anyOf": [{"enum": words}, {"type": "string"}]}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "words", "schema": schema}});
    let asked = with(
        question_to(model),
        json!({"response_format": format, "max_tokens": 16}),
    );

    let answer = gate.post_with(&key, &asked).await;

    let sent = provider.requests().last().unwrap().body.len();
    let asked = asked.to_string().len();
    assert!(sent > asked + 8_000, "{sent} bytes for {asked}");
    assert_all_is_held(&bill(&gate, &answer).await, &provider);
}

#[tokio::test]
async fn what_is_translated_before_a_request_is_let_in_counts_against_the_memory() {
    let model = "claude-sonnet-4-6";
    let script = speaks(Turn::new().says(["Hello"]));
    let small = "[limits]\nbuffered_mb = 1\nrequest_body_mb = 1\nanswer_mb = 1\n";
    let (provider, gate, key) = stage_with("anthropic", model, script, "10", small).await;
    let mut large = with(question_to(model), json!({"max_tokens": 16}));
    large["messages"][0]["content"] = "x".repeat(600 * 1024).into();

    let refused = gate.post_with(&key, &large).await;

    assert_eq!(
        (refused.status, refused.error_code().as_deref()),
        (503, Some("overloaded"))
    );
    let attempts = story(&gate, &refused).await["attempts"].clone();
    assert_eq!(attempts, json!([]), "it was not let in");
    assert!(provider.requests().is_empty());
    large["messages"][0]["content"] = "x".repeat(400 * 1024).into();
    for _ in 0..3 {
        assert_eq!(
            gate.post_with(&key, &large).await.status,
            200,
            "each gives back what it took"
        );
    }
}
