//! Cron expressions against an oracle: vixie-cron's loop, minute by minute, in every zone whose clocks change.

use chrono::{Datelike as _, TimeDelta, Timelike as _};

use super::*;
use crate::schedule::{Schedule, Staleness};

const DAY: i64 = 86_400;
/// 2026-11-21T20:00:00Z, a Saturday.
const SATURDAY: i64 = 1_795_291_200;

fn cron(expression: &str, zone: &str) -> Cron {
    Cron::parse(expression, Zone::parse(zone).unwrap(), at("2026-01-01T00:00:00Z")).unwrap()
}

fn at(moment: &str) -> i64 {
    DateTime::parse_from_rfc3339(moment).unwrap().timestamp()
}

fn text(moment: i64) -> String {
    DateTime::<Utc>::from_timestamp(moment, 0).unwrap().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn next(expression: &str, zone: &str, after: &str) -> String {
    text(cron(expression, zone).next(at(after)).unwrap())
}

#[test]
fn days_and_weekdays_count_as_in_every_other_cron() {
    let saturday = text(SATURDAY);
    for (expression, time) in [
        ("*/10 * * * *", "2026-11-21T20:10:00Z"),
        ("0 8 * * 0", "2026-11-22T08:00:00Z"),
        ("0 8 * * 7", "2026-11-22T08:00:00Z"),
        ("0 8 * * 1", "2026-11-23T08:00:00Z"),
        ("0 8 * * 1-5", "2026-11-23T08:00:00Z"),
        ("0 8 * * 5-7", "2026-11-22T08:00:00Z"),
        ("0 8 * * 0-7", "2026-11-22T08:00:00Z"),
        ("0 8 * * fri-sun", "2026-11-22T08:00:00Z"),
        ("0 8 * * mon,Wed", "2026-11-23T08:00:00Z"),
        ("0 8 * * 1-5/2", "2026-11-23T08:00:00Z"),
        ("0 8 * * ?", "2026-11-22T08:00:00Z"),
        // Both given: either is enough. One begins with a star: both must hold.
        ("0 0 13 * 5", "2026-11-27T00:00:00Z"),
        ("0 0 22 * 5", "2026-11-22T00:00:00Z"),
        ("0 0 */2 * 5", "2026-11-27T00:00:00Z"),
        ("0 0 13 * *", "2026-12-13T00:00:00Z"),
    ] {
        assert_eq!(next(expression, "UTC", &saturday), time, "{expression}");
    }
    assert_eq!(next("30 0 * * *", "Europe/Berlin", &saturday), "2026-11-21T23:30:00Z", "the zone is the organisation's");
}

#[test]
fn wrong_expressions_say_why() {
    for (expression, message) in [
        ("* * * *", "five fields (minute hour day month weekday), here are 4"),
        ("61 * * * *", "a minute from 0 to 59, here is 61"),
        ("*/0 * * * *", "a minute from 0 to 59, here is */0"),
        ("0 8-25 * * *", "an hour from 0 to 23, here is 8-25"),
        ("0 0 0 * *", "a day from 1 to 31, here is 0"),
        ("0 0 * may-foo *", "a month from 1 to 12 or JAN to DEC, here is may-foo"),
        ("0 0 * * 9", "a weekday from 0 to 7 or SUN to SAT, here is 9"),
        ("0 0 * * */0", "a weekday from 0 to 7 or SUN to SAT, here is */0"),
        ("0 0 * * fry", "here is fry"),
        ("0 0 * * 5-1", "a range of weekdays in their order, here is 5-1"),
        ("0 0 30 2 *", "comes true"),
    ] {
        let error = Cron::parse(expression, Zone::UTC, SATURDAY).unwrap_err();
        assert!(error.contains(message), "{expression}: {error}");
    }
}

#[test]
fn the_night_that_has_an_hour_more() {
    let all = |expression: &str, zone: &str, from: &str, until: &str| -> Vec<String> {
        let cron = cron(expression, zone);
        let times = std::iter::successors(cron.next(at(from)), |time| cron.next(*time));
        times.take_while(|time| *time <= at(until)).map(|time| text(time)[11..16].to_owned()).collect()
    };
    let berlin = all("*/10 * * * *", "Europe/Berlin", "2026-10-25T00:55:00Z", "2026-10-25T02:00:00Z");
    assert_eq!(berlin, ["01:00", "01:10", "01:20", "01:30", "01:40", "01:50", "02:00"]);
    assert_eq!(all("30 2 * * *", "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T22:00:00Z"), ["00:30"]);
    assert_eq!(all("45 1 * * *", "America/New_York", "2026-11-01T04:00:00Z", "2026-11-01T20:00:00Z"), ["05:45"]);
    assert_eq!(all("*/30 2 * * *", "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T22:00:00Z"), ["00:00", "00:30", "01:00", "01:30"]);
    // Asked in the middle of the second pass.
    assert_eq!(next("*/10 * * * *", "Europe/Berlin", "2026-10-25T01:00:12Z"), "2026-10-25T01:10:00Z");
    assert_eq!(next("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z"), "2026-10-26T01:30:00Z");
}

#[test]
fn the_night_that_has_an_hour_less() {
    for (expression, zone, after, time) in [
        ("30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", "2027-03-28T01:00:00Z"),
        ("15 2 * * SUN", "America/Winnipeg", "2027-03-10T12:00:00Z", "2027-03-14T08:00:00Z"),
        ("0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z", "2026-09-06T04:00:00Z"),
        ("*/30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", "2027-03-29T00:00:00Z"),
        ("*/20 * * * *", "Europe/Berlin", "2027-03-28T00:50:00Z", "2027-03-28T01:00:00Z"),
    ] {
        assert_eq!(next(expression, zone, after), time, "{expression}");
    }
}

/// One class of expressions: whether it follows the clock, and when it is time by the clock.
type Class = (&'static str, bool, fn(NaiveDateTime) -> bool);

const CLASSES: [Class; 11] = [
    ("*/10 * * * *", true, |t| t.minute().is_multiple_of(10)),
    ("7 * * * *", true, |t| t.minute() == 7),
    ("*/30 2 * * *", true, |t| t.hour() == 2 && t.minute().is_multiple_of(30)),
    ("0 */2 * * *", true, |t| t.hour().is_multiple_of(2) && t.minute() == 0),
    ("30 2 * * *", false, |t| (t.hour(), t.minute()) == (2, 30)),
    ("0 0 * * *", false, |t| (t.hour(), t.minute()) == (0, 0)),
    ("0,45 0-3 * * *", false, |t| t.hour() <= 3 && [0, 45].contains(&t.minute())),
    ("15 1 * * 0", false, |t| (t.hour(), t.minute()) == (1, 15) && t.weekday().num_days_from_sunday() == 0),
    ("59 23 * * 6,7", false, |t| (t.hour(), t.minute()) == (23, 59) && [0, 6].contains(&t.weekday().num_days_from_sunday())),
    ("30 1 1 * 0", false, |t| (t.hour(), t.minute()) == (1, 30) && (t.day() == 1 || t.weekday().num_days_from_sunday() == 0)),
    ("0 8-17 * * 1-5", false, |t| (8..=17).contains(&t.hour()) && t.minute() == 0 && (1..=5).contains(&t.weekday().num_days_from_sunday())),
];

/// How far zone and UTC are apart, in seconds.
fn offset(zone: Zone, moment: i64) -> i64 {
    zone.wall(moment).unwrap().and_utc().timestamp() - moment
}

/// Every change of the clocks in 2026 and 2027, once for all zones that make it alike: the zone and the moment.
fn changes() -> Vec<(Zone, i64)> {
    let mut known = std::collections::BTreeSet::new();
    let mut changes = Vec::new();
    for zone in chrono_tz::TZ_VARIANTS.iter().map(|zone| Zone::parse(zone.name()).unwrap()) {
        let (begin, end) = (at("2026-01-01T00:00:00Z"), at("2028-01-01T00:00:00Z"));
        for before in (begin..end).step_by(usize::try_from(DAY / 2).unwrap()) {
            let (mut from, mut until) = (before, before + DAY / 2);
            if offset(zone, from) == offset(zone, until) {
                continue;
            }
            while until - from > 1 {
                let middle = from.midpoint(until);
                if offset(zone, middle) == offset(zone, from) { from = middle } else { until = middle }
            }
            if known.insert((until, offset(zone, from), offset(zone, until))) {
                changes.push((zone, until));
            }
        }
    }
    changes
}

/// What vixie-cron's loop runs between two moments: what follows the clock at each minute that fits, the rest by a virtual time that catches up
/// with a clock set forward, and stands still until a clock set back has caught up with it.
fn oracle(zone: Zone, (_, follows_clock, fits): Class, from: i64, until: i64) -> Vec<i64> {
    let minute = TimeDelta::minutes(1);
    let mut virtual_time = zone.wall(from).unwrap();
    let mut due = Vec::new();
    for moment in (from..=until).step_by(60).skip(1) {
        let wall = zone.wall(moment).unwrap();
        let mut is_due = follows_clock && fits(wall);
        while virtual_time < wall {
            virtual_time += minute;
            is_due |= !follows_clock && fits(virtual_time);
        }
        due.extend(is_due.then_some(moment));
    }
    due
}

#[test]
fn every_zone_runs_every_class_as_vixie_cron_does() {
    let changes = changes();
    let (mut forward, mut back) = (0, 0);
    for (zone, change) in &changes {
        if offset(*zone, *change) > offset(*zone, *change - 1) {
            forward += 1
        } else {
            back += 1
        }
        let (from, until) = (change - 30 * 3600, change + 30 * 3600);
        for class in CLASSES {
            let cron = Cron::parse(class.0, *zone, from).unwrap();
            let times: Vec<_> = std::iter::successors(cron.next(from), |time| cron.next(*time)).take_while(|time| *time <= until).collect();
            assert_eq!(times, oracle(*zone, class, from, until), "{} in {} around {}", class.0, zone.name(), text(*change));
            for odd in (change - 4 * 3600..change + 4 * 3600).step_by(997) {
                let next = cron.next(odd).unwrap();
                let planned = cron.planned(odd, 1).unwrap();
                assert!(next > odd && planned > odd, "{} in {} after {}: {} {}", class.0, zone.name(), text(odd), text(next), text(planned));
            }
        }
    }
    assert!(forward >= 20 && back >= 20, "{forward} forward, {back} back: zones change their clocks in both directions");
}

#[test]
fn the_longest_gap_knows_no_change_of_the_clocks() {
    for (expression, seconds) in [
        ("*/10 * * * *", 600),
        ("30 2 * * *", DAY),
        ("15 2 * * SUN", 7 * DAY),
        ("0 8 * * 1-5", 3 * DAY),
        ("0 0 13 * 5", 7 * DAY),
        ("*/10 8-17 * * 1-5", 2 * DAY + 14 * 3600 + 600),
    ] {
        assert_eq!(cron(expression, "Europe/Berlin").longest_gap(SATURDAY), seconds, "{expression}");
    }
}

/// How long what was read at this moment counts, where a poll may take ten minutes; those ten minutes taken off.
fn counts(expression: &str, zone: &str, read: &str) -> i64 {
    let limit = std::time::Duration::from_secs(600);
    let staleness = Schedule::Cron(Box::new(cron(expression, zone))).staleness(limit);
    assert!(matches!(staleness, Staleness::Planned { .. }));
    staleness.last_fresh(at(read)) - 600 - at(read)
}

#[test]
fn a_source_is_stale_when_it_was_due_for_the_third_time() {
    for (expression, zone, read, seconds) in [
        ("30 2 * * *", "Europe/Berlin", "2026-06-10T00:30:00Z", 3 * DAY),
        ("15 2 * * SUN", "America/Winnipeg", "2026-06-14T07:15:00Z", 21 * DAY),
        ("*/10 * * * *", "Europe/Berlin", "2026-06-10T00:30:00Z", 1800),
        // Read at 17:50 on a Friday: next on Monday at 08:00, 08:10, 08:20.
        ("*/10 8-17 * * 1-5", "Europe/Berlin", "2026-06-12T15:50:00Z", 2 * DAY + 14 * 3600 + 1800),
        // A poll that somebody asked for does not move the plan.
        ("30 2 * * *", "Europe/Berlin", "2026-06-10T12:00:00Z", 2 * DAY + 12 * 3600 + 1800),
        // The spring night has an hour less, the autumn night one more, and each is one night.
        ("30 2 * * *", "Europe/Berlin", "2027-03-27T01:30:00Z", 3 * DAY - 3600),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T00:30:00Z", 3 * DAY + 3600),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", 3 * DAY + 3600),
        // Its nights have two times. The skipped ones count as the one moment at which they were skipped.
        ("*/30 2 * * *", "Europe/Berlin", "2027-03-27T01:30:00Z", 2 * DAY - 3600),
        ("*/30 2 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", DAY + 5400),
        // It runs in every hour, so also in the one that comes twice.
        ("*/10 * * * *", "Europe/Berlin", "2026-10-25T00:10:00Z", 1800),
        ("*/10 * * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1800),
        ("*/10 * * * *", "Europe/Berlin", "2027-03-28T00:50:00Z", 1800),
    ] {
        assert_eq!(counts(expression, zone, read), seconds, "{expression} read at {read}");
    }
}
