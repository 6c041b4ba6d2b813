//! What is touched or due, made anew: in passes, on several threads, each indicator's failure its own.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError},
};

use super::{
    super::{
        readings,
        slot::{Made, Part, Slot, builds_on},
        worker::chain,
    },
    Core, Evaluated, READINGS,
};
use crate::{
    indicator::{Evaluation, EvaluationError, Evaluator, Indicator, Moment, Own, Pass, Row},
    store::{self, Affected, Projection, tables::SourceRow},
};

impl Core {
    /// Evaluates what is touched or due, stores what changed, and shows it: once it is stored, or when it could not be for half a minute.
    pub fn evaluate(&mut self, now: i64) -> Evaluated {
        if self.evaluated_at.is_some_and(|before| now < before) {
            // The clock was set back: what is known of due times is about a time that has not come.
            self.touch_everything();
        }
        let aged = self.sources.age(now);
        self.touch(&aged);
        self.see_sources(now);
        if let Err(error) = self.facts.renew(self.store.reader(), self.config.zone) {
            self.problems.insert(READINGS.to_owned(), error.to_string());
        }
        let mut evaluated = Evaluated::default();
        for pass in Pass::ALL {
            if pass == Pass::OfPlan {
                self.check_plan(now);
            }
            let before = evaluated;
            self.evaluate_pass(pass, now, &mut evaluated);
            // What could not be stored before is tried again once, not after each pass.
            if pass == Pass::OfRecords || evaluated != before {
                self.store_changes(now);
            }
        }
        if let Some(Err(error)) = self.evaluators.first().map(|first| self.facts.renew_links(self.store.reader(), &first.projection)) {
            self.problems.insert(READINGS.to_owned(), error.to_string());
        }
        self.show(now);
        self.evaluated_at = Some(now);
        evaluated
    }

    /// Lets indicators see the sources as they are.
    fn see_sources(&mut self, now: i64) {
        if self.can_wait(now) {
            return;
        }
        self.is_quiet = true;
        let rows = self.sources.rows(now);
        if rows == self.seen_sources {
            return;
        }
        self.seen_at = now;
        if let Err(error) = self.evaluators.iter_mut().try_for_each(|evaluator| evaluator.projection.show_sources(&rows)) {
            tracing::error!(error = chain(&error), "indicators can't be shown how the sources are");
        }
        // That sources were read again happens all the time, and few indicators ask when that was.
        let but_when = |rows: &[SourceRow]| -> Vec<_> { rows.iter().map(|row| SourceRow { last_success_at: None, ..row.clone() }).collect() };
        let merely_read = but_when(&rows) == but_when(&self.seen_sources);
        let concerns = |indicator: &Indicator| indicator.reads_own(Own::Sources) && (!merely_read || indicator.may_read("last_success_at"));
        self.slots.iter_mut().filter(|slot| concerns(&slot.method.indicator)).for_each(Slot::touch_all);
        // The plan allows records to be so old.
        self.plan.touched = true;
        self.seen_sources = rows;
    }

    /// Evaluates what wants it in a pass. What builds on readings that changed is touched by that.
    fn evaluate_pass(&mut self, pass: Pass, now: i64, evaluated: &mut Evaluated) {
        // What is left without any reading is looked at once more, whole.
        for _ in 0..2 {
            let of_pass = |slot: &Slot| if slot.method.pass() == pass { slot.wanted(now) } else { None };
            let work: Vec<_> = self.slots.iter().enumerate().filter_map(|(position, slot)| Some((position, of_pass(slot)?))).collect();
            if work.is_empty() {
                return;
            }
            for (position, part, made) in self.make(work, now) {
                *match part {
                    Part::Whole => &mut evaluated.whole,
                    Part::Systems(_) => &mut evaluated.for_systems,
                    Part::Verdicts => &mut evaluated.verdicts,
                } += 1;
                self.at_work = Some(self.slots[position].method.indicator.id.clone());
                let failed_before = self.slots[position].failed;
                let mut changed = self.slots[position].take(&part, made, now, self.config.zone);
                if failed_before != self.slots[position].failed {
                    changed = Affected::All;
                }
                self.touch_what_builds_on(position, &changed);
            }
            self.at_work = None;
        }
    }

    fn touch_what_builds_on(&mut self, position: usize, changed: &Affected) {
        if changed.is_nothing() {
            return;
        }
        self.plan.touched = true;
        let id = self.slots[position].method.indicator.id.clone();
        let pass = self.slots[position].method.pass();
        let builds = |slot: &Slot| slot.method.pass() > pass && builds_on(&slot.method, &id, &self.slots);
        let building: Vec<_> = self.slots.iter().enumerate().filter(|(_, slot)| builds(slot)).map(|(at, _)| at).collect();
        building.into_iter().for_each(|at| self.slots[at].touch_systems(changed));
    }

    /// Evaluates and judges. All threads see the same records: the only writer waits for them.
    fn make(&mut self, mut work: Vec<(usize, Part)>, now: i64) -> Vec<(usize, Part, Made)> {
        let moment = Moment::at(now, self.config.zone);
        let (slots, config, off) = (&self.slots, &self.config, self.falls.off());
        let around = readings::Surroundings { sources: &self.sources, systems: &self.facts.systems, now };
        let rows = |evaluation: &Result<Evaluation<'_>, store::Error>, slot: &Slot, part: &Part| -> Result<Vec<Row>, EvaluationError> {
            let indicator = &slot.method.indicator;
            let name = || indicator.id.to_string();
            if let Some(off) = off.as_ref().filter(|off| off.indicator == indicator.id.as_str()) {
                return Err(EvaluationError::Off { indicator: name(), place: off.place.clone() });
            }
            let failed = slots.iter().filter(|other| other.failed && other.method.pass() < slot.method.pass());
            if let Some(id) = failed.map(|other| &other.method.indicator.id).find(|id| builds_on(&slot.method, id, slots)) {
                return Err(EvaluationError::Foundation { indicator: name(), id: id.to_string() });
            }
            let unreadable = |error: &store::Error| EvaluationError::Unreadable { indicator: name(), reason: chain(error) };
            let evaluation = evaluation.as_ref().map_err(unreadable)?;
            match part {
                Part::Systems(systems) => evaluation.evaluate_for(indicator, &config.parameters, systems),
                _ => evaluation.evaluate(indicator, &config.parameters),
            }
        };
        let one = |evaluation: &Result<Evaluation<'_>, store::Error>, slot: &Slot, part: &Part| -> Made {
            // A panic is that indicator's failure; the panic hook has said where it was.
            let made = catch_unwind(AssertUnwindSafe(|| match part {
                Part::Verdicts => readings::judge_again(slot, around),
                _ => readings::judge(slot, part, rows(evaluation, slot, part), around),
            }));
            let fault = || EvaluationError::Fault { indicator: slot.method.indicator.id.to_string() };
            made.unwrap_or_else(|_| readings::judge(slot, &Part::Whole, Err(fault()), around))
        };
        // From both ends, those that share a view on one side, the dearest view first: so it is computed by one thread and not by the other, too.
        let shared = |position: usize| slots[position].method.indicator.views().iter().filter_map(|view| Projection::place_among_shared(&view.name)).min();
        work.sort_by_key(|(position, _)| shared(*position).unwrap_or(usize::MAX));
        let left = Mutex::new(0..work.len());
        let (work, left) = (&work, &left);
        let thread = |place: usize, evaluator: &mut Evaluator| {
            let evaluation = evaluator.begin(moment);
            let mut done = Vec::new();
            let next = || {
                let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
                if place == 0 { left.next() } else { left.next_back() }
            };
            while let Some((position, part)) = next().map(|at| &work[at]) {
                let made = one(&evaluation, &slots[*position], part);
                // Of a failure nothing is known of any system.
                let part = if made.failed { Part::Whole } else { part.clone() };
                done.push((*position, part, made));
            }
            done
        };
        let thread = &thread;
        let mut done: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = self.evaluators.iter_mut().enumerate().map(|(place, evaluator)| scope.spawn(move || thread(place, evaluator))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        done.sort_by_key(|(position, ..)| *position);
        done
    }
}
