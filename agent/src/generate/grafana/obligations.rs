//! Obligations: what has to be done by which day, and what is late. Counted from the due days themselves. When the agent is gone the calendar keeps
//! the days that it told last, and says of each how old that is; numbers are those of now, or there are none.

use serde_json::json;

use crate::{record::SHAPES, threshold::State};

use super::{
    dashboard::{Dashboard, Row, agent_variable, last_seen_variable, system_variables},
    field,
    panel::Panel,
    places::{Home, Places},
    query::{self, At, DAY, LAST_SEEN},
    shared::{self, record_column, summary, system_column, table_height},
};

pub const UID: &str = "clause9-obligations";

pub fn dashboard(places: &Places, agent: &str) -> Dashboard {
    let mut variables = system_variables();
    variables.extend([last_seen_variable(), agent_variable(agent)]);
    Dashboard {
        uid: UID,
        title: "AI systems: obligations",
        about: "What is due when: assessments, audits, reviews, training, suppliers, the certificate.",
        from: "now-30d",
        refresh: "5m",
        variables,
        rows: vec![
            Row::new("").add(12, 4, by_time()).add(12, 4, countdown()),
            Row::new("Calendar").add(24, 12, calendar(places)).add(12, 11, by_month()).add(12, 11, by_kind()),
            Row::new("Who is late").add(12, 9, late_systems()).add(12, 9, late_over_time()),
            Row::new("Assessments and risks").maybe(
                24,
                table_height(places.at(Home::Assessments).len()),
                summary("Assessments and risks", "Impact and risk assessments, risks and their treatment.", &places.at(Home::Assessments)),
            ),
            Row::new("Audits, reviews, documents, training, suppliers, certificate").maybe(
                24,
                table_height(places.at(Home::Programme).len()),
                summary("The programme", "Everything else that is planned and has a day. Time left below zero means late.", &places.at(Home::Programme)),
            ),
        ],
    }
}

/// When each open obligation of the selected systems is due, in epoch seconds: occasions, cases with a day, notices about incidents.
fn due() -> String {
    due_at(At::Step)
}

fn due_at(at: At) -> String {
    let notices = query::constant(&notices(at), "kind", NOTICE);
    format!(r#"({} or label_replace({notices}, "scope", "$1", "severity", "(.*)"))"#, planned(at))
}

/// The days that an agent that is gone told last, as they stood then: what it had withdrawn by then does not come back, nor does what another agent tells
/// now.
fn last_told() -> String {
    format!("({} unless on (job) clause9_build_info unless on (system, kind, scope) {})", due_at(At::LastSeen), due())
}

/// How many are late, by kind. Counted before the families are put together, which is less work at each step.
pub fn late_by_kind() -> String {
    let of_notices = query::constant(&format!("count({} < time())", notices(At::Step)), "kind", NOTICE);
    format!("(count by (kind) ({} < time()) or {of_notices})", planned(At::Step))
}

/// Every due day that is known, of whichever system: where there is one, none that is late is a number.
pub fn known() -> String {
    const DAYS: &str = "aims_review_due_timestamp_seconds|aims_case_due_timestamp_seconds|aims_incident_notification_due_timestamp_seconds";
    format!(r#"{{__name__=~"{DAYS}"}}"#)
}

fn planned(at: At) -> String {
    query::selector("", r#"__name__=~"aims_review_due_timestamp_seconds|aims_case_due_timestamp_seconds""#, at)
}

fn notices(at: At) -> String {
    query::selector("aims_incident_notification_due_timestamp_seconds", "", at)
}

/// The kind of a notice about an incident, which is no record of its own.
const NOTICE: &str = "incident_notification";

/// Spans of time until a day, from late to far away: name, colour, condition.
fn spans() -> [(&'static str, &'static str, String); 4] {
    let due = due();
    let between = |from: u32, to: u32| format!("{due} >= time() + {from} < time() + {to}");
    [
        ("late", field::color(State::Breach), format!("{due} < time()")),
        ("≤ 30 days", field::color(State::Warning), between(0, 30 * DAY)),
        ("≤ 90 days", field::color(State::Ok), between(30 * DAY, 90 * DAY)),
        ("later", field::color(State::Unknown), format!("{due} >= time() + {}", 90 * DAY)),
    ]
}

fn by_time() -> Panel {
    let parts = spans().map(|(name, _, vector)| query::constant(&query::or_zero(&format!("count({vector})"), &known()), "due", name));
    let panel = Panel::stat("Open obligations", "Assessments, audits, reviews, training and the like that are planned and not done, by the time that is left.")
        .now(&parts.join("\nor "), "{{due}}");
    spans().into_iter().fold(panel, |panel, (name, color, _)| panel.field(name, &field::unless_none(color)))
}

fn countdown() -> Panel {
    const KINDS: [(&str, &str); 4] = [
        ("management_review", "Management review"),
        ("internal_audit", "Internal audit"),
        ("surveillance_audit", "Surveillance audit"),
        ("recertification", "Recertification"),
    ];
    let kinds = KINDS.map(|(kind, _)| kind).join("|");
    let steps = field::steps(field::color(State::Breach), &[(0.0, field::color(State::Warning)), (30.0, "text")]);
    let panel = Panel::stat(
        "Time until the next",
        "Time until the next occasion of the management system's own programme and of its certificate. Below zero: it is late.",
    )
    .now(&format!("(min by (kind) (aims_review_due_timestamp_seconds{{kind=~\"{kinds}\"}}) - time()) / {DAY}"), "{{kind}}")
    .set("unit", json!("suffix: d"))
    .set("decimals", json!(0))
    .set("thresholds", steps);
    KINDS.into_iter().fold(panel, |panel, (kind, name)| panel.field(kind, &json!({ "displayName": name })))
}

/// What stands where the time that is left stands else: of a day that nobody tells any more it is not known whether it still is to come.
const GONE: &str = "? agent gone";

fn calendar(places: &Places) -> Panel {
    const ROWS: usize = 1000;
    let (due, last_told) = (due(), last_told());
    let of_spans = spans().map(|(name, _, vector)| query::constant(&format!("({vector})"), "due", name));
    let parts: Vec<_> = of_spans.into_iter().chain([query::constant(&last_told, "due", GONE)]).collect();
    let dates = format!("max by (due, kind, system, scope) (bottomk({ROWS}, {}) * 1000)", parts.join("\nor "));
    // What has a record that can be opened gets its address, the rest stays without.
    let records = "topk by (system, kind, scope) (1, aims_review_info)";
    let expr = format!(
        "{dates}\n* on (system, kind, scope) group_left (url) ({records} or on (system, kind, scope) group by (system, kind, scope) ({due} or {last_told}))"
    );
    let age = format!("max by (kind, system, scope) (0 * {due} or 0 * {last_told} + time() - ${LAST_SEEN})");
    let names = spans().into_iter().map(|(name, color, _)| (name, color)).chain([(GONE, field::color(State::Unknown))]);
    let colors: serde_json::Map<_, _> =
        names.enumerate().map(|(index, (name, color))| (name.to_owned(), json!({ "text": name, "color": color, "index": index }))).collect();
    let copy = json!({ "mode": "binary", "alias": "left", "binary": { "left": { "matcher": { "id": "byName", "options": DAY_FIELD } }, "operator": "*", "right": { "fixed": "1" } } });
    let intro = format!(
        "Open obligations by their day, the latest first; at most {ROWS}. It is late when its day has ended in the organisation's time zone. A row that says `{GONE}` \
         is what an agent that is not scraped any more told last, for a week: what was done since is not known. The last column says for how long."
    );
    Panel::table("What is due", &shared::about(&intro, &places.at(Home::Calendar)))
        .rows(&expr)
        .rows(&age)
        .transform("merge", &json!({}))
        .transform("calculateField", &copy)
        .order(&["due", DAY_FIELD, "left", "kind", "system", "scope", "url", AGE_FIELD], &[])
        .sorted_by("Day", false)
        .field("due", &json!({
            "displayName": "Due", "custom.width": 110, "mappings": [{ "type": "value", "options": colors }], "custom.cellOptions": { "type": "color-background", "mode": "basic" },
        }))
        .field(DAY_FIELD, &json!({ "displayName": "Day", "unit": "time:YYYY-MM-DD", "custom.width": 105, "custom.align": "left" }))
        .field("left", &json!({ "displayName": "When", "unit": "dateTimeFromNow", "custom.width": 120, "custom.align": "left" }))
        .field("kind", &json!({ "displayName": "What", "custom.minWidth": 150, "mappings": field::words(&kind_names()) }))
        .field("system", &system_column())
        .field("scope", &json!({ "displayName": "Scope", "custom.minWidth": 140 }))
        .field("url", &record_column())
        .field(AGE_FIELD, &json!({
            "displayName": "Not told for", "unit": "s", "decimals": 1, "custom.width": 115, "custom.align": "right", "mappings": field::quiet_zeros(),
            "thresholds": field::steps(field::PLAIN, &[(1.0, field::color(State::Breach))]), "custom.cellOptions": { "type": "color-background", "mode": "basic" },
        }))
}

/// How Grafana calls the values of the first query and of the second where a table has two.
const DAY_FIELD: &str = "Value #A";
const AGE_FIELD: &str = "Value #B";

/// Kinds of obligations in words.
fn kind_names() -> Vec<(&'static str, String)> {
    let shapes = SHAPES.iter().filter(|shape| ["reviews", "cases"].contains(&shape.table));
    shapes.flat_map(|shape| shape.kinds()).chain([&NOTICE]).map(|kind| (*kind, shared::words(kind))).collect()
}

fn by_month() -> Panel {
    let due = due();
    let of_months = |days: &str| {
        let months = format!("count_values(\"month\", year({days}) * 100 + month({days}))");
        format!(r#"label_replace({months}, "month", "$1-$2", "month", "(....)(..)")"#)
    };
    let parts = [("late", "<", State::Breach), ("to come", ">=", State::Ok)];
    let columns: Vec<_> = parts.iter().map(|(name, operator, _)| query::constant(&of_months(&format!("({due} {operator} time())")), "column", name)).collect();
    let panel = Panel::columns(
        "Due by month",
        "How many open obligations fall due in each month: those that are late, and where the load of the others lies.",
        "month",
    )
    .pivot(&columns.join("\nor "))
    .order(&["month", "late", "to come"], &[])
    .transform("sortBy", &json!({ "sort": [{ "field": "month", "desc": false }] }))
    .options(&json!({ "xTickLabelRotation": -45 }));
    let colored = |panel: Panel, (name, _, state)| panel.field(name, &json!({ "color": { "mode": "fixed", "fixedColor": field::color(state) } }));
    parts.into_iter().fold(panel, colored)
}

fn by_kind() -> Panel {
    let parts = spans().map(|(name, _, vector)| query::constant(&format!("count by (kind) ({vector})"), "column", name));
    let order: Vec<_> = std::iter::once("kind").chain(spans().map(|(name, ..)| name)).collect();
    let panel = Panel::columns("Due by kind", "Open obligations by kind and by the time that is left.", "kind")
        .pivot(&parts.join("\nor "))
        .order(&order, &[])
        .transform("sortBy", &json!({ "sort": [{ "field": "late", "desc": true }] }))
        .options(&json!({ "orientation": "horizontal" }))
        .field("kind", &json!({ "mappings": field::words(&kind_names()) }));
    spans().into_iter().fold(panel, |panel, (name, color, _)| panel.field(name, &json!({ "color": { "mode": "fixed", "fixedColor": color } })))
}

fn late_systems() -> Panel {
    const SYSTEMS: usize = 15;
    let expr = query::named_systems(&format!("sort_desc(topk({SYSTEMS}, count by (system) ({} < time())))", due()));
    Panel::bars(
        &format!("Late obligations of the {SYSTEMS} worst systems"),
        "Obligations whose day has ended, by system; what belongs to no system is the organisation's own.",
    )
    .now(&expr, "{{system}}")
    .set("decimals", json!(0))
    .set("thresholds", field::steps(field::color(State::Breach), &[]))
}

pub fn late_over_time() -> Panel {
    Panel::lines("Late obligations over time", "How many obligations were late at a time, by kind.")
        .over_time(&query::course(&late_by_kind()), "{{kind}}")
        .transform("renameByRegex", &json!({ "regex": "/_/g", "renamePattern": " " }))
        .max_points(200)
        .set("decimals", json!(0))
        .set("min", json!(0))
        .custom(&json!({ "stacking": { "mode": "normal", "group": "A" }, "fillOpacity": 60, "lineWidth": 0 }))
}
