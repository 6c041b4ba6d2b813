//! What trackers of cases have in common: rows with a number that grows, which are made, changed and deleted.

use super::{
    random::Random,
    upstream::{World, next_number, take_one},
};
use serde_json::Value;

/// A tracker's list of cases.
pub struct Cases {
    /// The list's name in the world.
    pub list: &'static str,
    /// A new row with this number, as of a moment.
    pub row: fn(i64, &mut Random, i64) -> Value,
    /// One thing happens to a row, at a moment.
    pub alter: fn(&mut Value, &mut Random, i64),
    /// Whether rows can be deleted.
    pub deletes: bool,
}

impl Cases {
    /// So many rows, the oldest first.
    pub fn begin(&self, world: &mut World, count: usize, random: &mut Random, now: i64) {
        for index in (0..count).rev() {
            // Over most of a year.
            self.add(world, random, now - 86_400 - 700_000 * i64::try_from(index).unwrap_or(0));
        }
    }

    fn add(&self, world: &mut World, random: &mut Random, now: i64) {
        let row = (self.row)(next_number(world), random, now);
        world.entry(self.list).or_default().push(row);
    }

    /// One row comes, goes or changes.
    pub fn change(&self, world: &mut World, random: &mut Random, now: i64) {
        let few = world[self.list].len() < 15;
        match random.below(if few { 1 } else { 4 }) {
            0 => self.add(world, random, now),
            1 if self.deletes => drop(take_one(world, self.list, random)),
            _ => {
                let rows = world.get_mut(self.list).expect("a tracker has cases");
                let at = random.below(rows.len());
                (self.alter)(&mut rows[at], random, now);
            }
        }
    }
}
