//! The answer's side: does to the events what the provider could not.

use std::collections::BTreeMap;

use tollgate_chat::{
    chunk::CHOICES_LIMIT,
    event::{EventKind, Finish, FinishReason, Place, Unshown},
    hold_back::{HoldBack, Passed},
};

use super::{Emulated, RequiredCall, content_call::ContentCall, json_text::JsonText, schema::Root};
use crate::fault::{Fault, FaultKind, Missing, malformed};

/// Most bytes that a choice may say where its content is held or checked.
const CONTENT_LIMIT: usize = 16 << 20;

/// Follows one answer, each of its choices by itself.
#[derive(Debug)]
pub struct Emulator {
    emulated: Emulated,
    choices: BTreeMap<u32, Choice>,
}

#[derive(Debug, Default)]
struct Choice {
    /// `None`: nothing has to be cut.
    stop: Option<HoldBack>,
    /// `None`: the content was not asked for in words.
    json: Option<JsonText>,
    /// What was said before the call whose arguments are the content: nothing that was asked for,
    /// unless no call comes.
    preamble: String,
    content_call: Option<ContentCall>,
    /// The provider's index of the first call.
    first_call: Option<u32>,
    /// The provider's index of the last call that was passed on.
    last_call: Option<u32>,
    /// The stop text that was met, behind a call: what the provider makes of that call comes yet.
    stopped: Option<String>,
    /// Whether a stop text was met.
    is_cut: bool,
    /// Whether more of a call came behind the stop text.
    call_goes_on: bool,
    /// Whether the call that was demanded came.
    demand_met: bool,
    refused: bool,
    /// Bytes of text and arguments so far.
    said: usize,
    /// What was shown, where it has to be checked.
    content: String,
    ended: bool,
}

impl Emulator {
    pub fn new(emulated: Emulated) -> Self {
        Self {
            emulated,
            choices: BTreeMap::new(),
        }
    }

    /// Takes one event and puts what becomes of it into `out`. Fails with [`FaultKind::NotAsAsked`] at
    /// the end of a choice that is not what was asked for. One that the limit or a filter cut short,
    /// or a stop text ended, is not judged.
    pub fn take(&mut self, event: EventKind, out: &mut Vec<EventKind>) -> Result<(), Fault> {
        let Some(index) = event.choice() else {
            out.push(event);
            return Ok(());
        };
        if !self.choices.contains_key(&index) {
            if self.choices.len() >= CHOICES_LIMIT {
                return Err(malformed("too many choices"));
            }
            self.choices.insert(index, Choice::new(&self.emulated));
        }
        let Some(choice) = self.choices.get_mut(&index) else {
            return Ok(());
        };
        let is_over = choice.ended || choice.stopped.is_some();
        let mut taking = Taking {
            emulated: &self.emulated,
            choice,
            index,
            out,
        };
        match is_over {
            true => taking.take_behind_the_end(event),
            false => taking.take(event),
        }
    }
}

impl Emulator {
    /// Whether each of the choices that were asked for has met a stop text: nothing that comes is shown any more, but
    /// for the rest of calls.
    pub fn has_cut(&self, asked: usize) -> bool {
        self.choices.len() >= asked.max(1) && self.choices.values().all(|choice| choice.is_cut)
    }

    /// The choices that have met a stop text behind a call, and wait for the end of that.
    pub fn waiting(&self) -> Vec<u32> {
        let waits = |choice: &Choice| choice.stopped.is_some() && !choice.ended;
        let waiting = self.choices.iter().filter(|(_, choice)| waits(choice));
        waiting.map(|(index, _)| *index).collect()
    }
}

impl Choice {
    fn new(emulated: &Emulated) -> Self {
        let in_words = emulated.content_tool.is_none() && emulated.asks_for_json();
        let root = emulated
            .schema
            .as_ref()
            .map_or(Root::Object, |schema| schema.root());
        Self {
            stop: (!emulated.stop.is_empty()).then(|| HoldBack::new(emulated.stop.iter().cloned())),
            json: in_words.then(|| JsonText::new(root)),
            ..Self::default()
        }
    }
}

impl Emulated {
    fn asks_for_json(&self) -> bool {
        self.schema.is_some() || self.json_object
    }
}

/// One event on its way.
struct Taking<'t> {
    emulated: &'t Emulated,
    choice: &'t mut Choice,
    index: u32,
    out: &'t mut Vec<EventKind>,
}

impl Taking<'_> {
    fn take(&mut self, event: EventKind) -> Result<(), Fault> {
        match event {
            EventKind::Text { text, .. } => {
                self.count(&text)?;
                self.said(&text)
            }
            EventKind::ToolCall {
                index,
                id,
                name,
                arguments,
                ..
            } => self.call(index, id, name, arguments),
            EventKind::Finish(finish) => self.finish(finish),
            EventKind::Refusal { ref text, .. } => {
                self.choice.refused |= !text.is_empty();
                self.out.push(event);
                Ok(())
            }
            // Its place was counted in a text from which words are taken away.
            EventKind::Citation { choice, .. } if self.emulated.asks_for_json() => {
                let kind = Unshown::Annotations;
                self.out.push(EventKind::Unshown { choice, kind });
                Ok(())
            }
            EventKind::State { ref state, .. } => {
                if self.keeps(state.place) {
                    self.out.push(event);
                }
                Ok(())
            }
            _ => {
                self.out.push(event);
                Ok(())
            }
        }
    }

    /// What the provider goes on to say behind a stop text is not shown. The calls before it still get all
    /// of their arguments, and what has to come back with the turn is kept.
    fn take_behind_the_end(&mut self, event: EventKind) -> Result<(), Fault> {
        match event {
            EventKind::State { ref state, .. } => {
                let call = match state.place {
                    Place::OnCall(call) => Some(call),
                    _ => None,
                };
                if self.keeps(state.place) && call <= self.choice.last_call {
                    self.out.push(event);
                }
            }
            EventKind::ToolCall {
                index, ref arguments, ..
            } if !self.choice.ended && Some(index) <= self.choice.last_call && !self.is_beyond_one(index) => {
                self.choice.call_goes_on |= !arguments.is_empty();
                self.out.push(event);
            }
            EventKind::Finish(finish) if !self.choice.ended => {
                let is_cut = matches!(finish.reason, FinishReason::Length | FinishReason::ContentFilter);
                let reason = match is_cut && self.choice.call_goes_on {
                    true => finish.reason,
                    false => FinishReason::ToolCalls,
                };
                let matched_stop = self.choice.stopped.take();
                self.end(Finish {
                    choice: self.index,
                    reason,
                    matched_stop,
                    provider_reason: None,
                });
            }
            _ => {}
        }
        Ok(())
    }

    /// Whatever is held or kept of a choice is no more than it has said.
    fn count(&mut self, said: &str) -> Result<(), Fault> {
        self.choice.said += said.len();
        match self.emulated.asks_for_json() && self.choice.said > CONTENT_LIMIT {
            true => Err(malformed("the content is too long to be checked")),
            false => Ok(()),
        }
    }

    fn call(
        &mut self,
        index: u32,
        id: Option<String>,
        name: Option<String>,
        arguments: String,
    ) -> Result<(), Fault> {
        self.count(&arguments)?;
        let first = *self.choice.first_call.get_or_insert(index);
        if self.emulated.content_tool.is_some() {
            // No other tool was offered, so the first call is the content, whatever its name.
            if index == first {
                let schema = &self.emulated.schema;
                let call = self
                    .choice
                    .content_call
                    .get_or_insert_with(|| ContentCall::new(schema.clone()));
                let text = call.take(&arguments);
                return self.show(&text);
            }
            return Ok(());
        }
        if self.is_beyond_one(index) {
            return Ok(());
        }
        self.choice.last_call = self.choice.last_call.max(Some(index));
        self.choice.demand_met |= match &self.emulated.call {
            Some(RequiredCall::Named(wanted)) => name.as_ref() == Some(wanted),
            Some(RequiredCall::Any) | None => true,
        };
        // Words before a call are no JSON that was asked for: they are what they are.
        if let Some(mut json) = self.choice.json.take() {
            let words = json.end();
            self.show(&words)?;
        }
        self.out.push(EventKind::ToolCall {
            choice: self.index,
            index,
            id,
            name,
            arguments,
        });
        Ok(())
    }

    /// Whether a call is left out, since only one was asked for and this is another.
    fn is_beyond_one(&self, call: u32) -> bool {
        self.emulated.one_call && self.choice.first_call.is_some_and(|first| first != call)
    }

    /// State of a call goes where the call goes.
    fn keeps(&self, place: Place) -> bool {
        match place {
            Place::OnCall(call) => self.emulated.content_tool.is_none() && !self.is_beyond_one(call),
            Place::Start | Place::OnImage(_) | Place::Order => true,
        }
    }

    /// Content that the provider sends as text.
    fn said(&mut self, text: &str) -> Result<(), Fault> {
        if self.emulated.content_tool.is_some() {
            self.choice.preamble.push_str(text);
            return Ok(());
        }
        match &mut self.choice.json {
            None => self.show(text),
            Some(json) => {
                let value = json.take(text);
                self.show(&value)
            }
        }
    }

    /// Content on its way to the client, up to a stop text.
    fn show(&mut self, text: &str) -> Result<(), Fault> {
        match &mut self.choice.stop {
            None => self.tell(text),
            Some(stop) => match stop.take(text) {
                Passed::Text(text) => self.tell(&text),
                Passed::Stopped { text, stop } => {
                    self.tell(&text)?;
                    self.choice.is_cut = true;
                    if self.choice.last_call.is_some() {
                        self.choice.stopped = Some(stop);
                        return Ok(());
                    }
                    self.end(Finish {
                        choice: self.index,
                        reason: FinishReason::Stop,
                        matched_stop: Some(stop),
                        provider_reason: None,
                    });
                    Ok(())
                }
            },
        }
    }

    fn tell(&mut self, text: &str) -> Result<(), Fault> {
        if text.is_empty() {
            return Ok(());
        }
        if self.emulated.asks_for_json() {
            self.choice.content.push_str(text);
        }
        self.out.push(EventKind::Text {
            choice: self.index,
            text: text.to_owned(),
        });
        Ok(())
    }

    fn end(&mut self, finish: Finish) {
        self.choice.ended = true;
        self.out.push(EventKind::Finish(finish));
    }

    fn finish(&mut self, mut finish: Finish) -> Result<(), Fault> {
        self.free()?;
        if self.choice.ended {
            return Ok(());
        }
        if self.choice.stopped.is_some() {
            return self.take_behind_the_end(EventKind::Finish(finish));
        }
        if !matches!(finish.reason, FinishReason::Length | FinishReason::ContentFilter) {
            self.judge()?;
        }
        if self.choice.content_call.is_some() && finish.reason == FinishReason::ToolCalls {
            finish.reason = FinishReason::Stop;
        }
        self.end(finish);
        Ok(())
    }

    /// What still waits, in the order in which it would have been shown.
    fn free(&mut self) -> Result<(), Fault> {
        let mut held = String::new();
        if self.emulated.content_tool.is_some() {
            held = match &mut self.choice.content_call {
                Some(call) => call.end(),
                None => {
                    let root = self
                        .emulated
                        .schema
                        .as_ref()
                        .map_or(Root::Object, |schema| schema.root());
                    let mut json = JsonText::new(root);
                    let value = json.take(&std::mem::take(&mut self.choice.preamble));
                    value + &json.end()
                }
            };
        } else if let Some(json) = &mut self.choice.json {
            held = json.end();
        }
        self.show(&held)?;
        let is_over = self.choice.ended || self.choice.stopped.is_some();
        if let Some(mut stop) = self.choice.stop.take().filter(|_| !is_over) {
            self.tell(&stop.end())?;
        }
        Ok(())
    }

    /// Whether a choice that ended by itself is what was asked for.
    fn judge(&self) -> Result<(), Fault> {
        let choice = &self.choice;
        if self.emulated.call.is_some() && !choice.demand_met {
            return Err(not_as_asked(Missing::Call));
        }
        let called = choice.first_call.is_some() && choice.content_call.is_none();
        if !self.emulated.asks_for_json() || choice.refused || called {
            return Ok(());
        }
        match &self.emulated.schema {
            Some(schema) if !schema.takes(&choice.content) => Err(not_as_asked(Missing::Schema)),
            None if serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&choice.content)
                .is_err() =>
            {
                Err(not_as_asked(Missing::JsonObject))
            }
            _ => Ok(()),
        }
    }
}

fn not_as_asked(missing: Missing) -> Fault {
    let message = format!("the model's answer is not what was asked: it {missing}");
    Fault::new(FaultKind::NotAsAsked(missing), message)
}

#[cfg(test)]
mod tests;
