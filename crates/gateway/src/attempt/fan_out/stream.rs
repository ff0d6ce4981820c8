//! Streams of several requests as one, in the order in which they say something.

use std::{collections::VecDeque, pin::Pin, sync::Arc};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::sync::Barrier;
use tollgate_chat::{
    chunk::Head,
    event::{Event, EventKind, Start, Wire},
    usage::Usage,
};
use tollgate_dialects::ProviderRequest;

use super::{Share, merge::chunk, numbers::Numbers, of_share, places::CallPlaces};
use crate::{
    attempt::{OpenStream, call::Call, pace::Attention},
    count::heard::{Heard, together},
    error::Failure,
    health::Place,
};

/// Streams under way, and requests that wait until one of them ends.
pub struct MergedStream {
    under_way: FuturesUnordered<Pin<Box<dyn Future<Output = Said> + Send>>>,
    waiting: VecDeque<(Share, ProviderRequest)>,
    call: Call,
    head: Head,
    started: bool,
    numbers: Numbers,
    parts: Vec<Part>,
    /// The last count of all that was said.
    counted: Option<(Usage, bool)>,
    places: CallPlaces,
    /// That of all of its streams.
    attention: Arc<Attention>,
    reader: Reader,
}

/// Who reads it.
enum Reader {
    /// Without one of the choices the others are of no use.
    Client,
    /// Nobody but the gate, for what the calls count: each is billed by itself. With the first failure of one.
    Gate { failed: Option<Failure> },
}

/// The next events of any of them, and whether nothing comes after them.
type Reading<'a> = Pin<Box<dyn Future<Output = (Result<Vec<Event>, Failure>, bool)> + Send + 'a>>;

/// The next that one of them says; `None`: it has said all.
struct Said {
    share: Share,
    stream: Option<OpenStream>,
    events: Option<Result<Vec<Event>, Failure>>,
    place: Option<Arc<Place>>,
}

/// What is known of one share.
struct Part {
    share: Share,
    /// `None`: it has not begun.
    heard: Option<Heard>,
    has_ended: bool,
}

impl MergedStream {
    /// Its client has gone, and it is read on for what the calls count: those that wait are not begun any more, and one
    /// that fails lets the others go on.
    pub fn is_left(&mut self) {
        self.waiting.clear();
        self.reader = Reader::Gate { failed: None };
    }

    /// Opens as many as may be under way at once; the first that fails fails all of them. Those that have begun are read
    /// ahead while others have not: what they count is lost with them where one fails.
    pub async fn open(mut call: Call, shares: Vec<(Share, ProviderRequest)>) -> Result<OpenStream, Failure> {
        let places = CallPlaces::of(&call, shares.len());
        call.place = None;
        let attention = Arc::default();
        call.attention = Some(Arc::clone(&attention));
        let parts = shares.iter().map(|(share, _)| Part {
            share: *share,
            heard: None,
            has_ended: false,
        });
        let mut merged = Self {
            under_way: FuturesUnordered::new(),
            parts: parts.collect(),
            counted: None,
            waiting: shares.into(),
            head: call.presentation.head.clone(),
            call,
            started: false,
            numbers: Numbers::default(),
            places,
            attention,
            reader: Reader::Client,
        };
        let mut opening = FuturesUnordered::new();
        let at_once = merged.places.most().min(merged.waiting.len());
        let all_are_open = Arc::new(Barrier::new(at_once));
        for (share, request) in merged.waiting.drain(..at_once) {
            let all_are_open = Arc::clone(&all_are_open);
            let mut call = of_share(&merged.call, share);
            call.place = merged.places.take();
            opening.push(async move {
                let mut stream = call.open(request).await?;
                stream.read_ahead(all_are_open.wait()).await?;
                Ok::<_, Failure>((share, stream, call.place))
            });
        }
        let mut opened = Vec::new();
        while let Some(stream) = opening.next().await {
            opened.push(stream?);
        }
        drop(opening);
        for (share, stream, place) in opened {
            merged.under_way.push(Box::pin(listen(share, stream, place)));
        }
        let parting = merged.call.parting.clone();
        Ok(OpenStream::merged(merged, parting))
    }

    /// Waits for the next events of any of them. The flag says that nothing comes after these.
    ///
    /// Boxed, since each of them is a stream of the same kind.
    ///
    /// Cancel safety: a call that is dropped loses nothing.
    pub fn read(&mut self) -> Reading<'_> {
        Box::pin(self.read_any())
    }

    async fn read_any(&mut self) -> (Result<Vec<Event>, Failure>, bool) {
        let _attending = self.attention.begins();
        loop {
            let Some(said) = self.under_way.next().await else {
                return self.last_words();
            };
            let Said {
                share,
                stream,
                events,
                place,
            } = said;
            let events = match events {
                None => {
                    drop(stream);
                    if let Some(part) = self.part(share) {
                        part.has_ended = true;
                    }
                    self.places.put_back(place);
                    self.start_next();
                    continue;
                }
                Some(events) => events.and_then(|events| self.of_client(share, events)),
            };
            match (events, stream) {
                (Err(failure), stream) => {
                    let Reader::Gate { failed } = &mut self.reader else {
                        self.give_up();
                        return (Err(failure), true);
                    };
                    failed.get_or_insert(failure);
                    drop(stream);
                }
                (Ok(events), stream) => {
                    if let Some(stream) = stream {
                        self.under_way.push(Box::pin(listen(share, stream, place)));
                    }
                    if !events.is_empty() {
                        return (Ok(events), false);
                    }
                }
            }
        }
    }

    fn part(&mut self, share: Share) -> Option<&mut Part> {
        self.parts.iter_mut().find(|part| part.share == share)
    }

    fn give_up(&mut self) {
        self.under_way.clear();
        self.waiting.clear();
    }

    fn start_next(&mut self) {
        let Some((share, request)) = self.waiting.pop_front() else {
            return;
        };
        let mut call = of_share(&self.call, share);
        call.place = self.places.take();
        self.under_way.push(Box::pin(async move {
            match call.open(request).await {
                Ok(stream) => listen(share, stream, call.place).await,
                Err(failure) => Said {
                    share,
                    stream: None,
                    events: Some(Err(failure)),
                    place: call.place,
                },
            }
        }));
    }

    /// A share's events as the client is to see them.
    fn of_client(&mut self, share: Share, events: Vec<Event>) -> Result<Vec<Event>, Failure> {
        let mut seen = Vec::with_capacity(events.len());
        let begins = self.part(share).is_some_and(|part| part.heard.is_none());
        for Event { mut kind, wire } in events {
            let wire = match wire {
                Wire::Chunk(json) => Wire::Chunk(chunk(&json, share, &mut self.numbers, &self.head)?),
                other => other,
            };
            if let Some(part) = self.part(share) {
                part.heard.get_or_insert_default().hear(&kind);
            }
            match &mut kind {
                // The whole answer has our ID and time; of the rest the first word counts.
                EventKind::Start(start) => {
                    let repeated = std::mem::replace(&mut self.started, true);
                    if repeated && !matches!(wire, Wire::Chunk(_)) {
                        continue;
                    }
                    let system_fingerprint = start.system_fingerprint.take().filter(|_| !repeated);
                    *start = Start {
                        system_fingerprint,
                        ..Start::default()
                    };
                }
                // What it means for one is in the count of all.
                EventKind::Usage(_) | EventKind::UsageEstimated => {
                    let mut counted = self.count_of_all();
                    if let Some(first) = counted.first_mut() {
                        first.wire = wire;
                    }
                    seen.append(&mut counted);
                    continue;
                }
                EventKind::UsageCutOff => continue,
                EventKind::ServiceTier(_) => {}
                EventKind::Text { choice, .. }
                | EventKind::Refusal { choice, .. }
                | EventKind::Reasoning { choice, .. }
                | EventKind::ToolCall { choice, .. }
                | EventKind::Image { choice, .. }
                | EventKind::Logprobs { choice, .. }
                | EventKind::Citation { choice, .. }
                | EventKind::State { choice, .. }
                | EventKind::BlockEnd { choice }
                | EventKind::Other { choice }
                | EventKind::Unshown { choice, .. } => *choice = self.numbers.of(*choice, share)?,
                EventKind::Finish(finish) => finish.choice = self.numbers.of(finish.choice, share)?,
            }
            seen.push(Event { kind, wire });
        }
        if begins && self.counted.is_some() {
            // A count of the others says nothing of its prompt.
            seen.append(&mut self.count_of_all());
        }
        Ok(seen)
    }

    /// What all that have begun used so far. What some have said and nobody has counted is estimated, since a count is of
    /// all that was said before it. Where none was counted as an answer can be, what they say of their counts is passed on
    /// as it is: whoever writes the answer counts the whole.
    fn count_of_all(&mut self) -> Vec<Event> {
        let begun = || {
            self.parts
                .iter()
                .filter_map(|part| Some((part.heard.as_ref()?, part.has_ended)))
        };
        let counted = match begun().any(|(heard, _)| heard.is_counted()) {
            true => {
                let prompt = self.call.presentation.estimated_prompt_tokens;
                Some(together(
                    begun().map(|(heard, has_ended)| heard.so_far(prompt, has_ended)),
                ))
            }
            false => {
                let told = begun().filter_map(|(heard, _)| heard.usage);
                told.reduce(Usage::plus).map(|usage| (usage, false))
            }
        };
        self.counted = counted;
        let Some((usage, is_estimated)) = counted else {
            return Vec::new();
        };
        let is_estimated = is_estimated.then_some(EventKind::UsageEstimated);
        let events = [EventKind::Usage(usage)].into_iter().chain(is_estimated);
        events.map(Event::new).collect()
    }

    /// What is said when all calls have ended.
    fn last_words(&mut self) -> (Result<Vec<Event>, Failure>, bool) {
        let before = self.counted;
        let counts = self.count_of_all();
        let counts = match self.counted == before {
            true => Vec::new(),
            false => counts,
        };
        match &mut self.reader {
            Reader::Gate { failed } if counts.is_empty() && failed.is_some() => {
                (failed.take().map_or(Ok(counts), Err), true)
            }
            // The failure comes behind them.
            Reader::Gate { failed: Some(_) } => (Ok(counts), false),
            Reader::Client | Reader::Gate { .. } => (Ok(counts), true),
        }
    }
}

/// Waits for the next that a stream says, and gives it back with it.
async fn listen(share: Share, mut stream: OpenStream, place: Option<Arc<Place>>) -> Said {
    let events = stream.next().await;
    Said {
        share,
        stream: Some(stream),
        events,
        place,
    }
}
