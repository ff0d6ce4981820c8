//! What Anthropic, Gemini and OpenAI's Responses are sent, side by side with what the client asked. The
//! fake provider refuses what the real ones would.

use serde_json::{Value, json};
use tollgate_testkit::provider::{Turn, speaks};

use crate::{
    provider_request::{rich, shown_through},
    stage::{SPEAKERS, question_to, stage_of, with},
};

/// A PNG of one pixel.
const PNG: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const PDF: &str = "data:application/pdf;base64,JVBERi0xLjQKJSVFT0YK";

async fn shown(preset: &str, request: Value) -> String {
    let model = request["model"].as_str().unwrap().to_owned();
    let (provider, gate) = stage_of(preset, &model).await;
    let asked = format!("the client asks: {request:#}\n");
    shown_through(&provider, &gate, &request, asked).await
}

#[tokio::test]
async fn a_request_with_a_bit_of_everything() {
    for (preset, model) in SPEAKERS {
        // Each lacks some of these; `x-tollgate-notes` says so.
        let request = rich(model, json!({"reasoning_effort": "low", "temperature": 0.5}));
        insta::assert_snapshot!(format!("rich_{preset}"), shown(preset, request).await);
    }
}

#[tokio::test]
async fn images_and_files_of_questions_and_of_results() {
    for (preset, model) in SPEAKERS {
        let image = json!({"type": "image_url", "image_url": {"url": PNG, "detail": "low"}});
        let file = json!({"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}});
        let call = json!({"id": "call_1", "type": "function", "function": {"name": "look", "arguments": ""}});
        let request = with(
            question_to(model),
            json!({
                "tools": [{"type": "function", "function": {"name": "look"}}],
                "messages": [
                    {"role": "system", "content": "Describe."},
                    {"role": "user", "content": [{"type": "text", "text": "What is it?"}, image, file]},
                    {"role": "assistant", "content": "", "tool_calls": [call]},
                    {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "This:"}, image]}
                ]
            }),
        );
        insta::assert_snapshot!(format!("media_{preset}"), shown(preset, request).await);
    }
}

#[tokio::test]
async fn an_answer_in_a_schema() {
    for (preset, model) in SPEAKERS {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 40},
                "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
                "size": {"type": ["number", "null"]}
            },
            "required": ["name", "tags", "size"],
            "additionalProperties": false,
            "$defs": {"tag": {"type": "string", "enum": ["a", "b"]}}
        });
        let format = json!({"type": "json_schema", "json_schema": {"name": "thing", "strict": true, "schema": schema}});
        let (provider, gate) = stage_of(preset, model).await;
        let answer = r#"{"name":"x","tags":["a"],"size":null}"#;
        provider.always(speaks(Turn::new().says([answer])));
        let request = with(question_to(model), json!({"response_format": format}));
        let asked = format!("the client asks: {request:#}\n");
        let shown = shown_through(&provider, &gate, &request, asked).await;
        insta::assert_snapshot!(format!("schema_{preset}"), shown);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_what_the_provider_was_not_told_of_the_schema_is_an_error() {
    // Neither takes `maxLength`, so it is the gate that has to look.
    for (preset, model) in &SPEAKERS[..2] {
        let (provider, gate) = stage_of(preset, model).await;
        let long = "x".repeat(50);
        provider.always(speaks(Turn::new().says(["{\"name\":\"", &long, "\"}"])));
        let schema = json!({
            "type": "object", "properties": {"name": {"type": "string", "maxLength": 40}},
            "required": ["name"], "additionalProperties": false
        });
        let format = json!({"type": "json_schema", "json_schema": {"name": "thing", "strict": true, "schema": schema}});
        let request = with(question_to(model), json!({"response_format": format}));

        let whole = gate.post(&request).await;
        let stream = gate.stream(&request).await;

        assert_eq!(whole.status, 502, "{preset}: {whole:?}");
        assert_eq!(
            whole.error_code().as_deref(),
            Some("answer_not_as_asked"),
            "{preset}"
        );
        assert_eq!(whole.header("x-should-retry"), Some("false"), "{preset}");
        assert!(stream.error().is_some() && !stream.has_done(), "{preset}");
    }
}

#[tokio::test]
async fn a_null_that_the_provider_was_told_it_may_say_is_no_error() {
    // Held by the provider and checked here, the first two; asked for in words, the third.
    for (preset, model) in [SPEAKERS[0], SPEAKERS[1], ("deepseek", "deepseek-v4-flash")] {
        let (provider, gate) = stage_of(preset, model).await;
        let said = r#"{"name":null,"kind":null}"#;
        provider.always(speaks(Turn::new().says([said])));
        let schema = json!({
            "type": "object", "properties": {
                "name": {"type": "string", "maxLength": 40, "nullable": true},
                "kind": {"type": "string", "enum": ["a", "b"], "nullable": true}
            },
            "required": ["name", "kind"], "additionalProperties": false
        });
        let format = json!({"type": "json_schema", "json_schema": {"name": "thing", "strict": true, "schema": schema}});

        let answer = gate
            .post(&with(question_to(model), json!({"response_format": format})))
            .await;

        assert_eq!(answer.text(), said, "{preset}: {answer:?}");
    }
}

#[tokio::test]
async fn stop_strings_for_providers_that_have_none_are_cut_by_the_gate() {
    let (provider, gate) = stage_of("openai", "gpt-5-3-codex").await;
    provider.always(speaks(Turn::new().says(["One, tw", "o, EN", "D and more"])));
    let request = with(question_to("gpt-5-3-codex"), json!({"stop": "END"}));

    let whole = gate.post(&request).await;
    let stream = gate.stream(&request).await;

    for summary in [&whole.summary(), stream.summary()] {
        assert_eq!(summary.text(), "One, two, ");
        assert_eq!(summary.finish_reason(), Some("stop"));
    }
    assert_eq!(whole.json()["choices"][0]["matched_stop"], "END");
    assert_eq!(whole.header("x-tollgate-notes"), Some("emulated:stop"));
    assert!(provider.requests()[0].json().get("stop").is_none());
}

#[tokio::test]
async fn a_missing_result_is_refused_before_anything_is_spent() {
    for (preset, model) in SPEAKERS {
        let (provider, gate) = stage_of(preset, model).await;
        let call =
            json!({"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}});
        let messages = json!([
            {"role": "user", "content": "Look!"},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "user", "content": "And?"}
        ]);

        let answer = gate
            .post(&with(question_to(model), json!({"messages": messages})))
            .await;

        assert_eq!(answer.status, 400, "{preset}");
        assert!(
            answer.error_param().unwrap().starts_with("messages["),
            "{preset}: {answer:?}"
        );
        assert!(provider.requests().is_empty(), "{preset}");
    }
}

#[tokio::test]
async fn what_a_provider_cannot_do_is_refused_with_its_place_and_the_way_out() {
    let audio = json!({"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}});
    let video = json!({"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}});
    for (preset, model, part) in [
        ("anthropic", "claude-sonnet-4-6", &audio),
        ("anthropic", "claude-sonnet-4-6", &video),
        ("openai", "gpt-5-3-codex", &audio),
        ("openai", "gpt-5-3-codex", &video),
    ] {
        let (provider, gate) = stage_of(preset, model).await;
        let content = json!([{"type": "text", "text": "What is it?"}, part]);
        let messages = json!([{"role": "user", "content": content}]);

        let answer = gate
            .post(&with(question_to(model), json!({"messages": messages})))
            .await;

        assert_eq!(answer.status, 400, "{preset}: {part}");
        let param = answer.error_param().unwrap();
        assert!(param.starts_with("messages[0].content[1]"), "{preset}: {param}");
        assert!(provider.requests().is_empty(), "{preset}");
    }
}
