//! Parameters beside messages, tools and thinking: what becomes of each.

use sha2::{Digest, Sha256};
use tollgate_catalog::{
    contract::{ValidRequest, defaults},
    quirks::{Quirks, Range},
};
use tollgate_chat::{json::quote, object::Object};

use super::{
    cache::{MARKS_LIMIT, Mark, keep_last},
    messages::Turns,
    tools::Offer,
};
use crate::{
    parameter::{has_no_effect, nearest, not_taken, omits, refuses, whole},
    request::{Note, Unsupported},
};

/// Longest `metadata.user_id`.
const USER_LIMIT: usize = 256;
/// Parameters that mean something which Messages has no word for, whatever the catalogue says.
const MEANINGFUL: [&str; 7] = [
    "logprobs",
    "top_logprobs",
    "modalities",
    "audio",
    "web_search_options",
    "functions",
    "function_call",
];

/// What has been decided so far.
pub struct Parameters<'a> {
    request: &'a ValidRequest,
    quirks: &'a Quirks,
    thinks: bool,
    /// Members to send, as JSON.
    pub members: Vec<(&'static str, String)>,
    pub notes: Vec<Note>,
}

impl<'a> Parameters<'a> {
    /// Decides about every parameter. Fails with the first that means something which the provider has no
    /// word for.
    pub fn decide(request: &'a ValidRequest, quirks: &'a Quirks, thinks: bool) -> Result<Self, Unsupported> {
        let mut parameters = Self {
            request,
            quirks,
            thinks,
            members: Vec::new(),
            notes: Vec::new(),
        };
        for (name, value) in request.request.members().filter(|(_, value)| *value != "null") {
            parameters.member(name, value)?;
        }
        // Messages knows only roles.
        if request.traits.name {
            parameters.notes.push(Note::Omitted("name".to_owned()));
        }
        let marked = request.traits.cache_control || request.traits.tool_cache_control;
        if marked && !quirks.cache_control {
            parameters.notes.push(Note::Omitted("cache_control".to_owned()));
        }
        parameters.sampling();
        parameters.user();
        Ok(parameters)
    }

    /// Decides about one member that the client sent and that has no place of its own.
    fn member(&mut self, name: &str, value: &str) -> Result<(), Unsupported> {
        match name {
            "model"
            | "messages"
            | "max_tokens"
            | "max_completion_tokens"
            | "temperature"
            | "top_p"
            | "n"
            | "stop"
            | "stream"
            | "stream_options"
            | "response_format"
            | "tools"
            | "tool_choice"
            | "parallel_tool_calls"
            | "reasoning_effort"
            | "thinking"
            | "enable_thinking"
            | "thinking_budget"
            | "user"
            | "user_id"
            | "safety_identifier"
            | "metadata" => {}
            "cache_control" if self.quirks.cache_control => {}
            "top_k" if !self.omits(name) => match whole(value) {
                Some(asked) => self.members.push(("top_k", asked.to_string())),
                None => return Err(Unsupported::new(name, "`top_k` has to be a whole number")),
            },
            "service_tier" => self.service_tier(value),
            _ => self.other(name, value)?,
        }
        Ok(())
    }

    /// What Messages has no word for.
    fn other(&mut self, name: &str, value: &str) -> Result<(), Unsupported> {
        if has_no_effect(name, value) {
            return Ok(());
        }
        if MEANINGFUL.contains(&name) || refuses(self.quirks, name, self.thinks) {
            return Err(not_taken(name));
        }
        self.notes.push(Note::Omitted(name.to_owned()));
        Ok(())
    }

    /// Whether a parameter that is only a hint is left out.
    fn omits(&self, name: &str) -> bool {
        omits(self.quirks, name, self.thinks)
    }

    /// Temperature and nucleus: the client's or the documented ones, moved into the range that is taken.
    fn sampling(&mut self) {
        let documented = defaults::to_send(self.request, self.quirks);
        let default = |name| {
            let (_, json) = documented.iter().find(|(own, _)| *own == name)?;
            json.parse::<f64>().ok()
        };
        let temperature = self.request.temperature.or(default("temperature"));
        let top_p = self.request.top_p.or(default("top_p"));
        let temperature = self.number("temperature", temperature, self.quirks.temperature);
        let mut top_p = self.number("top_p", top_p, self.quirks.top_p);
        // 1 is what either is when nothing is said.
        let both = temperature.is_some_and(|value| value != 1.0) && top_p.is_some();
        if self.quirks.temperature_excludes_top_p && both {
            if top_p != Some(1.0) {
                self.notes.push(Note::Omitted("top_p".to_owned()));
            }
            top_p = None;
        }
        let alone = self.quirks.temperature_excludes_top_p && top_p.is_some();
        if let Some(temperature) = temperature.filter(|_| !alone) {
            self.members.push(("temperature", temperature.to_string()));
        }
        if let Some(top_p) = top_p {
            self.members.push(("top_p", top_p.to_string()));
        }
    }

    fn number(&mut self, name: &str, asked: Option<f64>, range: Option<Range>) -> Option<f64> {
        let asked = asked?;
        let range = range.filter(|_| !self.omits(name));
        nearest(name, asked, range, &mut self.notes)
    }

    /// The client's name for its user. The provider wants nobody's address or number: those are hashed.
    fn user(&mut self) {
        let string = |name| {
            let json = self.request.request.get(name)?;
            serde_json::from_str::<String>(json)
                .ok()
                .filter(|text| !text.is_empty())
        };
        let metadata = self
            .request
            .request
            .get("metadata")
            .and_then(|json| Object::parse(json).ok());
        let inner = metadata
            .as_ref()
            .and_then(|metadata| metadata.read::<String>("user_id"));
        let others = metadata.is_some_and(|metadata| metadata.members().len() > usize::from(inner.is_some()));
        let names = ["user", "safety_identifier", "user_id"].into_iter();
        let user = names.filter_map(string).next().or(inner);
        if others {
            self.notes.push(Note::Omitted("metadata".to_owned()));
        }
        if let Some(user) = user.map(without_person) {
            self.members
                .push(("metadata", format!(r#"{{"user_id":{}}}"#, quote(&user))));
        }
    }

    /// OpenAI's `default` is the tier without priority; `flex` has no counterpart.
    fn service_tier(&mut self, value: &str) {
        let tier = match value.trim_matches('"') {
            "auto" => "auto",
            "default" | "standard" | "standard_only" => "standard_only",
            "priority" => {
                self.notes.push(Note::Moved("service_tier".to_owned()));
                "auto"
            }
            _ => return self.notes.push(Note::Omitted("service_tier".to_owned())),
        };
        self.members.push(("service_tier", quote(tier)));
    }

    /// Keeps as many marks as the provider takes. A mark on the whole request counts as one.
    pub fn cache_control(&mut self, offer: &mut Offer<'_>, turns: &mut Turns<'_>) -> Option<Mark> {
        let json = self
            .request
            .request
            .get("cache_control")
            .filter(|_| self.quirks.cache_control);
        let whole = json.and_then(|json| Mark::read(json, &mut self.notes));
        let in_turns = turns.turns.iter_mut().flat_map(|turn| &mut turn.blocks);
        let in_blocks = turns
            .system
            .iter_mut()
            .chain(in_turns)
            .filter_map(|block| block.mark());
        let in_tools = offer.tools.iter_mut().map(|tool| &mut tool.mark);
        let marks = in_tools.chain(in_blocks).collect();
        keep_last(marks, MARKS_LIMIT - usize::from(whole.is_some()), &mut self.notes);
        whole
    }
}

/// A name as it is, or its hash where it is an address or a number of somebody, or too long.
fn without_person(user: String) -> String {
    let digits = user.chars().filter(char::is_ascii_digit).count();
    let in_number = |char: char| char.is_ascii_digit() || " +-().".contains(char);
    let is_number = (7..=15).contains(&digits) && user.chars().all(in_number);
    if !user.contains('@') && !is_number && user.len() <= USER_LIMIT {
        return user;
    }
    let hash = Sha256::digest(user.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
