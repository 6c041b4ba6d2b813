//! Stored readings computed again: from the records, names, sources and methods that the ledger has as of the entry under which a reading lies. The
//! value comes of the stored SQL, the state of the rules and of what they remembered.
//!
//! What the ledger does not tell is said, and is no difference: what sources fed and how single registers were, what other code than a method's SQL
//! worked out (the checks of the monitoring plan), and an evaluation that failed.

mod choose;
mod compare;
mod explain;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

pub use self::choose::{NotOne, When, choose, shown as shown_labels};
pub use self::explain::{Explanation, Records, Used, explain};

use self::compare::Around;
use super::{inventory, readings, slot::FEW_SYSTEMS};
use crate::{
    indicator::{Catalogue, Evaluation, Evaluator, Indicator, Moment, Overrides, Own, Pass, Reads, Row, stored_views},
    record::shape,
    schedule,
    store::{self, AsOf, Key, Memories, Opened, Reader, Removed, StoredMethod},
    threshold::RuleSet,
};

/// A stored reading, and what it comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    /// Which reading.
    pub key: Key,
    /// The interval as it was opened; of what the entry ended, the interval that ended. `None`: nothing is stored of the reading.
    pub stored: Option<Opened>,
    /// What it comes to.
    pub outcome: Outcome,
}

/// What a stored reading comes to when it is computed again.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The same.
    Same,
    /// What made it is not all in the ledger: the words say what did, as far as the ledger can confirm it.
    Told(String),
    /// Something else.
    Differs(Vec<Difference>),
}

/// In what it differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The part: `value`, `state`, `facts`, ...
    pub what: &'static str,
    /// What is stored.
    pub stored: String,
    /// What comes out.
    pub computed: String,
}

/// A method as it was stored, made ready to be computed.
#[derive(Debug)]
pub struct Ready {
    /// The indicator; that of the catalogue where it still has this SQL.
    pub indicator: Arc<Indicator>,
    /// The values of its parameters.
    pub parameters: Overrides,
    /// Its rules.
    pub rules: RuleSet,
    /// The method as evidence has it.
    pub stored: StoredMethod,
}

impl Ready {
    /// Whether a text of any record that it could read was redacted.
    fn reads_redacted(&self, as_of: &AsOf) -> Result<bool, store::Error> {
        for feed in self.indicator.reads.iter().filter_map(Reads::feed) {
            let shape = shape::by_table(feed.table()).expect("a feed is of a known table");
            let sql = "SELECT 1 FROM record_versions WHERE shape = ?1 AND body LIKE '%' || ?2 || '%' LIMIT 1";
            if as_of.tables().any(sql, &[shape.name.into(), store::MARK.into()])? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Why a method can't be computed.
#[derive(Debug, Clone)]
enum Why {
    /// Other code than its SQL has a part in it, or this release can't run it.
    Told(String),
    /// The evidence lacks it, or it is no method.
    Lacking(String),
}

/// Computes what is stored again, entry by entry.
#[derive(Debug)]
pub struct Rederiver<'r> {
    reader: &'r Reader,
    catalogue: &'r Catalogue,
    /// Of which spans of time records or readings were removed.
    removed: Removed,
    as_of: AsOf,
    evaluator: Evaluator,
    methods: Vec<StoredMethod>,
    ready: HashMap<(String, usize), Result<Arc<Ready>, Why>>,
    memories: Memories,
    /// After which entry that is what rules remember.
    remembered: i64,
}

/// The rows of a method by their labels.
type Rows = HashMap<String, Row>;

impl<'r> Rederiver<'r> {
    /// Of what a store holds, for entries after this one. Where a stored method is that of an indicator of the catalogue, this is computed.
    ///
    /// # Errors
    /// What the store reports.
    pub fn after(entry: i64, reader: &'r Reader, catalogue: &'r Catalogue) -> Result<Self, store::Error> {
        // What was removed is told reading by reading.
        let (as_of, removed) = (reader.what_is_left_of(entry)?, reader.removed()?);
        let evaluator = Evaluator::new(as_of.projection()?);
        let methods = reader.methods(i64::MAX)?;
        Ok(Self { reader, catalogue, removed, as_of, evaluator, methods, ready: HashMap::new(), memories: Memories::new(), remembered: 0 })
    }

    /// What was stored before the entry that was computed last.
    pub fn as_of(&self) -> &AsOf {
        &self.as_of
    }

    /// Computes what an entry of evaluation stored: the chosen readings. Entries must come in their order. What comes out and is not stored is told
    /// where all are chosen.
    ///
    /// # Errors
    /// What the store reports.
    pub fn entry(&mut self, entry: i64, at: i64, chosen: Option<&HashSet<Key>>) -> Result<Vec<Computed>, store::Error> {
        let is_chosen = |stored: &Opened| chosen.is_none_or(|keys| keys.contains(&stored.key));
        let (mut opened, mut closed) = self.reader.under(entry)?;
        opened.retain(is_chosen);
        closed.retain(is_chosen);
        if opened.is_empty() && closed.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(before) = self.removed.at(at) {
            let words = format!("what it was made of was removed by retention; of what ended before {} not all is there", schedule::rfc3339(before));
            let told = |stored: Opened| Computed { key: stored.key.clone(), stored: Some(stored), outcome: Outcome::Told(words.clone()) };
            return Ok(opened.into_iter().map(told).collect());
        }
        self.as_of.advance(entry - 1)?;
        self.as_of.see_sources_of(entry)?;
        self.reader.remember(&mut self.memories, self.remembered, entry - 1)?;
        self.remembered = entry - 1;
        let around = Around {
            systems: inventory::systems(self.as_of.tables())?,
            at,
            unstored: self.reader.unstored_before(entry)?,
            other_release: self.as_of.other_release().map(str::to_owned),
            stale_after: self.as_of.stale_after(),
        };
        let closed: HashMap<Key, Opened> = closed.into_iter().map(|closed| (closed.key.clone(), closed)).collect();
        let begun: HashSet<Key> = opened.iter().map(|opened| opened.key.clone()).collect();
        let mut groups: BTreeMap<(String, String), Group> = BTreeMap::new();
        for ended in closed.values().filter(|ended| !begun.contains(&ended.key)) {
            // One that is not evaluated any more ends whatever would come out.
            if let Some(method) = self.in_force(&ended.key.indicator, entry) {
                groups.entry((ended.key.indicator.clone(), method)).or_default().ended.push(ended.clone());
            }
        }
        for opened in opened {
            groups.entry((opened.key.indicator.clone(), opened.interval.method.to_string())).or_default().begun.push(opened);
        }
        let entry_of = EntryOf { before: closed, around, all_are_chosen: chosen.is_none() };
        let builds_on_readings =
            |this: &mut Self, (indicator, method): &(String, String)| this.ready(indicator, method).is_ok_and(|ready| ready.indicator.pass() > Pass::OfRecords);
        let (last, first): (Vec<_>, Vec<_>) = groups.into_iter().partition(|(of, _)| builds_on_readings(self, of));
        let mut all = self.groups(first, &entry_of)?;
        if !last.is_empty() {
            // Those that they were made of may lie under the same entry.
            self.as_of.see_readings_of(entry)?;
            all.extend(self.groups(last, &entry_of)?);
        }
        Ok(all)
    }

    /// The digest of the method by which an indicator was evaluated before an entry, if it was.
    fn in_force(&self, indicator: &str, entry: i64) -> Option<String> {
        let is_on = self.as_of.configuration()["indicators"].as_array()?.iter().any(|id| id == indicator);
        let last = self.methods.iter().rfind(|method| method.indicator == indicator && method.entry < entry);
        last.filter(|_| is_on).map(|method| method.digest.clone())
    }

    /// What methods give, each for all readings that an entry began or ended with it.
    fn groups(&mut self, groups: Vec<((String, String), Group)>, entry: &EntryOf) -> Result<Vec<Computed>, store::Error> {
        let ready: Vec<_> = groups.iter().map(|((indicator, digest), _)| self.ready(indicator, digest)).collect();
        let Self { as_of, memories, .. } = self;
        let evaluator = &self.evaluator;
        // What is copied of some systems serves all methods that are asked about them.
        let mut evaluation = None;
        let mut all = Vec::new();
        for (((indicator, digest), group), ready) in groups.into_iter().zip(ready) {
            let made = ready.and_then(|ready| {
                let rows = rows(&ready, &group, &entry.around, as_of, evaluator, &mut evaluation)?;
                Ok((ready, rows))
            });
            match made {
                Ok((ready, rows)) => all.extend(group.computed(&indicator, &ready, &rows, entry, as_of, memories)?),
                Err(Made::Not(why)) => {
                    let outcome = why.outcome(&digest);
                    let told = |stored: Opened| Computed { key: stored.key.clone(), stored: Some(stored), outcome: outcome.clone() };
                    all.extend(group.begun.into_iter().map(told));
                }
                Err(Made::Failed(error)) => return Err(error),
            }
        }
        Ok(all)
    }

    /// A stored method, ready to be computed.
    fn ready(&mut self, indicator: &str, digest: &str) -> Result<Arc<Ready>, Made> {
        let overrides = self.as_of.configuration()["thresholds"][indicator].as_array().map_or(0, Vec::len);
        let made = match self.ready.get(&(digest.to_owned(), overrides)) {
            Some(made) => made.clone(),
            None => {
                let made = self.make_ready(indicator, digest, overrides).map(Arc::new);
                self.ready.insert((digest.to_owned(), overrides), made.clone());
                made
            }
        };
        made.map_err(Made::Not)
    }

    fn make_ready(&self, indicator: &str, digest: &str, overrides: usize) -> Result<Ready, Why> {
        let lacking = |words: &str| Why::Lacking(words.to_owned());
        let of = |method: &&StoredMethod| method.digest == digest && method.indicator == indicator;
        let stored = self.methods.iter().find(of).ok_or_else(|| lacking("the evidence has no such method of the indicator"))?;
        let texts: Option<Vec<_>> = stored.document["rules"].as_array().map(|rules| rules.iter().map(|rule| rule.as_str().unwrap_or_default()).collect());
        let rules = texts.and_then(|texts| RuleSet::read(&texts, overrides)).ok_or_else(|| lacking("rules that can be read"))?;
        let known = self.catalogue.get(indicator);
        let (indicator, parameters) =
            Indicator::of_method(indicator, &stored.document, known).map_err(|words| Why::Told(format!("this release can't compute its method: {words}")))?;
        if indicator.reads_own(Own::PlanChecks) {
            return Err(Why::Told("it comes of the checks of the monitoring plan, which other code than SQL makes".to_owned()));
        }
        Ok(Ready { indicator, parameters, rules, stored: stored.clone() })
    }
}

/// The rows of a method, by labels: all of them, or where that is enough those of the systems that the group is about. An evaluation goes on as long as
/// views stay what they are.
fn rows<'e>(
    ready: &Ready,
    group: &Group,
    around: &Around,
    as_of: &mut AsOf,
    evaluator: &'e Evaluator,
    evaluation: &mut Option<Evaluation<'e>>,
) -> Result<Rows, Made> {
    let views = stored_views(&ready.stored.document);
    if !as_of.has_views(&views) {
        *evaluation = None;
        as_of.with_views(&views).map_err(Made::Failed)?;
    }
    let evaluation = match evaluation {
        Some(evaluation) => evaluation,
        None => {
            let zone = as_of.zone().map_err(Made::Failed)?;
            evaluation.insert(evaluator.begin(Moment::at(around.at, zone)).map_err(Made::Failed)?)
        }
    };
    let systems: Option<BTreeSet<String>> = group.begun.iter().chain(&group.ended).map(|stored| compare::system(&stored.key)).collect();
    let few = systems.filter(|systems| systems.len() <= FEW_SYSTEMS && ready.indicator.is_local() && !as_of.has_other_views());
    let rows = match few {
        Some(systems) => evaluation.evaluate_for(&ready.indicator, &ready.parameters, &systems),
        None => evaluation.evaluate(&ready.indicator, &ready.parameters),
    };
    let rows = rows.map_err(|error| Made::Not(Why::Told(format!("this release can't compute it: {error}"))))?;
    let mut key = String::new();
    let keyed = rows.into_iter().map(|row| {
        readings::labels_key(&row, &mut key);
        (key.clone(), row)
    });
    Ok(keyed.collect())
}

/// An entry, as far as all its methods have it in common.
struct EntryOf {
    /// The intervals that it ended.
    before: HashMap<Key, Opened>,
    around: Around,
    all_are_chosen: bool,
}

/// What an entry began and ended with a method.
#[derive(Debug, Default)]
struct Group {
    begun: Vec<Opened>,
    ended: Vec<Opened>,
}

impl Group {
    /// What the rows of a method say of its readings.
    fn computed(self, indicator: &str, ready: &Ready, rows: &Rows, entry: &EntryOf, as_of: &AsOf, memories: &Memories) -> Result<Vec<Computed>, store::Error> {
        let EntryOf { before, around, all_are_chosen } = entry;
        let mut all = if *all_are_chosen && around.unstored.is_none() { self.strays(indicator, rows, around, as_of)? } else { Vec::new() };
        for stored in self.begun {
            let memory = memories.get(&stored.key).map(String::as_str);
            let outcome = match compare::outcome(ready, &stored, before.get(&stored.key), memory, rows, around, as_of) {
                Outcome::Differs(_) if ready.reads_redacted(as_of)? => Outcome::Told("a record that it was made of was redacted since".to_owned()),
                outcome => outcome,
            };
            all.push(Computed { key: stored.key.clone(), stored: Some(stored), outcome });
        }
        Ok(all)
    }

    /// Readings that ended and come out, and those that come out and are not stored.
    fn strays(&self, indicator: &str, rows: &Rows, around: &Around, as_of: &AsOf) -> Result<Vec<Computed>, store::Error> {
        let differs = |stored: &str, computed: String| Outcome::Differs(vec![Difference { what: "reading", stored: stored.to_owned(), computed }]);
        let told = |labels: &str| rows.get(labels).map(|row| compare::shown(row, around.at));
        let ended = self.ended.iter().filter_map(|stored| {
            let outcome = differs("it ended", told(&stored.key.labels)?);
            Some(Computed { key: stored.key.clone(), stored: Some(stored.clone()), outcome })
        });
        let mut strays: Vec<_> = ended.collect();
        let begun: HashSet<&str> = self.begun.iter().map(|begun| begun.key.labels.as_str()).collect();
        for labels in rows.keys().filter(|labels| !begun.contains(labels.as_str())) {
            let held = "SELECT 1 FROM readings WHERE indicator = ?1 AND labels = ?2";
            if !as_of.tables().any(held, &[indicator.into(), labels.into()])? {
                let key = Key { indicator: indicator.to_owned(), labels: labels.clone() };
                strays.push(Computed { key, stored: None, outcome: differs("none", told(labels).unwrap_or_default()) });
            }
        }
        strays.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(strays)
    }
}

/// Why nothing was made.
enum Made {
    Not(Why),
    Failed(store::Error),
}

impl Why {
    fn outcome(self, digest: &str) -> Outcome {
        match self {
            Self::Told(words) => Outcome::Told(words),
            Self::Lacking(words) => Outcome::Differs(vec![Difference { what: "method", stored: digest.to_owned(), computed: words }]),
        }
    }
}
