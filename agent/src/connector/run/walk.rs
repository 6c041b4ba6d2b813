//! Walking a stream's pages: one walk, or one for each row of another stream, some at once.

use std::{collections::HashMap, sync::Arc};

use reqwest::header::{HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    Run, Turn,
    merge::Admitted,
    rows::{self, Gathered, Named, Sheet},
};
use crate::connector::{
    answer_headers,
    description::{ForEach, Format, Origin, Over, Request, Stream},
    expression::{Expression, Scope, Val},
    failure::{Failure, FailureReason},
    http::{Answer, Body, Call},
    mapper,
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
    pub(super) changed_at: Option<i64>,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    /// The headers of the first answer.
    pub(super) headers: Option<Val>,
    pub(super) unchanged: bool,
}

/// A page that came.
struct Arrived {
    body: Body,
    number: u64,
    /// The address in its `Link: rel="next"`.
    link: Option<String>,
    headers: Val,
}

/// The rows to walk, those whose requests are the same together: they are asked once.
pub(super) fn groups(run: &Run, turn: &Turn, stream: &Stream, for_each: &ForEach, parents: &[Val]) -> Result<Vec<Vec<Val>>, Failure> {
    let wrong = |index: usize, message: String| {
        let of = match &for_each.over {
            Over::Stream(parent) => format!("row {} of {}", index + 1, run.connector().streams[*parent].name),
            Over::Setting(setting) => format!("settings.{setting}[{index}]"),
        };
        Failure::new(FailureReason::Mapping, format!("{}: for {of}: {message}", stream.name))
    };
    let mut groups: Vec<Vec<Val>> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (index, parent) in parents.iter().enumerate() {
        if !rows::is_chosen(for_each.filter.as_ref(), parent, &turn.scope).map_err(|message| wrong(index, message))? {
            continue;
        }
        let scope = turn.scope.clone().with("row", parent.clone());
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
    for (_, part) in parts {
        whole.kept.extend(part.kept);
        whole.admitted.extend(part.admitted);
        whole.rows += part.rows;
        whole.duplicates += part.duplicates;
        for (side, keys) in part.named {
            whole.named.entry(side).or_default().extend(keys);
        }
        whole.changed_at = whole.changed_at.max(part.changed_at);
        whole.unchanged |= part.unchanged;
        whole.headers = whole.headers.or(part.headers);
        (whole.etag, whole.last_modified) = (part.etag, part.last_modified);
    }
    Ok(whole)
}

/// Walks over pages, for rows that share their request; again when it could not be proved that all rows came.
async fn walk(run: &Arc<Run>, turn: &Arc<Turn>, parents: Vec<Val>) -> Result<Walked, Failure> {
    let stream = &run.connector().streams[turn.position];
    let parents = Arc::new(parents);
    for _ in 1..MOST_WALKS {
        match walk_once(run, turn, &parents).await {
            Err(failure) if failure.reason == FailureReason::Incomplete => {
                let note = format!("{}; read again from the first page", failure.message);
                run.meter.log(LogEntry { stream: stream.name.clone(), page: 1, note, ..LogEntry::default() });
            }
            outcome => return outcome,
        }
    }
    walk_once(run, turn, &parents).await.map_err(|mut failure| {
        if failure.reason == FailureReason::Incomplete {
            failure.message.push_str("; it was read three times, and never as a whole");
        }
        failure
    })
}

/// One walk over pages.
async fn walk_once(run: &Arc<Run>, turn: &Arc<Turn>, parents: &Arc<Vec<Val>>) -> Result<Walked, Failure> {
    let stream = &run.connector().streams[turn.position];
    let scope = turn.scope.clone().with("row", parents[0].clone());
    let prepared =
        Prepared::new(request(stream), &scope).map_err(|error| Failure::new(FailureReason::Mapping, format!("{}: request: {error}", stream.name)))?;
    let web = run.client.web();
    let mut walk = page::Walk::new(stream.page.as_ref());
    let first = walk.additions();
    let mut gathered = Gathered::default();
    let mut walked = Walked::default();
    let mut previous = None;
    let name = place(run, stream, &parents[0]);
    loop {
        let number = walk.number();
        let at = |failure: Failure| failure.at(&format!("{name}, page {number}"));
        run.meter.take_page().map_err(at)?;
        let mut call = prepared.call(web.base(), &walk.additions(), &stream.name, number, previous.as_ref())?;
        call.accept.clone_from(&stream.optional_status);
        conditions(stream, turn, &mut call);
        let answer = web.send(&call, &run.meter).await.map_err(at)?;
        if stream.conditional && answer.status == 304 {
            return Ok(Walked { unchanged: true, ..walked });
        }
        if stream.optional_status.contains(&answer.status) {
            refuse_foreign(stream, &turn.scope, &call, &answer).map_err(at)?;
            let path = call.shown.1.clone();
            let note = format!("{}: has gone meanwhile, no rows", answer.status);
            run.meter.log(LogEntry {
                stream: stream.name.clone(),
                path,
                page: number,
                status: Some(answer.status),
                rows: Some(0),
                note,
                ..LogEntry::default()
            });
            return Ok(walked);
        }
        (walked.etag, walked.last_modified) = (answer.etag, answer.last_modified);
        let arrived = Arrived { body: answer.body, number, link: answer.next, headers: answer_headers::object(&answer.headers) };
        walked.headers.get_or_insert_with(|| arrived.headers.clone());
        let (seen, back) = read(run, turn, parents, arrived, gathered).await.map_err(at)?;
        run.meter.log_rows(&stream.name, number, seen.rows.len() as u64);
        gathered = back;
        previous = Some(answer.url);
        let step = walk.advance(seen).map_err(at)?;
        if turn.first_page_only || step == Step::End {
            return Ok(ended(walked, gathered));
        }
        if step == Step::FirstAgain {
            let call = prepared.call(web.base(), &first, &stream.name, 1, None)?;
            let at = |failure: Failure| failure.at(&format!("{name}, page 1 once more"));
            run.meter.take_page().map_err(at)?;
            let answer = web.send(&call, &run.meter).await.map_err(at)?;
            let arrived = Arrived { body: answer.body, number: 1, link: answer.next, headers: answer_headers::object(&answer.headers) };
            let (seen, _) = read(run, turn, parents, arrived, Gathered::default()).await.map_err(at)?;
            run.meter.log_rows(&stream.name, 1, seen.rows.len() as u64);
            walk.confirm(&seen.rows).map_err(|failure| failure.at(&name))?;
            return Ok(ended(walked, gathered));
        }
    }
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
    let (rows, changed_at) = (gathered.rows, gathered.changed_at);
    let (admitted, duplicates) = gathered.records();
    Walked { kept, admitted, rows, duplicates, named, changed_at, ..walked }
}

/// Anything between us and the upstream can answer 404, and so can another address; only the upstream's own words say that there is no such thing.
fn refuse_foreign(stream: &Stream, scope: &Scope, call: &Call, answer: &Answer) -> Result<(), Failure> {
    let body = match answer.body.decode(Format::Json) {
        Err(failure) if failure.reason == FailureReason::Truncated => return Err(failure),
        body => body.unwrap_or(Val::Null),
    };
    let scope = scope.clone().with("headers", answer_headers::object(&answer.headers));
    let says_so = |gone: &Expression| matches!(gone.one(body, &scope), Ok(Val::Bool(true)));
    if stream.gone.as_ref().is_some_and(says_so) {
        return Ok(());
    }
    let reason = match answer.status {
        404 | 410 => FailureReason::NotFound,
        401 => FailureReason::Unauthorized,
        403 => FailureReason::Forbidden,
        _ => FailureReason::UnexpectedStatus,
    };
    let advice = "but not in the upstream's own words for what is gone; check `url`, and what lies between";
    Err(Failure::new(reason, format!("{}{} answered {}, {advice}", call.shown.0, call.shown.1, answer.status)))
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
    for (name, value) in [(IF_NONE_MATCH, &known.etag), (IF_MODIFIED_SINCE, &known.last_modified)] {
        if let Some(value) = value.as_deref().and_then(|value| HeaderValue::from_str(value).ok()) {
            call.headers.push((name, value));
        }
    }
}

/// Decodes a page and takes its rows, on a thread where that may take its time.
async fn read(run: &Arc<Run>, turn: &Arc<Turn>, parents: &Arc<Vec<Val>>, arrived: Arrived, gathered: Gathered) -> Result<(Seen, Gathered), Failure> {
    let (run, turn, parents) = (Arc::clone(run), Arc::clone(turn), Arc::clone(parents));
    let work = move || take(&run, &turn, &parents, arrived, gathered);
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Failure::internal()))
}

fn take(run: &Run, turn: &Turn, parents: &[Val], arrived: Arrived, mut into: Gathered) -> Result<(Seen, Gathered), Failure> {
    let Arrived { body, number, link, headers } = arrived;
    let stream = &run.connector().streams[turn.position];
    mapper::at(|| format!("{}, page {number}", stream.name));
    let body = body.decode(request(stream).format)?;
    let place = format!("page {number}");
    let base = run.client.web().base().as_str().trim_end_matches('/');
    let sheet = Sheet { stream, door: &run.door, place: &place, base: Some(base), columns: None, words: run.client.words() };
    let mut seen = Seen { rows: Vec::new(), link, facts: Facts::None };
    for (index, parent) in parents.iter().enumerate() {
        let mut scope: Scope = turn.scope.clone().with("parent", parent.clone()).with("headers", headers.clone());
        rows::refuse_reported(stream, &body, &scope)?;
        let rows = rows::rows(stream, &body, &scope)?;
        let facts = page::facts(stream.page.as_ref(), &body, &scope)?;
        let identities = sheet.take(rows, None, parent, &mut scope, &mut into)?;
        // The page is one, however many rows share it.
        if index == 0 {
            (seen.rows, seen.facts) = (identities, facts);
        }
    }
    Ok((seen, into))
}
