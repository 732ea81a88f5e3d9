//! Why a file was refused: the rule, the place and a sentence.

use alloc::string::String;
use core::fmt;

/// The class of a refusal; a server maps it to its own error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The file breaks a rule of the format.
    BadModel,
    /// Root or chunk hash differs: the file was damaged or changed (rules 7 and 9).
    Corrupt,
    /// The signature's form or value is wrong (rule 8).
    BadSignature,
    /// The file is well formed so far, but uses something this release does not run.
    Unsupported,
    /// The file is well formed so far, but larger than [`Limits`](crate::Limits) permits.
    Limit,
}

/// A refusal. `Display` gives the whole line, as in
/// `op 3 "conv2": rule 18: output is [B,8,8,32], the file says [B,8,8,31]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// What class of refusal this is.
    pub kind: ErrorKind,
    /// The number of the first rule that failed, 1 to 25.
    pub rule: u8,
    /// Which section entry, chunk, tensor, op or test it was; 0 where there is but one.
    pub index: u32,
    /// The number that was found, 0 if it is no matter of numbers.
    pub have: u64,
    /// The number that would have been right, or the limit.
    pub limit: u64,
    /// The place in words, as `op 3 "conv2"`.
    pub place: String,
    /// What is wrong there.
    pub detail: String,
}

impl LoadError {
    pub(crate) fn bad(rule: u8, index: usize, place: impl Into<String>, detail: impl Into<String>) -> Self {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        Self { kind: ErrorKind::BadModel, rule, index, have: 0, limit: 0, place: place.into(), detail: detail.into() }
    }

    pub(crate) fn of(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    pub(crate) fn numbers(self, have: u64, limit: u64) -> Self {
        Self { have, limit, ..self }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, rule, detail, .. } = self;
        match self.kind {
            ErrorKind::Unsupported => write!(f, "{place}: unsupported: {detail}"),
            ErrorKind::Limit => write!(f, "{place}: over a limit: {detail}"),
            _ => write!(f, "{place}: rule {rule}: {detail}"),
        }
    }
}

impl core::error::Error for LoadError {}
