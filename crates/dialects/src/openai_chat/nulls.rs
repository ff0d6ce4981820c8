//! Nulls on their way to a provider: a null says the same as nothing, and some hosts refuse it.

use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    object::{Object, items},
};

/// Members that hold a JSON Schema, in which null is a value like any other.
const SCHEMAS: [&str; 2] = ["parameters", "schema"];

/// Takes members that are null out of every object in `json`, but for schemas.
pub fn strip(json: &str, edits: &mut Edits<'_>) {
    if !json.contains("null") {
        return;
    }
    if json.starts_with('[') {
        for item in items(json).unwrap_or_default() {
            strip(item, edits);
        }
    } else if json.starts_with('{')
        && let Ok(object) = Object::parse(json)
    {
        let mut edit = ObjectEdit::of(&object);
        strip_members(&object, &mut edit, edits);
        edit.finish(edits);
    }
}

/// The same for the members of one object, of which `edit` may change others.
pub fn strip_members(object: &Object<'_>, edit: &mut ObjectEdit<'_, '_>, edits: &mut Edits<'_>) {
    for (index, member) in object.members().iter().enumerate() {
        if member.value == "null" {
            edit.remove(index);
        } else if !SCHEMAS.contains(&&*member.name) {
            strip(member.value, edits);
        }
    }
}
