//! The spans of a story: one for the request as its server, and in it one for each attempt as a client.
//!
//! Names are those of OpenTelemetry's semantic conventions for HTTP (1.41) and for generative AI (in development
//! when this was written); what they have no name for is under `tollgate.`.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use opentelemetry::{
    Array, InstrumentationScope, KeyValue, StringValue, Value,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{
    IdGenerator, RandomIdGenerator, Sampler, SamplingDecision, ShouldSample, SpanData, SpanEvents, SpanLinks,
};
use tollgate_catalog::provider::Provider;

use super::scope;
use crate::story::{Attempt, OK, Pages, Story};

/// Makes spans.
pub struct Tracer {
    ids: RandomIdGenerator,
    sampler: Sampler,
    scope: InstrumentationScope,
}

/// What the spans of one request share.
struct Trace {
    id: TraceId,
    state: TraceState,
    /// The moment from which the story counts.
    arrived: SystemTime,
}

impl Tracer {
    /// `ratio`: the share of requests with a trace, of those whose caller did not decide.
    pub fn new(ratio: f64) -> Self {
        Self {
            ids: RandomIdGenerator::default(),
            sampler: Sampler::TraceIdRatioBased(ratio),
            scope: scope(),
        }
    }

    /// Adds the spans of a request that has ended, if it is to have any.
    pub fn spans_of(&self, story: &Story, spans: &mut Vec<SpanData>) {
        let parent = story.caller.as_deref();
        let id = parent.map_or_else(|| self.ids.new_trace_id(), SpanContext::trace_id);
        let is_sampled = match parent {
            Some(parent) => parent.is_sampled(),
            None => self.samples(id),
        };
        if !is_sampled {
            return;
        }
        let trace = Trace {
            id,
            state: parent
                .map(|parent| parent.trace_state().clone())
                .unwrap_or_default(),
            arrived: SystemTime::now() - story.arrived.elapsed(),
        };
        let own = self.ids.new_span_id();
        story.read(|pages| {
            spans.push(self.request(&trace, own, parent, story, pages));
            let paid = pages.paid();
            for attempt in &pages.attempts {
                let answers = paid.is_some_and(|paid| std::ptr::eq(paid, attempt));
                spans.push(self.attempt(&trace, own, pages, attempt, answers));
            }
        });
    }

    fn samples(&self, id: TraceId) -> bool {
        let sampling = self
            .sampler
            .should_sample(None, id, "", &SpanKind::Server, &[], &[]);
        sampling.decision == SamplingDecision::RecordAndSample
    }

    fn request(
        &self,
        trace: &Trace,
        id: SpanId,
        parent: Option<&SpanContext>,
        story: &Story,
        pages: &Pages,
    ) -> SpanData {
        let mut attributes = vec![
            KeyValue::new("http.request.method", "POST"),
            KeyValue::new("http.route", "/v1/chat/completions"),
            KeyValue::new("client.address", story.client.to_string()),
            KeyValue::new("tollgate.request_id", story.id.as_str().to_owned()),
        ];
        if let Some(model) = &pages.model {
            attributes.push(KeyValue::new("gen_ai.request.model", model.id.to_string()));
            attributes.push(KeyValue::new("gen_ai.request.stream", pages.stream));
        }
        if let Some(key) = &pages.key {
            attributes.push(KeyValue::new("tollgate.key", key.key.name.clone()));
        }
        let mut status = Status::Unset;
        if let Some(end) = &pages.end {
            attributes.push(KeyValue::new("tollgate.outcome", end.outcome));
            if let Some(code) = end.status {
                attributes.push(KeyValue::new("http.response.status_code", i64::from(code)));
            }
            if !end.notes.is_empty() {
                let notes = end.notes.iter().map(|note| note.to_string().into());
                attributes.push(KeyValue::new(
                    "tollgate.notes",
                    Value::Array(Array::String(notes.collect())),
                ));
            }
            if !end.is_answer() {
                attributes.push(KeyValue::new("error.type", end.outcome));
                // What the client did wrong, and its going away, are no errors of a server.
                let is_ours = end.outcome != "client_gone" && !matches!(end.status, Some(400..=499));
                if is_ours {
                    status = Status::error(end.outcome);
                }
            }
        }
        let parent_id = parent.map_or(SpanId::INVALID, SpanContext::span_id);
        self.span(
            trace,
            (id, parent_id),
            parent.is_some(),
            SpanKind::Server,
            "POST /v1/chat/completions".into(),
            (Duration::ZERO, pages.took),
            attributes,
            status,
        )
    }

    fn attempt(
        &self,
        trace: &Trace,
        parent: SpanId,
        pages: &Pages,
        attempt: &Attempt,
        answers: bool,
    ) -> SpanData {
        let model = attempt.provider_model();
        let mut attributes = vec![
            KeyValue::new("gen_ai.operation.name", "chat"),
            KeyValue::new("gen_ai.provider.name", provider_name(attempt.provider())),
            KeyValue::new("gen_ai.request.model", model.to_owned()),
            KeyValue::new("gen_ai.request.stream", pages.stream),
            KeyValue::new("tollgate.channel", attempt.served.channel.to_string()),
        ];
        if let Some(head) = attempt.head {
            attributes.push(KeyValue::new("http.response.status_code", i64::from(head.status)));
        }
        if let (true, Some(output)) = (pages.stream, attempt.output) {
            let time = output.saturating_sub(attempt.began);
            attributes.push(KeyValue::new(
                "gen_ai.response.time_to_first_chunk",
                time.as_secs_f64(),
            ));
        }
        if let (true, Some(end)) = (answers, &pages.end) {
            let reasons: Vec<StringValue> = end
                .finishes
                .iter()
                .flat_map(|(reason, choices)| (0..choices).map(move |_| reason.as_str().into()))
                .collect();
            if !reasons.is_empty() {
                attributes.push(KeyValue::new(
                    "gen_ai.response.finish_reasons",
                    Value::Array(Array::String(reasons)),
                ));
            }
            if let Some(usage) = &end.usage {
                let counts = [
                    ("gen_ai.usage.input_tokens", usage.prompt, true),
                    ("gen_ai.usage.output_tokens", usage.completion, true),
                    ("gen_ai.usage.cache_read.input_tokens", usage.cached, false),
                    (
                        "gen_ai.usage.cache_creation.input_tokens",
                        usage.cache_write,
                        false,
                    ),
                    ("gen_ai.usage.reasoning.output_tokens", usage.reasoning, false),
                ];
                let shown = counts
                    .into_iter()
                    .filter(|(_, tokens, always)| *always || *tokens > 0);
                attributes.extend(shown.map(|(name, tokens, _)| KeyValue::new(name, tokens as i64)));
            }
        }
        let outcome = attempt.outcome.unwrap_or(OK);
        let mut status = Status::Unset;
        if outcome != OK {
            attributes.push(KeyValue::new("error.type", outcome));
            status = Status::error(outcome);
        }
        let kind = match attempt.provider() {
            Some(_) => SpanKind::Client,
            None => SpanKind::Internal,
        };
        let end = attempt.ended.unwrap_or(pages.took);
        self.span(
            trace,
            (self.ids.new_span_id(), parent),
            false,
            kind,
            format!("chat {model}").into(),
            (attempt.began, end),
            attributes,
            status,
        )
    }

    #[allow(clippy::too_many_arguments)] // Each is one field of the span.
    fn span(
        &self,
        trace: &Trace,
        (id, parent): (SpanId, SpanId),
        is_remote: bool,
        span_kind: SpanKind,
        name: Cow<'static, str>,
        (began, ended): (Duration, Duration),
        attributes: Vec<KeyValue>,
        status: Status,
    ) -> SpanData {
        SpanData {
            span_context: SpanContext::new(trace.id, id, TraceFlags::SAMPLED, false, trace.state.clone()),
            parent_span_id: parent,
            parent_span_is_remote: is_remote,
            span_kind,
            name,
            start_time: trace.arrived + began,
            end_time: trace.arrived + ended.max(began),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status,
            instrumentation_scope: self.scope.clone(),
        }
    }
}

/// The conventions' word for a provider, where they have one; else ours.
pub fn provider_name(provider: Option<&Provider>) -> String {
    match provider.map(|provider| &*provider.name) {
        None => "tollgate".to_owned(),
        Some("gemini") => "gcp.gemini".to_owned(),
        Some("xai") => "x_ai".to_owned(),
        Some(name) => name.to_owned(),
    }
}
