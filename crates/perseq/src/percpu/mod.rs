//! [`PerCpu<T>`]: a `T` for each CPU, in a slot with a gate.
//!
//! Invariant: the item of a slot is valid whenever its gate is open, and only three parties ever touch it: a section that
//! passed the gate on that CPU (one at a time, because sections on one CPU abort each other), the owner of the
//! gate, and whoever has `&mut PerCpu`.

mod exclusive;
mod gate;
mod lazy;
mod stripes;

use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::mem::offset_of;
use core::ptr::NonNull;

#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) use exclusive::prepare_for_fork;
pub(crate) use exclusive::{Owned, generation, without_forks};
#[cfg(feature = "model")]
pub(crate) use gate::OPEN;
use gate::Refusal;
pub(crate) use gate::{Change, Gate, Head, Threads};
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) use gate::{IDS, Owners};
pub use lazy::LazyPerCpu;
use stripes::Shape;

use crate::arch::AlignWords;
use crate::model::hooks;
use crate::registration::Registered;
use crate::section::{Protected, Slots};
use crate::sys::AllocError;
use crate::{cpu, fence};

/// How the slots of a [`PerCpu`] are numbered.
pub trait Index: sealed::Sealed {
    /// By concurrency id instead of CPU number.
    #[doc(hidden)]
    const BY_CID: bool;
    /// What stands at the head of a slot.
    #[doc(hidden)]
    type Gate: gate::Head;
    /// The base of slots that are not made yet.
    #[doc(hidden)]
    const UNMADE: usize = 0;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::ByCpu {}
    impl Sealed for super::ByCid {}
    impl Sealed for super::Ungated {}
}

/// Slots are numbered by CPU (`cpu_id`).
#[derive(Clone, Copy, Debug)]
pub struct ByCpu;

/// Slots are numbered by concurrency id (`mm_cid`), or by CPU where the kernel has none: memory is touched in proportion to
/// the threads that run at once, not to the CPUs of the machine.
#[derive(Clone, Copy, Debug)]
pub struct ByCid;

/// Slots by CPU that nobody ever owns, without a gate, which is a load and a branch less: in a [`LazyPerCpu`], for sequences whose
/// slow path is elsewhere. The section looks at the CPU's number and the base instead.
///
/// What is split into a word for sequences and an atomic word beside it needs no gate: where the section cannot run, the
/// atomic word is changed, and nobody waits for anybody.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
///
/// use perseq::{LazyPerCpu, Ungated, sequence};
///
/// struct Count { value: u64 }
///
/// static COUNTS: LazyPerCpu<Count, Ungated> = LazyPerCpu::new(|_cpu| Count { value: 0 });
/// static BESIDE: AtomicU64 = AtomicU64::new(0);
///
/// sequence! {
///     #[slow_path(add_beside)]
///     fn add(counts: &LazyPerCpu<Count, Ungated>, n: u64) {
///         let value: u64 = counts.value;
///         commit counts.value = value + n;
///     }
/// }
///
/// fn add_beside(_: &LazyPerCpu<Count, Ungated>, n: u64) {
///     BESIDE.fetch_add(n, Relaxed);
/// }
///
/// let counts = COUNTS.get(); // before that, every addition takes the slow path
/// add(&COUNTS, 2);
/// add(&COUNTS, 3);
/// let words = (0..counts.slots()).filter_map(|cpu| counts.item(cpu)).map(|count| {
///     // SAFETY: the slots live as long as `COUNTS`, and sections store the word at once.
///     unsafe { AtomicU64::from_ptr(&raw mut (*count.as_ptr()).value) }.load(Relaxed)
/// });
/// assert_eq!(words.sum::<u64>() + BESIDE.load(Relaxed), 5);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Ungated;

impl Index for ByCpu {
    const BY_CID: bool = false;
    type Gate = Gate;
}

impl Index for ByCid {
    const BY_CID: bool = true;
    type Gate = Gate;
}

impl Index for Ungated {
    const BY_CID: bool = false;
    type Gate = gate::Absent;
    const UNMADE: usize = crate::section::UNMADE;
}

/// An [`Index`] of slots with gates, [`ByCpu`] or [`ByCid`]: what a sequence over any of them asks for.
///
/// ```
/// use perseq::{GatedIndex, PerCpu, sequence};
///
/// struct Count { value: u64 }
///
/// sequence! {
///     fn add<I: GatedIndex>(counts: &PerCpu<Count, I>, n: u64) {
///         let value: u64 = counts.value;
///         commit counts.value = value + n;
///     }
/// }
///
/// add(&PerCpu::new(|_cpu| Count { value: 0 }), 1);
/// add(&PerCpu::by_cid(|_cid| Count { value: 0 }), 1);
/// ```
pub trait GatedIndex: Index<Gate = Gate> {}

impl<I: Index<Gate = Gate>> GatedIndex for I {}

/// A slot: the gate, then the item.
#[repr(C)]
pub(crate) struct Slot<T, I: Index> {
    pub(crate) gate: I::Gate,
    aligned: AlignWords,
    pub(crate) value: T,
}

/// Binary logarithm of the distance of slots with gates.
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) const fn shift<T>() -> u32 {
    PerCpu::<T>::SHIFT
}

impl Refusal {
    /// What it means for slot `index`.
    pub(crate) const fn of(self, index: u32) -> ExclusiveError {
        match self {
            Self::Closed => ExclusiveError::NoSuchSlot(index),
            Self::Mine => ExclusiveError::Reentrant(index),
            Self::Abandoned => ExclusiveError::Abandoned(index),
        }
    }
}

/// A `T` for each possible CPU.
///
/// Sequences ([`sequence!`](crate::sequence)) work on the slot of the CPU they run on, for the price of plain loads and
/// stores. Anything else goes through [`exclusive`](Self::exclusive).
///
/// ```
/// use perseq::{PerCpu, sequence};
///
/// struct Stats { packets: u64, bytes: u64 }
///
/// sequence! {
///     /// Both fields of one CPU, as they were at one moment.
///     fn read(stats: &PerCpu<Stats>) -> (u64, u64) {
///         let packets: u64 = stats.packets;
///         let bytes: u64 = stats.bytes;
///         (packets, bytes)
///     }
/// }
///
/// let stats = PerCpu::new(|_cpu| Stats { packets: 0, bytes: 0 });
/// for cpu in 0..stats.slots() {
///     stats.exclusive(cpu, |stats| {
///         stats.packets += 1;
///         stats.bytes += 100;
///     })?;
/// }
/// assert_eq!(read(&stats), (1, 100));
/// # Ok::<(), perseq::ExclusiveError>(())
/// ```
#[repr(transparent)]
pub struct PerCpu<T, I: Index = ByCpu> {
    /// Slot 0.
    base: NonNull<u8>,
    /// Items are written through `&self`, so a `PerCpu<T>` is not a `PerCpu` of a type that `T` could stand for.
    owns: PhantomData<(UnsafeCell<T>, I)>,
}

/// A [`PerCpu`] whose slots are numbered by concurrency id.
pub type PerCid<T> = PerCpu<T, ByCid>;

// SAFETY: the items move with it, and whoever has it may drop them.
unsafe impl<T: Send, I: Index> Send for PerCpu<T, I> {}
// SAFETY: through `&PerCpu` an item is reached by one party at a time (see the module), from any thread: so it is sent
// between threads, and never shared.
unsafe impl<T: Send, I: Index> Sync for PerCpu<T, I> {}

/// Why [`PerCpu::exclusive`] did not run its closure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExclusiveError {
    /// There is no slot of this number: the numbers go from 0 to [`PerCpu::slots`].
    NoSuchSlot(u32),
    /// The calling thread owns this slot already: `exclusive` was called inside its own closure.
    Reentrant(u32),
    /// The CPU could not be fenced: see [`FenceError`](fence::FenceError).
    Fence(fence::FenceError),
    /// A thread that is gone owned this slot and may have left it in the middle of a change: in the child of a fork that could not
    /// wait for it, for instance. See [`PerCpu::recover`].
    Abandoned(u32),
    /// [`PerCpu::recover`] was called for a slot that is not abandoned.
    NotAbandoned(u32),
    /// Slots that processes share had no room for this one, the child of a fork, as a member.
    NotAMember,
}

impl core::fmt::Display for ExclusiveError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NoSuchSlot(index) => write!(f, "there is no slot {index}"),
            Self::Reentrant(index) => write!(
                f,
                "slot {index} is owned by this thread already: use the `&mut` that the outer closure got"
            ),
            Self::Fence(error) => error.fmt(f),
            Self::Abandoned(index) => write!(
                f,
                "slot {index} was left in the middle of a change by a thread that is gone: make it whole with \
                 `PerCpu::recover`"
            ),
            Self::NotAbandoned(index) => write!(f, "slot {index} is not abandoned: use `exclusive`"),
            Self::NotAMember => f.write_str(
                "this process was forked and is no member of the shared slots: make them with room for more processes",
            ),
        }
    }
}

impl core::error::Error for ExclusiveError {}

impl<T> PerCpu<T> {
    /// Makes a slot for each possible CPU, each item by `init` with the CPU's number. Not for signal handlers.
    ///
    /// # Panics
    /// If there is no memory; see [`try_new`](Self::try_new).
    #[must_use]
    #[track_caller]
    pub fn new(init: impl FnMut(u32) -> T) -> Self {
        or_panic(Self::make(init))
    }

    /// [`new`](Self::new), for programs that go on without memory.
    ///
    /// # Errors
    /// [`AllocError`] if the system has none.
    pub fn try_new(init: impl FnMut(u32) -> T) -> Result<Self, AllocError> {
        Self::make(init)
    }
}

impl<T> PerCid<T> {
    /// As [`PerCpu::new`], with slots numbered by concurrency id.
    ///
    /// # Panics
    /// If there is no memory; see [`try_by_cid`](Self::try_by_cid).
    #[must_use]
    #[track_caller]
    pub fn by_cid(init: impl FnMut(u32) -> T) -> Self {
        or_panic(Self::make(init))
    }

    /// [`by_cid`](Self::by_cid), for programs that go on without memory.
    ///
    /// # Errors
    /// [`AllocError`] if the system has none.
    pub fn try_by_cid(init: impl FnMut(u32) -> T) -> Result<Self, AllocError> {
        Self::make(init)
    }
}

/// What was made, for whoever cannot go on without memory.
#[inline]
#[track_caller]
pub(crate) fn or_panic<T>(made: Result<T, AllocError>) -> T {
    match made {
        Ok(made) => made,
        Err(error) => panic!("{error}"),
    }
}

impl<T, I: Index> PerCpu<T, I> {
    const SHAPE: Shape = {
        assert!(align_of::<Slot<T, I>>() <= 4096, "an item of a PerCpu is aligned to a page at most");
        Shape { size: size_of::<Slot<T, I>>(), align: align_of::<Slot<T, I>>() }
    };
    const SHIFT: u32 = Self::SHAPE.shift();

    /// Makes the slots.
    pub(crate) fn make(mut init: impl FnMut(u32) -> T) -> Result<Self, AllocError> {
        const {
            assert!(
                size_of::<I::Gate>() > 0 || !core::mem::needs_drop::<T>(),
                "only a gate tells which items to drop"
            )
        };
        // Dropped if `init` panics: the slots that are open by then are those that are initialised.
        let slots = Self { base: stripes::allocate(Self::SHAPE)?, owns: PhantomData };
        for index in 0..slots.slots() {
            let slot = slots.at(index);
            // SAFETY: the slot is ours, its gate is closed, and its memory is writable.
            unsafe {
                (&raw mut (*slot).value).write(init(index));
                (*slot).gate.ready();
            }
        }
        Ok(slots)
    }

    /// Makes the slots, each item zero.
    ///
    /// # Safety
    /// All bytes zero must be a `T`.
    pub(crate) unsafe fn make_zeroed() -> Result<Self, AllocError> {
        let slots = Self { base: stripes::allocate(Self::SHAPE)?, owns: PhantomData };
        for index in 0..slots.slots() {
            // SAFETY: the slot is ours, and its memory is zero, which is an item.
            unsafe { (*slots.at(index)).gate.ready() };
        }
        Ok(slots)
    }

    /// The number of slots: one more than the highest possible CPU number.
    #[must_use]
    pub fn slots(&self) -> u32 {
        cpu::possible()
    }

    /// The number of the slot that a sequence of the calling thread would use now: a hint, as the thread may be moved the moment
    /// after. Async-signal-safe.
    #[inline]
    #[must_use]
    pub fn here(&self) -> u32 {
        let cid = if I::BY_CID && hooks::cpu().is_none() {
            Registered::current().and_then(Registered::mm_cid)
        } else {
            None
        };
        let here = cid.unwrap_or_else(cpu::current);
        // Only a system that is wrong about its possible CPUs has more.
        if here < self.slots() { here } else { here % self.slots() }
    }

    /// The item of slot `index`, for the operands of an [ops vector](crate::opv), or for reading single words with atomic loads while
    /// sequences change them; `None` if there is no such slot. Only addresses are computed. A word that is read so may not be changed
    /// through the reference that [`exclusive`](Self::exclusive) gives, except by atomics.
    #[must_use]
    pub fn item(&self, index: u32) -> Option<NonNull<T>> {
        if index >= self.slots() {
            return None;
        }
        // SAFETY: only an address inside a slot that lives as long as `self` is formed.
        NonNull::new(unsafe { &raw mut (*self.at(index)).value })
    }

    /// The items, slot by slot.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let this = &*self;
        // SAFETY: `&mut self` keeps everybody else out for as long as the iterator lives, which gives each item once.
        (0..this.slots()).filter_map(|index| this.item(index)).map(|mut item| unsafe { item.as_mut() })
    }

    /// The item of slot `index`, without a look at how many there are.
    ///
    /// # Safety
    /// There must be such a slot.
    #[inline]
    pub(crate) unsafe fn item_unchecked(&self, index: u32) -> NonNull<T> {
        // SAFETY: an address inside a slot that exists is not null.
        unsafe { NonNull::new_unchecked(&raw mut (*self.at(index)).value) }
    }

    #[inline]
    fn at(&self, index: u32) -> *mut Slot<T, I> {
        self.base.as_ptr().wrapping_add((index as usize) << Self::SHIFT).cast()
    }
}

impl<T, I: Index<Gate = Gate>> PerCpu<T, I> {
    /// Closes the gate of slot `index`, fences its CPU, and runs `f` on the item: from any thread, for any CPU, online or not.
    ///
    /// Signals are held back meanwhile, and sequences on that CPU wait; so be brief. About 0.3 µs for the CPU one runs on,
    /// 2 to 3 µs for another. If `f` panics the gate opens all the same. Async-signal-safe if `f` is.
    ///
    /// `f` may call `exclusive` on other slots; threads that do so in different orders can wait for each other, as with
    /// any lock. It must not fork: the child would own the slot under the parent's name. Nor should it wait for anything that a
    /// forking thread may hold (another library's fork handlers take the locks of malloc, for instance): a fork waits two seconds
    /// for owners, and then the child finds the slot abandoned.
    ///
    /// # Errors
    /// See [`ExclusiveError`]; `f` is not run then.
    pub fn exclusive<R>(&self, index: u32, f: impl FnOnce(&mut T) -> R) -> Result<R, ExclusiveError> {
        self.exclusive_ptr(index, Change::Several, |mut item| {
            hooks::plain();
            // SAFETY: the slot is ours while this runs (see `gate`). Whoever reads single words of it meanwhile, through
            // `item`, has promised that its words are not written through this reference.
            f(unsafe { item.as_mut() })
        })
    }

    /// Runs `f` on the item of a slot that is [abandoned](ExclusiveError::Abandoned), to make it whole, and opens its gate. Until then
    /// sequences on that slot panic, and the item is not dropped.
    ///
    /// # Errors
    /// [`ExclusiveError::NotAbandoned`], [`ExclusiveError::NoSuchSlot`], or [`ExclusiveError::Fence`]; `f` is not run then.
    ///
    /// # Safety
    /// The item must be a valid `T` at every instruction at which a closure of [`exclusive`](Self::exclusive) could have ended.
    pub unsafe fn recover<R>(&self, index: u32, f: impl FnOnce(&mut T) -> R) -> Result<R, ExclusiveError> {
        let mut item = self.item(index).ok_or(ExclusiveError::NoSuchSlot(index))?;
        // The gate is closed already, so the fence may come first: without one, the slot stays abandoned.
        Self::quiesce(index).map_err(ExclusiveError::Fence)?;
        // SAFETY: as in `exclusive_ptr`.
        let gate = unsafe { &(*self.at(index)).gate };
        let owned = Owned::acquire_abandoned(gate, Threads).ok_or(ExclusiveError::NotAbandoned(index))?;
        // SAFETY: as in `exclusive`; that it is valid is the caller's promise.
        let result = f(unsafe { item.as_mut() });
        drop(owned);
        Ok(result)
    }

    /// The items, slot by slot, without those of abandoned slots.
    pub(crate) fn into_items(self) -> impl Iterator<Item = T> {
        (0..self.slots()).filter_map(move |index| {
            let slot = self.at(index);
            // SAFETY: nobody else has the slots any more. An item is moved out once, as its gate is retired, which keeps it
            // from being dropped with the slots too.
            unsafe {
                (*slot).gate.is_ready().then(|| {
                    (*slot).gate.retire();
                    (&raw const (*slot).value).read()
                })
            }
        })
    }

    /// [`exclusive`](Self::exclusive) without a reference, for items of which other threads read words meanwhile, through
    /// [`item`](Self::item): to make a reference to such an item would be a data race.
    ///
    /// # Errors
    /// As there.
    pub fn exclusive_item<R>(
        &self,
        index: u32,
        f: impl FnOnce(NonNull<T>) -> R,
    ) -> Result<R, ExclusiveError> {
        self.exclusive_ptr(index, Change::Several, f)
    }

    /// [`exclusive_item`](Self::exclusive_item), for changes of each kind.
    pub(crate) fn exclusive_ptr<R>(
        &self,
        index: u32,
        change: Change,
        f: impl FnOnce(NonNull<T>) -> R,
    ) -> Result<R, ExclusiveError> {
        let item = self.item(index).ok_or(ExclusiveError::NoSuchSlot(index))?;
        // SAFETY: a slot of a possible CPU lives as long as `self`, and a gate is shared by design.
        let gate = unsafe { &(*self.at(index)).gate };
        let owned = Owned::acquire(gate, change).map_err(|refusal| refusal.of(index))?;
        Self::quiesce(index).map_err(ExclusiveError::Fence)?;
        hooks::touch(self.base.as_ptr(), self.at(index).cast(), size_of::<Slot<T, I>>());
        hooks::step("change the slot");
        let result = f(item);
        drop(owned);
        Ok(result)
    }

    /// Makes sure that no section which passed the gate of slot `index` before it closed is still under way.
    fn quiesce(index: u32) -> Result<(), fence::FenceError> {
        if I::BY_CID {
            hooks::step("fence all CPUs");
            // Which CPU runs the thread with this concurrency id cannot be told.
            return fence::quiesce(None);
        }
        // We run on that CPU ourselves, after the gate was closed: whoever ran there before us was preempted for it, and is
        // aborted when it goes on. The switch in the scheduler is the barrier.
        let here = hooks::cpu().or_else(|| Registered::current().map(Registered::cpu_id));
        if here == Some(index) {
            return Ok(());
        }
        hooks::step("fence the CPU");
        fence::quiesce(Some(index))
    }
}

// SAFETY: the slots come from `stripes` with `SHAPE`, whose reservation covers the guards and every number below
// `cpu::bound()`; gate and value are laid out by `Slot`.
unsafe impl<T, I: Index<Gate = Gate>> Slots for PerCpu<T, I> {
    type Item = T;
    const SHIFT: u32 = Self::SHIFT;
    const BY_CID: bool = I::BY_CID;
    const GATED: bool = true;
    const VALUE_OFFSET: usize = offset_of!(Slot<T, I>, value);

    #[inline]
    fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }
}

impl<T, I: Index<Gate = Gate>> Protected for PerCpu<T, I> {
    #[track_caller]
    fn protected<R>(&self, f: impl FnOnce(*mut T, u32, u32) -> R) -> R {
        let index = self.here();
        // A section's CPU, which is not the number of its slot if that is a concurrency id.
        let cpu = if I::BY_CID { cpu::current() } else { index };
        match self.exclusive_ptr(index, Change::Single, |item| f(item.as_ptr(), index, cpu)) {
            Ok(result) => result,
            Err(error) => panic!("a sequence cannot take its slow path: {error}"),
        }
    }
}

impl<T, I: Index> Drop for PerCpu<T, I> {
    fn drop(&mut self) {
        for index in 0..self.slots() {
            let slot = self.at(index);
            // SAFETY: nobody else has the slots any more. A gate that is closed belongs to an item whose `init` panicked, or
            // which was not reached.
            unsafe {
                if (*slot).gate.is_ready() {
                    (*slot).gate.retire();
                    (&raw mut (*slot).value).drop_in_place();
                }
            }
        }
        // SAFETY: allocated with this shape, and every gate is retired.
        unsafe { stripes::free(self.base, Self::SHAPE) };
    }
}

impl<T, I: Index> core::fmt::Debug for PerCpu<T, I> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PerCpu").field("slots", &self.slots()).finish_non_exhaustive()
    }
}
