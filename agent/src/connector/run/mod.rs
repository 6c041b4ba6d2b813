//! One poll: which variant, who are we, then each stream in its order. All of it or nothing.

mod again;
#[cfg(test)]
mod answer_tests;
mod ask;
mod cross;
#[cfg(test)]
mod document_tests;
#[cfg(test)]
mod fetched_tests;
#[cfg(test)]
mod list_tests;
mod lookup;
mod merge;
mod protocol;
mod reread;
mod rows;
mod sight;
mod tables;
#[cfg(test)]
mod tests;
mod walk;
#[cfg(test)]
mod walk_tests;
mod window;

use std::{sync::Arc, time::Duration};

use super::{
    client::Client,
    cursor::{self, StreamCursor},
    description::{Description, ForEach, Mode, Origin, Over, Stream, Transport, Variant},
    expression::{self, Scope, Val},
    failure::{Failure, FailureReason},
    mapper,
    memo::{self, Memo},
    meter::{LogEntry, Meter},
    outcome::{self, Context, Live, Poll, PollMode, StreamPoll, Streams},
    page::MOST_WALKS,
    request,
};
use crate::{record::Door, schedule};
use ask::{Question, ask};
use cross::Torn;
use merge::{Admitted, Merged};
use rows::Named;
use sight::Held;
use walk::Walked;

/// Reads a source: every page of every stream, every row mapped, every record valid.
///
/// # Errors
/// Anything less. Nothing of it counts then; the failure carries the log of what was asked.
pub async fn poll(client: &Client, context: &Context) -> Result<Poll, Failure> {
    let meter = Arc::new(Meter::new(&client.source().limits, context.door.now));
    let work = async {
        if let Some(memo) = memo::unchanged(client, context, &meter).await {
            return Ok(Poll { streams: memo.streams(), pages: memo.pages(), duplicates: memo.duplicates(), memo: Some(memo), ..Poll::default() });
        }
        let Streams { read: streams, unread, duplicates } = match client.start() {
            Some(start) => mapper::poll(start, client, context, &meter).await?,
            None => all(client, context, &meter).await?,
        };
        let memo = if unread.is_empty() { Memo::new(client, context, &meter, &streams, duplicates).map(Arc::new) } else { None };
        Ok(Poll { streams, unread, pages: meter.pages(), duplicates, mapped: true, memo, ..Poll::default() })
    };
    let poll = in_time(client, work).await.map_err(|failure| placed(client, &meter, failure))?;
    Ok(Poll { requests: meter.requests(), bytes: meter.bytes(), log: meter.take_log(), ..poll })
}

/// Makes the first requests of a poll: variant, identity, first page of the first stream.
///
/// # Errors
/// As [`poll`].
pub async fn check_live(client: &Client, context: &Context) -> Result<Live, Failure> {
    let meter = Arc::new(Meter::new(&client.source().limits, context.door.now));
    let work = async {
        match client.start() {
            Some(start) => mapper::look(start, client, context, &meter).await,
            None => look(client, context, &meter).await,
        }
    };
    let live = in_time(client, work).await.map_err(|failure| placed(client, &meter, failure))?;
    Ok(Live { log: meter.take_log(), ..live })
}

/// The first look itself.
pub(super) async fn look(client: &Client, context: &Context, meter: &Arc<Meter>) -> Result<Live, Failure> {
    let run = Arc::new(begin(client, context, meter).await?);
    if client.connector().transport == Transport::Files {
        let (streams, unread) = tables::all(&run).await?;
        if let Some(failure) = outcome::unread(&unread) {
            return Err(failure);
        }
        let records = streams.iter().map(|(_, admitted)| admitted.len() as u64).sum();
        let stream = streams.iter().map(|(outcome, _)| outcome.name.as_str()).collect::<Vec<_>>().join(", ");
        return Ok(Live { stream, rows: records, records, ..Live::default() });
    }
    let streams = &client.connector().streams;
    let first = streams.iter().position(|stream| run.runs(stream) && stream.stands_alone() && !run.is_vacant(stream, &[]));
    let first = first.ok_or_else(|| Failure::new(FailureReason::Configuration, "no stream that stands on its own, or its settings name nothing to read"))?;
    let mut live = Live { variant: run.variant.clone(), stream: streams[first].name.clone(), ..Live::default() };
    let mut done = Vec::new();
    for (position, pages) in looked_at(&run, first).into_iter().enumerate() {
        let finished = match pages {
            Some(pages) => run.stream(position, &done, pages).await?,
            None => None,
        };
        done.push(finished.map(|finished| {
            if position == first {
                (live.rows, live.records) = (finished.rows, finished.admitted.len() as u64);
            }
            live.notes.extend(finished.outcome.notes);
            finished.done
        }));
    }
    Ok(live)
}

/// What a first look reads of each stream: the first page of the first, and of those that say what the credentials may not see; of what these
/// need to know it, everything.
fn looked_at(run: &Run, first: usize) -> Vec<Option<Pages>> {
    let streams = &run.connector().streams;
    let mut looked_at: Vec<_> = streams.iter().map(|stream| (stream.unseen.is_some() && run.runs(stream)).then_some(Pages::First)).collect();
    looked_at[first].get_or_insert(Pages::First);
    // A stream refers to earlier ones only.
    for position in (0..streams.len()).rev() {
        if looked_at[position] == Some(Pages::All) || (looked_at[position].is_some() && streams[position].unseen.is_some()) {
            for needed in run.connector().needed_by(position).filter(|needed| run.runs(&streams[*needed])) {
                looked_at[needed] = Some(Pages::All);
            }
        }
    }
    looked_at
}

async fn in_time<T>(client: &Client, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let total = client.source().limits.total;
    let late =
        || Failure::new(FailureReason::Timeout, format!("the poll took longer than {} s; poll less at once, or raise the source's limits", total.as_secs()));
    tokio::time::timeout(total, work).await.unwrap_or_else(|_| Err(late()))
}

fn placed(client: &Client, meter: &Meter, failure: Failure) -> Failure {
    Failure { log: meter.take_log(), ..failure.at(&client.connector().name) }
}

/// Reads every stream.
pub(super) async fn all(client: &Client, context: &Context, meter: &Arc<Meter>) -> Result<Streams, Failure> {
    let run = Arc::new(begin(client, context, meter).await?);
    if client.connector().transport == Transport::Files {
        let (read, unread) = tables::all(&run).await?;
        return tables::part(&run, merge::merge(read), unread);
    }
    let streams = &client.connector().streams;
    let mut done: Vec<Option<Done>> = Vec::new();
    let mut read: Vec<Option<(StreamPoll, Vec<Admitted>)>> = Vec::new();
    let (mut duplicates, mut walks) = (0, 1);
    while let Some(stream) = streams.get(done.len()) {
        let finished = if run.runs(stream) { run.stream(done.len(), &done, Pages::All).await? } else { None };
        let (outcome, one) = finished.map(|Finished { outcome, admitted, duplicates, done, .. }| ((outcome, admitted, duplicates), done)).unzip();
        done.push(one);
        read.push(outcome.map(|(outcome, admitted, again)| {
            duplicates += again;
            (outcome, admitted)
        }));
        let torn = cross::torn(client.connector(), &done);
        let news = torn.iter().filter(|torn| !run.knows(torn)).map(|torn| torn.from).min();
        match news.filter(|_| walks < MOST_WALKS) {
            Some(from) => {
                walks += 1;
                let note = format!("what another stream names is not there; read again from {}", streams[from].name);
                meter.log(LogEntry { stream: stream.name.clone(), page: 1, note, ..LogEntry::default() });
                done.truncate(from);
                read.truncate(from);
            }
            None => torn.into_iter().for_each(|torn| torn.tell(&mut read)),
        }
    }
    reread::sweep_parents(client.connector(), &mut read);
    let Merged { streams, duplicates: more, conflicts } = merge::merge(read.into_iter().flatten().collect());
    match conflicts.into_iter().next() {
        Some(conflict) => Err(conflict.failure),
        None => Ok(Streams { read: streams, unread: Vec::new(), duplicates: duplicates + more }),
    }
}

/// What stays the same throughout a poll.
#[derive(Clone)]
struct Run {
    client: Client,
    door: Door,
    cursors: std::collections::BTreeMap<String, StreamCursor>,
    meter: Arc<Meter>,
    variant: Option<String>,
    scope: Scope,
    method: String,
}

/// A stream that was read, for those that refer to it.
#[derive(Debug)]
struct Done {
    rows: Arc<Vec<Val>>,
    /// Whether it was read whole.
    whole: bool,
    /// Whether there is nothing that it could be read from: a setting that names nothing. Then that it has no rows says nothing.
    vacant: bool,
    named: Named,
}

/// A stream that was read.
struct Finished {
    outcome: StreamPoll,
    admitted: Vec<Admitted>,
    duplicates: u64,
    rows: u64,
    done: Done,
}

/// How much of a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pages {
    First,
    All,
}

/// One stream's turn in a poll: what all its requests share.
struct Turn {
    position: usize,
    scope: Scope,
    known: Option<StreamCursor>,
    since: Option<i64>,
    first_page_only: bool,
    /// Whether single rows are read again.
    rereads: bool,
}

async fn begin(client: &Client, context: &Context, meter: &Arc<Meter>) -> Result<Run, Failure> {
    let now = context.door.now;
    if client.connector().transport == Transport::Files {
        let scope = request::base_scope(client, Val::Null, now);
        return Ok(Run::new(client, context, meter, None, scope));
    }
    let (variant, vars) = match variant(client, now, meter).await? {
        Some(variant) => (Some(variant.name.clone()), expression::from_json(&variant.vars)),
        None => (None, Val::Null),
    };
    let scope = request::base_scope(client, vars, now);
    probe(client, &scope, meter).await?;
    Ok(Run::new(client, context, meter, variant, scope))
}

/// The first variant whose request is answered. One that the upstream does not know is passed over; any other failure is one.
async fn variant<'c>(client: &'c Client, now: i64, meter: &Arc<Meter>) -> Result<Option<&'c Variant>, Failure> {
    let variants = &client.connector().variants;
    let scope = request::base_scope(client, Val::Null, now);
    for variant in variants {
        mapper::at(|| format!("variant {}", variant.name));
        let call = request::render(&variant.request, client.web().base(), &scope, "variant")?;
        let question = Question { request: &variant.request, call, place: format!("variant {}", variant.name) };
        let answer = ask(client, question, &scope, meter).await.and_then(|heard| heard.single(&variant.request));
        match answer {
            Ok(_) => return Ok(Some(variant)),
            Err(failure) if failure.reason == FailureReason::NotFound => {}
            Err(failure) => return Err(failure.at(&format!("variant {}", variant.name))),
        }
    }
    let names: Vec<_> = variants.iter().map(|variant| variant.name.as_str()).collect();
    let unknown = || Failure::new(FailureReason::NotFound, format!("the upstream answers as none of {}; check `url`", names.join(", ")));
    if variants.is_empty() { Ok(None) } else { Err(unknown()) }
}

/// Proves who we are. Some upstreams answer a bad key with an empty list and status 200.
async fn probe(client: &Client, scope: &Scope, meter: &Arc<Meter>) -> Result<(), Failure> {
    let Some(probe) = &client.connector().probe else { return Ok(()) };
    mapper::at(|| "probe".to_owned());
    let call = request::render(&probe.request, client.web().base(), scope, "probe")?;
    // What it says about credentials is no advice where the server was not even reached.
    let about = |failure: Failure| match failure.reason {
        FailureReason::Unauthorized | FailureReason::Forbidden => failure.at("probe").advised(&probe.about),
        _ => failure.at("probe"),
    };
    let question = Question { request: &probe.request, call, place: "probe".to_owned() };
    let heard = ask(client, question, scope, meter).await.map_err(about)?;
    let scope = scope.clone().with("headers", heard.headers.clone());
    let body = heard.single(&probe.request).map_err(|failure| failure.at("probe"))?;
    let ok = probe.ok.as_ref().map_or(Ok(Val::Bool(true)), |ok| ok.one(body, &scope));
    match ok {
        Ok(Val::Bool(true)) => Ok(()),
        _ => Err(Failure::new(FailureReason::Unauthorized, format!("probe: {}", probe.about))),
    }
}

impl Run {
    fn new(client: &Client, context: &Context, meter: &Arc<Meter>, variant: Option<String>, scope: Scope) -> Self {
        let method = client.method(context.door.zone);
        Self { client: client.clone(), door: context.door, cursors: context.cursors.clone(), meter: Arc::clone(meter), variant, scope, method }
    }

    /// The same so much later. What was measured while the poll went on has happened, however long it waited for its turn.
    fn later(&self, by: Duration) -> Self {
        let mut later = self.clone();
        later.door.now = later.door.now.saturating_add(schedule::seconds(by));
        later
    }

    fn connector(&self) -> &Description {
        self.client.connector()
    }

    fn runs(&self, stream: &Stream) -> bool {
        stream.only.is_empty() || self.variant.as_ref().is_some_and(|variant| stream.only.contains(variant))
    }

    fn turn(&self, position: usize, done: &[Option<Done>]) -> Result<Turn, Failure> {
        let stream = &self.connector().streams[position];
        mapper::at(|| stream.name.clone());
        let known = cursor::known(&self.cursors, &stream.name, &self.method).cloned();
        let since = stream.cursor.as_ref().and_then(|cursor| cursor::since(cursor, known.as_ref(), self.door.now));
        let mut scope = self.scope.clone();
        if let Some(since) = since {
            scope.set("since", expression::text(crate::schedule::rfc3339(since)));
            scope.set("since_epoch", expression::from_json(&since.into()));
        }
        for lookup in &stream.lookups {
            let rows = done.get(lookup.stream).and_then(Option::as_ref);
            let table = lookup::table(lookup, rows.map_or(&[][..], |done| &done.rows), &scope).map_err(|failure| failure.at(&stream.name))?;
            scope.set(&lookup.name, table);
        }
        Ok(Turn { position, scope, known, since, first_page_only: false, rereads: false })
    }

    /// Reads one stream. `None` when there is nothing that it could be read from.
    async fn stream(self: &Arc<Self>, position: usize, done: &[Option<Done>], pages: Pages) -> Result<Option<Finished>, Failure> {
        let stream = &self.connector().streams[position];
        let mut turn = self.turn(position, done)?;
        turn.first_page_only = pages == Pages::First;
        let turn = Arc::new(turn);
        let vacant = self.is_vacant(stream, done);
        let Some(mut walked) = self.walk(stream, &turn, done).await? else { return Ok(None) };
        let open = match &stream.reread {
            Some(again) => Some(reread::read(self, &turn, again, &mut walked).await?),
            None => None,
        };
        let parent = stream.for_each.as_ref().and_then(ForEach::stream).map(|parent| done[parent].as_ref());
        let parent_whole = parent.flatten().is_none_or(|parent| parent.whole);
        let whole = parent_whole && turn.since.is_none();
        let mode = match (walked.unchanged, stream.mode) {
            (true, _) => PollMode::Unchanged,
            (false, Mode::Changes) if !whole => PollMode::Changes,
            (false, _) => PollMode::Snapshot,
        };
        let (notes, held) = match vacant {
            true => (Vec::new(), Held::default()),
            false => (sight::notes(stream, &turn, &walked)?, sight::held(stream, &turn, &walked, whole)?),
        };
        let mut cursor = StreamCursor { kinds: held.kinds, ..self.cursor(&turn, &walked, whole) };
        if let Some(open) = open {
            open.put(self, stream, whole, &mut cursor);
        }
        if stream.mode == Mode::Changes {
            reread::keep_yielding(self, &turn, &walked, whole, &mut cursor);
        }
        if self.connector().mentions("now") || self.connector().mentions("midnight") || walked.admitted.iter().any(|admitted| admitted.record.awaits_time()) {
            // The same answer may mean something else later.
            (cursor.etag, cursor.last_modified) = (None, None);
        }
        let outcome = StreamPoll { name: stream.name.clone(), mode, records: Vec::new(), cursor, feeds: held.feeds, notes, gone: Vec::new() };
        let done = Done { rows: Arc::new(walked.kept), whole, vacant, named: walked.named };
        Ok(Some(Finished { outcome, admitted: walked.admitted, duplicates: walked.duplicates, rows: walked.rows, done }))
    }

    /// Takes one stream's rows. `None` when there is nothing that they could be taken from.
    async fn walk(self: &Arc<Self>, stream: &Stream, turn: &Arc<Turn>, done: &[Option<Done>]) -> Result<Option<Walked>, Failure> {
        if let Origin::Again(again) = &stream.origin {
            return again::take(self, turn, again, done).await;
        }
        let groups = match &stream.for_each {
            Some(for_each @ ForEach { over: Over::Stream(parent), .. }) => match &done[*parent] {
                Some(parent) => walk::groups(self, turn, stream, for_each, &parent.rows)?,
                None => return Ok(None),
            },
            Some(for_each @ ForEach { over: Over::Setting(setting), .. }) => walk::groups(self, turn, stream, for_each, &self.items(setting))?,
            None => vec![vec![Val::Null]],
        };
        walk::walk_all(self, Arc::clone(turn), groups).await.map(Some)
    }

    /// The items of a setting that is walked.
    fn items(&self, setting: &str) -> Vec<Val> {
        match protocol::field(&self.client.settings(), setting) {
            Val::Arr(items) => items.to_vec(),
            _ => Vec::new(),
        }
    }

    /// Whether a setting that names nothing leaves a stream without anything that it could be read from.
    fn is_vacant(&self, stream: &Stream, done: &[Option<Done>]) -> bool {
        let vacant = |position: &usize| done.get(*position).and_then(Option::as_ref).is_some_and(|done| done.vacant);
        match (&stream.for_each, &stream.origin) {
            (Some(ForEach { over: Over::Setting(setting), .. }), _) => self.items(setting).is_empty(),
            (Some(ForEach { over: Over::Stream(parent), .. }), _) => vacant(parent),
            (None, Origin::Again(again)) => again.streams.iter().all(vacant),
            (None, _) => false,
        }
    }

    fn cursor(&self, turn: &Turn, walked: &Walked, whole: bool) -> StreamCursor {
        let known = turn.known.clone().unwrap_or_default();
        if walked.unchanged {
            return known;
        }
        // An upstream's clock that is ahead must not hide what changes until ours has caught up.
        let seen = walked.changed_at.map(|changed| changed.min(self.door.now));
        StreamCursor {
            changed_at: if whole { seen.or(known.changed_at) } else { seen.max(known.changed_at) },
            swept_at: if whole { Some(self.door.now) } else { known.swept_at },
            etag: walked.etag.clone(),
            last_modified: walked.last_modified.clone(),
            method: self.method.clone(),
            ..StreamCursor::default()
        }
    }

    /// Whether the poll before left it so as well: then it is no change while the streams were read.
    fn knows(&self, torn: &Torn<'_>) -> bool {
        let stream = &self.connector().streams[torn.rows].name;
        cursor::known(&self.cursors, stream, &self.method).is_some_and(|known| known.torn.contains(&torn.digest()))
    }
}
