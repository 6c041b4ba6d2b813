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
                `next_due`, would otherwise look overdue for ever.",
        sql: "SELECT r.source, r.id, r.system, r.kind, r.scope, r.level, r.status, r.due, r.due_ends_at, r.completed_at, r.approved_at,
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
  AND NOT (substr(r.id, length(r.id) - 4) = '/next' AND (
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
                A version that two registries list has its measurements twice: take the newest of a series.",
        sql: "SELECT m.source, m.id, m.system, m.model, m.version, m.family, m.method, m.kind, m.unit, m.feature, m.feature_role, m.attribute,
       m.subgroup, m.reference_subgroup, m.segment, m.value, m.value_flag, m.adjusted, m.bins, m.n_reference, m.n_current, m.n_subgroup,
       coalesce(m.measured_at, m.window_end, m.observed_at) AS taken_at
FROM model_versions v CROSS JOIN systems s CROSS JOIN measurements m
WHERE v.in_production = 1 AND s.id = v.system AND s.in_scope = 1 AND s.lifecycle <> 'retired'
  AND m.system = v.system AND m.version = v.version AND (m.model = v.model OR m.model IS NULL)
UNION ALL
SELECT m.source, m.id, m.system, m.model, m.version, m.family, m.method, m.kind, m.unit, m.feature, m.feature_role, m.attribute,
       m.subgroup, m.reference_subgroup, m.segment, m.value, m.value_flag, m.adjusted, m.bins, m.n_reference, m.n_current, m.n_subgroup,
       coalesce(m.measured_at, m.window_end, m.observed_at) AS taken_at
FROM systems s CROSS JOIN measurements m
WHERE s.in_scope = 1 AND s.lifecycle <> 'retired' AND m.system = s.id AND m.version IS NULL
  AND NOT EXISTS (SELECT 1 FROM model_versions v WHERE v.system = s.id AND v.in_production = 1 AND (m.model IS NULL OR v.model = m.model)
                    AND v.promoted_at > coalesce(m.measured_at, m.window_end, m.observed_at))
  AND (m.model IS NULL
    OR EXISTS (SELECT 1 FROM model_versions v WHERE v.system = s.id AND v.in_production = 1 AND v.model = m.model)
    OR NOT EXISTS (SELECT 1 FROM model_versions v WHERE v.system = s.id AND v.model = m.model))
UNION ALL
SELECT m.source, m.id, m.system, m.model, m.version, m.family, m.method, m.kind, m.unit, m.feature, m.feature_role, m.attribute,
       m.subgroup, m.reference_subgroup, m.segment, m.value, m.value_flag, m.adjusted, m.bins, m.n_reference, m.n_current, m.n_subgroup,
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
];
