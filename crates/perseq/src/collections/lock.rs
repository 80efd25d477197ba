//! [`Lock`]: a `T` for each CPU with a lock of its own, taken without an atomic instruction.
//!
//! ```text
//! acquire:  cpu = cpu_id(); leave if lock.word != FREE; commit lock.word = HELD        one sequence; the guard keeps cpu
//! unlock:   lock.word = FREE (release); if somebody sleeps, wake all                   from wherever the guard is
//! ```
//!
//! Unlike a sequence, the section between the two is ordinary code: it may be long, call, wait, and be preempted or moved; the guard
//! goes on to mean the slot that was locked.
//!
//! Invariant: the word becomes HELD only by a sequence on its CPU, or by the owner of the slot's gate, who runs the same steps while
//! no sequence can; and it becomes FREE only by whoever made it HELD. So nobody changes it between the load and the commit of an
//! acquisition that finds it FREE, and there is one holder at a time. (The gate is owned for single acquisitions only, never as
//! long as the lock is held.)
//!
//! Ordering: the load of an acquisition that reads FREE reads the release store of the last holder, or what the owner of the gate
//! saw of it; the acquire fence behind the sequence makes it synchronise with that holder. (On x86 that is an instruction to the
//! compiler only; elsewhere a barrier for loads, which is what an acquire load would have been.)
//!
//! # Waiting
//! A lock that is found held has a holder that does not run, being preempted on this CPU, or that has moved away. So a
//! waiter does not spin: it lets others run, tries again, on whatever CPU it is then, and at last sleeps, on `sleepers` of the
//! slot. That word has a bit that says that somebody may sleep, one that says that there was a *barrier* since, and a number; the unlock
//! that sees the first takes both away, moves the number on, and wakes all.
//!
//! ```text
//! unlock: word = FREE; (A) if sleepers has ASLEEP { sleepers = next number, unless another did; wake all }
//! sleep:  s = sleepers; add ASLEEP, if it has none; if it has no BARRIER { (B) barrier on every CPU; add BARRIER, if s is unchanged }
//!         look at the word; sleep while sleepers == s with both, for a bounded time
//! ```
//!
//! At (A) nothing but the compiler is held back: the unlocking processor may load `sleepers` before its store of FREE is seen. At
//! (B) a sleeper has a barrier executed on every CPU that runs a thread of the process, by membarrier. Who has found or set
//! BARRIER has seen that end. So an unlock whose FREE it does not see afterwards had not passed (A) at that barrier, and loads `sleepers`
//! after ASLEEP was stored. If it finds this number, it wakes the sleepers; if it finds a later one, another unlock has come to
//! that and wakes them, or they do not fall asleep because `sleepers` is not `s`. The next word HELD that a sleeper may see has an unlock
//! to which the same applies. And however many wait, and look again, in one long section, there is one barrier for them all.
//!
//! Where membarrier cannot be had (which may be so where there are no sections) an unlock can miss sleepers, which then sleep
//! for [`PATIENCE`].

use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering, compiler_fence, fence};

use crate::model::hooks;
use crate::percpu::Change;
use crate::section::Word;
use crate::sys::{self, ErrnoKept};
use crate::{AllocError, ExclusiveError, PerCpu, sequence};

const FREE: u32 = 0;
const HELD: u32 = 1;

/// In `sleepers`: somebody may sleep.
const ASLEEP: u32 = 1;
/// In `sleepers`, with `ASLEEP`: since that was set, every CPU has executed a barrier.
const BARRIER: u32 = 2;

/// How often a waiter lets others run before it sleeps.
const YIELDS: u32 = 4;
/// How often a waiter for the lock of another CPU looks, as the holder may be running there.
const LOOKS: u32 = 200;
/// How often its pause between two tries is doubled: then it is 3200 pauses of the processor, some 20 to 200 µs.
const DOUBLINGS: u32 = 4;
/// How long a sleep may be, in milliseconds.
const PATIENCE: u32 = 10;

/// A slot.
#[derive(Debug)]
struct Slot<T> {
    word: u32,
    sleepers: AtomicU32,
    value: T,
}

sequence! {
    /// Takes the lock of the running CPU; says which that was, also if it was held.
    fn acquire<T>(slots: &PerCpu<Slot<T>>) -> Result<u32, u32> {
        let cpu: u32 = cpu_id();
        let word: u32 = slots.word;
        if word != FREE { return Err(cpu); }
        commit slots.word = HELD as u32;
        Ok(cpu)
    }
}

/// A `T` for each CPU, each behind a lock of its own. See the [module](self).
///
/// Taking the lock of the running CPU and giving it back costs a few plain instructions, and threads on different CPUs do not
/// disturb each other. A thread that is preempted while it holds a lock makes those wait that run on that CPU then, so sections
/// should be short.
///
/// There is no poisoning: a panic in a section unlocks, and the data are as the panic left them. A lock whose guard is
/// leaked stays locked, and so, in the child of a fork, does one that another thread held.
///
/// ```
/// use perseq::collections::lock::Lock;
///
/// let logs = Lock::new(|_cpu| Vec::new());
/// logs.lock().push("started"); // into the log of the CPU that the thread runs on
/// for cpu in 0..logs.slots() {
///     logs.lock_on(cpu)?.push("looked at");
/// }
/// let entries: usize = logs.into_inner().map(|log| log.len()).sum();
/// assert!(entries > 1);
/// # Ok::<(), perseq::ExclusiveError>(())
/// ```
pub struct Lock<T> {
    slots: PerCpu<Slot<T>>,
}

impl<T> Lock<T> {
    /// Unlocked values, each made by `init` with the CPU's number. Not for signal handlers.
    ///
    /// # Panics
    /// If there is no memory; see [`try_new`](Self::try_new).
    #[must_use]
    #[track_caller]
    pub fn new(mut init: impl FnMut(u32) -> T) -> Self {
        Self { slots: PerCpu::new(|cpu| Slot::new(init(cpu))) }
    }

    /// [`new`](Self::new), for programs that go on without memory.
    ///
    /// # Errors
    /// [`AllocError`] if the system has none.
    pub fn try_new(mut init: impl FnMut(u32) -> T) -> Result<Self, AllocError> {
        Ok(Self { slots: PerCpu::try_new(|cpu| Slot::new(init(cpu)))? })
    }

    /// The number of locks: one more than the highest possible CPU number.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.slots.slots()
    }

    /// Takes the lock of the CPU that the thread runs on, waiting for it if need be; the thread may be on another one then.
    ///
    /// A thread that takes a second lock while it holds one may wait for itself: it can run on the same CPU still, and two threads
    /// that do so can wait for each other. A signal handler may wait for the thread it has interrupted: there, use
    /// [`try_lock`](Self::try_lock).
    ///
    /// # Panics
    /// As every sequence that cannot run and cannot own the slot either: if the CPU cannot be fenced
    /// ([`FenceError`](crate::fence::FenceError)), or in the handler of a fault's signal (SIGSEGV and the like, which are not
    /// held back) that has interrupted this thread in the middle of taking the same CPU's lock.
    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        match acquire(&self.slots) {
            Ok(cpu) => self.guard(cpu),
            Err(cpu) => self.lock_contended(cpu),
        }
    }

    /// Takes the lock of the CPU that the thread runs on, unless it is held. Async-signal-safe, and so is dropping the guard.
    ///
    /// # Panics
    /// As [`lock`](Self::lock).
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        self.attempt().ok()
    }

    /// Takes the lock of `cpu`, from any thread, whether that CPU is online or not, waiting for it if need be. As
    /// [`PerCpu::exclusive`] it interrupts that CPU for a moment. A thread that holds this lock already waits for ever.
    ///
    /// # Errors
    /// As [`PerCpu::exclusive`].
    pub fn lock_on(&self, cpu: u32) -> Result<Guard<'_, T>, ExclusiveError> {
        let mut round = 0;
        loop {
            if let Some(guard) = self.try_lock_on(cpu)? {
                return Ok(guard);
            }
            // Each try interrupts the CPU: only if the lock was seen free, and more and more rarely if it is taken again at once.
            (0..LOOKS << round).for_each(|_| core::hint::spin_loop());
            round = DOUBLINGS.min(round + 1);
            while (0..hooks::rounds(LOOKS)).all(|_| self.is_held(cpu)) {
                self.sleep(cpu);
            }
        }
    }

    /// Takes the lock of `cpu` unless it is held, from any thread. Async-signal-safe, and so is dropping the guard.
    ///
    /// # Errors
    /// As [`PerCpu::exclusive`].
    pub fn try_lock_on(&self, cpu: u32) -> Result<Option<Guard<'_, T>>, ExclusiveError> {
        let taken = self.slots.exclusive_ptr(cpu, Change::Single, |slot| {
            // SAFETY: the slot is ours but for its word, which a holder may make FREE by an atomic store.
            unsafe {
                let word = &raw mut (*slot.as_ptr()).word;
                let free = u32::load(word) == FREE;
                if free {
                    u32::store(word, HELD, Ordering::Relaxed);
                }
                hooks::seen(u32::from(free)) != 0
            }
        })?;
        Ok(taken.then(|| self.guard(cpu)))
    }

    /// The values, slot by slot, without locking, as nobody else has them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().map(|slot| &mut slot.value)
    }

    /// The values, slot by slot. The value of a slot that is [abandoned](ExclusiveError::Abandoned) is not among them.
    pub fn into_inner(self) -> impl Iterator<Item = T> {
        self.slots.into_items().map(|slot| slot.value)
    }

    /// The guard of a lock that the caller has just taken: from here on it has seen what the holder before it did.
    #[inline]
    fn guard(&self, cpu: u32) -> Guard<'_, T> {
        fence(Ordering::Acquire);
        hooks::plain();
        // SAFETY: `cpu` has a slot, or its lock could not have been taken.
        Guard { slot: unsafe { self.slots.item_unchecked(cpu) }, cpu, lock: PhantomData }
    }

    /// In one place, whoever tries.
    #[inline(never)]
    fn attempt(&self) -> Result<Guard<'_, T>, u32> {
        acquire(&self.slots).map(|cpu| self.guard(cpu))
    }

    /// Waits for the lock of the CPU that the thread runs on; that of `cpu` was held.
    #[cold]
    #[inline(never)]
    fn lock_contended(&self, mut cpu: u32) -> Guard<'_, T> {
        loop {
            for _ in 0..hooks::rounds(YIELDS) {
                sys::yield_now();
                match self.attempt() {
                    Ok(guard) => return guard,
                    Err(held) => cpu = held,
                }
            }
            self.sleep(cpu);
        }
    }

    fn is_held(&self, cpu: u32) -> bool {
        core::hint::spin_loop();
        hooks::step("look at the lock");
        // SAFETY: a word of a slot that lives as long as `self`; whoever changes it does so by single stores.
        self.slots
            .item(cpu)
            .is_some_and(|slot| hooks::seen(unsafe { u32::load(&raw const (*slot.as_ptr()).word) }) != FREE)
    }

    /// Sleeps until the lock of `cpu` may be free; see the [module](self).
    fn sleep(&self, cpu: u32) {
        let Some(slot) = self.slots.item(cpu) else { return };
        let _errno = ErrnoKept::new();
        // SAFETY: as in `is_held`; this word is only ever accessed as the atomic it is.
        let sleepers = unsafe { &(*slot.as_ptr()).sleepers };
        hooks::step("look at the sleepers");
        let mut seen = hooks::seen(sleepers.load(Ordering::Acquire));
        if seen & ASLEEP == 0 {
            let asleep = seen | ASLEEP;
            hooks::step("count in");
            if sleepers.compare_exchange(seen, asleep, Ordering::SeqCst, Ordering::Relaxed).is_err() {
                return;
            }
            seen = asleep;
        }
        // Without a barrier, the sleep is bounded.
        if seen & BARRIER == 0 && crate::fence::barrier_everywhere() {
            let had = seen | BARRIER;
            hooks::step("tell of the barrier");
            // If this fails, another sleeper was faster, or `sleepers` is a later number and nobody falls asleep.
            let _ = sleepers.compare_exchange(seen, had, Ordering::SeqCst, Ordering::Relaxed);
            seen = had;
        }
        fence(Ordering::SeqCst);
        if self.is_held(cpu) {
            hooks::step("sleep");
            sys::wait(sleepers, seen, PATIENCE);
        }
    }
}

impl<T> Slot<T> {
    const fn new(value: T) -> Self {
        Self { word: FREE, sleepers: AtomicU32::new(0), value }
    }
}

impl<T> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("slots", &self.slots()).finish_non_exhaustive()
    }
}

/// The right to use the value of one slot, until it is dropped.
///
/// It may be sent to another thread and dropped there: what is locked is the slot, and nothing is remembered of the thread.
#[must_use = "the lock is given back when this is dropped"]
pub struct Guard<'l, T> {
    slot: NonNull<Slot<T>>,
    cpu: u32,
    lock: PhantomData<&'l Lock<T>>,
}

// SAFETY: it is a `&mut T`, and giving the lock back takes a store and at most a wake, which any thread may do. The sleeper's
// barriers reach the CPU of whatever thread that is.
unsafe impl<T: Send> Send for Guard<'_, T> {}
// SAFETY: a shared guard gives shared references to the value only.
unsafe impl<T: Sync> Sync for Guard<'_, T> {}

impl<T> Guard<'_, T> {
    /// The CPU whose lock this is: that on which it was taken, wherever the thread runs now.
    #[must_use]
    pub fn cpu(&self) -> u32 {
        self.cpu
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the slot lives as long as the lock, and its value is ours until the guard is dropped.
        unsafe { &(*self.slot.as_ptr()).value }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and the guard is borrowed exclusively.
        unsafe { &mut (*self.slot.as_ptr()).value }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        hooks::step("unlock");
        // SAFETY: the slot lives as long as the lock; the word is ours to make FREE.
        let sleepers = unsafe {
            u32::store(&raw mut (*self.slot.as_ptr()).word, FREE, Ordering::Release);
            &(*self.slot.as_ptr()).sleepers
        };
        compiler_fence(Ordering::SeqCst);
        hooks::step("look for sleepers");
        if hooks::seen(sleepers.load(Ordering::Relaxed)) & ASLEEP != 0 {
            wake(sleepers);
        }
    }
}

#[cold]
#[inline(never)]
fn wake(sleepers: &AtomicU32) {
    hooks::step("wake the sleepers");
    let next = |seen: u32| (seen & ASLEEP != 0).then(|| (seen | BARRIER | ASLEEP).wrapping_add(1));
    if sleepers.fetch_update(Ordering::SeqCst, Ordering::Relaxed, next).is_ok() {
        let _errno = ErrnoKept::new();
        sys::wake_all(sleepers);
    }
}

impl<T: fmt::Debug> fmt::Debug for Guard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("cpu", &self.cpu).field("value", &**self).finish()
    }
}
