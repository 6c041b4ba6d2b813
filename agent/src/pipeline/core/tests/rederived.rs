//! What is stored, computed again: as it was stored it comes out; edited it does not, each edit alone, and what is told names it.

use super::*;
use crate::{
    pipeline::{Computed, Outcome, Rederiver},
    store::Reader,
};

/// A rule that waits, a silent tracker, a new limit, an incident that is resolved and one that is moved.
fn lived() -> Bench {
    let rule = "thresholds:\n  - { indicator: incidents_open, when: { severity: high }, breach: \">= 2\", and: {}, for: 30m }\n";
    let mut bench = bench(rule, ", stale_after: 2h");
    bench.core.evaluate(NOON);
    bench.deliver("inventory", &[system("a"), system("b")], NOON);
    bench.deliver("tracker", &[incident("1", "a", "high"), incident("2", "a", "high"), incident("3", "b", "critical")], NOON + MINUTE);
    bench.core.evaluate(NOON + 31 * MINUTE);
    bench.core.evaluate(NOON + 4 * HOUR);
    bench.deliver("tracker", &[incident("1", "a", "high"), incident("3", "a", "critical")], NOON + 5 * HOUR);
    let stricter = "thresholds:\n  - { indicator: incidents_open, when: { severity: high }, breach: \">= 1\", and: {} }\n";
    let config = config(bench.folder.path(), stricter, ", stale_after: 2h");
    bench.core.configure(config, NOON + 6 * HOUR).unwrap();
    bench.deliver("tracker", &[incident("1", "a", "high"), incident("3", "a", "critical")], NOON + 6 * HOUR);
    bench.core.evaluate(NOON + 6 * HOUR);
    bench.core.stop(NOON + 7 * HOUR).unwrap();
    bench
}

fn computed(bench: &Bench) -> Vec<Computed> {
    let reader = Reader::open(bench.core.store.path()).unwrap();
    let catalogue = &bench.core.config.catalogue;
    let mut rederiver = Rederiver::after(0, &reader, catalogue).unwrap();
    let entries = reader.evaluations(0, i64::MAX).unwrap();
    entries.into_iter().flat_map(|(entry, at)| rederiver.entry(entry, at, None).unwrap()).collect()
}

/// What differs, in words.
fn differences(bench: &Bench) -> Vec<String> {
    let of = |computed: Computed| match computed.outcome {
        Outcome::Differs(differences) => {
            let entry = computed.stored.map_or(0, |stored| stored.entry);
            let one = |it: &crate::pipeline::Difference| format!("{}: {} is stored, {} comes out", it.what, it.stored, it.computed);
            differences.iter().map(|it| format!("{entry} {} {} {}", computed.key.indicator, computed.key.labels, one(it))).collect()
        }
        Outcome::Same | Outcome::Told(_) => Vec::new(),
    };
    computed(bench).into_iter().flat_map(of).collect()
}

#[test]
fn what_was_stored_comes_out() {
    let bench = lived();
    assert_eq!(differences(&bench), [""; 0]);
    let all = computed(&bench);
    let of = |indicator: &str| all.iter().filter(|computed| computed.key.indicator == indicator).collect::<Vec<_>>();
    let states: Vec<_> = of("incidents_open")
        .iter()
        .filter(|computed| computed.key.labels.contains("\"high\",\"system\":\"a\""))
        .map(|computed| (computed.stored.as_ref().unwrap().interval.state.to_string(), computed.outcome.clone()))
        .collect();
    let silent = Outcome::Told("unknown because a source was silent, as its sealed spans say".to_owned());
    let expected = ["unknown", "warning", "breach", "unknown", "warning", "breach"].map(|state| {
        let outcome = if state == "unknown" { silent.clone() } else { Outcome::Same };
        (state.to_owned(), outcome)
    });
    assert_eq!(states, expected);
    let same = all.iter().filter(|computed| computed.outcome == Outcome::Same).count();
    assert!(same * 3 > all.len(), "{same} of {}", all.len());
}

#[test]
fn each_edit_alone_is_named() {
    let high = r#"incidents_open {"severity":"high","system":"a"}"#;
    let critical = r#"incidents_open {"severity":"critical","system":"b"}"#;
    for (edit, told) in [
        // A value, a state, a beginning, facts.
        ("UPDATE reading_intervals SET measured = 0 WHERE indicator = 'incidents_open' AND measured = 2", format!("{high} value: 0 is stored, 2 comes out")),
        (
            "UPDATE reading_intervals SET state = 'ok', rule = NULL WHERE indicator = 'incidents_open' AND state = 'breach' AND labels LIKE '%critical%\"b\"%'",
            format!("{critical} state: ok is stored, breach comes out"),
        ),
        ("UPDATE reading_intervals SET state_from = state_from - 86400 WHERE indicator = 'incidents_open'", format!("{high} in the state since: 2026-11-20")),
        ("UPDATE reading_intervals SET facts = '{\"fact_x\":1}' WHERE indicator = 'incidents_open'", format!("{high} facts: ")),
        // An interval that is not there any more.
        (
            "DELETE FROM reading_intervals WHERE indicator = 'incidents_open' AND labels LIKE '%critical%\"b\"%'",
            format!("{critical} reading: none is stored, 1 comes out"),
        ),
        // A record, and one that is not there any more.
        ("UPDATE record_versions SET body = replace(body, 'high', 'low') WHERE id = '2'", format!("{high} value: 2 is stored, 1 comes out")),
        ("DELETE FROM record_versions WHERE id = '2'", format!("{high} value: 2 is stored, 1 comes out")),
        // The method, and a limit.
        (
            "UPDATE evidence SET body = replace(body, 'c.is_open = 1', 'c.is_open = 0') WHERE kind = 'method' AND body LIKE '%\"indicator\":\"incidents_open\"%'",
            format!("{high} value: 2 is stored, 0 comes out"),
        ),
        (
            "UPDATE evidence SET body = replace(body, '\"breach: >= 2 when severity=high for 30m\"', '\"breach: >= 3 when severity=high for 30m\"')",
            format!("{high} state: breach is stored, warning comes out"),
        ),
        ("DELETE FROM evidence WHERE kind = 'method' AND body LIKE '%\"indicator\":\"incidents_open\"%'", format!("{high} method: ")),
        // When a source was read.
        (
            "UPDATE evidence SET body = replace(body, '\"tracker\":[1795262460,1795262460', '\"tracker\":[1795262460,1795276740')",
            format!("{high} reason: the source `tracker` was last read completely at 2026-11-21T12:01:00Z is stored, the source `tracker` was read"),
        ),
    ] {
        let bench = lived();
        let other = Sqlite::open(bench.core.store.path()).unwrap();
        let changed = other.execute(edit, &[]).unwrap();
        assert!(changed > 0, "{edit}");
        let found = differences(&bench);
        assert!(found.iter().any(|found| found.split_once(' ').is_some_and(|(_, found)| found.starts_with(&told))), "{edit}\n{told}\n{found:#?}");
    }
}
