//! Random operations agree with a model made of ordinary collections, in the section and on the slow path.
//!
//! The thread moves between CPUs as the operations say, so the model keeps one collection for each.
#![cfg(target_os = "linux")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use perseq::collections::mutex::Mutex;
use perseq::collections::pool::PoolBox;
use perseq::collections::ring::AppendError;
use perseq::{Counter, Counters};
use perseq_rcu::{Domain, GraceState, ReadGuard};
use perseq_tests::cases;
use perseq_tests::cpus::{Pinned, allowed, move_to};
use perseq_tests::slow_path;
use perseq_tests::structures::{
    CidTally, Gauge, Guard, Histogram, List, Locks, Node, Pairs, Pool, Queue, Ring, Stack, Tally,
};
use proptest::prelude::*;

/// One operation; what the number means is up to the structure.
#[derive(Clone, Copy, Debug)]
enum Op {
    Put(u8),
    Get,
    /// Something done to the slot of a CPU, as `exclusive` does.
    Remote(u8, u8),
    Drain(u8),
    Move(u8),
}

fn operations() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        5 => any::<u8>().prop_map(Op::Put),
        3 => Just(Op::Get),
        1 => any::<(u8, u8)>().prop_map(|(cpu, value)| Op::Remote(cpu, value)),
        1 => any::<u8>().prop_map(Op::Drain),
        1 => any::<u8>().prop_map(Op::Move),
    ];
    prop::collection::vec(op, 0..if cfg!(miri) { 40 } else { 200 })
}

/// A thread that is on one CPU at a time, which it knows.
struct Here {
    cpus: Vec<u32>,
    at: usize,
    _home: Pinned,
}

impl Here {
    fn new() -> Self {
        Self { cpus: allowed(), at: 0, _home: Pinned::first() }
    }
    /// The number of slots that the model keeps: one for each CPU the thread may run on.
    fn count(&self) -> usize {
        self.cpus.len()
    }
    /// Which of them a random number means, and its CPU.
    fn choose(&self, number: u8) -> (usize, u32) {
        let at = usize::from(number) % self.cpus.len();
        (at, self.cpus[at])
    }
    fn go(&mut self, number: u8) {
        let (at, cpu) = self.choose(number);
        if move_to(cpu) {
            self.at = at;
        }
    }
}

/// Runs `test` on random operations, here and again on the slow path.
fn check(name: &str, test: impl Fn(Vec<Op>) -> Result<(), TestCaseError>) {
    proptest!(ProptestConfig::with_cases(cases(100)), |(operations in operations())| test(operations)?);
    slow_path::passes(name);
}

/// Stacks of items that `item` makes of numbers.
fn check_stack<T: Copy + PartialEq + std::fmt::Debug>(name: &str, item: fn(u8) -> T) {
    check(name, |operations| {
        let mut here = Here::new();
        let stack = Stack::<T, 16>::new();
        let mut model = vec![Vec::new(); here.count()];
        let mut limits = vec![16; here.count()];
        for op in operations {
            let (top, limit) = (&mut model[here.at], limits[here.at]);
            match op {
                Op::Put(value) if value < 0xc0 => {
                    let room = top.len() < limit;
                    prop_assert_eq!(stack.push(item(value)), room);
                    if room {
                        top.push(item(value));
                    }
                }
                Op::Put(value) => {
                    let batch: Vec<T> = (value..value.saturating_add(value % 8)).map(item).collect();
                    let pushed = batch.len().min(usize::saturating_sub(limit, top.len()));
                    prop_assert_eq!(stack.push_slice(&batch), pushed);
                    top.extend(&batch[..pushed]);
                }
                Op::Get => prop_assert_eq!(stack.pop(), top.pop()),
                Op::Drain(0x80..) => {
                    let expected = top.split_off(top.len().saturating_sub(5));
                    prop_assert_eq!(stack.pop_vec::<5>(), expected);
                }
                Op::Remote(cpu, value) if value < 0x80 => {
                    let (at, cpu) = here.choose(cpu);
                    let new = usize::from(value % 32);
                    prop_assert_eq!(stack.inner().set_limit(cpu, new), Ok(limits[at]));
                    limits[at] = new.min(16);
                    prop_assert_eq!(stack.inner().limit(cpu), limits[at]);
                }
                Op::Remote(cpu, value) => {
                    let (at, cpu) = here.choose(cpu);
                    let keep = model[at].len().saturating_sub(usize::from(value % 8));
                    prop_assert_eq!(stack.take(cpu, usize::from(value % 8)), model[at].split_off(keep));
                    prop_assert_eq!(stack.inner().len(cpu), keep);
                }
                Op::Drain(cpu) => {
                    let (at, cpu) = here.choose(cpu);
                    prop_assert_eq!(stack.drain(cpu), std::mem::take(&mut model[at]));
                }
                Op::Move(cpu) => here.go(cpu),
            }
        }
        Ok(())
    });
}

#[test]
fn a_stack_of_words_agrees_with_a_vec() {
    check_stack("a_stack_of_words_agrees_with_a_vec", usize::from);
}

#[test]
fn a_stack_of_bytes_agrees_with_a_vec() {
    check_stack("a_stack_of_bytes_agrees_with_a_vec", |value| [value, !value, 7]);
}

/// Queues of items that `item` makes of numbers.
fn check_queue<T: PartialEq + Clone + std::fmt::Debug>(name: &str, item: impl Fn(u8) -> T) {
    check(name, |operations| {
        let mut here = Here::new();
        let queue = Queue::<T, 16>::new();
        let mut model = vec![VecDeque::new(); here.count()];
        for op in operations {
            let mine = &mut model[here.at];
            match op {
                Op::Put(value) => {
                    let expected = if mine.len() < 16 { Ok(()) } else { Err(item(value)) };
                    prop_assert_eq!(queue.push(item(value)), expected.clone());
                    if expected.is_ok() {
                        mine.push_back(item(value));
                    }
                }
                Op::Get => prop_assert_eq!(queue.pop(), mine.pop_front()),
                Op::Drain(_) => prop_assert_eq!(queue.pop_newest(), mine.pop_back()),
                Op::Remote(cpu, value) if value < 0x80 => {
                    let (at, cpu) = here.choose(cpu);
                    prop_assert_eq!(queue.steal(cpu), model[at].pop_front());
                }
                Op::Remote(cpu, value) => {
                    let (at, cpu) = here.choose(cpu);
                    let half = model[at].len().div_ceil(2);
                    let mut stolen = queue.steal_half(cpu);
                    prop_assert_eq!(stolen.len(), half);
                    let expected: Vec<T> = model[at].drain(..half).collect();
                    // Some are left in it, to be dropped.
                    let some: Vec<T> = stolen.by_ref().take(usize::from(value % 8)).collect();
                    prop_assert_eq!(&some[..], &expected[..some.len()]);
                }
                Op::Move(cpu) => here.go(cpu),
            }
        }
        Ok(())
    });
}

#[test]
fn a_queue_of_words_agrees_with_a_deque() {
    check_queue("a_queue_of_words_agrees_with_a_deque", Box::new);
}

#[test]
fn a_queue_of_bytes_agrees_with_a_deque_and_drops_what_it_holds() {
    let held = Arc::new(());
    check_queue("a_queue_of_bytes_agrees_with_a_deque_and_drops_what_it_holds", |value| {
        (value, Arc::clone(&held))
    });
    assert_eq!(Arc::strong_count(&held), 1, "what was pushed is dropped once");
}

#[test]
fn a_list_agrees_with_a_vec() {
    check("a_list_agrees_with_a_vec", |operations| {
        let mut here = Here::new();
        let mut nodes: Vec<Node> = (0..operations.len() as u64).map(Node::new).collect();
        let mut fresh = nodes.iter_mut();
        let list = List::new();
        let mut model = vec![Vec::new(); here.count()];
        for op in operations {
            match op {
                Op::Put(_) | Op::Remote(..) => {
                    let node = fresh.next().expect("a node for each operation");
                    model[here.at].push(node.value);
                    list.push(node);
                }
                Op::Get => prop_assert_eq!(list.pop().map(|node| node.value), model[here.at].pop()),
                Op::Drain(cpu) if here.choose(cpu).0 == here.at => {
                    let popped: Vec<u64> = list.pop_all().map(|node| node.value).collect();
                    let expected: Vec<u64> = model[here.at].drain(..).rev().collect();
                    prop_assert_eq!(popped, expected);
                }
                Op::Drain(_) => {
                    let drained: Vec<u64> = list.drain().iter().map(|node| node.value).collect();
                    let expected: Vec<u64> = model.iter_mut().flat_map(|top| top.drain(..).rev()).collect();
                    prop_assert_eq!(drained, expected);
                }
                Op::Move(cpu) => here.go(cpu),
            }
        }
        Ok(())
    });
}

#[test]
fn a_ring_agrees_with_a_vec() {
    const SIZE: usize = 256;
    check("a_ring_agrees_with_a_vec", |operations| {
        let mut here = Here::new();
        let ring = Ring::<SIZE>::new();
        let mut model = vec![Vec::new(); here.count()];
        let size = |len: u8| usize::from(len).next_multiple_of(8) + 8;
        for op in operations {
            match op {
                Op::Put(len) | Op::Remote(len, _) => {
                    let used: usize = model[here.at].iter().map(|(len, _)| size(*len)).sum();
                    let fill = if len == 0 { 0 } else { !len };
                    let appended = ring.append(len, fill);
                    match appended {
                        Ok(()) => model[here.at].push((len, fill)),
                        Err(AppendError::TooLong) => prop_assert!(size(len) > SIZE / 2),
                        // Before the end there may have been less room than a record takes, this one or one before.
                        Err(_) => {
                            let before = model[here.at].iter().map(|(len, _)| size(*len)).max().unwrap_or(0);
                            let full = used > 0 && used + before + 2 * size(len) > SIZE;
                            prop_assert!(full, "{used} bytes used, {len} refused");
                        }
                    }
                    prop_assert!(appended.is_err() || used + size(len) <= SIZE);
                }
                Op::Get => {}
                Op::Drain(cpu) => {
                    let (at, cpu) = here.choose(cpu);
                    prop_assert_eq!(ring.drain(cpu), std::mem::take(&mut model[at]));
                }
                Op::Move(cpu) => here.go(cpu),
            }
        }
        Ok(())
    });
}

#[test]
fn a_pool_agrees_with_a_vec() {
    const CAPACITY: usize = 20;
    check("a_pool_agrees_with_a_vec", |operations| {
        let mut here = Here::new();
        let pool = Pool::<u64>::new(CAPACITY);
        let mut objects: Vec<(u64, PoolBox<'_, u64>)> = Vec::new();
        for (number, op) in (0..).zip(operations) {
            match op {
                Op::Put(_) => match pool.insert(number) {
                    Some(object) => objects.push((number, object)),
                    None => prop_assert_eq!(objects.len(), CAPACITY, "the pool has some left"),
                },
                Op::Get => pool.give(match objects.pop() {
                    Some((_, object)) => object,
                    None => continue,
                }),
                Op::Drain(at) => {
                    let keep = objects.len() - usize::from(at) % (objects.len() + 1);
                    objects.drain(keep..).for_each(|(_, object)| pool.give(object));
                }
                Op::Remote(..) => _ = pool.inner().reclaim(),
                Op::Move(cpu) => here.go(cpu),
            }
            prop_assert_eq!(pool.inner().in_use(), objects.len());
            prop_assert!(objects.iter().all(|(number, object)| **object == *number), "two have one object");
        }
        Ok(())
    });
}

#[test]
fn pairs_agree_with_a_vec() {
    check("pairs_agree_with_a_vec", |operations| {
        let mut here = Here::new();
        let pairs = Pairs::new();
        let mut model = vec![0; here.count()];
        for op in operations {
            match op {
                Op::Put(value) => {
                    model[here.at] = u64::from(value);
                    prop_assert_eq!(pairs.set(here.cpus[here.at], u64::from(value), || ()), Ok(()));
                }
                Op::Remote(cpu, value) => {
                    let (at, cpu) = here.choose(cpu);
                    model[at] = u64::from(value);
                    prop_assert_eq!(pairs.set(cpu, u64::from(value), || ()), Ok(()));
                }
                Op::Get | Op::Drain(_) => prop_assert_eq!(pairs.read(), (model[here.at], !model[here.at])),
                Op::Move(cpu) => here.go(cpu),
            }
        }
        Ok(())
    });
}

#[test]
fn locks_agree_with_booleans() {
    check("locks_agree_with_booleans", |operations| {
        let mut here = Here::new();
        let locks = Locks::new();
        // The guards there are, and the numbers behind the locks.
        let mut guards: Vec<Option<Guard<'_>>> = (0..here.count()).map(|_| None).collect();
        let mut numbers = vec![0_u64; here.count()];
        for op in operations {
            let (at, taken) = match op {
                Op::Put(value) if value % 2 == 0 && guards[here.at].is_none() => {
                    (here.at, Some(locks.lock()))
                }
                Op::Put(_) => (here.at, locks.try_lock()),
                Op::Remote(cpu, _) => {
                    let (at, cpu) = here.choose(cpu);
                    (at, locks.try_lock_on(cpu).expect("a slot"))
                }
                Op::Get => (here.at, None),
                Op::Drain(cpu) => (here.choose(cpu).0, None),
                Op::Move(cpu) => {
                    here.go(cpu);
                    continue;
                }
            };
            if matches!(op, Op::Get | Op::Drain(_)) {
                guards[at] = None;
                continue;
            }
            prop_assert_eq!(taken.is_some(), guards[at].is_none());
            if let Some(mut guard) = taken {
                prop_assert_eq!((guard.cpu(), *guard), (here.cpus[at], numbers[at]));
                *guard += 1;
                numbers[at] += 1;
                guards[at] = Some(guard);
            }
        }
        drop(guards);
        prop_assert_eq!(locks.into_sum(), numbers.iter().sum::<u64>());
        Ok(())
    });
}

#[test]
fn counts_agree_with_numbers() {
    check("counts_agree_with_numbers", |operations| {
        let mut here = Here::new();
        let (counter, counters) = (Counter::new(), Counters::<3>::new());
        let (by_cpu, by_cid) = (Tally::new(), CidTally::new());
        let mut total = [0_u64; 3];
        let (mut each, mut by_id) = (vec![0_u64; here.count()], 0_u64);
        for op in operations {
            match op {
                Op::Put(value) => {
                    let (which, value) = (usize::from(value) % 3, u64::from(value));
                    counter.add(value);
                    counters.add(which, value);
                    by_cpu.add(value);
                    by_cid.add(value);
                    total[which] += value;
                    each[here.at] += value;
                    by_id += value;
                }
                Op::Get => {
                    prop_assert_eq!(counter.sum(), total.iter().sum::<u64>());
                    prop_assert_eq!(counters.sums(), total);
                    prop_assert_eq!(by_cpu.sum(), each.iter().sum::<u64>());
                    prop_assert_eq!(by_cid.sum(), by_id);
                }
                Op::Remote(cpu, value) => {
                    let (at, cpu) = here.choose(cpu);
                    by_cpu.add_to(cpu, u64::from(value));
                    each[at] += u64::from(value);
                }
                Op::Drain(cpu) => {
                    let (at, cpu) = here.choose(cpu);
                    prop_assert_eq!(by_cpu.take(cpu), std::mem::take(&mut each[at]));
                    prop_assert_eq!(counters.reset(at % 3), total[at % 3]);
                    prop_assert_eq!(counter.reset(), total.iter().sum::<u64>());
                    total[at % 3] = 0;
                    counter.add(total.iter().sum());
                }
                Op::Move(cpu) => here.go(cpu),
            }
        }
        Ok(())
    });
}

#[test]
fn a_gauge_agrees_with_a_number() {
    check("a_gauge_agrees_with_a_number", |operations| {
        let mut here = Here::new();
        let gauge = Gauge::new();
        let mut model = 0_i64;
        for op in operations {
            match op {
                Op::Put(value) => {
                    let value = i64::from(value.cast_signed());
                    gauge.add(value);
                    model += value;
                }
                Op::Get | Op::Remote(..) => prop_assert_eq!(gauge.value(), model),
                Op::Drain(value) => {
                    let value = i64::from(value.cast_signed());
                    prop_assert_eq!(gauge.set(value), std::mem::replace(&mut model, value));
                }
                Op::Move(cpu) => here.go(cpu),
            }
        }
        Ok(())
    });
}

#[test]
fn a_histogram_agrees_with_a_vec() {
    check("a_histogram_agrees_with_a_vec", |operations| {
        let mut here = Here::new();
        let histogram = Histogram::new();
        let mut earlier = histogram.snapshot();
        let (mut model, mut new) = (Vec::new(), Vec::new());
        for op in operations {
            match op {
                Op::Put(value) => {
                    histogram.record_n(u64::from(value), 1);
                    new.push(u64::from(value));
                }
                Op::Remote(value, times) => {
                    let (value, times) = (u64::from(value) << 40, u64::from(times));
                    histogram.record_n(value, times);
                    new.extend((0..times).map(|_| value));
                }
                Op::Get | Op::Drain(_) => {
                    let snapshot = histogram.snapshot();
                    let since = snapshot.since(&earlier);
                    prop_assert_eq!(
                        (since.count(), since.sum()),
                        (new.len() as u64, new.iter().sum::<u64>())
                    );
                    model.append(&mut new);
                    for bucket in snapshot.buckets() {
                        let inside = model.iter().filter(|value| (bucket.low..=bucket.high).contains(value));
                        prop_assert_eq!(inside.count() as u64, bucket.count);
                    }
                    prop_assert_eq!(snapshot.count(), model.len() as u64);
                    earlier = snapshot;
                }
                Op::Move(cpu) => here.go(cpu),
            }
        }
        Ok(())
    });
}

/// Guards and callbacks in any order: a callback runs once, and not while a guard is held of before it was deferred; the same for
/// states that are reached.
#[test]
fn readers_and_callbacks_agree_with_lists() {
    check("readers_and_callbacks_agree_with_lists", |operations| {
        let mut here = Here::new();
        let domain: &'static Domain = Box::leak(Box::new(Domain::new()));
        // Linked from here on, and so not lost.
        domain.synchronize();
        // What is held, by number.
        let mut held: Vec<(usize, ReadGuard)> = Vec::new();
        let mut states: Vec<(usize, GraceState)> = Vec::new();
        let ran = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (mut entered, mut deferred) = (0, 0);
        for op in operations {
            match op {
                Op::Put(value) if value < 0xa0 => {
                    entered += 1;
                    held.push((entered, domain.read()));
                }
                Op::Put(_) => {
                    deferred += 1;
                    let (ran, number, before) = (ran.clone(), deferred, entered);
                    domain.defer(move || ran.lock().expect("no panic").push((number, before)));
                }
                Op::Get => drop(held.pop()),
                Op::Remote(at, _) if !held.is_empty() => {
                    drop(held.swap_remove(usize::from(at) % held.len()));
                }
                Op::Remote(..) => states.push((entered, domain.state())),
                Op::Drain(value) if value < 0x40 && held.is_empty() => {
                    domain.barrier();
                    prop_assert_eq!(ran.lock().expect("no panic").len(), deferred);
                }
                Op::Drain(value) if value < 0x80 => states.push((entered, domain.state())),
                Op::Drain(_) => {
                    let oldest = held.iter().map(|(number, _)| *number).min();
                    for (before, state) in states.drain(..) {
                        let reached = domain.poll(state);
                        prop_assert!(!reached || oldest.is_none_or(|oldest| oldest > before));
                        prop_assert!(reached || oldest.is_some(), "nobody is in its way");
                    }
                }
                Op::Move(cpu) => here.go(cpu),
            }
            prop_assert_eq!(domain.seen_inside(), held.len() as u64);
            let oldest = held.iter().map(|(number, _)| *number).min();
            let ran = ran.lock().expect("no panic");
            prop_assert!(ran.iter().all(|(_, before)| oldest.is_none_or(|oldest| oldest > *before)));
        }
        held.clear();
        domain.barrier();
        let mut ran: Vec<usize> = ran.lock().expect("no panic").iter().map(|(number, _)| *number).collect();
        ran.sort_unstable();
        prop_assert_eq!(ran, (1..=deferred).collect::<Vec<_>>());
        Ok(())
    });
}

#[test]
fn threads_that_share_slots_do_not_race() {
    // Miri sees any access that the gates do not order.
    let rounds = if cfg!(miri) { 8 } else { 2000 };
    let (tally, pairs, counter) = (Tally::new(), Pairs::new(), Counter::new());
    let (gauge, histogram) = (Gauge::new(), Histogram::new());
    let (locks, mutex) = (Locks::new(), Mutex::new(0));
    let (stack, queue, ring) = (Stack::<u64, 64>::new(), Queue::<Box<u32>, 64>::new(), Ring::<128>::new());
    let (pool, read) = (Pool::<u32>::new(4), AtomicU64::new(0));
    let mut nodes = [const { Node::new(0) }; 4];
    let list = List::new();
    nodes.iter_mut().for_each(|node| list.push(node));
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (tally, pairs, counter, list) = (&tally, &pairs, &counter, &list);
            let (gauge, histogram, locks, mutex) = (&gauge, &histogram, &locks, &mutex);
            let (stack, queue, ring, pool, read) = (&stack, &queue, &ring, &pool, &read);
            scope.spawn(move || {
                for round in 0..rounds {
                    let slot = round % tally.slots();
                    tally.add(1);
                    tally.add_to(slot, 1);
                    counter.add(1);
                    gauge.add(1);
                    gauge.set(-1);
                    histogram.record_n(2, 1);
                    if round % 4 == 0 {
                        assert!(histogram.snapshot().count() > u64::from(round));
                    }
                    *locks.lock() += 1;
                    *locks.lock_on(slot).expect("a slot") += 1;
                    *mutex.lock() += 1;
                    pairs.set(slot, u64::from(thread + round), || ()).expect("a slot");
                    let (first, second) = pairs.read();
                    assert_eq!(first, !second);
                    stack.push(1);
                    stack.pop();
                    stack.inner().take(slot, &mut []).expect("a slot");
                    let object = pool.insert(round);
                    assert!(object.is_none_or(|object| *object == round));
                    let _ = queue.push(Box::new(round));
                    drop(queue.steal_half(slot));
                    let appended = ring.append(9, 1).is_ok();
                    if let Some(mut reader) = ring.inner().reader() {
                        let records = reader.read_all(|_cpu, record| assert_eq!(record, [1; 9]));
                        read.fetch_add(records as u64, Relaxed);
                    }
                    read.fetch_sub(u64::from(appended), Relaxed);
                    if let Some(node) = list.pop() {
                        node.value += 1;
                        list.push(node);
                    }
                }
            });
        }
    });
    assert_eq!((tally.sum(), counter.sum()), (6 * u64::from(rounds), 3 * u64::from(rounds)));
    assert_eq!((gauge.value(), histogram.snapshot().sum()), (-1, 6 * u64::from(rounds)));
    assert_eq!((locks.into_sum(), mutex.into_inner()), (6 * u64::from(rounds), 3 * rounds));
    assert_eq!(list.drain().len(), 4);
    let rest = ring.inner().reader().expect("nobody else reads").read_all(|_, _| ()) as u64;
    assert_eq!(read.into_inner().wrapping_add(rest), 0, "each record is read once");
    slow_path::passes("threads_that_share_slots_do_not_race");
}
