//! Answers whose client has gone, read on for their final usage.
//!
//! Some providers stop billing when a call is cancelled (`abort_stops_billing`); theirs are cancelled as soon as
//! the client goes. The others bill what they would have said, so their calls are read to the end, and the request is
//! settled with what they counted. The client, its place and its connection are let go at once all the same: what is
//! left of the calls goes on in a task of its own, bounded in time, size and number.
//!
//! How it comes about: when a client goes, hyper drops the answer. The first thing that falls is [`Leaving`], which
//! says so; then the calls, which leave themselves behind in the [`Departure`] instead of ending; at last the
//! settlement, which finds them there. A call that is dropped for another reason leaves nothing.
//!
//! A request that may come again goes on as a whole for a while without its client, with a place among these answers
//! ([`Departure::goes_on`]); what is left of it then is not read on once more.

mod departure;
mod reading;

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

pub use self::{
    departure::{Departure, Leaving, Parting},
    reading::{Abandonable, Deadline, How, Read, Rest},
};
use crate::gate::Gate;

/// How far answers are read whose client has gone, resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbandonedSettings {
    /// How long one is read on.
    pub time: Duration,
    /// How many bytes of it.
    pub bytes: usize,
    /// How many at once; beyond it calls are cancelled.
    pub most: usize,
}

/// All answers that are read on.
pub struct Abandoned {
    places: Arc<Semaphore>,
    most: u32,
    closing: watch::Sender<bool>,
}

impl Abandoned {
    pub fn new(settings: &AbandonedSettings) -> Self {
        let most = u32::try_from(settings.most.min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        Self {
            places: Arc::new(Semaphore::new(most as usize)),
            most,
            closing: watch::Sender::new(false),
        }
    }

    /// Lets all of them go, those that come as well.
    pub fn let_go(&self) {
        self.closing.send_replace(true);
    }

    /// Lets all of them go, and waits until they are settled.
    pub async fn close(&self) {
        self.let_go();
        let _ = self.places.acquire_many(self.most).await;
        self.places.close();
    }

    /// Waits until all of them are let go.
    pub async fn closes(&self) {
        let _ = self.closing().wait_for(|closing| *closing).await;
    }

    /// Becomes true when all of them are let go.
    pub fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }
}

/// A place among the answers that are read on.
struct ReadingOn {
    gate: Arc<Gate>,
    is_counted: bool,
    _place: OwnedSemaphorePermit,
}

impl ReadingOn {
    /// `None`: there are as many as may be.
    fn begin(gate: &Arc<Gate>) -> Option<Self> {
        let place = Arc::clone(&gate.abandoned.places).try_acquire_owned().ok()?;
        gate.metrics.abandoned_started();
        Some(Self {
            gate: Arc::clone(gate),
            is_counted: true,
            _place: place,
        })
    }

    /// It is read no further; the place is kept until it is settled.
    fn is_read(&mut self) {
        if std::mem::take(&mut self.is_counted) {
            self.gate.metrics.abandoned_left();
        }
    }
}

impl Drop for ReadingOn {
    fn drop(&mut self) {
        self.is_read();
    }
}
