//! A provider that does as it is told.
//!
//! An HTTP/1.1 server on a free loopback port. What it does with a request is a [`Script`]: the
//! next one waiting in the queue, else the one routed by model or path, else the one for everything.
//! Every request is kept with its bytes, and a client that goes away before the end is noticed.
//! It speaks chat completions, Responses, Anthropic's Messages and Gemini's `generateContent`, each on
//! its own path; a [`Turn`] is said in the one that is asked for. Over the last three it refuses what
//! the real ones refuse, whatever the script, unless it is told to be [`FakeProvider::lenient`]; over
//! chat completions it does so as the host that the path names (see [`FakeProvider::base_url_of`]).
//! Not here: the provider of the benchmark, which has to be cheap (binary `fake-provider`).

mod dumb_port;
mod playback;
mod protocol;
mod received;
mod script;
mod shapes;
mod speech;
mod strict;
#[cfg(test)]
mod tests;
mod turn;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

pub use dumb_port::DumbPort;
use playback::{Counts, CutOff, Exchange, Line, Playback};
pub use protocol::{ChatHost, Protocol};
pub use received::ReceivedRequest;
use script::Reply;
pub use script::{
    Script, accepts_and_says_nothing, answers, answers_with, decides, fails, hangs_up, resets, says, streams,
    streams_deltas, streams_events, streams_raw,
};
pub use shapes::{
    PROVIDER_ID, PROVIDER_MODEL, answer, answer_text, chunk, chunk_text, usage_chunk, usage_chunk_text,
};
pub use speech::{complains, speaks, stream_of};
pub use turn::{Tokens, Turn};

/// How long a test waits for something that must happen before it calls it missing.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running fake provider; dropping it closes its port and every connection.
pub struct FakeProvider {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    plan: Mutex<Plan>,
    requests: watch::Sender<Vec<ReceivedRequest>>,
    counts: Arc<Counts>,
}

struct Plan {
    queue: VecDeque<Script>,
    routes: Vec<(Route, Script)>,
    otherwise: Script,
    lenient: bool,
    /// What was said so far and may come back.
    given: Vec<Arc<Turn>>,
}

enum Route {
    Model(String),
    PathEnd(String),
}

impl FakeProvider {
    /// Starts a provider that says "Hello" to everything until told otherwise.
    pub async fn start() -> Self {
        Self::start_with(says("Hello")).await
    }

    /// Starts a provider that follows `script` for every request.
    pub async fn start_with(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            plan: Mutex::new(Plan {
                queue: VecDeque::new(),
                routes: Vec::new(),
                otherwise: script,
                lenient: false,
                given: Vec::new(),
            }),
            requests: watch::Sender::new(Vec::new()),
            counts: Arc::new(Counts::default()),
        });
        let server = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            server,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a channel to a chat-speaking provider has as `base_url`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// What a channel whose dialect knows its own paths has as `base_url`.
    pub fn host_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a channel of this preset has as `base_url`. For `deepseek`, `moonshot` and `minimax` that
    /// makes it as strict as these are with thoughts that do not come back.
    pub fn base_url_of(&self, preset: &str) -> String {
        format!("{}{}", self.host_url(), Protocol::base_path(preset))
    }

    /// From now on refuses nothing by itself.
    pub fn lenient(&self) -> &Self {
        self.plan(|plan| plan.lenient = true)
    }

    /// From now on follows `script` where neither the queue nor a route says otherwise.
    pub fn always(&self, script: Script) -> &Self {
        self.plan(|plan| plan.otherwise = script)
    }

    /// Follows `script` for one request, after those already queued.
    pub fn next(&self, script: Script) -> &Self {
        self.plan(|plan| plan.queue.push_back(script))
    }

    /// Follows `script` for requests whose body names `model`.
    pub fn for_model(&self, model: &str, script: Script) -> &Self {
        self.plan(|plan| plan.routes.push((Route::Model(model.to_owned()), script)))
    }

    /// Follows `script` for requests whose path, without the query, ends in `end`.
    pub fn for_path(&self, end: &str, script: Script) -> &Self {
        self.plan(|plan| plan.routes.push((Route::PathEnd(end.to_owned()), script)))
    }

    /// Every request read so far, in order of arrival.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.shared.requests.borrow().clone()
    }

    /// The only request so far.
    ///
    /// # Panics
    /// Where there were none, or more than one.
    pub fn request(&self) -> ReceivedRequest {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "the provider was to be called once");
        requests.remove(0)
    }

    /// Waits until `count` requests have been read, and gives all of them.
    ///
    /// # Panics
    /// After ten seconds.
    pub async fn received(&self, count: usize) -> Vec<ReceivedRequest> {
        let mut requests = self.shared.requests.subscribe();
        let arrived = requests.wait_for(|requests| requests.len() >= count);
        let all = tokio::time::timeout(PATIENCE, arrived)
            .await
            .unwrap_or_else(|_| panic!("the provider was not called {count} times"))
            .expect("the sender lives as long as the provider");
        all.clone()
    }

    /// Waits until a client has gone away before its answer was complete.
    ///
    /// # Panics
    /// After ten seconds.
    pub async fn cancelled(&self) {
        self.cancelled_times(1).await;
    }

    /// Waits until clients have gone away `count` times in all.
    ///
    /// # Panics
    /// After ten seconds.
    pub async fn cancelled_times(&self, count: usize) {
        let mut cancelled = self.shared.counts.cancelled.subscribe();
        let enough = cancelled.wait_for(|seen| *seen >= count);
        tokio::time::timeout(PATIENCE, enough)
            .await
            .unwrap_or_else(|_| panic!("no client went away {count} times"))
            .expect("the sender lives as long as the provider");
    }

    /// How many answers were given up by the client so far.
    pub fn cancellations(&self) -> usize {
        *self.shared.counts.cancelled.borrow()
    }

    /// Connections open now.
    pub fn open_connections(&self) -> usize {
        *self.shared.counts.open.borrow()
    }

    /// Waits until exactly `count` connections are open.
    ///
    /// # Panics
    /// After ten seconds.
    pub async fn has_open_connections(&self, count: usize) {
        let mut open = self.shared.counts.open.subscribe();
        let reached = open.wait_for(|open| *open == count);
        tokio::time::timeout(PATIENCE, reached)
            .await
            .unwrap_or_else(|_| panic!("there were never {count} connections open"))
            .expect("the sender lives as long as the provider");
    }

    /// Waits until every request has been answered or given up.
    ///
    /// # Panics
    /// After ten seconds.
    pub async fn is_idle(&self) {
        let mut under_way = self.shared.counts.under_way.subscribe();
        let idle = under_way.wait_for(|under_way| *under_way == 0);
        let idle = matches!(tokio::time::timeout(PATIENCE, idle).await, Ok(Ok(_)));
        assert!(idle, "requests hang: {}", *self.shared.counts.under_way.borrow());
    }

    fn plan(&self, change: impl FnOnce(&mut Plan)) -> &Self {
        change(&mut self.shared.plan.lock().expect("no plan change panics"));
        self
    }
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A base URL at which nobody listens: connecting is refused.
pub async fn nobody_listens() -> String {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free loopback port");
    let address = listener.local_addr().expect("a bound socket has an address");
    drop(listener);
    format!("http://{address}/v1")
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((socket, _)) = accepted else { continue };
                connections.spawn(serve(socket, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(socket: TcpStream, shared: Arc<Shared>) {
    let _open = shared.counts.connection();
    // Pieces must leave as they are written, not when the kernel has a full segment.
    let _ = socket.set_nodelay(true);
    let Ok(line) = Line::of(&socket) else { return };
    let service = service_fn(|request| {
        let exchange = Exchange::new(Arc::clone(&shared.counts), line.clone());
        respond(Arc::clone(&shared), exchange, request)
    });
    // A connection that ends in an error is what half of the scripts are for.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(socket), service)
        .await;
}

async fn respond(
    shared: Arc<Shared>,
    exchange: Exchange,
    request: http::Request<Incoming>,
) -> Result<http::Response<Playback>, CutOff> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| CutOff)?.to_bytes();
    let request = ReceivedRequest::new(head, body);
    let reply = shared.reply_to(&request);
    shared.requests.send_modify(|requests| requests.push(request));
    playback::play(reply, exchange).await
}

impl Shared {
    fn reply_to(&self, request: &ReceivedRequest) -> Reply {
        let script = {
            let mut plan = self.plan.lock().expect("no plan change panics");
            if !plan.lenient
                && let Some(refusal) = strict::refusal(request, &plan.given)
            {
                return refusal;
            }
            plan.script_for(request)
        };
        // Outside of the lock: a script is the test's own code.
        let reply = script.reply_to(request);
        let given = reply.given.clone();
        let mut plan = self.plan.lock().expect("no plan change panics");
        plan.given.extend(given);
        reply
    }
}

impl Plan {
    fn script_for(&mut self, request: &ReceivedRequest) -> Script {
        if let Some(next) = self.queue.pop_front() {
            return next;
        }
        let routed = self.routes.iter().find(|(route, _)| match route {
            Route::Model(model) => request.model() == Some(model.as_str()),
            Route::PathEnd(end) => request.path_only().ends_with(end.as_str()),
        });
        routed.map_or_else(|| self.otherwise.clone(), |(_, script)| script.clone())
    }
}
