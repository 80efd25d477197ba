//! The operations under attack, with what another thread does to them on the same CPU at the moment of the abort, and what
//! must hold afterwards.
//!
//! A sequence that has no scenario fails the test; a scenario is all that it needs.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

use perseq::collections::ring::AppendError;
use perseq::{Counter, Counters};
use perseq_rcu::Domain;
use perseq_tests::cpus::Pinned;
use perseq_tests::inject::{Scenario, Trap};
use perseq_tests::structures::{
    Array, CidTally, Garbage, Gauge, Histogram, List, Locks, Node, Pairs, Pool, Queue, Reader, Ring, Shared,
    Short, SlowTally, Stack, Tally, Twins,
};
use perseq_tests::words::{Integer, Operation, Slots};

/// All scenarios.
pub fn all() -> Vec<Scenario> {
    let mut all = vec![
        Scenario::new("Counter::add", counter_add),
        Scenario::new("the first Counter::add", counter_first),
        Scenario::new("Counter::reset", counter_reset),
        Scenario::new("Counters::add", counters_add),
        Scenario::new("the first Counters::add", counters_first),
        Scenario::new("Gauge::add and Gauge::set", gauge),
        Scenario::new("Histogram::record", histogram_record),
        Scenario::new("the first Histogram::record", histogram_first),
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
        Scenario::new("a record that all CPUs share", shared_read),
        Scenario::new("a short read of a word of 64 bits", |trap| short_read(trap, Wide)),
        Scenario::new("a short read of a word of 32 bits", |trap| short_read(trap, |number| number as u32)),
        Scenario::new("a short read of bytes", |trap| short_read(trap, |number| bytes(number as u8))),
        Scenario::new("a sequence beside ops vectors", beside_vectors),
        Scenario::new("an item of an array", array_get),
        Scenario::new("a push of a word on a stack", |trap| stack_push::<usize>(trap, usize::from)),
        Scenario::new("a push of bytes on a stack", |trap| stack_push(trap, bytes)),
        Scenario::new("a pop of a word from a stack", |trap| stack_pop::<usize>(trap, usize::from)),
        Scenario::new("a pop of bytes from a stack", |trap| stack_pop(trap, bytes)),
        Scenario::new("a push of a batch on a stack", stack_push_slice),
        Scenario::new("a pop of a batch from a stack", stack_pop_slice),
        Scenario::new("a push of a word on a queue", |trap| queue_push::<Box<u8>>(trap, Box::new)),
        Scenario::new("a push of bytes on a queue", |trap| queue_push(trap, bytes)),
        Scenario::new("a pop of a word from a queue", |trap| queue_pop::<Box<u8>>(trap, Box::new)),
        Scenario::new("a pop of bytes from a queue", |trap| queue_pop(trap, bytes)),
        Scenario::new("a pop of the newest word", |trap| queue_pop_newest::<Box<u8>>(trap, Box::new)),
        Scenario::new("a pop of the newest bytes", |trap| queue_pop_newest(trap, bytes)),
        Scenario::new("a record appended to a ring", ring_append),
        Scenario::new("a record appended where a ring begins again", ring_append_after_skip),
        Scenario::new("a reader that enters", rcu_enter),
        Scenario::new("the first reader of a domain", rcu_enter_first),
        Scenario::new("a reader that leaves", rcu_leave),
        Scenario::new("a callback", |trap| rcu_discard(trap, 0)),
        Scenario::new("the last callback of a batch", |trap| rcu_discard(trap, 1023)),
        Scenario::new("an object from a magazine", |trap| pool_insert(trap, 40)),
        Scenario::new("an object from the depot", |trap| pool_insert(trap, 0)),
        Scenario::new("an object back to a magazine", |trap| pool_give(trap, 1)),
        Scenario::new("an object back to a magazine that is full", |trap| pool_give(trap, 256)),
    ];
    all.extend(crate::ops::all());
    all.extend(crate::trace::all());
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

fn gauge(trap: &Trap) {
    let gauge = Gauge::new();
    gauge.prepare();
    // What sets have returned, and not what they have set.
    let net = Cell::new(0);
    let set = |value| net.set(net.get() + gauge.set(value) - value);
    let interference = || {
        gauge.add(MUCH.cast_signed());
        set(-5);
    };
    for value in [100, -100] {
        trap.during(|| gauge.add(-1), &interference);
        trap.during(|| set(value), &interference);
    }
    assert_eq!(net.get() + gauge.value(), (MUCH * trap.interferences()).cast_signed() - 2);
}

/// Both sequences of a record, under others in the same bucket and in another one.
fn histogram(trap: &Trap, histogram: &Histogram) {
    trap.during(|| histogram.record_n(5, 2), &|| {
        histogram.record_n(6, 3);
        histogram.record_n(MUCH, 1);
    });
    let (snapshot, others) = (histogram.snapshot(), trap.interferences());
    let counts: Vec<u64> = snapshot.buckets().map(|bucket| bucket.count).collect();
    let expected = if others > 0 { vec![2 + 3 * others, others] } else { vec![2] };
    assert_eq!(counts, expected);
    assert_eq!(snapshot.sum(), 10 + (18 + MUCH) * others);
}

fn histogram_record(trap: &Trap) {
    let prepared = Histogram::new();
    prepared.prepare();
    histogram(trap, &prepared);
}

fn histogram_first(trap: &Trap) {
    histogram(trap, &Histogram::new());
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

fn beside_vectors(trap: &Trap) {
    let pinned = Pinned::first();
    let twins = Twins::new();
    let equal = trap.during(|| twins.add(1), &|| assert!(twins.add_to(pinned.cpu, MUCH)));
    assert!(equal, "both words were changed, or none");
    assert_eq!(twins.sum(), 1 + MUCH * trap.interferences());
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

fn shared_read(trap: &Trap) {
    for always in [true, false] {
        let shared = Shared::new(0);
        // Which number is published, if one is.
        let published = |number: u64| (always || !number.is_multiple_of(2)).then_some(number);
        shared.replace(published(0));
        let (before, number) = (trap.interferences_first(), Cell::new(0));
        // A copy in pieces of every width.
        let read = trap.during(|| shared.read(73), &|| {
            number.set(number.get() + 1);
            shared.replace(published(number.get()));
        });
        let last = published(trap.interferences_first() - before);
        assert_eq!(read, last.map(|number| (number, !number)), "what the last attempt saw");
    }
}

/// A word that is aligned to its size on every machine.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(8))]
struct Wide(u64);

/// A value of each number, of which the last is read.
fn short_read<T: Copy + Send + Sync + PartialEq + Debug + 'static>(trap: &Trap, value: fn(u64) -> T) {
    let short = Short::new(value(0));
    let (before, number) = (trap.interferences_first(), Cell::new(0));
    let read = trap.during(|| short.get(), &|| {
        number.set(number.get() + 1);
        short.set(value(number.get()));
    });
    // What the last attempt saw; or, when all were aborted, a reader whose own sequences may have been aborted before or after it looked.
    let last = trap.interferences_first() - before;
    assert!(
        (last..=number.get()).any(|number| read == value(number)),
        "{read:?} of {last} to {}",
        number.get()
    );
}

fn array_get(trap: &Trap) {
    let pinned = Pinned::first();
    let array = Array::<4>::new();
    array.set(pinned.cpu, 3, 13);
    let got = trap.during(|| array.get(3), &|| array.set(pinned.cpu, 3, 10 + MUCH));
    assert_eq!(got, if trap.interferences_first() > 0 { 10 + MUCH } else { 13 });
}

/// An item that is no word, of bytes that tell which it is: copied in pieces of every width, alone and in threes.
fn bytes(which: u8) -> [u8; 73] {
    std::array::from_fn(|at| which.wrapping_mul(17).wrapping_add(at as u8))
}

fn stack_push<T: Copy + PartialEq>(trap: &Trap, item: fn(u8) -> T) {
    let pinned = Pinned::first();
    for room in [64, 0] {
        let stack = Stack::<T, 64>::new();
        (room..64).for_each(|_| assert!(stack.push(item(2))));
        let already = trap.interferences();
        let pushed = trap.during(|| stack.push(item(1)), &|| {
            stack.push(item(3));
        });
        let others = trap.interferences() - already;
        assert_eq!(pushed, room > 0);
        let items = stack.drain(pinned.cpu);
        let count = |which| items.iter().filter(|found| **found == item(which)).count() as u64;
        assert_eq!((count(1), count(3)), if room > 0 { (1, others) } else { (0, 0) });
        assert_eq!(items.len() as u64, if room > 0 { 1 + others } else { 64 });
    }
}

fn stack_pop<T: Copy + PartialEq + std::fmt::Debug>(trap: &Trap, item: fn(u8) -> T) {
    let pinned = Pinned::first();
    let stack = Stack::<T, 64>::new();
    (0..64).for_each(|which| assert!(stack.push(item(which))));
    let others = RefCell::new(Vec::with_capacity(64));
    let popped = trap.during(|| stack.pop(), &|| {
        if let Some(item) = stack.pop() {
            others.borrow_mut().push(item);
        }
    });
    // All of them in the order of the pops, which is from the top.
    let mut popped_in_order = others.into_inner();
    popped_in_order.insert(trap.interferences_first() as usize, popped.expect("there is enough"));
    let left = stack.drain(pinned.cpu);
    let found = left.into_iter().chain(popped_in_order.into_iter().rev());
    assert_eq!(found.collect::<Vec<_>>(), (0..64).map(item).collect::<Vec<_>>());
}

fn stack_push_slice(trap: &Trap) {
    let pinned = Pinned::first();
    // Room for all, and for a part.
    for room in [128, 2] {
        let stack = Stack::<_, 128>::new();
        (room..128).for_each(|_| assert!(stack.push(bytes(9))));
        let already = trap.interferences();
        let batch = [1, 2, 3].map(bytes);
        let pushed = trap.during(|| stack.push_slice(&batch), &|| {
            stack.push(bytes(7));
        });
        let others = (trap.interferences() - already).min(room as u64);
        let items = stack.drain(pinned.cpu);
        let at = items.iter().position(|found| *found == batch[0]);
        let found = at.map_or(&[][..], |at| &items[at..at + pushed]);
        assert_eq!(found, &batch[..pushed], "a batch stays together");
        assert_eq!(items.len(), 128 - room + pushed + others as usize, "of {others} others");
        assert_eq!(pushed, if room == 128 { 3 } else { 2 - others as usize });
    }
}

fn stack_pop_slice(trap: &Trap) {
    let pinned = Pinned::first();
    for there in [64, 2] {
        let stack = Stack::<_, 64>::new();
        (0..there).for_each(|which| assert!(stack.push(bytes(which))));
        let others = RefCell::new(Vec::with_capacity(64));
        let already = trap.interferences();
        let popped = trap.during(|| stack.pop_slice::<3>(), &|| {
            if let Some(popped) = stack.pop() {
                others.borrow_mut().push(popped);
            }
        });
        let first = if already == 0 { trap.interferences_first() as usize } else { others.borrow().len() };
        let (room, count) = popped;
        // SAFETY: so many were popped into it.
        let batch = room[..count].iter().rev().map(|item| unsafe { item.assume_init() });
        let mut in_order = others.into_inner();
        if already == 0 {
            in_order.splice(first..first, batch);
        } else {
            // What was there when, cannot be told: that nothing is lost can.
            in_order.extend(batch);
            in_order
                .sort_unstable_by_key(|popped| (0..there).rev().position(|which| bytes(which) == *popped));
        }
        let left = stack.drain(pinned.cpu);
        let found: Vec<_> = left.into_iter().chain(in_order.into_iter().rev()).collect();
        assert_eq!(found, (0..there).map(bytes).collect::<Vec<_>>());
    }
}

fn queue_push<T: PartialEq>(trap: &Trap, item: fn(u8) -> T) {
    let _pinned = Pinned::first();
    for room in [64, 0] {
        let queue = Queue::<T, 64>::new();
        (room..64).for_each(|_| assert!(queue.push(item(2)).is_ok()));
        let already = trap.interferences();
        // What is pushed meanwhile is made before: an allocator is no place for an interference.
        let waiting = RefCell::new((0..64).map(|_| item(3)).collect::<Vec<_>>());
        let mine = Cell::new(Some(item(1)));
        let refused = RefCell::new(Vec::with_capacity(64));
        let pushed = trap.during(|| queue.push(mine.take().expect("pushed once")).is_ok(), &|| {
            if let Some(item) = waiting.borrow_mut().pop() {
                refused.borrow_mut().extend(queue.push(item).err());
            }
        });
        let others = trap.interferences() - already;
        assert_eq!(pushed, room > 0);
        let items = queue.drain();
        let count = |which| items.iter().filter(|found| **found == item(which)).count() as u64;
        assert_eq!((count(1), count(3)), if room > 0 { (1, others) } else { (0, 0) });
    }
}

fn queue_pop<T: PartialEq + std::fmt::Debug>(trap: &Trap, item: fn(u8) -> T) {
    let _pinned = Pinned::first();
    let queue = Queue::<T, 64>::new();
    (0..64).for_each(|which| assert!(queue.push(item(which)).is_ok()));
    let others = RefCell::new(Vec::with_capacity(64));
    let popped = trap.during(|| queue.pop(), &|| {
        if let Some(item) = queue.pop() {
            others.borrow_mut().push(item);
        }
    });
    let mut in_order = others.into_inner();
    in_order.insert(trap.interferences_first() as usize, popped.expect("there is enough"));
    in_order.extend(queue.drain());
    assert_eq!(in_order, (0..64).map(item).collect::<Vec<_>>());
}

fn queue_pop_newest<T: PartialEq + std::fmt::Debug>(trap: &Trap, item: fn(u8) -> T) {
    let _pinned = Pinned::first();
    let queue = Queue::<T, 64>::new();
    (0..64).for_each(|which| assert!(queue.push(item(which)).is_ok()));
    let others = RefCell::new(Vec::with_capacity(64));
    // From both ends.
    let popped = trap.during(|| queue.pop_newest(), &|| {
        if let (Some(oldest), Some(newest)) = (queue.pop(), queue.pop_newest()) {
            others.borrow_mut().push((oldest, newest));
        }
    });
    let (mut in_order, mut newest): (Vec<T>, Vec<T>) = others.into_inner().into_iter().unzip();
    newest.insert(trap.interferences_first() as usize, popped.expect("there is enough"));
    in_order.extend(queue.drain());
    in_order.extend(newest.into_iter().rev());
    assert_eq!(in_order, (0..64).map(item).collect::<Vec<_>>());
}

fn ring_append(trap: &Trap) {
    let pinned = Pinned::first();
    let ring = Ring::<1024>::new();
    // In pieces of every width.
    let appended = trap.during(|| ring.append(75, 1), &|| {
        let _ = ring.append(5, 2);
    });
    assert_eq!(appended, Ok(()));
    let records = ring.drain(pinned.cpu);
    let count = |record| records.iter().filter(|found| **found == record).count() as u64;
    assert_eq!((count((75, 1)), count((5, 2))), (1, trap.interferences()), "{records:?}");
    assert_eq!(records.len() as u64, 1 + trap.interferences(), "{records:?}");
}

fn ring_append_after_skip(trap: &Trap) {
    let pinned = Pinned::first();
    // Room at the beginning, and none.
    for (unread, expected) in [(0, Ok(())), (3, Err(AppendError::Full))] {
        let ring = Ring::<1024>::new();
        // 32 bytes before the end.
        for round in 0..4 {
            assert_eq!(ring.append(240, 9), Ok(()));
            if round + unread < 4 {
                assert_eq!(ring.drain(pinned.cpu), [(240, 9)]);
            }
        }
        let others = Cell::new(0);
        let appended = trap.during(|| ring.append_bytes(&[1; 250]), &|| {
            others.set(others.get() + usize::from(ring.append(8, 2).is_ok()));
        });
        assert_eq!(appended, expected);
        let mut found = [0; 3];
        let mut reader = ring.inner().reader().expect("nobody else reads");
        reader.read_all(|_cpu, record| {
            found[[240, 250, 8].iter().position(|len| *len == record.len()).unwrap_or(0)] += 1
        });
        assert_eq!(found, [unread, usize::from(appended.is_ok()), others.get()]);
    }
}

/// A pool whose magazine holds so many objects.
fn pool_with(in_magazine: usize) -> Pool<u64> {
    let pool = Pool::new(4096);
    let objects: Vec<_> = (0..in_magazine as u64).map(|value| pool.insert(value).expect("enough")).collect();
    // What was fetched beyond that goes back to the depot.
    pool.inner().reclaim();
    objects.into_iter().for_each(|object| pool.give(object));
    pool
}

fn pool_insert(trap: &Trap, in_magazine: usize) {
    let _pinned = Pinned::first();
    let pool = pool_with(in_magazine);
    let others = RefCell::new(Vec::with_capacity(64));
    // The trap comes while the depot is ours too: then nothing can be had from it.
    let mine = trap.during(|| pool.insert(1), &|| others.borrow_mut().extend(pool.insert(MUCH)));
    let mut objects = others.into_inner();
    if in_magazine > 0 {
        assert_eq!(objects.len() as u64, trap.interferences());
    }
    objects.push(mine.expect("there are enough"));
    assert_eq!(pool.inner().in_use(), objects.len(), "an object was lost, or given to two");
    assert_eq!(objects.iter().filter(|object| ***object == 1).count(), 1, "an object was given to two");
}

fn pool_give(trap: &Trap, in_magazine: usize) {
    let _pinned = Pinned::first();
    let pool = pool_with(in_magazine);
    let mut objects: Vec<_> = (0..64).map(|value| pool.insert(value).expect("enough")).collect();
    let again: Vec<_> = (0..in_magazine).map(|_| pool.insert(0).expect("enough")).collect();
    again.into_iter().for_each(|object| pool.give(object));
    let mine = Cell::new(objects.pop());
    let others = RefCell::new(objects);
    trap.during(|| pool.give(mine.take().expect("one")), &|| {
        // Into a full magazine nothing can be given while the depot is ours; out of it something can be taken.
        if in_magazine == 1 {
            let object = others.borrow_mut().pop();
            object.into_iter().for_each(|object| pool.give(object));
        } else {
            others.borrow_mut().extend(pool.insert(MUCH));
        }
    });
    let left = others.into_inner();
    let expected = if in_magazine == 1 { 63 - trap.interferences() } else { 63 + trap.interferences() };
    assert_eq!(left.len() as u64, expected);
    assert_eq!(pool.inner().in_use(), left.len(), "an object was lost, or given back twice");
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

/// A reader that enters, and others that come, of which some stay; then all leave.
fn rcu_readers(trap: &Trap, domain: &'static Domain) {
    let _pinned = Pinned::first();
    let before = domain.seen_inside();
    let others = RefCell::new(Vec::with_capacity(64));
    let reader = trap.during(|| Reader::enter(domain), &|| {
        let passing = Reader::enter(domain);
        if others.borrow().len() < 64 {
            others.borrow_mut().push(Reader::enter(domain));
        }
        passing.leave();
    });
    let others = others.into_inner();
    assert_eq!(domain.seen_inside() - before, 1 + others.len() as u64, "a reader was counted twice, or not");
    reader.leave();
    others.into_iter().for_each(Reader::leave);
    assert_eq!(domain.seen_inside(), before);
}

fn rcu_enter(trap: &Trap) {
    static DOMAIN: Domain = Domain::new();
    DOMAIN.synchronize();
    rcu_readers(trap, &DOMAIN);
    DOMAIN.synchronize();
}

fn rcu_enter_first(trap: &Trap) {
    rcu_readers(trap, Box::leak(Box::new(Domain::new())));
}

fn rcu_leave(trap: &Trap) {
    static DOMAIN: Domain = Domain::new();
    let _pinned = Pinned::first();
    let reader = Cell::new(Some(Reader::enter(&DOMAIN)));
    let stays = Reader::enter(&DOMAIN);
    let others = RefCell::new((0..64).map(|_| Reader::enter(&DOMAIN)).collect::<Vec<_>>());
    trap.during(|| reader.take().expect("leaves once").leave(), &|| {
        if let Some(other) = others.borrow_mut().pop() {
            other.leave();
        }
        Reader::enter(&DOMAIN).leave();
    });
    let others = others.into_inner();
    assert_eq!(DOMAIN.seen_inside(), 1 + others.len() as u64, "a reader has left twice, or not");
    others.into_iter().for_each(Reader::leave);
    stays.leave();
    DOMAIN.synchronize();
}

/// A callback behind so many: the last of a batch takes the whole queue.
fn rcu_discard(trap: &Trap, already: usize) {
    static FREED: AtomicU64 = AtomicU64::new(0);
    let _pinned = Pinned::first();
    FREED.store(0, Ordering::Relaxed);
    let mut garbage = Garbage::make(already + 65, &FREED);
    garbage.drain(..already).for_each(Garbage::discard);
    let mine = Cell::new(garbage.pop());
    let waiting = RefCell::new(garbage);
    trap.during(|| mine.take().expect("discarded once").discard(), &|| {
        if let Some(other) = waiting.borrow_mut().pop() {
            other.discard();
        }
    });
    waiting.into_inner().into_iter().for_each(Garbage::discard);
    Garbage::barrier();
    assert_eq!(FREED.load(Ordering::Relaxed), already as u64 + 65, "one was lost, or freed twice");
}
