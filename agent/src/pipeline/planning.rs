//! The monitoring plan against what is there: reads plan entries, panels and rules from the store, and asks [`crate::plan`] about each entry.

use std::collections::BTreeMap;

use super::{readings, slot::Slot};
use crate::{
    board::NAMESPACE,
    indicator::{Pass, Row},
    plan::{self, Entry, Evidence, Finding, Monitored, Queries, Recorded, Series},
    store::{self, sql::Database},
};

/// The fact by which an indicator says when what a reading is about was measured, epoch seconds.
const TAKEN_AT: &str = "fact_taken_at";

/// What the check of the plan looks at beside the plan.
pub(super) struct Surroundings<'a> {
    pub(super) slots: &'a [Slot],
    /// What their readings are judged by.
    pub(super) readings: readings::Surroundings<'a>,
    pub(super) evidence: &'a Evidence,
    /// Indicators that are switched off, with the reason where one was given.
    pub(super) off: &'a BTreeMap<String, Option<String>>,
}

/// Checks every entry.
pub(super) fn findings(entries: &[Entry], around: &Surroundings<'_>) -> Vec<Finding> {
    let position = |id: &str| around.slots.iter().position(|slot| slot.method.indicator.id.as_str() == id);
    let one = |entry: &Entry| match entry.indicator.as_deref().and_then(position) {
        None => {
            let mut finding = plan::check(entry, None, around.evidence, around.readings.now);
            let off = entry.indicator.as_ref().and_then(|id| around.off.get(id).map(|reason| switched_off(id, reason.as_deref())));
            finding.row.flaw = off.or(finding.row.flaw);
            finding
        }
        Some(position) => check(entry, position, around),
    };
    entries.iter().map(one).collect()
}

/// What is wrong with an entry whose indicator is switched off: it was planned, and somebody decided otherwise.
fn switched_off(id: &str, reason: Option<&str>) -> String {
    format!("the indicator `{id}` is switched off: {}", reason.unwrap_or("no reason was given"))
}

fn check(entry: &Entry, position: usize, around: &Surroundings<'_>) -> Finding {
    let Slot { method, readings: held, .. } = &around.slots[position];
    // What no source feeds follows from other readings, and is as fresh as the evaluation.
    let read_at = around.readings.sources.read_at(&method.feeds).unwrap_or(Some(around.readings.now));
    #[expect(clippy::cast_possible_truncation, reason = "epoch seconds")]
    let taken_at = |row: &Row| row.fact(TAKEN_AT, around.readings.now).map(|at| at as i64).or(read_at);
    let series: Vec<_> = held.values().map(|held| &held.reading).map(|reading| Series { taken_at: taken_at(&reading.row), row: &reading.row }).collect();
    let limits = |row: &Row| readings::subject(row, around.readings, |subject| method.rules.limits(subject));
    let metric = format!("{NAMESPACE}_{}", method.indicator.id);
    let follows = method.indicator.pass() == Pass::OfPlan;
    let monitored = Monitored { metric: &metric, columns: method.indicator.columns(), series: &series, limits: &limits, follows };
    plan::check(entry, Some(&monitored), around.evidence, around.readings.now)
}

/// The entries of the plan.
pub(super) fn entries(reader: &dyn Database) -> Result<Vec<Entry>, store::Error> {
    let sql = "SELECT source, id, what, system, upstream_key, indicator, selector, max_age_seconds, warning, breach, dashboard_uid, panel_contains
               FROM plan_entries ORDER BY source, id";
    reader.rows(sql, &[], |row| {
        let system: Option<String> = row.get(3)?;
        let named: Option<String> = row.get(4)?;
        let limits = [("warning", row.get::<Option<f64>>(8)?), ("breach", row.get(9)?)];
        Ok(Entry {
            source: row.get(0)?,
            id: row.get(1)?,
            what: row.get(2)?,
            unknown_system: named.filter(|_| system.is_none()),
            system,
            indicator: row.get(5)?,
            selector: row.get(6)?,
            max_age: row.get(7)?,
            limits: limits.into_iter().filter_map(|(level, limit)| Some((level, limit?))).collect::<BTreeMap<_, _>>(),
            dashboard_uid: row.get(10)?,
            panel_contains: row.get(11)?,
        })
    })
}

/// What dashboards show and rules alert on.
pub(super) fn evidence(reader: &dyn Database) -> Result<Evidence, store::Error> {
    let rules = texts(reader, "SELECT name, expression FROM alert_rules WHERE kind = 'recording'")?;
    let recorded: Recorded<'_> = rules.iter().filter_map(|(name, expression)| Some((name.as_deref()?, expression.as_str()))).collect();
    let read = |sql: &str| -> Result<Queries, store::Error> {
        let queries = texts(reader, sql)?;
        Ok(Queries::read(queries.iter().map(|(uid, expression)| (uid.as_deref(), expression.as_str())), &recorded))
    };
    let panels = read("SELECT dashboard_uid, expression FROM panels ORDER BY source, id")?;
    let alerts = read("SELECT NULL, expression FROM alert_rules WHERE kind = 'alerting' ORDER BY source, id")?;
    Ok(Evidence { panels, alerts })
}

fn texts(reader: &dyn Database, sql: &str) -> Result<Vec<(Option<String>, String)>, store::Error> {
    reader.rows(sql, &[], |row| Ok((row.get(0)?, row.get(1)?)))
}
