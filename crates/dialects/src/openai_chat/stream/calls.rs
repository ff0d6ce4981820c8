//! Follows the tool calls of one streamed choice, so that their pieces get one dense index and each
//! opener everything it needs, whatever the host leaves out or repeats.

use tollgate_chat::{
    edit::{Edits, ObjectEdit},
    event::{Event, EventKind},
    json::quote,
    object::Object,
};

use crate::{
    arguments,
    fault::{Fault, malformed},
    openai_chat::{
        answer::{made_up_id, unrepeated},
        message::ToolCallPiece,
    },
};

/// Most tool calls followed in one choice.
const TOOL_CALLS_LIMIT: usize = 1_024;

/// A piece of a tool call as a delta has it.
fn written(kind: &EventKind) -> Option<String> {
    let EventKind::ToolCall {
        index,
        id,
        name,
        arguments,
        ..
    } = kind
    else {
        return None;
    };
    let id = id.as_deref().map(quote);
    let id = id.map_or_else(String::new, |id| format!(",\"id\":{id},\"type\":\"function\""));
    let name = name.as_deref().map(quote);
    let name = name.map_or_else(String::new, |name| format!("\"name\":{name},"));
    let arguments = quote(arguments);
    Some(format!(
        "{{\"index\":{index}{id},\"function\":{{{name}\"arguments\":{arguments}}}}}"
    ))
}

/// The calls of one choice so far.
#[derive(Debug, Default)]
pub struct Calls {
    calls: Vec<Call>,
    /// Bytes of their arguments.
    held: usize,
}

#[derive(Debug)]
struct Call {
    provider_index: Option<u32>,
    provider_id: Option<String>,
    /// The ID that the client knows, where it is not the provider's.
    own_id: Option<String>,
    name: Option<String>,
    /// As far as they came.
    arguments: String,
}

impl Call {
    /// As the client knows it.
    fn id(&self) -> Option<&str> {
        self.own_id.as_deref().or(self.provider_id.as_deref())
    }
}

impl Calls {
    pub fn any(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Edits the pieces of tool calls in a delta and says what they hold.
    ///
    /// A piece of a call whose name has not come yet waits for it: clients want the name with the first piece.
    pub fn pieces(
        &mut self,
        (delta, edit): (&Object<'_>, &mut ObjectEdit<'_, '_>),
        pieces: &[ToolCallPiece<'_>],
        choice: u32,
        answer_id: &str,
        edits: &mut Edits<'_>,
    ) -> Result<Vec<EventKind>, Fault> {
        let stay_as_they_are = pieces.iter().all(|piece| match self.position_of(piece) {
            Some(position) => self.calls[position].name.is_some(),
            None => piece.name.is_some(),
        });
        if stay_as_they_are {
            let one = |piece| self.piece(piece, choice, answer_id, edits).transpose();
            return pieces.iter().filter_map(one).collect();
        }
        // Nobody sees how these would be written.
        let mut unseen = Edits::of(delta.text());
        let one = |piece| self.piece(piece, choice, answer_id, &mut unseen).transpose();
        let kinds: Vec<EventKind> = pieces.iter().filter_map(one).collect::<Result<_, _>>()?;
        match kinds.is_empty() {
            true => edit.remove_named("tool_calls"),
            false => {
                let written: Vec<String> = kinds.iter().filter_map(written).collect();
                edit.set("tool_calls", format!("[{}]", written.join(",")));
            }
        }
        Ok(kinds)
    }

    /// Edits a piece of a tool call and says what it holds; `None` while the call's name has not come.
    pub fn piece(
        &mut self,
        piece: &ToolCallPiece<'_>,
        choice: u32,
        answer_id: &str,
        edits: &mut Edits<'_>,
    ) -> Result<Option<EventKind>, Fault> {
        let known = self.position_of(piece);
        let index = known.unwrap_or(self.calls.len());
        if index >= TOOL_CALLS_LIMIT {
            return Err(malformed("too many tool calls"));
        }
        if known.is_none() {
            let made_up = || made_up_id(answer_id, choice, index as u32);
            let mut own_id = piece.id.is_none().then(made_up);
            let is_taken = |id: &str| self.calls.iter().any(|call| call.id() == Some(id));
            if let Some(told) = own_id.as_ref().or(piece.id.as_ref()).filter(|id| is_taken(id)) {
                let same = self
                    .calls
                    .iter()
                    .filter(|call| call.provider_id.as_ref() == Some(told));
                let times = same.count().max(1) as u32;
                own_id = Some(unrepeated(told, times, is_taken));
            }
            self.calls.push(Call {
                provider_index: piece.index,
                provider_id: piece.id.clone(),
                own_id,
                name: None,
                arguments: String::new(),
            });
        }
        let call = &mut self.calls[index];
        // Once, whenever it comes: clients glue the pieces of a name together. Another one would be a part of
        // the name, or of another call, and nobody could tell which.
        let name = match (&call.name, &piece.name) {
            (Some(known), Some(told)) if known != told => {
                return Err(malformed("a call has two names"));
            }
            (Some(_), _) => None,
            (None, told) => told.clone(),
        };
        let opens = call.name.is_none();
        call.name = call.name.take().or_else(|| name.clone());
        let blank = call.arguments.trim().is_empty() && piece.is_blank();
        let arguments = match blank && piece.arguments.trim() == "null" {
            true => "",
            false => &*piece.arguments,
        };
        call.arguments.push_str(arguments);
        self.held += arguments.len();
        arguments::check_bytes(self.held)?;
        if call.name.is_none() {
            return Ok(None);
        }
        let (id, arguments) = match opens {
            // With what waited for the name.
            true => (call.id(), &*call.arguments),
            false => (None, arguments),
        };
        piece.rewrite(Some(index as u32), id, name.as_deref(), arguments, edits);
        Ok(Some(EventKind::ToolCall {
            choice,
            index: index as u32,
            id: id.map(str::to_owned),
            name,
            arguments: arguments.to_owned(),
        }))
    }

    /// Which call a piece belongs to: by the host's index, else by its ID, else the last one.
    /// A new ID under an old index is a new call (some hosts number every call 0).
    fn position_of(&self, piece: &ToolCallPiece<'_>) -> Option<usize> {
        let same_id = |call: &Call| piece.id.is_none() || call.provider_id == piece.id;
        match piece.index {
            Some(_) => self
                .calls
                .iter()
                .rposition(|call| call.provider_index == piece.index && same_id(call)),
            None if piece.id.is_some() => self.calls.iter().rposition(|call| call.provider_id == piece.id),
            None if piece.name.is_some() && self.calls.last().is_none_or(|call| call.name.is_some()) => None,
            None => self.calls.len().checked_sub(1),
        }
    }

    /// The end of a choice. Unless it was cut off, calls without arguments get `{}`, since parsers expect an
    /// object. Fails where the arguments of one are none, and where one never got a name.
    pub fn end(&mut self, choice: u32, is_cut: bool, events: &mut Vec<Event>) -> Result<(), Fault> {
        if self.calls.iter().any(|call| call.name.is_none()) {
            return Err(arguments::nameless());
        }
        if is_cut {
            return Ok(());
        }
        for (index, call) in self.calls.iter_mut().enumerate() {
            if !call.arguments.trim().is_empty() {
                arguments::check_object(&call.arguments)?;
            } else {
                call.arguments = "{}".to_owned();
                events.push(Event::new(EventKind::ToolCall {
                    choice,
                    index: index as u32,
                    id: None,
                    name: None,
                    arguments: "{}".to_owned(),
                }));
            }
        }
        Ok(())
    }
}
