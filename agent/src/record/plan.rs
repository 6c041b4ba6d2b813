//! Entries of the monitoring plan (9.1).

use super::{Record, Value, Zone};

const DAY_SECONDS: i64 = 86_400;

/// Fills the day on which an entry's results are next due to be analysed.
///
/// Whole days are days of the calendar, however long the clocks make them; a shorter span may end on the day on which it began.
pub(super) fn derive(entry: &mut Record, zone: Zone) {
    let due = entry.value("analyse_every_seconds").as_integer().filter(|span| *span > 0).and_then(|span| {
        let first = || entry.value("valid_from").as_integer().map(|day| day + span / DAY_SECONDS);
        let next = |analysed: i64| match span % DAY_SECONDS {
            0 => zone.day_of(analysed) + span / DAY_SECONDS,
            _ => zone.day_of(analysed.saturating_add(span)),
        };
        entry.value("last_analysed_at").as_integer().map(next).or_else(first)
    });
    entry.set("analysis_due", due.map_or(Value::Null, Value::Integer));
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use crate::record::{Door, Value, Zone};

    fn due(zone: &str, entry: &serde_json::Value) -> Value {
        let mut json = json!({ "record": "plan_entry", "id": "MP-1", "what": "drift" });
        json.as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
        let door = Door { now: 1_800_000_000, zone: Zone::parse(zone).unwrap() };
        door.admit(&json).unwrap()[0].value("analysis_due").clone()
    }

    #[test]
    fn the_next_analysis_is_due_on_a_day_of_the_organisation() {
        let day = |text: &str| Value::Integer(Zone::UTC.day_of(DateTime::parse_from_rfc3339(&format!("{text}T00:00:00Z")).unwrap().timestamp()));
        let daily = json!({ "analyse_every_seconds": 86_400, "last_analysed_at": "2026-03-28T23:30:00Z" });
        assert_eq!(due("UTC", &daily), day("2026-03-29"));
        // It is the 29th there, and the day on which the clocks change.
        assert_eq!(due("Europe/Berlin", &daily), day("2026-03-30"));
        assert_eq!(due("America/Los_Angeles", &daily), day("2026-03-29"));
        let half_daily = json!({ "analyse_every_seconds": 43_200, "last_analysed_at": "2026-03-10T08:00:00Z" });
        assert_eq!(due("UTC", &half_daily), day("2026-03-10"));
        assert_eq!(due("Asia/Tokyo", &half_daily), day("2026-03-11"));
        assert_eq!(due("UTC", &json!({ "analyse_every_seconds": 864_000, "valid_from": "2026-03-01" })), day("2026-03-11"));
        assert_eq!(due("UTC", &json!({ "last_analysed_at": "2026-03-10T08:00:00Z" })), Value::Null);
        assert_eq!(due("UTC", &json!({ "analyse_every_seconds": 864_000 })), Value::Null);
    }
}
