//! What `tollgate serve` promises to whoever starts, reloads and ends it.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use http::HeaderValue;
use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Channel, Gate, GateSetup, Signal},
    provider::{FakeProvider, accepts_and_says_nothing, says, streams},
};

/// Between two pieces, so that a stream is under way when the signal comes.
const SLOWLY: Duration = Duration::from_millis(100);

/// A model of the catalogue.
const PRICED: &str = "gpt-4o";

fn question() -> Value {
    question_to("m")
}

fn question_to(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "x" }] })
}

fn gate() -> GateSetup {
    GateSetup::of(env!("CARGO_BIN_EXE_tollgate"))
}

/// The gate's configuration with one line in it replaced.
fn rewrite(gate: &Gate, from: &str, to: &str) {
    let path = gate.config_path();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

async fn models(gate: &Gate) -> Vec<String> {
    let answer: Value = gate.get("/v1/models").await.json();
    answer["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_second_gate_on_the_same_data_directory_is_refused() {
    let first = gate().start().await;

    let second = first.command(&["serve"]).await;

    assert_eq!((second.code, second.stdout.as_str()), (Some(1), ""), "{second:?}");
    let told = format!("is used by another tollgate (process {})", first.id());
    assert!(second.stderr.contains(&told), "{second:?}");
}

#[tokio::test]
async fn a_second_gate_on_the_same_database_file_is_refused_and_commands_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("books.db");
    let database = format!("[database]\nurl = \"sqlite://{}\"\n", file.display());
    let first = gate().config(&database).start().await;
    let beside = gate().config(&database).written();

    let second = beside.command(&["serve"]).await;
    let command = beside.command(&["keys", "create", "--name", "late"]).await;

    assert_eq!((second.code, second.stdout.as_str()), (Some(1), ""), "{second:?}");
    for told in [file.display().to_string(), format!("(process {})", first.id())] {
        assert!(second.stderr.contains(&told), "{second:?}");
    }
    assert!(command.success(), "{command:?}");
}

#[tokio::test]
async fn a_gate_that_was_killed_leaves_the_directory_free() {
    let mut first = gate().start().await;
    first.signal(Signal::Kill);
    first.ended().await;

    // A port that is taken shows how far the next one gets: past the lock.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    rewrite(
        &first,
        "admin_listen = \"127.0.0.1:0\"",
        &format!("admin_listen = \"{address}\""),
    );
    let second = first.command(&["serve"]).await;

    assert!(
        second.stderr.contains("`server.admin_listen`: cannot listen on"),
        "{second:?}"
    );
}

#[tokio::test]
async fn both_stop_signals_end_it_well() {
    for signal in [Signal::Terminate, Signal::Interrupt] {
        let mut gate = gate().start().await;

        gate.signal(signal);

        assert_eq!(gate.ended().await, Some(0), "{}", gate.logs());
    }
}

#[tokio::test]
async fn a_stream_under_way_is_finished_before_the_gate_ends() {
    let provider = FakeProvider::start_with(streams(["a", "b", "c", "d"]).pauses(SLOWLY)).await;
    let mut gate = gate().channel(Channel::to(&provider).models(["m"])).start().await;
    let mut stream = gate.open_stream(&question()).await;
    stream.next_event().await.expect("it has begun");

    gate.signal(Signal::Terminate);
    let streamed = stream.rest().await;

    assert_eq!(streamed.text(), "abcd");
    assert!(streamed.has_done());
    assert_eq!(gate.ended().await, Some(0), "{}", gate.logs());
}

#[tokio::test]
async fn a_draining_gate_takes_no_new_connection() {
    let provider = FakeProvider::start_with(streams(["a", "b"]).then_stalls()).await;
    let gate = gate().channel(Channel::to(&provider).models(["m"])).start().await;
    let mut stream = gate.open_stream(&question()).await;
    stream.next_event().await.expect("it has begun");

    gate.signal(Signal::Terminate);
    gate.logged("shutting down").await;

    // The listener goes right after the log line; nobody may be taken once it is gone.
    let patience = Instant::now() + Duration::from_secs(5);
    while tokio::net::TcpStream::connect(gate.address()).await.is_ok() {
        assert!(
            Instant::now() < patience,
            "somebody would wait for an answer that never comes"
        );
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn streams_that_outlast_the_drain_do_not_hold_the_gate() {
    let provider = FakeProvider::start_with(streams(["a", "b"]).then_stalls()).await;
    let setup = gate().config("[limits]\ndrain_ms = 100\n");
    let mut gate = setup.channel(Channel::to(&provider).models(["m"])).start().await;
    let mut stream = gate.open_stream(&question()).await;
    stream.next_event().await.expect("it has begun");

    gate.signal(Signal::Terminate);

    assert_eq!(gate.ended().await, Some(0), "{}", gate.logs());
}

#[tokio::test]
async fn what_the_drain_cuts_off_ends_with_an_error_and_costs_nothing() {
    let streaming = FakeProvider::start_with(streams(["a", "b"]).then_stalls()).await;
    let silent = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let prices = "{ gpt-4o = { input = \"3\", output = \"15\" } }";
    let setup = gate()
        .config("[limits]\ndrain_ms = 100\n")
        .channel(
            Channel::to(&streaming)
                .named("streaming")
                .models([PRICED])
                .set("prices", prices),
        )
        .channel(
            Channel::to(&silent)
                .named("silent")
                .models(["m"])
                .set("prices", "{ m = { input = \"3\", output = \"15\" } }"),
        );
    let mut gate = setup.start().await;
    let mut stream = gate.open_stream(&question_to(PRICED)).await;
    stream.next_event().await.expect("it has begun");
    let asked = question();
    let whole = gate.post(&asked);
    // Carried in a task of its own.
    let mut repeatable = gate.chat_request(gate.key(), asked.to_string());
    let name = HeaderValue::from_static("once");
    repeatable.headers_mut().insert("idempotency-key", name);
    let repeatable = gate.send(repeatable);
    let ended = async {
        silent.received(2).await;
        gate.signal(Signal::Terminate);
        stream.rest().await
    };

    let (whole, repeatable, streamed) = tokio::join!(whole, repeatable, ended);

    for answer in [whole, repeatable] {
        assert_eq!(
            (answer.status, answer.error_code().as_deref()),
            (503, Some("shut_down"))
        );
    }
    assert_eq!(streamed.error_code(), Some("shut_down"), "{streamed:?}");
    assert!(!streamed.has_done());
    assert_eq!(gate.ended().await, Some(0), "{}", gate.logs());
    let logs = gate.logs();
    let lines = logs.lines().filter(|line| line.contains("request ended"));
    assert_eq!(
        lines.filter(|line| line.contains("shut_down")).count(),
        3,
        "{logs}"
    );
    let sums = gate.command(&["usage", "--json"]).await;
    let sums: serde_json::Value = serde_json::from_str(&sums.stdout).expect("JSON");
    let charges: Vec<_> = sums
        .as_array()
        .unwrap()
        .iter()
        .map(|sum| &sum["charge"])
        .collect();
    assert_eq!(charges, ["0.00", "0.00"], "{sums}");
    // Two prompts of about five tokens, which their provider may have read.
    let of_silent = sums.as_array().unwrap().iter().find(|sum| sum["model"] == "m");
    assert_eq!(of_silent.expect("both were asked")["cost"], "0.00003", "{sums}");
}

/// A gate that is told to end while the client of a request that may come again is away.
async fn ended_while_the_client_was_away(provider: &FakeProvider, tables: &str) -> (String, Value) {
    let prices = "{ gpt-4o = { input = \"3\", output = \"15\" } }";
    let channel = Channel::to(provider).models([PRICED]).set("prices", prices);
    let mut gate = gate().config(tables).channel(channel).start().await;
    let mut request = gate.chat_request(gate.key(), question_to(PRICED).to_string());
    let name = HeaderValue::from_static("once");
    request.headers_mut().insert("idempotency-key", name);
    let lost = tokio::time::timeout(Duration::from_millis(300), gate.send(request)).await;
    assert!(lost.is_err(), "the answer was not to be there yet");

    gate.signal(Signal::Terminate);

    assert_eq!(gate.ended().await, Some(0), "{}", gate.logs());
    let logs = gate.logs();
    let mut lines = logs.lines().filter(|line| line.contains("request ended"));
    let line = lines.next().unwrap_or_else(|| panic!("it is not told: {logs}"));
    let line = line.to_owned();
    // As the next run finds it in the books.
    gate.start_again().await;
    let sums = gate.command(&["usage", "--json"]).await;
    let sums: Value = serde_json::from_str(&sums.stdout).expect("JSON");
    (line, sums[0]["charge"].clone())
}

#[tokio::test]
async fn an_answer_whose_client_may_come_back_is_finished_before_the_gate_ends() {
    let provider = FakeProvider::start_with(says("Hello").delays(Duration::from_secs(1))).await;

    let (line, charge) = ended_while_the_client_was_away(&provider, "").await;

    assert!(line.contains("outcome=ok"), "{line}");
    assert_ne!(charge, "0.00", "it was all there");
    assert_eq!(provider.cancellations(), 0);
}

#[tokio::test]
async fn an_answer_whose_client_may_come_back_is_cut_off_by_the_drain_and_costs_nothing() {
    let provider = FakeProvider::start_with(accepts_and_says_nothing()).await;
    let tables = "[limits]\ndrain_ms = 200\n[idempotency]\nlinger_ms = 60000\n";

    let (line, charge) = ended_while_the_client_was_away(&provider, tables).await;

    assert!(line.contains("outcome=shut_down"), "{line}");
    assert_eq!(charge, "0.00");
}

#[tokio::test]
async fn a_connection_that_was_accepted_has_its_first_request_answered() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let setup = gate().config("[limits]\nleave_ms = 0\n");
    let mut gate = setup.channel(Channel::to(&provider).models(["m"])).start().await;
    let mut connection = gate.raw().await;
    // The gate has accepted it once it answers on one that came later.
    assert_eq!(gate.get("/healthz").await.status, 200);

    gate.signal(Signal::Terminate);
    gate.logged("shutting down").await;
    connection
        .write(b"GET /healthz HTTP/1.1\r\nhost: gate\r\n\r\n")
        .await;

    let answer = connection.read_to_end().await;
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    assert_eq!(gate.ended().await, Some(0), "{}", gate.logs());
}

#[tokio::test]
async fn a_second_stop_signal_ends_it_at_once() {
    let provider = FakeProvider::start_with(streams(["a", "b"]).then_stalls()).await;
    let mut gate = gate().channel(Channel::to(&provider).models(["m"])).start().await;
    let mut stream = gate.open_stream(&question()).await;
    stream.next_event().await.expect("it has begun");
    gate.signal(Signal::Terminate);
    gate.logged("shutting down").await;

    let asked = Instant::now();
    gate.signal(Signal::Terminate);

    assert_eq!(gate.ended().await, Some(1), "{}", gate.logs());
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "it waited for its drain of 30 seconds"
    );
}

#[tokio::test]
async fn a_reload_takes_the_channels_of_the_file() {
    let provider = FakeProvider::start().await;
    let gate = gate()
        .channel(Channel::to(&provider).models(["first"]))
        .start()
        .await;
    assert_eq!(models(&gate).await, ["first"]);

    rewrite(&gate, "\"first\"", "\"second\"");
    gate.signal(Signal::Reload);
    gate.logged("configuration reloaded").await;

    assert_eq!(models(&gate).await, ["second"]);
}

#[tokio::test]
async fn a_reload_of_a_wrong_file_changes_nothing_and_tells_why() {
    let provider = FakeProvider::start().await;
    let gate = gate()
        .channel(Channel::to(&provider).models(["first"]))
        .start()
        .await;

    rewrite(&gate, "models = [\"first\"]", "models = [\"second\"]\nwaight = 2");
    gate.signal(Signal::Reload);
    gate.logged("nothing changed").await;

    assert!(gate.logs().contains("unknown field `waight`"), "{}", gate.logs());
    assert_eq!(models(&gate).await, ["first"]);
}

/// As in the moment in which a deployment puts another file in its place.
#[test]
fn a_reload_without_the_file_that_was_there_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let config = "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n\
                  [[channels]]\nname = \"c\"\nprovider = \"local\"\nbase_url = \"http://127.0.0.1:9/v1\"\nmodels = [\"m\"]\n";
    fs::write(dir.path().join("tollgate.toml"), config).unwrap();
    let mut running = Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .arg("serve")
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(running.stderr.take().unwrap()).lines();
    let mut logged = |text: &str| log.find_map(|line| line.ok().filter(|line| line.contains(text)));
    let signal = |name: &str| {
        Command::new("kill")
            .args([name, &running.id().to_string()])
            .status()
    };

    let is_up = logged("gate is up");
    fs::remove_file(dir.path().join("tollgate.toml")).unwrap();
    let asked = signal("-HUP");
    let line = logged("configuration");
    let ended = signal("-TERM");

    assert!(is_up.is_some() && asked.unwrap().success() && ended.unwrap().success());
    running.wait().unwrap();
    let line = line.unwrap();
    assert!(
        line.contains("ERROR") && line.contains("not reloaded: nothing changed"),
        "{line}"
    );
}

#[tokio::test]
async fn the_embedded_model_is_not_in_the_place_of_channels_that_are_switched_off() {
    let provider = FakeProvider::start().await;
    let gate = gate()
        .channel(Channel::to(&provider).models([PRICED]).set("weight", "2"))
        .start()
        .await;

    rewrite(&gate, "weight = 2", "enabled = false");
    gate.signal(Signal::Reload);
    gate.logged("configuration reloaded").await;

    let answer = gate.post(&question_to(PRICED)).await;
    assert_eq!(
        (answer.status, answer.error_code().as_deref()),
        (503, Some("no_channel")),
        "{answer:?}"
    );
    assert_eq!(models(&gate).await, [""; 0]);
    let checked = gate.command(&["check"]).await;
    assert!(
        checked.stdout.contains("off, since there are channels"),
        "{checked:?}"
    );
}

#[tokio::test]
async fn a_reload_names_what_only_counts_after_a_restart() {
    let gate = gate().start().await;

    let path = gate.config_path();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, format!("{text}\n[limits]\nn_max = 2\n")).unwrap();
    gate.signal(Signal::Reload);
    gate.logged("configuration reloaded").await;

    let logs = gate.logs();
    assert!(
        logs.contains("limits.n_max") && logs.contains("after a restart"),
        "{logs}"
    );
}

#[tokio::test]
async fn a_key_made_while_it_runs_works_at_once_and_a_revoked_one_ends_within_a_second() {
    let provider = FakeProvider::start().await;
    let gate = gate().channel(Channel::to(&provider).models(["m"])).start().await;
    let key = gate.create_key(&["--name", "late"]).await;
    let status = async || {
        let body = json!({ "model": "none", "messages": [{ "role": "user", "content": "x" }] });
        gate.send(gate.chat_request(&key, body.to_string())).await.status
    };
    assert_eq!(status().await, 404, "the key is taken, the model is not");

    assert!(
        gate.command(&["keys", "revoke", "--name", "late"])
            .await
            .success()
    );

    let asked = Instant::now();
    while status().await != 401 {
        assert!(asked.elapsed().as_millis() < 1_000, "a revoked key still works");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_log_is_json_where_that_is_asked_for_and_holds_no_key() {
    let gate = gate().config("[log]\nformat = \"json\"\n").start().await;

    let body = json!({ "model": "none", "messages": [{ "role": "user", "content": "a secret question" }] });
    gate.post(&body).await;
    gate.signal(Signal::Reload);
    gate.logged("configuration reloaded").await;

    let logs = gate.logs();
    for line in logs.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert!(
        !logs.contains(gate.key()) && !logs.contains("a secret question"),
        "{logs}"
    );
}
