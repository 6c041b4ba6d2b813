//! Walking a stream's pages: one walk, or one for each row of another stream or each batch of them, some at once.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    Run, Turn,
    ask::{Heard, Question, ask},
    merge::Admitted,
    protocol,
    rows::{self, Gathered, Named, Sheet},
    window::{self, Span, Windows},
};
use crate::connector::{
    description::{ForEach, Origin, Over, Page, Protocol, Request, Rows, Said, Stream, Window},
    expression::{self, Expression, Scope, Val},
    failure::{Failure, FailureReason},
    http::Call,
    mapper, memo,
    meter::LogEntry,
    page::{self, Facts, MOST_WALKS, Seen, Step},
    request::Prepared,
};

/// What a stream's walks have gathered.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) kept: Vec<Val>,
    pub(super) admitted: Vec<Admitted>,
    pub(super) rows: u64,
    /// Records that came more than once, on several pages.
    pub(super) duplicates: u64,
    pub(super) named: Named,
    /// What rows are asked for by, as JSON, and whether they may change unseen.
    pub(super) ids: BTreeMap<String, bool>,
    /// In a stream of changes: digests of its rows, and whether each has records.
    pub(super) yields: BTreeMap<String, bool>,
    pub(super) changed_at: Option<i64>,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    /// The headers of the first answer.
    pub(super) headers: Option<Val>,
    pub(super) unchanged: bool,
}

impl Walked {
    /// Adds what another walk of the stream brought.
    pub(super) fn add(&mut self, part: Self) {
        self.kept.extend(part.kept);
        self.admitted.extend(part.admitted);
        self.rows += part.rows;
        self.duplicates += part.duplicates;
        for (side, keys) in part.named {
            self.named.entry(side).or_default().extend(keys);
        }
        self.ids.extend(part.ids);
        self.yields.extend(part.yields);
        self.changed_at = self.changed_at.max(part.changed_at);
        self.unchanged |= part.unchanged;
        self.headers = self.headers.take().or(part.headers);
        (self.etag, self.last_modified) = (part.etag, part.last_modified);
    }
}

/// What is asked, and how the answers are read: a stream's own way, or that of single rows that are read again.
struct Way<'d> {
    request: &'d Request,
    page: Option<&'d Page>,
    rows: &'d Rows,
    optional_status: &'d [u16],
    gone: Option<&'d Expression>,
    expired: Option<&'d Said>,
    window: Option<&'d Window>,
}

fn way<'d>(stream: &'d Stream, turn: &Turn) -> Way<'d> {
    match stream.reread.as_ref().filter(|_| turn.rereads) {
        Some(again) => Way {
            request: &again.request,
            page: None,
            rows: again.rows.as_ref().unwrap_or(&stream.rows),
            optional_status: &again.optional_status,
            gone: again.gone.as_ref(),
            expired: None,
            window: None,
        },
        None => Way {
            request: request(stream),
            page: stream.page.as_ref(),
            rows: &stream.rows,
            optional_status: &stream.optional_status,
            gone: stream.gone.as_ref(),
            expired: stream.expired.as_ref(),
            window: stream.window.as_ref(),
        },
    }
}

/// The rows to walk: in batches where a request takes a list, else those whose requests are the same together, for they are asked once.
pub(super) fn groups(run: &Run, turn: &Turn, stream: &Stream, for_each: &ForEach, parents: &[Val]) -> Result<Vec<Vec<Val>>, Failure> {
    let wrong = |index: usize, message: String| {
        let of = match &for_each.over {
            Over::Stream(parent) => format!("row {} of {}", index + 1, run.connector().streams[*parent].name),
            Over::Setting(setting) => format!("settings.{setting}[{index}]"),
        };
        Failure::new(FailureReason::Mapping, format!("{}: for {of}: {message}", stream.name))
    };
    let connections = for_each.stream().map(|parent| run.connector().streams[parent].connections.as_slice()).unwrap_or_default();
    let mut chosen = Vec::new();
    for (index, parent) in parents.iter().enumerate() {
        if rows::is_chosen(for_each.filter.as_ref(), parent, &turn.scope).map_err(|message| wrong(index, message))? {
            chosen.push((index, parent));
        } else if connections.iter().any(|connection| connection.walked_by == turn.position && connection.is_unfinished(parent)) {
            return Err(wrong(index, "where: leaves out a row whose connection goes on".to_owned()));
        }
    }
    if let Some(size) = for_each.batch {
        let batch = |chunk: &[(usize, &Val)]| vec![expression::list(chunk.iter().map(|(_, parent)| (*parent).clone()).collect())];
        return Ok(chosen.chunks(size.max(1)).map(batch).collect());
    }
    let mut groups: Vec<Vec<Val>> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (index, parent) in chosen {
        let mut scope = turn.scope.clone().with("row", parent.clone());
        if stream.window.is_some() {
            window::put(stream.window.as_ref(), Span::default(), &mut scope);
        }
        let prepared = Prepared::new(request(stream), &scope).map_err(|error| wrong(index, format!("request: {error}")))?;
        match known.get(&prepared.identity()) {
            Some(group) => groups[*group].push(parent.clone()),
            None => {
                known.insert(prepared.identity(), groups.len());
                groups.push(vec![parent.clone()]);
            }
        }
    }
    Ok(groups)
}

/// Walks for each group, as many at once as the limits allow. The first failure ends all.
pub(super) async fn walk_all(run: &Arc<Run>, turn: Arc<Turn>, groups: Vec<Vec<Val>>) -> Result<Walked, Failure> {
    let permits = Arc::new(Semaphore::new(run.client.source().limits.concurrency.max(1)));
    let mut tasks = JoinSet::new();
    for (index, group) in groups.into_iter().enumerate() {
        let (run, turn, permits) = (Arc::clone(run), Arc::clone(&turn), Arc::clone(&permits));
        tasks.spawn(async move {
            let _permit = permits.acquire().await;
            (index, walk(&run, &turn, group).await)
        });
    }
    let mut parts = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        let (index, part) = joined.map_err(|_| Failure::internal())?;
        parts.push((index, part?));
    }
    // In the order of the rows walked, so that of two records with one id it is always the same that counts.
    parts.sort_by_key(|(index, _)| *index);
    let mut whole = Walked::default();
    parts.into_iter().for_each(|(_, part)| whole.add(part));
    Ok(whole)
}

/// Walks for rows that share their request, window by window where the stream is read by time.
async fn walk(run: &Arc<Run>, turn: &Arc<Turn>, parents: Vec<Val>) -> Result<Walked, Failure> {
    let stream = &run.connector().streams[turn.position];
    let parents = Arc::new(parents);
    let Some(window) = way(stream, turn).window else {
        return match walk_window(run, turn, &parents, Gathered::default(), None).await? {
            Some((walked, gathered)) => Ok(ended(walked, gathered)),
            None => unreachable!("only a window can be full"),
        };
    };
    let mut windows = Windows::new(window, turn.since, &turn.scope, run.door.now).map_err(|failure| failure.at(&stream.name))?;
    if turn.first_page_only {
        windows.only_the_last();
    }
    let mut whole: Option<(Walked, Gathered)> = None;
    while let Some(span) = windows.next() {
        let before = whole.as_ref().map(|(_, gathered)| gathered.next()).unwrap_or_default();
        match walk_window(run, turn, &parents, before, Some(span)).await? {
            None => windows.halve(span).map_err(|failure| failure.at(&stream.name))?,
            Some((walked, gathered)) => match &mut whole {
                Some((_, before)) => before.absorb(gathered),
                None => whole = Some((walked, gathered)),
            },
        }
    }
    let (walked, gathered) = whole.unwrap_or_default();
    Ok(ended(walked, gathered))
}

/// What came of a walk over pages; `None`: its window has as many rows as the upstream lists, and may have more.
type Piece = Option<(Walked, Gathered)>;

/// Walks over pages; again when it could not be proved that all rows came.
async fn walk_window(run: &Arc<Run>, turn: &Arc<Turn>, parents: &Arc<Vec<Val>>, before: Gathered, span: Option<Span>) -> Result<Piece, Failure> {
    let stream = &run.connector().streams[turn.position];
    for _ in 1..MOST_WALKS {
        match walk_once(run, turn, parents, before.next(), span).await {
            Err(failure) if failure.reason == FailureReason::Incomplete => {
                let note = format!("{}; read again from the first page", failure.message);
                run.meter.log(LogEntry { stream: stream.name.clone(), page: 1, note, ..LogEntry::default() });
            }
            outcome => return outcome,
        }
    }
    walk_once(run, turn, parents, before.next(), span).await.map_err(|mut failure| {
        if failure.reason == FailureReason::Incomplete {
            failure.message.push_str("; it was read three times, and never as a whole");
        }
        failure
    })
}

/// One walk over pages.
async fn walk_once(run: &Arc<Run>, turn: &Arc<Turn>, parents: &Arc<Vec<Val>>, gathered: Gathered, span: Option<Span>) -> Result<Piece, Failure> {
    let stream = &run.connector().streams[turn.position];
    let way = way(stream, turn);
    let mut scope = turn.scope.clone().with("row", parents[0].clone()).with("after", Val::Null);
    span.iter().for_each(|span| window::put(way.window, *span, &mut scope));
    let prepare =
        |scope: &Scope| Prepared::new(way.request, scope).map_err(|error| Failure::new(FailureReason::Mapping, format!("{}: request: {error}", stream.name)));
    let mut prepared = prepare(&scope)?;
    let web = run.client.web();
    let mut walk = page::Walk::new(way.page);
    let first = walk.additions();
    let (mut gathered, mut walked) = (gathered, Walked::default());
    let mut previous = None;
    let name = place(run, stream, &parents[0]);
    loop {
        let number = walk.number();
        let at = |failure: Failure| failure.at(&format!("{name}, page {number}"));
        run.meter.take_page().map_err(at)?;
        if let Some(after) = walk.after() {
            scope.set("after", after.clone());
            prepared = prepare(&scope)?;
        }
        let mut call = prepared.call(web.base(), &walk.additions(), &stream.name, number, previous.as_ref())?;
        call.accept = way.accepts(number);
        conditions(stream, turn, &mut call);
        let question = Question { request: way.request, call: call.clone(), place: format!("{}, page {number}", stream.name) };
        let answer = ask(&run.client, question, &scope, &run.meter).await.map_err(at)?;
        if stream.conditional && answer.status == 304 {
            return Ok(Some((Walked { unchanged: true, ..walked }, Gathered::default())));
        }
        if !(200..300).contains(&answer.status) || way.optional_status.contains(&answer.status) {
            let is_gone = way.refused(&turn.scope, &call, &answer).map_err(at)? == Refused::Gone;
            return Ok(is_gone.then(|| (gone(run, &call, answer.status, walked), Gathered::default())));
        }
        (walked.etag, walked.last_modified) = (answer.etag.clone(), answer.last_modified.clone());
        previous = Some(answer.url.clone());
        let arrived = Arrived::new(answer, number).map_err(at)?;
        walked.headers.get_or_insert_with(|| arrived.headers.clone());
        let Taken { seen, is_full, gathered: back } = read(run, turn, parents, arrived, gathered).await.map_err(at)?;
        run.meter.log_rows(&stream.name, number, seen.rows.len() as u64);
        gathered = back;
        if is_full && !turn.first_page_only {
            return Ok(None);
        }
        let step = walk.advance(seen).map_err(at)?;
        if turn.first_page_only || step == Step::End {
            return Ok(Some((walked, gathered)));
        }
        if step == Step::FirstAgain {
            confirm(run, turn, parents, (&name, &prepared.call(web.base(), &first, &stream.name, 1, None)?), &walk).await?;
            return Ok(Some((walked, gathered)));
        }
    }
}

/// Reads the first page once more, which proves that no row was passed over. The call is for the walk of this name.
async fn confirm(run: &Arc<Run>, turn: &Arc<Turn>, parents: &Arc<Vec<Val>>, (name, call): (&str, &Call), walk: &page::Walk<'_>) -> Result<(), Failure> {
    let at = |failure: Failure| failure.at(&format!("{name}, page 1 once more"));
    run.meter.take_page().map_err(at)?;
    let request = way(&run.connector().streams[turn.position], turn).request;
    let question = Question { request, call: call.clone(), place: format!("{}, page 1", call.stream) };
    let answer = ask(&run.client, question, &turn.scope, &run.meter).await.map_err(at)?;
    let arrived = Arrived::new(answer, 1).map_err(at)?;
    let Taken { seen, .. } = read(run, turn, parents, arrived, Gathered::default()).await.map_err(at)?;
    run.meter.log_rows(&call.stream, 1, seen.rows.len() as u64);
    walk.confirm(&seen.rows).map_err(|failure| failure.at(name))
}

/// What was walked when there was no such thing any more, which the log says.
fn gone(run: &Run, call: &Call, status: u16, walked: Walked) -> Walked {
    let (stream, path, note) = (call.stream.clone(), call.shown.1.clone(), format!("{status}: has gone meanwhile, no rows"));
    run.meter.log(LogEntry { stream, path, page: call.page, status: Some(status), rows: Some(0), note, ..LogEntry::default() });
    walked
}

/// How messages name a walk. An item of a setting is named by its place: what stands there, whoever reads it can look up.
fn place(run: &Run, stream: &Stream, item: &Val) -> String {
    match &stream.for_each {
        Some(ForEach { over: Over::Setting(setting), .. }) => {
            let position = run.items(setting).iter().position(|known| known == item).unwrap_or_default();
            format!("{}, settings.{setting}[{position}]", stream.name)
        }
        _ => stream.name.clone(),
    }
}

/// What a walk gathered, with what its answers said.
pub(super) fn ended(walked: Walked, mut gathered: Gathered) -> Walked {
    let (kept, named) = (std::mem::take(&mut gathered.kept), std::mem::take(&mut gathered.named));
    let (ids, yields) = (std::mem::take(&mut gathered.ids), std::mem::take(&mut gathered.yields));
    let (rows, changed_at) = (gathered.rows, gathered.changed_at);
    let (admitted, duplicates) = gathered.records();
    Walked { kept, admitted, rows, duplicates, named, ids, yields, changed_at, ..walked }
}

/// What an answer with a status that is none of the good ones says, in the upstream's own words.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    /// There is no such thing any more.
    Gone,
    /// The window has more than the upstream lists.
    Full,
}

impl Way<'_> {
    /// The statuses whose answers are looked at.
    fn accepts(&self, number: u64) -> Vec<u16> {
        let said = self.expired.filter(|_| number > 1).into_iter().chain(self.window.and_then(|window| window.full.as_ref()));
        let said = said.flat_map(|said| said.statuses.iter().copied().filter(|status| *status >= 300));
        self.optional_status.iter().copied().chain(said).collect()
    }

    /// Anything between us and the upstream can answer 404, and so can another address; only the upstream's own words say what it means.
    fn refused(&self, scope: &Scope, call: &Call, answer: &Heard) -> Result<Refused, Failure> {
        let body = match &answer.body {
            Err(failure) if failure.reason == FailureReason::Truncated => return Err(failure.clone()),
            body => body.clone().unwrap_or(Val::Null),
        };
        let scope = &scope.clone().with("headers", answer.headers.clone());
        let says_so = |gone: &Expression| matches!(gone.one(body.clone(), scope), Ok(Val::Bool(true)));
        if self.optional_status.contains(&answer.status) && self.gone.is_some_and(says_so) {
            return Ok(Refused::Gone);
        }
        if self.says_full(answer.status, call.page, &body, scope)? {
            return Ok(Refused::Full);
        }
        let reason = match answer.status {
            404 | 410 => FailureReason::NotFound,
            401 => FailureReason::Unauthorized,
            403 => FailureReason::Forbidden,
            _ => FailureReason::UnexpectedStatus,
        };
        let advice = "but not in the upstream's own words for what is gone; check `url`, and what lies between";
        Err(Failure::new(reason, format!("{} answered {}, {advice}", call.place(), answer.status)))
    }

    /// Whether an answer says that the window has more than is listed.
    ///
    /// # Errors
    /// `incomplete`, when it says that the paging token is too old.
    fn says_full(&self, status: u16, number: u64, body: &Val, scope: &Scope) -> Result<bool, Failure> {
        let says = |said: &Said| said.statuses.contains(&status) && matches!(said.when.one(body.clone(), scope), Ok(Val::Bool(true)));
        if number > 1 && self.expired.is_some_and(says) {
            return Err(Failure::new(FailureReason::Incomplete, "the paging token expired while the list was read"));
        }
        Ok(self.window.and_then(|window| window.full.as_ref()).is_some_and(says))
    }
}

fn request(stream: &Stream) -> &Request {
    match &stream.origin {
        Origin::Request(request) => request,
        Origin::Again(_) | Origin::Tables(_) | Origin::Documents(_) => unreachable!("only streams with a request are walked; the description was checked"),
    }
}

fn conditions(stream: &Stream, turn: &Turn, call: &mut Call) {
    if !stream.conditional {
        return;
    }
    call.accept.push(304);
    let Some(known) = &turn.known else { return };
    call.headers.extend(memo::conditions(known.etag.as_deref(), known.last_modified.as_deref()));
}

/// A page that came.
struct Arrived {
    body: Val,
    status: u16,
    number: u64,
    /// The address in its `Link: rel="next"`.
    link: Option<String>,
    headers: Val,
}

impl Arrived {
    fn new(answer: Heard, number: u64) -> Result<Self, Failure> {
        let Heard { status, next, headers, body, .. } = answer;
        body.map(|body| Self { body, status, number, link: next, headers })
    }
}

/// What a page brought.
struct Taken {
    seen: Seen,
    /// Whether its window has as many rows as the upstream lists.
    is_full: bool,
    gathered: Gathered,
}

/// Decodes a page and takes its rows, on a thread where that may take its time.
async fn read(run: &Arc<Run>, turn: &Arc<Turn>, parents: &Arc<Vec<Val>>, arrived: Arrived, gathered: Gathered) -> Result<Taken, Failure> {
    let (run, turn, parents) = (Arc::clone(run), Arc::clone(turn), Arc::clone(parents));
    let work = move || take(&run, &turn, &parents, arrived, gathered);
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Failure::internal()))
}

fn take(run: &Run, turn: &Turn, parents: &[Val], arrived: Arrived, mut into: Gathered) -> Result<Taken, Failure> {
    let stream = &run.connector().streams[turn.position];
    let way = way(stream, turn);
    let Arrived { body, status, number, link, headers } = arrived;
    mapper::at(|| format!("{}, page {number}", stream.name));
    let place = format!("page {number}");
    let base = run.client.web().base().as_str().trim_end_matches('/');
    let sheet = Sheet { stream, door: &run.door, place: &place, base: Some(base), columns: None, words: run.client.words() };
    let mut seen = Seen { rows: Vec::new(), link, facts: Facts::None };
    let answered = turn.scope.clone().with("headers", headers.clone());
    if way.says_full(status, number, &body, &answered)? {
        return Ok(Taken { seen, is_full: true, gathered: into });
    }
    for (index, parent) in parents.iter().enumerate() {
        // What single rows are asked for by is no row of another stream.
        let parent = if turn.rereads { &Val::Null } else { parent };
        let mut scope: Scope = answered.clone().with("parent", parent.clone());
        rows::refuse_reported(stream, &body, &scope)?;
        // The page is one, however many rows share it.
        let is_first = index == 0;
        if is_first {
            protocol::refuse_reported(way.request, number, &body)?;
        }
        let rows = rows::rows(way.rows, &body, &scope)?;
        if is_first {
            seen.facts = page::facts(way.page, &body, &rows, &scope)?;
            if way.request.protocol == Protocol::Graphql {
                let more = matches!(seen.facts, Facts::Cursor { more: true, .. });
                protocol::refuse_unfinished(&stream.connections, &body, &rows, more)?;
            }
        }
        let identities = sheet.take(rows, None, parent, &mut scope, &mut into)?;
        if is_first {
            seen.rows = identities;
        }
    }
    let listed = match &seen.facts {
        Facts::Count { total: Some(total), .. } => Some(*total),
        _ => None,
    };
    let is_full = match way.window {
        Some(window) => window::is_full(window, listed, into.rows, &body, &answered)?,
        None => false,
    };
    Ok(Taken { seen, is_full, gathered: into })
}
