//! The configuration, proved good: URLs parsed, cron compiled, references resolved, every mistake found at once. What is typed is in
//! `raw.rs`; when files change is in `watch.rs`.

mod evidence;
mod exec;
mod keep;
pub mod measure;
mod raw;
mod read;
mod source;
#[cfg(test)]
mod tests;
mod thresholds;
pub mod watch;
pub mod web;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use url::Url;

use crate::{
    connector::{self, Registry},
    document::{Document, Mistake, Mistakes, REQUIRED},
    indicator::{Catalogue, Id},
    keys::open_to_others,
    record::{Digest, Feed, Zone},
    review::YearStart,
    schedule::{Cron, Schedule, Staleness},
    store::Keep,
    threshold::Override,
};

use self::exec::Programs;
pub use self::{
    evidence::Evidence,
    web::{Web, WebAuth, WebTls},
};

/// A configuration that can be run.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that it was read from.
    pub file: PathBuf,
    /// Digest of what it says, by which two can be told apart: keys and values without secrets, connectors, and the methods of indicators.
    pub digest: Digest,
    /// The organisation's name.
    pub organisation: String,
    /// The organisation's time zone.
    pub zone: Zone,
    /// Where the page and `/metrics` are served.
    pub listen: SocketAddr,
    /// Where the database lies.
    pub data_dir: PathBuf,
    /// What is polled, by name.
    pub sources: Vec<PolledSource>,
    /// The indicators, built-in and own, without those that are switched off.
    pub catalogue: Arc<Catalogue>,
    /// Indicators that are switched off, with the reason where one was given.
    pub off: BTreeMap<String, Option<String>>,
    /// Parameters of indicators that differ from the catalogue's.
    pub parameters: BTreeMap<String, f64>,
    /// Thresholds that differ from the catalogue's, by indicator.
    pub overrides: BTreeMap<Id, Vec<Override>>,
    /// Every system that the configuration names.
    pub named_systems: Vec<NamedSystem>,
    /// The connectors, built-in and own.
    pub registry: Arc<Registry>,
    /// TLS, authentication and names of the agent's own pages.
    pub web: Web,
    /// The key that signs the heads of evidence, and where they are kept.
    pub evidence: Evidence,
    /// Where the runbooks are published.
    pub runbook_url: Option<Url>,
    /// Management review packs.
    pub review: Review,
    /// For how long the store keeps what has ended.
    pub keep: Keep,
    /// Folders and files whose change means reading the configuration again: itself, connectors, indicators, files that hold credentials and
    /// certificates.
    pub reload_when_changed: Vec<PathBuf>,
}

/// Management review packs.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    /// The month in which years begin.
    pub year_starts: YearStart,
    /// Whether the agent makes them.
    pub make: Option<MakeReviews>,
}

/// When and where the agent makes review packs.
#[derive(Debug, Clone, PartialEq)]
pub struct MakeReviews {
    /// From which time after a quarter on; `None`: soon.
    when: Option<Box<Cron>>,
    /// The folder for them.
    pub out: PathBuf,
}

/// So long after the end of a quarter its pack is made soon: what polls and evaluations had under way at its end is stored by then.
const SOON_SECONDS: i64 = 600;

impl MakeReviews {
    /// From when on the pack of a period is due that ended at a moment; epoch seconds.
    pub fn due(&self, ended: i64) -> Option<i64> {
        match &self.when {
            None => Some(ended + SOON_SECONDS),
            Some(cron) => cron.next(ended + SOON_SECONDS - 1),
        }
    }
}

/// A system that the configuration names, by the id that the inventory should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedSystem {
    /// The id.
    pub id: String,
    /// Where it is named, to be completed with what was expected.
    pub place: Mistake,
}

/// One source and when it is polled.
#[derive(Debug, Clone)]
pub struct PolledSource {
    /// What the engine needs.
    pub source: Arc<connector::Source>,
    /// Digest of the certificates and keys that it names, if any: a client has read them when it was made, and never again.
    pub certificates: Option<Digest>,
    /// When it is polled.
    pub schedule: Schedule,
    /// Longest time between two polls.
    pub interval: Duration,
    /// From when on it is stale.
    pub staleness: Staleness,
    /// The systems that it knows about; `None`: all.
    pub covers: Option<BTreeSet<String>>,
    /// What it is relied on for; `None`: whatever it yields.
    pub feeds: Option<Vec<Feed>>,
    /// Files whose change means polling at once.
    pub poll_when_changed: Option<PathBuf>,
}

impl Config {
    /// Reads and proves a configuration file with all that it refers to: connectors, indicators, secrets.
    ///
    /// # Errors
    /// Every mistake in any of the files.
    pub fn load(file: &Path, now: i64) -> Result<Self, Mistakes> {
        let (config, mistakes) = Self::examine(file, now);
        mistakes.or(config)
    }

    /// The same, with whatever can be made of the configuration beside its mistakes, so that what it refers to can be looked at in the same go. With
    /// mistakes it is not to be run.
    pub fn examine(file: &Path, now: i64) -> (Option<Self>, Mistakes) {
        let mut mistakes = Mistakes::default();
        let config = load(file, now, &mut mistakes);
        (config, mistakes)
    }

    /// Whether a server may have the inventory, so that its systems are not known before it was asked.
    pub fn asks_for_systems(&self) -> bool {
        let may_have = |polled: &PolledSource| match &polled.feeds {
            Some(feeds) => feeds.iter().any(|feed| feed.table() == "systems"),
            None => polled.source.connector.feeds().any(|feed| feed.table() == "systems"),
        };
        self.sources.iter().any(|polled| matches!(polled.source.location, connector::Location::Http(_)) && may_have(polled))
    }

    /// What to say of keys and places that are not for the agent alone.
    pub fn warnings(&self) -> Vec<String> {
        let keys = self.sources.iter().filter_map(|polled| polled.source.location.http()?.auth.key_file().and_then(open_to_others));
        keys.chain(self.evidence.warnings(&self.data_dir)).collect()
    }

    /// The keys by which `next` differs in what a running agent can't change.
    pub fn needs_restart(&self, next: &Self) -> Vec<&'static str> {
        let keys = [
            // Days and due moments are stored as they are in this zone.
            ("organisation.timezone", self.zone != next.zone),
            ("data_dir", self.data_dir != next.data_dir),
        ];
        keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
    }

    /// The agent's pages as browsers reach them: `external_url`, else what `listen` says. An agent that listens on every address is reached by that of
    /// its own machine.
    pub fn page_url(&self) -> String {
        if let Some(url) = &self.web.external_url {
            return url.to_string();
        }
        let mut address = self.listen;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
        }
        format!("{}://{address}", if self.web.tls.is_some() { "https" } else { "http" })
    }

    /// Whether this very source is polled, and not one of the same name with settings from before or after.
    pub fn polls(&self, source: &Arc<connector::Source>) -> bool {
        self.sources.iter().any(|polled| Arc::ptr_eq(&polled.source, source))
    }
}

/// What reading the parts of a configuration needs.
struct Reader<'r> {
    document: &'r Document,
    /// The folder of the configuration file; relative paths start there.
    folder: &'r Path,
    /// The files of which values were taken.
    referenced: BTreeSet<PathBuf>,
    zone: Zone,
    now: i64,
    /// The systems that were named so far.
    systems: Vec<NamedSystem>,
    mistakes: &'r mut Mistakes,
}

impl Reader<'_> {
    /// Notes a mistake, unless the value is told of already.
    fn mistake(&mut self, path: &str, expected: impl Into<String>) {
        if !self.document.is_settled(path) {
            self.mistakes.push(self.document.mistake(path, expected));
        }
    }

    /// Notes that a key is missing that must be there. False then.
    fn required(&mut self, path: &str) -> bool {
        if !self.document.has(path) {
            self.mistake(path, REQUIRED);
        }
        self.document.has(path) && !self.document.is_settled(path)
    }

    /// Notes that a system is named.
    fn system(&mut self, path: &str, id: &str) {
        self.systems.push(NamedSystem { id: id.to_owned(), place: self.document.mistake(path, "") });
    }

    fn path(&self, written: &str) -> PathBuf {
        self.folder.join(written)
    }

    /// A file that must be there.
    fn existing(&mut self, path: &str, written: &str) -> PathBuf {
        let found = self.path(written);
        if !found.exists() {
            self.mistake(path, format!("a file or folder that exists; {} does not", found.display()));
        }
        found
    }
}

fn load(file: &Path, now: i64, mistakes: &mut Mistakes) -> Option<Config> {
    let shown = file.display().to_string();
    let text = match read::text(file) {
        Ok(text) => text,
        Err(error) => {
            let found = format!("can't be read: {error}");
            mistakes.push(Mistake { file: shown, line: None, path: String::new(), found, expected: "a configuration file".to_owned() });
            return None;
        }
    };
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut document = Document::parse(&shown, &text, mistakes)?;
    let referenced = RefCell::default();
    let (programs, may_run) = (Programs::default(), document.is_true("secrets.exec"));
    let run = |reference: &str| programs.secret(reference, may_run, folder);
    document.resolve(|reference| look_up(reference, folder, &referenced, run), mistakes);
    let raw: raw::File = document.read_rest(mistakes)?;
    let zone = Zone::parse(&raw.organisation.timezone);
    let referenced = referenced.into_inner();
    let systems = Vec::new();
    let mut reader = Reader { document: &document, folder, referenced, zone: zone.unwrap_or(Zone::UTC), now, systems, mistakes };
    if reader.required("organisation.timezone") && zone.is_none() {
        reader.mistake("organisation.timezone", "an IANA time zone such as Europe/Berlin");
    }
    build(raw, file, &mut reader)
}

fn build(raw: raw::File, file: &Path, reader: &mut Reader<'_>) -> Option<Config> {
    let listen: Option<SocketAddr> = raw.listen.parse().ok();
    if listen.is_none() {
        reader.mistake("listen", "an address and a port such as 127.0.0.1:9420");
    }
    if reader.required("organisation.name") && raw.organisation.name.trim().is_empty() {
        reader.mistake("organisation.name", "a name");
    }
    let connectors = raw.connectors.as_deref().map(|written| reader.existing("connectors", written));
    let indicators = raw.indicators.folder.as_deref().map(|written| reader.existing("indicators.folder", written));
    let registry = Arc::new(Registry::load(connectors.as_deref(), reader.mistakes));
    let sources = source::all(&raw, &registry, reader);
    let catalogue = thresholds::catalogue(&raw.indicators, indicators.as_deref(), reader);
    let overrides = catalogue.as_ref().map(|catalogue| thresholds::overrides(&raw.thresholds, catalogue, reader)).unwrap_or_default();
    let off = thresholds::off(&raw.indicators);
    let web = web::prove(raw.web, raw.external_url.as_deref(), reader);
    let evidence = evidence::prove(raw.evidence, reader);
    let runbook_url = raw.runbook_url.as_deref().and_then(|written| web::published("runbook_url", "runbooks'", written, reader));
    let review = review(&raw.review, reader);
    let keep = keep::prove(&raw.store.keep, reader);
    let mut reload_when_changed = vec![file.to_owned()];
    reload_when_changed.extend(connectors.into_iter().chain(indicators).chain(std::mem::take(&mut reader.referenced)));
    reload_when_changed.extend(evidence.key_file.clone());
    reload_when_changed.extend(web.files().chain(sources.iter().flat_map(PolledSource::certificate_files)).map(Path::to_owned));
    let catalogue = Arc::new(catalogue?);
    let digest = digest(reader.document, &registry, &catalogue);
    Some(Config {
        file: file.to_owned(),
        digest,
        organisation: raw.organisation.name,
        zone: reader.zone,
        listen: listen.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 0).into()),
        data_dir: reader.path(&raw.data_dir),
        sources,
        catalogue,
        off,
        parameters: raw.indicators.parameters,
        overrides,
        named_systems: std::mem::take(&mut reader.systems),
        registry,
        web,
        evidence,
        runbook_url,
        review,
        keep,
        reload_when_changed,
    })
}

fn review(raw: &raw::Review, reader: &mut Reader<'_>) -> Review {
    let when = match raw.make.as_deref() {
        None | Some("quarterly") => None,
        Some(text) => match Schedule::cron(text, reader.zone) {
            Ok(Schedule::Cron(cron)) => Some(cron),
            Ok(Schedule::Every(_)) => None,
            Err(expected) => {
                reader.mistake("review.make", format!("`quarterly`, or {expected}"));
                None
            }
        },
    };
    match (&raw.make, &raw.out) {
        (Some(_), None) => reader.mistake("review.out", "the folder for packs, beside `make`"),
        (None, Some(_)) => reader.mistake("review.make", "`quarterly` or a cron expression, beside `out`: else the agent makes no packs"),
        _ => {}
    }
    let make = raw.make.as_ref().and(raw.out.as_deref()).map(|out| MakeReviews { when, out: reader.path(out) });
    Review { year_starts: raw.year_starts, make }
}

impl PolledSource {
    fn certificate_files(&self) -> impl Iterator<Item = &Path> {
        self.source.location.http().into_iter().flat_map(connector::Http::files)
    }
}

/// Of connectors and indicators those count that there are, wherever they come from: what is built in differs between versions of the program.
fn digest(document: &Document, registry: &Registry, catalogue: &Catalogue) -> Digest {
    let connectors = registry.iter().map(|connector| connector.description.digest);
    let methods = catalogue.iter().map(|indicator| indicator.method_digest(&BTreeMap::new()));
    let all: Vec<_> = [document.digest()].into_iter().chain(connectors).chain(methods).map(|digest| digest.to_string()).collect();
    Digest::of(all.join("\n").as_bytes())
}

/// Looks up what stands between `${` and `}`, and notes the file in which it does.
fn look_up(reference: &str, folder: &Path, referenced: &RefCell<BTreeSet<PathBuf>>, run: impl Fn(&str) -> Result<String, String>) -> Result<String, String> {
    match reference.split_once(':') {
        Some(("exec", program)) => run(program),
        Some(("env", name)) => std::env::var(name).map_err(|_| format!("the environment variable {name} to be set")),
        Some(("file", path)) => {
            let path = folder.join(path);
            referenced.borrow_mut().insert(path.clone());
            let text = read::text(&path).map_err(|error| format!("a readable file ({}: {error})", path.display()))?;
            Ok(text.trim_end_matches(['\n', '\r']).to_owned())
        }
        _ => Err("`${env:NAME}`, `${file:path}` or `${exec:program arguments}`; write `$${` for a plain `${`".to_owned()),
    }
}
