//! A reader of DER (X.690), as much as the fields of a certificate need: definite lengths, low tag numbers.
//!
//! rustls and webpki judge certificates; this only reads what is shown to people. It never fails a connection.

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const T61_STRING: u8 = 0x14;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const BMP_STRING: u8 = 0x1e;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// The rest of a string of DER values.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

/// One value: its tag and contents.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    pub(crate) tag: u8,
    pub(crate) contents: &'a [u8],
    /// Tag, length and contents, as encoded.
    pub(crate) encoded: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next value, whatever it is.
    pub(crate) fn next(&mut self) -> Option<Value<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        if tag & 0x1f == 0x1f {
            return None; // a tag of several bytes: no certificate has one
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let count = usize::from(first & 0x7f);
            if count == 0 || count > 4 {
                return None; // indefinite, or longer than anything that fits into memory
            }
            let (bytes, rest) = rest.split_at_checked(count)?;
            (bytes.iter().fold(0usize, |n, &b| (n << 8) | usize::from(b)), rest)
        };
        let (contents, after) = rest.split_at_checked(length)?;
        let encoded = &self.0[..self.0.len() - after.len()];
        self.0 = after;
        Some(Value { tag, contents, encoded })
    }

    /// The next value, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Option<Value<'a>> {
        let mut ahead = *self;
        let value = ahead.next().filter(|v| v.tag == tag)?;
        *self = ahead;
        Some(value)
    }
}

impl<'a> Value<'a> {
    /// The values inside a constructed one.
    pub(crate) fn inside(self) -> Reader<'a> {
        Reader(self.contents)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_lengths_are_read() {
        let mut long = alloc::vec![0x04, 0x82, 0x01, 0x00];
        long.extend([7; 256]);
        long.extend([0x05, 0x00]);
        let mut reader = Reader::new(&long);
        assert_eq!(reader.expect(OCTET_STRING).map(|v| v.contents.len()), Some(256));
        assert_eq!(reader.next().map(|v| (v.tag, v.encoded.len())), Some((5, 2)));
        assert!(reader.is_empty() && reader.next().is_none());
    }

    #[test]
    fn a_wrong_tag_moves_nothing() {
        let mut reader = Reader::new(&[0x01, 0x01, 0xff]);
        assert!(reader.expect(OID).is_none());
        assert!(reader.expect(BOOLEAN).is_some());
    }

    #[test]
    fn what_is_cut_off_or_indefinite_is_refused() {
        for bad in [
            &[0x30][..],
            &[0x30, 0x80],
            &[0x30, 0x02, 0x01],
            &[0x30, 0x85, 0, 0, 0, 0, 0],
            &[0x1f, 0x00],
            &[0x30, 0x84, 255, 255, 255, 255],
        ] {
            assert!(Reader::new(bad).next().is_none(), "{bad:x?}");
        }
    }
}
