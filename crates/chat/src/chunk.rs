//! Writes chat chunks for events that have none yet.
//!
//! One writer serves one answer: id, created and model are the same in every chunk, and the first
//! chunk of a choice says its role.

use std::fmt::Write;

use crate::{
    event::{EventKind, Start},
    json::quote,
    usage::{Usage, UsageShape},
};

/// Most choices of one answer; no API takes a larger `n`.
pub const CHOICES_LIMIT: usize = 128;

/// What every chunk and the whole answer say alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub id: String,
    /// Unix seconds.
    pub created: u64,
    /// The model as the client asked for it.
    pub model: String,
    pub system_fingerprint: Option<String>,
}

impl Head {
    /// Takes over what the provider says of the whole answer.
    pub fn adopt(&mut self, start: &Start) {
        if let Some(id) = &start.id {
            self.id.clone_from(id);
        }
        if let Some(created) = start.created {
            self.created = created;
        }
        if start.system_fingerprint.is_some() {
            self.system_fingerprint.clone_from(&start.system_fingerprint);
        }
    }
}

/// The members that the model's page always shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswerShape {
    pub usage: UsageShape,
    /// `system_fingerprint`, null where there is none.
    pub system_fingerprint: bool,
    /// `matched_stop` in a choice, null where there is none.
    pub matched_stop: bool,
}

/// The writer's state: which choices have had their role.
#[derive(Debug)]
pub struct ChunkWriter {
    head: Head,
    /// Whether the client asked for usage: then each chunk says `usage: null`.
    include_usage: bool,
    opened: Vec<u32>,
    /// Choices whose role was said before they came, by [`ChunkWriter::announce_before`].
    announced: Vec<u32>,
    /// The choice of each image so far.
    images: Vec<u32>,
}

impl ChunkWriter {
    pub fn new(head: Head, include_usage: bool) -> Self {
        Self {
            head,
            include_usage,
            opened: Vec::new(),
            announced: Vec::new(),
            images: Vec::new(),
        }
    }

    /// The chunk's JSON for `event`; `None` for what has no chunk of its own.
    pub fn write(&mut self, event: &EventKind) -> Option<String> {
        self.write_with(event, None)
    }

    /// As [`ChunkWriter::write`], with the log probabilities of its text: the items of `logprobs.content`.
    pub fn write_with(&mut self, event: &EventKind, logprobs: Option<&str>) -> Option<String> {
        let mut logprobs = logprobs;
        let (choice, delta, finish) = match event {
            EventKind::Start(_)
            | EventKind::Usage(_)
            | EventKind::UsageEstimated
            | EventKind::UsageCutOff
            | EventKind::ServiceTier(_)
            | EventKind::Other { .. }
            | EventKind::Unshown { .. }
            | EventKind::State { .. }
            | EventKind::BlockEnd { .. } => return None,
            EventKind::Text { choice, text } => (*choice, member("content", text), None),
            EventKind::Refusal { choice, text } => (*choice, member("refusal", text), None),
            EventKind::Reasoning { choice, text } => (*choice, member("reasoning_content", text), None),
            EventKind::ToolCall {
                choice,
                index,
                id,
                name,
                arguments,
            } => (
                *choice,
                tool_call(*index, id.as_deref(), name.as_deref(), arguments),
                None,
            ),
            EventKind::Image { choice, url } => {
                let images = format!("\"images\":[{}]", image(self.next_image(*choice), url));
                (*choice, images, None)
            }
            EventKind::Citation { choice, citation } => {
                let annotations = format!("\"annotations\":[{}]", citation.to_json());
                (*choice, annotations, None)
            }
            EventKind::Logprobs { choice, json } => {
                logprobs = Some(json.as_str());
                (*choice, String::new(), None)
            }
            EventKind::Finish(finish) => (finish.choice, String::new(), Some(finish)),
        };
        let mut json = self.open();
        let _ = write!(json, "\"choices\":[{{\"index\":{choice},\"delta\":{{");
        if self.open_choice(choice) {
            json.push_str("\"role\":\"assistant\"");
            if !delta.is_empty() {
                json.push(',');
            }
        }
        json.push_str(&delta);
        json.push_str("},\"logprobs\":");
        match logprobs {
            None => json.push_str("null"),
            Some(items) => {
                let _ = write!(json, "{{\"content\":{items},\"refusal\":null}}");
            }
        }
        json.push_str(",\"finish_reason\":");
        match finish {
            None => json.push_str("null"),
            Some(finish) => json.push_str(&quote(finish.reason.as_str())),
        }
        if let Some(stop) = finish.and_then(|finish| finish.matched_stop.as_deref()) {
            json.push_str(",\"matched_stop\":");
            json.push_str(&quote(stop));
        }
        json.push_str("}]");
        if self.include_usage {
            json.push_str(",\"usage\":null");
        }
        json.push('}');
        Some(json)
    }

    /// The last chunk, for a client that asked for usage: no choices.
    pub fn usage(&self, usage: &Usage, shape: &UsageShape) -> String {
        let mut json = self.open();
        json.push_str("\"choices\":[],\"usage\":");
        json.push_str(&usage.to_json(shape));
        json.push('}');
        json
    }

    /// Chunks that say the role of every choice before this one which has none yet: the official clients
    /// want the choices to appear in their order.
    pub fn announce_before(&mut self, choice: u32) -> Vec<String> {
        if choice as usize >= CHOICES_LIMIT || self.opened.contains(&choice) {
            return Vec::new();
        }
        let mut chunks = Vec::new();
        for earlier in 0..choice {
            if !self.opened.contains(&earlier) {
                self.announced.push(earlier);
                let text = String::new();
                chunks.extend(self.write(&EventKind::Text {
                    choice: earlier,
                    text,
                }));
            }
        }
        chunks
    }

    /// The choices of a ready-made chunk, while there are some below `count` that have not come yet.
    pub fn newly_in(&self, chunk: &[u8], count: u32) -> Vec<u32> {
        #[derive(serde::Deserialize)]
        struct Chunk {
            #[serde(default)]
            choices: Vec<Choice>,
        }
        #[derive(serde::Deserialize)]
        struct Choice {
            index: u32,
        }
        if self.opened.len() >= count as usize {
            return Vec::new();
        }
        let chunk: Result<Chunk, _> = serde_json::from_slice(chunk);
        let choices = chunk.map(|chunk| chunk.choices).unwrap_or_default();
        choices.into_iter().map(|choice| choice.index).collect()
    }

    /// A ready-made chunk without the roles of choices that were announced already; `None`: it stays as it
    /// is.
    pub fn without_repeated_roles(&mut self, chunk: &[u8]) -> Option<String> {
        if self.announced.is_empty() || memchr::memmem::find(chunk, b"\"role\"").is_none() {
            return None;
        }
        let mut json: serde_json::Value = serde_json::from_slice(chunk).ok()?;
        let mut removed = false;
        for choice in json.get_mut("choices")?.as_array_mut()? {
            let index = choice.get("index").and_then(serde_json::Value::as_u64);
            let place = self
                .announced
                .iter()
                .position(|announced| Some(u64::from(*announced)) == index);
            let delta = choice.get_mut("delta").and_then(serde_json::Value::as_object_mut);
            if let (Some(place), Some(delta)) = (place, delta)
                && delta.shift_remove("role").is_some()
            {
                self.announced.remove(place);
                removed = true;
            }
        }
        removed.then(|| json.to_string())
    }

    /// Notes that a ready-made chunk has opened `choice`. Returns whether it was the first. Choices
    /// beyond [`CHOICES_LIMIT`] are not followed, and each of their chunks counts as the first.
    pub fn open_choice(&mut self, choice: u32) -> bool {
        let first = !self.opened.contains(&choice);
        if first && self.opened.len() < CHOICES_LIMIT {
            self.opened.push(choice);
        }
        first
    }

    /// The place of a choice's next image.
    fn next_image(&mut self, choice: u32) -> u32 {
        let before = self.images.iter().filter(|other| **other == choice).count();
        self.images.push(choice);
        before as u32
    }

    fn open(&self) -> String {
        let mut json = String::with_capacity(256);
        let _ = write!(
            json,
            "{{\"id\":{},\"object\":\"chat.completion.chunk\",\"created\":{},\"model\":{},\"system_fingerprint\":{},",
            quote(&self.head.id),
            self.head.created,
            quote(&self.head.model),
            self.head
                .system_fingerprint
                .as_deref()
                .map_or_else(|| "null".to_owned(), quote),
        );
        json
    }
}

fn member(name: &str, text: &str) -> String {
    format!("\"{name}\":{}", quote(text))
}

/// A part of `images`, in a chunk's delta or in a whole message.
pub(crate) fn image(index: u32, url: &str) -> String {
    format!(
        "{{\"type\":\"image_url\",\"index\":{index},\"image_url\":{{\"url\":{}}}}}",
        quote(url)
    )
}

fn tool_call(index: u32, id: Option<&str>, name: Option<&str>, arguments: &str) -> String {
    let mut json = format!("\"tool_calls\":[{{\"index\":{index},");
    if let Some(id) = id {
        let _ = write!(json, "\"id\":{},\"type\":\"function\",", quote(id));
    }
    json.push_str("\"function\":{");
    if let Some(name) = name {
        let _ = write!(json, "\"name\":{},", quote(name));
    }
    let _ = write!(json, "\"arguments\":{}}}}}]", quote(arguments));
    json
}

#[cfg(test)]
mod tests;
