//! Panels that several dashboards show.

use serde_json::{Value, json};

use crate::{
    indicator::{Direction, Indicator},
    threshold::State,
};

use super::{
    dashboard::{dashboard_link, indicator_link},
    field,
    panel::Panel,
    query::{self, Measure},
};

/// Height of a table that shows so many rows without paging, within reason.
pub fn table_height(rows: usize) -> u32 {
    // A row is nearly as tall as a unit of the grid; heading, header and pager take the rest.
    u32::try_from(rows).unwrap_or(u32::MAX).clamp(2, 14) + 4
}

/// What each indicator means, as the description of a panel that shows several.
pub fn about(intro: &str, indicators: &[&Indicator]) -> String {
    let each = indicators.iter().map(|indicator| format!("\n\n**{}.** {}", indicator.title, indicator.about.trim()));
    std::iter::once(intro.to_owned()).chain(each).collect()
}

/// Indicators with their readings by state and what their values come to. None when there are none.
pub fn summary(title: &str, intro: &str, indicators: &[&Indicator]) -> Option<Panel> {
    if indicators.is_empty() {
        return None;
    }
    let measures: Vec<_> = Measure::ALL.into_iter().filter(|measure| indicators.iter().any(|one| Measure::of(one) == *measure)).collect();
    let columns: Vec<_> = ["title"].into_iter().chain(measures.iter().map(|measure| measure.column())).chain(State::WORST_FIRST.map(State::as_str)).collect();
    let table = Panel::table(title, &about(intro, indicators))
        .pivot(&query::summary(indicators))
        .order(&columns, &[])
        .sorted_by(field::name(State::Breach), true)
        .field("title", &json!({ "displayName": "Indicator", "custom.minWidth": 180, "custom.wrapText": true, "links": [indicator_link()] }))
        .field("indicator", &hidden())
        .state_columns();
    Some(measures.into_iter().fold(table, |table, measure| table.field(measure.column(), &measured(measure))))
}

fn measured(measure: Measure) -> Value {
    let (name, unit, decimals) = match measure {
        Measure::Count => ("Count", "none", 0),
        Measure::Ratio => ("Worst share", "percentunit", 1),
        Measure::Number => ("Worst value", "none", 2),
        Measure::Left => ("Time left", "suffix: d", 0),
        Measure::Seconds => ("Longest", "s", 1),
    };
    json!({ "displayName": name, "unit": unit, "decimals": decimals, "mappings": field::quiet_gaps(), "custom.width": 100, "custom.align": "right" })
}

/// A field that only links need.
pub fn hidden() -> Value {
    json!({ "custom.hideFrom": { "viz": true, "legend": true, "tooltip": true } })
}

/// A column with the addresses of records.
pub fn record_column() -> Value {
    let word = json!([{ "type": "regex", "options": { "pattern": ".+", "result": { "text": "open ↗", "index": 0 } } }]);
    json!({ "displayName": "Record", "custom.width": 75, "mappings": word, "links": [{ "title": "Open the record", "url": "${__value.raw}", "targetBlank": true }] })
}

/// A column of system ids that lead to the system's operations.
pub fn system_column() -> Value {
    json!({ "displayName": "System", "custom.minWidth": 130, "links": [dashboard_link("Show this system only", super::operations::UID, "${__value.raw}")] })
}

/// A column that says what a row of a matrix is about: its name, the labels that it joins, its heading.
pub type Key = (&'static str, &'static [&'static str], &'static str);

/// The heading of the worst state of a row.
const ROW_STATE: &str = "State";

/// Values of several indicators side by side, coloured where their limits are exceeded; what is worst on top, then by the first indicator.
pub fn matrix(title: &str, intro: &str, indicators: &[&Indicator], keys: &[Key]) -> Option<Panel> {
    let first = indicators.first()?;
    // Only what is measured for a feature or a group states how many rows it saw.
    let with_samples = indicators.iter().any(|indicator| indicator.columns().facts().iter().any(|fact| fact.starts_with("fact_n_")));
    let joined: Vec<_> = keys.iter().map(|(name, labels, _)| (*name, *labels)).collect();
    let columns: Vec<_> = keys
        .iter()
        .map(|(name, ..)| *name)
        .chain([query::STATE])
        .chain(indicators.iter().map(|indicator| indicator.id.as_str()))
        .chain([query::SAMPLES])
        .collect();
    let is_higher_worse = matches!(first.direction, Direction::Higher | Direction::Abs);
    let table = Panel::table(title, &about(intro, indicators))
        .pivot(&query::matrix(indicators, &joined, with_samples))
        .order(&columns, &[])
        .sorted_by(ROW_STATE, true)
        .sorted_by(&first.title, is_higher_worse)
        .field(query::STATE, &json!({
            "displayName": ROW_STATE, "custom.width": 105, "mappings": field::state_numbers(), "custom.cellOptions": { "type": "color-background", "mode": "basic" },
        }));
    let table = keys.iter().fold(table, |table, (name, _, heading)| {
        let is_last = keys.last().is_some_and(|(last, ..)| last == name);
        let links = if is_last { indicators.iter().map(|indicator| page_link(indicator)).collect() } else { json!([]) };
        let properties = if *name == "system" { system_column() } else { json!({ "displayName": heading, "custom.minWidth": 100, "links": links }) };
        table.field(name, &properties)
    });
    // Together they leave room for the keys on a screen of 1000 pixels.
    let width = (440 / indicators.len()).clamp(90, 150);
    let table = indicators.iter().fold(table, |table, indicator| table.field(indicator.id.as_str(), &judged(indicator, width)));
    let sizes = json!({ "displayName": "Smallest sample", "decimals": 0, "mappings": field::quiet_gaps(), "custom.align": "right", "custom.width": 90, "custom.wrapHeaderText": true });
    Some(if with_samples { table.field(query::SAMPLES, &sizes) } else { table })
}

/// A column with the values of an indicator.
fn judged(indicator: &Indicator, width: usize) -> Value {
    let is_time = Measure::of(indicator).is_time();
    let (unit, scale) = if is_time { ("suffix: d", f64::from(query::DAY)) } else { (field::unit(indicator), 1.0) };
    json!({
        "displayName": indicator.title, "unit": unit, "decimals": field::decimals(indicator), "mappings": field::quiet_gaps(),
        "thresholds": field::rule_steps(indicator, field::PLAIN, scale), "custom.cellOptions": { "type": "color-background", "mode": "basic" },
        "custom.align": "right", "custom.width": width, "custom.wrapHeaderText": true,
    })
}

fn page_link(indicator: &Indicator) -> Value {
    json!({ "title": format!("{}: how it is made", indicator.title), "url": format!("${{agent}}/indicators/{}", indicator.id), "targetBlank": true })
}

/// The worst series of an indicator over time, with its limits.
pub fn course(indicator: &Indicator) -> Panel {
    const SERIES: usize = 6;
    let intro = format!(
        "The {SERIES} series that are worst at the end of the range, or were when they were last known. Where a line ends, the value became unknown. Dashed lines are the limits."
    );
    let limits = field::rule_steps(indicator, field::PLAIN, 1.0);
    let has_limits = limits["steps"].as_array().is_some_and(|steps| steps.len() > 1);
    Panel::lines(&indicator.title, &about(&intro, &[indicator]))
        .over_time(&query::worst_over_time(indicator, SERIES), &legend(indicator))
        .transform("renameByRegex", &json!({ "regex": r"/\b(prediction|target) \1\b/g", "renamePattern": "$1" }))
        .transform("renameByRegex", &json!({ "regex": "/ {2,}/g", "renamePattern": " " }))
        .set("unit", json!(field::unit(indicator)))
        .set("thresholds", limits)
        .custom(&json!({ "thresholdsStyle": { "mode": if has_limits { "dashed" } else { "off" } } }))
}

/// All labels that tell series of the indicator apart, so that no two have the same name. What it is about stands first, the model last.
fn legend(indicator: &Indicator) -> String {
    const ELSEWHERE: [&str; 3] = ["risk_tier", "lifecycle", "owner_role"];
    const FIRST: [&str; 5] = ["system", "feature", "role", "attribute", "subgroup"];
    const LAST: [&str; 3] = ["segment", "model", "version"];
    let place = |label: &str| {
        let last = || LAST.iter().position(|last| *last == label).map(|place| FIRST.len() + 1 + place);
        FIRST.iter().position(|first| *first == label).or_else(last).unwrap_or(FIRST.len())
    };
    let mut labels: Vec<_> = indicator.columns().labels().iter().map(String::as_str).filter(|label| !ELSEWHERE.contains(label)).collect();
    labels.sort_by_key(|label| place(label));
    labels.iter().map(|label| format!("{{{{{label}}}}}")).collect::<Vec<_>>().join(" ")
}

/// Readings by state for each group of indicators, with the share that is fine.
pub fn states_by_group(title: &str, about: &str, heading: &str, groups: &[(String, Vec<&Indicator>)]) -> Panel {
    const SHARE: &str = "Within limits";
    let sum = json!({ "mode": "reduceRow", "alias": "Readings", "reduce": { "reducer": "sum", "include": ["ok", "warning", "breach", "unknown"] } });
    let share = json!({ "mode": "binary", "alias": SHARE, "binary": { "left": { "matcher": { "id": "byName", "options": "ok" } }, "operator": "/", "right": { "matcher": { "id": "byName", "options": "Readings" } } } });
    Panel::table(title, about)
        .now(&query::states_by_group(groups), "")
        .transform("labelsToFields", &json!({ "mode": "columns", "valueLabel": "state" }))
        .transform("merge", &json!({}))
        .transform("calculateField", &sum)
        .transform("calculateField", &share)
        .order(&["group", SHARE, "breach", "unknown", "warning", "ok"], &["Readings"])
        .options(&json!({ "enablePagination": false }))
        .sorted_by(heading, false)
        .field("group", &json!({ "displayName": heading, "custom.minWidth": 170, "custom.wrapText": true }))
        .field(
            SHARE,
            &json!({
                "unit": "percentunit", "min": 0, "max": 1, "decimals": 0, "custom.minWidth": 110, "color": { "mode": "fixed", "fixedColor": field::color(State::Ok) },
                "custom.cellOptions": { "type": "gauge", "mode": "basic", "valueDisplayMode": "text" }, "mappings": field::quiet_gaps(),
            }),
        )
        .state_columns()
}

/// A word of ours in plain letters: `impact_assessment` becomes "Impact assessment".
pub fn words(id: &str) -> String {
    let mut text = id.replace('_', " ");
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}
