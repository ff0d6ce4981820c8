//! The gate and the requests that most tests start from.

use http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_testkit::{
    gate::{Answer, Channel, Gate, GateSetup},
    provider::{FakeProvider, Script, Turn, speaks},
};

/// A model of the general contract.
pub const MODEL: &str = "gpt-4o";

/// A model that thinks of each protocol beside chat completions, behind the preset of its provider.
pub const SPEAKERS: [(&str, &str); 3] = [
    ("anthropic", "claude-sonnet-4-6"),
    ("gemini", "gemini-3-flash-preview"),
    ("openai", "gpt-5-3-codex"),
];

/// A gate without channels.
pub fn setup() -> GateSetup {
    GateSetup::of(env!("CARGO_BIN_EXE_tollgate"))
}

/// A gate without channels that knows these models too, as a file of the catalogue has them. The folder holds it; every
/// command reads it.
pub fn setup_with_models(models: &str) -> (GateSetup, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("own.toml");
    std::fs::write(&file, models).expect("a file in our own folder");
    let config = format!("[catalog]\nfiles = [\"{}\"]\n", file.display());
    (setup().config(&config), folder)
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
/// The provider speaks the preset's protocol and says "Hello".
pub async fn stage_of(preset: &str, model: &str) -> (FakeProvider, Gate) {
    let provider = FakeProvider::start_with(speaks(Turn::new().says(["Hello"]))).await;
    let gate = gate_to(&provider, preset, model).await;
    (provider, gate)
}

/// A gate that serves `model` over a channel of this preset.
pub async fn gate_to(provider: &FakeProvider, preset: &str, model: &str) -> Gate {
    let channel = Channel::of(preset, provider).models([model]);
    setup().channel(channel).start().await
}

/// The same, reading on nothing whose client has gone, also where the provider bills on.
pub async fn cancelling_gate_to(provider: &FakeProvider, preset: &str, model: &str) -> Gate {
    let channel = Channel::of(preset, provider).models([model]);
    let limits = "[limits]\nabandoned_max = 0";
    setup().channel(channel).config(limits).start().await
}

/// A channel that is asked where those before it fail.
pub fn spare_to(provider: &FakeProvider) -> Channel {
    Channel::to(provider)
        .named("spare")
        .models([MODEL])
        .set("priority", "1")
}

/// What the operators' listener says.
pub async fn get_from_admin(gate: &Gate, path: &str) -> Answer {
    gate.send_to_admin(Request::get(path).body(String::new()).unwrap())
        .await
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
