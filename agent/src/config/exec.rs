//! Secrets that a program prints: `${exec:program arguments}`, or `${exec:["program", "argument with blanks"]}`. A password manager's command, mostly.
//!
//! It is run once for each load of the configuration, without a shell, in the folder of the configuration file, with this process's environment and
//! nothing to read. What it prints is the secret, without the ends of lines after it; what it says on its standard error is nobody's to see, since it may quote
//! anything. It counts only when the program ended well, in time.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    env,
    io::Read as _,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::{
    connector,
    document::{Document, Mistakes},
    span,
};

/// How long a program may take: a start or a reload waits for it.
const LONGEST: Duration = Duration::from_secs(10);

/// Most bytes of a secret. Keys and certificates have some kilobytes.
const MOST_BYTES: u64 = 64 * 1024;

/// How often it is looked whether a program that has printed all has ended.
const PAUSE: Duration = Duration::from_millis(2);

/// The programs of one configuration that were run, with what came of it.
#[derive(Debug, Default)]
pub(super) struct Programs(RefCell<BTreeMap<String, Result<String, String>>>);

impl Programs {
    /// What the program of a reference prints; `allowed` is what the configuration says of such references.
    ///
    /// # Errors
    /// What was expected, with nothing that the program printed.
    pub(super) fn secret(&self, reference: &str, allowed: bool, folder: &Path) -> Result<String, String> {
        if !allowed {
            return Err(
                "`secrets: { exec: true }` in the configuration, since a file that may start programs is another thing than one that may not".to_owned()
            );
        }
        let mut run = self.0.borrow_mut();
        run.entry(reference.to_owned()).or_insert_with(|| printed(&words(reference)?, folder, LONGEST)).clone()
    }
}

/// The program and its arguments.
fn words(reference: &str) -> Result<Vec<String>, String> {
    const LIST: &str = "a program and its arguments as a list of texts: `${exec:[\"/usr/bin/pass\", \"show\", \"a key\"]}`";
    let reference = reference.trim();
    let words = if reference.starts_with('[') {
        let mut mistakes = Mistakes::default();
        let list = Document::parse("", reference, &mut mistakes).and_then(|list| list.read::<Vec<String>>(&mut mistakes));
        list.ok_or_else(|| LIST.to_owned())?
    } else {
        reference.split_whitespace().map(str::to_owned).collect()
    };
    // There is no shell that would take them away.
    let is_quoted = |word: &String| word.starts_with(['"', '\'']) || word.ends_with(['"', '\'']);
    match words.first() {
        Some(program) if !program.is_empty() && (reference.starts_with('[') || !words.iter().any(is_quoted)) => Ok(words),
        _ => Err(LIST.to_owned()),
    }
}

fn find(program: &str) -> Result<PathBuf, String> {
    let path = Path::new(program);
    let found = match (path.is_absolute(), program.contains('/')) {
        (true, _) => Some(path.to_owned()).filter(|path| connector::is_program(path)),
        (false, true) => return Err("the absolute path of a program, or a name that is looked up on PATH".to_owned()),
        (false, false) => connector::on_path(program, &env::var_os("PATH").unwrap_or_default()),
    };
    found.ok_or_else(|| format!("a program that can be run; {program} is {}", if path.is_absolute() { "none" } else { "not on PATH" }))
}

/// What a program prints.
fn printed(words: &[String], folder: &Path, longest: Duration) -> Result<String, String> {
    let path = find(&words[0])?;
    // A file's name alone would have no folder.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut command = Command::new(path);
    command.args(&words[1..]).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let child = command.spawn().map_err(|error| format!("a program that can be started ({})", error.kind()))?;
    let mut running = Running(child);
    let (bytes, status) =
        running.finish(Instant::now() + longest).ok_or_else(|| format!("a program that ends within {}; it was ended", span::text(longest)))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("a program that prints a secret of at most {MOST_BYTES} bytes; it printed more"));
    }
    match (status.code(), status.signal()) {
        (Some(0), _) => {}
        (Some(code), _) => return Err(format!("a program that ends well; it ended with status {code}")),
        (None, signal) => return Err(format!("a program that ends well; it was ended by signal {}", signal.unwrap_or_default())),
    }
    let text = String::from_utf8(bytes).map_err(|_| "a program that prints UTF-8 text".to_owned())?;
    let secret = text.trim_end_matches(['\n', '\r']);
    if secret.is_empty() { Err("a program that prints a secret; it printed nothing".to_owned()) } else { Ok(secret.to_owned()) }
}

/// A process with its group, killed when dropped before its end.
struct Running(Child);

impl Running {
    /// What it printed, and how it ended. `None` when it did not until then.
    fn finish(&mut self, until: Instant) -> Option<(Vec<u8>, ExitStatus)> {
        let stdout = self.0.stdout.take().expect("it is piped and taken once");
        let (sender, receiver) = mpsc::channel();
        // A read can't be broken off; this one ends when the process does.
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = stdout.take(MOST_BYTES + 1).read_to_end(&mut bytes);
            // Nobody waits for what came too late.
            let _ = sender.send(read.map(|_| bytes));
        });
        let bytes = receiver.recv_timeout(until.saturating_duration_since(Instant::now())).ok()?.ok()?;
        loop {
            match self.0.try_wait().ok()? {
                Some(status) => return Some((bytes, status)),
                None if bytes.len() as u64 > MOST_BYTES => self.kill(),
                None if Instant::now() >= until => return None,
                None => thread::sleep(PAUSE),
            }
        }
    }

    fn kill(&mut self) {
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            // All of it may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    /// A folder with a program in it that does what this shell script says.
    fn program(script: &str) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a program");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let path = path.display().to_string();
        (folder, path)
    }

    fn run(script: &str, arguments: &[&str]) -> Result<String, String> {
        let (folder, path) = program(script);
        let words: Vec<_> = std::iter::once(path.as_str()).chain(arguments.iter().copied()).map(str::to_owned).collect();
        printed(&words, folder.path(), Duration::from_mins(5))
    }

    #[test]
    fn what_a_program_prints_is_the_secret() {
        assert_eq!(run("printf 'hush \\n\\r\\n'", &[]), Ok("hush ".to_owned()));
        assert_eq!(run("printf '%s|' \"$@\"", &["$HOME; x", "*", ""]), Ok("$HOME; x|*||".to_owned()), "no shell");
        assert_eq!(run("pwd -P; cat", &[]).unwrap().lines().count(), 1, "nothing to read");
    }

    #[test]
    fn what_did_not_end_well_is_no_secret() {
        for (script, expected) in [
            ("echo hush; echo hush >&2; exit 3", "a program that ends well; it ended with status 3"),
            ("echo hush; kill -9 $$", "a program that ends well; it was ended by signal 9"),
            ("", "a program that prints a secret; it printed nothing"),
            ("printf '\\377'", "a program that prints UTF-8 text"),
            ("head -c 65536 /dev/zero | tr '\\0' x; printf y", "a program that prints a secret of at most 65536 bytes; it printed more"),
            ("exec yes", "a program that prints a secret of at most 65536 bytes; it printed more"),
        ] {
            assert_eq!(run(script, &[]), Err(expected.to_owned()), "{script}");
        }
    }

    /// Its children hold the pipe: they are ended, too.
    #[test]
    fn a_program_that_hangs_is_ended_with_its_children() {
        let (folder, path) = program("echo hush; sleep 1000 & echo $! > child; wait");
        let told = printed(&[path], folder.path(), Duration::from_secs(1)).unwrap_err();
        assert_eq!(told, "a program that ends within 1s; it was ended");
        if let Ok(child) = fs::read_to_string(folder.path().join("child")) {
            let ended = || fs::read_to_string(format!("/proc/{}/stat", child.trim())).map_or(true, |stat| stat.contains(") Z "));
            while !ended() {
                thread::sleep(PAUSE);
            }
        }
    }

    #[test]
    fn programs_are_found_and_arguments_read() {
        assert_eq!(words(" a  b\tc "), Ok(["a", "b", "c"].map(str::to_owned).to_vec()));
        assert_eq!(words("[op, read, 'op://x/y z', \"-\"]"), Ok(["op", "read", "op://x/y z", "-"].map(str::to_owned).to_vec()));
        for wrong in ["", " ", "[]", "[a", "[[a]]", "pass 'a key'", "[\"\"]"] {
            assert!(words(wrong).unwrap_err().starts_with("a program and its arguments as a list of texts"), "{wrong}");
        }
        assert_eq!(find("./a"), Err("the absolute path of a program, or a name that is looked up on PATH".to_owned()));
        assert_eq!(find("/nowhere/a"), Err("a program that can be run; /nowhere/a is none".to_owned()));
        assert_eq!(find("clause9-nowhere"), Err("a program that can be run; clause9-nowhere is not on PATH".to_owned()));
        assert!(find("sh").unwrap().is_absolute());
    }

    #[test]
    fn it_is_asked_for_and_run_once() {
        let (folder, path) = program("echo x >> count; wc -l < count");
        let programs = Programs::default();
        let reference = format!("[\"{path}\"]");
        let refused = programs.secret(&reference, false, folder.path()).unwrap_err();
        assert!(refused.starts_with("`secrets: { exec: true }` in the configuration"), "{refused}");
        for _ in 0..2 {
            assert_eq!(programs.secret(&reference, true, folder.path()).unwrap().trim(), "1");
        }
        assert_eq!(Programs::default().secret(&reference, true, folder.path()).unwrap().trim(), "2", "another load");
    }
}
