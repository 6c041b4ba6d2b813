//! What is known of each source while the agent runs: when it was last read, what it feeds, whether it is stale; and what that means for
//! readings that depend on it.

mod freshness;
mod past;
mod registers;
mod silence;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

pub(super) use self::silence::Silence;
use self::{freshness::Freshness, registers::Register};
use crate::{
    board::SourceStatus,
    config::{Config, PolledSource},
    connector::{self, Failure, Location, Note, NoteKind, Stream, StreamCursor, Unread},
    indicator::Reads,
    record::{Feed, shape},
    schedule::{self, Staleness},
    store::{self, Absent, Committed, Delivered, Mode, Store, Touched, tables::SourceRow},
};

/// What a poll read, ready to be stored.
#[derive(Debug, Default, Clone)]
pub struct Delivery {
    /// What each stream delivers.
    pub streams: Vec<Delivered>,
    /// Registers that could not be read: what is stored of them stays.
    pub unread: Vec<Unread>,
    /// Streams, and where tables of theirs were at the poll before that are not there any more.
    pub gone: Vec<(String, Vec<String>)>,
    /// Pages read.
    pub pages: u64,
    /// What people should know of what was read, and of what was not.
    pub notes: Vec<Note>,
    /// What its upstream could hold and can't any more: that there is none of it says nothing.
    pub lost: Vec<Feed>,
}

/// A stream that had as many records and has none now is told: the upstream may show less than there is.
const MANY: usize = 5;

impl Delivery {
    /// Notes which streams had many records and have none now.
    pub(super) fn note_emptied(&mut self, absent: &Absent) {
        for stream in self.streams.iter().filter(|stream| stream.records.is_empty()) {
            let gone = absent.iter().filter(|(name, ..)| *name == stream.stream).count();
            if gone >= MANY {
                let text = format!(
                    "there were {gone} records at the poll before, and none now, however often it was read; look whether the upstream still shows them"
                );
                self.notes.push(Note { kind: NoteKind::Emptied, place: stream.stream.clone(), text });
            }
        }
    }

    /// Takes out the streams of which a table is gone and with it records: they were not read. A table that was renamed takes none with it.
    pub(super) fn keep_gone(&mut self, absent: &mut Absent) {
        for (stream, tables) in std::mem::take(&mut self.gone) {
            if absent.iter().any(|(name, ..)| *name == stream) {
                absent.retain(|(name, ..)| *name != stream);
                self.streams.retain(|delivered| delivered.stream != stream);
                self.unread.push(Unread::gone(stream, &tables));
            }
        }
    }

    /// Takes over the notes of streams that had been emptied and are still empty.
    fn keep_emptied(&mut self, before: &[Note]) {
        let still = before.iter().filter(|note| {
            let is_empty = self.streams.iter().any(|stream| stream.stream == note.place && stream.records.is_empty());
            note.kind == NoteKind::Emptied && is_empty && !self.notes.contains(note)
        });
        let still: Vec<_> = still.cloned().collect();
        self.notes.extend(still);
    }

    /// Whether all of it is as it is stored.
    pub(super) fn is_unchanged(&self) -> bool {
        self.streams.iter().all(|stream| stream.mode == Mode::Unchanged)
    }
}

/// Every configured source.
#[derive(Debug, Default)]
pub(super) struct Sources(Vec<Source>);

#[derive(Debug)]
struct Source {
    name: String,
    connector: String,
    kind: String,
    location: String,
    schedule: String,
    interval: i64,
    staleness: Staleness,
    covers: Option<BTreeSet<String>>,
    /// Its records are about the one system that the configuration names, so they can't tell anything of others. A reading of no system that can do
    /// without what it feeds is known without it.
    is_job: bool,
    /// What the configuration relies on it for; `None`: what it yields.
    wanted: Option<Vec<Feed>>,
    /// What its connector says that it yields.
    described: Vec<Feed>,
    /// What it fed at its last complete poll; `None`: never read.
    fed: Option<Vec<Feed>>,
    /// What its upstream could hold and can't any more.
    lost: Vec<Feed>,
    freshness: Freshness,
    failure: Option<(&'static str, String)>,
    /// Whether it reads registers, each by itself.
    keeps_registers: bool,
    /// What its registers may hold, by the name of their stream.
    may_hold: BTreeMap<String, Vec<Feed>>,
    /// Its registers, by the name of their stream, as far as anything is known of them.
    registers: BTreeMap<String, Register>,
    records: BTreeMap<&'static str, u64>,
    doubts: BTreeMap<String, u64>,
    pages: u64,
    notes: Vec<Note>,
    took: Duration,
}

impl Sources {
    /// The sources of a configuration with what the store remembers; how the last poll went is taken over from `before`.
    pub(super) fn load(config: &Config, store: &Store, before: &Self) -> Result<Self, store::Error> {
        let one = |polled: &PolledSource| {
            let mut source = Source::new(polled);
            let state = store.source_state(&source.name)?;
            source.freshness.note_read(state.last_success_at, &source.staleness);
            source.lost = lost(polled, &state.positions);
            source.take_up_registers(&state);
            source.fed = state.last_success_at.map(|_| state.feeds.into_values().flatten().collect());
            source.count(store)?;
            if let Some(known) = before.0.iter().find(|known| known.name == source.name) {
                (source.failure, source.pages, source.took) = (known.failure.clone(), known.pages, known.took);
                source.notes.clone_from(&known.notes);
                source.take_over_registers(known);
            }
            source.freshness.stale = true;
            Ok(source)
        };
        config.sources.iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a poll is a success like the one before it, and nothing else, and may be shown so many seconds later: it must not look as if one
    /// had been missed.
    pub(super) fn is_mere_success(&self, name: &str, delivery: &Delivery, wait: i64) -> bool {
        let is_as_before =
            |source: &Source| !source.freshness.stale && source.failure.is_none() && source.pages == delivery.pages && source.interval >= 2 * wait;
        delivery.is_unchanged() && self.0.iter().find(|source| source.name == name).is_some_and(is_as_before)
    }

    /// Notes a poll that was stored. Gives everything that it feeds, if it was stale or feeds something else now.
    pub(super) fn succeeded(&mut self, name: &str, mut delivery: Delivery, committed: &Committed, store: &Store, took: Duration, now: i64) -> Touched {
        let Some(source) = self.0.iter_mut().find(|source| source.name == name) else { return Touched::default() };
        let (was_stale, before) = (source.freshness.stale, source.feeds());
        let lost = delivery.lost.len() + source.lost.len() > 0 && delivery.lost != source.lost;
        source.lost.clone_from(&delivery.lost);
        let mut touched = source.note_registers(&delivery, now);
        source.fed = Some(if source.keeps_registers {
            source.registers.values().flat_map(|register| register.feeds.iter().cloned()).collect()
        } else {
            delivery.streams.iter().flat_map(|stream| stream.feeds.iter().cloned()).collect()
        });
        if let Some(failure) = connector::unread(&delivery.unread) {
            source.failure = Some((failure.reason.as_str(), failure.message));
        } else {
            source.freshness.note_read(Some(now), &source.staleness);
            source.freshness.stale = false;
            if let Some((reason, _)) = source.failure.take() {
                tracing::info!(source = name, reason, "the source can be read again");
            }
        }
        source.pages = delivery.pages;
        delivery.keep_emptied(&source.notes);
        let tells = |note: &&Note| matches!(note.kind, NoteKind::Contradicted | NoteKind::Emptied) && !source.notes.contains(note);
        for note in delivery.notes.iter().filter(tells) {
            tracing::warn!(source = name, stream = note.place, "{}", note.text);
        }
        source.notes.clone_from(&delivery.notes);
        source.took = took;
        if delivery.is_unchanged() {
            // So are the counts.
        } else if let Err(error) = source.count_again(committed, store) {
            tracing::warn!(source = name, error = %error, "odd records could not be counted");
        }
        let after = source.feeds();
        if source.keeps_registers {
            // Which of them are fresh again was noted with each.
            let only = |these: &[Feed], those: &[Feed]| these.iter().filter(|feed| !those.contains(feed)).cloned().collect::<Vec<_>>();
            touched.join(&touched_by(&[only(&before, &after), only(&after, &before)].concat()));
        } else if was_stale || before != after || lost {
            touched.join(&source.touched());
        }
        touched
    }

    /// Notes a failed poll.
    pub(super) fn failed(&mut self, name: &str, failure: &Failure, took: Duration) {
        if let Some(source) = self.0.iter_mut().find(|source| source.name == name) {
            source.failure = Some((failure.reason.as_str(), failure.message.clone()));
            source.registers.values_mut().for_each(|register| register.failure = Some(failure.message.clone()));
            source.took = took;
        }
    }

    /// Notes the passing of time. Gives everything that newly stale (or no longer stale) sources feed.
    pub(super) fn age(&mut self, now: i64) -> Touched {
        let mut changed = Touched::default();
        for source in &mut self.0 {
            if source.freshness.age(now) && source.registers.is_empty() {
                changed.join(&source.touched());
            }
            for register in source.registers.values_mut() {
                if register.freshness.age(now) {
                    changed.join(&touched_by(&register.feeds));
                }
            }
        }
        changed
    }

    /// When sources become stale, or fresh: what was read in a future that a clock showed counts from then on.
    #[cfg(test)]
    pub(super) fn due(&self) -> impl Iterator<Item = i64> {
        let each = self.0.iter().flat_map(|source| source.registers.values().map(|register| &register.freshness).chain([&source.freshness]));
        each.flat_map(Freshness::due)
    }

    /// The rows of the table `sources`.
    pub(super) fn rows(&self, now: i64) -> Vec<SourceRow> {
        let row = |source: &Source| SourceRow {
            name: source.name.clone(),
            connector: source.connector.clone(),
            kind: source.kind.clone(),
            interval_seconds: source.interval,
            stale_after_seconds: source.stale_after(now),
            // A success in the future is a clock that was set back: it proves nothing.
            last_success_at: source.freshness.read_at.filter(|success| *success <= now),
        };
        self.0.iter().map(row).collect()
    }

    /// What the board shows.
    pub(super) fn status(&self, now: i64) -> Vec<SourceStatus> {
        let status = |source: &Source| SourceStatus {
            name: source.name.clone(),
            connector: source.connector.clone(),
            location: source.location.clone(),
            schedule: source.schedule.clone(),
            interval: source.interval,
            stale_after: source.stale_after(now),
            last_success_at: source.freshness.read_at,
            stale: source.freshness.is_stale(now),
            failure: source.failure.clone(),
            records: source.records.clone(),
            doubts: source.doubts.clone(),
            feeds: source.feeds().iter().map(ToString::to_string).collect(),
            pages: source.pages,
            notes: source.notes.clone(),
            took: source.took,
            registers: source.registers.iter().map(|(name, register)| register.status(name, now)).collect(),
        };
        self.0.iter().map(status).collect()
    }

    /// When the records of these feeds were read: the oldest last success of the sources that feed them; `None` inside when one was never
    /// read, outside when no source feeds them.
    pub(super) fn read_at(&self, feeds: &[Feed]) -> Option<Option<i64>> {
        let overlap = |fed: &[Feed]| fed.iter().any(|fed| feeds.iter().any(|feed| feed.overlaps(fed)));
        let feeding = self.0.iter().filter(|source| overlap(&source.feeds())).flat_map(|source| {
            let registers: Vec<_> = source.registers.values().filter(|register| overlap(&register.feeds)).map(|register| register.freshness.read_at).collect();
            if registers.is_empty() { vec![source.freshness.read_at] } else { registers }
        });
        feeding.min()
    }

    /// What an indicator that reads this needs and nobody provides, kind by kind.
    pub(super) fn missing(&self, reads: &[Reads]) -> Vec<String> {
        let all: Vec<_> = self.0.iter().flat_map(Source::feeds).collect();
        let missing = |optional: bool| -> Vec<String> {
            let chosen = reads.iter().filter(|read| read.is_optional() == optional).filter_map(Reads::feed);
            chosen.flat_map(|feed| feed.not_in(&all)).collect()
        };
        let optional: Vec<_> = reads.iter().filter(|read| read.is_optional()).filter_map(Reads::feed).collect();
        let none_of_them = !optional.is_empty() && !optional.iter().any(|feed| all.iter().any(|fed| fed.overlaps(feed)));
        match missing(false) {
            needed if needed.is_empty() && none_of_them => missing(true),
            needed => needed,
        }
    }

    /// Why readings of an indicator that reads this can't be known: nobody provides what it needs, or who does is stale.
    pub(super) fn gaps(&self, reads: &[Reads]) -> Gaps {
        let missing = self.missing(reads);
        if !missing.is_empty() {
            return Gaps { everywhere: Some(format!("no source provides {}", missing.join(", "))), ..Gaps::default() };
        }
        let mut gaps = Gaps::default();
        // Without the inventory nothing is known of any system (ruling 14).
        let inventory = shape::by_name("system").map(Feed::all).filter(|_| reads.iter().any(|read| read.feed().is_some()));
        let read: Vec<&Feed> = reads.iter().filter_map(Reads::feed).chain(&inventory).collect();
        for (source, name, register) in self.0.iter().flat_map(Source::each_register) {
            if register.freshness.stale && register.feeds.iter().any(|fed| source.is_wanted(fed) && read.iter().any(|read| read.overlaps(fed))) {
                gaps.add(source, register.staleness(name, &source.name), true);
            }
        }
        for source in self.0.iter().filter(|source| source.freshness.stale && source.registers.is_empty() && source.feeds_any(read.iter().copied())) {
            let needed = || source.feeds_any(reads.iter().filter(|read| !read.is_optional()).filter_map(Reads::feed));
            gaps.add(source, source.staleness(), !source.is_job || needed());
        }
        for source in self.0.iter().filter(|source| source.wanted.is_none()) {
            if let Some(lost) = source.lost.iter().find(|lost| reads.iter().filter_map(Reads::feed).any(|feed| feed.overlaps(lost))) {
                gaps.add(source, format!("the source `{}` can't hold {lost} any more", source.name), true);
            }
        }
        gaps
    }
}

/// What is not known: everything, or what concerns some systems.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    everywhere: Option<String>,
    by_system: BTreeMap<String, String>,
    of_no_system: Option<String>,
    by_source: BTreeMap<String, String>,
}

impl Gaps {
    /// Whether everything is known.
    pub(super) fn is_nothing(&self) -> bool {
        self.everywhere.is_none() && self.by_system.is_empty() && self.of_no_system.is_none() && self.by_source.is_empty()
    }

    /// Why a reading of this system can't be known. A reading of no system depends on all of them, and one about what a source's records name
    /// on that source.
    pub(super) fn reason(&self, system: Option<&str>, registry: Option<&str>) -> Option<&str> {
        let partial = || match system {
            Some(system) => self.by_system.get(system),
            None => self.of_no_system.as_ref().or_else(|| self.by_source.get(registry?)),
        };
        self.everywhere.as_ref().or_else(partial).map(String::as_str)
    }

    fn add(&mut self, source: &Source, reason: String, concerns_no_system: bool) {
        match &source.covers {
            None => self.everywhere = self.everywhere.take().or(Some(reason)),
            Some(systems) => {
                self.by_system.extend(systems.iter().map(|system| (system.clone(), reason.clone())));
                self.by_source.insert(source.name.clone(), reason.clone());
                if concerns_no_system {
                    self.of_no_system = self.of_no_system.take().or(Some(reason));
                }
            }
        }
    }
}

/// What the streams of a source could hold and can't any more, as its last poll left it.
fn lost(polled: &PolledSource, positions: &BTreeMap<String, String>) -> Vec<Feed> {
    let of = |stream: &Stream| {
        let cursor: StreamCursor = serde_json::from_str(positions.get(&stream.name)?).ok()?;
        cursor.lost(stream.feeds.first()?.table())
    };
    polled.source.connector.streams.iter().filter_map(of).collect()
}

/// What is to be judged anew when what is fed becomes stale, or fresh: of the inventory everything.
fn touched_by(feeds: &[Feed]) -> Touched {
    if feeds.iter().any(|feed| feed.table() == "systems") { Touched::everything() } else { Touched::feeds(feeds) }
}

impl Source {
    fn new(polled: &PolledSource) -> Self {
        let description = &polled.source.connector;
        Self {
            name: polled.source.name.clone(),
            connector: description.name.clone(),
            kind: description.kind.as_str().to_owned(),
            location: polled.source.location.to_string(),
            schedule: polled.schedule.to_string(),
            interval: schedule::seconds(polled.interval),
            staleness: polled.staleness.clone(),
            covers: polled.covers.clone(),
            is_job: matches!(polled.source.location, Location::Program(_)),
            wanted: polled.feeds.clone(),
            described: description.feeds().cloned().collect(),
            fed: None,
            lost: Vec::new(),
            freshness: Freshness::default(),
            failure: None,
            keeps_registers: polled.source.keeps_registers(),
            may_hold: description.streams.iter().map(|stream| (stream.name.clone(), registers::may_hold(stream))).collect(),
            registers: BTreeMap::new(),
            records: BTreeMap::new(),
            doubts: BTreeMap::new(),
            pages: 0,
            notes: Vec::new(),
            took: Duration::ZERO,
        }
    }

    /// What it is relied on for now.
    fn feeds(&self) -> Vec<Feed> {
        self.wanted.clone().or_else(|| self.fed.clone()).unwrap_or_else(|| self.described.clone())
    }

    /// What is to be judged anew when it becomes stale, or fresh.
    fn touched(&self) -> Touched {
        touched_by(&self.feeds())
    }

    /// Whether the configuration relies on it for this.
    fn is_wanted(&self, fed: &Feed) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|wanted| wanted.overlaps(fed)))
    }

    fn feeds_any<'f>(&self, mut feeds: impl Iterator<Item = &'f Feed>) -> bool {
        let fed = self.feeds();
        feeds.any(|feed| fed.iter().any(|fed| fed.overlaps(feed)))
    }

    /// How long what was read last counts, in seconds; while nothing was ever read, how long it would if it were now.
    fn stale_after(&self, now: i64) -> i64 {
        self.freshness.read_at.map_or_else(|| self.staleness.last_fresh(now) - now, |success| self.freshness.last_fresh_at - success)
    }

    fn staleness(&self) -> String {
        match self.freshness.read_at {
            None => format!("the source `{}` was never read completely", self.name),
            Some(at) => format!("the source `{}` was last read completely at {}", self.name, schedule::rfc3339(at)),
        }
    }

    fn count(&mut self, store: &Store) -> Result<(), store::Error> {
        self.records = store.record_counts(&self.name)?;
        self.doubts = store.doubt_counts(&self.name)?;
        Ok(())
    }

    /// Counts after a poll. There may be hundreds of thousands of records: they are counted once, and from then on by what changed.
    fn count_again(&mut self, committed: &Committed, store: &Store) -> Result<(), store::Error> {
        for (table, grown) in &committed.grown {
            let records = self.records.entry(table).or_default();
            *records = records.saturating_add_signed(*grown);
        }
        self.records.retain(|_, records| *records > 0);
        self.doubts = store.doubt_counts(&self.name)?;
        Ok(())
    }
}
