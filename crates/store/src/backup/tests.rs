#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;
use tollgate_catalog::money::Money;

use super::*;
use crate::{Store, accounts::tests::new_account};

const NOW: &str = "2026-11-18T12:00:00Z";

fn url(path: &Path) -> DatabaseUrl {
    DatabaseUrl::Sqlite(path.to_owned())
}

/// A file, whatever the other tests run on: a server's database is copied by its own tools.
async fn store() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&url(&dir.path().join("tollgate.db"))).await.unwrap();
    (dir, store)
}

/// Where the database of [`store`] is.
fn database(dir: &TempDir) -> PathBuf {
    let mut files = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .find(|path| path.extension().is_some_and(|suffix| suffix == "db"))
        .unwrap()
}

async fn back_up(dir: &TempDir, folder: &Path) -> Result<Backup, BackupError> {
    Backup::write(&url(&database(dir)), dir.path(), folder, NOW.parse().unwrap()).await
}

#[tokio::test]
async fn a_copy_made_while_others_write_is_one_state_of_the_books() {
    let (dir, store) = store().await;
    store.create_account(new_account("team")).await.unwrap();
    let writes = tokio::spawn({
        let store = store.clone();
        async move {
            for _ in 0..2_000 {
                let credit = store.credit("team", Money::from_nanos(1), None, NOW.parse().unwrap());
                credit.await.unwrap();
            }
        }
    });
    while store.account("team").await.unwrap().balance == Money::ZERO {
        tokio::task::yield_now().await;
    }

    let backup = back_up(&dir, &dir.path().join("backups")).await.unwrap();

    writes.abort();
    assert_eq!(
        backup.path,
        dir.path().join("backups/tollgate-20261118T120000Z.db")
    );
    assert_eq!(backup.bytes, fs::metadata(&backup.path).unwrap().len());
    let copy = Store::open(&url(&backup.path)).await.unwrap();
    let verified = copy.verify_ledger().await.unwrap();
    assert!(verified.holds() && verified.entries > 0, "{verified:?}");
}

#[tokio::test]
async fn nothing_is_overwritten_and_a_copy_is_its_owners_alone() {
    let (dir, store) = store().await;
    let first = back_up(&dir, dir.path()).await.unwrap();
    let written = fs::read(&first.path).unwrap();
    store.create_account(new_account("team")).await.unwrap();

    let second = back_up(&dir, dir.path()).await;

    assert!(matches!(second, Err(BackupError::Unusable { .. })), "{second:?}");
    assert_eq!(fs::read(&first.path).unwrap(), written);
    assert_eq!(
        fs::metadata(&first.path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let parts = fs::read_dir(dir.path()).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".part")
    });
    assert_eq!(parts.count(), 0, "what failed leaves nothing behind");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_not_made() {
    let dir = TempDir::new().unwrap();
    let missing = dir.path().join("tollgate.db");

    let backup = Backup::write(&url(&missing), dir.path(), dir.path(), NOW.parse().unwrap()).await;

    assert!(matches!(backup, Err(BackupError::Database { .. })), "{backup:?}");
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_database_on_a_server_is_left_to_the_server_s_tools() {
    let dir = tempfile::tempdir().unwrap();
    let server: DatabaseUrl = "postgres://me@127.0.0.1:1/db".parse().unwrap();

    let refused = Backup::write(&server, dir.path(), dir.path(), NOW.parse().unwrap()).await;

    assert!(matches!(refused, Err(BackupError::OnServer)), "{refused:?}");
}
