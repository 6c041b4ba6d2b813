//! Just enough of Thrift's compact protocol to see how much memory a head asks for before a decoder gives it.
//!
//! Parquet's footer and page heads are such structures (Thrift compact protocol specification). Every length in them is held against the bytes
//! that are left; what the numbers mean is the caller's to know.

/// Structures within structures; Parquet needs six, a hostile file would end the stack.
const MOST_DEPTH: usize = 32;

/// Why a structure can't be walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It goes on after the bytes at hand.
    Short,
    /// It is none.
    Malformed,
}

type Walked<T> = std::result::Result<T, Trouble>;

/// Walks the structure at the start of `bytes`. `number` is told each whole number that is a field of it, or of a structure that is a field or
/// in a list, with the fields' numbers from the outermost on; and of each structure in a list, before its fields, its place.
pub fn walk(bytes: &[u8], number: &mut dyn FnMut(&[i16], i64)) -> Walked<()> {
    let mut walk = Walk { rest: bytes, path: Vec::new(), depth: 0 };
    walk.structure(Some(number))
}

type Told<'a> = Option<&'a mut dyn FnMut(&[i16], i64)>;

struct Walk<'a> {
    rest: &'a [u8],
    path: Vec<i16>,
    depth: usize,
}

impl Walk<'_> {
    fn structure(&mut self, mut told: Told<'_>) -> Walked<()> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(Trouble::Malformed);
        }
        let mut last = 0_i16;
        loop {
            let head = self.byte()?;
            let field = match head >> 4 {
                _ if head == 0 => break,
                0 => i16::try_from(self.zigzag()?).map_err(|_| Trouble::Malformed)?,
                step => last.checked_add(i16::from(step)).ok_or(Trouble::Malformed)?,
            };
            last = field;
            self.path.push(field);
            // Truth values are in the head itself.
            if !matches!(head & 15, 1 | 2) {
                self.value(head & 15, told.as_mut().map(|told| &mut **told as &mut dyn FnMut(&[i16], i64)))?;
            }
            self.path.pop();
        }
        self.depth -= 1;
        Ok(())
    }

    fn value(&mut self, kind: u8, told: Told<'_>) -> Walked<()> {
        match kind {
            // A truth value in a list is a byte.
            1..=3 => self.skip(1),
            4..=6 => {
                let value = self.zigzag()?;
                if let Some(told) = told {
                    told(&self.path, value);
                }
                Ok(())
            }
            7 => self.skip(8),
            8 => {
                let length = self.length()?;
                self.skip(length)
            }
            9 | 10 => self.list(told),
            11 => self.map(),
            12 => self.structure(told),
            13 => self.skip(16),
            _ => Err(Trouble::Malformed),
        }
    }

    fn list(&mut self, mut told: Told<'_>) -> Walked<()> {
        let head = self.byte()?;
        let size = if head >> 4 == 15 { self.length()? } else { usize::from(head >> 4) };
        self.room_for(size)?;
        (0..size).try_for_each(|place| match told.as_mut() {
            Some(told) if head & 15 == 12 => {
                told(&self.path, place as i64);
                self.structure(Some(&mut **told as &mut dyn FnMut(&[i16], i64)))
            }
            _ => self.value(head & 15, None),
        })
    }

    fn map(&mut self) -> Walked<()> {
        let size = self.length()?;
        if size == 0 {
            return Ok(());
        }
        let kinds = self.byte()?;
        self.room_for(size)?;
        (0..size).try_for_each(|_| self.value(kinds >> 4, None).and_then(|()| self.value(kinds & 15, None)))
    }

    /// Everything takes a byte at least.
    fn room_for(&self, values: usize) -> Walked<()> {
        if values <= self.rest.len() { Ok(()) } else { Err(Trouble::Short) }
    }

    fn skip(&mut self, bytes: usize) -> Walked<()> {
        self.rest = self.rest.get(bytes..).ok_or(Trouble::Short)?;
        Ok(())
    }

    fn byte(&mut self) -> Walked<u8> {
        let (&first, rest) = self.rest.split_first().ok_or(Trouble::Short)?;
        self.rest = rest;
        Ok(first)
    }

    fn length(&mut self) -> Walked<usize> {
        // The format's lengths are 32-bit and not negative.
        self.varint().and_then(|length| i32::try_from(length).map(|length| length as usize).map_err(|_| Trouble::Malformed))
    }

    fn zigzag(&mut self) -> Walked<i64> {
        self.varint().map(|bits| (bits >> 1) as i64 ^ -((bits & 1) as i64))
    }

    fn varint(&mut self) -> Walked<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Trouble::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(bytes: &[u8]) -> Walked<Vec<(Vec<i16>, i64)>> {
        let mut found = Vec::new();
        walk(bytes, &mut |path, value| found.push((path.to_vec(), value)))?;
        Ok(found)
    }

    #[test]
    fn fields_have_paths() {
        // 1: i32 -1, 3: struct { 2: i64 300 }, 40 (in full): i16 4, 41: true, 42: binary "ab".
        let bytes = [0x15, 0x01, 0x2c, 0x26, 0xd8, 0x04, 0x00, 0x04, 0x50, 0x08, 0x11, 0x18, 0x02, b'a', b'b', 0x00];
        assert_eq!(numbers(&bytes), Ok(vec![(vec![1], -1), (vec![3, 2], 300), (vec![40], 4)]));
        // 2: list of struct { 5: i32 1 }, struct {}.
        let list = [0x29, 0x2c, 0x55, 0x02, 0x00, 0x00, 0x00];
        assert_eq!(numbers(&list), Ok(vec![(vec![2], 0), (vec![2, 5], 1), (vec![2], 1)]));
        for cut in 0..bytes.len() {
            assert_eq!(numbers(&bytes[..cut]), Err(Trouble::Short), "{cut}");
        }
    }

    #[test]
    fn lengths_are_held_against_what_is_left() {
        let cases: [(&str, &[u8], Trouble); 6] = [
            ("a list of two thousand million structures", &[0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0x00], Trouble::Short),
            ("a longer list than there can be", &[0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x00], Trouble::Malformed),
            ("text longer than the rest", &[0x18, 0x7f, b'a', 0x00], Trouble::Short),
            ("a map without its entries", &[0x1b, 0x7f, 0x88, 0x00], Trouble::Short),
            ("a number without an end", &[0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00], Trouble::Malformed),
            ("an unknown type", &[0x1e, 0x00], Trouble::Malformed),
        ];
        for (name, bytes, trouble) in cases {
            assert_eq!(numbers(bytes), Err(trouble), "{name}");
        }
        assert_eq!(numbers(&[0x1c; 1000]), Err(Trouble::Malformed), "structures without end");
    }
}
