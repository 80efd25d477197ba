//! Owning a gate: signals held back, forks held off, and the gate given back however the owner leaves.
//!
//! A fork copies memory in the middle of whatever other threads do. So that no child is born with a slot in the
//! middle of a change, forks and owners exclude each other, as malloc does it. Each owner is counted in [`OWNERS`], each fork
//! ([`pthread_atfork`](libc::pthread_atfork)) in [`FORKS`]:
//!
//! ```text
//! owner: OWNERS += 1; if FORKS != 0 { OWNERS -= 1; wait for FORKS == 0; again }      both sequentially
//! fork:  FORKS += 1; wait, for a bounded time, until OWNERS is what this thread holds     consistent
//! ```
//!
//! Of an owner and a fork that come at the same time, at least one sees the other. A thread that holds a gate already, or that
//! is forking itself (and runs a signal handler, or another library's fork handler), does not wait for forks: they wait for
//! it. A fork that bypasses the handlers (`_Fork`, raw `clone`) leaves gates to be taken over, or slots
//! abandoned (see [`gate`](super::gate)).

#[cfg(all(target_os = "linux", not(miri)))]
mod fork;

use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, Ordering};

use super::gate::{Change, Gate, Owners, Refusal, Threads};
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) use fork::prepare_for_fork;

use crate::model::hooks;
use crate::{arch, sys};

/// The number of gates that threads of this process own or wait for.
static OWNERS: AtomicU32 = AtomicU32::new(0);
/// The number of forks under way.
static FORKS: AtomicU32 = AtomicU32::new(0);
/// How many forks with handlers there were on the way from the first process to this one, modulo 2^32.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Changes in the child of a fork: a word that counts threads, and was last changed in another generation, may count some that do not
/// exist any more.
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// How long owner and fork wait for each other in one sleep, in milliseconds.
const SLEEP: u32 = 10;

/// The gate is owned by the calling thread, as one of `owners`, until this is dropped.
pub(crate) struct Owned<'g, O: Owners = Threads> {
    gate: &'g Gate,
    owners: O,
    /// Dropped after `drop` has opened the gate. In a model, the run has signals held back, and forks do not matter.
    _counted: hooks::Real<Counted>,
    /// The thread that acquired it must give it back.
    not_send: PhantomData<*const ()>,
}

impl<'g> Owned<'g> {
    /// Acquires `gate` for the calling thread. Fencing the CPU is up to the caller. Async-signal-safe.
    pub(crate) fn acquire(gate: &'g Gate, change: Change) -> Result<Self, Refusal> {
        Self::acquire_among(gate, Threads, change)
    }
}

impl<'g, O: Owners> Owned<'g, O> {
    /// As [`acquire`](Owned::acquire), of a gate that any of `owners` may own.
    pub(crate) fn acquire_among(gate: &'g Gate, owners: O, change: Change) -> Result<Self, Refusal> {
        Self::by(gate, owners, |owners| gate.acquire(owners, change))
    }

    /// Acquires the gate of a slot that its owner abandoned.
    pub(crate) fn acquire_abandoned(gate: &'g Gate, owners: O) -> Option<Self> {
        let acquire = |owners: &O| gate.acquire_abandoned(owners).then_some(()).ok_or(Refusal::Closed);
        Self::by(gate, owners, acquire).ok()
    }

    fn by(
        gate: &'g Gate,
        owners: O,
        acquire: impl FnOnce(&O) -> Result<(), Refusal>,
    ) -> Result<Self, Refusal> {
        let counted = hooks::real(Counted::new);
        hooks::step("close the gate");
        acquire(&owners)?;
        hooks::own(1);
        Ok(Self { gate, owners, _counted: counted, not_send: PhantomData })
    }
}

impl<O: Owners> Drop for Owned<'_, O> {
    fn drop(&mut self) {
        self.gate.release(&self.owners);
        hooks::own(-1);
    }
}

/// An owner as forks see it, with signals held back.
struct Counted {
    _signals: sys::SignalsHeld,
}

impl Counted {
    fn new() -> Self {
        let _signals = sys::SignalsHeld::new();
        count_in(change_depth(1) == 1);
        Self { _signals }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        uncount();
        change_depth(-1);
    }
}

/// Calls `f`, which forks wait for as for the owner of a gate.
pub(crate) fn without_forks<R>(f: impl FnOnce() -> R) -> R {
    let _counted = Counted::new();
    f()
}

/// Counts an owner, after the forks that are under way unless it must not wait for them.
fn count_in(outermost: bool) {
    loop {
        let forks = FORKS.load(Ordering::SeqCst);
        if forks != 0 && outermost {
            sys::wait(&FORKS, forks, SLEEP);
            continue;
        }
        OWNERS.fetch_add(1, Ordering::SeqCst);
        if !outermost || FORKS.load(Ordering::SeqCst) == 0 {
            return;
        }
        uncount();
    }
}

fn uncount() {
    OWNERS.fetch_sub(1, Ordering::SeqCst);
    if FORKS.load(Ordering::SeqCst) != 0 {
        sys::wake_all(&OWNERS);
    }
}

/// Adds to the number of gates that the calling thread holds or waits for (and forks that it makes), and returns it. Where threads have
/// no blocks each gate counts as the only one.
fn change_depth(by: i32) -> u32 {
    let Some(block) = arch::thread_block() else { return u32::from(by > 0) };
    // SAFETY: the thread's own block. Signals are held back.
    let depth = unsafe { &block.as_ref().exclusive_depth };
    depth.set(depth.get().wrapping_add_signed(by));
    depth.get()
}
