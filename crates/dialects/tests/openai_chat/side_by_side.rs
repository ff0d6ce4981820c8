//! What a client sends and what becomes of it at providers that lack something, to be read side by side.

use std::sync::Arc;

use serde_json::{Value, json};
use tollgate_chat::event::{Place, State};
use tollgate_dialects::{
    request::{Fetched, Medium},
    turn_state::{TurnState, TurnStates},
};

use super::fixtures::{body, encode_knowing, notes, serving, valid};

/// One request at one provider, as text.
struct Case<'c> {
    model: &'c str,
    provider: &'c str,
    members: Value,
    states: TurnStates,
    fetched: Fetched,
}

impl<'c> Case<'c> {
    fn new(model: &'c str, provider: &'c str, members: Value) -> Self {
        Self {
            model,
            provider,
            members,
            states: TurnStates::new(),
            fetched: Fetched::new(),
        }
    }

    fn read(&self) -> String {
        let request = valid(self.model, self.members.clone());
        let serving = serving(self.model, self.provider);
        let sent = encode_knowing(&request, &serving, &self.states, &self.fetched).unwrap();
        let client: Value = serde_json::from_slice(request.request.body()).unwrap();
        let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
        let undo = match sent.undo.is_nothing() {
            true => "nothing".to_owned(),
            false => format!("{:#?}", sent.undo.emulated),
        };
        format!(
            "the client sends {}\n\n{} receives {}\n\nnotes: {}\nto do with the answer: {undo}",
            pretty(&client),
            self.provider,
            pretty(&body(&sent)),
            notes(&sent).join(", "),
        )
    }
}

/// Thoughts of the turn at that index.
fn kept_thoughts(at: usize, text: &str) -> TurnStates {
    let piece = State {
        place: Place::Start,
        json: json!({"reasoning_content": text}).to_string().into(),
    };
    TurnStates::from_iter([(at, Arc::new(TurnState::of(vec![piece])))])
}

/// A question, a call, its result.
fn exchange(assistant: Value) -> Value {
    let mut message = json!({
        "role": "assistant",
        "content": null,
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Lisbon\"}"}}],
    });
    for (name, value) in assistant.as_object().unwrap() {
        message[name] = value.clone();
    }
    json!([
        {"role": "user", "content": "What is the weather in Lisbon?"},
        message,
        {"role": "tool", "tool_call_id": "call_1", "content": "18 degrees"},
    ])
}

fn tools(names: &[&str]) -> Value {
    let tool = |name: &&str| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}});
    names.iter().map(tool).collect()
}

fn person() -> Value {
    let schema = json!({
        "type": "object",
        "properties": {"name": {"type": "string"}},
        "required": ["name"],
        "additionalProperties": false,
    });
    json!({"type": "json_schema", "json_schema": {"name": "person", "schema": schema}})
}

#[test]
fn thoughts_that_a_client_dropped_go_back_where_the_provider_wants_them() {
    let members = json!({"messages": exchange(json!({})), "tools": tools(&["weather"])});
    let mut case = Case::new("deepseek-v4-flash", "deepseek", members);
    case.states = kept_thoughts(1, "They ask for \"Lisbon\".");
    insta::assert_snapshot!(case.read());
}

#[test]
fn minimax_gets_thoughts_in_its_own_form() {
    let mut messages = exchange(json!({"reasoning_content": "They ask for Lisbon."}));
    let again = exchange(
        json!({"tool_calls": [{"id": "call_2", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]}),
    );
    let mut again = again.as_array().unwrap().clone();
    again[2]["tool_call_id"] = json!("call_2");
    messages.as_array_mut().unwrap().extend(again);
    let members = json!({"messages": messages, "tools": tools(&["weather"])});
    let mut case = Case::new("minimax-m2.5", "minimax", members);
    case.states = kept_thoughts(4, "Once more.");
    insta::assert_snapshot!(case.read());
}

#[test]
fn state_of_other_hosts_stays_behind() {
    let id = "call_1__thought__c2lnbmF0dXJl";
    let mut messages = exchange(json!({
        "thinking_blocks": [{"type": "thinking", "thinking": "Hm", "signature": "s"}],
        "reasoning_details": [{"type": "reasoning.encrypted", "data": "d"}],
        "tool_calls": [{
            "id": id, "type": "function", "function": {"name": "weather", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "s"}},
        }],
    }));
    messages[2]["tool_call_id"] = json!(id);
    let members = json!({"messages": messages, "tools": tools(&["weather"])});
    insta::assert_snapshot!(Case::new("glm-4-7-251222", "ark", members).read());
}

#[test]
fn images_that_the_gate_fetched_go_inline() {
    let image = |url: &str| json!({"type": "image_url", "image_url": {"url": url, "detail": "low"}});
    let content = json!([
        {"type": "text", "text": "Compare."},
        image("https://a.example/b.png"),
        image("data:image/png;base64,BBBB"),
    ]);
    let members = json!({"messages": [{"role": "user", "content": content}]});
    let mut case = Case::new("kimi-k2.5", "moonshot", members);
    let medium = Medium {
        media_type: "image/png".to_owned(),
        base64: "AAAA".to_owned(),
    };
    case.fetched.insert("https://a.example/b.png".to_owned(), medium);
    insta::assert_snapshot!(case.read());
}

#[test]
fn images_that_the_model_drew_or_a_tool_found_go_into_the_users_turn() {
    let part = |data: &str| json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}});
    let mut messages = exchange(json!({"images": [part("DRAWN")]}));
    messages[2]["content"] = json!([{"type": "text", "text": "A map:"}, part("FOUND")]);
    let mut more = vec![
        json!({"role": "assistant", "content": [{"type": "text", "text": "Look:"}, part("SHOWN")]}),
        json!({"role": "user", "content": "Thanks. What now?"}),
    ];
    messages.as_array_mut().unwrap().append(&mut more);
    let members = json!({"messages": messages, "tools": tools(&["weather"])});
    insta::assert_snapshot!(Case::new("doubao-seed-1-6-vision-250815", "ark", members).read());
}

#[test]
fn a_schema_becomes_a_tool_where_one_can_be_forced() {
    let members = json!({"response_format": person()});
    insta::assert_snapshot!(Case::new("deepseek-v4-flash", "deepseek", members).read());
}

#[test]
fn a_schema_is_asked_for_in_words_where_no_tool_can_be_forced() {
    let messages = json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Who wrote the first program?"},
    ]);
    let members = json!({"messages": messages, "response_format": person()});
    insta::assert_snapshot!(Case::new("minimax-m2.5", "minimax", members).read());
}

#[test]
fn a_schema_beside_thoughts_that_were_asked_for_is_asked_for_in_words() {
    let members = json!({"response_format": person(), "reasoning_effort": "high"});
    insta::assert_snapshot!(Case::new("deepseek-v4-flash", "deepseek", members).read());
}

#[test]
fn a_call_that_has_to_come_is_asked_for_in_words() {
    let members = json!({"tools": tools(&["weather", "time"]), "tool_choice": "required"});
    insta::assert_snapshot!(Case::new("kimi-k2.5", "moonshot", members).read());
}

#[test]
fn stop_texts_that_are_too_many_stay_here() {
    let members = json!({"stop": ["END", "STOP"]});
    insta::assert_snapshot!(Case::new("glm-4-7-251222", "zhipu", members).read());
}

#[test]
fn markers_for_the_cache_stay_where_they_are_understood_and_go_elsewhere() {
    let marker = json!({"type": "ephemeral"});
    let members = json!({
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "Be brief.", "cache_control": marker}]},
            {"role": "user", "content": "Hi", "cache_control": marker},
        ],
        "tools": [{"type": "function", "function": {"name": "weather"}, "cache_control": marker}],
        "cache_control": marker,
    });
    let at = |model, provider| Case::new(model, provider, members.clone()).read();
    insta::assert_snapshot!("markers_dashscope", at("qwen3.6-flash", "dashscope"));
    insta::assert_snapshot!("markers_moonshot", at("kimi-k2.5", "moonshot"));
}
