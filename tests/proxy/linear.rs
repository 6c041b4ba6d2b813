//! Issues like Linear's: GraphQL, by cursor, a few to a page.

use super::{
    cases::Cases,
    random::Random,
    upstream::{SYSTEMS, Upstream, World, moment, not_found, take_one},
};
use clause9::connector::replay::loopback::{Received, Reply};
use serde_json::{Value, json};

pub const UPSTREAM: Upstream = Upstream {
    name: "issues",
    source: "{ name: issues, connector: linear, url: \"{url}\", auth: { api_key: key }, every: 1d, stale_after: 100d }",
    begin,
    answer,
    change: |world, random, now| CASES.change(world, random, now),
    delete: |world, random| drop(take_one(world, "issues", random)),
    always: &[("nodes", &["id", "createdAt", "updatedAt", "state", "priorityLabel", "labels", "team"])],
};

const CASES: Cases = Cases { list: "issues", row, alter, deletes: true };
const MOST: usize = 5;
const STATES: [(&str, &str); 5] = [("Triage", "triage"), ("In Progress", "started"), ("Done", "completed"), ("Canceled", "canceled"), ("Mitigated", "started")];
const KINDS: [&str; 4] = ["Incident", "Nonconformity", "Corrective action", "Bug"];

fn begin(random: &mut Random, now: i64) -> World {
    let mut world = World::new();
    CASES.begin(&mut world, 23, random, now);
    world
}

fn labels(names: &[&str]) -> Value {
    let nodes: Vec<_> = names.iter().map(|name| json!({"id": name, "name": name, "isGroup": false, "parent": null})).collect();
    json!({"nodes": nodes, "pageInfo": {"hasNextPage": false, "endCursor": null}})
}

fn row(number: i64, random: &mut Random, now: i64) -> Value {
    let system = format!("aims:{}", random.of(&SYSTEMS));
    let mut row = json!({
        "id": format!("u-{number:05}"), "identifier": format!("OPS-{number}"), "url": null, "title": format!("Issue {number}"), "createdAt": moment(now),
        "labels": labels(&[*random.of(&KINDS), &system]), "team": {"key": "OPS", "name": "AI operations"}, "project": null, "parent": null, "dueDate": null,
    });
    alter(&mut row, random, now);
    row
}

fn alter(row: &mut Value, random: &mut Random, now: i64) {
    let (name, kind) = *random.of(&STATES);
    let at = |is: bool| if is { json!(moment(now)) } else { Value::Null };
    row["state"] = json!({"name": name, "type": kind});
    row["priorityLabel"] = json!(random.of(&["Urgent", "High", "Medium", "Low", "No priority"]));
    row["updatedAt"] = json!(moment(now));
    row["completedAt"] = at(kind == "completed");
    row["canceledAt"] = at(kind == "canceled");
}

/// A page of rows after the one that the cursor names, whether it is there any more or not.
fn connection(rows: &[Value], after: Option<&str>) -> Value {
    let rest: Vec<_> = rows.iter().filter(|row| after.is_none_or(|after| row["id"].as_str().is_some_and(|id| id > after))).collect();
    let nodes = &rest[..rest.len().min(MOST)];
    json!({"nodes": nodes, "pageInfo": {"hasNextPage": rest.len() > MOST, "endCursor": nodes.last().map(|row| row["id"].clone())}})
}

fn answer(world: &World, received: &Received) -> Reply {
    let asked: Value = serde_json::from_slice(&received.body).unwrap_or_default();
    let (text, variables) = (asked["query"].as_str().unwrap_or_default(), &asked["variables"]);
    if received.path != "/graphql" {
        return not_found();
    }
    let data = if text.contains("viewer") {
        json!({"viewer": {"id": "me", "admin": true, "owner": false, "guest": false, "canAccessAnyPublicTeam": true}})
    } else if text.contains("organization") {
        json!({"organization": {"labels": labels(&KINDS)}})
    } else if text.contains("teams(") {
        let team = json!({"id": "t", "key": "OPS", "name": "AI operations", "labels": labels(&[])});
        json!({"teams": {"nodes": [team], "pageInfo": {"hasNextPage": false, "endCursor": "t"}}})
    } else {
        let since = variables["filter"]["updatedAt"]["gte"].as_str().unwrap_or_default();
        let issues: Vec<_> = world["issues"].iter().filter(|issue| issue["updatedAt"].as_str().is_some_and(|at| at >= since)).cloned().collect();
        json!({"issues": connection(&issues, variables["after"].as_str())})
    };
    Reply::json(200, &json!({"data": data}))
}
