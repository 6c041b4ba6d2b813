//! What a configuration means for the tasks of the one before: which go on, which end, which begin. Pure: configurations in, changes out.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    config::PolledSource,
    connector::{Location, Source, Turns},
};

/// What becomes of one source's task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing of what its polls depend on has changed: it goes on, with the poll that it may be at.
    Keep,
    /// It is asked for the same at other times: it goes on, and waits by the new schedule.
    Reschedule,
    /// It is asked for something else, or in another way: its task ends, with the poll that it may be at, and another begins.
    Restart,
    /// It was not there before.
    Start,
    /// It is not there any more.
    Stop,
}

/// What becomes of each source, by name.
pub(super) fn reconcile(before: &[PolledSource], next: &[PolledSource]) -> BTreeMap<String, Change> {
    let name = |polled: &PolledSource| polled.source.name.clone();
    let mut changes: BTreeMap<_, _> = before.iter().map(|polled| (name(polled), Change::Stop)).collect();
    for polled in next {
        let change = find(before, &polled.source.name).map_or(Change::Start, |before| compare(before, polled));
        changes.insert(name(polled), change);
    }
    changes
}

/// Takes over from the configuration before what has to be the very same, not only equal: the sources that go on, by which the core knows
/// their polls from those of others; and the turns of jobs, so that one that goes on and one that begins still wait for one another.
pub(super) fn adopt(before: &[PolledSource], next: &mut [PolledSource]) {
    let turns = before.iter().find_map(|polled| turns(&polled.source)).cloned();
    for polled in next {
        match find(before, &polled.source.name) {
            Some(before) if matches!(compare(before, polled), Change::Keep | Change::Reschedule) => polled.source = Arc::clone(&before.source),
            _ => share(&mut polled.source, turns.as_ref()),
        }
    }
}

/// Who a source's records are about and what it is relied on for does not matter to its polls: that is the core's.
fn compare(before: &PolledSource, next: &PolledSource) -> Change {
    if (&before.source, before.certificates) != (&next.source, next.certificates) {
        Change::Restart
    } else if before.schedule != next.schedule {
        Change::Reschedule
    } else {
        Change::Keep
    }
}

fn find<'p>(sources: &'p [PolledSource], name: &str) -> Option<&'p PolledSource> {
    sources.iter().find(|polled| polled.source.name == name)
}

fn turns(source: &Source) -> Option<&Turns> {
    match &source.location {
        Location::Program(program) => Some(&program.turns),
        Location::Http(_) | Location::Files(_) | Location::Fetched(_) => None,
    }
}

fn share(source: &mut Arc<Source>, turns: Option<&Turns>) {
    let Some(turns) = turns else { return };
    if let Location::Program(program) = &mut Arc::make_mut(source).location
        && program.turns == *turns
    {
        program.turns = turns.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, schedule};

    /// A folder with everything that the configurations of a case refer to.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("connectors/mine")).unwrap();
        for (name, text) in [("token", "hush"), ("ca.pem", "one"), ("connectors/mine/connector.yaml", MINE)] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn load(folder: &tempfile::TempDir, sources: &str) -> Vec<PolledSource> {
        let file = folder.path().join("agent.yaml");
        std::fs::write(&file, format!("organisation: {{ name: Example, timezone: UTC }}\nconnectors: connectors\n{sources}")).unwrap();
        Config::load(&file, schedule::now()).unwrap_or_else(|mistakes| panic!("{mistakes}")).sources
    }

    const MINE: &str = "name: mine\nkind: records\nabout: a test\ntransport: files\nstreams: [{name: records, files: {names: ['*']}, records: .}]\n";

    const BEFORE: &str = "sources:
  - { name: a, connector: mlflow, url: \"https://a.example.org\", auth: { bearer: \"${file:token}\" }, tls: { ca_file: ca.pem } }
  - { name: b, connector: mine, path: b, every: 1h }
measure:
  jobs:
    - { name: c, command: drift, system: s, reference: r.csv, current: c.csv }
";

    /// What is changed, the configuration then, and what becomes of each source.
    type Case<'c> = (&'c str, String, &'c [(&'c str, Change)]);

    #[test]
    fn each_change_concerns_its_source_alone() {
        use Change::{Keep, Reschedule, Restart, Start, Stop};
        let moved = BEFORE.replace("a.example.org", "b.example.org");
        let fewer = BEFORE.lines().filter(|line| !line.contains("name: b")).collect::<Vec<_>>().join("\n");
        let more = BEFORE.replace("measure:", "  - { name: d, connector: mine, path: d }\nmeasure:");
        let cases: &[Case<'_>] = &[
            ("nothing", BEFORE.into(), &[("a", Keep), ("b", Keep), ("c", Keep)]),
            (
                "a comment and another order of keys",
                format!("# x\n{BEFORE}").replace("path: b, every: 1h", "every: 60m, path: b"),
                &[("a", Keep), ("b", Keep), ("c", Keep)],
            ),
            ("thresholds", format!("{BEFORE}thresholds: []\n"), &[("a", Keep), ("b", Keep), ("c", Keep)]),
            ("an address", moved, &[("a", Restart), ("b", Keep), ("c", Keep)]),
            ("a limit", BEFORE.replace("ca_file: ca.pem }", "ca_file: ca.pem }, limits: { retries: 0 }"), &[("a", Restart), ("b", Keep), ("c", Keep)]),
            (
                "a setting",
                BEFORE.replace("ca_file: ca.pem }", "ca_file: ca.pem }, settings: { monitoring_days: 9 }"),
                &[("a", Restart), ("b", Keep), ("c", Keep)],
            ),
            ("a schedule", BEFORE.replace("every: 1h", "every: 2h"), &[("a", Keep), ("b", Reschedule), ("c", Keep)]),
            ("an interval for times", BEFORE.replace("every: 1h", "cron: \"0 * * * *\""), &[("a", Keep), ("b", Reschedule), ("c", Keep)]),
            ("a schedule and a path", BEFORE.replace("path: b, every: 1h", "path: x, every: 2h"), &[("a", Keep), ("b", Restart), ("c", Keep)]),
            (
                "what only the core wants to know",
                BEFORE.replace("every: 1h", "every: 1h, stale_after: 9h, covers: [s], feeds: [systems]"),
                &[("a", Keep), ("b", Keep), ("c", Keep)],
            ),
            ("another connector", BEFORE.replace("connector: mine", "connector: records"), &[("a", Keep), ("b", Restart), ("c", Keep)]),
            ("a name", BEFORE.replace("name: b", "name: x"), &[("a", Keep), ("b", Stop), ("c", Keep), ("x", Start)]),
            ("one less", fewer, &[("a", Keep), ("b", Stop), ("c", Keep)]),
            ("one more", more, &[("a", Keep), ("b", Keep), ("c", Keep), ("d", Start)]),
            ("what a job reads", BEFORE.replace("c.csv", "d.csv"), &[("a", Keep), ("b", Keep), ("c", Restart)]),
            ("how many jobs run at once", BEFORE.replace("measure:", "measure:\n  at_once: 2"), &[("a", Keep), ("b", Keep), ("c", Restart)]),
        ];
        let folder = folder();
        let before = load(&folder, BEFORE);
        for (name, next, expected) in cases {
            let changes = reconcile(&before, &load(&folder, next));
            let changes: Vec<_> = changes.iter().map(|(name, change)| (name.as_str(), *change)).collect();
            assert_eq!(changes, *expected, "{name}");
        }
    }

    #[test]
    fn what_files_hold_counts_as_what_is_written() {
        for (file, text, changed) in [
            ("token", "other", "a"),
            ("ca.pem", "two", "a"),
            ("connectors/mine/connector.yaml", &*MINE.replace("a test", "another"), "b"),
            ("connectors/mine/README.md", "notes", ""),
        ] {
            let folder = folder();
            let before = load(&folder, BEFORE);
            std::fs::write(folder.path().join(file), text).unwrap();
            let changes = reconcile(&before, &load(&folder, BEFORE));
            let restarted: Vec<_> = changes.iter().filter(|(_, change)| **change != Change::Keep).map(|(name, _)| name.as_str()).collect();
            assert_eq!(restarted.concat(), changed, "{file}: {changes:?}");
        }
    }

    #[test]
    fn what_goes_on_is_the_very_same_and_jobs_wait_for_one_another() {
        let folder = folder();
        let before = load(&folder, BEFORE);
        let next = BEFORE.replace("every: 1h", "every: 2h").replace("a.example.org", "b.example.org");
        let mut next = load(&folder, &format!("{next}    - {{ name: d, command: drift, system: s, reference: r.csv, current: d.csv }}\n"));
        adopt(&before, &mut next);
        let same: Vec<_> = next.iter().map(|polled| before.iter().any(|before| Arc::ptr_eq(&before.source, &polled.source))).collect();
        assert_eq!(same, [false, true, true, false], "a is another, b and c go on, d is new");
        let [old, new] = [&before[2], &next[3]].map(|polled| turns(&polled.source).expect("a job"));
        assert!(old.are_shared_with(new));
        let mut more = load(&folder, &BEFORE.replace("measure:", "measure:\n  at_once: 2"));
        adopt(&before, &mut more);
        assert!(!old.are_shared_with(turns(&more[2].source).expect("a job")));
    }
}
