//! What comes back for a prompt, piece by piece.

use std::task::{Context, Poll};

use tokio::sync::mpsc;

use crate::conversation::PromptError;
use crate::form::FormError;
use crate::load::LoadError;
use crate::logprobs::TokenLogprob;
use crate::sample::NotNumbers;

/// The next thing that happened to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The prompt was taken; always the first step.
    Started {
        prompt_tokens: u32,
        /// The prompt was longer than the window and lost its middle.
        truncated: bool,
    },
    /// Text of the answer; where probabilities were asked for, with those of the tokens that begin in it.
    /// Only the last one may have no text: its tokens came to no whole letter.
    Text {
        text: String,
        logprobs: Vec<TokenLogprob>,
    },
    /// Always the last step.
    Done(Finished),
}

/// How an answer ended, and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    pub reason: FinishReason,
    /// The stop text of the request that ended the answer, if one did.
    pub matched_stop: Option<String>,
    /// Tokens that the model read, those of its chat template included.
    pub prompt_tokens: u32,
    /// Those of them that were remembered from an earlier prompt.
    pub cached_tokens: u32,
    /// Tokens that the model wrote, without the one that only says that the answer is over.
    pub completion_tokens: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// The model was done, or a stop text came.
    Stop,
    /// The token limit or the window is reached, or the form cannot be followed any further.
    Length,
}

/// Why an answer broke off, or never began.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Prompt(#[from] PromptError),
    #[error(transparent)]
    Scores(#[from] NotNumbers),
    /// A form cannot be made.
    #[error(transparent)]
    Form(#[from] FormError),
    /// A bug in the engine. It stays usable for other requests.
    #[error("the engine failed while it answered")]
    Panicked,
    #[error("the engine was stopped")]
    Stopped,
}

/// An answer on its way. Dropping it cancels the request before the model's next step.
#[derive(Debug)]
pub struct Generation {
    steps: mpsc::UnboundedReceiver<Result<Step, Fault>>,
    ended: bool,
}

impl Generation {
    pub(crate) fn new(steps: mpsc::UnboundedReceiver<Result<Step, Fault>>) -> Self {
        Self { steps, ended: false }
    }

    /// The next step; `None` after [`Step::Done`] or a fault.
    ///
    /// Cancel safety: nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Result<Step, Fault>> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// As [`Generation::next`], for callers that poll.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Step, Fault>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.steps.poll_recv(context).map(|step| {
            // An engine that went away without a word must not look like a finished answer.
            let step = step.unwrap_or(Err(Fault::Stopped));
            self.ended = matches!(step, Ok(Step::Done(_)) | Err(_));
            Some(step)
        })
    }
}
