//! Why a writer needs the barrier, on this very processor: a reader's enter waits behind other stores until it is seen, while its load of
//! what is published does not.
//!
//! ```text
//! reader: stores to memory that no cache has; enters; loads the flag      writer: stores the flag; [barrier]; looks for readers
//! ```
//!
//! That the reader has missed the flag and the writer has missed the reader must not be. Without the barrier it happens all the time.
#![cfg(target_os = "linux")]

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use perseq_rcu::Domain;
use perseq_tests::cpus::{allowed, move_to};
use perseq_tests::limit::Limit;
use perseq_tests::skip::{say, sequences_run, skip};
use perseq_tests::stress::duration;

/// More than the caches of one CPU hold.
const COLD: usize = 64 << 20;
/// The stores of a round are to one page, for its address to be looked up but once; that of the next round is not beside it.
const PAGE: usize = 4096;
const LINE: usize = 64;
/// As many stores as wait at once on large processors.
const STORES: usize = 48;
/// How long a writer waits, in turns of a loop: from nothing to about a microsecond.
const DELAYS: u64 = if cfg!(debug_assertions) { 512 } else { 2048 };
/// What says that there are no more rounds.
const OVER: u64 = u64::MAX;

#[repr(align(128))]
#[derive(Default)]
struct Apart<T>(T);

#[derive(Default)]
struct Rounds {
    flag: Apart<AtomicU64>,
    /// The round that the reader may begin, has loaded the flag in, may leave in, and has left in.
    begin: Apart<AtomicU64>,
    loaded: Apart<AtomicU64>,
    leave: Apart<AtomicU64>,
    left: Apart<AtomicU64>,
    missed: Apart<AtomicBool>,
}

/// Waits for `round`, or a later one; which it is.
fn wait_for(at: &Apart<AtomicU64>, round: u64) -> u64 {
    let mut turns = 0_u32;
    loop {
        let now = at.0.load(Ordering::Acquire);
        if now >= round {
            return now;
        }
        turns += 1;
        if turns.is_multiple_of(1 << 12) {
            std::thread::yield_now();
        }
        spin_loop();
    }
}

/// Takes lines out of all caches, if the processor has a way; else there are so many of them that it is long since they were used.
fn make_cold(lines: &mut [u8; STORES * LINE]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_mm_clflush, _mm_mfence};
        // SAFETY: every processor of this architecture has it, and the lines are ours.
        lines.chunks(LINE).for_each(|line| unsafe { _mm_clflush(line.as_ptr()) });
        // SAFETY: as above.
        unsafe { _mm_mfence() };
    }
    black_box(lines);
}

/// Stores to each line, as fast as possible: what is stored first must still wait when the last is.
fn dirty(lines: &mut [u8; STORES * LINE]) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: stores to the lines.
    unsafe {
        std::arch::asm!(
            "2:", "mov byte ptr [{line}], 1", "add {line}, 64", "cmp {line}, {end}", "jb 2b",
            line = inout(reg) lines.as_mut_ptr() => _,
            end = in(reg) lines.as_mut_ptr_range().end,
            options(nostack),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    lines.iter_mut().step_by(LINE).for_each(|byte| *byte = 1);
    black_box(lines);
}

fn read(rounds: &Rounds, domain: &'static Domain) {
    let mut cold = vec![1; COLD];
    let mut at = 0;
    let mut round = 0;
    loop {
        round += 1;
        at = (at + 37 * PAGE) % COLD;
        let lines = cold[at..].first_chunk_mut().expect("whole pages are left");
        make_cold(lines);
        // In this CPU's cache, so that the load does not wait.
        black_box(rounds.flag.0.load(Ordering::Relaxed));
        if wait_for(&rounds.begin, round) == OVER {
            return;
        }
        dirty(lines);
        let reading = domain.read();
        let missed = rounds.flag.0.load(Ordering::Relaxed) == 0;
        rounds.missed.0.store(missed, Ordering::Relaxed);
        rounds.loaded.0.store(round, Ordering::Release);
        wait_for(&rounds.leave, round);
        drop(reading);
        rounds.left.0.store(round, Ordering::Release);
    }
}

/// In how many rounds both missed the other, of how many.
fn both_missed(barrier: bool, time: Duration) -> (u64, u64) {
    // The CPUs are for one of them.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let _limit = Limit::start(10 * time + Duration::from_secs(60), "a litmus test");
    let cpus = allowed();
    let (rounds, domain) = (Rounds::default(), &*Box::leak(Box::new(Domain::new())));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            move_to(cpus[0]);
            read(&rounds, domain);
        });
        let writer = scope.spawn(|| {
            move_to(cpus[1]);
            let (mut both, mut round) = (0, 0);
            let until = Instant::now() + time;
            while Instant::now() < until {
                round += 1;
                rounds.flag.0.store(0, Ordering::Relaxed);
                rounds.begin.0.store(round, Ordering::Release);
                // At all times after the reader has begun.
                (0..round % DELAYS).for_each(|turn| _ = black_box(turn));
                rounds.flag.0.store(1, Ordering::Relaxed);
                let none = if barrier { domain.poll(domain.state()) } else { domain.seen_inside() == 0 };
                wait_for(&rounds.loaded, round);
                both += u64::from(none && rounds.missed.0.load(Ordering::Relaxed));
                rounds.leave.0.store(round, Ordering::Release);
                wait_for(&rounds.left, round);
                if barrier {
                    // No grace period is under way in the next round.
                    domain.synchronize();
                }
            }
            rounds.begin.0.store(OVER, Ordering::Release);
            (both, round)
        });
        writer.join().expect("no panic")
    })
}

fn can_be_tried() -> bool {
    if allowed().len() < 2 {
        skip("cpus", "there is only one");
        return false;
    }
    true
}

#[test]
fn either_the_reader_sees_the_flag_or_the_writer_the_reader() {
    if can_be_tried() {
        let (both, rounds) = both_missed(true, duration());
        assert!(rounds > 0);
        assert_eq!(both, 0, "in {rounds} rounds");
    }
}

/// How often the control is given the chance to fail.
const CHANCES: u32 = 20;

#[test]
fn without_the_barrier_both_miss_the_other() {
    // On the slow path the reader has a barrier of its own.
    if can_be_tried() && sequences_run() {
        let seen = (0..CHANCES).any(|_| {
            let (both, rounds) = both_missed(false, duration() / 2);
            say(format_args!("without a barrier: {both} of {rounds} rounds"));
            both > 0
        });
        assert!(seen, "this machine does not show what the barrier is for");
    }
}
