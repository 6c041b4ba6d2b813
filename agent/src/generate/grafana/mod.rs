//! Grafana dashboards: four of them, generated from the catalogue, so that every indicator is shown on at least one.
//!
//! | Module | What lives there |
//! |---|---|
//! | `operations`, `obligations`, `review`, `agent` | the dashboards, each a table of contents and its panels |
//! | `shared` | panels that several of them show |
//! | `places` | which panel shows which indicator |
//! | `query` | PromQL |
//! | `panel`, `field`, `dashboard` | Grafana's JSON: kinds of panels, how values look, the grid and the variables |

mod agent;
mod dashboard;
mod field;
mod obligations;
mod operations;
mod panel;
mod places;
mod query;
mod review;
mod shared;
#[cfg(test)]
mod tests;

use super::Generated;
use crate::indicator::Catalogue;

/// Every dashboard.
pub fn files(catalogue: &Catalogue) -> Vec<Generated> {
    let places = places::Places::of(catalogue);
    let dashboards = [
        ("operations", operations::dashboard(&places)),
        ("obligations", obligations::dashboard(&places)),
        ("management-review", review::dashboard(&places)),
        ("agent", agent::dashboard(&places)),
    ];
    dashboards.into_iter().map(|(name, dashboard)| Generated { path: format!("grafana/{name}.json").into(), text: dashboard.text() }).collect()
}
