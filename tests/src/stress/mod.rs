//! Structures under everything that can happen to a thread, and their exact sums afterwards.
//!
//! A [`Subject`] is something that threads change; [`run`] lets four threads change it for a while under some
//! [`Disturbance`]s, and tells how much was changed and how much of that is found. Where the two differ, a change was lost or
//! made twice. `PERSEQ_STRESS` says how many seconds each run takes (1 if it is not set).

mod disturb;
pub mod fork;
pub mod subjects;
mod timer;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::thread::Pid;

use crate::limit::Limit;
use timer::Timer;

/// Something that threads change and whose sum can be told.
pub trait Subject: Sync {
    /// For reports.
    fn name(&self) -> &'static str;
    /// One change by the calling thread; returns by how much. Async-signal-safe.
    fn change(&self) -> u64;
    /// One change to what belongs to `cpu`, from whatever CPU the caller runs on.
    fn change_on(&self, _cpu: u32) -> u64 {
        0
    }
    /// Takes out what is found so far.
    fn take(&self) -> u64 {
        0
    }
    /// What is found at the end, when nobody changes anything.
    fn sum(&self) -> u64;
}

/// What happens to the threads that work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// A timer for each thread, whose signal handler changes the subjects too.
    Signals,
    /// Threads are moved from CPU to CPU.
    Migration,
    /// Another thread changes each CPU's part.
    Exclusive,
    /// Another thread takes out what there is.
    Resets,
    /// Threads come, change a little, and go.
    Churn,
    /// The process forks, and each child uses the subjects on every CPU.
    Forks,
    /// A CPU goes offline and comes back.
    Hotplug,
}

/// What a run did to one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its name.
    pub name: &'static str,
    /// The sum of what the changes returned.
    pub expected: u64,
    /// What is there, or was taken out.
    pub found: u64,
}

/// The threads that work.
const WORKERS: usize = 4;

/// What the threads of a run share.
struct Run<'s> {
    subjects: &'s [&'s dyn Subject],
    changed: Vec<AtomicU64>,
    taken: Vec<AtomicU64>,
    workers: Mutex<Vec<Pid>>,
    until: Instant,
    stop: AtomicBool,
}

/// How long one run lasts.
#[must_use]
pub fn duration() -> Duration {
    let seconds = std::env::var("PERSEQ_STRESS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or(1.0))
}

/// Lets threads change `subjects` under `disturbances` for [`duration`].
///
/// # Panics
/// If a disturbance fails, a child of a fork for instance.
#[must_use]
pub fn run(subjects: &[&dyn Subject], disturbances: &[Disturbance]) -> Vec<Outcome> {
    let _limit = Limit::start(4 * duration() + Duration::from_secs(60), "a stress run");
    let zeros = || subjects.iter().map(|_| AtomicU64::new(0)).collect();
    let run = Run {
        subjects,
        changed: zeros(),
        taken: zeros(),
        workers: Mutex::new(Vec::new()),
        until: Instant::now() + duration(),
        stop: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| run.work(disturbances.contains(&Disturbance::Signals)));
        }
        let run = &run;
        let disturbers: Vec<_> = disturbances
            .iter()
            .map(|&disturbance| scope.spawn(move || disturb::disturb(run, disturbance)))
            .collect();
        for disturber in disturbers {
            if let Err(panic) = disturber.join() {
                run.stop.store(true, Ordering::Relaxed);
                std::panic::resume_unwind(panic);
            }
        }
    });
    subjects
        .iter()
        .enumerate()
        .map(|(at, subject)| Outcome {
            name: subject.name(),
            expected: run.changed[at].load(Ordering::Relaxed),
            // What goes down too may be below 0 at either place.
            found: subject.sum().wrapping_add(run.taken[at].load(Ordering::Relaxed)),
        })
        .collect()
}

impl Run<'_> {
    fn over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || Instant::now() >= self.until
    }

    /// Changes everything again and again until the time is over.
    fn work(&self, signals: bool) {
        self.workers.lock().expect("no panic with the lock").push(rustix::thread::gettid());
        let _timer = signals.then(|| Timer::start(self));
        // At least once, however little time the machine has for it.
        loop {
            self.change_all(500);
            if self.over() {
                return;
            }
        }
    }

    /// Changes every subject `times` times.
    fn change_all(&self, times: u32) {
        for (subject, changed) in self.subjects.iter().zip(&self.changed) {
            // Counted apart, so that the loop is short and most of it is the change.
            let by: u64 = (0..times).map(|_| subject.change()).sum();
            changed.fetch_add(by, Ordering::Relaxed);
        }
    }
}
