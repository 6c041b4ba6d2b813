//! What is about a folder and its files.

use super::*;

fn fixture() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Store::open(folder.path(), Zone::UTC).unwrap(), folder)
}

#[test]
fn a_second_agent_on_the_same_folder_is_refused() {
    let (store, folder) = fixture();
    let error = Store::open(folder.path(), Zone::UTC).unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error}");
    drop(store);
    Store::open(folder.path(), Zone::UTC).unwrap();
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let (store, folder) = fixture();
    drop(store);
    let path = folder.path().join(DATABASE_FILE);
    Sqlite::open(&path).unwrap().set_version(999).unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = Store::open(folder.path(), Zone::UTC).unwrap_err();
    assert!(matches!(error, Error::Newer { found: 999, .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_full_disk_loses_nothing_that_was_stored() {
    let (mut store, folder) = fixture();
    store.commit("t", &[snapshot("s", &[incident("1", "a", "open")])], 100).unwrap();
    store.fill_disk(true);
    let many: Vec<_> = (0..5000).map(|id| incident(&id.to_string(), "a", "open")).collect();
    let error = store.commit("t", &[snapshot("s", &many)], 200).unwrap_err();
    assert!(matches!(error, Error::Full), "{error:?}");
    assert_eq!(rows(&store, "SELECT id FROM cases"), ["1"]);
    drop(store);
    let mut store = Store::open(folder.path(), Zone::UTC).unwrap();
    store.commit("t", &[snapshot("s", &many)], 300).unwrap();
    assert_eq!(rows(&store, "SELECT count(*) FROM cases"), ["5000"]);
    assert_eq!(entries(&store), 2);
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

const FILES: [&str; 4] = [DATABASE_FILE, "clause9.sqlite-wal", "clause9.sqlite-shm", "clause9.lock"];

#[test]
fn the_folder_and_its_files_are_for_their_owner_only() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("a/data");
    let mut store = Store::open(&folder, Zone::UTC).unwrap();
    store.commit("t", &[snapshot("s", &[incident("1", "a", "open")])], 100).unwrap();
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(FILES.map(|file| mode(&folder.join(file))), [0o600; 4]);
    assert_eq!(open_to_others(&folder), None);
    drop(store);
    // As an older agent left it. The files are the agent's own; how a folder that was there is to be, its owner knows.
    set_mode(&folder, 0o755);
    set_mode(&folder.join(DATABASE_FILE), 0o644);
    let _store = Store::open(&folder, Zone::UTC).unwrap();
    assert_eq!(FILES.map(|file| mode(&folder.join(file))), [0o600; 4]);
    assert_eq!(mode(&folder), 0o755);
    let told = open_to_others(&folder).unwrap();
    assert!(told.ends_with(&format!("(mode 755): chmod 700 {}", folder.display())), "{told}");
}

#[test]
fn what_is_not_in_its_place_any_more_is_not_written() {
    let outer = tempfile::tempdir().unwrap();
    let (folder, away) = (outer.path().join("data"), outer.path().join("away"));
    let mut store = Store::open(&folder, Zone::UTC).unwrap();
    let mut commit = |id: &str| store.commit("t", &[snapshot("s", &[incident(id, "a", "open")])], 100).map(|_| ()).and_then(|()| store.look());
    commit("1").unwrap();
    std::fs::rename(&folder, &away).unwrap();
    assert!(matches!(commit("2"), Err(Error::Gone { .. })));
    // Another agent took the name.
    let other = Store::open(&folder, Zone::UTC).unwrap();
    assert!(matches!(commit("2"), Err(Error::Replaced { .. })));
    drop(other);
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::rename(&away, &folder).unwrap();
    commit("3").unwrap();
    for file in FILES {
        let path = folder.join(file);
        std::fs::rename(&path, &away).unwrap();
        assert!(matches!(commit("4"), Err(Error::Gone { path: gone }) if gone == path), "{file}");
        std::fs::copy(&away, &path).unwrap();
        assert!(matches!(commit("4"), Err(Error::Replaced { path: replaced }) if replaced == path), "{file}");
        std::fs::rename(&away, &path).unwrap();
        commit("3").unwrap();
    }
    assert_eq!(rows(&store, "SELECT id FROM cases"), ["3"]);
    assert_eq!(entries(&store), 2);
    assert!(!folder.join("clause9.probe").exists());
}

#[test]
fn a_compacted_database_is_smaller_and_says_the_same() {
    let (mut store, folder) = fixture();
    store.begin_run(100).unwrap();
    for now in 200..260 {
        let incidents: Vec<_> = (0..200).map(|id| incident(&id.to_string(), "a", if now % 2 == 0 { "open" } else { "closed" })).collect();
        store.commit("t", &[snapshot("s", &incidents)], now).unwrap();
    }
    // What is made anew leaves room behind.
    store.commit("t", &[snapshot("s", &[])], 300).unwrap();
    assert!(matches!(compact(folder.path()), Err(Error::InUse { .. })));
    drop(store);
    let database = folder.path().join(DATABASE_FILE);
    let look = |path: &Path| {
        let verified = Verification::open(path).unwrap().verify(&[]).unwrap();
        (verified.head, verified.findings, Reader::open(path).unwrap().stats().unwrap())
    };
    let (before, told) = (size(&database), look(&database));
    compact(folder.path()).unwrap();
    let after = size(&database);
    assert!(after < before, "{after} of {before}");
    assert_eq!(look(&database), told);
    assert_eq!(told.1, []);
    // And the next run goes on from it.
    let mut store = Store::open(folder.path(), Zone::UTC).unwrap();
    store.begin_run(400).unwrap();
    assert_eq!(look(&database).1, []);
}
