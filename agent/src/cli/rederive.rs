//! `clause9 verify --rederive`: stored readings computed again, with progress.

use std::{
    collections::{BTreeMap, HashSet},
    io::IsTerminal as _,
    time::{Duration, Instant},
};

use super::{args::Sample, out, out::counted, say};
use crate::{
    indicator::Catalogue,
    pipeline::{Computed, Difference, Outcome, Rederiver, shown_labels},
    store::Reader,
};

/// How often progress is told.
const EVERY: Duration = Duration::from_millis(500);

/// The most differences that are printed; all are counted.
const PRINTED: usize = 100;

/// Computes stored readings again and says what came out. True when nothing came out otherwise.
pub(super) fn rederive(reader: &Reader, sample: Sample) -> anyhow::Result<bool> {
    let catalogue = Catalogue::built_in().map_err(|mistakes| anyhow::anyhow!("{mistakes}"))?;
    let head = reader.head()?.0;
    let all = usize::try_from(reader.intervals()?).unwrap_or(usize::MAX);
    let chosen = match sample {
        Sample::Of(count) if count < all => Some(reader.sample(count, u64::from_le_bytes(head.digest.0[..8].try_into().expect("a digest is longer")))?),
        _ => None,
    };
    let goal = chosen.as_ref().map_or(all, |chosen| chosen.values().map(HashSet::len).sum());
    let mut rederiver = Rederiver::after(0, reader, &catalogue)?;
    let mut said = Said::new(goal);
    for (entry, at) in reader.evaluations(0, head.entry)? {
        let keys = chosen.as_ref().map(|chosen| chosen.get(&entry));
        if keys == Some(None) {
            continue;
        }
        for computed in rederiver.entry(entry, at, keys.flatten())? {
            said.take(entry, computed);
        }
        said.progress();
    }
    Ok(said.end())
}

/// What came out so far.
struct Said {
    goal: usize,
    same: usize,
    told: BTreeMap<String, usize>,
    differing: usize,
    shown: Option<Instant>,
}

impl Said {
    fn new(goal: usize) -> Self {
        Self { goal, same: 0, told: BTreeMap::new(), differing: 0, shown: std::io::stderr().is_terminal().then(Instant::now) }
    }

    fn take(&mut self, entry: i64, Computed { key, outcome, .. }: Computed) {
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
                    say!("evidence entry {entry}: {} {labels}: {}", key.indicator, differences.join("; "));
                }
            }
        }
    }

    fn count(&self) -> usize {
        self.same + self.told.values().sum::<usize>() + self.differing
    }

    fn progress(&mut self) {
        if self.shown.is_some_and(|shown| shown.elapsed() >= EVERY) {
            self.shown = Some(Instant::now());
            out::err(format_args!("\r{} of {} readings computed again, {} otherwise ", self.count(), self.goal, self.differing));
        }
    }

    fn end(self) -> bool {
        if self.shown.is_some() {
            out::err(format_args!("\r{:60}\r", ""));
        }
        if self.differing > PRINTED {
            say!("and {} more", self.differing - PRINTED);
        }
        say!("{} computed again: {} the same, {} otherwise", counted(self.count(), "reading"), self.same, self.differing);
        self.told.iter().for_each(|(words, count)| say!("not in full: {count}: {words}"));
        self.differing == 0
    }
}
