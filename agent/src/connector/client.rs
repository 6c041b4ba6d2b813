//! A source that can be polled. Made once per source and kept: connections, the login's token and the budget of requests live in it.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value as Json;

use super::{
    auth::AuthKind,
    description::{Description, Transport},
    expression::{self, Val},
    failure::{Failure, FailureReason},
    files::{self, FileError},
    format::{Own, OwnValues, Wording},
    http::Web,
    mapper,
    memo::{self, Memo},
    meter::Meter,
    program::Printed,
    source::{Location, Program, Source},
    sql::Database,
    upstream::Upstream,
};
use crate::record::{Digest, Zone};

/// A source that can be polled. Clones share everything.
#[derive(Debug, Clone)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    settings: Val,
    web: Option<Upstream>,
    mapping: Mapping,
    files: Option<(PathBuf, Own)>,
    words: Wording,
    /// Digest of connector, settings and address: what a cursor or an `ETag` belongs to.
    method: Digest,
    /// What there is to remember of the last poll that was stored.
    memo: Mutex<Option<Arc<Memo>>>,
}

/// Which end of the line to a worker this process is.
#[derive(Debug)]
enum Mapping {
    /// The agent's, if there are workers at all.
    Here(Option<mapper::Start>),
    /// The worker's: the agent does what it can't do itself.
    Worker(mapper::Agent),
}

impl Client {
    /// Proves a source's settings and sets up its connection; nothing is sent yet.
    ///
    /// # Errors
    /// `configuration`: settings that the connector does not know, credentials that it does not take, certificates that can't be read.
    pub fn new(source: Source) -> Result<Self, Failure> {
        Self::build(source, Mapping::Here(mapper::start().cloned()))
    }

    /// The same in a worker, which has neither a connection nor credentials.
    pub(super) fn of_worker(source: Source, agent: mapper::Agent) -> Result<Self, Failure> {
        Self::build(source, Mapping::Worker(agent))
    }

    /// The same whose jq is run by workers that are started so, or with none in this process.
    #[cfg(test)]
    pub(super) fn with(source: Source, start: Option<mapper::Start>) -> Result<Self, Failure> {
        Self::build(source, Mapping::Here(start))
    }

    fn build(source: Source, mapping: Mapping) -> Result<Self, Failure> {
        let wrong = |message: String| Failure::new(FailureReason::Configuration, message);
        let settings = source.connector.settings(&source.settings).map_err(|mistakes| {
            let each: Vec<_> = mistakes.iter().map(|(name, expected)| format!("settings.{name}: expected {expected}")).collect();
            wrong(each.join("; "))
        })?;
        let method = Digest::of(format!("{} {} {}", source.connector.digest, Json::Object(settings.clone()), address(&source.location)).as_bytes());
        let settings = expression::from_json(&Json::Object(settings));
        let (mut web, mut files) = (None, None);
        match (&source.location, source.connector.transport) {
            (Location::Http(http), Transport::Http) => {
                web = Some(match &mapping {
                    Mapping::Worker(agent) => Upstream::Agent(http.base.clone(), agent.clone()),
                    Mapping::Here(start) => Upstream::Web(Box::new(Web::new(http, &source.connector, &source.limits, settings.clone(), start.clone())?)),
                });
            }
            (Location::Http(http), Transport::Sql) => {
                web = Some(match &mapping {
                    Mapping::Worker(agent) => Upstream::Agent(http.base.clone(), agent.clone()),
                    Mapping::Here(_) => Upstream::Sql(Box::new(Database::new(http, &source.limits)?)),
                });
            }
            (Location::Files(_) | Location::Program(_), Transport::Sql) => return Err(wrong(format!("{} reads from a database", source.connector.name))),
            (Location::Files(location), Transport::Files) => {
                if source.connector.documents().is_some() && location.own != Own::default() {
                    return Err(wrong(format!("columns: {} reads whole files, which have none", source.connector.name)));
                }
                files = Some((location.path.clone(), location.own.clone()));
            }
            (Location::Fetched(_), Transport::Files) if source.connector.documents().is_some() => {
                return Err(wrong(format!("{} reads whole files: give it a `path`, not a `url`", source.connector.name)));
            }
            (Location::Fetched(fetched), Transport::Files) => {
                files = Some((PathBuf::from(&fetched.file), fetched.own.clone()));
                web = Some(match &mapping {
                    Mapping::Worker(agent) => Upstream::Agent(fetched.http.base.clone(), agent.clone()),
                    Mapping::Here(start) => {
                        let web = Web::new(&fetched.http, &source.connector, &source.limits, settings.clone(), start.clone())?;
                        Upstream::Web(Box::new(web.with_query(fetched.query.clone())))
                    }
                });
            }
            (Location::Fetched(_), _) => return Err(wrong(format!("{} does not read a file", source.connector.name))),
            (Location::Program(_), Transport::Files) if source.connector.documents().is_some() => {
                return Err(wrong(format!("{} reads whole files, and not what a program prints", source.connector.name)));
            }
            (Location::Program(_), Transport::Files) => {}
            (Location::Program(_), Transport::Http) => return Err(wrong(format!("{} reads from a server, not from a program", source.connector.name))),
            (Location::Http(_), Transport::Files) => return Err(wrong(format!("{} reads files: give it a `path`, not a `url`", source.connector.name))),
            (Location::Files(_), Transport::Http) => {
                return Err(wrong(format!("{} reads from a server: give it a `url`, not a `path`", source.connector.name)));
            }
        }
        let words = match &source.location {
            Location::Http(http) => Wording::new(&source.connector.words, &http.values),
            // Words of tables are those of their columns.
            Location::Files(_) | Location::Fetched(_) | Location::Program(_) => Wording::new(&source.connector.words, &OwnValues::new()),
        };
        Ok(Self(Arc::new(Inner { source, settings, web, mapping, files, words, method, memo: Mutex::default() })))
    }

    /// The source.
    pub fn source(&self) -> &Source {
        &self.0.source
    }

    pub(super) fn connector(&self) -> &Description {
        &self.0.source.connector
    }

    pub(super) fn settings(&self) -> Val {
        self.0.settings.clone()
    }

    /// The kind of its credentials.
    pub(super) fn auth(&self) -> AuthKind {
        self.0.source.location.http().map_or(AuthKind::None, |http| http.auth.kind())
    }

    pub(super) fn web(&self) -> &Upstream {
        self.0.web.as_ref().expect("requests are made only for connectors whose transport is http or sql")
    }

    pub(super) fn files(&self) -> &(PathBuf, Own) {
        self.0.files.as_ref().expect("files are read only where the source names some")
    }

    /// What words in its records mean.
    pub(super) fn words(&self) -> &Wording {
        &self.0.words
    }

    /// The program whose output is read instead of files.
    pub(super) fn program(&self) -> Option<&Program> {
        match &self.0.source.location {
            Location::Program(program) => Some(program),
            Location::Http(_) | Location::Files(_) | Location::Fetched(_) => None,
        }
    }

    /// Runs it.
    pub(super) async fn run(&self, meter: &Meter) -> Result<Printed, Failure> {
        match &self.0.mapping {
            Mapping::Worker(agent) => agent.run().await,
            Mapping::Here(_) => memo::run(self, meter).await,
        }
    }

    /// The digest that reading its files would give.
    pub(super) fn digest_files(&self) -> Result<Digest, FileError> {
        files::digest_at(&self.files().0, self.connector().documents().map(|(_, documents)| documents))
    }

    /// Remembers a poll that was stored, so that the next one can tell whether anything has changed; `None` forgets the one before.
    pub fn remember(&self, memo: Option<Arc<Memo>>) {
        *self.0.memo.lock().unwrap_or_else(PoisonError::into_inner) = memo;
    }

    pub(super) fn memo(&self) -> Option<Arc<Memo>> {
        self.0.memo.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How workers for its polls are started, where jq runs apart.
    pub(super) fn start(&self) -> Option<&mapper::Start> {
        match &self.0.mapping {
            Mapping::Here(start) => start.as_ref(),
            Mapping::Worker(_) => None,
        }
    }

    /// What a cursor or an `ETag` belongs to: connector, settings, address and zone.
    pub(super) fn method(&self, zone: Zone) -> String {
        format!("{} {}", self.0.method, zone.name())
    }
}

fn address(location: &Location) -> String {
    match location {
        Location::Files(files) => format!("{} {}", files.path.display(), said(&files.own)),
        Location::Fetched(fetched) => format!("{location} {} {}", fetched.file, said(&fetched.own)),
        Location::Program(program) => format!("{} {program}", program.folder.display()),
        Location::Http(http) if http.values.is_empty() => location.to_string(),
        Location::Http(http) => format!("{location} {}", serde_json::to_string(&http.values).expect("maps of texts always serialise")),
    }
}

/// What a source says of its tables, as text. Headers alone are written as they were before there was more to say.
fn said(own: &Own) -> Json {
    let only_columns = Own { columns: own.columns.clone(), ..Own::default() };
    let json = if *own == only_columns { serde_json::to_value(&own.columns) } else { serde_json::to_value(own) };
    json.expect("maps of texts and numbers always serialise")
}
