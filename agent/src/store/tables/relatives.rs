//! Cases that others may concern: those that may be the same case as another (the views `same_cases` and `cases_once` decide), and those of which one
//! is the other's parent (`action_grades`). Whoever looks at some systems' cases alone must see the relatives of these, and whoever changes a case
//! touches the systems of its relatives. Too many are no fault, too few are.

use super::Dialect;

/// What makes `d` a relative of `c`: one names the other by id or address, or both name the same.
const LINKS: [&str; 7] = [
    "d.id IN (c.reference, c.kind || '-' || c.reference) AND d.kind = c.kind",
    "d.url IN (c.url, c.reference) AND d.kind = c.kind",
    "d.reference IN (c.reference, c.url, c.id, CASE WHEN substr(c.id, 1, length(c.kind) + 1) = c.kind || '-' THEN substr(c.id, length(c.kind) + 2) END)
     AND d.kind = c.kind",
    "d.id IN (c.parent, 'nonconformity-' || c.parent, CASE WHEN substr(c.parent, 1, 14) = 'nonconformity-' THEN substr(c.parent, 15) END)",
    "d.url = c.parent",
    "d.reference = c.parent",
    "d.parent IN (c.id, c.url, c.reference, 'nonconformity-' || c.id, CASE WHEN substr(c.id, 1, 14) = 'nonconformity-' THEN substr(c.id, 15) END)",
];

/// A WITH clause of SQLite that makes a table `relatives` with the `place` (the rowid) of the cases with which `begin` begins, of their relatives, and so on.
pub(in crate::store) fn of(begin: &str) -> String {
    let steps = LINKS.map(|link| format!("SELECT d.rowid FROM relatives k CROSS JOIN main.cases c CROSS JOIN main.cases d WHERE c.rowid = k.place AND {link}"));
    format!("WITH RECURSIVE relatives (place) AS ({begin} UNION {})", steps.join(" UNION "))
}

/// A SELECT of the systems of a case, `?1` its source and `?2` its id, and of its relatives.
pub(in crate::store) fn systems(dialect: Dialect) -> String {
    match dialect {
        Dialect::Sqlite => {
            let begin = of("SELECT c.rowid FROM main.cases c WHERE c.source = ?1 AND c.id = ?2");
            format!("{begin} SELECT DISTINCT r.system FROM relatives k CROSS JOIN main.cases r WHERE r.rowid = k.place")
        }
        // There only one SELECT may go on from what was found before.
        Dialect::Postgres => {
            let links = LINKS.map(|link| format!("({link})")).join(" OR ");
            format!(
                "WITH RECURSIVE relatives (place) AS (SELECT c.ctid FROM cases c WHERE c.source = ?1 AND c.id = ?2 UNION \
                 SELECT d.ctid FROM relatives k CROSS JOIN cases c CROSS JOIN cases d WHERE c.ctid = k.place AND ({links})) \
                 SELECT DISTINCT r.system FROM relatives k CROSS JOIN cases r WHERE r.ctid = k.place"
            )
        }
    }
}
