//! The component definition: which indicators speak of which clause or control. It says what clause9 looks at, and that it puts no control in place.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Ids, STANDARD, controls, line, metadata, plain, property};
use crate::review::model::{Indicator, Pack};

const ABOUT: &str = "What is implemented here is monitoring: an indicator shows some of what a clause or control asks for, and never that it is fulfilled. ISO/IEC 42001:2023 has no \
                     catalogue in OSCAL; ids are its own, and those of clauses begin with `clause-`.";

/// The component definition of a pack.
pub fn component_definition(pack: &Pack) -> Value {
    let ids = Ids::of(pack);
    let mut by_control: BTreeMap<String, Vec<&Indicator>> = BTreeMap::new();
    for indicator in &pack.indicators {
        for control in controls(indicator) {
            by_control.entry(control).or_default().push(indicator);
        }
    }
    let requirements: Vec<Value> = by_control.iter().map(|(control, indicators)| requirement(&ids, control, indicators)).collect();
    let mut component = json!({
        "uuid": ids.id("component", "clause9"),
        "type": "software",
        "title": "clause9",
        "description": "The daemon that polls registries, pipelines, trackers and registers, and computes the indicators of ISO/IEC 42001 Clause 9.",
        "props": [property("program", &pack.header.program)],
    });
    if !requirements.is_empty() {
        component["control-implementations"] = json!([{
            "uuid": ids.id("control-implementation", "iso-42001"),
            "source": STANDARD,
            "description": "Clauses and controls of ISO/IEC 42001:2023 of which indicators speak.",
            "implemented-requirements": requirements,
        }]);
    }
    json!({ "component-definition": {
        "uuid": ids.id("document", "component-definition"),
        "metadata": metadata(pack, &ids, "Indicators and controls", ABOUT),
        "components": [component],
    } })
}

fn requirement(ids: &Ids, control: &str, indicators: &[&Indicator]) -> Value {
    let described: Vec<String> = indicators.iter().map(|indicator| format!("{} (`{}`)", plain(&indicator.title), line(&indicator.id))).collect();
    json!({
        "uuid": ids.id("implemented-requirement", control),
        "control-id": control,
        "description": format!("Looked at by: {}.", described.join("; ")),
        "props": indicators.iter().map(|indicator| property("indicator", &indicator.id)).collect::<Vec<_>>(),
    })
}
