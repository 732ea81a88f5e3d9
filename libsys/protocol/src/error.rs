//! The one table of errors, `contracts.md` §11: AmigaDOS's numbers below 400, the kernel's, the servers'.

use core::fmt;

use serde::{Deserialize, Serialize};

macro_rules! errors {
    ($($name:ident = $code:literal $rc:literal $text:literal;)*) => {
        /// Why something failed. It travels as its number; an unknown number is `Malformed`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(into = "u16", try_from = "u16")]
        #[repr(u16)]
        #[non_exhaustive]
        pub enum Error { $(#[doc = $text] $name = $code,)* }

        impl Error {
            /// Every error, ascending by number.
            pub const ALL: &[Error] = &[$(Error::$name,)*];

            /// The error with this number.
            pub const fn from_code(code: u16) -> Option<Error> {
                match code { $($code => Some(Error::$name),)* _ => None }
            }

            /// Its name, as WHY and the book print it.
            pub const fn name(self) -> &'static str {
                match self { $(Error::$name => stringify!($name),)* }
            }

            /// What it means, for people: a few words without a full stop.
            pub const fn text(self) -> &'static str {
                match self { $(Error::$name => $text,)* }
            }

            /// The return code of a command that ends with it: 5 WARN, 10 ERROR or 20 FAIL.
            pub const fn return_code(self) -> u8 {
                match self { $(Error::$name => $rc,)* }
            }
        }
    };
}

errors! {
    NoMemory = 103 20 "not enough memory";
    BadTemplate = 114 10 "bad template";
    BadNumber = 115 10 "bad number";
    ArgumentMissing = 116 10 "required argument missing";
    KeywordNeedsValue = 117 10 "value after keyword missing";
    TooManyArguments = 118 10 "too many arguments";
    UnmatchedQuotes = 119 10 "unmatched quotes";
    LineTooLong = 120 10 "argument line too long";
    NotExecutable = 121 10 "file is not executable";
    InUse = 202 10 "object is in use";
    Exists = 203 10 "object already exists";
    DirNotFound = 204 10 "directory not found";
    NotFound = 205 10 "object not found";
    InvalidName = 210 10 "invalid name";
    WrongType = 212 10 "object is not of the required type";
    ReadOnly = 214 10 "volume is read-only";
    OtherVolume = 215 10 "can't link or rename across volumes";
    DirNotEmpty = 216 10 "directory is not empty";
    NotMounted = 218 10 "volume is not mounted";
    VolumeFull = 221 10 "volume is full";
    DeleteProtected = 222 10 "object is protected from deletion";
    WriteProtected = 223 10 "file is write-protected";
    ReadProtected = 224 10 "file is read-protected";
    BadVolume = 225 10 "not a valid volume";
    NoMoreEntries = 232 10 "no more entries";
    Overflow = 303 10 "buffer overflow";
    Break = 304 20 "***BREAK";
    BadHandle = 1001 10 "no such handle";
    Denied = 1002 10 "not allowed";
    Revoked = 1003 10 "access was taken back";
    WrongKind = 1004 10 "handle is of another kind";
    BadArgument = 1005 10 "argument out of range";
    BadAddress = 1006 10 "bad address";
    PoolEmpty = 1007 20 "memory pool is exhausted";
    TableFull = 1008 10 "table is full";
    TooManyHandles = 1009 10 "too many handles in a message";
    WriteAndExecute = 1010 10 "memory can't be writable and executable";
    NotFrozen = 1011 10 "memory is not frozen";
    StillMapped = 1012 10 "memory is still mapped writable";
    CallerGone = 1013 10 "caller is gone";
    ServerDied = 1014 10 "server died";
    TimedOut = 1015 10 "timed out";
    Deadlock = 1016 10 "call chain too deep";
    OverBudget = 1017 10 "not enough processor time left to reserve";
    Malformed = 1020 10 "malformed message";
    Version = 1021 10 "other protocol version";
    Unavailable = 1022 10 "service is not available";
    Stale = 1023 10 "object has changed since it was opened";
    BrokenPipe = 1024 10 "broken pipe";
    Protocol = 1025 10 "peer broke the protocol";
    Limit = 1026 10 "limit reached";
    Quota = 1027 10 "quota reached";
    Device = 1028 10 "device error";
    Corrupt = 1029 10 "data is corrupt";
    BadSignature = 1030 10 "bad signature";
    NoEntropy = 1031 10 "no entropy available";
    NoClock = 1032 10 "clock is not set";
    Loop = 1033 10 "too many symbolic links";
    NameUnknown = 1040 10 "unknown host name";
    NoRoute = 1041 10 "no route to host";
    Refused = 1042 10 "connection refused";
    Reset = 1043 10 "connection reset by peer";
    AddressInUse = 1044 10 "address is in use";
    Certificate = 1045 10 "certificate not accepted";
    Tls = 1046 10 "TLS failed";
    Http = 1047 10 "HTTP failed";
    BadModel = 1050 10 "model file is not valid";
    Unsupported = 1051 10 "not supported";
    Shape = 1052 10 "shapes do not match";
    NotAdmissible = 1053 10 "deadline can't be kept";
    DeadlineMissed = 1054 10 "deadline was missed";
    Cancelled = 1055 10 "cancelled";
    NoAnswer = 1056 5 "no answer";
    NonFinite = 1057 10 "result is not finite";
    Fault = 1060 20 "program fault";
    Internal = 1061 20 "internal error";
}

impl Error {
    /// Its number.
    pub const fn code(self) -> u16 {
        self as u16
    }
}

impl From<Error> for u16 {
    fn from(error: Error) -> u16 {
        error.code()
    }
}

/// The number belongs to no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownError(pub u16);

impl fmt::Display for UnknownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no error has number {}", self.0)
    }
}

impl TryFrom<u16> for Error {
    type Error = UnknownError;

    fn try_from(code: u16) -> Result<Error, UnknownError> {
        Error::from_code(code).ok_or(UnknownError(code))
    }
}

impl From<abi::Error> for Error {
    fn from(error: abi::Error) -> Error {
        // A kernel error that this table lacks would be a bug of the table; the test below finds it.
        Error::from_code(error as u16).unwrap_or(Error::Internal)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_error_has_its_number_and_name() {
        for (error, _) in abi::Error::ALL {
            let ours = Error::from(*error);
            assert_eq!(ours.code(), *error as u16);
            assert_eq!(ours.name(), error.name());
        }
    }

    #[test]
    fn numbers_ascend_and_come_back() {
        assert!(Error::ALL.windows(2).all(|pair| pair[0].code() < pair[1].code()));
        for error in Error::ALL {
            assert_eq!(Error::from_code(error.code()), Some(*error));
        }
        assert_eq!(Error::from_code(0), None);
    }

    #[test]
    fn starred_errors_fail_and_no_answer_warns() {
        let of = |rc| Error::ALL.iter().copied().filter(move |error| error.return_code() == rc);
        assert!(of(20).eq([Error::NoMemory, Error::Break, Error::PoolEmpty, Error::Fault, Error::Internal]));
        assert!(of(5).eq([Error::NoAnswer]));
        assert_eq!(of(10).count() + 6, Error::ALL.len());
    }
}
