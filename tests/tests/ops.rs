//! The operations of librseq do what plain Rust does with the same words, in the slot that the caller says and nowhere else.
#![cfg(target_os = "linux")]

use std::ptr::null_mut;

use perseq::ops::{Order, Outcome, Relaxed, Release};
use perseq::{GatedIndex, cpu};
use perseq_tests::cases;
use perseq_tests::cpus::{Pinned, allowed, move_to};
use perseq_tests::slow_path;
use perseq_tests::structures::OpsList;
use perseq_tests::structures::ops::{Call, Operation, Operations, Words};
use proptest::prelude::*;

/// Few enough that compares hold as often as they fail.
fn small() -> impl Strategy<Value = isize> {
    prop_oneof![0_isize..2, Just(isize::MIN)]
}

fn words() -> impl Strategy<Value = Words> {
    (small(), small(), any::<[isize; 3]>(), any::<[u8; 80]>()).prop_map(|(v, v2, chain, bytes)| Words {
        v,
        v2,
        chain,
        bytes,
    })
}

fn calls() -> impl Strategy<Value = Call> {
    let operations = prop::sample::select(&Operation::ALL[..]);
    let values = (small(), small(), any::<isize>(), any::<isize>());
    (operations, values, 0_usize..3, any::<[u8; 80]>(), 0_usize..=80).prop_map(
        |(operation, (expect, expect2, newv, newv2), at, bytes, len)| Call {
            operation,
            expect,
            expect2,
            newv,
            newv2,
            at,
            bytes,
            len,
        },
    )
}

/// What `load` is before an operation.
const UNTOUCHED: isize = 0x5a5a;

/// The outcome of `call` in the slot that the thread is in, with the words before and afterwards and `load`.
fn here<I: GatedIndex, O: Order + Copy>(
    operations: &Operations<I, O>,
    call: &mut Call,
    words: Words,
) -> (Outcome, Words, Words, isize) {
    // By concurrency id, a thread may change its slot while it stays on its CPU.
    for _ in 0..100 {
        let (slot, mut load) = (operations.slots().here(), UNTOUCHED);
        let before = operations.set(slot, words, call.operation.follows());
        if call.operation == Operation::LoadCbeqStoreAddLoadStore && call.expect == 1 {
            call.expect = before.v;
        }
        // SAFETY: the words of that slot, and the chain is set if it is followed.
        let outcome = unsafe { operations.run(call, operations.words(slot), &mut load, slot) };
        if outcome != Outcome::Aborted {
            return (outcome, before, operations.get(slot), load);
        }
    }
    panic!("the thread was never in its slot");
}

fn agrees<I: GatedIndex, O: Order + Copy>(operations: &Operations<I, O>) {
    proptest!(ProptestConfig::with_cases(cases(600)), |(call in calls(), words in words())| {
        let mut call = call;
        let (outcome, before, found, load) = here(operations, &mut call, words);
        let (mut expected, mut expected_load) = (before, UNTOUCHED);
        prop_assert_eq!(outcome, call.model(&mut expected, &mut expected_load), "{:?} of {:?}", call, before);
        prop_assert_eq!((found, load), (expected, expected_load), "{:?} of {:?}", call, before);
    });
}

#[test]
fn operations_agree_with_plain_rust_by_cpu() {
    let _pinned = Pinned::first();
    agrees(&Operations::by_cpu(Relaxed));
    agrees(&Operations::by_cpu(Release));
    slow_path::passes("operations_agree_with_plain_rust_by_cpu");
}

#[test]
fn operations_agree_with_plain_rust_by_concurrency_id() {
    agrees(&Operations::by_cid(Relaxed));
    agrees(&Operations::by_cid(Release));
    slow_path::passes("operations_agree_with_plain_rust_by_concurrency_id");
}

/// Calls that commit on [`Words::default`].
fn committing() -> impl Iterator<Item = Call> {
    Operation::ALL.into_iter().map(|operation| {
        // The one that leaves if it finds what it was told.
        let expect = if operation == Operation::LoadCbeqStoreAddLoadStore { -1 } else { 0 };
        Call { operation, expect, expect2: 0, newv: 7, newv2: 8, at: 1, bytes: [9; 80], len: 80 }
    })
}

/// From a slot in which the thread is not, every operation is aborted, with words that exist and without any.
fn is_aborted<I: GatedIndex, O: Order + Copy>(operations: &Operations<I, O>, elsewhere: u32) {
    for call in committing() {
        let slot = operations.slots().here();
        let before = operations.set(slot, Words::default(), call.operation.follows());
        let mut load = UNTOUCHED;
        for words in [operations.words(slot), null_mut()] {
            // SAFETY: the thread is not in that slot.
            let outcome = unsafe { operations.run(&call, words, &mut load, elsewhere) };
            assert_eq!(outcome, Outcome::Aborted, "{call:?}");
        }
        assert_eq!((operations.get(slot), load), (before, UNTOUCHED), "{call:?} touched something");
    }
}

#[test]
fn from_elsewhere_everything_is_aborted_and_nothing_is_written() {
    let pinned = Pinned::first();
    let others = (0..cpu::possible()).filter(|&other| other != pinned.cpu);
    for elsewhere in others.chain([cpu::possible(), u32::MAX]) {
        is_aborted(&Operations::by_cpu(Relaxed), elsewhere);
        is_aborted(&Operations::by_cpu(Release), elsewhere);
    }
    // Whatever ids the threads of this test have, these are none.
    for elsewhere in [cpu::possible(), u32::MAX] {
        is_aborted(&Operations::by_cid(Relaxed), elsewhere);
        is_aborted(&Operations::by_cid(Release), elsewhere);
    }
    slow_path::passes("from_elsewhere_everything_is_aborted_and_nothing_is_written");
}

#[test]
fn a_thread_that_was_moved_meanwhile_is_told_so() {
    let cpus = allowed();
    let _home = Pinned::first();
    let operations = Operations::by_cpu(Relaxed);
    for cpu in cpus {
        let was = operations.slots().here();
        if !move_to(cpu) || was == cpu {
            continue;
        }
        for call in committing() {
            let before = operations.set(was, Words::default(), call.operation.follows());
            let mut load = UNTOUCHED;
            // SAFETY: these are the words of that slot.
            let outcome = unsafe { operations.run(&call, operations.words(was), &mut load, was) };
            assert_eq!((outcome, load), (Outcome::Aborted, UNTOUCHED), "{call:?}");
            assert_eq!(operations.get(was), before, "{call:?} touched something");
        }
    }
    slow_path::passes("a_thread_that_was_moved_meanwhile_is_told_so");
}

#[test]
fn every_operation_commits_where_sequences_run_and_where_not() {
    let _pinned = Pinned::first();
    for mut call in committing() {
        assert_eq!(here(&Operations::by_cpu(Relaxed), &mut call, Words::default()).0, Outcome::Committed);
        assert_eq!(here(&Operations::by_cpu(Release), &mut call, Words::default()).0, Outcome::Committed);
        assert_eq!(here(&Operations::by_cid(Relaxed), &mut call, Words::default()).0, Outcome::Committed);
        assert_eq!(here(&Operations::by_cid(Release), &mut call, Words::default()).0, Outcome::Committed);
    }
    slow_path::passes("every_operation_commits_where_sequences_run_and_where_not");
}

#[test]
fn lists_of_operations_that_threads_share_do_not_race() {
    let rounds = if cfg!(miri) { 8 } else { 2000 };
    let (by_cpu, by_cid) = (OpsList::by_cpu(), OpsList::by_cid());
    for _ in 0..4 {
        by_cpu.add(0);
        by_cid.add(0);
    }
    let changes: u64 = std::thread::scope(|scope| {
        let change = || (0..rounds).map(|_| by_cpu.change() + by_cid.change()).sum::<u64>();
        let threads = [(); 3].map(|()| scope.spawn(change));
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    let ((first, nodes), (second, others)) = (by_cpu.take(), by_cid.take());
    assert_eq!((first + second, nodes, others), (changes, 4, 4));
    slow_path::passes("lists_of_operations_that_threads_share_do_not_race");
}
