//! A story as it is told: what `GET /admin/v1/requests/{id}` answers and `tollgate explain --json` prints.
//!
//! Moments are milliseconds since the request's arrival.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use tollgate_catalog::money::Money;
use tollgate_chat::usage::Usage;

use super::{
    End, Pages, Story,
    attempt::Attempt,
    route::{Considered, Whom},
};
use crate::{books::Bill, channel::Served, sandbox::SANDBOX};

/// All that is known of one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToldStory {
    pub request_id: String,
    /// The client's own `x-request-id`, where it sent one.
    pub client_request_id: Option<String>,
    /// RFC 3339, in UTC.
    pub arrived: String,
    /// The client's address.
    pub client: String,
    pub key: Option<ToldKey>,
    /// The model that was asked for; null where the request was refused before that was known.
    pub model: Option<String>,
    pub stream: bool,
    /// `ok`, `client_gone`, or the error's code.
    pub outcome: String,
    pub answer: ToldAnswer,
    /// Null where nothing was held for it and nothing charged.
    pub bill: Option<ToldBill>,
    /// The ID of the request whose answer this one got, by its `Idempotency-Key`.
    pub repeats: Option<String>,
    /// What was done in another way than asked, as in `x-tollgate-notes`.
    pub notes: Vec<String>,
    /// The channels, and models to fall back on, that were thought of.
    pub route: Vec<ToldChannel>,
    pub attempts: Vec<ToldAttempt>,
    /// Channels and attempts beyond what a story has place for.
    pub left_out: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToldKey {
    pub name: String,
    pub prefix: String,
}

/// What reached the client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToldAnswer {
    /// Null where the client went before anything was said.
    pub status: Option<u16>,
    /// Null where none answered.
    pub channel: Option<String>,
    /// Where it is another than the one that was asked for.
    pub model: Option<String>,
    /// How many choices ended for each reason.
    pub finish: BTreeMap<String, u32>,
    pub error: Option<ToldError>,
    pub bytes: u64,
    /// Pieces of a stream that went out; a whole answer is one.
    pub pieces: u64,
    pub usage: Option<ToldUsage>,
    pub first_output_ms: Option<u64>,
    pub duration_ms: u64,
}

/// The client's error. Its message is not kept: it may repeat what the client wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToldError {
    pub code: String,
    pub param: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToldUsage {
    pub prompt_tokens: u64,
    pub cached_tokens: u64,
    pub cache_write_tokens: u64,
    pub cache_write_1h_tokens: u64,
    #[serde(default)]
    pub prompt_audio_tokens: u64,
    /// Those of them that are among the cached ones.
    #[serde(default)]
    pub cached_audio_tokens: u64,
    pub completion_tokens: u64,
    pub reasoning_tokens: u64,
    #[serde(default)]
    pub completion_image_tokens: u64,
    #[serde(default)]
    pub completion_audio_tokens: u64,
}

/// Amounts are in dollars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToldBill {
    /// Before the request was sent.
    pub held: String,
    /// What was charged beyond that.
    #[serde(default)]
    pub overrun: Option<String>,
    /// Null: the price is not known.
    pub charge: Option<String>,
    /// What the provider asks of the operator; null: the price is not known.
    pub cost: Option<String>,
    /// What attempts may cost the operator beside that, whose output nobody was given; estimated.
    #[serde(default)]
    pub lost_cost: Option<String>,
    /// In dollars per million tokens, after how many `times` that the account pays, where that is not once.
    pub rates: Option<String>,
    /// Whether the gate counted the tokens.
    pub estimated: bool,
    /// The tier of service that answered; null: the standard one.
    #[serde(default)]
    pub service_tier: Option<String>,
    /// Whether it has no price, so that the standard one was taken.
    #[serde(default)]
    pub at_standard_price: bool,
}

/// A channel, or a whole model, that was thought of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToldChannel {
    /// Null for a model to fall back on that could not be asked at all.
    pub channel: Option<String>,
    pub model: String,
    /// `tried`, `not_needed`, `not_reached` (the request ended without an answer) or `passed_over`.
    pub state: String,
    /// Why it was passed over.
    pub reason: Option<String>,
    /// For how long it was still to be left alone.
    pub left_ms: Option<u64>,
    /// It should have been left alone, and there was no other.
    pub forced: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToldAttempt {
    pub channel: String,
    pub provider: Option<String>,
    pub model: String,
    /// What the provider calls the model.
    pub provider_model: Option<String>,
    pub dialect: Option<String>,
    /// `ok`, `cancelled`, or a word for the failure, as in the metrics.
    pub outcome: String,
    pub error: Option<String>,
    /// Of the provider's answer.
    pub status: Option<u16>,
    pub began_ms: u64,
    /// When it went to the provider, where what the request names by URL had to be fetched before.
    pub sent_ms: Option<u64>,
    /// The head of the provider's answer.
    pub first_byte_ms: Option<u64>,
    /// The first output of a stream, or the whole answer.
    pub first_output_ms: Option<u64>,
    pub ended_ms: u64,
}

impl Story {
    /// All of it, as far as it has come.
    pub fn told(&self) -> ToldStory {
        let pages = self.pages();
        let end = pages.end.as_ref();
        ToldStory {
            request_id: self.id.as_str().to_owned(),
            client_request_id: self.id.of_client().map(str::to_owned),
            arrived: self.id.arrival().to_string(),
            client: self.client.to_string(),
            key: pages.key.as_ref().map(|key| ToldKey {
                name: key.key.name.clone(),
                prefix: key.key.prefix.as_str().to_owned(),
            }),
            model: pages.model.as_ref().map(|model| model.id.to_string()),
            stream: pages.stream,
            outcome: end.map_or("under_way", |end| end.outcome).to_owned(),
            answer: pages.answer(self),
            bill: end.and_then(|end| end.bill.as_ref()).map(ToldBill::of),
            repeats: end
                .and_then(|end| end.repeats.as_ref())
                .map(|id| id.as_str().to_owned()),
            notes: end.map_or_else(Vec::new, |end| {
                end.notes.iter().map(ToString::to_string).collect()
            }),
            route: pages.route(),
            attempts: pages.attempts.iter().map(ToldAttempt::of).collect(),
            left_out: pages.left_out,
        }
    }
}

impl Pages {
    fn answer(&self, story: &Story) -> ToldAnswer {
        let none = End::default();
        let end = self.end.as_ref().unwrap_or(&none);
        let first_output = end
            .first_output
            .map(|at| at.saturating_duration_since(story.arrived));
        let is_error = self.end.is_some() && !end.is_answer() && end.outcome != "client_gone";
        ToldAnswer {
            status: end.status,
            channel: end.channel.as_ref().map(ToString::to_string),
            model: end.served.as_ref().map(|model| model.id.to_string()),
            finish: end
                .finishes
                .iter()
                .map(|(reason, choices)| (reason.as_str().to_owned(), choices))
                .collect(),
            error: is_error.then(|| ToldError {
                code: end.outcome.to_owned(),
                param: end.param.clone(),
            }),
            bytes: end.sent.bytes,
            pieces: end.sent.pieces,
            usage: end.usage.map(ToldUsage::of),
            first_output_ms: first_output.map(millis),
            duration_ms: millis(self.took),
        }
    }

    /// In the order of the route, and then those that are not in it. Where there was but one channel nothing was written down before its attempt.
    fn route(&self) -> Vec<ToldChannel> {
        let mut route: Vec<ToldChannel> = Vec::new();
        let has_answer = self.end.as_ref().is_none_or(End::is_answer);
        let tried = self.attempts.iter().map(|attempt| &attempt.served);
        for served in tried.filter(|served| served.channel.as_str() != SANDBOX) {
            let known = |considered: &Considered| considered.is_of(served);
            let told = ToldChannel::tried(served);
            if !self.considered.iter().any(known) && !route.contains(&told) {
                route.push(told);
            }
        }
        route.extend(self.considered.iter().map(|considered| {
            let was_tried = self
                .attempts
                .iter()
                .any(|attempt| considered.is_of(&attempt.served));
            ToldChannel::of(considered, was_tried, has_answer)
        }));
        route.sort_by_key(|channel| channel.reason.is_some());
        route
    }
}

impl Considered {
    fn is_of(&self, served: &Served) -> bool {
        match &self.whom {
            Whom::Channel(known) => known.channel == served.channel && known.model == served.model,
            Whom::Model(_) => false,
        }
    }
}

impl ToldChannel {
    fn tried(served: &Served) -> Self {
        Self {
            channel: Some(served.channel.to_string()),
            model: served.model.to_string(),
            state: "tried".to_owned(),
            reason: None,
            left_ms: None,
            forced: false,
        }
    }

    fn of(considered: &Considered, was_tried: bool, has_answer: bool) -> Self {
        let why = considered.passed_over.filter(|_| !was_tried);
        let state = match why {
            _ if was_tried => "tried",
            Some(_) => "passed_over",
            None if has_answer => "not_needed",
            None => "not_reached",
        };
        let (channel, model) = match &considered.whom {
            Whom::Channel(served) => (Some(served.channel.to_string()), &served.model),
            Whom::Model(model) => (None, model),
        };
        Self {
            channel,
            model: model.to_string(),
            state: state.to_owned(),
            reason: why.map(|why| why.as_str().to_owned()),
            left_ms: why.and_then(|why| why.left()).map(millis),
            forced: considered.forced,
        }
    }
}

impl ToldAttempt {
    fn of(attempt: &Attempt) -> Self {
        let Attempt { served, serving, .. } = attempt;
        Self {
            channel: served.channel.to_string(),
            provider: served.provider.as_ref().map(|provider| provider.name.to_string()),
            model: served.model.to_string(),
            provider_model: serving.as_ref().map(|serving| serving.upstream_id.to_string()),
            dialect: serving
                .as_ref()
                .map(|serving| serving.dialect.as_str().to_owned()),
            outcome: attempt.outcome.unwrap_or("under_way").to_owned(),
            error: attempt.error.clone(),
            status: attempt.head.map(|head| head.status),
            began_ms: millis(attempt.began),
            sent_ms: attempt.sent.map(millis),
            first_byte_ms: attempt.head.map(|head| millis(head.at)),
            first_output_ms: attempt.output.map(millis),
            ended_ms: attempt.ended.map_or(0, millis),
        }
    }
}

impl ToldBill {
    fn of(bill: &Bill) -> Self {
        Self {
            held: bill.held.to_string(),
            overrun: Some(bill.overrun())
                .filter(|overrun| *overrun != Money::ZERO)
                .map(|overrun| overrun.to_string()),
            charge: bill.charge.map(|charge| charge.to_string()),
            cost: bill.cost.map(|cost| cost.to_string()),
            lost_cost: (bill.lost_cost != Money::ZERO).then(|| bill.lost_cost.to_string()),
            rates: bill.rates.as_deref().map(str::to_owned),
            estimated: bill.estimated,
            service_tier: bill.service_tier.as_ref().map(ToString::to_string),
            at_standard_price: bill.at_standard_price,
        }
    }
}

impl ToldUsage {
    fn of(usage: Usage) -> Self {
        Self {
            prompt_tokens: usage.prompt,
            cached_tokens: usage.cached,
            cache_write_tokens: usage.cache_write,
            cache_write_1h_tokens: usage.cache_write_1h,
            prompt_audio_tokens: usage.prompt_audio,
            cached_audio_tokens: usage.cached_audio,
            completion_tokens: usage.completion,
            reasoning_tokens: usage.reasoning,
            completion_image_tokens: usage.completion_image,
            completion_audio_tokens: usage.completion_audio,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis() as u64
}
