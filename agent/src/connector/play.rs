//! Playing a connector's recorded cases: the whole engine against recorded answers, compared with what must come out.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::{Value as Json, json};

use super::{
    Auth, Client, Connector, Context, Failure, FailureReason, Files, Http, Limits, Location, Poll, Source, Tls, Transport, poll,
    replay::{Case, Replay},
    sql,
};
use crate::record::{Door, Record, Zone};

/// What playing a case came to.
#[derive(Debug)]
pub struct Played {
    /// The records.
    pub records: Vec<Record>,
    /// What is not as the case expects it.
    pub differences: Vec<String>,
    /// The records as an expectation holds them: shape, id and body, the replay's own address left out of `url`.
    pub written: Vec<Json>,
    /// The poll itself.
    pub poll: Poll,
}

impl Connector {
    /// Plays a case at the case's own time.
    ///
    /// # Errors
    /// As [`poll`].
    pub async fn play(&self, case: &Case) -> Result<Played, Failure> {
        let wrong = |message: String| Failure::new(FailureReason::Configuration, message);
        let (location, replay, base) = match self.description.transport {
            Transport::Http => {
                let replay = Replay::start(case, case.now).await.map_err(wrong)?;
                let base = replay.url().as_str().trim_end_matches('/').to_owned();
                let http =
                    Http { base: replay.url(), auth: case.auth.played(), tls: Tls::default(), allow_redirects_to: Vec::new(), values: case.own.values.clone() };
                (Location::Http(http), Some(replay), base)
            }
            Transport::Sql => {
                let folder = Folder::unfold(case).map_err(|error| wrong(format!("recorded statements can't be unfolded: {error}")))?;
                let http = database(case, &folder.0).map_err(wrong)?;
                return Ok(compared(case, self.poll_case(case, Location::Http(http)).await?, "", Vec::new()));
            }
            Transport::Files => {
                let folder = Folder::unfold(case).map_err(|error| wrong(format!("recorded files can't be unfolded: {error}")))?;
                let path = folder.0.clone();
                let outcome = self.poll_case(case, Location::Files(Files { path, own: case.own.clone() })).await?;
                return Ok(compared(case, outcome, "", Vec::new()));
            }
        };
        let poll = self.poll_case(case, location).await;
        let unmatched = replay.map(|replay| replay.unmatched()).unwrap_or_default();
        Ok(compared(case, poll?, &base, unmatched))
    }

    async fn poll_case(&self, case: &Case, location: Location) -> Result<Poll, Failure> {
        let limits = Limits { requests_per_second: f64::INFINITY, ..Limits::default() };
        let source = Source { name: case.name.clone(), connector: Arc::clone(&self.description), location, limits, settings: case.settings.clone() };
        let context = Context { cursors: std::collections::BTreeMap::new(), door: Door { now: case.now, zone: Zone::UTC } };
        poll(&Client::new(source)?, &context).await.and_then(Poll::whole)
    }
}

/// The database that a case's statements make, in this folder.
pub(super) fn database(case: &Case, folder: &Path) -> Result<Http, String> {
    let statements: Vec<_> = case.files.values().map(String::as_str).collect();
    let path = sql::make(&folder.join("recorded.db"), &statements.join("\n")).map_err(|error| format!("files: {error}"))?;
    let base = reqwest::Url::from_file_path(path).map_err(|()| "no folder for temporary files".to_owned())?;
    Ok(Http { base, auth: Auth::None, tls: Tls::default(), allow_redirects_to: Vec::new(), values: case.own.values.clone() })
}

fn compared(case: &Case, poll: Poll, base: &str, unmatched: Vec<String>) -> Played {
    let records: Vec<_> = poll.streams.iter().flat_map(|stream| stream.records.iter().cloned()).collect();
    let mut differences: Vec<_> = unmatched.into_iter().map(|asked| format!("nothing is recorded for {asked}")).collect();
    if let Some(expected) = case.expected.records.filter(|expected| *expected != records.len() as u64) {
        differences.push(format!("{} records came, {expected} were expected", records.len()));
    }
    let written: Vec<Json> = records.iter().map(|record| written(record, base)).collect();
    if let Some((file, expected)) = &case.expected.list {
        differences.extend(difference(file, expected, &written));
    }
    Played { records, differences, written, poll }
}

fn written(record: &Record, base: &str) -> Json {
    let mut body: Json = serde_json::from_str(&record.body()).expect("a record's body is JSON");
    if let Some(Json::String(url)) = body.get_mut("url") {
        *url = url.strip_prefix(base).unwrap_or(url).to_owned();
    }
    json!({"record": record.shape.name, "id": record.id, "body": body})
}

fn difference(file: &str, expected: &[Json], came: &[Json]) -> Vec<String> {
    let missing = expected.iter().filter(|expected| !came.contains(expected)).map(|record| format!("{file}: expected and missing: {record}"));
    let surplus = came.iter().filter(|came| !expected.contains(came)).map(|record| format!("{file}: not expected: {record}"));
    missing.chain(surplus).collect()
}

/// A folder of its own with a case's files, gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn unfold(case: &Case) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("clause9-case-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir(&folder.0)?;
        for (name, content) in &case.files {
            let plain = !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.');
            if !plain {
                return Err(io::Error::other(format!("{name:?} is no plain file name")));
            }
            fs::write(folder.0.join(name), content)?;
        }
        Ok(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind is in the folder for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}
