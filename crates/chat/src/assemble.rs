//! Folds the events of a stream into a whole answer.
//!
//! For providers that give what was asked for only as a stream, and for the embedded model.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::{
    answer::Answer,
    chunk::{AnswerShape, Head, image},
    event::{EventKind, Finish, Unshown},
    json::quote,
    service_tier::ServiceTier,
    usage::{CountedBy, Usage},
};

/// What has been said so far, by choice.
#[derive(Debug, Default)]
pub struct Assembler {
    choices: BTreeMap<u32, Choice>,
    usage: Option<Usage>,
    /// Whether some of `usage` is an estimate.
    usage_is_estimated: bool,
    /// Bytes that were held when `usage` came.
    counted: usize,
    service_tier: Option<ServiceTier>,
    unshown: BTreeSet<Unshown>,
}

#[derive(Debug, Default)]
struct Choice {
    text: Option<String>,
    refusal: Option<String>,
    reasoning: Option<String>,
    tool_calls: BTreeMap<u32, ToolCall>,
    /// Data URIs.
    images: Vec<String>,
    /// Items of `annotations`.
    annotations: Vec<String>,
    /// Items of `logprobs.content`, without the brackets around them.
    logprobs: Option<String>,
    finish: Option<Finish>,
}

#[derive(Debug, Default)]
struct ToolCall {
    id: String,
    name: String,
    arguments: String,
}

impl Assembler {
    pub fn take(&mut self, event: EventKind) {
        match event {
            EventKind::Start(_)
            | EventKind::Other { .. }
            | EventKind::State { .. }
            | EventKind::BlockEnd { .. } => {}
            EventKind::Unshown { kind, .. } => {
                self.unshown.insert(kind);
            }
            EventKind::Text { choice, text } => append(&mut self.choice(choice).text, &text),
            EventKind::Refusal { choice, text } => append(&mut self.choice(choice).refusal, &text),
            EventKind::Reasoning { choice, text } => append(&mut self.choice(choice).reasoning, &text),
            EventKind::ToolCall {
                choice,
                index,
                id,
                name,
                arguments,
            } => {
                let call = self.choice(choice).tool_calls.entry(index).or_default();
                if let Some(id) = id {
                    call.id = id;
                }
                if let Some(name) = name {
                    call.name = name;
                }
                call.arguments.push_str(&arguments);
            }
            EventKind::Image { choice, url } => self.choice(choice).images.push(url),
            EventKind::Citation { choice, citation } => {
                self.choice(choice).annotations.push(citation.to_json());
            }
            EventKind::Logprobs { choice, json } => {
                let json = json.trim();
                let items = json.strip_prefix('[').and_then(|json| json.strip_suffix(']'));
                let items = items.unwrap_or_default().trim();
                let held = self.choice(choice).logprobs.get_or_insert_default();
                if !held.is_empty() && !items.is_empty() {
                    held.push(',');
                }
                held.push_str(items);
            }
            EventKind::Finish(finish) => {
                let choice = self.choice(finish.choice);
                choice.finish = Some(finish);
            }
            EventKind::Usage(usage) => {
                self.usage = Some(usage);
                self.usage_is_estimated = false;
                self.counted = self.held();
            }
            // A count of less than there is would be taken for one of all.
            EventKind::UsageCutOff => self.usage = self.usage.filter(|_| self.held() <= self.counted),
            EventKind::UsageEstimated => self.usage_is_estimated = true,
            EventKind::ServiceTier(tier) => self.service_tier = Some(tier),
        }
    }

    /// Bytes of text held, for the bound on whole answers.
    pub fn held(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.choices
            .values()
            .map(|choice| {
                let calls: usize = choice.tool_calls.values().map(|call| call.arguments.len()).sum();
                let images: usize = choice.images.iter().map(String::len).sum();
                let texts = [&choice.text, &choice.refusal, &choice.reasoning, &choice.logprobs];
                let annotations: usize = choice.annotations.iter().map(String::len).sum();
                texts.into_iter().map(text).sum::<usize>() + calls + images + annotations
            })
            .sum()
    }

    /// The answer's JSON; `estimated` stands in for counts that nobody gave.
    pub fn finish(self, head: &Head, shape: &AnswerShape, estimated: Usage) -> Answer {
        let usage = self.usage.unwrap_or(estimated);
        let finishes = self
            .choices
            .values()
            .filter_map(|choice| choice.finish.clone())
            .collect();
        let choices: Vec<String> = self
            .choices
            .into_iter()
            .map(|(index, choice)| choice.to_json(index, shape))
            .collect();
        let fingerprint = match &head.system_fingerprint {
            Some(fingerprint) => format!(",\"system_fingerprint\":{}", quote(fingerprint)),
            None if shape.system_fingerprint => ",\"system_fingerprint\":null".to_owned(),
            None => String::new(),
        };
        let json = format!(
            "{{\"id\":{},\"object\":\"chat.completion\",\"created\":{},\"model\":{},\"choices\":[{}],\"usage\":{}{fingerprint}}}",
            quote(&head.id),
            head.created,
            quote(&head.model),
            choices.join(","),
            usage.to_json(&shape.usage),
        );
        Answer {
            json: Bytes::from(json),
            usage,
            counted_by: match self.usage {
                None => CountedBy::Gate,
                Some(_) if self.usage_is_estimated => CountedBy::ProviderButThePrompt,
                Some(_) => CountedBy::Provider,
            },
            service_tier: self.service_tier,
            finishes,
            unshown: self.unshown,
        }
    }

    fn choice(&mut self, index: u32) -> &mut Choice {
        self.choices.entry(index).or_default()
    }
}

impl Choice {
    fn to_json(&self, index: u32, shape: &AnswerShape) -> String {
        let or_null = |text: Option<&str>| text.map_or_else(|| "null".to_owned(), quote);
        // An answer that a stop text ended before its first letter is an empty one, not none.
        let is_cut_to_nothing = self.tool_calls.is_empty()
            && self
                .finish
                .as_ref()
                .is_some_and(|finish| finish.matched_stop.is_some());
        let text = self.text.as_deref().or(is_cut_to_nothing.then_some(""));
        let mut message = format!(
            "{{\"role\":\"assistant\",\"content\":{},\"refusal\":{}",
            or_null(text),
            or_null(self.refusal.as_deref()),
        );
        if !self.annotations.is_empty() {
            message.push_str(&format!(",\"annotations\":[{}]", self.annotations.join(",")));
        }
        if let Some(reasoning) = &self.reasoning {
            message.push_str(",\"reasoning_content\":");
            message.push_str(&quote(reasoning));
        }
        if !self.tool_calls.is_empty() {
            let cut = self.finish.as_ref().is_some_and(|finish| finish.reason.cuts());
            let calls: Vec<String> = self.tool_calls.values().map(|call| call.to_json(cut)).collect();
            message.push_str(&format!(",\"tool_calls\":[{}]", calls.join(",")));
        }
        if !self.images.is_empty() {
            let images = self.images.iter().zip(0..).map(|(url, index)| image(index, url));
            message.push_str(&format!(",\"images\":[{}]", images.collect::<Vec<_>>().join(",")));
        }
        let logprobs = match &self.logprobs {
            None => "null".to_owned(),
            Some(items) => format!("{{\"content\":[{items}],\"refusal\":null}}"),
        };
        let reason = self.finish.as_ref().map(|finish| finish.reason.as_str());
        let matched_stop = self
            .finish
            .as_ref()
            .and_then(|finish| finish.matched_stop.as_deref());
        let mut json = format!(
            "{{\"index\":{index},\"message\":{message}}},\"logprobs\":{logprobs},\"finish_reason\":{}",
            or_null(reason),
        );
        if shape.matched_stop || matched_stop.is_some() {
            json.push_str(",\"matched_stop\":");
            json.push_str(&or_null(matched_stop));
        }
        json.push('}');
        json
    }
}

impl ToolCall {
    /// `cut`: the limit or a filter ended the answer, so what came of the arguments is told as it is.
    fn to_json(&self, cut: bool) -> String {
        // Providers write nothing for a call without arguments; parsers expect an object.
        let arguments = if self.arguments.trim().is_empty() && !cut {
            "{}"
        } else {
            &*self.arguments
        };
        format!(
            "{{\"id\":{},\"type\":\"function\",\"function\":{{\"name\":{},\"arguments\":{}}}}}",
            quote(&self.id),
            quote(&self.name),
            quote(arguments),
        )
    }
}

fn append(text: &mut Option<String>, piece: &str) {
    text.get_or_insert_default().push_str(piece);
}

#[cfg(test)]
mod tests;
