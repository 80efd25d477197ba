//! Barriers reach a process whose CPU was idle with its memory map when it joined.
//!
//! The litmus is store buffering: the reader stores, after a number of stores that miss the cache and so keep its own back, and loads; the writer stores, has
//! a barrier executed everywhere, and loads. Both may not miss the other's store. (See `shared/barrier.rs` for what goes wrong.)

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, compiler_fence};
use std::time::{Duration, Instant};

use perseq_rcu::shared::SharedDomain;
use perseq_tests::child;
use perseq_tests::cpus::{allowed, move_to};
use perseq_tests::limit::Limit;
use perseq_tests::skip::{say, skip};
use rustix::mm::{MapFlags, ProtFlags};

use super::{Forked, Signal};

/// Cache lines that are stored to before.
const COLD: usize = 48;
const LINES: usize = 1 << 16;
const ROUNDS: u64 = 20_000;
/// How long they may take: less than that where nothing else runs.
const TIME: Duration = Duration::from_secs(3);

#[repr(align(128))]
struct Line(AtomicU64);

#[repr(C)]
struct Memory {
    round: Line,
    done: Line,
    reader_stored: Line,
    writer_stored: Line,
    reader_saw: Line,
    ready: AtomicU32,
    cold: [Line; LINES],
}

fn memory() -> &'static Memory {
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping, of zeros, which are a `Memory`; it stays until the end.
    unsafe {
        let at = rustix::mm::mmap_anonymous(
            std::ptr::null_mut(),
            size_of::<Memory>(),
            protection,
            MapFlags::SHARED,
        );
        &*at.unwrap().cast::<Memory>()
    }
}

/// The reader: a round for each that the writer begins.
fn read(memory: &Memory) {
    let mut cold = 0;
    for round in 1..=ROUNDS {
        while memory.round.0.load(Ordering::Acquire) < round {
            std::hint::spin_loop();
        }
        if memory.round.0.load(Ordering::Relaxed) > ROUNDS {
            return;
        }
        for _ in 0..COLD {
            cold = (cold + 7919) % LINES;
            memory.cold[cold].0.store(round, Ordering::Relaxed);
        }
        memory.reader_stored.0.store(round, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        let saw = memory.writer_stored.0.load(Ordering::Relaxed);
        memory.reader_saw.0.store(saw, Ordering::Relaxed);
        memory.done.0.store(round, Ordering::Release);
    }
}

/// How often both missed the other, where the reader's process registers by `join` while its other CPU is idle.
fn violations(join: impl FnOnce(), cpus: [u32; 2]) -> u64 {
    let memory = memory();
    let go = Signal::new();
    let reader = Forked::new(|| {
        move_to(cpus[0]);
        let (asleep, awake) = (Signal::new(), Signal::new());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                move_to(cpus[1]);
                asleep.give();
                // From here on that CPU is idle, with this process's memory map.
                awake.wait();
                read(memory);
            });
            asleep.wait();
            std::thread::sleep(Duration::from_millis(2));
            join();
            memory.ready.store(1, Ordering::Release);
            awake.give();
        });
        go.wait();
    });
    move_to(cpus[0]);
    while memory.ready.load(Ordering::Acquire) == 0 {
        std::thread::sleep(Duration::from_micros(100));
    }
    let until = Instant::now() + TIME;
    let mut violations = 0;
    for round in (1..=ROUNDS).take_while(|_| Instant::now() < until) {
        memory.round.0.store(round, Ordering::Release);
        // Not always at the same moment of the reader's.
        for _ in 0..round % 64 * 8 {
            std::hint::spin_loop();
        }
        memory.writer_stored.0.store(round, Ordering::Relaxed);
        perseq_abi::membarrier::global::barrier().expect("the barrier");
        let saw = memory.reader_stored.0.load(Ordering::Relaxed);
        while memory.done.0.load(Ordering::Acquire) < round {
            std::hint::spin_loop();
        }
        violations += u64::from(saw < round && memory.reader_saw.0.load(Ordering::Relaxed) < round);
    }
    memory.round.0.store(ROUNDS + 1, Ordering::Release);
    go.give();
    assert_eq!(reader.wait(), 0);
    violations
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
    let _limit = Limit::start(Duration::from_secs(120), "barriers across processes");
    let &[first, second, ..] = allowed().as_slice() else {
        return skip("cpus", "barriers between CPUs need two");
    };
    // This process must not register: its children would be registered from the beginning.
    if perseq_abi::membarrier::global::barrier().is_err() {
        return skip("membarrier", "no barriers across processes here");
    }
    let joined = || drop(SharedDomain::memfd(2).expect("a domain").read());
    let registered =
        || perseq_abi::membarrier::global::register().expect("what exists can be registered for");
    let with = violations(joined, [first, second]);
    // The control: it may take several attempts, as anything else that runs on that CPU mends it.
    let without = (0..5).map(|_| violations(registered, [first, second])).find(|seen| *seen > 0);
    say(format_args!(
        "barriers missed by a process that joined: {with}; that registered only: {}",
        without.map_or_else(
            || "0, this kernel or moment is without the hazard".to_owned(),
            |seen| seen.to_string()
        )
    ));
    assert_eq!(with, 0);
}
