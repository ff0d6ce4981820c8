//! The conversation as items, in its order.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashSet},
    fmt::Write,
};

use sha2::{Digest, Sha256};
use tollgate_catalog::{contract::ValidRequest, quirks::Quirks};
use tollgate_chat::json::quote;

use super::{output::GAP, parts::Parts, turn};
use crate::{
    conversation::{self, Assistant, Call, Message, PartKind},
    request::{Context, Note, Unsupported},
    turn_state::order::{Order, Step},
};

/// Longest ID of a call that is taken (OpenAI's API description, `FunctionCallOutputItemParam`).
const CALL_ID_LIMIT: usize = 64;
/// Longest name of a function that is taken.
const NAME_LIMIT: usize = 64;

/// Writes the items. `instructions` go after the client's first system messages.
pub fn input(
    request: &ValidRequest,
    instructions: &[String],
    quirks: &Quirks,
    context: &Context<'_>,
    notes: &mut Vec<Note>,
) -> Result<String, Unsupported> {
    let mut writer = Writer {
        quirks,
        context,
        parts: Parts { quirks, context },
        items: Vec::new(),
        named: HashSet::new(),
        drawn: Vec::new(),
        leaves_images_out: false,
        notes: Vec::new(),
    };
    let mut instructions = Some(instructions);
    for message in conversation::messages(request.request.get("messages").unwrap_or("[]")) {
        if !matches!(message, Message::System { .. }) {
            writer.instruct(instructions.take().unwrap_or_default());
        }
        writer.message(&message)?;
    }
    writer.instruct(instructions.take().unwrap_or_default());
    notes.append(&mut writer.notes);
    let left_out = [
        (
            writer.leaves_images_out || !writer.drawn.is_empty(),
            "messages.images",
        ),
        (request.traits.name, "name"),
        // The provider caches by itself.
        (
            request.traits.cache_control || request.traits.tool_cache_control,
            "cache_control",
        ),
    ];
    let left_out = left_out.into_iter().filter(|(is_left_out, _)| *is_left_out);
    notes.extend(left_out.map(|(_, name)| Note::Omitted(name.to_owned())));
    Ok(format!("[{}]", writer.items.join(",")))
}

struct Writer<'a> {
    quirks: &'a Quirks,
    context: &'a Context<'a>,
    parts: Parts<'a>,
    items: Vec<String>,
    /// Hashes of the items so far that have a name.
    named: HashSet<[u8; 32]>,
    /// Images that the model drew, as parts, with the index of their message: they go into the user's next message, since none may stand
    /// in the model's own.
    drawn: Vec<(usize, String)>,
    leaves_images_out: bool,
    notes: Vec<Note>,
}

impl Writer<'_> {
    /// What the gate itself has to say to the model.
    fn instruct(&mut self, instructions: &[String]) {
        let role = self.system_role(true);
        self.items
            .extend(instructions.iter().map(|text| said_by(role, text)));
    }

    fn system_role(&self, developer: bool) -> &'static str {
        match developer && self.quirks.developer_role {
            true => "developer",
            false => "system",
        }
    }

    fn message(&mut self, message: &Message<'_>) -> Result<(), Unsupported> {
        if self.parts.leave_out_name(message.parts()) {
            self.notes.push(Note::Omitted("file.filename".to_owned()));
        }
        match message {
            Message::System { at, developer, parts } => {
                let content = self.parts.content(*at, parts, Vec::new())?;
                let role = self.system_role(*developer);
                self.items
                    .push(format!("{{\"role\":\"{role}\",\"content\":{content}}}"));
            }
            Message::User { at, parts } => {
                let drawn = std::mem::take(&mut self.drawn);
                let places: BTreeSet<usize> = drawn.iter().map(|(from, _)| *from).collect();
                let moved = places.into_iter().map(|from| format!("messages[{from}].images"));
                self.notes.extend(moved.map(Note::Moved));
                let drawn = drawn.into_iter().map(|(_, part)| part).collect();
                let content = self.parts.content(*at, parts, drawn)?;
                self.items
                    .push(format!("{{\"role\":\"user\",\"content\":{content}}}"));
            }
            Message::Assistant(turn) => self.assistant(turn),
            Message::Tool { at, call_id, parts } => {
                let output = self.parts.content(*at, parts, Vec::new())?;
                let call_id = quote(&call_id_for(call_id));
                self.items.push(format!(
                    "{{\"type\":\"function_call_output\",\"call_id\":{call_id},\"output\":{output}}}"
                ));
            }
        }
        Ok(())
    }

    /// An earlier answer: as it was made where the gate knows that, else text, then calls.
    fn assistant(&mut self, turn: &Assistant<'_>) {
        let text = self.own_words(turn);
        let states = self.context.states;
        let sends_own = !turn.reasoning_details.is_empty() || !turn.thinking_blocks.is_empty();
        let order = states.of(turn).and_then(|state| Order::of(turn, state));
        match order {
            Some(order) if !sends_own => self.in_order(turn, &text, order),
            _ => self.plainly(turn, &text),
        }
    }

    fn plainly(&mut self, turn: &Assistant<'_>, text: &str) {
        if !text.is_empty() {
            self.items.push(said_by("assistant", text));
        }
        // Clients send thoughts without their places; before the first call they have a follower.
        if !turn.calls.is_empty() && !self.context.states.are_refused() {
            for thought in turn::thoughts_of_details(&turn.reasoning_details) {
                if self.is_new(&thought) {
                    self.items.push(thought);
                }
            }
        }
        self.items.extend(turn.calls.iter().map(function_call));
    }

    /// Each thought right before what it led to; without that it stays away.
    fn in_order(&mut self, turn: &Assistant<'_>, text: &str, order: Order) {
        if order.text_moved {
            let at = turn.at;
            self.notes.push(Note::Moved(format!("messages[{at}].content")));
        }
        let mut rest = text;
        if !order.has_text() && !text.is_empty() {
            self.items.push(said_by("assistant", std::mem::take(&mut rest)));
        }
        let mut texts = order.texts();
        let mut is_called = vec![false; turn.calls.len()];
        let mut waiting = Vec::new();
        for step in order.steps {
            match step {
                Step::Thought(json) => waiting.push(json),
                // No image of its own goes back to where it stood.
                Step::Image(_) | Step::Gone => waiting.clear(),
                Step::Call(place) => {
                    self.think(&mut waiting);
                    if let Some(call) = turn.calls.get(place) {
                        is_called[place] = true;
                        self.items.push(function_call(call));
                    }
                }
                Step::Text {
                    bytes,
                    frame,
                    changed,
                } => {
                    texts -= 1;
                    // A refusal is not counted, and came last.
                    let cut = if texts == 0 { rest.len() } else { bytes };
                    let (said, after) = rest.split_at_checked(cut).unwrap_or((rest, ""));
                    // What the gate put between two messages is none of theirs.
                    let is_first = rest.len() == text.len();
                    let said = said.strip_prefix(GAP).filter(|_| !is_first).unwrap_or(said);
                    rest = after;
                    if changed {
                        waiting.clear();
                    }
                    self.answered(said, frame.as_deref(), &mut waiting);
                }
            }
        }
        let others = turn.calls.iter().zip(is_called);
        let others = others.filter(|(_, is_called)| !is_called);
        self.items.extend(others.map(|(call, _)| function_call(call)));
    }

    /// Thoughts, right before what they led to. Says whether any goes.
    fn think(&mut self, waiting: &mut Vec<String>) -> bool {
        let before = self.items.len();
        for thought in waiting.drain(..) {
            if self.is_new(&thought) {
                self.items.push(thought);
            }
        }
        self.items.len() > before
    }

    /// Whether an item may go: OpenAI refuses one that comes twice. Hosts whose IDs come again mean
    /// another item with each.
    fn is_new(&mut self, item: &str) -> bool {
        self.named.insert(Sha256::digest(item).into())
    }

    /// What the model said: named as the provider named it where its thought goes before it, else as a
    /// plain message, since the provider keeps nothing under that name.
    fn answered(&mut self, text: &str, frame: Option<&str>, waiting: &mut Vec<String>) {
        if text.is_empty() {
            waiting.clear();
            return;
        }
        let (id, phase) = frame.map(turn::read_frame).unwrap_or_default();
        let phase = phase.map_or_else(String::new, |phase| format!(",\"phase\":{}", quote(&phase)));
        let text = quote(text);
        let named = id.filter(|_| !waiting.is_empty()).map(|id| {
            format!(
                "{{\"type\":\"message\",\"id\":{},\"role\":\"assistant\",\"status\":\"completed\",\
                 \"content\":[{{\"type\":\"output_text\",\"text\":{text},\"annotations\":[],\
                 \"logprobs\":[]}}]{phase}}}",
                quote(&id)
            )
        });
        let named = named.filter(|item| self.is_new(item) && self.think(waiting));
        let plain = || format!("{{\"role\":\"assistant\",\"content\":{text}{phase}}}");
        self.items.push(named.unwrap_or_else(plain));
        // One that has no name to follow stays away.
        waiting.clear();
    }

    /// Text and refusal of an earlier answer, as one text: a refusal was all that the model said. Images
    /// wait.
    fn own_words(&mut self, turn: &Assistant<'_>) -> String {
        let mut text = String::new();
        for part in &turn.parts {
            match &part.kind {
                PartKind::Text(said) | PartKind::Refusal(said) => text.push_str(said),
                _ => match self.parts.part(part, "messages") {
                    Ok(json) => self.drawn.push((turn.at, json)),
                    Err(_) => self.leaves_images_out = true,
                },
            }
        }
        text
    }
}

/// A message of one text.
fn said_by(role: &str, text: &str) -> String {
    format!("{{\"role\":\"{role}\",\"content\":{}}}", quote(text))
}

fn function_call(call: &Call<'_>) -> String {
    let arguments = if call.arguments.trim().is_empty() {
        "{}"
    } else {
        &*call.arguments
    };
    format!(
        "{{\"type\":\"function_call\",\"call_id\":{},\"name\":{},\"arguments\":{}}}",
        quote(&call_id_for(&call.id)),
        quote(&name_for(&call.name)),
        quote(arguments),
    )
}

/// A call's ID as it is taken: one that is too long, as other providers' IDs may be, becomes its hash.
fn call_id_for(id: &str) -> Cow<'_, str> {
    if (1..=CALL_ID_LIMIT).contains(&id.len()) {
        return Cow::Borrowed(id);
    }
    let mut short = String::from("call_");
    for byte in &Sha256::digest(id)[..16] {
        let _ = write!(short, "{byte:02x}");
    }
    Cow::Owned(short)
}

/// The name of a function that was called earlier, maybe of another provider, as it is taken. Tools on
/// offer have such names already.
fn name_for(name: &str) -> Cow<'_, str> {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.len() <= NAME_LIMIT && !name.is_empty() && name.chars().all(is_taken) {
        return Cow::Borrowed(name);
    }
    let taken = name
        .chars()
        .map(|c| if is_taken(c) { c } else { '_' })
        .take(NAME_LIMIT);
    let taken: String = taken.collect();
    Cow::Owned(if taken.is_empty() { "_".to_owned() } else { taken })
}
