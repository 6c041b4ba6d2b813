//! Management review: the quarter, for people who decide. State by clause and by input of 9.3.2, trends, time in breach, nonconformities, objectives
//! and controls.

use serde_json::json;

use crate::{indicator::Indicator, threshold::State};

use super::{
    dashboard::{Dashboard, Row, agent_variable, indicator_link, system_variables},
    field, obligations,
    panel::Panel,
    places::{Home, Places},
    query::{self, At, Measure},
    shared::{about, hidden, states_by_group, summary, table_height},
};

pub const UID: &str = "clause9-management-review";

/// The indicator whose course the review asks for by name.
const NONCONFORMITIES: &str = "nonconformities_open";

pub fn dashboard(places: &Places, agent: &str) -> Dashboard {
    let mut variables = system_variables();
    variables.push(agent_variable(agent));
    let (clauses, inputs) = (places.by_clause(), places.by_review_input());
    let (of_clauses, of_inputs) = (table_height(clauses.len()) - 1, table_height(inputs.len()) - 1);
    Dashboard {
        uid: UID,
        title: "AI systems: management review",
        about: "The quarter for the management review (ISO/IEC 42001, 9.3).",
        from: "now-90d",
        refresh: "",
        variables,
        rows: vec![
            Row::new("").add(24, 2, legend()),
            Row::new("").add(6, 5, within_limits()).add(6, 5, systems_without_breach()).add(6, 5, late()).maybe(6, 5, nonconformities(places)),
            Row::new("Where we stand").maybe(24, of_clauses, by_clause(&clauses)).maybe(24, of_inputs, by_input(&inputs)),
            Row::new("How it went")
                .maybe(8, 9, breaches_by_clause(&clauses))
                .add(8, 9, course_of_states())
                .maybe(8, 9, ageing(places))
                .add(12, 8, systems_over_time())
                .add(12, 8, obligations::late_over_time()),
            Row::new("Monitoring and measurement").add(24, 12, time_in_breach()),
            improvement(places),
            planning(places),
        ],
    }
}

/// Indicators under a heading.
type Groups<'i> = [(String, Vec<&'i Indicator>)];

fn legend() -> Panel {
    Panel::text(
        "Each **reading** compares one number with its limits. **✓ ok**: within limits. **▲ warning**: will need attention. **✗ breach**: a requirement is not met. \
         **? unknown**: not measured, or its source is stale; unknown is never counted as fine.",
    )
}

/// Without its course: counting everything at every step is the one query that a large Prometheus does not answer at once. What is not fine, which is
/// less, has its course below.
fn within_limits() -> Panel {
    let troubled = query::selector(query::STATES, r#"state!="ok""#, At::Step);
    let all = query::states(&[], None, At::Step);
    Panel::stat("Readings within limits", "Share of all readings that are within their limits now. Unknown readings count as not within limits.")
        .now(&format!("1 - ({}) / count({all})", query::or_zero(&format!("count({troubled})"), &all)), "within limits")
        .share_of_fine()
        .set("decimals", json!(0))
}

/// The share of systems of which something is known and nothing is in breach. Of a system all of whose readings are unknown nobody can say so.
fn share_without_breach() -> String {
    let breach = query::states(&[], Some(State::Breach), At::Step);
    let known = query::selector(query::STATES, r#"state=~"ok|warning""#, At::Step);
    let systems = query::systems(At::Step);
    let fine = format!("count({systems} and on (system) {known} unless on (system) {breach})");
    format!("({}) / count({systems})", query::or_zero(&fine, &systems))
}

impl Panel {
    /// Shows a share of what is fine, of nothing to all.
    fn share_of_fine(self) -> Self {
        let color = json!({ "mode": "fixed", "fixedColor": field::color(State::Ok) });
        self.set("unit", json!("percentunit")).set("min", json!(0)).set("max", json!(1)).set("color", color)
    }
}

fn systems_without_breach() -> Panel {
    Panel::stat(
        "Breach-free systems",
        "Share of the systems in the inventory that have no reading in breach now. A system of which nothing is known is not among them.",
    )
    .now(&share_without_breach(), "without a breach")
    .share_of_fine()
    .set("decimals", json!(0))
}

fn systems_over_time() -> Panel {
    Panel::lines("Breach-free systems over time", "Share of the systems in the inventory of which something was known and nothing was in breach.")
        .over_time(&query::course(&share_without_breach()), "without a breach")
        .max_points(60)
        .share_of_fine()
}

fn late() -> Panel {
    let late = query::or_zero(&format!("sum({})", obligations::late_by_kind()), &obligations::known());
    let panel = Panel::stat("Late obligations", "Assessments, audits, reviews, training and the like whose day has passed, now.").now(&late, "late");
    panel.set("thresholds", field::steps("text", &[(1.0, field::color(State::Warning))]))
}

fn nonconformities(places: &Places) -> Option<Panel> {
    let open = query::values(places.find(NONCONFORMITIES)?, At::Step);
    let graded = |panel: Panel, (grade, state)| panel.field(grade, &field::unless_none(field::color(state)));
    let panel =
        Panel::stat("Open nonconformities", "Nonconformities that are not closed, by grade, now.").now(&format!("sum by (grade) ({open})"), "{{grade}}");
    Some([("major", State::Breach), ("minor", State::Warning)].into_iter().fold(panel, graded))
}

fn by_clause(groups: &Groups<'_>) -> Option<Panel> {
    let about = "Readings that speak of each clause of ISO/IEC 42001, by their present state. A reading that serves several clauses counts in each.";
    (!groups.is_empty()).then(|| states_by_group("State by clause", about, "Clause", groups))
}

fn breaches_by_clause(groups: &Groups<'_>) -> Option<Panel> {
    let panel = || {
        Panel::lines("Breaches by clause", "Readings in breach over time, by clause.")
            .over_time(&query::course(&query::breaches_by_group(groups)), "{{group}}")
            .max_points(60)
            .set("min", json!(0))
            .set("decimals", json!(0))
    };
    (!groups.is_empty()).then(panel)
}

fn by_input(groups: &Groups<'_>) -> Option<Panel> {
    let about = "Readings that inform each input of the management review. Changes of issues (b) and opportunities for improvement (e) are matters for people, \
                 not for indicators.";
    (!groups.is_empty()).then(|| states_by_group("State by input of 9.3.2 (b and e are for people to tell)", about, "Input", groups))
}

fn course_of_states() -> Panel {
    let troubled = query::selector(query::STATES, r#"state!="ok""#, At::Step);
    by_state(Panel::lines("Trouble over time", "Readings that are not fine, by state."))
        .over_time(&query::course(&format!("count by (state) ({troubled})")), "{{state}}")
        .field("unknown", &state(State::Unknown))
}

fn state(state: State) -> serde_json::Value {
    json!({ "displayName": field::name(state), "color": { "mode": "fixed", "fixedColor": field::color(state) } })
}

fn time_in_breach() -> Panel {
    let breach = query::states(&[], Some(State::Breach), At::Step);
    // An indicator that was evaluated and has no reading in breach has a series all the same: its share is of the time it was looked at.
    let evaluated = "0 * max by (indicator) (aims_indicator_last_evaluated_timestamp_seconds)";
    // Where no step has anything, as on the first day: what holds now.
    let over_time = |vector: &str| format!("avg_over_time(({vector} or {evaluated})[$__range:$__interval]) or {vector} or {evaluated}");
    let columns = [
        ("time", over_time(&format!("max by (indicator) ({breach})"))),
        ("average", over_time(&format!("count by (indicator) ({breach})"))),
        ("now", format!("count by (indicator) ({breach}) or {evaluated}")),
    ];
    let parts: Vec<_> = columns.iter().map(|(name, vector)| query::constant(vector, "column", name)).collect();
    Panel::table(
        "Time in breach",
        "For each indicator the share of the range in which at least one of its readings was in breach, how many were on average, and how many are now.",
    )
    .pivot(&query::titled(&parts.join("\nor ")))
    .order(&["title", "time", "average", "now"], &[])
    .sorted_by("On average", true)
    .max_points(60)
    .field("title", &json!({ "displayName": "Indicator", "custom.minWidth": 200, "custom.wrapText": true, "links": [indicator_link()] }))
    .field("indicator", &hidden())
    .field("time", &json!({
        "displayName": "Time with a breach", "unit": "percentunit", "min": 0, "max": 1, "decimals": 0, "custom.minWidth": 200,
        "color": { "mode": "fixed", "fixedColor": field::color(State::Breach) }, "custom.cellOptions": { "type": "gauge", "mode": "basic", "valueDisplayMode": "text" },
    }))
    .field("average", &json!({ "displayName": "On average", "decimals": 1, "custom.width": 110, "custom.align": "right" }))
    .field("now", &json!({ "displayName": "Now", "decimals": 0, "custom.width": 80, "custom.align": "right", "mappings": field::quiet_zeros() }))
}

fn improvement(places: &Places) -> Row {
    let indicators = places.at(Home::Improvement);
    let table = summary("Nonconformities, corrective actions, actions of earlier reviews", "What was found wrong and what becomes of it.", &indicators);
    Row::new("Nonconformities and improvement").maybe(24, table_height(indicators.len()), table)
}

/// Open nonconformities by the state of their reading, which follows from the age of the oldest.
fn ageing(places: &Places) -> Option<Panel> {
    let indicator = places.find(NONCONFORMITIES)?;
    let states = query::states(&[indicator], None, At::Step);
    let values = query::constant(&query::values(indicator, At::Step), "indicator", indicator.id.as_str());
    let intro = "Open nonconformities over time, in the state that the oldest of the same system and grade gives them: breach means open for too long.";
    let panel = by_state(Panel::lines("Age of open nonconformities", &about(intro, &[indicator])))
        .over_time(&query::course(&format!("sum by (state) ({states} * ignoring (state) group_left () {values}) > 0")), "{{state}}")
        .field("ok", &state(State::Ok));
    Some(panel)
}

/// Stacked areas in the colours of the states.
fn by_state(lines: Panel) -> Panel {
    lines
        .max_points(60)
        .set("min", json!(0))
        .set("decimals", json!(0))
        .custom(&json!({ "stacking": { "mode": "normal", "group": "A" }, "fillOpacity": 40, "lineWidth": 1 }))
        .field("breach", &state(State::Breach))
        .field("warning", &state(State::Warning))
}

fn planning(places: &Places) -> Row {
    let indicators = places.at(Home::Planning);
    let shares: Vec<_> = indicators.iter().copied().filter(|indicator| Measure::of(indicator) == Measure::Ratio).collect();
    let table = summary("Objectives, Statement of Applicability, monitoring plan", "What was planned and what of it is in place.", &indicators);
    Row::new("Objectives, controls and the monitoring plan").maybe(24, table_height(indicators.len()), table).maybe(
        24,
        12,
        (!shares.is_empty()).then(|| by_part(&shares)),
    )
}

/// Shares by theme, category or whatever else the indicators divide them by.
fn by_part(shares: &[&Indicator]) -> Panel {
    const PARTS: usize = 12;
    let mut labels: Vec<&str> = shares.iter().flat_map(|indicator| indicator.columns().labels()).map(String::as_str).collect();
    labels.sort_unstable();
    labels.dedup();
    let legend: Vec<_> = std::iter::once("{{title}}".to_owned()).chain(labels.iter().map(|label| format!("{{{{{label}}}}}"))).collect();
    Panel::bars(&format!("The {PARTS} lowest, by theme and category"), &about("Each theme, category or other part on its own, the lowest first.", shares))
        .now(&format!("sort(bottomk({PARTS}, {}))", query::titled(&query::labelled_values(shares))), &legend.join(" "))
        .set("unit", json!("percentunit"))
        .set("decimals", json!(0))
        .set("max", json!(1))
}
