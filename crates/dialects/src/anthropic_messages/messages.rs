//! The client's messages as Anthropic's turns (wire notes, section 3).
//!
//! User and assistant take turns, the user first; neighbours are merged. Results of calls open the
//! user's turn after the calls, in the order of the calls. System messages stand before everything,
//! save where the model takes them in between.

use std::borrow::Cow;

use tollgate_catalog::quirks::Quirks;
use tollgate_chat::surrogates;

use super::{
    blocks::Block,
    cache::{Mark, note_once},
    earlier::EarlierTurn,
    media::Media,
    names::{CallIds, Names},
};
use crate::{
    conversation::{Assistant, Call, Message, Part, PartKind},
    request::{Context, Note, Unsupported},
};

/// Stands for a user's message that says nothing: the provider wants some text in every turn.
const NO_WORDS: &str = ".";
/// After a turn of the model's that it is to carry on, where it does not take one at the end.
const CARRY_ON: &str = "Carry on with your last message exactly where it ends. Do not repeat any of it, and do \
                        not mention this.";
const IMAGE_OF_MODEL: &str = "The image in your last message:";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    User,
    Assistant,
    /// Only in between, where the model takes it.
    System,
}

impl Role {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System => "system",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Turn<'a> {
    pub role: Role,
    pub blocks: Vec<Block<'a>>,
}

impl<'a> Turn<'a> {
    /// Adds what the same side says next. Thoughts that open a message whose words the client has cut off as
    /// a message of their own go before these, where the model had thought them.
    fn extend(&mut self, mut blocks: Vec<Block<'a>>) {
        if blocks.first().is_some_and(Block::is_thought) && !self.blocks.iter().any(Block::is_thought) {
            let words = blocks.iter().position(|block| !block.is_thought());
            let thoughts = blocks.drain(..words.unwrap_or(blocks.len()));
            self.blocks.splice(..0, thoughts);
        }
        self.blocks.extend(blocks);
    }

    fn begins_with_thought(&self) -> bool {
        self.blocks.first().is_some_and(Block::is_thought)
    }
}

/// The whole conversation in the provider's form.
#[derive(Debug, Default)]
pub struct Turns<'a> {
    pub system: Vec<Block<'a>>,
    pub turns: Vec<Turn<'a>>,
    pub notes: Vec<Note>,
}

/// What decides about messages beside themselves.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    pub quirks: &'a Quirks,
    pub context: &'a Context<'a>,
    /// Whether the model thinks: only then may its thoughts of earlier turns stand in the history.
    pub thinks: bool,
    /// Whether a turn that holds thoughts has to begin with one.
    pub thoughts_first: bool,
    /// Whether the model may go on with a turn of its own at the end.
    pub prefill: bool,
}

/// Turns messages into turns. Fails with the first part that the provider cannot take.
pub fn turns<'a>(
    messages: Vec<Message<'a>>,
    setting: Setting<'a>,
    names: &mut Names,
) -> Result<Turns<'a>, Unsupported> {
    let mut writer = Writer {
        setting,
        names,
        ids: CallIds::default(),
        calls: Vec::new(),
        results: Vec::new(),
        between: Vec::new(),
        carried: Vec::new(),
        last_own: 0,
        out: Turns::default(),
    };
    for message in messages {
        writer.message(message)?;
    }
    writer.end();
    Ok(writer.out)
}

struct Writer<'a, 'n> {
    setting: Setting<'a>,
    names: &'n mut Names,
    ids: CallIds,
    /// The client's and the provider's ID of each call of the last assistant turn, in order.
    calls: Vec<(String, String)>,
    /// Results of these calls, each with the place of its call.
    results: Vec<(usize, Block<'a>)>,
    /// System messages in between, which go behind the user's turn, with their indices.
    between: Vec<(usize, Vec<Block<'a>>)>,
    /// Media that may not stand where they came: they open the user's next turn.
    carried: Vec<Block<'a>>,
    /// The index of the last message of the model's own.
    last_own: usize,
    out: Turns<'a>,
}

impl<'a> Writer<'a, '_> {
    fn message(&mut self, message: Message<'a>) -> Result<(), Unsupported> {
        if !matches!(message, Message::Tool { .. }) {
            self.put_results();
        }
        match message {
            Message::System { at, parts, .. } => {
                let blocks = self.marked(at, parts)?;
                self.system(at, blocks);
            }
            Message::User { at, parts } => {
                let blocks = self.marked(at, parts)?;
                if blocks.is_empty() {
                    self.out
                        .notes
                        .push(Note::Moved(format!("messages[{at}].content")));
                }
                self.put_carried();
                self.push(Role::User, blocks);
            }
            Message::Assistant(turn) => self.assistant(turn)?,
            Message::Tool { at, call_id, parts } => {
                let (mut content, of_nothing) = self.blocks(at, parts)?;
                if !self.setting.quirks.tool_result_media {
                    let media = content.extract_if(.., |block| !matches!(block, Block::Text { .. }));
                    self.carried.extend(media);
                }
                let mark = content.iter_mut().filter_map(|block| block.mark()?.take()).last();
                let mark = mark.or(of_nothing);
                let place = self.calls.iter().position(|(client, _)| *client == call_id);
                // Validation has let only results of known calls pass.
                if let Some(place) = place {
                    let id = self.calls[place].1.clone();
                    self.results
                        .push((place, Block::ToolResult { id, content, mark }));
                }
            }
        }
        Ok(())
    }

    fn system(&mut self, at: usize, blocks: Vec<Block<'a>>) {
        if self.out.turns.is_empty() {
            self.out.system.extend(blocks);
        } else if self.setting.quirks.system_anywhere {
            self.between.push((at, blocks));
        } else {
            self.move_up(at, blocks);
        }
    }

    fn move_up(&mut self, at: usize, blocks: Vec<Block<'a>>) {
        self.out.system.extend(blocks);
        self.out.notes.push(Note::Moved(format!("messages[{at}]")));
    }

    /// System messages in between are taken only right behind a user's turn.
    fn put_between(&mut self) {
        let after_user = self.out.turns.last().is_some_and(|turn| turn.role == Role::User);
        for (at, blocks) in std::mem::take(&mut self.between) {
            match after_user {
                true => self.push(Role::System, blocks),
                false => self.move_up(at, blocks),
            }
        }
    }

    fn put_results(&mut self) {
        let mut results = std::mem::take(&mut self.results);
        if results.is_empty() {
            return;
        }
        results.sort_by_key(|(place, _)| *place);
        let blocks = results.into_iter().map(|(_, block)| block).collect();
        self.push(Role::User, blocks);
        self.put_carried();
    }

    fn put_carried(&mut self) {
        let carried = std::mem::take(&mut self.carried);
        if !carried.is_empty() {
            self.push(Role::User, carried);
        }
    }

    fn push(&mut self, role: Role, blocks: Vec<Block<'a>>) {
        match self.out.turns.last_mut() {
            Some(last) if last.role == role => last.extend(blocks),
            _ => self.out.turns.push(Turn { role, blocks }),
        }
    }

    fn assistant(&mut self, mut turn: Assistant<'a>) -> Result<(), Unsupported> {
        let earlier = EarlierTurn::of(&turn, self.setting.context);
        let earlier = match self.setting.thinks {
            true => earlier,
            false => earlier.without_thoughts(),
        };
        let at = turn.at;
        if earlier.text_moved() {
            self.out
                .notes
                .push(Note::Moved(format!("messages[{at}].content")));
        }
        let (images, parts) = std::mem::take(&mut turn.parts)
            .into_iter()
            .partition(|part| matches!(part.kind, PartKind::Image { .. }));
        let (mut said, mut of_nothing) = (Vec::new(), None);
        for parts in earlier.by_place(parts) {
            let (blocks, mark) = self.blocks(at, parts)?;
            said.push(blocks);
            of_nothing = of_nothing.or(mark);
        }
        self.put_between();
        self.calls.clear();
        let mut calls = Vec::with_capacity(turn.calls.len());
        for (index, call) in turn.calls.into_iter().enumerate() {
            calls.push(self.call(at, index, call)?);
        }
        // A message of calls alone ends with them.
        match calls.last_mut().and_then(Block::mark) {
            Some(mark) => *mark = mark.or(of_nothing),
            None => self.lose(of_nothing),
        }
        let blocks = earlier.blocks(said, calls);
        if !blocks.is_empty() {
            self.last_own = at;
            self.push(Role::Assistant, blocks);
        }
        self.carry(at, images)
    }

    fn carry(&mut self, at: usize, images: Vec<Part<'a>>) -> Result<(), Unsupported> {
        if images.is_empty() {
            return Ok(());
        }
        let images = self.marked(at, images)?;
        self.carried.push(Block::text(IMAGE_OF_MODEL));
        self.carried.extend(images);
        self.out.notes.push(Note::Moved(format!("messages[{at}].images")));
        Ok(())
    }

    fn call(&mut self, at: usize, index: usize, call: Call<'a>) -> Result<Block<'a>, Unsupported> {
        let input = match call.arguments {
            arguments if arguments.trim().is_empty() => "{}".into(),
            arguments if is_object(&arguments) => match surrogates::mended(&arguments) {
                Cow::Borrowed(_) => arguments,
                Cow::Owned(mended) => mended.into(),
            },
            _ => {
                return Err(Unsupported::new(
                    format!("messages[{at}].tool_calls[{index}].function.arguments"),
                    "the arguments of an earlier call have to be one JSON object; send them as the model gave \
                     them, or leave out a call that was cut off, and its result",
                ));
            }
        };
        let mark = self.mark(call.cache_control);
        let id = self.ids.next(&call.id);
        self.calls.push((call.id.into_owned(), id.clone()));
        Ok(Block::ToolUse {
            id,
            name: self.names.of(&call.name),
            input,
            mark,
        })
    }

    fn mark(&mut self, marker: Option<&str>) -> Option<Mark> {
        let marker = marker.filter(|_| self.setting.quirks.cache_control)?;
        Mark::read(marker, &mut self.out.notes)
    }

    /// A mark that has no block to stand on.
    fn lose(&mut self, mark: Option<Mark>) {
        if mark.is_some() {
            note_once(&mut self.out.notes, Note::Omitted("cache_control".to_owned()));
        }
    }

    /// The blocks of a message that has no place for marks but them.
    fn marked(&mut self, at: usize, parts: Vec<Part<'a>>) -> Result<Vec<Block<'a>>, Unsupported> {
        let (blocks, of_nothing) = self.blocks(at, parts)?;
        self.lose(of_nothing);
        Ok(blocks)
    }

    /// The blocks of a message's parts. Texts that say nothing are left out: the provider refuses them. A mark on one
    /// goes to the block before, since nothing stands between; without one it comes beside.
    fn blocks(
        &mut self,
        at: usize,
        parts: Vec<Part<'a>>,
    ) -> Result<(Vec<Block<'a>>, Option<Mark>), Unsupported> {
        let media = Media {
            quirks: self.setting.quirks,
            context: self.setting.context,
        };
        let mut blocks: Vec<Block<'a>> = Vec::with_capacity(parts.len());
        let mut of_nothing = None;
        for part in parts {
            match &part.kind {
                PartKind::Text(text) | PartKind::Refusal(text) if text.trim().is_empty() => {
                    let mark = self.mark(part.cache_control);
                    match blocks.last_mut().and_then(Block::mark) {
                        Some(last) => *last = last.or(mark),
                        None => of_nothing = of_nothing.or(mark),
                    }
                    continue;
                }
                PartKind::Image {
                    detail: Some(detail), ..
                } if detail != "auto" => {
                    note_once(&mut self.out.notes, Note::Omitted("image_url.detail".to_owned()));
                }
                _ => {}
            }
            let spot = part.spot;
            let mut block = media.block(part.kind, || format!("messages[{at}].{spot}"))?;
            if let Some(mark) = block.mark() {
                *mark = self.mark(part.cache_control);
            }
            blocks.push(block);
        }
        Ok((blocks, of_nothing))
    }

    fn end(&mut self) {
        self.put_results();
        self.put_carried();
        self.put_between();
        let turns = &mut self.out.turns;
        if turns.is_empty() {
            // With nobody to answer, the instructions are what is asked.
            let blocks = std::mem::take(&mut self.out.system);
            turns.push(Turn {
                role: Role::User,
                blocks,
            });
            self.out.notes.push(Note::Moved("messages".to_owned()));
        } else if turns[0].role == Role::Assistant {
            let blocks = Vec::new();
            turns.insert(
                0,
                Turn {
                    role: Role::User,
                    blocks,
                },
            );
        }
        self.end_with_user();
        for turn in &mut self.out.turns {
            // Legal where the exchange is over; one that goes on begins with a thought, or has no budget.
            if self.setting.thoughts_first && !turn.begins_with_thought() {
                turn.blocks.retain(|block| !block.is_thought());
            }
            if turn.blocks.is_empty() {
                turn.blocks.push(Block::text(NO_WORDS));
            }
        }
    }

    /// A turn of the model's at the end is one that it is to carry on. Where it does not take that, it
    /// is asked to in words.
    fn end_with_user(&mut self) {
        let Some(turn) = self
            .out
            .turns
            .last_mut()
            .filter(|turn| turn.role == Role::Assistant)
        else {
            return;
        };
        if !self.setting.prefill {
            self.push(Role::User, vec![Block::text(CARRY_ON)]);
            let at = self.last_own;
            self.out.notes.push(Note::Emulated(format!("messages[{at}]")));
        } else if let Some(Block::Text { text, .. }) = turn.blocks.last_mut() {
            // White space at the very end is refused.
            *text = text.trim_end().to_owned().into();
        }
    }
}

fn is_object(json: &str) -> bool {
    let begins = json.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{');
    begins && serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok()
}
