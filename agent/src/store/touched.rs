//! What a change of records concerns: for each table and kind, some systems or all.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::{Feed, SHAPES, Shape};

/// Tables and kinds of which records changed, each with the systems that they belong to or belonged to. The kind is empty where the shape has
/// none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched(BTreeMap<(&'static str, String), Affected>);

/// The systems that something concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Affected {
    /// These.
    Systems(BTreeSet<String>),
    /// Every one, and what belongs to none.
    All,
}

impl Default for Affected {
    fn default() -> Self {
        Self::Systems(BTreeSet::new())
    }
}

impl Affected {
    /// Whether it concerns nothing.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Systems(systems) if systems.is_empty())
    }

    /// This and what `other` says.
    pub fn join(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Systems(systems), Self::Systems(more)) => systems.extend(more.iter().cloned()),
            (Self::Systems(_), Self::All) => *self = Self::All,
            (Self::All, _) => {}
        }
    }

    /// This and a system. `None`, what belongs to no system, may concern any.
    pub fn add(&mut self, system: Option<&str>) {
        match (&mut *self, system) {
            (Self::Systems(systems), Some(system)) if systems.contains(system) => {}
            (Self::Systems(systems), Some(system)) => drop(systems.insert(system.to_owned())),
            (Self::Systems(_), None) => *self = Self::All,
            (Self::All, _) => {}
        }
    }
}

impl Touched {
    /// Everything that a source feeds, for all systems.
    pub fn feeds(feeds: &[Feed]) -> Self {
        let keys = feeds.iter().flat_map(|feed| feed.each_kind().map(|kind| (feed.table(), kind.to_owned())));
        Self(keys.map(|key| (key, Affected::All)).collect())
    }

    /// Every record there can be.
    pub fn everything() -> Self {
        let mut touched = Self::default();
        SHAPES.iter().for_each(|shape| touched.add_whole(shape));
        touched
    }

    /// A record of this kind and system. `None` concerns all of them: what belongs to no system may be read for any. So does a system itself: what
    /// belongs to none may belong to it from now on.
    pub(super) fn add(&mut self, shape: &'static Shape, kind: &str, system: Option<&str>) {
        let system = system.filter(|_| shape.name != "system");
        self.0.entry((shape.table, kind.to_owned())).or_default().add(system);
    }

    /// Every record of a shape.
    pub(super) fn add_whole(&mut self, shape: &'static Shape) {
        let kinds = shape.kinds().iter().copied().chain(shape.kinds().is_empty().then_some(""));
        self.0.extend(kinds.map(|kind| ((shape.table, kind.to_owned()), Affected::All)));
    }

    /// This and what `other` says.
    pub fn join(&mut self, other: &Self) {
        for (key, affected) in &other.0 {
            self.0.entry(key.clone()).or_default().join(affected);
        }
    }

    /// Whether nothing changed.
    pub fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether records of this table changed.
    pub fn has_table(&self, table: &str) -> bool {
        self.0.keys().any(|(touched, _)| *touched == table)
    }

    /// The systems of which records of these feeds changed.
    pub fn of(&self, feeds: &[Feed]) -> Affected {
        let mut of = Affected::default();
        for ((table, kind), affected) in &self.0 {
            if feeds.iter().any(|feed| feed.contains(table, kind)) {
                of.join(affected);
            }
        }
        of
    }

    /// The systems of which records of this table changed.
    pub fn of_table(&self, table: &str) -> Affected {
        let mut of = Affected::default();
        self.0.iter().filter(|((touched, _), _)| *touched == table).for_each(|(_, affected)| of.join(affected));
        of
    }
}
