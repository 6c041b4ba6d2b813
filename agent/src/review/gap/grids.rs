//! The tables of a gap assessment, once for the page and the workbook.

use super::model::{Assessed, Decided, Decision, Gap, Item, Part, Readings, Records, Status, Step};
use crate::record::date_of;

/// A table.
#[derive(Debug)]
pub(super) struct Grid {
    /// Its id: anchor and name of a sheet.
    pub(super) id: String,
    pub(super) title: String,
    /// What its rows are.
    pub(super) about: String,
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Vec<Value>>,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Nothing is said.
    Nothing,
    Text(String),
    /// A list, an item a line.
    List(Vec<String>),
    Number(i64),
    Day(i64),
    Status(Status),
    /// Whether something is there.
    There(bool),
}

impl Value {
    /// A day, if it is known.
    fn day(day: Option<i64>) -> Self {
        day.map_or(Self::Nothing, Self::Day)
    }

    /// A text, if there is one.
    fn text(text: Option<&str>) -> Self {
        text.map_or(Self::Nothing, |text| Self::Text(text.to_owned()))
    }

    fn list(items: impl IntoIterator<Item = String>) -> Self {
        let items: Vec<_> = items.into_iter().collect();
        if items.is_empty() { Self::Nothing } else { Self::List(items) }
    }

    /// As the workbook has it.
    pub(super) fn plain(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Text(text) => text.clone(),
            Self::List(items) => items.join("\n"),
            Self::Number(number) => number.to_string(),
            Self::Day(day) => date_of(*day).to_string(),
            Self::Status(status) => status.as_str().to_owned(),
            Self::There(is_there) => if *is_there { "yes" } else { "no" }.to_owned(),
        }
    }
}

/// Every table, in the order in which they are read.
pub(super) fn grids(gap: &Gap) -> Vec<Grid> {
    let (controls, clauses): (Vec<_>, Vec<_>) = gap.requirements.iter().partition(|assessed| assessed.id.starts_with("A."));
    let mut grids = vec![summary(gap), levels(gap), roadmap(gap)];
    grids.push(requirements("clauses", "Clauses 4 to 10", &clauses));
    grids.push(requirements("controls", "Controls of Annex A", &controls));
    grids.push(statement(
        "statement",
        "Statement of Applicability",
        "The 38 controls of Annex A, as the registers decide on them. A control that no register names is not decided.",
        &gap.statement,
    ));
    if !gap.added.is_empty() {
        grids.push(statement("added", "Controls of the organisation's own", "What the registers list beside Annex A.", &gap.added));
    }
    grids.extend(gap.readiness.iter().map(|stage| Grid {
        id: stage.id.clone(),
        title: stage.title.clone(),
        about: format!(
            "{} of {} are there. That something exists is all that is looked at: its content is for people to judge.",
            stage.there,
            stage.items.len()
        ),
        columns: vec!["What", "Requirement", "Must be", "Is", "There"],
        rows: stage.items.iter().map(item).collect(),
    }));
    grids.push(crosswalk(gap));
    grids
}

fn summary(gap: &Gap) -> Grid {
    let mut groups: Vec<&str> = gap.requirements.iter().map(|assessed| assessed.group.as_str()).collect();
    groups.dedup();
    let row = |group: &str| {
        let of: Vec<_> = gap.requirements.iter().filter(|assessed| assessed.group == group).collect();
        let counts = Status::ALL.iter().rev().map(|status| of.iter().filter(|assessed| assessed.status == *status).count());
        let levels: Vec<u8> = of.iter().filter_map(|assessed| assessed.level).collect();
        let number = |count: usize| Value::Number(i64::try_from(count).unwrap_or(i64::MAX));
        let lowest = levels.iter().min().map_or(Value::Nothing, |level| Value::Number((*level).into()));
        [Value::Text(group.to_owned())].into_iter().chain(counts.map(number)).chain([lowest]).collect()
    };
    Grid {
        id: "summary".to_owned(),
        title: "At a glance".to_owned(),
        about: "How many requirements of each clause and of each category of Annex A are what, and the lowest level of maturity among them.".to_owned(),
        columns: vec!["Clause or category", "Excluded", "Evidenced", "Partly", "Declared only", "Missing", "Lowest level"],
        rows: groups.into_iter().map(row).collect(),
    }
}

fn levels(gap: &Gap) -> Grid {
    let row = |level: &super::model::Level| vec![Value::Number(level.level.into()), Value::Text(level.name.clone()), Value::Text(level.rule.clone())];
    Grid {
        id: "levels".to_owned(),
        title: "Levels of maturity".to_owned(),
        about: "A requirement has the highest level whose rule holds. What is excluded has none.".to_owned(),
        columns: vec!["Level", "Name", "Rule"],
        rows: gap.levels.iter().map(row).collect(),
    }
}

fn roadmap(gap: &Gap) -> Grid {
    let row = |(place, step): (i64, &Step)| {
        let words = [step.risk.as_str(), step.effort.as_str()].map(|word| Value::Text(word.to_owned()));
        let [risk, effort] = words;
        let what = Value::Text(format!("{} {}", step.requirement, step.title));
        vec![Value::Number(place), what, risk, Value::Status(step.status), effort, Value::list(step.to_do.clone())]
    };
    Grid {
        id: "roadmap".to_owned(),
        title: "Roadmap".to_owned(),
        about: "What is to be done, in this order: what is at stake first, then what is furthest from being evidenced, then what takes least.".to_owned(),
        columns: vec!["Place", "Requirement", "Risk", "Is", "Effort", "To do"],
        rows: (1..).zip(&gap.roadmap).map(row).collect(),
    }
}

fn requirements(id: &str, title: &str, requirements: &[&Assessed]) -> Grid {
    let row = |assessed: &&Assessed| {
        let shown = assessed.parts.iter().flat_map(shown_by);
        let title = format!("{} {}", assessed.id, assessed.title);
        let asks = format!("{}{}", assessed.asks, if assessed.documented { " Documented information." } else { "" });
        vec![
            Value::Text(title),
            Value::Text(asks),
            Value::Status(assessed.status),
            assessed.level.map_or(Value::Nothing, |level| Value::Number(level.into())),
            Value::list(shown),
            Value::list(records(&assessed.declared)),
            Value::list(assessed.parts.iter().filter(|part| !part.is_shown).map(|part| part.what.clone())),
            Value::list(assessed.in_time.iter().map(readings)),
        ]
    };
    Grid {
        id: id.to_owned(),
        title: title.to_owned(),
        about: "Evidenced: each part is shown by dated records, or by readings that are known and not in breach. Declared only: a register says so, and nothing else.".to_owned(),
        columns: vec!["Requirement", "Asks for", "Is", "Level", "Shown by", "Declared by", "Not shown", "In time"],
        rows: requirements.iter().map(row).collect(),
    }
}

/// What shows a part. Readings that do not show it are not told here.
fn shown_by(part: &Part) -> Vec<String> {
    let showing = part.readings.iter().filter(|readings| super::found::show(readings)).map(readings);
    records(&part.records).into_iter().chain(showing).collect()
}

/// So many records are named in a cell.
const NAMED: usize = 3;

fn records(records: &Records) -> Vec<String> {
    let named = records.first.iter().take(NAMED).map(|record| match record.day {
        Some(day) => format!("{} {}, {}", record.source, record.id, date_of(day)),
        None => format!("{} {}", record.source, record.id),
    });
    let more = (records.count > NAMED).then(|| format!("and {} more", records.count - NAMED));
    named.chain(more).collect()
}

fn readings(readings: &Readings) -> String {
    let labels: String = readings.labels.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    let now = &readings.now;
    let counts = [(now.breach, "breach"), (now.unknown, "unknown"), (now.warning, "warning"), (now.ok, "ok")];
    let told: Vec<_> = counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    format!("{}{labels}: {}", readings.indicator, if told.is_empty() { "no reading".to_owned() } else { told.join(", ") })
}

fn statement(id: &str, title: &str, about: &str, decisions: &[Decision]) -> Grid {
    let row = |decision: &Decision| {
        let is_decided = decision.decided != Decided::NotDecided;
        vec![
            Value::Text(decision.control.clone()),
            Value::text(decision.title.as_deref()),
            Value::Text(decision.decided.as_str().to_owned()),
            Value::text(decision.justification.as_deref()),
            Value::text(decision.status.as_deref()),
            Value::day(decision.evidence_day),
            Value::day(decision.evidence_until),
            if is_decided && decision.decided != Decided::Excluded { Value::There(decision.evidence_is_current) } else { Value::Nothing },
            Value::day(decision.audited_day),
        ]
    };
    Grid {
        id: id.to_owned(),
        title: title.to_owned(),
        about: about.to_owned(),
        columns: vec!["Control", "Title", "Applicable", "Justification", "Status", "Evidence", "Counts until", "Current", "Audited"],
        rows: decisions.iter().map(row).collect(),
    }
}

fn item(item: &Item) -> Vec<Value> {
    vec![
        Value::Text(item.what.clone()),
        Value::Text(item.requirement.clone()),
        Value::Status(item.needs),
        Value::Status(item.status),
        Value::There(item.is_there),
    ]
}

fn crosswalk(gap: &Gap) -> Grid {
    let row = |assessed: &Assessed| {
        let of = &assessed.crosswalk;
        let joined = |anchors: &[String]| if anchors.is_empty() { Value::Nothing } else { Value::Text(anchors.join(", ")) };
        let title = Value::Text(format!("{} {}", assessed.id, assessed.title));
        vec![title, joined(&of.nist_ai_rmf), joined(&of.eu_ai_act), Value::text(of.iso_27001.as_deref()), Value::text(of.iso_9001.as_deref())]
    };
    Grid {
        id: "crosswalk".to_owned(),
        title: "Crosswalk".to_owned(),
        about: "Nearest anchors elsewhere, no equivalences: what the indicators of a requirement refer to, and clauses of the harmonised structure with the same number and subject. Empty: not sure, or none.".to_owned(),
        columns: vec!["ISO/IEC 42001:2023", "NIST AI RMF 1.0", "EU AI Act", "ISO/IEC 27001:2022", "ISO 9001:2015"],
        rows: gap.requirements.iter().map(row).collect(),
    }
}
