//! Barriers reach a process whose CPU was idle with its memory map when it joined. (See `shared/barrier.rs` for what goes wrong.)
//!
//! Whether they do is told by the kernel, which counts the interrupts by which one CPU has another execute something. (A litmus of stores and
//! loads shows less: the system call alone takes longer than a store is kept back.)
//!
//! The control is a process that registers and sends nobody round. It has one thread, so the kernel looks at no other CPU's copy
//! when it registers. That thread runs on one CPU, leaves it for the moment of the registration, and comes back: it is migrated by threads of
//! the kernel's, which keep the memory map that was there before.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use perseq_rcu::shared::SharedDomain;
use perseq_tests::child;
use perseq_tests::cpus::{allowed, move_to};
use perseq_tests::limit::{Limit, eventually};
use perseq_tests::skip::{say, skip};

use perseq_tests::forked::Forked;

use super::{LATER, shared};

const BARRIERS: u64 = 200;
/// Anything else that runs on the CPU in that moment mends it; and a reader that is interrupted need not be reached.
const ATTEMPTS: u32 = 50;

#[repr(C)]
struct Memory {
    ready: AtomicU32,
    stop: AtomicU32,
    interrupted: AtomicU32,
}

/// How many interrupts by other CPUs a CPU has had.
fn calls(cpu: u32) -> Option<u64> {
    let table = fs::read_to_string("/proc/interrupts").ok()?;
    let (head, rest) = table.split_once('\n')?;
    let column = head.split_whitespace().position(|name| name == format!("CPU{cpu}"))?;
    let line = rest.lines().find(|line| line.contains("Function call interrupts"))?;
    line.split_whitespace().nth(column + 1)?.parse().ok()
}

/// How often this process was taken from a CPU.
fn switches() -> libc::c_long {
    // SAFETY: zeros are a valid result, which the kernel overwrites.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage.ru_nvcsw + usage.ru_nivcsw
    }
}

/// How many barriers did not reach a process that runs on the second CPU, and has called `join` on the first; unless it was interrupted.
fn missed(join: fn(), [first, second]: [u32; 2]) -> Option<u64> {
    let memory: &Memory = shared();
    let reader = Forked::new(|| {
        // A `sched_param`.
        let priority = 1_i32;
        // SAFETY: of this process, which is interrupted by less then; without the right to it takes more attempts.
        unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_FIFO, &raw const priority) };
        assert!(move_to(second) && move_to(first));
        join();
        assert!(move_to(second));
        let before = switches();
        memory.ready.store(1, Ordering::Release);
        while memory.stop.load(Ordering::Relaxed) == 0 {
            std::hint::spin_loop();
        }
        memory.interrupted.store(u32::from(switches() != before), Ordering::Relaxed);
    });
    assert!(move_to(first));
    assert!(eventually(LATER, || memory.ready.load(Ordering::Acquire) == 1));
    let before = calls(second);
    for _ in 0..BARRIERS {
        perseq_abi::membarrier::global::barrier().expect("the barrier");
    }
    let after = calls(second);
    memory.stop.store(1, Ordering::Relaxed);
    assert_eq!(reader.wait(), 0);
    let reached = after?.wrapping_sub(before?);
    (memory.interrupted.load(Ordering::Relaxed) == 0).then(|| BARRIERS.saturating_sub(reached))
}

#[test]
fn barriers_reach_a_process_that_joined_while_its_cpu_was_idle() {
    // In a process of its own: other tests join domains, and are registered by that.
    const NAME: &str = "hazard::barriers_reach_a_process_that_joined_while_its_cpu_was_idle";
    if !child::is_child(NAME) {
        let ended = child::run(NAME, &[]);
        // The harness begins a line of its own, which this is the rest of.
        let told = |line: &str| {
            line.find("barriers missed").or(line.find("skipped:")).map(|at| line[at..].to_owned())
        };
        ended.output.lines().filter_map(told).for_each(say);
        return ended.assert_success();
    }
    let _limit = Limit::start(Duration::from_secs(50), "barriers across processes");
    let &[first, second, ..] = allowed().as_slice() else {
        return skip("cpus", "barriers between CPUs need two");
    };
    // This process must not register: its children would be registered from the beginning.
    if perseq_abi::membarrier::global::barrier().is_err() {
        return skip("membarrier", "no barriers across processes here");
    }
    if calls(second).is_none() {
        return skip("interrupts", "this kernel does not count calls of other CPUs");
    }
    let registered =
        || perseq_abi::membarrier::global::register().expect("what exists can be registered for");
    let joined = || drop(SharedDomain::memfd(2).expect("a domain").read());
    let attempts =
        |join: fn()| -> Vec<u64> { (0..ATTEMPTS).filter_map(|_| missed(join, [first, second])).collect() };
    let not_at_all = attempts(|| ());
    let (registered, joined) = (attempts(registered), attempts(joined));
    let hit = |missed: &[u64]| missed.iter().filter(|missed| **missed > 0).count();
    say(format_args!(
        "barriers missed by {} of {} processes that joined, {} of {} that registered only, {} of {} that did neither",
        hit(&joined),
        joined.len(),
        hit(&registered),
        registered.len(),
        hit(&not_at_all),
        not_at_all.len(),
    ));
    assert_eq!(hit(&joined), 0, "{joined:?}");
    // Otherwise the interrupts tell nothing.
    assert!(not_at_all.is_empty() || hit(&not_at_all) > 0, "{not_at_all:?}");
}
