//! The end of a shutdown's patience: requests that are still open end now, and are told so.

use std::{
    convert::Infallible,
    future::{pending, poll_fn},
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
};

use tokio::sync::Notify;

/// Whether the gate has waited for open requests for as long as it may.
#[derive(Debug, Default)]
pub struct CutOff {
    has_come: AtomicBool,
    wakes: Notify,
}

impl CutOff {
    pub fn comes(&self) {
        self.has_come.store(true, Ordering::Relaxed);
        self.wakes.notify_waiters();
    }

    pub fn has_come(&self) -> bool {
        self.has_come.load(Ordering::Relaxed)
    }

    /// What `waited` comes to; `None`: the gate waits for nobody any more.
    ///
    /// Nothing is registered anywhere, so a request pays nothing for it: whoever runs its task wakes it at that moment, as
    /// a connection does and [`CutOff::wakes_in`], and then it is asked again for all that it waits for.
    pub async fn or<F: Future>(&self, waited: F) -> Option<F::Output> {
        let mut waited = pin!(waited);
        poll_fn(|context| match waited.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if self.has_come() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Does `work`, in a task of its own, which no connection wakes when the moment has come.
    pub async fn wakes_in<F: Future>(&self, work: F) -> F::Output {
        let mut wakes = pin!(self.wakes.notified());
        // From now on, not from when it is first asked: else the moment could pass in between.
        wakes.as_mut().enable();
        let woken = async {
            wakes.await;
            pending::<Infallible>().await
        };
        tokio::select! {
            biased;
            done = work => done,
            never = woken => match never {},
        }
    }
}
