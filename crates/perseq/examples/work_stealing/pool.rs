//! A fork-join pool of threads over queues of any kind.
//!
//! `join(a, b)` puts `b` into a queue as a job that lies on its own stack, runs `a`, and then takes jobs from the queue, the newest
//! first, until `b` is done: nearly always the first one is `b`. Threads that have nothing to do take the oldest job of somebody else,
//! which is the largest.
//!
//! Invariants: a job is in one queue, or with whoever took it; it is run once; it outlives its run, because `join` does not return
//! before, nor unwind.

use std::any::Any;
use std::cell::UnsafeCell;
use std::hint::spin_loop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, compiler_fence};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

/// Where threads put jobs and take them.
pub trait Tasks: Sync {
    /// Puts a job into the queue that is the caller's at the moment, or gives it back.
    fn push(&self, job: Job) -> Result<(), Job>;
    /// The newest job of that queue.
    fn pop(&self) -> Option<Job>;
    /// A job from wherever there is one.
    fn steal(&self) -> Option<Job>;
    /// The calling thread works for the pool from now on; `number` counts them.
    fn enter(&self, _number: usize) {}
    /// Makes sure that what other threads have pushed before is seen by [`steal`](Self::steal), or they see what the caller has stored.
    fn fence(&self);
}

/// A job to run once: the address of what it begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Job(NonNull<Header>);

// SAFETY: the closure in a job is `Send`, see `join`, and whoever has a `Job` runs it.
unsafe impl Send for Job {}

struct Header {
    run: unsafe fn(NonNull<Header>),
}

impl Job {
    fn run(self) {
        // SAFETY: it is in no queue any more, so it has not been run, and it is there until it has.
        unsafe { (self.0.as_ref().run)(self.0) }
    }
}

/// A closure on the stack of `join`, and its result.
#[repr(C)]
struct OnStack<B, R> {
    header: Header,
    closure: UnsafeCell<Option<B>>,
    result: UnsafeCell<Option<Result<R, Box<dyn Any + Send>>>>,
    done: AtomicBool,
}

impl<B: FnOnce() -> R + Send, R: Send> OnStack<B, R> {
    fn new(closure: B) -> Self {
        Self {
            header: Header { run: Self::run },
            closure: UnsafeCell::new(Some(closure)),
            result: UnsafeCell::new(None),
            done: AtomicBool::new(false),
        }
    }

    /// # Safety
    /// `header` must be that of such a job, which nobody else runs.
    unsafe fn run(header: NonNull<Header>) {
        // SAFETY: the header is what it begins with. Only the runner touches closure and result before `done`, and nobody the job
        // after that but its owner.
        unsafe {
            let this = header.cast::<Self>().as_ref();
            if let Some(closure) = (*this.closure.get()).take() {
                *this.result.get() = Some(catch_unwind(AssertUnwindSafe(closure)));
            }
            this.done.store(true, Ordering::Release);
        }
    }
}

/// See the module.
pub struct Pool<T> {
    tasks: T,
    /// Threads that sleep or are about to.
    sleepers: AtomicUsize,
    lock: Mutex<()>,
    wakeup: Condvar,
    stop: AtomicBool,
}

/// How often a thread looks for a job before it sleeps, and how long at most.
const LOOKS: u32 = 200;
const NAP: Duration = Duration::from_millis(10);

impl<T: Tasks> Pool<T> {
    /// Runs `f` with a pool of so many threads, the caller among them.
    pub fn run<R>(tasks: T, threads: usize, f: impl FnOnce(&Self) -> R) -> R {
        let pool = Self {
            tasks,
            sleepers: AtomicUsize::new(0),
            lock: Mutex::default(),
            wakeup: Condvar::new(),
            stop: AtomicBool::new(false),
        };
        pool.tasks.enter(0);
        std::thread::scope(|scope| {
            for number in 1..threads {
                let pool = &pool;
                scope.spawn(move || pool.work(number));
            }
            let result = catch_unwind(AssertUnwindSafe(|| f(&pool)));
            pool.stop.store(true, Ordering::Relaxed);
            pool.wakeup.notify_all();
            result.unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// Runs `a` here and `b` here or elsewhere, and returns when both are done.
    pub fn join<A: Send, B: Send>(&self, a: impl FnOnce() -> A, b: impl FnOnce() -> B + Send) -> (A, B) {
        let on_stack = OnStack::new(b);
        let job = Job(NonNull::from(&on_stack).cast());
        let queued = self.tasks.push(job).is_ok();
        // A sleeper fences between saying that it sleeps and its last look, so one of the two sees the other.
        compiler_fence(Ordering::SeqCst);
        if queued && self.sleepers.load(Ordering::Relaxed) > 0 {
            self.wake();
        }
        let a = catch_unwind(AssertUnwindSafe(a));
        if !queued {
            job.run();
        }
        while !on_stack.done.load(Ordering::Acquire) {
            match self.tasks.pop().or_else(|| self.tasks.steal()) {
                Some(job) => job.run(),
                // Somebody else is at it.
                None => std::thread::yield_now(),
            }
        }
        let b = on_stack.result.into_inner().expect("it has been run");
        match (a, b) {
            (Ok(a), Ok(b)) => (a, b),
            (Err(panic), _) | (_, Err(panic)) => resume_unwind(panic),
        }
    }

    fn work(&self, number: usize) {
        self.tasks.enter(number);
        while !self.stop.load(Ordering::Relaxed) {
            let find = || self.tasks.pop().or_else(|| self.tasks.steal());
            let looks = (0..LOOKS).find_map(|_| {
                spin_loop();
                find()
            });
            match looks {
                Some(job) => job.run(),
                None => self.sleep(),
            }
        }
    }

    fn sleep(&self) {
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        self.tasks.fence();
        let found = self.tasks.steal();
        if found.is_none() {
            let guard = self.lock.lock().expect("nobody panics with it");
            // Woken for nothing now and then, and by the clock if need be.
            drop(self.wakeup.wait_timeout(guard, NAP));
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        if let Some(job) = found {
            job.run();
        }
    }

    #[cold]
    fn wake(&self) {
        drop(self.lock.lock());
        self.wakeup.notify_one();
    }
}
