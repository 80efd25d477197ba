//! The operations that users of librseq know, under the names they have there, on the slots of a [`PerCpu`] or a
//! [`PerCid`](crate::PerCid).
//!
//! An operation is a sequence whose steps its name lists; *cbne* is "leave if not equal", *cbeq* "leave if equal". Its caller
//! has looked up before which slot is the thread's ([`PerCpu::here`]), and passes that number with pointers to what belongs to it;
//! the section makes sure that it still is. For something new, [`sequence!`](crate::sequence) is shorter to use: there the
//! section finds its slot itself, and nothing is left to retry.
//!
//! | in librseq, after `rseq_` | here | what the section does |
//! |---|---|---|
//! | `load_cbne_store__ptr` | [`load_cbne_store`] | leave if `*v != expect`; commit `*v = newv` |
//! | `load_cbeq_store_add_load_store__ptr` | [`load_cbeq_store_add_load_store`] | `p = *v`; leave if `p == expectnot`; stage `*load = p`; commit `*v = *(p + voffp)` |
//! | `load_add_store__ptr` | [`load_add_store`] | commit `*v = *v + count` |
//! | `load_add_load_load_add_store__ptr` | [`load_add_load_load_add_store`] | `p = *(*ptr + off)`; commit `*p = *p + inc` |
//! | `load_cbne_store_store__ptr` | [`load_cbne_store_store`] | leave if `*v != expect`; stage `*v2 = newv2`; commit `*v = newv` |
//! | `load_cbne_load_cbne_store__ptr` | [`load_cbne_load_cbne_store`] | leave if `*v != expect` or `*v2 != expect2`; commit `*v = newv` |
//! | `load_cbne_memcpy_store__ptr` | [`load_cbne_memcpy_store`] | leave if `*v != expect`; copy `len` bytes from `src` to `dst`; commit `*v = newv` |
//!
//! | in librseq | here |
//! |---|---|
//! | `RSEQ_PERCPU_CPU_ID`, `RSEQ_PERCPU_MM_CID` | the type of the slots: [`PerCpu`], [`PerCid`](crate::PerCid) |
//! | `rseq_cpu_start()`, `rseq_current_mm_cid()` | [`PerCpu::here`], for both |
//! | `RSEQ_MO_RELAXED`, `RSEQ_MO_RELEASE` (of two operations only) | [`Relaxed`], [`Release`], of every operation |
//! | 0, 1, −1 | [`Outcome::Committed`], [`Outcome::CompareFailed`], [`Outcome::Aborted`] |
//! | −1 for ever where rseq is missing, or the order is not supported | the operation is done; see below |
//!
//! # When to retry
//! [`Outcome::Aborted`] says that the number passed is not that of the thread's slot (any more), and nothing else: look it up again and
//! retry. A section that was only interrupted is attempted again by the operation itself, which then takes the slow path
//! of every sequence: the same steps under the gate of the slot. So it works where restartable sequences do not, and on a
//! thread that is not registered. A thread that is moved each time would retry for ever; so bound the loop, and then use
//! [`PerCpu::exclusive`], which works from anywhere.
//!
//! ```
//! use perseq::ops::{self, Outcome, Relaxed};
//! use perseq::{ExclusiveError, PerCpu};
//! use std::mem::offset_of;
//! use std::sync::atomic::{AtomicIsize, Ordering};
//!
//! struct Node { next: isize, value: u32 }
//! struct Mine { top: AtomicIsize, pushes: AtomicIsize }
//! const TRIES: u32 = 16;
//!
//! /// The first word of slot `here`, and the second.
//! fn words(slots: &PerCpu<Mine>, here: u32) -> [*mut isize; 2] {
//!     let mine = slots.item(here).expect("a slot").as_ptr();
//!     [offset_of!(Mine, top), offset_of!(Mine, pushes)].map(|at| mine.wrapping_byte_add(at).cast())
//! }
//!
//! /// # Safety
//! /// `node` is valid and in no list.
//! unsafe fn push(slots: &PerCpu<Mine>, node: *mut Node) -> Result<(), ExclusiveError> {
//!     for _ in 0..TRIES {
//!         let here = slots.here();
//!         let [top, _] = words(slots, here);
//!         // SAFETY: a word of a slot, which sections write with single stores; the node is ours until the commit.
//!         let outcome = unsafe {
//!             let expect = AtomicIsize::from_ptr(top).load(Ordering::Relaxed);
//!             (*node).next = expect;
//!             ops::load_cbne_store(slots, Relaxed, top, expect, node as isize, here)
//!         };
//!         if outcome == Outcome::Committed {
//!             return Ok(());
//!         }
//!     }
//!     slots.exclusive(slots.here(), |mine| {
//!         // SAFETY: the node is still ours.
//!         unsafe { (*node).next = mine.top.load(Ordering::Relaxed) };
//!         mine.top.store(node as isize, Ordering::Relaxed);
//!     })
//! }
//!
//! /// # Safety
//! /// Every node in the list is valid.
//! unsafe fn pop(slots: &PerCpu<Mine>) -> Result<*mut Node, ExclusiveError> {
//!     let next = offset_of!(Node, next) as isize;
//!     for _ in 0..TRIES {
//!         let (here, mut node) = (slots.here(), 0);
//!         let [top, _] = words(slots, here);
//!         // SAFETY: a word of the slot, which is 0 or the address of a node.
//!         let outcome = unsafe {
//!             ops::load_cbeq_store_add_load_store(slots, Relaxed, top, 0, next, &raw mut node, here)
//!         };
//!         match outcome {
//!             Outcome::Committed => return Ok(node as *mut Node),
//!             Outcome::CompareFailed => return Ok(std::ptr::null_mut()),
//!             Outcome::Aborted => {}
//!         }
//!     }
//!     slots.exclusive(slots.here(), |mine| {
//!         let node = mine.top.load(Ordering::Relaxed) as *mut Node;
//!         // SAFETY: as above.
//!         if let Some(node) = unsafe { node.as_ref() } {
//!             mine.top.store(node.next, Ordering::Relaxed);
//!         }
//!         node
//!     })
//! }
//!
//! fn count(slots: &PerCpu<Mine>) -> Result<(), ExclusiveError> {
//!     for _ in 0..TRIES {
//!         let here = slots.here();
//!         let [_, pushes] = words(slots, here);
//!         // SAFETY: a word of the slot.
//!         let outcome = unsafe { ops::load_add_store(slots, Relaxed, pushes, 1, here) };
//!         if outcome == Outcome::Committed {
//!             return Ok(());
//!         }
//!     }
//!     slots.exclusive(slots.here(), |mine| *mine.pushes.get_mut() += 1)
//! }
//!
//! let slots = PerCpu::new(|_cpu| Mine { top: 0.into(), pushes: 0.into() });
//! let mut node = Node { next: 0, value: 7 };
//! // SAFETY: the node outlives the list.
//! unsafe {
//!     push(&slots, &raw mut node)?;
//!     count(&slots)?;
//!     let popped = pop(&slots)?; // null only if the thread moved to another CPU in between
//!     assert!(popped.is_null() || (*popped).value == 7);
//! }
//! # Ok::<(), ExclusiveError>(())
//! ```
//!
//! # Safety
//! Whoever calls one of these operations with the number `cpu` promises this:
//! - What `v`, `v2`, `dst` and the like point to, and what the operation finds by following them, is valid and aligned.
//! - All of it belongs to slot `cpu` of these slots, in it or elsewhere: only operations and sequences on that slot, its owner, and
//!   single atomic loads touch it. What is staged, nobody looks at before the commit; `load` is the caller's own.
//!
//! If `cpu` is not the thread's slot, nothing is touched, so there the pointers may be anything.
//!
//! All of them are async-signal-safe. They panic if the calling thread owns the slot already: see [`PerCpu::exclusive`].
//!
//! # Ordering
//! Operations on one slot are ordered by the scheduler and the gate, as all sequences are, so among them [`Relaxed`] suffices. With
//! [`Release`], whoever on another CPU reads the committed word with acquire sees all that the thread stored before: what the section
//! staged, and what came before it.

use crate::percpu::GatedIndex;
use crate::{PerCpu, sequence};

/// What became of an operation.
#[must_use = "an operation may not have been done"]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done: the word has its new value.
    Committed,
    /// A compare sent it away. The word is as it was; what is staged may have been, by an attempt that was aborted.
    CompareFailed,
    /// The thread was not in the slot that the caller said. As above.
    Aborted,
}

/// How a commit is ordered: [`Relaxed`] or [`Release`].
pub trait Order: sealed::Sealed {
    #[doc(hidden)]
    const RELEASE: bool;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Relaxed {}
    impl Sealed for super::Release {}
}

/// A commit that orders nothing for readers on other CPUs.
#[derive(Clone, Copy, Debug)]
pub struct Relaxed;

/// A commit that is seen on other CPUs only with all that was stored before it.
#[derive(Clone, Copy, Debug)]
pub struct Release;

impl Order for Relaxed {
    const RELEASE: bool = false;
}

impl Order for Release {
    const RELEASE: bool = true;
}

sequence! {
    /// Stores `newv` to `*v` if that is `expect`.
    ///
    /// # Safety
    /// As in the [module](self#safety).
    #[expect(unused_variables, reason = "an order is a type")]
    pub unsafe fn load_cbne_store<T, I: GatedIndex, O: Order>(
        slots: &PerCpu<T, I>,
        order: O,
        v: *mut isize,
        expect: isize,
        newv: isize,
        cpu: u32,
    ) -> Outcome {
        let here: u32 = slot_number();
        if here != cpu { return Outcome::Aborted; }
        let found: isize = *v;
        if found != expect { return Outcome::CompareFailed; }
        commit(release if O::RELEASE) *v = newv;
        Outcome::Committed
    }

    /// Follows a link, as a pop from a list does: unless `*v` is `expectnot`, stores it to `*load`, and to `*v` the word that is `voffp`
    /// bytes behind where it points to.
    ///
    /// # Safety
    /// As in the [module](self#safety).
    #[expect(unused_variables, reason = "an order is a type")]
    pub unsafe fn load_cbeq_store_add_load_store<T, I: GatedIndex, O: Order>(
        slots: &PerCpu<T, I>,
        order: O,
        v: *mut isize,
        expectnot: isize,
        voffp: isize,
        load: *mut isize,
        cpu: u32,
    ) -> Outcome {
        let here: u32 = slot_number();
        if here != cpu { return Outcome::Aborted; }
        let found: isize = *v;
        if found == expectnot { return Outcome::CompareFailed; }
        stage *load = found;
        let link: *const isize = (found + voffp) as *const isize;
        let next: isize = *link;
        commit(release if O::RELEASE) *v = next;
        Outcome::Committed
    }

    /// Adds `count` to `*v`, modulo the width of a word.
    ///
    /// # Safety
    /// As in the [module](self#safety).
    #[expect(unused_variables, reason = "an order is a type")]
    pub unsafe fn load_add_store<T, I: GatedIndex, O: Order>(
        slots: &PerCpu<T, I>,
        order: O,
        v: *mut isize,
        count: isize,
        cpu: u32,
    ) -> Outcome {
        let here: u32 = slot_number();
        if here != cpu { return Outcome::Aborted; }
        let found: isize = *v;
        commit(release if O::RELEASE) *v = found + count;
        Outcome::Committed
    }

    /// Adds `inc`, modulo the width of a word, to the word to which a pointer leads that is `off` bytes behind where `*ptr` points to.
    ///
    /// # Safety
    /// As in the [module](self#safety).
    #[expect(unused_variables, reason = "an order is a type")]
    pub unsafe fn load_add_load_load_add_store<T, I: GatedIndex, O: Order>(
        slots: &PerCpu<T, I>,
        order: O,
        ptr: *mut isize,
        off: isize,
        inc: isize,
        cpu: u32,
    ) -> Outcome {
        let here: u32 = slot_number();
        if here != cpu { return Outcome::Aborted; }
        let start: isize = *ptr;
        let pointer: *const isize = (start + off) as *const isize;
        let address: isize = *pointer;
        let word: *mut isize = address as *mut isize;
        let found: isize = *word;
        commit(release if O::RELEASE) *word = found + inc;
        Outcome::Committed
    }

    /// Stages `newv2` at `*v2` and stores `newv` to `*v` if that is `expect`.
    ///
    /// # Safety
    /// As in the [module](self#safety).
    #[expect(unused_variables, reason = "an order is a type")]
    #[expect(clippy::too_many_arguments, reason = "librseq has as many")]
    pub unsafe fn load_cbne_store_store<T, I: GatedIndex, O: Order>(
        slots: &PerCpu<T, I>,
        order: O,
        v: *mut isize,
        expect: isize,
        v2: *mut isize,
        newv2: isize,
        newv: isize,
        cpu: u32,
    ) -> Outcome {
        let here: u32 = slot_number();
        if here != cpu { return Outcome::Aborted; }
        let found: isize = *v;
        if found != expect { return Outcome::CompareFailed; }
        stage *v2 = newv2;
        commit(release if O::RELEASE) *v = newv;
        Outcome::Committed
    }

    /// Stores `newv` to `*v` if that is `expect` and `*v2` is `expect2`.
    ///
    /// # Safety
    /// As in the [module](self#safety).
    #[expect(unused_variables, reason = "an order is a type")]
    #[expect(clippy::too_many_arguments, reason = "librseq has as many")]
    pub unsafe fn load_cbne_load_cbne_store<T, I: GatedIndex, O: Order>(
        slots: &PerCpu<T, I>,
        order: O,
        v: *mut isize,
        expect: isize,
        v2: *mut isize,
        expect2: isize,
        newv: isize,
        cpu: u32,
    ) -> Outcome {
        let here: u32 = slot_number();
        if here != cpu { return Outcome::Aborted; }
        let found: isize = *v;
        if found != expect { return Outcome::CompareFailed; }
        let found2: isize = *v2;
        if found2 != expect2 { return Outcome::CompareFailed; }
        commit(release if O::RELEASE) *v = newv;
        Outcome::Committed
    }

    /// [`load_cbne_memcpy_store`], with its parameters in memory: so many registers are not to be had.
    ///
    /// # Safety
    /// As there.
    unsafe fn memcpy_store<T, I: GatedIndex, O: Order>(slots: &PerCpu<T, I>, call: *mut Memcpy) -> Outcome {
        let here: u32 = slot_number();
        let cpu: u32 = (*call).cpu;
        if here != cpu { return Outcome::Aborted; }
        let v: *mut isize = (*call).v;
        let expect: isize = (*call).expect;
        let found: isize = *v;
        if found != expect { return Outcome::CompareFailed; }
        let dst: *mut u8 = (*call).dst;
        let src: *const u8 = (*call).src;
        let len: usize = (*call).len;
        copy(dst, src, len);
        let newv: isize = (*call).newv;
        commit(release if O::RELEASE) *v = newv;
        Outcome::Committed
    }
}

/// The parameters of [`load_cbne_memcpy_store`].
struct Memcpy {
    v: *mut isize,
    expect: isize,
    dst: *mut u8,
    src: *const u8,
    len: usize,
    newv: isize,
    cpu: u32,
}

/// Copies `len` bytes from `src` to `dst` and stores `newv` to `*v` if that is `expect`. The copy is a part of the section: the longer it is, the
/// more often it is interrupted.
///
/// # Safety
/// As in the [module](self#safety). The ranges do not overlap, and nobody writes to that of `src`, which may be the caller's own.
#[inline]
#[expect(unused_variables, reason = "an order is a type")]
#[expect(clippy::too_many_arguments, reason = "librseq has as many")]
pub unsafe fn load_cbne_memcpy_store<T, I: GatedIndex, O: Order>(
    slots: &PerCpu<T, I>,
    order: O,
    v: *mut isize,
    expect: isize,
    dst: *mut u8,
    src: *const u8,
    len: usize,
    newv: isize,
    cpu: u32,
) -> Outcome {
    let mut call = Memcpy { v, expect, dst, src, len, newv, cpu };
    // SAFETY: the caller's promise; the call is on our stack until it returns.
    unsafe { memcpy_store::<T, I, O>(slots, &raw mut call) }
}
