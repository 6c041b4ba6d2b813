//! A poll of files: all of them are read at once, then each stream takes its tables, or the only one the documents. People write these, so
//! every mistake is told at once, and of registers each stands for itself: one that can't be read, or is gone, takes no other with it. What a
//! program prints is read as if it were such a file.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use reqwest::header::{ACCEPT, HeaderValue};

use super::{
    Done, Run,
    merge::{Admitted, Conflict, Merged},
    rows::{Gathered, Named, Sheet},
    sight,
};
use crate::{
    connector::{
        cursor::StreamCursor,
        description::Stream,
        expression::{self, Val},
        failure::{Failure, FailureReason},
        files::{self, Broken, Tables, Whole},
        format::{Assigned, Documents, Format, Layout, Odd, OddKind, Own, Row, Share, Table, Taken, Wanted, assign, file_of, stream_of_file},
        http::Call,
        mapper,
        meter::LogEntry,
        outcome::{self, PollMode, StreamPoll, Streams, Unread, lines},
        program::Printed,
        source::{Fetched, Location, Program},
    },
    record::{Doubt, DoubtReason},
};

/// What was read of each stream, and what could not be.
type Read = (Vec<(StreamPoll, Vec<Admitted>)>, Vec<Unread>);

/// What stands for the file's name in places of what a program printed.
const OUTPUT: &str = "output";

/// Reads every stream.
pub(super) async fn all(run: &Arc<Run>) -> Result<Read, Failure> {
    let mut run = Arc::clone(run);
    if let Location::Fetched(fetched) = &run.client.source().location {
        let (bytes, format) = fetch(&run, fetched).await?;
        let work = move || read_fetched(&run, &bytes, format);
        return tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Failure::internal()));
    }
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
    let wanted: Vec<&Wanted> = run.connector().streams.iter().filter_map(Stream::tables).collect();
    let Tables { tables, broken, digest } = files::read_tables(path, &Layout { streams: &wanted, own }).map_err(|error| wrong(error.to_string()))?;
    for Table { name, file, rows, .. } in &tables {
        log(run, name, file, rows)?;
    }
    run.meter.read_files(digest);
    map(run, Registers::new(run, &wanted, assign(tables, &wanted, own), broken))
}

/// Gets the file that a server has, and finds out in which format it is.
async fn fetch(run: &Run, fetched: &Fetched) -> Result<(Vec<u8>, Format), Failure> {
    let headers = vec![(ACCEPT, HeaderValue::from_static("*/*"))];
    run.meter.take_page()?;
    // 304: later polls may ask whether it is still the same.
    let call = Call { headers, accept: vec![304], ..Call::bare(&fetched.http.base, reqwest::Method::GET, &fetched.file) };
    let place = call.place();
    let answer = run.client.web().send(&call, &run.meter).await?;
    if answer.status != 200 {
        return Err(Failure::new(FailureReason::UnexpectedStatus, format!("{place} answered {}, and not with the file", answer.status)));
    }
    let is_html = answer.body.is_html();
    let (bytes, content_type) = answer.body.into_parts();
    let wrong = |what: &str| Err(Failure::new(FailureReason::NotExpectedFormat, format!("{place}: {what}")));
    if is_html {
        return wrong("the answer is HTML, not the file: a sign-in page, a page that shows it, or the wrong address; check `url` and `auth`");
    }
    match Format::of_name(&fetched.file).or_else(|| Format::of_content_type(&content_type)) {
        Some(format) => Ok((bytes, format)),
        None => wrong("nothing says in which format it is; name it in the source: `file: incidents.csv`"),
    }
}

fn read_fetched(run: &Run, bytes: &[u8], format: Format) -> Result<Read, Failure> {
    let (path, own) = run.client.files();
    let wanted: Vec<&Wanted> = run.connector().streams.iter().filter_map(Stream::tables).collect();
    let tables = format.read(&path.to_string_lossy(), bytes, &Layout { streams: &wanted, own }).map_err(|error| wrong(error.to_string()))?;
    for Table { name, file, rows, .. } in &tables {
        let rows = Some(rows.len() as u64);
        run.meter.log(LogEntry { stream: name.clone(), method: "READ".to_owned(), path: file.clone(), page: 1, rows, ..LogEntry::default() });
    }
    map(run, Registers::new(run, &wanted, assign(tables, &wanted, own), Vec::new()))
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
    let wanted: Vec<&Wanted> = run.connector().streams.iter().filter_map(Stream::tables).collect();
    map(run, Registers::new(run, &wanted, assign(tables, &wanted, &Own::default()), Vec::new()))
}

fn refuse_others(program: &Program, row: &Row) -> Result<(), Failure> {
    let wrong = program.expects.iter().find(|(name, value)| row.value.get(name.as_str()) != Some(value));
    let Some((name, value)) = wrong else { return Ok(()) };
    let found = row.value.get(name.as_str()).map_or_else(|| "nothing".to_owned(), crate::record::told);
    Err(Failure::new(FailureReason::InvalidRecord, format!("{}: {name}: {found}; expected {value}", row.place)))
}

fn read_documents(run: &Run, stream: &Stream, documents: &Documents) -> Result<Read, Failure> {
    let (path, _) = run.client.files();
    let (files, digest) = files::read_documents(path, documents).map_err(|error| wrong(error.to_string()))?;
    for Whole { file, rows } in &files {
        log(run, &stream.name, file, rows)?;
    }
    run.meter.read_files(digest);
    let taken = Taken { rows: files.into_iter().flat_map(|file| file.rows).collect(), ..Taken::default() };
    map(run, Registers { found: vec![Register { taken: Some(taken), ..Register::default() }], ..Registers::default() })
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

/// What was found in the files.
#[derive(Debug, Default)]
struct Registers {
    /// Stream by stream.
    found: Vec<Register>,
    /// What concerns no stream.
    strays: Vec<Unread>,
    /// What is wrong with what the source says of all tables.
    settings: Vec<Failure>,
}

/// What was found for one stream.
#[derive(Debug, Default)]
struct Register {
    taken: Option<Taken>,
    tables: BTreeSet<String>,
    mistakes: Vec<Failure>,
    /// Where tables were at the poll before that are not there any more.
    gone: Vec<String>,
    /// Whether these were all that it had.
    is_gone: bool,
    /// Whether it has no table any more, as the source says.
    is_removed: bool,
}

impl Registers {
    fn new(run: &Run, wanted: &[&Wanted], assigned: Assigned, broken: Broken) -> Self {
        let Assigned { streams, strays, settings } = assigned;
        let register = |Share { taken, tables, mistakes }: Share| {
            let mistakes = mistakes.iter().map(|mistake| wrong(mistake.to_string())).collect();
            Register { taken, tables, mistakes, ..Register::default() }
        };
        let mut registers = Self {
            found: streams.into_iter().map(register).collect(),
            strays: strays.into_iter().map(|(stream, mistake)| Unread::new(stream, wrong(mistake.to_string()))).collect(),
            settings: settings.iter().map(|mistake| wrong(mistake.to_string())).collect(),
        };
        let known: Vec<Option<&StreamCursor>> = run.connector().streams.iter().map(|stream| run.cursors.get(&stream.name)).collect();
        for (file, error) in &broken {
            let was_in = |cursor: &StreamCursor| cursor.tables.iter().flatten().any(|place| file_of(place) == file);
            let mut streams: Vec<usize> = (0..known.len()).filter(|position| known[*position].is_some_and(was_in)).collect();
            if streams.is_empty() {
                streams.extend(stream_of_file(file, wanted));
            }
            if streams.is_empty() {
                registers.strays.push(Unread::new(file.clone(), wrong(error.to_string())));
            }
            streams.into_iter().for_each(|position| registers.found[position].mistakes.push(wrong(error.to_string())));
        }
        if run.client.source().keeps_registers() {
            let broken: BTreeSet<&str> = broken.iter().map(|(file, _)| file.as_str()).collect();
            let removed = &run.client.files().1.removed;
            registers.found.iter_mut().zip(known).for_each(|(register, known)| register.miss(known, &broken, removed));
        }
        registers
    }
}

impl Register {
    /// Finds out which of its tables are missing that were there at the poll before.
    fn miss(&mut self, known: Option<&StreamCursor>, broken: &BTreeSet<&str>, removed: &BTreeSet<String>) {
        let is_removed = |place: &str| removed.contains(place) || removed.contains(file_of(place));
        for place in self.tables.iter().filter(|place| is_removed(place)) {
            self.mistakes.push(wrong(format!("{place}: it is there, and `removed` says that it is gone for good; take one of them away")));
        }
        let Some(known) = known else { return };
        // A store of an older version did not keep where.
        let Some(known) = &known.tables else {
            self.is_gone = self.taken.is_none() && self.mistakes.is_empty();
            if self.is_gone {
                self.mistakes.push(wrong(outcome::gone(&[])));
            }
            return;
        };
        let missing: Vec<&String> = known.iter().filter(|place| !self.tables.contains(*place) && !broken.contains(file_of(place))).collect();
        self.gone = missing.iter().filter(|place| !is_removed(place)).map(|place| (*place).clone()).collect();
        if self.taken.is_none() && self.mistakes.is_empty() {
            self.is_gone = !self.gone.is_empty();
            self.is_removed = !missing.is_empty() && !self.is_gone;
            if self.is_gone {
                self.mistakes.push(wrong(outcome::gone(&self.gone)));
            }
        }
    }
}

fn map(run: &Run, registers: Registers) -> Result<Read, Failure> {
    let Registers { found, strays: mut unread, settings } = registers;
    let mut done: Vec<Option<Done>> = Vec::new();
    let mut read = Vec::new();
    let keeps_registers = run.client.source().keeps_registers();
    for (position, (stream, register)) in run.connector().streams.iter().zip(found).enumerate() {
        let Register { taken, tables, mut mistakes, gone, is_gone, is_removed } = register;
        let needed: Vec<&str> = run.connector().needed_by(position).map(|needed| run.connector().streams[needed].name.as_str()).collect();
        mistakes.extend(unread.iter().filter(|unread| needed.contains(&unread.stream.as_str())).map(|unread| unread.failure.clone()));
        done.push(None);
        if let Some(Taken { rows, notes, mistakes: refused }) = taken.or_else(|| is_removed.then(Taken::default)) {
            mistakes.extend(refused.iter().map(|mistake| wrong(mistake.to_string())));
            let gathered = stream_rows(run, position, &done, rows, &mut mistakes)?;
            if mistakes.is_empty() {
                let feeds = match (is_removed, stream.feeds.is_empty()) {
                    (true, _) => Vec::new(),
                    (false, true) => sight::found_in(&gathered.admitted),
                    (false, false) => stream.feeds.clone(),
                };
                let tables = keeps_registers.then_some(tables);
                let cursor = StreamCursor { swept_at: Some(run.door.now), method: run.method.clone(), tables, ..StreamCursor::default() };
                let outcome = StreamPoll { name: stream.name.clone(), mode: PollMode::Snapshot, records: Vec::new(), cursor, feeds, notes, gone };
                read.push((outcome, gathered.admitted));
                done[position] = Some(Done { rows: Arc::new(gathered.kept), whole: true, vacant: false, named: Named::default() });
            }
        }
        if let Some(first) = mistakes.first() {
            let failure = Failure::new(first.reason, lines(mistakes.iter().flat_map(|mistake| mistake.message.lines())));
            unread.push(Unread { is_gone, ..Unread::new(stream.name.clone(), failure) });
        }
    }
    if settings.is_empty() {
        return Ok((read, unread));
    }
    // What is said of all tables may be wrong for any of them.
    unread.extend(settings.into_iter().map(|failure| Unread::new(String::new(), failure)));
    outcome::unread(&unread).map_or(Ok((read, Vec::new())), Err)
}

/// The poll as far as it came: streams whose rows contradict each other were not read either. An error when that is nothing, or when the streams
/// stand for no registers.
pub(super) fn part(run: &Run, merged: Merged, mut unread: Vec<Unread>) -> Result<Streams, Failure> {
    let Merged { mut streams, duplicates, conflicts } = merged;
    let mut refused = BTreeSet::new();
    for Conflict { streams: between, failure } in conflicts {
        for position in BTreeSet::from(between) {
            refused.insert(position);
            unread.push(Unread::new(streams[position].name.clone(), failure.clone()));
        }
    }
    let mut position = 0..;
    streams.retain(|_| position.next().is_some_and(|position| !refused.contains(&position)));
    match outcome::unread(&unread).filter(|_| streams.is_empty() || !run.client.source().keeps_registers()) {
        Some(failure) => Err(failure),
        None => Ok(Streams { read: streams, unread, duplicates }),
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
        let taken = super::rows::rows(&stream.rows, &body, &scope).map_err(|failure| failure.at(&row.place)).and_then(|values| {
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
