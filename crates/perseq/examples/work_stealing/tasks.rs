//! The queues that the pool is measured with: Perseq's, one for each CPU, and those of crossbeam-deque, one for each thread.

use std::cell::OnceCell;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, RwLock};

use crossbeam_deque::{Steal, Stealer, Worker};
use perseq::collections::queue::Queue;

use crate::pool::{Job, Tasks};

/// A queue for each CPU: whatever threads run there put their jobs in it.
#[derive(Default)]
pub struct PerCpu(Queue<Job, 1024>);

impl Tasks for PerCpu {
    fn push(&self, job: Job) -> Result<(), Job> {
        self.0.push(job)
    }

    fn pop(&self) -> Option<Job> {
        self.0.pop_newest()
    }

    fn steal(&self) -> Option<Job> {
        // Empty queues cost a look. A slot that cannot be had is somebody else's at the moment.
        (0..self.0.slots()).find_map(|cpu| self.0.steal(cpu).ok().flatten())
    }

    fn fence(&self) {
        // Where that is not to be had, sleepers wake by the clock.
        let _ = perseq::fence_all();
    }
}

thread_local! {
    static MINE: OnceCell<Worker<Job>> = const { OnceCell::new() };
}

/// A deque for each thread.
#[derive(Default)]
pub struct PerThread {
    stealers: RwLock<Arc<[Stealer<Job>]>>,
}

impl Tasks for PerThread {
    fn push(&self, job: Job) -> Result<(), Job> {
        MINE.with(|mine| {
            mine.get().ok_or(job)?.push(job);
            Ok(())
        })
    }

    fn pop(&self) -> Option<Job> {
        MINE.with(|mine| mine.get()?.pop())
    }

    fn steal(&self) -> Option<Job> {
        let stealers = Arc::clone(&self.stealers.read().expect("nobody panics with it"));
        stealers.iter().find_map(|stealer| match stealer.steal() {
            Steal::Success(job) => Some(job),
            Steal::Empty | Steal::Retry => None,
        })
    }

    fn enter(&self, _number: usize) {
        let worker = Worker::new_lifo();
        let mut stealers = self.stealers.write().expect("nobody panics with it");
        *stealers = stealers.iter().cloned().chain([worker.stealer()]).collect();
        MINE.with(|mine| _ = mine.set(worker));
    }

    fn fence(&self) {
        // A push of crossbeam's ends with a release only; see `join`.
        fence(Ordering::SeqCst);
    }
}
