//! Nothing that a reader of perseq-rcu holds is freed, whatever happens to the threads.
#![cfg(target_os = "linux")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use perseq::registration::Registered;
use perseq_rcu::Worker;
use perseq_tests::cpus::Hotplug;
use perseq_tests::skip::{say, skip};
use perseq_tests::slow_path;
use perseq_tests::stress::Disturbance::{
    self, Churn, Exclusive, Forks, Hotplug as Offline, Migration, Resets, Signals,
};
use perseq_tests::stress::subjects::{Torture, Way};
use perseq_tests::stress::{Subject, run};

/// Where the area is from here, in every thread, and its length as registered; `None` where no sequences run.
fn offset() -> Option<(isize, u32)> {
    let area = Registered::current()?.area().as_ptr().addr();
    // SAFETY: no preconditions.
    let offset = area.wrapping_sub(unsafe { libc::pthread_self() } as usize).cast_signed();
    Some((offset, perseq::status().registered_len))
}

/// Lets the calling thread, which has run no sequence, run none: its area is another library's.
fn be_of_another_library((offset, length): (isize, u32)) {
    #[repr(align(32))]
    struct Area(perseq_abi::Rseq);
    let foreign = &raw mut Box::leak(Box::new(Area(perseq_abi::Rseq::unregistered()))).0;
    // SAFETY: no preconditions; the area is libc's for this thread, which relies on it no more than a sequence does. The
    // other one is never freed.
    unsafe {
        let area = (libc::pthread_self() as usize).wrapping_add_signed(offset) as *mut perseq_abi::Rseq;
        // Where libc registers none there is none yet.
        let _ = perseq_abi::sys::unregister(area, length);
        perseq_abi::sys::register(foreign, 32).expect("none is registered");
    }
}

/// Reads for as long as the others do, on a thread that runs no sequences.
fn read_beside(subjects: &[&dyn Subject], offset: Option<(isize, u32)>, over: &AtomicBool) {
    offset.into_iter().for_each(be_of_another_library);
    while !over.load(Ordering::Relaxed) {
        subjects.iter().for_each(|subject| _ = subject.change());
        std::thread::yield_now();
    }
    assert!(!perseq::status().is_active(), "this thread runs sequences");
}

/// Readers and writers of each way under `disturbances`, of which `Exclusive` and `Resets` are writers; how many readers found
/// what they held poisoned.
fn poisoned(ways: &[Way], worker: bool, disturbances: &[Disturbance]) -> u64 {
    let tortures: Vec<_> = ways.iter().map(|&way| Torture::new(way)).collect();
    let subjects: Vec<&dyn Subject> = tortures.iter().map(|torture| torture as &dyn Subject).collect();
    let spawn = |torture: &&'static Torture| Worker::spawn(torture.domain).expect("a thread");
    let workers: Vec<Worker> = tortures.iter().filter(|_| worker).map(spawn).collect();
    let (over, offset) = (AtomicBool::new(false), offset());
    let outcomes = std::thread::scope(|scope| {
        scope.spawn(|| read_beside(&subjects, offset, &over));
        // The thread has to end if there is a panic.
        let outcomes = catch_unwind(AssertUnwindSafe(|| run(&subjects, disturbances)));
        over.store(true, Ordering::Relaxed);
        outcomes.unwrap_or_else(|panic| resume_unwind(panic))
    });
    workers.into_iter().for_each(Worker::stop);
    for torture in &tortures {
        let (replaced, periods) = (torture.replaced(), torture.domain.grace_periods());
        let name = (torture as &dyn Subject).name();
        // Who polls may find no end where there was time for a few turns only.
        let ended = if torture.waits() { periods > 0 || replaced < 100 } else { periods == 0 };
        assert!(replaced > 0 && ended, "{name}: {replaced}, {periods}");
        say(format_args!("{name}: {replaced} replaced in {periods} grace periods"));
    }
    assert!(outcomes.iter().all(|outcome| outcome.expected > 0), "{outcomes:?}");
    tortures.iter().map(|torture| torture.poisoned()).sum()
}

const WAYS: [Way; 3] = [Way::Synchronize, Way::Defer, Way::Poll];

fn nothing_is_poisoned(disturbances: &[Disturbance]) {
    assert_eq!(poisoned(&WAYS, false, disturbances), 0, "under {disturbances:?}");
}

#[test]
fn what_signal_handlers_read_too_is_whole() {
    nothing_is_poisoned(&[Signals, Resets, Exclusive]);
}

#[test]
fn what_threads_read_that_are_moved_between_cpus_is_whole() {
    nothing_is_poisoned(&[Migration, Resets, Exclusive]);
}

#[test]
fn what_threads_read_that_come_and_go_is_whole() {
    nothing_is_poisoned(&[Churn, Churn, Resets]);
}

#[test]
fn children_of_a_fork_read_and_write() {
    nothing_is_poisoned(&[Forks, Resets, Exclusive]);
}

#[test]
fn what_is_read_under_everything_at_once_is_whole() {
    const NAME: &str = "what_is_read_under_everything_at_once_is_whole";
    nothing_is_poisoned(&[Signals, Migration, Resets, Exclusive, Churn, Forks]);
    slow_path::passes(NAME);
}

#[test]
fn what_is_read_while_workers_free_is_whole() {
    const NAME: &str = "what_is_read_while_workers_free_is_whole";
    let disturbances = [Signals, Migration, Resets, Exclusive, Churn, Forks];
    assert_eq!(poisoned(&WAYS, true, &disturbances), 0);
    slow_path::passes(NAME);
}

#[test]
fn what_is_read_while_a_cpu_goes_offline_and_comes_back_is_whole() {
    match Hotplug::last_cpu().map(drop) {
        Err(why) => skip("hotplug", why),
        Ok(()) => nothing_is_poisoned(&[Offline, Migration, Resets, Exclusive]),
    }
}

/// How often the control is given the chance to fail; see `stress.rs`.
const CHANCES: u32 = 20;

#[test]
fn the_same_stress_finds_what_is_freed_without_waiting() {
    assert!((0..CHANCES).any(|_| poisoned(&[Way::Never], false, &[Signals, Migration, Resets]) > 0));
}
