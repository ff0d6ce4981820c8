//! A provider for the benchmark and for trying things by hand: answers every
//! `POST …/chat/completions` as OpenAI would, with bytes made before the first request came.
//!
//! It has to cost next to nothing, since it shares a core with the load generator. For tests there
//! is the library's fake provider, which does as it is told and remembers what it was asked.

mod answers;
mod request;
mod serve;
mod stream;

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::net::TcpListener;

use answers::Answers;

#[derive(Parser)]
#[command(about = "Answers chat completions as OpenAI would, cheaply and always the same")]
struct Flags {
    /// Where to listen; port 0 takes a free one, which the first line of output names.
    #[arg(long, default_value = "127.0.0.1:9001")]
    listen: SocketAddr,
    /// Chunks with content in a stream. The header `x-fake-chunks` overrides it for one request.
    #[arg(long, default_value_t = 16)]
    chunks: u32,
    /// Time between chunks. The header `x-fake-interval-ms` overrides it for one request.
    #[arg(long, default_value_t = 0)]
    interval_ms: u64,
    /// Length of the text in a whole answer.
    #[arg(long, default_value_t = 256)]
    answer_bytes: usize,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let flags = Flags::parse();
    let answers = Answers::new(
        flags.answer_bytes,
        flags.chunks,
        Duration::from_millis(flags.interval_ms),
    );
    let listener = match TcpListener::bind(flags.listen).await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("cannot listen on {}: {error}", flags.listen);
            return ExitCode::FAILURE;
        }
    };
    // With port 0 only the socket knows.
    let address = listener.local_addr().unwrap_or(flags.listen);
    let told = writeln!(std::io::stdout(), "listening on http://{address}");
    if told.is_err() {
        return ExitCode::FAILURE;
    }
    serve::forever(listener, answers).await
}
