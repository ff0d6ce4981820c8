//! Several choices from a provider that gives fewer at once: requests side by side on one channel, merged
//! into one answer.
//!
//! Before the first output one that fails fails the attempt, and dropping the answer lets all of them go.
//! What the client sees does not tell: choices have dense indexes, and one ID, time and usage.

mod merge;
mod numbers;
mod places;
mod stream;

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use tollgate_chat::answer::Answer;
use tollgate_dialects::{Note, ProviderRequest};

pub use self::stream::MergedStream;
use self::{merge::merge, places::CallPlaces};
use super::{
    Outcome,
    call::{Call, fold},
};
use crate::{buffered::Held, error::Failure, story::Followed};

/// Requests under way at once for one client's request.
const UNDER_WAY: usize = 8;

/// A part of the choices, asked for in one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The client's index of its first choice.
    pub first: u32,
    pub choices: u32,
}

/// The requests, in the order of their choices.
#[derive(Debug)]
pub struct Shares(Vec<(Share, ProviderRequest)>);

impl Shares {
    /// Shares `n` choices out, `most` at a time. `translate` makes the request for that many choices;
    /// requests alike are made once, and their bodies share their bytes.
    pub fn new(
        n: u32,
        most: u32,
        translate: impl Fn(u32) -> Result<ProviderRequest, Failure>,
    ) -> Result<Self, Failure> {
        let full = translate(most)?;
        let mut shares = Vec::new();
        for share in split(n, most) {
            let request = match share.choices == most {
                true => full.clone(),
                false => translate(share.choices)?,
            };
            shares.push((share, request));
        }
        Ok(Self(shares))
    }

    /// What was done in another way than asked; the same for all of them.
    pub fn notes(&self) -> Vec<Note> {
        self.0
            .first()
            .map(|(_, request)| request.notes.clone())
            .unwrap_or_default()
    }
}

fn split(n: u32, most: u32) -> impl Iterator<Item = Share> {
    (0..n).step_by(most as usize).map(move |first| Share {
        first,
        choices: most.min(n - first),
    })
}

/// Sends all of them and gives one answer.
///
/// Cancel safety: dropping it lets every connection go.
pub async fn make(call: Call, Shares(shares): Shares) -> Result<Outcome, Failure> {
    let streamed = shares.iter().any(|(_, request)| request.streamed);
    if !call.stream && !streamed {
        return whole(&call, shares).await;
    }
    let (gate, presentation) = (Arc::clone(&call.gate), Arc::clone(&call.presentation));
    let wants_stream = call.stream;
    let merged = MergedStream::open(call, shares).await?;
    match wants_stream {
        true => Ok(Outcome::Stream(merged)),
        false => fold(merged, &gate, &presentation).await,
    }
}

async fn whole(call: &Call, shares: Vec<(Share, ProviderRequest)>) -> Result<Outcome, Failure> {
    let places = CallPlaces::of(call, shares.len());
    let calls: Vec<_> = shares
        .into_iter()
        .map(|(share, request)| answer_of(of_share(call, share), share, request, &places))
        .collect();
    let calls = futures_util::stream::iter(calls).buffer_unordered(places.most());
    let answered: Vec<((Share, Answer, Held), Followed)> = calls.try_collect().await?;
    let (mut answers, followed): (Vec<_>, Vec<_>) = answered.into_iter().unzip();
    answers.sort_by_key(|(share, ..)| share.first);
    let mut held = call.gate.buffered.hold();
    let answer = merge(&answers, &call.presentation)?;
    let limit = call.gate.settings.answer_limit;
    if answer.json.len() > limit {
        return Err(Failure::AnswerTooLarge { limit });
    }
    held.grow_to(answer.json.len()).map_err(|_| Failure::MemoryFull)?;
    // Each call is paid for by itself.
    drop(followed);
    Ok(Outcome::Whole { answer, held })
}

/// The answer of one share, and its count, which is to be paid where another share fails too.
async fn answer_of(
    mut call: Call,
    share: Share,
    request: ProviderRequest,
    places: &CallPlaces,
) -> Result<((Share, Answer, Held), Followed), Failure> {
    call.place = places.take();
    let (answer, held, followed) = call.whole(request).await?;
    places.put_back(call.place.take());
    if let Some(parting) = &call.parting {
        parting.count(answer.usage, answer.counted_by.is_estimate());
    }
    Ok(((share, answer, held), followed))
}

/// The call for one share. Names that are made from the answer's ID must not meet those of another share.
fn of_share(call: &Call, share: Share) -> Call {
    let mut call = call.clone();
    if share.first > 0 {
        let presentation = Arc::make_mut(&mut call.presentation);
        presentation.head.id = format!("{}-{}", presentation.head.id, share.first);
    }
    call
}

#[cfg(test)]
mod tests;
