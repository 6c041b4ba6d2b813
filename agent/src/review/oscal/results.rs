//! Assessment results: an observation for each reading that the pack tells, a finding for each clause or control with breaches, a risk for each open
//! nonconformity, a component for each system.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Ids, control, controls, metadata, moment, plain, property};
use crate::{
    record::Zone,
    review::{
        folder::PACK,
        model::{Cell, Indicator, Pack, Reading, Row, RowChange, Table},
    },
    threshold::State,
};

const ABOUT: &str = "Made from a management review pack (ISO/IEC 42001:2023, 9.3). OSCAL has no word for what is unknown, and none for what is partly shown: these stand in remarks of \
                     observations, and in no finding. Only breaches are findings. That there is none for a control does not say that it is satisfied.";
const NO_PLAN: &str =
    "There is no assessment plan in OSCAL: what is monitored, how and when is the monitoring plan of the organisation (9.1), which the pack shows.";

/// The assessment results of a pack.
pub fn assessment_results(pack: &Pack) -> Value {
    let ids = Ids::of(pack);
    let (plan, evidence) = (ids.id("resource", "plan"), ids.id("resource", "pack"));
    json!({ "assessment-results": {
        "uuid": ids.id("document", "assessment-results"),
        "metadata": metadata(pack, &ids, "Assessment results", ABOUT),
        "import-ap": { "href": format!("#{plan}"), "remarks": NO_PLAN },
        "results": [result(pack, &ids)],
        "back-matter": { "resources": [
            { "uuid": plan, "title": "Monitoring plan", "description": NO_PLAN },
            { "uuid": evidence, "title": "Management review pack", "description": "Everything that these results are made from.", "rlinks": [{ "href": PACK }] },
        ] },
    } })
}

fn result(pack: &Pack, ids: &Ids) -> Value {
    let header = &pack.header;
    let systems = systems(pack, ids);
    let mut observed = Observed::default();
    for indicator in &pack.indicators {
        indicator.readings.iter().for_each(|reading| observed.add(pack, ids, indicator, reading));
    }
    let findings: Vec<Value> = observed.breaches.iter().map(|(control, breaches)| finding(ids, control, breaches)).collect();
    let risks = risks(pack, ids);
    let mut result = json!({
        "uuid": ids.id("result", header.name()),
        "title": plain(&format!("Readings of {}", header.name())),
        "description": "What the indicators of ISO/IEC 42001 Clause 9 said at the end of the period.",
        "start": moment(header.period.from),
        "end": moment(header.cut_off),
        "props": properties(pack),
        "local-definitions": {
            "components": systems,
            "assessment-assets": {
                "components": [{
                    "uuid": ids.id("component", "clause9"),
                    "type": "software",
                    "title": "clause9",
                    "description": "The daemon that computed the readings.",
                    "props": [property("program", &header.program)],
                    "status": { "state": "operational" },
                }],
                "assessment-platforms": [{
                    "uuid": ids.id("platform", "clause9"),
                    "title": "clause9",
                    "uses-components": [{ "component-uuid": ids.id("component", "clause9") }],
                }],
            },
        },
        "reviewed-controls": { "control-selections": [reviewed(pack)] },
        "remarks": remarks(pack),
    });
    for (name, list) in [("observations", observed.observations), ("findings", findings), ("risks", risks)] {
        if !list.is_empty() {
            result[name] = list.into();
        }
    }
    if result["local-definitions"]["components"].as_array().is_some_and(Vec::is_empty) {
        result["local-definitions"].as_object_mut().map(|definitions| definitions.remove("components"));
    }
    result
}

/// What vouches for the pack.
fn properties(pack: &Pack) -> Vec<Value> {
    let header = &pack.header;
    let mut properties = vec![property("zone", &header.zone), property("unwatched-seconds", &header.unwatched.to_string())];
    properties.extend(header.evidence.iter().map(|entry| property("evidence", &format!("{}:{}", entry.entry, entry.digest))));
    properties.extend(header.configuration.iter().map(|digest| property("configuration", digest)));
    properties
}

/// The controls of which an indicator speaks that had readings.
fn reviewed(pack: &Pack) -> Value {
    let controls: BTreeSet<String> = pack.indicators.iter().filter(|indicator| indicator.count > 0).flat_map(controls).collect();
    if controls.is_empty() {
        let clause = json!([{ "control-id": control("9.1") }]);
        return json!({ "include-controls": clause, "remarks": "There was no reading in the period: nothing was seen of any control." });
    }
    json!({ "include-controls": controls.iter().map(|control| json!({ "control-id": control })).collect::<Vec<_>>() })
}

/// What is left out, and what nobody saw.
fn remarks(pack: &Pack) -> String {
    let left_out: usize = pack.indicators.iter().map(|indicator| indicator.count - indicator.readings.len().min(indicator.count)).sum();
    let unknown: usize = pack.indicators.iter().map(|indicator| indicator.now.unknown).sum();
    let missing = pack.indicators.iter().filter(|indicator| indicator.count == 0).count();
    let seen = match pack.header.seen_until {
        Some(until) if until >= pack.header.cut_off => "Somebody watched to the end of the period.".to_owned(),
        Some(until) => format!("Nobody watched from {} to the end of the period: what is told of its end is of that moment.", moment(until)),
        None => "Nobody watched in the period.".to_owned(),
    };
    format!(
        "{seen} {unknown} readings are unknown at the end, {missing} indicators had no reading, and {left_out} readings stand in the pack's `csv/readings.csv` alone."
    )
}

/// Systems as components: those of the inventory, and those that readings name beside them.
fn systems(pack: &Pack, ids: &Ids) -> Vec<Value> {
    let mut components = BTreeMap::new();
    if let Some(inventory) = table(pack, "inventory") {
        for row in inventory.rows.iter().filter(|row| row.change != Some(RowChange::Gone)) {
            let of = |name: &str| text(inventory, row, name);
            let Some(id) = of("id") else { continue };
            let state = match of("lifecycle").as_deref() {
                Some("production") => "operational",
                Some("development" | "staging") => "under-development",
                Some("retired") => "disposition",
                _ => "other",
            };
            let named = ["owner_role", "role", "risk_tier", "lifecycle", "eu_ai_act_class"];
            let properties: Vec<Value> = named.into_iter().filter_map(|name| Some(property(&name.replace('_', "-"), &of(name)?))).collect();
            components.insert(id.clone(), component(ids, &id, &of("name").unwrap_or_else(|| id.clone()), "An AI system of the inventory.", state, properties));
        }
    }
    let named = pack.indicators.iter().flat_map(|indicator| &indicator.readings).filter_map(|reading| reading.labels.get("system"));
    for id in named {
        let unknown = || component(ids, id, id, "A system that readings name and the inventory did not have at the end of the period.", "other", Vec::new());
        components.entry(id.clone()).or_insert_with(unknown);
    }
    components.into_values().collect()
}

fn subject(ids: &Ids, system: &str) -> Value {
    json!({ "subject-uuid": ids.id("system", system), "type": "component", "title": plain(system) })
}

fn component(ids: &Ids, id: &str, title: &str, description: &str, state: &str, properties: Vec<Value>) -> Value {
    let properties: Vec<Value> = [property("system", id)].into_iter().chain(properties).collect();
    json!({
        "uuid": ids.id("system", id), "type": "system", "title": plain(title), "description": description, "props": properties, "status": { "state": state },
    })
}

/// What was observed.
#[derive(Default)]
struct Observed {
    observations: Vec<Value>,
    /// Observations of breaches, by control: id and what it is of.
    breaches: BTreeMap<String, Vec<(String, String)>>,
}

impl Observed {
    fn add(&mut self, pack: &Pack, ids: &Ids, indicator: &Indicator, reading: &Reading) {
        let labels: Vec<String> = reading.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let name = format!("{} {}", indicator.id, labels.join(" "));
        let id = ids.id("observation", &format!("{} {:?}", indicator.id, reading.labels));
        if reading.end.is_some_and(|end| end.state == State::Breach) {
            for control in controls(indicator) {
                self.breaches.entry(control).or_default().push((id.clone(), name.clone()));
            }
        }
        self.observations.push(observation(pack, ids, indicator, reading, &id, &labels));
    }
}

fn observation(pack: &Pack, ids: &Ids, indicator: &Indicator, reading: &Reading, id: &str, labels: &[String]) -> Value {
    let mut properties = vec![property("indicator", &indicator.id)];
    properties.extend(reading.labels.iter().map(|(name, value)| property("label", &format!("{name}={value}"))));
    let state = reading.end.map_or("absent", |end| end.state.as_str());
    properties.push(property("state", state));
    properties.extend(reading.end.and_then(|end| end.value).map(|value| property("value", &value.to_string())));
    properties.extend(reading.rule.iter().map(|rule| property("rule", rule)));
    properties.extend(reading.method.iter().map(|method| property("method", method)));
    let evidence = reading.entry.map_or_else(|| "the pack".to_owned(), |entry| format!("the pack, and entry {entry} of the chain of evidence"));
    let mut observation = json!({
        "uuid": id,
        "title": plain(&indicator.title),
        "description": plain(&format!("{}{}{}: {state}", indicator.id, if labels.is_empty() { "" } else { " " }, labels.join(" "))),
        "props": properties,
        "methods": ["TEST"],
        "types": [if reading.end.is_some() { "control-objective" } else { "historic" }],
        "origins": [{ "actors": [{ "type": "tool", "actor-uuid": ids.id("component", "clause9") }] }],
        "relevant-evidence": [{ "href": format!("#{}", ids.id("resource", "pack")), "description": format!("It stands in {evidence}.") }],
        "collected": moment(pack.header.seen_until.unwrap_or(pack.header.cut_off)),
    });
    if let Some(system) = reading.labels.get("system") {
        observation["subjects"] = json!([subject(ids, system)]);
    }
    if let Some(remarks) = unsaid(reading) {
        observation["remarks"] = remarks.into();
    }
    observation
}

/// What OSCAL has no word for.
fn unsaid(reading: &Reading) -> Option<String> {
    match reading.end.map(|end| end.state) {
        Some(State::Unknown) => {
            let why = reading.reason.as_deref().map_or_else(|| "nobody says why".to_owned(), plain);
            Some(format!("Unknown: {why}. This shows nothing, neither good nor bad."))
        }
        Some(State::Warning) => Some("In warning: no breach, and not ok either.".to_owned()),
        None => Some("There was no such reading at the end of the period, or nobody watched.".to_owned()),
        Some(State::Ok | State::Breach) => None,
    }
}

fn finding(ids: &Ids, control: &str, breaches: &[(String, String)]) -> Value {
    let names: Vec<String> = breaches.iter().map(|(_, name)| plain(name)).collect();
    let title = format!("{control}: {} in breach", if breaches.len() == 1 { "1 reading".to_owned() } else { format!("{} readings", breaches.len()) });
    json!({
        "uuid": ids.id("finding", control),
        "title": title,
        "description": format!("In breach at the end of the period: {}.", names.join("; ")),
        "origins": [{ "actors": [{ "type": "tool", "actor-uuid": ids.id("component", "clause9") }] }],
        "target": {
            "type": "objective-id",
            "target-id": control,
            "status": { "state": "not-satisfied", "reason": "fail", "remarks": "An indicator that speaks of it is in breach. Whether the requirement as a whole is met is for people to judge." },
        },
        "related-observations": breaches.iter().map(|(id, _)| json!({ "observation-uuid": id })).collect::<Vec<_>>(),
    })
}

/// Open nonconformities.
fn risks(pack: &Pack, ids: &Ids) -> Vec<Value> {
    let Some(table) = table(pack, "nonconformities") else { return Vec::new() };
    let zone = Zone::parse(&pack.header.zone).unwrap_or(Zone::UTC);
    let is_open = |row: &&Row| cell(table, row, "is_open") == Some(&Cell::Integer(1));
    let risk = |row: &Row| {
        let of = |name: &str| text(table, row, name);
        let (source, id) = (of("source").unwrap_or_default(), of("id").unwrap_or_default());
        let what = of("title").unwrap_or_else(|| id.clone());
        let mut properties = vec![property("source", &source), property("nonconformity", &id)];
        properties.extend(["system", "grade", "severity", "origin", "category"].into_iter().filter_map(|name| Some(property(name, &of(name)?))));
        if let Some(Cell::Integer(day)) = cell(table, row, "opened") {
            properties.push(property("opened", &moment(zone.start_of(*day))));
        }
        json!({
            "uuid": ids.id("risk", &format!("{source}\n{id}")),
            "title": plain(&format!("Nonconformity {id}")),
            "description": plain(&what),
            "statement": "A nonconformity that was open at the end of the period (10.2). It is one already; OSCAL has no word for that beside risks.",
            "props": properties,
            "status": "open",
        })
    };
    table.rows.iter().filter(is_open).map(risk).collect()
}

fn table<'p>(pack: &'p Pack, id: &str) -> Option<&'p Table> {
    pack.sections.iter().flat_map(|section| &section.tables).find(|table| table.id == id)
}

fn cell<'r>(table: &Table, row: &'r Row, name: &str) -> Option<&'r Cell> {
    let place = table.columns.iter().position(|column| column.name == name)?;
    row.cells.get(place)
}

fn text(table: &Table, row: &Row, name: &str) -> Option<String> {
    match cell(table, row, name)? {
        Cell::Text(text) if !text.trim().is_empty() => Some(text.clone()),
        _ => None,
    }
}
