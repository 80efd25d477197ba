//! [`Stall`]: what is known of readers that do not leave.
//!
//! Nobody is registered, so nobody can be named; but the counts tell how many are inside, and on which CPUs more came than went.

use std::collections::BTreeMap;
use std::fmt;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Duration;

/// A grace period that does not end, because readers have not left: they take long, or are stopped, or a guard was
/// [forgotten](std::mem::forget), or its thread is gone, or a thread waits for readers of which it is one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stall {
    /// How long the grace period has been waited for.
    pub elapsed: Duration,
    /// How many readers are inside at this moment, or nearly: those that hold the grace period up, and those that came later.
    pub readers: u64,
    /// For each CPU on which the numbers of those that came and those that went differ: how many more came than went. A reader that was moved
    /// came on one CPU and goes on another.
    pub cpus: BTreeMap<u32, i64>,
    /// The same of threads that run no restartable sequences.
    pub elsewhere: i64,
    /// In a domain of several processes: how many readers each has inside, by its id.
    pub processes: BTreeMap<u32, i64>,
}

/// How many more readers have entered than left, by where they did.
#[derive(Debug, Default)]
pub(crate) struct Balance {
    cpus: BTreeMap<u32, i64>,
    elsewhere: i64,
    processes: BTreeMap<u32, i64>,
}

/// What knows who is inside.
pub(crate) trait Balanced {
    /// Who is inside at this moment, or nearly.
    fn balance(&self) -> Balance;
}

impl Balance {
    /// Adds what was counted on a CPU, or beside, in a process.
    pub(crate) fn add(&mut self, cpu: Option<u32>, process: Option<u32>, left: u64, entered: u64) {
        let more = entered.wrapping_sub(left).cast_signed();
        *cpu.map_or(&mut self.elsewhere, |cpu| self.cpus.entry(cpu).or_default()) += more;
        if let Some(process) = process {
            *self.processes.entry(process).or_default() += more;
        }
    }

    pub(crate) fn into_stall(mut self, elapsed: Duration) -> Stall {
        self.cpus.retain(|_, more| *more != 0);
        self.processes.retain(|_, more| *more != 0);
        let readers = self.cpus.values().sum::<i64>() + self.elsewhere;
        Stall {
            elapsed,
            readers: readers.max(0).unsigned_abs(),
            cpus: self.cpus,
            elsewhere: self.elsewhere,
            processes: self.processes,
        }
    }
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a grace period is held up since {:?} by readers that do not leave; {} inside",
            self.elapsed, self.readers
        )?;
        for (cpu, more) in &self.cpus {
            write!(f, ", CPU {cpu}: {more:+}")?;
        }
        if self.elsewhere != 0 {
            write!(f, ", without sections: {:+}", self.elsewhere)?;
        }
        for (process, more) in &self.processes {
            write!(f, ", process {process}: {more:+}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Stall {}

pub(crate) type Report = Box<dyn Fn(&Stall) + Send + Sync>;

/// Who wants to know of stalls.
#[derive(Debug)]
pub(crate) struct Watch(AtomicPtr<Watcher>);

struct Watcher {
    after: Duration,
    report: Report,
}

impl Watch {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// The one before is leaked: it may be in use.
    pub(crate) fn set(&self, after: Duration, report: Report) {
        let watcher = Box::into_raw(Box::new(Watcher { after, report }));
        self.0.store(watcher, Ordering::Release);
    }

    /// Reports if it is time to; `reported` is how long the wait had lasted at the last report of it.
    pub(crate) fn look(&self, elapsed: Duration, reported: &mut Duration, balance: impl FnOnce() -> Balance) {
        // SAFETY: watchers are never freed.
        let Some(watcher) = (unsafe { self.0.load(Ordering::Acquire).as_ref() }) else { return };
        if elapsed.saturating_sub(*reported) >= watcher.after && !elapsed.is_zero() {
            *reported = elapsed;
            (watcher.report)(&balance().into_stall(elapsed));
        }
    }
}
