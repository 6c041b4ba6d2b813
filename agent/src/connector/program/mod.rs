//! A program that prints records, one a line: started, bounded, read to its end. What it printed counts only when it ended well and in time,
//! with a whole last line; otherwise the poll fails and says what the program said last.
//!
//! It runs in a process group of its own, which is killed when the poll ends before it does. That it does not outlive this process, even
//! one that is killed, is asked of the program itself: it is given `--exit-with-parent` with this process's id and `--memory-limit` in bytes.

mod ending;
mod find;
mod said;
mod surroundings;
#[cfg(test)]
mod tests;

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::AsyncReadExt as _,
    process::{Child, ChildStdout, Command},
    time::timeout,
};

use super::{
    failure::{Failure, FailureReason},
    source::Program,
};
use crate::{size, span};
pub(super) use ending::{kernel_kills, refused_memory};
pub use find::{is_program, on_path};
use said::Said;

/// How long a process that was killed may take to vanish before the next one is started.
const VANISH: Duration = Duration::from_secs(5);

/// What a program printed.
#[derive(Debug)]
pub(super) struct Printed {
    pub(super) bytes: Vec<u8>,
    pub(super) took: Duration,
}

impl Program {
    /// The file to run.
    ///
    /// # Errors
    /// `program_missing`.
    pub fn find(&self) -> Result<std::path::PathBuf, Failure> {
        find::program(self.path.as_deref())
    }

    /// What it is to read on this machine and is not there: a path with nothing at it, a pattern that matches nothing.
    pub fn missing(&self) -> Vec<&str> {
        self.reads.iter().map(String::as_str).filter(|window| !find::exists(&self.folder, window)).collect()
    }

    /// Its file's name.
    pub(super) fn name(&self) -> String {
        self.path.as_deref().and_then(Path::file_name).map_or(find::PROGRAM.into(), |name| name.to_string_lossy()).into_owned()
    }

    /// Its name and what it is to do, for messages and the log.
    pub(super) fn called(&self) -> String {
        let name = self.name();
        self.arguments.first().map_or(name.clone(), |first| format!("{name} {first}"))
    }
}

/// Runs a program when it is its turn and gives what it printed, at most `most` bytes.
///
/// # Errors
/// Everything short of a good end within its limits.
pub(super) async fn run(program: &Program, most: u64) -> Result<Printed, Failure> {
    let _turn = program.turns.next().await;
    let path = program.find()?;
    // Its temporary files would outlive it when it is killed.
    let temporary = tempfile::tempdir().map_err(|error| Failure::new(FailureReason::ProgramMissing, format!("no folder for temporary files: {error}")))?;
    let surroundings = surroundings::passed(std::env::vars_os(), temporary.path());
    let kills_before = ending::kernel_kills();
    let started = Instant::now();
    let mut running = Running::start(&path, program, &surroundings)?;
    let mut said = Said::default();
    let outcome = match timeout(program.timeout, running.finish(most, &mut said)).await {
        Err(_) => {
            Err((FailureReason::Timeout, format!("took longer than {} and was ended; raise its `timeout`, or let it read less", span::text(program.timeout))))
        }
        Ok(Err(wrong)) => Err(wrong),
        Ok(Ok((bytes, status))) => match ending::wrong(status, &said, &size::text(program.memory), ending::kernel_kills() > kills_before) {
            Some(wrong) => Err(wrong),
            None => ending::complete(&bytes).map(|()| bytes),
        },
    };
    running.end().await;
    match outcome {
        Ok(bytes) => Ok(Printed { bytes, took: started.elapsed() }),
        Err((reason, wrong)) => Err(Failure::new(reason, format!("{} {wrong}{}", program.called(), said.told(&surroundings)))),
    }
}

/// Why it came to nothing, as the end of a sentence that begins with the program's name.
type Wrong = (FailureReason, String);

/// A process with its group, killed when dropped before its end.
struct Running(Child);

impl Running {
    /// Starts it on the calling thread, which must be one that stays: Linux takes the end of the thread that started a process for the
    /// end of its parent. The runtime's workers stay; threads for blocking work do not.
    fn start(path: &Path, program: &Program, surroundings: &[surroundings::Variable]) -> Result<Self, Failure> {
        let mut command = Command::new(path);
        command
            .args(&program.arguments)
            .arg(format!("--memory-limit={}", program.memory))
            .arg(format!("--exit-with-parent={}", std::process::id()))
            .current_dir(&program.folder)
            .env_clear()
            .envs(surroundings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command.spawn().map(Self).map_err(|error| {
            let message = format!("{} can't be started in {}: {error}", path.display(), program.folder.display());
            Failure::new(FailureReason::ProgramMissing, message)
        })
    }

    /// Reads all that it prints, then waits for its end. It is not waited for earlier, so that its id stays its own while others of its
    /// group still print.
    async fn finish(&mut self, most: u64, said: &mut Said) -> Result<(Vec<u8>, ExitStatus), Wrong> {
        let (stdout, stderr) = (self.0.stdout.take(), self.0.stderr.take());
        let (stdout, stderr) = stdout.zip(stderr).expect("both are piped and taken once");
        let (bytes, ()) = tokio::try_join!(whole(stdout, most), async {
            said.listen(stderr).await;
            Ok(())
        })?;
        let status = self.0.wait().await.map_err(|error| (FailureReason::Truncated, format!("could not be waited for: {error}")))?;
        Ok((bytes, status))
    }

    /// Kills what has not ended, and lets it vanish.
    async fn end(mut self) {
        if self.kill() {
            // One that hangs in the kernel is left to the operating system.
            let _ = timeout(VANISH, self.0.wait()).await;
        }
    }

    /// Kills the group. False when its first process has been waited for: its id may be another's by now.
    fn kill(&self) -> bool {
        let group = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = group {
            // All of it may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
        group.is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn whole(stdout: ChildStdout, most: u64) -> Result<Vec<u8>, Wrong> {
    let mut bytes = Vec::new();
    let read = stdout.take(most.saturating_add(1)).read_to_end(&mut bytes).await;
    read.map_err(|error| (FailureReason::Truncated, format!("could not be read: {error}")))?;
    if bytes.len() as u64 > most {
        return Err((FailureReason::TooLarge, format!("printed more than {} and was ended; measure fewer columns or methods", size::text(most))));
    }
    Ok(bytes)
}
