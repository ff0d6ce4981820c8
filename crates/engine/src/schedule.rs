//! The engine thread: loads the model at the first request, then serves several requests at once.
//!
//! In each step one pass over the weights gives answers their next token and reads a slice of the
//! prompts that wait, so a long prompt slows running answers down but does not stop them. A request
//! whose client has gone is dropped before the next step. A panic ends the requests that it happened in.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use rayon::prelude::*;
use tracing::{error, info};

use crate::EngineSettings;
use crate::form::{Form, FormError, FormMaker, Grammar};
use crate::forward::{KvCache, Llama, PAGE, Slice};
use crate::generation::Fault;
use crate::load::{self, Language, LoadError};
use crate::model_file::{self, FileStamp, Presence};
use crate::prefixes::Prefixes;
use crate::queue::{Job, Queue};
use crate::sequence::{Next, Sequence};

pub(crate) mod priority;
pub(crate) mod shares;

/// What the engine thread and its callers both see.
pub(crate) struct Shared {
    pub(crate) settings: EngineSettings,
    pub(crate) queue: Queue,
    language: OnceLock<Arc<Language>>,
    /// Held while the language is read, so that only one reads it.
    reading: Mutex<()>,
    forms: OnceLock<Result<FormMaker, FormError>>,
    /// What was wrong with the file's content when it was read last, and which file that was.
    damage: Mutex<Option<(FileStamp, String)>>,
}

impl Shared {
    pub(crate) fn new(settings: EngineSettings) -> Self {
        Self {
            queue: Queue::new(settings.waiting),
            settings,
            language: OnceLock::new(),
            reading: Mutex::new(()),
            forms: OnceLock::new(),
            damage: Mutex::new(None),
        }
    }

    /// As [`model_file::presence`], and remembers a file whose content was found wrong.
    pub(crate) fn presence(&self) -> io::Result<Presence> {
        let path = &self.settings.model_path;
        let found = model_file::presence(path)?;
        let damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match (&found, &*damage) {
            (Presence::Present { path, .. }, Some((stamp, reason))) if FileStamp::of(path)? == *stamp => {
                Presence::Damaged {
                    path: path.clone(),
                    reason: reason.clone(),
                }
            }
            _ => found,
        })
    }

    /// Passes on what reading the file led to, and takes note of damage.
    fn noted<T>(&self, read: Result<T, LoadError>) -> Result<T, LoadError> {
        if let Err(LoadError::Damaged { path, reason }) = &read
            && let Ok(stamp) = FileStamp::of(path)
        {
            let mut damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
            *damage = Some((stamp, reason.clone()));
        }
        read
    }

    /// How the model reads and writes text; read from its file by whoever comes first.
    pub(crate) fn language(&self) -> Result<Arc<Language>, LoadError> {
        let _reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(language) = self.language.get() {
            return Ok(language.clone());
        }
        let read = self.noted(load::language(&self.settings.model_path))?;
        Ok(self.language.get_or_init(|| Arc::new(read)).clone())
    }

    /// Makes a form of a grammar. The first one takes some tenths of a second longer.
    pub(crate) fn form(&self, grammar: &Grammar) -> Result<Form, Fault> {
        let language = self.language()?;
        let forms = self.forms.get_or_init(|| FormMaker::new(language));
        Ok(forms.as_ref().map_err(Clone::clone)?.form(grammar)?)
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

/// Requests that wait because their caches do not fit, while smaller ones overtake them.
const HELD: usize = 4;

/// How often one of them may be overtaken.
const OVERTAKEN: u32 = 16;

/// Serves until the queue is closed.
pub(crate) fn run(shared: &Shared) {
    let _close = CloseAtEnd(&shared.queue);
    priority::lower();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(shared.settings.threads)
        .use_current_thread()
        .thread_name(|index| format!("engine-{index}"))
        .start_handler(|_| priority::lower())
        .build();
    match pool {
        Ok(pool) => pool.install(|| Schedule::new(shared).run()),
        Err(error) => error!(%error, "the embedded model's threads could not be started"),
    }
}

struct Model {
    language: Arc<Language>,
    llama: Llama,
    prefixes: Prefixes,
}

struct Schedule<'a> {
    shared: &'a Shared,
    /// `None` until the first request.
    model: Option<Model>,
    active: Vec<Sequence>,
    /// The next in line, whose caches do not fit beside the active ones; the oldest first.
    held: VecDeque<Sequence>,
    /// How often the oldest of them was overtaken.
    overtaken: u32,
}

impl<'a> Schedule<'a> {
    fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            model: None,
            active: Vec::new(),
            held: VecDeque::new(),
            overtaken: 0,
        }
    }

    fn run(mut self) {
        loop {
            self.admit();
            if self.shared.queue.is_closed() {
                return;
            }
            self.step();
        }
    }

    /// Starts requests as long as there is room; waits for one where there is nothing to do.
    fn admit(&mut self) {
        self.active.retain(|sequence| !sequence.is_cancelled());
        self.held.retain(|sequence| !sequence.is_cancelled());
        while self.active.len() < self.shared.settings.active {
            if let Some(held) = self
                .held
                .pop_front_if(|held| has_room(self.shared, &self.model, &self.active, held))
            {
                self.overtaken = 0;
                self.active.push(held);
                continue;
            }
            if self.held.len() >= HELD || self.overtaken >= OVERTAKEN {
                return;
            }
            let idle = self.active.is_empty();
            let queue = &self.shared.queue;
            let Some(job) = (if idle { queue.wait() } else { queue.take() }) else {
                return;
            };
            let Some(sequence) = self.start(job) else {
                continue;
            };
            if has_room(self.shared, &self.model, &self.active, &sequence) {
                self.overtaken += u32::from(!self.held.is_empty());
                self.active.push(sequence);
            } else {
                self.held.push_back(sequence);
            }
        }
    }

    fn start(&mut self, job: Job) -> Option<Sequence> {
        let steps = job.steps.clone();
        let started = guarded(|| {
            let model = match &mut self.model {
                Some(model) => model,
                empty => empty.insert(Model::load(self.shared)?),
            };
            Sequence::start(job, &model.language, &model.llama.sizes)
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

    /// One pass of the model: the next token of answers, and a slice of the prompts.
    fn step(&mut self) {
        let Some(model) = &mut self.model else {
            return;
        };
        for sequence in &mut self.active {
            sequence.recall(&mut model.prefixes);
        }
        let wants: Vec<_> = self.active.iter().map(Sequence::wants).collect();
        let counts = shares::counts(&wants);
        for (sequence, count) in self.active.iter_mut().zip(&counts) {
            sequence.served(*count);
        }
        let llama = &model.llama;
        let active = &mut self.active;
        let passed = guarded(|| Ok(pass(llama, active, &counts)));
        let scores = match passed {
            Ok(scores) => scores,
            Err(fault) => {
                log(&fault);
                let taken_part = std::mem::take(&mut self.active).into_iter().zip(counts);
                for (sequence, count) in taken_part {
                    match count {
                        0 => self.active.push(sequence),
                        _ => sequence.fail(Fault::Panicked),
                    }
                }
                return;
            }
        };
        for (sequence, scores) in self.active.iter().zip(&scores) {
            if scores.is_some() {
                sequence.remember(&mut model.prefixes);
            }
        }
        let language = &model.language;
        let choices = self.active.par_iter_mut().zip(scores);
        let nexts: Vec<_> = choices
            .map(|(sequence, scores)| match scores {
                None => Ok(Next::Again),
                Some(scores) => guarded(|| sequence.choose(language, scores)),
            })
            .collect();
        for (sequence, next) in std::mem::take(&mut self.active).into_iter().zip(nexts) {
            match next {
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

/// Whether a cache fits beside the active ones. One alone always does.
fn has_room(shared: &Shared, model: &Option<Model>, active: &[Sequence], sequence: &Sequence) -> bool {
    let Some(model) = model else {
        return true;
    };
    let bytes = |sequence: &Sequence| KvCache::bytes_for(&model.llama.sizes, sequence.tokens_at_most());
    let taken: usize = active.iter().map(bytes).sum();
    active.is_empty() || taken + bytes(sequence) <= shared.settings.cache_bytes
}

/// Reads so many tokens of each sequence; gives the scores of those that may choose their next one.
fn pass(llama: &Llama, active: &mut [Sequence], counts: &[usize]) -> Vec<Option<Vec<f32>>> {
    let taking_part = active.iter_mut().zip(counts).filter(|(_, count)| **count > 0);
    let mut slices: Vec<Slice<'_>> = taking_part
        .map(|(sequence, count)| sequence.slice(*count))
        .collect();
    let state = llama.read(&mut slices);
    drop(slices);

    let width = llama.sizes.width;
    let mut last_rows = Vec::new();
    let mut end = 0;
    for (sequence, count) in active.iter().zip(counts) {
        end += count * width;
        if *count > 0 && sequence.may_choose() {
            last_rows.extend_from_slice(&state[end - width..end]);
        }
    }
    let scores = match last_rows.is_empty() {
        true => Vec::new(),
        false => llama.scores(&last_rows),
    };
    let mut scores = scores.chunks_exact(llama.sizes.vocabulary);
    active
        .iter()
        .zip(counts)
        .map(|(sequence, count)| match *count > 0 && sequence.may_choose() {
            true => scores.next().map(<[f32]>::to_vec),
            false => None,
        })
        .collect()
}

impl Model {
    fn load(shared: &Shared) -> Result<Self, LoadError> {
        let began = Instant::now();
        let llama = shared.noted(load::llama(&shared.settings.model_path))?;
        let token = KvCache::bytes_for(&llama.sizes, PAGE) / PAGE;
        let model = Self {
            prefixes: Prefixes::new(shared.settings.prefix_bytes / token),
            llama,
            language: shared.language()?,
        };
        info!(elapsed_ms = began.elapsed().as_millis(), "embedded model loaded");
        Ok(model)
    }
}

/// Runs a piece of work; a panic becomes a fault of the requests that it was for.
///
/// Weights never change, and what belongs to a request is dropped with it, so nothing that a panic
/// left half done is used again.
fn guarded<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Fault::Panicked))
}

fn log(fault: &Fault) {
    error!(error = %fault, "the embedded model could not answer");
}

#[cfg(test)]
mod tests;
