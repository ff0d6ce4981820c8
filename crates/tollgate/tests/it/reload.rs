//! What a reload changes, and what it leaves as it was until the next start.

use std::{
    fs::{self, OpenOptions},
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tollgate_testkit::{
    gate::{Channel, Gate, Signal},
    provider::{FakeProvider, says},
};

use crate::stage::{MODEL, question, question_to, setup, with};

/// A gate with a catalogue file of its own.
struct Catalogued {
    provider: FakeProvider,
    gate: Gate,
    file: PathBuf,
    _dir: TempDir,
}

const HOUSE: &str = "house-7b";

/// The file with a model of the house; `reads` has to be followed by a comma.
fn catalog(reads: &str, upstream_id: &str, price: &str) -> String {
    format!(
        "[[provider]]\nname = \"lab\"\ntitle = \"Lab\"\nbase_url = \"http://127.0.0.1:9/v1\"\n\
         dialect = \"openai-chat\"\nabort_stops_billing = true\n\
         [[model]]\nid = \"{HOUSE}\"\nowner = \"acme\"\ncontract = \"general\"\ncontext = 32768\n\
         max_output = 8192\nreads = [{reads} \"text\"]\n\
         [[model.serving]]\nprovider = \"lab\"\nupstream_id = \"{upstream_id}\"\n\
         price = [{{ input = \"{price}\", output = \"{price}\" }}]\nsource = \"ours\"\n"
    )
}

impl Catalogued {
    async fn start() -> Self {
        let provider = FakeProvider::start_with(says("Hello")).await;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("own.toml");
        fs::write(&file, catalog("\"image\",", "acme/one", "1")).unwrap();
        let gate = setup()
            .config(&format!("[catalog]\nfiles = [\"{}\"]\n", file.display()))
            .channel(Channel::to(&provider).provider("lab"))
            .start()
            .await;
        Self {
            provider,
            gate,
            file,
            _dir: dir,
        }
    }

    /// What the provider was asked for last, whether a picture is read, and what a token costs.
    async fn what_counts(&self) -> (Value, u16, String) {
        let answer = self.gate.post(&question_to(HOUSE)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let asked = self.provider.requests().last().unwrap().json()["model"].clone();
        let picture = json!({"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
        ]}]});
        let with_picture = self.gate.post(&with(question_to(HOUSE), picture)).await;
        let id = answer.header("x-tollgate-request-id").unwrap().to_owned();
        let line = format!("request_id={id}");
        self.gate.logged(&line).await;
        let logs = self.gate.logs();
        let line = logs
            .lines()
            .find(|log| log.contains(&line) && log.contains("request ended"))
            .unwrap();
        let charge = line
            .split_whitespace()
            .find(|field| field.starts_with("charge="))
            .unwrap();
        (asked, with_picture.status, charge.to_owned())
    }
}

async fn reload(gate: &Gate, told: &str) {
    gate.signal(Signal::Reload);
    gate.logged(told).await;
}

#[tokio::test]
async fn a_changed_catalogue_file_changes_nothing_of_a_request_until_the_next_start() {
    let mut stage = Catalogued::start().await;
    let before = stage.what_counts().await;

    fs::write(&stage.file, catalog("", "acme/two", "99")).unwrap();
    reload(&stage.gate, "configuration reloaded").await;
    let reloaded = stage.what_counts().await;
    stage.gate.logged("catalog.files").await;
    stage.gate.restart().await;
    let started = stage.what_counts().await;

    assert_eq!((&before.0, before.1), (&json!("acme/one"), 200));
    assert_eq!(reloaded, before, "it would be half of one and half of the other");
    assert_eq!((&started.0, started.1), (&json!("acme/two"), 400));
    assert_ne!(started.2, before.2);
}

#[tokio::test]
async fn what_a_catalogue_file_adds_can_be_called_after_the_next_start_alone() {
    let stage = Catalogued::start().await;
    let added = catalog("", "acme/one", "1").replace(HOUSE, "house-8b");
    let (_, model) = added.split_once("[[model]]").unwrap();
    let file = format!("{}[[model]]{model}", fs::read_to_string(&stage.file).unwrap());
    fs::write(&stage.file, file).unwrap();

    reload(&stage.gate, "configuration reloaded").await;
    let of_catalogue = stage.gate.post(&question_to("house-8b")).await;
    // Named by the channel, it would be called without its contract.
    let path = stage.gate.config_path();
    let named = fs::read_to_string(&path).unwrap().replace(
        "provider = \"lab\"",
        "provider = \"lab\"\nmodels = [\"house-7b\", \"house-8b\"]",
    );
    fs::write(&path, named).unwrap();
    reload(&stage.gate, "nothing changed").await;
    let named = stage.gate.post(&question_to("house-8b")).await;

    for answer in [of_catalogue, named] {
        assert_eq!(
            answer.error_code().as_deref(),
            Some("model_not_found"),
            "{answer:?}"
        );
    }
    let told =
        "the model `house-8b` stands in what [catalog] files say now, which counts only after a restart";
    assert!(stage.gate.logs().contains(told), "{}", stage.gate.logs());
}

#[tokio::test]
async fn a_changed_floor_of_speed_is_named_and_counts_after_the_next_start() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = setup()
        .config("[routing]\nspeed_floor = 0\n")
        .channel(Channel::to(&provider).models([MODEL]))
        .start()
        .await;
    let path = gate.config_path();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        text.replace("speed_floor = 0", "speed_floor = 500\nspeed_window_ms = 100"),
    )
    .unwrap();

    provider.always(
        tollgate_testkit::provider::streams(std::iter::repeat_n("word ", 8))
            .pauses(std::time::Duration::from_millis(80)),
    );
    reload(&gate, "configuration reloaded").await;
    let stream = gate.stream(&question()).await;

    assert!(stream.has_done(), "{stream:?}");
    for field in ["routing.speed_floor", "routing.speed_window_ms"] {
        gate.logged(field).await;
    }
}

#[tokio::test]
async fn a_reload_that_leaves_no_channel_does_not_put_the_embedded_model_in_their_place() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = setup()
        .channel(Channel::to(&provider).models([MODEL]))
        .start()
        .await;
    let path = gate.config_path();
    let text = fs::read_to_string(&path).unwrap();

    // As in the moment in which a program writes it anew.
    fs::write(&path, "").unwrap();
    reload(&gate, "nothing changed").await;
    let answer = gate.post(&question()).await;
    fs::write(&path, text).unwrap();
    reload(&gate, "configuration reloaded").await;

    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, "Hello"),
        "{answer:?}"
    );
    assert_eq!(answer.header("x-tollgate-channel"), Some("fake"));
    assert!(gate.logs().contains("no channel is left"), "{}", gate.logs());
}

#[tokio::test]
async fn where_the_sandbox_is_off_a_reload_may_leave_no_channel() {
    let provider = FakeProvider::start_with(says("Hello")).await;
    let gate = setup()
        .config("[sandbox]\nenabled = false\n")
        .channel(Channel::to(&provider).models([MODEL]))
        .start()
        .await;
    let path = gate.config_path();
    let text = fs::read_to_string(&path).unwrap();
    let (without, _) = text.split_once("[[channels]]").unwrap();

    fs::write(&path, without).unwrap();
    reload(&gate, "configuration reloaded").await;

    let answer = gate.post(&question()).await;
    assert_eq!(answer.error_code().as_deref(), Some("no_channel"), "{answer:?}");
}

/// Its configuration is a pipe, so that it is known when it reads it and for how long.
#[test]
fn a_reload_that_is_asked_for_during_the_start_happens_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("tollgate.toml");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
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
        let sent = Command::new("kill")
            .args([name, &running.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    };
    let config: &[u8] = b"[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n";

    let mut reads = OpenOptions::new().write(true).open(&pipe).unwrap();
    signal("-HUP");
    reads.write_all(config).unwrap();
    drop(reads);
    assert!(logged("gate is up").is_some(), "it was ended by the signal");
    let mut reads_again = OpenOptions::new().write(true).open(&pipe).unwrap();
    reads_again.write_all(config).unwrap();
    drop(reads_again);

    assert!(logged("configuration reloaded").is_some());
    signal("-TERM");
    running.wait().unwrap();
}
