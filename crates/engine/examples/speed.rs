//! How fast the embedded model loads, reads and writes.
//!
//! `cargo run --release -p tollgate-engine --example speed -- MODEL [THREADS [ANSWERS AT ONCE]]`
//!
//! Beside the tokens a second stand those a second of processor time, which other work on the machine
//! disturbs less.
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
        let began = Clock::now()?;
        let (tokens, _) = run(&engine, &text, 1).await?;
        println!("prompt of {tokens} tokens: {}", began.elapsed(tokens)?);
    }

    let began = Clock::now()?;
    let text = "Write a very long story about the sea.";
    // Each is queued when its future is made, so they are answered at once although they are
    // awaited in order.
    let answers: Vec<_> = (0..at_once).map(|_| run(&engine, text, ANSWER)).collect();
    let mut written = 0;
    for answer in answers {
        written += answer.await?.1;
    }
    println!(
        "{at_once} answer(s), {written} tokens: {}",
        began.elapsed(written)?
    );
    Ok(())
}

struct Clock {
    began: Instant,
    processor: f64,
}

impl Clock {
    fn now() -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            began: Instant::now(),
            processor: processor_seconds()?,
        })
    }

    /// How long so many tokens took.
    fn elapsed(&self, tokens: u32) -> Result<String, Box<dyn Error>> {
        let (tokens, seconds) = (f64::from(tokens), self.began.elapsed().as_secs_f64());
        let processor = processor_seconds()? - self.processor;
        Ok(format!(
            "{seconds:.2} s, {:.1} tokens/s, {:.1} tokens per second of processor time",
            tokens / seconds,
            tokens / processor
        ))
    }
}

/// Time that all threads have spent; 0 where the system does not tell it as Linux does.
fn processor_seconds() -> Result<f64, Box<dyn Error>> {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else {
        return Ok(0.0);
    };
    // After the name in parentheses; user and system time are fields 14 and 15, in hundredths (proc(5)).
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11);
    let times: Result<Vec<f64>, _> = fields.take(2).map(str::parse).collect();
    Ok(times?.iter().sum::<f64>() / 100.0)
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
