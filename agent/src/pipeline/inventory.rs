//! What the board shows of the records themselves, and what thresholds know of systems.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use crate::{
    board::{Acceptance, ReviewLink, SystemStatus},
    config::{Config, NamedSystem},
    document::{Mistake, nearest},
    indicator::TIME_LIMIT,
    record::{Zone, shape::SYSTEM_PROPERTIES},
    store::{self, Projection, Query, QueryError, Touched, sql::Database},
};

/// The inventory by id.
pub type Systems = BTreeMap<String, SystemStatus>;

/// What the board shows of the records themselves, as it was read last.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) systems: Arc<Systems>,
    pub(super) review_links: Arc<Vec<ReviewLink>>,
    pub(super) acceptances: Arc<Vec<Acceptance>>,
    /// Whether records that the inventory was read from have changed since.
    touched: bool,
    /// Whether records that the links were read from have changed since.
    links_touched: bool,
    /// Whether acceptances have changed since.
    acceptances_touched: bool,
}

impl Facts {
    /// Notes what was touched.
    pub(super) fn touch(&mut self, touched: &Touched) {
        self.touched |= touched.has_table("systems");
        self.links_touched |= ["systems", "reviews"].iter().any(|table| touched.has_table(table));
        self.acceptances_touched |= ["systems", "acceptances"].iter().any(|table| touched.has_table(table));
    }

    /// Notes that everything was touched.
    pub(super) fn touch_all(&mut self) {
        (self.touched, self.links_touched, self.acceptances_touched) = (true, true, true);
    }

    /// Reads the inventory anew where that is needed.
    pub(super) fn renew(&mut self, reader: &dyn Database, zone: Zone) -> Result<(), store::Error> {
        if self.touched {
            (self.systems, self.touched) = (systems(reader)?.into(), false);
        }
        if self.acceptances_touched {
            (self.acceptances, self.acceptances_touched) = (acceptances(reader, zone)?.into(), false);
        }
        Ok(())
    }

    /// Reads the links anew where that is needed, from what was computed for indicators.
    pub(super) fn renew_links(&mut self, reader: &dyn Database, projection: &Projection) -> Result<(), QueryError> {
        if self.links_touched {
            // Most registers have no addresses: then nobody need know which occasion is the next.
            let are_any = reader.any("SELECT 1 FROM reviews WHERE url IS NOT NULL LIMIT 1", &[])?;
            let links = if are_any { review_links(projection)? } else { Vec::new() };
            (self.review_links, self.links_touched) = (links.into(), false);
        }
        Ok(())
    }
}

/// What the configuration names as systems and the inventory does not have, each with its place and the id that was probably meant. An alias is no id.
pub fn unmatched(config: &Config, systems: &Systems) -> Vec<String> {
    let stranger = |named: &NamedSystem| {
        let expected = match nearest(&named.id, systems.keys().map(String::as_str)) {
            Some(near) => format!("`{near}`"),
            None => "the id of a system in the inventory".to_owned(),
        };
        Mistake { expected, ..named.place.clone() }.to_string()
    };
    config.named_systems.iter().filter(|named| !systems.contains_key(&named.id)).map(stranger).collect()
}

/// Reads the inventory.
pub(super) fn systems(reader: &dyn Database) -> Result<Systems, store::Error> {
    let systems = reader.rows(&format!("SELECT id, name, url, {} FROM systems", SYSTEM_PROPERTIES.join(", ")), &[], |row| {
        let id: String = row.get(0)?;
        let mut properties = BTreeMap::new();
        for (position, name) in SYSTEM_PROPERTIES.into_iter().enumerate() {
            if let Some(value) = row.get::<Option<String>>(position + 3)? {
                properties.insert(name, value);
            }
        }
        Ok((id.clone(), SystemStatus { id, name: row.get(1)?, properties, url: shown(row.get(2)?) }))
    })?;
    Ok(systems.into_iter().collect())
}

/// Reads what is accepted.
fn acceptances(reader: &dyn Database, zone: Zone) -> Result<Vec<Acceptance>, store::Error> {
    let sql = "SELECT indicator, coalesce(system, upstream_key), accepted_by, reason, accepted_until, source, id FROM acceptances ORDER BY source, id";
    reader.rows(sql, &[], |row| {
        let (source, id): (String, String) = (row.get(5)?, row.get(6)?);
        let labels = "SELECT label_text FROM acceptance_labels WHERE source = ?1 AND id = ?2 ORDER BY 1";
        Ok(Acceptance {
            indicator: row.get(0)?,
            system: row.get(1)?,
            labels: reader.rows(labels, &[(&source).into(), (&id).into()], |row| row.get(0))?,
            by: row.get(2)?,
            reason: row.get(3)?,
            ends_at: zone.end_of(row.get(4)?),
        })
    })
}

/// The records of the next open occasions that can be looked at.
fn review_links(projection: &Projection) -> Result<Vec<ReviewLink>, QueryError> {
    let sql = "SELECT n.system, n.kind, n.scope, r.url FROM next_occasions n JOIN reviews r ON r.source = n.source AND r.id = n.id
               WHERE r.url IS NOT NULL ORDER BY 1, 2, 3";
    let tables = ["systems", "reviews", "review_states", "occasions", "next_occasions"].map(str::to_owned).into();
    let mut links = Vec::new();
    projection.look()?.ask(&Query { sql, tables: &tables, values: &[], time_limit: TIME_LIMIT }, &mut |row| {
        if let Some(url) = shown(row.get(3)?) {
            links.push(ReviewLink { system: row.get(0)?, kind: row.get(1)?, scope: row.get(2)?, url });
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(links)
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
