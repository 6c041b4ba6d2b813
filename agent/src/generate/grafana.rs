//! Grafana dashboards.

use super::Generated;
use crate::indicator::Catalogue;

/// Every dashboard and the provisioning files.
pub fn files(_catalogue: &Catalogue) -> Vec<Generated> {
    Vec::new()
}
