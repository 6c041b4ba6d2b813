//! Whether streams that were read one after the other fit together: what the rows of one name, the rows of another have. Pure.

use std::collections::BTreeSet;

use super::{Done, merge::Admitted};
use crate::{
    connector::{
        description::Description,
        format::{Note, NoteKind},
        outcome::StreamPoll,
    },
    record::Digest,
};

/// What one stream names and another does not have.
#[derive(Debug)]
pub(super) struct Torn<'d> {
    /// Position of the stream whose rows name it.
    pub(super) rows: usize,
    /// Position of the first of the two.
    pub(super) from: usize,
    about: &'d str,
    stream: &'d str,
    missing: BTreeSet<String>,
}

/// The comparisons that fail, of those whose second stream was read last.
pub(super) fn torn<'d>(description: &'d Description, done: &[Option<Done>]) -> Vec<Torn<'d>> {
    let mut torn = Vec::new();
    for (position, check) in description.cross_checks.iter().enumerate() {
        let (rows, among) = (check.rows, check.among);
        if rows.max(among) + 1 != done.len() {
            continue;
        }
        let (Some(names), Some(has)) = (&done[rows], &done[among]) else { continue };
        let (names, has) = (names.named.get(&(position, false)), has.named.get(&(position, true)));
        let is_there = |name: &&String| has.is_some_and(|has| has.contains(*name));
        let missing: BTreeSet<_> = names.into_iter().flatten().filter(|name| !is_there(name)).cloned().collect();
        if !missing.is_empty() {
            torn.push(Torn { rows, from: rows.min(among), about: &check.about, stream: &description.streams[rows].name, missing });
        }
    }
    torn
}

impl Torn<'_> {
    /// What it is, without saying it.
    pub(super) fn digest(&self) -> String {
        let missing: Vec<_> = self.missing.iter().map(String::as_str).collect();
        Digest::of(format!("{} {}", self.about, missing.join("\n")).as_bytes()).to_string()
    }

    /// Leaves word of it with the stream whose rows name what is not there.
    pub(super) fn tell(&self, read: &mut [Option<(StreamPoll, Vec<Admitted>)>]) {
        let Some((outcome, _)) = read.get_mut(self.rows).and_then(Option::as_mut) else { return };
        outcome.cursor.torn.push(self.digest());
        let text = format!("{} {}: it was so each time that both were read, and nothing can be said of what is missing", self.missing.len(), self.about);
        outcome.notes.push(Note { kind: NoteKind::Contradicted, place: self.stream.to_owned(), text });
    }
}
