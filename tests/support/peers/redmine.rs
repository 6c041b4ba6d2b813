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

    pub fn tracker(&self, name: &str) -> u64 {
        id(&self.trackers, name)
    }

    pub fn priority(&self, name: &str) -> u64 {
        id(&self.priorities, name)
    }

    /// A custom field, as an administrator sees it.
    pub fn field(&self, name: &str) -> Value {
        let mut reply = self.http.get("/custom_fields.json");
        let fields = reply["custom_fields"].as_array_mut().unwrap_or_else(|| panic!("no fields"));
        fields.iter_mut().find(|field| field["name"] == name).unwrap_or_else(|| panic!("no field {name}")).take()
    }

    /// A further project with all trackers.
    pub fn create_project(&self, name: &str, identifier: &str) {
        let trackers: Vec<_> = self.trackers.values().collect();
        let project =
            json!({ "name": name, "identifier": identifier, "is_public": false, "enabled_module_names": ["issue_tracking"], "tracker_ids": trackers });
        self.http.post("/projects.json", &json!({ "project": project }));
    }

    /// A user with this role in every project there is. Gives its key.
    pub fn create_member(&self, login: &str, role: &str) -> String {
        let user = json!({ "login": login, "firstname": login, "lastname": "User", "mail": format!("{login}@example.org"), "password": "a-long-password" });
        let user = self.http.post("/users.json", &json!({ "user": user }))["user"]["id"].clone();
        let roles = ids(&self.http, "/roles.json", "roles");
        for project in ids(&self.http, "/projects.json", "projects").into_values() {
            let membership = json!({ "membership": { "user_id": user, "role_ids": [id(&roles, role)] } });
            self.http.post(&format!("/projects/{project}/memberships.json"), &membership);
        }
        let reply = self.http.get(&format!("/users/{user}.json"));
        reply["user"]["api_key"].as_str().unwrap_or_else(|| panic!("no key in {reply}")).to_owned()
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
