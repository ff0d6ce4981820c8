//! The request side: the client's body, edited where this provider differs.

use tollgate_catalog::{
    contract::{ResponseFormatAsked, ToolChoice, ValidRequest, defaults},
    quirks::{MediaSource, Quirks, Range, ResponseFormat, ThinkingForm, ToolChoiceForm},
    serving::Serving,
};
use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    json::quote,
    object::{Object, items},
};

use super::{messages, nulls, thinking};
use crate::request::{Note, ProviderRequest, Unsupported};

/// Writes the provider's request. Fails with the first parameter that the provider cannot serve.
pub fn encode(
    request: &ValidRequest,
    serving: &Serving,
    provider_files: bool,
) -> Result<ProviderRequest, Unsupported> {
    let quirks = &serving.quirks;
    check_messages(request, quirks, provider_files)?;
    let thinking = thinking::resolve(request, quirks);
    let streamed = request.stream || (quirks.fold_thinking_stream && thinking.thinks);
    if streamed && !request.stream && request.request.get("logprobs") == Some("true") {
        return Err(Unsupported::new(
            "logprobs",
            "this model's provider does not give `logprobs` in a whole answer while the model thinks; \
             stream, or switch thinking off",
        ));
    }
    let object = request.request.object();
    let mut encoder = Encoder {
        request,
        quirks,
        thinks: thinking.thinks,
        streamed,
        edits: Edits::of(request.request.text()),
        edit: ObjectEdit::of(&object),
        notes: thinking.notes.clone(),
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
        ..
    } = encoder;
    edit.finish(&mut edits);
    Ok(ProviderRequest {
        body: edits.segments(request.request.body()),
        streamed,
        notes,
    })
}

/// What the messages hold and this provider cannot take.
fn check_messages(request: &ValidRequest, quirks: &Quirks, provider_files: bool) -> Result<(), Unsupported> {
    let traits = &request.traits;
    if let Some(message) = traits.provider_file.filter(|_| !provider_files) {
        return Err(Unsupported::new(
            format!("messages[{message}].content"),
            "references into a provider's own storage are not allowed here; send the data itself or a public URL",
        ));
    }
    let media = [
        (traits.images, traits.image_urls, quirks.images, "image"),
        (traits.videos, traits.video_urls, quirks.videos, "video"),
    ];
    for (any, by_url, source, kind) in media {
        if any && source == MediaSource::None {
            return Err(Unsupported::new(
                "messages",
                format!("the provider of this model takes no {kind} parts"),
            ));
        }
        if by_url && source == MediaSource::Data {
            return Err(Unsupported::new(
                "messages",
                format!("the provider of this model does not fetch {kind} URLs; send a data URI"),
            ));
        }
    }
    for (any, taken, kind) in [
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
    let messages = || request.request.get("messages").unwrap_or_default();
    if traits.legacy_functions && !quirks.legacy_functions && messages::has_legacy_functions(messages()) {
        return Err(Unsupported::new(
            "messages",
            "this model's provider does not take messages of legacy functions; use `tools` and `tool_calls`",
        ));
    }
    Ok(())
}

struct Encoder<'o, 'a> {
    request: &'a ValidRequest,
    quirks: &'a Quirks,
    thinks: bool,
    streamed: bool,
    edits: Edits<'a>,
    edit: ObjectEdit<'o, 'a>,
    notes: Vec<Note>,
}

impl Encoder<'_, '_> {
    /// Decides about one member that the client sent.
    fn member(
        &mut self,
        index: usize,
        name: &str,
        value: &str,
        upstream_id: &str,
    ) -> Result<(), Unsupported> {
        match name {
            "model" => self.set_if_different(name, value, &quote(upstream_id)),
            "messages" => messages::edit(value, &self.request.traits, self.quirks, &mut self.edits),
            "max_tokens" | "max_completion_tokens" => self.token_limit(index, name),
            "temperature" => self.number(index, name, value, self.quirks.temperature),
            "top_p" => self.number(index, name, value, self.quirks.top_p),
            "stop" => self.stop(index, value)?,
            "n" => self.choices(index)?,
            "stream" if self.streamed != self.request.stream => self.edit.set(name, "true"),
            "stream_options" => self.stream_options(index, value),
            "response_format" => self.response_format(index, value)?,
            "tools" | "tool_choice" | "parallel_tool_calls" if self.drops_tools() => self.edit.remove(index),
            "tools" => self.tools(value)?,
            "tool_choice" => self.tool_choice(index, value)?,
            "functions" | "function_call" => self.legacy_functions(index, name, value)?,
            // Written by `thinking`.
            "reasoning_effort" | "thinking" | "enable_thinking" | "thinking_budget"
                if self.quirks.thinking != ThinkingForm::Pass => {}
            _ => self.other(index, name, value)?,
        }
        Ok(())
    }

    /// A parameter without a rule of its own: passes, unless the provider does not take it.
    fn other(&mut self, index: usize, name: &str, value: &str) -> Result<(), Unsupported> {
        let refused = lists(&self.quirks.refuse, name)
            || (self.thinks && lists(&self.quirks.refuse_while_thinking, name));
        if !refused && !self.omits(name) {
            return Ok(());
        }
        self.edit.remove(index);
        if has_no_effect(name, value) {
            return Ok(());
        }
        if refused {
            return Err(Unsupported::new(
                name,
                format!("this model's provider does not take `{name}`; leave it out"),
            ));
        }
        self.notes.push(Note::Omitted(name.to_owned()));
        Ok(())
    }

    /// Whether a parameter that is only a hint is left out.
    fn omits(&self, name: &str) -> bool {
        lists(&self.quirks.omit, name) || (self.thinks && lists(&self.quirks.omit_while_thinking, name))
    }

    fn set_if_different(&mut self, name: &str, value: &str, json: &str) {
        if value != json {
            self.edit.set(name, json);
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
        let range = range.filter(|_| !self.omits(name));
        let Some(asked) = value.parse::<f64>().ok() else {
            return;
        };
        match range {
            None => {
                self.edit.remove(index);
                // 1 has no effect for either: there is nothing to tell.
                if asked != 1.0 {
                    self.notes.push(Note::Omitted(name.to_owned()));
                }
            }
            Some(range) => {
                let nearest = range.nearest(asked);
                if nearest != asked {
                    self.edit.set(name, nearest.to_string());
                    self.notes.push(Note::Moved(name.to_owned()));
                }
            }
        }
    }

    fn stop(&mut self, index: usize, value: &str) -> Result<(), Unsupported> {
        let most = self.quirks.stop_max as usize;
        if self.request.stop.is_empty() {
            self.edit.remove(index);
        } else if most == 0 {
            return Err(Unsupported::new(
                "stop",
                "this model's provider takes no stop strings; leave `stop` out",
            ));
        } else if self.request.stop.len() > most {
            return Err(Unsupported::new(
                "stop",
                format!("this model's provider takes at most {most} stop strings"),
            ));
        } else if self.quirks.stop_array && value.starts_with('"') {
            self.edit.set("stop", format!("[{value}]"));
        }
        Ok(())
    }

    fn choices(&mut self, index: usize) -> Result<(), Unsupported> {
        let most = self.quirks.n_max.max(1);
        if self.request.n > most {
            return Err(Unsupported::new(
                "n",
                format!("this model's provider answers with at most {most} choice(s); send several requests"),
            ));
        }
        if most == 1 {
            self.edit.remove(index);
        }
        Ok(())
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

    fn response_format(&mut self, index: usize, value: &str) -> Result<(), Unsupported> {
        let (format, name) = match self.request.response_format {
            ResponseFormatAsked::Text => {
                if self.quirks.response_formats.is_empty() {
                    self.edit.remove(index);
                } else {
                    nulls::strip(value, &mut self.edits);
                }
                return Ok(());
            }
            ResponseFormatAsked::JsonObject => (ResponseFormat::JsonObject, "json_object"),
            ResponseFormatAsked::JsonSchema => (ResponseFormat::JsonSchema, "json_schema"),
        };
        let taken = self.quirks.response_formats.contains(&format);
        if taken && (!self.thinks || self.quirks.response_formats_while_thinking.contains(&format)) {
            nulls::strip(value, &mut self.edits);
            return Ok(());
        }
        let way_out = if taken {
            " while the model thinks; switch thinking off"
        } else {
            ""
        };
        Err(Unsupported::new(
            "response_format",
            format!("this model's provider does not take response_format `{name}`{way_out}"),
        ))
    }

    /// Whether everything about tools goes: there are none, or none may be called and the provider
    /// cannot be told so.
    fn drops_tools(&self) -> bool {
        let none = self.request.tool_choice == ToolChoice::None;
        self.request.tools == 0 || (none && !self.quirks.tool_choices.contains(&ToolChoiceForm::None))
    }

    fn tools(&mut self, value: &str) -> Result<(), Unsupported> {
        if !self.quirks.tools {
            return Err(Unsupported::new("tools", "this model's provider takes no tools"));
        }
        if self.quirks.tools_exclude_reasoning && self.thinks {
            return Err(Unsupported::new(
                "reasoning_effort",
                "this model's provider takes function tools only with reasoning_effort `none`",
            ));
        }
        let drops_strict = self.request.traits.tool_strict && !self.quirks.tool_strict;
        if !drops_strict {
            nulls::strip(value, &mut self.edits);
            return Ok(());
        }
        for tool in items(value).unwrap_or_default() {
            let Ok(tool) = Object::parse(tool) else { continue };
            let mut edit = ObjectEdit::of(&tool);
            for (index, member) in tool.members().iter().enumerate() {
                let function = Some(member.value).filter(|_| member.name == "function");
                if let Some(Ok(function)) = function.map(Object::parse) {
                    let mut edit = ObjectEdit::of(&function);
                    nulls::strip_members(&function, &mut edit, &mut self.edits);
                    edit.remove_named("strict");
                    edit.finish(&mut self.edits);
                } else if member.value == "null" {
                    edit.remove(index);
                } else {
                    nulls::strip(member.value, &mut self.edits);
                }
            }
            edit.finish(&mut self.edits);
        }
        self.notes.push(Note::Omitted("tools.strict".to_owned()));
        Ok(())
    }

    /// The forerunners of tools. Without functions to call, nothing that is said of them counts.
    fn legacy_functions(&mut self, index: usize, name: &str, value: &str) -> Result<(), Unsupported> {
        let functions = self.request.request.get("functions");
        let none_to_call =
            functions.is_none_or(|functions| items(functions).is_ok_and(|items| items.is_empty()));
        if none_to_call && (name == "functions" || has_no_effect(name, value)) {
            self.edit.remove(index);
        } else if self.quirks.legacy_functions {
            nulls::strip(value, &mut self.edits);
        } else if has_no_effect(name, value) {
            self.edit.remove(index);
        } else {
            return Err(Unsupported::new(
                name,
                format!("this model's provider does not take `{name}`; use `tools` and `tool_choice`"),
            ));
        }
        Ok(())
    }

    fn tool_choice(&mut self, index: usize, value: &str) -> Result<(), Unsupported> {
        let (form, name) = match &self.request.tool_choice {
            ToolChoice::Auto => (ToolChoiceForm::Auto, "auto"),
            ToolChoice::None => (ToolChoiceForm::None, "none"),
            ToolChoice::Required => (ToolChoiceForm::Required, "required"),
            ToolChoice::Named(_) => (ToolChoiceForm::Named, "a named function"),
        };
        let taken = self.quirks.tool_choices.contains(&form);
        if taken && (!self.thinks || self.quirks.tool_choices_while_thinking.contains(&form)) {
            nulls::strip(value, &mut self.edits);
            return Ok(());
        }
        // Every provider that takes tools chooses by itself when nothing is said.
        if form == ToolChoiceForm::Auto {
            self.edit.remove(index);
            return Ok(());
        }
        let way_out = if taken {
            "; switch thinking off, or use `auto`"
        } else {
            "; use `auto`"
        };
        Err(Unsupported::new(
            "tool_choice",
            format!("this model's provider does not take tool_choice {name}{way_out}"),
        ))
    }

    /// Members that the client did not send and the provider needs.
    fn additions(&mut self, object: &Object<'_>) {
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

fn lists(names: &[String], name: &str) -> bool {
    names.iter().any(|listed| listed == name)
}

/// Whether a value says the same as leaving the parameter out.
fn has_no_effect(name: &str, value: &str) -> bool {
    match value {
        "false" | "[]" | "{}" | "\"\"" | "0" | "0.0" => name != "seed",
        "1" => name == "n",
        // What is to be called is said by `functions`; these leave it at that.
        "\"none\"" | "\"auto\"" => name == "function_call",
        _ => {
            name == "modalities"
                && serde_json::from_str(value).is_ok_and(|kinds: Vec<String>| kinds == ["text"])
        }
    }
}
