//! A pack from the store: everything as of the cut-off, and nothing that tells when it was made.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    Error,
    csv::Csv,
    folder::Draft,
    front::{self, Gathered},
    model::{Entry, FORMAT, Header, Indicator, Method, Pack, Part, Period, Previous, ROWS, Section, Span, Table, VERSION, Worse},
    moments::Values,
    period::Choice,
    provided::Provided,
    readings::{Readings, Watch},
    results::{self, Packs},
    sections::{self, ALL, Fills},
    tables::{Ends, Rows},
    view::{AsKnown, View},
};
use crate::{
    history::{self, Past},
    indicator::{Catalogue, Direction},
    record::Zone,
    store::{AsOf, Reader, StoredMethod},
};

/// Of whom a pack is, and by what catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'s> {
    /// The organisation's name, where the store does not know it as of the cut-off.
    pub organisation: &'s str,
    /// Its time zone.
    pub zone: Zone,
    /// Titles, units and directions of indicators.
    pub catalogue: &'s Catalogue,
}

/// What was made before.
#[derive(Debug, Default)]
pub struct Before {
    /// The pack before this one.
    pub pack: Option<Previous>,
    /// Packs that signed results may name.
    pub packs: Packs,
}

/// A period of which a pack can be made, and the last entries of evidence before its ends.
#[derive(Debug)]
pub struct Frozen {
    period: Period,
    before: Vec<Period>,
    view: Option<View>,
    known_since: i64,
    head: Entry,
    head_before: Option<Entry>,
}

impl Frozen {
    /// Looks whether there is what a pack of this period needs.
    ///
    /// # Errors
    /// [`Error::NotEnded`], [`Error::NothingStored`], [`Error::BeforeAnything`]; of a view [`Error::Ahead`], [`Error::NoEntry`], [`Error::NotBegun`]; what the
    /// store reports.
    pub fn of(reader: &Reader, choice: &Choice, as_known: Option<AsKnown>, zone: Zone, now: i64) -> Result<Self, Error> {
        let (mut period, before) = (choice.period(), choice.before());
        let view = as_known.map(|known| View::of(reader, known, &mut period, zone, now)).transpose()?;
        if now < period.until {
            return Err(Error::NotEnded { ends: history::shown(period.until, zone), period: period.name });
        }
        let known_since = reader.first_at()?.ok_or(Error::NothingStored)?;
        let entry = |(anchor, at): (crate::store::Anchor, i64)| Entry { entry: anchor.entry, digest: anchor.digest.to_string(), at };
        let head = match &view {
            Some(view) => Some(view.head.clone()),
            None => reader.head_before(period.until)?.map(entry),
        };
        let Some(head) = head else {
            return Err(Error::BeforeAnything { period: period.name, begins: history::shown(known_since, zone) });
        };
        let head_before = reader.head_before(period.from)?.map(entry);
        let seen = head_before.as_ref().map_or(period.from, |head| head.at.min(period.from))..period.until;
        if let Some(before) = reader.removed()?.within(&seen) {
            return Err(Error::Removed { period: period.name, before: history::shown(before, zone) });
        }
        Ok(Self { period, before, view, known_since, head, head_before })
    }

    /// The period.
    pub fn period(&self) -> &Period {
        &self.period
    }

    /// The last entry of evidence before the cut-off.
    pub fn head(&self) -> &Entry {
        &self.head
    }

    /// The last entry before the period.
    pub fn head_before(&self) -> Option<&Entry> {
        self.head_before.as_ref()
    }
}

/// Makes a pack, and writes every row and every reading into CSV files of a draft.
///
/// # Errors
/// What the store reports; [`Error::Table`]; [`Error::File`].
pub fn make(reader: &Reader, subject: &Subject<'_>, frozen: &Frozen, before: &Before, draft: &Draft) -> Result<Pack, Error> {
    let ends = ends(reader, frozen)?;
    results::refuse_contradictions(reader, &ends.end, subject.zone)?;
    let past = Past::new(reader, frozen.head.entry, ends.end.system_names()?)?;
    let watch = Watch::of(&past, &frozen.period, &frozen.before);
    let methods = InForce::read(reader, frozen.head.entry)?;
    let mut header = header(subject, frozen, before.pack.clone(), &ends.end, &watch);
    let (mut gathered, mut provided, mut indicators) = (Gathered::default(), Provided::of(&ends.end)?, Vec::new());
    let mut csv = Csv::readings(draft)?;
    for id in ids(reader, subject.catalogue)? {
        let known = subject.catalogue.get(&id);
        let direction = known.map_or(Direction::TwoSided, |known| known.direction);
        let readings = Readings::read(&past, &id, direction, &watch)?;
        if readings.all.is_empty() && known.is_none() {
            continue;
        }
        csv.readings_of(&id, &readings)?;
        header.methods.extend(readings.methods.iter().map(|(digest, from)| methods.method(&id, digest, *from)));
        if let Some(known) = known {
            provided.learn(&known.reads, &readings.all);
        }
        let mut indicator = described(&id, known.map(|known| &**known), &readings);
        indicator.limits = methods.limits(&id, &readings.methods);
        gathered.add(&indicator, &readings, frozen.period.from);
        (indicator.readings, indicator.left_out) = readings.told();
        indicators.push(indicator);
    }
    csv.finish()?;
    let values = Values::of(&frozen.period, &frozen.before, subject.zone).with_parameters(parameters(subject.catalogue, ends.end.configuration()));
    let (sections, lines) = sections_of(&ends, &values, &provided, &indicators, &before.packs, draft)?;
    let inputs: Vec<_> = sections.iter().filter(|section| section.part == Part::Input).collect();
    (header.inputs, header.inputs_filled) = (inputs.len(), inputs.iter().filter(|section| section.filled).count());
    let front = gathered.finish(&header, subject.zone, &sections, lines, &switched_off(ends.end.configuration()));
    Ok(Pack { format: FORMAT.to_owned(), version: VERSION, header, front, sections, indicators })
}

fn ends(reader: &Reader, frozen: &Frozen) -> Result<Ends, Error> {
    let begin = frozen.head_before.as_ref().map(|head| Ok::<_, Error>((reader.as_of(head.entry)?, frozen.period.from))).transpose()?;
    Ok(Ends { end: reader.as_of(frozen.head.entry)?, begin })
}

fn header(subject: &Subject<'_>, frozen: &Frozen, previous: Option<Previous>, end: &AsOf, watch: &Watch) -> Header {
    let text = |name: &str| end.configuration()[name].as_str().map(str::to_owned);
    Header {
        organisation: text("organisation").unwrap_or_else(|| subject.organisation.to_owned()),
        zone: subject.zone.name().to_owned(),
        period: frozen.period.clone(),
        cut_off: frozen.period.until,
        as_of: frozen.view.as_ref().map(|view| view.told(&frozen.period, end, subject.zone)),
        before: frozen.before.clone(),
        known_since: frozen.known_since,
        watched: watch.spans.iter().map(|span| Span { from: span.start, until: span.end }).collect(),
        unwatched: watch.unwatched(),
        seen_until: watch.seen_until(),
        program: format!("clause9 {}", crate::BUILD),
        configuration: text("digest"),
        evidence: Some(frozen.head.clone()),
        evidence_before: frozen.head_before.clone(),
        previous,
        methods: Vec::new(),
        inputs_filled: 0,
        inputs: 0,
    }
}

/// The indicators of the catalogue, and those that ever had a reading.
fn ids(reader: &Reader, catalogue: &Catalogue) -> Result<BTreeSet<String>, Error> {
    let mut ids: BTreeSet<String> = reader.indicators()?.into_iter().collect();
    ids.extend(catalogue.iter().map(|indicator| indicator.id.to_string()));
    Ok(ids)
}

fn described(id: &str, known: Option<&crate::indicator::Indicator>, readings: &Readings) -> Indicator {
    let (now, before) = readings.counts();
    let references = known.map(|known| {
        let all = [
            ("clause", &known.references.clause),
            ("annex_a", &known.references.annex_a),
            ("nist_ai_rmf", &known.references.nist_ai_rmf),
            ("eu_ai_act", &known.references.eu_ai_act),
        ];
        all.into_iter().filter(|(_, list)| !list.is_empty()).map(|(name, list)| (name.to_owned(), list.clone())).collect()
    });
    let text = |of: fn(&crate::indicator::Indicator) -> &String| known.map(|known| of(known).clone());
    let missing = if readings.all.is_empty() { Some("there was no reading in the period") } else { None };
    Indicator {
        id: id.to_owned(),
        title: text(|known| &known.title).unwrap_or_else(|| id.to_owned()),
        about: text(|known| &known.about).unwrap_or_default(),
        unit: text(|known| &known.unit).unwrap_or_default(),
        worse: known.map_or(Worse::NotSaid, |known| known.direction.into()),
        references: references.unwrap_or_default(),
        frequency: text(|known| &known.frequency).unwrap_or_default(),
        limits: Vec::new(),
        now,
        before,
        time: readings.time(),
        method_changes: readings.method_changes(),
        readings: Vec::new(),
        count: readings.all.len(),
        left_out: 0,
        missing: missing.map(str::to_owned),
    }
}

/// The methods that evidence holds up to the cut-off: entry and rules, by indicator and digest.
struct InForce(BTreeMap<(String, String), (i64, Vec<String>)>);

impl InForce {
    fn read(reader: &Reader, head: i64) -> Result<Self, Error> {
        let one = |method: StoredMethod| {
            let rules = method.document["rules"].as_array().into_iter().flatten().filter_map(|rule| rule.as_str().map(str::to_owned)).collect();
            ((method.indicator, method.digest), (method.entry, rules))
        };
        Ok(Self(reader.methods(head)?.into_iter().map(one).collect()))
    }

    fn method(&self, indicator: &str, digest: &str, from: i64) -> Method {
        let entry = self.0.get(&(indicator.to_owned(), digest.to_owned())).map(|(entry, _)| *entry);
        Method { indicator: indicator.to_owned(), digest: digest.to_owned(), from, entry }
    }

    /// The limits of the method that came last, those of breaches first.
    fn limits(&self, indicator: &str, used: &BTreeMap<String, i64>) -> Vec<String> {
        let last = used.iter().max_by_key(|(_, from)| **from).map(|(digest, _)| digest.clone());
        let mut limits = last.and_then(|last| self.0.get(&(indicator.to_owned(), last))).map(|(_, rules)| rules.clone()).unwrap_or_default();
        limits.sort_by_key(|rule| !rule.starts_with("breach"));
        limits
    }
}

/// Parameters as they were at the cut-off.
pub(super) fn parameters(catalogue: &Catalogue, configuration: &Value) -> BTreeMap<String, f64> {
    let mut parameters: BTreeMap<String, f64> =
        catalogue.iter().flat_map(|indicator| &indicator.parameters).map(|parameter| (parameter.name.clone(), parameter.default)).collect();
    let set = configuration["parameters"].as_object().into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)));
    parameters.extend(set);
    parameters
}

/// Indicators that the configuration switched off, with the reason where one was given.
fn switched_off(configuration: &Value) -> Vec<(String, Option<String>)> {
    let ids = configuration["disabled"].as_array().into_iter().flatten().filter_map(Value::as_str);
    ids.map(|id| (id.to_owned(), configuration["reasons"][id].as_str().map(str::to_owned))).collect()
}

type Lines = Vec<(sections::FrontList, super::model::Line)>;

fn sections_of(
    ends: &Ends,
    values: &Values,
    provided: &Provided,
    indicators: &[Indicator],
    packs: &Packs,
    draft: &Draft,
) -> Result<(Vec<Section>, Lines), Error> {
    let (mut made, mut lines) = (Vec::new(), Vec::new());
    for section in sections::sections() {
        let (mut tables, mut lacks) = (Vec::new(), Vec::new());
        for table in &section.tables {
            let not_provided = provided.lacks(&table.feeds);
            let mut rows = if not_provided.is_empty() { Rows::read(table, ends, values)? } else { Rows { rows: Vec::new(), compared: None } };
            results::hold_against(&table.columns(), &mut rows.rows, packs)?;
            lacks.extend(lack(section.part, &table.fills, &not_provided, rows.rows.is_empty()));
            lines.extend(table.front.iter().filter_map(|line| front::line(line, &section.id, table, &rows)));
            let file = Csv::table(draft, table, &rows)?;
            tables.push(told(table, rows, not_provided, file));
        }
        let everything = section.indicators.iter().any(|id| id == ALL);
        if everything && indicators.iter().all(|indicator| indicator.now.ok + indicator.now.warning + indicator.now.breach == 0) {
            lacks.push("no reading is known at the end of the period".to_owned());
        }
        let shown = indicators.iter().filter(|indicator| everything || section.indicators.contains(&indicator.id)).map(|indicator| indicator.id.clone());
        lacks.dedup();
        made.push(Section {
            id: section.id.clone(),
            part: section.part,
            title: section.title.clone(),
            clauses: section.clauses.clone(),
            about: section.about.clone(),
            filled: lacks.is_empty(),
            lacks,
            tables,
            indicators: shown.collect(),
            form: section.form.clone(),
        });
    }
    Ok((made, lines))
}

/// What a section lacks because of a table.
fn lack(part: Part, fills: &Fills, not_provided: &[String], is_empty: bool) -> Option<String> {
    let nobody = || Some(format!("no source provides {}", not_provided.join(", "))).filter(|_| !not_provided.is_empty());
    match fills {
        Fills::Rows(lack) => is_empty.then(|| lack.clone()),
        Fills::Provided => nobody(),
        Fills::Nothing => nobody().filter(|_| part == Part::Recommended),
    }
}

fn told(table: &sections::Table, rows: Rows, not_provided: Vec<String>, file: String) -> Table {
    let Rows { mut rows, compared } = rows;
    let count = rows.len();
    rows.truncate(ROWS);
    Table {
        id: table.id.clone(),
        title: table.title.clone(),
        about: table.about.clone(),
        columns: table.columns(),
        key: table.key.clone(),
        rows,
        count,
        file,
        not_provided,
        compared,
        sql: Some(table.sql.clone()),
    }
}
