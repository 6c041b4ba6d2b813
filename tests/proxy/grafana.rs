//! Dashboards like Grafana's: a list by page number without a total, and each dashboard by itself.

use super::{
    random::Random,
    upstream::{Upstream, World, next_number, not_found, number, take_one},
};
use clause9::connector::replay::loopback::{Received, Reply};
use serde_json::{Value, json};

pub const UPSTREAM: Upstream = Upstream {
    name: "dashboards",
    source: "{ name: dashboards, connector: grafana, url: \"{url}\", auth: { bearer: token }, every: 1d, stale_after: 100d }",
    begin,
    answer,
    change,
    delete: |world, random| drop(take_one(world, "dashboards", random)),
    always: &[("", &["uid"])],
};

const MOST: usize = 3;

fn begin(_: &mut Random, _: i64) -> World {
    let mut world = World::new();
    for _ in 0..8 {
        add(&mut world);
    }
    world
}

fn add(world: &mut World) {
    let number = next_number(world);
    world.entry("dashboards").or_default().push(json!({"uid": format!("uid-{number}"), "title": format!("Dashboard {number}"), "expr": "aims_incidents_open"}));
}

fn change(world: &mut World, random: &mut Random, _: i64) {
    match random.below(if world["dashboards"].len() < 6 { 1 } else { 3 }) {
        0 => add(world),
        1 => drop(take_one(world, "dashboards", random)),
        _ => {
            let dashboards = world.get_mut("dashboards").expect("there are dashboards");
            let at = random.below(dashboards.len());
            dashboards[at]["expr"] = json!(*random.of(&["aims_incidents_open", "up", "aims_drift_psi"]));
        }
    }
}

fn answer(world: &World, received: &Received) -> Reply {
    if received.path == "/api/search" {
        let from = (number(received, "page", 1).max(1) - 1) * MOST;
        let found = |dashboard: &Value| json!({"id": 1, "uid": dashboard["uid"], "title": dashboard["title"], "type": "dash-db", "url": "/d/x"});
        return Reply::json(200, &world["dashboards"].iter().skip(from).take(MOST).map(found).collect());
    }
    let Some(uid) = received.path.strip_prefix("/api/dashboards/uid/") else { return not_found() };
    match world["dashboards"].iter().find(|dashboard| dashboard["uid"] == uid) {
        None => Reply::json(404, &json!({"message": "Dashboard not found"})),
        Some(dashboard) => {
            let panel = json!({"id": 1, "title": "A panel", "type": "timeseries", "datasource": {"type": "prometheus"}, "targets": [{"refId": "A", "expr": dashboard["expr"]}]});
            Reply::json(200, &json!({"meta": {"type": "db"}, "dashboard": {"uid": uid, "title": dashboard["title"], "schemaVersion": 41, "panels": [panel]}}))
        }
    }
}
