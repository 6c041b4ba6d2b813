//! What goes wrong on the way from an upstream to the agent. Each fault takes the right answer and gives another, or none where it has nothing to
//! get hold of.

use super::{
    random::Random,
    upstream::{Upstream, World},
};
use clause9::connector::replay::loopback::{Piece, Received, Reply};
use serde_json::{Value, json};
use std::time::Duration;

/// A fault.
pub struct Fault {
    /// What sort of fault it is; one of a sort is played for another.
    pub kind: &'static str,
    pub name: &'static str,
    pub bend: fn(&mut Case<'_>) -> Option<Reply>,
}

/// What a fault has to work with.
pub struct Case<'c> {
    pub random: &'c mut Random,
    pub upstream: &'c Upstream,
    pub world: &'c World,
    pub received: &'c Received,
    /// The right answer.
    pub good: Reply,
}

/// Longer than a test's agent waits for an answer.
const SILENCE: Duration = Duration::from_secs(3600);

pub const FAULTS: &[Fault] = &[
    // Statuses.
    Fault { kind: "refused", name: "400", bend: |_| status(400) },
    Fault { kind: "refused", name: "401", bend: |_| status(401) },
    Fault { kind: "refused", name: "403", bend: |_| status(403) },
    Fault { kind: "slow down", name: "403 with Retry-After", bend: |_| Some(status(403)?.with("retry-after", "0")) },
    Fault { kind: "not found", name: "404 as HTML", bend: |_| Some(Reply::new(404, "text/html", "<html>not here</html>")) },
    Fault { kind: "not found", name: "404 as JSON", bend: |_| Some(Reply::json(404, &json!({"message": "no such page", "code": 404}))) },
    Fault { kind: "not found", name: "404 without a body", bend: |_| Some(Reply::new(404, "", "")) },
    Fault { kind: "refused", name: "410", bend: |_| status(410) },
    Fault { kind: "a server's error", name: "500", bend: |_| status(500) },
    Fault { kind: "a server's error", name: "502", bend: |_| status(502) },
    Fault { kind: "a server's error", name: "503 with Retry-After", bend: |_| Some(status(503)?.with("retry-after", "0")) },
    Fault { kind: "a server's error", name: "504", bend: |_| status(504) },
    Fault { kind: "slow down", name: "429 for an hour", bend: |_| Some(status(429)?.with("retry-after", "3600")) },
    Fault { kind: "slow down", name: "429 for no time", bend: |_| Some(status(429)?.with("retry-after", "0")) },
    Fault { kind: "slow down", name: "429 until a date", bend: |_| Some(status(429)?.with("retry-after", "Mon, 21 Sep 2099 14:00:00 GMT")) },
    Fault { kind: "slow down", name: "429 without a time", bend: |_| status(429) },
    Fault { kind: "slow down", name: "429 that overflows", bend: |_| Some(status(429)?.with("retry-after", "18446744073709551615")) },
    Fault { kind: "no JSON", name: "204", bend: |_| Some(Reply::new(204, "", "")) },
    // Redirects.
    Fault { kind: "a redirect", name: "a redirect to elsewhere", bend: |_| Some(status(302)?.with("location", "https://elsewhere.example/")) },
    Fault { kind: "a redirect", name: "a redirect to a file", bend: |_| Some(status(302)?.with("location", "file:///etc/passwd")) },
    Fault { kind: "a redirect", name: "a redirect in a circle", bend: |case| Some(status(307)?.with("location", &case.received.path)) },
    Fault { kind: "a redirect", name: "a redirect to nowhere", bend: |_| Some(status(302)?.with("location", "/there/is/no/such/address")) },
    Fault { kind: "a redirect", name: "a redirect without an address", bend: |_| status(302) },
    // Bodies.
    Fault { kind: "cut off", name: "a connection that is cut", bend: |case| Some(Reply { length: Some(case.good.length? + 100), ..case.good.clone() }) },
    Fault { kind: "cut off", name: "a connection that is cut in the middle", bend: cut },
    Fault { kind: "cut off", name: "half a JSON", bend: half },
    Fault { kind: "no JSON", name: "HTML", bend: |_| Some(Reply::new(200, "text/html", "<html>sign in</html>")) },
    Fault { kind: "no JSON", name: "HTML with a status of its own", bend: |_| Some(Reply::new(203, "text/html", "<html>sign in</html>")) },
    Fault { kind: "no JSON", name: "HTML that says it is JSON", bend: |_| Some(Reply::new(200, "application/json", "<!doctype html><p>sign in")) },
    Fault { kind: "no JSON", name: "JSON that says it is HTML", bend: |case| Some(said_to_be(&case.good, "text/html")) },
    Fault { kind: "no JSON", name: "JSON that says it is text", bend: |case| Some(said_to_be(&case.good, "text/plain")) },
    Fault { kind: "no JSON", name: "an empty body", bend: |_| Some(Reply::new(200, "application/json", "")) },
    Fault { kind: "no JSON", name: "garbage", bend: garbage },
    Fault { kind: "no JSON", name: "two documents", bend: |case| Some(Reply::new(200, "application/json", [text(&case.good), text(&case.good)].concat())) },
    Fault { kind: "no JSON", name: "a body that says it is packed", bend: |case| Some(case.good.clone().with("content-encoding", "gzip")) },
    Fault { kind: "another answer", name: "null", bend: |_| Some(Reply::json(200, &Value::Null)) },
    Fault { kind: "another answer", name: "a number", bend: |_| Some(Reply::json(200, &json!(7))) },
    Fault { kind: "another answer", name: "another object", bend: |_| Some(Reply::json(200, &json!({"unexpected": 1}))) },
    Fault { kind: "another answer", name: "another list", bend: |_| Some(Reply::json(200, &json!([1, 2]))) },
    Fault {
        kind: "another answer",
        name: "an error with a good status",
        bend: |_| Some(Reply::json(200, &json!({"error": "no", "error_code": "INTERNAL_ERROR"}))),
    },
    // Time.
    Fault { kind: "silence", name: "silence", bend: |case| Some(first(case.good.clone(), Piece::Pause(SILENCE))) },
    Fault { kind: "silence", name: "silence in the middle", bend: |case| Some(middle(&case.good, SILENCE)) },
    Fault { kind: "a slow body", name: "a slow body", bend: |case| Some(middle(&case.good, Duration::from_millis(15))) },
    // Lists.
    Fault { kind: "a list that is null", name: "a list that is null", bend: |case| on_list(case, |list, _| *list = Value::Null) },
    Fault { kind: "a list of another type", name: "a list that is an object", bend: |case| on_list(case, |list, _| *list = json!({})) },
    Fault { kind: "a list of another type", name: "a list that is a text", bend: |case| on_list(case, |list, _| *list = json!("none")) },
    Fault { kind: "a key twice", name: "a list twice, empty the second time", bend: |case| twice(case, "[]") },
    Fault { kind: "a key twice", name: "a list twice, null the first time", bend: |case| twice(case, "null") },
    // Rows.
    Fault { kind: "a row of nothing", name: "a row that is null", bend: |case| on_row(case, |row, _, _| *row = Value::Null) },
    Fault { kind: "a row of nothing", name: "a row that is empty", bend: |case| on_row(case, |row, _, _| *row = json!({})) },
    Fault { kind: "a row of another type", name: "a row that is a number", bend: |case| on_row(case, |row, _, _| *row = json!(7)) },
    Fault { kind: "a row of another type", name: "a row that is a text", bend: |case| on_row(case, |row, _, _| *row = json!("row")) },
    Fault { kind: "a row of another type", name: "a row that is a list", bend: |case| on_row(case, |row, _, _| *row = json!([])) },
    Fault {
        kind: "a row of nothing",
        name: "a row too many, null",
        bend: |case| on_rows(case, |rows, random| rows.insert(random.below(rows.len() + 1), Value::Null)),
    },
    Fault { kind: "a row left out", name: "a row left out", bend: |case| on_rows(case, |rows, random| drop(rows.remove(random.below(rows.len())))) },
    Fault { kind: "rows that moved", name: "a row twice", bend: |case| on_rows(case, |rows, random| rows.push(rows[random.below(rows.len())].clone())) },
    Fault { kind: "rows that moved", name: "rows in another order", bend: |case| on_rows(case, |rows, _| rows.reverse()) },
    Fault { kind: "a row left out", name: "a page without rows", bend: |case| on_rows(case, |rows, _| rows.clear()) },
    // Fields that the upstream always sends.
    Fault {
        kind: "a field that is gone",
        name: "a field that is gone",
        bend: |case| on_row(case, |row, field, _| drop(row.as_object_mut().map(|row| row.remove(field)))),
    },
    Fault { kind: "a field that is gone", name: "a field that has another name", bend: |case| on_row(case, |row, field, _| renamed(row, field)) },
    Fault { kind: "a field of another type", name: "a field that is null", bend: |case| on_row(case, |row, field, _| row[field] = Value::Null) },
    Fault { kind: "a field of another type", name: "a field that is an object", bend: |case| on_row(case, |row, field, _| row[field] = json!({"x": 1})) },
    Fault { kind: "a field of another type", name: "a field that is a list", bend: |case| on_row(case, |row, field, _| row[field] = json!([])) },
    Fault {
        kind: "a field that is gone",
        name: "a field of every row that is gone",
        bend: |case| on_every_row(case, |row, field| drop(row.as_object_mut().map(|row| row.remove(field)))),
    },
    Fault {
        kind: "a field of another type",
        name: "a field of every row that is null",
        bend: |case| on_every_row(case, |row, field| row[field] = Value::Null),
    },
    Fault { kind: "a key twice", name: "a key twice in a row", bend: row_key_twice },
    // Paging.
    Fault { kind: "a wrong total", name: "a total of nothing", bend: |case| on_total(case, |_, _| json!(0)) },
    Fault {
        kind: "a wrong total",
        name: "a total that is low",
        bend: |case| on_total(case, |total, random| json!(total.saturating_sub(1 + random.below(4) as u64))),
    },
    Fault { kind: "a wrong total", name: "a total that is high", bend: |case| on_total(case, |total, random| json!(total + 1 + random.below(4) as u64)) },
    Fault { kind: "a wrong total", name: "a total that is huge", bend: |case| on_total(case, |_, _| json!(u64::MAX)) },
    Fault { kind: "a total that is none", name: "a total below nothing", bend: |case| on_total(case, |_, _| json!(-1)) },
    Fault { kind: "a total that is none", name: "a total in words", bend: |case| on_total(case, |_, _| json!("many")) },
    Fault { kind: "a total that is none", name: "a total that is null", bend: |case| on_total(case, |_, _| Value::Null) },
    Fault { kind: "a wrong token", name: "a token that is lost", bend: |case| on_token(case, |body, name| drop(body.remove(name))) },
    Fault { kind: "a wrong token", name: "a token that is empty", bend: |case| on_token(case, |body, name| drop(body.insert(name.to_owned(), json!("")))) },
    Fault {
        kind: "a wrong token",
        name: "a token that is an object",
        bend: |case| on_token(case, |body, name| drop(body.insert(name.to_owned(), json!({"x": 1})))),
    },
    Fault {
        kind: "a wrong token",
        name: "a token of the first page",
        bend: |case| on_token(case, |body, name| drop(body.insert(name.to_owned(), json!("offset-0")))),
    },
    Fault {
        kind: "a wrong token",
        name: "a token of a later page",
        bend: |case| on_token(case, |body, name| drop(body.insert(name.to_owned(), json!("offset-8")))),
    },
    Fault { kind: "a wrong page", name: "a page left out", bend: |case| another_page(case, 1) },
    Fault { kind: "a wrong page", name: "the page before once more", bend: |case| another_page(case, -1) },
    Fault { kind: "a wrong page", name: "the first page once more", bend: |case| another_page(case, -100) },
];

/// Bytes of an answer.
pub fn text(reply: &Reply) -> Vec<u8> {
    let piece = |piece: &Piece| if let Piece::Bytes(bytes) = piece { bytes.clone() } else { Vec::new() };
    reply.body.iter().flat_map(piece).collect()
}

fn status(status: u16) -> Option<Reply> {
    Some(Reply::new(status, "text/plain", "no"))
}

/// The same answer under another type. Its other headers stay: where pages are linked by them, an answer without would be a last page.
fn said_to_be(good: &Reply, content_type: &str) -> Reply {
    let mut reply = good.clone();
    reply.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
    reply.with("content-type", content_type)
}

fn first(mut reply: Reply, piece: Piece) -> Reply {
    reply.body.insert(0, piece);
    reply
}

fn middle(reply: &Reply, pause: Duration) -> Reply {
    let mut bytes = text(reply);
    let rest = bytes.split_off(bytes.len() / 2);
    Reply { body: vec![Piece::Bytes(bytes), Piece::Pause(pause), Piece::Bytes(rest)], ..reply.clone() }
}

fn cut(case: &mut Case<'_>) -> Option<Reply> {
    let mut bytes = text(&case.good);
    bytes.truncate(case.random.below(bytes.len().max(1)));
    Some(Reply { body: vec![Piece::Bytes(bytes)], ..case.good.clone() })
}

fn half(case: &mut Case<'_>) -> Option<Reply> {
    let bytes = text(&case.good);
    let end = 1 + case.random.below(bytes.len().checked_sub(2).filter(|room| *room > 0)?);
    Some(Reply::new(case.good.status, "application/json", &bytes[..end]))
}

/// Some bytes that JSON can't have outside of texts, and not in them either.
fn garbage(case: &mut Case<'_>) -> Option<Reply> {
    let mut bytes = text(&case.good);
    let at = case.random.below(bytes.len().max(1));
    bytes.splice(at..at, [0x00, 0xff, 0x07]);
    Some(Reply::new(case.good.status, "application/json", bytes))
}

fn body(case: &Case<'_>) -> Option<Value> {
    if case.good.status == 200 { serde_json::from_slice(&text(&case.good)).ok() } else { None }
}

/// The first list of this name anywhere in a value; of no name, the value itself.
fn find<'v>(value: &'v mut Value, name: &str) -> Option<&'v mut Value> {
    if name.is_empty() {
        return value.is_array().then_some(value);
    }
    match value {
        Value::Object(entries) => {
            if entries.get(name).is_some_and(Value::is_array) {
                return entries.get_mut(name);
            }
            entries.values_mut().find_map(|value| find(value, name))
        }
        Value::Array(items) => items.iter_mut().find_map(|value| find(value, name)),
        _ => None,
    }
}

fn changed(case: &mut Case<'_>, change: impl FnOnce(&mut Value, &'static [&'static str], &mut Random) -> bool) -> Option<Reply> {
    let mut json = body(case)?;
    let there: Vec<_> = case.upstream.always.iter().filter(|(name, _)| find(&mut json, name).is_some()).collect();
    if there.is_empty() {
        return None;
    }
    let (name, fields) = **case.random.of(&there);
    let before = json.clone();
    let list = find(&mut json, name)?;
    (change(list, fields, case.random) && json != before).then(|| Reply::json(200, &json))
}

fn on_list(case: &mut Case<'_>, change: fn(&mut Value, &mut Random)) -> Option<Reply> {
    changed(case, |list, _, random| {
        change(list, random);
        true
    })
}

fn on_rows(case: &mut Case<'_>, change: fn(&mut Vec<Value>, &mut Random)) -> Option<Reply> {
    changed(case, |list, _, random| {
        let Some(rows) = list.as_array_mut().filter(|rows| !rows.is_empty()) else { return false };
        change(rows, random);
        true
    })
}

fn on_row(case: &mut Case<'_>, change: fn(&mut Value, &'static str, &mut Random)) -> Option<Reply> {
    changed(case, |list, fields, random| {
        let Some(rows) = list.as_array_mut().filter(|rows| !rows.is_empty()) else { return false };
        let (at, field) = (random.below(rows.len()), *random.of(fields));
        change(&mut rows[at], field, random);
        true
    })
}

fn on_every_row(case: &mut Case<'_>, change: fn(&mut Value, &'static str)) -> Option<Reply> {
    changed(case, |list, fields, random| {
        let field = *random.of(fields);
        list.as_array_mut().into_iter().flatten().for_each(|row| change(row, field));
        true
    })
}

fn renamed(row: &mut Value, field: &str) {
    let Some(entries) = row.as_object_mut() else { return };
    if let Some(value) = entries.remove(field) {
        entries.insert(format!("{field}_new"), value);
    }
}

/// The list's key once more before the answer's end.
fn twice(case: &mut Case<'_>, other: &str) -> Option<Reply> {
    let json = body(case)?;
    let (name, list) = case.upstream.always.iter().find_map(|(name, _)| json.get(name).filter(|list| list.is_array()).map(|list| (*name, list.clone())))?;
    let text = if other == "null" {
        format!("{{\"{name}\":null,{}", &json.to_string()[1..])
    } else {
        format!("{},\"{name}\":{other}}}", json.to_string().strip_suffix('}')?)
    };
    list.as_array().is_some_and(|rows| !rows.is_empty()).then(|| Reply::new(200, "application/json", text))
}

fn row_key_twice(case: &mut Case<'_>) -> Option<Reply> {
    let mut json = body(case)?;
    let (name, fields) = *case.upstream.always.iter().find(|(name, _)| find(&mut json, name).is_some())?;
    let rows = find(&mut json, name)?.as_array_mut().filter(|rows| !rows.is_empty())?;
    let (at, field) = (case.random.below(rows.len()), *case.random.of(fields));
    let row = rows[at].to_string();
    let doubled = format!("{},\"{field}\":\"other\"}}", row.strip_suffix('}')?);
    let whole = json.to_string();
    whole.contains(&row).then(|| Reply::new(200, "application/json", whole.replacen(&row, &doubled, 1)))
}

fn on_total(case: &mut Case<'_>, change: fn(u64, &mut Random) -> Value) -> Option<Reply> {
    let mut json = body(case)?;
    let entries = json.as_object_mut()?;
    let name = ["total_count", "total_entries", "total"].into_iter().find(|name| entries.contains_key(*name))?;
    let total = entries[name].as_u64()?;
    entries.insert(name.to_owned(), change(total, case.random));
    Some(Reply::json(200, &json))
}

fn on_token(case: &mut Case<'_>, change: fn(&mut serde_json::Map<String, Value>, &str)) -> Option<Reply> {
    let mut json = body(case)?;
    let entries = json.as_object_mut()?;
    let name = ["next_page_token", "nextPageToken"].into_iter().find(|name| entries.contains_key(*name))?;
    change(entries, name);
    Some(Reply::json(200, &json))
}

/// What is answered to a request for another page of the same list.
fn another_page(case: &mut Case<'_>, by: i64) -> Option<Reply> {
    let mut received = case.received.clone();
    let mut moved = false;
    for (name, value) in &mut received.query {
        let (prefix, step) = match name.as_str() {
            "offset" | "startAt" => ("", 4),
            "page_token" | "nextPageToken" => ("offset-", 4),
            "page" => ("", 1),
            _ => continue,
        };
        let at: i64 = value.strip_prefix(prefix)?.parse().ok()?;
        let to = (at + by * step).max(i64::from(name == "page"));
        moved |= to != at;
        *value = format!("{prefix}{to}");
    }
    let other = (case.upstream.answer)(case.world, &received);
    (moved && text(&other) != text(&case.good)).then_some(other)
}
