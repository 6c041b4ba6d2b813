//! Proves streams: each refers only to earlier ones, and only in ways that keep a poll complete.

use std::collections::{BTreeMap, HashMap};

use super::{
    Absent, Again, Connection, CrossCheck, Cursor, ForEach, Lookup, Mode, Origin, Over, Rows, Side, Stream, Transport,
    check::{BASE, Checker, TransposeOk},
    paging, raw,
};
use crate::{
    connector::{
        expression::Expression,
        format::{Documents, Wanted},
    },
    record::Feed,
};

/// How far before the last change a stream asks again, when it does not say.
const OVERLAP_SECONDS: i64 = 120;
/// How often a stream of changes reads everything, when it does not say.
const SWEEP_SECONDS: i64 = 86_400;

/// Variables beside [`BASE`] that streams have, and lookups can't be called.
const TAKEN: &[&str] = &["row", "rows", "parent", "index", "since", "since_epoch", "headers"];

/// What streams need to know of their connector.
pub(super) struct About<'a> {
    pub(super) transport: Transport,
    /// Whether its streams may yield whatever records they find.
    pub(super) takes_any: bool,
    pub(super) variants: &'a [String],
    /// How many streams it has.
    pub(super) streams: usize,
    /// The names of its settings.
    pub(super) settings: &'a [String],
}

/// What earlier streams are, for those that refer to them.
struct Earlier {
    positions: HashMap<String, usize>,
    modes: Vec<Mode>,
    conditional: Vec<bool>,
    kept: Vec<bool>,
}

pub(super) fn streams(checker: &mut Checker<'_>, raw: Vec<raw::Stream>, about: &About<'_>) -> Vec<Stream> {
    if raw.is_empty() {
        checker.wrong("streams", "at least one stream");
    }
    let mut earlier = Earlier { positions: HashMap::new(), modes: Vec::new(), conditional: Vec::new(), kept: vec![false; raw.len()] };
    let mut streams = Vec::new();
    let mut connections = Vec::new();
    for (position, mut raw) in raw.into_iter().enumerate() {
        let path = format!("streams[{position}]");
        checker.name(&format!("{path}.name"), &raw.name);
        connections.push(std::mem::take(&mut raw.connections));
        let (name, mode, conditional) = (raw.name.clone(), raw.mode, raw.conditional);
        streams.extend(stream(checker, &path, raw, about, &mut earlier));
        if earlier.positions.insert(name, position).is_some() {
            checker.wrong(&format!("{path}.name"), "a name that no other stream has");
        }
        earlier.modes.push(mode);
        earlier.conditional.push(conditional);
    }
    for (stream, kept) in streams.iter_mut().zip(earlier.kept) {
        stream.kept = kept;
    }
    if streams.len() == connections.len() {
        self::connections(checker, connections, &mut streams);
    }
    streams
}

/// Which streams walk what comes after the connections inside of rows.
fn connections(checker: &mut Checker<'_>, raw: Vec<BTreeMap<String, String>>, streams: &mut [Stream]) {
    for (position, raw) in raw.into_iter().enumerate() {
        for (field, name) in raw {
            let walks = |stream: &Stream| stream.for_each.as_ref().is_some_and(|for_each| for_each.stream() == Some(position) && for_each.filter.is_some());
            match streams.iter().position(|stream| stream.name == name && walks(stream)) {
                Some(walked_by) => streams[position].connections.push(Connection { path: field.split('.').map(str::to_owned).collect(), walked_by }),
                None => {
                    let expected = format!("a stream that walks the rows of this one (`for_each`) that go on (`where`); `{name}` is none");
                    checker.wrong(&format!("streams[{position}].connections.{field}"), expected);
                }
            }
        }
    }
}

/// What streams name of one another. Each then has its side of it.
pub(super) fn cross_checks(checker: &mut Checker<'_>, raw: Vec<raw::CrossCheck>, streams: &mut [Stream]) -> Vec<CrossCheck> {
    let mut checks = Vec::new();
    for (position, raw) in raw.into_iter().enumerate() {
        let path = format!("cross_checks[{position}]");
        let (among, key) = raw.among.split_once('.').unwrap_or((raw.among.as_str(), ""));
        let mut find = |at: &str, name: &str| {
            let found = streams.iter().position(|stream| stream.name == name && !stream.conditional);
            if found.is_none() {
                checker.wrong(&format!("{path}.{at}"), format!("a stream of this connector, without `conditional`; `{name}` is none"));
            }
            found
        };
        let (rows, among) = (find("rows", &raw.rows), find("among", among));
        let names = checker.expression(&format!("{path}.names"), &raw.names, BASE);
        let keys = checker.expression(&format!("{path}.among"), &format!(".{key}"), BASE);
        let (Some(rows), Some(among), Some(names), Some(keys)) = (rows, among, names, keys) else { continue };
        let walks_them = streams[among].for_each.as_ref().is_some_and(|for_each| for_each.stream() == Some(rows));
        if streams[among].mode == Mode::Changes && !walks_them {
            checker.wrong(&format!("{path}.among"), "a stream of mode `snapshot`, or one that walks `rows`: in one of changes most rows are absent");
        }
        streams[rows].compared.push(Side { check: checks.len(), exists: false, keys: names });
        streams[among].compared.push(Side { check: checks.len(), exists: true, keys });
        checks.push(CrossCheck { rows, among, about: raw.about });
    }
    checks
}

fn stream(checker: &mut Checker<'_>, path: &str, mut raw: raw::Stream, about: &About<'_>, earlier: &mut Earlier) -> Option<Stream> {
    let at = |key: &str| format!("{path}.{key}");
    let for_each = for_each(checker, path, &raw, about, earlier);
    let lookups = lookups(checker, path, &raw, earlier);
    let (mut variables, request_variables) = known(&raw);
    let feeds = feeds(checker, path, &raw, about);
    let key = checker.optional(&at("key"), raw.key.as_deref(), &variables);
    let mut answered = variables.clone();
    if about.transport == Transport::Http && raw.again.is_empty() {
        answered.push("headers");
    }
    let errors = checker.optional(&at("errors"), raw.errors.as_deref(), &answered);
    let cursor = raw.cursor.as_ref().map(|cursor| self::cursor(checker, path, cursor, &variables)).transpose_ok();
    let gone = checker.optional(&at("gone"), raw.gone.as_deref(), &answered);
    let ways = paging::ways(checker, path, &mut raw, &variables, &answered);
    let looked_up = raw.lookup.keys().map(String::as_str);
    if !raw.again.is_empty() {
        variables.extend(looked_up.clone());
        answered.extend(looked_up.clone());
    }
    let rows = rows(checker, path, &raw, about.transport, &answered);
    variables.push("index");
    variables.extend(looked_up.clone().filter(|_| raw.again.is_empty()));
    let records = checker.optional(&at("records"), raw.records.as_deref(), &variables);
    let whole: Vec<_> = BASE.iter().copied().chain(looked_up).chain(["rows"]).collect();
    let kinds = checker.optional(&at("kinds"), raw.kinds.as_deref(), &whole);
    let whole: Vec<_> = whole.into_iter().chain(answered.contains(&"headers").then_some("headers")).collect();
    let unseen = checker.optional(&at("unseen"), raw.unseen.as_deref(), &whole);
    modes(checker, path, &raw, earlier);
    of_connector(checker, path, &raw, about);
    let again = again(checker, path, &raw, earlier);
    let from = From { request: raw.request, again: again?, tables: raw.files, documents: raw.documents };
    let origin = origin(checker, path, from, about, &request_variables);
    let paging::Ways { page, window, expired, reread } = ways?;
    Some(Stream {
        name: raw.name,
        about: raw.about,
        feeds: feeds?,
        mode: raw.mode,
        origin: origin?,
        page,
        rows: rows?,
        key: key?,
        cursor: cursor?,
        for_each: for_each?,
        connections: Vec::new(),
        reread,
        window,
        expired,
        lookups: lookups?,
        errors: errors?,
        optional_status: raw.optional_status,
        gone: gone?,
        compared: Vec::new(),
        conditional: raw.conditional,
        only: raw.only,
        records: records?,
        kinds: kinds?,
        unseen: unseen?,
        kept: false,
    })
}

/// What must hold between a stream and its connector.
fn of_connector(checker: &mut Checker<'_>, path: &str, raw: &raw::Stream, about: &About<'_>) {
    if about.transport == Transport::Sql {
        of_databases(checker, path, raw);
    }
    for (position, name) in raw.only.iter().enumerate().filter(|(_, name)| !about.variants.contains(name)) {
        checker.wrong(&format!("{path}.only[{position}]"), format!("a variant, {name:?} is none"));
    }
}

/// What expressions know of a row of the stream before it has come, and what its request knows.
fn known(raw: &raw::Stream) -> (Vec<&'static str>, Vec<&'static str>) {
    let has_parent = raw.for_each.is_some() || !raw.again.is_empty();
    let since = ["since", "since_epoch"].into_iter().filter(|_| raw.mode == Mode::Changes);
    let with = |parent: &'static str| BASE.iter().copied().chain(has_parent.then_some(parent)).chain(since.clone());
    (with("parent").collect(), with("row").chain(paging::variables(raw)).collect())
}

fn feeds(checker: &mut Checker<'_>, path: &str, raw: &raw::Stream, about: &About<'_>) -> Option<Vec<Feed>> {
    let mut feeds = Some(Vec::new());
    for (position, text) in raw.feeds.iter().enumerate() {
        match Feed::parse(text) {
            Ok(feed) => feeds.iter_mut().for_each(|feeds: &mut Vec<Feed>| feeds.push(feed.clone())),
            Err(expected) => {
                checker.wrong(&format!("{path}.feeds[{position}]"), expected);
                feeds = None;
            }
        }
    }
    match (raw.feeds.is_empty(), raw.records.is_some()) {
        (true, true) if about.takes_any => {}
        (true, true) => checker.wrong(&format!("{path}.feeds"), "the shapes that `records` yields, such as model_versions"),
        (false, false) => checker.wrong(&format!("{path}.records"), "jq that yields what the stream feeds"),
        _ => {}
    }
    feeds
}

fn for_each(checker: &mut Checker<'_>, path: &str, raw: &raw::Stream, about: &About<'_>, earlier: &mut Earlier) -> Option<Option<ForEach>> {
    let Some(name) = &raw.for_each else {
        if raw.filter.is_some() && raw.again.is_empty() {
            checker.wrong(&format!("{path}.where"), "`for_each` or `again` beside it");
        }
        if raw.batch.is_some() {
            checker.wrong(&format!("{path}.batch"), "`for_each` beside it");
        }
        return Some(None);
    };
    if raw.batch == Some(0) {
        checker.wrong(&format!("{path}.batch"), "at least 1");
    }
    if let Some(setting) = name.strip_prefix("settings.") {
        if !about.settings.iter().any(|known| known == setting) {
            checker.wrong(&format!("{path}.for_each"), "a setting of the connector's `settings`");
        }
        if !raw.feeds.is_empty() && raw.optional_status.contains(&404) {
            let expected = "statuses without 404: it is what a misspelt item gets, and one that the credentials may not see";
            checker.wrong(&format!("{path}.optional_status"), expected);
        }
        return Some(Some(ForEach { over: Over::Setting(setting.to_owned()), filter: filter(checker, path, raw)?, batch: raw.batch }));
    }
    let stream = refer(checker, &format!("{path}.for_each"), name, earlier)?;
    if earlier.modes[stream] == Mode::Changes && raw.mode == Mode::Snapshot {
        checker.wrong(&format!("{path}.mode"), format!("`changes`, because `{name}` yields only what changed"));
    }
    Some(Some(ForEach { over: Over::Stream(stream), filter: filter(checker, path, raw)?, batch: raw.batch }))
}

/// Which of the rows that stand before a stream it takes.
fn filter(checker: &mut Checker<'_>, path: &str, raw: &raw::Stream) -> Option<Option<Expression>> {
    let lookups = raw.lookup.keys().map(String::as_str);
    let variables: Vec<_> = BASE.iter().copied().chain(lookups).collect();
    checker.optional(&format!("{path}.where"), raw.filter.as_deref(), &variables)
}

/// The streams whose rows are taken once more; there are none for a stream with rows of its own.
fn again(checker: &mut Checker<'_>, path: &str, raw: &raw::Stream, earlier: &mut Earlier) -> Option<Option<Again>> {
    let mut streams = Vec::new();
    for (position, name) in raw.again.iter().enumerate() {
        let at = format!("{path}.again[{position}]");
        let stream = refer(checker, &at, name, earlier)?;
        if earlier.modes[stream] == Mode::Changes {
            checker.wrong(&at, format!("a stream of mode `snapshot`: of `{name}` most rows are absent"));
        }
        streams.push(stream);
    }
    if streams.is_empty() {
        return Some(None);
    }
    let beside = [
        ("request", raw.request.is_some()),
        ("for_each", raw.for_each.is_some()),
        ("page", raw.page.is_some()),
        ("conditional", raw.conditional),
        ("optional_status", !raw.optional_status.is_empty()),
        ("mode", raw.mode == Mode::Changes),
    ];
    for (key, _) in beside.iter().filter(|(_, given)| *given) {
        checker.wrong(&format!("{path}.{key}"), "nothing, because `again` takes rows that were read");
    }
    Some(Some(Again { streams, filter: filter(checker, path, raw)? }))
}

fn lookups(checker: &mut Checker<'_>, path: &str, raw: &raw::Stream, earlier: &mut Earlier) -> Option<Vec<Lookup>> {
    let mut lookups = Vec::new();
    let mut good = true;
    for (name, text) in &raw.lookup {
        let path = format!("{path}.lookup.{name}");
        checker.name(&path, name);
        let taken = BASE.contains(&name.as_str()) || TAKEN.contains(&name.as_str());
        let split = text.split_once('.').filter(|_| !taken);
        let Some((stream, key)) = split else {
            checker.wrong(&path, if taken { "another name, this one is taken" } else { "a stream and a path in its rows: `models.name`" });
            good = false;
            continue;
        };
        let (key, all) = key.strip_suffix("[]").map_or((key, false), |key| (key, true));
        let key = checker.expression(&path, &format!(".{key}"), BASE);
        let stream = refer(checker, &path, stream, earlier);
        if stream.is_some_and(|stream| earlier.modes[stream] == Mode::Changes) {
            checker.wrong(&path, "a stream of mode `snapshot`: in one of changes most rows are absent");
        }
        match (stream, key) {
            (Some(stream), Some(key)) => lookups.push(Lookup { name: name.clone(), stream, key, all }),
            _ => good = false,
        }
    }
    good.then_some(lookups)
}

/// The position of an earlier stream, which is kept from now on.
fn refer(checker: &mut Checker<'_>, path: &str, name: &str, earlier: &mut Earlier) -> Option<usize> {
    let Some(position) = earlier.positions.get(name).copied() else {
        checker.wrong(path, format!("a stream that stands before this one; `{name}` does not"));
        return None;
    };
    if earlier.conditional[position] {
        checker.wrong(path, format!("a stream without `conditional`: unchanged, `{name}` has no rows to walk or look up"));
    }
    earlier.kept[position] = true;
    Some(position)
}

fn cursor(checker: &mut Checker<'_>, path: &str, raw: &raw::Cursor, variables: &[&str]) -> Option<Cursor> {
    let value = checker.expression(&format!("{path}.cursor.value"), &raw.value, variables)?;
    let seconds = |span: Option<raw::Span>, default| span.map_or(default, |span| span.0);
    Some(Cursor { value, overlap_seconds: seconds(raw.overlap, OVERLAP_SECONDS), sweep_seconds: seconds(raw.sweep, SWEEP_SECONDS) })
}

/// What must hold between a stream's mode and its other keys.
fn modes(checker: &mut Checker<'_>, path: &str, raw: &raw::Stream, earlier: &Earlier) {
    let walked = raw.for_each.as_ref().and_then(|name| earlier.positions.get(name)).map(|position| earlier.modes[*position]);
    match (raw.mode, raw.cursor.is_some()) {
        (Mode::Snapshot, true) => checker.wrong(&format!("{path}.cursor"), "`mode: changes` beside it"),
        (Mode::Changes, false) if walked != Some(Mode::Changes) => checker.wrong(&format!("{path}.cursor"), "a cursor, because the mode is `changes`"),
        _ => {}
    }
    if raw.conditional && (raw.page.is_some() || raw.for_each.is_some() || raw.mode == Mode::Changes) {
        checker.wrong(&format!("{path}.conditional"), "`false`: only a stream of one page that reads everything can be unchanged");
    }
    if raw.conditional && !raw.lookup.is_empty() {
        checker.wrong(&format!("{path}.conditional"), "`false`: unchanged rows may be joined with rows that changed");
    }
    if !raw.optional_status.is_empty() && raw.for_each.is_none() && !raw.feeds.is_empty() {
        checker.wrong(&format!("{path}.optional_status"), "`for_each` beside it: a whole stream that feeds something can't vanish");
    }
    if raw.conditional && raw.feeds.is_empty() && raw.records.is_some() {
        checker.wrong(&format!("{path}.conditional"), "`false`: what it feeds is found out from its rows");
    }
    if raw.conditional && (raw.unseen.is_some() || raw.kinds.is_some()) {
        checker.wrong(&format!("{path}.conditional"), "`false`: what can be seen and held is found out anew by each poll");
    }
    if raw.kinds.is_some() && raw.feeds.len() != 1 {
        checker.wrong(&format!("{path}.kinds"), "`feeds` with one shape that has kinds");
    }
    for (key, given) in [("window", raw.window.is_some()), ("expired", raw.expired.is_some())] {
        if given && (raw.conditional || raw.request.is_none()) {
            checker.wrong(&format!("{path}.{key}"), "nothing: it is for a `request` without `conditional`");
        }
    }
    if raw.expired.is_some() && raw.page.is_none() {
        checker.wrong(&format!("{path}.expired"), "`page` beside it");
    }
    if raw.window.is_some() && raw.key.is_none() {
        checker.wrong(&format!("{path}.key"), "what tells a row from others: it may be in two windows");
    }
    if raw.optional_status.is_empty() == raw.gone.is_some() {
        checker.wrong(&format!("{path}.gone"), "`optional_status` and `gone` together: the status alone may be anybody's");
    }
    if raw.page.as_ref().is_some_and(|page| !matches!(page, raw::Page::Cursor(_) | raw::Page::Link(false))) && raw.key.is_none() {
        checker.wrong(&format!("{path}.key"), "what tells a row from others: without it nothing shows that rows shifted between pages");
    }
}

/// What a stream of a database can't have: a query is answered whole, or not at all.
fn of_databases(checker: &mut Checker<'_>, path: &str, raw: &raw::Stream) {
    // Pages of which each begins after the last row of the one before are the query's own business.
    let has_pages = raw.page.as_ref().is_some_and(|page| !matches!(page, raw::Page::Keyset(_)));
    for (key, given) in [("page", has_pages), ("conditional", raw.conditional), ("optional_status", !raw.optional_status.is_empty())] {
        if given {
            checker.wrong(&format!("{path}.{key}"), "nothing, a database answers a query whole");
        }
    }
}

fn rows(checker: &mut Checker<'_>, path: &str, raw: &raw::Stream, transport: Transport, variables: &[&str]) -> Option<Rows> {
    let path = format!("{path}.rows");
    let text = match (&raw.rows, transport) {
        (Some(rows), _) => rows.as_str(),
        (None, Transport::Files) => ".",
        (None, Transport::Http | Transport::Sql) if !raw.again.is_empty() => ".",
        (None, Transport::Sql) => ".[]",
        (None, Transport::Http) => {
            checker.wrong(&path, "jq that yields the rows of a page, such as `.items[]`");
            return None;
        }
    };
    // A query without rows is answered all the same.
    let absent = if transport == Transport::Sql && raw.again.is_empty() { Absent::EmptyOrNull } else { raw.absent };
    rows_of(checker, &path, text, absent, variables)
}

/// Proves jq that yields rows.
pub(super) fn rows_of(checker: &mut Checker<'_>, path: &str, text: &str, absent: Absent, variables: &[&str]) -> Option<Rows> {
    let text = text.trim();
    let list = text.strip_suffix("[]").filter(|list| !list.is_empty() && !list.contains(['|', ',', ' ']));
    let expression = checker.expression(path, list.unwrap_or(text), variables)?;
    let is_there = list.filter(|_| absent == Absent::Empty).and_then(is_there);
    let is_there = is_there.map(|text| checker.expression(path, &text, variables)).transpose_ok()?;
    Some(Rows { expression, listed: list.is_some(), absent, is_there })
}

/// jq that says whether the list `.a.b` is there at all, if that can be said of it.
fn is_there(list: &str) -> Option<String> {
    let (before, name) = list.rsplit_once('.')?;
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let before = if before.is_empty() { "." } else { before };
    plain.then(|| format!("{before} | type == \"object\" and has(\"{name}\")"))
}

/// Where a stream says that its rows come from.
struct From {
    request: Option<raw::Request>,
    again: Option<Again>,
    tables: Option<Wanted>,
    documents: Option<Documents>,
}

fn origin(checker: &mut Checker<'_>, path: &str, from: From, about: &About<'_>, variables: &[&str]) -> Option<Origin> {
    match (about.transport, from) {
        (Transport::Http | Transport::Sql, From { again: Some(again), request: None, tables: None, documents: None }) => Some(Origin::Again(again)),
        (Transport::Http | Transport::Sql, From { request: Some(request), again: None, tables: None, documents: None }) => {
            let path = format!("{path}.request");
            let request = checker.request(&path, request, variables)?;
            checker.json_only(&path, &request);
            Some(Origin::Request(request))
        }
        (Transport::Files, From { request: None, again: None, tables: Some(tables), documents: None }) => Some(Origin::Tables(tables)),
        (Transport::Files, From { request: None, again: None, tables: None, documents: Some(documents) }) => {
            if about.streams > 1 {
                checker.wrong(&format!("{path}.documents"), "no other stream in a connector that reads documents");
            }
            Some(Origin::Documents(documents))
        }
        (Transport::Http | Transport::Sql, _) => {
            checker.wrong(&format!("{path}.request"), "a request or `again`, and neither `files` nor `documents`");
            None
        }
        (Transport::Files, _) => {
            checker.wrong(&format!("{path}.files"), "either `files` with names of tables or `documents` with extensions, and no `request`");
            None
        }
    }
}
