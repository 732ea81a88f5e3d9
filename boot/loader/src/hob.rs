//! Hand-off blocks (UEFI Platform Initialization Specification 1.7, volume 3): what the first stages of firmware tell
//! the later ones.
//!
//! EDK II on QEMU's `virt` shows the operating system either ACPI or the device tree, by default ACPI. But it has the
//! tree from QEMU and keeps it: a hand-off block says where, and the list of these is among the configuration tables.

/// Bytes of each block's header.
pub const HEADER: usize = 8;

const KIND_HANDOFF: u16 = 1;
const KIND_GUID_EXTENSION: u16 = 4;
const KIND_END: u16 = 0xffff;
/// EDK II's `gFdtHobGuid`, 16958446-19b7-480b-b047-7485ad3f716d, as it lies in memory.
const TREE: [u8; 16] = [0x46, 0x84, 0x95, 0x16, 0xb7, 0x19, 0x0b, 0x48, 0xb0, 0x47, 0x74, 0x85, 0xad, 0x3f, 0x71, 0x6d];
/// The longest list that is believed.
const LONGEST: usize = 4 << 20;

/// The length of a list whose bytes `header` reads, from an offset on. Firmware moves the list after it was made, so what its first block
/// says about its end is out of date; the block at its end tells.
#[must_use]
pub fn length(header: impl Fn(usize) -> [u8; HEADER]) -> Option<usize> {
    let mut at = 0;
    if half(&header(0), 0)? != KIND_HANDOFF {
        return None;
    }
    while at < LONGEST {
        let head = header(at);
        match (half(&head, 0)?, usize::from(half(&head, 2)?)) {
            (KIND_END, _) => return Some(at + HEADER),
            (_, length @ HEADER..) => at += length,
            _ => return None,
        }
    }
    None
}

/// Where the list says that the device tree is.
#[must_use]
pub fn tree(mut list: &[u8]) -> Option<u64> {
    loop {
        let (kind, length) = (half(list, 0)?, usize::from(half(list, 2)?));
        if kind == KIND_END || length < HEADER {
            return None;
        }
        if kind == KIND_GUID_EXTENSION && list.get(8..24)? == TREE {
            return quad(list, 24);
        }
        list = list.get(length..)?;
    }
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn quad(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn block(kind: u16, contents: &[u8]) -> Vec<u8> {
        let length = (8 + contents.len()) as u16;
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), &[0; 4], contents].concat()
    }

    fn list() -> Vec<u8> {
        let other = block(KIND_GUID_EXTENSION, &[7; 24]);
        let tree = block(KIND_GUID_EXTENSION, &[&TREE[..], &0x47ed_0000u64.to_le_bytes()].concat());
        [block(KIND_HANDOFF, &[0; 48]), block(3, &[0; 40]), other, tree, block(KIND_END, &[])].concat()
    }

    fn measured(list: &[u8]) -> Option<usize> {
        length(|at| list.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default())
    }

    #[test]
    fn the_tree_is_found() {
        let list = list();
        assert_eq!(measured(&list), Some(list.len()));
        assert_eq!(tree(&list), Some(0x47ed_0000));
    }

    #[test]
    fn a_list_without_a_tree_or_without_an_end_has_none() {
        let list = list();
        for length in 0..list.len() - HEADER {
            assert_eq!(tree(&list[..length]), None);
            assert_eq!(measured(&list[..length]), None);
        }
        assert_eq!(tree(&[0; 64]), None, "a block of no length");
        assert_eq!(measured(&list[56..]), None, "it does not begin as a list does");
        assert_eq!(length(|_| [1, 0, 8, 0, 0, 0, 0, 0]), None, "it has no end");
    }
}
