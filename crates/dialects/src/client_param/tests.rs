use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_catalog::{
    contract::{ValidRequest, check::CheckLimits},
    load::builtin,
};
use tollgate_chat::request::ChatRequest;

use super::{CHAT, GEMINI, MESSAGES, RESPONSES, say_clients_param};
use crate::Dialect::{self, AnthropicMessages, Gemini, OpenaiChat, OpenaiResponses};

fn request(members: Value) -> ValidRequest {
    let mut body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]});
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    let request = ChatRequest::parse(Bytes::from(body.to_string())).unwrap();
    let model = builtin().unwrap().model("gpt-4o").unwrap().clone();
    tollgate_catalog::contract::check(request, model, &CheckLimits::default()).unwrap()
}

fn two_tools() -> Value {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
    json!({"tools": [tool("a"), tool("b")]})
}

/// What a client of `members` reads where a provider answers with this status and body.
fn param(dialect: Dialect, body: &Value, members: Value) -> Option<String> {
    let mut fault = dialect.fault(400, body.to_string().as_bytes());
    say_clients_param(&mut fault, dialect, &request(members));
    fault.param
}

fn openai(param: &str) -> Value {
    json!({"error": {"message": "No.", "type": "invalid_request_error", "param": param, "code": "invalid_value"}})
}

fn anthropic(message: &str) -> Value {
    json!({"type": "error", "error": {"type": "invalid_request_error", "message": message}})
}

fn google(message: &str) -> Value {
    json!({"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}})
}

#[test]
fn an_output_limit_has_the_name_that_the_client_used() {
    for (dialect, body) in [
        (OpenaiChat, openai("max_tokens")),
        (OpenaiChat, openai("max_completion_tokens")),
        (OpenaiResponses, openai("max_output_tokens")),
        (
            AnthropicMessages,
            anthropic("max_tokens: 200000 > 64000, which is the maximum"),
        ),
        (
            Gemini,
            google("Invalid value at 'generation_config.max_output_tokens' (TYPE_INT32), 0"),
        ),
    ] {
        for name in ["max_tokens", "max_completion_tokens"] {
            let told = param(dialect, &body, json!({name: 7}));
            assert_eq!(told.as_deref(), Some(name), "{body}");
        }
    }
}

#[test]
fn a_switch_for_thinking_has_the_name_that_the_client_used_and_none_where_it_used_none() {
    for (dialect, body) in [
        (OpenaiChat, openai("reasoning_effort")),
        (OpenaiResponses, openai("reasoning.effort")),
        (
            AnthropicMessages,
            anthropic("thinking.enabled.budget_tokens: Input should be greater"),
        ),
        (AnthropicMessages, anthropic("output_config.effort: bad")),
        (
            Gemini,
            google("* GenerateContentRequest.generationConfig.thinkingConfig: bad\n"),
        ),
    ] {
        let told = |members| param(dialect, &body, members);
        assert_eq!(
            told(json!({"reasoning_effort": "high"})).as_deref(),
            Some("reasoning_effort")
        );
        assert_eq!(
            told(json!({"enable_thinking": true})).as_deref(),
            Some("enable_thinking")
        );
        assert_eq!(told(json!({})), None, "{body}");
    }
}

#[test]
fn tools_are_named_by_the_place_that_they_have_with_the_client() {
    for (dialect, body, expected) in [
        (
            OpenaiResponses,
            openai("tools[1].parameters"),
            "tools[1].function.parameters",
        ),
        (
            OpenaiResponses,
            openai("tools[1].parameters.properties.a.type"),
            "tools[1].function.parameters.properties.a.type",
        ),
        (OpenaiResponses, openai("tools[7].name"), "tools"),
        (
            AnthropicMessages,
            anthropic("tools.1.custom.input_schema.type: Field required"),
            "tools[1].function.parameters",
        ),
        (
            AnthropicMessages,
            anthropic("tools.0.custom: Invalid schema: circular"),
            "tools[0]",
        ),
        (
            AnthropicMessages,
            anthropic("tools.0.custom.name: String should match"),
            "tools[0].function.name",
        ),
        (
            Gemini,
            google(
                "Invalid JSON payload received. Unknown name \"const\" at 'tools[0].function_declarations[1].parameters.properties[8].value': Cannot find field.",
            ),
            "tools[1].function.parameters",
        ),
        (
            Gemini,
            google(
                "* GenerateContentRequest.tools[0].function_declarations[0].name: Invalid function name.\n",
            ),
            "tools[0].function.name",
        ),
    ] {
        assert_eq!(
            param(dialect, &body, two_tools()).as_deref(),
            Some(expected),
            "{body}"
        );
    }
    let own = anthropic("tools.0.custom.input_schema: bad");
    let told = param(AnthropicMessages, &own, json!({}));
    assert_eq!(told.as_deref(), Some("response_format"), "the gate's own tool");
}

#[test]
fn other_parameters_have_chats_names_and_what_is_nobodys_has_none() {
    for (dialect, body, expected) in [
        (
            OpenaiChat,
            openai("messages.[0].content"),
            Some("messages.[0].content"),
        ),
        (
            OpenaiResponses,
            openai("input[2].content[0].image_url"),
            Some("messages"),
        ),
        (
            OpenaiResponses,
            openai("text.format.schema"),
            Some("response_format.json_schema.schema"),
        ),
        (OpenaiResponses, openai("temperature"), Some("temperature")),
        (OpenaiResponses, openai("store"), None),
        (
            AnthropicMessages,
            anthropic("temperature: range: 0..1"),
            Some("temperature"),
        ),
        (
            AnthropicMessages,
            anthropic("messages.3.content.0.text: bad"),
            Some("messages"),
        ),
        (
            AnthropicMessages,
            anthropic("system.0.text: bad"),
            Some("messages"),
        ),
        (
            AnthropicMessages,
            anthropic("stop_sequences: each has to contain non-whitespace"),
            Some("stop"),
        ),
        (
            AnthropicMessages,
            anthropic("output_config.format.schema: bad"),
            Some("response_format.json_schema.schema"),
        ),
        (
            AnthropicMessages,
            anthropic("`top_k` must be unset"),
            Some("top_k"),
        ),
        (AnthropicMessages, anthropic("Too many strict tools (21)."), None),
        (
            AnthropicMessages,
            anthropic("This model says. Supported levels: high, low"),
            None,
        ),
        (AnthropicMessages, anthropic("internal_path.3: bad"), None),
        (
            Gemini,
            google("Invalid value at 'contents[2].parts[0]' (oneof), bad"),
            Some("messages"),
        ),
        (
            Gemini,
            google("Unable to submit request because it has a temperature value of 1000 but"),
            Some("temperature"),
        ),
        (Gemini, google("Request contains an invalid argument."), None),
    ] {
        assert_eq!(param(dialect, &body, json!({})).as_deref(), expected, "{body}");
    }
    let user = anthropic("metadata.user_id: string too long");
    let told = |members| param(AnthropicMessages, &user, members);
    assert_eq!(
        told(json!({"safety_identifier": "u"})).as_deref(),
        Some("safety_identifier")
    );
    assert_eq!(told(json!({})), None);
}

#[test]
fn googles_details_name_the_field_before_its_words_do() {
    let mut body = google("Request contains an invalid argument.");
    body["error"]["details"] = json!([{
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [{"field": "generation_config.top_p", "description": "bad"}]
    }]);
    assert_eq!(param(Gemini, &body, json!({})).as_deref(), Some("top_p"));
}

#[test]
fn no_parameter_stands_twice_in_a_table() {
    for table in [RESPONSES, MESSAGES, GEMINI, CHAT] {
        let names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
        let mut once = names.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), names.len());
    }
}
