//! A plain nginx reverse proxy: no log, kept connections on both sides, nothing buffered but the
//! request's body, which stays in memory.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Providers;
use crate::cores::Cores;
use crate::error::BenchError;
use crate::process::Process;

/// How long nginx may take to listen.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct StartedNginx {
    pub(super) process: Process,
    pub(super) fast: SocketAddr,
    pub(super) slow: SocketAddr,
}

/// An nginx from PATH, or Debian's, downloaded by apt and unpacked into `unpacked`: nothing is
/// installed, and no service is started.
pub(super) async fn found(unpacked: &Path) -> Result<PathBuf, BenchError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let on_path = folders.map(|folder| folder.join("nginx"));
    let own = unpacked.join("usr/sbin/nginx");
    if let Some(binary) = on_path.chain([own.clone()]).find(|binary| binary.is_file()) {
        return Ok(binary);
    }
    eprintln!(
        "there is no nginx on PATH; unpacking Debian's into {}",
        unpacked.display()
    );
    std::fs::create_dir_all(unpacked).map_err(|error| BenchError::file(unpacked, error))?;
    if download(unpacked).await.is_err() {
        // The lists may be missing or old; renewing them needs root, and failing says why.
        run("apt-get", &["update", "--quiet"], unpacked).await?;
        download(unpacked).await?;
    }
    let package = std::fs::read_dir(unpacked)
        .map_err(|error| BenchError::file(unpacked, error))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"));
    let package = package.ok_or_else(|| BenchError::NoNginx {
        reason: "apt-get left no package".to_owned(),
    })?;
    let package = package.to_string_lossy();
    run("dpkg-deb", &["--extract", &package, "."], unpacked).await?;
    Ok(own)
}

async fn download(folder: &Path) -> Result<(), BenchError> {
    run("apt-get", &["download", "nginx"], folder).await
}

async fn run(program: &str, args: &[&str], folder: &Path) -> Result<(), BenchError> {
    let mut command = tokio::process::Command::new(program);
    command.args(args).current_dir(folder).kill_on_drop(true);
    let reason = match command.output().await {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    Err(BenchError::NoNginx {
        reason: format!("{program} {}: {reason}", args.join(" ")),
    })
}

/// As it says itself, such as `nginx/1.22.1`.
pub(super) fn version(binary: &Path) -> Result<String, BenchError> {
    let output = Command::new(binary)
        .arg("-v")
        .output()
        .map_err(|error| BenchError::file(binary, error))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let version = said.trim().rsplit(' ').next().unwrap_or_default();
    Ok(version.to_owned())
}

pub(super) async fn started(
    binary: &Path,
    cores: Cores,
    providers: &Providers,
    folder: &Path,
) -> Result<StartedNginx, BenchError> {
    let (fast, slow) = (free_address()?, free_address()?);
    let config = folder.join("nginx.conf");
    let text = configuration(
        folder,
        [(fast, providers.fast_address), (slow, providers.slow_address)],
    );
    std::fs::write(&config, text).map_err(|error| BenchError::file(&config, error))?;
    let mut command = Command::new(binary);
    command
        .arg("-p")
        .arg(folder)
        .arg("-c")
        .arg(&config)
        .args(["-e", "stderr"]);
    let log = folder.join("nginx.log");
    let mut process = cores.on(cores.measured, || Process::start("nginx", &mut command, &log))??;
    let listens = async {
        while tokio::net::TcpStream::connect(slow).await.is_err() && !process.has_ended() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, listens).await;
    if waited.is_err() || process.has_ended() {
        return Err(BenchError::NotStarted {
            name: "nginx",
            reason: std::fs::read_to_string(&log).unwrap_or_default(),
        });
    }
    Ok(StartedNginx { process, fast, slow })
}

fn free_address() -> Result<SocketAddr, BenchError> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map_err(|error| BenchError::file("a free port", error))
}

fn configuration(folder: &Path, routes: [(SocketAddr, SocketAddr); 2]) -> String {
    let folder = folder.display();
    let mut text = format!(
        "daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_max_body_size 64m;
    client_body_buffer_size 8m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    tcp_nodelay on;
"
    );
    for (number, (listen, provider)) in routes.into_iter().enumerate() {
        text.push_str(&format!(
            "    upstream provider{number} {{
        server {provider};
        keepalive 1024;
        keepalive_requests 100000000;
    }}
    server {{
        listen {listen} backlog=4096;
        location / {{
            proxy_pass http://provider{number};
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_buffering off;
            proxy_read_timeout 600s;
        }}
    }}
"
        ));
    }
    text.push_str("}\n");
    text
}
