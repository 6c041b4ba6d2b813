//! Lists that move, are capped, or do not tell what changed, against a local server.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use serde_json::{Value as Json, json};

use crate::connector::{
    Auth, Client, Failure, FailureReason, Poll, PollMode, StreamCursor, poll,
    replay::loopback::{Loopback, Received, Reply},
    testing::{NOW, context, description, ids, poll_with, source},
};

fn connector(streams: &str) -> String {
    format!("name: test\nkind: records\nabout: a test\nauth: [none]\nsettings: {{history: {{default: 10d, about: how far back}}}}\nstreams:\n{streams}")
}

fn query(received: &Received, name: &str) -> Option<String> {
    received.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

/// A case, who answers for it, and when it was changed last: a table that an upstream orders by (at, id).
type Table = Vec<(u64, u64, &'static str)>;

/// Reads a table by its order, three rows to a page, from a server that does something to it each time before it answers.
async fn table_while(rows: Table, change: impl Fn(usize, &mut Table) + Send + Sync + 'static) -> (Result<Poll, Failure>, Vec<String>) {
    let text = connector(
        r#"
- name: cases
  feeds: [cases]
  request: {path: /c, query: {q: '{{ if after then "at=\(after[0])^id>=\(after[1])|at>\(after[0])" else null end }}'}}
  page: {keyset: {by: '[.at, .id]', size_param: limit, size: 3}}
  rows: .items[]
  key: .id
  records: '{record: "case", id: "\(.id)", kind: "incident", title: .title}'
"#,
    );
    let state = Mutex::new((rows, 0));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let poll = poll_with(&text, Auth::None, move |received| {
        let (rows, count) = &mut *state.lock().unwrap();
        change(*count, rows);
        *count += 1;
        rows.sort_by_key(|(id, at, _)| (*at, *id));
        let after = query(received, "q");
        seen.lock().unwrap().push(after.clone().unwrap_or_default());
        let from = after.map_or((0, 0), |after| {
            let (at, id) = after.strip_prefix("at=").unwrap().split_once('|').unwrap().0.split_once("^id>=").unwrap();
            (at.parse().unwrap(), id.parse().unwrap())
        });
        let limit = query(received, "limit").unwrap().parse().unwrap();
        let page = rows.iter().filter(|(id, at, _)| (*at, *id) >= from).take(limit);
        Reply::json(200, &json!({"items": page.map(|(id, at, title)| json!({"id": id, "at": at, "title": title})).collect::<Vec<_>>()}))
    });
    let poll = poll.await;
    (poll, asked.lock().unwrap().clone())
}

#[tokio::test]
async fn a_table_that_moves_while_it_is_read_by_its_order() {
    let rows = || (1..=7).map(|id| (id, 10 + id / 3, "old")).collect::<Table>();
    let titles = |poll: &Poll| {
        let title = |record: &crate::record::Record| record.value("title").as_text().unwrap().to_owned();
        poll.streams[0].records.iter().map(|record| (record.id.parse::<u64>().unwrap(), title(record))).collect::<BTreeMap<_, _>>()
    };
    let (poll, asked) = table_while(rows(), |_, _| {}).await;
    let poll = poll.unwrap();
    assert_eq!(titles(&poll).into_keys().collect::<Vec<_>>(), (1..=7).collect::<Vec<_>>());
    assert_eq!(asked, ["", "at=11^id>=3|at>11", "at=11^id>=5|at>11", "at=12^id>=7|at>12"]);
    // A row that was read, one that was not, and the one that a page ended with are changed, and move to the end: each is met there as it is now.
    let (poll, asked) = table_while(rows(), |count, rows| {
        if count == 1 {
            rows.iter_mut().filter(|(id, ..)| [1, 3, 6].contains(id)).for_each(|(id, at, title)| (*at, *title) = (20 + *id, "new"));
        }
    })
    .await;
    let poll = poll.unwrap();
    let new: Vec<_> = titles(&poll).into_iter().filter(|(_, title)| title == "new").map(|(id, _)| id).collect();
    assert_eq!((poll.streams[0].records.len(), new, asked.len()), (7, vec![1, 3, 6], 5));
    assert!(poll.streams[0].records.iter().all(|record| record.doubts.is_empty()));
    // The row that a page ended with is deleted: nothing shows that none was passed over, and the second time all is well.
    let (poll, asked) = table_while(rows(), |count, rows| {
        if count == 1 {
            rows.retain(|(id, ..)| *id != 3);
        }
    })
    .await;
    assert_eq!((ids(&poll.unwrap()).len(), asked.iter().filter(|after| after.is_empty()).count()), (6, 2));
    // More rows are equal in what they are ordered by than a page holds.
    let many = connector(
        "
- name: cases
  feeds: [cases]
  request: {path: /c, query: {from: '{{ after }}'}}
  page: {keyset: {by: .at, size_param: limit, size: 3}}
  rows: .items[]
  key: .id
  records: '{record: \"case\", id: \"\\(.id)\", kind: \"incident\"}'
",
    );
    let failure = poll_with(&many, Auth::None, |_| Reply::json(200, &json!({"items": [{"id": 1, "at": 5}, {"id": 2, "at": 5}, {"id": 3, "at": 5}]}))).await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.reason, FailureReason::Incomplete);
    assert!(failure.message.contains("more rows are equal in what they are ordered by than a page holds"), "{failure}");
}

/// An upstream whose cases are listed by when they were made, and read by id: what each is, and what was asked for.
#[derive(Clone, Default)]
struct Made {
    cases: Arc<Mutex<BTreeMap<u64, (i64, &'static str)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Made {
    fn set(&self, id: u64, made: i64, status: &'static str) {
        self.cases.lock().unwrap().insert(id, (made, status));
    }

    fn remove(&self, id: u64) {
        self.cases.lock().unwrap().remove(&id);
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn answer(&self, received: &Received) -> Reply {
        let cases = self.cases.lock().unwrap();
        let row = |id: u64| cases.get(&id).map(|(made, status)| json!({"id": id, "made": made, "status": status}));
        let asked = match received.path.as_str() {
            "/list" => format!("list {}", query(received, "since").unwrap_or_default()),
            "/some" => format!("some {}", query(received, "ids").unwrap()),
            path => path.to_owned(),
        };
        self.asked.lock().unwrap().push(asked.trim().to_owned());
        match received.path.as_str() {
            "/list" => {
                let since: i64 = query(received, "since").map_or(0, |since| since.parse().unwrap());
                let rows: Vec<_> = cases.iter().filter(|(_, (made, _))| *made >= since).filter_map(|(id, _)| row(*id)).collect();
                Reply::json(200, &json!({"cases": rows}))
            }
            "/some" => {
                let rows: Vec<_> = query(received, "ids").unwrap().split(',').filter_map(|id| row(id.parse().unwrap())).collect();
                Reply::json(200, &json!({"found": rows}))
            }
            path => match row(path.trim_start_matches("/one/").parse().unwrap()) {
                Some(row) => Reply::json(200, &json!({"found": [row]})),
                None => Reply::json(404, &json!({"code": "no such case"})),
            },
        }
    }
}

const REREAD: &str = "
- name: cases
  feeds: [cases]
  mode: changes
  request: {path: /list, query: {since: '{{ since_epoch }}'}}
  rows: .cases[]
  key: .id
  cursor: {value: .made, overlap: 0s, sweep: 1h}
  reread: {when: .status == \"open\", request: {path: '/one/{{ row }}'}, rows: '.found[]', optional_status: [404], gone: .code == \"no such case\"}
  records: '{record: \"case\", id: \"\\(.id)\", kind: \"incident\", status: .status}'
";

/// What happens before a poll, how its records relate to those before, each id and status, and what was asked for.
type Turn<'a> = (&'a str, Box<dyn Fn(&Made)>, PollMode, &'a [&'a str], &'a [&'a str]);

fn first(act: impl Fn(&Made) + 'static) -> Box<dyn Fn(&Made)> {
    Box::new(act)
}

/// Polls again and again, as an agent does.
async fn polls(text: &str, steps: Vec<Turn<'_>>) {
    let made = Made::default();
    let upstream = made.clone();
    let server = Loopback::start(move |received: &Received| upstream.answer(received)).await.unwrap();
    let client = Client::new(source(&description(&connector(text)), server.url(), Auth::None)).unwrap();
    let mut cursors: BTreeMap<String, StreamCursor> = BTreeMap::new();
    for (name, change, mode, records, asked) in steps {
        change(&made);
        let polled = poll(&client, &context(cursors)).await.unwrap();
        client.remember(polled.memo.clone());
        let stream = polled.streams.last().unwrap();
        assert_eq!(stream.mode, mode, "{name}");
        let found: Vec<_> = stream.records.iter().map(|record| format!("{} {}", record.id, record.value("status").as_text().unwrap())).collect();
        assert_eq!(found, records, "{name}");
        // Single rows are asked for at once.
        assert_eq!(made.asked().into_iter().collect::<BTreeSet<_>>(), asked.iter().map(|path| (*path).to_owned()).collect(), "{name}");
        // What is kept with the position comes back as the store gives it.
        cursors =
            polled.streams.into_iter().map(|stream| (stream.name, serde_json::from_str(&serde_json::to_string(&stream.cursor).unwrap()).unwrap())).collect();
    }
}

#[tokio::test]
async fn what_is_open_is_read_again_where_the_list_tells_what_was_made() {
    use PollMode::{Changes, Snapshot, Unchanged};
    let at = |ago: i64| NOW - 1000 * ago;
    let since = format!("list {}", at(1));
    let since = since.as_str();
    polls(
        REREAD,
        vec![
            (
                "all of it",
                first(move |made| (1..=3).for_each(|id| made.set(id, at(4 - id.cast_signed()), ["open", "closed", "open"][usize::try_from(id - 1).unwrap()]))),
                Snapshot,
                &["1 open", "2 closed", "3 open"],
                &["list"],
            ),
            ("the open one that the list leaves out is asked for", first(|_| {}), Changes, &["3 open", "1 open"], &[since, "/one/1"]),
            ("nothing is mapped when nothing changed", first(|_| {}), Unchanged, &[], &[since, "/one/1"]),
            ("it was closed", first(move |made| made.set(1, at(3), "closed")), Changes, &["3 open", "1 closed"], &[since, "/one/1"]),
            ("and is left alone", first(|_| {}), Changes, &["3 open"], &[since]),
            ("one more", first(move |made| made.set(4, at(0), "closed")), Changes, &["3 open", "4 closed"], &[since]),
            ("what is open falls behind", first(|_| {}), Changes, &["4 closed", "3 open"], &[&format!("list {NOW}"), "/one/3"]),
            ("it is deleted", first(|made| made.remove(3)), Changes, &["4 closed"], &[&format!("list {NOW}"), "/one/3"]),
            ("so everything is read, and it is absent", first(|_| {}), Snapshot, &["1 closed", "2 closed", "4 closed"], &["list"]),
            ("and forgotten", first(|_| {}), Changes, &["4 closed"], &[&format!("list {NOW}")]),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_open_is_read_again_in_batches() {
    use PollMode::{Changes, Snapshot};
    let text = REREAD.replace("request: {path: '/one/{{ row }}'}", "batch: 2, request: {path: /some, query: {ids: '{{ row | map(tostring) | join(\",\") }}'}}");
    let text = text.replace(", optional_status: [404], gone: .code == \"no such case\"", "");
    let early = |made: &Made| {
        (1..=3).for_each(|id| made.set(id, 1000, "open"));
        made.set(9, NOW, "closed");
    };
    let last = format!("list {NOW}");
    polls(
        &text,
        vec![
            ("all of it", first(early), Snapshot, &["1 open", "2 open", "3 open", "9 closed"], &["list"]),
            (
                "the open ones",
                first(|made| made.set(2, 1000, "closed")),
                Changes,
                &["9 closed", "1 open", "2 closed", "3 open"],
                &[&last, "some 1,2", "some 3"],
            ),
            ("one did not come back", first(|made| made.remove(3)), Changes, &["9 closed", "1 open"], &[&last, "some 1,3"]),
            ("everything is read", first(|_| {}), Snapshot, &["1 open", "2 closed", "9 closed"], &["list"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_row_that_has_no_records_any_more_is_absent_at_once() {
    use PollMode::{Changes, Snapshot};
    let text = "
- name: cases
  feeds: [cases]
  mode: changes
  request: {path: /list, query: {since: '{{ since_epoch }}'}}
  rows: .cases[]
  key: .id
  cursor: {value: .made, overlap: 0s, sweep: 1h}
  records: 'select(.status == \"open\") | {record: \"case\", id: \"\\(.id)\", kind: \"incident\", status: .status}'
";
    let last = format!("list {NOW}");
    polls(
        text,
        vec![
            (
                "two are cases",
                first(|made| [(1, "open"), (2, "open"), (3, "other")].iter().for_each(|(id, status)| made.set(*id, NOW, status))),
                Snapshot,
                &["1 open", "2 open"],
                &["list"],
            ),
            ("one is none any more", first(|made| made.set(2, NOW, "other")), Changes, &["1 open"], &[&last]),
            ("so everything is read", first(|_| {}), Snapshot, &["1 open"], &["list"]),
            ("and one that never was is nothing new", first(|made| made.set(4, NOW, "other")), Changes, &["1 open"], &[&last]),
            ("one becomes a case", first(|made| made.set(3, NOW, "open")), Changes, &["1 open", "3 open"], &[&last]),
            ("and none again", first(|made| made.set(3, NOW, "other")), Changes, &["1 open"], &[&last]),
            ("so everything is read", first(|_| {}), Snapshot, &["1 open"], &["list"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_walked_is_read_whole_when_a_row_has_no_records_any_more() {
    use PollMode::{Changes, Snapshot};
    let text = "
- name: listed
  mode: changes
  request: {path: /list, query: {since: '{{ since_epoch }}'}}
  rows: .cases[]
  key: .id
  cursor: {value: .made, overlap: 0s, sweep: 1h}
- name: cases
  feeds: [cases]
  mode: changes
  for_each: listed
  batch: 10
  request: {path: /some, query: {ids: '{{ row | map(.id | tostring) | join(\",\") }}'}}
  rows: .found[]
  key: .id
  records: 'select(.status == \"open\") | {record: \"case\", id: \"\\(.id)\", kind: \"incident\", status: .status}'
";
    let last = format!("list {NOW}");
    let two = |made: &Made| [1, 2].iter().for_each(|id| made.set(*id, NOW, "open"));
    polls(
        text,
        vec![
            ("two are cases", first(two), Snapshot, &["1 open", "2 open"], &["list", "some 1,2"]),
            ("one is none any more", first(|made| made.set(2, NOW, "other")), Changes, &["1 open"], &[&last, "some 1,2"]),
            ("so everything is read", first(|_| {}), Snapshot, &["1 open"], &["list", "some 1,2"]),
            ("and then what changed", first(|_| {}), Changes, &["1 open"], &[&last, "some 1,2"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn rows_are_walked_in_batches() {
    let text = connector(
        "
- {name: listed, request: {path: /ids}, rows: '.[]', key: .id}
- name: cases
  feeds: [cases]
  for_each: listed
  where: .skip != true
  batch: 2
  request: {method: POST, path: /batch, json: {ids: '{{ row | map(.id) }}'}}
  rows: .items[]
  key: .id
  records: '{record: \"case\", id: \"\\(.id)\", kind: \"incident\", title: \"one of \\($parent | length)\"}'
",
    ) + "cross_checks: [{rows: listed, names: 'select(.skip != true) | .id', among: cases.id, about: cases that are listed have no details}]\n";
    let asked = Arc::new(Mutex::new(BTreeSet::new()));
    let seen = Arc::clone(&asked);
    let poll = poll_with(&text, Auth::None, move |received| match received.path.as_str() {
        "/ids" => Reply::json(200, &json!([{"id": 1}, {"id": 2}, {"id": 3, "skip": true}, {"id": 4}, {"id": 5}, {"id": 6}])),
        _ => {
            let body: Json = serde_json::from_slice(&received.body).unwrap();
            seen.lock().unwrap().insert(body["ids"].to_string());
            let items: Vec<_> = body["ids"].as_array().unwrap().iter().filter(|id| **id != 5).map(|id| json!({"id": id})).collect();
            Reply::json(200, &json!({"items": items}))
        }
    });
    let poll = poll.await.unwrap();
    assert_eq!(ids(&poll), ["1", "2", "4", "6"]);
    assert_eq!(asked.lock().unwrap().iter().cloned().collect::<Vec<_>>(), ["[1,2]", "[4,5]", "[6]"]);
    assert_eq!(poll.streams[1].records[0].value("title").as_text(), Some("one of 2"));
    // What is listed and has no details is read again, and then told.
    assert_eq!(poll.requests, 12);
    assert!(poll.streams[0].notes[0].text.starts_with("1 cases that are listed have no details"));
}

const WINDOW: &str = "
- name: cases
  feeds: [cases]
  request: {path: /c, query: {from: '{{ from_epoch }}', to: '{{ to_epoch }}'}}
  page: {number: {param: page, size_param: size, size: 2, total: .total}}
  window: {begin: $settings.history, most_span: 8d, least_span: 1h, cap: 5, full: {status: [400], when: .error == \"too many\"}}
  rows: .items[]
  key: .id
  records: '{record: \"case\", id: \"\\(.id)\", kind: \"incident\", title: .title}'
";

/// Reads cases by when they were made, from an upstream that lists five at most, or says that there are more.
async fn windows(
    made: &'static [(u64, i64)],
    says: bool,
    change: impl Fn(usize) -> Option<&'static str> + Send + Sync + 'static,
) -> (Result<Poll, Failure>, Vec<String>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (seen, count) = (Arc::clone(&asked), Mutex::new(0));
    let poll = poll_with(connector(WINDOW), Auth::None, move |received| {
        let number = |name: &str| query(received, name).map(|number| number.parse::<i64>().unwrap());
        let (from, to, page) = (number("from").unwrap(), number("to").unwrap_or(i64::MAX), usize::try_from(number("page").unwrap()).unwrap());
        let mut count = count.lock().unwrap();
        let title = change(*count).unwrap_or("old");
        *count += 1;
        let hours = |moment: i64| if moment == i64::MAX { "open".to_owned() } else { format!("{}", (NOW - moment) / 3600) };
        seen.lock().unwrap().push(format!("{} {} p{page}", hours(from), hours(to)));
        // Both ends belong to a window here.
        let rows: Vec<_> = made.iter().filter(|(_, ago)| (from..=to).contains(&(NOW - ago))).map(|(id, _)| json!({"id": id, "title": title})).collect();
        if says && rows.len() >= 5 {
            return Reply::json(400, &json!({"error": "too many"}));
        }
        let listed: Vec<_> = rows.iter().take(5).skip((page - 1) * 2).take(2).collect();
        Reply::json(200, &json!({"items": listed, "total": rows.len()}))
    });
    let poll = poll.await;
    (poll, asked.lock().unwrap().clone())
}

const HOUR: i64 = 3600;

#[tokio::test]
async fn a_list_that_is_capped_is_read_by_time() {
    // NOW is at noon: ten days ago began 252 hours ago, and eight days later 60 hours ago. Six cases lie between.
    const MADE: &[(u64, i64)] = &[(1, 250 * HOUR), (2, 200 * HOUR), (3, 156 * HOUR), (4, 100 * HOUR), (5, 90 * HOUR), (6, 61 * HOUR), (7, 1)];
    for says in [false, true] {
        let (poll, asked) = windows(MADE, says, |_| None).await;
        let poll = poll.unwrap();
        assert_eq!(ids(&poll), ["1", "2", "3", "4", "5", "6", "7"], "{says}: each once, though the third is in two windows");
        assert_eq!(poll.duplicates, 1);
        let mut asked: Vec<_> = asked.iter().filter(|asked| asked.ends_with("p1")).map(|asked| asked.trim_end_matches(" p1")).collect();
        asked.dedup();
        assert_eq!(asked, ["252 60", "252 156", "156 60", "60 open"], "{says}");
    }
    // A row that two windows have is the row as it was last read.
    let (poll, _) = windows(MADE, false, |count| (count >= 4).then_some("new")).await;
    let poll = poll.unwrap();
    let third = poll.streams[0].records.iter().find(|record| record.id == "3").unwrap();
    assert_eq!((third.value("title").as_text(), third.doubts.len()), (Some("new"), 0));
    // Within an hour nothing can be halved.
    const BURST: &[(u64, i64)] = &[(1, 100), (2, 200), (3, 300), (4, 400), (5, 500), (6, 600)];
    let failure = windows(BURST, false, |_| None).await.0.unwrap_err();
    assert_eq!(failure.reason, FailureReason::Incomplete);
    assert_eq!(failure.message, "test: cases: from 2026-01-15T11:00:00Z to now there are 5 rows or more, and no shorter span can be asked for");
}

#[tokio::test]
async fn a_paging_token_that_expires_while_the_list_is_read() {
    let text = connector(
        "
- name: systems
  feeds: [systems]
  request: {path: /s}
  page: {token: {next: .next, param: t}}
  expired: {status: [410, 200], when: .reason == \"Expired\"}
  rows: .items[]
  key: .id
  records: '{record: \"system\", id: .id}'
",
    );
    let told = async |expires: fn(usize) -> Option<Reply>| {
        let count = Mutex::new(0);
        let poll = poll_with(&text, Auth::None, move |received| match query(received, "t") {
            None => Reply::json(200, &json!({"items": [{"id": 1}], "next": "p2"})),
            Some(_) => {
                let mut count = count.lock().unwrap();
                *count += 1;
                expires(*count).unwrap_or_else(|| Reply::json(200, &json!({"items": [{"id": 2}]})))
            }
        });
        poll.await.map(|poll| (ids(&poll).len(), poll.requests)).map_err(|failure| (failure.reason, failure.message))
    };
    assert_eq!(told(|_| None).await, Ok((2, 3)));
    for reply in [(|count| (count < 3).then(|| Reply::json(410, &json!({"reason": "Expired"})))) as fn(usize) -> Option<Reply>, |count| {
        (count < 3).then(|| Reply::json(200, &json!({"reason": "Expired"})))
    }] {
        assert_eq!(told(reply).await, Ok((2, 7)), "begun anew twice");
    }
    let (reason, message) = told(|_| Some(Reply::json(410, &json!({"reason": "Expired"})))).await.unwrap_err();
    assert_eq!(reason, FailureReason::Incomplete);
    assert_eq!(message, "test: systems, page 2: the paging token expired while the list was read; it was read three times, and never as a whole");
    let (reason, message) = told(|_| Some(Reply::json(410, &json!({"reason": "Other"})))).await.unwrap_err();
    assert_eq!(reason, FailureReason::NotFound);
    assert!(message.contains("page 2") && message.contains("answered 410, but not in the upstream's own words"), "{message}");
}
