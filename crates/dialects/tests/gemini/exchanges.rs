//! A client's requests and what Google receives for them, side by side, for people to read.

use std::fmt::Write;

use super::fixtures::{CATALOG, alone, encode_knowing, notes, serving};

/// JSON with line breaks, members in their order.
fn pretty(json: &str) -> String {
    let (mut out, mut depth, mut in_string, mut escaped) = (String::new(), 0, false, false);
    let mut characters = json.chars().peekable();
    while let Some(character) = characters.next() {
        if in_string {
            out.push(character);
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_string = false,
                _ => {}
            }
            continue;
        }
        let line = |out: &mut String, depth: usize| {
            let _ = write!(out, "\n{}", "  ".repeat(depth));
        };
        match character {
            '"' => {
                in_string = true;
                out.push('"');
            }
            '{' | '[' => {
                out.push(character);
                if matches!(characters.peek(), Some('}' | ']')) {
                    out.extend(characters.next());
                    continue;
                }
                depth += 1;
                line(&mut out, depth);
            }
            '}' | ']' => {
                depth -= 1;
                line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(',');
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            space if space.is_whitespace() => {}
            other => out.push(other),
        }
    }
    out
}

/// Shows both sides without the test's own code.
macro_rules! assert_exchange {
    ($model:expr, $chat:expr) => {
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!(exchange($model, $chat));
        });
    };
}

/// The two sides of one exchange, as text.
fn exchange(model: &str, chat: &str) -> String {
    let with_model = chat.replacen('{', &format!("{{\"model\":\"{model}\","), 1);
    let request = crate::harness::checked(&CATALOG, model, &with_model);
    let encoded = encode_knowing(&request, &serving(model), &alone())
        .unwrap_or_else(|refused| panic!("{}: {refused}", refused.param));
    let body = String::from_utf8(encoded.body.concat()).unwrap();
    format!(
        "chat, {model}\n{}\n\nPOST {}\n{}\n\nnotes: {}\n",
        pretty(chat),
        encoded.path,
        pretty(&body),
        notes(&encoded).join(", "),
    )
}

#[test]
fn a_tool_exchange_with_thinking() {
    assert_exchange!(
        "gemini-3-flash-preview",
        r##"{
            "messages": [
                {"role": "system", "content": "You tell the weather."},
                {"role": "user", "content": "Paris and Rome?"},
                {"role": "assistant", "content": "I will look.", "tool_calls": [
                    {"id": "call_1", "type": "function",
                     "function": {"name": "weather", "arguments": "{\"city\":\"Paris\"}"},
                     "extra_content": {"google": {"thought_signature": "c2lnbmF0dXJl"}}},
                    {"id": "call_2", "type": "function",
                     "function": {"name": "weather", "arguments": "{\"city\":\"Rome\"}"}}]},
                {"role": "tool", "tool_call_id": "call_2", "content": "{\"celsius\": 27}"},
                {"role": "tool", "tool_call_id": "call_1", "content": "rain, 14 degrees"}
            ],
            "tools": [{"type": "function", "function": {
                "name": "weather", "description": "The weather in a city", "strict": true,
                "parameters": {
                    "$schema": "http://json-schema.org/draft-07/schema#",
                    "type": "object",
                    "properties": {
                        "city": {"type": "string", "minLength": 2},
                        "unit": {"$ref": "#/definitions/unit"},
                        "day": {"type": ["string", "null"], "format": "date"}
                    },
                    "required": ["city"],
                    "additionalProperties": false,
                    "definitions": {"unit": {"const": "celsius"}}
                }}}],
            "reasoning_effort": "low",
            "stream": true
        }"##
    );
}

#[test]
fn a_schema_in_openapis_words() {
    assert_exchange!(
        "gemini-2.0-flash",
        r##"{
            "messages": [{"role": "user", "content": "Invent a family."}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "family", "schema": {
                "type": "object",
                "properties": {
                    "head": {"$ref": "#/$defs/person"},
                    "pet": {"anyOf": [{"$ref": "#/$defs/person"}, {"type": "null"}]}
                },
                "required": ["head"],
                "$defs": {"person": {"type": "object", "properties": {
                    "name": {"type": "string"},
                    "age": {"type": "integer", "exclusiveMinimum": 0},
                    "children": {"type": "array", "items": {"$ref": "#/$defs/person"}}}}}
            }}}
        }"##
    );
}

#[test]
fn media_of_all_kinds() {
    assert_exchange!(
        "gemini-2.5-flash",
        r##"{
            "messages": [{"role": "user", "content": [
                {"type": "text", "text": "What is all this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aW1hZ2U=", "detail": "high"}},
                {"type": "video_url", "video_url": {"url": "https://www.youtube.com/watch?v=abc", "fps": 0.5}},
                {"type": "input_audio", "input_audio": {"data": "c291bmQ=", "format": "mp3"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,cGRm"}}
            ]}]
        }"##
    );
}

#[test]
fn what_the_gate_does_itself_for_a_model_that_lacks_it() {
    assert_exchange!(
        "gemini-2.5-pro",
        r##"{
            "messages": [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": "Plan my day."}
            ],
            "tools": [
                {"type": "function", "function": {"name": "2do", "parameters": {"type": "object", "properties": {}}}},
                {"type": "function", "function": {"name": "calendar"}}
            ],
            "parallel_tool_calls": false,
            "response_format": {"type": "json_object"},
            "stop": ["1", "2", "3", "4", "5", "6"],
            "temperature": 1.5,
            "presence_penalty": 0.5,
            "user": "u-1"
        }"##
    );
}

#[test]
fn an_image_to_change() {
    assert_exchange!(
        "gemini-3-pro-image-preview",
        r##"{
            "messages": [
                {"role": "user", "content": "Draw a cat."},
                {"role": "assistant", "content": "Here it is.", "images": [
                    {"type": "image_url", "index": 0, "image_url": {"url": "data:image/png;base64,Y2F0"}}]},
                {"role": "user", "content": "Make it blue."}
            ]
        }"##
    );
}
