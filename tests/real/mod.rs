//! Against real servers. Run `tests/peers/NAME install` first, or leave these out with `--skip real::`.

mod alerting; // alerts on the way from the agent to a person
mod api; // the API, asked whatever its description allows, and whatever it does not
mod clock_change; // the nights in which the clocks change, under libfaketime
mod connectors; // what each connector reads from the server that it is for
mod dashboards; // Grafana's dashboards: their types, and that every query has an answer
mod end_to_end; // the main job, from the upstreams to Prometheus
mod full_disk; // a file system that is really full, or read-only; needs root
mod object_stores; // what clause9-measure reads from S3, Google Cloud Storage and Azure
mod oscal; // OSCAL files of review packs: NIST's schema and compliance-trestle accept them
mod pages; // the agent's pages in a browser, for everybody
mod peers; // the servers themselves: each starts, takes its seed, answers and stops
mod postgres; // the catalogue's examples on PostgreSQL
mod signing; // requests that are signed, against a server that checks signatures
mod sql; // what the connector `sql` reads from PostgreSQL
mod trackers; // trackers, against simulators that others wrote
