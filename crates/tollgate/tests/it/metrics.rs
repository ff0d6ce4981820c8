//! What the gate counts: which series there are, and that no client can make another.

use std::collections::{BTreeMap, BTreeSet};

use http::Request;
use serde_json::json;
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, accepts_and_says_nothing, answers_with, fails, says, streams},
};

use crate::stage::{MODEL, get_from_admin, question, question_to, question_with, setup, spare_to, stage};

async fn page(gate: &Gate) -> String {
    let answer = get_from_admin(gate, "/metrics").await;
    String::from_utf8(answer.body.to_vec()).unwrap()
}

/// The names of labels of each metric, with its kind.
fn series(page: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let kinds = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let mut series: BTreeMap<String, (String, BTreeSet<String>)> = kinds
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, kind)| (name.to_owned(), (kind.to_owned(), BTreeSet::new())))
        .collect();
    for line in page
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let name = line.split(['{', ' ']).next().unwrap();
        let base = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end));
        let name = base.filter(|base| series.contains_key(*base)).unwrap_or(name);
        let (_, labels) = series
            .get_mut(name)
            .unwrap_or_else(|| panic!("{name} has no kind"));
        let Some((inner, _)) = line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')) else {
            continue;
        };
        for label in inner.split("\",") {
            let label = label.split_once('=').unwrap().0;
            // Buckets of a histogram.
            if label != "le" {
                labels.insert(label.to_owned());
            }
        }
    }
    series
}

/// A gate that has done everything that is counted.
async fn busy() -> (FakeProvider, Gate) {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = setup()
        // Nobody listens there.
        .config("[telemetry]\nendpoint = \"http://127.0.0.1:1\"\ntimeout_ms = 200\n")
        .channel(Channel::to(&provider).models([MODEL]))
        // It ends one day.
        .channel(
            Channel::of("anthropic", &provider)
                .named("claude")
                .models(["claude-sonnet-4-6", "claude-opus-4-1-20250805"]),
        )
        .start()
        .await;
    gate.post(&question()).await;
    gate.stream(&question()).await;
    gate.post(&question_to("nobody-serves-this")).await;
    let image = json!({"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/cat.png"}});
    let mut with_image = question_to("claude-sonnet-4-6");
    with_image["messages"][0]["content"] = json!([image]);
    gate.post(&with_image).await;
    gate.logged("collector does not take traces").await;
    (provider, gate)
}

#[tokio::test]
async fn the_metrics_are_these() {
    let (_provider, gate) = busy().await;

    let series = series(&page(&gate).await);

    let lines = series.into_iter().map(|(name, (kind, labels))| {
        let labels: Vec<String> = labels.into_iter().collect();
        format!("{name} {kind} {{{}}}", labels.join(", "))
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"));
}

/// The names in the snapshot.
fn known() -> BTreeSet<&'static str> {
    let snapshot = include_str!("snapshots/it__metrics__the_metrics_are_these.snap");
    let lines = snapshot.lines().filter_map(|line| line.split_once(' '));
    lines
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("tollgate_"))
        .collect()
}

#[test]
fn every_metric_is_documented() {
    // What takes a race, a client that leaves, or a provider that lies, to be there; tested where these are.
    let elsewhere = [
        "tollgate_hedges_total",
        "tollgate_abandoned_answers_total",
        "tollgate_unbelieved_counts_total",
        "tollgate_overruns_total",
    ];
    let page = include_str!("../../../../docs/guide/monitoring.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `tollgate_"));
    let documented: BTreeSet<String> = rows
        .map(|row| format!("tollgate_{}", row.split('`').next().unwrap()))
        .collect();

    let there = known().into_iter().chain(elsewhere);

    assert_eq!(documented, there.map(str::to_owned).collect());
}

#[test]
fn what_alerts_and_dashboard_look_at_is_there() {
    let known = known();
    let outcomes = concat!(
        include_str!("../../../../docs/guide/getting-started.md"),
        include_str!("../../../../docs/guide/monitoring.md"),
    );
    for (file, text) in [
        (
            "alerts.yml",
            include_str!("../../../../deploy/prometheus/alerts.yml"),
        ),
        (
            "alerts_test.yml",
            include_str!("../../../../deploy/prometheus/alerts_test.yml"),
        ),
        (
            "tollgate.json",
            include_str!("../../../../deploy/grafana/tollgate.json"),
        ),
    ] {
        let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let mut named = 0;
        for name in text
            .split(|character| !is_of_name(character))
            .filter(|word| word.starts_with("tollgate_"))
        {
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end));
            assert!(
                known.contains(name) || base.is_some_and(|base| known.contains(base)),
                "{file} looks at {name}"
            );
            named += 1;
        }
        assert!(named > 5, "{file} looks at {named} metrics");
        for matched in text.replace('\\', "").split("outcome=~\"").skip(1) {
            for outcome in matched.split('"').next().unwrap().split('|') {
                assert!(
                    outcomes.contains(&format!("`{outcome}`")),
                    "{file} looks at the outcome {outcome}"
                );
            }
        }
    }
}

#[tokio::test]
async fn no_client_can_make_a_series() {
    let (provider, gate) = stage(says("Hello")).await;
    gate.post(&question()).await;
    gate.post(&question_to("warm-up")).await;
    gate.post_with("sk-warm-up", &question()).await;
    let shape = |page: &str| -> BTreeSet<String> {
        let samples = page.lines().filter(|line| !line.starts_with('#'));
        samples
            .map(|line| {
                line.rsplit_once(' ')
                    .map_or(line, |(series, _)| series)
                    .to_owned()
            })
            .collect()
    };
    let before = shape(&page(&gate).await);

    for number in 0..20 {
        gate.post(&question_to(&format!("model-{number}"))).await;
        gate.post_with(&format!("sk-{number}"), &question()).await;
        gate.post(&question_with(json!({"user": format!("user-{number}")})))
            .await;
        let (mut head, body) = gate.chat_request(gate.key(), question().to_string()).into_parts();
        for name in ["x-request-id", "user-agent", "x-tollgate-channel", "traceparent"] {
            head.headers
                .insert(name, format!("client-{number}").parse().unwrap());
        }
        gate.send(Request::from_parts(head, body)).await;
        gate.get(&format!("/v1/models/model-{number}")).await;
    }

    assert_eq!(shape(&page(&gate).await), before);
    assert_eq!(provider.requests().len(), 41);
}

#[tokio::test]
async fn tokens_attempts_and_times_are_counted_by_channel_and_model() {
    let provider = FakeProvider::start_with(streams(["Hel", "lo"])).await;
    let spare = FakeProvider::start_with(says("spare")).await;
    provider.next(fails(500, "", "boom"));
    let gate = setup()
        .channel(Channel::to(&provider).named("first").models([MODEL]))
        .channel(spare_to(&spare))
        .start()
        .await;

    gate.stream(&question()).await;
    // The same one would go where it was answered.
    let another = question_with(json!({"messages": [{"role": "user", "content": "And now?"}]}));
    gate.stream(&another).await;
    gate.logged("stream=true outcome=ok").await;
    let page = page(&gate).await;

    for line in [
        "tollgate_attempts_total{channel=\"first\",model=\"gpt-4o\",outcome=\"provider_error\"} 1",
        "tollgate_attempts_total{outcome=\"ok\",channel=\"first\",model=\"gpt-4o\"} 1",
        "tollgate_attempts_total{outcome=\"ok\",channel=\"spare\",model=\"gpt-4o\"} 1",
        "tollgate_first_output_seconds_count{channel=\"first\",model=\"gpt-4o\"} 1",
        "tollgate_piece_interval_seconds_count{channel=\"first\",model=\"gpt-4o\"} 1",
        "tollgate_model_channels{model=\"gpt-4o\"} 2",
        "tollgate_model_channels_usable{model=\"gpt-4o\"} 2",
        "tollgate_database_up 1",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
    assert!(
        page.contains("tollgate_tokens_total{class=\"prompt\",channel=\"spare\",model=\"gpt-4o\"}"),
        "{page}"
    );
}

#[tokio::test]
async fn a_model_whose_channels_all_rest_has_none_that_is_usable() {
    let provider = FakeProvider::start_with(answers_with(401, &[], "{}")).await;
    let gate = setup()
        .resilient()
        .channel(Channel::to(&provider).models([MODEL]))
        .start()
        .await;

    gate.post(&question()).await;
    let page = page(&gate).await;

    for line in [
        "tollgate_attempts_total{channel=\"fake\",model=\"gpt-4o\",outcome=\"credential\"} 1",
        "tollgate_channel_resting{channel=\"fake\"} 1",
        "tollgate_model_channels{model=\"gpt-4o\"} 1",
        "tollgate_model_channels_usable{model=\"gpt-4o\"} 0",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
}

#[tokio::test]
async fn an_attempt_that_its_client_left_is_counted_as_cancelled() {
    let (provider, gate) = stage(accepts_and_says_nothing()).await;
    let mut connection = gate.raw().await;
    let (key, body) = (gate.key(), question().to_string());
    let length = body.len();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    connection.write((head + &body).as_bytes()).await;
    provider.received(1).await;
    drop(connection);
    gate.logged("client_gone").await;

    let page = page(&gate).await;

    let line = "tollgate_attempts_total{channel=\"fake\",model=\"gpt-4o\",outcome=\"cancelled\"} 1";
    assert!(page.contains(line), "{page}");
}
