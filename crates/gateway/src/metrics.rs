//! Numbers for operators. Every label comes from a closed set, the configuration or the catalogue, and none from
//! a client: there are only so many series, whoever calls.

pub mod looked_at;
mod served;

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};

use tollgate_catalog::channel::ChannelName;

pub use served::Counts;

/// Handles to what every request counts, looked up once.
pub struct Metrics {
    in_flight: Gauge,
    abandoned_in_flight: Gauge,
    duration: Histogram,
    ok: Counter,
    client_gone: Counter,
}

impl Metrics {
    /// Names the metrics and their handles. Counts go nowhere where no recorder is installed.
    pub fn register() -> Self {
        describe_gauge!("tollgate_requests_in_flight", "Chat requests under way");
        describe_histogram!(
            "tollgate_request_duration_seconds",
            Unit::Seconds,
            "From the request's arrival to the end of its answer"
        );
        describe_counter!("tollgate_requests_total", "Chat requests that ended, by outcome");
        describe_counter!(
            "tollgate_attempts_total",
            "Attempts that ended, by channel, model and outcome"
        );
        describe_histogram!(
            "tollgate_first_output_seconds",
            Unit::Seconds,
            "From the begin of a stream's attempt to its first output"
        );
        describe_histogram!(
            "tollgate_piece_interval_seconds",
            Unit::Seconds,
            "Average time between two pieces of a stream, one observation a stream"
        );
        describe_counter!(
            "tollgate_tokens_total",
            "Tokens as the providers counted them, by class; some classes are parts of others"
        );
        describe_counter!(
            "tollgate_hedges_total",
            "Requests for which a second channel was tried beside the first, by that and who won"
        );
        describe_counter!(
            "tollgate_abandoned_answers_total",
            "Answers whose client went and whose provider bills on, by result"
        );
        describe_counter!(
            "tollgate_unbelieved_counts_total",
            "Answers whose provider's count is none that an answer can have, by channel"
        );
        describe_counter!(
            "tollgate_overruns_total",
            "Requests with a budget or credit that cost more than was held for them"
        );
        describe_gauge!(
            "tollgate_abandoned_answers_in_flight",
            "Answers that are read on without a client"
        );
        describe_counter!(
            "tollgate_media_fetches_total",
            "Fetches of media that requests name by URL, by result"
        );
        describe_histogram!(
            "tollgate_media_fetch_duration_seconds",
            Unit::Seconds,
            "From the wish for a medium to its end, good or bad"
        );
        describe_counter!(
            "tollgate_media_fetched_bytes_total",
            Unit::Bytes,
            "Bytes of the media that were fetched"
        );
        Self {
            in_flight: gauge!("tollgate_requests_in_flight"),
            abandoned_in_flight: gauge!("tollgate_abandoned_answers_in_flight"),
            duration: histogram!("tollgate_request_duration_seconds"),
            ok: counter!("tollgate_requests_total", "outcome" => "ok"),
            client_gone: counter!("tollgate_requests_total", "outcome" => "client_gone"),
        }
    }

    pub fn request_started(&self) {
        self.in_flight.increment(1);
    }

    /// Its client has the answer, or has gone.
    pub fn request_left(&self) {
        self.in_flight.decrement(1);
    }

    pub fn request_ended(&self, outcome: &'static str, seconds: f64) {
        self.duration.record(seconds);
        match outcome {
            "ok" => self.ok.increment(1),
            "client_gone" => self.client_gone.increment(1),
            error => counter!("tollgate_requests_total", "outcome" => error).increment(1),
        }
    }

    /// A request that got the answer of another of the same name: `joined` while it ran, else `replayed`.
    pub fn request_repeated(&self, outcome: &'static str) {
        counter!("tollgate_requests_total", "outcome" => outcome).increment(1);
    }

    /// A request that was refused before its settlement was armed.
    pub fn request_refused(&self, code: &'static str) {
        counter!("tollgate_requests_total", "outcome" => code).increment(1);
    }

    /// An answer is read on whose client has gone.
    pub fn abandoned_started(&self) {
        self.abandoned_in_flight.increment(1);
    }

    pub fn abandoned_left(&self) {
        self.abandoned_in_flight.decrement(1);
    }

    /// How reading on ended; `crowded`: it did not begin.
    pub fn abandoned_ended(&self, result: &'static str) {
        counter!("tollgate_abandoned_answers_total", "result" => result).increment(1);
    }

    /// A provider's count that is not believed.
    pub fn count_unbelieved(&self, channel: &str) {
        counter!("tollgate_unbelieved_counts_total", "channel" => channel.to_owned()).increment(1);
    }

    /// A request that cost more than was held for it.
    pub fn count_overrun(&self) {
        counter!("tollgate_overruns_total").increment(1);
    }

    /// A race of two channels; `winner` is `first`, `second` or `none`.
    pub fn hedged(&self, first: &ChannelName, winner: &'static str) {
        counter!("tollgate_hedges_total", "channel" => first.to_string(), "winner" => winner).increment(1);
    }

    /// A fetch of `bytes` that ended; `result` is `ok` or the problem.
    pub fn media_fetched(&self, result: &'static str, bytes: usize, seconds: f64) {
        counter!("tollgate_media_fetches_total", "result" => result).increment(1);
        counter!("tollgate_media_fetched_bytes_total").increment(bytes as u64);
        histogram!("tollgate_media_fetch_duration_seconds").record(seconds);
    }
}
