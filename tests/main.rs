//! Tests of what crosses packages, in one binary. `tests/run` runs all of them with everything they need;
//! `cargo test -p clause9-tests -- --skip real::` runs those that need nothing.

mod support; // a real server per value, clients to seed it with, waiting

mod anchors; // evidence held to what was kept elsewhere: keys, signed anchors, what verify makes of them
mod api; // the API while an agent runs: pages of readings and evidence, systems, refusals
mod daemon; // the program as a user runs it: exit codes, signals, reloads, kill -9
mod data_folder; // the data folder while the agent runs: its modes; removed, replaced, back again
mod front; // the agent's port: names, origins, half-sent requests
mod history; // what was: asked of an agent while it runs, and of its data folder
mod house; // the sources themselves: outside crates stay in their homes
mod measure; // jobs of the agent that run clause9-measure: records, readings, limits, ends
mod proxy; // what goes wrong between the agent and its upstreams, by chance that can be had again; the script `faults` makes more of it
mod real; // against real servers, installed and started by the scripts in peers/
mod registers; // registers in files while it runs: broken ones, ones that are gone, the others
mod reload; // another configuration while it runs: sources, address, credentials, certificates
mod review; // management review packs: made, verified, compared; killed meanwhile, on a full disk
mod trackers; // trackers that do not show everything: what is refused, what is told
mod words; // what the program says: every mistake in one round, names that mean nothing, filters, closed pipes
