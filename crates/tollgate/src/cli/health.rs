//! `tollgate health`: whether the gate of this configuration is alive, for what watches over it without tools of its
//! own, such as a container.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use clap::Args;
use serde_json::Value;

use crate::{admin_client, config::Config, error::CliError, print};

#[derive(Debug, Args)]
pub struct Health {
    /// Also ask whether it can answer: a database, and a channel or the embedded model
    #[arg(long)]
    ready: bool,
}

pub async fn run(asked: Health, config: &Config) -> Result<(), CliError> {
    let address = reachable(config.server.listen);
    let path = if asked.ready { "/readyz" } else { "/healthz" };
    match admin_client::get::<Value>(address, path).await {
        Some(_) => print::line("ok"),
        None => Err(CliError::NotHealthy { address, path }),
    }
}

/// Where a gate answers on this machine that listens on every address of it.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
