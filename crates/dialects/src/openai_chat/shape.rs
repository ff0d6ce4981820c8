//! What the official schema types closely and hosts get wrong: annotations, log probabilities, spoken
//! answers, fingerprints, numbers of choices.
//!
//! What says nothing goes, what can be told from the rest is filled in, and what the client would lose is a
//! fault.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use tollgate_chat::{
    edit::ObjectEdit,
    event::Citation,
    json::quote,
    object::{Object, member_items},
};

use crate::fault::{Fault, malformed};

/// Leaves only OpenAI's kind of annotation, in its form, which is all that the SDKs' types know; other hosts also
/// annotate with files they have read, or write null for none. Returns whether a source was left out.
pub fn keep_citations(message: &Object<'_>, edit: &mut ObjectEdit<'_, '_>) -> bool {
    let Some(json) = message.get("annotations") else {
        return false;
    };
    let Ok(annotations) = member_items(json) else {
        edit.remove_named("annotations");
        return !matches!(json, "null" | "{}" | "\"\"" | "false");
    };
    let kept: Vec<Cow<'_, str>> = annotations.iter().filter_map(|json| cited(json)).collect();
    let leaves_out = kept.len() < annotations.len();
    let is_as_it_came = kept.iter().all(|json| matches!(json, Cow::Borrowed(_)));
    if leaves_out || !is_as_it_came {
        edit.set("annotations", format!("[{}]", kept.join(",")));
    }
    leaves_out
}

/// An annotation in OpenAI's form; `None` for one that names no page.
fn cited(json: &str) -> Option<Cow<'_, str>> {
    let annotation = Object::parse_member(json).ok()?;
    let page = page(&annotation)?;
    let citation = citation(&page)?;
    let is_whole = annotation.present("type").is_some()
        && annotation.present("url_citation").is_some()
        && page.read::<String>("title").is_some()
        && ["start_index", "end_index"]
            .iter()
            .all(|name| page.read::<i64>(name).is_some());
    Some(match is_whole {
        true => Cow::Borrowed(json),
        false => Cow::Owned(citation.to_json()),
    })
}

/// What an annotation says of a page: under a member of its own, or beside the type (as in Responses).
fn page<'a>(annotation: &Object<'a>) -> Option<Object<'a>> {
    let kind = annotation.present("type");
    if kind.is_some_and(|kind| kind != "\"url_citation\"") {
        return None;
    }
    match annotation.present("url_citation") {
        Some(page) => Object::parse_member(page).ok(),
        None => kind.map(|_| annotation.clone()),
    }
}

/// The pages in the `annotations` of a message or delta.
pub fn citations(message: &Object<'_>) -> Vec<Citation> {
    let Some(Ok(annotations)) = message.present("annotations").map(member_items) else {
        return Vec::new();
    };
    let read = |annotation: &str| citation(&page(&Object::parse_member(annotation).ok()?)?);
    annotations.into_iter().filter_map(read).collect()
}

fn citation(page: &Object<'_>) -> Option<Citation> {
    Some(Citation {
        url: page.read("url")?,
        title: page.read("title").unwrap_or_default(),
        start: page.read("start_index").unwrap_or_default(),
        end: page.read("end_index").unwrap_or_default(),
    })
}

/// A choice's `logprobs` in OpenAI's form; `None` where there are none. Fails where a token or its
/// probability cannot be read: the client asked for them.
///
/// DeepSeek leaves `refusal` out; others leave out `bytes` and `top_logprobs`.
pub fn logprobs<'a>(choice: &Object<'a>) -> Result<Option<Cow<'a, str>>, Fault> {
    let Some(json) = choice.present("logprobs") else {
        return Ok(None);
    };
    if matches!(json, "\"\"" | "[]" | "{}" | "false") {
        return Ok(None);
    }
    let unreadable = || malformed("`logprobs` cannot be read");
    let Ok(Value::Object(mut logprobs)) = serde_json::from_str(json) else {
        return Err(unreadable());
    };
    let mut is_as_it_came = true;
    for name in ["content", "refusal"] {
        match logprobs.get_mut(name) {
            Some(Value::Null) => {}
            Some(Value::Array(tokens)) => {
                for token in tokens {
                    is_as_it_came &= complete_token(token, true).ok_or_else(unreadable)?;
                }
            }
            Some(_) => return Err(unreadable()),
            None => {
                is_as_it_came = false;
                logprobs.insert(name.to_owned(), Value::Null);
            }
        }
    }
    Ok(Some(match is_as_it_came {
        true => Cow::Borrowed(json),
        false => Cow::Owned(Value::Object(logprobs).to_string()),
    }))
}

/// Fills in what a token lacks. Returns whether it lacked nothing; `None` for what is no token.
fn complete_token(token: &mut Value, has_others: bool) -> Option<bool> {
    let token = token.as_object_mut()?;
    let is_token = token.get("token").is_some_and(Value::is_string)
        && token.get("logprob").is_some_and(Value::is_number);
    if !is_token {
        return None;
    }
    let mut is_whole = true;
    let is_bytes = |bytes: &Value| {
        bytes.is_null()
            || bytes
                .as_array()
                .is_some_and(|bytes| bytes.iter().all(Value::is_u64))
    };
    if !token.get("bytes").is_some_and(is_bytes) {
        token.insert("bytes".to_owned(), Value::Null);
        is_whole = false;
    }
    if has_others {
        is_whole &= complete_others(token)?;
    }
    Some(is_whole)
}

/// The same for the tokens that might have stood in a token's place.
fn complete_others(token: &mut Map<String, Value>) -> Option<bool> {
    let mut is_whole = true;
    match token.get_mut("top_logprobs") {
        Some(Value::Array(others)) => {
            for other in others {
                is_whole &= complete_token(other, false)?;
            }
        }
        Some(Value::Null) | None => {
            token.insert("top_logprobs".to_owned(), json!([]));
            is_whole = false;
        }
        Some(_) => return None,
    }
    Some(is_whole)
}

/// Writes a choice's `logprobs` where they have to change.
pub fn write_logprobs(choice: &Object<'_>, logprobs: Option<&Cow<'_, str>>, edit: &mut ObjectEdit<'_, '_>) {
    match logprobs {
        Some(Cow::Borrowed(_)) => {}
        Some(Cow::Owned(json)) => edit.set("logprobs", json.clone()),
        None if choice.present("logprobs").is_some() => edit.set("logprobs", "null"),
        None => {}
    }
}

/// The items of `logprobs.content`, as a JSON array; `None` where there are none.
pub fn items_of(logprobs: &str) -> Option<String> {
    let logprobs = Object::parse_member(logprobs).ok()?;
    let items = logprobs.present("content").filter(|items| *items != "[]");
    items.map(str::to_owned)
}

/// Completes what a message speaks. Fails where there is no sound in it. `id` stands in for the provider's.
pub fn complete_audio(message: &Object<'_>, id: &str, edit: &mut ObjectEdit<'_, '_>) -> Result<(), Fault> {
    let Some(json) = message.get("audio") else {
        return Ok(());
    };
    if matches!(json, "null" | "{}" | "[]" | "\"\"") {
        edit.remove_named("audio");
        return Ok(());
    }
    let unreadable = || malformed("`audio` cannot be read");
    let audio = Object::parse_member(json).map_err(|_| unreadable())?;
    let data: String = audio.read("data").ok_or_else(unreadable)?;
    let own_id = audio.read::<String>("id").filter(|id| !id.is_empty());
    let transcript = audio.read::<String>("transcript");
    let expires_at = audio.read::<i64>("expires_at");
    if own_id.is_none() || transcript.is_none() || expires_at.is_none() {
        edit.set(
            "audio",
            format!(
                "{{\"id\":{},\"expires_at\":{},\"data\":{},\"transcript\":{}}}",
                quote(own_id.as_deref().unwrap_or(id)),
                expires_at.unwrap_or_default(),
                quote(&data),
                quote(&transcript.unwrap_or_default()),
            ),
        );
    }
    Ok(())
}

/// Gives `system_fingerprint` its one type. `always`: null stands where there is none.
pub fn fingerprint(object: &Object<'_>, always: bool, edit: &mut ObjectEdit<'_, '_>) {
    match object.get("system_fingerprint") {
        None if always => edit.append("system_fingerprint", "null"),
        Some(json) if json != "null" && !json.starts_with('"') => edit.set("system_fingerprint", "null"),
        _ => {}
    }
}

/// The numbers of a whole answer's choices: the provider's where each from 0 on stands once, else their
/// places.
pub fn numbers(choices: &[Object<'_>]) -> Vec<u32> {
    let told: Option<Vec<u32>> = choices.iter().map(|choice| choice.read("index")).collect();
    told.filter(|told| is_each_once(told))
        .unwrap_or_else(|| (0..choices.len() as u32).collect())
}

/// Whether each number from 0 on stands there once. A provider says how many there are, so each is looked at once.
fn is_each_once(numbers: &[u32]) -> bool {
    let mut seen = vec![false; numbers.len()];
    numbers.iter().all(|number| {
        let place = seen.get_mut(*number as usize);
        place.is_some_and(|seen| !std::mem::replace(seen, true))
    })
}
