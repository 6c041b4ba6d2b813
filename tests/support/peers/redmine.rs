use super::{Peer, tell};
use crate::support::http::{Http, Login};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

/// Redmine with the project `ai-ops`, the trackers and the custom fields of `tests/peers/seed/redmine.rb`, and no issue.
pub struct Redmine {
    peer: Peer,
    http: Http,
    trackers: BTreeMap<String, u64>,
    priorities: BTreeMap<String, u64>,
    statuses: BTreeMap<String, u64>,
    fields: BTreeMap<String, u64>,
}

/// An issue to be made. All are names as Redmine shows them.
pub struct Issue<'a> {
    /// `Incident`, `Nonconformity`, `Corrective action`, `Concern` or `Change`.
    pub tracker: &'a str,
    pub subject: &'a str,
    /// `Low`, `Normal`, `High`, `Urgent` or `Immediate`.
    pub priority: &'a str,
    /// `AI system` (any text), `Severity` (critical, high, medium, low), `Grade` (major, minor).
    pub fields: &'a [(&'a str, &'a str)],
}

impl Redmine {
    pub fn start() -> Self {
        let peer = Peer::start("redmine");
        let key = peer.fact("api_key").to_owned();
        let http = Http::new(&peer.url, Login::Header { name: "X-Redmine-API-Key", value: key });
        let trackers = ids(&http, "/trackers.json", "trackers");
        let priorities = ids(&http, "/enumerations/issue_priorities.json", "issue_priorities");
        let statuses = ids(&http, "/issue_statuses.json", "issue_statuses");
        let fields = ids(&http, "/custom_fields.json", "custom_fields");
        Self { peer, http, trackers, priorities, statuses, fields }
    }

    /// For requests that have no method here, as the administrator.
    pub fn http(&self) -> &Http {
        &self.http
    }

    pub fn api_key(&self) -> &str {
        self.peer.fact("api_key")
    }

    /// Gives the issue's number.
    pub fn create(&self, issue: &Issue) -> u64 {
        let fields: Vec<Value> = issue.fields.iter().map(|(name, value)| json!({ "id": id(&self.fields, name), "value": value })).collect();
        let body = json!({ "issue": {
            "project_id": "ai-ops",
            "tracker_id": id(&self.trackers, issue.tracker),
            "priority_id": id(&self.priorities, issue.priority),
            "subject": issue.subject,
            "custom_fields": fields,
        } });
        let reply = self.http.post("/issues.json", &body);
        reply["issue"]["id"].as_u64().unwrap_or_else(|| panic!("no issue number in {reply}"))
    }

    /// `New`, `In Progress`, `Resolved`, `Feedback`, `Closed` or `Rejected`.
    pub fn set_status(&self, issue: u64, status: &str) {
        let body = json!({ "issue": { "status_id": id(&self.statuses, status) } });
        self.http.put(&format!("/issues/{issue}.json"), &body);
        // Redmine answers success to a change that the workflow does not allow, and leaves it out.
        let now = self.http.get(&format!("/issues/{issue}.json"))["issue"]["status"]["name"].take();
        assert_eq!(now, status, "the status of issue {issue} after the change");
    }

    pub fn close(&self, issue: u64) {
        self.set_status(issue, "Closed");
    }
}

fn ids(http: &Http, path: &str, list: &str) -> BTreeMap<String, u64> {
    let reply = http.get(path);
    let rows = reply[list].as_array().unwrap_or_else(|| panic!("no {list} in {reply}"));
    rows.iter().filter_map(|row| Some((row["name"].as_str()?.to_owned(), row["id"].as_u64()?))).collect()
}

fn id(known: &BTreeMap<String, u64>, name: &str) -> u64 {
    *known.get(name).unwrap_or_else(|| panic!("Redmine has no {name:?}, only {:?}", known.keys()))
}

impl Drop for Redmine {
    fn drop(&mut self) {
        tell("Redmine", &[(&self.http, "/issues.json?status_id=*&limit=10")]);
    }
}

impl Deref for Redmine {
    type Target = Peer;
    fn deref(&self) -> &Peer {
        &self.peer
    }
}

impl DerefMut for Redmine {
    fn deref_mut(&mut self) -> &mut Peer {
        &mut self.peer
    }
}
