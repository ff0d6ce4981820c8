//! In the sandbox a call that is required is made, and its arguments fit their schema.

use serde_json::{Value, json};
use tollgate_testkit::grammar::Summary;

use crate::{
    pages::GENERAL,
    sandbox::{gate_with_model, short, user},
    stage::with,
};

fn tools() -> Value {
    let function = |name: &str, description: &str, parameters: Value| {
        let function = json!({"name": name, "description": description, "parameters": parameters});
        json!({"type": "function", "function": function})
    };
    json!([
        function(
            "get_weather",
            "Weather of a city",
            json!({
                "type": "object",
                "properties": {"city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]}},
                "required": ["city", "unit"],
            }),
        ),
        function(
            "add",
            "Adds two numbers",
            json!({
                "type": "object",
                "properties": {"a": {"type": "integer"}, "b": {"type": "integer", "maximum": 99}},
                "required": ["a", "b"],
            }),
        ),
        {"type": "function", "function": {"name": "ping"}},
    ])
}

fn named(name: &str) -> Value {
    json!({"type": "function", "function": {"name": name}})
}

fn asked(question: &str, members: Value) -> Value {
    let base = json!({"messages": user(question), "tools": tools(), "max_tokens": 120});
    short(GENERAL, with(base, members))
}

fn assert_calls_fit(summary: &Summary) {
    for call in summary.tool_calls() {
        let tools = tools();
        let tool = tools
            .as_array()
            .unwrap()
            .iter()
            .find(|tool| tool["function"]["name"] == *call.name);
        let schema =
            &tool.unwrap_or_else(|| panic!("{} is none of them", call.name))["function"]["parameters"];
        let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
        assert!(arguments.is_object(), "{arguments}");
        if !schema.is_null() {
            assert!(
                jsonschema::is_valid(schema, &arguments),
                "{}: {arguments}",
                call.name
            );
        }
        assert!(call.id.starts_with("call_"), "{}", call.id);
    }
}

#[tokio::test]
async fn a_required_call_is_made_and_its_arguments_fit() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    for question in ["What is the weather in Oslo?", "How much is 17 and 4?", "Hi"] {
        let asked = asked(question, json!({"tool_choice": "required"}));

        let whole = gate.post(&asked).await.summary();
        let stream = gate.stream(&asked).await;

        for summary in [&whole, stream.summary()] {
            assert_eq!(summary.finish_reason(), Some("tool_calls"), "{question}");
            assert!(
                !summary.tool_calls().is_empty() && summary.text().is_empty(),
                "{summary:?}"
            );
            assert_calls_fit(summary);
        }
        let said = |summary: &Summary| -> Vec<_> {
            let calls = summary.tool_calls().iter();
            calls
                .map(|call| (call.name.clone(), call.arguments.clone()))
                .collect()
        };
        assert_eq!(
            said(&whole),
            said(stream.summary()),
            "the same seed, so the same calls"
        );
    }
}

#[tokio::test]
async fn the_function_that_is_named_is_called_once() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    for name in ["get_weather", "add", "ping"] {
        let answer = gate
            .post(&asked(
                "What is the weather in Oslo?",
                json!({"tool_choice": named(name)}),
            ))
            .await;
        let summary = answer.summary();
        let names: Vec<_> = summary
            .tool_calls()
            .iter()
            .map(|call| call.name.as_str())
            .collect();
        assert_eq!(names, [name]);
        assert_calls_fit(&summary);
    }
}

#[tokio::test]
async fn without_parallel_calls_there_is_one() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let members = json!({"tool_choice": "required", "parallel_tool_calls": false, "temperature": 1.5});
    let answer = gate
        .post(&asked("Weather in Oslo, Rome and Paris, please.", members))
        .await;
    assert_eq!(answer.summary().tool_calls().len(), 1);
}

#[tokio::test]
async fn free_to_choose_it_answers_in_text_or_with_calls_that_fit() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    for seed in 0..4 {
        let members = json!({"temperature": 1, "seed": seed, "max_tokens": 40, "stop": ["\n\n"]});
        let summary = gate.stream(&asked("What is the weather in Oslo?", members)).await;
        let summary = summary.summary();
        assert!(!summary.text().contains("<tool_call>"), "{}", summary.text());
        match summary.finish_reason() {
            Some("tool_calls") => assert_calls_fit(summary),
            Some("stop" | "length") => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_call_goes_back_with_its_result() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let first = gate
        .post(&asked(
            "Weather in Oslo?",
            json!({"tool_choice": named("get_weather")}),
        ))
        .await;
    let message = first.json()["choices"][0]["message"].clone();
    let result = json!({"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "21 °C"});
    let messages = json!([{"role": "user", "content": "Weather in Oslo?"}, message, result]);

    let second = gate
        .post(&asked("", json!({"messages": messages, "tool_choice": "none"})))
        .await;

    assert_eq!(second.status, 200, "{second:?}");
    assert!(!second.text().is_empty());
}

#[tokio::test]
async fn a_call_that_is_cut_off_leaves_nothing_of_its_form_in_the_text() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    for limit in 1..=5 {
        let members = json!({"tool_choice": "required", "max_tokens": limit, "logprobs": true});
        let answer = gate.stream(&asked("What is the weather in Oslo?", members)).await;
        assert_eq!(answer.text(), "", "{limit} tokens");
        for chunk in &answer.summary().chunks {
            assert_eq!(chunk["choices"][0]["logprobs"], Value::Null, "{chunk}");
        }
    }
}

#[tokio::test]
async fn earlier_calls_are_no_example_where_there_are_no_functions() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let call = json!({"id": "c", "type": "function", "function": {"name": "get_weather", "arguments": "{\"city\":\"Oslo\"}"}});
    let messages = json!([
        {"role": "user", "content": "Weather in Oslo?"},
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "21 degrees"},
        {"role": "user", "content": "And in Rome?"},
    ]);
    let answer = gate
        .post(&short(GENERAL, json!({"messages": messages, "max_tokens": 40})))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!answer.text().contains("tool_call"), "{}", answer.text());
}
