//! The pack in NIST's OSCAL: its readings as assessment results, and which indicator speaks of which control as a component definition.
//!
//! OSCAL knows `satisfied` and `not-satisfied`. A pack never says the first: a reading that is ok shows what an indicator looks at, and what is unknown
//! shows nothing. So only breaches become findings, and what OSCAL has no word for stands in remarks. Ids follow from the pack and the name of the thing, so
//! that the same pack has the same file.

mod components;
mod results;
#[cfg(test)]
mod tests;

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub use components::component_definition;
pub use results::assessment_results;

use super::{
    gap,
    model::{Indicator, Pack},
};

/// The file of assessment results.
pub const RESULTS: &str = "oscal-assessment-results.json";
/// The file of the component definition.
pub const COMPONENTS: &str = "oscal-component-definition.json";

/// The version of OSCAL.
const OSCAL: &str = "1.2.2";

/// Whose names those of properties are.
const NAMES: &str = "https://clause9.dev/ns/oscal";

/// Where the requirements come from. There is no catalogue of them in OSCAL.
const STANDARD: &str = "https://www.iso.org/standard/81230.html";

/// Ids of things of a pack.
struct Ids(String);

impl Ids {
    /// By what a pack is: whose, of which period, as of which entry of evidence.
    fn of(pack: &Pack) -> Self {
        let header = &pack.header;
        let evidence = header.evidence.as_ref().map(|entry| entry.digest.as_str()).unwrap_or_default();
        let configuration = header.configuration.as_deref().unwrap_or_default();
        let cut_off = header.cut_off.to_string();
        Self([header.organisation.as_str(), header.name(), cut_off.as_str(), evidence, configuration, header.program.as_str()].join("\n"))
    }

    /// The id of a thing: the first 16 bytes of a SHA-256, with the version and the variant of a UUID that is made from a name.
    fn id(&self, kind: &str, name: &str) -> String {
        let mut bytes: [u8; 32] = Sha256::digest(format!("{}\n{kind}\n{name}", self.0)).into();
        bytes[6] = bytes[6] & 0x0f | 0x50;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let hex: String = bytes[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }
}

/// A text in one line, as OSCAL wants titles and values; where there is nothing, a dash.
fn line(text: &str) -> String {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(" ") }
}

/// A text that Markdown leaves as it is.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in line(text).chars() {
        if "\\`*_[]<>#|".contains(c) {
            plain.push('\\');
        }
        plain.push(c);
    }
    plain
}

/// A moment as OSCAL writes it.
fn moment(at: i64) -> String {
    DateTime::from_timestamp(at, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A property of ours.
fn property(name: &str, value: &str) -> Value {
    json!({ "name": name, "ns": NAMES, "value": line(value) })
}

/// What both documents begin with.
fn metadata(pack: &Pack, ids: &Ids, title: &str, remarks: &str) -> Value {
    let header = &pack.header;
    json!({
        "title": plain(&format!("{title} {}", header.name())),
        "last-modified": moment(header.cut_off),
        "version": line(header.name()),
        "oscal-version": OSCAL,
        "parties": [{ "uuid": ids.id("party", "organisation"), "type": "organization", "name": line(&header.organisation) }],
        "remarks": remarks,
    })
}

/// A requirement as OSCAL names it: `A.6.2.4` is a token, `9.1` is none.
fn control(id: &str) -> String {
    if id.starts_with(|c: char| c.is_ascii_digit()) { format!("clause-{id}") } else { id.to_owned() }
}

/// The requirements that an indicator refers to; `all` are all controls of Annex A.
fn controls(indicator: &Indicator) -> Vec<String> {
    let of = |name: &str| indicator.references.get(name).map(Vec::as_slice).unwrap_or_default();
    let mut controls: Vec<String> = of("clause").iter().map(|id| control(id)).collect();
    for id in of("annex_a") {
        match id.as_str() {
            "all" => controls.extend(gap::data::data().requirements.iter().filter(|requirement| requirement.is_control()).map(|control| control.id.clone())),
            id => controls.push(control(id)),
        }
    }
    controls
}
