//! Readers and writers on a few threads, small enough for Miri, which sees what is read after it was freed and what nothing orders.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use perseq_rcu::{Domain, Flavor, Rcu, Worker, flavor};

const ROUNDS: usize = if cfg!(miri) { 6 } else { 2000 };

/// A value that knows whether it is whole, and how many of its kind there are.
struct Value {
    pair: Box<[usize; 2]>,
    alive: Arc<AtomicUsize>,
}

impl Value {
    fn new(number: usize, alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self { pair: Box::new([number; 2]), alive: alive.clone() }
    }

    fn number(&self) -> usize {
        assert_eq!(self.pair[0], self.pair[1]);
        self.pair[0]
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Threads that read and replace a value at the same time.
fn replace<F: Flavor>(flavor: F) {
    let alive = Arc::new(AtomicUsize::new(0));
    let cell = Rcu::with_flavor(Value::new(0, &alive), flavor);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = 0;
                for _ in 0..ROUNDS {
                    let guard = F::read();
                    let (first, second) = (cell.load(&guard), cell.read());
                    assert!(last <= first.number() && first.number() <= second.number());
                    last = second.number();
                    // Not in the order in which they came.
                    drop(guard);
                    assert_eq!(second.number(), last);
                }
            });
        }
        scope.spawn(|| {
            for round in 0..ROUNDS {
                match round % 3 {
                    0 => cell.store(Value::new(cell.read().number() + 1, &alive)),
                    1 => drop(cell.update(|old| Value::new(old.number() + 1, &alive))),
                    _ => {
                        let next = Value::new(cell.read().number() + 1, &alive);
                        let old = cell.swap(next).wait();
                        assert_eq!(old.number(), round);
                    }
                }
            }
        });
    });
    F::domain().barrier();
    assert_eq!(alive.load(Ordering::Relaxed), 1, "the others are freed");
    assert_eq!(cell.into_inner().number(), ROUNDS);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[test]
fn a_value_is_whole_while_it_is_read_and_freed_afterwards() {
    flavor! { struct Alone; }
    replace(Alone);
}

#[test]
fn a_value_is_freed_by_a_worker() {
    flavor! { struct Helped; }
    let worker = Worker::spawn(Helped::domain()).expect("a thread");
    replace(Helped);
    worker.stop();
}

#[test]
fn the_first_readers_of_a_domain_are_all_counted() {
    for _ in 0..ROUNDS.min(50) {
        let domain: &'static Domain = Box::leak(Box::new(Domain::new()));
        let state = thread::scope(|scope| {
            let readers: Vec<_> = (0..3).map(|_| scope.spawn(|| domain.read())).collect();
            let guards: Vec<_> = readers.into_iter().map(|reader| reader.join().expect("no panic")).collect();
            let state = domain.state();
            for guard in guards {
                assert!(!domain.poll(state), "a reader is inside");
                drop(guard);
            }
            state
        });
        assert!(domain.poll(state) || domain.poll(state));
        domain.synchronize();
    }
}

#[test]
fn every_callback_runs_once_before_the_barrier_returns() {
    let domain: &'static Domain = Box::leak(Box::new(Domain::new()));
    let count = Arc::new(AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let mine = Arc::new(AtomicUsize::new(0));
                    let (run, all) = (mine.clone(), count.clone());
                    domain.defer(move || {
                        run.fetch_add(1, Ordering::Relaxed);
                        all.fetch_add(1, Ordering::Relaxed);
                    });
                    if cfg!(miri) || count.load(Ordering::Relaxed).is_multiple_of(16) {
                        domain.barrier();
                        assert_eq!(mine.load(Ordering::Relaxed), 1);
                    }
                }
            });
        }
    });
    domain.barrier();
    assert_eq!(count.load(Ordering::Relaxed), 3 * ROUNDS);
}
