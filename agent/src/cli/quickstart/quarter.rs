//! Lives the quarter that the sample organisation has behind it: the agent at work from the end of June 2026 to the first of October, on the sample as it
//! was then. What the sample's upstreams and registers say on the last day says what happened and when; before that, it had not happened yet. What is
//! measured again and again was measured then, too, with other numbers.

use std::{collections::BTreeMap, fs, io::Read as _, path::Path, sync::Arc, time::Duration};

use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};

use super::{data::Random, tests, unfold, *};
use crate::{
    config::PolledSource,
    connector::Location,
    pipeline::{Core, Delivery, client, deliver, poll_once},
    record::{Door, Kind, Record, Value},
    store::{Anchor, DATABASE_FILE, Reader, Verification},
};

const DAY: i64 = 86_400;
const WEEK: i64 = 7 * DAY;

/// 2026-06-29T06:00:00Z.
const BEGIN: i64 = unfold::PAST_END - 94 * DAY;

/// Where the evidence says that files were: the same folder each time.
const HOME: &str = "/var/lib/clause9";

/// The organisation's events, by source: what each says on the last day.
async fn events(config: &Config, lived: &Config) -> Vec<(String, Delivery)> {
    let now = unfold::PAST_END;
    let _upstreams = upstreams::start(config, now).await.unwrap();
    let mut said = Vec::new();
    for polled in &config.sources {
        let poll = poll_once(&client(polled).unwrap(), &BTreeMap::new(), Door { now, zone: config.zone }).await;
        let mut delivery = deliver(poll.unwrap_or_else(|failure| panic!("{}: {failure}", polled.source.name)));
        for stream in &mut delivery.streams {
            // The agent that goes on reads everything anew.
            stream.position = None;
            // Ports are free ones, and other ones each time.
            for url in stream.records.iter_mut().filter_map(|record| record.url.as_mut()) {
                *url = at_home(url, &polled.source.location, &lived.sources, &polled.source.name);
            }
        }
        said.push((polled.source.name.clone(), delivery));
    }
    said
}

/// An address at an upstream, where the sample's configuration has that upstream.
fn at_home(url: &str, polled: &Location, lived: &[PolledSource], source: &str) -> String {
    let lived = lived.iter().find(|polled| polled.source.name == source).map(|polled| &polled.source.location);
    match (polled, lived) {
        (Location::Http(polled), Some(Location::Http(lived))) => url.replace(polled.base.as_str(), lived.base.as_str()),
        _ => url.to_owned(),
    }
}

/// What a source would have said at a moment before.
fn before(said: &Delivery, now: i64) -> Delivery {
    let mut said = said.clone();
    for stream in &mut said.streams {
        stream.records = stream.records.drain(..).filter_map(|record| record_at(record, now)).collect();
    }
    said
}

/// A record as it was; nothing before it was there.
fn record_at(mut record: Record, now: i64) -> Option<Record> {
    if ["measurement", "run"].contains(&record.shape.name) {
        repeated(&mut record, now);
    }
    let began = ["opened_at", "created_at", "decided_at", "accepted_at"].map(|name| time(&record, name)).into_iter().flatten().min();
    if began.is_some_and(|began| began > now) {
        return None;
    }
    let mut undone = false;
    for (field, value) in record.shape.fields.iter().zip(&mut record.values) {
        if field.kind == Kind::PastTime && matches!(value, Value::Integer(at) if *at > now) {
            *value = Value::Null;
            undone = true;
        }
    }
    // What was not over yet had another status.
    let status = match record.shape.name {
        "case" => "open",
        "review" => "planned",
        _ => return Some(record),
    };
    if undone && let Some(position) = record.shape.fields.iter().position(|field| field.name == "status") {
        record.values[position] = Value::Text(status.to_owned());
    }
    Some(record)
}

fn time(record: &Record, name: &str) -> Option<i64> {
    let position = record.shape.fields.iter().position(|field| field.name == name)?;
    if let Value::Integer(at) = record.values[position] { Some(at) } else { None }
}

/// Moves what is measured or run again and again back by whole weeks, to the last time before `now`; a number was a little different each time.
fn repeated(record: &mut Record, now: i64) {
    let last = record.shape.fields.iter().zip(&record.values).filter_map(|(field, value)| match value {
        Value::Integer(at) if field.kind == Kind::PastTime => Some(*at),
        _ => None,
    });
    let Some(last) = last.max() else { return };
    let weeks = ((last - now).max(0) + WEEK - 1) / WEEK;
    for (field, value) in record.shape.fields.iter().zip(&mut record.values) {
        match value {
            Value::Integer(at) if matches!(field.kind, Kind::PastTime | Kind::Time) => *at -= weeks * WEEK,
            Value::Real(number) if field.name == "value" && weeks > 0 => {
                let seed = record.id.bytes().fold(weeks.unsigned_abs(), |seed, byte| seed.wrapping_mul(31) + u64::from(byte));
                *number = (*number * (0.75 + 0.25 * Random(seed).uniform()) * 1e4).round() / 1e4;
            }
            _ => {}
        }
    }
}

/// The sample, unfolded on the last day; with schedules of a smaller agent when `every` is said.
fn unfolded(every: Option<&str>) -> (tempfile::TempDir, Arc<Config>) {
    let folder = tempfile::tempdir().unwrap();
    unfold::unfold(folder.path(), if every.is_some() { unfold::PORTS } else { [0; 3] }, unfold::PAST_END).unwrap();
    tests::measured(folder.path(), unfold::PAST_END);
    let path = folder.path().join(CONFIG);
    if let Some(every) = every {
        let sample = fs::read_to_string(&path).unwrap().replace("registers: registers/", &format!("registers: {{ path: registers/, every: {every} }}"));
        let slower =
            sample.lines().filter(|line| !line.trim_start().starts_with("stale_after:")).map(|line| match line.find("every: ").or(line.find("cron: ")) {
                Some(at) if !line.contains('{') => format!("{}every: {every}\n", &line[..at]),
                _ => format!("{line}\n"),
            });
        let slower = slower.collect::<String>().replace("path: results/\n", &format!("path: results/\n    every: {every}\n"));
        fs::write(&path, slower).unwrap();
    }
    let mut config = Config::load(&path, unfold::PAST_END).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    if every.is_some() {
        for polled in &mut config.sources {
            if let Location::Files(files) = &mut Arc::make_mut(&mut polled.source).location {
                files.path = Path::new(HOME).join(files.path.strip_prefix(folder.path()).unwrap());
            }
        }
    }
    (folder, Arc::new(config))
}

/// The quarter's store, in a folder of its own.
async fn lived() -> tempfile::TempDir {
    let (_polled, as_polled) = unfolded(None);
    let (folder, config) = unfolded(Some("1d"));
    let events = events(&as_polled, &config).await;
    let mut core = Core::open(Arc::clone(&config), BEGIN).unwrap();
    core.evaluate(BEGIN);
    let mut now = BEGIN;
    // Once a day: the real one looks each minute what time alone has changed, which would take too long here.
    while now < unfold::PAST_END {
        now += DAY;
        for (source, said) in &events {
            core.take_in(source, Ok(before(said, now)), Duration::ZERO, now).unwrap();
        }
        core.evaluate(now);
        core.go_on(now);
    }
    core.stop(unfold::PAST_END).unwrap();
    folder
}

fn head(database: &Path) -> Anchor {
    Reader::open(database).unwrap().head().unwrap().0
}

/// The store that is shipped is the quarter that is lived here: the same entries of evidence, down to the digest. `UPDATE_EXPECTED=1` writes it anew.
#[tokio::test]
async fn the_past_quarter_is_what_is_lived_here() {
    let folder = lived().await;
    let database = folder.path().join("data").join(DATABASE_FILE);
    assert_eq!(Verification::open(&database).unwrap().verify(&[]).unwrap().findings, []);
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/quickstart").join(unfold::PAST);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::create_dir_all(shipped.parent().unwrap()).unwrap();
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
        io::Write::write_all(&mut packed, &fs::read(&database).unwrap()).unwrap();
        fs::write(&shipped, packed.finish().unwrap()).unwrap();
    }
    let copy = folder.path().join("shipped");
    let mut unpacked = Vec::new();
    DeflateDecoder::new(&*fs::read(&shipped).expect("UPDATE_EXPECTED=1 writes it")).read_to_end(&mut unpacked).unwrap();
    fs::write(&copy, unpacked).unwrap();
    assert_eq!(head(&copy), head(&database), "UPDATE_EXPECTED=1 writes it anew");
}
