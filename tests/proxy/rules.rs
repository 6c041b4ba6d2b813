//! Rules like Prometheus's: all groups in one answer.

use super::{
    random::Random,
    upstream::{Upstream, World, next_number, not_found, take_one},
};
use clause9::connector::replay::loopback::{Received, Reply};
use serde_json::json;

pub const UPSTREAM: Upstream = Upstream {
    name: "rules",
    source: "{ name: rules, connector: prometheus-rules, url: \"{url}\", every: 1d, stale_after: 100d }",
    begin,
    answer,
    change,
    delete: |world, random| drop(take_one(world, "rules", random)),
    always: &[("groups", &["name"]), ("rules", &["name", "type", "query"])],
};

fn begin(_: &mut Random, _: i64) -> World {
    let mut world = World::new();
    for _ in 0..10 {
        add(&mut world);
    }
    world
}

fn add(world: &mut World) {
    let number = next_number(world);
    let rule = json!({
        "name": format!("Alert{number}"), "type": "alerting", "query": "aims_indicator_state{indicator=\"incidents_open\"} == 1", "duration": 300, "state": "inactive",
        "health": "ok", "labels": {"severity": "warning"}, "annotations": {}, "alerts": [], "group": number % 3,
    });
    world.entry("rules").or_default().push(rule);
}

fn change(world: &mut World, random: &mut Random, _: i64) {
    match random.below(if world["rules"].len() < 6 { 1 } else { 3 }) {
        0 => add(world),
        1 => drop(take_one(world, "rules", random)),
        _ => {
            let rules = world.get_mut("rules").expect("there are rules");
            let at = random.below(rules.len());
            rules[at]["duration"] = json!(60 * random.below(10));
        }
    }
}

fn answer(world: &World, received: &Received) -> Reply {
    if received.path != "/api/v1/rules" {
        return not_found();
    }
    let group = |number: i64| {
        let rules: Vec<_> = world["rules"].iter().filter(|rule| rule["group"] == number).cloned().collect();
        json!({"name": format!("group-{number}"), "file": "/etc/rules.yml", "interval": 60, "rules": rules})
    };
    Reply::json(200, &json!({"status": "success", "data": {"groups": [group(0), group(1), group(2)]}}))
}
