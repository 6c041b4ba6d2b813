//! A registry like MLflow: two lists by token, which is an offset, without any total; and a run for each version.

use super::{
    random::Random,
    upstream::{SYSTEMS, Upstream, World, next_number, query, take_one},
};
use clause9::connector::replay::loopback::{Received, Reply};
use serde_json::{Value, json};

pub const UPSTREAM: Upstream = Upstream {
    name: "models",
    source: "{ name: models, connector: mlflow, url: \"{url}\", auth: { bearer: token }, every: 1d, stale_after: 100d }",
    begin,
    answer,
    change,
    delete,
    always: &[("registered_models", &["name"]), ("model_versions", &["name", "version", "creation_timestamp"]), ("metrics", &["key", "value", "timestamp"])],
};

const MOST: usize = 4;

fn begin(random: &mut Random, now: i64) -> World {
    let mut world = World::new();
    world.insert("models", Vec::new());
    world.insert("versions", Vec::new());
    for _ in 0..9 {
        add_model(&mut world, random, now - 86_400);
    }
    for _ in 0..6 {
        add_version(&mut world, random, now - 43_200);
    }
    world
}

fn add_model(world: &mut World, random: &mut Random, now: i64) {
    let number = next_number(world);
    let name = format!("model-{number:03}");
    let system = *random.of(&SYSTEMS);
    let model = json!({"name": name, "creation_timestamp": now * 1000, "tags": [{"key": "aims.system", "value": system}], "aliases": [{"alias": "production", "version": "1"}]});
    world.entry("models").or_default().push(model);
    version(world, random, &name, 1, now);
}

fn version(world: &mut World, random: &mut Random, name: &str, number: usize, now: i64) {
    let run = format!("{:032x}", next_number(world));
    let psi = f64::from(u32::try_from(random.below(50)).unwrap_or(0)) / 100.0;
    let version = json!({
        "name": name, "version": number.to_string(), "creation_timestamp": now * 1000, "last_updated_timestamp": now * 1000, "current_stage": "None",
        "status": "READY", "run_id": run, "source": format!("runs:/{run}/model"), "description": "", "psi": psi,
    });
    world.entry("versions").or_default().push(version);
}

fn add_version(world: &mut World, random: &mut Random, now: i64) {
    let models = world["models"].len();
    let name = world["models"][random.below(models)]["name"].as_str().expect("a model has a name").to_owned();
    let number =
        world["versions"].iter().filter(|version| version["name"] == name).filter_map(|version| version["version"].as_str()?.parse::<usize>().ok()).max();
    version(world, random, &name, number.unwrap_or(0) + 1, now);
    if random.one_in(2) {
        set_production(world, &name, number.unwrap_or(0) + 1);
    }
}

fn set_production(world: &mut World, name: &str, number: usize) {
    let model = world.get_mut("models").and_then(|models| models.iter_mut().find(|model| model["name"] == name)).expect("a version has a model");
    model["aliases"] = json!([{"alias": "production", "version": number.to_string()}]);
}

fn delete(world: &mut World, random: &mut Random) {
    if let Some(model) = take_one(world, "models", random) {
        world.get_mut("versions").expect("there are versions").retain(|version| version["name"] != model["name"]);
    }
}

fn change(world: &mut World, random: &mut Random, now: i64) {
    let few = world["models"].len() < 6;
    match random.below(if few { 1 } else { 4 }) {
        0 => add_model(world, random, now),
        1 => delete(world, random),
        2 => add_version(world, random, now),
        _ => {
            let versions = world["versions"].len();
            let chosen = world["versions"][random.below(versions)].clone();
            let number = chosen["version"].as_str().and_then(|number| number.parse().ok()).unwrap_or(1);
            set_production(world, chosen["name"].as_str().expect("a version has a name"), number);
        }
    }
}

/// What the registry shows of a version.
fn shown(version: &Value) -> Value {
    let mut version = version.clone();
    version.as_object_mut().expect("a version is an object").remove("psi");
    version
}

fn answer(world: &World, received: &Received) -> Reply {
    let body: Value = serde_json::from_slice(&received.body).unwrap_or_default();
    let token = query(received, "page_token").or_else(|| body["page_token"].as_str());
    let from = token.and_then(|token| token.strip_prefix("offset-")).and_then(|offset| offset.parse().ok()).unwrap_or(0);
    let list = |name: &str, rows: Vec<Value>| {
        let mut body = json!({});
        let page: Vec<_> = rows.iter().skip(from).take(MOST).cloned().collect();
        if from + MOST < rows.len() {
            body["next_page_token"] = json!(format!("offset-{}", from + MOST));
        }
        // Empty lists are left out.
        if !page.is_empty() {
            body[name] = json!(page);
        }
        Reply::json(200, &body)
    };
    match received.path.as_str() {
        "/api/2.0/mlflow/experiments/search" if query(received, "filter").is_some() => list("experiments", Vec::new()),
        "/api/2.0/mlflow/experiments/search" => list("experiments", vec![json!({"experiment_id": "1", "name": "lab", "lifecycle_stage": "active"})]),
        "/api/2.0/mlflow/registered-models/search" => {
            let latest = |model: &Value| world["versions"].iter().rfind(|version| version["name"] == model["name"]).map(shown);
            let models = world["models"].iter().map(|model| {
                let mut model = model.clone();
                model["latest_versions"] = latest(&model).into_iter().collect();
                model
            });
            list("registered_models", models.collect())
        }
        "/api/2.0/mlflow/model-versions/search" => list("model_versions", world["versions"].iter().map(shown).collect()),
        "/api/2.0/mlflow/runs/get" => {
            let run = query(received, "run_id").unwrap_or_default();
            let Some(version) = world["versions"].iter().find(|version| version["run_id"] == run) else {
                return Reply::json(404, &json!({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "there is no such run"}));
            };
            let at = version["creation_timestamp"].clone();
            let metric = |key: &str, value: Value| json!({"key": key, "value": value, "timestamp": at, "step": 0});
            let metrics = [
                metric("drift.psi.income", version["psi"].clone()),
                metric("n_reference", json!(20000.0)),
                metric("n_current", json!(5000.0)),
                metric("bins", json!(10.0)),
            ];
            Reply::json(
                200,
                &json!({"run": {
                    "info": {"run_id": run, "run_uuid": run, "experiment_id": "1", "status": "FINISHED", "lifecycle_stage": "active", "start_time": at, "end_time": at},
                    "data": {"metrics": metrics, "tags": [{"key": "mlflow.runName", "value": "train"}]}, "inputs": {}, "outputs": {},
                }}),
            )
        }
        _ => Reply::json(404, &json!({"error_code": "ENDPOINT_NOT_FOUND", "message": "there is no such address"})),
    }
}
