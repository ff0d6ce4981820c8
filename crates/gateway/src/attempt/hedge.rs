//! A second channel beside the first, where that keeps the client waiting for longer than it mostly does.
//!
//! How long that is comes from the first channel's own history, so about as many requests are hedged as the
//! percentile leaves; each takes a retry out of the gate's budget all the same, and a place on its channel. Who has the
//! first output, or the whole answer, wins; the other is cancelled, and counts neither for nor against its channel.

use std::{pin::Pin, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::{Instant, timeout};
use tracing::info;

use super::{
    Attempted,
    fetch::{self, Media},
    outcome::{Verdict, treatment},
    trial::{Lost, LostBy, Trial},
    tries::Tries,
};

/// How long to wait before another channel is tried beside this one; `None`: none is.
pub fn after(trial: &Trial<'_>, first: usize, tries: &Tries<'_>) -> Option<Duration> {
    let percent = trial.gate.settings.routing.hedge?;
    if !next_may_be_beside(trial, tries) {
        return None;
    }
    let history = trial.server(first).health.history(trial.request.stream);
    history.percentile(percent.get())
}

/// Whether there is another channel, and nothing has to be fetched for it: that is done once for all channels, one
/// after the other.
fn next_may_be_beside(trial: &Trial<'_>, tries: &Tries<'_>) -> bool {
    let Some(next) = tries.waiting() else {
        return false;
    };
    let next = trial.server(next).for_request(trial.request);
    !fetch::may_need(trial.gate, trial.request, next.dialect(), &next.serving.quirks)
}

/// A try that is under way: its place in the route, and what comes of it.
type Running<'a> = Pin<Box<dyn Future<Output = (usize, Result<Attempted, Lost>)> + Send + 'a>>;

/// Tries the channel at `first`, and the next one of the round beside it where it takes longer than `after`. When
/// one of two fails, the next takes its place. Those that fail while another goes on are put to `lost`.
///
/// Cancel safety: dropping it ends all of them.
pub async fn race(
    trial: &Trial<'_>,
    first: usize,
    after: Duration,
    media: &mut Media,
    tries: &mut Tries<'_>,
    lost: &mut Vec<Lost>,
) -> Result<Attempted, Lost> {
    let mut began = vec![(first, Instant::now())];
    let mut one = Box::pin(trial.on(first, tries.others_remain(), media));
    if let Ok(done) = timeout(after, &mut one).await {
        return done;
    }
    let mut running: FuturesUnordered<Running<'_>> = FuturesUnordered::new();
    running.push(Box::pin(async move { (first, one.await) }));
    let (mut next_is_due, mut is_race) = (true, false);
    loop {
        if next_is_due && let Some(next) = begin_next(trial, tries, lost) {
            is_race = true;
            began.push(next.0);
            running.push(next.1);
        }
        let ended = running.next().await;
        let (candidate, tried) = ended.expect("the last one that runs ends the race");
        began.retain(|(running, _)| *running != candidate);
        let ended = match tried {
            Err(failed) if !running.is_empty() => {
                next_is_due = match &failed.by {
                    LostBy::Failed(failed) => treatment(&failed.failure).verdict != Verdict::GiveUp,
                    LostBy::Full | LostBy::LeftAlone { .. } => true,
                    LostBy::Late => false,
                };
                lost.push(failed);
                continue;
            }
            ended => ended,
        };
        for (loser, began) in &began {
            cancelled(trial, *loser, began.elapsed());
        }
        if is_race {
            let winner = match &ended {
                Ok(_) if candidate == first => "first",
                Ok(_) => "second",
                Err(_) => "none",
            };
            let channel = &trial.server(first).channel.settings.name;
            trial.gate.metrics.hedged(channel, winner);
        }
        return ended;
    }
}

/// Begins to try the next channel of the round that has a place; `None` where that may not be. Those without one are
/// put to `lost`.
fn begin_next<'a>(
    trial: &'a Trial<'_>,
    tries: &mut Tries<'_>,
    lost: &mut Vec<Lost>,
) -> Option<((usize, Instant), Running<'a>)> {
    let (next, place) = loop {
        if !next_may_be_beside(trial, tries) {
            return None;
        }
        let next = tries.beside(&trial.gate.retries)?;
        match trial.place(next) {
            Ok(place) => break (next, place),
            Err(why) => lost.push(trial.has_no_place(next, why)),
        }
    };
    let others_remain = tries.others_remain();
    let running = Box::pin(async move {
        let mut unused = Media::default();
        (
            next,
            trial.with_place(next, place, others_remain, &mut unused).await,
        )
    });
    Some(((next, Instant::now()), running))
}

/// Writes down whom a race was lost by. What its provider bills until then is the operator's cost.
fn cancelled(trial: &Trial<'_>, loser: usize, ran: Duration) {
    let server = trial.server(loser);
    // Were it left out, only the quick answers would be known, and ever more requests hedged.
    server.health.history(trial.request.stream).observe(ran);
    server.channel.health.took_at_least(&server.health, ran);
    info!(
        request_id = trial.asked.story.id.as_str(),
        channel = %server.channel.settings.name,
        model = %trial.request.model.id,
        outcome = "hedge_lost",
        ran_ms = ran.as_millis() as u64,
        estimated_prompt_tokens = trial.request.estimated_prompt_tokens(),
        "attempt cancelled"
    );
}
