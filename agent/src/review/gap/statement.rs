//! The Statement of Applicability: what registers say of every control, and nothing where none does. Where registers disagree, the more careful word counts.

use std::collections::BTreeMap;

use super::{
    data::Data,
    model::{Decided, Decision, Record},
};
use crate::{
    review::{Error, moments::Values},
    store::AsOf,
};

/// A line of a register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The register, and the line's id.
    pub record: Record,
    /// Whether the control applies.
    pub applies: bool,
    /// Why, or why not; empty: it does not say.
    pub justification: String,
    /// How far it is.
    pub status: Option<String>,
    /// When evidence was recorded.
    pub evidence_day: Option<i64>,
    /// Until when that counts.
    pub evidence_until: Option<i64>,
    /// When it was audited.
    pub audited_day: Option<i64>,
}

/// What registers say, by control.
#[derive(Debug, Default)]
pub struct Registers {
    lines: BTreeMap<String, Vec<Line>>,
    /// What reported audits covered, and when.
    audits: Vec<(String, Option<i64>)>,
}

impl Registers {
    /// Reads them.
    ///
    /// # Errors
    /// [`Error::Table`].
    pub fn read(data: &Data, end: &AsOf, values: &Values) -> Result<Self, Error> {
        let wrong = |table: &'static str| move |source| Error::Table { table: table.to_owned(), source };
        let mut lines: BTreeMap<String, Vec<Line>> = BTreeMap::new();
        let sql = &data.rules.statement;
        let each = end.tables().rows(sql, &values.of_query(sql), |row| {
            let line = Line {
                record: Record { source: row.get(1)?, id: row.get(2)?, day: None },
                applies: row.get(3)?,
                justification: row.get(4)?,
                status: row.get(5)?,
                evidence_day: row.get(6)?,
                evidence_until: row.get(7)?,
                audited_day: row.get(8)?,
            };
            Ok((row.get::<String>(0)?, line))
        });
        for (control, line) in each.map_err(wrong("statement"))? {
            lines.entry(control).or_default().push(line);
        }
        let sql = &data.rules.audits;
        let audits = end.tables().rows(sql, &values.of_query(sql), |row| Ok((row.get(0)?, row.get(3)?)));
        Ok(Self { lines, audits: audits.map_err(wrong("audits"))? })
    }

    /// What they say of a control.
    pub fn decision(&self, control: &str, title: Option<&str>, last_day: i64) -> Decision {
        let lines = self.lines.get(control).map(Vec::as_slice).unwrap_or_default();
        let listed = self.audits.iter().filter(|(requirements, _)| requirements.split_whitespace().any(|word| covers(word, control)));
        decide(control, title, lines, listed.filter_map(|(_, day)| *day).max(), last_day)
    }

    /// Controls that are none of these.
    pub fn others<'l>(&'l self, known: &'l [&str]) -> impl Iterator<Item = &'l str> {
        self.lines.keys().map(String::as_str).filter(|control| !known.contains(control))
    }
}

/// Whether a word of an audit's requirements stands for a control: its id, or what it is below.
fn covers(word: &str, control: &str) -> bool {
    control.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn decide(control: &str, title: Option<&str>, lines: &[Line], audited: Option<i64>, last_day: i64) -> Decision {
    let decided = match (lines.iter().any(|line| line.applies), lines.iter().any(|line| !line.applies)) {
        (true, true) => Decided::Disputed,
        (true, false) => Decided::Applicable,
        (false, true) => Decided::Excluded,
        (false, false) => Decided::NotDecided,
    };
    // Those that say that it applies count where they disagree with others.
    let counted: Vec<&Line> = lines.iter().filter(|line| line.applies == (decided != Decided::Excluded)).collect();
    let every = |of: fn(&Line) -> Option<i64>| counted.iter().map(|line| of(line)).collect::<Option<Vec<_>>>().and_then(|days| days.into_iter().min());
    let evidence_day = every(|line| line.evidence_day).filter(|day| *day <= last_day);
    let evidence_until = evidence_day.and_then(|_| every(|line| line.evidence_until));
    let mut reasons: Vec<&str> = counted.iter().map(|line| line.justification.as_str()).collect();
    let all_justified = !reasons.is_empty() && reasons.iter().all(|reason| !reason.is_empty());
    reasons.dedup();
    let applies = matches!(decided, Decided::Applicable | Decided::Disputed);
    Decision {
        control: control.to_owned(),
        title: title.map(str::to_owned),
        decided,
        justification: all_justified.then(|| reasons.join("; ")),
        status: counted.iter().min_by_key(|line| progress(line.status.as_deref())).and_then(|line| line.status.clone()),
        evidence_day,
        evidence_until,
        evidence_is_current: applies && evidence_until.is_some_and(|until| until >= last_day),
        audited_day: lines.iter().filter_map(|line| line.audited_day).chain(audited).filter(|day| *day <= last_day).max(),
        lines: lines.iter().map(|line| line.record.clone()).collect(),
    }
}

/// How far a status is; one that is not said comes before all.
fn progress(status: Option<&str>) -> u8 {
    match status {
        Some("not_applicable") => 1,
        Some("planned") => 2,
        Some("partial") => 3,
        Some("implemented") => 4,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(source: &str, applies: bool, justification: &str, status: &str, evidence: Option<(i64, i64)>) -> Line {
        Line {
            record: Record { source: source.to_owned(), id: "1".to_owned(), day: None },
            applies,
            justification: justification.to_owned(),
            status: Some(status.to_owned()),
            evidence_day: evidence.map(|(day, _)| day),
            evidence_until: evidence.map(|(_, until)| until),
            audited_day: None,
        }
    }

    #[test]
    fn of_several_registers_the_careful_word_counts() {
        let good = line("one", true, "R-1", "implemented", Some((90, 200)));
        let decided = |lines: &[Line]| decide("A.2.2", None, lines, Some(80), 100);
        let alone = decided(std::slice::from_ref(&good));
        assert_eq!((alone.decided, alone.evidence_is_current, alone.audited_day), (Decided::Applicable, true, Some(80)));
        let both = decided(&[good.clone(), line("two", true, "", "planned", None)]);
        assert_eq!((both.justification, both.status.as_deref(), both.evidence_is_current), (None, Some("planned"), false));
        let disputed = decided(&[good.clone(), line("two", false, "none", "not_applicable", None)]);
        assert_eq!((disputed.decided, disputed.status.as_deref(), disputed.evidence_is_current), (Decided::Disputed, Some("implemented"), true));
        let excluded = decided(&[line("one", false, "nothing is bought", "not_applicable", Some((90, 200)))]);
        assert_eq!((excluded.decided, excluded.evidence_is_current), (Decided::Excluded, false));
        assert_eq!(excluded.justification.as_deref(), Some("nothing is bought"));
        let nothing = decided(&[]);
        assert_eq!((nothing.decided, nothing.justification, nothing.status), (Decided::NotDecided, None, None));
        let last_day = decided(&[line("one", true, "R-1", "implemented", Some((1, 100)))]);
        let late = decided(&[line("one", true, "R-1", "implemented", Some((1, 99)))]);
        assert_eq!((last_day.evidence_is_current, late.evidence_is_current), (true, false));
    }

    #[test]
    fn an_audit_covers_what_is_below_its_words() {
        for (word, control, expected) in
            [("A.6", "A.6.2.4", true), ("A.6.2.4", "A.6.2.4", true), ("A.1", "A.10.2", false), ("A", "A.2.2", true), ("6", "A.6.2.4", false)]
        {
            assert_eq!(covers(word, control), expected, "{word} {control}");
        }
    }
}
