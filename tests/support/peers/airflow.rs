use super::Peer;
use crate::support::http::{Http, Login};
use crate::support::wait_for;
use serde_json::{Value, json};
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::time::Duration;

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
        wait_for(&format!("DAG {dag}"), LIMIT, || {
            let dags = self.http.get("/dags?limit=100&only_active=true");
            dags["dags"].as_array()?.iter().any(|row| row["dag_id"] == dag).then_some(())
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

    /// Until a run has ended. Gives its state: `success` or `failed`.
    pub fn wait_run(&self, dag: &str, run: &str) -> String {
        wait_for(&format!("the end of run {run} of {dag}"), LIMIT, || {
            let state = self.http.get(&format!("/dags/{dag}/dagRuns/{}", escape(run)))["state"].take();
            state.as_str().filter(|state| ["success", "failed"].contains(state)).map(str::to_owned)
        })
    }

    /// Until the DAG has runs and all of them have ended. Gives their states, oldest first.
    pub fn wait_runs(&self, dag: &str) -> Vec<String> {
        wait_for(&format!("runs of {dag}"), LIMIT, || {
            let order = if self.three { "id" } else { "start_date" };
            let runs = self.http.get(&format!("/dags/{dag}/dagRuns?limit=100&order_by={order}"))["dag_runs"].take();
            let states: Vec<String> = runs.as_array()?.iter().filter_map(|run| run["state"].as_str().map(str::to_owned)).collect();
            let ended = states.iter().all(|state| ["success", "failed"].contains(&state.as_str()));
            (ended && !states.is_empty()).then_some(states)
        })
    }

    /// The files that don't load.
    pub fn import_errors(&self) -> Vec<String> {
        let reply = self.http.get("/importErrors");
        let file = |row: &Value| row["filename"].as_str().map(str::to_owned);
        reply["import_errors"].as_array().into_iter().flatten().filter_map(file).collect()
    }
}

/// A run whose task works takes five to twenty seconds: the task is a process that imports Airflow first.
const LIMIT: Duration = Duration::from_mins(2);

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
