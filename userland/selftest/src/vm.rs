//! VMTEST: mapping, protecting, evicting, freezing; across the bounds of tables.

use alloc::format;
use alloc::string::String;

use libsys::abi::calls::number;
use libsys::abi::info::{self, Kind};
use libsys::abi::{Error, Rights};
use libsys::{Access, Error as LibError, Frozen, Keep, Memory, Pool, Private};

use crate::checks::{Checks, Group};
use crate::child;
use crate::kernel::{POOL, PROCESS, call, create, derive, dup, playground, raw, snapshot};
use crate::{clones, paged, tags};

/// The groups.
pub const GROUPS: &[Group] = &[
    Group { name: "mapped memory keeps its bytes", run: bytes },
    Group { name: "map, protect, unmap at addresses of one's choice", run: places },
    Group { name: "evict and freeze", run: owners },
    Group { name: "slices", run: slices },
    Group { name: "the stack's guard", run: guard },
    Group { name: "memory comes at its first use", run: paged::first_use },
    // Before what fills the heap: it wants the most pages.
    Group { name: "more processes than address-space tags", run: tags::run },
    Group { name: "what the pool can't pay is refused", run: paged::limits },
    Group { name: "threads that fault at the same time", run: paged::threads },
    Group { name: "files without a copy, and shared views", run: paged::views },
    Group { name: "clones share until they write", run: clones::sharing },
    Group { name: "clones have a life of their own", run: clones::life },
    Group { name: "a clone outlives its parent and the pager", run: clones::alone },
    Group { name: "pagers that are killed meanwhile", run: paged::killed },
    Group { name: "nothing is left", run: leaks },
];

/// Bytes of a page.
const PAGE: usize = 4096;
/// Bytes that one lowest page table spans.
const SPAN: u64 = 2 << 20;

fn bytes(checks: &mut Checks) -> Result<(), LibError> {
    let pool = Pool::own()?;
    let memory = Memory::create(&pool, 8)?;
    let access = Access::READ | Access::WRITE;
    let (one, two) = (memory.map(access)?, memory.map(Access::READ)?);
    let mut first = [1; 64];
    one.read(8 * PAGE - 64, &mut first)?;
    checks.equal("new memory is zero", first, [0; 64]);
    for page in 0..8 {
        one.write(page * PAGE, &[page as u8 + 1; 100])?;
    }
    let same = (0..8).all(|page| {
        let mut back = [0; 100];
        two.read(page * PAGE, &mut back).is_ok() && back == [page as u8 + 1; 100]
    });
    checks.holds("two mappings show the same", same);
    drop(one);
    let again = memory.map(access)?;
    let mut back = [0; 100];
    again.read(3 * PAGE, &mut back)?;
    checks.equal("what was unmapped keeps its bytes", back, [4; 100]);
    checks.holds("reading beyond the end is refused", again.read(8 * PAGE - 1, &mut [0; 2]).is_err());
    let mut private = Private::create(&pool, 600)?;
    private.iter_mut().step_by(PAGE).zip(0_u32..).for_each(|(byte, n)| *byte = n as u8);
    let right = private.iter().step_by(PAGE).zip(0_u32..).all(|(byte, n)| *byte == n as u8);
    checks.holds("600 pages, more than a table spans", right);
    Ok(())
}

fn places(checks: &mut Checks) -> Result<(), LibError> {
    let memory = create(POOL, Kind::Memory, 4, 0, 0)?;
    let memory = raw(&memory);
    let done = |result: Result<crate::kernel::Results, Error>| result.map(drop);
    for at in
        [playground(), playground() + SPAN - 4096, playground() + (1 << 30) - 8192, playground() + (1 << 39) - 4096]
    {
        let name = |what: &str| format!("{at:#x}: {what}");
        checks.equal(
            name("map over a table's bound"),
            done(call(number::map, &[PROCESS, memory, at, 0, 4, 3])),
            Ok(()),
        );
        let again = call(number::map, &[PROCESS, memory, at + 4096, 0, 1, 1]);
        checks.refused(name("map again there"), again, &[Error::BadAddress]);
        checks.equal(name("protect"), done(call(number::protect, &[PROCESS, at, 4, 1])), Ok(()));
        checks.equal(name("protect back"), done(call(number::protect, &[PROCESS, at, 4, 3])), Ok(()));
        checks.equal(name("unmap the middle"), done(call(number::unmap, &[PROCESS, at + 4096, 2])), Ok(()));
        let over = call(number::protect, &[PROCESS, at, 4, 1]);
        checks.refused(name("protect over the hole"), over, &[Error::BadAddress]);
        let into = call(number::map, &[PROCESS, memory, at + 4096, 2, 2, 1]);
        checks.equal(name("map into the hole"), done(into), Ok(()));
        checks.equal(name("unmap all"), done(call(number::unmap, &[PROCESS, at, 4])), Ok(()));
        checks.equal(name("unmap nothing"), done(call(number::unmap, &[PROCESS, at, 4])), Ok(()));
    }
    Ok(())
}

fn owners(checks: &mut Checks) -> Result<(), LibError> {
    let pool = Pool::own()?;
    let memory = Memory::create(&pool, 2)?;
    let mapping = memory.map(Access::READ | Access::WRITE)?;
    mapping.write(0, b"before")?;
    checks.refused("freeze what is mapped to write", memory.freeze(0, 2), &[LibError::StillMapped]);
    memory.evict(0, 2, Keep::Read)?;
    let mut back = [0; 6];
    mapping.read(0, &mut back)?;
    checks.equal("evicted to read-only, it can be read", &back, b"before");
    checks.equal("then it freezes", memory.freeze(0, 2), Ok(()));
    checks.refused(
        "and is mapped to write no more",
        memory.map(Access::READ | Access::WRITE).map(drop),
        &[LibError::Denied, LibError::BadArgument, LibError::StillMapped],
    );
    drop(mapping);
    let frozen = Frozen::map(&memory)?;
    checks.equal("frozen bytes are a slice", frozen.get(..6), Some(&b"before"[..]));
    checks.equal("info tells that it is frozen", memory.info()?.frozen, 2);
    let memory = create(POOL, Kind::Memory, 2, 0, 0)?;
    let (lent, _grant) = derive(POOL, raw(&memory), Rights::READ | Rights::WRITE, 0, 0)?;
    call(number::map, &[PROCESS, raw(&lent), playground(), 0, 2, 3])?;
    call(number::evict, &[raw(&memory), 0, 1, 0])?;
    let gone = call(number::protect, &[PROCESS, playground(), 1, 1]);
    checks.refused("an evicted page is unmapped", gone, &[Error::BadAddress]);
    let other = call(number::protect, &[PROCESS, playground() + 4096, 1, 1]).map(drop);
    checks.equal("the page beside it is not", other, Ok(()));
    let again = call(number::map, &[PROCESS, raw(&lent), playground(), 0, 1, 3]).map(drop);
    checks.equal("what was lent can be mapped again", again, Ok(()));
    call(number::unmap, &[PROCESS, playground(), 2])?;
    let weak = dup(raw(&lent), Rights::all())?;
    checks.refused("a borrower evicts nothing", call(number::evict, &[raw(&weak), 0, 1, 0]), &[Error::Denied]);
    Ok(())
}

fn slices(checks: &mut Checks) -> Result<(), LibError> {
    let pool = Pool::own()?;
    let whole = Memory::create(&pool, 4)?;
    let part = whole.slice(&pool, 1, 2)?;
    checks.equal("a slice has its pages", part.info()?.pages, 2);
    let (all, some) = (whole.map(Access::READ | Access::WRITE)?, part.map(Access::READ)?);
    all.write(PAGE, b"slice")?;
    let mut back = [0; 5];
    some.read(0, &mut back)?;
    checks.equal("and shows the whole's bytes", &back, b"slice");
    let beyond = call(number::map, &[PROCESS, part.handle().raw().into(), playground(), 1, 2, 1]);
    checks.refused("and nothing beyond", beyond, &[Error::BadArgument]);
    drop((all, whole));
    some.read(0, &mut back)?;
    checks.equal("and outlives the whole's handle", &back, b"slice");
    Ok(())
}

fn guard(checks: &mut Checks) -> Result<(), LibError> {
    let end = child::doing("overflow-stack")?;
    checks.equal("a stack that overflows ends its process", (end.code, end.reason), (20, LibError::Fault.code()));
    let end = child::doing("exit-7")?;
    checks.equal("and the next one runs", (end.code, end.reason), (7, 0));
    Ok(())
}

fn leaks(checks: &mut Checks) -> Result<(), LibError> {
    let round = || -> Result<(), LibError> {
        let memory = create(POOL, Kind::Memory, 16, 0, 0)?;
        call(number::map, &[PROCESS, raw(&memory), playground() + SPAN - 4096 * 8, 0, 16, 3])?;
        call(number::unmap, &[PROCESS, playground() + SPAN - 4096 * 8, 16])?;
        Ok(())
    };
    round()?;
    let before = snapshot()?;
    let rounds: Result<(), String> = (0..200).try_for_each(|_| round().map_err(|error| format!("{error}")));
    checks.check("200 rounds", rounds);
    checks.equal("later all is as before", snapshot()?, before);
    let left = call(number::info, &[POOL, info::POOL, 0])?;
    checks.holds("the pool has room", left[3] < left[2]);
    Ok(())
}
