//! Runbooks: one page for each indicator.

use super::Generated;
use crate::indicator::Catalogue;

/// One page for each indicator, and the list of them.
pub fn files(_catalogue: &Catalogue) -> Vec<Generated> {
    Vec::new()
}
