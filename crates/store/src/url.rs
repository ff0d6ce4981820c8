//! Where the database is, as one line of configuration.

use std::{fmt, path::PathBuf, str::FromStr};

/// A database that this version can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file; a relative path starts at the working directory.
    Sqlite(PathBuf),
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    /// Reads `sqlite://PATH`: `sqlite://data/tollgate.db` is relative, `sqlite:///var/lib/…`
    /// absolute.
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
            "postgres" | "postgresql" => Err(DatabaseUrlError::Postgres),
            other => Err(DatabaseUrlError::UnknownScheme(other.to_owned())),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
        }
    }
}

/// Why a text is no database URL. Never repeats the text, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    #[error("expected `sqlite://` and a path")]
    NoScheme,
    #[error("PostgreSQL is not supported yet; use `sqlite://` and a path")]
    Postgres,
    #[error("unknown kind of database `{0}`; use `sqlite://` and a path")]
    UnknownScheme(String),
    #[error("the path of a file has to follow `sqlite://`, since keys must outlive the process")]
    NoFile,
    #[error("parameters after `?` are not taken")]
    Parameters,
}

#[cfg(test)]
mod tests;
