//! Incidents and alerts like Opsgenie's: by offset, without a total, a few to a page.

use super::{
    cases::Cases,
    random::Random,
    upstream::{SYSTEMS, Upstream, World, moment, not_found, page, query, take_one},
};
use clause9::connector::replay::loopback::{Received, Reply};
use serde_json::{Value, json};

pub const UPSTREAM: Upstream = Upstream {
    name: "alarms",
    source: "{ name: alarms, connector: opsgenie, url: \"{url}\", auth: { api_key: key }, every: 1d, stale_after: 100d, settings: { history_days: 60 } }",
    begin,
    answer,
    change: |world, random, now| CASES.change(world, random, now),
    delete: |world, random| drop(take_one(world, "incidents", random)),
    always: &[("data", &["id", "status", "createdAt"])],
};

const CASES: Cases = Cases { list: "incidents", row, alter, deletes: true };
const MOST: usize = 5;
const STATUSES: [&str; 3] = ["open", "resolved", "closed"];
const PRIORITIES: [&str; 5] = ["P1", "P2", "P3", "P4", "P5"];

fn begin(random: &mut Random, now: i64) -> World {
    let mut world = World::new();
    CASES.begin(&mut world, 23, random, now);
    world
}

fn row(number: i64, random: &mut Random, now: i64) -> Value {
    let mut row = json!({
        "id": format!("i-{number}"), "tinyId": number.to_string(), "message": format!("Incident {number}"), "createdAt": moment(now),
        "tags": [format!("aims:{}", random.of(&SYSTEMS))], "impactedServices": [], "extraProperties": {}, "links": {},
    });
    alter(&mut row, random, now);
    row
}

fn alter(row: &mut Value, random: &mut Random, now: i64) {
    let status = *random.of(&STATUSES);
    row["status"] = json!(status);
    row["priority"] = json!(random.of(&PRIORITIES));
    row["updatedAt"] = json!(moment(now));
    row["impactEndDate"] = if status == "open" { Value::Null } else { json!(moment(now)) };
}

fn answer(world: &World, received: &Received) -> Reply {
    match received.path.as_str() {
        // Alerts don't count here.
        "/v2/alerts" => Reply::json(200, &json!({"data": []})),
        "/v1/services" => Reply::json(403, &json!({"message": "no right to read the configuration"})),
        "/v1/incidents" if query(received, "query").is_some() => Reply::json(200, &json!({"data": page(&world["incidents"], received, MOST), "took": 0.1})),
        _ => not_found(),
    }
}
