//! One tracker, answering as four do that page, sign and write times in different ways: GitHub and GitLab by links, Jira Cloud by tokens, Jira Data
//! Center by offset. Shapes are those of the fixtures in `config/connectors/`.

use super::{
    random::Random,
    upstream::{SYSTEMS, Upstream, World, moment, next_number, number, query, take_one},
};
use clause9::connector::replay::loopback::{Received, Reply};
use serde_json::{Value, json};

pub const GITHUB: Upstream = Upstream {
    name: "github",
    source: "{ name: github, connector: github, url: \"{url}\", auth: { bearer: token }, every: 1d, stale_after: 100d, \
             settings: { repositories: [example/first, example/second] } }",
    begin,
    answer: github,
    change,
    delete,
    always: &[("", &["id", "number", "name", "state", "labels", "created_at", "updated_at"])],
};

pub const GITLAB: Upstream = Upstream {
    name: "gitlab",
    source: "{ name: gitlab, connector: gitlab, url: \"{url}\", auth: { api_key: token }, every: 1d, stale_after: 100d, \
             settings: { projects: [example/first], groups: [others] } }",
    begin,
    answer: gitlab,
    change,
    delete,
    always: &[("", &["id", "name", "state", "labels", "issue_type", "created_at", "updated_at", "references"])],
};

pub const JIRA_CLOUD: Upstream = Upstream {
    name: "jira-cloud",
    source: "{ name: jira-cloud, connector: jira-cloud, url: \"{url}\", auth: { basic: { user: me, password: token } }, every: 1d, stale_after: 100d, \
             settings: { projects: [FIRST, SECOND] } }",
    begin,
    answer: |world, received| jira(world, received, true),
    change,
    delete,
    always: &[("issues", &["id", "key", "fields"]), ("issueTypes", &["name"]), ("levels", &["id"])],
};

pub const JIRA_DATA_CENTER: Upstream = Upstream {
    name: "jira-data-center",
    source: "{ name: jira-data-center, connector: jira-data-center, url: \"{url}\", auth: { bearer: token }, every: 1d, stale_after: 100d, \
             settings: { projects: [FIRST, SECOND] } }",
    begin,
    answer: |world, received| jira(world, received, false),
    change,
    delete,
    always: &[("issues", &["id", "key", "fields"]), ("issueTypes", &["name"]), ("levels", &["id"])],
};

/// Rows of a page.
const MOST: usize = 4;
/// What issues are; the last is no case.
const KINDS: [&str; 4] = ["Incident", "Nonconformity", "Corrective action", "Task"];
const SEVERITIES: [&str; 4] = ["Low", "Medium", "High", "Critical"];

fn begin(random: &mut Random, now: i64) -> World {
    let mut world = World::new();
    (0..13).for_each(|_| add(&mut world, random, now - 86_400));
    world
}

/// An issue, in nobody's shape.
fn add(world: &mut World, random: &mut Random, now: i64) {
    let number = next_number(world);
    let made = now - 3600 * i64::try_from(random.below(500)).unwrap_or(0);
    let is_open = !random.one_in(3);
    world.entry("issues").or_default().push(json!({
        "number": number, "place": random.below(2), "kind": *random.of(&KINDS), "severity": *random.of(&SEVERITIES), "system": *random.of(&SYSTEMS),
        "made": made, "changed": now, "closed": if is_open { Value::Null } else { json!(now) },
    }));
}

fn delete(world: &mut World, random: &mut Random) {
    drop(take_one(world, "issues", random));
}

fn change(world: &mut World, random: &mut Random, now: i64) {
    let few = world["issues"].len() < 9;
    match random.below(if few { 1 } else { 5 }) {
        0 => add(world, random, now),
        1 => delete(world, random),
        which => {
            let issues = world.get_mut("issues").expect("a tracker has issues");
            let at = random.below(issues.len());
            let issue = &mut issues[at];
            issue["changed"] = json!(now);
            match which {
                2 => issue["closed"] = if issue["closed"].is_null() { json!(now) } else { Value::Null },
                3 => issue["severity"] = json!(*random.of(&SEVERITIES)),
                _ => issue["system"] = json!(*random.of(&SYSTEMS)),
            }
        }
    }
}

/// The issues of a place that changed since a moment, in the order of making.
fn of(world: &World, place: usize, since: Option<&str>, written: fn(i64) -> String) -> Vec<Value> {
    let issues = world.get("issues").map(Vec::as_slice).unwrap_or_default().iter();
    let mut issues: Vec<_> =
        issues.filter(|issue| issue["place"] == place && since.is_none_or(|since| *written(at(issue, "changed")) >= *since)).cloned().collect();
    issues.sort_by_key(|issue| (at(issue, "made"), at(issue, "number")));
    issues
}

fn at(issue: &Value, name: &str) -> i64 {
    issue[name].as_i64().unwrap_or(0)
}

fn time(issue: &Value, name: &str, written: fn(i64) -> String) -> Value {
    issue[name].as_i64().map_or(Value::Null, |at| json!(written(at)))
}

/// A page by number, with the address of the next in a header.
fn linked(rows: &[Value], received: &Received) -> Reply {
    let page = number(received, "page", 1).max(1);
    let shown: Vec<_> = rows.iter().skip((page - 1) * MOST).take(MOST).cloned().collect();
    let reply = Reply::json(200, &json!(shown));
    if page * MOST >= rows.len() {
        return reply;
    }
    let kept: Vec<_> = received.query.iter().filter(|(name, _)| name != "page").map(|(name, value)| format!("{name}={value}&")).collect();
    reply.with("link", &format!("<{}?{}page={}>; rel=\"next\"", received.path, kept.concat(), page + 1))
}

fn labels() -> Vec<Value> {
    KINDS.iter().enumerate().map(|(index, name)| json!({"id": index + 1, "name": name})).collect()
}

fn names(issue: &Value) -> Vec<String> {
    let text = |name: &str| issue[name].as_str().unwrap_or_default().to_owned();
    vec![format!("aims:{}", text("system")), text("kind"), format!("severity: {}", text("severity"))]
}

fn github(world: &World, received: &Received) -> Reply {
    let gone = || Reply::json(404, &json!({"message": "Not Found", "status": "404"}));
    if received.path == "/meta" {
        return Reply::json(200, &json!({"verifiable_password_authentication": false}));
    }
    if received.path == "/orgs/example/issue-types" {
        return gone();
    }
    let Some((name, rest)) = received.path.strip_prefix("/repos/example/").map(|path| path.split_once('/').unwrap_or((path, ""))) else { return gone() };
    let Some(place) = ["first", "second"].iter().position(|known| *known == name) else { return gone() };
    match rest {
        "" => Reply::json(
            200,
            &json!({"id": place + 1, "name": name, "full_name": format!("example/{name}"), "owner": {"login": "example", "type": "Organization"}, "has_issues": true, "archived": false}),
        ),
        "labels" => linked(&labels(), received),
        "issues" => {
            let issues: Vec<_> = of(world, place, query(received, "since"), moment)
                .iter()
                .map(|issue| {
                    let labels: Vec<_> = names(issue).iter().map(|name| json!({"id": 1, "name": name})).collect();
                    json!({
                        "id": 1000 + at(issue, "number"), "number": issue["number"], "title": "An issue", "state": if issue["closed"].is_null() { "open" } else { "closed" },
                        "html_url": "https://github.example/x", "body": null, "labels": labels, "milestone": null,
                        "created_at": time(issue, "made", moment), "updated_at": time(issue, "changed", moment), "closed_at": time(issue, "closed", moment),
                    })
                })
                .collect();
            linked(&issues, received)
        }
        _ => gone(),
    }
}

fn gitlab(world: &World, received: &Received) -> Reply {
    let gone = || Reply::json(404, &json!({"message": "404 Not found"}));
    let Some(path) = received.path.strip_prefix("/api/v4/") else { return gone() };
    let (place, rest) = match path {
        "user" => return Reply::json(200, &json!({"id": 7, "username": "clause9", "state": "active"})),
        "projects/example%2Ffirst" => {
            return Reply::json(200, &json!({"id": 1, "path_with_namespace": "example/first", "archived": false, "issues_access_level": "enabled"}));
        }
        "groups/others" => return Reply::json(200, &json!({"id": 2, "full_path": "others"})),
        _ if path.starts_with("projects/1/") => (0, &path["projects/1/".len()..]),
        _ if path.starts_with("groups/2/") => (1, &path["groups/2/".len()..]),
        _ => return gone(),
    };
    match rest {
        "members/all/7" => Reply::json(200, &json!({"id": 7, "access_level": 20})),
        "labels" => linked(&labels(), received),
        "issues" => {
            let project = ["example/first", "others/second"][place];
            let issues: Vec<_> = of(world, place, query(received, "updated_after"), moment)
                .iter()
                .map(|issue| {
                    json!({
                        "id": 1000 + at(issue, "number"), "iid": issue["number"], "title": "An issue", "description": null,
                        "state": if issue["closed"].is_null() { "opened" } else { "closed" }, "labels": names(issue), "issue_type": "issue", "severity": "UNKNOWN",
                        "created_at": time(issue, "made", moment), "updated_at": time(issue, "changed", moment), "closed_at": time(issue, "closed", moment),
                        "web_url": "https://gitlab.example/x", "references": {"full": format!("{project}#{}", issue["number"])}, "moved_to_id": null,
                    })
                })
                .collect();
            linked(&issues, received)
        }
        _ => gone(),
    }
}

/// A time of Jira's: milliseconds, and an offset without a colon.
fn offset(at: i64) -> String {
    format!("{}.000+0000", moment(at).trim_end_matches('Z'))
}

/// A time as a query has it: minutes, of the account's zone, which is UTC here.
fn minutes(at: i64) -> String {
    moment(at)[..16].replace('T', " ")
}

fn jira(world: &World, received: &Received, is_cloud: bool) -> Reply {
    let no = || Reply::json(404, &json!({"errorMessages": ["no"], "errors": {}}));
    let Some(path) = received.path.strip_prefix(if is_cloud { "/rest/api/3/" } else { "/rest/api/2/" }) else { return no() };
    let project = |place: usize| (10_001 + place, ["FIRST", "SECOND"][place]);
    match path {
        "myself" => Reply::json(200, &json!({"accountId": "5b10", "key": "clause9", "name": "clause9", "active": true, "timeZone": "UTC"})),
        "field" => {
            Reply::json(200, &json!([{"id": "summary", "name": "Summary", "custom": false}, {"id": "customfield_10010", "name": "AI system", "custom": true}]))
        }
        "project/FIRST" | "project/SECOND" => {
            let (id, key) = project(usize::from(path.ends_with("SECOND")));
            let types: Vec<_> = KINDS.iter().enumerate().map(|(index, name)| json!({"id": index.to_string(), "name": name, "subtask": false})).collect();
            Reply::json(200, &json!({"id": id.to_string(), "key": key, "name": "A project", "issueTypes": types}))
        }
        "project/10001/securitylevel" | "project/10002/securitylevel" => Reply::json(200, &json!({"levels": [{"id": "31", "name": "Ours"}]})),
        "project/10001/issuesecuritylevelscheme" | "project/10002/issuesecuritylevelscheme" => {
            Reply::json(200, &json!({"id": 5, "name": "Ours", "levels": [{"id": "31", "name": "Ours"}]}))
        }
        "search" | "search/jql" => {
            let jql = query(received, "jql").unwrap_or_default();
            let since = jql.split_once("updated >= \"").and_then(|(_, rest)| rest.split_once('"')).map(|(since, _)| since);
            let place = usize::from(jql.starts_with("project = \"SECOND\" "));
            let issues: Vec<_> = of(world, place, since, minutes).iter().map(|issue| jira_issue(issue, project(place))).collect();
            if is_cloud { by_token(&issues, received) } else { by_offset(&issues, received) }
        }
        _ => no(),
    }
}

fn jira_issue(issue: &Value, (id, key): (usize, &str)) -> Value {
    let category = if issue["closed"].is_null() { "new" } else { "done" };
    json!({"id": (20_000 + at(issue, "number")).to_string(), "key": format!("{key}-{}", issue["number"]), "fields": {
        "summary": "An issue", "issuetype": {"id": "1", "name": issue["kind"]}, "project": {"id": id.to_string(), "key": key, "name": "A project"},
        "status": {"id": "3", "name": "Somewhere", "statusCategory": {"id": 4, "key": category, "name": "?"}}, "priority": {"id": "2", "name": issue["severity"]},
        "labels": [], "components": [], "customfield_10010": {"id": "1", "value": issue["system"]}, "duedate": null,
        "created": time(issue, "made", offset), "updated": time(issue, "changed", offset), "resolutiondate": time(issue, "closed", offset),
    }})
}

fn by_token(rows: &[Value], received: &Received) -> Reply {
    let from = query(received, "nextPageToken").and_then(|token| token.strip_prefix("offset-")?.parse().ok()).unwrap_or(0);
    let page: Vec<_> = rows.iter().skip(from).take(MOST).collect();
    let mut body = json!({"issues": page, "isLast": from + MOST >= rows.len()});
    if from + MOST < rows.len() {
        body["nextPageToken"] = json!(format!("offset-{}", from + MOST));
    }
    Reply::json(200, &body)
}

fn by_offset(rows: &[Value], received: &Received) -> Reply {
    let from = number(received, "startAt", 0);
    let page: Vec<_> = rows.iter().skip(from).take(MOST.min(number(received, "maxResults", 50))).collect();
    Reply::json(200, &json!({"startAt": from, "maxResults": MOST, "total": rows.len(), "issues": page}))
}
