//! A client that leaves is let go at once; where its provider bills on, what it counts is waited for.

use std::time::{Duration, Instant};

use http::Request;
use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate, Signal},
    provider::{FakeProvider, Script, Tokens, Turn, chunk, fails, says, speaks, streams_events, usage_chunk},
};

use crate::{
    counting::uncounted,
    credit::sums_of_one,
    stage::{get_from_admin, question_to, setup, with},
};

/// One of a provider that bills on.
const MODEL: &str = "gemini-3-flash-preview";
const GAP: Duration = Duration::from_millis(150);

fn tokens() -> Tokens {
    Tokens {
        fresh: 100,
        answer: 77,
        ..Tokens::default()
    }
}

/// Says a few words, with pauses.
fn slow() -> Script {
    let turn = Turn::new().says(["Hel", "lo, ", "you"]).took(tokens());
    speaks(turn).pauses(GAP)
}

async fn stage(script: Script, tables: &str) -> (FakeProvider, Gate) {
    stage_with_key(script, tables, &[]).await
}

async fn stage_with_key(script: Script, tables: &str, key: &[&str]) -> (FakeProvider, Gate) {
    let provider = FakeProvider::start_with(script).await;
    let channel = Channel::of("gemini", &provider).models([MODEL]);
    let setup = setup().channel(channel).config(tables).key(key);
    (provider, setup.start().await)
}

fn question() -> Value {
    question_to(MODEL)
}

async fn metrics(gate: &Gate) -> String {
    String::from_utf8(get_from_admin(gate, "/metrics").await.body.to_vec()).unwrap()
}

/// Waits until an answer that was left has been settled, with this result.
async fn settled(gate: &Gate, result: &str) {
    gate.logged("outcome=client_gone").await;
    let line = format!("tollgate_abandoned_answers_total{{result=\"{result}\"}} 1");
    let metrics = metrics(gate).await;
    assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    assert!(
        metrics.contains("tollgate_abandoned_answers_in_flight 0")
            || !metrics.contains("tollgate_abandoned_answers_in_flight "),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_stream_is_read_on_for_what_the_provider_counts() {
    let (provider, gate) = stage(slow(), "").await;
    let mut open = gate.open_stream(&question()).await;
    open.next_event().await.unwrap();

    drop(open);

    settled(&gate, "complete").await;
    let logs = gate.logs();
    assert!(logs.contains("prompt_tokens=100 "), "{logs}");
    assert!(logs.contains("completion_tokens=77 "), "{logs}");
    let metrics = metrics(&gate).await;
    let counted = metrics
        .lines()
        .any(|line| line.starts_with("tollgate_tokens_total{class=\"completion\",") && line.ends_with(" 77"));
    assert!(counted, "{metrics}");
    provider.request();
}

#[tokio::test]
async fn an_answer_that_has_not_begun_is_waited_for_whole_or_streamed() {
    for stream in [false, true] {
        let (provider, gate) = stage(slow().delays(Duration::from_millis(300)), "").await;
        let body = with(question(), json!({"stream": stream})).to_string();
        let request: Request<String> = gate.chat_request(gate.key(), body);
        let asked = gate.send(request);
        assert!(
            tokio::time::timeout(Duration::from_millis(150), asked)
                .await
                .is_err()
        );
        provider.received(1).await;

        settled(&gate, "complete").await;

        let logs = gate.logs();
        assert!(logs.contains("completion_tokens=77 "), "{logs}");
        provider.request();
    }
}

#[tokio::test]
async fn several_choices_are_counted_together() {
    let (provider, gate) = stage(slow(), "").await;
    let mut open = gate.open_stream(&with(question(), json!({"n": 2}))).await;
    open.next_event().await.unwrap();

    drop(open);

    settled(&gate, "complete").await;
    let calls = provider.requests().len() as u64;
    let logs = gate.logs();
    assert!(
        logs.contains(&format!("completion_tokens={} ", 77 * calls)),
        "{logs}"
    );
}

#[tokio::test]
async fn the_client_gets_its_place_back_at_once() {
    let (_provider, gate) = stage_with_key(slow(), "", &["--concurrency", "1"]).await;
    let mut open = gate.open_stream(&question()).await;
    open.next_event().await.unwrap();
    drop(open);

    // Until the gate has noticed.
    let began = Instant::now();
    while !metrics(&gate).await.contains("tollgate_requests_in_flight 0") {
        assert!(
            began.elapsed() < GAP * 4,
            "the place is held as long as the answer takes"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!gate.logs().contains("client_gone"), "it is still being read");
    assert_eq!(gate.post(&question()).await.status, 200);
}

#[tokio::test]
async fn reading_on_has_an_end_in_time() {
    let turn = Turn::new().says(["Hel"]).took(tokens());
    let (provider, gate) = stage(speaks(turn).then_stalls(), "[limits]\nabandoned_ms = 200\n").await;
    let mut open = gate.open_stream(&question()).await;
    open.next_event().await.unwrap();

    drop(open);

    provider.cancelled().await;
    settled(&gate, "slow").await;
}

#[tokio::test]
async fn reading_on_has_an_end_in_size() {
    let piece = "x".repeat(64 * 1024);
    let turn = Turn::new()
        .says(std::iter::repeat_n(piece.as_str(), 400))
        .took(tokens());
    let tables = "[limits]\nabandoned_mb = 1\n";
    let (provider, gate) = stage(speaks(turn).pauses(Duration::from_millis(5)), tables).await;
    let mut open = gate.open_stream(&question()).await;
    open.next_event().await.unwrap();

    drop(open);

    provider.cancelled().await;
    settled(&gate, "large").await;
}

#[tokio::test]
async fn beyond_so_many_calls_are_cancelled() {
    let turn = Turn::new().says(["Hel"]).took(tokens());
    let tables = "[limits]\nabandoned_max = 1\n";
    let (provider, gate) = stage(speaks(turn).then_stalls(), tables).await;
    let mut first = gate.open_stream(&question()).await;
    let mut second = gate.open_stream(&question()).await;
    first.next_event().await.unwrap();
    second.next_event().await.unwrap();

    drop((first, second));

    provider.cancelled().await;
    gate.logged("client_gone").await;
    let metrics = metrics(&gate).await;
    for line in [
        "tollgate_abandoned_answers_total{result=\"crowded\"} 1",
        "tollgate_abandoned_answers_in_flight 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    assert_eq!(provider.cancellations(), 1);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_what_nobody_waits_for() {
    let turn = Turn::new().says(["Hel"]).took(tokens());
    let (provider, mut gate) = stage(speaks(turn).then_stalls(), "").await;
    let mut open = gate.open_stream(&question()).await;
    open.next_event().await.unwrap();
    drop(open);
    while !metrics(&gate)
        .await
        .contains("tollgate_abandoned_answers_in_flight 1")
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let asked = Instant::now();
    gate.signal(Signal::Terminate);
    let code = gate.ended().await;

    assert_eq!(code, Some(0));
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert!(
        gate.logs().contains("outcome=client_gone"),
        "it is settled all the same"
    );
    provider.cancelled().await;
}

/// What the log says of the request whose client went.
pub async fn settled_with(gate: &Gate) -> (String, String) {
    gate.logged("outcome=client_gone").await;
    let logs = gate.logs();
    let line = logs
        .lines()
        .find(|line| line.contains("outcome=client_gone"))
        .unwrap();
    let field = |name: &str| {
        let (_, rest) = line.split_once(name).unwrap();
        rest.split(' ').next().unwrap().to_owned()
    };
    (field("prompt_tokens="), field("completion_tokens="))
}

#[tokio::test]
async fn of_two_that_race_only_one_is_paid_for() {
    let first = FakeProvider::start_with(speaks(Turn::new().says(["Hello"]).took(tokens()))).await;
    let second = FakeProvider::start_with(slow().delays(Duration::from_millis(1_500))).await;
    let gate = setup()
        .channel(Channel::of("gemini", &first).named("first").models([MODEL]))
        .channel(
            Channel::of("gemini", &second)
                .named("second")
                .models([MODEL])
                .set("priority", "1"),
        )
        .config("[routing]\nhedge_percentile = 90\n")
        .start()
        .await;
    for _ in 0..20 {
        gate.post(&question()).await;
    }
    first.always(slow().delays(Duration::from_millis(2_500)));

    let asked = gate.send(gate.chat_request(gate.key(), question().to_string()));
    tokio::select! {
        _ = asked => panic!("both are slow"),
        _ = second.received(1) => {}
    }

    assert_eq!(settled_with(&gate).await, ("100".to_owned(), "77".to_owned()));
    let metrics = metrics(&gate).await;
    let paid = metrics
        .lines()
        .find(|line| {
            line.starts_with("tollgate_tokens_total{class=\"completion\",") && line.contains("\"second\"")
        })
        .unwrap_or_else(|| panic!("who was complete first is paid\n{metrics}"));
    assert!(paid.ends_with(" 77"), "{paid}");
}

#[tokio::test]
async fn what_a_failed_attempt_counted_is_not_paid_for() {
    let model = "glm-4-7-251222";
    let first = FakeProvider::start().await;
    first
        .next(says("one"))
        .next(fails(500, "", "boom").delays(Duration::from_millis(300)));
    let second = FakeProvider::start_with(says("two").delays(Duration::from_millis(700))).await;
    let gate = setup()
        .channel(Channel::of("zhipu", &first).named("first").models([model]))
        .channel(
            Channel::of("zhipu", &second)
                .named("second")
                .models([model])
                .set("priority", "1"),
        )
        .start()
        .await;

    let body = with(question_to(model), json!({"n": 2})).to_string();
    let asked = gate.send(gate.chat_request(gate.key(), body));
    tokio::select! {
        _ = asked => panic!("the second one is slow"),
        _ = second.received(2) => {}
    }

    let (prompt, _) = settled_with(&gate).await;
    assert_eq!(prompt, "18", "two choices, each with a prompt of nine tokens");
}

/// One of a provider that bills on, and gives one choice at once.
const SINGLE: &str = "doubao-seed-2.0-pro";

/// What the log says of the tokens of a request whose client leaves when all calls for its choices are under way, and
/// whether the books call them an estimate.
async fn left_at_once(scripts: [Script; 3], choices: usize, stream: bool) -> (u64, u64, bool) {
    let provider = FakeProvider::start().await;
    for script in scripts {
        provider.next(script.delays(Duration::from_millis(400)));
    }
    let gate = setup()
        .channel(Channel::of("ark", &provider).models([SINGLE]))
        .start()
        .await;
    let body = with(question_to(SINGLE), json!({"n": choices, "stream": stream})).to_string();
    let asked = gate.send(gate.chat_request(gate.key(), body));
    tokio::select! {
        _ = asked => panic!("the provider is slow"),
        _ = provider.received(choices) => {}
    }

    settled(&gate, "complete").await;
    let (prompt, completion) = settled_with(&gate).await;
    let is_estimated = sums_of_one(&gate).await["estimated"] == 1;
    (prompt.parse().unwrap(), completion.parse().unwrap(), is_estimated)
}

#[tokio::test]
async fn what_nobody_counts_is_paid_for_where_the_client_left_before_the_first_output() {
    for (choices, stream) in [(1, false), (3, false), (1, true), (3, true)] {
        let scripts = [(); 3].map(|()| uncounted("Hello there, whoever you are"));

        let (prompt, completion, is_estimated) = left_at_once(scripts, choices, stream).await;

        let told = format!("{choices}, {stream}: {prompt} and {completion}");
        let choices = choices as u64;
        // By bytes or by tiktoken, and what is around a message.
        assert!((6 * choices..=7 * choices).contains(&prompt), "{told}");
        assert!(completion >= 6 * choices && is_estimated, "{told}");
    }
}

#[tokio::test]
async fn where_one_of_several_calls_was_not_counted_the_sum_is_of_all_and_an_estimate() {
    for stream in [false, true] {
        let scripts = [
            says("one"),
            uncounted("Hello there, whoever you are"),
            says("three"),
        ];

        let (prompt, completion, is_estimated) = left_at_once(scripts, 3, stream).await;

        let told = format!("{stream}: {prompt} and {completion}");
        assert_eq!(prompt, 9 + 6 + 9, "{told}");
        assert!(completion > 1 + 6 && is_estimated, "{told}");
    }
}

#[tokio::test]
async fn what_was_said_is_paid_for_where_the_provider_broke_off_behind_its_end() {
    // given a count that came with the first words, and a text that the gate ends itself
    let mut first = chunk(json!({"content": "Hello "}), None);
    first["usage"] = json!({"prompt_tokens": 100, "completion_tokens": 2, "total_tokens": 102});
    let rest = "there, whoever you are, and whatever it is that you want STOP";
    let script = streams_events([first, chunk(json!({"content": rest}), None)]).then_resets();
    let provider = FakeProvider::start_with(script.pauses(GAP)).await;
    let gate = setup()
        .channel(Channel::of("ark", &provider).models([SINGLE]))
        .start()
        .await;
    let asked = with(question_to(SINGLE), json!({"stop": "STOP"}));
    let mut open = gate.open_stream(&asked).await;
    open.next_event().await.unwrap();

    drop(open);

    let (prompt, completion) = settled_with(&gate).await;
    let completion: u64 = completion.parse().unwrap();
    assert_eq!(prompt, "100");
    assert!(completion > 10, "{completion}: most of it came behind the count");
}

/// Three calls for one answer: two that count 100 and 300 at their end, and one that breaks off before.
async fn one_of_three_breaks_off(broken: [Value; 2]) -> (u64, u64) {
    let provider = FakeProvider::start().await;
    for _ in 0..2 {
        let words = ["Hel", "lo, ", "who", "ever"].map(|word| chunk(json!({"content": word}), None));
        let end = [chunk(json!({}), Some("stop")), usage_chunk(100, 300)];
        provider.next(streams_events(words.into_iter().chain(end)).pauses(GAP));
    }
    provider.next(streams_events(broken).pauses(GAP).then_resets());
    let gate = setup()
        .channel(Channel::of("ark", &provider).models([SINGLE]))
        .start()
        .await;
    let mut open = gate
        .open_stream(&with(question_to(SINGLE), json!({"n": 3})))
        .await;
    open.next_event().await.unwrap();

    drop(open);

    settled(&gate, "failed").await;
    let (prompt, completion) = settled_with(&gate).await;
    (prompt.parse().unwrap(), completion.parse().unwrap())
}

#[tokio::test]
async fn where_one_of_several_calls_breaks_off_the_others_are_read_to_their_end() {
    let words = ["Hello", "there"].map(|word| chunk(json!({"content": word}), None));

    let (prompt, completion) = one_of_three_breaks_off(words).await;

    assert_eq!(prompt, 100 + 100 + 6, "its own prompt is estimated");
    assert_eq!(completion, 300 + 300 + 3, "and so is what it said, ten bytes");
}

#[tokio::test]
async fn what_a_call_said_behind_its_last_count_is_paid_for_where_it_breaks_off() {
    let [mut first, second] = ["Hello", "there"].map(|word| chunk(json!({"content": word}), None));
    first["usage"] = json!({"prompt_tokens": 90, "completion_tokens": 2, "total_tokens": 92});

    let (prompt, completion) = one_of_three_breaks_off([first, second]).await;

    assert_eq!(prompt, 100 + 100 + 90);
    assert_eq!(
        completion,
        300 + 300 + 2 + 2,
        "two tokens that were counted, and five bytes"
    );
}
