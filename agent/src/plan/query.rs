//! What a PromQL query asks for: the series that it selects, as far as that can be told from its text.

use std::{borrow::Cow, collections::HashMap, convert::Infallible, sync::LazyLock};

use promql_parser::{
    label::{MatchOp, Matcher},
    parser::{self, Expr},
    util::{ExprVisitor, walk_expr},
};

/// What stands for the value of a dashboard's variable inside of a text: it matches anything.
const ANYTHING: &str = "__any_value__";

/// What a text begins with that stands for words of which any matches.
const ANY_OF: &str = "__any_of__";

/// The label that holds a metric's name.
const NAME: &str = "__name__";

/// Longest query that is read, in bytes. Some stages take time with the square of it.
const MAX_QUERY_BYTES: usize = 16 * 1024;

/// Most brackets and operators in one. Each may be a level of the parsed query, which is walked and dropped by recursion.
const MAX_OPERATORS: usize = 1_000;

/// The queries of a set of panels or rules.
#[derive(Debug, Default)]
pub struct Queries {
    queries: Vec<Query>,
    /// Queries whose text is not PromQL that can be read: they prove nothing.
    pub unreadable: usize,
}

/// One query.
#[derive(Debug)]
pub struct Query {
    /// The dashboard that has it, if that is known.
    pub dashboard_uid: Option<String>,
    /// Its text.
    pub expression: String,
    selectors: Vec<Selector>,
}

/// One selection of series: a name and matchers.
#[derive(Debug, Clone)]
struct Selector {
    name: Option<String>,
    /// Alternatives, each with matchers that must all hold.
    alternatives: Vec<Vec<Matcher>>,
}

/// The selections of a metric, as far as its name goes.
#[derive(Debug)]
pub struct Naming<'q> {
    metric: &'q str,
    selections: Vec<(&'q Query, &'q Selector)>,
}

/// The labels of a series, as a query would find them.
pub trait Labels {
    /// Whether the metric has a label of this name. Any other comes from the scrape (`job`, `cluster`): a matcher on it is taken to hold.
    fn knows(&self, name: &str) -> bool;

    /// The value of a label; empty when the series lacks it.
    fn value(&self, name: &str) -> &str;
}

/// Recording rules, by the name of the series that they make.
pub type Recorded<'a> = HashMap<&'a str, &'a str>;

impl Queries {
    /// No queries.
    pub const fn new() -> Self {
        Self { queries: Vec::new(), unreadable: 0 }
    }

    /// Reads queries, each with the uid of its dashboard. A series that a recording rule makes stands for what the rule reads.
    pub fn read<'a>(queries: impl IntoIterator<Item = (Option<&'a str>, &'a str)>, recorded: &Recorded<'_>) -> Self {
        let mut read = Self::default();
        for (dashboard_uid, expression) in queries {
            match selectors(expression, recorded) {
                Some(selectors) => {
                    read.queries.push(Query { dashboard_uid: dashboard_uid.map(str::to_owned), expression: expression.to_owned(), selectors });
                }
                None => read.unreadable += 1,
            }
        }
        read
    }

    /// Where the queries that `chosen` admits select this metric.
    pub fn naming<'q>(&'q self, metric: &'q str, chosen: impl Fn(&Query) -> bool) -> Naming<'q> {
        let chosen = self.queries.iter().filter(|query| chosen(query));
        let pairs = chosen.flat_map(|query| query.selectors.iter().map(move |selector| (query, selector)));
        Naming { metric, selections: pairs.filter(|(_, selector)| selector.may_name(metric)).collect() }
    }

    /// How many there are, the unreadable ones included.
    pub fn len(&self) -> usize {
        self.queries.len() + self.unreadable
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Naming<'_> {
    /// Whether one of them selects a series with these labels.
    pub fn select(&self, labels: &impl Labels) -> bool {
        self.selections.iter().any(|(_, selector)| selector.selects(self.metric, labels))
    }
}

impl Selector {
    /// Whether it names the metric. A selection without any word on the name (`{job="x"}`) shows everything and therefore nothing in particular.
    fn may_name(&self, metric: &str) -> bool {
        let by_matcher = |all: &Vec<Matcher>| all.iter().any(|matcher| matcher.name == NAME && is_match(matcher, metric));
        self.name.as_deref().map_or_else(|| self.alternatives.iter().any(by_matcher), |name| name == metric)
    }

    fn selects(&self, metric: &str, labels: &impl Labels) -> bool {
        let holds = |matcher: &Matcher| {
            if matcher.name == NAME { is_match(matcher, metric) } else { !labels.knows(&matcher.name) || is_match(matcher, labels.value(&matcher.name)) }
        };
        self.alternatives.iter().any(|all| all.iter().all(holds))
    }
}

fn is_match(matcher: &Matcher, value: &str) -> bool {
    match matcher.value.strip_prefix(ANY_OF) {
        _ if matcher.value.contains(ANYTHING) => true,
        Some(words) => words.split('|').any(|word| word == value) == (matcher.op == MatchOp::Equal),
        None => matcher.is_match(value),
    }
}

/// Every selection of a query; `None` when it can't be read.
fn selectors(expression: &str, recorded: &Recorded<'_>) -> Option<Vec<Selector>> {
    let mut found = direct_selectors(expression)?;
    let mut expanded = Vec::new();
    // What is found is expanded in turn: recording rules build upon each other. Each name once, in case they go round in a circle.
    let mut position = 0;
    while let Some(selector) = found.get(position) {
        position += 1;
        let Some(name) = selector.name.clone() else { continue };
        if let Some(rule) = recorded.get(name.as_str()).filter(|_| !expanded.contains(&name)) {
            expanded.push(name);
            found.extend(direct_selectors(rule).unwrap_or_default());
        }
    }
    Some(found)
}

fn direct_selectors(expression: &str) -> Option<Vec<Selector>> {
    struct Collect(Vec<Selector>);
    impl ExprVisitor for Collect {
        type Error = Infallible;

        fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Infallible> {
            let selector = match expression {
                Expr::VectorSelector(selector) => selector,
                Expr::MatrixSelector(matrix) => &matrix.vs,
                _ => return Ok(true),
            };
            let matchers = &selector.matchers;
            let alternatives = if matchers.or_matchers.is_empty() { vec![matchers.matchers.clone()] } else { matchers.or_matchers.clone() };
            self.0.push(Selector { name: selector.name.clone(), alternatives });
            Ok(true)
        }
    }
    if expression.len() > MAX_QUERY_BYTES || operators(expression) > MAX_OPERATORS {
        return None;
    }
    let expression = parser::parse(&without_alternatives(&without_variables(expression))).ok()?;
    let mut collect = Collect(Vec::new());
    let Ok(_) = walk_expr(&mut collect, &expression);
    Some(collect.0)
}

/// At least as many as there are levels in the parsed query. Those in texts count too, which have few.
fn operators(expression: &str) -> usize {
    let signs = expression.bytes().filter(|byte| b"([{+-*/%^=<>!".contains(byte)).count();
    let words = expression
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| ["and", "or", "unless", "atan2"].iter().any(|operator| word.eq_ignore_ascii_case(operator)));
    signs + words.count()
}

/// Replaces a dashboard's variables (`$system`, `${system:regex}`, `[[system]]`, `$__rate_interval`) by something of the same kind, so that
/// the query can be parsed: a span where a span is expected, a name before matchers and in lists of labels, a number elsewhere.
fn without_variables(expression: &str) -> String {
    static VARIABLE: LazyLock<regex::Regex> =
        LazyLock::new(|| regex::Regex::new(r"\$\{[^}]*\}|\$(?-u:\w)+|\[\[(?-u:\w)+(?::(?-u:\w)+)?\]\]").expect("the pattern is fixed"));
    let mut out = String::with_capacity(expression.len());
    let mut end = 0;
    for variable in VARIABLE.find_iter(expression) {
        out.push_str(&expression[end..variable.start()]);
        out.push_str(stand_in(&out, &expression[variable.end()..]));
        end = variable.end();
    }
    out.push_str(&expression[end..]);
    out
}

/// Replaces regular expressions that are words, `=~"a|b"`, by texts: compiled, the hundreds of a few dashboards take longer than all else that is
/// made of a query, and tens of megabytes.
fn without_alternatives(expression: &str) -> Cow<'_, str> {
    static WORDS: LazyLock<regex::Regex> =
        LazyLock::new(|| regex::Regex::new(r#"(?:(=)|!)~\s*"((?-u:\w|:)+(?:\|(?-u:\w|:)+)*)""#).expect("the pattern is fixed"));
    WORDS.replace_all(expression, |found: &regex::Captures<'_>| {
        let operator = if found.get(1).is_some() { "=" } else { "!=" };
        format!("{operator}\"{ANY_OF}{}\"", &found[2])
    })
}

/// What stands for a variable between `before` and `after`.
fn stand_in(before: &str, after: &str) -> &'static str {
    const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
    if is_in_text(before) {
        return ANYTHING;
    }
    let before = before.trim_end();
    let list = before.rfind('(').filter(|open| !before[*open..].contains(')')).map(|open| before[..open].trim_end());
    if before.ends_with(['[', ':']) || before.ends_with("offset") {
        "5m"
    } else if after.starts_with('{') || list.is_some_and(|word| LISTS.iter().any(|list| word.ends_with(list))) {
        "variable"
    } else {
        "1"
    }
}

/// Whether a text that begins before is still open.
fn is_in_text(before: &str) -> bool {
    let mut open = None;
    let mut escaped = false;
    for c in before.chars() {
        match open {
            Some(_) if escaped => escaped = false,
            Some(quote) if c == '\\' && quote != '`' => escaped = true,
            Some(quote) if c == quote => open = None,
            None if matches!(c, '"' | '\'' | '`') => open = Some(c),
            _ => {}
        }
    }
    open.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Labels for &[(&str, &str)] {
        fn knows(&self, name: &str) -> bool {
            ["feature", "model", "system"].contains(&name)
        }

        fn value(&self, name: &str) -> &str {
            self.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
        }
    }

    fn selects(expression: &str, recorded: &[(&str, &str)], labels: &[(&str, &str)]) -> Option<bool> {
        let recorded = recorded.iter().copied().collect();
        let queries = Queries::read([(None, expression)], &recorded);
        (queries.unreadable == 0).then(|| queries.naming("aims_drift_psi", |_| true).select(&labels))
    }

    #[test]
    fn a_query_selects_by_name_and_matchers() {
        let series = [("system", "credit"), ("feature", "income")];
        let cases = [
            ("aims_drift_psi", true),
            ("max by (system) (aims_drift_psi{system=\"credit\"}) > 0.1", true),
            ("aims_drift_psi{system=\"chat\"}", false),
            ("aims_drift_psi{system!=\"chat\", feature=~\"inc.*\"}", true),
            ("aims_drift_psi{model=\"m\"}", false),
            ("aims_drift_psi{model=\"\"}", true),
            ("aims_drift_psi{job=\"clause9\", cluster=\"eu\"}", true),
            ("{__name__=~\"aims_drift_.*\", system=\"credit\"}", true),
            ("{__name__=\"aims_drift_distance\"}", false),
            ("{job=\"clause9\"}", false),
            ("aims_indicator_state{indicator=\"drift_psi\"}", false),
            ("label_replace(up, \"x\", \"aims_drift_psi\", \"\", \"\")", false),
            ("aims_drift_psi{system=~\"chat|credit\", feature =~ \"income\"}", true),
            ("aims_drift_psi{system=~\"cred\"}", false),
            ("aims_drift_psi{system!~\"cred|chat\"}", true),
            ("aims_drift_psi{system!~\"chat|credit\"}", false),
            ("aims_drift_psi{system=~\"chat|\"}", false),
            ("{__name__=~\"up|aims_drift_psi\"}", true),
            ("# aims_drift_psi\nup", false),
            ("max_over_time(aims_drift_psi[1d:5m] offset 1h) or vector(0)", true),
        ];
        for (expression, expected) in cases {
            assert_eq!(selects(expression, &[], &series), Some(expected), "{expression}");
        }
    }

    #[test]
    fn variables_of_a_dashboard_match_anything() {
        let series = [("system", "credit")];
        let cases = [
            "aims_drift_psi{system=~\"$system\"}",
            "aims_drift_psi{system=~\"${system:regex}\", feature=~'[[feature]]|'}",
            "topk($top, aims_drift_psi)",
            "topk($top, avg_over_time(aims_drift_psi[$__rate_interval]))",
            "quantile_over_time($q, aims_drift_psi[$__range:$__interval])",
            "sum by ($by) (aims_drift_psi)",
            "aims_drift_psi offset $shift",
            "sum(aims_drift_psi) / $total",
        ];
        for expression in cases {
            assert_eq!(selects(expression, &[], &series), Some(true), "{expression}");
        }
        assert_eq!(selects("$metric{system=\"credit\"}", &[], &series), Some(false));
    }

    #[test]
    fn recording_rules_stand_for_what_they_read() {
        let rules = [("a:drift:max", "max(b:drift)"), ("b:drift", "aims_drift_psi + on () group_left () a:drift:max")];
        assert_eq!(selects("a:drift:max > 0.2", &rules, &[]), Some(true));
        assert_eq!(selects("c:drift:max > 0.2", &rules, &[]), Some(false));
    }

    #[test]
    fn what_is_no_promql_proves_nothing() {
        assert_eq!(selects("SELECT * FROM aims_drift_psi", &[], &[]), None);
        assert_eq!(selects("aims_drift_psi{", &[], &[]), None);
    }

    #[test]
    fn queries_have_a_bound() {
        type Text = fn(usize) -> String;
        let ways: [(&str, Text); 4] = [
            ("brackets", |count| format!("{}aims_drift_psi{}", "(".repeat(count), ")".repeat(count))),
            ("signs", |count| format!("{}aims_drift_psi", "-".repeat(count))),
            ("operators", |count| format!("aims_drift_psi{}", "+1".repeat(count))),
            ("words", |count| format!("aims_drift_psi{}", " OR up".repeat(count))),
        ];
        for (way, query) in ways {
            assert_eq!(selects(&query(MAX_OPERATORS), &[], &[]), Some(true), "{way}");
            assert_eq!(selects(&query(MAX_OPERATORS + 1), &[], &[]), None, "{way}");
        }
        let long = |bytes: usize| format!("aims_drift_psi{}", " ".repeat(bytes - 14));
        assert_eq!(selects(&long(MAX_QUERY_BYTES), &[], &[]), Some(true));
        assert_eq!(selects(&long(MAX_QUERY_BYTES + 1), &[], &[]), None);
    }
}
