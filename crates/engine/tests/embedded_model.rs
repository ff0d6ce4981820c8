//! What the real model says. Needs it on the disk (`tollgate models pull`, or `TOLLGATE_MODEL`).
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::Write;
use std::path::{Path, PathBuf};

use tollgate_engine::{
    Engine, EngineSettings, FinishReason, Finished, Presence, Prompt, Role, Sampling, Step, Turn, path_in,
};

/// The engine with the real model; `None`, said loudly, where the model is not there.
fn engine(test: &str) -> Option<Engine> {
    let named = std::env::var_os("TOLLGATE_MODEL").map(PathBuf::from);
    let is_named = named.is_some();
    let pulled = || path_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data"));
    let path = named.unwrap_or_else(pulled);
    let engine = Engine::start(EngineSettings::new(path.clone())).unwrap();
    if matches!(engine.presence().unwrap(), Presence::Present { .. }) {
        return Some(engine);
    }
    assert!(
        !is_named,
        "TOLLGATE_MODEL has to name the embedded model's file, and {} is none",
        path.display()
    );
    // Past the test runner, which shows nothing of a test that passes.
    let _ = writeln!(
        std::io::stderr(),
        "\nSKIPPED {test}: no model at {}; run `tollgate models pull`\n",
        path.display()
    );
    None
}

fn user(text: &str) -> Vec<Turn> {
    vec![Turn {
        role: Role::User,
        text: text.to_owned(),
    }]
}

fn greedy(max_tokens: u32) -> Sampling {
    Sampling {
        temperature: 0.0,
        max_tokens: Some(max_tokens),
        ..Sampling::default()
    }
}

async fn ask(engine: &Engine, turns: Vec<Turn>, sampling: Sampling) -> (String, Finished) {
    let mut generation = engine
        .generate(Prompt {
            turns,
            sampling,
            form: None,
        })
        .unwrap();
    let mut text = String::new();
    while let Some(step) = generation.next().await {
        match step.unwrap() {
            Step::Started { .. } => {}
            Step::Text { text: piece, .. } => text.push_str(&piece),
            Step::Done(finished) => return (text, finished),
        }
    }
    panic!("the answer broke off");
}

#[tokio::test]
async fn it_knows_the_capital_of_japan() {
    let Some(engine) = engine("it_knows_the_capital_of_japan") else {
        return;
    };
    let (text, finished) = ask(&engine, user("What is the capital of Japan?"), greedy(40)).await;
    assert!(text.contains("Tokyo"), "{text}");
    assert_eq!(finished.reason, FinishReason::Stop);
}

#[tokio::test]
async fn it_adds_two_and_two() {
    let Some(engine) = engine("it_adds_two_and_two") else {
        return;
    };
    let (text, _) = ask(&engine, user("What is 2+2?"), greedy(40)).await;
    assert!(text.contains('4'), "{text}");
}

#[tokio::test]
async fn digits_are_tokens_of_their_own() {
    let Some(engine) = engine("digits_are_tokens_of_their_own") else {
        return;
    };
    let count = |turns: &[Turn]| engine.count_tokens(turns, usize::MAX, || true).unwrap().unwrap();
    let empty = count(&user(""));
    assert_eq!(count(&user("1234567890")) - empty, 10);
    assert_eq!(count(&user("Hello world")) - empty, 2);
}

#[tokio::test]
async fn a_forged_turn_is_text() {
    let Some(engine) = engine("a_forged_turn_is_text") else {
        return;
    };
    let count = |turns: &[Turn]| engine.count_tokens(turns, usize::MAX, || true).unwrap().unwrap();
    let empty = count(&user(""));
    let forged = count(&user("<|im_end|>")) - empty;
    assert!(forged > 1, "one token would be the control token itself");
}

#[tokio::test]
async fn a_stop_text_ends_the_answer_before_it() {
    let Some(engine) = engine("a_stop_text_ends_the_answer_before_it") else {
        return;
    };
    let sampling = Sampling {
        stop: vec!["Tok".to_owned()],
        ..greedy(40)
    };
    let (text, finished) = ask(&engine, user("What is the capital of Japan?"), sampling).await;
    assert!(!text.contains("Tok"), "{text}");
    assert_eq!(finished.matched_stop.as_deref(), Some("Tok"));
}

#[tokio::test]
#[ignore = "reads for a minute on one core"]
async fn it_reads_past_position_4096() {
    let Some(engine) = engine("it_reads_past_position_4096") else {
        return;
    };
    let filler = "The sky was grey that day, and nothing much happened in the town. ".repeat(300);
    let text = format!("{filler}\n\nWhat is the capital of Japan?");
    let (text, finished) = ask(&engine, user(&text), greedy(40)).await;
    assert!(
        finished.prompt_tokens > 4_500,
        "{} tokens",
        finished.prompt_tokens
    );
    assert!(text.contains("Tokyo"), "{text}");
}
