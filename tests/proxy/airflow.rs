//! Airflow 2 and 3: DAGs and runs by offset.

use super::{
    random::Random,
    upstream::{SYSTEMS, Upstream, World, moment, next_number, page, query, take_one},
};
use clause9::connector::replay::loopback::{Received, Reply};
use serde_json::{Value, json};

pub const TWO: Upstream = Upstream {
    name: "airflow2",
    source: "{ name: airflow2, connector: airflow, url: \"{url}\", auth: { basic: { user: u, password: p } }, every: 1d, stale_after: 100d }",
    begin,
    answer: |world, received| answer(world, received, "/api/v1"),
    change,
    delete: |world, random| drop(take_one(world, "dag_runs", random)),
    always: &[
        ("dags", &["dag_id", "is_active", "is_paused", "has_import_errors"]),
        ("dag_runs", &["dag_id", "dag_run_id", "state", "end_date", "data_interval_end"]),
        ("import_errors", &["import_error_id"]),
    ],
};

pub const THREE: Upstream = Upstream {
    name: "airflow3",
    source: "{ name: airflow3, connector: airflow, url: \"{url}\", auth: { bearer: token }, every: 1d, stale_after: 100d }",
    answer: |world, received| answer(world, received, "/api/v2"),
    always: &[
        ("dags", &["dag_id", "is_stale", "is_paused", "has_import_errors"]),
        ("dag_runs", &["dag_id", "dag_run_id", "state", "run_type", "run_after", "end_date", "data_interval_end"]),
        ("import_errors", &["import_error_id"]),
    ],
    ..TWO
};

const MOST: usize = 5;
const STATES: [&str; 4] = ["success", "success", "failed", "running"];

fn begin(random: &mut Random, now: i64) -> World {
    let mut world = World::new();
    let dag = |id: usize| {
        json!({
            "dag_id": format!("dag_{id:02}"), "dag_display_name": format!("dag_{id:02}"), "is_active": true, "is_stale": false, "is_paused": false,
            "has_import_errors": false, "fileloc": format!("/dags/{id}.py"), "relative_fileloc": format!("{id}.py"),
            "schedule_interval": {"__type": "CronExpression", "value": "0 * * * *"}, "timetable_summary": "0 * * * *", "timetable_description": "Hourly",
            "tags": [{"name": format!("aims:{}", SYSTEMS[id % SYSTEMS.len()])}, {"name": "team:data"}],
        })
    };
    world.insert("dags", (0..12).map(dag).collect());
    world.insert("import_errors", vec![json!({"import_error_id": 1, "filename": "/dags/broken.py", "timestamp": moment(now), "stack_trace": "no"})]);
    world.insert("dag_runs", Vec::new());
    for _ in 0..28 {
        add(&mut world, random, now - 7200);
    }
    world
}

fn add(world: &mut World, random: &mut Random, now: i64) {
    let number = next_number(world);
    let dags = world["dags"].len();
    let dag = world["dags"][random.below(dags)]["dag_id"].clone();
    let at = now - 600;
    world.entry("dag_runs").or_default().push(json!({
        "dag_id": dag, "dag_run_id": format!("scheduled__{number}"), "run_type": "scheduled", "state": random.of(&STATES), "conf": {},
        "queued_at": moment(at), "start_date": moment(at), "end_date": moment(now), "execution_date": moment(at), "logical_date": moment(at), "run_after": moment(at),
        "data_interval_start": moment(at - 3600), "data_interval_end": moment(at), "last_scheduling_decision": moment(now), "updated": now,
    }));
}

fn change(world: &mut World, random: &mut Random, now: i64) {
    let few = world["dag_runs"].len() < 20;
    match random.below(if few { 1 } else { 6 }) {
        0 | 1 => add(world, random, now),
        2 => drop(take_one(world, "dag_runs", random)),
        3 => {
            let dags = world.get_mut("dags").expect("there are DAGs");
            let at = random.below(dags.len());
            dags[at]["is_paused"] = json!(dags[at]["is_paused"] != true);
        }
        4 => {
            // The runs of a DAG go with it.
            if let Some(dag) = (world["dags"].len() > 8).then(|| take_one(world, "dags", random)).flatten() {
                world.get_mut("dag_runs").expect("there are runs").retain(|run| run["dag_id"] != dag["dag_id"]);
            }
        }
        _ => {
            let state = json!(random.of(&STATES));
            let runs = world.get_mut("dag_runs").expect("there are runs");
            let at = random.below(runs.len());
            runs[at]["state"] = state;
            (runs[at]["end_date"], runs[at]["last_scheduling_decision"], runs[at]["updated"]) = (json!(moment(now)), json!(moment(now)), json!(now));
        }
    }
}

fn answer(world: &World, received: &Received, api: &str) -> Reply {
    let Some(path) = received.path.strip_prefix(api) else {
        return Reply::new(404, "text/html", "<!DOCTYPE html><title>Airflow 404</title>");
    };
    let list = |name: &str, rows: &[Value]| Reply::json(200, &json!({name: page(rows, received, MOST), "total_entries": rows.len()}));
    let shown = |run: &Value| {
        let mut run = run.clone();
        run.as_object_mut().expect("a run is an object").remove("updated");
        run
    };
    let runs = |of: Option<&str>| -> Vec<Value> {
        let since = query(received, "updated_at_gte").unwrap_or_default();
        let state = query(received, "state");
        let wanted = |run: &&Value| {
            of.is_none_or(|of| run["dag_id"] == of)
                && state.is_none_or(|state| run["state"] == state)
                && run["updated"].as_i64().is_some_and(|at| moment(at).as_str() >= since)
        };
        world["dag_runs"].iter().filter(wanted).map(shown).collect()
    };
    match path {
        "/version" => Reply::json(200, &json!({"version": "3.3.2", "git_version": ""})),
        "/dags" => list("dags", &world["dags"]),
        "/importErrors" => list("import_errors", &world["import_errors"]),
        "/dags/~/dagRuns" => list("dag_runs", &runs(None)),
        _ => {
            let Some(dag) = path.strip_prefix("/dags/").and_then(|rest| rest.strip_suffix("/dagRuns")) else {
                return Reply::json(404, &json!({"detail": "Not Found"}));
            };
            if !world["dags"].iter().any(|known| known["dag_id"] == dag) {
                let type_ = "https://airflow.apache.org/docs/apache-airflow/2.11.2/stable-rest-api-ref.html#section/Errors/NotFound";
                return match api {
                    "/api/v1" => Reply::json(404, &json!({"detail": null, "status": 404, "title": "DAG not found", "type": type_})),
                    _ => Reply::json(404, &json!({"detail": format!("The DAG with ID: `{dag}` was not found")})),
                };
            }
            let mut runs = runs(Some(dag));
            runs.sort_by_key(|run| std::cmp::Reverse(run["end_date"].as_str().map(str::to_owned)));
            list("dag_runs", &runs)
        }
    }
}
