use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
};

use serde_json::json;

use super::*;
use crate::{
    indicator::Direction,
    record::{Door, Zone},
    store::{Change as Stored, DATABASE_FILE, Delivered, Interval, Key, Mode, Since, Store},
    threshold::State,
    trend::Trend,
};

/// A store that is filled step by step, and read as somebody else would.
struct Bench {
    folder: tempfile::TempDir,
    store: Store,
    since: HashMap<String, Since>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Zone::UTC).unwrap();
        Self { folder, store, since: HashMap::new() }
    }

    fn reader(&self) -> Reader {
        Reader::open(&self.folder.path().join(DATABASE_FILE)).unwrap()
    }

    /// The reading of a system is this from now on; `None`: it is no more.
    fn set(&mut self, system: &str, what: Option<(Trend, &'static str, &str)>, at: i64) {
        let labels = json!({ "system": system }).to_string();
        let closes = self.since.contains_key(&labels);
        let opens = what.map(|(value, state, method)| {
            let state: Cow<'static, str> = state.into();
            let since = self.since.get(&labels).map_or_else(|| Since::begin(state.clone(), at), |since| since.then(state.clone(), at));
            let (measured, clock) = match value {
                Trend::Constant(number) => (Some(number), None),
                Trend::Clock { since, per } => (None, Some((since, per))),
            };
            let known = state != "unknown";
            let interval = Interval {
                measured: measured.filter(|_| known),
                clock: clock.filter(|_| known),
                reason: (!known).then(|| "nobody knows".to_owned()),
                rule: None,
                facts: "{}".to_owned(),
                method: method.into(),
                state,
            };
            self.since.insert(labels.clone(), since.clone());
            (interval, since)
        });
        if opens.is_none() {
            self.since.remove(&labels);
        }
        let key = Key { indicator: "drift".to_owned(), labels };
        self.store.record_readings([Stored { key, opens, closes, memory: None }], at).unwrap();
    }

    fn systems(&mut self, systems: &[serde_json::Value], at: i64) {
        let door = Door { now: at, zone: Zone::UTC };
        let records = systems.iter().map(|system| door.admit(system).unwrap().remove(0)).collect();
        let stream = Delivered { stream: "s".to_owned(), mode: Mode::Snapshot, records, position: None, feeds: Vec::new() };
        self.store.commit("registers", &[stream], at).unwrap();
    }

    fn history(&self, choice: &Choice, period: Range<i64>) -> History {
        History::read(&self.reader(), "drift", choice, &period).unwrap().unwrap()
    }
}

fn constant(value: f64) -> Trend {
    Trend::Constant(value)
}

/// The course of a reading as states by time: `10 ok, 20 breach, 30`.
fn steps(course: &Course, period: &Range<i64>) -> String {
    let steps: Vec<_> = course.within(period).map(|(span, step)| format!("{}-{} {}", span.start, span.end, step.state)).collect();
    steps.join(", ")
}

#[test]
fn a_period_is_what_was_stored_of_it_and_gaps_are_gaps() {
    let mut bench = Bench::new();
    bench.store.begin_run(100).unwrap();
    bench.set("a", Some((constant(0.1), "ok", "m1")), 110);
    bench.set("a", Some((constant(0.3), "breach", "m1")), 140);
    bench.store.end_run(150).unwrap();
    bench.store.begin_run(170).unwrap();
    bench.set("a", Some((constant(0.2), "breach", "m2")), 180);
    bench.set("a", Some((constant(0.0), "unknown", "m2")), 185);
    bench.set("a", Some((constant(0.25), "breach", "m2")), 190);
    bench.store.record_gap(192, 194).unwrap();
    bench.store.go_on(200).unwrap();
    let history = bench.history(&Choice::default(), 100..1_000);
    assert_eq!(history.period, 100..201, "of what comes after the last thing that is stored, nothing is known");
    let [course] = history.courses.as_slice() else { panic!("{:?}", history.courses) };
    assert_eq!(steps(course, &history.period), "110-140 ok, 140-151 breach, 170-180 breach, 180-185 breach, 185-190 unknown, 190-192 breach, 194-201 breach");
    let summary = course.summary(&history.period, &history.watched, Direction::Higher);
    let seconds = State::ALL.map(|state| summary.seconds.of(state));
    assert_eq!((seconds, summary.seconds.absent, summary.seconds.unwatched), ([30, 0, 5, 35], 10, 21));
    assert_eq!((summary.begin, summary.end), (None, Some(Shown { state: State::Breach, value: Some(0.25) })));
    assert_eq!((summary.changes, summary.first_breach, summary.in_breach_since), (3, Some(140), Some(140)));
    assert_eq!((summary.worst, summary.methods), (Some((140, 0.3)), vec![(180, "m2".into())]));
    assert_eq!(course.summary(&history.period, &history.watched, Direction::Lower).worst, Some((110, 0.1)));
    assert_eq!(course.summary(&history.period, &history.watched, Direction::TwoSided).worst, None);
    // 10 seconds a sign, each what was at its end: from 0.1 to 0.3.
    assert_eq!(course.sparkline(&(100..200), &history.watched, 10), " ▁▁▁█··█?▆");
    assert_eq!(course.sparkline(&(185..190), &history.watched, 2), "??");
}

#[test]
fn nothing_is_told_of_a_time_of_which_nothing_is_stored() {
    let mut bench = Bench::new();
    bench.store.begin_run(100).unwrap();
    bench.set("a", Some((constant(0.1), "ok", "m")), 110);
    bench.store.end_run(150).unwrap();
    for period in [0..100, 151..200, 90..100] {
        assert!(History::read(&bench.reader(), "drift", &Choice::default(), &period).unwrap().is_none(), "{period:?}");
    }
    assert!(bench.history(&Choice::default(), 100..110).courses.is_empty());
    assert!(History::read(&Bench::new().reader(), "drift", &Choice::default(), &(0..100)).unwrap().is_none());
}

#[test]
fn clocks_run_and_the_worst_of_a_clock_is_its_end() {
    let mut bench = Bench::new();
    bench.store.begin_run(100).unwrap();
    bench.set("a", Some((Trend::since(40), "ok", "m")), 100);
    bench.store.go_on(200).unwrap();
    let history = bench.history(&Choice::default(), 120..180);
    let summary = history.courses[0].summary(&history.period, &history.watched, Direction::Higher);
    assert_eq!((summary.begin.unwrap().value, summary.end.unwrap().value, summary.worst), (Some(80.0), Some(139.0), Some((179, 139.0))));
}

#[test]
fn a_system_keeps_its_history_under_another_name() {
    let mut bench = Bench::new();
    bench.store.begin_run(100).unwrap();
    bench.systems(&[json!({"record": "system", "id": "old"})], 100);
    bench.set("old", Some((constant(0.1), "ok", "m")), 110);
    bench.systems(&[json!({"record": "system", "id": "new", "aliases": ["old"]})], 150);
    bench.set("old", None, 150);
    bench.set("new", Some((constant(0.3), "breach", "m")), 150);
    bench.set("other", Some((constant(0.3), "breach", "m")), 150);
    bench.store.go_on(200).unwrap();
    for name in ["old", "new", "New"] {
        let history = bench.history(&Choice { system: Some(name.to_owned()), ..Choice::default() }, 100..200);
        let [course] = history.courses.as_slice() else { panic!("{name}: {:?}", history.courses) };
        assert_eq!((course.labels["system"].as_str(), steps(course, &history.period).as_str()), ("new", "110-150 ok, 150-200 breach"), "{name}");
        assert_eq!(course.formerly, BTreeSet::from(["old".to_owned()]));
    }
    assert_eq!(bench.history(&Choice::default(), 100..200).courses.len(), 2);
    let labels = BTreeMap::from([("system".to_owned(), "other".to_owned())]);
    assert_eq!(bench.history(&Choice { labels, ..Choice::default() }, 100..200).courses.len(), 1);
}

#[test]
fn systems_that_were_two_stay_two_when_they_become_one() {
    let mut bench = Bench::new();
    bench.store.begin_run(100).unwrap();
    bench.set("a", Some((constant(0.1), "ok", "m")), 110);
    bench.set("b", Some((constant(0.3), "breach", "m")), 120);
    bench.systems(&[json!({"record": "system", "id": "b", "aliases": ["a"]})], 150);
    bench.set("a", None, 150);
    bench.store.go_on(200).unwrap();
    let history = bench.history(&Choice { system: Some("b".to_owned()), ..Choice::default() }, 100..200);
    let told: Vec<_> = history.courses.iter().map(|course| (course.formerly.len(), steps(course, &history.period))).collect();
    assert_eq!(told, [(1, "110-150 ok".to_owned()), (0, "120-200 breach".to_owned())]);
}

/// The seconds in breach of the only reading that was.
fn in_breach_of(bench: &Bench, period: Range<i64>) -> i64 {
    let found = in_breach(&bench.reader(), &period).unwrap();
    assert!(found.len() < 2, "{found:?}");
    found.first().map_or(0, |reading| reading.seconds)
}

#[test]
fn what_was_in_breach_is_told_of_every_reading_as_its_course_tells_it() {
    let mut bench = Bench::new();
    bench.store.begin_run(100).unwrap();
    for (system, state, at) in [("a", "breach", 110), ("b", "ok", 110), ("c", "breach", 120), ("a", "ok", 130), ("d", "breach", 135), ("a", "breach", 140)] {
        bench.set(system, Some((constant(0.1), state, "m")), at);
    }
    bench.store.end_run(150).unwrap();
    bench.store.begin_run(160).unwrap();
    bench.store.record_gap(170, 172).unwrap();
    // One goes on under another name; two that were two become one.
    bench.systems(&[json!({"record": "system", "id": "x", "aliases": ["a"]}), json!({"record": "system", "id": "d", "aliases": ["c"]})], 180);
    bench.set("a", None, 180);
    bench.set("x", Some((constant(0.1), "breach", "m")), 180);
    bench.set("c", None, 180);
    bench.store.go_on(200).unwrap();
    for set_back in [false, true] {
        let period = 125..190;
        let history = bench.history(&Choice::default(), period.clone());
        let of = |course: &Course| (course.labels["system"].clone(), course.summary(&period, &history.watched, Direction::TwoSided).seconds.of(State::Breach));
        let expected: Vec<_> = history.courses.iter().map(of).filter(|(_, seconds)| *seconds > 0).collect();
        let found: Vec<_> = in_breach(&bench.reader(), &period).unwrap().into_iter().map(|it| (it.labels["system"].clone(), it.seconds)).collect();
        assert_eq!(found, expected);
        assert_eq!(found.len(), 3, "{found:?}");
        if !set_back {
            // What was stored later counts where the clock was set back.
            bench.set("x", Some((constant(0.1), "ok", "m")), 185);
        }
    }
    assert!(in_breach(&bench.reader(), &(0..100)).unwrap().is_empty());
}

#[test]
fn a_period_is_compared_with_those_before() {
    let mut bench = Bench::new();
    bench.store.begin_run(0).unwrap();
    for (at, value, state) in [(10, 0.1, "ok"), (110, 0.2, "warning"), (210, 0.15, "warning"), (310, 0.3, "breach"), (450, 0.31, "breach")] {
        bench.set("a", Some((constant(value), state, "m")), at);
    }
    bench.store.go_on(500).unwrap();
    let history = bench.history(&Choice::default(), 400..500);
    let ends: Vec<_> = history.periods().map(|period| history.courses[0].shown_at(period.end - 1).unwrap().value.unwrap()).collect();
    assert_eq!(ends, [0.31, 0.3, 0.15, 0.2, 0.1]);
    let told = serde_json::to_value(crate::web::api::history::Answer::of(&history, "", Direction::Higher)).unwrap();
    assert_eq!((&told["readings"][0]["change"], told["readings"][0]["before"].as_array().unwrap().len()), (&json!("worse"), 4));
    let shown = |state, value| Shown { state, value };
    for (direction, before, after, expected) in [
        (Direction::Higher, shown(State::Ok, Some(0.1)), shown(State::Ok, Some(0.2)), Some(Change::Worse)),
        (Direction::Lower, shown(State::Ok, Some(0.1)), shown(State::Ok, Some(0.2)), Some(Change::Better)),
        (Direction::Abs, shown(State::Ok, Some(-0.3)), shown(State::Ok, Some(0.2)), Some(Change::Better)),
        (Direction::Lower, shown(State::Ok, Some(0.1)), shown(State::Warning, Some(0.2)), Some(Change::Worse)),
        (Direction::Higher, shown(State::Breach, Some(0.1)), shown(State::Unknown, None), Some(Change::Better)),
        (Direction::Higher, shown(State::Unknown, None), shown(State::Unknown, None), Some(Change::Same)),
        (Direction::TwoSided, shown(State::Ok, Some(0.1)), shown(State::Ok, Some(0.2)), None),
    ] {
        assert_eq!(change(direction, before, after), expected, "{direction:?} {before:?} {after:?}");
    }
}

/// Whatever happened, each second is what happened last before it, if an agent watched then.
#[test]
fn every_second_is_as_it_was() {
    const STATES: [&str; 4] = ["ok", "warning", "unknown", "breach"];
    for seed in 1..=60_u64 {
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut below = |most: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % most
        };
        let mut bench = Bench::new();
        let mut seconds: Vec<Option<Option<State>>> = Vec::new();
        let (mut runs, mut held) = (false, None);
        let mut now = 0;
        while now < 120 {
            let did_run = runs;
            match below(5) {
                0 if runs => {
                    bench.store.end_run(now).unwrap();
                    runs = false;
                }
                0 => {
                    bench.store.begin_run(now).unwrap();
                    runs = true;
                }
                1 if runs && held.is_some() => {
                    bench.set("a", None, now);
                    held = None;
                }
                _ if runs => {
                    let state = STATES[usize::try_from(below(4)).unwrap()];
                    bench.set("a", Some((constant(1.0), state, "m")), now);
                    held = State::ALL.into_iter().find(|known| known.as_str() == state);
                }
                _ => {}
            }
            let until = now + 1 + i64::try_from(below(6)).unwrap();
            // The second in which a run ends was watched.
            seconds.extend((now..until).map(|second| (runs || (did_run && second == now)).then_some(held)));
            now = until;
        }
        if runs {
            bench.store.end_run(now).unwrap();
        }
        let Some(history) = History::read(&bench.reader(), "drift", &Choice::default(), &(0..now)).unwrap() else { continue };
        let none = Course { labels: BTreeMap::new(), formerly: BTreeSet::new(), steps: Vec::new() };
        let course = history.courses.first().unwrap_or(&none);
        for (second, expected) in (0..history.period.end).zip(&seconds) {
            assert_eq!(course.at(second).map(|step| step.state), expected.flatten(), "seed {seed}, second {second}");
            assert_eq!(history.watched.iter().any(|span| span.contains(&second)), expected.is_some(), "seed {seed}, second {second}");
        }
        let summary = course.summary(&history.period, &history.watched, Direction::Higher);
        let count = |what: Option<Option<State>>| seconds.iter().take(usize::try_from(history.period.end).unwrap()).filter(|second| **second == what).count();
        for state in State::ALL {
            assert_eq!(summary.seconds.of(state), i64::try_from(count(Some(Some(state)))).unwrap(), "seed {seed}, {state}");
        }
        assert_eq!(in_breach_of(&bench, history.period.clone()), summary.seconds.of(State::Breach), "seed {seed}");
        assert_eq!(summary.seconds.absent, i64::try_from(count(Some(None))).unwrap(), "seed {seed}");
        assert_eq!(summary.seconds.unwatched, i64::try_from(count(None)).unwrap(), "seed {seed}");
    }
}

#[test]
fn ends_of_periods_are_read_in_the_organisations_zone() {
    let berlin = Zone::parse("Europe/Berlin").unwrap();
    let now = 1_790_000_000;
    for (text, which, expected) in [
        ("2026-07-01", Edge::From, Ok(1_782_856_800)),
        ("2026-06-30", Edge::To, Ok(1_782_856_800)),
        ("2026-07-01T00:00:00+02:00", Edge::To, Ok(1_782_856_800)),
        ("1d", Edge::From, Ok(now - 86_400)),
        ("yesterday", Edge::From, Err(EXPECTED)),
        ("2026-02-30", Edge::From, Err(EXPECTED)),
        ("", Edge::To, Err(EXPECTED)),
    ] {
        assert_eq!(edge(text, which, berlin, now), expected, "{text}");
    }
    assert_eq!(shown(1_782_856_800, berlin), "2026-07-01 00:00");
}

#[test]
fn versions_of_a_record_tell_what_they_changed() {
    let mut bench = Bench::new();
    bench.systems(&[json!({"record": "system", "id": "a", "risk_tier": "high", "attributes": {"team": "ops"}})], 100);
    bench.systems(&[json!({"record": "system", "id": "a", "risk_tier": "minimal", "attributes": {"team": "data"}})], 200);
    bench.systems(&[], 300);
    bench.systems(&[json!({"record": "system", "id": "a", "risk_tier": "minimal"})], 400);
    let versions = bench.reader().versions("system", "a").unwrap();
    let spans: Vec<_> = versions.iter().map(|version| (version.from, version.until, version.source.as_str())).collect();
    assert_eq!(spans, [(100, Some(200), "registers"), (200, Some(300), "registers"), (400, None, "registers")]);
    let edits = edits(&versions);
    let told = |position: usize| -> Vec<String> {
        let text = |value: &Option<serde_json::Value>| value.as_ref().map(ToString::to_string).unwrap_or_default();
        edits[position].iter().map(|edit| format!("{} {}>{}", edit.path, text(&edit.before), text(&edit.after))).collect()
    };
    assert_eq!(told(1), [r#"attributes.team "ops">"data""#, r#"fields.risk_tier "high">"minimal""#]);
    assert!(told(2).iter().all(|edit| edit.contains(" >")), "it was gone in between: all of it is new: {:?}", told(2));
    assert_eq!(bench.reader().versions("system", "b").unwrap(), []);
}

#[test]
fn readings_are_found_by_whatever_labels_they_have() {
    let mut bench = Bench::new();
    bench.store.begin_run(100).unwrap();
    let all = [
        json!({}),
        json!({ "feature": "age", "system": "a" }),
        json!({ "feature": "age \"x\" \\ ~\u{10FFFF}", "system": "a" }),
        json!({ "feature": "ages", "role": "prediction", "system": "b" }),
        json!({ "model": "age", "system": "a" }),
        json!({ "system": "a" }),
        json!({ "system": "a", "version": "age" }),
    ];
    for (at, ends) in [(110, false), (120, true)] {
        // Each is read where it holds and where it has ended.
        for labels in &all {
            let interval =
                Interval { measured: Some(1.0), clock: None, state: "ok".into(), reason: None, rule: None, facts: "{}".to_owned(), method: "m".into() };
            let key = Key { indicator: "drift".to_owned(), labels: labels.to_string() };
            let opens = (!ends).then(|| (interval, Since::begin("ok".into(), at)));
            bench.store.record_readings([Stored { key, opens, closes: ends, memory: None }], at).unwrap();
        }
        bench.store.go_on(at + 5).unwrap();
        let names = ["feature", "model", "role", "system", "version"];
        let values = ["age", "age \"x\" \\ ~\u{10FFFF}", "ages", "a", "b", "prediction"];
        for (name, value) in names.iter().flat_map(|name| values.iter().map(move |value| (*name, *value))) {
            let labels = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            let history = bench.history(&Choice { labels, ..Choice::default() }, 100..200);
            let found: Vec<_> = history.courses.iter().map(|course| json!(course.labels)).collect();
            let mut expected: Vec<_> = all.iter().filter(|labels| labels[name] == *value).cloned().collect();
            expected.sort_by_key(|labels| serde_json::from_value::<BTreeMap<String, String>>(labels.clone()).unwrap());
            assert_eq!(found, expected, "{name}={value}");
        }
        assert_eq!(bench.history(&Choice::default(), 100..200).courses.len(), all.len());
    }
}
