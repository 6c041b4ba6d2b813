//! The board as metric families. Names, labels and meanings are frozen by a golden test.

use clause9_exporter::{Family, Kind, LabelName, MetricName};

use super::{Board, NAMESPACE, Panel, Reading};
use crate::{
    indicator::{Indicator, MOMENTS},
    threshold::State,
    trend::Trend,
};

pub(super) const INDICATOR: LabelName = LabelName::from_static("indicator");
pub(super) const STATE: LabelName = LabelName::from_static("state");
const LEVEL: LabelName = LabelName::from_static("level");
const RULE: LabelName = LabelName::from_static("rule");
const SYSTEM: LabelName = LabelName::from_static("system");
const KIND: LabelName = LabelName::from_static("kind");
const SCOPE: LabelName = LabelName::from_static("scope");
const URL: LabelName = LabelName::from_static("url");

/// The facts that state how many rows are behind a reading (ruling 6).
const SAMPLE_SIZES: [&str; 3] = ["fact_n_reference", "fact_n_current", "fact_n_subgroup"];

/// Name and help of the families that have a series for each reading, beside the indicators' own.
pub(super) const STATES: (&str, &str) = ("indicator_state", "State of a reading: ok, warning, breach or unknown. Only the current state has a series.");
pub(super) const SAMPLES: (&str, &str) = ("indicator_samples", "Rows in the smallest window or group behind a reading, where they were stated.");

impl Board {
    /// The board as metric families. Values of clocks are those of the board's moment.
    pub fn families(&self) -> Vec<Family> {
        let mut families: Vec<_> = self.panels.iter().map(|panel| self.values(panel)).collect();
        families.push(self.states());
        families.push(self.samples());
        families.extend(self.of_panels());
        families.push(self.system_infos());
        families.push(self.review_infos());
        families
    }

    /// Those that have a few series for each indicator.
    pub(super) fn of_panels(&self) -> [Family; 3] {
        [self.thresholds(), self.infos(), self.evaluated()]
    }

    pub(super) fn values(&self, panel: &Panel) -> Family {
        let mut family = family(panel.indicator.id.as_str(), help(&panel.indicator));
        for reading in panel.readings.iter() {
            if let Some(value) = reading.row.value(self.at) {
                let labels = label_names(reading);
                add(&mut family, labels.iter().map(|(name, value)| (name, *value)), value);
            }
        }
        family
    }

    fn states(&self) -> Family {
        let mut family = family(STATES.0, STATES.1);
        for panel in &self.panels {
            for reading in panel.readings.iter() {
                let Some(state) = shown_state(panel, reading) else { continue };
                let labels = label_names(reading);
                let own = [(&INDICATOR, panel.indicator.id.as_str()), (&STATE, state.as_str())];
                add(&mut family, labels.iter().map(|(name, value)| (name, *value)).chain(own), 1.0);
            }
        }
        family
    }

    fn samples(&self) -> Family {
        let mut family = family(SAMPLES.0, SAMPLES.1);
        for panel in &self.panels {
            for reading in panel.readings.iter() {
                if let Some(smallest) = smallest_sample(reading) {
                    let labels = label_names(reading);
                    let own = [(&INDICATOR, panel.indicator.id.as_str())];
                    add(&mut family, labels.iter().map(|(name, value)| (name, *value)).chain(own), smallest);
                }
            }
        }
        family
    }

    fn thresholds(&self) -> Family {
        let mut family = family("indicator_threshold", "The limits in force, one for each rule.");
        for panel in &self.panels {
            for threshold in &panel.thresholds {
                let labels = [(&INDICATOR, panel.indicator.id.as_str()), (&LEVEL, threshold.level.as_str()), (&RULE, threshold.rule.as_str())];
                add(&mut family, labels, threshold.value);
            }
        }
        family
    }

    fn infos(&self) -> Family {
        const TITLE: LabelName = LabelName::from_static("title");
        const UNIT: LabelName = LabelName::from_static("unit");
        const CLAUSE: LabelName = LabelName::from_static("clause");
        const ANNEX_A: LabelName = LabelName::from_static("annex_a");
        let mut family = family("indicator_info", "What an indicator is, to join on; always 1.");
        for panel in &self.panels {
            let indicator = &panel.indicator;
            let (clause, annex_a) = (indicator.references.clause.join(" "), indicator.references.annex_a.join(" "));
            let labels = [
                (&INDICATOR, indicator.id.as_str()),
                (&TITLE, indicator.title.as_str()),
                (&UNIT, indicator.unit.as_str()),
                (&CLAUSE, clause.as_str()),
                (&ANNEX_A, annex_a.as_str()),
            ];
            add(&mut family, labels, 1.0);
        }
        family
    }

    fn evaluated(&self) -> Family {
        let mut family = family("indicator_last_evaluated_timestamp_seconds", "When an indicator was last evaluated, or found to need no evaluation.");
        for panel in &self.panels {
            add(&mut family, [(&INDICATOR, panel.indicator.id.as_str())], seconds(if panel.waits { panel.evaluated_at } else { self.at }));
        }
        family
    }

    pub(super) fn system_infos(&self) -> Family {
        let mut family = family("system_info", "What an AI system is, to join on; always 1.");
        for system in self.systems.values() {
            let shown =
                ["owner_role", "risk_tier", "lifecycle"].iter().filter_map(|name| Some((LabelName::from_static(name), system.properties.get(name)?.as_str())));
            let labels: Vec<_> = shown.chain([(SYSTEM, system.id.as_str()), (URL, system.url.as_deref().unwrap_or_default())]).collect();
            add(&mut family, labels.iter().map(|(name, value)| (name, *value)), 1.0);
        }
        family
    }

    pub(super) fn review_infos(&self) -> Family {
        let mut family = family("review_info", "Where the record of the next open occasion can be looked at; always 1.");
        for link in self.review_links.iter() {
            let (system, scope) = (link.system.as_deref().unwrap_or_default(), link.scope.as_deref().unwrap_or_default());
            add(&mut family, [(&SYSTEM, system), (&KIND, &link.kind), (&SCOPE, scope), (&URL, &link.url)], 1.0);
        }
        family
    }
}

fn family(name: &str, help: impl Into<String>) -> Family {
    Family::new(full_name(name), help, Kind::Gauge)
}

/// The name of an indicator's family, or of one of those that all share.
pub(super) fn full_name(name: &str) -> MetricName {
    MetricName::new(format!("{NAMESPACE}_{name}")).expect("ids of indicators are checked to be metric names")
}

/// The help of an indicator's own family.
pub(super) fn help(indicator: &Indicator) -> String {
    format!("{}. Unit: {}.", indicator.title, indicator.unit)
}

/// The state that has a series. A day that nobody judges has none while it is known: it would be `ok` long after it has passed.
pub(super) fn shown_state(panel: &Panel, reading: &Reading) -> Option<State> {
    if panel.indicator.unit == MOMENTS { reading.verdict() } else { Some(reading.state) }
}

/// The rows in the smallest window or group, where they were stated. A number of rows is no clock.
pub(super) fn smallest_sample(reading: &Reading) -> Option<f64> {
    let sizes = SAMPLE_SIZES.iter().filter_map(|fact| match reading.row.fact_trend(fact)? {
        Trend::Constant(size) => Some(size),
        Trend::Clock { .. } => None,
    });
    sizes.reduce(f64::min)
}

pub(super) fn label_names(reading: &Reading) -> Vec<(LabelName, &str)> {
    let checked = |name: &str| LabelName::new(name).expect("columns of indicators are checked to be label names");
    reading.row.labels().map(|(name, value)| (checked(name), value)).collect()
}

fn add<'l, V: AsRef<str>>(family: &mut Family, labels: impl IntoIterator<Item = (&'l LabelName, V)>, value: f64) {
    family.sample(labels, value).expect("label names of an indicator differ from each other and from the reserved ones");
}

#[expect(clippy::cast_precision_loss, reason = "exact until the year 285 million")]
fn seconds(moment: i64) -> f64 {
    moment as f64
}
