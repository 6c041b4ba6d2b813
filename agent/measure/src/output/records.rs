//! NDJSON records that the agent's `records` connector reads: one for each statistic, and one more for a test's p-value.

use serde::Serialize;

use super::{Direction, Family, Kind, Measurement, Report, Unit, Verdict};

/// What the records say beside the measurements: whose they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The AI system, as the inventory knows it.
    pub system: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// The model version.
    pub version: Option<String>,
}

#[derive(Serialize)]
struct Record<'a> {
    record: &'static str,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    system: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    family: Family,
    method: &'a str,
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<Unit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    feature: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    feature_role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subgroup: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference_subgroup: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<&'a str>,
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<Direction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adjusted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bins: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n_reference: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n_current: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n_subgroup: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_start: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_end: Option<&'a str>,
    measured_at: &'a str,
    tool: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_limit: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_verdict: Option<String>,
    parameters: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_digest: Option<&'a str>,
}

/// All records, one a line.
pub fn render(report: &Report, subject: &Subject) -> String {
    let digest = report.input_digest();
    let mut lines = String::new();
    for measurement in &report.measurements {
        let record = statistic(report, subject, measurement, digest.as_deref());
        let judged = (record.tool_limit, record.tool_verdict.clone());
        // Limit and verdict stand with the number that was held against the limit.
        let (of_value, of_p_value) = if measurement.limit_is_for_p_value { (Default::default(), judged) } else { (judged, Default::default()) };
        let record = Record { tool_limit: of_value.0, tool_verdict: of_value.1, ..record };
        push(&mut lines, &record);
        // The value has been the p-value already where another tool is followed.
        if let Some(p_value) = measurement.p_value.filter(|_| measurement.kind != Kind::PValue) {
            let kind = Kind::PValue;
            let id = id(report, subject, measurement, kind);
            let value = Some(p_value.value);
            let (tool_limit, tool_verdict) = of_p_value;
            let direction = Some(Direction::Lower);
            push(&mut lines, &Record { id, kind, value, unit: None, direction, adjusted: Some(false), tool_limit, tool_verdict, ..record });
        }
    }
    lines
}

fn push(lines: &mut String, record: &Record<'_>) {
    // Numbers and text: nothing that JSON could refuse.
    lines.push_str(&serde_json::to_string(record).expect("a record of numbers and text is JSON"));
    lines.push('\n');
}

fn statistic<'a>(report: &'a Report, subject: &'a Subject, measurement: &'a Measurement, input_digest: Option<&'a str>) -> Record<'a> {
    Record {
        record: "measurement",
        id: id(report, subject, measurement, measurement.kind),
        system: subject.system.as_deref(),
        model: subject.model.as_deref(),
        version: subject.version.as_deref(),
        family: measurement.family,
        method: method(measurement),
        kind: measurement.kind,
        unit: measurement.unit,
        feature: measurement.feature.as_deref(),
        feature_role: measurement.feature_role.map(|role| if role == "label" { "target" } else { role }),
        attribute: measurement.attribute.as_deref(),
        subgroup: measurement.subgroup.as_deref(),
        reference_subgroup: measurement.reference_subgroup.as_deref(),
        segment: measurement.segment.as_deref(),
        value: measurement.value,
        baseline: measurement.baseline,
        direction: measurement.direction,
        adjusted: (measurement.kind == Kind::PValue).then_some(false),
        bins: measurement.bins,
        n_reference: measurement.n_reference,
        n_current: measurement.n_current,
        n_subgroup: measurement.n_subgroup,
        window_start: report.current.window_start.as_deref(),
        window_end: report.current.window_end.as_deref(),
        measured_at: &report.measured_at,
        tool: format!("{} {}", report.tool.name, report.tool.version),
        tool_limit: measurement.limit,
        tool_verdict: measurement.verdict.filter(|verdict| *verdict != Verdict::Unknown).map(|verdict| verdict.to_string()),
        parameters: parameters(report, measurement),
        input_digest,
    }
}

/// The agent's name of the method: it takes a Jensen-Shannon distance to be to base e unless its name says otherwise.
fn method(measurement: &Measurement) -> &str {
    let is_base_2 = measurement.parameters.iter().any(|(name, value)| *name == "base" && value == "2");
    if measurement.method == "jensen_shannon" && is_base_2 { "jensen_shannon_base_2" } else { &measurement.method }
}

/// What tells the number apart from all others, of this run and of others.
fn id(report: &Report, subject: &Subject, measurement: &Measurement, kind: Kind) -> String {
    let kind = match kind {
        Kind::Statistic => "statistic",
        Kind::PValue => "p_value",
        Kind::Ratio => "ratio",
        Kind::Count => "count",
    };
    let words = [
        subject.system.as_deref(),
        subject.model.as_deref(),
        subject.version.as_deref(),
        Some(report.command),
        Some(&measurement.method),
        Some(kind),
        measurement.feature.as_deref(),
        measurement.feature_role.filter(|role| *role != "feature"),
        measurement.attribute.as_deref(),
        measurement.subgroup.as_deref(),
        measurement.reference_subgroup.as_deref(),
        measurement.segment.as_deref(),
        Some(&report.measured_at),
    ];
    // A slash within a name would make two names of it.
    let words: Vec<String> = words.into_iter().map(|word| word.unwrap_or_default().replace('%', "%25").replace('/', "%2F")).collect();
    words.join("/")
}

/// What is needed to make the number again, as JSON text.
fn parameters(report: &Report, measurement: &Measurement) -> String {
    let mut map = serde_json::Map::new();
    let mut insert = |name: &str, value: serde_json::Value| drop(map.insert(name.to_owned(), value));
    for setting in &report.settings {
        insert(setting.name, setting.value.clone().into());
    }
    for (name, value) in &measurement.parameters {
        insert(name, value.clone().into());
    }
    let numbers = [("noise_floor", measurement.noise_floor), ("error_bound", measurement.error_bound)];
    for (name, value) in numbers {
        if let Some(value) = value {
            insert(name, value.into());
        }
    }
    if let Some(interval) = measurement.interval {
        insert("interval", serde_json::json!(interval));
    }
    if let Some(reason) = &measurement.reason {
        insert("reason", reason.clone().into());
    }
    for (name, input) in [("reference", report.reference.as_ref()), ("current", Some(&report.current))] {
        if let Some(input) = input {
            let mut said = serde_json::json!({ "name": input.name, "sha256": input.sha256, "where": input.condition });
            if let Some(query) = &input.query {
                said["query"] = serde_json::json!(query);
            }
            insert(name, said);
        }
    }
    serde_json::Value::Object(map).to_string()
}
