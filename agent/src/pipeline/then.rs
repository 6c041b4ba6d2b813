//! The catalogue evaluated as of a moment that is over: over the records that the ledger had then, by the rules and with the parameters of a configuration of
//! now. Nothing is polled and nothing is stored.
//!
//! What the ledger does not tell makes no number look better than it was: what can't be shown to have been provided counts as not provided, and what that
//! leaves out is said beside the readings.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use super::{
    inventory, planning,
    readings::{self, Surroundings},
    slot::{Method, Part, Slot, builds_on},
    sources::Sources,
};
use crate::{
    board::Board,
    config::Config,
    indicator::{Evaluation, EvaluationError, Evaluator, Moment, Pass, Reads, Row},
    record::{Feed, SHAPES},
    store::{self, AsOf, Key, Memories, Reader, Stored, tables::UnstoredReading},
};

/// What comes out as of then.
#[derive(Debug)]
pub struct Then {
    /// The readings, and how the sources were.
    pub board: Board,
    /// The last entry of evidence that counts.
    pub entry: i64,
    /// What can't be known of then, in sentences.
    pub limits: Vec<String>,
}

/// Evaluates the catalogue of a configuration over what was stored when `entry` was the last entry of evidence, as of a moment (epoch seconds).
///
/// # Errors
/// What the store reports.
pub fn then(config: &Config, reader: &Reader, entry: i64, at: i64) -> Result<Then, store::Error> {
    let as_of = reader.as_of(entry)?;
    let mut slots = slots(config, reader, &as_of)?;
    let provided = Provided::of(config, &as_of)?;
    let sources = Sources::then(config, as_of.read_at(), |source, may_hold| provided.fed(source, may_hold), at);
    let systems = inventory::systems(as_of.tables())?;
    let around = Surroundings { sources: &sources, systems: &systems, now: at };
    let zone = as_of.zone()?;
    let moment = Moment::at(at, zone);
    let mut evaluator = Evaluator::new(as_of.projection()?);
    evaluator.projection.show_sources(&sources.rows(at))?;
    for pass in Pass::ALL {
        if pass == Pass::OfPlan {
            let (entries, evidence) = (planning::entries(as_of.tables())?, planning::evidence(as_of.tables())?);
            let around = planning::Surroundings { slots: &slots, readings: around, evidence: &evidence, off: &config.off };
            let rows: Vec<_> = planning::findings(&entries, &around).into_iter().map(|finding| finding.row).collect();
            evaluator.projection.show_plan_checks(&rows)?;
        }
        let evaluation = evaluator.begin(moment)?;
        let of_pass = slots.iter().enumerate().filter(|(_, slot)| slot.method.pass() == pass);
        let made: Vec<_> = of_pass.map(|(place, slot)| (place, readings::judge(slot, &Part::Whole, rows(&evaluation, slot, &slots, config), around))).collect();
        drop(evaluation);
        for (place, made) in made {
            slots[place].take(&Part::Whole, made, at, zone);
        }
        let changed: Vec<UnstoredReading> = slots.iter().filter(|slot| slot.is_behind()).flat_map(Slot::unstored).collect();
        evaluator.projection.show_unstored(&changed)?;
    }
    for slot in &mut slots {
        slot.stored();
        slot.show();
    }
    let board = Board {
        at,
        organisation: config.organisation.clone(),
        panels: slots.iter().map(Slot::panel).collect(),
        sources: sources.status(at),
        systems: Arc::new(systems),
        parameters: config.parameters.clone(),
        off: config.off.clone(),
        ..Board::default()
    };
    Ok(Then { board, entry, limits: limits(config, &as_of)? })
}

/// The indicators with what was stored of their readings: since when each was in its state, and what its rules remembered.
fn slots(config: &Config, reader: &Reader, as_of: &AsOf) -> Result<Vec<Slot>, store::Error> {
    let mut memories = Memories::new();
    reader.remember(&mut memories, 0, as_of.entry())?;
    let one = |indicator| {
        let method = Method::new(indicator, config);
        let id = method.indicator.id.as_str();
        let labels: Vec<String> = as_of.tables().rows("SELECT labels FROM readings WHERE indicator = ?1 ORDER BY labels", &[id.into()], |row| row.get(0))?;
        let mut stored = Vec::with_capacity(labels.len());
        for labels in labels {
            let key = Key { indicator: id.to_owned(), labels };
            let held = reader.reading_after(&key, as_of.entry())?;
            if let Some((interval, since)) = held.and_then(|held| Some((held.interval, held.since?))) {
                let memory = memories.remove(&key);
                stored.push((key.labels, Stored { interval, since, memory }));
            }
        }
        Ok(Slot::new(method, stored))
    };
    config.catalogue.iter().map(one).collect()
}

fn rows(evaluation: &Evaluation<'_>, slot: &Slot, all: &[Slot], config: &Config) -> Result<Vec<Row>, EvaluationError> {
    let indicator = &slot.method.indicator;
    let mut failed = all.iter().filter(|other| other.failed && other.method.pass() < slot.method.pass()).map(|other| &other.method.indicator.id);
    if let Some(id) = failed.find(|id| builds_on(&slot.method, id, all)) {
        return Err(EvaluationError::Foundation { indicator: indicator.id.to_string(), id: id.to_string() });
    }
    evaluation.evaluate(indicator, &config.parameters)
}

/// What sources fed, as far as that can be known.
struct Provided {
    /// What each source held records of.
    held: BTreeMap<String, Vec<Feed>>,
    /// What indicators need that had a known reading: it was provided, by whichever source feeds it.
    known: Vec<Feed>,
}

impl Provided {
    fn of(config: &Config, as_of: &AsOf) -> Result<Self, store::Error> {
        let mut held: BTreeMap<String, Vec<Feed>> = BTreeMap::new();
        for shape in SHAPES {
            let sql = format!("SELECT DISTINCT source, {} FROM {}", shape.kind_field.unwrap_or("''"), shape.table);
            for (source, kind) in as_of.tables().rows(&sql, &[], |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?)))? {
                let feed = if shape.kind_field.is_some() { Feed::of_kinds(shape.table, [&kind]) } else { Some(Feed::all(shape)) };
                held.entry(source).or_default().extend(feed);
            }
        }
        let known: BTreeSet<String> =
            as_of.tables().rows("SELECT DISTINCT indicator FROM readings WHERE state <> 'unknown'", &[], |row| row.get(0))?.into_iter().collect();
        let known = config.catalogue.iter().filter(|indicator| known.contains(indicator.id.as_str()));
        let needed = known.flat_map(|indicator| &indicator.reads).filter_map(|reads| match reads {
            Reads::Records { feed, optional: false } => Some(feed.clone()),
            _ => None,
        });
        Ok(Self { held, known: needed.collect() })
    }

    /// What a source that may hold this is known to have fed.
    fn fed(&self, source: &str, may_hold: &mut dyn Iterator<Item = &Feed>) -> Vec<Feed> {
        let known = may_hold.filter_map(|feed| {
            let is_known = |kind: &&str| self.known.iter().any(|known| known.contains(feed.table(), kind));
            let kinds: Vec<String> = feed.each_kind().filter(is_known).map(str::to_owned).collect();
            // A shape without kinds has one empty word in their place.
            if kinds.iter().any(String::is_empty) { Some(feed.clone()) } else { Feed::of_kinds(feed.table(), &kinds) }
        });
        known.chain(self.held.get(source).into_iter().flatten().cloned()).collect()
    }
}

/// What can't be known of then.
fn limits(config: &Config, as_of: &AsOf) -> Result<Vec<String>, store::Error> {
    let mut limits = vec![
        "what each source fed then is not kept: a kind of records counts as provided where records of it were held, or an indicator that needs it was known; \
         how single registers of a source were is not kept either"
            .to_owned(),
    ];
    match as_of.configuration() {
        Value::Null => limits.push("no configuration was stored by then: indicators, limits, parameters and sources are those of this one".to_owned()),
        then if then["digest"] != config.digest.to_string() => {
            limits.push("the configuration in force then was another: indicators, limits, parameters and sources are those of this one".to_owned());
        }
        _ => {}
    }
    let gone: Vec<&str> = as_of.read_at().keys().filter(|name| !config.sources.iter().any(|polled| polled.source.name == **name)).map(String::as_str).collect();
    if !gone.is_empty() {
        limits.push(format!("records of sources that this configuration has no more count, and how fresh they were does not: {}", gone.join(", ")));
    }
    let unread: Vec<&str> =
        config.sources.iter().map(|polled| polled.source.name.as_str()).filter(|name| as_of.read_at().get(*name).copied().flatten().is_none()).collect();
    if !unread.is_empty() {
        limits.push(format!("never read to their end by then, so that what depends on them is unknown: {}", unread.join(", ")));
    }
    if let Some(release) = as_of.other_release() {
        limits.push(format!("clause9 {release} ran then: what it derived from records, this release derives by its own code"));
    }
    let zone = as_of.zone()?;
    if zone != config.zone {
        limits.push(format!("days end as they did then, in {}", zone.name()));
    }
    Ok(limits)
}
