//! Operations: what is wrong now, in which systems, since when; then drift, bias, data and incidents in detail.

use serde_json::json;

use crate::{indicator::Indicator, threshold::State};

use super::{
    dashboard::{Dashboard, Row, agent_variable, indicator_link, system_variables},
    field,
    panel::Panel,
    places::{Home, Places},
    query::{self, At},
    shared::{self, Key, course, matrix, record_column, summary, system_column, table_height},
};

/// Its address.
pub const UID: &str = "clause9-operations";

/// Lanes that are readable on a wall.
const LANES: usize = 12;

pub fn dashboard(places: &Places, agent: &str) -> Dashboard {
    let mut variables = system_variables();
    variables.push(agent_variable(agent));
    Dashboard {
        uid: UID,
        title: "AI systems: operations",
        about: "What is wrong now, by system, down to features and groups.",
        from: "now-6h",
        refresh: "1m",
        variables,
        rows: vec![
            Row::new("").add(10, 4, readings()).add(5, 4, systems_in_breach()).add(5, 4, sources()).add(4, 4, freshness()),
            Row::new("Systems").add(24, 12, systems()).add(24, 11, lanes()),
            Row::new("What is wrong now").maybe(24, 14, wrong(&places.all())),
            drift(places),
            bias(places),
            data(places),
            others(places),
        ],
    }
}

fn readings() -> Panel {
    Panel::stat(
        "Readings by state",
        "Every reading of every indicator for the selected systems, by its present state. Unknown is neither fine nor wrong: there was nothing to judge.",
    )
    .now(&query::counted_states(), "{{state}}")
    .state_fields()
}

fn systems_in_breach() -> Panel {
    let (breach, systems) = (query::states(&[], Some(State::Breach), At::Step), query::systems(At::Step));
    let expr = format!(
        "{}\nor {}",
        query::constant(&query::or_zero(&format!("count(group by (system) ({breach}) and on (system) aims_system_info)"), &systems), "what", "in breach"),
        query::constant(&format!("count({systems})"), "what", "in all"),
    );
    let alarming = json!({ "thresholds": field::steps("text", &[(1.0, field::color(State::Breach))]) });
    Panel::stat("Systems", "Selected systems of the inventory, and those of them with at least one reading in breach.")
        .now(&expr, "{{what}}")
        .field("in breach", &alarming)
}

fn sources() -> Panel {
    let expr = format!(
        "{}\nor {}",
        query::constant(&query::or_zero("count(clause9_source_complete == 0)", "clause9_source_complete"), "what", "stale"),
        query::constant("count(clause9_source_complete)", "what", "in all"),
    );
    let alarming = json!({ "thresholds": field::steps("text", &[(1.0, field::color(State::Breach))]) });
    Panel::stat("Sources", "Sources that are polled, and those whose records are too old to be trusted or were never read. What depends on those is unknown.")
        .now(&expr, "{{what}}")
        .field("stale", &alarming)
}

fn freshness() -> Panel {
    let steps = field::steps("text", &[(300.0, field::color(State::Warning)), (900.0, field::color(State::Breach))]);
    Panel::stat("Last evaluation", "Time since the agent last said of any indicator that it was evaluated or needed no evaluation. It says so every minute: more than some minutes means that it is down or not scraped.")
        .now("time() - max(last_over_time(aims_indicator_last_evaluated_timestamp_seconds[1d]))", "ago")
        .set("unit", json!("s"))
        .set("decimals", json!(0))
        .set("thresholds", steps)
}

fn lanes() -> Panel {
    let worst = query::worst_by("system", &query::systems(At::Step));
    Panel::lanes(
        &format!("Worst state of the {LANES} worst systems"),
        "The worst state of all readings of a system, over time: breach before unknown before warning. The systems with the most breaches at the end of the range; \
         where nothing was scraped then, those with the most in it.",
    )
    // Every reading in trouble is looked at for each point, so there are few: one for twelve minutes of six hours.
    .max_points(30)
    .over_time(&query::named_systems(&format!("({worst})\nand on (system) {}", query::worst_systems_over_time(LANES))), "{{system}}")
}

fn systems() -> Panel {
    let counted = format!(
        r#"sum by (system, column) (label_replace(count by (system, state) ({}), "column", "$1", "state", "(.+)"))"#,
        query::states(&[], None, At::Step)
    );
    let zeros: Vec<_> = State::ALL.iter().map(|state| query::constant(&format!("0 * {}", query::systems(At::Step)), "column", state.as_str())).collect();
    let rows = query::ROWS;
    let bounded = format!("({counted}\nor {})\nand on (system) {}", zeros.join("\nor "), query::worst_systems(rows, At::Step));
    Panel::table("Systems by trouble", &format!("Readings of each system by state, and who answers for it. At most the {rows} worst; choose a tier, a role or a system above to narrow. A click on a system shows it alone."))
        .pivot(&query::with_system(&bounded))
        .order(&["system", "breach", "unknown", "warning", "ok", "risk_tier", "owner_role", "lifecycle", "url"], &[])
        .sorted_by(field::name(State::Breach), true)
        .field("system", &system_column())
        .field("risk_tier", &json!({ "displayName": "Tier", "custom.width": 75 }))
        .field("owner_role", &json!({ "displayName": "Owner role", "custom.minWidth": 140 }))
        .field("lifecycle", &json!({ "displayName": "Lifecycle", "custom.width": 100 }))
        .field("url", &record_column())
        .state_columns()
}

/// Labels that say where in a system a reading belongs. Other labels repeat what the system's row says, or are of the indicator.
fn places_within(indicators: &[&Indicator]) -> Vec<String> {
    const ELSEWHERE: [&str; 4] = ["system", "risk_tier", "lifecycle", "owner_role"];
    const FIRST: [&str; 12] = ["model", "version", "feature", "role", "attribute", "subgroup", "segment", "pipeline", "dataset", "kind", "scope", "grade"];
    let mut labels: Vec<String> = indicators.iter().flat_map(|indicator| indicator.columns().labels()).cloned().collect();
    labels.sort_by_key(|label| (FIRST.iter().position(|first| first == label).unwrap_or(FIRST.len()), label.clone()));
    labels.dedup();
    labels.retain(|label| !ELSEWHERE.contains(&label.as_str()));
    labels
}

fn wrong(indicators: &[&Indicator]) -> Option<Panel> {
    if indicators.is_empty() {
        return None;
    }
    // Of several readings in one state none is worse: they are ordered by system. The words of the states stand in the order of badness by themselves.
    let table = Panel::table(
        "Readings that are not fine",
        &format!(
            "Every reading in breach, unknown or with a warning, in this order, with its value where it has one, the limit that it exceeds, and how long ago it was first \
             seen in this state within the range above. At most {} with a value and as many without. A click on the indicator opens the agent's page, which shows the \
             records behind the value and its limits.",
            query::ROWS
        ),
    )
    .pivot(&query::troubled(indicators, &places_within(indicators)))
    // The beginning of a state is looked for at so many moments of the range.
    .max_points(60)
    .order(&["state", "system", "title", "where", "value", "unit", "rule", "since"], &[])
    .sorted_by("State", false)
    .sorted_by("System", false)
    .field("state", &json!({
        "displayName": "State", "custom.width": 110, "mappings": field::state_texts(), "custom.cellOptions": { "type": "color-background", "mode": "basic" },
    }))
    .field("system", &system_column())
    .field("title", &json!({ "displayName": "Indicator", "custom.minWidth": 180, "custom.wrapText": true, "links": [indicator_link()] }))
    .field("where", &json!({ "displayName": "Where", "custom.minWidth": 180, "custom.wrapText": true }))
    .field("value", &json!({ "displayName": "Value", "custom.width": 90, "custom.align": "right", "mappings": field::quiet_gaps() }))
    .field("unit", &json!({ "displayName": "Unit", "custom.width": 110, "mappings": field::words(&[("seconds", "days".to_owned())]) }))
    .field("rule", &json!({ "displayName": "Limit", "custom.minWidth": 110, "custom.wrapText": true }))
    .field("since", &json!({ "displayName": "Seen since", "unit": "dateTimeFromNow", "custom.width": 120, "mappings": field::instead_of_gaps("before the range") }))
    .field("indicator", &shared::hidden());
    Some(table)
}

const SYSTEM: Key = ("system", &["system"], "System");
const MODEL: Key = ("of", &["model", "version"], "Model");

fn drift(places: &Places) -> Row {
    let features = led_by("drift_psi", places.at(Home::Drift));
    let models = led_by("model_performance_degradation_ratio", places.at(Home::Models));
    let keys = [SYSTEM, MODEL, ("part", &["feature", "role", "segment"], "Feature")];
    let intro =
        "Each feature, prediction and target, newest values. Coloured where a limit is exceeded; a dash where nothing was measured or too little to judge.";
    let row = Row::new("Drift and performance").maybe(24, 11, matrix("Drift by feature", intro, &features, &keys));
    courses(row, &features).maybe(
        24,
        9,
        matrix("Models", "Values for whole models in production, the worst of each where there are several.", &models, &[SYSTEM, MODEL]),
    )
}

fn bias(places: &Places) -> Row {
    let indicators = led_by("bias_disparate_impact_ratio", places.at(Home::Bias));
    let keys = [SYSTEM, MODEL, ("part", &["attribute", "subgroup", "segment"], "Group")];
    let intro = "Each group of people against its reference group, newest values. Coloured where a limit is exceeded.";
    courses(Row::new("Bias").maybe(24, 10, matrix("Bias by group", intro, &indicators, &keys)), &indicators)
}

fn data(places: &Places) -> Row {
    let indicators = led_by("data_pipeline_freshness_ratio", places.at(Home::Pipelines));
    let keys = [SYSTEM, ("part", &["pipeline", "dataset"], "Pipeline and data set")];
    let intro = "Pipelines and what their checks found, newest values. Coloured where a limit is exceeded.";
    courses(Row::new("Data").maybe(24, 12, matrix("Data pipelines", intro, &indicators, &keys)), &indicators)
}

/// The course of the first two: more would not fit the number of queries that a dashboard may have.
fn courses(row: Row, indicators: &[&Indicator]) -> Row {
    indicators.iter().take(2).fold(row, |row, indicator| row.add(12, 9, course(indicator)))
}

fn others(places: &Places) -> Row {
    let indicators = places.at(Home::Operations);
    Row::new("Incidents and gates").maybe(
        24,
        table_height(indicators.len()),
        summary(
            "Incidents, gates of deployment and the rest",
            "Indicators that count things to see to: incidents, models in production that lack what they need, and whatever stands nowhere else.",
            &indicators,
        ),
    )
}

/// The indicators with the one of this id in front, if it is there.
fn led_by<'i>(id: &str, mut indicators: Vec<&'i Indicator>) -> Vec<&'i Indicator> {
    indicators.sort_by_key(|indicator| indicator.id.as_str() != id);
    indicators
}
