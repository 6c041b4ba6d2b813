//! What the entries tell in full of what is changed in place, and whether that is how it is.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use serde_json::Value;

use super::{
    Entry,
    rows::{self, Walked},
};
use crate::{
    record::Digest,
    schedule, span,
    store::{
        Error, core,
        evidence::{Kind, PROJECTION},
        recover,
        redaction::{self, Bodies},
        retention::{self, Removal, Removed},
        spans,
        sql::Database,
    },
};

/// What is noted beside all that entries tell of: each is compared with what it is of, or, where no agent has run yet, was not told of.
const BESIDE: [&str; 5] = [PROJECTION, core::RECORD_TABLE_NAMES, "record_tables", "zone", core::SCHEMA_VERSION];

fn words(removal: &Removal, entries: &[(i64, i64)]) -> String {
    let Removal { keep, counts: [readings, records], before: [readings_before, records_before], .. } = removal;
    let part = |what: &str, count: u64, keep: Option<i64>, before: Option<i64>| {
        let keep = span::text(Duration::from_secs(keep?.unsigned_abs()));
        (count > 0).then_some(format!("{count} {what} that ended before {}, which are kept for {keep}", schedule::rfc3339(before?)))
    };
    let parts =
        [part("intervals of readings", *readings, keep.readings, *readings_before), part("versions of records", *records, keep.records, *records_before)];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    let [(first, from), .., (last, until)] = [&entries[..1], &entries[entries.len() - 1..]].concat()[..] else { return String::new() };
    let (from, until) = (schedule::rfc3339(from), schedule::rfc3339(until));
    let by = if first == last { format!("entry {first} of {from}") } else { format!("{} entries, from {first} of {from} to {last} of {until}", entries.len()) };
    format!("{}; by {by}", parts.join("; "))
}

/// What was told last of each thing.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The last entry of an older release.
    pub(super) older_until: Option<i64>,
    /// The digest of the tables that indicators query.
    pub(super) projection: Option<String>,
    /// The rows under entries so far.
    pub(super) records: Walked,
    pub(super) readings: Walked,
    /// Runs by number: beginning, until when, whether ended.
    runs: BTreeMap<i64, (i64, i64, bool)>,
    sources: BTreeMap<String, Value>,
    /// Rules' memory by indicator and labels.
    memory: HashMap<(String, String), String>,
    /// Values of the table `meta`.
    meta: BTreeMap<String, String>,
    gaps: Vec<String>,
    /// Whether there are seals of rows that were removed.
    pub(super) has_removed: bool,
    /// The bodies that redaction gave to versions of records.
    pub(super) bodies: Bodies,
    /// Whose texts were redacted, by whom and why, in words.
    pub(super) redactions: Vec<String>,
    /// The entries of which a recovery says that rows are missing.
    incomplete: BTreeSet<i64>,
    /// What was recovered from a damaged database, and what was not, in words.
    pub(super) recoveries: Vec<String>,
    /// For how long the configuration in force keeps what has ended.
    keep: Value,
    /// The spans of which something was removed.
    gone: Removed,
    /// What was removed, by its rule: the entries and when they were made.
    removals: Vec<(Removal, Vec<(i64, i64)>)>,
}

impl Told {
    /// Nothing yet.
    pub(super) fn of(connection: &dyn Database) -> Result<Self, Error> {
        let has_removed = connection.version()? >= core::REMOVES && connection.any("SELECT 1 FROM removed_rows LIMIT 1", &[])?;
        let mut told = Self { has_removed, bodies: Bodies::read(connection)?, ..Self::default() };
        if core::meta(connection, recover::RECOVERED)?.is_some() {
            connection.each("SELECT body FROM evidence WHERE kind = ?1", &[Kind::Recovery.as_str().into()], |row| {
                let body: Value = serde_json::from_str(&row.get::<String>(0)?).unwrap_or_default();
                told.incomplete.extend(body["incomplete"].as_array().into_iter().flatten().filter_map(Value::as_i64));
                Ok(())
            })?;
        }
        Ok(told)
    }

    /// Whether a recovery says that rows of an entry are missing.
    pub(super) fn lacks(&self, entry: i64) -> bool {
        self.incomplete.contains(&entry)
    }

    /// Takes in what an entry of recovery tells, and gives what in it can't be.
    pub(super) fn hear_recovery(&mut self, connection: &dyn Database, entry: &Entry<'_>) -> Result<Option<String>, Error> {
        let body = &entry.body;
        self.hear_unchecked(entry, Kind::Recovery);
        self.recoveries.push(recover::words(entry.number, entry.at, body));
        if self.lacks(entry.number) {
            return Ok(None);
        }
        let incomplete: Vec<i64> = body["incomplete"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
        let is_left = body["left"].as_str() == Some(rows::left(connection, &incomplete)?.to_string().as_str());
        Ok((!is_left).then(|| "what is left of the rows of incomplete entries is not what was recovered".to_owned()))
    }

    /// Takes in what an entry tells beside rows that are to be checked.
    pub(super) fn hear_unchecked(&mut self, entry: &Entry<'_>, kind: Kind) {
        match kind {
            Kind::Retention => {
                self.gone = Removed::read(&entry.body[retention::REMOVED]);
                self.meta.insert(retention::REMOVED.to_owned(), entry.body[retention::REMOVED].to_string());
            }
            Kind::Recovery => {
                // Records may be missing: no source counts as read.
                self.sources.clear();
                self.meta.insert(recover::RECOVERED.to_owned(), entry.number.to_string());
            }
            _ => {}
        }
    }

    /// Writes what was told into a store that has none of it, but for sources, and gives the time zone.
    pub(super) fn write(&self, target: &dyn Database) -> Result<Option<String>, Error> {
        for (name, content) in &self.meta {
            core::set_meta(target, name, content)?;
        }
        for ((indicator, labels), memory) in &self.memory {
            let insert = "INSERT INTO waiting_rules (indicator, labels, memory) VALUES (?1, ?2, ?3)";
            target.execute(insert, &[indicator.into(), labels.into(), memory.into()])?;
        }
        for (run, (began, until, ended)) in &self.runs {
            let insert = "INSERT INTO agent_runs (run, began, until, ended, sealed) VALUES (?1, ?2, ?3, ?4, 1)";
            target.execute(insert, &[(*run).into(), (*began).into(), (*until).into(), i64::from(*ended).into()])?;
        }
        Ok(self.meta.get("zone").cloned())
    }

    /// Takes in what an entry of retention tells, and gives what in it can't be.
    pub(super) fn hear_removal(&mut self, connection: &dyn Database, entry: &Entry<'_>) -> Result<Option<String>, Error> {
        if self.lacks(entry.number) {
            self.hear_unchecked(entry, Kind::Retention);
            return Ok(None);
        }
        if !self.has_removed {
            return Ok(Some("the seals of the rows that it removed are missing".to_owned()));
        }
        let removal = match retention::check(connection, entry.number, entry.at, &entry.body, &self.keep, &mut self.gone)? {
            Ok(removal) => removal,
            Err(what) => return Ok(Some(what)),
        };
        self.meta.insert(retention::REMOVED.to_owned(), entry.body[retention::REMOVED].to_string());
        let place = (entry.number, entry.at);
        match self.removals.last_mut().filter(|(before, _)| before.keep == removal.keep) {
            Some((all, entries)) => {
                all.counts = [all.counts[0] + removal.counts[0], all.counts[1] + removal.counts[1]];
                all.before = removal.before;
                entries.push(place);
            }
            None => self.removals.push((removal, vec![place])),
        }
        Ok(None)
    }

    /// What was removed, by which rule and when, in words.
    pub(super) fn removals(&self) -> Vec<String> {
        self.removals.iter().map(|(removal, entries)| words(removal, entries)).collect()
    }

    /// Takes in what an entry tells, and gives what in it can't be.
    pub(super) fn hear(&mut self, entry: &Entry<'_>, kind: Kind) -> Option<String> {
        let body = &entry.body;
        self.hear_spans(entry, kind);
        self.projection = body[PROJECTION].as_str().map(str::to_owned);
        for change in body["memory"].as_array().into_iter().flatten() {
            let (Some(indicator), Some(labels)) = (change[0].as_str(), change[1].as_str()) else { continue };
            let key = (indicator.to_owned(), labels.to_owned());
            match change[2].as_str() {
                Some(memory) => self.memory.insert(key, memory.to_owned()),
                None => self.memory.remove(&key),
            };
        }
        for (indicator, digest) in body["methods"].as_object().into_iter().flatten() {
            self.meta.insert(format!("method:{indicator}"), digest.as_str().unwrap_or_default().to_owned());
        }
        for name in ["zone", "record_tables"] {
            if let Some(text) = body[name].as_str() {
                self.meta.insert(name.to_owned(), text.to_owned());
            }
        }
        if kind == Kind::Redaction {
            self.meta.insert(redaction::REDACTED.to_owned(), entry.number.to_string());
            self.redactions.push(redaction::words(entry.number, entry.at, body));
        }
        if kind == Kind::Configuration {
            self.keep = body["document"]["store"]["keep"].clone();
        }
        let name = match kind {
            Kind::Method => format!("method:{}", body["indicator"].as_str().unwrap_or_default()),
            Kind::Configuration => "configuration".to_owned(),
            _ => return None,
        };
        let digest = body["digest"].as_str().unwrap_or_default().to_owned();
        let is_its_own = digest == Digest::of(body["document"].to_string().as_bytes()).to_string();
        self.meta.insert(name, digest);
        (!is_its_own).then(|| format!("the digest in it is not that of the {} in it", kind.as_str()))
    }

    fn hear_spans(&mut self, entry: &Entry<'_>, kind: Kind) {
        let spans = &entry.body["spans"];
        for run in spans["runs"].as_array().into_iter().flatten() {
            let (Some(number), Some(began), Some(until), Some(ended)) = (run[0].as_i64(), run[1].as_i64(), run[2].as_i64(), run[3].as_bool()) else { continue };
            let before = self.runs.insert(number, (began, until, ended));
            if let (Kind::Start, true, Some((_, sealed, false))) = (kind, ended, before) {
                let (from, until) = (schedule::rfc3339(sealed), schedule::rfc3339(until));
                self.gaps.push(format!("from {from} to {until} nothing was sealed: the agent ended without a word before entry {}", entry.number));
            }
        }
        for (source, state) in spans["sources"].as_object().into_iter().flatten() {
            self.sources.insert(source.clone(), state.clone());
        }
        if kind == Kind::Removal {
            self.sources.remove(entry.body["source"].as_str().unwrap_or_default());
        }
    }

    /// The first thing that is otherwise than it was told.
    pub(super) fn differs(&self, connection: &dyn Database) -> Result<Option<String>, Error> {
        let checks = [Self::runs_differ, Self::sources_differ, Self::memory_differs, Self::meta_differs];
        for differs in checks {
            if let Some(what) = differs(self, connection)? {
                return Ok(Some(what));
            }
        }
        Ok(None)
    }

    /// Whether something may lie after the last seal: only what an agent writes that runs or ended without a word.
    fn may_go_on(&self) -> bool {
        self.runs.is_empty() || self.runs.values().any(|(.., ended)| !ended)
    }

    fn runs_differ(&self, connection: &dyn Database) -> Result<Option<String>, Error> {
        let mut unseen = self.runs.clone();
        let runs: Vec<(i64, (i64, i64, bool), bool)> = connection.rows("SELECT run, began, until, ended, sealed FROM agent_runs ORDER BY run", &[], |row| {
            Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?), row.get(4)?))
        })?;
        for (run, state, sealed) in runs {
            let goes_on = |told: &(i64, i64, bool)| !sealed && self.may_go_on() && told.0 == state.0 && told.1 <= state.1 && !told.2 && !state.2;
            if !unseen.remove(&run).is_some_and(|told| told == state && sealed || goes_on(&told)) {
                return Ok(Some(format!("the run {run} of the agent is not what was sealed")));
            }
        }
        Ok(unseen.keys().next().map(|run| format!("the run {run} of the agent is missing")))
    }

    fn sources_differ(&self, connection: &dyn Database) -> Result<Option<String>, Error> {
        let mut unseen = self.sources.clone();
        for (which, sealed) in [("WHERE sealed = 1", true), ("WHERE sealed = 0", false)] {
            for (source, state) in spans::sources(connection, which)? {
                let told = unseen.remove(&source);
                let agrees = match &told {
                    Some(told) if sealed => *told == state,
                    // The last poll may even be earlier than the one that was sealed: clocks are set back.
                    Some(told) => self.may_go_on() && told[0] == state[0],
                    None => !sealed && self.may_go_on(),
                };
                if !agrees {
                    let words = "when it was read, where its streams go on, or what they feed is not what was sealed";
                    return Ok(Some(format!("the source `{source}`: {words}")));
                }
            }
        }
        if let Some(source) = unseen.keys().next() {
            return Ok(Some(format!("the source `{source}`: when it was read is missing")));
        }
        let stray = "SELECT source FROM stream_states WHERE source NOT IN (SELECT source FROM source_states) ORDER BY source LIMIT 1";
        connection.first(stray, &[], |row| Ok(format!("the source `{}`: it goes on from somewhere, but was never read", row.get::<String>(0)?)))
    }

    fn memory_differs(&self, connection: &dyn Database) -> Result<Option<String>, Error> {
        let mut seen = 0;
        let strange = connection.find("SELECT indicator, labels, memory FROM waiting_rules ORDER BY indicator, labels", &[], |row| {
            let key: (String, String) = (row.get(0)?, row.get(1)?);
            seen += 1;
            let differs = self.memory.get(&key) != Some(&row.get(2)?);
            Ok(differs.then(|| format!("what rules remember of the reading {} {} is not what was stored", key.0, key.1)))
        })?;
        Ok(strange.or_else(|| (seen < self.memory.len()).then(|| "what rules remember of a reading is missing".to_owned())))
    }

    fn meta_differs(&self, connection: &dyn Database) -> Result<Option<String>, Error> {
        for (name, told) in &self.meta {
            if core::meta(connection, name)?.as_ref() != Some(told) {
                return Ok(Some(format!("what is noted as `{name}` is not what was stored")));
            }
        }
        let names: Vec<String> = connection.rows("SELECT name FROM meta ORDER BY name", &[], |row| row.get(0))?;
        let strange = names.into_iter().find(|name| !self.meta.contains_key(name) && !BESIDE.contains(&name.as_str()));
        if let Some(name) = strange {
            return Ok(Some(format!("what is noted as `{name}` was never stored")));
        }
        let drops_others = core::drops_others(connection)?;
        Ok(drops_others.then(|| format!("what is noted as `{}` is not what was stored", core::RECORD_TABLE_NAMES)))
    }

    /// The spans of which nothing vouches.
    pub(super) fn gaps(mut self, connection: &dyn Database) -> Result<Vec<String>, Error> {
        let unsealed = "SELECT 1 FROM agent_runs WHERE sealed = 0 UNION ALL SELECT 1 FROM source_states WHERE sealed = 0";
        let last = self.runs.values().next_back().filter(|(.., ended)| !ended);
        if let (Some((_, sealed, _)), true) = (last, connection.any(unsealed, &[])?) {
            self.gaps.push(format!("since {} nothing is sealed yet: the agent runs, or ended without a word", schedule::rfc3339(*sealed)));
        }
        Ok(self.gaps)
    }
}
