//! The request side.

use std::{borrow::Cow, fmt::Write};

use bytes::Bytes;
use serde_json::value::to_raw_value;
use tollgate_catalog::{contract::ValidRequest, quirks::Quirks, serving::Serving};

use super::{
    body::{Body, Members, Part},
    config,
    media::Media,
    messages,
    names::Names,
    tools,
};
use crate::{
    Dialect, conversation,
    emulate::Plan,
    request::{Context, Note, ProviderRequest, Undo, Unsupported},
};

/// Writes the provider's request. Fails with the first parameter that the provider cannot serve.
pub fn encode(
    request: &ValidRequest,
    serving: &Serving,
    mut plan: Plan,
    context: &Context<'_>,
) -> Result<ProviderRequest, Unsupported> {
    let quirks = &serving.quirks;
    let messages = request.request.get("messages").unwrap_or_default();
    let mut notes = [&*plan.thinking.notes, &*plan.notes].concat();
    if request.traits.name {
        // Gemini tells sides apart, not people.
        notes.push(Note::Omitted("name".to_owned()));
    }
    if request.traits.cache_control || request.traits.tool_cache_control {
        // Gemini caches by itself, or what was stored before.
        notes.push(Note::Omitted("cache_control".to_owned()));
    }
    let mut names = Names::default();
    // First, so that tools on offer keep their names and those of the history give way.
    let offered = tools::write(request, quirks, &mut plan, &mut names, &mut notes)?;
    let generation_config = config::Writer {
        request,
        quirks,
        plan: &mut plan,
        notes: &mut notes,
    }
    .write(context)?;
    let messages = conversation::messages(messages);
    let written = messages::Writer {
        media: Media {
            quirks,
            fetched: context.fetched,
            provider_files: context.provider_files,
        },
        states: context.states,
        names: &mut names,
        notes: &mut notes,
        made: std::collections::HashMap::new(),
    }
    .write(&messages)?;
    let mut body = Body {
        system_instruction: written.system,
        contents: written.contents,
        tools: offered.tools,
        tool_config: offered.config,
        generation_config,
        others: Members::default(),
    };
    let instructions = plan.instructions.iter();
    body.system_instruction
        .extend(instructions.map(|text| Part::text(text.as_str())));
    add(quirks, &mut body);
    let streamed = crate::streams(request, quirks, plan.thinking.thinks);
    let json = serde_json::to_vec(&body).expect("texts, numbers and JSON always serialise");
    Ok(ProviderRequest {
        dialect: Dialect::Gemini,
        path: path(&serving.upstream_id, streamed),
        body: vec![Bytes::from(json)],
        streamed,
        notes,
        undo: Undo {
            emulated: plan.emulated,
            tool_names: names.changed(),
            ..Undo::default()
        },
    })
}

/// Adds the members that the catalogue wants in every request: those of `generationConfig` one by one,
/// tools behind the client's.
fn add(quirks: &Quirks, body: &mut Body<'_>) {
    for (name, value) in &quirks.send {
        if let Some(members) = value.as_table().filter(|_| name == "generationConfig") {
            for (name, value) in members {
                body.generation_config.put(name, value);
            }
        } else if let Some(tools) = value.as_array().filter(|_| name == "tools") {
            body.tools
                .extend(tools.iter().filter_map(|tool| to_raw_value(tool).ok()));
        } else {
            body.others.put(name, value);
        }
    }
}

/// The path for a model, whose ID may hold anything in an operator's catalogue.
fn path(model: &str, streamed: bool) -> Cow<'static, str> {
    let mut path = String::from("/v1beta/models/");
    for byte in model.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => path.push(byte.into()),
            _ => {
                let _ = write!(path, "%{byte:02X}");
            }
        }
    }
    path.push_str(if streamed {
        ":streamGenerateContent?alt=sse"
    } else {
        ":generateContent"
    });
    Cow::Owned(path)
}
