//! Seeded bugs, to test the tests: each must be caught by one of them (`kcore/tests/checks/mutants.rs`).
//!
//! All are in one build, with the feature `mutants`; the environment variable `VIAETHER_MUTANT` says which of them a
//! process has, by its name. Without the feature [`mutant`] is constantly false, and nothing is left of it. The kernel
//! is never built with it: that does not compile.
//!
//! A bug is one line here and one hook where it bites, `if mutant(Mutant::Name) { … }` or a part of a condition.

#[cfg(all(feature = "mutants", target_os = "none"))]
compile_error!("seeded bugs are for the host's tests alone");

macro_rules! mutants {
    ($($name:ident $text:literal;)*) => {
        /// A seeded bug.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "their texts are in the table")]
        #[repr(u16)]
        pub enum Mutant { $($name),* }

        /// All of them, with their names and what is wrong with each.
        pub const MUTANTS: &[(Mutant, &str, &str)] = &[$((Mutant::$name, stringify!($name), $text)),*];
    };
}

mutants! {
    // kmem: names and frames.
    NameOutlivesObject "an object's end leaves its names good";
    EndingKeepsNames "what begins to end can still be named";
    SlabFilledInPart "a new object has in its end what was in its frame";
    SlabForgetsGenerations "a new slab starts below the generations that died in its frame";
    ObjectSlotNotRetired "a slot of objects is used again after its last generation";
    KeptOutlivesFrame "what is kept is believed after a frame has left its class";
    FrameKeepsState "a frame that is taken again is frozen still";
    StockKeptFromBlocks "frames at hand are kept from who wants many in a row";
    SpareTableUsed "a page table with entries is kept as an empty one";
    TouchedForgotten "a table with a second page forgets which slots of its first were used";
    SpareSlotsUsed "a page of handle slots that were used is kept as a new one";
    SpareSlabUnpaid "a slab that was at hand is not charged";

    // Handles.
    RightsUnchecked "a look-up does not ask for rights";
    HandleGenerationIgnored "a closed handle names what stands in its slot now";
    LastChannelForAll "a thread that has called calls the same channel by any handle";
    LastChannelForBoth "a thread may receive by the handle that it has called by";
    SlotGenerationKept "a slot's next handle has the same generation";
    HandleSlotNotRetired "a slot of handles is used again after its last generation";
    ClosedHandleStays "close leaves the entry where it was";
    ClosedTwice "a handle that is named twice is closed before that is seen";
    FreeSlotsMixed "the free slots of the first page are not kept apart";
    TableOverfull "a table grows beyond its last page";
    DupAddsRights "dup gives the rights asked for, not those there are";
    DupIgnoresTransfer "dup gives away what may not move";
    DupIntoDying "dup puts a handle into a process that is torn down";
    GiveAddsRights "give gives the rights asked for, not those there are";
    GiveIgnoresTransfer "give gives away what may not move";
    GiveIntoDying "give puts handles into a process that is torn down";
    GivenTwice "a handle that is moved is named twice in one call";
    GivenStays "a handle that is moved stays with its giver, too";
    GiftsCollide "two handles of one call go to the same index";
    HandleUncounted "a Grant is not told of a copy of its handle";

    // Grants.
    RevokedHandleWorks "a look-up does not ask for Grants";
    OnlyOwnGrantCounts "the Grants above a handle's own are not asked";
    DeriveAddsRights "derive gives the rights asked for, not those there are";
    BadgeForged "who may not choose a badge chooses one";
    DeriveIgnoresTransfer "derive gives away what may not move";
    DeriveIntoDying "derive puts a handle into a process that is torn down";
    AloneHasCell "a derivation without a handle to its Grant has one";
    DepthUnbounded "Grants nest deeper than four";
    EndTwice "the end of a Grant is told again";
    EndUntold "the last handle goes, and nobody is told";
    EndOfGrantWithHandles "an end is told while handles are left below";
    ClosedEndsBackwards "ends come last in, first out";
    DeadPoolsEndsUntold "a Grant that dies with its pool tells nobody";
    CloseBitsLost "the owner of a notification is not told of an end";

    // Revocation.
    RevokeKeepsMappings "a revoked Grant's mappings stay";
    RevokeKeepsCallers "queued calls through a revoked Grant stay";
    RevokeKeepsLines "interrupts bound through a revoked Grant stay bound";
    RevokeKeepsBells "interrupts that set bits through a revoked Grant go on";
    RevokeKeepsBinding "a notification bound through a revoked Grant stays bound";
    RevokeTakesBindings "a notification bound through a Grant that was below a closed one is unbound by any revocation";
    RevokeStopsAtFirst "Grants below a revoked one keep their effects";
    UndoForgotten "a revocation whose caller died is never finished";
    ClosedGrantForgotten "what came about through a closed Grant is undone with none";

    // Messages.
    TransferIgnored "a message moves handles without the right TRANSFER";
    SentTwice "the same handle is sent twice in one message";
    SentHandleStays "a sent handle stays with its sender, too";
    TakesIgnored "more handles arrive than were asked for";
    UnusedBytesLeak "bytes that a message does not use arrive";
    LongMessageCut "the last word of a long message is not copied";
    TagUnchecked "a message may say that it is longer than a buffer";
    TokenTwice "a token is good for another call of the same thread";
    TokenElsewhere "a token is good in any thread";
    CallersBackwards "equally urgent callers are taken last in, first out";
    ReceiversBackwards "receivers are taken last in, first out";
    RunForgotten "when the first caller of a priority leaves, no other takes its place";
    CallersUnsorted "a more urgent caller queues behind others";
    CallsStarve "bits always come before calls";
    ClosedEndsLast "a closed end waits while bits come";
    ChainUnbounded "chains of calls are longer than sixteen";
    DeadServerUntold "callers of a thread that ends wait for ever";
    DeadChannelUntold "callers of a channel that ends wait for ever";
    FaultAnswerWrites "the answer to a fault changes registers";
    FaultChannelRevoked "faults are told through a revoked handle";
    BadgeOfAnother "a call comes with the badge of the one before";
    ErrorSetsBadge "a refused call leaves a mark in its caller";

    // The fast path.
    FastIgnoresRevocation "the fast path calls through revoked Grants";
    FastIgnoresUrgent "the fast path runs who is answered before somebody more urgent";
    FastTokenTwice "the fast path does not count calls";
    FastBadgeLost "the fast path forgets the badge";
    FastDepthLost "the fast path does not count how deep chains are";
    FastKeepsPriority "the fast path does not give the priority back";
    FastForgetsBits "the fast path receives past bits that wait";
    FastBitsUnmarked "the fast path leaves bits in a notification whose thread isn't told that they wait";
    FastDoorStays "what a handle came to is believed after something ended";
    FastIgnoresBudget "the fast path is taken by those who are traced or paid for";
    FastElsewhere "the fast path runs a thread of another core";
    FastChainUnbounded "chains by the fast path are longer than sixteen";
    FastFaultRevoked "the fast path tells faults through a revoked handle";
    FastFaultAnswerWrites "the fast path's answer to a fault changes registers";
    FastBitsForged "the fast path sets bits that its handle does not have";
    FastNoPreemption "the fast path has a more urgent thread wait for who notified it";
    FastSliceKept "the fast path leaves what is left of one's slice to whoever comes next";
    FastReadyBitLeft "the fast path leaves the last of a queue marked as ready";

    // The fast path of interrupts.
    PromptIgnoresBudget "an interrupt's fast path is taken for those who are traced or paid for";
    PromptIgnoresUrgent "an interrupt's fast path wakes past somebody as urgent who is ready";
    PromptTakesTurn "an interrupt's fast path takes the core from somebody as urgent";
    PromptLeavesIdle "an interrupt's fast path has who is preempted wait beside a core with nothing to run";
    PromptSecondLost "an interrupt's fast path forgets the second of two deadlines";
    PromptSliceKept "an interrupt's fast path gives what is left of another's slice";
    PromptTimerLeft "an interrupt's fast path does not set the timer anew";
    PromptQueueLost "an interrupt's fast path forgets who was ready beside whom it preempts";
    PromptTimeLost "an interrupt's fast path does not charge whom it preempts";

    // Notifications and interrupts.
    LostWakeUp "bits do not wake the thread that waits for them";
    BitsUnmarked "bits are left in a notification whose thread isn't told that they wait";
    BitsTwice "bits are told again";
    BitsOverwritten "new bits replace those that wait";
    BadgeIgnoredByNotify "notify sets bits that its handle does not have";
    BindIgnoresBadge "an interrupt sets bits that the handle does not have";
    LineNotMasked "a line stays unmasked when its interrupt came";
    UnboundLineOpen "a line stays unmasked when it is unbound";
    LineStolen "a line is bound that is somebody else's";
    TriggerForgotten "a line keeps the trigger that another slice had set";

    // Scheduling.
    ReadyAtFront "who becomes ready runs before those who were";
    PriorityNotInherited "a server is not as urgent as its callers";
    PriorityKept "a server stays as urgent as a caller that it answered";
    WaitingCallersIgnored "a server is not as urgent as callers that still wait";
    InheritanceStopsShort "priority is not inherited along a chain";
    ReadyBitLeft "an empty queue counts as one with ready threads";
    NoPreemption "a more urgent thread waits for the one that runs";
    SliceEndless "a slice never ends";
    SliceNotArmed "the timer is not set for the end of a slice";
    OtherCoreNotKicked "another core is not told that it has work";
    TurnIgnored "who waits for the lock takes it before those who waited longer";
    AbsentForEver "a core that was passed over stays so";
    DepthNotCounted "a chain that got shorter counts as before";

    // Processor time.
    BudgetUncharged "what runs by a budget is not charged";
    BudgetNeverBack "a new period brings nothing back";
    BudgetUnchecked "a sub-pool's budget may be more than there is";
    BudgetNotTaken "a sub-pool's budget is not taken out of the one above";
    BudgetNotReturned "a dead pool's budget is not given back";
    BudgetEndNotArmed "the timer is not set for the end of a budget";
    OverrunForgiven "what was overrun is not paid from the next period";
    RealTimeUnpaid "a pool has real-time priorities and no budget";
    PayerNotInherited "a server pays for what it does for others";
    UsedUpGoesOn "a used-up budget takes nothing from whom it was lent to";
    ParkedForEver "who waits for a budget is not woken when a period begins";
    DemotedForEver "who was demoted stays so";
    AnsweredStaysDemoted "who was demoted keeps the least priority when it is answered";

    // Timers.
    TimerLost "recv forgets its deadline";
    TimerStays "a deadline stays in the wheel when its thread is woken";
    TimerEarly "deadlines are rounded down";
    TimerLevelLost "timers of a higher level are lost when they come down";
    MovedDeadlineUntold "a core does not learn of a deadline that moves to it";
    PastDeadlineWaits "a deadline that has passed waits for the timer";

    // Threads.
    RunningStarted "a thread is started that was not stopped";
    KernelEntryPoint "a thread is started at the kernel's addresses";
    CeilingIgnoredByConfig "config sets a priority above the pool's ceiling";
    CeilingIgnoredByCreate "a thread is made with a priority above the pool's ceiling";
    CoreNotThere "a thread moves to a core that is off";
    StopForgetsHome "a thread that is stopped on its way to its home core stays where it was";
    PointerUnchecked "the thread pointer may be an address of the kernel";
    BufferOverMapping "an IPC buffer lands on what is mapped";
    BufferNotZeroed "an IPC buffer holds what was there before";
    BufferStaysMapped "a dead thread's IPC buffer stays mapped";
    EndedThreadBound "a dead thread stays bound to its notification";

    // Pools.
    QuotaNotCredited "an object's page is not credited when it goes";
    FramesNotCredited "frames given back are not credited";
    QuotaUnchecked "a pool takes more than it has";
    NeedWraps "what a call takes wraps around to nothing";
    SubPoolFree "a sub-pool's pages are not taken from its parent";
    SubPoolsCeiling "a sub-pool may have a higher ceiling";
    PoolsTooDeep "pools nest deeper than sixteen";
    PagesTakenBack "pages are taken out of a pool without DESTROY";
    PagesToStrangers "pages move between pools that are not parent and child";
    DyingPoolMakes "objects are made from a pool that is torn down";
    SubPoolsOfDyingMake "objects are made below a pool that is torn down";
    NewestDoomedFirst "destroy works on the newest doomed pool, not on its own";
    RootPoolMortal "the root pool can be destroyed";
    OrphanFreed "a mapped Memory is freed with its pool";
    OrphanKeepsPool "a mapped Memory outlives its pool at nobody's cost";
    SlotsUnpaid "a new page of handle slots is not checked for";

    // Memory.
    ZeroingSkipped "new Memory holds what was there before";
    RestartSkipsPage "a page is left out where zeroing is interrupted";
    RestartBeginsAnew "zeroing begins anew each time it is interrupted";
    HalfMadeKept "a half-made Memory stays when its thread gives up";
    FreezeWhileWritten "pages are frozen that are mapped to be written";
    SealUnfrozen "data is sealed that was not frozen";
    SealUnauthorised "pages are sealed without the right SEAL";
    CodeNotSynchronised "instruction caches are not told of new code";
    ExtentOffByOne "a range may reach one page beyond its Memory";
    SliceUncounted "a slice does not keep its Memory alive";
    MemoryFreedWhileMapped "a Memory goes with its last handle, mapped or not";

    // Mappings.
    WriteAndExecute "pages are mapped to be written and executed";
    FrozenWritable "frozen pages are mapped to be written";
    DataExecutable "data is mapped to be executed";
    MapBeyondRights "a mapping allows more than its handle";
    ProtectBeyondRights "protect allows more than the mapping's handle";
    MapOverMapping "map replaces what is mapped";
    KernelAddressMapped "map reaches beyond the user's addresses";
    TablesUnpaid "page tables are not checked for";
    WriterUncounted "a writable mapping is not counted";
    WritersWrap "so many writable mappings of a page that they count as none";
    WriterStays "an unmapped writer stays counted";
    EvictStopsEarly "evict leaves the last page";
    EvictKeepsWriters "evict makes nothing read-only";
    EvictLosesPlace "an evict goes on at a mapping that is gone";
    PartEscapesEvict "what a mapping is cut into escapes an evict that comes to it later";
    ProtectAfterEvict "protect makes writable what evict made read-only";
    HoleForgotten "a page mapped into a hole belongs to two mappings";
    EmptyTableKept "an empty page table stays";
    StaleAfterUnmap "the TLB keeps what was unmapped";
    StaleAfterProtect "the TLB keeps the access there was";
    StaleBuffer "the TLB keeps a dead thread's buffer";
    StaleSpace "the TLB keeps what a dead process had mapped";
    NotPublished "new entries are not made visible to the page walk";
    TagShared "two processes have the same address-space tag";
    SharedTagKept "the TLB keeps one process's pages under the tag that it shares, while another runs";

    // Long work.
    WorkUnbounded "an entry does all its work at once";
    EndsUnpaid "an entry brings any number of what has nearly ended to its end";
    EndForgotten "what a call began to end is not gone on with";
    WrongCallGoesOn "a call made in place of one that was rewound is taken for it";

    // Devices.
    PortBeyond "a port access may reach beyond its range";
    PowerForAll "system does not ask for POWER";
    TraceAfterRevocation "a trace goes on when what allowed it was revoked";
    TraceOverwrites "a full trace overwrites what was not read";
    TraceOfRegisters "a trace shows registers for a message that lies in the buffer";
    LogUnbounded "a label writes as many records as it likes";
    LogCountTaken "a label takes over the count of another that still writes";
    FaultsLogUncounted "a process has the kernel log as many faults as it likes";
    LogLabelForged "a record has no label";
}

/// Whether this process is to have a bug.
#[cfg(feature = "mutants")]
#[inline(always)]
pub fn mutant(which: Mutant) -> bool {
    chosen::get() == which as u16
}

/// Whether this process is to have a bug: none has.
#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub const fn mutant(_: Mutant) -> bool {
    false
}

#[cfg(feature = "mutants")]
mod chosen {
    extern crate std;

    use core::sync::atomic::{AtomicU16, Ordering};

    use super::MUTANTS;

    const NOT_LOOKED: u16 = u16::MAX;
    const NONE: u16 = u16::MAX - 1;
    static CHOSEN: AtomicU16 = AtomicU16::new(NOT_LOOKED);

    #[inline(always)]
    pub fn get() -> u16 {
        match CHOSEN.load(Ordering::Relaxed) {
            NOT_LOOKED => look(),
            chosen => chosen,
        }
    }

    #[cold]
    fn look() -> u16 {
        let chosen = match std::env::var("VIAETHER_MUTANT") {
            Ok(name) => {
                let found = MUTANTS.iter().find(|(_, other, _)| *other == name);
                found.unwrap_or_else(|| panic!("there is no seeded bug {name}")).0 as u16
            }
            Err(_) => NONE,
        };
        CHOSEN.store(chosen, Ordering::Relaxed);
        chosen
    }
}
