//! The memory of a world: its frames, their kinds, and what else is known of each.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::RefCell;
use std::slice;

use kmem::{FrameInfo, PAGE};

/// Three blocks of the host's memory. A thread uses those of one world for its next of that size: to have them mapped and
/// unmapped takes longer than many a test.
pub struct Blocks(Option<Memory>);

/// Frames, kinds, and the rest.
struct Memory([(*mut u8, Layout); 3]);

/// Memory is not zero when a machine starts.
const GARBAGE: u8 = 0xa5;

thread_local! {
    /// What this thread's last world left.
    static LEFT: RefCell<Option<Memory>> = const { RefCell::new(None) };
}

impl Blocks {
    /// Frames full of something, and tables full of zeros.
    pub fn new(frames: u32) -> Blocks {
        let n = frames as usize;
        let layouts = [
            Layout::from_size_align(n * PAGE, PAGE).unwrap(),
            Layout::from_size_align(n, 1).unwrap(),
            Layout::array::<FrameInfo>(n).unwrap(),
        ];
        let left = LEFT.take().filter(|left| left.0.map(|(_, layout)| layout) == layouts);
        // SAFETY: the layouts are not empty.
        let memory = left.unwrap_or_else(|| Memory(layouts.map(|layout| (unsafe { alloc(layout) }, layout))));
        for ((start, layout), byte) in memory.0.iter().zip([GARBAGE, 0, 0]) {
            // SAFETY: the whole block, which nobody else has.
            unsafe { start.write_bytes(byte, layout.size()) }
        }
        Blocks(Some(memory))
    }

    fn memory(&self) -> &[(*mut u8, Layout); 3] {
        &self.0.as_ref().expect("there until it is dropped").0
    }

    /// Where they begin.
    pub fn starts(&self) -> [*mut u8; 3] {
        self.memory().map(|(start, _)| start)
    }

    /// The tables' bytes: the kinds, and what else is known of frames.
    pub fn tables(&self) -> [&[u8]; 2] {
        let [_, kinds, infos] = self.memory();
        // SAFETY: the whole blocks, and nothing runs in the kernel while this borrow of its world lives.
        [kinds, infos].map(|(start, layout)| unsafe { slice::from_raw_parts(*start, layout.size()) })
    }

    /// The bytes of a frame, whatever lies in it.
    pub fn frame(&self, n: u32) -> &[u8] {
        let (start, layout) = self.memory()[0];
        assert!((n as usize) < layout.size() / PAGE);
        // SAFETY: the block has this frame, and as above.
        unsafe { slice::from_raw_parts(start.add(n as usize * PAGE), PAGE) }
    }

    /// Puts bytes to the start of a frame.
    pub fn set_frame(&mut self, n: u32, bytes: &[u8]) {
        let (start, layout) = self.memory()[0];
        assert!((n as usize) < layout.size() / PAGE && bytes.len() <= PAGE);
        // SAFETY: the block has this frame, they fit it, and no view lives.
        unsafe { start.add(n as usize * PAGE).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
    }

    /// Puts the tables' bytes back.
    pub fn set_tables(&mut self, bytes: &[Vec<u8>; 2]) {
        for ((start, layout), bytes) in self.memory()[1..].iter().zip(bytes) {
            assert_eq!(layout.size(), bytes.len());
            // SAFETY: the whole block, and no view lives.
            unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
        }
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        let memory = self.0.take();
        // A thread that ends keeps nothing.
        let _ = LEFT.try_with(|left| left.replace(memory));
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        for (start, layout) in self.0 {
            // SAFETY: allocated with this layout in `Blocks::new`.
            unsafe { dealloc(start, layout) }
        }
    }
}
