//! Error numbers with names and texts (contracts, "Errors"), and the error type of this crate.

use alloc::string::String;
use core::fmt;

/// Why something was refused: the number for `WHY` and `$RESULT2`, and one line for people that says what, the name, why
/// and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The number, see [`text`].
    pub code: u16,
    /// One line, without the command's name and without a line end.
    pub text: String,
}

impl Fault {
    /// A fault with its line; control characters in it become `?`, so that it stays one line.
    pub fn new(code: u16, text: impl AsRef<str>) -> Fault {
        let shown = text.as_ref().chars().map(|c| if c.is_control() { '?' } else { c });
        Fault { code, text: shown.take(400).collect() }
    }

    /// A fault about a name: `"x": object not found`.
    pub fn about(code: u16, name: &str) -> Fault {
        Fault::new(code, alloc::format!("\"{name}\": {}", text(code).unwrap_or("failed")))
    }

    /// The return code that goes with it: 20 for what ends more than the command, else 10 (5 for no answer).
    pub fn return_code(&self) -> u32 {
        match self.code {
            103 | 304 | 1007 | 1060 | 1061 => 20,
            1056 => 5,
            _ => 10,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl core::error::Error for Fault {}

impl From<readargs::Error> for Fault {
    fn from(error: readargs::Error) -> Fault {
        Fault::new(error.number(), error.text())
    }
}

/// The numbers this crate uses itself.
pub mod code {
    /// A value that should be a number is none.
    pub const BAD_NUMBER: u16 = 115;
    /// Something required is missing.
    pub const ARGUMENT_MISSING: u16 = 116;
    /// Too many arguments.
    pub const TOO_MANY_ARGUMENTS: u16 = 118;
    /// A quote is not closed.
    pub const UNMATCHED_QUOTES: u16 = 119;
    /// The line is too long.
    pub const LINE_TOO_LONG: u16 = 120;
    /// Not executable: also an unknown command.
    pub const NOT_EXECUTABLE: u16 = 121;
    /// Nothing there.
    pub const NOT_FOUND: u16 = 205;
    /// A name with wrong characters or length.
    pub const INVALID_NAME: u16 = 210;
    /// A file where a directory should be, or the other way round.
    pub const WRONG_TYPE: u16 = 212;
    /// Stopped by a person.
    pub const BREAK: u16 = 304;
    /// Wrong syntax.
    pub const BAD_ARGUMENT: u16 = 1005;
    /// A bound is reached.
    pub const LIMIT: u16 = 1026;
    /// Things that lead to themselves.
    pub const LOOP: u16 = 1033;
    /// Not possible here.
    pub const UNSUPPORTED: u16 = 1051;
}

/// The text of an error number, without a line end.
pub fn text(code: u16) -> Option<&'static str> {
    entry(code).map(|(_, _, text)| text)
}

/// The name of an error number: `NotFound`.
pub fn name(code: u16) -> Option<&'static str> {
    entry(code).map(|(_, name, _)| name)
}

/// The whole table, ordered by number.
pub fn table() -> &'static [(u16, &'static str, &'static str)] {
    TABLE
}

fn entry(code: u16) -> Option<(u16, &'static str, &'static str)> {
    let index = TABLE.binary_search_by_key(&code, |&(number, _, _)| number).ok()?;
    TABLE.get(index).copied()
}

#[rustfmt::skip]
const TABLE: &[(u16, &str, &str)] = &[
    (103, "NoMemory", "not enough memory"),
    (114, "BadTemplate", "the command's argument template is wrong"),
    (115, "BadNumber", "not a number"),
    (116, "ArgumentMissing", "a required argument is missing"),
    (117, "KeywordNeedsValue", "a keyword needs a value"),
    (118, "TooManyArguments", "too many arguments, or an unknown option"),
    (119, "UnmatchedQuotes", "a quote is not closed"),
    (120, "LineTooLong", "the line is too long"),
    (121, "NotExecutable", "not a command that can run"),
    (202, "InUse", "in use"),
    (203, "Exists", "exists already"),
    (204, "DirNotFound", "directory not found"),
    (205, "NotFound", "not found"),
    (210, "InvalidName", "not a valid name"),
    (212, "WrongType", "of the wrong type: a file for a directory, or the other way round"),
    (214, "ReadOnly", "the volume is read-only"),
    (215, "OtherVolume", "on another volume"),
    (216, "DirNotEmpty", "the directory is not empty"),
    (218, "NotMounted", "no such volume or assign"),
    (221, "VolumeFull", "the volume is full"),
    (222, "DeleteProtected", "protected from deletion"),
    (223, "WriteProtected", "protected from writing"),
    (224, "ReadProtected", "protected from reading"),
    (225, "BadVolume", "the volume has no file system that is known"),
    (232, "NoMoreEntries", "no more entries"),
    (303, "Overflow", "more than the buffer holds"),
    (304, "Break", "stopped by break"),
    (1001, "BadHandle", "a handle that stands for nothing"),
    (1002, "Denied", "not allowed"),
    (1003, "Revoked", "the right was taken back"),
    (1004, "WrongKind", "a handle of the wrong kind"),
    (1005, "BadArgument", "an argument out of range or of wrong form"),
    (1006, "BadAddress", "an address outside the process"),
    (1007, "PoolEmpty", "the memory pool is empty"),
    (1008, "TableFull", "a table is full"),
    (1009, "TooManyHandles", "too many handles in one message"),
    (1010, "WriteAndExecute", "memory cannot be written and executed"),
    (1011, "NotFrozen", "the memory is not frozen"),
    (1012, "StillMapped", "the memory is still mapped"),
    (1013, "CallerGone", "the caller is gone"),
    (1014, "ServerDied", "the server died"),
    (1015, "TimedOut", "took too long"),
    (1016, "Deadlock", "would wait for itself"),
    (1020, "Malformed", "a malformed message or file"),
    (1021, "Version", "another version of the protocol"),
    (1022, "Unavailable", "the service does not answer"),
    (1023, "Stale", "the file was replaced meanwhile"),
    (1024, "BrokenPipe", "the other end of the pipe is gone"),
    (1025, "Protocol", "the other side breaks the protocol"),
    (1026, "Limit", "a bound is reached"),
    (1027, "Quota", "the quota is used up"),
    (1028, "Device", "the device failed"),
    (1029, "Corrupt", "the data is damaged"),
    (1030, "BadSignature", "the signature does not fit"),
    (1031, "NoEntropy", "no entropy yet"),
    (1032, "NoClock", "the time is not known yet"),
    (1033, "Loop", "leads to itself, or is nested too deep"),
    (1040, "NameUnknown", "the host name is unknown"),
    (1041, "NoRoute", "no route to the host"),
    (1042, "Refused", "the connection was refused"),
    (1043, "Reset", "the connection was reset"),
    (1044, "AddressInUse", "the address is in use"),
    (1045, "Certificate", "the certificate is not accepted"),
    (1046, "Tls", "the TLS connection failed"),
    (1047, "Http", "the HTTP answer is an error"),
    (1050, "BadModel", "the model file is not valid"),
    (1051, "Unsupported", "not supported"),
    (1052, "Shape", "the shapes do not fit"),
    (1053, "NotAdmissible", "cannot be done in the given time"),
    (1054, "DeadlineMissed", "the deadline was missed"),
    (1055, "Cancelled", "cancelled"),
    (1056, "NoAnswer", "no answer"),
    (1057, "NonFinite", "a result is not a finite number"),
    (1060, "Fault", "the process faulted"),
    (1061, "Internal", "a mistake in the program itself"),
];
