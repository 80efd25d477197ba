//! Collections of a few numbers that are taken out, added to, and put back: nothing may be lost, or be there twice.

use std::sync::atomic::{AtomicU64, Ordering};

use perseq::Counter;
use perseq::collections::pool::PoolBox;

use super::{NODES, Subject};
use crate::structures::{List, Node, Pool, Queue, Ring, Stack};

/// Nodes on lists; a change pops one, counts in it and pushes it again.
pub struct CountingList(List<'static>);

impl CountingList {
    /// All nodes on the running CPU's list. They live for ever.
    #[must_use]
    pub fn new() -> Self {
        let list = List::new();
        Vec::leak((0..NODES).map(|_| Node::new(0)).collect::<Vec<_>>())
            .iter_mut()
            .for_each(|node| list.push(node));
        Self(list)
    }
}

impl Default for CountingList {
    fn default() -> Self {
        Self::new()
    }
}

impl Subject for CountingList {
    fn name(&self) -> &'static str {
        "a list"
    }
    fn change(&self) -> u64 {
        let Some(node) = self.0.pop() else { return 0 };
        node.value += 1;
        self.0.push(node);
        1
    }
    fn take(&self) -> u64 {
        // Gives the nodes to this CPU.
        self.0
            .drain()
            .into_iter()
            .map(|node| {
                let value = std::mem::take(&mut node.value);
                self.0.push(node);
                value
            })
            .sum()
    }
    fn sum(&self) -> u64 {
        let nodes = self.0.drain();
        assert_eq!(nodes.len(), NODES, "nodes were lost, or are linked twice");
        nodes.iter().map(|node| node.value).sum()
    }
}

/// Numbers on stacks; a change pops one, adds 1 and pushes it again, or does so with two at once.
pub struct CountingStack<T: Number>(Stack<T, 16>);

/// What can be on such a stack.
pub trait Number: Copy + Send + PartialEq {
    /// From a number.
    fn of(value: u64) -> Self;
    /// To a number.
    fn value(self) -> u64;
}

impl Number for usize {
    fn of(value: u64) -> Self {
        usize::try_from(value).expect("a number that is counted up to")
    }
    fn value(self) -> u64 {
        self as u64
    }
}

/// More than a word, of parts that belong together.
impl Number for [u64; 2] {
    fn of(value: u64) -> Self {
        [value, !value]
    }
    fn value(self) -> u64 {
        assert_eq!(self[0], !self[1], "a torn item");
        self[0]
    }
}

impl<T: Number> CountingStack<T> {
    /// All numbers on the running CPU's stack.
    #[must_use]
    pub fn new() -> Self {
        let stack = Stack::new();
        (0..NODES).for_each(|_| assert!(stack.push(T::of(0))));
        Self(stack)
    }

    fn add(&self, item: T, n: u64) {
        assert!(self.0.push(T::of(item.value() + n)), "there is room for more than there are");
    }

    fn drain(&self) -> Vec<T> {
        (0..self.0.inner().slots()).flat_map(|cpu| self.0.drain(cpu)).collect()
    }
}

impl<T: Number> Default for CountingStack<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Number> Subject for CountingStack<T> {
    fn name(&self) -> &'static str {
        "a stack"
    }
    fn change(&self) -> u64 {
        let Some(item) = self.0.pop() else { return 0 };
        if !item.value().is_multiple_of(4) {
            self.add(item, 1);
            return 1;
        }
        self.0.push(item);
        let (room, count) = self.0.pop_slice::<2>();
        let mut batch = [T::of(0); 2];
        for (item, popped) in batch.iter_mut().zip(&room[..count]) {
            // SAFETY: so many were popped into it.
            *item = T::of(unsafe { popped.assume_init() }.value() + 1);
        }
        assert_eq!(self.0.push_slice(&batch[..count]), count, "there is room for more than there are");
        count as u64
    }
    fn change_on(&self, cpu: u32) -> u64 {
        // To this CPU.
        let items = self.0.take(cpu, 1);
        items.iter().for_each(|item| self.add(*item, 5));
        5 * items.len() as u64
    }
    fn take(&self) -> u64 {
        self.drain()
            .into_iter()
            .map(|item| {
                self.add(T::of(0), 0);
                item.value()
            })
            .sum()
    }
    fn sum(&self) -> u64 {
        let items = self.drain();
        assert_eq!(items.len(), NODES, "items were lost, or are there twice");
        items.into_iter().map(T::value).sum()
    }
}

/// Numbers in queues; a change takes one from either end, adds 1 and puts it back.
pub struct CountingQueue<T: Number>(Queue<T, 16>);

impl<T: Number> CountingQueue<T> {
    /// All numbers in the running CPU's queue.
    #[must_use]
    pub fn new() -> Self {
        let queue = Queue::new();
        (0..NODES).for_each(|_| assert!(queue.push(T::of(0)).is_ok()));
        Self(queue)
    }

    fn add(&self, item: T, n: u64) -> u64 {
        assert!(self.0.push(T::of(item.value() + n)).is_ok(), "there is room for more than there are");
        n
    }
}

impl<T: Number> Default for CountingQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Number> Subject for CountingQueue<T> {
    fn name(&self) -> &'static str {
        "a queue"
    }
    fn change(&self) -> u64 {
        let oldest = self.0.pop().map_or(0, |item| self.add(item, 1));
        oldest + self.0.pop_newest().map_or(0, |item| self.add(item, 1))
    }
    fn change_on(&self, cpu: u32) -> u64 {
        // The older half moves to this CPU.
        self.0.steal_half(cpu).map(|item| self.add(item, 3)).sum()
    }
    fn take(&self) -> u64 {
        self.0
            .drain()
            .into_iter()
            .map(|item| {
                self.add(T::of(0), 0);
                item.value()
            })
            .sum()
    }
    fn sum(&self) -> u64 {
        let items = self.0.drain();
        assert_eq!(items.len(), NODES, "items were lost, or are there twice");
        items.into_iter().map(T::value).sum()
    }
}

/// A ring of records that are numbers; whoever finds it full reads it.
#[derive(Default)]
pub struct CountingRing {
    ring: Ring<512>,
    read: AtomicU64,
}

impl CountingRing {
    fn read(&self) {
        if let Some(mut reader) = self.ring.inner().reader() {
            reader.read_all(|_cpu, record| {
                let (value, rest) = record.split_first_chunk().expect("eight bytes and more");
                let value = u64::from_ne_bytes(*value);
                assert!(rest.iter().all(|byte| u64::from(*byte) == value), "a torn record");
                self.read.fetch_add(value, Ordering::Relaxed);
            });
        }
    }
}

impl Subject for CountingRing {
    fn name(&self) -> &'static str {
        "a ring"
    }
    fn change(&self) -> u64 {
        // Of lengths that end at every place.
        let value = self.read.load(Ordering::Relaxed) % 23;
        let mut record = [value as u8; 40];
        record[..8].copy_from_slice(&value.to_ne_bytes());
        if self.ring.append_bytes(&record[..8 + value as usize]).is_ok() {
            return value;
        }
        self.read();
        self.ring.append_bytes(&1_u64.to_ne_bytes()).map_or(0, |()| 1)
    }
    fn take(&self) -> u64 {
        self.read();
        self.read.swap(0, Ordering::Relaxed)
    }
    fn sum(&self) -> u64 {
        self.read();
        self.read.load(Ordering::Relaxed)
    }
}

/// A pool of few objects, and a counter; a change takes an object, counts in it and gives it back.
pub struct CountingPool {
    pool: Pool<u64>,
    counter: Counter,
}

impl CountingPool {
    /// All objects are free.
    #[must_use]
    pub fn new() -> Self {
        Self { pool: Pool::new(6), counter: Counter::new() }
    }
}

impl Default for CountingPool {
    fn default() -> Self {
        Self::new()
    }
}

impl Subject for CountingPool {
    fn name(&self) -> &'static str {
        "a pool"
    }
    fn change(&self) -> u64 {
        let Some(mut object) = self.pool.insert(1) else { return 0 };
        // Another's write would be lost, or found.
        *object += 2;
        self.counter.add(PoolBox::into_inner(object));
        3
    }
    fn change_on(&self, _cpu: u32) -> u64 {
        self.pool.inner().reclaim();
        0
    }
    fn take(&self) -> u64 {
        self.counter.reset()
    }
    fn sum(&self) -> u64 {
        assert_eq!(self.pool.inner().in_use(), 0, "objects were lost");
        self.counter.sum()
    }
}
