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

use super::{Generated, Settings};
use crate::indicator::Catalogue;

/// Every dashboard.
pub fn files(catalogue: &Catalogue, settings: &Settings) -> Vec<Generated> {
    let places = places::Places::of(catalogue);
    // Links go on with a slash of their own.
    let agent = settings.agent_url.trim_end_matches('/');
    let dashboards = [
        ("operations", operations::dashboard(&places, agent)),
        ("obligations", obligations::dashboard(&places, agent)),
        ("management-review", review::dashboard(&places, agent)),
        ("agent", agent::dashboard(&places, agent)),
    ];
    dashboards.into_iter().map(|(name, dashboard)| Generated { path: format!("grafana/{name}.json").into(), text: dashboard.text() }).collect()
}
