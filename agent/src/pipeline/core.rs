//! The synchronous heart: commits polls, evaluates what is touched or due, judges readings, stores what changed, makes the board. `now` is a
//! parameter everywhere; nothing here waits for anything but the disk.

mod evaluation;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod year;

use std::{collections::BTreeMap, panic::resume_unwind, sync::Arc, thread, time::Duration};

use super::{
    falls::Falls,
    in_force,
    inventory::{self, Facts, Systems},
    missing,
    planning::{self, Surroundings},
    readings,
    slot::{Method, Slot},
    sources::{Delivery, Sources},
    worker::chain,
};
use crate::{
    board::Board,
    config::Config,
    connector::{self, Failure, FailureReason},
    indicator::{Evaluator, Id, Own},
    plan::{Evidence, Finding},
    record::{Feed, shape},
    store::{self, Absent, Projection, Store, Touched, tables::SourceRow},
};

/// The agent's state.
#[derive(Debug)]
pub struct Core {
    config: Arc<Config>,
    /// Each evaluates on a thread and a read-only connection of its own, which is closed before the store is.
    evaluators: Vec<Evaluator>,
    store: Store,
    sources: Sources,
    slots: Vec<Slot>,
    /// What the board shows of records, as it was read last.
    facts: Facts,
    /// The rows of `sources` that indicators saw last.
    seen_sources: Vec<SourceRow>,
    /// When those became another.
    seen_at: i64,
    /// Whether nothing came of sources since then but successes that changed nothing.
    is_quiet: bool,
    plan: Plan,
    evaluated_at: Option<i64>,
    /// When it was noted last that the agent runs.
    noted_at: i64,
    /// Since when what changed can't be stored, if so.
    failing_since: Option<i64>,
    /// Whether indicators see readings that are not stored.
    overlaid: bool,
    /// Writes that failed and were not told yet.
    failed_writes: u64,
    falls: Falls,
    /// The indicator that something is done for, so that a fault can be told to be its.
    at_work: Option<Id>,
    /// What could not be stored: by source, and under names of their own readings and the data folder.
    problems: BTreeMap<String, String>,
}

/// The monitoring plan, as it was checked last.
#[derive(Debug, Default)]
struct Plan {
    /// What dashboards show and rules alert on, as far as it was read since it changed.
    shown: Option<Evidence>,
    findings: Vec<Finding>,
    /// Whether anything that it is checked against has changed since.
    touched: bool,
    checked_at: i64,
}

/// What an evaluation did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evaluated {
    /// Indicators that were evaluated whole.
    pub whole: usize,
    /// Indicators that were evaluated for some systems.
    pub for_systems: usize,
    /// Indicators of which only verdicts were looked at again.
    pub verdicts: usize,
}

impl Evaluated {
    /// Whether nothing was touched or due.
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// Threads that evaluate. Two halve the time; more would take the whole machine from those who share it.
const EVALUATORS: usize = 2;

/// Stands for the readings among the problems; no source has this name.
const READINGS: &str = "";

/// Stands for the data folder among the problems; neither has a source this name.
const FOLDER: &str = "/";

/// For how long a write that failed is tried again before what could not be stored is shown all the same, in seconds (ruling 22).
const PATIENCE: i64 = 30;

/// How often it is noted that the agent runs, in seconds.
const NOTE_EVERY: i64 = 60;

/// For how long successes of sources may wait that changed nothing, so that many of them are shown together, in seconds.
const SUCCESSES_WAIT: i64 = 15;

/// How often the plan is checked when nothing but time has passed, in seconds: what it allows to be so old grows older.
const PLAN_EVERY: i64 = 60;

impl Core {
    /// Opens the store and takes up what it remembers.
    ///
    /// # Errors
    /// What the store reports.
    pub fn open(config: Arc<Config>, now: i64) -> Result<Self, store::Error> {
        let mut store = Store::open(&config.data_dir, config.zone)?;
        store.begin_run(now)?;
        let path = store.path();
        let evaluator = || Projection::open(path).and_then(Projection::sharing).map(Evaluator::new);
        let evaluators = thread::scope(|scope| {
            let opening: Vec<_> = (0..EVALUATORS).map(|_| scope.spawn(evaluator)).collect();
            opening.into_iter().map(|opening| opening.join().unwrap_or_else(|panic| resume_unwind(panic))).collect::<Result<_, _>>()
        })?;
        let mut core = Self {
            sources: Sources::default(),
            slots: Vec::new(),
            facts: Facts::default(),
            seen_sources: Vec::new(),
            seen_at: 0,
            is_quiet: false,
            plan: Plan::default(),
            evaluated_at: None,
            noted_at: now,
            failing_since: None,
            overlaid: false,
            failed_writes: 0,
            falls: Falls::read(&config.data_dir, now),
            at_work: None,
            problems: BTreeMap::new(),
            config: Arc::clone(&config),
            store,
            evaluators,
        };
        core.configure(config, now)?;
        Ok(core)
    }

    /// Takes over a configuration: its sources, indicators and thresholds. Everything is due then.
    ///
    /// # Errors
    /// What the store reports; the configuration before stays in force then.
    pub fn configure(&mut self, config: Arc<Config>, now: i64) -> Result<(), store::Error> {
        let names: Vec<_> = config.sources.iter().map(|polled| polled.source.name.as_str()).collect();
        let methods: Vec<_> = config.catalogue.iter().map(|indicator| Method::new(indicator, &config)).collect();
        let ids: Vec<_> = methods.iter().map(|method| method.indicator.id.as_str()).collect();
        let (before, slots) = (&self.sources, &self.slots);
        let is_held = |id: &str| slots.iter().any(|slot| slot.method.indicator.id.as_str() == id);
        self.store.look()?;
        let (sources, stored) = self.store.together(|store| {
            store.forget_sources_except(&names, now)?;
            for method in &methods {
                store.record_method(method.indicator.id.as_str(), &method.digest, &method.document(&config), now)?;
            }
            store.record_configuration(&in_force::document(&config), now)?;
            store.close_readings_except(&ids, now)?;
            let stored = ids.iter().map(|id| if is_held(id) { Ok(Vec::new()) } else { store.readings_of(id) }).collect::<Result<Vec<_>, _>>()?;
            Ok((Sources::load(&config, store, before)?, stored))
        })?;
        // Nothing from here on can fail: what is in force is the one configuration or the other, never parts of both.
        self.problems.retain(|source, _| [READINGS, FOLDER].contains(&source.as_str()) || names.contains(&source.as_str()));
        let mut before: BTreeMap<_, _> = self.slots.drain(..).map(|slot| (slot.method.indicator.id.clone(), slot)).collect();
        let slot = |(method, stored): (Method, _)| match before.remove(&method.indicator.id) {
            Some(slot) => Slot::succeed(method, slot),
            None => Slot::new(method, stored),
        };
        self.slots = methods.into_iter().zip(stored).map(slot).collect();
        self.sources = sources;
        self.is_quiet = false;
        // A source that is not there any more took its records with it.
        self.forget(&Touched::everything());
        self.facts.touch_all();
        self.plan = Plan { touched: true, ..Plan::default() };
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

    /// Takes in the end of a poll. What it touched is due.
    ///
    /// # Errors
    /// How the poll failed, what of it could not be read, or that what it gave could not be stored.
    pub fn take_in(&mut self, source: &str, outcome: Result<Delivery, Failure>, took: Duration, now: i64) -> Result<(), Failure> {
        let outcome = outcome.and_then(|delivery| {
            let committed = match delivery.unread.as_slice() {
                [] => self.store.commit(source, &delivery.streams, now),
                _ => self.store.commit_part(source, &delivery.streams, now),
            };
            committed.map(|committed| (delivery, committed)).map_err(|error| self.not_stored(source, &error))
        });
        match outcome {
            Ok((delivery, committed)) => {
                let was_problem = self.problems.remove(source).is_some();
                self.is_quiet &= !was_problem && self.sources.is_mere_success(source, &delivery, SUCCESSES_WAIT);
                self.forget(&committed.touched);
                self.touch(&committed.touched);
                let unread = connector::unread(&delivery.unread);
                let fed = self.sources.succeeded(source, delivery, &committed, &self.store, took, now);
                self.touch(&fed);
                unread.map_or(Ok(()), Err)
            }
            Err(failure) => {
                self.is_quiet = false;
                self.sources.failed(source, &failure, took);
                Err(failure)
            }
        }
    }

    /// What is held of a source and absent from a poll of it. What can't be told will be told when the poll is stored.
    pub fn absent(&self, source: &str, delivery: &Delivery) -> Absent {
        self.store.absent(source, &delivery.streams).unwrap_or_default()
    }

    /// Whether what came of sources may wait.
    pub fn can_wait(&self, now: i64) -> bool {
        self.is_quiet && (0..SUCCESSES_WAIT).contains(&(now - self.seen_at))
    }

    fn not_stored(&mut self, source: &str, error: &store::Error) -> Failure {
        let reason = if matches!(error, store::Error::Conflict(_)) { FailureReason::InvalidRecord } else { FailureReason::Store };
        if reason == FailureReason::Store {
            self.failed_writes += 1;
            self.problems.insert(source.to_owned(), error.to_string());
        }
        Failure::new(reason, error.to_string())
    }

    fn touch(&mut self, touched: &Touched) {
        self.slots.iter_mut().for_each(|slot| slot.touch(touched));
        self.facts.touch(touched);
        if ["panels", "alert_rules"].iter().any(|table| touched.has_table(table)) {
            self.plan.shown = None;
        }
        self.plan.touched |= ["panels", "alert_rules", "plan_entries", "systems"].iter().any(|table| touched.has_table(table));
    }

    /// Makes everything due.
    pub fn touch_everything(&mut self) {
        self.forget(&Touched::everything());
        self.slots.iter_mut().for_each(Slot::touch_all);
        self.facts.touch_all();
        self.plan.touched = true;
    }

    /// Has what was computed of these records computed again.
    fn forget(&mut self, touched: &Touched) {
        self.evaluators.iter_mut().for_each(|evaluator| evaluator.projection.forget(touched));
    }

    /// Notes that time has passed: the data folder may have changed. True when there is something to tell that was not so before.
    pub fn look(&mut self) -> bool {
        let found = self.store.look().err().map(|error| error.to_string());
        let changed = self.problems.get(FOLDER) != found.as_ref();
        match found {
            Some(problem) => drop(self.problems.insert(FOLDER.to_owned(), problem)),
            None => drop(self.problems.remove(FOLDER)),
        }
        changed
    }

    /// Notes from time to time that the agent runs, and seals that, too.
    pub fn go_on(&mut self, now: i64) {
        if (0..NOTE_EVERY).contains(&(now - self.noted_at)) {
            return;
        }
        self.noted_at = now;
        // Until when a run went is of use to who reads the history. Whether the store can be written, the writes that matter tell.
        if let Err(error) = self.store.go_on(now) {
            tracing::debug!(error = %error, "that the agent runs could not be noted");
        }
    }

    /// Makes the tables that indicators query anew, which were found not to be what the ledger says.
    pub fn mend(&mut self, now: i64) {
        match self.store.renew(now) {
            Ok(Some(what)) => {
                tracing::error!(what, "the tables that indicators query were not what the ledger says, and were made anew from it");
                self.touch_everything();
            }
            Ok(None) => {}
            Err(error) => {
                self.failed_writes += 1;
                tracing::error!(error = %error, "the tables that indicators query are not what the ledger says, and could not be made anew");
            }
        }
    }

    /// Notes that the agent ends as it should, and gives the last entry of evidence.
    ///
    /// # Errors
    /// What the store reports.
    pub fn stop(&mut self, now: i64) -> Result<store::Anchor, store::Error> {
        self.store.end_run(now)
    }

    /// Stores what changed. What can't be stored is shown to the passes that follow all the same.
    fn store_changes(&mut self, now: i64) {
        // A clock that was set back meanwhile says nothing of how long that was.
        let shown_unstored = self.failing_since.filter(|since| !(0..PATIENCE).contains(&(now - since)));
        let stored = {
            let mut changes = self.slots.iter().filter(|slot| slot.is_behind()).flat_map(|slot| slot.changes(now)).peekable();
            match changes.peek() {
                None => Ok(()),
                Some(_) => self.store.together(|store| {
                    shown_unstored.map_or(Ok(()), |since| store.record_gap(since.min(now), since.max(now)))?;
                    store.record_readings(changes, now)
                }),
            }
        };
        match stored {
            Ok(()) => {
                self.problems.remove(READINGS);
                self.failing_since = None;
                self.slots.iter_mut().filter(|slot| slot.is_behind()).for_each(Slot::stored);
            }
            Err(error) => {
                self.problems.insert(READINGS.to_owned(), error.to_string());
                self.failed_writes += 1;
                self.failing_since.get_or_insert(now);
            }
        }
        let unstored: Vec<_> = self.slots.iter().filter(|slot| slot.is_behind()).flat_map(Slot::unstored).collect();
        if unstored.is_empty() && !self.overlaid {
            return;
        }
        if let Err(error) = self.evaluators.iter_mut().try_for_each(|evaluator| evaluator.projection.show_unstored(&unstored)) {
            tracing::error!(error = chain(&error), "indicators can't be shown readings that are not stored");
        }
        self.overlaid = !unstored.is_empty();
    }

    /// Checks the monitoring plan against the readings of the passes before.
    fn check_plan(&mut self, now: i64) {
        if !self.plan.touched && (0..PLAN_EVERY).contains(&(now - self.plan.checked_at)) {
            return;
        }
        match self.plan_findings(now) {
            Ok(findings) => {
                let rows = |findings: &[Finding]| -> Vec<_> { findings.iter().map(|finding| finding.row.clone()).collect() };
                let shown = rows(&findings);
                if shown != rows(&self.plan.findings) || self.evaluated_at.is_none() {
                    if let Err(error) = self.evaluators.iter_mut().try_for_each(|evaluator| evaluator.projection.show_plan_checks(&shown)) {
                        tracing::error!(error = chain(&error), "indicators can't be shown how the plan is kept");
                    }
                    self.slots.iter_mut().filter(|slot| slot.method.indicator.reads_own(Own::PlanChecks)).for_each(Slot::touch_all);
                }
                self.plan.findings = findings;
                (self.plan.touched, self.plan.checked_at) = (false, now);
            }
            Err(error) => drop(self.problems.insert(READINGS.to_owned(), error.to_string())),
        }
    }

    fn plan_findings(&mut self, now: i64) -> Result<Vec<Finding>, store::Error> {
        let reader = self.store.reader();
        let entries = planning::entries(reader)?;
        if self.plan.shown.is_none() && !entries.is_empty() {
            self.plan.shown = Some(planning::evidence(reader)?);
        }
        let evidence = self.plan.shown.as_ref().unwrap_or(const { &Evidence::new() });
        let readings = readings::Surroundings { sources: &self.sources, systems: &self.facts.systems, now };
        Ok(planning::findings(&entries, &Surroundings { slots: &self.slots, readings, evidence, off: &self.config.off }))
    }

    /// What was found for each entry of the monitoring plan.
    pub fn findings(&self) -> &[Finding] {
        &self.plan.findings
    }

    /// Shows what holds, unless it is waiting to be stored.
    fn show(&mut self, now: i64) {
        let waits = self.failing_since.is_some_and(|since| (0..PATIENCE).contains(&(now - since)));
        let newer = self.slots.iter_mut().filter(|slot| !(slot.is_shown() || waits && slot.is_behind()));
        newer.for_each(Slot::show);
    }

    /// The current picture. What is shown of sources is as of now, whatever could be stored or evaluated.
    pub fn board(&self, now: i64) -> Board {
        Board {
            at: now,
            number: 0,
            organisation: self.config.organisation.clone(),
            panels: self.slots.iter().map(Slot::panel).collect(),
            sources: self.sources.status(now),
            systems: Arc::clone(&self.facts.systems),
            review_links: Arc::clone(&self.facts.review_links),
            acceptances: Arc::clone(&self.facts.acceptances),
            parameters: self.config.parameters.clone(),
            off: self.config.off.clone(),
            missing: missing::missing(&self.slots, &self.sources, &self.config.registry),
            unmatched: self.unmatched(),
        }
    }

    /// Names of the configuration that are no systems. While nobody has read the inventory, that is not known.
    fn unmatched(&self) -> Vec<String> {
        let systems = shape::by_name("system").map(Feed::all);
        let is_read = self.sources.read_at(systems.as_slice()).flatten().is_some();
        if is_read { inventory::unmatched(&self.config, &self.facts.systems) } else { Vec::new() }
    }

    /// The inventory, as it is stored.
    ///
    /// # Errors
    /// What the store reports.
    pub fn systems(&self) -> Result<Systems, store::Error> {
        inventory::systems(self.store.reader())
    }

    /// Leaves word for the next start of where it fell, and of which indicator was at work.
    pub fn note_fall(&self, place: String, now: i64) {
        self.falls.note(&self.config.data_dir, place, self.at_work.as_ref().map(ToString::to_string), now);
    }

    /// Why the agent is not ready, if it isn't.
    pub fn problem(&self) -> Option<&str> {
        self.problems.values().next().map(String::as_str)
    }

    /// How many writes failed since this was asked last.
    pub fn take_failed_writes(&mut self) -> u64 {
        std::mem::take(&mut self.failed_writes)
    }

    /// The configuration in force.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }
}
