//! Rows that may change without the stream's request bringing them, because it lists what was made since and not what changed: they are asked for
//! one by one, or in batches.
//!
//! Which they are is kept with the stream's position: what was open at the poll before and did not come. One that does not come now either is gone,
//! or moved to where it is not seen. That alone closes nothing: the next poll reads everything, and there it is absent like any other. So it is with
//! a row that had records and changed so that it has none, such as an issue whose label was taken off.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value as Json;

use super::{
    Run, Turn,
    merge::Admitted,
    walk::{self, Walked},
};
use crate::connector::{
    cursor::StreamCursor,
    description::{Description, ForEach, Reread, Stream},
    expression::{self, Val},
    failure::Failure,
    meter::LogEntry,
    outcome::{PollMode, StreamPoll},
};

/// How many rows are kept to be asked for again. With more than these, each poll reads everything.
const MOST_OPEN: usize = 5_000;

/// Of how many rows it is kept that they had records. Beyond that, one that has none any more waits for the next sweep.
const MOST_YIELDING: usize = 2_000;

/// What there is to remember.
#[derive(Debug)]
pub(super) struct Kept {
    /// What to ask for at the next poll; `None` when that would be too much.
    open: Option<BTreeSet<String>>,
    /// Whether something that was asked for did not come.
    missed: bool,
}

/// Asks for what was open at the poll before and did not come in this one.
pub(super) async fn read(run: &Arc<Run>, turn: &Turn, again: &Reread, walked: &mut Walked) -> Result<Kept, Failure> {
    let known = turn.known.as_ref().and_then(|known| known.open.as_ref());
    let asked: Vec<&String> = known.into_iter().flatten().filter(|id| !walked.ids.contains_key(*id)).collect();
    if !asked.is_empty() && !turn.first_page_only {
        let ids: Vec<Val> = asked.iter().filter_map(|id| Some(expression::from_json(&serde_json::from_str::<Json>(id).ok()?))).collect();
        let groups = match again.batch {
            Some(size) => ids.chunks(size.max(1)).map(|batch| vec![expression::list(batch.to_vec())]).collect(),
            None => ids.into_iter().map(|id| vec![id]).collect(),
        };
        let turn = Turn { position: turn.position, scope: turn.scope.clone(), known: None, since: turn.since, first_page_only: false, rereads: true };
        walked.add(walk::walk_all(run, Arc::new(turn), groups).await?);
    }
    let missed = asked.into_iter().any(|id| !walked.ids.contains_key(id));
    let open: BTreeSet<_> = walked.ids.iter().filter(|(_, is_open)| **is_open).map(|(id, _)| id.clone()).collect();
    Ok(Kept { open: (open.len() <= MOST_OPEN).then_some(open), missed })
}

impl Kept {
    /// Puts it into the stream's position, after a poll that read it whole or only what changed.
    pub(super) fn put(self, run: &Run, stream: &Stream, whole: bool, cursor: &mut StreamCursor) {
        let note = match &self.open {
            None => format!("more than {MOST_OPEN} rows may change unseen; each poll reads everything"),
            Some(_) if self.missed && !whole => "a row that was asked for again did not come; the next poll reads everything".to_owned(),
            Some(open) => {
                cursor.open = Some(open.clone());
                return;
            }
        };
        run.meter.log(LogEntry { stream: stream.name.clone(), page: 1, note, ..LogEntry::default() });
        (cursor.open, cursor.swept_at) = (self.open, None);
    }
}

/// Keeps which rows have records. One that had some and has none now makes the next poll read everything.
pub(super) fn keep_yielding(run: &Run, turn: &Turn, walked: &Walked, whole: bool, cursor: &mut StreamCursor) {
    let known = turn.known.as_ref().filter(|_| !whole).and_then(|known| known.yielding.clone());
    let Some(mut yielding) = known.or_else(|| whole.then(BTreeSet::new)) else { return };
    let mut lost = false;
    for (row, has_records) in &walked.yields {
        if *has_records {
            yielding.insert(row.clone());
        } else {
            lost |= yielding.remove(row);
        }
    }
    if lost {
        let stream = run.connector().streams[turn.position].name.clone();
        let note = "a row that had records has none any more; the next poll reads everything".to_owned();
        run.meter.log(LogEntry { stream, page: 1, note, ..LogEntry::default() });
        cursor.swept_at = None;
    }
    cursor.yielding = (yielding.len() <= MOST_YIELDING).then_some(yielding);
}

/// What a stream walks is read whole when the stream has to be.
pub(super) fn sweep_parents(description: &Description, read: &mut [Option<(StreamPoll, Vec<Admitted>)>]) {
    for position in (0..read.len()).rev() {
        let is_due = |(outcome, _): &(StreamPoll, Vec<Admitted>)| outcome.mode == PollMode::Changes && outcome.cursor.swept_at.is_none();
        let parent = description.streams[position].for_each.as_ref().and_then(ForEach::stream);
        if read[position].as_ref().is_some_and(is_due)
            && let Some((outcome, _)) = parent.and_then(|parent| read[parent].as_mut())
        {
            outcome.cursor.swept_at = None;
        }
    }
}
