//! Follows the tool calls of one streamed choice, so that their pieces get one dense index and each
//! opener everything it needs, whatever the host leaves out or repeats.

use tollgate_chat::{
    edit::Edits,
    event::{Event, EventKind, FinishReason},
};

use crate::{
    fault::Fault,
    openai_chat::{
        answer::{made_up_id, unrepeated},
        message::{ToolCallPiece, malformed},
    },
};

/// Most tool calls followed in one choice.
const TOOL_CALLS_LIMIT: usize = 1_024;

/// The calls of one choice so far.
#[derive(Debug, Default)]
pub struct Calls(Vec<Call>);

#[derive(Debug)]
struct Call {
    provider_index: Option<u32>,
    provider_id: Option<String>,
    /// The ID that the client knows, where it is not the provider's.
    own_id: Option<String>,
    has_name: bool,
    has_arguments: bool,
}

impl Call {
    /// As the client knows it.
    fn id(&self) -> Option<&str> {
        self.own_id.as_deref().or(self.provider_id.as_deref())
    }
}

impl Calls {
    pub fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Edits a piece of a tool call and says what it holds.
    pub fn piece(
        &mut self,
        piece: &ToolCallPiece<'_>,
        choice: u32,
        answer_id: &str,
        reason: Option<FinishReason>,
        edits: &mut Edits<'_>,
    ) -> Result<EventKind, Fault> {
        let known = self.position_of(piece);
        let index = known.unwrap_or(self.0.len());
        if index >= TOOL_CALLS_LIMIT {
            return Err(malformed("too many tool calls"));
        }
        let opens = known.is_none();
        let mut id = None;
        if opens {
            let made_up = || made_up_id(answer_id, choice, index as u32);
            let mut own_id = piece.id.is_none().then(made_up);
            let is_taken = |id: &str| self.0.iter().any(|call| call.id() == Some(id));
            if let Some(told) = own_id.as_ref().or(piece.id.as_ref()).filter(|id| is_taken(id)) {
                let same = self
                    .0
                    .iter()
                    .filter(|call| call.provider_id.as_ref() == Some(told));
                let times = same.count().max(1) as u32;
                own_id = Some(unrepeated(told, times, is_taken));
            }
            id = own_id.clone().or_else(|| piece.id.clone());
            self.0.push(Call {
                provider_index: piece.index,
                provider_id: piece.id.clone(),
                own_id,
                has_name: false,
                has_arguments: false,
            });
        }
        let call = &mut self.0[index];
        // Once, whenever it comes: clients glue the pieces of a name together.
        let name = piece.name.clone().filter(|_| !call.has_name);
        call.has_name |= name.is_some();
        let blank = !call.has_arguments && piece.is_blank();
        call.has_arguments |= !blank;
        let ends = reason.is_some_and(|reason| reason != FinishReason::Length);
        let arguments = match (blank, ends) {
            (true, true) => "{}",
            (true, false) if piece.arguments.trim() == "null" => "",
            _ => &*piece.arguments,
        };
        call.has_arguments |= ends;
        piece.rewrite(
            Some(index as u32),
            id.as_deref(),
            name.as_deref(),
            arguments,
            edits,
        );
        Ok(EventKind::ToolCall {
            choice,
            index: index as u32,
            id,
            name,
            arguments: arguments.to_owned(),
        })
    }

    /// Which call a piece belongs to: by the host's index, else by its ID, else the last one.
    /// A new ID under an old index is a new call (some hosts number every call 0).
    fn position_of(&self, piece: &ToolCallPiece<'_>) -> Option<usize> {
        let same_id = |call: &Call| piece.id.is_none() || call.provider_id == piece.id;
        match piece.index {
            Some(_) => self
                .0
                .iter()
                .rposition(|call| call.provider_index == piece.index && same_id(call)),
            None if piece.id.is_some() => self.0.iter().rposition(|call| call.provider_id == piece.id),
            None if piece.name.is_some() && self.0.last().is_none_or(|call| call.has_name) => None,
            None => self.0.len().checked_sub(1),
        }
    }

    /// Gives `{}` to calls that end without arguments, since parsers expect an object.
    pub fn fill_arguments(&mut self, choice: u32, events: &mut Vec<Event>) {
        for (index, call) in self.0.iter_mut().enumerate() {
            if !std::mem::replace(&mut call.has_arguments, true) {
                events.push(Event::new(EventKind::ToolCall {
                    choice,
                    index: index as u32,
                    id: None,
                    name: None,
                    arguments: "{}".to_owned(),
                }));
            }
        }
    }
}
