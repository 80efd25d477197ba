//! Random operations agree with a model made of ordinary collections, in the section and on the slow path.
//!
//! The thread moves between CPUs as the operations say, so the model keeps one collection for each.
#![cfg(target_os = "linux")]

use perseq::collections::mutex::Mutex;
use perseq::{Counter, Counters};
use perseq_tests::cases;
use perseq_tests::cpus::{Pinned, allowed, move_to};
use perseq_tests::slow_path;
use perseq_tests::structures::{CidTally, Guard, List, Locks, Node, Pairs, Ring, Stack, Tally};
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

#[test]
fn a_stack_agrees_with_a_vec() {
    check("a_stack_agrees_with_a_vec", |operations| {
        let mut here = Here::new();
        let stack = Stack::<16>::new();
        let mut model = vec![Vec::new(); here.count()];
        for op in operations {
            match op {
                Op::Put(value) => {
                    let value = u64::from(value);
                    let room = model[here.at].len() < 16;
                    prop_assert_eq!(stack.push(value), room);
                    if room {
                        model[here.at].push(value);
                    }
                }
                Op::Get | Op::Remote(..) => prop_assert_eq!(stack.pop(), model[here.at].pop()),
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
    check("a_ring_agrees_with_a_vec", |operations| {
        let mut here = Here::new();
        let ring = Ring::new();
        let mut model = vec![Vec::new(); here.count()];
        for op in operations {
            match op {
                Op::Put(len) | Op::Remote(len, _) => {
                    let used: usize = model[here.at].iter().map(|(len, _)| 1 + usize::from(*len)).sum();
                    let room = used + 1 + usize::from(len) <= Ring::SIZE;
                    let fill = if len == 0 { 0 } else { !len };
                    prop_assert_eq!(ring.append(len, fill), room);
                    if room {
                        model[here.at].push((len, fill));
                    }
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
fn threads_that_share_slots_do_not_race() {
    // Miri sees any access that the gates do not order.
    let rounds = if cfg!(miri) { 8 } else { 2000 };
    let (tally, pairs, stack, counter) = (Tally::new(), Pairs::new(), Stack::<64>::new(), Counter::new());
    let (locks, mutex) = (Locks::new(), Mutex::new(0));
    let mut nodes = [const { Node::new(0) }; 4];
    let list = List::new();
    nodes.iter_mut().for_each(|node| list.push(node));
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (tally, pairs, stack, counter, list) = (&tally, &pairs, &stack, &counter, &list);
            let (locks, mutex) = (&locks, &mutex);
            scope.spawn(move || {
                for round in 0..rounds {
                    let slot = round % tally.slots();
                    tally.add(1);
                    tally.add_to(slot, 1);
                    counter.add(1);
                    *locks.lock() += 1;
                    *locks.lock_on(slot).expect("a slot") += 1;
                    *mutex.lock() += 1;
                    pairs.set(slot, u64::from(thread + round), || ()).expect("a slot");
                    let (first, second) = pairs.read();
                    assert_eq!(first, !second);
                    stack.push(1);
                    stack.pop();
                    if let Some(node) = list.pop() {
                        node.value += 1;
                        list.push(node);
                    }
                }
            });
        }
    });
    assert_eq!((tally.sum(), counter.sum()), (6 * u64::from(rounds), 3 * u64::from(rounds)));
    assert_eq!((locks.into_sum(), mutex.into_inner()), (6 * u64::from(rounds), 3 * rounds));
    assert_eq!(list.drain().len(), 4);
    slow_path::passes("threads_that_share_slots_do_not_race");
}
