//! What is counted of one model on one channel.

use std::{sync::OnceLock, time::Duration};

use metrics::{Counter, Histogram, counter, histogram};
use tollgate_chat::usage::Usage;

use crate::channel::Served;

/// Handles to what every answer counts, looked up once. They are made when something is to be counted: a
/// configuration may name hundreds of models that nobody asks for.
#[derive(Default)]
pub struct Counts(OnceLock<Handles>);

struct Handles {
    ok: Counter,
    first_output: Histogram,
    piece_interval: Histogram,
    prompt: Counter,
    cached: Counter,
    cache_write: Counter,
    cache_write_1h: Counter,
    completion: Counter,
    reasoning: Counter,
}

impl std::fmt::Debug for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counts")
    }
}

impl Served {
    /// An attempt ended with an answer.
    pub fn count_ok(&self) {
        self.handles().ok.increment(1);
    }

    /// An attempt ended otherwise; `outcome` is from the closed set of the failures' labels.
    pub fn count_outcome(&self, outcome: &'static str) {
        let (channel, model) = (self.channel.to_string(), self.model.to_string());
        counter!("tollgate_attempts_total", "channel" => channel, "model" => model, "outcome" => outcome)
            .increment(1);
    }

    /// Tokens of an answer.
    pub fn count_tokens(&self, usage: &Usage) {
        let handles = self.handles();
        for (class, tokens) in [
            (&handles.prompt, usage.prompt),
            (&handles.cached, usage.cached),
            (&handles.cache_write, usage.cache_write),
            (&handles.cache_write_1h, usage.cache_write_1h),
            (&handles.completion, usage.completion),
            (&handles.reasoning, usage.reasoning),
        ] {
            if tokens > 0 {
                class.increment(tokens);
            }
        }
    }

    /// From the begin of a stream's attempt to its first output.
    pub fn observe_first_output(&self, time: Duration) {
        self.handles().first_output.record(time.as_secs_f64());
    }

    /// Between two pieces of a stream, on average.
    pub fn observe_piece_interval(&self, time: Duration) {
        self.handles().piece_interval.record(time.as_secs_f64());
    }

    fn handles(&self) -> &Handles {
        self.counts.0.get_or_init(|| {
            let names = || [("channel", self.channel.to_string()), ("model", self.model.to_string())];
            let tokens = |class: &'static str| {
                let [channel, model] = names();
                counter!("tollgate_tokens_total", "class" => class, channel.0 => channel.1, model.0 => model.1)
            };
            let [channel, model] = names();
            let ok = counter!("tollgate_attempts_total", "outcome" => "ok", channel.0 => channel.1, model.0 => model.1);
            Handles {
                ok,
                first_output: histogram!("tollgate_first_output_seconds", &names()),
                piece_interval: histogram!("tollgate_piece_interval_seconds", &names()),
                prompt: tokens("prompt"),
                cached: tokens("cached"),
                cache_write: tokens("cache_write"),
                cache_write_1h: tokens("cache_write_1h"),
                completion: tokens("completion"),
                reasoning: tokens("reasoning"),
            }
        })
    }
}
