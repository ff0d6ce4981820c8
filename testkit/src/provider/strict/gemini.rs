//! What Gemini's `generateContent` refuses.

use serde_json::Value;

use super::super::ReceivedRequest;
use super::super::protocol::gemini_call;
use super::{Checked, Given, Refusal, list, text, unknown};

const BODY: [&str; 9] = [
    "cachedContent",
    "contents",
    "generationConfig",
    "labels",
    "safetySettings",
    "serviceTier",
    "systemInstruction",
    "toolConfig",
    "tools",
];
const GENERATION: [&str; 22] = [
    "candidateCount",
    "enableEnhancedCivicAnswers",
    "frequencyPenalty",
    "imageConfig",
    "logprobs",
    "maxOutputTokens",
    "mediaResolution",
    "presencePenalty",
    "responseJsonSchema",
    "_responseJsonSchema",
    "responseLogprobs",
    "responseMimeType",
    "responseModalities",
    "responseSchema",
    "seed",
    "speechConfig",
    "stopSequences",
    "temperature",
    "thinkingConfig",
    "topK",
    "topP",
    "translationConfig",
];
/// The subset of OpenAPI that `parameters` and `responseSchema` are.
const SCHEMA: [&str; 23] = [
    "anyOf",
    "default",
    "description",
    "enum",
    "example",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "nullable",
    "pattern",
    "properties",
    "propertyOrdering",
    "required",
    "title",
    "type",
    "additionalProperties",
];
/// What Google documents for histories whose signatures are lost.
const PLACEHOLDERS: [&str; 2] = [
    "skip_thought_signature_validator",
    "context_engineering_is_the_way_to_go",
];

pub(super) fn check(request: &ReceivedRequest, given: &Given<'_>) -> Checked {
    credential(request)?;
    let body = request.json();
    for (object, known, path) in [
        (body, &BODY[..], ""),
        (
            &body["generationConfig"],
            &GENERATION[..],
            " at 'generation_config'",
        ),
    ] {
        if let Some(name) = unknown(object, known) {
            return refuse(format!(
                "Invalid JSON payload received. Unknown name \"{name}\"{path}: Cannot find field."
            ));
        }
    }
    let path = request.path_only();
    let model = gemini_call(path).map_or("", |(model, _)| model);
    tools(body, model)?;
    thinking(body, model)?;
    contents(body)?;
    calls_and_results(list(&body["contents"]))?;
    signatures(model, list(&body["contents"]), given)
}

fn refuse(message: impl Into<String>) -> Checked {
    Err(Refusal::new(400, "INVALID_ARGUMENT", message))
}

fn credential(request: &ReceivedRequest) -> Checked {
    let query = request.path.split_once('?').map_or("", |(_, query)| query);
    if query.split('&').any(|pair| pair.starts_with("key=")) {
        return refuse("the key has no place in the query, where every log keeps it");
    }
    if request.header("x-goog-api-key").is_none_or(str::is_empty) {
        let message = "Method doesn't allow unregistered callers.";
        return Err(Refusal::new(403, "PERMISSION_DENIED", message));
    }
    if request.wants_stream() && query != "alt=sse" {
        return refuse("a stream is one JSON array without alt=sse");
    }
    Ok(())
}

fn tools(body: &Value, model: &str) -> Checked {
    let declarations = list(&body["tools"])
        .iter()
        .flat_map(|tool| list(&tool["functionDeclarations"]));
    let mut any = false;
    for tool in declarations {
        any = true;
        let name = text(tool, "name");
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(legal) {
            return refuse(format!("Invalid function name: {name}"));
        }
        schema(&tool["parameters"], "parameters")?;
    }
    let config = &body["generationConfig"];
    schema(&config["responseSchema"], "response_schema")?;
    if any && !is_third(model) && config["responseMimeType"] == "application/json" {
        return refuse("Function calling with a response mime type: 'application/json' is unsupported");
    }
    Ok(())
}

fn schema(schema: &Value, path: &str) -> Checked {
    if let Some(name) = unknown(schema, &SCHEMA) {
        return refuse(format!(
            "Invalid JSON payload received. Unknown name \"{name}\" at '{path}': Cannot find field."
        ));
    }
    if schema["type"].is_array() {
        return refuse(format!("{path}.type: Proto field is not repeating"));
    }
    self::schema_members(schema, path)
}

fn schema_members(of: &Value, path: &str) -> Checked {
    for (name, member) in of["properties"].as_object().into_iter().flatten() {
        schema(member, &format!("{path}.properties.{name}"))?;
    }
    for member in list(&of["anyOf"]) {
        schema(member, &format!("{path}.any_of"))?;
    }
    if of["items"].is_object() {
        schema(&of["items"], &format!("{path}.items"))?;
    }
    Ok(())
}

fn is_third(model: &str) -> bool {
    model.starts_with("gemini-3")
}

fn thinking(body: &Value, model: &str) -> Checked {
    let config = &body["generationConfig"]["thinkingConfig"];
    match (
        config["thinkingBudget"].is_null(),
        config["thinkingLevel"].is_null(),
    ) {
        (false, false) => refuse("You can only set only one of thinking budget and thinking level."),
        (true, false) if !is_third(model) => refuse("Thinking level is not supported for this model."),
        _ => Ok(()),
    }
}

fn contents(body: &Value) -> Checked {
    let contents = list(&body["contents"]);
    if contents.is_empty() {
        return refuse("* GenerateContentRequest.contents: contents is not specified");
    }
    for (content, at) in contents.iter().zip(0..) {
        if !matches!(text(content, "role"), "user" | "model") {
            return refuse("Please use a valid role: user, model.");
        }
        let parts = list(&content["parts"]);
        let said = |part: &Value| part.as_object().is_some_and(|part| !part.is_empty());
        if parts.is_empty() || !parts.iter().all(said) {
            return refuse(format!(
                "* GenerateContentRequest.contents[{at}].parts: contents.parts must not be empty."
            ));
        }
        for part in parts {
            let call = &part["functionCall"];
            let args = &call["args"];
            if !args.is_null() && !args.is_object() {
                return refuse("Invalid value at 'function_call.args', a struct is expected");
            }
            let response = &part["functionResponse"];
            if !response.is_null() && !response["response"].is_object() {
                return refuse("Invalid value at 'function_response.response', a struct is expected");
            }
        }
    }
    Ok(())
}

fn named<'a>(content: &'a Value, member: &'a str) -> Vec<&'a str> {
    let parts = list(&content["parts"]).iter().map(move |part| &part[member]);
    parts
        .filter(|found| !found.is_null())
        .map(|found| text(found, "name"))
        .collect()
}

/// The turn after calls answers all of them, and answers nothing else.
fn calls_and_results(contents: &[Value]) -> Checked {
    let mut open: Vec<&str> = vec![];
    for content in contents {
        let (calls, results) = (named(content, "functionCall"), named(content, "functionResponse"));
        if text(content, "role") == "model" {
            if !open.is_empty() {
                return refuse(
                    "Please ensure that function response turn comes immediately after a function call turn.",
                );
            }
            open = calls;
            continue;
        }
        let mut wanted = open.clone();
        wanted.sort_unstable();
        let mut got = results.clone();
        got.sort_unstable();
        if wanted != got {
            return refuse(
                "Please ensure that the number of function response parts is equal to the number of \
                 function call parts of the function call turn.",
            );
        }
        open.clear();
    }
    match open.is_empty() {
        true => Ok(()),
        false => refuse("Please ensure that function call turn is followed by a function response turn."),
    }
}

/// In the current turn the first call of each step has its signature; what has one has one that was
/// given.
fn signatures(model: &str, contents: &[Value], given: &Given<'_>) -> Checked {
    let parts = contents.iter().flat_map(|content| list(&content["parts"]));
    for part in parts {
        let signature = text(part, "thoughtSignature");
        let known =
            PLACEHOLDERS.contains(&signature) || given.turns().any(|turn| turn.gave_signature(signature));
        if !signature.is_empty() && !known {
            return refuse("Corrupted thought signature.");
        }
    }
    if !is_third(model) {
        return Ok(());
    }
    if model.contains("-image") {
        signed_parts(contents)?;
    }
    let is_question =
        |content: &Value| text(content, "role") == "user" && named(content, "functionResponse").is_empty();
    let turn_begins = contents.iter().rposition(is_question).map_or(0, |at| at + 1);
    for (content, at) in contents.iter().zip(0..).skip(turn_begins) {
        let mut calls = list(&content["parts"])
            .iter()
            .filter(|part| !part["functionCall"].is_null());
        if let Some(first) = calls.next()
            && text(first, "thoughtSignature").is_empty()
        {
            let name = text(&first["functionCall"], "name");
            return refuse(format!(
                "Function call is missing a thought_signature in functionCall parts. This is required \
                 for tools to work correctly, and missing thought_signature may lead to degraded model \
                 performance. Additional data, function call `default_api:{name}` , position {at}."
            ));
        }
    }
    Ok(())
}

/// A model that draws wants a signature on the first part of each turn of its own, and on every image.
fn signed_parts(contents: &[Value]) -> Checked {
    let own = contents
        .iter()
        .zip(1..)
        .filter(|(content, _)| text(content, "role") == "model");
    for (content, at) in own {
        let parts = list(&content["parts"]).iter().zip(1..);
        let said = parts.filter(|(part, _)| part["thought"] != true);
        for (place, (part, at_part)) in said.enumerate() {
            let kind = match part["inlineData"].is_null() && part["fileData"].is_null() {
                false => "Image",
                true if place == 0 => "Text",
                true => continue,
            };
            if text(part, "thoughtSignature").is_empty() {
                return refuse(format!(
                    "{kind} part is missing a thought_signature in content position {at}, part position {at_part}."
                ));
            }
        }
    }
    Ok(())
}
