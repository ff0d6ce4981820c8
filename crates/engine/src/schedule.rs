//! The engine thread: loads the model at the first request, then serves several requests in turns.
//!
//! In each round every answer gets one token, and the oldest prompt that is still being read one
//! slice, so a long prompt slows running answers down but does not stop them. A request whose
//! client has gone is dropped before its next step. A panic ends the request that it happened in.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use tracing::{error, info};

use crate::EngineSettings;
use crate::forward::{KvCache, Llama};
use crate::generation::Fault;
use crate::load::{self, Language, LoadError};
use crate::queue::{Job, Queue};
use crate::sequence::{Next, Sequence};

/// What the engine thread and its callers both see.
pub(crate) struct Shared {
    pub(crate) settings: EngineSettings,
    pub(crate) queue: Queue,
    language: OnceLock<Arc<Language>>,
    /// Held while the language is read, so that only one reads it.
    reading: Mutex<()>,
}

impl Shared {
    pub(crate) fn new(settings: EngineSettings) -> Self {
        Self {
            queue: Queue::new(settings.waiting),
            settings,
            language: OnceLock::new(),
            reading: Mutex::new(()),
        }
    }

    /// How the model reads and writes text; read from its file by whoever comes first.
    pub(crate) fn language(&self) -> Result<Arc<Language>, LoadError> {
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(language) = self.language.get() {
            return Ok(language.clone());
        }
        let read = load::language(&self.settings.model_path)?;
        Ok(self.language.get_or_init(|| Arc::new(read)).clone())
    }

    /// Whether the model was used before. Never blocks.
    pub(crate) fn is_loaded(&self) -> bool {
        self.language.get().is_some()
    }
}

/// Closes the queue however the thread ends, so that nobody waits for it in vain.
struct CloseAtEnd<'a>(&'a Queue);

impl Drop for CloseAtEnd<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Serves until the queue is closed.
pub(crate) fn run(shared: &Shared) {
    let _close = CloseAtEnd(&shared.queue);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(shared.settings.threads)
        .use_current_thread()
        .thread_name(|index| format!("engine-{index}"))
        .build();
    match pool {
        Ok(pool) => pool.install(|| Schedule::new(shared).run()),
        Err(error) => error!(%error, "the embedded model's threads could not be started"),
    }
}

struct Model {
    language: Arc<Language>,
    llama: Llama,
}

struct Schedule<'a> {
    shared: &'a Shared,
    /// `None` until the first request.
    model: Option<Model>,
    active: Vec<Sequence>,
    /// The next in line, when its cache does not fit beside the active ones.
    held: Option<Sequence>,
}

impl<'a> Schedule<'a> {
    fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            model: None,
            active: Vec::new(),
            held: None,
        }
    }

    fn run(mut self) {
        loop {
            self.admit();
            if self.shared.queue.is_closed() {
                return;
            }
            self.advance();
        }
    }

    /// Starts requests as long as there is room; waits for one where there is nothing to do.
    fn admit(&mut self) {
        while self.active.len() < self.shared.settings.active {
            if let Some(held) = self.held.take_if(|held| held.is_cancelled()) {
                drop(held);
            }
            let sequence = match self.held.take() {
                Some(held) => held,
                None => {
                    let idle = self.active.is_empty();
                    let queue = &self.shared.queue;
                    let Some(job) = (if idle { queue.wait() } else { queue.take() }) else {
                        return;
                    };
                    match self.start(job) {
                        Some(sequence) => sequence,
                        None => continue,
                    }
                }
            };
            if !self.has_room_for(&sequence) {
                self.held = Some(sequence);
                return;
            }
            self.active.push(sequence);
        }
    }

    /// One alone always has room.
    fn has_room_for(&self, sequence: &Sequence) -> bool {
        let Some(model) = &self.model else {
            return true;
        };
        let bytes = |sequence: &Sequence| KvCache::bytes_for(&model.llama.sizes, sequence.tokens_at_most());
        let taken: usize = self.active.iter().map(bytes).sum();
        self.active.is_empty() || taken + bytes(sequence) <= self.shared.settings.cache_bytes
    }

    fn start(&mut self, job: Job) -> Option<Sequence> {
        let steps = job.steps.clone();
        let started = guarded(|| {
            let model = match &mut self.model {
                Some(model) => model,
                empty => empty.insert(load_model(self.shared)?),
            };
            Sequence::start(job, &model.language, &model.llama)
        });
        match started {
            Ok(sequence) => Some(sequence),
            Err(fault) => {
                log(&fault);
                let _ = steps.send(Err(fault));
                None
            }
        }
    }

    /// One round: a token for every answer, a slice for the oldest prompt.
    fn advance(&mut self) {
        let Some(model) = &self.model else {
            return;
        };
        let mut slice_read = false;
        for mut sequence in std::mem::take(&mut self.active) {
            if sequence.is_cancelled() {
                continue;
            }
            if sequence.is_reading() && std::mem::replace(&mut slice_read, true) {
                self.active.push(sequence);
                continue;
            }
            match guarded(|| sequence.step(&model.language, &model.llama)) {
                Ok(Next::Again) => self.active.push(sequence),
                Ok(Next::Ended) => {}
                Err(fault) => {
                    log(&fault);
                    sequence.fail(fault);
                }
            }
        }
    }
}

fn load_model(shared: &Shared) -> Result<Model, LoadError> {
    let began = Instant::now();
    let llama = load::llama(&shared.settings.model_path)?;
    let model = Model {
        llama,
        language: shared.language()?,
    };
    info!(elapsed_ms = began.elapsed().as_millis(), "embedded model loaded");
    Ok(model)
}

/// Runs a piece of work for one request; a panic becomes that request's fault.
///
/// Weights never change, and what belongs to the request is dropped with it, so nothing that a
/// panic left half done is used again.
fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Fault::Panicked))
}

fn log(fault: &Fault) {
    error!(error = %fault, "the embedded model could not answer");
}

#[cfg(test)]
mod tests;
