//! The end of a request: what is counted and written down, exactly once.
//!
//! Armed before the first attempt. An explicit end says how it went; a drop means that the client
//! went away, and is counted as such.

use std::{net::IpAddr, sync::Arc, time::Instant};

use tollgate_catalog::{contract::ValidRequest, model::Model};
use tollgate_chat::usage::Usage;
use tollgate_dialects::Note;
use tollgate_ledger::limits::HeldTokens;
use tollgate_store::WarmKey;
use tracing::{debug, info};

use crate::{
    abandoned::Departure, admit::Admission, arrival::Arrival, error::GateError, gate::Gate,
    idempotency::Fate, request_id::RequestId,
};

/// The outcome where the client did not wait for the end.
const CLIENT_GONE: &str = "client_gone";

/// A request under way. It holds the admission until it ends.
pub struct Settlement {
    gate: Arc<Gate>,
    request_id: RequestId,
    client: IpAddr,
    key: Arc<WarmKey>,
    model: Arc<Model>,
    stream: bool,
    channel: String,
    /// The model that answers, where it is another than was asked for.
    served: Option<Arc<Model>>,
    started: Instant,
    first_output: Option<Instant>,
    usage: Option<Usage>,
    /// What was done in another way than asked, in the order in which it was known.
    notes: Vec<Note>,
    settled: bool,
    /// Who wants to know whether the answer is worth keeping.
    fate: Option<Arc<Fate>>,
    /// Where its calls are left when the client goes.
    departure: Option<Arc<Departure>>,
    /// Until the client has its answer or is gone.
    admission: Option<Admission>,
    /// What its limits hold, until it is known what was used.
    tokens: HeldTokens,
    /// When the client went, where its answer is read on.
    left: Option<Instant>,
}

impl Settlement {
    pub fn arm(
        gate: &Arc<Gate>,
        key: &Arc<WarmKey>,
        request: &ValidRequest,
        arrival: &Arrival,
        mut admission: Admission,
        fate: Option<Arc<Fate>>,
    ) -> Self {
        gate.metrics.request_started();
        Self {
            gate: Arc::clone(gate),
            request_id: arrival.id.clone(),
            client: arrival.client,
            key: Arc::clone(key),
            model: Arc::clone(&request.model),
            stream: request.stream,
            channel: String::new(),
            served: None,
            started: arrival.at,
            first_output: None,
            usage: None,
            notes: Vec::new(),
            settled: false,
            fate,
            departure: (gate.channels.load().any_bills_on).then(|| Departure::new(gate.settings.abandoned)),
            tokens: admission.take_tokens(),
            admission: Some(admission),
            left: None,
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
    pub fn answered_by(&mut self, channel: &str, model: Option<&Arc<Model>>) {
        channel.clone_into(&mut self.channel);
        self.served = model.cloned();
        self.first_output = Some(Instant::now());
    }

    /// Adds to what was done in another way than asked.
    pub fn note(&mut self, notes: impl IntoIterator<Item = Note>) {
        self.notes.extend(notes);
    }

    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Notes the provider's counts; the last ones hold.
    pub fn count(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    /// The client has, or is about to have, the whole answer.
    pub fn complete(mut self) {
        if let Some(fate) = &self.fate {
            fate.answered();
        }
        self.settle("ok");
    }

    /// The request ends with an error.
    pub fn fail(mut self, error: &GateError) {
        if let Some(fate) = &self.fate {
            fate.failed(error);
        }
        self.settle(error.code());
    }

    /// The client has gone, and what it left has been read.
    pub fn left(mut self) {
        self.settle(CLIENT_GONE);
    }

    /// Gives back what the client had, and settles later. Nothing is left of this one.
    fn put_off(&mut self) -> Self {
        self.settled = true;
        self.let_go();
        Self {
            gate: Arc::clone(&self.gate),
            request_id: self.request_id.clone(),
            client: self.client,
            key: Arc::clone(&self.key),
            model: Arc::clone(&self.model),
            stream: self.stream,
            channel: std::mem::take(&mut self.channel),
            served: self.served.take(),
            started: self.started,
            first_output: self.first_output,
            usage: self.usage,
            notes: std::mem::take(&mut self.notes),
            settled: false,
            fate: self.fate.take(),
            departure: None,
            admission: None,
            tokens: std::mem::take(&mut self.tokens),
            left: Some(Instant::now()),
        }
    }

    fn let_go(&mut self) {
        if self.admission.take().is_some() {
            self.gate.metrics.request_left();
        }
    }

    fn settle(&mut self, outcome: &'static str) {
        self.settled = true;
        self.let_go();
        if let Some(departure) = self.departure.take() {
            departure.settled();
        }
        let ended = self.left.unwrap_or_else(Instant::now);
        let seconds = ended.duration_since(self.started).as_secs_f64();
        let metrics = &self.gate.metrics;
        metrics.request_ended(outcome, seconds, self.usage.as_ref());
        let usage = self.usage.unwrap_or_default();
        if !self.tokens.is_empty() {
            self.tokens.settle(usage.total(), self.gate.keys.now());
        }
        let first = self
            .first_output
            .map(|at| at.duration_since(self.started).as_millis() as u64);
        info!(
            request_id = self.request_id.as_str(),
            client = %self.client,
            key_prefix = self.key.key.prefix.as_str(),
            model = self.model.id.as_str(),
            served_model = self.served.as_ref().map(|model| model.id.as_str()),
            channel = self.channel.as_str(),
            stream = self.stream,
            outcome,
            prompt_tokens = usage.prompt,
            cached_tokens = some(usage.cached),
            cache_write_tokens = some(usage.cache_write),
            cache_write_1h_tokens = some(usage.cache_write_1h),
            completion_tokens = usage.completion,
            reasoning_tokens = some(usage.reasoning),
            first_output_ms = first,
            duration_ms = (seconds * 1_000.0) as u64,
            "request ended"
        );
        if !self.notes.is_empty() {
            let notes: Vec<String> = self.notes.iter().map(ToString::to_string).collect();
            debug!(request_id = self.request_id.as_str(), notes = %notes.join(", "), "request changed on its way");
        }
    }
}

/// A count that is shown only where there is one.
fn some(tokens: u64) -> Option<u64> {
    (tokens > 0).then_some(tokens)
}

impl Drop for Settlement {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        match self.departure.take().and_then(|departure| departure.settled()) {
            Some(calls) => calls.read_on(self.put_off()),
            None => self.settle(CLIENT_GONE),
        }
    }
}
