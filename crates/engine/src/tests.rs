use std::time::Duration;

use tokio::time::timeout;

use super::*;
use crate::load::tests::{TINY, TinyModel};

/// Long enough for any step of a model this small.
const PATIENCE: Duration = Duration::from_secs(20);

fn engine(model: &TinyModel) -> Engine {
    engine_with(EngineSettings::new(model.path()))
}

fn engine_with(settings: EngineSettings) -> Engine {
    Engine::start(settings).expect("a thread can be started")
}

fn prompt(text: &str, sampling: Sampling) -> Prompt {
    Prompt {
        turns: vec![Turn {
            role: Role::User,
            text: text.to_owned(),
        }],
        sampling,
        form: None,
    }
}

fn at_most(tokens: u32) -> Sampling {
    Sampling {
        temperature: 0.0,
        max_tokens: Some(tokens),
        ..Sampling::default()
    }
}

#[derive(Debug, PartialEq)]
struct Answer {
    truncated: bool,
    text: String,
    finished: Finished,
}

async fn next(generation: &mut Generation) -> Option<Result<Step, Fault>> {
    timeout(PATIENCE, generation.next())
        .await
        .expect("the engine hangs")
}

/// Reads an answer to its end and checks the order of its steps.
async fn read(mut generation: Generation) -> Result<Answer, Fault> {
    let Some(Step::Started {
        prompt_tokens,
        truncated,
    }) = next(&mut generation).await.transpose()?
    else {
        panic!("the first step says that the request started");
    };
    let mut text = String::new();
    loop {
        match next(&mut generation).await.expect("an answer ends with Done")? {
            Step::Started { .. } => panic!("an answer starts once"),
            Step::Text { text: piece, .. } => {
                assert!(!piece.is_empty(), "an empty piece says nothing");
                text.push_str(&piece);
            }
            Step::Done(finished) => {
                assert!(next(&mut generation).await.is_none(), "Done is the last step");
                assert_eq!(finished.prompt_tokens, prompt_tokens);
                return Ok(Answer {
                    truncated,
                    text,
                    finished,
                });
            }
        }
    }
}

async fn ask(engine: &Engine, text: &str, sampling: Sampling) -> Answer {
    read(engine.generate(prompt(text, sampling)).expect("taken"))
        .await
        .expect("answered")
}

#[tokio::test]
async fn an_answer_comes_with_its_true_usage() {
    let model = TinyModel::new();
    let engine = engine(&model);
    let answer = ask(&engine, "hello", at_most(20)).await;
    let turns = [Turn {
        role: Role::User,
        text: "hello".to_owned(),
    }];
    assert_eq!(
        answer.finished.prompt_tokens as usize,
        engine.count_tokens(&turns, usize::MAX, || true).unwrap().unwrap()
    );
    match answer.finished.reason {
        FinishReason::Length => assert_eq!(answer.finished.completion_tokens, 20),
        FinishReason::Stop => assert!(answer.finished.completion_tokens < 20),
    }
    assert!(!answer.truncated);
}

#[tokio::test]
async fn counting_ends_at_the_limit_and_when_nobody_waits() {
    let model = TinyModel::new();
    let engine = engine(&model);
    let turns = [Turn {
        role: Role::User,
        text: "hello ".repeat(100_000),
    }];
    let all = engine.count_tokens(&turns, usize::MAX, || true).unwrap().unwrap();
    assert_eq!(engine.count_tokens(&turns, all, || true).unwrap(), Some(all));
    assert_eq!(engine.count_tokens(&turns, all - 1, || true).unwrap(), None);
    assert_eq!(engine.count_tokens(&turns, usize::MAX, || false).unwrap(), None);
}

#[tokio::test]
async fn what_was_remembered_of_a_prompt_is_counted() {
    let model = TinyModel::new();
    let engine = engine(&model);
    let first = ask(&engine, "hello hello hello", at_most(2)).await.finished;
    let again = ask(&engine, "hello hello hello", at_most(2)).await.finished;
    assert_eq!(first.cached_tokens, 0);
    assert_eq!(again.cached_tokens, again.prompt_tokens - 1);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_answer_also_beside_others() {
    let model = TinyModel::new();
    let engine = engine(&model);
    let seeded = |seed| Sampling {
        seed: Some(seed),
        max_tokens: Some(30),
        ..Sampling::default()
    };
    let alone = ask(&engine, "tell me", seeded(5)).await;

    let others: Vec<_> = (0..5)
        .map(|seed| {
            engine
                .generate(prompt("something else", seeded(seed)))
                .expect("taken")
        })
        .collect();
    let among_others = ask(&engine, "tell me", seeded(5)).await;
    let other_seed = ask(&engine, "tell me", seeded(6)).await;

    assert_eq!(alone.text, among_others.text);
    assert_eq!(
        alone.finished.completion_tokens,
        among_others.finished.completion_tokens
    );
    assert_ne!(alone.text, other_seed.text);
    for other in others {
        read(other).await.expect("answered");
    }
}

#[tokio::test]
async fn an_answer_ends_before_a_stop_text() {
    let model = TinyModel::new();
    let engine = engine(&model);
    let whole = ask(&engine, "hello", at_most(40)).await;
    let middle = whole
        .text
        .char_indices()
        .nth(whole.text.chars().count() / 2)
        .map_or(0, |(at, _)| at);
    let stop: String = whole.text[middle..].chars().take(3).collect();
    let first = whole.text.find(&stop).expect("it was taken from there");

    let sampling = Sampling {
        stop: vec!["never written".to_owned(), stop.clone()],
        ..at_most(40)
    };
    let stopped = ask(&engine, "hello", sampling).await;

    assert_eq!(stopped.text, whole.text[..first]);
    assert_eq!(stopped.finished.matched_stop, Some(stop));
    assert_eq!(stopped.finished.reason, FinishReason::Stop);
    assert!(stopped.finished.completion_tokens <= whole.finished.completion_tokens);
}

#[tokio::test]
async fn a_prompt_beyond_the_window_is_cut_and_says_so() {
    let model = TinyModel::new();
    let engine = engine(&model);
    let answer = ask(&engine, &"x".repeat(5_000), at_most(10)).await;
    assert!(answer.truncated);
    let Finished {
        prompt_tokens,
        completion_tokens,
        ..
    } = answer.finished;
    assert!((prompt_tokens + completion_tokens) as usize <= TINY.window);
    assert!(completion_tokens > 0, "there must be room for an answer");
}

#[tokio::test]
async fn without_a_limit_the_window_is_the_limit() {
    let model = TinyModel::new();
    let engine = engine(&model);
    let sampling = Sampling {
        max_tokens: None,
        ..at_most(0)
    };
    let Finished {
        reason,
        prompt_tokens,
        completion_tokens,
        ..
    } = ask(&engine, "hello", sampling).await.finished;
    if reason == FinishReason::Length {
        assert_eq!((prompt_tokens + completion_tokens) as usize, TINY.window);
    }
}

#[tokio::test]
async fn a_limit_of_zero_answers_nothing() {
    let model = TinyModel::new();
    let answer = ask(&engine(&model), "hello", at_most(0)).await;
    assert_eq!(answer.text, "");
    assert_eq!(answer.finished.reason, FinishReason::Length);
}

#[tokio::test]
async fn one_request_too_many_is_refused() {
    let model = TinyModel::new();
    let settings = EngineSettings {
        waiting: 1,
        active: 1,
        ..EngineSettings::new(model.path())
    };
    let engine = engine_with(settings);
    let mut running = engine.generate(prompt("a", at_most(200))).expect("taken");
    assert!(
        matches!(next(&mut running).await, Some(Ok(Step::Started { .. }))),
        "it left the queue"
    );
    let _waiting = engine.generate(prompt("b", at_most(200))).expect("one may wait");

    let refused = engine.generate(prompt("c", at_most(200)));

    assert!(matches!(refused, Err(Refused::Full { waiting: 1 })));
}

#[tokio::test]
async fn requests_wait_their_turn_when_memory_is_short() {
    let model = TinyModel::new();
    let settings = EngineSettings {
        cache_bytes: 1,
        ..EngineSettings::new(model.path())
    };
    let engine = engine_with(settings);
    let generations: Vec<_> = (0..4)
        .map(|_| engine.generate(prompt("a", at_most(5))).expect("taken"))
        .collect();
    for generation in generations {
        read(generation)
            .await
            .expect("each is answered, one after the other");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_makes_room_at_once() {
    let model = TinyModel::new();
    let settings = EngineSettings {
        active: 1,
        ..EngineSettings::new(model.path())
    };
    let engine = engine_with(settings);
    let mut gone = engine
        .generate(prompt(
            "a",
            Sampling {
                max_tokens: None,
                ..at_most(0)
            },
        ))
        .expect("taken");
    assert!(matches!(next(&mut gone).await, Some(Ok(Step::Started { .. }))));
    drop(gone);
    ask(&engine, "b", at_most(3)).await;
}

#[tokio::test]
async fn a_missing_model_is_refused_before_anything_waits() {
    let path = TinyModel::new().path();
    let engine = engine_with(EngineSettings::new(path.clone()));
    assert!(matches!(
        engine.generate(prompt("hello", at_most(1))),
        Err(Refused::Model(LoadError::Missing { path: missing })) if missing == path
    ));
    assert!(matches!(engine.presence(), Ok(Presence::Missing { .. })));
}

#[tokio::test]
async fn a_damaged_model_fails_the_request_and_a_mended_one_works() {
    let model = TinyModel::new();
    let engine = engine(&model);
    let sound = std::fs::read(model.path()).unwrap();
    let mut damaged = sound.clone();
    *damaged.last_mut().expect("not empty") ^= 1;
    std::fs::write(model.path(), damaged).unwrap();

    let generation = engine
        .generate(prompt("hello", at_most(1)))
        .expect("the length is right");
    assert!(matches!(
        read(generation).await,
        Err(Fault::Load(LoadError::Damaged { .. }))
    ));
    assert!(matches!(engine.presence(), Ok(Presence::Damaged { .. })));
    assert!(matches!(
        engine.generate(prompt("hello", at_most(1))),
        Err(Refused::Model(LoadError::Damaged { .. }))
    ));

    std::fs::write(model.path(), sound).unwrap();
    let mended = std::time::SystemTime::now() + Duration::from_secs(2);
    let file = std::fs::File::options().write(true).open(model.path()).unwrap();
    file.set_modified(mended).unwrap();
    assert!(matches!(engine.presence(), Ok(Presence::Present { .. })));
    ask(&engine, "hello", at_most(1)).await;
}

#[tokio::test]
async fn dropping_the_engine_ends_its_answers_with_a_fault() {
    let model = TinyModel::new();
    let engine = engine(&model);
    let generation = engine
        .generate(prompt(
            "hello",
            Sampling {
                max_tokens: None,
                ..at_most(0)
            },
        ))
        .expect("taken");
    drop(engine);
    match read(generation).await {
        Ok(answer) => assert!(answer.finished.completion_tokens > 0, "it was just done"),
        Err(fault) => assert!(matches!(fault, Fault::Stopped)),
    }
}
