//! Who is asked when nobody that is fit has answered: other models, and then whoever should be left alone.

use std::time::Duration;

use tokio::time::Instant;
use tollgate_catalog::contract::ValidRequest;
use tollgate_dialects::Note;

use super::{
    Attempted, Attempts, Behind, Ended,
    tries::{FreeTries, Tries},
};
use crate::{
    channel::Server,
    health::Fitness,
    route::{self, Candidate},
    story::Why,
};

/// A channel that was fit when the route was made, and was to be left alone when its turn came.
pub(super) struct LeftAlone {
    server: Server,
    /// Whether the request had been there before.
    was_tried: bool,
}

impl Attempts<'_> {
    /// Notes that the channel is left alone, and why. Those of another model are not asked once more.
    pub(super) fn leaves_alone(
        &mut self,
        request: &ValidRequest,
        server: &Server,
        why: Why,
        was_tried: bool,
    ) {
        self.asked.story.passes_over(&server.served, why);
        if request.model.id == self.asked.request.model.id {
            self.has_more_behind = true;
            self.left_alone.push(LeftAlone {
                server: server.clone(),
                was_tried,
            });
        }
    }

    /// Tries the models to fall back on, and then the channels that should be left alone.
    pub(super) async fn beyond(
        &mut self,
        request: &ValidRequest,
        behind: Behind<'_>,
        free: &mut FreeTries,
    ) -> Result<Attempted, Ended> {
        if behind.falls_back
            && let Some(attempted) = self.other_models(request, &behind, free).await
        {
            return Ok(attempted);
        }
        if Instant::now() >= self.deadline {
            return Err(match self.failures.is_empty() {
                true => Ended::Deadline,
                false => Ended::Exhausted,
            });
        }
        self.has_more_behind = false;
        self.last_resort(request, behind, free).await
    }

    async fn other_models(
        &mut self,
        request: &ValidRequest,
        behind: &Behind<'_>,
        free: &mut FreeTries,
    ) -> Option<Attempted> {
        let asked = self.asked;
        let has_last_resort = !behind.resting.is_empty() || !self.left_alone.is_empty();
        // What other models fail with is not about what the client asked for.
        let failures = std::mem::take(&mut self.failures);
        let models = route::fallbacks(
            self.gate,
            request,
            &asked.caller,
            &asked.pin,
            &asked.story,
            asked.let_in,
        );
        let mut models = models.peekable();
        while let Some((request, candidates)) = models.next() {
            self.has_more_behind = models.peek().is_some() || has_last_resort;
            let mut tries = Tries::new(candidates.len(), 0, free);
            match self.through(&request, &candidates, &mut tries).await {
                Ok(mut attempted) => {
                    attempted.notes.push(Note::Moved("model".to_owned()));
                    attempted.model = Some(request.model.clone());
                    return Some(attempted);
                }
                Err(_) if Instant::now() >= self.deadline => break,
                Err(_) => {}
            }
        }
        self.failures = failures;
        None
    }

    /// Tries whoever should be left alone, those first that the request has not been to. The gate never refuses by
    /// itself what a provider might have answered.
    async fn last_resort(
        &mut self,
        request: &ValidRequest,
        behind: Behind<'_>,
        free: &mut FreeTries,
    ) -> Result<Attempted, Ended> {
        let left_alone = std::mem::take(&mut self.left_alone);
        let retries = match left_alone.is_empty() {
            true => behind.retries,
            false => behind.retries_left,
        };
        let (tried, new): (Vec<_>, Vec<_>) = left_alone.into_iter().partition(|left| left.was_tried);
        let forced = |LeftAlone { server, .. }| Candidate { server, forced: true };
        let mut candidates = behind.resting.to_vec();
        candidates.extend(new.into_iter().map(forced));
        // A rest may end meanwhile, and an order has to know one answer of each.
        candidates.sort_by_cached_key(|candidate| match candidate.server.fitness() {
            Fitness::Fit => Duration::ZERO,
            Fitness::Resting { left, .. } => left,
        });
        let new = candidates.len();
        candidates.extend(tried.into_iter().map(forced));
        for candidate in &candidates {
            self.asked.story.tries_all_the_same(&candidate.server.served);
        }
        let mut tries = Tries::resumed(new, candidates.len() - new, retries, free);
        self.through(request, &candidates, &mut tries).await
    }
}
