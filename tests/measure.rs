//! Jobs: the agent runs the real `clause9-measure`, whose records become readings; limits that are really hit; the end of either.

use crate::support::agent::{Agent, clause9, measure_program};
use crate::support::wait::wait_until;
use clause9::config::Config;
use clause9::config::measure::{Command as Family, Kind, options};
use clause9::connector::Location;
use std::collections::BTreeSet;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The sample organisation's data and jobs.
fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/quickstart")
}

fn prepare(folder: &Path) {
    std::fs::create_dir_all(folder.join("registers")).expect("a folder");
    std::fs::write(folder.join("registers/systems.yaml"), "- { id: a, name: System A, owner_role: Head of A, risk_tier: high }\n").expect("a written register");
    let version = "{\"record\":\"model_version\",\"id\":\"m/3\",\"system\":\"a\",\"model\":\"m\",\"version\":\"3\",\"in_production\":true}\n";
    std::fs::write(folder.join("versions.ndjson"), version).expect("a written file");
    std::fs::create_dir_all(folder.join("windows")).expect("a folder");
    for name in ["complaints-reference.csv", "complaints-week.csv"] {
        std::fs::copy(sample().join("windows").join(name), folder.join("windows").join(name)).expect("a copied file");
    }
}

fn measure(jobs: &str) -> String {
    let versions = "sources: [{ name: versions, connector: records, path: versions.ndjson, feeds: [model_versions] }]";
    format!("registers: registers\n{versions}\nmeasure:\n  program: {}\n  jobs:\n{jobs}", measure_program().display())
}

const DRIFT: &str = "    - { name: drift, command: drift, system: a, model: m, model_version: \"3\", reference: windows/complaints-reference.csv, current: windows/complaints-week.csv,\n        \
                     options: { include: [words, channel], tests: [psi, ks, z_test] }, every: 1s, stale_after: 5s }\n";

const BIAS: &str = "    - { name: bias, command: bias, system: a, data: windows/complaints-week.csv,\n        \
                    options: { prediction: urgent, label: was_urgent, protected: age_group, segment: week }, every: 1s, stale_after: 10m }\n";

fn source(name: &str, metric: &str) -> String {
    let connector = if metric == "up" { "connector=\"records\"," } else { "" };
    format!("clause9_source_{metric}{{{connector}source=\"{name}\"}} ")
}

#[test]
fn records_of_a_job_become_readings() {
    let agent = Agent::start(&measure(&(DRIFT.to_owned() + BIAS)), prepare);
    let number = |series: &str| agent.wait_metric(series).parse::<f64>().expect("a number");
    // As `clause9-measure` prints them for people.
    assert!((number("aims_drift_psi{feature=\"words\",model=\"m\",system=\"a\",version=\"3\"} ") - 0.671_549).abs() < 1e-6);
    assert!(number("aims_drift_psi{feature=\"channel\",model=\"m\",system=\"a\",version=\"3\"} ") < 0.02);
    assert!(number("aims_drift_p_value{feature=\"words\",model=\"m\",system=\"a\",test=\"ks\",version=\"3\"} ") < 1e-40);
    let impact =
        "aims_bias_disparate_impact_ratio{attribute=\"age_group\",reference_subgroup=\"under_60\",segment=\"week\",subgroup=\"60_plus\",system=\"a\"} ";
    assert!((number(impact) - 0.723_503).abs() < 1e-6);
    for (indicator, labels) in [
        ("drift_psi", "feature=\"words\",indicator=\"drift_psi\",model=\"m\",state=\"breach\",system=\"a\",version=\"3\""),
        ("drift_psi", "feature=\"channel\",indicator=\"drift_psi\",model=\"m\",state=\"ok\",system=\"a\",version=\"3\""),
        (
            "bias_equal_opportunity_difference",
            "attribute=\"age_group\",indicator=\"bias_equal_opportunity_difference\",reference_subgroup=\"under_60\",segment=\"week\",state=\"breach\",\
             subgroup=\"60_plus\",system=\"a\"",
        ),
    ] {
        assert_eq!(agent.wait_metric(&format!("aims_indicator_state{{{labels}}} ")), "1", "{indicator}");
    }
    // A source in every respect.
    for name in ["drift", "bias"] {
        assert_eq!((agent.wait_metric(&source(name, "up")), agent.wait_metric(&source(name, "complete"))), ("1".to_owned(), "1".to_owned()));
        assert!(number(&format!("clause9_source_records{{source=\"{name}\",table=\"measurements\"}} ")) >= 3.0);
    }
    let page = agent.http().send(reqwest::Method::GET, "/sources/drift", None).expect("a page").text;
    for part in ["clause9-measure drift --reference=windows/complaints-reference.csv", "every 1s", "measurements(drift)", "RUN clause9-measure drift, "] {
        assert!(page.contains(part), "{part} in {page}");
    }
    // What was measured last counts, and only that.
    let row = |words: u32| format!("{words},3,web,under_60,1,1\n");
    let week = "words,customer_years,channel,age_group,urgent,was_urgent\n".to_owned() + &(0..600).map(|word| row(word % 90)).collect::<String>();
    std::fs::write(agent.path("windows/complaints-week.csv"), week).expect("a written window");
    let channel = "aims_drift_psi{feature=\"channel\",model=\"m\",system=\"a\",version=\"3\"} ";
    agent.wait_metric_until(channel, |value| value.parse::<f64>().expect("a number") > 1.0);
    // A window that is gone fails the job: its readings are unknown once it is stale, and nothing else is.
    std::fs::remove_file(agent.path("windows/complaints-reference.csv")).expect("the window is ours");
    agent.wait_metric("aims_indicator_state{feature=\"words\",indicator=\"drift_psi\",model=\"m\",state=\"unknown\",system=\"a\",version=\"3\"} ");
    assert!(!agent.metrics().contains("aims_drift_psi{"), "a value that is not known has no sample");
    assert_eq!(agent.wait_metric(&source("drift", "up")), "0");
    assert_ne!(agent.wait_metric("clause9_source_polls_total{outcome=\"failed\",reason=\"program_failed\",source=\"drift\"} "), "0");
    assert_eq!(agent.wait_metric(&source("bias", "complete")), "1");
    let page = agent.http().send(reqwest::Method::GET, "/sources/drift", None).expect("a page").text;
    assert!(page.contains("ended with code 1: error: windows/complaints-reference.csv: there is no such file or folder"), "{page}");
}

#[test]
fn a_memory_limit_is_kept_and_told() {
    let job =
        "    - { name: large, command: drift, system: a, reference: large.csv, current: large.csv, memory: 16MiB, options: { memory: 16MiB }, every: 1h }\n";
    let agent = Agent::start(&measure(job), |folder| {
        prepare(folder);
        // Columns are sketched when they don't fit; a single value can't be.
        let rows = format!("a,b\n1,{}\n", "x".repeat(40 << 20));
        std::fs::write(folder.join("large.csv"), rows).expect("a written window");
    });
    let failed = "clause9_source_polls_total{outcome=\"failed\",reason=\"out_of_memory\",source=\"large\"} ";
    agent.wait_metric_until(failed, |count| count == "1");
    let page = agent.http().send(reqwest::Method::GET, "/sources/large", None).expect("a page").text;
    assert!(page.contains("needed more than the 16 MiB that it may have") && page.contains("memory allocation of"), "{page}");
    assert_eq!(agent.wait_metric("clause9_source_complete{source=\"large\"} "), "0");
}

/// The process of the job, once it runs. Others of the agent's children map what sources say.
fn child_of(agent: &Agent) -> u32 {
    let is_job = |id: &u32| std::fs::read_to_string(format!("/proc/{id}/cmdline")).is_ok_and(|line| line.contains("--exit-with-parent"));
    wait_until("the job to run", &[agent], || {
        let threads = std::fs::read_dir(format!("/proc/{}/task", agent.id())).into_iter().flatten().flatten();
        let children: String = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok()).collect();
        children.split_whitespace().filter_map(|id| id.parse().ok()).find(is_job).ok_or(children)
    })
}

/// A job ends with its agent, however that ends: it reads a pipe into which nobody writes, and would read on for ever.
#[test]
fn a_job_ends_with_its_agent() {
    type End = fn(&mut Agent);
    let ends: [(&str, End); 2] = [("kill -9", Agent::kill), ("SIGTERM", |agent| assert!(agent.stop(), "SIGTERM ends it well"))];
    for (end, finish) in ends {
        let job =
            "    - { name: endless, command: drift, system: a, reference: windows/complaints-reference.csv, current: pipe.csv, every: 1h, timeout: 1h }\n";
        let mut agent = Agent::start(&measure(job), |folder| {
            prepare(folder);
            let made = Command::new("mkfifo").arg(folder.join("pipe.csv")).status();
            assert!(made.is_ok_and(|status| status.success()), "a pipe can be made");
        });
        let child = child_of(&agent);
        let still_runs = || Path::new(&format!("/proc/{child}")).exists();
        // O_NONBLOCK on Linux: can be opened for writing only when somebody reads it, so the job is under way.
        let nonblocking = std::fs::OpenOptions::new().write(true).custom_flags(0o4000).to_owned();
        let _pipe = wait_until("the job to read", &[&agent], || nonblocking.open(agent.path("pipe.csv")).map_err(|error| error.to_string()));
        assert!(still_runs());
        finish(&mut agent);
        wait_until(&format!("the job to end after {end}"), &[&child], || (!still_runs()).then_some(()).ok_or(()));
    }
}

/// A parent that ended before the program asked to be told of it would never be noticed: then it does not begin.
#[test]
fn a_job_whose_agent_has_gone_does_not_begin() {
    let started_by = |parent: u32| {
        let output = Command::new(measure_program()).args(["methods", &format!("--exit-with-parent={parent}")]).output().expect("the program starts");
        (output.status.code(), output.stdout.is_empty(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(started_by(std::process::id()), (Some(0), false, String::new()));
    let mut ended = Command::new("true").spawn().expect("a process");
    ended.wait().expect("its end");
    let (code, nothing, said) = started_by(ended.id());
    assert!(code == Some(1) && nothing && said.contains("has ended"), "{said}");
}

#[test]
fn check_says_what_a_job_lacks() {
    let missing = DRIFT.replace("windows/complaints-week", "windows/complaints-*-nowhere").replace("system: a", "system: b");
    let mut agent = Agent::start(&measure(&missing), prepare);
    agent.kill();
    let config = agent.path("agent.yaml");
    let check = |more: &[&str]| {
        let output = clause9(&[&["check", "--config", config.to_str().expect("a UTF-8 path")], more].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
    };
    let (code, text) = check(&[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("drift: there is nothing at windows/complaints-*-nowhere.csv in ") && text.contains("measure.jobs[0].system: \"b\"; expected `a`"),
        "{text}"
    );
    let good = std::fs::read_to_string(&config).expect("a configuration").replace("-*-nowhere", "-*").replace("system: b", "system: a");
    std::fs::write(&config, &good).expect("a written configuration");
    let (code, text) = check(&["--live"]);
    assert_eq!((code, text.contains("drift: ran to its end and printed ")), (Some(0), true), "{text}");
    std::fs::write(&config, good.replace("program: ", "program: /nowhere")).expect("a written configuration");
    let (code, text) = check(&[]);
    assert_eq!((code, text.contains("is no file that can be run")), (Some(1), true), "{text}");
}

/// Its readings are unknown and its page says what to do; the log says it once, however often the job is due.
#[test]
fn a_missing_program_is_told_once() {
    let jobs = measure(DRIFT).replace(&measure_program().display().to_string(), "/nowhere/clause9-measure");
    let agent = Agent::start(&jobs, prepare);
    let failed = "clause9_source_polls_total{outcome=\"failed\",reason=\"program_missing\",source=\"drift\"} ";
    agent.wait_metric_until(failed, |count| count.parse::<u32>().expect("a number") >= 3);
    let told = "/nowhere/clause9-measure is no file that can be run";
    for page in ["/", "/sources/drift"] {
        let text = agent.http().send(reqwest::Method::GET, page, None).expect("a page").text;
        assert!(text.contains("program_missing") && text.contains(told), "{page}: {text}");
    }
    assert_eq!(agent.log().matches(told).count(), 1, "{}", agent.log());
    agent.wait_metric("aims_indicator_state{indicator=\"drift_psi\",state=\"unknown\"} ");
}

/// What the agent knows of the program's options is what the program says of them.
#[test]
fn the_table_of_options_is_the_programs() {
    // Keys of a job, and what is the agent's to decide.
    let others = [
        "--reference",
        "--current",
        "--data",
        "--system",
        "--model",
        "--model-version",
        "--format",
        "--out",
        "--fail-on",
        "--quiet",
        "--sql",
        "--reference-sql",
        "--current-sql",
        "--table",
    ];
    for family in Family::ALL {
        let output = Command::new(measure_program()).args([family.as_str(), "--help"]).env("COLUMNS", "200").output().expect("the program starts");
        let help = String::from_utf8(output.stdout).expect("text");
        let said = help.lines().map(str::trim_start).filter(|line| line.starts_with("--"));
        let said: Vec<_> = said.collect();
        let name = |line: &str| line.split([' ', '=']).next().unwrap_or_default().to_owned();
        let found: BTreeSet<_> = said.iter().map(|line| name(line)).filter(|name| !others.contains(&name.as_str())).collect();
        let known: BTreeSet<_> = options(family).map(|option| format!("--{}", option.name.replace('_', "-"))).collect();
        assert_eq!(found, known, "{}", family.as_str());
        for option in options(family) {
            let flag = format!("--{}", option.name.replace('_', "-"));
            let line = said.iter().find(|line| name(line) == flag).expect("it was found");
            assert_eq!(option.kind == Kind::Flag, !line.trim_start_matches(&flag).starts_with(" <"), "{flag} takes a value or not: {line}");
            if let Kind::Word(words) = option.kind {
                let text = help.split(&flag).nth(1).expect("it was found");
                let list = format!("[possible values: {}]", words.join(", "));
                let long = words.iter().all(|word| text.contains(&format!("- {word}:")) || text.contains(&list));
                assert!(long, "{flag}: {text}");
            }
        }
    }
}

/// What the program makes of the sample's data, on which the sample's golden files are built. `UPDATE_EXPECTED=1` records it anew.
#[test]
fn the_samples_jobs_print_what_is_recorded() {
    let config = Config::load(&sample().join("agent.yaml"), 0).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let jobs = config.sources.iter().filter_map(|polled| if let Location::Program(program) = &polled.source.location { Some(program) } else { None });
    let mut count = 0;
    for job in jobs {
        let output = Command::new(measure_program()).args(&job.arguments).current_dir(&job.folder).output().expect("the program starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("text");
        let at = text.split("\"measured_at\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("records say when").to_owned();
        let text = text.replace(&at, "{{ now }}");
        let command = &job.arguments[0];
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/jobs").join(format!("{command}.ndjson"));
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(&path, &text).expect("a written golden file");
        }
        let recorded = std::fs::read_to_string(&path).expect("the golden file");
        assert!(recorded == text, "{command}: UPDATE_EXPECTED=1 records it anew, and then the golden page of the sample:\n{text}");
        count += 1;
    }
    assert_eq!(count, 2);
}
