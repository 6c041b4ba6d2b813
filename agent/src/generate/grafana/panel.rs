//! One panel: what it asks and how it draws the answer. Builders for the kinds that the dashboards use.

use serde_json::{Map, Value, json};

use crate::threshold::State;

use super::field;

/// The version of Grafana whose options these are; older ones ignore what they don't know.
const GRAFANA: &str = "12.4.0";

/// A panel.
#[derive(Debug, Clone)]
pub struct Panel {
    kind: &'static str,
    title: String,
    about: String,
    targets: Vec<Target>,
    options: Map<String, Value>,
    defaults: Map<String, Value>,
    custom: Map<String, Value>,
    overrides: Vec<Value>,
    transformations: Vec<Value>,
    max_points: Option<u32>,
}

#[derive(Debug, Clone)]
struct Target {
    expr: String,
    legend: String,
    answer: Answer,
}

/// In which form an answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Series over the range.
    Range,
    /// Series at its end.
    Now,
    /// A table of labels and values at its end.
    Table,
}

/// The data source of everything.
pub fn data_source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

impl Panel {
    fn new(kind: &'static str, title: &str, about: &str) -> Self {
        Self {
            kind,
            title: title.to_owned(),
            about: about.to_owned(),
            targets: Vec::new(),
            options: Map::new(),
            defaults: Map::new(),
            custom: Map::new(),
            overrides: Vec::new(),
            transformations: Vec::new(),
            max_points: None,
        }
    }

    /// Big numbers.
    pub fn stat(title: &str, about: &str) -> Self {
        Self::new("stat", title, about)
            .options(&json!({
                "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
                "colorMode": "value", "graphMode": "none", "justifyMode": "center", "orientation": "auto", "textMode": "auto", "wideLayout": true,
                "showPercentChange": false, "percentChangeColorMode": "standard",
            }))
            .set("color", json!({ "mode": "thresholds" }))
            .set("thresholds", field::steps("text", &[]))
    }

    /// Bars from left to right, one for each series.
    pub fn bars(title: &str, about: &str) -> Self {
        Self::new("bargauge", title, about)
            .options(&json!({
                "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
                "displayMode": "basic", "orientation": "horizontal", "showUnfilled": true, "valueMode": "text", "namePlacement": "auto",
                "sizing": "manual", "minVizWidth": 8, "minVizHeight": 18, "maxVizHeight": 48,
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": [] },
            }))
            .set("color", json!({ "mode": "thresholds" }))
            .set("thresholds", field::steps(field::color(State::Ok), &[]))
            .set("min", json!(0))
    }

    /// Lines over time. Gaps are gaps: what was unknown is not drawn.
    pub fn lines(title: &str, about: &str) -> Self {
        Self::new("timeseries", title, about)
            .options(&json!({
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }))
            .set("color", json!({ "mode": "palette-classic" }))
            .custom(&json!({ "drawStyle": "line", "lineWidth": 2, "fillOpacity": 0, "showPoints": "auto", "pointSize": 4, "spanNulls": false }))
    }

    /// States over time, one lane for each series.
    pub fn lanes(title: &str, about: &str) -> Self {
        Self::new("state-timeline", title, about)
            .options(&json!({
                "alignValue": "left", "mergeValues": true, "rowHeight": 0.85, "showValue": "auto",
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true },
                "tooltip": { "mode": "single", "sort": "none" },
            }))
            .set("color", json!({ "mode": "thresholds" }))
            .set("thresholds", field::steps(field::color(State::Ok), &[]))
            .set("mappings", field::state_numbers())
            .custom(&json!({ "fillOpacity": 80, "lineWidth": 0 }))
    }

    /// Columns over the values of a field.
    pub fn columns(title: &str, about: &str, x: &str) -> Self {
        Self::new("barchart", title, about)
            .options(&json!({
                "xField": x, "orientation": "auto", "barWidth": 0.8, "groupWidth": 0.7, "barRadius": 0, "showValue": "auto", "stacking": "normal",
                "fullHighlight": false, "xTickLabelRotation": 0, "xTickLabelMaxLength": 0, "xTickLabelSpacing": 100,
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
                "tooltip": { "mode": "multi", "sort": "none" },
            }))
            .set("color", json!({ "mode": "fixed", "fixedColor": field::color(State::Ok) }))
            .set("decimals", json!(0))
            .custom(&json!({ "fillOpacity": 80, "lineWidth": 0, "axisPlacement": "auto" }))
    }

    /// A table with pages.
    pub fn table(title: &str, about: &str) -> Self {
        Self::new("table", title, about)
            .options(&json!({ "showHeader": true, "cellHeight": "sm", "enablePagination": true }))
            .set("color", json!({ "mode": "thresholds" }))
            .set("thresholds", field::steps("text", &[]))
            .custom(&json!({ "align": "auto", "cellOptions": { "type": "auto" }, "inspect": false, "filterable": false, "minWidth": 60 }))
    }

    /// Text for whoever looks for the first time.
    pub fn text(content: &str) -> Self {
        Self::new("text", "", "").options(&json!({ "mode": "markdown", "content": content }))
    }

    /// Asks for series over the range.
    pub fn over_time(self, expr: &str, legend: &str) -> Self {
        self.asks(expr, legend, Answer::Range)
    }

    /// Asks for series at the end of the range.
    pub fn now(self, expr: &str, legend: &str) -> Self {
        self.asks(expr, legend, Answer::Now)
    }

    /// Asks for a table at the end of the range.
    pub fn rows(self, expr: &str) -> Self {
        self.asks(expr, "", Answer::Table)
    }

    fn asks(mut self, expr: &str, legend: &str, answer: Answer) -> Self {
        self.targets.push(Target { expr: expr.to_owned(), legend: legend.to_owned(), answer });
        self
    }

    /// One row for each combination of labels, one column for each value of the label `column`.
    pub fn pivot(self, expr: &str) -> Self {
        self.now(expr, "").transform("labelsToFields", &json!({ "mode": "columns", "valueLabel": "column" })).transform("merge", &json!({}))
    }

    /// Puts the columns into this order and leaves some out.
    pub fn order(self, columns: &[&str], left_out: &[&str]) -> Self {
        let order: Map<_, _> = columns.iter().enumerate().map(|(index, name)| ((*name).to_owned(), json!(index))).collect();
        let left_out: Map<_, _> = std::iter::once(&"Time").chain(left_out).map(|name| ((*name).to_owned(), json!(true))).collect();
        self.transform("organize", &json!({ "indexByName": order, "excludeByName": left_out, "renameByName": {} }))
    }

    /// Rows in the order of a column; of a further column where they are equal in those before.
    pub fn sorted_by(mut self, column: &str, descending: bool) -> Self {
        let order = self.options.entry("sortBy").or_insert_with(|| json!([]));
        order.as_array_mut().expect("a list, made above").push(json!({ "displayName": column, "desc": descending }));
        self
    }

    /// Changes the answers before they are drawn.
    pub fn transform(mut self, id: &str, options: &Value) -> Self {
        self.transformations.push(json!({ "id": id, "options": options }));
        self
    }

    /// Sets options of this kind of panel.
    pub fn options(mut self, options: &Value) -> Self {
        extend(&mut self.options, options);
        self
    }

    /// Sets a property of every field.
    pub fn set(mut self, property: &str, value: Value) -> Self {
        self.defaults.insert(property.to_owned(), value);
        self
    }

    /// Sets properties of every field that belong to this kind of panel.
    pub fn custom(mut self, properties: &Value) -> Self {
        extend(&mut self.custom, properties);
        self
    }

    /// Sets properties of one field.
    pub fn field(mut self, name: &str, properties: &Value) -> Self {
        let properties: Vec<_> = properties.as_object().into_iter().flatten().map(|(id, value)| json!({ "id": id, "value": value })).collect();
        self.overrides.push(json!({ "matcher": { "id": "byName", "options": name }, "properties": properties }));
        self
    }

    /// Names and colours for fields that are called like states.
    pub fn state_fields(self) -> Self {
        State::ALL.into_iter().fold(self, |panel, state| {
            // In one override: after the first the field goes by its new name.
            let mut look = field::unless_none(field::color(state));
            look["displayName"] = json!(field::name(state));
            panel.field(state.as_str(), &look)
        })
    }

    /// Columns of a table with numbers of readings by state.
    pub fn state_columns(self) -> Self {
        State::ALL.into_iter().fold(self, |panel, state| {
            let color = if state == State::Ok { "text" } else { field::color(state) };
            let background = if state == State::Ok { json!({ "type": "auto" }) } else { json!({ "type": "color-background", "mode": "basic" }) };
            panel.field(
                state.as_str(),
                &json!({
                    "displayName": field::name(state), "custom.width": 90, "custom.align": "center", "custom.cellOptions": background,
                    "mappings": field::quiet_zeros(), "thresholds": field::steps(field::PLAIN, &[(1.0, color)]), "decimals": 0,
                }),
            )
        })
    }

    /// How many points of time at most, which also bounds the work of a query over the range.
    pub fn max_points(mut self, count: u32) -> Self {
        self.max_points = Some(count);
        self
    }

    /// The panel as Grafana reads it.
    pub fn json(&self, id: usize, place: &Value) -> Value {
        let mut panel = json!({
            "id": id, "type": self.kind, "title": self.title, "gridPos": place, "options": self.options, "pluginVersion": GRAFANA,
        });
        if self.kind == "text" {
            panel["transparent"] = json!(true);
            return panel;
        }
        let mut defaults = self.defaults.clone();
        defaults.insert("custom".to_owned(), json!(self.custom));
        panel["description"] = json!(self.about);
        panel["datasource"] = data_source();
        panel["targets"] = self.targets.iter().enumerate().map(|(index, target)| target.json(index)).collect();
        panel["fieldConfig"] = json!({ "defaults": defaults, "overrides": self.overrides });
        panel["transformations"] = json!(self.transformations);
        if let Some(count) = self.max_points {
            panel["maxDataPoints"] = json!(count);
        }
        panel
    }
}

impl Target {
    fn json(&self, index: usize) -> Value {
        let is_range = self.answer == Answer::Range;
        let format = if self.answer == Answer::Table { "table" } else { "time_series" };
        let letter = char::from(b'A' + u8::try_from(index).expect("a panel has a handful of queries"));
        json!({
            "refId": letter.to_string(), "datasource": data_source(), "editorMode": "code", "expr": self.expr, "legendFormat": self.legend,
            "range": is_range, "instant": !is_range, "format": format,
        })
    }
}

fn extend(map: &mut Map<String, Value>, with: &Value) {
    map.extend(with.as_object().cloned().into_iter().flatten());
}
