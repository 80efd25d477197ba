//! Ops vectors: up to 16 small operations that run at once on the data of any CPU, as the system call `cpu_opv` would have run them.
//!
//! That call was proposed for Linux together with restartable sequences, and was not merged. It ran compares, copies, additions and the
//! like in the kernel, undisturbed on the CPU that the caller names. A vector can do what a sequence cannot: change several words,
//! change those of another CPU (one that is offline too), and be put together at run time. Here it runs in user space:
//! under the gate of a slot, like [`PerCpu::exclusive`]. So it works wherever this crate does.
//!
//! ```
//! use perseq::opv::{Outcome, Vector};
//! use perseq::{PerCpu, sequence};
//! use std::ptr::null_mut;
//!
//! struct Node { next: *mut Node, value: u32 }
//! struct List { top: *mut Node, pushes: u64 }
//! // SAFETY: the nodes go where the list goes.
//! unsafe impl Send for List {}
//!
//! sequence! {
//!     /// # Safety
//!     /// Every node in the list is valid.
//!     unsafe fn pop(lists: &PerCpu<List>) -> *mut Node {
//!         let top: *mut Node = lists.top;
//!         if top.is_null() { return top; }
//!         let next: *mut Node = (*top).next;
//!         commit lists.top = next;
//!         top
//!     }
//! }
//!
//! /// Pushes a node to the list of *any* CPU, and counts that there; `false` if others were faster ten times.
//! ///
//! /// # Safety
//! /// `node` is valid and in no list.
//! unsafe fn push_to(lists: &PerCpu<List>, cpu: u32, node: *mut Node) -> Result<bool, perseq::opv::OpvError> {
//!     let list = lists.item(cpu).expect("a slot").as_ptr();
//!     for _ in 0..10 {
//!         // SAFETY: words of a slot, which sections access with single loads and stores; the node is ours until it is in the
//!         // list, and what else the vector touches is on our stack.
//!         unsafe {
//!             let (top, pushes) = (&raw mut (*list).top, &raw mut (*list).pushes);
//!             let expected = top.read_volatile();
//!             (*node).next = expected;
//!             let outcome = Vector::new()
//!                 .compare_eq(top, &raw const expected)
//!                 .copy(top, &raw const node)
//!                 .add(pushes, 1)
//!                 .run(lists, cpu)?;
//!             if outcome == Outcome::Done {
//!                 return Ok(true);
//!             }
//!         }
//!     }
//!     Ok(false)
//! }
//!
//! let lists = PerCpu::new(|_cpu| List { top: null_mut(), pushes: 0 });
//! for cpu in 0..lists.slots() {
//!     let node = Box::into_raw(Box::new(Node { next: null_mut(), value: cpu }));
//!     // SAFETY: a new node.
//!     assert!(unsafe { push_to(&lists, cpu, node) }?);
//! }
//! // SAFETY: nodes come from boxes, and whoever popped one has it alone.
//! let mine = unsafe { Box::from_raw(pop(&lists)) };
//! assert!(mine.value < lists.slots());
//! # for cpu in 0..lists.slots() {
//! #     let top = lists.exclusive(cpu, |list| list.top)?;
//! #     if !top.is_null() { drop(unsafe { Box::from_raw(top) }); }
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//! - The operations run in order. The first compare that fails ends the vector, and [`Outcome::CompareFailed`] says which it was. What
//!   operations before it have done *stays*.
//! - No sequence over the same slots, and no `exclusive`, comes between on the CPU of the slot. Threads on other CPUs
//!   may read single words meanwhile, and then see operations one by one.
//! - Operands of 1, 2, 4 or 8 bytes that are aligned to their length are read and written in one access. Others may be accessed in
//!   pieces, in any order.
//! - Signals are held back meanwhile. It is async-signal-safe, and needs no memory.
//! - An error leaves everything unchanged, for all is checked before the first operation runs: first the operations, then the slot, then
//!   whether the operands are there.
//!
//! # Operands that are not there
//! An operand that is unmapped, or cannot be read or written, when the vector begins is [`OpvError::Fault`], and no signal: also a page beyond the end
//! of a file, or one that a protection key forbids. The kernel is asked for each page, by a futex(2) that changes nothing (and that an
//! operand which is a futex itself may take for a spurious wake). Where it is not asked or does not answer, operands count as
//! there, and one that is not raises the signal it would raise in any code: on systems other than Linux, under Miri, or where a filter
//! forbids that call.
//!
//! That an operand stays until the vector has run is up to the caller. If another thread unmaps it in that moment, there is a signal; a handler
//! that does not return from it leaves the slot as its thread died in it ([`ExclusiveError::Abandoned`]).
//!
//! # What differs from the kernel patch
//! | there | here |
//! |---|---|
//! | atomic for all that runs on the CPU | for the sequences over the slots that the vector is run on, and their owners |
//! | the CPU by its number | the number of a slot, which is a concurrency id for a [`PerCid`](crate::PerCid) |
//! | EINVAL outside of the thread's affinity | any CPU; the thread is not moved |
//! | operands are looked at before the CPU | after it, if there are both errors |
//! | pages are pinned | asked for, see above |
//! | a page unmapped meanwhile is EFAULT | a signal |
//! | a copy between overlapping operands is undefined | as if through a buffer |
//! | 64 bits are two accesses on 32-bit machines | one |
//! | ENOMEM | needs no memory |
//! | `flags` | none |
//!
//! # How
//! Closing the gate and fencing the CPU makes the caller alone with the slot (see [`PerCpu::exclusive`]), so the operations are ordinary
//! code. The fence orders them after every section that passed the gate before, and the opening of the gate, a release, before every
//! section that passes it later. Between the two, a barrier of the compiler keeps the operations in order.

mod layout;
mod probe;
mod step;
mod vector;

use core::sync::atomic::{Ordering, compiler_fence};

use layout::Step;
pub use layout::{Address, Arguments, ArithmeticOp, BitwiseOp, CompareOp, CpuOp, MemcpyOp, ShiftOp};
pub use vector::Vector;

use crate::model::hooks;
use crate::percpu::Change;
use crate::section::{Arithmetic, Word};
use crate::{ExclusiveError, GatedIndex, PerCpu};

/// The most operations in a vector, `CPU_OP_VEC_LEN_MAX`.
pub const MAX_OPS: usize = 16;
/// The longest operand of a compare or a copy in bytes, `CPU_OP_DATA_LEN_MAX`.
pub const MAX_DATA: usize = 4096;
/// The most bytes in a vector, the sum of the lengths of its operations, `CPU_OP_VEC_DATA_LEN_MAX`: one long operation and 15 on words.
pub const MAX_TOTAL: usize = MAX_DATA + (MAX_OPS - 1) * 8;

/// A type that a vector compares and copies: an integer or a raw pointer, of 1, 2, 4 or 8 bytes.
pub trait Operand: Word {}

impl<T: Word> Operand for T {}

/// A type that a vector calculates with: an integer of 1, 2, 4 or 8 bytes.
pub trait Integer: Operand + Arithmetic {}

impl<T: Arithmetic> Integer for T {}

/// How far a vector came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// All operations were done.
    Done,
    /// The compare of this index failed. Those before it were done, it and those after it were not.
    CompareFailed(usize),
}

/// Why a vector did not run. Nothing is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpvError {
    /// There are more operations than [`MAX_OPS`].
    TooMany(usize),
    /// An operation has a number that none has.
    UnknownOperation {
        /// The index of the operation.
        index: usize,
        /// Its number.
        op: i32,
    },
    /// An operand is longer than [`MAX_DATA`], or one that is calculated with has not 1, 2, 4 or 8 bytes.
    BadLength {
        /// The index of the operation.
        index: usize,
        /// The length.
        len: u32,
    },
    /// A shift by as many bits as the operand has, or more.
    BadShift {
        /// The index of the operation.
        index: usize,
        /// The length of the operand in bytes.
        len: u32,
    },
    /// The operands together have more bytes than [`MAX_TOTAL`].
    TooLong(usize),
    /// The array of operations that was passed from C cannot be read.
    NoOperations,
    /// An operand cannot be read, or not written.
    Fault {
        /// The index of the operation, the first of such.
        index: usize,
        /// The operation says that this operand may fault.
        expected: bool,
    },
    /// The slot cannot be owned.
    Slot(ExclusiveError),
}

impl OpvError {
    /// What the system call would have returned, negated; EDEADLK, EOWNERDEAD and EPERM for what can only happen
    /// here: a vector inside `exclusive` of the same slot, a slot that is abandoned, and no fence.
    #[cfg(unix)]
    #[must_use]
    pub const fn errno(&self) -> i32 {
        match self {
            Self::TooMany(_)
            | Self::UnknownOperation { .. }
            | Self::BadLength { .. }
            | Self::BadShift { .. }
            | Self::TooLong(_)
            | Self::Slot(ExclusiveError::NoSuchSlot(_) | ExclusiveError::NotAbandoned(_)) => libc::EINVAL,
            Self::NoOperations | Self::Fault { expected: false, .. } => libc::EFAULT,
            Self::Fault { expected: true, .. } => libc::EAGAIN,
            Self::Slot(ExclusiveError::Reentrant(_)) => libc::EDEADLK,
            Self::Slot(ExclusiveError::Abandoned(_)) => libc::EOWNERDEAD,
            Self::Slot(ExclusiveError::Fence(_) | ExclusiveError::NotAMember) => libc::EPERM,
        }
    }
}

impl core::fmt::Display for OpvError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooMany(count) => write!(f, "{count} operations, where a vector has at most {MAX_OPS}"),
            Self::UnknownOperation { index, op } => {
                write!(f, "operation {index} has the unknown number {op}")
            }
            Self::BadLength { index, len } => {
                write!(f, "operation {index} cannot have a length of {len} bytes")
            }
            Self::BadShift { index, len } => {
                write!(f, "operation {index} shifts {len} bytes by as many bits as they have, or more")
            }
            Self::TooLong(total) => write!(f, "{total} bytes, where a vector touches at most {MAX_TOTAL}"),
            Self::NoOperations => f.write_str("the array of operations cannot be read"),
            Self::Fault { index, .. } => write!(f, "an operand of operation {index} cannot be accessed"),
            Self::Slot(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for OpvError {}

/// What the system call would have returned: 0, the index of the compare that failed plus 1, or an error, negated
/// ([`OpvError::errno`]).
#[cfg(unix)]
#[must_use]
pub fn to_c(result: Result<Outcome, OpvError>) -> i32 {
    match result {
        Ok(Outcome::Done) => 0,
        // At most 16.
        Ok(Outcome::CompareFailed(index)) => i32::try_from(index + 1).unwrap_or(i32::MAX),
        Err(error) => -error.errno(),
    }
}

/// Runs `ops` on slot `index`, from any thread, for any CPU, online or not; see the [module](self). About 1 µs for the CPU one runs on, and an
/// interrupt more for another. Async-signal-safe.
///
/// # Errors
/// See [`OpvError`]; nothing is changed then.
///
/// # Safety
/// - The arguments of each operation that its number says are initialised.
/// - Operands are valid for reading, or writing, or cannot be accessed at all and then stay so. Those of 1, 2, 4 or 8 bytes are initialised, and so
///   is what is compared.
/// - Operands in slots are in slot `index` of `slots`. What is written there leaves a valid `T`, wherever a compare may end the vector.
/// - Nobody else writes to an operand meanwhile, or reads one that is written, unless both do so by single accesses that are
///   atomic: as sections do, which do not run on this slot meanwhile. `ops` itself is not written.
pub unsafe fn run<T, I: GatedIndex>(
    ops: &[CpuOp],
    slots: &PerCpu<T, I>,
    index: u32,
) -> Result<Outcome, OpvError> {
    let mut steps = [Step::BARRIER; MAX_OPS];
    let steps = steps.get_mut(..ops.len()).ok_or(OpvError::TooMany(ops.len()))?;
    for (index, (step, op)) in steps.iter_mut().zip(ops).enumerate() {
        // SAFETY: the caller's promise.
        *step = unsafe { Step::of(op, index) }?;
    }
    let total = steps.iter().map(|step| step.len).sum();
    if total > MAX_TOTAL {
        return Err(OpvError::TooLong(total));
    }
    let item = slots.item(index).ok_or(OpvError::Slot(ExclusiveError::NoSuchSlot(index)))?.addr().get();
    // A slot's memory is there. Before the gate is closed, so that nobody waits while pages come in.
    probe::check(steps, &(item..item + size_of::<T>()))?;
    let run = |_| {
        hooks::plain();
        let failed = steps.iter().position(|step| {
            compiler_fence(Ordering::SeqCst);
            // SAFETY: the slot is ours, and the caller has promised the rest.
            !unsafe { step.run() }
        });
        failed.map_or(Outcome::Done, Outcome::CompareFailed)
    };
    slots.exclusive_ptr(index, Change::Several, run).map_err(OpvError::Slot)
}
