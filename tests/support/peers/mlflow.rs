use super::{Peer, tell};
use crate::support::http::{Http, Login};
use serde_json::{Value, json};
use std::ops::{Deref, DerefMut};

/// MLflow with an empty registry.
pub struct Mlflow {
    peer: Peer,
    http: Http,
}

impl Mlflow {
    pub fn start() -> Self {
        let peer = Peer::start("mlflow");
        let http = Http::new(&format!("{}/api/2.0/mlflow", peer.url), Login::None);
        Self { peer, http }
    }

    /// The same with workspaces; whoever names none is in the one called `default`.
    pub fn start_with_workspaces() -> Self {
        let peer = Peer::start_with("mlflow", |dir, _| std::fs::write(dir.join("workspaces"), "").expect("a written file"));
        let http = Http::new(&format!("{}/api/2.0/mlflow", peer.url), Login::None);
        Self { peer, http }
    }

    /// The same with users, of whom whoever was granted nothing sees nothing. What is asked for here is the administrator's.
    pub fn start_with_users() -> Self {
        let peer = Peer::start_with("mlflow", |dir, _| std::fs::write(dir.join("users"), "").expect("a written file"));
        let admin = Login::Basic { user: peer.fact("admin_user").to_owned(), password: peer.fact("admin_password").to_owned() };
        let http = Http::new(&format!("{}/api/2.0/mlflow", peer.url), admin);
        Self { peer, http }
    }

    /// A user who is no administrator.
    pub fn create_user(&self, name: &str, password: &str) {
        self.http.post("/users/create", &json!({ "username": name, "password": password }));
    }

    /// Lets a user read one model.
    pub fn grant(&self, user: &str, model: &str) {
        let admin = Login::Basic { user: self.fact("admin_user").to_owned(), password: self.fact("admin_password").to_owned() };
        let body = json!({ "username": user, "resource_type": "registered_model", "resource_id": model, "permission": "READ" });
        Http::new(&self.peer.url, admin).post("/api/3.0/mlflow/users/permissions/grant", &body);
    }

    /// The same server's other workspace.
    pub fn in_workspace(&self, name: &str) -> Http {
        Http::new(&self.peer.url, Login::None).post("/api/3.0/mlflow/workspaces", &json!({ "name": name }));
        let login = Login::Header { name: "X-MLFLOW-WORKSPACE", value: name.to_owned() };
        Http::new(&format!("{}/api/2.0/mlflow", self.peer.url), login)
    }

    /// A model logged on its own, as MLflow 3 has them. Gives its id.
    pub fn log_model(&self, name: &str) -> String {
        let reply = self.http.post("/logged-models", &json!({ "experiment_id": "0", "name": name }));
        let id = reply["model"]["info"]["model_id"].as_str().unwrap_or_else(|| panic!("no id in {reply}")).to_owned();
        self.http.patch(&format!("/logged-models/{id}"), &json!({ "model_id": id, "status": "LOGGED_MODEL_READY" }));
        id
    }

    /// A value that is a logged model's, logged in a run.
    pub fn log_metric_of(&self, model: &str, run: &str, key: &str, value: f64) {
        let body = json!({ "run_id": run, "model_id": model, "key": key, "value": number(value), "timestamp": milliseconds(), "step": 0 });
        self.http.post("/runs/log-metric", &body);
        // What counts is the newest value; two of one millisecond are equally new.
        std::thread::sleep(std::time::Duration::from_millis(2));
    }

    /// A version made of a logged model, in production. `run` is the run that it was logged in, if any.
    pub fn register(&self, model: &str, logged: &str, run: Option<&str>) {
        self.create_model(model, &[]);
        let body = json!({ "name": model, "source": format!("models:/{logged}"), "run_id": run, "model_id": logged });
        self.http.post("/model-versions/create", &body);
        self.set_alias(model, "production", 1);
    }

    /// For requests that have no method here. Paths are relative to `/api/2.0/mlflow`.
    pub fn http(&self) -> &Http {
        &self.http
    }

    pub fn create_model(&self, name: &str, tags: &[(&str, &str)]) {
        self.http.post("/registered-models/create", &json!({ "name": name, "tags": pairs(tags) }));
    }

    pub fn tag_model(&self, name: &str, key: &str, value: &str) {
        let body = json!({ "name": name, "key": key, "value": value });
        self.http.post("/registered-models/set-tag", &body);
    }

    /// A version without a run, or of the run that made it. Gives its number.
    pub fn create_version(&self, model: &str, run: Option<&str>) -> u64 {
        let source = run.map_or_else(|| format!("s3://models/{model}"), |run| format!("runs:/{run}/model"));
        let body = json!({ "name": model, "source": source, "run_id": run });
        let reply = self.http.post("/model-versions/create", &body);
        let version = reply["model_version"]["version"].as_str().and_then(|number| number.parse().ok());
        version.unwrap_or_else(|| panic!("no version number in {reply}"))
    }

    /// As many versions as a test of paging needs.
    pub fn create_versions(&self, model: &str, count: usize) {
        for _ in 0..count {
            self.create_version(model, None);
        }
    }

    pub fn tag_version(&self, model: &str, version: u64, key: &str, value: &str) {
        let body = json!({ "name": model, "version": version.to_string(), "key": key, "value": value });
        self.http.post("/model-versions/set-tag", &body);
    }

    pub fn set_alias(&self, model: &str, alias: &str, version: u64) {
        let body = json!({ "name": model, "alias": alias, "version": version.to_string() });
        self.http.post("/registered-models/alias", &body);
    }

    /// `None`, `Staging`, `Production` or `Archived`.
    pub fn set_stage(&self, model: &str, version: u64, stage: &str) {
        let body = json!({
            "name": model, "version": version.to_string(), "stage": stage, "archive_existing_versions": false
        });
        self.http.post("/model-versions/transition-stage", &body);
    }

    /// A finished run in the default experiment. Gives its id.
    pub fn create_run(&self, metrics: &[(&str, f64)], tags: &[(&str, &str)]) -> String {
        let now = milliseconds();
        let body = json!({ "experiment_id": "0", "start_time": now, "tags": pairs(tags) });
        let reply = self.http.post("/runs/create", &body);
        let run = reply["run"]["info"]["run_id"].as_str().unwrap_or_else(|| panic!("no run id in {reply}")).to_owned();
        self.log_metrics(&run, metrics);
        self.http.post("/runs/update", &json!({ "run_id": run, "status": "FINISHED", "end_time": now }));
        run
    }

    pub fn log_metrics(&self, run: &str, metrics: &[(&str, f64)]) {
        let now = milliseconds();
        let metrics: Vec<Value> = metrics.iter().map(|(key, value)| json!({ "key": key, "value": number(*value), "timestamp": now, "step": 0 })).collect();
        self.http.post("/runs/log-batch", &json!({ "run_id": run, "metrics": metrics }));
    }
}

fn pairs(tags: &[(&str, &str)]) -> Vec<Value> {
    tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}

/// JSON has no NaN and no infinities; MLflow's API takes them as words.
fn number(value: f64) -> Value {
    if value.is_finite() {
        json!(value)
    } else if value.is_nan() {
        json!("NaN")
    } else if value > 0.0 {
        json!("Infinity")
    } else {
        json!("-Infinity")
    }
}

#[expect(clippy::disallowed_methods, reason = "the server's clock is the machine's, so what it is told must be too")]
fn milliseconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock past 1970");
    u64::try_from(since.as_millis()).expect("a clock before the year 500 million")
}

impl Drop for Mlflow {
    fn drop(&mut self) {
        tell("MLflow", &[(&Http::new(&self.peer.url, Login::None), "/health"), (&self.http, "/registered-models/search")]);
    }
}

impl Deref for Mlflow {
    type Target = Peer;
    fn deref(&self) -> &Peer {
        &self.peer
    }
}

impl DerefMut for Mlflow {
    fn deref_mut(&mut self) -> &mut Peer {
        &mut self.peer
    }
}
