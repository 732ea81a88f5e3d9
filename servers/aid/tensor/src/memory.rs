//! A Context's memory: bytes in which tensors lie at the plan's offsets, seen as f32 or i32.

use core::ops::Range;

/// An op's first input as it lies in the arena.
pub(crate) enum Source<'a> {
    /// Somewhere else than the output.
    Apart(&'a [u8]),
    /// In the output's place: the op works in place.
    Same,
}

/// The bytes of an op's output, and those of its input.
///
/// The plan keeps the two apart or puts them in the same place; anything else is `None`.
pub(crate) fn split(arena: &mut [u8], input: Range<usize>, output: Range<usize>) -> Option<(Source<'_>, &mut [u8])> {
    if input.start == output.start {
        return (input.end <= output.end)
            .then_some(())
            .and_then(|()| arena.get_mut(output))
            .map(|out| (Source::Same, out));
    }
    let (before, rest) = arena.split_at_mut_checked(output.start)?;
    let (out, behind) = rest.split_at_mut_checked(output.len())?;
    let source = if input.end <= output.start {
        before.get(input)?
    } else {
        behind.get(input.start.checked_sub(output.end)?..input.end.checked_sub(output.end)?)?
    };
    Some((Source::Apart(source), out))
}

/// Bytes as f32; `None` if they don't start at a multiple of 4 or end within an element.
pub(crate) fn floats(bytes: &[u8]) -> Option<&[f32]> {
    bytemuck::try_cast_slice(bytes).ok()
}

/// See [`floats`].
pub(crate) fn floats_mut(bytes: &mut [u8]) -> Option<&mut [f32]> {
    bytemuck::try_cast_slice_mut(bytes).ok()
}

/// See [`floats`].
pub(crate) fn ints_mut(bytes: &mut [u8]) -> Option<&mut [i32]> {
    bytemuck::try_cast_slice_mut(bytes).ok()
}
