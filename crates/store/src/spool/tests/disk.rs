//! A spool whose disk is full, or whose folder is gone.

use super::*;

/// A file system of its own, gone with the value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`: this user may not mount.
    fn mount(at: &Path, kib: u32) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tollgate-test"])
            .arg(at)
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_refuses_requests_before_they_begin_and_loses_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_disk) = SmallDisk::mount(dir.path(), 256) else {
        eprintln!("LEFT OUT: a full disk, which needs the right to mount");
        return;
    };
    // given a disk with less room than the spool may use, and somebody else's file on it
    let other = dir.path().join("other");
    fs::write(&other, vec![1; 100 * 1_024]).unwrap();
    let spool = open(dir.path(), limits(4_096));

    let mut appended = 0;
    let mut refused_since = None;
    while refused_since.is_none_or(|since: Instant| since.elapsed() < Duration::from_millis(1_200)) {
        match spool.reserve() {
            Some(room) => {
                assert_eq!(room.append(&record(appended)), Kept::InFile, "it was let in");
                appended += 1;
                refused_since = None;
            }
            None => {
                refused_since.get_or_insert_with(Instant::now);
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    assert_eq!(numbers(&spool), (0..appended).collect::<Vec<_>>());
    // then it goes on as soon as there is room
    fs::remove_file(&other).unwrap();
    assert_eq!(append(&spool, appended), Kept::InFile);
    drop(spool);
    let spool = open(dir.path(), limits(4_096));
    assert_eq!(numbers(&spool), (0..=appended).collect::<Vec<_>>());
}

#[test]
fn a_spool_that_filled_its_disk_opens_again_and_has_room_once_it_is_applied() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_disk) = SmallDisk::mount(dir.path(), 128) else {
        eprintln!("LEFT OUT: a spool on a full disk, which needs the right to mount");
        return;
    };
    let spool = open(dir.path(), limits(4_096));
    let mut appended = 0;
    let mut refused_since = None;
    while refused_since.is_none_or(|since: Instant| since.elapsed() < Duration::from_millis(700)) {
        match spool.reserve() {
            Some(room) => {
                room.append(&record(appended));
                appended += 1;
                refused_since = None;
            }
            None => {
                refused_since.get_or_insert_with(Instant::now);
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
    drop(spool);
    // given that nothing of what is there becomes smaller
    let filler = dir.path().join("filler");
    let mut file = fs::File::create(&filler).unwrap();
    while file.write_all(&[1; 512]).is_ok() {}

    let (spool, left) = Spool::open(dir.path(), limits(4_096), OnDamage::Refuse).unwrap();

    assert_eq!(left.records, u64::from(appended));
    assert!(spool.reserve().is_none(), "no file has room for it");
    spool.wait_for_room(Duration::ZERO).unwrap_err();
    let mut bytes = Vec::new();
    let batch = spool
        .0
        .shared
        .read(Position::default(), 1_000_000, &mut bytes)
        .unwrap();
    assert_eq!(batch.records.len(), appended as usize);
    assert_eq!(batch.next, spool.0.shared.end());
    spool.0.shared.applied(batch.next);
    spool.wait_for_room(Duration::from_secs(20)).unwrap();
    assert_eq!(append(&spool, appended), Kept::InFile);
    assert_eq!(numbers(&spool), [appended]);
}

#[test]
fn without_its_folder_a_spool_lets_nobody_in_and_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, away) = (dir.path().join("spool"), dir.path().join("away"));
    let spool = open(&folder, limits(64));
    append(&spool, 0);
    fs::rename(&folder, &away).unwrap();

    let mut appended = 1;
    let began = Instant::now();
    while let Some(room) = spool.reserve() {
        room.append(&record(appended));
        appended += 1;
        assert!(began.elapsed() < Duration::from_secs(20), "nobody notices");
        thread::sleep(Duration::from_millis(10));
    }

    assert!(!spool.standing().has_room);
    assert_eq!(numbers(&spool), (0..appended).collect::<Vec<_>>());
    // then it goes on when it is back
    fs::rename(&away, &folder).unwrap();
    assert_eq!(append(&spool, appended), Kept::InFile);
    drop(spool);
    let spool = open(&folder, limits(64));
    assert_eq!(numbers(&spool), (0..=appended).collect::<Vec<_>>());
}
