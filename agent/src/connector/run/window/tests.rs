use super::*;
use crate::connector::expression::{Expression, Words};

const DAY: i64 = 86_400;

fn window(begin: Option<&str>, most: Option<i64>, least: i64, end: End) -> Window {
    let begin = begin.map(|text| Expression::compile(text, &Words::default()).unwrap());
    Window { begin, most_seconds: most, least_seconds: least, cap: Some(10), total: None, full: None, exclusive: false, end }
}

/// The windows, of which `full` says which have too much; in days.
fn read(window: &Window, since: Option<i64>, now: i64, full: impl Fn(Span) -> bool) -> Result<Vec<(i64, Option<i64>)>, String> {
    let mut windows = Windows::new(window, since, &Scope::default(), now).map_err(|failure| failure.message)?;
    let mut read = Vec::new();
    while let Some(span) = windows.next() {
        if full(span) {
            windows.halve(span).map_err(|failure| failure.message)?;
        } else {
            assert!(read.last().is_none_or(|(_, to)| *to == Some(span.from)), "windows adjoin");
            read.push((span.from, span.to));
        }
    }
    Ok(read.into_iter().map(|(from, to)| (from / DAY, to.map(|to| to / DAY))).collect())
}

#[test]
fn windows_adjoin_from_where_the_stream_begins() {
    let now = 100 * DAY + 5;
    let never = |_| false;
    let read = |window: &Window, since: Option<i64>| read(window, since, now, never).unwrap();
    assert_eq!(read(&window(None, None, DAY, End::Open), None), [(0, None)]);
    assert_eq!(read(&window(Some("\"70d\""), Some(30 * DAY), DAY, End::Open), None), [(30, Some(60)), (60, Some(90)), (90, None)]);
    // The last edge is the first that is not before the poll, so that what is of today is listed.
    assert_eq!(read(&window(Some("\"70d\""), Some(30 * DAY), DAY, End::Now), None), [(30, Some(60)), (60, Some(90)), (90, Some(101))]);
    assert_eq!(read(&window(Some("\"1970-03-02T00:00:00Z\""), None, DAY, End::Open), None), [(60, None)]);
    // What changed is asked for from then on.
    assert_eq!(read(&window(Some("\"70d\""), Some(30 * DAY), DAY, End::Open), Some(99 * DAY + 7)), [(99, None)]);
    // A window is at most as long as it may be, though that is no multiple of the shortest.
    assert_eq!(read(&window(Some("\"5d\""), Some(3 * DAY - 1), DAY, End::Open), None)[..2], [(95, Some(97)), (97, Some(99))]);
    let mut last = Windows::new(&window(Some("\"70d\""), Some(30 * DAY), DAY, End::Open), None, &Scope::default(), now).map(|mut windows| {
        windows.only_the_last();
        (windows.next(), windows.next())
    });
    assert_eq!(last.as_mut().unwrap().0.map(|span| span.from / DAY), Some(90));
    assert_eq!(last.unwrap().1, None);
}

#[test]
fn full_windows_are_halved_down_to_the_shortest() {
    let open = window(None, None, DAY, End::Open);
    // On day 50 something happened often; nothing else did.
    let busy = |span: Span| span.from <= 50 * DAY && span.to.is_none_or(|to| to > 50 * DAY) && span.to.is_none_or(|to| to - span.from > DAY);
    let windows = read(&open, None, 64 * DAY, busy).unwrap();
    assert_eq!(windows, [(0, Some(32)), (32, Some(48)), (48, Some(50)), (50, Some(51)), (51, Some(52)), (52, Some(56)), (56, None)]);
    let error = read(&open, None, 64 * DAY, |span| span.from <= 50 * DAY && span.to.is_none_or(|to| to > 50 * DAY)).unwrap_err();
    assert_eq!(error, "from 1970-02-20T00:00:00Z to 1970-02-21T00:00:00Z there are 10 rows or more, and no shorter span can be asked for");
    // Nothing is left to halve of what begins now.
    assert!(read(&open, Some(64 * DAY), 64 * DAY, |_| true).unwrap_err().contains("to now there are"));
}

#[test]
fn a_beginning_is_a_time_or_how_long_ago() {
    let begin = |text: &str| super::begin(&window(Some(text), None, 1, End::Open), &Scope::default(), 100 * DAY + 5).map_err(|failure| failure.message);
    assert_eq!(begin("\"1d\""), Ok(99 * DAY), "the beginning of that day: it is the same all day");
    assert_eq!(begin("60"), Ok(60));
    assert_eq!(begin("null"), Ok(0));
    assert_eq!(begin("\"soon\""), Err("window.begin `\"soon\"`: expected how long ago, such as 730d, or a time".to_owned()));
    let mut scope = Scope::default();
    let asked = |window: &Window, scope: &mut Scope| {
        put(Some(window), Span { from: DAY, to: Some(2 * DAY) }, scope);
        let expression = Expression::compile("[$from, $from_epoch, $to, $to_epoch]", &Words::of(&["from", "from_epoch", "to", "to_epoch"])).unwrap();
        expression::to_json(&expression.one(Val::Null, scope).unwrap())
    };
    let mut plain = window(None, None, DAY, End::Open);
    assert_eq!(asked(&plain, &mut scope), serde_json::json!(["1970-01-02T00:00:00Z", DAY, "1970-01-03T00:00:00Z", 2 * DAY]));
    plain.exclusive = true;
    assert_eq!(asked(&plain, &mut scope)[0], "1970-01-01T00:00:00Z");
}

#[test]
fn a_window_is_full_by_what_is_announced_or_has_come() {
    let mut window = window(None, None, 1, End::Open);
    let body = expression::from_json(&serde_json::json!({"count": 12, "none": null}));
    let full = |window: &Window, listed, rows| is_full(window, listed, rows, &body, &Scope::default()).map_err(|failure| failure.message);
    assert_eq!(
        (full(&window, None, 9), full(&window, None, 10), full(&window, Some(9), 10), full(&window, Some(10), 2)),
        (Ok(false), Ok(true), Ok(false), Ok(true))
    );
    window.total = Some(Expression::compile(".count", &Words::default()).unwrap());
    assert_eq!(full(&window, Some(1), 1), Ok(true));
    window.total = Some(Expression::compile(".none", &Words::default()).unwrap());
    assert!(full(&window, Some(1), 1).unwrap_err().contains("does not say how much there is"));
}
