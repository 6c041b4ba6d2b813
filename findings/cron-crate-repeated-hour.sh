#!/usr/bin/env bash
# cron 0.17.0 (the Rust crate) with chrono 0.4.45 and chrono-tz 0.10.4.
#
# `Schedule::after(t).next()` is documented as the next time after t. In the hour that comes twice when summer time ends, it gives the first
# of the two moments that have the matching wall-clock time, also when t already lies in the second pass: an answer up to an hour before t.
# A loop that sleeps until the next time therefore never sleeps again until that hour is over. In the hour that is skipped in spring, a
# daily job's run is left out instead of being made up for.
#
# Seen (expression of six fields, zone, after, answer and its distance in seconds):
#   0 */10 * * * *  Europe/Berlin     2026-10-25T01:00:12Z  2026-10-25T00:10:00Z  -3012
#   0 45 1 * * *    America/New_York  2026-11-01T06:30:00Z  2026-11-01T05:45:00Z  -2700
#   0 30 2 * * *    Europe/Berlin     2027-03-27T12:00:00Z  2027-03-29T00:30:00Z  131400
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "seen"
version = "0.0.0"
edition = "2024"

[dependencies]
chrono = { version = "=0.4.45", default-features = false, features = ["std"] }
chrono-tz = { version = "=0.10.4", default-features = false, features = ["std"] }
cron = "=0.17.0"
TOML
cat >src/main.rs <<'RUST'
use std::str::FromStr;

fn main() {
    for (expression, zone, after) in [
        ("0 */10 * * * *", "Europe/Berlin", "2026-10-25T01:00:12Z"),
        ("0 45 1 * * *", "America/New_York", "2026-11-01T06:30:00Z"),
        ("0 30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z"),
    ] {
        let zone: chrono_tz::Tz = zone.parse().unwrap();
        let after = chrono::DateTime::parse_from_rfc3339(after).unwrap();
        let schedule = cron::Schedule::from_str(expression).unwrap();
        let next = schedule.after(&after.with_timezone(&zone)).next().unwrap();
        println!("{} {}", next.to_utc().format("%FT%TZ"), next.timestamp() - after.timestamp());
    }
}
RUST
cargo run --quiet >seen
diff seen - <<'TEXT'
2026-10-25T00:10:00Z -3012
2026-11-01T05:45:00Z -2700
2027-03-29T00:30:00Z 131400
TEXT
echo "as described"
