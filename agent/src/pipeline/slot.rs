//! An indicator in force: its method, the readings that hold, what the store is behind with, and when it must be looked at again.
//!
//! Everything that belongs to one indicator is in its slot, so that nothing can be out of step with anything else.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use crate::{
    board::{Limit, Panel, Reading},
    config::Config,
    indicator::{Id, Indicator, Measured, Own, Pass, Reads, Row},
    record::{Feed, Zone},
    store::{
        Affected, Change, Interval, Key, Since, Stored, Touched,
        tables::{ReadingRow, UnstoredReading},
    },
    threshold::{Memory, RuleSet},
};

/// An indicator with what is in force for it.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) indicator: Arc<Indicator>,
    pub(super) rules: RuleSet,
    /// Rule texts, by position.
    pub(super) texts: Vec<Arc<str>>,
    /// Digest of SQL, views, parameters and rules.
    pub(super) digest: Arc<str>,
    pub(super) feeds: Vec<Feed>,
}

/// A reading that holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Held {
    pub(super) reading: Arc<Reading>,
    /// What its rules remember.
    pub(super) memory: Memory,
    pub(super) since: Since,
    /// The earliest moment at which time alone changes its verdict.
    pub(super) verdict_due: Option<i64>,
}

/// Which readings of an indicator are made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// All, from records.
    Whole,
    /// Those of these systems, from their records.
    Systems(BTreeSet<String>),
    /// Those whose verdict is due: judged again, nothing is read.
    Verdicts,
}

/// What was made of a part of the indicator: what is another than it was. All else of the part goes on as it is.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// By labels.
    pub(super) readings: BTreeMap<Arc<str>, Held>,
    /// The labels of what is no more.
    pub(super) gone: Vec<Arc<str>>,
    /// The earliest moment at which anything of the part is due.
    pub(super) due: Option<i64>,
    pub(super) failed: bool,
}

/// An indicator in force.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) method: Method,
    /// What holds, by labels.
    pub(super) readings: BTreeMap<Arc<str>, Held>,
    /// What the store holds of readings that are, or may be, something else by now; `None`: nothing.
    behind: BTreeMap<Arc<str>, Option<Stored>>,
    /// What was touched since the last evaluation.
    touched: Affected,
    /// When it is due as a whole: at midnight, or each minute.
    whole_due: Option<i64>,
    /// The earliest moment at which any of its rows or verdicts is due.
    part_due: Option<i64>,
    /// Whether its last evaluation failed: what builds on its readings can't be known.
    pub(super) failed: bool,
    evaluated_at: i64,
    /// Whether it was evaluated since it is in force: until then what it holds is of the time before.
    is_evaluated: bool,
    /// As it is shown.
    panel: Arc<Panel>,
    /// Whether what is shown is what holds.
    is_shown: bool,
    /// Whether its readings are, whatever else is not.
    are_readings_shown: bool,
}

/// The labels of a reading without labels.
pub(super) const NO_LABELS: &str = "{}";

/// For how many systems alone an indicator is evaluated. What belongs to them is copied first, which takes about as long as evaluating does.
pub(super) const FEW_SYSTEMS: usize = 2_000;

/// How often what uses the time without saying when it is due is evaluated, in seconds.
const EVERY: i64 = 60;

impl Slot {
    /// A slot of which nothing is known but what the store holds. It is due at once.
    pub(super) fn new(method: Method, stored: Vec<(String, Stored)>) -> Self {
        let panel = Arc::new(Panel::empty(&method.indicator, method.rules.thresholds(), method.limits()));
        let behind = stored.into_iter().map(|(labels, stored)| (labels.into(), Some(stored))).collect();
        let readings = BTreeMap::new();
        Self {
            method,
            readings,
            behind,
            touched: Affected::All,
            whole_due: None,
            part_due: None,
            failed: false,
            evaluated_at: 0,
            is_evaluated: false,
            panel,
            is_shown: true,
            are_readings_shown: true,
        }
    }

    /// The slot of a new configuration, with the readings that held under the one before. They are shown until it is evaluated, which is due
    /// at once.
    pub(super) fn succeed(method: Method, before: Self) -> Self {
        let mut slot = Self { touched: Affected::All, is_evaluated: false, ..before };
        if slot.method.digest != method.digest {
            let Self { method: old, readings, behind, .. } = &mut slot;
            for (labels, held) in readings.iter() {
                behind.entry(Arc::clone(labels)).or_insert_with(|| Some(held.stored(old)));
            }
        }
        let readings = slot.panel.readings.clone();
        let empty = Panel::empty(&method.indicator, method.rules.thresholds(), method.limits());
        slot.panel = Arc::new(Panel { readings, evaluated_at: slot.panel.evaluated_at, ..empty });
        slot.method = method;
        slot
    }

    /// Notes what was touched, as far as the indicator reads it.
    pub(super) fn touch(&mut self, touched: &Touched) {
        if self.method.indicator.reads_beside_records() && !touched.is_nothing() {
            self.touched = Affected::All;
        }
        self.touched.join(&touched.of(&self.method.feeds));
        // Rules may ask for a system's tier, owner or lifecycle whatever the SQL reads.
        if self.method.indicator.columns().labels().iter().any(|label| label == "system") {
            self.touched.join(&touched.of_table("systems"));
        }
    }

    /// Notes that these systems are touched.
    pub(super) fn touch_systems(&mut self, affected: &Affected) {
        self.touched.join(affected);
    }

    /// Notes that everything is touched.
    pub(super) fn touch_all(&mut self) {
        self.touched = Affected::All;
    }

    /// What must be made anew at this moment, if anything.
    pub(super) fn wanted(&self, now: i64) -> Option<Part> {
        let is_due = |due: Option<i64>| due.is_some_and(|due| due <= now);
        if self.touched == Affected::All || is_due(self.whole_due) {
            return Some(Part::Whole);
        }
        let mut affected = self.touched.clone();
        if is_due(self.part_due) {
            let rows = self.readings.values().map(|held| &held.reading.row).filter(|row| is_due(row.due_at));
            rows.for_each(|row| affected.add(row.label("system")));
        }
        match affected {
            Affected::All => Some(Part::Whole),
            Affected::Systems(systems) if systems.is_empty() => is_due(self.part_due).then_some(Part::Verdicts),
            Affected::Systems(systems) if self.can_be_made_for(&systems) => Some(Part::Systems(systems)),
            Affected::Systems(_) => Some(Part::Whole),
        }
    }

    /// Whether these systems' readings can be made alone, and quicker than all. What is said of nothing ends when there is something.
    fn can_be_made_for(&self, systems: &BTreeSet<String>) -> bool {
        let indicator = &self.method.indicator;
        let may_end = self.readings.contains_key(NO_LABELS) && !(indicator.keeps_systems_apart() && self.readings.len() > 1);
        indicator.is_local() && systems.len() <= FEW_SYSTEMS && !may_end
    }

    /// The next moment at which something must be made anew because of the time.
    #[cfg(test)]
    pub(super) fn due(&self) -> Option<i64> {
        [self.whole_due, self.part_due].into_iter().flatten().min()
    }

    /// What its rules remembered of a reading, and since when it is in its state; `before` is what holds of it.
    pub(super) fn remembered<'s>(&'s self, labels: &str, before: Option<&'s Held>) -> (Option<Memory>, Option<&'s Since>) {
        match (before, self.behind.get(labels)) {
            (Some(held), _) => (Some(held.memory.clone()), Some(&held.since)),
            (None, Some(Some(stored))) if !self.is_evaluated => {
                (stored.memory.as_deref().and_then(|memory| serde_json::from_str(memory).ok()), Some(&stored.since))
            }
            _ => (None, None),
        }
    }

    /// The labels of a part's readings that are not among these, of which each is there once.
    pub(super) fn absent(&self, part: &Part, seen: &[&str]) -> Vec<Arc<str>> {
        let inside = |held: &Held| match part {
            Part::Whole => true,
            Part::Systems(systems) => held.reading.row.label("system").is_some_and(|system| systems.contains(system)),
            Part::Verdicts => false,
        };
        if *part == Part::Whole && seen.len() == self.readings.len() {
            return Vec::new();
        }
        let seen: HashSet<_> = seen.iter().copied().collect();
        self.readings.iter().filter(|(labels, held)| inside(held) && !seen.contains(&***labels)).map(|(labels, _)| Arc::clone(labels)).collect()
    }

    /// The readings whose verdict is due.
    pub(super) fn with_verdict_due(&self, now: i64) -> impl Iterator<Item = &Held> {
        self.readings.values().filter(move |held| held.verdict_due.is_some_and(|due| due <= now))
    }

    /// Takes in what was made of a part, and gives the systems whose readings changed in value, state, or since when they are in it.
    pub(super) fn take(&mut self, part: &Part, made: Made, now: i64, zone: Zone) -> Affected {
        let mut changed = Affected::default();
        self.are_readings_shown &= made.readings.is_empty() && made.gone.is_empty();
        for labels in made.gone {
            if let Some(gone) = self.readings.remove(&labels) {
                changed.add(gone.reading.row.label("system"));
                self.behind.entry(labels).or_insert_with(|| Some(gone.stored(&self.method)));
            }
        }
        for (labels, held) in &made.readings {
            let before = self.readings.get(labels);
            let same = before.is_some_and(|before| before.is_as(held, &self.method));
            if !same {
                changed.add(held.reading.row.label("system"));
            }
            if !(same && before.is_some_and(|before| before.memory == held.memory)) {
                self.behind.entry(Arc::clone(labels)).or_insert_with(|| before.map(|before| before.stored(&self.method)));
            }
        }
        if self.readings.is_empty() {
            self.readings = made.readings;
        } else {
            self.readings.extend(made.readings);
        }
        self.settle(part, made.due, made.failed, now, zone);
        changed
    }

    fn settle(&mut self, part: &Part, due: Option<i64>, failed: bool, now: i64, zone: Zone) {
        let indicator = &self.method.indicator;
        if *part == Part::Whole {
            // Once a day whatever it reads: a mistake about what is local or due must not last.
            let midnight = Some(zone.end_of(zone.day_of(now)));
            // Rows say when they are due; where there is none, nothing does.
            let says_nothing = failed || indicator.has_due_at() && self.readings.values().all(|held| held.reading.row.labels().next().is_none());
            self.whole_due = midnight.into_iter().chain((indicator.every_minute() || says_nothing).then_some(now + EVERY)).min();
        }
        if *part != Part::Verdicts {
            // That nothing is left has to be said, too; when it was looked at as a whole, it was.
            self.touched = if self.readings.is_empty() && *part != Part::Whole { Affected::All } else { Affected::default() };
            self.failed = failed;
        }
        self.part_due = match self.part_due {
            _ if *part == Part::Whole => due,
            None => due,
            // Perhaps of what is another now. Then nothing is found to be due at that moment, and the next one is looked for.
            Some(before) if before > now => due.into_iter().chain([before]).min(),
            Some(_) => self.readings.values().flat_map(|held| held.reading.row.due_after(now).into_iter().chain(held.verdict_due)).min(),
        };
        self.evaluated_at = now;
        (self.is_evaluated, self.is_shown) = (true, false);
    }

    /// What must be stored for the store to hold what holds, in the order of the labels.
    pub(super) fn changes(&self, now: i64) -> impl Iterator<Item = Change> {
        self.behind.iter().filter_map(move |(labels, stored)| self.change(labels, stored.as_ref(), now))
    }

    fn change(&self, labels: &Arc<str>, stored: Option<&Stored>, now: i64) -> Option<Change> {
        let key = || Key { indicator: self.method.indicator.id.as_str().to_owned(), labels: labels.to_string() };
        let Some(held) = self.readings.get(labels) else {
            return stored.map(|_| Change { key: key(), opens: None, closes: true, memory: None });
        };
        let interval = held.interval(&self.method);
        let memory = held.memory_text();
        let continues = stored.is_some_and(|stored| interval.continues(&stored.interval));
        if continues && stored.is_some_and(|stored| stored.memory == memory) {
            return None;
        }
        let opens = (!continues).then(|| (Interval { facts: facts(&held.reading.row, now), ..interval }, held.since.clone()));
        Some(Change { key: key(), closes: opens.is_some() && stored.is_some(), opens, memory })
    }

    /// What is not stored, as other indicators see it.
    pub(super) fn unstored(&self) -> Vec<UnstoredReading> {
        let indicator = || self.method.indicator.id.as_str().to_owned();
        let gone = |labels: &Arc<str>| UnstoredReading::Gone { indicator: indicator(), labels: labels.to_string() };
        let holds = |labels: &Arc<str>, held: &Held| UnstoredReading::Holds(Box::new(held.shown_to_others(&self.method, labels.to_string())));
        self.behind.keys().map(|labels| self.readings.get(labels).map_or_else(|| gone(labels), |held| holds(labels, held))).collect()
    }

    /// Notes that the store holds what holds.
    pub(super) fn stored(&mut self) {
        self.behind.clear();
    }

    /// Whether the store holds something else than what holds, or may.
    pub(super) fn is_behind(&self) -> bool {
        self.is_evaluated && !self.behind.is_empty()
    }

    /// Shows what holds.
    pub(super) fn show(&mut self) {
        let Panel { indicator, thresholds, limits, .. } = &*self.panel;
        let (indicator, thresholds, limits) = (Arc::clone(indicator), thresholds.clone(), limits.clone());
        let shown = self.are_readings_shown.then(|| Arc::clone(&self.panel.readings));
        let readings = shown.unwrap_or_else(|| self.readings.values().map(|held| Arc::clone(&held.reading)).collect());
        self.panel = Arc::new(Panel { indicator, thresholds, limits, readings, evaluated_at: self.evaluated_at, waits: false, unstored: self.is_behind() });
        (self.is_shown, self.are_readings_shown) = (true, true);
    }

    /// What is shown.
    pub(super) fn panel(&self) -> Arc<Panel> {
        if self.is_shown { Arc::clone(&self.panel) } else { Arc::new(Panel { waits: true, ..Panel::clone(&self.panel) }) }
    }

    /// Whether what is shown is what holds, marked as it is.
    pub(super) fn is_shown(&self) -> bool {
        self.is_shown && self.panel.unstored == self.is_behind()
    }
}

impl Held {
    /// Whether it is the other one, as far as the history goes: facts may have moved on, value, state and its beginning not.
    fn is_as(&self, other: &Self, method: &Method) -> bool {
        let (a, b) = (&*self.reading, &*other.reading);
        self.stored_value(method) == other.stored_value(method) && (a.state, &a.rule) == (b.state, &b.rule) && self.since == other.since
    }

    fn stored_value(&self, method: &Method) -> (Option<f64>, Option<(i64, f64)>, Option<&str>) {
        stored_value(&self.reading.row, &method.indicator)
    }

    fn memory_text(&self) -> Option<String> {
        (!self.memory.is_empty()).then(|| serde_json::to_string(&self.memory).expect("numbers and texts always serialise"))
    }

    /// As the store has it, once it is stored.
    fn stored(&self, method: &Method) -> Stored {
        Stored { interval: self.interval(method), since: self.since.clone(), memory: self.memory_text() }
    }

    /// As other indicators see it.
    fn shown_to_others(&self, method: &Method, labels: String) -> ReadingRow {
        let row = &self.reading.row;
        let label = |name: &str| row.label(name).map(str::to_owned);
        let (value, clock, _) = self.stored_value(method);
        let (since, per_seconds) = clock.unzip();
        let (known_state, known_from) = self.since.known.as_ref().map(|(state, from)| (state.to_string(), *from)).unzip();
        ReadingRow {
            indicator: method.indicator.id.as_str().to_owned(),
            labels,
            system: label("system"),
            model: label("model"),
            version: label("version"),
            feature: label("feature"),
            attribute: label("attribute"),
            value,
            since,
            per_seconds,
            state: self.since.state.to_string(),
            state_from: self.since.from,
            known_state,
            known_from,
        }
    }

    /// The interval without its facts, which only one that is stored needs.
    fn interval(&self, method: &Method) -> Interval {
        let reading = &self.reading;
        let (measured, clock, reason) = self.stored_value(method);
        let (state, rule) = (reading.state.as_str().into(), reading.rule.clone());
        Interval { measured, clock, state, reason: reason.map(str::to_owned), rule, facts: String::new(), method: Arc::clone(&method.digest) }
    }
}

/// What the store keeps of a value: number, clock, reason. The age of a source begins anew with each poll, and the spans of the ledger tell it: an
/// interval for each would say nothing but that the poll was complete.
pub(super) fn stored_value<'r>(row: &'r Row, indicator: &Indicator) -> (Option<f64>, Option<(i64, f64)>, Option<&'r str>) {
    match &row.measured {
        Measured::Unknown(reason) => (None, None, Some(reason)),
        Measured::Number(number) => (Some(*number), None, None),
        Measured::Clock { .. } if indicator.is_age_of_sources() => (None, None, None),
        Measured::Clock { since, per } => (None, Some((*since, *per)), None),
    }
}

/// The facts at the start of an interval, and beside them the moments from which those that time changes can be told later.
pub(super) fn facts(row: &Row, now: i64) -> String {
    let facts = row.facts(now).map(|(name, value)| (name, serde_json::Value::from(value)));
    let moments = row.moments().map(|(column, moment)| (column, moment.into()));
    serde_json::to_string(&facts.chain(moments).collect::<BTreeMap<_, _>>()).expect("numbers always serialise")
}

impl Method {
    pub(super) fn new(indicator: &Arc<Indicator>, config: &Config) -> Self {
        let overrides = config.overrides.get(&indicator.id).map(Vec::as_slice).unwrap_or_default();
        let rules = RuleSet::resolve(&indicator.rules, overrides);
        let texts: Vec<Arc<str>> = (0..rules.len()).map(|position| rules.text(position).into()).collect();
        let digest = crate::record::Digest::of(document(indicator, config, &texts).to_string().as_bytes()).to_string().into();
        let feeds = indicator.reads.iter().filter_map(Reads::feed).cloned().collect();
        Self { indicator: Arc::clone(indicator), rules, texts, digest, feeds }
    }

    /// The limits in force as people look at them.
    fn limits(&self) -> Vec<Limit> {
        let limit = |position: usize| {
            let (level, rule) = (self.rules.level(position)?, Arc::clone(self.texts.get(position)?));
            Some(Limit { level, rule, words: self.rules.words(position, &self.indicator.unit), overrides: position >= self.indicator.rules.len() })
        };
        self.rules.positions().into_iter().filter_map(limit).collect()
    }

    /// Which of the passes of an evaluation it belongs to.
    pub(super) fn pass(&self) -> Pass {
        self.indicator.pass()
    }

    /// Whether its SQL names the readings of this indicator.
    pub(super) fn names(&self, id: &Id) -> bool {
        self.indicator.reads_own(Own::Readings) && self.indicator.sql.contains(&format!("'{id}'"))
    }

    /// The method in full, as evidence keeps it.
    pub(super) fn document(&self, config: &Config) -> serde_json::Value {
        document(&self.indicator, config, &self.texts)
    }
}

/// Whether a method reads the readings of this indicator: those that its SQL names, or all when it names none.
pub(super) fn builds_on(method: &Method, id: &Id, all: &[Slot]) -> bool {
    method.indicator.reads_own(Own::Readings) && (method.names(id) || !all.iter().any(|slot| method.names(&slot.method.indicator.id)))
}

/// A method in full: whatever decides what value and state the same records give.
fn document(indicator: &Indicator, config: &Config, rules: &[Arc<str>]) -> serde_json::Value {
    let mut method = indicator.method(&config.parameters);
    method["rules"] = rules.iter().map(|rule| &**rule).collect();
    method
}
