//! A consistent copy of the database, also while gates write to it.
//!
//! SQLite writes the copy itself (`VACUUM INTO`), of one state of the database and without keeping writers waiting.
//! It has its name only when it is whole, checked and on disk, and never takes the place of another file.
//! The database is not migrated: a copy is what one wants before a newer version does that.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::Timestamp;
use sqlx::{
    Connection,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tokio::{task, time};

use crate::{
    data_dir,
    error::DatabaseFault,
    spool::{Position, Unapplied},
    url::DatabaseUrl,
};

/// How long the records of requests that have ended may take to the database: a running gate brings them within
/// half a second.
const RECORDS_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A copy that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    pub path: PathBuf,
    pub bytes: u64,
    /// Requests that had ended when it began, and are in the spool alone.
    pub only_in_spool: u64,
}

impl Backup {
    /// Copies the database into a new file in `folder`, made where it is missing, named after the moment.
    ///
    /// First waits up to five seconds until what the spool of `data_dir` holds is in the database.
    ///
    /// Cancel safety: what is left is a file that ends in `.part`.
    pub async fn write(
        url: &DatabaseUrl,
        data_dir: &Path,
        folder: &Path,
        now: Timestamp,
    ) -> Result<Self, BackupError> {
        let DatabaseUrl::Sqlite(database) = url else {
            return Err(BackupError::OnServer);
        };
        let failed = |fault: sqlx::Error| BackupError::Database {
            path: database.clone(),
            fault: fault.into(),
        };
        let options = SqliteConnectOptions::new()
            .filename(database)
            .busy_timeout(BUSY_TIMEOUT);
        let mut connection = SqliteConnection::connect_with(&options).await.map_err(failed)?;
        let only_in_spool = settled(&mut connection, data_dir).await?;

        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| BackupError::Unusable { path, source }
        };
        make_folder(folder).map_err(unusable(folder))?;
        let path = folder.join(format!("tollgate-{}.db", now.strftime("%Y%m%dT%H%M%SZ")));
        let part = path.with_extension("db.part");
        // Whoever makes this file alone gives it its name; SQLite takes it while it is empty.
        claim(&part).map_err(unusable(&part))?;
        let copied = async {
            let name = part
                .to_str()
                .ok_or_else(|| BackupError::Name { path: part.clone() })?;
            sqlx::query("VACUUM INTO $1")
                .bind(name.to_owned())
                .execute(&mut connection)
                .await
                .map_err(failed)?;
            check(&part).await?;
            let named = (part.clone(), path.clone());
            let bytes = task::spawn_blocking(move || name_when_on_disk(&named.0, &named.1));
            bytes
                .await
                .map_err(io::Error::from)
                .flatten()
                .map_err(unusable(&path))
        };
        let copied = copied.await;
        if copied.is_err() {
            // A part is of no use to anybody.
            let _ = fs::remove_file(&part);
        }
        // Nothing of it is written to the database.
        let _ = connection.close().await;
        Ok(Self {
            bytes: copied?,
            path,
            only_in_spool,
        })
    }
}

/// Waits until the requests that have ended are in the database, and says how many of them are not.
async fn settled(connection: &mut SqliteConnection, data_dir: &Path) -> Result<u64, BackupError> {
    let spool = data_dir.join("spool");
    let unusable = |source| BackupError::Unusable {
        path: spool.clone(),
        source,
    };
    let Some(gate) = data_dir::gate_of(data_dir).map_err(unusable)? else {
        return Ok(0);
    };
    let ended = Unapplied::after(applied(connection, &gate).await, &spool).map_err(unusable)?;
    if ended.records == 0 {
        return Ok(0);
    }
    let until = time::Instant::now() + RECORDS_WITHIN;
    loop {
        let applied = applied(connection, &gate).await;
        if applied >= ended.end {
            return Ok(0);
        }
        if time::Instant::now() >= until {
            let left = Unapplied::after(applied, &spool).map_err(unusable)?;
            return Ok(left.records.min(ended.records));
        }
        time::sleep(LOOK_EVERY).await;
    }
}

/// Up to where the gate's spool is in the database; the beginning where an older version made it, or nobody can tell.
async fn applied(connection: &mut SqliteConnection, gate: &str) -> Position {
    let row: Result<Option<(i64, i64)>, _> =
        sqlx::query_as("SELECT segment, byte_offset FROM spool_positions WHERE gate = $1")
            .bind(gate.to_owned())
            .fetch_optional(connection)
            .await;
    row.ok()
        .flatten()
        .map_or_else(Position::default, |(segment, offset)| Position {
            segment: segment.cast_unsigned(),
            offset: offset.cast_unsigned(),
        })
}

/// It holds the hashes of keys and all that was spent: for its owner alone.
fn claim(part: &Path) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(part)
        .map(drop)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    match folder.as_os_str().is_empty() {
        true => Ok(()),
        false => fs::create_dir_all(folder),
    }
}

/// Reads the whole copy.
async fn check(part: &Path) -> Result<(), BackupError> {
    let failed = |fault: sqlx::Error| BackupError::Database {
        path: part.to_owned(),
        fault: fault.into(),
    };
    let options = SqliteConnectOptions::new()
        .filename(part)
        .read_only(true)
        .immutable(true);
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(failed)?;
    let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(&mut connection)
        .await
        .map_err(failed)?;
    let _ = connection.close().await;
    match found == "ok" {
        true => Ok(()),
        false => Err(BackupError::Damaged {
            path: part.to_owned(),
            found,
        }),
    }
}

/// Gives the copy its name once it outlasts a power cut, and says how long it is. Blocks.
fn name_when_on_disk(part: &Path, path: &Path) -> io::Result<u64> {
    let file = File::open(part)?;
    file.sync_all()?;
    // Only the owner of the part gets here, so nobody makes that file in between.
    if path.try_exists()? {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(part, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(file.metadata()?.len())
}

/// Why the database was not copied.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("only SQLite's file is copied by this; take `pg_dump` for a database on a server")]
    OnServer,
    #[error("the database {} cannot be copied: {fault}", path.display())]
    Database { path: PathBuf, fault: DatabaseFault },
    #[error("the copy {} is damaged, and so may be the database: {found}", path.display())]
    Damaged { path: PathBuf, found: String },
    #[error("{} cannot be used: {source}", path.display())]
    Unusable { path: PathBuf, source: io::Error },
    #[error("SQLite takes only names of files in UTF-8, unlike {}", path.display())]
    Name { path: PathBuf },
}

#[cfg(test)]
mod tests;
