//! Agent: whether what watches works. Sources, polls, failures, and what the program itself uses.

use serde_json::{Value, json};

use crate::threshold::State;

use super::{
    dashboard::{Dashboard, Row, agent_variable, everything, query_variable},
    field,
    panel::Panel,
    places::{Home, Places},
    query,
    shared::{summary, table_height},
};

pub const UID: &str = "clause9-agent";

/// The chosen agents.
const OWN: &str = r#"instance=~"$instance""#;

pub fn dashboard(places: &Places, agent: &str) -> Dashboard {
    let together = places.at(Home::Sources);
    Dashboard {
        uid: UID,
        title: "AI systems: the agent",
        about: "Whether the monitoring works: sources, polls, failures, its own resources.",
        from: "now-6h",
        refresh: "1m",
        variables: [vec![query_variable("instance", "Agent", "label_values(clause9_build_info, instance)"), agent_variable(agent)], everything()].concat(),
        rows: vec![
            Row::new("").add(5, 4, scraped()).add(5, 4, configuration()).add(5, 4, store()).add(5, 4, uptime()).add(4, 4, version()),
            Row::new("Sources")
                .add(24, 11, sources())
                .add(12, 8, polls())
                .add(12, 8, failures())
                .add(8, 8, durations())
                .add(8, 8, records())
                .add(8, 8, doubtful())
                .maybe(
                    24,
                    table_height(together.len()),
                    summary("Sources and inventory", "How old the evidence is and how its parts fit together.", &together),
                ),
            Row::new("The program").add(8, 7, evaluations()).add(8, 7, page()).add(8, 7, scrapes()).add(8, 7, processor()).add(8, 7, memory()).add(
                8,
                7,
                descriptors(),
            ),
        ],
    }
}

/// A state that is 1 or 0.
fn switch(title: &str, about: &str, expr: &str, words: Value) -> Panel {
    Panel::stat(title, about).now(expr, "").set("mappings", words).options(&json!({ "textMode": "value" }))
}

fn scraped() -> Panel {
    let expr = format!("min(up and on (job, instance) last_over_time(clause9_build_info{{{OWN}}}[1d]))");
    switch("Scraped", "Whether Prometheus reaches every agent that it saw during the last day.", &expr, field::yes_or_no("✓ all up", "✗ down"))
}

fn configuration() -> Panel {
    let expr = format!("min(clause9_config_last_reload_successful{{{OWN}}})");
    switch(
        "Configuration",
        "Whether the last load of the configuration was good. If not, the one before is still in force, and the log says what is wrong.",
        &expr,
        field::yes_or_no("✓ good", "✗ refused"),
    )
}

fn store() -> Panel {
    let expr = format!("min(clause9_store_writable{{{OWN}}})");
    switch(
        "Store",
        "Whether the last write into the database succeeded. If not, what is shown is the last that could be stored.",
        &expr,
        field::yes_or_no("✓ writable", "✗ failing"),
    )
}

fn uptime() -> Panel {
    Panel::stat("Running since", "Time since the agent was started.")
        .now(&format!("time() - max(process_start_time_seconds{{{OWN}}} and on (job, instance) clause9_build_info)"), "")
        .set("unit", json!("dtdurations"))
        .set("decimals", json!(0))
        .options(&json!({ "textMode": "value" }))
}

fn version() -> Panel {
    Panel::stat("Version", "Version of the agent.").now(&format!("clause9_build_info{{{OWN}}}"), "{{version}}").options(&json!({ "textMode": "name" }))
}

/// Columns of the table of sources: name, heading, query, look.
fn source_columns() -> [(&'static str, &'static str, String, Value); 10] {
    let plain = |family: &str| format!("max by (source) (clause9_source_{family}{{{OWN}}})");
    let count = |family: &str, matchers: &str| format!("sum by (source) (increase(clause9_source_{family}{{{matchers}{OWN}}}[$__range]))");
    let seconds = json!({ "unit": "s", "decimals": 1 });
    let number = json!({ "unit": "none", "decimals": 0 });
    let alarming = json!({ "decimals": 0, "mappings": field::quiet_zeros(), "color": { "mode": "thresholds" }, "thresholds": field::steps(field::PLAIN, &[(0.5, field::color(State::Warning))]), "custom.cellOptions": { "type": "color-background", "mode": "basic" } });
    let state = |yes, no| json!({ "mappings": field::yes_or_no(yes, no), "custom.cellOptions": { "type": "color-background", "mode": "basic" }, "custom.align": "center" });
    [
        ("up", "Last poll", format!("max by (source) (clause9_source_up{{{OWN}}})"), state("✓ complete", "✗ failed")),
        ("complete", "Evidence", plain("complete"), state("✓ fresh", "✗ stale")),
        ("age", "Age", format!("time() - (max by (source) (clause9_source_last_success_timestamp_seconds{{{OWN}}}) > 0)"), seconds.clone()),
        ("stale", "Stale after", plain("stale_after_seconds"), seconds.clone()),
        ("took", "Took", plain("poll_duration_seconds"), seconds),
        ("records", "Records", format!("sum by (source) (clause9_source_records{{{OWN}}})"), number.clone()),
        ("pages", "Pages", plain("pages"), number),
        ("registers", "Registers not read", format!("sum by (source) (1 - clause9_feed_up{{{OWN}}})"), alarming.clone()),
        ("failed", "Failed polls", count("polls_total", r#"outcome="failed", "#), alarming.clone()),
        ("overruns", "Left out", count("overruns_total", ""), alarming),
    ]
}

fn sources() -> Panel {
    let columns = source_columns();
    let parts: Vec<_> = columns.iter().map(|(name, _, expr, _)| query::constant(expr, "column", name)).collect();
    let order: Vec<_> = std::iter::once("source").chain(columns.iter().map(|(name, ..)| *name)).collect();
    let page = json!([{ "title": "Its polls and failures", "url": "${agent}/sources/${__value.raw}", "targetBlank": true }]);
    let table = Panel::table(
        "Sources",
        "Each source: whether its last poll was complete and its evidence still counts, how old it is, how long a poll takes, how many of its registers could not be read, and over the range how many polls failed or were left out because the one before was still running.",
    )
    .pivot(&parts.join("\nor "))
    .order(&order, &[])
    .sorted_by("Source", false)
    .field("source", &json!({ "displayName": "Source", "custom.minWidth": 130, "links": page }));
    columns.into_iter().fold(table, |table, (name, heading, _, mut look)| {
        look["displayName"] = json!(heading);
        let is_state = look.get("custom.align").is_some();
        look["custom.width"] = json!(if is_state { 100 } else { 80 });
        look["custom.wrapHeaderText"] = json!(true);
        table.field(name, &look)
    })
}

fn polls() -> Panel {
    Panel::lines("Polls", "Polls per minute by how they ended.")
        .over_time(&format!("60 * sum by (outcome) (rate(clause9_source_polls_total{{{OWN}}}[$__rate_interval]))"), "{{outcome}}")
        .set("min", json!(0))
        .field("complete", &json!({ "color": { "mode": "fixed", "fixedColor": field::color(State::Ok) } }))
        .field("failed", &json!({ "color": { "mode": "fixed", "fixedColor": field::color(State::Breach) } }))
}

/// A zero that is called `no failure`, say, where there are sources that could have had some.
fn none_of(behind: &str, what: &str) -> String {
    query::constant(&query::constant(&format!("0 * count({behind})"), "source", "no"), "reason", what)
}

fn failures() -> Panel {
    let failed = format!("sum by (source, reason) (increase(clause9_source_polls_total{{outcome=\"failed\", {OWN}}}[$__rate_interval])) > 0");
    let none = none_of(&format!("clause9_source_up{{{OWN}}}"), "failure");
    Panel::lines("Failed polls by reason", "Polls that failed, by source and reason. The source's page at the agent has the whole message.")
        .over_time(&format!("{failed}\nor on () {none}"), "{{source}} {{reason}}")
        .set("min", json!(0))
        .set("decimals", json!(0))
        .custom(&json!({ "drawStyle": "bars", "fillOpacity": 60 }))
}

fn durations() -> Panel {
    Panel::lines("Duration of polls", "How long the last poll of each source took.")
        .over_time(&format!("max by (source) (clause9_source_poll_duration_seconds{{{OWN}}})"), "{{source}}")
        .set("unit", json!("s"))
        .set("min", json!(0))
}

fn records() -> Panel {
    Panel::lines("Records", "Records that each source holds. A sudden loss is worth a look, even if the poll was complete.")
        .over_time(&format!("sum by (source) (clause9_source_records{{{OWN}}})"), "{{source}}")
        .set("min", json!(0))
        .set("decimals", json!(0))
}

fn doubtful() -> Panel {
    let odd = format!("topk(15, sum by (source, reason) (clause9_source_doubtful_records{{{OWN}}}) > 0)");
    let none = none_of(&format!("clause9_source_doubtful_records{{{OWN}}}"), "record");
    Panel::bars("Odd records", "Records that were kept although something about them is odd, by source and reason.")
        .now(&format!("sort_desc({odd})\nor on () {none}"), "{{source}} {{reason}}")
        .set("decimals", json!(0))
        .set("thresholds", field::steps(field::color(State::Warning), &[]))
}

fn evaluations() -> Panel {
    Panel::lines("Duration of evaluations", "How long the last evaluation took: of everything, and of what a poll touched.")
        .over_time(&format!("max by (scope) (clause9_evaluation_duration_seconds{{{OWN}}})"), "{{scope}}")
        .set("unit", json!("s"))
        .set("min", json!(0))
}

fn page() -> Panel {
    Panel::lines("Series on the page", "Series that a scrape gets, without the agent's own.")
        .over_time(&format!("sum by (instance) (clause9_page_series{{{OWN}}})"), "{{instance}}")
        .set("min", json!(0))
        .set("decimals", json!(0))
}

fn scrapes() -> Panel {
    let buckets = format!("sum by (le) (rate(clause9_scrape_duration_seconds_bucket{{{OWN}}}[$__rate_interval]))");
    Panel::lines("Preparing a scrape", "Time to prepare the answer to a scrape: the median and the slowest hundredth.")
        .over_time(&format!("histogram_quantile(0.5, {buckets})"), "median")
        .over_time(&format!("histogram_quantile(0.99, {buckets})"), "99 %")
        .set("unit", json!("s"))
        .set("min", json!(0))
}

/// A metric that every process has, of the agents.
fn process(metric: &str) -> String {
    format!("{metric}{{{OWN}}} and on (job, instance) clause9_build_info")
}

fn processor() -> Panel {
    let used = format!("rate(process_cpu_seconds_total{{{OWN}}}[$__rate_interval]) and on (job, instance) clause9_build_info");
    Panel::lines("Processor", "Cores that the agent uses.").over_time(&used, "{{instance}}").set("min", json!(0))
}

fn memory() -> Panel {
    Panel::lines("Memory", "Resident memory of the agent.")
        .over_time(&process("process_resident_memory_bytes"), "{{instance}}")
        .set("unit", json!("bytes"))
        .set("min", json!(0))
}

fn descriptors() -> Panel {
    Panel::lines("Open files", "Open file descriptors of the agent, over its limit.")
        .over_time(&format!("process_open_fds{{{OWN}}} / process_max_fds and on (job, instance) clause9_build_info"), "{{instance}}")
        .set("unit", json!("percentunit"))
        .set("min", json!(0))
}
