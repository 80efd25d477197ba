//! The operations under attack, with what another thread does to them on the same CPU at the moment of the abort, and what
//! must hold afterwards.
//!
//! A sequence that has no scenario fails the test; a scenario is all that it needs.

use std::cell::{Cell, RefCell};

use perseq::{Counter, Counters};
use perseq_tests::cpus::Pinned;
use perseq_tests::inject::{Scenario, Trap};
use perseq_tests::structures::{CidTally, List, Locks, Node, Pairs, Ring, SlowTally, Stack, Tally};
use perseq_tests::words::{Integer, Operation, Slots};

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    let mut all = vec![
        Scenario::new("Counter::add", counter_add),
        Scenario::new("the first Counter::add", counter_first),
        Scenario::new("Counter::reset", counter_reset),
        Scenario::new("Counters::add", counters_add),
        Scenario::new("the first Counters::add", counters_first),
        Scenario::new("a tally by CPU", tally_by_cpu),
        Scenario::new("a tally by concurrency id", tally_by_cid),
        Scenario::new("a tally that copies", tally_slowly),
        Scenario::new("cpu_id() and tsc()", stamp),
        Scenario::new("a push on a list", list_push),
        Scenario::new("a pop from a list", list_pop),
        Scenario::new("a list taken whole", list_pop_all),
        Scenario::new("a lock", lock),
        Scenario::new("a lock that is tried", try_lock),
        Scenario::new("a lock that is held", try_held_lock),
        Scenario::new("a pair of words read at once", pair_read),
        Scenario::new("a push on a stack", stack_push),
        Scenario::new("a pop from a stack", stack_pop),
        Scenario::new("an item of an array", stack_get),
        Scenario::new("a record appended by copy", ring_append),
    ];
    operations::<u8>(&mut all);
    operations::<u16>(&mut all);
    operations::<u32>(&mut all);
    operations::<u64>(&mut all);
    operations::<usize>(&mut all);
    operations::<i8>(&mut all);
    operations::<i16>(&mut all);
    operations::<i32>(&mut all);
    operations::<i64>(&mut all);
    operations::<isize>(&mut all);
    all
}

/// The counters' additions in one place each: otherwise every caller has sections of its own, those outside the attack too.
#[inline(never)]
fn add(counter: &Counter, n: u64) {
    counter.add(n);
}

#[inline(never)]
fn add_to<const N: usize>(counters: &Counters<N>, which: usize, n: u64) {
    counters.add(which, n);
}

/// What the interference adds, so that it can be told from what the operation adds.
const MUCH: u64 = 1000;

fn counter_add(trap: &Trap) {
    let counter = Counter::new();
    counter.prepare().expect("memory");
    trap.during(|| add(&counter, 1), &|| add(&counter, MUCH));
    assert_eq!(counter.sum(), 1 + MUCH * trap.interferences());
}

fn counter_first(trap: &Trap) {
    let counter = Counter::new();
    trap.during(|| add(&counter, 1), &|| add(&counter, MUCH));
    assert_eq!(counter.sum(), 1 + MUCH * trap.interferences());
}

fn counter_reset(trap: &Trap) {
    let counter = Counter::new();
    counter.prepare().expect("memory");
    let taken = Cell::new(0);
    let reset = || taken.set(taken.get() + counter.reset());
    let interference = || {
        add(&counter, MUCH);
        reset();
    };
    for _ in 0..2 {
        trap.during(|| add(&counter, 1), &interference);
        trap.during(reset, &interference);
    }
    assert_eq!(taken.get() + counter.sum(), 2 + MUCH * trap.interferences());
}

fn counters_add(trap: &Trap) {
    let counters = Counters::<3>::new();
    counters.prepare().expect("memory");
    trap.during(|| add_to(&counters, 1, 5), &|| add_to(&counters, 1, MUCH));
    assert_eq!(counters.sums(), [0, 5 + MUCH * trap.interferences(), 0]);
}

fn counters_first(trap: &Trap) {
    let counters = Counters::<3>::new();
    trap.during(|| add_to(&counters, 1, 5), &|| add_to(&counters, 1, MUCH));
    assert_eq!(counters.sums(), [0, 5 + MUCH * trap.interferences(), 0]);
}

fn tally_by_cpu(trap: &Trap) {
    let tally = Tally::new();
    trap.during(|| tally.add(1), &|| tally.add(MUCH));
    assert_eq!(tally.sum(), 1 + MUCH * trap.interferences());
}

fn tally_by_cid(trap: &Trap) {
    let tally = CidTally::new();
    trap.during(|| tally.add(1), &|| tally.add(MUCH));
    assert_eq!(tally.sum(), 1 + MUCH * trap.interferences());
}

fn tally_slowly(trap: &Trap) {
    let tally = SlowTally::new();
    trap.during(|| tally.add(1), &|| tally.add(MUCH));
    assert_eq!(tally.sum(), 1 + MUCH * trap.interferences());
}

fn stamp(trap: &Trap) {
    let pinned = Pinned::first();
    let tally = Tally::new();
    let before = tally.stamp();
    let stamp = trap.during(|| tally.stamp(), &|| tally.add(MUCH));
    assert_eq!(stamp.cpu, pinned.cpu);
    assert!(before.clock < stamp.clock, "the clock ran backwards: {before:?}, {stamp:?}");
    assert_eq!(stamp.before, 1 + MUCH * trap.interferences_first(), "what the last attempt saw");
    assert_eq!(tally.sum(), 2 + MUCH * trap.interferences());
}

fn list_push(trap: &Trap) {
    let _pinned = Pinned::first();
    let mut mine = Node::new(1);
    let mut others: Vec<Node> = (0..64).map(|at| Node::new(100 + at)).collect();
    let expected = others.len() + 1;
    let list = List::new();
    // What the interference will push.
    let waiting = RefCell::new(others.iter_mut().collect::<Vec<_>>());
    trap.during(|| list.push(&mut mine), &|| {
        if let Some(node) = waiting.borrow_mut().pop() {
            list.push(node);
        }
    });
    let values: Vec<u64> = list.drain().iter().map(|node| node.value).collect();
    let later = trap.interferences() - trap.interferences_first();
    assert_eq!(values.iter().position(|value| *value == 1), Some(later as usize), "its place from the top");
    assert_eq!(values.len() + waiting.borrow().len(), expected, "a node was lost or linked twice");
}

fn list_pop(trap: &Trap) {
    let _pinned = Pinned::first();
    let mut nodes: Vec<Node> = (0..64).map(Node::new).collect();
    let expected: Vec<u64> = (0..64).collect();
    let list = List::new();
    nodes.iter_mut().for_each(|node| list.push(node));
    // What the interference popped and kept; it never allocates.
    let kept = RefCell::new(Vec::with_capacity(64));
    let popped = trap.during(
        || list.pop(),
        // The top is the same afterwards, and the node below it is not: what a compare-and-swap would not notice.
        &|| {
            if let (Some(top), Some(below)) = (list.pop(), list.pop()) {
                list.push(top);
                kept.borrow_mut().push(below.value);
            }
        },
    );
    let mut values = kept.into_inner();
    values.extend(popped.map(|node| node.value));
    values.extend(list.drain().iter().map(|node| node.value));
    values.sort_unstable();
    assert_eq!(values, expected, "a node was lost or popped twice");
}

fn list_pop_all(trap: &Trap) {
    let _pinned = Pinned::first();
    let mut nodes: Vec<Node> = (0..64).map(Node::new).collect();
    let list = List::new();
    let mut nodes = nodes.iter_mut();
    nodes.by_ref().take(3).for_each(|node| list.push(node));
    let waiting = RefCell::new(nodes.collect::<Vec<_>>());
    let popped = trap.during(|| list.pop_all(), &|| {
        if let Some(node) = waiting.borrow_mut().pop() {
            list.push(node);
        }
    });
    let first = trap.interferences_first();
    assert_eq!(popped.count() as u64, 3 + first, "what was there when the list was taken");
    assert_eq!(list.drain().len() as u64, trap.interferences() - first, "what came later");
}

fn lock(trap: &Trap) {
    let pinned = Pinned::first();
    let locks = Locks::new();
    // It does not wait: behind its commit the lock is ours.
    let times = Cell::new(0);
    let mut guard = trap.during(|| locks.lock(), &|| {
        if let Some(mut number) = locks.try_lock() {
            *number += MUCH;
            times.set(times.get() + 1);
        }
    });
    assert_eq!(times.get(), trap.interferences_first(), "two have it, or nobody");
    assert_eq!(guard.cpu(), pinned.cpu);
    *guard += 1;
    drop(guard);
    assert_eq!(locks.into_sum(), 1 + MUCH * times.get());
}

fn try_lock(trap: &Trap) {
    let pinned = Pinned::first();
    let locks = Locks::new();
    // What the interference takes it keeps.
    let kept = RefCell::new(Vec::with_capacity(64));
    let mine = trap.during(|| locks.try_lock(), &|| kept.borrow_mut().push(locks.try_lock()));
    let others = kept.into_inner();
    let has: Vec<bool> = others.iter().map(Option::is_some).collect();
    let first = trap.interferences_first() as usize;
    assert!(has.iter().enumerate().all(|(at, has)| *has == (at == 0 && first > 0)), "{has:?} after {first}");
    assert_eq!(mine.map(|guard| guard.cpu()), (first == 0).then_some(pinned.cpu));
}

fn try_held_lock(trap: &Trap) {
    let _pinned = Pinned::first();
    let locks = Locks::new();
    let held = RefCell::new(locks.try_lock());
    assert!(held.borrow().is_some());
    let mine = trap.during(|| locks.try_lock(), &|| *held.borrow_mut() = None);
    assert_eq!(mine.is_some(), trap.interferences_first() > 0, "what the last attempt saw");
}

fn pair_read(trap: &Trap) {
    let pinned = Pinned::first();
    let pairs = Pairs::new();
    let value = Cell::new(0);
    let (first, second) = trap.during(|| pairs.read(), &|| {
        value.set(value.get() + 1);
        let _ = pairs.set(pinned.cpu, value.get(), || ());
    });
    assert_eq!(first, !second, "two words of different times");
    assert_eq!(first, trap.interferences_first(), "what the last attempt saw");
}

fn stack_push(trap: &Trap) {
    let pinned = Pinned::first();
    for room in [64, 0] {
        let stack = Stack::<64>::new();
        (room..64).for_each(|_| assert!(stack.push(2)));
        let already = trap.interferences();
        let pushed = trap.during(|| stack.push(1), &|| {
            stack.push(MUCH);
        });
        let others = trap.interferences() - already;
        assert_eq!(pushed, room > 0);
        let items = stack.drain(pinned.cpu);
        let count = |value| items.iter().filter(|item| **item == value).count() as u64;
        assert_eq!((count(1), count(MUCH)), if room > 0 { (1, others) } else { (0, 0) });
    }
}

fn stack_pop(trap: &Trap) {
    let pinned = Pinned::first();
    let stack = Stack::<64>::new();
    (0..64).for_each(|value| assert!(stack.push(value)));
    let others = RefCell::new(Vec::with_capacity(64));
    let popped = trap.during(|| stack.pop(), &|| {
        if let Some(value) = stack.pop() {
            others.borrow_mut().push(value);
        }
    });
    // All of them in the order of the pops, which is from the top.
    let mut popped_in_order = others.into_inner();
    popped_in_order.insert(trap.interferences_first() as usize, popped.expect("there is enough"));
    let left = stack.drain(pinned.cpu);
    let found = left.into_iter().chain(popped_in_order.into_iter().rev());
    assert_eq!(found.collect::<Vec<_>>(), (0..64).collect::<Vec<_>>());
}

fn stack_get(trap: &Trap) {
    let _pinned = Pinned::first();
    let stack = Stack::<64>::new();
    (0..4).for_each(|value| assert!(stack.push(10 + value)));
    let got = trap.during(|| stack.get(3), &|| {
        stack.pop();
        stack.push(10 + MUCH);
    });
    assert_eq!(got, if trap.interferences_first() > 0 { 10 + MUCH } else { 13 });
}

fn ring_append(trap: &Trap) {
    let pinned = Pinned::first();
    let ring = Ring::new();
    // Words and single bytes.
    let appended = trap.during(|| ring.append(18, 1), &|| {
        ring.append(5, 2);
    });
    assert!(appended);
    let records = ring.drain(pinned.cpu);
    let count = |record| records.iter().filter(|found| **found == record).count() as u64;
    assert_eq!((count((18, 1)), count((5, 2))), (1, trap.interferences()), "{records:?}");
    assert_eq!(records.len() as u64, 1 + trap.interferences(), "{records:?}");
}

/// A scenario for each operation on words of type `T`.
fn operations<T: Integer>(all: &mut Vec<Scenario>) {
    for operation in T::operations() {
        let name = format!("{} of {}", operation.name, std::any::type_name::<T>());
        all.push(Scenario::new(name, move |trap| compute(trap, &operation)));
    }
}

fn compute<T: Integer>(trap: &Trap, operation: &Operation<T>) {
    let pinned = Pinned::first();
    let slots = Slots::<T>::new();
    let (old, neighbour) = (T::from_bits(77), T::from_bits(0x5a));
    // Enough for each condition to hold, to fail, and to be evaluated to its end, and for shifts by more than half a register.
    for (a, b) in [(1, 12), (12, 1), (3, 3), (5, 40)].map(|(a, b)| (T::from_bits(a), T::from_bits(b))) {
        slots.set(pinned.cpu, old, neighbour);
        // Whatever the registers held, the parameters must be whole when the section starts again.
        let result = trap.during(|| slots.run(operation, a, b), &|| ());
        let found = (result, slots.get(pinned.cpu, neighbour));
        assert_eq!(found, (operation.expected)(old, a, b), "of {a:?} and {b:?}");
    }
}
