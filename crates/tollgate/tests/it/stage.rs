//! The gate and the requests that most tests start from.

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate, GateSetup},
    provider::{FakeProvider, Script},
};

/// A model of the general contract.
pub const MODEL: &str = "gpt-4o";

/// A gate without channels.
pub fn setup() -> GateSetup {
    GateSetup::of(env!("CARGO_BIN_EXE_tollgate"))
}

/// A fake provider that follows `script`, and a gate in front of it that serves [`MODEL`].
pub async fn stage(script: Script) -> (FakeProvider, Gate) {
    stage_with(script, |channel| channel, "").await
}

/// As [`stage`], with the channel changed and further tables in the configuration.
pub async fn stage_with(
    script: Script,
    change: impl FnOnce(Channel) -> Channel,
    tables: &str,
) -> (FakeProvider, Gate) {
    let provider = FakeProvider::start_with(script).await;
    let channel = change(Channel::to(&provider).models([MODEL]));
    let gate = setup().channel(channel).config(tables).start().await;
    (provider, gate)
}

/// A fake provider behind a channel of this preset, and a gate in front of it that serves `model` there.
pub async fn stage_of(preset: &str, model: &'static str) -> (FakeProvider, Gate) {
    let provider = FakeProvider::start().await;
    let channel = Channel::to(&provider)
        .named(preset)
        .provider(preset)
        .models([model]);
    let gate = setup().channel(channel).start().await;
    (provider, gate)
}

/// A plain question to [`MODEL`].
pub fn question() -> Value {
    question_to(MODEL)
}

/// A plain question to a model.
pub fn question_to(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "Hello!" }] })
}

/// The question with these members added or changed.
pub fn question_with(members: Value) -> Value {
    with(question(), members)
}

/// A request with these members added or changed.
pub fn with(mut request: Value, members: Value) -> Value {
    let Value::Object(members) = members else {
        panic!("members come as an object")
    };
    for (name, value) in members {
        request[name] = value;
    }
    request
}
