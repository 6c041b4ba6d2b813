//! Where the program is.

use std::{
    env,
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use crate::connector::failure::{Failure, FailureReason};

/// The program that measures.
pub(super) const PROGRAM: &str = "clause9-measure";

/// The program at `path`; without one, that which lies beside this one, else the first on `PATH`.
pub(super) fn program(path: Option<&Path>) -> Result<PathBuf, Failure> {
    match path {
        Some(path) if is_program(path) => Ok(path.to_owned()),
        Some(path) => Err(missing(&format!("{} is no file that can be run; correct `measure: {{ program: ... }}`", path.display()))),
        None => {
            let folder = env::current_exe().ok().and_then(|this| this.parent().map(Path::to_owned));
            search(folder.as_deref(), &env::var_os("PATH").unwrap_or_default())
        }
    }
}

fn search(folder: Option<&Path>, on_path: &OsStr) -> Result<PathBuf, Failure> {
    among(folder.map(Path::to_owned).into_iter().chain(env::split_paths(on_path)), PROGRAM).ok_or_else(|| {
        let beside = folder.map_or_else(|| "not ".to_owned(), |folder| format!("neither in {} nor ", folder.display()));
        missing(&format!("{PROGRAM} is {beside}on PATH; build it: cargo build --release -p {PROGRAM}"))
    })
}

/// Whether there is anything at a path or for a pattern below this folder, by the program's rules. Addresses are taken to exist.
pub(super) fn exists(folder: &Path, window: &str) -> bool {
    if window.contains("://") || folder.join(window).exists() {
        return true;
    }
    let folder = glob::Pattern::escape(&folder.display().to_string());
    let pattern = Path::new(&folder).join(window);
    glob::glob(&pattern.to_string_lossy()).is_ok_and(|mut paths| paths.any(|path| path.is_ok_and(|path| path.is_file())))
}

/// The first program of this name in the folders of a `PATH`.
pub fn on_path(name: &str, on_path: &OsStr) -> Option<PathBuf> {
    among(env::split_paths(on_path), name)
}

fn among(folders: impl Iterator<Item = PathBuf>, name: &str) -> Option<PathBuf> {
    // A relative folder on PATH would depend on where this process was started.
    folders.filter(|folder| folder.is_absolute()).map(|folder| folder.join(name)).find(|path| is_program(path))
}

/// Whether there is a file that can be run.
pub fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

fn missing(message: &str) -> Failure {
    Failure::new(FailureReason::ProgramMissing, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a [b]");
        fs::create_dir_all(inner.join("live/day=1")).unwrap();
        fs::write(inner.join("live/day=1/x.parquet"), "").unwrap();
        for (window, found) in [
            ("live", true),
            ("live/day=1/x.parquet", true),
            ("live/**/*.parquet", true),
            ("live/day=?/x.*", true),
            ("live/*.csv", false),
            ("live/*", false),
            ("train.parquet", false),
            ("s3://bucket/train.parquet", true),
        ] {
            assert_eq!(exists(&inner, window), found, "{window}");
        }
    }

    #[test]
    fn the_first_that_can_be_run_counts() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, mode: u32| {
            let inner = folder.path().join(name);
            fs::create_dir(&inner).unwrap();
            fs::write(inner.join(PROGRAM), "#!/bin/sh\n").unwrap();
            fs::set_permissions(inner.join(PROGRAM), fs::Permissions::from_mode(mode)).unwrap();
            inner
        };
        let (plain, good, other) = (make("plain", 0o644), make("good", 0o755), make("other", 0o755));
        let on_path = env::join_paths([Path::new("relative"), &plain, &other]).unwrap();
        assert_eq!(search(Some(&good), &on_path).unwrap(), good.join(PROGRAM), "beside this one");
        assert_eq!(search(Some(&plain), &on_path).unwrap(), other.join(PROGRAM), "on PATH");
        let failure = search(Some(&plain), plain.as_os_str()).unwrap_err();
        let told = format!("clause9-measure is neither in {} nor on PATH; build it: cargo build --release -p clause9-measure", plain.display());
        assert_eq!((failure.reason, failure.message), (FailureReason::ProgramMissing, told));
        let failure = program(Some(&plain.join(PROGRAM))).unwrap_err();
        assert_eq!(failure.reason, FailureReason::ProgramMissing);
        assert!(failure.message.contains("can be run") && failure.message.contains("program:"), "{failure}");
    }
}
