//! [`SharedPerCpu<T>`]: slots that several processes share.
//!
//! Sections of different processes are atomic on a CPU just as those of different threads are: the kernel aborts a section that is
//! preempted, whoever runs next. So the slots of a file that several processes have mapped take the same sequences, for the same
//! price. What is different is how a slot is owned:
//!
//! - A gate names its owner by process and thread. Whether another process is alive is told by a lock on the file ([`locks`]); the gate of one
//!   that is gone is taken over, which is safe where a sequence's slow path had it, since that changes its slot by one store;
//!   and else the slot is abandoned.
//! - The fence is a visit to the CPU (sched_setaffinity(2)), as membarrier rseq reaches one process only. While the caller is there nobody else
//!   is, and who was, is aborted when he goes on. Of a CPU that is busy with others a visit takes some milliseconds; on the caller's own
//!   CPU none is needed.
//!
//! A process that is killed at any instruction leaves every slot consistent: what its sequence staged was seen by nobody.
//!
//! Invariant: that of [`PerCpu`](crate::PerCpu), over the threads of all members.
//!
//! Members trust each other: each can write to the memory.

mod error;
#[doc(hidden)]
pub mod file;
#[doc(hidden)]
pub mod locks;
mod member;

use core::ffi::CStr;
use core::marker::PhantomData;
use core::mem::offset_of;
use core::ptr::NonNull;

use rustix::fd::OwnedFd;

use crate::percpu::{Change, ExclusiveError, Gate, Head, Owned, Slot};
use crate::section::{Protected, Slots};
use crate::{ByCpu, cpu, fence};
pub use error::SharedError;
use file::{Map, Shape};
use member::Members;
pub use member::Membership;

/// What can lie in memory that several processes share.
///
/// # Safety
/// Bytes that are all zero are one; it means the same at any address and in any process, so it holds no pointers and no references; and whoever of
/// the members drops it need not do anything.
pub unsafe trait Shareable: Sized {
    /// A number for this type, and this version of it: a process that knows another does not join. Size and alignment are compared anyway.
    const LAYOUT: u64;
}

// SAFETY: it has no bytes.
unsafe impl Shareable for () {
    const LAYOUT: u64 = 0;
}

/// A `T` for each possible CPU in memory that several processes share, and a `C` that is common to all CPUs.
///
/// This process is a member until this is dropped, or it ends, executes another program or is killed. The child of a fork becomes a
/// member of its own. All items are zero at first.
///
/// ```
/// use perseq::sequence;
/// use perseq::shared::{Shareable, SharedPerCpu};
///
/// #[repr(C)]
/// struct Hits { count: u64 }
///
/// // SAFETY: a number, of which zero is one.
/// unsafe impl Shareable for Hits {
///     const LAYOUT: u64 = 1;
/// }
///
/// sequence! {
///     fn hit(hits: &SharedPerCpu<Hits>) {
///         let count: u64 = hits.count;
///         commit hits.count = count + 1;
///     }
/// }
///
/// let hits = SharedPerCpu::<Hits>::memfd(8)?; // for up to eight processes
/// // Another process joins by the file, which it inherits or is sent; here, as if it were another:
/// let others = SharedPerCpu::<Hits>::join(hits.file())?;
/// hit(&hits);
/// hit(&others);
/// let mut sum = 0;
/// for cpu in 0..hits.slots() {
///     sum += hits.exclusive(cpu, |hits| hits.count)?;
/// }
/// assert_eq!(sum, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SharedPerCpu<T: Shareable, C: Shareable = ()> {
    /// That of slot 0, which stays: a section needs nothing else.
    base: NonNull<u8>,
    membership: Membership,
    holds: PhantomData<(T, C)>,
}

// SAFETY: as `PerCpu`; and what is shared with other processes means nothing to them of this process's.
unsafe impl<T: Shareable + Send, C: Shareable + Send + Sync> Send for SharedPerCpu<T, C> {}
// SAFETY: items are reached by one party at a time, the common part by all, who share it.
unsafe impl<T: Shareable + Send, C: Shareable + Send + Sync> Sync for SharedPerCpu<T, C> {}

impl<T: Shareable, C: Shareable> SharedPerCpu<T, C> {
    const SHAPE: Shape = {
        let (slot, common) = (size_of::<Slot<T, ByCpu>>(), size_of::<C>());
        assert!(slot <= 1 << 30 && common <= 1 << 30, "an item that is shared has 1 GiB at most");
        assert!(align_of::<Slot<T, ByCpu>>() <= 4096, "an item that is shared is aligned to a page at most");
        assert!(align_of::<C>() <= 128, "what is common to shared slots is aligned to 128 bytes at most");
        Shape {
            layout: T::LAYOUT ^ C::LAYOUT.rotate_left(32),
            slot: slot as u32,
            common: common as u32,
            shift: crate::percpu::shift::<T>(),
            most: member::MAX,
            welcome: |_, _| (),
            moves: false,
        }
    };

    /// Makes slots for up to `members` processes in an anonymous file, and joins them.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn memfd(members: u32) -> Result<Self, SharedError> {
        Membership::memfd(Self::SHAPE, members, Self::open_gates).map(Self::of)
    }

    /// Makes slots for up to `members` processes in a new file, which only this user may open, and joins them. On a file system in memory, for
    /// instance below `/dev/shm`. Who makes the file shorter while it is used has its members killed by SIGBUS, and so has a file system that is
    /// full.
    ///
    /// # Errors
    /// [`SharedError`]; an existing file is one.
    pub fn create(path: &CStr, members: u32) -> Result<Self, SharedError> {
        Membership::create(path, Self::SHAPE, members, Self::open_gates).map(Self::of)
    }

    /// Joins the slots in a file. That needs `/proc`: each member opens the file anew, for a description of its own.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn open(path: &CStr) -> Result<Self, SharedError> {
        Membership::open(path, Self::SHAPE).map(Self::of)
    }

    /// Joins the slots in the file that is open under this number; the caller may close it.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn join(file: i32) -> Result<Self, SharedError> {
        Membership::join(file, Self::SHAPE).map(Self::of)
    }

    /// Of slots that nobody else has yet.
    fn open_gates(map: &Map, _file: &OwnedFd) -> Result<(), SharedError> {
        for index in 0..cpu::possible() {
            // SAFETY: a slot of the mapping, whose item is zero.
            unsafe { (*Self::slot(map.slots(), index)).gate.ready() };
        }
        Ok(())
    }

    fn of(membership: Membership) -> Self {
        Self { base: membership.map().slots(), membership, holds: PhantomData }
    }

    fn slot(base: NonNull<u8>, index: u32) -> *mut Slot<T, ByCpu> {
        base.as_ptr().wrapping_add((index as usize) << Self::SHAPE.shift).cast()
    }

    /// What is common to all CPUs.
    #[must_use]
    pub fn common(&self) -> &C {
        // SAFETY: it is mapped as long as `self` is there, aligned, and at first zero, which is one. Members share it.
        unsafe { self.membership.map().common().cast().as_ref() }
    }

    /// The number of slots: one more than the highest possible CPU number.
    #[must_use]
    pub fn slots(&self) -> u32 {
        cpu::possible()
    }

    /// The item of slot `index`, as [`PerCpu::item`](crate::PerCpu::item).
    #[must_use]
    pub fn item(&self, index: u32) -> Option<NonNull<T>> {
        if index >= self.slots() {
            return None;
        }
        // SAFETY: only an address inside a slot that lives as long as `self` is formed.
        NonNull::new(unsafe { &raw mut (*Self::slot(self.base, index)).value })
    }

    /// Allocates the memory of the first bytes of an item now, and maps it: where there is none left, it is better to know than to be killed by SIGBUS later.
    ///
    /// # Errors
    /// [`SharedError::System`], with ENOSPC or ENOMEM if there is not so much.
    pub fn allocate(&self, index: u32, bytes: usize) -> Result<(), SharedError> {
        let bytes = bytes.min(size_of::<T>());
        match index < self.slots() {
            true => {
                self.membership.allocate(u64::from(index) << Self::SHAPE.shift, Self::VALUE_OFFSET + bytes)
            }
            false => Ok(()),
        }
    }

    /// Gives back the memory of an item from its byte `from` on: it reads as zero. For what nobody needs any more, while processes that
    /// have it mapped still live.
    ///
    /// # Safety
    /// Zeros must be as good as what is there, to all members.
    ///
    /// # Errors
    /// [`SharedError::System`]; file systems in memory can do it.
    pub unsafe fn discard(&self, index: u32, from: usize) -> Result<(), SharedError> {
        let size = size_of::<T>();
        match index < self.slots() && from < size {
            true => {
                let at = (u64::from(index) << Self::SHAPE.shift) + (Self::VALUE_OFFSET + from) as u64;
                self.membership.discard(at, size - from)
            }
            false => Ok(()),
        }
    }

    /// Gives the descriptors back, for slots that nobody needs any more, but that threads may be about to use: nobody can join by
    /// [`file`](Self::file) then, and the child of a fork is no member of its own.
    #[doc(hidden)]
    pub fn close_files(&self) {
        self.membership.close_files();
    }

    /// Which member this process is, and whether others are alive.
    #[must_use]
    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    /// The number of the file, for [`join`](Self::join) in another process.
    #[must_use]
    pub fn file(&self) -> i32 {
        self.membership.file()
    }

    /// How many processes can be members.
    #[must_use]
    pub fn members(&self) -> u32 {
        self.membership.map().members()
    }

    /// As [`PerCpu::exclusive`](crate::PerCpu::exclusive), among the threads of all members. On another CPU that is busy it takes some
    /// milliseconds: the calling thread goes there.
    ///
    /// # Errors
    /// As there; [`ExclusiveError::NotAMember`]. A slot whose owner was killed in the middle of such a change is
    /// [abandoned](ExclusiveError::Abandoned).
    pub fn exclusive<R>(&self, index: u32, f: impl FnOnce(&mut T) -> R) -> Result<R, ExclusiveError> {
        let (_owned, mut item) = self.own(index, Change::Several)?;
        // SAFETY: the slot is ours while this runs, as in `PerCpu::exclusive`.
        Ok(f(unsafe { item.as_mut() }))
    }

    /// As [`PerCpu::recover`](crate::PerCpu::recover), of a slot that any member has abandoned.
    ///
    /// # Errors
    /// As there; [`ExclusiveError::NotAMember`].
    ///
    /// # Safety
    /// As there.
    pub unsafe fn recover<R>(&self, index: u32, f: impl FnOnce(&mut T) -> R) -> Result<R, ExclusiveError> {
        let mut item = self.item(index).ok_or(ExclusiveError::NoSuchSlot(index))?;
        let members = Members::of(&self.membership).ok_or(ExclusiveError::NotAMember)?;
        fence::be_on(index).map_err(ExclusiveError::Fence)?;
        let owned = Owned::acquire_abandoned(self.gate(index), members);
        let owned = owned.ok_or(ExclusiveError::NotAbandoned(index))?;
        // SAFETY: as in `exclusive`; that it is valid is the caller's promise.
        let result = f(unsafe { item.as_mut() });
        drop(owned);
        Ok(result)
    }

    fn gate(&self, index: u32) -> &Gate {
        // SAFETY: a slot of a possible CPU lives as long as `self`, and a gate is shared by design.
        unsafe { &(*Self::slot(self.base, index)).gate }
    }

    /// As [`Protected::protected`], but with `other`, which nobody owns, where the slot cannot be had: it never panics.
    #[doc(hidden)]
    pub fn protected_or<R>(&self, other: *mut T, f: impl FnOnce(*mut T, u32, u32) -> R) -> R {
        let here = cpu::current() % self.slots();
        match self.own(here, Change::Single) {
            Ok((_owned, item)) => f(item.as_ptr(), here, here),
            Err(_) => f(other, here, here),
        }
    }

    /// The item of slot `index`, as long as that is owned.
    fn own(
        &self,
        index: u32,
        change: Change,
    ) -> Result<(Owned<'_, Members<'_>>, NonNull<T>), ExclusiveError> {
        let item = self.item(index).ok_or(ExclusiveError::NoSuchSlot(index))?;
        let members = Members::of(&self.membership).ok_or(ExclusiveError::NotAMember)?;
        let owned = Owned::acquire_among(self.gate(index), members, change);
        let owned = owned.map_err(|refusal| refusal.of(index))?;
        // After the gate was closed: whoever was in a section there is aborted when he goes on.
        fence::be_on(index).map_err(ExclusiveError::Fence)?;
        Ok((owned, item))
    }
}

impl<T: Shareable, C: Shareable> core::fmt::Debug for SharedPerCpu<T, C> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (slots, member) = (self.slots(), self.membership.member());
        f.debug_struct("SharedPerCpu").field("slots", &slots).field("member", &member).finish_non_exhaustive()
    }
}

// SAFETY: the slots lie in a mapping with guards below, and up to any number a CPU can have, all closed; gate and value are laid out by `Slot`.
unsafe impl<T: Shareable, C: Shareable> Slots for SharedPerCpu<T, C> {
    type Item = T;
    const SHIFT: u32 = Self::SHAPE.shift;
    const BY_CID: bool = false;
    const GATED: bool = true;
    const VALUE_OFFSET: usize = offset_of!(Slot<T, ByCpu>, value);

    #[inline]
    fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }
}

impl<T: Shareable, C: Shareable> Protected for SharedPerCpu<T, C> {
    #[track_caller]
    fn protected<R>(&self, f: impl FnOnce(*mut T, u32, u32) -> R) -> R {
        let here = cpu::current() % self.slots();
        match self.own(here, Change::Single) {
            Ok((_owned, item)) => f(item.as_ptr(), here, here),
            Err(error) => panic!("a sequence cannot take its slow path: {error}"),
        }
    }
}
