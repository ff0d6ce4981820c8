//! Requests that wait for the engine thread: first come, first served, and not more than a limit.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::generation::{Fault, Step};
use crate::prompt::Prompt;

/// A request with the way back to who made it.
pub(crate) struct Job {
    pub(crate) prompt: Prompt,
    /// Unbounded, but an answer is not: at most one step for each token of the window, and two.
    /// So the engine never waits for a slow reader.
    pub(crate) steps: mpsc::UnboundedSender<Result<Step, Fault>>,
}

/// Why a job was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    Full,
    Closed,
}

pub(crate) struct Queue {
    limit: usize,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            waiting: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn push(&self, job: Job) -> Result<(), NotTaken> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(NotTaken::Closed);
        }
        if waiting.jobs.len() >= self.limit {
            // Those who went away need not be waited for.
            waiting.jobs.retain(|job| !job.steps.is_closed());
        }
        if waiting.jobs.len() >= self.limit {
            return Err(NotTaken::Full);
        }
        waiting.jobs.push_back(job);
        self.changed.notify_one();
        Ok(())
    }

    /// Takes what goes on with a job that was taken before: it comes next, also where as many wait as may.
    pub(crate) fn push_next(&self, job: Job) -> Result<(), NotTaken> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(NotTaken::Closed);
        }
        waiting.jobs.push_front(job);
        self.changed.notify_one();
        Ok(())
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    /// The next job that somebody still waits for; `None` if there is none now.
    pub(crate) fn take(&self) -> Option<Job> {
        take_wanted(&mut self.lock())
    }

    /// Blocks until there is a job; `None` once the queue is closed.
    pub(crate) fn wait(&self) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            if waiting.closed {
                return None;
            }
            if let Some(job) = take_wanted(&mut waiting) {
                return Some(job);
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes nothing any more and lets go of what waits.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.jobs.clear();
        self.changed.notify_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// No code runs under the lock that could leave the list half changed, so a panic elsewhere
    /// does no harm to it.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_wanted(waiting: &mut Waiting) -> Option<Job> {
    std::iter::from_fn(|| waiting.jobs.pop_front()).find(|job| !job.steps.is_closed())
}

#[cfg(test)]
mod tests;
