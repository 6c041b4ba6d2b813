//! Sorting of finite floating-point values: the most expensive step of every statistic that needs order.
//!
//! Values are scattered into buckets by their place on a straight line through the column's range; every bucket, small enough for the
//! nearest cache, is scattered again by finer places; then hardly a value is more than a few places off, and one pass of insertions does
//! the rest. A straight line spreads real columns well where the bits of a double don't (half of them say next to nothing), and its range is
//! that of a sample without its tails, so that an outlier can't squeeze everything else together; the tails get a line of their own. Values
//! that no line tells apart (ties, wild scales) are left to the standard library's sort, so that no input is slow.

/// Up to this many values the standard library's sort is fastest.
const SMALL: usize = 256;
/// Most bits of the first scattering, whose buckets lie all over memory.
const FIRST_BITS: u32 = 9;
/// Most bits of the second, within one bucket.
const SECOND_BITS: u32 = 12;
/// Values per bucket aimed at by the first scattering, and what a bucket may hold and still stay in the cache.
const PER_BUCKET: usize = 1024;
const MOST_IN_CACHE: usize = 1 << 15;
/// Bits of a place on the line.
const PLACE_BITS: u32 = 28;
/// A value that would be inserted further back than this shows that many share its place: its bucket goes to the standard library's sort.
const FURTHEST: usize = 24;
/// How often a bucket gets a line of its own before the standard library takes over.
const DEPTH: u32 = 4;
/// Values whose destinations are looked up before the first of them is moved.
const AHEAD: usize = 64;

/// Room for sorting, kept from column to column so that memory is taken once.
#[derive(Debug, Default)]
pub struct Scratch {
    values: Vec<f64>,
}

/// Sorts finite values in rising order; uses `scratch` for as many values again.
///
/// The order among `0.0` and `-0.0` is not defined. The caller removes NaN first.
pub fn sort(values: &mut [f64], scratch: &mut Scratch) {
    if values.len() <= SMALL || is_monotone(values) {
        return sort_small(values);
    }
    if scratch.values.len() < values.len() {
        scratch.values.resize(values.len(), 0.0);
    }
    distribute(values, &mut scratch.values[..values.len()], DEPTH);
}

/// Sorts `values` by both scatterings; `room` is as long.
fn distribute(values: &mut [f64], room: &mut [f64], depth: u32) {
    let line = if values.len() <= SMALL || depth == 0 { None } else { Line::through(values) };
    let Some(line) = line else {
        return sort_small(values);
    };
    let bits = bits_for(values.len() / PER_BUCKET).min(FIRST_BITS);
    let last = (1 << bits) - 1;
    let mut ends = [0_u32; 1 << FIRST_BITS];
    scatter_far(values, room, &mut ends[..=last], |value| line.place(value) >> (PLACE_BITS - bits));
    let mut start = 0;
    for (bucket, &end) in ends[..=last].iter().enumerate() {
        let end = end as usize;
        let (from, to) = (&mut room[start..end], &mut values[start..end]);
        // The buckets at the ends hold what the line does not reach; they and overfull ones get a line of their own.
        if bucket == 0 || bucket == last || from.len() > MOST_IN_CACHE {
            to.copy_from_slice(from);
            distribute(to, from, depth - 1);
        } else {
            sort_bucket(from, to, line, PLACE_BITS - bits);
        }
        start = end;
    }
}

/// True when values already stand in rising or falling order: sorted files are common, and looking costs little when they are not.
fn is_monotone(values: &[f64]) -> bool {
    values.is_sorted() || values.is_sorted_by(|a, b| a >= b)
}

/// Bits that number at least `buckets`, within what one scattering can do.
fn bits_for(buckets: usize) -> u32 {
    buckets.next_power_of_two().trailing_zeros().clamp(1, SECOND_BITS)
}

/// A rising straight line from values to places, `0..1 << PLACE_BITS`; values outside its range go to its ends.
#[derive(Clone, Copy, Debug)]
struct Line {
    low: f64,
    scale: f64,
}

impl Line {
    /// The line through most of a regular sample; `None` when it would not tell values apart.
    fn through(values: &[f64]) -> Option<Self> {
        const SAMPLE: usize = 512;
        let mut sample: Vec<f64> = values.iter().step_by(values.len().div_ceil(SAMPLE)).copied().collect();
        sort_small(&mut sample);
        let cut = sample.len() / 128;
        let (low, high) = (sample[cut], sample[sample.len() - 1 - cut]);
        // Half the range first: the whole one may overflow.
        let scale = f64::from(1_u32 << PLACE_BITS) / 2.0 / (high / 2.0 - low / 2.0);
        let line = Line { low, scale };
        (scale.is_finite() && scale > 0.0 && line.spreads(&sample)).then_some(line)
    }

    /// False when most of the sample falls into a few parts of the line, as it does when values are on wildly different scales, or when it
    /// holds only a few values again and again, which the standard library's sort finishes sooner.
    fn spreads(self, sample: &[f64]) -> bool {
        let part = |value: f64| self.place(value) >> (PLACE_BITS - 7);
        let changes = |differ: &dyn Fn(f64, f64) -> bool| sample.windows(2).filter(|pair| differ(pair[0], pair[1])).count();
        changes(&|a, b| part(a) != part(b)) >= 7 && changes(&|a, b| a != b) >= 32
    }

    #[inline(always)]
    fn place(self, value: f64) -> usize {
        // The cast saturates: what is left of the line goes to its first place.
        (((value - self.low) * self.scale) as u32).min((1 << PLACE_BITS) - 1) as usize
    }
}

/// Counts values by bucket and turns the counts into the buckets' starts.
#[inline(always)]
fn starts(from: &[f64], starts: &mut [u32], bucket: impl Fn(f64) -> usize) {
    starts.fill(0);
    let mask = starts.len() - 1;
    for &value in from {
        starts[bucket(value) & mask] += 1;
    }
    let mut total = 0;
    for start in starts {
        total += std::mem::replace(start, total);
    }
}

/// Moves values into buckets that follow each other in `to`, near enough for the cache; `ends` tells where each one ends.
#[inline(always)]
fn scatter(from: &[f64], to: &mut [f64], ends: &mut [u32], bucket: impl Fn(f64) -> usize) {
    starts(from, ends, &bucket);
    let mask = ends.len() - 1;
    for &value in from {
        let end = &mut ends[bucket(value) & mask];
        to[*end as usize] = value;
        *end += 1;
    }
}

/// The same for buckets all over memory. Writes to lines that are not in the cache wait for each other, reads don't: so the places that the
/// next values will be written to are read first, many at a time, which takes half of the time away.
#[inline(always)]
fn scatter_far(from: &[f64], to: &mut [f64], ends: &mut [u32], bucket: impl Fn(f64) -> usize) {
    starts(from, ends, &bucket);
    let mask = ends.len() - 1;
    let mut buckets = [0_u16; AHEAD];
    let mut seen = 0;
    for chunk in from.chunks(AHEAD) {
        for (place, &value) in buckets.iter_mut().zip(chunk) {
            let at = bucket(value) & mask;
            *place = at as u16;
            // A full bucket ends where the next one starts, the last one at the end of all.
            seen ^= to.get(ends[at] as usize).map_or(0, |value| value.to_bits());
        }
        for (&place, &value) in buckets.iter().zip(chunk) {
            let end = &mut ends[usize::from(place)];
            to[*end as usize] = value;
            *end += 1;
        }
    }
    // Used, so that the reads are not left out.
    std::hint::black_box(seen);
}

/// Sorts one bucket of the first scattering, whose places agree but for the last `bits`, from `from` into `to`.
fn sort_bucket(from: &mut [f64], to: &mut [f64], line: Line, bits: u32) {
    if from.len() <= FURTHEST {
        to.copy_from_slice(from);
    } else {
        warm(to);
        let mut ends = [0_u32; 1 << SECOND_BITS];
        let finer = bits_for(from.len()).min(bits);
        scatter(from, to, &mut ends[..1 << finer], |value| line.place(value) >> (bits - finer));
    }
    if !insert_all(to) {
        sort_small(to);
    }
}

/// Reads what will be written to all over, in order: that brings it into the cache much faster than the writes would.
#[inline(always)]
fn warm(values: &[f64]) {
    const PER_LINE: usize = 8;
    std::hint::black_box(values.iter().step_by(PER_LINE).fold(0, |seen, value| seen ^ value.to_bits()));
}

/// Inserts every value that is smaller than the one before it; `false` when one would have to go too far.
fn insert_all(values: &mut [f64]) -> bool {
    for next in 1..values.len() {
        let value = values[next];
        if value >= values[next - 1] {
            continue;
        }
        let furthest = next.saturating_sub(FURTHEST);
        let mut at = next;
        while at > furthest && values[at - 1] > value {
            values[at] = values[at - 1];
            at -= 1;
        }
        values[at] = value;
        if at == furthest && at > 0 && values[at - 1] > value {
            return false;
        }
    }
    true
}

/// Sorts by the standard library, as integers where the bits order like the values: that comparison is a single instruction.
fn sort_small(values: &mut [f64]) {
    let negative = values.iter().filter(|value| value.is_sign_negative()).count();
    if negative == 0 {
        bytemuck::cast_slice_mut::<f64, u64>(values).sort_unstable();
    } else if negative == values.len() {
        bytemuck::cast_slice_mut::<f64, u64>(values).sort_unstable_by(|a, b| b.cmp(a));
    } else {
        values.sort_unstable_by(f64::total_cmp);
    }
}
