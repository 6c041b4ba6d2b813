//! Where each indicator is shown. Every indicator has one home, also one that a user adds: it follows from the records that it reads, its labels
//! and its unit, never from a list of ids.

use std::sync::Arc;

use super::query::Measure;
use crate::indicator::{Catalogue, Indicator, MOMENTS, Own, Reads};

/// The panel that shows an indicator's own series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// Operations: values for a feature of a model.
    Drift,
    /// Operations: values for a group of people.
    Bias,
    /// Operations: other values of a model.
    Models,
    /// Operations: pipelines.
    Pipelines,
    /// Operations: incidents, gates of deployment, and whatever else there is to see to.
    Operations,
    /// Obligations: assessments and risks.
    Assessments,
    /// Obligations: what else is planned and due.
    Programme,
    /// Obligations: days themselves, from which the calendar is made. Moments can't be added up or compared with counts, so no table has them.
    Calendar,
    /// Management review: nonconformities, corrective actions, actions of earlier reviews.
    Improvement,
    /// Management review: objectives, controls, the monitoring plan.
    Planning,
    /// Agent: its sources and how they fit together.
    Sources,
}

/// The indicators by home.
pub struct Places {
    indicators: Vec<(Home, Arc<Indicator>)>,
}

impl Places {
    /// Finds a home for every indicator.
    pub fn of(catalogue: &Catalogue) -> Self {
        Self { indicators: catalogue.iter().map(|indicator| (home(indicator), Arc::clone(indicator))).collect() }
    }

    /// The indicators that live here, by id.
    pub fn at(&self, home: Home) -> Vec<&Indicator> {
        self.indicators.iter().filter(|(found, _)| *found == home).map(|(_, indicator)| indicator.as_ref()).collect()
    }

    /// The indicator with this id.
    pub fn find(&self, id: &str) -> Option<&Indicator> {
        self.all().into_iter().find(|indicator| indicator.id.as_str() == id)
    }

    /// Every indicator that a table can show.
    pub fn all(&self) -> Vec<&Indicator> {
        self.indicators.iter().filter(|(home, _)| *home != Home::Calendar).map(|(_, indicator)| indicator.as_ref()).collect()
    }

    /// The indicators by clause of the standard, 4 to 10. One that serves several stands in each.
    pub fn by_clause(&self) -> Vec<(String, Vec<&Indicator>)> {
        const CLAUSES: [(&str, &str); 7] = [
            ("4", "Context"),
            ("5", "Leadership"),
            ("6", "Planning"),
            ("7", "Support"),
            ("8", "Operation"),
            ("9", "Performance evaluation"),
            ("10", "Improvement"),
        ];
        let serves = |indicator: &Indicator, number: &str| indicator.references.clause.iter().any(|clause| clause.split('.').next() == Some(number));
        let group = |(number, title): &(&str, &str)| {
            let indicators: Vec<_> = self.all().into_iter().filter(|indicator| serves(indicator, number)).collect();
            (!indicators.is_empty()).then(|| (format!("{number} {title}"), indicators))
        };
        CLAUSES.iter().filter_map(group).collect()
    }

    /// The indicators by input of the management review (9.3.2), for the inputs that indicators speak of.
    pub fn by_review_input(&self) -> Vec<(String, Vec<&Indicator>)> {
        type Rule = fn(&Indicator) -> bool;
        const INPUTS: [(&str, Rule); 5] = [
            ("a  Actions from earlier reviews", |one| reads(one, "cases", &["review_action"])),
            ("c  Concerns of interested parties", |one| reads(one, "cases", &["concern"])),
            ("d1 Nonconformities and corrective actions", |one| reads(one, "cases", &["nonconformity", "corrective_action"])),
            ("d2 Monitoring and measurement", |one| one.references.clause.iter().any(|clause| clause == "9.1" || clause.starts_with("9.1."))),
            ("d3 Audits", |one| reads(one, "reviews", &["internal_audit", "surveillance_audit", "recertification"])),
        ];
        let group = |(name, belongs): &(&str, Rule)| {
            // What reads a bit of everything, as the reconciliation of the inventory does, speaks of none of it.
            let indicators: Vec<_> = self.all().into_iter().filter(|one| !reads_sources(one) && belongs(one)).collect();
            (!indicators.is_empty()).then(|| ((*name).to_owned(), indicators))
        };
        INPUTS.iter().filter_map(group).collect()
    }
}

fn home(indicator: &Indicator) -> Home {
    let has = |label: &str| indicator.columns().labels().iter().any(|known| known == label);
    let reads = |table: &str, kinds: &[&str]| reads(indicator, table, kinds);
    // What is computed from other readings, as the share of drifted features is, speaks of what these measure.
    let measured = reads("measurements", &[]) || indicator.reads.contains(&Reads::Own(Own::Readings));
    if indicator.unit == MOMENTS {
        Home::Calendar
    } else if reads_sources(indicator) {
        Home::Sources
    } else if measured && has("feature") {
        Home::Drift
    } else if measured && has("subgroup") {
        Home::Bias
    } else if measured && has("model") && Measure::of(indicator) != Measure::Count {
        Home::Models
    } else if has("pipeline") {
        Home::Pipelines
    } else if reads("controls", &[]) || reads("objectives", &[]) || reads("plan_entries", &[]) {
        Home::Planning
    } else if reads("cases", &["nonconformity", "corrective_action", "review_action"]) {
        Home::Improvement
    } else if reads("model_versions", &[]) || reads("cases", &["incident", "concern", "change"]) {
        Home::Operations
    } else if reads("reviews", &["impact_assessment", "risk_assessment"]) || reads("cases", &["risk", "risk_treatment"]) {
        Home::Assessments
    } else if reads("reviews", &[]) {
        Home::Programme
    } else {
        Home::Operations
    }
}

/// Whether it reads some of these kinds of the table in particular; no kinds: whatever of it.
fn reads(indicator: &Indicator, table: &str, kinds: &[&str]) -> bool {
    indicator.reads.iter().any(|read| match read {
        Reads::Records { feed, .. } => feed.table() == table && (kinds.is_empty() || kinds.iter().any(|kind| feed.kinds().contains(kind))),
        Reads::Own(_) => false,
    })
}

fn reads_sources(indicator: &Indicator) -> bool {
    indicator.reads.contains(&Reads::Own(Own::Sources))
}
