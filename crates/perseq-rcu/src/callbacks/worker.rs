//! [`Worker`]: a thread that runs callbacks.
//!
//! While there are none it sleeps, and is woken by the first; from then on it collects at each [`INTERVAL`], or as soon as there are
//! enough for a batch, until there are none again.
//!
//! Why no callback is missed: the worker says that it is idle, and then looks into all queues; whoever puts the first callback into
//! a queue looks afterwards whether the worker is idle. Both with a full barrier in between, so one of them sees the other.

use std::io;
use std::sync::PoisonError;
use std::sync::atomic::{Ordering, fence};
use std::thread::{self, Builder, JoinHandle};
use std::time::Duration;

use super::{AssertUnwindSafe, Batches, catch_unwind};
use crate::domain::Domain;

/// There is no worker.
pub(super) const NONE: u32 = 0;
/// There is one, which looks by itself.
const BUSY: u32 = 1;
/// There is one, which sleeps until it is woken.
const IDLE: u32 = 2;

/// How long callbacks are gathered, for one grace period.
const INTERVAL: Duration = Duration::from_millis(5);

/// What the worker is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Nothing,
    Collect,
    Stop,
}

impl Batches {
    pub(super) fn has_worker(&self) -> bool {
        self.worker.load(Ordering::Relaxed) != NONE
    }

    /// There is a callback in a queue that was empty.
    pub(super) fn is_first(&self) {
        fence(Ordering::SeqCst);
        if self.worker.load(Ordering::Relaxed) == IDLE {
            self.wish(Wish::Collect);
        }
    }

    /// There are enough for a batch.
    pub(super) fn is_full(&self) {
        self.wish(Wish::Collect);
    }

    fn wish(&self, wish: Wish) {
        let mut state = self.lock();
        if state.wish != Wish::Stop {
            state.wish = wish;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until something is wished for, or for a time; what was wished for.
    fn wait(&self, time: Option<Duration>) -> Wish {
        let state = self.lock();
        let nothing = |state: &mut super::State| state.wish == Wish::Nothing;
        let mut state = match time {
            Some(time) => {
                self.changed
                    .wait_timeout_while(state, time, nothing)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
            None => self.changed.wait_while(state, nothing).unwrap_or_else(PoisonError::into_inner),
        };
        let wish = state.wish;
        if wish == Wish::Collect {
            state.wish = Wish::Nothing;
        }
        wish
    }
}

/// A thread that runs the callbacks of a domain, so that those who defer them do not. Dropped, it is stopped and joined (or
/// only stopped, if a callback drops it that it runs itself).
///
/// It runs callbacks a few milliseconds after they were deferred, sooner if there are many. What it has not run when it is stopped is run
/// by it before it ends. In the child of a fork there is no worker.
///
/// ```
/// use perseq_rcu::{Domain, Worker};
///
/// let worker = Worker::spawn(Domain::global())?;
/// let (sender, receiver) = std::sync::mpsc::channel();
/// perseq_rcu::defer(move || sender.send(7).unwrap());
/// assert_eq!(receiver.recv(), Ok(7));
/// worker.stop();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Worker {
    domain: &'static Domain,
    thread: Option<JoinHandle<()>>,
    /// How many forks lie behind the process that it runs in.
    forks: u32,
}

impl Worker {
    /// Starts the worker of a domain.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if the domain has one; or there can be no further thread.
    pub fn spawn(domain: &'static Domain) -> io::Result<Self> {
        domain.prepare();
        let batches = &domain.callbacks.batches;
        if batches.worker.compare_exchange(NONE, BUSY, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "this domain has a worker already"));
        }
        batches.lock().wish = Wish::Nothing;
        let spawned = Builder::new().name("perseq-rcu".to_owned()).spawn(|| domain.work());
        if spawned.is_err() {
            batches.worker.store(NONE, Ordering::Relaxed);
        }
        Ok(Self { domain, thread: Some(spawned?), forks: domain.forks() })
    }

    /// Stops it, after it has run what was deferred before, and waits for its end.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        if self.forks != self.domain.forks() {
            // It is the parent's. Here there is no such thread, and to wait for it would take for ever.
            std::mem::forget(thread);
            return;
        }
        self.domain.callbacks.batches.wish(Wish::Stop);
        // Dropped by a callback of its own it ends by itself.
        if thread.thread().id() != thread::current().id() {
            // Panics of callbacks are caught; the worker has none of its own.
            let _ = thread.join();
        }
    }
}

impl Domain {
    fn work(&'static self) {
        let batches = &*self.callbacks.batches;
        let mut wish = Wish::Nothing;
        while wish != Wish::Stop {
            if self.nothing_to_do() {
                batches.worker.store(IDLE, Ordering::Relaxed);
                fence(Ordering::SeqCst);
                wish = if self.nothing_to_do() { batches.wait(None) } else { Wish::Nothing };
                batches.worker.store(BUSY, Ordering::Relaxed);
            }
            if wish != Wish::Stop {
                wish = batches.wait(Some(INTERVAL));
            }
            // A panic of a callback was told by the panic hook, and is nobody else's business here.
            let _ = catch_unwind(AssertUnwindSafe(|| self.barrier()));
        }
        batches.worker.store(NONE, Ordering::Relaxed);
    }

    fn nothing_to_do(&self) -> bool {
        self.callbacks.queues.are_empty() && self.callbacks.batches.lock().waiting.is_empty()
    }
}
