//! [`Domain`]: readers, and the writers that wait for them.
//!
//! A domain is `'static`: a reader can be anywhere at any time, and a fork has to find every domain there is.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use perseq::fork::InChild;
use perseq::statics::{Link, Linked};

use crate::callbacks::{self, Callbacks, Head};
use crate::counts::{Phase, enter, leave};
use crate::readers::Readers;
use crate::stall::{Balanced, Stall};
use crate::writers::{GraceError, GraceState, Writers};

/// A set of readers, and what waits for them: readers of one domain do not hold up writers of another.
///
/// Most programs need one only, which is there: [`Domain::global`], by the functions of this crate. See the [crate](crate) for what may be
/// done where.
///
/// ```
/// use perseq_rcu::Domain;
///
/// static ROUTES: Domain = Domain::new();
///
/// let reading = ROUTES.read();
/// // … whatever a pointer leads to that was loaded here …
/// drop(reading);
/// ROUTES.synchronize();
/// ```
#[derive(Debug)]
pub struct Domain {
    pub(crate) readers: Readers,
    writers: Writers,
    pub(crate) callbacks: Callbacks,
    /// In [`DOMAINS`].
    linked: AtomicBool,
    next: Link<Domain>,
}

impl Linked for Domain {
    fn next(&self) -> &Link<Self> {
        &self.next
    }
}

/// Every domain that was written to, for forks.
static DOMAINS: Link<Domain> = Link::new();
static IN_CHILD: InChild = InChild::new(begin_anew);

fn begin_anew() {
    for domain in DOMAINS.iter() {
        // SAFETY: called in the child of a fork only.
        unsafe {
            domain.readers.begin_anew();
            domain.writers.begin_anew();
            domain.callbacks.begin_anew();
        }
    }
}

/// The calling thread, or whoever has this, is a reader until it is dropped. See [`Domain::read`].
#[derive(Debug)]
#[must_use = "a reader is one until this is dropped"]
pub struct ReadGuard {
    domain: &'static Domain,
    phase: Phase<Domain>,
}

// SAFETY: a reader is a number in a count, of whatever thread; it leaves on the CPU where it is dropped. Whoever sends it elsewhere
// orders what was read before with what is read there.
unsafe impl Send for ReadGuard {}
// SAFETY: a shared reference does nothing.
unsafe impl Sync for ReadGuard {}

impl ReadGuard {
    /// The domain of which this is a reader.
    #[must_use]
    #[inline]
    pub fn domain(&self) -> &'static Domain {
        self.domain
    }
}

impl Drop for ReadGuard {
    #[inline]
    fn drop(&mut self) {
        leave(&self.phase, self.domain);
    }
}

impl Domain {
    /// A domain without readers.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            readers: Readers::new(),
            writers: Writers::new(),
            callbacks: Callbacks::new(),
            linked: AtomicBool::new(false),
            next: Link::new(),
        }
    }

    /// The domain of whoever has no reason for one of his own.
    #[must_use]
    #[inline]
    pub fn global() -> &'static Self {
        static GLOBAL: Domain = Domain::new();
        &GLOBAL
    }

    /// Becomes a reader: what is unpublished from now on stays whole until the guard is dropped.
    ///
    /// Costs two restartable sequences, here and at the drop. Readers nest; a guard may be dropped on another CPU and on another thread than it was
    /// taken on, so it may be held across an `.await`. Wait-free; async-signal-safe.
    ///
    /// A guard that is [forgotten](std::mem::forget), or whose thread ends without dropping it, holds up writers for ever; see
    /// [`on_stall`](Self::on_stall). In the child of a fork the guards of the parent protect nothing, and may be dropped.
    #[inline]
    pub fn read(&'static self) -> ReadGuard {
        ReadGuard { domain: self, phase: enter(&self.readers.phase(), self) }
    }

    /// Waits until all readers have left that were inside at the call. What was unpublished before can then be freed.
    ///
    /// Callers that come at the same time share grace periods. About the cost of a membarrier(2), if there are no readers; it
    /// grows with the CPUs of the machine, not with threads or readers. Not for signal handlers, and not to be called by a reader, who would
    /// wait for himself.
    ///
    /// # Panics
    /// If it is called by a callback, which may be run by a reader that defers another one; and if other CPUs cannot be made to execute a
    /// barrier, because membarrier(2) was forbidden to this process after its start, and sched_setaffinity(2) too; see
    /// [`synchronize_within`](Self::synchronize_within).
    pub fn synchronize(&'static self) {
        self.reach(self.target());
    }

    /// [`synchronize`](Self::synchronize), for no longer than `time`.
    ///
    /// # Errors
    /// [`GraceError`]: the grace period is not over, or cannot be had.
    ///
    /// # Panics
    /// If it is called by a callback.
    pub fn synchronize_within(&'static self, time: Duration) -> Result<(), GraceError> {
        self.reach_within(self.target(), Some(time))
    }

    /// A state that is reached when a grace period has passed after this call. For whoever does not want to wait; async-signal-safe.
    ///
    /// ```
    /// static SESSIONS: perseq_rcu::Domain = perseq_rcu::Domain::new();
    ///
    /// let reading = SESSIONS.read();
    /// let state = SESSIONS.state();
    /// assert!(!SESSIONS.poll(state));
    /// drop(reading);
    /// assert!(SESSIONS.poll(state) || SESSIONS.poll(state));
    /// ```
    #[must_use]
    pub fn state(&self) -> GraceState {
        GraceState(self.target())
    }

    /// Whether `state` is reached: as far as that can be brought about without waiting for readers or for other writers. It takes two calls
    /// at least while readers come and go.
    ///
    /// Where there can be [no grace period](GraceError::Fence) it says no.
    #[must_use]
    pub fn poll(&'static self, state: GraceState) -> bool {
        self.try_reach(state.0)
    }

    /// Has `report` called whenever a grace period is waited for that long, and each time as much again. It is called by the thread that
    /// waits, which holds up others that do; it may not write to this domain, and not fork.
    ///
    /// A report that is replaced by another is never freed: set it once.
    pub fn on_stall(&self, after: Duration, report: impl Fn(&Stall) + Send + Sync + 'static) {
        self.writers.on_stall(after, Box::new(report));
    }

    /// How many grace periods there have been.
    #[must_use]
    pub fn grace_periods(&self) -> u64 {
        self.writers.sequence().ended()
    }

    /// Calls `callback` after a grace period, on some thread: that of the domain's [`Worker`](crate::Worker), or one that defers others later, or
    /// that calls [`barrier`](Self::barrier). It allocates, so it is not for signal handlers; it never waits for readers, so they may call it.
    ///
    /// Without a worker up to 1023 callbacks of each CPU stay where they are until there are more, or somebody calls `barrier`.
    /// They are run in no particular order; they may defer others, but not fork, and not wait for readers, as a reader may run them; nor
    /// for a lock that is held where something is deferred. One that panics does so on the thread that runs it, after the
    /// others. Callbacks that are deferred at a fork are the parent's: the child does not run them.
    #[inline]
    pub fn defer(&'static self, callback: impl FnOnce() + Send + 'static) {
        let callback = Box::new(Deferred { head: Head::new(run_deferred_of(&callback)), callback });
        // SAFETY: fresh, and given away.
        unsafe { self.enqueue(NonNull::new_unchecked(Box::into_raw(callback)).cast()) };
    }

    /// How many readers are inside, as far as that is seen without a barrier: for the test that shows why there is one.
    #[doc(hidden)]
    #[must_use]
    pub fn seen_inside(&self) -> u64 {
        self.readers.balance().into_stall(Duration::ZERO).readers
    }

    pub(crate) fn target(&self) -> u64 {
        self.writers.sequence().target()
    }

    pub(crate) fn has_reached(&self, target: u64) -> bool {
        self.writers.sequence().has_reached(target)
    }

    /// Waits for a number of the sequence.
    pub(crate) fn reach(&'static self, target: u64) {
        if let Err(error) = self.reach_within(target, None) {
            panic!("{error}");
        }
    }

    fn reach_within(&'static self, target: u64, time: Option<Duration>) -> Result<(), GraceError> {
        assert!(
            !callbacks::is_running(),
            "a callback cannot wait for readers: the thread that runs it may be one"
        );
        // Before any lock, for the child of a fork not to find it locked.
        self.prepare();
        self.writers.reach(&self.readers, target, time)
    }

    /// As far as that is possible without waiting.
    pub(crate) fn try_reach(&'static self, target: u64) -> bool {
        self.prepare();
        self.writers.try_reach(&self.readers, target)
    }

    /// Makes what it takes to count readers, and lets forks know of this domain. Async-signal-safe.
    pub(crate) fn prepare(&'static self) {
        if !self.linked.load(Ordering::Acquire) {
            IN_CHILD.register();
            // Whoever else is in the middle of it does it for this one too: a fork that finds readers finds the domain.
            DOMAINS.add(self);
            self.linked.store(true, Ordering::Release);
        }
        self.readers.make();
    }

    pub(crate) fn forks(&self) -> u32 {
        self.readers.forks()
    }
}

impl Default for Domain {
    fn default() -> Self {
        Self::new()
    }
}

/// A closure in a queue.
#[repr(C)]
struct Deferred<F> {
    head: Head,
    callback: F,
}

/// How the closure is run that `_callback` is.
fn run_deferred_of<F: FnOnce()>(_callback: &F) -> unsafe fn(NonNull<Head>) {
    unsafe fn run<F: FnOnce()>(callback: NonNull<Head>) {
        // SAFETY: it is the beginning of what `defer` has made of a box of this type, and is run once.
        let deferred = unsafe { Box::from_raw(callback.cast::<Deferred<F>>().as_ptr()) };
        (deferred.callback)();
    }
    run::<F>
}
