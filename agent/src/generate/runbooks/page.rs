//! The page of an indicator: what is wrong, how bad, what to look at, what to do, when it is solved; and after that what the number is.

use std::fmt::Write as _;

use crate::{
    generate::prometheus::alert_name,
    indicator::{Direction, Example, Indicator},
    threshold::{Level, RuleSet},
};

/// The page.
pub fn of(indicator: &Indicator) -> String {
    let parts = [
        head(indicator),
        how_bad(indicator),
        what_to_do(indicator),
        what_to_look_at(indicator),
        whom_to_involve(indicator),
        solved(indicator),
        references(indicator),
        method(indicator),
        examples(indicator),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn head(indicator: &Indicator) -> String {
    format!("# {}\n\n{}\n\nMetric `aims_{}`, in {}. {}\n", indicator.title, indicator.about.trim(), indicator.id, indicator.unit, worse(indicator.direction))
}

fn worse(direction: Direction) -> &'static str {
    match direction {
        Direction::Higher => "Higher is worse.",
        Direction::Lower => "Lower is worse.",
        Direction::TwoSided => "Both sides of the good value are worse.",
        Direction::Abs => "A larger magnitude is worse, whatever the sign.",
    }
}

fn how_bad(indicator: &Indicator) -> String {
    let rules = RuleSet::resolve(&indicator.rules, &[]);
    if rules.is_empty() {
        return format!("## How bad is it?\n\nIt has no limits, so it never alerts. {}\n", indicator.why.trim());
    }
    let mut text = String::from("## How bad is it?\n\n| Alert | When the reading is |\n|---|---|\n");
    let name = alert_name(indicator.id.as_str());
    for rule in 0..rules.len() {
        let limit = rules.text(rule);
        let (level, limit) = limit.split_once(": ").unwrap_or(("", &limit));
        let severity = if level == Level::Breach.as_str() { "critical" } else { "warning" };
        let words = cell(&rules.words(rule, &indicator.unit));
        let _ = writeln!(text, "| {name}, severity {severity} ({level}) | {words} ({}) |", code(limit));
    }
    let facts = indicator.columns().facts();
    if !facts.is_empty() {
        let facts: Vec<_> = facts.iter().map(|fact| code(fact)).collect();
        let _ = writeln!(text, "\nFacts ({}) are numbers beside the reading; the agent's page shows them.", facts.join(", "));
    }
    let _ = writeln!(text, "\nWhy these limits: {}\n\nThe configuration may set others; the alert names those in force.", indicator.why.trim());
    text
}

fn what_to_do(indicator: &Indicator) -> String {
    if indicator.steps.is_empty() {
        return String::new();
    }
    let steps: String = indicator.steps.iter().zip(1..).map(|(step, number)| format!("{number}. {step}\n")).collect();
    format!("## What to do first\n\n{steps}")
}

fn what_to_look_at(indicator: &Indicator) -> String {
    let id = &indicator.id;
    let labels: Vec<_> = indicator.columns().labels().iter().map(|label| code(label)).collect();
    let labels =
        if labels.is_empty() { "It has one reading, without labels.".to_owned() } else { format!("Each reading is told apart by {}.", labels.join(", ")) };
    let system = if labels.contains("`system`") { ", system=\"SYSTEM\"" } else { "" };
    format!(
        "## What to look at\n\nThe agent's page `/indicators/{id}` has every reading with its state, the rule that it hit, and why it is unknown. {labels}\n\n\
         | In Prometheus | |\n|---|---|\n\
         | `aims_{id}` | the readings |\n\
         | `aims_indicator_state{{indicator=\"{id}\"{system}}}` | their states |\n\
         | `aims_indicator_threshold{{indicator=\"{id}\"}}` | the limits in force |\n\
         | `aims_indicator_last_evaluated_timestamp_seconds{{indicator=\"{id}\"}}` | when it was last evaluated |\n"
    )
}

fn whom_to_involve(indicator: &Indicator) -> String {
    let mut text = String::from("## Whom to involve\n\n");
    if indicator.columns().labels().iter().any(|label| label == "system") {
        text.push_str("- The owner of the system: `aims_system_info{system=\"SYSTEM\"}` has the role in `owner_role`.\n");
    }
    text.push_str("- The AIMS manager, for every breach: a breach is a requirement that is not met, and may be a nonconformity (10.2).\n");
    text.push_str("- Compliance, when the system is of high risk or people may have been harmed.\n");
    text
}

fn solved(indicator: &Indicator) -> String {
    let when = match (indicator.every_minute(), indicator.changes_with_time()) {
        (true, _) => "within a minute",
        (false, true) => "after the next poll of what it reads, and when time changes it",
        (false, false) => "after the next poll of what it reads",
    };
    let reads: Vec<_> = indicator.reads.iter().map(|reads| code(&reads.to_string())).collect();
    format!(
        "## When is it solved?\n\nWhen the reading is `ok` again: the agent evaluates it {when}, and the alert ends 5 minutes later. What counts is what the sources say \
         (it reads {}), so record what was done there. A reading that became `unknown` is not solved.\n",
        reads.join(", ")
    )
}

fn references(indicator: &Indicator) -> String {
    let references = &indicator.references;
    let rows = [
        ("ISO/IEC 42001 clauses", &references.clause),
        ("ISO/IEC 42001 Annex A", &references.annex_a),
        ("NIST AI RMF", &references.nist_ai_rmf),
        ("EU AI Act", &references.eu_ai_act),
    ];
    let rows: String = rows.iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| format!("| {name} | {} |\n", cell(&list.join(", ")))).collect();
    let mut text = if rows.is_empty() { String::new() } else { format!("## What it serves\n\n| | |\n|---|---|\n{rows}\nNearest anchors, not equivalences.\n") };
    if !indicator.rulings.is_empty() {
        text.push_str("\n## Rulings\n\n");
        indicator.rulings.iter().for_each(|ruling| _ = writeln!(text, "- Ruling {}: {}", ruling.number, ruling.text));
    }
    text
}

fn method(indicator: &Indicator) -> String {
    let mut text = format!("## Method\n\nWorth looking at: {}.\n", indicator.frequency);
    if !indicator.parameters.is_empty() {
        text.push_str("\n| Parameter | Default | What it decides |\n|---|---|---|\n");
        for parameter in &indicator.parameters {
            let _ = writeln!(text, "| `{}` | {} {} | {} |", parameter.name, parameter.default, parameter.unit, cell(&parameter.about));
        }
    }
    let _ = writeln!(text, "\n<details><summary>The SQL that computes it</summary>\n\n```sql\n{}\n```\n\n</details>", indicator.sql.trim_end());
    for view in indicator.views() {
        let (name, about, sql) = (&view.name, view.about.trim(), view.sql.trim_end());
        let _ = writeln!(text, "\n<details><summary>The view <code>{name}</code>, which it reads</summary>\n\n{about}\n\n```sql\n{sql}\n```\n\n</details>");
    }
    text
}

fn examples(indicator: &Indicator) -> String {
    let mut text = String::from("## Examples\n\nThese are tests: records in, readings out.\n\n| Case | Readings |\n|---|---|\n");
    for example in indicator.examples() {
        let _ = writeln!(text, "| {} | {} |", cell(&example.name), readings(example));
    }
    if indicator.examples().is_empty() { String::new() } else { text }
}

fn readings(example: &Example) -> String {
    let shown: Vec<_> = example.readings.iter().map(reading).collect();
    if shown.is_empty() { "none".to_owned() } else { shown.join("<br>") }
}

/// A reading as an example states it: labels, value, state, facts.
fn reading(row: &serde_json::Map<String, serde_json::Value>) -> String {
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let special = ["value", "state", "unknown_reason"];
    let labels = row.iter().filter(|(name, _)| !special.contains(&name.as_str()) && !name.starts_with("fact_"));
    let labels: Vec<_> = labels.map(|(name, value)| format!("{name}={}", text(value))).collect();
    let reason = row.get("unknown_reason").filter(|reason| !reason.is_null());
    let value = reason.map_or_else(|| row.get("value").map(text).unwrap_or_default(), |reason| format!("unknown: {}", text(reason)));
    let state = row.get("state").map(|state| format!(" {}", text(state))).filter(|_| reason.is_none()).unwrap_or_default();
    let labels = if labels.is_empty() { String::new() } else { format!("{} ", code(&labels.join(" "))) };
    cell(&format!("{labels}{value}{state}"))
}

/// A text as a cell of a table.
pub fn cell(text: &str) -> String {
    text.trim().replace('|', "\\|").replace('\n', " ")
}

/// A text as code in a cell of a table.
pub fn code(text: &str) -> String {
    format!("`{}`", cell(text))
}
