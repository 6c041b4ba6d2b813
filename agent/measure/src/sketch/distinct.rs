//! The number of different values in a few kilobytes.

/// HyperLogLog (Flajolet et al. 2007) with Ertl's estimator (2017), which needs no corrections for small or large counts.
///
/// 2^14 registers of one byte; the standard error is 1.04 / 2^7, about 0.8 %. Merging takes the larger register, so that any partition of
/// the data gives the same sketch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distinct {
    registers: Vec<u8>,
}

/// Bits of a hash that choose the register.
const BITS: u32 = 14;
/// Bits of a hash that are left to count zeros in.
const REST: u32 = 64 - BITS;

impl Default for Distinct {
    fn default() -> Self {
        Distinct { registers: vec![0; 1 << BITS] }
    }
}

impl Distinct {
    /// Relative standard error of the estimate.
    pub const STANDARD_ERROR: f64 = 1.04 / 128.0;

    /// Adds a value by its hash: [`hash_bytes`] or [`hash_number`].
    pub fn add(&mut self, hash: u64) {
        let register = &mut self.registers[(hash >> REST) as usize];
        // The rank of the first one-bit in what is left; one more than there are bits when there is none.
        let rank = ((hash << BITS).leading_zeros() + 1).min(REST + 1) as u8;
        *register = (*register).max(rank);
    }

    /// Adds the sketch of another part.
    pub fn merge(&mut self, other: &Distinct) {
        for (register, &part) in self.registers.iter_mut().zip(&other.registers) {
            *register = (*register).max(part);
        }
    }

    /// Estimated number of different values.
    pub fn estimate(&self) -> f64 {
        let mut counts = [0.0_f64; REST as usize + 2];
        for &register in &self.registers {
            counts[usize::from(register)] += 1.0;
        }
        let size = self.registers.len() as f64;
        let mut sum = size * tau(1.0 - counts[REST as usize + 1] / size);
        for count in counts[1..=REST as usize].iter().rev() {
            sum = 0.5 * (sum + count);
        }
        sum += size * sigma(counts[0] / size);
        size * size / (2.0 * std::f64::consts::LN_2) / sum
    }
}

/// Ertl's correction for registers that nothing has reached.
fn sigma(x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut factor, mut sum) = (x, 1.0, x);
    loop {
        power *= power;
        let next = sum + power * factor;
        factor += factor;
        if next <= sum {
            return next;
        }
        sum = next;
    }
}

/// Ertl's correction for registers that are full.
fn tau(x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut root, mut factor, mut sum) = (x, 1.0, 1.0 - x);
    loop {
        root = root.sqrt();
        factor *= 0.5;
        let next = sum - (1.0 - root).powi(2) * factor;
        if next >= sum {
            return next / 3.0;
        }
        sum = next;
    }
}

/// A hash of bytes that is the same in every version and on every machine, since sketches are kept: FNV-1a, then mixed.
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    mix(hash)
}

/// A hash of a number; both zeros have the same.
pub fn hash_number(value: f64) -> u64 {
    mix((value + 0.0).to_bits())
}

/// Spreads every bit over the whole word (the finaliser of SplitMix64).
fn mix(mut hash: u64) -> u64 {
    hash = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
