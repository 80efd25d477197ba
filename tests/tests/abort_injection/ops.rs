//! The operations of librseq under attack, on each kind of slots and in each order.

use std::cell::Cell;
use std::mem::offset_of;

use perseq::GatedIndex;
use perseq::ops::{Order, Outcome, Relaxed, Release};
use perseq_tests::cpus::Pinned;
use perseq_tests::inject::{Scenario, Trap};
use perseq_tests::structures::ops::{Call, Operation, Operations, Words};

/// A scenario for each.
pub fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    each(&mut all, "by CPU, relaxed", || Operations::by_cpu(Relaxed));
    each(&mut all, "by CPU, release", || Operations::by_cpu(Release));
    each(&mut all, "by concurrency id, relaxed", || Operations::by_cid(Relaxed));
    each(&mut all, "by concurrency id, release", || Operations::by_cid(Release));
    all
}

fn each<I: GatedIndex + 'static, O: Order + Copy + 'static>(
    all: &mut Vec<Scenario>,
    kind: &str,
    make: fn() -> Operations<I, O>,
) {
    for operation in Operation::ALL {
        all.push(Scenario::new(format!("{operation:?} {kind}"), move |trap| {
            attack(trap, operation, &make())
        }));
    }
}

/// What the interference adds, so that it can be told from what the operation does.
const MUCH: isize = 1000;

fn attack<I: GatedIndex, O: Order + Copy>(trap: &Trap, operation: Operation, operations: &Operations<I, O>) {
    let _pinned = Pinned::first();
    let call =
        |expect| Call { operation, expect, expect2: 0, newv: 7, newv2: 8, at: 1, bytes: [9; 80], len: 75 };
    // What the operation reads last is added to, so whoever restarts must read it again.
    attack_once(trap, operations, &call(0), MUCH);
    // Nothing changes, so that operations which compare get to their end; and compares fail whatever happens.
    attack_once(trap, operations, &call(0), 0);
    attack_once(trap, operations, &call(1), 0);
}

fn attack_once<I: GatedIndex, O: Order + Copy>(
    trap: &Trap,
    operations: &Operations<I, O>,
    call: &Call,
    much: isize,
) {
    // By concurrency id, a thread may change its slot while it stays on its CPU.
    for _ in 0..100 {
        let (slot, already) = (operations.slots().here(), [trap.interferences_first(), trap.interferences()]);
        let before = operations.set(slot, Words::default(), call.operation.follows());
        let words = operations.words(slot);
        let changed = words.wrapping_byte_add(read_last(call)).cast::<isize>();
        let (mut load, added) = (0, Cell::new(0));
        let outcome = trap.during(
            // SAFETY: the words of that slot; what leads from one to the other is never added to.
            || unsafe { operations.run(call, words, &mut load, slot) },
            &|| {
                // SAFETY: as above.
                let outcome = unsafe { operations.load_add_store(changed, much, slot) };
                added.set(added.get() + u64::from(outcome == Outcome::Committed));
            },
        );
        let first = trap.interferences_first() - already[0];
        let all = trap.interferences() - already[1];
        if outcome == Outcome::Aborted || added.get() != all {
            continue;
        }
        let (mut expected, mut expected_load, mut found) = (before, 0, operations.get(slot));
        let add = |words: &mut Words, times: u64| {
            let word = (&raw mut *words).wrapping_byte_add(read_last(call)).cast::<isize>();
            // SAFETY: a word of them.
            unsafe { *word += much * times as isize };
        };
        add(&mut expected, first);
        let expected_outcome = call.model(&mut expected, &mut expected_load);
        add(&mut expected, all - first);
        if expected_outcome == Outcome::CompareFailed && first > 0 {
            // An attempt that was aborted may have got as far as staging.
            found.bytes = expected.bytes;
            if call.operation == Operation::LoadCbneStoreStore && found.v2 == call.newv2 {
                found.v2 = expected.v2;
            }
        }
        assert_eq!((outcome, found, load), (expected_outcome, expected, expected_load), "{call:?}");
        return;
    }
    panic!("the thread was never in its slot");
}

/// The offset of the word that the operation reads last.
fn read_last(call: &Call) -> usize {
    match call.operation {
        Operation::LoadCbeqStoreAddLoadStore => offset_of!(Words, chain) + call.at * size_of::<isize>(),
        Operation::LoadAddLoadLoadAddStore | Operation::LoadCbneLoadCbneStore => offset_of!(Words, v2),
        _ => offset_of!(Words, v),
    }
}
