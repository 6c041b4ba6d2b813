//! Alerting and recording rules, and their tests.

use super::Generated;
use crate::indicator::Catalogue;

/// Every rule file and the tests of the rules.
pub fn files(_catalogue: &Catalogue) -> Vec<Generated> {
    Vec::new()
}
