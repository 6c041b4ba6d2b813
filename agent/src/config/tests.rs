//! One bad configuration for each mistake, with the exact message beside it.

mod credentials;

use std::path::Path;

use super::*;
use crate::{secret::Secret, threshold::RuleSet};

/// 2026-11-21T20:00:00Z.
const NOW: i64 = 1_795_291_200;

pub(super) const HEAD: &str = "organisation: { name: Example, timezone: Europe/Berlin }\n";

pub(super) fn load(text: &str) -> Result<Config, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.yaml");
    std::fs::create_dir(folder.path().join("registers")).unwrap();
    std::fs::write(folder.path().join("token"), "hush\n").unwrap();
    std::fs::write(&file, text).unwrap();
    let prefix = format!("{}/", folder.path().display());
    Config::load(&file, NOW).map_err(|mistakes| mistakes.iter().map(|mistake| mistake.to_string().replace(&prefix, "")).collect())
}

fn source(rest: &str) -> String {
    format!("{HEAD}sources:\n  - {{ name: models, connector: mlflow, url: \"https://mlflow.example.org\"{rest} }}\n")
}

#[test]
fn ten_lines_are_enough() {
    let config = load(&format!(
        "{HEAD}registers: registers\nsources:\n  - {{ name: models, connector: mlflow, url: \"https://mlflow.example.org/x\", auth: {{ bearer: \"${{file:token}}\" }} }}\n  - {{ name: tickets, connector: redmine, url: \"https://r.example.org\", auth: {{ api_key: k }}, cron: \"*/10 * * * *\", stale_after: 1h }}\n"
    ))
    .unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:9420");
    assert!(config.data_dir.ends_with("data"));
    let names: Vec<_> = config.sources.iter().map(|polled| (polled.source.name.as_str(), polled.interval.as_secs(), polled.staleness.last_fresh(0))).collect();
    assert_eq!(names, [("registers", 300, 900), ("models", 300, 900), ("tickets", 600, 3600)]);
    let connector::Location::Http(http) = &config.sources[1].source.location else { panic!("mlflow is a server") };
    assert_eq!(http.auth, connector::Auth::Bearer(Secret::new("hush")));
    assert!(!format!("{config:?}").contains("hush"), "a secret is never shown");
}

#[test]
fn databases_and_files_behind_addresses_have_their_places() {
    let config = load(&format!(
        "{HEAD}sources:\n  - {{ name: a, connector: sql, url: \"postgres://db.example.org/grc?sslmode=verify-full\", auth: {{ basic: {{ user: u, password: p }} }}, settings: {{ queries: [] }} }}\n  - {{ name: b, connector: sql, path: x y.db, settings: {{ queries: [] }} }}\n  - {{ name: c, connector: register, url: \"https://x.example/a/risks.csv?sig=hush\" }}\n  - {{ name: d, connector: records, url: \"https://x.example/a/\", file: b.ndjson }}\n"
    ))
    .unwrap();
    let shown: Vec<_> = config.sources.iter().map(|polled| polled.source.location.to_string()).collect();
    assert_eq!(shown[0], "postgresql://db.example.org/grc");
    assert!(shown[1].starts_with("file:///") && shown[1].ends_with("/x%20y.db"), "{shown:?}");
    assert_eq!(shown[2..], ["https://x.example/a/risks.csv", "https://x.example/a/"]);
    let files = config.sources.iter().filter_map(|polled| match &polled.source.location {
        connector::Location::Fetched(fetched) => Some((fetched.file.as_str(), fetched.query.as_ref().map(Secret::expose))),
        _ => None,
    });
    let files: Vec<_> = files.collect();
    assert_eq!(files, [("risks.csv", Some("sig=hush")), ("b.ndjson", None)]);
    assert!(!format!("{config:?}").contains("hush"), "what stands after `?` is never shown");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn every_mistake_has_its_message() {
    let cases: &[(&str, String, &[&str])] = &[
        ("nothing", String::new(), &["agent.yaml:1: the file is empty"]),
        ("not yaml", format!("{HEAD}sources: [\n"), &["agent.yaml:3: not YAML: while parsing a node, did not find expected node content"]),
        ("no sources", HEAD.into(), &["agent.yaml:1: sources: nothing; expected at least one source, or `registers:`"]),
        (
            "unknown key",
            format!("{HEAD}registers: registers\nlisten_on: x\n"),
            &[
                "agent.yaml:3: listen_on: an unknown key; expected one of organisation, listen, external_url, runbook_url, data_dir, registers, sources, measure, thresholds, indicators, review, store, connectors, secrets, web, evidence",
            ],
        ),
        (
            "packs without a folder, by no schedule, of years that begin nowhen",
            format!("{HEAD}registers: registers\nreview: {{ make: monthly, year_starts: spring }}\n"),
            &[
                "agent.yaml:3: review.year_starts: \"spring\"; expected the name of a month, such as april",
                "agent.yaml:3: review.make: \"monthly\"; expected `quarterly`, or five fields (minute hour day month weekday), here are 1",
                "agent.yaml:3: review.out: nothing; expected the folder for packs, beside `make`",
            ],
        ),
        (
            "a folder for packs that nobody makes",
            format!("{HEAD}registers: registers\nreview: {{ out: packs }}\n"),
            &["agent.yaml:3: review.make: nothing; expected `quarterly` or a cron expression, beside `out`: else the agent makes no packs"],
        ),
        (
            "typo in a key",
            format!("{HEAD}register: registers\n"),
            &["agent.yaml:2: register: an unknown key; expected `registers`", "agent.yaml:1: sources: nothing; expected at least one source, or `registers:`"],
        ),
        (
            "zone",
            "organisation: { name: Example, timezone: Berlin }\nregisters: registers\n".into(),
            &["agent.yaml:1: organisation.timezone: \"Berlin\"; expected an IANA time zone such as Europe/Berlin"],
        ),
        (
            "no zone",
            "organisation: { name: Example }\nregisters: registers\n".into(),
            &["agent.yaml:1: organisation.timezone: nothing; expected a value, it is required"],
        ),
        (
            "listen",
            format!("{HEAD}registers: registers\nlisten: \"9420\"\n"),
            &["agent.yaml:3: listen: \"9420\"; expected an address and a port such as 127.0.0.1:9420"],
        ),
        (
            "a wild card for a host",
            format!(
                "{HEAD}registers: registers\nweb: {{ hosts: [aims.example.org, \"*.example.org\", \"https://a.example.org\", \"a.example.org:9420\", \"\"] }}\n"
            ),
            &[
                "agent.yaml:3: web.hosts[1]: \"*.example.org\"; expected a host name without scheme, port and path, such as aims.example.org",
                "agent.yaml:3: web.hosts[2]: \"https://a.example.org\"; expected a host name without scheme, port and path, such as aims.example.org",
                "agent.yaml:3: web.hosts[3]: \"a.example.org:9420\"; expected a host name without scheme, port and path, such as aims.example.org",
                "agent.yaml:3: web.hosts[4]: \"\"; expected a host name without scheme, port and path, such as aims.example.org",
            ],
        ),
        (
            "external_url",
            format!("{HEAD}registers: registers\nexternal_url: aims.example.org\n"),
            &[
                "agent.yaml:3: external_url: \"aims.example.org\"; expected the pages' address without user, query and fragment, such as https://aims.example.org",
            ],
        ),
        ("missing folder", format!("{HEAD}registers: regs\n"), &["agent.yaml:2: registers: \"regs\"; expected a file or folder that exists; regs does not"]),
        (
            "connector",
            format!("{HEAD}sources: [{{ name: a, connector: mlfow, url: \"https://a\" }}]\n"),
            &["agent.yaml:2: sources[0].connector: \"mlfow\"; expected `mlflow`"],
        ),
        (
            "name",
            format!("{HEAD}sources: [{{ name: My models, connector: mlflow, url: \"https://a\" }}]\n"),
            &["agent.yaml:2: sources[0].name: \"My models\"; expected lower-case letters, digits and hyphens"],
        ),
        (
            "url",
            format!("{HEAD}sources: [{{ name: a, connector: mlflow, url: mlflow.example.org }}]\n"),
            &["agent.yaml:2: sources[0].url: \"mlflow.example.org\"; expected a URL such as https://mlflow.example.org"],
        ),
        (
            "no url",
            format!("{HEAD}sources: [{{ name: a, connector: mlflow }}]\n"),
            &["agent.yaml:2: sources[0].url: nothing; expected the upstream's base URL, such as https://mlflow.example.org"],
        ),
        (
            "url with credentials",
            format!("{HEAD}sources: [{{ name: a, connector: mlflow, url: \"https://u:${{file:token}}@a\" }}]\n"),
            &["agent.yaml:2: sources[0].url: a value that is not shown; expected a URL without user and password; they belong into `auth:`"],
        ),
        (
            "auth kind",
            source(", auth: { api_key: hush }"),
            &["agent.yaml:3: sources[0].auth: a value that is not shown; expected for the connector mlflow: none or basic or bearer"],
        ),
        (
            "auth typo",
            source(", auth: { baerer: hush }"),
            &[
                "agent.yaml:3: sources[0].auth: a value that is not shown; expected `none` or `basic` or `bearer` or `api_key` or `login` or `oauth2` or `app` or `sigv4`",
            ],
        ),
        (
            "every and cron",
            source(", every: 5m, cron: \"* * * * *\""),
            &["agent.yaml:3: sources[0].cron: \"* * * * *\"; expected either `every` or `cron`, not both"],
        ),
        ("every", source(", every: 5"), &["agent.yaml:3: sources[0].every: 5; expected a span of time such as 90s, 5m, 1h30m, 2d or 4w"]),
        ("cron", source(", cron: \"61 * * * *\""), &["agent.yaml:3: sources[0].cron: \"61 * * * *\"; expected a minute from 0 to 59, here is 61"]),
        (
            "stale before polled",
            source(", every: 1h, stale_after: 5m"),
            &["agent.yaml:3: sources[0].stale_after: \"5m\"; expected at least the interval, 1h: otherwise it is stale before each poll"],
        ),
        (
            "words of records",
            source(
                ", values: { case: { status: { x: closed } }, cases: { stats: { x: y }, kind: { Störung: incidents }, severity: { x: hihg }, status: { x: closed } }, \"*\": { kind: { x: incident } } }",
            ),
            &[
                "agent.yaml:3: sources[0].values.case: a map; expected `cases`",
                "agent.yaml:3: sources[0].values.cases.kind: a map; expected `incident`",
                "agent.yaml:3: sources[0].values.cases.severity: a map; expected `high`",
                "agent.yaml:3: sources[0].values.cases.stats: a map; expected `status`",
            ],
        ),
        (
            "what is said of tables where there are none",
            source(", columns: { reviews: { a: b } }, header_row: { x: 1 }, removed: [training.csv]"),
            &[
                "agent.yaml:3: sources[0].columns: a map; expected nothing, the connector mlflow reads no tables",
                "agent.yaml:3: sources[0].header_row: a map; expected nothing, the connector mlflow reads no tables",
                "agent.yaml:3: sources[0].removed: a list; expected nothing, the connector mlflow reads no tables",
            ],
        ),
        (
            "what is gone for good where nothing is missed",
            format!("{HEAD}sources: [{{ name: drift, connector: records, path: drift, removed: [a.ndjson] }}]\n"),
            &["agent.yaml:2: sources[0].removed: a list; expected nothing, files of the connector records come and go, and none is missed"],
        ),
        (
            "databases",
            format!(
                "{HEAD}sources:\n  - {{ name: a, connector: sql, settings: {{ queries: [] }} }}\n  - {{ name: b, connector: sql, url: \"mysql://x/y\", settings: {{ queries: [] }} }}\n  - {{ name: c, connector: sql, url: \"postgresql://x/y?sslmode=allow\", auth: {{ basic: {{ user: u, password: p }} }}, settings: {{ queries: [] }} }}\n  - {{ name: d, connector: sql, path: x.db, auth: {{ basic: {{ user: u, password: p }} }}, removed: [x], settings: {{ queries: [] }} }}\n"
            ),
            &[
                "agent.yaml:3: sources[0].url: nothing; expected `url: postgresql://host/database`, or `path` of an SQLite file",
                "agent.yaml:4: sources[1].auth: nothing; expected `basic: { user: ..., password: ... }` of a user of the database who may read what is asked for, and nothing else",
                "agent.yaml:4: sources[1].url: \"mysql://x/y\"; expected postgresql://host/database, in a build with the feature `postgresql`; an SQLite file is given by `path`",
                "agent.yaml:5: sources[2].url: \"postgresql://x/y?sslmode=allow\"; expected nothing after `?` but `sslmode=disable`, or `verify-full`, which is what is done without it",
                "agent.yaml:6: sources[3].removed: a list; expected nothing, the connector sql reads no tables",
                "agent.yaml:6: sources[3].auth: a value that is not shown; expected nothing, an SQLite file takes no credentials",
            ],
        ),
        (
            "a file behind an address",
            format!("{HEAD}sources:\n  - {{ name: a, connector: register, url: \"https://x.example/?id=1\", path: y, auth: {{ api_key: k }} }}\n"),
            &[
                "agent.yaml:3: sources[0].path: \"y\"; expected either `url`, of one file, or `path`",
                "agent.yaml:3: sources[0].auth: a value that is not shown; expected for a file behind a `url`: none or basic or bearer",
                "agent.yaml:3: sources[0].file: nothing; expected the name that the file is read under, `incidents.csv`: it says which table it is, and its format",
            ],
        ),
        ("setting", source(", settings: { producton: [live] }"), &["agent.yaml:3: sources[0].settings.producton: a list; expected "]),
        ("feeds", source(", feeds: [\"cases(incidents)\"]"), &["agent.yaml:3: sources[0].feeds[0]: \"cases(incidents)\"; expected kinds of cases: incident, "]),
        (
            "environment",
            source(", auth: { bearer: \"${env:CLAUSE9_NOT_SET}\" }"),
            &["agent.yaml:3: sources[0].auth.bearer: ${env:CLAUSE9_NOT_SET}; expected the environment variable CLAUSE9_NOT_SET to be set"],
        ),
        (
            "secret file",
            source(", auth: { bearer: \"${file:none}\" }"),
            &["agent.yaml:3: sources[0].auth.bearer: ${file:none}; expected a readable file (none: No such file or directory (os error 2))"],
        ),
        (
            "reference",
            source(", auth: { bearer: \"${exec:printf something}\" }"),
            &[
                "agent.yaml:3: sources[0].auth.bearer: ${exec:printf something}; expected `secrets: { exec: true }` in the configuration, since a file that may start programs is another thing than one that may not",
            ],
        ),
        (
            "a reference to a program, which is allowed and fails",
            source(", auth: { bearer: \"${exec:false}\" }") + "secrets: { exec: true }\n",
            &["agent.yaml:3: sources[0].auth.bearer: ${exec:false}; expected a program that ends well; it ended with status 1"],
        ),
        (
            "an unknown reference",
            source(", auth: { bearer: \"${vault:x}\" }"),
            &[
                "agent.yaml:3: sources[0].auth.bearer: ${vault:x}; expected `${env:NAME}`, `${file:path}` or `${exec:program arguments}`; write `$${` for a plain `${`",
            ],
        ),
        ("rate", source(", limits: { requests_per_second: 0 }"), &["agent.yaml:3: sources[0].limits.requests_per_second: 0; expected a number above zero"]),
        (
            "client certificate",
            source(", tls: { client_certificate: token }"),
            &["agent.yaml:3: sources[0].tls: a map; expected client_certificate and client_key together"],
        ),
        (
            "indicator",
            format!("{HEAD}registers: registers\nthresholds: [{{ indicator: drift_pis, breach: \">= 1\" }}]\n"),
            &["agent.yaml:3: thresholds[0].indicator: \"drift_pis\"; expected `drift_psi`"],
        ),
        (
            "condition",
            format!("{HEAD}registers: registers\nthresholds: [{{ indicator: drift_psi, breach: \"=> 1\" }}]\n"),
            &["agent.yaml:3: thresholds[0].breach: \"=> 1\"; expected "],
        ),
        (
            "no level",
            format!("{HEAD}registers: registers\nthresholds: [{{ indicator: drift_psi }}]\n"),
            &["agent.yaml:3: thresholds[0]: a map; expected `breach` or `warning`, with a condition or `none`"],
        ),
        (
            "selector",
            format!("{HEAD}registers: registers\nthresholds: [{{ indicator: drift_psi, when: {{ team: a }}, breach: none }}]\n"),
            &["agent.yaml:3: thresholds[0].when.team: \"a\"; expected a label or a property of the system: "],
        ),
        (
            "parameter",
            format!("{HEAD}registers: registers\nindicators: {{ parameters: {{ bias_max_age_day: 3 }} }}\n"),
            &["agent.yaml:3: indicators.parameters.bias_max_age_day: 3; expected `bias_max_age_days`"],
        ),
        (
            "disabled",
            format!("{HEAD}registers: registers\nindicators: {{ disable: [drift] }}\n"),
            &["agent.yaml:3: indicators.disable[0]: \"drift\"; expected "],
        ),
        (
            "web",
            format!("{HEAD}registers: registers\nweb: {{ auth: {{ bearer: \"\" }} }}\n"),
            &["agent.yaml:3: web.auth: a value that is not shown; expected credentials that are not empty"],
        ),
    ];
    for (name, text, expected) in cases {
        let mistakes = load(text).err().unwrap_or_else(|| panic!("{name}: no mistake"));
        assert_eq!(mistakes.len(), expected.len(), "{name}: {mistakes:#?}");
        for (mistake, expected) in mistakes.iter().zip(*expected) {
            assert!(mistake.starts_with(expected), "{name}:\n  {mistake}\nis not\n  {expected}");
            assert!(!mistake.contains("hush"), "{name}: {mistake}");
        }
    }
}

/// What a variable, a type, a name and a meaning are wrong of: one round tells all of it, and each once.
#[test]
fn all_mistakes_are_told_at_once() {
    let text = "organisation: { name: \"\", timezone: Berlin }
listen: here
lisen: there
sources:
  - { name: a, connector: nope, every: soon }
  - { name: b, connector: mlflow, url: \"ftp://x\", auth: { bearer: \"${env:CLAUSE9_NOT_SET}\" } }
  - { name: b, connector: redmine, url: \"https://r\" }
  - { conector: mlflow, name: c, url: \"https://m\" }
  - { name: d, connector: mlflow, url: 5 }
thresholds:
  - 7
  - { indicator: drift_pis, breach: \">= 1\" }
  - { indicator: incidents_open, when: { severity: hihg }, warning: none }
web: { auth: { basic: { user: u, password: \"${env:CLAUSE9_NOT_SET}\" } } }
";
    let mistakes = load(text).unwrap_err();
    let paths: Vec<_> = mistakes.iter().map(|mistake| mistake.splitn(3, ": ").take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        paths,
        [
            "agent.yaml:6 sources[1].auth.bearer",
            "agent.yaml:14 web.auth.basic.password",
            "agent.yaml:5 sources[0].every",
            "agent.yaml:9 sources[4].url",
            "agent.yaml:11 thresholds[0]",
            "agent.yaml:3 lisen",
            "agent.yaml:8 sources[3].conector",
            "agent.yaml:1 organisation.timezone",
            "agent.yaml:2 listen",
            "agent.yaml:1 organisation.name",
            "agent.yaml:5 sources[0].connector",
            "agent.yaml:6 sources[1].url",
            "agent.yaml:7 sources[2].name",
            "agent.yaml:7 sources[2].auth",
            "agent.yaml:12 thresholds[1].indicator",
            "agent.yaml:13 thresholds[2].when.severity",
        ],
        "{mistakes:#?}"
    );
    assert!(mistakes.contains(&"agent.yaml:8: sources[3].conector: an unknown key; expected `connector`".to_owned()), "{mistakes:#?}");
}

/// What the configuration refers to can be looked at beside its mistakes.
#[test]
fn a_configuration_with_mistakes_still_says_what_it_refers_to() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("registers")).unwrap();
    let file = folder.path().join("agent.yaml");
    std::fs::write(&file, "organisation: { name: Example }\nlisten: here\nregisters: registers\nthresholds: [{ indicator: x, breach: none }]\n").unwrap();
    let (config, mistakes) = Config::examine(&file, NOW);
    assert_eq!((config.unwrap().sources.len(), mistakes.len()), (1, 3), "{mistakes}");
}

#[test]
fn what_a_threshold_selects_by_must_be_possible() {
    let of = |when: &str| load(&format!("{HEAD}registers: registers\nthresholds: [{{ indicator: incidents_open, when: {{ {when} }}, breach: none }}]\n"));
    for when in ["severity: high", "severity: [high, critical]", "risk_tier: unacceptable", "risk_tier: unknown", "owner_role: anybody", "system: x"] {
        assert!(of(when).is_ok(), "{when}: {:?}", of(when).err());
    }
    for (when, expected) in [
        ("severity: hihg", "when.severity: \"hihg\"; expected `high`"),
        ("severity: [high, hihg]", "when.severity[1]: \"hihg\"; expected `high`"),
        ("risk_tier: hgh", "when.risk_tier: \"hgh\"; expected `high`"),
        ("lifecycle: alive", "when.lifecycle: \"alive\"; expected one of development, "),
    ] {
        let mistakes = of(when).unwrap_err();
        assert!(mistakes.len() == 1 && mistakes[0].starts_with(&format!("agent.yaml:3: thresholds[0].{expected}")), "{when}: {mistakes:?}");
    }
}

/// Systems are known when the inventory was read; until then the configuration keeps where it names which.
#[test]
fn named_systems_are_kept_with_their_places() {
    let config = load(&format!(
        "{HEAD}registers: registers\nthresholds: [{{ indicator: drift_psi, when: {{ system: [a, b] }}, breach: none }}]\n\
         sources: [{{ name: m, connector: mlflow, url: \"https://m\", covers: [c] }}]\n\
         measure: {{ jobs: [{{ name: j, command: drift, system: d, reference: r, current: c }}] }}\n"
    ))
    .unwrap();
    let mut named: Vec<_> = config.named_systems.iter().map(|named| format!("{} {}", named.id, named.place.path)).collect();
    named.sort();
    assert_eq!(named, ["a thresholds[0].when.system[0]", "b thresholds[0].when.system[1]", "c sources[0].covers[0]", "d measure.jobs[0].system"]);
}

/// Ruling on overrides: what must hold beside the value is inherited where the catalogue's rules of the level agree on it, and must be written where
/// they don't; a floor is never lifted.
#[test]
fn an_override_inherits_what_must_hold_beside_it() {
    let rules = |threshold: &str| {
        let config = load(&format!("{HEAD}registers: registers\nthresholds: [{{ {threshold} }}]\n"))?;
        let (id, overrides) = config.overrides.iter().next().unwrap();
        let rules = RuleSet::resolve(&config.catalogue.get(id.as_str()).unwrap().rules, overrides);
        Ok::<_, Vec<String>>(rules.overrides().map(|(rule, _)| rule).collect::<Vec<_>>().join("; "))
    };
    assert_eq!(rules("indicator: drift_psi, breach: '>= 0.2'").unwrap(), "breach: >= 0.2 and >= fact_noise_floor");
    assert_eq!(rules("indicator: drift_psi, breach: '>= 0.2', and: {}").unwrap(), "breach: >= 0.2 and >= fact_noise_floor", "a floor is no limit");
    let late = "indicator: effectiveness_verification_pending, breach: '>= 3'";
    assert_eq!(rules(late).unwrap(), "breach: >= 3 and fact_days_late > 30");
    assert_eq!(rules(&format!("{late}, and: {{}}")).unwrap(), "breach: >= 3");
    assert_eq!(rules(&format!("{late}, and: {{ fact_days_late: '> 7' }}")).unwrap(), "breach: >= 3 and fact_days_late > 7");
    assert_eq!(rules("indicator: impact_assessments_overdue, breach: none").unwrap(), "breach: none");
    let refused = rules("indicator: impact_assessments_overdue, breach: '>= 2'").unwrap_err();
    assert!(
        refused.len() == 1
            && refused[0]
                .starts_with("agent.yaml:3: thresholds[0].breach: \">= 2\"; expected `and: {...}` beside it, with what must hold of facts, or `and: {}`")
            && refused[0].contains("`breach: >= 1 and fact_days_late > 30`"),
        "{refused:?}"
    );
    let refused = rules(&format!("{late}, and: {{ fact_days_lte: '> 7' }}")).unwrap_err();
    assert!(refused[0].contains("thresholds[0].and.fact_days_lte: \"> 7\"; expected one of this indicator's facts"), "{refused:?}");
}

#[test]
fn indicators_are_switched_off_with_a_reason() {
    let of = |written: &str| load(&format!("{HEAD}registers: registers\nindicators: {written}\n"));
    let config = of("{ off: { supplier_reviews_overdue: we have no suppliers }, disable: [drift_psi] }").unwrap();
    assert_eq!(config.off, [("drift_psi".to_owned(), None), ("supplier_reviews_overdue".to_owned(), Some("we have no suppliers".to_owned()))].into());
    assert!(config.catalogue.get("supplier_reviews_overdue").is_none() && config.catalogue.get("drift_psi").is_none());
    for (written, expected) in [
        ("{ off: { supplier_review_overdue: none } }", "indicators.off.supplier_review_overdue: \"none\"; expected `supplier_reviews_overdue`"),
        ("{ off: { drift_psi: \"\" } }", "indicators.off.drift_psi: \"\"; expected the reason"),
        ("{ off: { drift_psi: x }, disable: [drift_psi] }", "indicators.off.drift_psi: \"x\"; expected "),
    ] {
        let mistakes = of(written).unwrap_err();
        assert!(mistakes.len() == 1 && mistakes[0].contains(expected), "{written}: {mistakes:?}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let mistakes = Config::load(Path::new("/nowhere/agent.yaml"), NOW).unwrap_err().to_string();
    assert_eq!(mistakes, "/nowhere/agent.yaml: can't be read: No such file or directory (os error 2); expected a configuration file");
}

#[test]
fn whatever_was_read_is_watched() {
    let config = load(&format!(
        "{HEAD}sources: [{{ name: a, connector: mlflow, url: \"https://a\", auth: {{ bearer: \"${{file:token}}\" }}, tls: {{ ca_file: registers }} }}]\n\
         web: {{ tls: {{ certificate: token, key: agent.yaml }} }}\n"
    ))
    .unwrap();
    let names: Vec<_> = config.reload_when_changed.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    assert_eq!(names, ["agent.yaml", "token", "token", "agent.yaml", "registers"], "itself, a credential, certificate and key, an authority");
}

#[test]
fn names_of_the_pages_are_as_browsers_send_them() {
    let config = load(&format!(
        "{HEAD}registers: registers\nexternal_url: https://AIMS.example.org:8443/x\nweb: {{ hosts: [Clause9, m\u{fc}nchen.example, \"192.0.2.1\"] }}\n"
    ))
    .unwrap();
    assert_eq!(config.web.hosts, ["clause9", "xn--mnchen-3ya.example", "192.0.2.1"]);
    assert_eq!(config.web.external_url.unwrap().origin().ascii_serialization(), "https://aims.example.org:8443");
}

/// Where links of dashboards and alerts lead that `clause9 generate --config` makes.
#[test]
fn links_lead_to_where_the_agent_listens_unless_said_otherwise() {
    let pages = |more: &str| load(&format!("{HEAD}registers: registers\n{more}")).unwrap().page_url();
    assert_eq!(pages("listen: 127.0.0.1:9741\n"), "http://127.0.0.1:9741");
    assert_eq!(pages("listen: \"0.0.0.0:9741\"\n"), "http://127.0.0.1:9741");
    assert_eq!(pages("listen: \"[::]:9741\"\n"), "http://[::1]:9741");
    assert_eq!(pages("listen: 192.0.2.1:9741\nexternal_url: https://aims.example.org/x\n"), "https://aims.example.org/x");
    let runbooks = |more: &str| load(&format!("{HEAD}registers: registers\n{more}"));
    assert_eq!(runbooks("runbook_url: https://wiki.example.org/aims\n").unwrap().runbook_url.unwrap().as_str(), "https://wiki.example.org/aims");
    let refused = runbooks("runbook_url: dashboards/runbooks\n").unwrap_err().join("; ");
    assert!(refused.contains("runbook_url: \"dashboards/runbooks\"; expected the runbooks' address without user, query and fragment"), "{refused}");
}

#[test]
fn evidence_is_kept_where_that_is_possible() {
    let mistakes = |evidence: &str| load(&format!("{HEAD}registers: registers\nevidence: {{ {evidence} }}\n")).unwrap_err();
    for (evidence, says) in [
        ("key: token", "evidence.key: \"token\"; expected an Ed25519 private key in PEM, as `clause9 keys new` writes it; token holds no Ed25519 private key"),
        ("key: nowhere", "evidence.key: \"nowhere\"; expected an Ed25519 private key in PEM, as `clause9 keys new` writes it; the key nowhere can't be read"),
        ("anchors: { file: registers }", "evidence.anchors.file: \"registers\"; expected a file in a folder that exists"),
        ("anchors: { file: nowhere/heads }", "evidence.anchors.file: \"nowhere/heads\"; expected a file in a folder that exists"),
        ("anchors: { url: 'ftp://a.example' }", "evidence.anchors.url: \"ftp://a.example\"; expected an http or https URL"),
        ("anchors: { url: 'https://a:b@a.example' }", "evidence.anchors.url: "),
        ("anchors: { url: 'https://a.example', auth: { api_key: hush } }", "evidence.anchors.auth: "),
        ("anchors: { time_stamp: 'https://a.example', auth: { bearer: hush } }", "evidence.anchors.auth: "),
        ("anchors: { time_stamp: x }", "evidence.anchors.time_stamp: \"x\"; expected a URL such as"),
        ("anchors: { every: 0s }", "evidence.anchors.every: \"0s\"; expected a span of time"),
        (
            "anchors: { url: 'https://a.example', tls: { ca_file: nowhere } }",
            "evidence.anchors.tls.ca_file: \"nowhere\"; expected a file or folder that exists",
        ),
    ] {
        let found = mistakes(evidence);
        assert!(found.len() == 1 && found[0].starts_with(&format!("agent.yaml:3: {says}")), "{evidence}: {found:?}");
        assert!(!found[0].contains("hush"), "{found:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let key = crate::keys::SigningKey::make(&at("key")).unwrap();
    std::fs::create_dir(at("registers")).unwrap();
    let read = |evidence: &str| {
        std::fs::write(at("agent.yaml"), format!("{HEAD}registers: registers\nevidence: {{ {evidence} }}\n")).unwrap();
        Config::load(&at("agent.yaml"), NOW).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    };
    let config = read("key: key, anchors: { file: heads, url: 'https://a.example/x', auth: { bearer: hush }, every: 10m }");
    assert_eq!((config.evidence.key.as_deref(), config.evidence.every.as_secs()), (Some(&key), 600));
    assert!(config.reload_when_changed.contains(&at("key")), "another key is in force at once");
    assert!(!format!("{config:?}").contains("hush") && config.evidence.warnings(&config.data_dir).is_empty());
    std::fs::create_dir(at("data")).unwrap();
    let beside = read("anchors: { file: data/heads }");
    assert!(beside.evidence.warnings(&beside.data_dir)[0].ends_with("whoever can write the store can write its anchors, too"));
    assert_eq!((beside.evidence.every.as_secs(), beside.evidence == config.evidence), (3600, false));
}

#[test]
fn an_open_door_is_told() {
    let of = |listen: &str, auth: &str| {
        let config = load(&format!("{HEAD}registers: registers\nlisten: \"{listen}\"\n{auth}")).unwrap();
        config.web.open_to_others(config.listen)
    };
    for listen in ["0.0.0.0:9420", "[::]:9420", "192.0.2.1:9420", "[::ffff:192.0.2.1]:9420"] {
        assert!(
            of(listen, "").is_some_and(|told| told.contains(listen.trim_end_matches(":9420").trim_matches(['[', ']'])) && told.contains("`web.auth`")),
            "{listen}"
        );
        assert_eq!(of(listen, "web: { auth: { bearer: t } }\n"), None, "{listen}");
    }
    for listen in ["127.0.0.1:9420", "127.0.0.2:9420", "[::1]:9420", "[::ffff:127.0.0.1]:9420"] {
        assert_eq!(of(listen, ""), None, "{listen}");
    }
}
