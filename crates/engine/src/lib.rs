//! Answer a request with a small model inside this process.
//!
//! One engine thread, one model, loaded at the first request. Prompts go in, steps come out; the
//! engine knows nothing of chat requests, contracts or HTTP. Getting the model onto the disk is
//! [`pull`]'s business.
//!
//! ```no_run
//! # async fn answer() -> Result<(), Box<dyn std::error::Error>> {
//! use tollgate_engine::{Engine, EngineSettings, Prompt, Role, Step, Turn};
//!
//! let model = tollgate_engine::path_in("data".as_ref());
//! let engine = Engine::start(EngineSettings::new(model))?;
//! let turns = vec![Turn { role: Role::User, text: "What is 2+2?".to_owned() }];
//! let mut generation = engine.generate(Prompt { turns, ..Prompt::default() })?;
//! while let Some(step) = generation.next().await {
//!     if let Step::Text { text, .. } = step? {
//!         print!("{text}");
//!     }
//! }
//! # Ok(())
//! # }
//! ```

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

pub use aside::aside;
pub use conversation::PromptError;
pub use effort::Effort;
pub use form::{Form, FormError, Grammar};
pub use generation::{Fault, FinishReason, Finished, Generation, Step};
pub use load::LoadError;
pub use logprobs::{ScoredToken, TokenLogprob};
pub use model_file::{Presence, examine, path_in, presence};
pub use prompt::{Prompt, Role, Sampling, Turn};
pub use sample::NotNumbers;
pub use schema::{JsonForm, Unfollowable};
pub use template::TemplateError;
pub use tokenizer::TokenizerError;

use queue::{Job, NotTaken};
use schedule::Shared;

pub mod pull;

mod aside;
mod conversation;
mod effort;
mod form;
mod forward;
mod generation;
mod load;
mod logprobs;
mod matrix;
mod model_file;
mod prefixes;
mod prompt;
mod queue;
mod sample;
mod schedule;
mod schema;
mod sequence;
mod stop;
mod template;
mod tokenizer;
mod window;

/// How much the engine may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSettings {
    /// Where [`pull`] put the model; see [`path_in`].
    pub model_path: PathBuf,
    /// Requests that may wait; one more is refused.
    pub waiting: usize,
    /// Requests that are answered at once.
    pub active: usize,
    /// Memory for what active requests have read. One request alone may always fill the window
    /// (189 MB for SmolLM2-135M).
    pub cache_bytes: usize,
    /// Memory for prompts that may come again.
    pub prefix_bytes: usize,
    /// Threads that calculate, at least one.
    pub threads: usize,
}

impl EngineSettings {
    /// 32 waiting, 16 active, 768 MB of cache, 64 MB of prompts, and as many threads as the process may use cores, at
    /// most four: beyond that memory is the limit.
    pub fn new(model_path: PathBuf) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            model_path,
            waiting: 32,
            active: 16,
            cache_bytes: 768 << 20,
            prefix_bytes: 64 << 20,
            threads: cores.min(4),
        }
    }
}

/// Why a prompt was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is no usable model; pulling it mends that.
    #[error(transparent)]
    Model(#[from] LoadError),
    #[error("{waiting} requests are waiting for the embedded model already")]
    Full { waiting: usize },
    #[error("the engine was stopped")]
    Stopped,
}

/// The embedded model. Dropping it ends all its answers with [`Fault::Stopped`].
pub struct Engine {
    shared: Arc<Shared>,
}

impl Engine {
    /// Starts the engine thread. The model is not touched yet.
    pub fn start(settings: EngineSettings) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(settings));
        let of_thread = shared.clone();
        thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || schedule::run(&of_thread))?;
        Ok(Self { shared })
    }

    /// Queues a prompt. Fails at once where it could not be answered anyway.
    pub fn generate(&self, prompt: Prompt) -> Result<Generation, Refused> {
        if !self.shared.is_loaded() {
            let path = &self.shared.settings.model_path;
            match self.presence().map_err(|source| LoadError::Unreadable {
                path: path.clone(),
                source,
            })? {
                Presence::Present { .. } => {}
                Presence::Missing { path } => return Err(LoadError::Missing { path }.into()),
                Presence::Damaged { path, reason } => {
                    return Err(LoadError::Damaged { path, reason }.into());
                }
            }
        }
        let (steps, receiver) = tokio::sync::mpsc::unbounded_channel();
        self.shared
            .queue
            .push(Job { prompt, steps })
            .map_err(|reason| match reason {
                NotTaken::Full => Refused::Full {
                    waiting: self.shared.settings.waiting,
                },
                NotTaken::Closed => Refused::Stopped,
            })?;
        Ok(Generation::new(receiver))
    }

    /// As [`Engine::generate`], for what goes on with an answer that was taken and has come to its end: it waits
    /// behind nobody, and is not refused where as many wait as may.
    pub fn go_on(&self, prompt: Prompt) -> Result<Generation, Refused> {
        let (steps, receiver) = tokio::sync::mpsc::unbounded_channel();
        let pushed = self.shared.queue.push_next(Job { prompt, steps });
        pushed.map_err(|_| Refused::Stopped)?;
        Ok(Generation::new(receiver))
    }

    /// How many tokens the model would read for these turns, before anything is cut; `None`: more than
    /// `most`, or `is_wanted` did not hold any more while it counted.
    ///
    /// Blocks: a quarter of a second where the model was never used, and about 0.2 ms per kilobyte
    /// of text up to the limit. Takes a few megabytes of memory, however long the text is.
    pub fn count_tokens(
        &self,
        turns: &[Turn],
        most: usize,
        is_wanted: impl Fn() -> bool,
    ) -> Result<Option<usize>, Fault> {
        let language = self.shared.language()?;
        Ok(conversation::count(&language, turns, most, is_wanted)?)
    }

    /// How many requests wait for the engine to take them up.
    pub fn waiting(&self) -> usize {
        self.shared.queue.len()
    }

    /// Makes a form of a grammar. Fails with [`Fault::Form`] where that cannot be followed.
    ///
    /// Blocks: half a second for the first one, later as long as the grammar is involved; at most some
    /// seconds.
    pub fn form(&self, grammar: &Grammar) -> Result<Form, Fault> {
        self.shared.form(grammar)
    }

    /// How many tokens the model knows: their IDs are below this. Blocks as [`Engine::count_tokens`].
    pub fn vocabulary(&self) -> Result<usize, Fault> {
        Ok(self.shared.language()?.tokenizer.len())
    }

    /// Whether the model is there, by its name and length. A file that was found damaged when it was read
    /// stays so until it changes.
    pub fn presence(&self) -> io::Result<Presence> {
        self.shared.presence()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests;
