//! The queue of each CPU: a list of callbacks, the last one first, with how many there are.

use std::cell::UnsafeCell;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use perseq::{ExclusiveError, LazyPerCpu, PerCpu, sequence};

use crate::anew::Anew;

/// What a callback begins with.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Head {
    next: *mut Head,
    /// Its number in the queue, from 1.
    number: usize,
    run: unsafe fn(NonNull<Head>),
}

impl Head {
    /// The beginning of a callback that is in no queue; `run` is called with its address, once.
    pub(crate) const fn new(run: unsafe fn(NonNull<Head>)) -> Self {
        Self { next: ptr::null_mut(), number: 0, run }
    }

    /// Runs it. It may be gone afterwards.
    ///
    /// # Safety
    /// It must be valid, its grace period over, and this the only time.
    pub(super) unsafe fn run(this: NonNull<Self>) {
        // SAFETY: the caller's promise.
        unsafe { (this.as_ref().run)(this) };
    }
}

/// What the last callback leads to: number 0. In a cell, as the slow path loads by atomics, which want what can be written.
struct Bottom(UnsafeCell<Head>);

// SAFETY: it is never written to.
unsafe impl Sync for Bottom {}

static BOTTOM: Bottom = Bottom(UnsafeCell::new(Head::new(never)));

unsafe fn never(_: NonNull<Head>) {}

fn bottom() -> *mut Head {
    BOTTOM.0.get()
}

/// One slot.
#[derive(Debug)]
struct Queue {
    top: *mut Head,
}

// SAFETY: callbacks may be run by any thread.
unsafe impl Send for Queue {}

sequence! {
    /// Puts a callback on top; its number.
    ///
    /// # Safety
    /// `callback` must be valid, and in no queue; and so must those be that are in the queue.
    unsafe fn push(queues: &PerCpu<Queue>, callback: *mut Head) -> usize {
        let top: *mut Head = queues.top;
        let below: usize = (*top).number;
        let number: usize = below + 1;
        stage (*callback).number = number;
        stage (*callback).next = top;
        commit queues.top = callback;
        number
    }

    /// Takes the whole queue.
    fn take(queues: &PerCpu<Queue>, bottom: *mut Head) -> *mut Head {
        let top: *mut Head = queues.top;
        commit queues.top = bottom;
        top
    }
}

/// The queues of all CPUs, made when they are needed.
#[derive(Debug)]
pub(super) struct Queues(Anew<LazyPerCpu<Queue>>);

impl Queues {
    pub(super) const fn new() -> Self {
        Self(Anew::new(LazyPerCpu::new(empty)))
    }

    /// Forgets them.
    ///
    /// # Safety
    /// As [`Anew::replace`].
    pub(super) unsafe fn begin_anew(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.0.replace(LazyPerCpu::new(empty)) };
    }

    /// Whether they are made.
    #[inline]
    pub(super) fn exist(&self) -> bool {
        self.0.existing().is_some()
    }

    /// Puts a callback into the running CPU's queue; its number there, or `None` if there is no memory for queues.
    ///
    /// # Safety
    /// It must be valid, and nobody else's until it is run.
    #[inline]
    pub(super) unsafe fn push(&self, callback: NonNull<Head>) -> Option<usize> {
        let queues = self.0.try_get().ok()?;
        // SAFETY: the caller's promise, for this one and those before. Whoever takes a queue from another CPU owns the slot then, and has
        // aborted a push that was looking at it, before he has the callbacks.
        Some(unsafe { push(queues, callback.as_ptr()) })
    }

    /// Takes what is in the running CPU's queue.
    pub(super) fn take_here(&self) -> Chain {
        Chain(self.0.existing().map_or(bottom(), |queues| take(queues, bottom())))
    }

    /// The CPUs in whose queues there is something. To look costs them nothing.
    pub(super) fn not_empty(&self) -> impl Iterator<Item = u32> + '_ {
        self.tops().filter(|(_, top)| *top != bottom()).map(|(cpu, _)| cpu)
    }

    /// Takes what is in a CPU's queue. Interrupts the CPU, if it runs this process.
    pub(super) fn take(&self, cpu: u32) -> Result<Chain, ExclusiveError> {
        let take = |queue: NonNull<Queue>| {
            // SAFETY: an aligned word of a slot that is ours; atomic, because others look at it (see `tops`).
            unsafe { AtomicPtr::from_ptr(&raw mut (*queue.as_ptr()).top) }.swap(bottom(), Ordering::Relaxed)
        };
        self.0.existing().map_or(Ok(bottom()), |queues| queues.exclusive_item(cpu, take)).map(Chain)
    }

    /// Whether all queues are empty.
    pub(super) fn are_empty(&self) -> bool {
        self.tops().all(|(_, top)| top == bottom())
    }

    /// The top of each CPU's queue, as it is at this moment.
    fn tops(&self) -> impl Iterator<Item = (u32, *mut Head)> + '_ {
        let queues = self.0.existing().into_iter();
        queues.flat_map(|queues| (0..queues.slots()).filter_map(|cpu| Some((cpu, queues.item(cpu)?)))).map(
            |(cpu, queue)| {
                // SAFETY: the slots live as long as the domain; their words are changed by sections, at once, and atomically.
                (cpu, unsafe { AtomicPtr::from_ptr(&raw mut (*queue.as_ptr()).top) }.load(Ordering::Relaxed))
            },
        )
    }
}

fn empty(_cpu: u32) -> Queue {
    Queue { top: bottom() }
}

/// Callbacks that were taken from a queue together. Those that are not taken out of it are leaked.
#[derive(Debug)]
pub(super) struct Chain(*mut Head);

// SAFETY: callbacks may be run by any thread.
unsafe impl Send for Chain {}

impl Chain {
    /// A single callback.
    pub(super) fn of(callback: NonNull<Head>) -> Self {
        // SAFETY: the caller has it to himself, as it is in no queue.
        unsafe {
            (*callback.as_ptr()).next = bottom();
            (*callback.as_ptr()).number = 1;
        }
        Self(callback.as_ptr())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0 == bottom()
    }

    pub(super) fn len(&self) -> usize {
        // SAFETY: the chain's own, or the bottom.
        unsafe { (*self.0).number }
    }
}

impl Iterator for Chain {
    type Item = NonNull<Head>;

    fn next(&mut self) -> Option<NonNull<Head>> {
        if self.is_empty() {
            return None;
        }
        let callback = NonNull::new(self.0)?;
        // SAFETY: the chain's own.
        self.0 = unsafe { callback.as_ref() }.next;
        Some(callback)
    }
}
