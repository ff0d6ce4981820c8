//! What the description of the API lacks, as it is made from the code.

use serde_json::{Map, Value};

/// Schemas of what is written, where every member may be left out that is not said to be required.
const WRITTEN: [&str; 3] = ["ChannelWrite", "ChannelUpdate", "Rates"];

/// Says of each answer what it is, which OpenAPI wants to be said, and of what is answered that no member is ever left
/// out: there is null instead.
pub(super) fn complete(description: &mut Value) {
    let operations = description["paths"]
        .as_object_mut()
        .into_iter()
        .flat_map(Map::values_mut)
        .filter_map(Value::as_object_mut)
        .flat_map(Map::values_mut);
    let answers = operations.filter_map(|operation| operation["responses"].as_object_mut());
    for (status, answer) in answers.flat_map(Map::iter_mut) {
        if answer.get("description").is_none() {
            let told = match status.starts_with('2') {
                true => "Done.",
                false => "Refused: `code` says why, and `param` which field it is about.",
            };
            answer["description"] = told.into();
        }
    }
    let schemas = description["components"]["schemas"].as_object_mut();
    for (name, schema) in schemas.into_iter().flatten() {
        // What is read refuses what it does not know.
        let is_written = WRITTEN.contains(&name.as_str()) || schema.get("additionalProperties").is_some();
        let members = schema.get("properties").and_then(Value::as_object);
        if let Some(members) = members.filter(|_| !is_written) {
            let names: Vec<Value> = members.keys().map(|name| name.as_str().into()).collect();
            schema["required"] = names.into();
        }
    }
}
