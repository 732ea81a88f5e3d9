//! What the kernel answers.

use core::fmt;

macro_rules! errors {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal, $blame:literal;)*) => {
        /// An error of the kernel. The numbers are part of one table that servers continue (`protocol::Error`).
        ///
        /// After an error nothing has changed but the status register.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        #[non_exhaustive]
        pub enum Error { $($(#[doc = $doc])* $name = $code,)* }

        impl Error {
            /// Every kernel error, with the one who is to blame for it, in ascending order.
            pub const ALL: &[(Error, &str)] = &[$((Error::$name, $blame),)*];

            /// The error with this number.
            pub const fn from_code(code: u16) -> Option<Error> {
                match code { $($code => Some(Error::$name),)* _ => None }
            }

            /// The error's name, as the book and WHY print it.
            pub const fn name(self) -> &'static str {
                match self { $(Error::$name => stringify!($name),)* }
            }
        }
    };
}

errors! {
    /// The pages are not sealed code, so they can't be mapped executable.
    NotExecutable = 121, "caller";
    /// No such handle in the caller's table, or its slot has another generation.
    BadHandle = 1001, "caller";
    /// The handle lacks a right that the call needs.
    Denied = 1002, "caller";
    /// The handle, or one it was derived from, was taken back.
    Revoked = 1003, "the one who revoked";
    /// The object behind the handle is of another kind.
    WrongKind = 1004, "caller";
    /// An argument is out of its range.
    BadArgument = 1005, "caller";
    /// An address is not the user's, not aligned, taken, or not mapped.
    BadAddress = 1006, "caller";
    /// The pool named has too few pages left.
    PoolEmpty = 1007, "the pool's owner";
    /// A table of the kernel or of the process is full.
    TableFull = 1008, "caller";
    /// More handles in a message than the receiver takes.
    TooManyHandles = 1009, "sender";
    /// Writable and executable at once is refused, always.
    WriteAndExecute = 1010, "caller";
    /// The pages are not frozen.
    NotFrozen = 1011, "caller";
    /// A writable mapping or a pin is in the way.
    StillMapped = 1012, "the one who holds the mapping";
    /// The token's caller is gone, or was answered already.
    CallerGone = 1013, "caller";
    /// The object behind the handle is gone.
    ServerDied = 1014, "the server";
    /// The deadline has passed.
    TimedOut = 1015, "nobody";
    /// The call chain would be deeper than 16.
    Deadlock = 1016, "caller";
    /// The pool above has too little of its CPU budget left, or real time was asked for without a budget.
    OverBudget = 1017, "caller";
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl core::error::Error for Error {}

/// The status register: 0, or an error's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Status(pub u64);

impl Status {
    /// Success.
    pub const OK: Status = Status(0);

    /// The result it stands for; a number that no error has reads as [`Error::BadArgument`].
    #[inline]
    pub const fn result(self) -> Result<(), Error> {
        match self.0 {
            0 => Ok(()),
            code => Err(match Error::from_code(code as u16) {
                Some(error) => error,
                None => Error::BadArgument,
            }),
        }
    }
}

impl From<Result<(), Error>> for Status {
    fn from(result: Result<(), Error>) -> Status {
        match result {
            Ok(()) => Status::OK,
            Err(error) => Status(error as u16 as u64),
        }
    }
}
