//! [`Queue`]: a bounded first-in, first-out queue for each CPU, from which other CPUs can steal.
//!
//! ```text
//! push:        leave if tail − head = N; stage items[tail mod N] = item; commit tail = tail + 1
//! pop:         leave if tail = head; item = items[head mod N]; commit head = head + 1
//! pop_newest:  leave if tail = head; item = items[(tail − 1) mod N]; commit tail = tail − 1
//! ```
//!
//! An item is moved by copying its bytes; the commit is what makes the copy the item. Thieves own the slot of the other CPU
//! meanwhile, so there is no race for the last item, and no operation that has to be undone.
//!
//! Invariants: `head` and `tail` count up and wrap, and `tail − head` is at most `N`, a power of two; the items at `head` to `tail`
//! (modulo `N`) are those that were pushed and not taken, each once, and no other place holds one.
//!
//! Ordering: a queue is only touched on its CPU, where the scheduler orders one thread after the other, and by the owner of the
//! slot, whom the fence and the gate order. So a relaxed commit suffices. `head` and `tail` are written as atomics, because
//! [`len`](Queue::len) reads them from anywhere.

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
    head: usize,
    tail: usize,
    items: [I; N],
}

impl<I, const N: usize> Items<I, N> {
    /// From a count of items to their place.
    const MASK: usize = {
        assert!(N.is_power_of_two(), "the capacity of a queue is a power of two");
        N - 1
    };
}

type Slots<I, const N: usize> = PerCpu<Items<I, N>>;

sequence! {
    fn push<const N: usize>(queue: &Slots<*mut (), N>, item: *mut ()) -> bool {
        let tail: usize = queue.tail;
        let len: usize = tail - queue.head;
        if len >= N { return false; }
        let at: usize = tail & Items::<*mut (), N>::MASK;
        stage queue.items[at] = item;
        commit queue.tail = tail + 1;
        true
    }

    fn pop<const N: usize>(queue: &Slots<*mut (), N>) -> Option<*mut ()> {
        let head: usize = queue.head;
        if head == queue.tail { return None; }
        let at: usize = head & Items::<*mut (), N>::MASK;
        let item: *mut () = queue.items[at];
        commit queue.head = head + 1;
        Some(item)
    }

    fn pop_newest<const N: usize>(queue: &Slots<*mut (), N>) -> Option<*mut ()> {
        let tail: usize = queue.tail;
        if tail == queue.head { return None; }
        let at: usize = (tail - 1) & Items::<*mut (), N>::MASK;
        let item: *mut () = queue.items[at];
        commit queue.tail = tail - 1;
        Some(item)
    }

    /// # Safety
    /// `from` must be an item of so many `bytes`.
    unsafe fn push_copy<T, const N: usize>(queue: &Slots<MaybeUninit<T>, N>, from: *const T, bytes: usize) -> bool {
        let tail: usize = queue.tail;
        let len: usize = tail - queue.head;
        if len >= N { return false; }
        let at: usize = tail & Items::<MaybeUninit<T>, N>::MASK;
        copy(&raw mut queue.items[at], from, bytes);
        commit queue.tail = tail + 1;
        true
    }

    /// # Safety
    /// `to` must be room for an item of so many `bytes`.
    unsafe fn pop_copy<T, const N: usize>(queue: &Slots<MaybeUninit<T>, N>, to: *mut T, bytes: usize) -> bool {
        let head: usize = queue.head;
        if head == queue.tail { return false; }
        let at: usize = head & Items::<MaybeUninit<T>, N>::MASK;
        copy(to, &raw const queue.items[at], bytes);
        commit queue.head = head + 1;
        true
    }

    /// # Safety
    /// `to` must be room for an item of so many `bytes`.
    unsafe fn pop_newest_copy<T, const N: usize>(queue: &Slots<MaybeUninit<T>, N>, to: *mut T, bytes: usize) -> bool {
        let tail: usize = queue.tail;
        if tail == queue.head { return false; }
        let at: usize = (tail - 1) & Items::<MaybeUninit<T>, N>::MASK;
        copy(to, &raw const queue.items[at], bytes);
        commit queue.tail = tail - 1;
        true
    }
}

/// A queue of at most `N` items for each CPU: the first one in is the first one out. See the [module](self).
///
/// Items are moved in and out. Any thread may push and pop; what it uses is the queue of the CPU that it runs on at that moment,
/// so a thread that moves to another CPU goes on with that one's queue, and order is kept within each queue, not between them.
/// Other CPUs' items are had by [`steal`](Self::steal) and [`steal_half`](Self::steal_half), which is how a scheduler moves tasks
/// from a busy CPU to an idle one. Items that are still there when the queue is dropped are dropped with it.
///
/// `N` is a power of two.
///
/// ```
/// use perseq::collections::queue::Queue;
///
/// let tasks = Queue::<Box<dyn FnOnce() -> u32 + Send>, 256>::new();
/// tasks.push(Box::new(|| 20)).unwrap_or_else(|_| panic!("room for one"));
/// tasks.push(Box::new(|| 22)).unwrap_or_else(|_| panic!("room for two"));
/// let mut sum = tasks.pop().map_or(0, |task| task()); // the first, unless the thread has moved
/// for cpu in 0..tasks.slots() {
///     while let Some(task) = tasks.steal(cpu)? {
///         sum += task();
///     }
/// }
/// assert_eq!(sum, 42);
/// # Ok::<(), perseq::ExclusiveError>(())
/// ```
pub struct Queue<T, const N: usize>(Slots<MaybeUninit<T>, N>);

impl<T, const N: usize> Queue<T, N> {
    /// Empty queues. Not for signal handlers.
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
        const { _ = Items::<T, N>::MASK };
        // SAFETY: zeros are an empty queue, whose items are not there.
        Ok(Self(unsafe { PerCpu::make_zeroed()? }))
    }

    /// The number of queues: one more than the highest possible CPU number.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.0.slots()
    }

    /// Puts an item at the end of the running CPU's queue. Async-signal-safe.
    ///
    /// # Errors
    /// Gives the item back if that queue is full.
    #[inline]
    pub fn push(&self, item: T) -> Result<(), T> {
        if const { is_word::<T>() } {
            let word = to_word(item);
            // SAFETY: not pushed, so it is still ours.
            return if push(self.words(), word) { Ok(()) } else { Err(unsafe { from_word(word) }) };
        }
        let item = MaybeUninit::new(item);
        // SAFETY: an item; if it was pushed, the copy in the queue is the item now, and else this one still is.
        unsafe {
            let pushed = push_copy(&self.0, item.as_ptr(), size_of::<T>());
            if pushed { Ok(()) } else { Err(item.assume_init()) }
        }
    }

    /// Takes the oldest item of the running CPU's queue. Async-signal-safe.
    #[inline]
    pub fn pop(&self) -> Option<T> {
        if const { is_word::<T>() } {
            // SAFETY: such a queue holds words of items only, each once.
            return pop(self.words()).map(|word| unsafe { from_word(word) });
        }
        let mut item = MaybeUninit::uninit();
        // SAFETY: room for an item; if it was popped, this copy is the item now.
        unsafe { pop_copy(&self.0, item.as_mut_ptr(), size_of::<T>()).then(|| item.assume_init()) }
    }

    /// Takes the newest item of the running CPU's queue, as from a stack: what was pushed last is what caches know best.
    /// Async-signal-safe.
    #[inline]
    pub fn pop_newest(&self) -> Option<T> {
        if const { is_word::<T>() } {
            // SAFETY: as in `pop`.
            return pop_newest(self.words()).map(|word| unsafe { from_word(word) });
        }
        let mut item = MaybeUninit::uninit();
        // SAFETY: as in `pop`.
        unsafe { pop_newest_copy(&self.0, item.as_mut_ptr(), size_of::<T>()).then(|| item.assume_init()) }
    }

    /// Takes the oldest item of the queue of `cpu`: from any thread, whether that CPU is online or not. Costs what
    /// [`PerCpu::exclusive`] does, and next to nothing if that queue was empty a moment ago. Async-signal-safe.
    ///
    /// # Errors
    /// As [`PerCpu::exclusive`].
    pub fn steal(&self, cpu: u32) -> Result<Option<T>, ExclusiveError> {
        let mut item = MaybeUninit::uninit();
        let count = self.take(cpu, core::slice::from_mut(&mut item), |len| len.min(1))?;
        // SAFETY: so many were taken into it.
        Ok((count == 1).then(|| unsafe { item.assume_init() }))
    }

    /// Takes the older half of the items of the queue of `cpu`, at least one if there are any: otherwise as [`steal`](Self::steal).
    /// What it returns is as large as `N` items, on the stack.
    ///
    /// # Errors
    /// As [`PerCpu::exclusive`].
    pub fn steal_half(&self, cpu: u32) -> Result<Stolen<T, N>, ExclusiveError> {
        let mut stolen = Stolen { items: [const { MaybeUninit::uninit() }; N], next: 0, end: 0 };
        stolen.end = self.take(cpu, &mut stolen.items, |len| len.div_ceil(2))?;
        Ok(stolen)
    }

    /// Moves the oldest items of the queue of `cpu` to `room`, as many as `count` says of its length, and returns how many.
    fn take(
        &self,
        cpu: u32,
        room: &mut [MaybeUninit<T>],
        count: impl FnOnce(usize) -> usize,
    ) -> Result<usize, ExclusiveError> {
        if self.is_empty(cpu) && cpu < self.slots() {
            return Ok(0);
        }
        self.0.exclusive_ptr(cpu, Change::Single, |queue| {
            let queue = queue.as_ptr();
            // SAFETY: the slot is ours, and the items at `head` to `tail` are there. They are no longer the queue's once `head` says
            // so, and `room` has them from then on.
            unsafe {
                let (head, tail) =
                    (usize::load(&raw const (*queue).head), usize::load(&raw const (*queue).tail));
                let count = count(tail.wrapping_sub(head)).min(room.len());
                for (at, to) in room[..count].iter_mut().enumerate() {
                    let place = head.wrapping_add(at) & Items::<T, N>::MASK;
                    *to = (&raw const (*queue).items[place]).read();
                }
                usize::store(&raw mut (*queue).head, head.wrapping_add(count), Relaxed);
                hooks::seen_bytes(room.as_ptr().cast(), count * size_of::<T>());
                hooks::seen(count)
            }
        })
    }

    /// How many items the queue of `cpu` had a moment ago; 0 if there is no such CPU. Async-signal-safe.
    #[must_use]
    pub fn len(&self, cpu: u32) -> usize {
        hooks::step("read the ends of a queue");
        self.0.item(cpu).map_or(0, |queue| {
            let queue = queue.as_ptr();
            // SAFETY: words of a slot that lives, which are only written by single stores. `head` first: then the difference is below 0 only
            // if the queue was emptied from its end in between.
            let (head, tail) = unsafe {
                (usize::load_acquire(&raw const (*queue).head), usize::load(&raw const (*queue).tail))
            };
            let (head, tail) = (hooks::seen(head), hooks::seen(tail));
            (tail.wrapping_sub(head).cast_signed().max(0).cast_unsigned()).min(N)
        })
    }

    /// Whether the queue of `cpu` had no items a moment ago.
    #[must_use]
    pub fn is_empty(&self, cpu: u32) -> bool {
        self.len(cpu) == 0
    }

    #[inline(always)]
    fn words(&self) -> &Slots<*mut (), N> {
        // SAFETY: only used where items are words, which these are in the place of.
        unsafe { as_words(&self.0) }
    }
}

impl<T, const N: usize> Drop for Queue<T, N> {
    fn drop(&mut self) {
        for queue in self.0.iter_mut() {
            while queue.head != queue.tail {
                let place = queue.head & Items::<T, N>::MASK;
                // Counted first, so that it is dropped once even if that panics.
                queue.head = queue.head.wrapping_add(1);
                // SAFETY: it was there, and nobody else has the queue any more.
                unsafe { queue.items[place].assume_init_drop() };
            }
        }
    }
}

impl<T, const N: usize> Default for Queue<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, const N: usize> core::fmt::Debug for Queue<T, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Queue").field("slots", &self.slots()).field("capacity", &N).finish_non_exhaustive()
    }
}

/// Items that were taken from another CPU's queue together, the oldest first. Those that are not taken out of it are dropped with it.
pub struct Stolen<T, const N: usize> {
    items: [MaybeUninit<T>; N],
    next: usize,
    end: usize,
}

impl<T, const N: usize> Iterator for Stolen<T, N> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let item = self.items[..self.end].get(self.next)?;
        self.next += 1;
        // SAFETY: those from `next` to `end` are there, and this one is passed now.
        Some(unsafe { item.assume_init_read() })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end - self.next;
        (left, Some(left))
    }
}

impl<T, const N: usize> ExactSizeIterator for Stolen<T, N> {}
impl<T, const N: usize> core::iter::FusedIterator for Stolen<T, N> {}

impl<T, const N: usize> Drop for Stolen<T, N> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

impl<T, const N: usize> core::fmt::Debug for Stolen<T, N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Stolen").field("left", &self.len()).finish_non_exhaustive()
    }
}
