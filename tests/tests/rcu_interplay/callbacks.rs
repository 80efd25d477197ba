//! Callbacks: each is run once, by whoever it may be, and what it may do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use perseq_rcu::{Domain, Rcu, Worker, flavor};
use perseq_tests::cpus::Pinned;
use perseq_tests::limit::eventually;
use perseq_tests::slow_path;
use perseq_tests::stress::duration;

use crate::{domain, soon};

/// Enough for a batch on each CPU, and more.
const MANY: u64 = 5000;

/// Counts how often it was called.
fn counting(domain: &'static Domain, times: u64) -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    for _ in 0..times {
        let count = count.clone();
        domain.defer(move || _ = count.fetch_add(1, Ordering::Relaxed));
    }
    count
}

/// The message of a panic.
fn panics(action: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(action)).err()?;
    panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned())
}

/// Each of many threads finds that its own callbacks have run when its barrier returns, while the others collect them too.
fn barriers_wait_for_what_was_deferred(worker: bool) {
    let (domain, _limit) = (domain(), soon());
    let worker = worker.then(|| Worker::spawn(domain).expect("a thread"));
    let (ran, deferred) = (AtomicU64::new(0), AtomicU64::new(0));
    let until = Instant::now() + duration();
    std::thread::scope(|scope| {
        for each in [1, 3, 700, 1500] {
            let (ran, deferred) = (&ran, &deferred);
            scope.spawn(move || {
                while Instant::now() < until {
                    let count = counting(domain, each);
                    domain.barrier();
                    assert_eq!(count.load(Ordering::Relaxed), each, "some have not run");
                    ran.fetch_add(count.load(Ordering::Relaxed), Ordering::Relaxed);
                    deferred.fetch_add(each, Ordering::Relaxed);
                }
            });
        }
    });
    drop(worker);
    assert_eq!(ran.into_inner(), deferred.into_inner(), "some were run twice");
}

#[test]
fn a_barrier_waits_for_callbacks_that_another_thread_is_collecting() {
    barriers_wait_for_what_was_deferred(false);
    slow_path::passes("callbacks::a_barrier_waits_for_callbacks_that_another_thread_is_collecting");
}

#[test]
fn a_barrier_waits_for_callbacks_that_the_worker_has() {
    barriers_wait_for_what_was_deferred(true);
}

#[test]
fn a_panic_of_a_callback_keeps_no_other_from_running() {
    let (domain, _limit) = (domain(), soon());
    let before = counting(domain, 3);
    domain.defer(|| panic!("the first"));
    let after = counting(domain, 3);
    assert_eq!(panics(|| domain.barrier()).as_deref(), Some("the first"));
    assert_eq!((before.load(Ordering::Relaxed), after.load(Ordering::Relaxed)), (3, 3));
    domain.barrier();
    // Neither does it end the worker.
    let worker = Worker::spawn(domain).expect("a thread");
    domain.defer(|| panic!("the second"));
    let (sender, receiver) = channel();
    domain.defer(move || sender.send(()).expect("somebody waits"));
    receiver.recv().expect("the worker runs the others");
    worker.stop();
}

flavor! {
    /// Of values whose drop panics.
    struct Panicking;
}

/// A value whose drop panics.
struct Bomb(bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(!self.0, "a value panics");
    }
}

#[test]
fn what_is_replaced_during_a_panic_runs_no_callbacks_that_could_panic() {
    let _limit = soon();
    let cell = Rcu::with_flavor(Bomb(true), Panicking);
    let replace = || (0..MANY).for_each(|_| cell.store(Bomb(true)));
    struct Replaces<F: Fn()>(F);
    impl<F: Fn()> Drop for Replaces<F> {
        fn drop(&mut self) {
            self.0();
        }
    }
    // A second panic out of a drop would end the process.
    let message = panics(|| {
        let _replaces = Replaces(replace);
        panic!("the first");
    });
    assert_eq!(message.as_deref(), Some("the first"));
    cell.swap(Bomb(false)).wait().0 = false;
}

#[test]
fn callbacks_may_defer_others() {
    fn again(domain: &'static Domain, count: Arc<AtomicU64>) {
        if count.fetch_add(1, Ordering::Relaxed) < 3 {
            (0..2).for_each(|_| {
                let count = count.clone();
                domain.defer(move || again(domain, count));
            });
        }
    }
    let (domain, _limit) = (domain(), soon());
    let count = Arc::new(AtomicU64::new(0));
    again(domain, count.clone());
    (0..4).for_each(|_| domain.barrier());
    assert_eq!(Arc::strong_count(&count), 1, "each was run and dropped");
    assert!(count.load(Ordering::Relaxed) > 3);
}

#[test]
fn a_callback_that_waits_panics_instead() {
    let (domain, _limit) = (domain(), soon());
    domain.defer(|| domain.barrier());
    let message = panics(|| domain.barrier()).expect("it would wait for itself");
    assert!(message.contains("a callback cannot wait"), "{message}");
    domain.defer(|| domain.synchronize());
    let message = panics(|| domain.barrier()).expect("the thread that runs it may be a reader");
    assert!(message.contains("a callback cannot wait"), "{message}");
}

#[test]
fn a_reader_that_defers_runs_callbacks_and_does_not_wait_for_itself() {
    let (domain, _limit) = (domain(), soon());
    let waited = Arc::new(AtomicBool::new(false));
    let (entered, others) = channel::<()>();
    let (leave, left) = channel::<()>();
    let other = std::thread::spawn(move || {
        let _reading = domain.read();
        entered.send(()).expect("somebody waits");
        left.recv().expect("somebody says so");
    });
    others.recv().expect("it enters");
    // All in one CPU's queue: what is in that of another may wait for somebody there.
    let _pinned = Pinned::first();
    let told = waited.clone();
    domain.defer(move || {
        let outcome = catch_unwind(AssertUnwindSafe(|| domain.synchronize()));
        told.store(outcome.is_err(), Ordering::Relaxed);
    });
    // A grace period begins, and the other reader holds it up.
    let count = counting(domain, 2 * MANY);
    let _reading = domain.read();
    leave.send(()).expect("it waits");
    other.join().expect("no panic");
    // It ends, although this thread reads, which then runs the callback.
    counting(domain, 2 * MANY);
    assert!(count.load(Ordering::Relaxed) > 0);
    assert!(waited.load(Ordering::Relaxed), "it must not wait");
}

#[test]
fn a_domain_has_one_worker_at_a_time() {
    let (domain, _limit) = (domain(), soon());
    for _ in 0..3 {
        let worker = Worker::spawn(domain).expect("a thread");
        let second = Worker::spawn(domain).expect_err("there is one");
        assert_eq!(second.kind(), std::io::ErrorKind::AlreadyExists);
        let count = counting(domain, MANY);
        worker.stop();
        assert_eq!(count.load(Ordering::Relaxed), MANY, "run before the worker ends");
    }
    let count = counting(domain, 10);
    domain.barrier();
    assert_eq!(count.load(Ordering::Relaxed), 10);
}

#[test]
fn a_worker_may_be_dropped_by_a_callback_of_its_own() {
    let (domain, _limit) = (domain(), soon());
    let worker = Arc::new(Mutex::new(None));
    *worker.lock().expect("no panic") = Some(Worker::spawn(domain).expect("a thread"));
    let dropped = worker.clone();
    domain.defer(move || drop(dropped.lock().expect("no panic").take()));
    assert!(eventually(Duration::from_secs(20), || Arc::strong_count(&worker) == 1));
    let again = || Worker::spawn(domain).map(Worker::stop).is_ok();
    assert!(eventually(Duration::from_secs(20), again), "another can be had when it has ended");
}

#[test]
fn callbacks_are_run_soon_by_a_worker_however_few() {
    let (domain, _limit) = (domain(), soon());
    let _worker = Worker::spawn(domain).expect("a thread");
    for round in 0..20 {
        let (sender, receiver) = channel();
        domain.defer(move || sender.send(()).expect("somebody waits"));
        let ran = receiver.recv_timeout(Duration::from_secs(20));
        assert!(ran.is_ok(), "round {round}: a callback is forgotten");
        // The worker may have gone to sleep, or not.
        std::thread::sleep(Duration::from_millis(round));
    }
}

#[test]
fn who_defers_is_held_up_while_too_much_waits_but_not_for_ever() {
    let (domain, _limit) = (domain(), soon());
    domain.limit_backlog(2000);
    let reading = domain.read();
    let before = Instant::now();
    let count = counting(domain, 4 * MANY);
    // Five hundred of them and more on each of some CPUs wait in queues; a millisecond for each batch beyond the limit.
    let batches = domain.backlog() / 1024;
    assert!(batches >= 3, "{batches}");
    assert!(before.elapsed() >= Duration::from_millis(batches as u64 - 2));
    assert_eq!(count.load(Ordering::Relaxed), 0, "there is a reader");
    drop(reading);
    domain.barrier();
    assert_eq!((count.load(Ordering::Relaxed), domain.backlog()), (4 * MANY, 0));
}
