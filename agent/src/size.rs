//! Sizes of memory as people write them: `512MiB`, `1.5GiB`, `2GB`.

use serde::{Deserialize, Deserializer};

/// Units, in bytes. Without regard to case.
const UNITS: [(&str, u64); 6] = [("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30), ("kb", 1_000), ("mb", 1_000_000), ("gb", 1_000_000_000)];

/// What to write, for error messages.
pub const EXPECTED: &str = "a size such as 512MiB, 2GiB or 1.5GB";

/// Reads a size in bytes. `None` when it is none, zero and sizes without a unit included: 512 of what?
pub fn parse(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let (number, scale) = UNITS.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)))?;
    let bytes = number.trim().parse::<f64>().ok()? * scale as f64;
    (bytes.is_finite() && bytes >= 1.0 && bytes <= u64::MAX as f64).then_some(bytes as u64)
}

/// Writes a size for people, in whole MiB from one on.
pub fn text(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// A size in a configuration file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Size;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Size, E> {
                parse(text).map(Size).ok_or_else(|| E::custom(EXPECTED))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        for (written, bytes, shown) in [
            ("512MiB", 512 << 20, "512 MiB"),
            ("2GiB", 2 << 30, "2048 MiB"),
            (" 1.5 gb ", 1_500_000_000, "1430 MiB"),
            ("64KiB", 64 << 10, "64 KiB"),
            ("100kb", 100_000, "97 KiB"),
        ] {
            assert_eq!((parse(written), text(bytes)), (Some(bytes), shown.to_owned()), "{written}");
        }
        for wrong in ["", "512", "MiB", "-1GiB", "0GiB", "1e400GiB", "NaNGiB", "5 apples", "2TiB", "1e30GiB"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
