//! Streams of several requests as one, in the order in which they say something.

use std::{collections::VecDeque, pin::Pin, sync::Arc};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::sync::Barrier;
use tollgate_catalog::contract::estimated_tokens;
use tollgate_chat::{
    chunk::Head,
    event::{Event, EventKind, Start, Wire},
    usage::Usage,
};
use tollgate_dialects::ProviderRequest;

use super::{Share, merge::chunk, numbers::Numbers, of_share, places::CallPlaces};
use crate::{
    attempt::{OpenStream, call::Call, pace::Attention},
    count::belief::leaves_out,
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
    parts: Vec<Counts>,
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

/// What one share has counted, and about how much it has said.
struct Counts {
    share: Share,
    usage: Option<Usage>,
    bytes: u64,
    /// How much it had said when it was counted.
    counted: u64,
    /// Whether a part of the count is the gate's.
    is_estimated: bool,
}

impl Counts {
    /// Its stream broke: nobody counts what it said since its last count.
    fn broke(&mut self) {
        let uncounted = self.bytes - self.counted;
        if let Some(usage) = self.usage.as_mut().filter(|_| uncounted > 0) {
            usage.completion = usage.completion.saturating_add(estimated_tokens(uncounted));
            self.counted = self.bytes;
            self.is_estimated = true;
        }
    }
}

impl MergedStream {
    /// Its client has gone, and it is read on for what the calls count: those that wait are not begun any more, and one
    /// that fails lets the others go on.
    pub fn is_left(&mut self) {
        let waiting: Vec<Share> = self.waiting.drain(..).map(|(share, _)| share).collect();
        self.parts.retain(|counts| !waiting.contains(&counts.share));
        self.reader = Reader::Gate { failed: None };
    }

    /// Opens as many as may be under way at once; the first that fails fails all of them. Those that have begun are read
    /// ahead while others have not: what they count is lost with them where one fails.
    pub async fn open(mut call: Call, shares: Vec<(Share, ProviderRequest)>) -> Result<OpenStream, Failure> {
        let places = CallPlaces::of(&call, shares.len());
        call.place = None;
        let attention = Arc::default();
        call.attention = Some(Arc::clone(&attention));
        let parts = shares.iter().map(|(share, _)| Counts {
            share: *share,
            usage: None,
            bytes: 0,
            counted: 0,
            is_estimated: false,
        });
        let mut merged = Self {
            under_way: FuturesUnordered::new(),
            parts: parts.collect(),
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
                    self.broke(share);
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

    /// One of the calls that the client left has failed. Where it had said nothing, there is nothing to pay for.
    fn broke(&mut self, share: Share) {
        self.parts.retain_mut(|counts| {
            if counts.share == share {
                counts.broke();
            }
            counts.share != share || counts.usage.is_some() || counts.bytes > 0
        });
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
        for Event { mut kind, wire } in events {
            let wire = match wire {
                Wire::Chunk(json) => Wire::Chunk(chunk(&json, share, &mut self.numbers, &self.head)?),
                other => other,
            };
            let counts = self.parts.iter_mut().find(|counts| counts.share == share);
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
                EventKind::Usage(usage) => {
                    if let Some(counts) = counts {
                        counts.usage = Some(*usage);
                        counts.counted = counts.bytes;
                    }
                    *usage = self.sum();
                }
                EventKind::UsageCutOff => {
                    if let Some(counts) = counts.filter(|counts| counts.bytes > counts.counted) {
                        counts.usage = None;
                    }
                }
                EventKind::UsageEstimated | EventKind::ServiceTier(_) => {}
                EventKind::Text { choice, text }
                | EventKind::Refusal { choice, text }
                | EventKind::Reasoning { choice, text }
                | EventKind::ToolCall {
                    choice,
                    arguments: text,
                    ..
                } => {
                    *choice = self.numbers.of(*choice, share)?;
                    if let Some(counts) = counts {
                        counts.bytes += text.len() as u64;
                    }
                }
                EventKind::Image { choice, .. }
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
        Ok(seen)
    }

    fn sum(&self) -> Usage {
        let counted = self.parts.iter().filter_map(|counts| counts.usage);
        counted.fold(Usage::default(), Usage::plus)
    }

    /// What is said when all calls have ended.
    fn last_words(&mut self) -> (Result<Vec<Event>, Failure>, bool) {
        let counts = self.last_counts();
        match &mut self.reader {
            Reader::Gate { failed } if counts.is_empty() && failed.is_some() => {
                (failed.take().map_or(Ok(counts), Err), true)
            }
            // The failure comes behind them.
            Reader::Gate { failed: Some(_) } => (Ok(counts), false),
            Reader::Client | Reader::Gate { .. } => (Ok(counts), true),
        }
    }

    /// Where some were counted and others not, or not to their end, what is missing is estimated, so that the sum is of
    /// all. Where none was, whoever writes the answer estimates the whole.
    fn last_counts(&mut self) -> Vec<Event> {
        for counts in &mut self.parts {
            // One that no answer can have is none.
            counts.usage = counts.usage.filter(|usage| !leaves_out(usage, counts.bytes > 0));
        }
        let is_whole = |counts: &Counts| counts.usage.is_some() && !counts.is_estimated;
        let none_is_counted = self.parts.iter().all(|counts| counts.usage.is_none());
        if none_is_counted || self.parts.iter().all(is_whole) {
            return Vec::new();
        }
        let prompt = self.call.presentation.estimated_prompt_tokens;
        for counts in &mut self.parts {
            counts.usage.get_or_insert_with(|| Usage {
                prompt,
                completion: estimated_tokens(counts.bytes),
                ..Usage::default()
            });
            counts.is_estimated = false;
        }
        vec![
            Event::new(EventKind::Usage(self.sum())),
            Event::new(EventKind::UsageEstimated),
        ]
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
