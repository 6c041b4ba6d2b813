use std::collections::BTreeMap;

use super::model::{Reading, Shown, Time};
use crate::threshold::State;

/// A reading that is ok at the end of a period.
pub(super) fn reading() -> Reading {
    Reading {
        labels: BTreeMap::new(),
        formerly: Vec::new(),
        begin: None,
        end: Some(Shown { state: State::Ok, value: Some(0.0) }),
        change: None,
        adverse: false,
        time: Time::default(),
        changes: 0,
        first_breach: None,
        in_breach_since: None,
        worst: None,
        reason: None,
        rule: None,
        method_changes: Vec::new(),
        method: None,
        entry: None,
        before: Vec::new(),
        course: Vec::new(),
        coarse: false,
    }
}
