//! A fork never cuts through a change of a slot; and where one does that cannot wait, the slot is abandoned and can be mended.
#![cfg(target_os = "linux")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use perseq::ExclusiveError;
use perseq_tests::child;
use perseq_tests::limit::Limit;
use perseq_tests::stress::duration;
use perseq_tests::stress::fork::{How, child};
use perseq_tests::structures::Pairs;

/// In a child: whether every pair is whole. One that is not must be abandoned, and must be whole once it is mended.
fn all_whole(pairs: &Pairs) -> bool {
    (0..pairs.slots()).all(|cpu| match pairs.whole(cpu) {
        Ok(true) => true,
        Err(ExclusiveError::Abandoned(_)) if pairs.mend(cpu) == Ok(()) && pairs.whole(cpu) == Ok(true) => {
            false
        }
        // SAFETY: ends the child by a signal, which the parent takes for what it is.
        _ => unsafe { libc::abort() },
    })
}

/// Forks while two threads are in the middle of changing pairs, nearly all the time; says whether every child found
/// every pair whole.
fn children_find_whole_pairs(how: How) -> bool {
    let _limit = Limit::start(4 * duration() + Duration::from_secs(120), "forking");
    let pairs = Pairs::new();
    let over = AtomicBool::new(false);
    let until = Instant::now() + duration();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut value = 0;
                while !over.load(Ordering::Relaxed) {
                    for cpu in 0..pairs.slots() {
                        value += 1;
                        pairs.set(cpu, value, linger).expect("a slot");
                    }
                }
            });
        }
        let mut whole = true;
        while whole && Instant::now() < until {
            whole = child(how, || all_whole(&pairs));
        }
        over.store(true, Ordering::Relaxed);
        whole
    })
}

/// Some ten microseconds.
fn linger() {
    for _ in 0..1000 {
        std::hint::spin_loop();
    }
}

#[test]
fn a_child_never_finds_a_slot_in_the_middle_of_a_change() {
    assert!(children_find_whole_pairs(How::Libc));
}

#[test]
fn a_fork_past_the_handlers_leaves_slots_abandoned_which_can_be_mended() {
    // In a process of its own: what such a fork leaves behind in libc is no concern of the other tests.
    const NAME: &str = "a_fork_past_the_handlers_leaves_slots_abandoned_which_can_be_mended";
    if child::is_child(NAME) {
        assert!(
            !children_find_whole_pairs(How::Bare),
            "every child found whole pairs: the stress is too weak"
        );
    } else {
        child::run(NAME, &[]).assert_success();
    }
}
