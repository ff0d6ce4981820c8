//! A stream whose first output has come, as long as somebody reads it: the client, or the gate for what it costs.

use std::{pin::pin, sync::Arc};

use tollgate_chat::event::{Event, EventKind, Wire};

use super::{
    fan_out::MergedStream,
    outcome::treatment,
    provider_stream::{HELD_BYTES, ProviderStream},
};
use crate::{
    abandoned::{Deadline, How, Parting, Read},
    buffered::Held,
    count::heard::Heard,
    error::Failure,
    health::{ModelHealth, Place, Standing, Witness},
    sandbox::EmbeddedStream,
    story::Followed,
};

/// A stream whose first output has come.
pub struct OpenStream {
    /// Events that were read and not yet taken.
    held: Vec<Event>,
    source: Source,
    /// The share of the memory of an answer that came whole.
    _memory: Option<Held>,
    watch: Option<Box<Watch>>,
    /// Where it is left when the client goes; `None`: it is cancelled.
    parting: Option<Arc<Parting>>,
    /// What its provider counts, until somebody has it who is given the answer.
    followed: Option<Box<Followed>>,
    /// Whether whoever reads it is given the answer.
    goes_to_client: bool,
    /// What has been read, where nobody else remembers that when the client goes.
    folded: Option<Box<Heard>>,
}

/// Who wants to know how a stream ends.
pub struct Watch {
    pub channel: Arc<crate::channel::Channel>,
    pub model: Arc<ModelHealth>,
    /// What the stream's attempt is as a probe, where it was one.
    pub probe: Option<Standing>,
    /// Where its calls have none of their own.
    pub _place: Option<Place>,
    pub witness: Witness,
}

impl Watch {
    /// The stream broke: for the request nothing can be done any more, and for those to come as much as for one that
    /// failed before its output.
    fn failed(&self, failure: &Failure) {
        let treatment = treatment(failure);
        let witness = treatment.blame.perhaps(|| self.witness);
        let health = &self.channel.health;
        health.stream_broke(treatment.sign, self.probe, witness);
        if let Some((scope, rest)) = treatment.rest {
            health.rest(scope, &self.model, rest, witness);
        }
    }

    fn ended(&self) {
        self.channel.health.stream_ended();
    }
}

enum Source {
    Provider(Box<ProviderStream>),
    Merged(Box<MergedStream>),
    Embedded(Box<EmbeddedStream>),
    Failed(Failure),
    Ended,
}

impl OpenStream {
    /// What a provider has said so far, and what follows. `parting`: where that is left when the client goes.
    pub fn begun(held: Vec<Event>, rest: Option<ProviderStream>, parting: Option<Arc<Parting>>) -> Self {
        Self {
            held,
            source: rest.map_or(Source::Ended, |stream| Source::Provider(Box::new(stream))),
            _memory: None,
            watch: None,
            parting,
            followed: None,
            goes_to_client: false,
            folded: None,
        }
    }

    /// An answer that came whole. `memory`: its share.
    pub fn whole(held: Vec<Event>, memory: Held) -> Self {
        Self {
            held,
            source: Source::Ended,
            _memory: Some(memory),
            watch: None,
            parting: None,
            followed: None,
            goes_to_client: false,
            folded: None,
        }
    }

    /// The embedded model's stream: what it has said so far, and what follows.
    pub fn embedded(held: Vec<Event>, rest: Option<EmbeddedStream>) -> Self {
        Self {
            held,
            source: rest.map_or(Source::Ended, |stream| Source::Embedded(Box::new(stream))),
            _memory: None,
            watch: None,
            parting: None,
            followed: None,
            goes_to_client: false,
            folded: None,
        }
    }

    /// Several streams as one.
    pub fn merged(stream: MergedStream, parting: Option<Arc<Parting>>) -> Self {
        Self {
            held: Vec::new(),
            source: Source::Merged(Box::new(stream)),
            _memory: None,
            watch: None,
            parting,
            followed: None,
            goes_to_client: false,
            folded: None,
        }
    }

    /// A stream that has nothing but this failure.
    pub fn failed(failure: Failure) -> Self {
        Self {
            held: Vec::new(),
            source: Source::Failed(failure),
            _memory: None,
            watch: None,
            parting: None,
            followed: None,
            goes_to_client: false,
            folded: None,
        }
    }

    /// The next events; `None` at the end of a complete answer. After a failure nothing comes.
    ///
    /// Cancel safety: a call that is dropped loses nothing.
    pub async fn next(&mut self) -> Option<Result<Vec<Event>, Failure>> {
        let events = match self.held.is_empty() {
            true => self.read().await,
            false => Some(Ok(std::mem::take(&mut self.held))),
        };
        match &mut self.followed {
            Some(_) if self.goes_to_client => self.handed_on(),
            Some(followed) if matches!(events, Some(Ok(_))) => followed.told(),
            _ => {}
        }
        if let (Some(heard), Some(Ok(events))) = (&mut self.folded, &events) {
            events.iter().for_each(|event| heard.hear(&event.kind));
        }
        events
    }

    /// As [`Self::next`], of what has not been read yet.
    async fn read(&mut self) -> Option<Result<Vec<Event>, Failure>> {
        let (events, ended) = match &mut self.source {
            Source::Ended => return None,
            Source::Failed(_) => {
                return match std::mem::replace(&mut self.source, Source::Ended) {
                    Source::Failed(failure) => Some(Err(failure)),
                    _ => None,
                };
            }
            Source::Provider(stream) => stream.read().await,
            Source::Merged(stream) => stream.read().await,
            Source::Embedded(stream) => stream.read().await,
        };
        if ended {
            self.source = Source::Ended;
        }
        if let Some(followed) = &mut self.followed {
            match &events {
                Ok(events) => followed.hear(events),
                Err(failure) => followed.failed(failure),
            }
        }
        if let Some(watch) = self.watch.take_if(|_| ended || events.is_err()) {
            match &events {
                Ok(_) => watch.ended(),
                Err(failure) => watch.failed(failure),
            }
        }
        match events {
            Ok(events) if events.is_empty() && ended => None,
            other => Some(other),
        }
    }

    /// Reads on until `then`, as much as may be held back. What comes meanwhile is there at the next read.
    pub async fn read_ahead(&mut self, then: impl Future) -> Result<(), Failure> {
        let mut then = pin!(then);
        let mut bytes: usize = self.held.iter().map(weight).sum();
        while bytes <= HELD_BYTES {
            let events = tokio::select! {
                biased;
                _ = &mut then => return Ok(()),
                events = self.read() => events,
            };
            let Some(events) = events else { break };
            let events = events?;
            bytes += events.iter().map(weight).sum::<usize>();
            self.held.extend(events);
        }
        then.await;
        Ok(())
    }

    /// Its call comes to nothing, unless it is handed on.
    pub fn followed_by(mut self, followed: Followed) -> Self {
        self.followed = Some(Box::new(followed));
        self
    }

    /// Whoever takes its first events has its count from there on. A client may leave before that.
    pub fn goes_to_client(&mut self) {
        self.goes_to_client = true;
    }

    /// Its answer is put together, and nobody is told of it before its end.
    pub fn is_folded(&mut self) {
        self.folded.get_or_insert_default();
    }

    /// Somebody is given the answer, and has its count.
    pub fn handed_on(&mut self) {
        if let Some(followed) = self.followed.take() {
            followed.handed_on();
        }
    }

    /// Reads to the end, for what the provider counts.
    pub async fn read_on(mut self, mut deadline: Deadline) -> Read {
        self.parting = None;
        if let Source::Merged(stream) = &mut self.source {
            stream.is_left();
        }
        let (mut heard, mut bytes) = (self.folded.take().unwrap_or_default(), 0);
        let how = loop {
            match deadline.before(self.next()).await {
                Err(how) => break how,
                Ok(None) => break How::Complete,
                Ok(Some(Err(_))) => break How::Failed,
                Ok(Some(Ok(events))) => {
                    for event in &events {
                        bytes += weight(event);
                        heard.hear(&event.kind);
                    }
                }
            }
            if bytes > deadline.bytes {
                break How::Large;
            }
        };
        Read {
            heard: Some(*heard),
            how,
        }
    }

    /// From now on the channel hears how it ends, and has one place less until then.
    pub fn watched_by(&mut self, watch: Watch) {
        match self.source {
            Source::Ended => watch.ended(),
            _ => self.watch = Some(Box::new(watch)),
        }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let Some(parting) = self.parting.take().filter(|parting| parting.is_now()) else {
            return;
        };
        let source = std::mem::replace(&mut self.source, Source::Ended);
        let nothing_is_left = match source {
            Source::Ended => self.held.is_empty(),
            Source::Failed(_) => true,
            Source::Provider(_) | Source::Merged(_) | Source::Embedded(_) => false,
        };
        if nothing_is_left {
            return;
        }
        let rest = Self {
            held: std::mem::take(&mut self.held),
            source,
            _memory: self._memory.take(),
            watch: self.watch.take(),
            parting: None,
            followed: self.followed.take(),
            goes_to_client: self.goes_to_client,
            folded: self.folded.take(),
        };
        parting.leave(Box::pin(rest.read_on(parting.deadline())));
    }
}

/// About how many bytes an event stands for.
fn weight(event: &Event) -> usize {
    const LEAST: usize = 64;
    let text = match &event.kind {
        EventKind::State { state, .. } => state.json.len(),
        other => other.written().bytes() as usize,
    };
    match &event.wire {
        Wire::Chunk(chunk) => chunk.len(),
        Wire::Unwritten | Wire::Covered => LEAST + text,
    }
}
