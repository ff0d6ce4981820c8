//! The request side: the client's body, edited where this provider differs.

mod tools;

use tollgate_catalog::{
    contract::{ResponseFormatAsked, ValidRequest, defaults},
    quirks::{MediaSource, Quirks, Range, ThinkingForm},
    serving::Serving,
};
use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    json::quote,
    object::Object,
};

use super::{messages, names::Names, nulls, thinking};
use crate::{
    Dialect,
    emulate::{FormatPlan, Plan},
    parameter::{nearest, omits, passes},
    request::{Context, Note, ProviderRequest, Undo, Unsupported},
};

const PATH: &str = "/chat/completions";
const JSON_OBJECT: &str = "{\"type\":\"json_object\"}";

/// Writes the provider's request. Fails with the first parameter that the provider cannot serve.
pub fn encode(
    request: &ValidRequest,
    serving: &Serving,
    plan: Plan,
    context: &Context<'_>,
) -> Result<ProviderRequest, Unsupported> {
    let quirks = &serving.quirks;
    check_messages(request, quirks, context)?;
    let thinking = thinking::resolve(request, quirks, plan.thinking.clone());
    let streamed = crate::streams(request, quirks, thinking.thinks);
    let object = request.request.object();
    let mut encoder = Encoder {
        request,
        quirks,
        plan: &plan,
        context,
        names: Names::of(request, quirks),
        thinks: thinking.thinks,
        streamed,
        edits: Edits::of(request.request.text()),
        edit: ObjectEdit::of(&object),
        notes: [&*thinking.notes, &*plan.notes].concat(),
    };
    for (index, member) in object.members().iter().enumerate() {
        if member.value == "null" {
            encoder.edit.remove(index);
        } else {
            encoder.member(index, &member.name, member.value, &serving.upstream_id)?;
        }
    }
    thinking.write(&object, quirks, &mut encoder.edit);
    encoder.additions(&object);
    let Encoder {
        mut edits,
        edit,
        notes,
        names,
        ..
    } = encoder;
    edit.finish(&mut edits);
    Ok(ProviderRequest {
        dialect: Dialect::OpenaiChat,
        path: PATH.into(),
        body: edits.segments(request.request.body()),
        streamed,
        notes,
        undo: Undo {
            tool_names: names.undo(),
            emulated: plan.emulated,
            ..Undo::default()
        },
    })
}

/// What the messages hold and this provider cannot take.
fn check_messages(request: &ValidRequest, quirks: &Quirks, context: &Context<'_>) -> Result<(), Unsupported> {
    let traits = &request.traits;
    if let Some(message) = traits.provider_file.filter(|_| !context.provider_files) {
        let list = request.request.get("messages").unwrap_or_default();
        return Err(Unsupported::new(
            messages::place_of_stored(list, message as usize),
            "references into a provider's own storage are not allowed here; send the data itself or a public URL",
        ));
    }
    for (any, taken, kind) in [
        (traits.images, quirks.images != MediaSource::None, "image"),
        (traits.videos, quirks.videos != MediaSource::None, "video"),
        (traits.audio, quirks.audio, "input_audio"),
        (traits.files, quirks.files, "file"),
    ] {
        if any && !taken {
            return Err(Unsupported::new(
                "messages",
                format!("the provider of this model takes no {kind} parts"),
            ));
        }
    }
    Ok(())
}

/// Parameters without a rule of their own whose members are described. In those that nobody describes a null may be
/// more than nothing.
const OBJECTS: [&str; 5] = [
    "audio",
    "logit_bias",
    "metadata",
    "prediction",
    "web_search_options",
];

struct Encoder<'o, 'a> {
    request: &'a ValidRequest,
    quirks: &'a Quirks,
    plan: &'a Plan,
    context: &'a Context<'a>,
    names: Names,
    thinks: bool,
    streamed: bool,
    edits: Edits<'a>,
    edit: ObjectEdit<'o, 'a>,
    notes: Vec<Note>,
}

impl<'a> Encoder<'_, 'a> {
    /// Decides about one member that the client sent.
    fn member(
        &mut self,
        index: usize,
        name: &str,
        value: &'a str,
        upstream_id: &str,
    ) -> Result<(), Unsupported> {
        match name {
            "model" => self.model(value, upstream_id),
            "messages" => self.messages(value)?,
            "max_tokens" | "max_completion_tokens" => self.token_limit(index, name),
            "temperature" => self.number(index, name, value, self.quirks.temperature),
            "top_p" => self.number(index, name, value, self.quirks.top_p),
            "stop" => self.stop(index, value),
            "n" => self.choices(index),
            "stream" if self.streamed != self.request.stream => self.edit.set(name, "true"),
            "stream_options" => self.stream_options(index, value),
            "response_format" => self.response_format(index, value),
            "tools" | "tool_choice" | "parallel_tool_calls" if self.drops_tools() => self.edit.remove(index),
            "parallel_tool_calls" if self.plan.emulated.one_call => self.edit.remove(index),
            "tools" => self.tools(value)?,
            "tool_choice" => self.tool_choice(index, value),
            "cache_control" if !self.quirks.cache_control => {
                self.edit.remove(index);
                self.note_once(Note::Omitted("cache_control".to_owned()));
            }
            "functions" | "function_call" => self.legacy_functions(index, name, value)?,
            // Written by `thinking`.
            "reasoning_effort" | "thinking" | "enable_thinking" | "thinking_budget"
                if self.quirks.thinking != ThinkingForm::Pass => {}
            _ => self.other(index, name, value)?,
        }
        Ok(())
    }

    /// A parameter without a rule of its own: passes, unless the provider does not take it.
    fn other(&mut self, index: usize, name: &str, value: &'a str) -> Result<(), Unsupported> {
        if !passes(self.quirks, self.thinks, name, value, &mut self.notes)? {
            self.edit.remove(index);
        } else if OBJECTS.contains(&name) {
            nulls::strip(value, &mut self.edits);
        }
        Ok(())
    }

    fn note_once(&mut self, note: Note) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    fn model(&mut self, value: &str, upstream_id: &str) {
        let json = quote(upstream_id);
        if value != json {
            self.edit.set("model", json);
        }
    }

    /// Both names say one limit; it goes out once, under the provider's name.
    fn token_limit(&mut self, index: usize, name: &str) {
        let both = self.request.request.get("max_completion_tokens").is_some();
        if name == "max_tokens" && both {
            self.edit.remove(index);
        } else if name != self.quirks.token_limit_field.as_str() {
            self.edit.rename(index, self.quirks.token_limit_field.as_str());
        }
    }

    /// A sampling hint: moved to the nearest value that is taken, or left out.
    fn number(&mut self, index: usize, name: &str, value: &str, range: Option<Range>) {
        let range = range.filter(|_| !omits(self.quirks, name, self.thinks));
        let Some(asked) = value.parse::<f64>().ok() else {
            return;
        };
        match nearest(name, asked, range, &mut self.notes) {
            None => self.edit.remove(index),
            Some(sent) if sent == asked => {}
            Some(sent) => self.edit.set(name, sent.to_string()),
        }
    }

    fn stop(&mut self, index: usize, value: &str) {
        if self.plan.stop.is_empty() {
            self.edit.remove(index);
        } else if self.quirks.stop_array && value.starts_with('"') {
            self.edit.set("stop", format!("[{value}]"));
        }
    }

    fn messages(&mut self, value: &'a str) -> Result<(), Unsupported> {
        let rules = messages::Rules {
            traits: &self.request.traits,
            quirks: self.quirks,
            context: self.context,
            names: &self.names,
            reads_images: self.request.model.modalities.image_input
                && self.quirks.images != MediaSource::None,
            instructions: &self.plan.instructions,
        };
        messages::edit(value, &rules, &mut self.edits, &mut self.notes)
    }

    /// The client's `n`, or the part of it that this request is for.
    fn choices(&mut self, index: usize) {
        let choices = self.context.choices.max(1);
        if self.quirks.n_max <= 1 {
            self.edit.remove(index);
        } else if self.request.n != choices {
            self.edit.set("n", choices.to_string());
        }
    }

    fn stream_options(&mut self, index: usize, value: &str) {
        if !self.streamed || !self.quirks.stream_usage_option {
            self.edit.remove(index);
            return;
        }
        let Ok(options) = Object::parse(value) else { return };
        let mut edit = ObjectEdit::of(&options);
        nulls::strip_members(&options, &mut edit, &mut self.edits);
        if options.get("include_usage") != Some("true") {
            edit.set("include_usage", "true");
        }
        edit.finish(&mut self.edits);
    }

    fn response_format(&mut self, index: usize, value: &str) {
        match &self.plan.format {
            FormatPlan::Native(format) if *format != self.request.response_format => match format {
                ResponseFormatAsked::JsonObject => self.edit.set("response_format", JSON_OBJECT),
                _ => self.edit.remove(index),
            },
            FormatPlan::Native(ResponseFormatAsked::Text) if self.quirks.response_formats.is_empty() => {
                self.edit.remove(index);
            }
            FormatPlan::Native(_) => nulls::strip(value, &mut self.edits),
            FormatPlan::Tool { .. } => self.edit.remove(index),
        }
    }

    /// Members that the client did not send and the provider needs.
    fn additions(&mut self, object: &Object<'_>) {
        self.content_tool();
        for (name, json) in defaults::to_send(self.request, self.quirks) {
            self.edit.set(name, json);
        }
        for (name, value) in &self.quirks.send {
            if let Ok(json) = serde_json::to_string(value) {
                self.edit.set(name, json);
            }
        }
        if self.streamed && object.present("stream").is_none() {
            self.edit.set("stream", "true");
        }
        if self.streamed && self.quirks.stream_usage_option && object.present("stream_options").is_none() {
            self.edit.set("stream_options", r#"{"include_usage":true}"#);
        }
    }
}
