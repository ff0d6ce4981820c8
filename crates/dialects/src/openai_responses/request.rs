//! The request side: chat's parameters in the words of Responses.

use std::collections::BTreeMap;

use bytes::Bytes;
use tollgate_catalog::{
    contract::{ResponseFormatAsked, ToolChoice, ValidRequest, defaults},
    quirks::{Quirks, Range},
    serving::Serving,
};
use tollgate_chat::{json::quote, object::Object};

use super::{messages, thinking, tools};
use crate::{
    Dialect,
    emulate::{FormatPlan, Plan},
    parameter::{has_functions, has_no_effect, nearest, no_functions, omits, passes},
    request::{Context, Note, ProviderRequest, Undo, Unsupported},
};

const PATH: &str = "/responses";
/// Fewest output tokens that are taken (OpenAI's API description, `max_output_tokens`).
const FEWEST_TOKENS: u64 = 16;
const ENCRYPTED_THOUGHTS: &str = "reasoning.encrypted_content";
const LOGPROBS: &str = "message.output_text.logprobs";

/// Writes the provider's request. Fails with the first parameter that the provider cannot serve.
pub fn encode(
    request: &ValidRequest,
    serving: &Serving,
    plan: Plan,
    context: &Context<'_>,
) -> Result<ProviderRequest, Unsupported> {
    let quirks = &serving.quirks;
    let streamed = crate::streams(request, quirks, plan.thinking.thinks) && !quirks.whole_only;
    let mut encoder = Encoder {
        request,
        quirks,
        plan: &plan,
        body: Body::default(),
        tools: Vec::new(),
        text: Vec::new(),
        include: Vec::new(),
        notes: [&*plan.thinking.notes, &*plan.notes].concat(),
    };
    encoder.has_place(context)?;
    encoder.body.set("model", quote(&serving.upstream_id));
    let input = messages::input(request, &plan.instructions, quirks, context, &mut encoder.notes)?;
    encoder.body.set("input", input);
    for (name, value) in request.request.members() {
        if value != "null" {
            encoder.member(name, value)?;
        }
    }
    encoder.additions(streamed);
    let Encoder { body, notes, .. } = encoder;
    Ok(ProviderRequest {
        dialect: Dialect::OpenaiResponses,
        path: PATH.into(),
        body: vec![Bytes::from(body.finish())],
        streamed,
        notes: each_once(notes),
        undo: Undo {
            emulated: plan.emulated,
            ..Undo::default()
        },
    })
}

/// The members of the body, each once, in the order in which they were first set.
#[derive(Debug, Default)]
struct Body {
    members: Vec<(String, String)>,
}

impl Body {
    fn set(&mut self, name: &str, json: impl Into<String>) {
        match self.members.iter_mut().find(|(known, _)| known == name) {
            Some((_, value)) => *value = json.into(),
            None => self.members.push((name.to_owned(), json.into())),
        }
    }

    fn finish(self) -> String {
        let members = self.members.iter();
        let members: Vec<String> = members
            .map(|(name, json)| format!("{}:{json}", quote(name)))
            .collect();
        format!("{{{}}}", members.join(","))
    }
}

struct Encoder<'a> {
    request: &'a ValidRequest,
    quirks: &'a Quirks,
    plan: &'a Plan,
    body: Body,
    tools: Vec<String>,
    /// Members of `text`.
    text: Vec<String>,
    include: Vec<&'static str>,
    notes: Vec<Note>,
}

impl Encoder<'_> {
    /// What the catalogue promises and the protocol has no place for.
    fn has_place(&self, context: &Context<'_>) -> Result<(), Unsupported> {
        if context.choices > 1 {
            return Err(no_place("n"));
        }
        if !self.plan.stop.is_empty() {
            return Err(no_place("stop"));
        }
        Ok(())
    }

    /// Decides about one member that the client sent.
    fn member(&mut self, name: &str, value: &str) -> Result<(), Unsupported> {
        match name {
            // Said elsewhere: by the plan, or as parts of other members.
            "model" | "messages" | "n" | "stop" | "stream" | "tool_choice" => {}
            "reasoning_effort" | "thinking" | "enable_thinking" | "thinking_budget" => {}
            "max_tokens" | "max_completion_tokens" => self.token_limit(name),
            "temperature" => self.number(name, value, self.quirks.temperature),
            "top_p" => self.number(name, value, self.quirks.top_p),
            "response_format" => self.format(value),
            "tools" => self.functions(value)?,
            "functions" | "function_call" => self.legacy_functions(name, value)?,
            _ if !self.passes(name, value)? => {}
            "parallel_tool_calls" if self.request.tools == 0 => {}
            "web_search_options" => self.tools.push(tools::web_search(value)?),
            "verbosity" => self.text.push(format!("\"verbosity\":{value}")),
            "logprobs" => self.logprobs(value),
            "top_logprobs" => self.body.set(name, value),
            "stream_options" => self.stream_options(value),
            // The same under the same name in both protocols.
            "metadata"
            | "moderation"
            | "parallel_tool_calls"
            | "prompt_cache_key"
            | "prompt_cache_options"
            | "prompt_cache_retention"
            | "safety_identifier"
            | "service_tier"
            | "user" => self.body.set(name, value),
            "audio" | "modalities" | "prediction" if !has_no_effect(name, value) => {
                return Err(no_place(name));
            }
            _ if has_no_effect(name, value) => {}
            // Sampling hints without a counterpart, `store`, and what nobody knows.
            _ => self.notes.push(Note::Omitted(name.to_owned())),
        }
        Ok(())
    }

    fn passes(&mut self, name: &str, value: &str) -> Result<bool, Unsupported> {
        passes(
            self.quirks,
            self.plan.thinking.thinks,
            name,
            value,
            &mut self.notes,
        )
    }

    /// Both names say one limit; the later name wins.
    fn token_limit(&mut self, name: &str) {
        let other = self.request.request.get("max_completion_tokens").is_some();
        if name == "max_tokens" && other {
            return;
        }
        if let Some(limit) = self.request.max_tokens {
            if limit < FEWEST_TOKENS {
                self.notes.push(Note::Moved(name.to_owned()));
            }
            self.set_token_limit(limit);
        }
    }

    fn set_token_limit(&mut self, limit: u64) {
        self.body
            .set("max_output_tokens", limit.max(FEWEST_TOKENS).to_string());
    }

    /// A sampling hint: moved to the nearest value that is taken, or left out.
    fn number(&mut self, name: &str, value: &str, range: Option<Range>) {
        let Ok(asked) = value.parse::<f64>() else { return };
        let range = range.filter(|_| !omits(self.quirks, name, self.plan.thinking.thinks));
        match nearest(name, asked, range, &mut self.notes) {
            None => {}
            Some(sent) if sent == asked => self.body.set(name, value),
            Some(sent) => self.body.set(name, sent.to_string()),
        }
    }

    fn format(&mut self, value: &str) {
        let FormatPlan::Native(format) = &self.plan.format else {
            return;
        };
        match format {
            ResponseFormatAsked::Text => {}
            ResponseFormatAsked::JsonObject => {
                self.text.push("\"format\":{\"type\":\"json_object\"}".to_owned())
            }
            ResponseFormatAsked::JsonSchema => {
                let format = Object::parse(value).ok();
                let inner = format.and_then(|format| Object::parse(format.present("json_schema")?).ok());
                let read = |name: &str| inner.as_ref().and_then(|inner| inner.present(name));
                let mut json = format!(
                    "\"format\":{{\"type\":\"json_schema\",\"name\":{},\"schema\":{}",
                    read("name").unwrap_or("\"answer\""),
                    read("schema").unwrap_or("{\"type\":\"object\"}"),
                );
                for name in ["description", "strict"] {
                    json.push_str(
                        &read(name).map_or_else(String::new, |value| format!(",\"{name}\":{value}")),
                    );
                }
                json.push('}');
                self.text.push(json);
            }
        }
    }

    fn functions(&mut self, value: &str) -> Result<(), Unsupported> {
        if self.request.tools == 0 {
            return Ok(());
        }
        if !self.quirks.tools {
            return Err(Unsupported::new("tools", "this model's provider takes no tools"));
        }
        if self.request.traits.tool_strict && !self.quirks.tool_strict {
            self.notes.push(Note::Omitted("tools.strict".to_owned()));
        }
        self.tools
            .extend(tools::functions(value, self.quirks.tool_strict));
        Ok(())
    }

    /// The forerunners of tools: without functions to call, nothing that is said of them counts.
    fn legacy_functions(&mut self, name: &str, value: &str) -> Result<(), Unsupported> {
        let none = !has_functions(self.request);
        if (none && name == "functions") || has_no_effect(name, value) {
            return Ok(());
        }
        Err(no_functions(name))
    }

    fn logprobs(&mut self, value: &str) {
        if value == "true" {
            self.include.push(LOGPROBS);
        }
    }

    /// Usage comes unasked at the end of every stream.
    fn stream_options(&mut self, value: &str) {
        let obfuscation = Object::parse(value).ok();
        let obfuscation =
            obfuscation.and_then(|options| options.present("include_obfuscation").map(str::to_owned));
        if let Some(value) = obfuscation.filter(|_| self.request.stream && !self.quirks.whole_only) {
            self.body
                .set("stream_options", format!("{{\"include_obfuscation\":{value}}}"));
        }
    }

    /// Members that the client did not send, and those that several of its own make up.
    fn additions(&mut self, streamed: bool) {
        let documented: BTreeMap<&str, String> =
            defaults::to_send(self.request, self.quirks).into_iter().collect();
        for (name, json) in documented {
            match name {
                "max_tokens" | "max_completion_tokens" => {
                    if let Ok(limit) = json.parse() {
                        self.set_token_limit(limit);
                    }
                }
                "temperature" | "top_p" => self.body.set(name, json),
                // Penalties at their documented default have no effect.
                _ => {}
            }
        }
        if let FormatPlan::Tool { name, schema } = &self.plan.format {
            self.tools.push(tools::content_tool(name, schema));
        }
        if !self.tools.is_empty() {
            self.body.set("tools", format!("[{}]", self.tools.join(",")));
            let asked = self.request.tools > 0 || self.plan.tool_choice != ToolChoice::Auto;
            if let Some(choice) = tools::choice(&self.plan.tool_choice).filter(|_| asked) {
                self.body.set("tool_choice", choice);
            }
        }
        if !self.text.is_empty() {
            self.body.set("text", format!("{{{}}}", self.text.join(",")));
        }
        let decision = &self.plan.thinking;
        if let Some(reasoning) = thinking::reasoning(self.request, self.quirks, decision, &mut self.notes) {
            self.body.set("reasoning", reasoning);
        }
        // Models that do not think refuse to give what they have not got.
        if decision.thinks {
            self.include.push(ENCRYPTED_THOUGHTS);
        }
        if !self.include.is_empty() {
            let include: Vec<String> = self.include.iter().map(|name| quote(name)).collect();
            self.body.set("include", format!("[{}]", include.join(",")));
        }
        self.body.set("store", "false");
        if streamed {
            self.body.set("stream", "true");
        }
        for (name, value) in &self.quirks.send {
            if let Ok(json) = serde_json::to_string(value) {
                self.body.set(name, json);
            }
        }
    }
}

/// A cache mark may stand in many places.
fn each_once(notes: Vec<Note>) -> Vec<Note> {
    let mut once = Vec::with_capacity(notes.len());
    for note in notes {
        if !once.contains(&note) {
            once.push(note);
        }
    }
    once
}

fn no_place(name: &str) -> Unsupported {
    Unsupported::new(
        name,
        format!("the provider's protocol for this model has no place for `{name}`; leave it out"),
    )
}
