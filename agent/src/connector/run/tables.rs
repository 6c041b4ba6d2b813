//! A poll of files: all of them are read at once, then each stream takes its tables, or the only one the documents. People write these, so
//! every mistake is told at once. What a program prints is read as if it were such a file.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use super::{
    Done, Run,
    merge::Admitted,
    rows::{Gathered, Named, Sheet},
};
use crate::{
    connector::{
        cursor::StreamCursor,
        description::{Origin, Stream},
        expression::{self, Val},
        failure::{Failure, FailureReason},
        files::{self, Whole},
        format::{Documents, Format, Layout, Odd, OddKind, Own, Row, Table, Taken, Wanted, assign},
        mapper,
        meter::LogEntry,
        outcome::{PollMode, StreamPoll},
        program::Printed,
        source::Program,
    },
    record::{Doubt, DoubtReason, Feed},
};

/// Most mistakes in rows that one failure lists.
const MAX_MISTAKES: usize = 20;

type Read = Vec<(StreamPoll, Vec<Admitted>)>;

/// What stands for the file's name in places of what a program printed.
const OUTPUT: &str = "output";

/// Reads every stream.
pub(super) async fn all(run: &Arc<Run>) -> Result<Read, Failure> {
    let mut run = Arc::clone(run);
    let printed = match run.client.program() {
        Some(_) => {
            let began = Instant::now();
            let printed = run.client.run(&run.meter).await?;
            run = Arc::new(run.later(began.elapsed()));
            Some(printed)
        }
        None => None,
    };
    let work = move || match printed {
        Some(printed) => read_printed(&run, &printed),
        None => read(&run),
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Failure::internal()))
}

fn read(run: &Run) -> Result<Read, Failure> {
    match run.connector().documents() {
        Some((stream, documents)) => read_documents(run, stream, documents),
        None => read_tables(run),
    }
}

fn read_tables(run: &Run) -> Result<Read, Failure> {
    let (path, own) = run.client.files();
    let wanted: Vec<&Wanted> = run.connector().streams.iter().filter_map(wanted).collect();
    let (tables, digest) = files::read_tables(path, &Layout { streams: &wanted, own }).map_err(|error| wrong(error.to_string()))?;
    for Table { name, file, rows, .. } in &tables {
        log(run, name, file, rows)?;
    }
    run.meter.read_files(digest);
    take_tables(run, tables, own)
}

fn read_printed(run: &Run, Printed { bytes, took }: &Printed) -> Result<Read, Failure> {
    run.meter.take_page()?;
    run.meter.take_bytes(0, bytes.len() as u64)?;
    let tables = Format::Ndjson.read(OUTPUT, bytes, &Layout::PLAIN).map_err(|error| Failure::new(FailureReason::NotExpectedFormat, error.to_string()))?;
    let program = run.client.program().expect("what was printed comes from a program");
    for row in tables.iter().flat_map(|table| &table.rows) {
        refuse_others(program, row)?;
    }
    for table in &tables {
        let path = program.called();
        let rows = Some(table.rows.len() as u64);
        let note = format!("{} bytes in {:.1} s", bytes.len(), took.as_secs_f64());
        run.meter.log(LogEntry { stream: table.name.clone(), method: "RUN".to_owned(), path, page: 1, rows, note, ..LogEntry::default() });
    }
    take_tables(run, tables, &Own::default())
}

fn refuse_others(program: &Program, row: &Row) -> Result<(), Failure> {
    let wrong = program.expects.iter().find(|(name, value)| row.value.get(name.as_str()) != Some(value));
    let Some((name, value)) = wrong else { return Ok(()) };
    let found = row.value.get(name.as_str()).map_or_else(|| "nothing".to_owned(), crate::record::told);
    Err(Failure::new(FailureReason::InvalidRecord, format!("{}: {name}: {found}; expected {value}", row.place)))
}

fn take_tables(run: &Run, tables: Vec<Table>, own: &Own) -> Result<Read, Failure> {
    let wanted: Vec<&Wanted> = run.connector().streams.iter().filter_map(wanted).collect();
    let rows = assign(tables, &wanted, own).map_err(|mistakes| wrong(lines(mistakes.iter().map(ToString::to_string))))?;
    map(run, rows)
}

fn read_documents(run: &Run, stream: &Stream, documents: &Documents) -> Result<Read, Failure> {
    let (path, _) = run.client.files();
    let (files, digest) = files::read_documents(path, documents).map_err(|error| wrong(error.to_string()))?;
    for Whole { file, rows } in &files {
        log(run, &stream.name, file, rows)?;
    }
    run.meter.read_files(digest);
    map(run, vec![Some(Taken { rows: files.into_iter().flat_map(|file| file.rows).collect(), ..Taken::default() })])
}

fn wrong(message: String) -> Failure {
    Failure::new(FailureReason::File, message)
}

fn log(run: &Run, stream: &str, file: &str, rows: &[Row]) -> Result<(), Failure> {
    run.meter.take_page()?;
    let rows = Some(rows.len() as u64);
    run.meter.log(LogEntry { stream: stream.to_owned(), method: "FILE".to_owned(), path: file.to_owned(), page: 1, rows, ..LogEntry::default() });
    Ok(())
}

fn wanted(stream: &Stream) -> Option<&Wanted> {
    match &stream.origin {
        Origin::Tables(wanted) => Some(wanted),
        Origin::Request(_) | Origin::Again(_) | Origin::Documents(_) => None,
    }
}

fn map(run: &Run, taken: Vec<Option<Taken>>) -> Result<Read, Failure> {
    let mut mistakes = Vec::new();
    let mut done: Vec<Option<Done>> = Vec::new();
    let mut read = Vec::new();
    for (position, (stream, taken)) in run.connector().streams.iter().zip(taken).enumerate() {
        let Some(Taken { rows, notes, mistakes: refused }) = taken else {
            done.push(None);
            continue;
        };
        mistakes.extend(refused.iter().map(|mistake| wrong(mistake.to_string())));
        let gathered = stream_rows(run, position, &done, rows, &mut mistakes)?;
        let feeds = if stream.feeds.is_empty() { found(&gathered.admitted) } else { stream.feeds.clone() };
        let cursor = StreamCursor { swept_at: Some(run.door.now), method: run.method.clone(), ..StreamCursor::default() };
        let outcome = StreamPoll { name: stream.name.clone(), mode: PollMode::Snapshot, records: Vec::new(), cursor, feeds, notes };
        read.push((outcome, gathered.admitted));
        done.push(Some(Done { rows: Arc::new(gathered.kept), whole: true, named: Named::default() }));
    }
    match mistakes.first() {
        None => Ok(read),
        Some(first) => Err(Failure::new(first.reason, lines(mistakes.iter().map(|mistake| mistake.message.clone())))),
    }
}

fn stream_rows(run: &Run, position: usize, done: &[Option<Done>], rows: Vec<Row>, mistakes: &mut Vec<Failure>) -> Result<Gathered, Failure> {
    let stream = &run.connector().streams[position];
    let turn = run.turn(position, done)?;
    let mut scope = turn.scope;
    let mut gathered = Gathered::default();
    for row in rows {
        mapper::at(|| format!("{}, {}", stream.name, row.place));
        let body = expression::from_json(&row.value);
        let taken = super::rows::rows(stream, &body, &scope).map_err(|failure| failure.at(&row.place)).and_then(|values| {
            let places = vec![row.place.clone(); values.len()];
            let sheet = Sheet { stream, door: &run.door, place: &stream.name, base: None, columns: row.columns.as_deref(), words: run.client.words() };
            let first = gathered.admitted.len();
            sheet.take(values, Some(&places), &Val::Null, &mut scope, &mut gathered)?;
            if let Some(admitted) = gathered.admitted.get_mut(first) {
                admitted.record.doubts.extend(row.odd.iter().map(doubt));
            }
            Ok(())
        });
        mistakes.extend(taken.err());
    }
    Ok(gathered)
}

/// What is odd in a row as a doubt about its first record.
pub(super) fn doubt(odd: &Odd) -> Doubt {
    let reason = match odd.kind {
        OddKind::ErrorCell => DoubtReason::ErrorCell,
        OddKind::RepeatedHeader => DoubtReason::RepeatedHeader,
        OddKind::UnknownWord => DoubtReason::UnknownWord,
    };
    Doubt { reason, field: odd.column.clone(), value: odd.shown.clone() }
}

/// The shapes and kinds of what was found, for streams that take any record.
fn found(admitted: &[Admitted]) -> Vec<Feed> {
    let words: BTreeSet<_> = admitted.iter().map(|admitted| (admitted.record.shape.table, admitted.record.kind())).collect();
    words.into_iter().filter_map(|(table, kind)| Feed::parse(&kind.map_or_else(|| table.to_owned(), |kind| format!("{table}({kind})"))).ok()).collect()
}

fn lines(messages: impl Iterator<Item = String>) -> String {
    let messages: Vec<_> = messages.collect();
    let more = messages.len().saturating_sub(MAX_MISTAKES);
    let shown = messages.into_iter().take(MAX_MISTAKES).collect::<Vec<_>>().join("\n");
    if more > 0 { format!("{shown}\nand {more} more") } else { shown }
}
