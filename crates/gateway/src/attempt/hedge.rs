//! A second channel beside the first, where that keeps the client waiting for longer than it mostly does.
//!
//! How long that is comes from the first channel's own history, so about as many requests are hedged as the
//! percentile leaves; each takes a retry out of the gate's budget all the same, and a place on its channel. Who has the
//! first output, or the whole answer, wins; the other is cancelled, and counts neither for nor against its channel.

use std::{pin::pin, time::Duration};

use futures_util::future::{Either, select};
use tokio::time::{Instant, timeout};
use tracing::info;

use super::{
    Attempted,
    fetch::{self, Media},
    trial::{Lost, Trial},
    tries::Tries,
};

/// How long to wait before another channel is tried beside this one; `None`: none is.
pub fn after(trial: &Trial<'_>, first: usize, tries: &Tries) -> Option<Duration> {
    let percent = trial.gate.settings.routing.hedge?;
    let second = trial.server(tries.waiting()?).for_request(trial.request);
    // What has to be fetched is fetched once for all channels, one after the other.
    if fetch::may_need(
        trial.gate,
        trial.request,
        second.dialect(),
        &second.serving.quirks,
    ) {
        return None;
    }
    let history = trial.server(first).health.history(trial.request.stream);
    history.percentile(percent.get())
}

/// Tries the channel at `first`, and the next one of the round beside it where it takes longer than `after`. A
/// try that fails while the other goes on is put to `lost`.
///
/// Cancel safety: dropping it ends both.
pub async fn race(
    trial: &Trial<'_>,
    first: usize,
    after: Duration,
    media: &mut Media,
    tries: &mut Tries,
    lost: &mut Vec<Lost>,
) -> Result<Attempted, Lost> {
    let began = Instant::now();
    let mut one = pin!(trial.on(first, media));
    if let Ok(done) = timeout(after, &mut one).await {
        return done;
    }
    let Some(second) = tries.beside(&trial.gate.retries) else {
        return one.await;
    };
    let began_second = Instant::now();
    let mut unused = Media::default();
    let other = pin!(trial.on(second, &mut unused));
    let raced = match select(one, other).await {
        Either::Left((Ok(attempted), _)) => Ok((attempted, true)),
        Either::Right((Ok(attempted), _)) => Ok((attempted, false)),
        Either::Left((Err(failed), other)) => {
            lost.push(failed);
            Err(other.await.map(|attempted| (attempted, false)))
        }
        Either::Right((Err(failed), one)) => {
            lost.push(failed);
            Err(one.await.map(|attempted| (attempted, true)))
        }
    };
    let (ended, loser) = match raced {
        Ok((attempted, true)) => (Ok((attempted, true)), Some((second, began_second))),
        Ok((attempted, false)) => (Ok((attempted, false)), Some((first, began))),
        Err(ended) => (ended, None),
    };
    if let Some((loser, began)) = loser {
        cancelled(trial, loser, began.elapsed());
    }
    let winner = match &ended {
        Ok((_, true)) => "first",
        Ok((_, false)) => "second",
        Err(_) => "none",
    };
    let channel = &trial.server(first).channel.settings.name;
    trial.gate.metrics.hedged(channel, winner);
    ended.map(|(attempted, _)| attempted)
}

/// Writes down whom a race was lost by. What its provider bills until then is the operator's cost.
fn cancelled(trial: &Trial<'_>, loser: usize, ran: Duration) {
    let server = trial.server(loser);
    // Were it left out, only the quick answers would be known, and ever more requests hedged.
    server.health.history(trial.request.stream).observe(ran);
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
