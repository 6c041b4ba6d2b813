//! Work items like those of Azure DevOps: a feed of the latest revision of each, a few to a batch.

use super::{
    cases::Cases,
    random::Random,
    upstream::{SYSTEMS, Upstream, World, moment, not_found, number, query, take_one},
};
use clause9::connector::replay::loopback::{Received, Reply};
use serde_json::{Value, json};

pub const UPSTREAM: Upstream = Upstream {
    name: "work",
    source: "{ name: work, connector: azure-devops, url: \"{url}\", auth: { bearer: token }, every: 1d, stale_after: 100d }",
    begin,
    answer,
    change: |world, random, now| CASES.change(world, random, now),
    delete: |world, random| drop(take_one(world, "items", random)),
    always: &[("values", &["id", "fields"]), ("value", &["id", "name"])],
};

const CASES: Cases = Cases { list: "items", row, alter, deletes: true };
const MOST: usize = 5;
const STATES: [(&str, &str); 4] = [("New", "Proposed"), ("Active", "InProgress"), ("Resolved", "Resolved"), ("Closed", "Completed")];
const TYPES: [&str; 4] = ["Incident", "Nonconformity", "Corrective action", "Bug"];
const FEED: &str = "/p1/_apis/wit/reporting/workitemrevisions";

fn begin(random: &mut Random, now: i64) -> World {
    let mut world = World::new();
    CASES.begin(&mut world, 23, random, now);
    world
}

fn row(number: i64, random: &mut Random, now: i64) -> Value {
    let mut row = json!({"id": number, "rev": 1, "fields": {
        "System.TeamProject": "Models", "System.WorkItemType": random.of(&TYPES), "System.Title": format!("Item {number}"), "System.AreaPath": "Models",
        "System.Tags": format!("aims:{}; seen", random.of(&SYSTEMS)), "System.CreatedDate": moment(now),
    }});
    alter(&mut row, random, now);
    row
}

fn alter(row: &mut Value, random: &mut Random, now: i64) {
    let (state, category) = *random.of(&STATES);
    let at = |is: bool| if is { json!(moment(now)) } else { Value::Null };
    row["rev"] = json!(row["rev"].as_i64().unwrap_or(0) + 1);
    let fields = &mut row["fields"];
    fields["System.State"] = json!(state);
    fields["System.ChangedDate"] = json!(moment(now));
    fields["Microsoft.VSTS.Common.Priority"] = json!(1 + random.below(4));
    fields["Microsoft.VSTS.Common.ResolvedDate"] = at(category == "Resolved");
    fields["Microsoft.VSTS.Common.ClosedDate"] = at(category == "Completed");
}

/// The feed from a place in it on: revisions in the order of their making, so that what changes goes to the end. The place is a moment and a number.
fn feed(world: &World, received: &Received) -> Reply {
    let place = |row: &Value| (row["fields"]["System.ChangedDate"].as_str().unwrap_or_default().to_owned(), row["id"].as_i64().unwrap_or(0));
    let from = match query(received, "continuationToken").and_then(|token| token.rsplit_once('_')) {
        Some((at, id)) => (at.to_owned(), id.parse().unwrap_or(0)),
        None => (query(received, "startDateTime").unwrap_or_default().to_owned(), i64::MIN),
    };
    let mut rows: Vec<_> = world["items"].iter().filter(|row| place(row) > from).collect();
    rows.sort_by_key(|row| place(row));
    let batch = &rows[..rows.len().min(MOST)];
    let (at, id) = batch.last().map_or(from, |row| place(row));
    let next = format!("{FEED}?continuationToken={at}_{id}&api-version=7.1");
    Reply::json(200, &json!({"values": batch, "nextLink": next, "continuationToken": format!("{at}_{id}"), "isLastBatch": rows.len() <= MOST}))
}

fn answer(world: &World, received: &Received) -> Reply {
    match received.path.as_str() {
        "/_apis/projects" => {
            let projects = [json!({"id": "p1", "name": "Models", "state": "wellFormed"})];
            let rows: Vec<_> = projects.iter().skip(number(received, "$skip", 0)).take(number(received, "$top", 100)).collect();
            Reply::json(200, &json!({"count": rows.len(), "value": rows}))
        }
        "/p1/_apis/wit/workitemtypes" => {
            let states: Vec<_> = STATES.iter().map(|(name, category)| json!({"name": name, "category": category})).collect();
            let types: Vec<_> = TYPES.iter().map(|name| json!({"name": name, "isDisabled": false, "states": states})).collect();
            Reply::json(200, &json!({"count": types.len(), "value": types}))
        }
        FEED => feed(world, received),
        _ => not_found(),
    }
}
