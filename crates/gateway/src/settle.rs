//! The end of a request: what is counted and written down, exactly once.
//!
//! Armed before the first attempt. An explicit end says how it went; a drop means that the client
//! went away, and is counted as such.

mod begun;
mod told;

use std::{
    mem::take,
    sync::Arc,
    time::{Duration, Instant},
};

use http::StatusCode;
use tokio::runtime::Handle;
use tollgate_catalog::{channel::ChannelName, contract::ValidRequest, model::Model, money::Money};
use tollgate_chat::{answer::Answer, service_tier::ServiceTier};
use tollgate_dialects::Note;
use tollgate_ledger::UsageRecord;
use tollgate_store::WarmKey;

use crate::{
    abandoned::Departure,
    admit::{Admission, HeldOfLimits, LetIn},
    books::Bill,
    count::{Texts, tally::Tally},
    error::{Failure, GateError},
    gate::Gate,
    idempotency::Fate,
    story::{End, Finishes, Pages, Sent, Story},
};

/// The outcome where the client did not wait for the end.
const CLIENT_GONE: &str = UsageRecord::CLIENT_GONE;
/// The outcome where it has the whole answer, or is about to.
const OK: &str = UsageRecord::OK;

/// A request under way. It holds the admission until it ends.
pub struct Settlement {
    gate: Arc<Gate>,
    story: Arc<Story>,
    key: Arc<WarmKey>,
    model: Arc<Model>,
    stream: bool,
    choices: u32,
    tally: Tally,
    /// What is known so far of how it ends; of the notes, in the order in which they were known.
    end: End,
    settled: bool,
    /// How it ends, where it only waits for its count. Nobody puts it off once more: a runtime that ends drops what
    /// it is given at once.
    waits_with: Option<&'static str>,
    /// Who wants to know whether the answer is worth keeping.
    fate: Option<Arc<Fate>>,
    /// Where its calls are left when the client goes.
    departure: Option<Arc<Departure>>,
    /// Until the client has its answer or is gone; where a retry of the client may come, its fate has it.
    admission: Option<Admission>,
    /// What its limits hold, until it is known what was used.
    held: HeldOfLimits,
    let_in: LetIn,
}

impl Settlement {
    pub fn arm(
        gate: &Arc<Gate>,
        key: &Arc<WarmKey>,
        request: &ValidRequest,
        story: &Arc<Story>,
        mut admission: Admission,
        fate: Option<Arc<Fate>>,
    ) -> Self {
        gate.metrics.request_started();
        let any_bills_on = gate.channels.load().any_bills_on;
        let departure = any_bills_on.then(|| Departure::new(gate));
        if let (Some(fate), Some(departure)) = (&fate, &departure) {
            fate.departs_by(departure);
        }
        let (held, let_in) = (admission.take_held(), admission.let_in);
        let admission = match &fate {
            None => Some(admission),
            // The request may go on without its client, who has the place back then.
            Some(fate) => {
                fate.admits(admission);
                None
            }
        };
        Self {
            gate: Arc::clone(gate),
            story: Arc::clone(story),
            key: Arc::clone(key),
            model: Arc::clone(&request.model),
            stream: request.stream,
            choices: request.n,
            tally: Tally::of(request, &gate.counting),
            end: End::default(),
            settled: false,
            waits_with: None,
            fate,
            departure,
            held,
            let_in,
            admission,
        }
    }

    /// Where its calls are to be left when the client goes; `None`: they are cancelled.
    pub fn departure(&self) -> Option<Arc<Departure>> {
        self.departure.clone()
    }

    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Notes which channel answers, and with which model where it is not the one that was asked for; and that
    /// its first output is there.
    pub fn answered_by(&mut self, channel: &ChannelName, model: Option<&Arc<Model>>) {
        self.end.channel = Some(channel.clone());
        self.end.served = model.cloned();
        self.end.first_output = Some(Instant::now());
        if let Some(model) = model {
            self.tally.answered_by(model);
        }
        let paid = |pages: &Pages| {
            let paid = pages.paid()?;
            let serving = paid.serving.as_ref();
            Some((
                serving.map(|serving| u64::from(serving.quirks.n_max.max(1))),
                paid.most_output,
            ))
        };
        let (at_once, most_output) = self.story.read(paid).unwrap_or((None, u64::MAX));
        let choices = u64::from(self.choices);
        self.tally.is_read(choices.div_ceil(at_once.unwrap_or(choices)));
        self.tally.has_at_most(most_output.saturating_mul(choices));
    }

    /// An answer that did not come to its end is of the calls that had begun: the others may never have gone out.
    fn is_of_calls_that_began(&mut self) {
        let paid = |pages: &Pages| pages.paid().map(|paid| (paid.told_calls(), paid.most_output));
        let Some((told, most_output)) = self.story.read(paid) else {
            return;
        };
        if told > 0 {
            self.tally.is_read(told);
        }
        self.tally
            .has_at_most(most_output.saturating_mul(u64::from(self.choices)));
    }

    /// The answer begins with this status.
    pub fn begins(&mut self, status: StatusCode) {
        self.end.status = Some(status.as_u16());
    }

    /// So many bytes go to the client.
    pub fn sends(&mut self, bytes: usize) {
        let Sent { bytes: all, pieces } = &mut self.end.sent;
        *all += bytes as u64;
        *pieces += 1;
    }

    /// Notes how the choices ended.
    pub fn finished(&mut self, finishes: Finishes) {
        self.end.finishes = finishes;
    }

    /// The attempt that had answered broke after its first output.
    pub fn broke(&self, failure: &Failure) {
        self.story.broke(failure);
    }

    /// Adds to what was done in another way than asked.
    pub fn note(&mut self, notes: impl IntoIterator<Item = Note>) {
        self.end.notes.extend(notes);
    }

    pub fn notes(&self) -> &[Note] {
        &self.end.notes
    }

    /// What is known of its tokens.
    pub fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// Counts what has been said where its provider has not.
    ///
    /// Cancel safety: a count that is dropped is made again when the request is settled.
    pub async fn count(&mut self) {
        if self.tally.lacks() {
            let texts = self.tally.texts();
            self.count_texts(texts).await;
        }
    }

    /// As [`Self::count`], of a whole answer.
    pub async fn count_answer(&mut self, answer: &Answer, request: &ValidRequest) {
        self.tally.answered(answer);
        if self.tally.lacks() {
            let texts = Texts::of_answer(request, answer);
            self.count_texts(texts).await;
        }
    }

    async fn count_texts(&mut self, texts: Texts) {
        if let Some(counted) = self.gate.counting.count(texts).await {
            self.tally.count(counted);
        }
    }

    /// Notes the tier of service that answers; the last one counts.
    pub fn served_at(&mut self, tier: ServiceTier) {
        self.end.service_tier = Some(tier).filter(|tier| !ServiceTier::is_standard(tier.as_str()));
    }

    /// The client has, or is about to have, the whole answer.
    pub fn complete(mut self) {
        if let Some(fate) = &self.fate {
            fate.answered();
        }
        self.settle(OK);
    }

    /// The request ends with an error.
    pub fn fail(mut self, error: &GateError) {
        if let Some(fate) = &self.fate {
            fate.failed(error);
        }
        self.end.status.get_or_insert(error.status().as_u16());
        self.end.param = error.body().param;
        self.settle_counted(error.code());
    }

    /// Settles when what has to be counted is, off the task of whoever waits for the answer.
    fn settle_counted(&mut self, outcome: &'static str) {
        let place = self.tally.lacks().then(|| self.gate.counting.wait()).flatten();
        let (Some(place), Ok(runtime)) = (place, Handle::try_current()) else {
            return self.settle(outcome);
        };
        if let Some(departure) = self.departure.take() {
            departure.settled();
        }
        let mut rest = self.put_off();
        rest.waits_with = Some(outcome);
        runtime.spawn(async move {
            rest.count().await;
            rest.settle(outcome);
            drop(place);
        });
    }

    /// The client has gone, and what it left has been read.
    pub fn left(mut self) {
        self.settle(CLIENT_GONE);
    }

    /// Gives back what the client had, and settles later. Nothing is left of this one.
    fn put_off(&mut self) -> Self {
        self.settled = true;
        self.let_go();
        self.end.left = Some(Instant::now());
        Self {
            gate: Arc::clone(&self.gate),
            story: Arc::clone(&self.story),
            key: Arc::clone(&self.key),
            model: Arc::clone(&self.model),
            stream: self.stream,
            choices: self.choices,
            tally: self.tally.hand_over(),
            end: take(&mut self.end),
            settled: false,
            waits_with: None,
            fate: self.fate.take(),
            departure: None,
            admission: None,
            held: take(&mut self.held),
            let_in: self.let_in,
        }
    }

    fn let_go(&mut self) {
        let kept = || self.fate.as_ref().and_then(|fate| fate.take_admission());
        if self.admission.take().or_else(kept).is_some() {
            self.gate.metrics.request_left();
        }
    }

    fn settle(&mut self, outcome: &'static str) {
        self.settled = true;
        self.let_go();
        if let Some(departure) = self.departure.take() {
            departure.settled();
        }
        self.end.outcome = outcome;
        match outcome == OK {
            true => self.tally.end(),
            false => self.is_of_calls_that_began(),
        }
        if let Some((usage, is_estimated)) = self.tally.usage() {
            self.end.usage = Some(usage);
            self.end.usage_is_estimated = is_estimated;
        }
        let now = Instant::now();
        let ended = self.end.left.unwrap_or(now);
        let took = ended.duration_since(self.story.arrived);
        let bill = self.book(took);
        self.tell(&bill, took);
        self.end.bill = Some(bill);
        self.story.ends_after(took, take(&mut self.end));
        self.gate.ended(&self.story, now);
    }
}

impl Settlement {
    /// Writes the request into the books, counts what it costs as spent, and gives back what was held for it.
    fn book(&mut self, took: Duration) -> Bill {
        let HeldOfLimits {
            mut tokens,
            money,
            room,
        } = take(&mut self.held);
        if !tokens.is_empty() {
            let used = self.end.usage.unwrap_or_default().total();
            tokens.settle(used, self.gate.keys.now());
        }
        let (story, end, key) = (&self.story, &self.end, &self.key);
        let let_in = self.let_in;
        let bill = story.read(|pages| {
            let bill = Bill::of(end, pages, key, money.amount, let_in.at, &self.tally);
            if let (Some(room), Some(record)) = (room, bill.record(story, end, pages, key, let_in, took)) {
                // Where it is kept, the spool sees to.
                room.append(&record);
            }
            bill
        });
        if bill.overrun() != Money::ZERO {
            self.gate.metrics.count_overrun();
        }
        for funds in key.funds() {
            funds.spending.spend(bill.charge.unwrap_or_default(), let_in.at);
        }
        if let Some(usage) = end.usage.filter(|_| end.outcome == OK && key.is_held_to_limits()) {
            let choices = u64::from(self.choices.max(1));
            let answered = self.end.served.as_ref().unwrap_or(&self.model);
            key.histories
                .of(&answered.id)
                .add(usage.completion.div_ceil(choices));
        }
        bill
    }
}

impl Drop for Settlement {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if let Some(outcome) = self.waits_with {
            return self.settle(outcome);
        }
        if self.gate.cut_off.has_come() {
            return self.settle(GateError::ShutDown.code());
        }
        match self.departure.take().and_then(|departure| departure.settled()) {
            Some(calls) => calls.read_on(self.put_off()),
            None => {
                self.pays_for_begun();
                self.settle_counted(CLIENT_GONE);
            }
        }
    }
}
