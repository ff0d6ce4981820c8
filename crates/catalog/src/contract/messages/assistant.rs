//! What the model said in earlier turns. It is accepted exactly as an answer gave it, with the state that
//! clients keep of it, in whichever of the forms that are about.

use tollgate_chat::json::Json;

use super::{Members, MessageReader, expect_object, expect_string, parts, turns};
use crate::contract::{
    messages::turns::Turns,
    violation::{Code, Found, Path},
};

/// Members of an assistant's message that every chat provider is told about.
const CORE: [&str; 5] = ["role", "content", "name", "tool_calls", "reasoning_content"];
/// Thoughts as text; the second is what some hosts call it.
const REASONING: [&str; 2] = ["reasoning_content", "reasoning"];
/// Lists of objects that only the provider who gave them can read.
const STATE: [&str; 2] = ["thinking_blocks", "reasoning_details"];

impl MessageReader<'_> {
    pub(super) fn assistant<'m>(
        &mut self,
        message: &'m Json<'_>,
        members: Members<'_, '_>,
        at: Path<'_>,
        turns: &mut Turns<'m>,
        found: &mut Found,
    ) {
        self.traits.assistant_extras |= members.iter().any(|(name, _)| !CORE.contains(&&**name));
        for name in ["refusal", "reasoning_content"] {
            if let Some(value) = message.present(name) {
                expect_string(value, at.member(name), found);
            }
        }
        let thoughts = REASONING.iter().find_map(|name| message.present(name));
        self.traits.reasoning_content |= thoughts.is_some();
        self.traits.history_bytes += length(thoughts);
        expect_array(message, "annotations", at, found);
        if let Some(audio) = message.present("audio") {
            expect_object(audio, at.member("audio"), found);
            self.traits.spoken = true;
        }
        let drew = self.images(message, at, found);
        self.traits.foreign_state |= message.present("extra_content").is_some();
        let mut thought = false;
        for name in STATE {
            thought |= self.state(message, name, at, found);
        }

        let called = self.calls(message, at, turns, found);
        if let Some(call) = message.present("function_call") {
            self.traits.legacy_functions = true;
            turns::function(call, at.member("function_call"), found);
        }

        let content = message
            .present("content")
            .filter(|content| **content != Json::Array(Vec::new()));
        match content {
            Some(content) => self.string_or_parts(content, at.member("content"), parts::ASSISTANT, found),
            None => {
                self.traits.assistant_without_content = true;
                // An answer may be a refusal, spoken, drawn, nothing but thoughts, or nothing at all, which is a
                // null: it comes back so.
                let comes_back = message.get("content") == Some(&Json::Null);
                let says_something = comes_back
                    || called
                    || drew
                    || thought
                    || [
                        "function_call",
                        "refusal",
                        "reasoning_content",
                        "reasoning",
                        "audio",
                    ]
                    .iter()
                    .any(|name| message.present(name).is_some());
                if !says_something {
                    found.add(
                        at.member("content"),
                        Code::MissingRequiredParameter,
                        format_args!("is missing; an assistant's message needs `content` or `tool_calls`"),
                    );
                }
            }
        }
    }

    /// Whether there are calls, or something in their place.
    fn calls<'m>(
        &mut self,
        message: &'m Json<'_>,
        at: Path<'_>,
        turns: &mut Turns<'m>,
        found: &mut Found,
    ) -> bool {
        let called = match message.present("tool_calls") {
            Some(Json::Array(calls)) => {
                turns.calls(calls, self.index as usize, at, found);
                self.traits.foreign_state |= calls.iter().any(turns::has_state);
                for (index, call) in calls.iter().enumerate() {
                    let list = at.member("tool_calls");
                    let at = list.item(index);
                    self.cache_marker(call, at, found);
                    if let Some(function) = call.present("function") {
                        self.cache_marker(function, at.member("function"), found);
                    }
                }
                self.traits.history_bytes += calls.iter().map(call_bytes).sum::<u64>();
                !calls.is_empty()
            }
            Some(other) => {
                found.add(
                    at.member("tool_calls"),
                    Code::InvalidType,
                    format_args!("must be an array, not {}", other.kind()),
                );
                true
            }
            None => false,
        };
        self.traits.tool_calls |= called;
        called
    }

    /// `images` as answers have it: parts of type `image_url`. Whether the model reads them does not
    /// matter: it drew them.
    fn images(&mut self, message: &Json<'_>, at: Path<'_>, found: &mut Found) -> bool {
        let images = expect_array(message, "images", at, found);
        for (index, image) in images.iter().enumerate() {
            self.part(image, at.member("images").item(index), parts::DRAWN, found);
        }
        !images.is_empty()
    }

    fn state(&mut self, message: &Json<'_>, name: &'static str, at: Path<'_>, found: &mut Found) -> bool {
        let items = expect_array(message, name, at, found);
        for (index, item) in items.iter().enumerate() {
            expect_object(item, at.member(name).item(index), found);
        }
        self.traits.foreign_state |= message.present(name).is_some();
        !items.is_empty()
    }
}

/// Bytes of a call's name and arguments.
fn call_bytes(call: &Json<'_>) -> u64 {
    let function = call.present("function");
    ["name", "arguments"]
        .iter()
        .map(|name| length(function.and_then(|function| function.present(name))))
        .sum()
}

/// Bytes of a text; none where it is absent, or something else.
fn length(text: Option<&Json<'_>>) -> u64 {
    text.and_then(Json::as_str).map_or(0, str::len) as u64
}

/// The items of the member `name`, which must be an array where it is there.
fn expect_array<'m, 'a>(
    message: &'m Json<'a>,
    name: &str,
    at: Path<'_>,
    found: &mut Found,
) -> &'m [Json<'a>] {
    match message.present(name) {
        None => &[],
        Some(Json::Array(items)) => items,
        Some(other) => {
            found.add(
                at.member(name),
                Code::InvalidType,
                format_args!("must be an array, not {}", other.kind()),
            );
            &[]
        }
    }
}
