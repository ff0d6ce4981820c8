//! Schemas of messages and their parts: what `contract::messages` checks, as far as a schema can say it.

use serde_json::{Map, Value, json};

use super::schema_ref;

pub(super) fn schemas() -> Map<String, Value> {
    let schemas = [
        ("Message", message()),
        (
            "SystemMessage",
            instructions("system", "Instructions for the model."),
        ),
        (
            "DeveloperMessage",
            instructions(
                "developer",
                "Instructions for the model; the newer word for `system`.",
            ),
        ),
        ("UserMessage", user_message()),
        ("AssistantMessage", assistant_message()),
        ("ToolMessage", tool_message()),
        ("FunctionMessage", function_message()),
        ("ToolCall", tool_call()),
        ("FunctionCall", function_call()),
        ("TextPart", text_part("text")),
        ("RefusalPart", text_part("refusal")),
        ("CacheControl", cache_control()),
        ("ImagePart", image_part()),
        ("VideoPart", video_part()),
        ("AudioPart", audio_part()),
        ("FilePart", file_part()),
    ];
    schemas
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn message() -> Value {
    let kinds = [
        "SystemMessage",
        "DeveloperMessage",
        "UserMessage",
        "AssistantMessage",
        "ToolMessage",
        "FunctionMessage",
    ];
    json!({
        "oneOf": kinds.map(schema_ref),
        "description": "A message. After an assistant's message with tool calls comes a message of role `tool` \
            for each of the calls, before anything else.",
    })
}

/// A message of `role` with the other members as given.
fn of_role(role: &str, description: &str, required: &[&str], members: Value) -> Value {
    let mut properties = json!({
        "role": { "const": role },
        "name": { "type": ["string", "null"], "description": "Tells speakers of one role apart." },
        "cache_control": schema_ref("CacheControl"),
    });
    if let (Value::Object(properties), Value::Object(members)) = (&mut properties, members) {
        properties.extend(members);
    }
    let required: Vec<&str> = [&["role"], required].concat();
    json!({
        "type": "object",
        "description": description,
        "required": required,
        "properties": properties,
    })
}

/// A string, or an array of at least one of these parts.
fn text_or(parts: &[&str]) -> Value {
    let parts: Vec<Value> = parts.iter().map(|part| schema_ref(part)).collect();
    let items = match parts.as_slice() {
        [one] => one.clone(),
        several => json!({ "oneOf": several }),
    };
    json!({ "anyOf": [{ "type": "string" }, { "type": "array", "minItems": 1, "items": items }] })
}

fn instructions(role: &str, description: &str) -> Value {
    of_role(
        role,
        description,
        &["content"],
        json!({ "content": text_or(&["TextPart"]) }),
    )
}

fn user_message() -> Value {
    let parts = ["TextPart", "ImagePart", "VideoPart", "AudioPart", "FilePart"];
    of_role(
        "user",
        "What is asked. Parts other than text only for models that read them.",
        &["content"],
        json!({ "content": text_or(&parts) }),
    )
}

fn assistant_message() -> Value {
    let mut content = text_or(&["TextPart", "RefusalPart", "ImagePart"]);
    if let Some(Value::Array(forms)) = content.get_mut("anyOf") {
        forms.push(json!({ "type": "array", "maxItems": 0 }));
        forms.push(json!({ "type": "null" }));
    }
    let optional_string = json!({ "type": ["string", "null"] });
    let state = |description: &str| json!({ "type": ["array", "null"], "items": { "type": "object" }, "description": description });
    let mut message = of_role(
        "assistant",
        "An earlier answer, exactly as it came.",
        &[],
        json!({
            "content": content,
            "tool_calls": { "type": ["array", "null"], "items": schema_ref("ToolCall") },
            "refusal": optional_string,
            "reasoning_content": optional_string,
            "images": {
                "type": ["array", "null"],
                "items": schema_ref("ImagePart"),
                "description": "Images that the model drew, as the answer had them.",
            },
            "thinking_blocks": state("Thoughts with their signatures, in the form of Anthropic's API. Taken, never sent."),
            "reasoning_details": state("Thoughts in the form of OpenRouter's API. Taken, never sent."),
            "annotations": { "type": ["array", "null"] },
            "audio": { "type": ["object", "null"] },
            "function_call": { "anyOf": [schema_ref("FunctionCall"), { "type": "null" }], "deprecated": true },
        }),
    );
    let something = |name: &str, schema: Value| json!({ "required": [name], "properties": { name: schema } });
    message["anyOf"] = json!([
        something(
            "content",
            json!({ "anyOf": [{ "type": "string" }, { "type": "null" }, { "type": "array", "minItems": 1 }] })
        ),
        something("tool_calls", json!({ "type": "array", "minItems": 1 })),
        something("refusal", json!({ "type": "string" })),
        something("reasoning_content", json!({ "type": "string" })),
        something("reasoning", json!({ "not": { "type": "null" } })),
        something("images", json!({ "type": "array", "minItems": 1 })),
        something("thinking_blocks", json!({ "type": "array", "minItems": 1 })),
        something("reasoning_details", json!({ "type": "array", "minItems": 1 })),
        something("audio", json!({ "type": "object" })),
        something("function_call", json!({ "type": "object" })),
    ]);
    message
}

fn tool_message() -> Value {
    of_role(
        "tool",
        "The result of a call.",
        &["content", "tool_call_id"],
        json!({
            "content": text_or(&["TextPart", "ImagePart"]),
            "tool_call_id": { "type": "string", "minLength": 1, "description": "The `id` of the call." },
        }),
    )
}

fn function_message() -> Value {
    let mut content = text_or(&["TextPart"]);
    if let Some(Value::Array(forms)) = content.get_mut("anyOf") {
        forms.push(json!({ "type": "null" }));
    }
    let mut message = of_role(
        "function",
        "The older form of a tool message.",
        &["name"],
        json!({ "content": content, "name": { "type": "string", "minLength": 1 } }),
    );
    message["deprecated"] = true.into();
    message
}

fn tool_call() -> Value {
    json!({
        "type": "object",
        "required": ["id", "type", "function"],
        "properties": {
            "id": { "type": "string", "minLength": 1 },
            "type": { "const": "function" },
            "function": schema_ref("FunctionCall"),
            "extra_content": {
                "type": ["object", "null"],
                "description": "`google.thought_signature`: the signature of a Gemini call. Taken, never sent.",
            },
        },
    })
}

fn function_call() -> Value {
    json!({
        "type": "object",
        "required": ["name", "arguments"],
        "properties": {
            "name": { "type": "string", "minLength": 1 },
            "arguments": { "type": "string", "description": "A JSON object, as text; cut off where the answer was." },
        },
    })
}

fn cache_control() -> Value {
    json!({
        "type": ["object", "null"],
        "description": "Up to here the prompt may be kept for later requests, by providers that are told so.",
        "properties": {
            "type": { "const": "ephemeral" },
            "ttl": { "enum": ["5m", "1h"] },
        },
    })
}

/// A part whose one member is named like its type.
fn text_part(kind: &str) -> Value {
    part(kind, json!({ kind: { "type": "string" } }), &[kind])
}

fn part(kind: &str, members: Value, required: &[&str]) -> Value {
    let mut properties = json!({ "type": { "const": kind }, "cache_control": schema_ref("CacheControl") });
    if let (Value::Object(properties), Value::Object(members)) = (&mut properties, members) {
        properties.extend(members);
    }
    let required: Vec<&str> = [&["type"], required].concat();
    json!({ "type": "object", "required": required, "properties": properties })
}

fn image_part() -> Value {
    let image = json!({
        "type": "object",
        "required": ["url"],
        "properties": {
            "url": {
                "type": "string",
                "minLength": 1,
                "description": "An http(s) URL, or a data URI: `data:image/…;base64,…`.",
            },
            "detail": { "type": ["string", "null"], "description": "How closely the model looks: `auto`, `low`, `high`." },
        },
    });
    part("image_url", json!({ "image_url": image }), &["image_url"])
}

fn video_part() -> Value {
    let fps = json!({ "type": ["number", "null"], "description": "Frames to look at in a second." });
    let video = json!({
        "type": "object",
        "required": ["url"],
        "properties": {
            "url": {
                "type": "string",
                "minLength": 1,
                "description": "An http(s) URL, or a data URI: `data:video/…;base64,…`.",
            },
            "fps": fps,
        },
    });
    part(
        "video_url",
        json!({ "video_url": video, "fps": fps }),
        &["video_url"],
    )
}

fn audio_part() -> Value {
    let audio = json!({
        "type": "object",
        "required": ["data", "format"],
        "properties": {
            "data": { "type": "string", "minLength": 1, "description": "The sound in base64." },
            "format": { "type": "string", "minLength": 1, "description": "Such as `wav` or `mp3`." },
        },
    });
    part("input_audio", json!({ "input_audio": audio }), &["input_audio"])
}

fn file_part() -> Value {
    let file = json!({
        "type": "object",
        "anyOf": [
            { "required": ["file_data"], "properties": { "file_data": { "type": "string" } } },
            { "required": ["file_id"], "properties": { "file_id": { "type": "string" } } },
        ],
        "properties": {
            "file_data": { "type": ["string", "null"], "description": "The file as a data URI, or its http or https URL." },
            "file_id": {
                "type": ["string", "null"],
                "description": "A file in the provider's own storage; only where the operator allows it.",
            },
            "filename": { "type": ["string", "null"] },
        },
    });
    part("file", json!({ "file": file }), &["file"])
}
