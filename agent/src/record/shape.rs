//! The table of record shapes: declared once, read by everyone. The door (`door.rs`) checks records against it, the store makes its
//! tables from it, the documentation prints it. No I/O and no behaviour beyond looking things up.

use Kind::{Boolean, Day, Integer, PastTime, Real, Text, Time, Word};
use Presence::{DayOf, Default, Derived, Optional, Required};

/// One kind of record: its table and fields.
#[derive(Debug)]
pub struct Shape {
    /// What a connector writes in `record:`, singular: `model_version`.
    pub name: &'static str,
    /// The SQL table, plural: `model_versions`. Also the name used in an indicator's `reads:`.
    pub table: &'static str,
    /// What one row is.
    pub about: &'static str,
    /// Whether rows belong to an AI system: adds the columns `system` (resolved id or NULL) and `upstream_key` (what the upstream said).
    pub belongs_to_system: bool,
    /// The field by which feeds and `reads:` divide the shape (`reviews(impact_assessment)`).
    pub kind_field: Option<&'static str>,
    /// The columns beside `source`, `id`, `url`, `observed_at` (and `system`, `upstream_key`).
    pub fields: &'static [Field],
    /// Lists, each in a table of its own.
    pub lists: &'static [List],
}

/// One column.
#[derive(Debug)]
pub struct Field {
    /// Column name; no SQL keyword.
    pub name: &'static str,
    /// Type, and how text is read into it.
    pub kind: Kind,
    /// Who fills it, and what an absent value means.
    pub presence: Presence,
    /// Meaning.
    pub about: &'static str,
}

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// One of a closed list of words; matched without regard to case, blanks and hyphens read as underscores.
    Word(&'static [&'static str]),
    /// A severity; see [`super::Severity`]. Unknown words are read as `high` and noted as a doubt.
    Severity,
    /// A whole number.
    Integer,
    /// A real number. Not-a-number and infinities become NULL; `<field>_flag` says which.
    Real,
    /// 0 or 1.
    Boolean,
    /// Epoch seconds, UTC.
    Time,
    /// Epoch seconds of something that happened. In the future it can't have: the value is left out and noted as a doubt.
    PastTime,
    /// Days since 1970-01-01 in the organisation's time zone.
    Day,
}

/// Who fills a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// A record without it is refused.
    Required,
    /// NULL when absent.
    Optional,
    /// Absent means this word or number.
    Default(&'static str),
    /// Worked out from other fields at the door or by the store; a connector can't set it.
    Derived,
    /// The day, in the organisation's time zone, of the first of these times that is known. Only the tables that indicators query have it: it
    /// follows from the record and the zone.
    DayOf(&'static [&'static str]),
}

impl Presence {
    /// Whether a connector can set the field.
    pub fn is_given(self) -> bool {
        !matches!(self, Self::Derived | Self::DayOf(_))
    }
}

/// A list field: a table `(source, id, <columns>)` with one row per item.
#[derive(Debug)]
pub struct List {
    /// The field that holds the list in a record.
    pub field: &'static str,
    /// Its table.
    pub table: &'static str,
    /// Text columns; an item is an object with them, or a text when there is one column.
    pub columns: &'static [&'static str],
    /// Meaning.
    pub about: &'static str,
}

/// Keys that records of every shape have.
const COMMON: &[&str] = &["record", "id", "url", "attributes"];

impl PartialEq for Shape {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Shape {
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether a connector can give a record this field.
    pub fn takes(&self, name: &str) -> bool {
        COMMON.contains(&name)
            || (name == "system" && self.belongs_to_system)
            || (name == "grade" && self.name == "case")
            || self.field(name).is_some_and(|field| field.presence.is_given())
            || self.lists.iter().any(|list| list.field == name)
    }

    /// The closed list of kinds, when the shape is divided by one.
    pub fn kinds(&self) -> &'static [&'static str] {
        match self.kind_field.and_then(|name| self.field(name)).map(|field| field.kind) {
            Some(Kind::Word(words)) => words,
            _ => &[],
        }
    }
}

/// The shape with this singular name.
pub fn by_name(name: &str) -> Option<&'static Shape> {
    SHAPES.iter().find(|shape| shape.name == name)
}

/// The shape with this table name.
pub fn by_table(table: &str) -> Option<&'static Shape> {
    SHAPES.iter().find(|shape| shape.table == table)
}

const fn field(name: &'static str, kind: Kind, presence: Presence, about: &'static str) -> Field {
    Field { name, kind, presence, about }
}

/// Kinds of review: something planned, due on a day, done or not.
pub const REVIEW_KINDS: &[&str] = &[
    "impact_assessment",
    "risk_assessment",
    "bias_test",
    "internal_audit",
    "external_audit",
    "management_review",
    "supplier_review",
    "document_review",
    "training",
    "validation",
    "stage1_audit",
    "stage2_audit",
    "surveillance_audit",
    "recertification",
    "obligation",
    "review_input",
];

/// Kinds of case: something open until it is closed.
pub const CASE_KINDS: &[&str] =
    &["incident", "nonconformity", "corrective_action", "concern", "risk", "risk_treatment", "review_action", "change", "issue", "improvement"];

/// Fields of a system by which thresholds can select its readings.
pub const SYSTEM_PROPERTIES: [&str; 6] = ["owner_role", "risk_tier", "lifecycle", "role", "eu_ai_act_class", "registry"];

/// The other word as which a word of a system's property counts where rules select by it (ruling 16).
pub fn counts_as(property: &str, word: &str) -> Option<&'static str> {
    matches!((property, word), ("risk_tier", "unknown")).then_some("high")
}

/// Every shape, in the order of the documentation.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "system",
        table: "systems",
        about: "an AI system in the inventory; its `id` is the system id that everything else refers to",
        belongs_to_system: false,
        kind_field: None,
        fields: &[
            field("name", Text, Optional, "What people call it."),
            field("owner_role", Text, Optional, "The role that owns it; never a person's name."),
            field("role", Word(&["developer", "provider", "deployer"]), Optional, "The organisation's role for it (ISO/IEC 42001, 4.1)."),
            field(
                "risk_tier",
                Word(&["high", "limited", "minimal", "unacceptable", "unknown"]),
                Optional,
                "Risk tier of the organisation. `unknown` is a tier that nobody knows: what holds for high ones holds for it (ruling 16).",
            ),
            field("lifecycle", Word(&["planned", "development", "staging", "production", "retired"]), Default("production"), "Where it is in its life."),
            field("eu_ai_act_class", Text, Optional, "Class under the EU AI Act."),
            field("in_scope", Boolean, Default("1"), "Whether the AIMS covers it (4.3)."),
            field("registry", Text, Optional, "Name of the source where its models should be found."),
        ],
        lists: &[List { field: "aliases", table: "system_aliases", columns: &["alias"], about: "Other names by which upstreams know it." }],
    },
    Shape {
        name: "model_version",
        table: "model_versions",
        about: "a version of a model in a registry",
        belongs_to_system: true,
        kind_field: None,
        fields: &[
            field("kind", Word(&["model", "prompt", "agent"]), Default("model"), "What it is a version of. Drift, bias and validation are asked of models."),
            field("model", Text, Required, "The model's name in the registry, or the prompt's."),
            field("version", Text, Required, "The version, as the registry writes it."),
            field("stage", Text, Optional, "Stage, where the registry has stages."),
            field("aliases", Text, Optional, "Aliases, comma separated, sorted."),
            field("in_production", Boolean, Default("0"), "Whether an alias or stage says production (ruling 3)."),
            field("stage_conflict", Boolean, Default("0"), "Archived and yet aliased as production (ruling 3)."),
            field("created_at", PastTime, Optional, "When the version was registered."),
            field("promoted_at", PastTime, Optional, "When it went into production: from the registry, else the first poll that saw it there (ruling 3)."),
            field("first_seen_at", Time, Derived, "The first poll that saw it."),
            field("made_day", Day, DayOf(&["created_at", "first_seen_at", "promoted_at"]), "The day it was registered, else first seen, else promoted."),
            field("promoted_day", Day, DayOf(&["promoted_at"]), "The day it went into production."),
            field("approved", Boolean, Optional, "The registry's own approval mark, when it has one."),
        ],
        lists: &[],
    },
    Shape {
        name: "pipeline",
        table: "pipelines",
        about: "a pipeline, job or check suite that exists, whether it ran or not",
        belongs_to_system: true,
        kind_field: None,
        fields: &[
            field("dataset", Text, Optional, "The data set it makes."),
            field("paused", Boolean, Default("0"), "Whether it is switched off."),
            field("pauses_after_failures", Integer, Optional, "After so many failed runs in a row the upstream switches it off itself."),
            field("broken", Boolean, Default("0"), "Whether the upstream can't load its definition."),
            field("freshness_limit_seconds", Integer, Optional, "Oldest acceptable age of the data that it made, in seconds (ruling 15)."),
            field("created_at", PastTime, Optional, "When it first existed, when known."),
        ],
        lists: &[],
    },
    Shape {
        name: "run",
        table: "runs",
        about: "one run of a pipeline",
        belongs_to_system: true,
        kind_field: None,
        fields: &[
            field("pipeline", Text, Required, "Id of the pipeline, in the same source."),
            field("run_type", Word(&["scheduled", "manual", "event", "backfill"]), Optional, "What it was started by; a backfill fills intervals of the past."),
            field("outcome", Word(&["success", "failed", "running", "queued", "cancelled", "skipped"]), Required, "How it stands or ended."),
            field("interval_end", Time, Optional, "The end of the interval of data that it is about (ruling 15)."),
            field("due_at", Time, Optional, "When it was to run (ruling 15)."),
            field("started_at", PastTime, Optional, "Start."),
            field("ended_at", PastTime, Optional, "End; NULL while it runs."),
            field("checks_executed", Integer, Optional, "Data checks executed."),
            field("checks_passed", Integer, Optional, "Data checks passed."),
            field("checks_failed_warn", Integer, Optional, "Data checks failed with severity warn."),
            field("checks_failed_error", Integer, Optional, "Data checks failed with severity error."),
        ],
        lists: &[],
    },
    Shape {
        name: "dataset",
        table: "datasets",
        about: "a data set in use, and when its source, rights, lineage and preparation were recorded",
        belongs_to_system: false,
        kind_field: None,
        fields: &[
            field("name", Text, Optional, "Name."),
            field("source_recorded_at", PastTime, Optional, "When its source was recorded (A.7.3)."),
            field("rights_recorded_at", PastTime, Optional, "When the rights to use it were recorded (A.7.3)."),
            field("lineage_recorded_at", PastTime, Optional, "When its lineage was recorded (A.7.5)."),
            field("preparation_recorded_at", PastTime, Optional, "When its preparation was recorded (A.7.6)."),
        ],
        lists: &[List { field: "systems", table: "dataset_systems", columns: &["system_key"], about: "The systems that use it." }],
    },
    Shape {
        name: "measurement",
        table: "measurements",
        about: "one measured value",
        belongs_to_system: true,
        kind_field: Some("family"),
        fields: &[
            field("model", Text, Optional, "The model, when it is known."),
            field("version", Text, Optional, "The model version, when it is known."),
            field("family", Word(&["drift", "bias", "quality", "performance", "objective"]), Required, "What it is about."),
            field("method", Text, Required, "How it was computed, the catalogue's token: `psi`, `ks`, `disparate_impact_ratio`."),
            field("kind", Word(&["statistic", "p_value", "ratio", "count"]), Default("statistic"), "What the number is; a statistic is never a p-value."),
            field("unit", Word(&["raw", "normed"]), Optional, "Whether a distance is in the data's unit or normed."),
            field("feature", Text, Optional, "The feature."),
            field("feature_role", Word(&["feature", "prediction", "target", "score"]), Optional, "What it is to the model; none means `feature`."),
            field("attribute", Text, Optional, "The protected attribute."),
            field("subgroup", Text, Optional, "The group that is compared."),
            field("reference_subgroup", Text, Optional, "The group it is compared with."),
            field("segment", Text, Optional, "The part of the data."),
            field("value", Real, Optional, "The value; NULL when it was not a finite number."),
            field("value_flag", Word(&["nan", "infinity"]), Derived, "Why the value is NULL."),
            field("baseline", Real, Optional, "The value it is compared with."),
            field("direction", Word(&["higher", "lower", "two_sided", "abs"]), Optional, "Which way is worse."),
            field("adjusted", Boolean, Default("0"), "Whether a p-value is already corrected for multiple tests."),
            field("bins", Integer, Optional, "Number of bins."),
            field("n_reference", Integer, Optional, "Rows in the reference window."),
            field("n_current", Integer, Optional, "Rows in the current window."),
            field("n_subgroup", Integer, Optional, "Rows in the smaller of the groups compared."),
            field("noise_floor", Real, Optional, "What it stays below in 99 of 100 cases by chance alone, as its tool worked out (ruling 18)."),
            field("window_start", Time, Optional, "Start of the current window."),
            field("window_end", Time, Optional, "End of the current window."),
            field("measured_at", PastTime, Optional, "When it was computed."),
            field(
                "taken_day",
                Day,
                DayOf(&["measured_at", "window_end", "observed_at"]),
                "The day it was computed, else on which its window ended, else on which it was first read.",
            ),
            field("tool", Text, Optional, "What computed it."),
            field("tool_limit", Real, Optional, "The tool's own limit."),
            field("tool_verdict", Text, Optional, "The tool's own verdict."),
            field("parameters", Text, Optional, "Parameters, as JSON."),
            field("input_digest", Text, Optional, "Digest of the input data."),
        ],
        lists: &[],
    },
    Shape {
        name: "review",
        table: "reviews",
        about: "one planned occasion: due on a day, done or not (ruling 1)",
        belongs_to_system: true,
        kind_field: Some("kind"),
        fields: &[
            field("kind", Word(REVIEW_KINDS), Required, "What is reviewed."),
            field("title", Text, Optional, "Title; shown, never a label."),
            field("scope", Text, Optional, "Scope: an audit's part, a review's type, a supplier, a document, a course."),
            field("requirements", Text, Optional, "Clauses and controls that it covers, with all below them, separated by blanks: `9.2 A.6`."),
            field("role", Text, Optional, "The role of those whom it concerns, such as who is trained; never a person's name."),
            field("person", Text, Optional, "Whom it concerns where several share a scope: a key or a name. Shown, never a label."),
            field("level", Word(&["critical", "high", "medium", "low"]), Optional, "Level of what is reviewed."),
            field(
                "status",
                Word(&["planned", "draft", "in_progress", "performed", "reported", "approved", "rejected", "cancelled"]),
                Default("planned"),
                "Status.",
            ),
            field("due", Day, Optional, "The day it is due."),
            field("due_ends_at", Time, Derived, "The end of the due day in the organisation's time zone."),
            field("next_due", Day, Optional, "The day the next occasion is due; yields that occasion as a row of its own."),
            field("completed_at", PastTime, Optional, "When it was carried out."),
            field("approved_at", PastTime, Optional, "When its result was approved, signed or reported."),
            field("completed_day", Day, DayOf(&["completed_at"]), "The day it was carried out."),
            field("approved_day", Day, DayOf(&["approved_at"]), "The day its result was approved, signed or reported."),
        ],
        lists: &[List { field: "covers", table: "review_covers", columns: &["model", "version"], about: "The model versions it covers; none means all." }],
    },
    Shape {
        name: "case",
        table: "cases",
        about: "something open until it is closed: an incident, a nonconformity, a risk, an action",
        belongs_to_system: true,
        kind_field: Some("kind"),
        fields: &[
            field("kind", Word(CASE_KINDS), Required, "What it is."),
            field("title", Text, Optional, "Title; shown, never a label."),
            field("severity", Kind::Severity, Optional, "Severity (ruling 10)."),
            field("severity_word", Text, Derived, "The upstream's own word for the severity."),
            field("grade", Word(&["major", "minor"]), Derived, "Grade of a nonconformity (ruling 10)."),
            field("origin", Text, Optional, "Where it came from: internal_audit, external_audit, incident, review, ..."),
            field("reference", Text, Optional, "The id or address under which another register or tracker holds the same case."),
            field("category", Text, Optional, "Category."),
            field("status", Text, Optional, "The upstream's own status."),
            field("is_open", Boolean, Derived, "Whether it is open (ruling 10)."),
            field("opened_at", PastTime, Optional, "When it was opened or detected."),
            field("aware_at", PastTime, Optional, "When the organisation became aware."),
            field("triaged_at", PastTime, Optional, "When it was triaged."),
            field("notify_by", Time, Optional, "Deadline of a notice to an authority."),
            field("notified_at", PastTime, Optional, "When the notice was given."),
            field("due", Day, Optional, "The day it is due."),
            field("due_ends_at", Time, Derived, "The end of the due day in the organisation's time zone."),
            field("implemented_at", PastTime, Optional, "When the action was implemented."),
            field("resolved_at", PastTime, Optional, "When it was resolved."),
            field("verify_due", Day, Optional, "The day its effectiveness is to be verified."),
            field("verified_at", PastTime, Optional, "When its effectiveness was verified."),
            field("closed_at", PastTime, Optional, "When it was closed."),
            field("residual", Real, Optional, "Residual risk."),
            field("tolerance", Real, Optional, "The highest residual risk that is acceptable, on the same scale; absent: the organisation's."),
            field("accepted_until", Day, Optional, "Until when the residual risk is accepted."),
            field("significant", Boolean, Optional, "Whether a change is significant (8.4)."),
            field("approved_at", PastTime, Optional, "When it was approved."),
            field("opened_day", Day, DayOf(&["opened_at"]), "The day it was opened or detected."),
            field("approved_day", Day, DayOf(&["approved_at"]), "The day it was approved."),
            field("implemented_day", Day, DayOf(&["implemented_at"]), "The day the action was implemented."),
            field("closed_day", Day, DayOf(&["closed_at"]), "The day it was closed."),
            field(
                "first_day",
                Day,
                DayOf(&["opened_at", "approved_at", "implemented_at", "resolved_at", "closed_at"]),
                "The day it was opened, else the first day known of it.",
            ),
            field("parent", Text, Optional, "Id of the case it belongs to."),
        ],
        lists: &[List {
            field: "covers",
            table: "case_covers",
            columns: &["model", "version"],
            about: "The model versions that a change brings into production.",
        }],
    },
    Shape {
        name: "event_log",
        table: "event_logs",
        about: "where the events of an AI system are recorded (A.6.2.8), what came last and how long it is kept; sources that know one log by the same id add up",
        belongs_to_system: true,
        kind_field: None,
        fields: &[
            field("name", Text, Optional, "Name of the log."),
            field("last_received_at", PastTime, Optional, "When the newest event was received; absent: not known."),
            field("retention_days", Integer, Optional, "How long events are kept, in days; absent: not known."),
            field("max_silence_seconds", Integer, Optional, "Longest acceptable time without an event, in seconds; absent: the indicator's."),
        ],
        lists: &[],
    },
    Shape {
        name: "control",
        table: "controls",
        about: "one line of the Statement of Applicability",
        belongs_to_system: false,
        kind_field: None,
        fields: &[
            field("control", Text, Required, "The control: A.6.2.6."),
            field("applicable", Boolean, Required, "Whether it applies."),
            field("justification", Text, Optional, "Why, or why not."),
            field("status", Word(&["planned", "partial", "implemented", "not_applicable"]), Optional, "How far it is."),
            field("evidence_at", PastTime, Optional, "When its evidence was recorded."),
            field("evidence_until", Day, Optional, "Until when the evidence counts."),
            field("audited_at", PastTime, Optional, "When it was last audited."),
            field("evidence_day", Day, DayOf(&["evidence_at"]), "The day its evidence was recorded."),
            field("audited_day", Day, DayOf(&["audited_at"]), "The day it was last audited."),
        ],
        lists: &[],
    },
    Shape {
        name: "objective",
        table: "objectives",
        about: "an AI objective (6.2)",
        belongs_to_system: true,
        kind_field: None,
        fields: &[
            field("title", Text, Optional, "Title."),
            field("theme", Text, Optional, "Theme."),
            field("indicator", Text, Optional, "The indicator that measures it, or"),
            field("measure", Text, Optional, "what else does."),
            field("baseline", Real, Optional, "Where it started."),
            field("target", Real, Optional, "Where it is to get."),
            field("direction", Word(&["higher", "lower"]), Optional, "Which way is better."),
            field("planned", Real, Optional, "The planned trajectory's value today."),
            field("value", Real, Optional, "The value; NULL when unmeasured or not finite."),
            field("value_flag", Word(&["nan", "infinity"]), Derived, "Why the value is NULL."),
            field("due", Day, Optional, "The day it is due."),
        ],
        lists: &[],
    },
    Shape {
        name: "plan_entry",
        table: "plan_entries",
        about: "one line of the monitoring plan (9.1)",
        belongs_to_system: true,
        kind_field: None,
        fields: &[
            field("what", Text, Required, "What is monitored."),
            field("indicator", Text, Optional, "The indicator."),
            field("selector", Text, Optional, "Labels of the series it expands to, as JSON."),
            field("technique", Text, Optional, "The method, in words."),
            field("requirements", Text, Optional, "Clauses and controls that it serves, separated by blanks."),
            field("min_samples", Integer, Optional, "Fewest rows of a window with which the result is valid."),
            field("measure_every_seconds", Integer, Optional, "How often it is measured."),
            field("max_age_seconds", Integer, Optional, "Oldest acceptable age."),
            field("warning", Real, Optional, "The planned warning limit."),
            field("breach", Real, Optional, "The planned breach limit."),
            field("measured_by", Text, Optional, "The role that measures."),
            field("analyse_every_seconds", Integer, Optional, "How often results are analysed."),
            field("analysed_by", Text, Optional, "The role that analyses."),
            field("last_analysed_at", PastTime, Optional, "When results were last analysed."),
            field(
                "analysis_due",
                Day,
                Derived,
                "The day on which its results are next due to be analysed: an interval after the last analysis, else after its first day.",
            ),
            field("dashboard_uid", Text, Optional, "The uid of the dashboard that is to show it; absent: any."),
            field("panel_contains", Text, Optional, "What the query of the panel that shows it must contain; absent: nothing in particular."),
            field("approved_by", Text, Optional, "The role that approved the entry."),
            field("valid_from", Day, Optional, "First day."),
            field("review_due", Day, Optional, "The day the entry itself is due for review."),
        ],
        lists: &[],
    },
    Shape {
        name: "acceptance",
        table: "acceptances",
        about: "a reading in breach that somebody who may do so accepts until a day, with a reason; it turns no state",
        belongs_to_system: true,
        kind_field: None,
        fields: &[
            field("indicator", Text, Required, "The indicator whose readings are accepted."),
            field("accepted_by", Text, Required, "The role that accepts; never a person's name."),
            field("reason", Text, Required, "Why; shown, never a label."),
            field("accepted_at", PastTime, Optional, "When it was accepted."),
            field("accepted_until", Day, Required, "The last day on which it counts."),
            field("accepted_day", Day, DayOf(&["accepted_at"]), "The day it was accepted."),
        ],
        lists: &[List {
            field: "labels",
            table: "acceptance_labels",
            columns: &["label_text"],
            about: "Labels that the readings must have, each as the table `readings` writes it: `\"feature\":\"income\"`; none: all of the indicator and system.",
        }],
    },
    Shape {
        name: "party",
        table: "parties",
        about: "an interested party (4.2) with its needs and expectations",
        belongs_to_system: false,
        kind_field: None,
        fields: &[
            field("name", Text, Required, "Who: a group or an organisation, never a person."),
            field("category", Text, Optional, "Internal, customer, regulator, supplier, society, ..."),
            field("needs", Text, Optional, "Its needs and expectations."),
            field("addressed", Text, Optional, "How the management system addresses them; absent: it does not."),
            field("reviewed_at", PastTime, Optional, "When this was looked at last."),
            field("reviewed_day", Day, DayOf(&["reviewed_at"]), "The day it was looked at last."),
        ],
        lists: &[],
    },
    Shape {
        name: "decision",
        table: "decisions",
        about: "a result of a management review (9.3.3)",
        belongs_to_system: false,
        kind_field: None,
        fields: &[
            field("review", Text, Optional, "Id of the management review."),
            field("title", Text, Required, "What was decided; shown, never a label."),
            field(
                "decided_on",
                Word(&["improvement", "change", "resources", "other"]),
                Default("other"),
                "What it is about: improvement or changes of the AIMS (9.3.3), resources.",
            ),
            field("input", Text, Optional, "The input that it follows from: `a` to `e`, `d.2`."),
            field("indicators", Text, Optional, "Indicators that it is to change, separated by blanks."),
            field("owner_role", Text, Optional, "The role that carries it out; never a person's name."),
            field("resources", Text, Optional, "What is given for it."),
            field("decided_at", PastTime, Optional, "When it was decided."),
            field("due", Day, Optional, "The day it is due."),
            field("done_at", PastTime, Optional, "When it was carried out."),
            field("decided_day", Day, DayOf(&["decided_at"]), "The day it was decided."),
            field("done_day", Day, DayOf(&["done_at"]), "The day it was carried out."),
        ],
        lists: &[],
    },
    Shape {
        name: "panel",
        table: "panels",
        about: "one query of a panel on a dashboard",
        belongs_to_system: false,
        kind_field: None,
        fields: &[
            field("dashboard", Text, Required, "The dashboard's title."),
            field("dashboard_uid", Text, Optional, "The dashboard's uid."),
            field("title", Text, Optional, "The panel's title."),
            field("expression", Text, Required, "The query, PromQL with the dashboard's variables."),
        ],
        lists: &[],
    },
    Shape {
        name: "alert_rule",
        table: "alert_rules",
        about: "one alerting or recording rule",
        belongs_to_system: false,
        kind_field: None,
        fields: &[
            field("name", Text, Required, "The alert's name, or the series that a recording rule makes."),
            field("kind", Word(&["alerting", "recording"]), Required, "Whether it alerts or records."),
            field("rule_group", Text, Optional, "The group that it belongs to."),
            field("expression", Text, Required, "The PromQL that it evaluates."),
            field("hold_seconds", Integer, Optional, "How long it has to hold before the alert fires."),
            field("severity", Text, Optional, "The alert's label `severity`."),
        ],
        lists: &[],
    },
];
