//! The list against a vector, and among threads.

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use common::{Census, many_or_few};
use perseq_rcu::{Flavor, List, flavor};
use proptest::prelude::*;

fn contents<F: Flavor>(list: &List<u32, F>) -> Vec<u32> {
    list.iter(&F::read()).map(|entry| *entry).collect()
}

#[derive(Clone, Debug)]
enum Operation {
    PushFront(u32),
    PushBack(u32),
    InsertAfter(usize, u32),
    InsertBefore(usize, u32),
    Replace(usize, u32),
    Remove(usize),
    PopFront,
    RemoveIfDivisible(u32),
    Clear,
}

fn operation() -> impl Strategy<Value = Operation> {
    let place = || (any::<usize>(), any::<u32>());
    prop_oneof![
        4 => any::<u32>().prop_map(Operation::PushFront),
        4 => any::<u32>().prop_map(Operation::PushBack),
        4 => place().prop_map(|(at, value)| Operation::InsertAfter(at, value)),
        4 => place().prop_map(|(at, value)| Operation::InsertBefore(at, value)),
        4 => place().prop_map(|(at, value)| Operation::Replace(at, value)),
        4 => any::<usize>().prop_map(Operation::Remove),
        2 => Just(Operation::PopFront),
        1 => (2_u32..5).prop_map(Operation::RemoveIfDivisible),
        1 => Just(Operation::Clear),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: many_or_few(300, 4) as u32,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn one_thread_finds_what_a_vector_has(
        operations in prop::collection::vec(operation(), 1..many_or_few(100, 30)),
    ) {
        let list: List<u32> = List::new();
        let mut model: Vec<u32> = Vec::new();
        for operation in operations {
            let guard = perseq_rcu::read();
            let place = |at: usize| {
                let at = at.checked_rem(model.len())?;
                Some((at, list.iter(&guard).nth(at).unwrap()))
            };
            match operation {
                Operation::PushFront(value) => {
                    list.push_front(value);
                    model.insert(0, value);
                }
                Operation::PushBack(value) => {
                    list.push_back(value);
                    model.push(value);
                }
                Operation::InsertAfter(at, value) => {
                    if let Some((at, entry)) = place(at) {
                        prop_assert_eq!(*list.insert_after(entry, value).unwrap(), value);
                        model.insert(at + 1, value);
                    }
                }
                Operation::InsertBefore(at, value) => {
                    if let Some((at, entry)) = place(at) {
                        prop_assert_eq!(*list.insert_before(entry, value).unwrap(), value);
                        model.insert(at, value);
                    }
                }
                Operation::Replace(at, value) => {
                    if let Some((at, entry)) = place(at) {
                        prop_assert_eq!(*list.replace(entry, value).unwrap(), value);
                        prop_assert_eq!(*entry, model[at]);
                        model[at] = value;
                    }
                }
                Operation::Remove(at) => {
                    if let Some((at, entry)) = place(at) {
                        prop_assert!(list.remove(entry));
                        prop_assert!(!list.remove(entry));
                        prop_assert_eq!(list.replace(entry, 1).unwrap_err(), 1);
                        prop_assert_eq!(*entry, model.remove(at));
                    }
                }
                Operation::PopFront => {
                    let popped = list.pop_front(&guard).map(|entry| *entry);
                    prop_assert_eq!(popped, (!model.is_empty()).then(|| model.remove(0)));
                }
                Operation::RemoveIfDivisible(by) => {
                    let before = model.len();
                    model.retain(|value| value % by != 0);
                    prop_assert_eq!(list.remove_if(|value| value % by == 0), before - model.len());
                }
                Operation::Clear => {
                    list.clear();
                    model.clear();
                }
            }
            prop_assert_eq!(contents(&list), &*model);
            prop_assert_eq!((list.len(), list.is_empty()), (model.len(), model.is_empty()));
        }
    }
}

#[test]
fn elements_of_another_list_are_strangers() {
    let ours: List<u32> = [1, 2].into_iter().collect();
    let theirs: List<u32> = [1, 2].into_iter().collect();
    let empty: List<u32> = List::new();
    let guard = perseq_rcu::read();
    let entry = theirs.front(&guard).unwrap();
    assert!(!ours.remove(entry) && !empty.remove(entry));
    assert_eq!(ours.insert_after(entry, 3).unwrap_err(), 3);
    assert_eq!(ours.insert_before(entry, 3).unwrap_err(), 3);
    assert_eq!(empty.replace(entry, 3).unwrap_err(), 3);
    // A list is the same where it was moved to, and another when it was cleared.
    let moved = theirs;
    let guard = perseq_rcu::read();
    let entry = moved.front(&guard).unwrap();
    moved.clear();
    moved.push_back(7);
    assert!(!moved.remove(entry));
    assert_eq!(contents(&moved), [7]);
    assert_eq!(format!("{ours:?}"), "[1, 2]");
}

flavor! { struct Apart; }

#[test]
fn who_stands_on_a_removed_element_comes_to_the_end() {
    let census = Census::default();
    let list = List::with_flavor(Apart);
    for number in 0..6 {
        list.push_back(census.value(number));
    }
    let guard = Apart::read();
    let at: Vec<_> = list.iter(&guard).collect();
    let mut walk = list.iter(&guard);
    walk.next();
    // The next is gone, then the one that it leads to, and that one's successor is another.
    assert!(list.remove(at[1]));
    assert!(list.remove(at[2]));
    list.replace(at[3], census.value(30)).unwrap();
    list.insert_after(at[4], census.value(45)).unwrap();
    let met: Vec<u64> = walk.map(|entry| entry.number()).collect();
    assert_eq!(met, [1, 2, 3, 4, 45, 5]);
    let now: Vec<u64> = list.iter(&guard).map(|entry| entry.number()).collect();
    assert_eq!(now, [0, 30, 4, 45, 5]);
    assert_eq!(census.alive(), 8);
    drop(guard);
    Apart::domain().barrier();
    assert_eq!(census.alive(), 5);
    drop(list);
    assert_eq!(census.alive(), 0);
}

#[test]
fn values_that_use_the_list_when_they_are_dropped_find_it_unlocked() {
    flavor! { struct Reentrant; }
    static LIST: List<Counting, Reentrant> = List::with_flavor(Reentrant);
    static DROPPED: AtomicUsize = AtomicUsize::new(0);

    struct Counting(bool);
    impl Drop for Counting {
        fn drop(&mut self) {
            if self.0 {
                LIST.push_back(Counting(false));
                DROPPED.fetch_add(1, Relaxed);
            }
        }
    }

    let turns = many_or_few(5_000, 100);
    for _ in 0..turns {
        LIST.push_front(Counting(true));
        LIST.pop_front(&Reentrant::read());
    }
    Reentrant::domain().barrier();
    assert_eq!((DROPPED.load(Relaxed), LIST.len()), (turns, turns));
    LIST.clear();
    Reentrant::domain().barrier();
}

#[test]
fn readers_meet_what_is_always_there_once_and_in_order() {
    flavor! { struct Stress; }
    const STABLE: u64 = 10;
    // Stable ones are multiples of 1000, and may be replaced by equal ones; the others come and go behind them.
    let census = Census::default();
    let list = List::with_flavor(Stress);
    for number in 0..STABLE {
        list.push_back(census.value(number * 1000));
    }
    let turns = many_or_few(20_000, 40);
    let finished = AtomicBool::new(false);
    let walks = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (list, census, finished, walks) = (&list, &census, &finished, &walks);
        for _ in 0..2 {
            scope.spawn(move || {
                while !finished.load(Relaxed) {
                    let guard = Stress::read();
                    let stable: Vec<u64> =
                        list.iter(&guard).map(|entry| entry.number()).filter(|n| n % 1000 == 0).collect();
                    assert!(stable.iter().copied().eq((0..STABLE).map(|n| n * 1000)), "{stable:?}");
                    walks.fetch_add(1, Relaxed);
                }
            });
        }
        let writers: Vec<_> = (0..2_u64)
            .map(|writer| {
                scope.spawn(move || {
                    for turn in 0..turns as u64 {
                        let guard = Stress::read();
                        let behind = (turn * 7 + writer) % STABLE * 1000;
                        // Another writer may replace what was found: then it is looked for again, now and then.
                        let stable = || list.iter(&guard).find(|entry| entry.number() == behind).unwrap();
                        if turn % 3 == 0 {
                            let _ = list.replace(stable(), census.value(behind));
                        }
                        let comes = list.insert_after(stable(), census.value(behind + 1 + writer));
                        if turn % 2 == 0
                            && let Ok(comes) = comes
                        {
                            assert!(list.remove(comes));
                        }
                        if turn % 64 == 0 {
                            list.remove_if(|value| value.number() % 1000 == 1 + writer);
                        }
                    }
                })
            })
            .collect();
        let writers: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        // Readers have been there, too, even if writers were quick.
        let patience = Instant::now();
        while walks.load(Relaxed) < 2 && patience.elapsed() < Duration::from_secs(60) {
            thread::yield_now();
        }
        finished.store(true, Relaxed);
        writers.into_iter().for_each(|writer| writer.unwrap());
    });
    assert!(walks.into_inner() >= 2, "readers did not get anywhere");
    Stress::domain().barrier();
    assert_eq!(census.alive(), list.len());
    list.remove_if(|value| value.number() % 1000 != 0);
    assert_eq!(list.len() as u64, STABLE);
    drop(list);
    Stress::domain().barrier();
    assert_eq!(census.alive(), 0);
}
