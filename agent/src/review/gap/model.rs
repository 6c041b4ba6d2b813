//! What a gap assessment says: `gap.json`, field by field. Its page and its workbook are made from it.
//!
//! Days are days since 1970-01-01 in its zone, moments epoch seconds. A field that is absent is not known or does not apply. Nothing in it tells when it was
//! made: the same store, configuration and program make the same bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::review::model::{Counts, Entry, Period};

/// What `format` says.
pub const FORMAT: &str = "clause9 gap assessment";

/// The version of this format.
pub const VERSION: u32 = 1;

/// So many records that show or declare something are named, the latest first.
pub const RECORDS: usize = 20;

/// A gap assessment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Gap {
    /// `clause9 gap assessment`.
    pub format: String,
    /// The version of the format.
    pub version: u32,
    /// The organisation.
    pub organisation: String,
    /// Its time zone.
    pub zone: String,
    /// The day at whose end everything is as it was known.
    pub day: i64,
    /// The end of that day.
    pub cut_off: i64,
    /// The period that ends with it, and those before it, the latest first.
    pub periods: Vec<Period>,
    /// Whether an agent watched on that day. If none did, no reading is known.
    pub was_watched: bool,
    /// The program that made it.
    pub program: String,
    /// Digest of the configuration that was in force.
    pub configuration: Option<String>,
    /// The last entry of evidence before the end of the day.
    pub evidence: Entry,
    /// The levels of maturity, with their rules.
    pub levels: Vec<Level>,
    /// How many requirements are what.
    pub counts: BTreeMap<Status, usize>,
    /// Every clause, then every control.
    pub requirements: Vec<Assessed>,
    /// The Statement of Applicability: the controls of Annex A, each.
    pub statement: Vec<Decision>,
    /// Controls of the organisation's own that its registers list.
    pub added: Vec<Decision>,
    /// What is to be done, in this order.
    pub roadmap: Vec<Step>,
    /// What is looked for in the two stages of a certification audit.
    pub readiness: Vec<Readiness>,
}

/// What a requirement is. The order is that of what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing names it.
    Missing,
    /// A register names it; nothing dated and no reading shows it.
    Declared,
    /// Some of its parts are shown.
    Partly,
    /// Each of its parts is shown.
    Evidenced,
    /// A control that the Statement of Applicability excludes, and says why.
    Excluded,
}

impl Status {
    /// Every one, the worst first.
    pub const ALL: [Self; 5] = [Self::Missing, Self::Declared, Self::Partly, Self::Evidenced, Self::Excluded];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Declared => "declared only",
            Self::Partly => "partly evidenced",
            Self::Evidenced => "evidenced",
            Self::Excluded => "excluded",
        }
    }
}

/// How much something takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// Days.
    Small,
    /// Weeks.
    Medium,
    /// Months.
    Large,
}

impl Effort {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }
}

/// What is at stake. The worst comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// People may be harmed, or an audit fails.
    High,
    /// An audit finds fault.
    Medium,
    /// Little.
    Low,
}

impl Risk {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// A standard of the harmonised structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Standard {
    /// ISO/IEC 27001:2022.
    #[serde(rename = "iso_27001")]
    Iso27001,
    /// ISO 9001:2015.
    #[serde(rename = "iso_9001")]
    Iso9001,
}

/// A level of maturity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Its number.
    pub level: u8,
    /// Its name.
    pub name: String,
    /// The least that the requirement must be.
    pub needs: Status,
    /// In how many periods, the latest first, its indicators had to be ok.
    #[serde(default)]
    pub periods: usize,
    /// All that in words.
    pub rule: String,
}

/// A requirement, assessed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Assessed {
    /// `6.1.3` or `A.6.2.4`.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The clause, or the category of controls.
    pub group: String,
    /// What it asks for.
    pub asks: String,
    /// Whether the standard asks for documented information.
    pub documented: bool,
    /// What it is.
    pub status: Status,
    /// The level of maturity; absent for what is excluded.
    pub level: Option<u8>,
    /// Its parts.
    pub parts: Vec<Part>,
    /// Records that declare it.
    pub declared: Records,
    /// What tells whether it is done in time.
    pub in_time: Vec<Readings>,
    /// Kinds of records that nobody provides, by which its missing parts could be shown.
    pub not_provided: Vec<String>,
    /// How much it takes.
    pub effort: Effort,
    /// What is at stake.
    pub risk: Risk,
    /// Nearest anchors elsewhere.
    pub crosswalk: Crosswalk,
}

/// A part of a requirement.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Part {
    /// What is to be shown.
    pub what: String,
    /// Whether it is.
    pub is_shown: bool,
    /// Records that show it.
    pub records: Records,
    /// Readings that may show it; those do that are ok or in warning.
    pub readings: Vec<Readings>,
}

/// Records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Records {
    /// How many there are.
    pub count: usize,
    /// The first [`RECORDS`] of them.
    pub first: Vec<Record>,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Record {
    /// Its source.
    pub source: String,
    /// Its id.
    pub id: String,
    /// The day that dates it.
    pub day: Option<i64>,
}

/// Readings of an indicator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Readings {
    /// The indicator.
    pub indicator: String,
    /// The labels that they had to have.
    pub labels: BTreeMap<String, String>,
    /// How many are in which state at the end of the day; where nobody watched on that day, all are unknown.
    pub now: Counts,
    /// And at the last watched moments of the periods before, the latest first.
    pub before: Vec<Counts>,
}

/// Nearest anchors in other frameworks: no equivalences.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Crosswalk {
    /// NIST AI RMF 1.0.
    pub nist_ai_rmf: Vec<String>,
    /// Regulation (EU) 2024/1689.
    pub eu_ai_act: Vec<String>,
    /// ISO/IEC 27001:2022: the clause of the same number, where it is about the same.
    pub iso_27001: Option<String>,
    /// ISO 9001:2015: the same.
    pub iso_9001: Option<String>,
}

/// What the Statement of Applicability says of a control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Decision {
    /// The control.
    pub control: String,
    /// Its title; absent for those of the organisation's own.
    pub title: Option<String>,
    /// What was decided.
    pub decided: Decided,
    /// Why, as the registers say; absent: some of those that decide so don't.
    pub justification: Option<String>,
    /// How far it is; of several registers the least.
    pub status: Option<String>,
    /// The day on which evidence was recorded; of several registers the earliest; absent where one has none.
    pub evidence_day: Option<i64>,
    /// Until when it counts.
    pub evidence_until: Option<i64>,
    /// Whether it is current at the end of the day.
    pub evidence_is_current: bool,
    /// The day on which it was audited last, as its line says, or as a reported internal audit does that lists it.
    pub audited_day: Option<i64>,
    /// The lines of registers that decide on it.
    pub lines: Vec<Record>,
}

/// What is decided on a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Decided {
    /// It applies.
    Applicable,
    /// It does not.
    Excluded,
    /// Registers say both: it counts as applicable.
    Disputed,
    /// No register names it.
    NotDecided,
}

impl Decided {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applicable => "applicable",
            Self::Excluded => "excluded",
            Self::Disputed => "registers disagree",
            Self::NotDecided => "not decided",
        }
    }
}

/// A step of the roadmap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Step {
    /// Its requirement.
    pub requirement: String,
    /// The requirement's title.
    pub title: String,
    /// What that is.
    pub status: Status,
    /// What is at stake.
    pub risk: Risk,
    /// How much it takes.
    pub effort: Effort,
    /// What is to be shown, or to be done in time.
    pub to_do: Vec<String>,
}

/// A stage of a certification audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Readiness {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How many items are there.
    pub there: usize,
    /// What is looked for.
    pub items: Vec<Item>,
}

/// What is looked for in a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Item {
    /// What.
    pub what: String,
    /// The requirement that it is part of.
    pub requirement: String,
    /// The least that this must be.
    pub needs: Status,
    /// What it is.
    pub status: Status,
    /// Whether that is enough.
    pub is_there: bool,
}
