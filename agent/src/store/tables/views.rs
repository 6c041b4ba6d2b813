//! Views: rulings that several indicators share, each written once, in the SQL that both engines run. They are part of the method, so the
//! documentation prints them beside the indicators that read them.

/// A view over the record tables.
#[derive(Debug)]
pub struct View {
    /// Its name.
    pub name: &'static str,
    /// The tables that it reads, as `reads:` names them.
    pub reads: &'static [&'static str],
    /// The ruling that it follows, and what one row is.
    pub about: &'static str,
    /// Its SELECT.
    pub sql: &'static str,
}

/// Every view, in the order in which they are made.
///
/// `CROSS JOIN` with a condition below is an inner join that SQLite carries out in the order in
/// which it is written, from the few versions that run to their measurements; to PostgreSQL it is any inner join.
pub const VIEWS: &[View] = &[
    View {
        name: "occasions",
        reads: &["reviews"],
        about: "Ruling 1. One row is one planned occasion, with whether it is approved and whether it is done. A cancelled one is left out. An occasion that a \
                row's `next_due` announced (its id ends in `/next`) is left out once the register itself lists a later one of the same system, kind and scope that \
                announces its own next, or is nearer to the announced day than to the one before: a register that keeps its past assessments, each with its \
                `next_due`, would otherwise look overdue for ever. Training's is left out once the same person did it again; a row that names no person is \
                nobody's later one.",
        sql: "SELECT r.source, r.id, r.system, r.kind, r.scope, r.level, r.status, r.due, r.due_ends_at, r.completed_at, r.approved_at,
       r.title, r.requirements, r.upstream_key,
       CASE WHEN r.status <> 'rejected' AND (r.approved_at IS NOT NULL OR r.status = 'approved') THEN 1 ELSE 0 END AS is_approved,
       CASE WHEN r.status = 'rejected' THEN 0
            WHEN r.approved_at IS NOT NULL OR r.status = 'approved' THEN 1
            WHEN r.kind IN ('impact_assessment', 'risk_assessment', 'management_review') THEN 0
            WHEN r.status = 'reported' THEN 1
            WHEN r.kind IN ('internal_audit', 'external_audit', 'stage1_audit', 'stage2_audit', 'surveillance_audit', 'recertification') THEN 0
            WHEN r.completed_at IS NOT NULL OR r.status = 'performed' THEN 1
            ELSE 0 END AS is_done
FROM reviews r
WHERE r.status <> 'cancelled'
  AND NOT (r.kind = 'training' AND r.person IS NOT NULL AND substr(r.id, length(r.id) - 4) = '/next' AND EXISTS (
    SELECT 1 FROM reviews announcer JOIN reviews later ON later.person = r.person AND later.kind = r.kind
    WHERE announcer.source = r.source AND announcer.id = substr(r.id, 1, length(r.id) - 5)
      AND coalesce(later.system, '') = coalesce(r.system, '') AND coalesce(later.scope, '') = coalesce(r.scope, '') AND later.status <> 'cancelled'
      AND coalesce(later.completed_at, later.approved_at) > coalesce(announcer.completed_at, announcer.approved_at)))
  AND NOT (substr(r.id, length(r.id) - 4) = '/next' AND r.kind <> 'training' AND (
    EXISTS (
      SELECT 1 FROM reviews announcer JOIN reviews later ON later.kind = r.kind AND later.system = r.system
      WHERE announcer.source = r.source AND announcer.id = substr(r.id, 1, length(r.id) - 5)
        AND coalesce(later.scope, '') = coalesce(r.scope, '') AND later.status <> 'cancelled'
        AND later.id <> announcer.id AND substr(later.id, length(later.id) - 4) <> '/next'
        AND coalesce(later.due, coalesce(later.approved_at, later.completed_at) / 86400) > coalesce(announcer.due, coalesce(announcer.approved_at, announcer.completed_at) / 86400)
        AND (later.next_due IS NOT NULL
          OR 2 * coalesce(later.due, coalesce(later.approved_at, later.completed_at) / 86400) > coalesce(announcer.due, coalesce(announcer.approved_at, announcer.completed_at) / 86400) + r.due))
    OR (r.system IS NULL AND EXISTS (
      SELECT 1 FROM reviews announcer JOIN reviews later ON later.kind = r.kind AND later.system IS NULL
      WHERE announcer.source = r.source AND announcer.id = substr(r.id, 1, length(r.id) - 5)
        AND coalesce(later.scope, '') = coalesce(r.scope, '') AND later.status <> 'cancelled'
        AND later.id <> announcer.id AND substr(later.id, length(later.id) - 4) <> '/next'
        AND coalesce(later.due, coalesce(later.approved_at, later.completed_at) / 86400) > coalesce(announcer.due, coalesce(announcer.approved_at, announcer.completed_at) / 86400)
        AND (later.next_due IS NOT NULL
          OR 2 * coalesce(later.due, coalesce(later.approved_at, later.completed_at) / 86400) > coalesce(announcer.due, coalesce(announcer.approved_at, announcer.completed_at) / 86400) + r.due)))))",
    },
    View {
        name: "judged_measurements",
        reads: &["systems", "model_versions", "measurements"],
        about: "Rulings 8 and 11. One row is a measurement of what runs now, in a system that counts: of a version in production; or naming no version and \
                taken since the version in production was promoted; or, for a system of which no registry knows any version, of the version of its model \
                that was measured last. `taken_at` is when it was measured, else the end of its window, else when it was first read. \
                A version that two registries list has its measurements twice: take the newest of a series. `feature_role` is empty for a plain \
                feature, whether its record says so or says nothing: labels must not depend on who measured.",
        sql: "SELECT m.source, m.id, m.system, m.model, m.version, m.family, m.method, m.kind, m.unit, m.feature,
       CASE WHEN m.feature_role <> 'feature' THEN m.feature_role END AS feature_role, m.attribute, m.subgroup, m.reference_subgroup, m.segment,
       m.value, m.value_flag, m.baseline, m.direction, m.adjusted, m.bins, m.n_reference, m.n_current, m.n_subgroup,
       coalesce(m.measured_at, m.window_end, m.observed_at) AS taken_at
FROM model_versions v CROSS JOIN systems s CROSS JOIN measurements m
WHERE v.in_production = 1 AND s.id = v.system AND s.in_scope = 1 AND s.lifecycle <> 'retired'
  AND m.system = v.system AND m.version = v.version AND (m.model = v.model OR m.model IS NULL)
UNION ALL
SELECT m.source, m.id, m.system, m.model, m.version, m.family, m.method, m.kind, m.unit, m.feature,
       CASE WHEN m.feature_role <> 'feature' THEN m.feature_role END AS feature_role, m.attribute, m.subgroup, m.reference_subgroup, m.segment,
       m.value, m.value_flag, m.baseline, m.direction, m.adjusted, m.bins, m.n_reference, m.n_current, m.n_subgroup,
       coalesce(m.measured_at, m.window_end, m.observed_at) AS taken_at
FROM systems s CROSS JOIN measurements m
WHERE s.in_scope = 1 AND s.lifecycle <> 'retired' AND m.system = s.id AND m.version IS NULL
  AND NOT EXISTS (SELECT 1 FROM model_versions v WHERE v.system = s.id AND v.in_production = 1 AND (m.model IS NULL OR v.model = m.model)
                    AND v.promoted_at > coalesce(m.measured_at, m.window_end, m.observed_at))
  AND (m.model IS NULL
    OR EXISTS (SELECT 1 FROM model_versions v WHERE v.system = s.id AND v.in_production = 1 AND v.model = m.model)
    OR NOT EXISTS (SELECT 1 FROM model_versions v WHERE v.system = s.id AND v.model = m.model))
UNION ALL
SELECT m.source, m.id, m.system, m.model, m.version, m.family, m.method, m.kind, m.unit, m.feature,
       CASE WHEN m.feature_role <> 'feature' THEN m.feature_role END AS feature_role, m.attribute, m.subgroup, m.reference_subgroup, m.segment,
       m.value, m.value_flag, m.baseline, m.direction, m.adjusted, m.bins, m.n_reference, m.n_current, m.n_subgroup,
       coalesce(m.measured_at, m.window_end, m.observed_at) AS taken_at
FROM systems s CROSS JOIN measurements m
WHERE s.in_scope = 1 AND s.lifecycle <> 'retired' AND m.system = s.id AND m.version IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM model_versions v WHERE v.system = s.id)
  AND m.version = (SELECT n.version FROM measurements n
                   WHERE n.system = s.id AND n.version IS NOT NULL AND coalesce(n.model, '') = coalesce(m.model, '')
                   ORDER BY coalesce(n.measured_at, n.window_end, n.observed_at) DESC, n.version DESC LIMIT 1)",
    },
    View {
        name: "assessed_models",
        reads: &["systems", "model_versions", "reviews"],
        about: "Rulings 3, 4 and 11. One row is a model version in production, with what is known of its system's impact assessments: whether any is approved; \
                since when an approved one covers the version (one that names no version covers all; 0 when the day is not known; NULL when none does); and the \
                earliest day on which an open one is due. A version that belongs to no known system has none.",
        sql: "SELECT v.source, v.id, v.system, v.model, v.version, v.promoted_at,
       CASE WHEN EXISTS (SELECT 1 FROM occasions o WHERE o.kind = 'impact_assessment' AND o.system = v.system AND o.is_approved = 1)
            THEN 1 ELSE 0 END AS is_assessed,
       (SELECT min(coalesce(o.approved_at, 0)) FROM occasions o WHERE o.kind = 'impact_assessment' AND o.system = v.system AND o.is_approved = 1
          AND (NOT EXISTS (SELECT 1 FROM review_covers c WHERE c.source = o.source AND c.id = o.id)
            OR EXISTS (SELECT 1 FROM review_covers c WHERE c.source = o.source AND c.id = o.id AND c.model = v.model AND c.version IN (v.version, ''))))
         AS covered_since,
       (SELECT min(o.due) FROM occasions o WHERE o.kind = 'impact_assessment' AND o.system = v.system AND o.is_approved = 0) AS open_due
FROM model_versions v LEFT JOIN systems s ON s.id = v.system
WHERE v.in_production = 1 AND (v.system IS NULL OR (s.in_scope = 1 AND s.lifecycle <> 'retired'))",
    },
    View {
        name: "planned_entries",
        reads: &["systems", "plan_entries"],
        about: "Rulings 1 and 11. One row is an entry of the monitoring plan (9.1) that counts, with the day on which its results are next due to be analysed: the \
                day of the last analysis plus the entry's interval, or its first day plus the interval; NULL without an interval or a beginning. Half a day is \
                added so that a time of day, which is kept in UTC, falls on its day in most zones.",
        sql: "SELECT e.source, e.id, e.system, s.risk_tier, e.indicator, e.valid_from, e.last_analysed_at, e.analyse_every_seconds,
       CASE WHEN e.analyse_every_seconds > 0 AND e.last_analysed_at IS NOT NULL THEN (e.last_analysed_at + e.analyse_every_seconds + 43200) / 86400
            WHEN e.analyse_every_seconds > 0 THEN e.valid_from + e.analyse_every_seconds / 86400 END AS analysis_due
FROM plan_entries e
LEFT JOIN systems s ON s.id = e.system
WHERE s.id IS NULL OR (s.in_scope = 1 AND s.lifecycle <> 'retired')",
    },
    View {
        name: "planned_metrics",
        reads: &["systems", "plan_entries", "plan_checks"],
        about: "One row is an entry of the monitoring plan that counts, with the first thing that it lacks: `shortfall` is NULL when every series that it expands \
                to is measured, fresh, judged, alerted on and shown. Whether its results were analysed in time depends on the day.",
        sql: "SELECT e.source, e.id, e.system, e.risk_tier, e.indicator, e.valid_from, e.analysis_due,
       CASE WHEN c.id IS NULL THEN 'unchecked'
            WHEN c.flaw IS NOT NULL THEN 'invalid'
            WHEN c.missing > 0 THEN 'unmeasured'
            WHEN c.outdated > 0 THEN 'stale'
            WHEN c.without_limit > 0 THEN 'no_limit'
            WHEN c.without_alert > 0 THEN 'no_alert'
            WHEN c.without_panel > 0 THEN 'not_on_dashboard'
       END AS shortfall
FROM planned_entries e
LEFT JOIN plan_checks c ON c.source = e.source AND c.id = e.id",
    },
    View {
        name: "same_cases",
        reads: &["cases"],
        about: "One row is a case that another register or tracker holds too, with `case_key`, which all that are the same case share. Two cases of one kind in two \
                sources are the same when the `reference` of one is the id or the address of the other (a bare number also means the id that a register made of \
                it: 7 is `nonconformity-7`), when both have the same address, or when both refer to the same thing that no source holds; and so is what is the \
                same as either of them. Equal ids alone say nothing: every tracker counts from 1. A reference or an address that two cases of one source share, \
                and a number that two other sources have, tell nothing apart and join nothing: counted twice is seen and corrected, never counted is not.",
        sql: "WITH RECURSIVE referring AS (
  SELECT c.kind, c.source, min(c.id) AS id, c.reference FROM cases c
  WHERE c.reference IS NOT NULL GROUP BY c.kind, c.source, c.reference HAVING count(*) = 1
), named AS (
  SELECT c.kind, c.source, c.id, c.reference AS name FROM cases c
  WHERE c.reference IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM cases n WHERE n.id IN (c.reference, c.kind || '-' || c.reference) AND n.kind = c.kind)
  UNION
  SELECT c.kind, c.source, c.id, c.url FROM cases c
  WHERE c.url IN (SELECT f.reference FROM cases f WHERE f.reference IS NOT NULL
    UNION ALL
    SELECT f.url FROM cases f
    WHERE f.url IS NOT NULL
      AND (SELECT min(f.source) FROM cases f WHERE f.url IS NOT NULL) <> (SELECT max(f.source) FROM cases f WHERE f.url IS NOT NULL)
    GROUP BY f.url HAVING count(*) > 1)
), claims AS (
  SELECT m.source, min(m.id) AS id, m.kind || ' ' || m.name AS name FROM named m GROUP BY m.kind, m.source, m.name HAVING count(*) = 1
  UNION ALL
  SELECT r.source, r.id, 'id ' || min(n.source) || ' ' || min(n.id)
  FROM referring r JOIN cases n ON n.id IN (r.reference, r.kind || '-' || r.reference) AND n.kind = r.kind AND n.source <> r.source
  GROUP BY r.source, r.id HAVING count(*) = 1
  UNION ALL
  SELECT n.source, n.id, 'id ' || n.source || ' ' || n.id
  FROM referring r JOIN cases n ON n.id IN (r.reference, r.kind || '-' || r.reference) AND n.kind = r.kind AND n.source <> r.source
), reached (source, id, other_source, other_id) AS (
  SELECT k.source, k.id, k.source, k.id FROM claims k
  UNION
  SELECT r.source, r.id, b.source, b.id FROM reached r JOIN claims a ON a.source = r.other_source AND a.id = r.other_id JOIN claims b ON b.name = a.name
)
SELECT CAST(r.source AS TEXT) AS source, CAST(r.id AS TEXT) AS id, min(r.other_source || ' ' || r.other_id) AS case_key
FROM reached r GROUP BY r.source, r.id HAVING count(*) > 1",
    },
    View {
        name: "cases_once",
        reads: &["cases"],
        about: "One row is a case, once however many registers and trackers hold it (`same_cases`); `registers` says how many. Where they differ, the careful word \
                counts: open when one of them says open, the worst severity and grade, the earliest opening and deadlines, the latest end. What was done (triaged, \
                notified, implemented, verified) was done when one of them says so. A case for which they name two systems has a row for each; a system that is \
                known beats none. `channel` is how a concern came in: internal, external or customer, from its category, else its origin.",
        sql: "WITH held AS (
  SELECT k.source, k.id, k.case_key FROM same_cases k
), members AS (
  SELECT h.case_key, c.kind, c.system, count(c.system) OVER same AS systems, count(*) OVER same AS registers,
         max(CASE c.severity WHEN 'critical' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 WHEN 'low' THEN 1 END) OVER same AS severity_rank,
         max(CASE c.grade WHEN 'major' THEN 2 WHEN 'minor' THEN 1 END) OVER same AS grade_rank,
         max(CASE WHEN 'external' IN (lower(c.category), lower(c.origin)) THEN 3 WHEN 'customer' IN (lower(c.category), lower(c.origin)) THEN 2
                  WHEN 'internal' IN (lower(c.category), lower(c.origin)) THEN 1 END) OVER same AS channel_rank,
         max(c.is_open) OVER same AS is_open, min(c.opened_at) OVER same AS opened_at, min(c.triaged_at) OVER same AS triaged_at,
         min(c.notify_by) OVER same AS notify_by, min(c.notified_at) OVER same AS notified_at, min(c.due) OVER same AS due,
         min(c.implemented_at) OVER same AS implemented_at, max(c.resolved_at) OVER same AS resolved_at, min(c.verify_due) OVER same AS verify_due,
         min(c.verified_at) OVER same AS verified_at, max(c.closed_at) OVER same AS closed_at
  FROM held h JOIN cases c ON c.source = h.source AND c.id = h.id
  WINDOW same AS (PARTITION BY h.case_key)
)
SELECT c.source || ' ' || c.id AS case_key, c.kind, c.system, 1 AS registers, c.severity, c.grade,
       CASE WHEN 'external' IN (lower(c.category), lower(c.origin)) THEN 'external' WHEN 'customer' IN (lower(c.category), lower(c.origin)) THEN 'customer'
            WHEN 'internal' IN (lower(c.category), lower(c.origin)) THEN 'internal' END AS channel,
       c.is_open, c.opened_at, c.triaged_at, c.notify_by, c.notified_at, c.due, c.implemented_at, c.resolved_at, c.verify_due, c.verified_at, c.closed_at
FROM cases c
WHERE NOT EXISTS (SELECT 1 FROM held h WHERE h.source = c.source AND h.id = c.id)
UNION ALL
SELECT DISTINCT m.case_key, m.kind, m.system, m.registers,
       CASE m.severity_rank WHEN 4 THEN 'critical' WHEN 3 THEN 'high' WHEN 2 THEN 'medium' WHEN 1 THEN 'low' END,
       CASE m.grade_rank WHEN 2 THEN 'major' WHEN 1 THEN 'minor' END,
       CASE m.channel_rank WHEN 3 THEN 'external' WHEN 2 THEN 'customer' WHEN 1 THEN 'internal' END,
       m.is_open, m.opened_at, m.triaged_at, m.notify_by, m.notified_at, m.due, m.implemented_at, m.resolved_at, m.verify_due, m.verified_at, m.closed_at
FROM members m WHERE m.system IS NOT NULL OR m.systems = 0",
    },
    View {
        name: "action_grades",
        reads: &["cases"],
        about: "Ruling 10. One row is a corrective action (its `case_key` in `cases_once`) whose `parent` is a known nonconformity, with the worst grade that any \
                register or tracker gives that nonconformity. The parent is looked for by its id in the action's own source; only when it isn't there, in every \
                other by id, address or reference, and of several that fit the worst counts.",
        sql: "WITH held AS (
  SELECT k.source, k.id, k.case_key FROM same_cases k
), actions AS (
  SELECT c.source, c.id, c.parent, n.id AS own_id
  FROM cases c LEFT JOIN cases n ON n.source = c.source AND n.id = c.parent AND n.kind = 'nonconformity'
  WHERE c.kind = 'corrective_action' AND c.parent IS NOT NULL
), parents AS (
  SELECT a.source, a.id, a.source AS parent_source, a.own_id AS parent_id FROM actions a WHERE a.own_id IS NOT NULL
  UNION ALL
  SELECT a.source, a.id, n.source, n.id
  FROM actions a JOIN cases n ON n.kind = 'nonconformity' AND n.source <> a.source
    AND n.id IN (a.parent, CASE WHEN substr(a.parent, 1, 14) = 'nonconformity-' THEN substr(a.parent, 15) ELSE 'nonconformity-' || a.parent END)
  WHERE a.own_id IS NULL
  UNION ALL
  SELECT a.source, a.id, n.source, n.id FROM actions a JOIN cases n ON n.url = a.parent AND n.kind = 'nonconformity' WHERE a.own_id IS NULL
  UNION ALL
  SELECT a.source, a.id, n.source, n.id FROM actions a JOIN cases n ON n.reference = a.parent AND n.kind = 'nonconformity' WHERE a.own_id IS NULL
)
SELECT coalesce(k.case_key, p.source || ' ' || p.id) AS case_key, min(CASE WHEN n.grade = 'minor' AND coalesce(o.grade, 'minor') = 'minor' THEN 'minor' ELSE 'major' END) AS grade
FROM parents p
JOIN cases n ON n.source = p.parent_source AND n.id = p.parent_id
LEFT JOIN held k ON k.source = p.source AND k.id = p.id
LEFT JOIN held h ON h.source = p.parent_source AND h.id = p.parent_id
LEFT JOIN held a ON a.case_key = h.case_key
LEFT JOIN cases o ON o.source = a.source AND o.id = a.id
GROUP BY coalesce(k.case_key, p.source || ' ' || p.id)",
    },
    View {
        name: "checked_runs",
        reads: &["systems", "pipelines", "runs"],
        about: "Ruling 11. One row is a finished run of a pipeline that reports data checks (some run of it says how many), with what came of the checks; a \
                pipeline of which no run says when it ended has one row without a run. What an upstream leaves out follows from the rest: executed checks that \
                neither passed nor failed as a warning failed as errors, and where nothing tells warnings from errors all are errors.",
        sql: "WITH suites AS (
  SELECT r.source, r.pipeline, max(r.system) AS system FROM runs r
  WHERE coalesce(r.checks_executed, r.checks_passed, r.checks_failed_warn, r.checks_failed_error) IS NOT NULL
  GROUP BY r.source, r.pipeline
), finished AS (
  SELECT coalesce(p.system, q.system) AS system, q.source, q.pipeline, p.dataset, r.id, r.ended_at, r.checks_failed_warn AS warn, r.checks_failed_error AS error,
         coalesce(r.checks_executed, r.checks_passed + r.checks_failed_warn + r.checks_failed_error) AS executed,
         coalesce(r.checks_passed, r.checks_executed - r.checks_failed_warn - r.checks_failed_error) AS passed
  FROM suites q
  LEFT JOIN pipelines p ON p.source = q.source AND p.id = q.pipeline
  LEFT JOIN runs r ON r.source = q.source AND r.pipeline = q.pipeline AND r.outcome IN ('success', 'failed') AND r.ended_at IS NOT NULL
), counted AS (
  SELECT f.system, f.source, f.pipeline, f.dataset, f.id, f.ended_at, f.warn, f.error, f.executed, f.passed, f.executed - f.passed AS failed FROM finished f
)
SELECT f.system, f.source, f.pipeline, f.dataset, f.id, f.ended_at, f.executed, f.passed,
       CASE WHEN f.warn IS NOT NULL OR f.failed IS NULL THEN f.warn
            WHEN f.error IS NULL OR f.failed < f.error THEN 0
            ELSE f.failed - f.error END AS failed_warn,
       CASE WHEN f.failed IS NULL THEN f.error
            WHEN f.warn IS NULL THEN coalesce(f.error, f.failed)
            WHEN f.failed - f.warn > coalesce(f.error, 0) THEN f.failed - f.warn
            ELSE coalesce(f.error, 0) END AS failed_error
FROM counted f LEFT JOIN systems s ON s.id = f.system
WHERE f.system IS NULL OR (s.in_scope = 1 AND s.lifecycle <> 'retired')",
    },
];
