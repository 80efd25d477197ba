//! [`RawMutex`]: the protocol of [`Mutex`](super::Mutex), without the data.
//!
//! Two words: `state`, and `turn`, on which waiters sleep; sleeping on a word of its own, they are not disturbed by threads that
//! take the mutex and give it back meanwhile. A third word says on which CPU the owner was when it became the owner: a hint.
//!
//! `state` holds the bits `L` (LOCKED), `W` (WOKEN) and `H` (HANDOFF), `n`, the number of sleepers, and some bits of the number of
//! terms (a term is the time of one owner).
//!
//! ```text
//! lock     any                →  L                      acquire; if there was no L the caller is the owner, but with H it unlocks again
//! try      !L !H              →  L                      acquire
//! unlock    L                 →  !L, next term          release; then wake, if n > 0 and !W, or H
//! wake     !L !W  n > 0       →  W; then turn += 1, wake one sleeper   (because of H: turn += 1, wake one who has waited long)
//! take     !L, !H or late     →  L (!W) (!H)            acquire; by a waiter
//! spin      L !W  n > 0       →  W                      a spinner is as good as a sleeper that was woken
//! sleep     L, or H not late  →  n + 1 (!W) (H)         turn was read before; then sleep while turn is what it was
//! awake     n                 →  n − 1
//! ```
//!
//! In brackets: `!W` by whoever has the *duty*, which is a thread that set `W` as a spinner or has slept since it came; `H` is set, and
//! taken away, by waiters that are *late*: they have waited long.
//!
//! # No wake-up is lost
//! Claim: while somebody sleeps and the mutex is free, a thread that is awake is bound to wake a sleeper or to take the mutex
//! (whose unlock comes by here again). Who gives the mutex back with `n > 0` is bound itself, until one of these: it finds the
//! mutex taken, and then the new owner is bound; or `W`, and then whoever has the duty is; or it sets `W`. In the last case a
//! sleeper was counted, so it had read `turn` before (the acquire load comes before its announcement), and it has not counted itself
//! out. Either it sleeps and the wake reaches it or another one; or it does not yet, and then it finds that `turn` has moved
//! (it moves after `W` is set) and does not sleep; or it is about to count itself out. In each case somebody returns from `sleep`,
//! and everybody who does has the duty.
//!
//! Whoever has the duty takes the mutex, or sleeps again. It takes `W` away together with either, in one step, and sleeps only if
//! in that step the mutex is locked, so that its owner finds `n > 0` without `W`; or free with `H`: then the unlock that freed it has
//! seen `H`, which is only ever set on a locked mutex, and wakes somebody who will take it. If several believe to have the duty,
//! `W` goes earlier than it might, and a sleeper too many is woken.
//!
//! `H` leads to somebody: whoever set it waits until it is the owner, and takes it away then. It is found by its group, which no other
//! waiter is in, or by `turn`, as above.
//!
//! Should all of this be wrong, it is slow: no sleep is longer than [`PATIENCE`].
//!
//! # In the child of a fork
//! There the waiters of the parent do not exist, but `n`, `W` and `H` speak of them. So a thread compares the `generation` in which they
//! were last right with that of the process: before it waits, before it wakes, and before a `try_lock` gives up because of `H`. The
//! one that moves the generation on takes away the sleepers that it found before it did: nobody has waited in this process until then. Who
//! waits before that is done as well may heed a `W` that stands for nobody, and a thread that forks in a signal handler while it
//! waits may be forgotten with the others. So nobody counts itself out below 0, and the harm is one sleep of [`PATIENCE`].
//!
//! # Nobody starves
//! A waiter that has slept [`BEFORE_HANDOFF`] times in vain, others having become owners meanwhile, is late and sets `H`. (If one owner
//! keeps the mutex for long, nobody was overtaken.) From then on only those who are late become owners; a newcomer that was faster notices it, and gives the mutex back unused, once. Among the late the kernel wakes the one first that
//! slept first.
//!
//! # Whether to spin
//! If the owner's CPU is that of the waiter, the owner does not run, and nothing is won by looking again: the waiter sleeps at
//! once. Otherwise it looks [`LOOKS`] times, and how soon depends on what the owner does. If a term lasts longer than it takes to
//! look, the waiter looks soon again. If terms pass quicker than that, each look takes the cache line away from an owner that is about to
//! take the mutex again, and many turns on one CPU are cheaper than one journey of the line: then the mutex is *crowded*, and
//! the waiter keeps away for a while. Unlocks number the terms without further cost.
//!
//! # Ordering
//! `L` is set with acquire and taken away with release, and every change of `state` between the two is
//! read-modify-write, so it continues the release sequence.

use core::num::NonZeroU32;
use core::sync::atomic::{AtomicU32, Ordering};

use perseq_abi::Feature;

use crate::cpu;
use crate::percpu::generation;
use crate::registration::{self, Registered};
use crate::slice::Extension;
use crate::sys::{self, ErrnoKept};

/// Somebody is awake for the sleepers' sake: an unlock need not wake anybody.
const WOKEN: u32 = 1;
/// Somebody has waited for so long that the mutex is reserved for those who have.
const HANDOFF: u32 = 1 << 1;
/// One sleeper. There is room for 2^22 - 1 of them, and Linux has fewer threads.
const SLEEPER: u32 = 1 << 2;
const SLEEPERS: u32 = LOCKED - SLEEPER;
/// There is an owner. An unlock adds this once more, which carries into the bits above: they number the
/// terms of the owners, modulo 128.
const LOCKED: u32 = 1 << 24;
const TERM: u32 = LOCKED << 1;

/// How often a waiter looks before it sleeps.
const LOOKS: u32 = 10;
/// How many pauses of the processor there are between two looks: mostly less than 0.1 µs.
const SHORT: u32 = 3;
/// And if the mutex is crowded: about 1 to 2 µs.
const LONG: u32 = 64;
/// So many terms between two looks make a crowd.
const CROWD: u32 = 2;
/// How long a sleep may be, in milliseconds.
const PATIENCE: u32 = 5;
/// How often a waiter sleeps, and is overtaken meanwhile, before it insists.
const BEFORE_HANDOFF: u32 = 2;
/// Of how many wakes one takes no account of nodes.
const ANY_NODE: u32 = 8;

/// The group of those who have waited long; the others are those of NUMA nodes.
const LATE: NonZeroU32 = NonZeroU32::new(1 << 31).expect("not zero");
/// Everybody.
const ALL: NonZeroU32 = NonZeroU32::MAX;

/// The groups of nodes on which somebody has slept so far.
static NODES: AtomicU32 = AtomicU32::new(0);

/// The group of the calling thread's node.
fn node() -> NonZeroU32 {
    let node = Registered::current().and_then(Registered::node_id).unwrap_or(0);
    NonZeroU32::new(1 << (node % LATE.trailing_zeros())).unwrap_or(ALL)
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct RawMutex {
    state: AtomicU32,
    /// Moves whenever somebody is to wake.
    turn: AtomicU32,
    /// The CPU on which the last owner became it, as its area says: negative if it is not registered.
    owner_cpu: AtomicU32,
    /// Of the process in which the waiters that `state` speaks of live.
    generation: AtomicU32,
}

/// What a thread that waits knows of itself.
#[derive(Clone, Copy, Default)]
struct Waiter {
    /// It is what `WOKEN` stands for.
    duty: bool,
    /// It has waited long: `HANDOFF` is for it.
    late: bool,
}

impl RawMutex {
    pub(crate) const fn new() -> Self {
        Self {
            state: AtomicU32::new(0),
            turn: AtomicU32::new(0),
            owner_cpu: AtomicU32::new(u32::MAX),
            generation: AtomicU32::new(0),
        }
    }

    /// Whether somebody owns it.
    pub(crate) fn is_locked(&self) -> bool {
        self.state.load(Ordering::Relaxed) & LOCKED != 0
    }

    /// Takes the mutex if it is free and reserved for nobody. Async-signal-safe.
    #[inline]
    pub(crate) fn try_lock(&self) -> bool {
        let mut seen = self.state.load(Ordering::Relaxed);
        if seen & (LOCKED | HANDOFF) != 0 {
            if seen & LOCKED != 0 {
                return false;
            }
            seen = self.without_the_dead();
            if seen & (LOCKED | HANDOFF) != 0 {
                return false;
            }
        }
        let taken =
            self.state.compare_exchange(seen, seen | LOCKED, Ordering::Acquire, Ordering::Relaxed).is_ok();
        if taken {
            self.say_where();
        }
        taken
    }

    /// Takes the mutex, and what should be kept until it is given back: if others want it too, the request not to be
    /// preempted.
    #[inline]
    pub(crate) fn lock(&self) -> Option<Extension> {
        if self.state.fetch_or(LOCKED, Ordering::Acquire) & LOCKED != 0 {
            return self.lock_contended();
        }
        if self.state.load(Ordering::Relaxed) & HANDOFF != 0 {
            return self.lock_after_others();
        }
        self.say_where();
        None
    }

    /// Gives the mutex back, which the caller owns.
    #[inline]
    pub(crate) fn unlock(&self) {
        let before = self.state.fetch_add(LOCKED, Ordering::Release);
        if before & SLEEPERS != 0 && before & (WOKEN | HANDOFF) != WOKEN {
            self.wake(before);
        }
    }

    #[inline]
    fn say_where(&self) {
        self.owner_cpu.store(cpu::in_area(), Ordering::Relaxed);
    }

    /// The caller has become the owner, but somebody has waited long.
    #[cold]
    #[inline(never)]
    fn lock_after_others(&self) -> Option<Extension> {
        self.unlock();
        self.lock_contended()
    }

    #[cold]
    #[inline(never)]
    fn lock_contended(&self) -> Option<Extension> {
        let mut waiter = Waiter::default();
        let mut overtaken = 0;
        loop {
            let before = self.without_the_dead();
            if self.spin(&mut waiter) {
                self.say_where();
                return if registration::has(Feature::SliceCtrl) { Extension::request() } else { None };
            }
            // Modulo 128 terms, so one sleep of 128 in vain is not counted.
            let slept = self.sleep(&mut waiter);
            overtaken += u32::from(slept && self.state.load(Ordering::Relaxed) / TERM != before / TERM);
            waiter.late |= overtaken >= BEFORE_HANDOFF;
        }
    }

    /// The state, without waiters of a process that has forked this one: see the [module](self).
    #[cold]
    #[inline(never)]
    fn without_the_dead(&self) -> u32 {
        let (seen, now) = (self.state.load(Ordering::Acquire), generation());
        let known = self.generation.load(Ordering::Acquire);
        if known == now
            || self.generation.compare_exchange(known, now, Ordering::AcqRel, Ordering::Relaxed).is_err()
        {
            return self.state.load(Ordering::Relaxed);
        }
        let dead = seen & SLEEPERS;
        let forget = |state: u32| {
            let sleepers = (state & SLEEPERS).saturating_sub(dead);
            Some((state & !(SLEEPERS | WOKEN | HANDOFF)) | sleepers)
        };
        let _ = self.state.fetch_update(Ordering::AcqRel, Ordering::Relaxed, forget);
        self.state.load(Ordering::Relaxed)
    }

    /// Whether `waiter` may become the owner if the state is `seen`.
    fn is_free(seen: u32, waiter: Waiter) -> bool {
        seen & LOCKED == 0 && (seen & HANDOFF == 0 || waiter.late)
    }

    /// Becomes the owner if the state is still `seen`.
    fn take(&self, seen: u32, waiter: Waiter) -> bool {
        let mut next = seen | LOCKED;
        if waiter.duty {
            next &= !WOKEN;
        }
        if waiter.late {
            next &= !HANDOFF;
        }
        self.state.compare_exchange(seen, next, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Looks for a while whether the mutex can be had, and says so.
    fn spin(&self, waiter: &mut Waiter) -> bool {
        let mut before = self.state.load(Ordering::Relaxed);
        let mut crowded = false;
        for _ in 0..LOOKS {
            if self.owner_is_preempted(before) {
                return false;
            }
            (0..if crowded { LONG } else { SHORT }).for_each(|_| core::hint::spin_loop());
            let seen = self.state.load(Ordering::Relaxed);
            let terms = (seen / TERM).wrapping_sub(before / TERM) % (u32::MAX / TERM + 1);
            let patient = crowded;
            crowded |= terms >= CROWD;
            if Self::is_free(seen, *waiter) && (patient || !crowded) {
                if self.take(seen, *waiter) {
                    return true;
                }
            } else if seen & SLEEPERS != 0 && seen & (WOKEN | LOCKED) == LOCKED {
                let next = seen | WOKEN;
                waiter.duty |=
                    self.state.compare_exchange(seen, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
            }
            before = seen;
        }
        false
    }

    /// Whether the owner became it on the CPU that the calling thread runs on: so it does not run, unless it has moved.
    fn owner_is_preempted(&self, seen: u32) -> bool {
        let here = cpu::in_area();
        seen & LOCKED != 0 && here.cast_signed() >= 0 && self.owner_cpu.load(Ordering::Relaxed) == here
    }

    /// Sleeps until it is worth to look again; says whether it did.
    fn sleep(&self, waiter: &mut Waiter) -> bool {
        // Where the thread was not registered yet, it is from here on.
        let node = node();
        if NODES.load(Ordering::Relaxed) & node.get() == 0 {
            NODES.fetch_or(node.get(), Ordering::Relaxed);
        }
        let turn = self.turn.load(Ordering::Acquire);
        let announced = self.state.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |seen| {
            if Self::is_free(seen, *waiter) {
                return None;
            }
            let mut next = seen + SLEEPER;
            if waiter.duty {
                next &= !WOKEN;
            }
            if waiter.late {
                next |= HANDOFF;
            }
            Some(next)
        });
        if announced.is_err() {
            return false;
        }
        let _errno = ErrnoKept::new();
        sys::wait_in(&self.turn, turn, PATIENCE, if waiter.late { ALL } else { node });
        waiter.duty = true;
        let count_out = |state: u32| (state & SLEEPERS != 0).then(|| state - SLEEPER);
        let _ = self.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count_out);
        true
    }

    /// Wakes whom an unlock that found the state `before` has to.
    #[cold]
    #[inline(never)]
    fn wake(&self, before: u32) {
        let mut seen = self.without_the_dead();
        if before & seen & HANDOFF != 0 {
            return self.wake_one_of(LATE);
        }
        loop {
            if seen & SLEEPERS == 0 || seen & (LOCKED | WOKEN) != 0 {
                return;
            }
            // In the order of the proof: first this, then `turn`.
            let set = self.state.compare_exchange(seen, seen | WOKEN, Ordering::AcqRel, Ordering::Relaxed);
            match set {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        let several_nodes = NODES.load(Ordering::Relaxed).count_ones() > 1;
        let any = !several_nodes || self.turn.load(Ordering::Relaxed).is_multiple_of(ANY_NODE);
        self.wake_one_of(if any { ALL } else { node() });
    }

    /// Wakes one of `group`, or else anybody.
    fn wake_one_of(&self, group: NonZeroU32) {
        let _errno = ErrnoKept::new();
        self.turn.fetch_add(1, Ordering::AcqRel);
        if !sys::wake_one_in(&self.turn, group) && group != ALL && group != LATE {
            sys::wake_one_in(&self.turn, ALL);
        }
    }
}

#[cfg(all(test, target_os = "linux", not(miri)))]
mod tests {
    extern crate std;

    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    /// Whether the state becomes what `is` says within `limit`.
    fn within(limit: Duration, mutex: &RawMutex, is: impl Fn(u32) -> bool) -> bool {
        let started = Instant::now();
        while started.elapsed() < limit {
            if is(mutex.state.load(Ordering::Relaxed)) {
                return true;
            }
            thread::sleep(Duration::from_micros(100));
        }
        false
    }

    #[test]
    fn who_waits_for_one_long_term_is_not_late() {
        let mutex = RawMutex::new();
        let late = thread::scope(|scope| {
            drop(mutex.lock());
            for _ in 0..3 {
                scope.spawn(|| {
                    drop(mutex.lock());
                    mutex.unlock();
                });
            }
            let all_slept = within(Duration::from_secs(10), &mutex, |state| state & SLEEPERS == 3 * SLEEPER);
            let term = Duration::from_millis(8 * u64::from(PATIENCE));
            let late = within(term, &mutex, |state| state & HANDOFF != 0);
            mutex.unlock();
            late || !all_slept
        });
        assert!(!late);
        assert_eq!(mutex.state.load(Ordering::Relaxed) % LOCKED, 0);
    }

    /// What the child of a fork finds of its parent's waiters.
    fn with_the_dead() -> RawMutex {
        let mutex = RawMutex::new();
        mutex.generation.fetch_sub(1, Ordering::Relaxed);
        mutex.state.fetch_or((3 * SLEEPER) | WOKEN | HANDOFF, Ordering::Relaxed);
        mutex
    }

    #[test]
    fn waiters_of_another_process_are_forgotten_once() {
        let mutex = with_the_dead();
        assert!(mutex.try_lock());
        assert_eq!(mutex.state.load(Ordering::Relaxed), LOCKED);
        // Those that come later stay.
        mutex.state.fetch_add(SLEEPER, Ordering::Relaxed);
        assert_eq!(mutex.without_the_dead() % TERM, LOCKED | SLEEPER);

        let mutex = with_the_dead();
        drop(mutex.lock());
        mutex.unlock();
        assert_eq!(mutex.state.load(Ordering::Relaxed) % LOCKED, 0);
        assert!(mutex.try_lock());

        let mutex = with_the_dead();
        mutex.state.fetch_or(LOCKED, Ordering::Relaxed);
        mutex.unlock();
        assert_eq!(mutex.state.load(Ordering::Relaxed) % LOCKED, 0);
    }
}
