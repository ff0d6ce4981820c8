//! The choices of an answer, as they come.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use tollgate_chat::{
    event::{Event, EventKind, Start},
    usage::Usage,
};
use tollgate_engine::{Engine, Prompt, Refused};

use super::{
    SANDBOX,
    calls::Where,
    choice::{Choice, ChoiceFailed, Counts, Did},
};
use crate::{error::Failure, request_id::RequestId};

/// Choices of one request that the engine works on at once, so that others have their share of it.
const AT_ONCE: usize = 8;

/// Requests that wait for the engine from which on no more than one choice of a request waits with them.
const CROWDED: usize = 4;

/// What every choice is asked.
pub struct Asked {
    pub prompt: Prompt,
    /// Choices, at least one.
    pub n: u32,
    /// Whether each begins with reasoning.
    pub thinks: bool,
    /// Where an answer may hold calls; `None`: nowhere.
    pub calls: Option<Where>,
    /// Whether it may hold text.
    pub text: bool,
}

/// An answer under way.
pub struct EmbeddedStream {
    engine: Arc<Engine>,
    asked: Asked,
    under_way: Vec<Choice>,
    /// Choices begun so far.
    begun: u32,
    total: Counts,
    truncated: bool,
    announced: bool,
    /// For the log, and for the IDs of calls.
    id: RequestId,
}

impl EmbeddedStream {
    /// Queues the first choices. Fails where the engine takes not even one.
    pub fn start(engine: &Arc<Engine>, asked: Asked, id: &RequestId) -> Result<Self, Refused> {
        let mut stream = Self {
            engine: Arc::clone(engine),
            asked,
            under_way: Vec::new(),
            begun: 0,
            total: Counts::default(),
            truncated: false,
            announced: false,
            id: id.clone(),
        };
        stream.begin()?;
        Ok(stream)
    }

    /// Whether the prompt lost its middle; known once there are events.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Waits for the next events. The flag says that nothing comes after them.
    ///
    /// Cancel safety: a call that is dropped loses nothing.
    pub async fn read(&mut self) -> (Result<Vec<Event>, Failure>, bool) {
        let (read, ended) = poll_fn(|context| self.poll(context)).await;
        match read {
            Ok(events) => (Ok(events), ended),
            Err(failed) => {
                let error = match failed {
                    ChoiceFailed::Fault(fault) => super::of_engine(fault, &self.id),
                    ChoiceFailed::Refused(refused) => super::refused(refused, &self.id),
                };
                (Err(Failure::Sandbox(error)), true)
            }
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<(Result<Vec<Event>, ChoiceFailed>, bool)> {
        let mut index = 0;
        while let Some(choice) = self.under_way.get_mut(index) {
            let did = match choice.poll(context) {
                Poll::Pending => {
                    index += 1;
                    continue;
                }
                Poll::Ready(Err(failed)) => return Poll::Ready((Err(failed), true)),
                Poll::Ready(Ok(did)) => did,
            };
            self.truncated |= choice.is_truncated();
            let choice_number = choice.number();
            let mut events = self.announce();
            match did {
                Did::Said(said) => {
                    events.extend(said);
                    // The others come first next time.
                    self.under_way[index..].rotate_left(1);
                }
                Did::Ended(said, counts) => {
                    events.extend(said);
                    self.under_way.remove(index);
                    self.total.prompt = counts.prompt;
                    // The first reads what the others then have.
                    if choice_number == 0 {
                        self.total.cached = counts.cached;
                    }
                    self.total.completion += counts.completion;
                    self.total.reasoning += counts.reasoning;
                }
            }
            if let Err(refused) = self.begin() {
                return Poll::Ready((Err(ChoiceFailed::Refused(refused)), true));
            }
            let ended = self.under_way.is_empty();
            if ended {
                events.push(Event::new(EventKind::Usage(self.usage())));
            }
            return Poll::Ready((Ok(events), ended));
        }
        Poll::Pending
    }

    /// Begins choices as long as there is room. Fails only where none is under way.
    fn begin(&mut self) -> Result<(), Refused> {
        while self.begun < self.asked.n && self.under_way.len() < AT_ONCE {
            if !self.under_way.is_empty() && self.engine.waiting() >= CROWDED {
                return Ok(());
            }
            let own_id = self.id.as_str();
            let own_id = own_id.strip_prefix("req_").unwrap_or(own_id);
            let calls = self.asked.calls.map(|place| (place, own_id.to_owned()));
            let Asked {
                prompt, thinks, text, ..
            } = &self.asked;
            match Choice::start(&self.engine, self.begun, prompt.clone(), *thinks, calls, *text) {
                Ok(choice) => self.under_way.push(choice),
                Err(refused) if self.under_way.is_empty() => return Err(refused),
                // It is tried again when one of the others has gone on.
                Err(_) => return Ok(()),
            }
            self.begun += 1;
        }
        Ok(())
    }

    /// Says once who answers.
    fn announce(&mut self) -> Vec<Event> {
        if std::mem::replace(&mut self.announced, true) {
            return Vec::new();
        }
        vec![Event::new(EventKind::Start(Start {
            id: None,
            created: None,
            system_fingerprint: Some(SANDBOX.to_owned()),
        }))]
    }

    fn usage(&self) -> Usage {
        Usage {
            prompt: self.total.prompt.into(),
            cached: self.total.cached.into(),
            completion: self.total.completion.into(),
            reasoning: self.total.reasoning.into(),
            ..Usage::default()
        }
    }
}
