//! [`Stack`]: a bounded last-in, first-out array for each CPU, which moves items one by one or many at once.
//!
//! ```text
//! push:        len = stack.len; leave if len ≥ limit; stage items[len] = item; commit stack.len = len + 1
//! pop:         len = stack.len; leave if len = 0; item = items[len − 1]; commit stack.len = len − 1
//! push_slice:  the same with `copy` of many items, and len + count
//! pop_slice:   the same with `copy` of many items, and len − count
//! ```
//!
//! Invariants: `items[..len]` are those that were pushed and not popped, in that order; `limit` is at most `N`. Above `len` lies
//! what nobody looks at, so that is where items are staged.
//!
//! Ordering: a stack is only touched on its CPU, where the scheduler orders one thread after the other, and by the owner of the
//! slot, whom the fence and the gate order. So a relaxed commit suffices. `len` and `limit` are written as atomics,
//! because [`len`](Stack::len) and [`limit`](Stack::limit) read them from anywhere.

use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::Relaxed;

use super::item::{as_words, from_word, is_word, to_word};
use crate::model::hooks;
use crate::percpu::{Change, or_panic};
use crate::section::Word;
use crate::{AllocError, ExclusiveError, PerCpu, sequence};

/// One slot. `I` is a `MaybeUninit<T>`, or the word in its place.
#[repr(C)]
struct Items<I, const N: usize> {
    len: usize,
    limit: usize,
    items: [I; N],
}

type Slots<I, const N: usize> = PerCpu<Items<I, N>>;

sequence! {
    fn push<const N: usize>(stack: &Slots<*mut (), N>, item: *mut ()) -> bool {
        let len: usize = stack.len;
        if len >= stack.limit { return false; }
        stage stack.items[len] = item;
        commit stack.len = len + 1;
        true
    }

    fn pop<const N: usize>(stack: &Slots<*mut (), N>) -> Option<*mut ()> {
        let len: usize = stack.len;
        if len == 0 { return None; }
        let item: *mut () = stack.items[len - 1];
        commit stack.len = len - 1;
        Some(item)
    }

    /// Pushes all of `count` items, or none.
    ///
    /// # Safety
    /// `from` must be valid for `count` items, which have so many `bytes`; `count` is not 0.
    unsafe fn push_items<T, const N: usize>(stack: &Slots<MaybeUninit<T>, N>, from: *const T, count: usize, bytes: usize) -> bool {
        let len: usize = stack.len;
        if len + count > stack.limit { return false; }
        copy(&raw mut stack.items[len], from, bytes);
        commit stack.len = len + count;
        true
    }

    /// Pops `count` items, or none.
    ///
    /// # Safety
    /// `to` must be valid for `count` items, which have so many `bytes`; `count` is not 0.
    unsafe fn pop_items<T, const N: usize>(stack: &Slots<MaybeUninit<T>, N>, to: *mut T, count: usize, bytes: usize) -> bool {
        let len: usize = stack.len;
        if len < count { return false; }
        let after: usize = len - count;
        copy(to, &raw const stack.items[after], bytes);
        commit stack.len = after;
        true
    }
}

/// A stack of at most `N` items for each CPU: the last one in is the first one out. See the [module](self).
///
/// Items are copied in and out, one at a time or in batches, and a batch is moved by one sequence: it is what a magazine of an
/// allocator needs. Each CPU has a [limit](Self::set_limit) of its own.
///
/// A thread that moves to another CPU goes on with the stack of that one: so what it pushed may not be what it pops, and a stack may
/// be empty, or full, while others are not.
///
/// ```
/// use perseq::collections::stack::Stack;
///
/// let free = Stack::<u32, 64>::new();
/// free.push(7).expect("room for one");
/// free.push_slice(&[8, 9]);
/// let mut room = [const { core::mem::MaybeUninit::uninit() }; 64];
/// let mut sum = free.pop_slice(&mut room[..2]).iter().sum::<u32>(); // 8 + 9, unless the thread has moved
/// for cpu in 0..free.slots() {
///     sum += free.take(cpu, &mut room)?.iter().sum::<u32>(); // of any CPU, from any thread
/// }
/// assert_eq!(sum, 24);
/// # Ok::<(), perseq::ExclusiveError>(())
/// ```
pub struct Stack<T: Copy, const N: usize>(Slots<MaybeUninit<T>, N>);

impl<T: Copy, const N: usize> Stack<T, N> {
    /// Empty stacks whose limit is `N`. Not for signal handlers.
    ///
    /// # Panics
    /// If there is no memory; see [`try_new`](Self::try_new).
    #[must_use]
    #[track_caller]
    pub fn new() -> Self {
        or_panic(Self::try_new())
    }

    /// [`new`](Self::new), for programs that go on without memory.
    ///
    /// # Errors
    /// [`AllocError`] if the system has none.
    pub fn try_new() -> Result<Self, AllocError> {
        Self::with_limit(N)
    }

    /// Empty stacks whose limit is `limit`, at most `N`. Pages of items are touched as items come.
    ///
    /// # Errors
    /// [`AllocError`] if the system has no memory.
    pub fn with_limit(limit: usize) -> Result<Self, AllocError> {
        const { assert!(N > 0, "a stack has room for one item at least") };
        // SAFETY: zeros are an empty stack, whose items are not there.
        let mut slots: Slots<MaybeUninit<T>, N> = unsafe { PerCpu::make_zeroed()? };
        slots.iter_mut().for_each(|stack| stack.limit = limit.min(N));
        Ok(Self(slots))
    }

    /// The number of stacks: one more than the highest possible CPU number.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.0.slots()
    }

    /// As [`PerCpu::here`].
    pub(super) fn here(&self) -> u32 {
        self.0.here()
    }

    /// Pushes onto the running CPU's stack. Async-signal-safe.
    ///
    /// # Errors
    /// Gives the item back if that stack is at its limit.
    #[inline]
    pub fn push(&self, item: T) -> Result<(), T> {
        let pushed = if const { is_word::<T>() } {
            push(self.words(), to_word(item))
        } else {
            // SAFETY: one item.
            unsafe { push_items(&self.0, &raw const item, 1, size_of::<T>()) }
        };
        if pushed { Ok(()) } else { Err(item) }
    }

    /// Pops from the running CPU's stack. Async-signal-safe.
    #[inline]
    pub fn pop(&self) -> Option<T> {
        if const { is_word::<T>() } {
            // SAFETY: such a stack holds words of items only.
            return pop(self.words()).map(|word| unsafe { from_word(word) });
        }
        let mut item = MaybeUninit::uninit();
        // SAFETY: room for one item, which is there if it was popped.
        unsafe { pop_items(&self.0, item.as_mut_ptr(), 1, size_of::<T>()).then(|| item.assume_init()) }
    }

    /// Pushes the first of `items`, as many as there is room for, and returns how many: the first one ends up deepest. No other item
    /// comes in between. Async-signal-safe.
    #[inline]
    pub fn push_slice(&self, items: &[T]) -> usize {
        let mut count = items.len().min(N);
        // SAFETY: so many items, and not none.
        while count > 0 && !unsafe { push_items(&self.0, items.as_ptr(), count, count * size_of::<T>()) } {
            let here = self.here();
            // Less each time, so this ends.
            count = self.limit(here).saturating_sub(self.len(here)).min(count - 1);
        }
        count
    }

    /// Pops as many items as there are, at most as many as `room` holds, and returns them: the topmost last. No other item is pushed or
    /// popped in between. Async-signal-safe.
    #[inline]
    pub fn pop_slice<'r>(&self, room: &'r mut [MaybeUninit<T>]) -> &'r mut [T] {
        let mut count = room.len().min(N);
        let to = room.as_mut_ptr().cast();
        // SAFETY: room for so many items, and not none.
        while count > 0 && !unsafe { pop_items(&self.0, to, count, count * size_of::<T>()) } {
            // Less each time, so this ends.
            count = self.len(self.here()).min(count - 1);
        }
        // SAFETY: so many were popped into it.
        unsafe { room[..count].assume_init_mut() }
    }

    /// As [`pop_slice`](Self::pop_slice), from the stack of `cpu`: from any thread, whether that CPU is online or not.
    /// Async-signal-safe.
    ///
    /// # Errors
    /// As [`PerCpu::exclusive`].
    pub fn take<'r>(&self, cpu: u32, room: &'r mut [MaybeUninit<T>]) -> Result<&'r mut [T], ExclusiveError> {
        self.0.exclusive_ptr(cpu, Change::Single, |stack| {
            let stack = stack.as_ptr();
            // SAFETY: the slot is ours, `items[..len]` are there, and those above `after` are no longer the stack's once `len` says so.
            unsafe {
                let len = usize::load(&raw const (*stack).len);
                let count = len.min(room.len());
                let from = (&raw const (*stack).items).cast::<MaybeUninit<T>>().add(len - count);
                room.as_mut_ptr().copy_from_nonoverlapping(from, count);
                usize::store(&raw mut (*stack).len, len - count, Relaxed);
                hooks::seen_bytes(room.as_ptr().cast(), hooks::seen(count) * size_of::<T>());
                room[..count].assume_init_mut()
            }
        })
    }

    /// How many items the stack of `cpu` had a moment ago; 0 if there is no such CPU. Async-signal-safe.
    #[must_use]
    pub fn len(&self, cpu: u32) -> usize {
        hooks::step("read a word");
        self.0.item(cpu).map_or(0, |stack| {
            // SAFETY: a word of a slot that lives, which is only written by single stores.
            hooks::seen(unsafe { usize::load(&raw const (*stack.as_ptr()).len) })
        })
    }

    /// Whether the stack of `cpu` had no items a moment ago.
    #[must_use]
    pub fn is_empty(&self, cpu: u32) -> bool {
        self.len(cpu) == 0
    }

    /// How many items the stack of `cpu` takes, as of a moment ago; 0 if there is no such CPU. Async-signal-safe.
    #[must_use]
    pub fn limit(&self, cpu: u32) -> usize {
        hooks::step("read a word");
        self.0.item(cpu).map_or(0, |stack| {
            // SAFETY: as in `len`.
            hooks::seen(unsafe { usize::load(&raw const (*stack.as_ptr()).limit) })
        })
    }

    /// Sets how many items the stack of `cpu` takes, at most `N`, and returns what it was: from any thread. Items above the limit
    /// stay until they are popped. Async-signal-safe.
    ///
    /// # Errors
    /// As [`PerCpu::exclusive`].
    pub fn set_limit(&self, cpu: u32, limit: usize) -> Result<usize, ExclusiveError> {
        self.0.exclusive_ptr(cpu, Change::Single, |stack| {
            let stack = stack.as_ptr();
            // SAFETY: a word of the slot, which is ours.
            unsafe {
                let before = hooks::seen(usize::load(&raw const (*stack).limit));
                usize::store(&raw mut (*stack).limit, limit.min(N), Relaxed);
                before
            }
        })
    }

    #[inline(always)]
    fn words(&self) -> &Slots<*mut (), N> {
        // SAFETY: only used where items are words, which these are in the place of.
        unsafe { as_words(&self.0) }
    }
}

impl<T: Copy, const N: usize> Default for Stack<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Copy, const N: usize> core::fmt::Debug for Stack<T, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Stack").field("slots", &self.slots()).field("capacity", &N).finish_non_exhaustive()
    }
}
