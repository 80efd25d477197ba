//! The locks and the mutex: what they promise beside mutual exclusion, which models and stress try.
#![cfg(target_os = "linux")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use perseq::ExclusiveError;
use perseq::collections::lock::Lock;
use perseq::collections::mutex::Mutex;
use perseq_tests::cpus::{Hotplug, Pinned, allowed, move_to};
use perseq_tests::limit::Limit;
use perseq_tests::skip::skip;
use perseq_tests::slow_path;

/// Longer than any bounded sleep, so that what comes sooner was woken.
const HELD: Duration = Duration::from_millis(if cfg!(miri) { 1 } else { 60 });

fn limit() -> Option<Limit> {
    // Miri would count the thread of the limit as leaked.
    (!cfg!(miri)).then(|| Limit::start(Duration::from_secs(60), "a test of locks"))
}

#[test]
fn a_guard_goes_on_to_mean_the_slot_that_was_locked() {
    let pinned = Pinned::first();
    let locks = Lock::new(|cpu| cpu);
    let mut guard = locks.lock();
    assert_eq!((guard.cpu(), *guard), (pinned.cpu, pinned.cpu));
    for cpu in allowed() {
        assert!(move_to(cpu));
        *guard += 1000;
        assert_eq!(guard.cpu(), pinned.cpu);
        // The lock of the CPU we are on now is another one.
        assert_eq!(locks.try_lock().is_some(), cpu != pinned.cpu);
    }
    drop(guard);
    assert_eq!(*locks.try_lock_on(pinned.cpu).expect("a slot").expect("free") % 1000, pinned.cpu);
    slow_path::passes("a_guard_goes_on_to_mean_the_slot_that_was_locked");
}

#[test]
fn a_guard_can_be_dropped_by_another_thread() {
    let _limit = limit();
    let locks = Lock::new(|_| 0);
    thread::scope(|scope| {
        let mut guard = locks.lock();
        let cpu = guard.cpu();
        scope.spawn(move || *guard += 1);
        assert_eq!(*locks.lock_on(cpu).expect("a slot"), 1);
    });
}

#[test]
fn a_lock_of_any_cpu_can_be_had_and_no_other() {
    let locks = Lock::new(|_| 0);
    let held = locks.lock_on(0).expect("a slot");
    assert!(locks.try_lock_on(0).expect("a slot").is_none());
    drop(held);
    assert!(locks.try_lock_on(0).expect("a slot").is_some());
    assert_eq!(locks.lock_on(locks.slots()).err(), Some(ExclusiveError::NoSuchSlot(locks.slots())));
}

#[test]
fn the_lock_of_a_cpu_that_is_offline_can_be_had() {
    let _limit = limit();
    let hotplug = match Hotplug::last_cpu() {
        Ok(hotplug) => hotplug,
        Err(why) => return skip("hotplug", why),
    };
    let locks = Lock::new(|_| 0);
    let mut guard = locks.lock_on(hotplug.cpu()).expect("a slot");
    hotplug.set_online(false).expect("a CPU that can be taken away");
    *guard += 1;
    drop(guard);
    *locks.lock_on(hotplug.cpu()).expect("a slot") += 10;
    hotplug.set_online(true).expect("a CPU that can come back");
    assert_eq!(*locks.lock_on(hotplug.cpu()).expect("a slot"), 11);
}

#[test]
fn values_come_out_as_they_were_put_in_and_are_dropped_once() {
    let values = std::sync::Arc::new(());
    let mut locks = Lock::new(|cpu| (cpu, values.clone()));
    std::mem::forget(locks.lock());
    locks.iter_mut().for_each(|(cpu, _)| *cpu *= 2);
    let slots = locks.slots() as usize;
    let mut inner = locks.into_inner();
    assert_eq!(inner.next().map(|(cpu, _)| cpu), Some(0));
    assert_eq!(std::sync::Arc::strong_count(&values), slots);
    drop(inner);
    assert_eq!(std::sync::Arc::strong_count(&values), 1);
}

#[test]
fn a_panic_unlocks() {
    let (locks, mutex) = (Lock::new(|_| 0), Mutex::new(0));
    let pinned = Pinned::first();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let (mut number, mut other) = (locks.lock(), mutex.lock());
        (*number, *other) = (1, 1);
        panic!("inside");
    }));
    assert!(panic.is_err());
    assert_eq!(locks.try_lock_on(pinned.cpu).expect("a slot").map(|guard| *guard), Some(1));
    assert_eq!(mutex.try_lock().map(|guard| *guard), Some(1));
}

/// Has a thread wait by `wait` for what is held until it has slept for a while, lets go by `drop(held)`, and returns how long it took
/// until the thread had it.
fn woken_after<G>(held: G, wait: impl Fn() + Send + Sync) -> Duration {
    let (started, ended) = (Barrier::new(2), AtomicBool::new(false));
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            started.wait();
            wait();
            ended.store(true, Ordering::Relaxed);
            Instant::now()
        });
        started.wait();
        thread::sleep(HELD);
        assert!(!ended.load(Ordering::Relaxed), "two have it");
        let freed = Instant::now();
        drop(held);
        waiter.join().expect("the waiter ends").saturating_duration_since(freed)
    })
}

/// Sleeps end by themselves, after 5 to 10 ms: of many, the median is far below that if they are ended by wakes.
fn median(mut once: impl FnMut() -> Duration) {
    let _limit = limit();
    let mut times: Vec<Duration> = (0..if cfg!(miri) { 1 } else { 15 }).map(|_| once()).collect();
    times.sort_unstable();
    assert!(cfg!(miri) || times[times.len() / 2] < Duration::from_millis(2), "{times:?}");
}

#[test]
fn a_sleeper_of_the_mutex_is_woken() {
    let mutex = Mutex::new(0);
    median(|| woken_after(mutex.lock(), || *mutex.lock() += 1));
}

#[test]
fn a_sleeper_of_a_lock_is_woken() {
    let locks = Lock::new(|_| 0);
    let pinned = Pinned::first();
    median(|| {
        woken_after(locks.lock(), || {
            assert!(move_to(pinned.cpu));
            *locks.lock() += 1;
        })
    });
    median(|| woken_after(locks.lock(), || *locks.lock_on(pinned.cpu).expect("a slot") += 1));
}

#[test]
fn nobody_starves_at_the_mutex() {
    let _limit = limit();
    const THREADS: usize = 8;
    let turns = if cfg!(miri) { 2 } else { 50 };
    let (mutex, over) = (Mutex::new(0_u64), AtomicBool::new(false));
    let longest = thread::scope(|scope| {
        // Two that give nobody a chance.
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let mut number = mutex.lock();
                    (0..200).for_each(|_| std::hint::spin_loop());
                    *number += 1;
                }
            });
        }
        let patient: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let wait = |_| {
                        let asked = Instant::now();
                        *mutex.lock() += 1;
                        asked.elapsed()
                    };
                    (0..turns).map(wait).max()
                })
            })
            .collect();
        let longest = patient.into_iter().map(|thread| thread.join().expect("it gets there")).max();
        over.store(true, Ordering::Relaxed);
        longest.flatten().expect("turns")
    });
    // Two sleeps of 5 ms, then one of the others' turns each; the rest is for the scheduler.
    assert!(cfg!(miri) || longest < Duration::from_secs(2), "{longest:?}");
}

#[test]
fn the_mutex_excludes() {
    let _limit = limit();
    let turns = if cfg!(miri) { 20 } else { 20_000 };
    let (mutex, inside) = (Mutex::new(0_u32), AtomicU32::new(0));
    thread::scope(|scope| {
        for thread in 0..if cfg!(miri) { 3 } else { 12 } {
            let (mutex, inside) = (&mutex, &inside);
            scope.spawn(move || {
                for turn in 0..turns {
                    let guard = if (turn + thread) % 5 == 0 { mutex.try_lock() } else { Some(mutex.lock()) };
                    let Some(mut number) = guard else { continue };
                    assert_eq!(inside.swap(1, Ordering::Relaxed), 0);
                    *number += 1;
                    inside.store(0, Ordering::Relaxed);
                }
            });
        }
    });
    assert!(*mutex.lock() >= turns / 5 * 4 * 3);
    slow_path::passes("the_mutex_excludes");
}

#[test]
fn a_locked_mutex_says_so() {
    let mut mutex = Mutex::new(7);
    assert_eq!(format!("{mutex:?}"), "Mutex { value: 7, .. }");
    let guard = mutex.lock();
    assert!(mutex.try_lock().is_none());
    assert_eq!(
        (format!("{guard:?}"), format!("{mutex:?}")),
        ("7".into(), "Mutex { locked: true, .. }".into())
    );
    drop(guard);
    *mutex.get_mut() += 1;
    assert_eq!((*Mutex::from(1).lock(), mutex.into_inner()), (1, 8));
}
