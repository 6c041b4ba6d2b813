//! The gap assessment: what of clauses 4 to 10 and of Annex A is evidenced, declared only or missing at the end of a day; how mature it is; what is to be done
//! first; the Statement of Applicability as a document; and what a certification audit will look for.
//!
//! What is looked for is data ([`mod@data`]): queries over records, readings of indicators, rules. It computes no reading anew, and like a pack it is the same
//! bytes whenever it is made again. That something exists is all that it can show: whether its content is right is for people to judge.

pub mod assess;
pub mod data;
pub mod found;
mod grids;
mod html;
pub mod model;
pub mod statement;
#[cfg(test)]
mod tests;
mod workbook;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{
    Choice, Error, Frozen, Subject,
    folder::{self, Draft},
    make::parameters,
    model::Reading,
    moments::Values,
    provided::Provided,
    readings::{Readings, Watch},
};
use crate::{
    history::Past,
    indicator::{Catalogue, Direction},
    record::{Feed, Zone, date_of},
    store::Reader,
};
use assess::Look;
use data::{Data, data};
use found::Found;
use model::{Decision, FORMAT, Gap, VERSION};
use statement::Registers;

/// The file with everything.
pub const GAP: &str = "gap.json";
/// The workbook.
pub const WORKBOOK: &str = "gap.xlsx";

/// Makes the assessment of a day that has ended, in a folder that is not there yet.
///
/// # Errors
/// [`Error`]; then there is no folder.
pub fn write(reader: &Reader, subject: &Subject<'_>, day: &str, to: &Path, now: i64) -> Result<Gap, Error> {
    let choice = choice(day, subject.zone)?;
    let frozen = Frozen::of(reader, &choice, None, subject.zone, now)?;
    let draft = Draft::begin(to)?;
    let gap = make(reader, subject, &frozen, &choice)?;
    draft.write(GAP, &folder::json(&gap))?;
    draft.write(folder::PAGE, html::render(&gap).as_bytes())?;
    draft.write(WORKBOOK, &workbook::workbook(&gap)?)?;
    draft.place()?;
    Ok(gap)
}

/// The last day that has ended.
pub fn yesterday(now: i64, zone: Zone) -> String {
    date_of(zone.day_of(now) - 1).to_string()
}

/// The period that ends with a day.
fn choice(day: &str, zone: Zone) -> Result<Choice, Error> {
    let last = Choice::days(day, day, zone)?.period().last_day;
    let first = date_of(last - data().rules.period_days + 1).to_string();
    Choice::days(&first, day, zone)
}

fn make(reader: &Reader, subject: &Subject<'_>, frozen: &Frozen, choice: &Choice) -> Result<Gap, Error> {
    let (data, zone) = (data(), subject.zone);
    let (period, before) = (frozen.period(), choice.before());
    let end = reader.as_of(frozen.head().entry)?;
    let past = Past::new(reader, frozen.head().entry, end.system_names()?)?;
    let watch = Watch::of(&past, period, &before);
    let values = Values::of(period, &before, zone).with_parameters(parameters(subject.catalogue, end.configuration()));
    let mut found = Found::ask(data, &end, &values, zone, period.last_day)?;
    found.was_watched = watch.seen_until().is_some_and(|until| until > zone.start_of(period.last_day));
    let mut provided = Provided::of(&end)?;
    for id in data.requirements.iter().flat_map(data::Requirement::indicators).collect::<BTreeSet<_>>() {
        found.readings.insert(id.to_owned(), readings(&past, subject.catalogue, id, &watch, &mut provided)?);
    }
    let registers = Registers::read(data, &end, &values)?;
    let (statement, added) = decisions(data, &registers, period.last_day);
    let look = Look { data, found: &found, catalogue: subject.catalogue };
    let lacks = |feeds: &[Feed]| provided.lacks(feeds);
    let of_control = |id: &str| statement.iter().find(|decision| decision.control == id);
    let requirements: Vec<_> = data.requirements.iter().map(|requirement| assess::assess(look, requirement, of_control(&requirement.id), &lacks)).collect();
    let mut counts = BTreeMap::new();
    requirements.iter().for_each(|assessed| *counts.entry(assessed.status).or_default() += 1);
    let text = |name: &str| end.configuration()[name].as_str().map(str::to_owned);
    Ok(Gap {
        format: FORMAT.to_owned(),
        version: VERSION,
        organisation: text("organisation").unwrap_or_else(|| subject.organisation.to_owned()),
        zone: zone.name().to_owned(),
        day: period.last_day,
        cut_off: period.until,
        periods: [period.clone()].into_iter().chain(before).collect(),
        was_watched: found.was_watched,
        program: format!("clause9 {}", crate::BUILD),
        configuration: text("digest"),
        evidence: frozen.head().clone(),
        levels: data.rules.levels.clone(),
        counts,
        roadmap: assess::roadmap(&requirements, &statement),
        readiness: assess::readiness(&data.stages, &requirements),
        requirements,
        statement,
        added,
    })
}

/// The readings of an indicator, from which is also learnt what is provided.
fn readings(past: &Past<'_>, catalogue: &Catalogue, id: &str, watch: &Watch, provided: &mut Provided) -> Result<Vec<Reading>, Error> {
    let known = catalogue.get(id);
    let readings = Readings::read(past, id, known.map_or(Direction::TwoSided, |known| known.direction), watch)?;
    if let Some(known) = known {
        provided.learn(&known.reads, &readings.all);
    }
    Ok(readings.all)
}

/// What is decided on the controls of Annex A, and on others.
fn decisions(data: &Data, registers: &Registers, last_day: i64) -> (Vec<Decision>, Vec<Decision>) {
    let controls: Vec<_> = data.requirements.iter().filter(|requirement| requirement.is_control()).collect();
    let known: Vec<&str> = controls.iter().map(|control| control.id.as_str()).collect();
    let statement = controls.iter().map(|control| registers.decision(&control.id, Some(&control.title), last_day)).collect();
    let added = registers.others(&known).map(|control| registers.decision(control, None, last_day)).collect();
    (statement, added)
}
