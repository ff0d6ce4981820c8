//! The end of a response: its items once more, how it ended, and what of it comes back.

use std::collections::BTreeSet;

use tollgate_chat::{
    event::{EventKind, FinishReason},
    object::{Object, items},
};

use super::{
    super::{finish, item::ItemKind, turn, usage},
    Output,
    held::Item,
    id_of,
};
use crate::{
    conversation::text,
    fault::{Fault, malformed},
};

impl Output {
    /// The response's end: repairs what was missed, then says state, finish and counts. `ended`: how, as
    /// the event says, for a response that does not say it itself.
    pub fn end(
        &mut self,
        response: &Object<'_>,
        ended: &str,
        events: &mut Vec<EventKind>,
    ) -> Result<(), Fault> {
        self.start(Some(response), events);
        let counts = response
            .present("usage")
            .and_then(usage::read)
            .map(EventKind::Usage);
        let outcome = self
            .end_items(response, events)
            .and_then(|()| self.finish(response, ended, events));
        // What was used is used, however it ended.
        self.tier(Some(response), events);
        events.extend(counts);
        outcome
    }

    fn end_items(&mut self, response: &Object<'_>, events: &mut Vec<EventKind>) -> Result<(), Fault> {
        let output = items(response.present("output").unwrap_or_default()).unwrap_or_default();
        let output: Vec<Object<'_>> = output
            .into_iter()
            .filter_map(|json| Object::parse(json).ok())
            .collect();
        let of_kind = |kind| output.iter().filter(|item| ItemKind::of(item) == kind).count();
        let mut found = BTreeSet::new();
        for (position, item) in (0..).zip(&output) {
            let kind = ItemKind::of(item);
            match self.place_of(position, kind, item, &found) {
                Some(at) => {
                    found.insert(at);
                    self.end_item(at, item, events)?;
                }
                None => {
                    // Where all of a kind have been seen, this is one of them under another name.
                    let seen = self.items.values().filter(|item| item.kind == kind).count();
                    if seen < of_kind(kind) {
                        let after = self.items.keys().next_back().map_or(0, |last| last + 1);
                        let at = after.max(position);
                        found.insert(at);
                        self.end_item(at, item, events)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Where an item of the response's `output` stood in the stream: by its ID, which some hosts change
    /// from event to event, else by its position. `found`: where others stood.
    fn place_of(
        &self,
        position: u64,
        kind: ItemKind,
        item: &Object<'_>,
        found: &BTreeSet<u64>,
    ) -> Option<u64> {
        let (id, call_id) = (id_of(item), text(item, "call_id").unwrap_or_default());
        let same = |held: &str, told: &str| !told.is_empty() && held == told;
        let same_id = |held: &Item| match kind {
            ItemKind::Call if !call_id.is_empty() && !held.call_id.is_empty() => {
                same(&held.call_id, &call_id)
            }
            _ => held.kind == kind && same(&held.id, &id),
        };
        let mut others = self.items.iter().filter(|(at, _)| !found.contains(at));
        let by_id = others.clone().find(|(_, held)| same_id(held));
        let by_position = || others.find(|(at, held)| **at == position && held.kind == kind);
        by_id.or_else(by_position).map(|(at, _)| *at)
    }

    fn finish(
        &mut self,
        response: &Object<'_>,
        ended: &str,
        events: &mut Vec<EventKind>,
    ) -> Result<(), Fault> {
        // What was announced and never ended.
        let waiting = self.items.iter().filter(|(_, item)| item.call.is_none());
        let waiting: Vec<u64> = waiting.map(|(at, _)| *at).collect();
        for at in waiting {
            self.open_call(at, events)?;
        }
        let finish = finish::read(response, ended, self.calls > 0)?;
        let is_cut = matches!(finish.reason, FinishReason::Length | FinishReason::ContentFilter);
        let mut items = self.items.values();
        if !is_cut && items.any(|item| item.kind == ItemKind::Call && item.call.is_none()) {
            return Err(malformed("a function call has no name"));
        }
        if self.calls == 0 && !self.says_something() && self.has(ItemKind::CustomCall) {
            return Err(malformed("the model called a tool that was not on offer"));
        }
        if finish.reason == FinishReason::ToolCalls {
            self.fill_arguments(events);
        }
        let turn = self.items.values_mut().map(Item::take_for_turn).collect();
        events.extend(turn::state(turn, !self.texts_cross));
        events.push(EventKind::Finish(finish));
        Ok(())
    }

    /// Gives `{}` to calls without arguments, since parsers expect an object.
    fn fill_arguments(&self, events: &mut Vec<EventKind>) {
        for item in self.items.values().filter(|item| item.said.is_empty()) {
            events.extend(item.call.map(|index| EventKind::ToolCall {
                choice: 0,
                index,
                id: None,
                name: None,
                arguments: "{}".to_owned(),
            }));
        }
    }

    fn says_something(&self) -> bool {
        let mut messages = self.items.values().filter(|item| item.kind == ItemKind::Message);
        messages.any(|item| !item.said.is_empty())
    }

    fn has(&self, kind: ItemKind) -> bool {
        self.items.values().any(|item| item.kind == kind)
    }
}
