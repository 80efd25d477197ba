//! The thread block: what each thread knows about its registration.

use core::cell::{Cell, UnsafeCell};
use core::marker::PhantomData;
use core::ptr::NonNull;

use perseq_abi::{CPU_ID_UNINITIALIZED, Feature, Rseq};

use crate::arch;

/// Bytes for an area of our own. The kernel takes any length from 32 on that holds all its fields; when
/// those outgrow this room, 32 are registered, which every kernel accepts. It comes out of the little static
/// thread-local storage that dlopen has to give, hence not more.
pub(crate) const OWN_ROOM: usize = 192;

/// An area that no thread is registered with: every thread's first. Threads store `rseq_cs` here and read it never.
#[repr(transparent)]
#[derive(Debug)]
pub struct Unregistered(UnsafeCell<Rseq>);

// SAFETY: the only field that is ever written is `rseq_cs`, by single stores of sections that are then refused, and
// nobody reads it; the others are constant.
unsafe impl Sync for Unregistered {}

/// See [`Unregistered`].
pub static UNREGISTERED: Unregistered = Unregistered(UnsafeCell::new(Rseq {
    cpu_id_start: UNREGISTERED_START,
    mm_cid: CPU_ID_UNINITIALIZED as u32,
    ..Rseq::unregistered()
}));

/// `cpu_id_start` there: the most negative number, so that whatever is added to the slot it leads to, the sum is negative as
/// an address of 64 bits; where addresses have 32, sections look at the number itself. (The kernel never writes a negative number
/// into that field.)
const UNREGISTERED_START: u32 = 1 << 31;

impl Unregistered {
    pub(crate) fn area(&self) -> *mut Rseq {
        self.0.get()
    }
}

/// One per thread, in thread-local storage that `arch` defines. Sections read the first two words by their offsets.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct ThreadBlock {
    /// The area that the kernel knows for this thread, or [`UNREGISTERED`].
    pub(crate) area: Cell<*mut Rseq>,
    /// Offset in `area` of the word that numbers slots by concurrency id: `mm_cid`, or `cpu_id` where the kernel has no
    /// concurrency ids. Set before `area` is, and the same ever after.
    pub(crate) index: Cell<usize>,
    /// `0`, or the [`Reason`](super::Reason) why this thread will not be registered.
    pub(crate) refused: Cell<u8>,
    /// Whether this thread may ask for time slice extensions.
    pub(crate) slice: Cell<Slice>,
    /// How many slots this thread holds exclusively at the moment.
    pub(crate) exclusive_depth: Cell<u32>,
    /// Our own area, if we register one.
    pub(crate) own: OwnArea,
}

/// What a thread knows about the time slice extension.
#[cfg_attr(any(not(target_os = "linux"), miri), allow(dead_code, reason = "there is no kernel to ask"))]
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slice {
    /// The kernel has not been asked. (A thread block begins as zeros, but for its area.)
    Unknown = 0,
    Enabled,
    Unavailable,
}

#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct OwnArea(pub(crate) UnsafeCell<[u8; OWN_ROOM]>);

const _: () = {
    assert!(core::mem::offset_of!(ThreadBlock, area) == 0);
    assert!(core::mem::offset_of!(ThreadBlock, index) == size_of::<usize>());
};

/// Proof that the calling thread is registered, and access to what the kernel writes in its area.
///
/// ```
/// use perseq::registration::Registered;
///
/// if let Some(me) = Registered::current() {
///     println!("CPU {}, node {:?}", me.cpu_id(), me.node_id());
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Registered {
    area: NonNull<Rseq>,
    /// The area belongs to one thread.
    not_send: PhantomData<*const ()>,
}

impl Registered {
    /// The calling thread's registration; registers it if that is still to be done and possible. `None` where
    /// restartable sequences are not available to this thread; [`status()`](crate::status()) says why. Async-signal-safe.
    #[must_use]
    pub fn current() -> Option<Self> {
        if !super::adopt() {
            return None;
        }
        Some(Self { area: NonNull::new(arch::thread_area())?, not_send: PhantomData })
    }

    /// The CPU that the thread runs on, as of this moment: one load. Async-signal-safe.
    #[inline]
    #[must_use]
    pub fn cpu_id(self) -> u32 {
        // SAFETY: the area lives as long as the thread, which cannot have changed. Volatile, because the kernel
        // writes it between any two instructions.
        unsafe { (&raw const (*self.area.as_ptr()).cpu_id).read_volatile() }
    }

    /// The NUMA node of that CPU, where the kernel maintains it (Linux 6.3). Async-signal-safe.
    #[inline]
    #[must_use]
    pub fn node_id(self) -> Option<u32> {
        // SAFETY: as in `cpu_id`.
        super::has(Feature::NodeId)
            .then(|| unsafe { (&raw const (*self.area.as_ptr()).node_id).read_volatile() })
    }

    /// The thread's concurrency id, where the kernel maintains it (Linux 6.3): unique among the threads of the process
    /// that run at this moment, and smaller than both their number and the number of CPUs. Async-signal-safe.
    #[inline]
    #[must_use]
    pub fn mm_cid(self) -> Option<u32> {
        // SAFETY: as in `cpu_id`.
        super::has(Feature::MmCid)
            .then(|| unsafe { (&raw const (*self.area.as_ptr()).mm_cid).read_volatile() })
    }

    /// Address of the area.
    #[must_use]
    pub fn area(self) -> NonNull<Rseq> {
        self.area
    }
}

const _: () = assert!(CPU_ID_UNINITIALIZED == -1, "slot -1 is where unregistered threads end up");
