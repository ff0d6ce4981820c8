//! Between a dialect's events and the client: tools get the client's names back, what was emulated is
//! done, and a call that ends with arguments that are no object is a fault.

use std::{
    collections::{HashMap, HashSet},
    num::NonZeroU32,
};

use tollgate_chat::{
    event::{EventKind, Finish, FinishReason},
    surrogates::Mender,
};

use crate::{arguments, emulate::Emulator, fault::Fault, request::Undo};

#[derive(Debug)]
pub struct PutBack {
    tool_names: HashMap<String, String>,
    emulator: Option<Emulator>,
    /// Choices that were asked for, where that is known.
    choices: Option<NonZeroU32>,
    /// Between the two: what the emulator takes and what it gives.
    given: Vec<EventKind>,
    /// Arguments so far, by choice and call.
    arguments: HashMap<(u32, u32), Arguments>,
    /// Bytes of these.
    held: usize,
    /// IDs of calls, by choice.
    ids: HashSet<(u32, String)>,
}

#[derive(Debug, Default)]
struct Arguments {
    /// Whether the call has said its name.
    is_named: bool,
    text: String,
    mender: Mender,
}

impl PutBack {
    pub fn new(undo: Undo) -> Self {
        Self {
            tool_names: undo.tool_names,
            emulator: (!undo.emulated.is_nothing()).then(|| Emulator::new(undo.emulated)),
            choices: undo.choices,
            given: Vec::new(),
            arguments: HashMap::new(),
            held: 0,
            ids: HashSet::new(),
        }
    }

    /// Takes one event and puts what the client is to have of it into `out`.
    pub fn take(&mut self, mut event: EventKind, out: &mut Vec<EventKind>) -> Result<(), Fault> {
        if let EventKind::ToolCall { name: Some(name), .. } = &mut event
            && let Some(clients) = self.tool_names.get(name)
        {
            name.clone_from(clients);
        }
        match &mut self.emulator {
            None => self.given.push(event),
            Some(emulator) => emulator.take(event, &mut self.given)?,
        }
        for mut event in std::mem::take(&mut self.given) {
            match &mut event {
                EventKind::ToolCall {
                    choice,
                    index,
                    id,
                    name,
                    arguments,
                } => {
                    if let Some(id) = id {
                        make_unique(&mut self.ids, *choice, id);
                    }
                    self.held += arguments.len();
                    let so_far = self.arguments.entry((*choice, *index)).or_default();
                    so_far.is_named |= name.as_ref().is_some_and(|name| !name.is_empty());
                    *arguments = so_far.mender.push(std::mem::take(arguments));
                    so_far.text.push_str(arguments);
                    arguments::check_bytes(self.held)?;
                }
                EventKind::Finish(finish) => self.end_calls(finish, out)?,
                _ => {}
            }
            out.push(event);
        }
        Ok(())
    }

    /// The provider broke off: ends the answer all the same where stop texts had ended each choice before. Returns
    /// whether that is so. Calls in front of a stop text have to be whole.
    pub fn end_early(&mut self, out: &mut Vec<EventKind>) -> bool {
        let asked = self.choices.map_or(1, NonZeroU32::get) as usize;
        let Some(emulator) = self.emulator.as_ref().filter(|emulator| emulator.has_cut(asked)) else {
            return false;
        };
        let waiting = emulator.waiting();
        let is_whole = |call: &Arguments| {
            call.is_named && !call.text.trim().is_empty() && arguments::check_object(&call.text).is_ok()
        };
        let mut calls = self.arguments.iter();
        if !calls.all(|((choice, _), call)| !waiting.contains(choice) || is_whole(call)) {
            return false;
        }
        waiting.into_iter().all(|choice| {
            let finish = Finish {
                choice,
                reason: FinishReason::Stop,
                matched_stop: None,
                provider_reason: None,
            };
            self.take(EventKind::Finish(finish), out).is_ok()
        })
    }

    /// Calls of a choice that ends: their arguments are an object, `{}` where the provider wrote none.
    /// An answer that was cut off leaves them as far as they came.
    fn end_calls(&mut self, finish: &Finish, out: &mut Vec<EventKind>) -> Result<(), Fault> {
        let choice = finish.choice;
        let ended = self.arguments.extract_if(|(of, _), _| *of == choice);
        let mut ended: Vec<_> = ended.map(|((_, index), said)| (index, said)).collect();
        ended.sort_unstable_by_key(|(index, _)| *index);
        let is_cut = finish.reason.cuts();
        if ended.iter().any(|(_, call)| !call.is_named) {
            return Err(arguments::nameless());
        }
        for (index, call) in ended {
            let Arguments { text, mut mender, .. } = call;
            let mut rest = mender.end();
            let text = text + &rest;
            if !is_cut && text.trim().is_empty() {
                rest = "{}".to_owned();
            }
            if !rest.is_empty() {
                out.push(EventKind::ToolCall {
                    choice,
                    index,
                    id: None,
                    name: None,
                    arguments: rest,
                });
            }
            if !is_cut && !text.trim().is_empty() {
                arguments::check_object(&text)?;
            }
        }
        Ok(())
    }
}

/// Gives a call whose ID another of its choice has one of its own: the client could not send both back.
fn make_unique(ids: &mut HashSet<(u32, String)>, choice: u32, id: &mut String) {
    let given = id.clone();
    let mut number = 1;
    while !ids.insert((choice, id.clone())) {
        number += 1;
        *id = format!("{given}_{number}");
    }
}

#[cfg(test)]
mod tests;
