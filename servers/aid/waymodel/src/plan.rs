//! Where tensors lie in the arena: rules 20 and 21, and the planner for writers.
//!
//! A tensor is live from the op that writes it (inputs: from the start) to its last reader (outputs: to the end). Tensors
//! that are live at the same op must not overlap, but an op that works in place may write its output over its first
//! input, if nobody reads that later.

use crate::bytes::{Record, round_up};
use crate::edges::Life;
use crate::error::{ErrorKind, LoadError};
use crate::format::{ALIGN, FLAG_EXACT, FLAG_STATE, PLAN};
use crate::frame::Frame;
use crate::model::{Limits, Totals};
use crate::op::Op;
use crate::tensors::{self, DType, Role, Tensor};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Bytes that a tensor takes in the arena: its size at the symbols' greatest values, in whole units of 64.
pub fn extent(tensor: &Tensor, greatest: &[u32]) -> Option<u64> {
    round_up(tensor.bytes(greatest)?, ALIGN)
}

/// Rule 20: reads the plan into `tensors` and checks it. Gives the arena's size.
pub(crate) fn read(
    section: &[u8],
    tensors: &mut [Tensor],
    ops: &[Op],
    lives: &[Life],
    greatest: &[u32],
    strings: &str,
) -> Result<u64, LoadError> {
    let mut records = section.chunks_exact(PLAN).map(Record);
    let mut arena = 0;
    for (id, tensor) in tensors.iter_mut().enumerate().filter(|(_, t)| t.role.in_arena()) {
        let bad = |detail: &str| Err(LoadError::bad(20, id, tensors::place(id, tensor.name, strings), detail));
        let Some(record) = records.next().filter(|r| r.u32(0) as usize == id) else {
            return bad("has no place in the plan, or not in order");
        };
        let offset = record.u64(8);
        if record.u32(4) != 0 || offset % ALIGN != 0 {
            return bad("its offset is no multiple of 64, or reserved bytes are not zero");
        }
        let Some(end) = extent(tensor, greatest).and_then(|size| offset.checked_add(size)) else {
            return bad("its end is out of range");
        };
        tensor.arena = offset;
        arena = arena.max(end);
    }
    if records.next().is_some() {
        return Err(LoadError::bad(20, tensors.len(), "plan", "has more records than tensors that need one"));
    }
    check_overlaps(tensors, ops, lives, greatest).map_err(|(id, detail)| {
        let name = tensors.get(id).map(|t| t.name).unwrap_or_default();
        LoadError::bad(20, id, tensors::place(id, name, strings), detail)
    })?;
    Ok(arena)
}

/// Ranges in use, by their start: end and tensor.
type InUse = BTreeMap<u64, (u64, usize)>;

fn check_overlaps(tensors: &[Tensor], ops: &[Op], lives: &[Life], greatest: &[u32]) -> Result<(), (usize, String)> {
    let mut in_use = InUse::new();
    let size = |id: usize| tensors.get(id).and_then(|t| extent(t, greatest)).unwrap_or(0);
    for (id, tensor) in tensors.iter().enumerate().filter(|(_, t)| t.role == Role::Input) {
        occupy(&mut in_use, id, tensor.arena, size(id))?;
    }
    for (index, op) in ops.iter().enumerate() {
        let ends_here = |id: usize| {
            let life = lives.get(id).copied().unwrap_or_default();
            let stays = tensors.get(id).is_none_or(|t| t.role == Role::Output);
            !stays && life.last_read.max(life.written).unwrap_or(0) as usize <= index
        };
        let out = op.output() as usize;
        let Some(tensor) = tensors.get(out) else { continue };
        if let Some(first) = op.inputs().first().map(|&id| id as usize)
            && op.code.in_place()
            && ends_here(first)
            && size(first) == size(out)
            && in_use.get(&tensor.arena).is_some_and(|&(_, id)| id == first)
        {
            in_use.remove(&tensor.arena);
        }
        occupy(&mut in_use, out, tensor.arena, size(out))?;
        let ended = |&id: &usize| ends_here(id);
        let mut free = |id: usize| {
            let start = tensors.get(id).map_or(0, |t| t.arena);
            if in_use.get(&start).is_some_and(|&(_, user)| user == id) {
                in_use.remove(&start);
            }
        };
        op.inputs().iter().map(|&id| id as usize).filter(ended).for_each(&mut free);
        if index == 0 {
            // Inputs that nobody reads are live at the start only.
            (0..tensors.len())
                .filter(|&id| tensors.get(id).is_some_and(|t| t.role == Role::Input))
                .filter(ended)
                .for_each(free);
        }
    }
    Ok(())
}

/// Takes a range into use, unless some of it is.
fn occupy(in_use: &mut InUse, id: usize, start: u64, size: u64) -> Result<(), (usize, String)> {
    let end = start.saturating_add(size);
    match in_use.range(..end).next_back() {
        Some((_, &(other_end, other))) if other_end > start => {
            Err((id, format!("overlaps tensor {other}, which is in use at the same time")))
        }
        _ => {
            in_use.insert(start, (end, id));
            Ok(())
        }
    }
}

/// Rule 21: what the header says in sum is so, and permitted.
pub(crate) fn check_totals(
    frame: &Frame,
    tensors: &[Tensor],
    ops: &[Op],
    arena: u64,
    data: u64,
    limits: &Limits,
) -> Result<Totals, LoadError> {
    let state =
        tensors.iter().filter(|t| t.role == Role::State).try_fold(0u64, |sum, t| sum.checked_add(extent(t, &[])?));
    let state = state.unwrap_or(u64::MAX);
    for (what, says, is) in
        [("arena", frame.arena, arena), ("state", frame.state, state), ("DATA", frame.data_length, data)]
    {
        if says != is {
            let detail = format!("the header says {says} bytes of {what}, it is {is}");
            return Err(LoadError::bad(21, 0, "header", detail).numbers(says, is));
        }
    }
    let flags = flags_of(tensors, ops);
    if frame.flags != flags {
        let detail = format!("flags are {}, must be {flags}", frame.flags);
        return Err(LoadError::bad(21, 0, "header", detail).numbers(frame.flags.into(), flags.into()));
    }
    for (what, is, limit) in [("arena", arena, limits.arena), ("state", state, limits.state)] {
        if is > limit {
            let detail = format!("{is} bytes of {what}, {limit} are permitted");
            return Err(LoadError::bad(21, 0, "header", detail).of(ErrorKind::Limit).numbers(is, limit));
        }
    }
    Ok(Totals { arena, state, data })
}

fn flags_of(tensors: &[Tensor], ops: &[Op]) -> u32 {
    let quantised = |op: &Op| {
        let matrix = op.inputs().get(1).and_then(|&id| tensors.get(id as usize));
        matrix.is_some_and(|w| matches!(w.dtype, DType::Q8_0 | DType::Q4_0))
    };
    let exact = ops.iter().filter(|op| op.code.sums_products()).all(|op| op.separate || quantised(op));
    let state = tensors.iter().any(|t| t.role == Role::State);
    (if exact { FLAG_EXACT } else { 0 }) | (if state { FLAG_STATE } else { 0 })
}

/// A range that a planner has to place: its size and the first and last moment at which it is live.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// Bytes, a multiple of 64.
    pub size: u64,
    /// First moment.
    pub from: u32,
    /// Last moment.
    pub to: u32,
}

/// Places ranges greedily, the largest first, each at the lowest offset where nothing is live at the same time.
pub fn place(needs: &[Need]) -> Vec<u64> {
    let mut order: Vec<usize> = (0..needs.len()).collect();
    order.sort_by_key(|&i| (core::cmp::Reverse(needs[i].size), i));
    let mut offsets = alloc::vec![0; needs.len()];
    let mut placed: Vec<usize> = Vec::with_capacity(needs.len());
    for i in order {
        let need = needs[i];
        let together = placed.iter().filter(|&&j| needs[j].from <= need.to && need.from <= needs[j].to);
        let mut ranges: Vec<(u64, u64)> = together.map(|&j| (offsets[j], offsets[j] + needs[j].size)).collect();
        ranges.sort_unstable();
        // Once it fits before a range it stays there: the ranges that follow start no earlier.
        offsets[i] = ranges.iter().fold(0, |at, &(start, end)| if at + need.size <= start { at } else { at.max(end) });
        placed.push(i);
    }
    offsets
}
