//! The bytes of frames as they were, to put back and to compare with.

use kmem::PAGE;

use super::World;

/// So many frames, each with all its bytes.
pub struct Frames {
    numbers: Vec<u32>,
    bytes: Vec<u8>,
}

impl Frames {
    /// What lies in these now.
    pub fn copy(w: &World, numbers: Vec<u32>) -> Frames {
        let mut bytes = Vec::with_capacity(numbers.len() * PAGE);
        numbers.iter().for_each(|frame| bytes.extend_from_slice(w.frame(*frame)));
        Frames { numbers, bytes }
    }

    /// Which they are.
    pub fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    /// Each with its bytes.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.numbers.iter().copied().zip(self.bytes.chunks(PAGE))
    }

    /// What is another now, in words, but for bytes of frames that are left out.
    pub fn difference(&self, w: &World, left_out: impl Fn(u32, usize) -> bool) -> Option<String> {
        self.iter().find_map(|(frame, old)| {
            let byte = difference(old, w.frame(frame), |i| left_out(frame, i))?;
            Some(format!("frame {frame}, {byte}"))
        })
    }
}

/// The first byte that is another, in words, but for those that are left out.
pub fn difference(old: &[u8], new: &[u8], left_out: impl Fn(usize) -> bool) -> Option<String> {
    // Nearly always they are the same: seen at one look.
    if old == new {
        return None;
    }
    let mut pairs = old.iter().zip(new).enumerate();
    let (i, (a, b)) = pairs.find(|(i, (a, b))| a != b && !left_out(*i))?;
    Some(format!("byte {i:#x}: {a:#x} became {b:#x}"))
}
