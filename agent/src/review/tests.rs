use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{
    folder::{EVIDENCE, MANIFEST},
    model::{Part, Reading, Shown, Time},
    *,
};
use crate::{
    indicator::Catalogue,
    record::{Door, Zone},
    store::{Change as Stored, DATABASE_FILE, Delivered, Interval, Key, Mode, Since, Store},
    threshold::State,
};

mod config;
mod packs;
mod results;
mod rows;
mod schemas;
mod views;

/// A reading that is ok at the end of a period.
pub(super) fn reading() -> Reading {
    Reading {
        labels: BTreeMap::new(),
        formerly: Vec::new(),
        begin: None,
        end: Some(Shown { state: State::Ok, value: Some(0.0) }),
        change: None,
        adverse: false,
        time: Time::default(),
        changes: 0,
        first_breach: None,
        in_breach_since: None,
        worst: None,
        reason: None,
        rule: None,
        method_changes: Vec::new(),
        method: None,
        entry: None,
        before: Vec::new(),
        course: Vec::new(),
        coarse: false,
    }
}

/// A moment as people write it.
pub(super) fn moment(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).unwrap_or_else(|error| panic!("{text}: {error}")).timestamp()
}

/// A store that is filled step by step, and a folder for packs beside it.
pub(super) struct Bench {
    folder: tempfile::TempDir,
    store: Store,
    held: BTreeMap<(String, String), Since>,
    pub(super) catalogue: Catalogue,
}

impl Bench {
    pub(super) fn new(began: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("data"), Zone::UTC).unwrap();
        store.begin_run(moment(began)).unwrap();
        Self { folder, store, held: BTreeMap::new(), catalogue: Catalogue::built_in().unwrap() }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// All records of a source from a moment on.
    pub(super) fn records(&mut self, source: &str, records: &[Value], at: &str) {
        let now = moment(at);
        let door = Door { now, zone: Zone::UTC };
        let records = records.iter().flat_map(|record| door.admit(record).unwrap_or_else(|error| panic!("{record}: {error:?}"))).collect();
        let stream = Delivered { stream: "s".to_owned(), mode: Mode::Snapshot, records, position: None, feeds: Vec::new() };
        self.store.commit(source, &[stream], now).unwrap();
    }

    pub(super) fn configuration(&mut self, document: &Value, at: &str) {
        self.store.record_configuration(document, moment(at)).unwrap();
    }

    /// A reading is this from a moment on: state and value, and why where it is unknown; `None`: it is no more.
    pub(super) fn reading(&mut self, indicator: &str, labels: &Value, what: Option<(&'static str, f64, &str)>, at: &str) {
        let at = moment(at);
        let key = (indicator.to_owned(), labels.to_string());
        let closes = self.held.contains_key(&key);
        let opens = what.map(|(state, value, reason)| {
            let since = self.held.get(&key).map_or_else(|| Since::begin(state.into(), at), |since| since.then(state.into(), at));
            let known = state != "unknown";
            let interval = Interval {
                measured: known.then_some(value),
                clock: None,
                reason: (!known).then(|| reason.to_owned()),
                rule: (state == "breach").then(|| "breach: >= 1".into()),
                facts: "{}".to_owned(),
                method: "m1".into(),
                state: state.into(),
            };
            self.held.insert(key.clone(), since.clone());
            (interval, since)
        });
        if opens.is_none() {
            self.held.remove(&key);
        }
        let key = Key { indicator: key.0, labels: key.1 };
        self.store.record_readings([Stored { key, opens, closes, memory: None }], at).unwrap();
    }

    pub(super) fn goes_on(&mut self, at: &str) {
        self.store.go_on(moment(at)).unwrap();
    }

    pub(super) fn reader(&self) -> Reader {
        Reader::open(&self.path("data").join(DATABASE_FILE)).unwrap()
    }

    /// Makes a pack of a quarter in a folder of this name.
    pub(super) fn make(&self, quarter: &str, name: &str) -> Result<(Pack, Manifest), Error> {
        self.make_with(quarter, name, None, "2030-01-01T00:00:00Z")
    }

    fn make_with(&self, quarter: &str, name: &str, previous: Option<&Path>, now: &str) -> Result<(Pack, Manifest), Error> {
        let choice = Choice::quarter(quarter, YearStart::default(), Zone::UTC)?;
        let to = self.path(name);
        let order = Order { choice: &choice, as_known: None, to: &to, previous, print: None, key: None };
        self.write(&order, now)
    }

    /// Makes the pack that is ordered.
    fn write(&self, order: &Order<'_>, now: &str) -> Result<(Pack, Manifest), Error> {
        let subject = Subject { organisation: "Example", zone: Zone::UTC, catalogue: &self.catalogue };
        write(&self.reader(), &subject, order, moment(now))
    }
}

/// A system as a register has it.
fn system(id: &str) -> Value {
    json!({ "record": "system", "id": id, "name": id.to_uppercase(), "owner_role": "Head", "risk_tier": "high" })
}
