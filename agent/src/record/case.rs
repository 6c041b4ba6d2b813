//! Cases: severities, grades and when a case is open (ruling 10).

use super::{Doubt, DoubtReason, Record, Value, door::cut};

/// How severe a case is. Ordered from the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// `low`, `sev4`, `minor`.
    Low,
    /// `normal`, `medium`, `sev3`.
    Medium,
    /// `high`, `sev2`, `major`; unknown words too.
    High,
    /// `immediate`, `urgent`, `critical`, `sev1`.
    Critical,
}

impl Severity {
    /// Reads the field's common words, without regard to case, blanks, hyphens and underscores. Unknown words are `None`.
    pub fn parse(word: &str) -> Option<Self> {
        let plain: String = word.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
        Some(match plain.as_str() {
            "immediate" | "urgent" | "critical" | "sev1" | "severity1" | "p1" | "blocker" => Self::Critical,
            "high" | "sev2" | "severity2" | "p2" | "major" => Self::High,
            "normal" | "medium" | "moderate" | "sev3" | "severity3" | "p3" => Self::Medium,
            "low" | "sev4" | "severity4" | "p4" | "minor" => Self::Low,
            _ => return None,
        })
    }

    /// The label values.
    pub const WORDS: &'static [&'static str] = &["critical", "high", "medium", "low"];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Statuses that close any case, and those that end an incident.
const CLOSED: &[&str] = &["closed", "done", "rejected", "cancelled", "canceled", "withdrawn"];
const INCIDENT_ENDED: &[&str] = &["resolved"];

/// Fills the derived fields of a case: severity, its own word, grade, openness. `typed_grade` is what the upstream said of the grade.
pub(super) fn derive(record: &mut Record, typed_grade: Option<&str>) {
    let word = record.value("severity").as_text().map(str::to_owned);
    let severity = word.as_deref().map(|word| Severity::parse(word).unwrap_or(Severity::High));
    if let Some(word) = &word {
        if Severity::parse(word).is_none() {
            record.doubts.push(Doubt { reason: DoubtReason::UnknownWord, field: "severity".into(), value: cut(word) });
        }
        record.set("severity_word", Value::Text(word.clone()));
    }
    record.set("severity", severity.map_or(Value::Null, |severity| Value::Text(severity.as_str().into())));
    if record.kind() == Some("nonconformity") {
        let grade = grade(record, typed_grade, word.as_deref(), severity);
        record.set("grade", Value::Text(grade.into()));
    }
    let open = is_open(record);
    record.set("is_open", Value::Integer(open.into()));
}

/// The field `grade`, else a severity that reads major or minor, else critical and high are major and the rest minor. A grade in unknown
/// words counts as major: the careful choice.
fn grade(record: &mut Record, typed: Option<&str>, word: Option<&str>, severity: Option<Severity>) -> &'static str {
    match typed.or(word).map(|text| text.trim().to_lowercase()).as_deref() {
        Some("major") => return "major",
        Some("minor") => return "minor",
        _ => {}
    }
    if let Some(typed) = typed {
        record.doubts.push(Doubt { reason: DoubtReason::UnknownWord, field: "grade".into(), value: cut(typed) });
        return "major";
    }
    if severity >= Some(Severity::High) { "major" } else { "minor" }
}

/// Incidents are open until resolved or closed, everything else until closed.
fn is_open(record: &Record) -> bool {
    let incident = record.kind() == Some("incident");
    let dated = |field| *record.value(field) != Value::Null;
    let status = record.value("status").as_text().map(|status| status.trim().to_lowercase()).unwrap_or_default();
    let ended = CLOSED.contains(&status.as_str()) || (incident && INCIDENT_ENDED.contains(&status.as_str()));
    !(ended || dated("closed_at") || (incident && dated("resolved_at")))
}
