//! The request side: a chat request as a Messages request.

use tollgate_catalog::{
    contract::{ResponseFormatAsked, ValidRequest},
    quirks::Quirks,
    serving::Serving,
};
use tollgate_chat::{json::quote, object::Object};

use super::{
    blocks,
    body::Body,
    cache::{Mark, note_once},
    earlier,
    messages::{self, Setting, Turns},
    names::Names,
    parameters::Parameters,
    schema::{self, Complexity},
    thinking::{self, Circumstances, Said},
    tools::{self, Offer},
};
use crate::{
    Dialect,
    conversation::{self, Message},
    emulate::{FormatPlan, Plan},
    parameter::has_functions,
    request::{Context, Note, ProviderRequest, Undo, Unsupported},
    thinking::forced_form,
};

const PATH: &str = "/v1/messages";
/// The provider ends a connection that is silent for ten minutes: a longer answer has to come as a
/// stream. At the rate at which it reckons (128,000 tokens an hour) that is this many tokens.
const WHOLE_ANSWER_TOKENS: u64 = 21_333;

/// Writes the provider's request. Fails with the first parameter that the provider cannot serve.
pub fn encode(
    request: &ValidRequest,
    serving: &Serving,
    mut plan: Plan,
    context: &Context<'_>,
) -> Result<ProviderRequest, Unsupported> {
    let quirks = &serving.quirks;
    check(request, context)?;
    let messages = conversation::messages(request.request.get("messages").unwrap_or_default());
    let called_before = messages
        .iter()
        .any(|message| matches!(message, Message::Assistant(turn) if !turn.calls.is_empty()));
    if !tools::carries_answer(&plan) {
        plan.ask_without_tool(request, quirks)?;
    }
    let mut notes = Vec::new();
    let max_tokens = max_tokens(request, quirks, &mut notes);
    let said = thinking::say(
        request,
        quirks,
        &plan.thinking,
        Circumstances {
            max_tokens,
            forced: forced_form(&plan.tool_choice).is_some(),
            lost: earlier::lost(&messages, context),
        },
    );
    let (format, complexity) = format(request, &mut plan)?;
    let mut names = Names::default();
    let mut offer = tools::offer(request, &plan, quirks, called_before, complexity, &mut names)?;
    let setting = Setting {
        quirks,
        context,
        thinks: said.thinks,
        thoughts_first: said.has_budget(),
        prefill: quirks.prefill && !said.thinks && format.is_none(),
    };
    let mut turns = messages::turns(messages, setting, &mut names)?;
    for instruction in &plan.instructions {
        turns.system.push(blocks::Block::text(instruction.clone()));
    }
    stop_here(&mut plan, &mut notes);

    let mut parameters = Parameters::decide(request, quirks, said.thinks)?;
    notes.append(&mut parameters.notes);
    let one_for_all = parameters.cache_control(&mut offer, &mut turns);
    let streamed =
        request.stream || max_tokens > WHOLE_ANSWER_TOKENS || crate::streams(request, quirks, said.thinks);

    let of_offer = std::mem::take(&mut offer.notes);
    let of_turns = std::mem::take(&mut turns.notes);
    let mut written = said.notes.clone();
    for note in [plan.notes, notes, parameters.notes, of_offer, of_turns]
        .into_iter()
        .flatten()
    {
        note_once(&mut written, note);
    }
    let members = Members {
        max_tokens,
        stop: plan.stop,
        said,
        format,
        streamed,
        one_for_all,
        others: parameters.members,
        send: quirks
            .send
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), serde_json::to_string(value).ok()?)))
            .collect(),
    };
    Ok(ProviderRequest {
        dialect: Dialect::AnthropicMessages,
        path: PATH.into(),
        body: members.write(&serving.upstream_id, &turns, &offer, request),
        streamed,
        notes: written,
        undo: Undo {
            tool_names: names.changed(),
            emulated: plan.emulated,
            ..Undo::default()
        },
    })
}

fn check(request: &ValidRequest, context: &Context<'_>) -> Result<(), Unsupported> {
    if context.choices > 1 {
        return Err(Unsupported::new(
            "n",
            "this model's provider answers with one choice; send several requests",
        ));
    }
    if has_functions(request) {
        return Err(Unsupported::new(
            "functions",
            "this model's provider does not take `functions`; use `tools` and `tool_choice`",
        ));
    }
    Ok(())
}

/// The output limit to send: the provider demands one. The client's, brought down to what the model can
/// write; else all that the model can write beside the prompt.
fn max_tokens(request: &ValidRequest, quirks: &Quirks, notes: &mut Vec<Note>) -> u64 {
    let model = &request.model;
    if let Some(asked) = request.max_tokens {
        let sent = model.max_output.map_or(asked, |most| asked.min(most));
        if sent != asked {
            let names = ["max_completion_tokens", "max_tokens"].into_iter();
            let name = names.into_iter().find(|name| request.request.get(name).is_some());
            notes.push(Note::Moved(name.unwrap_or("max_tokens").to_owned()));
        }
        return sent;
    }
    let most = model.max_output.unwrap_or(quirks.default_max_tokens);
    // Two bytes a token is less than any language has: what is left fits, whatever the prompt is.
    let room = model
        .context
        .map(|context| context.saturating_sub(request.traits.text_bytes / 2));
    most.min(room.unwrap_or(most).max(quirks.default_max_tokens))
}

/// `output_config.format`, and what its schema takes of the provider's limits. A schema that it cannot
/// be held to is asked for in words, and the answer is checked here; so it is where limits had to go.
fn format(request: &ValidRequest, plan: &mut Plan) -> Result<(Option<String>, Complexity), Unsupported> {
    if plan.format != FormatPlan::Native(ResponseFormatAsked::JsonSchema) {
        return Ok((None, Complexity::default()));
    }
    let schema = schema_of(request);
    Ok(match schema::held(schema) {
        Some(output) => {
            if output.closed {
                let name = "response_format.json_schema.additionalProperties";
                plan.notes.push(Note::Omitted(name.to_owned()));
            }
            if output.weaker {
                plan.check_schema(schema)?;
            }
            let format = format!(r#"{{"type":"json_schema","schema":{}}}"#, output.json);
            (Some(format), output.complexity)
        }
        None => {
            plan.ask_for_schema_in_words(schema)?;
            (None, Complexity::default())
        }
    })
}

fn schema_of(request: &ValidRequest) -> &str {
    let format = request
        .request
        .get("response_format")
        .and_then(|json| Object::parse(json).ok());
    let inner = format.and_then(|format| Object::parse(format.present("json_schema")?).ok());
    let schema = inner.and_then(|inner| inner.present("schema"));
    schema.unwrap_or(r#"{"type":"object"}"#)
}

/// Stop strings of white space alone are refused: the gate stops at those itself.
fn stop_here(plan: &mut Plan, notes: &mut Vec<Note>) {
    let blank = plan.stop.extract_if(.., |stop| stop.trim().is_empty());
    let before = plan.emulated.stop.len();
    plan.emulated.stop.extend(blank);
    if plan.emulated.stop.len() > before {
        notes.push(Note::Emulated("stop".to_owned()));
    }
}

/// Everything beside messages and tools.
struct Members {
    max_tokens: u64,
    stop: Vec<String>,
    said: Said,
    format: Option<String>,
    streamed: bool,
    one_for_all: Option<Mark>,
    others: Vec<(&'static str, String)>,
    /// The catalogue's own members, which count before any of these.
    send: Vec<(String, String)>,
}

impl Members {
    fn write(
        self,
        upstream_id: &str,
        turns: &Turns<'_>,
        offer: &Offer<'_>,
        request: &ValidRequest,
    ) -> Vec<bytes::Bytes> {
        let mut body = Body::of(request.request.body());
        body.json("{\"model\":");
        body.string(upstream_id);
        let sent = |name: &str| self.send.iter().any(|(own, _)| own == name);
        let mut member = |name: &str, json: Option<&str>| {
            if let Some(json) = json.filter(|_| !sent(name)) {
                body.name(name);
                body.json(json);
            }
        };
        member("max_tokens", Some(&self.max_tokens.to_string()));
        member("thinking", self.said.thinking.as_deref());
        member("output_config", self.output_config().as_deref());
        member("stream", self.streamed.then_some("true"));
        let stop = serde_json::to_string(&self.stop)
            .ok()
            .filter(|_| !self.stop.is_empty());
        member("stop_sequences", stop.as_deref());
        for (name, json) in &self.others {
            member(name, Some(json));
        }
        member("cache_control", self.one_for_all.map(Mark::json));
        member("tool_choice", offer.choice.as_deref());
        for (name, json) in &self.send {
            body.name(name);
            body.json(json);
        }
        if !turns.system.is_empty() {
            body.name("system");
            blocks::write_all(&turns.system, &mut body);
        }
        if !offer.tools.is_empty() {
            body.name("tools");
            for (index, tool) in offer.tools.iter().enumerate() {
                body.json(if index == 0 { "[" } else { "," });
                tool.write(&mut body);
            }
            body.json("]");
        }
        body.name("messages");
        for (index, turn) in turns.turns.iter().enumerate() {
            body.json(if index == 0 {
                "[{\"role\":\""
            } else {
                ",{\"role\":\""
            });
            body.json(turn.role.as_str());
            body.json("\",\"content\":");
            blocks::write_all(&turn.blocks, &mut body);
            body.json("}");
        }
        body.json("]}");
        body.finish()
    }

    fn output_config(&self) -> Option<String> {
        let effort = self
            .said
            .effort
            .map(|effort| format!("\"effort\":{}", quote(effort.as_str())));
        let format = self.format.as_ref().map(|format| format!("\"format\":{format}"));
        let both: Vec<String> = [effort, format].into_iter().flatten().collect();
        (!both.is_empty()).then(|| format!("{{{}}}", both.join(",")))
    }
}
