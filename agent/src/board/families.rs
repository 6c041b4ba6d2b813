//! The board as metric families. Names, labels and meanings are frozen by a golden test.

use clause9_exporter::{Family, Kind, LabelName, MetricName};

use super::{Board, NAMESPACE, Panel, Reading};

const INDICATOR: LabelName = LabelName::from_static("indicator");
const STATE: LabelName = LabelName::from_static("state");
const LEVEL: LabelName = LabelName::from_static("level");
const RULE: LabelName = LabelName::from_static("rule");
const SYSTEM: LabelName = LabelName::from_static("system");
const KIND: LabelName = LabelName::from_static("kind");
const SCOPE: LabelName = LabelName::from_static("scope");
const SEVERITY: LabelName = LabelName::from_static("severity");
const URL: LabelName = LabelName::from_static("url");

/// The facts that state how many rows are behind a reading (ruling 6).
const SAMPLE_SIZES: [&str; 3] = ["fact_n_reference", "fact_n_current", "fact_n_subgroup"];

impl Board {
    /// The board as metric families. Values of clocks are those of the board's moment.
    pub fn families(&self) -> Vec<Family> {
        let mut families: Vec<_> = self.panels.iter().map(|panel| self.values(panel)).collect();
        families.push(self.states());
        families.push(self.samples());
        families.push(self.thresholds());
        families.extend([self.infos(), self.evaluated(), self.system_infos()]);
        families.extend([self.due_timestamps(), self.review_infos(), self.case_due_timestamps(), self.notification_due_timestamps()]);
        families
    }

    fn values(&self, panel: &Panel) -> Family {
        let indicator = &panel.indicator;
        let help = format!("{}. Unit: {}.", indicator.title, indicator.unit);
        let mut family = family(indicator.id.as_str(), help);
        for reading in &panel.readings {
            if let Some(value) = reading.row.value(self.at) {
                let labels = label_names(reading);
                add(&mut family, labels.iter().map(|(name, value)| (name, *value)), value);
            }
        }
        family
    }

    fn states(&self) -> Family {
        let mut family = family("indicator_state", "State of a reading: ok, warning, breach or unknown. Only the current state has a series.");
        for panel in &self.panels {
            for reading in &panel.readings {
                let labels = label_names(reading);
                let own = [(&INDICATOR, panel.indicator.id.as_str()), (&STATE, reading.state.as_str())];
                add(&mut family, labels.iter().map(|(name, value)| (name, *value)).chain(own), 1.0);
            }
        }
        family
    }

    fn samples(&self) -> Family {
        let mut family = family("indicator_samples", "Rows in the smallest window or group behind a reading, where they were stated.");
        for panel in &self.panels {
            for reading in &panel.readings {
                let sizes = SAMPLE_SIZES.iter().filter_map(|fact| reading.row.fact(fact, self.at));
                if let Some(smallest) = sizes.reduce(f64::min) {
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
        let mut family = family("indicator_last_evaluated_timestamp_seconds", "When an indicator was last evaluated.");
        for panel in &self.panels {
            add(&mut family, [(&INDICATOR, panel.indicator.id.as_str())], seconds(panel.evaluated_at));
        }
        family
    }

    fn system_infos(&self) -> Family {
        let mut family = family("system_info", "What an AI system is, to join on; always 1.");
        for system in &self.systems {
            let shown =
                ["owner_role", "risk_tier", "lifecycle"].iter().filter_map(|name| Some((LabelName::from_static(name), system.properties.get(name)?.as_str())));
            let labels: Vec<_> = shown.chain([(SYSTEM, system.id.as_str()), (URL, system.url.as_deref().unwrap_or_default())]).collect();
            add(&mut family, labels.iter().map(|(name, value)| (name, *value)), 1.0);
        }
        family
    }

    fn due_timestamps(&self) -> Family {
        let mut family =
            family("review_due_timestamp_seconds", "End of the due day of the next open occasion. Counts down in PromQL even when the agent is down.");
        for due in &self.dues {
            let labels = [(&SYSTEM, due.system.as_deref().unwrap_or_default()), (&KIND, due.kind.as_str()), (&SCOPE, due.scope.as_deref().unwrap_or_default())];
            add(&mut family, labels, seconds(due.ends_at));
        }
        family
    }

    fn review_infos(&self) -> Family {
        let mut family = family("review_info", "Where the record of the next open occasion can be looked at; always 1.");
        for due in &self.dues {
            let Some(url) = &due.url else { continue };
            let labels = [
                (&SYSTEM, due.system.as_deref().unwrap_or_default()),
                (&KIND, due.kind.as_str()),
                (&SCOPE, due.scope.as_deref().unwrap_or_default()),
                (&URL, url.as_str()),
            ];
            add(&mut family, labels, 1.0);
        }
        family
    }

    fn case_due_timestamps(&self) -> Family {
        let mut family = family("case_due_timestamp_seconds", "End of the earliest due day of the open cases of a kind: risks, treatments, actions.");
        for due in &self.case_dues {
            add(&mut family, [(&SYSTEM, due.system.as_deref().unwrap_or_default()), (&KIND, due.kind.as_str())], seconds(due.ends_at));
        }
        family
    }

    fn notification_due_timestamps(&self) -> Family {
        let mut family = family("incident_notification_due_timestamp_seconds", "The earliest deadline of a notice about an incident that was not given yet.");
        for due in &self.notification_dues {
            let labels = [(&SYSTEM, due.system.as_deref().unwrap_or_default()), (&SEVERITY, due.severity.as_deref().unwrap_or_default())];
            add(&mut family, labels, seconds(due.at));
        }
        family
    }
}

fn family(name: &str, help: impl Into<String>) -> Family {
    let name = MetricName::new(format!("{NAMESPACE}_{name}")).expect("ids of indicators are checked to be metric names");
    Family::new(name, help, Kind::Gauge)
}

fn label_names(reading: &Reading) -> Vec<(LabelName, &str)> {
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
