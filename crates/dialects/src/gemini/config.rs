//! `generationConfig`: limits, sampling, the form of the answer.

use tollgate_catalog::{
    contract::{ResponseFormatAsked, ValidRequest, defaults},
    quirks::{Quirks, Range},
};
use tollgate_chat::object::Object;

use super::{body::Members, media::note, thinking, tools};
use crate::{
    emulate::{FormatPlan, Plan, Schema},
    parameter::{has_no_effect, nearest, not_taken, omits, refuses, whole},
    request::{Context, Note, Unsupported},
};

/// Members that say what others say too, or whose rule is elsewhere.
const ELSEWHERE: &[&str] = &[
    "model",
    "messages",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning_effort",
    "thinking",
    "enable_thinking",
    "thinking_budget",
    "n",
    "stop",
    "response_format",
];

/// Most log probabilities of other tokens beside each.
const TOP_LOGPROBS_LIMIT: u64 = 20;

pub(super) struct Writer<'w> {
    pub request: &'w ValidRequest,
    pub quirks: &'w Quirks,
    pub plan: &'w mut Plan,
    pub notes: &'w mut Vec<Note>,
}

impl Writer<'_> {
    /// Fails with the first parameter that this model's provider cannot serve.
    pub fn write(&mut self, context: &Context<'_>) -> Result<Members, Unsupported> {
        let mut config = Members::default();
        let request = self.request;
        for (name, value) in request.request.members() {
            if value != "null" && !ELSEWHERE.contains(&name) {
                self.member(name, value, &mut config)?;
            }
        }
        for (name, json) in defaults::to_send(request, self.quirks) {
            self.member(name, &json, &mut config)?;
        }
        if context.choices > 1 {
            config.put("candidateCount", context.choices);
        }
        if !self.plan.stop.is_empty() {
            config.put("stopSequences", &self.plan.stop);
        }
        self.format(&mut config)?;
        if let Some(thinking) = thinking::config(request, self.quirks, &self.plan.thinking, self.notes) {
            config.put("thinkingConfig", thinking);
        }
        Ok(config)
    }

    fn member(&mut self, name: &str, value: &str, config: &mut Members) -> Result<(), Unsupported> {
        let thinks = self.plan.thinking.thinks;
        if has_no_effect(name, value) {
            return Ok(());
        }
        if refuses(self.quirks, name, thinks) {
            return Err(not_taken(name));
        }
        let is_sampling = matches!(name, "temperature" | "top_p");
        if omits(self.quirks, name, thinks) && !is_sampling {
            self.omit(name);
            return Ok(());
        }
        match name {
            "max_tokens" | "max_completion_tokens" => self.limit(name, config),
            "temperature" => self.number(name, value, self.quirks.temperature, "temperature", config),
            "top_p" => self.number(name, value, self.quirks.top_p, "topP", config),
            "top_k" => match whole(value) {
                Some(asked) => config.put("topK", asked),
                None => return Err(Unsupported::new(name, "`top_k` has to be a whole number")),
            },
            "frequency_penalty" => config.put("frequencyPenalty", value.parse::<f64>().ok()),
            "presence_penalty" => config.put("presencePenalty", value.parse::<f64>().ok()),
            "seed" => self.seed(config),
            "logprobs" => config.put("responseLogprobs", true),
            "top_logprobs" => {
                let asked = whole(value).unwrap_or_default();
                config.put("logprobs", asked.min(TOP_LOGPROBS_LIMIT));
            }
            "modalities" => self.modalities(value, config)?,
            "audio" | "web_search_options" => {
                return Err(Unsupported::new(
                    name,
                    format!("`{name}` has no counterpart at this model's provider; leave it out"),
                ));
            }
            "functions" | "function_call" => {
                return Err(Unsupported::new(
                    name,
                    format!("this model's provider does not take `{name}`; use `tools` and `tool_choice`"),
                ));
            }
            _ => self.omit(name),
        }
        Ok(())
    }

    fn omit(&mut self, name: &str) {
        note(self.notes, Note::Omitted(name.to_owned()));
    }

    /// Both names say one limit, and the newer one counts. Beyond the model's own
    /// limit Gemini refuses, and nothing is lost by naming that.
    fn limit(&mut self, name: &str, config: &mut Members) {
        let newer = self.request.request.get("max_completion_tokens").is_some();
        let Some(asked) = self.request.max_tokens.filter(|_| name != "max_tokens" || !newer) else {
            return;
        };
        let most = self
            .request
            .model
            .max_output
            .map_or(asked, |most| asked.min(most));
        if most != asked {
            note(self.notes, Note::Moved(name.to_owned()));
        }
        config.put("maxOutputTokens", most);
    }

    fn number(&mut self, name: &str, value: &str, range: Option<Range>, sent: &str, config: &mut Members) {
        let Ok(asked) = value.parse::<f64>() else { return };
        let range = range.filter(|_| !omits(self.quirks, name, self.plan.thinking.thinks));
        if let Some(nearest) = nearest(name, asked, range, self.notes) {
            config.put(sent, nearest);
        }
    }

    /// Gemini's seeds have 32 bits; the lower ones of a longer seed make as good a seed.
    fn seed(&mut self, config: &mut Members) {
        let Some(asked) = self.request.seed else { return };
        let sent = asked as i32;
        if i64::from(sent) != asked {
            note(self.notes, Note::Moved("seed".to_owned()));
        }
        config.put("seed", sent);
    }

    fn modalities(&mut self, value: &str, config: &mut Members) -> Result<(), Unsupported> {
        let kinds: Vec<String> = serde_json::from_str(value).unwrap_or_default();
        let known = |kind: &String| matches!(kind.as_str(), "text" | "image");
        if !kinds.iter().all(known) {
            return Err(Unsupported::new(
                "modalities",
                "this model's provider answers with `text`, and some models with `image`, only",
            ));
        }
        let words: Vec<String> = kinds.iter().map(|kind| kind.to_ascii_uppercase()).collect();
        config.put("responseModalities", words);
        Ok(())
    }

    fn format(&mut self, config: &mut Members) -> Result<(), Unsupported> {
        let FormatPlan::Native(format) = self.plan.format else {
            return Ok(());
        };
        if format == ResponseFormatAsked::Text {
            return Ok(());
        }
        config.put("responseMimeType", "application/json");
        if format == ResponseFormatAsked::JsonObject {
            return Ok(());
        }
        let asked = self.request.request.get("response_format").unwrap_or_default();
        let asked = Object::parse(asked).ok();
        let asked = asked
            .as_ref()
            .and_then(|format| Object::parse(format.present("json_schema")?).ok());
        let Some(asked) = asked else { return Ok(()) };
        let Some(written) = asked.present("schema") else {
            return Ok(());
        };
        let cleaned = tools::schema(written, self.quirks, "response_format.json_schema.schema")?;
        for keyword in &cleaned.lost {
            note(
                self.notes,
                Note::Omitted(format!("response_format.json_schema.{keyword}")),
            );
        }
        // What was promised strictly and cannot be said is looked at in the answer.
        let strict = asked.present("strict") == Some("true");
        if strict && !cleaned.lost.is_empty() && self.request.request.get("logprobs") != Some("true") {
            self.plan.emulated.schema = Schema::compile(written).ok();
        }
        let member = tools::response_schema_member(self.quirks);
        config.set(member, cleaned.schema);
        Ok(())
    }
}
