//! Runs the built gate in a folder of its own, and talks to it as a client does.
//!
//! [`GateSetup`] says how it is configured, [`Gate`] is the running process, killed when dropped.
//! What its client methods return has been judged by [`crate::grammar`] and [`crate::schema`], so
//! that every test that looks at an answer also checks that it keeps every rule.

mod answer;
mod client;
mod process;
mod raw;
mod setup;
mod stream;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{Method, Request};
use serde_json::Value;

pub use answer::Answer;
pub use process::{CommandOutput, Signal};
pub use raw::RawConnection;
pub use setup::{Channel, GateSetup, Written};
pub use stream::{OpenStream, Streamed};

use client::full;
use process::Process;

/// How long a test waits for the gate before it calls it stuck.
const PATIENCE: Duration = Duration::from_secs(30);

const CHAT: &str = "/v1/chat/completions";

/// A running gate with an API key; dropping it kills the process and removes its folder.
pub struct Gate {
    process: Process,
    data: SocketAddr,
    admin: Option<SocketAddr>,
    key: String,
    setup: Written,
}

impl Gate {
    /// Where the data plane listens.
    pub fn address(&self) -> SocketAddr {
        self.data
    }

    /// What an SDK has as its base URL.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.data)
    }

    /// Where the admin listener is.
    ///
    /// # Panics
    /// Where the gate has not said that it has one.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.expect("the gate named no admin listener")
    }

    /// The API key that the client methods present.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The process ID.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The configuration file, to be changed and reloaded.
    pub fn config_path(&self) -> PathBuf {
        self.setup.config_path()
    }

    /// The folder with the database.
    pub fn data_dir(&self) -> PathBuf {
        self.setup.data_dir()
    }

    /// The variable by which the gate finds its database, where that is not the file in [`Self::data_dir`].
    pub fn database(&self) -> Option<(&str, &str)> {
        self.setup.database()
    }

    /// What the gate wrote to standard error so far.
    pub fn logs(&self) -> String {
        self.process.logs()
    }

    /// Waits until the gate has logged `text`.
    ///
    /// # Panics
    /// After 30 seconds.
    pub async fn logged(&self, text: &str) {
        self.process.logged(text).await;
    }

    /// Runs `tollgate ARGS --config FILE` beside the running gate.
    pub async fn command(&self, args: &[&str]) -> CommandOutput {
        self.setup.command(args).await
    }

    /// As [`Self::command`], with this on standard input.
    pub async fn command_with_input(&self, args: &[&str], input: &str) -> CommandOutput {
        self.setup.command_with_input(args, input).await
    }

    /// Creates another API key, `args` following `keys create`.
    ///
    /// # Panics
    /// Where the command fails.
    pub async fn create_key(&self, args: &[&str]) -> String {
        self.setup.create_key(args).await
    }

    /// Sends the process a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Waits until the process has ended by itself, and gives its exit code (`None`: by a signal).
    ///
    /// # Panics
    /// After 30 seconds.
    pub async fn ended(&mut self) -> Option<i32> {
        self.process.ended().await
    }

    /// Asks the process to end, waits until it has, and starts it anew with the same configuration.
    ///
    /// # Panics
    /// Where it does not end by itself with 0, or does not come up again.
    pub async fn restart(&mut self) {
        self.signal(Signal::Terminate);
        assert_eq!(self.ended().await, Some(0), "{}", self.logs());
        self.start_again().await;
    }

    /// Starts the process anew, once it has ended, with the same configuration.
    ///
    /// # Panics
    /// Where it does not come up again.
    pub async fn start_again(&mut self) {
        self.process = self.setup.serve();
        let listening = self.process.listening().await;
        (self.data, self.admin) = (listening.data, listening.admin);
    }

    /// Posts a chat request and judges the answer.
    ///
    /// # Panics
    /// Where the answer breaks a rule.
    pub async fn post(&self, body: &Value) -> Answer {
        self.post_with(&self.key, body).await
    }

    /// As [`Gate::post`], with another API key.
    ///
    /// # Panics
    /// Where the answer breaks a rule.
    pub async fn post_with(&self, key: &str, body: &Value) -> Answer {
        let request = self.chat_request(key, body.to_string());
        let answer = self.send(request).await;
        answer.judge_chat(body);
        answer
    }

    /// Posts these bytes as a chat request; an error is judged.
    ///
    /// # Panics
    /// Where the error has not the form of errors.
    pub async fn post_text(&self, body: impl Into<String>) -> Answer {
        let answer = self.send(self.chat_request(&self.key, body.into())).await;
        answer.judge_error();
        answer
    }

    /// Gets a path with the API key; an error is judged.
    ///
    /// # Panics
    /// Where an error has not the form of errors.
    pub async fn get(&self, path: &str) -> Answer {
        let request = Request::builder()
            .method(Method::GET)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.key))
            .body(String::new())
            .expect("a request of fixed parts");
        let answer = self.send(request).await;
        answer.judge_error();
        answer
    }

    /// Sends any request at all to the data plane; nothing is judged, and only `host` is added.
    pub async fn send(&self, request: Request<String>) -> Answer {
        client::whole(self.data, request.map(full)).await
    }

    /// Sends any request to the admin listener.
    pub async fn send_to_admin(&self, request: Request<String>) -> Answer {
        client::whole(self.admin_address(), request.map(full)).await
    }

    /// Posts a chat request with `stream` set, reads to the end, and judges what came.
    ///
    /// # Panics
    /// Where the stream or the error breaks a rule.
    pub async fn stream(&self, body: &Value) -> Streamed {
        let streamed = self.open_stream(body).await.rest().await;
        streamed.judge();
        streamed
    }

    /// Posts a chat request with `stream` set and gives the stream as soon as its head is there.
    /// Dropping it closes the connection.
    pub async fn open_stream(&self, body: &Value) -> OpenStream {
        let mut body = body.clone();
        body["stream"] = true.into();
        let request = self.chat_request(&self.key, body.to_string());
        self.open_stream_of(request).await
    }

    /// As [`Gate::open_stream`], for a chat request with headers of its own.
    ///
    /// # Panics
    /// Where its body is not JSON.
    pub async fn open_stream_of(&self, request: Request<String>) -> OpenStream {
        let body = serde_json::from_str(request.body()).expect("a chat request is JSON");
        OpenStream::open(self.data, request.map(full), &body).await
    }

    /// A connection for bytes that no HTTP client would send.
    pub async fn raw(&self) -> RawConnection {
        RawConnection::open(self.data).await
    }

    /// The same to the admin listener.
    pub async fn raw_to_admin(&self) -> RawConnection {
        RawConnection::open(self.admin_address()).await
    }

    /// The chat request that the client methods send, to be changed.
    pub fn chat_request(&self, key: &str, body: String) -> Request<String> {
        Request::builder()
            .method(Method::POST)
            .uri(CHAT)
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .body(body)
            .expect("a request of fixed parts")
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The harness shows it with the failed test.
            eprintln!("--- the gate's log ---\n{}---", self.process.logs());
        }
    }
}
