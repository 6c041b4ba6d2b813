//! Trackers that do not show everything, or not as they should: what connectors refuse, and what they tell. The upstreams are those of `proxy`.

use crate::proxy::{
    random::Random,
    trackers::{GITHUB, GITLAB, JIRA_CLOUD, JIRA_DATA_CENTER},
    upstream::{Upstream, World},
};
use clause9::{
    config::Config,
    connector::{
        Failure,
        replay::loopback::{Loopback, Piece, Received, Reply},
    },
    pipeline::{Core, client, deliver, poll_once},
    record::Door,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

/// 2026-03-02T09:00:00Z.
const NOW: i64 = 1_772_442_000;

/// One poll of a tracker, of which some answers are changed: how many cases, what was told; or why not.
fn polled(upstream: &'static Upstream, settings: &str, change: fn(&Received, Reply) -> Reply) -> Result<(usize, Vec<String>), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let world = (upstream.begin)(&mut Random::new(7), NOW - 3600);
        let server = Loopback::start(move |received| change(received, (upstream.answer)(&world, received))).await.expect("a free port");
        let source = upstream.source.replace("{url}", server.url().as_str()).replace("settings: { ", &format!("settings: {{ {settings}"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("agent.yaml");
        let text = format!("organisation: {{ name: Example, timezone: UTC }}\nsources:\n  - {source}\n");
        std::fs::write(&file, text).expect("a written configuration");
        let config = Config::load(&file, NOW).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let client = client(&config.sources[0]).expect("settings that work");
        let poll = poll_once(&client, &BTreeMap::new(), Door { now: NOW, zone: config.zone }).await?.whole()?;
        let told = poll.streams.iter().flat_map(|stream| &stream.notes).map(|note| note.text.clone()).collect();
        Ok((poll.streams.iter().map(|stream| stream.records.len()).sum(), told))
    })
}

fn json_of(reply: &Reply) -> Value {
    let bytes: Vec<u8> = reply.body.iter().flat_map(|piece| if let Piece::Bytes(bytes) = piece { bytes.clone() } else { Vec::new() }).collect();
    serde_json::from_slice(&bytes).expect("JSON")
}

/// The answer to this path with another JSON.
fn with(received: &Received, reply: Reply, path: &str, change: impl FnOnce(&mut Value)) -> Reply {
    if received.path != path {
        return reply;
    }
    let mut json = json_of(&reply);
    change(&mut json);
    Reply::json(200, &json)
}

struct Case {
    upstream: &'static Upstream,
    settings: &'static str,
    change: fn(&Received, Reply) -> Reply,
    /// What is refused in these words, or told.
    expected: Result<&'static str, &'static str>,
}

const CASES: &[Case] = &[
    Case {
        upstream: &GITHUB,
        settings: "",
        change: |received, reply| with(received, reply, "/repos/example/first", |json| json["has_issues"] = json!(false)),
        expected: Err("a repository has its issues turned off"),
    },
    Case {
        upstream: &GITHUB,
        settings: "",
        change: |received, reply| with(received, reply, "/repos/example/second", |json| json["full_name"] = json!("example/first")),
        expected: Err("two entries of the setting repositories are one repository"),
    },
    Case {
        upstream: &GITHUB,
        settings: "",
        change: |received, reply| with(received, reply, "/repos/example/second", |json| json["archived"] = json!(true)),
        expected: Ok("a repository is archived"),
    },
    Case {
        upstream: &GITHUB,
        settings: "",
        change: |received, reply| if received.path.ends_with("/labels") { Reply::json(200, &json!([])) } else { reply },
        expected: Ok("no label and no issue type stands for a kind of case"),
    },
    Case {
        upstream: &GITHUB,
        settings: "",
        change: |received, reply| {
            if received.path == "/repos/example/second" { Reply::json(404, &json!({"message": "Not Found", "status": "404"})) } else { reply }
        },
        expected: Err("answered 404: check `url`; some upstreams answer so where permission is missing"),
    },
    Case {
        upstream: &GITHUB,
        settings: "",
        change: |received, reply| {
            if received.path.ends_with("/issues") { reply.with("link", "<https://elsewhere.example/?page=2>; rel=\"next\"") } else { reply }
        },
        expected: Err("the next page is at https://elsewhere.example, another origin"),
    },
    Case {
        upstream: &GITLAB,
        settings: "",
        change: |received, reply| if received.path.ends_with("/members/all/7") { Reply::json(404, &json!({"message": "404 Not found"})) } else { reply },
        expected: Err("the role of this token is below Planner and Reporter"),
    },
    Case {
        upstream: &GITLAB,
        settings: "",
        change: |received, reply| with(received, reply, "/api/v4/groups/2/members/all/7", |json| json["access_level"] = json!(10)),
        expected: Err("the role of this token is below Planner and Reporter"),
    },
    Case {
        upstream: &GITLAB,
        settings: "confidential: ignore, ",
        change: |received, reply| with(received, reply, "/api/v4/projects/1/members/all/7", |json| json["access_level"] = json!(10)),
        expected: Ok("confidential issues are not seen"),
    },
    Case {
        upstream: &GITLAB,
        settings: "",
        change: |received, reply| with(received, reply, "/api/v4/projects/example%2Ffirst", |json| json["issues_access_level"] = json!("disabled")),
        expected: Err("a project has its issues turned off"),
    },
    Case {
        upstream: &JIRA_CLOUD,
        settings: "",
        change: |received, reply| with(received, reply, "/rest/api/3/project/10001/issuesecuritylevelscheme", hidden),
        expected: Err("does not see every security level"),
    },
    Case {
        upstream: &JIRA_DATA_CENTER,
        settings: "security_levels: ignore, ",
        change: |received, reply| with(received, reply, "/rest/api/2/project/10001/issuesecuritylevelscheme", hidden),
        expected: Ok("issues of some security levels are not seen"),
    },
    Case {
        upstream: &JIRA_DATA_CENTER,
        settings: "",
        change: |received, reply| {
            if received.path.ends_with("/issuesecuritylevelscheme") { Reply::json(403, &json!({"errorMessages": ["no"], "errors": {}})) } else { reply }
        },
        expected: Ok("could not be found out"),
    },
    Case {
        upstream: &JIRA_CLOUD,
        settings: "",
        change: |received, reply| with(received, reply, "/rest/api/3/project/SECOND", |json| json["archived"] = json!(true)),
        expected: Err("a project is archived"),
    },
    // A list for anybody, and nobody asks who it is: Jira's search answers without credentials, `myself` does not.
    Case {
        upstream: &JIRA_DATA_CENTER,
        settings: "",
        change: |received, reply| if received.path.ends_with("/myself") { Reply::json(401, &json!({})) } else { reply },
        expected: Err("Jira does not know this account"),
    },
    // The same where the token gets lost on the way, after the first page.
    Case {
        upstream: &JIRA_DATA_CENTER,
        settings: "",
        change: |received, reply| {
            let is_later = received.query.iter().any(|(name, value)| name == "startAt" && value != "0");
            if is_later { reply.with("x-ausername", "anonymous") } else { reply }
        },
        expected: Err("Jira takes this account for nobody"),
    },
    Case {
        upstream: &GITHUB,
        settings: "",
        change: |received, reply| {
            if received.path.ends_with("/labels") {
                Reply::json(403, &json!({"message": "Resource protected"})).with("x-github-sso", "required; url=https://github.example/sso")
            } else {
                reply
            }
        },
        expected: Err("the organisation wants single sign-on"),
    },
    Case {
        upstream: &JIRA_CLOUD,
        settings: "",
        change: |received, reply| {
            with(received, reply, "/rest/api/3/search/jql", |json| {
                json["isLast"] = json!(false);
                json.as_object_mut().map(|json| json.remove("nextPageToken"));
            })
        },
        expected: Err("a page that is not the last, without a token of the next"),
    },
];

/// A level that the account is not shown.
fn hidden(json: &mut Value) {
    json["levels"] = json!([{"id": "31"}, {"id": "32"}]);
}

#[test]
fn what_is_not_seen_is_refused_or_told() {
    for (index, case) in CASES.iter().enumerate() {
        let place = format!("case {index}, {}", case.upstream.name);
        match (polled(case.upstream, case.settings, case.change), case.expected) {
            (Ok((cases, told)), Ok(expected)) => {
                assert!(cases > 3, "{place}: {cases} cases");
                assert!(told.iter().any(|told| told.contains(expected)), "{place}: {told:?}");
            }
            (Err(failure), Err(expected)) => assert!(failure.message.contains(expected), "{place}: {}", failure.message),
            (outcome, _) => panic!("{place}: {outcome:?}"),
        }
    }
}

/// Of all of them, unchanged, there is nothing to tell but what an account can't know.
#[test]
fn who_sees_everything_is_told_nothing() {
    for upstream in [&GITHUB, &GITLAB, &JIRA_CLOUD, &JIRA_DATA_CENTER] {
        let (cases, told) = polled(upstream, "", |_, reply| reply).unwrap_or_else(|failure| panic!("{}: {failure}", upstream.name));
        assert!(cases > 3 && told.is_empty(), "{}: {cases} cases, {told:?}", upstream.name);
    }
}

/// An issue of the fakes.
fn issue(number: i64, system: &str, closed: Option<i64>) -> Value {
    json!({
        "number": number, "place": 0, "kind": "Nonconformity", "severity": "High", "system": system, "made": NOW - 864_000, "changed": closed.unwrap_or(NOW - 86_400),
        "closed": closed,
    })
}

/// A server of an upstream whose issues can be changed.
async fn served(
    upstream: &'static Upstream,
    issues: Vec<Value>,
    change: impl Fn(&Received, Reply) -> Reply + Send + Sync + 'static,
) -> (Arc<Mutex<World>>, Loopback) {
    let world = Arc::new(Mutex::new(World::from([("issues", issues)])));
    let shared = Arc::clone(&world);
    let answer = move |received: &Received| change(received, (upstream.answer)(&shared.lock().expect("nobody panicked"), received));
    (world, Loopback::start(answer).await.expect("a free port"))
}

/// GitHub says in a form where another tracker holds its first issue.
fn referring(received: &Received, reply: Reply, address: &str) -> Reply {
    with(received, reply, "/repos/example/first/issues", |json| {
        for issue in json.as_array_mut().expect("issues").iter_mut().filter(|issue| issue["number"] == 1) {
            issue["body"] = json!(format!("### Reference\n\n{address}\n"));
        }
    })
}

/// The nonconformities that are open, by system.
fn open(core: &mut Core, now: i64) -> BTreeMap<String, String> {
    core.evaluate(now);
    let board = core.board(now);
    let panel = board.panels.iter().find(|panel| panel.indicator.id.as_str() == "nonconformities_open").expect("an indicator");
    let label = |reading: &clause9::board::Reading, wanted: &str| {
        let found = reading.row.labels().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    let labels = |reading: &clause9::board::Reading| format!("{} {}", label(reading, "system"), label(reading, "grade"));
    panel.readings.iter().map(|reading| (labels(reading), format!("{:?}", reading.row.measured))).collect()
}

#[test]
fn what_two_trackers_hold_counts_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (in_jira, jira) = served(&JIRA_CLOUD, vec![issue(1, "credit", None), issue(3, "credit", None)], |_, reply| reply).await;
        let address = jira.url().join("browse/FIRST-1").expect("an address");
        let change = move |received: &Received, reply| referring(received, reply, address.as_str());
        let (in_github, github) = served(&GITHUB, vec![issue(1, "credit", None), issue(2, "fraud", None)], change).await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let systems = ["credit", "fraud"].map(|id| format!("  - {{ id: {id}, name: {id}, owner_role: owner, risk_tier: high, lifecycle: production }}\n"));
        std::fs::write(folder.path().join("systems.yaml"), format!("systems:\n{}", systems.concat())).expect("a written file");
        let mut text = "organisation: { name: Example, timezone: UTC }\ndata_dir: data\nsources:\n".to_owned();
        text.push_str("  - { name: inventory, connector: register, path: systems.yaml, every: 1d, stale_after: 100d }\n");
        for (upstream, server) in [(&GITHUB, &github), (&JIRA_CLOUD, &jira)] {
            text.push_str(&format!("  - {}\n", upstream.source.replace("{url}", server.url().as_str())));
        }
        let file = folder.path().join("agent.yaml");
        std::fs::write(&file, text).expect("a written configuration");
        let config = Arc::new(Config::load(&file, NOW).unwrap_or_else(|mistakes| panic!("{mistakes}")));
        let mut core = Core::open(Arc::clone(&config), NOW).expect("a store");

        let polled = async |core: &mut Core, now: i64| {
            for source in &config.sources {
                let (client, name) = (client(source).expect("settings that work"), &source.source.name);
                let positions = core.positions(name).expect("a store");
                let poll = poll_once(&client, &positions, Door { now, zone: config.zone }).await.unwrap_or_else(|failure| panic!("{name}: {failure}"));
                core.take_in(name, Ok(deliver(poll)), Duration::ZERO, now).expect("a poll that is stored");
            }
            open(core, now)
        };
        let major = |readings: &BTreeMap<String, String>, system: &str| readings[&format!("{system} major")].clone();
        let first = polled(&mut core, NOW).await;
        // That of both, and one of Jira's own; one of GitHub's own.
        assert!(major(&first, "credit").contains("2") && major(&first, "fraud").contains("1"), "{first:?}");

        // Closed in one of them it is still open: the careful word counts.
        in_jira.lock().expect("nobody panicked").insert("issues", vec![issue(1, "credit", Some(NOW + 60)), issue(3, "credit", None)]);
        let second = polled(&mut core, NOW + 120).await;
        assert_eq!(major(&second, "credit"), major(&first, "credit"));

        // In both it is over.
        in_github.lock().expect("nobody panicked").insert("issues", vec![issue(1, "credit", Some(NOW + 180)), issue(2, "fraud", None)]);
        let third = polled(&mut core, NOW + 240).await;
        assert_eq!((major(&third, "credit"), major(&third, "fraud")), (major(&first, "fraud"), major(&first, "fraud")));
    });
}
