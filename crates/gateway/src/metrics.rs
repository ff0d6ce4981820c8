//! Numbers for operators. Every label comes from a closed set, or from the configuration.

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};
use tollgate_catalog::channel::ChannelName;
use tollgate_chat::usage::Usage;

use crate::{channel::Channels, health::BreakerState};

/// Handles to what every request counts, looked up once.
pub struct Metrics {
    in_flight: Gauge,
    duration: Histogram,
    ok: Counter,
    client_gone: Counter,
    prompt_tokens: Counter,
    cached_tokens: Counter,
    cache_write_tokens: Counter,
    cache_write_1h_tokens: Counter,
    completion_tokens: Counter,
    reasoning_tokens: Counter,
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
            "tollgate_attempts_failed_total",
            "Failed attempts, by channel and outcome"
        );
        describe_gauge!(
            "tollgate_channel_breaker_open",
            "1 while a channel's breaker is open or half open"
        );
        describe_gauge!("tollgate_channel_resting", "1 while a channel rests as a whole");
        describe_gauge!("tollgate_channel_in_flight", "Attempts under way, by channel");
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
            duration: histogram!("tollgate_request_duration_seconds"),
            ok: counter!("tollgate_requests_total", "outcome" => "ok"),
            client_gone: counter!("tollgate_requests_total", "outcome" => "client_gone"),
            prompt_tokens: counter!("tollgate_tokens_total", "class" => "prompt"),
            cached_tokens: counter!("tollgate_tokens_total", "class" => "cached"),
            cache_write_tokens: counter!("tollgate_tokens_total", "class" => "cache_write"),
            cache_write_1h_tokens: counter!("tollgate_tokens_total", "class" => "cache_write_1h"),
            completion_tokens: counter!("tollgate_tokens_total", "class" => "completion"),
            reasoning_tokens: counter!("tollgate_tokens_total", "class" => "reasoning"),
        }
    }

    pub fn request_started(&self) {
        self.in_flight.increment(1);
    }

    /// Its client has the answer, or has gone.
    pub fn request_left(&self) {
        self.in_flight.decrement(1);
    }

    pub fn request_ended(&self, outcome: &'static str, seconds: f64, usage: Option<&Usage>) {
        self.duration.record(seconds);
        match outcome {
            "ok" => self.ok.increment(1),
            "client_gone" => self.client_gone.increment(1),
            error => counter!("tollgate_requests_total", "outcome" => error).increment(1),
        }
        if let Some(usage) = usage {
            self.prompt_tokens.increment(usage.prompt);
            self.cached_tokens.increment(usage.cached);
            self.cache_write_tokens.increment(usage.cache_write);
            self.cache_write_1h_tokens.increment(usage.cache_write_1h);
            self.completion_tokens.increment(usage.completion);
            self.reasoning_tokens.increment(usage.reasoning);
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
        gauge!("tollgate_abandoned_answers_in_flight").increment(1);
    }

    pub fn abandoned_left(&self) {
        gauge!("tollgate_abandoned_answers_in_flight").decrement(1);
    }

    /// How reading on ended; `crowded`: it did not begin.
    pub fn abandoned_ended(&self, result: &'static str) {
        counter!("tollgate_abandoned_answers_total", "result" => result).increment(1);
    }

    /// Sets what is looked at and not counted.
    pub fn observe(&self, channels: &Channels) {
        for channel in channels.all() {
            let name = channel.settings.name.to_string();
            let health = &channel.health;
            let is_open = health.breaker() != BreakerState::Closed;
            gauge!("tollgate_channel_breaker_open", "channel" => name.clone()).set(f64::from(is_open));
            let rests = !health.rests_for().is_zero();
            gauge!("tollgate_channel_resting", "channel" => name.clone()).set(f64::from(rests));
            gauge!("tollgate_channel_in_flight", "channel" => name).set(f64::from(health.in_flight()));
        }
    }

    pub fn attempt_failed(&self, channel: &ChannelName, outcome: &'static str) {
        counter!("tollgate_attempts_failed_total", "channel" => channel.to_string(), "outcome" => outcome)
            .increment(1);
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
