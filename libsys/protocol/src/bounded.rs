//! Texts, bytes and lists with a bound that their type carries: what is decoded is checked before it is kept.

use alloc::{string::String, vec::Vec};
use core::{fmt, marker::PhantomData, ops::Deref};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess, Visitor},
};

use crate::Error;

/// UTF-8 text of at most `N` bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text<const N: usize>(String);

impl<const N: usize> Text<N> {
    /// The text, or [`Error::Limit`] if it is too long.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        if text.len() <= N { Ok(Text(text)) } else { Err(Error::Limit) }
    }

    /// The text, cut to at most `N` bytes at a character's boundary: for what people read.
    pub fn cut(text: &str) -> Self {
        Text(text.get(..Self::end(text)).unwrap_or_default().into())
    }

    /// The same of a string that is needed no more.
    pub fn cut_string(mut text: String) -> Self {
        text.truncate(Self::end(&text));
        Text(text)
    }

    /// The last character's boundary within `N` bytes.
    fn end(text: &str) -> usize {
        let mut end = text.len().min(N);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        end
    }

    /// As a string slice.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The string itself.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const N: usize> Deref for Text<N> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<const N: usize> TryFrom<&str> for Text<N> {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        if text.len() <= N { Ok(Text(text.into())) } else { Err(Error::Limit) }
    }
}

impl<const N: usize> PartialEq<str> for Text<N> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl<const N: usize> PartialEq<&str> for Text<N> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl<const N: usize> Serialize for Text<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Text<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Checked<const N: usize>;
        impl<const N: usize> Visitor<'_> for Checked<N> {
            type Value = Text<N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {N} bytes of text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<N>, E> {
                Text::try_from(text).map_err(|_| E::custom("text too long"))
            }
        }
        deserializer.deserialize_str(Checked)
    }
}

/// At most `N` bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bytes<const N: usize>(Vec<u8>);

impl<const N: usize> Bytes<N> {
    /// The bytes, or [`Error::Limit`] if they are too many.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, Error> {
        let bytes = bytes.into();
        if bytes.len() <= N { Ok(Bytes(bytes)) } else { Err(Error::Limit) }
    }

    /// The vector itself.
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

impl<const N: usize> Deref for Bytes<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> Serialize for Bytes<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Bytes<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Checked<const N: usize>;
        impl<const N: usize> Visitor<'_> for Checked<N> {
            type Value = Bytes<N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {N} bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes<N>, E> {
                Bytes::new(bytes).map_err(|_| E::custom("too many bytes"))
            }
        }
        deserializer.deserialize_bytes(Checked)
    }
}

/// At most `N` elements.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct List<T, const N: usize>(Vec<T>);

impl<T, const N: usize> List<T, N> {
    /// The elements, or [`Error::Limit`] if they are too many.
    pub fn new(elements: impl Into<Vec<T>>) -> Result<Self, Error> {
        let elements = elements.into();
        if elements.len() <= N { Ok(List(elements)) } else { Err(Error::Limit) }
    }

    /// Appends one, or hands it back if the list is full.
    pub fn push(&mut self, element: T) -> Result<(), T> {
        if self.0.len() < N {
            self.0.push(element);
            Ok(())
        } else {
            Err(element)
        }
    }

    /// Whether another element would be refused.
    pub fn is_full(&self) -> bool {
        self.0.len() >= N
    }

    /// The vector itself.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const N: usize> Default for List<T, N> {
    fn default() -> Self {
        List(Vec::new())
    }
}

impl<T, const N: usize> Deref for List<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const N: usize> IntoIterator for List<T, N> {
    type Item = T;
    type IntoIter = alloc::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T, const N: usize> IntoIterator for &'a List<T, N> {
    type Item = &'a T;
    type IntoIter = core::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: Serialize, const N: usize> Serialize for List<T, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for List<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Checked<T, const N: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for Checked<T, N> {
            type Value = List<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {N} elements")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<List<T, N>, A::Error> {
                let hint = sequence.size_hint().unwrap_or(0);
                if hint > N {
                    return Err(de::Error::custom("too many elements"));
                }
                let mut list = List(Vec::with_capacity(hint));
                while let Some(element) = sequence.next_element()? {
                    list.push(element).map_err(|_| de::Error::custom("too many elements"))?;
                }
                Ok(list)
            }
        }
        deserializer.deserialize_seq(Checked(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decode, encode};

    #[test]
    fn bounds_are_kept_at_both_ends() {
        assert!(Text::<3>::new("abc").is_ok());
        assert_eq!(Text::<3>::new("abcd"), Err(Error::Limit));
        for (text, cut) in [("aé€", "aé"), ("aé€b", "aé"), ("abcd", "abcd"), ("", "")] {
            assert_eq!(Text::<4>::cut(text).as_str(), cut);
            assert_eq!(Text::<4>::cut_string(text.into()).as_str(), cut);
        }
        let mut buffer = [0; 16];
        let n = encode(&Text::<8>::new("abcd").unwrap(), &mut buffer).unwrap();
        assert_eq!(decode::<Text<8>>(&buffer[..n]).unwrap(), "abcd");
        assert_eq!(decode::<Text<3>>(&buffer[..n]), Err(Error::Malformed));
        assert_eq!(decode::<Bytes<3>>(&buffer[..n]), Err(Error::Malformed));
        assert_eq!(decode::<List<u8, 3>>(&buffer[..n]), Err(Error::Malformed));
        assert_eq!(decode::<List<u8, 4>>(&buffer[..n]).unwrap().len(), 4);
    }

    #[test]
    fn a_huge_length_allocates_nothing() {
        assert_eq!(decode::<List<u64, 1000>>(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Err(Error::Malformed));
        assert_eq!(decode::<Bytes<64>>(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Err(Error::Malformed));
    }
}
