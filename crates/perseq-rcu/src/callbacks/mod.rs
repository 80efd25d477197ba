//! What is done after a grace period: callbacks, their queues, and who runs them.
//!
//! ```text
//! defer:    push onto the running CPU's queue                                         (one sequence)
//! collect:  take a queue, or all; the callbacks become a batch that waits for a grace period
//! run:      the batches whose grace period has ended
//! ```
//!
//! A callback that is the last of [`BATCH`] on its CPU has these collected, by the thread that deferred it or by the [`Worker`]
//! if there is one. Without a worker that thread also runs the batches that are ready, and takes a grace period as far as it gets
//! without waiting: so the cost is shared by those who cause it, and memory goes back to the CPU it came from.
//!
//! Invariant: a callback is in one queue, or in one batch, or being run, and is run once; from a queue into a batch it goes under the lock
//! of the batches, so whoever finds a queue empty and then takes that lock finds the batch. The number of a callback in its queue is
//! one more than that of the one below it, so a push knows how many there are without another word to change.
//!
//! Ordering: the grace period of a batch begins after its callbacks were taken from their queue, and so after they were deferred.

mod held;
mod queue;
mod worker;

use std::any::Any;
use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

pub(crate) use queue::Head;
use queue::{Chain, Queues};
use worker::Wish;
pub use worker::Worker;

use crate::anew::Anew;
use crate::domain::Domain;
use crate::patience::Patience;

/// How many callbacks of a CPU are collected at once: enough for a grace period to cost little for each.
const BATCH: usize = 1024;
/// How long a thread that defers is held up, at each batch, while there are more callbacks than the limit.
const THROTTLE: Duration = Duration::from_millis(1);

/// The callbacks of a domain.
#[derive(Debug)]
pub(crate) struct Callbacks {
    queues: Queues,
    batches: Anew<Batches>,
    /// How many callbacks may wait before who defers is held up.
    limit: AtomicUsize,
}

#[derive(Debug)]
struct Batches {
    state: Mutex<State>,
    /// A batch was run, or the worker is wanted.
    changed: Condvar,
    worker: AtomicU32,
}

#[derive(Debug)]
struct State {
    /// In the order of their numbers, and so of their grace periods.
    waiting: VecDeque<Batch>,
    /// The numbers of those that are being run.
    running: Vec<u64>,
    /// How many there have been.
    count: u64,
    wish: Wish,
}

/// Callbacks that wait for the same grace period.
#[derive(Debug)]
struct Batch {
    number: u64,
    /// See [`Sequence`](crate::grace::Sequence).
    target: u64,
    callbacks: Chain,
}

thread_local! {
    /// The calling thread is running callbacks.
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread is running a callback.
pub(crate) fn is_running() -> bool {
    RUNNING.get()
}

impl Batches {
    const fn new() -> Self {
        let state = State { waiting: VecDeque::new(), running: Vec::new(), count: 0, wish: Wish::Nothing };
        Self { state: Mutex::new(state), changed: Condvar::new(), worker: AtomicU32::new(worker::NONE) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, callbacks: Chain, target: u64) {
        if !callbacks.is_empty() {
            self.count += 1;
            self.waiting.push_back(Batch { number: self.count, target, callbacks });
        }
    }

    fn len(&self) -> usize {
        self.waiting.iter().map(|batch| batch.callbacks.len()).sum()
    }

    /// What the oldest batch waits for, if that is none of those after number `last`.
    fn oldest(&self, last: u64) -> Option<u64> {
        self.waiting.front().filter(|batch| batch.number <= last).map(|batch| batch.target)
    }

    /// Takes the oldest batch, to run it, if `wanted` says so.
    fn take(&mut self, wanted: impl FnOnce(&Batch) -> bool) -> Option<Batch> {
        if !wanted(self.waiting.front()?) {
            return None;
        }
        let batch = self.waiting.pop_front()?;
        self.running.push(batch.number);
        Some(batch)
    }
}

impl Callbacks {
    pub(crate) const fn new() -> Self {
        Self {
            queues: Queues::new(),
            batches: Anew::new(Batches::new()),
            limit: AtomicUsize::new(usize::MAX),
        }
    }

    /// Forgets all callbacks: they are the parent's. Async-signal-safe.
    ///
    /// # Safety
    /// As [`Anew::replace`].
    pub(crate) unsafe fn begin_anew(&self) {
        // SAFETY: the caller's promise.
        unsafe {
            self.queues.begin_anew();
            self.batches.replace(Batches::new());
        }
    }
}

impl Domain {
    /// Puts a callback into the queue of the running CPU.
    ///
    /// # Safety
    /// `callback` must be valid, and nobody else's until it is run, which another thread may do.
    #[inline]
    pub(crate) unsafe fn enqueue(&'static self, callback: NonNull<Head>) {
        if !self.callbacks.queues.exist() {
            // Forks have to know of the domain before there is a callback that is not theirs.
            self.prepare();
        }
        // SAFETY: the caller's promise.
        match unsafe { self.callbacks.queues.push(callback) } {
            Some(number) if number % BATCH > 1 => {}
            number => self.has_queued(number, callback),
        }
    }

    /// There is a first callback in a queue again, or there are enough for a batch, or there is no queue.
    #[cold]
    fn has_queued(&'static self, number: Option<usize>, callback: NonNull<Head>) {
        let batches = &*self.callbacks.batches;
        match number {
            None => {
                self.collect(&mut batches.lock(), || Chain::of(callback));
            }
            Some(number) if number % BATCH == 1 => return batches.is_first(),
            Some(_) if batches.has_worker() => batches.is_full(),
            Some(_) => self.collect(&mut batches.lock(), || self.callbacks.queues.take_here()),
        }
        if !held::put_off() {
            self.help_in_turn(number.unwrap_or(0));
        }
    }

    /// What a thread does for the domain that has put callbacks into it, unless it is running some.
    pub(super) fn help_in_turn(&'static self, queued: usize) {
        // A callback that panics here while a value is dropped by another panic would end the process.
        if !RUNNING.get() && !thread::panicking() {
            self.help();
            self.throttle(queued);
        }
    }

    /// Makes a batch of the callbacks that `take` takes from a queue.
    fn collect(&'static self, state: &mut State, take: impl FnOnce() -> Chain) {
        let callbacks = take();
        // After the callbacks were taken.
        let target = self.target();
        state.add(callbacks, target);
    }

    /// Without a worker: runs what is ready, after an attempt to make it so.
    fn help(&'static self) {
        let batches = &*self.callbacks.batches;
        if batches.has_worker() {
            return;
        }
        let Some(oldest) = batches.lock().waiting.front().map(|batch| batch.target) else { return };
        if self.try_reach(oldest) {
            self.run_ready();
        }
    }

    /// Holds the calling thread up for a moment, if there are too many callbacks.
    fn throttle(&'static self, queued: usize) {
        let limit = self.callbacks.limit.load(Ordering::Relaxed);
        let mut patience = Patience::new();
        while limit != usize::MAX && self.backlog() + queued > limit && patience.elapsed() < THROTTLE {
            patience.wait();
            self.help();
        }
    }

    /// Runs the batches whose grace period has ended.
    fn run_ready(&'static self) {
        loop {
            let ready = self.callbacks.batches.lock().take(|batch| self.has_reached(batch.target));
            let Some(batch) = ready else { return };
            self.run(batch);
        }
    }

    /// Runs a batch that was taken, whose grace period has ended.
    ///
    /// # Panics
    /// With the first panic of a callback, after all were run.
    fn run(&'static self, batch: Batch) {
        let nested = RUNNING.replace(true);
        let mut panic: Option<Box<dyn Any + Send>> = None;
        for callback in batch.callbacks {
            // SAFETY: it was in one queue and is in no batch any more, and its grace period has ended.
            let ran = catch_unwind(AssertUnwindSafe(|| unsafe { Head::run(callback) }));
            panic = panic.or(ran.err());
        }
        RUNNING.set(nested);
        let batches = &*self.callbacks.batches;
        batches.lock().running.retain(|number| *number != batch.number);
        batches.changed.notify_all();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// Waits until all callbacks have been run that were deferred before the call, by whichever thread: runs those itself that nobody
    /// else is running. Waits for readers, so not to be called by one.
    ///
    /// # Panics
    /// If it is called by a callback, which it would wait for; if a callback panics, after the others were run; and as
    /// [`synchronize`](Self::synchronize).
    pub fn barrier(&'static self) {
        assert!(!RUNNING.get(), "a callback cannot wait for all callbacks, as it is one of them");
        let batches = &*self.callbacks.batches;
        for cpu in self.callbacks.queues.not_empty() {
            let mut state = batches.lock();
            match self.callbacks.queues.take(cpu) {
                Ok(callbacks) => self.collect(&mut state, || callbacks),
                Err(error) => panic!("callbacks cannot be taken from the queue of a CPU: {error}"),
            }
        }
        let last = batches.lock().count;
        let mut panic: Option<Box<dyn Any + Send>> = None;
        loop {
            let Some(target) = batches.lock().oldest(last) else { break };
            self.reach(target);
            let Some(batch) = batches.lock().take(|batch| batch.target <= target) else { continue };
            panic = panic.or(catch_unwind(AssertUnwindSafe(|| self.run(batch))).err());
        }
        let mut state = batches.lock();
        while state.running.iter().any(|number| *number <= last) {
            state = batches.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// How many callbacks wait for a grace period, or for their turn; beside those, few enough, that are in the queues of CPUs.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.callbacks.batches.lock().len()
    }

    /// Has threads that defer callbacks held up while more than `callbacks` wait to be run: each for a millisecond at each 1024th that it
    /// defers. So memory grows slowly even if a reader does not leave, and a reader that defers is not held up for ever by itself. There
    /// is no limit at first.
    pub fn limit_backlog(&self, callbacks: usize) {
        self.callbacks.limit.store(callbacks, Ordering::Relaxed);
    }
}
