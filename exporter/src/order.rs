//! The order of a family's samples: label by label in the order of the labels' names, an absent label before any
//! value, values by their bytes. Nothing is written here.

use crate::family::{Cell, Column, Family};

/// A family's samples in order, and their labels in a shape that is quick to go through.
///
/// Comparing label texts, or looking them up sample by sample, would cost a cache miss each. Instead the values of a
/// label are ranked, the ranks of a sample's labels are packed side by side into one word, and integers are sorted.
/// Labels that do not fit one word go into a second one, and so on; one word is what families have in practice.
#[derive(Debug)]
pub(crate) struct Order {
    /// Positions of the samples in the family.
    pub(crate) rows: Vec<u32>,
    /// The labels in the order of their names.
    pub(crate) slots: Vec<Slot>,
    /// The packed ranks: word by word, each for all samples.
    words: Vec<Vec<u64>>,
}

/// Two samples have the same labels; this is the position of one of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Duplicate(pub(crate) usize);

/// Where a label's ranks are kept.
#[derive(Debug)]
pub(crate) struct Slot {
    /// The label's position in the family.
    pub(crate) column: usize,
    /// The label's values in their order; the first one's rank is 1, and 0 stands for an absent label.
    pub(crate) by_rank: Vec<u32>,
    word: usize,
    shift: u32,
    mask: u64,
}

impl Order {
    /// Sorts `family`.
    pub(crate) fn of(family: &Family) -> Result<Self, Duplicate> {
        let slots = slots(&family.columns);
        let words = pack(family, &slots);
        let mut ranks = vec![0_u32; family.values.len()];
        let (mut rows, mut n_distinct) = (Vec::new(), 0);
        for word in &words {
            let mut keys: Vec<u128> =
                (0_u32..).zip(word.iter().zip(&ranks)).map(|(row, (&word, &rank))| u128::from(rank) << 96 | u128::from(word) << 32 | u128::from(row)).collect();
            keys.sort_unstable();
            n_distinct = rank(&keys, &mut ranks);
            rows = keys.into_iter().map(row_of).collect();
        }
        if n_distinct == rows.len() { Ok(Self { rows, slots, words }) } else { Err(duplicate(&rows, &ranks)) }
    }

    /// Which of a label's values a sample has, as a position in [`Slot::by_rank`]; none if it lacks the label.
    pub(crate) fn value(&self, slot: &Slot, row: usize) -> Option<usize> {
        let rank = self.words[slot.word][row] >> slot.shift & slot.mask;
        usize::try_from(rank).ok()?.checked_sub(1)
    }
}

fn slots(columns: &[Column]) -> Vec<Slot> {
    let mut by_name: Vec<usize> = (0..columns.len()).collect();
    by_name.sort_unstable_by_key(|&column| &columns[column].name);
    let (mut word, mut free) = (0, u64::BITS);
    by_name
        .into_iter()
        .map(|column| {
            let by_rank = by_text(&columns[column]);
            // Ranks run from 0 to the number of values.
            let width = usize::BITS - by_rank.len().leading_zeros();
            if width > free {
                (word, free) = (word + 1, u64::BITS);
            }
            free -= width;
            Slot { column, by_rank, word, shift: free, mask: (1 << width) - 1 }
        })
        .collect()
}

/// The positions of a label's values, in the order of their texts.
fn by_text(column: &Column) -> Vec<u32> {
    let common = common_prefix(column);
    // Where texts differ within eight bytes after what all of them share, their order is that of these bytes, and
    // the texts need not be looked at.
    let mut keys: Vec<(u64, u32)> = column.values.iter().map(|text| first_bytes(&text.as_bytes()[common..])).zip(0..).collect();
    let text = |value: u32| &column.values[value as usize];
    keys.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| text(a.1).cmp(text(b.1))));
    keys.into_iter().map(|(_, value)| value).collect()
}

fn common_prefix(column: &Column) -> usize {
    let Some((first, others)) = column.values.split_first() else { return 0 };
    others.iter().fold(first.len(), |common, text| {
        let same = first.bytes().take(common).zip(text.bytes()).take_while(|(a, b)| a == b);
        same.count()
    })
}

/// The first eight bytes as a number that sorts as they do. Shorter texts are filled up with zeros, which can make
/// texts look equal that are not.
fn first_bytes(text: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let n = text.len().min(8);
    bytes[..n].copy_from_slice(&text[..n]);
    u64::from_be_bytes(bytes)
}

/// The words of every sample; at least one, for a family without labels.
fn pack(family: &Family, slots: &[Slot]) -> Vec<Vec<u64>> {
    let n_words = slots.last().map_or(0, |slot| slot.word) + 1;
    let mut words = vec![vec![0; family.values.len()]; n_words];
    let mut ranks: Vec<(&Slot, Vec<u64>)> = slots.iter().map(|slot| (slot, shifted_ranks(slot))).collect();
    ranks.sort_unstable_by_key(|(slot, _)| slot.column);
    for (row, cells) in family.labels().enumerate() {
        for &Cell { column, value } in cells {
            let (slot, ranks) = &ranks[column as usize];
            words[slot.word][row] |= ranks[value as usize];
        }
    }
    words
}

/// The rank of each of a label's values, already where it belongs in the word.
fn shifted_ranks(slot: &Slot) -> Vec<u64> {
    let mut ranks = vec![0; slot.by_rank.len()];
    for (rank, &value) in (1_u64..).zip(&slot.by_rank) {
        ranks[value as usize] = rank << slot.shift;
    }
    ranks
}

/// Gives each row the rank of its key, equal keys the same one; returns how many ranks there are.
fn rank(sorted_keys: &[u128], ranks: &mut [u32]) -> usize {
    let mut rank = 0_u32;
    for (i, &key) in sorted_keys.iter().enumerate() {
        if i > 0 && key >> 32 != sorted_keys[i - 1] >> 32 {
            rank += 1;
        }
        ranks[row_of(key) as usize] = rank;
    }
    if sorted_keys.is_empty() { 0 } else { rank as usize + 1 }
}

fn duplicate(rows: &[u32], ranks: &[u32]) -> Duplicate {
    let equal = |pair: &&[u32]| ranks[pair[0] as usize] == ranks[pair[1] as usize];
    let pair = rows.windows(2).find(equal).expect("there are fewer ranks than rows, so two rows share one");
    Duplicate(pair[0] as usize)
}

#[expect(clippy::cast_possible_truncation, reason = "the low 32 bits of a key are the row")]
fn row_of(key: u128) -> u32 {
    key as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::Kind;
    use crate::name::{LabelName, MetricName};

    fn family(samples: &[&[(&str, &str)]]) -> Family {
        let mut family = Family::new(MetricName::from_static("m"), "", Kind::Gauge);
        for labels in samples {
            let labels: Vec<_> = labels.iter().map(|(name, value)| (LabelName::new(*name).unwrap(), *value)).collect();
            family.sample(labels.iter().map(|(name, value)| (name, *value)), 0.0).unwrap();
        }
        family
    }

    #[test]
    fn samples_are_ordered_by_label_name_then_value() {
        for (name, samples, expected) in [
            ("nothing", vec![], vec![]),
            ("no labels", vec![&[][..]], vec![0]),
            ("values by bytes", vec![&[("a", "b")][..], &[("a", "B")], &[("a", "ä")], &[("a", "ab")]], vec![1, 3, 0, 2]),
            ("absent first", vec![&[("a", "1")][..], &[("b", "1")], &[]], vec![2, 1, 0]),
            ("names, not arrival", vec![&[("b", "1"), ("a", "2")][..], &[("b", "2"), ("a", "1")]], vec![1, 0]),
        ] {
            assert_eq!(Order::of(&family(&samples)).unwrap().rows, expected, "{name}");
        }
    }

    #[test]
    fn values_are_ordered_by_their_whole_text() {
        for values in [
            ["version-000001", "version-000002", "version-000010"],
            ["a", "a\0", "a\0\0"],
            ["same-for-long-a", "same-for-long-b-1", "same-for-long-b-2"],
            ["12345678", "123456781", "123456782"],
            ["same", "same-and-much-longer-1", "same-and-much-longer-2"],
            ["x", "y", "ä"],
        ] {
            for [a, b, c] in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
                let samples = [&[("l", values[a])][..], &[("l", values[b])], &[("l", values[c])]];
                let order = Order::of(&family(&samples)).unwrap();
                let found: Vec<&str> = order.rows.iter().map(|&row| samples[row as usize][0].1).collect();
                assert_eq!(found, values);
            }
        }
    }

    #[test]
    fn equal_labels_are_reported_whatever_their_order() {
        let twice = family(&[&[("a", "1"), ("b", "2")], &[("c", "3")], &[("b", "2"), ("a", "1")]]);
        assert_eq!(Order::of(&twice).unwrap_err(), Duplicate(0));
        assert_eq!(Order::of(&family(&[&[], &[]])).unwrap_err(), Duplicate(0));
    }

    #[test]
    fn labels_that_do_not_fit_one_word_take_another() {
        // Seventy labels of at least one bit each need two words; here the last label alone decides.
        let names: Vec<String> = (0..70).map(|i| format!("l{i:02}")).collect();
        let sample =
            |last: &'static str| -> Vec<(&str, &str)> { names.iter().map(|name| (name.as_str(), if name == "l69" { last } else { "same" })).collect() };
        let (high, low, other) = (sample("2"), sample("1"), [("l00", "another"), ("l69", "3")]);
        let order = Order::of(&family(&[&high, &low, &other])).unwrap();
        assert!(order.words.len() > 1, "one word is enough, so this tests nothing");
        assert_eq!(order.rows, [2, 1, 0]);
        let found: Vec<_> = order.slots.iter().map(|slot| order.value(slot, 2)).collect();
        assert_eq!((found[0], found[1], found[69]), (Some(0), None, Some(2)));
        assert_eq!(Order::of(&family(&[&high, &low, &high])).unwrap_err(), Duplicate(0));
    }
}
