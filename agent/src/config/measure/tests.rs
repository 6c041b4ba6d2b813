//! One good job of each command, and one bad job for each mistake with its message.

use super::{
    super::{
        Config,
        tests::{HEAD, load},
    },
    *,
};

fn jobs(jobs: &str) -> Result<Config, Vec<String>> {
    load(&format!("{HEAD}registers: registers\nmeasure:\n  jobs:\n{jobs}"))
}

fn programs(config: &Config) -> Vec<&Program> {
    let program = |polled: &'_ PolledSource| matches!(polled.source.location, Location::Program(_));
    let locations = config.sources.iter().filter(|polled| program(polled)).map(|polled| &polled.source.location);
    locations.filter_map(|location| if let Location::Program(program) = location { Some(program) } else { None }).collect()
}

/// A job of `drift` with what is needed, and more keys.
fn drift(rest: &str) -> String {
    format!("    - {{ name: d, command: drift, system: a, reference: r.csv, current: c.csv{rest} }}\n")
}

fn bias(rest: &str) -> String {
    format!("    - {{ name: b, command: bias, system: a, data: d.csv{rest} }}\n")
}

#[test]
fn a_short_job_has_good_defaults() {
    let config = jobs(&drift("")).unwrap();
    let [job] = programs(&config)[..] else { panic!("one job") };
    let polled = config.sources.last().unwrap();
    assert_eq!(polled.source.name, "d");
    assert_eq!((polled.interval.as_secs(), polled.staleness.last_fresh(0), polled.schedule.to_string()), (3600, 3 * 3600, "every 1h".to_owned()));
    assert_eq!(polled.covers, Some(["a".to_owned()].into()));
    assert_eq!(polled.feeds.as_ref().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>(), ["measurements(drift)"]);
    assert_eq!((&job.path, job.timeout.as_secs(), job.memory, job.turns.at_once()), (&None, 600, 2 << 30, 1));
    assert!(job.folder.is_absolute());
    assert_eq!(job.reads, ["r.csv", "c.csv"]);
    let expected = ["drift", "--reference=r.csv", "--current=c.csv", "--system=a", "--memory=1073741824", "--format=records", "--quiet"];
    assert_eq!(job.arguments, expected);
}

#[test]
fn every_key_has_its_argument() {
    let text = r#"
    - name: drift
      command: drift
      system: a
      model: m
      model_version: "3"
      reference: /data/train.json
      current: s3://bucket/week-*.parquet
      cron: "0 3 * * *"
      stale_after: 2d
      timeout: 1h
      memory: 512MiB
      options:
        { tests: [psi, ks], limit: { psi: 0.2, p_value: 0.01 }, where: "region = '-EU'", no_digest: true, memory: 100MiB, exclude: id, nulls: category,
          bins: "quantiles:20" }
    - { name: bias, command: bias, system: a, data: d/, options: { prediction: y, protected: [sex, age], privileged: { sex: M }, favourable: 1, no_digest: false } }
    - { name: performance, command: performance, system: a, data: d, reference: r, options: { score: p, label: y, threshold: 0.4, segment_by: region } }
    - { name: joined, command: performance, system: a, sql: "SELECT * FROM p JOIN l USING (id)", reference_sql: "@valid.sql", tables: { p: p/, l: l.csv }, options: { score: p, label: y } }
    - { name: quality, command: quality, system: a, data: d, options: { time: at, no_duplicates: true, limit: { null_share: 0.05 } } }
"#;
    let config = load(&format!("{HEAD}registers: registers\nmeasure:\n  program: bin/measure\n  at_once: 2\n  jobs:{text}")).unwrap();
    let programs = programs(&config);
    let all: Vec<_> = programs.iter().map(|program| program.arguments.join(" ")).collect();
    let end = "--format=records --quiet";
    assert_eq!(
        all,
        [
            format!(
                "drift --reference=/data/train.json --current=s3://bucket/week-*.parquet --system=a --model=m --model-version=3 --bins=quantiles:20 --exclude=id \
                 --limit=p_value=0.01 --limit=psi=0.2 --memory=104857600 --no-digest --nulls=category --tests=psi,ks --where=region = '-EU' {end}"
            ),
            format!("bias --data=d/ --system=a --favourable=1 --prediction=y --privileged=sex=M --protected=sex,age --memory=1073741824 {end}"),
            format!("performance --reference=r --data=d --system=a --label=y --score=p --segment-by=region --threshold=0.4 --memory=1073741824 {end}"),
            format!(
                "performance --reference-sql=@valid.sql --sql=SELECT * FROM p JOIN l USING (id) --table=l=l.csv --table=p=p/ --system=a --label=y --score=p \
                 --memory=1073741824 {end}"
            ),
            format!("quality --data=d --system=a --limit=null_share=0.05 --no-duplicates --time=at --memory=1073741824 {end}"),
        ]
    );
    assert_eq!(programs[3].reads, ["valid.sql", "l.csv", "p/"]);
    assert!(programs[0].path.as_ref().is_some_and(|path| path.is_absolute() && path.ends_with("bin/measure")));
    assert_eq!((programs[0].timeout.as_secs(), programs[0].memory, programs[0].turns.at_once()), (3600, 512 << 20, 2));
    assert!(programs.iter().all(|program| program.turns.are_shared_with(&programs[0].turns)), "they wait for one another");
    let daily = config.sources.iter().find(|polled| polled.source.name == "drift").unwrap();
    // The longest day has 25 hours.
    assert_eq!((daily.interval.as_secs(), daily.staleness.last_fresh(0)), (86_400, 2 * 86_400));
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn every_mistake_has_its_message() {
    let at = |rest: &str| format!("agent.yaml:5: measure.jobs[0]{rest}");
    let cases: Vec<(&str, String, Vec<String>)> = vec![
        ("a key", drift(", colour: red"), vec![at(".colour: an unknown key; expected one of name, command, system")]),
        ("a typo in a key", drift(", modl: m"), vec![at(".modl: an unknown key; expected `model`")]),
        (
            "the command",
            drift("").replace("command: drift", "command: drifts"),
            vec![at(".command: \"drifts\"; expected `drift` or `bias` or `performance` or `quality`")],
        ),
        ("no system", drift("").replace("system: a, ", ""), vec![at(".system: nothing; expected a value, it is required")]),
        ("an empty system", drift("").replace("system: a", "system: ''"), vec![at(".system: \"\"; expected a name that is not empty")]),
        ("a version that YAML takes for a number", drift(", model_version: 3.10"), vec![at(".model_version: 3.1; expected a text")]),
        (
            "no current window",
            drift("").replace(", current: c.csv", ""),
            vec![at(".current: nothing; expected files, a folder, a pattern or an address, it is required")],
        ),
        ("a window too many", drift(", data: d.csv"), vec![at(".data: \"d.csv\"; expected nothing, `drift` reads `reference` and `current`")]),
        (
            "credentials in an address",
            drift("").replace("c.csv", "\"s3://me:hush@store/a\""),
            vec![at(".current: a value that is not shown; expected an address without credentials; they go into the agent's environment")],
        ),
        (
            "a signed address",
            drift("").replace("c.csv", "\"az://store/a?sig=hush\""),
            vec![at(".current: a value that is not shown; expected an address without credentials")],
        ),
        ("a reference", drift(", options: { where: \"a = '${file:token}'\" }"), vec![at(": a map; expected plain values: arguments can be seen by everybody")]),
        (
            "data and a query",
            drift(", current_sql: SELECT, tables: { t: t }"),
            vec![at(".current_sql: \"SELECT\"; expected either `current` or `current_sql`, not both")],
        ),
        ("a query of another command", drift(", sql: SELECT, tables: { t: t }"), vec![at(".sql: \"SELECT\"; expected nothing, `drift` reads")]),
        (
            "a query without tables",
            drift("").replace("current: c.csv", "current_sql: SELECT"),
            vec![at(".tables: nothing; expected the tables that the query names")],
        ),
        ("tables without a query", drift(", tables: { t: t }"), vec![at(".tables: a map; expected nothing without a query")]),
        (
            "credentials in a table",
            drift(", tables: { t: \"s3://me:hush@b/t\" }").replace("current: c.csv", "current_sql: SELECT"),
            vec![at(".tables.t: a value that is not shown; expected an address without credentials")],
        ),
        ("an option", drift(", options: { test: [psi] }"), vec![at(".options.test: a list; expected `tests`")]),
        ("an option with hyphens", drift(", options: { infer-rows: 3 }"), vec![at(".options.infer-rows: 3; expected `infer_rows`")]),
        (
            "an option of another command",
            drift(", options: { min_group: 3 }"),
            vec![at(".options.min_group: 3; expected one of the options of `drift`: where, ")],
        ),
        ("an option that is the agent's", drift(", options: { format: json }"), vec![at(".options.format: \"json\"; expected one of the options")]),
        ("an option that is a key", drift(", options: { timeout: 3m }"), vec![at(".options.timeout: \"3m\"; expected one of the options")]),
        ("a number", drift(", options: { infer_rows: many }"), vec![at(".options.infer_rows: \"many\"; expected a number")]),
        ("a flag", drift(", options: { no_digest: 1 }"), vec![at(".options.no_digest: 1; expected true or false")]),
        ("a word", drift(", options: { nulls: keep }"), vec![at(".options.nulls: \"keep\"; expected `drop` or `category`")]),
        ("an empty text", drift(", options: { where: '' }"), vec![at(".options.where: \"\"; expected a text or a number")]),
        ("no names", drift(", options: { include: [] }"), vec![at(".options.include: a list; expected a name or a list of names")]),
        ("a name with a comma", drift(", options: { include: [\"a,b\"] }"), vec![at(".options.include: a list; expected names without a comma")]),
        ("no pairs", drift(", options: { limit: 0.2 }"), vec![at(".options.limit: 0.2; expected a map of names and values")]),
        ("a pair of lists", drift(", options: { limit: { psi: [1] } }"), vec![at(".options.limit: a map; expected a map of names to texts or numbers")]),
        ("a size", drift(", options: { memory: 7 }"), vec![at(".options.memory: 7; expected a size such as 512MiB")]),
        (
            "more memory than it may have",
            drift(", memory: 1GiB, options: { memory: 2GiB }"),
            vec![at(".options.memory: \"2GiB\"; expected at most the job's own `memory`, 1024 MiB")],
        ),
        ("hardly any memory", drift(", memory: 1MiB"), vec![at(".memory: \"1MiB\"; expected at least 16 MiB")]),
        ("memory without a unit", drift(", memory: 512"), vec![at(".memory: 512; expected a size such as 512MiB, 2GiB or 1.5GB")]),
        (
            "what bias needs",
            bias(""),
            vec![at(".options.protected: nothing; expected a value, it is required"), at(".options.prediction: nothing; expected a column, or one as `score`")],
        ),
        (
            "what performance needs",
            bias("").replace("bias", "performance"),
            vec![at(".options.label: nothing; expected a value, it is required"), at(".options.prediction: nothing; expected a column, or one as `score`")],
        ),
        ("every and cron", drift(", every: 1h, cron: '* * * * *'"), vec![at(".cron: \"* * * * *\"; expected either `every` or `cron`, not both")]),
        ("stale before it runs", drift(", every: 1h, stale_after: 1m"), vec![at(".stale_after: \"1m\"; expected at least the interval, 1h")]),
        ("the name", drift("").replace("name: d", "name: My job"), vec![at(".name: \"My job\"; expected lower-case letters, digits and hyphens")]),
        (
            "a name that a source has",
            drift("").replace("name: d", "name: registers"),
            vec![at(".name: \"registers\"; expected a name that no other source has")],
        ),
    ];
    for (name, text, expected) in cases {
        let mistakes = jobs(&text).err().unwrap_or_else(|| panic!("{name}: no mistake"));
        assert_eq!(mistakes.len(), expected.len(), "{name}: {mistakes:#?}");
        for (mistake, expected) in mistakes.iter().zip(&expected) {
            assert!(mistake.starts_with(expected), "{name}:\n  {mistake}\nis not\n  {expected}");
        }
    }
    let mistakes = load(&format!("{HEAD}registers: registers\nmeasure: {{ at_once: 0 }}\n")).unwrap_err();
    assert_eq!(mistakes, ["agent.yaml:3: measure.at_once: 0; expected a number above zero"]);
}

#[test]
fn two_jobs_may_not_have_one_name() {
    let mistakes = jobs(&(drift("") + &drift(""))).unwrap_err();
    assert_eq!(mistakes, ["agent.yaml:6: measure.jobs[1].name: \"d\"; expected a name that no other source has"]);
}

#[test]
fn a_file_that_is_named_alone_lies_in_the_current_folder() {
    let here = std::env::current_dir().unwrap();
    assert_eq!((absolute(PathBuf::new()), absolute(PathBuf::from("bin/x"))), (here.clone(), here.join("bin/x")));
}
