//! Greyscale pictures: PGM in its plain (P2) and raw (P5) form, 8 bits a sample.
//!
//! The format is Netpbm's: magic, width, height, greatest value, each behind white space in which `#` starts a comment to
//! the end of the line, then the samples row by row.

use alloc::vec::Vec;

/// Longest file that is read, in bytes.
pub const MOST_BYTES: usize = 1 << 20;

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Samples in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// The sample of full white, 1 to 255.
    pub maxval: u8,
    /// Samples, row by row, each at most `maxval`.
    pub samples: Vec<u8>,
}

/// Why a file is no picture that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureError {
    /// Longer than [`MOST_BYTES`].
    TooLong,
    /// Neither P2 nor P5.
    Magic,
    /// Width, height or maxval is missing or out of range (maxval: 1 to 255).
    Header,
    /// Fewer samples than width times height.
    TooShort,
    /// A sample is greater than maxval, or no number.
    Sample,
}

impl core::fmt::Display for PictureError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the picture is longer than 1 MiB",
            Self::Magic => "no PGM picture (P2 or P5)",
            Self::Header => "width, height or maxval is missing or out of range (maxval 1 to 255)",
            Self::TooShort => "the picture has too few samples",
            Self::Sample => "a sample is no number from 0 to maxval",
        })
    }
}

impl core::error::Error for PictureError {}

impl Picture {
    /// Reads a PGM file.
    pub fn parse(file: &[u8]) -> Result<Self, PictureError> {
        if file.len() > MOST_BYTES {
            return Err(PictureError::TooLong);
        }
        let plain = match file.get(..2) {
            Some(b"P2") => true,
            Some(b"P5") => false,
            _ => return Err(PictureError::Magic),
        };
        let mut words = Words { rest: file.get(2..).unwrap_or(&[]) };
        let mut field = || words.number().filter(|&n| n > 0).ok_or(PictureError::Header);
        let (width, height, maxval) = (field()?, field()?, field()?);
        let width = u16::try_from(width).map_err(|_| PictureError::Header)?;
        let height = u16::try_from(height).map_err(|_| PictureError::Header)?;
        let maxval = u8::try_from(maxval).map_err(|_| PictureError::Header)?;
        let count = usize::from(width) * usize::from(height);
        // A sample takes at least a byte, so the file's length bounds what is allocated.
        if count > words.rest.len() {
            return Err(PictureError::TooShort);
        }
        let samples = if plain { words.plain(count)? } else { words.raw(count)? };
        if samples.iter().any(|&s| s > maxval) {
            return Err(PictureError::Sample);
        }
        Ok(Self { width, height, maxval, samples })
    }

    /// The samples as a model's input: v = sample/maxval, 1 − v if `invert`, then v·scale + bias.
    pub fn values(&self, scale: f32, bias: f32, invert: bool) -> impl Iterator<Item = f32> + '_ {
        let maxval = f32::from(self.maxval);
        self.samples.iter().map(move |&sample| {
            let v = f32::from(sample) / maxval;
            let v = if invert { 1.0 - v } else { v };
            v * scale + bias
        })
    }
}

/// Numbers behind white space and comments.
struct Words<'a> {
    rest: &'a [u8],
}

impl Words<'_> {
    fn number(&mut self) -> Option<u32> {
        self.skip_space()?;
        let digits = self.rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let (number, rest) = self.rest.split_at_checked(digits).filter(|_| (1..=9).contains(&digits))?;
        self.rest = rest;
        Some(number.iter().fold(0, |n, &digit| 10 * n + u32::from(digit - b'0')))
    }

    /// White space of at least one byte, and comments in it.
    fn skip_space(&mut self) -> Option<()> {
        let before = self.rest.len();
        loop {
            match self.rest {
                [b'#', ..] => {
                    let line = self.rest.iter().position(|&b| b == b'\n' || b == b'\r').unwrap_or(self.rest.len());
                    self.rest = self.rest.get(line..)?;
                }
                [b, rest @ ..] if b.is_ascii_whitespace() => self.rest = rest,
                _ => break,
            }
        }
        (self.rest.len() < before).then_some(())
    }

    fn plain(mut self, count: usize) -> Result<Vec<u8>, PictureError> {
        let mut samples = Vec::with_capacity(count);
        for _ in 0..count {
            let Some(number) = self.number() else {
                let ended = self.rest.iter().all(u8::is_ascii_whitespace);
                return Err(if ended { PictureError::TooShort } else { PictureError::Sample });
            };
            samples.push(u8::try_from(number).map_err(|_| PictureError::Sample)?);
        }
        Ok(samples)
    }

    /// One byte of white space, then a byte a sample.
    fn raw(self, count: usize) -> Result<Vec<u8>, PictureError> {
        let samples = match self.rest {
            [b, rest @ ..] if b.is_ascii_whitespace() => rest,
            _ => return Err(PictureError::Header),
        };
        samples.get(..count).map(Into::into).ok_or(PictureError::TooShort)
    }
}
