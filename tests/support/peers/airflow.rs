use super::{Peer, tell};
use crate::support::http::{Http, Login};
use crate::support::wait::wait_until;
use serde_json::{Value, json};
use std::ops::{Deref, DerefMut};
use std::path::Path;

/// Airflow with the DAGs of `tests/peers/dags`, or a test's own. Those with a schedule run once by themselves.
pub struct Airflow {
    peer: Peer,
    http: Http,
    three: bool,
}

impl Airflow {
    /// Version 2 (`/api/v1`, basic authentication).
    pub fn start_2() -> Self {
        Self::start(false, None)
    }

    /// Version 3 (`/api/v2`, a token from `/auth/token`).
    pub fn start_3() -> Self {
        Self::start(true, None)
    }

    /// With the DAG files of a folder.
    pub fn start_with_dags(three: bool, dags: &Path) -> Self {
        Self::start(three, Some(dags))
    }

    fn start(three: bool, dags: Option<&Path>) -> Self {
        let peer = Peer::start_with(if three { "airflow3" } else { "airflow2" }, |dir, _| {
            if let Some(dags) = dags {
                copy_files(dags, &dir.join("dags"));
            }
        });
        let (user, password) = (peer.fact("admin_user"), peer.fact("admin_password"));
        let http = if three {
            let body = json!({ "username": user, "password": password });
            let reply = Http::new(&peer.url, Login::None).post("/auth/token", &body);
            let token = reply["access_token"].as_str().unwrap_or_else(|| panic!("no token in {reply}"));
            Http::new(&format!("{}/api/v2", peer.url), Login::Bearer(token.to_owned()))
        } else {
            let login = Login::Basic { user: user.to_owned(), password: password.to_owned() };
            Http::new(&format!("{}/api/v1", peer.url), login)
        };
        Self { peer, http, three }
    }

    /// For requests that have no method here, as the administrator. Paths are relative to `/api/v1` or `/api/v2`.
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// Until the scheduler has read the DAG's file: seconds after the start, and after a file was added.
    pub fn wait_dag(&self, dag: &str) {
        wait_until(&format!("DAG {dag}"), &[&self.peer], || {
            let dags = self.http.get("/dags?limit=100&only_active=true");
            let ids: Vec<_> = rows(&dags, "dags").map(|row| row["dag_id"].clone()).collect();
            if ids.contains(&dag.into()) { Ok(()) } else { Err((ids, self.import_errors())) }
        });
    }

    pub fn unpause(&self, dag: &str) {
        self.http.patch(&format!("/dags/{dag}"), &json!({ "is_paused": false }));
    }

    pub fn pause(&self, dag: &str) {
        self.http.patch(&format!("/dags/{dag}"), &json!({ "is_paused": true }));
    }

    /// Starts a run by hand. Gives its id.
    pub fn trigger(&self, dag: &str) -> String {
        let body = if self.three { json!({ "logical_date": null }) } else { json!({}) };
        let reply = self.http.post(&format!("/dags/{dag}/dagRuns"), &body);
        reply["dag_run_id"].as_str().unwrap_or_else(|| panic!("no run id in {reply}")).to_owned()
    }

    /// Starts a run by hand for a moment of the past. Gives its id.
    pub fn trigger_for(&self, dag: &str, logical_date: &str) -> String {
        let reply = self.http.post(&format!("/dags/{dag}/dagRuns"), &json!({ "logical_date": logical_date }));
        reply["dag_run_id"].as_str().unwrap_or_else(|| panic!("no run id in {reply}")).to_owned()
    }

    /// Until a run has ended. Gives its state: `success` or `failed`.
    pub fn wait_run(&self, dag: &str, run: &str) -> String {
        wait_until(&format!("the end of run {run} of {dag}"), &[&self.peer], || {
            let state = self.http.get(&format!("/dags/{dag}/dagRuns/{}", escape(run)))["state"].take();
            state.as_str().filter(|state| ENDS.contains(state)).map(str::to_owned).ok_or_else(|| self.under_way())
        })
    }

    /// Until the DAG has runs and all of them have ended. Gives their states, oldest first.
    pub fn wait_runs(&self, dag: &str) -> Vec<String> {
        wait_until(&format!("runs of {dag}"), &[&self.peer], || {
            let order = if self.three { "id" } else { "start_date" };
            let runs = self.http.get(&format!("/dags/{dag}/dagRuns?limit=100&order_by={order}"));
            let states: Vec<String> = rows(&runs, "dag_runs").filter_map(|run| run["state"].as_str().map(str::to_owned)).collect();
            let ended = states.iter().all(|state| ENDS.contains(&state.as_str()));
            if ended && !states.is_empty() { Ok(states) } else { Err(self.under_way()) }
        })
    }

    /// The files that don't load.
    pub fn import_errors(&self) -> Vec<String> {
        let reply = self.http.get("/importErrors");
        rows(&reply, "import_errors").filter_map(|row| row["filename"].as_str().map(str::to_owned)).collect()
    }

    /// Until so many files don't load. Gives them.
    pub fn wait_import_errors(&self, count: usize) -> Vec<String> {
        wait_until(&format!("{count} import errors"), &[&self.peer], || {
            let files = self.import_errors();
            if files.len() == count { Ok(files) } else { Err(files) }
        })
    }

    /// Each run and each task with its state: what changes while the scheduler and its workers get on.
    fn under_way(&self) -> Vec<String> {
        let (runs, tasks) = (self.http.get(RUNS), self.http.get(TASKS));
        let word = |row: &Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
        let run = |row: &Value| format!("{} {}: {}", word(row, "dag_id"), word(row, "dag_run_id"), word(row, "state"));
        let task =
            |row: &Value| format!("{} {}: {}, {} by {}", word(row, "dag_run_id"), word(row, "task_id"), word(row, "state"), row["try_number"], row["pid"]);
        rows(&runs, "dag_runs").map(run).chain(rows(&tasks, "task_instances").map(task)).collect()
    }
}

/// States in which a run stays.
const ENDS: [&str; 2] = ["success", "failed"];

const RUNS: &str = "/dags/~/dagRuns?limit=100";
const TASKS: &str = "/dags/~/dagRuns/~/taskInstances?limit=100";

fn rows<'r>(reply: &'r Value, list: &str) -> impl Iterator<Item = &'r Value> {
    reply[list].as_array().unwrap_or_else(|| panic!("no {list} in {reply}")).iter()
}

/// Run ids hold a time with `+00:00` and colons.
fn escape(run: &str) -> String {
    run.replace('%', "%25").replace('+', "%2B").replace(':', "%3A")
}

fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder for DAGs");
    for entry in std::fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let path = entry.expect("a readable folder").path();
        if path.is_file() {
            std::fs::copy(&path, to.join(path.file_name().expect("a file has a name"))).expect("a copy");
        }
    }
}

impl Drop for Airflow {
    fn drop(&mut self) {
        let health = if self.three { "/monitor/health" } else { "/health" };
        let all = [health, "/dags?limit=100", RUNS, TASKS, "/importErrors"].map(|path| (&self.http, path));
        tell("Airflow", &all);
    }
}

impl Deref for Airflow {
    type Target = Peer;
    fn deref(&self) -> &Peer {
        &self.peer
    }
}

impl DerefMut for Airflow {
    fn deref_mut(&mut self) -> &mut Peer {
        &mut self.peer
    }
}
