//! Where the database is, as one line of configuration.

use std::{fmt, path::PathBuf, str::FromStr};

pub use self::postgres::PostgresUrl;

mod postgres;

/// A database that this version can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file; a relative path starts at the working directory.
    Sqlite(PathBuf),
    /// A server, which gates on several machines may use.
    Postgres(PostgresUrl),
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    /// Reads `sqlite://PATH`: `sqlite://data/tollgate.db` is relative, `sqlite:///var/lib/…`
    /// absolute; and `postgres://USER:PASSWORD@HOST:PORT/NAME`, see [`PostgresUrl`].
    fn from_str(url: &str) -> Result<Self, DatabaseUrlError> {
        let (scheme, rest) = url.split_once(':').ok_or(DatabaseUrlError::NoScheme)?;
        match scheme {
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                if path.contains('?') {
                    Err(DatabaseUrlError::Parameters)
                } else if path.is_empty() || path == ":memory:" {
                    Err(DatabaseUrlError::NoFile)
                } else {
                    Ok(Self::Sqlite(path.into()))
                }
            }
            "postgres" | "postgresql" => PostgresUrl::read(url).map(Self::Postgres),
            other => Err(DatabaseUrlError::UnknownScheme(other.to_owned())),
        }
    }
}

/// Without a password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// Why a text is no database URL. Never repeats what may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    #[error("expected `sqlite://` and a path, or `postgres://user:password@host:port/name`")]
    NoScheme,
    #[error("unknown kind of database `{0}`; use `sqlite://` and a path, or `postgres://`")]
    UnknownScheme(String),
    #[error("the path of a file has to follow `sqlite://`, since keys must outlive the process")]
    NoFile,
    #[error("parameters after `?` are not taken")]
    Parameters,
    /// Such as a password with a `/` in it.
    #[error(
        "expected `postgres://user:password@host:port/name`, where `%` and two digits stand for each of `:/?#[]@%` \
         in user and password"
    )]
    Postgres,
    #[error("`postgres://` is to name {0}: `postgres://user:password@host:port/name`")]
    PostgresWithout(&'static str),
    #[error(
        "`{0}` is no value of `sslmode`; there are disable, allow, prefer, require, verify-ca and verify-full"
    )]
    UnknownSslMode(String),
    #[error("unknown parameter `{0}` after `?`; there are `sslmode` and `sslrootcert`")]
    UnknownParameter(String),
}

#[cfg(test)]
mod tests;
