//! The request's side: what goes out in place of what the provider does not take.

use tollgate_catalog::{
    contract::{ResponseFormatAsked, ToolChoice, ValidRequest},
    quirks::{Quirks, ResponseFormat, ToolChoiceForm},
    thinking::Thinking,
};
use tollgate_chat::object::Object;

use super::{
    Emulated, RequiredCall,
    schema::{Root, Schema},
};
use crate::{
    conversation::{self, Message, PartKind},
    parameter::{has_no_effect, omits},
    request::{Note, Unsupported},
    thinking::{self, Decision},
};

const ONE_OBJECT: &str = "Answer with one JSON object and nothing else: no words around it, no code fence.";
const ONE_VALUE: &str = "Answer with one JSON value and nothing else: no words around it, no code fence.";
const ONE_CALL: &str = "Call at most one tool in an answer; further calls have to wait for its result.";
/// Parameters whose answer holds more than events can say, so that it cannot be told anew.
const UNTELLABLE: [&str; 3] = ["functions", "modalities", "web_search_options"];

/// How one request goes out. Made before a dialect writes anything.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub thinking: Decision,
    /// The stop strings to send; none where they are emulated.
    pub stop: Vec<String>,
    pub format: FormatPlan,
    /// The tool choice to send.
    pub tool_choice: ToolChoice,
    /// To be said to the model after everything that the client's system messages say.
    pub instructions: Vec<String>,
    pub emulated: Emulated,
    /// What is done in another way than asked; what thinking became is noted in `thinking`.
    pub notes: Vec<Note>,
}

/// How a response format goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormatPlan {
    /// Plain text, or the provider's own way for this format (which may be a weaker one than asked).
    Native(ResponseFormatAsked),
    /// One more tool, which `Plan::tool_choice` names: its arguments are the content.
    Tool { name: String, schema: String },
}

/// Decides for one request and provider. Fails with the first parameter that can neither be sent nor
/// emulated.
pub fn plan(request: &ValidRequest, quirks: &Quirks) -> Result<Plan, Unsupported> {
    let tool_choice = thinking::choice_to_send(request, quirks);
    let forces = thinking::forced_form(&tool_choice).filter(|_| request.tools > 0);
    let mut plan = Plan {
        thinking: thinking::decide(request, quirks, forces),
        stop: request.stop.clone(),
        format: FormatPlan::Native(request.response_format),
        tool_choice,
        instructions: Vec::new(),
        emulated: Emulated::default(),
        notes: Vec::new(),
    };
    plan.stop(quirks);
    plan.tool_choice(request, quirks)?;
    plan.format(request, quirks)?;
    plan.one_call(request, quirks);
    plan.keep_stop_out_of_calls(request, quirks);
    plan.check_emulated(request)?;
    Ok(plan)
}

impl Plan {
    fn stop(&mut self, quirks: &Quirks) {
        if self.stop.len() > quirks.stop_max as usize {
            self.stop_here();
        }
    }

    fn stop_here(&mut self) {
        self.emulated.stop = std::mem::take(&mut self.stop);
        self.notes.push(Note::Emulated("stop".to_owned()));
    }

    /// A stop string ends the text that the client sees, and no call. So the gate ends it where the text
    /// comes as a call's arguments, and where the provider would stop in those of a real call.
    fn keep_stop_out_of_calls(&mut self, request: &ValidRequest, quirks: &Quirks) {
        let may_call = request.tools > 0 && request.tool_choice != ToolChoice::None;
        let in_a_call =
            matches!(self.format, FormatPlan::Tool { .. }) || (may_call && quirks.stop_ends_calls);
        if in_a_call && !self.stop.is_empty() {
            self.stop_here();
        }
    }

    fn takes(&self, form: ToolChoiceForm, quirks: &Quirks) -> bool {
        quirks.tool_choices.contains(&form)
            && (!self.thinking.thinks || quirks.tool_choices_while_thinking.contains(&form))
    }

    /// Where a call cannot be forced: by words and a look at the answer.
    fn tool_choice(&mut self, request: &ValidRequest, quirks: &Quirks) -> Result<(), Unsupported> {
        let Some(form) = thinking::forced_form(&self.tool_choice).filter(|_| request.tools > 0) else {
            return Ok(());
        };
        if self.takes(form, quirks) {
            self.look_for_named(quirks);
            return Ok(());
        }
        let asked_to_think = matches!(request.thinking, Thinking::On { .. });
        if quirks.tool_choices.contains(&form) && asked_to_think {
            return Err(Unsupported::new(
                "tool_choice",
                "this model's provider cannot be forced to call a tool while the model thinks; switch \
                 thinking off, or let the model choose",
            ));
        }
        let (words, call) = match std::mem::take(&mut self.tool_choice) {
            ToolChoice::Named(name) => (
                format!("Call the tool `{name}` in this answer; do not answer in text alone."),
                RequiredCall::Named(name),
            ),
            _ => (
                "Call at least one of the tools in this answer; do not answer in text alone.".to_owned(),
                RequiredCall::Any,
            ),
        };
        self.instructions.push(words);
        self.emulated.call = Some(call);
        self.notes.push(Note::Emulated("tool_choice".to_owned()));
        Ok(())
    }

    /// Where nothing keeps the provider from several calls at once, it is asked to make one, and what it
    /// makes beyond that does not get through. The model calls the others later, once it has the first result.
    fn one_call(&mut self, request: &ValidRequest, quirks: &Quirks) {
        const NAME: &str = "parallel_tool_calls";
        let may_call = request.tools > 0 && request.tool_choice != ToolChoice::None;
        let asked = may_call && request.request.get(NAME) == Some("false");
        if asked && omits(quirks, NAME, self.thinking.thinks) {
            self.emulated.one_call = true;
            self.instructions.push(ONE_CALL.to_owned());
            self.notes.push(Note::Emulated(NAME.to_owned()));
        }
    }

    /// A provider may call another tool than the one that it is told to.
    fn look_for_named(&mut self, quirks: &Quirks) {
        if let ToolChoice::Named(name) = &self.tool_choice
            && !quirks.named_tool_binds
        {
            self.emulated.call = Some(RequiredCall::Named(name.clone()));
        }
    }

    fn format(&mut self, request: &ValidRequest, quirks: &Quirks) -> Result<(), Unsupported> {
        match request.response_format {
            ResponseFormatAsked::Text => {}
            ResponseFormatAsked::JsonObject
                if self.takes_format(ResponseFormat::JsonObject, request, quirks) =>
            {
                self.say_json(request, quirks);
            }
            ResponseFormatAsked::JsonSchema
                if self.takes_format(ResponseFormat::JsonSchema, request, quirks) => {}
            ResponseFormatAsked::JsonObject => {
                self.notes.push(Note::Emulated("response_format".to_owned()));
                self.format = FormatPlan::Native(ResponseFormatAsked::Text);
                self.emulated.json_object = true;
                self.instructions.push(ONE_OBJECT.to_owned());
            }
            ResponseFormatAsked::JsonSchema => self.schema(request, quirks)?,
        }
        Ok(())
    }

    /// The schema by a tool that has to be called, else by words; the answer is checked either way.
    fn schema(&mut self, request: &ValidRequest, quirks: &Quirks) -> Result<(), Unsupported> {
        let (name, text) = schema_of(request);
        let schema = checkable(&text)?;
        self.notes.push(Note::Emulated("response_format".to_owned()));
        let root = schema.root();
        self.emulated.schema = Some(schema);
        if root == Root::Object
            && request.tools == 0
            && quirks.tools
            && self.can_force_a_tool(request, quirks)
        {
            self.emulated.content_tool = Some(name.clone());
            self.tool_choice = ToolChoice::Named(name.clone());
            self.format = FormatPlan::Tool { name, schema: text };
            return Ok(());
        }
        self.instructions.push(words_for(root, &text));
        let object = root == Root::Object && self.takes_format(ResponseFormat::JsonObject, request, quirks);
        self.format = FormatPlan::Native(match object {
            true => ResponseFormatAsked::JsonObject,
            false => ResponseFormatAsked::Text,
        });
        Ok(())
    }

    /// For a dialect that finds that its provider takes this schema only in part: the answer is checked
    /// here too. Fails as [`plan`] does.
    pub fn check_schema(&mut self, schema: &str) -> Result<(), Unsupported> {
        self.emulated.schema = Some(checkable(schema)?);
        Ok(())
    }

    /// For a dialect that finds that its provider does not take this schema at all: it is asked for in
    /// words, and the answer checked here. Fails as [`plan`] does.
    pub fn ask_for_schema_in_words(&mut self, schema: &str) -> Result<(), Unsupported> {
        let checked = checkable(schema)?;
        self.instructions.push(words_for(checked.root(), schema));
        self.emulated.schema = Some(checked);
        self.format = FormatPlan::Native(ResponseFormatAsked::Text);
        self.notes.push(Note::Emulated("response_format".to_owned()));
        Ok(())
    }

    /// For a dialect that finds that a tool of its provider carries this schema only in part: what is called would
    /// not be what is asked for. Fails as [`plan`] does.
    pub fn ask_without_tool(&mut self, request: &ValidRequest, quirks: &Quirks) -> Result<(), Unsupported> {
        let FormatPlan::Tool { schema, .. } = &self.format else {
            return Ok(());
        };
        let schema = schema.clone();
        self.emulated.content_tool = None;
        self.tool_choice = thinking::choice_to_send(request, quirks);
        self.thinking = thinking::decide(request, quirks, None);
        self.ask_for_schema_in_words(&schema)
    }

    /// Some providers refuse the format `json_object` where the prompt does not speak of JSON.
    fn say_json(&mut self, request: &ValidRequest, quirks: &Quirks) {
        if quirks.json_object_needs_word && !speaks_of_json(request) {
            self.instructions.push("Answer with one JSON object.".to_owned());
        }
    }

    /// What cannot be had together with what the gate does to the answer.
    fn check_emulated(&self, request: &ValidRequest) -> Result<(), Unsupported> {
        if self.emulated.is_nothing() {
            return Ok(());
        }
        let asked = |name: &str| {
            let value = request.request.get(name);
            value.filter(|value| *value != "null" && !has_no_effect(name, value))
        };
        let cuts_text =
            !self.emulated.stop.is_empty() || self.emulated.schema.is_some() || self.emulated.json_object;
        if cuts_text && (asked("logprobs").is_some() || asked("top_logprobs").is_some()) {
            let what = if self.emulated.stop.is_empty() {
                "response_format"
            } else {
                "stop"
            };
            return Err(Unsupported::new(
                "logprobs",
                format!(
                    "the provider of this model does not take this `{what}`, and where the gate sees to it, it \
                     cannot tell the log probabilities; leave out one of the two"
                ),
            ));
        }
        match UNTELLABLE.into_iter().find(|name| asked(name).is_some()) {
            None => Ok(()),
            Some(name) => Err(Unsupported::new(
                name,
                format!(
                    "the provider of this model lacks a thing that this request asks for, and where the gate sees to \
                     it, it cannot pass on what `{name}` brings; leave `{name}` out"
                ),
            )),
        }
    }

    fn takes_format(&self, format: ResponseFormat, request: &ValidRequest, quirks: &Quirks) -> bool {
        let with_tools = request.tools > 0 && request.tool_choice != ToolChoice::None;
        quirks.response_formats.contains(&format)
            && (!self.thinking.thinks || quirks.response_formats_while_thinking.contains(&format))
            && (!with_tools || quirks.response_formats_with_tools.contains(&format))
    }

    /// Whether one tool can be forced, if need be by not thinking where nobody asked for thoughts.
    fn can_force_a_tool(&mut self, request: &ValidRequest, quirks: &Quirks) -> bool {
        let decision = thinking::decide(request, quirks, Some(ToolChoiceForm::Named));
        let before = std::mem::replace(&mut self.thinking, decision);
        let can = self.takes(ToolChoiceForm::Named, quirks);
        if !can {
            self.thinking = before;
        }
        can
    }
}

fn checkable(schema: &str) -> Result<Schema, Unsupported> {
    Schema::compile(schema).map_err(|problem| {
        Unsupported::new(
            "response_format.json_schema.schema",
            format!(
                "the provider of this model does not keep to this schema by itself, so the answer is checked here, \
                 but the schema {problem}"
            ),
        )
    })
}

fn words_for(root: Root, schema: &str) -> String {
    let one = if root == Root::Object {
        ONE_OBJECT
    } else {
        ONE_VALUE
    };
    format!("{one} It must match this JSON Schema: {schema}")
}

/// Name and schema of the response format `json_schema`.
fn schema_of(request: &ValidRequest) -> (String, String) {
    let format = request.request.get("response_format").unwrap_or("{}");
    let inner = Object::parse(format)
        .ok()
        .and_then(|format| Object::parse(format.present("json_schema")?).ok());
    let name = inner.as_ref().and_then(|inner| inner.read::<String>("name"));
    let schema = inner.as_ref().and_then(|inner| inner.present("schema"));
    (
        name.unwrap_or_else(|| "answer".to_owned()),
        schema.unwrap_or("{\"type\":\"object\"}").to_owned(),
    )
}

/// Whether some text of the messages names JSON.
fn speaks_of_json(request: &ValidRequest) -> bool {
    let messages = conversation::messages(request.request.get("messages").unwrap_or_default());
    let names_it = |text: &str| {
        text.as_bytes()
            .windows(4)
            .any(|word| word.eq_ignore_ascii_case(b"json"))
    };
    messages
        .iter()
        .flat_map(Message::parts)
        .any(|part| match &part.kind {
            PartKind::Text(text) => names_it(text),
            _ => false,
        })
}

#[cfg(test)]
mod tests;
