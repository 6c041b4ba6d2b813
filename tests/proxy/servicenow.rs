//! Records like those of a table of ServiceNow: in the order of their ids, from one on, a few to a page.

use super::{
    cases::Cases,
    random::Random,
    upstream::{SYSTEMS, Upstream, World, moment, not_found, number, query, take_one},
};
use clause9::connector::replay::loopback::{Received, Reply};
use serde_json::{Value, json};

pub const UPSTREAM: Upstream = Upstream {
    name: "records",
    source: "{ name: records, connector: servicenow, url: \"{url}\", auth: { basic: { user: me, password: word } }, every: 1d, stale_after: 100d, settings: { page_rows: 5 } }",
    begin,
    answer,
    change: |world, random, now| CASES.change(world, random, now),
    delete: |world, random| drop(take_one(world, "incident", random)),
    always: &[("result", &["sys_id", "state", "active", "opened_at", "sys_updated_on", "priority"])],
};

const CASES: Cases = Cases { list: "incident", row, alter, deletes: true };
const STATES: [(&str, &str, bool); 5] =
    [("1", "New", true), ("2", "In Progress", true), ("6", "Resolved", true), ("7", "Closed", false), ("8", "Canceled", false)];

fn begin(random: &mut Random, now: i64) -> World {
    let mut world = World::new();
    CASES.begin(&mut world, 23, random, now);
    world
}

/// A column: what the database has, and what the form shows.
fn column(value: &str) -> Value {
    json!({"value": value, "display_value": value})
}

fn utc(at: i64) -> String {
    moment(at).replace('T', " ").replace('Z', "")
}

fn row(number: i64, random: &mut Random, now: i64) -> Value {
    let mut row = json!({
        "sys_id": column(&format!("{:032x}", number * 4_294_967_291)), "number": column(&format!("INC{number:07}")), "opened_at": column(&utc(now)),
        "short_description": column(&format!("Record {number}")), "business_service": column(random.of::<&str>(&SYSTEMS)), "cmdb_ci": column(""),
        "correlation_id": column(""), "parent": column(""), "due_date": column(""), "resolved_at": column(""), "closed_at": column(""),
    });
    alter(&mut row, random, now);
    row
}

fn alter(row: &mut Value, random: &mut Random, now: i64) {
    let (state, name, active) = *random.of(&STATES);
    row["state"] = json!({"value": state, "display_value": name});
    row["active"] = column(if active { "true" } else { "false" });
    row["priority"] = column(random.of::<&str>(&["1", "2", "3", "4"]));
    row["sys_updated_on"] = column(&utc(now));
    row["closed_at"] = column(&if active { String::new() } else { utc(now) });
    if state == "6" {
        row["resolved_at"] = column(&utc(now));
    }
}

/// What follows a term of the query.
fn term<'q>(query: &'q str, name: &str) -> &'q str {
    query.split('^').find_map(|term| term.strip_prefix(name)).unwrap_or_default()
}

fn answer(world: &World, received: &Received) -> Reply {
    let asked = query(received, "sysparm_query").unwrap_or_default();
    let list = |rows: &[&Value]| {
        let most = number(received, "sysparm_limit", 10_000);
        Reply::json(200, &json!({"result": rows[..rows.len().min(most)]})).with("x-total-count", &rows.len().to_string())
    };
    match received.path.as_str() {
        "/api/now/table/sys_user" => list(&[&json!({"sys_id": "me"})]),
        "/api/now/table/incident" if asked.starts_with("clause9_no_such_column") => list(&[]),
        "/api/now/table/incident" => {
            let (since, from) = (term(asked, "sys_updated_on>="), term(asked, "sys_id>="));
            let text = |row: &Value, name: &str| row[name]["value"].as_str().unwrap_or_default().to_owned();
            let mut rows: Vec<_> =
                world["incident"].iter().filter(|row| text(row, "sys_updated_on").as_str() >= since && text(row, "sys_id").as_str() >= from).collect();
            rows.sort_by_key(|row| text(row, "sys_id"));
            list(&rows)
        }
        _ => not_found(),
    }
}
