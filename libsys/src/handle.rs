//! Handles that close when they are dropped.

use abi::{Handle, Rights, calls::CLOSED, info};
use protocol::Error;

use crate::sys;

/// A handle that this process owns.
#[derive(Debug, PartialEq, Eq)]
pub struct OwnedHandle(Handle);

impl OwnedHandle {
    /// Takes charge of a handle: it is closed when this value is dropped.
    pub const fn adopt(handle: Handle) -> OwnedHandle {
        OwnedHandle(handle)
    }

    /// The value, for the moment.
    pub const fn handle(&self) -> Handle {
        self.0
    }

    /// As the kernel's argument.
    pub(crate) fn raw(&self) -> u64 {
        self.0.raw().into()
    }

    /// Gives the value away without closing it.
    pub fn into_handle(self) -> Handle {
        let handle = self.0;
        core::mem::forget(self);
        handle
    }

    /// A second handle with at most these rights, and the same badge and Grant.
    pub fn dup(&self, rights: Rights) -> Result<OwnedHandle, Error> {
        dup(self.0, rights)
    }

    /// Kind, rights and badge of what is behind it.
    pub fn about(&self) -> Result<About, Error> {
        about(self.0)
    }
}

/// Closes handles: several by a system call.
pub(crate) fn close_all(handles: impl IntoIterator<Item = OwnedHandle>) {
    let mut handles = handles.into_iter().map(OwnedHandle::into_handle).peekable();
    while handles.peek().is_some() {
        let mut some = [0; CLOSED];
        for (place, handle) in some.iter_mut().zip(&mut handles) {
            *place = handle.raw().into();
        }
        if sys::close_all(some).is_err() {
            // One of them is none: so each for itself.
            some.into_iter().filter(|handle| *handle != 0).for_each(|handle| _ = sys::close(handle));
        }
    }
}

impl Drop for OwnedHandle {
    fn drop(&mut self) {
        // A handle that moved in a message, or whose object is gone, may be closed already: nothing to do about it.
        let _ = sys::close(self.raw());
    }
}

/// A second handle to what a handle names that nobody needs to own: one of the first handles, for example.
pub fn dup(handle: Handle, rights: Rights) -> Result<OwnedHandle, Error> {
    let (handle, _) = sys::dup(handle.raw().into(), rights.bits().into(), 0, 0)?;
    adopt(handle)
}

/// What is behind a handle.
pub fn about(handle: Handle) -> Result<About, Error> {
    let [kind, rights, badge, ..] = sys::info(handle.raw().into(), info::BASIC, 0)?;
    let kind = info::Kind::from_code(kind).ok_or(Error::WrongKind)?;
    Ok(About { kind, rights: Rights::from_bits_truncate(rights as u16), badge })
}

/// A handle as a system call returned it.
pub(crate) fn adopt(raw: u64) -> Result<OwnedHandle, Error> {
    Handle::from_raw(raw as u32).map(OwnedHandle).ok_or(Error::BadHandle)
}

/// What is behind a handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// The object's kind.
    pub kind: info::Kind,
    /// What the handle allows.
    pub rights: Rights,
    /// Its badge.
    pub badge: u64,
}

/// Declares a typed handle.
macro_rules! typed {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Debug, PartialEq, Eq)]
        pub struct $name($crate::OwnedHandle);

        impl $name {
            /// Takes charge of a handle. That it is of the right kind shows at its first use, by `WrongKind`.
            pub const fn adopt(handle: $crate::OwnedHandle) -> $name {
                $name(handle)
            }

            /// The handle, for the moment.
            pub const fn handle(&self) -> abi::Handle {
                self.0.handle()
            }

            /// The handle, without its type: to put it into a message.
            pub fn into_inner(self) -> $crate::OwnedHandle {
                self.0
            }

            /// A second handle with at most these rights.
            pub fn dup(&self, rights: abi::Rights) -> Result<$name, protocol::Error> {
                Ok($name(self.0.dup(rights)?))
            }

            /// As the kernel's argument.
            #[allow(dead_code, reason = "every typed handle has it")]
            pub(crate) fn raw(&self) -> u64 {
                self.0.raw()
            }
        }

        impl From<$name> for $crate::OwnedHandle {
            fn from(typed: $name) -> $crate::OwnedHandle {
                typed.0
            }
        }

        impl From<$crate::OwnedHandle> for $name {
            fn from(handle: $crate::OwnedHandle) -> $name {
                $name(handle)
            }
        }
    };
}
pub(crate) use typed;
