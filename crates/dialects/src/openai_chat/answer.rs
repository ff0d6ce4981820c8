//! A whole answer: the provider's JSON, edited into our form.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
};

use bytes::Bytes;
use tollgate_catalog::{contract::estimated_tokens, quirks::Quirks};
use tollgate_chat::{
    answer::Answer,
    edit::{Edits, ObjectEdit},
    event::{EventKind, Finish, FinishReason, Unshown},
    json::quote,
    object::{Object, member_items},
    service_tier::ServiceTier,
    surrogates,
    usage::{CountedBy, Usage},
};

use super::{
    fault, finish,
    message::{self, set_if_different, set_text_if_different},
    shape, usage,
};
use crate::{
    Presentation, arguments, conversation,
    fault::{Fault, malformed},
    service_tier::AnsweringTier,
    think_tags::{Piece, ThinkTags},
};

/// Members of an answer that concern the operator or nobody.
pub(super) const PRIVATE_MEMBERS: &[&str] = &[
    "obfuscation",
    "base_resp",
    "prompt_filter_results",
    "x_groq",
    "provider",
    // Here it is null, or it would be a fault.
    "error",
];

/// Reads an answer with status 200, which may be an error all the same.
pub fn decode(body: &Bytes, quirks: &Quirks, presentation: &Presentation) -> Result<Answer, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| malformed("the answer is not UTF-8"))?;
    // DeepSeek sends blank lines while a request waits.
    let text = text.trim();
    let mended = surrogates::mended(text);
    let is_mended = matches!(&mended, Cow::Owned(mended) if mended != text);
    let text = if is_mended { &*mended } else { text };
    let object = Object::parse(text)
        .map_err(|error| malformed(format!("the answer is not a JSON object: {error}")))?;
    if let Some(fault) = fault::in_answer(&object) {
        return Err(fault);
    }
    let choices = object.present("choices").map(member_items).transpose();
    let choices = choices
        .map_err(|_| malformed("`choices` is not an array"))?
        .unwrap_or_default();
    if choices.is_empty() {
        return Err(malformed("the answer has no choices"));
    }
    let mut edits = Edits::of(text);
    let mut edit = ObjectEdit::of(&object);
    let mut finishes = Vec::with_capacity(choices.len());
    let mut output_bytes = 0;
    let mut unshown = BTreeSet::new();
    let choices: Vec<Object<'_>> = choices
        .into_iter()
        .map(Object::parse_member)
        .collect::<Result<_, _>>()
        .map_err(|_| malformed("a choice is not an object"))?;
    for (choice, number) in choices.iter().zip(shape::numbers(&choices)) {
        let (finish, bytes) = edit_choice(choice, number, quirks, presentation, &mut unshown, &mut edits)?;
        finishes.push(finish);
        output_bytes += bytes;
    }
    let counts = object
        .present("usage")
        .and_then(|json| Object::parse_member(json).ok());
    let counted = counts
        .as_ref()
        .and_then(|counts| usage::read(counts, quirks.usage_excludes_reasoning));
    let usage = counted.unwrap_or_else(|| Usage {
        prompt: presentation.estimated_prompt_tokens,
        completion: estimated_tokens(output_bytes as u64),
        ..Usage::default()
    });
    edit_envelope(&object, presentation, &mut edit);
    edit.set("usage", usage.to_json(&presentation.shape.usage));
    edit.finish(&mut edits);
    let json = if edits.is_empty() && !is_mended {
        body.clone()
    } else {
        Bytes::from(edits.finish())
    };
    Ok(Answer {
        json,
        usage,
        counted_by: match counted {
            Some(_) => CountedBy::Provider,
            None => CountedBy::Gate,
        },
        service_tier: tier_of(&object, counts.as_ref()),
        finishes,
        unshown,
    })
}

/// The tier that answered: OpenAI names it beside the choices, Mistral among the counts.
fn tier_of(answer: &Object<'_>, counts: Option<&Object<'_>>) -> Option<ServiceTier> {
    let mut tier = AnsweringTier::default();
    let told = tier
        .heard(answer, "service_tier")
        .or_else(|| tier.heard(counts?, "service_tier"));
    match told {
        Some(EventKind::ServiceTier(tier)) => Some(tier),
        _ => None,
    }
}

/// Takes out a `service_tier` that is none of OpenAI's: other hosts have classes of their own
/// (`on_demand`, `standard`, empty), and the SDKs know a closed list.
pub(super) fn drop_foreign_tier(object: &Object<'_>, edit: &mut ObjectEdit<'_, '_>) {
    const TIERS: [&str; 7] = [
        "null",
        "\"auto\"",
        "\"default\"",
        "\"flex\"",
        "\"scale\"",
        "\"priority\"",
        "\"fast\"",
    ];
    if object
        .get("service_tier")
        .is_some_and(|tier| !TIERS.contains(&tier))
    {
        edit.remove_named("service_tier");
    }
}

fn edit_envelope(object: &Object<'_>, presentation: &Presentation, edit: &mut ObjectEdit<'_, '_>) {
    let head = &presentation.head;
    if conversation::text(object, "id").is_none_or(|id| id.is_empty()) {
        edit.set("id", quote(&head.id));
    }
    set_if_different(object, edit, "object", "\"chat.completion\"");
    if object.read::<u64>("created").is_none_or(|created| created == 0) {
        edit.set("created", head.created.to_string());
    }
    set_text_if_different(object, edit, "model", &head.model);
    shape::fingerprint(object, presentation.shape.system_fingerprint, edit);
    drop_foreign_tier(object, edit);
    for name in PRIVATE_MEMBERS {
        edit.remove_named(name);
    }
}

/// Edits one choice, which is to have this number, and adds what it leaves out to `unshown`. Returns its end and the bytes of all that it says.
fn edit_choice(
    choice: &Object<'_>,
    number: u32,
    quirks: &Quirks,
    presentation: &Presentation,
    unshown: &mut BTreeSet<Unshown>,
    edits: &mut Edits<'_>,
) -> Result<(Finish, usize), Fault> {
    let message = choice
        .present("message")
        .and_then(|json| Object::parse_member(json).ok())
        .ok_or_else(|| malformed("a choice has no message"))?;
    let word = conversation::text(choice, "finish_reason").unwrap_or_default();
    let calls = message::tool_calls(&message, quirks.foreign_state)?;
    let reason = match finish::read(&word, !calls.is_empty())? {
        Some(reason) => reason,
        // xAI may say nothing at the end of calls, and simple servers know one end only.
        None if !calls.is_empty() => FinishReason::ToolCalls,
        None if choice.get("finish_reason").is_some() => return Err(malformed("a choice has not finished")),
        None => FinishReason::Stop,
    };

    let mut edit = ObjectEdit::of(&message);
    set_if_different(&message, &mut edit, "role", "\"assistant\"");
    let reasoning = message::unify_reasoning(&message, quirks.foreign_state, &mut edit)?;
    let (reasoning, text) = message::unify_content(&message, reasoning, &mut edit)?;
    let refusal = message::text(&message, "refusal")?;
    let said = [&reasoning, &text, &refusal].into_iter().flatten();
    let output_bytes = said.map(|text| text.len()).sum::<usize>()
        + calls.iter().map(|call| call.arguments.len()).sum::<usize>();
    if message.get("content").is_none() {
        edit.append("content", "null");
    } else if quirks.think_tags && reasoning.is_none() {
        split_thinking(&message, ThinkTags::of(quirks), &mut edit);
    }
    if message.get("refusal").is_none() {
        edit.append("refusal", "null");
    }
    if message::images(&message)?.is_empty() {
        edit.remove_named("images");
    }
    if shape::keep_citations(&message, &mut edit) {
        unshown.insert(Unshown::Annotations);
    }
    shape::complete_audio(&message, &presentation.head.id, &mut edit)?;
    if calls.is_empty() {
        edit.remove_named("tool_calls");
    }
    let function = message::function_call(&message, quirks.legacy_functions, &mut edit)?;
    let reason = finish::fitting(reason, !calls.is_empty(), function.is_some());
    if let Some(function) = function {
        complete_function(function, reason.cuts(), &mut edit)?;
    }
    // How often each was given.
    let mut ids: HashMap<String, u32> = HashMap::with_capacity(calls.len());
    for (index, call) in calls.iter().enumerate() {
        let id = call
            .id
            .clone()
            .unwrap_or_else(|| made_up_id(&presentation.head.id, number, index as u32));
        let times = ids.entry(id.clone()).and_modify(|times| *times += 1).or_default();
        let id = match *times {
            0 => id,
            times => {
                let other = unrepeated(&id, times, |id| ids.contains_key(id));
                ids.insert(other.clone(), 0);
                other
            }
        };
        let arguments = match (call.is_blank(), reason.cuts()) {
            (true, true) => "",
            (true, false) => "{}",
            _ => &*call.arguments,
        };
        if !reason.cuts() {
            arguments::check_object(arguments)?;
        }
        let name = call.name.as_deref().ok_or_else(arguments::nameless)?;
        call.rewrite(None, Some(&id), Some(name), arguments, edits);
    }
    edit.finish(edits);

    let mut edit = ObjectEdit::of(choice);
    if choice.read::<u32>("index") != Some(number) {
        edit.set("index", number.to_string());
    }
    set_text_if_different(choice, &mut edit, "finish_reason", reason.as_str());
    match choice.get("logprobs") {
        None => edit.append("logprobs", "null"),
        Some(_) => shape::write_logprobs(choice, shape::logprobs(choice)?.as_ref(), &mut edit),
    }
    if presentation.shape.matched_stop && choice.get("matched_stop").is_none() {
        edit.append("matched_stop", "null");
    }
    edit.finish(edits);
    let finish = Finish {
        choice: number,
        reason,
        matched_stop: choice.read("matched_stop"),
        provider_reason: None,
    };
    Ok((finish, output_bytes))
}

/// Gives the forerunner of a tool call its arguments where it has none. Fails where it is no call.
fn complete_function(
    function: message::FunctionPiece<'_>,
    is_cut: bool,
    edit: &mut ObjectEdit<'_, '_>,
) -> Result<(), Fault> {
    let name = function.name.ok_or_else(arguments::nameless)?;
    let told = function.arguments.as_deref();
    match told.filter(|arguments| is_cut || !arguments.trim().is_empty()) {
        Some(_) if is_cut => Ok(()),
        Some(arguments) => arguments::check_object(arguments),
        None => {
            let arguments = if is_cut { "" } else { "{}" };
            let call = format!("{{\"name\":{},\"arguments\":{}}}", quote(&name), quote(arguments));
            edit.set("function_call", call);
            Ok(())
        }
    }
}

fn split_thinking(message: &Object<'_>, mut tags: ThinkTags, edit: &mut ObjectEdit<'_, '_>) {
    let Some(content) = message.read::<String>("content") else {
        return;
    };
    let mut pieces = Vec::new();
    tags.split(&content, &mut pieces);
    tags.end(&mut pieces);
    let (mut text, mut reasoning) = (String::new(), String::new());
    for piece in pieces {
        match piece {
            Piece::Text(piece) => text.push_str(&piece),
            Piece::Reasoning(piece) => reasoning.push_str(&piece),
        }
    }
    if !reasoning.is_empty() {
        edit.set("content", quote(&text));
        edit.set("reasoning_content", quote(&reasoning));
    }
}

/// An ID for a tool call that came without one: the same for the same answer, choice and place.
pub(super) fn made_up_id(answer_id: &str, choice: u32, index: u32) -> String {
    let tail: String = answer_id.chars().filter(char::is_ascii_alphanumeric).collect();
    let tail = &tail[tail.len().saturating_sub(24)..];
    format!("call_{tail}{choice}{index}")
}

/// Another ID for a call whose own one `times` calls before it in the choice have: the client could not
/// tell which of them a result is for.
pub(super) fn unrepeated(id: &str, times: u32, is_taken: impl Fn(&str) -> bool) -> String {
    let mut number = times.saturating_add(1);
    loop {
        let other = format!("{id}_{number}");
        if !is_taken(&other) {
            return other;
        }
        number += 1;
    }
}
