//! What became of a record.

use serde_json::Value;

use crate::store::Version;

/// What a version changed: a path in the record (`fields.status`), what stood there before, and what stands there.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// Where.
    pub path: String,
    /// Before; `None`: nothing.
    pub before: Option<Value>,
    /// From then on; `None`: nothing.
    pub after: Option<Value>,
}

/// What each version changed of the one before it of the same source. Of the first, and of one that comes after the record was gone, that is everything.
pub fn edits(versions: &[Version]) -> Vec<Vec<Edit>> {
    let before = |position: usize| {
        let version = &versions[position];
        let last = versions[..position].iter().rfind(|earlier| earlier.source == version.source);
        last.filter(|last| last.until == Some(version.from)).map(|last| &last.body)
    };
    versions.iter().enumerate().map(|(position, version)| differences(before(position).unwrap_or(&Value::Null), &version.body)).collect()
}

fn differences(before: &Value, after: &Value) -> Vec<Edit> {
    let (before, after) = (leaves(before), leaves(after));
    let mut paths: Vec<&String> = before.iter().chain(&after).map(|(path, _)| path).collect();
    paths.sort();
    paths.dedup();
    let of = |leaves: &[(String, Value)], path: &String| leaves.iter().find(|(known, _)| known == path).map(|(_, value)| value.clone());
    let edit = |path: &String| Edit { path: path.clone(), before: of(&before, path), after: of(&after, path) };
    paths.into_iter().map(edit).filter(|edit| edit.before != edit.after).collect()
}

/// The values of a record by their paths. Attributes are pairs of a name and a value.
fn leaves(body: &Value) -> Vec<(String, Value)> {
    let mut leaves = Vec::new();
    for (name, value) in body.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::Object(fields) => leaves.extend(fields.iter().map(|(field, value)| (format!("{name}.{field}"), value.clone()))),
            Value::Array(pairs) if name == "attributes" => {
                leaves.extend(pairs.iter().map(|pair| (format!("{name}.{}", pair[0].as_str().unwrap_or_default()), pair[1].clone())));
            }
            other => leaves.push((name.clone(), other.clone())),
        }
    }
    leaves
}
