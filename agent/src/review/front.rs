//! The first page: what got worse, what got better, what is in breach and since when, what is unknown and why, what nobody looked at, what is to be
//! decided.

use std::{collections::BTreeMap, time::Duration};

use super::{
    model::{Cell, Change, Front, Header, ITEMS, Indicator, Item, Line, List, Part, Reading, Row, Section, Shown, WHICH},
    readings::Readings,
    sections::{FrontLine, FrontList},
    tables::Rows,
};
use crate::{
    history,
    record::{Zone, date_of},
    span,
    threshold::State,
};

/// What is told of readings, gathered one indicator after another.
#[derive(Debug, Default)]
pub struct Gathered {
    front: Front,
    /// Readings in breach since before the period began.
    in_breach_throughout: usize,
}

impl Gathered {
    /// Takes in the readings of an indicator.
    pub fn add(&mut self, indicator: &Indicator, readings: &Readings, began: i64) {
        let front = &mut self.front;
        front.now.add(&indicator.now);
        front.before.resize(front.before.len().max(indicator.before.len()), super::model::Counts::default());
        front.before.iter_mut().zip(&indicator.before).for_each(|(sum, counts)| sum.add(counts));
        let mut unknown: BTreeMap<&str, Vec<Item>> = BTreeMap::new();
        for (reading, since) in readings.all.iter().zip(&readings.since) {
            let item = item(indicator, reading, *since);
            let state = reading.end.map(|end| end.state);
            match reading.change {
                // A value that got worse and yet is ok is no news for a first page, and one that was not there is news when it is not ok.
                Some(Change::Worse) if state != Some(State::Ok) => front.worse.take(&item),
                Some(Change::New) if matches!(state, Some(State::Breach | State::Warning)) => front.worse.take(&item),
                Some(Change::Better) if item.before.is_some_and(|before| before.state != State::Ok) => front.better.take(&item),
                _ => {}
            }
            if reading.adverse {
                front.adverse.take(&item);
            }
            match state {
                Some(State::Breach) => {
                    self.in_breach_throughout += usize::from(reading.in_breach_since.is_some_and(|since| since <= began));
                    front.in_breach.take(&Item { since: reading.in_breach_since, ..item });
                }
                Some(State::Unknown) => unknown.entry(reading.reason.as_deref().unwrap_or_default()).or_default().push(item),
                _ => {}
            }
        }
        unknown.into_values().filter_map(together).for_each(|item| front.unknown.take(&item));
        front.keep_first();
    }

    /// The page.
    pub fn finish(
        mut self,
        header: &Header,
        zone: Zone,
        sections: &[Section],
        lines: Vec<(FrontList, Line)>,
        switched_off: &[(String, Option<String>)],
    ) -> Front {
        self.front.keep_first();
        let mut unseen = unwatched(header, zone);
        for section in sections.iter().filter(|section| section.part == Part::Input) {
            let line = |lack: &String| Line { text: format!("input {}: {lack}", section.id), section: Some(section.id.clone()), ..Line::default() };
            unseen.extend(section.lacks.iter().map(line));
        }
        for (id, reason) in switched_off {
            let why = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            unseen.push(plain(format!("the indicator {id} is switched off{why}")));
        }
        let mut decisions = Vec::new();
        match self.in_breach_throughout {
            0 => {}
            1 => decisions.push(self.throughout(header, "1 reading was in breach throughout the period: what is done about it?".to_owned())),
            n => decisions.push(self.throughout(header, format!("{n} readings were in breach throughout the period: what is done about them?"))),
        }
        for (list, line) in lines {
            match list {
                FrontList::Unseen => unseen.push(line),
                FrontList::Decisions => decisions.push(line),
            }
        }
        Front { unseen, decisions, ..self.front }
    }

    /// The sentence about what was in breach throughout the period, with those that are so for the longest.
    fn throughout(&self, header: &Header, text: String) -> Line {
        let of = self.front.in_breach.items.iter().filter(|item| item.since.is_some_and(|since| since <= header.period.from)).take(WHICH);
        let which: Vec<_> = of.map(|item| item.labels.get("system").map_or_else(|| item.title.clone(), |system| format!("{system}: {}", item.title))).collect();
        Line { text, others: self.in_breach_throughout.saturating_sub(which.len()), which, ..Line::default() }
    }
}

impl List {
    fn take(&mut self, item: &Item) {
        self.count += item.readings;
        self.items.push(item.clone());
    }
}

impl Front {
    /// Puts lists in their order and leaves what there is no room for.
    fn keep_first(&mut self) {
        let bad = |shown: Option<Shown>| shown.map(|shown| shown.state.badness());
        let name = |item: &Item| (item.indicator.clone(), item.labels.clone());
        self.worse.items.sort_by_cached_key(|item| (std::cmp::Reverse(bad(item.now)), bad(item.before).unwrap_or(u8::MAX), name(item)));
        self.better.items.sort_by_cached_key(|item| (bad(item.now), std::cmp::Reverse(bad(item.before)), name(item)));
        self.adverse.items.sort_by_cached_key(|item| (std::cmp::Reverse(bad(item.now)), name(item)));
        for list in [&mut self.in_breach, &mut self.unknown] {
            list.items.sort_by_cached_key(|item| (item.since.unwrap_or(i64::MAX), name(item)));
        }
        for list in [&mut self.worse, &mut self.better, &mut self.adverse, &mut self.in_breach, &mut self.unknown] {
            list.items.truncate(ITEMS);
        }
    }
}

/// The sentence that a table gives to the first page, if it has such rows.
pub fn line(front: &FrontLine, section: &str, table: &super::sections::Table, rows: &Rows) -> Option<(FrontList, Line)> {
    let counted: Vec<_> = rows.counted(front.counts.as_deref().and_then(|column| table.position(column))).collect();
    let count = counted.len();
    let which: Vec<_> = counted.iter().take(WHICH).map(|row| in_words(table, row)).collect();
    let text = match count {
        0 => return None,
        1 => front.one.clone(),
        n => front.many.replace("{n}", &n.to_string()),
    };
    let others = count - which.len();
    Some((front.list, Line { text, section: Some(section.to_owned()), table: Some(table.id.clone()), which, others }))
}

/// Columns that say what a row is, whose, and when it is due: of each the first that there is.
const NAMES: [&str; 6] = ["title", "name", "document", "what", "indicator", "scope"];
const OWNERS: [&str; 3] = ["owner", "owner_role", "accepted_by"];
const DAYS: [(&str, &str); 2] = [("due", "due"), ("accepted_until", "until")];

/// A row in a few words.
fn in_words(table: &super::sections::Table, row: &Row) -> String {
    let cell = |name: &&str| table.position(name).map(|place| &row.cells[place]);
    let text = |names: &[&str]| {
        names.iter().filter_map(cell).find_map(|cell| match cell {
            Cell::Text(text) if !text.trim().is_empty() => Some(text.clone()),
            _ => None,
        })
    };
    let day = DAYS.iter().find_map(|(name, word)| match cell(name)? {
        Cell::Integer(day) => Some(format!("{word} {}", date_of(*day))),
        _ => None,
    });
    let (name, system) = (text(&NAMES), text(&["system"]));
    // An id is often made of the system and a day, and says no more than they do.
    let (name, system) = if name.is_none() { (system.or_else(|| text(&["id"])), None) } else { (name, system) };
    let name = name.unwrap_or_else(|| table.title.clone());
    let details: Vec<_> = [system, text(&OWNERS), day].into_iter().flatten().collect();
    if details.is_empty() { name } else { format!("{name} ({})", details.join(", ")) }
}

fn plain(text: String) -> Line {
    Line { text, ..Line::default() }
}

fn item(indicator: &Indicator, reading: &Reading, since: Option<i64>) -> Item {
    Item {
        indicator: indicator.id.clone(),
        title: indicator.title.clone(),
        labels: reading.labels.clone(),
        readings: 1,
        before: reading.before.first().copied().flatten(),
        now: reading.end,
        since,
        why: reading.reason.clone().or_else(|| reading.rule.clone()),
    }
}

/// Readings that are unknown for the same reason, as one.
fn together(items: Vec<Item>) -> Option<Item> {
    let readings = items.len();
    let mut items = items.into_iter();
    let mut first = items.next()?;
    for item in items {
        first.labels.retain(|name, value| item.labels.get(name) == Some(value));
        first.since = first.since.min(item.since);
        first.before = first.before.filter(|_| first.before == item.before);
    }
    Some(Item { readings, ..first })
}

/// Time of the period in which nobody watched.
fn unwatched(header: &Header, zone: Zone) -> Vec<Line> {
    let moment = |at: i64| history::shown(at, zone);
    let words = |seconds: i64| span::words(Duration::from_secs(seconds.unsigned_abs() / 60 * 60));
    let period = &header.period;
    let mut lines = Vec::new();
    if header.known_since > period.from {
        lines.push(plain(format!("what is known begins on {}: of the period before that nothing is known", moment(header.known_since))));
    }
    match header.seen_until {
        None => lines.push(plain("nobody watched in the period: no agent ran".to_owned())),
        Some(until) => {
            if header.unwatched >= 60 {
                lines.push(plain(format!("no agent watched for {} of the period", words(header.unwatched))));
            }
            if until < period.until {
                lines.push(plain(format!("nobody watched from {} to the end: what is told of readings at the end is of then", moment(until))));
            }
        }
    }
    lines
}
