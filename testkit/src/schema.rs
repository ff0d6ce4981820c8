//! Judges single objects that the gate sends by JSON Schema.
//!
//! Two judges: our own short schema, always, which asks for what the SDKs rely on; and OpenAI's,
//! where the variable [`SCHEMAS`] names a folder with `chat.schema.json` and `responses.schema.json`
//! (2020-12, the parts of OpenAI's OpenAPI description under `$defs` with their names). Not here: what holds between the
//! events of a stream ([`crate::grammar`]).

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::LazyLock;

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use crate::skipped::skipped;

/// The environment variable that names the folder with OpenAI's schema.
pub const SCHEMAS: &str = "TOLLGATE_SCHEMAS";

/// One place where an object does not fit a schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{schema} schema, at {path:?}: {message}")]
pub struct Misfit {
    /// `our` or `OpenAI's`.
    pub schema: &'static str,
    /// JSON pointer into the object.
    pub path: String,
    pub message: String,
}

/// Every way in which a whole answer does not fit.
pub fn check_answer(answer: &Value) -> Vec<Misfit> {
    ANSWER.check(answer)
}

/// Every way in which one chunk of a stream does not fit.
pub fn check_chunk(chunk: &Value) -> Vec<Misfit> {
    CHUNK.check(chunk)
}

/// Every way in which an error, as the body of a response or as an event, does not fit.
pub fn check_error(error: &Value) -> Vec<Misfit> {
    ERROR.check(error)
}

/// Every way in which a request to OpenAI's Responses does not fit OpenAI's schema of it. Nothing is
/// checked where the variable [`SCHEMAS`] is not set.
pub fn check_responses_request(request: &Value) -> Vec<Misfit> {
    let validator = RESPONSES_REQUEST.as_ref();
    validator.map_or_else(Vec::new, |validator| judged(validator, "OpenAI's", request))
}

static RESPONSES_REQUEST: LazyLock<Option<Validator>> =
    LazyLock::new(|| official("responses.schema.json").map(|schema| validator(&schema, "CreateResponse")));
static ANSWER: LazyLock<Judges> = LazyLock::new(|| Judges::new("Answer", "CreateChatCompletionResponse"));
static CHUNK: LazyLock<Judges> = LazyLock::new(|| Judges::new("Chunk", "CreateChatCompletionStreamResponse"));
static ERROR: LazyLock<Judges> = LazyLock::new(|| Judges::new("Error", "ErrorResponse"));

struct Judges {
    our: Validator,
    official: Option<Validator>,
}

impl Judges {
    fn new(our_name: &str, official_name: &str) -> Self {
        let our =
            serde_json::from_str(include_str!("../schema/answer.schema.json")).expect("our schema is JSON");
        Self {
            our: validator(&our, our_name),
            official: official("chat.schema.json").map(|schema| validator(&schema, official_name)),
        }
    }

    fn check(&self, value: &Value) -> Vec<Misfit> {
        let mut misfits = judged(&self.our, "our", value);
        if let Some(official) = &self.official {
            misfits.extend(judged(official, "OpenAI's", value));
        }
        misfits
    }
}

fn judged(validator: &Validator, schema: &'static str, value: &Value) -> Vec<Misfit> {
    validator
        .iter_errors(value)
        .map(|error| Misfit {
            schema,
            path: error.instance_path().to_string(),
            message: error.to_string(),
        })
        .collect()
}

fn validator(document: &Value, name: &str) -> Validator {
    let schema = json!({"$ref": format!("#/$defs/{name}"), "$defs": document["$defs"]});
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .build(&schema)
        .unwrap_or_else(|error| panic!("the schema of {name} is no schema: {error}"))
}

fn official(file: &str) -> Option<Value> {
    let Some(folder) = std::env::var_os(SCHEMAS) else {
        skipped(SCHEMAS, "nothing is checked against OpenAI's own schema");
        return None;
    };
    let path = PathBuf::from(folder).join(file);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{SCHEMAS}: {}: {error}", path.display()));
    let mut schema: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{SCHEMAS}: {}: {error}", path.display()));
    for (name, part) in schema["$defs"].as_object_mut().into_iter().flatten() {
        without_recursive_anchors(part, &format!("#/$defs/{name}"));
    }
    Some(schema)
}

/// OpenAI writes recursion as JSON Schema did in 2019; since 2020 it is a plain reference to the part
/// with the anchor, which in these documents is always the whole definition.
fn without_recursive_anchors(schema: &mut Value, itself: &str) {
    match schema {
        Value::Object(members) => {
            members.remove("$recursiveAnchor");
            if members.remove("$recursiveRef").is_some() {
                members.insert("$ref".to_owned(), itself.into());
            }
            members
                .values_mut()
                .for_each(|member| without_recursive_anchors(member, itself));
        }
        Value::Array(members) => members
            .iter_mut()
            .for_each(|member| without_recursive_anchors(member, itself)),
        _ => {}
    }
}
