//! What a site needs of the system.

use http::HttpDate;
use protocol::Error;

use crate::status::Figures;

/// Files, figures and time. Nothing here may wait for a client.
pub trait Backend {
    /// An open file.
    type File;

    /// Opens what stands at a path below the root. The path is names with `/` between, empty for the root itself.
    fn open(&self, path: &str) -> Result<Opened<Self::File>, Error>;

    /// Reads at a position. 0 is the end.
    fn read_at(&self, file: &mut Self::File, at: u64, to: &mut [u8]) -> Result<usize, Error>;

    /// The figures of the status page, without httpd's own.
    fn figures(&self) -> Figures;

    /// ns since boot.
    fn now_ns(&self) -> u64;

    /// What the clock says; `None` without one.
    fn date(&self) -> Option<HttpDate>;
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened<F> {
    /// A folder.
    Folder,
    /// A file.
    File {
        /// To read it by.
        file: F,
        /// Bytes.
        length: u64,
        /// What tells it from other files and from itself after a change.
        version: Version,
    },
}

/// A version of a file, for `ETag` and `Last-Modified`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// The file's number on its volume.
    pub inode: u64,
    /// Grows when the number is used again.
    pub generation: u32,
    /// ns since 1970, 0 if unknown.
    pub modified_ns: u64,
}
