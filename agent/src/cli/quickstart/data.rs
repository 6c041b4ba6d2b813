//! Makes the sample's data: complaints, as a model ranked them. Two windows that differ in one feature (letters became longer), and a model that
//! finds complaints of older customers urgent less often than it should. The same on every machine.

use std::{fmt::Write as _, fs, path::Path};

/// Rows of the reference window and of the week: enough for an index over ten bins to rise above its noise.
const ROWS: [usize; 2] = [1_000, 800];

/// A generator whose numbers will be the same with every version of every library (Steele, Lea and Flood 2014, SplitMix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    /// From 0 to below 1.
    pub(super) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as f64 / 2_f64.powi(64)
    }

    /// Nearly normal: the sum of twelve.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    fn chance(&mut self, share: f64) -> bool {
        self.uniform() < share
    }
}

/// A window whose letters have so many words in the middle.
fn window(seed: u64, rows: usize, words: f64) -> String {
    let mut random = Random(seed);
    let mut text = String::from("words,customer_years,channel,age_group,urgent,was_urgent\n");
    for _ in 0..rows {
        let words = (words * (0.45 * random.normal()).exp()).round();
        let years = (30.0 * random.uniform() * random.uniform()).floor();
        let channel = ["letter", "mail", "phone", "web"][(random.uniform() * 4.0) as usize];
        let is_older = random.chance(0.3);
        let was_urgent = random.chance(0.4);
        let is_urgent = random.chance(match (was_urgent, is_older) {
            (true, false) => 0.86,
            (true, true) => 0.66,
            (false, false) => 0.14,
            (false, true) => 0.09,
        });
        let group = if is_older { "60_plus" } else { "under_60" };
        writeln!(text, "{words},{years},{channel},{group},{},{}", u8::from(is_urgent), u8::from(was_urgent)).unwrap();
    }
    text
}

/// The files are what is made here. `UPDATE_EXPECTED=1` writes them anew; what the program makes of them is recorded in `tests/golden/jobs/`.
#[test]
fn the_data_is_what_is_made_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/quickstart/windows");
    for (name, text) in [("complaints-reference.csv", window(1, ROWS[0], 82.0)), ("complaints-week.csv", window(2, ROWS[1], 118.0))] {
        let path = folder.join(name);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &text).unwrap();
        }
        assert!(fs::read_to_string(&path).unwrap() == text, "{name}: UPDATE_EXPECTED=1 writes it anew");
    }
}
