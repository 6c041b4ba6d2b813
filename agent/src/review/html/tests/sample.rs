//! Packs of hand-made values: an organisation with a bit of everything, one of which nothing is known, and a big one.

use std::collections::BTreeMap;

use crate::{
    record::{Zone, day_number},
    review::model::*,
    threshold::State,
};

const DAY: i64 = 86_400;

fn date(text: &str) -> i64 {
    day_number(text.parse().unwrap())
}

fn zone() -> Zone {
    Zone::parse("Europe/Berlin").unwrap()
}

fn period(name: &str, first: &str, last: &str) -> Period {
    let (first_day, last_day) = (date(first), date(last));
    Period { name: name.to_owned(), from: zone().start_of(first_day), until: zone().end_of(last_day), first_day, last_day }
}

fn entry(entry: i64, at: i64) -> Entry {
    Entry { entry, digest: format!("{entry:04x}").repeat(16), at }
}

/// A pack with no section and no indicator, of which half a day nobody watched.
pub fn bare() -> Pack {
    let of = period("2026-Q3", "2026-07-01", "2026-09-30");
    let before = [
        ("2026-Q2", "2026-04-01", "2026-06-30"),
        ("2026-Q1", "2026-01-01", "2026-03-31"),
        ("2025-Q4", "2025-10-01", "2025-12-31"),
        ("2025-Q3", "2025-07-01", "2025-09-30"),
    ];
    let gap = of.from + 40 * DAY;
    Pack {
        format: FORMAT.to_owned(),
        version: VERSION,
        header: Header {
            organisation: "Northwind Lending SE".to_owned(),
            zone: "Europe/Berlin".to_owned(),
            cut_off: of.until,
            as_of: None,
            before: before.map(|(name, first, last)| period(name, first, last)).to_vec(),
            known_since: of.from - 200 * DAY,
            watched: vec![Span { from: of.from, until: gap }, Span { from: gap + 9 * DAY / 2, until: of.until }],
            unwatched: 9 * DAY / 2,
            seen_until: Some(of.until),
            program: "0.1.0 (c211d4a; default)".to_owned(),
            configuration: Some("9f3c".repeat(16)),
            evidence: Some(entry(48_210, of.until - 40)),
            evidence_before: Some(entry(31_007, of.from - 12)),
            previous: Some(Previous { period: "2026-Q2".to_owned(), cut_off: of.from, digest: "77ab".repeat(16), evidence: Some(entry(31_007, of.from - 12)) }),
            methods: vec![Method { indicator: "drift_psi".to_owned(), digest: "ab01".repeat(16), from: of.from, entry: Some(12) }],
            inputs_filled: 0,
            inputs: 7,
            period: of,
        },
        front: Front::default(),
        sections: Vec::new(),
        indicators: Vec::new(),
    }
}

pub fn labels(labels: &[(&str, &str)]) -> BTreeMap<String, String> {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn shown(state: State, value: f64) -> Option<Shown> {
    Some(Shown { state, value: (state != State::Unknown).then_some(value) })
}

/// Steps: from day to day of the period, state and value.
fn steps(header: &Header, steps: &[(f64, f64, State, f64)]) -> Vec<Step> {
    #[expect(clippy::cast_possible_truncation, reason = "days of a quarter")]
    let at = |day: f64| (header.period.from + (day * 86_400.0) as i64).min(header.period.until);
    steps
        .iter()
        .map(|(from, until, state, value)| Step {
            from: at(*from),
            until: at(*until),
            state: *state,
            value: (*state != State::Unknown).then_some(*value),
            value_at_end: None,
        })
        .collect()
}

/// A reading that was what these steps tell.
pub fn reading(header: &Header, of: &[(&str, &str)], course: &[(f64, f64, State, f64)]) -> Reading {
    let course = steps(header, course);
    let mut time = Time { unwatched: header.unwatched, ..Time::default() };
    for step in &course {
        let seconds = step.until - step.from;
        match step.state {
            State::Ok => time.ok += seconds,
            State::Warning => time.warning += seconds,
            State::Breach => time.breach += seconds,
            State::Unknown => time.unknown += seconds,
        }
    }
    time.absent = header.period.until - header.period.from - time.ok - time.warning - time.breach - time.unknown - time.unwatched;
    let end = course.last().filter(|step| step.until == header.period.until).map(|step| Shown { state: step.state, value: step.value });
    let breach = course.iter().find(|step| step.state == State::Breach).map(|step| step.from);
    let is_state = |state| end.is_some_and(|end| end.state == state);
    Reading {
        labels: labels(of),
        formerly: Vec::new(),
        begin: course.first().map(|step| Shown { state: step.state, value: step.value }),
        end,
        change: Some(if is_state(State::Ok) { Change::Better } else { Change::Worse }),
        adverse: false,
        time,
        changes: course.len() - 1,
        first_breach: breach,
        in_breach_since: breach.filter(|_| is_state(State::Breach)),
        worst: course.iter().filter_map(|step| Some(Worst { at: step.from, value: step.value? })).max_by(|one, other| one.value.total_cmp(&other.value)),
        reason: is_state(State::Unknown).then(|| "the source models is stale: last read 3 days ago".to_owned()),
        rule: is_state(State::Breach).then(|| "breach: >= 0.25".to_owned()),
        method_changes: Vec::new(),
        method: Some("ab01".repeat(16)),
        entry: Some(48_000),
        before: vec![shown(State::Ok, 0.08), shown(State::Ok, 0.05), None, shown(State::Warning, 0.12)],
        course,
        coarse: false,
    }
}

/// An indicator with these readings.
pub fn indicator(id: &str, title: &str, unit: &str, readings: Vec<Reading>) -> Indicator {
    let mut now = Counts::default();
    let mut time = Time::default();
    for reading in &readings {
        match reading.end.map(|end| end.state) {
            Some(State::Ok) => now.ok += 1,
            Some(State::Warning) => now.warning += 1,
            Some(State::Breach) => now.breach += 1,
            Some(State::Unknown) => now.unknown += 1,
            None => now.absent += 1,
        }
        time.ok += reading.time.ok;
        time.warning += reading.time.warning;
        time.breach += reading.time.breach;
        time.unknown += reading.time.unknown;
        time.absent += reading.time.absent;
        time.unwatched += reading.time.unwatched;
    }
    let before = [
        Counts { ok: 3, warning: 1, ..Counts::default() },
        Counts { ok: 2, ..Counts::default() },
        Counts::default(),
        Counts { ok: 1, warning: 1, ..Counts::default() },
    ];
    Indicator {
        id: id.to_owned(),
        title: title.to_owned(),
        about: format!("{title}: what it means, in the words of the catalogue, so that somebody who never saw it knows what is counted."),
        unit: unit.to_owned(),
        worse: Worse::Larger,
        references: [("clause".to_owned(), vec!["9.1".to_owned(), "9.3.2".to_owned()]), ("annex_a".to_owned(), vec!["A.6.2.6".to_owned()])].into(),
        frequency: "every hour".to_owned(),
        limits: vec!["breach: >= 0.25".to_owned(), "warning: >= 0.1".to_owned()],
        now,
        before: before.to_vec(),
        time,
        method_changes: Vec::new(),
        count: readings.len(),
        readings,
        left_out: 0,
        missing: None,
    }
}

fn item(indicator: &Indicator, reading: &Reading) -> Item {
    Item {
        indicator: indicator.id.clone(),
        title: indicator.title.clone(),
        labels: reading.labels.clone(),
        readings: 1,
        before: reading.before.first().copied().flatten(),
        now: reading.end,
        since: reading.in_breach_since.or(reading.course.last().map(|step| step.from)),
        why: reading.reason.clone().or(reading.rule.clone()),
    }
}

pub fn section(id: &str, part: Part, title: &str) -> Section {
    Section {
        id: id.to_owned(),
        part,
        title: title.to_owned(),
        clauses: vec![format!("9.3.2 {}", if part == Part::Input { &id[..1] } else { "" }).trim().to_owned()],
        about: format!("What a review must know of this: {}.", title.to_lowercase()),
        filled: true,
        lacks: Vec::new(),
        tables: Vec::new(),
        indicators: Vec::new(),
        form: Vec::new(),
    }
}

/// Ids and titles of all sections, in the order in which they are read.
pub const SECTIONS: [(&str, Part, &str); 17] = [
    ("a", Part::Input, "Status of actions from earlier reviews"),
    ("b", Part::Input, "Changes in external and internal issues"),
    ("c", Part::Input, "Changes in needs and expectations of interested parties"),
    ("d.1", Part::Input, "Nonconformities and corrective actions"),
    ("d.2", Part::Input, "Results of monitoring and measurement"),
    ("d.3", Part::Input, "Results of audits"),
    ("e", Part::Input, "Opportunities for continual improvement"),
    ("r1", Part::Recommended, "AI objectives"),
    ("r2", Part::Recommended, "Risks"),
    ("r3", Part::Recommended, "Impact assessments"),
    ("r4", Part::Recommended, "Statement of applicability"),
    ("r5", Part::Recommended, "Resources and competence"),
    ("r6", Part::Recommended, "Incidents and notifications"),
    ("r7", Part::Recommended, "Suppliers"),
    ("r8", Part::Recommended, "Calendar of what the law asks for"),
    ("results", Part::Results, "Results of the review"),
    ("corrections", Part::Corrections, "Corrections of earlier packs"),
];

fn column(name: &str, title: &str, kind: ColumnKind) -> Column {
    Column { name: name.to_owned(), title: title.to_owned(), kind }
}

pub fn table(id: &str, title: &str, columns: &[(&str, &str, ColumnKind)], rows: Vec<Row>) -> Table {
    Table {
        id: id.to_owned(),
        title: title.to_owned(),
        about: "One row for each; what is closed stays until the next review.".to_owned(),
        columns: columns.iter().map(|(name, title, kind)| column(name, title, *kind)).collect(),
        key: Vec::new(),
        count: rows.len(),
        rows,
        file: format!("csv/{id}.csv"),
        not_provided: Vec::new(),
        compared: None,
        sql: Some("SELECT 1".to_owned()),
    }
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn actions(header: &Header) -> Table {
    let columns = [
        ("id", "No.", ColumnKind::Text),
        ("title", "Action", ColumnKind::Text),
        ("owner", "Owner", ColumnKind::Text),
        ("due", "Due", ColumnKind::Day),
        ("late", "Late", ColumnKind::Days),
        ("state", "State", ColumnKind::State),
        ("url", "Evidence", ColumnKind::Link),
    ];
    let day = header.period.first_day;
    let row = |id: &str, title: &str, due: i64, late: i64, state: &str, change| Row {
        cells: vec![
            text(id),
            text(title),
            text("Head of lending"),
            Cell::Integer(due),
            Cell::Integer(late),
            text(state),
            text("https://tracker.example.org/1"),
        ],
        change: Some(change),
        before: Vec::new(),
    };
    let mut changed = row("MR-7", "Add a reviewer who speaks Polish to the appeals desk", day + 20, 72, "breach", RowChange::Changed);
    changed.before = vec![
        text("MR-7"),
        text("Add a reviewer who speaks Polish to the appeals desk"),
        text("Head of service"),
        Cell::Integer(day - 10),
        Cell::Integer(72),
        text("ok"),
        Cell::Nothing,
    ];
    let rows = vec![
        changed,
        row("MR-9", "Limit automatic refusals to amounts below 5,000", day + 100, 0, "ok", RowChange::New),
        row("MR-3", "Retire the old scoring model", day - 50, 0, "ok", RowChange::Gone),
    ];
    Table {
        compared: Some(Compared { with: Some(header.period.from), new: 1, gone: 1, changed: 1, only_changes: false }),
        ..table("actions", "Actions decided by earlier reviews", &columns, rows)
    }
}

fn nonconformities(header: &Header) -> Table {
    let columns = [
        ("begins", "Period from", ColumnKind::Day),
        ("kind", "Kind", ColumnKind::Text),
        ("opened", "Opened", ColumnKind::Number),
        ("closed", "Closed", ColumnKind::Number),
        ("open_at_end", "Open at the end", ColumnKind::Number),
    ];
    let amounts = [(Some(6), 2, 7), (Some(2), 5, 3), (Some(4), 1, 6), (Some(3), 2, 3), (None, 1, 2)];
    let number = |number: Option<i64>| number.map_or(Cell::Nothing, Cell::Integer);
    let row = |(period, (opened, closed, open)): (&Period, (Option<i64>, i64, i64)), kind: &str| Row {
        cells: vec![Cell::Integer(period.first_day), text(kind), number(opened), Cell::Integer(closed), Cell::Integer(open)],
        change: None,
        before: Vec::new(),
    };
    let periods = || [&header.period].into_iter().chain(&header.before).zip(amounts);
    let rows = periods().map(|one| row(one, "nonconformity")).chain(periods().map(|one| row(one, "corrective_action"))).collect();
    table("nonconformities", "Nonconformities and corrective actions by period", &columns, rows)
}

/// An organisation with a bit of everything.
pub fn pack() -> Pack {
    let mut pack = bare();
    let header = pack.header.clone();
    pack.indicators = vec![drift(&header), assessments(&header), reviews(&header), risks()];
    pack.front = front(&pack.indicators);
    pack.sections = sections(&header);
    pack.header.inputs_filled = 6;
    pack
}

fn drift(header: &Header) -> Indicator {
    use State::{Breach, Ok, Unknown, Warning};
    let mut income = reading(
        header,
        &[("system", "credit-scoring"), ("feature", "income"), ("risk_tier", "high")],
        &[
            (0.0, 18.0, Ok, 0.06),
            (18.0, 27.0, Ok, 0.09),
            (27.0, 40.0, Warning, 0.14),
            (44.5, 52.0, Warning, 0.19),
            (52.0, 60.0, Unknown, 0.0),
            (60.0, 78.0, Breach, 0.31),
            (78.0, 93.0, Breach, 0.36),
        ],
    );
    income.adverse = true;
    income.method_changes = vec![MethodChange { at: header.period.from + 33 * DAY, method: "cd02".repeat(16) }];
    let age = reading(header, &[("system", "credit-scoring"), ("feature", "age"), ("risk_tier", "high")], &[(0.0, 40.0, Ok, 0.02), (44.5, 93.0, Ok, 0.03)]);
    let stale = reading(
        header,
        &[("system", "cv-screening"), ("feature", "years_of_experience")],
        &[(0.0, 40.0, Ok, 0.05), (44.5, 70.0, Warning, 0.11), (70.0, 93.0, Unknown, 0.0)],
    );
    let gone = reading(header, &[("system", "chat-assistant"), ("feature", "length")], &[(0.0, 30.0, Warning, 0.12)]);
    let mut drift = indicator("drift_psi", "Feature drift (PSI)", "", vec![income, stale, gone, age]);
    drift.method_changes = vec![MethodChange { at: header.period.from + 33 * DAY, method: "cd02".repeat(16) }];
    drift
}

fn assessments(header: &Header) -> Indicator {
    use State::{Breach, Ok};
    let mut late = reading(header, &[("system", "cv-screening"), ("risk_tier", "high")], &[(0.0, 40.0, Ok, 0.0), (44.5, 93.0, Breach, 1.0)]);
    late.rule = Some("breach: >= 1 when risk_tier=high".to_owned());
    let mut assessments = indicator(
        "impact_assessments_overdue",
        "Impact assessments overdue",
        "assessments",
        vec![late, reading(header, &[("system", "chat-assistant")], &[(0.0, 40.0, Ok, 0.0), (44.5, 93.0, Ok, 0.0)])],
    );
    assessments.limits = vec!["breach: >= 1 when risk_tier=high".to_owned(), "warning: >= 1".to_owned()];
    assessments
}

fn reviews(header: &Header) -> Indicator {
    use State::{Breach, Warning};
    let mut review = reading(header, &[], &[(0.0, 40.0, Warning, -500_000.0), (44.5, 93.0, Breach, 0.0)]);
    for (step, (from, to)) in review.course.iter_mut().zip([(-2_000_000.0, 1_456_000.0), (1_844_800.0, 6_035_200.0)]) {
        (step.value, step.value_at_end) = (Some(from), Some(to));
    }
    review.end = shown(Breach, 6_035_200.0);
    review.before = vec![shown(Warning, -2_000_000.0), None, None, None];
    review.rule = Some("breach: > 0".to_owned());
    let mut reviews = indicator("management_review_overdue_seconds", "Management review overdue", "seconds", vec![review]);
    reviews.limits = vec!["breach: > 0".to_owned(), "warning: > -14d".to_owned()];
    reviews
}

fn risks() -> Indicator {
    let mut risks = indicator("risks_above_tolerance", "Risks above tolerance", "risks", Vec::new());
    (risks.missing, risks.before) = (Some("no source provides cases(risk)".to_owned()), vec![Counts::default(); 4]);
    risks
}

fn front(indicators: &[Indicator]) -> Front {
    let breaches: Vec<_> = indicators
        .iter()
        .flat_map(|indicator| indicator.readings.iter().map(move |reading| (indicator, reading)))
        .filter(|(_, reading)| reading.in_breach_since.is_some())
        .map(|(indicator, reading)| item(indicator, reading))
        .collect();
    let drift = &indicators[0];
    let unknown = item(drift, &drift.readings[1]);
    let better = Item {
        before: shown(State::Breach, 3.0),
        now: shown(State::Ok, 0.0),
        indicator: "incidents_open".to_owned(),
        title: "Open incidents".to_owned(),
        labels: labels(&[("system", "chat-assistant")]),
        readings: 1,
        since: None,
        why: None,
    };
    Front {
        now: Counts { ok: 31, warning: 4, breach: 3, unknown: 6, absent: 1 },
        before: vec![
            Counts { ok: 33, warning: 5, breach: 1, unknown: 2, absent: 0 },
            Counts { ok: 28, warning: 3, breach: 2, unknown: 4, absent: 0 },
            Counts::default(),
            Counts { ok: 20, warning: 2, breach: 0, unknown: 9, absent: 0 },
        ],
        worse: List { count: 3, items: breaches.clone() },
        better: List { count: 1, items: vec![better] },
        adverse: List { count: 1, items: vec![item(drift, &drift.readings[0])] },
        in_breach: List { count: 3, items: breaches },
        unknown: List {
            count: 6,
            items: vec![
                unknown.clone(),
                Item { readings: 5, labels: labels(&[("system", "cv-screening")]), title: "Bias: parity difference".to_owned(), ..unknown },
            ],
        },
        unseen: unseen(),
        decisions: decisions(),
    }
}

fn unseen() -> Vec<Line> {
    vec![
        Line { text: "Nobody watched from 10 Aug 2026 to 14 Aug 2026 (4 days 12 hours).".to_owned(), section: None, ..Line::default() },
        Line { text: "Nothing provides cases(risk): risks are unknown.".to_owned(), section: Some("r2".to_owned()), ..Line::default() },
        Line { text: "2 of 14 planned analyses of monitoring results were not made.".to_owned(), section: Some("d.2".to_owned()), ..Line::default() },
    ]
}

fn decisions() -> Vec<Line> {
    vec![
        Line {
            text: "Keep the credit-scoring model in use while its income feature drifts, or roll it back?".to_owned(),
            section: Some("d.2".to_owned()),
            ..Line::default()
        },
        Line {
            text: "1 action of an earlier review is 72 days late: give it another owner or another day?".to_owned(),
            section: Some("a".to_owned()),
            table: Some("actions".to_owned()),
            which: vec!["Second reviewer for rejections (Head of credit, due 2026-07-20)".to_owned()],
            others: 0,
        },
        Line { text: "The impact assessment of cv-screening is overdue: who does it by when?".to_owned(), section: Some("r3".to_owned()), ..Line::default() },
    ]
}

fn sections(header: &Header) -> Vec<Section> {
    let mut sections = SECTIONS.map(|(id, part, title)| section(id, part, title)).to_vec();
    for section in &mut sections {
        match section.id.as_str() {
            "a" => section.tables = vec![actions(header)],
            "b" => {
                section.filled = false;
                section.lacks = vec!["No register of external and internal issues is provided.".to_owned()];
                section.tables = vec![Table {
                    not_provided: vec!["cases(change)".to_owned()],
                    ..table("issues", "Issues", &[("title", "Issue", ColumnKind::Text)], Vec::new())
                }];
            }
            "c" => section.tables = vec![table("parties", "Interested parties", &[("name", "Party", ColumnKind::Text)], Vec::new())],
            "d.1" => section.tables = vec![nonconformities(header)],
            "d.2" => section.indicators = vec!["drift_psi".to_owned(), "management_review_overdue_seconds".to_owned()],
            "r2" => section.indicators = vec!["risks_above_tolerance".to_owned()],
            "r3" => section.indicators = vec!["impact_assessments_overdue".to_owned(), "drift_psi".to_owned()],
            "results" => section.form = ["No.", "Decision", "Owner (role)", "Due", "Resources", "Section"].map(str::to_owned).to_vec(),
            _ => {}
        }
    }
    sections
}

/// Five hundred readings that are not ok, of five indicators, each with as many steps as there can be.
pub fn big() -> Pack {
    let mut pack = pack();
    let header = pack.header.clone();
    let states = [State::Breach, State::Warning, State::Unknown];
    let course: Vec<_> = (0..STEPS)
        .map(|step| {
            let at = |step: usize| 93.0 * f64::from(u32::try_from(step).unwrap()) / f64::from(u32::try_from(STEPS).unwrap());
            (at(step), at(step + 1), states[step % 3], at(step))
        })
        .collect();
    let names = ["drift_distance", "drift_p_value", "bias_demographic_parity_difference", "bias_disparate_impact_ratio", "data_quality_checks_failed"];
    for name in names {
        let one = |number: usize| reading(&header, &[("system", &format!("system-{number}")), ("feature", "x")], &course);
        pack.indicators.push(indicator(name, &name.replace('_', " "), "", (0..READINGS).map(one).collect()));
        pack.sections[4].indicators.push(name.to_owned());
    }
    pack
}
