//! What requirements are, by what was found. It reads nothing; what is unknown shows nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    data::{self, Data, Query, Requirement, Source, Stage},
    found::{Found, all_ok, show, told},
    model::{Assessed, Crosswalk, Decided, Decision, Item, Level, Part, Readiness, Readings, Record, Standard, Status, Step},
};
use crate::{indicator::Catalogue, record::Feed};

/// What is looked at beside the data.
#[derive(Debug, Clone, Copy)]
pub struct Look<'l> {
    /// Requirements, queries and rules.
    pub data: &'l Data,
    /// What was found.
    pub found: &'l Found,
    /// What indicators refer to.
    pub catalogue: &'l Catalogue,
}

/// A requirement; for controls with what the Statement of Applicability says. `lacks` tells which of some feeds nobody provides.
pub fn assess(look: Look<'_>, requirement: &Requirement, decision: Option<&Decision>, lacks: &dyn Fn(&[Feed]) -> Vec<String>) -> Assessed {
    let (mut parts, mut declaring) = (Vec::new(), Vec::new());
    let mut not_provided = BTreeSet::new();
    for part in &requirement.parts {
        let (part_shown, undated) = shown(look.found, part);
        if !part_shown.is_shown {
            not_provided.extend(queries(look.data, &part.shown_by).flat_map(|query| lacks(&query.feeds)));
        }
        parts.push(part_shown);
        declaring.extend(undated);
    }
    for source in &requirement.declared {
        if let Source::Records(records) = source {
            let (dated, undated) = look.found.records(records);
            declaring.extend(dated.into_iter().chain(undated));
        }
    }
    let declared = told(declaring);
    let in_time: Vec<Readings> = requirement.in_time.iter().map(|readings| look.found.readings(readings)).collect();
    let is_excluded = decision.is_some_and(|decision| decision.decided == Decided::Excluded && decision.justification.is_some());
    let status = status(&parts, declared.count > 0, is_excluded);
    Assessed {
        id: requirement.id.clone(),
        title: requirement.title.clone(),
        group: requirement.group.clone(),
        asks: requirement.asks.clone(),
        documented: requirement.documented,
        status,
        level: (status != Status::Excluded).then(|| level(&look.data.rules.levels, status, &in_time)),
        parts,
        declared,
        in_time,
        not_provided: not_provided.into_iter().collect(),
        effort: requirement.effort,
        risk: requirement.risk,
        crosswalk: crosswalk(requirement, look.catalogue),
    }
}

/// A part, and the records that declare it and no more.
fn shown<'f>(found: &'f Found, part: &data::Part) -> (Part, Vec<&'f Record>) {
    let (mut showing, mut declaring, mut readings) = (Vec::new(), Vec::new(), Vec::new());
    for source in &part.shown_by {
        match source {
            Source::Records(records) => {
                let (dated, undated) = found.records(records);
                showing.extend(dated);
                declaring.extend(undated);
            }
            Source::Readings(asked) => readings.push(found.readings(asked)),
        }
    }
    let records = told(showing);
    let is_shown = records.count > 0 || readings.iter().any(show);
    (Part { what: part.what.clone(), is_shown, records, readings }, declaring)
}

fn queries<'d>(data: &'d Data, sources: &'d [Source]) -> impl Iterator<Item = &'d Query> {
    sources.iter().filter_map(|source| match source {
        Source::Records(records) => data.queries.iter().find(|query| query.id == records.query),
        Source::Readings(_) => None,
    })
}

fn status(parts: &[Part], is_declared: bool, is_excluded: bool) -> Status {
    let shown = parts.iter().filter(|part| part.is_shown).count();
    match (is_excluded, shown) {
        (true, _) => Status::Excluded,
        (false, 0) if is_declared => Status::Declared,
        (false, 0) => Status::Missing,
        (false, shown) if shown < parts.len() => Status::Partly,
        (false, _) => Status::Evidenced,
    }
}

/// The highest level whose conditions hold.
fn level(levels: &[Level], status: Status, in_time: &[Readings]) -> u8 {
    let periods = periods_ok(in_time);
    levels.iter().filter(|level| status >= level.needs && periods >= level.periods).map(|level| level.level).max().unwrap_or_default()
}

/// In how many periods, the latest first, all readings were ok; 0 where there is no indicator.
fn periods_ok(in_time: &[Readings]) -> usize {
    let of_one = |readings: &Readings| [&readings.now].into_iter().chain(&readings.before).take_while(|counts| all_ok(counts)).count();
    in_time.iter().map(of_one).min().unwrap_or_default()
}

/// Anchors elsewhere: those of the indicators that name the requirement, and those that it names itself.
fn crosswalk(requirement: &Requirement, catalogue: &Catalogue) -> Crosswalk {
    let (mut nist, mut act): (BTreeSet<&str>, BTreeSet<&str>) = Default::default();
    nist.extend(requirement.nist_ai_rmf.iter().map(String::as_str));
    act.extend(requirement.eu_ai_act.iter().map(String::as_str));
    let named: BTreeSet<&str> = requirement.indicators().collect();
    for indicator in catalogue.iter().filter(|indicator| named.contains(indicator.id.to_string().as_str())) {
        let references = &indicator.references;
        if references.clause.iter().chain(&references.annex_a).any(|reference| *reference == requirement.id) {
            nist.extend(references.nist_ai_rmf.iter().map(String::as_str));
            act.extend(references.eu_ai_act.iter().map(String::as_str));
        }
    }
    let same = |standard| requirement.same_in.contains(&standard).then(|| requirement.id.clone());
    let sorted = |anchors: BTreeSet<&str>| {
        let mut anchors: Vec<String> = anchors.into_iter().map(str::to_owned).collect();
        anchors.sort_by_key(|anchor| by_number(anchor));
        anchors
    };
    Crosswalk { nist_ai_rmf: sorted(nist), eu_ai_act: sorted(act), iso_27001: same(Standard::Iso27001), iso_9001: same(Standard::Iso9001) }
}

/// An anchor as it is sorted: words, then numbers by their size.
fn by_number(anchor: &str) -> (String, Vec<u32>) {
    let digits = anchor.find(|c: char| c.is_ascii_digit()).unwrap_or(anchor.len());
    (anchor[..digits].to_owned(), anchor[digits..].split('.').filter_map(|number| number.parse().ok()).collect())
}

/// What is to be done: what is at stake first, then what is furthest away, then what takes least.
pub fn roadmap(requirements: &[Assessed], statement: &[Decision]) -> Vec<Step> {
    let decisions: BTreeMap<&str, &Decision> = statement.iter().map(|decision| (decision.control.as_str(), decision)).collect();
    let step = |assessed: &Assessed| {
        let to_do = to_do(assessed, decisions.get(assessed.id.as_str()).copied());
        let Assessed { id, title, status, risk, effort, .. } = assessed;
        (!to_do.is_empty()).then(|| Step { requirement: id.clone(), title: title.clone(), status: *status, risk: *risk, effort: *effort, to_do })
    };
    let mut steps: Vec<Step> = requirements.iter().filter_map(step).collect();
    // The sort keeps the order of the standard among those that are alike.
    steps.sort_by_key(|step| (step.risk, step.status, step.effort));
    steps
}

/// What a requirement lacks, in words.
fn to_do(assessed: &Assessed, decision: Option<&Decision>) -> Vec<String> {
    if assessed.status == Status::Excluded {
        return Vec::new();
    }
    let mut to_do = Vec::new();
    match decision.map(|decision| (decision.decided, decision.justification.is_some())) {
        Some((Decided::NotDecided, _)) => to_do.push("decide whether it applies, and say why".to_owned()),
        Some((Decided::Disputed, _)) => to_do.push("settle whether it applies: registers disagree".to_owned()),
        Some((_, false)) => to_do.push("justify the decision on it".to_owned()),
        _ => {}
    }
    to_do.extend(assessed.parts.iter().filter(|part| !part.is_shown).map(|part| format!("show: {}", part.what)));
    to_do.extend(assessed.in_time.iter().filter(|readings| !all_ok(&readings.now)).map(late));
    if !assessed.not_provided.is_empty() && assessed.status != Status::Evidenced {
        to_do.push(format!("provide records, which no source does: {}", assessed.not_provided.join(", ")));
    }
    to_do
}

fn late(readings: &Readings) -> String {
    let counts = &readings.now;
    let all = [(counts.breach, "in breach"), (counts.unknown, "unknown"), (counts.warning, "in warning")];
    let told: Vec<_> = all.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let labels: String = readings.labels.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    let what = if told.is_empty() { "no reading".to_owned() } else { told.join(", ") };
    format!("bring in time: {}{labels} ({what})", readings.indicator)
}

/// The stages of an audit.
pub fn readiness(stages: &[Stage], requirements: &[Assessed]) -> Vec<Readiness> {
    let of = |id: &str| requirements.iter().find(|assessed| assessed.id == id).map_or(Status::Missing, |assessed| assessed.status);
    let stage = |stage: &Stage| {
        let item = |item: &data::Item| {
            let status = of(&item.requirement);
            Item { what: item.what.clone(), requirement: item.requirement.clone(), needs: item.needs, status, is_there: status >= item.needs }
        };
        let items: Vec<Item> = stage.items.iter().map(item).collect();
        Readiness { id: stage.id.clone(), title: stage.title.clone(), there: items.iter().filter(|item| item.is_there).count(), items }
    };
    stages.iter().map(stage).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::model::Counts;

    fn readings(now: Counts, before: &[Counts]) -> Readings {
        Readings { indicator: "i".to_owned(), labels: BTreeMap::new(), now, before: before.to_vec() }
    }

    const OK: Counts = Counts { ok: 2, warning: 0, breach: 0, unknown: 0, absent: 1 };
    const UNKNOWN: Counts = Counts { ok: 2, warning: 0, breach: 0, unknown: 1, absent: 0 };

    #[test]
    fn levels_are_what_their_rules_say() {
        let levels = &data::data().rules.levels;
        let warning = Counts { warning: 1, ..OK };
        for (status, in_time, expected) in [
            (Status::Missing, vec![readings(OK, &[OK; 4])], 0),
            (Status::Declared, vec![readings(OK, &[OK; 4])], 1),
            (Status::Partly, vec![readings(OK, &[OK; 4])], 1),
            (Status::Evidenced, Vec::new(), 2),
            (Status::Evidenced, vec![readings(UNKNOWN, &[OK; 4])], 2),
            (Status::Evidenced, vec![readings(warning, &[OK; 4])], 2),
            (Status::Evidenced, vec![readings(Counts::default(), &[])], 2),
            (Status::Evidenced, vec![readings(OK, &[OK, OK])], 3),
            (Status::Evidenced, vec![readings(OK, &[OK, OK, UNKNOWN])], 3),
            (Status::Evidenced, vec![readings(OK, &[OK, OK, OK, UNKNOWN])], 4),
            (Status::Evidenced, vec![readings(OK, &[OK; 4]), readings(OK, &[UNKNOWN])], 3),
        ] {
            assert_eq!(level(levels, status, &in_time), expected, "{status:?} {in_time:?}");
        }
    }

    #[test]
    fn what_is_unknown_or_in_breach_shows_nothing() {
        let breach = Counts { breach: 3, ..Counts::default() };
        for (counts, expected) in
            [(OK, true), (UNKNOWN, true), (breach, false), (Counts { unknown: 1, ..Counts::default() }, false), (Counts::default(), false)]
        {
            assert_eq!(show(&readings(counts, &[])), expected, "{counts:?}");
        }
        assert_eq!(super::super::found::plain("AI-Policy (v2) A.6.2"), "aipolicyv2a.6.2");
    }

    #[test]
    fn anchors_are_sorted_by_their_numbers() {
        let mut anchors = ["Art. 72", "Art. 9", "MEASURE 2.11", "MEASURE 2.4"];
        anchors.sort_by_key(|anchor| by_number(anchor));
        assert_eq!(anchors, ["Art. 9", "Art. 72", "MEASURE 2.4", "MEASURE 2.11"]);
    }
}
