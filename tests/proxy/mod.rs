//! A proxy between the agent and its upstreams that does everything that goes wrong on the way, and upstreams that change while they are read.
//!
//! Two agents have the same upstreams. One of them is told the truth; the other one's polls go through the proxy. After each such poll either
//! nothing has changed and the reason is said, or its readings are those of the one that was told the truth, before or after what changed meanwhile.
//! Then it is polled once more, without a fault, and must have recovered. What no protocol can show is listed in `lies.rs`.
//!
//! `tests/faults N SEED` makes N such polls; the same seed makes the same ones. What fails says seed, step and fault.

mod airflow;
mod azure_devops;
mod cases;
mod faults;
mod grafana;
mod lies;
mod linear;
mod mlflow;
mod opsgenie;
mod pagerduty;
pub mod random;
mod redmine;
mod registers;
mod rules;
mod servicenow;
pub mod trackers;
pub mod upstream;

use clause9::{
    config::Config,
    connector::{
        Client, Failure, NoteKind, Source,
        replay::loopback::{Loopback, Received, Reply},
    },
    pipeline::{Core, poll_source},
    record::Door,
};
use faults::{Case, FAULTS, Fault};
use random::Random;
use registers::Register;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use upstream::{SYSTEMS, UPSTREAMS, Upstream, World};

/// 2026-03-02T09:00:00Z.
const BEGIN: i64 = 1_772_442_000;

/// How far apart faulted polls are, in seconds: mostly a moment, in which nothing else is due; now and then hours, after which lists are read whole.
const MOMENT: i64 = 1;
const HOURS: i64 = 7 * 3600;

/// So many polls are made between two times that hours pass.
const MOMENTS: usize = 20;

/// So often a kind of fault is tried until it finds something to bend.
const MOST_TRIES: usize = 25;

/// The source of registers in files.
const FILES: &str = "registers";

/// A kind of fault of its own: nothing is bent, but a row is deleted while it is read.
const DELETED: &str = "a row deleted while it is read";

/// Polls of `tests/run`: so many from each of two seeds, at the same time.
const SOME: u64 = 250;

/// One upstream and what is about to happen to its answers.
struct Line {
    upstream: &'static Upstream,
    world: World,
    /// What is true from the answer of this number on.
    next: Option<(usize, World)>,
    asked: usize,
    fault: Option<&'static Fault>,
    /// How many answers that can be bent are left alone.
    spared: usize,
    could_bend: usize,
    /// Whether every answer after that is bent, or one.
    goes_on: bool,
    bent: usize,
    random: Random,
}

impl Line {
    fn answer(&mut self, received: &Received) -> Reply {
        if let Some((_, world)) = self.next.take_if(|(at, _)| self.asked >= *at) {
            self.world = world;
        }
        self.asked += 1;
        let good = (self.upstream.answer)(&self.world, received);
        let Some(fault) = self.fault.filter(|_| self.goes_on || self.bent == 0) else { return good };
        let mut case = Case { random: &mut self.random, upstream: self.upstream, world: &self.world, received, good: good.clone() };
        match (fault.bend)(&mut case) {
            Some(_) if self.spared > 0 => {
                self.could_bend += 1;
                self.spared -= 1;
                good
            }
            Some(bad) => {
                self.could_bend += 1;
                self.bent += 1;
                bad
            }
            None => good,
        }
    }

    /// What is true in the end; from now on nothing is bent.
    fn settle(&mut self) {
        self.fault = None;
        if let Some((_, world)) = self.next.take() {
            self.world = world;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long an answer may take: longer than it ever does on a busy machine, or where the upstream falls silent, so long that it is noticed soon.
const PATIENT: Duration = Duration::from_secs(60);
const IMPATIENT: Duration = Duration::from_millis(250);

/// An agent: its core, and for each source a client that waits and one that does not.
struct Agent {
    core: Core,
    clients: BTreeMap<String, [Client; 2]>,
    folder: tempfile::TempDir,
    /// Whether the two agents have not seen the same all the way.
    has_another_history: bool,
}

/// A reading: its value, or why there is none, and its state.
type Readings = BTreeMap<String, String>;

impl Agent {
    fn start(sources: &str, register: &Register) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("registers")).expect("a folder");
        let systems: String =
            SYSTEMS.iter().map(|system| format!("- {{ id: {system}, name: {system}, owner_role: owner, risk_tier: high, lifecycle: production }}\n")).collect();
        std::fs::write(folder.path().join("systems.yaml"), format!("systems:\n{systems}")).expect("a written file");
        register.write(&folder.path().join("registers"));
        let inventory = "  - { name: inventory, connector: register, path: systems.yaml, every: 1d, stale_after: 1000d }\n";
        let cases = "  - { name: registers, connector: register, path: registers, every: 1d, stale_after: 100d }\n";
        let text = format!("organisation: {{ name: Example, timezone: Europe/Berlin }}\ndata_dir: data\nsources:\n{inventory}{cases}{sources}");
        let file = folder.path().join("agent.yaml");
        std::fs::write(&file, text).expect("a written file");
        let config = Config::load(&file, BEGIN).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let client = |source: &Source, patience: Duration| {
            let mut source = source.clone();
            let limits = &mut source.limits;
            (limits.read, limits.total, limits.requests_per_second) = (patience, Duration::from_secs(300), f64::INFINITY);
            (limits.retries, limits.first_pause, limits.longest_pause, limits.concurrency) = (2, Duration::from_millis(1), Duration::from_millis(5), 1);
            Client::new(source).expect("settings that work")
        };
        let clients =
            config.sources.iter().map(|polled| (polled.source.name.clone(), [PATIENT, IMPATIENT].map(|patience| client(&polled.source, patience)))).collect();
        let core = Core::open(Arc::new(config), BEGIN).expect("a store");
        Self { core, clients, folder, has_another_history: false }
    }

    fn registers(&self) -> std::path::PathBuf {
        self.folder.path().join("registers")
    }

    /// Polls a source as the agent does, and stores what comes of it. Notes that contradictions or emptied lists left, or the failure.
    async fn poll(&mut self, source: &str, now: i64) -> Result<Vec<String>, Failure> {
        let [patient, _] = self.clients[source].clone();
        self.poll_by(&patient, source, now).await
    }

    /// The same of an upstream that falls silent.
    async fn poll_silence(&mut self, source: &str, now: i64) -> Result<Vec<String>, Failure> {
        let [_, impatient] = self.clients[source].clone();
        self.poll_by(&impatient, source, now).await
    }

    async fn poll_by(&mut self, client: &Client, source: &str, now: i64) -> Result<Vec<String>, Failure> {
        let positions = self.core.positions(source).expect("a store");
        let door = Door { now, zone: self.core.config().zone };
        let core = &self.core;
        let absent = |delivery| {
            let absent = core.absent(source, &delivery);
            std::future::ready(Ok((delivery, absent)))
        };
        let polled = poll_source(client, &positions, || door, absent).await;
        let (outcome, memo) = match polled {
            Ok(polled) => (Ok(polled.delivery), polled.memo),
            Err(failure) => (Err(failure), None),
        };
        let told = outcome.as_ref().map(|delivery| delivery.notes.clone()).unwrap_or_default();
        self.core.take_in(source, outcome, Duration::ZERO, now)?;
        client.remember(memo);
        let tells = told.into_iter().filter(|note| matches!(note.kind, NoteKind::Contradicted | NoteKind::Emptied));
        Ok(tells.map(|note| note.text).collect())
    }

    fn readings(&mut self, now: i64) -> Readings {
        self.core.evaluate(now);
        let board = self.core.board(now);
        // How old a source's records are is no value of its, and successes that bring nothing new may be shown a little later. How long readings
        // have been in breach is history, and that of an agent that once believed a lie is another one.
        let left_out = |id: &str| id == "evidence_source_staleness_seconds" || (self.has_another_history && id == "breaches_without_response");
        let panels = board.panels.iter().filter(|panel| !left_out(panel.indicator.id.as_str()));
        let readings = panels.flat_map(|panel| panel.readings.iter().map(move |reading| (panel, reading)));
        readings
            .map(|(panel, reading)| {
                let labels: Vec<_> = reading.row.labels().map(|(name, value)| format!("{name}={value}")).collect();
                (format!("{}{{{}}}", panel.indicator.id, labels.join(",")), format!("{:?} {}", reading.row.measured, reading.state))
            })
            .collect()
    }
}

/// What one faulted poll came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// It failed, and nothing changed.
    Refused,
    /// The truth, before or after.
    True,
    /// Kept, with a word about it.
    Told,
    /// A lie that no protocol can show.
    Lie,
}

/// Where two sets of readings differ, for a message.
fn difference(left: &Readings, right: &Readings) -> Vec<String> {
    let keys: BTreeSet<_> = left.keys().chain(right.keys()).collect();
    let differ = keys.into_iter().filter(|key| left.get(*key) != right.get(*key));
    differ.take(8).map(|key| format!("  {key}: {:?} and not {:?}", left.get(key), right.get(key))).collect()
}

struct Campaign {
    seed: u64,
    random: Random,
    now: i64,
    lines: Vec<(Arc<Mutex<Line>>, Loopback)>,
    register: Register,
    told: Agent,
    lied_to: Agent,
    counts: BTreeMap<(&'static str, &'static str), BTreeMap<Outcome, usize>>,
    /// Kinds of faults that found nothing to bend in an upstream's answers.
    idle: BTreeSet<(usize, &'static str)>,
}

impl Campaign {
    async fn start(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut lines = Vec::new();
        let mut sources = String::new();
        for upstream in UPSTREAMS {
            let world = (upstream.begin)(&mut random, BEGIN - 3600);
            let random = Random::new(random.next());
            let line = Line { upstream, world, next: None, asked: 0, fault: None, spared: 0, could_bend: 0, goes_on: false, bent: 0, random };
            let line = Arc::new(Mutex::new(line));
            let shared = Arc::clone(&line);
            let server = Loopback::start(move |received| locked(&shared).answer(received)).await.expect("a free port");
            sources.push_str(&format!("  - {}\n", upstream.source.replace("{url}", server.url().as_str())));
            lines.push((line, server));
        }
        let register = Register::begin(&mut random);
        let (told, lied_to) = (Agent::start(&sources, &register), Agent::start(&sources, &register));
        let mut campaign = Self { seed, random, now: BEGIN, lines, register, told, lied_to, counts: BTreeMap::new(), idle: BTreeSet::new() };
        let names: Vec<_> = campaign.told.clients.keys().cloned().collect();
        for name in names {
            for agent in [&mut campaign.told, &mut campaign.lied_to] {
                agent.poll(&name, BEGIN).await.unwrap_or_else(|failure| panic!("{name}, told the truth: {failure}"));
            }
        }
        let (right, found) = (campaign.told.readings(BEGIN), campaign.lied_to.readings(BEGIN));
        assert_eq!(difference(&found, &right), Vec::<String>::new(), "two agents that are told the same");
        campaign
    }

    /// Faulted polls of upstreams and registers: each with each kind of fault, in an order by chance, again and again.
    async fn run(&mut self, polls: usize) {
        let mut order: Vec<(usize, &'static str)> = Vec::new();
        let (mut played, mut step, mut tries) = (0, 0, 0);
        while played < polls {
            if order.is_empty() {
                order = self.pairs();
                (1..order.len()).rev().for_each(|last| order.swap(last, self.random.below(last + 1)));
            }
            let (upstream, kind) = order.pop().expect("there are faults");
            self.now += if step % MOMENTS == 0 { HOURS } else { MOMENT };
            let name = UPSTREAMS.get(upstream).map_or(FILES, |upstream| upstream.name);
            let outcome = if upstream < UPSTREAMS.len() { self.upstream(step, upstream, kind).await } else { Some(self.files(step, kind).await) };
            step += 1;
            if let Some(outcome) = outcome {
                *self.counts.entry((name, kind)).or_default().entry(outcome).or_default() += 1;
                (played, tries) = (played + 1, 0);
                continue;
            }
            // A fault that found nothing to bend was none. Where it ever found something it is tried again, so that each kind gets its share.
            tries += 1;
            if self.counts.contains_key(&(name, kind)) && tries < MOST_TRIES {
                order.push((upstream, kind));
            } else {
                tries = 0;
            }
        }
    }

    /// Each upstream with each kind of fault, but for those that never found anything to bend; files with theirs. `CLAUSE9_FAULTS_OF` names the only
    /// upstreams that are meant, separated by blanks.
    fn pairs(&self) -> Vec<(usize, &'static str)> {
        let only = std::env::var("CLAUSE9_FAULTS_OF").unwrap_or_default();
        let is_meant = |name: &str| only.is_empty() || only.split_whitespace().any(|one| one == name);
        let kinds: BTreeSet<_> = FAULTS.iter().map(|fault| fault.kind).chain([DELETED]).collect();
        let upstreams = (0..UPSTREAMS.len()).filter(|upstream| is_meant(UPSTREAMS[*upstream].name));
        let upstreams = upstreams.flat_map(|upstream| kinds.iter().map(move |kind| (upstream, *kind)));
        let files = registers::FAULTS.iter().filter(|_| is_meant(FILES)).map(|fault| (UPSTREAMS.len(), *fault));
        upstreams.filter(|pair| !self.idle.contains(pair)).chain(files).collect()
    }

    async fn upstream(&mut self, step: usize, index: usize, kind: &'static str) -> Option<Outcome> {
        let line = Arc::clone(&self.lines[index].0);
        let upstream = &UPSTREAMS[index];
        let of_kind: Vec<_> = FAULTS.iter().filter(|fault| fault.kind == kind).collect();
        let fault = if of_kind.is_empty() { None } else { Some(*self.random.of(&of_kind)) };
        let fault_name = fault.map_or(kind, |fault| fault.name);
        let goes_on = self.random.one_in(2);
        let before = self.told.readings(self.now);
        {
            let mut line = locked(&line);
            let mut world = line.world.clone();
            // One at most: lists are read one after the other, and of two changes each may show in another one.
            let changes = if fault.is_none() { 1 } else { self.random.below(2) };
            for _ in 0..changes {
                if fault.is_none() { (upstream.delete)(&mut world, &mut self.random) } else { (upstream.change)(&mut world, &mut self.random, self.now) }
            }
            let at = self.random.below(if fault.is_none() { 12 } else { 6 });
            line.next = Some((at, world));
            (line.asked, line.bent, line.could_bend, line.fault, line.goes_on, line.spared) = (0, 0, 0, fault, goes_on, self.random.below(3));
        }
        let outcome =
            if kind == "silence" { self.lied_to.poll_silence(upstream.name, self.now).await } else { self.lied_to.poll(upstream.name, self.now).await };
        let shown = self.lied_to.readings(self.now);
        let (bent, could_bend) = {
            let mut line = locked(&line);
            line.settle();
            (line.bent, line.could_bend)
        };
        let often = if goes_on { ", each time" } else { "" };
        let place = format!("seed {}, step {step}: {} with {fault_name}{often}, {bent} answers bent", self.seed, upstream.name);
        let truth = self.told.poll(upstream.name, self.now).await;
        assert!(truth.is_ok(), "{place}: told the truth: {truth:?}");
        let after = self.told.readings(self.now);
        let may_lie = goes_on && bent > 0 && lies::is_a_lie(upstream.name, fault_name);
        let outcome = judge(&place, outcome, &shown, &before, &after, may_lie, false);
        let after = self.note(outcome, after);
        self.recover(&format!("{place} ({outcome:?})"), upstream.name, &after).await;
        if fault.is_some() && could_bend == 0 && of_kind.len() == 1 {
            self.idle.insert((index, kind));
        }
        (fault.is_none() || bent > 0).then_some(outcome)
    }

    async fn files(&mut self, step: usize, fault: &'static str) -> Outcome {
        let place = format!("seed {}, step {step}: {FILES} with {fault}", self.seed);
        let before = self.told.readings(self.now);
        self.register.change(&mut self.random);
        let can_be_told = self.register.spoil(&self.lied_to.registers(), fault, &mut self.random);
        let outcome = self.lied_to.poll(FILES, self.now).await;
        let shown = self.lied_to.readings(self.now);
        let folders: [&Path; 2] = [&self.told.registers(), &self.lied_to.registers()];
        folders.iter().for_each(|folder| self.register.write(folder));
        let truth = self.told.poll(FILES, self.now).await;
        assert!(truth.is_ok(), "{place}: told the truth: {truth:?}");
        let after = self.told.readings(self.now);
        let outcome = judge(&place, outcome, &shown, &before, &after, !can_be_told, true);
        let after = self.note(outcome, after);
        self.recover(&place, FILES, &after).await;
        outcome
    }

    /// From a lie on that was taken for true, or for true with a word, the two agents' histories differ. Gives what can be compared of the truth.
    fn note(&mut self, outcome: Outcome, after: Readings) -> Readings {
        if !matches!(outcome, Outcome::Lie | Outcome::Told) {
            return after;
        }
        (self.told.has_another_history, self.lied_to.has_another_history) = (true, true);
        self.told.readings(self.now)
    }

    /// A poll without a fault makes everything good again, or the next one that reads everything: what is gone from a list of changes is noticed by that
    /// one only, and which of the two agents is due for it first depends on whether what it read last was as before.
    async fn recover(&mut self, place: &str, source: &str, after: &Readings) {
        let outcome = self.lied_to.poll(source, self.now).await;
        assert!(outcome.is_ok(), "{place}: afterwards, told the truth: {outcome:?}");
        if self.lied_to.readings(self.now) == *after {
            return;
        }
        self.now += HOURS;
        for agent in [&mut self.lied_to, &mut self.told] {
            let outcome = agent.poll(source, self.now).await;
            assert!(outcome.is_ok(), "{place}: hours later, told the truth: {outcome:?}");
        }
        let (shown, after) = (self.lied_to.readings(self.now), self.told.readings(self.now));
        assert!(shown == after, "{place}: it did not recover:\n{}", difference(&shown, &after).join("\n"));
    }

    /// How often each fault was played, and what came of it.
    fn table(&self) -> String {
        let mut lines = vec!["| source | fault | refused | true | told | a lie |".to_owned(), "|---|---|---|---|---|---|".to_owned()];
        for ((source, fault), counts) in &self.counts {
            let count = |outcome| counts.get(&outcome).copied().unwrap_or(0);
            lines.push(format!(
                "| {source} | {fault} | {} | {} | {} | {} |",
                count(Outcome::Refused),
                count(Outcome::True),
                count(Outcome::Told),
                count(Outcome::Lie)
            ));
        }
        lines.join("\n")
    }
}

fn judge(
    place: &str,
    outcome: Result<Vec<String>, Failure>,
    shown: &Readings,
    before: &Readings,
    after: &Readings,
    may_lie: bool,
    may_be_unknown: bool,
) -> Outcome {
    let is_known = |readings: &Readings| {
        readings.iter().all(|(key, reading)| shown.get(key).is_some_and(|shown| shown == reading || (may_be_unknown && shown.ends_with("unknown"))))
    };
    match outcome {
        Err(failure) => {
            assert!(!failure.message.is_empty());
            assert!(shown == before, "{place}: failed ({}: {failure}), and yet changed:\n{}", failure.reason, difference(shown, before).join("\n"));
            Outcome::Refused
        }
        Ok(_) if shown == before || shown == after => Outcome::True,
        Ok(told) if !told.is_empty() => Outcome::Told,
        Ok(_) if may_be_unknown && (is_known(before) || is_known(after)) => Outcome::True,
        Ok(_) if may_lie => Outcome::Lie,
        Ok(_) => panic!(
            "{place}: taken for true:\nas it was before\n{}\nas it is after\n{}",
            difference(shown, before).join("\n"),
            difference(shown, after).join("\n")
        ),
    }
}

/// `CLAUSE9_FAULTS` polls from `CLAUSE9_SEED`, both by default as many as `tests/run` has time for. With `CLAUSE9_FAULTS_TABLE` the counts are
/// written there.
#[test]
fn whatever_comes_from_upstreams_is_refused_or_true() {
    let number = |name: &str, default: u64| std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"));
    play(number("CLAUSE9_FAULTS", SOME), number("CLAUSE9_SEED", 1));
}

/// The same from another seed.
#[test]
fn and_so_is_whatever_else_comes() {
    play(SOME, 2);
}

fn play(polls: u64, seed: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let began = std::time::Instant::now();
    let table = runtime.block_on(async {
        let mut campaign = Campaign::start(seed).await;
        campaign.run(usize::try_from(polls).expect("a number of polls")).await;
        campaign.table()
    });
    println!("{polls} polls from seed {seed} in {:.0} s\n\n{table}", began.elapsed().as_secs_f64());
    if let Some(path) = std::env::var_os("CLAUSE9_FAULTS_TABLE") {
        std::fs::write(path, table).expect("a written table");
    }
}

/// A lie is of a fault that there is, and of an upstream that there is.
#[test]
fn lies_are_faults_of_upstreams() {
    for lie in lies::LIES {
        assert!(FAULTS.iter().any(|fault| fault.name == lie.fault), "{}", lie.fault);
        assert!(UPSTREAMS.iter().any(|upstream| upstream.name == lie.upstream), "{}", lie.upstream);
        assert!(!lie.reason.is_empty());
    }
}
