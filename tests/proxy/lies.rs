//! Lies that no protocol can show, by name, each with its reason. Told once, a lie about what is held is found out by the second poll that is made
//! when a record does not come; told each time, nothing contradicts it.

/// A lie, told each time from some request on.
pub struct Lie {
    /// The upstream; empty: any.
    pub upstream: &'static str,
    pub fault: &'static str,
    pub reason: &'static str,
}

const NO_TOTAL: &str = "the list has no total, and the first page is as it was";
const BOTH: &str = "neither list has a total, and both end at the same place: nothing in one names what is missing in the other";

const A_PAGE: &str = "a page says where it ends and whether it is the last one, and not how many rows there are";

pub const LIES: &[Lie] = &[
    Lie { upstream: "models", fault: "a token that is lost", reason: BOTH },
    Lie { upstream: "models", fault: "a token that is empty", reason: BOTH },
    Lie { upstream: "models", fault: "a token of a later page", reason: BOTH },
    Lie { upstream: "models", fault: "a page left out", reason: BOTH },
    Lie { upstream: "models", fault: "a row left out", reason: "a version that no alias names and that is not the latest one is named nowhere else" },
    Lie { upstream: "models", fault: "a page without rows", reason: BOTH },
    Lie { upstream: "dashboards", fault: "a row left out", reason: NO_TOTAL },
    Lie { upstream: "dashboards", fault: "a page left out", reason: NO_TOTAL },
    Lie { upstream: "dashboards", fault: "a page without rows", reason: NO_TOTAL },
    Lie { upstream: "alarms", fault: "a row left out", reason: NO_TOTAL },
    Lie { upstream: "alarms", fault: "a page left out", reason: "the list has no total, and pages that are all later ones go on from each other" },
    Lie { upstream: "alarms", fault: "a page without rows", reason: NO_TOTAL },
    Lie { upstream: "issues", fault: "a row left out", reason: A_PAGE },
    Lie { upstream: "issues", fault: "a page without rows", reason: A_PAGE },
    Lie { upstream: "work", fault: "a row left out", reason: A_PAGE },
    Lie { upstream: "work", fault: "a page without rows", reason: A_PAGE },
    Lie { upstream: "rules", fault: "a row left out", reason: "all rules come in one answer, which does not say how many there are" },
    Lie { upstream: "rules", fault: "a page without rows", reason: "all rules come in one answer, which does not say how many there are" },
    Lie { upstream: "github", fault: "a row left out", reason: NO_TOTAL },
    Lie { upstream: "github", fault: "a page left out", reason: NO_TOTAL },
    Lie { upstream: "github", fault: "a page without rows", reason: NO_TOTAL },
    Lie { upstream: "gitlab", fault: "a row left out", reason: NO_TOTAL },
    Lie { upstream: "gitlab", fault: "a page left out", reason: NO_TOTAL },
    Lie { upstream: "gitlab", fault: "a page without rows", reason: NO_TOTAL },
    Lie { upstream: "jira-cloud", fault: "a row left out", reason: NO_TOTAL },
    Lie { upstream: "jira-cloud", fault: "a page left out", reason: NO_TOTAL },
    Lie { upstream: "jira-cloud", fault: "a page without rows", reason: NO_TOTAL },
    Lie { upstream: "jira-cloud", fault: "a token of a later page", reason: NO_TOTAL },
];

/// Whether this can't be shown.
pub fn is_a_lie(upstream: &str, fault: &str) -> bool {
    LIES.iter().any(|lie| (lie.upstream.is_empty() || lie.upstream == upstream) && lie.fault == fault)
}
