//! The synchronous heart: commits polls, evaluates indicators, judges readings, stores what changed, makes the board. `now` is a parameter
//! everywhere; nothing here waits for anything but the disk.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    inventory::{self, Systems},
    planning::{self, Surroundings},
    readings::{self, Held, Judged},
    sources::{Delivery, Sources},
};
use crate::{
    board::{Board, Panel},
    config::Config,
    connector::Failure,
    indicator::{EvaluationError, Evaluator, Id, Indicator, Moment, Own, Pass},
    plan::{Evidence, Finding},
    record::Feed,
    store::{self, Store},
    threshold::RuleSet,
};

/// The agent's state.
#[derive(Debug)]
pub struct Core {
    config: Arc<Config>,
    /// Each evaluates on a thread and a read-only connection of its own, which is closed before the store is.
    evaluators: Vec<Evaluator>,
    store: Store,
    methods: Vec<Method>,
    sources: Sources,
    /// By indicator: readings that hold now, by labels.
    held: Vec<HashMap<String, Held>>,
    panels: Vec<Arc<Panel>>,
    /// Indicators whose last evaluation failed: what builds on their readings can't be known.
    failed: BTreeSet<usize>,
    /// Indicators whose last evaluation could not be stored.
    unstored: BTreeSet<usize>,
    evaluated_day: Option<i64>,
    /// What dashboards show and rules alert on, as far as it was read since it changed.
    shown: Option<Evidence>,
    findings: Vec<Finding>,
    /// What could not be stored: by source, and under names of their own readings and the data folder.
    problems: BTreeMap<String, String>,
}

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

/// Threads that evaluate. Two halve the time; more would take the whole machine from those who share it.
const EVALUATORS: usize = 2;

/// Stands for the readings among the problems; no source has this name.
const READINGS: &str = "";

/// Stands for the data folder among the problems; neither has a source this name.
const FOLDER: &str = "/";

/// Which indicators to evaluate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All.
    Everything,
    /// Those that read one of these tables and kinds.
    Touched(BTreeSet<(&'static str, String)>),
    /// Those that the passing of time changes, and those that could not be stored.
    Time,
}

impl Scope {
    /// A word for it, as a label.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Touched(_) => "touched",
            Self::Time => "time",
        }
    }
}

impl Core {
    /// Opens the store and takes up what it remembers.
    ///
    /// # Errors
    /// What the store reports.
    pub fn open(config: Arc<Config>, now: i64) -> Result<Self, store::Error> {
        let store = Store::open(&config.data_dir, config.zone)?;
        let evaluator = || Ok::<_, store::Error>(Evaluator::new(store.open_reader()?)?);
        let evaluators = (0..EVALUATORS).map(|_| evaluator()).collect::<Result<_, _>>()?;
        let mut core = Self {
            sources: Sources::default(),
            methods: Vec::new(),
            held: Vec::new(),
            panels: Vec::new(),
            failed: BTreeSet::new(),
            unstored: BTreeSet::new(),
            evaluated_day: None,
            shown: None,
            findings: Vec::new(),
            problems: BTreeMap::new(),
            config: Arc::clone(&config),
            store,
            evaluators,
        };
        core.configure(config, now)?;
        Ok(core)
    }

    /// Takes over a configuration: its sources, indicators and thresholds. Everything is evaluated next time.
    ///
    /// # Errors
    /// What the store reports; the configuration before stays in force then.
    pub fn configure(&mut self, config: Arc<Config>, now: i64) -> Result<(), store::Error> {
        let names: Vec<_> = config.sources.iter().map(|polled| polled.source.name.as_str()).collect();
        let methods: Vec<_> = config.catalogue.iter().map(|indicator| Method::new(indicator, &config)).collect();
        let before = &self.sources;
        self.store.look()?;
        let (sources, held) = self.store.together(|store| {
            store.forget_sources_except(&names, now)?;
            for method in &methods {
                store.record_method(method.indicator.id.as_str(), &method.digest, &method.document(), now)?;
            }
            let held = readings::take_up(&methods, store, now)?;
            store.set_plan_checks(&[])?;
            Ok((Sources::load(&config, store, before)?, held))
        })?;
        // Nothing from here on can fail: what is in force is the one configuration or the other, never parts of both.
        self.problems.retain(|source, _| source.is_empty() || names.contains(&source.as_str()));
        (self.sources, self.methods, self.held) = (sources, methods, held);
        self.panels = self.methods.iter().map(|method| Arc::new(Panel::empty(&method.indicator, method.rules.thresholds(), method.texts.clone()))).collect();
        self.failed = BTreeSet::new();
        self.unstored = (0..self.methods.len()).collect();
        self.shown = None;
        self.findings = Vec::new();
        self.config = config;
        Ok(())
    }

    /// What a source needs for its next poll.
    ///
    /// # Errors
    /// What the store reports.
    pub fn positions(&self, source: &str) -> Result<BTreeMap<String, String>, store::Error> {
        Ok(self.store.source_state(source)?.positions)
    }

    /// Takes in the end of a poll and gives what must be evaluated.
    pub fn take_in(&mut self, source: &str, outcome: Result<Delivery, Failure>, took: Duration, now: i64) -> Result<Scope, Failure> {
        let outcome = outcome.and_then(|delivery| {
            let committed = self.store.commit(source, &delivery.streams, now);
            committed.map(|committed| (delivery, committed)).map_err(|error| self.not_stored(source, &error))
        });
        match outcome {
            Ok((delivery, committed)) => {
                self.problems.remove(source);
                let mut touched = committed.touched;
                if touched.iter().any(|(table, _)| ["panels", "alert_rules"].contains(table)) {
                    self.shown = None;
                }
                touched.extend(self.sources.succeeded(source, &delivery, &self.store, took, now));
                Ok(Scope::Touched(touched))
            }
            Err(failure) => {
                self.sources.failed(source, &failure, took);
                Err(failure)
            }
        }
    }

    fn not_stored(&mut self, source: &str, error: &store::Error) -> Failure {
        use crate::connector::FailureReason;
        let reason = if matches!(error, store::Error::Conflict(_)) { FailureReason::InvalidRecord } else { FailureReason::Store };
        if reason == FailureReason::Store {
            self.problems.insert(source.to_owned(), error.to_string());
        }
        Failure::new(reason, error.to_string())
    }

    /// Notes that time has passed: sources may have become stale, a day may have begun, the data folder may have changed. Gives what must be
    /// evaluated.
    pub fn tick(&mut self, now: i64) -> Scope {
        let folder_changed = self.look();
        let today = self.config.zone.day_of(now);
        if self.evaluated_day != Some(today) {
            return Scope::Everything;
        }
        let touched = self.sources.age(now);
        if touched.is_empty() && !folder_changed { Scope::Time } else { Scope::Touched(touched) }
    }

    /// Looks at the data folder, which is nobody's job while nothing is written. True when something was found that was not so before.
    fn look(&mut self) -> bool {
        let found = self.store.look().err().map(|error| error.to_string());
        let changed = self.problems.get(FOLDER) != found.as_ref();
        match found {
            Some(problem) => drop(self.problems.insert(FOLDER.to_owned(), problem)),
            None => drop(self.problems.remove(FOLDER)),
        }
        changed
    }

    /// Evaluates and stores what changed.
    ///
    /// # Errors
    /// What the store reports. The board stays as it was, and what could not be stored is evaluated again next time.
    pub fn evaluate(&mut self, scope: &Scope, now: i64) -> Result<usize, store::Error> {
        // Whatever is evaluated and why: a source that went stale meanwhile makes its readings unknown now, and not at some later tick.
        let aged = self.sources.age(now);
        let aged = (!aged.is_empty()).then_some(Scope::Touched(aged));
        let scopes = [Some(scope), aged.as_ref()];
        let concerned = |position: &usize| scopes.iter().flatten().any(|scope| self.concerns(*position, scope));
        let chosen: Vec<_> = (0..self.methods.len()).filter(concerned).collect();
        let result = self.evaluate_in_passes(&chosen, now);
        match &result {
            Ok(()) => {
                self.problems.remove(READINGS);
                self.unstored.retain(|position| !chosen.contains(position));
                self.evaluated_day = Some(self.config.zone.day_of(now)).filter(|_| *scope == Scope::Everything).or(self.evaluated_day);
            }
            Err(error) => {
                self.problems.insert(READINGS.to_owned(), error.to_string());
                self.unstored.extend(&chosen);
                // What builds on readings may not have been reached.
                self.unstored.extend((0..self.methods.len()).filter(|position| self.methods[*position].indicator.pass() != Pass::OfRecords));
            }
        }
        result.map(|()| chosen.len())
    }

    fn concerns(&self, position: usize, scope: &Scope) -> bool {
        let method = &self.methods[position];
        let waits = || self.held[position].values().any(|held| !held.memory.is_empty());
        self.unstored.contains(&position)
            || match scope {
                Scope::Everything => true,
                Scope::Time => method.indicator.changes_with_time() || method.indicator.reads_own(Own::Sources) || waits(),
                Scope::Touched(touched) => {
                    method.indicator.reads_own(Own::Sources) || touched.iter().any(|(table, kind)| method.feeds.iter().any(|feed| feed.contains(table, kind)))
                }
            }
    }

    /// First what reads records, then what reads the readings of those, which follows whenever any of them changed.
    fn evaluate_in_passes(&mut self, chosen: &[usize], now: i64) -> Result<(), store::Error> {
        self.store.set_sources(&self.sources.rows(now))?;
        let mut changed = false;
        for pass in Pass::ALL {
            if pass == Pass::OfPlan {
                changed |= self.check_plan(now)?;
            }
            let follows = changed && pass != Pass::OfRecords;
            let of_pass = |position: &usize| self.methods[*position].indicator.pass() == pass && (follows || chosen.contains(position));
            let of_pass: Vec<_> = (0..self.methods.len()).filter(of_pass).collect();
            changed |= self.evaluate_these(&of_pass, now)?;
        }
        Ok(())
    }

    /// Evaluates the chosen ones and stores what changed. True when anything did.
    fn evaluate_these(&mut self, chosen: &[usize], now: i64) -> Result<bool, store::Error> {
        if chosen.is_empty() {
            return Ok(false);
        }
        let moment = Moment { now, today: self.config.zone.day_of(now) };
        let systems = inventory::systems(self.store.reader())?;
        let mut judged = self.judge(chosen, moment, &systems)?;
        let changes: Vec<_> = judged.iter_mut().flat_map(|judged| std::mem::take(&mut judged.changes)).collect();
        self.store.record_readings(&changes, now)?;
        for (position, judged) in chosen.iter().zip(judged) {
            let method = &self.methods[*position];
            let empty = Panel::empty(&method.indicator, method.rules.thresholds(), method.texts.clone());
            let panel = Panel { readings: judged.readings, evaluated_at: now, ..empty };
            self.panels[*position] = Arc::new(panel);
            self.held[*position] = judged.held;
            if judged.failed {
                self.failed.insert(*position)
            } else {
                self.failed.remove(position)
            };
        }
        Ok(!changes.is_empty())
    }

    /// Checks the monitoring plan against the readings of the passes before. True when a finding changed.
    fn check_plan(&mut self, now: i64) -> Result<bool, store::Error> {
        let reader = self.store.reader();
        let entries = planning::entries(reader)?;
        if self.shown.is_none() && !entries.is_empty() {
            self.shown = Some(planning::evidence(reader)?);
        }
        let systems = inventory::systems(reader)?;
        let evidence = self.shown.as_ref().unwrap_or(const { &Evidence::new() });
        let (methods, panels, sources) = (&self.methods, &self.panels, &self.sources);
        let findings = planning::findings(&entries, &Surroundings { methods, panels, sources, systems: &systems, evidence, now });
        let rows = |findings: &[Finding]| -> Vec<_> { findings.iter().map(|finding| finding.row.clone()).collect() };
        let changed = rows(&findings) != rows(&self.findings);
        if changed {
            self.store.set_plan_checks(&rows(&findings))?;
        }
        self.findings = findings;
        Ok(changed)
    }

    /// What was found for each entry of the monitoring plan.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Evaluates and judges the chosen indicators, in their order. All threads see the same records: the only writer waits for them.
    fn judge(&mut self, chosen: &[usize], moment: Moment, systems: &Systems) -> Result<Vec<Judged>, store::Error> {
        let next = AtomicUsize::new(0);
        let (methods, held, sources, config, failed) = (&self.methods, &self.held, &self.sources, &self.config, &self.failed);
        let work = |evaluator: &mut Evaluator| {
            let evaluation = evaluator.begin(moment)?;
            let mut done = Vec::new();
            while let Some(position) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                let method = &methods[*position];
                let indicator = || method.indicator.id.to_string();
                let broken = failed.iter().map(|position| &methods[*position].indicator.id).find(|id| method.builds_on(id, methods));
                let judge = |rows| readings::judge(method, rows, &held[*position], sources, systems, moment.now);
                let judged = catch_unwind(AssertUnwindSafe(|| {
                    judge(match broken {
                        Some(id) => Err(EvaluationError::Foundation { indicator: indicator(), id: id.to_string() }),
                        None => evaluation.evaluate(&method.indicator, &config.parameters),
                    })
                }));
                // A panic is that indicator's failure; the panic hook has said where it was.
                done.push((*position, judged.unwrap_or_else(|_| judge(Err(EvaluationError::Fault { indicator: indicator() })))));
            }
            Ok::<_, store::Error>(done)
        };
        let done: Result<Vec<_>, _> = std::thread::scope(|scope| {
            let threads: Vec<_> = self.evaluators.iter_mut().map(|evaluator| scope.spawn(|| work(evaluator))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        let mut done: Vec<_> = done?.into_iter().flatten().collect();
        done.sort_by_key(|(position, _)| chosen.iter().position(|chosen| chosen == position));
        Ok(done.into_iter().map(|(_, judged)| judged).collect())
    }

    /// The current picture.
    ///
    /// # Errors
    /// What the store reports.
    pub fn board(&self, now: i64) -> Result<Board, store::Error> {
        let reader = self.store.reader();
        Ok(Board {
            at: now,
            organisation: self.config.organisation.clone(),
            panels: self.panels.clone(),
            sources: self.sources.status(now),
            systems: inventory::systems(reader)?.into_values().collect(),
            dues: inventory::dues(reader)?,
            case_dues: inventory::case_dues(reader, self.config.zone)?,
            notification_dues: inventory::notification_dues(reader)?,
        })
    }

    /// Why the agent is not ready, if it isn't.
    pub fn problem(&self) -> Option<&str> {
        self.problems.values().next().map(String::as_str)
    }

    /// The configuration in force.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }
}

impl Method {
    fn new(indicator: &Arc<Indicator>, config: &Config) -> Self {
        let overrides = config.overrides.get(&indicator.id).map(Vec::as_slice).unwrap_or_default();
        let rules = RuleSet::resolve(&indicator.rules, overrides);
        let texts = (0..rules.len()).map(|position| rules.text(position).into()).collect();
        let digest = format!("{}/{}", indicator.method_digest(&config.parameters), rules.digest());
        let digest = crate::record::Digest::of(digest.as_bytes()).to_string().into();
        let feeds = indicator.reads.iter().filter_map(crate::indicator::Reads::feed).cloned().collect();
        Self { indicator: Arc::clone(indicator), rules, texts, digest, feeds }
    }

    /// Whether it reads the readings of this indicator: those that its SQL names, or all when it names none.
    fn builds_on(&self, id: &Id, all: &[Self]) -> bool {
        let names = |id: &Id| self.indicator.sql.contains(&format!("'{id}'"));
        self.indicator.reads_own(Own::Readings) && (names(id) || !all.iter().any(|method| names(&method.indicator.id)))
    }

    /// The method in full, as evidence keeps it.
    fn document(&self) -> serde_json::Value {
        let rules: Vec<_> = self.texts.iter().map(|text| text.to_string()).collect();
        let views: serde_json::Map<_, _> = self.indicator.views().iter().map(|view| (view.name.clone(), view.sql.as_str().into())).collect();
        serde_json::json!({ "indicator": self.indicator.id.as_str(), "method": &*self.digest, "sql": self.indicator.sql, "views": views, "rules": rules })
    }
}
