//! What became of a request is known afterwards, whichever way it went, and without a word of what was said.

use std::time::Duration;

use http::Request;
use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate},
    provider::{FakeProvider, Turn, fails, says, speaks, streams},
};

use crate::stage::{MODEL, get_from_admin, question, question_with, setup, spare_to, stage, stage_with};

/// A gate with two channels, the second of them to be tried where the first fails.
pub async fn with_spare(tables: &str) -> (FakeProvider, FakeProvider, Gate) {
    let first = FakeProvider::start_with(says("first")).await;
    let spare = FakeProvider::start_with(says("spare")).await;
    let gate = setup()
        .config(tables)
        .channel(Channel::to(&first).named("first").models([MODEL]))
        .channel(spare_to(&spare))
        .start()
        .await;
    (first, spare, gate)
}

/// The story of the request with this answer's ID. It is there as soon as the answer has ended, but for the moment
/// that the gate needs to see that.
pub async fn story(gate: &Gate, id: Option<&str>) -> Value {
    let path = format!("/admin/v1/requests/{}", id.expect("an answer has an ID"));
    for _ in 0..300 {
        let answer = get_from_admin(gate, &path).await;
        if answer.status == 200 {
            return answer.json();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the story is not there");
}

pub const ID: &str = "x-tollgate-request-id";

#[tokio::test]
async fn a_whole_answer_is_told_from_its_arrival_to_its_tokens() {
    let (_provider, gate) = stage(says("Hello")).await;
    let request = gate.chat_request(gate.key(), question_with(json!({"top_k": 3})).to_string());
    let (mut head, body) = request.into_parts();
    head.headers.insert("x-request-id", "mine".parse().unwrap());

    let answer = gate.send(Request::from_parts(head, body)).await;
    let told = story(&gate, answer.header(ID)).await;

    assert_eq!(told["request_id"], answer.header(ID).unwrap());
    assert_eq!(told["client_request_id"], "mine");
    assert_eq!(told["client"], "127.0.0.1");
    assert_eq!(told["key"]["name"], "test");
    assert_eq!(
        (&told["model"], &told["stream"], &told["outcome"]),
        (&json!(MODEL), &json!(false), &json!("ok"))
    );
    let end = &told["answer"];
    assert_eq!((&end["status"], &end["channel"]), (&json!(200), &json!("fake")));
    assert_eq!(end["finish"], json!({"stop": 1}));
    assert_eq!(
        (&end["bytes"], &end["pieces"]),
        (&json!(answer.body.len()), &json!(1))
    );
    assert_eq!(end["usage"]["prompt_tokens"], 9);
    assert_eq!(end["error"], Value::Null);
    assert_eq!(
        told["route"],
        json!([{"channel": "fake", "model": MODEL, "state": "tried", "reason": null, "left_ms": null,
            "forced": false}])
    );
    let attempt = &told["attempts"][0];
    assert_eq!(
        (
            &attempt["outcome"],
            &attempt["status"],
            &attempt["dialect"],
            &attempt["provider"]
        ),
        (
            &json!("ok"),
            &json!(200),
            &json!("openai-chat"),
            &json!("openai-compatible")
        )
    );
    let moments = ["began_ms", "first_byte_ms", "first_output_ms", "ended_ms"];
    let moments: Vec<u64> = moments
        .iter()
        .map(|name| attempt[name].as_u64().unwrap())
        .collect();
    assert!(moments.is_sorted(), "{moments:?}");
    let header = answer.header("x-tollgate-notes").map(str::to_owned);
    let notes: Vec<&str> = told["notes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| note.as_str().unwrap())
        .collect();
    assert_eq!(header.unwrap_or_default(), notes.join(", "));
}

#[tokio::test]
async fn a_stream_that_took_a_detour_is_told_with_every_attempt() {
    let (first, _spare, gate) = with_spare("").await;
    first.next(fails(500, "", "boom"));

    let stream = gate.stream(&question()).await;
    let told = story(&gate, stream.header(ID)).await;

    let outcomes: Vec<_> = told["attempts"].as_array().unwrap().iter().collect();
    assert_eq!(outcomes.len(), 2);
    assert_eq!(
        (
            &outcomes[0]["channel"],
            &outcomes[0]["outcome"],
            &outcomes[0]["status"]
        ),
        (&json!("first"), &json!("provider_error"), &json!(500))
    );
    assert_eq!(
        (&outcomes[1]["channel"], &outcomes[1]["outcome"]),
        (&json!("spare"), &json!("ok"))
    );
    assert_eq!(told["stream"], true);
    assert_eq!(told["answer"]["finish"], json!({"stop": 1}));
    assert!(told["answer"]["pieces"].as_u64().unwrap() >= 2, "{told}");
    let states: Vec<_> = told["route"]
        .as_array()
        .unwrap()
        .iter()
        .map(|told| &told["state"])
        .collect();
    assert_eq!(states, ["tried", "tried"]);
}

#[tokio::test]
async fn a_channel_that_was_not_needed_and_one_that_was_left_out_are_told() {
    let (_first, _spare, gate) = with_spare("[routing]\nallow_pin = true").await;

    let usual = gate.post(&question()).await;
    let (mut head, body) = gate.chat_request(gate.key(), question().to_string()).into_parts();
    head.headers
        .insert("x-tollgate-channel", "spare".parse().unwrap());
    let pinned = gate.send(Request::from_parts(head, body)).await;

    let usual = story(&gate, usual.header(ID)).await;
    let pinned = story(&gate, pinned.header(ID)).await;
    assert_eq!(
        (&usual["route"][1]["channel"], &usual["route"][1]["state"]),
        (&json!("spare"), &json!("not_needed"))
    );
    let left_out = &pinned["route"][1];
    assert_eq!(
        (&left_out["channel"], &left_out["state"], &left_out["reason"]),
        (&json!("first"), &json!("passed_over"), &json!("pinned"))
    );
}

#[tokio::test]
async fn a_channel_that_was_not_reached_is_not_called_unneeded() {
    let (first, _spare, gate) = with_spare("").await;
    first.next(fails(400, "invalid_value", "odd"));

    let answer = gate.post(&question()).await;

    assert_eq!(answer.status, 400);
    let told = story(&gate, answer.header(ID)).await;
    assert_eq!(
        (&told["route"][1]["channel"], &told["route"][1]["state"]),
        (&json!("spare"), &json!("not_reached"))
    );
}

#[tokio::test]
async fn a_channel_that_rests_is_told_with_the_reason() {
    let first = FakeProvider::start_with(fails(401, "invalid_api_key", "no")).await;
    let spare = FakeProvider::start_with(says("spare")).await;
    let gate = setup()
        .resilient()
        .channel(Channel::to(&first).named("first").models([MODEL]))
        .channel(spare_to(&spare))
        .start()
        .await;
    gate.post(&question()).await;

    let answer = gate.post(&question()).await;
    let told = story(&gate, answer.header(ID)).await;

    let resting = &told["route"][1];
    assert_eq!(
        (&resting["channel"], &resting["reason"]),
        (&json!("first"), &json!("channel_rests"))
    );
    assert!(resting["left_ms"].as_u64().unwrap() > 50_000, "{resting}");
}

#[tokio::test]
async fn a_request_that_is_refused_is_told_as_far_as_it_came() {
    let (_provider, gate) = stage(says("Hello")).await;

    let stranger = gate.post_with("sk-of-nobody", &question()).await;
    let wrong = gate.post(&question_with(json!({"temperature": 9}))).await;
    let no_json = gate.post_text("{").await;

    let stranger = story(&gate, stranger.header(ID)).await;
    assert_eq!(
        (
            &stranger["outcome"],
            &stranger["answer"]["status"],
            &stranger["key"]
        ),
        (&json!("invalid_api_key"), &json!(401), &Value::Null)
    );
    let wrong = story(&gate, wrong.header(ID)).await;
    assert_eq!(
        (&wrong["answer"]["status"], &wrong["key"]["name"]),
        (&json!(400), &json!("test"))
    );
    assert_eq!(
        wrong["answer"]["error"],
        json!({"code": "decimal_above_max_value", "param": "temperature"})
    );
    let no_json = story(&gate, no_json.header(ID)).await;
    assert_eq!(no_json["answer"]["error"]["code"], "invalid_json");
}

#[tokio::test]
async fn a_stream_that_breaks_and_a_client_that_goes_are_told_as_such() {
    let (provider, gate) = stage(streams(["Hel"]).then_closes()).await;
    let broken = gate.stream(&question()).await;
    let broken = story(&gate, broken.header(ID)).await;
    provider.always(streams(["Hel"]).then_stalls());
    let mut open = gate.open_stream(&question()).await;
    open.next_event().await.unwrap();
    let id = open.headers.get(ID).map(|id| id.to_str().unwrap().to_owned());
    drop(open);
    let left = story(&gate, id.as_deref()).await;

    assert_eq!(
        (
            &broken["outcome"],
            &broken["answer"]["status"],
            &broken["attempts"][0]["outcome"]
        ),
        (
            &json!("provider_stream_cut"),
            &json!(200),
            &json!("connection_broken")
        )
    );
    assert_eq!(
        (
            &left["outcome"],
            &left["answer"]["error"],
            &left["answer"]["channel"]
        ),
        (&json!("client_gone"), &Value::Null, &json!("fake"))
    );
    assert_eq!(left["attempts"][0]["outcome"], "cancelled", "{left}");
    assert!(left["answer"]["bytes"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_stream_that_is_read_on_without_its_client_is_told_as_one_that_ended_with_it() {
    let model = "gemini-3-flash-preview";
    let words = Turn::new().says(["Hel", "lo, ", "you"]);
    let provider = FakeProvider::start_with(speaks(words).pauses(Duration::from_millis(400))).await;
    let channel = Channel::of("gemini", &provider).models([model]);
    let gate = setup().channel(channel).start().await;
    let mut open = gate.open_stream(&question_with(json!({"model": model}))).await;
    open.next_event().await.unwrap();
    let id = open.headers.get(ID).map(|id| id.to_str().unwrap().to_owned());

    drop(open);
    let left = story(&gate, id.as_deref()).await;

    let attempt = &left["attempts"][0];
    assert_eq!(
        (&left["outcome"], &attempt["outcome"]),
        (&json!("client_gone"), &json!("cancelled"))
    );
    assert!(
        attempt["ended_ms"].as_u64().unwrap() <= left["answer"]["duration_ms"].as_u64().unwrap(),
        "{left}"
    );
    let metrics = get_from_admin(&gate, "/metrics").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    let counted = |outcome: &str| {
        let outcome = format!("outcome=\"{outcome}\"");
        let mut attempts = metrics
            .lines()
            .filter(|line| line.starts_with("tollgate_attempts_total{"));
        attempts.any(|line| line.contains(&outcome) && line.ends_with(" 1"))
    };
    assert_eq!((counted("cancelled"), counted("ok")), (true, false), "{metrics}");
}

#[tokio::test]
async fn a_model_to_fall_back_on_and_one_that_cannot_be_asked_are_told() {
    let provider = FakeProvider::start_with(says("other")).await;
    provider.for_model(MODEL, fails(503, "", "busy"));
    let gate = setup()
        .channel(Channel::to(&provider).models([MODEL, "gpt-4o-mini"]))
        .config("[routing]\nfallbacks = { \"gpt-4o\" = [\"nobody-serves-this\", \"gpt-4o-mini\"] }")
        .start()
        .await;

    let answer = gate.post(&question()).await;
    let told = story(&gate, answer.header(ID)).await;

    assert_eq!(told["answer"]["model"], "gpt-4o-mini");
    assert_eq!(told["attempts"][1]["model"], "gpt-4o-mini");
    assert_eq!(told["notes"], json!(["moved:model"]));
    let unserved = told["route"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&unserved["model"], &unserved["reason"]),
        (&json!("nobody-serves-this"), &json!("not_served"))
    );
}

#[tokio::test]
async fn several_choices_are_one_attempt_and_all_of_their_ends_are_told() {
    let provider = FakeProvider::start_with(says("one of them")).await;
    let model = "deepseek-v4-flash";
    let gate = setup()
        .channel(Channel::of("deepseek", &provider).models([model]))
        .start()
        .await;

    let answer = gate
        .post(&json!({"model": model, "n": 3, "messages": [{"role": "user", "content": "Hello!"}]}))
        .await;
    let told = story(&gate, answer.header(ID)).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(told["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(told["answer"]["finish"], json!({"stop": 3}));
    assert!(told["notes"].as_array().unwrap().contains(&json!("emulated:n")));
}

#[tokio::test]
async fn a_retry_that_got_the_answer_of_another_request_is_told_with_its_id() {
    let (provider, gate) = stage(says("Hello")).await;
    let ask = async || {
        let (mut head, body) = gate.chat_request(gate.key(), question().to_string()).into_parts();
        head.headers.insert("idempotency-key", "mine".parse().unwrap());
        gate.send(Request::from_parts(head, body)).await
    };

    let first = ask().await;
    let again = ask().await;

    let told = story(&gate, again.header(ID)).await;
    assert_eq!(provider.requests().len(), 1);
    assert_eq!(
        (&told["outcome"], &told["repeats"], &told["answer"]["status"]),
        (&json!("replayed"), &json!(first.header(ID).unwrap()), &json!(200))
    );
    let told = story(&gate, first.header(ID)).await;
    assert_eq!((&told["outcome"], &told["repeats"]), (&json!("ok"), &Value::Null));
}

#[tokio::test]
async fn the_sandbox_is_an_attempt_like_any_other() {
    let gate = setup().start().await;

    let answer = gate.post(&question()).await;
    let told = story(&gate, answer.header(ID)).await;

    assert_eq!(told["outcome"], "embedded_model_missing");
    assert_eq!(
        (&told["attempts"][0]["channel"], &told["attempts"][0]["outcome"]),
        (&json!("sandbox"), &json!("embedded_model_missing"))
    );
    assert_eq!(told["route"], json!([]));
}

#[tokio::test]
async fn a_story_has_no_word_of_prompts_answers_and_keys() {
    const CREDENTIAL: &str = "sk-live-0123456789abcdef";
    let (provider, gate) =
        stage_with(says("a secret answer"), |channel| channel.api_key(CREDENTIAL), "").await;
    let asked = question_with(json!({
        "messages": [{"role": "user", "content": "a secret prompt"}],
        "user": "a secret user",
        "stop": ["a secret stop"],
    }));
    let good = gate.post(&asked).await;
    provider.always(fails(400, "odd", "what is a secret prompt?"));
    let refused = gate.post(&asked).await;
    let wrong = gate
        .post(&question_with(json!({"stop": {"a secret stop": 1}})))
        .await;

    for answer in [good, refused, wrong] {
        let told = story(&gate, answer.header(ID)).await.to_string();
        for secret in [
            "a secret",
            CREDENTIAL,
            gate.key(),
            &provider.address().to_string(),
        ] {
            assert!(!told.contains(secret), "{secret} is in {told}");
        }
    }
}

#[tokio::test]
async fn stories_can_be_switched_off_and_are_the_operators_alone() {
    let (_provider, gate) = stage_with(says("Hello"), |channel| channel, "[explain]\nkeep_minutes = 0").await;
    let answer = gate.post(&question()).await;
    let path = format!("/admin/v1/requests/{}", answer.header(ID).unwrap());

    let unknown = get_from_admin(&gate, &path).await;
    let request = |method: &str, path: &str| {
        Request::builder()
            .method(method)
            .uri(path)
            .body(String::new())
            .unwrap()
    };
    let on_data_plane = gate.send(request("GET", &path)).await;
    let posted = gate.send_to_admin(request("POST", &path)).await;

    assert_eq!(
        (unknown.status, unknown.error_code().as_deref()),
        (404, Some("request_not_found"))
    );
    assert_eq!(on_data_plane.error_code().as_deref(), Some("unknown_route"));
    assert_eq!((posted.status, posted.header("allow")), (405, Some("GET")));
}
