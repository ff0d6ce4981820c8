//! Traces and metrics for a collector, by OpenTelemetry's conventions for generative AI.

use std::time::Duration;

use http::Request;
use serde_json::json;
use tollgate_testkit::{
    collector::{FakeCollector, Manner, attribute, metrics_in, spans_in},
    gate::{Channel, Gate, Signal},
    provider::{FakeProvider, fails, says, streams},
};

use crate::{
    command::Folder,
    stage::{MODEL, get_from_admin, question, question_to, question_with, setup, spare_to},
};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A gate that sends to this collector, with two channels.
async fn gate(collector: &FakeCollector, lines: &str) -> (FakeProvider, FakeProvider, Gate) {
    let first = FakeProvider::start_with(says("first")).await;
    let spare = FakeProvider::start_with(says("spare")).await;
    let endpoint = collector.endpoint();
    let gate = setup()
        .config(&format!(
            "[telemetry]\nendpoint = \"{endpoint}\"\ninterval_ms = 200\n{lines}"
        ))
        .channel(Channel::to(&first).named("first").models([MODEL]))
        .channel(spare_to(&spare))
        .start()
        .await;
    (first, spare, gate)
}

async fn post_with(gate: &Gate, header: (&'static str, &str)) -> u16 {
    let (mut head, body) = gate.chat_request(gate.key(), question().to_string()).into_parts();
    head.headers.insert(header.0, header.1.parse().unwrap());
    gate.send(Request::from_parts(head, body)).await.status
}

#[tokio::test]
async fn a_request_is_a_span_of_a_server_and_each_attempt_in_it_one_of_a_client() {
    let collector = FakeCollector::start().await;
    let (first, _spare, gate) = gate(&collector, "").await;
    first.next(fails(500, "", "boom"));

    let answer = gate.stream(&question()).await;
    let spans = collector.spans(3).await;

    let [request, failed, answered] = &spans[..] else {
        panic!("{} spans", spans.len())
    };
    let of =
        |span: &opentelemetry_proto::tonic::trace::v1::Span, name: &str| attribute(&span.attributes, name);
    assert_eq!(
        (request.name.as_str(), request.kind),
        ("POST /v1/chat/completions", 2)
    );
    assert_eq!(of(request, "http.response.status_code").as_deref(), Some("200"));
    assert_eq!(of(request, "gen_ai.request.model").as_deref(), Some(MODEL));
    assert_eq!(
        of(request, "tollgate.request_id").as_deref(),
        answer.header("x-tollgate-request-id")
    );
    assert!(request.parent_span_id.is_empty());
    for (attempt, channel) in [(failed, "first"), (answered, "spare")] {
        assert_eq!((attempt.name.as_str(), attempt.kind), ("chat gpt-4o", 3));
        assert_eq!(attempt.parent_span_id, request.span_id);
        assert_eq!(attempt.trace_id, request.trace_id);
        assert_eq!(of(attempt, "gen_ai.operation.name").as_deref(), Some("chat"));
        assert_eq!(
            of(attempt, "gen_ai.provider.name").as_deref(),
            Some("openai-compatible")
        );
        assert_eq!(of(attempt, "tollgate.channel").as_deref(), Some(channel));
        assert!(request.start_time_unix_nano <= attempt.start_time_unix_nano);
        assert!(attempt.start_time_unix_nano <= attempt.end_time_unix_nano);
        assert!(attempt.end_time_unix_nano <= request.end_time_unix_nano);
    }
    assert_eq!(of(failed, "error.type").as_deref(), Some("provider_error"));
    assert_eq!(failed.status.as_ref().map(|status| status.code), Some(2));
    assert_eq!(of(answered, "error.type"), None);
    assert_eq!(
        of(answered, "gen_ai.response.finish_reasons").as_deref(),
        Some("stop")
    );
    assert!(of(answered, "gen_ai.response.time_to_first_chunk").is_some());
    assert!(of(answered, "gen_ai.usage.output_tokens").is_some());
}

#[tokio::test]
async fn an_answer_that_is_given_again_is_no_error() {
    let collector = FakeCollector::start().await;
    let (_first, _spare, gate) = gate(&collector, "").await;

    for _ in 0..2 {
        assert_eq!(post_with(&gate, ("idempotency-key", "once")).await, 200);
    }
    let spans = collector.spans(3).await;

    for span in &spans {
        assert_eq!(attribute(&span.attributes, "error.type"), None, "{span:?}");
        assert!(
            span.status.as_ref().is_none_or(|status| status.code != 2),
            "{span:?}"
        );
    }
    let durations = collector.histogram("gen_ai.server.request.duration").await;
    for point in &durations {
        assert_eq!(attribute(&point.attributes, "error.type"), None);
    }
}

#[tokio::test]
async fn a_callers_span_is_the_parent_and_its_decision_holds() {
    let collector = FakeCollector::start().await;
    let (_first, _spare, gate) = gate(&collector, "sample_ratio = 0").await;

    assert_eq!(post_with(&gate, ("traceparent", "nonsense")).await, 200);
    assert_eq!(
        post_with(&gate, ("traceparent", &PARENT.replace("-01", "-00"))).await,
        200
    );
    gate.post(&question()).await;
    assert_eq!(post_with(&gate, ("traceparent", PARENT)).await, 200);
    let spans = collector.spans(2).await;

    assert_eq!(spans.len(), 2, "only the one whose caller wants it");
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    assert_eq!(hex(&spans[0].trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(hex(&spans[0].parent_span_id), "00f067aa0ba902b7");
}

#[tokio::test]
async fn metrics_are_those_of_the_conventions() {
    let collector = FakeCollector::start().await;
    let (first, _spare, gate) = gate(&collector, "traces = false").await;
    first.always(streams(["Hel", "lo", "!"]));
    gate.stream(&question()).await;
    gate.post(&question_with(json!({"temperature": 9}))).await;

    let tokens = collector.histogram("gen_ai.client.token.usage").await;
    for name in [
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.server.request.duration",
        "gen_ai.server.time_to_first_token",
        "gen_ai.server.time_per_output_token",
    ] {
        let points = collector.histogram(name).await;
        let answered = points
            .iter()
            .find(|point| attribute(&point.attributes, "error.type").is_none());
        let labels = &answered.expect("a point of the answer").attributes;
        assert_eq!(
            attribute(labels, "gen_ai.operation.name").as_deref(),
            Some("chat"),
            "{name}"
        );
        assert_eq!(
            attribute(labels, "gen_ai.request.model").as_deref(),
            Some(MODEL),
            "{name}"
        );
        assert_eq!(
            attribute(labels, "gen_ai.provider.name").as_deref(),
            Some("openai-compatible")
        );
    }

    let mut kinds: Vec<_> = tokens
        .iter()
        .filter_map(|point| attribute(&point.attributes, "gen_ai.token.type"))
        .collect();
    kinds.sort();
    assert_eq!(kinds, ["input", "output"]);
    let refused = collector
        .until(|received| {
            let duration = metrics_in(received)
                .into_iter()
                .rfind(|metric| metric.name == "gen_ai.server.request.duration")?;
            format!("{duration:?}")
                .contains("decimal_above_max_value")
                .then_some(())
        })
        .await;
    assert_eq!(refused, ());
    assert!(
        spans_in(&collector.received()).is_empty(),
        "traces are switched off"
    );
}

#[tokio::test]
async fn headers_and_the_services_name_are_sent_and_nothing_that_is_secret() {
    const CREDENTIAL: &str = "sk-live-0123456789abcdef";
    let collector = FakeCollector::start().await;
    let provider = FakeProvider::start_with(says("a secret answer")).await;
    let endpoint = collector.endpoint();
    let gate = setup()
        .env("COLLECTOR_TOKEN", "of-the-collector")
        .config(&format!(
            "[telemetry]\nendpoint = \"{endpoint}/\"\ninterval_ms = 200\nservice_name = \"edge\"\n\
             headers = {{ authorization = \"Bearer ${{COLLECTOR_TOKEN}}\" }}"
        ))
        .channel(Channel::to(&provider).api_key(CREDENTIAL).models([MODEL]))
        .start()
        .await;
    let asked = question_with(
        json!({"messages": [{"role": "user", "content": "a secret prompt"}], "user": "a secret user"}),
    );

    gate.post(&asked).await;
    provider.always(fails(400, "odd", "what is a secret prompt?"));
    gate.post(&asked).await;
    gate.post(&question_to("a secret model")).await;
    collector.spans(5).await;
    collector.histogram("gen_ai.server.request.duration").await;

    for received in collector.received() {
        assert_eq!(received.headers["authorization"], "Bearer of-the-collector");
        assert_eq!(received.headers["content-type"], "application/x-protobuf");
        let body = String::from_utf8_lossy(&received.body).into_owned();
        assert!(body.contains("edge"), "the service has its name");
        for secret in [
            "a secret",
            CREDENTIAL,
            gate.key(),
            &provider.address().to_string(),
        ] {
            assert!(!body.contains(secret), "{secret} is in {body}");
        }
    }
    assert!(!gate.logs().contains("of-the-collector"));
}

#[tokio::test]
async fn a_collector_that_is_away_or_hangs_hurts_no_request_and_what_is_lost_is_counted() {
    let collector = FakeCollector::start().await;
    let (_first, _spare, gate) = gate(&collector, "queue_max = 1\ntimeout_ms = 500").await;
    for manner in [Manner::Refuses(400), Manner::Hangs] {
        collector.now(manner);
        for _ in 0..20 {
            assert_eq!(gate.post(&question()).await.status, 200);
        }
    }

    gate.logged("collector does not take traces").await;
    let page = get_from_admin(&gate, "/metrics").await;
    let page = String::from_utf8(page.body.to_vec()).unwrap();
    for line in [
        "tollgate_telemetry_lost_total{reason=\"queue\"}",
        "tollgate_telemetry_lost_total{reason=\"collector\"}",
        "tollgate_telemetry_exports_total{signal=\"traces\",result=\"failed\"}",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }

    collector.now(Manner::Takes);
    for _ in 0..50 {
        gate.post(&question()).await;
        if !collector.received().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    gate.logged("collector takes traces again").await;
}

#[tokio::test]
async fn what_is_left_is_sent_at_a_shutdown() {
    let collector = FakeCollector::start().await;
    let (_first, _spare, mut gate) = gate(&collector, "").await;
    gate.post(&question()).await;

    gate.signal(Signal::Terminate);

    assert_eq!(gate.ended().await, Some(0));
    assert_eq!(spans_in(&collector.received()).len(), 2);
    let metrics = metrics_in(&collector.received());
    assert!(
        metrics
            .iter()
            .any(|metric| metric.name == "gen_ai.server.request.duration")
    );
}

#[test]
fn what_cannot_be_sent_is_a_mistake_of_the_configuration() {
    let folder = Folder::new();
    for (lines, told) in [
        ("endpoint = \"collector:4318\"", "`endpoint`"),
        (
            "endpoint = \"http://me:secret@collector:4318\"",
            "must not hold a user",
        ),
        (
            "sample_ratio = 1.5",
            "`sample_ratio` must be a number from 0 to 1",
        ),
        (
            "headers = { \"content-length\" = \"1\" }",
            "`content-length` is the gate's own",
        ),
        ("endpont = \"http://collector:4318\"", "endpoint"),
    ] {
        folder.write("tollgate.toml", &format!("[telemetry]\n{lines}\n"));

        let checked = folder.run(&["check"]);

        assert_eq!(checked.code, Some(1), "{lines}: {checked:?}");
        assert!(checked.stderr.contains(told), "{lines}: {checked:?}");
        assert!(!checked.stderr.contains("secret"), "{checked:?}");
    }
}
