//! Values of arguments from their text.

use super::{BiasMeasures, Metrics};
use crate::bias::Measure as BiasMeasure;
use crate::drift::Method;
use crate::job::limits::{BadLimit, Limit};
use crate::performance::Metric;
use crate::read::nearest::did_you_mean;

/// The list that a text of names means.
fn list<T: Copy>(text: &str, all: &[T], name: impl Fn(T) -> &'static str, what: &str) -> Result<Vec<T>, String> {
    if text == "all" {
        return Ok(all.to_vec());
    }
    let find = |word: &str| {
        let found = all.iter().copied().find(|&one| name(one) == word);
        found.ok_or_else(|| format!("`{word}` is no {what}{}; `clause9-measure methods` lists them", did_you_mean(word, all.iter().map(|&one| name(one)))))
    };
    text.split(',').map(|word| find(word.trim())).collect()
}

pub fn bias_measures(text: &str) -> Result<BiasMeasures, String> {
    list(text, &BiasMeasure::ALL, BiasMeasure::name, "bias measure").map(BiasMeasures)
}

pub fn metrics(text: &str) -> Result<Metrics, String> {
    list(text, &Metric::ALL, Metric::name, "performance metric").map(Metrics)
}

pub fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected ATTRIBUTE=GROUP")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub fn level(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|level| *level > 0.0 && *level < 1.0).ok_or_else(|| "expected a number between 0 and 1, such as 0.95".to_owned())
}

pub fn bias_limit(text: &str) -> Result<Limit, BadLimit> {
    Limit::read(text, &crate::job::bias::names(), &[])
}

pub fn performance_limit(text: &str) -> Result<Limit, BadLimit> {
    Limit::read(text, &crate::job::performance::names(), &[])
}

pub fn quality_limit(text: &str) -> Result<Limit, BadLimit> {
    Limit::read(text, &crate::job::quality::names(), &[])
}

pub fn drift_limit(text: &str) -> Result<Limit, BadLimit> {
    let tests: Vec<&str> = Method::ALL.into_iter().filter(|method| method.is_test()).map(Method::name).collect();
    Limit::read(text, &Method::ALL.map(Method::name), &tests)
}

pub fn delimiter(text: &str) -> Result<u8, String> {
    match (text, text.as_bytes()) {
        ("\\t" | "tab", _) => Ok(b'\t'),
        (_, [one]) if one.is_ascii() => Ok(*one),
        _ => Err("expected one ASCII character, or tab".to_owned()),
    }
}

pub fn points(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|points| (2..=1_000_000).contains(points)).ok_or_else(|| "expected a number from 2 to 1000000".to_owned())
}

/// `512MiB`, `2GB`, `1000000`: bytes.
pub fn bytes(text: &str) -> Result<usize, String> {
    let wrong = || "expected a size such as 512MiB or 2GiB".to_owned();
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let scale: f64 = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kib" | "k" => 1024.0,
        "mib" | "m" => 1_048_576.0,
        "gib" | "g" => 1_073_741_824.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        _ => return Err(wrong()),
    };
    let number: f64 = digits.trim().parse().map_err(|_| wrong())?;
    let size = number * scale;
    if size.is_finite() && size >= 65_536.0 { Ok(size as usize) } else { Err("expected at least 64KiB".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes() {
        assert_eq!(bytes("512MiB"), Ok(512 << 20));
        assert_eq!(bytes("1.5g"), Ok(3 << 29));
        assert_eq!(bytes("100000"), Ok(100_000));
        for wrong in ["", "MiB", "5 apples", "-1GiB", "1"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
