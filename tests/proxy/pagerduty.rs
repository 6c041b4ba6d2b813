//! Incidents like PagerDuty's: by offset, of a span of time, a few to a page.

use super::{
    cases::Cases,
    random::Random,
    upstream::{SYSTEMS, Upstream, World, moment, not_found, number, page, query, take_one},
};
use clause9::connector::replay::loopback::{Received, Reply};
use serde_json::{Value, json};

pub const UPSTREAM: Upstream = Upstream {
    name: "pages",
    source: "{ name: pages, connector: pagerduty, url: \"{url}\", auth: { api_key: key }, every: 1d, stale_after: 100d }",
    begin,
    answer,
    change: |world, random, now| CASES.change(world, random, now),
    delete: |world, random| drop(take_one(world, "incidents", random)),
    always: &[("incidents", &["id", "service", "status", "created_at", "urgency"]), ("services", &["id"])],
};

const CASES: Cases = Cases { list: "incidents", row, alter, deletes: false };
const MOST: usize = 5;
const STATUSES: [&str; 3] = ["triggered", "acknowledged", "resolved"];
const PRIORITIES: [&str; 4] = ["P1", "P2", "P3", "P4"];

fn begin(random: &mut Random, now: i64) -> World {
    let mut world = World::new();
    world.insert("services", SYSTEMS.iter().map(|system| json!({"id": format!("P{system}"), "summary": system, "description": null})).collect());
    CASES.begin(&mut world, 23, random, now);
    world
}

fn row(number: i64, random: &mut Random, now: i64) -> Value {
    let system = *random.of(&SYSTEMS);
    let mut row = json!({
        "id": format!("Q{number:05}"), "incident_number": number, "title": format!("Incident {number}"), "html_url": null, "created_at": moment(now),
        "service": {"id": format!("P{system}"), "type": "service_reference", "summary": system}, "incident_type": {"name": "incident_default"},
        "resolve_reason": null,
    });
    alter(&mut row, random, now);
    row
}

/// Triggered, acknowledged, resolved, opened again, or merged into the first one there ever was.
fn alter(row: &mut Value, random: &mut Random, now: i64) {
    let status = *random.of(&STATUSES);
    let ended = status == "resolved";
    let is_merged = ended && row["id"] != "Q00001" && random.one_in(4);
    row["status"] = json!(status);
    row["urgency"] = json!(if random.one_in(2) { "high" } else { "low" });
    row["priority"] = if random.one_in(3) { Value::Null } else { json!({"id": "X", "summary": random.of(&PRIORITIES)}) };
    row["acknowledgements"] = if status == "acknowledged" { json!([{"at": moment(now)}]) } else { json!([]) };
    row["resolved_at"] = if ended { json!(moment(now)) } else { Value::Null };
    row["last_status_change_at"] = json!(moment(now));
    row["resolve_reason"] = if is_merged { json!({"type": "merge_resolve_reason", "incident": {"id": "Q00001"}}) } else { Value::Null };
}

fn answer(world: &World, received: &Received) -> Reply {
    let list = |name: &str, rows: &[Value]| {
        let (part, offset) = (page(rows, received, MOST), number(received, "offset", 0));
        let total = if query(received, "total") == Some("true") { json!(rows.len()) } else { Value::Null };
        Reply::json(200, &json!({"more": offset + part.len() < rows.len(), name: part, "offset": offset, "limit": MOST, "total": total}))
    };
    match received.path.as_str() {
        "/abilities" => Reply::json(200, &json!({"abilities": ["teams", "urgencies"]})),
        "/users/me" => Reply::json(400, &json!({"error": "not with an account-level access token"})),
        "/services" => list("services", &world["services"]),
        "/incidents" => {
            let all = query(received, "date_range") == Some("all");
            let is_in = |at: &str| all || query(received, "since").is_some_and(|since| at >= since) && query(received, "until").is_some_and(|until| at < until);
            let incidents: Vec<_> = world["incidents"].iter().filter(|row| row["created_at"].as_str().is_some_and(is_in)).cloned().collect();
            list("incidents", &incidents)
        }
        _ => not_found(),
    }
}
