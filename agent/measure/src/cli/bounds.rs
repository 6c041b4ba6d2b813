//! What a process that starts this one asks of it: how much memory it may take, and that it ends together with it. Hidden from the help,
//! because people have better ways (`ulimit`, cgroups, their own shell).

use anyhow::Context as _;
use clap::Args;
use rustix::process::{Pid, Resource, Rlimit, getppid, getrlimit, setrlimit};

use super::args::values;

/// Bounds of this process, given by the one that started it.
#[derive(Debug, Args)]
pub struct Bounds {
    /// Memory for data that this process may ever take, such as 2GiB; an allocation beyond it ends the process.
    #[arg(long, value_name = "SIZE", value_parser = values::bytes, hide = true, global = true)]
    pub memory_limit: Option<usize>,
    /// The process that started this one: when it ends, so does this, at once.
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(1..), hide = true, global = true)]
    pub exit_with_parent: Option<i32>,
}

impl Bounds {
    /// Puts them into force.
    ///
    /// # Errors
    /// The parent has ended already, or the operating system refuses.
    pub fn apply(&self) -> anyhow::Result<()> {
        self.exit_with_parent.map_or(Ok(()), follow)?;
        self.memory_limit.map_or(Ok(()), limit)
    }
}

fn follow(parent: i32) -> anyhow::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).context("--exit-with-parent")?;
    // Only now: a parent that ended before the signal was asked for would never be noticed.
    let found = Pid::as_raw(getppid());
    anyhow::ensure!(
        found == parent,
        "--exit-with-parent {parent}: this process was started by {found}; process {parent} has ended, or a script stands between that does not `exec` this program"
    );
    Ok(())
}

/// Bounds private, writable memory: heap and anonymous mappings. Files that are mapped don't count, nor does what is only reserved.
fn limit(bytes: usize) -> anyhow::Result<()> {
    let wanted = bytes as u64;
    let limit = getrlimit(Resource::Data).maximum.map_or(wanted, |maximum| maximum.min(wanted));
    setrlimit(Resource::Data, Rlimit { current: Some(limit), maximum: Some(limit) }).with_context(|| format!("--memory-limit {bytes}"))
}
