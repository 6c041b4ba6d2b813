//! `clause9 verify --rederive`: stored readings computed again, with progress.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::IsTerminal as _,
    panic::resume_unwind,
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use super::{args::Sample, open, out, out::counted, say};
use crate::{
    indicator::Catalogue,
    pipeline::{Computed, Difference, Outcome, Rederiver, shown_labels},
    store::{self, Key, Reader},
};

/// How often progress is told.
const EVERY: Duration = Duration::from_millis(500);

/// The most differences that are printed; all are counted.
const PRINTED: usize = 100;

/// Threads that compute, each a part of the time. Two halve it; more would take the whole machine from those who share it.
const THREADS: usize = 2;

/// Fewer entries than these are not worth a thread: each makes the tables as they were at the beginning of its part.
const WORTH_A_THREAD: usize = 100;

/// Computes stored readings again and says what came out. True when nothing came out otherwise.
pub(super) fn rederive(database: &Path, sample: Sample) -> anyhow::Result<bool> {
    let catalogue = Catalogue::built_in().map_err(|mistakes| anyhow::anyhow!("{mistakes}"))?;
    let reader = open(database)?;
    let head = reader.head()?.0;
    let all = usize::try_from(reader.intervals()?).unwrap_or(usize::MAX);
    let chosen: Option<HashMap<i64, HashSet<Key>>> = match sample {
        Sample::Of(count) if count < all => {
            let place = u64::from_le_bytes(head.digest.0[..8].try_into().expect("a digest is longer"));
            Some(reader.sample(count, place)?.into_iter().collect())
        }
        _ => None,
    };
    let progress = Progress {
        goal: chosen.as_ref().map_or(all, |chosen| chosen.values().map(HashSet::len).sum()),
        is_shown: std::io::stderr().is_terminal(),
        ..Progress::default()
    };
    let mut entries = reader.evaluations(0, head.entry)?;
    entries.retain(|(entry, _)| chosen.as_ref().is_none_or(|chosen| chosen.contains_key(entry)));
    let parts = entries.chunks(entries.len().div_ceil(THREADS).max(WORTH_A_THREAD));
    let said = thread::scope(|scope| {
        let computing: Vec<_> = parts
            .map(|part| {
                let (catalogue, chosen, progress) = (&catalogue, chosen.as_ref(), &progress);
                scope.spawn(move || {
                    let said = compute(database, catalogue, part, chosen, progress);
                    // What others still compute is of no use then.
                    progress.is_over.fetch_or(said.is_err(), Ordering::Relaxed);
                    said
                })
            })
            .collect();
        while progress.is_shown && computing.iter().any(|part| !part.is_finished()) {
            thread::sleep(EVERY);
            progress.show();
        }
        computing.into_iter().map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic))).collect::<Result<Vec<_>, _>>()
    })?;
    progress.end();
    Ok(said.into_iter().fold(Said::default(), Said::and).end())
}

/// Computes what these entries stored.
fn compute(
    database: &Path,
    catalogue: &Catalogue,
    entries: &[(i64, i64)],
    chosen: Option<&HashMap<i64, HashSet<Key>>>,
    progress: &Progress,
) -> Result<Said, store::Error> {
    let reader = Reader::open(database)?;
    let before = entries.first().map_or(0, |(first, _)| first - 1);
    let mut rederiver = Rederiver::after(before, &reader, catalogue)?;
    let mut said = Said::default();
    for (entry, at) in entries {
        if progress.is_over.load(Ordering::Relaxed) {
            break;
        }
        for computed in rederiver.entry(*entry, *at, chosen.and_then(|chosen| chosen.get(entry)))? {
            progress.count.fetch_add(1, Ordering::Relaxed);
            if said.take(*entry, computed) {
                progress.differing.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    Ok(said)
}

/// How far all parts are.
#[derive(Default)]
struct Progress {
    goal: usize,
    count: AtomicUsize,
    differing: AtomicUsize,
    /// Whether one of them failed.
    is_over: AtomicBool,
    is_shown: bool,
}

impl Progress {
    fn show(&self) {
        let [count, differing] = [&self.count, &self.differing].map(|count| count.load(Ordering::Relaxed));
        out::err(format_args!("\r{count} of {} readings computed again, {differing} otherwise ", self.goal));
    }

    fn end(&self) {
        if self.is_shown {
            out::err(format_args!("\r{:60}\r", ""));
        }
    }
}

/// What came out.
#[derive(Default)]
struct Said {
    same: usize,
    told: BTreeMap<String, usize>,
    differing: usize,
    /// The first that differ, in words.
    differences: Vec<String>,
}

impl Said {
    /// Takes in a reading. True when it came out otherwise.
    fn take(&mut self, entry: i64, Computed { key, outcome, .. }: Computed) -> bool {
        match outcome {
            Outcome::Same => self.same += 1,
            // What comes behind a semicolon is of one reading.
            Outcome::Told(words) => *self.told.entry(words.split(';').next().unwrap_or_default().to_owned()).or_default() += 1,
            Outcome::Differs(differences) => {
                self.differing += 1;
                if self.differing <= PRINTED {
                    let labels = shown_labels(&key.labels);
                    let one = |it: &Difference| format!("{}: {} is stored, {} comes out", it.what, it.stored, it.computed);
                    let differences: Vec<_> = differences.iter().map(one).collect();
                    self.differences.push(format!("evidence entry {entry}: {} {labels}: {}", key.indicator, differences.join("; ")));
                }
                return true;
            }
        }
        false
    }

    /// With what came out of later entries.
    fn and(mut self, later: Self) -> Self {
        self.same += later.same;
        self.differing += later.differing;
        later.told.into_iter().for_each(|(words, count)| *self.told.entry(words).or_default() += count);
        self.differences.extend(later.differences);
        self
    }

    fn end(self) -> bool {
        self.differences.iter().take(PRINTED).for_each(|line| say!("{line}"));
        if self.differing > PRINTED {
            say!("and {} more", self.differing - PRINTED);
        }
        let count = self.same + self.told.values().sum::<usize>() + self.differing;
        say!("{} computed again: {} the same, {} otherwise", counted(count, "reading"), self.same, self.differing);
        self.told.iter().for_each(|(words, count)| say!("not in full: {count}: {words}"));
        self.differing == 0
    }
}
