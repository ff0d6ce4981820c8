//! The address of a PostgreSQL server and of a database there.

use std::{fmt, path::PathBuf};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use super::DatabaseUrlError;

const DEFAULT_PORT: u16 = 5432;
/// Only the server's side reads it, in its list of connections.
const APPLICATION: &str = "tollgate";

/// `postgres://USER:PASSWORD@HOST:PORT/NAME?sslmode=…&sslrootcert=FILE`.
///
/// Password, port (5432) and parameters may be missing. A host that is a path, `%2Frun%2Fpostgresql`, is the folder
/// of a socket. Neither `Debug` nor `Display` shows the password. What `libpq` reads from the environment for what
/// is written here is not asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    host: String,
    port: u16,
    user: String,
    password: Option<String>,
    database: String,
    ssl_mode: SslMode,
    ssl_root_cert: Option<PathBuf>,
}

/// How the connection is kept from others, by the names that `libpq` gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum SslMode {
    Disable,
    Allow,
    /// TLS where the server has it, whoever the server is.
    #[default]
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl SslMode {
    const ALL: [(&'static str, Self); 6] = [
        ("disable", Self::Disable),
        ("allow", Self::Allow),
        ("prefer", Self::Prefer),
        ("require", Self::Require),
        ("verify-ca", Self::VerifyCa),
        ("verify-full", Self::VerifyFull),
    ];
}

impl PostgresUrl {
    pub(super) fn read(text: &str) -> Result<Self, DatabaseUrlError> {
        let url = Url::parse(text).map_err(|_| DatabaseUrlError::Postgres)?;
        if url.fragment().is_some() {
            return Err(DatabaseUrlError::Postgres);
        }
        let plain = |part: &str| {
            let decoded = percent_encoding::percent_decode_str(part).decode_utf8();
            decoded
                .map(|part| part.into_owned())
                .map_err(|_| DatabaseUrlError::Postgres)
        };
        let named = |part: String, what| match part.is_empty() {
            true => Err(DatabaseUrlError::PostgresWithout(what)),
            false => Ok(part),
        };
        let host = url.host_str().unwrap_or_default();
        // The brackets of an IPv6 address belong to the URL.
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let mut read = Self {
            host: named(plain(host)?, "a host")?,
            port: url.port().unwrap_or(DEFAULT_PORT),
            user: named(plain(url.username())?, "a user")?,
            password: url.password().map(plain).transpose()?,
            database: named(plain(url.path().trim_start_matches('/'))?, "a database")?,
            ssl_mode: SslMode::default(),
            ssl_root_cert: None,
        };
        for (name, value) in url.query_pairs() {
            match &*name {
                "sslmode" => {
                    let found = SslMode::ALL.into_iter().find(|(name, _)| *name == value);
                    (_, read.ssl_mode) =
                        found.ok_or_else(|| unknown(&value, DatabaseUrlError::UnknownSslMode))?;
                }
                "sslrootcert" => read.ssl_root_cert = Some(PathBuf::from(&*value)),
                _ => return Err(unknown(&name, DatabaseUrlError::UnknownParameter)),
            }
        }
        Ok(read)
    }

    /// Where the server is, for people.
    pub(crate) fn server(&self) -> String {
        format!("{}:{}", self.shown_host(), self.port)
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    pub(crate) fn options(&self) -> PgConnectOptions {
        let mut options = PgConnectOptions::new_without_pgpass()
            .port(self.port)
            .username(&self.user)
            .password(self.password.as_deref().unwrap_or_default())
            .database(&self.database)
            .application_name(APPLICATION)
            .ssl_mode(match self.ssl_mode {
                SslMode::Disable => PgSslMode::Disable,
                SslMode::Allow => PgSslMode::Allow,
                SslMode::Prefer => PgSslMode::Prefer,
                SslMode::Require => PgSslMode::Require,
                SslMode::VerifyCa => PgSslMode::VerifyCa,
                SslMode::VerifyFull => PgSslMode::VerifyFull,
            });
        if let Some(file) = &self.ssl_root_cert {
            options = options.ssl_root_cert(file);
        }
        match self.host.starts_with('/') {
            true => options.socket(&self.host),
            false => options.host(&self.host),
        }
    }

    fn shown_host(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.replace('/', "%2F"),
        }
    }
}

/// Names what is unknown where it may be repeated: what looks like no name may be the rest of a password.
fn unknown(text: &str, name: fn(String) -> DatabaseUrlError) -> DatabaseUrlError {
    let is_a_name = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_' | b'-'));
    match is_a_name {
        true => name(text.to_owned()),
        false => DatabaseUrlError::Postgres,
    }
}

/// Without the password: for logs and people.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}@{}/{}", self.user, self.server(), self.database)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
