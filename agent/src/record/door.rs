//! The door: a JSON object that a connector's mapping yielded becomes a checked, typed [`Record`], or is refused with what, where and
//! what was expected. Pure: the current time and the zone are parameters.

use serde_json::{Map, Value as Json};

use super::{
    Doubt, DoubtReason, Field, Kind, Presence, Record, Shape, Value, Zone, case, plan,
    read::{Reading, read, text_of},
    review,
    shape::{SHAPES, by_name},
};

/// What the door needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Door {
    /// Now, in epoch seconds.
    pub now: i64,
    /// The organisation's time zone: a time without an offset is local, a day is a day there.
    pub zone: Zone,
}

/// Clocks of upstreams may be ahead of ours by this much before a time counts as being in the future.
const CLOCK_TOLERANCE_SECONDS: i64 = 300;

/// Why a record was refused. It quotes no value: of what was there it tells the type and the length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{shape}{}{path}: {found}; expected {expected}", if path.is_empty() { "" } else { "." })]
pub struct Refusal {
    /// The shape, or `record` when even that is unknown.
    pub shape: String,
    /// The field.
    pub path: String,
    /// What sort of thing was there.
    pub found: String,
    /// What should have been there.
    pub expected: String,
}

impl Door {
    /// Admits one object as one record, or two for a review that announces its next occasion.
    ///
    /// # Errors
    /// The first thing that is wrong with it: unknown shape or field, a missing required field, a value of the wrong type.
    pub fn admit(&self, json: &Json) -> Result<Vec<Record>, Refusal> {
        self.judge(json).map_err(|mut refusals| refusals.swap_remove(0))
    }

    /// Everything that [`Door::admit`] would refuse the object for: one refusal for each field.
    pub fn refusals(&self, json: &Json) -> Vec<Refusal> {
        self.judge(json).err().unwrap_or_default()
    }

    /// The records, or all refusals, at least one.
    fn judge(&self, json: &Json) -> Result<Vec<Record>, Vec<Refusal>> {
        let Json::Object(object) = json else {
            return Err(vec![refuse("record", "", &told(json), "an object with a `record` field")]);
        };
        let shape = shape_of(object).map_err(|refusal| vec![refusal])?;
        let mut refusals: Vec<_> = refuse_unknown(shape, object).err().into_iter().collect();
        let mut record = self.record(shape, object, &mut refusals);
        if !refusals.is_empty() {
            return Err(refusals);
        }
        if shape.name == "case" {
            case::derive(&mut record, object.get("grade").filter(|grade| !grade.is_null()).map(text_of).filter(|grade| !grade.is_empty()).as_deref());
        }
        self.derive_again(&mut record);
        let mut admitted = Vec::with_capacity(1);
        if shape.name == "review" {
            admitted.extend(review::next_occasion(&record, self.zone));
        }
        admitted.insert(0, record);
        Ok(admitted)
    }

    /// Works out what depends on the zone; again, for records that were stored under another one.
    pub fn derive_again(&self, record: &mut Record) {
        if record.shape.field("due_ends_at").is_some() {
            record.derive_end_of_due(self.zone);
        }
        if record.shape.name == "plan_entry" {
            plan::derive(record, self.zone);
        }
    }

    /// The record without what was refused of it.
    fn record(&self, shape: &'static Shape, object: &Map<String, Json>, refusals: &mut Vec<Refusal>) -> Record {
        fn good<T: Default>(read: Result<T, Refusal>, refusals: &mut Vec<Refusal>) -> T {
            read.unwrap_or_else(|refusal| {
                refusals.push(refusal);
                T::default()
            })
        }
        let mut doubts = Vec::new();
        let mut values = Vec::with_capacity(shape.fields.len());
        let mut flags = Vec::new();
        for field in shape.fields {
            let value = match self.field(shape, field, object.get(field.name), &mut doubts) {
                Ok(Typed::Value(value)) => value,
                Ok(Typed::NotFinite(flag)) => {
                    flags.push((field.name, flag));
                    Value::Null
                }
                Err(refusal) => {
                    refusals.push(refusal);
                    Value::Null
                }
            };
            values.push(value);
        }
        let mut record = Record {
            shape,
            id: good(id(shape, object), refusals),
            url: text(object.get("url")),
            system_keys: good(system_keys(shape, object), refusals),
            values,
            lists: good(lists(shape, object), refusals),
            attributes: good(self.attributes(shape, object), refusals),
            doubts,
        };
        for (name, flag) in flags {
            record.set(&format!("{name}_flag"), Value::Text(flag.to_owned()));
        }
        record
    }

    fn field(&self, shape: &Shape, field: &Field, json: Option<&Json>, doubts: &mut Vec<Doubt>) -> Result<Typed, Refusal> {
        if !field.presence.is_given() {
            return Ok(Typed::Value(Value::Null));
        }
        let json = json.unwrap_or(&Json::Null);
        let mut doubt = |reason| doubts.push(Doubt { reason, field: field.name.to_owned(), value: shown(json) });
        let value = match read(json, field.kind, self.zone) {
            Reading::Good(value) => value,
            Reading::NotFinite(flag) => {
                doubt(DoubtReason::NotFinite);
                return if shape.field(&format!("{}_flag", field.name)).is_some() { Ok(Typed::NotFinite(flag)) } else { Ok(Typed::Value(Value::Null)) };
            }
            Reading::Bad(expected) => return Err(refuse(shape.name, field.name, &told(json), &expected)),
        };
        match (&value, field.presence) {
            (Value::Null, Presence::Required) => Err(refuse(shape.name, field.name, "nothing", "a value, it is required")),
            (Value::Null, Presence::Default(default)) => {
                let Reading::Good(value) = read(&Json::String(default.to_owned()), field.kind, self.zone) else {
                    unreachable!("a test reads every default of the shape table")
                };
                Ok(Typed::Value(value))
            }
            (Value::Integer(moment), _) if field.kind == Kind::PastTime && *moment > self.now + CLOCK_TOLERANCE_SECONDS => {
                doubt(DoubtReason::FutureTime);
                Ok(Typed::Value(Value::Null))
            }
            _ => Ok(Typed::Value(value)),
        }
    }

    fn attributes(&self, shape: &Shape, object: &Map<String, Json>) -> Result<Vec<(String, Value)>, Refusal> {
        let given = match object.get("attributes") {
            None | Some(Json::Null) => return Ok(Vec::new()),
            Some(Json::Object(given)) => given,
            Some(other) => return Err(refuse(shape.name, "attributes", &told(other), "an object of texts and numbers")),
        };
        let mut attributes = Vec::with_capacity(given.len());
        for (key, json) in given {
            let kind = if json.is_number() { Kind::Real } else { Kind::Text };
            match read(json, kind, self.zone) {
                Reading::Good(Value::Null) | Reading::NotFinite(_) => {}
                Reading::Good(value) => attributes.push((key.clone(), value)),
                Reading::Bad(expected) => return Err(refuse(shape.name, &format!("attributes.{}", name(key)), &told(json), &expected)),
            }
        }
        attributes.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(attributes)
    }
}

enum Typed {
    Value(Value),
    NotFinite(&'static str),
}

fn shape_of(object: &Map<String, Json>) -> Result<&'static Shape, Refusal> {
    let name = text(object.get("record")).unwrap_or_default();
    by_name(&name).ok_or_else(|| {
        let known: Vec<_> = SHAPES.iter().map(|shape| shape.name).collect();
        let found = if name.is_empty() { "no `record` field".to_owned() } else { told(&Json::from(name)) };
        refuse("record", "", &found, &format!("one of {}", known.join(", ")))
    })
}

fn refuse_unknown(shape: &Shape, object: &Map<String, Json>) -> Result<(), Refusal> {
    let Some(unknown) = object.keys().find(|name| !shape.takes(name)) else { return Ok(()) };
    let known: Vec<_> = shape.fields.iter().filter(|field| field.presence.is_given()).map(|field| field.name).collect();
    Err(refuse(shape.name, &self::name(unknown), "an unknown field", &format!("one of {}, or a key of `attributes`", known.join(", "))))
}

fn id(shape: &Shape, object: &Map<String, Json>) -> Result<String, Refusal> {
    text(object.get("id")).ok_or_else(|| refuse(shape.name, "id", "nothing", "an id, unique within the source"))
}

fn system_keys(shape: &Shape, object: &Map<String, Json>) -> Result<Vec<String>, Refusal> {
    let keys: Vec<String> = match object.get("system") {
        None | Some(Json::Null) => Vec::new(),
        Some(Json::Array(keys)) => keys.iter().filter(|key| !key.is_null()).map(text_of).collect(),
        Some(found @ Json::Object(_)) => return Err(refuse(shape.name, "system", &told(found), "a name or a list of names, best first")),
        Some(key) => vec![text_of(key)],
    };
    Ok(keys.into_iter().filter(|key| !key.is_empty()).collect())
}

fn lists(shape: &Shape, object: &Map<String, Json>) -> Result<Vec<Vec<Vec<String>>>, Refusal> {
    shape.lists.iter().map(|list| rows(shape, list, object.get(list.field))).collect()
}

fn rows(shape: &Shape, list: &super::List, json: Option<&Json>) -> Result<Vec<Vec<String>>, Refusal> {
    let expected = || format!("a list of objects with {}", list.columns.join(", "));
    let items = match json {
        None | Some(Json::Null) => return Ok(Vec::new()),
        // A spreadsheet's cell holds a list as text.
        Some(Json::String(text)) if list.columns.len() == 1 => {
            return Ok(text.split([',', ';']).map(str::trim).filter(|item| !item.is_empty()).map(|item| vec![item.to_owned()]).collect());
        }
        Some(Json::Array(items)) => items,
        Some(other) => return Err(refuse(shape.name, list.field, &told(other), &expected())),
    };
    let row = |item: &Json| match item {
        Json::Object(columns) if columns.keys().all(|key| list.columns.contains(&key.as_str())) => {
            Ok(list.columns.iter().map(|column| text(columns.get(*column)).unwrap_or_default()).collect())
        }
        Json::String(_) | Json::Number(_) if list.columns.len() == 1 => Ok(vec![text_of(item)]),
        other => Err(refuse(shape.name, list.field, &told(other), &expected())),
    };
    items.iter().map(row).collect()
}

fn text(json: Option<&Json>) -> Option<String> {
    json.filter(|json| !json.is_null()).map(text_of).filter(|text| !text.is_empty())
}

/// What sort of value it is, for messages, which quote none: people write names and telephone numbers into every field, and upstreams
/// credentials.
pub(crate) fn told(json: &Json) -> String {
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    match json {
        Json::Null => "nothing".to_owned(),
        Json::Bool(_) => "true or false".to_owned(),
        Json::Number(number) if number.is_f64() => "a number with a fraction".to_owned(),
        Json::Number(_) => "a whole number".to_owned(),
        Json::String(text) => {
            let count = text.chars().count();
            format!("a text of {count} character{}", plural(count))
        }
        Json::Array(items) => format!("a list of {} item{}", items.len(), plural(items.len())),
        Json::Object(entries) => format!("an object of {} field{}", entries.len(), plural(entries.len())),
    }
}

/// A field's name as messages show it. One that no person would give to a field may be a value.
fn name(name: &str) -> String {
    let plain = name.len() <= NAME_CHARS && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.".contains(c));
    if plain { name.to_owned() } else { format!("(a name of {} characters)", name.chars().count()) }
}

/// The longest name of a field that a refusal tells.
const NAME_CHARS: usize = 40;

/// The longest piece of a doubtful value that is kept with its record.
const SHOWN_CHARS: usize = 40;

/// A word as it is kept with a doubt.
pub(super) fn cut(word: &str) -> String {
    word.chars().take(SHOWN_CHARS).collect()
}

fn shown(json: &Json) -> String {
    let whole = json.to_string();
    match whole.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}...", &whole[..end]),
        None => whole,
    }
}

fn refuse(shape: &str, path: &str, found: &str, expected: &str) -> Refusal {
    Refusal { shape: shape.to_owned(), path: path.to_owned(), found: found.to_owned(), expected: expected.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DOOR: Door = Door { now: 1_790_000_000, zone: Zone::UTC };

    fn admit(json: Json) -> Record {
        DOOR.admit(&json).unwrap().remove(0)
    }

    #[test]
    fn everything_that_is_refused_of_an_object_is_told() {
        let json = json!({"record": "case", "kind": "bug", "due": "soon", "closed_at": 7, "severity": "high", "covers": 3, "attributes": 1, "opend": 1});
        let paths: Vec<_> = DOOR.refusals(&json).into_iter().map(|refusal| refusal.path).collect();
        assert_eq!(paths, ["opend", "kind", "due", "closed_at", "id", "covers", "attributes"]);
        assert_eq!(DOOR.refusals(&json!({"record": "case", "id": "1", "kind": "incident"})), []);
    }

    #[test]
    fn every_default_reads() {
        for shape in SHAPES {
            for field in shape.fields {
                if let Presence::Default(default) = field.presence {
                    assert!(
                        matches!(read(&json!(default), field.kind, Zone::UTC), Reading::Good(value) if value != Value::Null),
                        "{}.{}",
                        shape.name,
                        field.name
                    );
                }
            }
        }
    }

    #[test]
    fn the_properties_of_systems_are_fields_of_theirs() {
        let system = by_name("system").unwrap();
        for name in super::super::shape::SYSTEM_PROPERTIES {
            assert!(system.field(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_record_survives_its_body() {
        let record = admit(
            json!({"record": "case", "id": "7", "kind": "incident", "severity": "Sev-2", "system": ["aims:Credit", "ops"], "attributes": {"b": 1.5, "a": "x"}}),
        );
        let again = Record::from_body(record.shape, &record.id, &record.body()).unwrap();
        assert_eq!(again, record);
    }

    #[test]
    fn refusals_say_what_where_and_what_was_expected() {
        let cases = [
            (json!(3), "record: a whole number; expected an object with a `record` field"),
            (json!({"record": "model"}), "record: a text of 5 characters; expected one of system, model_version"),
            (json!({"record": "case", "kind": "incident"}), "case.id: nothing; expected an id, unique within the source"),
            (json!({"record": "case", "id": 1, "kind": "bug"}), "case.kind: a text of 3 characters; expected one of incident, nonconformity"),
            (json!({"record": "case", "id": 1}), "case.kind: nothing; expected a value, it is required"),
            (json!({"record": "case", "id": 1, "kind": "incident", "opend_at": 1}), "case.opend_at: an unknown field; expected one of kind, title"),
            (json!({"record": "case", "id": 1, "kind": "incident", "due": "tomorrow"}), "case.due: a text of 8 characters; expected a day such as 2026-03-31"),
            (
                json!({"record": "run", "id": 1, "pipeline": {"x": 1}, "outcome": "success"}),
                "run.pipeline: an object of 1 field; expected a text, not a list or an object",
            ),
            (json!({"record": "case", "id": 1, "kind": "incident", "is_open": false}), "case.is_open: an unknown field"),
        ];
        for (json, message) in cases {
            let refusal = DOOR.admit(&json).unwrap_err().to_string();
            assert!(refusal.starts_with(message), "{refusal}");
        }
    }

    #[test]
    fn what_happened_in_the_future_did_not_happen_yet() {
        let record = admit(json!({"record": "review", "id": "r", "kind": "impact_assessment", "approved_at": 1_790_000_301}));
        assert_eq!(*record.value("approved_at"), Value::Null);
        assert_eq!(record.doubts[0].reason, DoubtReason::FutureTime);
        let record = admit(json!({"record": "review", "id": "r", "kind": "impact_assessment", "approved_at": 1_790_000_299}));
        assert_eq!(*record.value("approved_at"), Value::Integer(1_790_000_299));
    }

    #[test]
    fn not_a_number_is_null_with_a_flag() {
        let record = admit(json!({"record": "measurement", "id": "m", "family": "drift", "method": "psi", "value": "NaN"}));
        assert_eq!((record.value("value"), record.value("value_flag")), (&Value::Null, &Value::Text("nan".into())));
    }

    #[test]
    fn trap_null_is_not_zero_and_a_stand_in_for_infinity_is_no_number() {
        let measured = |value: Json| {
            let record =
                admit(json!({"record": "measurement", "id": "m", "family": "bias", "method": "disparate_impact_ratio", "value": value, "n_subgroup": null}));
            assert_eq!(*record.value("n_subgroup"), Value::Null);
            let flag = record.value("value_flag").as_text().map(str::to_owned);
            (record.value("value").clone(), flag, record.doubts.len())
        };
        assert_eq!(measured(json!(null)), (Value::Null, None, 0));
        assert_eq!(measured(json!("")), (Value::Null, None, 0));
        assert_eq!(measured(json!(0)), (Value::Real(0.0), None, 0));
        assert_eq!(measured(json!(2.348_543e108)), (Value::Null, Some("infinity".into()), 1));
        assert_eq!(measured(json!(-2.348_543e108)), (Value::Null, Some("infinity".into()), 1));
        assert_eq!(measured(json!("NaN")), (Value::Null, Some("nan".into()), 1));
    }

    #[test]
    fn trap_a_statistic_is_what_does_not_say_that_it_is_a_p_value() {
        let kind = |kind: Json| {
            admit(json!({"record": "measurement", "id": "m", "family": "drift", "method": "ks", "kind": kind, "value": 0.04})).value("kind").clone()
        };
        assert_eq!(kind(json!(null)), Value::Text("statistic".into()));
        assert_eq!(kind(json!("p-value")), Value::Text("p_value".into()));
        let unclear = json!({"record": "measurement", "id": "m", "family": "drift", "method": "ks", "kind": "score", "value": 0.04});
        assert!(DOOR.admit(&unclear).unwrap_err().to_string().starts_with("measurement.kind: a text of 5 characters; expected one of statistic, p_value"));
    }

    #[test]
    fn a_row_with_next_due_yields_the_next_occasion() {
        let records = DOOR
            .admit(&json!({"record": "review", "id": "r", "kind": "internal_audit", "due": "2026-01-31", "next_due": "2027-01-31", "status": "reported", "completed_at": "2026-01-30"}))
            .unwrap();
        let next = &records[1];
        assert_eq!(next.id, "r/next");
        assert_eq!((next.value("status"), next.value("completed_at")), (&Value::Text("planned".into()), &Value::Null));
        assert_eq!(next.value("due_ends_at"), &Value::Integer(1_801_440_000));
    }

    #[test]
    fn ruling_10_severities_grades_and_openness() {
        let case = |extra: Json| {
            let mut json = json!({"record": "case", "id": "1", "kind": "nonconformity"});
            json.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let record = admit(json);
            let text = |field| record.value(field).as_text().unwrap_or("-").to_owned();
            (text("severity"), text("grade"), record.value("is_open").as_integer().unwrap(), record.doubts.len())
        };
        let row = |severity: &str, grade: &str, open, doubts| (severity.to_owned(), grade.to_owned(), open, doubts);
        assert_eq!(case(json!({"severity": "Urgent"})), row("critical", "major", 1, 0));
        assert_eq!(case(json!({"severity": "Major"})), row("high", "major", 1, 0));
        assert_eq!(case(json!({"severity": "minor"})), row("low", "minor", 1, 0));
        assert_eq!(case(json!({"severity": "Normal"})), row("medium", "minor", 1, 0));
        assert_eq!(case(json!({"severity": "high", "grade": "Minor"})), row("high", "minor", 1, 0));
        assert_eq!(case(json!({"severity": "spicy"})), row("high", "major", 1, 1));
        assert_eq!(case(json!({"grade": "medium-rare"})), row("-", "major", 1, 1));
        assert_eq!(case(json!({"status": "Closed"})), row("-", "minor", 0, 0));
        assert_eq!(case(json!({"status": "Resolved", "resolved_at": 1_700_000_000})), row("-", "minor", 1, 0));
        assert_eq!(case(json!({"kind": "incident", "status": "Resolved"})), row("-", "-", 0, 0));
        assert_eq!(case(json!({"kind": "incident", "resolved_at": 1_700_000_000})), row("-", "-", 0, 0));
        assert_eq!(case(json!({"closed_at": 9_999_999_999_i64})), row("-", "minor", 1, 1));
    }

    #[test]
    fn lists_come_as_lists_or_as_a_cell() {
        let aliases = |json: Json| admit(json!({"record": "system", "id": "s", "aliases": json})).lists.remove(0);
        assert_eq!(aliases(json!("a; b,c ")), [["a"], ["b"], ["c"]]);
        assert_eq!(aliases(json!(["a", 7])), [["a"], ["7"]]);
        let covers = admit(json!({"record": "review", "id": "r", "kind": "bias_test", "covers": [{"model": "m", "version": "3"}]}));
        assert_eq!(covers.lists[0], [["m", "3"]]);
    }
}
