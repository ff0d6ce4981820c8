//! Gates behind a proxy are restarted one after the other, and no client notices.

use std::{
    net::{SocketAddr, TcpListener as StdListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};
use tollgate_testkit::{
    gate::{Channel, Gate, Signal},
    provider::{FakeProvider, Script, decides, says, streams},
};

use crate::{
    stage::{MODEL, get_from_admin, question, question_with, setup, stage, stage_with},
    surface::CHAT,
};

/// A port that is free now.
fn free_port() -> SocketAddr {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Answers that take a moment, so that there is always one under way.
fn moments() -> Script {
    decides(|request| match request.wants_stream() {
        true => streams(["Hel", "lo"]).pauses(Duration::from_millis(15)),
        false => says("Hello").delays(Duration::from_millis(20)),
    })
}

/// Two gates that know the same key, each on a port that it keeps over a restart.
struct Pair {
    gates: [Gate; 2],
    _provider: FakeProvider,
}

async fn pair(leave: Duration) -> Pair {
    let provider = FakeProvider::start_with(moments()).await;
    let tables = format!("[limits]\nleave_ms = {}\n", leave.as_millis());
    let start = async |name: &str| {
        setup()
            .config(&tables)
            .env("TOLLGATE__SERVER__LISTEN", &free_port().to_string())
            .channel(Channel::to(&provider).models([MODEL]))
            .key_named(name)
            .start()
            .await
    };
    let gates = [start("one").await, start("two").await];
    // A file of SQLite is one gate's, so each has its own.
    let (key, of_both) = (gates[0].key(), gates[1].data_dir().join("key.csv"));
    std::fs::write(&of_both, format!("name,key\none,{key}\n")).unwrap();
    let imported = gates[1]
        .command(&["keys", "import", of_both.to_str().unwrap()])
        .await;
    assert!(imported.success(), "{imported:?}");
    Pair {
        gates,
        _provider: provider,
    }
}

/// A balancer of connections that asks the gates whether they are ready, as those of clouds do.
struct Balancer {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Balancer {
    /// How often it asks.
    const INTERVAL: Duration = Duration::from_millis(25);

    async fn before(gates: [SocketAddr; 2]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ready: Arc<[AtomicBool; 2]> = Arc::new([AtomicBool::new(true), AtomicBool::new(true)]);
        let mut tasks = JoinSet::new();
        for (place, gate) in gates.into_iter().enumerate() {
            let ready = Arc::clone(&ready);
            tasks.spawn(async move {
                loop {
                    let answer = exchange(gate, "GET /readyz HTTP/1.1\r\n", "").await;
                    let is_ready = answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"));
                    ready[place].store(is_ready, Ordering::Relaxed);
                    sleep(Self::INTERVAL).await;
                }
            });
        }
        tasks.spawn(async move {
            let mut turn = 0;
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                turn += 1;
                let ready = Arc::clone(&ready);
                tokio::spawn(async move {
                    for place in [turn % 2, (turn + 1) % 2] {
                        if ready[place].load(Ordering::Relaxed)
                            && let Ok(mut gate) = TcpStream::connect(gates[place]).await
                        {
                            let _ = copy_bidirectional(&mut client, &mut gate).await;
                            return;
                        }
                    }
                });
            }
        });
        Self {
            address,
            _tasks: tasks,
        }
    }
}

/// Sends a request on a connection of its own and reads all that comes.
async fn exchange(address: SocketAddr, head: &str, body: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    let request = format!(
        "{head}host: gate\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Clients that ask again as soon as they are answered.
struct Clients {
    answered: Arc<AtomicUsize>,
    enough: Arc<AtomicBool>,
    tasks: JoinSet<Vec<String>>,
}

impl Clients {
    /// `key`: their API key.
    fn ask(address: SocketAddr, key: &str) -> Self {
        let (answered, enough) = (Arc::default(), Arc::default());
        let mut tasks = JoinSet::new();
        for client in 0..4 {
            let stream = client % 2 == 0;
            let body = question_with(json!({"stream": stream})).to_string();
            let head = format!(
                "POST {CHAT} HTTP/1.1\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
            );
            let (answered, enough): (Arc<AtomicUsize>, Arc<AtomicBool>) =
                (Arc::clone(&answered), Arc::clone(&enough));
            tasks.spawn(async move {
                let mut failed = Vec::new();
                while !enough.load(Ordering::Relaxed) {
                    let answer = exchange(address, &head, &body).await;
                    let end = if stream { "data: [DONE]" } else { "\"Hello\"" };
                    match answer {
                        Ok(answer) if answer.starts_with("HTTP/1.1 200") && answer.contains(end) => {
                            answered.fetch_add(1, Ordering::Relaxed);
                        }
                        other => failed.push(format!("{other:?}")),
                    }
                }
                failed
            });
        }
        Self {
            answered,
            enough,
            tasks,
        }
    }

    /// Waits until so many more were answered.
    async fn answered(&self, more: usize) {
        let wanted = self.answered.load(Ordering::Relaxed) + more;
        let enough = async {
            while self.answered.load(Ordering::Relaxed) < wanted {
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), enough)
            .await
            .expect("requests are answered");
    }

    /// # Panics
    /// With the first of those that failed.
    async fn none_failed(mut self) {
        self.enough.store(true, Ordering::Relaxed);
        let mut failed = Vec::new();
        while let Some(of_client) = self.tasks.join_next().await {
            failed.extend(of_client.unwrap());
        }
        let answered = self.answered.load(Ordering::Relaxed);
        assert!(
            failed.is_empty(),
            "{} failed and {answered} did not: {}",
            failed.len(),
            failed[0]
        );
    }
}

/// Restarts each gate in turn while clients ask.
async fn restart_in_turn(gates: &mut [Gate; 2], clients: &Clients) {
    for _ in 0..2 {
        for gate in gates.iter_mut() {
            clients.answered(20).await;
            gate.restart().await;
        }
    }
    clients.answered(20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_under_load_fails_no_request() {
    let mut pair = pair(Balancer::INTERVAL * 12).await;
    let [one, two] = &pair.gates;
    let balancer = Balancer::before([one.address(), two.address()]).await;
    let clients = Clients::ask(balancer.address, one.key());

    restart_in_turn(&mut pair.gates, &clients).await;

    clients.none_failed().await;
}

/// An nginx in front of the gates, as the guide has it; ended when dropped.
struct Nginx {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Nginx {
    /// From PATH, or where the benchmark has put one.
    fn found() -> Option<PathBuf> {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
        let unpacked = ["release", "debug"].map(|profile| target.join(profile).join("nginx/usr/sbin"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders = std::env::split_paths(&path).chain(unpacked);
        folders.find_map(|folder| Some(folder.join("nginx")).filter(|file| file.is_file()))
    }

    fn before(gates: [SocketAddr; 2], binary: &Path) -> Self {
        let folder = TempDir::new().unwrap();
        let address = free_port();
        let [one, two] = gates;
        let config = format!(
            "daemon off; master_process off; pid nginx.pid; error_log error.log;\n\
             events {{}}\n\
             http {{\n\
               access_log off; client_body_temp_path body; proxy_temp_path proxy;\n\
               fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n\
               upstream gates {{ server {one} max_fails=0; server {two} max_fails=0; }}\n\
               server {{ listen {address}; location / {{ proxy_pass http://gates; proxy_buffering off; }} }}\n\
             }}\n"
        );
        std::fs::write(folder.path().join("nginx.conf"), config).unwrap();
        let process = Command::new(binary)
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            process,
            address,
            _folder: folder,
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_behind_a_plain_nginx_fails_no_request() {
    let Some(binary) = Nginx::found() else {
        eprintln!("SKIPPED: there is no nginx on PATH, and `make bench` has not fetched one");
        return;
    };
    let mut pair = pair(Duration::ZERO).await;
    let [one, two] = &pair.gates;
    let nginx = Nginx::before([one.address(), two.address()], &binary);
    while TcpStream::connect(nginx.address).await.is_err() {
        sleep(Duration::from_millis(10)).await;
    }
    let clients = Clients::ask(nginx.address, one.key());

    restart_in_turn(&mut pair.gates, &clients).await;

    clients.none_failed().await;
}

#[tokio::test]
async fn a_gate_that_leaves_says_so_still_answers_and_closes_each_connection() {
    let (_provider, mut gate) =
        stage_with(says("Hello"), |channel| channel, "[limits]\nleave_ms = 1500\n").await;
    let ready = async |gate: &Gate| {
        let request = Request::get("/readyz").body(String::new()).unwrap();
        gate.send(request).await
    };
    assert_eq!(ready(&gate).await.status, 200);

    gate.signal(Signal::Terminate);
    let leaving = loop {
        let answer = ready(&gate).await;
        if answer.status != 200 {
            break answer;
        }
    };

    assert_eq!(leaving.status, 503);
    let told: Value = leaving.json();
    assert_eq!(told["missing"][0], "the gate is shutting down");
    let answer = gate.post(&question()).await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    assert_eq!(gate.ended().await, Some(0));
}

#[tokio::test]
async fn operators_see_a_gate_until_its_last_request_has_ended() {
    let (_provider, mut gate) = stage(streams(["Hel", "lo"]).pauses(Duration::from_millis(300))).await;
    let mut open = gate.open_stream(&question()).await;
    open.next_event().await.unwrap();

    gate.signal(Signal::Terminate);
    gate.logged("shutting down").await;

    assert_eq!(get_from_admin(&gate, "/readyz").await.status, 503);
    let metrics = get_from_admin(&gate, "/metrics").await;
    let metrics = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(metrics.contains("tollgate_requests_in_flight 1"), "{metrics}");
    assert!(open.rest().await.has_done());
    assert_eq!(gate.ended().await, Some(0));
}
