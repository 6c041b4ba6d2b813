//! Alerts about the watch itself: the agent, its sources, and readings that it can't make. They name no job: the agent is known by its own series.

use super::{
    operation_cases,
    rule::{Alert, RuleFile, Severity},
    template::{Answers, Format, Template},
};
use crate::generate::Settings;

/// An alert about the watch, and what its runbook says.
#[derive(Debug)]
pub struct Operation {
    /// The alert.
    pub alert: Alert,
    /// The page of the runbook.
    pub page: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What to do, in this order.
    pub steps: &'static [&'static str],
}

/// The pages of runbooks for these alerts, with their headings.
pub const PAGES: [(&str, &str); 3] =
    [("clause9-agent", "The agent itself"), ("clause9-sources", "Sources that can't be read"), ("clause9-readings", "Readings that are unknown")];

/// Every minute each indicator is evaluated or found to need no evaluation; this many seconds without is no delay any more.
const EVALUATED_WITHIN: u32 = 15 * 60;

/// The rules and their tests.
pub fn file(settings: &Settings) -> RuleFile {
    let about = [
        "Alerts about the watch itself: the agent, its sources, readings that stay unknown.",
        "Clause9AgentDown fires before the alerts of a dead agent's readings end, and Clause9BreachUnknown before those of readings that became unknown:",
        "while they fire, Alertmanager can hold back an all-clear that nobody has given (see dashboards/alertmanager).",
    ];
    RuleFile {
        name: "agent".to_owned(),
        about: about.map(str::to_owned).to_vec(),
        alerts: all(settings).into_iter().map(|operation| operation.alert).collect(),
        cases: operation_cases::all(settings),
        ..RuleFile::default()
    }
}

/// Every alert about the watch.
pub fn all(settings: &Settings) -> Vec<Operation> {
    let made = [
        agent_down(),
        agent_absent(),
        config_reload_failed(),
        config_unmatched(),
        store_not_writable(),
        evidence_broken(),
        anchors_failing(),
        review_pack_missing(),
        evaluation_stalled(),
        source_down(),
        source_stale(),
        readings_unknown(),
        breach_unknown(),
    ];
    let linked = |mut operation: Operation| {
        operation.alert.runbook = settings.runbook(operation.page);
        operation
    };
    made.into_iter().map(linked).collect()
}

fn alert(name: &str, severity: Severity, hold: Option<&'static str>, expression: &str, summary: Template, description: Template) -> Alert {
    Alert {
        name: name.to_owned(),
        severity,
        labels: Vec::new(),
        expression: expression.to_owned(),
        hold,
        keep: None,
        summary,
        description,
        runbook: String::new(),
    }
}

fn text(text: &str) -> Template {
    Template::default().text(text)
}

fn agent_down() -> Operation {
    Operation {
        alert: alert(
            "Clause9AgentDown",
            Severity::Critical,
            // Shorter than the time for which alerts of readings are kept, so that it can hold back their all-clear.
            Some("3m"),
            "max by (job) (last_over_time(clause9_build_info[7d]))\nunless on (job)\n  clause9_build_info",
            text("clause9 is down").label(", job ", "job"),
            text("No agent of the job").label(" ", "job").text(" is scraped any more. Nothing is measured or judged; only due dates are still counted down."),
        ),
        page: "clause9-agent",
        meaning: "Prometheus scraped an agent of this job within the last 7 days and does so no longer. After 7 days it counts as taken out of service.",
        steps: &[
            "Look at the target in Prometheus (Status, Targets): the error says whether the agent does not run or can't be reached.",
            "On its machine, look at the service and at the last lines of its log.",
            "Start it again: what was stored is still there, and it goes on from it. `clause9 check` names mistakes in its configuration.",
            "Tell those who rely on it that nothing was watched meanwhile, and since when.",
        ],
    }
}

fn agent_absent() -> Operation {
    Operation {
        alert: alert(
            "Clause9AgentAbsent",
            Severity::Critical,
            Some("15m"),
            "absent_over_time(clause9_build_info[7d])",
            text("No clause9 is scraped at all"),
            text("These rules are loaded, but Prometheus has not scraped any agent for 7 days: nothing is watched."),
        ),
        page: "clause9-agent",
        meaning: "The rules are loaded in a Prometheus that scrapes no agent: a scrape job is missing, or it was for an agent that is gone.",
        steps: &[
            "Check that Prometheus has a scrape job for the agent and that its address is right.",
            "If the organisation does not use the agent any more, take these rules out of Prometheus.",
        ],
    }
}

fn config_reload_failed() -> Operation {
    Operation {
        alert: alert(
            "Clause9ConfigReloadFailed",
            Severity::Warning,
            Some("1m"),
            "clause9_config_last_reload_successful == 0",
            text("clause9 refused its changed configuration").label(", ", "instance"),
            text("The configuration file was changed and has mistakes. The one before is still in force, until a restart."),
        ),
        page: "clause9-agent",
        meaning: "Somebody changed the configuration, and the agent refused the change as a whole. After a restart it would not start.",
        steps: &[
            "Read why on the status page or at `/api/v1/status`; `clause9 check --config FILE` names every mistake with its line.",
            "Mend the file, or bring back the one before; the agent notices by itself.",
        ],
    }
}

fn config_unmatched() -> Operation {
    Operation {
        alert: alert(
            "Clause9ConfigUnmatchedNames",
            Severity::Warning,
            // Longer than an edit of the register and the configuration takes, one after the other.
            Some("15m"),
            "clause9_config_unmatched_names > 0",
            text("clause9's configuration names systems that do not exist").label(", ", "instance"),
            text("Names in the configuration (thresholds, covers, jobs) that are no systems of the inventory: ")
                .value(Format::Number)
                .text(". What is said of them means nothing: the systems that were meant are judged by the general limits."),
        ),
        page: "clause9-agent",
        meaning: "A limit, a `covers` or a job of the configuration is for a system that the inventory does not have: the name is misspelt, or the system has left the inventory. A stricter limit that was meant for it is not in force.",
        steps: &[
            "Read the names on the status page, at `/api/v1/status` (`unmatched_names`) or in the log; each stands beside the name that is likeliest.",
            "A misspelt name: mend it in the configuration, which the agent reads by itself.",
            "A system that left the inventory: bring its row back if it should be there, or take what names it out of the configuration.",
        ],
    }
}

fn store_not_writable() -> Operation {
    Operation {
        alert: alert(
            "Clause9StoreNotWritable",
            Severity::Critical,
            Some("5m"),
            "clause9_store_writable == 0",
            text("clause9 can't write into its database").label(", ", "instance"),
            text(
                "No evidence is kept until it can be written. Readings go on without being stored, and become unknown as their sources grow stale: no poll counts.",
            ),
        ),
        page: "clause9-agent",
        meaning: "Writes into the agent's database fail, or the database is not the one in `data_dir` any more. Nothing that was stored is lost. Polls that can't be stored don't count, so that readings become unknown when their sources are stale.",
        steps: &[
            "Ask `/-/ready` or the agent's page for the reason: full, read-only, or a file that is gone or not the same any more.",
            "Make room, mend the disk, or bring the folder back as it was; the agent goes on by itself.",
            "Where another database lies in its place, decide which one counts, and start the agent again for that one.",
            "Run `clause9 verify` afterwards: it walks the evidence chain.",
        ],
    }
}

fn evidence_broken() -> Operation {
    Operation {
        alert: alert(
            "Clause9EvidenceBroken",
            Severity::Critical,
            None,
            "clause9_store_verified == 0",
            text("clause9's evidence is not what was stored").label(", ", "instance"),
            text(
                "The hourly walk over the evidence found an entry that was changed or lost. Until that is explained the numbers can't be relied on as evidence.",
            ),
        ),
        page: "clause9-agent",
        meaning: "Once an hour the agent walks its evidence chain. An entry, what it vouches for, or a table that indicators query is not what was stored: somebody or something wrote into the database. Such tables the agent makes anew by itself; what was read from them until then was false.",
        steps: &[
            "Read the agent's log, and run `clause9 verify`: they name the first entry, record, reading or row that is not what was stored.",
            "Keep a copy of the database as it is, for whoever looks into it.",
            "Find out who had access to the data folder and what was done there: a restored copy, an edit by hand, a failing disk.",
            "Bring back the last good copy, or tell those who rely on the evidence since when it does not hold.",
        ],
    }
}

fn anchors_failing() -> Operation {
    Operation {
        alert: alert(
            "Clause9AnchorsFailing",
            Severity::Warning,
            Some("15m"),
            "time() - clause9_anchor_last_success_timestamp_seconds > 3 * 3600\nand\n  increase(clause9_anchor_failures_total[1h]) > 0",
            text("clause9 can't keep its anchors").label(", kind ", "kind"),
            text("The head of the evidence could not be kept outside of the store for three hours (")
                .label("kind ", "kind")
                .text("), and is tried in vain. What is written meanwhile, a forger could write anew without anybody noticing."),
        ),
        page: "clause9-agent",
        meaning: "The configuration says where the last entry of evidence is kept outside of the store (`evidence.anchors`): in a file, at a server, with a time stamp. One of them fails again and again. Nothing is lost: the next anchor that is kept vouches for everything before it.",
        steps: &[
            "Read why on the status page or in the log.",
            "`file`: the folder must exist and take more. `url`: the server must answer with a good status. `time_stamp`: the server must answer RFC 3161 requests with SHA-256.",
            "Once it is mended, nothing is to be done: each minute it is tried again.",
            "Should the agent be replaced meanwhile, keep the line `last entry` of `clause9 verify` by hand.",
        ],
    }
}

fn review_pack_missing() -> Operation {
    Operation {
        alert: alert(
            "Clause9ReviewPackMissing",
            Severity::Warning,
            Some("1d"),
            "clause9_review_pack_made == 0",
            text("clause9 has not made the management review pack").label(", ", "instance"),
            text("The pack of the last quarter is not there a day after it was due. The agent tries it again each hour."),
        ),
        page: "clause9-agent",
        meaning: "The configuration asks for a management review pack of each quarter (`review: { make: ..., out: ... }`), and that of the last one could not be made. Nothing is lost: the pack is made of what is stored, and is the same whenever that is done.",
        steps: &[
            "Read why in the log: it says so each hour.",
            "The folder of `review.out` must take it: room, rights, no other folder of that name.",
            "`clause9 review make --quarter ... --out ...` makes it by hand.",
        ],
    }
}

fn evaluation_stalled() -> Operation {
    Operation {
        alert: alert(
            "Clause9EvaluationStalled",
            Severity::Critical,
            Some("5m"),
            &format!("count without (indicator) (time() - aims_indicator_last_evaluated_timestamp_seconds > {EVALUATED_WITHIN})"),
            text("clause9 has stopped to evaluate indicators").label(", ", "instance"),
            text("").value(Format::Number).text(" indicators were not evaluated in time. What they show is old."),
        ),
        page: "clause9-agent",
        meaning: "Every minute the agent says that each indicator was evaluated or needs no evaluation. Of some it did not: it runs and does not work, or can't store.",
        steps: &[
            "Look at the agent's log, and at `clause9_evaluation_duration_seconds` for evaluations that take too long.",
            "See on the agent's page which indicators are old; one whose SQL fails is unknown and says why.",
            "Restart the agent if it does not go on by itself, and keep the log for a report.",
        ],
    }
}

fn source_down() -> Operation {
    Operation {
        alert: alert(
            "Clause9SourceDown",
            Severity::Warning,
            Some("15m"),
            "max without (instance, pod) (clause9_source_up) == 0",
            text("clause9 can't read the source").label(" ", "source"),
            text("The last poll of").label(" ", "source").text(" failed. Reasons within the last hour: ").answers(reasons()).text("."),
        ),
        page: "clause9-sources",
        meaning: "The last poll of the source failed. Its records are still those of the last complete one; when they get too old, the source is stale.",
        steps: SOURCE_STEPS,
    }
}

fn source_stale() -> Operation {
    Operation {
        alert: alert(
            "Clause9SourceStale",
            Severity::Critical,
            Some("5m"),
            "max without (instance, pod) (clause9_source_complete) == 0",
            text("clause9 has no current data of the source").label(" ", "source"),
            text("")
                .label("", "source")
                .text(" was never read completely, or not for longer than its limit. Everything that depends on it is unknown. Reasons within the last hour: ")
                .answers(reasons())
                .text("."),
        ),
        page: "clause9-sources",
        meaning: "The newest complete poll of the source is older than its `stale_after`, or there never was one. Everything that depends on it is unknown.",
        steps: SOURCE_STEPS,
    }
}

const SOURCE_STEPS: &[&str] = &[
    "Open the page of the source on the agent (`/sources/NAME`): it names the reason, the stream and the row.",
    "`unreachable`, `timeout`: check that the upstream runs and that the agent's machine reaches it.",
    "`unauthorized`, `forbidden`: renew the token or password in the secret that the configuration refers to.",
    "`rate_limited`: poll less often, or raise the limit at the upstream.",
    "Bodies or records that can't be read: the upstream or the register file changed. Mend the file, or adapt the connector.",
    "When it is mended, ask for a poll on that page instead of waiting.",
];

fn reasons() -> Answers {
    Answers {
        promql: "sum by (reason) (increase(clause9_source_polls_total{outcome=\"failed\", job=%q, source=%q}[1h])) > 0".to_owned(),
        arguments: vec!["job".to_owned(), "source".to_owned()],
        label: "reason".to_owned(),
        otherwise: "none, no poll ended".to_owned(),
    }
}

fn readings_unknown() -> Operation {
    Operation {
        alert: alert(
            "Clause9ReadingsUnknown",
            Severity::Warning,
            None,
            "count by (job, indicator) (\n    max without (instance, pod) (aims_indicator_state{state=\"unknown\"})\n  and\n    \
             max without (instance, pod) (aims_indicator_state{state=\"unknown\"} offset 1h)\n)",
            text("Readings of").label(" ", "indicator").text(" stay unknown"),
            text("").value(Format::Number).label(" readings of ", "indicator").text(
                " are unknown and were so an hour ago. Unknown is not fine: nobody can say how they stand. The indicator's page gives the reason of each.",
            ),
        ),
        page: "clause9-readings",
        meaning: "Readings of an indicator have no value that counts, now and an hour ago. One alert for each indicator, however many readings it has.",
        steps: &[
            "Open the indicator's page on the agent (`/indicators/ID`): each unknown reading has its reason.",
            "A source that is stale: see its own alert, and mend that first.",
            "Too few samples, too old a measurement: ask the model owner for a larger or newer one.",
            "Something that was never planned or never measured: enter it, or take the system out of scope with a reason.",
        ],
    }
}

fn breach_unknown() -> Operation {
    Operation {
        alert: alert(
            "Clause9BreachUnknown",
            Severity::Warning,
            None,
            // Long enough to outlive the alert of the breach, which is kept for some minutes.
            "label_replace(\n    max without (instance, pod, state) (aims_indicator_state{state=\"unknown\"})\n  and\n    \
             max without (instance, pod, state) (max_over_time(aims_indicator_state{state=\"breach\"}[30m])),\n  \
             \"reading_severity\", \"$1\", \"severity\", \"(.*)\"\n)",
            text("Was in breach and is unknown now:").label(" ", "indicator").label(", ", "system"),
            text("A reading of")
                .label(" ", "indicator")
                .text(" that was in breach became unknown within the last 30 minutes. Its own alert ends; that does not mean that the breach is over."),
        ),
        page: "clause9-readings",
        meaning: "A reading went from breach to unknown. The alert of the breach ends because it is not known any more, not because it is solved.",
        steps: &[
            "Treat the breach as open until a reading says otherwise.",
            "Open the indicator's page on the agent (`/indicators/ID`) for the reason why it is unknown.",
        ],
    }
}
