//! DER, as much of it as time stamps and certificates need: reading one value after the other, and writing a few.

/// What values are, by their tags.
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The tag of a choice or an optional value, constructed.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// A value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value<'d> {
    pub(super) tag: u8,
    pub(super) content: &'d [u8],
    /// With tag and length.
    pub(super) whole: &'d [u8],
}

/// Values that are read one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'d>(&'d [u8]);

impl<'d> Values<'d> {
    pub(super) fn of(bytes: &'d [u8]) -> Self {
        Self(bytes)
    }

    /// The next value, if it has this tag; then the one after it is next.
    pub(super) fn value(&mut self, tag: u8) -> Option<Value<'d>> {
        let mut rest = *self;
        let value = rest.next().filter(|value| value.tag == tag)?;
        *self = rest;
        Some(value)
    }

    /// What is in the next value, if it has this tag.
    pub(super) fn enter(&mut self, tag: u8) -> Option<Self> {
        self.value(tag).map(|value| Self(value.content))
    }
}

impl<'d> Iterator for Values<'d> {
    type Item = Value<'d>;

    /// `None` at the end, and where something begins that is no value: what must be there is then missing.
    fn next(&mut self) -> Option<Value<'d>> {
        let (&tag, rest) = self.0.split_first()?;
        // Tags of several bytes are used by nothing that is read here.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // Four bytes say more than any of this is long; 0x80 has no end of its own, which DER does not have.
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(length)?;
        let whole = &self.0[..self.0.len() - after.len()];
        self.0 = after;
        Some(Value { tag, content, whole })
    }
}

/// Writes a value.
pub(super) fn write(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("what is written here is short").to_be_bytes();
    let mut out = vec![tag];
    if content.len() < 0x80 {
        out.push(length[3]);
    } else {
        let bytes: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
        out.push(0x80 | u8::try_from(bytes.len()).expect("at most four"));
        out.extend(bytes);
    }
    out.extend_from_slice(content);
    out
}

/// Writes a sequence.
pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    write(SEQUENCE, &parts.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7; length];
            let bytes = [write(OCTET_STRING, &content), sequence(&[&write(INTEGER, &[1])])].concat();
            let mut values = Values::of(&bytes);
            assert!(values.value(INTEGER).is_none());
            assert_eq!(values.value(OCTET_STRING).unwrap().content, content);
            assert_eq!(values.enter(SEQUENCE).unwrap().value(INTEGER).unwrap().whole, [2, 1, 1]);
            assert!(values.next().is_none());
        }
    }

    #[test]
    fn what_is_no_value_is_none() {
        for bytes in [&[][..], &[4], &[4, 2, 1], &[0x1f, 1, 1], &[4, 0x80, 0, 0], &[4, 0x85, 0, 0, 0, 0, 1, 9], &[4, 0x84, 0xff, 0xff, 0xff, 0xff]] {
            assert!(Values::of(bytes).next().is_none(), "{bytes:?}");
        }
    }
}
