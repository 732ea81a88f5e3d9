//! Why a file is no program.

use core::fmt;

/// The first rule that a file breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElfError {
    /// No 64-bit little-endian ELF file.
    NotElf,
    /// Its program headers are not where they can be, too many, or of another size.
    Headers,
    /// For another processor.
    OtherProcessor,
    /// Not position-independent.
    NotRelocatable,
    /// It wants a dynamic linker.
    Interpreter,
    /// It has a thread-local segment.
    ThreadLocal,
    /// No loadable segment.
    Empty,
    /// More segments than [`crate::MAX_SEGMENTS`].
    TooManySegments,
    /// A segment does not start on a page.
    NotOnAPage,
    /// A segment reaches beyond the file, or a read-only one has more memory than file.
    OutsideFile,
    /// Segments out of order, or sharing a page.
    Overlap,
    /// It spans more than [`crate::MAX_SPAN`].
    TooLarge,
    /// It wants a coarser alignment than [`crate::MAX_ALIGN`], or one that is no power of two.
    Alignment,
    /// A segment is writable and executable.
    WriteAndExecute,
    /// The entry point lies in no executable segment.
    Entry,
    /// A number overflows.
    Overflow,
    /// The dynamic section is not inside the file.
    Dynamic,
    /// A relocation that is not a relative one, or a table of another kind.
    RelocationKind,
    /// A relocation outside of writable segments, misaligned, or with an addend outside of the program.
    RelocationPlace,
}

impl fmt::Display for ElfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotElf => "no 64-bit little-endian ELF file",
            Self::Headers => "its program headers are malformed",
            Self::OtherProcessor => "it is for another processor",
            Self::NotRelocatable => "it is not position-independent",
            Self::Interpreter => "it wants a dynamic linker",
            Self::ThreadLocal => "it has a thread-local segment",
            Self::Empty => "nothing in it is to be loaded",
            Self::TooManySegments => "it has too many segments",
            Self::NotOnAPage => "a segment does not start on a page",
            Self::OutsideFile => "a segment reaches beyond the file",
            Self::Overlap => "segments overlap or share a page",
            Self::TooLarge => "it takes too many addresses",
            Self::Alignment => "it wants an impossible alignment",
            Self::WriteAndExecute => "a segment is writable and executable",
            Self::Entry => "its entry point is not in its code",
            Self::Overflow => "a number in it overflows",
            Self::Dynamic => "its dynamic section is malformed",
            Self::RelocationKind => "it has a relocation of an unknown kind",
            Self::RelocationPlace => "a relocation lies outside of its data",
        })
    }
}

impl core::error::Error for ElfError {}
