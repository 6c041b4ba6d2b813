//! `pack.pdf`: `index.html` as a Chromium prints it, tagged for those who have it read to them, and with an outline. Where there is no Chromium there is
//! no PDF: the page prints as well.
//!
//! The browser runs by itself, in a process group and a folder of its own, reaches no network, and is ended with all of its children when it takes too long.
//! Two prints of one page differ in their bytes (they tell when they were made): a PDF is no part of what can be made again byte for byte.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, geteuid, kill_process_group, waitid};
use url::Url;

/// Names under which a Chromium may be found in `PATH`.
pub const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

/// How long a print may take when nobody says: a pack of thousands of rows takes ten seconds on a slow machine.
pub const LIMIT: Duration = Duration::from_secs(120);

/// How often it is looked whether the browser has ended.
const LOOK: Duration = Duration::from_millis(25);

/// The most that is told of what a browser said, in characters.
const SAID: usize = 300;

/// What was printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// The browser.
    pub browser: PathBuf,
    /// Bytes of the PDF.
    pub bytes: u64,
}

/// Why nothing was printed though there is, or should be, a browser.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The browser that was named.
    #[error("{0} is no program that can be run; name another Chromium, or none")]
    NotThere(PathBuf),
    /// The page, or the folder for the print.
    #[error("{0} can't be read or written")]
    File(PathBuf, #[source] io::Error),
    /// The operating system refuses.
    #[error("{0} can't be started")]
    Start(PathBuf, #[source] io::Error),
    /// It was ended.
    #[error("{0} took longer than {1} seconds to print and was ended")]
    TooLong(PathBuf, f32),
    /// It ended without a PDF.
    #[error("{browser} ended without a PDF ({status}){said}")]
    Nothing {
        /// The browser.
        browser: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// What it said last.
        said: String,
    },
}

/// The browser: the one that was named, else the first that `path` (the variable `PATH`) has under one of its [`NAMES`].
///
/// # Errors
/// [`Error::NotThere`] for one that was named.
pub fn browser(named: Option<&Path>, path: &std::ffi::OsStr) -> Result<Option<PathBuf>, Error> {
    let in_path = |name: &Path| std::env::split_paths(path).map(|folder| folder.join(name)).find(|file| is_program(file));
    match named {
        // A name without a folder is looked for, as a shell does.
        Some(name) if name.components().count() == 1 => in_path(name).ok_or_else(|| Error::NotThere(name.to_owned())).map(Some),
        Some(file) => is_program(file).then(|| Some(file.to_owned())).ok_or_else(|| Error::NotThere(file.to_owned())),
        None => Ok(NAMES.iter().find_map(|name| in_path(Path::new(name)))),
    }
}

fn is_program(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Prints a page into a file, with the browser that was named or the first that is found, within a time limit. `None`: there is no browser. It waits for
/// the browser; whoever must not wait calls it where waiting is allowed.
///
/// # Errors
/// Why there is no print though there is a browser. What was at `to` is as it was.
pub fn print(page: &Path, to: &Path, named: Option<&Path>, limit: Duration) -> Result<Option<Printed>, Error> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let Some(browser) = browser(named, &path)? else { return Ok(None) };
    let absolute = fs::canonicalize(page).map_err(|error| Error::File(page.to_owned(), error))?;
    let folder = tempfile::tempdir().map_err(|error| Error::File(std::env::temp_dir(), error))?;
    let (printed, said) = (folder.path().join("pack.pdf"), folder.path().join("said"));
    let status = run(command(&browser, &path, &absolute, folder.path(), &printed), &browser, &said, limit)?;
    if !status.success() || !is_pdf(&printed) {
        return Err(Error::Nothing { browser, status, said: last_said(&said) });
    }
    let bytes = fs::copy(&printed, to).map_err(|error| Error::File(to.to_owned(), error))?;
    Ok(Some(Printed { browser, bytes }))
}

/// The browser with all that it is told: nothing of this process's surroundings but where programs are.
fn command(browser: &Path, path: &std::ffi::OsStr, page: &Path, folder: &Path, printed: &Path) -> Command {
    let flag = |name: &str, value: &Path| {
        let mut flag = std::ffi::OsString::from(name);
        flag.push(value);
        flag
    };
    let mut command = Command::new(browser);
    command
        .args(["--headless", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-default-browser-check", "--disable-extensions"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-breakpad", "--no-proxy-server"])
        // What the page holds is all that is printed: no name is looked up.
        .arg("--host-resolver-rules=MAP * ~NOTFOUND")
        .arg(flag("--user-data-dir=", &folder.join("profile")))
        .args(["--generate-pdf-document-outline", "--no-pdf-header-footer"])
        .arg(flag("--print-to-pdf=", printed))
        .env_clear()
        .env("PATH", path)
        .env("HOME", folder)
        .env("TMPDIR", folder);
    if geteuid().is_root() {
        // Chromium refuses to run as root otherwise; the page is our own, and runs nothing.
        command.arg("--no-sandbox");
    }
    command.arg(Url::from_file_path(page).map_or_else(|()| page.as_os_str().to_owned(), |url| url.as_str().into()));
    command
}

/// Runs it to its end, or to the end of its time.
fn run(mut command: Command, browser: &Path, said: &Path, limit: Duration) -> Result<ExitStatus, Error> {
    let out = File::create(said).map_err(|error| Error::File(said.to_owned(), error))?;
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(out).process_group(0).spawn();
    let running = Running(child.map_err(|error| Error::Start(browser.to_owned(), error))?);
    let started = Instant::now();
    while !running.has_ended() {
        if started.elapsed() >= limit {
            return Err(Error::TooLong(browser.to_owned(), limit.as_secs_f32()));
        }
        sleep(LOOK);
    }
    running.end().map_err(|error| Error::Start(browser.to_owned(), error))
}

/// A browser with its children. It is waited for last, so that its id stays its group's.
struct Running(Child);

impl Running {
    fn id(&self) -> Option<Pid> {
        i32::try_from(self.0.id()).ok().and_then(Pid::from_raw)
    }

    /// Whether it has ended; it can still be waited for.
    fn has_ended(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.id().is_none_or(|id| !matches!(waitid(WaitId::Pid(id), look), Ok(None)))
    }

    /// Ends what it left behind, and tells how it ended.
    fn end(mut self) -> io::Result<ExitStatus> {
        self.kill();
        self.0.wait()
    }

    fn kill(&self) {
        if let Some(group) = self.id() {
            // All of it may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Of one that was waited for the id may be another's by now.
        if matches!(self.0.try_wait(), Ok(None)) {
            self.kill();
            let _ = self.0.wait();
        }
    }
}

/// Whether a file is a whole PDF: it has the beginning and the end of one.
fn is_pdf(file: &Path) -> bool {
    const TAIL: i64 = 1_024;
    let ends = || -> io::Result<bool> {
        let mut file = File::open(file)?;
        let mut head = [0; 5];
        file.read_exact(&mut head)?;
        let length = i64::try_from(file.metadata()?.len()).unwrap_or(i64::MAX);
        file.seek(SeekFrom::End(-length.min(TAIL)))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        Ok(&head == b"%PDF-" && tail.windows(5).any(|part| part == b"%%EOF"))
    };
    ends().unwrap_or(false)
}

/// The last line of what a browser said, as the end of a sentence.
fn last_said(file: &Path) -> String {
    let said = fs::read(file).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty()).map(|line| line.chars().filter(|c| !c.is_control()).take(SAID).collect::<String>());
    last.map_or_else(String::new, |line| format!("; it said: {line}"))
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// A program that does this instead of a browser; `$pdf` is where the print is wanted.
    fn fake(folder: &TempDir, name: &str, script: &str) -> PathBuf {
        let file = folder.path().join(name);
        let find = r#"for word; do case "$word" in --print-to-pdf=*) pdf=${word#*=};; esac; done"#;
        fs::write(&file, format!("#!/bin/sh\n{find}\n{script}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    fn folder() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("index.html"), "<!DOCTYPE html><title>x</title>").unwrap();
        folder
    }

    fn printed(folder: &TempDir, browser: &Path, limit: Duration) -> Result<Option<Printed>, Error> {
        print(&folder.path().join("index.html"), &folder.path().join("pack.pdf"), Some(browser), limit)
    }

    #[test]
    fn what_a_browser_prints_is_taken_when_it_is_whole() {
        let folder = folder();
        let good = fake(&folder, "good", "printf '%%PDF-1.4 x %%%%EOF' > \"$pdf\"");
        assert_eq!(printed(&folder, &good, LIMIT).unwrap(), Some(Printed { browser: good, bytes: 16 }));
        fs::write(folder.path().join("pack.pdf"), "as it was").unwrap();
        for (name, script, expected) in [
            ("half", "printf '%%PDF-1.4 x' > \"$pdf\"", "ended without a PDF (exit status: 0)"),
            ("none", "echo 'first line' >&2; echo 'no fonts' >&2", "ended without a PDF (exit status: 0); it said: no fonts"),
            ("fails", "printf '%%PDF-1.4 x %%%%EOF' > \"$pdf\"; exit 3", "ended without a PDF (exit status: 3)"),
        ] {
            let error = printed(&folder, &fake(&folder, name, script), LIMIT).unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
        }
        assert_eq!(fs::read_to_string(folder.path().join("pack.pdf")).unwrap(), "as it was");
    }

    #[test]
    fn one_that_hangs_is_ended_with_its_children() {
        let folder = folder();
        let ids = folder.path().join("ids");
        let hangs = fake(&folder, "hangs", &format!("sleep 600 & echo $! > '{}'; sleep 600", ids.display()));
        let error = printed(&folder, &hangs, Duration::from_millis(800)).unwrap_err();
        assert!(matches!(error, Error::TooLong(..)), "{error}");
        let child = fs::read_to_string(ids).unwrap();
        let is_there = || fs::read_to_string(format!("/proc/{}/stat", child.trim())).is_ok_and(|stat| !stat.contains(") Z "));
        let began = Instant::now();
        while is_there() && began.elapsed() < Duration::from_secs(10) {
            sleep(LOOK);
        }
        assert!(!is_there(), "the child of one that was ended goes on");
    }

    #[test]
    fn a_browser_is_found_or_said_to_be_missing() {
        let folder = folder();
        let path = folder.path().as_os_str();
        assert_eq!(browser(None, path).unwrap(), None);
        fs::write(folder.path().join("chromium"), "no program").unwrap();
        assert_eq!(browser(None, path).unwrap(), None);
        let chrome = fake(&folder, "google-chrome", "");
        assert_eq!(browser(None, path).unwrap(), Some(chrome.clone()));
        assert_eq!(browser(Some(Path::new("google-chrome")), path).unwrap(), Some(chrome.clone()));
        assert_eq!(browser(Some(&chrome), "".as_ref()).unwrap(), Some(chrome));
        for missing in ["nothing", "/nothing/at/all"] {
            let error = browser(Some(Path::new(missing)), path).unwrap_err().to_string();
            assert_eq!(error, format!("{missing} is no program that can be run; name another Chromium, or none"));
        }
    }

    /// Where this machine has a Chromium, it prints a page of a pack, tagged and with an outline.
    #[test]
    fn a_chromium_prints_a_tagged_page() {
        let folder = folder();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let Some(browser) = browser(None, &path).unwrap() else { return };
        let page = "<!DOCTYPE html><html lang=\"en\"><title>Pack</title><h1>One</h1><h2>Two</h2><p>Three</p>";
        fs::write(folder.path().join("index.html"), page).unwrap();
        printed(&folder, &browser, LIMIT).unwrap().unwrap();
        let pdf = fs::read(folder.path().join("pack.pdf")).unwrap();
        let has = |word: &[u8]| pdf.windows(word.len()).any(|part| part == word);
        assert!(has(b"/StructTreeRoot") && has(b"/Outlines") && has(b"/Lang"));
    }
}
