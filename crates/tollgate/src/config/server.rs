//! `[server]`: where the gate listens, and who may talk to it from a browser.

use std::{net::SocketAddr, path::PathBuf};

use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

use super::{
    mistake::{Mistake, Mistakes},
    networks::networks,
};

const DEFAULT_LISTEN: &str = "127.0.0.1:8700";
const DEFAULT_ADMIN_LISTEN: &str = "127.0.0.1:8701";
const DEFAULT_DATA_DIR: &str = "data";

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct ServerTable {
    listen: Option<Spanned<String>>,
    admin_listen: Option<Spanned<String>>,
    data_dir: Option<PathBuf>,
    trusted_proxies: Option<Vec<Spanned<String>>>,
    cors_origins: Option<Vec<Spanned<String>>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// The data plane.
    pub listen: SocketAddr,
    /// Metrics, and what operators change while it runs.
    pub admin_listen: SocketAddr,
    /// Database, embedded model; one serving process at a time.
    pub data_dir: PathBuf,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    pub cors_origins: CorsOrigins,
}

/// Which web pages may call the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigins {
    Any,
    /// Those of these origins, such as `https://app.example.com`.
    These(Vec<String>),
}

impl ServerSettings {
    /// The fields that differ. None of them can change while the gate runs.
    pub fn differences(&self, running: &Self) -> Vec<&'static str> {
        [
            ("server.listen", self.listen != running.listen),
            ("server.admin_listen", self.admin_listen != running.admin_listen),
            ("server.data_dir", self.data_dir != running.data_dir),
            (
                "server.trusted_proxies",
                self.trusted_proxies != running.trusted_proxies,
            ),
            ("server.cors_origins", self.cors_origins != running.cors_origins),
        ]
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect()
    }
}

pub fn resolve(table: ServerTable, mistakes: &mut Mistakes<'_>) -> ServerSettings {
    let written_at = table
        .admin_listen
        .as_ref()
        .or(table.listen.as_ref())
        .map(|text| text.span().start);
    let listen = address("listen", table.listen, DEFAULT_LISTEN, mistakes);
    let admin_listen = address("admin_listen", table.admin_listen, DEFAULT_ADMIN_LISTEN, mistakes);
    // Port 0 is a new port each time.
    if listen == admin_listen && listen.port() != 0 {
        mistakes.add(written_at.unwrap_or_default(), Mistake::SameAddress);
    }
    ServerSettings {
        listen,
        admin_listen,
        data_dir: table.data_dir.unwrap_or_else(|| DEFAULT_DATA_DIR.into()),
        trusted_proxies: networks(table.trusted_proxies.unwrap_or_default(), mistakes),
        cors_origins: match table.cors_origins {
            None => CorsOrigins::Any,
            Some(origins) => cors_origins(origins, mistakes),
        },
    }
}

fn address(
    field: &'static str,
    written: Option<Spanned<String>>,
    default: &str,
    mistakes: &mut Mistakes<'_>,
) -> SocketAddr {
    let default = default.parse().expect("the default is an address");
    let Some(written) = written else {
        return default;
    };
    written.get_ref().parse().unwrap_or_else(|_| {
        let mistake = Mistake::Address {
            field,
            value: written.get_ref().clone(),
        };
        mistakes.add(written.span().start, mistake);
        default
    })
}

fn cors_origins(written: Vec<Spanned<String>>, mistakes: &mut Mistakes<'_>) -> CorsOrigins {
    let mut origins = Vec::new();
    for text in written {
        let start = text.span().start;
        let text = text.into_inner();
        if text == "*" {
            return CorsOrigins::Any;
        }
        // As browsers write it: scheme, host and port, nothing after them.
        let is_origin = url::Url::parse(&text)
            .is_ok_and(|url| url.has_host() && url.origin().ascii_serialization() == text);
        if is_origin {
            origins.push(text);
        } else {
            mistakes.add(start, Mistake::Origin { value: text });
        }
    }
    CorsOrigins::These(origins)
}
