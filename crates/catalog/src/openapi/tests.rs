#![allow(clippy::unwrap_used)]

mod agreement;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::openapi;
use crate::{Catalog, contract::check::tests::gate::check_text, load};

fn catalog() -> Catalog {
    load::builtin().unwrap()
}

/// The schema `name` of the document, ready to judge values.
fn validator(document: &Value, name: &str) -> Validator {
    let schema = json!({
        "$ref": format!("#/components/schemas/{name}"),
        "components": { "schemas": document["components"]["schemas"] },
    });
    jsonschema::draft202012::new(&schema).unwrap()
}

/// Calls `see` with every value in `value`, itself included.
fn walk<'a>(value: &'a Value, see: &mut impl FnMut(&'a Value)) {
    see(value);
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, see)),
        Value::Object(members) => members.values().for_each(|member| walk(member, see)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = openapi(&catalog(), &[]);
    let mut references = 0;
    walk(&document, &mut |value| {
        if let Some(Value::String(reference)) = value.get("$ref") {
            references += 1;
            let pointer = reference
                .strip_prefix('#')
                .expect("references stay inside the document");
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
    });
    assert!(references > 50, "only {references} references were seen");
}

#[test]
fn every_schema_is_a_json_schema() {
    let document = openapi(&catalog(), &[]);
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(
            jsonschema::draft202012::meta::is_valid(schema),
            "{name} is no schema"
        );
        validator(&document, name);
    }
}

#[test]
fn every_model_of_the_catalogue_is_in_exactly_one_request_schema() {
    let catalog = catalog();
    let document = openapi(&catalog, &[]);
    let variants = document["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"]
        ["schema"]["oneOf"]
        .as_array()
        .unwrap();
    let mut named: Vec<&str> = Vec::new();
    for variant in variants {
        let pointer = variant["$ref"].as_str().unwrap().strip_prefix('#').unwrap();
        let models = &document.pointer(pointer).unwrap()["properties"]["model"]["enum"];
        named.extend(models.as_array().unwrap().iter().map(|id| id.as_str().unwrap()));
    }
    named.sort_unstable();
    let mut known: Vec<&str> = catalog.models().iter().map(|model| model.id.as_str()).collect();
    known.sort_unstable();
    assert_eq!(named, known);
}

#[test]
fn every_example_keeps_the_schema_of_its_page_and_the_gates_check() {
    let catalog = catalog();
    let document = openapi(&catalog, &[]);
    for contract in catalog.contracts() {
        let request = validator(&document, &format!("Request.{}", contract.name));
        assert!(
            !contract.examples.is_empty(),
            "{} shows no example",
            contract.name
        );
        for example in &contract.examples {
            let place = format!("{}.{}", contract.name, example.name);
            assert!(request.is_valid(&example.request), "{place} breaks its schema");
            let model = catalog.model(example.request["model"].as_str().unwrap()).unwrap();
            check_text(model.clone(), &example.request.to_string()).unwrap_or_else(|violations| {
                panic!("{place} is refused: {}", violations.message());
            });
        }
    }
}

#[test]
fn errors_are_examples_of_the_error_schema() {
    let document = openapi(&catalog(), &[]);
    let error = validator(&document, "Error");
    for (name, response) in document["components"]["responses"].as_object().unwrap() {
        assert!(
            error.is_valid(&response["content"]["application/json"]["example"]),
            "{name}"
        );
    }
}

#[test]
fn an_answer_has_what_its_page_always_shows() {
    let document = openapi(&catalog(), &[]);
    let answer = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "deepseek-v4-flash",
        "choices": [{
            "index": 0, "logprobs": null, "finish_reason": "stop", "matched_stop": null,
            "message": { "role": "assistant", "content": "Hi", "refusal": null, "reasoning_content": "…" }
        }],
        "usage": {
            "prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4,
            "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0, "text_tokens": 3 },
            "completion_tokens_details": {
                "reasoning_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0
            }
        },
        "system_fingerprint": null
    });
    let deepseek = validator(&document, "Answer.deepseek-v4-flash");
    assert!(deepseek.is_valid(&answer));
    for pointer in [
        "/system_fingerprint",
        "/choices/0/matched_stop",
        "/usage/prompt_tokens_details/audio_tokens",
    ] {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let mut less = answer.clone();
        less.pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(name);
        assert!(!deepseek.is_valid(&less), "{pointer} may be missing");
        assert!(
            validator(&document, "Answer.general").is_valid(&less),
            "{pointer} is not of the general page"
        );
    }
}

#[test]
fn the_parameters_of_the_deepseek_page_read_well() {
    let catalog = catalog();
    let document = openapi(&catalog, &[]);
    let contract = catalog
        .contracts()
        .iter()
        .find(|contract| &*contract.name == "deepseek-v4-flash")
        .unwrap();
    let mut schema = document["components"]["schemas"]["Request.deepseek-v4-flash"].clone();
    let documented = |name: &str| contract.field(name).is_some_and(|field| field.documented);
    schema["properties"]
        .as_object_mut()
        .unwrap()
        .retain(|name, _| documented(name));
    insta::assert_snapshot!(serde_json::to_string_pretty(&schema).unwrap());
}
