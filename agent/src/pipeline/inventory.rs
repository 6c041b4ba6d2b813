//! What the board shows of the records themselves, and what thresholds know of systems.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rusqlite::{Connection, Row};

use crate::{
    board::{CaseDue, Due, NotificationDue, SystemStatus},
    record::{Zone, shape::SYSTEM_PROPERTIES},
    store::{self, Touched},
};

/// The inventory by id.
pub type Systems = BTreeMap<String, SystemStatus>;

/// What the board shows of the records themselves, as it was read last.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) systems: Arc<Systems>,
    pub(super) dues: Arc<Vec<Due>>,
    pub(super) case_dues: Arc<Vec<CaseDue>>,
    pub(super) notification_dues: Arc<Vec<NotificationDue>>,
    /// Of the tables that it was read from, those of which records have changed since.
    touched: BTreeSet<&'static str>,
}

/// The tables that it is read from.
const TABLES: [&str; 3] = ["systems", "reviews", "cases"];

impl Facts {
    /// Notes what was touched.
    pub(super) fn touch(&mut self, touched: &Touched) {
        self.touched.extend(TABLES.iter().filter(|table| touched.has_table(table)));
    }

    /// Notes that everything was touched.
    pub(super) fn touch_all(&mut self) {
        self.touched.extend(TABLES);
    }

    /// Reads anew what needs it: all of that, or after an error nothing.
    pub(super) fn renew(&mut self, reader: &Connection, zone: Zone) -> Result<(), store::Error> {
        let [of_systems, of_reviews, of_cases] = TABLES.map(|table| self.touched.contains(table));
        let systems = of_systems.then(|| systems(reader)).transpose()?;
        let dues = (of_systems || of_reviews).then(|| dues(reader)).transpose()?;
        let case_dues = (of_systems || of_cases).then(|| case_dues(reader, zone)).transpose()?;
        let notification_dues = of_cases.then(|| notification_dues(reader)).transpose()?;
        take(&mut self.systems, systems);
        take(&mut self.dues, dues);
        take(&mut self.case_dues, case_dues);
        take(&mut self.notification_dues, notification_dues);
        self.touched.clear();
        Ok(())
    }
}

fn take<T>(held: &mut Arc<T>, read: Option<T>) {
    if let Some(read) = read {
        *held = read.into();
    }
}

/// Reads the inventory.
pub(super) fn systems(reader: &Connection) -> Result<Systems, store::Error> {
    let mut statement = reader.prepare_cached(&format!("SELECT id, name, url, {} FROM systems", SYSTEM_PROPERTIES.join(", ")))?;
    let mut rows = statement.query([])?;
    let mut systems = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let mut properties = BTreeMap::new();
        for (position, name) in SYSTEM_PROPERTIES.into_iter().enumerate() {
            if let Some(value) = row.get::<_, Option<String>>(position + 3)? {
                properties.insert(name, value);
            }
        }
        systems.insert(id.clone(), SystemStatus { id, name: row.get(1)?, properties, url: shown(row.get(2)?) });
    }
    Ok(systems)
}

/// The next open occasion of each system, kind and scope. Retired and out-of-scope systems are left out (ruling 11).
fn dues(reader: &Connection) -> Result<Vec<Due>, store::Error> {
    let mut statement = reader.prepare_cached(
        "WITH open AS (
           SELECT o.system, o.kind, o.scope, o.due_ends_at, r.url,
                  row_number() OVER (PARTITION BY o.system, o.kind, o.scope ORDER BY o.due_ends_at, o.source, o.id) AS position
           FROM occasions o JOIN reviews r ON r.source = o.source AND r.id = o.id LEFT JOIN systems s ON s.id = o.system
           WHERE o.is_done = 0 AND o.due_ends_at IS NOT NULL AND (s.id IS NULL OR (s.in_scope = 1 AND s.lifecycle <> 'retired')))
         SELECT system, kind, scope, due_ends_at, url FROM open WHERE position = 1 ORDER BY 1, 2, 3",
    )?;
    let due = |row: &Row<'_>| Ok(Due { system: row.get(0)?, kind: row.get(1)?, scope: row.get(2)?, ends_at: row.get(3)?, url: shown(row.get(4)?) });
    let rows = statement.query_map([], due)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The earliest due day of the open cases of each system and kind that have one. Retired and out-of-scope systems are left out (ruling 11).
fn case_dues(reader: &Connection, zone: Zone) -> Result<Vec<CaseDue>, store::Error> {
    let mut statement = reader.prepare_cached(
        "SELECT c.system, c.kind, min(c.due) FROM cases c LEFT JOIN systems s ON s.id = c.system
         WHERE c.is_open = 1 AND c.implemented_at IS NULL AND c.due IS NOT NULL AND (s.id IS NULL OR (s.in_scope = 1 AND s.lifecycle <> 'retired'))
         GROUP BY c.system, c.kind ORDER BY 1, 2",
    )?;
    let rows = statement.query_map([], |row| Ok(CaseDue { system: row.get(0)?, kind: row.get(1)?, ends_at: zone.end_of(row.get(2)?) }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The earliest deadline of notices that were not given yet. A notice is owed after the incident is closed, too, and for any system.
fn notification_dues(reader: &Connection) -> Result<Vec<NotificationDue>, store::Error> {
    let mut statement = reader.prepare_cached(
        "SELECT c.system, c.severity, min(c.notify_by) FROM cases c
         WHERE c.kind = 'incident' AND c.notified_at IS NULL AND c.notify_by IS NOT NULL GROUP BY c.system, c.severity ORDER BY 1, 2",
    )?;
    let rows = statement.query_map([], |row| Ok(NotificationDue { system: row.get(0)?, severity: row.get(1)?, at: row.get(2)? }))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Names of query parameters whose values may be secrets.
const SECRET_PARAMETERS: [&str; 6] = ["token", "key", "sig", "secret", "password", "auth"];

/// The address of a record as it may be shown to anybody who sees the metrics: of the web, without credentials. One that may hold a secret
/// elsewhere is not shown.
fn shown(url: Option<String>) -> Option<String> {
    let mut url = url::Url::parse(&url?).ok().filter(|url| ["http", "https"].contains(&url.scheme()))?;
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    let suspicious = |name: &str| SECRET_PARAMETERS.iter().any(|word| name.to_ascii_lowercase().contains(word));
    (!url.query_pairs().any(|(name, _)| suspicious(&name))).then(|| url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_credentials() {
        let cases = [
            ("https://tracker.example.org/issues/5?tab=notes", Some("https://tracker.example.org/issues/5?tab=notes")),
            ("https://anna:pw@tracker.example.org/issues/5", Some("https://tracker.example.org/issues/5")),
            ("https://files.example.org/a.pdf?X-Amz-Signature=1", None),
            ("https://tracker.example.org/issues/5?access_token=1", None),
            ("javascript:alert(1)", None),
            ("/issues/5", None),
        ];
        for (url, expected) in cases {
            assert_eq!(shown(Some(url.to_owned())).as_deref(), expected, "{url}");
        }
    }
}
