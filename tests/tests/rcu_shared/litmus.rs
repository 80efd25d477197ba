//! The protocol between processes, on processors that let a store pass behind a load: the reader's enter, which is a plain store, is kept back by
//! stores that miss the cache, while it loads the pointer already; the writer replaces the pointer and looks for readers. Without
//! the barrier in between, the writer finds nobody, and writes to what the reader reads.
//!
//! A writer without the barrier is one that looks at the reader's counts by itself, as soon as it can.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::{Duration, Instant};

use perseq_rcu::shared::SharedDomain;
use perseq_tests::child;
use perseq_tests::cpus::{allowed, move_to};
use perseq_tests::limit::{Limit, eventually};
use perseq_tests::skip::{say, sequences_run, skip};
use rustix::mm::{MapFlags, ProtFlags};

use perseq_tests::forked::Forked;

use super::{LATER, shared};

/// Cache lines that are stored to before entering.
const COLD: usize = 48;
const LINES: usize = 1 << 16;
const ROUNDS: u64 = 20_000;
/// How long they may take.
const TIME: Duration = Duration::from_secs(2);
/// How often the reader reads before the first round: its counts are the words that have this value then.
const WARM: u64 = 12_345;
/// How often a reader looks whether what it reads is freed.
const LOOKS: u32 = 100;

#[repr(align(128))]
struct Line(AtomicU64);

#[repr(C)]
struct Memory {
    round: Line,
    done: Line,
    /// Which of the values is current.
    current: Line,
    freed: [Line; 2],
    cold: [Line; LINES],
    /// The reader has warmed up.
    ready: AtomicU32,
    /// How often a reader found that what it reads is freed.
    seen: AtomicU32,
}

/// A round for each that the writer begins: reads what is current.
fn read(memory: &Memory, domain: &'static SharedDomain) {
    (0..WARM).for_each(|_| drop(domain.read()));
    memory.ready.store(1, Ordering::Release);
    let mut cold = 0;
    for round in 1.. {
        let mut now = 0;
        while now < round {
            now = memory.round.0.load(Ordering::Acquire);
            std::hint::spin_loop();
        }
        if now == u64::MAX {
            return;
        }
        for _ in 0..COLD {
            cold = (cold + 7919) % LINES;
            memory.cold[cold].0.store(round, Ordering::Relaxed);
        }
        let guard = domain.read();
        let current = memory.current.0.load(Ordering::Relaxed) as usize & 1;
        let freed = &memory.freed[current].0;
        if (0..LOOKS).any(|_| freed.load(Ordering::Relaxed) != 0) {
            memory.seen.fetch_add(1, Ordering::Relaxed);
        }
        drop(guard);
        memory.done.0.store(round, Ordering::Release);
    }
}

/// How a writer waits for the reader.
#[derive(Clone, Copy, PartialEq)]
enum Wait {
    /// By a grace period.
    GracePeriod,
    /// Until the counts are equal, after a barrier everywhere.
    Barrier,
    /// Until the counts are equal, after a barrier here.
    Nothing,
}

/// The reader's counts on its CPU: what it has counted in the file of the domain.
fn counts(domain: &'static SharedDomain) -> Option<[&'static AtomicU64; 2]> {
    let len = rustix::fs::fstat(domain.as_fd()).ok()?.st_size as usize;
    // SAFETY: a new mapping, which stays until the end, of words that are looked at only.
    let words = unsafe {
        let at = rustix::mm::mmap(std::ptr::null_mut(), len, ProtFlags::READ, MapFlags::SHARED, domain, 0);
        std::slice::from_raw_parts(at.ok()?.cast::<AtomicU64>(), len / 8)
    };
    let mut counts = words.iter().filter(|word| word.load(Ordering::Relaxed) == WARM);
    // Interrupted readers may be counted elsewhere.
    Some([counts.next()?, counts.next()?])
}

/// How often something was read that is freed.
fn violations([first, second]: [u32; 2], wait: Wait) -> u32 {
    let memory: &Memory = shared();
    let domain = SharedDomain::memfd(2).expect("a domain");
    let reader = Forked::new(|| {
        assert!(move_to(second));
        read(memory, domain);
    });
    assert!(move_to(first));
    assert!(eventually(LATER, || memory.ready.load(Ordering::Acquire) == 1));
    let until = Instant::now() + TIME;
    let counts = counts(domain);
    let rounds = if counts.is_none() && wait != Wait::GracePeriod { 0 } else { ROUNDS };
    for round in (1..=rounds).take_while(|_| Instant::now() < until) {
        memory.round.0.store(round, Ordering::Release);
        // Not always at the same moment of the reader's.
        for _ in 0..round % 64 * 8 {
            std::hint::spin_loop();
        }
        let old = &memory.freed[(round - 1) as usize & 1].0;
        memory.current.0.store(round, Ordering::Release);
        match (wait, counts) {
            (Wait::Nothing, Some([entered, left])) => {
                fence(Ordering::SeqCst);
                while left.load(Ordering::Acquire) != entered.load(Ordering::Relaxed) {}
            }
            (Wait::Barrier, Some([entered, left])) => {
                perseq_abi::membarrier::global::barrier().expect("the barrier");
                while left.load(Ordering::Acquire) != entered.load(Ordering::Relaxed) {}
            }
            _ => domain.synchronize_within(LATER).expect("a grace period"),
        }
        old.store(round, Ordering::Relaxed);
        while memory.done.0.load(Ordering::Acquire) < round {
            std::hint::spin_loop();
        }
        old.store(0, Ordering::Relaxed);
    }
    memory.round.0.store(u64::MAX, Ordering::Release);
    assert_eq!(reader.wait(), 0);
    memory.seen.load(Ordering::Relaxed)
}

#[test]
fn the_barrier_is_what_keeps_a_writer_from_readers_that_have_just_entered() {
    // In a process of its own: the domains of other tests are not joined by its forks.
    const NAME: &str = "litmus::the_barrier_is_what_keeps_a_writer_from_readers_that_have_just_entered";
    if !child::is_child(NAME) {
        let ended = child::run(NAME, &[]);
        let told = |line: &str| {
            line.find("freed memory read").or(line.find("skipped:")).map(|at| line[at..].to_owned())
        };
        ended.output.lines().filter_map(told).for_each(say);
        return ended.assert_success();
    }
    let _limit = Limit::start(Duration::from_secs(50), "the litmus of the protocol");
    let &[first, second, ..] = allowed().as_slice() else {
        return skip("cpus", "readers and writers at the same time need two");
    };
    if !sequences_run() {
        return;
    }
    if perseq_abi::membarrier::global::barrier().is_err() {
        return skip("membarrier", "no barriers across processes here");
    }
    let [waited, barrier] = [Wait::GracePeriod, Wait::Barrier].map(|wait| violations([first, second], wait));
    let nothing = (0..5).map(|_| violations([first, second], Wait::Nothing)).find(|seen| *seen > 0);
    say(format_args!(
        "freed memory read after grace periods: {waited}; after the barrier alone: {barrier}; after none: {}",
        nothing.unwrap_or(0)
    ));
    assert_eq!((waited, barrier), (0, 0));
    // Other processors may be too quick for it, and an emulator may have no store buffers.
    let emulated = std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|info| info.contains("QEMU"));
    let shows = cfg!(target_arch = "x86_64") && !emulated;
    assert!(nothing.is_some() || !shows, "the litmus is too weak to show anything");
}
