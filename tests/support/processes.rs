//! Processes as /proc shows them: what a server consists of, what it used, and how long it was kept from working.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// One process at one moment.
pub struct Process {
    id: u32,
    parent: u32,
    session: u32,
    /// R runs or would if it got a core, S sleeps, D waits for a disk, T is stopped, Z has ended.
    state: char,
    cpu_seconds: f64,
    resident_bytes: u64,
    name: String,
}

/// Nanoseconds that a thread has run, and has waited for a core, since it began.
#[derive(Clone, Copy, Default)]
pub struct Shares {
    pub ran: u64,
    pub waited: u64,
}

/// A root, what descends from it, and what is in its session.
pub fn family(roots: &[u32]) -> Vec<Process> {
    let all: Vec<Process> = numbers("/proc").filter_map(read).collect();
    let mut ids: BTreeSet<u32> = roots.iter().copied().collect();
    loop {
        let before = ids.len();
        ids.extend(
            all.iter().filter(|process| ids.contains(&process.parent) || roots.contains(&process.session)).map(|process| process.id).collect::<Vec<_>>(),
        );
        if ids.len() == before {
            return all.into_iter().filter(|process| ids.contains(&process.id)).collect();
        }
    }
}

impl Process {
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Ended, and not yet waited for by who started it.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    /// Its threads, by id. Those of a process that ended meanwhile are none.
    pub fn threads(&self) -> Vec<(u32, Shares)> {
        let folder = format!("/proc/{}/task", self.id);
        let shares = |thread: u32| {
            let text = std::fs::read_to_string(format!("{folder}/{thread}/schedstat")).ok()?;
            let mut numbers = text.split_whitespace().map(|number| number.parse().unwrap_or_default());
            Some((thread, Shares { ran: numbers.next()?, waited: numbers.next()? }))
        };
        numbers(&folder).filter_map(shares).collect()
    }
}

/// A table for the output of a test that failed.
pub fn shown(processes: &[Process]) -> String {
    if processes.is_empty() {
        return "no process: it has ended\n".to_owned();
    }
    let mut text = String::from("     pid state    CPU s    MiB name\n");
    for process in processes {
        let Process { id, state, cpu_seconds, name, .. } = process;
        writeln!(text, "{id:>8} {state:<5} {cpu_seconds:>8.2} {:>6} {name}", process.resident_bytes >> 20).expect("a String takes text");
    }
    text
}

fn numbers(folder: &str) -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// `None`: it ended between the listing and now.
fn read(id: u32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The command's name is in parentheses and may hold anything.
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let number = |position: usize| fields.get(position).and_then(|field| field.trim().parse::<u64>().ok()).unwrap_or_default();
    let small = |position: usize| u32::try_from(number(position)).unwrap_or_default();
    let arguments = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ").chars().take(100).collect::<String>();
    Some(Process {
        id,
        parent: small(1),
        session: small(3),
        state: fields.first()?.chars().next()?,
        // Linux counts in hundredths of a second wherever it shows them.
        cpu_seconds: (number(11) + number(12)) as f64 / 100.0,
        resident_bytes: number(21) * 4096,
        name: if arguments.trim().is_empty() { name.to_owned() } else { arguments.trim().to_owned() },
    })
}
