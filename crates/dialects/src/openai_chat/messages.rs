//! Messages on their way to a provider: edited where it refuses what the client may send.
//!
//! A message is looked at again only when the messages' traits, the provider's quirks or the plan say so.

mod assistant;
mod content;
mod media;

use tollgate_catalog::{
    contract::MessageTraits,
    quirks::{MediaSource, MessageName, Quirks, ReasoningHistory},
};
use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    json::quote,
    object::{Object, items},
};

use self::media::Waiting;
pub use self::media::place_of_stored;
use super::{names::Names, nulls};
use crate::{
    conversation::{self, Message, without_signature},
    request::{Context, Note, Unsupported},
};

/// Stands for a user who says nothing, where there has to be one. Nothing at all would be refused too.
const NO_WORDS: &str = ".";

/// What decides about messages.
pub struct Rules<'r> {
    pub traits: &'r MessageTraits,
    pub quirks: &'r Quirks,
    pub context: &'r Context<'r>,
    pub names: &'r Names,
    /// Whether the model reads images at this provider.
    pub reads_images: bool,
    /// To be said after everything that the client's leading system messages say.
    pub instructions: &'r [String],
}

impl Rules<'_> {
    fn needs_edit(&self) -> bool {
        let (traits, quirks) = (self.traits, self.quirks);
        let history = quirks.reasoning_history;
        let wants_thoughts = matches!(history, ReasoningHistory::Require | ReasoningHistory::Details);
        (traits.developer && !quirks.developer_role)
            || (traits.name && quirks.message_name != MessageName::All)
            || (traits.text_part_arrays && !quirks.text_part_arrays)
            || traits.assistant_without_content
            || (traits.assistant_extras && !quirks.drop_message_fields.is_empty())
            || (traits.refusal_parts && drops_refusals(quirks))
            || (traits.reasoning_content && history != ReasoningHistory::Pass)
            || (traits.tool_calls && (wants_thoughts || !self.names.is_empty()))
            || (wants_thoughts && !self.context.states.is_empty())
            || traits.spoken
            || traits.null_members
            || ((traits.foreign_state || traits.assistant_images) && !quirks.foreign_state)
            || (traits.result_images && !quirks.tool_result_media)
            || (traits.cache_control && !quirks.cache_control)
            || self.has_addresses()
            || !self.instructions.is_empty()
            || self.lacks_user()
    }

    /// Whether the provider wants to hear the user, who has said nothing.
    fn lacks_user(&self) -> bool {
        self.quirks.needs_user && !self.traits.user
    }

    /// Whether there are addresses that the provider does not fetch.
    fn has_addresses(&self) -> bool {
        let (traits, quirks) = (self.traits, self.quirks);
        (traits.image_urls && quirks.images == MediaSource::Data)
            || (traits.video_urls && quirks.videos == MediaSource::Data)
            || (traits.file_urls && !quirks.file_urls)
    }
}

/// Edits the array `messages`, which has been validated. Fails with the first part that the provider
/// cannot be sent.
pub fn edit<'a>(
    messages: &'a str,
    rules: &Rules<'_>,
    edits: &mut Edits<'a>,
    notes: &mut Vec<Note>,
) -> Result<(), Unsupported> {
    if !rules.needs_edit() {
        return Ok(());
    }
    let list = items(messages).unwrap_or_default();
    let leading = list.iter().take_while(|message| is_instruction(message)).count();
    let joins = !rules.instructions.is_empty() && !rules.quirks.text_part_arrays && leading > 0;
    if !rules.instructions.is_empty() && !joins {
        insert_behind(&list, leading, "system", &rules.instructions.join("\n\n"), edits);
    }
    if rules.lacks_user() {
        insert_behind(&list, leading, "user", NO_WORDS, edits);
    }
    let turns = match rules.context.states.is_empty() {
        true => Vec::new(),
        false => conversation::messages(messages),
    };
    let mut waiting = Waiting::default();
    let (mut nameless, mut lost_mark, mut called) = (false, false, false);
    let (mut moved_refusal, mut lost_refusal) = (false, false);
    let (mut moved_speech, mut lost_speech) = (false, false);
    for (at, message) in list.iter().enumerate() {
        let Ok(object) = Object::parse(message) else {
            continue;
        };
        let role = conversation::text(&object, "role").unwrap_or_default();
        if role != "user" && role != "tool" {
            waiting.insert_results(edits);
        }
        nameless |= object.present("name").is_some() && !takes_name(&role, rules.quirks.message_name);
        called |= assistant::calls_tools(&object);
        let joined = rules.instructions.iter().filter(|_| joins && at + 1 == leading);
        let mut editor = MessageEditor {
            rules,
            role: &role,
            at,
            message: &object,
            edit: ObjectEdit::of(&object),
            turns: &turns,
            called,
            joined: joined.map(String::as_str).collect(),
            waiting: &mut waiting,
            lost_mark: false,
            moved_refusal: false,
            lost_refusal: false,
            moved_speech: false,
            lost_speech: false,
        };
        editor.members(edits)?;
        lost_mark |= editor.lost_mark;
        moved_refusal |= editor.moved_refusal;
        lost_refusal |= editor.lost_refusal;
        moved_speech |= editor.moved_speech;
        lost_speech |= editor.lost_speech && !editor.moved_speech;
        editor.edit.finish(edits);
        waiting.after(message);
    }
    waiting.insert_results(edits);
    if waiting.left_out() {
        notes.push(Note::Omitted("messages.images".to_owned()));
    }
    notes.extend(waiting.moved().map(Note::Moved));
    let left_out = [
        (
            "cache_control",
            lost_mark || (rules.traits.cache_control && !rules.quirks.cache_control),
        ),
        ("name", nameless),
        ("messages.refusal", lost_refusal),
        ("messages.audio", lost_speech),
    ];
    for (name, _) in left_out.into_iter().filter(|(_, left_out)| *left_out) {
        let note = Note::Omitted(name.to_owned());
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    if moved_refusal {
        notes.push(Note::Moved("messages.refusal".to_owned()));
    }
    if moved_speech {
        notes.push(Note::Moved("messages.audio".to_owned()));
    }
    Ok(())
}

/// Whether the provider has no place for what a model refused in an earlier turn: then it is text.
fn drops_refusals(quirks: &Quirks) -> bool {
    quirks.drop_message_fields.iter().any(|field| field == "refusal")
}

fn is_instruction(message: &str) -> bool {
    let message = Object::parse(message);
    message.is_ok_and(|message| {
        matches!(
            conversation::text(&message, "role").as_deref(),
            Some("system" | "developer")
        )
    })
}

/// A message of our own, after the client's leading instructions and what was put there before.
fn insert_behind<'a>(list: &[&'a str], leading: usize, role: &str, text: &str, edits: &mut Edits<'a>) {
    let json = format!("{{\"role\":\"{role}\",\"content\":{}}}", quote(text));
    match (
        leading.checked_sub(1).and_then(|last| list.get(last)),
        list.first(),
    ) {
        (Some(last), _) => edits.replace(&last[last.len()..], format!(",{json}")),
        (None, Some(first)) => edits.replace(&first[..0], format!("{json},")),
        (None, None) => {}
    }
}

/// One message on its way.
struct MessageEditor<'e, 'a> {
    rules: &'e Rules<'e>,
    role: &'e str,
    at: usize,
    message: &'e Object<'a>,
    edit: ObjectEdit<'e, 'a>,
    /// The conversation, where something was kept of it.
    turns: &'e [Message<'a>],
    /// Whether this message or an earlier one calls a tool.
    called: bool,
    /// Instructions that join this message's text.
    joined: Vec<&'e str>,
    waiting: &'e mut Waiting<'a>,
    /// Whether a mark for the prompt cache went with the part that it stood on.
    lost_mark: bool,
    /// Whether a refusal became text.
    moved_refusal: bool,
    /// Whether a refusal went.
    lost_refusal: bool,
    /// Whether what was spoken became text.
    moved_speech: bool,
    /// Whether what was spoken went.
    lost_speech: bool,
}

impl<'a> MessageEditor<'_, 'a> {
    fn members(&mut self, edits: &mut Edits<'a>) -> Result<(), Unsupported> {
        let quirks = self.rules.quirks;
        let assistant = self.role == "assistant";
        let message = self.message;
        for (index, member) in message.members().iter().enumerate() {
            let dropped = assistant
                && quirks
                    .drop_message_fields
                    .iter()
                    .any(|field| *field == member.name);
            match &*member.name {
                "content" => self.content(member.value, edits)?,
                _ if member.value == "null" || dropped => {
                    self.lost_speech |= member.name == "audio" && member.value != "null";
                    self.edit.remove(index);
                }
                "audio" if assistant => self.named_by_its_id(member.value),
                "role" if self.role == "developer" && !quirks.developer_role => {
                    self.edit.set("role", "\"system\"");
                }
                "name" if !takes_name(self.role, quirks.message_name) => self.edit.remove(index),
                "cache_control" if !quirks.cache_control => self.edit.remove(index),
                "tool_calls" => self.calls(member.value, edits),
                "tool_call_id" if self.strips_state() => {
                    if let Some(id) = conversation::text(message, "tool_call_id") {
                        let (id, signature) = without_signature(id);
                        if signature.is_some() {
                            self.edit.set("tool_call_id", quote(&id));
                        }
                    }
                }
                _ => {}
            }
        }
        if assistant {
            self.history();
            if message.get("content").is_none() {
                match self.refusal_as_text().or_else(|| self.speech_as_text()) {
                    Some(text) => self.edit.append("content", text),
                    None if self.nothing() != "null" => self.edit.append("content", "\"\""),
                    None => {}
                }
            }
        }
        Ok(())
    }

    /// Whether state of other hosts goes: this one is no gateway.
    fn strips_state(&self) -> bool {
        self.rules.traits.foreign_state && !self.rules.quirks.foreign_state
    }
}

fn takes_name(role: &str, taken: MessageName) -> bool {
    match taken {
        MessageName::All => true,
        MessageName::User => role == "user",
        MessageName::None => false,
    }
}
