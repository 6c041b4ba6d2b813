//! `drift`: every chosen column of two windows, one column (or as many as memory allows) at a time.

use std::f64::consts::LN_2;

use super::columns::{Chosen, Role};
use super::kinds::in_one_unit;
use super::limits::{Defaults, Judged, Limits};
use super::profile::{Frozen, Frozenness, Profile};
use super::sketched::{self, Side};
use super::tests::{FEW_VALUES, Tests, distinct};
use super::{Error, Progress, Result};
use crate::categories::{Aligned, Categories, Nulls};
use crate::drift::{
    Alike, Binning, Correction, Domain, LEAST_DEVIATION, Likeness, Method, Number, Outcome, Settings, adjust, categorical, numeric, psi_noise_floor,
};
use crate::output::{ColumnFacts, DatasetDrift, Direction, ExcludedRows, Family, Kind, LeftOut, Measurement, PValue, Picture, Unit, Verdict};
use crate::read::Source;
use crate::read::column::{self, Column, Room};
use crate::special::Bound;
use crate::window::Window;

/// The choices of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which statistics.
    pub tests: Tests,
    /// How they are computed.
    pub settings: Settings,
    /// True when the bins were chosen by the user, and not by default.
    pub is_binning_chosen: bool,
    /// The tool to follow.
    pub like: Option<Likeness>,
    /// The limits.
    pub limits: Limits,
    /// How p-values are adjusted for their number.
    pub correction: Correction,
    /// What rows without a value are among categories.
    pub nulls: Nulls,
    /// Bytes for the columns of both windows that are in memory together.
    pub memory: usize,
    /// True to draw distributions.
    pub with_pictures: bool,
}

/// What the current window is compared with.
pub enum Reference<'a> {
    /// Another window.
    Window(&'a dyn Source),
    /// What was kept of one.
    Profile(&'a Profile),
}

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// In the order of columns and methods.
    pub measurements: Vec<Measurement>,
    /// One for each column that was compared.
    pub columns: Vec<ColumnFacts>,
    /// The rest.
    pub left_out: Vec<LeftOut>,
    /// All together.
    pub dataset: Option<DatasetDrift>,
    /// Distributions.
    pub pictures: Vec<Picture>,
}

/// Compares the chosen columns.
///
/// # Errors
/// What keeps a window from being read.
pub fn run(reference: &Reference<'_>, current: &dyn Source, chosen: &[Chosen], options: &Options, progress: &mut Progress<'_>) -> Result<Findings> {
    let mut run = Run { options, room: Room::default(), findings: Findings::default(), methods: Vec::new() };
    let mut done = 0;
    for group in chosen.chunks(group_size(reference, current, chosen.len(), options.memory)) {
        progress(done, chosen.len(), &group[0].name);
        run.group(reference, current, group)?;
        done += group.len();
    }
    progress(done, chosen.len(), "");
    run.judge();
    Ok(run.findings)
}

/// How many columns are read in one scan: one where that costs no more than its own bytes, else as many as fit into memory.
fn group_size(reference: &Reference<'_>, current: &dyn Source, columns: usize, memory: usize) -> usize {
    let (is_columnar, rows) = match reference {
        Reference::Window(reference) => (reference.is_columnar() && current.is_columnar(), reference.rows().zip(current.rows()).map(|(n, m)| n + m)),
        Reference::Profile(_) => (current.is_columnar(), current.rows()),
    };
    let bytes = rows.map_or(usize::MAX, |rows| usize::try_from(rows).unwrap_or(usize::MAX).saturating_mul(size_of::<f64>()));
    if is_columnar { 1 } else { (memory / 3 * 2 / bytes.max(1)).clamp(1, columns.max(1)) }
}

/// A third of the memory for a column of each window, and one to sort in; what categories take is shared by those that are read together.
fn limits(memory: usize, columns: usize) -> column::Limits {
    column::Limits { number_bytes: memory / 3, category_bytes: memory / 3 / columns.max(1) }
}

/// A reference column: read, or as the profile has it.
struct Known {
    column: Column,
    frozen: Option<Frozen>,
}

/// Numbers that were frozen as categories are read as such, whether or not that is asked for again.
fn as_frozen(reference: &Reference<'_>, group: &[Chosen]) -> Vec<Chosen> {
    let are_codes = |chosen: &Chosen| matches!(reference, Reference::Profile(profile) if profile.column(&chosen.name).is_some_and(Frozenness::are_codes));
    group.iter().map(|chosen| Chosen { as_categories: chosen.as_categories || are_codes(chosen), ..chosen.clone() }).collect()
}

struct Run<'a> {
    options: &'a Options,
    room: Room,
    findings: Findings,
    /// The method of each measurement.
    methods: Vec<Method>,
}

impl Run<'_> {
    fn group(&mut self, reference: &Reference<'_>, current: &dyn Source, group: &[Chosen]) -> Result<()> {
        let group = &as_frozen(reference, group);
        let references = match reference {
            Reference::Window(source) => {
                let columns = self.read(*source, group)?.into_iter();
                columns.map(|column| column.map(|column| Known { column, frozen: None })).collect::<Vec<_>>()
            }
            Reference::Profile(profile) => group
                .iter()
                .map(|chosen| profile.column(&chosen.name).map(|column| Known { column: column.thaw(self.options.memory / 3), frozen: column.frozen() }))
                .collect(),
        };
        let kinds = |chosen: &Chosen| match reference {
            Reference::Window(source) => source.position(&chosen.name).map(|place| source.fields()[place].kind.name()),
            Reference::Profile(profile) => profile.column(&chosen.name).map(|column| column.kind()),
        };
        let currents = self.read(current, group)?;
        for ((chosen, reference), read) in group.iter().zip(references).zip(currents) {
            let facts = ColumnFacts {
                feature: chosen.name.clone(),
                role: chosen.role.name(),
                reference_kind: kinds(chosen),
                current_kind: current.position(&chosen.name).map(|place| current.fields()[place].kind.name()),
                ..ColumnFacts::default()
            };
            match (reference, read) {
                (Some(reference), Some(read)) => self.compare(chosen, facts, reference, read),
                (Some(_), None) => self.undefined(chosen, facts, "the current window lacks the column".to_owned()),
                (None, _) => self.undefined(chosen, facts, "the reference window lacks the column".to_owned()),
            }
        }
        Ok(())
    }

    /// Reads the columns of a group that the source has.
    fn read(&mut self, source: &dyn Source, group: &[Chosen]) -> Result<Vec<Option<Column>>> {
        let there: Vec<(usize, &Chosen)> = group.iter().filter_map(|chosen| source.position(&chosen.name).map(|place| (place, chosen))).collect();
        let places: Vec<usize> = there.iter().map(|(place, _)| *place).collect();
        let as_categories: Vec<bool> = there.iter().map(|(_, chosen)| chosen.as_categories).collect();
        let limits = limits(self.options.memory, places.len());
        let mut columns = column::read(source, &places, &as_categories, limits, &mut self.room).map_err(Error::from)?;
        // What has more different values than its share of the memory may have no more than the whole.
        for (at, column) in columns.iter_mut().enumerate().filter(|(_, column)| places.len() > 1 && matches!(column, Column::TooMany(_))) {
            let again = column::read(source, &places[at..=at], &as_categories[at..=at], self::limits(self.options.memory, 1), &mut self.room);
            again.map_err(Error::from)?.into_iter().for_each(|read| *column = read);
        }
        let mut columns = columns.into_iter();
        Ok(group.iter().map(|chosen| source.position(&chosen.name).and_then(|_| columns.next())).collect())
    }

    fn compare(&mut self, chosen: &Chosen, facts: ColumnFacts, reference: Known, current: Column) {
        let Known { column: reference, frozen } = reference;
        let kinds = (facts.reference_kind.unwrap_or_default(), facts.current_kind.unwrap_or_default());
        let is_summary = frozen.as_ref().is_some_and(|frozen| !frozen.is_exact);
        let Some((reference, current)) = in_one_unit(kinds, reference, current, is_summary) else {
            return self.undefined(chosen, facts, format!("{} in the reference window, {} in the current one", kinds.0, kinds.1));
        };
        match (reference, current) {
            (Column::Numbers(_) | Column::Sketched(_), _) if is_summary && self.options.like.is_some() => {
                self.undefined(chosen, facts, "other tools are followed with the data only; the profile has a summary of this column".to_owned());
            }
            (Column::Other, _) | (_, Column::Other) => {
                let reason = "lists, structures and bytes are not compared".to_owned();
                self.findings.left_out.push(LeftOut { column: chosen.name.clone(), reason });
            }
            (Column::TooMany(values), _) | (_, Column::TooMany(values)) => {
                let reason = format!("more than {values} different values fit no count; an identifier? --exclude it, or raise --memory");
                self.undefined(chosen, facts, reason);
            }
            (Column::Numbers(reference), Column::Numbers(current)) => self.numbers(chosen, facts, reference, frozen, current),
            (reference @ (Column::Numbers(_) | Column::Sketched(_)), current @ (Column::Numbers(_) | Column::Sketched(_))) => {
                self.sketched(chosen, facts, &Side::new(reference, frozen), &Side::new(current, None));
            }
            (Column::Numbers(reference), Column::Empty(nulls)) => self.numbers(chosen, facts, reference, frozen, no_numbers(nulls)),
            (Column::Empty(nulls), Column::Numbers(current)) => self.numbers(chosen, facts, no_numbers(nulls), None, current),
            (Column::Empty(a), Column::Empty(b)) => self.numbers(chosen, facts, no_numbers(a), None, no_numbers(b)),
            (Column::Categories(reference), Column::Categories(current)) => self.categories(chosen, facts, &reference, &current),
            (Column::Categories(reference), Column::Empty(nulls)) => self.categories(chosen, facts, &reference, &no_categories(nulls)),
            (Column::Empty(nulls), Column::Categories(current)) => self.categories(chosen, facts, &no_categories(nulls), &current),
            (Column::Sketched(_), Column::Empty(_)) => self.undefined(chosen, facts, "the current window has no values".to_owned()),
            (Column::Empty(_), Column::Sketched(_)) => self.undefined(chosen, facts, "the reference window has no values".to_owned()),
            (Column::Numbers(_) | Column::Sketched(_), Column::Categories(_)) | (Column::Categories(_), Column::Numbers(_) | Column::Sketched(_)) => {
                // The kinds are the same, so what differs is how they were taken.
                self.undefined(chosen, facts, "frozen as numbers; freeze the reference again with --categorical".to_owned());
            }
        }
    }

    fn numbers(&mut self, chosen: &Chosen, mut facts: ColumnFacts, reference: Window, frozen: Option<Frozen>, current: Window) {
        facts.reference_excluded = Some(frozen.as_ref().map_or_else(|| reference.excluded().into(), |frozen| frozen.excluded));
        facts.current_excluded = Some(current.excluded().into());
        let distinct = distinct(&reference, &current, FEW_VALUES + 1);
        let methods = self.options.tests.for_numbers(reference.rows(), distinct, self.options.like);
        let settings = self.settings_for(distinct);
        let rows = (reference.rows(), current.rows());
        if let Some(tool) = self.options.like {
            methods.iter().for_each(|&method| self.push_alike(chosen, tool.numeric(method, &reference, &current), tool, rows));
        } else if let Some(frozen) = frozen.filter(|frozen| !frozen.is_exact) {
            let outcomes = frozen.compare(&reference, &current, &methods, &settings);
            outcomes.into_iter().for_each(|(outcome, bins, error)| self.push(chosen, outcome, rows, bins, error));
        } else {
            let report = numeric(&reference, &current, &methods, &settings);
            let bins = report.counts.0.len();
            report.outcomes.into_iter().for_each(|outcome| {
                let bins = (outcome.method.domain() == Domain::Counts && outcome.method != Method::ZTest).then_some(bins);
                self.push(chosen, outcome, rows, bins, None);
            });
        }
        if self.options.with_pictures {
            self.findings.pictures.push(Picture::numeric(&chosen.name, &reference, &current));
        }
        self.findings.columns.push(facts);
        self.room.give_back(reference);
        self.room.give_back(current);
    }

    /// By default a column of few values has a bin for each.
    fn settings_for(&self, distinct: usize) -> Settings {
        let mut settings = self.options.settings.clone();
        if self.options.tests == Tests::Auto && !self.options.is_binning_chosen && distinct <= FEW_VALUES {
            settings.binning = Binning::Distinct;
        }
        settings
    }

    /// Two numeric windows, at least one of which memory does not hold.
    fn sketched(&mut self, chosen: &Chosen, mut facts: ColumnFacts, reference: &Side, current: &Side) {
        (facts.reference_excluded, facts.current_excluded) = (Some(reference.excluded()), Some(current.excluded()));
        if self.options.like.is_some() {
            return self.undefined(chosen, facts, "other tools are followed with the data in memory only; raise --memory".to_owned());
        }
        let distinct = sketched::distinct(reference, current).unwrap_or(FEW_VALUES + 1);
        let methods = self.options.tests.for_numbers(reference.rows(), distinct, None);
        let settings = self.settings_for(distinct);
        let rows = (reference.rows(), current.rows());
        for (outcome, bins, error) in sketched::compare(reference, current, &methods, &settings) {
            self.push(chosen, outcome, rows, bins, error);
        }
        self.findings.columns.push(facts);
    }

    fn categories(&mut self, chosen: &Chosen, mut facts: ColumnFacts, reference: &Categories, current: &Categories) {
        let aligned = Aligned::new(reference, current, self.options.nulls);
        let excluded = |window: &Categories| {
            let nulls = if self.options.nulls == Nulls::Dropped { window.nulls() as u64 } else { 0 };
            Some(ExcludedRows { nulls, ..ExcludedRows::default() })
        };
        (facts.reference_excluded, facts.current_excluded) = (excluded(reference), excluded(current));
        (facts.unseen, facts.unseen_count) = first_names(aligned.unseen());
        (facts.vanished, facts.vanished_count) = first_names(aligned.vanished());
        let rows = (aligned.reference.iter().sum::<f64>() as u64, aligned.current.iter().sum::<f64>() as u64);
        let methods = self.options.tests.for_categories(rows.0, aligned.names.len(), self.options.like);
        if let Some(tool) = self.options.like {
            methods.iter().for_each(|&method| self.push_alike(chosen, tool.categorical(method, &aligned.reference, &aligned.current), tool, rows));
        } else {
            let report = categorical(&aligned.reference, &aligned.current, &methods, &self.options.settings);
            report.outcomes.into_iter().for_each(|outcome| self.push(chosen, outcome, rows, Some(aligned.names.len()), None));
        }
        if methods.is_empty() {
            let reason = "the tool that is followed has nothing for columns of categories".to_owned();
            self.findings.left_out.push(LeftOut { column: chosen.name.clone(), reason });
        }
        if self.options.with_pictures {
            self.findings.pictures.push(Picture::categorical(&chosen.name, &aligned));
        }
        self.findings.columns.push(facts);
    }

    /// A column that can't be compared: each method that would have been computed has no value, for this reason.
    fn undefined(&mut self, chosen: &Chosen, facts: ColumnFacts, reason: String) {
        let methods = match &self.options.tests {
            Tests::Named(methods) => methods.clone(),
            _ => vec![Method::Psi],
        };
        for method in methods {
            let mut measurement = blank(chosen, method);
            measurement.reason = Some(reason.clone());
            measurement.verdict = Some(Verdict::Unknown);
            self.add(method, measurement);
        }
        self.findings.columns.push(facts);
    }

    fn push(&mut self, chosen: &Chosen, outcome: Outcome, rows: (u64, u64), bins: Option<usize>, error_bound: Option<f64>) {
        let mut measurement = blank(chosen, outcome.method);
        measurement.unit = unit(outcome.method);
        (measurement.value, measurement.reason) = match outcome.value {
            Ok(value) => (Some(value), None),
            Err(reason) => (None, Some(reason.to_string())),
        };
        measurement.p_value = outcome.p_value.map(|p_value| PValue { value: p_value.value, adjusted: None, bound: p_value.bound.map(bound_name) });
        measurement.error_bound = error_bound;
        measurement.parameters = outcome.parameters;
        measurement.bins = bins;
        (measurement.n_reference, measurement.n_current) = (Some(rows.0), Some(rows.1));
        if outcome.method == Method::Psi {
            measurement.noise_floor = bins.and_then(|bins| psi_noise_floor(rows.0, rows.1, bins));
        }
        self.add(outcome.method, measurement);
    }

    fn push_alike(&mut self, chosen: &Chosen, alike: Alike, tool: Likeness, rows: (u64, u64)) {
        let mut measurement = blank(chosen, alike.method);
        measurement.unit = unit(alike.method);
        measurement.parameters = alike.parameters;
        measurement.parameters.push(("like", tool.to_string()));
        measurement.limit = alike.rule.map(|rule| rule.limit);
        measurement.limit_is_for_p_value = alike.rule.is_some_and(|rule| rule.judged == Number::PValue) && alike.shown != Number::PValue;
        measurement.verdict = alike.is_drift.map(|is_drift| if is_drift { Verdict::Breach } else { Verdict::Ok });
        match alike.value {
            Ok(value) => {
                measurement.value = Some(value);
                if alike.shown == Number::PValue {
                    (measurement.kind, measurement.direction) = (Kind::PValue, Some(Direction::Lower));
                    measurement.p_value = Some(PValue { value, adjusted: None, bound: None });
                }
            }
            Err(reason) => (measurement.reason, measurement.verdict) = (Some(reason.to_string()), Some(Verdict::Unknown)),
        }
        (measurement.n_reference, measurement.n_current) = (Some(rows.0), Some(rows.1));
        self.add(alike.method, measurement);
    }

    fn add(&mut self, method: Method, measurement: Measurement) {
        self.findings.measurements.push(measurement);
        self.methods.push(method);
    }

    /// Adjusts p-values, makes verdicts, and sums them up for the data set.
    fn judge(&mut self) {
        let is_own = self.options.like.is_none();
        let measurements = &mut self.findings.measurements;
        let p_values: Vec<f64> = measurements.iter().map(|measurement| measurement.p_value.map_or(f64::NAN, |p_value| p_value.value)).collect();
        let tests = p_values.iter().filter(|p_value| !p_value.is_nan()).count();
        let mut judged = vec![Judged::Value; measurements.len()];
        if is_own {
            let adjusted = adjust(&p_values, self.options.correction);
            for (at, measurement) in measurements.iter_mut().enumerate() {
                if let Some(p_value) = &mut measurement.p_value {
                    p_value.adjusted = Some(adjusted[at]);
                }
                if let Some(judgement) = self.options.limits.judge(measurement, size_limits(self.methods[at], measurement), p_value_limits(self.methods[at])) {
                    (measurement.verdict, measurement.limit) = (Some(judgement.verdict), judgement.limit);
                    measurement.limit_is_for_p_value = judgement.judged == Judged::PValue;
                    judged[at] = judgement.judged;
                    if let (Verdict::Unknown, Some(_), Some(floor)) = (judgement.verdict, measurement.value, measurement.noise_floor) {
                        measurement
                            .reason
                            .get_or_insert_with(|| format!("below the {floor:.3} that chance alone reaches with so few rows, which is over the limit"));
                    }
                } else if measurement.value.is_none() {
                    measurement.verdict = Some(Verdict::Unknown);
                }
            }
        }
        for facts in &mut self.findings.columns {
            let of_column = measurements.iter().zip(&judged).filter(|(measurement, _)| measurement.feature.as_deref() == Some(&facts.feature));
            facts.is_drifted = is_drifted(of_column);
        }
        let features = self.findings.columns.iter().filter(|facts| facts.role == Role::Feature.name());
        let known: Vec<bool> = features.clone().filter_map(|facts| facts.is_drifted).collect();
        let drifted = known.iter().filter(|is_drifted| **is_drifted).count();
        self.findings.dataset = Some(DatasetDrift {
            features: features.count(),
            known: known.len(),
            drifted,
            share: (!known.is_empty()).then(|| drifted as f64 / known.len() as f64),
            tool_limit: self.options.like.and_then(Likeness::dataset_share),
            correction: if is_own { self.options.correction.name() } else { Correction::None.name() },
            tests,
        });
    }
}

/// The limits of a warning and a breach of the agent's catalogue.
fn size_limits(method: Method, measurement: &Measurement) -> Defaults {
    let is_base_2 = measurement.parameters.iter().any(|(name, value)| *name == "base" && value == "2");
    match method {
        Method::Psi => Some((0.1, 0.25)),
        // The limits are for distances to base e; one to base 2 is larger by the root of 1 / ln 2.
        Method::JensenShannon if is_base_2 => Some((0.1 / LN_2.sqrt(), 0.2 / LN_2.sqrt())),
        Method::Ks | Method::JensenShannon | Method::Hellinger | Method::Tvd | Method::LInfinity | Method::WassersteinNormed => Some((0.1, 0.2)),
        _ => None,
    }
}

/// What has limits for its size is not judged by its p-value too: with many rows every small change is significant.
fn p_value_limits(method: Method) -> Defaults {
    match method {
        Method::ChiSquared | Method::GTest | Method::AndersonDarling | Method::CramerVonMises | Method::ZTest => Some((0.05, 0.01)),
        _ => None,
    }
}

/// A column has drifted by its distances; by its p-values only where no distance is known.
fn is_drifted<'a>(measurements: impl Iterator<Item = (&'a Measurement, &'a Judged)>) -> Option<bool> {
    let (mut by_value, mut by_p_value) = (None, None);
    for (measurement, judged) in measurements {
        let is_over = match measurement.verdict {
            Some(Verdict::Warning | Verdict::Breach) => true,
            Some(Verdict::Ok) => false,
            Some(Verdict::Unknown) | None => continue,
        };
        let slot = if *judged == Judged::Value { &mut by_value } else { &mut by_p_value };
        *slot = Some(slot.unwrap_or(false) || is_over);
    }
    by_value.or(by_p_value)
}

fn blank(chosen: &Chosen, method: Method) -> Measurement {
    let mut measurement = Measurement::new(Family::Drift, method.name(), Kind::Statistic);
    measurement.feature = Some(chosen.name.clone());
    measurement.feature_role = Some(chosen.role.name());
    measurement.direction = Some(Direction::Higher);
    measurement
}

fn unit(method: Method) -> Option<Unit> {
    match method {
        Method::Wasserstein | Method::Energy => Some(Unit::Raw),
        Method::Ks | Method::WassersteinNormed | Method::JensenShannon | Method::Hellinger | Method::Tvd | Method::LInfinity => Some(Unit::Normed),
        _ => None,
    }
}

fn bound_name(bound: Bound) -> &'static str {
    match bound {
        Bound::AtMost => "at_most",
        Bound::AtLeast => "at_least",
    }
}

fn no_numbers(nulls: u64) -> Window {
    Window::new(Vec::new(), nulls, &mut crate::sort::Scratch::default())
}

fn no_categories(nulls: u64) -> Categories {
    let mut categories = Categories::default();
    categories.add_nulls(nulls as f64);
    categories
}

/// The first few names, and how many there are.
fn first_names<'a>(names: impl Iterator<Item = &'a str>) -> (Vec<String>, Option<usize>) {
    const FEW: usize = 10;
    let mut first = Vec::new();
    let mut all = 0;
    for name in names {
        all += 1;
        if first.len() < FEW {
            first.push(name.to_owned());
        }
    }
    (first, Some(all))
}

/// The least standard deviation that a normed distance is divided by.
pub(super) fn normed(distance: f64, deviation: f64) -> f64 {
    distance / deviation.max(LEAST_DEVIATION)
}
