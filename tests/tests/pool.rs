//! A pool of objects: what it does beyond handing them out once.
#![cfg(target_os = "linux")]

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use perseq::collections::pool::{Pool, PoolBox};
use perseq_tests::cpus::{Hotplug, Pinned, allowed, move_to};
use perseq_tests::limit::Limit;
use perseq_tests::skip::skip;

fn soon() -> Limit {
    Limit::start(Duration::from_secs(60), "a test of the pool")
}

#[test]
fn values_are_dropped_once_and_their_objects_used_again() {
    let _limit = soon();
    let held = Arc::new(());
    let pool = Pool::new(2);
    for _ in 0..1000 {
        let first = pool.insert(Arc::clone(&held)).expect("two objects");
        let second = pool.insert(Arc::clone(&held)).expect("two objects");
        assert_eq!(Arc::strong_count(&held), 3);
        drop(PoolBox::into_inner(first));
        drop(second);
        assert_eq!(Arc::strong_count(&held), 1);
    }
    // Its memory stays in use, and the value with it.
    let leaked: &mut Arc<()> = PoolBox::leak(pool.insert(Arc::clone(&held)).expect("two objects"));
    assert_eq!((Arc::strong_count(leaked), pool.in_use()), (2, 1));
    // SAFETY: nobody has it any more.
    unsafe { std::ptr::drop_in_place(leaked) };
}

#[test]
fn an_object_goes_back_even_if_its_value_panics_when_it_is_dropped() {
    let _limit = soon();
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let pool = Pool::new(1);
    for _ in 0..3 {
        let object = pool.insert(Panics).unwrap_or_else(|_| panic!("one object"));
        let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(object)));
        assert!(dropped.is_err());
        assert_eq!(pool.in_use(), 0);
    }
}

#[test]
fn objects_are_aligned_and_do_not_overlap() {
    #[repr(align(256))]
    struct Wide([u8; 300]);
    let _limit = soon();
    let pool = Pool::new(200);
    let mut objects: Vec<_> = (0..200_u8).map_while(|value| pool.insert(Wide([value; 300])).ok()).collect();
    assert_eq!(objects.len(), 200);
    assert!(pool.insert(Wide([0; 300])).is_err(), "there are but two hundred");
    objects.sort_by_key(|object| &raw const **object);
    for (object, value) in objects.iter().zip(0_u8..) {
        assert_eq!((&raw const **object).addr() % 256, 0);
        assert!(object.0.iter().all(|byte| *byte == object.0[0]), "object {value} is overwritten");
    }
    let empty = Pool::new(3);
    let units: Vec<_> = (0..4).map_while(|_| empty.insert(()).ok()).collect();
    assert_eq!(units.len(), 3, "objects without a size are counted too");
    assert!(Pool::new(0).insert(1).is_err());
}

#[test]
fn what_another_cpu_keeps_is_had_when_the_depot_is_empty() {
    let _limit = soon();
    let cpus = allowed();
    let _home = Pinned::first();
    let pool = Pool::new(256);
    let all: Vec<_> = (0..256).map_while(|value| pool.insert(value).ok()).collect();
    assert_eq!(all.len(), 256);
    if let [_, other, ..] = cpus[..] {
        move_to(other);
    }
    drop(all);
    move_to(cpus[0]);
    let again = (0..256).map_while(|value| pool.insert(value).ok()).collect::<Vec<_>>();
    assert_eq!(again.len(), 256);
}

#[test]
fn what_an_offline_cpu_keeps_is_reclaimed() {
    let _limit = soon();
    let hotplug = match Hotplug::last_cpu() {
        Ok(hotplug) => hotplug,
        Err(why) => return skip("hotplug", why),
    };
    let home = Pinned::first();
    let pool = Pool::<[u8; 4096]>::new(256);
    let object = pool.insert([1; 4096]).expect("enough");
    if !move_to(hotplug.cpu()) {
        return skip("cpus", "the CPU that can be taken away is not for this process");
    }
    drop(object);
    let (kept, _) = pool.magazine(hotplug.cpu());
    assert_eq!(kept, 1);
    move_to(home.cpu);
    hotplug.set_online(false).expect("a CPU that can be taken away");
    assert!(pool.reclaim() > 0, "its memory goes back to the system");
    assert_eq!(pool.magazine(hotplug.cpu()).0, 0);
    hotplug.set_online(true).expect("a CPU that can come back");
}

#[test]
fn capacity_moves_to_the_cpu_that_needs_it_and_is_bounded() {
    let _limit = soon();
    let cpus = allowed();
    if cpus.len() < 2 {
        return skip("cpus", "there is only one");
    }
    let pool = Pool::new(100_000);
    let limits = || -> Vec<usize> { (0..perseq::cpu::possible()).map(|cpu| pool.magazine(cpu).1).collect() };
    let before: usize = limits().iter().sum();
    let _home = Pinned::first();
    let here = cpus[0];
    for _ in 0..200 {
        let many: Vec<_> = (0..300).map_while(|value| pool.insert(value).ok()).collect();
        assert_eq!(many.len(), 300);
    }
    let after = limits();
    assert!(
        after[here as usize] > 64,
        "a CPU that misses all the time has a limit of {}",
        after[here as usize]
    );
    assert_eq!(after.iter().sum::<usize>(), before, "room is moved, not made");
    assert!((0..perseq::cpu::possible()).all(|cpu| pool.magazine(cpu).0 <= pool.magazine(cpu).1));
}

#[test]
fn objects_made_by_one_thread_are_freed_by_another() {
    let _limit = soon();
    let pool = &Pool::new(500);
    let rounds = 20_000_u64;
    let (send, receive) = sync_channel::<PoolBox<'_, u64>>(300);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for value in 0..rounds {
                // Bounded by the limit of the test.
                let object = loop {
                    if let Ok(object) = pool.insert(value) {
                        break object;
                    }
                    std::thread::yield_now();
                };
                send.send(object).expect("somebody receives");
            }
        });
        let sum: u64 = receive.iter().map(|object| *object).sum();
        assert_eq!(sum, rounds * (rounds - 1) / 2);
    });
    assert_eq!(pool.in_use(), 0);
}
