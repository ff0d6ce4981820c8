#![allow(clippy::unwrap_used)]

use std::process;

use super::*;

#[test]
fn a_second_gate_on_one_directory_is_refused_and_told_who_holds_it() {
    let dir = tempfile::tempdir().unwrap();
    let _first = DataDirLock::take(dir.path()).unwrap();

    let second = DataDirLock::take(dir.path()).unwrap_err();

    assert!(matches!(second, DataDirError::InUse { holder: Some(id), .. } if id == process::id()));
}

#[test]
fn the_directory_is_free_once_its_holder_is_gone() {
    let dir = tempfile::tempdir().unwrap();

    drop(DataDirLock::take(dir.path()).unwrap());

    assert!(
        DataDirLock::take(dir.path()).is_ok(),
        "the file left behind means nothing"
    );
}

#[test]
fn a_missing_directory_is_made_with_its_parents() {
    let dir = tempfile::tempdir().unwrap();

    let lock = DataDirLock::take(&dir.path().join("a/b"));

    assert!(lock.is_ok());
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();

    let error = DataDirLock::take(&file.join("data")).unwrap_err();

    assert!(
        error.to_string().contains("file/data cannot be written"),
        "{error}"
    );
}
