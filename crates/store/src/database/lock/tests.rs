#![allow(clippy::unwrap_used)]

use std::{os::unix::fs::symlink, process};

use super::*;

fn file(path: &Path) -> DatabaseUrl {
    DatabaseUrl::Sqlite(path.to_owned())
}

#[test]
fn a_second_gate_on_one_file_is_refused_by_whatever_links_it_comes() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("real");
    fs::create_dir(&real).unwrap();
    let database = real.join("books.db");
    symlink(&real, dir.path().join("folder")).unwrap();
    symlink(&database, dir.path().join("link.db")).unwrap();
    // It is there only after the first start.
    let first = DatabaseLock::take(&file(&database)).unwrap();
    fs::write(&database, "").unwrap();

    for other in [
        &database,
        &dir.path().join("folder/books.db"),
        &dir.path().join("link.db"),
    ] {
        let second = DatabaseLock::take(&file(other)).unwrap_err();

        assert!(
            matches!(&second, DatabaseLockError::InUse { file, holder: Some(id) } if file == other && *id == process::id()),
            "{second:?}"
        );
    }
    drop(first);
    assert!(DatabaseLock::take(&file(&database)).is_ok());
}

#[test]
fn a_server_is_shared() {
    let url: DatabaseUrl = "postgres://me@localhost/books".parse().unwrap();

    let _first = DatabaseLock::take(&url).unwrap();

    assert!(DatabaseLock::take(&url).is_ok());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    fs::write(&plain, "").unwrap();

    let error = DatabaseLock::take(&file(&plain.join("books.db"))).unwrap_err();

    assert!(error.to_string().contains("plain/books.db.lock"), "{error}");
}
