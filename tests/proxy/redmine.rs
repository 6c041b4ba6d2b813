//! A tracker like Redmine: issues by offset, a few to a page.

use super::{
    random::Random,
    upstream::{SYSTEMS, Upstream, World, moment, next_number, not_found, page, query, take_one},
};
use clause9::connector::replay::loopback::{Received, Reply};
use serde_json::{Value, json};

pub const UPSTREAM: Upstream = Upstream {
    name: "tickets",
    source: "{ name: tickets, connector: redmine, url: \"{url}\", auth: { api_key: key }, every: 1d, stale_after: 100d }",
    begin,
    answer,
    change,
    delete: |world, random| drop(take_one(world, "issues", random)),
    always: &[
        ("issues", &["id", "project", "tracker", "status", "priority", "created_on", "updated_on"]),
        ("projects", &["id"]),
        ("trackers", &["id", "name"]),
        ("issue_statuses", &["id", "is_closed"]),
    ],
};

const MOST: usize = 5;
const TRACKERS: [&str; 4] = ["Incident", "Nonconformity", "Corrective action", "Bug"];
const STATUSES: [(&str, bool); 3] = [("New", false), ("In Progress", false), ("Closed", true)];
const PRIORITIES: [&str; 4] = ["Low", "Normal", "High", "Urgent"];

fn begin(random: &mut Random, now: i64) -> World {
    let mut world = World::new();
    world
        .insert("projects", (1..=7).map(|id| json!({"id": id, "name": format!("Project {id}"), "identifier": format!("project-{id}"), "status": 1})).collect());
    for _ in 0..23 {
        add(&mut world, random, now - 86_400);
    }
    world
}

fn status(random: &mut Random) -> Value {
    let which = random.below(STATUSES.len());
    json!({"id": which + 1, "name": STATUSES[which].0, "is_closed": STATUSES[which].1})
}

fn priority(random: &mut Random) -> Value {
    let which = random.below(PRIORITIES.len());
    json!({"id": which + 1, "name": PRIORITIES[which]})
}

fn add(world: &mut World, random: &mut Random, now: i64) {
    let id = next_number(world);
    let (tracker, project) = (random.below(TRACKERS.len()), random.below(7) + 1);
    let (status, priority, system) = (status(random), priority(random), *random.of(&SYSTEMS));
    let closed = if status["is_closed"] == true { json!(moment(now)) } else { Value::Null };
    world.entry("issues").or_default().push(json!({
        "id": id, "project": {"id": project, "name": format!("Project {project}")}, "tracker": {"id": tracker + 1, "name": TRACKERS[tracker]},
        "status": status, "priority": priority, "author": {"id": 1, "name": "Ada"}, "subject": format!("Case {id}"), "due_date": null,
        "custom_fields": [{"id": 1, "name": "AI system", "value": system}, {"id": 2, "name": "Detected at", "value": ""}],
        "created_on": moment(now - 3600 * i64::try_from(random.below(500)).unwrap_or(0)), "updated_on": moment(now), "closed_on": closed,
    }));
}

fn change(world: &mut World, random: &mut Random, now: i64) {
    let few = world["issues"].len() < 15;
    match random.below(if few { 1 } else { 4 }) {
        0 => add(world, random, now),
        1 => drop(take_one(world, "issues", random)),
        _ => {
            let (status, priority) = (status(random), priority(random));
            let issues = world.get_mut("issues").expect("a tracker has issues");
            let at = random.below(issues.len());
            issues[at]["closed_on"] = if status["is_closed"] == true { json!(moment(now)) } else { Value::Null };
            issues[at]["status"] = status;
            issues[at]["priority"] = priority;
            issues[at]["updated_on"] = json!(moment(now));
        }
    }
}

fn answer(world: &World, received: &Received) -> Reply {
    let list = |name: &str, rows: &[Value]| {
        let body =
            json!({name: page(rows, received, MOST), "total_count": rows.len(), "offset": super::upstream::number(received, "offset", 0), "limit": MOST});
        Reply::json(200, &body)
    };
    match received.path.as_str() {
        "/users/current.json" => {
            let memberships: Vec<_> = world["projects"]
                .iter()
                .map(|project| json!({"id": project["id"], "project": {"id": project["id"], "name": project["name"]}, "roles": [{"id": 4, "name": "Reader"}]}))
                .collect();
            Reply::json(200, &json!({"user": {"id": 1, "login": "clause9", "admin": true, "status": 1, "memberships": memberships}}))
        }
        "/roles/4.json" => {
            Reply::json(200, &json!({"role": {"id": 4, "name": "Reader", "assignable": true, "issues_visibility": "all", "permissions": ["view_issues"]}}))
        }
        "/custom_fields.json" => {
            Reply::json(200, &json!({"custom_fields": [{"id": 1, "name": "AI system", "customized_type": "issue", "field_format": "string"}]}))
        }
        "/issue_statuses.json" => {
            let statuses: Vec<_> =
                STATUSES.iter().enumerate().map(|(index, (name, closed))| json!({"id": index + 1, "name": name, "is_closed": closed})).collect();
            Reply::json(200, &json!({"issue_statuses": statuses}))
        }
        "/trackers.json" => {
            let trackers: Vec<_> = TRACKERS.iter().enumerate().map(|(index, name)| json!({"id": index + 1, "name": name})).collect();
            Reply::json(200, &json!({"trackers": trackers}))
        }
        "/projects.json" => list("projects", &world["projects"]),
        "/issues.json" => {
            let since = query(received, "updated_on").and_then(|text| text.strip_prefix(">=")).unwrap_or_default();
            let asked = query(received, "issue_id").or_else(|| query(received, "project_id"));
            if asked.is_some() && query(received, "status_id").is_none() {
                return not_found();
            }
            let issues: Vec<_> = world["issues"].iter().filter(|issue| issue["updated_on"].as_str().is_some_and(|at| at >= since)).cloned().collect();
            list("issues", &issues)
        }
        _ => not_found(),
    }
}
