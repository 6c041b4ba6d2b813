//! Pages that came to be step by step are the pages that are made from nothing.

use std::io::Read;

use flate2::read::GzDecoder;

use super::*;
use crate::change::Delta;
use crate::exposition::render;
use crate::family::Kind;
use crate::name::LabelName;

static NAMES: [MetricName; 4] = [MetricName::from_static("a"), MetricName::from_static("aa"), MetricName::from_static("b"), MetricName::from_static("c")];
static LABELS: [LabelName; 3] = [LabelName::from_static("k"), LabelName::from_static("k1"), LabelName::from_static("l")];
/// Among them all that is escaped, and those between which the order of bytes as written is another than that of the values.
const VALUES: [&str; 8] = ["", "x", "x y", "\"", "\\", "\n", "=", "z"];

type Labels = [usize; 3];

/// What should be on the page: help, and values by labels.
type Model = BTreeMap<usize, (usize, BTreeMap<Labels, f64>)>;

fn pairs(labels: &Labels) -> impl Iterator<Item = (&'static LabelName, &'static str)> {
    LABELS.iter().zip(labels.map(|value| VALUES[value]))
}

fn family(name: usize, help: usize, samples: &BTreeMap<Labels, f64>) -> Family {
    let mut family = Family::new(NAMES[name].clone(), VALUES[help], Kind::Gauge);
    samples.iter().for_each(|(labels, value)| family.sample(pairs(labels), *value).unwrap());
    family
}

fn random_labels(random: &mut fastrand::Rng) -> Labels {
    [(); 3].map(|()| random.usize(..VALUES.len()))
}

/// A change, carried out in the model.
fn random_change(random: &mut fastrand::Rng, model: &mut Model) -> Change {
    let (name, help) = (random.usize(..NAMES.len()), random.usize(..2));
    match random.u8(..10) {
        0 => {
            model.remove(&name);
            Change::Removed(NAMES[name].clone())
        }
        1 => {
            let samples = (0..random.usize(..40)).map(|_| (random_labels(random), random.f64())).collect();
            model.insert(name, (help, samples));
            Change::Family(family(name, help, &model[&name].1))
        }
        _ => {
            let (had, samples) = model.entry(name).or_insert((help, BTreeMap::new()));
            *had = help;
            let mut delta = Delta::new(NAMES[name].clone(), VALUES[help], Kind::Gauge);
            let is_small = random.bool();
            let n_edits = random.usize(..if is_small { 4 } else { 60 });
            let edits: BTreeMap<Labels, bool> = (0..n_edits).map(|_| (random_labels(random), random.u8(..3) == 0)).collect();
            for (labels, is_removed) in edits {
                if is_removed {
                    samples.remove(&labels);
                    delta.remove(pairs(&labels)).unwrap();
                } else {
                    let value = random.f64();
                    samples.insert(labels, value);
                    delta.set(pairs(&labels), value).unwrap();
                }
            }
            Change::Samples(delta)
        }
    }
}

fn text(page: &Page) -> String {
    String::from_utf8(page.plain().concat()).unwrap()
}

fn unpacked(page: &Page) -> String {
    let stream = [page.gzip().concat(), page.gzip_tail(b"")].concat();
    let mut text = String::new();
    GzDecoder::new(&stream[..]).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_page_is_the_same_however_it_came_to_be() {
    for seed in 0..30 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut page, mut model) = (Page::empty(), Model::new());
        for step in 0..20 {
            let changes: Vec<Change> = (0..random.usize(..3)).map(|_| random_change(&mut random, &mut model)).collect();
            let families: Vec<Family> = model.iter().map(|(name, (help, samples))| family(*name, *help, samples)).collect();
            page = if random.u8(..20) == 0 { page.replace(&families) } else { page.change(&changes) }.unwrap();
            let expected = String::from_utf8(render(&families).unwrap()).unwrap();
            assert_eq!(text(&page), expected, "seed {seed}, step {step}: {changes:?}");
            assert_eq!(text(&Page::empty().replace(&families).unwrap()), expected, "seed {seed}, step {step}: from nothing");
            assert_eq!(unpacked(&page), expected, "seed {seed}, step {step}: {changes:?}");
            let n_gzip_bytes: usize = page.gzip().iter().map(Bytes::len).sum();
            let n_series = model.values().map(|(_, samples)| samples.len()).sum();
            assert_eq!((page.n_series, page.n_bytes, page.n_gzip_bytes), (n_series, expected.len(), n_gzip_bytes), "seed {seed}, step {step}");
        }
    }
}

/// A family whose text is longer than a piece, and one that is much shorter.
fn large_and_small() -> [Family; 2] {
    let [mut large, mut small] = [0, 2].map(|name| Family::new(NAMES[name].clone(), "", Kind::Gauge));
    for i in 0..20 {
        large.sample([(&LABELS[0], format!("{i:02}{}", "-".repeat(PIECE)))], 1.0).unwrap();
        small.sample([(&LABELS[0], format!("{i:02}"))], 1.0).unwrap();
    }
    [large, small]
}

#[test]
fn what_is_the_same_is_shared_and_not_compressed_again() {
    let kept =
        |before: &Page, after: &Page| after.pieces.iter().filter(|piece| before.pieces.iter().any(|old| Arc::ptr_eq(&old.segments, &piece.segments))).count();
    let page = Page::empty().replace(&large_and_small()).unwrap();
    assert_eq!(page.pieces.iter().map(|piece| piece.segments.len()).collect::<Vec<_>>(), [1, 1, 1, 3], "the small family's segments are one piece");
    assert_eq!(kept(&page, &page.replace(&large_and_small()).unwrap()), 4, "the same families");
    assert_eq!(kept(&page, &page.replace(&large_and_small()[..1]).unwrap()), 3, "one family less");
    let mut delta = Delta::new(NAMES[2].clone(), "", Kind::Gauge);
    delta.set([(&LABELS[0], "05")], 2.0).unwrap();
    assert_eq!(kept(&page, &page.change(&[Change::Samples(delta)]).unwrap()), 3, "a sample of the small family");
    let mut delta = Delta::new(NAMES[0].clone(), "", Kind::Gauge);
    delta.remove([(&LABELS[0], format!("05{}", "-".repeat(PIECE)))]).unwrap();
    assert_eq!(kept(&page, &page.change(&[Change::Samples(delta)]).unwrap()), 3, "a sample of the large family");
}
