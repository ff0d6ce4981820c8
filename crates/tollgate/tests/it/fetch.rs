//! What a request names by URL is fetched for a provider that does not fetch: once, from where that is
//! allowed, and nothing else.

use serde_json::{Value, json};
use tollgate_testkit::{
    gate::{Answer, Channel, Gate},
    provider::{
        FakeProvider, Script, Turn, accepts_and_says_nothing, answers_with, decides, fails, hangs_up, says,
        speaks, streams_raw,
    },
};

use crate::stage::{get_from_admin, question_to, setup, with};

/// A model whose provider, Moonshot, takes images as data alone.
const MODEL: &str = "kimi-k2.5";
const ALLOWED: &str = "[fetch]\nallow_private = [\"127.0.0.1\"]\n";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
const PNG_URI: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==";
const PART: &str = "messages[0].content[1].image_url.url";

/// A host of images, a provider that does not fetch, and a gate in front of it.
struct Stage {
    host: FakeProvider,
    provider: FakeProvider,
    gate: Gate,
}

impl Stage {
    async fn new(script: Script, tables: &str) -> Self {
        let host = FakeProvider::start_with(script).await;
        let provider = FakeProvider::start().await;
        let gate = setup().channel(channel(&provider)).config(tables).start().await;
        Self { host, provider, gate }
    }

    fn url(&self) -> String {
        format!("{}/cat.png", self.host.host_url())
    }

    async fn ask(&self, url: &str) -> Answer {
        self.gate.post(&looks_at([url])).await
    }
}

fn channel(provider: &FakeProvider) -> Channel {
    Channel::to(provider).provider("moonshot").models([MODEL])
}

fn png() -> Script {
    answers_with(200, &[("content-type", "image/png")], PNG)
}

fn looks_at<'a>(urls: impl IntoIterator<Item = &'a str>) -> Value {
    let mut content = vec![json!({"type": "text", "text": "What is it?"})];
    content.extend(
        urls.into_iter()
            .map(|url| json!({"type": "image_url", "image_url": {"url": url}})),
    );
    with(
        question_to(MODEL),
        json!({"messages": [{"role": "user", "content": content}]}),
    )
}

/// The address of the image that the provider was sent.
fn sent(provider: &FakeProvider, place: usize) -> Value {
    let requests = provider.requests();
    let body = requests.last().unwrap().json();
    body["messages"][0]["content"][place]["image_url"]["url"].clone()
}

fn assert_not_fetched(answer: &Answer, param: &str) -> String {
    assert_eq!(
        (answer.status, answer.error_code().as_deref()),
        (400, Some("media_not_fetched"))
    );
    assert_eq!(answer.error_param().as_deref(), Some(param));
    answer.error_message().unwrap()
}

#[tokio::test]
async fn an_image_goes_to_the_provider_as_data_and_a_note_says_so() {
    let stage = Stage::new(png(), ALLOWED).await;

    let answer = stage.ask(&stage.url()).await;

    assert_eq!(answer.text(), "Hello");
    assert_eq!(answer.header("x-tollgate-notes"), Some("emulated:image_url"));
    assert_eq!(sent(&stage.provider, 1), PNG_URI);
    let fetched = stage.host.request();
    assert_eq!((fetched.method.as_str(), &*fetched.path), ("GET", "/cat.png"));
    for name in ["authorization", "cookie", "referer", "x-request-id"] {
        assert_eq!(fetched.header(name), None, "{name} is nothing to a foreign host");
    }
}

#[tokio::test]
async fn streams_have_their_images_fetched_too() {
    let stage = Stage::new(png(), ALLOWED).await;

    let answer = stage.gate.stream(&looks_at([&*stage.url()])).await;

    assert_eq!(answer.text(), "Hello");
    assert_eq!(answer.header("x-tollgate-notes"), Some("emulated:image_url"));
    assert_eq!(sent(&stage.provider, 1), PNG_URI);
}

#[tokio::test]
async fn what_is_refused_once_its_images_are_there_is_not_told_of_as_sent() {
    let stage = Stage::new(png(), ALLOWED).await;
    let settings = ["--name", "strict", "--strict-parameters"];
    let strict = stage.gate.create_key(&settings).await;
    let looks = looks_at([&*stage.url()]);
    // It takes no temperature.
    for (members, is_sent) in [(json!({}), true), (json!({"temperature": 0.5}), false)] {
        let answer = stage.gate.post_with(&strict, &with(looks.clone(), members)).await;

        let id = answer.header("x-tollgate-request-id").unwrap();
        let told = get_from_admin(&stage.gate, &format!("/admin/v1/requests/{id}")).await;
        let attempt = &told.json()["attempts"][0];
        assert_eq!(answer.status, if is_sent { 200 } else { 400 }, "{answer:?}");
        assert_eq!(attempt["sent_ms"].is_u64(), is_sent, "{attempt}");
    }
    assert_eq!(stage.host.requests().len(), 2);
    stage.provider.request();
}

#[tokio::test]
async fn one_url_is_fetched_once_however_often_it_is_named_and_whoever_is_tried() {
    let host = FakeProvider::start_with(png()).await;
    let first = FakeProvider::start_with(fails(500, "", "boom")).await;
    let second = FakeProvider::start_with(says("second")).await;
    let gate = setup()
        .channel(channel(&first))
        .channel(channel(&second).named("spare").set("priority", "1"))
        .config(ALLOWED)
        .start()
        .await;
    let url = format!("{}/cat.png", host.host_url());

    let answer = gate.post(&looks_at([&*url, &url])).await;

    assert_eq!(answer.text(), "second");
    assert_eq!(host.requests().len(), 1);
    assert_eq!([sent(&first, 1), sent(&second, 2)], [PNG_URI, PNG_URI]);
}

#[tokio::test]
async fn a_provider_that_fetches_by_itself_gets_the_url() {
    let host = FakeProvider::start_with(png()).await;
    let provider = FakeProvider::start().await;
    let channel = Channel::to(&provider).models([MODEL]);
    let gate = setup().channel(channel).config(ALLOWED).start().await;
    let url = format!("{}/cat.png", host.host_url());

    let answer = gate.post(&looks_at([&*url])).await;

    assert_eq!(answer.header("x-tollgate-notes"), None);
    assert_eq!(sent(&provider, 1), *url);
    assert!(host.requests().is_empty());
}

#[tokio::test]
async fn a_provider_that_fetches_over_https_alone_gets_what_is_at_an_http_url_as_data() {
    let host = FakeProvider::start_with(png()).await;
    let provider = FakeProvider::start_with(speaks(Turn::new().says(["A cat."]))).await;
    let claude = Channel::of("anthropic", &provider).models(["claude-sonnet-4-6"]);
    let gate = setup().channel(claude).config(ALLOWED).start().await;
    let plain = format!("{}/cat.png", host.host_url());
    let secure = "https://images.example/cat.png";
    let mut request = looks_at([&*plain, secure]);
    request["model"] = json!("claude-sonnet-4-6");

    let answer = gate.post(&request).await;

    assert_eq!(answer.text(), "A cat.", "{answer:?}");
    let received = provider.request();
    let sent = received.json();
    let content = &sent["messages"][0]["content"];
    assert_eq!(content[1]["source"]["type"], "base64");
    assert_eq!(
        content[2]["source"],
        json!({"type": "url", "url": secure}),
        "what it fetches itself stays a URL"
    );
    assert_eq!(host.requests().len(), 1);
}

#[tokio::test]
async fn nothing_is_fetched_from_an_address_that_is_not_public() {
    let stage = Stage::new(png(), "").await;
    let port = stage.host.address().port();

    for host in [
        "127.0.0.1",
        "localhost",
        "0x7f.1",
        "2130706433",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
    ] {
        let answer = stage.ask(&format!("http://{host}:{port}/cat.png")).await;

        let message = assert_not_fetched(&answer, PART);
        assert!(!message.contains("127.0.0.1"), "{message}");
    }
    assert_eq!(stage.host.open_connections(), 0);
    assert!(stage.host.requests().is_empty() && stage.provider.requests().is_empty());
}

#[tokio::test]
async fn a_host_that_may_not_be_reached_reads_like_one_that_is_not_there() {
    let stage = Stage::new(png(), "").await;

    let forbidden = stage.ask(&stage.url()).await;
    let missing = stage.ask("http://no-such-host.invalid/cat.png").await;

    assert_eq!(
        assert_not_fetched(&forbidden, PART),
        assert_not_fetched(&missing, PART)
    );
}

#[tokio::test]
async fn redirects_are_followed_three_times_and_never_to_where_fetching_is_not_allowed() {
    let redirects = decides(|request| match request.path.strip_prefix("/hop/") {
        Some("0") | None => png(),
        Some(left) => {
            let left: u32 = left.parse().unwrap();
            answers_with(302, &[("location", &format!("/hop/{}", left - 1))], "")
        }
    });
    let stage = Stage::new(redirects, ALLOWED).await;
    let host = stage.host.host_url();

    let three = stage.ask(&format!("{host}/hop/3")).await;
    let four = stage.ask(&format!("{host}/hop/4")).await;

    assert_eq!(three.text(), "Hello");
    assert_not_fetched(&four, PART);

    let port = stage.host.address().port();
    for target in [
        // Allowed is 127.0.0.1 alone, and this machine listens on all of 127.0.0.0/8.
        &*format!("http://127.0.0.2:{port}/hop/0"),
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/latest/meta-data/",
        "file:///etc/passwd",
        "http://user:hunter2@127.0.0.1/",
    ] {
        stage.host.always(answers_with(307, &[("location", target)], ""));

        let answer = stage.ask(&host).await;

        let message = assert_not_fetched(&answer, PART);
        assert!(
            !message.contains("169.254") && !message.contains("hunter2"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn what_is_no_image_is_not_put_into_the_prompt_nor_shown() {
    let json = [("content-type", "application/json")];
    let image = [("content-type", "image/png")];
    let encoded = [("content-type", "image/png"), ("content-encoding", "gzip")];
    for (what, script) in [
        ("JSON", answers_with(200, &json, "{\"secret\": 1}")),
        (
            "a text that calls itself an image",
            answers_with(200, &image, "secret = 1"),
        ),
        (
            "a page",
            answers_with(200, &[("content-type", "text/html")], "<p>secret"),
        ),
        ("an error", answers_with(403, &image, "secret")),
        ("nothing", answers_with(200, &image, "")),
        ("something encoded", answers_with(200, &encoded, PNG)),
        ("a partial answer", answers_with(206, &image, PNG)),
        ("a hang-up", hangs_up()),
    ] {
        let stage = Stage::new(script, ALLOWED).await;

        let answer = stage.ask(&stage.url()).await;

        let message = assert_not_fetched(&answer, PART);
        assert!(!message.contains("secret"), "{what}: {message}");
        assert!(stage.provider.requests().is_empty(), "{what}");
    }
}

#[tokio::test]
async fn an_image_that_is_too_large_is_refused_whether_its_length_is_told_or_not() {
    let large = [PNG, &vec![0; 1 << 20]].concat();
    let pieces = large.chunks(64 * 1024).map(<[u8]>::to_vec);
    let tables = format!("{ALLOWED}size_mb = 1\n");
    for script in [
        answers_with(200, &[("content-type", "image/png")], large.clone()),
        streams_raw(pieces.collect::<Vec<_>>()).header("content-type", "image/png"),
    ] {
        let stage = Stage::new(script, &tables).await;

        let answer = stage.ask(&stage.url()).await;

        let message = assert_not_fetched(&answer, PART);
        assert!(message.contains("1 MiB"), "{message}");
    }
}

#[tokio::test]
async fn a_host_that_keeps_silent_is_given_up_in_time() {
    let tables = format!("{ALLOWED}timeout_ms = 200\n");
    let stage = Stage::new(accepts_and_says_nothing(), &tables).await;

    let answer = stage.ask(&stage.url()).await;

    let message = assert_not_fetched(&answer, PART);
    assert!(message.contains("200 ms"), "{message}");
    stage.host.cancelled().await;
}

#[tokio::test]
async fn the_second_image_is_named_where_it_is_the_one_that_fails() {
    let script = decides(|request| match &*request.path {
        "/cat.png" => png(),
        _ => answers_with(404, &[], ""),
    });
    let stage = Stage::new(script, ALLOWED).await;
    let (there, missing) = (stage.url(), format!("{}/dog.png", stage.host.host_url()));

    let answer = stage.gate.post(&looks_at([&*there, &missing])).await;

    let message = assert_not_fetched(&answer, "messages[0].content[2].image_url.url");
    assert!(message.contains("404"), "{message}");
}

#[tokio::test]
async fn a_request_may_name_only_so_many_urls() {
    let stage = Stage::new(png(), ALLOWED).await;
    let host = stage.host.host_url();
    let urls: Vec<String> = (0..33).map(|number| format!("{host}/{number}.png")).collect();

    let answer = stage.gate.post(&looks_at(urls.iter().map(String::as_str))).await;

    assert_not_fetched(&answer, "messages[0].content[33].image_url.url");
    assert!(stage.host.requests().is_empty());
}

#[tokio::test]
async fn where_fetching_is_off_such_a_url_is_refused_with_the_way_out() {
    let stage = Stage::new(png(), &format!("{ALLOWED}enabled = false\n")).await;

    let answer = stage.ask(&stage.url()).await;

    assert_eq!(
        (answer.status, answer.error_code().as_deref()),
        (400, Some("unsupported_parameter"))
    );
    assert!(answer.error_message().unwrap().contains("data URI"));
    assert!(stage.host.requests().is_empty());
}

#[tokio::test]
async fn what_is_fetched_counts_against_the_gates_memory() {
    let large = [PNG, &vec![0; 3 << 20]].concat();
    let image = answers_with(200, &[("content-type", "image/png")], large);
    let limits = "[limits]\nrequest_body_mb = 2\nanswer_mb = 2\nbuffered_mb = 2\n";
    let stage = Stage::new(image, &format!("{limits}{ALLOWED}size_mb = 2\n")).await;

    let answer = stage.ask(&stage.url()).await;
    assert_not_fetched(&answer, PART);

    let half = [PNG, &vec![0; 1_700_000]].concat();
    stage
        .host
        .always(answers_with(200, &[("content-type", "image/png")], half));
    let answer = stage.ask(&stage.url()).await;

    assert_eq!(
        (answer.status, answer.error_code().as_deref()),
        (503, Some("overloaded")),
        "raw and as base64 it is more than the gate may hold"
    );
}

#[tokio::test]
async fn fetches_are_counted_by_what_came_of_them() {
    let script = decides(|request| match &*request.path {
        "/cat.png" => png(),
        _ => answers_with(404, &[], ""),
    });
    let stage = Stage::new(script, ALLOWED).await;
    let missing = format!("{}/dog.png", stage.host.host_url());
    stage.ask(&stage.url()).await;
    stage.ask(&stage.url()).await;
    stage.ask(&missing).await;
    stage.ask("http://no-such-host.invalid/cat.png").await;

    let metrics = get_from_admin(&stage.gate, "/metrics").await;

    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    let bytes = format!("tollgate_media_fetched_bytes_total {}", 2 * PNG.len());
    for line in [
        "tollgate_media_fetches_total{result=\"ok\"} 2",
        "tollgate_media_fetches_total{result=\"status\"} 1",
        "tollgate_media_fetches_total{result=\"unreachable\"} 1",
        "tollgate_media_fetch_duration_seconds_count 4",
        &bytes,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}
