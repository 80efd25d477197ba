//! The shipped collections, three threads with three operations each: two on one CPU and a third there or on another, as the
//! structure has it. Each ends with what must hold, whatever the schedule.

use std::cell::{Cell, RefCell};

use perseq::collections::list::{List, Node};
use perseq::collections::lock::{Guard, Lock};
use perseq::collections::pool::Pool;
use perseq::collections::queue::Queue;
use perseq::collections::ring::Ring;
use perseq::collections::stack::Stack;
use perseq::model::{Explored, Model};
use perseq::{Counter, Gauge, Histogram};

/// Checks, and says what was explored.
#[track_caller]
pub(super) fn prove<S>(name: &str, model: &Model<'_, S>) -> Explored {
    let start = std::time::Instant::now();
    let explored = model.check();
    println!("{name}: {explored}, {:.1} s", start.elapsed().as_secs_f64());
    explored
}

/// Items on their way, each of which may be in one place at a time.
#[derive(Default)]
struct Ledger(RefCell<Vec<u64>>);

impl Ledger {
    fn take_in(&self, item: Option<u64>) {
        self.0.borrow_mut().extend(item);
    }

    #[track_caller]
    fn holds(&self, rest: impl IntoIterator<Item = u64>, expected: &[u64]) {
        let mut all = self.0.borrow().clone();
        all.extend(rest);
        all.sort_unstable();
        assert_eq!(all, expected, "each item once");
    }
}

#[test]
fn counter() {
    let add = |counter: &Counter| (0..3).for_each(|_| counter.add(1));
    let model = Model::new(counters)
        .thread(add)
        .thread(add)
        .thread(add)
        .finally(|counter| assert_eq!(counter.sum(), 9));
    prove("counter", &model);
}

fn counters() -> Counter {
    let counter = Counter::new();
    counter.prepare().expect("memory");
    counter
}

#[test]
fn counter_whose_memory_is_made_meanwhile() {
    let model = Model::new(Counter::new)
        .thread(|counter| counter.add(1))
        .thread(|counter| counter.add(10))
        .thread_on(1, |counter| assert!([0, 1, 10, 11].contains(&counter.sum())))
        .finally(|counter| assert_eq!(counter.sum(), 11));
    prove("counter in the making", &model);
}

#[test]
fn counter_that_is_reset_from_another_cpu() {
    let model = Model::new(|| (counters(), Cell::new(0)))
        .thread(|(counter, _)| (0..3).for_each(|_| counter.add(1)))
        .thread(|(counter, _)| (0..3).for_each(|_| counter.add(1)))
        .thread_on(1, |(counter, taken)| (0..2).for_each(|_| taken.set(taken.get() + counter.reset())))
        .finally(|(counter, taken)| assert_eq!(counter.sum() + taken.get(), 6));
    prove("counter with resets", &model);
}

#[test]
fn counter_that_two_reset() {
    let reset = |(counter, taken): &(Counter, Cell<u64>)| {
        let reset = counter.reset();
        taken.set(taken.get() + reset);
    };
    let model = Model::new(|| (counters(), Cell::new(0)))
        .thread(|(counter, _)| (0..2).for_each(|_| counter.add(1)))
        .thread_on(1, reset)
        .thread_on(1, reset)
        .finally(|(counter, taken)| assert_eq!(counter.sum() + taken.get(), 2));
    prove("counter with two who reset", &model);
}

#[test]
fn counter_that_is_read_while_it_is_reset() {
    let model = Model::new(counters)
        .thread(|counter| (0..2).for_each(|_| counter.add(1)))
        .thread_on(1, |counter| assert!(counter.reset() <= 2))
        .thread_on(1, |counter| assert!(counter.sum() <= 2, "no word is older than its baseline"));
    prove("counter with a reader", &model);
}

fn gauges() -> Gauge {
    let gauge = Gauge::new();
    gauge.prepare().expect("memory");
    gauge
}

#[test]
fn gauge() {
    let model = Model::new(gauges)
        .thread(|gauge| (0..3).for_each(|_| gauge.add(1)))
        .thread(|gauge| (0..3).for_each(|_| gauge.sub(1)))
        .thread(|gauge| (0..3).for_each(|_| gauge.add(1)))
        .finally(|gauge| assert_eq!(gauge.value(), 3));
    prove("gauge", &model);
}

#[test]
fn gauge_that_is_set_while_it_is_read() {
    let five = || {
        let gauge = gauges();
        gauge.add(5);
        gauge
    };
    let model = Model::new(|| (five(), Cell::new(0)))
        .thread(|(gauge, _)| gauge.add(1))
        .thread_on(1, |(gauge, before)| before.set(gauge.set(10)))
        .thread_on(1, |(gauge, _)| {
            let value = gauge.value();
            assert!([5, 6, 10, 11].contains(&value), "{value} was never the value");
        })
        // The addition is before the set or after it.
        .finally(|(gauge, before)| assert_eq!(gauge.value() - 10 + before.get(), 6));
    prove("gauge that is set", &model);
}

type Small = Histogram<{ perseq::collections::histogram::buckets(0) }>;

fn histograms() -> Small {
    let histogram = Small::new();
    histogram.prepare().expect("memory");
    histogram
}

fn seen(histogram: &Small) -> (u64, u64) {
    let seen = histogram.snapshot();
    (seen.count(), seen.sum())
}

#[test]
fn histogram() {
    let record = |histogram: &Small| [1, 3].into_iter().for_each(|value| histogram.record(value));
    let model = Model::new(histograms)
        .thread(record)
        .thread(record)
        .thread(record)
        .finally(|histogram| assert_eq!(seen(histogram), (6, 12)));
    prove("histogram", &model);
}

#[test]
fn histogram_that_is_read_from_another_cpu() {
    let record = |histogram: &Small| histogram.record(3);
    let model = Model::new(histograms)
        .thread(record)
        .thread(record)
        .thread_on(1, |histogram| {
            let (count, sum) = seen(histogram);
            assert!(count <= 2 && sum <= 6);
        })
        .finally(|histogram| assert_eq!(seen(histogram), (2, 6)));
    prove("histogram with readers", &model);
}

/// A list, a node for each thread, and the nodes that were taken out.
struct Lists {
    list: List<'static, u64>,
    nodes: [Cell<Option<&'static mut Node<u64>>>; 3],
    taken: Ledger,
}

impl Lists {
    fn new() -> Self {
        // Leaked: the list may borrow them for ever.
        let nodes = core::array::from_fn(|value| Some(Box::leak(Box::new(Node::new(value as u64)))));
        Self { list: List::new(), nodes: nodes.map(Cell::new), taken: Ledger::default() }
    }

    fn push(&self, thread: usize) {
        self.list.push(self.nodes[thread].take().expect("a node"));
    }

    fn pop(&self) {
        self.taken.take_in(self.list.pop().map(|node| node.value));
    }

    fn each_node_is_in_one_place(&self) {
        let mut rest = Vec::new();
        self.list.drain(|node| rest.push(node.value)).expect("a slot");
        self.taken.holds(rest, &[0, 1, 2]);
    }
}

#[test]
fn list() {
    let push_and_pop = |thread: usize| {
        move |lists: &Lists| {
            lists.push(thread);
            (0..2).for_each(|_| lists.pop());
        }
    };
    let model = Model::new(Lists::new)
        .thread(push_and_pop(0))
        .thread(push_and_pop(1))
        .thread(push_and_pop(2))
        .finally(Lists::each_node_is_in_one_place);
    prove("list", &model);
}

#[test]
fn list_that_is_taken_from_another_cpu() {
    let model = Model::new(Lists::new)
        .thread(|lists| {
            lists.push(0);
            lists.pop();
        })
        .thread(|lists| {
            lists.push(1);
            lists.list.pop_all().for_each(|node| lists.taken.take_in(Some(node.value)));
            lists.push(2);
        })
        .thread_on(1, |lists| {
            for _ in 0..2 {
                lists.list.take(0).expect("a slot").for_each(|node| lists.taken.take_in(Some(node.value)));
            }
        })
        .finally(Lists::each_node_is_in_one_place);
    prove("list with takers", &model);
}

type Stacks = (Stack<u64, 2>, Ledger);

fn stacks() -> Stacks {
    (Stack::new(), Ledger::default())
}

fn stack_push((stack, ledger): &Stacks, item: u64) {
    ledger.take_in(stack.push(item).err());
}

fn stack_pop((stack, ledger): &Stacks) {
    ledger.take_in(stack.pop());
}

#[test]
fn stack() {
    let push_and_pop = |item: u64| {
        move |stacks: &Stacks| {
            stack_push(stacks, item);
            (0..2).for_each(|_| stack_pop(stacks));
        }
    };
    let model = Model::new(stacks)
        .thread(push_and_pop(0))
        .thread(push_and_pop(1))
        .thread(push_and_pop(2))
        .finally(|(stack, ledger)| ledger.holds(core::iter::from_fn(|| stack.pop()), &[0, 1, 2]));
    prove("stack", &model);
}

#[test]
fn stack_that_is_taken_from_another_cpu() {
    let push_and_pop = |item: u64| {
        move |stacks: &Stacks| {
            stack_push(stacks, item);
            stack_pop(stacks);
        }
    };
    let model = Model::new(stacks)
        .thread(push_and_pop(0))
        .thread(push_and_pop(1))
        .thread_on(1, |(stack, ledger)| {
            let mut room = [const { core::mem::MaybeUninit::uninit() }; 2];
            stack.take(0, &mut room).expect("a slot").iter().for_each(|item| ledger.take_in(Some(*item)));
        })
        .finally(|(stack, ledger)| ledger.holds(core::iter::from_fn(|| stack.pop()), &[0, 1]));
    prove("stack with takers", &model);
}

#[test]
fn stack_of_slices() {
    type Shared = (Stack<[u32; 3], 3>, Ledger);
    let push_and_pop = |items: [u32; 2]| {
        move |(stack, ledger): &Shared| {
            let items = items.map(|item| [item; 3]);
            let pushed = stack.push_slice(&items);
            items[pushed..].iter().for_each(|item| ledger.take_in(Some(item[0].into())));
            let mut room = [const { core::mem::MaybeUninit::uninit() }; 2];
            for item in stack.pop_slice(&mut room) {
                assert_eq!(*item, [item[0]; 3], "an item that is whole");
                ledger.take_in(Some(item[0].into()));
            }
        }
    };
    let model = Model::new(|| (Stack::new(), Ledger::default()))
        .thread(push_and_pop([0, 1]))
        .thread(push_and_pop([2, 3]))
        .finally(|(stack, ledger)| {
            let rest = core::iter::from_fn(|| stack.pop().map(|item| item[0].into()));
            ledger.holds(rest, &[0, 1, 2, 3]);
        });
    prove("stack of slices", &model);
}

type Queues = (Queue<u64, 2>, Ledger);

fn queues() -> Queues {
    (Queue::new(), Ledger::default())
}

fn each_item_once((queue, ledger): &Queues, items: &[u64]) {
    ledger.holds(core::iter::from_fn(|| queue.pop()), items);
}

#[test]
fn queue() {
    let model = Model::new(queues)
        .thread(|(queue, ledger)| {
            ledger.take_in(queue.push(0).err());
            ledger.take_in(queue.pop());
            ledger.take_in(queue.push(1).err());
        })
        .thread(|(queue, ledger)| {
            ledger.take_in(queue.push(2).err());
            ledger.take_in(queue.pop_newest());
            ledger.take_in(queue.pop());
        })
        .thread(|(queue, ledger)| {
            ledger.take_in(queue.push(3).err());
            ledger.take_in(queue.pop_newest());
            ledger.take_in(queue.pop());
        })
        .finally(|queues| each_item_once(queues, &[0, 1, 2, 3]));
    prove("queue", &model);
}

#[test]
fn queue_that_is_stolen_from() {
    let model = Model::new(queues)
        .thread(|(queue, ledger)| {
            ledger.take_in(queue.push(0).err());
            ledger.take_in(queue.pop());
        })
        .thread(|(queue, ledger)| {
            ledger.take_in(queue.push(1).err());
            ledger.take_in(queue.push(2).err());
            ledger.take_in(queue.pop_newest());
        })
        .thread_on(1, |(queue, ledger)| {
            ledger.take_in(queue.steal(0).expect("a slot"));
            queue.steal_half(0).expect("a slot").for_each(|item| ledger.take_in(Some(item)));
        })
        .finally(|queues| each_item_once(queues, &[0, 1, 2]));
    prove("queue with thieves", &model);
}

/// A ring for three records, what was read of it, and how many were appended.
type Rings = (Ring<64>, RefCell<Vec<[u8; 8]>>, Cell<usize>);

fn rings() -> Rings {
    (Ring::new(), RefCell::default(), Cell::new(0))
}

/// Appends records, as `thread`.
fn append(thread: u8, records: u8) -> impl Fn(&Rings) {
    move |(ring, _, appended)| {
        for number in 0..records {
            if ring.append(&[10 * thread + number; 8]).is_ok() {
                appended.set(appended.get() + 1);
            }
        }
    }
}

fn read((ring, read, _): &Rings) {
    ring.reader().expect("the only one").read(0, |record| {
        let record: [u8; 8] = record.try_into().expect("eight bytes");
        assert_eq!(record, [record[0]; 8], "a record that is whole");
        read.borrow_mut().push(record);
    });
}

fn each_record_in_its_order(rings: &Rings) {
    read(rings);
    let records = rings.1.borrow();
    assert_eq!(records.len(), rings.2.get(), "every record that was appended is read once");
    for thread in 0..3 {
        let of_thread = records.iter().map(|record| record[0]).filter(|number| number / 10 == thread);
        assert!(of_thread.is_sorted_by(|a, b| a < b), "in the order of its thread: {records:?}");
    }
}

#[test]
fn ring() {
    let model = Model::new(rings)
        .thread(append(0, 3))
        .thread(append(1, 3))
        .thread(append(2, 3))
        .finally(each_record_in_its_order);
    prove("ring", &model);
}

#[test]
fn ring_that_is_read_from_another_cpu() {
    let model = Model::new(rings)
        .thread(append(0, 2))
        .thread(append(1, 1))
        .thread_on(1, read)
        .finally(each_record_in_its_order);
    prove("ring with a reader", &model);
}

#[test]
fn ring_whose_records_do_not_fit_before_its_end() {
    type Shared = (Ring<64>, RefCell<Vec<u8>>);
    let read = |(ring, read): &Shared| {
        ring.reader().expect("the only one").read(0, |record| {
            assert_eq!(record, [record[0]; 16], "a record that is whole");
            read.borrow_mut().push(record[0]);
        });
    };
    // Two records of 24 bytes with their lengths have come and gone; 16 bytes are left before the end.
    let shared = move || {
        let shared = (Ring::new(), RefCell::default());
        (0..2).for_each(|number| shared.0.append(&[number; 16]).expect("room"));
        read(&shared);
        shared
    };
    let append = |number| move |(ring, _): &Shared| ring.append(&[number; 16]).is_ok();
    let first = move |shared: &Shared| {
        assert!(append(2)(shared));
        // There is room for both of the others only if the reader has made some.
        append(3)(shared);
    };
    let model =
        Model::new(shared).thread(first).thread(move |shared| _ = append(4)(shared)).thread_on(1, read);
    let model = model.finally(move |shared| {
        read(shared);
        let mut records = shared.1.borrow().clone();
        records.sort_unstable();
        assert!(records.len() >= 3 && records.is_sorted_by(|a, b| a < b), "each once: {records:?}");
    });
    prove("ring around its end", &model);
}

#[test]
fn pool_of_three_threads() {
    let model = Model::new(|| Pool::new(2))
        .thread(|pool| drop(pool.insert(1)))
        .thread(|pool| drop(pool.insert(2)))
        .thread(|pool| drop(pool.insert(3)))
        .finally(|pool| {
            assert_eq!(pool.in_use(), 0);
            let all: Vec<_> = core::iter::from_fn(|| pool.insert(0).ok()).collect();
            assert_eq!(all.len(), 2, "none is lost, none is there twice");
        });
    prove("pool of three threads", &model);
}

#[test]
fn pool() {
    let insert_and_drop = |pool: &Pool<u64>| {
        let first = pool.insert(1);
        let second = pool.insert(2);
        if let (Ok(first), Ok(second)) = (&first, &second) {
            assert!(!core::ptr::eq(&raw const **first, &raw const **second), "two objects");
            assert_eq!((**first, **second), (1, 2));
        }
    };
    let model = Model::new(|| Pool::new(3)).thread(insert_and_drop).thread(insert_and_drop).finally(|pool| {
        assert_eq!(pool.in_use(), 0);
        let all: Vec<_> = core::iter::from_fn(|| pool.insert(0).ok()).collect();
        assert_eq!(all.len(), 3, "none is lost, none is there twice");
    });
    prove("pool", &model);
}

/// Adds one to what the lock guards, in two accesses between which anything may happen.
fn count(mut value: Guard<'_, u64>) {
    let seen = *value;
    perseq::model::shared_access();
    *value = seen + 1;
}

#[test]
fn lock() {
    let model = Model::new(|| Lock::new(|_cpu| 0))
        .thread(|lock| (0..2).for_each(|_| count(lock.lock())))
        .thread(|lock| (0..2).for_each(|_| count(lock.lock())))
        .finally(|lock| assert_eq!(*lock.lock(), 4));
    prove("lock", &model);
}

#[test]
fn lock_that_is_taken_from_another_cpu() {
    let model = Model::new(|| Lock::new(|_cpu| 0))
        .thread(|lock| count(lock.lock()))
        .thread_on(1, |lock| count(lock.lock_on(0).expect("a slot")))
        .finally(|lock| assert_eq!(*lock.lock(), 2));
    prove("lock with a remote holder", &model);
}
