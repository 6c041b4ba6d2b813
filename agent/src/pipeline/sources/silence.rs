//! Reasons that sources gave a reading, read back: what of them the sealed spans of the sources can confirm.

/// What a reason says of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pipeline) enum Silence<'r> {
    /// A source was read to its end at this moment last, as RFC 3339, or never: that is too long ago.
    Of(&'r str, Option<&'r str>),
    /// What the spans do not tell: what a source feeds, how a register of it is.
    Untold,
}

impl<'r> Silence<'r> {
    /// `None`: no source gave this reason.
    pub(in crate::pipeline) fn read(reason: &'r str) -> Option<Self> {
        if ["no source provides ", "the register `", "the file of the register `"].iter().any(|begin| reason.starts_with(begin)) {
            return Some(Self::Untold);
        }
        let (source, rest) = reason.strip_prefix("the source `")?.split_once("` ")?;
        match rest.strip_prefix("was last read completely at ") {
            Some(moment) => Some(Self::Of(source, Some(moment))),
            None if rest == "was never read completely" => Some(Self::Of(source, None)),
            None => rest.starts_with("can't hold ").then_some(Self::Untold),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Register, *};

    #[test]
    fn every_reason_is_read_back() {
        for (reason, silence) in [
            ("the source `t` was never read completely", Some(Silence::Of("t", None))),
            ("the source `t` was last read completely at 2026-11-21T12:00:00Z", Some(Silence::Of("t", Some("2026-11-21T12:00:00Z")))),
            ("the source `t` can't hold cases(risk) any more", Some(Silence::Untold)),
            ("no source provides cases(risk)", Some(Silence::Untold)),
            ("no value", None),
        ] {
            assert_eq!(Silence::read(reason), silence);
        }
        assert_eq!(Silence::read(&Register::default().staleness("cases", "registers")), Some(Silence::Untold));
    }
}
