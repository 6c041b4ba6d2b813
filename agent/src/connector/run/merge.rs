//! The same record twice in a poll: identical ones count once; of different ones the last counts, with a doubt. In files, where a person
//! wrote both, different ones are a mistake. Pure.

use std::collections::{HashMap, hash_map::Entry};

use crate::{
    connector::{
        failure::{Failure, FailureReason},
        outcome::StreamPoll,
    },
    record::{Doubt, DoubtReason, Record},
};

/// A record and, when a person can look it up there, its place.
#[derive(Debug, Clone)]
pub(super) struct Admitted {
    pub(super) record: Record,
    pub(super) place: Option<String>,
}

/// What became of the records of all streams.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) streams: Vec<StreamPoll>,
    /// How many records came more than once.
    pub(super) duplicates: u64,
    pub(super) conflicts: Vec<Conflict>,
}

/// Two rows that contradict each other, and the streams that they are in.
#[derive(Debug)]
pub(super) struct Conflict {
    pub(super) streams: [usize; 2],
    pub(super) failure: Failure,
}

/// Puts each stream's records into its outcome.
pub(super) fn merge(streams: Vec<(StreamPoll, Vec<Admitted>)>) -> Merged {
    let (mut duplicates, mut conflicts) = (0, Vec::new());
    let mut known: HashMap<(&'static str, String), (usize, usize)> = HashMap::new();
    let mut kept: Vec<Vec<Option<Admitted>>> = Vec::new();
    let mut outcomes = Vec::new();
    for (position, (outcome, admitted)) in streams.into_iter().enumerate() {
        outcomes.push(outcome);
        kept.push(Vec::with_capacity(admitted.len()));
        for mut admitted in admitted {
            let slot = (position, kept[position].len());
            match known.entry((admitted.record.shape.name, admitted.record.id.clone())) {
                Entry::Vacant(vacant) => drop(vacant.insert(slot)),
                Entry::Occupied(mut occupied) => {
                    duplicates += 1;
                    let (stream, index) = *occupied.get();
                    let first = kept[stream][index].as_ref().expect("the map points at the copy that is kept");
                    if same(&first.record, &admitted.record) {
                        continue;
                    }
                    conflicts.extend(refuse_in_files(first, &admitted).map(|failure| Conflict { streams: [stream, position], failure }));
                    doubt(&mut admitted.record);
                    kept[stream][index] = None;
                    occupied.insert(slot);
                }
            }
            kept[position].push(Some(admitted));
        }
    }
    for (outcome, admitted) in outcomes.iter_mut().zip(kept) {
        outcome.records = admitted.into_iter().flatten().map(|admitted| admitted.record).collect();
    }
    Merged { streams: outcomes, duplicates, conflicts }
}

/// Equal but for the doubt that a copy before may have left.
fn same(a: &Record, b: &Record) -> bool {
    let without = |record: &Record| {
        let mut record = record.clone();
        record.doubts.retain(|doubt| doubt.reason != DoubtReason::Duplicate);
        record
    };
    a == b || without(a) == without(b)
}

fn doubt(record: &mut Record) {
    let value = record.id.clone();
    record.doubts.push(Doubt { reason: DoubtReason::Duplicate, field: "id".to_owned(), value });
}

fn refuse_in_files(first: &Admitted, second: &Admitted) -> Option<Failure> {
    let (first_place, place, shape) = (first.place.as_ref()?, second.place.as_ref()?, second.record.shape.name);
    let message = format!("one id of a {shape} stands at {first_place} and again, differently, at {place}; give one another id");
    Some(Failure::new(FailureReason::InvalidRecord, message))
}
