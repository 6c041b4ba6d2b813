//! Rows of earlier streams once more, without a request: what can be said of them only now that the streams after them are read.

use std::sync::Arc;

use super::{
    Done, Run, Turn,
    rows::{self, Gathered, Sheet},
    walk::{self, Walked},
};
use crate::connector::{
    description::{Again, Origin},
    expression::Val,
    failure::{Failure, FailureReason},
    mapper,
};

/// Takes them. `None` when none of those streams was read.
pub(super) async fn take(run: &Arc<Run>, turn: &Arc<Turn>, again: &Again, done: &[Option<Done>]) -> Result<Option<Walked>, Failure> {
    let read: Vec<_> = again.streams.iter().filter_map(|stream| Some((*stream, Arc::clone(&done[*stream].as_ref()?.rows)))).collect();
    if read.is_empty() {
        return Ok(None);
    }
    let (run, turn) = (Arc::clone(run), Arc::clone(turn));
    let work = move || {
        let mut gathered = Gathered::default();
        for (stream, rows) in read {
            for (index, row) in rows.iter().enumerate() {
                let place = format!("row {} of {}", index + 1, run.connector().streams[stream].name);
                one(&run, &turn, row, &place, &mut gathered).map_err(|failure| failure.at(&run.connector().streams[turn.position].name))?;
            }
        }
        Ok(Some(walk::ended(Walked::default(), gathered)))
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Failure::internal()))
}

fn one(run: &Run, turn: &Turn, row: &Val, place: &str, into: &mut Gathered) -> Result<(), Failure> {
    let stream = &run.connector().streams[turn.position];
    mapper::at(|| format!("{}, {place}", stream.name));
    let Origin::Again(Again { filter, .. }) = &stream.origin else { return Ok(()) };
    if !rows::is_chosen(filter.as_ref(), row, &turn.scope).map_err(|message| Failure::new(FailureReason::Mapping, message).at(place))? {
        return Ok(());
    }
    let mut scope = turn.scope.clone().with("parent", row.clone());
    let found = rows::rows(&stream.rows, row, &scope).map_err(|failure| failure.at(place))?;
    let base = run.client.web().base().as_str().trim_end_matches('/');
    let sheet = Sheet { stream, door: &run.door, place, base: Some(base), columns: None, words: run.client.words() };
    sheet.take(found, None, row, &mut scope, into).map(drop)
}
