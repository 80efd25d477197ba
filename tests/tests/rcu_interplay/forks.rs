//! The child of a fork: no readers, no callbacks and no worker but its own.

use std::io::Error;
use std::mem::ManuallyDrop;
use std::ptr::{self, null_mut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use perseq_rcu::{Domain, GraceError, Rcu, Worker};
use perseq_tests::stress::fork::{self, How};
use perseq_tests::{child, slow_path};

use crate::{domain, soon};

/// A count that parent and children share.
fn shared() -> &'static AtomicU64 {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping, never unmapped.
    let page = unsafe { libc::mmap(null_mut(), 4096, protection, flags, -1, 0) };
    assert_ne!(page, libc::MAP_FAILED, "{}", Error::last_os_error());
    // SAFETY: zeros, aligned.
    unsafe { &*page.cast() }
}

fn counts(domain: &'static Domain, count: &'static AtomicU64, by: u64) {
    domain.defer(move || _ = count.fetch_add(by, Ordering::Relaxed));
}

/// Whether readers are waited for, and can be.
fn works(domain: &'static Domain) -> bool {
    domain.synchronize();
    let reading = domain.read();
    let stalled = domain.synchronize_within(Duration::from_millis(5));
    drop(reading);
    let one = matches!(stalled, Err(GraceError::Stalled(stall)) if stall.readers == 1);
    domain.synchronize();
    let count = shared();
    counts(domain, count, 1);
    domain.barrier();
    one && count.load(Ordering::Relaxed) == 1
}

/// Runs `test` while another thread is a reader of `domain`, which it entered before.
fn beside_a_reader(domain: &'static Domain, test: impl FnOnce()) {
    let (entered, enters) = channel();
    let (leave, leaves) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let _reading = domain.read();
            entered.send(()).expect("somebody waits");
            let _ = leaves.recv();
        });
        enters.recv().expect("it enters");
        test();
        drop(leave);
    });
}

#[test]
fn a_child_does_not_wait_for_readers_that_it_lacks() {
    let _limit = soon();
    for written in [false, true] {
        let domain = domain();
        if written {
            domain.synchronize();
        }
        beside_a_reader(domain, || {
            assert!(fork::child(How::Libc, || works(domain)));
            assert!(fork::child(How::Libc, || works(domain)
                && fork::child(How::Libc, || works(domain))
                && works(domain)));
            let stalled = domain.synchronize_within(Duration::from_millis(5));
            assert!(stalled.is_err(), "the parent has a reader");
        });
        assert!(works(domain));
    }
    slow_path::passes("forks::a_child_does_not_wait_for_readers_that_it_lacks");
}

#[test]
fn a_child_that_is_forked_while_others_wait_can_wait_itself() {
    let (domain, _limit) = (domain(), soon());
    // One waits for a grace period, another one for that, and a third for callbacks.
    let reading = domain.read();
    counts(domain, shared(), 1);
    std::thread::scope(|scope| {
        scope.spawn(|| domain.synchronize());
        scope.spawn(|| domain.synchronize());
        scope.spawn(|| domain.barrier());
        std::thread::sleep(Duration::from_millis(50));
        let guard = ManuallyDrop::new(reading);
        for _ in 0..10 {
            let whole = fork::child(How::Libc, || {
                let before = works(domain);
                // SAFETY: the child's, once.
                drop(unsafe { ptr::read(&*guard) });
                before && works(domain)
            });
            assert!(whole);
        }
        drop(ManuallyDrop::into_inner(guard));
    });
    assert!(works(domain));
    slow_path::passes("forks::a_child_that_is_forked_while_others_wait_can_wait_itself");
}

#[test]
fn a_guard_of_before_is_no_reader_in_the_child_and_may_be_dropped_there() {
    let _limit = soon();
    let domain = domain();
    let guard = ManuallyDrop::new(domain.read());
    let right = fork::child(How::Libc, || {
        let before = domain.synchronize_within(Duration::from_secs(5)).is_ok();
        // SAFETY: the child's, once.
        drop(unsafe { ptr::read(&*guard) });
        before && works(domain)
    });
    assert!(right);
    let stalled = domain.synchronize_within(Duration::from_millis(5));
    assert!(matches!(stalled, Err(GraceError::Stalled(stall)) if stall.readers == 1));
    drop(ManuallyDrop::into_inner(guard));
    assert!(works(domain));
    slow_path::passes("forks::a_guard_of_before_is_no_reader_in_the_child_and_may_be_dropped_there");
}

#[test]
fn callbacks_of_before_are_run_by_the_parent_alone() {
    let (domain, count, _limit) = (domain(), shared(), soon());
    // Some in queues, some in batches.
    beside_a_reader(domain, || {
        (0..3000).for_each(|_| counts(domain, count, 1));
        let right = fork::child(How::Libc, || {
            domain.barrier();
            let none = count.load(Ordering::Relaxed) == 0 && domain.backlog() == 0;
            counts(domain, count, 1_000_000);
            domain.barrier();
            none && count.load(Ordering::Relaxed) == 1_000_000
        });
        assert!(right);
    });
    domain.barrier();
    assert_eq!(count.load(Ordering::Relaxed), 1_003_000);
    slow_path::passes("forks::callbacks_of_before_are_run_by_the_parent_alone");
}

#[test]
fn the_worker_is_the_parents() {
    // In a process of its own: the child makes a thread, which it need not be able to if another one is in the middle of that.
    const NAME: &str = "forks::the_worker_is_the_parents";
    if child::is_child(NAME) {
        has_its_own_worker();
    } else {
        child::run(NAME, &[]).assert_success();
        child::run(NAME, &[("PERSEQ", "off")]).assert_success();
    }
}

fn has_its_own_worker() {
    let (domain, count, _limit) = (domain(), shared(), soon());
    let worker = ManuallyDrop::new(Worker::spawn(domain).expect("a thread"));
    for round in 1..=5 {
        let right = fork::child(How::Libc, || {
            // SAFETY: the child's, once.
            drop(unsafe { ptr::read(&*worker) });
            let own = Worker::spawn(domain).expect("a thread");
            let ran = shared();
            counts(domain, ran, 1);
            own.stop();
            ran.load(Ordering::Relaxed) == 1 && works(domain)
        });
        assert!(right);
        let (sender, receiver) = channel();
        domain.defer(move || sender.send(count.fetch_add(1, Ordering::Relaxed)).expect("somebody waits"));
        assert_eq!(receiver.recv_timeout(Duration::from_secs(20)), Ok(round - 1), "the parent's goes on");
    }
    ManuallyDrop::into_inner(worker).stop();
}

#[test]
fn a_cell_can_be_replaced_in_the_child() {
    let _limit = soon();
    let cell = Rcu::new(vec![1; 100]);
    let right = fork::child(How::Libc, || {
        cell.store(vec![2; 100]);
        let old = cell.swap(vec![3; 100]).wait();
        perseq_rcu::barrier();
        old[99] == 2 && cell.read()[0] == 3
    });
    assert!(right);
    assert_eq!(cell.read()[0], 1);
}

#[test]
fn domains_that_many_threads_use_first_are_all_known_to_a_fork() {
    let _limit = soon();
    for _ in 0..100 {
        let domains: Vec<&'static Domain> = (0..3).map(|_| domain()).collect();
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..3)
                .map(|_| scope.spawn(|| domains.iter().map(|domain| domain.read()).collect::<Vec<_>>()))
                .collect();
            let guards: Vec<_> = readers.into_iter().map(|reader| reader.join().expect("no panic")).collect();
            let wait = |domain: &&'static Domain| domain.synchronize_within(Duration::from_secs(5)).is_ok();
            assert!(fork::child(How::Libc, || domains.iter().all(wait)));
            drop(guards);
        });
    }
}
