//! One dashboard: rows of panels on Grafana's grid, the variables above them and the links between dashboards.

use serde_json::{Value, json};

use super::{
    super::MARK,
    panel::{Panel, data_source},
    query,
};

/// Grafana's grid has this many columns, whatever the width of the screen.
const COLUMNS: u32 = 24;

/// The schema of the JSON: that of Grafana 12, which newer ones migrate.
const SCHEMA: u32 = 42;

/// A dashboard.
#[derive(Debug)]
pub struct Dashboard {
    /// Stable part of its address.
    pub uid: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Where its range begins: `now-6h`.
    pub from: &'static str,
    /// How often it asks again.
    pub refresh: &'static str,
    /// What can be chosen, besides the data source.
    pub variables: Vec<Value>,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// A row: panels from left to right, wrapped where they don't fit.
#[derive(Debug)]
pub struct Row {
    title: String,
    panels: Vec<(u32, u32, Panel)>,
}

impl Row {
    /// A row with a title. Without one no header is drawn.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), panels: Vec::new() }
    }

    /// Adds a panel of this width and height, in columns and rows of the grid (a row is 30 pixels plus 8 between two).
    pub fn add(mut self, width: u32, height: u32, panel: Panel) -> Self {
        self.panels.push((width, height, panel));
        self
    }

    /// Adds a panel if there is one.
    pub fn maybe(self, width: u32, height: u32, panel: Option<Panel>) -> Self {
        match panel {
            Some(panel) => self.add(width, height, panel),
            None => self,
        }
    }
}

impl Dashboard {
    /// The file's text.
    pub fn text(&self) -> String {
        let mut variables = vec![source_variable()];
        variables.extend(self.variables.iter().cloned());
        let dashboard = json!({
            "id": null, "uid": self.uid, "title": self.title, "description": format!("{} {MARK} from the catalogue of indicators.", self.about),
            "tags": [TAG], "schemaVersion": SCHEMA, "version": 1, "editable": true, "graphTooltip": 1, "fiscalYearStartMonth": 0, "timezone": "browser",
            "time": { "from": self.from, "to": "now" }, "timepicker": {}, "refresh": self.refresh,
            "annotations": { "list": [] }, "links": links(), "templating": { "list": variables }, "panels": self.panels(),
        });
        format!("{dashboard:#}\n")
    }

    fn panels(&self) -> Vec<Value> {
        let mut panels: Vec<Value> = Vec::new();
        let mut top = 0;
        for row in self.rows.iter().filter(|row| !row.panels.is_empty()) {
            if !row.title.is_empty() {
                let place = place(0, top, COLUMNS, 1);
                panels.push(json!({ "id": panels.len() + 1, "type": "row", "title": row.title, "collapsed": false, "gridPos": place, "panels": [] }));
                top += 1;
            }
            let (mut left, mut height) = (0, 0);
            for (width, tall, panel) in &row.panels {
                if left + width > COLUMNS {
                    top += height;
                    (left, height) = (0, 0);
                }
                panels.push(panel.json(panels.len() + 1, &place(left, top, *width, *tall)));
                left += width;
                height = height.max(*tall);
            }
            top += height;
        }
        panels
    }
}

fn place(left: u32, top: u32, width: u32, height: u32) -> Value {
    json!({ "x": left, "y": top, "w": width, "h": height })
}

/// All dashboards have it, so that each can link to the others.
const TAG: &str = "clause9";

fn links() -> Value {
    json!([
        {
            "type": "dashboards", "title": "clause9", "tags": [TAG], "asDropdown": false, "includeVars": true, "keepTime": false, "targetBlank": false,
            "icon": "external link", "tooltip": "", "url": "",
        },
        {
            "type": "link", "title": "Agent's page", "url": "${agent}", "tags": [], "asDropdown": false, "includeVars": false, "keepTime": false,
            "targetBlank": true, "icon": "external link", "tooltip": "Readings, their limits and how each number was made",
        },
    ])
}

fn source_variable() -> Value {
    json!({ "type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "refresh": 1, "includeAll": false, "multi": false, "hide": 0 })
}

/// Systems, and what they can be chosen by.
pub fn system_variables() -> Vec<Value> {
    vec![
        choice("risk_tier", "Risk tier", "label_values(aims_system_info, risk_tier)"),
        choice("owner_role", "Owner role", "label_values(aims_system_info, owner_role)"),
        choice("system", "System", r#"label_values(aims_system_info{risk_tier=~"$risk_tier", owner_role=~"$owner_role"}, system)"#),
        excluded(),
    ]
}

/// The systems that the chosen tiers and roles leave out, and a dash, which no system is called, so that there is always a value.
fn excluded() -> Value {
    let picked = r#"aims_system_info{risk_tier=~"$risk_tier", owner_role=~"$owner_role"}"#;
    let nothing = r#"label_replace(vector(0), "system", "-", "", "")"#;
    let mut variable = query_variable("excluded", "Left out", &format!("query_result(group by (system) (aims_system_info unless {picked}) or {nothing})"));
    variable["regex"] = json!(r#"/system="([^"]*)"/"#);
    variable["hide"] = json!(2);
    variable["skipUrlSync"] = json!(true);
    variable
}

/// When an agent that is gone was last scraped, for as long as it may come back (a week, as in the rules that count down). While none is gone: now.
pub fn last_seen_variable() -> Value {
    let gone = "max(max_over_time(timestamp(clause9_build_info)[7d:1m]) unless on (job) clause9_build_info)";
    let mut variable = query_variable(query::LAST_SEEN, "Last seen", &format!("query_result({gone} or vector(time()))"));
    // An answer is shown as its labels, its value and its moment.
    variable["regex"] = json!(r"/ ([0-9.]+) [0-9.]+$/");
    variable["multi"] = json!(false);
    variable["includeAll"] = json!(false);
    variable["current"] = json!({});
    variable["hide"] = json!(2);
    variable["skipUrlSync"] = json!(true);
    variable
}

/// Several values of a label, or all of them: then also series that lack it.
fn choice(name: &str, label: &str, query: &str) -> Value {
    let mut choice = query_variable(name, label, query);
    choice["allValue"] = json!(".*");
    choice
}

/// Several values of a label, or each that there is.
pub fn query_variable(name: &str, label: &str, query: &str) -> Value {
    json!({
        "type": "query", "name": name, "label": label, "datasource": data_source(),
        "query": { "query": query, "refId": "variable" }, "refresh": 2, "sort": 5, "multi": true, "includeAll": true, "hide": 0, "regex": "",
        "current": { "text": "All", "value": "$__all" },
    })
}

/// The variables of [`system_variables`] where nothing is to be chosen: they stand for everything.
pub fn everything() -> Vec<Value> {
    let fixed = |(name, value)| json!({ "type": "constant", "name": name, "query": value, "hide": 2, "skipUrlSync": true, "current": { "text": value, "value": value } });
    [("system", ".*"), ("excluded", "-")].map(fixed).to_vec()
}

/// Where links to the agent's pages lead.
pub fn agent_variable(url: &str) -> Value {
    json!({
        "type": "textbox", "name": "agent", "label": "Agent's page", "query": url, "hide": 0, "current": { "text": url, "value": url },
        "description": "Address of the agent's page as your browser reaches it; titles of indicators link to it.",
    })
}

/// A link to a dashboard with the data source and the chosen systems.
pub fn dashboard_link(title: &str, uid: &str, system: &str) -> Value {
    json!({ "title": title, "url": format!("/d/{uid}?${{datasource:queryparam}}&var-system={system}"), "targetBlank": false })
}

/// A link to an indicator's page at the agent; the field `indicator` of the same row holds its id.
pub fn indicator_link() -> Value {
    json!({ "title": "How this number is made", "url": "${agent}/indicators/${__data.fields.indicator}", "targetBlank": true })
}
