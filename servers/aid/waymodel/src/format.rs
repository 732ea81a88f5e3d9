//! Sizes and numbers of the format, in the file's own terms.

/// Magic bytes at the start of a file.
pub const MAGIC: [u8; 8] = *b"WAYMODL2";
/// Format major that this crate reads and writes.
pub const MAJOR: u16 = 2;
/// Bytes of a page: sections start on one, page 0 is header and section table.
pub const PAGE: u64 = 4096;
/// Bytes covered by one chunk hash.
pub const CHUNK: u64 = 65_536;
/// Bytes of the header; the section table follows it.
pub const HEADER: usize = 128;
/// Bytes of a section table entry.
pub const SECTION: usize = 32;
/// Bytes of a tensor record.
pub const TENSOR: usize = 64;
/// Bytes of a graph record.
pub const OP: usize = 96;
/// Bytes of a plan record.
pub const PLAN: usize = 16;
/// Bytes of a hash.
pub const HASH: usize = 32;
/// Bytes of the signature section.
pub const SIGNATURE: usize = 128;
/// Alignment of arena offsets and of small weights, in bytes.
pub const ALIGN: u64 = 64;
/// A weight of at least this many bytes starts on a page.
pub const LARGE: u64 = 65_536;
/// "No tensor" in the id fields of a graph record.
pub const NONE: u32 = 0xFFFF_FFFF;

/// Header flag: every matrix op is quantised or SEPARATE, so all processors give the same bits.
pub const FLAG_EXACT: u32 = 1;
/// Header flag: there are state tensors.
pub const FLAG_STATE: u32 = 2;
/// Section flag: a reader that doesn't know the type may skip it.
pub const SECTION_OPTIONAL: u32 = 1;
/// Op flag: products are rounded before they are added.
pub const OP_SEPARATE: u8 = 1;

/// Section types, in the order in which they stand in a file.
pub mod section {
    /// Postcard [`Manifest`](crate::Manifest).
    pub const MANIFEST: u32 = 0x10;
    /// Names of tensors and ops.
    pub const STRINGS: u32 = 0x20;
    /// Tensor records.
    pub const TENSORS: u32 = 0x30;
    /// Graph records.
    pub const GRAPH: u32 = 0x40;
    /// Arena offsets.
    pub const PLAN: u32 = 0x50;
    /// Tokenizer tables.
    pub const TOKENIZER: u32 = 0x60;
    /// Grammar of constrained generation.
    pub const GRAMMAR: u32 = 0x70;
    /// Known answers.
    pub const TESTS: u32 = 0x80;
    /// Weights.
    pub const DATA: u32 = 0x90;
    /// Chunk hashes.
    pub const HASHES: u32 = 0xE0;
    /// Signature of the root.
    pub const SIG: u32 = 0xF0;
}

/// What the format says about one section type.
#[derive(Clone, Copy, Debug)]
pub struct SectionRule {
    /// The type's number.
    pub kind: u32,
    /// Its name in the format's text.
    pub name: &'static str,
    /// Whether a file must have it.
    pub needed: bool,
    /// How its records count.
    pub records: Records,
    /// Greatest number of records (1 where the count is fixed).
    pub most: u32,
    /// Greatest length in bytes.
    pub bytes: u64,
}

/// How the `records` field of a section relates to its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    /// Always 0: the section is one run of bytes.
    Zero,
    /// Always 1, of any length.
    One,
    /// 1 to the limit, each of this many bytes.
    Each(u64),
    /// 1 to the limit, of lengths that the records state.
    Varying,
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// The section table of the format.
pub const SECTION_RULES: [SectionRule; 11] = [
    rule(section::MANIFEST, "MANIFEST", true, Records::One, 1, 64 * KIB),
    rule(section::STRINGS, "STRINGS", true, Records::Zero, 0, MIB),
    rule(section::TENSORS, "TENSORS", true, Records::Each(64), 16_384, MIB),
    rule(section::GRAPH, "GRAPH", true, Records::Each(96), 8_192, MIB),
    rule(section::PLAN, "PLAN", true, Records::Each(16), 16_384, MIB),
    rule(section::TOKENIZER, "TOKENIZER", false, Records::One, 1, 16 * MIB),
    rule(section::GRAMMAR, "GRAMMAR", false, Records::One, 1, 256 * KIB),
    rule(section::TESTS, "TESTS", false, Records::Varying, 64, 16 * MIB),
    rule(section::DATA, "DATA", true, Records::Zero, 0, 64 * GIB),
    rule(section::HASHES, "HASHES", true, Records::Each(32), 1 << 20, 32 * MIB),
    rule(section::SIG, "SIG", true, Records::Each(128), 1, 128),
];

const fn rule(kind: u32, name: &'static str, needed: bool, records: Records, most: u32, bytes: u64) -> SectionRule {
    SectionRule { kind, name, needed, records, most, bytes }
}
