//! Where Redis is, as one line of configuration.

use std::{fmt, str::FromStr};

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo};
use url::Url;

const DEFAULT_PORT: u16 = 6379;

/// `redis://USER:PASSWORD@HOST:PORT/NUMBER`, or `rediss://` for TLS by the roots of the system.
///
/// User, password, port (6379) and the number of the database (0) may be missing. Neither `Debug` nor `Display` shows
/// user and password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    is_tls: bool,
    host: String,
    port: u16,
    user: Option<String>,
    password: Option<String>,
    database: u16,
}

/// Why a text is no URL of a Redis. Never repeats what may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedisUrlError {
    /// Such as a password with a `/` in it.
    #[error(
        "expected `redis://user:password@host:port/number`, or `rediss://` for TLS, where `%` and two digits stand for \
         each of `:/?#[]@%` in user and password"
    )]
    Form,
    #[error("parameters after `?` are not taken")]
    Parameters,
    #[error("a database has a number, such as `/0`")]
    Database,
}

impl FromStr for RedisUrl {
    type Err = RedisUrlError;

    fn from_str(text: &str) -> Result<Self, RedisUrlError> {
        let url = Url::parse(text).map_err(|_| RedisUrlError::Form)?;
        let is_tls = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return Err(RedisUrlError::Form),
        };
        let plain = |part: &str| {
            let decoded = percent_encoding::percent_decode_str(part).decode_utf8();
            decoded
                .map(|part| part.into_owned())
                .map_err(|_| RedisUrlError::Form)
        };
        let host = url.host_str().unwrap_or_default();
        // The brackets of an IPv6 address belong to the URL.
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        if host.is_empty() || url.fragment().is_some() {
            return Err(RedisUrlError::Form);
        }
        if url.query().is_some() {
            return Err(RedisUrlError::Parameters);
        }
        let database = match url.path().trim_start_matches('/') {
            "" => 0,
            number => number.parse().map_err(|_| RedisUrlError::Database)?,
        };
        let user = plain(url.username())?;
        Ok(Self {
            is_tls,
            host: host.to_owned(),
            port: url.port().unwrap_or(DEFAULT_PORT),
            user: (!user.is_empty()).then_some(user),
            password: url.password().map(plain).transpose()?,
            database,
        })
    }
}

impl RedisUrl {
    pub(super) fn info(&self) -> ConnectionInfo {
        let mut settings = RedisConnectionInfo::default().set_db(self.database.into());
        if let Some(user) = &self.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        let (host, port) = (self.host.clone(), self.port);
        let address = match self.is_tls {
            false => ConnectionAddr::Tcp(host, port),
            true => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            },
        };
        address
            .into_connection_info()
            .expect("an address that is given in parts is one")
            .set_redis_settings(settings)
    }
}

/// Without user and password: for logs and people.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "rediss" } else { "redis" };
        let Self {
            host, port, database, ..
        } = self;
        match host.contains(':') {
            true => write!(f, "{scheme}://[{host}]:{port}/{database}"),
            false => write!(f, "{scheme}://{host}:{port}/{database}"),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
