//! [`Pool`]: objects of one size, with a magazine of free ones for each CPU and a depot for all.
//!
//! ```text
//!  CPU 0 [ooooo   ]   CPU 1 [oo      ]   …       magazines: a push or a pop is one sequence
//!        ↑↓ a batch         ↑↓ a batch           when a magazine is empty, or at its limit
//!  depot [o o oo oooooooooooooooooooooo]         under a lock
//! ```
//!
//! Capacity moves to the CPU that needs it: magazines have limits, whose sum stays the same. Now and then a CPU that misses takes
//! room, and what is in it, from the magazine of another. (Magazines and depot are Bonwick's, "Magazines and Vmem", 2001; limits that
//! move are those of tcmalloc's per-CPU caches. A magazine here is an array in its slot, so exchanging a batch copies some
//! addresses, and no object is touched on its way.)
//!
//! Invariants: a free object is in one magazine or in the depot; one that is in use is in neither. Locks are taken in one order: the
//! depot's gate, then those of slots.
//!
//! Ordering: whoever takes an object sees what was done to it before it was given back: on one CPU the scheduler orders them, between
//! CPUs the depot's gate or that of the slot it was taken from.

mod depot;

use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use self::depot::Depot;
use super::stack::Stack;
use crate::model::hooks;
use crate::percpu::{Change, Gate, Owned, or_panic};
use crate::{AllocError, cpu};

/// Room in a magazine.
const ROUNDS: usize = 1024;
/// Objects that move between a magazine and the depot at once.
const BATCH: usize = 32;
/// The limit of a magazine at the beginning: so many objects, of so many bytes in all, but a few however large they are.
const LIMIT: usize = 256;
const LIMIT_BYTES: usize = 256 << 10;
const LIMIT_LEAST: usize = 8;
/// A magazine takes room from another after so many misses, then after twice as many, and so on up to the last.
const PATIENCE: core::ops::RangeInclusive<u32> = 16..=4096;

/// A free object. It is sent in place of the `T` that it is not.
#[derive(Clone, Copy)]
struct Free(NonNull<u8>);

// SAFETY: the address of memory that holds no value and that nobody else uses.
unsafe impl Send for Free {}

/// What the depot's gate guards.
struct Shared {
    depot: Depot,
    /// Misses since a magazine was last enlarged, and how many it takes.
    misses: u32,
    patience: u32,
    /// Whose magazine gives room next.
    giver: u32,
}

impl Shared {
    /// Puts objects into the depot that came from it and are in no magazine any more.
    fn put(&mut self, batch: &[Free]) {
        // SAFETY: objects that nobody uses, each once: that is what a `Free` is, and the caller has passed it on.
        batch.iter().for_each(|free| unsafe { self.depot.put(free.0) });
    }
}

/// A pool of at most [`capacity`](Self::capacity) objects of type `T`. See the [module](self).
///
/// Objects are made by [`insert`](Self::insert) on whatever CPU, and go back to the pool when their [`PoolBox`] is dropped, on
/// whatever CPU. The pool reserves address space for all of them and touches memory as they are used.
///
/// ```
/// use perseq::collections::pool::Pool;
///
/// let buffers = Pool::<[u8; 2048]>::new(10_000);
/// let mut buffer = buffers.insert([0; 2048]).expect("one of ten thousand");
/// buffer[0] = 1;
/// drop(buffer); // to the magazine of this CPU
/// assert_eq!(buffers.in_use(), 0);
/// ```
pub struct Pool<T> {
    magazines: Stack<Free, ROUNDS>,
    capacity: usize,
    gate: Gate,
    shared: UnsafeCell<Shared>,
    objects: PhantomData<fn(T) -> T>,
}

// SAFETY: a pool holds no `T`, only memory for some; what it shares, its gate guards. A `PoolBox` says for itself whether it
// may be sent.
unsafe impl<T> Sync for Pool<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Pool<T> {}

impl<T> Pool<T> {
    /// A pool of `capacity` objects. Not for signal handlers.
    ///
    /// # Panics
    /// If there is no memory, or no address space for so many; see [`try_new`](Self::try_new).
    #[must_use]
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        or_panic(Self::try_new(capacity))
    }

    /// [`new`](Self::new), for programs that go on without memory.
    ///
    /// # Errors
    /// [`AllocError`] if the system has none, or no address space for so many.
    pub fn try_new(capacity: usize) -> Result<Self, AllocError> {
        const { assert!(align_of::<T>() <= 4096, "an object of a pool is aligned to a page at most") };
        let depot = Depot::new(capacity, size_of::<T>(), align_of::<T>())?;
        // In a small pool, magazines hold half of it at most.
        let share = (capacity / (2 * cpu::possible() as usize)).max(1);
        let limit = (LIMIT_BYTES / size_of::<T>().max(1)).clamp(LIMIT_LEAST, LIMIT).min(share);
        let shared = Shared { depot, misses: 0, patience: *PATIENCE.start(), giver: 0 };
        Ok(Self {
            magazines: Stack::with_limit(limit)?,
            capacity,
            gate: Gate::open(),
            shared: UnsafeCell::new(shared),
            objects: PhantomData,
        })
    }

    /// Puts `value` into a free object.
    ///
    /// One sequence, if the running CPU's magazine has one; else a batch is fetched from the depot, and if that is empty from the
    /// magazines of all CPUs, those that are offline too. Async-signal-safe.
    ///
    /// # Errors
    /// Gives the value back if all objects are in use.
    #[inline]
    pub fn insert(&self, value: T) -> Result<PoolBox<'_, T>, T> {
        match self.magazines.pop().or_else(|| self.fetch()) {
            Some(free) => Ok(self.fill(free, || value)),
            None => Err(value),
        }
    }

    /// As [`insert`](Self::insert), of a value that `make` makes in its place, as far as the compiler can do that: for large ones.
    /// `None` if all objects are in use; `make` is not called then.
    #[inline]
    pub fn insert_with(&self, make: impl FnOnce() -> T) -> Option<PoolBox<'_, T>> {
        let free = self.magazines.pop().or_else(|| self.fetch())?;
        Some(self.fill(free, make))
    }

    #[inline]
    fn fill(&self, free: Free, make: impl FnOnce() -> T) -> PoolBox<'_, T> {
        let object = free.0.cast::<T>();
        let back = Back(self, object);
        // SAFETY: memory for a `T` that is ours now.
        unsafe { object.write(make()) };
        core::mem::forget(back);
        PoolBox { object, pool: self, owns: PhantomData }
    }

    /// How many objects there can be at once.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many objects were in use a moment ago. Takes the depot's lock.
    #[must_use]
    pub fn in_use(&self) -> usize {
        let free: usize = (0..self.magazines.slots()).map(|cpu| self.magazines.len(cpu)).sum();
        self.with(|shared| shared.depot.gone()).unwrap_or(0).saturating_sub(free)
    }

    /// How many free objects the magazine of `cpu` held a moment ago, and how many it may hold; zeros if there is no such CPU.
    #[must_use]
    pub fn magazine(&self, cpu: u32) -> (usize, usize) {
        (self.magazines.len(cpu), self.magazines.limit(cpu))
    }

    /// Empties all magazines, also those of CPUs that are offline, and gives the memory of free objects back to the system, where whole
    /// blocks of 64 KiB are free; returns how many bytes. Fences each CPU whose magazine holds something, and looks at every object that was
    /// ever used; who needs the depot waits meanwhile. Async-signal-safe.
    pub fn reclaim(&self) -> usize {
        let reclaimed = self.with(|shared| {
            self.empty_magazines(shared);
            shared.depot.discard()
        });
        reclaimed.unwrap_or(0)
    }

    /// Takes an object back. Async-signal-safe.
    #[inline]
    fn release(&self, object: NonNull<T>) {
        if let Err(free) = self.magazines.push(Free(object.cast())) {
            self.spill(free);
        }
    }

    /// Runs `f` with the depot's gate owned. `None` if a thread that is gone left it in the middle of something (in the child of a
    /// fork that could not wait for it), or in the handler of a fault in here. Then what is in magazines still goes round.
    fn with<R>(&self, f: impl FnOnce(&mut Shared) -> R) -> Option<R> {
        let _owned = Owned::acquire(&self.gate, Change::Several).ok()?;
        hooks::step("use the depot");
        // SAFETY: the gate is ours, and signals are held back.
        let shared = unsafe { &mut *self.shared.get() };
        let result = f(shared);
        for word in [&shared.misses, &shared.patience, &shared.giver] {
            hooks::stored(word, *word);
        }
        Some(result)
    }

    /// An object, and a batch for the magazine.
    #[cold]
    fn fetch(&self) -> Option<Free> {
        // All of it with the gate: what is on its way is in neither place, and whoever looks for an object meanwhile waits.
        self.with(|shared| {
            self.miss(shared);
            let mut batch = Batch::new();
            let wanted = self.magazines.limit(self.magazines.here()).clamp(1, BATCH);
            if batch.fill(&mut shared.depot, wanted) == 0 {
                self.empty_magazines(shared);
                batch.fill(&mut shared.depot, wanted);
            }
            let (first, rest) = batch.free().split_first()?;
            let kept = self.magazines.push_slice(rest);
            shared.put(&rest[kept..]);
            Some(*first)
        })?
    }

    /// Takes an object back, and makes room in the magazine.
    #[cold]
    fn spill(&self, free: Free) {
        self.with(|shared| {
            self.miss(shared);
            let mut batch = Batch::new();
            let count = self.magazines.limit(self.magazines.here()).div_ceil(2).min(BATCH);
            shared.put(self.magazines.pop_slice(&mut batch.0[..count]));
            shared.put(&[free]);
        });
    }

    /// Puts what is in magazines into the depot.
    fn empty_magazines(&self, shared: &mut Shared) {
        for cpu in 0..self.magazines.slots() {
            // Not more often than there is room for: others may push meanwhile.
            for _ in 0..=ROUNDS / BATCH {
                if self.take(shared, cpu, BATCH) < BATCH {
                    break;
                }
            }
        }
    }

    /// Puts at most `count` objects of the magazine of `cpu` into the depot, and returns how many.
    fn take(&self, shared: &mut Shared, cpu: u32, count: usize) -> usize {
        if self.magazines.is_empty(cpu) {
            return 0;
        }
        let mut batch = Batch::new();
        // A slot that cannot be had keeps what it has.
        let Ok(batch) = self.magazines.take(cpu, &mut batch.0[..count]) else { return 0 };
        shared.put(batch);
        batch.len()
    }

    /// Counts a miss, and moves room to the running CPU if there were enough.
    fn miss(&self, shared: &mut Shared) {
        shared.misses += 1;
        if shared.misses < shared.patience {
            return;
        }
        shared.misses = 0;
        shared.patience = (2 * shared.patience).min(*PATIENCE.end());
        let (here, slots) = (self.magazines.here(), self.magazines.slots());
        let limit = self.magazines.limit(here);
        for _ in 0..slots {
            shared.giver = (shared.giver + 1) % slots;
            let (giver, room) = (shared.giver, self.magazines.limit(shared.giver));
            let moved = BATCH.min(room / 2).min(ROUNDS - limit);
            if giver == here || moved == 0 || self.magazines.set_limit(giver, room - moved).is_err() {
                continue;
            }
            let above = self.magazines.len(giver).saturating_sub(room - moved);
            if above > 0 {
                self.take(shared, giver, above.min(BATCH));
            }
            if self.magazines.set_limit(here, limit + moved).is_err() {
                // It cannot be had: nothing is moved.
                let _ = self.magazines.set_limit(giver, room);
            }
            return;
        }
    }
}

/// Free objects on their way.
struct Batch([MaybeUninit<Free>; BATCH], usize);

impl Batch {
    fn new() -> Self {
        Self([const { MaybeUninit::uninit() }; BATCH], 0)
    }

    fn fill(&mut self, depot: &mut Depot, count: usize) -> usize {
        depot.take(count.min(BATCH), |object| {
            self.0[self.1].write(Free(object));
            self.1 += 1;
        })
    }

    fn free(&self) -> &[Free] {
        // SAFETY: so many were written.
        unsafe { self.0[..self.1].assume_init_ref() }
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}

/// Gives memory back when it is dropped, also by a panic.
struct Back<'p, T>(&'p Pool<T>, NonNull<T>);

impl<T> Drop for Back<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.release(self.1);
    }
}

/// An object of a [`Pool`], owned like a `Box`. It goes back to the pool when it is dropped; if it is forgotten its memory is in use
/// for as long as the pool lives.
pub struct PoolBox<'p, T> {
    object: NonNull<T>,
    pool: &'p Pool<T>,
    owns: PhantomData<T>,
}

// SAFETY: it owns its `T`, and a pool may be used from any thread.
unsafe impl<T: Send> Send for PoolBox<'_, T> {}
// SAFETY: a shared reference to it leads to a shared reference to its `T`.
unsafe impl<T: Sync> Sync for PoolBox<'_, T> {}

impl<'p, T> PoolBox<'p, T> {
    /// The value; the object goes back to the pool.
    #[must_use]
    pub fn into_inner(this: Self) -> T {
        let this = ManuallyDrop::new(this);
        // SAFETY: it is there, and moved out once; the memory is free then.
        let value = unsafe { this.object.read() };
        this.pool.release(this.object);
        value
    }

    /// The object for as long as the pool is borrowed. It never goes back, and its value is not dropped.
    #[must_use]
    pub fn leak(this: Self) -> &'p mut T {
        // SAFETY: ours, and nobody gives it back any more; the pool keeps its memory for `'p`.
        unsafe { ManuallyDrop::new(this).object.as_mut() }
    }
}

impl<T> Deref for PoolBox<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: it is there and ours.
        unsafe { self.object.as_ref() }
    }
}

impl<T> DerefMut for PoolBox<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and exclusively borrowed.
        unsafe { self.object.as_mut() }
    }
}

impl<T> Drop for PoolBox<'_, T> {
    #[inline]
    fn drop(&mut self) {
        let _back = Back(self.pool, self.object);
        // SAFETY: it is there, and dropped once.
        unsafe { self.object.drop_in_place() };
    }
}

impl<T: fmt::Debug> fmt::Debug for PoolBox<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for PoolBox<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
