//! The fast path of the walk: merges long stretches of two sorted windows without a branch that depends on data.
//!
//! A stretch is cut into lanes by binary search (the merge path of Odeh et al. 2012) and the lanes are merged side by side, so that the
//! processor need not wait for one comparison before it starts the next. Stretches without ties are then summed over lanes as well.
//! Differences are whole numbers; as doubles they are exact up to 2^53, so for windows of up to 94 million rows each, and correctly
//! rounded beyond.

use super::State;

/// Values merged at a time, and lanes they are merged in.
const STRETCH: usize = 512;
const LANES: usize = 4;
const LANE: usize = STRETCH / LANES;

/// A merged stretch: values in rising order, and where each comes from.
struct Stretch {
    values: [f64; STRETCH],
    from_reference: [bool; STRETCH],
}

/// The differences `i m - j n` after each value of a stretch, twice those at its middle, and the way to the next value.
struct Steps {
    after: [f64; STRETCH],
    doubled: [f64; STRETCH],
    widths: [f64; STRETCH],
}

impl State {
    /// Walks as far as both windows have a whole stretch left; tells how far it came in each.
    pub(super) fn stride(&mut self, reference: &[f64], current: &[f64]) -> (usize, usize) {
        let mut stretch = Stretch { values: [0.0; STRETCH], from_reference: [false; STRETCH] };
        let (mut i, mut j) = (0, 0);
        while reference.len() - i >= STRETCH && current.len() - j >= STRETCH {
            let taken = merge(&reference[i..i + STRETCH], &current[j..j + STRETCH], &mut stretch);
            i += taken;
            j += STRETCH - taken;
            self.add(&stretch);
        }
        (i, j)
    }

    fn add(&mut self, stretch: &Stretch) {
        let has_ties = stretch.values[0] <= self.x || stretch.values.windows(2).fold(false, |tie, pair| tie | (pair[0] >= pair[1]));
        let singles = if has_ties { STRETCH } else { 1 };
        for (&value, &from_reference) in stretch.values.iter().zip(&stretch.from_reference).take(singles) {
            self.step(value, u64::from(from_reference), u64::from(!from_reference));
        }
        if !has_ties {
            self.add_singles(stretch);
        }
    }

    /// What [`State::step`] does for every value but the first, which has been added: all values differ, so that each block but the last is
    /// one row and complete.
    fn add_singles(&mut self, stretch: &Stretch) {
        let steps = self.steps(stretch);
        let all = (self.n + self.m) as f64;
        let first_rank = (2 * (self.before.0 + self.before.1) + 1) as f64;
        let mut weighted = [0.0; STRETCH];
        for ((weighted, doubled), at) in weighted.iter_mut().zip(&steps.doubled).zip(0_i32..) {
            let rank = first_rank + f64::from(2 * at);
            *weighted = doubled * doubled / (rank * (2.0 * all - rank) - all);
        }
        let mut sums = [[0.0; LANES]; 4];
        let mut gaps = [0.0; LANES];
        let (after, _) = steps.after.as_chunks::<LANES>();
        let (doubled, _) = steps.doubled.as_chunks::<LANES>();
        let (widths, _) = steps.widths.as_chunks::<LANES>();
        let (weighted, _) = weighted.as_chunks::<LANES>();
        for (((after, doubled), widths), weighted) in after.iter().zip(doubled).zip(widths).zip(weighted) {
            for lane in 0..LANES {
                let gap = after[lane].abs();
                sums[0][lane] += gap * widths[lane];
                sums[1][lane] += gap * gap * widths[lane];
                sums[2][lane] += doubled[lane] * doubled[lane];
                sums[3][lane] += weighted[lane];
                gaps[lane] = if gap > gaps[lane] { gap } else { gaps[lane] };
            }
        }
        for (sum, lanes) in [&mut self.area, &mut self.squared_area, &mut self.middle, &mut self.weighted].into_iter().zip(sums) {
            *sum += lanes.iter().sum::<f64>();
        }
        self.raise_gap(gaps.iter().copied().fold(0.0, f64::max), stretch, &steps);
        self.close_singles(stretch);
    }

    fn steps(&self, stretch: &Stretch) -> Steps {
        let mut steps = Steps { after: [0.0; STRETCH], doubled: [0.0; STRETCH], widths: [0.0; STRETCH] };
        let mut difference = self.difference_before;
        for (after, &from_reference) in steps.after.iter_mut().zip(&stretch.from_reference) {
            // Plus m or minus n, without a branch.
            difference += i64::from(from_reference) * (self.m + self.n) - self.n;
            *after = difference as f64;
        }
        // The last block stays open: it has no width yet, and its row counts when it is closed.
        let last = STRETCH - 1;
        steps.doubled[0] = self.difference_before as f64 + steps.after[0];
        for (doubled, pair) in steps.doubled[1..last].iter_mut().zip(steps.after.windows(2)) {
            *doubled = pair[0] + pair[1];
        }
        for (width, pair) in steps.widths[..last].iter_mut().zip(stretch.values.windows(2)) {
            *width = pair[1] - pair[0];
        }
        steps.after[last] = 0.0;
        steps
    }

    fn raise_gap(&mut self, gap: f64, stretch: &Stretch, steps: &Steps) {
        if gap <= self.gap as f64 {
            return;
        }
        self.gap = gap as i64;
        let at = steps.after.iter().position(|difference| difference.abs() == gap).unwrap_or(0);
        self.location = stretch.values[at];
    }

    /// Leaves the last value as the block at hand.
    fn close_singles(&mut self, stretch: &Stretch) {
        if self.distinct == 0 {
            self.smallest = (self.now.0 as u64, self.now.1 as u64);
        }
        let from_reference = stretch.from_reference[1..].iter().map(|&is_reference| i64::from(is_reference)).sum::<i64>();
        let from_current = STRETCH as i64 - 1 - from_reference;
        let last = i64::from(stretch.from_reference[STRETCH - 1]);
        self.now = (self.now.0 + from_reference, self.now.1 + from_current);
        self.before = (self.now.0 - last, self.now.1 - (1 - last));
        self.difference = self.now.0 * self.m - self.now.1 * self.n;
        self.difference_before = self.before.0 * self.m - self.before.1 * self.n;
        self.distinct += STRETCH as u64 - 1;
        self.x = stretch.values[STRETCH - 1];
    }
}

/// Merges the smaller half of two stretches of equal length into one; ties take the reference first. Tells how many came from the reference.
fn merge(reference: &[f64], current: &[f64], stretch: &mut Stretch) -> usize {
    let mut from: [usize; LANES] = std::array::from_fn(|lane| merge_path(reference, current, lane * LANE));
    for step in 0..LANE {
        for lane in 0..LANES {
            let at = lane * LANE + step;
            let (x, y) = (reference[from[lane].min(STRETCH - 1)], current[(at - from[lane]).min(STRETCH - 1)]);
            let is_reference = x <= y;
            // The smaller one is a single instruction; choosing by the flag would be a branch that is wrong half of the time.
            stretch.values[at] = if x < y { x } else { y };
            stretch.from_reference[at] = is_reference;
            from[lane] += usize::from(is_reference);
        }
    }
    from[LANES - 1]
}

/// How many of the `count` smallest values of both come from the reference.
fn merge_path(reference: &[f64], current: &[f64], count: usize) -> usize {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = (low + high) / 2;
        if reference[middle] <= current[count - 1 - middle] {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
