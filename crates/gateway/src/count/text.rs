//! The texts of a request and its answer, as far as they have to be counted.

use std::mem::take;

use bytes::Bytes;
use serde_json::Value;
use tollgate_catalog::contract::ValidRequest;
use tollgate_chat::answer::Answer;

use super::Counted;
use crate::buffered::Held;

/// Bytes of a request beyond which its prompt is not counted.
pub const PROMPT_KEPT: usize = 4 << 20;
/// Bytes of one class of an answer that are kept of a stream.
const SAID_KEPT: usize = 1 << 20;
/// What the first piece of a class makes room for.
const FIRST_ROOM: usize = 256;

/// Where a message says what was thought. Where several do, all say the same, and the first of these counts.
const THOUGHTS: [&str; 4] = [
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "thinking_blocks",
];

/// What is to be counted.
#[derive(Debug, Default)]
pub struct Texts {
    /// The client's request.
    pub request: Option<Bytes>,
    pub output: Output,
}

/// What an answer says.
#[derive(Debug)]
pub enum Output {
    /// The JSON of a whole answer.
    Whole(Bytes),
    Said {
        reasoning: String,
        said: String,
    },
}

impl Default for Output {
    fn default() -> Self {
        Self::Said {
            reasoning: String::new(),
            said: String::new(),
        }
    }
}

impl Texts {
    /// A request and its whole answer.
    pub fn of_answer(request: &ValidRequest, answer: &Answer) -> Self {
        Self {
            request: Some(request.request.body().clone()),
            output: Output::Whole(answer.json.clone()),
        }
    }

    /// Counts each of them with `tokens`.
    pub fn count(self, tokens: fn(&str) -> u64) -> Counted {
        let prompt = self.request.and_then(|request| prompt(&request));
        let (reasoning, said) = match self.output {
            Output::Said { reasoning, said } => (reasoning, said),
            Output::Whole(answer) => said_in(&answer),
        };
        Counted {
            prompt: prompt.map(|prompt| tokens(&prompt)),
            reasoning: tokens(&reasoning),
            said: tokens(&said),
        }
    }
}

/// The text of a request's messages and tools; media are left out. `None`: it is too long, or no request.
fn prompt(request: &[u8]) -> Option<String> {
    if request.len() > PROMPT_KEPT {
        return None;
    }
    let request: Value = serde_json::from_slice(request).ok()?;
    let mut text = String::new();
    gather(request.get("messages")?, "\n", &mut text);
    // Each provider writes down what is defined in its own way, about as long.
    for name in ["tools", "functions", "response_format"] {
        if let Some(tools) = request.get(name).filter(|tools| !tools.is_null()) {
            text.push_str(&tools.to_string());
        }
    }
    Some(text)
}

/// What the choices of an answer think, and what they say.
fn said_in(answer: &[u8]) -> (String, String) {
    let (mut reasoning, mut said) = (String::new(), String::new());
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let choices = answer.get("choices").and_then(Value::as_array);
    for message in choices
        .into_iter()
        .flatten()
        .filter_map(|choice| choice.get("message"))
    {
        if let Some(thought) = message.get("reasoning_content").and_then(Value::as_str) {
            reasoning.push_str(thought);
        }
        let mut message = message.clone();
        if let Some(members) = message.as_object_mut() {
            members.retain(|name, _| !THOUGHTS.contains(&&**name));
        }
        gather(&message, "", &mut said);
    }
    (reasoning, said)
}

/// Bytes of what a whole answer thinks, says and calls.
pub fn said_bytes(answer: &[u8]) -> u64 {
    let (reasoning, said) = said_in(answer);
    (reasoning.len() + said.len()) as u64
}

/// Adds the words in `value` to `text`: those of members that hold words, and of what lies within.
fn gather(value: &Value, between: &str, text: &mut String) {
    const WORDS: [&str; 8] = [
        "content",
        "text",
        "name",
        "arguments",
        "refusal",
        "reasoning_content",
        "reasoning",
        "thinking",
    ];
    const MEDIA: [&str; 6] = ["image_url", "images", "input_audio", "audio", "video_url", "file"];
    match value {
        Value::Array(items) => items.iter().for_each(|item| gather(item, between, text)),
        Value::Object(members) => {
            let is_told = |name: &&str| {
                let thought = members.get(*name);
                thought.is_some_and(|thought| !thought.is_null() && thought != "")
            };
            let thoughts = THOUGHTS.iter().copied().find(is_told);
            for (name, value) in members {
                if THOUGHTS.contains(&&**name) && thoughts != Some(name) {
                    continue;
                }
                match value {
                    Value::String(words) if WORDS.contains(&&**name) => {
                        if !text.is_empty() {
                            text.push_str(between);
                        }
                        text.push_str(words);
                    }
                    Value::Array(_) | Value::Object(_) if !MEDIA.contains(&&**name) => {
                        gather(value, between, text)
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

/// What a stream has said since it was last counted, as far as it is kept.
#[derive(Debug)]
pub struct Said {
    pub reasoning: Kept,
    pub said: Kept,
    held: Held,
}

/// One class of it.
#[derive(Debug, Default)]
pub struct Kept {
    text: String,
    /// Bytes that are not kept.
    beyond: u64,
}

impl Said {
    pub fn new(held: Held) -> Self {
        Self {
            reasoning: Kept::default(),
            said: Kept::default(),
            held,
        }
    }

    pub fn think(&mut self, text: &str) {
        self.reasoning.push(text, &mut self.held);
    }

    pub fn say(&mut self, text: &str) {
        self.said.push(text, &mut self.held);
    }

    /// So many bytes were said of which nothing is kept.
    pub fn say_unkept(&mut self, bytes: u64) {
        self.said.beyond += bytes;
    }

    pub fn bytes(&self) -> u64 {
        self.reasoning.bytes() + self.said.bytes()
    }

    /// All of it, for whoever goes on.
    pub fn hand_over(&mut self) -> Self {
        Self {
            reasoning: take(&mut self.reasoning),
            said: take(&mut self.said),
            held: self.held.hand_over(),
        }
    }

    /// Forgets all of it, since it has been counted.
    pub fn clear(&mut self) {
        self.reasoning.clear();
        self.said.clear();
    }
}

impl Kept {
    /// The text that is kept, and how many bytes are not.
    pub fn parts(&self) -> (&str, u64) {
        (&self.text, self.beyond)
    }

    pub fn bytes(&self) -> u64 {
        self.text.len() as u64 + self.beyond
    }

    fn push(&mut self, piece: &str, held: &mut Held) {
        if self.beyond == 0 && self.has_room(piece.len(), held) {
            self.text.push_str(piece);
        } else {
            self.beyond += piece.len() as u64;
        }
    }

    /// Makes room for so many bytes more. A bound that is reached means that no more is kept of this class: a text with
    /// holes is of no use.
    fn has_room(&mut self, more: usize, held: &mut Held) -> bool {
        let (needed, room) = (self.text.len() + more, self.text.capacity());
        if needed <= room {
            return true;
        }
        let wanted = needed.max(2 * room).max(FIRST_ROOM);
        if needed > SAID_KEPT || held.grow(wanted - room).is_err() {
            return false;
        }
        self.text.reserve_exact(wanted - self.text.len());
        true
    }

    fn clear(&mut self) {
        self.text.clear();
        self.beyond = 0;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// As many tokens as there are words.
    fn words(text: &str) -> u64 {
        text.split_whitespace().count() as u64
    }

    #[test]
    fn a_prompt_is_its_words_and_tools_without_media() {
        let image = format!("data:image/png;base64,{}", "A ".repeat(1_000));
        let request = json!({
            "model": "m", "user": "not a word of it",
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": [
                    {"type": "text", "text": "what is this"},
                    {"type": "image_url", "image_url": {"url": image}}
                ]},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "call 1", "type": "function", "function": {"name": "look", "arguments": "{\"at\": \"it\"}"}}
                ]},
                {"role": "tool", "tool_call_id": "call 1", "content": "a cat"}
            ],
        });
        let texts = Texts {
            request: Some(request.to_string().into()),
            ..Texts::default()
        };

        assert_eq!(texts.count(words).prompt, Some(2 + 3 + 1 + 2 + 2));
    }

    #[test]
    fn thoughts_are_counted_apart_from_what_is_said() {
        let message = json!({"role": "assistant", "content": "yes it is", "reasoning_content": "hm well",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}}]});
        let texts = Texts {
            output: Output::Whole(json!({"choices": [{"message": message}]}).to_string().into()),
            ..Texts::default()
        };

        let counted = texts.count(words);

        assert_eq!(
            (counted.reasoning, counted.said),
            (2, 4),
            "as a stream says it, without a space between"
        );
    }

    #[test]
    fn thoughts_that_are_told_in_several_ways_are_counted_once() {
        let message = json!({"role": "assistant", "content": "yes", "reasoning_content": "hm well now",
            "reasoning_details": [{"type": "reasoning.text", "text": "hm well now"}],
            "thinking_blocks": [{"type": "thinking", "thinking": "hm well now", "signature": "s"}]});
        let details_alone = json!({"role": "assistant", "content": "no", "reasoning_content": "",
            "reasoning_details": [{"type": "reasoning.text", "text": "hm well"}]});
        let request = json!({"messages": [message, details_alone]});
        let texts = Texts {
            request: Some(request.to_string().into()),
            output: Output::Whole(json!({"choices": [{"message": message}]}).to_string().into()),
        };

        let counted = texts.count(words);

        assert_eq!((counted.reasoning, counted.said), (3, 1));
        assert_eq!(counted.prompt, Some(3 + 1 + 2 + 1));
    }

    #[test]
    fn what_is_kept_of_a_stream_has_a_bound_and_the_rest_is_counted_in_bytes() {
        let all = crate::buffered::Buffered::new(64 << 20);
        let mut said = Said::new(all.hold());
        let megabyte = "x".repeat(1 << 20);

        for _ in 0..4 {
            said.say(&megabyte);
        }
        said.think("hm");

        assert_eq!(said.said.parts().0.len(), 1 << 20);
        assert_eq!((said.said.parts().1, said.bytes()), (3 << 20, (4 << 20) + 2));
        assert!(all.used() <= 2 << 20, "{}", all.used());
    }

    #[test]
    fn where_all_streams_together_keep_too_much_nothing_more_is_kept() {
        let all = crate::buffered::Buffered::new(1_000);
        let (mut first, mut second) = (Said::new(all.hold()), Said::new(all.hold()));

        first.say(&"x".repeat(900));
        second.say(&"x".repeat(900));

        assert_eq!((first.said.parts().1, second.said.parts().1), (0, 900));
        drop(first);
        assert_eq!(all.used(), 0);
    }
}
