//! In the sandbox an answer of a form has that form, by the judgement of a validator that knows nothing of
//! how the answer was made.

mod schemas;

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};
use tollgate_testkit::gate::Gate;

use self::schemas::schemas;
use crate::{
    pages::GENERAL,
    sandbox::{gate_with_model, short, user},
    stage::with,
};

const PROMPTS: [&str; 5] = [
    "Fill in an example.",
    "Ada Lovelace, born in London, wrote the first program in 1843.",
    "Write a very long answer with as many items as you can.",
    "\"}]} <- ignore this. Was kostet der Käse? 🧀",
    "No.",
];

/// Requests under way at once: as many as the engine answers at once.
const AT_ONCE: usize = 12;

/// Asks for each pair of schema and prompt; says how many of the answers were finished.
async fn ask_all(gate: Gate, pairs: impl Iterator<Item = (usize, usize)>) -> usize {
    let gate = Arc::new(gate);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut answers = JoinSet::new();
    for (schema, prompt) in pairs {
        let (gate, places) = (Arc::clone(&gate), Arc::clone(&places));
        answers.spawn(async move {
            let _place = places.acquire().await.unwrap();
            ask(&gate, schema, prompt).await
        });
    }
    answers
        .join_all()
        .await
        .into_iter()
        .filter(|finished| *finished)
        .count()
}

/// Whether the answer was finished; a finished one is judged.
async fn ask(gate: &Gate, index: usize, prompt: usize) -> bool {
    let (name, schema) = schemas().swap_remove(index);
    let format = json!({"name": name, "schema": schema, "strict": prompt.is_multiple_of(2)});
    let asked = json!({
        "messages": user(PROMPTS[prompt]),
        "response_format": {"type": "json_schema", "json_schema": format},
        "temperature": 0.3 * prompt as f64,
        "max_tokens": 160,
    });
    let answer = gate.stream(&short(GENERAL, with(asked, json!({})))).await;
    let text = answer.text();
    match answer.finish_reason() {
        Some("length") => false,
        Some("stop") => {
            let value: Value = serde_json::from_str(text)
                .unwrap_or_else(|problem| panic!("{name}, prompt {prompt}: {problem} in {text}"));
            if let Err(problem) = jsonschema::validate(&schema, &value) {
                panic!("{name}, prompt {prompt}: {problem} in {text}");
            }
            true
        }
        other => panic!("{name}, prompt {prompt}: {other:?} {answer:?}"),
    }
}

#[tokio::test]
async fn every_finished_answer_fits_its_schema() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let count = schemas().len();
    // Each schema with one of the prompts; `make soak` asks for all of them.
    let finished = ask_all(gate, (0..count).map(|schema| (schema, schema % PROMPTS.len()))).await;
    assert!(
        finished * 10 >= count * 7,
        "only {finished} of {count} were finished"
    );
}

#[tokio::test]
#[ignore = "takes minutes: `make soak`"]
async fn every_finished_answer_fits_its_schema_whatever_the_prompt() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let count = schemas().len();
    let pairs = (0..count).flat_map(|schema| (0..PROMPTS.len()).map(move |prompt| (schema, prompt)));
    let finished = ask_all(gate, pairs).await;
    let asked = count * PROMPTS.len();
    assert!(
        finished * 10 >= asked * 7,
        "only {finished} of {asked} were finished"
    );
}

#[test]
fn there_are_fifty_schemas_and_each_is_one() {
    let schemas = schemas();
    assert_eq!(schemas.len(), 50);
    for (name, schema) in schemas {
        assert!(jsonschema::meta::is_valid(&schema), "{name}");
    }
}

#[tokio::test]
async fn json_mode_gives_an_object() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    for (seed, prompt) in PROMPTS.iter().enumerate() {
        let asked = json!({
            "messages": user(&format!("Answer in JSON. {prompt}")),
            "response_format": {"type": "json_object"},
            "max_tokens": 100,
            "temperature": 0.5,
            "seed": seed,
        });
        let answer = gate.stream(&short(GENERAL, asked)).await;
        if answer.finish_reason() == Some("stop") {
            let value: Value = serde_json::from_str(answer.text()).unwrap();
            assert!(value.is_object(), "{value}");
        } else {
            assert_eq!(answer.finish_reason(), Some("length"));
            assert!(answer.text().starts_with('{'), "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_thinking_model_thinks_in_words_and_answers_in_the_form() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let schema =
        json!({"type": "object", "properties": {"n": {"type": "integer", "maximum": 9}}, "required": ["n"]});
    let members = json!({
        "enable_thinking": true,
        "max_tokens": 80,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
    });
    let answer = gate.post(&short(crate::pages::QWEN, members)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!answer.summary().reasoning().is_empty());
    let value: Value = serde_json::from_str(&answer.text()).unwrap();
    assert!(jsonschema::is_valid(&schema, &value), "{value}");
}

#[tokio::test]
async fn everyday_schemas_come_to_an_end() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let format = |format: &str| json!({"type": "string", "format": format});
    let node = json!({
        "type": "object",
        "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
        "required": ["name", "children"],
    });
    for schema in [
        json!({"type": "number"}),
        json!({"type": "number", "minimum": 0, "maximum": 5}),
        json!({"type": "object", "properties": {"at": format("date-time"), "mail": format("email"), "page": format("uri"), "takes": format("duration")}, "required": ["at", "mail", "page", "takes"]}),
        json!({"type": "object", "additionalProperties": {"type": "string", "maxLength": 20}}),
        json!({"type": "string", "pattern": "^abc|def$"}),
        json!({"type": "array", "prefixItems": [{"type": "boolean"}, {"type": "integer"}]}),
        json!({"required": ["a"]}),
        json!({"$ref": "#/$defs/node", "$defs": {"node": node}}),
    ] {
        let members = json!({
            "messages": user("Give me a JSON sample."),
            "max_tokens": 1024,
            "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
        });
        let answer = gate.post(&short(GENERAL, members)).await;
        assert_eq!(answer.status, 200, "{schema}: {answer:?}");
        assert_eq!(
            answer.summary().finish_reason(),
            Some("stop"),
            "{schema}: {}",
            answer.text()
        );
        let value: Value = serde_json::from_str(&answer.text()).unwrap();
        assert!(jsonschema::is_valid(&schema, &value), "{schema}: {value}");
    }
}

#[tokio::test]
async fn a_schema_that_refers_to_itself_without_end_is_refused_by_name() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let schema = json!({"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]});
    let members =
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}});
    let answer = gate.post(&short(GENERAL, members)).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(
        answer
            .error_message()
            .unwrap()
            .contains("`$ref` at `/properties/next`")
    );
}
