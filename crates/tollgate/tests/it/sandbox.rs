//! With no credential at all the embedded model answers, under the contract of the model that is named.
//!
//! The model is too large for the repository: the variable `TOLLGATE_MODEL` names its file, else the tests look
//! into `data/models`, which `tollgate models pull` fills. Where neither has it they say so and pass; a variable
//! that names no file is a mistake, and fails.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    sync::Once,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tollgate_testkit::gate::Gate;

use crate::{
    pages::{DEEPSEEK, DOUBAO, GEMINI, GENERAL, MODELS, QWEN, examples},
    stage::{question_to, setup, with},
};

const VARIABLE: &str = "TOLLGATE_MODEL";

/// A gate in whose data directory the embedded model is; `None`, said aloud, where there is none.
pub async fn gate_with_model() -> Option<Gate> {
    let folder = model_folder()?;
    let gate = setup().start().await;
    // It may be pulled while the gate runs, so it may be put there, too.
    std::os::unix::fs::symlink(folder, gate.data_dir().join("models")).unwrap();
    Some(gate)
}

fn model_folder() -> Option<PathBuf> {
    if let Some(file) = std::env::var_os(VARIABLE) {
        let file = PathBuf::from(file);
        assert!(
            file.is_file() && file.extension().is_some_and(|end| end == "gguf"),
            "{VARIABLE} has to name the embedded model's file, and {} is none",
            file.display()
        );
        let file = file.canonicalize().unwrap();
        return Some(file.parent().expect("a file is in a folder").to_owned());
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/models");
    let has_model = folder.read_dir().is_ok_and(|mut files| {
        files.any(|file| file.is_ok_and(|file| file.path().extension().is_some_and(|end| end == "gguf")))
    });
    if has_model {
        return Some(folder.canonicalize().unwrap());
    }
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        // Not `eprintln`: the test harness captures it, and this has to be seen.
        let line = format!("SKIPPED: neither {VARIABLE} nor data/models has the embedded model\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    });
    None
}

/// A question with a short answer, the same every time.
pub fn short(model: &str, members: Value) -> Value {
    let request = with(
        question_to(model),
        json!({"temperature": 0, "seed": 1, "max_tokens": 16}),
    );
    with(request, members)
}

pub fn user(text: &str) -> Value {
    json!([{"role": "user", "content": text}])
}

#[tokio::test]
async fn every_documented_example_is_answered_as_far_as_the_model_goes() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    for example in examples() {
        // What the samples leave open would be a long answer.
        let limit = match example.request["model"].as_str() {
            Some(QWEN) => json!({"max_completion_tokens": 8}),
            _ => json!({"max_tokens": 8}),
        };
        let request = with(example.request, limit);

        let whole = gate.post(&request).await;
        let stream = gate.stream(&request).await;

        assert_eq!(
            (whole.status, stream.status),
            (200, 200),
            "{}: {whole:?}",
            example.name
        );
        assert_eq!(whole.json()["system_fingerprint"], "sandbox", "{}", example.name);
        assert_eq!(
            whole.header("x-tollgate-channel"),
            Some("sandbox"),
            "{}",
            example.name
        );
        let chunks = &stream.summary().chunks;
        assert!(
            chunks
                .iter()
                .all(|chunk| chunk["system_fingerprint"] == "sandbox"),
            "{}",
            example.name
        );
        assert!(stream.has_done(), "{}", example.name);
    }
}

#[tokio::test]
async fn it_knows_the_capital_of_japan() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let asked = short(
        GENERAL,
        json!({"messages": user("What is the capital of Japan?"), "max_tokens": 32}),
    );

    let answer = gate.post(&asked).await;

    assert!(answer.text().contains("Tokyo"), "{}", answer.text());
}

#[tokio::test]
async fn what_it_cannot_do_is_refused_by_name() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let functions = json!([{"name": "weather"}]);
    let tags = json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true});
    let backwards = json!({"type": "string", "pattern": "(?<=a)b"});
    let format = |schema: &Value| {
        let schema = json!({"type": "object", "properties": {"tags": schema}});
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}})
    };
    let tools = json!([{"type": "function", "function": {"name": "tag", "parameters": tags}}]);
    let file = json!([{"role": "user", "content": [
        {"type": "text", "text": "Read this."},
        {"type": "file", "file": {"file_id": "file-1"}},
    ]}]);
    let large = json!({"type": "array", "items": {"type": "string", "enum": vec!["a"; 5_001]}});
    for (members, param, keyword) in [
        (json!({"functions": functions}), "functions", "functions"),
        (
            json!({"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}),
            "modalities",
            "other modalities",
        ),
        (
            json!({"web_search_options": {}}),
            "web_search_options",
            "searches nowhere",
        ),
        (
            json!({"messages": file}),
            "messages[0].content[1]",
            "a provider's storage",
        ),
        (
            format(&large),
            "response_format.json_schema.schema",
            "`enum` at `/properties/tags/items`",
        ),
        (
            format(&tags),
            "response_format.json_schema.schema",
            "`uniqueItems` at `/properties/tags`",
        ),
        (
            format(&backwards),
            "response_format.json_schema.schema",
            "`pattern` at `/properties/tags`",
        ),
        (
            json!({"tools": tools}),
            "tools[0].function.parameters",
            "`uniqueItems`",
        ),
    ] {
        let answer = gate.post(&short(GENERAL, members.clone())).await;

        assert_eq!(answer.status, 400, "{members}");
        assert_eq!(answer.error_param().as_deref(), Some(param), "{members}");
        assert_eq!(
            answer.error_code().as_deref(),
            Some("unsupported_parameter"),
            "{members}"
        );
        let message = answer.error_message().unwrap();
        assert!(message.contains(keyword), "{message}");
    }
    let idle = json!({"function_call": "none", "modalities": ["text"], "n": 1, "logprobs": false, "logit_bias": {}, "tools": [], "response_format": {"type": "text"}});
    assert_eq!(gate.post(&short(GENERAL, idle)).await.status, 200);
}

#[tokio::test]
async fn what_it_cannot_read_is_replaced_and_a_note_says_so() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let part = |kind: &str| json!({"type": kind, kind: {"url": "https://example.com/a"}});
    let content = json!([{"type": "text", "text": "What is this?"}, part("image_url"), part("video_url")]);

    let media = gate
        .post(&short(
            DOUBAO,
            json!({"messages": [{"role": "user", "content": content}]}),
        ))
        .await;

    let notes = media.header("x-tollgate-notes").unwrap_or_default();
    assert!(notes.contains("image") && notes.contains("video"), "{notes}");
}

#[tokio::test]
async fn what_it_leaves_out_is_named_and_refused_for_a_strict_key() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let strict = gate
        .create_key(&["--name", "strict", "--strict-parameters"])
        .await;
    let hints = json!({"top_k": 3, "verbosity": "low", "enable_search": true, "foo": 1});
    let asked = short(GENERAL, hints);

    let lenient = gate.post(&asked).await;
    let refused = gate.post_with(&strict, &asked).await;

    assert_eq!(
        (lenient.status, lenient.header("x-tollgate-notes")),
        (
            200,
            Some("omitted:top_k, omitted:verbosity, omitted:enable_search, omitted:foo")
        )
    );
    assert_eq!(
        (refused.status, refused.error_code().as_deref()),
        (400, Some("unsupported_parameter"))
    );
}

#[tokio::test]
async fn a_thinking_contract_has_its_reasoning() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let on = json!({"enable_thinking": true, "max_tokens": 48});

    let whole = gate.post(&short(QWEN, on.clone())).await;
    let stream = gate.stream(&short(QWEN, on)).await;
    let off = gate.post(&short(QWEN, json!({}))).await;

    for summary in [&whole.summary(), stream.summary()] {
        assert!(
            !summary.reasoning().is_empty() && !summary.text().is_empty(),
            "{summary:?}"
        );
    }
    let usage = whole.summary().usage.unwrap();
    assert!(
        usage.reasoning_tokens() > 0 && usage.reasoning_tokens() < usage.completion_tokens,
        "{usage:?}"
    );
    assert_eq!(off.summary().reasoning(), "");

    let story = json!({
        "enable_thinking": true,
        "max_tokens": 100,
        "messages": user("Tell me a long story about the sea."),
    });
    let story = gate.post(&short(QWEN, story)).await;
    let usage = story.summary().usage.unwrap();
    assert_eq!(story.json()["choices"][0]["finish_reason"], "length");
    assert_eq!(
        usage.completion_tokens, 100,
        "the text may use all that the thoughts left: {usage:?}"
    );
    assert!(
        gate.post(&short(DEEPSEEK, json!({"thinking": {"type": "disabled"}})))
            .await
            .summary()
            .reasoning()
            .is_empty()
    );
}

#[tokio::test]
async fn the_same_seed_gives_the_same_answer() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let asked = |seed: u64| {
        short(
            GEMINI,
            json!({"temperature": 1.5, "seed": seed, "messages": user("Name an animal.")}),
        )
    };
    let mut answers = Vec::new();
    for seed in [7, 7, 8, 9, 10] {
        answers.push(gate.post(&asked(seed)).await.text());
    }

    assert_eq!(answers[0], answers[1]);
    assert!(
        answers[2..].iter().any(|answer| *answer != answers[0]),
        "no other seed makes a difference"
    );
}

#[tokio::test]
async fn it_stops_where_it_is_told_to() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let counting = |members: Value| {
        let messages = json!([
            {"role": "user", "content": "Count from 1 to 9."},
            {"role": "assistant", "content": "1, 2, 3, 4, 5, 6, 7, 8, 9"},
            {"role": "user", "content": "Count from 1 to 9."}
        ]);
        short(
            DEEPSEEK,
            with(
                json!({"messages": messages, "max_tokens": 40, "thinking": {"type": "disabled"}}),
                members,
            ),
        )
    };
    let free = gate.post(&counting(json!({}))).await.text();
    // Across the borders of tokens: from within one word to within another.
    let stop: String = free.chars().skip(3).take(4).collect();

    let stopped = gate.post(&counting(json!({"stop": [stop]}))).await;
    let limited = gate.post(&counting(json!({"max_tokens": 2}))).await;

    let before: String = free.chars().take(3).collect();
    assert_eq!(stopped.text(), before, "stop {stop:?} in {free:?}");
    assert_eq!(stopped.summary().finish_reason(), Some("stop"));
    assert_eq!(stopped.json()["choices"][0]["matched_stop"], stop.as_str());
    assert_eq!(limited.summary().finish_reason(), Some("length"));
    assert_eq!(limited.summary().usage.unwrap().completion_tokens, 2);
}

#[tokio::test]
async fn its_tokens_are_counted_truly() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let prompt = |text: &str| short(GENERAL, json!({"messages": user(text), "max_tokens": 4}));

    let brief = gate.post(&prompt("Hi")).await.summary().usage.unwrap();
    let longer = gate
        .post(&prompt("Hi one two three four five"))
        .await
        .summary()
        .usage
        .unwrap();
    let streamed = gate
        .stream(&with(
            prompt("Hi"),
            json!({"stream_options": {"include_usage": true}}),
        ))
        .await;

    assert_eq!(
        longer.prompt_tokens,
        brief.prompt_tokens + 5,
        "a token for each word"
    );
    assert_eq!(brief.completion_tokens, 4);
    let told = streamed.summary().usage.as_ref().unwrap();
    assert_eq!(
        (told.prompt_tokens, told.completion_tokens),
        (brief.prompt_tokens, brief.completion_tokens)
    );
}

#[tokio::test]
async fn the_named_models_contract_holds() {
    let Some(gate) = gate_with_model().await else {
        return;
    };

    let qwen = gate.post(&short(QWEN, json!({"stop": "x"}))).await;
    let doubao = gate.post(&short(DOUBAO, json!({"max_tokens": 8193}))).await;
    let unknown = gate.post(&question_to("no-such-model")).await;
    let listed = gate.get("/v1/models").await.json();

    assert_eq!((qwen.status, qwen.error_param().as_deref()), (400, Some("stop")));
    assert_eq!(
        (doubao.status, doubao.error_param().as_deref()),
        (400, Some("max_tokens"))
    );
    assert_eq!(unknown.status, 404);
    assert!(listed["data"].as_array().unwrap().len() > MODELS.len());
}

#[tokio::test]
async fn a_client_that_goes_frees_the_engine() {
    let Some(gate) = gate_with_model().await else {
        return;
    };
    let long = with(
        question_to(GENERAL),
        json!({"messages": user("Tell me a very long story."), "max_tokens": 1000}),
    );
    let mut open = gate.open_stream(&long).await;
    open.next_event().await.unwrap();

    let gone = Instant::now();
    drop(open);
    gate.logged("client_gone").await;

    let after = gate.post(&short(GENERAL, json!({"max_tokens": 1}))).await;
    assert_eq!(after.status, 200);
    assert!(
        gone.elapsed() < Duration::from_secs(5),
        "it waited for a story that nobody reads"
    );
}

#[tokio::test]
async fn without_the_model_the_answer_is_a_503_that_names_the_command() {
    let gate = setup().start().await;

    let whole = gate.post(&question_to(GENERAL)).await;
    let stream = gate.stream(&question_to(QWEN)).await;

    assert_eq!((whole.status, stream.status), (503, 503));
    assert_eq!(whole.error_code().as_deref(), Some("embedded_model_missing"));
    assert!(
        whole.error_message().unwrap().contains("tollgate models pull"),
        "{whole:?}"
    );
    assert_eq!(
        whole.header("x-should-retry"),
        Some("false"),
        "it will not come by itself"
    );
}
