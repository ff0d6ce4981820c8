//! How fast the embedded model loads, reads and writes.
//!
//! `cargo run --release -p tollgate-engine --example speed -- MODEL [THREADS [ANSWERS AT ONCE]]`
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::time::Instant;

use tollgate_engine::{Engine, EngineSettings, Prompt, Role, Sampling, Step, Turn};

/// Tokens of each answer.
const ANSWER: u32 = 128;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut settings = EngineSettings::new(arguments.next().ok_or("which model?")?.into());
    if let Some(threads) = arguments.next() {
        settings.threads = threads.parse()?;
    }
    let at_once: u32 = arguments.next().map_or(Ok(1), |count| count.parse())?;
    println!("{} thread(s)", settings.threads);
    let engine = Engine::start(settings)?;

    let began = Instant::now();
    run(&engine, "Hi", 1).await?;
    println!("load and first token: {:.2} s", began.elapsed().as_secs_f64());

    for words in [300, 1_000] {
        let text = "The quick brown fox jumps over the lazy dog. ".repeat(words / 9);
        let began = Instant::now();
        let (tokens, _) = run(&engine, &text, 1).await?;
        let seconds = began.elapsed().as_secs_f64();
        println!(
            "prompt of {tokens} tokens: {seconds:.2} s, {:.0} tokens/s",
            f64::from(tokens) / seconds
        );
    }

    let began = Instant::now();
    let text = "Write a very long story about the sea.";
    // Each is queued when its future is made, so they are answered at once although they are
    // awaited in order.
    let answers: Vec<_> = (0..at_once).map(|_| run(&engine, text, ANSWER)).collect();
    let mut written = 0;
    for answer in answers {
        written += answer.await?.1;
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{at_once} answer(s), {written} tokens: {:.1} tokens/s",
        f64::from(written) / seconds
    );
    Ok(())
}

/// Prompt tokens read and answer tokens written.
fn run(
    engine: &Engine,
    text: &str,
    max_tokens: u32,
) -> impl Future<Output = Result<(u32, u32), Box<dyn Error>>> {
    let turns = vec![Turn {
        role: Role::User,
        text: text.to_owned(),
    }];
    let sampling = Sampling {
        seed: Some(1),
        max_tokens: Some(max_tokens),
        ..Sampling::default()
    };
    let generation = engine.generate(Prompt {
        turns,
        sampling,
        form: None,
    });
    async {
        let mut generation = generation?;
        while let Some(step) = generation.next().await {
            if let Step::Done(finished) = step? {
                return Ok((finished.prompt_tokens, finished.completion_tokens));
            }
        }
        Err("the answer broke off".into())
    }
}
