//! Counting tokens where a provider has not: of servers that count nothing, and of answers that ended before their
//! counts came.
//!
//! Everything is counted with tiktoken's `o200k_base`; what a model's own tokenizer makes of it is that times the factor
//! of the model's owner ([`tollgate_catalog::model::Model::token_factor`]). Threads that carry requests never count. How
//! many count at once, how long one waits for that, and how much text is kept for it all have bounds, and beyond them
//! four bytes are a token.
//! Not here: which count a request is settled with ([`tally`]).

pub mod belief;
pub mod heard;
pub mod limit;
pub mod tally;
mod text;
mod tokenizer;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::timeout,
};

use crate::buffered::{Buffered, Held};
pub use text::{Texts, said_bytes};

/// Most counts at the same moment. Each has a thread of its own.
const AT_ONCE: usize = 2;
/// Most requests that are over and wait for their count.
const WAITING: u32 = 2_048;
/// How long one waits for its turn. The first one of a process waits for the tokenizer too.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of all texts that are kept in case they have to be counted.
const KEPT: usize = 16 << 20;

/// Tokens of each part, as tiktoken counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// `None`: the prompt was not there to be counted.
    pub prompt: Option<u64>,
    pub reasoning: u64,
    /// Text, refusals and calls.
    pub said: u64,
}

/// All that is counted, or kept in case it has to be.
pub struct Counting {
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    kept: Buffered,
}

impl Counting {
    pub fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(Semaphore::new(WAITING as usize)),
            kept: Buffered::new(KEPT),
        }
    }

    /// A share of what may be kept, of no bytes yet.
    pub fn hold(&self) -> Held {
        self.kept.hold()
    }

    /// A place among the requests that are settled after their count. `None`: there are too many.
    pub fn wait(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.waiting).try_acquire_owned().ok()
    }

    /// Counts these texts. `None`: it is not to be had in time.
    ///
    /// Cancel safety: a count that nobody waits for goes on, and keeps its place until it is done.
    pub async fn count(&self, texts: Texts) -> Option<Counted> {
        let place = timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await;
        let place = place.ok()?.ok()?;
        let counting = spawn_blocking(move || {
            let _place = place;
            texts.count(tokenizer::tokens)
        });
        // A text that the tokenizer cannot do with has no count.
        timeout(PATIENCE, counting).await.ok()?.ok()
    }

    /// Waits until all are settled that wait for their count. None may come any more.
    pub async fn close(&self) {
        let _ = self.waiting.acquire_many(WAITING).await;
    }
}
