//! The pages about the watch itself: the agent, its sources, readings that are unknown, and due dates that are counted down.

use std::fmt::Write as _;

use super::{page::cell, settings};
use crate::{
    generate::prometheus::{
        countdown::{self, FAMILIES, When},
        operations::{self, PAGES},
        rule::Alert,
    },
    indicator::Catalogue,
};

/// Each alert with its severity and its page.
pub fn alerts(catalogue: &Catalogue) -> Vec<(String, &'static str, String)> {
    let operations = operations::all(&settings()).into_iter().map(|one| (one.alert.name, one.alert.severity.as_str(), one.page.to_owned()));
    let mut countdown: Vec<_> = countdown::all(catalogue).iter().map(|one| one.alert(&settings())).map(|alert| (alert.name, alert.severity.as_str())).collect();
    countdown.dedup();
    countdown.sort_unstable();
    countdown.dedup();
    operations.chain(countdown.into_iter().map(|(name, severity)| (name, severity, countdown::PAGE.to_owned()))).collect()
}

/// Names and texts of the pages.
pub fn pages(catalogue: &Catalogue) -> Vec<(String, String)> {
    let operations = operations::all(&settings());
    let page = |(name, title): (&str, &str)| {
        let sections = operations.iter().filter(|operation| operation.page == name);
        let sections: Vec<_> = sections.map(|operation| section(&operation.alert, operation.meaning, operation.steps)).collect();
        (name.to_owned(), format!("# {title}\n\n{}", sections.join("\n")))
    };
    PAGES.into_iter().map(page).chain([(countdown::PAGE.to_owned(), countdown_page(catalogue))]).collect()
}

fn section(alert: &Alert, meaning: &str, steps: &[&str]) -> String {
    let steps: String = steps.iter().zip(1..).map(|(step, number)| format!("{number}. {step}\n")).collect();
    let waits = alert.hold.map_or_else(|| "at once".to_owned(), |hold| format!("after {hold}"));
    format!(
        "## {}\n\nSeverity {}, {waits}. {meaning}\n\nWhat to do first:\n\n{steps}\nIt ends by itself when it is mended. The rule:\n\n```promql\n{}\n```\n",
        alert.name,
        alert.severity.as_str(),
        alert.expression
    )
}

fn countdown_page(catalogue: &Catalogue) -> String {
    let mut text = String::from(
        "# Due dates\n\nDue dates are counted down by Prometheus itself, from the dates that the agent had last. So they go on while the agent is down, for a week.\n\n\
         While the agent is alive, a day that an indicator judges is told by the alert of that indicator and not here. These alerts are for what no indicator tells, \
         and for the time without an agent.\n\n## What to do first\n\n\
         1. See whether the agent is down (Clause9AgentDown): what was done since is not known to these alerts. Start it first.\n\
         2. Find what is due in its register or tracker, by kind, system and scope.\n\
         3. If it was done, record it; the alert ends when the agent has read that.\n\
         4. If it was not, agree with its owner and the AIMS manager on what happens now; record a new day with the reason.\n\
         5. For a notice of an incident: call compliance at once, whatever the hour. The time limits of authorities are days and hours.\n\n\
         ## What is counted down\n\n| Alerts | Kind | Due soon | Told by, while the agent is alive |\n|---|---|---|---|\n",
    );
    for countdown in countdown::all(catalogue).iter().filter(|countdown| countdown.when == When::Overdue) {
        let kind = countdown.family.kind.or(countdown.kind).map_or_else(|| "any other".to_owned(), |kind| kind.replace('_', " "));
        let told_by = countdown.told_by.map_or_else(|| "nobody else".to_owned(), |indicator| format!("[{0}]({0}.md)", indicator.id));
        let (name, days) = (countdown.family.name, countdown.window / 86_400);
        let _ = writeln!(text, "| Clause9{name}DueSoon, Clause9{name}Overdue | {} | {days} days before | {told_by} |", cell(&kind));
    }
    text.push_str("\n## What has a date\n\n");
    FAMILIES.iter().for_each(|family| _ = writeln!(text, "- `{}`: {}; kept as `{}`", family.metric, family.what, family.record()));
    text
}
